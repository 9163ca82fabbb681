"""From photos to masks: predict at the photo's own size, evaluate, colour, lay over, export label ids."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cs_utils.labels import NUM_CLASSES, VOID, colorize, slide_to_train_id, train_id_to_id
from cs_utils.layout import Frame, read_frame, read_image, write_png
from cs_utils.metrics import confusion_matrix, mean_dice, mean_iou, scores
from cs_utils.settings import CourseError, Settings
from cs_utils.transforms import normalize, resize_image


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, without gradients, and back into its old mode afterwards."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


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
    """One row for each class."""
    matrix: np.ndarray
    """Confusion matrix (20, 20) int64; rows are the ground truth, the last row and column void."""
    images: int
    """How many images were scored."""
    mean_iou: float
    """Mean IoU over the classes that occur, 0..1."""
    mean_dice: float
    """Mean Dice over the classes that occur, 0..1."""

    def __str__(self) -> str:
        scored = self.table.dropna(subset="iou")
        lines = scored.to_string(formatters={"share": "{:.2%}".format}, float_format="{:.3f}".format)
        return (
            f"{lines}\nmean of {len(scored)} classes over {self.images} images: "
            f"IoU {self.mean_iou:.3f}, Dice {self.mean_dice:.3f}"
        )


def evaluate(model: nn.Module, val: DataLoader, settings: Settings, export: Path | None = None) -> Evaluation:
    """Score a model on the frames of a loader, at the full size of their ground truth, by the official rules.

    Args:
        model: gives logits for images.
        val: a loader of `loaders`; its frames are read anew, without its resizing.
        settings: those that the model was trained with.
        export: folder to write each prediction to, as `export_label_ids` does.
    """
    matrix = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64)
    for frame in tqdm(val.dataset.frames, desc="evaluate", disable=None, leave=False):
        image, target = read_frame(frame)
        prediction = predict(model, image, settings)
        matrix += confusion_matrix(torch.from_numpy(target), torch.from_numpy(prediction))
        if export:
            export_label_ids(prediction, frame, export)
    return Evaluation(scores(matrix), matrix.numpy(), len(val.dataset), mean_iou(matrix), mean_dice(matrix))


def export_label_ids(prediction: np.ndarray, frame: Frame, folder: Path) -> Path:
    """Write a prediction as the official evaluator wants it: one 8-bit PNG of regular label ids, named by its frame."""
    path = folder / f"{frame.name}_labelIds.png"
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
        image = read_image(photo)
        mask = predict(model, image, settings)
        write_png(out / f"{photo.stem}_labelIds.png", train_id_to_id(mask))
        write_png(out / f"{photo.stem}_color.png", colorize(mask))
        write_png(out / f"{photo.stem}_overlay.png", overlay(image, mask))
        overlays.append(out / f"{photo.stem}_overlay.png")
    return overlays
