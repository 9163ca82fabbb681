"""The rules that decide a claim by the recorded runs: each reads the rows of its grids and gives a verdict.

Which rule decides which claim, and its arguments, is in ``claims.toml``. A rule judges what the rows say; whether they
may be judged at all, by their budget and their seeds, `claims` asks for all rules alike.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cs_utils.experiments.evidence import (
    budget_is_enough,
    by_seed,
    judge_arms,
    read_histories,
    read_rows,
    replay,
    speed_lead,
    timed_alike,
)
from cs_utils.experiments.statistics import MARGIN, Interval, Judgement, judge, mean_interval

UNDECIDED = "cannot tell"
TOO_SMALL = "cannot tell at this budget"
MISSING = "not recorded yet"
TOO_SHORT = "trained too briefly to judge"
EPOCH = 1.0
"""Margin of a comparison of speed: arms that differ by less than an epoch are equally fast."""
OVERFITS = 1.1
"""A run overfits whose validation loss ends at least so many times as high as its lowest value."""


@dataclass(frozen=True)
class Verdict:
    """What we say of a claim."""

    word: str
    because: str
    """One clause: what was measured, or what the source says."""


def leads(
    folder: Path,
    grid: str,
    comparisons: Iterable[tuple[str, str]],
    words: dict[str, str],
    decides: Judgement | None = None,
) -> Verdict:
    """Compare arms in pairs by their last mean IoU; ``words`` says what better, equal and worse mean for the claim.

    One comparison that comes out as ``decides`` is enough, whatever the others say: beyond the margin, and at a level
    that allows for the number of comparisons.
    """
    rows = read_rows(grid, folder)
    judged = _one_of_many(rows, comparisons, decides) if decides else [judge_arms(rows, *pair) for pair in comparisons]
    # Where not all come out alike, the reader has to see which one came out how.
    one_by_one = len({judgement for judgement, _ in judged}) > 1
    texts = [f"{text}: {judgement or TOO_SHORT}" if one_by_one else text for judgement, text in judged]
    because = "; ".join(texts) if len(rows) else MISSING
    if decides in [judgement for judgement, _ in judged if judgement]:
        return Verdict(words[decides], because)
    found = {None if judgement is None else words.get(judgement, UNDECIDED) for judgement, _ in judged}
    return Verdict(_joined(found, words.get("mixed", UNDECIDED)), because)


def _one_of_many(
    rows: pd.DataFrame, comparisons: Iterable[tuple[str, str]], decides: Judgement
) -> list[tuple[Judgement | None, str]]:
    # As `judge_arms`, where one that comes out as ``decides`` is enough: only beyond the margin, and at a level that
    # allows for the number of comparisons.
    pairs, judged = list(comparisons), []
    for pair in pairs:
        judgement, text = judge_arms(rows, *pair, tiny_counts=False)
        if judgement == decides:
            strict, _ = judge_arms(rows, *pair, tiny_counts=False, comparisons=len(pairs))
            judgement = decides if strict == decides else UNDECIDED
        judged.append((judgement, text))
    return judged


def _joined(words: set[str | None], mixed: str) -> str:
    # One word of several comparisons; None is a budget that was not enough.
    if None in words:
        return TOO_SMALL
    if UNDECIDED in words:
        return UNDECIDED
    return words.pop() if len(words) == 1 else mixed


def faster(folder: Path, grid: str, comparisons: Iterable[tuple[str, str]], mixed: str) -> Verdict:
    """Compare how many epochs arms need until a mean IoU: right if faster than all others, wrong if than none."""
    rows = read_rows(grid, folder)
    words: set[str | None] = set()
    texts = []
    for arm, against in comparisons:
        found = speed_lead(rows, arm, against)
        enough = found is not None and budget_is_enough(rows, (arm, against), until_the_end=False)
        if found is None:
            texts.append(f"{arm} against {against}: no IoU that all runs reach" if len(rows) else MISSING)
        else:
            goal, gain = found
            size, word, ends = _in_words(gain, ("earlier", "later"), digits=1)
            text = f"{arm} reaches {goal} % {size} epochs {word} than {against} ({ends}), {gain.count} seeds"
            texts.append(text + _never(rows, (arm, against), f"epochs_to_{goal}"))
        said = {"better": "right", "equal": "wrong", "worse": "wrong"}
        words.add(said.get(judge(found[1], EPOCH), UNDECIDED) if enough else None)
    return Verdict(_joined(words, mixed), "; ".join(dict.fromkeys(texts)))


def _in_words(gain: Interval, words: tuple[str, str], digits: int) -> tuple[str, str, str]:
    # A difference without its sign, the word for its direction, and its interval in this direction.
    word, sign = (words[1], -1) if gain.mean < 0 else (words[0], 1)
    low, high = sorted((sign * gain.low, sign * gain.high))
    # Adding 0 turns a rounded -0 into 0.
    size, start, end = (f"{round(value, digits) + 0.0:.{digits}f}" for value in (sign * gain.mean, low, high))
    return size, word, f"{start} to {end}"


def _never(rows: pd.DataFrame, arms: Iterable[str], column: str) -> str:
    # Which runs have no such time; `speed_lead` has given them one, and the reader has to know.
    missing = {arm: by_seed(rows, arm, column).isna() for arm in arms}
    missed = [f"{gaps.sum()} of {len(gaps)} runs of {arm}" for arm, gaps in missing.items() if gaps.any()]
    return f" ({' and '.join(missed)} never do; each counts as an epoch more than a whole run)" if missed else ""


def slowest(folder: Path, grid: str, arm: str, others: list[str]) -> Verdict:
    """Whether an arm needs more seconds than each of the others until a mean IoU; half right if than some."""
    rows = read_rows(grid, folder)
    words: set[str | None] = set()
    texts = []
    for other in others:
        found = speed_lead(rows, other, arm, "seconds")
        judgement = judge(found[1], margin=0.0) if found else None
        if found:
            goal, gain = found
            size, word, ends = _in_words(gain, ("more", "less"), digits=0)
            text = f"{arm} needs {size} s {word} than {other} until {goal} % ({ends}), {gain.count} seeds"
            texts.append(text + _never(rows, (arm, other), f"seconds_to_{goal}"))
        else:
            alike = timed_alike(rows, arm, other)
            texts.append(f"{arm} against {other}: {'no IoU that all runs reach' if alike else 'not timed alike'}")
        enough = budget_is_enough(rows, (arm, other), until_the_end=False)
        words.add({"better": "right", "worse": "wrong"}.get(judgement, UNDECIDED) if found and enough else None)
    return Verdict(_joined(words, "half right"), "; ".join(texts) if len(rows) else MISSING)


def first_epoch(folder: Path, grid: str, arm: str, steps: int) -> Verdict:
    """Right if all classes that are learned in the end are learned after one epoch, half right if some are.

    If none is, it depends: our epochs are shorter than the talk's, which has so many ``steps``.
    """
    rows = read_rows(grid, folder)
    if rows.empty:
        return Verdict(TOO_SMALL, MISSING)
    first, last = (by_seed(rows, arm, column).mean() for column in ("alive_first", "alive_last"))
    word = "right" if first >= last else "half right" if first >= 1 else "depends on how long an epoch is"
    settings = json.loads(by_seed(rows, arm, "settings").iloc[0])["settings"]
    ours = math.ceil(settings["train_images"] / settings["batch_size"])
    because = f"{first:.0f} of {last:.0f} classes are learned (IoU over 0.1) after one epoch"
    because += f", which has {ours} steps here and {steps} in the talk"
    return Verdict(word if budget_is_enough(rows, (arm,)) else TOO_SMALL, because)


def vanishing(folder: Path, grid: str, arms: list[str], beside: tuple[str, str], threshold: float) -> Verdict:
    """Whether the weakest gradient that arrives at a layer is less than ``threshold`` times the strongest.

    Where it fades in no arm, that refutes no "can". The numbers of the same arms with one word in place of another
    stand ``beside``.
    """
    rows = read_rows(grid, folder)

    def median(arm: str) -> float:
        return by_seed(rows, arm, "arriving_ratio").median()

    ratios = {arm: median(arm) for arm in arms if len(rows)}
    if not ratios or any(ratio != ratio for ratio in ratios.values()):
        return Verdict(TOO_SMALL, MISSING)
    fades = [arm for arm, ratio in ratios.items() if ratio < threshold]
    because = "; ".join(
        f"{arm.partition(': ')[2]}: falls to {ratio:.0e} ({beside[1]} to {median(arm.replace(*beside)):.0e})"
        for arm, ratio in ratios.items()
    )
    if len(fades) in (0, len(arms)):
        return Verdict("right" if fades else UNDECIDED, because)
    return Verdict("depends on batch norm and the first weights", because)


def failure(folder: Path, grid: str, sound: tuple[str, str], broken: list[str]) -> Verdict:
    """A report of a failure: right if the sound loss is worse than its rival; else, whether a mistake could explain it.

    What happened to somebody cannot be refuted by our runs. They can show what may have caused it.
    """
    rows = read_rows(grid, folder)
    if rows.empty:
        return Verdict(TOO_SMALL, MISSING)
    judgement, text = judge_arms(rows, *sound, tiny_counts=False)  # to lose less than a point is no failure
    # A network that a mistake has ruined need not have learned anything: only the sound one's budget counts.
    texts, ruined = [text], []
    for arm in broken:
        loss = by_seed(rows, arm) - by_seed(rows, sound[0])
        if len(loss := loss.dropna()):
            found = mean_interval(loss)
            ruined += [arm] if judge(found, tiny_counts=False) == "worse" else []
            texts.append(f"{arm} against {sound[0]}: {found.in_points()}, {found.count} seeds")
    word = {None: TOO_SMALL, "worse": "right", "cannot tell": UNDECIDED}.get(judgement)
    return Verdict(word or ("depends on the implementation" if ruined else UNDECIDED), "; ".join(texts))


def _histories(folder: Path, grid: str, arm: str) -> list[Any]:
    rows = read_rows(grid, folder)
    histories = read_histories(grid, folder)
    return [histories[histories["run"] == run] for run in by_seed(rows, arm, "run")] if len(rows) else []


def overfitting(folder: Path, grid: str, arm: str, patience: int) -> Verdict:
    """Right if stopping avoids more than half of the rise of the validation loss above its lowest value, else wrong.

    The question is about the loss of networks that overfit, so no class has to be learned for it; but all must overfit.
    """
    rises, spared, stopped = [], [], 0
    for history in _histories(folder, grid, arm):
        loss, (stop, _) = history["val_loss"].to_numpy(), replay(history["iou_score"], patience)
        rises.append(loss[-1] / loss.min())
        spared.append((loss[-1] - loss[stop]) / max(loss[-1] - loss.min(), 1e-9))
        stopped += stop < len(history) - 1
    if not rises:
        return Verdict(TOO_SMALL, MISSING)
    if not stopped:
        return Verdict(TOO_SMALL, f"with patience {patience} none of {len(rises)} runs stopped before its end")
    ends = f"the validation loss ends {min(rises):.2f} to {max(rises):.2f} times as high as its lowest value"
    if min(rises) < OVERFITS:
        overfit = sum(rise >= OVERFITS for rise in rises)
        return Verdict(TOO_SMALL, f"{ends}: {overfit} of {len(rises)} runs overfit")
    found, more = mean_interval(spared), mean_interval([share - 0.5 for share in spared])
    word = {"better": "right", "worse": "wrong"}.get(judge(more, margin=0.0), UNDECIDED)
    avoided = f"{100 * found.mean:.0f} % of this rise ({100 * found.low:.0f} to {100 * found.high:.0f})"
    return Verdict(word, f"without it {ends}; patience {patience} avoids {avoided}")


def recipe(
    folder: Path,
    patience_grid: str,
    patience_arm: str,
    patience: int,
    batch_grid: str,
    batch_arm: str,
    batch_others: list[str],
) -> Verdict:
    """Patience that costs less than the margin, and a batch that none beats by it.

    Right if both hold, half right if one does; if neither, it depends: the numbers are a report of what was done.
    """
    losses, bests, stopped = [], [], 0
    for history in _histories(folder, patience_grid, patience_arm):
        iou = history["iou_score"].to_numpy()
        stop, kept = replay(iou, patience)
        losses.append(iou.max() - iou[kept])
        bests.append(int(iou.argmax()) + 1)
        stopped += stop < len(iou) - 1
    rows = read_rows(batch_grid, folder)
    judged = [word for word, _ in _one_of_many(rows, [(arm, batch_arm) for arm in batch_others], "better")]
    if not losses or rows.empty:
        return Verdict(TOO_SMALL, MISSING)
    cost = mean_interval(losses)
    patient = True if cost.high <= MARGIN else False if cost.low > MARGIN else None
    better = [arm for arm, word in zip(batch_others, judged, strict=True) if word == "better"]
    batch = False if better else None if UNDECIDED in judged else True
    because = (
        f"patience {patience} keeps weights {100 * cost.mean:.1f} percentage points ({100 * cost.low:.1f} to "
        f"{100 * cost.high:.1f}) below those of the best epoch, which lies between {min(bests)} and {max(bests)}"
        if stopped
        else f"with patience {patience} none of {len(losses)} runs stopped before its end"
    )
    because += f"; better than {batch_arm}: {', '.join(better)}" if better else f"; no batch size beats {batch_arm}"
    long_enough = budget_is_enough(read_rows(patience_grid, folder), (patience_arm,))
    if not stopped or not long_enough or None in judged:
        return Verdict(TOO_SMALL, because)
    if None in (patient, batch):
        return Verdict(UNDECIDED, because)
    return Verdict({2: "right", 1: "half right", 0: "depends on the data"}[patient + batch], because)


RULES: dict[str, Callable[..., Verdict]] = {
    function.__name__: function
    for function in (leads, faster, slowest, first_epoch, vanishing, failure, overfitting, recipe)
}
"""The rules by the names that ``claims.toml`` uses."""
