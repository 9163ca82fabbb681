"""The U-Net as it really is: the classic diagram, and where its numbers sit."""

from dataclasses import dataclass
from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from cs_utils.plots.style import ACCENT, FOURTH, INK, LETTERS, SECOND, THIRD, headline, new_figure, styled

GREY = "#7d8590"
IMAGE, FEATURES, COPIED, RAISED = "#f3ddb3", "#c9dcee", "#d9dde2", "#cde5d5"
"""Colours of the diagram's boxes."""


@dataclass
class _Box:
    """A feature map in the diagram: its shape, and where it stands."""

    channels: int
    size: tuple[int, int]
    level: int
    column: int
    copied: int = 0
    """How many of the channels came over the skip."""
    left: float = 0
    right: float = 0
    bottom: float = 0
    top: float = 0

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def _boxes(layers: pd.DataFrame) -> tuple[list[list[_Box]], list[list[_Box]], _Box]:
    # The encoder's feature maps level by level, the bottleneck last; the decoder's from the bottom up; the logits.
    convolutions = layers[layers["kind"] != "batch norm"].set_index("name")
    blocks = convolutions.index.str.extract(r"^((?:encoder|decoder)\.\d+)")[0].dropna().unique()
    encoder, decoder = (sum(block.startswith(part) for block in blocks) for part in ("encoder", "decoder"))

    def output(name: str, level: int, column: int) -> _Box:
        row = convolutions.loc[name]
        return _Box(int(row["out_channels"]), (int(row["height"]), int(row["width"])), level, column)

    down, column = [], 0
    for level, block in enumerate(("stem", *(f"encoder.{number}" for number in range(encoder)))):
        first, second = output(f"{block}.0", level, column + 1), output(f"{block}.3", level, column + 2)
        start = _Box(int(convolutions.loc[f"{block}.0", "in_channels"]), first.size, level, column)
        down.append([start, first, second])
        column += 2
    up = []
    for number in range(decoder):
        level = decoder - 1 - number
        first = output(f"decoder.{number}.mix.0", level, column + 1)
        second = output(f"decoder.{number}.mix.3", level, column + 2)
        channels = int(convolutions.loc[f"decoder.{number}.mix.0", "in_channels"])
        raised = int(convolutions.loc[f"decoder.{number}.upsample", "out_channels"])
        up.append([_Box(channels, first.size, level, column, copied=channels - raised), first, second])
        column += 2
    return down, up, output("head", 0, column + 1)


def _place(boxes: list[_Box]) -> None:
    # Widths and heights grow more slowly than channels and sizes, or the smallest would be a line.
    most, levels = max(box.channels for box in boxes), max(box.level for box in boxes) + 1
    heights = [2.3 * 0.7**level for level in range(levels)]
    tops = [-sum(heights[:level]) - 1.0 * level for level in range(levels)]
    # Columns with long numbers above them are wider; each column holds one box.
    digits = {box.column: len(str(box.channels)) for box in boxes}
    places, at = {}, 0.0
    for column in sorted(digits):
        step = 0.74 + 0.13 * max(digits[column] - 2, 0)
        places[column] = at + step / 2
        at += step
    for box in boxes:
        width = 0.14 + 0.36 * (box.channels / most) ** 0.5
        middle = places[box.column]
        box.left, box.right = middle - width / 2, middle + width / 2
        box.top, box.bottom = tops[box.level], tops[box.level] - heights[box.level]


def _draw_box(axes: Axes, box: _Box) -> None:
    width, height = box.right - box.left, box.top - box.bottom
    share = box.copied / box.channels
    style = {"edgecolor": INK, "linewidth": 1.3, "zorder": 3}
    if share:
        axes.add_patch(Rectangle((box.left, box.bottom), share * width, height, facecolor=COPIED, **style))
    color = IMAGE if box.column == 0 else RAISED if share else FEATURES
    axes.add_patch(
        Rectangle((box.left + share * width, box.bottom), (1 - share) * width, height, facecolor=color, **style)
    )
    axes.text(box.middle, box.top + 0.06, str(box.channels), ha="center", va="bottom", fontsize=LETTERS, color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str, dashed: bool = False) -> None:
    properties = {"arrowstyle": "-|>,head_width=0.28,head_length=0.5", "color": color, "linewidth": 2.2}
    properties |= {"shrinkA": 1, "shrinkB": 1, "linestyle": "--" if dashed else "-"}
    axes.annotate("", end, start, arrowprops=properties, zorder=2)


def _size_label(axes: Axes, box: _Box) -> None:
    place = (box.left - 0.15, (box.top + box.bottom) / 2)
    axes.text(*place, f"{box.size[0]}x{box.size[1]}", ha="right", va="center", fontsize=LETTERS, color=INK)


@styled
def plot_unet(layers: pd.DataFrame, size: tuple[int, int], title: str = "") -> Figure:
    """The classic diagram of a U-Net, drawn from the shapes that an image of ``size`` (height, width) really takes.

    A box is a feature map: the higher the map, the higher the box, and the more channels, the wider. The channels stand
    above it, height x width beside the first box of each level.

    Args:
        layers: what `inspect.trace_layers` says of a `UNet` and an image of this size.
        size: height and width of the image, before the network pads it.
        title: a sentence above it.
    """
    down, up, logits = _boxes(layers)
    boxes = [*(box for row in down + up for box in row), logits]
    _place(boxes)
    colors = {
        "3x3 convolution + norm + activation": SECOND,
        "2x2 max pooling": ACCENT,
        "2x2 up-convolution": THIRD,
        "copy (skip)": GREY,
        "1x1 convolution": FOURTH,
    }
    convolve, pool, raise_, skip, classify = colors.values()
    figure = new_figure(6.8)
    axes = figure.subplots()
    for box in boxes:
        _draw_box(axes, box)
    for row in down + up:
        for start, end in pairwise(row):
            height = (start.top + start.bottom) / 2
            _arrow(axes, (start.right, height), (end.left, height), convolve)
    for row in down:  # the decoder's sizes are the same, level by level
        _size_label(axes, row[0])
    for above, below in pairwise(down):
        _arrow(axes, (above[-1].middle, above[-1].bottom), (below[0].middle, below[0].top + 0.5), pool)
    for below, above in zip([down[-1], *up], up, strict=False):
        side = above[0].right - (above[0].right - above[0].left) * (1 - above[0].copied / above[0].channels) / 2
        _arrow(axes, (below[-1].middle, below[-1].top + 0.5), (side, above[0].bottom), raise_)
    for left, right in zip(down, reversed(up), strict=False):
        height = (left[-1].top + left[-1].bottom) / 2
        _arrow(axes, (left[-1].right, height), (right[0].left, height), skip, dashed=True)
    middle = (logits.top + logits.bottom) / 2
    _arrow(axes, (up[-1][-1].right, middle), (logits.left, middle), classify)
    padded = "image" if size == logits.size else f"image of\n{size[0]}x{size[1]},\npadded"
    axes.text(down[0][0].middle, logits.bottom - 0.1, padded, ha="center", va="top", fontweight="bold")
    axes.text(logits.middle, logits.bottom - 0.1, "logits", ha="center", va="top", fontweight="bold")
    lines = [Line2D([], [], color=color, linewidth=2.5, label=name) for name, color in colors.items()]
    lines[3].set_linestyle("--")
    figure.legend(handles=lines, loc="outside lower center", ncols=3, frameon=False)
    headline(figure, title)
    axes.set(xlim=(-1.9, logits.right + 0.5), ylim=(min(box.bottom for box in boxes) - 0.1, 0.4))
    axes.set_axis_off()
    return figure


@styled
def plot_levels(layers: pd.DataFrame, title: str = "") -> Figure:
    """Where parameters, multiply-adds and activations sit, level by level, in percent; from `inspect.trace_layers`."""
    columns = {"parameters": "Parameters", "multiply_adds": "Multiply-adds", "activations": "Activations"}
    sums = layers.groupby("stride").agg({**dict.fromkeys(columns, "sum"), "height": "first", "width": "first"})
    names = [f"level {level}\n{row.height}x{row.width}" for level, row in enumerate(sums.itertuples())]
    figure = new_figure(4.6)
    for axes, (column, name), color in zip(
        figure.subplots(1, 3, sharey=True), columns.items(), (ACCENT, SECOND, THIRD), strict=True
    ):
        total = sums[column].sum()
        bars = axes.barh(names, 100 * sums[column] / total, color=color)
        axes.bar_label(bars, fmt="%.0f %%", padding=4)
        unit = ("million", 1e6) if total < 1e9 else ("billion", 1e9)
        axes.set(xlim=(0, 80), xlabel="share of all [%]", title=f"{name}:\n{total / unit[1]:.1f} {unit[0]}")
        axes.grid(axis="y", visible=False)
    figure.axes[0].invert_yaxis()
    headline(figure, title)
    return figure
