"""What the README lists and other files hold, written between marks by ``make readme``: nothing stands twice."""

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.claims import claims_table
from course.sections import list_figures
from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.settings import ROOT

README = ROOT / "README.md"
FLOORS = (
    "cs_utils.exceptions",
    "cs_utils.labels",
    "minicity",
    "cs_utils.settings",
    "cs_utils.data",
    "cs_utils.losses",
    "cs_utils.metrics",
    "cs_utils.models",
    "cs_utils.evaluation",
    "cs_utils.plots",
    "cs_utils.training",
    "cs_utils.experiments",
    "cs_utils.exercises",
    "course",
    "cs_utils.cli",
)
"""The doors of the house from the ground up: a module, or a folder of them, imports only from those before it."""


def figures_table() -> list[str]:
    """A row for each figure: its name, and the section that draws it."""
    rows = [
        f"| `{name}` | [{section.notebook.stem[:2]} {section.title}]({link_section(section.notebook, section.title)}) |"
        for name, section in list_figures().items()
    ]
    return ["| figure | section |", "|---|---|", *rows]


def link_section(notebook: Path, title: str) -> str:
    """Where a section is found, from the README: Jupyter and GitHub put hyphens for spaces."""
    return f"{notebook.relative_to(ROOT).as_posix()}#{title.replace(' ', '-')}"


def commands_table() -> list[str]:
    """A row for each command of the command line: what it does."""
    rows = []
    # By name, because the command line is the floor above: it calls this package, which only reads its docstrings.
    for name, command in importlib.import_module("cs_utils.cli").COMMANDS.items():
        for words, function in command.items() if isinstance(command, dict) else [("", command)]:
            rows.append(f"| `{f'{name} {words}'.strip()}` | {first_sentence(function)} |")
    return ["| command | what it does |", "|---|---|", *rows]


def modules_table() -> list[str]:
    """A row for each door of the house, from the ground up: what it holds."""
    rows = [
        f"| `{name.removeprefix('cs_utils.')}` | {first_sentence(importlib.import_module(name))} |" for name in FLOORS
    ]
    return ["| module | holds |", "|---|---|", *rows]


def first_sentence(thing: Any) -> str:
    """The first sentence of a docstring, in Markdown."""
    text = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    return re.sub(r"(?<=\.) .*$", "", text).rstrip(".").replace("``", "`").replace("|", "\\|")


TABLES: dict[str, Callable[[], list[str]]] = {
    "claims": lambda: claims_table("notebooks/").splitlines(),
    "figures": figures_table,
    "commands": commands_table,
    "modules": modules_table,
}
"""What stands between the marks of each name."""


def fill_marks(text: str) -> str:
    """A text with what stands between its marks, ``<!-- NAME -->`` and ``<!-- end of NAME -->``, written again.

    Raises:
        CourseError: a table has no place.
    """
    for name, table in TABLES.items():
        start, end = f"<!-- {name}: written by make readme -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(start)
        _, also, after = rest.partition(end)
        if not (found and also):
            raise CourseError(f"the README has no place for the table of {name}: add {start.strip()} and {end}")
        text = "\n".join([before + start.strip(), *table(), end + after])
    return text


def write_readme() -> bool:
    """Write the README's tables again; give whether that changed anything."""
    old = README.read_text(encoding="utf-8")
    new = fill_marks(old)
    if new != old:
        write_atomic(README, new.encode())
    return new != old


if __name__ == "__main__":
    print(f"{README}: {'written' if write_readme() else 'up to date'}")
