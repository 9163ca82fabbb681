import dataclasses
import itertools
import re
import subprocess
import sys
import time
from functools import partial

import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from benchmarks.gpu import correctness, parts, training
from benchmarks.gpu.clock import measure
from benchmarks.gpu.needs import NEEDED, find_missing
from benchmarks.gpu.parts import PARTS, Part, run_parts
from benchmarks.gpu.plan import TABLES, Plan, known_rows, record
from benchmarks.gpu.speed import STEPS, time_ways
from benchmarks.gpu.training import with_batch
from course.claims import find_claim
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import build
from cs_utils.settings import ROOT, Settings
from cs_utils.training.devices import make_fabric
from cs_utils.training.replay import TRIES

FAST = "bf16, channels_last"


def make_plan(folder, minutes=1.0):
    return Plan(folder, folder, time.monotonic() + 60 * minutes, small=True, jobs=1)


@pytest.mark.parametrize(("minutes", "kept"), [(1, [0, 1, 2]), (-1, [0])])
def test_rows_are_written_as_they_come_until_the_time_is_over(tmp_path, minutes, kept):
    """Being cut off must cost no row that was measured."""
    seen = []

    def rows():
        for number in range(3):
            if number:
                seen.append(pd.read_csv(tmp_path / "pieces.csv")["number"].tolist())
            yield {"number": number}

    record(make_plan(tmp_path, minutes), "pieces", rows())
    assert pd.read_csv(tmp_path / "pieces.csv")["number"].tolist() == kept
    assert seen == [[0], [0, 1]][: len(kept) - 1]


@pytest.mark.parametrize(
    ("small", "minutes", "budgets"),
    [(True, 1, ["small"]), (False, 1, ["medium"]), (False, 9, ["medium", "full"])],
)
def test_the_evidence_ends_with_the_longest_budget_where_there_is_time_for_its_scenes(
    tmp_path, monkeypatch, small, minutes, budgets
):
    calls = []

    def note(names, budget, jobs, left, folder):
        calls.append(budget)
        assert jobs == 1
        assert 0 < left <= minutes
        assert budget != "medium" or "init" not in names  # which has no such budget
        return {}

    monkeypatch.setattr(training, "run_experiments", note)
    training.run_evidence(dataclasses.replace(make_plan(tmp_path, minutes), small=small))
    assert calls == budgets


def test_a_run_of_one_budget_that_failed_does_not_cost_the_next_budget(tmp_path, monkeypatch):
    calls = []

    def fail(names, budget, *arguments):
        calls.append(budget)
        raise CourseError("1 run failed")

    monkeypatch.setattr(training, "run_experiments", fail)
    with pytest.raises(CourseError, match="medium: 1 run failed; full: 1 run failed"):
        training.run_evidence(dataclasses.replace(make_plan(tmp_path, 9), small=False))
    assert calls == ["medium", "full"]


def test_a_part_gets_its_share_of_the_time_and_leaves_what_it_does_not_use(tmp_path):
    given = {}

    def part(name, fault=None):
        def run(plan):
            given[name] = plan.seconds_left
            if fault:
                raise fault

        return run

    parts = {
        "one": Part(part("one"), 1),
        "two": Part(part("two", CourseError("no")), 2),
        "three": Part(part("three"), 1),
    }
    assert run_parts(make_plan(tmp_path), parts, make_scenes=lambda: None) == 1
    assert [round(seconds) for seconds in given.values()] == [15, 40, 60]


def test_loading_goes_on_with_what_is_measured_and_counts_no_batch_before_a_step_is_recorded(tmp_path, monkeypatch):
    clock, used = itertools.count(), []
    batches = DataLoader([(torch.zeros(3, 1, 1), torch.zeros(1, 1))] * 16, batch_size=4)
    monkeypatch.setattr(training, "make_scenes", lambda settings: None)
    monkeypatch.setattr(training, "split_loader", lambda *arguments: batches)
    monkeypatch.setattr(training, "make_course_step", lambda settings: lambda image, target: used.append(len(image)))
    plan = dataclasses.replace(make_plan(tmp_path), goes_on=True)
    measured = {"workers": 0, "to_device": 5.0, "to_width_4": 4.0, "to_width_8": 3.0}
    record(
        dataclasses.replace(plan, commit="old"),
        "loading",
        iter([measured, {"workers": 2, "images_per_second": 9.0, "to_training": 8.0}]),
    )
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock) / 20)
    again, more = training.time_loading(plan)
    assert again == measured | {"commit": "old"}
    # Two of four batches in three looks at the clock.
    rate = pytest.approx(8 / 0.15)
    assert more == {"workers": 2, "to_device": rate, "to_width_4": rate, "to_width_8": rate}
    assert used == [4] * (2 * (TRIES + 1) + 2 * 4)  # on noise, until each step is recorded, and then the loader's


@pytest.mark.parametrize(("batches", "counted"), [(1, 1), (2, 1), (3, 1), (5, 3)])
def test_of_a_short_loader_at_least_one_batch_is_timed(monkeypatch, batches, counted):
    """CamVid at a small size is two batches."""
    clock = itertools.count()
    monkeypatch.setattr(training.time, "perf_counter", lambda: float(next(clock)))
    loader = DataLoader([(torch.zeros(3, 1, 1), torch.zeros(1, 1))] * 4 * batches, batch_size=4)
    rate = training.images_per_second(make_fabric(Settings()), loader, lambda image, target: None, 60)
    assert rate == pytest.approx(4 * counted / (1 + counted))


@pytest.mark.parametrize("minutes", [-1, 1 / 6])
def test_no_part_is_begun_when_the_time_is_nearly_over(tmp_path, minutes):
    begun = []
    assert run_parts(make_plan(tmp_path, minutes), {"one": Part(begun.append, 1)}, make_scenes=lambda: None) == 0
    assert begun == []


def test_scenes_are_waited_for_before_anything_is_timed(tmp_path):
    code = f"import pathlib, time; time.sleep(1); pathlib.Path({str(tmp_path / 'scenes')!r}).touch()"
    make_scenes = partial(subprocess.run, [sys.executable, "-c", code], check=True)
    found = {}

    def look(name):
        return lambda plan: found.update({name: (tmp_path / "scenes").exists()})

    parts = {
        "correctness": Part(look("correctness"), 1),
        "step": Part(look("step"), 1),
        "best": Part(look("best"), 1, scenes=True),
    }
    assert run_parts(make_plan(tmp_path), parts, make_scenes) == 0
    assert found == {"correctness": False, "step": True, "best": True}


def test_a_check_that_does_not_hold_is_a_failure(tmp_path, monkeypatch, capsys):
    rows = [correctness.verdict("good", 0.0, 1.0), correctness.verdict("bad", 2.0, 1.0)]
    monkeypatch.setattr(correctness, "check_results", lambda plan: iter(rows))
    assert run_parts(make_plan(tmp_path), {"correctness": PARTS["correctness"]}, make_scenes=lambda: None) == 1
    assert "does not hold: bad" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "correctness.csv")["holds"].tolist() == [True, False]


def test_what_is_too_large_for_the_card_costs_its_own_row_only():
    def make():
        raise torch.OutOfMemoryError("too large\nfor this card")

    assert measure(make) == {"problem": "OutOfMemoryError: too large"}
    assert measure(lambda: lambda: time.sleep(0.01), rounds=1)["seconds"] == pytest.approx(0.01, abs=0.02)


def test_missing_packages_are_all_named_those_that_others_need_too(tmp_path, monkeypatch):
    (tmp_path / "needs_another.py").write_text("import not_there_either")
    (tmp_path / "too_old.py").write_text("raise AttributeError('no such name')")
    monkeypatch.syspath_prepend(tmp_path)
    needed = {"json-package": "json", "not-there": "not_there.at_all", "first": "needs_another", "old": "too_old"}
    assert find_missing(needed) == ["not-there", "not_there_either (for first)", "old (AttributeError: no such name)"]


def test_all_that_the_project_needs_is_looked_for():
    from test_requirements import PROJECT, Requirement, canonicalize_name

    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert needed <= {canonicalize_name(name) for name in NEEDED}


def test_what_the_texts_say_of_a_gpu_is_what_was_recorded():
    """A table that is measured again must not leave old numbers behind."""
    folder, speed = ROOT / "results" / "speed-gpu", (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    steps = pd.read_csv(folder / "step.csv").set_index(["way", "width", "size", "batch"])
    ours = steps.loc["course, bf16, channels_last"]
    assert len(ours) == 8
    for (width, size, batch), row in ours.iterrows():
        loops = [1000 * steps.loc[(way, width, size, batch), "seconds"] for way in ("float32 loop", "TF32 loop")]
        loops = [float(f"{loop:.3g}") for loop in loops]
        said = f"| {loops[0]:g} ms | {loops[1]:g} ms | {1000 * row['seconds']:.1f} ms | {row['ratio']:.1f} |"
        start = f"| width {width}, {batch} images of {size}"
        assert any(line.startswith(start) and line.endswith(said) for line in speed.splitlines())
    recipe = pd.read_csv(folder / "recipe.csv").groupby("batch")["minutes_for_100_epochs"].median()
    assert f"a hundred take {recipe[4]:.0f} minutes; with batches of 16 and twice the rate" in " ".join(speed.split())
    assert f"{recipe[16]:.0f} minutes. Nobody ran the hundred." in speed
    assert (
        f"one H100 needs {recipe[4]:.0f} minutes for all of them"
        in find_claim("How long? { 4 Days }").verdict().because
    )
    assert pd.read_csv(folder / "correctness.csv")["holds"].all()
    assert pd.read_csv(folder / "h200" / "correctness.csv")["holds"].all()
    assert pd.read_csv(folder / "replayed" / "correctness.csv")["holds"].all()
    launches = pd.read_csv(folder / "replayed" / "launches.csv").set_index(["way", "width", "size"])
    ours = launches.loc[f"course, {FAST}, replayed"]
    assert len(ours) == 4
    for (width, size), row in ours.iterrows():
        times = [
            1000 * launches["seconds"][way, width, size] for way in ("float32 loop", "TF32 loop", f"course, {FAST}")
        ]
        told = [f"{time:.1f} ms" if time < 100 else f"{time:.0f} ms" for time in times]
        cells = [*told, f"{1000 * row['seconds']:.1f} ms", f"{row['ratio']:.1f}"]
        line = "".join(f"| {cell} " for cell in cells) + "|"
        assert any(
            said.startswith(f"| width {width}, {size}") and said.endswith(line) for said in speed.splitlines()
        ), line
    best = pd.read_csv(folder / "scores.csv").query("weights == 'camvid-64' and data == 'CamVid' and `class` == 'mean'")
    score, low, high = best.iloc[0][["iou", "low", "high"]]
    (said,) = re.findall(rf"{score:.3f} \({low:.3f} to ([\d.]+)\)", speed)
    assert float(said) == pytest.approx(high, abs=6e-4)  # the table has rounded it before


def test_the_larger_batch_is_compared_at_the_same_iou():
    epochs = pd.read_csv(ROOT / "results" / "speed-gpu" / "recipe.csv")
    talk, large = (epochs[epochs["batch"] == batch] for batch in (4, 16))
    best = talk["iou_score"].max()
    assert not (large["iou_score"].iloc[:-1] >= best).any()
    assert large["iou_score"].iloc[-1] >= best
    said = f"{best:.3f} after {len(talk)} epochs and {talk['total_seconds'].iloc[-1]:.0f} s"
    other = f"passed it in its epoch {len(large)}, after {large['total_seconds'].iloc[-1]:.0f} s"
    speed = " ".join((ROOT / "docs" / "speed.md").read_text(encoding="utf-8").split())
    assert said in speed
    assert other in speed


def test_four_times_the_batch_has_twice_the_learning_rate():
    large = with_batch(Settings(batch_size=4, learning_rate=1e-3), 16)
    assert (large.batch_size, large.learning_rate) == (16, pytest.approx(2e-3))


def test_a_table_that_is_cut_off_leaves_no_way_of_computing_behind(tmp_path):
    ways = dataclasses.replace(STEPS, all={"searched": dataclasses.replace(STEPS.all["float32 loop"], search=True)})
    rows = record(make_plan(tmp_path, minutes=-1), "step", time_ways(make_plan(tmp_path), "step", ways))
    assert [row["way"] for row in rows] == ["searched"]
    assert not torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("same", [True, False])
def test_rows_of_an_earlier_call_are_kept_where_the_machine_is_the_same(tmp_path, monkeypatch, same):
    """What was measured need not be again, and a new row is compared with the old first one; but never across cards."""
    machine = {"device": "a card", "commit": "old"}
    monkeypatch.setattr(parts, "describe_machine", lambda: machine)
    assert not parts.describe(tmp_path / "machine.json")
    old = {"way": "float32 loop", "width": 4, "size": "64x32", "batch": 2, "seconds": 1000.0, "ratio": 1.0}
    pd.DataFrame([old]).to_csv(tmp_path / "step.csv", index=False)
    machine = {"device": "a card" if same else "another", "commit": "new"}
    plan = dataclasses.replace(make_plan(tmp_path), goes_on=parts.describe(tmp_path / "machine.json"))
    assert plan.goes_on == same
    assert (tmp_path / "step.csv").is_file() == same  # no table may stand beside the name of another machine
    ways = dataclasses.replace(STEPS, all=dict.fromkeys(("float32 loop", "again"), STEPS.all["float32 loop"]))
    first, second = time_ways(plan, "step", ways)
    assert (first["seconds"] == 1000.0) == same
    assert (second["ratio"] > 1000) == same


def test_tables_of_something_else_are_not_deleted(tmp_path, monkeypatch, capsys):
    """--out may be any folder of a user."""
    monkeypatch.setattr(parts, "describe_machine", lambda: {"device": "a card", "commit": ""})
    (tmp_path / "step.csv").write_text("mine\n", encoding="utf-8")
    assert parts.main(("step",), minutes=-1, small=True, out=tmp_path) == 2
    assert "give another --out" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["step.csv"]
    (tmp_path / "step.csv").rename(tmp_path / "mine.csv")
    (tmp_path / "machine.json").write_text('{"device": "another"}', encoding="utf-8")
    for table in TABLES:
        (tmp_path / f"{table}.csv").write_text("old\n", encoding="utf-8")
    assert not parts.describe(tmp_path / "machine.json")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["machine.json", "mine.csv"]


def test_every_recorded_table_is_one_that_is_known():
    recorded = {file.stem for file in (ROOT / "results" / "speed-gpu").rglob("*.csv")}
    assert recorded <= set(TABLES)


def test_a_table_that_nothing_would_remove_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="name it in TABLES"):
        record(make_plan(tmp_path), "new", iter([{"seconds": 1.0}]))
    assert not list(tmp_path.glob("*.csv"))


def test_a_call_that_is_cut_off_loses_no_row_of_an_earlier_one(tmp_path):
    plan = dataclasses.replace(make_plan(tmp_path), goes_on=True, commit="now")
    named = {"width": 4, "size": "64x32", "batch": 2}
    old = [{"way": way, **named, "seconds": 1.0} for way in ("first", "second", "third")]
    pd.DataFrame(old).to_csv(tmp_path / "step.csv", index=False)
    late = dataclasses.replace(plan, deadline=0.0)  # over after one row
    record(late, "step", iter([{"way": "new", **named, "seconds": 2.0}, {"way": "never", **named, "seconds": 3.0}]))
    assert pd.read_csv(tmp_path / "step.csv")["way"].tolist() == ["new", "first", "second", "third"]
    record(late, "step", iter([{"way": "second", **named, "seconds": 4.0}]))
    table = pd.read_csv(tmp_path / "step.csv").set_index("way")
    assert table["seconds"].to_dict() == {"second": 4.0, "new": 2.0, "first": 1.0, "third": 1.0}
    said = {"second": "now", "new": "now", "first": "unknown", "third": "unknown"}
    assert table["commit"].to_dict() == said  # one machine.json may stand beside rows of several


def test_what_had_a_problem_is_tried_again(tmp_path):
    plan = dataclasses.replace(make_plan(tmp_path), goes_on=True)
    named = {"way": "first", "width": 4, "size": "64x32", "batch": 2}
    old = [named | {"problem": "OutOfMemoryError", "commit": "0123456"}, named | {"way": "good", "commit": "12e4567"}]
    pd.DataFrame(old).to_csv(tmp_path / "step.csv", index=False)
    (known,) = known_rows(plan, "step").values()
    assert known == named | {"way": "good", "commit": "12e4567"}  # which is no number
    record(plan, "step", iter([named | {"way": "new"}]))
    assert pd.read_csv(tmp_path / "step.csv")["way"].tolist() == ["new", "first", "good"]


def test_a_network_is_trained_for_as_long_as_there_is_time(tmp_path):
    """On a GPU nobody looks at it before its minutes are over."""
    plan, kept = make_plan(tmp_path), tmp_path / "kept"
    kept.mkdir()
    settings = training.talk_settings(plan, data=tmp_path / "scenes", epochs=2, workers=0, average=0.9)
    training.make_scenes(settings)
    network = build(settings)
    before = [weight.detach().clone() for weight in network.parameters()]
    rows = list(training.fit_in_time(plan, "short", network, settings))
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {(row["run"], row["planned"]) for row in rows} == {("short", 2)}
    assert not all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))
