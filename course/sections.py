"""What a notebook is made of: self-checks, sections that run on their own, figures by name.

A notebook has setup cells (tag ``setup``) and sections, each begun by a heading of the second level. A section runs on
its own after the setup cells. A cell tagged ``figure-NAME`` ends in the matplotlib Figure of that name.
"""

import ast
import contextlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cs_utils.exceptions import CourseError, unknown
from cs_utils.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
SOLUTIONS = NOTEBOOKS / "solutions"
SETUP = "setup"
FIGURE = "figure-"


@dataclass(frozen=True)
class Cell:
    """A code cell of a notebook."""

    source: str
    tags: tuple[str, ...]
    alt: str = ""
    """What its figure shows, in words."""

    @property
    def figure(self) -> str | None:
        """Name of the figure that the cell draws, if it draws one."""
        return next((tag.removeprefix(FIGURE) for tag in self.tags if tag.startswith(FIGURE)), None)


@dataclass(frozen=True)
class Section:
    """A section of a notebook with all that it needs to run on its own."""

    notebook: Path
    title: str
    setup: tuple[Cell, ...]
    cells: tuple[Cell, ...]

    @property
    def figures(self) -> list[str]:
        """Names of the figures that the section draws."""
        return [cell.figure for cell in self.cells if cell.figure]

    @property
    def alts(self) -> dict[str, str]:
        """By the name of a figure, what it shows in words."""
        return {cell.figure: cell.alt for cell in self.cells if cell.figure}

    def __str__(self) -> str:
        return f"{self.notebook.stem}: {self.title}"


def list_notebooks() -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def list_solutions() -> list[Path]:
    """The notebooks with the solutions, in order."""
    return sorted(SOLUTIONS.glob("[0-9][0-9]_*.ipynb"))


def read_sections(path: Path) -> list[Section]:
    """The sections of a notebook that hold code, in order.

    Raises:
        CourseError: code stands before the first heading and is not tagged ``setup``.
    """
    setup: list[Cell] = []
    sections: dict[str, list[Cell]] = {}
    title = None
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and source.startswith("## "):
            title = source.splitlines()[0].removeprefix("## ").strip()
        elif cell["cell_type"] == "code":
            about = cell["metadata"]
            code = Cell(source, tuple(about.get("tags", [])), about.get("alt", ""))
            if SETUP in code.tags:
                setup.append(code)
            elif title is None:
                raise CourseError(f"{path} has code before its first section: tag it {SETUP!r}, or move it")
            else:
                sections.setdefault(title, []).append(code)
    return [Section(path, title, tuple(setup), tuple(cells)) for title, cells in sections.items()]


def anchor_of(title: str) -> str:
    """The anchor of a heading, as Jupyter makes it and the site too, so that one link works in both."""
    return title.strip().replace(" ", "-")


def list_figures() -> dict[str, Section]:
    """Every figure of the course by name, in the order of the notebooks, with the section that draws it."""
    return {name: section for path in list_notebooks() for section in read_sections(path) for name in section.figures}


def run_section(section: Section) -> dict[str, Figure]:
    """Run the setup cells and a section in this process, in variables of their own; give its figures by name.

    What the cells print is dropped.
    """
    variables: dict[str, Any] = {"__name__": "__main__", "display": print}
    figures = {}
    with contextlib.redirect_stdout(io.StringIO()), _working_in(section.notebook.parent):
        for cell in section.setup + section.cells:
            value = _run(cell.source, str(section), variables)
            if cell.figure:
                if not isinstance(value, Figure):
                    raise CourseError(f"{section}: the cell of figure {cell.figure!r} must end in a matplotlib Figure")
                figures[cell.figure] = value
    return figures


def _run(source: str, name: str, variables: dict[str, Any]) -> Any:
    # As Jupyter does: the value of a last line that is an expression is the cell's own.
    tree = ast.parse(source, filename=name)
    result = "_value_of_the_cell"
    variables[result] = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body.pop()
        assign = ast.Assign([ast.Name(result, ast.Store())], last.value)
        tree.body.append(ast.fix_missing_locations(ast.copy_location(assign, last)))
    exec(compile(tree, name, "exec"), variables)  # noqa: S102 the cells of the course's own notebooks
    return variables[result]


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    # Jupyter starts a notebook in its own folder.
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def draw_figure(name: str) -> Figure:
    """Draw a figure by its name: run the setup cells and the section that draws it.

    Profile and data are those of the environment, ``CS_PROFILE`` and ``CS_DATA``.

    Raises:
        CourseError: there is no figure of that name, or its data are not there.
    """
    figures = list_figures()
    if name not in figures:
        raise unknown("figure", name, figures)
    return run_section(figures[name])[name]
