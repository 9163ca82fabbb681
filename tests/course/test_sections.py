import json
import subprocess
import sys
from urllib.parse import quote

import pytest
from matplotlib.figure import Figure

from course import sections as course
from course.sections import anchor_of, list_figures, list_notebooks, read_sections, run_section
from cs_utils import check
from cs_utils.exceptions import CourseError
from helpers import SOAK

SECTIONS = [section for path in list_notebooks() for section in read_sections(path)]
"""Of the lessons only: of a solution, nobody draws a figure alone."""


def markdown(text):
    return {"cell_type": "markdown", "metadata": {}, "source": [text]}


def code(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source.splitlines(True), "outputs": []}


@pytest.fixture
def notebook(tmp_path):
    def write(*cells, name="03_lesson.ipynb"):
        path = tmp_path / name
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return path

    return write


def test_check_prints_the_same_line_always_or_stops(capsys):
    check("two and two are four", 2 + 2 == 4)
    assert capsys.readouterr().out == "holds: two and two are four\n"
    with pytest.raises(AssertionError, match="does not hold: two and two are five"):
        check("two and two are five", 2 + 2 == 5)


def test_a_section_runs_after_the_setup_cells_and_without_the_other_sections(notebook):
    path = notebook(
        markdown("# Title"),
        code("from matplotlib.figure import Figure\nsize = 3", "setup"),
        markdown("## First"),
        code("other = 1"),
        markdown("## Second\n\nWhy."),
        code("figure = Figure((size, 1))\nfigure", "figure-second-one"),
        code("print('dropped')"),
    )
    first, second = read_sections(path)
    assert (first.title, second.title) == ("First", "Second")
    figures = run_section(second)
    assert figures["second-one"].get_figwidth() == 3
    assert run_section(first) == {}
    path = notebook(code("a = 1", "setup"), markdown("## A"), code("b = a"), markdown("## B"), code("b"))
    with pytest.raises(NameError, match="'b' is not defined"):
        run_section(read_sections(path)[1])


def test_a_section_prints_nothing_and_stays_where_it_was(notebook, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = notebook(markdown("## A"), code("from pathlib import Path\nprint(Path.cwd())\ndisplay(1)\n1 + 1"))
    run_section(read_sections(path)[0])
    assert capsys.readouterr().out == ""
    assert str(tmp_path) == str(path.parent.cwd())


def test_a_figure_cell_without_a_figure_is_refused(notebook):
    path = notebook(markdown("## A"), code("1 + 1", "figure-none"))
    with pytest.raises(CourseError, match="03_lesson: A: the cell of figure 'none' must end in a matplotlib Figure"):
        run_section(read_sections(path)[0])


def test_code_before_the_first_section_must_be_setup(notebook):
    with pytest.raises(CourseError, match="code before its first section: tag it 'setup'"):
        read_sections(notebook(markdown("# Title"), code("a = 1"), markdown("## A")))


def test_figures_are_found_by_name(notebook, monkeypatch):
    path = notebook(markdown("## A"), code("1", "figure-one", "nbval-ignore-output"), code("2", "figure-two"))
    monkeypatch.setattr(course, "NOTEBOOKS", path.parent)
    assert {name: section.title for name, section in list_figures().items()} == {"one": "A", "two": "A"}
    with pytest.raises(CourseError, match="figure 'three' is unknown: give one of one, two"):
        course.draw_figure("three")


def test_every_section_uses_only_names_of_its_own_and_of_the_setup(tmp_path):
    """So that it runs alone; each notebook is run once only, as a whole. `make soak` runs every section."""
    for section in SECTIONS:
        lines = [cell.source for cell in section.setup + section.cells]
        (tmp_path / f"{quote(str(section), safe=' :')}.py").write_text("\n".join(lines), encoding="utf-8")
    assert undefined_names(tmp_path) == ""


def test_a_name_of_another_section_is_found(tmp_path):
    (tmp_path / "a.py").write_text("import math\nmath.pi\ndisplay(b)\nb = 1\n")
    assert "Undefined name `b`" in undefined_names(tmp_path)


def undefined_names(folder):
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--output-format", "concise"]
    command += ["--quiet", "--config", 'builtins = ["display", "get_ipython"]', str(folder)]
    return subprocess.run(command, capture_output=True, text=True).stdout


@pytest.mark.skipif(not SOAK, reason="make soak runs every section alone")
@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_every_section_runs_alone(section, monkeypatch, tmp_path):
    monkeypatch.setenv("CS_PROFILE", "tiny")
    monkeypatch.setenv("CS_RUNS", str(tmp_path))
    figures = run_section(section)
    assert list(figures) == section.figures
    assert all(isinstance(figure, Figure) and figure.axes for figure in figures.values())


def test_headings_have_the_anchors_that_jupyter_gives_them():
    assert anchor_of("Does a blur remove the noise?") == "Does-a-blur-remove-the-noise?"
