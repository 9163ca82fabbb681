"""The steps of preprocessing and augmentation, and what each of them costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, SLIDE_CHANNELS, SLIDE_VOID, colorize
from cs_utils.plots.masks import show
from cs_utils.plots.style import (
    ACCENT,
    FOURTH,
    INK,
    PALE,
    SECOND,
    THIRD,
    WIDTH,
    colors_for,
    headline,
    name_lines,
    new_figure,
    single,
    styled,
)

NAMES_OF_IMAGES = {"train": "training images", "val": "new images"}
"""What a reader calls the two splits."""
PAPER_CEILING = pd.DataFrame(
    {"mean": (97.2, 95.2, 90.7, 84.6), "pole": (90.4, 83.1, 69.5, 50.9), "traffic light": (94.1, 89.7, 80.9, 68.4)},
    index=pd.Index((1024, 512, 256, 128), name="width of the mask"),
)
"""IoU in % that the shrunk ground truth itself reaches on Cityscapes, from 2048 pixels down; Cordts et al., 2016."""


@styled
def plot_channels(encoded: np.ndarray, title: str = "") -> Figure:
    """The 21 channels of a one-hot mask in the slide encoding: (H, W, 21), 1 where the class is; empty ones grey."""
    height, width, _ = encoded.shape
    names = [*CLASS_NAMES, "never used", "void"]
    columns, rows = 5, -(-SLIDE_CHANNELS // 5)
    figure = new_figure(rows * (WIDTH / columns * height / width + 0.42) + 0.5)
    axes = figure.subplots(rows, columns)
    for value, axis in enumerate(axes.flat):
        if value >= SLIDE_CHANNELS:
            axis.set_axis_off()
            continue
        channel = encoded[..., value]
        color = colorize(np.uint8(value)) if value < NUM_CLASSES else np.uint8([0, 0, 0])
        background = 255 if channel.any() else 225
        show(axis, np.where(channel[..., None] > 0, color, np.uint8(background)), f"{value} {names[value]}")
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[])
        axis.title.set_color(ACCENT if value in (NUM_CLASSES, SLIDE_VOID) else INK)
    headline(figure, title)
    return figure


@styled
def plot_iou_ceiling(ceiling: pd.DataFrame, marked: int, title: str = "") -> Figure:
    """IoU in % that shrunk and enlarged masks reach.

    Args:
        ceiling: a row for each class, a column for each width in pixels. The rows mean, pole and traffic light stand
            beside what the Cityscapes paper measured at the same width.
        marked: the width to mark with a line, such as the talk's.
        title: a sentence above it all.
    """
    figure = new_figure(max(5.5, 0.29 * len(ceiling) + 1.2))
    axes, table = figure.subplots(1, 2, width_ratios=(1, 1))
    for (name, paper), color in zip(PAPER_CEILING.items(), (INK, ACCENT, SECOND), strict=True):
        axes.plot(paper.index, paper, "s--", color=color, alpha=0.6, label="_paper")
        if name in ceiling.index:
            axes.plot(ceiling.columns, ceiling.loc[name], "o-", color=color, linewidth=2.5, label="_here")
            place = (min(ceiling.columns), ceiling.loc[name, min(ceiling.columns)])
            axes.annotate(name, place, (-10, 0), textcoords="offset points", ha="right", va="center", color=color)
    widths = sorted({*ceiling.columns, *PAPER_CEILING.index})
    axes.axvline(marked, color=FOURTH, linestyle=":")
    axes.annotate(f"{marked} px", (marked, 32), (4, 0), textcoords="offset points", color=FOURTH)
    axes.plot([], [], "o-", color=INK, label="here")
    axes.plot([], [], "s--", color=INK, alpha=0.6, label="Cityscapes paper")
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, widths, rotation=45)
    axes.set_xlim(left=min(widths) / 5)  # room for the names
    axes.set(ylim=(0, 103), xlabel="width of the mask [pixels]", ylabel="IoU [%]")
    axes.legend(loc="lower right")
    values = ceiling.to_numpy()
    # Not imshow: a chart without a photo is stored without loss.
    table.pcolormesh(values, cmap="RdYlBu", vmin=0, vmax=130, edgecolors="white")
    for (row, column), value in np.ndenumerate(values):
        table.text(column + 0.5, row + 0.5, f"{value:.0f}", ha="center", va="center")
    table.invert_yaxis()
    table.set_xticks(np.arange(len(ceiling.columns)) + 0.5, [f"{width} px" for width in ceiling.columns])
    table.set_yticks(np.arange(len(ceiling)) + 0.5, list(ceiling.index))
    table.grid(visible=False)
    headline(figure, title)
    return figure


@styled
def plot_mismatch(iou: pd.DataFrame, title: str = "") -> Figure:
    """IoU, 0..1, between a mask and itself turned by the angles of the index, in degrees: a curve for each column."""
    figure, axes = single(4.6)
    for name, color in zip(iou, colors_for(iou.shape[1]), strict=True):
        axes.plot(iou.index, iou[name], "o-", color=color, linewidth=2.5, label=name)
    for angle, value in iou.iloc[:, 0].items():
        axes.annotate(f"{value:.2f}", (angle, value), (6, 8), textcoords="offset points", color=SECOND)
    axes.set(
        ylim=(0, 1.12),
        xlabel="angle between image and mask [degrees]",
        ylabel="IoU" if iou.shape[1] > 1 else f"{iou.columns[0]} IoU",
    )
    if iou.shape[1] > 1:
        name_lines(axes)
    headline(figure, title)
    return figure


@styled
def plot_bilinear(values: np.ndarray, down: float, right: float, title: str = "") -> Figure:
    """A place between four pixels, and the rectangle that is the weight of each.

    Args:
        values: (2, 2), one number for each pixel.
        down: how far below the upper two the place lies, 0 to 1.
        right: how far to the right of the left two, 0 to 1.
        title: a sentence above it.
    """
    figure, axes = single(5.0)
    # A pixel's weight is the rectangle on the other side of the place: the nearer the pixel, the larger.
    for (row, column), color in zip(np.ndindex(2, 2), (SECOND, ACCENT, THIRD, FOURTH), strict=True):
        left, width = (right, 1 - right) if column == 0 else (0, right)
        top, height = (down, 1 - down) if row == 0 else (0, down)
        axes.add_patch(Rectangle((left, top), width, height, facecolor=color, alpha=0.25))
        middle = left + width / 2, top + height / 2
        axes.annotate(f"{width * height:.4g}", middle, ha="center", va="center", color=INK)
        axes.plot(column, row, "s", color=color, markersize=18)
        shift, side = ((-16, 0), "right") if column == 0 else ((16, 0), "left")
        text = f"{values[row, column]:g}"
        axes.annotate(text, (column, row), shift, textcoords="offset points", ha=side, va="center", color=color)
    axes.plot(right, down, "o", color=INK, markersize=12)
    axes.set(xlim=(-0.35, 1.35), ylim=(1.15, -0.15), aspect="equal", xticks=[], yticks=[])
    axes.set_frame_on(False)
    headline(figure, title)
    return figure


@styled
def plot_memorising(curves: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """How well networks know their training images, and new ones, epoch by epoch.

    Args:
        curves: by way of training, a table whose index is the epoch, with ``train`` and ``val``, mean IoU 0..1.
        title: a sentence above it all.
    """
    figure = new_figure(4.6)
    top = 108 * max(table[["train", "val"]].to_numpy().max() for table in curves.values())
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (name, table) in zip(panels, curves.items(), strict=True):
        for column, color in (("train", ACCENT), ("val", SECOND)):
            axes.plot(table.index, 100 * table[column], "o-", color=color, linewidth=2.5)
            end = 100 * table[column].iloc[-1]
            text, place_of = f"{NAMES_OF_IMAGES[column]} {end:.0f}", (table.index[-1], end)
            axes.annotate(text, place_of, (0, 8), textcoords="offset points", ha="right", color=color)
        axes.set(title=name, xlabel="epoch", ylim=(0, top))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0].set_ylabel("mean IoU [%]")
    headline(figure, title)
    return figure


@styled
def plot_augmentation(recorded: pd.DataFrame, title: str = "") -> Figure:
    """Training images and new ones at the end of each way to augment, and its lead over the first way.

    Args:
        recorded: a row for each way, with ``train`` and ``val``, mean IoU 0..1, and ``mean``, ``low`` and ``high`` of
            its lead over the first way on new images, in percentage points (NaN for the first way).
        title: a sentence above it all.
    """
    figure = new_figure(1.3 + 0.42 * len(recorded))
    scores, leads = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(recorded))[::-1]
    scores.hlines(rows, 100 * recorded["val"], 100 * recorded["train"], color=PALE, linewidth=4, zorder=1)
    for column, color, side in (("train", ACCENT, "right"), ("val", SECOND, "center")):
        scores.plot(100 * recorded[column], rows, "o", color=color, markersize=10)
        place_of = 100 * recorded[column].iloc[0], rows[0]
        shift = {"textcoords": "offset points", "ha": side, "color": color}
        scores.annotate(NAMES_OF_IMAGES[column], place_of, (0, 11), **shift)
    scores.set_yticks(rows, list(recorded.index))
    scores.set(xlabel="recorded: mean IoU at the end [%]", ylim=(-0.6, len(rows) + 0.1))
    ends = [recorded["mean"] - recorded["low"], recorded["high"] - recorded["mean"]]
    style = {"fmt": "D", "color": SECOND, "capsize": 6, "linewidth": 2.5, "markersize": 8}
    leads.errorbar(recorded["mean"], rows, xerr=ends, **style)
    leads.axvline(0, color=INK, linewidth=1.5)
    leads.tick_params(labelleft=False)
    leads.set_xlabel(f"new images, minus {recorded.index[0]}\n[percentage points]; bar: 95 %")
    headline(figure, title)
    return figure
