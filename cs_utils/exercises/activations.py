"""Checks for lesson 05: slopes, signals and gradients, intervals of paired differences."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cs_utils.exercises import checks, expect, one_number, two_numbers
from cs_utils.experiments.statistics import paired_difference, power

STEEPEST, SLOPE = 2.3994, 1.0998
"""Where the second derivative of x * sigmoid(x) is zero, and the slope there."""
FALL_OF_GRADIENT, FALL_OF_SIGNAL = 8.2e-4 / 1.8e-9, 1.3e-1 / 1.1e-3
"""From the table of the exercise."""
SCORES = (
    ([10.0, 20.0, 30.0], [9.0, 19.0, 29.5]),
    ([13.9, 12.8, 13.0, 13.9, 13.1], [13.9, 13.1, 12.7, 12.8, 10.2]),
)
"""Scores of two networks on the same seeds."""


@checks("05.1", "Let autograd give the slope at many points; argmax says where it is largest.")
def steepest_place(answer: Sequence[float]) -> None:
    """Where SiLU is steepest, and its slope there, to two digits behind the point."""
    x, slope = two_numbers(answer)
    expect(abs(x - STEEPEST) < 0.02, f"{x:.3f} is not the place.")
    expect(abs(slope - SLOPE) < 0.006, f"The place is right, but the slope there is not {slope:.3f}.")


@checks("05.2", "Divide a number of layer 17 by that of layer 9. Which column holds what arrives from behind?")
def two_falls(answer: Sequence[float]) -> None:
    """By how much the arriving gradient and the signal fall between two rows of the table."""
    gradient, signal = two_numbers(answer)
    expect(gradient > 1 and signal > 1, "How many times smaller: these numbers are above 1.")
    expect(abs(gradient / FALL_OF_GRADIENT - 1) < 0.15, f"The arriving gradient is not {gradient:.3g} times smaller.")
    expect(abs(signal / FALL_OF_SIGNAL - 1) < 0.15, f"The signal is not {signal:.3g} times smaller.")


@checks("05.3", "Which spread matters for pairs? Divide by n or by n - 1? And 1.96 is right for very many seeds only.")
def repaired_interval(answer: Callable[[list[float], list[float]], tuple[float, float]]) -> None:
    """A function that gives the ends of the 95 % interval of paired differences by Student's t."""
    for first, second in (*SCORES, *(pair[::-1] for pair in SCORES)):  # the second may lead, too
        wanted = paired_difference(first, second)
        low, high = two_numbers(answer(list(first), list(second)))
        expect(low < high, "The lower end comes first.")
        expect(
            np.allclose([low, high], [wanted.low, wanted.high], atol=0.01),
            f"For {first} against {second} it gives {low:.2f} to {high:.2f}.",
        )


@checks("05.4", "torch.where(x > 0, x, …) chooses for each number, and autograd goes through it.")
def leaky(answer: tuple[Callable[[Tensor], Tensor], int]) -> None:
    """A function of a tensor of any shape, x above zero and a hundredth of it below; and after how many steps it acts.

    From -1 a unit needs 498 steps to 0, each of 0.2 times the slope times an error a little over 1, and four more to
    one half.
    """
    expect(isinstance(answer, Sequence) and len(answer) == 2, "Two things are wanted: your function, and the steps.")
    function, steps = answer
    expect(callable(function), "The first of the two is a function.")
    x = torch.tensor([-8.0, -1.0, -0.1, 0.1, 3.0], requires_grad=True)
    y = function(x)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "It must give a tensor as large as its input.")
    right = F.leaky_relu(x, 0.01)
    expect(
        torch.allclose(y.to(x.dtype), right), f"At {x.tolist()} it gives {[round(value, 3) for value in y.tolist()]}."
    )
    expect(y.requires_grad, "Autograd cannot go through it: it gives numbers without a history.")
    (slope,) = torch.autograd.grad(y.sum(), x)
    (wanted,) = torch.autograd.grad(right.sum(), x)
    expect(torch.allclose(slope, wanted), f"Its slopes are {slope.tolist()}.")
    alone = function(torch.tensor(-2.0))  # `lone_unit` gives it a single number, too
    expect(alone.shape == (), f"A single number becomes a tensor of shape {tuple(alone.shape)}.")
    expect(abs(float(alone) + 0.02) < 1e-6, f"At -2 alone it gives {float(alone):.3f}.")
    steps = one_number(steps)
    expect(480 <= steps <= 520, f"The function is right. But it is not after {steps:g} steps: count from −1.")


@checks("05.5", "Try 10, 20, 40 seeds with ten thousand invented experiments each, then go on between two of them.")
def seeds_needed(answer: int) -> None:
    """How many pairs notice a lead of half a standard deviation four times out of five: 34, and one less is chance."""
    pairs = one_number(answer)
    expect(pairs == int(pairs), "A whole number is wanted.")
    expect(pairs >= 2 and power(0.5, 1.0, int(pairs) + 1) >= 0.8, f"{pairs:g} notice it too rarely.")
    expect(power(0.5, 1.0, int(pairs)) <= 0.83, f"{pairs:g} notice it more often than that: fewer are enough.")
