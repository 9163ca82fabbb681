"""The losses of the loss journey, done right: cross entropy, Dice, focal, cross entropy plus Dice, and Lovász.

All of them take the network's raw logits and the class of every pixel, and keep the same five promises:

* the logits become probabilities in one place, a softmax over the classes, and nowhere else;
* void pixels (``target == ignore_index``) count neither in the numerator nor in the denominator;
* a batch that is void everywhere costs 0 and has a zero gradient, where a plain mean would be 0 / 0;
* half-precision logits are computed in float32; float64 stays float64;
* ``weight`` (C,), one number for each class, means the same thing everywhere: a weighted mean, sum(w * loss) / sum(w).

Void may also be a class to be learned, as one can read the slides: 21 channels, void = 20 in the target. Nothing
changes then, except that no pixel is left out.

How each of these losses is got wrong, and how that shows, is in `cs_utils.losses.broken`.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cs_utils.labels import VOID

TINY = 1e-12
"""Keeps a division by zero from being one, and is too small to change anything else."""


def cross_entropy(logits: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = VOID) -> Tensor:
    """Cross entropy: the mean of -log p_t over the pixels, where p_t is the probability of the true class.

    From 0, certain and right, upwards; log(C) is what a guess costs.

    Args:
        logits: (N, C, H, W) float, any value.
        target: (N, H, W) int64, 0..C-1 or ``ignore_index``.
        weight: (C,); a pixel counts as much as its true class weighs.
        ignore_index: the value of void pixels.

    Raises:
        ValueError: wrong shapes or types; on the CPU also target values without a channel.
    """
    logits, weight = _prepare(logits, target, weight, ignore_index)
    total = F.cross_entropy(logits, target, weight, ignore_index=ignore_index, reduction="sum")
    return total / _pixel_weights(logits, target, weight, ignore_index).sum().clamp_min(TINY)


def dice_loss(logits: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = VOID) -> Tensor:
    """Soft Dice: 1 - 2 * sum(p * g) / (sum(p) + sum(g)) for each class over the whole batch, then the classes' mean.

    p is the probability of the class, g is 1 on its pixels and 0 elsewhere. From 0, perfect, to 1, no overlap at all.
    A class of a hundred pixels counts as much as one of a million. A class without a pixel in the batch is left out of
    the mean: its Dice is 0 whatever is predicted, and says nothing. (Predicting it is still punished, since it takes
    probability from the true classes.)

    Milletari et al., V-Net, arXiv 1606.04797, has the denominator sum(p^2) + sum(g^2); the plain sums are what most
    libraries compute, and what the Dice score does. Sudre et al., generalised Dice, arXiv 1707.03237, also weights the
    classes, by 1 / sum(g)^2.

    Args:
        logits: (N, C, H, W) float, any value.
        target: (N, H, W) int64, 0..C-1 or ``ignore_index``.
        weight: (C,); how much each class counts in the mean over the classes.
        ignore_index: the value of void pixels.

    Raises:
        ValueError: wrong shapes or types; on the CPU also target values without a channel.
    """
    logits, weight = _prepare(logits, target, weight, ignore_index)
    valid = _pixel_weights(logits, target, None, ignore_index)  # (N, H, W)
    classes = torch.where(target == ignore_index, 0, target)  # void needs some index; its zeros in `valid` undo it
    p = logits.softmax(dim=1) * valid[:, None]  # (N, C, H, W)
    p_true = p.gather(1, classes[:, None])[:, 0]  # (N, C, H, W) -> (N, H, W)

    overlap = _sum_by_class(p_true, classes, logits.shape[1])  # (C,) sum(p * g)
    truth = _sum_by_class(valid, classes, logits.shape[1])  # (C,) sum(g)
    # A class that is present has at least one pixel, so the clamp only reaches the classes that are left out below.
    dice = 2 * overlap / (p.sum(dim=(0, 2, 3)) + truth).clamp_min(1)
    share = (truth > 0).to(dice) if weight is None else (truth > 0) * weight
    return (share * (1 - dice)).sum() / share.sum().clamp_min(TINY)


def focal_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, weight: Tensor | None = None, ignore_index: int = VOID
) -> Tensor:
    """Focal loss: the mean of -(1 - p_t)^gamma * log p_t, a cross entropy that cares less for pixels already right.

    With gamma = 2, a pixel at p_t = 0.9 counts a hundredth of what it would in the cross entropy; gamma = 0 is the
    cross entropy. Lin et al., arXiv 1708.02002; their alpha_t is ``weight``, and p_t never has a weight in it.

    Args:
        logits: (N, C, H, W) float, any value.
        target: (N, H, W) int64, 0..C-1 or ``ignore_index``.
        gamma: from 0; how fast the care for a pixel falls.
        weight: (C,); a pixel counts as much as its true class weighs.
        ignore_index: the value of void pixels.

    Raises:
        ValueError: wrong shapes or types, gamma below 0; on the CPU also target values without a channel.
    """
    if gamma < 0:
        raise ValueError(f"gamma is {gamma}: below 0 the loss would care most for the pixels that are right")
    logits, weight = _prepare(logits, target, weight, ignore_index)
    minus_log_p = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")  # (N, H, W)
    # expm1 keeps the digits that 1 - exp() loses near p_t = 1. There x**gamma is infinitely steep for a gamma below 1.
    hardness = (TINY - torch.expm1(-minus_log_p)) ** gamma
    pixel_weights = _pixel_weights(logits, target, weight, ignore_index)
    return (pixel_weights * hardness * minus_log_p).sum() / pixel_weights.sum().clamp_min(TINY)


def combined_loss(
    logits: Tensor,
    target: Tensor,
    *,
    cross_entropy_share: float = 1.0,
    dice_share: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = VOID,
) -> Tensor:
    """Cross entropy plus Dice, each times its share: the first is steady, the second cares for small classes.

    Equal shares are nnU-Net's choice (Isensee et al., arXiv 1809.10486).

    Args:
        logits: (N, C, H, W) float, any value.
        target: (N, H, W) int64, 0..C-1 or ``ignore_index``.
        cross_entropy_share: factor of the cross entropy.
        dice_share: factor of the Dice loss.
        weight: (C,); passed to both.
        ignore_index: the value of void pixels.

    Raises:
        ValueError: wrong shapes or types; on the CPU also target values without a channel.
    """
    return cross_entropy_share * cross_entropy(
        logits, target, weight=weight, ignore_index=ignore_index
    ) + dice_share * dice_loss(logits, target, weight=weight, ignore_index=ignore_index)


def lovasz_loss(logits: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = VOID) -> Tensor:
    """Lovász-softmax: for each class a piecewise linear loss that is 1 - IoU where p is 0 or 1, then the classes' mean.

    Berman et al., arXiv 1705.08790, over the whole batch and the classes that occur in it. The pixels of a class are
    sorted by their error, the distance of p from the right 0 or 1; each error counts as much as 1 - IoU grows when its
    pixel joins the wrong ones.

    Args:
        logits: (N, C, H, W) float, any value.
        target: (N, H, W) int64, 0..C-1 or ``ignore_index``.
        weight: (C,); how much each class counts in the mean over the classes.
        ignore_index: the value of void pixels.

    Raises:
        ValueError: wrong shapes or types; on the CPU also target values without a channel.
    """
    logits, weight = _prepare(logits, target, weight, ignore_index)
    channels = torch.arange(logits.shape[1], device=target.device)[:, None]
    flat = target.flatten()  # (P,) the pixels of all images
    valid = flat != ignore_index
    truth = ((flat == channels) & valid).to(logits.dtype)  # (C, P)
    p = logits.softmax(dim=1).movedim(1, 0).flatten(1)  # (N, C, H, W) -> (C, P)
    # Without an error a void pixel comes last, where it changes nothing.
    errors, order = ((truth - p).abs() * valid).sort(dim=1, descending=True)
    truth = truth.gather(1, order)
    pixels = truth.sum(dim=1, keepdim=True)  # (C, 1)
    missed, wrong = truth.cumsum(dim=1), (1 - truth).cumsum(dim=1)  # among the pixels up to each one
    distance = 1 - (pixels - missed) / (pixels + wrong).clamp_min(1)  # (C, P) 1 - IoU
    steps = torch.cat([distance[:, :1], distance.diff(dim=1)], dim=1)
    losses = (errors * steps).sum(dim=1)  # (C,)
    share = (pixels[:, 0] > 0).to(losses) if weight is None else (pixels[:, 0] > 0) * weight
    return (share * losses).sum() / share.sum().clamp_min(TINY)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": cross_entropy,
    "dice": dice_loss,
    "focal": focal_loss,
    "combined": combined_loss,
}
"""The losses by the names that ``Settings.loss`` uses; call as ``LOSSES[name](logits, target)``."""


def inverse_log_weights(shares: Tensor) -> Tensor:
    """Class weights 1 / ln(1.10 + share): the rarest class weighs at most 7.8 times as much as the most common one.

    The form is ENet's (Paszke et al., arXiv 1606.02147, with 1.02), the 1.10 is ERFNet's.

    Args:
        shares: (C,) float, each class's share of all pixels, 0..1.
    """
    return 1 / torch.log(1.10 + shares)


def median_frequency_weights(counts: Tensor) -> Tensor:
    """Class weights median(f) / f, where f is a class's share of the pixels of the images that it is in.

    Eigen and Fergus, arXiv 1411.4734. A class that is in no image weighs 0: no pixel will ask for its weight.

    Args:
        counts: (images, C), pixels of each class in each image.
    """
    there = counts > 0
    frequency = counts.sum(dim=0) / (there * counts.sum(dim=1, keepdim=True)).sum(dim=0).clamp_min(1)  # (C,)
    if not there.any():
        return frequency  # zeros: there is no median of nothing
    median = frequency[frequency > 0].quantile(0.5)
    return torch.where(frequency > 0, median / frequency, 0.0)


def _prepare(logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """Refuse what is no logits, no target or no weight; give logits and weight in the numbers to compute in."""
    if logits.ndim != 4 or not logits.is_floating_point():
        raise ValueError(f"logits are {logits.dtype} {tuple(logits.shape)}, and must be float (N, C, H, W)")
    count, channels, height, width = logits.shape
    if target.shape != (count, height, width) or target.dtype != torch.int64:
        raise ValueError(
            f"target is {target.dtype} {tuple(target.shape)}, and must be the int64 class of every pixel, "
            f"{(count, height, width)}, for logits {tuple(logits.shape)}"
        )
    if weight is not None and weight.shape != (channels,):
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}, and must have one number for each channel: ({channels},)"
        )
    # Not on a GPU, which would have to finish all its work before it could answer.
    if target.device.type == "cpu":
        outside = (target != ignore_index) & ((target < 0) | (target >= channels))
        if outside.any():
            raise ValueError(
                f"target holds {target[outside][0].item()}, but the {channels} channels are 0..{channels - 1} and "
                f"void is {ignore_index}: encode it first"
            )
    if logits.dtype != torch.float64:
        logits = logits.float()
    return logits, None if weight is None else weight.to(logits)


def _pixel_weights(logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    """How much each pixel counts: (N, H, W) floats, 0 at void, else 1 or the weight of its class."""
    valid = target != ignore_index
    if weight is None:
        return valid.to(logits.dtype)
    return weight[torch.where(valid, target, 0)] * valid


def _sum_by_class(values: Tensor, classes: Tensor, num_classes: int) -> Tensor:
    """Sum (N, H, W) values over the pixels of each class -> (num_classes,)."""
    # By rows first: one running sum over a whole batch would lose digits in float32.
    rows = values.new_zeros(*values.shape[:2], num_classes)
    return rows.scatter_add(2, classes, values).sum(dim=(0, 1))  # (N, H, C) -> (C,)
