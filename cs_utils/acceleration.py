"""How the same numbers come faster: memory that is kept, tensors in the order that a device likes, compiled kernels.

Nothing here changes what is computed, beyond rounding. What pays depends on the device, and was chosen by measuring:
see `benchmarks` and its tables in `results/`.
"""

import ctypes
import sys

import torch

from cs_utils.settings import Settings


def keep_memory() -> None:
    """Let glibc keep the memory that tensors free, instead of handing it back to Linux and faulting it in again.

    On a CPU each step allocates and frees the same large activations, and new pages for each of them take time. It
    holds for the rest of the process, which keeps the most memory that it ever needed. Does nothing on other systems.
    """
    if sys.platform != "linux":
        return
    trim_threshold, mmap_max = -1, -4  # names of the settings in malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def choose_memory_format(settings: Settings, device: torch.device) -> torch.memory_format:
    """The order of numbers in memory that the settings name; for ``auto`` the faster one on this kind of device."""
    if settings.memory_format == "auto":
        return torch.channels_last if device.type in ("cuda", "cpu") else torch.contiguous_format
    return getattr(torch, settings.memory_format.replace("contiguous", "contiguous_format"))
