import pytest

from cs_utils.course import FIGURES, check


def test_check_prints_the_same_line_always_or_stops(capsys):
    check("two and two are four", 2 + 2 == 4)
    assert capsys.readouterr().out == "holds: two and two are four\n"
    with pytest.raises(AssertionError, match="does not hold: two and two are five"):
        check("two and two are five", 2 + 2 == 5)


def test_figure_names_can_be_typed():
    assert all(name == name.lower() and " " not in name for name in FIGURES)
