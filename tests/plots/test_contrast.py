"""Contrast by WCAG 2.2: letters 4.5 to 1 against what lies behind them, lines 3 to 1 against white.

The formula stands here a second time, so that a mistake in the package's own shows. The colours of the classes are
those of Cityscapes, some of them pale, and they stay. So they must never be the only sign: each mask has the names of
its classes in it or in a legend, and what the tests below ask of lines is not asked of a class's own colour.
"""

import os

import numpy as np
import pytest
from drawings import all_drawings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from cs_utils.labels import CLASS_NAMES, PALETTE
from cs_utils.plots import style
from cs_utils.plots.models import KNOWN
from helpers import contrast

NAMES = list(all_drawings())


def test_the_formula_gives_what_is_known():
    assert contrast((1, 1, 1), (0, 0, 0)) == pytest.approx(21)
    assert contrast(to_rgb("#767676"), (1, 1, 1)) == pytest.approx(4.54, abs=0.005)


def behind(text, pixels):
    """The colour behind a text: its own box or halo, else the most frequent one where it stands, in a picture without
    texts."""
    if text.get_bbox_patch() is not None:
        return text.get_bbox_patch().get_facecolor()[:3]
    if text.get_path_effects():
        return to_rgb(text.get_path_effects()[0]._gc["foreground"])
    (left, low), (right, high) = np.round(text.get_window_extent().get_points()).astype(int)
    height, width = pixels.shape[:2]
    region = pixels[max(height - high, 0) : height - low, max(left, 0) : min(right, width)].reshape(-1, 3)
    if not region.size:
        return None  # a tick's label beyond the axes' limits
    colors, counts = np.unique(region, axis=0, return_counts=True)
    return colors[counts.argmax()] / 255


@pytest.fixture(scope="module")
def figures():
    if os.environ.get("CS_SITE") != "1":
        pytest.skip("make site-test looks at every letter of every drawing, which takes half a minute")
    return {name: draw() for name, draw in all_drawings().items()}


@pytest.mark.parametrize("name", NAMES)
def test_letters_stand_out_from_what_lies_behind_them(figures, name):
    figure = figures[name]
    figure.set_dpi(50)
    canvas = FigureCanvasAgg(figure)
    with style._our_style():
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine("none")
        ticks = {text for axes in figure.axes if not axes.axison for text in axes.findobj(Text)} - {
            text for axes in figure.axes for text in (*axes.texts, axes.title)
        }  # of pictures without axes: they are there, and not drawn
        texts = [
            text
            for text in figure.findobj(Text)
            if text.get_visible() and text.get_text().strip() and text not in ticks
        ]
        for text in texts:
            text.set_alpha(0)
        canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    faint = {}
    for text in texts:
        paper = behind(text, pixels)
        ratio = 21 if paper is None else contrast(to_rgb(text.get_color()), paper)
        if ratio < 4.5:
            faint[text.get_text()] = round(float(ratio), 2)
    assert faint == {}


@pytest.mark.parametrize("name", NAMES)
def test_named_lines_stand_out_from_the_paper(figures, name):
    classes = {tuple(color) for color in np.round(PALETTE / 255, 3)}
    faint = {}
    for axes in figures[name].axes:
        for line in axes.lines:
            color = to_rgb(line.get_color())
            if not line.get_label().startswith("_") and tuple(np.round(color, 3)) not in classes:
                faint[line.get_label()] = contrast(color, (1, 1, 1))
    assert {label: round(ratio, 2) for label, ratio in faint.items() if ratio < 3} == {}


@pytest.mark.parametrize("count", [1, 6, 7, 12])
def test_names_may_be_written_in_the_colours_of_series(count):
    assert min(contrast(to_rgb(color), (1, 1, 1)) for color in style.colors_for(count)) >= 4.5


def test_names_of_networks_may_be_written_in_their_colours():
    assert min(contrast(to_rgb(color), (1, 1, 1)) for color in KNOWN.values()) >= 4.5


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_a_class_can_be_named_on_its_own_colour(name):
    color = PALETTE[CLASS_NAMES.index(name)] / 255
    assert contrast(to_rgb(style.letters_on(color)), color) >= 4.5
