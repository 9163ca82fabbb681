import re

import pytest

from course.deck import PLACE, SLIDES, fill_slides
from course.sections import list_figures
from cs_utils.exceptions import CourseError
from helpers import TALK

TEXT = SLIDES.read_text(encoding="utf-8")
FIGURES = {name: f"figures/{name}.png" for name in list_figures()}


def test_the_slides_quote_the_talk_to_the_letter():
    said = [" ".join(line.strip("-* ").split()) for line in TALK.read_text(encoding="utf-8").splitlines()]
    quoted = re.findall(r"^> (.+)$", TEXT, flags=re.MULTILINE)
    assert len(quoted) > 20
    assert [words for words in quoted if not any(words in line for line in said)] == []


def test_every_figure_and_subject_of_the_slides_is_there_and_is_filled_in():
    filled = fill_slides(TEXT, FIGURES)
    assert not PLACE.search(filled)
    assert "](figures/class-shares.png)" in filled
    assert "- When did the data set come out? **right**: paper and data are of 2016" in filled


@pytest.mark.parametrize("place", ["{figure no-such}", "{verdicts No Such}"])
def test_a_figure_or_subject_that_is_not_there_is_named(place):
    with pytest.raises(CourseError, match=r"(?i)no.such"):
        fill_slides(place, FIGURES)
