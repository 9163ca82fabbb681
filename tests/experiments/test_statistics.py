import numpy as np
import pytest
from scipy import stats

from cs_utils.experiments.statistics import (
    Interval,
    class_intervals,
    judge,
    mean_interval,
    mean_iou_of_counts,
    noticeable_lead,
    paired_difference,
    paired_score_interval,
    power,
    score_interval,
)


def test_an_interval_is_the_one_worked_out_by_hand():
    # Mean 2, standard deviation 1, Student's t of two degrees of freedom 4.3027: 2 -+ 4.3027 / sqrt(3).
    found = mean_interval([1, 2, 3])
    assert (found.mean, found.count) == (2, 3)
    assert (found.low, found.high) == pytest.approx((-0.4841, 4.4841), abs=1e-4)
    ends = stats.ttest_1samp([0.3, 0.1, 0.7, 0.2], 0).confidence_interval()
    found = mean_interval([0.3, 0.1, 0.7, 0.2])
    assert (found.low, found.high) == pytest.approx(tuple(ends))


def test_pairs_take_out_what_both_arms_share():
    # The seeds differ by 30 points, the arms by 1, 2 and 3.
    found = paired_difference([0.11, 0.42, 0.23], [0.10, 0.40, 0.20])
    assert found.mean == pytest.approx(0.02)
    assert (found.low, found.high) == pytest.approx((0.02 - 0.024841, 0.02 + 0.024841), abs=1e-5)


def test_one_pair_has_no_interval_and_cannot_tell():
    found = paired_difference([0.4], [0.1])
    assert found.mean == pytest.approx(0.3)
    assert np.isnan([found.low, found.high]).all()
    assert judge(found) == "cannot tell"


@pytest.mark.parametrize("values", [[], [0.1, float("nan")], [0.1, float("inf")]])
def test_what_is_no_number_has_no_interval(values):
    with pytest.raises(ValueError, match="finite"):
        mean_interval(values)


def test_arms_of_other_seeds_make_no_pairs():
    with pytest.raises(ValueError, match="pairs"):
        paired_difference([0.1, 0.2], [0.1])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.05, "better"),
        (0.001, 0.002, "better"),
        (-0.05, -0.001, "worse"),
        (-0.009, 0.008, "equal"),
        (-0.01, 0.01, "equal"),
        (-0.02, 0.005, "cannot tell"),
        (-0.005, 0.02, "cannot tell"),
    ],
)
def test_the_rule_of_the_verdicts(low, high, expected):
    assert judge(Interval((low + high) / 2, low, high, 5)) == expected


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_nineteen_of_twenty_intervals_hold_the_truth(seeds):
    rng = np.random.default_rng(seeds)
    noise_of_seed = rng.normal(0, 0.05, (2000, seeds))
    first = 0.507 + noise_of_seed + rng.normal(0, 0.01, (2000, seeds))
    second = 0.5 + noise_of_seed + rng.normal(0, 0.01, (2000, seeds))
    found = [paired_difference(*pair) for pair in zip(first, second, strict=True)]
    assert 0.93 <= np.mean([one.low <= 0.007 <= one.high for one in found]) <= 0.97


def test_with_no_true_lead_one_in_twenty_is_called_a_lead():
    rng = np.random.default_rng(1)
    judged = [judge(mean_interval(leads)) for leads in rng.normal(0, 0.02, (2000, 5))]
    assert 0.03 <= np.mean([word in ("better", "worse") for word in judged]) <= 0.07
    # Pairs that scatter by two points cannot show that arms are equal within one.
    assert judged.count("equal") / len(judged) < 0.2


def test_the_power_is_the_share_of_simulated_experiments_that_notice():
    rng = np.random.default_rng(2)
    for pairs, lead in ((3, 0.03), (5, 0.015), (10, 0.01)):
        noticed = [mean_interval(leads).low > 0 for leads in rng.normal(lead, 0.01, (1500, pairs))]
        assert power(lead, 0.01, pairs) == pytest.approx(np.mean(noticed), abs=0.03)


def test_the_noticeable_lead_is_noticed_four_times_out_of_five():
    differences = [0.004, -0.006, 0.001, 0.012, -0.002]
    lead = noticeable_lead(differences)
    assert power(lead, np.std(differences, ddof=1), 5) == pytest.approx(0.8)
    # By the tables: five pairs, two-sided 5 %, power 0.8 -> a lead of 1.68 deviations.
    assert lead / np.std(differences, ddof=1) == pytest.approx(1.68, abs=0.01)
    assert noticeable_lead([0.1, 0.1]) == 0
    assert np.isnan(noticeable_lead([0.1]))


def test_mean_iou_of_counts_by_hand():
    # Class 0: 3 hits, 4 true, 5 predicted: 3/6. Class 1: never there: left out. Class 2: 0 of 2 true: 0.
    counts = np.array([[3, 4, 5], [0, 0, 0], [0, 2, 0]])
    assert mean_iou_of_counts(counts) == pytest.approx(0.25)


def simulate_score(rng, seeds, images):
    """Counts of a recipe whose true score is 0.6: images differ in difficulty, seeds in luck; one class."""
    luck = rng.normal(0, 0.02, (seeds, 1)) if seeds > 1 else 0.0
    hits = 100 * (0.6 + rng.normal(0, 0.1, images) + luck + rng.normal(0, 0.03, (seeds, images)))
    # Nothing is predicted wrongly, so the union is what is true: 100 pixels on every image.
    return np.stack([hits, np.full((seeds, images), 100.0), hits], axis=-1)[:, :, None]


@pytest.mark.parametrize(("seeds", "images"), [(5, 60), (3, 200), (1, 100)])
def test_nineteen_of_twenty_score_intervals_hold_the_true_score(seeds, images):
    rng = np.random.default_rng(seeds)
    found = [score_interval(simulate_score(rng, seeds, images), 100, number) for number in range(1000)]
    assert 0.93 <= np.mean([one.low <= 0.6 <= one.high for one in found]) <= 0.97


def test_more_seeds_and_more_images_make_the_score_surer():
    rng = np.random.default_rng(9)
    few, many = (score_interval(simulate_score(rng, *size), 200) for size in ((2, 30), (10, 400)))
    assert many.high - many.low < (few.high - few.low) / 2
    with pytest.raises(ValueError, match="image"):
        score_interval(simulate_score(rng, 3, 1))


@pytest.mark.parametrize("images", [12, 60])
def test_nineteen_of_twenty_paired_intervals_hold_the_true_difference(images):
    """Of two networks on the same images: an image that is hard is hard for both."""
    rng = np.random.default_rng(images)
    inside, widths = [], []
    for number in range(2000):
        hard = rng.normal(0, 0.1, images)
        hits = 100 * (np.array([[0.6], [0.55]]) + hard + rng.normal(0, 0.02, (2, images)))
        first, second = np.stack([hits, np.full((2, images), 100.0), hits], axis=-1)[:, :, None]
        found = paired_score_interval(first, second, 200, number)
        inside.append(found.low <= 0.05 <= found.high)
        widths.append(found.high - found.low)
    assert 0.93 <= np.mean(inside) <= 0.97
    alone = score_interval(first[None], 200)
    assert np.mean(widths) < (alone.high - alone.low) / 2


def test_class_intervals_hold_the_true_iou_and_stay_between_0_and_1():
    rng = np.random.default_rng(3)
    inside = []
    for number in range(1000):
        hits = 100 * (rng.random(40) < 0.7)  # in each image a thing of 100 pixels, found seven times out of ten
        counts = np.stack([hits, np.full(40, 100), hits], axis=1)[:, None]  # (40, 1, 3)
        (found,) = class_intervals(counts, 200, number)
        inside.append(found.low <= 0.7 <= found.high)
    assert 0.93 <= np.mean(inside) <= 0.97
    nearly = np.full((9, 2, 3), 100.0)
    nearly[0, 0, 0] = 50
    nearly[:, 1] = 0
    sure, absent = class_intervals(nearly)
    assert sure.high == 1
    assert sure.mean == pytest.approx(850 / 950)
    assert np.isnan([absent.mean, absent.low]).all()


def test_a_difference_is_told_in_points_and_zero_has_no_minus():
    assert Interval(0.0604, -0.0123, 0.1, 5).in_points() == "+6.0 percentage points (-1.2 to +10.0)"
    assert Interval(-0.0002, -0.01, 0.01, 5).in_points(unit="") == "+0.0 (-1.0 to +1.0)"
    assert Interval(-0.02, np.nan, np.nan, 1).in_points() == "-2.0 percentage points, one seed only"
