"""The long runs on a toy: whole rows, a kill costs the run in hand, processes side by side, stopping in time."""

import dataclasses
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import toy
from cs_utils.cli import main
from cs_utils.data.cityscapes import read_frame
from cs_utils.data.sources import MINICITY_CITIES
from cs_utils.exceptions import CourseError
from cs_utils.experiments import grids, runner, runs
from cs_utils.experiments.evidence import TARGETS, read_histories, read_rows
from cs_utils.experiments.grids import GRIDS, Arm, Grid
from cs_utils.experiments.plan import Job
from cs_utils.experiments.runner import Call, choose_experiments, do_runs, list_experiments, run_experiments
from cs_utils.experiments.store import read_table
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES
from cs_utils.settings import ROOT
from helpers import SOAK, draw_frame

TRAINED = {"plain", "relu"}
VAL_TOWNS = MINICITY_CITIES["val"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The toy in the place of the experiments, for all tests here; the folder of its data."""
    folder = tmp_path_factory.mktemp("toy")
    for number in range(6):
        draw_frame(folder / "data", "train", "alpha", number)
    for number in range(6, 8):
        draw_frame(folder / "data", "val", "gamma", number)
    with pytest.MonkeyPatch.context() as patch:
        toy.set_up(folder, patch)
        yield folder


@pytest.fixture(scope="module")
def recorded(place):
    """The folder of the toy's results, all of them there; not to be changed."""
    run_experiments(["toy"], "small", folder=place / "recorded")
    return place / "recorded"


@pytest.fixture
def results(place):
    """The folder of the toy's results, where nothing is yet."""
    shutil.rmtree(place / "results", ignore_errors=True)
    return place / "results"


def start(folder: Path, jobs: int = 1) -> subprocess.Popen:
    """The toy in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, toy.__file__, str(folder), str(jobs)], env=environment)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_grid_tunes_each_arm_and_compares_on_other_seeds(recorded):
    assert not run_experiments(["toy"], "small", folder=recorded)["toy"].open
    rows = pd.read_csv(recorded / "toy.csv")
    assert rows["run"].is_unique
    for arm in TRAINED:
        mine = rows[rows["arm"] == arm]
        tuning, tests = mine[mine["role"] == "tuning"], mine[mine["role"] == "test"]
        assert len(tuning) >= 3
        assert set(tuning["seed"]) == {100}
        assert tests["seed"].tolist() == [0, 1]
        (rate,) = set(tests["rate"])
        assert tuning.set_index("rate").loc[rate, "last_iou"] == tuning["last_iou"].max()
    assert list(read_rows("toy", recorded)["arm"].value_counts().sort_index()) == [2, 1, 2, 2]


def test_a_worker_leaves_the_other_cores_to_the_others(tmp_path):
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(3)
    torch.set_num_threads(3)
    try:
        do_runs(Call((), "small", tmp_path, deadline=math.inf, threads=1))
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (1, 1)
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


@pytest.mark.parametrize(("parent", "ignores"), [(os.getppid(), True), (None, False)])
def test_a_worker_leaves_ctrl_c_to_its_parent(tmp_path, parent, ignores):
    # What a shell starts in the background ignores it already.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        do_runs(Call((), "small", tmp_path, deadline=math.inf, parent=parent))
        assert (signal.getsignal(signal.SIGINT) == signal.SIG_IGN) == ignores
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_row_says_all_that_the_run_depends_on_and_what_came_of_it(recorded):
    row = next(row for row in read_table(recorded / "toy.csv") if row["arm"] == "relu" and row["role"] == "test")
    said = json.loads(row["settings"])
    assert said["settings"]["activation"] == "relu"
    assert said["settings"]["learning_rate"] == float(row["rate"])
    assert said["loss"] == "cross_entropy"
    for name in ("commit", "python", "torch", "machine", "device", "threads", "data_version", "seconds", "peak_mb"):
        assert row[name], name
    assert str(ROOT) not in json.dumps(row)
    history = read_histories("toy", recorded).query("run == @row['run']")
    assert history["epoch"].tolist() == [1, 2]
    assert float(row["last_iou"]) == pytest.approx(history["iou_score"].iloc[-1], rel=1e-4)
    assert float(row["best_iou"]) == pytest.approx(history["iou_score"].max(), rel=1e-4)
    assert float(row["seconds"]) == pytest.approx(history["seconds"].sum(), rel=1e-3)
    reached = history["epoch"][history["iou_score"] >= 0.15].tolist()
    assert row["epochs_to_15"] == (str(reached[0]) if reached else "")
    assert {f"epochs_to_{goal}" for goal in TARGETS} | {f"iou_{name.replace(' ', '_')}" for name in CLASS_NAMES} <= set(
        row
    )
    # Blank where a class is neither there nor predicted.
    scores = [float(row[name]) for name in row if name.startswith("iou_") and row[name]]
    assert 3 <= len(scores) < len(CLASS_NAMES)
    assert sum(scores) / len(scores) == pytest.approx(float(row["last_iou"]), rel=1e-3)


def test_units_at_birth_are_counted_as_the_first_step_sees_them():
    """An untrained batch norm has no statistics: in evaluation mode it would change nothing."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    nn.init.constant_(network[0].bias, -100.0)
    images = [(torch.randn(8, 3, 6, 6, generator=torch.manual_seed(0)), None)] * 2
    assert runs._dead_share(network, images) == 1
    assert runs._dead_share(network, images, at_birth=True) == 0
    assert network.training
    assert not network[1].running_mean.any()


def test_the_layers_of_an_untrained_network_are_a_table_of_their_own(recorded):
    layers = pd.read_csv(recorded / "toy-layers.csv")
    assert layers.groupby("run").size().tolist() == [18, 18]
    row = next(row for row in read_table(recorded / "toy.csv") if row["arm"] == "at birth")
    arriving = layers[layers["run"] == row["run"]]["arriving"]
    assert float(row["arriving_ratio"]) == pytest.approx(arriving.min() / arriving.max(), rel=1e-3)


def test_the_predictor_without_eyes_gives_each_place_its_most_frequent_class(recorded):
    row = next(row for row in read_table(recorded / "toy.csv") if row["arm"] == "blindfold")
    # The frames' sky and road never move, and their cars do.
    assert float(row["iou_sky"]) > 0.9
    assert float(row["iou_road"]) > 0.8
    assert float(row["iou_car"]) < 0.5


def test_a_run_is_also_scored_at_full_size_and_on_scenes_that_chose_nothing(place, monkeypatch):
    frames = [draw_frame(place / "fresh", "val", city, number, 13 * number) for number, city in enumerate(VAL_TOWNS)]
    monkeypatch.setattr(runs, "fresh_folder", lambda budget: (1, 2, place / "fresh"))
    arm = Arm(also=("dead units", "train iou", "full size", "fresh scenes"))
    monkeypatch.setitem(GRIDS, "thorough", Grid("All of it?", {"all": arm}, seeds=1))
    row, tables = runs.run_job(Job("thorough", "all", "small", "test", 1e-3, 0))
    assert row["ceiling"] == 1  # the frames have the network's size
    assert row["last_iou"] == pytest.approx(tables["histories"][-1]["iou_score"])
    assert 0 <= row["dead_end"] <= 1 and 0 <= tables["histories"][0]["train_iou"] <= 1
    (image,) = tables["images"]
    mask = read_frame(frames[1])[1]
    assert image["image"] == 1
    assert [image[f"true_{index}"] for index in range(NUM_CLASSES)] == np.bincount(mask.ravel(), minlength=256)[
        :NUM_CLASSES
    ].tolist()


def test_the_score_at_full_size_is_the_one_that_counts_where_the_network_sees_less(place, monkeypatch):
    monkeypatch.setattr("helpers.SIZE", (64, 128))
    for number, city in enumerate(["alpha"] * 6 + ["gamma"] * 2):
        draw_frame(place / "large", "train" if city == "alpha" else "val", city, number)
    monkeypatch.setattr(runs, "folder_of", lambda data, budget: place / "large")
    monkeypatch.setitem(
        GRIDS, "halved", Grid("At half the size?", {"all": Arm({"epochs": 12}, also=("full size",))}, seeds=1)
    )
    row, tables = runs.run_job(Job("halved", "all", "small", "test", 1e-2, 0))
    assert 0.3 < row["ceiling"] < 1
    small = tables["histories"][-1]["iou_score"]
    assert row["last_iou"] != pytest.approx(small, rel=1e-3)
    assert row["last_iou"] == pytest.approx(small, abs=0.1)
    scores = [row[name] for name in row if name.startswith("iou_") and row[name] == row[name]]
    assert sum(scores) / len(scores) == pytest.approx(row["last_iou"], rel=1e-3)


def test_what_is_recorded_is_not_done_again(recorded, monkeypatch):
    before = {path.name: path.read_bytes() for path in recorded.glob("*.csv")}
    monkeypatch.setattr(runs, "run_job", lambda *_: pytest.fail("done again"))
    run_experiments(["toy"], "small", folder=recorded)
    assert {path.name: path.read_bytes() for path in recorded.glob("*.csv")} == before


def test_a_run_that_another_grid_has_recorded_is_copied(recorded, monkeypatch):
    monkeypatch.setitem(GRIDS, "again", Grid("And again?", {"the same": toy.ARMS["plain"]}, seeds=2))
    monkeypatch.setattr(runs, "run_job", lambda *_: pytest.fail("done again"))
    run_experiments(["again"], "small", folder=recorded)
    copied, first = (read_rows(name, recorded) for name in ("again", "toy"))
    assert set(copied["arm"]) == {"the same"}
    assert copied["last_iou"].tolist() == first[first["arm"] == "plain"]["last_iou"].tolist()
    assert len(read_histories("again", recorded)) == 2 * len(read_table(recorded / "again.csv"))


def test_a_loss_that_is_no_number_ends_the_run_and_not_the_grid(results, monkeypatch):
    from cs_utils.experiments import arms

    monkeypatch.setitem(arms.LOSSES, "nothing", lambda logits, target: logits.sum() * float("nan"))
    monkeypatch.setitem(GRIDS, "toy", Grid("?", {"broken": Arm(loss="nothing", rates=(1e-3,))}, seeds=2))
    run_experiments(["toy"], "small", folder=results)
    rows = read_rows("toy", results)
    assert rows["status"].tolist() == ["diverged"] * 2
    assert rows["last_iou"].tolist() == [0.0] * 2


def test_a_run_that_fails_does_not_stand_in_the_way_of_the_others(results, monkeypatch, capsys):
    original, tried = runs.run_job, []

    def fail_once(job, check):
        tried.append(job)
        if job.arm == "relu" and job.rate == min(other.rate for other in tried if other.arm == "relu"):
            raise RuntimeError("CUDA out of memory")
        return original(job, check)

    monkeypatch.setattr(runs, "run_job", fail_once)
    with pytest.raises(CourseError, match="1 run failed"):
        run_experiments(["toy"], "small", folder=results)
    said = capsys.readouterr().err
    assert "CUDA out of memory" in said
    assert "arm='relu'" in said
    assert len(set(tried)) == len(tried)
    rows = read_table(results / "toy.csv")
    assert {row["arm"] for row in rows if row["role"] == "test"} == set(toy.ARMS) - {"relu"}
    monkeypatch.setattr(runs, "run_job", original)
    assert not run_experiments(["toy"], "small", folder=results)["toy"].open


def test_what_makes_every_run_fail_is_not_tried_on_all(results, monkeypatch):
    tried = []
    monkeypatch.setattr(runs, "run_job", lambda job, check: tried.append(job) or 1 / 0)
    with pytest.raises(CourseError, match="3 runs failed"):
        run_experiments(["toy"], "small", folder=results)
    assert len(tried) == runner.FAILURES


def test_a_worker_ends_with_its_parent(tmp_path):
    Call((), "small", tmp_path, math.inf, parent=os.getppid()).check()
    with pytest.raises(runner.OutOfTime):
        Call((), "small", tmp_path, math.inf, parent=-1).check()


def test_a_worker_that_failed_is_told_and_this_process_is_as_it_was(place, results, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(runner, "do_runs", sys.exit)  # each worker exits with its call as the message: status 1
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(CourseError, match="a worker failed"):
        run_experiments(["toy"], "small", jobs=2, folder=results)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "TQDM_DISABLE" not in os.environ
    assert signal.getsignal(signal.SIGINT) == before


def test_no_scenes_are_made_for_what_is_done(recorded, monkeypatch):
    made = []
    monkeypatch.setattr(runner, "make_data", lambda names, budget: made.append(names))
    run_experiments(["toy"], "small", folder=recorded)
    assert made == [[]]


def test_the_command_does_an_experiment_and_says_what_is_done(results, monkeypatch, capsys):
    monkeypatch.setattr(runner, "run_experiments", partial(run_experiments, folder=results))
    assert main(["experiment", "toy", "--budget", "small"]) == 0
    rows = read_table(results / "toy.csv")
    assert f"toy: {len(rows)} of {len(rows)} runs, budget small" in capsys.readouterr().out
    assert {row["arm"] for row in rows} == set(toy.ARMS)


def test_what_does_not_fit_into_the_time_makes_way_for_what_does(results, monkeypatch):
    expected = runner._expected_seconds
    monkeypatch.setattr(
        runner, "_expected_seconds", lambda job, call: 1e9 if job.arm == "relu" else expected(job, call)
    )
    plan = run_experiments(["toy"], "small", minutes=5, folder=results)["toy"]
    assert {job.arm for job in plan.open} == {"relu"}
    assert {row["arm"] for row in read_table(results / "toy.csv")} == set(toy.ARMS) - {"relu"}


def test_how_long_a_run_takes_is_learned_from_runs_on_this_kind_of_device(recorded):
    rows = read_table(recorded / "toy.csv")
    job, call = Job("toy", "plain", "small", "test", 1e-3, 0), Call(("toy",), "small", recorded, time.time() + 60)
    mine = [float(row["wall_seconds"]) for row in rows if row["arm"] == "plain"]
    assert min(mine) <= runner._expected_seconds(job, call) <= max(mine)
    other = [row | {"device": "a card"} for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "read_table", lambda path: other)
        assert runner._expected_seconds(job, call) == 0


def test_time_that_is_over_stops_before_a_run_and_within_one(results, monkeypatch):
    run_experiments(["toy"], "small", minutes=0, folder=results)
    assert not read_table(results / "toy.csv")
    steps = []

    def check(call):
        steps.append(1)
        if len(steps) == 5:
            raise runner.OutOfTime

    monkeypatch.setattr(runner.Call, "check", check)
    run_experiments(["toy"], "small", folder=results)
    assert not read_table(results / "toy.csv")
    assert len(steps) == 5


def test_a_killed_call_has_lost_the_runs_in_hand_and_nothing_else(place, results, monkeypatch):
    # Two workers and the one that watches them load PyTorch three times.
    process = start(place, jobs=2 if SOAK else 1)
    table = results / "toy.csv"
    wait_for(lambda: len(read_table(table)) >= 2 or process.poll() is not None)
    process.kill()
    process.wait()

    def nothing_comes():
        before = read_table(table)
        time.sleep(1)
        return read_table(table) == before

    wait_for(nothing_comes)
    kept = read_table(table)
    assert 2 <= len(kept) < 12  # its workers have ended too
    done = {row["run"] for row in kept}
    again = []
    original = runs.run_job
    monkeypatch.setattr(runs, "run_job", lambda job, check: again.append(job.key) or original(job, check))
    assert not run_experiments(["toy"], "small", folder=results)["toy"].open
    rows = {row["run"]: row for row in read_table(table)}
    assert sorted(rows) == sorted([*done, *again])
    assert all(row.items() <= rows[row["run"]].items() for row in kept)
    assert not read_histories("toy", results).duplicated(["run", "epoch"]).any()


@pytest.mark.skipif(not SOAK, reason="loads PyTorch three times: make soak")
def test_workers_of_one_call_give_the_rows_of_one_process(place, results, recorded):
    assert start(place, jobs=2).wait(240) == 0
    together = read_table(results / "toy.csv")
    alone = {row["run"]: row["last_iou"] for row in read_table(recorded / "toy.csv")}
    assert {row["run"]: row["last_iou"] for row in together} == alone
    assert {row["jobs"] for row in together} == {"2"}
    assert not read_histories("toy", results).duplicated(["run", "epoch"]).any()


def test_the_list_names_every_experiment_and_what_is_done(recorded, capsys):
    count = len(read_table(recorded / "toy.csv"))
    assert f"{count} of {count:4} runs  Does the toy run?" in list_experiments("small", recorded)
    assert main(["experiment", "--list", "--budget", "small"]) == 0
    assert "Does the toy run?" in capsys.readouterr().out


def test_the_list_says_which_arms_lack_their_data(recorded, monkeypatch):
    monkeypatch.setattr(runner, "is_there", lambda arm: arm.kind != "blindfold")
    left_out = list_experiments("small", recorded).splitlines()[-1]
    assert re.fullmatch(r"left out, for .*camvid does not hold all of CamVid .*: blindfold", left_out)


def test_what_a_larger_budget_has_finished_is_not_chosen_again(tmp_path, recorded, monkeypatch):
    """Finished is what its plan says: an arm that is declared later, or one more seed, opens it again."""
    monkeypatch.setitem(grids.BASE, "medium", toy.BASE | {"epochs": 3})
    # So that the recorded runs are those of full, too.
    monkeypatch.setitem(grids.BASE, "full", toy.BASE)
    monkeypatch.setattr(grids, "TUNING_SEEDS", grids.TUNING_SEEDS[:1])
    shutil.copy(recorded / "toy.csv", tmp_path)
    assert choose_experiments("full", tmp_path) == ["toy"]
    assert choose_experiments("medium", tmp_path) == []
    monkeypatch.setitem(GRIDS["toy"].arms, "new", Arm({"activation": "relu"}, rates=(3e-4,)))
    assert choose_experiments("medium", tmp_path) == ["toy"]


def test_a_grid_is_done_in_the_budgets_that_suit_it_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(GRIDS, "toy", dataclasses.replace(GRIDS["toy"], budgets=("full", "small")))
    assert choose_experiments("medium", tmp_path) == []
    assert choose_experiments("small", tmp_path) == ["toy"]
    assert "toy" not in list_experiments("medium", tmp_path)
    with pytest.raises(CourseError, match="give full or small"):
        run_experiments(["toy"], "medium", folder=tmp_path)


def test_an_unknown_experiment_is_refused_and_the_nearest_named(capsys, results):
    with pytest.raises(CourseError, match="toy"):
        run_experiments(["toys"], "small", folder=results)
    with pytest.raises(CourseError, match="jobs"):
        run_experiments(["toy"], "small", jobs=0, folder=results)
