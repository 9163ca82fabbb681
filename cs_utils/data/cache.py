"""Photos and masks at the network's size, decoded and resized once and kept on disk.

To decode a 2048x1024 PNG takes longer than all that follows, and each epoch would do it again. So the first loader that
wants some frames at some size writes them, as plain uint8 arrays, into one folder below ``settings.cache``, and every
later one maps that folder into memory: pages are read as they are asked for, and the set is never in memory as a whole.
The folder's name is a digest of `FORMAT` and of the files' names, sizes and times of change, so a changed file makes a
new one. Folders that nobody has used for a month are deleted, and all can be deleted whenever nothing trains: a loader
opens its folder at the first item, that of the validation only when the first epoch ends.
"""

import hashlib
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from cs_utils.data.cityscapes import Frame, read_frame
from cs_utils.data.files import stamp
from cs_utils.data.transforms import resize

FORMAT = 1
"""Raise it when decoding, resizing or the encoding of the masks changes what is written; a test notices it."""
IMAGES, MASKS = "images.npy", "masks.npy"
KEPT_DAYS = 30
"""A folder that has not been used for this many days is deleted when another one is made."""
FOLDER_NAME = re.compile("[0-9a-f]{32}")


class ResizedFrames:
    """The cached frames: item n is the image (h, w, 3) and the mask (h, w) of frame n, uint8, the mask of trainIds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A loader process maps the files itself: pickled, a mapped array would be the whole set.
        return {"folder": self.folder, "_arrays": None}

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read a frame's image and mask into memory."""
        return np.array(self._map()[0][index]), self.mask(index)

    def mask(self, index: int) -> np.ndarray:
        """Read a frame's mask alone, (h, w)."""
        return np.array(self._map()[1][index])

    def _map(self) -> tuple[np.ndarray, np.ndarray]:
        if self._arrays is None:
            self._arrays = (
                np.load(self.folder / IMAGES, mmap_mode="r"),
                np.load(self.folder / MASKS, mmap_mode="r"),
            )
        return self._arrays


def digest_files(frames: list[Frame], size: tuple[int, int]) -> str:
    """A name for these frames at this size; another as soon as a photo, a label file or `FORMAT` has changed.

    Raises:
        CourseError: a file is missing.
    """
    digest = hashlib.sha256(f"{FORMAT} {size}\n".encode())
    for frame in frames:
        for path in (frame.image, frame.label_ids):
            # As the system has it: a name may hold bytes that are no text.
            digest.update(os.fsencode(path) + f" {stamp(path)}\n".encode())
    return digest.hexdigest()[:32]


def resize_frames(frames: list[Frame], size: tuple[int, int], cache: Path) -> ResizedFrames:
    """Open the cache of these frames at ``size`` (height, width), and make it first if it is not there, or not whole.

    Raises:
        CourseError: a file is unreadable, or its photo and labels do not fit.
    """
    folder = cache / digest_files(frames, size)
    if not _is_whole(folder, len(frames), size):
        cache.mkdir(parents=True, exist_ok=True)
        _delete_unused(cache)
        # One process makes it while all others wait. A process that is killed frees the lock, and leaves half a folder.
        with FileLock(folder.with_suffix(".lock")):
            if not _is_whole(folder, len(frames), size):
                unfinished = folder.with_suffix(".unfinished")
                shutil.rmtree(folder, ignore_errors=True)
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                try:
                    _write(frames, size, unfinished)
                    unfinished.rename(folder)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    with suppress(OSError):  # a cache that others have made may be for reading only
        os.utime(folder)
    return ResizedFrames(folder)


def _is_whole(folder: Path, count: int, size: tuple[int, int]) -> bool:
    """Whether both arrays are there, in their full length; what they hold is not looked at."""
    try:
        shapes = [np.load(folder / name, mmap_mode="r").shape for name in (IMAGES, MASKS)]
    except (OSError, ValueError, EOFError):
        return False
    return shapes == [(count, *size, 3), (count, *size)]


def _folders(cache: Path) -> list[Path]:
    """What has been made in a cache, finished or not; nothing else is ever deleted."""
    return [path for path in cache.glob("*") if FOLDER_NAME.fullmatch(path.stem) and path.is_dir()]


def _delete_unused(cache: Path) -> None:
    for folder in _folders(cache):
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - KEPT_DAYS * 24 * 3600:
                shutil.rmtree(folder, ignore_errors=True)
                folder.with_suffix(".lock").unlink(missing_ok=True)


def measure_cache(cache: Path) -> tuple[int, int]:
    """How many folders are kept in a cache, and how many bytes they take."""
    folders = _folders(cache)
    return len(folders), sum(file.stat().st_size for folder in folders for file in folder.glob("*"))


def clear_cache(cache: Path) -> None:
    """Delete all that is kept in a cache, whenever nothing trains: `loaders` makes again what it needs."""
    for folder in _folders(cache):
        shutil.rmtree(folder)
        folder.with_suffix(".lock").unlink(missing_ok=True)


def _write(frames: list[Frame], size: tuple[int, int], folder: Path) -> None:
    images = _make_array(folder / IMAGES, (len(frames), *size, 3))
    masks = _make_array(folder / MASKS, (len(frames), *size))

    def write(index: int) -> None:
        images[index], masks[index] = resize(*read_frame(frames[index]), size)

    # Threads are enough: OpenCV decodes outside Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(write, index) for index in range(len(frames))]
        try:
            bar = tqdm(as_completed(jobs), desc="resize", total=len(jobs), unit="frame", leave=False, disable=None)
            for job in bar:
                job.result()
        finally:
            pool.shutdown(cancel_futures=True)
    images.flush()
    masks.flush()


def _make_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        # Ask for the space now: a disk that turns out to be full under a mapped file would end the process.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
