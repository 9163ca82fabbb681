"""The run that was recorded with the course, and which trained network a notebook looks at.

``results/minicity-long`` holds a long run on MiniCity: its history and its best weights, stored as float16. It was
trained on 500 scenes. It never trained on a validation scene, but its best epoch was chosen by validation scenes, the
same ones that ``data/minicity`` has: what they score is a little too good, as the best of many measurements always is.
"""

import hashlib
from pathlib import Path

import pandas as pd
from torch import nn

from cs_utils.data.sources import is_minicity
from cs_utils.experiments.compare import Variant, compare
from cs_utils.models.zoo import load_weights, save_weights
from cs_utils.settings import ROOT, Settings
from cs_utils.training.checkpoints import BEST, HISTORY

RESULTS = ROOT / "results"
"""Folder of the recorded runs."""
MINICITY_RUN = RESULTS / "minicity-long"
SHORT_EPOCHS = 4


def find_weights(settings: Settings) -> Path:
    """The weights to look at: on MiniCity the recorded run's, on other data those of your own run.

    The file of another data folder need not be there yet.
    """
    return (MINICITY_RUN if is_minicity(settings) else settings.run_folder) / BEST


def recorded_history() -> pd.DataFrame:
    """The epochs of the recorded run on MiniCity: train_loss, val_loss, dice_score, iou_score, seconds and others."""
    return pd.read_csv(MINICITY_RUN / HISTORY)


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
