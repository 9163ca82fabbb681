"""How a training went: curves, optimizers, rates, batches, patience, and where the time went."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs_utils.plots.style import (
    ACCENT,
    BEHIND_TEXT,
    COLORS,
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
def plot_stopping(history: pd.DataFrame, stop: int, kept: int, title: str = "") -> Figure:
    """Losses and IoU of a run, where early stopping ends it, and which epoch it keeps; what comes later is pale.

    Args:
        history: columns epoch, train_loss, val_loss and iou_score, of the whole run.
        stop: the epoch after which early stopping ends the run.
        kept: the epoch whose weights it keeps.
        title: a sentence above it all.
    """
    figure = new_figure(5.8)
    losses, scores = figure.subplots(2, 1, sharex=True)
    before = history[history["epoch"] <= stop]
    for axes, styles in (
        (losses, {"train_loss": SECOND, "val_loss": ACCENT}),
        (scores, {"iou_score": ACCENT}),
    ):
        for name, color in styles.items():
            axes.plot(history["epoch"], history[name], color=color, alpha=0.35, linewidth=2, label=f"_{name}, later")
            axes.plot(before["epoch"], before[name], **LINE, color=color, label=name)
        axes.axvline(kept, color=INK, linestyle=":")
        axes.axvline(stop, color=INK, linestyle="--")
    # The first losses may be huge, as long as batch norm's running means lag behind the weights.
    losses.set_ylim(0, 1.3 * history["train_loss"].max())
    scores.set_ylim(bottom=0)
    name_lines(losses)
    name_lines(scores)
    scores.set_title(f"dotted: epoch {kept} is kept; dashed: the run stops after epoch {stop}", loc="left")
    _by_epoch(scores)
    headline(figure, title)
    return figure


@styled
def plot_valley(height: Callable[[np.ndarray, np.ndarray], np.ndarray], paths: Mapping[str, np.ndarray],
                title: str = "") -> Figure:  # fmt: skip
    """Paths (steps, 2) of some optimizers over the contours of a function of two numbers, a panel for each."""
    figure = new_figure(2.1 * len(paths) + 0.4)
    points = np.concatenate(list(paths.values()))
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.15 * (high - low)
    x, y = np.meshgrid(*(np.linspace(*ends, 120) for ends in zip(low - room, high + room, strict=True)))
    z = height(x, y)
    rows = figure.subplots(len(paths), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, path), color in zip(rows, paths.items(), colors_for(len(paths)), strict=True):
        axes.contour(x, y, z, levels=np.geomspace(max(z.min(), z.max() / 1e4), z.max(), 12), colors=PALE, zorder=0)
        axes.plot(*path.T, marker="o", markersize=4, linewidth=1.5, color=color)
        axes.plot(0, 0, marker="*", markersize=16, color=INK)
        axes.set_title(name, loc="left")
        axes.grid(visible=False)
    headline(figure, title)
    return figure


@styled
def plot_rate_range(losses: Mapping[str, pd.Series], marks: Mapping[str, float], title: str = "") -> Figure:
    """A learning-rate range test: the loss of each step over its rate (the index), a line for each optimizer.

    Args:
        losses: by the optimizer's name.
        marks: a rate for each of them, drawn as a dotted line.
        title: a sentence above it all.
    """
    figure, axes = single(4.6)
    for (name, line), color in zip(losses.items(), colors_for(len(losses)), strict=True):
        axes.plot(line.index, line, color=color, linewidth=3, label=name)
        axes.axvline(marks[name], color=color, linestyle=":", linewidth=2)
    start = np.median([line.iloc[0] for line in losses.values()])
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss of the batch", ylim=(0, 1.7 * start))
    axes.legend()
    headline(figure, title)
    return figure


@styled
def plot_schedules(shares: pd.DataFrame, title: str = "") -> Figure:
    """The share of the learning rate in each epoch: the index is the epoch, a column for each schedule."""
    figure, axes = single(4.2)
    for name, color in zip(shares, colors_for(shares.shape[1]), strict=True):
        axes.plot(shares.index, shares[name], linewidth=3, color=color, label=name)
    _by_epoch(axes)
    axes.set(ylabel="share of the learning rate", ylim=(0, None))
    name_lines(axes)
    headline(figure, title)
    return figure


@styled
def plot_optimizers(table: pd.DataFrame, leads: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """IoU over the epochs of each variant, seed by seed; right of it, if there are any, a panel of leads for each unit.

    Args:
        table: columns variant, seed, epoch, iou_score.
        leads: by the unit, such as "percentage points": a row for each comparison, columns mean, low, high; those
            without a row are left out, and there may be no row at all.
        title: a sentence above it all.
    """
    figure = new_figure(5)
    axes = _beside(figure, leads, 1.15)
    variants = list(dict.fromkeys(table["variant"]))
    for variant, color in zip(variants, colors_for(len(variants)), strict=True):
        _seeds(axes, table[table["variant"] == variant], color, variant)
    _by_epoch(axes)
    axes.set(ylabel="mean IoU", ylim=(0, None), title="recorded; seeds thin, mean thick")
    axes.legend(loc="lower right")
    headline(figure, title)
    return figure


def _beside(figure: Figure, leads: Mapping[str, pd.DataFrame], width: float = 1.0) -> Axes:
    # Axes for the drawing that the leads belong to; they themselves, if there are any, fill the right part.
    drawn = {unit: intervals for unit, intervals in leads.items() if len(intervals)}
    if not drawn:
        return figure.subplots()
    left, right = figure.subfigures(1, 2, width_ratios=(1, width))
    axes = left.subplots()
    heights = [len(intervals) + 1 for intervals in drawn.values()]
    rows = right.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)[:, 0]
    for row, (unit, intervals) in zip(rows, drawn.items(), strict=True):
        _intervals(row, intervals, unit)
    return axes


def _intervals(axes: Axes, intervals: pd.DataFrame, unit: str) -> None:
    # Below each mean with its interval stands the name of the comparison.
    for row, (name, mean, low, high) in enumerate(intervals[["mean", "low", "high"]].itertuples()):
        ends = None if np.isnan(low) else [[mean - low], [high - mean]]  # one seed has no interval
        axes.errorbar(mean, row, xerr=ends, fmt="D", color=ACCENT, markersize=9, capsize=7, linewidth=3)
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes.annotate(name, (0.02, row), (0, -15), va="center", color=INK, bbox=BEHIND_TEXT, **place)
    axes.axvline(0, color=INK, linewidth=1.5)
    axes.set(ylim=(len(intervals) - 0.3, -0.5), xlabel=unit, yticks=[])
    axes.margins(x=0.15)


def _seeds(axes: Axes, runs: pd.DataFrame, color: object, name: str) -> None:
    # Every seed as a thin line, and their mean.
    curves = runs.pivot(index="epoch", columns="seed", values="iou_score")
    axes.plot(curves, color=color, linewidth=1, alpha=0.6, label="_seed")
    axes.plot(curves.mean(axis=1), **LINE, color=color, label=name)


@styled
def plot_batches(noise: pd.Series, leads: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """How noisy a batch's gradient is by its size; right of it, if there are any, a panel of leads for each unit.

    Args:
        noise: size of the noise relative to the mean gradient, by batch size.
        leads: as in `plot_optimizers`.
        title: a sentence above it all.
    """
    figure = new_figure(4.6)
    axes = _beside(figure, leads)
    axes.loglog(noise.index, noise, marker="o", color=ACCENT, linewidth=2.5, label="measured")
    law = noise.iloc[0] * np.sqrt(noise.index[0] / noise.index.to_numpy())
    axes.loglog(noise.index, law, linestyle="--", color=INK, label="first / √(batch size)")
    axes.set_xticks(noise.index, [str(size) for size in noise.index])
    axes.minorticks_off()
    ticks = [tick * 10.0**power for power in range(-3, 4) for tick in (1, 2, 5)]
    low, high = min(noise.min(), law.min()), max(noise.max(), law.max())
    axes.set_yticks([tick for tick in ticks if low / 1.5 < tick < high * 1.5])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(title="Noise of the gradient", xlabel="images in a batch", ylabel="noise / mean gradient")
    axes.legend()
    headline(figure, title)
    return figure


@styled
def plot_patience(replayed: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """What each patience would have done to recorded runs: epochs until it stops, and what it costs.

    Args:
        replayed: by the runs' name: columns patience, epochs, and loss, the mean IoU that is lost (0..1); a row for
            each patience and seed.
        title: a sentence above it all.
    """
    figure = new_figure(4.4)
    epochs, losses = figure.subplots(1, 2)
    for (name, table), color in zip(replayed.items(), colors_for(len(replayed)), strict=True):
        means = table.groupby("patience")[["epochs", "loss"]].mean()
        epochs.plot(means.index, means["epochs"], **LINE, color=color, label=name)
        losses.plot(means.index, 100 * means["loss"], **LINE, color=color, label=name)
    for axes in (epochs, losses):
        axes.axvline(5, color=INK, linestyle=":")
        axes.set(xlabel="patience", ylim=(0, None))
    epochs.set(title="epochs until it stops, or ends")
    losses.set(title="points of IoU below the best epoch")
    losses.legend()
    headline(figure, title)
    return figure


@styled
def plot_days(days: pd.Series, said: float, title: str = "") -> Figure:
    """Days of each part of a training, a bar for each on one linear axis, and the time that the talk named."""
    figure, axes = single(0.6 * len(days) + 2)
    names = [*days.index, "the slide"]
    bars = axes.barh(names, [*days, said], color=[*[SECOND] * len(days), COLORS[-1]], height=0.6)
    axes.bar_label(bars, labels=[spell(value * SECONDS_PER_DAY) for value in [*days, said]], padding=6)
    axes.margins(x=0.2)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("days")
    headline(figure, title)
    return figure


def spell(seconds: float) -> str:
    """A time in the unit that suits it, with two digits: "9.5 days", "3.2 h", "14 min", "0.42 s", "1.3 ms"."""
    for unit, size in (("days", SECONDS_PER_DAY), ("h", 3600), ("min", 60), ("s", 0.1)):
        if seconds >= size:
            value = seconds / (1 if unit == "s" else size)
            break
    else:
        unit, value = "ms", 1000 * seconds
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
