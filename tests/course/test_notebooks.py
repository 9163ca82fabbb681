"""What every stored notebook promises: outputs whole and up to date, worth comparing, and free of this machine."""

import ast
import json
import re

import nbformat
import pytest

from course.execution import digest_notebook
from course.sections import list_figures, list_notebooks, list_solutions, read_sections
from cs_utils.settings import ROOT

NAMES = (
    "00_introduction",
    "01_data_analysis",
    "02_augmentation",
    "03_models_considered",
    "04_unet",
    "05_silu_vs_relu",
    "06_loss_journey",
    "07_training",
    "08_results",
)
TAGS = re.compile(r"setup|nbval-ignore-output|figure-[a-z0-9]+(-[a-z0-9]+)*")
PATHS = re.compile(r"(?<![\w.])(/(home|Users|root|tmp|work|mnt|opt|usr|var)/|[A-Z]:\\\\?)\w")
MAX_BYTES = 2_000_000
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


def test_there_are_nine_notebooks_and_each_has_its_solutions():
    assert tuple(path.stem for path in list_notebooks()) == NAMES
    assert tuple(path.stem for path in list_solutions()) == tuple(f"{name}_solutions" for name in NAMES)


def test_it_is_a_valid_notebook_of_at_most_two_megabytes(path, notebook):
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


def test_the_outputs_were_made_by_these_cells_and_this_package(path, notebook):
    assert notebook.metadata.cs_utils.profile == "laptop"
    assert notebook.metadata.cs_utils.digest == digest_notebook(path), "out of date: run `make outputs`"


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
    exercises = next(cell.source for cell in notebook.cells if cell.source.startswith("## Exercises"))
    count = len(re.findall(r"^\s*(?:[-*]\s+)?\*\*\d", exercises, flags=re.MULTILINE))
    assert 3 <= count <= 5
    solved = read_sections(path.parent / "solutions" / f"{path.stem}_solutions.ipynb")
    assert [section.title.split(":")[0] for section in solved] == [f"Exercise {n + 1}" for n in range(count)]


def anchors():
    """Every link target of the notebooks: ``notebooks/NAME.ipynb#Heading-with-hyphens``."""
    found = set()
    for path in list_notebooks():
        place = path.relative_to(ROOT).as_posix()
        found.add(place)
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for line in "".join(cell["source"]).splitlines():
                if cell["cell_type"] == "markdown" and line.startswith("## "):
                    found.add(f"{place}#{line.removeprefix('## ').strip().replace(' ', '-')}")
    return found


def test_the_readme_links_to_sections_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((notebooks/[^)]+\.ipynb[^)]*)\)", text)
    assert len(links) >= 40
    assert sorted(set(links) - anchors()) == []


def test_the_readme_names_every_figure_and_no_other():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Slides and figures")[2].partition("\n## ")[0]
    named = [name for row in table.splitlines() if row.startswith("|") for name in re.findall(r"`([a-z0-9-]+)`", row)]
    assert sorted(named) == sorted(list_figures())


def claims(text):
    rows = [line for line in text.splitlines() if re.match(r"\|.*\*\*(right|half right|wrong|cannot tell)\*\*", line)]
    return [line.replace("](notebooks/", "](") for line in rows]


def test_the_readme_and_the_conclusion_of_08_have_the_same_verdicts():
    conclusion = json.loads((ROOT / "notebooks" / "08_results.ipynb").read_text(encoding="utf-8"))["cells"]
    in_08 = claims("\n".join("".join(cell["source"]) for cell in conclusion if cell["cell_type"] == "markdown"))
    in_readme = claims((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(in_08) >= 25
    assert in_readme == in_08


def test_the_python_of_the_readme_imports_what_there_is():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    imports = [line for block in blocks for line in block.splitlines() if line.startswith(("from ", "import "))]
    assert len(imports) > 3
    for line in imports:
        exec(line, {})
