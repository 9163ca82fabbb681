"""What the networks of the course score: recorded class by class, with intervals over the images.

``results/weights/scores.csv`` has a row for each network, data and class, and one for the mean. It is written by
``python -m cs_utils evaluate --record results/weights/scores.csv``, which replaces the rows of that network and data.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.experiments.evidence import RESULTS
from cs_utils.experiments.statistics import Interval, class_intervals, score_interval
from cs_utils.experiments.store import lock_of
from cs_utils.labels import CLASS_NAMES

SCORES = RESULTS / "weights" / "scores.csv"
"""The recorded scores of the networks that come with the course."""
MEAN = "mean"
COLUMNS = ["weights", "data", "images", "class", "iou", "low", "high"]


def score_table(counts: np.ndarray) -> pd.DataFrame:
    """IoU of each class that the ground truth holds, and their mean as the last row, with intervals over the images.

    A class that the data do not have, such as a truck in CamVid, is left out even where it is predicted. The official
    mean would count it as 0. The pixels that are lost to it count in any case, as missed.

    Args:
        counts: (images, C, 3), as `cs_utils.evaluation.predict.Evaluation` has them.

    Returns:
        By class name, and "mean"; columns ``iou``, ``low``, ``high``, 0..1.

    Raises:
        ValueError: there are fewer than two images.
    """
    held = counts[:, :, 1].sum(axis=0) > 0  # (C,)
    known = counts[:, held]
    found = dict(zip(np.array(CLASS_NAMES)[held], class_intervals(known), strict=True))
    found[MEAN] = score_interval(known[None])
    columns = {"iou": [one.mean for one in found.values()]}
    columns |= {end: [getattr(one, end) for one in found.values()] for end in ("low", "high")}
    return pd.DataFrame(columns, index=pd.Index(list(found), name="class"))


def read_scores(path: Path = SCORES) -> pd.DataFrame:
    """The recorded rows, with the columns `COLUMNS`; none where nothing is recorded.

    Raises:
        CourseError: the file is a table of another kind, or none.
    """
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    # "7" and "None" are names, too, and only a number can be missing.
    names = dict.fromkeys(("weights", "data", "class"), str)
    numbers = dict.fromkeys(("iou", "low", "high"), "")
    try:
        rows = pd.read_csv(path, dtype=names, keep_default_na=False, na_values=numbers)
        missing = [name for name in COLUMNS if name not in rows]
        reason = f"without {', '.join(missing)}" if missing else ""
    except ValueError as error:  # empty, or no text
        reason = str(error).strip().partition("\n")[0]
    if reason:
        raise CourseError(f"{path} is no table of scores ({reason}): name another file, or one that is not there yet")
    return rows


def record_scores(path: Path, weights: str, data: str, counts: np.ndarray) -> Interval:
    """Write what a network scores on some data into a file of scores, in place of what it had of the two before.

    Args:
        path: the file; made where there is none.
        weights: name of the network.
        data: name of the data.
        counts: as in `score_table`.

    Returns:
        The mean IoU with its interval.

    Raises:
        ValueError: there are fewer than two images.
        CourseError: as `read_scores` does.
    """
    table = score_table(counts)
    rows = table.reset_index().assign(weights=weights, data=data, images=len(counts))[COLUMNS]
    with lock_of(path.parent, path.stem):  # or of two calls at a time one would lose its rows
        before = read_scores(path)
        others = before[(before["weights"] != weights) | (before["data"] != data)]
        kept = rows if others.empty else pd.concat([others, rows])
        write_atomic(path, kept.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode())
    return Interval(*table.loc[MEAN], len(counts))
