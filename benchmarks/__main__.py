"""Measure and print the tables: ``python -m benchmarks [SUBJECT …]``."""

import platform
import sys
from pathlib import Path

import pandas as pd
import torch
import tyro
from tyro.conf import Positional

from benchmarks import busy, growth, limits, loader, losses, metric, receiving, step

SUBJECTS = {
    "limits": limits.run,
    "step": step.run,
    "prediction": step.run_predictions,
    "loader": loader.run,
    "receiving": receiving.run,
    "metric": metric.run,
    "losses": losses.run,
    "growth": growth.run,
    "busy": busy.run,
}


def main(subjects: Positional[tuple[str, ...]] = tuple(SUBJECTS), rounds: int = 5, out: Path | None = None) -> int:
    """Measure against what a user would otherwise pick, in one run and in turns.

    Args:
        subjects: limits, step, prediction, loader, receiving, metric, losses, growth, busy; none: all.
        rounds: turns that each contestant gets; the medians are printed.
        out: folder to write each table to, as CSV.
    """
    for subject in subjects:
        if subject not in SUBJECTS:
            print(f"error: subject {subject!r} is unknown: give some of {', '.join(SUBJECTS)}", file=sys.stderr)
            return 2
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {describe_machine()}")
    for subject in subjects:
        table = SUBJECTS[subject](rounds)
        print(f"\n{subject}\n{table.to_string(float_format='{:.4g}'.format)}", flush=True)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            table.to_csv(out / f"{subject}.csv", float_format="%.5g", header=isinstance(table, pd.DataFrame))
    return 0


def describe_machine() -> str:
    """The accelerator's name, or the processor's."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    return names[0].partition(": ")[2] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(tyro.cli(main, prog="python -m benchmarks"))
