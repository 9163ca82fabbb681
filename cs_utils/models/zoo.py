"""The four models that the talk considered, built by name, and their weights on disk.

Weights are safetensors files: plain numbers that cannot run code. Beside them the file says which network they fit, so
that ``evaluate`` and ``predict`` need nothing but the file.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.models.unet import UNet, pad_to_multiple
from cs_utils.settings import ROOT, Accelerator, Settings, uses

BEST = "best.safetensors"
"""What the weights of a run's best epoch are called, in its folder."""
COURSE_WEIGHTS = ROOT / "results" / "weights" / "minicity.safetensors"
"""The weights of the network that the lessons look at; it has seen MiniCity only."""
PHOTO_WEIGHTS = COURSE_WEIGHTS.with_name("streets.safetensors")
"""The weights for photos, which have seen some: what ``predict`` uses where none are named."""
ENCODER_STRIDE = 32
"""The ResNet and SegFormer encoders want heights and widths that are multiples of this."""
ARCHITECTURE = ("model", "width", "activation", "void", "image_size")
"""The settings that weights depend on; they are stored with them."""


class AnySize(nn.Module):
    """Wraps a network from a library, so that it takes any image size and gives just the logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Give logits (N, C, H, W) of images (N, 3, H, W)."""
        height, width = image.shape[-2:]
        output = self.network(pad_to_multiple(image, ENCODER_STRIDE))
        logits = output["out"] if isinstance(output, dict) else output  # torchvision's FCN gives a dict
        return logits[..., :height, :width]


def build(settings: Settings) -> nn.Module:
    """Build the network that the settings ask for; it maps images (N, 3, H, W) to logits (N, settings.channels, H, W).

    Args:
        settings: ``model`` is ``"unet"``; ``"fcn"`` (ResNet-50, from torchvision); ``"deeplabv3plus"`` (ResNet-50) or
            ``"segformer"`` (B2), both from segmentation-models-pytorch. ``width`` and ``activation`` are the U-Net's;
            ``pretrained`` is the others' and fetches weights. The first weights depend on ``seed`` and on nothing
            else, unless ``start`` names a file that holds them.

    Raises:
        CourseError: the file of the first weights is missing or broken, or is of another network; or both ``start`` and
            ``pretrained`` are given; or the weights cannot be fetched.
    """
    if settings.start and settings.pretrained:
        raise CourseError("setting pretrained has no effect with start, which replaces its weights: leave it out")
    # No device is touched: processes for several GPUs may yet be started from this one.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        try:
            model = _build(settings)
        except OSError as error:
            if not settings.pretrained:
                raise
            reason = str(error).partition("\n")[0]
            raise CourseError(
                f"the weights for pretrained=True cannot be fetched ({reason}): go online, or leave it out"
            ) from None
    if settings.start:
        fill(model, read_weights(settings.start)[0], settings.start)
    return model


def _build(settings: Settings) -> nn.Module:
    if settings.model == "unet":
        return UNet(settings.channels, settings.width, settings.activation)
    if settings.model == "fcn":
        from torchvision.models.segmentation import fcn_resnet50

        backbone = "DEFAULT" if settings.pretrained else None
        return AnySize(fcn_resnet50(weights=None, weights_backbone=backbone, num_classes=settings.channels))
    # Imported here, not above: it takes seconds, and a U-Net does not need it.
    import segmentation_models_pytorch as smp

    kinds = {"deeplabv3plus": (smp.DeepLabV3Plus, "resnet50"), "segformer": (smp.Segformer, "mit_b2")}
    kind, encoder = kinds[settings.model]
    weights = "imagenet" if settings.pretrained else None
    return AnySize(kind(encoder, encoder_weights=weights, classes=settings.channels))


def choose_device(accelerator: Accelerator = "auto") -> torch.device:
    """The device of this name: cpu, cuda or mps; for ``auto`` the machine's accelerator, or else its CPU.

    Raises:
        CourseError: this machine, or this PyTorch, has no such device.
    """
    here = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    if accelerator in ("auto", here.type):
        return here
    if accelerator == "cpu":
        return torch.device("cpu")
    raise CourseError(f"setting accelerator={accelerator!r} is not on this machine: give auto or {here.type}")


def count_parameters(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def save_weights(model: nn.Module, path: Path, settings: Settings) -> None:
    """Write a model's weights, and the settings that they depend on, as one safetensors file."""
    architecture = {key: value for key, value in dataclasses.asdict(settings).items() if key in ARCHITECTURE}
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    # One entry, because several would be written in any order, and equal weights would give unequal files.
    metadata = {"architecture": json.dumps(architecture | {"digest": digest(tensors)})}
    write_atomic(path, safetensors.torch.save(tensors, metadata=metadata))


def digest(tensors: dict[str, Tensor]) -> str:
    """A name for these numbers; with one bit changed it is another."""
    numbers = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        numbers.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        numbers.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return numbers.hexdigest()


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a weights file: its numbers by name, and the settings that they depend on.

    Args:
        path: the file, or the folder of a run, which holds it as ``best.safetensors``.

    Raises:
        CourseError: the file is missing, truncated, changed, or not from this course.
    """
    if path.is_dir():
        path = path / BEST
    if not path.is_file():
        raise CourseError(f"weights file {path} is missing: train a model first, with `python -m cs_utils train`")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        architecture = json.loads(metadata["architecture"])
        chosen = {key: architecture[key] for key in ARCHITECTURE if uses(architecture["model"], key)}
        Settings(**chosen)
        if "digest" in architecture and architecture["digest"] != digest(tensors):
            raise ValueError("its numbers are not those that were written")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, CourseError) as error:
        reason = str(error).splitlines()[0]
        raise CourseError(
            f"{path} is not a whole weights file of this course ({reason}): give a run's folder, or {BEST} in it"
        ) from None
    return tensors, chosen


def load_weights(path: Path, settings: Settings) -> tuple[nn.Module, Settings]:
    """Build the network that a weights file was made from and fill it; in evaluation mode, on ``settings.accelerator``.

    Args:
        path: the file, or the folder of a run, which holds it as ``best.safetensors``.
        settings: those that the weights do not depend on; ``accelerator`` of them matters here.

    Returns:
        The model, and ``settings`` with those that the weights depend on taken from the file.

    Raises:
        CourseError: the file is missing, truncated, changed, not from this course, or of another shape than it says; or
            there is no such device.
    """
    tensors, chosen = read_weights(path)
    stored = settings.replace(**chosen, pretrained=False, start=None)
    model = build(stored)
    fill(model, tensors, path)
    return model.eval().to(choose_device(settings.accelerator)), stored


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy weights into a model.

    Raises:
        CourseError: a name or a shape does not fit; the message names the first that does not, and the file.
    """
    wanted = model.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        shapes = [tuple(group[name].shape) if name in group else None for group in (tensors, wanted)]
        if shapes[0] != shapes[1]:
            raise CourseError(
                f"{path} does not fit this model: {name} is {shapes[0]} in the file and {shapes[1]} in the model; "
                "build the model with the settings that the weights were trained with"
            )
    model.load_state_dict(tensors)
