"""Checks for lesson 04: shapes, skips, padding, what the test of one image catches, how far a pixel sees."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import nn

from cs_utils.exercises import checks, expect


@checks(
    "04.1", "The bottleneck is 16 times smaller than the image. The up-convolution doubles it; the skip is put on top."
)
def shape_of_the_join(answer: Sequence[int]) -> None:
    """Channels, height and width of what the lowest double convolution of the decoder gets: width 16, 320x160."""
    given = tuple(int(number) for number in answer)[-3:]
    expect(len(given) == 3, "Three numbers are wanted: channels, height, width.")
    expect(given != (256, 40, 20), "The height comes first.")
    expect(given[1:] == (20, 40), f"The map is not {given[1]} high and {given[2]} wide.")
    expect(given[0] == 256, f"It has not {given[0]} channels.")


@checks("04.2", "What is `skip` after the first line of forward?")
def a_step_up(answer: type[nn.Module]) -> None:
    """A class that is built from inputs and outputs, and joins x (N, in, H, W) and skip (N, out, 2H, 2W)."""
    torch.manual_seed(0)
    step = answer(6, 4).eval()
    x, skip = torch.randn(1, 6, 8, 8), torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        joined = step(x, skip)
        expect(tuple(joined.shape) == (1, 4, 16, 16), f"It gives {tuple(joined.shape)}, not (1, 4, 16, 16).")
        other = skip.clone()
        other[..., 3, 12] += 10
        moved = (step(x, other) - joined).abs().sum(dim=(0, 1)) > 1e-6  # (16, 16)
        expect(bool(moved.any()), "Another skip changes nothing.")
        places = moved.nonzero() - torch.tensor([3, 12])
        expect(bool((places.abs() <= 2).all()), "The skip has lost its place.")
        expect(not torch.allclose(step(x + 10, skip), joined), "Another map from below changes nothing.")


@checks("04.3", "What is the rest after division by 16? And what must a multiple of 16 give?")
def padding(answer: Callable[[int, int], tuple[int, int]]) -> None:
    """A function of height and width that gives the rows and columns to add, as few as possible."""
    for height, width in ((50, 100), (160, 320), (375, 1242), (1, 17)):
        given = tuple(int(number) for number in answer(height, width))
        expect(len(given) == 2, "Two numbers are wanted: rows, columns.")
        wanted = (-height % 16, -width % 16)
        expect(given == wanted, f"For a height of {height} and a width of {width} it gives {given}.")


@checks("04.4", "The test compares the network with the labels that it was given. Can it know that these are wrong?")
def caught(answer: Iterable[str]) -> None:
    """The letters of the mistakes that the test of one image catches."""
    given = {str(letter).strip("() ").lower() for letter in answer}
    expect(given <= set("abcd"), "Give some of the letters a, b, c, d.")
    expect("b" in given and "d" in given, "One is missing that keeps the loss where it was.")
    expect(given == {"b", "d"}, "One of them is learned by heart all the same.")


@checks("04.5", "Follow first and last as the lesson does, with range(steps) in place of four. Start far from 0.")
def receptive_field(answer: Callable[[int], int]) -> None:
    """A function of the number of steps down: the pixels in a row that one output pixel sees."""
    # The second number is that of other pixels.
    wanted = {2: (44,), 3: (92, 100), 4: (188, 204), 5: (380, 412)}
    given = {steps: answer(steps) for steps in wanted}
    expect(all(isinstance(number, int | float | np.number) for number in given.values()), "One number is wanted.")
    expect(given[4] in wanted[4], f"For four steps it gives {given[4]}.")
    wrong = [steps for steps in wanted if given[steps] not in wanted[steps]]
    expect(not wrong, f"It is right for four steps, but not for {wrong[0] if wrong else ''}.")
