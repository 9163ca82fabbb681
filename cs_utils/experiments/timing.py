"""Where the seconds of an epoch go: the course's own functions, timed one by one, and what that makes of a larger run.

`measure` times each part on this machine, for one unit: a photo, an image of a batch, an epoch. `per_epoch` adds up.
`extrapolate` carries a measurement over to a run that this machine has not done, part by part: each grows with one of
the four `sizes` of a run. What comes of that is an estimate, and the notebooks call it so.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cs_utils.data.cityscapes import read_frame
from cs_utils.data.loaders import loaders, make_augmentation, spread
from cs_utils.data.transforms import resize
from cs_utils.evaluation.predict import predict_scenes
from cs_utils.models.inspect import meta_model, multiply_adds
from cs_utils.models.modes import keeping_memory
from cs_utils.models.zoo import build, count_parameters, save_weights
from cs_utils.plots.scenes import plot_predictions
from cs_utils.plots.style import save_figure
from cs_utils.settings import Settings
from cs_utils.training.checkpoints import BEST, save_checkpoint
from cs_utils.training.loop import validate
from cs_utils.training.setup import Training, prepare

PARTS = {
    "read and decode": ("photo", "photo pixels"),
    "resize": ("photo", "photo pixels"),
    "augment": ("training image", "input pixels"),
    "forward": ("training image", "multiplications"),
    "backward": ("training image", "multiplications"),
    "optimizer": ("step", "parameters"),
    "validation": ("validation image", "multiplications"),
    "picture": ("picture", "photo pixels"),
    "checkpoint": ("epoch", "parameters"),
}
"""The parts of an epoch: what one of each is for, and which size of a run its time grows with."""


def stopwatch(action: Callable[[], object], repeats: int, warm_up: int = 1) -> float:
    """Median seconds of an action, after ``warm_up`` calls that do not count."""
    seconds = []
    for _ in range(warm_up + repeats):
        start = time.perf_counter()
        action()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()  # a GPU works on after the call has returned
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[warm_up:])


def measure(settings: Settings, repeats: int = 3, pictures: bool = True) -> pd.DataFrame:
    """Time every part of an epoch on this machine, on the first images of the settings' data.

    Args:
        settings: data, image size, network, batch size and device; nothing of them is changed on disk.
        repeats: how often each part of a step is done, after a first time that does not count.
        pictures: whether to draw a picture too, which takes seconds with any network; if not, its time is NaN.

    Returns:
        A row for each of `PARTS`; ``seconds`` for one ``unit``, and what the time ``grows_with``.
    """
    with tempfile.TemporaryDirectory() as folder, keeping_memory(settings.keep_memory):
        train, val = loaders(settings)
        batch, seconds = _batch(train.dataset.frames, settings, repeats)
        training = prepare(build(settings), train, val, settings.replace(runs=Path(folder)))
        batch = training.fabric.to_device(batch)
        seconds |= _step(training, batch, repeats)
        one_batch = (training.fabric, training.model, [batch], training.loss)
        seconds["validation"] = stopwatch(lambda: validate(*one_batch), repeats) / len(batch[0])

        def draw() -> None:
            frames = spread(val.dataset.frames, 3)
            figure = plot_predictions(*predict_scenes(training.model, frames, settings.image_size))
            save_figure(figure, Path(folder) / "picture.png")

        def save() -> None:
            save_weights(training.model, training.settings.run_folder / BEST, settings)
            save_checkpoint(training, {})

        # Long enough that a warm-up changes little.
        seconds["picture"] = stopwatch(draw, repeats=1, warm_up=0) if pictures else math.nan
        seconds["checkpoint"] = stopwatch(save, repeats=1, warm_up=0)
    rows = [(part, seconds[part], *PARTS[part]) for part in PARTS]
    return pd.DataFrame(rows, columns=["part", "seconds", "unit", "grows_with"]).set_index("part")


def _batch(frames: list, settings: Settings, repeats: int) -> tuple[tuple[Tensor, Tensor], dict[str, float]]:
    # One batch, made from the files; and the seconds that each step of that takes for one photo.
    frames = (frames * settings.batch_size)[: settings.batch_size]
    augment, rng = make_augmentation(settings), np.random.default_rng(settings.seed)
    photos = [read_frame(frame) for frame in frames]
    small = [resize(*photo, settings.image_size) for photo in photos]
    # The augmentation resizes too, but what has its size already costs next to nothing.
    images, targets = zip(*(augment(*pair, rng) for pair in small), strict=True)
    seconds = {
        "read and decode": stopwatch(lambda: [read_frame(frame) for frame in frames], repeats),
        "resize": stopwatch(lambda: [resize(*photo, settings.image_size) for photo in photos], repeats),
        "augment": stopwatch(lambda: [augment(*pair, rng) for pair in small], repeats),
    }
    return (torch.stack(images), torch.stack(targets)), {name: value / len(frames) for name, value in seconds.items()}


def _step(training: Training, batch: tuple[Tensor, Tensor], repeats: int) -> dict[str, float]:
    # Forward and backward for one image, the optimizer for one step.
    image, target = batch
    training.trained.train()

    def forward() -> Tensor:
        return training.loss(training.trained(image), target)

    def both() -> None:
        training.optimizer.zero_grad()
        training.fabric.backward(forward())

    forward_seconds, both_seconds = stopwatch(forward, repeats), stopwatch(both, repeats)
    return {
        "forward": forward_seconds / len(image),
        "backward": max(both_seconds - forward_seconds, 0.0) / len(image),
        "optimizer": stopwatch(training.optimizer.step, repeats),
    }


def units_per_epoch(train_images: int, val_images: int, batch_size: int, plot_every: int) -> dict[str, float]:
    """How often each unit of `PARTS` occurs in an epoch."""
    return {
        "photo": train_images + val_images,
        "training image": train_images,
        "step": train_images // batch_size,
        "validation image": val_images,
        "picture": 1 / plot_every,
        "epoch": 1,
    }


def per_epoch(
    table: pd.DataFrame, train_images: int, val_images: int, batch_size: int = 4, plot_every: int = 5
) -> pd.Series:
    """Seconds of each part in one epoch, when every photo is decoded and resized anew: a row for each part."""
    units = units_per_epoch(train_images, val_images, batch_size, plot_every)
    return (table["seconds"] * table["unit"].map(units)).rename("seconds per epoch")


def sizes(settings: Settings, photo_size: tuple[int, int]) -> dict[str, int]:
    """The four sizes that the time of a run's parts grows with, for photos of (height, width).

    ``photo pixels`` and ``input pixels`` of one image; ``multiplications`` of one image's forward pass; ``parameters``.
    """
    model = meta_model(settings)
    return {
        "photo pixels": photo_size[0] * photo_size[1],
        "input pixels": settings.image_size[0] * settings.image_size[1],
        "multiplications": multiply_adds(model, settings.image_size),
        "parameters": count_parameters(model),
    }


def extrapolate(table: pd.DataFrame, measured: dict[str, int], wanted: dict[str, int]) -> pd.DataFrame:
    """The table of `measure` for another run: each part's seconds times the ratio of the size that it grows with."""
    factor = table["grows_with"].map({name: wanted[name] / measured[name] for name in wanted})
    return table.assign(seconds=table["seconds"] * factor)
