"""What a trained model scores."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, PALETTE
from cs_utils.plots.style import INK, styled


@styled
def plot_class_iou(table: pd.DataFrame) -> Figure:
    """IoU of each class that occurs, best first, in the class's colour, with the mean as a line."""
    scored = table.dropna(subset="iou").sort_values("iou")
    figure = Figure(figsize=(12, 0.4 * len(scored) + 1.5), layout="constrained")
    axes = figure.subplots()
    colors = [PALETTE[CLASS_NAMES.index(name)] / 255 for name in scored.index]
    bars = axes.barh(scored.index, scored["iou"], color=colors, edgecolor=INK)
    axes.bar_label(bars, fmt="%.2f", padding=4)
    axes.axvline(scored["iou"].mean(), color=INK, linestyle=":", label=f"mean {scored['iou'].mean():.3f}")
    axes.set(xlim=(0, 1), xlabel="IoU", title="IoU of each class")
    axes.legend(loc="lower right")
    return figure


@styled
def plot_confusion(matrix: np.ndarray) -> Figure:
    """Confusion matrix (20, 20), each row as shares of the true class; rows without pixels are left blank."""
    valid = matrix[:NUM_CLASSES].astype(float)
    totals = valid.sum(axis=1, keepdims=True)
    shares = np.divide(valid, totals, out=np.full_like(valid, np.nan), where=totals > 0)
    figure = Figure(figsize=(13, 11), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        pd.DataFrame(shares * 100, index=CLASS_NAMES, columns=[*CLASS_NAMES, "void"]),
        ax=axes,
        cmap="rocket_r",
        vmin=0,
        vmax=100,
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": 9},
        cbar_kws={"label": "% of the true class's pixels"},
    )
    axes.set(xlabel="predicted", ylabel="true", title="Where the pixels of each class go")
    return figure
