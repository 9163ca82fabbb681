"""The exercises of the lessons: what a right answer does, and a hint for an answer that does not do it yet.

A lesson's starter cell ends in ``cs.exercise("00.2", answer)``. The checks of each lesson stand in a module of their
own; a check looks at what the answer does, never at how it is written, so that every right answer is accepted.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from cs_utils.exceptions import CourseError

MODULES = {
    "00": "introduction",
    "01": "data_analysis",
    "02": "augmentation",
    "03": "models",
    "04": "unet",
    "05": "activations",
    "06": "losses",
    "07": "training",
    "08": "results",
}
"""The module with the checks of each lesson."""
EXERCISES: dict[str, "Exercise"] = {}
"""Every exercise by its name, such as "00.2", once the module of its lesson is imported."""


class WrongAnswer(Exception):
    """An answer is not right; the message says what it does, or does not do."""


@dataclass(frozen=True)
class Exercise:
    """How the answers to an exercise are judged."""

    check: Callable[..., None]
    """Takes the answer, and what else the lesson hands over; raises `WrongAnswer`."""
    hint: str
    """What to think about next."""


def checks(name: str, hint: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function the check of an exercise."""

    def register(check: Callable[..., None]) -> Callable[..., None]:
        EXERCISES[name] = Exercise(check, hint)
        return check

    return register


def expect(holds: bool, otherwise: str) -> None:
    """Go on if something holds of an answer.

    Raises:
        WrongAnswer: it does not; the message is ``otherwise``.
    """
    if not holds:
        raise WrongAnswer(otherwise)


def one_number(answer: Any) -> float:
    """The number that an answer is, or that a tensor, an array or a list of one number holds.

    Raises:
        WrongAnswer: it is no number, such as a text, or there are several.
    """
    try:
        value = (answer if hasattr(answer, "item") else np.asarray(answer)).item()
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, RuntimeError):  # None, or more than one
        number = math.nan
    expect(math.isfinite(number), "One number is wanted.")
    return number


def list_parts(answer: Any) -> list[Any]:
    """The parts of an answer that has an order, such as a tuple or a tensor; none of a text, a set or one number."""
    if isinstance(answer, str | bytes | Set | Mapping):
        return []
    try:
        return list(answer)
    except TypeError:  # one number, also as a tensor
        return []


def two_numbers(answer: Any, otherwise: str = "Two numbers are wanted.") -> list[float]:
    """The numbers of a pair.

    Raises:
        WrongAnswer: it is no pair, with the message ``otherwise``, or its parts are no numbers.
    """
    parts = list_parts(answer)
    expect(len(parts) == 2, otherwise)
    return [one_number(part) for part in parts]


def letters(answer: str | Iterable[str]) -> set[str]:
    """The letters of an answer such as {"b", "d"}, "B and D" or ["(b)", "(d)"], as capitals."""
    text = answer if isinstance(answer, str) else " ".join(map(str, answer))
    return set(re.sub(r"\band\b|[\W\d_]", "", text, flags=re.IGNORECASE).upper())


def find_exercise(name: str) -> Exercise:
    """The exercise of a name such as "00.2".

    Raises:
        CourseError: there is none.
    """
    lesson = str(name).partition(".")[0]
    if lesson in MODULES:
        import_module(f"{__name__}.{MODULES[lesson]}")
    if name not in EXERCISES:
        raise CourseError(f"exercise {name!r} is unknown: give one such as '00.2'")
    return EXERCISES[name]


def exercise(name: str, answer: Any, **given: Any) -> None:
    """Print whether an answer is right; a starter cell's ``...`` is no answer yet.

    Args:
        name: lesson and number, such as "00.2".
        answer: what the exercise asks for, a value or a function.
        given: what else the check needs, such as the scene that the lesson looks at.

    Raises:
        CourseError: there is no such exercise.
    """
    found = find_exercise(name)
    if answer is ...:
        print(f"exercise {name}: your turn")
        return
    try:
        found.check(answer, **given)
    except WrongAnswer as wrong:
        print(f"exercise {name}: not yet. {wrong}\nhint: {found.hint}")
    except Exception as error:  # the reader's own function may fail in any way
        print(f"exercise {name}: not yet. It stops with {type(error).__name__}: {error}\nhint: {found.hint}")
    else:
        print(f"exercise {name}: right")
