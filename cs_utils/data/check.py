"""Verify a data folder before hours are spent on it: what is there, what is missing, what cannot be read."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from cs_utils.data.cityscapes import (
    PHOTO,
    SPLITS,
    Frame,
    list_begun,
    list_frames,
    pair,
    read_as_stored,
    read_color,
    read_instances,
    read_mask,
    read_polygons,
)
from cs_utils.data.files import image_kind, read_bytes
from cs_utils.data.wrong_encoding import encoding_problem
from cs_utils.exceptions import CourseError
from cs_utils.labels import find_label, instance_to_id

CITYSCAPES_COUNTS = {
    "train": {
        "aachen": 174,
        "bochum": 96,
        "bremen": 316,
        "cologne": 154,
        "darmstadt": 85,
        "dusseldorf": 221,
        "erfurt": 109,
        "hamburg": 248,
        "hanover": 196,
        "jena": 119,
        "krefeld": 99,
        "monchengladbach": 94,
        "strasbourg": 365,
        "stuttgart": 196,
        "tubingen": 144,
        "ulm": 95,
        "weimar": 142,
        "zurich": 122,
    },
    "val": {"frankfurt": 267, "lindau": 59, "munster": 174},
    "test": {"berlin": 544, "bielefeld": 181, "bonn": 46, "leverkusen": 58, "mainz": 298, "munich": 398},
}
"""Finely annotated images of each city in the real data set."""
CITYSCAPES_SIZE = (1024, 2048)
"""Height and width of all of them, in pixels."""
DOWNLOAD = (
    "To get Cityscapes, make an account at https://www.cityscapes-dataset.com (approval takes days), then "
    "`pip install cityscapesscripts` and `csDownload -d FOLDER gtFine_trainvaltest.zip leftImg8bit_trainvaltest.zip`, "
    "and unpack both into FOLDER"
)


@dataclass(frozen=True)
class Report:
    """What `verify` found."""

    counts: pd.DataFrame
    """One row for each split and city: frames found, and frames in the real data set (0: not a city of it)."""
    problems: list[str]
    """One line for each file that is missing or wrong."""
    is_cityscapes: bool
    """Whether the folder is meant to be the real data set."""


def _count(photos: dict[str, list[Frame]], is_cityscapes: bool) -> pd.DataFrame:
    rows = []
    for split in SPLITS:
        found = Counter(frame.city for frame in photos[split])
        expected = CITYSCAPES_COUNTS[split] if is_cityscapes else {}
        rows += [(split, city, found[city], expected.get(city, 0)) for city in sorted(found.keys() | expected.keys())]
    return pd.DataFrame(rows, columns=["split", "city", "found", "expected"])


def check_frame(frame: Frame, size: tuple[int, int] | None = None) -> list[str]:
    """Read all files of a frame; one line for each that is missing or wrong.

    Args:
        frame: the frame.
        size: height and width that it must have; None: any.
    """
    problems: list[str] = []

    def attempt(read: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return read(*arguments)
        except CourseError as error:
            problems.append(str(error))

    image, ids = attempt(read_as_stored, frame.image), attempt(read_mask, frame.label_ids)
    instances, color = attempt(read_instances, frame.instance_ids), attempt(read_color, frame.color)
    polygons = attempt(read_polygons, frame.polygons)
    if image is None or ids is None or attempt(pair, frame, image, ids) is None:
        return problems
    if problem := encoding_problem(ids, polygons):
        return [*problems, f"{frame.label_ids} {problem}"]
    shown = f"{image.shape[1]}x{image.shape[0]}"
    if (kind := image_kind(read_bytes(frame.image))) != PHOTO:
        # It is read as it is meant here; other programs would cut 16 bits off, or give four channels.
        problems.append(f"{frame.image} is {kind}, and must be {PHOTO}: restore it, or save it as that")
    if size and image.shape[:2] != size:
        problems.append(f"{frame.image} is {shown}, and not {size[1]}x{size[0]}: restore it")
    if instances is not None and not np.array_equal(instance_to_id(instances), ids):
        problems.append(f"{frame.instance_ids} does not show the same labels as {frame.label_ids.name}: restore both")
    if color is not None and color.shape[:2] != ids.shape:
        problems.append(f"{frame.color} is for another size than {shown}: restore it")
    if polygons is not None:
        problems += _polygon_problems(frame.polygons, polygons, ids.shape)
    return problems


def _polygon_problems(path: Path, polygons: dict[str, Any], size: tuple[int, ...]) -> list[str]:
    names = {item["label"] for item in polygons["objects"]}
    unknown = sorted(name for name in names if find_label(name) is None)
    problems = [f"{path} names {name!r}, which is no label: restore it" for name in unknown]
    if (polygons["imgHeight"], polygons["imgWidth"]) != size:
        problems.append(f"{path} is for another size than {size[1]}x{size[0]}: restore it")
    return problems


def verify(root: Path) -> Report:
    """Verify a folder in the Cityscapes layout: counts for each city, pairs, sizes, that files open, and label values.

    Raises:
        CourseError: the folder holds no photos at all, or some of it cannot be looked into.
    """
    photos = {split: list_frames(root, split) for split in SPLITS}
    frames = [frame for split in SPLITS for frame in list_begun(root, split)]
    if not any(photos.values()):
        raise CourseError(f"{root} holds no photos: it must hold leftImg8bit/ and gtFine/. {DOWNLOAD}")
    # Only a folder that holds some of Cityscapes' own cities is meant to be Cityscapes.
    cities = {frame.city for frame in frames}
    is_cityscapes = any(cities & expected.keys() for expected in CITYSCAPES_COUNTS.values())
    check = partial(check_frame, size=CITYSCAPES_SIZE if is_cityscapes else None)
    # Threads are enough: OpenCV decodes outside Python's lock.
    with ThreadPoolExecutor() as pool:
        checks = pool.map(check, frames)
        found = list(tqdm(checks, desc="check", total=len(frames), unit="frame", disable=None, leave=False))
    counts = _count(photos, is_cityscapes)
    problems = [
        f"{root / 'leftImg8bit' / row.split / row.city} holds {row.found} photos of {row.expected}: unpack "
        "leftImg8bit_trainvaltest.zip again"
        for row in counts[counts["found"] < counts["expected"]].itertuples()
    ]
    return Report(counts, problems + [problem for group in found for problem in group], is_cityscapes)
