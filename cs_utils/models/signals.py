"""How a signal fares on its way through a network: forwards, and its gradient on the way back."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor, nn

from cs_utils.losses.right import cross_entropy


def trace_signals(network: nn.Module, image: Tensor, target: Tensor) -> pd.DataFrame:
    """What passes each 3x3 convolution in one training step without a step: the signal, and the loss's gradient.

    The gradient of the weights is the gradient that arrives times the signal that came in. So weights may get none
    although much arrives, and the two must be looked at apart.

    Args:
        network: gives logits (N, C, H, W); put into training mode, and left without gradients.
        image: (N, 3, H, W) float.
        target: (N, H, W) int64.

    Returns:
        One row for each 3x3 convolution in the order in which they run, indexed by ``layer`` from 1: ``signal``, the
        root mean square of its input; ``arriving``, the L2 norm of the gradient with respect to its output; and
        ``weight_gradient``, the L2 norm of that with respect to its weights.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)]
    order: list[nn.Module] = []
    signal: dict[nn.Module, float] = {}
    arriving: dict[nn.Module, float] = {}

    def watch(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        order.append(layer)
        signal[layer] = inputs[0].detach().square().mean().sqrt().item()
        output.register_hook(_keep_norm(arriving, layer))

    handles = [layer.register_forward_hook(watch) for layer in layers]
    network.train()
    network.zero_grad()
    try:
        cross_entropy(network(image), target).backward()
    finally:
        for handle in handles:
            handle.remove()
    rows = [
        {
            "layer": number,
            "signal": signal[layer],
            "arriving": arriving[layer],
            "weight_gradient": layer.weight.grad.norm().item(),
        }
        for number, layer in enumerate(order, start=1)
    ]
    network.zero_grad()
    return pd.DataFrame(rows).set_index("layer")


def _keep_norm(norms: dict[nn.Module, float], layer: nn.Module) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        norms[layer] = torch.linalg.vector_norm(gradient).item()

    return hook
