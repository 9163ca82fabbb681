"""The rules that decide a claim by the recorded runs: each reads the rows of its grids and gives a verdict.

Which rule decides which claim, and its arguments, is in ``claims.toml``. A rule judges what the rows say; whether they
may be judged at all, by their budget and their seeds, `claims` asks for all rules alike.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from course.speed import faster, slowest
from course.verdicts import MISSING, TOO_SMALL, UNDECIDED, Verdict, join_words
from cs_utils.experiments.evidence import (
    DIVERGED,
    budget_is_enough,
    by_seed,
    judge_arms,
    lead,
    read_histories,
    read_rows,
    stop_early,
)
from cs_utils.experiments.statistics import LEVEL, MARGIN, judge, mean_interval

TOO_SHORT = "trained too briefly to judge"
OVERFITS = 1.1
"""A run overfits whose validation loss ends at least so many times as high as its lowest value."""


def leads(
    folder: Path,
    grid: str,
    comparisons: Iterable[tuple[str, str]],
    words: dict[str, str],
) -> Verdict:
    """Compare arms in pairs by their last mean IoU; ``words`` says what better, equal and worse mean for the claim."""
    rows = read_rows(grid, folder)
    judged = [judge_arms(rows, *pair) for pair in comparisons]
    # Where not all come out alike, the reader has to see which one came out how.
    one_by_one = len({judgement for judgement, _ in judged}) > 1
    shown = [(judgement or TOO_SHORT, text) for judgement, text in judged]
    # What is not recorded was not trained briefly either.
    texts = [text if not one_by_one or text.endswith(MISSING) else f"{text}: {word}" for word, text in shown]
    because = "; ".join(texts) if len(rows) else MISSING
    found = {None if judgement is None else words.get(judgement, UNDECIDED) for judgement, _ in judged}
    return Verdict(join_words(found, words.get("mixed", UNDECIDED)), because)


def best(folder: Path, grid: str, arm: str, others: list[str], beaten: str) -> Verdict:
    """Whether an arm is the best choice: right if no other can lead it by a point, ``beaten`` if one does."""
    rows = read_rows(grid, folder)
    judged = {other: _beats(rows, other, arm, len(others)) for other in others}
    found = {other: gain for other in others if (gain := lead(rows, other, arm))}
    if not found:
        return Verdict(TOO_SMALL, MISSING)
    counts = [gain.count for gain in found.values()]
    fewest, most = min(counts), max(counts)
    seeds = f"{most} seeds" if fewest == most else f"{fewest} to {most} seeds"
    texts = [f"leads over {arm} in percentage points, {seeds}"]
    says = {True: "better by more than a point", False: "no point better", UNDECIDED: UNDECIDED, None: TOO_SHORT}
    for word, meaning in says.items():
        told = [f"{other} {gain.in_points(unit='')}" for other, gain in found.items() if judged[other] == word]
        texts += [f"{meaning}: {', '.join(told)}"] if told else []
    texts += [f"{other}: {MISSING}" for other in others if other not in found]
    if True in judged.values():
        return Verdict(beaten, "; ".join(texts))
    words = {"right" if word is False else word for word in judged.values()}
    return Verdict(join_words(words, UNDECIDED), "; ".join(texts))


def _beats(rows: pd.DataFrame, arm: str, rival: str, comparisons: int) -> bool | str | None:
    """Whether an arm leads its rival by more than the margin; `UNDECIDED`, or None where the budget is not enough.

    One of several ``comparisons`` is enough to overturn a choice, so each is judged at a stricter level.
    """
    found, strict = (lead(rows, arm, rival, level=level) for level in (LEVEL, _stricter(comparisons)))
    if found is None or strict is None or not budget_is_enough(rows, (arm, rival)):
        return None
    return True if strict.low > MARGIN else False if found.high <= MARGIN else UNDECIDED


def _stricter(comparisons: int) -> float:
    """The level of each interval where one of so many is enough (Bonferroni)."""
    return 1 - (1 - LEVEL) / comparisons


def first_epoch(folder: Path, grid: str, arm: str, blind: str, steps: int) -> Verdict:
    """Right if all classes that are learned in the end are learned after one epoch.

    Half right if the network then has at least learned something from the photos: its mean IoU is higher than that of
    a predictor that never looks at one, the arm ``blind``, and not only within a point. Else it depends, where that is
    sure: our epochs are shorter than the talk's, which has so many ``steps``.
    """
    rows = read_rows(grid, folder)
    first = [history["iou_score"].iloc[0] for history in _histories(folder, grid, arm)]
    never_looks = by_seed(rows, blind)
    if not first or never_looks.empty:
        return Verdict(TOO_SMALL, MISSING)
    start, end = (by_seed(rows, arm, column).mean() for column in ("alive_first", "alive_last"))
    seen = judge(mean_interval([iou - never_looks.iloc[0] for iou in first]), tiny_counts=False)
    word = {"better": "half right", "cannot tell": UNDECIDED}.get(seen, "depends on how long an epoch is")
    word = "right" if start >= end else word
    settings = json.loads(by_seed(rows, arm, "settings").iloc[0])["settings"]
    ours = settings["train_images"] // settings["batch_size"]  # what is left over is no batch
    reached, blind_classes = mean_interval(first), by_seed(rows, blind, "alive_last").iloc[0]
    ends = f" ({100 * reached.low:.1f} to {100 * reached.high:.1f})" if reached.count > 1 else ""
    because = f"after one epoch {start:.0f} of {end:.0f} classes have an IoU over 0.1, and the mean IoU is "
    because += f"{100 * reached.mean:.1f} %{ends}; a predictor that never looks at the photo has {blind_classes:.0f} "
    because += f"such classes and {100 * never_looks.iloc[0]:.1f} %; our epoch has {ours} steps, the talk's {steps}"
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
    others = {arm: median(arm.replace(*beside)) for arm in ratios}
    if not ratios or any(ratio != ratio for ratio in (*ratios.values(), *others.values())):
        return Verdict(TOO_SMALL, MISSING)
    fades = [arm for arm, ratio in ratios.items() if ratio < threshold]
    because = "; ".join(
        f"{arm.partition(': ')[2]}: falls to {ratio:.0e} ({beside[1]} to {others[arm]:.0e})"
        for arm, ratio in ratios.items()
    )
    if len(fades) in (0, len(arms)):
        return Verdict("right" if fades else UNDECIDED, because)
    return Verdict("depends on batch norm and the first weights", because)


def failure(folder: Path, grid: str, sound: tuple[str, str], broken: list[str]) -> Verdict:
    """A report of a failure: right if the sound loss is more than a point worse than its rival.

    What happened to somebody cannot be refuted by our runs. Where the sound loss is no point worse, they can show what
    may have caused it: a mistake that makes the network more than a point worse than the rival.
    """
    rows = read_rows(grid, folder)
    found = lead(rows, *sound)
    if found is None:
        return Verdict(TOO_SMALL, MISSING)
    texts = [judge_arms(rows, *sound)[1]]
    # A network that a mistake has ruined need not have learned anything: only the sound one's budget counts.
    ruined = False
    for arm in broken:
        if loss := lead(rows, arm, sound[1]):
            strict = lead(rows, arm, sound[1], level=_stricter(len(broken)))  # one of them is enough
            ruined |= strict is not None and strict.high < -MARGIN
            text = f"{arm} against {sound[1]}: {loss.in_points()}, {loss.count} seeds"
            lost = (by_seed(rows, arm, "status") == DIVERGED).sum()
            texts.append(f"{text}, {lost} of them diverged, which counts as 0" if lost else text)
    explained = "depends on the implementation" if ruined else UNDECIDED
    word = "right" if found.high < -MARGIN else explained if found.low >= -MARGIN else UNDECIDED
    return Verdict(word if budget_is_enough(rows, sound) else TOO_SMALL, "; ".join(texts))


def _histories(folder: Path, grid: str, arm: str) -> list[pd.DataFrame]:
    # Those of an arm's whole runs, in the order of their seeds: where one has diverged says nothing of how others end.
    histories = dict(list(read_histories(grid, folder).groupby("run")))
    rows = read_rows(grid, folder)
    return [histories[run] for run in by_seed(rows[rows["status"] != DIVERGED], arm, "run") if run in histories]


def overfitting(folder: Path, grid: str, arm: str, patience: int) -> Verdict:
    """Whether stopping avoids more than half of the rise of the validation loss above its lowest value, or less.

    A run whose kept weights are from before that lowest value meets nothing of the rise; but it gives away what was
    still to gain, so where most runs do, the claim is half right at best. The question is about the loss of networks
    that overfit, so no class has to be learned for it; but all must overfit.
    """
    rises, avoided, early, stopped = [], [], [], 0
    for history in _histories(folder, grid, arm):
        loss, (stop, kept) = history["val_loss"].to_numpy(), stop_early(history["iou_score"], patience)
        lowest = loss.argmin()
        above = loss[kept] / loss[lowest] - 1
        rises.append(loss[-1] / loss[lowest])
        early += [above] if kept < lowest else []
        avoided.append(1.0 if kept < lowest else 1 - above / max(rises[-1] - 1, 1e-9))
        stopped += stop < len(history) - 1
    if not rises:
        return Verdict(TOO_SMALL, MISSING)
    if not stopped:
        return Verdict(TOO_SMALL, f"with patience {patience} none of {len(rises)} runs stopped before its end")
    ends = f"the validation loss ends {min(rises):.2f} to {max(rises):.2f} times as high as its lowest value"
    if min(rises) < OVERFITS:
        overfit = sum(rise >= OVERFITS for rise in rises)
        return Verdict(TOO_SMALL, f"{ends}: {overfit} of {len(rises)} runs overfit")
    found, more = mean_interval(avoided), mean_interval([share - 0.5 for share in avoided])
    word = {"better": "right", "worse": "wrong"}.get(judge(more, margin=0.0), UNDECIDED)
    because = f"without it {ends}; patience {patience} "
    if len(early) < len(rises):
        because += f"avoids {100 * found.mean:.0f} % of this rise ({100 * found.low:.0f} to {100 * found.high:.0f})"
    if early:
        because += " and " if len(early) < len(rises) else ""
        because += f"keeps weights from before that value in {len(early)} of {len(rises)} runs, so it meets nothing of"
        because += f" this rise there, but their loss is still {100 * min(early):.0f} to {100 * max(early):.0f} % above"
        because += " it"
    return Verdict("half right" if word == "right" and len(early) > len(rises) / 2 else word, because)


def recipe(
    folder: Path,
    patience_grid: str,
    patience_arm: str,
    patience: int,
    batch_grid: str,
    batch_arm: str,
    batch_others: list[str],
) -> Verdict:
    """Patience that costs less than the margin, and a batch size that no other beats by it.

    Right if both hold, half right if one does; if neither, it depends: the numbers are a report of what was done.
    """
    losses, bests, stopped = [], [], 0
    for history in _histories(folder, patience_grid, patience_arm):
        iou = history["iou_score"].to_numpy()
        stop, kept = stop_early(iou, patience)
        losses.append(iou.max() - iou[kept])
        bests.append(int(iou.argmax()) + 1)
        stopped += stop < len(iou) - 1
    rows = read_rows(batch_grid, folder)
    judged = {arm: _beats(rows, arm, batch_arm, len(batch_others)) for arm in batch_others}
    if not losses or rows.empty:
        return Verdict(TOO_SMALL, MISSING)
    cost = mean_interval(losses)
    patient = True if cost.high <= MARGIN else False if cost.low > MARGIN else None
    better = [arm for arm, word in judged.items() if word is True]
    open_ = [arm for arm, word in judged.items() if word == UNDECIDED]
    batch = False if better else None if open_ else True
    because = (
        f"patience {patience} keeps weights {100 * cost.mean:.1f} percentage points ({100 * cost.low:.1f} to "
        f"{100 * cost.high:.1f}) below those of the best epoch, which lies between {min(bests)} and {max(bests)}"
        if stopped
        else f"with patience {patience} none of {len(losses)} runs stopped before its end"
    )
    because += f"; better than {batch_arm}: {', '.join(better)}" if better else f"; none is shown to beat {batch_arm}"
    because += f", and of {', '.join(open_)} we cannot tell" if open_ and not better else ""
    long_enough = budget_is_enough(read_rows(patience_grid, folder), (patience_arm,))
    if not stopped or not long_enough or None in judged.values():
        return Verdict(TOO_SMALL, because)
    if None in (patient, batch):
        return Verdict(UNDECIDED, because)
    return Verdict({2: "right", 1: "half right", 0: "depends on the data"}[patient + batch], because)


RULES: dict[str, Callable[..., Verdict]] = {
    function.__name__: function
    for function in (leads, best, faster, slowest, first_epoch, vanishing, failure, overfitting, recipe)
}
"""The rules by the names that ``claims.toml`` uses."""
