"""The clock: what an action takes on the GPU, and how much of its memory."""

import gc
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.gpu.plan import Row
from benchmarks.turns import Action
from cs_utils.models.zoo import choose_device

ROUND_SECONDS, MOST_TIMES = 0.2, 20
"""In a round an action is repeated for about so long, at most so often: a GPU gets the next while it works on one."""


def measure(make: Callable[[], Action], rounds: int = 5) -> Row:
    """Time an action that ``make`` prepares.

    Returns:
        ``seconds``, the median of some rounds, and ``peak_gb``, the most memory that its tensors have had, in 10^9
        bytes. Or ``problem``: what is too large for the card must not cost the rows that come after it.
    """
    try:
        return _time(make, rounds)
    except Exception as error:  # out of memory, no compiler, a kernel that is not there
        return {"problem": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"}
    finally:
        free_memory()


def free_memory() -> None:
    """Give back what the last network needed: some of its parts hold each other."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def synchronize() -> None:
    """Wait until the GPU has done all that it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _time(make: Callable[[], Action], rounds: int) -> Row:
    on_gpu = choose_device().type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    action = make()
    for _ in range(3):  # kernels are chosen or compiled, a step is recorded, and replayed for the first time
        action()
    times = max(1, min(MOST_TIMES, int(ROUND_SECONDS / _seconds(action, 1)))) if on_gpu else 1
    seconds = statistics.median(_seconds(action, times) for _ in range(rounds))
    return {"seconds": seconds, "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan")}


def _seconds(action: Action, times: int) -> float:
    synchronize()
    start = time.perf_counter()
    for _ in range(times):
        action()
    synchronize()
    return (time.perf_counter() - start) / times
