"""What a network costs: parameters, operations, memory for the backward pass, time.

The first three are counted, not measured: `outline` builds a network without a number in it, on PyTorch's device
"meta", where tensors have a shape and no content. So counting takes no time and no memory, at any image size, and gives
the same on every machine. Only `times` computes.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from cs_utils.models.modes import evaluating, keep_memory
from cs_utils.models.zoo import build, count_parameters
from cs_utils.settings import Settings


class _WithoutNumbers(TorchFunctionMode):
    # Layers make their parameters by these three; all else, such as a network's own arithmetic, stays on the CPU.
    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        meta = {"device": "meta"} if func in (torch.empty, torch.zeros, torch.ones) else {}
        return func(*args, **{**(kwargs or {}), **meta})


@cache
def outline(name: str, settings: Settings) -> nn.Module:
    """Build a network as `models.build` does, but with shapes only: on the device "meta", at no cost.

    Whoever asks for the same once more gets the same module: it holds no numbers that could change.
    """
    with _WithoutNumbers():
        return build(name, settings.replace(pretrained=False)).to("meta")


def _images(model: nn.Module, count: int, size: tuple[int, int]) -> Tensor:
    return torch.zeros(count, 3, *size, device=next(model.parameters()).device)


def operations(model: nn.Module, size: tuple[int, int]) -> int:
    """Multiply-adds of predicting one image of (height, width): convolutions and matrix products, nothing else."""
    with evaluating(model), FlopCounterMode(display=False) as counter:
        model(_images(model, 1, size))
    return counter.get_total_flops() // 2  # PyTorch counts a multiplication and an addition as two


def kept_bytes(model: nn.Module, size: tuple[int, int]) -> int:
    """Bytes that a training step keeps from the forward pass for the backward pass, for each image of (height, width).

    Counts what autograd saves inside the network, each piece of memory once however many layers save it, and neither
    the parameters nor the loss. Leaves the model in the mode it was in; its running statistics see two black images.
    """
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Held on to, so that no later storage can get the same address.
        kept[storage._cdata] = storage
        return tensor

    images = 2  # batch norm after DeepLabv3+'s global pooling wants more than one
    was_training = model.training
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(_images(model, images, size))
    model.train(was_training)
    for tensor in (*model.parameters(), *model.buffers()):
        kept.pop(tensor.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in kept.values()) // images


def layers(model: nn.Module, size: tuple[int, int]) -> pd.DataFrame:
    """One row for each layer with parameters, in the order in which they compute on an image of (height, width).

    Columns: ``layer``, its name; ``stride``, how many pixels of the image lie between two positions of its output, as
    a power of two; ``parameters``; ``operations``, its multiply-adds. The products inside attention belong to no layer.
    """
    rows: list[dict[str, Any]] = []
    names = {module: name for name, module in model.named_modules()}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        at = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output  # where the weights are applied
        weighs = isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
        rows.append(
            {
                "layer": names[module],
                "stride": 2 ** round(math.log2(math.prod(size) / _positions(output)) / 2),
                "parameters": sum(parameter.numel() for parameter in module.parameters(recurse=False)),
                "operations": module.weight.numel() * _positions(at) if weighs else 0,
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


def _positions(x: Tensor) -> int:
    # A map (N, C, H, W) or a sequence of tokens (N, L, C).
    return x.shape[-2] * x.shape[-1] if x.ndim == 4 else x.shape[1]


def count(networks: Mapping[str, Settings], size: tuple[int, int]) -> pd.DataFrame:
    """Count what each network costs on images of (height, width), in millions; a row for each.

    Columns: ``parameters``, in millions; ``operations``, in billions (10^9) of multiply-adds for an image;
    ``activations``, in megabytes kept for an image of a training step.
    """
    rows = {name: _count(settings, size) for name, settings in networks.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


@cache
def _count(settings: Settings, size: tuple[int, int]) -> dict[str, float]:
    model = outline(settings.model, settings)
    return {
        "parameters": count_parameters(model) / 1e6,
        "operations": operations(model, size) / 1e9,
        "activations": kept_bytes(model, size) / 1e6,
    }


def times(
    models: Mapping[str, nn.Module], size: tuple[int, int], batch_size: int = 4, repeats: int = 3, warm_up: int = 1
) -> pd.DataFrame:
    """Measure seconds of a training step with a batch, and of predicting one image of (height, width).

    The models take turns, so that a slow moment of the machine hits all of them; each gets the median of its repeats
    after ``warm_up`` turns that do not count. A row for each; columns ``step`` and ``prediction``. The models' weights
    change.
    """
    keep_memory()
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
