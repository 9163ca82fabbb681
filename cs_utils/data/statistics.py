"""What a list of frames holds, counted in one pass over its files: pixels, places, objects, brightness.

Pixels are counted at full size, because the smallest classes are the ones in question. Where in the frame a class lies
is read off a sample of the pixels, `GRID` places with `SAMPLES` of them in each.
"""

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
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
    brightness: pd.Series
    """The mean of each photo, 0..255, by its frame's name; of red, green and blue as the eye weighs them."""


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
    objects = pd.concat([part.objects.assign(frame=frame.name) for part, frame in zip(parts, frames, strict=True)])
    return Statistics(
        pixels=pd.DataFrame(_by_class(labels), index=index, columns=NAMES),
        positions=samples / samples.sum(axis=0),
        objects=objects[["frame", *objects.columns[:-1]]].reset_index(drop=True),
        void=pd.Series({label.name: int(labels[:, label.id].sum()) for label in LABELS if label.train_id == VOID}),
        brightness=pd.Series([part.brightness for part in parts], index),
    )


@dataclass(frozen=True)
class _Part:
    """What one frame adds."""

    labels: np.ndarray  # (256,) int64: pixels of each label id
    positions: np.ndarray  # (20, 32, 64) int64: sampled pixels
    brightness: float
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
    return _Part(
        labels,
        positions.reshape(len(NAMES), *GRID),
        float(LUMA @ cv2.mean(image)[:3]),
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
