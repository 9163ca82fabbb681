"""A training step on a quiet machine and beside another busy process, by how OpenMP's threads wait for each other.

A thread that has done its part of a layer waits for the others. By default it spins, which is quickest where every
thread has a core of its own, and robs the one that it waits for where it has not.
"""

import multiprocessing
from multiprocessing.synchronize import Event

import pandas as pd

from benchmarks.step import choices, course_step
from benchmarks.turns import Action, Contestant, take_turns
from cs_utils import WAITING

STEPS = 5
SIZES = ((64, 128), (128, 256))
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
WAITS: dict[str, dict[str, str]] = {
    "spinning": {"GOMP_SPINCOUNT": "300000"},
    "asleep": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    "course": WAITING,
}
"""Ways to wait. The first is the default of PyTorch's OpenMP on Linux."""


def keep_busy(wanted: Event) -> None:
    """Compute for as long as it is wanted; what another program on a laptop does."""
    while True:
        wanted.wait()
        while wanted.is_set():
            sum(range(10_000))


def steps(size: tuple[int, int], busy: bool) -> Action:
    """Some training steps of the laptop's U-Net, perhaps while another process computes."""
    act = course_step(16, choices(), size)
    wanted = multiprocessing.get_context("spawn").Event()
    if busy:
        multiprocessing.get_context("spawn").Process(target=keep_busy, args=(wanted,), daemon=True).start()

    def act_often() -> None:
        wanted.set()
        for _ in range(STEPS):
            act()
        wanted.clear()

    return act_often


def run(rounds: int) -> pd.DataFrame:
    """Time a step; ``ratio`` is against OpenMP's default on the quiet machine: above 1, it is slower."""
    tables = []
    for size in SIZES:
        contestants = {
            f"{size[1]}x{size[0]}, {'busy' if busy else 'quiet'}: {name}": Contestant(
                steps, {"size": size, "busy": busy}, dict.fromkeys(VARIABLES) | wait
            )
            for busy in (False, True)
            for name, wait in WAITS.items()
        }
        table = take_turns(contestants, rounds)
        table["seconds"] /= STEPS
        tables.append(table.assign(ratio=table["seconds"] / table["seconds"].iloc[0]))
    return pd.concat(tables)
