"""Checks for lesson 00: labels, encodings, boxes, one training step."""

from collections import Counter

import numpy as np

from cs_utils.exercises import checks, expect, one_number, two_numbers
from cs_utils.labels import LABELS, id_to_train_id, train_id_to_slide

NAMES = {label.id: label.name for label in LABELS}


@checks("00.1", "The rows come first: the upper right corner is ids[0, -1].")
def corner_names(answer: list[str], ids: np.ndarray) -> None:
    """The names of the labels in the four corners, in any order."""
    corners = [NAMES[int(ids[row, column])] for row in (0, -1) for column in (0, -1)]
    expect(not isinstance(answer, str) and len(answer) == 4, "There are four corners, so four names are wanted.")
    expect(Counter(map(str, answer)) == Counter(corners), "These are not the names of the four corners.")


@checks("00.2", "All probabilities are 0.5. Take p - 1 or p for each pixel; for the weight, this times the grey value.")
def gradients_of_five_pixels(answer: tuple[float, float]) -> None:
    """The gradients of weight and bias of sky where a fifth pixel (0.7, sky) joins the four of the lesson."""
    weight, bias = two_numbers(answer, "Two numbers are wanted: for the weight, and for the bias.")
    expect(abs(weight + 1.05) > 1e-6, "You have the sum over the pixels. The mean is wanted.")
    expect(abs(weight + 0.21) < 1e-6, f"The gradient of the weight is not {weight:g}.")
    expect(abs(bias + 0.1) < 1e-6, f"The gradient of the bias is not {bias:g}.")


@checks("00.3", "Both ends belong to the box: it is right - left + 1 columns wide.")
def share_of_a_box(answer: float) -> None:
    """The share of a box that is covered by its object: rows 2 to 5, columns 3 to 8, 12 pixels."""
    share = one_number(answer)
    expect(0 <= share <= 1, "A share lies between 0 and 1.")
    expect(abs(share - 12 / 24) < 1e-6, f"{share:.3f} is not the share.")


@checks("00.4", "What happens to the number 26 in an array of uint8 when it is multiplied by 1000?")
def fixed_instances(answer) -> None:
    """A function that turns ids (H, W) uint8 and numbers (H, W) uint8 into an instance image that can hold 33999."""
    ids = np.array([[7, 26], [33, 24]], dtype=np.uint8)
    numbers = np.array([[0, 0], [1, 3]], dtype=np.uint8)
    things = np.array([[False, True], [True, True]])
    given = np.asarray(answer(ids, numbers, things))
    expect(given.shape == ids.shape, f"The shape is {given.shape}, not that of the ids.")
    expect(given.tolist() == [[7, 26000], [33001, 24003]], f"It gives {given.tolist()}.")


@checks("00.5", "Build a table with 256 entries once; table[ids] then looks all pixels up at the same time.")
def encode_for_the_slide(answer) -> None:
    """A function from label ids straight to the slide encoding."""
    ids = np.arange(34, dtype=np.uint8).reshape(2, 17)
    given = np.asarray(answer(ids))
    expect(given.shape == ids.shape, f"The shape is {given.shape}, not that of the ids.")
    wanted = train_id_to_slide(id_to_train_id(ids))
    wrong = [NAMES[int(value)] for value in ids[given != wanted]]
    expect(not wrong, f"{', '.join(wrong[:3])} {'becomes' if len(wrong) == 1 else 'become'} something else.")
