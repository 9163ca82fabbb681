"""Checks for lesson 06: six losses with an unknown defect, the floor of one of them, Dice, and a test of losses."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from cs_utils.exceptions import CourseError
from cs_utils.exercises import checks, expect, one_number
from cs_utils.labels import NUM_CLASSES, VOID
from cs_utils.losses import broken
from cs_utils.losses.right import LOSSES, dice_loss, lovasz_loss

PATIENTS: dict[str, Callable[..., Tensor]] = {
    "A": broken.dice_absent_as_zero,
    "B": broken.cross_entropy_without_permute,
    "C": broken.focal_with_sigmoids,
    "D": broken.cross_entropy_void_as_last_class,
    "E": broken.dice_without_softmax,
    "F": broken.cross_entropy_softmax_twice,
}
"""The losses of the game "find the bug", by letter."""
DIAGNOSES = {
    "absent classes count": "A",
    "no permute": "B",
    "sigmoids": "C",
    "void is the last class": "D",
    "no softmax": "E",
    "softmax twice": "F",
    "no factor 2": None,
    "one fraction for all classes": None,
}
"""What the reader may answer, and the letter that it is right for; the last two fit none of the six."""
SYMPTOMS = {
    "A": "Its curve is high and nearly flat, but its network learns. What does a perfect street cost?",
    "B": "A perfect street costs more than an undecided one, and its picture is woven like cloth.",
    "C": "Its loss is small from the very first epoch. How many questions does it ask for each pixel?",
    "D": "Where the ground truth is void, its network puts the same class again and again. Which one?",
    "E": "A perfect street costs less than 0. Between which two numbers may a Dice loss lie?",
    "F": "It begins at ln 19, as cross entropy must, but no prediction costs less than 2.03.",
}


def diagnose(guess: Mapping[str, Any]) -> None:
    """Print which guesses of the game are right; a wrong one gets the symptom to look at, and ``...`` is no guess yet.

    Args:
        guess: a diagnosis of `DIAGNOSES` for each letter.

    Raises:
        CourseError: a letter is none of `PATIENTS`, or a guess is none of `DIAGNOSES`.
    """
    for letter, name in guess.items():
        if letter not in PATIENTS or (name is not ... and name not in DIAGNOSES):
            raise CourseError(f"{letter}: {name!r} is no guess: take one of {', '.join(DIAGNOSES)}, for A to F")
        if name is ...:
            print(f"{letter}: your turn")
        elif DIAGNOSES[name] == letter:
            print(f"{letter}: right, {name}")
        else:
            print(f"{letter}: not {name}. {SYMPTOMS[letter]}")


def show_code(loss: Callable[..., Any]) -> None:
    """Print the lines of a function without its head and its docstring."""
    lines = inspect.getsource(loss).rpartition('"""')[2]
    print(inspect.cleandoc(lines))


def example_batches() -> list[tuple[Tensor, Tensor]]:
    """Two batches with void and absent classes: logits (2, 19, 6, 8) and target (2, 6, 8) each."""
    generator = torch.Generator().manual_seed(6)
    batches = []
    for classes in (4, NUM_CLASSES):
        logits = 2 * torch.randn(2, NUM_CLASSES, 6, 8, generator=generator)
        target = torch.randint(classes, (2, 6, 8), generator=generator)
        target[:, 5], target[0, :2] = VOID, 2
        batches.append((logits, target))
    return batches


def expect_equal(answer: Callable[..., Any], wanted: Callable[..., Tensor]) -> None:
    """An answer gives the same numbers as another loss, on batches with void and absent classes."""
    for logits, target in example_batches():
        given, right = float(answer(logits, target)), wanted(logits, target).item()
        expect(math.isclose(given, right, abs_tol=1e-4), f"A batch costs {given:.3f}, and it should cost {right:.3f}.")


@checks("06.1", "Numerator: twice the probabilities of the two car pixels. Denominator: the sum of all four, plus 2.")
def dice_by_hand(answer: float) -> None:
    """The Dice of probabilities 0.9, 0.5, 0.4 and 0.2, where the first two pixels are cars."""
    wanted = 2 * (0.9 + 0.5) / (0.9 + 0.5 + 0.4 + 0.2 + 2)
    given = one_number(answer)
    expect(not math.isclose(given, 1 - wanted, abs_tol=5e-4), "That is the loss, 1 - D. D itself is wanted.")
    expect(math.isclose(given, wanted, abs_tol=5e-4), f"{given:.3f} is not the Dice.")


@checks("06.2", "If the network is sure and right, the second softmax sees one 1 and C - 1 zeros. What is p of the 1?")
def lowest_value(answer: Callable[..., Any]) -> None:
    """A function of the number of classes: the lowest cross entropy of a pixel whose logits were softmaxed before."""
    for classes in (2, 3, NUM_CLASSES, 150):
        given, wanted = float(answer(classes)), math.log(1 + (classes - 1) / math.e)
        expect(math.isclose(given, wanted, abs_tol=1e-3), f"With {classes} classes it gives {given:.3f}.")


@checks("06.3", "One line has the wrong axis, one gives void to a class, and one counts classes that do not occur.")
def repaired_dice(answer: Callable[..., Any]) -> None:
    """A Dice loss that is the package's."""
    expect_equal(answer, dice_loss)


@checks("06.4", "A perfect street must cost nothing, each mistake must cost more, and void must not matter.")
def tester(answer: Callable[..., Any]) -> None:
    """A function of a loss: whether it passes the tests of the lesson."""
    for loss in (*LOSSES.values(), lovasz_loss):
        expect(bool(answer(loss)), f"It refuses {loss.__name__}, which is right.")
    for name, kind in broken.KINDS.items():
        if kind == "bug" and name != "dice_one_hot_of_void":
            expect(not answer(broken.BROKEN_LOSSES[name]), f"It accepts {name}.")
    expect(not answer(lambda logits, target: 0 * logits.sum()), "It accepts a loss that is always 0.")
    over_void = answer(broken.cross_entropy_mean_over_void)
    expect(not over_void, "It accepts cross_entropy_mean_over_void, which becomes smaller with more void.")


@checks("06.5", "Only the two sums of the denominator change: p * p in place of p. Void and absent classes stay out.")
def squared_dice(answer: Callable[..., Any]) -> None:
    """The Dice loss of the V-Net paper, with squares in the denominator."""
    expect_equal(answer, _squared_dice)


def _squared_dice(logits: Tensor, target: Tensor) -> Tensor:
    classes = [value for value in target.unique().tolist() if value != VOID]
    p = logits.softmax(1).movedim(1, 0)[:, target != VOID]  # (C, valid pixels)
    truth = target[target != VOID]
    dice = [2 * p[c][truth == c].sum() / (p[c].square().sum() + (truth == c).sum()) for c in classes]
    return 1 - torch.stack(dice).mean()
