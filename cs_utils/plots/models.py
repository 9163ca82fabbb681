"""The four models that the talk considered: what they see, what they cost, what they reach."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator

from cs_utils.plots.masks import show
from cs_utils.plots.style import (
    ACCENT,
    BEHIND_TEXT,
    COLORS,
    FOURTH,
    INK,
    PALE,
    SECOND,
    THIRD,
    WIDTH,
    headline,
    name_dots,
    name_lines,
    named_colors,
    new_figure,
    panels,
    single,
    styled,
)

KNOWN = {
    "FCN": SECOND,
    "DeepLabv3+": FOURTH,
    "SegFormer": THIRD,
    "U-Net 64": ACCENT,
    "U-Net": ACCENT,
    "U-Net 16": COLORS[4],
    "U-Net 32": ACCENT,
    "U-Net 8": COLORS[4],
    "DeepLabv3+, stride 16": FOURTH,
    "DeepLabv3+, stride 8": "#4f2d6b",
}
"""One colour for each network of the course, in all figures; dark enough to write its name in it."""


def network_colors(names: Iterable[str]) -> dict[str, Any]:
    """A colour for each network: the course's own as in every figure, any others different from these."""
    return named_colors(names, KNOWN)


@styled
def plot_windows(
    image: np.ndarray, centres: Mapping[str, tuple[int, int]], sides: Sequence[int], title: str = ""
) -> Figure:
    """The same places of an image (H, W, 3) through windows of growing size: a row for each place, by name.

    Args:
        image: uint8.
        centres: (row, column) of each place.
        sides: height and width of the windows in pixels, at most those of the image.
        title: what it shows.
    """
    figure, axes = panels(len(centres), len(sides), aspect=1.0, width=0.9 * WIDTH)
    for row, (name, centre) in zip(axes, centres.items(), strict=True):
        for panel, side in zip(row, sides, strict=True):
            corner = [
                int(np.clip(at - side // 2, 0, size - side)) for at, size in zip(centre, image.shape[:2], strict=True)
            ]
            top, left = corner
            show(panel, image[top : top + side, left : left + side], f"{name}: {side}x{side} pixels")
            if side > min(sides):  # where the smallest window lies
                y, x = (at - min(sides) // 2 - start - 0.5 for at, start in zip(centre, corner, strict=True))
                outline = Rectangle((x, y), min(sides), min(sides), fill=False, edgecolor="white", linewidth=2)
                panel.add_patch(outline)
    headline(figure, title)
    return figure


@styled
def plot_reach(fields: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Which pixels an output uses, and how often: a map (H, W) for each name, the darker the more; white: never."""
    figure, axes = panels(1, len(fields), aspect=1.0)
    for panel, (name, field) in zip(axes[0], fields.items(), strict=True):
        # The root, or the many ways to the middle would leave the rim as pale as what is never used.
        shades = np.sqrt(field / field.max())
        panel.pcolormesh(
            np.where(field > 0, 0.25 + 0.75 * shades, 0), cmap="Blues", vmin=0, edgecolor=PALE, linewidth=0.3
        )
        panel.set(title=name, aspect="equal", xticks=[], yticks=[])
        panel.invert_yaxis()
    headline(figure, title)
    return figure


@styled
def plot_where_costs_lie(layers: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """Parameters and operations of each network, by the stride of its layers, as `inspect.trace_layers` gives them."""
    figure = new_figure(0.55 * len(layers) + 2.6)
    # The last takes in what is smaller: the map of a single position behind DeepLabv3+'s global pooling.
    strides = {1: "1/1", 2: "1/2", 4: "1/4", 8: "1/8", 16: "1/16", 32: "1/32 and smaller"}
    shades = ["#b3301c", "#e07b4f", "#f2c68a", "#a9c9d9", "#5b8fb5", "#274b73"]
    columns = (("parameters", 1e6, "parameters [million]"), ("multiply_adds", 1e9, "multiply-adds [10⁹]"))
    for axes, (column, unit, label) in zip(figure.subplots(1, 2, sharey=True), columns, strict=True):
        left = np.zeros(len(layers))
        for (stride, size), shade in zip(strides.items(), shades, strict=True):
            sums = [table[column][table["stride"].clip(upper=32) == stride].sum() / unit for table in layers.values()]
            axes.barh(list(layers), sums, left=left, color=shade, edgecolor=INK, linewidth=0.8, label=size)
            left += sums
        axes.set(xlabel=label, xlim=(0, 1.03 * left.max()))
        axes.grid(axis="y", visible=False)
    figure.axes[0].invert_yaxis()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    heading = "size of the map, against the image"
    place = {"loc": "outside lower center", "ncols": 6, "frameon": False, "columnspacing": 1.2}
    figure.legend(handles, labels, title=heading, **place)
    headline(figure, title)
    return figure


@styled
def plot_costs(
    table: pd.DataFrame, counted: tuple[int, int], timed: tuple[int, int], batch_size: int = 4, title: str = ""
) -> Figure:
    """Four costs of each network as bars: the columns of `inspect.count_costs`, and ``step`` in seconds.

    Operations and activations are those of an image of ``counted``, (height, width); a step took ``batch_size`` images
    of ``timed``.
    """
    one, some = (f"{width}x{height}" for height, width in (counted, timed))
    columns = {
        "parameters": ("Parameters", "million", "%.1f"),
        "multiply_adds": ("Operations", f"10⁹ multiply-adds per image of {one}", "%.0f"),
        "activations": ("Memory of activations", f"MB per image of {one}", "%.0f"),
        "step": ("A training step", f"seconds, {batch_size} images of {some}", "%.2f"),
    }
    figure = new_figure(0.6 * len(table) + 3.4)
    colors = network_colors(table.index)
    for axes, (column, (name, unit, fmt)) in zip(figure.subplots(2, 2, sharey=True).flat, columns.items(), strict=True):
        bars = axes.barh(table.index, table[column], color=[colors[network] for network in table.index])
        axes.bar_label(bars, fmt=fmt, padding=4)
        axes.set(title=name, xlabel=unit, xlim=(0, 1.2 * table[column].max()))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", visible=False)
    figure.axes[0].invert_yaxis()
    headline(figure, title)
    return figure


@styled
def plot_same_budget(table: pd.DataFrame, baselines: Mapping[str, float] | None = None, title: str = "") -> Figure:
    """Validation IoU of each network, by epochs and by seconds of training; live runs or recorded ones.

    Several seeds are drawn as a line each. The seconds are those of training alone, without the validation.

    Args:
        table: columns variant, seed, epoch, iou_score (0..1), train_seconds.
        baselines: mean IoU, 0..1, of predictors that do not look at the photo, by name: a dashed line each.
        title: what it shows.
    """
    figure = new_figure(5)
    by_epoch, by_time = figure.subplots(1, 2, sharey=True)
    colors = network_colors(dict.fromkeys(table["variant"]))
    first = table.groupby("variant")["seed"].first()  # the line that is named
    for (name, seed), rows in table.groupby(["variant", "seed"], sort=False):
        label = name if seed == first[name] else "_seed"
        style = {"color": colors[name], "marker": "o", "linewidth": 2.5, "label": label}
        by_epoch.plot(rows["epoch"], 100 * rows["iou_score"], **style)
        by_time.plot(rows["train_seconds"].cumsum(), 100 * rows["iou_score"], **style)
    by_epoch.set(xlabel="epoch", ylabel="mean IoU [%]", title="by epochs")
    by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    by_time.set(xlabel="seconds of training, logarithmic", title="by time", xscale="log")
    by_time.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
    by_time.minorticks_off()
    by_time.xaxis.set_major_formatter("{x:g}")
    by_time.set_ylim(0, 115 * max([table["iou_score"].max(), *(baselines or {}).values()]))
    name_lines(by_time)
    begin = table.loc[table["epoch"] == table["epoch"].min(), "iou_score"].max()
    for name, score in (baselines or {}).items():
        for axes in (by_epoch, by_time):
            axes.axhline(100 * score, color=INK, linestyle="--", linewidth=1.5, zorder=1)
        # Over the beginning of the curves where they all begin below it, else over their end.
        x, side = (0.02, "left") if score > begin else (0.98, "right")
        how = {"ha": side, "va": "bottom", "bbox": BEHIND_TEXT, "zorder": 3}
        by_epoch.text(x, 100 * score, name, transform=by_epoch.get_yaxis_transform(), **how)
    headline(figure, title)
    return figure


PUBLISHED = {
    "parameters": "parameters, published [million]",
    "operations": "operations of the published version at 512x256 [10⁹ multiply-adds]",
}
"""What `plot_published` draws published scores over: never the cost of another version."""


@styled
def plot_published(published: pd.DataFrame, cost: str = "parameters", title: str = "") -> Figure:
    """Published IoU over a cost of the same published network; hollow: without a pretrained encoder.

    Args:
        published: a row for each result; columns network, version, miou [%], pretrained (bool), and the cost, NaN where
            it is not known: such a row is left out.
        cost: one of `PUBLISHED`.
        title: what it shows.
    """
    figure, axes = single(6)
    known = published.dropna(subset=cost)
    colors = network_colors(dict.fromkeys(published["network"]))
    for network, pretrained, place, score in known[["network", "pretrained", cost, "miou"]].itertuples(index=False):
        face = colors[network] if pretrained else "none"
        axes.scatter(place, score, s=160, facecolor=face, edgecolor=colors[network], linewidth=2.5)
    axes.set(xlabel=PUBLISHED[cost], ylabel="published mean IoU,\nCityscapes val [%]")
    axes.margins(x=0.2, y=0.15)
    axes.set_xlim(left=max(axes.get_xlim()[0], 0))
    name_dots(axes, known[[cost, "miou"]].to_numpy(), known["version"])
    handles = [Patch(color=color, label=name) for name, color in colors.items()]
    for label, fill in (("encoder from ImageNet", "full"), ("from scratch", "none")):
        handles.append(Line2D([], [], color=INK, marker="o", markersize=12, ls="", fillstyle=fill, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    headline(figure, title)
    return figure
