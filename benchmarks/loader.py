"""From 2048x1024 PNG files to augmented batches of 512x256, in one process as in one worker of a loader."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from os import cpu_count
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from benchmarks.turns import Action, Contestant, take_turns
from cs_utils.data.cache import resize_frames
from cs_utils.data.cityscapes import Frame, find_frames, read_frame
from cs_utils.data.loaders import StreetScenes, make_augmentation
from cs_utils.data.sources import make_minicity
from cs_utils.data.transforms import MAX_SIGMA, MEAN, STD
from cs_utils.settings import HOME, Settings

IMAGES = 12
COPIES = 4  # so many times as many images for the building of the cache, which has a small cost of its own at the end
SIZE = (256, 512)
SETTINGS = Settings.of_profile("slides", data=HOME / "data" / "minicity-bench", train_images=IMAGES, val_images=1)


def find_photos() -> list[Frame]:
    """The photos to load, 2048x1024 and with all label files; made first if they are not there."""
    make_minicity(SETTINGS.data, IMAGES, 1, SETTINGS.scene_size)
    return find_frames(SETTINGS.data, "train")[:IMAGES]


def load_torchvision() -> Action:
    """torchvision's data set for Cityscapes with torchvision.transforms.v2; the label ids stay as they are."""
    from torchvision import tv_tensors
    from torchvision.datasets import Cityscapes
    from torchvision.transforms import v2

    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(SIZE, antialias=True),
            v2.RandomRotation(SETTINGS.rotation),
            v2.RandomApply([v2.GaussianBlur(7, (0.1, MAX_SIGMA))], SETTINGS.blur),
            v2.RandomHorizontalFlip(SETTINGS.flip),
            v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),
            v2.Normalize(MEAN.tolist(), STD.tolist()),
        ]
    )
    dataset = Cityscapes(str(SETTINGS.data), "train", "fine", "semantic")

    def load(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, target = dataset[index]
        return transform(image, tv_tensors.Mask(np.array(target)))

    return lambda: [load(index) for index in range(IMAGES)]


def load_albumentations() -> Action:
    """Albumentations on photos that OpenCV has decoded."""
    import albumentations as A

    transform = A.Compose(
        [
            A.Resize(*SIZE, interpolation=cv2.INTER_AREA, mask_interpolation=cv2.INTER_NEAREST_EXACT),
            A.Rotate(SETTINGS.rotation, p=1, border_mode=cv2.BORDER_CONSTANT, fill_mask=255),
            A.GaussianBlur(sigma_limit=(0.1, MAX_SIGMA), blur_limit=0, p=SETTINGS.blur),
            A.HorizontalFlip(p=SETTINGS.flip),
            A.Normalize(MEAN.tolist(), STD.tolist()),
            A.pytorch.ToTensorV2(),
        ]
    )
    frames = find_photos()

    def load(frame: Frame) -> dict:
        image, mask = read_frame(frame)
        return transform(image=image, mask=mask)

    return lambda: [load(frame) for frame in frames]


def make_dataset(images: int) -> StreetScenes:
    """The course's own data set of so many images, augmented, from the cache: few photos, again and again."""
    photos = find_photos()
    frames = (photos * (images // len(photos) + 1))[:images]
    return StreetScenes(frames, make_augmentation(SETTINGS), resized=resize_frames(frames, SIZE, SETTINGS.cache))


def load_ours(cached: bool) -> Action:
    """The course's own data set, from the files or from the cache."""
    frames = find_photos()
    resized = resize_frames(frames, SIZE, SETTINGS.cache) if cached else None
    dataset = StreetScenes(frames, make_augmentation(SETTINGS), resized=resized)
    return lambda: [dataset[index] for index in range(IMAGES)]


def decode_all() -> Action:
    """Nothing but the decoding of photos and labels, by as many threads as there are cores: the limit of a cache."""
    frames = find_photos() * COPIES

    def decode(frame: Frame) -> None:
        cv2.imread(str(frame.image))
        cv2.imread(str(frame.label_ids), cv2.IMREAD_UNCHANGED)

    def act() -> None:
        with ThreadPoolExecutor(cpu_count()) as pool:
            list(pool.map(decode, frames))

    return act


def build_cache() -> Action:
    """The whole building of a cache, to disk."""
    frames, numbers = find_photos() * COPIES, count()
    folder = tempfile.TemporaryDirectory()
    return lambda folder=folder: resize_frames(frames, SIZE, Path(folder.name) / str(next(numbers)))


def run(rounds: int) -> pd.DataFrame:
    """Time all of them; ``ratio`` is against torchvision, for the last two against pure decoding."""
    find_photos()
    load_ours(cached=True)
    contestants = {"torchvision Cityscapes + transforms.v2": Contestant(load_torchvision, {})}
    try:
        import albumentations  # noqa: F401

        contestants["Albumentations"] = Contestant(load_albumentations, {})
    except ImportError:
        print("Albumentations is not installed: pip install -r benchmarks/requirements.txt")
    contestants |= {
        "cs_utils, from the files": Contestant(load_ours, {"cached": False}),
        "cs_utils, from the cache": Contestant(load_ours, {"cached": True}),
        "decode only, all cores": Contestant(decode_all, {}),
        "build the cache, all cores": Contestant(build_cache, {}),
    }
    table = take_turns(contestants, rounds)
    table["images_per_second"] = IMAGES / table["seconds"]
    table.loc[table.index[-2:], "images_per_second"] *= COPIES
    first = pd.Series("torchvision Cityscapes + transforms.v2", table.index)
    first[-2:] = "decode only, all cores"
    table["ratio"] = first.map(table["seconds"]) / table["seconds"]
    return table
