"""What a U-Net does: with and without skips, how far a pixel sees, one image learned by heart, the first epoch."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cs_utils.labels import colorize
from cs_utils.plots.style import ACCENT, FOURTH, INK, SECOND, THIRD, add_legend, panels, show, styled

COLORS = (ACCENT, SECOND, THIRD, FOURTH)


@styled
def plot_close_up(image: np.ndarray, masks: Mapping[str, np.ndarray], window: tuple[slice, slice]) -> Figure:
    """A photo and masks of it by title, whole and, below, their part in a window of rows and columns, enlarged."""
    height, width = image.shape[:2]
    rows, columns = window
    pictures = {"Image": image} | {title: colorize(mask) for title, mask in masks.items()}
    figure, axes = panels(2, len(pictures), width=4.5 * len(pictures), aspect=width / height)
    for column, (title, pixels) in enumerate(pictures.items()):
        show(axes[0, column], pixels, title)
        corner, across, down = (columns.start, rows.start), columns.stop - columns.start, rows.stop - rows.start
        frame = Rectangle(corner, across, down, fill=False, edgecolor="white", linewidth=2)
        axes[0, column].add_patch(frame)
        show(axes[1, column], pixels[window])
    add_legend(figure, list(masks.values()))
    return figure


@styled
def plot_paired_iou(scores: pd.DataFrame) -> Figure:
    """IoU of each class for two networks side by side: ``scores`` (classes x two names), drawn in its own order.

    Classes that would be written 0.00 for both are counted only.
    """
    scored = scores.dropna().iloc[::-1]
    is_zero = (scored < 0.005).all(axis=1)
    scored = scored[~is_zero]
    places = np.arange(len(scored))
    figure = Figure(figsize=(12, 0.48 * len(scored) + 2.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, color) in enumerate(zip(scored.columns, COLORS, strict=False)):
        bars = axes.barh(places + 0.2 - 0.4 * number, scored[name], height=0.4, color=color, label=name)
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=11)
    axes.set_yticks(places, scored.index)
    axes.set(xlim=(0, 1), xlabel="IoU", title="IoU of each class, most frequent first")
    if is_zero.any():
        axes.text(0.005, -1, f"{is_zero.sum()} more classes: 0.00 in both", va="center")
    axes.set_ylim(-1.5 if is_zero.any() else -0.5, len(scored) - 0.5)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.grid(axis="y", visible=False)
    return figure


@styled
def plot_receptive_field(
    image: np.ndarray,
    gradients: Mapping[str, np.ndarray],
    within: Mapping[str, np.ndarray],
    pixel: tuple[int, int],
    field: tuple[int, int],
) -> Figure:
    """Which pixels move one output pixel, theory against gradient.

    Args:
        image: (H, W, 3) uint8, the background.
        gradients: by name, size of the gradient at each input pixel, (H, W), not negative.
        within: by the same names, share of it within n pixels, n = 0, 1, ...: what `inspect.share_within` gives.
        pixel: row and column of the output pixel.
        field: first and last row, and column, of the theoretical receptive field of a pixel at even coordinates,
            relative to it: (-94, 93).
    """
    row, column = pixel
    height, width = image.shape[:2]
    figure = Figure(figsize=(15, 5 + 3 * height / width * 2), layout="constrained")
    grid = figure.add_gridspec(2, len(gradients), height_ratios=(15 / len(gradients) * height / width, 4))
    pale = (0.35 * image + 0.65 * 255).astype(np.uint8)
    curves = figure.add_subplot(grid[1, :])
    for number, ((name, gradient), color) in enumerate(zip(gradients.items(), COLORS, strict=False)):
        axes = figure.add_subplot(grid[0, number])
        show(axes, pale, name)
        # The root, because the centre is thousands of times as strong as the edge.
        strength = np.sqrt(gradient / gradient.max())
        shown = axes.imshow(strength, cmap="inferno_r", alpha=np.clip(4 * strength, 0, 1), vmin=0, vmax=1)
        side = field[1] - field[0] + 1
        frame = Rectangle((column + field[0] - 0.5, row + field[0] - 0.5), side, side, fill=False, edgecolor=SECOND)
        frame.set(linewidth=2.5, linestyle="--", label=f"theory: {side}x{side} pixels")
        axes.add_patch(frame)
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axes.legend(loc="lower left")
        shares = 100 * within[name]
        curves.plot(2 * np.arange(len(shares)) + 1, shares, color=color, linewidth=2.5, label=name)
    bar = figure.colorbar(shown, ax=figure.axes[1:], ticks=(0, 0.5, 1), aspect=12, pad=0.01)
    bar.set_label("√(gradient /\nlargest gradient)")
    curves.axvline(side, color=INK, linestyle="--", label="theory")
    curves.axhline(50, color=INK, linewidth=1.5, linestyle=":", label="half")
    curves.set(xlim=(0, 1.15 * side), ylim=(0, 103), xlabel="side of a square around the pixel, in pixels")
    curves.set(ylabel="gradient inside [%]", title="Most of what decides a pixel lies close to it")
    curves.legend(loc="lower right")
    return figure


@styled
def plot_overfitting(
    history: pd.DataFrame, image: np.ndarray, target: np.ndarray, predictions: Mapping[int, np.ndarray]
) -> Figure:
    """One image learned by heart: loss and IoU over the steps, and predictions, (H, W) trainIds by step."""
    pictures = {"Image": image, "Ground Truth": colorize(target)}
    pictures |= {f"Step {step}": colorize(mask) for step, mask in predictions.items()}
    rows, aspect = -(-len(pictures) // 3), image.shape[1] / image.shape[0]
    figure = Figure(figsize=(14, 4.2 + rows * (14 / 3 / aspect + 0.3)), layout="constrained")
    grid = figure.add_gridspec(1 + rows, 6, height_ratios=(3.6, *[14 / 3 / aspect] * rows))
    for place, column, color, title in (
        (grid[0, :3], "loss", SECOND, "Cross entropy of the one image"),
        (grid[0, 3:], "iou", ACCENT, "Mean IoU of the one image"),
    ):
        axes = figure.add_subplot(place)
        axes.plot(history["step"], history[column], color=color, linewidth=2)
        marked = history[history["step"].isin(predictions)]
        axes.plot(marked["step"], marked[column], "o", color=color, markersize=8)
        axes.set(xlabel="step", ylim=(0, None) if column == "loss" else (0, 1), title=title)
    for number, (title, pixels) in enumerate(pictures.items()):
        place = grid[1 + number // 3, 2 * (number % 3) : 2 * (number % 3) + 2]
        show(figure.add_subplot(place), pixels, title)
    add_legend(figure, [target, *predictions.values()])
    return figure


@styled
def plot_first_epoch(curve: pd.Series, steps: int, levels: Mapping[str, float], classes: pd.DataFrame) -> Figure:
    """Mean IoU over the first steps of a training, and IoU of each class at two moments.

    Args:
        curve: mean IoU by step, the first epoch more finely than the later ones.
        steps: how many steps the first epoch has.
        levels: mean IoU of at most two others to compare with, by name: horizontal lines.
        classes: IoU, a row for each class and a column for each of two moments, the earlier one first.
    """
    figure = Figure(figsize=(15, 7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    left.axvspan(0, steps, color="#f3ddb3", alpha=0.6, label="first epoch")
    left.plot(curve.index, curve, marker="o", color=ACCENT, linewidth=2.5, label="U-Net")
    for (name, value), line in zip(levels.items(), ("--", ":"), strict=False):
        left.axhline(value, linestyle=line, color=INK, label=name)
    left.set(xlabel="step", ylabel="mean IoU", ylim=(0, None), title="A steep start, then a long climb")
    left.legend()
    scored = classes.dropna().iloc[::-1]
    places = np.arange(len(scored))
    first, last = scored.columns
    right.barh(places, scored[last], height=0.75, color="#e3e6ea", edgecolor=INK, label=last)
    right.barh(places, scored[first], height=0.4, color=ACCENT, edgecolor=INK, label=first)
    right.set_yticks(places, scored.index)
    right.set(xlim=(0, 1), xlabel="IoU", title="Frequent classes come first")
    right.legend(loc="lower right")
    right.grid(axis="y", visible=False)
    return figure
