"""What can be asked about a picture: classification, detection, segmentation of three kinds, and one pixel of it."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cs_utils.data.statistics import find_boxes
from cs_utils.labels import BY_ID, CLASS_NAMES, NUM_CLASSES, PALETTE, colorize, id_to_train_id
from cs_utils.plots.style import INK, add_legend, panels, show, styled


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


def _outline(instances: np.ndarray) -> np.ndarray:
    """Pixels of objects whose right or lower neighbour is of another object: (H, W) bool."""
    edge = np.zeros(instances.shape, bool)
    edge[:, :-1] |= instances[:, :-1] != instances[:, 1:]
    edge[:-1] |= instances[:-1] != instances[1:]
    return edge & (instances >= 1000)


def _dim(image: np.ndarray) -> np.ndarray:
    return (image * 0.35).astype(np.uint8)


def _write_classes(axes: Axes, image: np.ndarray, train_ids: np.ndarray) -> None:
    height, width = image.shape[:2]
    present = [CLASS_NAMES[value] for value in np.unique(train_ids) if value < NUM_CLASSES]
    rows = -(-len(present) // 3)
    for number, name in enumerate(present):
        column, row = divmod(number, max(rows, 1))
        place = ((0.03 + column / 3) * width, (row + 1) / (rows + 1) * height)
        axes.text(*place, f"✓ {name}", color="white", fontsize=13, va="center")


def _draw_boxes(axes: Axes, instances: np.ndarray) -> int:
    table = find_boxes(instances)
    for box in table.itertuples():
        color = PALETTE[CLASS_NAMES.index(box[1])] / 255 if box[1] in CLASS_NAMES else "grey"
        size = (box.right - box.left + 1, box.bottom - box.top + 1)
        axes.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), *size, fill=False, edgecolor="white", lw=2.6))
        axes.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), *size, fill=False, edgecolor=color, lw=1.6))
    return len(table)


@styled
def plot_segmentation_types(image: np.ndarray, train_ids: np.ndarray, instances: np.ndarray) -> Figure:
    """One scene and five answers about it: classification, detection, semantic, instance, panoptic segmentation.

    Args:
        image: (H, W, 3) uint8.
        train_ids: (H, W) uint8, void = 255.
        instances: (H, W) uint16, label id * 1000 + number, or the plain label id.
    """
    height, width = train_ids.shape
    figure, grid = panels(2, 3, width=15, aspect=width / height)
    photo, classes, boxes, semantic, instance, panoptic = grid.flat
    show(photo, image, "Image")
    show(classes, _dim(image), "Classification: what is there?")
    _write_classes(classes, image, train_ids)
    show(boxes, image)
    count = _draw_boxes(boxes, instances)
    boxes.set_title(f"Detection: {count} boxes")
    show(semantic, colorize(train_ids), "Semantic: a class for each pixel")
    show(instance, paint_instances(instances, _dim(image)), "Instance: each object by itself")
    both = paint_instances(instances, colorize(train_ids))
    both[_outline(instances)] = 255
    show(panoptic, both, "Panoptic: both at once")
    add_legend(figure, [train_ids])
    return figure


@styled
def plot_pixel_label(image: np.ndarray, ids: np.ndarray, y: int, x: int, reach: int = 5) -> Figure:
    """One pixel: where it is in the photo, the pixels around it, and the label ids of these.

    Args:
        image: (H, W, 3) uint8.
        ids: (H, W) uint8 label ids.
        y: row of the pixel.
        x: column of the pixel.
        reach: so many pixels are shown on each side of it.
    """
    height, width = ids.shape
    top, left = np.clip(y - reach, 0, height - 1), np.clip(x - reach, 0, width - 1)
    window = np.s_[top : y + reach + 1, left : x + reach + 1]
    figure = Figure(figsize=(15, 4.8), layout="constrained")
    whole, near, labels = figure.subplots(1, 3, width_ratios=(width / height, 1, 1))
    show(whole, image, f"Row {y}, column {x}")
    side = max(height, width) / 18
    whole.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False, edgecolor="white", lw=5))
    whole.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False, edgecolor=INK, lw=2))
    show(near, image[window], "image[y, x]: a colour")
    show(labels, colorize(id_to_train_id(ids[window])), "ids[y, x]: a label id")
    for (row, column), value in np.ndenumerate(ids[window]):
        labels.text(column, row, value, ha="center", va="center", color="white", fontsize=11)
    for axes in (near, labels):
        axes.add_patch(Rectangle((x - left - 0.5, y - top - 0.5), 1, 1, fill=False, edgecolor="white", lw=4))
    figure.suptitle(f"The pixel in the middle is “{BY_ID[int(ids[y, x])].name}”", fontsize=16, fontweight="bold")
    return figure


@styled
def plot_answer_sizes(sizes: dict[str, int]) -> Figure:
    """How many numbers each answer takes, on a logarithmic axis."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots()
    names, numbers = list(sizes), list(sizes.values())
    bars = axes.barh(names[::-1], numbers[::-1], color=sns.color_palette("crest", len(names)))
    axes.bar_label(bars, labels=[f"{number:,}" for number in numbers[::-1]], padding=5)
    axes.set(xscale="log", xlabel="numbers in the answer", title="From a handful of numbers to millions")
    axes.set_xlim(1, 15 * max(numbers))
    axes.grid(axis="y", visible=False)
    return figure
