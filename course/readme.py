"""What README and docs list and other files hold, written by ``make readme``: nothing stands twice."""

import base64
import importlib
import inspect
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.architecture import FLOORS, draw_architecture
from course.claims import claims_table, list_claims
from course.sections import Section, anchor_of, list_figures
from cs_utils.data.files import write_atomic
from cs_utils.settings import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PICTURE = "first-prediction"
"""The figure of lesson 00 that README and home page show."""
KINDS = {
    "right": "are right",
    "half right": "half right",
    "wrong": "wrong",
    "depends": "depend on something that the talk does not say",
    "cannot tell": "cannot be decided",
    "cannot tell at this budget": "need longer runs",
}
"""What is said of the claims that have a verdict, in this order."""


def figures_table(folder: str) -> list[str]:
    """A row for each figure: its name, and the section that draws it."""
    rows = [
        f"| `{name}` | [{section.notebook.stem[:2]} {section.title}]({folder}{link_section(section)}) |"
        for name, section in list_figures().items()
    ]
    return ["| figure | section |", "|---|---|", *rows]


def link_section(section: Section) -> str:
    """Where a section is found, in the folder of the lessons."""
    return f"{section.notebook.name}#{anchor_of(section.title)}"


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


def verdicts_summary() -> list[str]:
    """How many claims have which verdict."""
    # "depends on the batch" and the like are one kind.
    kinds = Counter("depends" if " on " in (word := claim.verdict().word) else word for claim in list_claims())
    counted = ", ".join(f"{kinds[word]} {KINDS[word]}" for word in sorted(kinds, key=list(KINDS).index))
    return [
        f"{kinds.total()} claims were put to a test: {counted}.",
        "Each [verdict](docs/claims.md) is computed from recorded runs, or rests on a source or on arithmetic.",
    ]


def first_sentence(thing: Any) -> str:
    """The first sentence of a docstring, in Markdown."""
    text = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    return re.sub(r"(?<=\.) .*$", "", text).rstrip(".").replace("``", "`").replace("|", "\\|")


MARKS = re.compile(r"(<!-- (\w+): written by make readme -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
"""Where a table stands, by its name."""


def make_tables(folder: str) -> dict[str, Callable[[], list[str]]]:
    """What makes the lines of each table, by its name, for a text from which the lessons lie in ``folder``."""
    return {
        "claims": lambda: claims_table(folder).splitlines(),
        "figures": lambda: figures_table(folder),
        "commands": commands_table,
        "modules": modules_table,
        "verdicts": verdicts_summary,
    }


def fill_marks(text: str, tables: dict[str, Callable[[], list[str]]]) -> str:
    """A text with what stands between its marks made and written again."""
    return MARKS.sub(lambda found: found[1] + "".join(f"{line}\n" for line in tables[found[2]]()) + found[3], text)


def list_changes() -> dict[Path, bytes]:
    """The files that are out of date, README, docs and their pictures, each with what it should hold."""
    changes: dict[Path, bytes] = {}
    for path, folder in [(README, "notebooks/"), *((path, "../notebooks/") for path in sorted(DOCS.glob("*.md")))]:
        changes[path] = fill_marks(path.read_text(encoding="utf-8"), make_tables(folder)).encode()
    changes[DOCS / "_static" / f"{PICTURE}.jpg"] = stored_picture(PICTURE)
    changes[DOCS / "_static" / "architecture.svg"] = draw_architecture()
    return {path: data for path, data in changes.items() if not path.exists() or data != path.read_bytes()}


def stored_picture(figure: str) -> bytes:
    """The JPEG of a figure, as its lesson's stored outputs hold it."""
    notebook = json.loads(list_figures()[figure].notebook.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if f"figure-{figure}" in cell["metadata"].get("tags", []))
    (data,) = (output["data"]["image/jpeg"] for output in cell["outputs"] if "image/jpeg" in output.get("data", {}))
    return base64.b64decode(data)


if __name__ == "__main__":
    for path, data in list_changes().items():
        write_atomic(path, data)
        print(f"{path}: written")
