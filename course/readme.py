"""What README and lessons list and other files hold, written between marks by ``make readme``: nothing stands twice."""

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

from course.claims import claims_table
from course.sections import Section, list_figures, list_notebooks
from cs_utils.data.files import write_atomic
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


def figures_table(folder: str) -> list[str]:
    """A row for each figure: its name, and the section that draws it."""
    rows = [
        f"| `{name}` | [{section.notebook.stem[:2]} {section.title}]({folder}{link_section(section)}) |"
        for name, section in list_figures().items()
    ]
    return ["| figure | section |", "|---|---|", *rows]


def link_section(section: Section) -> str:
    """Where a section is found, in the folder of the lessons: Jupyter and GitHub put hyphens for spaces."""
    return f"{section.notebook.name}#{section.title.replace(' ', '-')}"


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


MARKS = re.compile(r"(<!-- (\w+): written by make readme -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
"""Where a table stands, by its name."""


def make_tables(folder: str) -> dict[str, list[str]]:
    """The lines of each table by its name, for a text from which the lessons lie in ``folder``."""
    return {
        "claims": claims_table(folder).splitlines(),
        "figures": figures_table(folder),
        "commands": commands_table(),
        "modules": modules_table(),
    }


def fill_marks(text: str, tables: dict[str, list[str]]) -> str:
    """A text with what stands between its marks written again."""
    return MARKS.sub(lambda found: found[1] + "".join(f"{line}\n" for line in tables[found[2]]) + found[3], text)


def list_changes() -> dict[Path, str]:
    """The files that hold tables which are out of date, README and lessons, each with its text as it should be."""
    changes = {README: fill_marks(README.read_text(encoding="utf-8"), make_tables("notebooks/"))}
    tables = make_tables("")
    for path in list_notebooks():
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = fill_marks("".join(cell["source"]), tables).splitlines(keepends=True)
        changes[path] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return {path: text for path, text in changes.items() if text != path.read_text(encoding="utf-8")}


if __name__ == "__main__":
    for path, text in list_changes().items():
        write_atomic(path, text.encode())
        print(f"{path}: written")
