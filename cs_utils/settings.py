"""Every setting of the course in one frozen dataclass, and the three profiles that fill it.

A profile is chosen by the environment variable ``CS_PROFILE``, the data folder by ``CS_DATA``, the folder for runs by
``CS_RUNS``; ``CS_HOME`` is the folder that all three lie in, if it is not the project's:

* ``tiny``: seconds; what the tests run;
* ``laptop``: minutes on two cores; the default;
* ``slides``: the talk's own recipe, for a GPU.
"""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from types import UnionType
from typing import Any, Literal, get_args, get_origin

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


@dataclass(frozen=True)
class Settings:
    """What a run depends on. The defaults below are those of the profile ``laptop``; `of_profile` gives the others."""

    profile: Profile = "laptop"
    """Which set of defaults this started from."""
    recipe: Recipe = "talk"
    """How to augment, weigh and step: as the talk did, or as works best here."""

    data: Path = HOME / "data" / "minicity"
    """Folder in the Cityscapes layout: leftImg8bit/ and gtFine/ lie in it."""
    scene_size: tuple[int, int] = (512, 1024)
    """Height and width, in this order, of the MiniCity scenes to make, in pixels."""
    train_images: int | None = 200
    """Use a fixed subset of this many training images that covers the classes; None: all."""
    val_images: int | None = 50
    """The same for validation."""

    cache: Path = HOME / "data" / "cache"
    """Folder that keeps images at the network's size, so that each file is decoded once; may be deleted at any time."""

    image_size: tuple[int, int] = (128, 256)
    """Height and width, in this order, that the network sees, in pixels."""
    rotation: float = 12.0
    """Training images are rotated by a random angle within plus and minus this many degrees."""
    blur: float = 0.5
    """Probability that a training image is blurred by a Gaussian."""
    flip: float = 0.5
    """Probability that a training image is flipped left to right."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Training images are enlarged by a random factor within these two, and cropped to the old size."""
    color: float = 0.0
    """Strength of the random change of brightness, contrast, saturation and hue, 0 to 1."""
    noise: float = 0.0
    """Largest standard deviation of the noise that is added to training images, in grey levels."""
    void: Literal["ignore", "class"] = "ignore"
    """Void pixels are left out of the loss (ignore), or are a class to be learned, as on the slides (class)."""

    model: Model = "unet"
    """Which network to train."""
    width: int = 16
    """Channels of the U-Net's first block; the talk's classic U-Net has 64."""
    activation: Literal["silu", "relu"] = "silu"
    """Activation function of the U-Net."""
    start: Path | None = None
    """Weights file of the same network to start from, such as that of a run on MiniCity; None: random weights."""
    pretrained: bool = False
    """Start the encoder from ImageNet weights (FCN, DeepLabv3+, SegFormer): needs a download."""

    loss: Literal["cross_entropy", "dice", "focal", "combined"] = "cross_entropy"
    """Loss to train with."""
    class_weights: Literal["none", "median_frequency", "inverse_log"] = "none"
    """How much a pixel of each class counts in the loss, by how rare the class is in the training images."""
    learning_rate: float = 1e-3
    """Step size of AdamW at the start."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW."""
    schedule: Literal["constant", "cosine", "poly"] = "constant"
    """How the learning rate falls, from step to step, until the last epoch ends."""
    warmup: float = 0.0
    """Epochs over which the learning rate first rises to its full size."""
    average: float = 0.0
    """Validate and keep a moving average of the weights instead: how much of it each step leaves as it was; 0: none."""
    epochs: int = 30
    """Train for at most this many epochs."""
    patience: int = 5
    """Stop when the validation IoU has not risen for this many epochs."""
    batch_size: int = 4
    """Images in a batch, on each device."""

    seed: int = 0
    """Seed of the weights, of the order of the images and of the augmentation."""
    plot_every: int = 5
    """Draw Image | Prediction | Ground Truth every so many epochs."""
    workers: int = 0
    """Processes that load images; 0: the training process does it."""
    accelerator: Accelerator = "auto"
    """Kind of device to train on."""
    devices: int = 1
    """How many of these devices."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Numbers to compute in."""
    memory_format: MemoryFormat = "auto"
    """Order of a tensor's numbers in memory; auto: what was faster on such a device."""
    keep_memory: bool = True
    """On a CPU, keep freed memory while training, which is faster; it is given back at the end."""
    compile: bool = False
    """Let torch.compile make kernels for this network; the first step then takes a minute, and a C++ compiler."""
    runs: Path = HOME / "runs"
    """Folder that a run's own folder is made in."""
    run: str | None = None
    """Name of the run's folder; None: made from model, profile and data."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (Path, Path | None) and isinstance(value, str | Path):
                value = _resolve(field.name, value)
                object.__setattr__(self, field.name, value)
            if get_origin(field.type) is tuple and isinstance(value, list):  # as JSON gives it
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            _check_kind(field.name, field.type, value)
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            for number in values:
                if number is not None and not low <= number <= high:
                    raise CourseError(f"setting {name}={value!r} is out of range: give {low} to {high}")
        # By Windows' rules, which know both kinds of slash: a run that is moved there must keep its name.
        if self.run and (self.run == ".." or "\0" in self.run or PureWindowsPath(self.run).name != self.run):
            raise CourseError(f"setting run={self.run!r} is no name of a folder in runs: give one without slashes")
        if self.model == "deeplabv3plus" and self.batch_size < 2:
            raise CourseError(
                "setting batch_size=1 is too small: deeplabv3plus takes a mean over images, give 2 or more"
            )

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
        """A copy with some settings changed.

        Raises:
            CourseError: a name is not a setting, or a value is not one of its values.
        """
        check_names(changes)
        for name in ("profile", "recipe"):
            if changes.get(name, getattr(self, name)) != getattr(self, name):
                raise CourseError(f"a {name} sets others too: choose it by Settings.of_profile, or by --{name}")
        return dataclasses.replace(self, **changes)

    @classmethod
    def of_profile(cls, profile: str, **changes: Any) -> "Settings":
        """Settings of a profile, and of the recipe among the changes, with these changes.

        Raises:
            CourseError: an unknown profile, setting or value; the message names the right ones.
        """
        if not isinstance(profile, str) or profile not in PROFILES:
            raise unknown("profile", profile, PROFILES)
        check_names(changes)
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
        "class_weights": "median_frequency",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "warmup": 2.0,
        "average": 0.995,
        "epochs": 120,
        "patience": 120,
    },
}
"""What each recipe changes in the settings of a profile."""

RANGES: dict[str, tuple[float, float]] = {
    "scene_size": (32, 2048),
    "train_images": (1, 1_000_000),
    "val_images": (1, 1_000_000),
    "image_size": (32, 4096),
    "rotation": (0, 180),
    "blur": (0, 1),
    "flip": (0, 1),
    "scale": (0.1, 10),
    "color": (0, 1),
    "noise": (0, 100),
    "width": (1, 1024),
    "learning_rate": (0, 10),
    "weight_decay": (0, 10),
    "warmup": (0, 100_000),
    "average": (0, 0.999999),
    "epochs": (1, 100_000),
    "patience": (1, 100_000),
    "batch_size": (1, 4096),
    "seed": (0, 2**32 - 1),
    "plot_every": (1, 100_000),
    "workers": (0, 256),
    "devices": (1, 4096),
}
"""Smallest and largest value of every number."""


def check_names(changes: dict[str, Any]) -> None:
    """Refuse names that are not settings, and name the nearest one.

    Raises:
        CourseError: a key of ``changes`` is not a setting.
    """
    names = [field.name for field in dataclasses.fields(Settings)]
    for key in changes:
        if key not in names:
            raise unknown("setting", key, names)


def _resolve(name: str, folder: str | Path) -> Path:
    """Make a folder's path absolute, so that it has one name wherever a program is started from."""
    try:
        if "\0" in str(folder):
            raise ValueError("it holds a null character")
        return Path(folder).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise CourseError(f"setting {name}={str(folder)!r} is no path ({error}): give another") from None


def _check_kind(name: str, kind: Any, value: Any) -> None:
    # Asked for text first: an array would compare each of its numbers.
    if get_origin(kind) is Literal and not (isinstance(value, str) and value in get_args(kind)):
        raise CourseError(f"setting {name}={value!r} is unknown: give one of {', '.join(get_args(kind))}")
    if not _is_kind(value, kind):
        raise CourseError(f"setting {name}={value!r} is of the wrong kind: give {getattr(kind, '__name__', kind)}")


def _is_kind(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return True
    if isinstance(kind, UnionType):
        return any(_is_kind(value, member) for member in get_args(kind))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is_kind, value, kinds))
    if isinstance(value, bool):  # which is an int as well
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)
