"""The loss journey: what losses say, which way they push, and what came of training with each of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs_utils.plots.masks import add_legend, show
from cs_utils.plots.style import (
    ACCENT,
    INK,
    MARGIN,
    PALE,
    SECOND,
    color_numbers,
    colors_for,
    headline,
    name_lines,
    new_figure,
    single,
    styled,
)


@styled
def plot_surprise(num_classes: int, title: str = "") -> Figure:
    """-log p_t, what a pixel costs in the cross entropy, with the price of a guess among the classes marked."""
    p = np.linspace(0.005, 1, 400)
    figure, axes = single(4.6)
    axes.plot(p, -np.log(p), color=SECOND, linewidth=3)
    guess = np.log(num_classes)
    arrow = {"arrowstyle": "->", "color": INK}
    axes.plot(1 / num_classes, guess, "o", color=ACCENT, markersize=11)
    axes.annotate(f"a guess among {num_classes}: {guess:.2f}", (1 / num_classes, guess), (0.14, guess), va="center")
    axes.plot(0.01, -np.log(0.01), "o", color=ACCENT, markersize=11)
    axes.annotate(f"sure and wrong (p = 0.01): {-np.log(0.01):.2f}", (0.01, 4.605), (0.14, 4.605), va="center")
    axes.annotate("sure and right: 0", (1, 0), (0.75, 0.8), arrowprops=arrow)
    axes.set(xlabel="$p_t$, probability of the true class", ylabel="cost of the pixel", xlim=(0, 1.02))
    headline(figure, title)
    return figure


@styled
def plot_toy_losses(
    masks: Mapping[str, np.ndarray | None], values: pd.DataFrame, right: Sequence[str], title: str = ""
) -> Figure:
    """Toy predictions as masks, and below each what every loss says of it.

    Args:
        masks: (H, W) trainIds by the prediction's name; the same names as the columns of ``values``, in order. None: a
            prediction that has no best class.
        values: a row for each loss, a column for each prediction. A row is coloured from its smallest value to its
            largest, because values of different losses have no common scale.
        right: rows that belong to losses without an odd line; the names of the others are written in red.
        title: a sentence above it all.
    """
    figure = new_figure(2.4 + 0.34 * len(values))
    # One grid for both, so that each mask stands above its column.
    grid = figure.add_gridspec(2, len(masks), height_ratios=(0.9, 0.34 * len(values)))
    blank = next(mask for mask in masks.values() if mask is not None)
    for place, (name, mask) in enumerate(masks.items()):
        axes = figure.add_subplot(grid[0, place])
        show(axes, np.full((*blank.shape, 3), 235, np.uint8) if mask is None else mask, name.replace(" ", "\n", 1))
        if mask is None:
            axes.text(0.5, 0.5, "logits 0", ha="center", va="center", transform=axes.transAxes)
    axes = figure.add_subplot(grid[1, :])
    low, high = values.min(axis=1), values.max(axis=1)
    ranks = values.sub(low, axis=0).div((high - low).clip(lower=1e-9), axis=0)
    sns.heatmap(ranks, ax=axes, cmap="YlOrRd", vmin=0, vmax=1.3, annot=values, fmt=".2f", cbar=False, linewidths=2)
    color_numbers(axes)
    axes.set(xlabel="each row is coloured on its own scale; red names: losses with one odd line", ylabel="", xticks=[])
    for label in axes.get_yticklabels():
        label.set_color(INK if label.get_text() in right else ACCENT)
    add_legend(figure, [mask for mask in masks.values() if mask is not None])
    headline(figure, title)
    return figure


@styled
def plot_void(values: pd.DataFrame, title: str = "") -> Figure:
    """What each loss says of one fixed prediction while void grows around it, relative to no void at all.

    Args:
        values: a column for each loss; the index is the share of void pixels, 0..1, from 0 upwards.
        title: what it shows.
    """
    figure, axes = single(4.6)
    relative = values / values.iloc[0]
    for (name, column), color in zip(relative.items(), colors_for(values.shape[1]), strict=True):
        style = "-" if np.allclose(column, 1, atol=1e-4) else "--"
        axes.plot(100 * values.index, column, style, color=color, linewidth=3, marker="o", label=name)
    axes.set(xlabel="void, share of all pixels [%]", ylabel="loss, divided by its value\nwithout void (logarithmic)")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    name_lines(axes)
    headline(figure, title)
    return figure


@styled
def plot_gradients(
    p: np.ndarray, pulls: Mapping[str, np.ndarray], shares: pd.Series, fair: float, title: str = ""
) -> Figure:
    """Left: the gradient of each loss at one pixel, by p_t. Right: a class's share of the gradient of all pixels.

    Args:
        p: (n,) probability of the true class.
        pulls: by loss, (n,) minus the gradient with respect to the logit of the true class.
        shares: by loss, the class's share of the sum of all absolute gradients, 0..1; its name is that of the class.
        fair: the class's share of the pixels, 0..1, a dotted line.
        title: a sentence above it all.
    """
    figure = new_figure(4.2 + 0.16 * max(len(pulls), len(shares)))
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    for (name, pull), color in zip(pulls.items(), colors_for(len(pulls)), strict=True):
        left.plot(p, pull, color=color, linewidth=3, label=name)
    left.set(xlabel="$p_t$, probability of the true class", ylabel="minus the gradient\nat the true class's logit")
    left.set_title("one pixel")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", frameon=False, ncols=4)
    places = np.arange(len(shares))
    right.plot(100 * shares, places, "o", color=SECOND, markersize=12)
    for place, share in zip(places, shares, strict=True):
        right.annotate(f"{100 * share:.1f}", (100 * share, place), (12, 0), textcoords="offset points", va="center")
    right.axvline(100 * fair, color=INK, linestyle=":")
    right.set_yticks(places, shares.index)
    right.set(xlim=(0, 125 * shares.max()), ylim=(len(shares) - 0.5, -0.7))
    right.set(xlabel="share of the gradient [%]\ndotted: share of the pixels", title=f"all pixels of the {shares.name}")
    right.grid(axis="y", visible=False)
    headline(figure, title)
    return figure


@styled
def plot_focus(gammas: Sequence[float], shares: Sequence[float], hard: str, title: str = "") -> Figure:
    """What a pixel still weighs in the focal loss by p_t, and the share of the gradient that hard pixels get, by gamma.

    Args:
        gammas: in rising order.
        shares: for each gamma, the share of the gradient that comes from the hard pixels, 0..1.
        hard: which pixels these are, in a few words.
        title: a sentence above it all.
    """
    p = np.linspace(0.01, 0.999, 400)
    figure = new_figure(4.4)
    left, right = figure.subplots(1, 2)
    colors = sns.color_palette("flare", as_cmap=True)(np.linspace(0.35, 1, len(gammas)))  # its light end would be lost
    for gamma, color in zip(gammas, colors, strict=True):
        left.plot(p, (1 - p) ** gamma, color=color, linewidth=3, label=f"γ = {gamma:g}")
    left.axvline(0.9, color=INK, linestyle=":")
    left.annotate("$p_t$ = 0.9", (0.9, 0.88), (-6, 0), textcoords="offset points", ha="right")
    left.set(xlabel="$p_t$", ylabel="weight, 1 = cross entropy", title="what a pixel weighs")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", frameon=False, ncols=6)
    for place, (share, color) in enumerate(zip(shares, colors, strict=True)):
        right.plot(place, 100 * share, "o", color=color, markersize=14)
        right.annotate(f"{100 * share:.0f}", (place, 100 * share), (0, -22), textcoords="offset points", ha="center")
    right.set_xticks(range(len(gammas)), [f"{gamma:g}" for gamma in gammas])
    right.set(xlabel="γ", ylabel="share of the gradient [%]", ylim=(0, 108), title=hard)
    headline(figure, title)
    return figure


@styled
def plot_failures(table: pd.DataFrame, reference: str, title: str = "") -> Figure:
    """For each loss its own curve, and the IoU of its network, with the IoU of a reference as a dotted line.

    Args:
        table: as `experiments.compare.Comparison.table`, one seed.
        reference: the variant whose IoU is drawn everywhere; its panel is the first.
        title: a sentence above it all.
    """
    names = [reference, *(name for name in table["variant"].unique() if name != reference)]
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(2.5 * rows + 1.2)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    goal = table[table["variant"] == reference]
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for name, axes in zip(names, grid.flat, strict=False):
        run = table[table["variant"] == name]
        own = axes.twinx()
        own.plot(run["epoch"], run["train_loss"], color=SECOND, linewidth=3)
        own.set_ylim(min(0, 1.1 * run["train_loss"].min()), 1.1 * run["train_loss"].max())
        own.grid(visible=False)
        own.tick_params(axis="y", colors=SECOND)
        own.yaxis.set_major_locator(MaxNLocator(3))
        axes.plot(goal["epoch"], 100 * goal["iou_score"], color=INK, linestyle=":", linewidth=2)
        axes.plot(run["epoch"], 100 * run["iou_score"], color=ACCENT, linewidth=3)
        axes.set(ylim=(0, 115 * table["iou_score"].max()), title=name)
        axes.tick_params(axis="y", colors=ACCENT)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in grid.flat[max(0, len(names) - columns) : len(names)]:  # the lowest of each column
        axes.set_xlabel("epoch")
        axes.tick_params(axis="x", labelbottom=True)
    handles = [axes.lines[1], axes.lines[0], own.lines[0]]
    labels = ["mean IoU [%]", f"mean IoU, {reference}", "its own loss (right scale)"]
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_journey(
    leads: pd.DataFrame,
    intervals: pd.DataFrame,
    broken: Sequence[str],
    reference: str,
    title: str = "",
) -> Figure:
    """By how much each loss leads a reference, seed by seed, with mean and interval; losses with a defect below.

    Leads of at most `MARGIN` points count as none, and are shaded.

    Args:
        leads: a row for each seed, a column for each loss: its lead in percentage points, NaN where a seed was not run.
        intervals: a row for each of these losses; columns mean, low and high, in percentage points or NaN.
        broken: columns that belong to losses with a defect; they get a scale of their own.
        reference: what the losses are compared with.
        title: a sentence above it all.
    """
    groups = [[name for name in leads if name not in broken], [name for name in leads if name in broken]]
    groups = [names for names in groups if names]
    figure = new_figure(sum(0.62 * len(names) + 0.9 for names in groups) + 0.4)
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[len(names) + 1 for names in groups])
    for axes, names in zip(panels[:, 0], groups, strict=True):
        _leads(axes, leads[names], intervals, ACCENT if names[0] in broken else SECOND)
        axes.set_title("losses with an odd line" if names[0] in broken else "right losses", loc="left")
    axes.set_xlabel(f"minus {reference} [percentage points]\n{_LEGEND}")
    headline(figure, title)
    return figure


_LEGEND = f"dots: seeds; bar: 95 %; grey: within {MARGIN:g} point"


def _leads(axes: Axes, leads: pd.DataFrame, intervals: pd.DataFrame, color: str) -> None:
    # A row for each loss: its seeds as dots, and below them their mean with its interval.
    axes.axvspan(-MARGIN, MARGIN, color=PALE, alpha=0.5, zorder=0)
    axes.axvline(0, color=INK)
    for place, name in enumerate(leads):
        axes.plot(leads[name].dropna(), [place] * leads[name].count(), "o", color=color, markersize=9, alpha=0.5)
        row = intervals.loc[name]
        error = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
        style = {"fmt": "D", "color": INK, "capsize": 6, "linewidth": 2.5, "markersize": 7}
        axes.errorbar(row["mean"], place + 0.3, xerr=error, **style)
    axes.set_yticks(range(leads.shape[1]), leads.columns)
    axes.set(ylim=(leads.shape[1] - 0.3, -0.5))
    for label in axes.get_yticklabels():
        label.set_color(color)


@styled
def plot_encoding(
    curves: Mapping[str, pd.DataFrame],
    leads: pd.DataFrame,
    intervals: pd.DataFrame,
    title: str = "",
) -> Figure:
    """Mean IoU over the epochs of single runs; right of it, if there are any, what recorded runs lead by.

    Args:
        curves: by the run's name, columns epoch and iou_score.
        leads: as in `plot_journey`; there may be no column at all.
        intervals: as in `plot_journey`.
        title: a sentence above it all.
    """
    figure = new_figure(4)
    left, right = figure.subplots(1, 2) if leads.shape[1] else (figure.subplots(), None)
    for (name, table), color in zip(curves.items(), colors_for(len(curves)), strict=True):
        left.plot(table["epoch"], 100 * table["iou_score"], color=color, linewidth=3, marker="o", label=name)
    left.set(xlabel="epoch", ylabel="mean IoU [%]", ylim=(0, None), title="live: one run each")
    left.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False)
    if right:
        _leads(right, leads, intervals, SECOND)
        right.set(
            title="recorded: the slide's − ignored",
            xlabel=f"percentage points\n{_LEGEND}".replace("; grey", ";\ngrey"),
        )
        right.xaxis.set_major_locator(MaxNLocator(5))
    headline(figure, title)
    return figure
