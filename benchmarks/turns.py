"""Contestants that take turns, each in a process of its own.

One process each, because memory settings, thread pools and caches belong to a process: what one contestant does must
not help or hurt another. Turns, because a machine has slow moments: each round lets every contestant work once, so that
such a moment hits all of them. What counts is the median of the rounds.
"""

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

import pandas as pd

from cs_utils.experiments.timing import peak_memory

Action = Callable[[], object]


@dataclass(frozen=True)
class Contestant:
    """Something to be timed: ``make(**arguments)`` prepares it, in its own process, and gives the action to time."""

    make: Callable[..., Action]
    arguments: Mapping[str, Any]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    """Variables that its process starts with; None: without it."""


def take_turns(contestants: Mapping[str, Contestant], rounds: int, warm_up: int = 1) -> pd.DataFrame:
    """Time all contestants in turns.

    Returns:
        A row for each; ``seconds``, the median of its rounds after ``warm_up`` ones that do not count; and the most
        memory that its process, or on a GPU its tensors, have needed, ``peak_gb`` in 10^9 bytes; NaN on Windows.

    Raises:
        RuntimeError: a contestant has failed; its traceback is printed by its own process.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit this process's memory and threads
    processes, pipes = {}, {}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    peaks = {}
    try:
        for name, contestant in contestants.items():
            pipes[name], theirs = context.Pipe()
            processes[name] = context.Process(target=_work, args=(theirs, contestant), daemon=False)
            with _environment(contestant.environment):
                processes[name].start()
            theirs.close()
            _answer(name, pipes[name])
        for _ in range(warm_up + rounds):
            for name, pipe in pipes.items():
                pipe.send("go")
                seconds[name].append(_answer(name, pipe))
        for name, pipe in pipes.items():
            pipe.send("stop")
            peaks[name] = _answer(name, pipe)
    finally:
        for pipe in pipes.values():
            pipe.close()  # who waits for a turn ends now
        for process in processes.values():
            process.join(timeout=10)
            process.kill()
    rows = [(name, statistics.median(times[warm_up:]), peaks[name]) for name, times in seconds.items()]
    return pd.DataFrame(rows, columns=["name", "seconds", "peak_gb"]).set_index("name")


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    # Libraries such as OpenMP read a variable when they are loaded, so it must be there when the process starts.
    before = dict(os.environ)
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _answer(name: str, pipe: Connection) -> float:
    try:
        return pipe.recv()
    except EOFError:
        raise RuntimeError(f"{name!r} has failed, see above") from None


def _work(pipe: Connection, contestant: Contestant) -> None:
    action = contestant.make(**contestant.arguments)
    pipe.send(0.0)
    # A GPU is given the next action while it works on this one, as in a loop; alone, each would pay for its launch.
    gpu = _gpu()
    times = 20 if gpu else 1
    while (order := _order(pipe)) == "go":
        start = time.perf_counter()
        for _ in range(times):
            action()
        if gpu:
            gpu.synchronize()
        pipe.send((time.perf_counter() - start) / times)
    if order == "stop":
        pipe.send(_peak())


def _order(pipe: Connection) -> str | None:
    """What to do next; None where nobody is there any more to say it, because another contestant has failed."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def _gpu() -> ModuleType | None:
    """``torch.cuda`` where the contestant works on a GPU; PyTorch is not loaded, and measured, for one without it."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_initialized() else None


def _peak() -> float:
    gpu = _gpu()
    return (gpu.max_memory_allocated() if gpu else peak_memory()) / 1e9
