"""Where a training computes: the devices, and what makes several of them compute what one would.

Fabric sends each process its share of the images and averages the gradients. Two things would still differ: batch norm
would take its mean over a share of the batch, and a share with much void would count as much as one with little.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, default_collate

from cs_utils.data.loaders import EpochSampler, StreetScenes, prepare_worker
from cs_utils.data.transforms import Augmentation, Preprocessing, normalize_batch
from cs_utils.exceptions import CourseError
from cs_utils.labels import VOID
from cs_utils.models.modes import choose_memory_format
from cs_utils.models.zoo import choose_device
from cs_utils.settings import Settings

T = TypeVar("T")


def make_fabric(settings: Settings) -> Fabric:
    """Fabric for these settings; under ``torchrun``, for the processes that it has started.

    Raises:
        CourseError: there is no such device, or there are not so many, or several are asked for on a CPU.
    """
    device = choose_device(settings.accelerator)
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", settings.devices))
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", 1))
    if device.type == "cpu" and devices * nodes > 1:
        raise CourseError(
            f"setting devices={devices * nodes} is for GPUs: one process uses all cores of a CPU, give --devices 1"
        )
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
    model.to(memory_format=choose_memory_format(settings.memory_format, fabric.device))
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return fabric.setup(torch.compile(model) if settings.compile else model, optimizer)


def explain_compile_error(error: Exception) -> CourseError | None:
    """The error in one line if torch.compile cannot make its kernels, or None."""
    if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return None
    reason = str(getattr(error, "inner_exception", error)).partition("\n")[0]
    return CourseError(
        f"torch.compile cannot make its kernels ({reason}): install what it lacks, or train without --compile"
    )


def share_out(fabric: Fabric, loader: DataLoader, is_train: bool) -> DataLoader:
    """Give each process its share of a loader's images.

    A loader of the course's own shares them out exactly. Another one gets Fabric's sampler for training, and is read
    whole by every process for validation: that sampler repeats images where the shares differ, and all scores are
    ratios of counts, to which it is the same whether each image counts once or as often as there are processes.
    """
    if isinstance(loader.sampler, EpochSampler):
        loader.sampler.shard(fabric.global_rank, fabric.world_size)
        return loader
    if fabric.world_size > 1 and is_train:
        return fabric.setup_dataloaders(loader, move_to_device=False)
    return loader


@contextmanager
def batches_on(fabric: Fabric, loader: DataLoader) -> Iterator[Iterable[tuple[Tensor, Tensor]]]:
    """A loader's batches on Fabric's device: images (N, 3, H, W) and targets (N, H, W).

    One process takes in what all loader processes make, and what limits it is the bytes. So for a GPU the course's own
    loader gives images and targets in uint8, a fifth as many, and the GPU normalises them. Meanwhile the loader's data
    set gives such items to everybody.
    """
    raw = sends_raw(fabric, loader)
    given = undivided(loader.dataset).giving_raw() if raw else nullcontext()
    # Closed, because after an error the traceback would keep it, and it would keep the loader's processes.
    with given, closing(_send(fabric, loader, raw)) as batches:
        yield batches


def _send(fabric: Fabric, loader: DataLoader, raw: bool) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in loader:
        yield normalize_batch(*fabric.to_device(batch)) if raw else fabric.to_device(batch)


def sends_raw(fabric: Fabric, loader: DataLoader) -> bool:
    """Whether batches go to an NVIDIA GPU straight from the course's data set, with nothing of the reader's between."""
    data = loader.dataset
    while type(data) is Subset:
        data = data.dataset
    # A class that is made of one of these may do something else at the end.
    types = type(loader) is DataLoader and type(data) is StreetScenes
    ours = types and type(data.transform) in (Preprocessing, Augmentation)
    functions = loader.collate_fn is default_collate and loader.worker_init_fn in (None, prepare_worker)
    return ours and functions and fabric.device.type == "cuda"


def undivided(dataset: Dataset) -> Dataset:
    """The data set that a `Subset` is a part of, or that of a `Subset` of it; any other as it is."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return dataset


def share_of_pixels(fabric: Fabric, target: Tensor) -> Tensor | float:
    """This process's share of the pixels that count, times the number of processes: 1 where all have equally many.

    With this factor the mean of all processes' mean losses is the mean over all pixels; not that of losses which are
    weighted by class, or are no mean over pixels, as Dice.

    Args:
        fabric: knows the other processes.
        target: (N, H, W); 255 does not count.
    """
    if fabric.world_size == 1:
        return 1.0
    mine = (target != VOID).sum()
    everyones = mine.clone()
    dist.all_reduce(everyones)
    return mine * fabric.world_size / everyones.clamp_min(1)


def on_main(fabric: Fabric, folder: Path, act: Callable[[], T]) -> T:
    """Let the process that writes do something, for which all others wait; a fault of it ends them all alike.

    Returns:
        What ``act`` returned, in every process.

    Raises:
        CourseError: ``act`` has raised it, or the folder or a file cannot be written to.
    """
    result = fault = None
    if fabric.is_global_zero:
        try:
            result = act()
        except CourseError as error:
            fault = str(error)
        except OSError as error:
            place = error.filename or folder  # a callback may have places of its own
            fault = f"{place} cannot be written to ({error.strerror or error}): fix that, and go on with --resume"
    result, fault = fabric.broadcast((result, fault))
    if fault:
        raise CourseError(fault)
    return result
