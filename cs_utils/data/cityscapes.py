"""The Cityscapes folder layout: where each file of a frame lies, and how files are read and written.

A frame is one photo with its labels. Below the data folder its files are::

    leftImg8bit/{split}/{city}/{city}_{sequence}_{frame}_leftImg8bit.png
    gtFine/{split}/{city}/{city}_{sequence}_{frame}_gtFine_{labelIds,instanceIds,color}.png
    gtFine/{split}/{city}/{city}_{sequence}_{frame}_gtFine_polygons.json

Nothing is ever read half-written: a file is written under a temporary name and renamed when it is whole.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cs_utils.data.files import decode, file_problem, image_kind, is_folder, list_folder, read_bytes, write_atomic
from cs_utils.data.wrong_encoding import encoding_problem
from cs_utils.exceptions import CourseError
from cs_utils.labels import ID_PALETTE, MAX_ID, id_to_train_id
from minicity import Scene, polygons_json

SPLITS = ("train", "val", "test")
PHOTO = "8-bit RGB PNG"
"""What a photo is, in the words of `image_kind`."""
GROUND_TRUTH = ("_gtFine_labelIds.png", "_gtFine_instanceIds.png", "_gtFine_color.png", "_gtFine_polygons.json")
"""How the names of a frame's label files end."""


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
    return _list(root, "gtFine", split, *GROUND_TRUTH[:1])


def list_begun(root: Path, split: str) -> list[Frame]:
    """All frames of a split of which any file is there, sorted by city and name."""
    return sorted({*list_frames(root, split), *_list(root, "gtFine", split, *GROUND_TRUTH)})


def _list(root: Path, top: str, split: str, *suffixes: str) -> list[Frame]:
    names = {
        (path.parent.name, path.name.removesuffix(suffix))
        for path in _city_files(root / top / split)
        for suffix in suffixes
        if path.name.endswith(suffix)
    }
    return [Frame(root, split, city, name) for city, name in sorted(names)]


def _city_files(folder: Path) -> Iterator[Path]:
    """All that lies in the cities of a split; nothing where the split is missing.

    Raises:
        CourseError: a city cannot be looked into. Otherwise its frames would be missing without any message.
    """
    if not is_folder(folder):
        return
    for city in list_folder(folder):
        if is_folder(city):
            yield from list_folder(city)
        elif city.is_symlink() and (problem := file_problem(city)):
            raise CourseError(problem)


def find_frames(root: Path, split: str) -> list[Frame]:
    """All frames of a split, each with its photo and its label ids, sorted by city and name.

    Raises:
        CourseError: the folder is missing, the split is unknown or empty, a photo or its label file is missing or no
            file, or the label files hold trainIds or another encoding than label ids.
    """
    if split not in SPLITS:
        raise CourseError(f"split {split!r} is unknown: give one of {', '.join(SPLITS)}")
    if not is_folder(root):
        raise CourseError(
            f"data folder {root} is missing: make it with `python -m cs_utils data minicity`, or set CS_DATA to another"
        )
    frames = list_frames(root, split)
    if not frames:
        raise CourseError(
            f"no photos in {root / 'leftImg8bit' / split}: run `python -m cs_utils data check --data {root}`"
        )
    labelled = list_labelled(root, split)
    if halves := sorted(set(frames) ^ set(labelled)):
        missing = halves[0].image if halves[0] in labelled else halves[0].label_ids
        raise CourseError(f"{missing} is missing: restore it, or take its other half away")
    for frame in frames:
        if problem := file_problem(frame.image) or file_problem(frame.label_ids):
            raise CourseError(problem)
    # A few are enough: a set that is encoded otherwise is so as a whole. `data check` looks at every file.
    for frame in dict.fromkeys([frames[0], frames[len(frames) // 2], frames[-1]]):
        if problem := _encoding_problem(frame):
            raise CourseError(f"{frame.label_ids} {problem}")
    return frames


def _encoding_problem(frame: Frame) -> str | None:
    try:
        polygons = read_polygons(frame.polygons) if frame.polygons.exists() else None
        return encoding_problem(read_mask(frame.label_ids), polygons)
    except CourseError:  # reading the file will say it
        return None


def read_upright(path: Path) -> np.ndarray:
    """Read a photo as a person sees it: (H, W, 3) uint8 RGB, turned upright as its EXIF data says.

    OpenCV turns no AVIF: that comes as it is stored.

    Raises:
        CourseError: the file is missing, truncated or not an image.
    """
    return decode(path, read_bytes(path), cv2.IMREAD_COLOR_RGB)


def read_as_stored(path: Path) -> np.ndarray:
    """Read a photo that has labels: (H, W, 3) uint8 RGB, not turned, because they were drawn on the pixels as stored.

    Exception: OpenCV always turns a TIFF that has an orientation tag.

    Raises:
        CourseError: the file is missing, truncated, not an image, or grey.
    """
    data = read_bytes(path)
    if "grey" in (kind := image_kind(data)):
        raise CourseError(f"{path} is no photo: it is {kind}; restore it, or save a photo without colours as {PHOTO}")
    return decode(path, data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)


def _read_labels(path: Path, kind: str, advice: str) -> np.ndarray:
    data = read_bytes(path)
    pixels, found = decode(path, data, cv2.IMREAD_UNCHANGED), image_kind(data)
    # By its header: JPEG would have smeared the ids, and the decoder stretches 1, 2 and 4 bits over 0..255.
    if found != kind:
        raise CourseError(f"{path} is no label image of its kind: it is {found}, and must be {kind}; {advice}")
    return pixels


def read_mask(path: Path) -> np.ndarray:
    """Read a label image: (H, W) uint8.

    Raises:
        CourseError: the file is missing, truncated, not an image, or not a PNG of 8 bits with a single channel.
    """
    return _read_labels(path, "8-bit grey PNG", "give labelIds.png, not color.png or instanceIds.png")


def read_instances(path: Path) -> np.ndarray:
    """Read an instance image: (H, W) uint16, label id * 1000 + number, or the plain label id.

    Raises:
        CourseError: the file is missing, truncated, not an image, or not a PNG of 16 bits with a single channel; or it
            holds a number of no label.
    """
    instances = _read_labels(path, "16-bit grey PNG", "restore it")
    if instances.max() // 1000 > MAX_ID:
        raise CourseError(f"{path} holds {instances.max()}, but label ids end at {MAX_ID}: restore it")
    return instances


def read_color(path: Path) -> np.ndarray:
    """Read a label image in colours: (H, W, 4) uint8 RGBA, to look at.

    Raises:
        CourseError: the file is missing, truncated, not an image, or not an RGBA PNG of 8 bits.
    """
    return cv2.cvtColor(_read_labels(path, "8-bit RGBA PNG", "restore it"), cv2.COLOR_BGRA2RGBA)


def read_polygons(path: Path) -> dict[str, Any]:
    """Read a polygon file: ``imgHeight``, ``imgWidth``, and ``objects``, each with a ``label`` and a ``polygon``.

    Objects that were taken back, which a few real files hold, are left out.

    Raises:
        CourseError: the file is missing or not of this form.
    """
    data = read_bytes(path).tobytes()
    try:
        content = json.loads(data.decode("utf-8"))
        whole = {"imgHeight", "imgWidth"} <= content.keys() and all(map(_is_outlined, content["objects"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        whole = False
    if not whole:
        raise CourseError(f"{path} is not a polygon file: restore it")
    return content | {"objects": [item for item in content["objects"] if not item.get("deleted")]}


def _is_outlined(item: dict[str, Any]) -> bool:
    """Whether an object of a polygon file has a label, and corners (x, y) of finite numbers."""
    corners = np.asarray(item["polygon"], dtype=float)
    whole = corners.shape == (0,) or (corners.shape[1:] == (2,) and np.isfinite(corners).all())
    return isinstance(item["label"], str) and bool(whole)


def read_frame(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Read a frame: image (H, W, 3) uint8 RGB and mask (H, W) uint8 of trainIds, void = 255.

    Raises:
        CourseError: a file is unreadable, the two differ in size, or the mask holds a number that is no label id.
    """
    image = read_as_stored(frame.image)
    return image, pair(frame, image, read_mask(frame.label_ids))


def pair(frame: Frame, image: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Check that label ids (H, W) go with a photo (H, W, 3), and turn them into trainIds: (H, W) uint8, void = 255.

    Raises:
        CourseError: the two differ in size, or a number is no label id.
    """
    if image.shape[:2] != ids.shape:
        raise CourseError(
            f"{frame.label_ids} is {ids.shape[1]}x{ids.shape[0]}, its photo is {image.shape[1]}x{image.shape[0]}: "
            "they must have the same size; restore both from the same source"
        )
    return _translate(frame, ids)


def read_train_ids(frame: Frame) -> np.ndarray:
    """Read a frame's mask alone, (H, W) uint8 of trainIds, void = 255, without its photo, which takes far longer.

    Raises:
        CourseError: the file is unreadable, or holds a number that is no label id.
    """
    return _translate(frame, read_mask(frame.label_ids))


def _translate(frame: Frame, ids: np.ndarray) -> np.ndarray:
    if ids.max() > MAX_ID:
        raise CourseError(
            f"{frame.label_ids} holds {ids.max()}, but label ids end at {MAX_ID}: restore it; trainIds will not do"
        )
    return id_to_train_id(ids)


def write_png(path: Path, pixels: np.ndarray, compression: int = 3) -> None:
    """Write (H, W) uint8 or uint16, (H, W, 3) RGB or (H, W, 4) RGBA pixels as PNG, whole or not at all."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    _, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    write_atomic(path, encoded.tobytes())


def write_frame(frame: Frame, scene: Scene, ids: np.ndarray, instance_ids: np.ndarray) -> None:
    """Write a photo and its four gtFine files, the label ids last: where they are, the frame is whole."""
    write_png(frame.image, scene.image)
    write_png(frame.instance_ids, instance_ids)
    write_png(frame.color, ID_PALETTE[ids])
    write_atomic(frame.polygons, json.dumps(polygons_json(scene)).encode())
    write_png(frame.label_ids, ids)
