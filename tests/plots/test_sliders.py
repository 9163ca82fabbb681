"""Sliders appear for a person and for nobody else, and moving one draws the figure again."""

import queue

import pytest
from jupyter_client.manager import start_new_kernel

from cs_utils.exceptions import CourseError
from cs_utils.plots import sliders as module
from cs_utils.plots.activations import plot_activations
from cs_utils.plots.sliders import VIEW, sliders

CELL = """
import cs_utils as cs
from cs_utils.plots.activations import plot_activations

drawn = []

def draw(steepness=1.0):
    drawn.append(steepness)
    return plot_activations(title=f"steepness {steepness}")

cs.sliders(draw, steepness=(0, 10, 0.5))
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel()
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def answers(client, message):
    """All that the kernel says in answer to a message, until it is idle again."""
    said = []
    while True:
        try:
            answer = client.get_iopub_msg(timeout=60)
        except queue.Empty:
            pytest.fail("the kernel does not answer")
        if answer["parent_header"].get("msg_id") == message:
            if answer["content"].get("execution_state") == "idle":
                return said
            said.append((answer["msg_type"], answer["content"]))


def shown(said):
    """The kinds of data of all that was shown."""
    return [set(content["data"]) for kind, content in said if kind in ("display_data", "execute_result")]


def test_a_program_that_executes_gets_the_figure_alone(kernel):
    said = answers(kernel, kernel.execute(CELL, allow_stdin=False))
    assert shown(said) == [{"image/png", "text/plain"}]
    assert not any(kind.startswith("comm") for kind, _ in said)


def test_a_person_gets_a_slider_and_moving_it_draws_again(kernel):
    said = answers(kernel, kernel.execute(CELL, allow_stdin=True))
    controls, figure = shown(said)
    assert VIEW in controls
    states = [content["data"]["state"] for kind, content in said if kind == "comm_open"]
    assert [state["readout_format"] for state in states if "readout_format" in state] == [".1f"]
    assert figure == {"image/png", "text/plain"}  # a picture of its own, which stays when the notebook is saved
    (comm,) = [
        content["comm_id"]
        for kind, content in said
        if kind == "comm_open" and content["data"]["state"].get("_model_name") == "FloatSliderModel"
    ]
    content = {"comm_id": comm, "data": {"method": "update", "state": {"value": 7.5}, "buffer_paths": []}}
    message = kernel.session.msg("comm_msg", content)
    kernel.shell_channel.send(message)
    moved = answers(kernel, message["header"]["msg_id"])
    pictures = [content for kind, content in moved if kind == "update_display_data"]
    assert ["image/png" in content["data"] for content in pictures] == [True]
    asked = kernel.execute("print(drawn)", allow_stdin=False)
    assert ("stream", {"name": "stdout", "text": "[1.0, 7.5]\n"}) in answers(kernel, asked)


def draw(steepness=1.0, other=None):
    return plot_activations(title=f"steepness {steepness}")


def test_outside_of_a_notebook_it_is_the_figure_of_the_defaults():
    figure = sliders(draw, steepness=(0, 10, 0.5))
    assert figure.get_suptitle() == "steepness 1.0"
    assert not hasattr(figure, "_ipython_display_")


@pytest.mark.parametrize("ranges", [{"gamma": (0, 5, 1)}, {"steepness": (2, 10, 1)}, {"steepness": (0, 10, 0)}])
def test_a_slider_that_cannot_start_is_refused(ranges):
    with pytest.raises(CourseError, match=next(iter(ranges))):
        sliders(draw, **ranges)


@pytest.mark.parametrize(("step", "decimals"), [(0.5, 1), (0.25, 2), (1, 0), (1.0, 0), (10, 0), (1e-5, 5)])
def test_a_slider_shows_the_decimals_of_its_step(step, decimals):
    assert module.count_decimals(step) == decimals


def test_without_the_package_of_widgets_nobody_is_there(monkeypatch):
    class Shell:
        class kernel:
            @staticmethod
            def get_parent():
                return {"content": {"allow_stdin": True}}

    import IPython

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    assert module.somebody_is_there()
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    assert not module.somebody_is_there()
