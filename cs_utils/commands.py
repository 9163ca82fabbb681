"""The commands that train, evaluate, predict, export and compare; `cs_utils.cli` makes a program of them."""

# Each command imports what it needs by itself: PyTorch takes seconds, and --help should answer at once.

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from cs_utils.exceptions import CourseError
from cs_utils.settings import Accelerator, Settings

COLORED = 20
"""Photos whose colours are measured for ``evaluate --color-of``."""


def train(settings: Settings, resume: bool = False, overwrite: bool = False) -> int:
    """Train a model: history, best weights, pictures and a checkpoint go to RUNS/RUN.

    Args:
        settings: what the run depends on.
        resume: go on after the last whole epoch of this run.
        overwrite: start again where there is a run, which is then lost.
    """
    from cs_utils.data.loaders import loaders, spread
    from cs_utils.data.sources import ensure_minicity
    from cs_utils.evaluation.predict import predict_scenes
    from cs_utils.models.zoo import build
    from cs_utils.plots.scenes import plot_predictions
    from cs_utils.plots.style import save_figure
    from cs_utils.training.callbacks import Pictures
    from cs_utils.training.checkpoints import check_folder
    from cs_utils.training.loop import fit

    check_folder(settings.run_folder, resume, overwrite)  # now, and not when the scenes are made
    ensure_minicity(settings)
    train, val = loaders(settings)
    frames = spread(val.dataset.frames, 3)
    pictures = Pictures(
        lambda model, path: save_figure(plot_predictions(*predict_scenes(model, frames, settings.image_size)), path),
        settings.plot_every,
    )
    model = build(settings)
    with _saying_how_to_go_on(settings.run_folder):
        run = fit(model, train, val, settings, callbacks=[pictures], resume=resume, overwrite=overwrite)
    if run.is_main:
        print(f"best weights: {run.best}")
    return 0


@contextmanager
def _saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Let Ctrl-C that comes where nothing else speaks of it, such as during a step, say that a run can be resumed."""
    from cs_utils.training.checkpoints import holds_run

    try:
        yield
    except KeyboardInterrupt as stop:
        if stop.args or not holds_run(folder):
            raise
        raise KeyboardInterrupt("interrupted; --resume goes on after the last whole epoch") from None


def evaluate(
    *,
    weights: Path | None = None,
    data: Path,
    split: Literal["train", "val"] = "val",
    images: int | None = None,
    size: tuple[int, int] | None = None,
    color_of: Path | None = None,
    export: Path | None = None,
    official: bool = False,
    record: Path | None = None,
    name: str | None = None,
    accelerator: Accelerator,
) -> int:
    """Score weights on labelled photos, at the full size of their ground truth, by the official rules.

    Args:
        weights: weights file, or a run's folder; None: minicity.safetensors of the course, which has seen no photo.
        data: folder in the Cityscapes layout.
        split: which of its splits.
        images: score a fixed subset of this many images; None: all.
        size: height and width, in this order, that the network sees; None: those that it was trained with.
        color_of: give the photos the colours of this folder's training photos: mean and deviation of each channel.
        export: folder to write each prediction to, as label ids, for the official evaluator.
        official: run the official evaluator too, and say whether all scores agree; exit status 1 if they do not.
        record: table (.csv) to write the IoU of each class to, with intervals over the images; other rows of it stay.
        name: what the network is called there; None: as its file, or its run.
        accelerator: kind of device to compute on.
    """
    from cs_utils.data.loaders import choose_frames
    from cs_utils.evaluation.official import compare_with_official, load_evaluator
    from cs_utils.evaluation.predict import Evaluation, evaluate
    from cs_utils.experiments.scores import read_scores, record_scores
    from cs_utils.models.zoo import COURSE_WEIGHTS, load_weights

    # What is wrong with these is found now, and not when all has been predicted.
    if official:
        load_evaluator()
    if record:
        read_scores(record)
    chosen = Settings(data=data, accelerator=accelerator, val_images=images)
    path = weights or COURSE_WEIGHTS
    model, settings = load_weights(path, chosen)
    frames = choose_frames(settings.data, split, settings.val_images)
    seen = "" if size is None else f" at {size[1]}x{size[0]}"
    change = None
    if color_of:
        colors = Settings(data=color_of).data
        change = _recolor(settings.data, like=colors)
        seen += f" in colours of {colors.name}"
    size = settings.image_size if size is None else Settings(image_size=size).image_size
    if record and len(frames) < 2:
        raise CourseError("one image has no interval: --record needs two images or more")
    name = name or _name_of(path)

    def keep(evaluation: Evaluation) -> None:
        print(evaluation, flush=True)
        if record:
            found = record_scores(record, name, f"{settings.data.name} {split}{seen}", evaluation.counts)
            print(f"{record}: mean {found.mean:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}")

    if not official:
        keep(evaluate(model, frames, size, export, change))
        return 0
    with nullcontext(export) if export else TemporaryDirectory() as folder:
        evaluation = evaluate(model, frames, size, Path(folder), change)
        keep(evaluation)
        comparison = compare_with_official(evaluation, frames, Path(folder))
    print(comparison)
    return 0 if comparison.differing.empty else 1


def _recolor(data: Path, like: Path) -> partial:
    """What gives the photos of one folder the mean and the deviation of the colours of another's."""
    from cs_utils.data.cityscapes import find_frames, read_frame
    from cs_utils.data.loaders import spread
    from cs_utils.data.transforms import match_color, measure_color

    own, wanted = (
        measure_color([read_frame(frame)[0] for frame in spread(find_frames(folder, "train"), COLORED)])
        for folder in (data, like)
    )
    return partial(match_color, own=own, wanted=wanted)


def _name_of(weights: Path) -> str:
    """What weights are called in a table of scores: their run, or their file without its ending."""
    from cs_utils.models.zoo import BEST

    run = weights if weights.is_dir() else weights.parent if weights.name == BEST else None
    # The whole name of a run, which may hold a dot: lr-0.01.
    return run.absolute().name if run else weights.stem


def predict(
    photos: Positional[tuple[str, ...]],
    *,
    weights: Path | None = None,
    out: Path = Path("predictions"),
    confidence: bool = False,
    submission: Path | None = None,
    data: Path,
    split: Literal["test", "val"] = "test",
    accelerator: Accelerator,
) -> int:
    """Predict photos: for each a mask of label ids, a coloured mask and an overlay, at the photo's own size.

    A photo that cannot be read is named at the end, the others are done, and the exit status is 1.

    With --submission instead of photos: predict a whole split into one archive for the benchmark server.

    Args:
        photos: photos, folders of photos, or patterns such as ``photos/*.jpg``.
        weights: weights file, or a run's folder; None: those for photos that come with the course.
        out: folder to write the pictures of photos to.
        confidence: also write a heat map of how sure the network is, dark for 0 and bright for 1.
        submission: archive to write for the benchmark server, .zip.
        data: folder in the Cityscapes layout, for a submission.
        split: which of its splits, for a submission; the server scores test.
        accelerator: kind of device to compute on.
    """
    if photos and submission:
        raise CourseError("name photos or --submission, not both: a submission takes all photos of --data")
    if not photos and not submission:
        raise CourseError("name at least one photo or folder: predict PHOTO…; or --submission FILE.zip")
    if photos and split != "test":
        raise CourseError("--split goes with --submission: photos that you name are of no split, leave it out")
    from cs_utils.evaluation.official import write_submission
    from cs_utils.evaluation.photos import predict_files
    from cs_utils.models.zoo import PHOTO_WEIGHTS, load_weights

    model, settings = load_weights(weights or PHOTO_WEIGHTS, Settings(data=data, accelerator=accelerator))
    if submission:
        count = write_submission(model, settings.data, split, settings.image_size, submission)
        print(f"{submission}: {count} predictions of {split}")
        return 0
    problems, written = [], 0
    for outcome in predict_files(model, photos, settings.image_size, out, confidence):
        if outcome.problem:
            problems.append(outcome.problem)
        else:
            written += 1
            print(outcome.overlay, flush=True)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        print(f"{written} photos predicted, {len(problems)} not", file=sys.stderr)
    return 1 if problems else 0


def export(*, weights: Path | None = None, out: Path = Path("net.onnx")) -> int:
    """Write a network as an ONNX file, for other programs and the browser; any height and width will do.

    Its input "image" is (1, 3, H, W) float32 RGB from 0 to 255, its output "logits" (1, C, H, W).

    Args:
        weights: weights file, or a run's folder; None: minicity.safetensors of the course, which has seen no photo.
        out: file to write.
    """
    from cs_utils.models.export import export_onnx
    from cs_utils.models.zoo import COURSE_WEIGHTS, load_weights

    model, settings = load_weights(weights or COURSE_WEIGHTS, Settings(accelerator="cpu"))
    export_onnx(model, out)
    height, width = settings.image_size
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, trained at {width}x{height}")
    return 0


def experiment(
    names: Positional[tuple[str, ...]] = (),
    *,
    list_all: Annotated[bool, tyro.conf.arg(name="list")] = False,
    run_all: Annotated[bool, tyro.conf.arg(name="all")] = False,
    budget: Literal["small", "medium", "full"] = "medium",
    jobs: int = 1,
    minutes: float | None = None,
) -> int:
    """Do what is missing of the long runs behind the verdicts, into results/; without a name, list them.

    A run that is recorded is not done again: stop it whenever you like, and call it again to go on.

    Args:
        names: which experiments, in this order.
        list_all: list the experiments, and how much of each is done.
        run_all: all that no larger budget has finished, the most valuable first.
        budget: full is for a GPU; medium needs two cores for two days, or an H100 for 40 minutes; small tries a grid
            in minutes, and carries no verdict.
        jobs: processes side by side, on the cores of a CPU or on one GPU.
        minutes: stop in time; None: when all is done.
    """
    from cs_utils.experiments.runner import choose_experiments, list_experiments, run_experiments

    if list_all or not (names or run_all):
        print(list_experiments(budget))
        return 0
    if names and run_all:
        raise CourseError("name experiments or --all, not both")
    plans = run_experiments(choose_experiments(budget) if run_all else names, budget, jobs, minutes)
    for name, plan in plans.items():
        print(f"{name}: {plan.done} of {plan.total} runs, budget {budget}")
    return 0
