"""A training step and a prediction, against the networks and the loop that a user would otherwise pick.

Everybody trains on the same batch of noise: what is in the pixels makes no difference to the clock.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.turns import Action, Contestant, take_turns
from cs_utils.losses.right import cross_entropy
from cs_utils.models.modes import evaluating, keep_memory
from cs_utils.models.zoo import build, choose_device
from cs_utils.settings import Settings
from cs_utils.training.devices import make_fabric, set_up
from cs_utils.training.loop import training_step
from cs_utils.training.replay import Work, replaying
from cs_utils.training.setup import make_optimizer

SIZE, BATCH, CLASSES = (256, 512), 4, 19


def choices() -> dict[str, Any]:
    """The settings for speed of the profile that is meant for this machine."""
    settings = Settings.of_profile("slides" if choose_device().type == "cuda" else "laptop")
    return {name: getattr(settings, name) for name in ("precision", "memory_format", "compile")}


def make_batch(size: tuple[int, int], batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """An image (N, 3, H, W) and a target (N, H, W) of noise; its uppermost rows are void."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(CLASSES, (batch, *size), generator=generator)
    target[:, : size[0] // 10] = 255
    return torch.randn(batch, 3, *size, generator=generator), target


def make_network(name: str, width: int) -> nn.Module:
    """A network by its name: our U-Net, or one of the two that a user would find first."""
    torch.manual_seed(0)
    if name == "smp U-Net":
        import segmentation_models_pytorch as smp

        return smp.Unet("resnet34", encoder_weights=None, classes=CLASSES)
    if name == "torchvision FCN":
        from torchvision.models.segmentation import fcn_resnet50

        return Logits(fcn_resnet50(weights=None, weights_backbone=None, num_classes=CLASSES))
    return build(Settings(width=width))


class Logits(nn.Module):
    """torchvision's networks give a dictionary; this gives its logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, C, H, W)."""
        return self.network(image)["out"]


def textbook_step(name: str, width: int, size: tuple[int, int] = SIZE, batch: int = BATCH) -> Action:
    """The loop that stands in every tutorial, in float32."""
    device = choose_device()
    model = make_network(name, width).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-2)
    image, target = make_batch(size, batch)

    def act() -> float:
        here, there = image.to(device), target.to(device)
        loss = F.cross_entropy(model(here), there, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return act


def course_step(
    width: int, changes: Mapping[str, Any], size: tuple[int, int] = SIZE, batch: int = BATCH, replayed: bool = True
) -> Action:
    """The course's own step on a batch of noise, with these changes to the settings."""
    step = make_course_step(Settings(width=width, image_size=size, batch_size=batch, **changes), replayed)
    pair = make_batch(size, batch)
    if choose_device().type == "cuda":
        pair = tuple(tensor.pin_memory() for tensor in pair)  # as the course's loaders do
    return lambda: step(*pair)


def make_course_step(settings: Settings, replayed: bool = True) -> Work:
    """The course's own step, for batches from anywhere: the parts of `training.fit`, one after the other.

    Args:
        settings: as `training.fit` takes them.
        replayed: on a GPU, record the step and replay it, as the course does.
    """
    keep_memory()
    fabric = make_fabric(settings)
    network = build(settings)
    model, optimizer = set_up(fabric, network, make_optimizer(network.parameters(), settings.learning_rate), settings)
    model.train()
    step = training_step(fabric, model, optimizer, cross_entropy)
    step = replaying(step, fabric, optimizer) if replayed and not settings.compile else step
    return lambda image, target: step(*fabric.to_device((image, target)))


def textbook_prediction(name: str, width: int, size: tuple[int, int] = SIZE, batch: int = 1) -> Action:
    """Label maps of a batch that is on the device already, as a tutorial computes them."""
    device = choose_device()
    model = make_network(name, width).to(device).eval()
    image = make_batch(size, batch)[0].to(device)

    def act() -> None:
        with torch.no_grad():
            model(image).argmax(dim=1).cpu()

    return act


def course_prediction(
    width: int, changes: Mapping[str, Any], size: tuple[int, int] = SIZE, batch: int = 1, replayed: bool = False
) -> Action:
    """The same, as the course computes them with these changes to the settings; or ``replayed``, as it validates."""
    settings = Settings(width=width, image_size=size, **changes)
    keep_memory()
    fabric = make_fabric(settings)
    network = build(settings)
    model, _ = set_up(fabric, network, make_optimizer(network.parameters(), settings.learning_rate), settings)

    def predict(image: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor]:
        with fabric.autocast():
            return (model(image).argmax(dim=1),)

    predict = replaying(predict, fabric) if replayed else predict
    pair = fabric.to_device(make_batch(size, batch))

    def act() -> None:
        with evaluating(model):
            predict(*pair)[0].cpu()

    return act


LADDER: dict[str, dict[str, Any]] = {
    "course, contiguous": {"memory_format": "contiguous"},
    "course, channels_last": {"memory_format": "channels_last"},
    "course, compiled": {"compile": True},
    "course, bf16": {"precision": "bf16-mixed"},
    "course, bf16, compiled": {"precision": "bf16-mixed", "compile": True},
}
"""What is tried on the course's step; the fastest on a CPU without a compiler was chosen as the default."""


def run(rounds: int) -> pd.DataFrame:
    """Time a training step with a batch of 4 at 512x256; ``ratio`` is against the textbook loop on the same U-Net."""
    tables = []
    for width in (16, 64):
        ladder = LADDER
        if width == 64 and choose_device().type == "cpu":
            ladder = dict(list(LADDER.items())[:2])  # each process holds 6 GB, so that all of them want a large machine
        contestants = {f"width {width}: textbook loop": Contestant(textbook_step, {"name": "U-Net", "width": width})}
        for name, changes in ladder.items():
            contestants[f"width {width}: {name}"] = Contestant(course_step, {"width": width, "changes": changes})
        tables.append(_compare(contestants, rounds))
    others = {
        f"textbook loop: {name}": Contestant(textbook_step, {"name": name, "width": 64})
        for name in ("smp U-Net", "torchvision FCN")
    }
    return pd.concat([*tables, take_turns(others, rounds)])


def run_predictions(rounds: int) -> pd.DataFrame:
    """Time the prediction of one image at 512x256; ``ratio`` is against the textbook's on the same U-Net."""
    tables = []
    for width in (16, 64):
        tables.append(
            _compare(
                {
                    f"width {width}: textbook": Contestant(textbook_prediction, {"name": "U-Net", "width": width}),
                    f"width {width}: course": Contestant(course_prediction, {"width": width, "changes": choices()}),
                },
                rounds,
            )
        )
    others = {
        f"textbook: {name}": Contestant(textbook_prediction, {"name": name, "width": 64})
        for name in ("smp U-Net", "torchvision FCN")
    }
    return pd.concat([*tables, take_turns(others, rounds)])


def _compare(contestants: dict[str, Contestant], rounds: int) -> pd.DataFrame:
    table = take_turns(contestants, rounds)
    return table.assign(ratio=table["seconds"].iloc[0] / table["seconds"])
