"""The long runs behind the verdicts, each a named grid of arms, rates and seeds. One entry says all there is to say.

``python -m cs_utils experiment NAME`` runs one; `GRIDS` is in order of value, and ``make evidence`` goes through it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from cs_utils.settings import RECIPES, Settings

Budget = Literal["full", "medium", "small"]
BUDGETS: tuple[Budget, ...] = ("full", "medium", "small")
"""For a GPU; for two cores in hours a grid, with poles and persons learned; for a trial in minutes, and no verdict."""
TUNING_SEEDS = (100, 101)
"""A rate is chosen on these seeds, and arms are compared on others: 0, 1, 2, …"""
BASE: dict[Budget, dict[str, Any]] = {
    "full": {"train_images": 500, "val_images": 200, "image_size": (128, 256), "width": 16, "epochs": 40},
    # Fewer pixels but as many steps: small things are learned late. Of the slide's augmentation only the flips.
    "medium": {
        "train_images": 500,
        "val_images": 100,
        "image_size": (64, 128),
        "width": 16,
        "epochs": 40,
        "rotation": 0.0,
        "blur": 0.0,
        "precision": "bf16-mixed",
    },
    "small": {"train_images": 100, "val_images": 40, "image_size": (64, 128), "width": 8, "epochs": 10},
}
"""The base run of each budget."""
RATES = {"adamw": (1e-3, 3e-3, 1e-2), "adam": (1e-3, 3e-3, 1e-2), "sgd": (3e-2, 1e-1, 3e-1)}
"""The first rates to try with an optimizer: three steps of `rate_on_ladder`."""
FRESH_SCENES = {"full": 500, "medium": 0, "small": 20}
"""MiniCity scenes beyond the validation ones, which have chosen nothing: what a final score is taken on."""


@dataclass(frozen=True)
class Arm:
    """One way to train. All its values are plain, so that a row of the results can hold them."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the base run."""
    times: Mapping[str, float] = field(default_factory=dict)
    """Settings that are so many times those of the base run, in any budget."""
    loss: str | None = "cross_entropy"
    """One of `arms.LOSSES`; None: that of the settings."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    network: tuple[str, ...] = ()
    """Changes to the network, of `arms.CHANGES`."""
    data: Literal["minicity", "camvid"] = "minicity"
    pair_error: float = 0.0
    """Training masks are rotated against their images by random angles within so many degrees."""
    kind: Literal["train", "probe", "blindfold"] = "train"
    """Train a network; only look into an untrained one; or predict without a look at the photo."""
    also: tuple[Literal["dead units", "train iou", "full size", "fresh scenes"], ...] = ()
    """What is measured besides."""
    rates: tuple[float, ...] | None = None
    """Rates to choose from; one alone is not tuned; None: `RATES` of the optimizer."""
    seeds: int | None = None
    """None: as many as the grid says."""

    @property
    def first_rates(self) -> tuple[float, ...]:
        """The rates that tuning starts with."""
        return self.rates or (RATES[self.optimizer] if self.kind == "train" else (0.0,))


@dataclass(frozen=True)
class Grid:
    """A named experiment."""

    question: str
    arms: Mapping[str, Arm]
    seeds: int
    full: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the base run in the budget ``full``."""
    medium: Mapping[str, Any] = field(default_factory=dict)
    """The same for ``medium``."""
    small: Mapping[str, Any] = field(default_factory=dict)
    """The same for ``small``."""
    tuned_on: int = 1
    """Seeds that the budget ``medium`` chooses rates on."""
    budgets: tuple[Budget, ...] = BUDGETS
    """Those that suit the question."""

    def settings(self, arm: Arm, budget: Budget, rate: float, seed: int) -> Settings:
        """The settings of one run; the folders are the caller's."""
        values = BASE[budget] | {"schedule": "cosine", "learning_rate": rate, "seed": seed}
        if arm.data == "camvid":  # 480x360
            values["image_size"] = (values["image_size"][0] * 3 // 2, values["image_size"][1])
        values |= getattr(self, budget)
        if arm.data == "camvid":  # has few photos: all of them, in any budget
            values |= {"train_images": None, "val_images": None}
        values |= {name: _multiplied(values[name], factor) for name, factor in arm.times.items()}
        return Settings(**values).replace(**arm.settings)

    def test_seeds(self, arm: Arm) -> range:
        """The seeds that arms are compared on, in any budget."""
        return range(arm.seeds or self.seeds)

    def tuning_seeds(self, budget: Budget) -> tuple[int, ...]:
        """The seeds that a rate is chosen on."""
        return TUNING_SEEDS[: {"full": None, "medium": self.tuned_on, "small": 1}[budget]]


def _multiplied(value: Any, factor: float) -> Any:
    return tuple(int(number * factor) for number in value) if isinstance(value, tuple) else int(value * factor)


def rate_on_ladder(rate: float, steps: int) -> float:
    """The rate so many steps higher on the ladder … 0.001, 0.003, 0.01, 0.03, …, about a factor of three apart."""
    step = round(2 * math.log10(rate)) + steps
    return float(f"{(1, 3)[step % 2]}e{step // 2}")


def _ladder(first: float, count: int) -> tuple[float, ...]:
    return tuple(rate_on_ladder(first, step) for step in range(count))


START = "MiniCity's weights"
"""The change that gives a network the weights that the course has trained on MiniCity."""


def _on_photos(settings: Mapping[str, Any], start: str | None = START, rate: float = 3e-3) -> Arm:
    # A recipe has its own rate: leaving a part out does not change it.
    return Arm(settings, data="camvid", network=(start,) if start else (), loss=None, rates=(rate,))


ACTIVATIONS = {"ReLU": ("relu",), "SiLU": ("silu",), "tanh": ("tanh",), "sigmoid": ("sigmoid",)}
NORMS = {"batch norm": (), "no batch norm": ("no batch norm",)}
WEIGHTS = {"PyTorch's weights": (), "He's weights": ("He's weights",)}
INITIAL = {
    f"{activation}, {norm}, {weights}": (*ACTIVATIONS[activation], *NORMS[norm], *WEIGHTS[weights])
    for activation, norm, weights in product(ACTIVATIONS, NORMS, WEIGHTS)
} | {
    # In the others the biases that take the place of batch norm begin at 0.
    f"{name}, no batch norm, PyTorch's weights and biases": (name.lower(), "no batch norm, PyTorch's biases")
    for name in ("ReLU", "SiLU")
}
SLIDE = {"rotation": 12.0, "blur": 0.5, "flip": 0.5}
PLAIN = {"rotation": 0.0, "blur": 0.0, "flip": 0.0}
SCALE, COLOR = {"scale": (0.5, 2.0)}, {"color": 0.5}
BEST = {name: value for name, value in RECIPES["best"].items() if name not in ("learning_rate", "epochs", "patience")}
PARTS: dict[str, dict[str, Any]] = {
    "scale and crop": {"scale": (1.0, 1.0)},
    "colour": {"color": 0.0},
    "noise": {"noise": 0.0},
    "class weights": {"class_weights": "none"},
    "a falling rate": {"schedule": "constant", "warmup": 0.0},
    "averaged weights": {"average": 0.0},
}
"""The parts of the recipe ``best``, and how to leave each out."""
OPTIMIZERS = {"SGD": ("sgd", 1e-2, 0.0), "Adam": ("adam", 3e-4, 0.0), "AdamW": ("adamw", 3e-4, 1e-2)}
"""Name, lowest of five rates, weight decay."""

GRIDS: dict[str, Grid] = {
    "init": Grid(
        "Does the gradient vanish, and do units die: by activation, batch norm and first weights?",
        {f"at birth: {name}": Arm(network=changes, kind="probe") for name, changes in INITIAL.items()}
        | {
            name: Arm(network=changes, also=("dead units",), rates=(1e-3,), seeds=5)
            for name, changes in INITIAL.items()
        },
        seeds=10,
        full={"image_size": (64, 128), "train_images": 200, "epochs": 20},
        small={"train_images": 60, "epochs": 6},
        budgets=("full", "small"),  # a full run takes minutes
    ),
    "patience": Grid(
        "When does early stopping stop, and what does it cost or save?",
        {
            "MiniCity": Arm({"schedule": "constant"}, rates=(1e-3,)),
            "CamVid": Arm({"schedule": "constant"}, data="camvid", rates=(1e-3,), seeds=3),
            # Steps enough to learn them by heart: after 600 the validation loss still fell at 256x128.
            "24 images": Arm(
                {"schedule": "constant", "train_images": 24} | PLAIN, times={"epochs": 4}, rates=(1e-3,), seeds=3
            ),
        },
        seeds=10,
        full={"epochs": 100, "train_images": 200},
        medium={"epochs": 100, "train_images": 200},
        small={"epochs": 20},
    ),
    "final": Grid(
        "What does the recorded recipe score on scenes that chose nothing?",
        {"the recorded recipe": Arm(rates=(2e-3,), also=("fresh scenes",))},
        seeds=5,
        full={"image_size": (160, 320), "epochs": 36},
        budgets=("full", "small"),  # a recipe has one size
    ),
    "activation": Grid(
        "Does SiLU beat ReLU?",
        {
            name + suffix: Arm({"activation": name.lower()}, data=data)
            for data, suffix in (("minicity", ""), ("camvid", ", CamVid"))
            for name in ("ReLU", "SiLU")
        }
        | {"blindfold": Arm(kind="blindfold", seeds=1)},  # what a first epoch has to beat
        seeds=10,
    ),
    "optimizer": Grid(
        "Which optimizer is fastest, with which schedule and weight decay?",
        {
            f"{name}, {schedule}": Arm(
                {"schedule": schedule, "weight_decay": decay}, optimizer=kind, rates=_ladder(first, 5)
            )
            for (name, (kind, first, decay)), schedule in product(OPTIMIZERS.items(), ("constant", "cosine"))
        }
        | {
            f"AdamW, cosine, decay {decay:g}": Arm({"weight_decay": decay}, rates=_ladder(3e-4, 5))
            for decay in (0.0, 0.1)
        },
        seeds=8,
        full={"epochs": 20},
        small={"epochs": 8},
        tuned_on=2,
    ),
    "losses": Grid(
        "Which loss trains the best network, and which mistake ruins it?",
        {
            "cross entropy": Arm(),
            "cross entropy, weighted": Arm({"class_weights": "median_frequency"}, loss=None),
            "Dice": Arm(loss="dice"),
            "focal": Arm(loss="focal"),
            "CE + Dice": Arm(loss="combined"),
            "CE + 3 Dice": Arm(loss="ce_3_dice"),
            "Lovász": Arm(loss="lovasz"),
            "Dice without softmax": Arm(loss="dice_without_softmax", seeds=5),
            "CE + Dice without softmax": Arm(loss="combined_without_softmax"),  # its runs scatter most
            "focal of sigmoids": Arm(loss="focal_with_sigmoids", seeds=5),
            "focal of sigmoids, prior bias": Arm(loss="focal_with_sigmoids", network=("prior bias",), seeds=5),
            "Dice, the slide's 21 channels": Arm({"void": "class"}, loss="dice_absent_as_zero", seeds=5),
            # All others have a falling rate.
            "cross entropy, constant rate": Arm({"schedule": "constant"}),
            "Dice, constant rate": Arm({"schedule": "constant"}, loss="dice"),
        },
        seeds=10,
    ),
    "void": Grid(
        "Is void better learned as a class, or ignored?",
        {"ignored": Arm(), "a class": Arm({"void": "class"})},
        seeds=8,
        medium={"rotation": 12.0},  # void is in its corners, too
    ),
    "skips": Grid(
        "What are the skips for?",
        {"with skips": Arm(), "without skips": Arm(network=("no skips",))},
        seeds=5,
        full={"epochs": 80},
    ),
    "batch": Grid(
        "Which batch size learns fastest, by images and by seconds?",
        {f"batch {size}": Arm({"batch_size": size}) for size in (1, 2, 4, 8, 16)},
        seeds=4,
        full={"epochs": 20},
        small={"epochs": 6},
    ),
    "augmentation": Grid(
        "Which augmentation helps where images are few?",
        {
            # Three arms decide claims of the talk.
            name: Arm(PLAIN | changes, also=("train iou",), seeds=10 if name in ("none", "flip", "rotation") else None)
            for name, changes in {
                "none": {},
                "flip": {"flip": 0.5},
                "rotation": {"rotation": 12.0},
                "blur": {"blur": 0.5},
                "the slide's": SLIDE,
                "scale and crop": SCALE,
                "colour": COLOR,
                "all": SLIDE | SCALE | COLOR,
            }.items()
        },
        seeds=4,
        full={"train_images": 80, "epochs": 150},
        medium={"train_images": 80, "epochs": 150},
        small={"train_images": 24, "epochs": 20},
    ),
    "pairs": Grid(
        "What do masks cost that are turned against their images?",
        {f"within {degrees}°": Arm(pair_error=float(degrees)) for degrees in (0, 2, 5, 12)},
        seeds=3,
    ),
    "resolution": Grid(
        "What does the size cost that the network sees?",
        {
            name: Arm(times={"image_size": factor}, also=("full size",))
            for name, factor in {"half": 0.5, "base": 1.0, "double": 2.0}.items()
        },
        seeds=3,
    ),
    "recipe": Grid(
        "What does each part of the recipe `best` bring on photos?",
        {
            "best": _on_photos(BEST),
            "the talk's": _on_photos(SLIDE | {"schedule": "constant"}, start=None, rate=1e-3),
            "the talk's, from MiniCity": _on_photos(SLIDE | {"schedule": "constant"}, rate=1e-3),
        }
        | {f"without {part}": _on_photos(BEST | changes) for part, changes in PARTS.items()}
        | {"without MiniCity": _on_photos(BEST, start=None)},
        seeds=5,
        full={"epochs": 120, "image_size": (240, 320)},
        small={"epochs": 12, "width": 16},
    ),
    "models": Grid(
        "How do the four networks compare from scratch, in equal steps and in equal seconds?",
        {
            "U-Net 16": Arm({"width": 16}),
            "U-Net 64": Arm({"width": 64}, rates=(3e-4, 1e-3, 3e-3)),
            "FCN": Arm({"model": "fcn"}, rates=(3e-4, 1e-3, 3e-3)),
            "DeepLabv3+, stride 16": Arm({"model": "deeplabv3plus"}, rates=(3e-4, 1e-3, 3e-3)),
            "DeepLabv3+, stride 8": Arm(
                {"model": "deeplabv3plus"}, network=("output stride 8",), rates=(3e-4, 1e-3, 3e-3)
            ),
            "SegFormer": Arm({"model": "segformer"}, rates=(1e-4, 3e-4, 1e-3)),
            "blindfold": Arm(kind="blindfold", seeds=1),
        },
        seeds=3,
        small={"train_images": 40, "epochs": 4},
        budgets=("full", "small"),  # at 128x64 the map of DeepLabv3+ would have 8x4 places
    ),
}
"""The experiments in order of value."""
