"""The benchmark's own evaluator, from the public ``cityscapesscripts``, beside our scores: they must be equal.

It is told nothing of what we counted: it reads the exported predictions and the ground truth from their files anew.
"""

import contextlib
import copy
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from cs_utils.data.cityscapes import Frame
from cs_utils.evaluation.predict import Evaluation, export_name
from cs_utils.exceptions import CourseError
from cs_utils.metrics.confusion import mean_score

KINDS = (
    ("class IoU", "table", "iou", "classScores", "averageScoreClasses"),
    ("category IoU", "categories", "iou", "categoryScores", "averageScoreCategories"),
    ("class iIoU", "table", "iiou", "classInstScores", "averageScoreInstClasses"),
    ("category iIoU", "categories", "iiou", "categoryInstScores", "averageScoreInstCategories"),
)
"""Each kind of score: its table and column in an `Evaluation`; its scores and their mean in the evaluator's result."""


@dataclass(frozen=True)
class Comparison:
    """Our scores beside the official ones."""

    table: pd.DataFrame
    """Columns ``ours`` and ``official``, 0..1 or NaN, by kind of score and name; each kind ends with its mean."""

    @property
    def differing(self) -> pd.DataFrame:
        """The rows that are not equal to the last digit; NaN equals NaN."""
        ours, official = self.table["ours"], self.table["official"]
        return self.table[(ours != official) & ~(ours.isna() & official.isna())]

    def __str__(self) -> str:
        lines = self.table.dropna(how="all").to_string(float_format="{:.6f}".format)
        if self.differing.empty:
            return f"{lines}\nall {len(self.table)} scores agree with the official ones to the last digit"
        first = self.differing.iloc[0]
        return (
            f"{lines}\n{len(self.differing)} of {len(self.table)} scores differ from the official ones, first "
            f"{' of '.join(first.name)}: {float(first['ours'])!r} is not {float(first['official'])!r}"
        )


def load_evaluator() -> ModuleType:
    """Import the official evaluator.

    Raises:
        CourseError: it is not installed, or its environment variables are wrong.
    """
    try:
        from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling
    except ImportError:
        raise CourseError(
            "the official evaluator is not installed: `python -m pip install cityscapesscripts`"
        ) from None
    except ValueError as error:
        raise CourseError(f"the official evaluator cannot start: {error}; mend or unset that variable") from None
    return evalPixelLevelSemanticLabeling


def official_result(frames: Sequence[Frame], folder: Path, with_instances: bool) -> dict[str, Any]:
    """Run the official evaluator on exported predictions.

    Args:
        frames: the frames, in the order in which their instances are to be added up.
        folder: what `export_label_ids` wrote their predictions to.
        with_instances: compute iIoU too, which needs instance images.

    Returns:
        The evaluator's own result, as it would write it to its JSON file.

    Raises:
        CourseError: it is not installed, or it refuses a file.
    """
    evaluator = load_evaluator()
    arguments = copy.copy(evaluator.args)
    arguments.quiet, arguments.JSONOutput, arguments.evalInstLevelScore = True, False, with_instances
    predictions = [str(folder / export_name(frame)) for frame in frames]
    said = io.StringIO()
    try:
        with _in1d(), contextlib.redirect_stdout(said):
            return evaluator.evaluateImgLists(predictions, [str(frame.label_ids) for frame in frames], arguments)
    except SystemExit:
        # It ends the program instead of raising an error; the reason is what it has printed.
        reason = " ".join(said.getvalue().split())
        raise CourseError(f"the official evaluator stopped ({reason}): restore that file") from None


@contextlib.contextmanager
def _in1d() -> Iterator[None]:
    # The evaluator calls numpy.in1d, which NumPy 2.4 has no more.
    if hasattr(np, "in1d"):
        yield
        return
    np.in1d = np.isin
    try:
        yield
    finally:
        del np.in1d


def compare(evaluation: Evaluation, frames: Sequence[Frame], folder: Path) -> Comparison:
    """Set our scores of some frames beside the official ones of the predictions exported meanwhile.

    Args:
        evaluation: what `evaluate` gave.
        frames: the frames that were evaluated, in the same order.
        folder: the folder that it exported to.

    Raises:
        CourseError: as `official_result` does.
    """
    result = official_result(frames, folder, with_instances=evaluation.instances > 0)
    rows = []
    for kind, table, column, each, mean in KINDS:
        ours = getattr(evaluation, table).get(column)
        if ours is not None:  # without instances there is no iIoU
            rows += [(kind, name, score, float(result[each][name])) for name, score in ours.items()]
            rows.append((kind, "mean", mean_score(ours), float(result[mean])))
    table = pd.DataFrame(rows, columns=["kind", "of", "ours", "official"])
    return Comparison(table.set_index(["kind", "of"]))
