"""What a trained model scores."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from cs_utils.labels import CLASS_NAMES, CLASSES, NUM_CLASSES
from cs_utils.plots.masks import color_of
from cs_utils.plots.style import (
    ACCENT,
    BEHIND_TEXT,
    INK,
    LETTERS,
    PALE,
    SECOND,
    color_numbers,
    colors_for,
    headline,
    name_dots,
    new_figure,
    single,
    styled,
)


@styled
def plot_class_iou(table: pd.DataFrame, title: str = "") -> Figure:
    """IoU of each class that occurs, best first, in the class's colour; beside it the classes' shares of the pixels."""
    scored = table.dropna(subset="iou").sort_values("iou")
    mean = scored["iou"].mean()
    figure = new_figure(0.31 * len(scored) + 1.6)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    bars = left.barh(scored.index, scored["iou"], color=[color_of(name) for name in scored.index], edgecolor=INK)
    left.bar_label(bars, fmt="%.2f", padding=4, bbox=BEHIND_TEXT)
    left.axvline(mean, color=INK, linestyle=":")
    left.set(xlim=(0, 1.1), xlabel=f"IoU; dotted: the mean, {mean:.3f}", title="IoU of each class")
    left.margins(y=0.02)
    left.grid(axis="y", visible=False)
    right.plot(scored["share"].where(scored["share"] > 0) * 100, scored.index, "D", color=INK)
    right.set(xscale="log", xlabel="share of the labelled\npixels [%], logarithmic", title="How much there is of it")
    right.xaxis.set_major_formatter("{x:g}")
    headline(figure, title)
    return figure


@styled
def plot_confusion(matrix: np.ndarray, title: str = "") -> Figure:
    """Confusion matrix (20, 20), each row as per cent of the true class; blank where it is under half a per cent.

    The colour goes with the root of the share, so that a twentieth can be seen. A column that nothing was predicted as,
    such as void, is left out. Lines part the categories.
    """
    valid = matrix[:NUM_CLASSES].astype(float)
    totals = valid.sum(axis=1, keepdims=True)
    shares = 100 * np.divide(valid, totals, out=np.full_like(valid, np.nan), where=totals > 0)
    columns = [*CLASS_NAMES, "void"] if valid[:, NUM_CLASSES].any() else list(CLASS_NAMES)
    shares = shares[:, : len(columns)]
    written = [["" if np.isnan(share) or share < 0.5 else f"{share:.0f}" for share in row] for row in shares]
    figure, axes = single(8.4)
    options = {"cmap": "rocket_r", "vmin": 0, "vmax": 10, "cbar": False, "annot_kws": {"fontsize": LETTERS}}
    table = pd.DataFrame(np.sqrt(shares), index=CLASS_NAMES, columns=columns)
    sns.heatmap(table, ax=axes, annot=np.array(written), fmt="", **options)
    color_numbers(axes)
    for place in range(1, NUM_CLASSES):
        if CLASSES[place].category != CLASSES[place - 1].category:
            axes.axhline(place, color=PALE, linewidth=1.5)
            axes.axvline(place, color=PALE, linewidth=1.5)
    axes.set(xlabel="predicted", ylabel="true")
    headline(figure, title)
    return figure


@styled
def plot_boundary_errors(table: pd.DataFrame, title: str = "") -> Figure:
    """Error rate by distance to the nearest border, and what share of all errors lies that near or nearer.

    Args:
        table: from `errors.errors_by_distance`; its last bin holds all the rest.
        title: a sentence above it all.
    """
    figure = new_figure(5)
    left, right = figure.subplots(1, 2)
    ends = [f"{end:g}" for end in table.index[:-1]]
    left.bar([*ends, f"> {ends[-1]}"], table["rate"] * 100, color=ACCENT)
    left.set(xlabel="pixels to the nearest border, up to", ylabel="wrong pixels among those there [%]")
    for column, color, name, shift in (
        ("share_of_errors", ACCENT, "of all errors", 8),
        ("share_of_pixels", INK, "of all pixels", -20),
    ):
        within = table[column].cumsum().iloc[:-1] * 100
        right.plot(ends, within, "o-", color=color, linewidth=3, label=name)
        for x, y in zip(ends, within, strict=True):
            right.annotate(f"{y:.0f}", (x, y), (0, shift), textcoords="offset points", ha="center", color=color)
    right.set(ylim=(-8, 112), xlabel="pixels to the nearest border, at most", ylabel="share that lies there [%]")
    right.legend(loc="upper left")
    headline(figure, title)
    return figure


@styled
def plot_rare_classes(table: pd.DataFrame, title: str = "") -> Figure:
    """IoU of each class against its share of the pixels, on a logarithmic axis, each dot with its name."""
    scored = table[(table["share"] > 0) & table["iou"].notna()]
    figure, axes = single(6)
    shares = 100 * scored["share"]
    axes.scatter(shares, scored["iou"], s=140, c=[color_of(name) for name in scored.index], edgecolor=INK, zorder=3)
    axes.set(xscale="log", ylim=(-0.22, 1.05), xlabel="share of the labelled pixels [%], logarithmic", ylabel="IoU")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.margins(x=0.12)
    name_dots(axes, np.stack([shares, scored["iou"]], axis=1), scored.index)
    headline(figure, title)
    return figure


@styled
def plot_region_hits(table: pd.DataFrame, title: str = "") -> Figure:
    """How many of the regions of each size are found: half of the region's pixels right, or more.

    Args:
        table: a row for each size, by its name; columns ``found`` (0..1) and ``regions`` (a count).
        title: what it shows.
    """
    figure, axes = single(4.8)
    bars = axes.bar(range(len(table)), table["found"] * 100, 0.6, color=SECOND)
    axes.bar_label(bars, fmt="%.0f", padding=2)
    axes.set_xticks(range(len(table)), [f"{size}\n({int(count)})" for size, count in table["regions"].items()])
    axes.set(ylim=(0, 112), ylabel="regions found [%]")
    axes.set_xlabel("size of the region, in pixels of the network's input (how many regions)")
    axes.grid(axis="x", visible=False)
    headline(figure, title)
    return figure


@styled
def plot_intervals(tables: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """IoU of each class with its interval, a dot for each table: the mean on top, then the classes, best first.

    Args:
        tables: by name; each with a row for each class, and one named "mean" if you like; columns ``iou``, ``low`` and
            ``high``, 0..1. Classes that the first does not have are left out.
        title: what it shows.
    """
    best = next(iter(tables.values()))["iou"].sort_values().index
    order = [*best.drop("mean", errors="ignore"), *best.intersection(["mean"])]
    figure, axes = single(0.31 * len(order) * max(1, 0.6 * len(tables)) + 1.6)
    rows = np.arange(len(order))
    if len(tables) > 1:  # a band behind every second class, or it is hard to see which dots belong together
        for row in rows[::2]:
            axes.axhspan(row - 0.5, row + 0.5, color=INK, alpha=0.06, linewidth=0)
    for number, ((name, table), color) in enumerate(zip(tables.items(), colors_for(len(tables)), strict=True)):
        shown = table.reindex(order)
        places = rows - min(0.24, 0.8 / len(tables)) * (number - (len(tables) - 1) / 2)
        axes.hlines(places, shown["low"], shown["high"], color=color, linewidth=3, alpha=0.5)
        axes.plot(shown["iou"], places, "o", color=color, markersize=9, label=name)
    axes.set_yticks(rows, order)
    axes.set(xlim=(-0.01, 1.01), xlabel="IoU and its 95 % interval")
    if "mean" in order:
        axes.axhline(len(order) - 1.5, color=INK, linestyle=":")
    axes.set_ylim(-0.6, len(order) - 0.4)
    if len(tables) > 1:
        figure.legend(loc="outside lower center", ncols=min(len(tables), 2), frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_budget(gains: pd.Series, title: str = "") -> Figure:
    """What each correction would gain, in percentage points of mean IoU, by its name; the largest on top."""
    ordered = gains.sort_values()
    figure = new_figure(0.42 * len(ordered) + 1.1)
    axes = figure.subplots()
    bars = axes.barh(ordered.index, ordered, color=SECOND)
    axes.bar_label(bars, fmt="%+.1f", padding=4)
    axes.set(xlabel="gain in mean IoU [percentage points]", xlim=(0, 1.15 * max(ordered.max(), 0.1)))
    axes.grid(axis="y", visible=False)
    headline(figure, title)
    return figure


@styled
def plot_calibration(table: pd.DataFrame, title: str = "") -> Figure:
    """How often pixels are right, by how sure the network is of them; below, how many pixels are that sure.

    Args:
        table: from `errors.calibrate`. Bins of less than a thousandth of the pixels are left out: they say nothing.
        title: what it shows.
    """
    table = table[table["share"] >= 0.001]
    figure = new_figure(6.4, 8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], ":", color=INK)
    above.text(1, 0.03, "dotted: as often right as it says", ha="right")
    above.plot(table["confidence"], table["accuracy"], "o-", color=SECOND, linewidth=2, markersize=9)
    above.set(xlim=(0, 1.02), ylim=(0, 1.05), ylabel="share of pixels right")
    below.bar(table["confidence"], 100 * table["share"], 0.06, color=SECOND)
    below.set(xlabel="largest softmax probability", ylabel="pixels [%]", ylim=(0, 105))
    headline(figure, title)
    return figure
