"""The steps of preprocessing and augmentation, and what each of them costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cs_utils.data.cityscapes import Frame, read_frame
from cs_utils.data.loaders import make_augmentation
from cs_utils.data.transforms import denormalize, resize
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, SLIDE_CHANNELS, SLIDE_VOID, colorize, slide_to_train_id
from cs_utils.plots.style import ACCENT, FOURTH, INK, SECOND, THIRD, add_legend, panels, show, styled
from cs_utils.settings import Settings

PAPER_CEILING = pd.DataFrame(
    {"mean": (97.2, 95.2, 90.7, 84.6), "pole": (90.4, 83.1, 69.5, 50.9), "traffic light": (94.1, 89.7, 80.9, 68.4)},
    index=pd.Index((1024, 512, 256, 128), name="width of the mask"),
)
"""IoU in % that the shrunk ground truth itself reaches on Cityscapes, from 2048 pixels down; Cordts et al., 2016."""


@styled
def plot_steps(steps: Mapping[str, tuple[np.ndarray, np.ndarray]], width: float = 14) -> Figure:
    """Image above mask, a column for each step, by title; images (H, W, 3) uint8, masks (H, W) of trainIds."""
    pairs = list(steps.values())
    height, across = pairs[0][1].shape
    figure, axes = panels(2, len(pairs), width=width, aspect=across / height)
    for column, (title, (image, mask)) in zip(axes.T, steps.items(), strict=True):
        show(column[0], image, title)
        show(column[1], colorize(mask))
    add_legend(figure, [mask for _, mask in pairs])
    return figure


@styled
def plot_row(pictures: Mapping[str, np.ndarray], masks: Sequence[np.ndarray] = (), width: float = 13) -> Figure:
    """Pictures (H, W, 3) uint8 side by side, by title; below them the classes of ``masks``, if there are any."""
    height, across = next(iter(pictures.values())).shape[:2]
    figure, axes = panels(1, len(pictures), width=width, aspect=across / height)
    for axis, (title, picture) in zip(axes[0], pictures.items(), strict=True):
        show(axis, picture, title)
    if masks:
        add_legend(figure, masks)
    return figure


def plot_augmentation(frame: Frame, settings: Settings, draws: int = 3) -> Figure:
    """One frame as validation sees it, and as training does in epochs 1, 2, …: image above mask."""
    image, mask = read_frame(frame)
    height, width = settings.image_size
    steps = {f"Validation: {width}x{height}": resize(image, mask, settings.image_size)}
    for epoch in range(1, draws + 1):
        drawn, target = make_augmentation(settings)(image, mask, np.random.default_rng((settings.seed, epoch, 0)))
        steps[f"Training, epoch {epoch}"] = (denormalize(drawn), slide_to_train_id(target.numpy()))
    return plot_steps(steps)


@styled
def plot_channels(encoded: np.ndarray) -> Figure:
    """The 21 channels of a one-hot mask in the slide encoding: (H, W, 21), 1 where the class is; empty ones grey."""
    height, width, _ = encoded.shape
    names = [*CLASS_NAMES, "never used", "void"]
    figure, axes = panels(3, SLIDE_CHANNELS // 3, width=18, aspect=width / height)
    for value, axis in enumerate(axes.ravel()):
        channel = encoded[..., value]
        color = colorize(np.uint8(value)) if value < NUM_CLASSES else np.uint8([0, 0, 0])
        background = 255 if channel.any() else 225
        show(axis, np.where(channel[..., None] > 0, color, np.uint8(background)), f"{value} {names[value]}")
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[])
        axis.title.set_color(ACCENT if value in (NUM_CLASSES, SLIDE_VOID) else INK)
    return figure


@styled
def plot_iou_ceiling(ceiling: pd.DataFrame) -> Figure:
    """IoU in % that shrunk and enlarged masks reach: a row for each class, a column for each width in pixels.

    Mean, pole and traffic light stand beside what the Cityscapes paper measured at the same width.
    """
    figure = Figure(figsize=(13, 7), layout="constrained")
    axes, table = figure.subplots(1, 2, width_ratios=(1, 1))
    rows = {"mean": ceiling.mean(), **{name: ceiling.loc[name] for name in ceiling.index}}
    for (name, paper), color in zip(PAPER_CEILING.items(), (INK, ACCENT, SECOND), strict=True):
        axes.plot(paper.index, paper, "s--", color=color, alpha=0.6, label=f"{name}, Cityscapes paper")
        if name in rows:
            axes.plot(ceiling.columns, rows[name], "o-", color=color, linewidth=2.5, label=f"{name}, here")
    widths = sorted({*ceiling.columns, *PAPER_CEILING.index})
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, widths, rotation=45)
    axes.set(ylim=(0, 100), xlabel="width of the mask [pixels]", ylabel="IoU [%]")
    axes.set_title("The best IoU that resizing leaves")
    axes.legend(loc="lower right")
    shares = pd.DataFrame(rows).T.to_numpy()
    # Not imshow: a chart without a photo is stored without loss.
    table.pcolormesh(shares, cmap="Blues", vmin=0, vmax=200, edgecolors="white")
    for (row, column), value in np.ndenumerate(shares):
        weight = "bold" if row == 0 else "normal"
        table.text(column + 0.5, row + 0.5, f"{value:.1f}", ha="center", va="center", weight=weight)
    table.invert_yaxis()
    table.set_xticks(np.arange(len(ceiling.columns)) + 0.5, [f"{width} px" for width in ceiling.columns])
    table.set_yticks(np.arange(len(rows)) + 0.5, list(rows))
    table.grid(visible=False)
    table.set_title("… class by class [%]")
    return figure


@styled
def plot_mismatch(ceiling: pd.Series) -> Figure:
    """Mean IoU, 0..1, between a mask and itself turned by the angles of the index, in degrees."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(ceiling.index, ceiling, "o-", color=ACCENT, linewidth=2.5)
    for angle, value in ceiling.items():
        axes.annotate(f"{value:.2f}", (angle, value), xytext=(6, 8), textcoords="offset points")
    axes.set(ylim=(0, 1.1), xlim=(-0.3, 13), xlabel="angle between image and mask [degrees]", ylabel="mean IoU")
    axes.set_title("A perfect network, scored by a mask that was turned differently")
    return figure


@styled
def plot_denoising(psnr: pd.DataFrame) -> Figure:
    """PSNR in dB to the clean image: a row for each sigma of the blur, a column for each deviation of the noise."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots()
    for (noise, values), color in zip(psnr.items(), (SECOND, THIRD, FOURTH, ACCENT), strict=False):
        axes.plot(psnr.index, values, "o-", color=color, linewidth=2.5, label=f"noise of {noise:g} grey levels")
        best = values.idxmax()
        axes.plot(best, values[best], "*", color=color, markersize=22, markeredgecolor=INK)
    axes.set(xlabel="sigma of the Gaussian blur [pixels]", ylabel="PSNR to the clean image [dB]")
    axes.set_title("Star: the best blur. Without much noise it is none")
    axes.legend()
    return figure
