"""The runs that were recorded with the course, and which trained network a notebook looks at.

``results/weights`` holds the network that comes with the course, as float16, with the history of its training and a
model card. It was trained on scenes of MiniCity. It never trained on a validation scene, but its best epoch was
chosen by validation scenes, the same ones that ``data/minicity`` has: what they score is a little too good, as the best
of many measurements always is. ``results/minicity-long`` holds the history of an earlier run, by the talk's recipe.
"""

import hashlib
from pathlib import Path

import pandas as pd
from torch import nn

from cs_utils.data.sources import is_minicity
from cs_utils.experiments.compare import Variant, compare
from cs_utils.experiments.evidence import RESULTS
from cs_utils.models.zoo import COURSE_WEIGHTS, load_weights, save_weights
from cs_utils.settings import Settings
from cs_utils.training.checkpoints import BEST

MINICITY_RUN = RESULTS / "minicity-long"
"""Folder with the history of a run on MiniCity by the talk's recipe."""
SHORT_EPOCHS = 4


def find_weights(settings: Settings) -> Path:
    """The weights to look at: on MiniCity those that come with the course, on other data those of your own run.

    The file of another data folder need not be there yet.
    """
    return COURSE_WEIGHTS if is_minicity(settings) else settings.run_folder / BEST


def recorded_history() -> pd.DataFrame:
    """The epochs in which the course's weights were trained: train_loss, val_loss, dice_score, iou_score, seconds, …"""
    return pd.read_csv(COURSE_WEIGHTS.with_suffix(".csv"))


def trained_model(settings: Settings) -> tuple[nn.Module, Settings]:
    """Load a trained network, and on other data than MiniCity train one for a few epochs where there is no run yet.

    The short run's weights are kept beside the runs, under a name made from the settings, so that it is trained once
    for each; a run of yours takes its place.

    Returns:
        The network in evaluation mode, and ``settings`` with those that the weights depend on, as `load_weights`.
    """
    path = find_weights(settings)
    if not is_minicity(settings) and not path.exists():
        short = settings.replace(epochs=min(settings.epochs, SHORT_EPOCHS))
        digest = hashlib.sha256(short.to_json().encode()).hexdigest()[:8]
        path = path.parent.with_name(f"{path.parent.name}-short-{digest}") / BEST
        if not path.exists():
            network = compare({"short": Variant(short)}, seeds=[settings.seed]).models["short", settings.seed]
            save_weights(network, path, short)
    return load_weights(path, settings)
