"""A figure with sliders, where somebody is there to move them; elsewhere the figure alone."""

import inspect
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from matplotlib.figure import Figure

from cs_utils.exceptions import CourseError

VIEW = "application/vnd.jupyter.widget-view+json"
"""How a kernel tells a front end to show a widget."""
ELSEWHERE = "Where widgets are shown, as in JupyterLab, sliders stand here."


def sliders(draw: Callable[..., Figure], **ranges: tuple[float, float, float]) -> Figure:
    """A figure that depends on some numbers. As the value of a cell it comes with a slider for each of them.

    A person in JupyterLab sees the sliders, and the figure below them is drawn again whenever one is moved. For a
    program that executes notebooks, and without the package ipywidgets, it is an ordinary figure.

    Args:
        draw: draws the figure; the defaults of its parameters are where the sliders start.
        ranges: for parameters of ``draw``: lowest value, highest value, step.

    Returns:
        The figure of the defaults.

    Raises:
        CourseError: ``draw`` has no such parameter, its default is not in the range, or a step is not above 0.
    """
    starts = {}
    for name, (low, high, step) in ranges.items():
        parameter = inspect.signature(draw).parameters.get(name)
        starts[name] = parameter.default if parameter else inspect.Parameter.empty
        if starts[name] is inspect.Parameter.empty or not low <= starts[name] <= high:
            raise CourseError(f"a slider needs a parameter {name!r} with a default from {low} to {high}")
        if step <= 0:
            raise CourseError(f"the step of {name!r} is {step}: give one above 0")
    figure = draw()
    if somebody_is_there():
        # IPython asks an object for this method before it asks for pictures of it.
        figure._ipython_display_ = lambda: _show(figure, draw, ranges, starts)
    return figure


def count_decimals(number: float) -> int:
    """Digits behind the point of a number as it is usually written: 2 for 0.25, none for 10."""
    return max(0, -Decimal(str(number)).normalize().as_tuple().exponent)


def somebody_is_there() -> bool:
    """Whether a cell is executed for a person, and widgets can be made: only then a front end lets the cell ask back.

    nbclient, and so nbconvert and `make course`, and nbval forbid it.
    """
    # Not imported: a machine that only trains need not have IPython.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not hasattr(shell, "kernel"):
        return False
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return bool(shell.kernel.get_parent().get("content", {}).get("allow_stdin"))


def _show(
    figure: Figure,
    draw: Callable[..., Figure],
    ranges: dict[str, tuple[float, float, float]],
    starts: dict[str, float],
) -> None:
    import ipywidgets
    from IPython.display import display

    moved = {
        name: ipywidgets.FloatSlider(
            starts[name],
            min=low,
            max=high,
            step=step,
            description=name.replace("_", " "),
            readout_format=f".{count_decimals(step)}f",
            style={"description_width": "initial"},
            layout={"width": "min(100%, 40rem)"},
        )
        for name, (low, high, step) in ranges.items()
    }
    controls = ipywidgets.VBox(list(moved.values()))
    display({VIEW: controls._repr_mimebundle_()[VIEW], "text/plain": ELSEWHERE}, raw=True)
    del figure._ipython_display_  # from here on it is shown as the picture that it is
    shown = display(figure, display_id=True)

    def draw_again(_: Any) -> None:
        shown.update(draw(**{name: slider.value for name, slider in moved.items()}))

    for slider in moved.values():
        slider.observe(draw_again, "value")
