"""Helper package of the course: from street scenes to a trained, honestly evaluated U-Net.

``import cs_utils as cs`` gives a lesson what it uses by name, such as ``cs.Settings`` and ``cs.fit``; each name is
imported from the module below when it is first used.
"""

import os
from importlib import import_module
from typing import Any

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
"""How OpenMP's threads wait for each other: they spin for some microseconds, and then sleep.

By default they spin for milliseconds, which takes a core from the very thread that they wait for when another program
wants one too. The second variable is read by PyTorch's OpenMP on Linux only, where it goes before the first. Both are
read when PyTorch is loaded, so a lesson imports this package first.
"""

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.update(WAITING | {name: os.environ[name] for name in WAITING if name in os.environ})

HOMES = {
    "Settings": "cs_utils.settings",
    "find_frames": "cs_utils.data.cityscapes",
    "read_frame": "cs_utils.data.cityscapes",
    "loaders": "cs_utils.data.loaders",
    "UNet": "cs_utils.models.unet",
    "build": "cs_utils.models.zoo",
    "load_weights": "cs_utils.models.zoo",
    "COURSE_WEIGHTS": "cs_utils.models.zoo",
    "fit": "cs_utils.training.loop",
    "evaluate": "cs_utils.evaluation.predict",
    "overlay": "cs_utils.evaluation.predict",
    "predict": "cs_utils.evaluation.predict",
    "sliders": "cs_utils.plots.sliders",
    "exercise": "cs_utils.exercises",
    "Variant": "cs_utils.experiments.compare",
    "compare": "cs_utils.experiments.compare",
}
"""The names that a lesson needs, and the module that each comes from."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'cs_utils' has no attribute {name!r}: it has {', '.join(HOMES)}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *HOMES]


def check(claim: str, holds: bool) -> None:
    """Print that a claim holds, or stop: a lesson's self-check, the same line under every profile.

    Raises:
        AssertionError: the claim does not hold.
    """
    if not holds:
        raise AssertionError(f"does not hold: {claim}")
    print(f"holds: {claim}")
