"""Single files, whatever is wrong with them: their bytes, the pixels in them, and writing whole or not at all.

What cannot be read is an error that names the file. It is never waited for, and never half a PNG.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from cs_utils.exceptions import CourseError

PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
"""The first eight bytes of every PNG file, and the last eight of its pictures, whatever a program has put behind."""
PNG_COLORS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey and alpha", 6: "RGBA"}
"""How a PNG file holds its colours, by the number in its header."""
MAX_DEFLATION = 1032
"""PNG's compression never makes more than this many bytes of one."""


def file_problem(path: Path) -> str | None:
    """Why a path cannot be read as a file, and what to do, in one line; None where it can be."""
    try:
        # Asked before it is opened: a pipe in a file's place would be waited on for ever.
        is_file = stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        if path.parts[:1] in (("http:",), ("https:",)):
            return f"{path} is a web address: download the file, and give the place where it lies"
        state = "is a link that leads nowhere" if path.is_symlink() else "is missing"
        return f"{path} {state}: restore it"
    except OSError as error:
        return _unreadable(path, error)
    return None if is_file else f"{path} is not a file: give the path of a file, or restore it"


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path} cannot be read ({error.strerror}): give yourself the right to read it, or restore it"


def stamp(path: Path) -> tuple[int, int]:
    """Size in bytes, and time of the last change in nanoseconds: others as soon as a file has changed.

    Raises:
        CourseError: the file is missing, no file, or not ours to read.
    """
    if problem := file_problem(path):
        raise CourseError(problem)
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def is_folder(path: Path) -> bool:
    """Whether a path is a folder.

    Raises:
        CourseError: that is not ours to know; to say no would hide all that lies in it.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character is in no name
        return False
    except OSError as error:
        raise CourseError(_unreadable(path, error)) from None


def list_folder(folder: Path) -> list[Path]:
    """All that lies in a folder and is not hidden: names with a leading dot are what macOS leaves beside files.

    Raises:
        CourseError: the folder cannot be read.
    """
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise CourseError(_unreadable(folder, error)) from None


def read_bytes(path: Path) -> np.ndarray:
    """Read the bytes of a file: (N,) uint8.

    Raises:
        CourseError: the file is missing, no file, or not ours to read.
    """
    if problem := file_problem(path):
        raise CourseError(problem)
    try:
        # Not cv2.imread: it cannot open a path with non-ASCII letters on Windows.
        return np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise CourseError(_unreadable(path, error)) from None


def image_kind(data: np.ndarray) -> str:
    """What the bytes of an image file, (N,) uint8, say they are: "8-bit RGB PNG" for one."""
    if data[: len(PNG_START)].tobytes() != PNG_START or data.size < 26:
        return "no PNG"
    return f"{data[24]}-bit {PNG_COLORS.get(int(data[25]), 'unknown')} PNG"


def decode(path: Path, data: np.ndarray, flags: int) -> np.ndarray:
    """Decode the bytes of an image file by OpenCV: (N,) uint8 -> (H, W) or (H, W, C), colours ordered as in ``flags``.

    Raises:
        CourseError: the file, which ``path`` names, is truncated, not an image, or too large.
    """
    # Looked at first, because the decoder would complain in its own words, and make room for all that a header claims.
    whole = data.size > 0
    if data[: len(PNG_START)].tobytes() == PNG_START:
        width, height = (int.from_bytes(data[start : start + 4].tobytes(), "big") for start in (16, 20))
        whole = PNG_END in data.tobytes() and width * height <= 8 * MAX_DEFLATION * data.size
    try:
        pixels = cv2.imdecode(data, flags) if whole else None
    except cv2.error as error:  # beyond its limits, or the memory; a broken header may claim any size
        raise CourseError(
            f"{path} cannot be decoded at its size ({error.err}): save it smaller, or restore it"
        ) from None
    if pixels is None and data[4:8].tobytes() == b"ftyp":
        raise CourseError(f"{path} is HEIC or a video, or it is truncated: save it as JPEG or PNG")
    if pixels is None:
        raise CourseError(f"{path} is truncated or not an image: restore the file")
    return pixels


def write_atomic(path: Path, data: bytes | memoryview, durable: bool = False) -> None:
    """Write a file whole or not at all: under a temporary name beside it, then renamed.

    ``durable`` waits until the disk has it under its name, so that it also survives a loss of power. Windows, and some
    file systems of a network, do not say when a name is on the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process number keeps two processes that write the same file apart.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        if durable:
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable and os.name == "posix":
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where the file system can say so."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
