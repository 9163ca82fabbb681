"""What the plain words of an `Arm` stand for: losses, optimizers, changes to a network, and masks that do not fit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from cs_utils.data.loaders import Transform
from cs_utils.data.transforms import rotate
from cs_utils.exceptions import unknown
from cs_utils.experiments.grids import START, Arm
from cs_utils.losses.broken import BROKEN_LOSSES, dice_without_softmax
from cs_utils.losses.right import LOSSES as RIGHT_LOSSES
from cs_utils.losses.right import combined_loss, cross_entropy, lovasz_loss
from cs_utils.models.inspect import replace_modules, without_batch_norm
from cs_utils.models.unet import DoubleConv, Up
from cs_utils.models.zoo import COURSE_WEIGHTS, AnySize, build, load_weights
from cs_utils.settings import Settings
from cs_utils.training.setup import Loss, make_optimizer

PRIOR = 0.01
"""What a network with a prior bias says of every class at the start; RetinaNet's, arXiv 1708.02002."""


def combined_without_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy plus a Dice that takes logits for probabilities."""
    return cross_entropy(logits, target) + dice_without_softmax(logits, target)


LOSSES: dict[str, Callable[..., Tensor]] = {
    **RIGHT_LOSSES,
    **BROKEN_LOSSES,
    "ce_3_dice": partial(combined_loss, dice_share=3.0),
    "lovasz": lovasz_loss,
    "combined_without_softmax": combined_without_softmax,
}
"""The losses by the names that arms use."""


def make_loss(arm: Arm) -> Loss | None:
    """The loss that an arm names; None where the settings name it.

    Raises:
        CourseError: there is no such loss.
    """
    if arm.loss is not None and arm.loss not in LOSSES:
        raise unknown("loss", arm.loss, LOSSES)
    return arm.loss and LOSSES[arm.loss]


def make_arm_optimizer(arm: Arm, parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """The optimizer that an arm names, with the rate and the weight decay of the settings."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if arm.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, fused=True)
    if arm.optimizer == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)
    return make_optimizer(parameters, rate, decay)


class UpWithoutSkip(Up):
    """A step of the decoder that sees zeros in place of the encoder's features; it has as many weights."""

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """As `Up`, without a look at ``skip``."""
        return super().forward(x, torch.zeros_like(skip))


def _without_skips(network: nn.Module, settings: Settings) -> nn.Module:
    for module in network.modules():
        if type(module) is Up:
            module.__class__ = UpWithoutSkip
    return network


def _with_activation(kind: type[nn.Module]) -> Callable[[nn.Module, Settings], nn.Module]:
    def change(network: nn.Module, settings: Settings) -> nn.Module:
        return replace_modules(network, nn.SiLU, lambda _: kind())

    return change


def _he_weights(network: nn.Module, settings: Settings) -> nn.Module:
    """He et al., arXiv 1502.01852: normal, of variance 2 / inputs, in the 3x3 convolutions."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return network


def _with_pytorch_biases(network: nn.Module, settings: Settings) -> nn.Module:
    """Without batch norm, and with the biases of `nn.Conv2d`: uniform within 1 / sqrt(inputs)."""
    for block in without_batch_norm(network).modules():
        if isinstance(block, DoubleConv):
            for convolution, shift in ((block[0], block[1]), (block[3], block[4])):
                bound = convolution.weight[0].numel() ** -0.5
                nn.init.uniform_(shift.bias, -bound, bound)
    return network


def _minicity_weights(network: nn.Module, settings: Settings) -> nn.Module:
    return load_weights(COURSE_WEIGHTS, settings)[0].train()


def _prior_bias(network: nn.Module, settings: Settings) -> nn.Module:
    nn.init.constant_(network.head.bias, float(np.log(PRIOR / (1 - PRIOR))))
    return network


def _output_stride_8(network: nn.Module, settings: Settings) -> nn.Module:
    import segmentation_models_pytorch as smp

    return AnySize(smp.DeepLabV3Plus("resnet50", 5, None, encoder_output_stride=8, classes=settings.channels))


CHANGES: dict[str, Callable[[nn.Module, Settings], nn.Module]] = {
    "relu": _with_activation(nn.ReLU),
    "silu": lambda network, _: network,
    "tanh": _with_activation(nn.Tanh),
    "sigmoid": _with_activation(nn.Sigmoid),
    "no batch norm": lambda network, _: without_batch_norm(network),
    "no batch norm, PyTorch's biases": _with_pytorch_biases,
    "He's weights": _he_weights,
    START: _minicity_weights,
    "no skips": _without_skips,
    "prior bias": _prior_bias,
    "output stride 8": _output_stride_8,
}
"""Changes to a network by the names that arms use."""


def make_network(arm: Arm, settings: Settings) -> nn.Module:
    """The network of an arm; its first weights depend on ``settings.seed`` and on nothing else."""
    network = build(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for change in arm.network:
            network = CHANGES[change](network, settings)
    return network


@dataclass(frozen=True)
class MismatchedPairs:
    """Rotates each mask by a random angle before the usual transform, and leaves its image as it is."""

    transform: Transform
    degrees: float

    def __call__(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """As the transform."""
        _, turned = rotate(image, mask, rng.uniform(-self.degrees, self.degrees))
        return self.transform(image, turned, rng)
