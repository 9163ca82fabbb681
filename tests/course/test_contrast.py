"""Contrast in the site's own style sheets by WCAG 2.2: letters 4.5 to 1, bars and rings that say something 3 to 1.

The theme's colours are its authors' business, but for those that the course sets. A class's colour in a picture or a
legend is Cityscapes' and fixed; it is never the only sign, because the class's name stands beside it.
"""

import re

import pytest
from matplotlib.colors import to_rgb

from course.readme import DOCS
from helpers import contrast

LETTERS, GRAPHICS = 4.5, 3
FURO = {"light": "#ffffff", "dark": "#131416"}
"""What the pages' theme writes on."""


def variables(name):
    """The colours that a style sheet names, for a light screen and, where it knows of one, for a dark screen."""
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{([^}]*)\}", text)]
    return {theme: blocks[0] | block for theme, block in zip(("light", "dark"), blocks, strict=False)}


SHEETS = {
    "live/live.css": ("light", "dark"),
    "deck/deck.css": ("light",),
}
PAIRS = {
    "live/live.css": [
        *((letters, paper, LETTERS) for letters in ("ink", "soft", "accent") for paper in ("paper", "card")),
        *((shape, paper, GRAPHICS) for shape in ("accent", "bar") for paper in ("paper", "card")),
    ],
    "deck/deck.css": [(letters, "paper", LETTERS) for letters in ("ink", "quiet", "accent")],
}


@pytest.mark.parametrize(("name", "theme"), [(name, theme) for name, themes in SHEETS.items() for theme in themes])
def test_what_is_written_and_drawn_stands_out(name, theme):
    colors = {key: to_rgb(value) for key, value in variables(name)[theme].items()}
    found = {(one, other): contrast(colors[one], colors[other]) - least for one, other, least in PAIRS[name]}
    assert {pair: round(spare, 2) for pair, spare in found.items() if spare < 0} == {}


@pytest.mark.parametrize("name", [*SHEETS, "_static/site.css"])
def test_no_letters_have_a_colour_that_is_not_tested(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    used = set(re.findall(r"(?<![\w-])color: ?([^;}]+)", re.sub(r":root \{[^}]*\}", "", text)))
    tested = {f"var(--{letters})" for letters, _, _ in PAIRS.get(name, [])}
    # The letters "thinking …" are white on two thirds of black, over any picture.
    assert used - tested <= {"inherit", "#fff"}
    assert "#fff" not in used or "background: #000a; color: #fff" in text
    assert contrast((1, 1, 1), (1 / 3, 1 / 3, 1 / 3)) >= LETTERS


def test_a_quotation_in_the_deck_is_read_on_its_grey():
    text = (DOCS / "deck/deck.css").read_text(encoding="utf-8")
    (grey,) = re.findall(r"blockquote \{[^}]*background: (#\w+)", text)
    assert contrast(to_rgb(variables("deck/deck.css")["light"]["ink"]), to_rgb(grey)) >= LETTERS


@pytest.mark.parametrize("theme", FURO)
def test_links_stand_out_from_the_theme(theme):
    text = (DOCS / "conf.py").read_text(encoding="utf-8")
    colors = re.findall(rf'"{theme}_css_variables": \{{([^}}]*)\}}', text)[0]
    found = re.findall(r"#\w+", colors)
    assert len(found) == colors.count(":")
    for color in found:
        assert contrast(to_rgb(color), to_rgb(FURO[theme])) >= LETTERS
