"""Look inside a network: what its activations let through, forwards and backwards, and how to change a part of it.

Layers are named by their place in the data's way: layer 1 is the first 3x3 convolution, or the activation behind it.
"""

from collections.abc import Callable, Iterable

import pandas as pd
import torch
from torch import Tensor, nn

from cs_utils.losses.right import cross_entropy
from cs_utils.models.modes import evaluating

ACTIVATION_KINDS = (nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Tanh)
"""The activation functions that the probes find in a network."""


class Shift(nn.Module):
    """What is left of batch norm when it normalises nothing: a number for each channel, learned, added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Add (C,) to (N, C, H, W)."""
        return x + self.bias[:, None, None]


def exchange(network: nn.Module, kind: type[nn.Module], make: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Put ``make(old)`` in the place of every module of a kind, in place; give the network back."""
    for name, child in list(network.named_children()):
        if isinstance(child, kind):
            setattr(network, name, make(child))
        else:
            exchange(child, kind, make)
    return network


def without_batch_norm(network: nn.Module) -> nn.Module:
    """Take batch norm out, in place, and leave a shift for each channel, as a plain convolution has."""
    return exchange(network, nn.BatchNorm2d, lambda norm: Shift(norm.num_features))


def gradient_norms(network: nn.Module, image: Tensor, target: Tensor) -> list[float]:
    """How much gradient arrives at each 3x3 convolution: the L2 norm over its weights, first layer first.

    Args:
        network: gives logits (N, C, H, W); put into training mode, and left without gradients.
        image: (N, 3, H, W) float.
        target: (N, H, W) int64.
    """
    network.train()
    network.zero_grad()
    cross_entropy(network(image), target).backward()
    convolutions = [
        layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
    ]
    norms = [layer.weight.grad.norm().item() for layer in convolutions]
    network.zero_grad()
    return norms


def probe_activations(network: nn.Module, images: Iterable[Tensor], threshold: float = 0.01) -> pd.DataFrame:
    """Count what the activations of a network do on some images, in evaluation mode.

    A channel is dead if the derivative of its activation is nowhere larger than ``threshold``, on no pixel of no image:
    no gradient can come back through it. For ReLU that is a channel that is 0 everywhere. Where
    an output is infinite or no number, nothing useful comes back either.

    Args:
        network: takes images; its activations are modules (`ACTIVATION_KINDS`).
        images: batches (N, 3, H, W) float.
        threshold: the derivative, without its sign, that still counts as none.

    Returns:
        One row for each activation, indexed by ``layer`` from 1: ``channels``, ``dead`` channels, ``values`` (how many
        numbers went through), and of these how many had an ``input_zero`` (exactly 0), came out as ``output_zero``
        (exactly 0) or ``output_negative``.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, ACTIVATION_KINDS)]
    counts = [dict.fromkeys(("values", "input_zero", "output_zero", "output_negative"), 0) for _ in layers]
    steepest: list[Tensor | None] = [None] * len(layers)  # (C,) largest derivative so far

    def watch(index: int) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def hook(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            count = counts[index]
            count["values"] += output.numel()
            count["input_zero"] += int((inputs[0] == 0).sum())
            count["output_zero"] += int((output == 0).sum())
            count["output_negative"] += int((output < 0).sum())
            slopes = torch.where(output.isfinite(), _derivative(layer, inputs[0]).abs(), 0)
            slope = slopes.amax(dim=(0, 2, 3))  # (N, C, H, W) -> (C,)
            before = steepest[index]
            steepest[index] = slope if before is None else torch.maximum(before, slope)

        return hook

    device = next((parameter.device for parameter in network.parameters()), None)
    handles = [layer.register_forward_hook(watch(index)) for index, layer in enumerate(layers)]
    try:
        with evaluating(network):
            for image in images:
                network(image if device is None else image.to(device))
    finally:
        for handle in handles:
            handle.remove()
    rows = [
        {"layer": number, "channels": len(slope), "dead": int((slope <= threshold).sum()), **count}
        for number, (slope, count) in enumerate(zip(steepest, counts, strict=True), start=1)
    ]
    return pd.DataFrame(rows).set_index("layer")


def _derivative(layer: nn.Module, x: Tensor) -> Tensor:
    """Derivative of an elementwise layer at each value of x."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        # Called past the hooks, which would call this again.
        (slope,) = torch.autograd.grad(layer.forward(x).sum(), x)
    return slope
