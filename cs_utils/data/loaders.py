"""The data set and its loaders: one class for MiniCity, CamVid and Cityscapes, since all share the layout.

What is random about an item depends on the seed, the epoch and the item's number and on nothing else. So a batch is the
same with any number of loader processes, and a resumed run sees what the uninterrupted one would have seen.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from cs_utils.data.cache import ResizedFrames, resize_frames
from cs_utils.data.cityscapes import Frame, find_frames, read_frame, read_mask, read_polygons, read_train_ids
from cs_utils.data.files import stamp
from cs_utils.data.sources import scene_number
from cs_utils.data.transforms import Augmentation, Preprocessing, encode
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_ID, CLASSES, NUM_CLASSES, VOID, find_label
from cs_utils.settings import Settings

Transform = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[Tensor, Tensor]]


class StreetScenes(Dataset):
    """Street scenes as (image, target) pairs, transformed as asked.

    Args:
        frames: which scenes.
        transform: makes an item of an image, its mask and a random generator.
        seed: with the epoch and the item's number, what the random generator starts from.
        resized: the frames at the network's size, to be read instead of the files.
    """

    def __init__(
        self, frames: list[Frame], transform: Transform, seed: int = 0, resized: ResizedFrames | None = None
    ) -> None:
        self.frames = frames
        self.resized = resized
        self.transform = transform
        self.seed = seed
        # In shared memory, because loader processes that live on must see a new epoch too.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._gives_raw = torch.zeros((), dtype=torch.bool).share_memory_()

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy has its own epoch, which its loader processes must see as well.
        self.__dict__ |= state
        for shared in (self._epoch, self._gives_raw):
            shared.share_memory_()

    @property
    def epoch(self) -> int:
        """Number of the epoch that items are drawn for."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw new random augmentations and a new order, those of this epoch."""
        self._epoch.fill_(epoch)

    def count_pixels(self, channels: int = NUM_CLASSES, void_value: int = VOID) -> Tensor:
        """Pixels of each channel's class in each mask, before augmentation: (frames, channels) int64.

        Void is counted where it is a class too: with 21 channels and ``void_value`` = 20.
        """
        counts = []
        for index in range(len(self)):
            # Without the photo: to decode it takes far longer.
            mask = self.resized.mask(index) if self.resized else read_train_ids(self.frames[index])
            target = encode(mask, void_value)  # (H, W)
            # With NumPy: PyTorch would start its threads for each of thousands of small masks.
            counts.append(np.bincount(target.numpy().ravel(), minlength=VOID + 1)[:channels])
        return torch.from_numpy(np.stack(counts))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Give image (3, h, w) float32 and target (h, w) int64; in `giving_raw` what `Pipeline.raw` gives."""
        index = range(len(self))[index]  # -1 is the last, and behind it nothing comes
        rng = np.random.default_rng((self.seed, self.epoch, index))
        transform = self.transform.raw if self._gives_raw else self.transform
        return transform(*self.read(index), rng)

    @contextmanager
    def giving_raw(self) -> Iterator[None]:
        """Meanwhile give items that are not normalised yet, also in loader processes that live on."""
        before = bool(self._gives_raw)
        try:
            self._gives_raw.fill_(True)
            yield
        finally:
            self._gives_raw.fill_(before)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read an item's image (H, W, 3) uint8 and mask (H, W) of trainIds, before any transform."""
        return self.resized[index] if self.resized else read_frame(self.frames[index])


class EpochSampler(Sampler[int]):
    """The order of the items in an epoch, and this process's share of it."""

    def __init__(self, dataset: StreetScenes, shuffle: bool) -> None:
        self.dataset = dataset
        self.shuffle = shuffle
        self.rank, self.processes = 0, 1

    def shard(self, rank: int, processes: int) -> None:
        """Keep every ``processes``-th item, from number ``rank`` on, so that processes share out an epoch."""
        self.rank, self.processes = rank, processes

    def __iter__(self) -> Iterator[int]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.default_rng((self.dataset.seed, self.dataset.epoch)).shuffle(order)
            # Training processes step together, so each must have as many items as the others.
            order = order[: len(self) * self.processes]
        return iter(order[self.rank :: self.processes].tolist())

    def __len__(self) -> int:
        if self.shuffle:
            return len(self.dataset) // self.processes
        return len(range(self.rank, len(self.dataset), self.processes))


def present_classes(frame: Frame) -> frozenset[int]:
    """trainIds of the classes that a frame shows, void left out.

    They are those that its polygons name, which is quicker than to read its label image. Without a polygon file, as in
    some partial downloads, they are read from the label ids.

    Raises:
        CourseError: the file is broken.
    """
    path = frame.polygons if frame.polygons.exists() else frame.label_ids
    return _classes_in(path, *stamp(path))


@lru_cache(maxsize=8192)
def _classes_in(path: Path, size: int, changed: int) -> frozenset[int]:
    # A changed file has another size or time, and is read again.
    if path.suffix == ".json":
        labels = {find_label(item["label"]) for item in read_polygons(path)["objects"]}
    else:
        labels = {BY_ID.get(value) for value in np.unique(read_mask(path)).tolist()}
    return frozenset(label.train_id for label in labels & set(CLASSES))


def choose_subset(frames: list[Frame], count: int | None) -> list[Frame]:
    """Choose ``count`` frames, always the same ones, that show as many classes as they can.

    First those that add most classes not seen yet, then others at even distances; in their old order. ``None``, or as
    many as there are, gives all.
    """
    if count is None or count >= len(frames):
        return frames
    classes = [present_classes(frame) for frame in frames]
    chosen: list[int] = []
    missing = frozenset().union(*classes)
    while missing and len(chosen) < count:
        best = max(range(len(frames)), key=lambda index: (len(classes[index] & missing), -index))
        missing -= classes[best]
        chosen.append(best)
    rest = [index for index in range(len(frames)) if index not in set(chosen)]
    steps = np.linspace(0, len(rest) - 1, count - len(chosen)).round().astype(int)
    chosen += [rest[step] for step in steps]
    return [frames[index] for index in sorted(chosen)]


def choose_frames(root: Path, split: str, count: int | None) -> list[Frame]:
    """The ``count`` frames of a split that a profile uses; None: all.

    Of MiniCity they are the first by number, so that they do not depend on what else a larger profile has made. Of
    other data they are those of `choose_subset`.

    Raises:
        CourseError: as `find_frames` does.
    """
    frames = find_frames(root, split)
    numbers = {frame: scene_number(frame) for frame in frames}
    if None in numbers.values():
        return choose_subset(frames, count)
    return sorted(sorted(frames, key=numbers.__getitem__)[:count])


def spread(frames: list[Frame], count: int) -> list[Frame]:
    """Up to ``count`` frames at even distances: neighbours are often the same street a moment later."""
    return [frames[index] for index in np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))]


def prepare_worker(_: int) -> None:
    """What a loader process does first."""
    # A terminal sends Ctrl-C to all, and what follows from it is for the main process to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # OpenCV's threads do not survive a fork. 0 goes without them; 1 would end them first, and wait for ever. There is a
    # process for each core anyway.
    cv2.setNumThreads(0)


def explain_loader_error(error: Exception) -> CourseError | None:
    """The error in one line if loader processes have run out of memory, as what they raise does not say; or None."""
    text = str(error).lower()
    if "shared memory(shm)" in text or "bus error" in text:
        return CourseError(
            "loader processes have run out of shared memory (/dev/shm): give fewer --workers, or start Docker with "
            "--shm-size=2g"
        )
    if "killed by signal: killed" in text:
        return CourseError(
            "the system has ended a loader process, most often for want of memory: give fewer --workers, or end other "
            "programs"
        )
    return None


def make_augmentation(settings: Settings) -> Augmentation:
    """The augmentation that the settings ask for."""
    return Augmentation(
        settings.image_size,
        settings.rotation,
        settings.blur,
        settings.flip,
        settings.scale,
        settings.color,
        settings.noise,
        settings.void_value,
    )


def split_loader(settings: Settings, split: str, count: int | None) -> DataLoader:
    """Loader of a split, or of ``count`` frames of it: (N, 3, h, w) float32 images and (N, h, w) int64 targets.

    Only the training split is augmented and shuffled.

    Raises:
        CourseError: the data folder, the split or a file is missing.
    """
    frames = choose_frames(settings.data, split, count)
    is_train = split == "train"
    transform = make_augmentation(settings) if is_train else Preprocessing(settings.image_size, settings.void_value)
    resized = resize_frames(frames, settings.image_size, settings.cache)
    dataset = StreetScenes(frames, transform, settings.seed, resized)
    return DataLoader(
        dataset,
        batch_size=settings.batch_size,
        sampler=EpochSampler(dataset, shuffle=is_train),
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        worker_init_fn=prepare_worker,
        # Only for copies to an NVIDIA GPU: on a CPU it would take memory and time for nothing.
        pin_memory=settings.accelerator in ("auto", "cuda") and torch.cuda.is_available(),
        # A last batch of one image would give batch norm nothing to take a mean over.
        drop_last=is_train,
    )


def loaders(settings: Settings) -> tuple[DataLoader, DataLoader]:
    """Loaders of the training and of the validation images, as many as the settings ask for; see `split_loader`."""
    return (
        split_loader(settings, "train", settings.train_images),
        split_loader(settings, "val", settings.val_images),
    )
