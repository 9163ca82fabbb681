"""Checks for lesson 04: shapes, skips, padding, what the test of one image catches, how far a pixel sees."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from cs_utils.exercises import checks, expect, letters, list_parts, one_number


@checks(
    "04.1", "The bottleneck is 16 times smaller than the image. The up-convolution doubles it; the skip is put on top."
)
def shape_of_the_join(answer: Sequence[int]) -> None:
    """Channels, height and width of what the lowest double convolution of the decoder gets: width 16, 320x160."""
    given = [one_number(part) for part in list_parts(answer)]
    if len(given) == 4 and given[0] == 1:  # one image
        given = given[1:]
    expect(len(given) == 3, "Three numbers are wanted: channels, height, width.")
    expect(given != [256, 40, 20], "The height comes first.")
    expect(given[1:] == [20, 40], f"The map is not {given[1]:g} high and {given[2]:g} wide.")
    expect(given[0] == 256, f"It has not {given[0]:g} channels.")


@checks("04.2", "What is `skip` after the first line of forward?")
def a_step_up(answer: type[nn.Module]) -> None:
    """A class that is built from inputs and outputs, and joins x (N, in, H, W) and skip (N, out, 2H, 2W)."""
    torch.manual_seed(0)
    for inputs, outputs in ((6, 4), (8, 3)):
        step = answer(inputs, outputs).eval()
        x, skip = torch.randn(2, inputs, 8, 10), torch.randn(2, outputs, 16, 20)
        with torch.no_grad():
            joined = step(x, skip)
            expect(joined.shape == skip.shape, f"It gives {tuple(joined.shape)}, not {tuple(skip.shape)}.")
            for channel in range(outputs):
                other = skip.clone()
                other[0, channel, 3, 12] += 10
                places = _changed_places(step(x, other), joined)
                expect(len(places) > 0, "Another skip changes nothing.")
                expect(_lie_near(places, (3, 12), 2), "The skip has lost its place.")
            other = x.clone()
            other[0, :, 2, 7] += 10
            places = _changed_places(step(other, skip), joined)
            expect(len(places) > 0, "Another map from below changes nothing.")
            expect(_lie_near(places, (4, 14), 5), "The map from below has lost its place.")


def _changed_places(one: Tensor, other: Tensor) -> Tensor:
    """Image, row and column of each place at which two tensors (N, C, H, W) differ: (places, 3)."""
    return ((one - other).abs().sum(dim=1) > 1e-6).nonzero()


def _lie_near(places: Tensor, middle: tuple[int, int], reach: int) -> bool:
    """Whether all places are in the first image, and near a row and a column."""
    return bool(((places - torch.tensor([0, *middle])).abs() <= torch.tensor([0, reach, reach])).all())


@checks("04.3", "Pooling drops an odd row or column. The decoder starts at the bottom, and the level there is 3.")
def odd_sizes(answer: Sequence[int]) -> None:
    """The level on which an image of 100x50 fails without padding, and the rows and columns that it lacks."""
    given = [one_number(part) for part in list_parts(answer)]
    expect(len(given) == 3, "Three numbers are wanted: level, rows, columns.")
    level, rows, columns = given
    expect(level != 1, "There the rows differ. But the columns differ before, further down.")
    expect(level == 2, f"It is not level {level:g}.")
    expect((rows, columns) != (12, 14), "The rows come first.")
    expect((rows, columns) == (14, 12), f"{rows:g} rows and {columns:g} columns more are not right.")


@checks("04.4", "The test compares the network with the labels that it was given. Can it know that these are wrong?")
def caught(answer: Iterable[str]) -> None:
    """The letters of the mistakes that the test of one image catches."""
    given = letters(answer)
    expect(given <= set("ABCD"), "Give some of the letters a, b, c, d.")
    expect(given >= {"B", "D"}, "One is missing that keeps the loss where it was.")
    expect(given == {"B", "D"}, "One of them is learned by heart all the same.")


@checks("04.5", "Follow first and last as the lesson does, with range(steps) in place of four. Start far from 0.")
def receptive_field(answer: Callable[[int], int]) -> None:
    """A function of the number of steps down: the pixels in a row that one output pixel sees."""
    # The second number is that of other pixels.
    wanted = {2: (44,), 3: (92, 100), 4: (188, 204), 5: (380, 412)}
    given = {steps: one_number(answer(steps)) for steps in wanted}
    expect(given[4] in wanted[4], f"For four steps it gives {given[4]:g}.")
    wrong = [steps for steps in wanted if given[steps] not in wanted[steps]]
    expect(not wrong, f"It is right for four steps, but not for {wrong[0] if wrong else ''}.")
