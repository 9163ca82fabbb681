"""The confusion matrix against torchmetrics'."""

import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.turns import Action, Contestant, take_turns
from cs_utils.labels import NUM_CLASSES, VOID
from cs_utils.metrics.confusion import confusion_matrix

SHAPES = {"4 of 512x256": (4, 256, 512), "1 of 2048x1024": (1, 1024, 2048)}


def make_masks(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """A target with a tenth void, and a prediction, of ``shape`` (N, H, W)."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(NUM_CLASSES, shape, generator=generator)
    target[:, : shape[1] // 10] = VOID
    return target, torch.randint(NUM_CLASSES, shape, generator=generator)


def make_theirs() -> nn.Module:
    """The confusion matrix of torchmetrics, which ``make bench`` and ``make gpu`` install."""
    from torchmetrics.classification import MulticlassConfusionMatrix

    return MulticlassConfusionMatrix(NUM_CLASSES, ignore_index=VOID)


def prepare(who: str, shape: tuple[int, ...]) -> Action:
    """One update with a batch."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    target, prediction = (mask.to(device) for mask in make_masks(shape))
    if who == "torchmetrics":
        metric = make_theirs().to(device)
        return lambda: metric.update(prediction, target)
    total = torch.zeros(NUM_CLASSES + 1, NUM_CLASSES + 1, dtype=torch.int64, device=device)
    return lambda: total.add_(confusion_matrix(prediction, target))


def run(rounds: int) -> pd.DataFrame:
    """Time both on both sizes, after a look whether they count the same."""
    contestants = {}
    for size, shape in SHAPES.items():
        target, prediction = make_masks(shape)
        theirs = make_theirs()(prediction, target)
        torch.testing.assert_close(confusion_matrix(prediction, target)[:-1, :-1], theirs)
        for who in ("torchmetrics", "cs_utils"):
            contestants[f"{size}: {who}"] = Contestant(prepare, {"who": who, "shape": shape})
    table = take_turns(contestants, 3 * rounds)
    table["ratio"] = table.groupby(table.index.str.split(":").str[0])["seconds"].transform("first") / table["seconds"]
    return table
