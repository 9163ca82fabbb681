"""The parts of the command, and how the minutes are shared out among them."""

import dataclasses
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tyro.conf import Positional

from benchmarks.gpu.correctness import run_checks
from benchmarks.gpu.plan import TABLES, Plan, record
from benchmarks.gpu.speed import PREDICTIONS, STEPS, time_few_launches, time_pieces, time_ways
from benchmarks.gpu.training import make_all_scenes, run_evidence, time_loading, time_recipe, train_best
from cs_utils.exceptions import CourseError
from cs_utils.experiments.runs import describe_machine
from cs_utils.settings import HOME, ROOT

BESIDE_SCENES = ("correctness",)
"""Parts that run while scenes are made: they time nothing, and the two cores that are left are enough."""
LEAST_SECONDS = 20.0
"""With less time than this no part is begun: its processes would only just have started."""


@dataclass(frozen=True)
class Part:
    """One of the parts."""

    run: Callable[[Plan], None]
    weight: float
    """How much of the time it gets, compared with the others that are still to come."""
    scenes: bool = False
    """Whether it needs MiniCity at its real size."""


PARTS: dict[str, Part] = {
    "correctness": Part(run_checks, 6),
    "launches": Part(lambda plan: record(plan, "launches", time_few_launches(plan)), 3),
    "step": Part(lambda plan: record(plan, "step", time_ways(plan, "step", STEPS)), 6),
    "prediction": Part(lambda plan: record(plan, "prediction", time_ways(plan, "prediction", PREDICTIONS)), 2),
    "pieces": Part(lambda plan: record(plan, "pieces", time_pieces(plan)), 0.5),
    "loading": Part(lambda plan: record(plan, "loading", time_loading(plan)), 2, scenes=True),
    "recipe": Part(lambda plan: record(plan, "recipe", time_recipe(plan)), 3, scenes=True),
    "best": Part(lambda plan: record(plan, "best", train_best(plan, 64, plan.scratch)), 4.5, scenes=True),
    "shipped": Part(lambda plan: record(plan, "shipped", train_best(plan, 16, plan.out)), 2, scenes=True),
    "evidence": Part(run_evidence, 3),
}


def main(
    parts: Positional[tuple[str, ...]] = tuple(PARTS),
    minutes: float = 9.0,
    small: bool = False,
    jobs: int = 16,
    out: Path | None = None,
) -> int:
    """Measure on a GPU.

    Args:
        parts: correctness, launches, step, prediction, pieces, loading, recipe, best, shipped, evidence; none: all.
        minutes: after so many nothing is begun.
        small: try everything at a small size.
        jobs: processes side by side for the evidence.
        out: folder for the tables; None: results/speed-gpu, or build/gpu-small where it is small.
    """
    for name in parts:
        if name not in PARTS:
            print(f"error: part {name!r} is unknown: give some of {', '.join(PARTS)}", file=sys.stderr)
            return 2
    deadline = time.monotonic() + 60 * minutes
    out = out or (HOME / "build" / "gpu-small" if small else ROOT / "results" / "speed-gpu")
    with tempfile.TemporaryDirectory(prefix="gpu-", ignore_cleanup_errors=True) as scratch:
        plan = Plan(out.resolve(), Path(scratch), deadline, small, min(jobs, 2) if small else jobs)
        plan.out.mkdir(parents=True, exist_ok=True)
        try:
            goes_on = describe(plan.out / "machine.json")
        except CourseError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        commit = json.loads((plan.out / "machine.json").read_text(encoding="utf-8"))["commit"]
        plan = dataclasses.replace(plan, goes_on=goes_on, commit=commit)
        return run_parts(plan, {name: PARTS[name] for name in PARTS if name in parts}, partial(make_all_scenes, plan))


def describe(file: Path) -> bool:
    """Write down the machine; give whether the file has told of one like it, device and versions alike.

    The tables of another one go: one file tells of all that lie beside it.

    Raises:
        CourseError: the folder holds tables, and nothing says that they are of this command.
    """
    machine = describe_machine()
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not before and (foreign := sorted(file.parent.glob("*.csv"))):
        raise CourseError(
            f"{file.parent} holds tables of something else, such as {foreign[0].name}: give another --out"
        )
    same = machine | {"commit": ""} == before | {"commit": ""}
    if not same:
        for table in TABLES:
            (file.parent / f"{table}.csv").unlink(missing_ok=True)
    file.write_text(json.dumps(machine, indent=1) + "\n", encoding="utf-8")
    return same


def run_parts(plan: Plan, parts: dict[str, Part], make_scenes: Callable[[], None]) -> int:
    """Run some parts in turn, each with its share of the time that is left; give 1 if one has failed.

    Scenes are made while the first parts run, with two cores left to these, and are waited for before all others.
    """
    failed = []
    makers = []
    if any(part.scenes for part in parts.values()):
        makers = [get_context("spawn").Process(target=make_scenes)]
    for maker in makers:
        maker.start()
    try:
        for number, (name, part) in enumerate(parts.items()):
            start = time.monotonic()
            if name not in BESIDE_SCENES:
                for maker in makers:
                    maker.join(max(0.0, plan.seconds_left))
            if plan.seconds_left < LEAST_SECONDS:
                print(f"{name}: not begun, the time is over", flush=True)
                continue
            print(f"{name}: begun after a wait of {time.monotonic() - start:.0f} s", flush=True)
            weights = [other.weight for other in parts.values()][number:]
            try:
                part.run(plan.share(part.weight / sum(weights)))
            except CourseError as error:
                print(f"error: {error}", file=sys.stderr)
                failed.append(name)
            except Exception:  # what fails here must not cost the parts that come after it
                traceback.print_exc()
                failed.append(name)
            print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    finally:
        for maker in makers:
            if maker.is_alive():
                os.kill(maker.pid, signal.SIGINT)  # lets it end its own processes, where terminate() would leave them
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
