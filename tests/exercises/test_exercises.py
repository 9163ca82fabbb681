"""Every exercise takes a right answer in more than one form, and refuses at least two wrong ones."""

import numpy as np
import pytest

from cs_utils.exceptions import CourseError
from cs_utils.exercises import EXERCISES, MODULES, exercise, find_exercise
from cs_utils.labels import LABELS, VOID

for lesson in MODULES:
    find_exercise(f"{lesson}.1")

IDS = np.array([[23, 23, 11], [7, 7, 1]], np.uint8)
MASKS = [np.array([[0, 10, 13, VOID]], np.uint8), np.array([[0, 10, 2, VOID]], np.uint8)]


def by_loop(ids):
    table = {label.id: 20 if label.train_id == VOID else label.train_id for label in LABELS}
    return [[table[int(value)] for value in row] for row in ids]


def with_int(ids, numbers, things):
    return np.where(things, ids.astype(int) * 1000 + numbers, ids)


RIGHT = {
    "00.1": [({"ids": IDS}, ["sky", "building", "road", "ego vehicle"])],
    "00.2": [({"masks": MASKS}, {"road", "sky"}), ({"masks": MASKS}, ["sky", "road"])],
    "00.3": [({}, 0.5), ({}, np.float32(0.5))],
    "00.4": [({}, with_int)],
    "00.5": [({}, by_loop), ({}, lambda ids: np.array(by_loop(ids), np.uint8))],
}
WRONG = {
    "00.1": [({"ids": IDS}, ["sky", "building", "road"]), ({"ids": IDS}, ["sky", "road", "road", "ego vehicle"])],
    "00.2": [({"masks": MASKS}, {"road"}), ({"masks": MASKS}, {"road", "sky", "car"}), ({"masks": MASKS}, {0, 10})],
    "00.3": [({}, 12 / 15), ({}, 24), ({}, None)],
    "00.4": [
        ({}, lambda ids, numbers, things: np.where(things, ids * np.uint8(232) + numbers, ids)),
        ({}, lambda ids, numbers, things: ids.astype(int) * 1000 + numbers),
    ],
    "00.5": [
        ({}, lambda ids: ids),
        ({}, lambda ids: np.where(np.array(by_loop(ids)) == 20, 255, by_loop(ids))),
        ({}, lambda ids: ids["no such thing"]),
    ],
}
"""By exercise: what the lesson hands over, and an answer."""


def cases(answers):
    return [pytest.param(name, *case, id=f"{name}-{n}") for name in answers for n, case in enumerate(answers[name])]


@pytest.mark.parametrize(("name", "given", "answer"), cases(RIGHT))
def test_a_right_answer_is_accepted(capsys, name, given, answer):
    exercise(name, answer, **given)
    assert capsys.readouterr().out == f"exercise {name}: right\n"


@pytest.mark.parametrize(("name", "given", "answer"), cases(WRONG))
def test_a_wrong_answer_is_refused_with_a_hint(capsys, name, given, answer):
    exercise(name, answer, **given)
    printed = capsys.readouterr().out
    assert printed.startswith(f"exercise {name}: not yet. ")
    assert EXERCISES[name].hint in printed


def test_every_exercise_has_right_answers_and_two_wrong_ones():
    assert RIGHT.keys() == WRONG.keys() == EXERCISES.keys()
    assert all(len(answers) >= 2 for answers in WRONG.values())


def test_no_answer_yet_is_neither_right_nor_wrong(capsys):
    exercise("00.1", ..., ids=IDS)
    assert capsys.readouterr().out == "exercise 00.1: your turn\n"
    with pytest.raises(CourseError, match="unknown"):
        exercise("99.1", 1)
