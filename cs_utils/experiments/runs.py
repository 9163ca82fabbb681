"""One run of a grid: train an arm, measure what its row needs, and give the row with its tables."""

import copy
import json
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cs_utils.data.cityscapes import Frame, read_frame
from cs_utils.data.loaders import StreetScenes, loaders
from cs_utils.data.sources import minicity_frames
from cs_utils.data.transforms import Preprocessing, resize_mask
from cs_utils.evaluation.predict import evaluate
from cs_utils.exceptions import Diverged
from cs_utils.experiments.arms import MismatchedPairs, make_arm_optimizer, make_loss, make_network
from cs_utils.experiments.evidence import ALIVE, DIVERGED, TARGETS
from cs_utils.experiments.places import folder_of, fresh_folder
from cs_utils.experiments.plan import DATA_VERSIONS, Job
from cs_utils.experiments.store import Row, Tables
from cs_utils.experiments.timing import forget_peak, peak_memory
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES
from cs_utils.metrics.confusion import confusion_matrix, iou_per_class, mean_iou
from cs_utils.models.inspect import probe_activations
from cs_utils.models.signals import trace_signals
from cs_utils.models.zoo import choose_device
from cs_utils.settings import ROOT, Settings
from cs_utils.training.loop import epochs, validate
from cs_utils.training.setup import Training, prepare

HISTORY = ("epoch", "train_loss", "val_loss", "dice_score", "iou_score", "train_iou", "train_seconds", "seconds")
"""What is kept of each epoch."""
PROBED_IMAGES = 16
"""Validation images that dead units are looked for on."""


def run_job(job: Job, before_step: Callable[[], None] = lambda: None) -> tuple[Row, Tables]:
    """Do one run.

    Args:
        job: which one.
        before_step: called before each training step; what it raises ends the run.

    Returns:
        Its row and its tables, ready for `store.add_run`.
    """
    settings = job.settings.replace(data=folder_of(job.spec.data, job.budget))
    start = time.perf_counter()
    _forget_peak()
    measured, tables = {"train": _train, "probe": _probe, "blindfold": _blindfold}[job.spec.kind](
        job, settings, before_step
    )
    fixed = {
        "run": job.key,
        "budget": job.budget,
        "arm": job.arm,
        "role": job.role,
        "rate": job.rate,
        "seed": job.seed,
        "status": "done",
    }
    provenance = {
        "peak_mb": _peak_megabytes(),
        "wall_seconds": time.perf_counter() - start,
        "data": job.spec.data,
        "data_version": DATA_VERSIONS[job.spec.data],
        "settings": json.dumps(job.describe(), sort_keys=True),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        **describe_machine(),
    }
    return fixed | measured | provenance, tables


def describe_machine() -> Row:
    """Where and with what this is computed; nothing that names the machine or its user."""
    cuda = torch.cuda.is_available()
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name() if cuda else choose_device("auto").type,
        "threads": torch.get_num_threads(),
    }


@cache
def _commit() -> str:
    try:
        # The rows that these runs have added themselves change nothing in what is computed.
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
        return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*words: str) -> str:
    # Fixed commands.
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    forget_peak()


def _peak_megabytes() -> float:
    """The most memory of this run: on the GPU, else of this process; where it cannot forget, of all its runs."""
    return (torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()) / 1e6


# ------------------------------------------------------------------------------------------------------------ training


def _train(job: Job, settings: Settings, before_step: Callable[[], None]) -> tuple[Row, Tables]:
    train, val = loaders(settings)
    if job.spec.pair_error:
        train.dataset.transform = MismatchedPairs(train.dataset.transform, job.spec.pair_error)
    network = make_network(job.spec, settings)
    row: Row = {}
    if "dead units" in job.spec.also:
        row["dead_birth"] = _dead_share(network, val, at_birth=True)
    optimizer = make_arm_optimizer(job.spec, network.parameters(), settings)
    training = prepare(network, train, val, settings, loss=make_loss(job.spec), optimizer=optimizer)
    seen = _plain_loader(train, settings) if "train iou" in job.spec.also else None
    history: list[Row] = []
    first = np.full(NUM_CLASSES, np.nan)
    try:
        for epoch in epochs(training, before_step):
            extra = {} if seen is None else {"train_iou": mean_iou(_matrix(training, seen))}
            history.append({name: value for name, value in (epoch | extra).items() if name in HISTORY})
            if len(history) == 1:
                first = _ious(training, val)
    except Diverged:
        row["status"] = DIVERGED
    row |= summarize(history, training.settings.epochs)
    if row.get("status") != DIVERGED:
        row |= {"alive_first": int((first > ALIVE).sum())} | _name_ious(_ious(training, val))
        row |= _also(job, training, val)
    return row, {"histories": history} | _fresh_images(job, training)


def summarize(history: list[Row], planned: int) -> Row:
    """What a row says of its epochs: best and last IoU, the slope at the end, and when each IoU was first reached."""
    iou = np.array([epoch["iou_score"] for epoch in history])
    seconds = np.cumsum([epoch["seconds"] for epoch in history])
    row: Row = {"epochs": planned, "seconds": float(seconds[-1]) if len(iou) else 0.0}
    if len(iou) == 0:
        return row
    row |= {"best_iou": float(iou.max()), "best_epoch": int(iou.argmax()) + 1, "last_iou": float(iou[-1])}
    quarter = iou[-max(2, round(len(iou) / 4)) :]
    if len(quarter) > 1:
        row["slope"] = 10 * float(np.polyfit(np.arange(len(quarter)), quarter, 1)[0])  # per ten epochs
    for goal in TARGETS:
        there = np.flatnonzero(iou >= goal / 100)
        row[f"epochs_to_{goal}"] = int(there[0]) + 1 if len(there) else None
        row[f"seconds_to_{goal}"] = float(seconds[there[0]]) if len(there) else None
    return row


def _matrix(training: Training, loader: DataLoader) -> Tensor:
    return validate(training.fabric, training.scored, loader, training.loss)[1]


def _ious(training: Training, loader: DataLoader) -> np.ndarray:
    return iou_per_class(_matrix(training, loader)).numpy()


def _name_ious(ious: np.ndarray) -> Row:
    named = {f"iou_{name.replace(' ', '_')}": float(value) for name, value in zip(CLASS_NAMES, ious, strict=True)}
    return {"alive_last": int((ious > ALIVE).sum())} | named


def _plain_loader(train: DataLoader, settings: Settings) -> DataLoader:
    """The training images without augmentation."""
    transform = Preprocessing(settings.image_size, settings.void_value)
    dataset = StreetScenes(train.dataset.frames, transform, settings.seed, train.dataset.resized)
    return DataLoader(dataset, batch_size=settings.batch_size)


def _dead_share(network: nn.Module, val: DataLoader, at_birth: bool = False) -> float:
    """The share of the channels that are dead on some validation images, with the network in evaluation mode.

    Batch norm ``at_birth`` has no statistics yet, and would change nothing. It gets those of the same images, in a
    copy, which is what the first training step sees.
    """
    images: list[Tensor] = []
    for image, _ in val:
        images.append(image)
        if sum(map(len, images)) >= PROBED_IMAGES:
            break
    if at_birth:
        network = copy.deepcopy(network).train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0  # of what was there before, nothing
        with torch.no_grad():
            network(torch.cat(images))
    table = probe_activations(network, images)
    return float(table["dead"].sum() / table["channels"].sum())


def _also(job: Job, training: Training, val: DataLoader) -> Row:
    row: Row = {}
    if "dead units" in job.spec.also:
        row["dead_end"] = _dead_share(training.scored, val)
    if "full size" in job.spec.also:
        # The size that arms of several sizes can be compared at; the epochs were scored at the network's own.
        table = evaluate(training.scored, val.dataset.frames, training.settings.image_size).table
        row |= {"last_iou": float(table["iou"].mean()), "ceiling": _ceiling(val.dataset.frames, training.settings)}
        row |= _name_ious(table["iou"].to_numpy())
    return row


def _ceiling(frames: list[Frame], settings: Settings) -> float:
    """Mean IoU of the labels themselves after they were shrunk to the network's size and enlarged again."""
    masks = (read_frame(frame)[1] for frame in frames)
    pairs = ((resize_mask(resize_mask(mask, settings.image_size), mask.shape), mask) for mask in masks)
    return mean_iou(sum(confusion_matrix(*map(torch.from_numpy, pair)) for pair in pairs))


def _fresh_images(job: Job, training: Training) -> Tables:
    """Hits, true and predicted pixels of each class in each scene that has chosen nothing, at full size."""
    if "fresh scenes" not in job.spec.also:
        return {}
    start, end, folder = fresh_folder(job.budget)
    frames = minicity_frames(folder, "val", end)[start:]
    counts = evaluate(training.scored, frames, training.settings.image_size).counts  # (images, C, 3)
    names = [f"{kind}_{index}" for kind in ("hits", "true", "predicted") for index in range(NUM_CLASSES)]
    rows = (map(int, image.T.ravel()) for image in counts)  # hits of all classes first
    return {
        "images": [
            {"image": number} | dict(zip(names, row, strict=True)) for number, row in enumerate(rows, start=start)
        ]
    }


# --------------------------------------------------------------------------------------------------- without training


def _probe(job: Job, settings: Settings, before_step: Callable[[], None]) -> tuple[Row, Tables]:
    """Signal and gradient by layer in a network that has learned nothing, and its dead units."""
    train, val = loaders(settings)
    network = make_network(job.spec, settings)
    dead = _dead_share(network, val, at_birth=True)
    layers = trace_signals(network, *next(iter(train)))
    ratios = {f"{name}_ratio": float(layers[name].min() / layers[name].max()) for name in layers}
    return {"dead_birth": dead} | ratios, {"layers": layers.reset_index().to_dict("records")}


def _blindfold(job: Job, settings: Settings, before_step: Callable[[], None]) -> tuple[Row, Tables]:
    """The predictor that never looks at the photo: at each place the class that is most frequent there."""
    train, val = loaders(settings)
    counts = np.zeros((NUM_CLASSES, *settings.image_size), dtype=np.int32)
    classes = np.arange(NUM_CLASSES)[:, None, None]
    for index in range(len(train.dataset)):
        counts += train.dataset.resized[index][1] == classes  # (C, h, w)
    guess = torch.from_numpy(counts.argmax(axis=0))  # (h, w)
    matrix = sum(confusion_matrix(guess.expand_as(target), target) for _, target in val)
    return {"last_iou": mean_iou(matrix), "best_iou": mean_iou(matrix)} | _name_ious(iou_per_class(matrix).numpy()), {}
