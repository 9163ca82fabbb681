"""Losses that differ from the right ones in one point, and are named for it. Not for use: for finding out.

Each of them has been reported in a public tracker, mostly by somebody whose network would not learn. Few raise an
error. `KINDS` says which are bugs, which pursue another objective with the same best prediction, and which have only
another scale; production code has some of the last two kinds. `cs_utils.losses.right` has the right ones.

All take logits (N, C, H, W) float and target (N, H, W) int64, where void is 255, and give a scalar.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from cs_utils.labels import VOID

PIXELS = (0, 2, 3)
"""The axes of (N, C, H, W) that a sum for each class runs over."""


def _truth(logits: Tensor, target: Tensor) -> Tensor:
    """One-hot target, (N, H, W) -> (N, C, H, W) float, all channels 0 at void. This much, all of them get right."""
    channels = torch.arange(logits.shape[1], device=target.device)[:, None, None]
    return ((target[:, None] == channels) & (target != VOID)[:, None]).to(logits.dtype)


def _present_mean(dice: Tensor, truth: Tensor) -> Tensor:
    """One minus the mean Dice of the classes that occur, (C,) -> scalar. Right too."""
    return 1 - dice[truth.sum(PIXELS) > 0].mean()


# ---------------------------------------------------------------------------------------------------------------- Dice


def dice_without_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Takes logits for probabilities.

    They have no bounds, so neither has the loss: it goes far below 0, and jumps to infinity where the denominator
    crosses 0.
    """
    g = _truth(logits, target)
    x = logits * (target != VOID)[:, None]
    return _present_mean(2 * (x * g).sum(PIXELS) / (x.sum(PIXELS) + g.sum(PIXELS)), g)


def dice_without_two(logits: Tensor, target: Tensor) -> Tensor:
    """Forgets the factor 2 in the numerator.

    A perfect prediction costs 1/2, and the "score" that is shown with it never passes 1/2.
    """
    g = _truth(logits, target)
    p = logits.softmax(1) * (target != VOID)[:, None]
    return _present_mean((p * g).sum(PIXELS) / (p.sum(PIXELS) + g.sum(PIXELS)), g)


def dice_flattened(logits: Tensor, target: Tensor) -> Tensor:
    """Throws all classes into one sum.

    What is left is 1 - the mean of p_t, a soft pixel error: to miss a class of 1 % of the pixels costs 0.01.
    """
    g = _truth(logits, target)
    p = logits.softmax(1) * (target != VOID)[:, None]
    return 1 - 2 * (p * g).sum() / (p.sum() + g.sum())


def dice_absent_as_perfect(logits: Tensor, target: Tensor) -> Tensor:
    """Gives classes that are not in the batch a Dice of 1, and takes the mean over all C.

    With 3 of 19 classes present, a prediction that is wrong everywhere costs 3/19: the loss looks good, and its
    gradient shrinks with it.
    """
    g = _truth(logits, target)
    p = logits.softmax(1) * (target != VOID)[:, None]
    dice = 2 * (p * g).sum(PIXELS) / (p.sum(PIXELS) + g.sum(PIXELS))
    return 1 - torch.where(g.sum(PIXELS) > 0, dice, 1.0).mean()


def dice_absent_as_zero(logits: Tensor, target: Tensor) -> Tensor:
    """Keeps the Dice of 0 that classes without a pixel have, and takes the mean over all C.

    With 3 of 19 classes present, a perfect prediction costs 16/19: the loss tells which classes the batch held rather
    than how good the prediction was.
    """
    g = _truth(logits, target)
    p = logits.softmax(1) * (target != VOID)[:, None]
    return 1 - (2 * (p * g).sum(PIXELS) / (p.sum(PIXELS) + g.sum(PIXELS)).clamp_min(1e-7)).mean()


def dice_void_left_in_labels(logits: Tensor, target: Tensor) -> Tensor:
    """Masks void in the probabilities, but not in the labels, where it becomes class 0.

    Class 0 then owns pixels that can never be predicted: a perfect prediction costs something, the more void the more.
    """
    valid = target != VOID
    g = _truth(logits, torch.where(valid, target, 0))
    p = logits.softmax(1) * valid[:, None]
    return _present_mean(2 * (p * g).sum(PIXELS) / (p.sum(PIXELS) + g.sum(PIXELS)), g)


def dice_one_hot_of_void(logits: Tensor, target: Tensor) -> Tensor:
    """Hands 255 to ``one_hot``, which has no such channel.

    The one defect here that shows immediately: on the CPU as a RuntimeError; on a GPU as a device-side assert, which
    comes late and from another line.
    """
    g = F.one_hot(target, logits.shape[1]).movedim(-1, 1)  # (N, H, W) -> (N, C, H, W)
    p = logits.softmax(1) * (target != VOID)[:, None]
    return _present_mean(2 * (p * g).sum(PIXELS) / (p.sum(PIXELS) + g.sum(PIXELS)), g)


def dice_smoothed_per_image(logits: Tensor, target: Tensor) -> Tensor:
    """Adds 1 to numerator and denominator "for stability", and takes the mean over single images.

    The 1 is as large as a pixel: to miss a one-pixel pole costs 1/2 instead of 1. And a class is scored on every image
    that does not hold it, where one pixel predicted of it costs 1/2 as well: never to predict it is the safe way out.
    """
    g = _truth(logits, target)
    p = logits.softmax(1) * (target != VOID)[:, None]
    dice = (2 * (p * g).sum((2, 3)) + 1) / (p.sum((2, 3)) + g.sum((2, 3)) + 1)  # (N, C)
    return 1 - dice.mean()


# ------------------------------------------------------------------------------------------------------- cross entropy


def cross_entropy_softmax_twice(logits: Tensor, target: Tensor) -> Tensor:
    """Gives probabilities to a function that takes logits, and so applies softmax twice.

    The second softmax sees numbers from 0 to 1 only: with 19 classes the loss never falls below 2.03, and the surer the
    network is, right or wrong, the less it learns.
    """
    return F.cross_entropy(logits.softmax(1), target, ignore_index=VOID)


def cross_entropy_void_as_last_class(logits: Tensor, target: Tensor) -> Tensor:
    """Clamps void to the last class to silence the index error.

    On Cityscapes the last class is bicycle and void is 31 times as large: the network learns that bonnets are bicycles.
    """
    last = logits.shape[1] - 1
    return F.cross_entropy(logits, torch.where(target == VOID, last, target))


def cross_entropy_mean_over_void(logits: Tensor, target: Tensor) -> Tensor:
    """Divides by all pixels, void ones too.

    An image that is half void has half the loss, and half the gradient.
    """
    return F.cross_entropy(logits, target, ignore_index=VOID, reduction="none").mean()


def cross_entropy_without_permute(logits: Tensor, target: Tensor) -> Tensor:
    """Flattens the logits to (pixels, C) without moving the class axis to the end first.

    Each row then holds one class at C neighbouring pixels: the shapes fit, and nothing else does. A perfect prediction
    costs a lot, and the network learns at best how often each class occurs.
    """
    return F.cross_entropy(logits.reshape(-1, logits.shape[1]), target.reshape(-1), ignore_index=VOID)


# --------------------------------------------------------------------------------------------------------------- focal


def focal_with_sigmoids(logits: Tensor, target: Tensor) -> Tensor:
    """Asks C yes-or-no questions for each pixel instead of one question with C answers.

    C - 1 of the C answers are "no", so to deny every class is nearly right: the loss is small before anything is
    learned. It also changes when one number is added to all logits of a pixel, although the prediction does not.
    """
    bce = F.binary_cross_entropy_with_logits(logits, _truth(logits, target), reduction="none")
    loss = (1 - torch.exp(-bce)) ** 2 * bce  # (N, C, H, W)
    return loss.mean(dim=1)[target != VOID].mean()


def focal_with_weighted_p(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Reads p_t off a cross entropy that has the class weights in it; without weights it is right.

    exp(-w * ce) is p_t^w, not p_t. With w = 10 a pixel at p_t = 0.9 passes for one at 0.35 and counts 42 times too
    much: focal no longer means "the hard pixels", but "the heavy classes, once more".
    """
    weighted = F.cross_entropy(logits, target, weight, ignore_index=VOID, reduction="none")
    loss = (1 - torch.exp(-weighted)) ** 2 * weighted  # (N, H, W)
    valid = target[target != VOID]
    return loss.sum() / (len(valid) if weight is None else weight[valid].sum())


Kind = Literal["bug", "another objective", "another scale"]
"""A bug computes what nobody wants. Another objective is lowest for the same prediction, but its gradients on the way
there are different. Another scale multiplies all gradients of a batch by one factor, which AdamW hardly notices."""
_WITH_KIND: tuple[tuple[Callable[..., Tensor], Kind], ...] = (
    (dice_without_softmax, "bug"),
    (dice_without_two, "another scale"),
    (dice_flattened, "another objective"),
    (dice_absent_as_perfect, "another scale"),
    (dice_absent_as_zero, "another scale"),
    (dice_void_left_in_labels, "bug"),
    (dice_one_hot_of_void, "bug"),
    (dice_smoothed_per_image, "another objective"),
    (cross_entropy_softmax_twice, "another objective"),
    (cross_entropy_void_as_last_class, "bug"),
    (cross_entropy_mean_over_void, "another scale"),
    (cross_entropy_without_permute, "bug"),
    (focal_with_sigmoids, "another objective"),
    (focal_with_weighted_p, "another objective"),
)
BROKEN_LOSSES: dict[str, Callable[..., Tensor]] = {loss.__name__: loss for loss, _ in _WITH_KIND}
"""The losses with one odd line, by their names."""
KINDS: dict[str, Kind] = {loss.__name__: kind for loss, kind in _WITH_KIND}
"""Of which kind each of them is."""
