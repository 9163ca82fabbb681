"""The files of a run, above all its checkpoint: what it needs to go on, and proof that it is the same run.

No random states are in it: what is random in an epoch follows from the seed and the epoch's number.
"""

import hashlib
import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from cs_utils.data.cityscapes import Frame
from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import fill
from cs_utils.settings import Settings

HISTORY = "history.csv"
BEST = "best.safetensors"
LAST = "last.ckpt"
PICTURES = "pictures"
TENSORBOARD = "tensorboard"
TEMPORARY = ".*.tmp"
"""What `files.write_atomic` calls its files until they are whole."""

MAY_CHANGE = (
    *("epochs", "patience", "plot_every", "workers", "accelerator", "devices", "memory_format", "compile"),
    *("runs", "run", "data", "cache"),
)
"""Settings that may differ when a run goes on; any other would make it another run. Of the data, only the place may."""


def identify(settings: Settings, frames: list[Frame]) -> dict[str, Any]:
    """What makes a run this run and no other: its settings, and a digest of the frames' names and labels' sizes."""
    listing = "\n".join(f"{frame.split} {frame.name} {frame.label_ids.stat().st_size}" for frame in frames)
    kept = {key: value for key, value in json.loads(settings.to_json()).items() if key not in MAY_CHANGE}
    return kept | {"frames": hashlib.sha256(listing.encode()).hexdigest()}


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, rows: list, identity: dict[str, Any]
) -> None:
    """Write all that is needed to go on after the last whole epoch, a copy of the best weights with it."""
    # The file may by then hold those of an epoch that was broken off; the copy is of the epochs that count.
    best = torch.from_numpy(np.fromfile(folder / BEST, dtype=np.uint8))
    parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": rows, "best": best}
    buffer = io.BytesIO()
    torch.save(parts | {"identity": json.dumps(identity)}, buffer)
    write_atomic(folder / LAST, buffer.getbuffer())


def find_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from.

    Raises:
        CourseError: there is none, though there was one.
    """
    if (folder / LAST).exists():
        return True
    # A row is written before its epoch's checkpoint: a run that was killed in between leaves a heading and one row.
    if (folder / HISTORY).exists() and len((folder / HISTORY).read_text().splitlines()) > 2:
        raise CourseError(f"{folder / LAST} is missing, so the run cannot go on: restore it, or name another by --run")
    return False


def holds_run(folder: Path) -> bool:
    """Whether there is something in a run's folder that a new run would wipe out."""
    return any((folder / name).exists() for name in (LAST, BEST, HISTORY))


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, identity: dict[str, Any]
) -> tuple[list[dict[str, float]], bytes]:
    """Fill model and optimizer from a checkpoint; nothing in the file can run code.

    Returns:
        The history so far, and what `BEST` held then.

    Raises:
        CourseError: the file is truncated, changed or no checkpoint, or it is of another run than ``identity``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if changed := archive.testzip():  # its check sums, which torch.load does not look at
                raise ValueError(f"{changed} in it has changed")
        state = torch.load(path, map_location="cpu", weights_only=True)
        stored, rows = json.loads(state["identity"]), [dict(row) for row in state["history"]]
        best = state["best"].numpy().tobytes()
        for key, value in identity.items():
            if stored[key] != value:
                raise CourseError(
                    f"{path} was made with {key}={stored[key]}, not {value}: resume with that, or name another --run"
                )
        fill(model, state["model"], path)
        optimizer.load_state_dict(state["optimizer"])
    except torch.OutOfMemoryError:
        raise  # a RuntimeError too, but not the file's fault
    except (
        RuntimeError,
        pickle.UnpicklingError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OSError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CourseError(
            f"{path} is not a whole checkpoint ({reason}): restore it, or remove its folder and train again"
        ) from None
    for weight, means in optimizer.state.items():
        for name, values in means.items():
            if values.shape == weight.shape:
                # The order in memory may have changed since, and the fused kernel takes both to have the same one.
                means[name] = torch.empty_like(weight).copy_(values)
    return rows, best


def forget(folder: Path) -> None:
    """Remove what an earlier run has left in its folder."""
    for name in (LAST, BEST, HISTORY):
        (folder / name).unlink(missing_ok=True)
    for name in (PICTURES, TENSORBOARD):
        shutil.rmtree(folder / name, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove the half files that a run has left in its folder if it was killed while it wrote them."""
    for path in folder.rglob(TEMPORARY):
        path.unlink(missing_ok=True)


def read_best(folder: Path) -> dict[str, Tensor]:
    """Read the best weights of a run.

    Raises:
        CourseError: they are missing or not whole.
    """
    try:
        return safetensors.torch.load_file(folder / BEST)
    except (SafetensorError, OSError):
        raise CourseError(
            f"{folder / BEST} is missing or not whole: call again with --resume, which restores it from {LAST}"
        ) from None


def open_tensorboard(folder: Path, epochs_done: int) -> Any:
    """A TensorBoard writer that forgets what a broken-off run wrote after its last whole epoch; None without it."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder / TENSORBOARD, purge_step=epochs_done + 1)
