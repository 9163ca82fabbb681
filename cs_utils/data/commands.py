"""The commands of the group ``data``: make or convert a data set, check one, and look after the cache."""

# Each command imports what it needs by itself: --help should answer at once.

from pathlib import Path

from cs_utils.exceptions import CourseError
from cs_utils.settings import Profile, Settings

MOST_PROBLEMS = 20
"""Lines that ``data check`` prints before it sums up."""


def make_scenes(
    *,
    data: Path,
    train_images: int | None,
    val_images: int | None,
    scene_size: tuple[int, int],
    processes: int | None = None,
    profile: Profile,
) -> int:
    """Make the built-in street scenes; those that are there already stay.

    Args:
        data: folder to write them to, in the Cityscapes layout.
        train_images: how many training scenes; None: as many as the profile asks for by itself.
        val_images: how many validation scenes.
        scene_size: height and width, in this order, in pixels.
        processes: scenes to make at a time; None: one for each core.
        profile: whose scenes; it sets the defaults of the others.
    """
    from cs_utils.data.sources import make_minicity, minicity_counts

    chosen = Settings.from_env(
        profile=profile, data=data, train_images=train_images, val_images=val_images, scene_size=scene_size
    )
    counts = minicity_counts(chosen)
    written = make_minicity(chosen.data, *counts, chosen.scene_size, processes)
    print(f"{chosen.data}: {counts[0]} training and {counts[1]} validation scenes, {written} of them new")
    return 0


def convert(source: Path, data: Path) -> int:
    """Convert CamVid to the Cityscapes layout.

    Args:
        source: CamVid's folder, with train/, trainannot/, val/, valannot/.
        data: folder to write to, such as data/camvid. It must hold nothing else; the default, MiniCity's, is refused.
    """
    from cs_utils.data.camvid import convert_camvid
    from cs_utils.data.sources import is_default_folder

    folder = Settings(data=data).data
    if is_default_folder(folder):
        raise CourseError("CamVid needs a folder of its own: add --data data/camvid")
    counts = convert_camvid(source, folder)
    print(f"{folder}: " + ", ".join(f"{count} {split} frames" for split, count in counts.items()))
    return 0


def check_data(data: Path) -> int:
    """Say what a download lacks, what cannot be read, and how to fix it; exit status 1 if there is a problem.

    Args:
        data: folder in the Cityscapes layout.
    """
    from cs_utils.data.check import DOWNLOAD, verify

    report = verify(Settings(data=data).data)
    print(report.counts.to_string(index=False))
    print("\n".join(report.problems[:MOST_PROBLEMS]))
    if (more := len(report.problems) - MOST_PROBLEMS) > 0:
        print(f"… and {more} more")
    print(f"{report.counts['found'].sum()} frames, problems: {len(report.problems)}")
    if report.problems and report.is_cityscapes:
        print(DOWNLOAD)
    return 1 if report.problems else 0


def manage_cache(cache: Path, clear: bool = False) -> int:
    """Say how much disk space the cache of resized images takes, or delete it.

    Args:
        cache: its folder.
        clear: delete what is kept, whenever nothing trains; the next training makes again what it needs.
    """
    from cs_utils.data.cache import clear_cache, measure_cache

    folder = Settings(cache=cache).cache
    count, size = measure_cache(folder)
    if clear:
        clear_cache(folder)
    print(f"{folder}: {count} folders, {size / 1e6:.1f} MB{', deleted' if clear else ''}")
    return 0
