"""Activation functions, and what they do to a network."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs_utils.plots.style import (
    ACCENT,
    BEHIND_TEXT,
    FOURTH,
    INK,
    MARGIN,
    PALE,
    SECOND,
    THIRD,
    headline,
    name_lines,
    named_colors,
    new_figure,
    styled,
)

KNOWN = {"relu": SECOND, "silu": ACCENT, "sigmoid": THIRD, "tanh": FOURTH}
"""One colour for each activation, in every figure."""
NAMES = {"relu": "ReLU", "silu": "SiLU"}
LOWEST = (-1.278, -0.2785)
"""The lowest point of SiLU."""
VANISHED = 1e-4
"""Share of the largest layer below which a layer's value counts as vanished; dashed."""


def _curve(name: str, x: np.ndarray) -> np.ndarray:
    return np.maximum(0, x) if name == "relu" else x / (1 + np.exp(-x))


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
        (value, "Value", _curve("relu", x), _curve("silu", x)),
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
def plot_gate(x: np.ndarray, values: np.ndarray, slopes: np.ndarray, title: str = "") -> Figure:
    """An activation and its slope, with ReLU dashed behind; the axes stay the same, so that figures can be compared.

    Args:
        x: (n,) inputs, rising.
        values: (n,) outputs.
        slopes: (n,) derivatives.
        title: a sentence above it all.
    """
    figure = new_figure(4.2)
    value, slope = figure.subplots(1, 2)
    for axes, curve, relu in ((value, values, np.maximum(0, x)), (slope, slopes, np.where(x > 0, 1.0, 0.0))):
        axes.plot(x, relu, color=SECOND, linewidth=2, linestyle="--", label="ReLU")
        axes.plot(x, curve, color=ACCENT, linewidth=3, label="x · sigmoid(steepness · x)")
        axes.set(xlabel="x", xlim=(x[0], x[-1]))
    value.set(title="Value", ylim=(x[0] / 2, x[-1]))
    slope.set(title="Slope", ylim=(-0.3, 1.3))
    figure.legend(*value.get_legend_handles_labels(), loc="outside lower center", frameon=False, ncols=2)
    headline(figure, title)
    return figure


@styled
def plot_by_layer(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    bands: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    limit: Collection[str] | None = None,
    columns: int = 2,
    title: str = "",
) -> Figure:
    """What each layer has, as a share of the largest layer: a panel for each case, a line for each activation.

    Below the dashed line, `VANISHED`, a value counts as vanished; panels for which that is not defined have no line.

    Args:
        panels: by the panel's title, by activation, a positive value for each layer, the first layer first.
        bands: for some of the lines, the same of other runs, (runs, layers); shaded from their lowest to their highest.
        limit: titles of the panels that have the dashed line; None: all.
        columns: panels side by side.
        title: a sentence above it all.
    """
    rows = -(-len(panels) // columns)
    figure = new_figure(3 * rows + 0.9)
    grid = figure.subplots(rows, min(columns, len(panels)), sharey=True, squeeze=False)
    for axes, (name, lines) in zip(grid.flat, panels.items(), strict=False):
        colors = named_colors(lines, KNOWN)
        for activation, values in lines.items():
            layers, values = np.arange(1, len(values) + 1), np.asarray(values)
            color = colors[activation]
            label = NAMES.get(activation, activation)
            axes.plot(layers, values / values.max(), color=color, marker="o", markersize=4, linewidth=2, label=label)
            runs = (bands or {}).get(name, {}).get(activation)
            if runs is not None:
                shares = runs / runs.max(axis=1, keepdims=True)
                axes.fill_between(layers, shares.min(axis=0), shares.max(axis=0), color=color, alpha=0.2, linewidth=0)
        if limit is None or name in limit:
            axes.axhline(VANISHED, color=INK, linestyle="--", linewidth=1.5, label="_vanished")
            axes.annotate("vanished", (0.98, VANISHED), (0, -4), xycoords=("axes fraction", "data"),
                          textcoords="offset points", ha="right", va="top")  # fmt: skip
        axes.set(yscale="log", title=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("share of the\nlargest layer")
    for axes in grid[-1]:
        axes.set_xlabel("layer (1 sees the image)" if columns < 3 else "layer")
    for axes in grid[:, -1]:
        if axes.lines:
            name_lines(axes)
    headline(figure, title)
    return figure


@styled
def plot_lone_units(cases: Sequence[tuple[str, float, float]], title: str = "") -> Figure:
    """Where the input of a single unit goes: a panel for each case, with the curve, start and end on it.

    Args:
        cases: activation ("relu" or "silu"), and the inputs at the start and at the end.
        title: a sentence above it all.
    """
    figure = new_figure(3.6)
    panels = figure.subplots(1, len(cases), sharey=True, squeeze=False)[0]
    for axes, (name, *stops) in zip(panels, cases, strict=True):
        x = np.linspace(min(-3.0, min(stops) - 1), 2.2, 300)
        axes.plot(x, _curve(name, x), color=KNOWN[name], linewidth=2.5)
        axes.axhline(1, color=INK, linestyle=":", linewidth=1.5)
        places = np.array(stops, dtype=float)
        for number, (place, value) in enumerate(zip(places, _curve(name, places), strict=True), start=1):
            axes.plot(place, value, "o", color=INK, markersize=9, zorder=3)
            side = (0, 10) if number % 2 else (0, -24)
            axes.annotate(str(number), (place, value), side, textcoords="offset points", ha="center", fontweight="bold")
        axes.set(xlabel="input w + b", title=f"{NAMES[name]}, from {stops[0]:g}", ylim=(-0.75, 2.2))
    figure.axes[0].set_ylabel("output; dotted: wanted")
    figure.supxlabel("1: at the start; 2: at the end", fontsize="medium")
    headline(figure, title)
    return figure


@styled
def plot_dead_units(table: pd.DataFrame, title: str = "") -> Figure:
    """Dead channels at birth and after training, and beside them the mean IoU that the network reached.

    Args:
        table: a row for each network: ``condition``, ``activation`` ("relu" or "silu"), ``recorded`` (bool), and in
            percent ``birth`` (NaN: not measured), ``dead`` and ``iou``. Conditions from top to bottom in their order.
        title: a sentence above it all.
    """
    conditions = list(dict.fromkeys(table["condition"]))
    figure = new_figure(0.52 * len(conditions) + 1.4)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for (condition, recorded), runs in table.groupby(["condition", "recorded"]):
        color = KNOWN[runs["activation"].iloc[0]]
        height = conditions.index(condition) + (0.24 if recorded else 0) - 0.12
        size, alpha = (6, 0.6) if recorded else (11, 1)
        style = {"markersize": size, "alpha": alpha, "color": color, "linestyle": ""}
        if not recorded:
            left.hlines(height, runs["birth"], runs["dead"], color=color, linewidth=2)
        left.plot(runs["birth"], [height] * len(runs), "o", markerfacecolor="white", **style)
        left.plot(runs["dead"], [height] * len(runs), "o", **style)
        right.plot(runs["iou"], [height] * len(runs), "D", **style, clip_on=False, zorder=3)
    left.set_yticks(range(len(conditions)), conditions)
    left.set(xlim=(-4, 104), ylim=(len(conditions) - 0.5, -0.5), xlabel="dead channels [%]")
    left.set_title("hollow: at birth; filled: trained")
    right.set(xlim=(0, None), xlabel="mean IoU [%]", title="large: live; small: recorded")
    end = right.get_xlim()[1]
    right.set_xlim(-0.08 * end, 1.04 * end)  # whole diamonds at both ends
    headline(figure, title)
    return figure


@styled
def plot_paired_seeds(
    final: pd.DataFrame, leads: Mapping[str, Sequence[float]], intervals: pd.DataFrame, title: str = ""
) -> Figure:
    """Two networks trained with the same seeds: the pairs, and the leads of one over the other with their intervals.

    Leads of at most `MARGIN` points count as none, and are shaded.

    Args:
        final: mean IoU in percent after the last epoch; a row for each seed, a column for ReLU and one for SiLU.
        leads: by experiment, SiLU minus ReLU for each seed, in percentage points.
        intervals: by experiment, ``mean``, ``low`` and ``high`` of the leads' 95 % interval.
        title: a sentence above it all.
    """
    figure = new_figure(5)
    pairs, lead = figure.subplots(1, 2, width_ratios=(2, 3))
    for _, scores in final.iterrows():
        pairs.plot((0, 1), scores, color=INK, linewidth=1.8, alpha=0.7, zorder=1)
    for place, color in enumerate((SECOND, ACCENT)):
        pairs.plot([place] * len(final), final.iloc[:, place], "o", color=color, markersize=9)
    pairs.set_xticks((0, 1), ("ReLU", "SiLU"))
    pairs.set(xlim=(-0.3, 1.3), ylabel="mean IoU [%]", title="live: a line for each seed")
    lead.axhspan(-MARGIN, MARGIN, color=PALE, alpha=0.5, zorder=0)
    lead.axhline(0, color=INK, linewidth=1.5)
    for place, (name, values) in enumerate(leads.items()):
        lead.plot(place + np.linspace(-0.25, 0.05, len(values)), values, "o", color=ACCENT, markersize=7, alpha=0.8)
        _interval(lead, place + 0.25, *intervals.loc[name, ["mean", "low", "high"]])
    lead.set_xticks(range(len(leads)), leads)
    lead.set(xlim=(-0.5, len(leads) - 0.4), ylabel="SiLU minus ReLU\n[percentage points]")
    lead.margins(y=0.12)
    lead.set_title(f"dots: seeds; grey: within {MARGIN:g} point")
    headline(figure, title)
    return figure


def _interval(axes: Axes, x: float, mean: float, low: float, high: float) -> None:
    known = not np.isnan(low)  # one seed has no interval
    ends = [[mean - low], [high - mean]] if known else None
    axes.errorbar(x, mean, ends, fmt="D", color=INK, markersize=9, capsize=8, linewidth=2.5)
    place = (x, high if known else mean)
    axes.annotate(f"{mean:+.1f}", place, (0, 6), textcoords="offset points", ha="center", bbox=BEHIND_TEXT)
