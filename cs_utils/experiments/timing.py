"""How long an action takes on this machine."""

import statistics
import time
from collections.abc import Callable

import torch


def stopwatch(action: Callable[[], object], repeats: int) -> float:
    """Median seconds of an action, after a first call that does not count."""
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        action()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()  # a GPU works on after the call has returned
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])
