"""The Cityscapes folder layout: where each file of a frame lies, and how files are read and written.

A frame is one photo with its labels. Below the data folder its files are::

    leftImg8bit/{split}/{city}/{city}_{sequence}_{frame}_leftImg8bit.png
    gtFine/{split}/{city}/{city}_{sequence}_{frame}_gtFine_{labelIds,instanceIds,color}.png
    gtFine/{split}/{city}/{city}_{sequence}_{frame}_gtFine_polygons.json

Nothing is ever read half-written: a file is written under a temporary name and renamed when it is whole.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cs_utils.labels import MAX_ID, id_to_train_id
from cs_utils.settings import CourseError

# OpenCV's threads do not survive a fork: a loader process that inherits them waits for them for ever. One image is
# quickly decoded by one thread, and several are decoded by several processes.
cv2.setNumThreads(1)

SPLITS = ("train", "val", "test")
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
"""The first and the last eight bytes of every whole PNG file."""


@dataclass(frozen=True, order=True)
class Frame:
    """One photo and its label files, named as in the download."""

    root: Path
    split: str
    city: str
    name: str
    """``{city}_{sequence}_{frame}``, what all files of the frame begin with."""

    def _ground_truth(self, suffix: str) -> Path:
        return self.root / "gtFine" / self.split / self.city / f"{self.name}_gtFine_{suffix}"

    @property
    def image(self) -> Path:
        """The photo, 8-bit RGB."""
        return self.root / "leftImg8bit" / self.split / self.city / f"{self.name}_leftImg8bit.png"

    @property
    def label_ids(self) -> Path:
        """Label id of each pixel, 8-bit grey."""
        return self._ground_truth("labelIds.png")

    @property
    def instance_ids(self) -> Path:
        """Label id * 1000 + instance number, or the plain id; 16-bit grey."""
        return self._ground_truth("instanceIds.png")

    @property
    def color(self) -> Path:
        """The labels in the Cityscapes colours, RGBA; to look at, never to decode."""
        return self._ground_truth("color.png")

    @property
    def polygons(self) -> Path:
        """The polygons that the label images were drawn from, JSON."""
        return self._ground_truth("polygons.json")


def list_frames(root: Path, split: str) -> list[Frame]:
    """All frames of a split that have a photo, sorted by city and name; their label files are not looked for."""
    return _list(root, "leftImg8bit", split, "_leftImg8bit.png")


def list_labelled(root: Path, split: str) -> list[Frame]:
    """All frames of a split that have label ids, sorted by city and name; their photos are not looked for."""
    return _list(root, "gtFine", split, "_gtFine_labelIds.png")


def _list(root: Path, top: str, split: str, suffix: str) -> list[Frame]:
    # Names with a leading dot are what macOS leaves beside the files that it unpacks.
    paths = (root / top / split).glob(f"*/[!.]*{suffix}")
    return sorted(Frame(root, split, path.parent.name, path.name.removesuffix(suffix)) for path in paths)


def find_frames(root: Path, split: str) -> list[Frame]:
    """All frames of a split, each with its photo and its label ids, sorted by city and name.

    Raises:
        CourseError: the folder is missing, the split is unknown or empty, or a photo or its label file is missing.
    """
    if split not in SPLITS:
        raise CourseError(f"split {split!r} is unknown: give one of {', '.join(SPLITS)}")
    if not root.is_dir():
        raise CourseError(
            f"data folder {root} is missing: make it with `python -m cs_utils data minicity`, or set CS_DATA to another"
        )
    frames = list_frames(root, split)
    if not frames:
        raise CourseError(
            f"no photos in {root / 'leftImg8bit' / split}: run `python -m cs_utils data check --data {root}`"
        )
    labelled = list_labelled(root, split)
    for frame in sorted(set(frames) ^ set(labelled)):
        missing = frame.image if frame in set(labelled) else frame.label_ids
        raise CourseError(f"{missing} is missing: restore it, or take its other half away")
    return frames


def _decode(path: Path, flags: int) -> np.ndarray:
    try:
        # Not cv2.imread: it cannot open a path with non-ASCII letters on Windows.
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): check the name, or restore the file") from None
    # Looked at first, because the decoder would print its own complaint about a truncated file.
    is_png = data[: len(PNG_START)].tobytes() == PNG_START
    truncated = is_png and PNG_END not in data[-1024:].tobytes()
    pixels = None if truncated or data.size == 0 else cv2.imdecode(data, flags)
    if pixels is None:
        raise CourseError(f"{path} is truncated or not an image: restore the file")
    return pixels


def read_image(path: Path) -> np.ndarray:
    """Read a photo: (H, W, 3) uint8 RGB, turned upright as its EXIF data says.

    Raises:
        CourseError: the file is missing, truncated or not an image.
    """
    return cv2.cvtColor(_decode(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def read_mask(path: Path) -> np.ndarray:
    """Read a label image: (H, W) uint8.

    Raises:
        CourseError: the file is missing, truncated, not an image, or not 8-bit with a single channel.
    """
    mask = _decode(path, cv2.IMREAD_UNCHANGED)
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise CourseError(
            f"{path} is no label image: its pixels are {mask.dtype} with shape {mask.shape}, and must be 8-bit with "
            "one channel of label ids; give labelIds.png, not color.png or instanceIds.png"
        )
    return mask


def read_instances(path: Path) -> np.ndarray:
    """Read an instance image: (H, W) uint16, label id * 1000 + number, or the plain label id.

    Raises:
        CourseError: the file is missing, truncated, not an image, or not 16-bit with a single channel.
    """
    instances = _decode(path, cv2.IMREAD_UNCHANGED)
    if instances.ndim != 2 or instances.dtype != np.uint16:
        raise CourseError(f"{path} is no instance image: its pixels must be 16-bit with one channel; restore it")
    return instances


def read_polygons(path: Path) -> dict[str, Any]:
    """Read a polygon file: ``imgHeight``, ``imgWidth``, and ``objects``, each with a ``label`` and a ``polygon``.

    Raises:
        CourseError: the file is missing or not of this form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole = {"imgHeight", "imgWidth"} <= content.keys() and all(
            isinstance(item["label"], str) and isinstance(item["polygon"], list) for item in content["objects"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise CourseError(f"{path} is missing or not a polygon file: restore it")
    return content


def read_frame(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Read a frame: image (H, W, 3) uint8 RGB and mask (H, W) uint8 of trainIds, void = 255.

    Raises:
        CourseError: a file is unreadable, the two differ in size, or the mask holds a number that is no label id.
    """
    image, ids = read_image(frame.image), read_mask(frame.label_ids)
    if image.shape[:2] != ids.shape:
        raise CourseError(
            f"{frame.label_ids} is {ids.shape[1]}x{ids.shape[0]}, its photo is {image.shape[1]}x{image.shape[0]}: "
            "they must have the same size; restore both from the same source"
        )
    if ids.max() > MAX_ID:
        raise CourseError(
            f"{frame.label_ids} holds {ids.max()}, but label ids end at {MAX_ID}: restore it; trainIds will not do"
        )
    return image, id_to_train_id(ids)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: under a temporary name beside it, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process number keeps two processes that write the same file apart.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_png(path: Path, pixels: np.ndarray, compression: int = 3) -> None:
    """Write (H, W) uint8 or uint16, (H, W, 3) RGB or (H, W, 4) RGBA pixels as PNG, whole or not at all."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    _, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    write_atomic(path, encoded.tobytes())
