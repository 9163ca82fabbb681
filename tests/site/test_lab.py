"""The course as a student meets it: `make lab` in a browser, on a copy of the first lesson. `make site-test` runs this.

The server has folders of its own for settings and runtime files, so nothing of the user's or the repository's changes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import nbformat
import pytest

from cs_utils.plots.sliders import VIEW
from cs_utils.settings import ROOT

LESSON = "notebooks/00_introduction.ipynb"
FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
FOLDERS += ("JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
OPEN = """async () => {
  const {context, sessionContext} = jupyterapp.shell.currentWidget;
  await context.ready;
  await sessionContext.ready;  // else what is run waits for a kernel for ever
  return context.path;
}"""
RUN = "() => jupyterapp.commands.execute('notebook:run-all-cells')"
SAVE = "() => jupyterapp.commands.execute('docmanager:save')"
SHOW = "number => jupyterapp.shell.currentWidget.content.scrollToItem(number, 'start')"


@pytest.fixture(scope="module")
def lab(wanted, tmp_path_factory):
    """What a browser would open after `make lab`: the address of the page that leads to the lesson, and its copy."""
    home = tmp_path_factory.mktemp("lab")
    copy = home / LESSON
    copy.parent.mkdir()
    shutil.copyfile(ROOT / LESSON, copy)
    folders = {name: str(home / name.lower()) for name in FOLDERS}
    (line,) = re.findall(r"jupyter (lab .+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    options = ["--no-browser", "--allow-root", "--port=0", "--LabApp.expose_app_in_browser=True"]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", *line.split(), *options],
            cwd=home,
            env=os.environ | folders | {"PYTHONPATH": paths, "CS_PROFILE": "tiny"},
            stdout=log,
            stderr=log,
        )
    try:
        runtime, until = home / "jupyter_runtime_dir", time.monotonic() + 120
        while not (pages := list(runtime.glob("*file-to-run*-open.html"))):
            assert server.poll() is None and time.monotonic() < until, (home / "log").read_text()
            time.sleep(0.2)
        yield pages[0].as_uri(), copy
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def page(browser, lab):
    """JupyterLab with the lesson, all of whose cells have been run."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(lab[0])
    page.wait_for_function("window.jupyterapp && jupyterapp.shell.currentWidget?.context?.path")
    assert page.evaluate(OPEN) == LESSON
    assert page.evaluate(RUN)
    page.evaluate(SAVE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def saved(page, lab):
    """The notebook as JupyterLab has saved it after the run."""
    return nbformat.read(lab[1], as_version=4)


def test_the_first_lesson_runs_to_its_end_in_jupyterlab(saved):
    cells = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    wrong = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert wrong == []


def test_only_the_cell_with_a_slider_has_a_widget_and_no_state_is_stored(saved):
    assert "widgets" not in saved.metadata
    with_widget = [cell.source for cell in saved.cells if VIEW in json.dumps(cell.get("outputs", []))]
    assert len(with_widget) == 1 and "cs.sliders(" in with_widget[0]


def test_the_slider_moves_the_picture(page, saved):
    number = next(number for number, cell in enumerate(saved.cells) if "cs.sliders(" in cell.source)
    page.evaluate(SHOW, number)
    slider = page.locator(".widget-slider")
    cell = page.locator(".jp-CodeCell", has=slider)
    before, readout = cell.locator("img").get_attribute("src"), slider.locator(".widget-readout").inner_text()
    slider.locator(".noUi-handle").press("ArrowLeft")
    page.wait_for_function(
        "([cell, before]) => cell.querySelector('img').src !== before", arg=[cell.element_handle(), before]
    )
    assert slider.locator(".widget-readout").inner_text() != readout
