"""The Cityscapes label table, and look-up tables between its three encodings.

Every pixel of a label image can be written down in three ways:

* **id**: 0..33, what ``_gtFine_labelIds.png`` holds and what the official evaluator wants back;
* **trainId**: 0..18 for the classes that are evaluated, 255 (`VOID`) for all the rest;
* **slide encoding**: the trainId with 255 moved to 20 (`SLIDE_VOID`), as on the talk's slide "mask encoding".

The slide encoding has 21 channels once it is one-hot, because its largest value is 20. Channel 19 is never used:
the trainIds end at 18, and 255 was moved to 20, not to 19. The channel costs memory and changes nothing.

Source of the table: Cordts et al., CVPR 2016, and the public ``cityscapesscripts``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cs_utils.exceptions import CourseError

VOID = 255
"""trainId of every pixel that is not evaluated; also the ``ignore_index`` of the losses."""
NUM_CLASSES = 19
"""Number of evaluated classes: trainIds 0..18."""
SLIDE_VOID = 20
"""Value of void in the slide encoding."""
SLIDE_CHANNELS = 21
"""Channels of the one-hot slide encoding: 0..18 classes, 19 never used, 20 void."""


class Label(NamedTuple):
    """One row of the Cityscapes label table."""

    name: str
    id: int
    train_id: int
    category: str
    has_instances: bool
    color: tuple[int, int, int]


LABELS: tuple[Label, ...] = (
    Label("unlabeled", 0, VOID, "void", False, (0, 0, 0)),
    Label("ego vehicle", 1, VOID, "void", False, (0, 0, 0)),
    Label("rectification border", 2, VOID, "void", False, (0, 0, 0)),
    Label("out of roi", 3, VOID, "void", False, (0, 0, 0)),
    Label("static", 4, VOID, "void", False, (0, 0, 0)),
    Label("dynamic", 5, VOID, "void", False, (111, 74, 0)),
    Label("ground", 6, VOID, "void", False, (81, 0, 81)),
    Label("road", 7, 0, "flat", False, (128, 64, 128)),
    Label("sidewalk", 8, 1, "flat", False, (244, 35, 232)),
    Label("parking", 9, VOID, "flat", False, (250, 170, 160)),
    Label("rail track", 10, VOID, "flat", False, (230, 150, 140)),
    Label("building", 11, 2, "construction", False, (70, 70, 70)),
    Label("wall", 12, 3, "construction", False, (102, 102, 156)),
    Label("fence", 13, 4, "construction", False, (190, 153, 153)),
    Label("guard rail", 14, VOID, "construction", False, (180, 165, 180)),
    Label("bridge", 15, VOID, "construction", False, (150, 100, 100)),
    Label("tunnel", 16, VOID, "construction", False, (150, 120, 90)),
    Label("pole", 17, 5, "object", False, (153, 153, 153)),
    Label("polegroup", 18, VOID, "object", False, (153, 153, 153)),
    Label("traffic light", 19, 6, "object", False, (250, 170, 30)),
    Label("traffic sign", 20, 7, "object", False, (220, 220, 0)),
    Label("vegetation", 21, 8, "nature", False, (107, 142, 35)),
    Label("terrain", 22, 9, "nature", False, (152, 251, 152)),
    Label("sky", 23, 10, "sky", False, (70, 130, 180)),
    Label("person", 24, 11, "human", True, (220, 20, 60)),
    Label("rider", 25, 12, "human", True, (255, 0, 0)),
    Label("car", 26, 13, "vehicle", True, (0, 0, 142)),
    Label("truck", 27, 14, "vehicle", True, (0, 0, 70)),
    Label("bus", 28, 15, "vehicle", True, (0, 60, 100)),
    Label("caravan", 29, VOID, "vehicle", True, (0, 0, 90)),
    Label("trailer", 30, VOID, "vehicle", True, (0, 0, 110)),
    Label("train", 31, 16, "vehicle", True, (0, 80, 100)),
    Label("motorcycle", 32, 17, "vehicle", True, (0, 0, 230)),
    Label("bicycle", 33, 18, "vehicle", True, (119, 11, 32)),
    # Id -1 is in the table but never drawn: plates keep the id of the car that carries them.
    Label("license plate", -1, -1, "vehicle", False, (0, 0, 142)),
)

BY_NAME: dict[str, Label] = {label.name: label for label in LABELS}
BY_ID: dict[int, Label] = {label.id: label for label in LABELS}
CLASSES: tuple[Label, ...] = tuple(
    sorted((label for label in LABELS if 0 <= label.train_id < NUM_CLASSES), key=lambda label: label.train_id)
)
"""The evaluated classes in the order of their trainIds: ``CLASSES[13].name == "car"``."""
CLASS_NAMES: tuple[str, ...] = tuple(label.name for label in CLASSES)
MAX_ID = max(label.id for label in LABELS)

REAL_PIXELS: dict[str, int] = {
    "road": 2036416525,
    "sidewalk": 336090793,
    "building": 1260636120,
    "wall": 36199498,
    "fence": 48454166,
    "pole": 67789506,
    "traffic light": 11477088,
    "traffic sign": 30448193,
    "vegetation": 879783988,
    "terrain": 63949536,
    "sky": 221979646,
    "person": 67326424,
    "rider": 7463162,
    "car": 386328286,
    "truck": 14772328,
    "bus": 12990290,
    "train": 12863955,
    "motorcycle": 5449152,
    "bicycle": 22861233,
    "void": 715747311,
}
"""Pixels of each class in the 2975 finely annotated training images of Cityscapes (2048 x 1024 each)."""


def _table(size: int, default: int, pairs: dict[int, int]) -> np.ndarray:
    table = np.full(size, default, dtype=np.uint8)
    for key, value in pairs.items():
        table[key] = value
    table.flags.writeable = False
    return table


_DRAWN = [label for label in LABELS if label.id >= 0]
_ID_TO_TRAIN_ID = _table(256, VOID, {label.id: label.train_id for label in _DRAWN})
_TRAIN_ID_TO_ID = _table(256, 0, {label.train_id: label.id for label in CLASSES})
_TRAIN_ID_TO_SLIDE = _table(256, SLIDE_VOID, {train_id: train_id for train_id in range(NUM_CLASSES)})
_SLIDE_TO_TRAIN_ID = _table(256, VOID, {train_id: train_id for train_id in range(NUM_CLASSES)})

PALETTE = np.zeros((256, 3), dtype=np.uint8)
"""RGB by trainId, (256, 3) uint8; void, and every value without a class, is black."""
for _label in CLASSES:
    PALETTE[_label.train_id] = _label.color
PALETTE.flags.writeable = False


ID_PALETTE = np.zeros((256, 4), dtype=np.uint8)
"""RGBA by label id, (256, 4) uint8: what ``_gtFine_color.png`` is painted with."""
for _label in _DRAWN:
    ID_PALETTE[_label.id] = (*_label.color, 255)
ID_PALETTE.flags.writeable = False


def find_label(name: str) -> Label | None:
    """The label that a polygon's name stands for: "cargroup" is a group of cars; None: no label has this name.

    "polegroup" is a label of its own, and void.
    """
    return BY_NAME.get(name) or BY_NAME.get(name.removesuffix("group"))


def instance_to_id(instances: ArrayLike) -> np.ndarray:
    """Map instance ids to label ids: id * 1000 + number becomes id, a plain id stays; any shape, same dtype."""
    instances = np.asarray(instances)
    thousand = np.uint16(1000)  # uint8, which holds plain ids only, would not take the plain number
    return np.where(instances < thousand, instances, instances // thousand).astype(instances.dtype)


def _indices(values: ArrayLike, what: str, highest: int, also: int | None = None) -> np.ndarray:
    """Values as an array of integers, each 0 to ``highest`` or ``also``.

    Raises:
        CourseError: a value is not one of these, or no integer.
    """
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise CourseError(f"{what} are integers, and these are {found.dtype}: convert them first")
    wrong = found[((found < 0) | (found > highest)) & (found != (highest if also is None else also))]
    if wrong.size:
        ends = f"0 to {highest}" + ("" if also is None else f" or {also}")
        raise CourseError(f"{what} are {ends}, and {wrong.flat[0]} is among these: is it another encoding?")
    return found.astype(np.intp)


def id_to_train_id(ids: ArrayLike) -> np.ndarray:
    """Map label ids to trainIds: integers 0..33 of any shape and dtype -> uint8 of that shape, void = 255.

    Raises:
        CourseError: a value is no label id.
    """
    return _ID_TO_TRAIN_ID[_indices(ids, "label ids", MAX_ID)]


def train_id_to_id(train_ids: ArrayLike) -> np.ndarray:
    """Map trainIds to label ids, as the official evaluator wants them; what has no class becomes 0, "unlabeled".

    Takes integers 0..20 and 255 of any shape and dtype, so the slide encoding as well: its void (20) and its unused
    channel (19) have no class either. Returns uint8 of that shape.

    Raises:
        CourseError: a value is no trainId.
    """
    return _TRAIN_ID_TO_ID[_indices(train_ids, "trainIds", SLIDE_VOID, VOID)]


def train_id_to_slide(train_ids: ArrayLike) -> np.ndarray:
    """Map trainIds, integers 0..18 and 255, to the slide encoding: void 255 becomes 20; uint8 of the same shape.

    Raises:
        CourseError: a value is no trainId.
    """
    return _TRAIN_ID_TO_SLIDE[_indices(train_ids, "trainIds", NUM_CLASSES - 1, VOID)]


def slide_to_train_id(slide: ArrayLike) -> np.ndarray:
    """Map the slide encoding, integers 0..20, back to trainIds: 20, and the unused 19, become 255; uint8.

    Takes trainIds as well, whose void is 255 already.

    Raises:
        CourseError: a value is in neither encoding.
    """
    return _SLIDE_TO_TRAIN_ID[_indices(slide, "values of the slide encoding", SLIDE_VOID, VOID)]


def one_hot(values: ArrayLike, channels: int = SLIDE_CHANNELS) -> np.ndarray:
    """Turn class indices into one-hot vectors along a new last axis: (...) integers -> (..., channels) uint8.

    Raises:
        CourseError: a value is not below ``channels`` (void 255 must be encoded first, with `train_id_to_slide`).
    """
    indices = _indices(values, "class indices", channels - 1)
    return (indices[..., None] == np.arange(channels)).astype(np.uint8)


def colorize(train_ids: ArrayLike) -> np.ndarray:
    """Paint trainIds in the Cityscapes colours: (H, W) integers 0..255 -> (H, W, 3) uint8 RGB; black without a class.

    Raises:
        CourseError: a value is below 0 or above 255, or no integer.
    """
    return PALETTE[_indices(train_ids, "trainIds", VOID)]
