"""The loss journey: what losses say, which way they push, and what came of training with each of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs_utils.plots.style import (
    ACCENT,
    INK,
    PALE,
    SECOND,
    WIDTH,
    add_legend,
    colors_for,
    headline,
    name_lines,
    new_figure,
    show,
    single,
    styled,
)


@styled
def plot_surprise(num_classes: int, title: str = "", ax: Axes | None = None) -> Figure:
    """-log p_t, what a pixel costs in the cross entropy, with the price of a guess among the classes marked."""
    p = np.linspace(0.005, 1, 400)
    figure, axes = single(ax, 4.6)
    axes.plot(p, -np.log(p), color=SECOND, linewidth=3)
    guess = np.log(num_classes)
    arrow = {"arrowstyle": "->", "color": INK}
    axes.plot(1 / num_classes, guess, "o", color=ACCENT, markersize=11)
    axes.annotate(f"a guess among {num_classes}: {guess:.2f}", (1 / num_classes, guess), (0.14, guess), va="center")
    axes.plot(0.01, -np.log(0.01), "o", color=ACCENT, markersize=11)
    axes.annotate(f"sure and wrong (p = 0.01): {-np.log(0.01):.2f}", (0.01, 4.605), (0.14, 4.605), va="center")
    axes.annotate("sure and right: 0", (1, 0), (0.75, 0.8), arrowprops=arrow)
    axes.set(xlabel="$p_t$, probability of the true class", ylabel="cost of the pixel, nats", xlim=(0, 1.02))
    headline(axes, title or "Cross entropy of a pixel: −log of the probability of its class")
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
        right: rows that belong to losses without a defect; the names of the others are written in red.
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
    axes.set(xlabel="each row is coloured on its own scale; red names: losses with a defect", ylabel="", xticks=[])
    for label in axes.get_yticklabels():
        label.set_color(INK if label.get_text() in right else ACCENT)
    add_legend(figure, [mask for mask in masks.values() if mask is not None])
    headline(figure, title or "What each loss says of each prediction")
    return figure


@styled
def plot_void(values: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Figure:
    """What each loss says of one fixed prediction while void grows around it, relative to no void at all.

    Args:
        values: a column for each loss; the index is the share of void pixels, 0..1, from 0 upwards.
        title: what it shows.
        ax: axes to draw in.
    """
    figure, axes = single(ax, 4.6)
    relative = values / values.iloc[0]
    for (name, column), color in zip(relative.items(), colors_for(values.shape[1]), strict=True):
        style = "-" if np.allclose(column, 1, atol=1e-4) else "--"
        axes.plot(100 * values.index, column, style, color=color, linewidth=3, marker="o", label=name)
    axes.set(xlabel="void, share of all pixels [%]", ylabel="loss, divided by its value\nwithout void (logarithmic)")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    name_lines(axes)
    headline(axes, title or "The same prediction with more and more void")
    return figure


@styled
def plot_gradients(p: np.ndarray, pulls: Mapping[str, np.ndarray], shares: pd.DataFrame, title: str = "") -> Figure:
    """Left: how hard each loss pulls at a pixel, by p_t. Right: which class gets how much of the whole gradient.

    Args:
        p: (n,) probability of the true class.
        pulls: by loss, (n,) minus the gradient with respect to the logit of the true class.
        shares: a row for each class, a column for each loss; shares of the sum of all absolute gradients, 0..1.
        title: a sentence above it all.
    """
    figure = new_figure(4.2 + 0.31 * max(len(pulls), shares.shape[1]))
    left, right = figure.subplots(1, 2)
    for (name, pull), color in zip(pulls.items(), colors_for(len(pulls)), strict=True):
        left.plot(p, pull, color=color, linewidth=3, label=name)
    left.set(xlabel="$p_t$, probability of the true class", ylabel="pull at the true class's logit")
    left.set_title("One pixel")
    colors = colors_for(shares.shape[1])
    for number, ((name, share), color) in enumerate(zip(shares.items(), colors, strict=True)):
        places = np.arange(len(share)) + 0.6 * ((number + 0.5) / shares.shape[1] - 0.5)
        right.plot(100 * share, places, "o", color=color, markersize=10, label=name)
    right.set_yticks(range(len(shares)), shares.index)
    right.set(xlabel="share of the whole gradient [%]", xlim=(0, None), title="All pixels of a street, by class")
    right.grid(axis="y", visible=False)
    right.hlines(np.arange(len(shares) - 1) + 0.5, 0, 100 * shares.max(axis=None), color=PALE)
    for axes, side in ((left, "left"), (right, "right")):
        figure.legend(*axes.get_legend_handles_labels(), loc=f"outside lower {side}", frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_focus(gammas: Sequence[float], title: str = "") -> Figure:
    """The focal loss of a pixel by p_t for several gammas, and what it weighs compared with the cross entropy."""
    p = np.linspace(0.01, 0.999, 400)
    figure = new_figure(4.4)
    left, right = figure.subplots(1, 2)
    for gamma, color in zip(gammas, sns.color_palette("flare", len(gammas)), strict=True):
        left.plot(p, -((1 - p) ** gamma) * np.log(p), color=color, linewidth=3, label=f"γ = {gamma:g}")
        right.plot(p, (1 - p) ** gamma, color=color, linewidth=3)
    left.set(xlabel="$p_t$", ylabel="cost of the pixel", ylim=(0, 3), title="Focal loss")
    right.set(xlabel="$p_t$", ylabel="weight, 1 = cross entropy", title="What a pixel still weighs")
    right.axvline(0.9, color=INK, linestyle=":")
    right.annotate("$p_t$ = 0.9", (0.9, 0.5), (-6, 0), textcoords="offset points", ha="right")
    left.legend()
    headline(figure, title)
    return figure


@styled
def plot_failures(
    table: pd.DataFrame, reference: str, mask: np.ndarray, predictions: Mapping[str, np.ndarray], title: str = ""
) -> Figure:
    """For each loss its own curve and the IoU meanwhile, and below what its network predicts in the end.

    Args:
        table: as in `experiments.Comparison`, one seed.
        reference: the variant whose IoU is drawn as a dotted line everywhere.
        mask: (H, W) trainIds, the ground truth.
        predictions: (H, W) trainIds by variant; void where the ground truth is void.
        title: a sentence above it all.
    """
    columns = min(3, len(predictions))
    rows = -(-len(predictions) // columns)
    high = WIDTH / columns * mask.shape[0] / mask.shape[1]
    figure = new_figure(rows * (high + 2.4) + 1.4)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[2, high] * rows)
    goal = table[table["variant"] == reference]
    top = 115 * table["iou_score"].max()
    for number, (name, prediction) in enumerate(predictions.items()):
        row, column = divmod(number, columns)
        axes = figure.add_subplot(grid[2 * row, column])
        run = table[table["variant"] == name]
        own = axes.twinx()
        own.plot(run["epoch"], run["train_loss"], color=SECOND, linewidth=3)
        own.grid(visible=False)
        own.tick_params(axis="y", colors=SECOND)
        own.yaxis.set_major_locator(MaxNLocator(3))
        axes.plot(goal["epoch"], 100 * goal["iou_score"], color=INK, linestyle=":", linewidth=2)
        axes.plot(run["epoch"], 100 * run["iou_score"], color=ACCENT, linewidth=3)
        last = 100 * run["iou_score"].iloc[-1]
        axes.set(ylim=(0, top), title=f"{name}")
        axes.tick_params(axis="y", colors=ACCENT)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        show(figure.add_subplot(grid[2 * row + 1, column]), prediction, f"IoU at the end: {last:.1f} %")
    handles = [
        *(axes.lines[index] for index in (1, 0)),
        own.lines[0],
    ]
    labels = ["IoU [%]", f"IoU of {reference}", "its own loss (right scale), by epoch"]
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    add_legend(figure, [mask, *predictions.values()])
    headline(figure, title)
    return figure


@styled
def plot_journey(
    final: pd.DataFrame,
    broken: Sequence[str],
    leads: pd.DataFrame,
    intervals: pd.DataFrame,
    margin: float = 1.0,
    title: str = "",
) -> Figure:
    """IoU of every loss after the same budget, a dot for each seed; below, paired leads with their intervals.

    Args:
        final: a row for each seed, a column for each loss; IoU 0..1, NaN where a seed was not run.
        broken: columns that belong to losses with a defect.
        leads: a row for each seed, a column for each loss that is compared with a reference: its lead in percentage
            points.
        intervals: a row for each of these losses; columns mean, low and high, in percentage points or NaN.
        margin: leads of at most so many points count as none; shaded.
        title: a sentence above it all.
    """
    rows = final.shape[1], leads.shape[1]
    figure = new_figure(0.36 * sum(rows) + 2.6)
    above, below = figure.subplots(2, 1, height_ratios=(rows[0] + 1, rows[1] + 1))
    for name in final:
        color = ACCENT if name in broken else SECOND
        scores = 100 * final[name].dropna()
        above.plot(scores, [name] * len(scores), "o", color=color, markersize=10, alpha=0.6)
    for label in above.get_yticklabels():
        label.set_color(ACCENT if label.get_text() in broken else SECOND)
    above.set(xlim=(0, None), xlabel="mean IoU [%]; a dot for each seed; red: losses with a defect")
    below.axvspan(-margin, margin, color=PALE, alpha=0.5, zorder=0)
    below.axvline(0, color=INK)
    for place, name in enumerate(leads):
        below.plot(leads[name].dropna(), [place] * leads[name].count(), "o", color=SECOND, markersize=10, alpha=0.6)
        row = intervals.loc[name]
        error = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
        style = {"fmt": "D", "color": INK, "capsize": 7, "linewidth": 2.5, "markersize": 8}
        below.errorbar(row["mean"], place + 0.3, xerr=error, **style)
    below.set_yticks(range(leads.shape[1]), list(leads))
    below.set(ylim=(-0.5, leads.shape[1] - 0.2))
    below.set(xlabel=f"lead, seed by seed [percentage points]; bar: 95 %; grey: within {margin:g} point")
    for axes in (above, below):
        axes.invert_yaxis()
    headline(figure, title or "Every loss on the same budget")
    return figure
