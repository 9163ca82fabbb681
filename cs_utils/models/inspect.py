"""Look inside a network: its layers, what it costs, what its activations let through, and how to change a part of it.

Costs are counted, not measured, except by `time_models`: `meta_model` builds a network without a number in it, on
PyTorch's device "meta", where tensors have a shape and no content. So counting takes no time and no memory, at any
image size, and gives the same on every machine.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from cs_utils.models.modes import evaluating, keeping_memory, keeping_modes
from cs_utils.models.zoo import build, count_parameters
from cs_utils.settings import Settings

ACTIVATION_KINDS = (nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Tanh)
"""The activation functions that `probe_activations` finds in a network."""
DEAD_SLOPE = 0.01
"""A derivative of at most this size counts as none."""
KINDS = {nn.Conv2d: "convolution", nn.ConvTranspose2d: "up-convolution", nn.BatchNorm2d: "batch norm"}
"""What `trace_layers` calls the layers of a U-Net; it calls all others by their class."""


class _WithoutNumbers(TorchFunctionMode):
    # Layers make their parameters by these three functions; only these go to "meta". `torch.device("meta")` would send
    # all tensors there, and a network that reads numbers while it is built, such as SegFormer, would fail.
    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        meta = {"device": "meta"} if func in (torch.empty, torch.zeros, torch.ones) else {}
        return func(*args, **(kwargs or {}) | meta)


@cache
def meta_model(settings: Settings) -> nn.Module:
    """Build a network as `zoo.build` does, but with shapes only: on the device "meta", at no cost.

    The same settings give the same module again: it holds no numbers that could change.
    """
    with _WithoutNumbers():
        return build(settings.replace(pretrained=False)).to("meta")


def _images(model: nn.Module, count: int, size: tuple[int, int]) -> Tensor:
    device = next((parameter.device for parameter in model.parameters()), None)
    return torch.zeros(count, 3, *size, device=device)


def multiply_adds(model: nn.Module, size: tuple[int, int]) -> int:
    """Multiply-adds of predicting one image of (height, width): convolutions and matrix products, nothing else."""
    with evaluating(model), FlopCounterMode(display=False) as counter:
        model(_images(model, 1, size))
    return counter.get_total_flops() // 2  # PyTorch counts a multiplication and an addition as two


def activation_bytes(model: nn.Module, size: tuple[int, int]) -> int:
    """Bytes that a training step keeps from the forward pass for the backward pass, for each image of (height, width).

    Counts what autograd saves inside the network, each piece of memory once however many layers save it, and neither
    the parameters nor the loss. Leaves every module in the mode it was in; its running statistics see two black images.
    """
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # `_cdata` is private, but nothing public tells storages apart on "meta": their `data_ptr()` is always 0. The
        # storage itself is held, so that no later one can get the same address.
        kept[storage._cdata] = storage
        return tensor

    images = 2  # batch norm after DeepLabv3+'s global pooling wants more than one
    with keeping_modes(model), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(_images(model, images, size))
    for tensor in (*model.parameters(), *model.buffers()):
        kept.pop(tensor.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in kept.values()) // images


def trace_layers(model: nn.Module, size: tuple[int, int]) -> pd.DataFrame:
    """Run a network on one image of ``size`` (height, width) and write down what each layer with parameters does.

    Returns:
        One row for each layer, in the order in which they run: ``name``; ``kind`` (`KINDS`); ``stride``, how many
        pixels of the image lie between two positions of its output, as a power of two; ``kernel`` (0: none);
        ``in_channels``; ``out_channels``; ``height`` and ``width`` of the output (of a sequence of tokens: its length
        and 1); ``parameters``; ``multiply_adds`` (the products inside attention belong to no layer);
        ``activations``, how many numbers it gives.
    """
    rows: list[dict[str, Any]] = []
    names = {module: name for name, module in model.named_modules()}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        height, width = _grid(output)
        # Every weight is used once for each output position, by an up-convolution once for each input position.
        positions = math.prod(_grid(inputs[0] if isinstance(module, nn.ConvTranspose2d) else output))
        weighs = isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
        rows.append(
            {
                "name": names[module],
                "kind": KINDS.get(type(module), type(module).__name__),
                "stride": 2 ** round(math.log2(math.prod(size) / (height * width)) / 2),
                "kernel": getattr(module, "kernel_size", (0,))[0],
                "in_channels": inputs[0].shape[1 if inputs[0].ndim == 4 else -1],
                "out_channels": output.shape[1 if output.ndim == 4 else -1],
                "height": height,
                "width": width,
                "parameters": sum(parameter.numel() for parameter in module.parameters(recurse=False)),
                "multiply_adds": module.weight.numel() * positions if weighs else 0,
                "activations": output.numel(),
            }
        )

    with_parameters = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    handles = [module.register_forward_hook(note) for module in with_parameters]
    try:
        with evaluating(model):
            model(_images(model, 1, size))
    finally:
        for handle in handles:
            handle.remove()
    return pd.DataFrame(rows)


def _grid(x: Tensor) -> tuple[int, int]:
    # Of a map (N, C, H, W), or of a sequence of tokens (N, L, C).
    return (x.shape[2], x.shape[3]) if x.ndim == 4 else (x.shape[1], 1)


def count_costs(networks: Mapping[str, Settings], size: tuple[int, int]) -> pd.DataFrame:
    """Count what each network costs on images of (height, width); a row for each.

    Columns: ``parameters``, in millions; ``multiply_adds``, in billions (10^9) for an image; ``activations``, in
    megabytes kept for an image of a training step.
    """
    rows = {name: _count(settings, size) for name, settings in networks.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


@cache
def _count(settings: Settings, size: tuple[int, int]) -> dict[str, float]:
    model = meta_model(settings)
    return {
        "parameters": count_parameters(model) / 1e6,
        "multiply_adds": multiply_adds(model, size) / 1e9,
        "activations": activation_bytes(model, size) / 1e6,
    }


@keeping_memory()
def time_models(
    models: Mapping[str, nn.Module], size: tuple[int, int], batch_size: int = 4, repeats: int = 3, warm_up: int = 1
) -> pd.DataFrame:
    """Measure seconds of a training step with a batch, and of predicting one image of (height, width).

    The models take turns, so that a slow moment of the machine hits all of them; each gets the median of its repeats
    after ``warm_up`` turns that do not count. A row for each; columns ``step`` and ``prediction``. The models' weights
    change.
    """
    actions = {}
    for name, model in models.items():
        optimizer = torch.optim.AdamW(model.parameters())
        actions[name, "step"] = lambda model=model, optimizer=optimizer: _step(model, optimizer, size, batch_size)
        actions[name, "prediction"] = lambda model=model: _predict(model, size)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in actions}
    for _ in range(warm_up + repeats):
        for key, action in actions.items():
            start = time.perf_counter()
            action()  # ends with a number on the processor, so a GPU has finished too
            seconds[key].append(time.perf_counter() - start)
    columns = ("step", "prediction")
    rows = {name: {column: statistics.median(seconds[name, column][warm_up:]) for column in columns} for name in models}
    return pd.DataFrame.from_dict(rows, orient="index")


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, size: tuple[int, int], batch_size: int) -> float:
    model.train()
    logits = model(torch.randn_like(_images(model, batch_size, size)))
    target = torch.zeros(batch_size, *size, dtype=torch.int64, device=logits.device)
    optimizer.zero_grad()
    F.cross_entropy(logits, target).backward()
    optimizer.step()
    return float(next(model.parameters()).detach().flatten()[0])


def _predict(model: nn.Module, size: tuple[int, int]) -> float:
    with evaluating(model):
        return float(model(torch.randn_like(_images(model, 1, size))).sum())


def share_within(gradient: np.ndarray, row: int, column: int) -> np.ndarray:
    """Share of a map (H, W) that lies in the square from -n to +n pixels around a pixel, for n = 0, 1, ...: 0..1."""
    rows, columns = np.indices(gradient.shape)
    distance = np.maximum(abs(rows - row), abs(columns - column))
    return np.bincount(distance.ravel(), weights=gradient.ravel()).cumsum() / gradient.sum()


def probe_activations(network: nn.Module, images: Iterable[Tensor]) -> pd.DataFrame:
    """Count what the activations of a network do on some images, in evaluation mode.

    A channel is dead if the derivative of its activation is nowhere larger than `DEAD_SLOPE`, on no pixel of no image:
    no gradient can come back through it. For ReLU that is a channel that is 0 everywhere. Where an output is infinite
    or NaN, nothing useful comes back either.

    Args:
        network: takes images; its activations are modules (`ACTIVATION_KINDS`), which may work in place and may be
            used at several places.
        images: batches (N, 3, H, W) float.

    Returns:
        One row for each activation in the order in which they run, indexed by ``layer`` from 1: ``channels``, ``dead``
        channels, ``values`` (how many numbers went through), and of these how many had an ``input_zero`` (exactly 0),
        came out as ``output_zero`` (exactly 0) or ``output_negative``.
    """
    counts: list[dict[str, int]] = []
    steepest: list[Tensor] = []  # (C,) largest derivative so far
    turn = 0  # which activation of the pass runs next
    given: dict[nn.Module, Tensor] = {}

    def remember(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        given[layer] = inputs[0].clone()  # a layer that works in place overwrites its input

    def watch(layer: nn.Module, _: tuple[Tensor], output: Tensor) -> None:
        nonlocal turn
        x = given.pop(layer)
        slopes = torch.where(output.isfinite(), _derivative(layer, x).abs(), 0)
        slope = slopes.amax(dim=(0, 2, 3))  # (N, C, H, W) -> (C,)
        if turn == len(counts):
            counts.append(dict.fromkeys(("values", "input_zero", "output_zero", "output_negative"), 0))
            steepest.append(slope)
        count = counts[turn]
        count["values"] += output.numel()
        count["input_zero"] += int((x == 0).sum())
        count["output_zero"] += int((output == 0).sum())
        count["output_negative"] += int((output < 0).sum())
        steepest[turn] = torch.maximum(steepest[turn], slope)
        turn += 1

    layers = [layer for layer in network.modules() if isinstance(layer, ACTIVATION_KINDS)]
    device = next((parameter.device for parameter in network.parameters()), None)
    handles = [layer.register_forward_pre_hook(remember) for layer in layers]
    handles += [layer.register_forward_hook(watch) for layer in layers]
    try:
        with evaluating(network):
            for image in images:
                turn = 0
                network(image if device is None else image.to(device))
    finally:
        for handle in handles:
            handle.remove()
    rows = [
        {"layer": number, "channels": len(slope), "dead": int((slope <= DEAD_SLOPE).sum()), **count}
        for number, (slope, count) in enumerate(zip(steepest, counts, strict=True), start=1)
    ]
    return pd.DataFrame(rows).set_index("layer")


def _derivative(layer: nn.Module, x: Tensor) -> Tensor:
    """Derivative of an elementwise layer at each value of x."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        # Called past the hooks, which would call this again.
        (slope,) = torch.autograd.grad(layer.forward(x.clone()).sum(), x)
    return slope


class Shift(nn.Module):
    """What a plain convolution has in place of batch norm: a learned number for each channel, which is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Add (C,) to (N, C, H, W)."""
        return x + self.bias[:, None, None]


def replace_modules(network: nn.Module, kind: type[nn.Module], make: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Put ``make(old)`` in the place of every module of a kind, in place; return the network."""
    for name, child in list(network.named_children()):
        if isinstance(child, kind):
            setattr(network, name, make(child))
        else:
            replace_modules(child, kind, make)
    return network


def without_batch_norm(network: nn.Module) -> nn.Module:
    """Take batch norm out, in place, and leave a shift for each channel, as a plain convolution has."""
    return replace_modules(network, nn.BatchNorm2d, lambda norm: Shift(norm.num_features))
