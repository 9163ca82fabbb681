"""The commands that run the notebooks: one figure, or the whole course."""

# Each command imports what it needs by itself: --help should answer at once.

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from cs_utils.exceptions import CourseError
from cs_utils.settings import HOME, Profile


def figure(
    name: Positional[str | None] = None,
    *,
    list_all: Annotated[bool, tyro.conf.arg(name="list")] = False,
    draw_all: Annotated[bool, tyro.conf.arg(name="all")] = False,
    out: Path | None = None,
    profile: Profile,
    data: Path,
) -> int:
    """Draw one figure of the course, by running its section of a notebook; without a name, list them.

    Args:
        name: which figure.
        list_all: list the figures.
        draw_all: draw all of them, into the folder that --out names.
        out: file to write, .png, .svg or .pdf; None: NAME.png, or build/figures for all.
        profile: how much to compute.
        data: folder in the Cityscapes layout.
    """
    from course.sections import draw_figure, list_figures, run_section

    _require_notebooks()
    figures = list_figures()
    if list_all or (name is None and not draw_all):
        width = max(map(len, figures))
        print("\n".join(f"{found:{width}}  {section}" for found, section in figures.items()))
        return 0
    if name is not None and draw_all:
        raise CourseError("name a figure or --all, not both")
    from cs_utils.plots.style import check_ending, save_figure

    with _notebooks_use(profile, data):
        if draw_all:
            for section in dict.fromkeys(figures.values()):
                for found, drawn in run_section(section).items():
                    path = (out or HOME / "build" / "figures") / f"{found}.png"
                    save_figure(drawn, path)
                    print(path, flush=True)
        else:
            path = out or Path(f"{name}.png")
            check_ending(path)
            save_figure(draw_figure(name), path)
            print(path)
    return 0


def course(*, store: bool = False, out: Path | None = None, profile: Profile, data: Path) -> int:
    """Run all notebooks in order, but for those whose executed copy is up to date; copies and figures go to build.

    Args:
        store: run the solutions too, but of all only those whose stored outputs are out of date, and store them.
        out: folder to write executed copies and figures to; None: build.
        profile: how much to compute.
        data: folder in the Cityscapes layout.
    """
    from course.execution import BUILD, run_course
    from course.sections import list_notebooks, list_solutions

    _require_notebooks()
    with _notebooks_use(profile, data):
        run_course([*list_notebooks(), *(list_solutions() if store else [])], store, out or BUILD)
    print(f"executed notebooks and figures: {out or BUILD}")
    return 0


def _require_notebooks() -> None:
    from course.sections import NOTEBOOKS, list_notebooks

    if not list_notebooks():
        raise CourseError(
            f"{NOTEBOOKS} holds no notebooks: call this in a clone of the course, installed by `pip install -e .`"
        )


@contextmanager
def _notebooks_use(profile: str, data: Path) -> Iterator[None]:
    """Name profile and data in the environment, by which notebooks and their kernels choose their settings."""
    named = {"CS_PROFILE": profile, "CS_DATA": str(data.expanduser().resolve())}
    before = {name: os.environ.get(name) for name in named}
    os.environ.update(named)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
