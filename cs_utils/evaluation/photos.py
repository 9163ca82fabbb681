"""Photos that people have: which files are meant, and for each a mask, a coloured mask and an overlay."""

import glob
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from cs_utils.data.cityscapes import write_png
from cs_utils.data.files import decode, is_folder, list_folder, read_bytes
from cs_utils.evaluation.predict import by_rows, classify, compute_logits, confidence, overlay
from cs_utils.exceptions import CourseError
from cs_utils.labels import colorize, train_id_to_id
from cs_utils.models.unet import LEVELS

PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".heic", ".heif"}
"""What a photo in a folder is known by; a file that is named itself may have any name."""
STEP = 2**LEVELS
"""The sides of what the network sees are multiples of this, because the U-Net halves them `LEVELS` times."""
STARTS = (
    (rb"....ftyp(hei|hev|mif1(?!.{0,24}avif))", "HEIC", "save it as JPEG or PNG"),
    (rb"....ftyp(?!avi|mif1)|RIFF....AVI|\x1aE\xdf\xa3", "a video", "save pictures of it as JPEG or PNG"),
    (rb"%PDF", "a PDF", "save its page as JPEG or PNG"),
)
"""How files begin that people take for photos, what they are, and what to do."""


@dataclass(frozen=True)
class Outcome:
    """What came of one photo, or of a name that is none."""

    overlay: Path | None = None
    """The overlay that was written; None where there is a problem."""
    problem: str | None = None
    """What is wrong, and what to do, in one line."""


def find_photos(names: Iterable[str | Path]) -> list[Path | Outcome]:
    """The photos that some names stand for: files, folders, and patterns such as ``photos/*.jpg``, in their order.

    A folder stands for the photos that lie in it, sorted; a pattern is expanded here where the shell does not do it.
    No photo is given twice. A name that stands for no photo yields an `Outcome` that says what to do.
    """
    found: dict[str | Outcome, Path | Outcome] = {}
    for name in map(str, names):
        try:
            for photo in _photos_of(name):
                found.setdefault(os.path.realpath(photo), photo)
        except CourseError as error:
            problem = Outcome(problem=str(error))
            found.setdefault(problem, problem)
    return list(found.values())


def _photos_of(name: str) -> list[Path]:
    path = Path(name)
    if is_folder(path):
        photos = sorted(file for file in list_folder(path) if file.suffix.lower() in PHOTO_ENDINGS)
        nothing = f"no photos lie in {name}: name a folder of JPEG or PNG files"
    elif path.exists():
        return [path]
    elif re.match(r"\w\w+:/", name):
        raise CourseError(f"{name} is an address: save the photo, and name its file")
    elif glob.has_magic(name):
        # Not Path.is_dir, which fails where it may not look.
        photos = sorted(Path(match) for match in glob.iglob(name, recursive=True) if not os.path.isdir(match))  # noqa: PTH112, PTH207
        nothing = f"no file is named like {name}: check the path"
    else:
        raise CourseError(f"{name} is missing: check the path")
    if not photos:
        raise CourseError(nothing)
    return photos


def read_any_photo(path: Path) -> np.ndarray:
    """Read a photo upright, (H, W, 3) uint8 RGB, as `read_upright` does; of what is none, say what it is instead.

    Raises:
        CourseError: the file is missing, no photo, or broken; the message says what to do.
    """
    data = read_bytes(path)
    for pattern, what, advice in STARTS:
        if re.match(pattern, data[:64].tobytes(), re.DOTALL):
            raise CourseError(f"{path} is {what}, which is not read here: {advice}")
    return decode(path, data, cv2.IMREAD_COLOR_RGB)


def keep_shape(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int]:
    """The size (h, w) at which a network should see a photo of ``shape`` (H, W, ...), so that nothing is squeezed.

    It has as many pixels as ``size``, about the photo's own aspect ratio, and sides that are multiples of 16.
    """
    area, ratio = math.prod(size), shape[0] / shape[1]
    # A side that is rounded up to the smallest step, in a very long photo, must not add pixels.
    longest = max(STEP, area // STEP // STEP * STEP)
    sides = (math.sqrt(area * ratio), math.sqrt(area / ratio))
    height, width = (min(longest, max(STEP, round(side / STEP) * STEP)) for side in sides)
    return height, width


def predict_files(
    model: nn.Module, names: Iterable[str | Path], size: tuple[int, int], out: Path, with_confidence: bool = False
) -> Iterator[Outcome]:
    """Predict photos; for each write a mask of label ids, a coloured mask and an overlay, at the photo's own size.

    A photo that cannot be predicted yields an outcome with a problem, and the others are done all the same.

    Args:
        model: gives logits for images.
        names: photos, folders and patterns, as `find_photos` takes them.
        size: height and width that the network was trained at; each photo is seen at its own shape, `keep_shape`.
        out: folder to write to; the files are named after the photos.
        with_confidence: also write a heat map of how sure the network is of its class, dark for 0 and bright for 1.
    """
    found = find_photos(names)
    photos = {_place(photo): photo for photo in found if isinstance(photo, Path)}
    done: dict[str, Path] = {}
    for photo in tqdm(found, desc="predict", disable=None, leave=False):
        if isinstance(photo, Outcome):
            yield photo
            continue
        places = map(_place, _outputs(photo, out, with_confidence).values())
        if lost := [photos[place] for place in places if place in photos]:
            yield Outcome(problem=f"{photo} would overwrite the photo {lost[0]}: give another --out")
            continue
        name = photo.stem.lower()
        if first := done.get(name):
            problem = f"{photo} has the name of {first}, whose files it would overwrite: predict it into another --out"
            yield Outcome(problem=problem)
            continue
        try:
            written = predict_file(model, photo, size, out, with_confidence)
            done[name] = photo
            yield Outcome(overlay=written)
        except CourseError as error:
            yield Outcome(problem=str(error))
        except (MemoryError, RuntimeError, cv2.error) as error:
            if not _lacks_memory(error):
                raise
            yield Outcome(problem=f"{photo} is too large for this machine's memory: save it smaller")


def _place(file: Path) -> str:
    """One name for each file; macOS and Windows tell no capital from a small letter."""
    return os.path.realpath(file).lower()


def _lacks_memory(error: Exception) -> bool:
    """Whether an error says that there is not enough memory, in the words of NumPy, OpenCV or PyTorch."""
    said = ("insufficient memory", "can't allocate memory", "not enough memory", "out of memory", "bad alloc")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(text in str(error).lower() for text in said)


def _outputs(photo: Path, out: Path, with_confidence: bool) -> dict[str, Path]:
    """The files to write for a photo, by what they show."""
    kinds = ("overlay", "labelIds", "color", *(["confidence"] if with_confidence else []))
    return {kind: out / f"{photo.stem}_{kind}.png" for kind in kinds}


def predict_file(
    model: nn.Module, photo: Path, size: tuple[int, int], out: Path, with_confidence: bool = False
) -> Path:
    """Predict one photo, and write its files, as `predict_files` does; gives the overlay's path.

    Raises:
        CourseError: the photo is missing or cannot be read.
    """
    files = _outputs(photo, out, with_confidence)
    image = read_any_photo(photo)
    logits = compute_logits(model, image, keep_shape(image.shape, size))
    mask = classify(logits, image.shape[:2])
    laid_over = overlay(image, mask)
    del image  # of a large photo each copy counts
    write_png(files["overlay"], laid_over)
    del laid_over
    write_png(files["labelIds"], by_rows(train_id_to_id, mask))
    write_png(files["color"], by_rows(colorize, mask))
    if with_confidence:
        heat = cv2.applyColorMap(confidence(logits, mask.shape), cv2.COLORMAP_VIRIDIS)
        write_png(files["confidence"], cv2.cvtColor(heat, cv2.COLOR_BGR2RGB))
    return files["overlay"]
