"""Every setting of the course in one frozen dataclass, and the three profiles that fill it.

A profile is chosen by the environment variable ``CS_PROFILE``, the data folder by ``CS_DATA``, the folder for runs by
``CS_RUNS``; ``CS_HOME`` is the folder that data, cache, runs and build lie in, if it is not the project's:

* ``tiny``: seconds; what the tests run;
* ``laptop``: minutes on two cores; the default;
* ``slides``: as the talk, where it says something, for a GPU.
"""

import dataclasses
import functools
import json
import os
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass

from cs_utils.exceptions import CourseError, unknown
from cs_utils.labels import NUM_CLASSES, SLIDE_CHANNELS, SLIDE_VOID, VOID

_PLACE = Path(__file__).resolve().parent.parent
ROOT = _PLACE if (_PLACE / "notebooks").is_dir() else Path.cwd()
"""Folder of the project: default data and runs lie below it, wherever a notebook is started from.

A package that was installed without its notebooks uses the working folder, and never writes among other packages.
"""

HOME = (ROOT / Path(os.environ.get("CS_HOME", "")).expanduser()).resolve()
"""Folder to write to: data, cache, runs and build lie below it. Another than the project's where that is read-only."""

Profile = Literal["tiny", "laptop", "slides"]
Recipe = Literal["talk", "best"]
Model = Literal["unet", "fcn", "deeplabv3plus", "segformer"]
Accelerator = Literal["auto", "cpu", "cuda", "mps"]
MemoryFormat = Literal["auto", "contiguous", "channels_last"]


def _resolve(folder: Any, info: ValidationInfo) -> Any:
    # Absolute, so that it has one name wherever a program is started from.
    if not isinstance(folder, str | Path):
        return folder
    try:
        if "\0" in str(folder):
            raise ValueError("it holds a null character")
        return Path(folder).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise CourseError(f"setting {info.field_name}={str(folder)!r} is no path ({error}): give another") from None


Folder = Annotated[Path, BeforeValidator(_resolve)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
# JSON has lists and no tuples.
AsTuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
SceneEdge = Annotated[int, Field(ge=32, le=2048)]
InputEdge = Annotated[int, Field(ge=32, le=4096)]
Factor = Annotated[float, Field(ge=0.1, le=10)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class Settings:
    """What a run depends on. The defaults below are those of the profile ``laptop``; `of_profile` gives the others."""

    profile: Profile = "laptop"
    """Which set of defaults this started from."""
    recipe: Recipe = "talk"
    """How to augment, weigh and step: as the talk did, or as works best here."""

    data: Folder = HOME / "data" / "minicity"
    """Folder in the Cityscapes layout: leftImg8bit/ and gtFine/ lie in it."""
    scene_size: Annotated[tuple[SceneEdge, SceneEdge], AsTuple] = (512, 1024)
    """Height and width, in this order, of the MiniCity scenes to make, in pixels."""
    train_images: Count | None = 200
    """Use a fixed subset of this many training images that covers the classes; None: all."""
    val_images: Count | None = 50
    """The same for validation."""

    cache: Folder = HOME / "data" / "cache"
    """Folder that keeps images at the network's size, decoded once; may be deleted whenever nothing trains."""

    image_size: Annotated[tuple[InputEdge, InputEdge], AsTuple] = (128, 256)
    """Height and width, in this order, that the network sees, in pixels."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 12.0
    """Training images are rotated by a random angle within plus and minus this many degrees."""
    blur: Share = 0.5
    """Probability that a training image is blurred by a Gaussian."""
    flip: Share = 0.5
    """Probability that a training image is flipped left to right."""
    scale: Annotated[tuple[Factor, Factor], AsTuple] = (1.0, 1.0)
    """Training images are enlarged by a random factor within these two, and cropped to the old size."""
    color: Share = 0.0
    """Strength of the random change of brightness, contrast, saturation and hue, 0 to 1."""
    noise: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Largest standard deviation of the noise that is added to training images, in grey levels."""
    void: Literal["ignore", "class"] = "ignore"
    """Void pixels are left out of the loss (ignore), or are a class to be learned, as on the slides (class)."""

    model: Model = "unet"
    """Which network to train."""
    width: Annotated[int, Field(ge=1, le=1024)] = 16
    """Channels of the U-Net's first block; the classic U-Net has 64, the talk names no number."""
    activation: Literal["silu", "relu"] = "silu"
    """Activation function of the U-Net."""
    start: Folder | None = None
    """Weights file of the same network to start from, such as that of a run on MiniCity; None: random weights."""
    pretrained: bool = False
    """Start the encoder from ImageNet weights (FCN, DeepLabv3+, SegFormer): needs a download."""

    loss: Literal["cross_entropy", "dice", "focal", "combined"] = "cross_entropy"
    """Loss to train with."""
    class_weights: Literal["none", "median_frequency", "inverse_log"] = "none"
    """How much a pixel of each class counts in the loss: the rarer the class in the training images, the more."""
    learning_rate: Annotated[float, Field(ge=0, le=10)] = 1e-3
    """Step size of AdamW at the start."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 1e-2
    """Weight decay of AdamW."""
    schedule: Literal["constant", "cosine", "poly"] = "constant"
    """How the learning rate falls, from step to step, until the last epoch ends."""
    warmup: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    """Epochs over which the learning rate first rises to its full size."""
    average: Annotated[float, Field(ge=0, le=0.999999)] = 0.0
    """Validate and keep a moving average of the weights instead: how much of it each step leaves as it was; 0: none."""
    epochs: Count = 30
    """Train for at most this many epochs."""
    patience: Count = 5
    """Stop when the validation IoU has not risen for this many epochs."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 4
    """Images in a batch, on each device."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Seed of the weights, of the order of the images and of the augmentation."""
    plot_every: Count = 5
    """Draw Image | Prediction | Ground Truth every so many epochs."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that load images; 0: the training process does it."""
    accelerator: Accelerator = "auto"
    """Kind of device to train on."""
    devices: Annotated[int, Field(ge=1, le=4096)] = 1
    """How many of these devices."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Numbers to compute in."""
    memory_format: MemoryFormat = "auto"
    """Order of a tensor's numbers in memory; auto: what was faster on such a device."""
    keep_memory: bool = True
    """On: on a CPU, keep freed memory while training, which is faster. Off: give it back, where memory is short."""
    compile: bool = False
    """Let torch.compile make kernels for this network; the first step then takes a minute, and a C++ compiler."""
    replay: bool = True
    """On: on one NVIDIA GPU, record a step and replay it, which is faster. Off: for a loss or a hook that computes
    differently from batch to batch. What is compiled is not recorded."""
    runs: Folder = HOME / "runs"
    """Folder that a run's own folder is made in."""
    run: str | None = None
    """Name of the run's folder; None: made from model, profile and data."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, given: Any, validate: Any) -> "Settings":
        try:
            return validate(given)
        except ValidationError as errors:
            raise _explain(errors.errors()[0], given.kwargs) from None

    def __post_init__(self) -> None:
        # By Windows' rules, which know both kinds of slash: a run that is moved there must keep its name.
        if self.run and (self.run == ".." or "\0" in self.run or PureWindowsPath(self.run).name != self.run):
            raise CourseError(f"setting run={self.run!r} is no name of a folder in runs: give one without slashes")
        for name in USED_BY:
            value = getattr(self, name)
            if not uses(self.model, name) and value != _default(name, self.profile):
                raise CourseError(f"setting {name}={value!r} has no effect with model={self.model!r}: leave it out")

    @property
    def channels(self) -> int:
        """Channels of the logits: 19, or the slide encoding's 21 when void is a class."""
        return NUM_CLASSES if self.void == "ignore" else SLIDE_CHANNELS

    @property
    def void_value(self) -> int:
        """Value that void pixels have in the targets: 255, or 20 when void is a class."""
        return VOID if self.void == "ignore" else SLIDE_VOID

    @property
    def run_folder(self) -> Path:
        """Folder of this run's history, checkpoints and pictures."""
        return self.runs / (self.run or f"{self.model}-{self.profile}-{self.data.name}")

    def to_json(self) -> str:
        """All settings as one line of JSON, paths as text."""
        return json.dumps(dataclasses.asdict(self), default=str)

    def replace(self, **changes: Any) -> "Settings":
        """A copy with some settings changed; with another model, those that it does not use go back to the profile's.

        Raises:
            CourseError: a name is not a setting, or a value is not one of its values.
        """
        for name in ("profile", "recipe"):
            if changes.get(name, getattr(self, name)) != getattr(self, name):
                raise CourseError(f"a {name} sets others too: choose it by Settings.of_profile, or by --{name}")
        if changes.get("model", self.model) != self.model:
            unused = [name for name in USED_BY if not uses(changes["model"], name)]
            changes = {name: _default(name, self.profile) for name in unused} | changes
        return dataclasses.replace(self, **changes)

    @classmethod
    def of_profile(cls, profile: str, **changes: Any) -> "Settings":
        """Settings of a profile, and of the recipe among the changes, with these changes.

        Raises:
            CourseError: an unknown profile, setting or value; the message names the right ones.
        """
        if not isinstance(profile, str) or profile not in PROFILES:
            raise unknown("profile", profile, PROFILES)
        recipe = changes.get("recipe", "talk")
        if not isinstance(recipe, str) or recipe not in RECIPES:
            raise unknown("recipe", recipe, RECIPES)
        return cls(**{"profile": profile, **PROFILES[profile], **RECIPES[recipe], **changes})

    @classmethod
    def from_env(cls, **changes: Any) -> "Settings":
        """Settings of the profile ``CS_PROFILE``, with the folders ``CS_DATA`` and ``CS_RUNS``, and these changes.

        Raises:
            CourseError: as `of_profile` does.
        """
        profile = changes.pop("profile", None) or os.environ.get("CS_PROFILE") or "laptop"
        for name, variable in (("data", "CS_DATA"), ("runs", "CS_RUNS")):
            if folder := os.environ.get(variable):
                # Below the project, not below a notebook's own folder; an absolute path stays what it is.
                changes = {name: folder if folder.startswith("~") else ROOT / folder} | changes
        return cls.of_profile(profile, **changes)


PROFILES: dict[str, dict[str, Any]] = {
    "tiny": {
        "train_images": 24,
        "val_images": 8,
        "image_size": (64, 128),
        "width": 8,
        # So few steps are only enough if they are large.
        "learning_rate": 3e-3,
        "epochs": 6,
        "plot_every": 3,
    },
    "laptop": {},
    "slides": {
        "data": HOME / "data" / "minicity-slides",
        "scene_size": (1024, 2048),
        "train_images": None,
        "val_images": None,
        "image_size": (256, 512),
        "void": "class",
        "width": 64,
        "epochs": 100,
        "workers": 8,
        "precision": "bf16-mixed",
    },
}
"""What each profile changes in the defaults above."""

RECIPES: dict[str, dict[str, Any]] = {
    "talk": {},
    "best": {
        "rotation": 5.0,
        "blur": 0.2,
        "scale": (0.5, 2.0),
        "color": 0.5,
        "noise": 6.0,
        "class_weights": "inverse_log",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "warmup": 2.0,
        "average": 0.995,
        "epochs": 120,
        "patience": 120,
    },
}
"""What each recipe changes in the settings of a profile."""

USED_BY: dict[str, tuple[str, ...]] = {
    "width": ("unet",),
    "activation": ("unet",),
    "pretrained": ("fcn", "deeplabv3plus", "segformer"),
}
"""Settings that only some models use."""

WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "True or False",
    "string_type": "text",
    "is_instance_of": "the name of a folder",
}
"""What to give instead, by pydantic's name of the error; a pair where it is none of these."""


def uses(model: str, name: str) -> bool:
    """Whether a setting of this name makes a difference to a model."""
    return model in USED_BY.get(name, (model,))


def limits(name: str) -> tuple[float, float]:
    """The smallest and the largest value of a setting that is a number, or of each number of a pair."""
    schema = _schema(name)
    number = [*schema.get("prefixItems", []), *schema.get("anyOf", []), schema][0]
    return number["minimum"], number["maximum"]


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    return TypeAdapter(Settings).json_schema()["properties"][name]


def _default(name: str, profile: str) -> Any:
    return PROFILES[profile].get(name, Settings.__dataclass_fields__[name].default)


def _explain(error: dict[str, Any], given: dict[str, Any]) -> CourseError:
    """One of pydantic's errors as the course says it: which setting, its value, and what to give."""
    kind, name = error["type"], error["loc"][0]
    if kind == "unexpected_keyword_argument":
        return unknown("setting", name, [field.name for field in dataclasses.fields(Settings)])
    if kind == "unexpected_positional_argument":
        return CourseError("settings are given by name: Settings(epochs=3), or Settings.of_profile('tiny')")
    if kind == "literal_error":
        problem, remedy = "is unknown", f"one of {', '.join(_schema(name)['enum'])}"
    elif kind in ("greater_than_equal", "less_than_equal", "finite_number"):
        problem, remedy = "is out of range", "{} to {}".format(*limits(name))
    else:
        problem, remedy = "is of the wrong kind", WANTED.get(kind, "two numbers")
    return CourseError(f"setting {name}={given[name]!r} {problem}: give {remedy}")
