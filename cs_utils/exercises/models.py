"""Checks for lesson 03: dilation, ASPP, attention, and what networks cost."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F

from cs_utils.exercises import checks, expect, letters, list_parts, two_numbers
from cs_utils.models.inspect import count_costs
from cs_utils.settings import Settings

MIXED_DOTS = {"A", "C", "D"}
"""Dots of the slide that join a published score with the operations of the version built here."""
SIZE = (256, 512)


@checks(
    "03.1", "A 3x3 layer of dilation d reaches d pixels further on each side. Which distances can 1, 3 and 9 add up to?"
)
def field_of_three_layers(answer: tuple[int, bool]) -> None:
    """Width of the receptive field of dilations 1, 3 and 9, and whether it has holes: 1 + 2 (1 + 3 + 9), and none."""
    parts = list_parts(answer)
    expect(len(parts) == 2, "Two values are wanted: the width, and True or False.")
    width, holes = parts
    expect(width == 27, f"{width} pixels is not the width.")
    expect(holes in (True, False), "The second value is True or False: are there holes?")
    expect(not holes, "Every distance from -13 to 13 is a sum of -1, 0 or 1 times 1, 3 and 9.")


@checks(
    "03.2", "How many positions does a window with dilation d need on each side? Give the branch that much padding."
)
def repaired_aspp(answer) -> None:
    """A function (row, dilations) that gives a branch of the row's length for each dilation."""
    third = torch.full((1, 1, 3), 1 / 3)
    for length, dilations in ((20.0, (1, 2, 4)), (17.0, (3,))):
        row = torch.arange(length)[None, None] ** 2  # (1, 1, length)
        wanted = torch.cat([F.conv1d(row, third, padding=d, dilation=d) for d in dilations], dim=1)
        given = torch.as_tensor(answer(row, dilations)).to(wanted.dtype)
        expect(
            tuple(given.shape) == tuple(wanted.shape), f"The shape is {tuple(given.shape)}, not {tuple(wanted.shape)}."
        )
        expect(torch.allclose(given, wanted, atol=1e-4), "The shape is right, but the numbers are not.")


@checks(
    "03.3", "(n, d) @ (d, m) gives (n, m). Divide by the root of d, and let each row, not each column, add up to 1."
)
def attention(answer) -> None:
    """A function (q, k, v) that gives softmax(q k^T / sqrt(d)) v."""
    random = torch.Generator().manual_seed(0)
    for n, m, d, c in ((5, 7, 3, 2), (4, 6, 8, 3)):
        q, k, v = (torch.randn(shape, generator=random) for shape in ((n, d), (m, d), (m, c)))
        given = torch.as_tensor(answer(q, k, v)).to(q.dtype)
        expect(tuple(given.shape) == (n, c), f"The shape is {tuple(given.shape)}, not ({n}, {c}).")
        wanted = F.scaled_dot_product_attention(q, k, v)
        expect(torch.allclose(given, wanted, atol=1e-5), f"With d = {d} the numbers are others.")


@checks(
    "03.4", "Look every pair up: is the number of operations that of the published version, or of the one built here?"
)
def mixed_dots(answer: Iterable[str]) -> None:
    """The letters of the dots that join two networks."""
    given = letters(answer)
    expect(not given - set("ABCDEF"), "The dots are A to F.")
    expect(
        not given - MIXED_DOTS,
        f"{min(given - MIXED_DOTS, default='')} is sound: score and operations are of one network.",
    )
    expect(given == MIXED_DOTS, "One that joins two networks is missing.")


@checks("03.5", "Operations grow with the square of the width: 64 * sqrt(18.3 / 96.5). Then count it.")
def as_cheap_as_deeplab(answer: tuple[float, float]) -> None:
    """The whole width at which a U-Net comes nearest to DeepLabv3+'s operations, and its parameters in millions."""
    width, parameters = two_numbers(answer, "Two numbers are wanted: the width, and the parameters in millions.")
    networks = {count: Settings(width=count) for count in (27, 28, 29)}
    costs = count_costs(networks | {"goal": Settings(model="deeplabv3plus")}, SIZE)
    gap = (costs["multiply_adds"] - costs.loc["goal", "multiply_adds"]).abs().drop("goal")
    expect(width == gap.idxmin(), f"A U-Net of width {width:g} does not come nearest.")
    true = costs.loc[gap.idxmin(), "parameters"]
    expect(
        bool(np.isclose(parameters, true, rtol=0.02)), f"{parameters:g} million parameters are not those of this width."
    )
