"""Photos and masks: side by side, in rows, enlarged, with what was predicted and where that is wrong."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cs_utils.evaluation.predict import overlay
from cs_utils.labels import VOID
from cs_utils.plots.masks import add_legend, fade_void, name_regions, show
from cs_utils.plots.style import ACCENT, WIDTH, headline, panels, styled

Titled = tuple[str, np.ndarray]
"""A picture under its title: an image (H, W, 3) uint8, or a mask (H, W) of trainIds."""


def _fill(figure: Figure, axes: np.ndarray, pictures: Sequence[Titled]) -> None:
    # Row by row. Regions of a mask get their names; below the figure stand the classes that have got none.
    masks, named = [], set()
    for axis, (title, pixels) in zip(axes.flat, pictures, strict=True):
        show(axis, pixels, title)
        if pixels.ndim == 2:
            masks.append(pixels)
            named |= name_regions(axis, pixels, WIDTH / axes.shape[1])
    if masks:
        add_legend(figure, masks, named)


def _grid(pictures: Sequence[Titled], columns: int, title: str) -> Figure:
    height, width = pictures[0][1].shape[:2]
    rows = -(-len(pictures) // columns)
    figure, axes = panels(rows, columns, aspect=width / height)
    empty = [("", np.full((height, width, 3), 255, np.uint8))] * (rows * columns - len(pictures))
    _fill(figure, axes, [*pictures, *empty])
    headline(figure, title)
    return figure


@styled
def plot_gallery(pictures: Mapping[str, np.ndarray], columns: int = 2, title: str = "") -> Figure:
    """Pictures by name, row by row: images (H, W, 3) uint8 or masks (H, W) of trainIds, all of one height and width."""
    return _grid(list(pictures.items()), min(columns, len(pictures)), title)


@styled
def plot_pairs(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], columns: int = 0, title: str = "") -> Figure:
    """Images (H, W, 3) uint8 above masks (H, W) of trainIds, by name; so many ``columns``, 0: all pairs in one row."""
    columns = columns or len(pairs)
    named = list(pairs.items())
    blank = next(iter(pairs.values()))[0] * 0 + 255
    named += [("", (blank, blank))] * (-len(named) % columns)
    pictures: list[Titled] = []
    for start in range(0, len(named), columns):
        row = named[start : start + columns]
        pictures += [(name, image) for name, (image, _) in row]
        pictures += [("", mask) for _, (_, mask) in row]
    return _grid(pictures, columns, title)


@styled
def plot_scenes(scenes: Sequence[tuple[np.ndarray, np.ndarray]], title: str = "") -> Figure:
    """Image | Ground Truth | Overlay, a row for each scene: (H, W, 3) uint8 and (H, W) trainIds."""
    pictures: list[Titled] = []
    for image, mask in scenes:
        names = ("", "", "") if pictures else ("Image", "Ground Truth", "Overlay")
        pictures += zip(names, (image, mask, overlay(image, mask)), strict=True)
    return _grid(pictures, 3, title)


@styled
def plot_predictions(
    images: Sequence[np.ndarray], targets: Sequence[np.ndarray], predictions: Sequence[np.ndarray], title: str = ""
) -> Figure:
    """Image | Ground Truth | Prediction | Overlay: of one scene large, two by two; of several, a row for each.

    Args:
        images: (H, W, 3) uint8 each.
        targets: (H, W) trainIds each, void = 255.
        predictions: (H, W) trainIds each; faded where the target is void, because it does not count there.
        title: a sentence above it all.
    """
    pictures: list[Titled] = []
    for image, target, prediction in zip(images, targets, predictions, strict=True):
        counted = np.where(target == VOID, VOID, prediction)
        names = [""] * 4 if pictures else ["Image", "Ground Truth", "Prediction", "Overlay"]
        pictures += zip(names, (image, target, counted, overlay(image, prediction)), strict=True)
    return _grid(pictures, 2 if len(images) == 1 else 4, title)


@styled
def plot_final_output(image: np.ndarray, prediction: np.ndarray, title: str = "") -> Figure:
    """Image | Prediction Mask (Colored) | Overlay of one photo, as on the talk's last slide; the mask is large.

    Args:
        image: (H, W, 3) uint8.
        prediction: (H, W) trainIds.
        title: a sentence above it all.
    """
    height, width = prediction.shape
    figure, axes = panels(1, 2, aspect=width / height)
    figure.set_figheight(WIDTH * 2 / 3 * height / width + 0.7)
    for axis in axes.flat:
        axis.remove()
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 1), height_ratios=(1, 1))
    photo, mixed = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    mask = figure.add_subplot(grid[:, 1:])
    show(photo, image, "Image")
    show(mixed, overlay(image, prediction), "Overlay")
    show(mask, prediction, "Prediction Mask (Colored)")
    add_legend(figure, [prediction], name_regions(mask, prediction, WIDTH * 2 / 3))
    headline(figure, title)
    return figure


def paint_errors(image: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Paint wrong pixels red over a pale grey photo, void striped: (H, W, 3), (H, W), (H, W) -> (H, W, 3), all uint8.

    In large photos the red is a little wider than the errors, or lines of one pixel would be lost on a projector.
    """
    grey = image.mean(axis=2, keepdims=True) / 2 + 120
    painted = np.repeat(grey.astype(np.uint8), 3, axis=2)
    wrong = ((target != mask) & (target != VOID)).astype(np.uint8)
    wide = 1 + mask.shape[1] // 400
    painted[cv2.dilate(wrong, np.ones((wide, wide), np.uint8)) > 0] = np.rint(np.multiply(to_rgb(ACCENT), 255))
    painted = np.where((target == VOID)[..., None], np.uint8(255), painted)
    return fade_void(painted, target)


@styled
def plot_errors(
    images: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    predictions: Sequence[np.ndarray],
    labels: Sequence[str],
    title: str = "",
) -> Figure:
    """Ground Truth | Prediction | Errors over the photo, a row with a label for each scene; arrays as above."""
    pictures: list[Titled] = []
    for image, target, prediction in zip(images, targets, predictions, strict=True):
        names = [""] * 3 if pictures else ["Ground Truth", "Prediction", "Errors (red)"]
        counted = np.where(target == VOID, VOID, prediction)
        pictures += zip(names, (target, counted, paint_errors(image, target, prediction)), strict=True)
    figure = _grid(pictures, 3, title)
    for axes, label in zip(figure.axes[::3], labels, strict=True):
        axes.text(-0.03, 0.5, label, rotation=90, ha="right", va="center", transform=axes.transAxes)
    return figure


@styled
def plot_close_up(
    image: np.ndarray, masks: Mapping[str, np.ndarray], window: tuple[slice, slice], title: str = ""
) -> Figure:
    """A photo and masks of it by name, whole and, below, their part in a window of rows and columns, enlarged."""
    pictures = [("Image", image), *masks.items()]
    rows, columns = window
    figure, axes = panels(2, len(pictures), aspect=image.shape[1] / image.shape[0])
    enlarged = [("", pixels[window]) for _, pixels in pictures]
    _fill(figure, axes, [*pictures, *enlarged])
    for axis in axes[0]:
        _frame(axis, columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    headline(figure, title)
    return figure


def _frame(axes: Axes, left: int, top: int, width: int, height: int) -> None:
    for color, line in (("black", 4), ("white", 2)):
        axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=color, linewidth=line))
