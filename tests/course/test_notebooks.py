"""What every stored notebook promises: outputs whole and up to date, worth comparing, and free of this machine.

And what the README promises of them.
"""

import ast
import re
from collections import Counter

import nbformat
import pytest

from course.execution import list_stale
from course.readme import MARKS, README, fill_marks, list_changes
from course.sections import list_notebooks, list_solutions, read_sections
from cs_utils import HOMES
from cs_utils.settings import ROOT

TAGS = re.compile(r"setup|remove-cell|nbval-ignore-output|figure-[a-z0-9]+(-[a-z0-9]+)*")
PATHS = re.compile(r"(?<![\w.])(/(home|Users|root|tmp|work|mnt|opt|usr|var)/|[A-Z]:\\\\?)\w")
MAX_BYTES = 5_000_000  # pictures at 160 dpi, for a projector; a page of the site may hold four million
MAX_LINES = 25
PATHS_TO_CHECK = [*list_notebooks(), *list_solutions()]


@pytest.fixture(params=PATHS_TO_CHECK, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_a_valid_notebook_of_at_most_five_megabytes(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size <= MAX_BYTES
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


def test_all_cells_ran_once_and_in_order(notebook):
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))


def test_only_known_tags_are_used_and_figures_are_drawn_once(notebook):
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert [tag for tag in tags if not TAGS.fullmatch(tag)] == []
    figures = [tag for tag in tags if tag.startswith("figure-")]
    assert len(figures) == len(set(figures))


def test_no_errors_warnings_or_widgets_are_stored(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            assert not any("widget" in kind for kind in output.get("data", {}))


def test_setup_shows_nothing_and_figure_cells_show_one_picture(notebook):
    for cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        if "setup" in tags:
            assert cell.outputs == []
        if any(tag.startswith("figure-") for tag in tags):
            pictures = [o for o in cell.outputs if {"image/png", "image/jpeg"} & set(o.get("data", {}))]
            assert len(pictures) == 1


def test_every_figure_has_alternative_text_of_its_own():
    alts = {}
    for path in PATHS_TO_CHECK:
        for section in read_sections(path):
            alts |= section.alts
    assert len(alts) > 80
    assert {name: alt for name, alt in alts.items() if not 60 <= len(alt) <= 400} == {}
    counts = Counter(alts.values())
    assert [name for name, alt in alts.items() if counts[alt] > 1] == []


def test_stored_figures_are_small():
    charts, all_sizes = [], []
    for path in list_notebooks():
        for cell in code_cells(nbformat.read(path, as_version=4)):
            for output in cell.outputs:
                for kind in {"image/png", "image/jpeg"} & set(output.get("data", {})):
                    all_sizes.append(len(output.data[kind]) * 3 / 4)  # base64
                    charts += all_sizes[-1:] if kind == "image/png" else []
    assert len(charts) > 20
    assert sum(charts) / len(charts) < 120_000
    assert sum(all_sizes) / len(all_sizes) < 250_000


def test_no_place_of_any_machine_is_stored(notebook):
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), *(str(v) for k, v in output.get("data", {}).items() if "image" not in k)]
        for text in texts:
            assert not PATHS.search(text), PATHS.search(text)


def test_enough_cells_are_compared_to_notice_a_broken_lesson(path, notebook):
    compared = [
        cell
        for cell in code_cells(notebook)
        if "nbval-ignore-output" not in cell.metadata.get("tags", [])
        and any(output.get("text") or "text/plain" in output.get("data", {}) for output in cell.outputs)
    ]
    assert len(compared) >= (2 if "solutions" in path.stem else 6)


def test_cells_are_short_and_plain_python(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= MAX_LINES
        ast.parse(cell.source)


def test_the_stored_outputs_were_made_by_these_cells_and_this_package():
    stale = [path.stem for path in list_stale(PATHS_TO_CHECK)]
    assert stale == [], f"out of date: run `make outputs`, which runs these {len(stale)} and no other"


def test_it_opens_and_closes_as_all_do(path, notebook):
    if "solutions" in path.stem:
        return
    opening = notebook.cells[0].source
    for part in (
        "# ",
        "**The question",
        "**You will be able to",
        "**You need",
        "**Data",
        "**Time** on ",
    ):
        assert part in opening
    assert not re.search(r"(TINY|LAPTOP)_TIME", opening)
    headings = [c.source.splitlines()[0] for c in notebook.cells if c.source.startswith("## ")]
    assert len(headings) == len(set(headings))
    assert headings[-3:] == ["## Takeaways", "## Exercises", "## What moved to cs_utils"]
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    first = next(number for number, source in enumerate(sources) if source.startswith("## Exercises"))
    exercises = "\n".join(sources[first:-1])
    count = len(re.findall(r"^\s*(?:[-*]\s+)?\*\*\d", exercises, flags=re.MULTILINE))
    assert 3 <= count <= 5
    solved = read_sections(path.parent / "solutions" / f"{path.stem}_solutions.ipynb")
    assert [section.title.split(":")[0] for section in solved] == [f"Exercise {n + 1}" for n in range(count)]


TEXTS = [README, *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("[CL]*.md")), ROOT / "data/README.md"]


def anchors(path):
    """The anchors of the headings of a notebook or a text, as Jupyter and GitHub make them."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        return {title.strip().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_what_a_text_links_to_is_there(path):
    links = re.findall(
        r"\]\(([^)#\s]*)(?:#((?:[^()]|\([^()]*\))*))?\)", path.read_text(encoding="utf-8").replace(" ", "-")
    )
    for target, anchor in links:
        if not target.startswith(("http", "live/")):
            found = (path.parent / target) if target else path
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_the_tables_of_readme_and_docs_are_there_and_up_to_date():
    found = {name for path in TEXTS for _, name, _ in MARKS.findall(path.read_text(encoding="utf-8"))}
    assert found == {"claims", "figures", "commands", "modules", "verdicts"}
    assert [path.name for path in list_changes()] == [], "run `make readme`"


def test_every_file_of_docs_can_be_reached_from_the_readme():
    seen, ahead = set(), [README]
    while ahead:
        path = ahead.pop()
        seen.add(path)
        links = re.findall(r"\]\(([^)#\s]+\.md)", path.read_text(encoding="utf-8"))
        ahead += [found for link in links if (found := (path.parent / link).resolve()) not in seen and found.exists()]
    # The site has one more, for who wants to take something away.
    assert set(TEXTS) - seen == {ROOT / "docs/download.md"}


def test_a_table_is_written_between_its_marks_and_nothing_else_is_touched():
    marks = "<!-- figures: written by make readme -->\n{}<!-- end of figures -->"
    text = "before\n" + marks + "\nafter\n"
    assert fill_marks(text.format("old\n"), {"figures": lambda: ["a", "b"]}) == text.format("a\nb\n")
    assert fill_marks("no marks", {"figures": lambda: ["a"]}) == "no marks"


def test_the_python_of_the_docs_imports_what_there_is():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/running.md").read_text(encoding="utf-8"), re.DOTALL)
    imports = [line for block in blocks for line in block.splitlines() if line.startswith(("from ", "import "))]
    assert imports
    for line in imports:
        exec(line, {})


def test_every_name_that_the_package_gives_lessons_is_used_by_one():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (*list_notebooks(), *list_solutions()))
    assert [name for name in HOMES if not re.search(rf"\bcs\.{name}\b", code)] == []
