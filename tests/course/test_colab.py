"""The first code cell of every lesson: it sets Google Colab up, and does nothing elsewhere."""

import os
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from course.sections import list_notebooks


def first_cell(path):
    return next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


CELL = first_cell(list_notebooks()[0])


def test_every_lesson_begins_with_the_same_cell_and_hides_it():
    for path in list_notebooks():
        cell = first_cell(path)
        assert cell.source == CELL.source
        assert cell.metadata.jupyter.source_hidden  # in JupyterLab
        assert "remove-cell" in cell.metadata.tags  # on the site


@pytest.fixture
def course(tmp_path):
    """A repository that has what the cell needs of ours: a package, and a folder of notebooks."""
    course = tmp_path / "published"
    for name in ("cs_utils/__init__.py", "notebooks/00.ipynb"):
        (course / name).parent.mkdir(parents=True)
        (course / name).touch()
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "all"],
    ):
        subprocess.run(["git", *command], cwd=course, check=True)
    return course


@pytest.fixture
def colab(tmp_path, course, monkeypatch):
    """A new machine of Colab as the cell sees it: an empty folder, IPython, and a pip that notes what it is asked."""
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path / "pip.txt"}"\n', encoding="utf-8")
    pip.chmod(0o755)
    (tmp_path / "content").mkdir()
    monkeypatch.chdir(tmp_path / "content")
    monkeypatch.setenv("PATH", str(pip.parent), prepend=os.pathsep)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or course.as_uri())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = InteractiveShell()
    shell.history_manager.enabled = False
    return shell, asked


@pytest.mark.skipif(sys.platform == "win32", reason="Colab runs on Linux")
def test_on_colab_it_fetches_the_course_once_and_stands_in_its_folder_of_notebooks(colab, tmp_path):
    shell, asked = colab
    for _ in range(2):
        shell.run_cell(CELL.source).raise_error()
    course = tmp_path / "content" / "streets"
    assert Path.cwd() == course / "notebooks"
    assert sys.path[0] == str(course)
    assert len(asked) == 1
    assert (tmp_path / "pip.txt").read_text(encoding="utf-8").splitlines() == [
        "install -q -e streets cityscapesscripts"
    ]


def test_elsewhere_it_does_nothing(colab, tmp_path, monkeypatch):
    shell, asked = colab
    monkeypatch.delitem(sys.modules, "google.colab")
    before = Path.cwd(), sys.path[:]
    shell.run_cell(CELL.source).raise_error()
    assert (Path.cwd(), sys.path) == before
    assert asked == []
    assert not (tmp_path / "pip.txt").exists()
