"""What the machine itself can do: the walls that no program gets through."""

import time

import pandas as pd
import torch

from cs_utils.models.zoo import choose_device


def run(rounds: int) -> pd.Series:
    """Measure, on the accelerator if there is one.

    Returns:
        ``float32_tflops``, ``bfloat16_tflops`` and, on a GPU, ``tf32_tflops``, the kind in which its convolutions
        compute float32: 10^12 operations a second in products of large matrices, an addition counted as one;
        ``reused_gb_s`` and ``fresh_gb_s``, 10^9 bytes a second written to memory that the process has and to memory
        that it must ask for.
    """
    device = choose_device()
    edge = 8192 if device.type == "cuda" else 2048
    limits = {}
    kinds = [("float32", torch.float32, "highest"), ("bfloat16", torch.bfloat16, "highest")]
    if device.type == "cuda":
        kinds.append(("tf32", torch.float32, "high"))
    for name, kind, precision in kinds:
        torch.set_float32_matmul_precision(precision)
        a, b = (torch.randn(edge, edge, device=device).to(kind) for _ in range(2))
        limits[f"{name}_tflops"] = 2 * edge**3 / _best(lambda a=a, b=b: torch.mm(a, b), rounds) / 1e12
    count = 2**28 if device.type == "cuda" else 2**25
    reused = torch.empty(count, device=device)
    limits["reused_gb_s"] = 4 * count / _best(lambda: reused.fill_(1), rounds) / 1e9
    if device.type == "cpu":
        limits["fresh_gb_s"] = 4 * count / _best(lambda: torch.empty(count).fill_(1), rounds) / 1e9
    return pd.Series(limits)


def _best(action, rounds: int) -> float:
    # The best of all, not the median: what is asked for is a limit.
    seconds = []
    for _ in range(rounds + 2):
        start = time.perf_counter()
        action()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
