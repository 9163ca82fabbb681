"""What a data set holds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from cs_utils.data.cityscapes import Frame
from cs_utils.data.statistics import NAMES, Statistics, class_shares, gather, real_shares
from cs_utils.labels import NUM_CLASSES, PALETTE
from cs_utils.plots.style import ACCENT, FOURTH, INK, SECOND, THIRD, styled

SPLIT_COLORS = {"train": SECOND, "val": ACCENT, "test": THIRD}


@styled
def plot_images_per_city(here: Mapping[str, Mapping[str, int]], real: Mapping[str, Mapping[str, int]]) -> Figure:
    """Images of each city, by split: of this folder on the left, of Cityscapes' fine part on the right."""
    figure = Figure(figsize=(13, 8.5), layout="constrained")
    for axes, counts, title in zip(
        figure.subplots(1, 2), (here, real), ("This data folder", "Cityscapes, fine annotations"), strict=True
    ):
        for split, cities in counts.items():
            ordered = sorted(cities.items(), key=lambda pair: pair[1])
            total = f"{split}: {sum(cities.values())} images"
            names, numbers = [f"{city} " for city, _ in ordered], [number for _, number in ordered]
            bars = axes.barh(names, numbers, color=SPLIT_COLORS[split], label=total)
            axes.bar_label(bars, padding=3, fontsize=11)
        axes.set(xlabel="images", title=title)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.15, y=0.01)
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.07), ncols=3, frameon=False, columnspacing=1)
    return figure


@styled
def plot_class_shares(frames: Sequence[Frame]) -> Figure:
    """Share of all pixels for each class, on a logarithmic axis, beside the real Cityscapes shares."""
    here = class_shares(gather(frames).pixels)
    shares = pd.DataFrame({"here": here, "Cityscapes": real_shares()}).sort_values("Cityscapes") * 100
    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots()
    axes.barh(shares.index, shares["here"], color=SECOND, label=f"these {len(frames)} images")
    axes.plot(shares["Cityscapes"], shares.index, "D", color=ACCENT, label="Cityscapes, 2975 images")
    axes.set(xscale="log", xlabel="share of all pixels [%]", title="Few classes hold most of the pixels")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(loc="lower right")
    return figure


@styled
def plot_presence(present: pd.Series, shares: pd.Series) -> Figure:
    """Share of the images that hold each class, and the share of the pixels it has, one above the other."""
    present = present.sort_values()
    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(present.index, present * 100, color=SECOND, label="of the images hold the class")
    axes.bar_label(bars, fmt="%.0f %%", padding=4, fontsize=11)
    axes.plot(shares[present.index] * 100, present.index, "D", color=ACCENT, label="of all pixels are the class")
    axes.set(xlim=(0, 112), xlabel="share [%]", title="In every street, yet hardly there; or hardly ever there")
    axes.grid(axis="y", visible=False)
    axes.margins(y=0.02)
    axes.legend(loc="lower right")
    return figure


@styled
def plot_class_positions(positions: np.ndarray) -> Figure:
    """A map of the frame for each class and void, (20, h, w): bright where the class is most often; each its own scale.

    The number in a title is the largest share of the images that have the class at one and the same place.
    """
    figure = Figure(figsize=(15, 7.8), layout="constrained")
    for axes, name, place in zip(figure.subplots(4, 5).flat, NAMES, positions, strict=True):
        peak = place.max()
        axes.imshow(place, cmap="magma", vmin=0, vmax=peak or 1, aspect="auto", interpolation="nearest")
        axes.set_title(f"{name}  (≤ {peak:.0%})" if peak >= 0.01 else f"{name}  (≤ {peak:.1%})", fontsize=14)
        axes.set(xticks=[], yticks=[])
        axes.set_box_aspect(0.5)
    figure.suptitle("Where in the frame each class is found (bright: often)", fontsize=17, fontweight="bold")
    return figure


@styled
def plot_co_occurrence(table: pd.DataFrame) -> Figure:
    """How often the class of a column is in an image that holds the class of the row."""
    figure = Figure(figsize=(13, 10.5), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        table * 100,
        ax=axes,
        cmap="crest",
        vmin=0,
        vmax=100,
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": 12},
        cbar_kws={"label": "share of the images with the row's class [%]"},
    )
    axes.set(xlabel="… also hold this class", ylabel="of the images that hold this class …")
    axes.set_title("Which classes occur together")
    return figure


@styled
def plot_object_sizes(objects: pd.DataFrame, scale: float, smallest: int) -> Figure:
    """Pixels of each object on a logarithmic axis, a row of dots for each class, and the size that is too small.

    Args:
        objects: columns ``class`` and ``pixels``, as ``Statistics.objects`` has them.
        scale: pixels of the labels for one pixel that the network sees.
        smallest: objects of fewer pixels than this, as the network sees them, are marked as lost.
    """
    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots()
    seen = objects[objects["pixels"] > 0]
    medians = seen.groupby("class")["pixels"].median().sort_values()
    rng = np.random.default_rng(0)
    for row, (name, median) in enumerate(medians.items()):
        sizes = seen.loc[seen["class"] == name, "pixels"]
        heights = row + rng.uniform(-0.3, 0.3, len(sizes))
        axes.scatter(sizes, heights, s=16, alpha=0.35, color=PALETTE[NAMES.index(name)] / 255, linewidths=0)
        axes.plot([median, median], [row - 0.4, row + 0.4], color=INK, lw=3)
    labels = [f"{name} ({int((seen['class'] == name).sum())})" for name in medians.index]
    limit = smallest * scale
    axes.axvspan(0.8, limit, color=ACCENT, alpha=0.12)
    axes.axvline(limit, color=ACCENT, ls="--", label=f"{smallest} pixels once resized for the network")
    axes.plot([], [], color=INK, lw=3, label="median of the class")
    if not len(medians):
        axes.text(0.5, 0.5, "these labels tell no objects apart", transform=axes.transAxes, ha="center")
    axes.set(xscale="log", xlabel="pixels of the object, at the size of its labels", xlim=(0.8, None))
    axes.set(yticks=range(len(medians)), yticklabels=labels, title="One class, objects of a thousand sizes")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1), framealpha=1)
    axes.margins(y=0.12)
    return figure


@styled
def plot_brightness(photos: pd.DataFrame, colors: pd.DataFrame) -> Figure:
    """Distribution of the photos' mean brightness; brightness of each class, in the mean colour of its pixels."""
    figure = Figure(figsize=(14, 7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    left.hist(photos["brightness"], bins=np.arange(0, 256, 8), color=SECOND, edgecolor="white")
    left.axvline(photos["brightness"].mean(), color=ACCENT, lw=3, label=f"mean {photos['brightness'].mean():.0f}")
    left.set(xlim=(0, 255), xlabel="mean brightness of a photo (0..255)", ylabel="photos", title="Light")
    left.legend()
    found = colors.dropna()
    bright = (found @ [0.299, 0.587, 0.114]).sort_values()
    bars = right.barh(bright.index, bright, color=found.loc[bright.index].to_numpy() / 255, edgecolor=INK)
    right.bar_label(bars, fmt="%.0f", padding=4, fontsize=11)
    right.set(xlim=(0, 255), xlabel="mean brightness of the class's pixels (0..255)", title="Mean colour of each class")
    right.grid(axis="y", visible=False)
    right.margins(y=0.02)
    return figure


def _bars(axes: Axes, values: pd.Series, color: str) -> None:
    values = values[values > 0].sort_values()
    bars = axes.barh(values.index, values * 100, color=color)
    axes.bar_label(bars, fmt="%.2f", padding=4, fontsize=12)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.2)


@styled
def plot_void(statistics: Statistics) -> Figure:
    """Where void lies, what it is made of, and how much of each photo it takes."""
    figure = Figure(figsize=(14, 5), layout="constrained")
    axes = figure.subplot_mosaic([["where", "what"], ["where", "how much"]], width_ratios=(3, 2))
    image = axes["where"].imshow(
        statistics.positions[NUM_CLASSES] * 100,
        cmap="magma",
        norm=PowerNorm(0.5, 0, 100),
        aspect="auto",
        interpolation="nearest",
    )
    axes["where"].set(xticks=[], yticks=[], title="Where void lies")
    axes["where"].set_box_aspect(0.5)
    # Inside the map's axes, or it would stand where these end, far below the map.
    below = axes["where"].inset_axes((0, -0.1, 1, 0.05))
    figure.colorbar(image, cax=below, label="share of the images [%]", orientation="horizontal")
    total = statistics.pixels.to_numpy().sum()
    _bars(axes["what"], statistics.void / total, SECOND)
    axes["what"].set(xlabel="share of all pixels [%]", title="What void is made of")
    real = real_shares()["void"] * 100
    shares = statistics.pixels["void"] / statistics.pixels.sum(axis=1) * 100
    axes["how much"].hist(shares, bins=20, color=FOURTH, edgecolor="white")
    axes["how much"].axvline(real, color=ACCENT, lw=3, ls="--", label=f"Cityscapes, mean: {real:.2f} %")
    axes["how much"].set(xlabel="void in a photo [%]", ylabel="photos", xlim=(0, None))
    axes["how much"].set_title("How much of a photo is void")
    axes["how much"].legend()
    return figure


@styled
def plot_loss_shares(shares: pd.DataFrame) -> Figure:
    """What each class contributes to a mean over pixels [%], with and without weights; a column for each way.

    Args:
        shares: a row for each class, a column for each way to weigh, each summing to 1.
    """
    ordered = shares.sort_values(shares.columns[0])
    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots()
    rows, height = np.arange(len(ordered)), 0.8 / len(shares.columns)
    for number, (name, color) in enumerate(zip(shares.columns, (SECOND, ACCENT, THIRD), strict=False)):
        axes.barh(rows - number * height + 0.4 - height / 2, ordered[name] * 100, height, color=color, label=name)
    axes.axvline(100 / len(ordered), color=INK, ls=":", label=f"an equal part, {100 / len(ordered):.1f} %")
    axes.margins(y=0.02)
    axes.set(xscale="log", yticks=rows, yticklabels=ordered.index, xlabel="part of the loss [%]")
    axes.set_title("Whose loss is it? The classes' parts when all pixels are equally wrong")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(loc="lower right")
    return figure
