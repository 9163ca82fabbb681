"""Checks for lesson 00: labels, encodings, boxes."""

from collections import Counter

import numpy as np

from cs_utils.exercises import checks, expect, one_number
from cs_utils.labels import CLASS_NAMES, LABELS, VOID, id_to_train_id, train_id_to_slide

NAMES = {label.id: label.name for label in LABELS}


@checks("00.1", "The rows come first: the upper right corner is ids[0, -1].")
def corner_names(answer: list[str], ids: np.ndarray) -> None:
    """The names of the labels in the four corners, in any order."""
    corners = [NAMES[int(ids[row, column])] for row in (0, -1) for column in (0, -1)]
    expect(not isinstance(answer, str) and len(answer) == 4, "There are four corners, so four names are wanted.")
    expect(Counter(map(str, answer)) == Counter(corners), "These are not the names of the four corners.")


@checks("00.2", "Begin with the classes of the first frame, and keep those that the next frame has too: set & set.")
def classes_everywhere(answer: set[str], masks: list[np.ndarray]) -> None:
    """The names of the classes that occur in every one of these masks of trainIds; void is no class."""
    common = set.intersection(*(set(np.unique(mask).tolist()) for mask in masks)) - {VOID}
    given = {str(name) for name in answer}
    expect(given <= set(CLASS_NAMES), f"These are no classes: {sorted(given - set(CLASS_NAMES))}.")
    wanted = {CLASS_NAMES[value] for value in common}
    expect(not wanted - given, "A class that is in every frame is missing.")
    expect(not given - wanted, "A class that is not in every frame is among them.")


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
