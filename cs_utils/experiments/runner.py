"""Do the runs that grids still need, several processes side by side, until all is done or the time is over.

All workers are alike: each looks what is open, claims a run by a lock, does it, and adds its row. A worker that is
killed gives its lock back, so that what it had in hand is done again, and nothing else. Other calls of the same command
may run at the same time, on one machine or on several that share the folder.
"""

import math
import os
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path

from filelock import Timeout
from tqdm import tqdm

from cs_utils.exceptions import CourseError, unknown
from cs_utils.experiments.evidence import RESULTS
from cs_utils.experiments.grids import BUDGETS, GRIDS, Budget
from cs_utils.experiments.places import folder_of, is_there, make_data
from cs_utils.experiments.plan import Job, Plan, make_plan
from cs_utils.experiments.store import add_run, find_run, lock_of, read_table

WAIT = 0.5
"""Seconds that a worker waits while all that is open is in other hands."""
FAILURES = 3
"""Runs that may fail before a worker stops: more have a cause that is not theirs."""
LOOK = 3.0
"""Seconds between two looks of the bar at what the workers have done."""


class OutOfTime(Exception):
    """The time is over; the run in hand is given up."""


@dataclass(frozen=True)
class Call:
    """What all workers of a call know."""

    grids: tuple[str, ...]
    budget: Budget
    folder: Path
    deadline: float
    """By `time.time`; infinite for none."""
    jobs: int = 1
    threads: int | None = None
    """Threads of each worker; None: as PyTorch chooses."""
    parent: int | None = None
    """The process that a worker ends with, if it has one."""

    def plan(self, name: str) -> Plan:
        """What a grid still needs."""
        return make_plan(name, self.budget, read_table(self.folder / f"{name}.csv"), is_there)

    def plans(self) -> dict[str, Plan]:
        """What each grid still needs."""
        return {name: self.plan(name) for name in self.grids}

    def check(self) -> None:
        """Called before each step.

        Raises:
            OutOfTime: the time is over, or the parent is gone.
        """
        if time.time() > self.deadline or (self.parent is not None and os.getppid() != self.parent):
            raise OutOfTime


def run_experiments(
    grids: Sequence[str],
    budget: Budget = "full",
    jobs: int = 1,
    minutes: float | None = None,
    folder: Path = RESULTS,
) -> dict[str, Plan]:
    """Do what is missing of some grids, in their order; what is recorded already stays.

    Args:
        grids: names of `GRIDS`.
        budget: one of `BUDGETS`.
        jobs: processes side by side, on a CPU's cores or on one GPU.
        minutes: stop in time; None: when all is done.
        folder: where the rows are.

    Returns:
        The plans as they are at the end.

    Raises:
        CourseError: there is no such grid, or a worker failed.
    """
    for name in grids:
        if name not in GRIDS:
            raise unknown("experiment", name, GRIDS)
        if budget not in GRIDS[name].budgets:
            raise CourseError(f"{name} is not made for the budget {budget}: give {' or '.join(GRIDS[name].budgets)}")
    if jobs < 1:
        raise CourseError(f"jobs={jobs} is out of range: give 1 or more")
    deadline = time.time() + 60 * minutes if minutes is not None else float("inf")
    call = Call(tuple(grids), budget, folder, deadline, jobs)
    if missing := _left_out(grids, budget):
        print(missing, file=sys.stderr)
    make_data([name for name, plan in call.plans().items() if plan.open], budget)
    if jobs == 1:
        with _progress(call) as bar:
            do_runs(call, lambda job: _update(bar, call, job))
    else:
        _run_workers(call)
    return call.plans()


def _left_out(grids: Sequence[str], budget: Budget) -> str:
    arms = [arm for name in grids for arm, spec in GRIDS[name].arms.items() if not is_there(spec)]
    where = folder_of("camvid", budget)
    missing = f"{where} does not hold all of CamVid"
    return f"left out, for {missing} (a grid counts with all its arms): {', '.join(arms)}" if arms else ""


def _progress(call: Call) -> tqdm:
    plans = call.plans().values()
    done, total = sum(plan.done for plan in plans), sum(plan.total for plan in plans)
    return tqdm(desc="experiment", total=total, initial=done, unit="run", disable=None)


def _update(bar: tqdm, call: Call, job: Job | None = None) -> None:
    plans = call.plans().values()
    bar.total = sum(plan.total for plan in plans)
    bar.update(sum(plan.done for plan in plans) - bar.n)
    if job:
        bar.set_postfix_str(f"{job.grid}: {job.arm}")


def _run_workers(call: Call) -> None:
    # Each process has its own threads, and small networks gain little from several.
    threads = max(1, (os.cpu_count() or 1) // call.jobs)
    shared = Call(call.grids, call.budget, call.folder, call.deadline, call.jobs, threads, os.getpid())
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "TQDM_DISABLE")}
    # Both are read when a library is loaded, so they must stand before the processes start.
    os.environ.update(OMP_NUM_THREADS=str(threads), TQDM_DISABLE="1")
    # A terminal sends Ctrl-C to all, and what follows from it is for this process to do, which ends its workers. They
    # inherit that they ignore it, and do so from their first line on.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    context = get_context("spawn")
    workers = [context.Process(target=do_runs, args=(shared,), daemon=True) for _ in range(call.jobs)]
    try:
        for worker in workers:
            worker.start()
    finally:
        signal.signal(signal.SIGINT, interrupt)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    try:
        with _progress(call) as bar:
            while alive := [worker.sentinel for worker in workers if worker.is_alive()]:
                wait(alive, LOOK)
                _update(bar, call)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    if any(worker.exitcode not in (0, None) for worker in workers):
        raise CourseError("a worker failed, see above: what the others have done is kept; call again to go on")


def do_runs(call: Call, on_run: Callable[[Job], None] = lambda job: None) -> None:
    """Do one open run after the other until there is none, or the time is over.

    A run that fails is told, and this worker does not try it again: it must not stand in the way of all others.

    Raises:
        CourseError: some have failed; at once, where there are `FAILURES`.
    """
    if call.parent is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows lets a worker inherit nothing

    import cv2
    import torch

    if call.threads is not None:
        torch.set_num_threads(call.threads)
        cv2.setNumThreads(call.threads)  # or each worker would use all cores to draw and to resize
    failed: set[Job] = set()
    over = False
    while not over and len(failed) < FAILURES:
        busy = False
        for job in _open_jobs(call):
            if job in failed:
                continue
            if time.time() + _expected_seconds(job, call) > call.deadline:
                continue  # a shorter one may still fit
            try:
                # Tried, not waited for: what another worker has in hand is left to it.
                with lock_of(call.folder, f"run-{job.key}").acquire(timeout=0):
                    over = not _do(job, call)
            except Timeout:
                busy = True
                continue
            except Exception:
                traceback.print_exc()
                print(f"failed: {job}", file=sys.stderr)
                failed.add(job)
            else:
                on_run(job)
            break  # what is open may have changed
        else:
            over = not busy
            time.sleep(WAIT * busy)
    if failed:
        count = f"{len(failed)} run{'s' * (len(failed) > 1)}"
        raise CourseError(f"{count} failed, see above: remove the cause, and call again")


def _open_jobs(call: Call) -> Iterator[Job]:
    for name in call.grids:  # one after the other: mostly the first that is not done has something
        yield from call.plan(name).open


def _do(job: Job, call: Call) -> bool:
    """Do a run, or copy it from another grid of this machine; give whether there is time for more."""
    from cs_utils.experiments.runs import describe_machine, run_job

    table = read_table(call.folder / f"{job.grid}.csv")
    if any(row["run"] == job.key for row in table):
        return True  # another worker has just finished it
    if known := find_run(call.folder, job.key, describe_machine()["device"]):
        row, tables = known
        add_run(call.folder, job.grid, row | {"arm": job.arm, "role": job.role}, tables)
        return True
    try:
        row, tables = run_job(job, call.check)
    except OutOfTime:
        return False
    add_run(call.folder, job.grid, row | {"jobs": call.jobs}, tables)
    return True


def _expected_seconds(job: Job, call: Call) -> float:
    """How long a run will take: as long as others of its arm did here, else of its grid; 0 where none is known."""
    from cs_utils.experiments.runs import describe_machine

    if math.isinf(call.deadline):
        return 0.0
    rows = read_table(call.folder / f"{job.grid}.csv")
    here = {"budget": job.budget, "device": describe_machine()["device"]}
    for wanted in (here | {"arm": job.arm}, here):
        seconds = [float(row["wall_seconds"]) for row in rows if wanted.items() <= row.items()]
        if seconds:
            return statistics.median(seconds)
    return 0.0


def choose_experiments(budget: Budget, folder: Path = RESULTS) -> list[str]:
    """The grids that are made for this budget and that no larger one has finished, the most valuable first."""
    names = [name for name, grid in GRIDS.items() if budget in grid.budgets]
    for larger in BUDGETS[: BUDGETS.index(budget)]:
        plans = Call(tuple(names), larger, folder, math.inf).plans()
        names = [name for name, plan in plans.items() if plan.open or larger not in GRIDS[name].budgets]
    return names


def list_experiments(budget: Budget = "full", folder: Path = RESULTS) -> str:
    """All grids with their questions, and how many of their runs are done; at the end, which arms lack their data."""
    lines = []
    names = tuple(name for name, grid in GRIDS.items() if budget in grid.budgets)
    for name, plan in Call(names, budget, folder, math.inf).plans().items():
        lines.append(f"{name:13} {plan.done:4} of {plan.total:4} runs  {GRIDS[name].question}")
    return "\n".join([*lines, *filter(None, [_left_out(names, budget)])])
