"""How a training went."""

import pandas as pd
from matplotlib.figure import Figure

from cs_utils.plots.style import ACCENT, INK, SECOND, styled


@styled
def plot_history(history: pd.DataFrame) -> Figure:
    """The talk's four curves: train_loss and val_loss, dice_score and IoU_score, with the best epoch marked."""
    figure = Figure(figsize=(14, 5), layout="constrained")
    losses, metrics = figure.subplots(1, 2)
    best = history["epoch"][history["iou_score"].idxmax()]
    for axes, names, title in (
        (losses, ("train_loss", "val_loss"), "Loss"),
        (metrics, ("dice_score", "iou_score"), "Dice and IoU on the validation images"),
    ):
        for name, color in zip(names, (SECOND, ACCENT), strict=True):
            axes.plot(history["epoch"], history[name], marker="o", markersize=4, color=color, label=name)
        axes.axvline(best, color=INK, linestyle=":", label=f"best epoch: {best}")
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    losses.set_ylim(bottom=0)
    metrics.set_ylim(0, 1)
    return figure
