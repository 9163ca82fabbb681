"""A network as one ONNX file, for other programs and for the browser: photos in, logits out, nothing else to know."""

import copy
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cs_utils.data.files import write_atomic
from cs_utils.data.transforms import MEAN, STD
from cs_utils.exceptions import CourseError
from cs_utils.models.modes import evaluating

OPSET = 18
"""Version of ONNX's operators; ONNX Runtime Web has all of these for WebAssembly."""


class OfPixels(nn.Module):
    """A network that normalises its photo itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.from_numpy(np.float32(255) * MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.from_numpy(np.float32(255) * STD).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, C, H, W) of RGB photos (N, 3, H, W), float32 from 0 to 255."""
        return self.network((image - self.mean) / self.std)


def export_onnx(model: nn.Module, path: Path) -> None:
    """Write a network as ONNX: input ``image`` (1, 3, H, W) float32 RGB, 0 to 255; output ``logits`` (1, C, H, W).

    Height and width are free. The photo should have about as many pixels as the network was trained at.

    Raises:
        CourseError: a package that writes ONNX is not installed.
    """
    if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
        raise CourseError(f"{' and '.join(missing)} must be installed first: `python -m pip install onnx onnxscript`")
    write_atomic(path, to_onnx(OfPixels(copy.deepcopy(model).cpu())))


def to_onnx(network: nn.Module, **inputs: Tensor) -> bytes:
    """A network of photos as the bytes of an ONNX file.

    Args:
        network: takes ``image`` (1, 3, H, W), of any height and width, and then the other inputs; gives logits.
        inputs: an example of each other input, by name; its shape is fixed.
    """
    # Not the square that an exporter could take for one and the same free size.
    example = torch.zeros(1, 3, 64, 96)
    free = {2: torch.export.Dim("height", min=1), 3: torch.export.Dim("width", min=1)}
    with evaluating(network):
        program = torch.onnx.export(
            network,
            (example, *inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image", *inputs],
            output_names=["logits"],
            dynamic_shapes=(free, *(None for _ in inputs)),
            verbose=False,
        )
    # What the exporter notes of the whole and of each step: the code that it came from, with this machine's folders.
    for noted in (program.model.graph, *program.model.graph.all_nodes()):
        noted.metadata_props.clear()
    return program.model_proto.SerializeToString()
