"""MiniCity on disk, in the Cityscapes layout: what a profile asks for is made where it is missing.

The folder holds the version that made it, so that scenes of two versions are never mixed.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import cv2
from filelock import FileLock
from tqdm import tqdm

from cs_utils.data.cityscapes import Frame, list_begun, read_mask, write_frame
from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.settings import PROFILES, Settings
from minicity import VERSION, draw_instance_ids, draw_label_ids, make_scene

MINICITY_CITIES = {
    "train": ("ashtown", "beechtown", "elmtown", "firtown", "oaktown"),
    "val": ("limetown", "pinetown"),
}
FIRST_SEED = {"train": 0, "val": 10_000_000}
"""Seed of a split's first scene; far apart, so that no scene is in both."""

MAX_PROCESSES = 61
"""The most that Windows can wait for."""
FULL_COUNTS = {"train": 2975, "val": 500}
"""Scenes to make for a profile that sets no limit: as many as Cityscapes has."""
VERSION_FILE = "minicity-version.txt"
"""File in the data folder that names the version of MiniCity that made its scenes."""
FIRST_VERSION = "1.0"
"""The version that left no such file."""
BYTES_PER_PIXEL = 1.8
"""What the five files of a scene take on disk, for each pixel of its photo."""
MANY_BYTES = 1_000_000_000
"""From this size on, what is to be made is announced."""


def _write_scene(frame: Frame, seed: int, size: tuple[int, int]) -> None:
    scene = make_scene(seed, *size)
    ids, instance_ids = draw_label_ids(scene.objects, *size), draw_instance_ids(scene.objects, *size)
    write_frame(frame, scene, ids, instance_ids)


def minicity_frame(root: Path, split: str, number: int) -> Frame:
    """A frame of MiniCity's split; its cities take turns."""
    cities = MINICITY_CITIES[split]
    city = cities[number % len(cities)]
    # Frame numbers vary, as they do in the real data: nothing may rely on 000019.
    return Frame(root, split, city, f"{city}_{number:06d}_{number * 13 % 30:06d}")


def minicity_frames(root: Path, split: str, count: int) -> list[Frame]:
    """The first ``count`` frames of MiniCity's split."""
    return [minicity_frame(root, split, number) for number in range(count)]


def scene_number(frame: Frame) -> int | None:
    """The number of a frame in its split of MiniCity; None: it is no scene of MiniCity."""
    number = frame.name.removeprefix(f"{frame.city}_").partition("_")[0]
    if frame.split not in MINICITY_CITIES or not number.isdecimal():
        return None
    return int(number) if frame == minicity_frame(frame.root, frame.split, int(number)) else None


def _begun_scenes(root: Path) -> dict[str, list[Frame]]:
    """The scenes of each split that are there, whole or not.

    Raises:
        CourseError: a frame is not MiniCity's. Real scenes and made ones must not be mixed.
    """
    scenes = {split: list_begun(root, split) for split in MINICITY_CITIES}
    for frame in chain(*scenes.values()):
        if scene_number(frame) is None:
            raise CourseError(f"{root} holds {frame.name}, which is no scene of MiniCity: name another folder")
    return scenes


def made_by(root: Path) -> str:
    """The version of MiniCity that made a folder's scenes."""
    file = root / VERSION_FILE
    return file.read_text(encoding="utf-8").strip() if file.exists() else FIRST_VERSION


def is_default_folder(root: Path) -> bool:
    """Whether a folder is one that a profile takes its data from by default; nothing but made scenes lies in it."""
    return root in {Settings.of_profile(profile).data for profile in PROFILES}


def _refuse_or_remove_other_versions(root: Path) -> None:
    """See to it that whatever is made in a folder is of the version that made all the rest.

    Scenes of another version are removed from a default folder, which is ours. What a user has named is left alone.

    Raises:
        CourseError: the folder holds scenes of another version and is no default folder, or it holds other data.
    """
    scenes = [*chain(*_begun_scenes(root).values())]
    if (root / VERSION_FILE).exists() and made_by(root) == VERSION:
        return
    if scenes and made_by(root) != VERSION and not is_default_folder(root):
        raise CourseError(
            f"{root} holds scenes of MiniCity {made_by(root)}, and this is MiniCity {VERSION}: name another folder, or "
            "delete this one and make it again"
        )
    root.mkdir(parents=True, exist_ok=True)
    # Of several processes one removes, while the others wait and then find that nothing is left to do.
    with FileLock(root / ".minicity.lock"):
        if scenes and made_by(root) != VERSION:
            print(f"{root}: its scenes of MiniCity {made_by(root)} are made again by {VERSION}", file=sys.stderr)
            for frame in scenes:
                for path in (frame.label_ids, frame.image, frame.instance_ids, frame.color, frame.polygons):
                    path.unlink(missing_ok=True)
        write_atomic(root / VERSION_FILE, f"{VERSION}\n".encode())


def make_minicity(
    root: Path, train_count: int, val_count: int, size: tuple[int, int], processes: int | None = None
) -> int:
    """Write MiniCity: scenes that are there already stay, so an interrupted call is simply made again.

    Scenes of another version of MiniCity are made again in a profile's own folder, and refused in any other.

    Args:
        root: folder to write to.
        train_count: scenes in the training split.
        val_count: scenes in the validation split.
        size: height and width of the scenes, in pixels.
        processes: how many scenes to make at a time; None: one for each core.

    Returns:
        How many scenes were written.

    Raises:
        CourseError: the folder holds scenes of another size or version, or other data.
    """
    _refuse_or_remove_other_versions(root)
    scenes, todo = _begun_scenes(root), []
    for split, count in (("train", train_count), ("val", val_count)):
        first = next((frame for frame in scenes[split] if frame.label_ids.exists()), None)
        if first and read_mask(first.label_ids).shape != size:
            raise CourseError(f"{root} holds scenes of another size than {size[1]}x{size[0]}: name another folder")
        # A larger call that broke off may have left half a frame beyond this one's last: finish it too.
        begun = max((scene_number(frame) + 1 for frame in scenes[split]), default=0)
        for number, frame in enumerate(minicity_frames(root, split, max(count, begun))):
            # The label ids are written last: where they are, the frame is whole.
            if not frame.label_ids.exists():
                todo.append((frame, FIRST_SEED[split] + number, size))
    if not todo:
        return 0
    if processes is not None and processes < 1:
        raise CourseError(f"processes={processes} is out of range: give 1 or more")
    if (size_in_bytes := len(todo) * size[0] * size[1] * BYTES_PER_PIXEL) > MANY_BYTES:
        print(f"{root}: {len(todo)} scenes to make, about {size_in_bytes / 1e9:.1f} GB", file=sys.stderr)
    processes = min(processes or os.cpu_count() or 1, len(todo), MAX_PROCESSES)
    # Spawned on every system: a process forked from one that has run PyTorch may hang.
    spawn = get_context("spawn")
    # A thread of OpenCV's for each process: there is a process for each core.
    with ProcessPoolExecutor(processes, spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        jobs = [pool.submit(_write_scene, *scene) for scene in todo]
        try:
            for job in tqdm(as_completed(jobs), desc="MiniCity", total=len(jobs), unit="scene", disable=None):
                job.result()
        finally:
            # After a fault, a full disk for one, the scenes that are still waiting would fail too.
            pool.shutdown(cancel_futures=True)
    return len(todo)


def minicity_counts(settings: Settings) -> tuple[int, int]:
    """How many training and validation scenes the settings ask for.

    No limit is all that there are, and at least as many as the profile asks for by itself: `FULL_COUNTS` for one that
    has no limit either.
    """
    default = Settings.of_profile(settings.profile)
    return (
        settings.train_images or default.train_images or FULL_COUNTS["train"],
        settings.val_images or default.val_images or FULL_COUNTS["val"],
    )


def is_minicity(settings: Settings) -> bool:
    """Whether the settings' data are the built-in scenes of their profile."""
    return settings.data == Settings.of_profile(settings.profile).data


def ensure_minicity(settings: Settings) -> None:
    """Make the scenes that the settings ask for, if their data folder is the profile's own."""
    if is_minicity(settings):
        make_minicity(settings.data, *minicity_counts(settings), settings.scene_size)
