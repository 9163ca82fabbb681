"""What a list of frames holds, counted in one pass over its files: pixels, places, objects, colours.

Pixels are counted at full size, because the smallest classes are the ones in question. Where in the frame a class lies,
and its colour, is read off a sample of the pixels, `GRID` places with `SAMPLES` of them in each.
"""

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from tqdm import tqdm

from cs_utils.data.cityscapes import Frame, pair, read_as_stored, read_instances, read_mask, read_polygons
from cs_utils.data.files import stamp
from cs_utils.data.transforms import LUMA
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_ID, BY_NAME, CLASS_NAMES, CLASSES, LABELS, NUM_CLASSES, REAL_PIXELS, VOID

NAMES = (*CLASS_NAMES, "void")
"""The classes in the order of their trainIds, and void last."""
GRID = (32, 64)
"""Height and width of the heat maps."""
SAMPLES = (4, 4)
"""Pixels of a frame that are looked at in each place of the grid, down and across."""
THING_NAMES = tuple(label.name for label in CLASSES if label.has_instances)
"""The evaluated classes whose objects are told apart."""


@dataclass(frozen=True)
class Statistics:
    """What `gather` counted; every table has the frames, or the classes with void last, in order."""

    pixels: pd.DataFrame
    """Pixels of each class in each frame: a row for each frame, by its name, and 20 columns, int64."""
    positions: np.ndarray
    """(20, 32, 64) float64, 0..1: at each place of the frame, the share of the pixels that each class has."""
    objects: pd.DataFrame
    """A row for each object, columns as in `object_table`, after ``frame``; without rows where no objects are told
    apart."""
    void: pd.Series
    """Pixels of each label that is not evaluated, such as "ego vehicle", int64, by name."""
    photos: pd.DataFrame
    """A row for each frame: ``brightness``, ``red``, ``green``, ``blue``: means over the photo, 0..255."""
    colors: pd.DataFrame
    """A row for each class: mean ``red``, ``green``, ``blue`` of its pixels, 0..255; NaN for a class without any."""


def gather(frames: Sequence[Frame]) -> Statistics:
    """Count all of it, in one pass over photos, labels, instances and polygons.

    The answer is kept: asked again for the same frames, the same process reads them again only if a file has changed.
    Without instance images and polygons, as in some partial downloads, no objects are told apart.

    Raises:
        ValueError: there are no frames.
        CourseError: a file is missing or broken.
    """
    if not frames:
        raise ValueError("no frames: there is nothing to count")
    files = (path for frame in frames for path in (frame.image, frame.label_ids, frame.instance_ids, frame.polygons))
    kept = _gather(tuple(frames), tuple(stamp(path) if path.exists() else None for path in files))
    return copy.deepcopy(kept)  # so that nobody's changes are in the next answer


@lru_cache(maxsize=4)
def _gather(frames: tuple[Frame, ...], stamps: tuple[tuple[int, int] | None, ...]) -> Statistics:
    # Threads are enough: OpenCV decodes outside Python's lock.
    with ThreadPoolExecutor() as pool:
        work = pool.map(_measure, frames)
        parts = list(tqdm(work, desc="count", total=len(frames), unit="frame", disable=None, leave=False))
    index = pd.Index([frame.name for frame in frames], name="frame")
    labels = np.stack([part.labels for part in parts])  # (frames, 256)
    samples = sum(part.positions for part in parts)  # (20, 32, 64)
    color_sums = sum(part.color_sums for part in parts)  # (20, 3)
    sampled = samples.sum(axis=(1, 2))[:, None]
    colors = np.divide(color_sums, sampled, out=np.full_like(color_sums, np.nan), where=sampled > 0)
    photos = np.stack([part.mean_color for part in parts])  # (frames, 3)
    objects = pd.concat([part.objects.assign(frame=frame.name) for part, frame in zip(parts, frames, strict=True)])
    return Statistics(
        pixels=pd.DataFrame(_by_class(labels), index=index, columns=NAMES),
        positions=samples / samples.sum(axis=0),
        objects=objects[["frame", *objects.columns[:-1]]].reset_index(drop=True),
        void=pd.Series({label.name: int(labels[:, label.id].sum()) for label in LABELS if label.train_id == VOID}),
        photos=pd.DataFrame(
            {"brightness": photos @ LUMA, "red": photos[:, 0], "green": photos[:, 1], "blue": photos[:, 2]}, index
        ),
        colors=pd.DataFrame(colors, index=pd.Index(NAMES, name="class"), columns=["red", "green", "blue"]),
    )


@dataclass(frozen=True)
class _Part:
    """What one frame adds."""

    labels: np.ndarray  # (256,) int64: pixels of each label id
    positions: np.ndarray  # (20, 32, 64) int64: sampled pixels
    color_sums: np.ndarray  # (20, 3) float64: sum of the sampled pixels
    mean_color: np.ndarray  # (3,) float64
    objects: pd.DataFrame


def _measure(frame: Frame) -> _Part:
    image, ids = read_as_stored(frame.image), read_mask(frame.label_ids)
    mask = pair(frame, image, ids)
    # Label ids are instance ids in which nothing is told apart.
    instances = read_instances(frame.instance_ids) if frame.instance_ids.exists() else ids
    if instances.shape != ids.shape:
        raise CourseError(f"{frame.instance_ids} has another size than {frame.label_ids.name}: restore both")
    polygons = read_polygons(frame.polygons) if frame.polygons.exists() else {"objects": []}
    labels = np.bincount(ids.ravel(), minlength=256)

    height, width = GRID[0] * SAMPLES[0], GRID[1] * SAMPLES[1]
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    classes = np.minimum(small, NUM_CLASSES).astype(np.int64)  # void 255 -> 19
    rows, columns = np.arange(height) // SAMPLES[0], np.arange(width) // SAMPLES[1]
    places = rows[:, None] * GRID[1] + columns  # (128, 256): which place of the grid
    bins = classes * (GRID[0] * GRID[1]) + places
    positions = np.bincount(bins.ravel(), minlength=len(NAMES) * GRID[0] * GRID[1])
    colors = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST).reshape(-1, 3).astype(float)
    sums = [np.bincount(classes.ravel(), weights=channel, minlength=len(NAMES)) for channel in colors.T]
    return _Part(
        labels,
        positions.reshape(len(NAMES), *GRID),
        np.stack(sums, axis=1),
        np.array(cv2.mean(image)[:3]),
        object_table(instances, polygons),
    )


def _by_class(labels: np.ndarray) -> np.ndarray:
    """Pixels of label ids (..., 256) -> pixels of the classes, void last (..., 20)."""
    valid = labels[..., [label.id for label in CLASSES]]
    return np.concatenate([valid, labels.sum(axis=-1, keepdims=True) - valid.sum(axis=-1, keepdims=True)], axis=-1)


def object_table(instances: np.ndarray, content: dict[str, Any]) -> pd.DataFrame:
    """List the objects of a frame, and how much of each one's outline is seen.

    Args:
        instances: (H, W) uint16, label id * 1000 + number; plain ids, groups among them, are no single objects.
        content: the frame's polygon file.

    Returns:
        A row for each object of an evaluated class: ``class``; ``pixels``, those that show it; ``outline``, those that
        its own polygon covers, whatever was painted over it later (NaN without a polygon).
    """
    counts = np.bincount(instances.ravel(), minlength=1 << 16)
    pixels = {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value >= 1000}
    outlines: dict[int, int] = {}
    numbers: dict[str, int] = {}
    for item in content["objects"]:
        name = item["label"]
        # Groups, "cargroup", are in the table under no name.
        if name in BY_NAME and BY_NAME[name].has_instances:
            number = numbers.get(name, 0)
            numbers[name] = number + 1
            outlines[BY_NAME[name].id * 1000 + number] = _polygon_pixels(item["polygon"], instances.shape)
    rows = [
        (BY_ID[value // 1000].name, pixels.get(value, 0), outlines.get(value, np.nan))
        for value in sorted(pixels.keys() | outlines.keys())
        if BY_ID[value // 1000].name in THING_NAMES
    ]
    table = pd.DataFrame(rows, columns=["class", "pixels", "outline"])
    return table.astype({"class": "object", "pixels": np.int64, "outline": float})


def _polygon_pixels(polygon: Sequence[Sequence[float]], size: tuple[int, int]) -> int:
    """Pixels of a picture of this height and width that a polygon covers."""
    corners = np.asarray(polygon, dtype=float).reshape(-1, 2)
    if len(corners) < 2:
        return len(corners)
    # Only as much canvas as the polygon needs.
    low = np.clip(np.floor(corners.min(axis=0)), 0, None)
    high = np.minimum(np.ceil(corners.max(axis=0)), np.array(size[::-1]) - 1)
    width, height = (high - low).astype(int) + 1
    if width <= 0 or height <= 0:
        return 0
    canvas = Image.new("L", (int(width), int(height)), 0)
    ImageDraw.Draw(canvas).polygon((corners - low).ravel().tolist(), fill=1)
    return int(np.asarray(canvas).sum())


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
    scenes: Sequence[tuple[np.ndarray, np.ndarray]], first: str, second: str, side: int = 10
) -> tuple[np.ndarray, list[tuple[int, int]], float]:
    """The two patches that differ least, one of each class, in the same scene.

    A patch lies wholly in its class. Six numbers describe it: the mean and the deviation of each colour.

    Args:
        scenes: images (H, W, 3) uint8 with their masks (H, W) of trainIds.
        first: name of a class.
        second: name of another one.
        side: height and width of a patch.

    Returns:
        The image; row and column of the centre of each patch; by how many grey levels their numbers differ in all.

    Raises:
        CourseError: no scene has a patch of both classes.
    """
    best = None
    for image, mask in scenes:
        ours, others = (_list_patches(image, mask, CLASS_NAMES.index(name), side) for name in (first, second))
        unlike = np.abs(ours[:, None, 2:] - others[:, 2:]).sum(axis=-1)  # (patches, patches)
        if unlike.size and (best is None or unlike.min() < best[2]):
            row, column = np.unravel_index(unlike.argmin(), unlike.shape)
            corners = ours[row, :2], others[column, :2]
            centres = [(int(top) + side // 2, int(left) + side // 2) for top, left in corners]
            best = image, centres, float(unlike.min())
    if best is None:
        raise CourseError(f"No scene has a patch of {first} and one of {second}, {side} pixels wide: take more scenes.")
    return best


def _list_patches(image: np.ndarray, mask: np.ndarray, train_id: int, side: int) -> np.ndarray:
    # A row for each: top, left, mean and deviation of each colour.
    found = []
    for top, left in product(*(range(0, size - side + 1, 8) for size in mask.shape)):
        window = np.s_[top : top + side, left : left + side]
        if (mask[window] == train_id).all():
            found.append([top, left, *image[window].mean((0, 1)), *image[window].std((0, 1))])
    return np.reshape(found, (-1, 8))


def class_shares(pixels: pd.DataFrame) -> pd.Series:
    """Share of all pixels that each class has, void among them: 0..1, summing to 1."""
    total = pixels.sum()
    return total / total.sum()


def real_shares() -> pd.Series:
    """The same shares in the 2975 finely annotated training images of Cityscapes."""
    total = pd.Series(REAL_PIXELS)
    return total / total.sum()


def presence(pixels: pd.DataFrame) -> pd.Series:
    """Share of the frames in which each class has at least one pixel: 0..1."""
    return (pixels > 0).mean()


def co_occurrence(pixels: pd.DataFrame) -> pd.DataFrame:
    """Of the frames that hold one class (row), the share that also hold another (column): 0..1.

    The diagonal is 1. The row of a class that no frame holds is NaN.
    """
    present = (pixels > 0).astype(int)
    both = present.T @ present  # frames that hold both
    return both.div(present.sum().replace(0, np.nan), axis=0)


def lift(pixels: pd.DataFrame) -> pd.DataFrame:
    """How many times as often a class (column) is in the frames that hold another (row) as in all frames; 1: by chance.

    NaN on the diagonal, and where one of the two is in no frame.
    """
    table = co_occurrence(pixels) / presence(pixels).replace(0, np.nan)
    return table.mask(np.eye(len(table), dtype=bool))
