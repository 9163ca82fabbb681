"""The game of lesson 06: it knows the right diagnoses, and gives a hint for any other."""

import pytest

from cs_utils.exceptions import CourseError
from cs_utils.exercises.losses import DIAGNOSES, PATIENTS, SYMPTOMS, diagnose, show_code
from cs_utils.losses.broken import cross_entropy_softmax_twice


def test_every_patient_has_one_diagnosis_and_one_symptom():
    assert sorted(letter for letter in DIAGNOSES.values() if letter) == sorted(PATIENTS) == sorted(SYMPTOMS)


def test_the_right_guesses_are_right_and_all_others_get_a_hint(capsys):
    for letter in PATIENTS:
        for name, owner in DIAGNOSES.items():
            diagnose({letter: name})
            said = capsys.readouterr().out.strip()
            assert said == f"{letter}: right, {name}" if owner == letter else said.endswith(SYMPTOMS[letter])


def test_no_guess_yet_gives_nothing_away(capsys):
    diagnose(dict.fromkeys(PATIENTS, ...))
    assert capsys.readouterr().out.split("\n")[:-1] == [f"{letter}: your turn" for letter in PATIENTS]


@pytest.mark.parametrize("guess", [{"G": "sigmoids"}, {"A": "a cold"}])
def test_what_is_no_guess_is_refused(guess):
    with pytest.raises(CourseError, match="no guess"):
        diagnose(guess)


def test_the_code_is_shown_without_its_docstring(capsys):
    show_code(cross_entropy_softmax_twice)
    assert capsys.readouterr().out == "return F.cross_entropy(logits.softmax(1), target, ignore_index=VOID)\n"
