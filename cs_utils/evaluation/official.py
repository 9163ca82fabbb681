"""The benchmark: its own evaluator compared with our scores, which must be equal, and the archive for its server.

The evaluator, from the public ``cityscapesscripts``, is told nothing of what we counted: it reads the exported
predictions and the ground truth from their files again.

The server's rules for the archive: for each image of the split exactly one PNG whose name begins with
``{city}_{sequence}_{frame}``, at the image's full size, 8-bit, holding regular label ids and not trainIds. What breaks
them is refused here before it is refused there.
"""

import contextlib
import copy
import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from torch import nn
from tqdm import tqdm

from cs_utils.data.check import CITYSCAPES_COUNTS, CITYSCAPES_SIZE
from cs_utils.data.cityscapes import Frame, list_frames, list_labelled, read_as_stored
from cs_utils.data.files import file_problem
from cs_utils.evaluation.predict import Evaluation, export_name, predict
from cs_utils.exceptions import CourseError
from cs_utils.labels import train_id_to_id
from cs_utils.metrics.confusion import mean_score

KINDS = (
    ("class IoU", "table", "iou", "classScores", "averageScoreClasses"),
    ("category IoU", "categories", "iou", "categoryScores", "averageScoreCategories"),
    ("class iIoU", "table", "iiou", "classInstScores", "averageScoreInstClasses"),
    ("category iIoU", "categories", "iiou", "categoryInstScores", "averageScoreInstCategories"),
)
"""Each kind of score: its table and column in an `Evaluation`; its scores and their mean in the evaluator's result."""


@dataclass(frozen=True)
class OfficialComparison:
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
        raise CourseError(f"the official evaluator cannot start: {error}; correct or unset that variable") from None
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
    # The evaluator calls numpy.in1d, which NumPy 2.4 removed.
    if hasattr(np, "in1d"):
        yield
        return
    np.in1d = np.isin
    try:
        yield
    finally:
        del np.in1d


def compare_with_official(evaluation: Evaluation, frames: Sequence[Frame], folder: Path) -> OfficialComparison:
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
    return OfficialComparison(table.set_index(["kind", "of"]))


def complete_split(root: Path, split: str) -> list[Frame]:
    """All frames of a split, if it is whole: every photo is there, named and sized as it must be.

    A split with cities of the real data set must have as many photos of each as the benchmark, at 2048x1024. Any other
    must have a photo for every label file, all of one size.

    Raises:
        CourseError: it is not; the message names the first photo, or city, that is wrong.
    """
    frames, expected = list_frames(root, split), CITYSCAPES_COUNTS[split]
    if without := sorted(set(list_labelled(root, split)) - set(frames)):
        raise CourseError(f"{without[0].image} is missing: a submission needs every photo of the split, restore it")
    if not frames:
        raise CourseError(f"no photos in {root / 'leftImg8bit' / split}: name the data folder by --data")
    found = Counter(frame.city for frame in frames)
    is_cityscapes = bool(found.keys() & expected.keys())
    for city in sorted(found.keys() | expected.keys()) if is_cityscapes else []:
        if found[city] != expected.get(city, 0):
            raise CourseError(
                f"{root / 'leftImg8bit' / split / city} holds {found[city]} photos of {expected.get(city, 0)}: the "
                "server takes exactly one for each, unpack leftImg8bit_trainvaltest.zip again"
            )
    height, width = CITYSCAPES_SIZE
    size = (width, height) if is_cityscapes else _size(frames[0].image)
    for frame in frames:
        export_name(frame)
        if not frame.name.startswith(f"{frame.city}_"):
            raise CourseError(f"{frame.image} lies in the folder of another city: move it")
        if (here := _size(frame.image)) != size:
            raise CourseError(f"{frame.image} is {here[0]}x{here[1]}, and not {size[0]}x{size[1]}: restore it")
    return frames


def _size(path: Path) -> tuple[int, int]:
    """Width and height, from the head of the file."""
    if problem := file_problem(path):
        raise CourseError(problem)
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, Image.DecompressionBombError):
        raise CourseError(f"{path} is truncated or not an image: restore the file") from None


def write_submission(model: nn.Module, root: Path, split: str, size: tuple[int, int], out: Path) -> int:
    """Predict every photo of a split and write the archive, whole or not at all.

    Args:
        model: gives logits for images.
        root: folder in the Cityscapes layout.
        split: ``"test"``, what the server scores, or ``"val"``.
        size: height and width that the network sees.
        out: the archive, .zip.

    Returns:
        How many predictions it holds.

    Raises:
        CourseError: the archive's name is not that of a .zip file, or the split is not whole, or a photo is broken.
    """
    if out.suffix != ".zip" or out.is_dir():
        raise CourseError(f"{out} is no name for a submission: name a file that ends in .zip")
    frames = complete_split(root, split)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Opened before the hours of predicting, so that a folder that cannot be written to is found now.
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for frame in tqdm(frames, desc="predict", disable=None, leave=False):
                mask = predict(model, read_as_stored(frame.image), size)
                _, encoded = cv2.imencode(".png", train_id_to_id(mask))
                # With a date of its own, so that the same predictions give the same archive.
                entry = zipfile.ZipInfo(export_name(frame))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, encoded.tobytes())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(frames)
