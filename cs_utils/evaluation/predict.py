"""From photos to masks: predict at the photo's own size, evaluate, colour, lay over, export label ids."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cs_utils.data.cityscapes import Frame, read_frame, read_instances, read_upright, write_png
from cs_utils.data.transforms import normalize, resize_image
from cs_utils.exceptions import CourseError
from cs_utils.labels import NUM_CLASSES, VOID, colorize, slide_to_train_id, train_id_to_id
from cs_utils.metrics.confusion import category_iou, confusion_matrix, mean_score, scores
from cs_utils.metrics.instances import Instance, count_instances, instance_category_iou, instance_iou
from cs_utils.models.modes import evaluating
from cs_utils.settings import Settings

FRAME_NAME = re.compile(r"[^\W_]+(-[^\W_]+)*_[0-9]{6}_[0-9]{6}")
"""``{city}_{sequence}_{frame}``: what the official evaluator finds a prediction by; never a path."""


def upsample_argmax(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge logits bilinearly and take the best class: (C, h, w) -> (H, W) uint8.

    Class by class, so that a photo of twelve megapixels does not need twenty enlarged copies of itself at once.
    """
    best = torch.full(size, -torch.inf, device=logits.device)
    winner = torch.zeros(size, dtype=torch.uint8, device=logits.device)
    for index, channel in enumerate(logits.float()):
        enlarged = F.interpolate(channel[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        higher = enlarged > best
        best = torch.where(higher, enlarged, best)
        winner.masked_fill_(higher, index)
    return winner


def predict(model: nn.Module, image: np.ndarray, settings: Settings) -> np.ndarray:
    """Predict the class of every pixel of a photo: (H, W, 3) uint8 RGB -> (H, W) uint8 trainIds.

    The network sees the photo at ``settings.image_size``; its logits are enlarged to the photo's own size. A pixel is
    255 only where the network has learned void as a class.
    """
    device = next(model.parameters()).device
    small = normalize(resize_image(image, settings.image_size)).to(device)
    with evaluating(model):
        logits = model(small[None])[0]  # (1, 3, h, w) -> (C, h, w)
        winner = upsample_argmax(logits, image.shape[:2])  # (H, W)
    return slide_to_train_id(winner.cpu().numpy())


@dataclass(frozen=True)
class Evaluation:
    """What a model scores on a set of frames."""

    table: pd.DataFrame
    """One row for each class: IoU, Dice, share of the pixels, and iIoU where instances are told apart."""
    categories: pd.DataFrame
    """One row for each category: IoU, and iIoU where instances are told apart."""
    matrix: np.ndarray
    """Confusion matrix (20, 20) int64; rows are the ground truth, the last row and column void."""
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


def evaluate(model: nn.Module, val: DataLoader, settings: Settings, export: Path | None = None) -> Evaluation:
    """Score a model on the frames of a loader, at the full size of their ground truth, by the official rules.

    Args:
        model: gives logits for images.
        val: a loader of `loaders`; its frames are read anew, without its resizing.
        settings: those that the model was trained with.
        export: folder to write each prediction to, as `export_label_ids` does.

    Raises:
        CourseError: a file is missing or broken; that only some frames have an instance image counts as missing.
    """
    frames = val.dataset.frames
    without = [frame.instance_ids for frame in frames if not frame.instance_ids.exists()]
    if 0 < len(without) < len(frames):
        raise CourseError(f"{without[0]} is missing, which others have: restore it")
    matrix = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64)
    found: list[Instance] = []
    for frame in tqdm(frames, desc="evaluate", disable=None, leave=False):
        image, target = read_frame(frame)
        prediction = predict(model, image, settings)
        matrix += confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(target))
        if not without:
            found += _find_instances(frame, prediction)
        if export:
            export_label_ids(prediction, frame, export)
    table, categories = scores(matrix), category_iou(matrix).rename_axis("category").to_frame()
    if found:
        table["iiou"] = instance_iou(found, matrix)
        categories["iiou"] = instance_category_iou(found, matrix)
    return Evaluation(table, categories, matrix.numpy(), len(frames), len(found))


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
    """Lay the class colours over a photo: (H, W, 3) and (H, W) uint8 -> (H, W, 3) uint8; void stays photo."""
    mixed = np.rint((1 - opacity) * image + opacity * colorize(train_ids)).astype(np.uint8)
    return np.where((train_ids == VOID)[..., None], image, mixed)


def predict_files(photos: Iterable[Path], model: nn.Module, settings: Settings, out: Path) -> list[Path]:
    """Predict photos; write for each a mask of label ids, a coloured mask and an overlay, at the photo's own size.

    Returns:
        The paths of the overlays.

    Raises:
        CourseError: a photo is missing or unreadable, or two photos have the same name.
    """
    photos = list(photos)
    names = [photo.stem for photo in photos]
    for photo in photos:
        if names.count(photo.stem) > 1:
            raise CourseError(f"two photos are named {photo.stem}: their masks would overwrite each other; rename one")
    overlays = []
    for photo in tqdm(photos, desc="predict", disable=None, leave=False):
        image = read_upright(photo)
        mask = predict(model, image, settings)
        write_png(out / f"{photo.stem}_labelIds.png", train_id_to_id(mask))
        write_png(out / f"{photo.stem}_color.png", colorize(mask))
        write_png(out / f"{photo.stem}_overlay.png", overlay(image, mask))
        overlays.append(out / f"{photo.stem}_overlay.png")
    return overlays
