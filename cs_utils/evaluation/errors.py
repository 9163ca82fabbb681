"""Where a trained network errs: near which boundaries, on which images, on how small regions, and how sure it is.

Masks are (H, W) uint8 trainIds, void = 255. A pixel whose ground truth is void is never an error: it does not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from cs_utils.data.cityscapes import Frame, read_frame
from cs_utils.evaluation.predict import predict, upsample_argmax
from cs_utils.labels import CLASS_NAMES, CLASSES, NUM_CLASSES, VOID
from cs_utils.metrics.confusion import confusion_matrix, mean_iou, pixel_accuracy

THINGS = ("human", "vehicle", "object")
"""Categories whose classes are things that can be small: people, vehicles, poles, lights and signs."""


@dataclass(frozen=True)
class Predicted:
    """A frame, its ground truth and what was predicted for it, both (H, W) uint8 trainIds at the photo's own size."""

    frame: Frame
    target: np.ndarray
    mask: np.ndarray

    @cached_property
    def matrix(self) -> Tensor:
        """Confusion matrix of this one image, (20, 20) int64."""
        return confusion_matrix(torch.from_numpy(self.mask), torch.from_numpy(self.target))


def predict_frames(model: nn.Module, frames: Sequence[Frame], size: tuple[int, int]) -> list[Predicted]:
    """Predict each frame, which the network sees at ``size`` (h, w), and keep mask and ground truth together."""
    predicted = []
    for frame in tqdm(frames, desc="predict", disable=None, leave=False):
        image, target = read_frame(frame)
        predicted.append(Predicted(frame, target, predict(model, image, size)))
    return predicted


def score_images(predicted: Sequence[Predicted]) -> pd.DataFrame:
    """Scores of every single image, worst first: columns ``mean_iou`` and ``pixel_accuracy``, by position."""
    rows = [{"mean_iou": mean_iou(item.matrix), "pixel_accuracy": pixel_accuracy(item.matrix)} for item in predicted]
    return pd.DataFrame(rows).sort_values("mean_iou")


def largest_confusions(matrix: np.ndarray, count: int) -> pd.DataFrame:
    """The cells off the diagonal of a confusion matrix (20, 20) that hold most pixels.

    Returns:
        Columns ``true``, ``predicted``, ``of_class`` (share of the true class's pixels) and ``of_errors`` (share of all
        errors), largest first.
    """
    valid = np.asarray(matrix)[:NUM_CLASSES]
    wrong = valid.copy()
    np.fill_diagonal(wrong, 0)
    cells = np.argsort(wrong, axis=None)[::-1][:count]
    rows, columns = np.unravel_index(cells[wrong.ravel()[cells] > 0], wrong.shape)
    names = (*CLASS_NAMES, "void")
    return pd.DataFrame(
        {
            "true": [names[row] for row in rows],
            "predicted": [names[column] for column in columns],
            "of_class": wrong[rows, columns] / valid.sum(axis=1)[rows],
            "of_errors": wrong[rows, columns] / wrong.sum(),
        }
    )


def boundary_distance(mask: np.ndarray) -> np.ndarray:
    """How far each pixel is from the nearest pixel of another class: (H, W) uint8 -> (H, W) float32, 1 or more.

    Centre to centre, in pixels; a pixel beside a boundary has 1. Void is a class here. Infinite where no other is.
    """
    distance = np.full(mask.shape, np.inf, dtype=np.float32)
    values = np.unique(mask)
    for value in values if len(values) > 1 else ():
        inside = (mask == value).astype(np.uint8)
        # The nearest pixel outside of the class is never farther away than just beside the box around it.
        left, top, width, height = cv2.boundingRect(inside)
        box = np.s_[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
        outwards = cv2.distanceTransform(inside[box], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        distance[box][inside[box] > 0] = outwards[inside[box] > 0]
    return distance


def errors_by_distance(predicted: Sequence[Predicted], edges: Sequence[float]) -> pd.DataFrame:
    """Errors by the distance to the nearest boundary of the ground truth.

    Args:
        predicted: which images.
        edges: upper ends of the bins in pixels, rising; each bin holds distances up to and including its end.

    Returns:
        A row for each bin, by its upper end; columns ``pixels`` and ``errors`` (counts of valid pixels), ``rate``
        (errors / pixels), ``share_of_pixels`` and ``share_of_errors``, of what all bins hold.
    """
    pixels, errors = np.zeros(len(edges), dtype=np.int64), np.zeros(len(edges), dtype=np.int64)
    for item in predicted:
        valid = item.target != VOID
        bins = np.searchsorted(edges, boundary_distance(item.target)[valid], side="left")
        wrong = (item.target != item.mask)[valid]
        pixels += np.bincount(bins, minlength=len(edges))[: len(edges)]
        errors += np.bincount(bins[wrong], minlength=len(edges))[: len(edges)]
    table = pd.DataFrame({"pixels": pixels, "errors": errors}, index=pd.Index(edges, name="distance"))
    return table.assign(
        rate=table["errors"] / table["pixels"].where(table["pixels"] > 0),
        share_of_pixels=table["pixels"] / pixels.sum(),
        share_of_errors=table["errors"] / max(errors.sum(), 1),
    )


def find_regions(predicted: Sequence[Predicted]) -> pd.DataFrame:
    """Every connected region of a thing class in the ground truth, and how much of it was predicted as its class.

    Regions, not instances: two cars that touch are one, a car behind a pole is two. All data have them.

    Returns:
        A row for each region: its ``class``, its ``area`` as a share of the photo's, and ``hit``, the share of its
        pixels that are right.
    """
    rows = []
    things = [label for label in CLASSES if label.category in THINGS]
    for item in predicted:
        for label in things:
            inside = (item.target == label.train_id).astype(np.uint8)
            if not inside.any():
                continue
            count, numbers = cv2.connectedComponents(inside, connectivity=8)
            right = np.bincount(numbers[item.mask == label.train_id], minlength=count)[1:]
            pixels = np.bincount(numbers.ravel(), minlength=count)[1:]
            rows += [
                {"class": label.name, "area": total / inside.size, "hit": hits / total}
                for total, hits in zip(pixels, right, strict=True)
            ]
    return pd.DataFrame(rows, columns=["class", "area", "hit"])


def through_small(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask that a network with perfect outputs at ``size`` (h, w) would give: (H, W) uint8 -> (H, W) uint8.

    Each small pixel knows the shares of the classes in it; the shares are enlarged bilinearly, as the network's logits
    are, and the largest wins. Void has no share, because a network that ignores void puts some class everywhere.
    """
    values = np.setdiff1d(mask, [VOID])
    if values.size == 0:
        return mask.copy()
    shares = [
        cv2.resize((mask == value).astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA) for value in values
    ]
    return values[upsample_argmax(torch.from_numpy(np.stack(shares)), mask.shape).numpy()]


def calibrate(confidence: Tensor, right: Tensor, bins: int = 10) -> pd.DataFrame:
    """Compare how sure a network is with how often it is right.

    Args:
        confidence: largest softmax probability of each pixel, any shape, 0..1.
        right: whether each pixel is right, the same shape.
        bins: equally wide bins of confidence.

    Returns:
        A row for each bin that holds pixels: mean ``confidence``, ``accuracy``, both 0..1, and ``share`` of the pixels.
    """
    confidence, right = confidence.flatten().double(), right.flatten().double()
    number = (confidence * bins).long().clamp(max=bins - 1)
    pixels, sure, hits = (
        torch.bincount(number, weights=weights, minlength=bins)
        for weights in (torch.ones_like(confidence), confidence, right)
    )
    held = pixels > 0
    columns = {"confidence": sure / pixels, "accuracy": hits / pixels, "share": pixels / pixels.sum()}
    return pd.DataFrame({name: column[held].numpy() for name, column in columns.items()})


def calibration_error(table: pd.DataFrame) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy, weighted by the bins' shares."""
    return float((table["share"] * (table["confidence"] - table["accuracy"]).abs()).sum())
