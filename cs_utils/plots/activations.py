"""Activation functions, and what they do to a network."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs_utils.plots.style import (
    ACCENT,
    FOURTH,
    INK,
    PALE,
    SECOND,
    THIRD,
    colors_for,
    headline,
    name_lines,
    new_figure,
    single,
    styled,
)

KNOWN = {"relu": SECOND, "silu": ACCENT, "sigmoid": THIRD, "tanh": FOURTH}
"""One colour for each activation, in every figure."""
NAMES = {"relu": "ReLU", "silu": "SiLU"}
LOWEST = (-1.278, -0.2785)
"""The lowest point of SiLU."""


def _colors(names: Iterable[str]) -> dict[str, Any]:
    names = list(names)
    others = [name for name in names if name not in KNOWN]
    spare = colors_for(len(KNOWN) + 3 + len(others))[-len(others) :] if others else []
    return {name: KNOWN[name] if name in KNOWN else spare[others.index(name)] for name in names}


@styled
def plot_activations(title: str = "") -> Figure:
    """ReLU and SiLU, and their derivatives, around zero."""
    x = np.linspace(-6, 6, 601)
    sigmoid = 1 / (1 + np.exp(-x))
    slope = (x > 0).astype(float)
    slope[x == 0] = np.nan  # a jump, not a steep line
    figure = new_figure(4.4)
    value, derivative = figure.subplots(1, 2)
    for axes, name, relu, silu in (
        (value, "Value", np.maximum(0, x), x * sigmoid),
        (derivative, "Derivative", slope, sigmoid * (1 + x * (1 - sigmoid))),
    ):
        axes.plot(x, relu, color=SECOND, linewidth=2.5, label="ReLU")
        axes.plot(x, silu, color=ACCENT, linewidth=2.5, label="SiLU")
        axes.set(xlabel="x", title=name)
    value.annotate("ReLU\nmax(0, x)", (2.2, 2.2), (0.2, 4.2), color=SECOND)
    value.annotate("SiLU\nx · sigmoid(x)", (3.5, 3.4), (2.7, 1.0), color=ACCENT)
    arrow = {"arrowstyle": "->", "color": INK}
    value.plot(*LOWEST, "o", color=ACCENT, markersize=8)
    value.annotate(f"lowest: {LOWEST[1]:.4f}\nat x = {LOWEST[0]:.3f}", LOWEST, (-5.9, 1.0), arrowprops=arrow)
    derivative.plot(0, 0.5, "o", color=ACCENT, markersize=8)
    derivative.plot([0, 0], [0, 1], "o", color=SECOND, markersize=8, fillstyle="none")
    derivative.annotate("at 0: SiLU ½,\nReLU jumps", (0, 0.5), (1.4, 0.25), arrowprops=arrow)
    derivative.annotate("ReLU", (-5, 0), (-5.6, 0.07), color=SECOND)
    derivative.annotate("SiLU", (-4, -0.05), (-5.6, -0.14), color=ACCENT)
    headline(figure, title)
    return figure


@styled
def plot_gradient_norms(norms: Mapping[str, Mapping[str, Sequence[float]]], title: str = "") -> Figure:
    """A measure of the gradient at each layer: a panel for each network, a line for each activation.

    Args:
        norms: by the network's title, by activation, the norm at each layer, the first layer first.
        title: a sentence above it all.
    """
    rows = -(-len(norms) // 2)
    figure = new_figure(3 * rows + 0.8)
    grid = figure.subplots(rows, min(2, len(norms)), sharey=True, squeeze=False)
    for axis, (name, lines) in zip(grid.flat, norms.items(), strict=False):
        colors = _colors(lines)
        for activation, values in lines.items():
            layers = range(1, len(values) + 1)
            style = {"color": colors[activation], "marker": "o", "markersize": 4, "linewidth": 2}
            axis.plot(layers, values, label=NAMES.get(activation, activation), **style)
        axis.set(yscale="log", title=name)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axis in grid.flat[len(norms) :]:
        axis.set_axis_off()
    for axis in grid[:, 0]:
        axis.set_ylabel("gradient's norm")
    for axis in grid[-1]:
        axis.set_xlabel("layer (1 sees the image)")
    for axis in grid[:, -1]:
        if axis.lines:
            name_lines(axis)
    headline(figure, title)
    return figure


@styled
def plot_dead_units(shares: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Figure:
    """The share of dead channels in each layer, in percent: a row for each condition, a column for each layer.

    Args:
        shares: columns batch_norm (bool), learning_rate, activation, layer (from 1), channels and dead.
        title: what it shows.
        ax: axes to draw in.
    """
    keys = ["batch_norm", "learning_rate", "activation"]
    table = shares.assign(percent=100 * shares["dead"] / shares["channels"])
    layers = table.pivot_table(index=keys, columns="layer", values="percent")
    sums = shares.groupby(keys)[["dead", "channels"]].sum()
    layers.insert(len(layers.columns), "all", 100 * sums["dead"] / sums["channels"])
    layers = layers.sort_index(ascending=[False, True, True])
    names = [
        f"{'with' if norm else 'no'} norm, rate {rate:g}, {NAMES.get(activation, activation)}"
        for norm, rate, activation in layers.index
    ]
    figure, axes = single(ax, 0.36 * len(layers) + 1.6)
    written = layers.map(lambda percent: "" if percent < 0.5 else f"{percent:.0f}").to_numpy()
    options = {"cmap": "Reds", "vmin": 0, "vmax": 130, "cbar": False, "linewidths": 1, "linecolor": PALE}
    sns.heatmap(layers.to_numpy(), ax=axes, annot=written, fmt="", **options)
    axes.set_yticks(np.arange(len(names)) + 0.5, names, rotation=0)
    columns = [str(name) if name == "all" or name % 2 else "" for name in layers.columns]
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=0)
    axes.axvline(len(columns) - 1, color=INK, linewidth=2)
    axes.set(xlabel="layer; empty: none dead")
    headline(axes, title or "Dead channels [%]")
    return figure


@styled
def plot_paired_seeds(
    table: pd.DataFrame, leads: pd.Series, mean: float, low: float, high: float, margin: float = 1.0, title: str = ""
) -> Figure:
    """ReLU against SiLU with the same seeds: the curves, and SiLU's lead for each seed with its mean and interval.

    Args:
        table: columns variant ("relu" or "silu"), seed, epoch, iou_score (0..1).
        leads: SiLU's lead in the last epoch by seed, in percentage points of IoU.
        mean: mean of the leads.
        low: lower end of its 95 % confidence interval, in points.
        high: upper end.
        margin: leads of at most so many points count as none; shaded.
        title: a sentence above it all.
    """
    figure = new_figure(5)
    curves, lead = figure.subplots(1, 2, width_ratios=(1, 1))
    for name in ("relu", "silu"):
        runs = 100 * table[table["variant"] == name].pivot(index="epoch", columns="seed", values="iou_score")
        curves.plot(runs, color=KNOWN[name], linewidth=1.2, alpha=0.6, label="_seed")
        curves.plot(runs.mean(axis=1), color=KNOWN[name], linewidth=3, marker="o", label=f"{NAMES[name]}, mean")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    curves.set(xlabel="epoch", ylabel="mean IoU [%]", title="seeds thin, mean thick", ylim=(0, None))
    curves.legend(loc="lower right")
    lead.axhspan(-margin, margin, color=PALE, alpha=0.5, zorder=0)
    lead.axhline(0, color=INK, linewidth=1.5)
    lead.plot(range(1, len(leads) + 1), leads, "o", color=ACCENT, markersize=10)
    place = len(leads) + 1.3
    lead.errorbar(place, mean, [[mean - low], [high - mean]], fmt="D", color=INK, markersize=10, capsize=9, linewidth=3)
    lead.set_xticks([*range(1, len(leads) + 1), place], [*leads.index, "mean, 95 %"])
    lead.set(xlabel="seed", ylabel="SiLU minus ReLU [percentage points]", xlim=(0.4, place + 0.9))
    lead.set_title(f"last epoch; grey: within {margin:g} point")
    headline(figure, title)
    return figure
