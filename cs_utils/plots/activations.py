"""Activation functions, and what they do to a network."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cs_utils.plots.style import ACCENT, BEHIND_TEXT, FOURTH, INK, SECOND, THIRD, styled

COLORS = {"relu": SECOND, "silu": ACCENT, "sigmoid": THIRD, "tanh": FOURTH}
"""One colour for each activation, in every figure."""
NAMES = {"relu": "ReLU", "silu": "SiLU"}
LOWEST = (-1.2785, -0.2785)
"""The lowest point of SiLU."""


@styled
def plot_activations() -> Figure:
    """ReLU and SiLU, and their derivatives, around zero."""
    x = np.linspace(-6, 6, 601)
    sigmoid = 1 / (1 + np.exp(-x))
    slope = (x > 0).astype(float)
    slope[x == 0] = np.nan  # a jump, not a steep line
    curves = {
        "Value": (np.maximum(0, x), x * sigmoid),
        "Derivative": (slope, sigmoid * (1 + x * (1 - sigmoid))),
    }
    figure = Figure(figsize=(14, 5), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, (title, (relu, silu)) in zip(axes, curves.items(), strict=True):
        axis.plot(x, relu, color=SECOND, linewidth=2.5, label="ReLU: max(0, x)")
        axis.plot(x, silu, color=ACCENT, linewidth=2.5, label="SiLU: x · sigmoid(x)")
        axis.set(xlabel="x", title=title)
        axis.legend(loc="upper left")
    value, derivative = axes
    arrow = {"arrowstyle": "->", "color": INK}
    value.plot(*LOWEST, "o", color=ACCENT, markersize=8)
    value.annotate("lowest: −0.278 at x = −1.278", LOWEST, (-5.8, 1.2), arrowprops=arrow)
    derivative.plot(0, 0.5, "o", color=ACCENT, markersize=8)
    derivative.plot([0, 0], [0, 1], "o", color=SECOND, markersize=8, fillstyle="none")
    derivative.annotate("at zero: SiLU has slope ½,\nReLU jumps from 0 to 1", (0, 0.5), (1.0, 0.25), arrowprops=arrow)
    return figure


@styled
def plot_gradient_norms(norms: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """How much gradient arrives at each layer: four networks, a line for each activation.

    Args:
        norms: by the network's title, by activation, the norm at each layer, the first layer first.
    """
    figure = Figure(figsize=(14, 9.5), layout="constrained")
    axes = figure.subplots(2, 2, sharey=True)
    for axis, (title, lines) in zip(axes.flat, norms.items(), strict=True):
        for name, values in lines.items():
            layers = range(1, len(values) + 1)
            axis.plot(
                layers, values, color=COLORS[name], marker="o", markersize=5, linewidth=2, label=NAMES.get(name, name)
            )
        axis.set(yscale="log", title=title, xticks=range(1, len(values) + 1, 2))
    for axis in axes[:, 0]:
        axis.set_ylabel("norm of the weights' gradient")
    for axis in axes[1]:
        axis.set_xlabel("layer (1 sees the image)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


@styled
def plot_dead_units(shares: pd.DataFrame) -> Figure:
    """The share of dead channels in each layer: a row with and one without batch norm, a column for each learning rate.

    Args:
        shares: columns batch_norm (bool), learning_rate, activation ("relu" or "silu"), layer (from 1), share (0..1).
    """
    rates = sorted(shares["learning_rate"].unique())
    figure = Figure(figsize=(14, 8), layout="constrained")
    grid = figure.subplots(2, len(rates), sharex=True, sharey=True, squeeze=False)
    for row, batch_norm in zip(grid, (True, False), strict=True):
        for axis, rate in zip(row, rates, strict=True):
            part = shares[(shares["batch_norm"] == batch_norm) & (shares["learning_rate"] == rate)]
            for offset, name in ((-0.2, "relu"), (0.2, "silu")):
                line = part[part["activation"] == name]
                axis.bar(line["layer"] + offset, 100 * line["share"], 0.4, color=COLORS[name], label=NAMES[name])
            axis.set(title=f"{'with' if batch_norm else 'without'} batch norm, rate {rate:g}", ylim=(0, 100))
            axis.set(xticks=range(1, int(part["layer"].max()) + 1, 4))
            if not part["share"].any():
                axis.text(0.5, 0.5, "none dead", ha="center", va="center", transform=axis.transAxes, bbox=BEHIND_TEXT)
        row[0].set_ylabel("dead channels [%]")
    for axis in grid[1]:
        axis.set_xlabel("layer")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


@styled
def plot_paired_seeds(table: pd.DataFrame, mean: float, low: float, high: float) -> Figure:
    """ReLU against SiLU with the same seeds: the curves, and SiLU's lead for each seed with its mean and interval.

    Args:
        table: columns variant ("relu" or "silu"), seed, epoch, iou_score (0..1).
        mean: mean of SiLU's lead in the last epoch, in points of IoU (hundredths).
        low: lower end of its 95 % confidence interval, in points.
        high: upper end.
    """
    figure = Figure(figsize=(14, 5.5), layout="constrained")
    curves, lead = figure.subplots(1, 2, width_ratios=(3, 2))
    for name in ("relu", "silu"):
        runs = 100 * table[table["variant"] == name].pivot(index="epoch", columns="seed", values="iou_score")
        curves.plot(runs, color=COLORS[name], linewidth=1, alpha=0.45)
        curves.plot(runs.mean(axis=1), color=COLORS[name], linewidth=3, marker="o", label=f"{NAMES[name]}, mean")
    curves.set_xticks(runs.index)
    curves.set(xlabel="epoch", ylabel="mean IoU [%]", title="Each seed (thin) and their mean (thick)", ylim=(0, None))
    curves.legend(loc="lower right")

    last = table[table["epoch"] == table["epoch"].max()].pivot(index="seed", columns="variant", values="iou_score")
    leads = 100 * (last["silu"] - last["relu"])
    lead.axhline(0, color=INK, linewidth=1.5)
    lead.plot(range(1, len(leads) + 1), leads, "o", color=ACCENT, markersize=10)
    place = len(leads) + 1
    lead.errorbar(place, mean, [[mean - low], [high - mean]], fmt="D", color=INK, markersize=10, capsize=9, linewidth=3)
    lead.set_xticks(range(1, place + 1), [*leads.index, "mean, 95 %\ninterval"])
    lead.set(
        xlabel="seed", ylabel="SiLU minus ReLU [points]", title="SiLU's lead in the last epoch", xlim=(0.4, place + 0.6)
    )
    return figure
