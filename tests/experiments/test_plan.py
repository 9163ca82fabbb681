"""Which runs a grid needs: rates on a ladder, tuned alike for every arm, on seeds that compare nothing."""

from itertools import pairwise

import pytest

from cs_utils.experiments import plan
from cs_utils.experiments.arms import CHANGES, LOSSES
from cs_utils.experiments.evidence import RESULTS
from cs_utils.experiments.grids import BUDGETS, GRIDS, TUNING_SEEDS, Arm, Grid, rate_on_ladder
from cs_utils.experiments.plan import MOST_EXTENSIONS, Job, make_plan, tune
from cs_utils.experiments.store import read_table
from cs_utils.settings import Settings


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    arms = {"one": Arm(), "other": Arm({"activation": "relu"})}
    monkeypatch.setitem(GRIDS, "toy", Grid("?", arms, seeds=3))


def play(score, grid="toy", budget="full"):
    """Do a grid's runs on paper; ``score`` gives the last IoU of a job, None where it diverges."""
    rows = []
    while jobs := make_plan(grid, budget, rows).open:
        value = score(jobs[0])
        status = "diverged" if value is None else "done"
        rows.append(
            {"run": jobs[0].key, "status": status, "last_iou": "" if value is None else str(value), "job": jobs[0]}
        )
    return [row["job"] for row in rows]


def rates_of(jobs, arm, role):
    return sorted({job.rate for job in jobs if job.arm == arm and job.role == role})


def test_the_ladder_goes_up_by_about_three():
    assert [rate_on_ladder(1e-3, step) for step in (-2, -1, 0, 1, 2)] == [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
    assert rate_on_ladder(0.3, 1) == 1.0


def test_a_rate_in_the_middle_wins_at_once():
    jobs = play(lambda job: 0.5 if job.rate == 3e-3 else 0.1)
    for arm in ("one", "other"):
        assert rates_of(jobs, arm, "tuning") == [1e-3, 3e-3, 1e-2]
        assert rates_of(jobs, arm, "test") == [3e-3]
    assert {job.seed for job in jobs if job.role == "tuning"} == set(TUNING_SEEDS)
    assert {job.seed for job in jobs if job.role == "test"} == {0, 1, 2}


def test_another_rate_is_tried_while_an_end_wins():
    best = {"one": 1e-4, "other": 0.03}
    jobs = play(lambda job: 1 / (1 + abs(rate_steps(job.rate) - rate_steps(best[job.arm]))))
    assert rates_of(jobs, "one", "tuning") == [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
    assert rates_of(jobs, "other", "tuning") == [1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
    assert rates_of(jobs, "one", "test") == [1e-4]
    assert rates_of(jobs, "other", "test") == [0.03]


def rate_steps(rate):
    return next(step for step in range(-10, 10) if rate_on_ladder(1e-3, step) == rate)


def test_the_search_ends_where_more_is_always_better():
    jobs = play(lambda job: job.rate)
    assert len(rates_of(jobs, "one", "tuning")) == 3 + MOST_EXTENSIONS


def test_a_rate_that_diverges_has_lost():
    jobs = play(lambda job: None if job.rate > 2e-3 else 0.2)
    assert rates_of(jobs, "one", "test") == [1e-3]


def test_both_tuning_seeds_count():
    # The large rate shines on one seed and fails on the other.
    jobs = play(
        lambda job: {1e-2: {100: 0.9, 101: 0.0}}.get(job.rate, {}).get(job.seed, 0.5 if job.rate == 3e-3 else 0.4)
    )
    assert rates_of(jobs, "one", "test") == [3e-3]


def test_whenever_it_stops_the_arms_have_the_same_seeds():
    tests = [job for job in play(lambda job: 0.5 if job.rate == 3e-3 else 0.1) if job.role == "test"]
    assert [(job.seed, job.arm) for job in tests] == [(seed, arm) for seed in range(3) for arm in ("one", "other")]


def test_arms_whose_data_are_not_there_are_left_out():
    plan = make_plan("activation", "full", [], usable=lambda arm: arm.data != "camvid")
    assert {job.arm for job in plan.open} == {"ReLU", "SiLU", "blindfold"}


def test_a_run_is_named_for_what_it_computes():
    job = Job("toy", "one", "full", "test", 1e-3, 0)
    same = Job("activation", "SiLU", "full", "test", 1e-3, 0)
    assert job.key == same.key
    others = [
        Job("toy", "one", "full", "test", 3e-3, 0),
        Job("toy", "one", "full", "test", 1e-3, 1),
        Job("toy", "other", "full", "test", 1e-3, 0),
        Job("toy", "one", "small", "test", 1e-3, 0),
        Job("losses", "Dice", "full", "test", 1e-3, 0),
        Job("skips", "without skips", "full", "test", 1e-3, 0),
        Job("pairs", "within 2°", "full", "test", 1e-3, 0),
    ]
    assert len({job.key, *(other.key for other in others)}) == 1 + len(others)


@pytest.mark.parametrize("grid", GRIDS)
def test_every_recorded_run_is_one_that_its_grid_declares(grid):
    """A row of an earlier declaration would be compared with the others; so would a run that stands there twice."""
    rows = [row for row in read_table(RESULTS / f"{grid}.csv") if row["arm"] in GRIDS[grid].arms]
    jobs = [Job(grid, row["arm"], row["budget"], row["role"], float(row["rate"]), int(row["seed"])) for row in rows]
    assert [job for job, row in zip(jobs, rows, strict=True) if job.key != row["run"]] == []
    assert len(set(jobs)) == len(jobs) > 0


@pytest.mark.parametrize("grid", GRIDS)
def test_every_recorded_arm_is_compared_at_the_rate_that_was_tuned(grid):
    """By hand, one arm could be given a better rate than its rival."""
    rows = [row for row in read_table(RESULTS / f"{grid}.csv") if row["arm"] in GRIDS[grid].arms]
    known = {row["run"]: row for row in rows}
    compared = {(row["budget"], row["arm"], float(row["rate"])) for row in rows if row["role"] == "test"}
    assert compared
    for budget, arm, rate in compared:
        assert tune(grid, arm, budget, known)[0] == rate, (budget, arm)


def test_another_version_of_the_scenes_makes_other_runs(monkeypatch):
    before = Job("toy", "one", "full", "test", 1e-3, 0).key
    monkeypatch.setitem(plan.DATA_VERSIONS, "minicity", "next")
    assert Job("toy", "one", "full", "test", 1e-3, 0).key != before


def test_other_weights_to_start_from_make_other_runs(monkeypatch, tmp_path):
    started, plain = (Job("recipe", arm, "full", "test", 1e-3, 0) for arm in ("best", "without MiniCity"))
    before = started.key, plain.key
    (tmp_path / "other.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(plan, "COURSE_WEIGHTS", tmp_path / "other.safetensors")
    plan._course_weights.cache_clear()
    assert started.key != before[0]
    assert plain.key == before[1]
    plan._course_weights.cache_clear()


@pytest.mark.parametrize(
    ("name", "medium"), [("losses", TUNING_SEEDS[:1]), ("optimizer", TUNING_SEEDS)]
)  # the rate is the question of the second
def test_rates_are_chosen_on_two_seeds_in_full_and_where_the_grid_says_so(name, medium):
    found = [GRIDS[name].tuning_seeds(budget) for budget in BUDGETS]
    assert found == [TUNING_SEEDS, medium, TUNING_SEEDS[:1]]


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", [name for name in GRIDS if name != "toy"])
def test_every_grid_is_declared_with_names_that_exist(name, budget):
    grid = GRIDS[name]
    for arm in grid.arms.values():
        assert isinstance(grid.settings(arm, budget, arm.first_rates[0], 0), Settings)
        if arm.data == "camvid":  # has few photos: a budget must not leave some out
            settings = grid.settings(arm, budget, arm.first_rates[0], 0)
            assert (settings.train_images, settings.val_images) == (None, None)
        assert arm.loss is None or arm.loss in LOSSES
        assert set(arm.network) <= set(CHANGES)
        # Compared arms are tuned over three rates or more, a factor of about three apart; or none of them is.
        rates = sorted(arm.first_rates)
        assert len(rates) == 1 or len(rates) >= 3
        assert all(rate_on_ladder(low, 1) == high for low, high in pairwise(rates))
        assert set(grid.test_seeds(arm)).isdisjoint(grid.tuning_seeds(budget))
    trained = [arm for arm in grid.arms.values() if arm.kind == "train"]
    assert len({len(arm.first_rates) > 1 for arm in trained}) <= 1
