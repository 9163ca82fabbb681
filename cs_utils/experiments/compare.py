"""Fair comparisons: several ways to train, each with the same seeds, the same images and the same number of epochs.

For the short experiments of the notebooks. Nothing is written to disk and nothing stops early: every variant has the
same budget. `training.loop.fit` is for runs that are to be kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from cs_utils.data.loaders import Transform, loaders
from cs_utils.experiments.statistics import Interval, paired_difference
from cs_utils.models.zoo import build
from cs_utils.settings import Settings
from cs_utils.training.loop import epochs
from cs_utils.training.setup import Loss, prepare

Optimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Variant:
    """One way to train; what is not given is what `settings` say."""

    settings: Settings
    loss: Loss | None = None
    """Takes logits (N, C, H, W) and target (N, H, W), gives a number; None: ``settings.loss``."""
    optimizer: Optimizer | None = None
    """Takes the parameters; None: AdamW of the settings."""
    network: Callable[[Settings], nn.Module] | None = None
    """Builds the network; None: ``settings.model``. To compare fairly, let it depend on ``settings.seed`` alone."""
    transform: Callable[[Transform], Transform] | None = None
    """Takes what a training frame goes through, gives what it goes through instead; None: that of ``settings``."""


@dataclass(frozen=True)
class Comparison:
    """What came of it."""

    table: pd.DataFrame
    """One row for each variant, seed and epoch, with the columns of `training.loop.epochs`."""
    models: dict[tuple[str, int], nn.Module]
    """The trained networks by variant and seed, in evaluation mode."""

    def final(self, column: str = "iou_score") -> pd.DataFrame:
        """A column after each run's last epoch: a row for each seed, a column for each variant."""
        last = self.table.groupby(["variant", "seed"], sort=False).tail(1)
        names = list(dict.fromkeys(last["variant"]))
        return last.pivot(index="seed", columns="variant", values=column)[names]

    def difference(self, first: str, second: str, column: str = "iou_score") -> Interval:
        """By how much one variant leads another after the last epoch, seed by seed, with its 95 % interval."""
        final = self.final(column)
        return paired_difference(final[first], final[second])


def compare(variants: Mapping[str, Variant], seeds: Iterable[int] = (0,)) -> Comparison:
    """Train every variant with every seed for ``settings.epochs`` epochs, and score it after each by IoU and Dice.

    A seed decides the first weights, the order of the images and their augmentation: variants of one seed see the same.
    """
    rows, models = [], {}
    jobs = [(seed, name, variant) for seed in seeds for name, variant in variants.items()]
    for seed, name, variant in tqdm(jobs, desc="compare", unit="run", leave=False, disable=None):
        settings = variant.settings.replace(seed=seed)
        network = (variant.network or build)(settings)
        optimizer = variant.optimizer(network.parameters()) if variant.optimizer else None
        train, val = loaders(settings)
        if variant.transform:
            train.dataset.transform = variant.transform(train.dataset.transform)
        training = prepare(network, train, val, settings, loss=variant.loss, optimizer=optimizer)
        rows += [{"variant": name, "seed": seed} | row for row in epochs(training)]
        models[name, seed] = training.scored.eval()
    return Comparison(pd.DataFrame(rows), models)
