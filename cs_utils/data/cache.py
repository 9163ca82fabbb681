"""Photos and masks at the network's size, decoded and resized once and kept on disk.

To decode a 2048x1024 PNG takes longer than all that follows, and each epoch would do it again. So the first loader that
wants some frames at some size writes them, as plain uint8 arrays, into one folder below ``settings.cache``, and every
later one maps that folder into memory: pages are read as they are asked for, and the set is never in memory as a whole.
The folder's name is a digest of the files' names, sizes and times of change, so a changed file makes a new one. All of
it can be deleted at any time.
"""

import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from cs_utils import labels
from cs_utils.data import cityscapes as layout
from cs_utils.data import files, transforms
from cs_utils.data.cityscapes import Frame, read_frame
from cs_utils.data.transforms import resize

IMAGES, MASKS = "images.npy", "masks.npy"


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
        if self._arrays is None:
            self._arrays = (
                np.load(self.folder / IMAGES, mmap_mode="r"),
                np.load(self.folder / MASKS, mmap_mode="r"),
            )
        images, masks = self._arrays
        return np.array(images[index]), np.array(masks[index])


def digest_files(frames: list[Frame], size: tuple[int, int]) -> str:
    """A name for these frames at this size; another as soon as a photo, a label file or the resizing has changed."""
    digest = hashlib.sha256(repr(size).encode())
    # Or whoever mends the resizing would go on with what the old one has written.
    for module in (files, layout, labels, transforms):
        digest.update(Path(module.__file__).read_bytes())
    for frame in frames:
        for path in (frame.image, frame.label_ids):
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def resize_frames(frames: list[Frame], size: tuple[int, int], cache: Path) -> ResizedFrames:
    """Open the cache of these frames at ``size`` (height, width), and make it first if it is not there.

    Raises:
        CourseError: a file is unreadable, or its photo and labels do not fit.
    """
    folder = cache / digest_files(frames, size)
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # One process makes it while all others wait. A process that is killed frees the lock, and leaves half a folder.
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                unfinished = folder.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                try:
                    _write(frames, size, unfinished)
                    unfinished.rename(folder)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    return ResizedFrames(folder)


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
