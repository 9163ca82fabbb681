"""The archive for the benchmark server: one zip of predictions, refused here before it is refused there.

The server's rules: for each image of the split exactly one PNG whose name begins with ``{city}_{sequence}_{frame}``, at
the image's full size, 8-bit, holding regular label ids and not trainIds.
"""

import os
import zipfile
from collections import Counter
from pathlib import Path

import cv2
from PIL import Image
from torch import nn
from tqdm import tqdm

from cs_utils.data.check import CITYSCAPES_COUNTS, CITYSCAPES_SIZE
from cs_utils.data.cityscapes import Frame, list_frames, list_labelled, read_as_stored
from cs_utils.data.files import file_problem
from cs_utils.evaluation.predict import export_name, predict
from cs_utils.exceptions import CourseError
from cs_utils.labels import train_id_to_id
from cs_utils.settings import Settings


def complete_split(root: Path, split: str) -> list[Frame]:
    """All frames of a split, if it is whole: every photo is there, named and sized as it must be.

    A split with cities of the real data set must have as many photos of each as the benchmark, at 2048x1024. Any other
    must have a photo for every label file, all of one size.

    Raises:
        CourseError: it is not; the message names the first photo, or city, that is wrong.
    """
    frames, expected = list_frames(root, split), CITYSCAPES_COUNTS[split]
    for frame in sorted(set(list_labelled(root, split)) - set(frames)):
        raise CourseError(f"{frame.image} is missing: a submission needs every photo of the split, restore it")
    if not frames:
        raise CourseError(f"no photos in {root / 'leftImg8bit' / split}: name the data folder by --data")
    found = Counter(frame.city for frame in frames)
    is_cityscapes = bool(found.keys() & expected.keys())
    for city in sorted(found.keys() | expected.keys()) if is_cityscapes else []:
        if found[city] != expected.get(city, 0):
            raise CourseError(
                f"{root / 'leftImg8bit' / split / city} holds {found[city]} photos of {expected.get(city, 0)}: the "
                "server takes exactly one for each, unpack leftImg8bit_trainvaltest.zip again"
            )
    height, width = CITYSCAPES_SIZE
    size = (width, height) if is_cityscapes else _size(frames[0].image)
    for frame in frames:
        export_name(frame)
        if not frame.name.startswith(f"{frame.city}_"):
            raise CourseError(f"{frame.image} lies in the folder of another city: move it")
        if (here := _size(frame.image)) != size:
            raise CourseError(f"{frame.image} is {here[0]}x{here[1]}, and not {size[0]}x{size[1]}: restore it")
    return frames


def _size(path: Path) -> tuple[int, int]:
    """Width and height, from the head of the file."""
    if problem := file_problem(path):
        raise CourseError(problem)
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, Image.DecompressionBombError):
        raise CourseError(f"{path} is truncated or not an image: restore the file") from None


def write_submission(out: Path, model: nn.Module, root: Path, split: str, settings: Settings) -> int:
    """Predict every photo of a split and write the archive, whole or not at all.

    Args:
        out: the archive, .zip.
        model: gives logits for images.
        root: folder in the Cityscapes layout.
        split: ``"test"``, what the server scores, or ``"val"``.
        settings: those that the model was trained with.

    Returns:
        How many predictions it holds.

    Raises:
        CourseError: the archive's name is not that of a .zip file, or the split is not whole, or a photo is broken.
    """
    if out.suffix != ".zip" or out.is_dir():
        raise CourseError(f"{out} is no name for a submission: name a file that ends in .zip")
    frames = complete_split(root, split)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Opened before the hours of predicting, so that a folder that cannot be written to is found now.
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for frame in tqdm(frames, desc="predict", disable=None, leave=False):
                mask = predict(model, read_as_stored(frame.image), settings)
                _, encoded = cv2.imencode(".png", train_id_to_id(mask))
                # With a date of its own, so that the same predictions give the same archive.
                entry = zipfile.ZipInfo(export_name(frame))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, encoded.tobytes())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(frames)
