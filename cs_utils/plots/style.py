"""What all drawings share: the style, panels of photos, the legend of classes, files, how Jupyter shows a figure."""

import io
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.labels import CLASS_NAMES, PALETTE, VOID

STYLE = {
    **sns.axes_style("whitegrid"),
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
    "axes.labelsize": 13,
    "legend.fontsize": 12,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
}
"""Large enough to be read from the last row of a lecture hall."""
INK = "#30343b"
ACCENT = "#c4472b"
SECOND = "#2b6ca3"
THIRD = "#3a8f5c"
FOURTH = "#8a5aa8"
BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 1}
"""A text's ``bbox`` that hides the lines behind it."""
SCREEN_DPI = 80
"""Pixels per inch in a notebook: a full-width figure is then as wide as the page."""


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the course's one style, whatever style is set outside."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with mpl.rc_context(STYLE):
            return function(*args, **kwargs)

    return wrapper


def panels(rows: int, columns: int, width: float, aspect: float) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels, ``aspect`` times as wide as high; axes (rows, columns)."""
    # An inch for the titles and the legend.
    figure = Figure(figsize=(width, rows * width / columns / aspect + 1), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a file, whole or not at all; its ending says whether as PNG, SVG or PDF.

    Raises:
        CourseError: the ending is none of these.
    """
    check_ending(path)
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=path.suffix[1:])
    write_atomic(path, buffer.getvalue())


def check_ending(path: Path) -> None:
    """Refuse a file that no figure can be written to.

    Raises:
        CourseError: the name does not end in .png, .svg or .pdf.
    """
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise CourseError(f"{path} is no name for a figure: let it end in .png, .svg or .pdf")


def show(axes: Axes, pixels: np.ndarray, title: str = "") -> None:
    """Show an image, (H, W, 3) uint8, without ticks."""
    axes.imshow(pixels, interpolation="nearest")
    axes.set_title(title)
    axes.set_axis_off()


def add_legend(figure: Figure, masks: Sequence[np.ndarray]) -> None:
    """Name below the figure the colours of the classes that occur in masks of trainIds; void is black."""
    present = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    names = {**dict(enumerate(CLASS_NAMES)), VOID: "void"}
    patches = [Patch(color=PALETTE[value] / 255, label=names[value]) for value in present if value in names]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(7, len(patches)), frameon=False)


def _render(figure: Figure, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=format, dpi=SCREEN_DPI, **options)
    return buffer.getvalue()


def _has_photos(figure: Figure) -> bool:
    return any(axes.images for axes in figure.axes)


def show_in_jupyter() -> None:
    """Let a notebook show figures: photos as JPEG, which is a tenth as large, charts as PNG. Elsewhere do nothing."""
    # Not imported: a machine that only trains need not have IPython.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    png, jpeg = (shell.display_formatter.formatters[f"image/{kind}"] for kind in ("png", "jpeg"))
    png.for_type(Figure, lambda figure: None if _has_photos(figure) else _render(figure, "png"))
    # Full colour resolution: the borders of a coloured mask would blur otherwise.
    options = {"quality": 88, "subsampling": 0}
    jpeg.for_type(Figure, lambda figure: _render(figure, "jpeg", pil_kwargs=options) if _has_photos(figure) else None)


show_in_jupyter()
