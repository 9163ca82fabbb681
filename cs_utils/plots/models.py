"""The four models that the talk considered: how they are built, what they cost, what they reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator

from cs_utils.data.transforms import resize_mask
from cs_utils.labels import colorize
from cs_utils.plots.style import ACCENT, FOURTH, INK, SECOND, THIRD, add_legend, panels, show, styled

COLORS = {
    "FCN": SECOND,
    "DeepLabv3+": FOURTH,
    "SegFormer": THIRD,
    "U-Net 64": ACCENT,
    "U-Net": ACCENT,
    "U-Net 16": "#e8a58f",
}
"""One colour for each network, in all figures; any other name is drawn in ink."""


@dataclass(frozen=True)
class Sketch:
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

    def strides(self) -> set[int]:
        """All strides behind the image at which the network computes."""
        return {stride for stride, _ in (*self.encoder[1:], *self.decoder, (self.logits, ""))}


SKETCHES = {
    "FCN": Sketch(
        "one path down to 1/8, then enlarge the logits",
        ((1, "3"), (2, "64"), (4, "256"), (8, "512"), (8, "1024"), (8, "2048")),
        ((8, "512"),),
        8,
    ),
    "DeepLabv3+": Sketch(
        "several zooms at 1/16, one skip at 1/4",
        ((1, "3"), (2, "64"), (4, "256"), (8, "512"), (16, "1024"), (16, "2048")),
        ((16, "256"), (4, "256")),
        4,
        ((2, 1),),
    ),
    "SegFormer": Sketch(
        "attention at four scales, joined at 1/4",
        ((1, "3"), (4, "64"), (8, "128"), (16, "320"), (32, "512")),
        ((4, "256"),),
        4,
        ((1, 0), (2, 0), (3, 0)),
    ),
    "U-Net": Sketch(
        "back up to every pixel, a skip at each level",
        ((1, "3"), (1, "64"), (2, "128"), (4, "256"), (8, "512"), (16, "1024")),
        ((8, "512"), (4, "256"), (2, "128"), (1, "64")),
        1,
        ((4, 0), (3, 1), (2, 2), (1, 3)),
    ),
}
"""The four networks as `models.build` makes them; the U-Net with base width 64."""


@styled
def plot_architectures() -> Figure:
    """The four networks side by side: from left to right as they compute, from top to bottom as their maps shrink."""
    figure = Figure(figsize=(15, 9.5), layout="constrained")
    for axes, (name, sketch) in zip(figure.subplots(2, 2).flat, SKETCHES.items(), strict=True):
        _draw_sketch(axes, sketch)
        axes.set_title(f"{name}: {sketch.idea}")
    handles = [
        Patch(color=SECOND, label="encoder (number: channels)"),
        Patch(color=ACCENT, label="decoder"),
        Patch(color=THIRD, label="logits, 19 classes"),
        Line2D([], [], color=INK, linewidth=2, label="computed from"),
        Line2D([], [], color=INK, linewidth=2, linestyle="--", label="skip"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return figure


def _draw_sketch(axes: Axes, sketch: Sketch) -> None:
    boxes = [(*box, SECOND) for box in sketch.encoder] + [(*box, ACCENT) for box in sketch.decoder]
    boxes.append((sketch.logits, "19", THIRD))
    if sketch.logits > 1:
        boxes.append((1, "19", THIRD))  # enlarged by interpolation
    levels = [np.log2(stride) for stride, _, _ in boxes]
    for x, (left, right) in enumerate(pairwise(levels)):
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 2, "shrinkA": 18, "shrinkB": 18}
        axes.annotate("", (x + 1, right), (x, left), arrowprops=arrow, zorder=1)
    for source, target in sketch.skips:
        x = len(sketch.encoder) + target
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 2, "linestyle": "--", "shrinkA": 20, "shrinkB": 20}
        axes.annotate("", (x, levels[x]), (source, levels[source]), arrowprops=arrow, zorder=1)
    for x, (level, (_, channels, color)) in enumerate(zip(levels, boxes, strict=True)):
        corner, width, height = (x - 0.34, level - 0.25), 0.68, 0.5
        box = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.1", color=color, zorder=2)
        axes.add_patch(box)
        axes.text(x, level, channels, color="white", ha="center", va="center", fontsize=11, weight="bold", zorder=3)
    axes.set(xlim=(-0.6, len(boxes) - 0.4), ylim=(5.5, -0.6), xticks=[], ylabel="size of the map")
    axes.set_yticks(range(6), ["1/1", "1/2", "1/4", "1/8", "1/16", "1/32"])


@styled
def plot_where_costs_lie(layers: Mapping[str, pd.DataFrame]) -> Figure:
    """Parameters and operations of each network, by the stride of its layers, as `inspect.trace_layers` gives them."""
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    # The last takes in what is smaller: the map of a single position behind DeepLabv3+'s global pooling.
    strides = {1: "1/1", 2: "1/2", 4: "1/4", 8: "1/8", 16: "1/16", 32: "1/32 and smaller"}
    shades = ["#b3301c", "#e07b4f", "#f2c68a", "#a9c9d9", "#5b8fb5", "#274b73"]
    columns = (("parameters", 1e6, "parameters [million]"), ("multiply_adds", 1e9, "multiply-adds [10⁹]"))
    for axes, (column, unit, label) in zip(figure.subplots(1, 2, sharey=True), columns, strict=True):
        left = np.zeros(len(layers))
        for (stride, size), shade in zip(strides.items(), shades, strict=True):
            sums = [table[column][table["stride"].clip(upper=32) == stride].sum() / unit for table in layers.values()]
            axes.barh(list(layers), sums, left=left, color=shade, edgecolor="white", label=size)
            left += sums
        axes.set(xlabel=label, xlim=(0, 1.03 * left.max()))
        axes.grid(axis="y", visible=False)
    figure.axes[0].invert_yaxis()
    figure.axes[0].set_title("Parameters sit where maps are small")
    figure.axes[1].set_title("Operations are spread more evenly")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    title = "size of the map, against the image"
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, title=title)
    return figure


@styled
def plot_costs(table: pd.DataFrame, counted: tuple[int, int], timed: tuple[int, int], batch_size: int = 4) -> Figure:
    """Four costs of each network as bars: the columns of `inspect.count_costs`, and ``step`` in seconds.

    Operations and activations are those of an image of ``counted``, (height, width); a step took ``batch_size`` images
    of ``timed``.
    """
    one, some = (f"{width}x{height}" for height, width in (counted, timed))
    columns = {
        "parameters": ("Parameters", "million", "%.1f"),
        "multiply_adds": ("Operations", f"10⁹ multiply-adds\nper image of {one}", "%.0f"),
        "activations": ("Memory of activations", f"MB per image of {one}", "%.0f"),
        "step": ("A training step", f"seconds, {batch_size} images of {some}", "%.2f"),
    }
    figure = Figure(figsize=(16, 5), layout="constrained")
    for axes, (column, (title, unit, fmt)) in zip(figure.subplots(1, 4, sharey=True), columns.items(), strict=True):
        bars = axes.barh(table.index, table[column], color=[COLORS.get(name, INK) for name in table.index])
        axes.bar_label(bars, fmt=fmt, padding=4)
        axes.set(title=title, xlabel=unit, xlim=(0, 1.25 * table[column].max()))
        ticks = MaxNLocator(5, steps=(1, 2, 2.5, 5, 10)).tick_values(0, table[column].max())
        axes.set_xticks(ticks[ticks < 1.2 * table[column].max()])  # one at the end would touch the next panel's 0
        axes.grid(axis="y", visible=False)
    figure.axes[0].invert_yaxis()
    return figure


@styled
def plot_finest_detail(image: np.ndarray, mask: np.ndarray, window: tuple[slice, slice]) -> Figure:
    """What is left of thin things where a network gives a class for every 4 or 8 pixels only.

    Args:
        image: (H, W, 3) uint8, as the networks see it.
        mask: (H, W) trainIds.
        window: rows and columns of the part to show.
    """
    size = mask.shape
    titles = {
        1: "Labels; U-Net: a class for every pixel",
        4: "DeepLabv3+, SegFormer: every 4 pixels",
        8: "FCN: every 8 pixels",
    }
    figure, axes = panels(2, 2, width=14, aspect=image[window].shape[1] / image[window].shape[0])
    show(axes.flat[0], image[window], f"Photo, part of {size[1]}x{size[0]}")
    for axis, (stride, title) in zip(axes.flat[1:], titles.items(), strict=True):
        small = resize_mask(mask, (size[0] // stride, size[1] // stride))
        show(axis, colorize(resize_mask(small, size)[window]), title)
    add_legend(figure, [mask[window]])
    return figure


@styled
def plot_same_budget(table: pd.DataFrame) -> Figure:
    """Validation IoU of each network, by epochs and by seconds of training; the table of `experiments.compare`."""
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    by_epoch, by_time = figure.subplots(1, 2, sharey=True)
    for name, rows in table.groupby("variant", sort=False):
        style = {"color": COLORS.get(name, INK), "marker": "o", "linewidth": 2.5, "label": name}
        by_epoch.plot(rows["epoch"], 100 * rows["iou_score"], **style)
        by_time.plot(rows["seconds"].cumsum(), 100 * rows["iou_score"], **style)
    by_epoch.set(xlabel="epoch", ylabel="mean IoU [%]", title="The same epochs", ylim=(0, None))
    by_epoch.xaxis.set_major_locator(FixedLocator(sorted(table["epoch"].unique())))
    by_time.set(xlabel="seconds of training, logarithmic", title="The same seconds", xscale="log")
    by_time.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    by_time.minorticks_off()
    by_time.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    handles, labels = by_epoch.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


@styled
def plot_models_considered(published: pd.DataFrame, counted: pd.DataFrame) -> Figure:
    """Published IoU against what a network costs.

    Args:
        published: a row for each result; columns network, version, miou [%], parameters (million, or NaN) and
            pretrained (bool).
        counted: a row for each network, as `inspect.count_costs` gives, and the best published IoU of its kind in
            column miou.
    """
    figure = Figure(figsize=(16, 7), layout="constrained")
    here, papers = figure.subplots(1, 2, sharey=True)
    from_scratch = tuple(published.loc[~published["pretrained"], "network"])
    for name, row in counted.sort_values("multiply_adds").iterrows():
        at, color = (row["multiply_adds"], row["miou"]), COLORS.get(name, INK)
        face = "none" if name.startswith(from_scratch) else color
        here.scatter(*at, s=40 * row["parameters"], facecolor=face, edgecolor=color, linewidth=2.5, alpha=0.8)
        # The first one's label stands above it, for its neighbour is near, and starts right of the axis, which is too.
        is_first = row["multiply_adds"] == counted["multiply_adds"].min()
        place = {"xytext": (-20, 22)} if is_first else {"xytext": (24, 0), "va": "center"}
        here.annotate(f"{name}, {row['parameters']:.1f} M", at, textcoords="offset points", **place)
    here.set(xlabel="multiply-adds at 512x256, counted here [10⁹]", ylabel="published mean IoU, Cityscapes val [%]")
    here.set(title="Operations (area: parameters)", xlim=(0, 1.45 * counted["multiply_adds"].max()), ylim=(60, 86))
    before = (-np.inf, -np.inf)
    for row in published.dropna(subset="parameters").sort_values("parameters").itertuples():
        at, color = (row.parameters, row.miou), COLORS.get(row.network, INK)
        face = color if row.pretrained else "none"
        papers.scatter(*at, s=160, facecolor=face, edgecolor=color, linewidth=2.5)
        is_near = np.hypot(*np.subtract(at, before)) < 5
        place = {"xytext": (0, -24 if is_near else 11), "ha": "center", "color": color}
        papers.annotate(row.version, at, textcoords="offset points", **place)
        before = at
    papers.set(xlabel="parameters, published [million]", title="Parameters", xlim=(-4, 96))
    handles = [Patch(color=COLORS.get(name, INK), label=name) for name in published["network"].unique()]
    for label, fill in (("encoder from ImageNet", "full"), ("from scratch", "none")):
        handles.append(Line2D([], [], color=INK, marker="o", markersize=12, ls="", fillstyle=fill, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure
