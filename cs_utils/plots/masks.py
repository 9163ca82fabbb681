"""Pictures and masks in a drawing: shown without ticks, classes in their colours, with names, void faded."""

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, PALETTE, VOID, colorize
from cs_utils.plots.style import LETTERS, letters_on

VOID_STRIPES = (238, 208)
"""Greys of the stripes that void is painted with: faded, since what is predicted there does not count."""


def color_of(name: str) -> np.ndarray:
    """The colour of a class, RGB from 0 to 1; of void, and of any other name, a grey."""
    return PALETTE[CLASS_NAMES.index(name)] / 255 if name in CLASS_NAMES else np.full(3, VOID_STRIPES[1] / 255)


def show(axes: Axes, pixels: np.ndarray, title: str = "") -> None:
    """Show a picture without ticks: an image (H, W, 3) uint8, or a mask (H, W) of trainIds, painted by `paint`.

    Pixels that are smaller than those of the figure are averaged; pixels that are far larger stay squares.
    """
    axes.imshow(pixels if pixels.ndim == 3 else paint(pixels), interpolation="antialiased")
    axes.set_title(title)
    axes.set_axis_off()


def paint(mask: np.ndarray) -> np.ndarray:
    """Paint trainIds in the Cityscapes colours, void in pale stripes: (H, W) uint8 -> (H, W, 3) uint8."""
    return fade_void(colorize(mask), mask)


def fade_void(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) with pale stripes where a mask (H, W) of trainIds has no class."""
    rows, columns = np.indices(mask.shape, sparse=True)
    wide = max(1, mask.shape[1] // 128)
    stripes = np.uint8(VOID_STRIPES)[(rows + columns) // wide % 2][..., None]
    return np.where((mask >= NUM_CLASSES)[..., None], stripes, picture)


def name_regions(axes: Axes, mask: np.ndarray, inches: float) -> set[int]:
    """Write the names of classes into a shown mask (H, W), each where its region is large enough for the letters.

    Args:
        axes: where the mask is shown.
        mask: trainIds.
        inches: width of the shown mask in the figure.

    Returns:
        The trainIds that have got their name.
    """
    height, width = mask.shape
    per_point = width / (72 * inches)
    named = set()
    for value in np.unique(mask[mask < NUM_CLASSES]):
        name = CLASS_NAMES[value]
        box = (math.ceil(0.66 * LETTERS * len(name) * per_point), math.ceil(1.2 * LETTERS * per_point))  # width, height
        if box[0] >= width or box[1] >= height:
            continue
        # What stays after erosion are the middles of all boxes that lie in the region.
        region = (mask == value).astype(np.uint8)
        room = cv2.erode(region, np.ones((box[1], box[0]), np.uint8), borderValue=0)
        if not room.any():
            continue
        inside = cv2.distanceTransform(np.pad(region, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        y, x = np.unravel_index(np.where(room, inside, -1).argmax(), room.shape)
        halo = PALETTE[value] / 255
        text = axes.text(x, y, name, ha="center", va="center", color=letters_on(halo))
        text.set_path_effects([patheffects.withStroke(linewidth=2, foreground=halo)])
        named.add(int(value))
    return named


def add_legend(figure: Figure, masks: Sequence[np.ndarray], named: Iterable[int] = ()) -> None:
    """Name the colours of the classes in masks of trainIds, but for those ``named``, below the figure, which grows."""
    present = set(np.unique(np.concatenate([np.unique(mask) for mask in masks])).tolist()) - set(named)
    classes = sorted(value for value in present if value < NUM_CLASSES)
    patches = [Patch(color=PALETTE[value] / 255, label=CLASS_NAMES[value]) for value in classes]
    if present - {*classes, VOID}:  # what an interpolated mask invents; black, as `colorize` paints it
        patches.append(Patch(color="black", label="no class"))
    if VOID in present:
        light, dark = (f"#{grey:02x}{grey:02x}{grey:02x}" for grey in VOID_STRIPES)
        patches.append(Patch(facecolor=light, edgecolor=dark, hatch="////", linewidth=0, label="void"))
    if patches:
        columns = min(5, len(patches))
        figure.set_figheight(figure.get_figheight() + 0.3 * -(-len(patches) // columns) + 0.25)
        figure.legend(
            handles=patches,
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            columnspacing=1.2,
            handlelength=1.3,
        )
