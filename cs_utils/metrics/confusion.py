"""The metrics: one confusion matrix over the whole data set, and scores read off it, as the official evaluator does.

A confusion matrix counts pixels: row = true class, column = predicted class. Its last row and last column are void and
every other value without a class. So for 19 classes it is (20, 20), and

* a pixel that is void in the ground truth lands in the last row, which no score reads: it never counts;
* a valid pixel predicted as void lands in the last column: its class has missed it, and no class is to blame for it.

The matrices of batches, images or processes are simply added. What must **not** be averaged are their scores: an image
with three pixels of a pole would count as much as one full of poles, a class would have to be given some score on every
image that does not hold it, and the result would change with the batch size.
"""

import math
from collections.abc import Iterable

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from cs_utils.labels import CLASS_NAMES, CLASSES, NUM_CLASSES

MAX_CLASSES = 180
"""The most classes whose pairs, 181 x 181 of them with void, can be numbered in 16 bits."""
CATEGORIES = tuple(dict.fromkeys(label.category for label in CLASSES))
"""The categories that hold evaluated classes, in the order of their first class."""
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int = NUM_CLASSES) -> Tensor:
    """Count how often each true class was predicted as each class.

    Args:
        prediction: integers of any shape, on any device; 0..num_classes-1 are classes, not logits, all other values are
            void.
        target: the same.
        num_classes: 1..180.

    Returns:
        (num_classes + 1, num_classes + 1) int64 on the device of ``target``; the last row and column are void.

    Raises:
        ValueError: the shapes differ, something is not integer, or there are too many classes.
    """
    if target.shape != prediction.shape:
        raise ValueError(
            f"target {tuple(target.shape)} and prediction {tuple(prediction.shape)} must have the same shape: "
            "give classes (logits.argmax(dim=1)), at the size of the target"
        )
    if target.dtype not in INTEGERS or prediction.dtype not in INTEGERS:
        raise ValueError(f"target is {target.dtype} and prediction {prediction.dtype}: both must be integer classes")
    if not 1 <= num_classes <= MAX_CLASSES:
        raise ValueError(f"num_classes is {num_classes}, and must be 1..{MAX_CLASSES}")
    bins = num_classes + 1
    # Number the pairs row by row, in as few bytes as will do: most of the time goes into moving them.
    pairs = _void_last(target, num_classes).to(torch.int16) * bins + _void_last(prediction, num_classes)
    if pairs.is_cuda:
        # bincount would ask the GPU for the largest value, and wait for its answer.
        one = torch.ones(1, dtype=torch.int64, device=pairs.device)
        counts = one.new_zeros(bins * bins).index_add_(0, pairs.flatten().int(), one.expand(pairs.numel()))
    else:
        counts = torch.bincount(pairs.flatten(), minlength=bins * bins)
    return counts.reshape(bins, bins)


def _void_last(values: Tensor, num_classes: int) -> Tensor:
    """Move all values without a class to ``num_classes``: any integers -> uint8 of the same shape."""
    if values.dtype != torch.uint8:
        # Cut first, or 256 would become 0 in a byte. -1 becomes 255.
        values = values.clamp(-1, num_classes).to(torch.uint8)
    return values.clamp(max=num_classes)


def iou_per_class(matrix: Tensor) -> Tensor:
    """Intersection over union of each class, TP / (TP + FP + FN): (C + 1, C + 1) -> (C,) float64, 0..1.

    NaN for a class that is neither in the ground truth nor predicted on a valid pixel. A class that is not in the
    ground truth, but is predicted on a valid pixel, has IoU 0. Both as in the official evaluator, Cordts et al., CVPR
    2016.
    """
    hits, true, predicted = _counts(matrix)
    return hits / (true + predicted - hits)


def dice_per_class(matrix: Tensor) -> Tensor:
    """Dice of each class, 2 TP / (2 TP + FP + FN), which is also its F1: (C + 1, C + 1) -> (C,) float64, 0..1.

    NaN and 0 as in `iou_per_class`. It adds nothing to IoU: Dice = 2 IoU / (1 + IoU), class by class.
    """
    hits, true, predicted = _counts(matrix)
    return 2 * hits / (true + predicted)


def false_alarms(matrix: Tensor) -> Tensor:
    """Valid pixels of other classes that were predicted as each class: (C + 1, C + 1) -> (C,) int64."""
    valid = matrix[:-1, :-1].cpu()
    return valid.sum(dim=0) - valid.diagonal()


def mean_score(scores: Iterable[float]) -> float:
    """Mean of the scores that are not NaN, to the official evaluator's last digit; NaN if none is left."""
    total, count = 0.0, 0
    for score in scores:
        if not math.isnan(score):
            # One after another, as the evaluator adds. Other orders, and Python's own sum(), round in other places.
            total, count = total + score, count + 1
    return total / count if count else math.nan


def mean_iou(matrix: Tensor) -> float:
    """Mean of `iou_per_class` without its NaN; NaN if no class is left."""
    return mean_score(iou_per_class(matrix).tolist())


def mean_dice(matrix: Tensor) -> float:
    """Mean of `dice_per_class` without its NaN; NaN if no class is left."""
    return mean_score(dice_per_class(matrix).tolist())


def pixel_accuracy(matrix: Tensor) -> float:
    """Share of the valid pixels that are right, 0..1; NaN without any. Road alone makes it look good on a street."""
    hits, true, _ = _counts(matrix)
    return float(hits.sum() / true.sum())


def class_counts(matrix: Tensor) -> Tensor:
    """Pixels of each class that are hit, true and predicted, among the valid ones: (C + 1, C + 1) -> (C, 3) float64.

    They are all that IoU and Dice need of an image, and can be added up over any images.
    """
    return torch.stack(_counts(matrix), dim=1)


def category_matrix(matrix: Tensor) -> Tensor:
    """Add up the classes of each category: (20, 20) of the Cityscapes classes -> (8, 8) of `CATEGORIES`, void last."""
    members = torch.tensor([*(CATEGORIES.index(label.category) for label in CLASSES), len(CATEGORIES)])
    belongs = F.one_hot(members)  # (20, 8), void keeps the last place
    return belongs.T @ matrix.cpu() @ belongs


def category_iou(matrix: Tensor) -> pd.Series:
    """IoU of the seven categories: to take a bus for a truck is right, for both are vehicles.

    Args:
        matrix: (20, 20), of the Cityscapes classes.

    Returns:
        Float64 by category name, 0..1, NaN as in `iou_per_class`.
    """
    return pd.Series(iou_per_class(category_matrix(matrix)).numpy(), index=list(CATEGORIES), name="iou")


def scores(matrix: Tensor) -> pd.DataFrame:
    """All scores of all classes.

    Args:
        matrix: (C + 1, C + 1).

    Returns:
        One row for each class, by name; columns ``iou`` and ``dice``, 0..1 or NaN, and ``share``, the class's share of
        the valid pixels. The mean of a column is the mean score: pandas leaves out NaN too.
    """
    _, true, _ = _counts(matrix)
    columns = {"iou": iou_per_class(matrix), "dice": dice_per_class(matrix), "share": true / true.sum()}
    index = pd.Index(CLASS_NAMES, name="class")
    return pd.DataFrame({name: column.numpy() for name, column in columns.items()}, index=index)


def _counts(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels of each class that are hit, true, and predicted, among the valid ones: three (C,) float64."""
    valid = matrix[:-1].cpu().double()  # (C, C + 1)
    return valid.diagonal(), valid.sum(dim=1), valid[:, :-1].sum(dim=0)
