import json
import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest

import cs_utils
from course import execution, sections
from course.execution import list_stale, run_course, run_notebook, write_figures
from cs_utils.exceptions import CourseError
from cs_utils.settings import ROOT

CHART = "from cs_utils.plots.activations import plot_activations\nplot_activations()"
PHOTO = """import numpy as np
from cs_utils.plots.scenes import plot_gallery
noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
plot_gallery({"noise": noise})"""


def write_notebook(path, *sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def first_text(path):
    return nbformat.read(path, as_version=4).cells[0].outputs[0].text


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """The folder of a course of its own."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(sections, "NOTEBOOKS", folder)
    return folder


@pytest.fixture
def calls(lessons, monkeypatch):
    """What was executed, in a notebook's place: its cells print what ``calls.says`` holds."""

    class Calls(list):
        says = "42 s\n"

    made = Calls()

    def run(path, copy):
        made.append(path.stem)
        notebook = nbformat.read(path, as_version=4)
        for number, cell in enumerate(notebook.cells, 1):
            cell.outputs = [nbformat.v4.new_output("stream", text=made.says)]
            cell.execution_count = number
        notebook.metadata[execution.MADE] = execution.describe_making(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, copy)
        return 1.0

    monkeypatch.setattr(execution, "run_notebook", run)
    return made


def test_an_executed_copy_has_outputs_and_figures(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", CHART, PHOTO, tags=["figure-f"])
    assert run_notebook(path, tmp_path / "build" / "a.ipynb") > 0
    copy = nbformat.read(tmp_path / "build" / "a.ipynb", as_version=4)
    assert [cell.execution_count for cell in copy.cells] == [1, 2]
    kinds = [set(cell.outputs[0].data) for cell in copy.cells]
    assert kinds == [{"image/png", "text/plain"}, {"image/jpeg", "text/plain"}]
    written = write_figures(tmp_path / "build" / "a.ipynb", tmp_path / "figures")
    assert [file.name for file in written] == ["f.png", "f.jpg"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert written[1].read_bytes().startswith(b"\xff\xd8")


def test_a_failed_notebook_leaves_a_copy_that_is_not_up_to_date_and_those_before_it_are_not_run_again(
    lessons, tmp_path, capsys
):
    good = write_notebook(lessons / "00_a.ipynb", "print(6 * 7)")
    bad = write_notebook(lessons / "01_b.ipynb", "1 / 0")
    for heading in ("00_a: running", "00_a: up to date"):
        with pytest.raises(CourseError, match=r"01_b\.ipynb failed \(ZeroDivisionError: division by zero\)"):
            run_course([good, bad], out=tmp_path / "build")
        assert heading in capsys.readouterr().out
    assert first_text(tmp_path / "build" / "notebooks" / "00_a.ipynb") == "42\n"
    assert "ZeroDivisionError" in (tmp_path / "build" / "notebooks" / "01_b.ipynb").read_text()


def test_a_lesson_is_run_again_after_a_change_of_code_profile_or_data(lessons, tmp_path, calls, monkeypatch):
    path = write_notebook(lessons / "00_a.ipynb", "a = 1")
    out = tmp_path / "build"
    run_course([path], out=out)
    run_course([path], out=out)
    assert len(calls) == 1
    write_notebook(lessons / "00_a.ipynb", "a = 1  # a comment")
    run_course([path], out=out)
    assert len(calls) == 1
    for change in (
        lambda: write_notebook(lessons / "00_a.ipynb", "a = 2"),
        lambda: monkeypatch.setenv("CS_PROFILE", "tiny"),
        lambda: monkeypatch.setenv("CS_DATA", str(tmp_path)),
        lambda: execution.find_copy(path, out).write_text("half a file"),
        lambda: execution.find_copy(path, out).write_text("{}"),
        lambda: execution.find_copy(path, out).write_text("[]"),
        lambda: execution.find_copy(path, out).write_text("null"),
    ):
        before = len(calls)
        change()
        run_course([path], out=out)
        run_course([path], out=out)
        assert len(calls) == before + 1


def test_only_what_is_out_of_date_is_stored_and_each_as_soon_as_it_has_run(
    lessons, tmp_path, calls, monkeypatch, capsys
):
    paths = [write_notebook(lessons / f"0{n}_a.ipynb", f"a = {n}") for n in range(3)]
    run_course(paths, store=True, out=tmp_path / "build")
    assert list_stale(paths) == []
    for path in paths[1:]:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[0].source += "\nb = 1"
        nbformat.write(notebook, path)
    assert list_stale(paths) == paths[1:]
    calls.clear()
    calls.says = "new\n"
    run = execution.run_notebook

    def stop_at_the_last(path, copy):
        if path == paths[2]:
            raise KeyboardInterrupt
        return run(path, copy)

    monkeypatch.setattr(execution, "run_notebook", stop_at_the_last)
    with pytest.raises(KeyboardInterrupt, match="interrupted in 02_a; the same call goes on"):
        run_course(paths, store=True, out=tmp_path / "build")
    assert calls == ["01_a"]
    assert "out of date: 01_a, 02_a\n" in capsys.readouterr().out
    assert [first_text(path) for path in paths] == ["42 s\n", "new\n", "42 s\n"]
    assert list_stale(paths) == paths[2:]


def test_what_one_run_shows_is_stored_whole(tmp_path):
    """Or a time in a text and the same time in a figure could be those of two runs."""
    path, copy = tmp_path / "stored.ipynb", tmp_path / "copy.ipynb"
    for place, texts in ((path, ("42 s", "figure of 42")), (copy, ("17 s", "figure of 17"))):
        cells = [nbformat.v4.new_code_cell("a") for _ in texts]
        for cell, text in zip(cells, texts, strict=True):
            cell.execution_count = 1
            cell.outputs = [nbformat.v4.new_output("stream", text=text)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={execution.MADE: {"digest": "d"}}), place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution.sections, "NOTEBOOKS", tmp_path)
        assert execution.store_copy(path, copy) == 1
    assert first_text(path) == "17 s"


def test_a_change_while_a_notebook_runs_is_not_vouched_for(lessons, tmp_path, monkeypatch):
    """The outputs are of the code as it was: the copy is out of date, and nothing of it is stored."""
    path = write_notebook(lessons / "00_a.ipynb", "print(1)")
    copy = execution.find_copy(path, tmp_path / "build")
    monkeypatch.setattr(execution, "execute", lambda client: write_notebook(path, "print(2)"))
    run_notebook(path, copy)
    assert not execution.is_up_to_date(path, copy)
    before = path.read_bytes()
    with pytest.raises(CourseError, match="has changed since it ran"):
        execution.store_copy(path, copy)
    assert path.read_bytes() == before
    assert list_stale([path]) == [path]


@pytest.mark.parametrize("store", [False, True])
def test_a_cell_that_is_not_plain_python_is_said_before_anything_runs(lessons, tmp_path, store):
    path = write_notebook(lessons / "00_a.ipynb", "a = 1", "!ls")
    with pytest.raises(CourseError, match=r"00_a\.ipynb has a line that is not plain Python .*: !ls"):
        run_course([path], store=store, out=tmp_path / "build")


def test_prose_and_comments_that_were_written_since_it_ran_hinder_no_storing(lessons, tmp_path, calls):
    path = write_notebook(lessons / "00_a.ipynb", "a = 1")
    run_course([path], out=tmp_path / "build")
    notebook = nbformat.read(write_notebook(path, "a = 1  # a comment"), as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("# A heading"))
    nbformat.write(notebook, path)
    run_course([path], store=True, out=tmp_path / "build")
    assert calls == ["00_a"]
    assert list_stale([path]) == []


def test_outputs_that_say_the_same_touch_no_notebook(lessons, tmp_path, calls):
    path = write_notebook(lessons / "00_a.ipynb", "a = 1", "b = 1")
    run_course([path], store=True, out=tmp_path / "build")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = "b = 2"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    calls.says = "43 s\n"  # it took longer, which is nothing new
    run_course([path], store=True, out=tmp_path / "build")
    assert len(calls) == 2
    assert path.read_bytes() == before
    assert list_stale([path]) == []


def test_what_is_stored_is_made_by_the_profile_laptop_on_minicity(lessons, tmp_path, monkeypatch):
    for variable, value in (("CS_PROFILE", "tiny"), ("CS_DATA", "elsewhere")):
        with monkeypatch.context() as patch, pytest.raises(CourseError, match="laptop"):
            patch.setenv(variable, value)
            run_course([], store=True, out=tmp_path / "build")


def test_a_package_that_is_missing_is_named(lessons, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    with pytest.raises(CourseError, match=r"^nbclient must be installed first: `python -m pip install nbformat nbcli"):
        run_course([], out=tmp_path / "build")


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_runs(lessons, tmp_path, calls):
    path = write_notebook(lessons / "00_a.ipynb", "a = 1")
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match=r"cannot be written to .*--out or CS_HOME"):
        run_course([path], out=tmp_path / "file" / "build")
    assert calls == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_kernel_that_dies_is_one_line_and_what_it_did_is_kept(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb", "print(6 * 7)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    with pytest.raises(CourseError, match="its kernel died") as error:
        run_notebook(path, tmp_path / "out.ipynb")
    assert "\n" not in str(error.value)
    assert first_text(tmp_path / "out.ipynb") == "42\n"
    assert execution.MADE not in json.loads((tmp_path / "out.ipynb").read_text())["metadata"]


STOPPED = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell switches it off for what it runs in the background
from course import sections
from course.execution import run_course
sections.NOTEBOOKS = Path(sys.argv[1])
try:
    run_course(sections.list_notebooks(), out=Path(sys.argv[2]))
except KeyboardInterrupt as stop:
    sys.exit(str(stop))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_ctrl_c_ends_the_kernel_and_keeps_what_is_done(lessons, tmp_path):
    begun = tmp_path / "begun"
    write_notebook(
        lessons / "00_a.ipynb",
        "print(6 * 7)",
        f"import os, pathlib, time\npathlib.Path({str(begun)!r}).write_text(str(os.getpid()))\ntime.sleep(60)",
    )
    command = [sys.executable, "-c", STOPPED, str(lessons), str(tmp_path / "build")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while not (begun.exists() and begun.read_text()) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert error.splitlines() == ["interrupted in 00_a; the same call goes on with it"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)
    assert first_text(tmp_path / "build" / "notebooks" / "00_a.ipynb") == "42\n"


@pytest.mark.parametrize("own", ["", "ACTIVE"])
def test_threads_wait_asleep_wherever_cs_utils_is_imported_first(own):
    """OpenMP reads it when PyTorch is loaded, so that must not come before; and who has set it has set it."""
    program = "import os, sys, cs_utils; print('torch' in sys.modules, os.environ['OMP_WAIT_POLICY'])"
    environment = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    environment |= {"OMP_WAIT_POLICY": own} if own else {}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", own or "PASSIVE"]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("own", "printed"),
    [({}, "PASSIVE 1000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE -"), ({"GOMP_SPINCOUNT": "7"}, "PASSIVE 7")],
)
def test_make_leaves_threads_to_wait_as_the_user_has_said(tmp_path, own, printed):
    """PyTorch's OpenMP on Linux lets the spin count go before the policy."""
    show = '@echo "$$OMP_WAIT_POLICY $${GOMP_SPINCOUNT--}"'
    (tmp_path / "show.mk").write_text(f"include {ROOT / 'Makefile'}\nshow:\n\t{show}\n", encoding="utf-8")
    theirs = (*cs_utils.WAITING, "MAKELEVEL", "MAKEFLAGS", "MFLAGS")  # the last three of a make that runs this test
    environment = {name: value for name, value in os.environ.items() if name not in theirs} | own
    done = subprocess.run(
        ["make", "-f", "show.mk", "show"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == printed
