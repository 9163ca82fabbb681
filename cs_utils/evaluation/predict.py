"""From photos to masks: predict at the photo's own size, evaluate, colour, lay over, export label ids."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from cs_utils.data.cityscapes import Frame, read_frame, read_instances, write_png
from cs_utils.data.transforms import check_image, normalize, resize_image
from cs_utils.exceptions import CourseError
from cs_utils.labels import NUM_CLASSES, VOID, colorize, slide_to_train_id, train_id_to_id
from cs_utils.metrics.confusion import category_iou, class_counts, confusion_matrix, mean_score, scores
from cs_utils.metrics.instances import Instance, count_instances, instance_category_iou, instance_iou
from cs_utils.models.modes import evaluating

FRAME_NAME = re.compile(r"[^\W_]+(-[^\W_]+)*_[0-9]{6}_[0-9]{6}")
"""``{city}_{sequence}_{frame}``: what the official evaluator finds a prediction by; never a path."""
BAND = 2**18
"""Pixels that are worked on at a time: what is computed for them stays in the processor's cache."""
READERS = 2
"""Threads that read photos while the network computes."""


def by_rows(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """Apply a function of pixels to a few rows of (H, W, ...) arrays at a time.

    It gives what a single call gives; what the call needs in between is never as large as the photo.
    """
    height, width = arrays[0].shape[:2]
    rows = max(1, BAND // width)
    parts = (function(*(array[top : top + rows] for array in arrays)) for top in range(0, height, rows))
    first = next(parts)
    whole = np.empty((height, *first.shape[1:]), first.dtype)
    whole[:rows] = first
    for top, part in zip(range(rows, height, rows), parts, strict=True):
        whole[top : top + rows] = part
    return whole


def upsample_argmax(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge logits bilinearly and take the best class: (C, h, w) -> (H, W) uint8.

    A band of rows at a time, and class by class: a photo of many megapixels never needs enlarged copies of itself.
    """
    logits, (height, width) = logits.float(), size
    # Where each row lies among the rows of the logits, as F.interpolate has it (align_corners=False).
    place = (torch.arange(height, device=logits.device) + 0.5) * (logits.shape[1] / height) - 0.5
    place = place.clamp(min=0)
    above = place.long().clamp(max=logits.shape[1] - 1)
    below = (above + 1).clamp(max=logits.shape[1] - 1)
    weight = (place - above)[:, None]  # (H, 1)
    winner = torch.zeros(size, dtype=torch.uint8, device=logits.device)
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        band = slice(top, top + rows)
        first, last = above[top], below[band][-1]
        wide = logits[None, :, first : last + 1]
        wide = F.interpolate(wide, (wide.shape[2], width), mode="bilinear", align_corners=False)[0]  # (C, few, W)
        best = torch.full_like(winner[band], -torch.inf, dtype=torch.float32)
        for index, channel in enumerate(wide):
            enlarged = torch.lerp(channel[above[band] - first], channel[below[band] - first], weight[band])
            higher = enlarged > best
            best = torch.where(higher, enlarged, best)
            winner[band].masked_fill_(higher, index)
    return winner


def predict(model: nn.Module, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Predict the class of every pixel of a photo: (H, W, 3) uint8 RGB -> (H, W) uint8 trainIds.

    The network sees the photo at ``size`` (height, width); its logits are enlarged to the photo's own size. A pixel is
    255 only where the network has learned void as a class.
    """
    return classify(compute_logits(model, image, size), image.shape[:2])


def predict_scenes(
    model: nn.Module, frames: Sequence[Frame], size: tuple[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Read some frames and predict each: their images, targets and predictions, as `plot_predictions` takes them."""
    scenes = [read_frame(frame) for frame in frames]
    images, targets = [image for image, _ in scenes], [target for _, target in scenes]
    return images, targets, [predict(model, image, size) for image in images]


def compute_logits(model: nn.Module, image: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Show a network a photo at ``size`` (h, w): (H, W, 3) uint8 RGB -> logits (C, h, w) on the model's device.

    Raises:
        CourseError: the photo is not an array (H, W, 3) of uint8.
    """
    check_image(image)
    device = next(model.parameters()).device
    small = normalize(resize_image(image, size)).to(device)
    with evaluating(model):
        return model(small[None])[0]  # (1, 3, h, w) -> (C, h, w)


def classify(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Enlarge logits (C, h, w) to a photo's size (H, W), and take the best class: (H, W) uint8 trainIds."""
    return by_rows(slide_to_train_id, upsample_argmax(logits, size).cpu().numpy())


def confidence(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """How sure a network is of its best class: logits (C, h, w) -> (H, W) uint8, 0 to 255 for a probability of 0 to 1.

    The largest softmax probability, enlarged bilinearly from (h, w).
    """
    largest = logits.float().softmax(0).amax(0).cpu().numpy()  # (h, w)
    return cv2.resize(np.rint(largest * 255).astype(np.uint8), size[::-1], interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Evaluation:
    """What a model scores on a set of frames."""

    table: pd.DataFrame
    """One row for each class: IoU, Dice, share of the pixels, and iIoU where instances are told apart."""
    categories: pd.DataFrame
    """One row for each category: IoU, and iIoU where instances are told apart."""
    matrix: np.ndarray
    """Confusion matrix (20, 20) int64; rows are the ground truth, the last row and column void."""
    counts: np.ndarray
    """Hits, true and predicted pixels of each class in each image, (images, C, 3) float64: for intervals."""
    images: int
    """How many images were scored."""
    instances: int
    """How many instances they hold that are told apart and evaluated; none in CamVid."""

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that occur, 0..1."""
        return mean_score(self.table["iou"])

    @property
    def mean_dice(self) -> float:
        """Mean Dice over the classes that occur, 0..1."""
        return mean_score(self.table["dice"])

    def __str__(self) -> str:
        classes, categories = self.table.dropna(subset="iou"), self.categories.dropna(subset="iou")
        lines = [
            _show(classes),
            f"mean of {len(classes)} classes over {self.images} images: IoU {self.mean_iou:.3f}, "
            f"Dice {self.mean_dice:.3f}",
            _show(categories),
            f"mean of {len(categories)} categories: IoU {mean_score(categories['iou']):.3f}",
        ]
        if self.instances:
            means = [
                f"{mean_score(table['iiou']):.3f} of {table['iiou'].count()} {what}"
                for what, table in (("classes", self.table), ("categories", self.categories))
            ]
            lines.append(f"mean iIoU over {self.instances} instances: {', '.join(means)}")
        else:
            lines.append("no iIoU: this data tells no instances apart")
        return "\n".join(lines)


def _show(table: pd.DataFrame) -> str:
    return table.to_string(formatters={"share": "{:.2%}".format}, float_format="{:.3f}".format, na_rep="")


def evaluate(
    model: nn.Module,
    frames: Sequence[Frame],
    size: tuple[int, int],
    export: Path | None = None,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Evaluation:
    """Score a model on labelled frames, at the full size of their ground truth, by the official rules.

    Args:
        model: gives logits for images.
        frames: what to predict; a loader of `loaders` holds them as ``loader.dataset.frames``.
        size: height and width that the network sees.
        export: folder to write each prediction to, as `export_label_ids` does.
        change: what is done to each photo before the network sees it, such as other colours; its shape stays.

    Raises:
        CourseError: a file is missing or broken; that only some frames have an instance image counts as missing.
    """
    without = [frame.instance_ids for frame in frames if not frame.instance_ids.exists()]
    if 0 < len(without) < len(frames):
        raise CourseError(f"{without[0]} is missing, which others have: restore it")
    matrix = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64)
    counts: list[Tensor] = []
    found: list[Instance] = []
    pairs = tqdm(read_ahead(frames), desc="evaluate", total=len(frames), disable=None, leave=False)
    for frame, (image, target) in zip(frames, pairs, strict=True):
        prediction = predict(model, image if change is None else change(image), size)
        one = confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(target))
        matrix += one
        counts.append(class_counts(one))
        if not without:
            found += _find_instances(frame, prediction)
        if export:
            export_label_ids(prediction, frame, export)
    table, categories = scores(matrix), category_iou(matrix).rename_axis("category").to_frame()
    if found:
        table["iiou"] = instance_iou(found, matrix)
        categories["iiou"] = instance_category_iou(found, matrix)
    return Evaluation(table, categories, matrix.numpy(), torch.stack(counts).numpy(), len(frames), len(found))


def read_ahead(frames: Sequence[Frame]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read frames as `read_frame` does, in their order, a few ahead of the one that is asked for."""
    with ThreadPoolExecutor(READERS) as pool:
        waiting: deque[Future] = deque()
        for frame in frames:
            waiting.append(pool.submit(read_frame, frame))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _find_instances(frame: Frame, prediction: np.ndarray) -> list[Instance]:
    try:
        return count_instances(read_instances(frame.instance_ids), prediction)
    except ValueError as error:
        raise CourseError(f"{frame.instance_ids} does not fit its photo ({error}): restore it") from None


def export_name(frame: Frame) -> str:
    """Name of the file that holds a frame's prediction, as the official evaluator and the benchmark server find it.

    Raises:
        CourseError: the frame is not named ``{city}_{sequence}_{frame}``.
    """
    if not FRAME_NAME.fullmatch(frame.name):
        raise CourseError(
            f"{frame.name!r} is no name to export: rename the frame's files to CITY_000000_000000, two times six digits"
        )
    return f"{frame.name}_labelIds.png"


def export_label_ids(prediction: np.ndarray, frame: Frame, folder: Path) -> Path:
    """Write a prediction as the official evaluator wants it: one 8-bit PNG of regular label ids, named by its frame.

    Raises:
        CourseError: as `export_name` does.
    """
    path = folder / export_name(frame)
    write_png(path, train_id_to_id(prediction))
    return path


def overlay(image: np.ndarray, train_ids: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """Lay the class colours over a photo: (H, W, 3) and (H, W) uint8 -> (H, W, 3) uint8; void stays photo.

    Raises:
        CourseError: the photo is not an array (H, W, 3) of uint8.
    """
    check_image(image)

    def blend(photo: np.ndarray, ids: np.ndarray) -> np.ndarray:
        mixed = cv2.addWeighted(photo, 1 - opacity, colorize(ids), opacity, 0)
        return np.where((ids == VOID)[..., None], photo, mixed)

    return by_rows(blend, image, train_ids)
