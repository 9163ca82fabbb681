"""How a training went: curves, optimizers, batches, schedules, and where the time went."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs_utils.plots.style import (
    ACCENT,
    INK,
    PALE,
    SECOND,
    colors_for,
    headline,
    name_lines,
    new_figure,
    single,
    styled,
)

LINE = {"linewidth": 2.5, "marker": "o", "markersize": 4}
"""With dots: a line of a single epoch would not be seen."""
LINES = ("-", "--", ":", "-.")
SECONDS_PER_DAY = 86400


def _by_epoch(axes: Axes) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    first, last = axes.dataLim.intervalx
    axes.set_xlim(first - 0.5, last + 0.5)  # so that a run of one epoch has its whole number too


@styled
def plot_histories(histories: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """The talk's four curves of some runs: train_loss and val_loss, dice_score and iou_score, with the best epoch.

    Args:
        histories: by the run's name, columns epoch, train_loss, val_loss, dice_score and iou_score.
        title: a sentence above it all.
    """
    figure = new_figure(3.4 * len(histories) + 0.5)
    rows = figure.subplots(len(histories), 2, squeeze=False)
    for (losses, scores), (run, history) in zip(rows, histories.items(), strict=True):
        best = int(history["epoch"][history["iou_score"].idxmax()])
        for axes, styles in (
            (losses, {"train_loss": (SECOND, 2.5), "val_loss": (ACCENT, 2.5)}),
            (scores, {"dice_score": (SECOND, 1.5), "iou_score": (ACCENT, 2.5)}),
        ):
            for name, (color, width) in styles.items():
                axes.plot(history["epoch"], history[name], **{**LINE, "linewidth": width}, color=color, label=name)
            axes.axvline(best, color=INK, linestyle=":", label="_best")
            axes.set_ylim(bottom=0)
            _by_epoch(axes)
            name_lines(axes)
        losses.set_title(f"{run}: loss")
        scores.set_title(f"{run}: scores; best epoch {best}")
    headline(figure, title)
    return figure


@styled
def plot_stopping(history: pd.DataFrame, patience: int, ends: Mapping[str, float], title: str = "") -> Figure:
    """val_loss and iou_score, the best epoch by either, and where training would have ended by it.

    Args:
        history: columns epoch, val_loss and iou_score.
        patience: so many epochs without a new best end a training.
        ends: for both columns, the epoch after which that is so; NaN: never.
        title: a sentence above it all.
    """
    figure = new_figure(5.6)
    rows = figure.subplots(2, 1, sharex=True)
    for axes, name, color in zip(rows, ("val_loss", "iou_score"), (ACCENT, SECOND), strict=True):
        axes.plot(history["epoch"], history[name], color=color, linewidth=2.5, marker="o", markersize=4)
        winner = int(history["epoch"][history[name].idxmin() if name == "val_loss" else history[name].idxmax()])
        axes.axvline(winner, color=color, linestyle=":")
        end = ends[name]
        told = f"patience {patience} never ends it" if math.isnan(end) else f"patience {patience} ends it: {int(end)}"
        if not math.isnan(end):
            axes.axvline(end, color=INK, linestyle="--")
        axes.set_ylabel(name)
        axes.set_title(f"best epoch by {name}: {winner}; {told}", loc="left")
    _by_epoch(rows[-1])
    headline(figure, title)
    return figure


@styled
def plot_weight_decay(weights: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """One panel for each optimizer: how a weight falls over the steps, a line for each size of its gradients."""
    figure = new_figure(4.4)
    for axes, (name, table) in zip(figure.subplots(1, len(weights), sharey=True, squeeze=False).flat, weights.items(),
                                   strict=True):  # fmt: skip
        for number, (column, color) in enumerate(zip(table, colors_for(table.shape[1]), strict=True)):
            style = {"color": color, "linestyle": LINES[number % len(LINES)], "linewidth": 3}
            axes.plot(table.index, table[column], label=str(column), **style)
        axes.set(title=name, xlabel="step", ylim=(0, 1.1))
    figure.axes[0].set_ylabel("weight (1 at first)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, title="size of the gradients", loc="outside lower center", ncols=6, frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_optimizers(tuning: pd.DataFrame, final: pd.DataFrame, title: str = "") -> Figure:
    """IoU over the epochs: each optimizer at each learning rate, then each at its best one, seed by seed.

    Args:
        tuning: columns optimizer, rate, epoch, iou_score.
        final: columns variant, seed, epoch, iou_score.
        title: a sentence above it all.
    """
    names = list(dict.fromkeys(tuning["optimizer"]))
    count = len(names) + 1
    series = max(tuning["rate"].nunique(), final["variant"].nunique())
    figure = new_figure(max(2.9, 0.32 * series + 0.5) * -(-count // 2) + 0.6)
    grid = figure.subplots(-(-count // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        runs = tuning[tuning["optimizer"] == name]
        rates = list(dict.fromkeys(runs["rate"]))
        for rate, color in zip(rates, colors_for(len(rates)), strict=True):
            tried = runs[runs["rate"] == rate]
            axes.plot(tried["epoch"], tried["iou_score"], **LINE, color=color, label=f"rate {rate}")
        axes.set_title(f"{name}, one seed")
        name_lines(axes)
    axes = grid.flat[len(names)]
    variants = list(dict.fromkeys(final["variant"]))
    for variant, color in zip(variants, colors_for(len(variants)), strict=True):
        _seeds(axes, final[final["variant"] == variant], color, variant)
    axes.set_title("each at its best rate, other seeds")
    name_lines(axes)
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    for axes in grid[-1]:
        _by_epoch(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel("IoU")
    headline(figure, title)
    return figure


def _seeds(axes: Axes, runs: pd.DataFrame, color: object, name: str) -> None:
    # Every seed as a thin line, and their mean.
    curves = runs.pivot(index="epoch", columns="seed", values="iou_score")
    axes.plot(curves, color=color, linewidth=1, alpha=0.6, label="_seed")
    axes.plot(curves.mean(axis=1), **LINE, color=color, label=name)


@styled
def plot_batches(noise: pd.Series, table: pd.DataFrame, title: str = "") -> Figure:
    """Left, how noisy a batch's gradient is; right, IoU after as many images, for each batch size.

    Args:
        noise: size of the noise relative to the mean gradient, by batch size.
        table: columns variant (the batch size), seed, epoch, iou_score.
        title: a sentence above it all.
    """
    figure = new_figure(4.8)
    left, right = figure.subplots(1, 2)
    left.loglog(noise.index, noise, marker="o", color=ACCENT, linewidth=2.5, label="measured")
    law = noise.iloc[0] * np.sqrt(noise.index[0] / noise.index.to_numpy())
    left.loglog(noise.index, law, linestyle="--", color=INK, label="first / √(batch size)")
    left.set_xticks(noise.index, [str(size) for size in noise.index])
    left.minorticks_off()
    ticks = [tick * 10.0**power for power in range(-3, 4) for tick in (1, 2, 5)]
    low, high = min(noise.min(), law.min()), max(noise.max(), law.max())
    left.set_yticks([tick for tick in ticks if low / 1.5 < tick < high * 1.5])
    left.yaxis.set_major_formatter("{x:g}")
    left.set(title="Noise of the gradient", xlabel="images in a batch", ylabel="noise / mean gradient")
    left.legend()
    variants = list(dict.fromkeys(table["variant"]))
    for variant, color in zip(variants, colors_for(len(variants)), strict=True):
        _seeds(right, table[table["variant"] == variant], color, f"batches of {variant}")
    _by_epoch(right)
    right.set(title="IoU; seeds thin, mean thick", ylabel="IoU", ylim=(0, None))
    right.legend()
    headline(figure, title)
    return figure


@styled
def plot_schedules(rates: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Figure:
    """Learning rate in each epoch: the index is the epoch, a column for each schedule."""
    figure, axes = single(ax, 4.2)
    for name, color in zip(rates, colors_for(rates.shape[1]), strict=True):
        axes.plot(rates.index, rates[name], linewidth=3, color=color, label=name)
    _by_epoch(axes)
    axes.set(ylabel="learning rate", ylim=(0, None))
    name_lines(axes)
    headline(axes, title or "Learning rate in each epoch")
    return figure


@styled
def plot_days(epoch: pd.Series, recipe: pd.Series, epochs: int, days: float, title: str = "") -> Figure:
    """Left, the measured seconds of one epoch here; right, the days of a whole recipe that they extrapolate to.

    The axes are linear, so that lengths can be compared; the numbers are written at the bars.

    Args:
        epoch: seconds of each part in an epoch of the course's own run, measured.
        recipe: days of each part in the whole recipe, extrapolated.
        epochs: of the recipe.
        days: what the talk said that it took; drawn as a line.
        title: a sentence above it all.
    """
    figure = new_figure(0.42 * len(epoch) + 2.2)
    left, right = figure.subplots(1, 2, sharey=True)
    seconds = recipe * SECONDS_PER_DAY
    for axes, values, labels, color in (
        (left, epoch, [spell(value) for value in epoch], SECOND),
        (right, recipe, [spell(value) for value in seconds], ACCENT),
    ):
        bars = axes.barh(values.index, values, color=color)
        axes.bar_label(bars, labels=labels, padding=4)
        axes.margins(x=0.35)
        axes.grid(axis="y", visible=False)
    left.invert_yaxis()
    left.set(title=f"measured: one epoch here, {spell(epoch.sum())}", xlabel="seconds")
    right.axvline(days, color=INK, linestyle="--", zorder=0)
    right.set_title(f"extrapolated: {epochs} epochs of the talk,\n{spell(seconds.sum())} in all")
    right.set_xlabel(f"days; dashed: the talk's {days:g}")
    headline(figure, title)
    return figure


def spell(seconds: float) -> str:
    """A time in the unit that suits it, with two digits: "9.5 days", "3.2 h", "14 min", "0.42 s", "1.3 ms"."""
    for unit, size in (("days", SECONDS_PER_DAY), ("h", 3600), ("min", 60), ("s", 0.1)):
        if seconds >= size:
            value = seconds / (1 if unit == "s" else size)
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
    return f"{1000 * seconds:.2g} ms"


@styled
def plot_faster(step: pd.Series, loading: pd.Series, step_title: str, loading_title: str, title: str = "") -> Figure:
    """Above, seconds of a training step; below, images loaded in a second: a bar for each way of doing the same.

    Args:
        step: seconds by name, the plain way first.
        loading: images a second by name, the plain way first.
        step_title: what a step was, such as its batch and the size of its images.
        loading_title: what loading was.
        title: a sentence above it all.
    """
    figure = new_figure(0.42 * (len(step) + len(loading)) + 3)
    above, below = figure.subplots(2, 1, height_ratios=(len(step) + 0.5, len(loading) + 0.5))
    for axes, values, gain in ((above, step, step.iloc[0] / step), (below, loading, loading / loading.iloc[0])):
        bars = axes.barh(values.index, values, color=[PALE, *[SECOND] * (len(values) - 1)])
        labels = [f"{value:.3g}  ({factor:.1f}x)" for value, factor in zip(values, gain, strict=True)]
        axes.bar_label(bars, labels=labels, padding=4)
        axes.set_xlim(0, values.max() * 1.25)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
    above.set(title=step_title, xlabel="seconds, shorter is better")
    below.set(title=loading_title, xlabel="images a second, longer is better")
    headline(figure, title)
    return figure
