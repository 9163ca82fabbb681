"""Real training: the loader beside a step, epochs of the talk's recipe, the recipe `best` on photos, the evidence."""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.gpu.clock import free_memory, synchronize
from benchmarks.gpu.plan import Plan, Row, known_rows
from benchmarks.step import make_batch, make_course_step
from cs_utils.data.cityscapes import Frame, find_frames
from cs_utils.data.loaders import loaders, split_loader, spread
from cs_utils.data.sources import make_minicity
from cs_utils.evaluation.predict import evaluate
from cs_utils.exceptions import CourseError
from cs_utils.experiments.evidence import RESULTS
from cs_utils.experiments.grids import Budget
from cs_utils.experiments.places import SCENE_SIZES, folder_of
from cs_utils.experiments.runner import choose_experiments, run_experiments
from cs_utils.experiments.scores import record_scores
from cs_utils.models.zoo import build, save_weights
from cs_utils.settings import Settings
from cs_utils.training.devices import batches_on, make_fabric
from cs_utils.training.loop import epochs
from cs_utils.training.replay import TRIES
from cs_utils.training.setup import prepare

CAMVID = folder_of("camvid", "full")
"""CamVid in the Cityscapes layout; without it the photos are left out."""
LARGE_BATCH, PHOTO_BATCH = 16, 8
"""Scenes in a batch that fills a GPU, and photos of CamVid, of which there are few."""
SCORED = 200
"""Images that a network is scored on, at the most: all of CamVid's."""
SCENES_SECONDS = 180
"""With less time than this, making the scenes of the budget ``full`` would leave none for its runs."""
SLACK = 0.85
"""The share of the time that a training is planned for: its validation, its start and its scores need some too."""


def talk_settings(plan: Plan, **changes: Any) -> Settings:
    """The talk's recipe on as many scenes as Cityscapes has; they lie where the evidence has its first ones.

    The scenes are half as large as the talk's photos, for the time it takes to make them; the network sees its size.
    """
    budget = "small" if plan.small else "full"
    counts = (16, 4) if plan.small else (2975, 500)
    chosen = {"data": folder_of("minicity", budget), "scene_size": SCENE_SIZES[budget], "runs": plan.scratch / "runs"}
    chosen |= {"train_images": counts[0], "val_images": counts[1], "workers": min(8, os.cpu_count() or 1)}
    chosen |= {"width": 4, "epochs": 2, "image_size": (32, 64), "workers": 2} if plan.small else {}
    return Settings.of_profile("slides", **{**chosen, **changes})


def with_batch(settings: Settings, batch_size: int) -> Settings:
    """The same with another batch, and a learning rate that grows as its root does, as is usual with Adam."""
    rate = settings.learning_rate * math.sqrt(batch_size / settings.batch_size)
    return settings.replace(batch_size=batch_size, learning_rate=rate)


def make_scenes(settings: Settings, processes: int | None = None) -> None:
    """Make the scenes that a run needs; those that are there stay."""
    make_minicity(settings.data, settings.train_images, settings.val_images, settings.scene_size, processes)


def make_all_scenes(plan: Plan) -> None:
    """Make what the talk's recipe needs, as a process of its own; two cores are left to what runs beside it."""
    make_scenes(talk_settings(plan), max(1, (os.cpu_count() or 1) - 2))


def images_per_second(
    fabric: Fabric, loader: DataLoader, use: Callable[[Tensor, Tensor], object], seconds: float
) -> float:
    """The rate at which a loader brings images to the device that are used there so, for at most so many seconds.

    Its first two batches do not count, where it has more.
    """
    with batches_on(fabric, loader) as given:
        batches = iter(given)
        for batch in islice(batches, min(2, len(loader) - 1)):  # processes start, and a step is recorded
            use(*batch)
        synchronize()
        start, images = time.perf_counter(), 0
        for image, target in batches:
            use(image, target)
            images += len(image)
            if time.perf_counter() - start > seconds:
                break
        synchronize()
        return images / (time.perf_counter() - start)


def time_loading(plan: Plan) -> Iterator[Row]:
    """Images a second that the loader brings by its processes: to nothing, and to training steps of two widths."""
    settings, seconds = talk_settings(plan), 0.2 if plan.small else 2
    make_scenes(settings)
    fabric = make_fabric(settings)
    uses: dict[str, Callable[[Tensor, Tensor], object]] = {"to_device": lambda image, target: None}
    for width in (4, 8) if plan.small else (64, 16):
        step = uses[f"to_width_{width}"] = make_course_step(settings.replace(width=width))
        # Until it is recorded, for which the very first batches may be too early; or the recording would be timed.
        for _ in range(TRIES + 1):
            step(*make_batch(settings.image_size, settings.batch_size))
    known = known_rows(plan, "loading")
    for workers in (0, 2) if plan.small else (0, 2, 4, 8, 16):
        row = known.get((workers,), {})
        if row.keys() == {"workers", "commit", *uses}:  # an older table has other columns
            yield row
            continue
        loader = split_loader(settings.replace(workers=workers), "train", settings.train_images)
        rates = {name: images_per_second(fabric, loader, use, seconds) for name, use in uses.items()}
        yield {"workers": workers} | rates


def time_recipe(plan: Plan) -> Iterator[Row]:
    """Epochs of the talk's recipe as they are done, with what 100 of them take; then with a larger batch.

    The larger batch is over when it has reached the best IoU of the other.
    """
    make_scenes(talk_settings(plan))
    talk = talk_settings(plan)
    large = with_batch(talk, LARGE_BATCH)
    best = 0.0
    for settings, share in ((talk, 0.55), (large, 1.0)):
        part, total = plan.share(share), 0.0
        for row in epochs(prepare(build(settings), *loaders(settings), settings)):
            total += row["seconds"]
            fixed = {"batch": settings.batch_size, "minutes_for_100_epochs": row["seconds"] * 100 / 60}
            yield fixed | {"total_seconds": total} | row
            if settings is talk:
                best = max(best, row["iou_score"])
            elif row["iou_score"] >= best:
                break
            if part.seconds_left < row["seconds"]:
                break
        free_memory()


def train_best(plan: Plan, width: int, kept: Path) -> Iterator[Row]:
    """The recipe `best` on MiniCity and from there on CamVid; a row for each epoch, and scores in ``scores.csv``.

    Args:
        plan: what there is time for.
        width: of the U-Net; its learning rate falls as the width grows, from the recipe's own at the width 16.
        kept: folder for the weights.
    """
    scenes = talk_settings(plan, recipe="best", void="ignore", width=4 if plan.small else width)
    most = 2 if plan.small else 1000  # epochs, where there is time for them
    scenes = scenes.replace(epochs=most, learning_rate=scenes.learning_rate * 16 / width)
    make_scenes(scenes)
    tests = {"MiniCity": (find_frames(scenes.data, "val")[: scenes.val_images], scenes.image_size)}
    size, counts = ((36, 48), (8, 4)) if plan.small else ((360, 480), (None, None))
    if CAMVID.is_dir():
        tests["CamVid"] = (find_frames(CAMVID, "val")[: counts[1]], size)

    network, name = build(scenes), f"minicity-{width}"
    large = scenes if plan.small else with_batch(scenes, LARGE_BATCH)
    yield from fit_in_time(plan.share(0.4 if CAMVID.is_dir() else SLACK), name, network, large)
    save_weights(network, kept / f"{name}.safetensors", large)
    score(plan, network, name, tests)
    if not CAMVID.is_dir():
        return

    start = kept / f"{name}.safetensors"
    streets = scenes.replace(data=CAMVID, image_size=size, train_images=counts[0], val_images=counts[1], start=start)
    streets = streets if plan.small else with_batch(streets, PHOTO_BATCH)
    network, name = build(streets), f"camvid-{width}"
    yield from fit_in_time(plan.share(SLACK), name, network, streets)
    save_weights(network, kept / f"{name}.safetensors", streets)
    score(plan, network, name, tests)


def fit_in_time(plan: Plan, name: str, network: nn.Module, settings: Settings) -> Iterator[Row]:
    """Train a network for as many epochs as there is time for; it is left with its averaged weights.

    The rate falls with the last epoch, so their number is fixed first, from what the steps of a few seconds take.
    """
    train, val = loaders(settings)
    rate = images_per_second(make_fabric(settings), train, make_course_step(settings), 0.2 if plan.small else 4)
    seconds = (len(train.dataset) + len(val.dataset)) / rate
    count = max(1, min(settings.epochs, int(SLACK * plan.seconds_left / seconds)))
    settings = settings.replace(epochs=count, warmup=min(settings.warmup, count / 10))
    training = prepare(network, train, val, settings)
    for row in epochs(training):
        yield {"run": name, "planned": count} | row
        if plan.seconds_left < row["seconds"]:
            break  # before the part's own time is over, or there were no scores
    network.load_state_dict(training.scored.state_dict())
    free_memory()


def score(plan: Plan, network: nn.Module, name: str, tests: dict[str, tuple[Sequence[Frame], tuple[int, int]]]) -> None:
    """Score a network at full size, by the official rules, on each of some data; a row for each class in a file."""
    for data, (frames, size) in tests.items():
        found = evaluate(network, spread(list(frames), SCORED), size)
        interval = record_scores(plan.out / "scores.csv", name, data, found.counts)
        print(f"{name} on {data}: mean {interval.mean:.3f}, {interval.low:.3f} to {interval.high:.3f}", flush=True)


def run_evidence(plan: Plan) -> None:
    """Do what there is time for of the runs behind the verdicts; ``results/`` gets their rows.

    First in the budget that two cores have begun, so that its grids come to an end, then in the longest.

    Raises:
        CourseError: some runs have failed.
    """
    folder = plan.out / "evidence" if plan.small else RESULTS
    budgets: tuple[Budget, ...] = ("small",) if plan.small else ("medium", "full")
    problems = []
    for budget in budgets:
        if budget == "full" and plan.seconds_left < SCENES_SECONDS:
            break
        grids = choose_experiments(budget, folder)
        try:
            done = run_experiments(grids, budget, plan.jobs, max(0.0, plan.seconds_left / 60), folder)
        except CourseError as error:  # of some runs; the others are done
            problems.append(f"{budget}: {error}")
            continue
        for name, grid in done.items():
            print(f"{name}, {budget}: {grid.done} of {grid.total} runs", flush=True)
    if problems:
        raise CourseError("; ".join(problems))
