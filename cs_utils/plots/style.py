"""What all drawings share: the style, names of lines and dots, files, and how Jupyter shows a figure.

A figure is at most `WIDTH` inches wide and no letter is smaller than `LETTERS` points: on a slide of 13.3 inches that
is 18 points, which is read from the last row of a lecture hall.
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError

WIDTH = 10.0
LETTERS = 13.5
DPI = 160
INK = "#30343b"
PALE = "#c9ced6"
ACCENT = "#c4472b"
SECOND = "#2b6ca3"
THIRD = "#2b7a4b"
FOURTH = "#8a5aa8"
COLORS = (SECOND, ACCENT, THIRD, FOURTH, "#946200", "#5b6470")
"""For series, in this order; `colors_for` has more. Names are written in them: at least 4.5 to 1 on white."""
STYLE = {
    **sns.axes_style("whitegrid"),
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so a figure looks the same everywhere
    "font.size": LETTERS,
    "axes.titlesize": LETTERS,
    "axes.labelsize": LETTERS,
    "xtick.labelsize": LETTERS,
    "ytick.labelsize": LETTERS,
    "legend.fontsize": LETTERS,
    "legend.title_fontsize": LETTERS,
    "figure.titlesize": 15,
    "figure.titleweight": "bold",
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "axes.edgecolor": PALE,
    "grid.color": "#e3e6ea",
}
MANY_VALUES = 30_000
"""Values in the images of a figure from which on it is stored as JPEG."""
MARGIN = 1.0
"""Leads of at most so many percentage points count as none, and are shaded: `experiments.statistics.MARGIN`."""
BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 1}
"""A text's ``bbox`` that hides the lines behind it."""


class Drawing(Figure):
    """A figure of the course. Only these are shown in a notebook by `show_in_jupyter`; a reader's own stay theirs."""


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the course's one style, whatever is set outside, by a matplotlibrc or by hand."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with _our_style():
            return function(*args, **kwargs)

    return wrapper


@contextmanager
def _our_style() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()  # or a reader's image.origin or text.usetex would come through
        mpl.rcParams.update(STYLE)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of the course, its size in inches."""
    return Drawing(figsize=(width, height), layout="constrained")


def single(height: float) -> tuple[Figure, Axes]:
    """A figure of one panel, and its axes."""
    figure = new_figure(height)
    return figure, figure.subplots()


def panels(rows: int, columns: int, aspect: float, width: float = WIDTH) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels, ``aspect`` times as wide as high, with room for their titles; axes (rows, columns)."""
    figure = new_figure(rows * (width / columns / aspect + 0.3), width)
    return figure, figure.subplots(rows, columns, squeeze=False)


def headline(figure: Figure, title: str) -> None:
    """Write a sentence above a figure, in as many lines as it needs; nothing if there is none."""
    if title:
        figure.set_figheight(figure.get_figheight() + 0.3)
        figure.suptitle(fill(title, int(6.6 * figure.get_figwidth())), fontweight="bold")


def colors_for(count: int) -> list[Any]:
    """So many different colours: `COLORS` as far as they go, else a circle of hues."""
    return list(COLORS[:count]) if count <= len(COLORS) else list(sns.husl_palette(count, s=0.85, l=0.5))


def named_colors(names: Iterable[str], known: Mapping[str, str]) -> dict[str, Any]:
    """A colour for each name: that which is known, or for any others one that differs from all of these."""
    names = list(names)
    others = [name for name in names if name not in known]
    spare = colors_for(len(known) + len(others))[-len(others) :] if others else []
    return {name: known[name] if name in known else spare[others.index(name)] for name in names}


def name_lines(axes: Axes) -> None:
    """Write the names of at most six labelled lines at their right ends, in their colours; of more, in a legend."""
    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    if len(lines) > len(COLORS):
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        return
    axes.autoscale_view()  # or the limits would be those of empty axes
    to_axes = axes.transScale + axes.transLimits
    ends = []
    for line in lines:
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        last = np.flatnonzero(np.isfinite(y) & np.isfinite(x))[-1:]
        ends.append(float(to_axes.transform((x[last][0], y[last][0]))[1]) if last.size else 0.5)
    height = axes.get_position().height * axes.get_figure(root=True).get_figheight() * 72
    for line, y in zip(lines, _spread(ends, 1.25 * LETTERS / height), strict=True):
        axes.annotate(line.get_label(), (1.02, y), xycoords="axes fraction", va="center", color=line.get_color())


def _spread(places: Sequence[float], apart: float) -> list[float]:
    # Moved until neighbours are so far apart, in their order and about their common middle.
    order = np.argsort(places, kind="stable")
    moved = np.array(places, dtype=float)[order]
    for _ in range(200):
        gaps = np.diff(moved)
        close = np.flatnonzero(gaps < apart - 1e-6)
        if not close.size:
            break
        for index in close:
            push = (apart - (moved[index + 1] - moved[index])) / 2
            if push > 0:
                moved[index] -= push
                moved[index + 1] += push
    result = np.empty_like(moved)
    result[order] = moved
    return result.tolist()


def name_dots(axes: Axes, places: np.ndarray, names: Iterable[str]) -> None:
    """Write a name beside each dot, (n, 2) in data units, where it covers fewest dots and names; limits must be set."""
    axes.autoscale_view()  # now, because a name's place depends on where the dots are in the figure
    figure = axes.get_figure(root=True)
    figure.draw_without_rendering()
    dots = axes.transData.transform(places) * 72 / figure.dpi
    taken = [np.array([dot - 7, dot + 7]) for dot in dots]  # two corners each
    low, high = axes.get_window_extent().get_points() * 72 / figure.dpi
    for name, dot, place in zip(names, dots, places, strict=True):
        width = 0.62 * LETTERS * len(name)
        boxes = {}
        for x, y in product((10, -10, 0, 40, -40), (0, 11, -11, 22, -22, 33, -33, 44, -44, 55, -55, 66, 77)):
            if x or y:
                left = x - (width if x < 0 else width / 2 if x == 0 else 0)
                corner = dot[0] + left, dot[1] + y - 8
                boxes[x, y] = np.add([(0, 0), (width, 16)], corner)
        cost = {
            shift: 10 * sum(_overlap(box, other) for other in taken)
            + 20 * bool((box[0] < low).any() or (box[1] > high).any())
            + abs(shift[1]) / 11
            + abs(shift[0]) / 20
            for shift, box in boxes.items()
        }
        best = min(cost, key=cost.get)
        taken.append(boxes[best])
        side = "left" if best[0] > 0 else "right" if best[0] < 0 else "center"
        arrow = {"arrowstyle": "-", "color": PALE} if abs(best[1]) > 11 or abs(best[0]) > 10 else None
        axes.annotate(name, place, best, textcoords="offset points", ha=side, va="center", arrowprops=arrow)


def _overlap(box: np.ndarray, other: np.ndarray) -> bool:
    return bool((box[0] < other[1]).all() and (other[0] < box[1]).all())


def letters_on(color: np.ndarray) -> str:
    """Black or white, which of them stands out more from a colour (r, g, b), 0..1: at least 4.5 to 1, as WCAG 2 asks.

    https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio and #dfn-relative-luminance
    """
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


def color_numbers(axes: Axes) -> None:
    """Write the numbers in the cells of a heat map by seaborn in black or white, whichever stands out more."""
    mesh = axes.collections[0]
    cells = mesh.get_facecolor().reshape(*np.subtract(mesh.get_coordinates().shape[:2], 1), -1)  # (rows, columns, 4)
    for text in axes.texts:
        column, row = map(int, text.get_position())
        text.set_color(letters_on(cells[row, column, :3]))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a file, whole or not at all; its ending says whether as PNG, SVG or PDF.

    Raises:
        CourseError: the ending is none of these.
    """
    check_ending(path)
    write_atomic(path, _render(figure, path.suffix[1:]))


def check_ending(path: Path) -> None:
    """Refuse a file that no figure can be written to.

    Raises:
        CourseError: the name does not end in .png, .svg or .pdf.
    """
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise CourseError(f"{path} is no name for a figure: let it end in .png, .svg or .pdf")


def _render(figure: Figure, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with _our_style():
        figure.savefig(buffer, format=kind, dpi=DPI, **options)
    return buffer.getvalue()


def has_pictures(figure: Figure) -> bool:
    """Whether a figure shows more than toy images, so that JPEG suits it better than PNG."""
    return sum(image.get_array().size for axes in figure.axes for image in axes.images) > MANY_VALUES


def to_png(figure: Figure) -> bytes:
    """A chart as PNG with a palette of 256 colours, a third as large as in full colour."""
    picture = Image.open(io.BytesIO(_render(figure, "png"))).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def to_jpeg(figure: Figure) -> bytes:
    """A figure with pictures as JPEG; colour at full resolution, or the borders of a coloured mask would blur."""
    return _render(figure, "jpeg", pil_kwargs={"quality": 82, "subsampling": 0, "optimize": True})


def show_in_jupyter() -> None:
    """Let a notebook show the course's figures small: with pictures as JPEG, charts as PNG. Elsewhere do nothing."""
    # Not imported: a machine that only trains need not have IPython.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    png, jpeg = (shell.display_formatter.formatters[f"image/{kind}"] for kind in ("png", "jpeg"))
    png.for_type(Drawing, lambda figure: None if has_pictures(figure) else to_png(figure))
    jpeg.for_type(Drawing, lambda figure: to_jpeg(figure) if has_pictures(figure) else None)


show_in_jupyter()
