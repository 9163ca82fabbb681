"""What a data set holds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cs_utils.data.transforms import LUMA
from cs_utils.plots.masks import color_of
from cs_utils.plots.style import (
    ACCENT,
    FOURTH,
    INK,
    LETTERS,
    PALE,
    SECOND,
    THIRD,
    color_numbers,
    colors_for,
    headline,
    letters_on,
    name_dots,
    new_figure,
    single,
    styled,
)

ROW = 0.29
"""Inches of a row with a name."""
WAFFLE_CELL = 27
"""Points from one of the hundred squares to the next, about."""


@styled
def plot_images_per_city(counts: Mapping[str, Mapping[str, int]], title: str = "") -> Figure:
    """Images of each city, by split, the splits in the order given."""
    cities = sum(len(split) for split in counts.values())
    figure, axes = single(ROW * cities + 1.5)
    start = 0
    for (split, numbers), color in zip(counts.items(), colors_for(len(counts)), strict=True):
        ordered = sorted(numbers.items(), key=lambda pair: -pair[1])
        places = np.arange(start, start + len(ordered))
        total = f"{split}: {sum(numbers.values()):,} images"
        bars = axes.barh(places, [number for _, number in ordered], color=color, label=total)
        axes.bar_label(bars, padding=3)
        start += len(ordered)
    names = [city for split in counts.values() for city, _ in sorted(split.items(), key=lambda pair: -pair[1])]
    axes.set_yticks(range(cities), names)
    axes.invert_yaxis()
    axes.set(xlabel="images")
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12, y=0.01)
    figure.legend(loc="outside lower center", ncols=len(counts), frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_class_shares(here: pd.Series, real: pd.Series, images: int, title: str = "") -> Figure:
    """Shares of all pixels, void among them: left as a hundred squares, right on a logarithmic axis.

    Args:
        here: share of each class, 0..1, of the images at hand.
        real: the same in Cityscapes.
        images: how many are at hand.
        title: a sentence above it all.
    """
    figure = new_figure(ROW * len(real) + 1.6)
    squares, axes = figure.subplots(1, 2, width_ratios=(4, 5))
    ordered = here.sort_values(ascending=False)
    _waffle(squares, ordered)
    squares.set_title(f"a square is 1 % of the pixels\nof these {images} images")
    shares = pd.DataFrame({"here": here, "Cityscapes": real}).sort_values("Cityscapes") * 100
    for row, (low, high) in enumerate(zip(shares.min(axis=1), shares.max(axis=1), strict=True)):
        axes.plot([low, high], [row, row], color=PALE, linewidth=3, zorder=1)
    axes.plot(shares["here"], shares.index, "o", color=SECOND, markersize=9, label=f"these {images} images")
    axes.plot(shares["Cityscapes"], shares.index, "D", color=ACCENT, markersize=7, label="Cityscapes, 2975 images")
    axes.set(xscale="log", xlabel="share of all pixels [%], logarithmic")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(y=0.02)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    headline(figure, title)
    return figure


def _waffle(axes: Axes, ordered: pd.Series) -> None:
    # A hundred squares, shared out by largest remainders, filled row by row; a name where one row has room for it.
    exact = 100 * ordered / ordered.sum()
    squares = np.floor(exact).astype(int)
    squares[(exact - squares).sort_values(ascending=False).index[: 100 - squares.sum()]] += 1
    start = 0
    for name, count in squares.items():
        places = [divmod(number, 10) for number in range(start, start + count)]
        for row, column in places:
            axes.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, color=color_of(name), linewidth=0))
        rows = pd.Series([row for row, _ in places]).value_counts()
        if count and rows.iloc[0] * WAFFLE_CELL > 0.62 * LETTERS * len(f"{name} {count}"):
            row = rows.index[0]
            left = min(column for at, column in places if at == row)
            # The gaps between the squares would run through the letters.
            behind = {"facecolor": color_of(name), "edgecolor": "none", "pad": 1}
            axes.text(
                left + 0.2, row + 0.5, f"{name} {count}", color=letters_on(color_of(name)), va="center", bbox=behind
            )
        start += count
    axes.set(xlim=(0, 10), ylim=(10, 0), aspect="equal")
    axes.set_axis_off()


@styled
def plot_presence(present: pd.Series, shares: pd.Series, title: str = "") -> Figure:
    """Each class by the share of the images that hold it, and its share of the pixels on a logarithmic axis."""
    figure, axes = single(6.5)
    held = shares[shares > 0].index.intersection(present.index)
    colors = [color_of(name) for name in held]
    axes.scatter(100 * present[held], 100 * shares[held], s=110, color=colors, edgecolor=INK, zorder=3)
    axes.set(yscale="log", xlim=(-4, 112), xlabel="images that hold the class [%]")
    axes.set(ylabel="share of all pixels [%], logarithmic")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.margins(y=0.1)
    name_dots(axes, np.stack([100 * present[held], 100 * shares[held]], axis=1), held)
    headline(figure, title)
    return figure


@styled
def plot_class_positions(
    positions: np.ndarray, names: Sequence[str], photo: np.ndarray | None = None, title: str = ""
) -> Figure:
    """A map of the frame for each class, (n, h, w), bright where the class is most often; each on its own scale.

    The number under a name is the largest share of the images that have the class at one and the same place. The mean
    of all photos, (H, W, 3) uint8, comes first if it is given.
    """
    first = int(photo is not None)
    rows = -(-(len(names) + first) // 5)
    figure = new_figure(1.55 * rows + 0.6)
    axes = figure.subplots(rows, 5, squeeze=False)
    if photo is not None:
        axes.flat[0].imshow(photo, aspect="auto")
        axes.flat[0].set_title("mean of all\nphotos", linespacing=1)
    for axis, name, place in zip(axes.flat[first : first + len(names)], names, positions, strict=True):
        peak = place.max()
        axis.imshow(place, cmap="magma", vmin=0, vmax=peak or 1, aspect="auto", interpolation="bilinear")
        axis.set_title(f"{name}\nmax {peak:.0%}" if peak >= 0.01 else f"{name}\nmax {peak:.1%}", linespacing=1)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.set_box_aspect(0.5)
    for axis in axes.flat[len(names) + first :]:
        axis.set_axis_off()
    headline(figure, title)
    return figure


OVERLAP = (("", PALE), ("hit (TP)", THIRD), ("missed (FN)", SECOND), ("false alarm (FP)", ACCENT))
"""What a cell of `plot_overlap` is, and its colour."""


@styled
def plot_overlap(truth: np.ndarray, prediction: np.ndarray, title: str = "") -> Figure:
    """Where one class is, (H, W) bool, and where it was predicted, cell by cell: hits, misses and false alarms."""
    height, width = truth.shape
    figure, axes = single(0.75 * height + 0.8)
    for row, column in np.ndindex(truth.shape):
        kind = int(truth[row, column]) + 3 * int(prediction[row, column])  # 0, 1, 3 or 4
        word, color = OVERLAP[{0: 0, 1: 2, 3: 3, 4: 1}[kind]]
        axes.add_patch(Rectangle((column, row), 0.96, 0.9, color=color, linewidth=0))
        axes.text(column + 0.48, row + 0.45, word, color="white", ha="center", va="center", weight="bold")
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    headline(figure, title)
    return figure


@styled
def plot_lift(lift: pd.DataFrame, title: str = "") -> Figure:
    """How many times as often a class (column) is in an image if another (row) is there: above 1 red, below 1 blue.

    Args:
        lift: from `statistics.lift`; NaN, such as the diagonal, stays white.
        title: what it shows.
    """
    figure, axes = single(0.5 * len(lift) + 2.6)
    limit = max(np.log2(lift.replace(0, np.nan)).abs().max(axis=None), 1e-6)
    with np.errstate(divide="ignore"):
        strength = np.log2(lift).clip(-limit, limit)
    options = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "cbar": False, "linewidths": 2}
    sns.heatmap(strength, ax=axes, annot=lift, fmt=".1f", mask=lift.isna(), **options)
    color_numbers(axes)
    axes.set(xlabel="… the image holds this class so many times as often", ylabel="if it holds this class …")
    axes.tick_params(axis="x", rotation=40)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    headline(figure, title)
    return figure


@styled
def plot_object_sizes(objects: pd.DataFrame, scale: float, smallest: int, title: str = "") -> Figure:
    """Pixels of each object on a logarithmic axis, a row of dots for each class, and the size that is too small.

    Args:
        objects: columns ``class`` and ``pixels``, as ``Statistics.objects`` has them.
        scale: pixels of the labels for one pixel that the network sees.
        smallest: objects of fewer pixels than this, as the network sees them, are marked as lost.
        title: what it shows.
    """
    figure, axes = single(6)
    seen = objects[objects["pixels"] > 0]
    medians = seen.groupby("class")["pixels"].median().sort_values()
    rng = np.random.default_rng(0)
    for row, (name, median) in enumerate(medians.items()):
        sizes = seen.loc[seen["class"] == name, "pixels"]
        heights = row + rng.uniform(-0.3, 0.3, len(sizes))
        axes.scatter(sizes, heights, s=16, alpha=0.35, color=color_of(name), linewidths=0)
        axes.plot([median, median], [row - 0.4, row + 0.4], color=INK, lw=3)
    labels = [f"{name} ({int((seen['class'] == name).sum())})" for name in medians.index]
    limit = smallest * scale
    axes.axvspan(0.1, limit, color=ACCENT, alpha=0.12)
    axes.axvline(limit, color=ACCENT, ls="--", label=f"{smallest} pixels once resized for the network")
    axes.plot([], [], color=INK, lw=3, label="median of the class")
    if not len(medians):
        axes.text(0.5, 0.5, "these labels tell no objects apart", transform=axes.transAxes, ha="center")
    start = min(0.6 * seen["pixels"].min(), 0.5 * limit) if len(seen) else 0.8
    axes.text(0.95 * limit, 0.98, "too small", transform=axes.get_xaxis_transform(), ha="right", va="top", color=INK)
    axes.set(xscale="log", xlabel="visible pixels of the object, in the full photo", xlim=(start, None))
    axes.set(yticks=range(len(medians)), yticklabels=labels)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.05)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    headline(figure, title)
    return figure


@styled
def plot_class_colors(samples: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Some pixels of each class, (n, 3) uint8 by name, as a row of squares from dark to bright; at the left their mean.

    Classes without pixels are left out.
    """
    found = {name: pixels for name, pixels in samples.items() if len(pixels)}
    figure, axes = single(ROW * len(found) + 0.9)
    most = max(map(len, found.values()))
    for row, pixels in enumerate(found.values()):
        for column, color in enumerate(pixels[np.argsort(pixels @ LUMA)]):
            axes.add_patch(Rectangle((column + 2.6, row + 0.04), 1, 0.92, color=color / 255, linewidth=0))
        axes.add_patch(Rectangle((0, row + 0.04), 2, 0.92, color=pixels.mean(axis=0) / 255, linewidth=0))
    axes.set(xlim=(0, most + 2.6), ylim=(len(found), 0), yticks=np.arange(len(found)) + 0.5, yticklabels=found)
    axes.set_xticks([1, 2.6 + most / 2], ["mean", "single pixels, dark to bright"])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    headline(figure, title)
    return figure


@styled
def plot_void(where: np.ndarray, kinds: pd.Series, photos: pd.Series, real: float, title: str = "") -> Figure:
    """Where void lies, what it is made of, and how much of each photo it takes.

    Args:
        where: (h, w) share of the images that have void at each place, 0..1.
        kinds: share of all pixels that each void label has, 0..1, by name.
        photos: share of void in each photo, 0..1.
        real: mean share of void in Cityscapes, 0..1.
        title: a sentence above it all.
    """
    kinds = kinds[kinds > 0].sort_values()
    figure = new_figure(0.3 * len(kinds) + 5.2)
    axes = figure.subplot_mosaic([["map", "map"], ["kinds", "photos"]], height_ratios=(3.2, 0.3 * len(kinds) + 1))
    image = axes["map"].imshow(
        where * 100, cmap="magma", norm=PowerNorm(0.5, 0, 100), aspect="auto", interpolation="bilinear"
    )
    axes["map"].set(xticks=[], yticks=[], title="Where void lies")
    axes["map"].set_box_aspect(0.5)
    bar = figure.colorbar(image, ax=axes["map"], ticks=(0, 5, 25, 50, 100))
    bar.set_label("images [%],\nsquare-root scale")
    bars = axes["kinds"].barh(kinds.index, kinds * 100, color=SECOND)
    axes["kinds"].bar_label(bars, fmt="%.2f", padding=4)
    axes["kinds"].set(xlabel="share of all pixels [%]", title="What it is made of")
    axes["kinds"].grid(axis="y", visible=False)
    axes["kinds"].margins(x=0.25)
    axes["photos"].hist(photos * 100, bins=20, color=FOURTH, edgecolor="white")
    axes["photos"].axvline(real * 100, color=ACCENT, lw=3, ls="--", label="_real")
    axes["photos"].set(ylabel="photos", xlim=(0, None), title="How much of a photo")
    axes["photos"].set_xlabel(f"void in a photo [%]\ndashed: Cityscapes, mean {real:.1%}")
    headline(figure, title)
    return figure


@styled
def plot_loss_shares(shares: pd.DataFrame, title: str = "") -> Figure:
    """What each class contributes to a mean over pixels [%], with and without weights; a column for each way.

    Args:
        shares: a row for each class, a column for each way to weigh, each summing to 1.
        title: what it shows.
    """
    ordered = 100 * shares.sort_values(shares.columns[0])
    figure, axes = single(ROW * len(ordered) + 1.8)
    for row, (low, high) in enumerate(zip(ordered.min(axis=1), ordered.max(axis=1), strict=True)):
        axes.plot([low, high], [row, row], color=PALE, linewidth=3, zorder=1)
    for name, color in zip(ordered, colors_for(ordered.shape[1]), strict=True):
        axes.plot(ordered[name], ordered.index, "o", color=color, markersize=9, label=name)
    equal = 100 / len(ordered)
    axes.axvline(equal, color=INK, ls=":", label=f"an equal part, {equal:.1f} %")
    axes.margins(y=0.02)
    axes.set(xscale="log", xlabel="part of the loss [%], logarithmic")
    axes.xaxis.set_major_formatter("{x:g}")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    headline(figure, title)
    return figure
