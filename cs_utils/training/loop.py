"""The training loop: `fit` for runs that are kept, and `epochs`, which a comparison goes through as well.

Lightning Fabric places model and batches, on a CPU or on several GPUs, and changes nothing else. A run's folder holds:

* ``settings.json``: what it was trained with;
* ``history.csv``: one row for each epoch, as they happen;
* ``best.safetensors``: the weights of the epoch with the highest validation IoU;
* ``last.ckpt``: all that is needed to go on after the last whole epoch;
* ``tensorboard/``: the same numbers as the history, when TensorBoard is installed;
* ``pictures/``: what a `callbacks.Pictures` has drawn, if one was given.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cs_utils.exceptions import CourseError
from cs_utils.labels import NUM_CLASSES, VOID
from cs_utils.metrics.confusion import confusion_matrix, mean_dice, mean_iou
from cs_utils.models.modes import evaluating, keeping_memory
from cs_utils.models.zoo import BEST, fill
from cs_utils.settings import Settings
from cs_utils.training.callbacks import (
    Callback,
    EarlyStopping,
    TensorBoard,
    call_all,
    keep_best,
    print_row,
    write_history,
)
from cs_utils.training.checkpoints import claimed, identify, load_checkpoint, open_run, read_best, save_checkpoint
from cs_utils.training.devices import batches_on, on_main, share_of_pixels, undivided
from cs_utils.training.interrupts import explaining_errors, halting_between_steps, refuse_nan
from cs_utils.training.replay import Work, replaying
from cs_utils.training.setup import Loss, Training, prepare


@dataclass(frozen=True)
class Run:
    """A finished training run."""

    folder: Path
    history: pd.DataFrame
    """One row for each epoch."""
    best: Path
    """Weights of the best epoch."""
    is_main: bool
    """Whether this process is the one that writes; false in all others of several that train together."""


def training_step(fabric: Fabric, model: nn.Module, optimizer: torch.optim.Optimizer, loss_function: Loss) -> Work:
    """A training step on a batch, which gives its loss, and how many of its pixels are not void."""

    def step(image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        optimizer.zero_grad()  # before the forward pass, which may need their memory
        loss = loss_function(model(image), target) * share_of_pixels(fabric, target)
        fabric.backward(loss)
        optimizer.step()
        return loss.detach(), (target != VOID).sum()

    return step


def validation_step(fabric: Fabric, model: nn.Module, loss_function: Loss) -> Work:
    """A look at a validation batch, which gives its loss, how many pixels are not void, and their confusion matrix."""

    def look(image: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with fabric.autocast():
            logits = model(image)  # (N, C, H, W)
        matrix = confusion_matrix(logits.argmax(dim=1), target)
        # In float32, as Fabric gives them to the loss of a training step.
        return loss_function(logits.float(), target), (target != VOID).sum(), matrix

    return look


def train_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader,
    loss_function: Loss,
    *,
    title: str = "train",
    replay: bool = False,
    before_step: Callable[[int], None] = lambda step: None,
    after_step: Callable[[], None] = lambda: None,
) -> float:
    """Train for one epoch; return the mean loss of its batches, those left out whose pixels are all void.

    With ``replay``, a GPU records a step once and replays it for the next batches, see `training.replay`.

    Raises:
        CourseError: a loss is NaN or infinite, or all pixels are void.
    """
    model.train()
    # Kept on the device: asking for each batch's loss would make the processor wait for a GPU.
    losses = torch.zeros(len(loader), device=fabric.device)
    labelled = torch.zeros(len(loader), dtype=torch.int64, device=fabric.device)  # pixels that count
    step = training_step(fabric, model, optimizer, loss_function)
    step = replaying(step, fabric, optimizer) if replay else step
    hidden = None if fabric.is_global_zero else True
    try:
        with batches_on(fabric, loader) as batches:
            bar = tqdm(batches, title, len(loader), unit="batch", leave=False, disable=hidden)
            for number, (image, target) in enumerate(bar):  # (N, 3, H, W), (N, H, W)
                before_step(number)
                losses[number], labelled[number] = step(image, target)
                after_step()
    finally:  # the validation may need the memory of gradients and recording; after an error, a traceback would keep it
        del step
        optimizer.zero_grad()
    # Where the last step has broken the weights, no later loss would show it in time.
    norm = nn.utils.get_total_norm([weight.detach() for weight in model.parameters()])
    losses[-1] = torch.where(norm.isfinite(), losses[-1], math.nan)
    total, labelled = fabric.all_reduce(losses.sum(), reduce_op="mean"), fabric.all_reduce(labelled, reduce_op="sum")
    if not labelled.any():
        raise CourseError("no pixel of the training images has a class, all are void: give other images")
    if not total.isfinite():
        refuse_nan(fabric, losses, loader, "training")
    # A batch that is all void costs nothing; counted, it would be a perfect one.
    return float(total / (labelled > 0).sum())


def validate(
    fabric: Fabric, model: nn.Module, loader: DataLoader, loss_function: Loss, replay: bool = False
) -> tuple[float, Tensor]:
    """Return the mean loss over the validation pixels and one confusion matrix (20, 20) over all of them.

    Each batch's loss counts as much as it has pixels that are not void: where the loss is a mean over these, it does
    not depend on the batches. Pixels are counted at the network's size; `evaluation.predict.evaluate` counts at the
    size of the ground truth.

    Raises:
        CourseError: all pixels are void, or a loss is NaN or infinite.
    """
    losses, pixels = [], []
    matrix = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64, device=fabric.device)
    look = validation_step(fabric, model, loss_function)
    look = replaying(look, fabric) if replay else look
    try:
        with evaluating(model), batches_on(fabric, loader) as batches:
            for image, target in batches:  # (N, 3, H, W), (N, H, W)
                loss, labelled, counts = look(image, target)
                losses.append(loss)
                pixels.append(labelled)
                matrix += counts
    finally:
        del look  # a traceback would keep the memory of a recording
    # With fewer images than processes, some have none.
    losses = torch.stack(losses) if losses else torch.zeros(0, device=fabric.device)
    weights = torch.stack(pixels).float() if pixels else losses
    total = fabric.all_reduce(torch.stack([(losses * weights).sum(), weights.sum()]), reduce_op="sum").tolist()
    matrix = fabric.all_reduce(matrix, reduce_op="sum").cpu()
    if not matrix[:NUM_CLASSES].any():
        raise CourseError("no pixel of the validation images has a class, all are void: give other images")
    if not math.isfinite(total[0]):
        refuse_nan(fabric, losses, loader, "validation")
    return total[0] / total[1], matrix


def run_epoch(training: Training, before_step: Callable[[], None] = lambda: None) -> dict[str, float]:
    """Train and validate for one more epoch, and return its row; see `epochs`."""
    settings, epoch, steps = training.settings, len(training.rows) + 1, len(training.train)
    start = time.perf_counter()
    replay = settings.replay and not settings.compile
    # What is random in an epoch depends on the seed and its number alone, so that a resumed run repeats it.
    torch.manual_seed(settings.seed + epoch)
    for loader in (training.train, training.val):
        data = undivided(loader.dataset)  # a part of one would keep the epoch from it
        if hasattr(data, "set_epoch"):
            data.set_epoch(epoch)
    rates = []

    def before(step: int) -> None:
        before_step()
        rates.append(training.set_rate(epoch - 1 + step / steps))

    train_loss = train_epoch(
        training.fabric,
        training.trained,
        training.optimizer,
        training.train,
        training.loss,
        title=f"epoch {epoch}/{settings.epochs}",
        replay=replay,
        before_step=before,
        after_step=training.update_average,
    )
    train_seconds = time.perf_counter() - start
    # Not `trained`: processes would wait for each other's batches, and torch.compile would compile once more.
    val_loss, matrix = validate(training.fabric, training.scored, training.val, training.loss, replay)
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "dice_score": mean_dice(matrix),
        "iou_score": mean_iou(matrix),
        "learning_rate": rates[0],
        "train_seconds": train_seconds,
        "seconds": time.perf_counter() - start,
    }


def epochs(training: Training, before_step: Callable[[], None] = lambda: None) -> Iterator[dict[str, float]]:
    """Train until there is a row for each of ``settings.epochs`` epochs; yield each new one as its epoch ends.

    Args:
        training: what `prepare` has made; it is trained in place, and its ``rows`` grow.
        before_step: called before each step.

    Yields:
        ``epoch``, ``train_loss``, ``val_loss``, ``dice_score``, ``iou_score``, ``learning_rate`` of the first step,
        ``train_seconds``, and ``seconds``, which include the validation.

    Raises:
        CourseError: a loss is NaN or infinite, all pixels are void, a photo cannot be read, loader processes have no
            memory, or torch.compile cannot make its kernels.
    """
    with keeping_memory(training.settings.keep_memory):
        while len(training.rows) < training.settings.epochs:
            with explaining_errors():
                training.rows.append(run_epoch(training, before_step))
            yield training.rows[-1]


def fit(
    model: nn.Module,
    train: DataLoader,
    val: DataLoader,
    settings: Settings,
    *,
    loss: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> Run:
    """Train a model until its validation IoU has not risen for ``patience`` epochs, or ``epochs`` are over.

    Args:
        model: gives logits (N, C, H, W) for images (N, 3, H, W); trained in place, and left with its best weights.
        train: loader of the training batches, from `data.loaders` or any other of images and targets.
        val: loader of the validation batches.
        settings: what to train with, and where to.
        loss: as in `prepare`.
        optimizer: as in `prepare`.
        callbacks: called after each epoch, before it is written down; one that returns True ends the training.
        resume: go on after the last whole epoch of the run in ``settings.run_folder``.
        overwrite: start again where that folder holds a run, which is then lost.

    Returns:
        The history, and the path of the best weights.

    Raises:
        CourseError: the folder holds a run, or another process trains in it; there is nothing to resume, or its
            checkpoint is lost, broken or of another run; as `prepare` and `epochs`; or the folder cannot be written to.
        Halted: Ctrl-C or SIGTERM came. The step in hand was finished, and the whole epochs before it are kept.
    """
    training = prepare(model, train, val, settings, loss=loss, optimizer=optimizer)
    fabric, folder, identity = training.fabric, settings.run_folder, identify(training)
    with (
        claimed(fabric, folder, resume, overwrite),
        closing(TensorBoard()) as tensorboard,
        halting_between_steps(fabric) as halt,
    ):
        best = load_checkpoint(training, identity) if resume else None
        on_main(fabric, folder, lambda: open_run(training, best))
        is_over = EarlyStopping(settings.patience)
        write_down = (keep_best, *callbacks, write_history, tensorboard, partial(save_checkpoint, identity=identity))
        after_epoch = (*write_down, print_row, is_over)
        # A run that goes on may have been over.
        for _ in () if is_over(training) else epochs(training, halt):
            if on_main(fabric, folder, lambda: call_all(after_epoch, training)):
                break
        fill(model, read_best(folder), folder / BEST)
        halt()
    return Run(folder, pd.DataFrame(training.rows), folder / BEST, fabric.is_global_zero)
