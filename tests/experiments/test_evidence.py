"""What is read from the recorded runs, on invented ones whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from cs_utils.experiments.evidence import (
    budget_is_enough,
    budget_of,
    by_seed,
    carries_verdict,
    describe_rows,
    final_score,
    judge_arms,
    patience_costs,
    read_histories,
    read_rows,
    stop_early,
)
from cs_utils.experiments.grids import GRIDS
from cs_utils.experiments.statistics import mean_iou_of_counts, score_interval
from cs_utils.experiments.store import add_run
from cs_utils.labels import NUM_CLASSES


def test_early_stopping_is_replayed_on_paper():
    #            stops after two epochs without a new best; the later, higher one is never seen
    assert stop_early([0.1, 0.3, 0.2, 0.3, 0.9], patience=2) == (3, 1)
    assert stop_early([0.1, 0.3, 0.2, 0.3, 0.9], patience=3) == (4, 4)
    assert stop_early([0.1, 0.2, 0.3], patience=1) == (2, 2)


def add(folder, arm, seed, iou, seconds, grid="models", images=(), budget="full", **more):
    row = {
        "run": f"{arm}-{seed}-{budget}",
        "budget": budget,
        "arm": arm,
        "role": "test",
        "seed": seed,
        "status": "done",
    }
    epochs = [{"epoch": epoch, "iou_score": value, "seconds": seconds} for epoch, value in enumerate(iou, start=1)]
    add_run(folder, grid, row | {"last_iou": iou[-1]} | more, {"histories": epochs, "images": list(images)})


def test_the_largest_budget_that_is_recorded_counts(tmp_path):
    assert describe_rows(read_rows("models", tmp_path)) == "not recorded yet"
    add(tmp_path, "net", 0, [0.2], 1.0, budget="small")
    assert describe_rows(read_rows("models", tmp_path)) == "recorded, small budget, 1 seed"
    for seed in range(1, 3):
        add(tmp_path, "net", seed, [0.2], 1.0, budget="small")
    assert describe_rows(read_rows("models", tmp_path)) == "recorded, small budget, 3 seeds"
    several = pd.concat([read_rows("models", tmp_path), read_rows("models", tmp_path).head(1).assign(arm="rival")])
    assert describe_rows(several) == "recorded, small budget, 1 to 3 seeds"
    add(tmp_path, "net", 0, [0.5], 1.0)
    rows = read_rows("models", tmp_path)
    assert (budget_of(rows), rows["last_iou"].tolist()) == ("full", [0.5])


def test_a_larger_budget_that_is_only_begun_hides_nothing(tmp_path):
    arms = ("with skips", "without skips")
    for seed in range(5):
        for arm in arms:
            add(tmp_path, arm, seed, [0.3], 1.0, grid="skips", budget="small")
    for seed in range(5):
        for arm in arms:
            assert budget_of(read_rows("skips", tmp_path)) == "small"
            add(tmp_path, arm, seed, [0.5], 1.0, grid="skips", budget="medium")
    rows = read_rows("skips", tmp_path)
    assert (budget_of(rows), set(rows["last_iou"])) == ("medium", {0.5})


def test_a_trial_of_a_new_arm_takes_no_verdict_back(tmp_path):
    for arm in ("with skips", "without skips"):
        for seed in range(5):
            add(tmp_path, arm, seed, [0.5], 1.0, grid="skips", budget="medium")
            add(tmp_path, arm, seed, [0.3], 1.0, grid="skips", budget="small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GRIDS["skips"].arms, "some skips", GRIDS["skips"].arms["with skips"])
        add(tmp_path, "some skips", 0, [0.4], 1.0, grid="skips", budget="small")
        assert budget_of(read_rows("skips", tmp_path)) == "medium"


def test_a_run_that_diverged_has_found_no_class_that_its_data_have(tmp_path):
    lost = {"iou_road": 0.4, "iou_truck": np.nan, "iou_pole": np.nan}
    add(tmp_path, "net", 0, [0.5], 1.0, grid="own", data="camvid", iou_road=0.9, iou_pole=0.2, iou_truck=np.nan)
    add(tmp_path, "net", 1, [0.5], 1.0, grid="own", data="camvid", status="diverged", **lost)
    rows = read_rows("own", tmp_path).set_index("seed")
    assert rows.loc[1, ["iou_road", "iou_pole"]].tolist() == [0, 0]
    assert np.isnan(rows.loc[1, "iou_truck"])  # CamVid has none
    assert rows.loc[0, "iou_road"] == 0.9


def test_one_arm_must_have_learned_poles_and_persons():
    rows = pd.DataFrame({"arm": ["a", "b"], "status": "done", "slope": 0.0, "iou_pole": [0.3, 0.0]})
    assert not budget_is_enough(rows.assign(iou_person=[0.0, 0.3]), ("a", "b"))
    assert budget_is_enough(rows.assign(iou_person=[0.3, 0.0]), ("a", "b"))


def test_an_arm_that_is_no_longer_declared_hides_no_larger_budget(tmp_path):
    both = ("with skips", "without skips")
    rows = [
        {"budget": budget, "arm": arm, "seed": seed, "role": "test", "status": "done", "last_iou": 0.5}
        for budget, arms in (("full", both), ("small", (*both, "an old name")))
        for arm in arms
        for seed in range(5)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "skips.csv")
    assert describe_rows(read_rows("skips", tmp_path)) == "recorded, full budget, 5 seeds"


@pytest.mark.parametrize(
    ("changed", "nets", "rivals"),
    [
        ({"data_version": 3.0}, [2], []),
        ({"settings": '{"learning_rate": 0.01, "seed": 2}'}, [2], [0, 1]),
        ({"settings": '{"learning_rate": 0.003, "seed": 2}'}, [0, 1, 2], [0, 1]),
        ({"data": "camvid", "data_version": "SegNet"}, [0, 1, 2], [0, 1]),
    ],
)
def test_what_is_made_in_another_way_begins_anew(tmp_path, changed, nets, rivals):
    """All arms on another version of the data, or one arm whose rate or declaration has changed: old and new runs are
    never mixed. Another seed is no other way, and other data have versions of their own."""
    for arm in ("rival", "net"):
        for seed in (0, 1):
            settings = f'{{"learning_rate": 0.003, "seed": {seed}}}'
            made = {"data": "minicity", "data_version": 2.0, "settings": settings}
            add(tmp_path, arm, seed, [0.3], 1.0, grid="own", **made)
    made["settings"] = settings.replace('"seed": 1', '"seed": 2')
    add(tmp_path, "net", 2, [0.5], 1.0, grid="own", **made | changed)
    rows = read_rows("own", tmp_path)
    assert by_seed(rows, "net").index.tolist() == nets
    assert by_seed(rows, "rival").index.tolist() == rivals


def test_a_run_that_two_machines_have_recorded_counts_once(tmp_path):
    for seed in (0, 1):
        add(tmp_path, "net", seed, [0.3], 1.0, grid="own")
    with (tmp_path / "own.csv").open("r+", encoding="utf-8") as file:
        again = file.readlines()[1].replace("0.3", "0.4")
        file.write(again)
    assert by_seed(read_rows("own", tmp_path), "net").tolist() == [0.4, 0.3]


@pytest.mark.parametrize(
    ("budget", "seeds", "pole", "carries"),
    [("medium", 5, 0.3, True), ("small", 5, 0.3, False), ("medium", 4, 0.3, False), ("medium", 5, 0.05, False)],
)
def test_rows_carry_a_verdict_with_all_seeds_and_long_enough_and_never_from_small(budget, seeds, pole, carries):
    learned = {"status": "done", "slope": 0.0, "iou_pole": pole, "iou_person": 0.3}
    rows = [{"grid": "skips", "arm": "with skips", "budget": budget, "seed": seed} | learned for seed in range(seeds)]
    assert carries_verdict(pd.DataFrame(rows), ["with skips"]) == carries
    assert not carries_verdict(pd.DataFrame(columns=["arm"]), ["with skips"])


def test_a_larger_budget_counts_from_all_its_seeds_on(tmp_path):
    """Until then the smaller one that is finished stands; and what is not finished says so."""
    for seed in range(5):
        add(tmp_path, "with skips", seed, [0.3], 1.0, grid="skips", budget="small")
    assert describe_rows(read_rows("skips", tmp_path)) == "recorded, small budget, 5 seeds"
    for seed in range(4):
        add(tmp_path, "with skips", seed, [0.5], 1.0, grid="skips")
    assert budget_of(read_rows("skips", tmp_path)) == "small"
    for seed in range(5):
        add(tmp_path, "with skips", seed, [0.4], 1.0, grid="skips", budget="medium")
    assert describe_rows(read_rows("skips", tmp_path)) == "recorded, medium budget, 5 seeds"
    add(tmp_path, "with skips", 4, [0.5], 1.0, grid="skips")
    assert describe_rows(read_rows("skips", tmp_path)) == "recorded, full budget, 5 seeds"
    add(tmp_path, "without skips", 0, [0.2], 1.0, grid="skips")
    assert describe_rows(read_rows("skips", tmp_path)) == "recorded, full budget, 1 of 5 seeds"


def test_a_noticeable_lead_is_said_where_several_seeds_show_none():
    scores = {"net": (0.51, 0.504, 0.518), "rival": (0.5, 0.51, 0.5)}
    learned = {"status": "done", "slope": 0.0, "iou_pole": 0.3, "iou_person": 0.3}
    table = [
        {"arm": arm, "seed": seed, "last_iou": iou} | learned for arm in scores for seed, iou in enumerate(scores[arm])
    ]
    rows = pd.DataFrame(table)
    text = "net against rival: +0.7 percentage points (-2.3 to +3.8), 3 seeds"
    assert judge_arms(rows, "net", "rival") == ("cannot tell", f"{text}, which would have noticed a lead of 4.0")
    one_seed = judge_arms(rows[rows["seed"] == 0], "net", "rival")
    assert one_seed == ("cannot tell", "net against rival: +1.0 percentage points, one seed only")


def test_every_patience_is_replayed_on_every_run(tmp_path):
    add(tmp_path, "net", 0, [0.1, 0.3, 0.2, 0.3, 0.9], 1.0)
    add(tmp_path, "net", 1, [0.1, 0.2, 0.3, 0.4, 0.5], 1.0)
    rows, histories = read_rows("models", tmp_path), read_histories("models", tmp_path)
    without_epochs = rows.tail(1).assign(seed=2, run="diverged in its first epoch", status="diverged")
    table = patience_costs(pd.concat([rows, without_epochs]), histories, "net", (2, 3))
    assert table["seed"].tolist() == [0, 0, 1, 1]
    assert table["epochs"].tolist() == [4, 5, 5, 5]
    assert table["loss"].tolist() == pytest.approx([0.6, 0.0, 0.0, 0.0])


def test_the_final_score_has_an_interval_over_images_and_seeds(tmp_path):
    assert final_score(tmp_path) is None
    rng = np.random.default_rng(0)
    counts = np.zeros((3, 20, NUM_CLASSES, 3), dtype=int)
    counts[:, :, :2, 1] = 100
    counts[:, :, :2, 0] = counts[:, :, :2, 2] = rng.integers(40, 80, (3, 20, 2))
    for seed in range(3):
        images = [
            {"image": image}
            | {
                f"{kind}_{c}": counts[seed, image, c, k]
                for k, kind in enumerate(("hits", "true", "predicted"))
                for c in range(NUM_CLASSES)
            }
            for image in range(20)
        ]
        add(tmp_path, "recipe", seed, [0.5], 1.0, grid="final", images=images)
    found = final_score(tmp_path)
    assert found == score_interval(counts)
    assert found.mean == pytest.approx(mean_iou_of_counts(counts.sum(axis=1)).mean())
    assert found.low < found.mean < found.high
    table = tmp_path / "final.csv"
    table.write_text(table.read_text().replace("2,done", "2,diverged"))
    assert final_score(tmp_path).mean == pytest.approx(mean_iou_of_counts(counts[:2].sum(axis=1)).sum() / 3)
