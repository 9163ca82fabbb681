"""How a training went: curves, optimizers, batches, schedules, and where the time went."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from cs_utils.data.cityscapes import read_upright
from cs_utils.plots.style import ACCENT, BEHIND_TEXT, FOURTH, INK, SECOND, THIRD, show, styled

COLORS = (SECOND, ACCENT, THIRD, FOURTH, INK)
LOSSES, SCORES = ("train_loss", "val_loss"), ("dice_score", "iou_score")
SECONDS_PER_DAY = 86400


def _curves(axes: Axes, history: pd.DataFrame, names: Sequence[str], colors: Sequence[str] = (SECOND, ACCENT)) -> None:
    for name, color in zip(names, colors, strict=True):
        axes.plot(history["epoch"], history[name], marker="o", markersize=4, color=color, label=name)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)


@styled
def plot_history(history: pd.DataFrame) -> Figure:
    """The talk's four curves: train_loss and val_loss, dice_score and IoU_score, with the best epoch marked."""
    figure = Figure(figsize=(14, 5), layout="constrained")
    _history_row(figure.subplots(1, 2), history)
    return figure


@styled
def plot_histories(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """The four curves of several runs, a row of two panels for each; the title says which run it is."""
    figure = Figure(figsize=(14, 4.6 * len(histories)), layout="constrained")
    rows = figure.subplots(len(histories), 2, squeeze=False)
    for row, (name, history) in zip(rows, histories.items(), strict=True):
        _history_row(row, history, f"{name}: ")
    return figure


def _history_row(row: Sequence[Axes], history: pd.DataFrame, run: str = "") -> None:
    best = history["epoch"][history["iou_score"].idxmax()]
    titles = ("loss", "scores on the validation images") if run else ("Loss", "Dice and IoU on the validation images")
    for axes, names, title in zip(row, (LOSSES, SCORES), titles, strict=True):
        _curves(axes, history, names)
        axes.axvline(best, color=INK, linestyle=":", label=f"best epoch: {best}")
        axes.set_title(run + title)
        axes.legend()
    row[0].set_ylim(bottom=0)
    row[1].set_ylim(0, 1)


@styled
def plot_stopping(history: pd.DataFrame, patience: int) -> Figure:
    """val_loss above, iou_score below; the best epoch by either, and where that one's patience would have ended."""
    figure = Figure(figsize=(13, 8), layout="constrained")
    for axes, name, color, best in zip(
        figure.subplots(2, 1, sharex=True),
        ("val_loss", "iou_score"),
        (ACCENT, SECOND),
        (history["val_loss"].cummin(), history["iou_score"].cummax()),
        strict=True,
    ):
        _curves(axes, history, (name,), (color,))
        axes.plot(history["epoch"], best, color=INK, linewidth=1, drawstyle="steps-post", label="best so far")
        winner = history["epoch"][(history[name] == best.iloc[-1]).idxmax()]
        axes.axvline(winner, color=color, linestyle=":", label=f"best epoch by {name}: {winner}")
        if (stop := patience_ends(history["epoch"], best, patience)) is not None:
            axes.axvline(stop, color=INK, linestyle="--", label=f"patience {patience} would end here: {stop}")
        axes.set(ylabel=name)
        axes.legend()
    figure.axes[0].set(title="Two numbers to watch, and the best epoch by each", xlabel="")
    return figure


def patience_ends(epochs: pd.Series, best_so_far: pd.Series, patience: int) -> int | None:
    """The first epoch at which the best value so far is ``patience`` epochs old; None if that never happens."""
    still = best_so_far.groupby((best_so_far != best_so_far.shift()).cumsum()).cumcount()
    ended = epochs[still >= patience]
    return None if ended.empty else int(ended.iloc[0])


@styled
def plot_weight_decay(weights: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel for each optimizer: how a weight falls over the steps, a line for each size of its gradients."""
    figure = Figure(figsize=(14, 4.8), layout="constrained")
    for axes, (name, table) in zip(figure.subplots(1, len(weights), sharey=True), weights.items(), strict=True):
        for column, color, style in zip(table, COLORS, ("-", "--", ":", "-.", "-"), strict=False):
            axes.plot(table.index, table[column], color=color, linestyle=style, linewidth=3, label=str(column))
        axes.set(title=name, xlabel="step", ylabel="weight", ylim=(0, 1.1))
        axes.legend(title="size of the gradients")
    return figure


@styled
def plot_optimizers(tuning: pd.DataFrame, final: pd.DataFrame) -> Figure:
    """IoU over the epochs: each optimizer at each learning rate, then each at its best one, seed by seed.

    Args:
        tuning: columns optimizer, rate, epoch, iou_score.
        final: columns variant, seed, epoch, iou_score.
    """
    names = list(dict.fromkeys(tuning["optimizer"]))
    figure = Figure(figsize=(14, 9), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True).flat
    for axes, name in zip(panels, names, strict=False):
        runs = tuning[tuning["optimizer"] == name]
        for rate, color in zip(dict.fromkeys(runs["rate"]), COLORS, strict=False):
            tried = runs[runs["rate"] == rate].rename(columns={"iou_score": str(rate)})
            _curves(axes, tried, (str(rate),), (color,))
        axes.set_title(f"{name}, tuned on one seed")
        axes.legend(title="learning rate")
    axes = figure.axes[-1]
    for variant, color in zip(dict.fromkeys(final["variant"]), COLORS, strict=False):
        runs = final[final["variant"] == variant].groupby("epoch")["iou_score"].agg(["mean", "min", "max"])
        axes.plot(runs.index, runs["mean"], marker="o", markersize=4, color=color, label=variant)
        axes.fill_between(runs.index, runs["min"], runs["max"], color=color, alpha=0.15)
    axes.set(title="Each at its best rate, other seeds", xlabel="epoch")
    axes.legend(title="mean, band from least to most")
    for axes in figure.axes[::2]:
        axes.set_ylabel("IoU")
    return figure


@styled
def plot_batches(noise: pd.Series, table: pd.DataFrame) -> Figure:
    """Left, how noisy a batch's gradient is; right, IoU after as many images, for each batch size.

    Args:
        noise: size of the noise relative to the mean gradient, by batch size.
        table: columns variant (the batch size), epoch, iou_score; perhaps of several seeds.
    """
    figure = Figure(figsize=(14, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(noise.index, noise, marker="o", color=ACCENT, label="measured")
    first = noise.iloc[0] * np.sqrt(noise.index[0] / noise.index.to_numpy())
    left.loglog(noise.index, first, linestyle="--", color=INK, label="noise of the first / √(batch size)")
    left.set_xticks(noise.index, [str(size) for size in noise.index])
    left.minorticks_off()
    left.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    left.yaxis.set_major_formatter("{x:g}")
    left.set(title="Noise of the gradient", xlabel="images in a batch", ylabel="noise / mean gradient")
    left.legend()
    for variant, color in zip(dict.fromkeys(table["variant"]), COLORS, strict=False):
        runs = table[table["variant"] == variant].groupby("epoch")["iou_score"].mean()
        right.plot(runs.index, runs, marker="o", markersize=4, color=color, label=str(variant))
    right.set(title="The same images, the same learning rate", xlabel="epoch", ylabel="IoU", ylim=(0, None))
    right.legend(title="batch size")
    return figure


@styled
def plot_schedules(rates: pd.DataFrame) -> Figure:
    """Learning rate in each epoch: the index is the epoch, a column for each schedule."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    axes = figure.subplots()
    for name, color in zip(rates, COLORS, strict=False):
        axes.plot(rates.index, rates[name], linewidth=3, color=color, label=name)
    axes.set(title="Large steps first, small ones at the end", xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    axes.legend(title="schedule")
    return figure


@styled
def plot_pictures(paths: Sequence[Path]) -> Figure:
    """Pictures that a run has written, one below the other, each with its file's name."""
    pictures = [read_upright(path) for path in paths]
    height = sum(13 * picture.shape[0] / picture.shape[1] + 0.4 for picture in pictures)
    figure = Figure(figsize=(13, height), layout="constrained")
    for axes, picture, path in zip(figure.subplots(len(paths), 1, squeeze=False).flat, pictures, paths, strict=True):
        show(axes, picture, path.name)
    return figure


@styled
def plot_days(epoch: pd.Series, recipe: pd.Series, epochs: int, days: float) -> Figure:
    """Left, the measured seconds of one epoch here; right, the days of a whole recipe that they extrapolate to.

    Args:
        epoch: seconds of each part in an epoch of the course's own run, measured.
        recipe: seconds of each part in an epoch of the recipe, extrapolated.
        epochs: of the recipe.
        days: what the talk said that it took.
    """
    figure = Figure(figsize=(14, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    whole = recipe * epochs / SECONDS_PER_DAY
    for axes, values, unit, color in ((left, epoch, "s", SECOND), (right, whole, "days", ACCENT)):
        bars = axes.barh(values.index, values, color=color)
        axes.bar_label(bars, labels=[f"{_short(value)} {unit}" for value in values], padding=4, bbox=BEHIND_TEXT)
        axes.set_xscale("log")
        axes.set_xlim(values.max() / 3e5, values.max() * 12)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
    left.set(title=f"Measured: one epoch here, {epoch.sum():.0f} s", xlabel="seconds")
    right.axvline(days, color=INK, linestyle="--", zorder=0)
    right.set(
        title=f"Extrapolated: the talk's {epochs} epochs here",
        xlabel=f"days; {_short(whole.sum())} in all; dashed: the talk's {days:g}",
    )
    right.set_yticklabels([])
    return figure


@styled
def plot_faster(step: pd.Series, loading: pd.Series) -> Figure:
    """Left, seconds of a training step; right, images loaded in a second: a bar for each way of doing the same.

    Args:
        step: seconds by name, the plain way first.
        loading: images a second by name, the plain way first.
    """
    figure = Figure(figsize=(14, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, values, gain in ((left, step, step.iloc[0] / step), (right, loading, loading / loading.iloc[0])):
        bars = axes.barh(values.index, values, color=[INK, *[SECOND] * (len(values) - 1)])
        labels = [f"{value:.3g}  ({factor:.1f}x)" for value, factor in zip(values, gain, strict=True)]
        axes.bar_label(bars, labels=labels, padding=4)
        axes.set_xlim(0, values.max() * 1.35)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
    left.set(title="A training step, 4 images of 512x256", xlabel="seconds, shorter is better")
    right.set(title="From 2048x1024 files to 512x256 tensors", xlabel="images a second, longer is better")
    return figure


def _short(value: float) -> str:
    # Two digits, without an exponent.
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.001 else "0.00"
