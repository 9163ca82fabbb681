"""The loss journey: what losses say, which way they push, and what came of training with each of them."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cs_utils.labels import colorize
from cs_utils.plots.style import ACCENT, FOURTH, INK, SECOND, THIRD, add_legend, show, styled

COLORS = (SECOND, ACCENT, THIRD, FOURTH, "#c98a1b", "#5b6470")
"""One for each curve, in this order."""


@styled
def plot_surprise(num_classes: int) -> Figure:
    """-log p_t, what a pixel costs in the cross entropy, with the price of a guess among the classes marked."""
    p = np.linspace(0.005, 1, 400)
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(p, -np.log(p), color=SECOND, linewidth=3)
    guess = np.log(num_classes)
    axes.plot(1 / num_classes, guess, "o", color=ACCENT, markersize=11)
    axes.annotate(f"a guess among {num_classes}: {guess:.2f}", (1 / num_classes, guess), (0.14, guess), va="center")
    axes.annotate("sure and right: 0", (1, 0), (0.8, 0.6), arrowprops={"arrowstyle": "->", "color": INK})
    axes.set(xlabel="p_t, probability of the true class", ylabel="cost of the pixel, nats", xlim=(0, 1.02))
    axes.set_title("Sure and wrong is what costs")
    return figure


@styled
def plot_toy_losses(masks: Mapping[str, np.ndarray | None], values: pd.DataFrame, right: Sequence[str]) -> Figure:
    """Toy predictions as masks, and below each what every loss says of it.

    Args:
        masks: (H, W) trainIds by the prediction's name; the same names as the columns of ``values``, in order. None: a
            prediction that has no best class.
        values: a row for each loss, a column for each prediction. A row is coloured from its smallest value to its
            largest, because values of different losses have no common scale.
        right: rows that belong to losses without a defect; the names of the others are written in red.
    """
    figure = Figure(figsize=(15, 3 + 0.52 * len(values)), layout="constrained")
    # One grid for both, so that each mask stands above its column.
    grid = figure.add_gridspec(2, len(masks), height_ratios=(1.3, 0.52 * len(values)))
    for place, (name, mask) in enumerate(masks.items()):
        axes = figure.add_subplot(grid[0, place])
        shown = next(iter(masks.values())) if mask is None else mask
        show(axes, np.full_like(colorize(shown), 235) if mask is None else colorize(mask), name)
        if mask is None:
            axes.text(0.5, 0.5, "all logits 0", ha="center", va="center", transform=axes.transAxes)
    axes = figure.add_subplot(grid[1, :])
    low, high = values.min(axis=1), values.max(axis=1)
    ranks = values.sub(low, axis=0).div((high - low).clip(lower=1e-9), axis=0)
    sns.heatmap(ranks, ax=axes, cmap="YlOrRd", vmin=0, vmax=1.3, annot=values, fmt=".2f", cbar=False, linewidths=2)
    axes.set(xlabel="", ylabel="")
    axes.set_title("What each loss says (each row coloured on its own scale)", pad=12)
    axes.tick_params(axis="x", labelbottom=False, labeltop=True, length=0)
    for label in axes.get_yticklabels():
        label.set_color(INK if label.get_text() in right else ACCENT)
    add_legend(figure, [mask for mask in masks.values() if mask is not None])
    return figure


@styled
def plot_void(values: pd.DataFrame) -> Figure:
    """What each loss says of one fixed prediction while void grows beside it, relative to no void at all.

    Args:
        values: a column for each loss; the index is the share of void pixels, 0..1, from 0 upwards.
    """
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    axes = figure.subplots()
    relative = values / values.iloc[0]
    for (name, column), color in zip(relative.items(), COLORS, strict=False):
        right = np.allclose(column, 1, atol=1e-4)
        style = "-" if right else "--"
        axes.plot(100 * values.index, column, style, color=color, linewidth=3, marker="o", label=name)
    axes.set(xlabel="void, share of all pixels [%]", ylabel="loss, divided by its value without void")
    axes.set_title("The prediction stays the same: a right loss does not move")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@styled
def plot_gradients(p: np.ndarray, pulls: Mapping[str, np.ndarray], shares: pd.DataFrame) -> Figure:
    """Left: how hard each loss pulls at a pixel, by p_t. Right: which class gets how much of the whole gradient.

    Args:
        p: (n,) probability of the true class.
        pulls: by loss, (n,) minus the gradient with respect to the logit of the true class.
        shares: a row for each class, a column for each loss; shares of the sum of all absolute gradients, 0..1.
    """
    figure = Figure(figsize=(15, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, pull), color in zip(pulls.items(), COLORS, strict=False):
        left.plot(p, pull, color=color, linewidth=3, label=name)
    left.set(xlabel="p_t, probability of the true class", ylabel="pull at the logit of the true class")
    left.set_title("One pixel: who still pulls when it is all wrong?")
    left.legend()
    (100 * shares).plot.bar(ax=right, color=COLORS[: shares.shape[1]], width=0.8, rot=0)
    right.set(xlabel="", ylabel="share of the whole gradient [%]", title="A street: whose pixels are heard?")
    right.set_ylim(0, 135 * shares.max(axis=None))
    right.legend(loc="upper center", ncols=2)
    return figure


@styled
def plot_focus(gammas: Sequence[float]) -> Figure:
    """The focal loss of a pixel by p_t for several gammas, and what it weighs compared with the cross entropy."""
    p = np.linspace(0.01, 0.999, 400)
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for gamma, color in zip(gammas, COLORS, strict=False):
        left.plot(p, -((1 - p) ** gamma) * np.log(p), color=color, linewidth=3, label=f"γ = {gamma:g}")
        right.plot(p, (1 - p) ** gamma, color=color, linewidth=3)
    left.set(xlabel="p_t", ylabel="cost of the pixel", ylim=(0, 3), title="Focal loss: less care for what is right")
    right.set(xlabel="p_t", ylabel="weight of the pixel, 1 = cross entropy", title="What a pixel still weighs")
    right.axvline(0.9, color=INK, linestyle=":")
    left.legend()
    return figure


@styled
def plot_failures(
    table: pd.DataFrame, reference: str, mask: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> Figure:
    """A column for each loss: its own curve and the IoU meanwhile; below, what each network predicts in the end.

    Args:
        table: as in `experiments.Comparison`, one seed.
        reference: the variant whose IoU is drawn as a dotted line everywhere.
        mask: (H, W) trainIds, the ground truth.
        predictions: (H, W) trainIds by variant; void where the ground truth is void.
    """
    figure = Figure(figsize=(16, 12), layout="constrained")
    curves, pictures = figure.subfigures(2, 1, height_ratios=(1, 1))
    axes = curves.subplots(2, len(predictions))
    goal = table[table["variant"] == reference]
    top = 115 * table["iou_score"].max()
    for column, name in zip(axes.T, predictions, strict=True):
        run = table[table["variant"] == name]
        column[0].plot(run["epoch"], run["train_loss"], color=SECOND, linewidth=3)
        column[0].set_title(name.replace(", ", ",\n"))
        for line, style in ((goal, {"color": INK, "ls": ":", "lw": 2}), (run, {"color": ACCENT, "lw": 3})):
            column[1].plot(line["epoch"], 100 * line["iou_score"], **style)
        column[1].set(ylim=(0, top), xlabel="epoch")
        for axis in column:
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0, 0].set_ylabel("its own loss")
    axes[1, 0].set_ylabel("IoU [%]")
    labels = [f"IoU of {reference}, in all panels", "IoU of the loss itself"]
    curves.legend(axes[1, 0].lines, labels, loc="outside lower center", ncols=2, frameon=False)
    masks = {"ground truth": mask, **predictions}
    panels = pictures.subplots(math.ceil(len(masks) / 4), 4)
    for axis, (title, shown) in zip(panels.flat, masks.items(), strict=False):
        show(axis, colorize(shown), title)
    for axis in panels.flat[len(masks) :]:
        axis.set_axis_off()
    add_legend(pictures, list(masks.values()))
    return figure


def _intervals(axes: Axes, final: pd.DataFrame, colors: Sequence[str]) -> None:
    # Every seed as a dot, the mean with its interval beside them.
    for place, (name, color) in enumerate(zip(final, colors, strict=True)):
        scores = 100 * final[name].dropna()
        axes.plot([place] * len(scores), scores, "o", color=color, markersize=8, alpha=0.6)
        if len(scores) > 1:
            axes.errorbar(place + 0.2, scores.mean(), 100 * half_width(final[name].dropna()), fmt="s", color=color,
                          capsize=6, linewidth=2.5)  # fmt: skip
    axes.set_xticks(range(final.shape[1]), [name.replace(", ", ",\n") for name in final], rotation=35, ha="right")
    handles = [Line2D([], [], color=INK, marker="o", markersize=8, linestyle="", alpha=0.6, label="one seed")]
    if axes.containers:
        handles.append(Line2D([], [], color=INK, marker="s", linewidth=2.5, label="mean, 95 % interval"))
    axes.legend(handles=handles)


STUDENT_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Student's t for a 95 % interval of a mean, by the number of values."""


def half_width(values: pd.Series) -> float:
    """Half the 95 % confidence interval of a mean, by Student's t: 2 to 10 values, in their unit; NaN for fewer.

    Raises:
        KeyError: more than ten values.
    """
    count = len(values)
    return float(STUDENT_95[count] * values.std() / count**0.5) if count > 1 else float("nan")


@styled
def plot_journey(final: pd.DataFrame, broken: Sequence[str]) -> Figure:
    """IoU of every loss after the same budget: each seed a dot, the mean a square with its 95 % interval.

    Args:
        final: a row for each seed, a column for each loss; IoU 0..1, NaN where a seed was not run.
        broken: columns that belong to losses with a defect.
    """
    figure = Figure(figsize=(14, 6.5), layout="constrained")
    axes = figure.subplots()
    _intervals(axes, final, [ACCENT if name in broken else SECOND for name in final])
    axes.set(ylabel="mean IoU [%]", title="The same budget, judged by IoU: right losses (blue), beginners' (red)")
    axes.set_ylim(bottom=0)
    return figure


@styled
def plot_class_table(iou: pd.DataFrame, shares: pd.Series) -> Figure:
    """IoU of each class under each loss, the most frequent class first.

    Args:
        iou: a row for each class, a column for each loss; 0..1 or NaN.
        shares: each class's share of the pixels, 0..1, by name.
    """
    ordered = iou.dropna(how="all").loc[lambda rows: shares[rows.index].sort_values(ascending=False).index]
    ordered.index = [f"{name} ({shares[name]:.1%})" for name in ordered.index]
    figure = Figure(figsize=(13, 0.42 * len(ordered) + 2), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(100 * ordered, ax=axes, cmap="YlGnBu", vmin=0, vmax=100, annot=True, fmt=".0f", cbar=False)
    axes.set(xlabel="", ylabel="", title="IoU of each class [%] (in brackets: its share of the pixels)")
    axes.tick_params(axis="x", rotation=0)
    return figure
