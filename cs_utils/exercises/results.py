"""Checks for lesson 08: scores, intervals, the error budget."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cs_utils.exercises import checks, expect, two_numbers
from cs_utils.metrics.confusion import confusion_matrix, mean_iou


def count_some(images: int, classes: int, void: bool) -> Tensor:
    """Confusion matrices (images, classes + 1, classes + 1) of random masks; the first image lacks a class."""
    rng = torch.Generator().manual_seed(0)
    target = torch.randint(0, classes + void, (images, 400), generator=rng)
    target[0, target[0] == 1] = 0
    guess = torch.randint(0, classes, target.shape, generator=rng)
    guess = torch.where(torch.rand(target.shape, generator=rng) < 0.6, target.clamp(max=classes - 1), guess)
    guess[0, guess[0] == 1] = 0
    if void:  # predicted, too, which is a miss where the truth has a class
        guess = torch.where(torch.rand(target.shape, generator=rng) < 0.1, classes, guess)
    return torch.stack([confusion_matrix(*pair, num_classes=classes) for pair in zip(guess, target, strict=True)])


@checks(
    "08.1", "What comes first, the sum over the images or the division? And what is predicted on void costs nothing."
)
def official_mean(answer: Callable[[Tensor], float]) -> None:
    """A function from the matrices of single images, void last, to the official mean IoU."""
    without = count_some(5, 3, void=False)
    for counted, what in (
        (without, "Without void"),
        (count_some(5, 3, void=True), "With void in truth and prediction"),
        (F.pad(without, (0, 1, 0, 1)), "With a class that occurs in no image"),
    ):
        given = float(answer(counted))
        right = abs(given - mean_iou(counted.sum(dim=0))) < 1e-5
        expect(right, f"{what} it gives {given:.4f}, not the official mean.")


@checks("08.2", "Where is a car in the photo, and where is it in the mask? NumPy's [::-1] turns an axis round.")
def repaired_mask(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """A function that mirrors a mask back."""
    mask = np.arange(35, dtype=np.uint8).reshape(5, 7)
    given = np.asarray(answer(mask[:, ::-1].copy()))
    expect(given.shape == mask.shape, f"A mask of {mask.shape} becomes one of {given.shape}.")
    expect(np.array_equal(given, mask), "The mask is still not that of the photo.")


@checks("08.3", "Draw the numbers of the images once, and use them for both networks; then take the difference.")
def paired_interval(answer: Callable[[Tensor, Tensor], Sequence[float]]) -> None:
    """A function from two sets of matrices of the same images to the interval of the difference in mean IoU."""
    rng = np.random.default_rng(1)
    size = rng.integers(20, 400, 40)  # pixels of class 1 in each image
    hard = rng.uniform(0.05, 0.9, 40)  # the share of them that is missed: shared by both
    first, second = (torch.zeros(40, 3, 3, dtype=torch.int64) for _ in range(2))
    # The second is worse where the class is small: a mean over single images would show much more of it.
    for counted, extra in ((first, 0), (second, rng.uniform(0, 0.1, 40) * (size < 200))):
        missed = torch.from_numpy(np.round(size * (hard + extra)).astype(np.int64))
        counted[:, 0, 0], counted[:, 1, 0] = 100, missed
        counted[:, 1, 1] = torch.from_numpy(size) - missed
    drawn = [rng.integers(0, 40, 40) for _ in range(2000)]
    lead = [mean_iou(first[one].sum(dim=0)) - mean_iou(second[one].sum(dim=0)) for one in drawn]
    low, high = (float(end) for end in np.quantile(lead, [0.025, 0.975]))
    found = answer(first, second)
    expect(len(found) == 2, "Two numbers are wanted: the ends of the interval.")
    ends = [float(end) for end in found]
    expect(ends[0] <= ends[1], "The lower end comes first.")
    expect(ends[1] > 0, "The first network is better, and the interval is below 0: which minus which?")
    width = (ends[1] - ends[0]) / (high - low)
    # With a thousand draws it is off by a few hundredths; those of 90 and of 99 % are 0.83 and 1.3 times as wide.
    place = abs(ends[0] + ends[1] - low - high) / (high - low)
    expect(place < 0.5, "The interval lies at another place: is it of the mean IoU of all drawn pixels?")
    expect(width < 1.2, f"The interval is {width:.2f} times as wide as that of pairs.")
    expect(width > 0.9, f"The interval is {width:.2f} times as wide as it should be.")


@checks("08.4", "Move the wrong pixels to the diagonal, and compute all three IoUs again: false alarms change too.")
def gains_on_paper(answer: Sequence[float]) -> None:
    """Gains in percentage points: no confusion of road and sidewalk; every person found."""
    gains = two_numbers(answer)
    counted = torch.tensor([[80, 20, 0, 0], [20, 20, 0, 0], [0, 5, 5, 0], [0, 0, 0, 0]])
    apart = torch.tensor([[100, 0, 0, 0], [0, 40, 0, 0], [0, 5, 5, 0], [0, 0, 0, 0]])
    found = torch.tensor([[80, 20, 0, 0], [20, 20, 0, 0], [0, 0, 10, 0], [0, 0, 0, 0]])
    for given, fixed, what in zip(gains, (apart, found), ("road and sidewalk", "person"), strict=True):
        gain = 100 * (mean_iou(fixed) - mean_iou(counted))
        expect(abs(given - gain) < 0.1, f"{given:.2f} is not the gain of {what}.")


@checks("08.5", "A mirrored image has mirrored logits: flip them back along the last axis before you add.")
def flip_averaged(answer: Callable[[nn.Module, Tensor], Tensor]) -> None:
    """A function of a network and images that adds the logits of the mirror images and chooses the classes."""
    torch.manual_seed(0)
    network = nn.Conv2d(3, 5, (3, 5), padding="same").eval()
    images = torch.randn(2, 3, 12, 16)
    with torch.no_grad():
        logits = network(images) + network(images.flip(-1)).flip(-1)  # (N, C, H, W)
        given = torch.as_tensor(answer(network, images))
    expect(given.shape == (2, 12, 16), f"Images of (2, 3, 12, 16) give {tuple(given.shape)}, not classes (N, H, W).")
    same = float((given == logits.argmax(dim=1)).float().mean())
    expect(same == 1, f"{same:.0%} of the pixels have the class of the summed logits.")
