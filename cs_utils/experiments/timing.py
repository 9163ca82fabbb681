"""How long an action takes on this machine, and how much memory this process has needed."""

import math
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

STATUS = Path("/proc/self/status")
"""Where Linux tells a process of itself."""


def stopwatch(action: Callable[[], object], repeats: int) -> float:
    """Median seconds of an action, after a first call that does not count."""
    import torch  # not above: `peak_memory` is also asked for in processes that must not load it

    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        action()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()  # a GPU works on after the call has returned
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def forget_peak() -> None:
    """Let `peak_memory` start again from the memory that is in use now; Linux alone can do it."""
    with suppress(OSError):
        STATUS.with_name("clear_refs").write_text("5", encoding="utf-8")


def peak_memory() -> float:
    """The most memory that this process has needed so far, or since `forget_peak`, in bytes; NaN on Windows."""
    if STATUS.exists():
        # Not getrusage: on Linux it starts from what the process that started this one has needed, and never forgets.
        lines = STATUS.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [int(line.split()[1]) * 1024.0 for line in lines if line.startswith("VmHWM")]  # it counts in KiB
        return found[0] if found else math.nan
    if sys.platform != "darwin":
        return math.nan
    import resource  # Windows has no such module

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
