"""Where the long runs' data lie: MiniCity in folders of their own, made when they are first needed, and CamVid."""

from collections.abc import Iterable
from pathlib import Path

from cs_utils.data.sources import make_minicity
from cs_utils.experiments.grids import BASE, FRESH_SCENES, GRIDS, Arm, Budget
from cs_utils.settings import HOME

DATA = HOME / "data"
SCENE_SIZES: dict[Budget, tuple[int, int]] = {"full": (512, 1024), "medium": (256, 512), "small": (256, 512)}
"""Height and width of the scenes."""
CAMVID_COUNTS = {"train": 367, "val": 101}
"""Photos of the version that is used, the one of SegNet's tutorial."""


def folder_of(data: str, budget: Budget) -> Path:
    """The folder of an arm's data, in the Cityscapes layout."""
    return DATA / ("camvid" if data == "camvid" else f"minicity-evidence-{budget}")


def fresh_folder(budget: Budget) -> tuple[int, int, Path]:
    """Where the scenes lie that have chosen nothing: number of the first one, number after the last one, folder."""
    start = BASE[budget]["val_images"]
    return start, start + FRESH_SCENES[budget], DATA / f"minicity-fresh-{budget}"


def is_there(arm: Arm) -> bool:
    """Whether an arm's data are there, whole, or can be made: a part of CamVid would make rows like no others."""
    if arm.data == "minicity":
        return True
    photos = folder_of(arm.data, "full") / "leftImg8bit"
    # Without hidden files, which macOS adds.
    return all(len(list((photos / split).rglob("[!.]*.png"))) == count for split, count in CAMVID_COUNTS.items())


def make_data(names: Iterable[str], budget: Budget) -> None:
    """Make the scenes that these grids need; those that are there stay."""
    size, base = SCENE_SIZES[budget], BASE[budget]
    arms = [arm for name in names for arm in GRIDS[name].arms.values()]
    if any(arm.data == "minicity" for arm in arms):
        make_minicity(folder_of("minicity", budget), base["train_images"], base["val_images"], size)
    if any("fresh scenes" in arm.also for arm in arms):
        _, end, folder = fresh_folder(budget)
        make_minicity(folder, 0, end, size)
