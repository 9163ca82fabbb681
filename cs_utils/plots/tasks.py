"""What can be asked about a picture: classification, detection, segmentation of three kinds, and one pixel of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, id_to_train_id
from cs_utils.plots.masks import add_legend, color_of, name_regions, paint, show
from cs_utils.plots.style import (
    ACCENT,
    INK,
    LETTERS,
    SECOND,
    WIDTH,
    headline,
    letters_on,
    new_figure,
    panels,
    single,
    styled,
)


def paint_instances(instances: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Paint each object in a colour of its own over a background: (H, W) uint16, (H, W, 3) uint8 -> (H, W, 3) uint8."""
    painted = background.copy()
    values = np.unique(instances[instances >= 1000])
    # Steps of the golden ratio around the colour circle: neighbours in number are far apart in hue.
    hues = np.arange(len(values)) * 0.618 % 1
    lights = 0.75 + 0.25 * (np.arange(len(values)) % 3) / 2
    colors = np.zeros((1 << 16, 3), np.uint8)
    if len(values):
        colors[values] = hsv_to_rgb(np.stack([hues, np.full(len(values), 0.85), lights], axis=1)) * 255
    things = instances >= 1000
    painted[things] = colors[instances[things]]
    return painted


def paint_shades(instances: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Give the objects of a painted mask shades of their class's colour, and a white outline each.

    Args:
        instances: (H, W) uint16, label id * 1000 + number, or the plain label id.
        painted: (H, W, 3) uint8, the mask in the colours of its classes.
    """
    shaded = painted.copy()
    for value in np.unique(instances[instances >= 1000]):
        inside = instances == value
        hue, saturation, light = rgb_to_hsv(painted[inside][0] / 255)
        light = (light + 0.35 * (1 + value % 4) / 4) if light < 0.6 else light * (1 - 0.15 * (value % 4))
        shaded[inside] = hsv_to_rgb((hue, saturation * (1 - 0.15 * (value % 4)), min(light, 1))) * 255
    shaded[_outline(instances)] = 255
    return shaded


def _outline(instances: np.ndarray) -> np.ndarray:
    """Pixels of objects whose right or lower neighbour is of another object: (H, W) bool."""
    edge = np.zeros(instances.shape, bool)
    edge[:, :-1] |= instances[:, :-1] != instances[:, 1:]
    edge[:-1] |= instances[:-1] != instances[1:]
    return edge & (instances >= 1000)


def _pale(image: np.ndarray) -> np.ndarray:
    return (255 - 0.4 * (255 - image.astype(float))).astype(np.uint8)


def _write_classes(axes: Axes, image: np.ndarray, train_ids: np.ndarray) -> None:
    height, width = image.shape[:2]
    present = [CLASS_NAMES[value] for value in np.unique(train_ids) if value < NUM_CLASSES]
    rows = max(-(-len(present) // 2), 1)
    for number, name in enumerate(present):
        column, row = divmod(number, rows)
        place = ((0.04 + column / 2) * width, (row + 1) / (rows + 1) * height)
        # As many lines as there are rows must fit in the panel.
        axes.text(*place, f"✓ {name}", color=INK, va="center", fontsize=LETTERS)


def _draw_boxes(axes: Axes, boxes: pd.DataFrame) -> None:
    for box in boxes.itertuples():
        color = color_of(box[1]) if box[1] in CLASS_NAMES else "grey"  # void's would not be seen
        size = (box.right - box.left + 1, box.bottom - box.top + 1)
        for edge, line in (("white", 3), (color, 1.8)):
            place = (box.left - 0.5, box.top - 0.5)
            axes.add_patch(Rectangle(place, *size, fill=False, edgecolor=edge, linewidth=line))


@styled
def plot_segmentation_types(
    image: np.ndarray, train_ids: np.ndarray, instances: np.ndarray, boxes: pd.DataFrame, title: str = ""
) -> Figure:
    """One scene and five answers about it: classification, detection, semantic, instance, panoptic segmentation.

    Args:
        image: (H, W, 3) uint8.
        train_ids: (H, W) uint8, void = 255.
        instances: (H, W) uint16, label id * 1000 + number, or the plain label id.
        boxes: a row for each object, as `data.regions.find_boxes` gives.
        title: a sentence above it all.
    """
    height, width = train_ids.shape
    figure, grid = panels(3, 2, aspect=width / height)
    photo, classes, detection, semantic, instance, panoptic = grid.flat
    show(photo, image, "Image")
    show(classes, _pale(image), "Classification: what is there?")
    _write_classes(classes, image, train_ids)
    show(detection, image, f"Detection: {len(boxes)} boxes")
    _draw_boxes(detection, boxes)
    show(semantic, train_ids, "Semantic: a class for each pixel")
    named = name_regions(semantic, train_ids, WIDTH / 2)
    show(instance, paint_instances(instances, _pale(image)), "Instance: each object by itself")
    show(panoptic, paint_shades(instances, paint(train_ids)), "Panoptic: both at once")
    add_legend(figure, [train_ids], named)
    headline(figure, title)
    return figure


@styled
def plot_pixel_label(image: np.ndarray, ids: np.ndarray, y: int, x: int, reach: int = 5, title: str = "") -> Figure:
    """One pixel: where it is in the photo, the pixels around it, and the label ids of these.

    Args:
        image: (H, W, 3) uint8.
        ids: (H, W) uint8 label ids.
        y: row of the pixel.
        x: column of the pixel.
        reach: so many pixels are shown on each side of it.
        title: a sentence above it all.
    """
    height, width = ids.shape
    top, left = int(np.clip(y - reach, 0, height - 1)), int(np.clip(x - reach, 0, width - 1))
    window = np.s_[top : y + reach + 1, left : x + reach + 1]
    across, down = image[window].shape[1::-1]
    figure = new_figure(WIDTH * height / width * 0.62 + 5.4)
    grid = figure.add_gridspec(2, 2, height_ratios=(WIDTH * height / width * 0.62, 4.6))
    whole = figure.add_subplot(grid[0, :])
    near, labels = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    show(whole, image, f"Row {y}, column {x}; the square is enlarged below")
    for edge, line in ((INK, 4), ("white", 2)):
        whole.add_patch(Rectangle((left - 0.5, top - 0.5), across, down, fill=False, edgecolor=edge, linewidth=line))
    show(near, image[window], "image[y, x]: a colour")
    shown = paint(id_to_train_id(ids[window]))
    show(labels, shown, "ids[y, x]: a label id")
    for (row, column), value in np.ndenumerate(ids[window]):
        color = letters_on(shown[row, column] / 255)
        labels.text(column, row, value, ha="center", va="center", color=color)
    for axes in (near, labels):
        axes.add_patch(Rectangle((x - left - 0.5, y - top - 0.5), 1, 1, fill=False, edgecolor=ACCENT, linewidth=4))
    for corner, target in (((left, top + down), (0, 1)), ((left + across, top + down), (1, 1))):
        between = {"coordsA": "data", "coordsB": "axes fraction", "axesA": whole, "axesB": near}
        figure.add_artist(ConnectionPatch(corner, target, **between, color=INK, linewidth=1))
    headline(figure, title)
    return figure


@styled
def plot_answer_sizes(sizes: Mapping[str, int], title: str = "") -> Figure:
    """How many numbers each answer takes, as dots on a logarithmic axis."""
    figure, axes = single(0.55 * len(sizes) + 1.5)
    names, numbers = list(sizes), list(sizes.values())
    axes.plot(numbers, names, "o", color=SECOND, markersize=12)
    for name, number in sizes.items():
        axes.annotate(f"{number:,}", (number, name), (10, 0), textcoords="offset points", va="center")
    axes.set(xscale="log", xlabel="numbers in the answer", xlim=(1, 40 * max(numbers)))
    axes.invert_yaxis()
    axes.margins(y=0.12)
    headline(figure, title)
    return figure
