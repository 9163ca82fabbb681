"""The rules on speed: how many epochs or seconds each arm of a grid needs until the same mean IoU.

A mean IoU that a predictor reaches that never looks at a photo decides nothing.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from course.verdicts import MISSING, TOO_SMALL, UNDECIDED, Verdict, join_words
from cs_utils.experiments.evidence import budget_is_enough, by_seed, read_rows, speed_lead, timed_alike
from cs_utils.experiments.statistics import Interval, judge

EPOCH = 1.0
"""Arms that differ by less than an epoch are equally fast."""


def faster(
    folder: Path, grid: str, comparisons: Iterable[tuple[str, str]], mixed: str, blind_grid: str, blind: str
) -> Verdict:
    """Compare how many epochs arms need: right if the first is faster in all ``comparisons``, wrong if in none.

    The predictor that never looks is the arm ``blind`` of another grid.
    """

    def tell(arm: str, against: str, goal: int, gain: Interval) -> str:
        size, word, ends = _in_words(gain, ("earlier", "later"), digits=1)
        return f"{arm} reaches {goal} % {size} epochs {word} than {against}{ends}"

    def decide(gain: Interval) -> str:
        said = {"better": "right", "equal": "wrong", "worse": "wrong"}
        return said.get(judge(gain, EPOCH, tiny_counts=False), UNDECIDED)

    never_looks = _reached_blindly(read_rows(blind_grid, folder), blind)
    return _race(read_rows(grid, folder), comparisons, "epochs", never_looks, tell, decide, mixed)


def slowest(folder: Path, grid: str, arm: str, others: list[str], blind: str) -> Verdict:
    """Whether an arm needs more seconds than each of the others; half right if than some.

    The predictor that never looks is the arm ``blind``.
    """

    def tell(arm: str, other: str, goal: int, gain: Interval) -> str:
        size, word, ends = _in_words(gain, ("less", "more"), digits=0)
        return f"{arm} needs {size} s {word} than {other} until {goal} %{ends}"

    def decide(gain: Interval) -> str:
        return {"better": "wrong", "worse": "right"}.get(judge(gain, margin=0.0), UNDECIDED)

    rows = read_rows(grid, folder)
    pairs = [(arm, other) for other in others]
    return _race(rows, pairs, "seconds", _reached_blindly(rows, blind), tell, decide, mixed="half right")


def _reached_blindly(rows: pd.DataFrame, blind: str) -> float:
    # What a predictor reaches that never looks at a photo, in per cent; where it is not recorded, it may be anything.
    reached = by_seed(rows, blind)
    return math.inf if reached.empty else 100 * reached.max()


def _race(
    rows: pd.DataFrame,
    pairs: Iterable[tuple[str, str]],
    unit: str,
    never_looks: float,
    tell: Callable[[str, str, int, Interval], str],
    decide: Callable[[Interval], str],
    mixed: str,
) -> Verdict:
    # One clause and one word for each pair; the gains are those of the first over the second.
    if rows.empty:
        return Verdict(TOO_SMALL, MISSING)
    words, texts, easy = [], [], False
    for pair in pairs:
        found = speed_lead(rows, *pair, unit)
        if found is None:
            alike = unit == "epochs" or timed_alike(rows, *pair)
            reason = "no IoU that all runs reach" if alike else "not timed alike"
            texts.append(f"{' against '.join(pair)}: {reason}")
            words.append(None)
            continue
        goal, gain = found
        texts.append(_nowhere(rows, pair, unit, goal) or tell(*pair, goal, gain) + _never(rows, pair, unit, goal))
        easy |= goal <= never_looks
        enough = goal > never_looks and budget_is_enough(rows, pair, until_the_end=False)
        words.append(decide(gain) if enough else None)
    if easy:
        known = f"reaches {never_looks:.1f} %" if math.isfinite(never_looks) else f"is {MISSING}"
        texts.append(f"a predictor that never looks at the photo {known}")
    return Verdict(join_words(words, mixed), "; ".join(texts))


def _nowhere(rows: pd.DataFrame, arms: Iterable[str], unit: str, goal: int) -> str:
    # A difference from an arm that never gets there would be one from an invented time.
    lost = [arm for arm in arms if by_seed(rows, arm, f"{unit}_to_{goal}").isna().all()]
    return f"no run of {lost[0]} reaches {goal} %" if lost else ""


def _never(rows: pd.DataFrame, arms: Iterable[str], unit: str, goal: int) -> str:
    # Which runs have no such time; `speed_lead` has given them one, and the reader has to know.
    missing = {arm: by_seed(rows, arm, f"{unit}_to_{goal}").isna() for arm in arms}
    missed = [f"{gaps.sum()} of {len(gaps)} runs of {arm}" for arm, gaps in missing.items() if gaps.any()]
    return f" ({' and '.join(missed)} never get there; each counts as an epoch more than a whole run)" if missed else ""


def _in_words(gain: Interval, words: tuple[str, str], digits: int) -> tuple[str, str, str]:
    # A difference without its sign, the word for its direction, and its interval in this direction; one seed has none.
    word, sign = (words[1], -1) if gain.mean < 0 else (words[0], 1)
    low, high = sorted((sign * gain.low, sign * gain.high))
    # Adding 0 turns a rounded -0 into 0.
    size, start, end = (f"{round(value, digits) + 0.0:.{digits}f}" for value in (sign * gain.mean, low, high))
    return size, word, f" ({start} to {end}), {gain.count} seeds" if gain.count > 1 else ", 1 seed"
