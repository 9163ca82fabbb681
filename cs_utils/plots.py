"""Every drawing of the course. Each function returns a matplotlib Figure and shows or saves nothing itself."""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import nn

from cs_utils.inference import overlay, predict
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, PALETTE, REAL_PIXELS, VOID, colorize
from cs_utils.layout import Frame, read_frame, write_atomic
from cs_utils.settings import CourseError, Settings
from cs_utils.transforms import blur, flip, resize, rotate

STYLE = {
    **sns.axes_style("whitegrid"),
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
    "axes.labelsize": 13,
    "legend.fontsize": 12,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
}
"""Large enough to be read from the last row of a lecture hall."""
INK = "#30343b"
ACCENT = "#c4472b"
SECOND = "#2b6ca3"


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the course's one style, whatever style is set outside."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with mpl.rc_context(STYLE):
            return function(*args, **kwargs)

    return wrapper


def panels(rows: int, columns: int, width: float, aspect: float) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels, ``aspect`` times as wide as high; axes (rows, columns)."""
    # An inch for the titles and the legend.
    figure = Figure(figsize=(width, rows * width / columns / aspect + 1), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a file, whole or not at all; its ending says whether as PNG, SVG or PDF.

    Raises:
        CourseError: the ending is none of these.
    """
    check_ending(path)
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=path.suffix[1:])
    write_atomic(path, buffer.getvalue())


def check_ending(path: Path) -> None:
    """Refuse a file that no figure can be written to.

    Raises:
        CourseError: the name does not end in .png, .svg or .pdf.
    """
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise CourseError(f"{path} is no name for a figure: let it end in .png, .svg or .pdf")


def show(axes: Axes, pixels: np.ndarray, title: str = "") -> None:
    """Show an image, (H, W, 3) uint8, without ticks."""
    axes.imshow(pixels, interpolation="nearest")
    axes.set_title(title)
    axes.set_axis_off()


def add_legend(figure: Figure, masks: Sequence[np.ndarray]) -> None:
    """Name below the figure the colours of the classes that occur in masks of trainIds; void is black."""
    present = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    names = {**dict(enumerate(CLASS_NAMES)), VOID: "void"}
    patches = [Patch(color=PALETTE[value] / 255, label=names[value]) for value in present if value in names]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(7, len(patches)), frameon=False)


def _show_rows(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], masks: Sequence[np.ndarray]) -> Figure:
    # One row of panels for each row of images, titles above the first, a legend of the masks' classes below.
    height, width = rows[0][0].shape[:2]
    figure, axes = panels(len(rows), len(titles), width=4.5 * len(titles), aspect=width / height)
    for number, row in enumerate(rows):
        for axis, pixels, title in zip(axes[number], row, titles, strict=True):
            show(axis, pixels, title if number == 0 else "")
    add_legend(figure, masks)
    return figure


@styled
def plot_scenes(frames: Sequence[Frame]) -> Figure:
    """Image | Ground Truth | Overlay, a row for each frame."""
    scenes = [read_frame(frame) for frame in frames]
    rows = [(image, colorize(mask), overlay(image, mask)) for image, mask in scenes]
    return _show_rows(rows, ("Image", "Ground Truth", "Overlay"), [mask for _, mask in scenes])


@styled
def plot_predictions(model: nn.Module, frames: Sequence[Frame], settings: Settings) -> Figure:
    """Image | Ground Truth | Prediction | Overlay, a row for each frame."""
    rows, masks = [], []
    for image, target in map(read_frame, frames):
        prediction = predict(model, image, settings)
        rows.append((image, colorize(target), colorize(prediction), overlay(image, prediction)))
        masks += [target, prediction]
    return _show_rows(rows, ("Image", "Ground Truth", "Prediction", "Overlay"), masks)


@styled
def plot_final_output(model: nn.Module, image: np.ndarray, settings: Settings) -> Figure:
    """Image | Prediction Mask (Colored) | Overlay of one photo, as on the talk's last slide."""
    prediction = predict(model, image, settings)
    row = (image, colorize(prediction), overlay(image, prediction))
    return _show_rows([row], ("Image", "Prediction Mask (Colored)", "Overlay"), [prediction])


@styled
def plot_augmentation(frame: Frame, settings: Settings) -> Figure:
    """Each step of the pipeline on its own, image above mask, at the size that the network sees."""
    image, mask = resize(*read_frame(frame), settings.image_size)
    steps = {
        f"Resized to {settings.image_size[1]}x{settings.image_size[0]}": (image, mask),
        f"Rotated by {settings.rotation:g}°": rotate(image, mask, settings.rotation),
        "Gaussian blur, 1 px": (blur(image, 1.0), mask),
        "Flipped": flip(image, mask),
    }
    height, width = settings.image_size
    figure, axes = panels(2, len(steps), width=18, aspect=width / height)
    for column, (title, (step_image, step_mask)) in zip(axes.T, steps.items(), strict=True):
        show(column[0], step_image, title)
        show(column[1], colorize(step_mask))
    add_legend(figure, [step_mask for _, step_mask in steps.values()])
    return figure


@styled
def plot_class_shares(frames: Sequence[Frame]) -> Figure:
    """Share of all pixels for each class, on a logarithmic axis, beside the real Cityscapes shares."""
    counts = np.zeros(256, dtype=np.int64)
    for frame in frames:
        counts += np.bincount(read_frame(frame)[1].ravel(), minlength=256)
    here = np.append(counts[:NUM_CLASSES], counts[VOID]) / counts.sum()
    real = np.array(list(REAL_PIXELS.values())) / sum(REAL_PIXELS.values())
    shares = pd.DataFrame({"class": list(REAL_PIXELS), "here": here, "Cityscapes": real}).sort_values("Cityscapes")
    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots()
    axes.barh(shares["class"], shares["here"] * 100, color=SECOND, label=f"these {len(frames)} images")
    axes.plot(shares["Cityscapes"] * 100, shares["class"], "D", color=ACCENT, label="Cityscapes, 2975 images")
    axes.set(xscale="log", xlabel="share of all pixels (%)", title="Few classes hold most of the pixels")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(loc="lower right")
    return figure


@styled
def plot_history(history: pd.DataFrame) -> Figure:
    """The talk's four curves: train_loss and val_loss, dice_score and IoU_score, with the best epoch marked."""
    figure = Figure(figsize=(14, 5), layout="constrained")
    losses, metrics = figure.subplots(1, 2)
    best = history["epoch"][history["iou_score"].idxmax()]
    for axes, names, title in (
        (losses, ("train_loss", "val_loss"), "Loss"),
        (metrics, ("dice_score", "iou_score"), "Dice and IoU on the validation images"),
    ):
        for name, color in zip(names, (SECOND, ACCENT), strict=True):
            axes.plot(history["epoch"], history[name], marker="o", markersize=4, color=color, label=name)
        axes.axvline(best, color=INK, linestyle=":", label=f"best epoch: {best}")
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    losses.set_ylim(bottom=0)
    metrics.set_ylim(0, 1)
    return figure


@styled
def plot_class_iou(table: pd.DataFrame) -> Figure:
    """IoU of each class that occurs, best first, in the class's colour, with the mean as a line."""
    scored = table.dropna(subset="iou").sort_values("iou")
    figure = Figure(figsize=(12, 0.4 * len(scored) + 1.5), layout="constrained")
    axes = figure.subplots()
    colors = [PALETTE[CLASS_NAMES.index(name)] / 255 for name in scored.index]
    bars = axes.barh(scored.index, scored["iou"], color=colors, edgecolor=INK)
    axes.bar_label(bars, fmt="%.2f", padding=4)
    axes.axvline(scored["iou"].mean(), color=INK, linestyle=":", label=f"mean {scored['iou'].mean():.3f}")
    axes.set(xlim=(0, 1), xlabel="IoU", title="IoU of each class")
    axes.legend(loc="lower right")
    return figure


@styled
def plot_confusion(matrix: np.ndarray) -> Figure:
    """Confusion matrix (20, 20), each row as shares of the true class; rows without pixels are left blank."""
    valid = matrix[:NUM_CLASSES].astype(float)
    totals = valid.sum(axis=1, keepdims=True)
    shares = np.divide(valid, totals, out=np.full_like(valid, np.nan), where=totals > 0)
    figure = Figure(figsize=(13, 11), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        pd.DataFrame(shares * 100, index=CLASS_NAMES, columns=[*CLASS_NAMES, "void"]),
        ax=axes,
        cmap="rocket_r",
        vmin=0,
        vmax=100,
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": 9},
        cbar_kws={"label": "% of the true class's pixels"},
    )
    axes.set(xlabel="predicted", ylabel="true", title="Where the pixels of each class go")
    return figure


@styled
def plot_activations() -> Figure:
    """ReLU and SiLU, and their derivatives, around zero."""
    x = np.linspace(-6, 6, 601)
    sigmoid = 1 / (1 + np.exp(-x))
    curves = {
        "Value": (np.maximum(0, x), x * sigmoid),
        "Derivative": ((x > 0).astype(float), sigmoid * (1 + x * (1 - sigmoid))),
    }
    figure = Figure(figsize=(14, 5), layout="constrained")
    for axes, (title, (relu, silu)) in zip(figure.subplots(1, 2), curves.items(), strict=True):
        axes.plot(x, relu, color=SECOND, linewidth=2.5, label="ReLU: max(0, x)")
        axes.plot(x, silu, color=ACCENT, linewidth=2.5, label="SiLU: x · sigmoid(x)")
        axes.set(xlabel="x", title=title)
        axes.legend()
    return figure
