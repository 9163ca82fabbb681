import json

import nbformat
import pytest

from course import execution
from course.execution import digest_notebook, run_course, run_notebook, write_figures
from cs_utils.exceptions import CourseError

CHART = "from cs_utils.plots.activations import plot_activations\nplot_activations()"
PHOTO = """import numpy as np
from cs_utils.plots.style import panels, show
figure, axes = panels(1, 1, width=3, aspect=1)
show(axes[0, 0], np.zeros((8, 8, 3), dtype=np.uint8))
figure"""


def write_notebook(path, *sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_an_executed_copy_has_outputs_figures_and_the_digest_of_what_made_it(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", CHART, PHOTO, tags=["figure-f"])
    assert run_notebook(path, tmp_path / "build" / "a.ipynb") > 0
    copy = nbformat.read(tmp_path / "build" / "a.ipynb", as_version=4)
    assert [cell.execution_count for cell in copy.cells] == [1, 2]
    assert copy.metadata.cs_utils.digest == digest_notebook(path) == digest_notebook(tmp_path / "build" / "a.ipynb")
    kinds = [set(cell.outputs[0].data) for cell in copy.cells]
    assert kinds == [{"image/png", "text/plain"}, {"image/jpeg", "text/plain"}]
    written = write_figures(tmp_path / "build" / "a.ipynb", tmp_path / "figures")
    assert [file.name for file in written] == ["f.png", "f.jpg"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert written[1].read_bytes().startswith(b"\xff\xd8")


def test_outputs_are_stored_only_when_all_notebooks_have_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    monkeypatch.setattr(execution, "BUILD", tmp_path / "build")
    good = write_notebook(tmp_path / "notebooks" / "a.ipynb", "print(6 * 7)")
    bad = write_notebook(tmp_path / "notebooks" / "b.ipynb", "1 / 0")
    with pytest.raises(
        CourseError, match=r"b\.ipynb failed \(ZeroDivisionError: division by zero\); how far it came is"
    ):
        run_course([good, bad], store=True)
    assert "42" not in json.dumps(json.loads(good.read_text())["cells"][0]["outputs"])
    assert "ZeroDivisionError" in (tmp_path / "build" / "notebooks" / "b.ipynb").read_text()
    run_course([good], store=True)
    assert nbformat.read(good, as_version=4).cells[0].outputs[0].text == "42\n"
    assert "a: " in capsys.readouterr().out


def test_the_digest_depends_on_code_and_package_but_not_on_prose(tmp_path, monkeypatch):
    path = write_notebook(tmp_path / "a.ipynb", "a = 1")
    first = digest_notebook(path)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("prose"))
    nbformat.write(notebook, path)
    assert digest_notebook(path) == first
    assert digest_notebook(write_notebook(tmp_path / "b.ipynb", "a = 2")) != first


def test_the_digest_depends_on_the_modules_that_the_notebook_reaches(tmp_path, monkeypatch):
    package = tmp_path / "cs_utils"
    (package / "plots").mkdir(parents=True)
    files = {"near": "from cs_utils.far import x", "far": "x = 1", "other": "", "plots/__init__": "", "plots/bars": ""}
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(execution, "PACKAGE", package)
    path = write_notebook(
        tmp_path / "a.ipynb", "from cs_utils.near import x", "from cs_utils.plots import bars as plots"
    )
    before = digest_notebook(path)
    (package / "other.py").write_text("y = 2")
    assert digest_notebook(path) == before
    for name in ("near", "far", "plots/__init__", "plots/bars"):
        (package / f"{name}.py").write_text(files[name] + "\nz = 3\n")
        assert digest_notebook(path) != before, name
        (package / f"{name}.py").write_text(files[name])
    assert digest_notebook(path) == before
