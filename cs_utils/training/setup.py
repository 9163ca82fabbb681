"""What is trained, and with what: `prepare` makes a `Training` of a model, two loaders and the settings."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from cs_utils.exceptions import CourseError
from cs_utils.losses.right import LOSSES, inverse_log_weights, median_frequency_weights
from cs_utils.settings import Settings
from cs_utils.training.devices import make_fabric, set_up, share_out

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

    Fused: one pass over each weight, its gradient and its two moment estimates in place of a dozen.
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
        loss: None: ``settings.loss``. It has to compute the same for each batch, or ``settings.replay`` must be off.
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
