"""Read what the long runs have recorded, and compare their arms by the one rule of `statistics`.

``results/NAME.csv`` has one row for each run of the grid ``NAME``, ``results/NAME-histories.csv`` one for each of their
epochs. Where nothing is recorded yet, the answer is "cannot tell at this budget", in these words.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cs_utils.experiments.grids import BUDGETS, GRIDS, Budget
from cs_utils.experiments.statistics import (
    LEVEL,
    Interval,
    Judgement,
    judge,
    noticeable_lead,
    paired_difference,
    score_interval,
)
from cs_utils.labels import NUM_CLASSES
from cs_utils.settings import ROOT

RESULTS = ROOT / "results"
"""Folder of the recorded runs."""
DIVERGED = "diverged"
"""The ``status`` of a run that ended by a loss that is no number; it counts as an IoU of 0."""
ALIVE = 0.1
"""IoU from which a class counts as learned."""
SMALL_CLASSES = ("pole", "person")
"""The classes that must be learned before a budget can carry a verdict."""
STILL_RISING = 0.01
"""Gain of the last quarter of a run, in mean IoU per ten epochs, from which it was too short for a verdict."""
TARGETS = tuple(range(5, 65, 5))
"""IoU in percent whose first epoch, and its seconds, a row keeps, as ``epochs_to_35`` and ``seconds_to_35``."""


def read_rows(grid: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The rows of a grid's runs that arms are compared by; none if none is there.

    They are of the largest budget in which every arm has all its seeds, so that a larger one hides nothing while its
    arms still lack some; where no budget is finished, of the largest in which every arm has a run. Not waited for are
    arms that are no longer declared, and those that only the small budget has: it never decides, and a trial of a new
    arm takes nothing back. Of each budget and arm the runs count that are made like its last one, on the last version
    of the data. Runs that only tuned a rate are left out. A run that diverged has an IoU of 0, in ``last_iou``,
    ``best_iou`` and all classes of its data. The column ``grid`` is added.
    """
    path = folder / f"{grid}.csv"
    if not path.is_file():
        return pd.DataFrame(columns=["arm", "seed", "budget", "role", "status", "grid"])
    rows = _made_last(pd.read_csv(path).query("role == 'test'").assign(grid=grid))
    declared = rows[rows["arm"].isin(GRIDS[grid].arms)] if grid in GRIDS else rows
    wanted = set(declared.query("budget != 'small'")["arm"]) or set(declared["arm"])
    budgets = {name: rows[rows["budget"] == name] for name in BUDGETS}
    begun = [name for name in BUDGETS if len(budgets[name])]
    complete = [name for name in begun if wanted <= set(budgets[name]["arm"])]
    finished = [name for name in complete if is_finished(budgets[name])]
    rows = budgets[next(iter([*finished, *complete, *begun]), "full")]
    failed = rows["status"] == DIVERGED
    scores = rows.reindex(columns=["last_iou", "best_iou"])  # a run that diverged in its first epoch has none
    rows = rows.assign(**{name: scores[name].mask(failed, 0.0) for name in scores})
    for name in (name for name in rows if name.startswith("iou_") and failed.any()):
        known = rows[name].mask(failed).groupby(rows["data"]).transform("count") > 0  # CamVid lacks some classes
        rows[name] = rows[name].mask(failed & known, 0.0)
    return rows


def _made_last(rows: pd.DataFrame) -> pd.DataFrame:
    # A new version of the data, another rate or a changed arm starts again: an arm has one run of a seed, and runs that
    # were made in several ways make no arm.
    made = rows.reindex(columns=["budget", "arm", "data", "data_version", "settings"]).astype(object).fillna("")
    made["settings"] = made["settings"].str.replace(r'"seed": \d+', "", regex=True)
    for group, same in (("data", "data_version"), ("arm", "settings")):
        made = made[made[same] == made.groupby(["budget", group])[same].transform("last")]
    return rows.loc[made.index].drop_duplicates(["budget", "arm", "seed"], keep="last")


def budget_of(rows: pd.DataFrame) -> Budget | None:
    """The budget of rows from `read_rows`; None where there are none."""
    return rows["budget"].iloc[0] if len(rows) else None


def is_finished(rows: pd.DataFrame, arms: Iterable[str] | None = None) -> bool:
    """Whether arms have all the seeds that their grid declares, in rows from `read_rows`; None: all recorded arms."""
    if arms is None:
        return not _unfinished(rows)
    return set(arms) <= set(rows["arm"]) and not _unfinished(rows[rows["arm"].isin(arms)])


def _unfinished(rows: pd.DataFrame) -> list[tuple[int, int]]:
    # How many seeds an arm has, and how many it should have, for each that lacks some. One that is no longer declared
    # is as complete as it will ever be.
    found = []
    for (grid, arm), count in rows.groupby(["grid", "arm"])["seed"].nunique().items():
        if grid in GRIDS and arm in GRIDS[grid].arms:
            planned = len(GRIDS[grid].test_seeds(GRIDS[grid].arms[arm]))
            found += [(count, planned)] if count < planned else []
    return found


def describe_rows(rows: pd.DataFrame) -> str:
    """Where rows from `read_rows` come from, for a title or a line of text: "recorded, small budget, 3 of 5 seeds".

    Where arms have different numbers of seeds, both ends are said: "3 to 10 seeds".
    """
    if rows.empty:
        return "not recorded yet"
    seeds = rows.groupby("arm")["seed"].nunique()
    fewest, most = int(seeds.min()), int(seeds.max())
    counted = f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'s' * (most != 1)}"
    if lacking := _unfinished(rows):
        least, planned = min(lacking)
        counted = f"{least} of {planned} seeds"
    return f"recorded, {budget_of(rows)} budget, {counted}"


def read_histories(grid: str, folder: Path = RESULTS) -> pd.DataFrame:
    """One row for each epoch of each run, by its ``run``, the same name as in the rows; none if none is there."""
    path = folder / f"{grid}-histories.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["run", "epoch"])


def by_seed(rows: pd.DataFrame, arm: str, column: str = "last_iou") -> pd.Series:
    """One column of an arm's runs, by seed; empty where nothing is recorded."""
    return rows.reindex(columns=["arm", "seed", column]).query("arm == @arm").set_index("seed")[column].sort_index()


def lead(rows: pd.DataFrame, arm: str, against: str, column: str = "last_iou", level: float = LEVEL) -> Interval | None:
    """By how much an arm leads another, over the seeds that both have; None where there are none."""
    pairs = _pairs(rows, arm, against, column)
    return paired_difference(*pairs.to_numpy().T, level) if len(pairs) else None


def _pairs(rows: pd.DataFrame, arm: str, against: str, column: str) -> pd.DataFrame:
    return pd.concat([by_seed(rows, arm, column), by_seed(rows, against, column)], axis=1, join="inner").dropna()


def speed_lead(rows: pd.DataFrame, arm: str, against: str, unit: str = "epochs") -> tuple[int, Interval] | None:
    """How much sooner an arm reaches a mean IoU than another, in ``epochs`` or ``seconds``.

    The IoU is the highest of `TARGETS` that all runs of both arms reach: a higher one would count the height of the
    last epoch. It has to be at least half of what the better arm reaches in the mean, or a single run that failed would
    move the goal to the first epochs. Where there is none, it is the highest that all runs of one arm reach; a run that
    never does counts as an epoch longer than the longest run of both lasted: a short run that gets nowhere is not fast.

    Returns:
        The IoU in points, and the interval of the difference: above 0 where the arm is faster. None without such rows,
        and for seconds on several kinds of device, or where two runs of a pair were not made alike.
    """
    both = rows[rows["arm"].isin((arm, against))]
    if both["arm"].nunique() < 2 or (unit == "seconds" and not timed_alike(rows, arm, against)):
        return None
    columns = [f"{unit}_to_{goal}" for goal in TARGETS]
    failed = both["status"] == DIVERGED  # what such a run reached before counts for nothing
    both = both.assign(**{name: both[name].mask(failed) for name in columns})
    arms = [both[both["arm"] == name] for name in (arm, against)]
    least = 100 * max(one["last_iou"].mean() for one in arms) / 2
    tried = [(goal, name) for goal, name in zip(TARGETS, columns, strict=True) if goal >= least]
    reached = [[goal for goal, name in tried if one[name].notna().all()] for one in arms]
    goals = [goal for goal in reached[0] if goal in reached[1]] or max(reached, key=len)
    if not goals:
        return None
    column = f"{unit}_to_{goals[-1]}"
    whole = both[~failed]
    longest = whole["epochs"] + 1
    if unit == "seconds":
        longest *= whole["seconds"] / whole["epochs"]
    filled = both.assign(**{column: both[column].fillna(longest.max())})
    found = lead(filled, against, arm, column)
    return None if found is None else (goals[-1], found)


def timed_alike(rows: pd.DataFrame, arm: str, against: str) -> bool:
    """Whether the seconds of two arms can be compared: one device, and each pair with as many processes and threads."""
    both = rows[rows["arm"].isin((arm, against))].reindex(columns=["seed", "device", "jobs", "threads"])
    return both["device"].nunique() <= 1 and not both.drop_duplicates()["seed"].duplicated().any()


def budget_is_enough(rows: pd.DataFrame, arms: Sequence[str], until_the_end: bool = True) -> bool:
    """Whether the runs of these arms are long enough for a verdict.

    One of the arms must have learned poles and persons. And, ``until_the_end``, no arm may still gain a point in
    ten epochs: arms that were still rising had not shown where they would end. Runs that diverged do not count here:
    longer, they would have come to nothing as well.
    """
    chosen = rows[rows["arm"].isin(arms) & (rows["status"] != DIVERGED)] if len(rows) else rows
    if chosen.empty:
        return False
    means = chosen.groupby("arm")[[*(f"iou_{name}" for name in SMALL_CLASSES), "slope"]].mean()
    alive = (means[[f"iou_{name}" for name in SMALL_CLASSES]] > ALIVE).all(axis=1).any()
    return bool(alive and (not until_the_end or (means["slope"] < STILL_RISING).all()))


def carries_verdict(rows: pd.DataFrame, arms: Sequence[str]) -> bool:
    """Whether rows from `read_rows` may decide between these arms: not of the budget small, all seeds, long enough."""
    return budget_of(rows) not in (None, "small") and is_finished(rows, arms) and budget_is_enough(rows, arms)


def judge_arms(rows: pd.DataFrame, arm: str, against: str) -> tuple[Judgement | None, str]:
    """How an arm's last mean IoU compares with another's, and a sentence with the numbers.

    Args:
        rows: from `read_rows`.
        arm: the one that is judged.
        against: the other.

    Returns:
        The judgement, None where the budget is not enough: nothing recorded, classes not learned, arms still rising.
        Where it is neither better nor worse, the sentence says which lead these seeds would have noticed; not where one
        seed has no interval.
    """
    pairs = _pairs(rows, arm, against, "last_iou")
    if pairs.empty:
        return None, f"{arm} against {against}: not recorded yet"
    first, second = pairs.to_numpy().T
    found = paired_difference(first, second)
    text = f"{arm} against {against}: {found.in_points()}"
    text += f", {len(pairs)} seeds" if len(pairs) > 1 else ""
    judgement = judge(found)
    if judgement in ("equal", "cannot tell") and len(pairs) > 1:
        text += f", which would have noticed a lead of {100 * noticeable_lead(first - second):.1f}"
    return judgement if budget_is_enough(rows, (arm, against)) else None, text


def stop_early(iou: Iterable[float], patience: int) -> tuple[int, int]:
    """The epochs, from 0, at which early stopping would have stopped, and whose weights it would have kept."""
    best, kept, epoch = float("-inf"), 0, 0
    for epoch, value in enumerate(iou):
        if value > best:
            best, kept = value, epoch
        elif epoch - kept >= patience:
            break
    return epoch, kept


def patience_costs(rows: pd.DataFrame, histories: pd.DataFrame, arm: str, patiences: Iterable[int]) -> pd.DataFrame:
    """What each patience would have cost an arm's runs: a row for each patience and seed.

    Columns: ``patience``, ``seed``, ``epochs`` until it stops, and ``loss``, the best mean IoU of all epochs minus that
    of the weights that are kept. A run that diverged in its first epoch has no IoU to stop by, and is left out.
    """
    found = []
    for seed, run in by_seed(rows, arm, "run").items():
        iou = histories[histories["run"] == run].sort_values("epoch")["iou_score"].to_numpy()
        for patience in patiences if len(iou) else ():
            stop, kept = stop_early(iou, patience)
            found.append({"patience": patience, "seed": seed, "epochs": stop + 1, "loss": iou.max() - iou[kept]})
    return pd.DataFrame(found, columns=["patience", "seed", "epochs", "loss"])


def final_score(folder: Path = RESULTS) -> Interval | None:
    """Mean IoU of the recorded recipe on scenes that chose nothing, over images and seeds; None if not recorded.

    A run that diverged has an IoU of 0 here, too: what its network gives is one class everywhere.
    """
    rows, path = read_rows("final", folder), folder / "final-images.csv"
    if rows.empty or not path.is_file():
        return None
    images = pd.read_csv(path)
    kinds = [[f"{kind}_{index}" for index in range(NUM_CLASSES)] for kind in ("hits", "true", "predicted")]
    runs = [images[images["run"] == run].sort_values("image") for run in rows["run"]]
    counts = np.array([[run[kind].to_numpy() for kind in kinds] for run in runs])  # (seeds, 3, images, C)
    counts[(rows["status"] == DIVERGED).to_numpy(), 0] = 0  # no hits
    return score_interval(counts.transpose(0, 2, 3, 1))
