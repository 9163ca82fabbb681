"""The claims are the talk's own words, and their verdicts are computed."""

import re

import pytest

from course.claims import claims_table, find_claim, list_claims
from course.rules import RULES
from course.sections import list_notebooks, read_sections
from course.verdicts import TOO_SMALL
from cs_utils.exceptions import CourseError
from cs_utils.experiments.grids import GRIDS
from helpers import TALK

WORDS = re.compile(r"right|half right|wrong|depends on .+|cannot tell( at this budget)?")


def lines_of_the_talk():
    """Every line of the slides without its bullet; a line with marked-up parts also gives each of these."""
    slides = TALK.read_text(encoding="utf-8").split("```")[1]
    lines = []
    for line in slides.splitlines():
        text = line.strip().removeprefix("- ").strip()
        parts = re.findall(r"\*+([^*]+)\*+", text)
        lines += parts or [text]
    return lines


@pytest.mark.parametrize("claim", list_claims(), ids=lambda claim: f"{claim.under} {claim.quote}")
def test_a_quotation_is_a_whole_line_of_the_talk_below_its_subject(claim):
    lines = lines_of_the_talk()
    places = [place for place, line in enumerate(lines) if line == claim.quote]
    assert places
    # On the line itself, or a few lines above it.
    assert any(claim.under in line for place in places for line in lines[max(0, place - 9) : place + 1])


@pytest.mark.parametrize("claim", list_claims(), ids=lambda claim: f"{claim.under} {claim.quote}")
def test_a_claim_has_a_verdict_with_a_source_or_a_rule_and_a_section(claim):
    assert WORDS.fullmatch(claim.verdict().word)
    assert (claim.source is None) != (claim.rule is None)
    assert claim.rule is None or claim.rule in RULES
    number, title = claim.where.split("#", 1)
    notebook = next(path for path in list_notebooks() if path.stem.startswith(number))
    assert title in {section.title for section in read_sections(notebook)}


def names_of_arms(value):
    if isinstance(value, str):
        return {value}
    return set().union(*map(names_of_arms, value)) if isinstance(value, list) else set()


def test_the_arms_that_a_rule_names_are_arms_of_its_grid():
    for claim in list_claims():
        arguments = claim.arguments
        grids = [value for name, value in arguments.items() if name.endswith("grid")]
        arms = set().union(*(GRIDS[grid].arms for grid in grids)) if grids else set()
        for name, value in arguments.items():
            if name.endswith(("arm", "arms", "others", "sound", "broken", "comparisons")):
                assert names_of_arms(value) <= arms, claim.quote


def test_without_any_run_every_computed_verdict_is_open(tmp_path):
    words = {claim.verdict(tmp_path).word for claim in list_claims() if claim.rule}
    assert words == {TOO_SMALL}


def test_the_table_has_a_row_for_each_claim_and_finds_the_notebooks(tmp_path):
    rows = claims_table("notebooks/", tmp_path).splitlines()
    assert len(rows) == len(list_claims()) + 2
    assert '| Dice Loss: "Failure." |' in "\n".join(rows)
    assert all("](notebooks/" in row for row in rows[2:])
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def test_a_claim_is_found_by_its_words():
    assert find_claim("Another Failure.").under == "Combined Loss"
    assert find_claim("Failure.", "Focal Loss").rule == "failure"
    for words in ("Failure.", "No such words."):
        with pytest.raises(CourseError, match="claims"):
            find_claim(words)
