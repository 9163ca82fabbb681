"""What a trained model scores."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, PALETTE
from cs_utils.plots.style import ACCENT, BEHIND_TEXT, INK, SECOND, styled


def _colors(names: Iterable[str]) -> list[np.ndarray]:
    return [PALETTE[CLASS_NAMES.index(name)] / 255 for name in names]


@styled
def plot_class_iou(table: pd.DataFrame) -> Figure:
    """IoU of each class that occurs, best first, in the class's colour; beside it the classes' shares of the pixels."""
    scored = table.dropna(subset="iou").sort_values("iou")
    figure = Figure(figsize=(14, 0.4 * len(scored) + 1.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    bars = left.barh(scored.index, scored["iou"], color=_colors(scored.index), edgecolor=INK)
    left.bar_label(bars, fmt="%.2f", padding=4, bbox=BEHIND_TEXT)
    left.axvline(scored["iou"].mean(), color=INK, linestyle=":", label=f"mean {scored['iou'].mean():.3f}")
    left.set(xlim=(0, 1.07), xlabel="IoU", title="IoU of each class")
    left.legend(loc="lower right")
    left.grid(axis="y", visible=False)
    right.plot(scored["share"].where(scored["share"] > 0) * 100, scored.index, "D", color=INK)
    right.set(xscale="log", xlabel="share of the labelled pixels [%]", title="How much there is of it")
    right.xaxis.set_major_formatter("{x:g}")
    return figure


@styled
def plot_confusion(matrix: np.ndarray) -> Figure:
    """Confusion matrix (20, 20), each row as per cent of the true class; blank where it is under half a per cent."""
    valid = matrix[:NUM_CLASSES].astype(float)
    totals = valid.sum(axis=1, keepdims=True)
    shares = np.divide(valid, totals, out=np.full_like(valid, np.nan), where=totals > 0)
    labels = [["" if np.isnan(share) or share < 0.005 else f"{share:.0%}"[:-1] for share in row] for row in shares]
    figure = Figure(figsize=(13, 11), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        pd.DataFrame(shares * 100, index=CLASS_NAMES, columns=[*CLASS_NAMES, "void"]),
        ax=axes,
        cmap="rocket_r",
        vmin=0,
        vmax=100,
        annot=np.array(labels),
        fmt="",
        annot_kws={"fontsize": 12},
        cbar_kws={"label": "share of the true class's pixels [%]"},
    )
    axes.set(xlabel="predicted", ylabel="true", title="Where the pixels of each class go")
    return figure


@styled
def plot_boundary_errors(table: pd.DataFrame) -> Figure:
    """Error rate by distance to the nearest boundary, and what share of all errors lies that near or nearer.

    Args:
        table: from `errors.errors_by_distance`; its last bin holds all the rest.
    """
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    ends = [f"{end:g}" for end in table.index[:-1]]
    left.bar([*ends, f"> {ends[-1]}"], table["rate"] * 100, color=ACCENT)
    left.set(xlabel="pixels to the nearest boundary, up to", ylabel="wrong pixels among those there [%]")
    left.set_title("The nearer to a boundary, the more errors")
    for column, color, name in (
        ("share_of_errors", ACCENT, "of all errors"),
        ("share_of_pixels", INK, "of all pixels"),
    ):
        within = table[column].cumsum().iloc[:-1] * 100
        (line,) = right.plot(ends, within, "o-", color=color, linewidth=3, label=name)
        for x, y in zip(ends, within, strict=True):
            right.annotate(f"{y:.0f}", (x, y), (0, 8), textcoords="offset points", ha="center", color=line.get_color())
    right.set(ylim=(0, 105), xlabel="pixels to the nearest boundary, at most", ylabel="share that lies there [%]")
    right.set_title("A thin band holds much of the error")
    right.legend(loc="upper left")
    return figure


@styled
def plot_rare_classes(table: pd.DataFrame) -> Figure:
    """IoU of each class against its share of the pixels, on a logarithmic axis, each dot with its name."""
    scored = table[(table["share"] > 0) & table["iou"].notna()]
    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots()
    axes.scatter(scored["share"] * 100, scored["iou"], s=140, c=_colors(scored.index), edgecolor=INK, zorder=3)
    axes.set(xscale="log", ylim=(-0.08, 1.05), xlabel="share of the labelled pixels [%]", ylabel="IoU")
    axes.set_title("Rare classes score low, some less so than others")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.12)
    axes.autoscale_view()  # now, for the names are placed by where the dots are in the figure
    places = scored.assign(share=scored["share"] * 100)[["share", "iou"]].to_numpy()
    dots = axes.transData.transform(places) * 72 / figure.dpi
    for name, place, shift in zip(scored.index, places, _shifts(dots, scored.index), strict=True):
        side = "left" if shift[0] > 0 else "right"
        axes.annotate(name, place, shift, textcoords="offset points", fontsize=12, ha=side, va="center")
    return figure


def _shifts(dots: np.ndarray, names: Iterable[str]) -> list[tuple[int, int]]:
    # From each dot, (n, 2) in points, to its name: of six places that which covers fewest dots and earlier names.
    taken = [np.array([dot - 7, dot + 7]) for dot in dots]  # two corners each
    shifts = []
    for dot, name in zip(dots, names, strict=True):
        width = 7 * len(name)  # about, at 12 points
        boxes = {}
        for shift in ((10, 9), (10, -10), (-10, 9), (-10, -10), (12, 0), (-12, 0)):
            corner = dot + shift - (width if shift[0] < 0 else 0, 7)
            boxes[shift] = np.add([(0, 0), (width, 14)], corner)
        best = min(boxes, key=lambda shift: sum(_overlap(boxes[shift], box) for box in taken))
        taken.append(boxes[best])
        shifts.append(best)
    return shifts


def _overlap(box: np.ndarray, other: np.ndarray) -> bool:
    return bool((box[0] < other[1]).all() and (other[0] < box[1]).all())


@styled
def plot_region_hits(table: pd.DataFrame) -> Figure:
    """How much of the regions of each size is found.

    Args:
        table: a row for each size, by its name; columns ``found`` and ``hit`` (0..1) and ``regions`` (a count).
    """
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(table))
    for offset, column, color, name in (
        (-0.2, "found", SECOND, "regions found (half of the region's pixels right, or more)"),
        (0.2, "hit", ACCENT, "pixels right, mean of the regions"),
    ):
        bars = axes.bar(places + offset, table[column] * 100, 0.38, color=color, label=name)
        axes.bar_label(bars, fmt="%.0f", padding=2)
    names = [f"{size}\n({int(count)} regions)" for size, count in table["regions"].items()]
    axes.set_xticks(places, names)
    axes.set(ylim=(0, 118), ylabel="share [%]", xlabel="size of the region, in pixels of the network's input")
    axes.set_title("Small things are missed")
    axes.legend(loc="upper left")
    return figure


@styled
def plot_ceiling(table: pd.DataFrame) -> Figure:
    """IoU of each class beside the most that the network's input size lets through.

    Args:
        table: a row for each class; columns ``ceiling`` and ``network``, 0..1.
    """
    ordered = table.sort_values("ceiling")
    figure = Figure(figsize=(12, 0.4 * len(ordered) + 1.5), layout="constrained")
    axes = figure.subplots()
    axes.barh(ordered.index, ordered["ceiling"], color="white", edgecolor=INK, label="lost by the network")
    axes.barh(ordered.index, 1 - ordered["ceiling"], left=ordered["ceiling"], color=ACCENT, label="lost by resizing")
    axes.barh(ordered.index, ordered["network"], color=SECOND, label="kept: the network's IoU")
    axes.set(xlim=(0, 1), xlabel="IoU", title="What resizing costs, and what the network costs")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


@styled
def plot_calibration(table: pd.DataFrame) -> Figure:
    """How often pixels are right, by how sure the network is of them; dots as large as their share of the pixels.

    Args:
        table: from `errors.calibrate`.
    """
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color=INK, label="as often right as it says")
    axes.plot(table["confidence"], table["accuracy"], color=SECOND, linewidth=2)
    axes.scatter(table["confidence"], table["accuracy"], s=40 + 1500 * table["share"], color=SECOND, alpha=0.8)
    axes.set(xlim=(0, 1.05), ylim=(0, 1.05), xlabel="largest softmax probability", ylabel="share of pixels right")
    axes.set_title("Is it as sure as it should be?")
    axes.legend(loc="upper left")
    return figure
