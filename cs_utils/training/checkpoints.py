"""The files of a run, above all its checkpoint: what it needs to go on, and proof that it is the same run.

No random states are in it: what is random in an epoch follows from the seed and the epoch's number.
"""

import hashlib
import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from filelock import FileLock, Timeout
from lightning_fabric import Fabric
from safetensors import SafetensorError
from torch import Tensor
from torch.utils.data import Dataset

from cs_utils.data.files import write_atomic
from cs_utils.data.loaders import StreetScenes
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import BEST, fill
from cs_utils.settings import Settings
from cs_utils.training.devices import on_main
from cs_utils.training.setup import Training

HISTORY = "history.csv"
SETTINGS = "settings.json"
LAST = "last.ckpt"
PICTURES = "pictures"
TENSORBOARD = "tensorboard"
TEMPORARY = ".*.tmp"
"""What `files.write_atomic` calls its files until they are whole."""

MAY_CHANGE = (
    *("epochs", "patience", "plot_every", "workers", "accelerator", "devices", "batch_size", "memory_format"),
    *("keep_memory", "compile", "replay", "runs", "run", "data", "cache", "start"),
)
"""Settings that may differ when a run goes on; any other would make it another run. Of the data, only the place may."""
LOCK_SECONDS = 10.0
"""Seconds to wait for a run's folder: loader processes of a run that was killed hold it a few seconds longer."""


def identify(training: Training) -> dict[str, Any]:
    """What makes a run this one: settings, names of loss and optimizer, a digest of the frames' names and sizes."""
    settings = training.settings
    kept = {key: value for key, value in json.loads(settings.to_json()).items() if key not in MAY_CHANGE}
    kept["batch_size * devices"] = (training.train.batch_size or 0) * training.fabric.world_size
    if settings.schedule != "constant":
        kept["epochs"] = settings.epochs  # the rate of every step depends on them
    for name, part in (("loss", training.loss), ("optimizer", training.optimizer.optimizer)):
        part = getattr(part, "func", part)  # of a partial, such as a loss with class weights
        kept[name] = getattr(part, "__name__", type(part).__name__)
    return kept | {"frames": "; ".join(map(_identify_data, (training.train.dataset, training.val.dataset)))}


def _identify_data(dataset: Dataset) -> str:
    if not isinstance(dataset, StreetScenes):
        return f"{len(dataset)} of {type(dataset).__name__}"
    digest = hashlib.sha256()
    for frame in dataset.frames:
        sizes = [path.stat().st_size for path in (frame.image, frame.label_ids)]
        digest.update(f"{frame.split} {frame.name} {sizes}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


@contextmanager
def claimed(fabric: Fabric, folder: Path, resume: bool, overwrite: bool) -> Iterator[None]:
    """Keep a run's folder for this training alone, if it may have it.

    Raises:
        CourseError: another process trains in it; or `check_folder` refuses.
    """
    lock = FileLock(folder.with_name(f".{folder.name}.lock"), timeout=LOCK_SECONDS)
    try:
        on_main(fabric, folder, lambda: _claim(lock, folder, resume, overwrite))
        yield
    finally:
        lock.release()


def _claim(lock: FileLock, folder: Path, resume: bool, overwrite: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except Timeout:
        raise CourseError(f"another process trains in {folder}: wait for it, or name another run by --run") from None
    check_folder(folder, resume, overwrite)


def check_folder(folder: Path, resume: bool = False, overwrite: bool = False) -> None:
    """Refuse to lose a run, and to go on with one that is not there.

    Raises:
        CourseError: it holds a run and neither ``resume`` nor ``overwrite`` is given, or both are; or it holds none to
            resume.
    """
    if resume and overwrite:
        raise CourseError("to resume a run and to overwrite it are two things: give one of them")
    if resume and not holds_run(folder):
        raise CourseError(f"{folder} holds no run to go on with: correct its name, or start without --resume")
    if holds_run(folder) and not resume and not overwrite:
        raise CourseError(
            f"{folder} holds a run: go on with it by --resume (in Python resume=True), name another by --run (run=), "
            "or start again over it by --overwrite (overwrite=True)"
        )


def holds_run(folder: Path) -> bool:
    """Whether there is something in a run's folder that a new run would wipe out."""
    return any((folder / name).exists() for name in (SETTINGS, LAST, BEST, HISTORY))


def open_run(training: Training, best: bytes | None) -> None:
    """Make a run's folder ready to go on with the best weights of the epochs so far, or without them to start."""
    folder = training.settings.run_folder
    if best is None:
        _forget(folder)
    else:
        write_atomic(folder / BEST, best)
    for path in folder.rglob(TEMPORARY):  # half files of a run that was killed while it wrote them
        path.unlink(missing_ok=True)
    write_atomic(folder / SETTINGS, training.settings.to_json().encode())


def _forget(folder: Path) -> None:
    for name in (LAST, BEST, HISTORY):
        (folder / name).unlink(missing_ok=True)
    for name in (PICTURES, TENSORBOARD):
        shutil.rmtree(folder / name, ignore_errors=True)


def save_checkpoint(training: Training, identity: dict[str, Any]) -> None:
    """Write all that is needed to go on after the last whole epoch, a copy of the best weights with it."""
    folder = training.settings.run_folder
    parts = {
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "history": training.rows,
        # The file may by then hold those of an epoch that was broken off; the copy is of the epochs that count.
        "best": torch.from_numpy(np.fromfile(folder / BEST, dtype=np.uint8)),
        "identity": json.dumps(identity),
    }
    if training.average:
        parts["average"] = training.average.state_dict()
    buffer = io.BytesIO()
    torch.save(parts, buffer)
    write_atomic(folder / LAST, buffer.getbuffer())


def load_checkpoint(training: Training, identity: dict[str, Any]) -> bytes | None:
    """Fill a training from the checkpoint of its run; nothing in the file can run code.

    Returns:
        What `BEST` held then; None if the run was ended before its first checkpoint.

    Raises:
        CourseError: the file is lost, truncated, changed or no checkpoint, or it is of another run than ``identity``.
    """
    folder = training.settings.run_folder
    path, optimizer = folder / LAST, training.optimizer
    if not path.exists():
        # A row is written before its epoch's checkpoint: a run that was killed in between leaves a heading and one row.
        if (folder / HISTORY).exists() and len((folder / HISTORY).read_text().splitlines()) > 2:
            raise CourseError(f"{path} is missing, so the run cannot go on: restore it, or name another by --run")
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if changed := archive.testzip():  # its check sums, which torch.load does not look at
                raise ValueError(f"{changed} in it has changed")
        state = torch.load(path, map_location="cpu", weights_only=True)
        stored, rows = _default_identity() | json.loads(state["identity"]), [dict(row) for row in state["history"]]
        best = state["best"].numpy().tobytes()
        for key, value in identity.items():
            if stored[key] != value:
                found = f"{key}={stored[key]}, not {value}: resume with that"
                if key == "frames":  # digests, which tell a reader nothing
                    found = "other photos or labels, or their files have changed: restore them"
                raise CourseError(f"{path} was made with {found}, or name another --run")
        fill(training.model, state["model"], path)
        if training.average:
            fill(training.average, state["average"], path)
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
    for weight, state in optimizer.state.items():
        for name, values in state.items():
            if torch.is_tensor(values) and values.shape == weight.shape:
                # The order in memory may have changed since, and the fused kernel takes both to have the same one.
                state[name] = torch.empty_like(weight).copy_(values)
    training.rows[:] = rows
    return best


def _default_identity() -> dict[str, Any]:
    """What a run of an older version was made with, of the settings that have come since: it did as their defaults do.

    Not the loss, which has always been in a checkpoint, by its function's name.
    """
    return {key: value for key, value in json.loads(Settings().to_json()).items() if key != "loss"}


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
