"""Callbacks: what is done after each epoch. Each is called with the `Training`; one that returns True ends it.

Callbacks run in the process that writes, when the epoch's row is the last of ``training.rows``. Those of a run of its
own, `training.loop.fit`, write into ``training.settings.run_folder``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import nn

from cs_utils.data.files import write_atomic
from cs_utils.models.zoo import save_weights
from cs_utils.training.checkpoints import BEST, HISTORY, PICTURES, TENSORBOARD
from cs_utils.training.setup import Training

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter  # an import that takes seconds

Callback = Callable[[Training], bool | None]


def call_all(callbacks: Sequence[Callback], training: Training) -> bool:
    """Call each of them; whether one has returned True. Any other answer, such as a count, ends nothing."""
    answers = [callback(training) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


def best_epoch(rows: list[dict[str, float]]) -> int:
    """Number of the epoch with the highest validation IoU, the first of equals."""
    return int(max(rows, key=lambda row: row["iou_score"])["epoch"])


def keep_best(training: Training) -> None:
    """Write the weights to ``best.safetensors`` when this epoch is the best so far."""
    if best_epoch(training.rows) == len(training.rows):
        save_weights(training.scored, training.settings.run_folder / BEST, training.settings)


def write_history(training: Training) -> None:
    """Write all rows to ``history.csv``."""
    table = pd.DataFrame(training.rows).to_csv(index=False)
    write_atomic(training.settings.run_folder / HISTORY, table.encode())


def print_row(training: Training) -> None:
    """Print the epoch as one line."""
    row = training.rows[-1]
    print(
        f"epoch {row['epoch']:3d}/{training.settings.epochs}  train_loss {row['train_loss']:.3f}  "
        f"val_loss {row['val_loss']:.3f}  dice_score {row['dice_score']:.3f}  iou_score {row['iou_score']:.3f}  "
        f"{row['seconds']:.0f} s{'  best' if best_epoch(training.rows) == row['epoch'] else ''}",
        flush=True,
    )


@dataclass(frozen=True)
class EarlyStopping:
    """End the training when the validation IoU has not risen for ``patience`` epochs."""

    patience: int

    def __call__(self, training: Training) -> bool:
        """Whether it is over."""
        rows = training.rows
        return bool(rows) and len(rows) - best_epoch(rows) >= self.patience


@dataclass(frozen=True)
class Pictures:
    """Let a picture be drawn after every ``every``-th epoch: ``pictures/epoch_005.png``."""

    draw: Callable[[nn.Module, Path], None]
    """Draws with the network as it is now, into a file of this path."""
    every: int

    def __call__(self, training: Training) -> None:
        """Draw, if it is this epoch's turn."""
        epoch = len(training.rows)
        if epoch % self.every == 0:
            self.draw(training.scored, training.settings.run_folder / PICTURES / f"epoch_{epoch:03d}.png")


class TensorBoard:
    """Write each row for TensorBoard too, where that is installed."""

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None

    def __call__(self, training: Training) -> None:
        """Write the last row."""
        row = training.rows[-1]
        if self.writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            # It forgets what a broken-off run wrote after its last whole epoch.
            self.writer = SummaryWriter(training.settings.run_folder / TENSORBOARD, purge_step=row["epoch"])
        for name, value in row.items():
            self.writer.add_scalar(name, value, row["epoch"])
        self.writer.flush()

    def close(self) -> None:
        """Close its file."""
        if self.writer is not None:
            self.writer.close()
