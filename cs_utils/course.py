"""The course as a whole: self-checks, the index of figures, and everything from data to pictures in one call."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import DataLoader

from cs_utils.data import loaders, spread
from cs_utils.inference import Evaluation, evaluate
from cs_utils.layout import Frame, read_image, write_atomic
from cs_utils.models import build, load_weights
from cs_utils.plots.activations import plot_activations
from cs_utils.plots.analysis import plot_class_shares
from cs_utils.plots.preprocessing import plot_augmentation
from cs_utils.plots.results import plot_class_iou, plot_confusion
from cs_utils.plots.scenes import plot_final_output, plot_predictions, plot_scenes
from cs_utils.plots.style import save_figure
from cs_utils.plots.training import plot_history
from cs_utils.prepare import ensure_minicity
from cs_utils.settings import CourseError, Settings
from cs_utils.training import BEST, HISTORY, fit


def check(claim: str, holds: bool) -> None:
    """Print that a claim holds, or stop: a notebook's self-check, the same line under every profile.

    Raises:
        AssertionError: the claim does not hold.
    """
    if not holds:
        raise AssertionError(f"does not hold: {claim}")
    print(f"holds: {claim}")


@dataclass(frozen=True)
class Material:
    """What the figures are drawn from; each part is loaded when a figure first asks for it."""

    settings: Settings

    @cached_property
    def loaders(self) -> tuple[DataLoader, DataLoader]:
        """Loaders of the training and the validation images; MiniCity is made first if it is wanted and not there."""
        ensure_minicity(self.settings)
        return loaders(self.settings)

    @property
    def train_frames(self) -> list[Frame]:
        """The training frames that the settings choose."""
        return self.loaders[0].dataset.frames

    @property
    def val_frames(self) -> list[Frame]:
        """The validation frames that the settings choose."""
        return self.loaders[1].dataset.frames

    @cached_property
    def history(self) -> pd.DataFrame:
        """The run's epochs."""
        path = self.settings.run_folder / HISTORY
        if not path.is_file():
            raise CourseError(f"{path} is missing: train first, with `python -m cs_utils train`")
        return pd.read_csv(path)

    @cached_property
    def trained(self) -> tuple[nn.Module, Settings]:
        """The run's best model, and its settings."""
        return load_weights(self.settings.run_folder / BEST, self.settings)

    @cached_property
    def evaluation(self) -> Evaluation:
        """The best model's scores on the validation frames."""
        model, settings = self.trained
        return evaluate(model, self.loaders[1], settings)


FIGURES: dict[str, Callable[[Material], Figure]] = {
    "scenes": lambda material: plot_scenes(spread(material.train_frames, 4)),
    "class-shares": lambda material: plot_class_shares(material.train_frames),
    "augmentation": lambda material: plot_augmentation(material.train_frames[0], material.settings),
    "activations": lambda material: plot_activations(),
    "curves": lambda material: plot_history(material.history),
    "predictions": lambda material: plot_predictions(
        material.trained[0], spread(material.val_frames, 4), material.trained[1]
    ),
    "final-output": lambda material: plot_final_output(
        material.trained[0], read_image(material.val_frames[0].image), material.trained[1]
    ),
    "class-iou": lambda material: plot_class_iou(material.evaluation.table),
    "confusion-matrix": lambda material: plot_confusion(material.evaluation.matrix),
}
"""Every figure by name. Those from "curves" on show a trained run."""


def draw_figure(name: str, material: Material) -> Figure:
    """Draw one figure by its name.

    Raises:
        CourseError: there is no figure of that name, or what it shows is not there yet.
    """
    if name not in FIGURES:
        raise CourseError(f"figure {name!r} is unknown: give one of {', '.join(FIGURES)}")
    return FIGURES[name](material)


def run_course(settings: Settings) -> Path:
    """Make the data if need be, train (or go on training), evaluate, and draw every figure.

    Returns:
        The run's folder: history, weights, ``class_iou.csv`` and ``figures/``.
    """
    material = Material(settings)
    folder = settings.run_folder
    run = fit(build(settings.model, settings), *material.loaders, settings, resume=True)
    if not run.is_main:
        return folder
    write_atomic(folder / "class_iou.csv", material.evaluation.table.to_csv().encode())
    for name in FIGURES:
        save_figure(draw_figure(name, material), folder / "figures" / f"{name}.png")
    print(f"{material.evaluation}\npictures and table: {folder}")
    return folder
