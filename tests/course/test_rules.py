"""The rules give the right verdict on runs whose answer is known, and claims let it through by budget and seeds."""

import numpy as np
import pandas as pd
import pytest

from course.claims import Claim
from course.rules import RULES
from course.verdicts import MISSING, TOO_SMALL, UNDECIDED, Verdict
from cs_utils.experiments.evidence import TARGETS
from cs_utils.experiments.statistics import noticeable_lead


def write_rows(folder, grid, arms, **columns):
    """Ten or fewer runs for each arm: ``arms`` gives the last IoU by seed; ``columns`` what differs from a good run."""
    rows = [
        {
            "run": f"{arm}-{seed}",
            "budget": "full",
            "arm": arm,
            "role": "test",
            "seed": seed,
            "status": "done",
            "epochs": 20,
            "seconds": 100.0,
            "device": "cpu",
            "data": "minicity",
            "last_iou": iou,
            "best_iou": iou,
            "slope": 0.001,
            "iou_pole": 0.3,
            "iou_person": 0.3,
            "settings": '{"settings": {"train_images": 30, "batch_size": 4}}',
        }
        | {name: value[arm] if isinstance(value, dict) else value for name, value in columns.items()}
        for arm, scores in arms.items()
        for seed, iou in enumerate(scores)
    ]
    pd.DataFrame(rows).to_csv(folder / f"{grid}.csv", index=False)
    return rows


BLIND = {"blind": [0.01]}
"""The predictor that never looks: what it reaches is no goal."""


def write_blind(folder, iou=0.01):
    """The same in a grid of its own; give the names of grid and arm."""
    write_rows(folder, "looks", {"blind": [iou]})
    return "looks", "blind"


NOISE = np.array([0.002, -0.001, 0.001, -0.002, 0.0])
PAIR = {"comparisons": [["new", "old"]], "words": {"better": "right", "equal": "half right", "worse": "wrong"}}


@pytest.mark.parametrize(
    ("lead", "word"), [(0.03, "right"), (0.0, "half right"), (-0.03, "wrong"), (0.1 * NOISE / 0.002, "cannot tell")]
)
def test_leads_are_judged_by_the_rule(tmp_path, lead, word):
    write_rows(tmp_path, "toy", {"new": 0.5 + lead + NOISE, "old": np.full(5, 0.5)})
    assert RULES["leads"](folder=tmp_path, grid="toy", **PAIR).word == word


@pytest.mark.parametrize("fault", [{"iou_pole": 0.05}, {"slope": 0.02}])
def test_a_short_run_cannot_tell_whatever_its_lead(tmp_path, fault):
    write_rows(tmp_path, "toy", {"new": 0.6 + NOISE, "old": 0.5 + NOISE}, **fault)
    assert RULES["leads"](folder=tmp_path, grid="toy", **PAIR).word == TOO_SMALL


@pytest.mark.parametrize(
    ("rule", "columns", "arguments"),
    [
        ("first_epoch", {"alive_first": 5, "alive_last": 12}, {"arm": "old", "blind": "blind", "steps": 743}),
        (
            "slowest",
            {"seconds_to_30": {"old": 30.0, "new": 20.0, "ruined": np.nan, "blind": np.nan}},
            {"arm": "old", "others": ["new"], "blind": "blind"},
        ),
        ("failure", {}, {"sound": ["old", "new"], "broken": ["ruined"]}),
        ("best", {}, {"arm": "new", "others": ["old"], "beaten": "wrong"}),
    ],
)
@pytest.mark.parametrize(("pole", "open_"), [(0.3, False), (0.05, True)])
def test_every_rule_is_silent_where_small_things_are_not_learned(tmp_path, rule, columns, arguments, pole, open_):
    arms = {"new": 0.5 + NOISE, "old": 0.5 - NOISE, "ruined": 0.1 + NOISE, "blind": [0.1]}
    columns = {f"seconds_to_{goal}": np.nan for goal in TARGETS} | columns
    rows = write_rows(tmp_path, "toy", arms, iou_pole=pole, **columns)
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.5], val_loss=[1.0, 1.0])
    assert (RULES[rule](folder=tmp_path, grid="toy", **arguments).word == TOO_SMALL) == open_


def test_runs_of_the_small_budget_say_their_numbers_and_carry_no_verdict(tmp_path):
    claim = Claim("", "", "", "", None, "leads", {"grid": "toy", **PAIR})
    arms = {"new": 0.52 + NOISE, "old": np.full(5, 0.5)}
    write_rows(tmp_path, "toy", arms)
    assert claim.verdict(tmp_path).word == "right"
    write_rows(tmp_path, "toy", arms, budget="small")
    assert claim.verdict(tmp_path) == Verdict(
        TOO_SMALL, "new against old: +2.0 percentage points (+1.8 to +2.2), 5 seeds (small budget)"
    )


def test_runs_of_the_medium_budget_carry_a_verdict_and_say_their_budget(tmp_path):
    claim = Claim("", "", "", "", None, "leads", {"grid": "toy", **PAIR})
    arms = {"new": 0.52 + NOISE, "old": np.full(5, 0.5)}
    write_rows(tmp_path, "toy", arms, budget="medium")
    because = "new against old: +2.0 percentage points (+1.8 to +2.2), 5 seeds (medium budget)"
    assert claim.verdict(tmp_path) == Verdict("right", because)
    write_rows(tmp_path, "toy", arms, budget="medium", iou_pole=0.05)
    assert claim.verdict(tmp_path) == Verdict(TOO_SMALL, because)


@pytest.mark.parametrize(
    ("budgets", "seeds", "note"),
    [
        (("medium", "small"), 4, "(toy: medium budget; batch: small budget)"),
        (("small", "medium"), 4, "(toy: small budget; batch: medium budget)"),
        (("small", "small"), 4, "(small budget)"),
        (("medium", "medium"), 3, "(not all seeds yet)"),
        (("medium", "full"), 3, "(not all seeds yet)"),
        (("medium", "medium"), 4, "(medium budget)"),
        (("full", "medium"), 4, "(toy: full budget; batch: medium budget)"),
    ],
)
def test_a_verdict_from_two_grids_is_as_good_as_the_lesser_one(tmp_path, monkeypatch, budgets, seeds, note):
    monkeypatch.setitem(RULES, "both", lambda folder, first_grid, second_grid: Verdict("right", "so it is"))
    for grid, budget in zip(("toy", "batch"), budgets, strict=True):
        write_rows(tmp_path, grid, {"batch 4": np.full(seeds, 0.5)}, budget=budget)
    claim = Claim("", "", "", "", None, "both", {"first_grid": "toy", "second_grid": "batch"})
    decides = "small" not in budgets and seeds == 4
    assert claim.verdict(tmp_path) == Verdict("right" if decides else TOO_SMALL, f"so it is {note}")


def test_runs_of_the_tuning_carry_no_verdict(tmp_path):
    write_rows(tmp_path, "toy", {"new": 0.6 + NOISE, "old": 0.5 + NOISE}, role="tuning")
    assert RULES["leads"](folder=tmp_path, grid="toy", **PAIR) == Verdict(TOO_SMALL, MISSING)


def test_two_comparisons_that_differ_are_mixed(tmp_path):
    write_rows(tmp_path, "toy", {"new": 0.6 + NOISE, "old": 0.5 - NOISE, "older": 0.7 - NOISE})
    words = PAIR["words"] | {"mixed": "depends on the data"}
    pairs = [["new", "old"], ["new", "older"]]
    found = RULES["leads"](folder=tmp_path, grid="toy", comparisons=pairs, words=words)
    assert found.word == "depends on the data"
    first, second = found.because.split("; ")
    assert first.startswith("new against old: +10.0 ")
    assert first.endswith(": better")
    assert second.endswith(": worse")


def test_a_comparison_that_was_too_short_says_so_beside_one_that_was_not(tmp_path):
    rows = {"new": 0.5 + NOISE, "old": np.full(5, 0.5), "newer": 0.5 + NOISE, "older": np.full(5, 0.5)}
    slopes = {"new": 0.001, "old": 0.001, "newer": 0.02, "older": 0.001}
    write_rows(tmp_path, "toy", rows, slope=slopes)
    pairs = [["new", "old"], ["newer", "older"]]
    found = RULES["leads"](folder=tmp_path, grid="toy", comparisons=pairs, words=PAIR["words"])
    assert found.word == TOO_SMALL
    first, second = found.because.split("; ")
    assert first.endswith(": equal")
    assert second.endswith(": trained too briefly to judge")


def judge_best(folder, others):
    return RULES["best"](folder, "toy", "old", others, beaten="half right")


def test_one_that_is_better_overturns_a_choice_whatever_the_others_say(tmp_path):
    write_rows(tmp_path, "toy", {"new": 0.6 + NOISE, "old": 0.5 - NOISE, "noisy": 0.5 + 100 * NOISE})
    assert judge_best(tmp_path, ["new", "noisy"]).word == "half right"
    assert judge_best(tmp_path, ["noisy"]).word == UNDECIDED
    because = judge_best(tmp_path, ["old", "noisy", "new", "never run"]).because
    listed, better, worse, unclear, missing = because.split("; ")
    assert listed == "leads over old in percentage points, 5 seeds"
    assert better.startswith("better by more than a point: new +10.0 (+9.6 to +10.4)")
    assert worse == "no point better: old +0.0 (+0.0 to +0.0)"
    assert unclear.startswith("cannot tell: noisy ")
    assert missing == "never run: not recorded yet"


@pytest.mark.parametrize(
    ("lead", "word"),
    [
        (0.002 + NOISE, "right"),  # real, and too small to matter: 0.0 to 0.4 points
        (-0.01 + 5 * NOISE, "right"),  # -2.0 to 0.0 points: worse or not, a lead of a point is excluded
        (0.006 + 2 * NOISE, "right"),  # 0.2 to 1.0 points
        (0.008 + 2 * NOISE, UNDECIDED),  # 0.4 to 1.2: it leads, but perhaps by less than a point
        (0.02 + 2 * NOISE, "half right"),  # 1.6 to 2.4
    ],
)
def test_a_choice_is_the_best_if_no_other_leads_by_a_point(tmp_path, lead, word):
    write_rows(tmp_path, "toy", {"new": 0.5 + lead, "old": np.full(5, 0.5)})
    assert judge_best(tmp_path, ["new"]).word == word
    assert judge_best(tmp_path, ["new"]).because.count(":") == 1  # one alone needs no word of its own


@pytest.mark.parametrize(("comparisons", "word"), [(1, "half right"), (6, UNDECIDED)])
def test_one_of_many_comparisons_has_to_lead_by_more(tmp_path, comparisons, word):
    """3.0 points with an interval of 1.3 to 4.7 by itself; at the level that allows for six, from 0.1."""
    lead = 0.03 + NOISE * 8.6
    arms = {f"new {number}": 0.5 + (lead if number == 0 else -0.2 + NOISE) for number in range(comparisons)}
    write_rows(tmp_path, "toy", arms | {"old": np.full(5, 0.5)})
    assert judge_best(tmp_path, list(arms)).word == word


@pytest.mark.parametrize(
    ("lead", "word"),
    [
        (-0.02 + 2 * NOISE, "right"),  # -2.4 to -1.6 points
        (-0.0055 + NOISE * 2, "depends on the implementation"),  # -0.9 to -0.2: worse, but not by a point
        (0.008 + NOISE * 5, "depends on the implementation"),  # -0.2 to 1.8: a loss of a point is excluded
        (-0.01 + NOISE * 5, UNDECIDED),  # -2.0 to 0.0
    ],
)
def test_a_loss_fails_if_it_is_more_than_a_point_worse(tmp_path, lead, word):
    write_rows(tmp_path, "toy", {"dice": 0.5 + lead, "ce": np.full(5, 0.5), "no softmax": 0.1 + NOISE})
    assert RULES["failure"](tmp_path, "toy", ("dice", "ce"), ["no softmax"]).word == word


@pytest.mark.parametrize(("broken", "word"), [(1, "depends on the implementation"), (2, UNDECIDED)])
def test_one_of_several_mistakes_has_to_cost_more(tmp_path, broken, word):
    """2.0 points less with an interval of 1.0 to 3.0 by itself; at the level that allows for two, from 0.8."""
    ruined = 0.38 + 5.05 * NOISE
    arms = {"ce": np.full(5, 0.4), "dice": 0.4 + NOISE, "odd": ruined, "harmless": 0.4 - NOISE}
    write_rows(tmp_path, "toy", arms)
    chosen = ["odd", "harmless"][:broken]
    assert RULES["failure"](tmp_path, "toy", ("dice", "ce"), chosen).word == word


def test_a_mistake_explains_a_failure_only_by_a_network_that_is_worse_than_the_rivals(tmp_path):
    """Two points behind a sound Dice that leads by five, it is still three points ahead of cross entropy."""
    arms = {"ce": np.full(5, 0.4), "dice": 0.45 + NOISE, "odd": 0.43 + NOISE}
    write_rows(tmp_path, "toy", arms)
    found = RULES["failure"](tmp_path, "toy", ("dice", "ce"), ["odd"])
    assert found.word == UNDECIDED
    assert found.because.endswith("odd against ce: +3.0 percentage points (+2.8 to +3.2), 5 seeds")


@pytest.mark.parametrize("status", ["done", "diverged"])
def test_one_run_that_fails_does_not_move_the_goal_to_the_first_epochs(tmp_path, status):
    columns = {f"epochs_to_{goal}": {"AdamW": 4, "SGD": 16} if goal <= 40 else np.nan for goal in TARGETS}
    rows = pd.DataFrame(write_rows(tmp_path, "toy", {"AdamW": 0.5 + NOISE, "SGD": 0.5 - NOISE}, **columns))
    one = (rows["arm"] == "SGD") & (rows["seed"] == 0)
    later = [name for name in columns if name not in ("epochs_to_5", "epochs_to_10")]
    rows.loc[one, later] = np.nan
    rows.loc[one, ["epochs_to_5", "epochs_to_10"]] = 4  # it began well
    rows.loc[one, "status"] = status
    rows.to_csv(tmp_path / "toy.csv", index=False)
    verdict = RULES["faster"](tmp_path, "toy", [["AdamW", "SGD"]], "mixed", *write_blind(tmp_path))
    assert verdict.word == "right"
    assert "AdamW reaches 40 %" in verdict.because


def test_what_a_run_reached_before_it_diverged_does_not_make_it_fast(tmp_path):
    columns = {f"epochs_to_{goal}": {"AdamW": 4, "SGD": 8} if goal <= 40 else np.nan for goal in TARGETS}
    rows = pd.DataFrame(write_rows(tmp_path, "toy", {"AdamW": 0.5 + NOISE, "SGD": 0.5 - NOISE}, **columns))
    one = (rows["arm"] == "SGD") & (rows["seed"] == 0)
    rows.loc[one, [f"epochs_to_{goal}" for goal in TARGETS if goal <= 40]] = 1
    rows.loc[one, "status"] = "diverged"
    rows.to_csv(tmp_path / "toy.csv", index=False)
    # Four pairs of 4 epochs, and one of 21 - 4: had its first epoch counted, the mean would be 2.6.
    assert (
        "reaches 40 % 6.6 epochs earlier"
        in RULES["faster"](tmp_path, "toy", [["AdamW", "SGD"]], "mixed", *write_blind(tmp_path)).because
    )


@pytest.mark.parametrize(("blind", "word"), [(0.39, "right"), (0.4, TOO_SMALL), (None, TOO_SMALL)])
def test_epochs_until_what_a_predictor_reaches_that_never_looks_decide_nothing(tmp_path, blind, word):
    columns = {f"epochs_to_{goal}": {"AdamW": 4, "SGD": 16} if goal <= 40 else np.nan for goal in TARGETS}
    write_rows(tmp_path, "toy", {"AdamW": 0.5 + NOISE, "SGD": 0.5 - NOISE}, **columns)
    if blind:
        write_blind(tmp_path, blind)
    verdict = RULES["faster"](tmp_path, "toy", [["AdamW", "SGD"]], "mixed", "looks", "blind")
    assert verdict.word == word
    assert ("never looks at the photo" in verdict.because) == (word != "right")


def test_seconds_of_pairs_that_were_not_run_alike_are_not_compared(tmp_path):
    columns = {f"seconds_to_{goal}": {"old": 30.0, "new": 20.0, "blind": np.nan} for goal in TARGETS}
    arms = {"old": 0.5 + NOISE, "new": 0.5 - NOISE} | BLIND
    rows = pd.DataFrame(write_rows(tmp_path, "toy", arms, **columns, jobs=1, threads=1))
    rows.loc[rows["seed"] > 2, "jobs"] = 2  # both arms of a seed
    rows.to_csv(tmp_path / "toy.csv", index=False)
    assert RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind").word == "right"
    rows.loc[(rows["seed"] == 4) & (rows["arm"] == "new"), "jobs"] = 16
    rows.to_csv(tmp_path / "toy.csv", index=False)
    assert RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind") == Verdict(
        TOO_SMALL, "old against new: not timed alike"
    )


@pytest.mark.parametrize(("seeds", "word"), [(4, TOO_SMALL), (5, "right")])
def test_a_verdict_waits_for_all_seeds(tmp_path, seeds, word):
    """To look after each seed and stop at the first lead would find one where there is none."""
    claim = Claim("", "", "", "", None, "leads", {"grid": "skips", **PAIR | {"comparisons": [["with skips", "none"]]}})
    write_rows(tmp_path, "skips", {"with skips": (0.6 + NOISE)[:seeds], "none": (0.5 - NOISE)[:seeds]})
    assert claim.verdict(tmp_path).word == word


def test_a_verdict_waits_for_the_arms_that_it_names_and_for_no_others(tmp_path):
    arguments = {"grid": "init", "arms": ["at birth: ReLU, batch norm, He's weights"], "threshold": 1e-4}
    arguments |= {"beside": ["ReLU", "SiLU"]}
    claim = Claim("", "", "", "", None, "vanishing", arguments)
    name = arguments["arms"][0]
    rows = {name: np.zeros(10), "tanh, batch norm, He's weights": NOISE[:1]}
    write_rows(tmp_path, "init", rows, arriving_ratio=1e-6)
    assert claim.verdict(tmp_path).word == TOO_SMALL  # the one beside it is not there
    write_rows(tmp_path, "init", rows | {name.replace("ReLU", "SiLU"): np.zeros(10)}, arriving_ratio=1e-6)
    assert claim.verdict(tmp_path).word == "right"
    arguments["arms"].append("at birth: ReLU, batch norm, PyTorch's weights")  # not run at all
    assert claim.verdict(tmp_path).word == TOO_SMALL


@pytest.mark.parametrize("diverged", [[True] * 5, [True, False, False, False, False]])
def test_a_run_that_diverged_counts_as_nothing_learned(tmp_path, diverged):
    """It has no classes and no slope, and one that was long enough."""
    rows = pd.DataFrame(write_rows(tmp_path, "toy", {"new": 0.5 + NOISE, "old": np.full(5, 0.5)}))
    lost = (rows["arm"] == "old") & np.array([False] * 5 + diverged)
    rows.loc[lost, ["iou_pole", "iou_person"]] = np.nan
    rows.loc[lost, "slope"] = 0.6
    rows.assign(status=np.where(lost, "diverged", "done")).to_csv(tmp_path / "toy.csv", index=False)
    found = RULES["leads"](folder=tmp_path, grid="toy", **PAIR)
    assert found.word == ("right" if all(diverged) else UNDECIDED)  # one of five makes a wide interval
    assert f"+{10 * sum(diverged)}.0 percentage points" in found.because


def test_a_run_that_diverged_at_once_has_not_been_fast(tmp_path):
    lost = {"bad": np.nan, "blind": np.nan}
    columns = {f"seconds_to_{goal}": lost | {"good": 50.0 if goal <= 30 else np.nan} for goal in TARGETS}
    columns |= {"seconds": {"good": 200.0, "bad": 10.0, "blind": 1.0}}
    columns |= {"status": {"good": "done", "bad": "diverged", "blind": "done"}}
    write_rows(tmp_path, "toy", {"good": 0.5 + NOISE, "bad": NOISE} | BLIND, **columns)
    verdict = RULES["slowest"](tmp_path, "toy", "bad", ["good"], "blind")
    assert verdict == Verdict(
        "right",
        "no run of bad reaches 30 %",
    )


@pytest.mark.parametrize(("blind", "word"), [(0.29, "right"), (0.3, TOO_SMALL)])
def test_seconds_until_what_a_predictor_reaches_that_never_looks_decide_nothing(tmp_path, blind, word):
    columns = {f"seconds_to_{goal}": {"old": 30.0, "new": 20.0, "blind": np.nan} for goal in TARGETS}
    columns |= {f"seconds_to_{goal}": np.nan for goal in TARGETS if goal > 30}
    write_rows(tmp_path, "toy", {"old": 0.5 + NOISE, "new": 0.5 - NOISE, "blind": [blind]}, **columns)
    verdict = RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind")
    assert verdict.word == word
    said = "; a predictor that never looks at the photo reaches 30.0 %"
    assert verdict.because == "old needs 10 s more than new until 30 % (10 to 10), 5 seeds" + said * (word != "right")


def test_seconds_decide_nothing_where_nobody_knows_what_is_reached_without_a_look(tmp_path):
    columns = {f"seconds_to_{goal}": {"old": 30.0, "new": 20.0} for goal in TARGETS}
    write_rows(tmp_path, "toy", {"old": 0.5 + NOISE, "new": 0.5 - NOISE}, **columns)
    verdict = RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind")
    assert verdict.word == TOO_SMALL
    assert verdict.because.endswith("; a predictor that never looks at the photo is not recorded yet")


def test_a_short_run_that_gets_nowhere_is_not_fast(tmp_path):
    """It ends before the other one has reached what it never does."""
    nowhere = {"cheap": np.nan, "blind": np.nan}
    columns = {f"seconds_to_{goal}": nowhere | {"dear": 200.0 if goal <= 40 else np.nan} for goal in TARGETS}
    columns |= {"seconds": {"dear": 250.0, "cheap": 20.0, "blind": 1.0}}
    write_rows(tmp_path, "toy", {"dear": 0.44 + NOISE, "cheap": 0.12 + NOISE} | BLIND, **columns)
    assert RULES["slowest"](tmp_path, "toy", "dear", ["cheap"], "blind").word == "wrong"
    assert RULES["slowest"](tmp_path, "toy", "cheap", ["dear"], "blind").word == "right"


def test_seconds_of_two_kinds_of_device_are_not_compared(tmp_path):
    columns = {f"seconds_to_{goal}": {"old": 30.0, "new": 20.0, "blind": np.nan} for goal in TARGETS}
    arms = {"old": 0.5 + NOISE, "new": 0.5 - NOISE} | BLIND
    write_rows(tmp_path, "toy", arms, **columns)
    assert RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind").word == "right"
    write_rows(tmp_path, "toy", arms, **columns, device={"old": "cpu", "new": "a card", "blind": "cpu"})
    assert RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind").word == TOO_SMALL


def test_a_failure_depends_on_the_implementation_only_if_a_mistake_does_worse(tmp_path):
    arms = {"ce": 0.5 + NOISE, "dice": 0.5 - NOISE, "no softmax": 0.1 + NOISE}
    chosen = {"folder": tmp_path, "grid": "toy", "sound": ["dice", "ce"], "broken": ["no softmax"]}
    write_rows(tmp_path, "toy", arms)
    assert RULES["failure"](**chosen).word == "depends on the implementation"
    write_rows(tmp_path, "toy", arms | {"no softmax": 0.5 + NOISE[::-1]})
    assert RULES["failure"](**chosen).word == "cannot tell"
    write_rows(tmp_path, "toy", arms | {"dice": 0.3 - NOISE})
    assert RULES["failure"](**chosen).word == "right"


def test_runs_that_diverged_are_told(tmp_path):
    """Their 0 is the course's decree, and must not pass for a measured score."""
    arms = {"ce": 0.5 + NOISE, "dice": 0.5 - NOISE, "no softmax": 0.1 + NOISE}
    rows = pd.DataFrame(write_rows(tmp_path, "toy", arms))
    rows.loc[rows["run"].isin(["no softmax-1", "no softmax-3", "ce-0"]), "status"] = "diverged"
    rows.to_csv(tmp_path / "toy.csv", index=False)
    because = RULES["failure"](tmp_path, "toy", ["dice", "ce"], ["no softmax"]).because
    assert because.endswith("5 seeds, 2 of them diverged, which counts as 0")
    assert because.count("diverged") == 1


def test_faster_means_epochs_until_an_iou_that_all_runs_of_an_arm_reach(tmp_path):
    arms = {"AdamW": 0.5 + NOISE, "SGD": 0.5 - NOISE, "Adam": 0.5 - NOISE, "a bit slower": 0.5 - NOISE}
    needed = {"AdamW": 4, "SGD": 9, "Adam": 4, "a bit slower": 4.5}
    columns = {f"epochs_to_{goal}": needed if goal <= 35 else np.nan for goal in TARGETS}
    write_rows(tmp_path, "toy", arms, **columns)
    chosen = {"folder": tmp_path, "grid": "toy", "mixed": "depends on it"}
    chosen |= dict(zip(("blind_grid", "blind"), write_blind(tmp_path), strict=True))
    verdict = RULES["faster"](**chosen, comparisons=[["AdamW", "SGD"]])
    assert verdict.word == "right"
    assert verdict.because == "AdamW reaches 35 % 5.0 epochs earlier than SGD (5.0 to 5.0), 5 seeds"
    assert RULES["faster"](**chosen, comparisons=[["AdamW", "Adam"]]).word == "wrong"
    assert RULES["faster"](**chosen, comparisons=[["AdamW", "a bit slower"]]).word == "wrong"  # by less than an epoch
    assert RULES["faster"](**chosen, comparisons=[["AdamW", "SGD"], ["AdamW", "Adam"]]).word == "depends on it"
    # An IoU that only one of them reaches would count the height of the last epoch, not the speed.
    slow = {f"epochs_to_{goal}": {"AdamW": 4, "SGD": 3} for goal in TARGETS}
    higher = slow | {"epochs_to_60": {"AdamW": 20, "SGD": np.nan}}
    write_rows(tmp_path, "toy", {name: arms[name] for name in ("AdamW", "SGD")}, **higher)
    later = RULES["faster"](**chosen, comparisons=[["AdamW", "SGD"]])
    assert later.because == "AdamW reaches 55 % 1.0 epochs later than SGD (1.0 to 1.0), 5 seeds"
    # Where there is no other, one that its rival never reaches: there is no number of epochs then.
    never = {name: needed | {"SGD": np.nan} if name <= "epochs_to_35" else np.nan for name in columns}
    write_rows(tmp_path, "toy", arms, **never)
    assert RULES["faster"](**chosen, comparisons=[["AdamW", "SGD"]]) == Verdict("right", "no run of SGD reaches 35 %")
    # Where only some runs never do, each of these counts as one epoch longer than a whole run.
    rows = pd.read_csv(tmp_path / "toy.csv")
    late = (rows["arm"] == "SGD") & (rows["seed"] < 2)
    rows.loc[(rows["arm"] == "SGD") & ~late, [name for name in never if name <= "epochs_to_35"]] = 9
    rows.to_csv(tmp_path / "toy.csv", index=False)
    verdict = RULES["faster"](**chosen, comparisons=[["AdamW", "SGD"]])
    assert verdict.because.startswith("AdamW reaches 35 % 9.8 epochs earlier than SGD")  # (2 * 17 + 3 * 5) / 5
    assert "(2 of 5 runs of SGD never get there; each counts as an epoch more than a whole run)" in verdict.because


def test_seconds_are_said_in_the_direction_of_their_mean_and_without_a_minus_zero(tmp_path):
    columns = {f"seconds_to_{goal}": 10.0 if goal <= 40 else np.nan for goal in TARGETS}
    rows = pd.DataFrame(write_rows(tmp_path, "toy", {"new": 0.5 + NOISE, "old": 0.5 - NOISE} | BLIND, **columns))
    rows.loc[rows["arm"] == "new", "seconds_to_40"] = [8.0, 10.1, 9.7, 8.1, 9.9]  # 0.84 s less (-0.4 to 2.1)
    rows.to_csv(tmp_path / "toy.csv", index=False)
    assert RULES["slowest"](tmp_path, "toy", "new", ["old"], "blind").because == (
        "new needs 1 s less than old until 40 % (0 to 2), 5 seeds"
    )


def test_the_gradient_vanishes_by_a_threshold(tmp_path):
    arms = {"at birth: a": np.zeros(3), "at birth: b": np.zeros(3)}
    other = {name.replace("birth: ", "birth: not "): scores for name, scores in arms.items()}
    for ratios, word in (((1e-2, 1e-6), "depends on"), ((1e-6, 1e-6), "right"), ((0.1, 0.1), UNDECIDED)):
        columns = {"arriving_ratio": dict(zip(arms, ratios, strict=True)) | dict.fromkeys(other, 0.5)}
        write_rows(tmp_path, "toy", arms | other, **columns)
        verdict = RULES["vanishing"](tmp_path, "toy", list(arms), ("birth: ", "birth: not "), threshold=1e-4)
        assert verdict.word.startswith(word)
        assert verdict.because.startswith(f"a: falls to {ratios[0]:.0e} (birth: not  to 5e-01); b: falls to")


def write_histories(folder, grid, rows, iou, val_loss):
    histories = [
        {"run": row["run"], "epoch": epoch, "iou_score": score + 0.001 * row["seed"], "val_loss": loss}
        for row in rows
        for epoch, (score, loss) in enumerate(zip(iou, val_loss, strict=True), start=1)
    ]
    pd.DataFrame(histories).to_csv(folder / f"{grid}-histories.csv", index=False)


@pytest.mark.parametrize(
    ("kept", "end", "word"), [(1.2, 2.0, "right"), (1.8, 2.0, "wrong"), (1.0, 1.05, TOO_SMALL), (1.2, 0.5, TOO_SMALL)]
)
def test_overfitting_is_controlled_where_the_saved_weights_have_little_of_the_rise(tmp_path, kept, end, word):
    rows = write_rows(tmp_path, "toy", {"few": 0.5 + NOISE})
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.3, 0.4, 0.3, 0.3, 0.3], val_loss=[1.5, 1.0, kept, 1.9, 1.9, end])
    verdict = RULES["overfitting"](folder=tmp_path, grid="toy", arm="few", patience=2)
    assert verdict.word == word
    assert verdict.because.endswith("of 5 runs overfit") == (word == TOO_SMALL)


def test_how_much_of_the_rise_the_saved_weights_are_spared(tmp_path):
    rows = write_rows(tmp_path, "toy", {"few": 0.5 + NOISE})
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.3, 0.4, 0.3, 0.3, 0.3], val_loss=[1.5, 1.0, 1.25, 1.9, 1.9, 2.0])
    assert RULES["overfitting"](folder=tmp_path, grid="toy", arm="few", patience=2).because == (
        "without it the validation loss ends 2.00 to 2.00 times as high as its lowest value; "
        "patience 2 avoids 75 % of this rise (75 to 75)"
    )


def test_who_stops_before_the_lowest_loss_meets_no_rise_and_gives_away_what_was_to_gain(tmp_path):
    rows = write_rows(tmp_path, "toy", {"few": 0.5 + NOISE})
    loss = [1.5, 1.4, 1.3, 1.2, 1.0, 2.0]
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.4, 0.3, 0.3, 0.3, 0.3], val_loss=loss)
    assert RULES["overfitting"](folder=tmp_path, grid="toy", arm="few", patience=2) == Verdict(
        "half right",
        "without it the validation loss ends 2.00 to 2.00 times as high as its lowest value; patience 2 keeps weights "
        "from before that value in 5 of 5 runs, so it meets nothing of this rise there, "
        "but their loss is still 40 to 40 % above it",
    )


def test_where_some_runs_stop_before_the_lowest_loss_both_kinds_are_said(tmp_path):
    rows = write_rows(tmp_path, "toy", {"few": 0.5 + NOISE})
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.3, 0.4, 0.3, 0.3, 0.3], val_loss=[1.5, 1.0, 1.25, 1.9, 1.9, 2.0])
    histories = pd.read_csv(tmp_path / "toy-histories.csv")
    early = histories["run"] == "few-0"
    histories.loc[early, "val_loss"] = [1.6, 1.5, 1.4, 1.2, 1.0, 2.0]
    histories.to_csv(tmp_path / "toy-histories.csv", index=False)
    verdict = RULES["overfitting"](folder=tmp_path, grid="toy", arm="few", patience=2)
    assert verdict.word == "right"
    assert verdict.because.endswith(
        "patience 2 avoids 80 % of this rise (66 to 94) and keeps weights from before that value in 1 of 5 runs, "
        "so it meets nothing of this rise there, but their loss is still 40 to 40 % above it"
    )


@pytest.mark.parametrize("lost", [[0], [0, 1, 2, 3, 4]])
def test_runs_that_diverged_in_their_first_epoch_have_no_history_to_judge(tmp_path, lost):
    rows = write_rows(tmp_path, "toy", {"few": 0.5 + NOISE, "blind": [0.1]}, alive_first=5, alive_last=6)
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.4, 0.3, 0.3, 0.3], val_loss=[1.5, 1.0, 1.0, 1.25, 2.0])
    histories = pd.read_csv(tmp_path / "toy-histories.csv")
    gone = histories["run"].isin([f"few-{seed}" for seed in lost])
    histories[~gone].to_csv(tmp_path / "toy-histories.csv", index=False)
    stopping = RULES["overfitting"](folder=tmp_path, grid="toy", arm="few", patience=2)
    first = RULES["first_epoch"](folder=tmp_path, grid="toy", arm="few", blind="blind", steps=743)
    assert (stopping == Verdict(TOO_SMALL, MISSING)) == (len(lost) == 5)
    assert (first == Verdict(TOO_SMALL, MISSING)) == (len(lost) == 5)


def test_runs_that_never_stop_say_nothing_of_early_stopping(tmp_path):
    rows = write_rows(tmp_path, "toy", {"few": 0.5 + NOISE})
    write_histories(tmp_path, "toy", rows, iou=[0.2, 0.3, 0.4], val_loss=[1.5, 1.0, 1.2])
    verdict = RULES["overfitting"](folder=tmp_path, grid="toy", arm="few", patience=2)
    assert verdict == Verdict(TOO_SMALL, "with patience 2 none of 5 runs stopped before its end")


@pytest.mark.parametrize(
    ("late", "batch_8", "word"),
    [(0.405, 0.4, "right"), (0.5, 0.4, "half right"), (0.405, 0.6, "half right"), (0.5, 0.6, "depends on the data")],
)
def test_the_recipe_is_right_if_patience_costs_little_and_no_batch_is_better(tmp_path, late, batch_8, word):
    rows = write_rows(tmp_path, "waits", {"long": 0.5 + NOISE})
    write_histories(tmp_path, "waits", rows, iou=[0.4, 0.3, 0.3, late], val_loss=[1.0] * 4)
    write_rows(tmp_path, "sizes", {"batch 4": 0.5 + NOISE, "batch 8": batch_8 - NOISE})
    verdict = RULES["recipe"](tmp_path, "waits", "long", 2, "sizes", "batch 4", ["batch 8"])
    assert verdict.word == word
    write_rows(tmp_path, "sizes", {"batch 4": 0.5 + NOISE, "batch 8": batch_8 - NOISE}, iou_pole=0.05)
    assert RULES["recipe"](tmp_path, "waits", "long", 2, "sizes", "batch 4", ["batch 8"]).word == TOO_SMALL
    below = f"{100 * (late - 0.4):.1f}"
    assert verdict.because.startswith(f"patience 2 keeps weights {below} percentage points ({below} to {below}) below")
    assert verdict.because.endswith(
        "better than batch 4: batch 8" if batch_8 > 0.5 else "none is shown to beat batch 4"
    )
    write_rows(tmp_path, "sizes", {"batch 4": 0.5 + NOISE, "batch 8": batch_8 - NOISE})
    write_rows(tmp_path, "waits", {"long": 0.5 + NOISE}, slope=0.02)  # the best epoch had not come yet
    assert RULES["recipe"](tmp_path, "waits", "long", 2, "sizes", "batch 4", ["batch 8"]).word == TOO_SMALL


def test_a_patience_that_stopped_no_run_cost_nothing_and_says_nothing(tmp_path):
    rows = write_rows(tmp_path, "waits", {"long": 0.5 + NOISE})
    write_histories(tmp_path, "waits", rows, iou=[0.2, 0.3, 0.4], val_loss=[1.0] * 3)
    write_rows(tmp_path, "sizes", {"batch 4": 0.5 + NOISE, "batch 8": 0.4 - NOISE})
    assert RULES["recipe"](tmp_path, "waits", "long", 2, "sizes", "batch 4", ["batch 8"]) == Verdict(
        TOO_SMALL, "with patience 2 none of 5 runs stopped before its end; none is shown to beat batch 4"
    )


def test_of_a_batch_size_that_may_be_better_the_recipe_says_so(tmp_path):
    rows = write_rows(tmp_path, "waits", {"long": 0.5 + NOISE})
    write_histories(tmp_path, "waits", rows, iou=[0.4, 0.3, 0.3, 0.405], val_loss=[1.0] * 4)
    write_rows(tmp_path, "sizes", {"batch 4": np.full(5, 0.5), "batch 8": 0.5 + 20 * NOISE, "batch 2": 0.4 + NOISE})
    verdict = RULES["recipe"](tmp_path, "waits", "long", 2, "sizes", "batch 4", ["batch 2", "batch 8"])
    assert verdict.word == UNDECIDED
    assert verdict.because.endswith("; none is shown to beat batch 4, and of batch 8 we cannot tell")


@pytest.mark.parametrize(
    ("classes", "iou", "word"),
    [
        (12, 0.3, "right"),
        (5, 0.13, "half right"),
        (5, 0.10, "depends on how long an epoch is"),  # so much has a predictor that never looks at the photo
        (5, 0.02, "depends on how long an epoch is"),
    ],
)
def test_a_first_epoch_is_half_right_if_it_has_at_least_learned_from_the_photos(tmp_path, classes, iou, word):
    columns = {"alive_first": classes, "alive_last": {"net": 12, "blind": 6}}
    rows = write_rows(tmp_path, "toy", {"net": 0.5 + NOISE, "blind": [0.101]}, **columns)
    write_histories(tmp_path, "toy", rows, iou=[iou, 0.5], val_loss=[1.0, 1.0])
    verdict = RULES["first_epoch"](folder=tmp_path, grid="toy", arm="net", blind="blind", steps=743)
    assert verdict.word == word
    assert verdict.because == (
        f"after one epoch {classes} of 12 classes have an IoU over 0.1, and the mean IoU is {100 * iou + 0.2:.1f} % "
        f"({100 * iou:.1f} to {100 * iou + 0.4:.1f}); a predictor that never looks at the photo has 6 such classes and "
        "10.1 %; our epoch has 7 steps, the talk's 743"
    )


def test_a_first_epoch_of_which_nobody_can_tell_is_not_called_one_that_learns_nothing(tmp_path):
    rows = write_rows(
        tmp_path, "toy", {"net": 0.5 + NOISE, "blind": [0.1]}, alive_first={"net": 5, "blind": 6}, alive_last=12
    )
    histories = []
    for row, first in zip(rows, (0.08, 0.21, 0.14, 0.1, 0.2, 0.1), strict=True):
        write_histories(tmp_path, "toy", [row], iou=[first, 0.5], val_loss=[1.0, 1.0])
        histories.append(pd.read_csv(tmp_path / "toy-histories.csv"))
    pd.concat(histories).to_csv(tmp_path / "toy-histories.csv", index=False)
    verdict = RULES["first_epoch"](folder=tmp_path, grid="toy", arm="net", blind="blind", steps=743)
    assert verdict.word == UNDECIDED


def test_a_run_that_was_cut_off_says_nothing_of_how_runs_end(tmp_path):
    """Its last loss is no end of a run, and what diverged has no rise that stopping could avoid."""
    rows = write_rows(tmp_path, "toy", {"net": 0.5 + NOISE})
    write_histories(tmp_path, "toy", rows, iou=[0.3, 0.5, 0.4, 0.4, 0.4], val_loss=[2.0, 1.0, 1.5, 1.8, 2.0])
    whole = RULES["overfitting"](tmp_path, "toy", "net", patience=2)
    table, histories = pd.DataFrame(rows), pd.read_csv(tmp_path / "toy-histories.csv")
    table.loc[0, "status"] = "diverged"
    table.to_csv(tmp_path / "toy.csv", index=False)
    cut = histories[(histories["run"] != table["run"][0]) | (histories["epoch"] < 3)]
    cut.to_csv(tmp_path / "toy-histories.csv", index=False)
    assert RULES["overfitting"](tmp_path, "toy", "net", patience=2) == whole


def test_one_seed_has_no_interval_and_what_is_not_there_was_not_trained_briefly(tmp_path):
    times = {"new": 4, "old": 9, "blind": np.nan}
    columns = {
        f"{unit}_to_{goal}": times if goal <= 40 else np.nan for unit in ("epochs", "seconds") for goal in TARGETS
    }
    write_rows(tmp_path, "toy", {"new": [0.5], "old": [0.5]} | BLIND, **columns)
    faster = RULES["faster"](tmp_path, "toy", [["new", "old"]], "mixed", "toy", "blind")
    assert faster.because == "new reaches 40 % 5.0 epochs earlier than old, 1 seed"
    slowest = RULES["slowest"](tmp_path, "toy", "old", ["new"], "blind")
    assert slowest.because.startswith("old needs 5 s more than new until 40 %, 1 seed")
    write_rows(tmp_path, "toy", {"new": 0.6 + NOISE, "old": np.full(5, 0.5)})
    chosen = PAIR | {"comparisons": [["new", "old"], ["new", "gone"]]}
    assert RULES["leads"](tmp_path, "toy", **chosen).because.endswith("better; new against gone: not recorded yet")


def test_slow_is_in_seconds_to_the_same_iou(tmp_path):
    arms = {"unet": 0.5 + NOISE, "fcn": 0.5 - NOISE, "segformer": 0.5 - NOISE} | BLIND
    noise = {"unet": 30.0, "fcn": 20.0, "segformer": 40.0, "blind": np.nan}
    write_rows(tmp_path, "toy", arms, **{f"seconds_to_{goal}": noise if goal == 30 else np.nan for goal in TARGETS})
    chosen = {"folder": tmp_path, "grid": "toy", "arm": "unet", "blind": "blind"}
    assert RULES["slowest"](**chosen, others=["fcn"]).word == "right"
    assert RULES["slowest"](**chosen, others=["segformer"]).word == "wrong"
    assert RULES["slowest"](**chosen, others=["fcn", "segformer"]).word == "half right"


def test_the_sentence_gives_the_number_of_seeds_and_the_interval(tmp_path):
    write_rows(tmp_path, "toy", {"new": 0.52 + NOISE, "old": np.full(5, 0.5)})
    because = RULES["leads"](folder=tmp_path, grid="toy", **PAIR).because
    assert because == "new against old: +2.0 percentage points (+1.8 to +2.2), 5 seeds"
    write_rows(tmp_path, "toy", {"new": 0.5 + 10 * NOISE, "old": np.full(5, 0.5)})
    because = RULES["leads"](folder=tmp_path, grid="toy", **PAIR).because
    assert because.endswith(f"5 seeds, which would have noticed a lead of {1000 * noticeable_lead(NOISE):.1f}")
