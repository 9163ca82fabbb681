"""The training loop: AdamW, early stopping, the best weights, a checkpoint each epoch, resuming.

`fit` can be read top to bottom. Lightning Fabric places model and batches, on a CPU or on several GPUs, and changes
nothing else. A run's folder holds:

* ``history.csv``: one row for each epoch, as they happen;
* ``best.safetensors``: the weights of the epoch with the highest validation IoU;
* ``last.ckpt``: all that is needed to go on after the last whole epoch;
* ``pictures/``: Image | Ground Truth | Prediction every ``plot_every`` epochs;
* ``tensorboard/``: the same numbers as the history, when TensorBoard is installed.
"""

import math
import os
import time
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cs_utils.data.files import write_atomic
from cs_utils.data.loaders import spread
from cs_utils.exceptions import CourseError
from cs_utils.labels import NUM_CLASSES
from cs_utils.losses.right import LOSSES
from cs_utils.metrics.confusion import confusion_matrix, mean_dice, mean_iou
from cs_utils.models.modes import choose_memory_format, evaluating, keep_memory
from cs_utils.models.zoo import choose_device, fill, save_weights
from cs_utils.plots.scenes import plot_predictions
from cs_utils.plots.style import save_figure
from cs_utils.settings import Settings
from cs_utils.training.checkpoints import (
    BEST,
    HISTORY,
    LAST,
    PICTURES,
    find_checkpoint,
    forget,
    identify,
    load_checkpoint,
    open_tensorboard,
    read_best,
    save_checkpoint,
    sweep,
)
from cs_utils.training.devices import share_batch_norm, share_of_pixels
from cs_utils.training.interrupts import halting_between_steps, mark_broken_weights, refuse_nan

Loss = Callable[[Tensor, Tensor], Tensor]
"""Takes logits (N, C, H, W) and target (N, H, W) int64, gives a number."""
T = TypeVar("T")


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


def learning_rate_at(epoch: int, settings: Settings) -> float:
    """Learning rate of an epoch, counted from 1; both falling schedules start at the full rate and end near zero."""
    done = (epoch - 1) / settings.epochs
    factor = {"constant": 1.0, "cosine": (1 + math.cos(math.pi * done)) / 2, "poly": (1 - done) ** 0.9}
    return settings.learning_rate * factor[settings.schedule]


def refuse_too_few(fabric: Fabric, train: DataLoader) -> None:
    """Refuse to train without a single step.

    Raises:
        CourseError: there are fewer images than one batch for each device.
    """
    if len(train) == 0:
        raise CourseError(
            f"{len(train.dataset)} training images are fewer than batch_size={train.batch_size} times "
            f"{fabric.world_size} devices: give a smaller --batch-size, or more --train-images"
        )


def train_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader,
    loss_function: Loss,
    title: str = "train",
    before_step: Callable[[], None] = lambda: None,
) -> float:
    """Train for one epoch; give the mean loss of its batches.

    Raises:
        CourseError: a loss is NaN or infinite.
    """
    model.train()
    # Kept on the device: asking for each batch's loss would make the processor wait for a GPU.
    losses = torch.zeros(len(loader), device=fabric.device)
    bar = tqdm(loader, desc=title, unit="batch", leave=False, disable=None if fabric.is_global_zero else True)
    for number, (image, target) in enumerate(bar):
        before_step()
        image, target = fabric.to_device((image, target))  # (N, 3, H, W), (N, H, W)
        optimizer.zero_grad()  # before the forward pass, which may need their memory
        loss = loss_function(model(image), target) * share_of_pixels(fabric, target)
        fabric.backward(loss)
        optimizer.step()
        losses[number] = loss.detach()
    mark_broken_weights(losses, model)
    mean = float(fabric.all_reduce(losses.mean(), reduce_op="mean"))
    if not math.isfinite(mean):
        refuse_nan(fabric, losses, loader, "training")
    return mean


def validate(fabric: Fabric, model: nn.Module, loader: DataLoader, loss_function: Loss) -> tuple[float, Tensor]:
    """Give the mean loss over the validation images and one confusion matrix (20, 20) over all their pixels.

    Pixels are counted at the network's size; `inference.evaluate` counts at the size of the ground truth.

    Raises:
        CourseError: all pixels are void, or a loss is NaN or infinite.
    """
    losses = []
    total = torch.zeros(2, device=fabric.device)  # sum of losses, number of images
    matrix = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64, device=fabric.device)
    with evaluating(model):
        for image, target in loader:
            image, target = fabric.to_device((image, target))  # (N, 3, H, W), (N, H, W)
            with fabric.autocast():
                logits = model(image)  # (N, C, H, W)
            losses.append(loss_function(logits, target))
            total[0] += losses[-1] * len(image)
            total[1] += len(image)
            matrix += confusion_matrix(target, logits.argmax(dim=1))
    loss_sum, images = fabric.all_reduce(total, reduce_op="sum").tolist()
    matrix = fabric.all_reduce(matrix, reduce_op="sum").cpu()
    if not matrix[:NUM_CLASSES].any():
        raise CourseError("no pixel of the validation images has a class, all are void: give other images")
    if not math.isfinite(loss_sum):
        # With fewer images than processes, some have none.
        refuse_nan(fabric, torch.stack(losses) if losses else total.new_zeros(0), loader, "validation")
    return loss_sum / images, matrix


def make_optimizer(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """AdamW with the learning rate and the weight decay of the settings; Loshchilov and Hutter, arXiv 1711.05101.

    Fused: one pass over each weight, its gradient and its two means in place of a dozen.
    """
    return torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def make_fabric(settings: Settings) -> Fabric:
    """Fabric for these settings; under ``torchrun``, for the processes that it has started.

    Raises:
        CourseError: there is no such device, or there are not so many.
    """
    choose_device(settings)
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", settings.devices))
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", 1))
    try:
        fabric = Fabric(
            accelerator=settings.accelerator, devices=devices, num_nodes=nodes, precision=settings.precision
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CourseError(f"setting devices={devices} cannot be had ({reason}): give fewer") from None
    fabric.launch()
    return fabric


def set_up(
    fabric: Fabric, model: nn.Module, optimizer: torch.optim.Optimizer, settings: Settings
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Make model and optimizer ready to train on Fabric's devices, as fast as they can; the model is changed in place.

    Returns:
        Model and optimizer as Fabric wraps them, to be used in the loop; they share the weights with those given.
    """
    keep_memory()
    model.to(memory_format=choose_memory_format(settings, fabric.device))
    if fabric.world_size > 1:
        share_batch_norm(model, fabric.device)
    return fabric.setup(torch.compile(model) if settings.compile else model, optimizer)


def fit(model: nn.Module, train: DataLoader, val: DataLoader, settings: Settings, resume: bool = False) -> Run:
    """Train a model until its validation IoU has not risen for ``patience`` epochs, or ``epochs`` are over.

    Args:
        model: gives logits (N, C, H, W) for images (N, 3, H, W); trained in place, and left with its best weights.
        train: loader of the training batches, from `data.loaders`.
        val: loader of the validation batches.
        settings: what to train with, and where to.
        resume: go on after the last whole epoch of ``settings.run_folder``, if there is one; else start anew, over it.

    Returns:
        The history, and the path of the best weights.

    Raises:
        CourseError: the checkpoint to resume from is lost, broken or belongs to another run; there are fewer images
            than one batch for each device; there is no such device; a loss is NaN or infinite; a photo cannot be read;
            or the folder cannot be written to.
        Halted: Ctrl-C or SIGTERM came. The step in hand was finished, and the whole epochs before it are kept.
    """
    fabric = make_fabric(settings)
    folder = settings.run_folder
    for loader in (train, val):
        loader.sampler.shard(fabric.global_rank, fabric.world_size)
    refuse_too_few(fabric, train)
    identity = identify(settings, train.dataset.frames + val.dataset.frames)
    optimizer = make_optimizer(model.parameters(), settings)
    loss_function = LOSSES[settings.loss]
    trained, optimizer = set_up(fabric, model, optimizer, settings)
    rows: list[dict[str, float]] = []
    best = None
    if resume and find_checkpoint(folder):
        # After the set-up, so that the optimizer's state goes to the device that the model is on now.
        rows, best = load_checkpoint(folder / LAST, model, optimizer, identity)
    writer = on_main(fabric, folder, lambda: open_run(folder, len(rows), best))

    with closing(writer) if writer else nullcontext(), halting_between_steps(fabric) as halt:
        while len(rows) < settings.epochs and not is_over(rows, settings):
            epoch = len(rows) + 1
            start = time.perf_counter()
            # What is random in an epoch hangs on the seed and its number alone, so that a resumed run repeats it.
            torch.manual_seed(settings.seed + epoch)
            for loader in (train, val):
                loader.dataset.set_epoch(epoch)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(epoch, settings)
            title = f"epoch {epoch}/{settings.epochs}"
            train_loss = train_epoch(fabric, trained, optimizer, train, loss_function, title, halt)
            train_seconds = time.perf_counter() - start
            val_loss, matrix = validate(fabric, model, val, loss_function)
            rows.append(
                {
                    "epoch": epoch,
                    "train_loss": train_loss,
                    "val_loss": val_loss,
                    "dice_score": mean_dice(matrix),
                    "iou_score": mean_iou(matrix),
                    "learning_rate": learning_rate_at(epoch, settings),
                    "seconds": time.perf_counter() - start,
                    "images_per_second": len(train) * train.batch_size * fabric.world_size / train_seconds,
                }
            )
            on_main(fabric, folder, lambda: record(folder, model, optimizer, rows, val, settings, identity, writer))
            if fabric.is_global_zero:
                report(rows, settings)
        fill(model, read_best(folder), folder / BEST)
        halt()
    return Run(folder, pd.DataFrame(rows), folder / BEST, fabric.is_global_zero)


def on_main(fabric: Fabric, folder: Path, act: Callable[[], T]) -> T | None:
    """Let the process that writes do something, for which all others wait; a fault of it ends them all alike.

    Returns:
        What ``act`` gave; None in the other processes.

    Raises:
        CourseError: ``act`` has raised it, or the folder cannot be written to.
    """
    result = fault = None
    if fabric.is_global_zero:
        try:
            result = act()
        except CourseError as error:
            fault = str(error)
        except OSError as error:
            fault = f"{folder} cannot be written to ({error.strerror or error}): mend that, and go on with --resume"
    if fault := fabric.broadcast(fault):
        raise CourseError(fault)
    return result


def open_run(folder: Path, epochs_done: int, best: bytes | None) -> Any:
    """Make a run's folder ready to go on after some epochs, with the best weights of these, or to start anew.

    Returns:
        A TensorBoard writer; None without TensorBoard.
    """
    if best is None:
        forget(folder)
    else:
        write_atomic(folder / BEST, best)
    sweep(folder)
    return open_tensorboard(folder, epochs_done)


def best_epoch(rows: list[dict[str, float]]) -> int:
    """Number of the epoch with the highest validation IoU, the first of equals."""
    return int(max(rows, key=lambda row: row["iou_score"])["epoch"])


def is_over(rows: list[dict[str, float]], settings: Settings) -> bool:
    """Whether the validation IoU has not risen for ``patience`` epochs."""
    return bool(rows) and len(rows) - best_epoch(rows) >= settings.patience


def record(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: list[dict[str, float]],
    val: DataLoader,
    settings: Settings,
    identity: dict[str, Any],
    writer: Any,
) -> None:
    """Write down an epoch: picture, best weights, history, checkpoint; the checkpoint last, for it ends the epoch."""
    row = rows[-1]
    epoch = row["epoch"]
    if epoch % settings.plot_every == 0:
        figure = plot_predictions(model, spread(val.dataset.frames, 3), settings)
        save_figure(figure, folder / PICTURES / f"epoch_{epoch:03d}.png")
    if best_epoch(rows) == epoch:
        save_weights(model, folder / BEST, settings)
    write_atomic(folder / HISTORY, pd.DataFrame(rows).to_csv(index=False).encode())
    save_checkpoint(folder, model, optimizer, rows, identity)
    if writer:
        for name, value in row.items():
            writer.add_scalar(name, value, epoch)
        writer.flush()


def report(rows: list[dict[str, float]], settings: Settings) -> None:
    """Print the last epoch as one line."""
    row = rows[-1]
    epoch = row["epoch"]
    print(
        f"epoch {epoch:3d}/{settings.epochs}  train_loss {row['train_loss']:.3f}  val_loss {row['val_loss']:.3f}  "
        f"dice_score {row['dice_score']:.3f}  iou_score {row['iou_score']:.3f}  {row['seconds']:.0f} s"
        f"{'  best' if best_epoch(rows) == epoch else ''}",
        flush=True,
    )
