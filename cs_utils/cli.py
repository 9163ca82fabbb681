"""The command line: ``python -m cs_utils {data,train,evaluate,predict,figure,course}``."""

# Each command imports what it needs by itself: PyTorch takes seconds, and --help should answer at once.

import os
import signal
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional

from cs_utils.exceptions import CourseError
from cs_utils.settings import PROFILES, ROOT, Accelerator, Profile, Settings

AllSettings = OmitArgPrefixes[Settings]


MOST_PROBLEMS = 20
"""Lines that ``data check`` prints before it sums up."""


@dataclass(frozen=True)
class Data:
    """Get data into the Cityscapes layout, or check a folder that has it.

    minicity: make the built-in street scenes; those that are there already stay.
    camvid: convert CamVid from --source, a folder with train/, trainannot/, val/, valannot/.
    check: say what a download lacks, what cannot be read, and how to mend it.
    """

    action: Positional[Literal["minicity", "camvid", "check"]]
    """What to do."""
    source: Path | None = None
    """CamVid's folder, for camvid."""
    processes: int | None = None
    """Scenes to make at a time, for minicity; None: one for each core."""
    settings: AllSettings = field(default_factory=Settings.from_env)

    def run(self) -> int:
        """Do it."""
        return {"minicity": self._minicity, "camvid": self._camvid, "check": self._check}[self.action]()

    def _minicity(self) -> int:
        from cs_utils.data.sources import make_minicity, minicity_counts

        settings = self.settings
        train_count, val_count = minicity_counts(settings)
        written = make_minicity(settings.data, train_count, val_count, settings.scene_size, self.processes)
        print(f"{settings.data}: {train_count} training and {val_count} validation scenes, {written} of them new")
        return 0

    def _camvid(self) -> int:
        from cs_utils.data.sources import convert_camvid

        if self.source is None:
            raise CourseError("say where CamVid is: data camvid --source FOLDER --data FOLDER_TO_WRITE")
        if self.settings.data in (Settings.of_profile(profile).data for profile in PROFILES):
            raise CourseError("CamVid needs a folder of its own: add --data data/camvid")
        counts = convert_camvid(self.source, self.settings.data)
        print(f"{self.settings.data}: " + ", ".join(f"{count} {split} frames" for split, count in counts.items()))
        return 0

    def _check(self) -> int:
        from cs_utils.data.check import DOWNLOAD, verify

        report = verify(self.settings.data)
        print(report.counts.to_string(index=False))
        print("\n".join(report.problems[:MOST_PROBLEMS]))
        if (more := len(report.problems) - MOST_PROBLEMS) > 0:
            print(f"… and {more} more")
        print(f"{report.counts['found'].sum()} frames, problems: {len(report.problems)}")
        if report.problems and report.is_cityscapes:
            print(DOWNLOAD)
        return 1 if report.problems else 0


@dataclass(frozen=True)
class Train:
    """Train a model: history, best weights, pictures and a checkpoint go to RUNS/RUN."""

    resume: FlagCreatePairsOff[bool] = False
    """Go on after the last whole epoch of this run."""
    settings: AllSettings = field(default_factory=Settings.from_env)

    def run(self) -> int:
        """Train."""
        from cs_utils.data.loaders import loaders
        from cs_utils.data.sources import ensure_minicity
        from cs_utils.models.zoo import build
        from cs_utils.training.checkpoints import holds_run
        from cs_utils.training.loop import fit

        settings = self.settings
        if holds_run(settings.run_folder) and not self.resume:
            raise CourseError(f"{settings.run_folder} holds a run: go on with it by --resume, or name another by --run")
        ensure_minicity(settings)
        run = fit(build(settings.model, settings), *loaders(settings), settings, self.resume)
        if run.is_main:
            print(f"best weights: {run.best}")
        return 0


@dataclass(frozen=True)
class Evaluate:
    """Score weights on labelled photos, at the full size of their ground truth, by the official rules."""

    weights: Path
    """Weights file, best.safetensors of a run."""
    data: Path = field(default_factory=lambda: Settings.from_env().data)
    """Folder in the Cityscapes layout."""
    split: Literal["train", "val"] = "val"
    """Which of its splits."""
    images: int | None = None
    """Score a fixed subset of this many images; None: all."""
    export: Path | None = None
    """Folder to write each prediction to, as label ids, for the official evaluator."""
    official: FlagCreatePairsOff[bool] = False
    """Run the official evaluator too, if cityscapesscripts is installed, and say whether all scores agree."""
    accelerator: Accelerator = "auto"
    """Kind of device to compute on."""

    def run(self) -> int:
        """Evaluate, and print the table; give 1 if the official evaluator does not agree."""
        from cs_utils.data.loaders import split_loader
        from cs_utils.evaluation.official import compare, load_evaluator
        from cs_utils.evaluation.predict import evaluate
        from cs_utils.models.zoo import load_weights

        if self.official:
            # Found missing now, and not when all has been predicted.
            load_evaluator()
        chosen = Settings(data=self.data, accelerator=self.accelerator, val_images=self.images)
        model, settings = load_weights(self.weights, chosen)
        val = split_loader(settings, self.split, settings.val_images, cached=False)
        if not self.official:
            print(evaluate(model, val, settings, self.export))
            return 0
        with nullcontext(self.export) if self.export else TemporaryDirectory() as folder:
            evaluation = evaluate(model, val, settings, Path(folder))
            print(evaluation, flush=True)
            comparison = compare(evaluation, val.dataset.frames, Path(folder))
        print(comparison)
        return 0 if comparison.differing.empty else 1


@dataclass(frozen=True)
class Predict:
    """Predict photos: for each a mask of label ids, a coloured mask and an overlay, at the photo's own size.

    With --submission instead of photos: predict a whole split into one archive for the benchmark server.
    """

    photos: Positional[tuple[Path, ...]]
    """Photos, PNG or JPEG."""
    weights: Path
    """Weights file, best.safetensors of a run."""
    out: Path = Path("predictions")
    """Folder to write the pictures of photos to."""
    submission: Path | None = None
    """Archive to write for the benchmark server, .zip."""
    data: Path = field(default_factory=lambda: Settings.from_env().data)
    """Folder in the Cityscapes layout, for a submission."""
    split: Literal["test", "val"] = "test"
    """Which of its splits, for a submission; the server scores test."""
    accelerator: Accelerator = "auto"
    """Kind of device to compute on."""

    def run(self) -> int:
        """Predict."""
        from cs_utils.evaluation.predict import predict_files
        from cs_utils.evaluation.submission import write_submission
        from cs_utils.models.zoo import load_weights

        if self.photos and self.submission:
            raise CourseError("name photos or --submission, not both: a submission takes all photos of --data")
        if not self.photos and not self.submission:
            raise CourseError("name at least one photo: predict PHOTO… --weights FILE; or --submission FILE.zip")
        model, settings = load_weights(self.weights, Settings(data=self.data, accelerator=self.accelerator))
        if self.submission:
            count = write_submission(self.submission, model, settings.data, self.split, settings)
            print(f"{self.submission}: {count} predictions of {self.split}")
            return 0
        for path in predict_files(self.photos, model, settings, self.out):
            print(path)
        return 0


@dataclass(frozen=True)
class Figure:
    """Draw one figure of the course, by running its section of a notebook; without a name, list them."""

    name: Positional[str | None] = None
    """Which figure."""
    list: FlagCreatePairsOff[bool] = False
    """List the figures."""
    all: FlagCreatePairsOff[bool] = False
    """Draw all of them, into the folder that --out names."""
    out: Path | None = None
    """File to write, .png, .svg or .pdf; None: NAME.png, or build/figures for all."""
    profile: Profile = field(default_factory=lambda: Settings.from_env().profile)
    """How much to compute."""
    data: Path = field(default_factory=lambda: Settings.from_env().data)
    """Folder in the Cityscapes layout."""

    def run(self) -> int:
        """Draw it, or list all."""
        from course.sections import draw_figure, list_figures, run_section
        from cs_utils.plots.style import check_ending, save_figure

        _set_environment(self.profile, self.data)
        figures = list_figures()
        if self.all:
            for section in dict.fromkeys(figures.values()):
                for name, figure in run_section(section).items():
                    path = (self.out or ROOT / "build" / "figures") / f"{name}.png"
                    save_figure(figure, path)
                    print(path, flush=True)
        elif self.list or self.name is None:
            width = max(map(len, figures))
            print("\n".join(f"{name:{width}}  {section}" for name, section in figures.items()))
        else:
            path = self.out or Path(f"{self.name}.png")
            check_ending(path)
            save_figure(draw_figure(self.name), path)
            print(path)
        return 0


@dataclass(frozen=True)
class Course:
    """Run all notebooks in order; executed copies go to build/notebooks, their figures to build/figures."""

    store: FlagCreatePairsOff[bool] = False
    """Run the solutions too, and store all outputs in the notebooks themselves."""
    profile: Profile = field(default_factory=lambda: Settings.from_env().profile)
    """How much to compute."""
    data: Path = field(default_factory=lambda: Settings.from_env().data)
    """Folder in the Cityscapes layout."""

    def run(self) -> int:
        """Run the course."""
        from course.execution import BUILD, run_course
        from course.sections import list_notebooks, list_solutions

        _set_environment(self.profile, self.data)
        run_course([*list_notebooks(), *(list_solutions() if self.store else [])], self.store)
        print(f"executed notebooks and figures: {BUILD}")
        return 0


def _set_environment(profile: str, data: Path) -> None:
    # Notebooks choose their settings by it.
    os.environ.update(CS_PROFILE=profile, CS_DATA=str(data.expanduser().resolve()))


def _find_profile(arguments: list[str]) -> str | None:
    for argument, following in pairwise([*arguments, ""]):
        if argument.startswith("--profile="):
            return argument.partition("=")[2]
        if argument == "--profile":
            return following
    return None


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give its exit status. A mistake of the user is one line on stderr, and status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    environment = dict(os.environ)
    try:
        # Looked at first, because the profile decides the defaults of all the other settings.
        if profile := _find_profile(arguments):
            os.environ["CS_PROFILE"] = profile
        command = tyro.cli(
            Data | Train | Evaluate | Predict | Figure | Course,
            prog="python -m cs_utils",
            description="Semantic segmentation of street scenes: data, training, evaluation, prediction, figures.",
            args=arguments,
        )
        return command.run()
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"error: {reason}; mend that and call again", file=sys.stderr)
    except KeyboardInterrupt as stop:
        print(str(stop) or "interrupted; a training goes on after its last whole epoch with --resume", file=sys.stderr)
        # As shells do it; without a number it was Ctrl-C.
        return 128 + getattr(stop, "signal", signal.SIGINT)
    finally:
        os.environ.clear()
        os.environ.update(environment)
    return 2
