"""Losses, forward and backward, against segmentation-models-pytorch's."""

from collections.abc import Callable

import pandas as pd
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits
from torch import Tensor

from benchmarks.turns import Action, Contestant, take_turns
from cs_utils.losses.right import cross_entropy, dice_loss, focal_loss
from cs_utils.models.modes import keep_memory

SHAPE = (4, 21, 256, 512)  # (N, C, H, W)


def make_batch(device: str | torch.device = "cpu") -> tuple[Tensor, Tensor]:
    """Logits `SHAPE`, and a target in which all classes occur and no pixel is void."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(SHAPE, generator=generator)
    target = torch.randint(SHAPE[1], (SHAPE[0], *SHAPE[2:]), generator=generator)
    return logits.to(device), target.to(device)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross entropy: PyTorch": lambda logits, target: F.cross_entropy(logits, target, ignore_index=255),
    "cross entropy: cs_utils": cross_entropy,
    "Dice: segmentation-models-pytorch": smp.losses.DiceLoss("multiclass", ignore_index=255),
    "Dice: cs_utils": dice_loss,
    # Its FocalLoss is a sum of sigmoids, one for each class: another loss, but the one that a user would pick.
    "focal: segmentation-models-pytorch": smp.losses.FocalLoss("multiclass", ignore_index=255),
    # Hidden in it there is one of a softmax too, which knows no void.
    "focal of softmax: segmentation-models-pytorch": softmax_focal_loss_with_logits,
    "focal: cs_utils": focal_loss,
}
SAME = (
    ("cross entropy: cs_utils", "cross entropy: PyTorch"),
    ("Dice: cs_utils", "Dice: segmentation-models-pytorch"),
    ("focal: cs_utils", "focal of softmax: segmentation-models-pytorch"),
)
"""Pairs that must give the same number."""


def prepare(name: str, keep: bool) -> Action:
    """One loss with its gradient."""
    if keep:
        keep_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    logits, target = make_batch(device)
    logits.requires_grad_()

    def act() -> None:
        logits.grad = None
        LOSSES[name](logits, target).backward()

    return act


def run(rounds: int) -> pd.DataFrame:
    """Time all losses; memory is kept for all of them alike, so that only the arithmetic differs."""
    logits, target = make_batch()
    for ours, theirs in SAME:
        torch.testing.assert_close(LOSSES[ours](logits, target), LOSSES[theirs](logits, target), rtol=1e-4, atol=1e-6)
    table = take_turns({name: Contestant(prepare, {"name": name, "keep": True}) for name in LOSSES}, rounds)
    kinds = table.index.str.split(":").str[0].str.removesuffix(" of softmax")
    table["ratio"] = table.groupby(kinds)["seconds"].transform("first") / table["seconds"]
    return table
