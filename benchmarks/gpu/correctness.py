"""Whether what is fast is also right: each check with a number, and the most that it may be."""

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import torch
from torch.utils.data import DataLoader

from benchmarks import losses, metric
from benchmarks.gpu.clock import free_memory
from benchmarks.gpu.plan import Plan, Row, record
from benchmarks.gpu.speed import Unit, use
from benchmarks.step import make_batch
from cs_utils.data.loaders import loaders
from cs_utils.data.sources import make_minicity
from cs_utils.evaluation.official import load_evaluator
from cs_utils.exceptions import CourseError
from cs_utils.labels import VOID
from cs_utils.losses.broken import dice_without_two
from cs_utils.losses.right import cross_entropy
from cs_utils.metrics.confusion import confusion_matrix
from cs_utils.models.modes import evaluating
from cs_utils.models.zoo import build, choose_device
from cs_utils.settings import ROOT, Settings
from cs_utils.training.checkpoints import LAST
from cs_utils.training.devices import batches_on, make_fabric, sends_raw
from cs_utils.training.loop import fit, training_step, validation_step
from cs_utils.training.replay import replaying
from cs_utils.training.setup import Loss, prepare

MODES: tuple[tuple[str, Unit, float], ...] = (
    ("32-true", "float32", 5e-4),
    ("32-true", "tf32", 2e-3),
    ("bf16-mixed", "bfloat16", 5e-3),
)
"""Precision, what its products are computed in, and how far a loss may be from float32 on the CPU, relatively.

The losses fall by a sixth in these steps, so that wrong gradients show; bfloat16 on a CPU is 2e-4 away.
"""
STEPS = 10
"""Steps whose losses are compared."""
NOISE = 3.0
"""A resumed run may be so many times as far from an uninterrupted one as two uninterrupted ones are from each other."""


def check_results(plan: Plan) -> Iterator[Row]:
    """All checks, one after the other."""
    right = some_losses("cpu", "32-true")
    for precision, unit, limit in MODES:
        use(unit)
        worst = max(abs(a - b) / a for a, b in zip(right, some_losses("auto", precision), strict=True))
        yield verdict(f"losses with {precision} in {unit} against float32 on the CPU, relative", worst, limit)
    yield from check_replays()
    yield from check_pieces()
    yield check_batches(plan)
    yield check_resuming(plan)
    start = time.monotonic()
    failures = sum(process.wait() != 0 for process in [start_training(plan, name) for name in ("one", "two")])
    yield verdict(f"two trainings share the device, {time.monotonic() - start:.0f} s: failures", failures, 0)
    try:
        load_evaluator()
    except CourseError as error:
        print(f"left out: {error}", file=sys.stderr)
        return
    words = ["evaluate", "--official", "--data", str(tiny(plan).data)]
    yield verdict("evaluation against the official one: 1 if a score differs", start_command(*words).wait(), 0)


def run_checks(plan: Plan) -> None:
    """Record all checks.

    Raises:
        CourseError: some do not hold.
    """
    rows = record(plan, "correctness", check_results(plan))
    if wrong := [row["what"] for row in rows if not row["holds"]]:
        raise CourseError(f"does not hold: {'; '.join(map(str, wrong))}")


def verdict(what: str, value: float, limit: float) -> Row:
    """A row: NaN holds nothing."""
    return {"what": what, "value": value, "limit": limit, "holds": value <= limit}


def tiny(plan: Plan, **changes: object) -> Settings:
    """Settings that take seconds, with their scenes made."""
    chosen = {"data": plan.scratch / "minicity-tiny", "runs": plan.scratch / "runs", "epochs": 2} | changes
    settings = Settings.of_profile("tiny", **chosen)
    make_minicity(settings.data, settings.train_images, settings.val_images, settings.scene_size)
    return settings


def some_losses(
    accelerator: str, precision: str, loss: Loss = cross_entropy, replayed: bool | None = None, **changes: object
) -> list[float]:
    """The losses of some steps from the same start on the same batch, of two classes that are easily learned.

    The learning rate changes from step to step, as a schedule's does. Where weights are averaged, the loss of the
    averaged network stands at the end.

    Args:
        accelerator: where to.
        precision: of the settings.
        loss: to train with.
        replayed: whether the step has to be recorded and replayed, where this is a GPU; None: it is not asked to be.
        changes: to the settings, but for ``optimizer``, another one than AdamW.

    Raises:
        CourseError: it should have been replayed and was not, or the other way round.
    """
    make = changes.pop("optimizer", None)
    settings = Settings(accelerator=accelerator, precision=precision, image_size=(64, 128), **changes)
    image, target = make_batch(settings.image_size, 4)
    batch = image, torch.where(target == VOID, VOID, (image.sum(dim=1) > 0).long())
    torch.manual_seed(0)
    loader = DataLoader(list(zip(*batch, strict=True)), batch_size=4)
    network = build(settings)
    optimizer = make(network.parameters(), settings.learning_rate) if make else None
    training = prepare(network, loader, loader, settings, optimizer=optimizer)
    training.trained.train()
    step = training_step(training.fabric, training.trained, training.optimizer, loss)
    step = step if replayed is None else replaying(step, training.fabric, training.optimizer)
    found = []
    torch.manual_seed(0)
    for number in range(STEPS):
        for group in training.optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 + number % 3)
        found.append(step(*training.fabric.to_device(batch))[0].item())
        training.update_average()
    if replayed is not None and training.fabric.device.type == "cuda" and (step.replay is not None) != replayed:
        raise CourseError(f"a step was {'not ' * replayed}replayed")
    if training.average:
        image, target = training.fabric.to_device(batch)
        with evaluating(training.scored):
            found.append(loss(training.scored(image), target).item())
    return found


def check_replays() -> Iterator[Row]:
    """Replayed steps and looks at validation batches against launched ones, also where a loss cannot be recorded."""
    momentum = partial(torch.optim.SGD, momentum=0.9, fused=True)
    cases = {
        "AdamW": (cross_entropy, True, {}, 1e-5),
        "SGD with momentum": (cross_entropy, True, {"optimizer": momentum, "learning_rate": 0.03}, 1e-5),
        "averaged weights": (cross_entropy, True, {"average": 0.9}, 1e-5),
        "a loss that waits": (dice_without_two, False, {}, 1e-5),
        # Which units it drops may differ.
        "SegFormer with dropout": (cross_entropy, True, {"model": "segformer"}, 0.1),
    }
    for name, (loss, recorded, changes, limit) in cases.items():
        ways = (None, recorded)
        launched, replayed = (some_losses("auto", "bf16-mixed", loss, way, **dict(changes)) for way in ways)
        worst = max(abs(a - b) / abs(a) for a, b in zip(launched, replayed, strict=True))
        yield verdict(f"replayed steps against launched ones, {name}, relative", worst, limit)
    settings = Settings(precision="bf16-mixed", image_size=(64, 128))
    batches = DataLoader(list(zip(*make_batch(settings.image_size, 14), strict=True)), batch_size=4)  # 4, 4, 4 and 2
    torch.manual_seed(0)
    training = prepare(build(settings), batches, batches, settings)
    launched = validation_step(training.fabric, training.model, training.loss)
    replayed = replaying(launched, training.fabric)
    worst = 0.0
    with evaluating(training.model):
        for batch in batches:
            pair = training.fabric.to_device(batch)
            for ours, right in zip(replayed(*pair), launched(*pair), strict=True):
                worst = max(worst, float((ours - right).abs().max() / right.abs().max()))
    if training.fabric.device.type == "cuda" and replayed.replay is None:
        raise CourseError("a validation was not replayed")
    yield verdict("a replayed validation against a launched one, relative", worst, 1e-5)


def check_pieces() -> Iterator[Row]:
    """The confusion matrix and the losses on the device against those on the CPU."""
    device = choose_device()
    masks = metric.make_masks((2, 64, 128))
    there, here = confusion_matrix(*(mask.to(device) for mask in masks)), confusion_matrix(*masks)
    yield verdict("confusion matrix against the CPU's: pixels that differ", int((there.cpu() - here).abs().sum()), 0)
    logits, target = (tensor[:1] for tensor in losses.make_batch())
    for ours, _ in losses.SAME:
        loss = losses.LOSSES[ours]
        here, there = loss(logits, target), loss(logits.to(device), target.to(device)).cpu()
        yield verdict(f"{ours} against the CPU's, relative", float((here - there).abs() / here), 1e-4)


def check_batches(plan: Plan) -> Row:
    """Batches that are sent as bytes and normalised on the device against the loader's own, in two epochs."""
    settings = tiny(plan, workers=2)
    fabric, different = make_fabric(settings), 0
    for loader in loaders(settings):
        if sends_raw(fabric, loader) != (fabric.device.type == "cuda"):
            raise CourseError("batches were not sent as bytes to a GPU")
        for epoch in (1, 2):
            loader.dataset.set_epoch(epoch)
            with batches_on(fabric, loader) as batches:
                there = [(image.cpu(), target.cpu()) for image, target in batches]
            for sent, own in zip(there, loader, strict=True):
                different += sum(int((ours != right).sum()) for ours, right in zip(sent, own, strict=True))
    return verdict("batches normalised there against the CPU's: values that differ", different, 0)


def check_resuming(plan: Plan) -> Row:
    """The greatest difference of a weight between a run that was stopped and resumed and one that was not.

    Sums on a GPU may be added up in any order, so that two uninterrupted runs may differ too: that is the measure.
    """
    torch.backends.cudnn.deterministic = True
    whole, again, stopped = (
        train_weights(plan, name, stops=name == "stopped") for name in ("whole", "again", "stopped")
    )
    torch.backends.cudnn.deterministic = False
    free_memory()
    limit = max(1e-6, NOISE * greatest_difference(whole, again))
    return verdict("a resumed run against an uninterrupted one, a weight", greatest_difference(whole, stopped), limit)


def train_weights(plan: Plan, run: str, stops: bool) -> dict[str, torch.Tensor]:
    """The last weights of a run of two epochs, which ``stops`` after the first and goes on in another network.

    Not those that `fit` leaves behind: they are the best ones, which may be of the first epoch.
    """
    settings = tiny(plan, run=run)
    torch.manual_seed(0)
    network = build(settings)
    if stops:
        fit(network, *loaders(settings), settings, callbacks=[lambda training: True], overwrite=True)
        network = build(settings)
    fit(network, *loaders(settings), settings, resume=stops, overwrite=not stops)
    return torch.load(settings.run_folder / LAST, map_location="cpu", weights_only=True)["model"]


def greatest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """Of any weight of two networks."""
    return max(float((weight - second[name]).abs().max()) for name, weight in first.items())


def start_training(plan: Plan, run: str) -> subprocess.Popen:
    """Start a training of two epochs in a process of its own."""
    settings = tiny(plan)
    words = ["train", "--profile", "tiny", "--run", run, "--overwrite", "--runs", str(settings.runs)]
    return start_command(*words, "--data", str(settings.data), "--epochs", "2")


def start_command(*words: str) -> subprocess.Popen:
    """Start a command of the course in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "cs_utils", *words], cwd=ROOT)  # noqa: S603 our own words
