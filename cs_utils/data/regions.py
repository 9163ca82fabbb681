"""What lies where in single scenes: boxes around objects, borders, windows, and patches that look alike."""

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
import pandas as pd

from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_ID, CLASS_NAMES

SIDE = 10
"""Height and width in pixels of the patches that `find_lookalikes` compares."""


def find_boxes(instances: np.ndarray) -> pd.DataFrame:
    """The box around each object: what a detector would be asked for.

    Args:
        instances: (H, W) uint16, label id * 1000 + number; plain ids are no single objects.

    Returns:
        A row for each object, by its value in ``instances``: ``class``, ``left``, ``top``, ``right``, ``bottom`` (first
        and last column and row, both inside), ``pixels``.
    """
    y, x = np.nonzero(instances >= 1000)
    groups = pd.DataFrame({"value": instances[y, x].astype(int), "x": x, "y": y}).groupby("value")
    table = groups.agg(
        left=("x", "min"), top=("y", "min"), right=("x", "max"), bottom=("y", "max"), pixels=("x", "size")
    )
    table.insert(0, "class", [BY_ID[value // 1000].name for value in table.index])
    return table


def boundaries(mask: np.ndarray, within: int = 1) -> np.ndarray:
    """Which pixels have another class within so many pixels, in a square around them: (H, W) uint8 -> (H, W) bool."""
    square = np.ones((2 * within + 1,) * 2, dtype=np.uint8)
    return cv2.dilate(mask, square) != cv2.erode(mask, square)


def fullest_window(marked: np.ndarray, height: int, width: int) -> tuple[slice, slice]:
    """The window of this size that holds most marked pixels, (H, W) bool: rows and columns, to index image and mask."""
    # Sums over all windows at once, from a table of sums over all rectangles that start in the corner.
    sums = cv2.integral(marked.astype(np.uint8))  # (H + 1, W + 1)
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(inside.argmax(), inside.shape)
    return np.s_[int(top) : int(top) + height, int(left) : int(left) + width]


def find_lookalikes(
    scenes: Sequence[tuple[np.ndarray, np.ndarray]], first: str, second: str
) -> tuple[np.ndarray, list[tuple[int, int]], float]:
    """The two patches that differ least, one of each class, in the same scene.

    A patch lies wholly in its class. Six numbers describe it: the mean and the deviation of each colour.

    Args:
        scenes: images (H, W, 3) uint8 with their masks (H, W) of trainIds.
        first: name of a class.
        second: name of another one.

    Returns:
        The image; row and column of the centre of each patch; by how many grey levels their numbers differ in all.

    Raises:
        CourseError: no scene has a patch of both classes.
    """
    best = None
    for image, mask in scenes:
        ours, others = (_list_patches(image, mask, CLASS_NAMES.index(name)) for name in (first, second))
        unlike = np.abs(ours[:, None, 2:] - others[:, 2:]).sum(axis=-1)  # (patches, patches)
        if unlike.size and (best is None or unlike.min() < best[2]):
            row, column = np.unravel_index(unlike.argmin(), unlike.shape)
            corners = ours[row, :2], others[column, :2]
            centres = [(int(top) + SIDE // 2, int(left) + SIDE // 2) for top, left in corners]
            best = image, centres, float(unlike.min())
    if best is None:
        raise CourseError(f"no scene has a patch of {first} and one of {second}, {SIDE} pixels wide: take more scenes")
    return best


def _list_patches(image: np.ndarray, mask: np.ndarray, train_id: int) -> np.ndarray:
    # A row for each: top, left, mean and deviation of each colour.
    found = []
    for top, left in product(*(range(0, size - SIDE + 1, 8) for size in mask.shape)):
        window = np.s_[top : top + SIDE, left : left + SIDE]
        if (mask[window] == train_id).all():
            found.append([top, left, *image[window].mean((0, 1)), *image[window].std((0, 1))])
    return np.reshape(found, (-1, 8))
