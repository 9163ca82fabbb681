"""Runs are killed, interrupted and left without a disk; each goes on as if nothing had happened.

Each run is a process of its own, forked from a server that has imported PyTorch and computed nothing yet. In it the
points at which a fault may strike are counted: steps, validation batches, halves of writes, renames, decoded frames.
"""

import errno
import functools
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from cs_utils.cli import main
from cs_utils.data import cache
from cs_utils.data import sources as prepare
from cs_utils.data.cache import resize_frames
from cs_utils.data.cityscapes import find_frames
from cs_utils.data.loaders import loaders
from cs_utils.data.sources import make_minicity
from cs_utils.exceptions import Halted
from cs_utils.losses.right import LOSSES
from cs_utils.models.zoo import build
from cs_utils.settings import Settings
from cs_utils.training import loop as training
from cs_utils.training.checkpoints import BEST, HISTORY, LAST, holds_run
from cs_utils.training.devices import make_fabric
from cs_utils.training.interrupts import SIGNALS, halting_between_steps
from cs_utils.training.loop import fit
from helpers import SERVER, SOAK, draw_frame, same

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are forked, which has been tried on Linux only"
)

TIMES = ["train_seconds", "seconds"]
KILL = "kill -9"
FULL = "full disk"


@dataclass(frozen=True)
class Outcome:
    """What became of a process: its exit status (below 0: a signal's number), the points it passed, what it printed."""

    status: int
    points: list[str]
    stderr: str


def strike(what: str | int, half_write) -> None:
    """Let a fault happen: a kill, a full disk, a signal of this number, or below 0 to all processes of the run."""
    if half_write:
        half_write()
    if what == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    else:
        os.kill(os.getpid(), what) if what > 0 else os.killpg(0, -what)


def count_points(log: Path, faults: dict[int | str, str | int]) -> None:
    """Write down each point that this process passes, and let the faults strike.

    A fault strikes at a point of a number, counted from 1, or at the first point of a kind.
    """
    numbers = itertools.count(1)

    def point(kind: str, half_write=None) -> None:
        with log.open("a") as file:
            file.write(f"{kind}\n")
        if what := faults.get(next(numbers), faults.get(kind)):
            strike(what, half_write)

    write_bytes, replace, rename = Path.write_bytes, Path.replace, Path.rename

    def write(path, data):
        point(f"write {path.name.split('.')[1]}", lambda: write_bytes(path, data[: len(data) // 2]))
        write_bytes(path, data)

    def move(path, target):
        name = target.name.split(".")[0]
        point(f"before renaming {name}")
        replace(path, target)
        point(f"after renaming {name}")

    def move_folder(path, target):
        point("before renaming a folder")
        rename(path, target)
        point("after renaming a folder")

    def watch(holder, name, kind):
        original = getattr(holder, name)

        def watched(*arguments, **named):
            point(kind)
            return original(*arguments, **named)

        setattr(holder, name, watched)

    Path.write_bytes, Path.replace, Path.rename = write, move, move_folder
    watch(torch, "save", "torch.save")
    watch(cache, "read_frame", "decode a frame")
    watch(prepare, "_write_scene", "draw a scene")
    for name, function in dict(LOSSES).items():

        @functools.wraps(function)
        def loss(logits, target, function=function):
            point("step" if torch.is_grad_enabled() else "validation")
            return function(logits, target)

        LOSSES[name] = loss


def work(job, log: Path, faults: dict[int | str, str | int]) -> None:
    """In the process: do the job, with everything printed going to a file."""
    os.setsid()
    os.dup2(os.open(log.with_suffix(".err"), os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    count_points(log, faults)
    sys.exit(job())


def run(
    job, tmp_path: Path, faults: dict[int | str, str | int] | None = None, kill_after: float | None = None
) -> Outcome:
    """Do a job in a new process and wait for its end, or kill it after some seconds."""
    log = tmp_path / "points"
    log.write_text("")
    process = SERVER.Process(target=work, args=(job, log, faults or {}))
    process.start()
    process.join(120 if kill_after is None else kill_after)
    hangs = process.exitcode is None
    process.kill()  # before anything is asserted: pytest would wait for it for ever
    process.join()
    assert kill_after is not None or not hangs, "it hangs"
    return Outcome(process.exitcode, log.read_text().split("\n")[:-1], log.with_suffix(".err").read_text())


@dataclass(frozen=True)
class Training:
    """``train`` with these settings, with ``--resume`` where there is something to go on with."""

    settings: Settings

    def arguments(self) -> list[str]:
        names = ("data", "cache", "runs", "run", "width", "batch_size", "epochs", "patience", "plot_every", "workers")
        flags = [f"--{name.replace('_', '-')}={getattr(self.settings, name)}" for name in names]
        # The profile by name, because the server of processes was started in another environment than the tests have.
        fixed = ["--profile=laptop", "--accelerator=cpu", "--schedule=cosine", "--image-size", "32", "64"]
        resume = ["--resume"] if holds_run(self.settings.run_folder) else []
        return ["train", *resume, *fixed, *flags]

    def __call__(self) -> int:
        return main(self.arguments())


def read_checkpoint(folder: Path) -> dict:
    state = torch.load(folder / LAST, weights_only=True)
    state["history"] = [{key: value for key, value in row.items() if key not in TIMES} for row in state["history"]]
    return state


def check_equal(folder: Path, reference: Path) -> None:
    """All that a run has left is what the uninterrupted one has left, and there is nothing else."""
    ours, theirs = (pd.read_csv(place / HISTORY).drop(columns=TIMES) for place in (folder, reference))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert same(read_checkpoint(folder), read_checkpoint(reference))
    assert (folder / BEST).read_bytes() == (reference / BEST).read_bytes()
    for place in (".", "pictures"):
        assert sorted(path.name for path in (folder / place).iterdir()) == sorted(
            path.name for path in (reference / place).iterdir()
        )


def check_nothing_torn(folder: Path, reference: Path) -> int:
    """Whatever of a broken-off run is there is whole; give the number of its whole epochs."""
    if (folder / HISTORY).exists():
        history = pd.read_csv(folder / HISTORY).drop(columns=TIMES)
        whole = pd.read_csv(reference / HISTORY).drop(columns=TIMES)
        pd.testing.assert_frame_equal(history, whole[: len(history)], check_exact=True)
    if (folder / BEST).exists():
        safetensors.torch.load_file(folder / BEST)
    if not (folder / LAST).exists():
        return 0
    assert (folder / BEST).exists()
    rows = read_checkpoint(folder)["history"]
    assert rows == read_checkpoint(reference)["history"][: len(rows)]
    return len(rows)


@pytest.fixture(scope="module", autouse=True)
def ctrl_c_as_in_a_terminal():
    """A shell that runs the tests in the background switches it off, for them and for all that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Settings of a run of four epochs on six images, with all its points passed once, uninterrupted."""
    root = tmp_path_factory.mktemp("interruptions")
    for number in range(6):
        draw_frame(root / "data", "train", ("beta", "alpha")[number % 2], number)
    for number in range(6, 8):
        draw_frame(root / "data", "val", "gamma", number)
    small = {"image_size": (32, 64), "batch_size": 2, "width": 4, "plot_every": 3, "accelerator": "cpu"}
    settings = Settings(
        data=root / "data", runs=root / "runs", cache=root / "cache", run="whole", epochs=4 if SOAK else 3, **small
    )
    outcome = run(Training(settings), root)
    assert outcome.status == 0, outcome.stderr
    start = time.monotonic()
    # A second run finds the cache made, as all runs below do.
    outcome = run(Training(settings.replace(run="again")), root)
    return settings, outcome.points, time.monotonic() - start


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(".*.tmp"))


def kill_in_turn(job: Training, reference: Path, tmp_path: Path, kills: list, fault, injected: str) -> None:
    """Kill a run again and again, at points or after seconds, check what is left each time, and let it finish."""
    whole = 0
    for kill in kills:
        with fault(injected):
            after = {"kill_after": kill} if isinstance(kill, float) else {"faults": {kill: KILL}}
            outcome = run(job, tmp_path, **after)
            assert outcome.status in (-signal.SIGKILL, 0), outcome.stderr
            if isinstance(kill, str):
                assert outcome.points[-1] == kill
            before, whole = whole, check_nothing_torn(job.settings.run_folder, reference)
            # Each epoch ends with the renaming of its checkpoint; of the whole ones, none was done again.
            assert whole - before in (outcome.points.count("write last") - 1, outcome.points.count("write last"))
    outcome = run(job, tmp_path)
    assert outcome.status == 0, outcome.stderr
    check_equal(job.settings.run_folder, reference)


def test_a_run_that_is_killed_at_any_point_goes_on_to_the_same_end(runs, tmp_path, fault):
    settings, points, _ = runs
    if SOAK:
        for number, kind in enumerate(points, start=1):
            job = Training(settings.replace(run=f"killed-{number}"))
            kill_in_turn(job, settings.run_folder, tmp_path, [number], fault, f"kill -9: {kind}")
    else:
        job = Training(settings.replace(run="killed"))
        chain = ["write best", "step", "before renaming last", "after renaming last", "write last", "validation"]
        kill_in_turn(job, settings.run_folder, tmp_path, chain, fault, "kill -9")


def test_a_run_that_is_killed_at_random_moments_goes_on_to_the_same_end(runs, tmp_path, fault):
    settings, _, seconds = runs
    draw = random.Random(0)
    for number in range(10 if SOAK else 1):
        job = Training(settings.replace(run=f"random-{number}"))
        kills = [draw.uniform(0.2 * seconds, seconds) for _ in range(5 if SOAK else 2)]
        kill_in_turn(job, settings.run_folder, tmp_path, kills, fault, "kill -9: a random moment")


@dataclass(frozen=True)
class Resizing:
    """The making of the cache."""

    data: Path
    cache: Path

    def __call__(self) -> int:
        resize_frames(find_frames(self.data, "train"), (16, 32), self.cache)
        return 0


def test_a_cache_whose_making_is_killed_is_made_again(runs, tmp_path, fault):
    settings, _, _ = runs
    frames = find_frames(settings.data, "train")
    expected = resize_frames(frames, (16, 32), tmp_path / "whole")
    points = run(Resizing(settings.data, tmp_path / "again"), tmp_path).points
    for number in range(1, len(points) + 1) if SOAK else (4,):
        with fault(f"kill -9: cache, {points[number - 1]}"):
            job = Resizing(settings.data, tmp_path / f"cache-{number}")
            assert run(job, tmp_path, {number: KILL}).status == -signal.SIGKILL
            # This is the name that readers look for; what is unfinished has another.
            assert len([path for path in job.cache.iterdir() if not path.suffix]) <= (
                points[number - 1] == "after renaming a folder"
            )
            made = resize_frames(frames, (16, 32), job.cache)
            for index in range(len(frames)):
                assert all(map(np.array_equal, made[index], expected[index]))
            assert [path for path in job.cache.iterdir() if path.suffix != ".lock"] == [made.folder]


@dataclass(frozen=True)
class Scenes:
    """The making of MiniCity; in this process, so that the fault strikes it and not a helper."""

    root: Path

    def __call__(self) -> int:
        prepare.ProcessPoolExecutor = lambda *_, **__: ThreadPoolExecutor(1)
        make_minicity(self.root, 2, 1, (64, 128))
        return 0


def files_in(root: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(root): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_scenes_whose_making_is_killed_are_made_again(tmp_path, fault):
    points = run(Scenes(tmp_path / "whole"), tmp_path).points
    expected = files_in(tmp_path / "whole")
    assert len(expected) == 3 * 5 + 1  # and the version of MiniCity that made them
    for number in range(1, len(points) + 1) if SOAK else (9,):
        with fault("kill -9: MiniCity"):
            job = Scenes(tmp_path / f"city-{number}")
            assert run(job, tmp_path, {number: KILL}).status == -signal.SIGKILL
            if job.root.exists():
                assert files_in(job.root).items() <= expected.items()
            assert run(job, tmp_path).status == 0
            assert files_in(job.root) == expected


def lines_of(outcome: Outcome) -> list[str]:
    """What a run said, without its epochs, that it is a new one, and PyTorch's advice where there is a single core."""
    asides = ("a new one starts", "This DataLoader will create", "self.check_worker_number_rationality")
    lines = [line for line in outcome.stderr.splitlines() if line and not line.startswith("epoch")]
    return [line for line in lines if not any(aside in line for aside in asides)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_end_a_run_between_two_steps(runs, tmp_path, number, status, fault):
    settings, points, _ = runs
    steps = [place for place, kind in enumerate(points, 1) if kind == "step"]
    for place in steps if SOAK else steps[4:5]:
        for workers in (0, 2) if SOAK else (0,):
            with fault(f"{number.name} in a step, {workers} loader processes"):
                job = Training(settings.replace(run=f"{number.name}-{place}-{workers}", workers=workers))
                # As in a terminal, where Ctrl-C reaches all processes. SIGTERM comes to one.
                outcome = run(job, tmp_path, {place: -number if number == signal.SIGINT else number})
                assert outcome.status == status, outcome.stderr
                (line,) = lines_of(outcome)
                assert line.startswith(number.name)
                assert "--resume" in line
                whole = check_nothing_torn(job.settings.run_folder, settings.run_folder)
                last_of_epoch = steps.index(place) % 3 == 2
                assert whole == steps.index(place) // 3 + last_of_epoch
                assert outcome.points[-1] == ("after renaming last" if last_of_epoch else "step")
                assert leftovers(job.settings.run_folder) == []
                assert run(job, tmp_path).status == 0
                check_equal(job.settings.run_folder, settings.run_folder)


@pytest.fixture
def fabric(settings):
    return make_fabric(settings)


def test_a_signal_waits_for_the_step_and_a_second_one_does_not(fabric):
    before = [signal.getsignal(number) for number in SIGNALS]
    with halting_between_steps(fabric) as halt:
        halt()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Halted) as stop:
            halt()
        assert stop.value.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt) as stop:
            os.kill(os.getpid(), signal.SIGINT)
        assert not isinstance(stop.value, Halted)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_loader_processes_leave_ctrl_c_to_the_one_that_trains(settings):
    """Or the step would be the last one that can be finished: the validation after it has nothing to validate."""
    others = set(multiprocessing.active_children())
    train, _ = loaders(settings.replace(workers=1))
    before = [target for _, target in train]
    (process,) = set(multiprocessing.active_children()) - others
    os.kill(process.pid, signal.SIGINT)
    assert same([target for _, target in train], before)
    assert process.is_alive()


@pytest.mark.parametrize("error", [RuntimeError, FileNotFoundError, ConnectionResetError, EOFError])
def test_a_loader_process_that_a_signal_has_ended_is_no_error_of_its_own(fabric, error):
    with pytest.raises(Halted), halting_between_steps(fabric):
        os.kill(os.getpid(), signal.SIGINT)
        raise error("DataLoader worker exited unexpectedly")
    with pytest.raises(error, match="another"), halting_between_steps(fabric):
        raise error("another")


def test_what_is_switched_off_stays_so_and_other_threads_install_nothing(fabric):
    seen = []

    def look():
        with halting_between_steps(fabric) as halt:
            halt()
            seen.append([signal.getsignal(number) for number in SIGNALS])

    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        look()
        assert seen[0][0] == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, old)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen[1] == [signal.getsignal(number) for number in SIGNALS]


def test_ctrl_c_in_the_last_validation_ends_a_run_that_is_whole(settings, monkeypatch):
    validate = training.validate
    one = settings.replace(epochs=1)

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return validate(*arguments)

    monkeypatch.setattr(training, "validate", interrupted)
    with pytest.raises(Halted):
        fit(build(one), *loaders(one), one)
    assert len(read_checkpoint(one.run_folder)["history"]) == 1


def test_a_full_disk_is_one_line_and_costs_the_epoch_in_hand_only(runs, tmp_path, fault):
    settings, points, _ = runs
    writes = [place for place, kind in enumerate(points, 1) if kind.startswith("write")]
    for place in writes if SOAK else writes[5:6]:
        with fault(f"full disk: {points[place - 1]}"):
            job = Training(settings.replace(run=f"full-{place}"))
            outcome = run(job, tmp_path, {place: FULL})
            assert outcome.status == 2
            (line,) = lines_of(outcome)
            problem = f"{job.settings.run_folder} cannot be written to (No space left on device)"
            assert line == f"error: {problem}: fix that, and go on with --resume"
            assert leftovers(job.settings.run_folder) == []
            whole = check_nothing_torn(job.settings.run_folder, settings.run_folder)
            # The settings are written before the first step.
            assert whole == max(outcome.points.count("step") // 3 - 1, 0)
            assert run(job, tmp_path).status == 0
            check_equal(job.settings.run_folder, settings.run_folder)


@contextmanager
def small_disk(folder: Path, size: int):
    """A disk of so many bytes; skips the test where we may not have one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("to mount a small disk takes rights that we do not have")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(not SOAK, reason="a disk of its own is for the long form")
def test_a_really_full_disk_is_one_line_and_the_checkpoint_on_it_stays_good(runs, tmp_path, fault):
    settings, _, _ = runs
    room = sum(path.stat().st_size for path in settings.run_folder.rglob("*") if path.is_file())
    for number, share in enumerate(np.linspace(0.02, 1.4, 24)):
        disk = tmp_path / f"disk-{number}"
        with small_disk(disk, int(share * room)), fault("full disk: a small one"):
            job = Training(settings.replace(runs=disk / "runs", run="run"))
            outcome = run(job, tmp_path)
            folder = job.settings.run_folder
            lines = lines_of(outcome)
            if outcome.status == 0:
                check_equal(folder, settings.run_folder)
                continue
            assert outcome.status == 2
            assert len(lines) == 1, outcome.stderr
            assert lines[0].startswith("error: ")
            assert leftovers(folder) == []
            if folder.exists():
                check_nothing_torn(folder, settings.run_folder)


def test_the_same_seed_gives_the_same_run_with_any_number_of_loader_processes(runs, tmp_path):
    settings, _, _ = runs
    check_equal(settings.replace(run="again").run_folder, settings.run_folder)
    job = Training(settings.replace(run="loaders", workers=2))
    assert run(job, tmp_path).status == 0
    check_equal(job.settings.run_folder, settings.run_folder)


@pytest.mark.skipif(not SOAK, reason="a new interpreter takes long to start")
@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_seed_gives_the_same_run_in_a_new_interpreter(runs, workers):
    settings, _, _ = runs
    chosen = settings.replace(run=f"fresh-{workers}", workers=workers)
    program = "import sys, torch\nfrom cs_utils.cli import main\nsys.exit(main())"
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program, *Training(chosen).arguments()]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=200)
    check_equal(chosen.run_folder, settings.run_folder)
