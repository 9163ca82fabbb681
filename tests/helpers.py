"""What test files share beyond fixtures: frames of coloured rectangles, and equality bit for bit."""

import multiprocessing
import os
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from cs_utils.data.cityscapes import Frame, write_frame
from cs_utils.data.loaders import split_loader
from cs_utils.labels import BY_NAME
from cs_utils.settings import ROOT, Settings
from minicity import Scene, SceneObject

SIZE = (32, 64)
TALK = ROOT / "course" / "talk.md"
"""The talk's own slides, word for word."""
SOAK = os.environ.get("CS_SOAK") == "1"
"""Whether the tests that inject faults run in their long form: `make soak`."""

SERVER = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
"""Starts processes that have PyTorch and the package imported, and have computed nothing yet."""
SERVER.set_forkserver_preload(
    [
        "pytest",
        "torch.utils.tensorboard",
        "cs_utils.cli",
        "cs_utils.training.loop",
        "cs_utils.data.sources",
        "cs_utils.plots.scenes",
    ]
)


def draw_frame(root: Path, split: str, city: str, number: int, frame_number: int = 7) -> Frame:
    """Write a frame of coloured rectangles: sky above, road below, a car whose place depends on the number."""
    ids = np.full(SIZE, BY_NAME["sky"].id, dtype=np.uint8)
    ids[16:] = BY_NAME["road"].id
    left = 4 + 5 * number % 40
    ids[14:22, left : left + 12] = BY_NAME["car"].id
    ids[:2] = BY_NAME["unlabeled"].id
    image = np.zeros((*SIZE, 3), dtype=np.uint8)
    for name, color in (("sky", (120, 170, 220)), ("road", (90, 90, 90)), ("car", (200, 30, 30))):
        image[ids == BY_NAME[name].id] = color
    image += np.random.default_rng(number).integers(0, 30, image.shape, dtype=np.uint8)
    frame = Frame(root, split, city, f"{city}_{number:06d}_{frame_number:06d}")
    corners = np.array([[0, 0], [63, 0], [63, 31], [0, 31]], dtype=np.int32)
    objects = tuple(SceneObject(name, corners) for name in ("sky", "road", "car"))
    write_frame(frame, Scene(image, objects), ids, ids.astype(np.uint16))
    return frame


def plain_loader(settings: Settings, split: str, count: int | None = None) -> DataLoader:
    """The loader of a split that decodes and resizes each file when it is asked for, without the cache."""
    with patch("cs_utils.data.loaders.resize_frames", lambda *_: None):
        return split_loader(settings, split, count)


def same(first, second) -> bool:
    """Whether two nests of dicts, lists, tensors and numbers are equal bit for bit."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


class ByColour(nn.Module):
    """Knows the test scenes' colours: red is car, blue is sky, grey is road."""

    def __init__(self, channels=19):
        super().__init__()
        self.channels = channels
        self.anything = nn.Parameter(torch.zeros(1))

    def forward(self, image):
        red, green, blue = image.unbind(1)
        logits = torch.full((len(image), self.channels, *image.shape[2:]), -9.0)
        logits[:, 13] = red - green
        logits[:, 10] = blue - red
        logits[:, 0] = 0.35
        return logits


def luminance(color) -> float:
    """Relative luminance of a colour (r, g, b), 0..1, by WCAG 2."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other) -> float:
    """How many to one two colours (r, g, b) stand out from each other, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
