"""How the time grows: the training step with width, size and batch; the loading with the number of images."""

import pandas as pd

from benchmarks.loader import make_dataset
from benchmarks.step import choices, course_step
from benchmarks.turns import Action, Contestant, take_turns
from cs_utils.models.inspect import meta_model, multiply_adds
from cs_utils.settings import Settings

WIDTHS = (8, 16, 32, 64)
SIZES = ((64, 128), (128, 256), (256, 512))
BATCHES = (1, 2, 4, 8)
IMAGES = (100, 200, 400, 800)


def load_epoch(images: int) -> Action:
    """All images of an epoch, augmented, from the cache."""
    dataset = make_dataset(images)

    def act() -> None:
        for index in range(images):
            dataset[index]

    return act


def run(rounds: int) -> pd.DataFrame:
    """Time each case; ``tflops`` is the rate at which a step computes, a training step being three passes."""
    cases = [(width, size, 4) for width in WIDTHS for size in SIZES]
    cases += [(16, SIZES[1], batch) for batch in BATCHES if batch != 4]
    tables = []
    for width in WIDTHS:  # one after the other: together they would want 30 GB
        mine = [case for case in cases if case[0] == width]
        contestants = {
            f"step: width {width}, {size[1]}x{size[0]}, batch {batch}": Contestant(
                course_step, {"width": width, "changes": choices(), "size": size, "batch": batch}
            )
            for _, size, batch in mine
        }
        table = take_turns(contestants, rounds)
        network = meta_model(Settings(width=width))
        table["images_per_second"] = [batch for *_, batch in mine] / table["seconds"]
        work = [3 * 2 * batch * multiply_adds(network, size) for _, size, batch in mine]
        tables.append(table.assign(tflops=work / table["seconds"] / 1e12))
    loading = take_turns(
        {f"load: {images} images": Contestant(load_epoch, {"images": images}) for images in IMAGES}, rounds
    )
    tables.append(loading.assign(images_per_second=IMAGES / loading["seconds"]))
    return pd.concat(tables)
