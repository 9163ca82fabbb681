"""Properties of the settings: whatever is given is taken and kept, or refused in one line that says what to give.

The values are drawn by hypothesis, always the same ones; ``make soak`` draws many more.
"""

import json
import math
import tempfile
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from pydantic import TypeAdapter

from cs_utils.exceptions import CourseError
from cs_utils.settings import PROFILES, ROOT, USED_BY, Settings, limits, uses
from helpers import SOAK

drawn = hypothesis.settings(
    derandomize=True, database=None, deadline=None, max_examples=1000 if SOAK else 20, print_blob=False
)
# Nothing is left in the project's folder.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")

SCHEMA = TypeAdapter(Settings).json_schema()["properties"]
"""Name, kind and range of every setting, as its annotation says them."""


def number_of(name: str) -> dict[str, Any]:
    """The schema of a setting's number, or of the first of its two; empty where it has none."""
    parts = [*SCHEMA[name].get("prefixItems", []), *SCHEMA[name].get("anyOf", []), SCHEMA[name]]
    return parts[0] if "minimum" in parts[0] else {}


NAMES = sorted(SCHEMA)
NUMBERS = [name for name in NAMES if number_of(name)]
REAL = {name for name in NUMBERS if number_of(name)["type"] == "number"}
PAIRS = {name for name in NUMBERS if "prefixItems" in SCHEMA[name]}
OPTIONAL = {name for name in NAMES if "anyOf" in SCHEMA[name]}
FOLDERS = {name for name in NAMES if "'path'" in str(SCHEMA[name])}
SWITCHES = {name for name in NAMES if SCHEMA[name].get("type") == "boolean"}
CHOICES = {name: SCHEMA[name]["enum"] for name in NAMES if "enum" in SCHEMA[name]}


def refusal(act: Callable[[], object]) -> str:
    """The message of the error that a call must end in: one line."""
    with pytest.raises(CourseError) as error:
        act()
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


def in_range(name: str) -> st.SearchStrategy:
    low, high = limits(name)
    if name in REAL:
        real = st.floats(low, high) | st.integers(math.ceil(low), math.floor(high))
        return st.tuples(real, real) if name in PAIRS else real
    whole = st.integers(low, high)
    return st.tuples(whole, whole) if name in PAIRS else st.none() | whole if name in OPTIONAL else whole


@st.composite
def out_of_range(draw: st.DrawFn, name: str) -> Any:
    low, high = limits(name)
    if name in REAL:
        below, above = st.floats(max_value=low, exclude_max=True), st.floats(min_value=high, exclude_min=True)
        number = draw(
            below | above | st.integers(max_value=math.floor(low) - 1) | st.integers(min_value=math.ceil(high) + 1)
        )
        return (number, 1.0) if name in PAIRS else number
    number = draw(st.integers(max_value=low - 1) | st.integers(min_value=high + 1))
    if name in PAIRS:
        other = draw(st.integers(low, high))
        return draw(st.sampled_from([(number, other), (other, number), (number, number)]))
    return number


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.complex_numbers(),
    st.lists(st.integers(30, 70), max_size=3),
    st.tuples(st.floats(30, 70), st.integers(30, 70)),
    st.tuples(st.booleans(), st.integers(30, 70)),
    st.lists(st.integers(30, 70), max_size=4).map(tuple),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.sampled_from([name for names in CHOICES.values() for name in names]),
    st.sampled_from([np.int64(64), np.float32(0.5), np.bool_(True), np.arange(3), np.array(["unet", "relu"])]),
    st.sampled_from([Decimal("0.5"), Fraction(1, 2), int, object(), Path("somewhere"), {"unet"}, range(2)]),
)


def is_right(name: str, value: Any) -> bool:
    """Whether a setting may have a value: written a second time, and only as good as these values need."""

    def is_number(number: Any, kinds: tuple[type, ...]) -> bool:
        low, high = limits(name)
        return type(number) in kinds and low <= number <= high

    if name in CHOICES:
        return type(value) is str and value in CHOICES[name]
    if name in SWITCHES:
        return type(value) is bool and (name not in USED_BY or not value)  # the U-Net is never pretrained
    if name in FOLDERS:
        return (
            (value is None and name in OPTIONAL)
            or isinstance(value, Path)
            or (type(value) is str and "\0" not in value)
        )
    if name == "run":
        return value is None or (type(value) is str and value != ".." and not set(value) & set("\0/\\"))
    if name in PAIRS:
        return type(value) in (tuple, list) and len(value) == 2 and all(is_number(number, (int,)) for number in value)
    # To pydantic a truth value of NumPy is a number, though one of Python is none.
    kinds = (int, float, np.float32, np.int64, np.bool_, Decimal, Fraction) if name in REAL else (int,)
    return (value is None and name in OPTIONAL) or is_number(value, kinds)


def test_no_setting_is_left_out_of_these_tests():
    assert sorted([*NUMBERS, *FOLDERS, *SWITCHES, *CHOICES, "run"]) == NAMES


@pytest.mark.parametrize("name", NUMBERS)
@drawn
@given(data=st.data())
def test_a_number_out_of_range_is_refused_with_its_range(name: str, data: st.DataObject) -> None:
    low, high = limits(name)
    value = data.draw(out_of_range(name))
    for act in (lambda: Settings(**{name: value}), lambda: Settings().replace(**{name: value})):
        message = refusal(act)
        assert message == f"setting {name}={value!r} is out of range: give {low} to {high}"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float64("inf")])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_finite_number_is_refused(name: str, number: float) -> None:
    for value in ((number, 64), (64, number)) if name in PAIRS else (number,):
        message = refusal(lambda value=value: Settings(**{name: value}))
        assert message.startswith(f"setting {name}=")
        assert ("is out of range: give " if name in REAL else "is of the wrong kind: give ") in message


@pytest.mark.parametrize("name", NAMES)
@drawn
@given(value=ANYTHING)
def test_anything_else_is_refused_and_the_setting_named(name: str, value: Any) -> None:
    # Elsewhere it is said what becomes of these: a lone ~ is a home, and a letter with a colon a drive.
    hypothesis.assume(not (isinstance(value, str) and ("~" in value or ":" in value)))
    if is_right(name, value):
        kept = getattr(Settings(**{name: value}), name)
        if name in FOLDERS and value is not None:
            value = Path(value).resolve()
        assert kept == (tuple(value) if name in PAIRS else value)
    else:
        assert refusal(lambda: Settings(**{name: value})).startswith(f"setting {name}=")


@pytest.mark.parametrize("name", NUMBERS)
def test_both_ends_of_a_range_belong_to_it(name: str) -> None:
    for end in limits(name):
        value = (end, end) if name in PAIRS else end
        assert getattr(Settings(**{name: value}), name) == value


RUNS = st.none() | st.from_regex(r"[\w. -]{0,20}[\w-]", fullmatch=True)
PATHS = st.text(max_size=20).filter(lambda text: "\0" not in text and not text.startswith("~"))
VALUES = (
    {name: in_range(name) for name in NUMBERS}
    | {name: st.booleans() for name in SWITCHES}
    | {name: st.sampled_from(choices) for name, choices in CHOICES.items()}
    | {name: PATHS | PATHS.map(Path) for name in FOLDERS}
    | {"run": RUNS}
)


@drawn
@given(values=st.fixed_dictionaries(VALUES))
def test_all_values_in_range_are_taken_and_survive(values: dict[str, Any]) -> None:
    values = {name: value for name, value in values.items() if uses(values["model"], name)}
    settings = Settings.of_profile(**values)
    for name, value in values.items():
        assert getattr(settings, name) == (Path(value).resolve() if name in FOLDERS else value)
    text = settings.to_json()
    assert "NaN" not in text
    assert "\n" not in text
    assert Settings(**json.loads(text)) == settings
    # One after the other on others' settings: `replace` takes what the constructor takes, and loses nothing.
    changed = Settings.of_profile(settings.profile, recipe=settings.recipe)
    for name, value in json.loads(text).items():
        changed = changed.replace(**{name: value})
    assert changed == settings
    assert settings.replace() == settings


@drawn
@given(name=st.text(max_size=12).filter(lambda text: text not in NAMES))
def test_a_name_that_is_no_setting_is_refused(name: str) -> None:
    for act in (lambda: Settings().replace(**{name: 1}), lambda: Settings.of_profile("tiny", **{name: 1})):
        assert refusal(act).startswith(f"setting {name!r} is unknown: ")


@drawn
@given(value=ANYTHING)
def test_what_is_no_profile_is_refused_with_the_profiles(value: Any) -> None:
    hypothesis.assume(not (isinstance(value, str) and value in PROFILES))
    message = refusal(lambda: Settings.of_profile(value))
    assert message.startswith(f"profile {value!r} is unknown: ")
    assert any(profile in message.partition(": ")[2] for profile in PROFILES)


@drawn
@given(folder=st.text(min_size=1, max_size=12).filter(lambda text: "\0" not in text))
def test_the_environment_names_a_folder_or_is_refused(folder: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CS_DATA", folder)
        if folder.startswith("~"):
            try:
                assert Settings.from_env().data == Path(folder).expanduser().resolve()
            except (CourseError, RuntimeError) as error:
                assert str(error).startswith("setting data='~")
        else:
            assert Settings.from_env().data == (ROOT / folder).resolve()


@pytest.mark.parametrize("name", sorted(FOLDERS))
@pytest.mark.parametrize("value", ["a\0b", "~nobody-has-this-name/data"])
def test_a_path_that_cannot_be_one_is_refused(name: str, value: str) -> None:
    assert refusal(lambda: Settings(**{name: value})).startswith(f"setting {name}={value!r} is no path (")


@pytest.mark.parametrize("value", ["..", ".", "../x", "a/b", "/tmp/x", "a\\b", "C:\\x", "a\0b"])
def test_a_run_stays_in_the_folder_of_runs(value: str) -> None:
    assert refusal(lambda: Settings(run=value)).startswith(f"setting run={value!r} is no name of a folder in runs")


@drawn
@given(name=RUNS.filter(bool))
def test_a_run_that_is_taken_lies_in_the_folder_of_runs(name: str) -> None:
    settings = Settings(run=name)
    assert settings.run_folder.resolve().parent == settings.runs
