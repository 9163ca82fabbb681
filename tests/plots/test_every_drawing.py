"""What holds for all drawings: letters that can be read, nothing cut off, no series lost, no claim, our style."""

import re
from importlib import import_module
from pkgutil import iter_modules

import matplotlib as mpl
import numpy as np
import pytest
from drawings import MANY, all_drawings
from matplotlib.figure import Figure
from matplotlib.text import Text

from cs_utils import plots
from cs_utils.plots import masks, sliders, style

NAMES = list(all_drawings())


@pytest.fixture(scope="module")
def drawings():
    return all_drawings()


@pytest.fixture(scope="module")
def drawn(drawings):
    """Each figure once, laid out; for tests that only look."""
    figures = {name: draw() for name, draw in drawings.items()}
    for figure in figures.values():
        with style._our_style():
            figure.get_layout_engine().execute(figure)
    return figures


@pytest.mark.parametrize("name", NAMES)
def test_letters_are_read_from_the_last_row(drawn, name):
    figure = drawn[name]
    assert figure.get_figwidth() <= style.WIDTH
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert not {text.get_text(): text.get_fontsize() for text in texts if text.get_fontsize() < style.LETTERS}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off_at_the_edge(drawn, name):
    figure = drawn[name]
    box = figure.get_tightbbox()  # of all that is seen, in inches
    assert min(box.x0, box.y0) > -0.03
    assert box.x1 < figure.get_figwidth() + 0.03
    assert box.y1 < figure.get_figheight() + 0.03


@pytest.mark.parametrize("name", NAMES)
def test_no_default_title_claims_anything(drawn, name):
    figure = drawn[name]
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    claims = r"\b(better|worse|lead\w*|win\w*|few|little|missed|lost|more than|fewer|rare|never|always|only|hold)\b"
    said = [title for title in titles if re.search(claims, title) and not any(given in title for given in MANY)]
    assert said in ([], ["19 never used"])


def test_the_default_titles_have_no_numbers_but_those_they_were_given(drawn):
    given = {
        "activations", "u-net", "levels", "answers", "days", "stopping", "histories", "failures", "brightness",
        "class shares", "positions", "channels", "overfitting", "pixel", "tasks", "receptive field",
        "skip maps", "windows", "lone units",
    }  # fmt: skip
    for name, figure in drawn.items():
        titles = " ".join([figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)])
        titles = titles.replace("\n", " ")
        for known in (
            *MANY[::-1],
            "(1.0: by chance)",
            "best: 0.9",
            "worst: 0.1",
            "within 1 point",
            "0: black, 255: white",
        ):
            titles = titles.replace(known, "")
        assert name in given or not re.search(r"\d", titles), (name, titles)


SERIES = {
    "by layer": lambda figure: figure.axes[0].lines[:-1],
    "loss shares": lambda figure: [line for line in figure.axes[0].lines if line.get_marker() == "o"],
    "void losses": lambda figure: figure.axes[0].lines,
    "gradients": lambda figure: figure.axes[0].lines,
    "focus": lambda figure: figure.axes[0].lines[:-1],
    "same budget": lambda figure: figure.axes[0].lines[::2],
    "mismatch": lambda figure: figure.axes[0].lines,
    "optimizers": lambda figure: [line for line in figure.axes[0].lines if line.get_linewidth() > 2],
    "patience": lambda figure: figure.axes[0].lines[:-1],
    "schedules": lambda figure: figure.axes[0].lines,
    "class dots": lambda figure: figure.axes[0].get_legend().legend_handles,
}


@pytest.mark.parametrize("name", SERIES)
def test_twelve_series_are_twelve_series_in_twelve_colours(drawn, name):
    lines = SERIES[name](drawn[name])
    assert len(lines) == 12
    assert len({mpl.colors.to_hex(line.get_color()) for line in lines}) == 12


@pytest.mark.parametrize(
    ("name", "panels"), [("failures", 2 * 13 + 3), ("gallery", 12), ("histories", 24), ("prediction", 4), ("errors", 6)]
)
def test_every_picture_and_every_run_has_its_panel(drawn, name, panels):
    # Failures: a healthy run and twelve others, two scales each, and three places that stay empty.
    assert len(drawn[name].axes) == panels


def test_every_loss_has_a_row_in_the_journey_and_every_network_a_bar(drawn):
    assert [len(axes.get_yticks()) for axes in drawn["journey"].axes] == [10, 2]  # two of them are broken
    assert [len(axes.patches) for axes in drawn["costs"].axes] == [13] * 4
    assert len(drawn["published"].axes[0].collections) == 12  # one of 13 has no parameters
    assert len(drawn["where costs lie"].axes[0].get_yticks()) == 12
    assert len(drawn["dead units"].axes[0].get_yticks()) == 8  # all conditions there are


def test_every_drawing_is_made_in_our_style():
    modules = [import_module(f"{plots.__name__}.{found.name}") for found in iter_modules(plots.__path__)]
    assert len(modules) > 10
    for module in modules:
        drawings = [value for name, value in vars(module).items() if name.startswith("plot_")]
        assert all(hasattr(drawing, "__wrapped__") for drawing in drawings), module
        assert drawings or module in (masks, sliders, style)


@pytest.mark.parametrize("name", ["scenes", "toy losses", "mismatch", "u-net", "class shares", "confusion"])
def test_a_readers_own_style_changes_nothing(drawings, monkeypatch, name):
    monkeypatch.setattr(style, "DPI", 30)
    before = style.to_png(drawings[name]())
    hostile = {
        "image.origin": "lower", "text.usetex": True, "font.size": 4, "axes.grid": False, "figure.autolayout": True,
        "lines.linewidth": 9, "axes.prop_cycle": mpl.cycler(color=["k"]), "savefig.bbox": "tight",
        "axes.facecolor": "k", "font.family": "serif", "xtick.labelsize": 3, "savefig.transparent": True,
    }  # fmt: skip
    with mpl.rc_context(hostile):
        outside = dict(mpl.rcParams)
        assert style.to_png(drawings[name]()) == before
        assert dict(mpl.rcParams) == outside


def test_only_our_own_figures_are_ours(drawn):
    assert all(isinstance(figure, style.Drawing) for figure in drawn.values())
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
    try:
        style.show_in_jupyter()
        chart, photo = (shell.display_formatter.format(drawn[name])[0] for name in ("answers", "scenes"))
        assert set(chart) == {"image/png", "text/plain"}
        assert set(photo) == {"image/jpeg", "text/plain"}
        own = Figure()
        own.subplots().imshow(np.zeros((2, 2)))
        assert set(shell.display_formatter.format(own)[0]) == {
            "text/plain"
        }  # as without us: Matplotlib's backend shows it
    finally:
        shell.cleanup() if hasattr(shell, "cleanup") else None
