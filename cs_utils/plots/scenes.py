"""Photos beside masks: ground truth, prediction, overlay."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import nn

from cs_utils.data.cityscapes import Frame, read_as_stored, read_frame
from cs_utils.evaluation.errors import Predicted
from cs_utils.evaluation.predict import overlay, predict
from cs_utils.labels import VOID, colorize
from cs_utils.plots.style import ACCENT, add_legend, panels, show, styled
from cs_utils.settings import Settings


def _show_rows(
    rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], masks: Sequence[np.ndarray], width: float = 4.5
) -> Figure:
    # One row of panels, each so many inches wide, for each row of images; titles above the first, a legend below.
    pixels_high, pixels_wide = rows[0][0].shape[:2]
    figure, axes = panels(len(rows), len(titles), width=width * len(titles), aspect=pixels_wide / pixels_high)
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
        prediction = predict(model, image, settings.image_size)
        rows.append((image, colorize(target), colorize(prediction), overlay(image, prediction)))
        masks += [target, prediction]
    return _show_rows(rows, ("Image", "Ground Truth", "Prediction", "Overlay"), masks)


@styled
def plot_final_output(model: nn.Module, image: np.ndarray, settings: Settings) -> Figure:
    """Image | Prediction Mask (Colored) | Overlay of one photo, as on the talk's last slide."""
    prediction = predict(model, image, settings.image_size)
    row = (image, colorize(prediction), overlay(image, prediction))
    return _show_rows([row], ("Image", "Prediction Mask (Colored)", "Overlay"), [prediction])


def paint_errors(image: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Paint wrong pixels red over a pale grey photo, void black: (H, W, 3), (H, W), (H, W) -> (H, W, 3), all uint8."""
    grey = image.mean(axis=2, keepdims=True) / 2 + 120
    painted = np.repeat(grey.astype(np.uint8), 3, axis=2)
    painted[target != mask] = np.rint(np.multiply(to_rgb(ACCENT), 255)).astype(np.uint8)
    painted[target == VOID] = 0
    return painted


@styled
def plot_errors(predicted: Sequence[Predicted], labels: Sequence[str]) -> Figure:
    """Image | Ground Truth | Prediction | Errors, a labelled row for each predicted frame."""
    rows = []
    for item in predicted:
        image = read_as_stored(item.frame.image)
        wrong = paint_errors(image, item.target, item.mask)
        rows.append((image, colorize(item.target), colorize(item.mask), wrong))
    masks = [mask for item in predicted for mask in (item.target, item.mask)]
    figure = _show_rows(rows, ("Image", "Ground Truth", "Prediction", "Errors (red)"), masks, width=3.8)
    for axes, label in zip(figure.axes[::4], labels, strict=True):
        axes.text(-0.03, 0.5, label, rotation=90, ha="right", va="center", transform=axes.transAxes, fontsize=15)
    return figure


@styled
def plot_disturbed(images: Sequence[np.ndarray], masks: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """One scene as it is and disturbed, in columns: the photos above what was predicted for each."""
    height, width = masks[0].shape
    figure, axes = panels(2, len(images), width=3.6 * len(images), aspect=width / height)
    for column, (image, mask, title) in enumerate(zip(images, masks, titles, strict=True)):
        show(axes[0, column], image, title)
        show(axes[1, column], colorize(mask))
    add_legend(figure, masks)
    return figure
