"""From the loader's processes to the one that trains, as numbers and as bytes: what limits a loader for a GPU."""

from contextlib import nullcontext

import pandas as pd
from torch.utils.data import DataLoader

from benchmarks.loader import find_photos, make_dataset
from benchmarks.turns import Action, Contestant, take_turns
from cs_utils.data.loaders import prepare_worker

IMAGES, BATCH = 400, 4


def receive(raw: bool, workers: int) -> Action:
    """An epoch from the cache, augmented by so many processes; each batch is copied once, as pinning it would."""
    dataset = make_dataset(IMAGES)
    loader = DataLoader(
        dataset, BATCH, num_workers=workers, persistent_workers=True, worker_init_fn=prepare_worker, drop_last=True
    )

    def act() -> None:
        with dataset.giving_raw() if raw else nullcontext():
            for image, target in loader:
                image.clone(), target.clone()

    return act


def run(rounds: int) -> pd.DataFrame:
    """Time one and two processes; ``ratio`` is against the same number of processes that send numbers."""
    find_photos()
    tables = []
    for workers in (1, 2):
        start = f"{workers} loader process{'es' * (workers > 1)}"
        table = take_turns(
            {
                f"{start}, as {'bytes' if raw else 'numbers'}": Contestant(receive, {"raw": raw, "workers": workers})
                for raw in (False, True)
            },
            rounds,
        )
        table["images_per_second"] = IMAGES / table["seconds"]
        tables.append(table.assign(ratio=table["seconds"].iloc[0] / table["seconds"]))
    return pd.concat(tables)
