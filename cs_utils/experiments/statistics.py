"""What some runs can tell: intervals, the rule of the verdicts, and how small a lead would have been noticed.

Every comparison of the course, live in a lesson or recorded in ``results/``, is judged here and nowhere else. Scores
are mean IoU from 0 to 1, so a margin of 0.01 is one percentage point. Arms are compared on the same seeds, in pairs.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

MARGIN = 0.01
"""One percentage point of mean IoU, fixed before any run: two arms within it are equal."""
LEVEL = 0.95
"""How often an interval holds the truth."""

Judgement = Literal["better", "worse", "equal", "cannot tell"]


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its confidence interval; the ends are NaN where one number alone has none."""

    mean: float
    low: float
    high: float
    count: int
    """How many values, or pairs, it is made of."""

    def in_points(self, unit: str = " percentage points") -> str:
        """As text in percentage points, with a sign: for differences of mean IoU; a list may name its ``unit`` once."""
        mean, low, high = (f"{round(100 * value, 1) + 0.0:+.1f}" for value in (self.mean, self.low, self.high))
        return f"{mean}{unit}, one seed only" if math.isnan(self.low) else f"{mean}{unit} ({low} to {high})"


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """The mean of some values with its confidence interval by Student's t.

    Args:
        values: (n,) numbers, such as the differences of n pairs.
        level: how often such an interval holds the true mean, between 0 and 1.

    Raises:
        ValueError: there are no values, or one of them is NaN or infinite.
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.size == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"values are {numbers.tolist()}: give at least one, all of them finite")
    mean = float(numbers.mean())
    if numbers.size == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = _half_width(stats.sem(numbers), numbers.size - 1, level)
    return Interval(mean, mean - half, mean + half, numbers.size)


def paired_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Interval:
    """By how much the first arm leads the second, pair by pair: a pair shares its seed.

    Args:
        first: (n,) scores of the first arm.
        second: (n,) scores of the second arm, in the same order of seeds.
        level: as in `mean_interval`.

    Raises:
        ValueError: the arms have different numbers of seeds; or as `mean_interval`.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape:
        raise ValueError(f"arms of {one.size} and {other.size} seeds make no pairs: give both the same seeds")
    return mean_interval(one - other, level)


def judge(difference: Interval, margin: float = MARGIN, tiny_counts: bool = True) -> Judgement:
    """The rule: better or worse if the interval excludes 0, equal if it lies within the margin, else cannot tell.

    Where both hold, the lead is real, and too small to matter: with ``tiny_counts`` it is a lead, without it equality.
    """
    within = -margin <= difference.low and difference.high <= margin
    if within and not tiny_counts:
        return "equal"
    if difference.low > 0:
        return "better"
    if difference.high < 0:
        return "worse"
    # An interval whose ends are NaN gets here too, and both comparisons are false.
    return "equal" if within else "cannot tell"


def power(lead: float, deviation: float, pairs: int) -> float:
    """How often so many pairs would notice a true lead: the share of intervals that lie above 0.

    Args:
        lead: the true mean difference, above 0.
        deviation: standard deviation of the single differences, above 0, in the same unit.
        pairs: how many, from 2.
    """
    critical = stats.t.ppf((1 + LEVEL) / 2, pairs - 1)
    return float(stats.nct.sf(critical, pairs - 1, lead / deviation * math.sqrt(pairs)))


def noticeable_lead(differences: ArrayLike) -> float:
    """The smallest true lead that pairs which scatter like these would have noticed four times out of five.

    NaN for fewer than two pairs; 0 for pairs that do not scatter.
    """
    numbers = np.asarray(differences, dtype=float)
    if numbers.size < 2:
        return math.nan
    deviation = float(numbers.std(ddof=1))
    if deviation == 0:
        return 0.0
    # A lead of thirty deviations is noticed by two pairs, one of nothing by hardly any number of them.
    found = optimize.brentq(lambda lead: power(lead, 1.0, numbers.size) - 0.8, 1e-6, 60.0)
    return float(found) * deviation


def iou_of_counts(counts: np.ndarray) -> np.ndarray:
    """IoU of each class from counts of pixels: (..., C, 3) -> (..., C), NaN for a class that does not occur.

    The three counts of a class are hits, true and predicted pixels among the valid ones.
    """
    hits, true, predicted = np.moveaxis(counts.astype(float), -1, 0)
    union = true + predicted - hits
    return np.divide(hits, union, out=np.full(union.shape, np.nan), where=union > 0)


def mean_iou_of_counts(counts: np.ndarray) -> np.ndarray:
    """Mean IoU over the classes that occur, from counts as `iou_of_counts` takes them: (..., C, 3) -> (...)."""
    return np.nanmean(iou_of_counts(counts), axis=-1)


def resample_images(counts: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Draw as many images as there are, with repeats, and add up their counts: (images, ...) -> (resamples, ...).

    This is the bootstrap (Efron and Tibshirani, 1993): the samples scatter as other sets of images would.

    Raises:
        ValueError: there are fewer than two images.
    """
    images = len(counts)
    if images < 2:
        raise ValueError(f"{images} image cannot be resampled: give two or more")
    times = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples)
    return np.tensordot(times, counts.astype(float), axes=1)


def class_intervals(counts: np.ndarray, resamples: int = 2000, seed: int = 0) -> list[Interval]:
    """IoU of each class with its interval over the images, by the bootstrap; the ends stay within 0 and 1.

    Args:
        counts: (images, C, 3) as in `iou_of_counts`; NaN is the IoU of a class that does not occur.
        resamples: how many bootstrap samples of the images.
        seed: of the resampling.

    Raises:
        ValueError: as in `resample_images`.
    """
    samples = iou_of_counts(resample_images(counts, resamples, seed))  # (resamples, C)
    found = []
    for score, column in zip(iou_of_counts(counts.sum(axis=0)), samples.T, strict=True):
        known = column[np.isfinite(column)]  # a class of one image is missing from many samples
        half = _half_width(known.std(ddof=1), len(counts) - 1) if len(known) > 1 else math.nan
        found.append(Interval(float(score), max(score - half, 0.0), min(score + half, 1.0), len(counts)))
    return found


def score_interval(counts: np.ndarray, resamples: int = 2000, seed: int = 0) -> Interval:
    """Mean IoU of a recipe with an interval for both of its chances: other images, and other seeds.

    The images are resampled together for all seeds, the seeds are few and get Student's t. The half-widths of the two
    are added as squares (Zou and Donner, Statistics in Medicine, 2008).

    Args:
        counts: (seeds, images, C, 3) hits, true and predicted pixels, as in `iou_of_counts`. The mean IoU of a
            seed is that of the sum over its images.
        resamples: how many bootstrap samples of the images.
        seed: of the resampling.

    Raises:
        ValueError: as in `resample_images`.
    """
    seeds, images = counts.shape[:2]
    scores = mean_iou_of_counts(counts.sum(axis=1))  # (seeds,)
    sums = resample_images(np.moveaxis(counts, 1, 0), resamples, seed)  # (resamples, seeds, C, 3)
    samples = mean_iou_of_counts(sums).mean(axis=1)  # (resamples,)
    half = _half_width(samples.std(ddof=1), images - 1)
    if seeds > 1:
        half = math.hypot(half, _half_width(stats.sem(scores), seeds - 1))
    mean = float(scores.mean())
    return Interval(mean, mean - half, mean + half, seeds * images)


def paired_score_interval(first: np.ndarray, second: np.ndarray, resamples: int = 2000, seed: int = 0) -> Interval:
    """By how much one mean IoU leads another on the same images, with the interval over other images.

    Args:
        first: (images, C, 3) as in `iou_of_counts`.
        second: the same images in the same order.
        resamples: how many bootstrap samples of the images; both are counted on each.
        seed: of the resampling.

    Raises:
        ValueError: as in `resample_images`.
    """
    pairs = np.stack([first, second], axis=1)  # (images, 2, C, 3)
    one, other = mean_iou_of_counts(pairs.sum(axis=0))
    samples = mean_iou_of_counts(resample_images(pairs, resamples, seed))  # (resamples, 2)
    half = _half_width((samples[:, 0] - samples[:, 1]).std(ddof=1), len(pairs) - 1)
    return Interval(float(one - other), float(one - other) - half, float(one - other) + half, len(pairs))


def _half_width(error: float, freedom: int, level: float = LEVEL) -> float:
    """Half an interval by Student's t: the standard error of a mean, and its degrees of freedom."""
    return float(stats.t.ppf((1 + level) / 2, freedom) * error)
