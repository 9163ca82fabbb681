"""A toy experiment on six frames of rectangles: what the tests of the runner do, in this process or in others.

``python toy.py FOLDER JOBS`` runs it in a process of its own; the workers that this process starts import it again.
"""

import sys
from pathlib import Path

import pytest

from cs_utils.experiments import grids, places, runner, runs
from cs_utils.experiments.grids import Arm, Grid

ARMS = {
    "plain": Arm(),
    "relu": Arm({"activation": "relu"}),
    "at birth": Arm(kind="probe"),
    "blindfold": Arm(kind="blindfold", seeds=1),
}
SEEDS = 2
BASE = {"train_images": 6, "val_images": 2, "image_size": (32, 64), "width": 4, "epochs": 2, "batch_size": 2}


def set_up(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Put a toy in the place of the real experiments; its frames are in FOLDER/data, its cache in FOLDER/cache."""
    for name in list(grids.GRIDS):
        patch.delitem(grids.GRIDS, name)
    patch.setitem(grids.GRIDS, "toy", Grid("Does the toy run?", ARMS, SEEDS))
    patch.setitem(grids.BASE, "small", BASE)
    patch.setattr(places, "make_minicity", lambda *_: 0)
    for module in (places, runs):
        patch.setattr(module, "folder_of", lambda data, budget: folder / "data")
    settings = Grid.settings
    here = {"cache": folder / "cache", "accelerator": "cpu"}
    patch.setattr(Grid, "settings", lambda self, *run: settings(self, *run).replace(**here))


if __name__ in ("__main__", "__mp_main__"):
    set_up(Path(sys.argv[1]), pytest.MonkeyPatch())
if __name__ == "__main__":
    runner.run_experiments(["toy"], "small", int(sys.argv[2]), folder=Path(sys.argv[1]) / "results")
