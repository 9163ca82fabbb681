"""Every exercise takes a right answer in more than one form, and refuses at least two wrong ones."""

import runpy
from pathlib import Path

import pytest

from cs_utils.exceptions import CourseError
from cs_utils.exercises import EXERCISES, MODULES, exercise, find_exercise

for lesson in MODULES:
    find_exercise(f"{lesson}.1")

RIGHT, WRONG = {}, {}
"""By exercise: what the lesson hands over, and an answer. Each lesson has its own in ``lesson_NN.py``."""
for path in sorted(Path(__file__).parent.glob("lesson_*.py")):
    answers = runpy.run_path(str(path))
    RIGHT |= answers["RIGHT"]
    WRONG |= answers["WRONG"]


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
    exercise("00.3", ...)
    assert capsys.readouterr().out == "exercise 00.3: your turn\n"
    with pytest.raises(CourseError, match="unknown"):
        exercise("99.1", 1)
