"""The four models that the talk considered as sketches: boxes from left to right, one for each map of features."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch

from cs_utils.plots.style import ACCENT, INK, SECOND, THIRD, headline, new_figure, styled


@dataclass(frozen=True)
class NetworkSketch:
    """A network as boxes: each is a map of features, drawn at its stride."""

    idea: str
    encoder: tuple[tuple[int, str], ...]
    """(stride, channels) of each map on the way down; the first is the image."""
    decoder: tuple[tuple[int, str], ...]
    """The same on the way back to the pixels."""
    logits: int
    """Stride at which every position gets its 19 numbers."""
    skips: tuple[tuple[int, int], ...] = ()
    """(map of the encoder, map of the decoder) that is joined to it."""


SKETCHES = {
    "FCN": NetworkSketch(
        "one path down to 1/8, then enlarge the logits",
        ((1, "3"), (2, "64"), (4, "256"), (8, "512"), (8, "1024"), (8, "2048")),
        ((8, "512"),),
        8,
    ),
    "DeepLabv3+": NetworkSketch(
        "dilated convolutions at 1/16, one skip at 1/4",
        ((1, "3"), (2, "64"), (4, "256"), (8, "512"), (16, "1024"), (16, "2048")),
        ((16, "256"), (4, "256")),
        4,
        ((2, 1),),
    ),
    "SegFormer": NetworkSketch(
        "attention at four scales, joined at 1/4",
        ((1, "3"), (4, "64"), (8, "128"), (16, "320"), (32, "512")),
        ((4, "256"),),
        4,
        ((1, 0), (2, 0), (3, 0)),
    ),
    "U-Net": NetworkSketch(
        "back up to every pixel, a skip at each level",
        ((1, "3"), (1, "64"), (2, "128"), (4, "256"), (8, "512"), (16, "1024")),
        ((8, "512"), (4, "256"), (2, "128"), (1, "64")),
        1,
        ((4, 0), (3, 1), (2, 2), (1, 3)),
    ),
}
"""The four networks as `models.zoo.build` makes them; the U-Net with base width 64."""


@styled
def plot_architectures(title: str = "") -> Figure:
    """The four networks one below the other: from left to right as they compute, downwards as their maps shrink."""
    figure = new_figure(7.6)
    for axes, (name, sketch) in zip(figure.subplots(len(SKETCHES), 1), SKETCHES.items(), strict=True):
        _draw_sketch(axes, sketch)
        axes.set_title(f"{name}: {sketch.idea}", fontweight="bold", loc="left")
    handles = [
        Patch(color=SECOND, label="encoder (channels)"),
        Patch(color=ACCENT, label="decoder"),
        Patch(color=THIRD, label="logits, 19 classes"),
        Line2D([], [], color=INK, linewidth=2, label="computed from"),
        Line2D([], [], color=INK, linewidth=2, linestyle="--", label="skip"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, columnspacing=1)
    headline(figure, title)
    return figure


def _draw_sketch(axes: Axes, sketch: NetworkSketch) -> None:
    boxes = [(*box, SECOND) for box in sketch.encoder] + [(*box, ACCENT) for box in sketch.decoder]
    boxes.append((sketch.logits, "19", THIRD))
    if sketch.logits > 1:
        boxes.append((1, "19", THIRD))  # enlarged by interpolation
    levels = [np.log2(stride) for stride, _, _ in boxes]
    for x, (left, right) in enumerate(pairwise(levels)):
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 2, "shrinkA": 22, "shrinkB": 22}
        axes.annotate("", (x + 1, right), (x, left), arrowprops=arrow, zorder=1)
    for source, target in sketch.skips:
        x = len(sketch.encoder) + target
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 2, "linestyle": "--", "shrinkA": 26, "shrinkB": 26}
        axes.annotate("", (x, levels[x]), (source, levels[source]), arrowprops=arrow, zorder=1)
    for x, (level, (_, channels, color)) in enumerate(zip(levels, boxes, strict=True)):
        corner, width, height = (x - 0.36, level - 0.5), 0.72, 1.0
        box = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.1", color=color, zorder=2)
        axes.add_patch(box)
        axes.text(x, level, channels, color="white", ha="center", va="center", weight="bold", zorder=3)
    axes.set(xlim=(-0.6, 10.6), ylim=(5.7, -0.7), xticks=[])
    axes.set_yticks((0, 2, 4), ["1/1", "1/4", "1/16"])
    axes.set_yticks((1, 3, 5), minor=True)
    axes.grid(visible=True, which="both", axis="y")
