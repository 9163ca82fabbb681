"""The modes that a network is run in: evaluation without gradients, memory that is kept, a device's order of numbers.

The last two change how fast the same numbers come, and nothing else beyond rounding. What pays depends on the device,
and was chosen by measuring: see `benchmarks` and its tables in `results/`.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cs_utils.settings import MemoryFormat


@contextmanager
def keeping_modes(model: nn.Module) -> Iterator[None]:
    """Put every module back into its own old mode afterwards.

    Module by module, since a frozen batch norm stays in evaluation mode while its network trains.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, without gradients; afterwards every module is in its own old mode again."""
    with keeping_modes(model), torch.no_grad():
        model.eval()
        yield


def keep_memory() -> None:
    """Let glibc keep the memory that tensors free, instead of handing it back to Linux and faulting it in again.

    On a CPU each step allocates and frees the same large activations, and new pages for each of them take time. It
    holds for the rest of the process. Does nothing where there is no glibc.
    """
    _limit_memory(mmap_max=0, trim_threshold=2**31 - 1)


@contextmanager
def keeping_memory(wanted: bool = True) -> Iterator[None]:
    """Do `keep_memory` for a while, if ``wanted``; afterwards what is free goes back to Linux, as it does by itself."""
    if not wanted:
        yield
        return
    keep_memory()
    try:
        yield
    finally:
        _limit_memory(mmap_max=65536, trim_threshold=128 * 1024)  # what glibc starts with


def _limit_memory(mmap_max: int, trim_threshold: int) -> None:
    glibc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(glibc, "mallopt"):
        glibc.mallopt(-4, mmap_max)  # the numbers of the settings are in malloc.h
        glibc.mallopt(-1, trim_threshold)
        glibc.malloc_trim(0)


def choose_memory_format(name: MemoryFormat, device: torch.device) -> torch.memory_format:
    """The order of numbers in memory of this name; for ``auto`` the faster one on this kind of device."""
    if name == "auto":
        return torch.channels_last if device.type in ("cuda", "cpu") else torch.contiguous_format
    return getattr(torch, name.replace("contiguous", "contiguous_format"))
