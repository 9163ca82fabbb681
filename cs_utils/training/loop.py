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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from cs_utils.exceptions import CourseError
from cs_utils.labels import NUM_CLASSES, VOID
from cs_utils.losses.right import LOSSES, inverse_log_weights, median_frequency_weights
from cs_utils.metrics.confusion import confusion_matrix, mean_dice, mean_iou
from cs_utils.models.modes import evaluating, keeping_memory
from cs_utils.models.zoo import fill
from cs_utils.settings import Settings
from cs_utils.training.callbacks import Callback, EarlyStopping, TensorBoard, keep_best, print_row, write_history
from cs_utils.training.checkpoints import (
    BEST,
    claimed,
    identify,
    load_checkpoint,
    open_run,
    read_best,
    save_checkpoint,
)
from cs_utils.training.devices import make_fabric, on_main, set_up, share_of_pixels, share_out
from cs_utils.training.interrupts import halting_between_steps, refuse_nan

Loss = Callable[[Tensor, Tensor], Tensor]
"""Takes logits (N, C, H, W) and target (N, H, W) int64, gives a number."""
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "poly": lambda done: (1 - done) ** 0.9,
}
"""How much of the learning rate is left when this share of the training is done."""
WARMUP_START = 0.01
"""Share of the learning rate that a warm-up starts from."""


@dataclass
class Training:
    """What is trained and with what, and what has come of it so far: `prepare` makes one, `epochs` goes on with it."""

    fabric: Fabric
    model: nn.Module
    """The network as it was given; on the device."""
    trained: nn.Module
    """The same weights as Fabric and torch.compile wrap them, for the steps."""
    optimizer: torch.optim.Optimizer
    train: DataLoader
    val: DataLoader
    loss: Loss
    settings: Settings
    average: AveragedModel | None = None
    """A copy of the network that holds the moving average of its weights, if the settings ask for one."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """One row for each whole epoch."""

    @property
    def scored(self) -> nn.Module:
        """The network to validate, keep and draw: that of the averaged weights, if there is one."""
        return self.average.module if self.average else self.model

    def set_rate(self, done: float) -> float:
        """Give the optimizer the learning rate that it has after so many epochs, and return that of its first group."""
        factor = rate_factor(done, self.settings.epochs, self.settings.schedule, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        return self.optimizer.param_groups[0]["lr"]

    def update_average(self) -> None:
        """Let the averaged weights follow a step."""
        if self.average:
            self.average.update_parameters(self.model)


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


def rate_factor(done: float, epochs: int, schedule: str = "constant", warmup: float = 0.0) -> float:
    """Share of the learning rate that is used after ``done`` of so many epochs.

    It rises in a straight line over ``warmup`` epochs, from a hundredth, and falls by the schedule over all others.
    "poly" is DeepLab's, with the power 0.9 (Chen et al., arXiv 1606.00915).
    """
    if done < warmup:
        return WARMUP_START + (1 - WARMUP_START) * done / warmup
    return SCHEDULES[schedule]((done - warmup) / (epochs - warmup))


def make_optimizer(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float = 1e-2
) -> torch.optim.Optimizer:
    """AdamW; Loshchilov and Hutter, arXiv 1711.05101.

    Fused: one pass over each weight, its gradient and its two means in place of a dozen.
    """
    return torch.optim.AdamW(parameters, learning_rate, weight_decay=weight_decay, fused=True)


def make_loss(settings: Settings, train: DataLoader, device: torch.device) -> Loss:
    """The loss that the settings name, with the class weights that they name, counted on the training masks.

    Raises:
        CourseError: the training loader's data set cannot count the pixels of its classes.
    """
    loss = LOSSES[settings.loss]
    if settings.class_weights == "none":
        return loss
    if not hasattr(train.dataset, "count_pixels"):
        raise CourseError("setting class_weights needs a data set with count_pixels(): give weights in loss= instead")
    counts = train.dataset.count_pixels(settings.channels, settings.void_value)  # (images, channels)
    if settings.class_weights == "median_frequency":
        weight = median_frequency_weights(counts)
    else:
        weight = inverse_log_weights(counts.sum(dim=0) / counts.sum())
    return partial(loss, weight=weight.float().to(device))


def prepare(
    model: nn.Module,
    train: DataLoader,
    val: DataLoader,
    settings: Settings,
    *,
    loss: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> Training:
    """Make ready to train: choose the device, move the model there, share out the images.

    Args:
        model: gives logits (N, C, H, W) for images (N, 3, H, W); trained in place.
        train: loader of the training batches: images, and targets (N, H, W) int64 with void = 255.
        val: loader of the validation batches.
        settings: what to train with.
        loss: None: ``settings.loss``.
        optimizer: of the model's parameters, and its learning rate is the one that the schedule takes shares of; None:
            AdamW with ``settings.learning_rate`` and ``settings.weight_decay``.

    Raises:
        CourseError: there is no such device, or `refuse_useless` refuses the loaders, or both ``loss`` and class
            weights are given.
    """
    if loss and settings.class_weights != "none":
        raise CourseError("setting class_weights has no effect on a loss of yours: weigh the classes in it")
    fabric = make_fabric(settings)
    train, val = share_out(fabric, train, is_train=True), share_out(fabric, val, is_train=False)
    refuse_useless(fabric, train, val, settings.model)
    optimizer = optimizer or make_optimizer(model.parameters(), settings.learning_rate, settings.weight_decay)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]  # PyTorch's own schedulers call it so
    trained, optimizer = set_up(fabric, model, optimizer, settings)
    loss = loss or make_loss(settings, train, fabric.device)
    if isinstance(loss, nn.Module):
        loss.to(fabric.device)
    average = None
    if settings.average:
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)
    return Training(fabric, model, trained, optimizer, train, val, loss, settings, average)


def refuse_useless(fabric: Fabric, train: DataLoader, val: DataLoader, model: str) -> None:
    """Refuse loaders that cannot be trained with.

    Raises:
        CourseError: one has no length; there is not one training batch for each device, or nothing to validate on; or
            the batches are too small for the model.
    """
    for name, loader in (("training", train), ("validation", val)):
        if isinstance(loader.dataset, IterableDataset):
            raise CourseError(f"the {name} loader has no length: give one of a data set with __len__ and __getitem__")
    if len(train) == 0:
        raise CourseError(
            f"{len(train.dataset)} training images are fewer than batch_size={train.batch_size} times "
            f"{fabric.world_size} devices: give a smaller --batch-size, or more --train-images"
        )
    if len(val.dataset) == 0:
        raise CourseError("there are no validation images: give some, or the best epoch cannot be chosen")
    if model == "deeplabv3plus" and train.batch_size == 1:
        raise CourseError("batch_size=1 is too small: deeplabv3plus takes a mean over images, give 2 or more")


def train_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader,
    loss_function: Loss,
    *,
    title: str = "train",
    before_step: Callable[[int], None] = lambda step: None,
    after_step: Callable[[], None] = lambda: None,
) -> float:
    """Train for one epoch; return the mean loss of its batches.

    Raises:
        CourseError: a loss is NaN or infinite, or all pixels are void.
    """
    model.train()
    # Kept on the device: asking for each batch's loss would make the processor wait for a GPU.
    losses = torch.zeros(len(loader), device=fabric.device)
    labelled = torch.zeros((), dtype=torch.int64, device=fabric.device)
    bar = tqdm(loader, desc=title, unit="batch", leave=False, disable=None if fabric.is_global_zero else True)
    for step, (image, target) in enumerate(bar):
        before_step(step)
        image, target = fabric.to_device((image, target))  # (N, 3, H, W), (N, H, W)
        optimizer.zero_grad()  # before the forward pass, which may need their memory
        loss = loss_function(model(image), target) * share_of_pixels(fabric, target)
        fabric.backward(loss)
        optimizer.step()
        after_step()
        losses[step] = loss.detach()
        labelled += (target != VOID).sum()
    # Where the last step has broken the weights, no later loss would show it in time.
    norm = nn.utils.get_total_norm([weight.detach() for weight in model.parameters()])
    losses[-1] = torch.where(norm.isfinite(), losses[-1], math.nan)
    mean, labelled = fabric.all_reduce(losses.mean(), reduce_op="mean"), fabric.all_reduce(labelled, reduce_op="sum")
    if not mean.isfinite():
        refuse_nan(fabric, losses, loader, "training")
    if not labelled:
        raise CourseError("no pixel of the training images has a class, all are void: give other images")
    return float(mean)


def validate(fabric: Fabric, model: nn.Module, loader: DataLoader, loss_function: Loss) -> tuple[float, Tensor]:
    """Return the mean loss over the validation pixels and one confusion matrix (20, 20) over all of them.

    Each batch's loss counts as much as it has pixels that are not void: where the loss is a mean over these, it does
    not depend on the batches. Pixels are counted at the network's size; `evaluation.predict.evaluate` counts at the
    size of the ground truth.

    Raises:
        CourseError: all pixels are void, or a loss is NaN or infinite.
    """
    losses, pixels = [], []
    matrix = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64, device=fabric.device)
    with evaluating(model):
        for image, target in loader:
            image, target = fabric.to_device((image, target))  # (N, 3, H, W), (N, H, W)
            with fabric.autocast():
                logits = model(image)  # (N, C, H, W)
            losses.append(loss_function(logits, target))
            pixels.append((target != VOID).sum())
            matrix += confusion_matrix(logits.argmax(dim=1), target)
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
    # What is random in an epoch depends on the seed and its number alone, so that a resumed run repeats it.
    torch.manual_seed(settings.seed + epoch)
    for loader in (training.train, training.val):
        if hasattr(loader.dataset, "set_epoch"):
            loader.dataset.set_epoch(epoch)
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
        before_step=before,
        after_step=training.update_average,
    )
    train_seconds = time.perf_counter() - start
    # Not `trained`: processes would wait for each other's batches, and torch.compile would compile once more.
    val_loss, matrix = validate(training.fabric, training.scored, training.val, training.loss)
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
        CourseError: a loss is NaN or infinite, all pixels are void, or a photo cannot be read.
    """
    with keeping_memory(training.settings.keep_memory):
        while len(training.rows) < training.settings.epochs:
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
        closing(TensorBoard(folder)) as tensorboard,
        halting_between_steps(fabric) as halt,
    ):
        best = load_checkpoint(training, identity) if resume else None
        on_main(fabric, folder, lambda: open_run(training, best))
        is_over = EarlyStopping(settings.patience)
        write_down = (keep_best, *callbacks, write_history, tensorboard, partial(save_checkpoint, identity=identity))
        after_epoch = (*write_down, print_row, is_over)
        # A run that goes on may have been over.
        for _ in () if is_over(training) else epochs(training, halt):
            if on_main(fabric, folder, lambda: True in [callback(training) for callback in after_epoch]):
                break
        fill(model, read_best(folder), folder / BEST)
        halt()
    return Run(folder, pd.DataFrame(training.rows), folder / BEST, fabric.is_global_zero)
