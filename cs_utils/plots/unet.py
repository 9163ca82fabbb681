"""What a U-Net does: what its skips carry and how far a pixel sees, one image by heart, first steps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cs_utils.labels import VOID
from cs_utils.plots.masks import add_legend, name_regions, show
from cs_utils.plots.style import (
    ACCENT,
    BEHIND_TEXT,
    INK,
    PALE,
    SECOND,
    WIDTH,
    colors_for,
    headline,
    new_figure,
    panels,
    single,
    styled,
)

FIRST = "#f8ebd1"
"""Colour behind the first epoch."""
DRAWN = 0.005
"""IoU from which on a class is drawn; of those that are below it everywhere, only the number is given."""


@styled
def plot_class_dots(scores: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """IoU of each class for some networks, a dot for each seed, in the order of the rows.

    Classes whose every IoU is below `DRAWN` are only counted.

    Args:
        scores: by network, a row for each class and a column for each seed; IoU 0..1 or NaN.
        title: what it shows.
    """
    joined = pd.concat(scores, axis=1).dropna(how="all")
    dead = (joined.fillna(0) < DRAWN).all(axis=1)
    names = joined.index[~dead][::-1]
    legend = -(-len(scores) // 3)
    figure, axes = single(0.42 * (len(names) + legend) + 2)
    places = np.arange(len(names))
    for number, (color, (name, table)) in enumerate(zip(colors_for(len(scores)), scores.items(), strict=True)):
        height = places + 0.5 * ((number + 0.5) / len(scores) - 0.5) * -1
        for column in table:
            # Not clipped: many dots lie at 0, on the axis.
            axes.plot(table.loc[names, column], height, "o", color=color, markersize=8, alpha=0.7, clip_on=False)
        if table.shape[1] > 1:
            mean = table.loc[names].mean(axis=1)
            axes.plot(mean, height, "|", color=color, markersize=16, markeredgewidth=3)
        axes.plot([], [], "o", color=color, label=name)
    axes.set_yticks(places, names)
    axes.hlines(places - 0.5, 0, 1, color=PALE, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    several = any(table.shape[1] > 1 for table in scores.values())
    label = "IoU (dots: seeds, bar: their mean)" if several else "IoU"
    if dead.any():
        label += f"; {dead.sum()} more classes below {DRAWN:g}"
    # Rows without dots, for the legend.
    axes.set(xlim=(0, 1), ylim=(-0.6 - legend, len(names) - 0.4), xlabel=label)
    axes.legend(loc="lower right", ncols=3, frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_skip_maps(maps: Mapping[int, tuple[np.ndarray, np.ndarray]], title: str = "") -> Figure:
    """What is joined on each level of a U-Net, a row for each: a channel of the skip, and one of the map from below.

    Args:
        maps: by level, 0 being the top: two arrays (h, w) of any range, drawn from dark (low) to light (high).
        title: a sentence above it all.
    """
    height, width = next(iter(maps.values()))[0].shape
    figure, axes = panels(len(maps), 2, aspect=width / height)
    for row, (level, pair) in zip(axes, maps.items(), strict=True):
        for axis, values, name in zip(row, pair, ("the skip", "from below (up-convolution)"), strict=True):
            # A few extreme numbers, mostly at the rim, would leave all others one grey.
            low, high = np.percentile(values, (1, 99))
            axis.imshow(values, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), interpolation="antialiased")
            axis.set_title(f"Level {level}, {values.shape[0]}x{values.shape[1]}: {name}")
            axis.set_axis_off()
    headline(figure, title)
    return figure


@styled
def plot_receptive_field(
    image: np.ndarray,
    gradients: Mapping[str, np.ndarray],
    within: Mapping[str, np.ndarray],
    pixel: tuple[int, int],
    field: tuple[int, int],
    title: str = "",
) -> Figure:
    """Which pixels move one output pixel, theory against gradient.

    Args:
        image: (H, W, 3) uint8, the background.
        gradients: by name, size of the gradient at each input pixel, (H, W), not negative.
        within: by the same names, share of it within n pixels, n = 0, 1, ...: what `inspect.share_within` gives.
        pixel: row and column of the output pixel.
        field: first and last row, and column, of the theoretical receptive field of a pixel at even coordinates,
            relative to it: (-94, 93).
        title: a sentence above it all.
    """
    row, column = pixel
    height, width = image.shape[:2]
    high = WIDTH / len(gradients) * height / width
    figure = new_figure(high + 4.2)
    grid = figure.add_gridspec(2, len(gradients), height_ratios=(high, 3.2))
    pale = (0.7 * image + 0.3 * 255).astype(np.uint8)
    curves = figure.add_subplot(grid[1, :])
    side = field[1] - field[0] + 1
    for number, ((name, gradient), color) in enumerate(zip(gradients.items(), colors_for(len(gradients)), strict=True)):
        axes = figure.add_subplot(grid[0, number])
        show(axes, pale, name)
        # The root, because the centre is thousands of times as strong as the edge.
        strength = np.sqrt(gradient / gradient.max())
        shown = axes.imshow(strength, cmap="inferno_r", alpha=np.clip(4 * strength, 0, 1), vmin=0, vmax=1)
        frame = Rectangle((column + field[0] - 0.5, row + field[0] - 0.5), side, side, fill=False, edgecolor=INK)
        frame.set(linewidth=2.5, linestyle="--")
        axes.add_patch(frame)
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        curves.plot(2 * np.arange(len(within[name])) + 1, 100 * within[name], color=color, linewidth=2.5, label=name)
    bar = figure.colorbar(shown, ax=figure.axes[1:], ticks=(0, 0.5, 1), aspect=12, pad=0.01)
    bar.set_label("√(gradient /\nlargest)")
    curves.axvline(side, color=INK, linestyle="--")
    curves.annotate(f"theory: {side}x{side} pixels (dashed)", (side, 30), (-6, 0), textcoords="offset points",
                    ha="right", color=INK)  # fmt: skip
    curves.axhline(50, color=INK, linewidth=1.5, linestyle=":")
    curves.set(xlim=(0, 1.15 * side), ylim=(0, 105), xlabel="side of a square around the pixel, in pixels")
    curves.set(ylabel="gradient inside [%]")
    curves.legend(loc="lower center")
    headline(figure, title)
    return figure


@styled
def plot_overfitting(
    history: pd.DataFrame, image: np.ndarray, target: np.ndarray, predictions: Mapping[int, np.ndarray], title: str = ""
) -> Figure:
    """One image learned by heart: loss and IoU over the steps, and predictions, (H, W) trainIds by step.

    Args:
        history: columns step, loss and iou.
        image: (H, W, 3) uint8.
        target: (H, W) trainIds; where it is void, predictions are faded.
        predictions: by step.
        title: a sentence above it all.
    """
    void = target == VOID
    pictures = {"Image": image, "Ground Truth": target}
    pictures |= {f"Step {step}": np.where(void, target, mask) for step, mask in predictions.items()}
    rows, high = -(-len(pictures) // 3), WIDTH / 3 * image.shape[0] / image.shape[1]
    figure = new_figure(3.4 + rows * (high + 0.3))
    grid = figure.add_gridspec(1 + rows, 6, height_ratios=(2.4, *[high] * rows))
    for place, column, color, name in (
        (grid[0, :3], "loss", SECOND, "Cross entropy of the image"),
        (grid[0, 3:], "iou", ACCENT, "Mean IoU of the image"),
    ):
        axes = figure.add_subplot(place)
        axes.plot(history["step"], history[column], color=color, linewidth=2)
        marked = history[history["step"].isin(predictions)]
        axes.plot(marked["step"], marked[column], "o", color=color, markersize=8)
        axes.set(xlabel="step", ylim=(0, None) if column == "loss" else (0, 1), title=name)
    named = set()
    for number, (name, pixels) in enumerate(pictures.items()):
        axes = figure.add_subplot(grid[1 + number // 3, 2 * (number % 3) : 2 * (number % 3) + 2])
        show(axes, pixels, name)
        if pixels.ndim == 2:
            named |= name_regions(axes, pixels, WIDTH / 3)
    add_legend(figure, [target, *predictions.values()], named)
    headline(figure, title)
    return figure


@styled
def plot_first_epoch(
    curve: pd.Series,
    steps: int,
    levels: Mapping[str, float],
    classes: pd.DataFrame,
    title: str = "",
) -> Figure:
    """Mean IoU over the first steps of a training, and IoU of each class at two moments.

    Args:
        curve: mean IoU by step, the first epoch more finely than the later ones.
        steps: how many steps the first epoch has.
        levels: mean IoU of others to compare with, by name: horizontal lines.
        classes: IoU, a row for each class and a column for each of two moments, the earlier one first; classes that are
            0 at both are counted only.
        title: a sentence above it all.
    """
    scored = classes.dropna(how="all")
    dead = (scored < DRAWN).all(axis=1)
    scored = scored[~dead].iloc[::-1]
    figure = new_figure(max(5.2, 0.3 * len(scored) + 2))
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    left.axvspan(0, steps, color=FIRST, zorder=0)
    left.text(steps / 2, 0.98, "first\nepoch", transform=left.get_xaxis_transform(), ha="center", va="top",
              bbox=BEHIND_TEXT | {"facecolor": FIRST})  # fmt: skip
    left.plot(curve.index, curve, marker="o", color=ACCENT, linewidth=2.5)
    for name, value in levels.items():
        left.axhline(value, linestyle="--", color=INK)
        left.annotate(name, (curve.index[-1], value), (0, 4), textcoords="offset points", ha="right")
    left.set(xlabel="step", ylabel="mean IoU", ylim=(0, None), title="Mean IoU over the steps")
    places = np.arange(len(scored))
    for column, color in zip(scored, colors_for(scored.shape[1])[::-1], strict=True):
        right.plot(scored[column], places, "o", color=color, markersize=9, label=column)
    right.hlines(places, scored.min(axis=1), scored.max(axis=1), color=PALE, linewidth=3, zorder=0)
    right.set_yticks(places, scored.index)
    room = 0.25 * len(scored)  # for the legend
    right.set(xlim=(0, 1), ylim=(-0.5 - room, len(scored) - 0.5), xlabel="IoU", title="IoU of each class")
    if dead.any():
        right.set_xlabel(f"IoU; {dead.sum()} more classes: 0 at both")
    right.legend(loc="lower right")
    right.grid(axis="y", visible=False)
    headline(figure, title)
    return figure
