"""Photos beside masks: ground truth, prediction, overlay."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from cs_utils.inference import overlay, predict
from cs_utils.labels import colorize
from cs_utils.layout import Frame, read_frame
from cs_utils.plots.style import add_legend, panels, show, styled
from cs_utils.settings import Settings


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
