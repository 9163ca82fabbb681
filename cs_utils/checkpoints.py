"""The files of a run, above all its checkpoint: what it needs to go on, and proof that it is the same run.

No random states are in it: what is random in an epoch follows from the seed and the epoch's number.
"""

import hashlib
import io
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from cs_utils.layout import Frame, write_atomic
from cs_utils.models import fill
from cs_utils.settings import CourseError, Settings

HISTORY = "history.csv"
BEST = "best.safetensors"
LAST = "last.ckpt"
PICTURES = "pictures"
TENSORBOARD = "tensorboard"
TEMPORARY = ".*.tmp"
"""What `layout.write_atomic` calls its files until they are whole."""

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
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, rows: list, identity: dict[str, Any]
) -> None:
    """Write all that is needed to go on after the last whole epoch."""
    buffer = io.BytesIO()
    parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": rows}
    torch.save(parts | {"identity": json.dumps(identity)}, buffer)
    write_atomic(path, buffer.getvalue())


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, identity: dict[str, Any]
) -> list[dict[str, float]]:
    """Fill model and optimizer from a checkpoint, and give the history so far; nothing in the file can run code.

    Raises:
        CourseError: the file is truncated or no checkpoint, or it is of another run than ``identity``.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        stored, rows = json.loads(state["identity"]), [dict(row) for row in state["history"]]
        for key, value in identity.items():
            if stored[key] != value:
                raise CourseError(
                    f"{path} was made with {key}={stored[key]}, not {value}: resume with that, or name another --run"
                )
        fill(model, state["model"], path)
        optimizer.load_state_dict(state["optimizer"])
    except (
        RuntimeError,
        pickle.UnpicklingError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CourseError(f"{path} is not a whole checkpoint ({reason}): remove it and train again") from None
    return rows


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
    """Read the best weights of a run that has a checkpoint.

    Raises:
        CourseError: they are missing or not whole.
    """
    try:
        return safetensors.torch.load_file(folder / BEST)
    except (SafetensorError, OSError):
        raise CourseError(
            f"{folder / BEST} is missing beside {LAST}, or not whole: restore it, or remove {LAST} and train again"
        ) from None


def open_tensorboard(folder: Path, epochs_done: int) -> Any:
    """A TensorBoard writer that forgets what a broken-off run wrote after its last whole epoch; None without it."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder / TENSORBOARD, purge_step=epochs_done + 1)
