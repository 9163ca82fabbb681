"""What the live page needs: the network as ONNX with gates on its skips, MiniCity scenes with labels, and names."""

import json
import shutil
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn

from cs_utils.data.cityscapes import write_png
from cs_utils.data.transforms import resize
from cs_utils.labels import CLASSES, id_to_train_id
from cs_utils.models.unet import LEVELS, UNet
from cs_utils.settings import ROOT
from minicity import draw_label_ids, make_scene

PAGE = ROOT / "docs" / "live"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
SIZE = (256, 512)
SCENES = (11, 42, 77)
"""Seeds of the scenes on the page: none of them is a training scene."""


class Gated(nn.Module):
    """A U-Net whose skips can be turned down, each by a factor: 1 leaves it, 0 takes it away."""

    def __init__(self, unet: UNet) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, image: Tensor, skips: Tensor) -> Tensor:
        """Logits (1, C, H, W) of an image (1, 3, H, W) and four factors, that of the full-size skip first."""
        handles = [
            block.register_forward_pre_hook(lambda _, inputs, factor=skips[LEVELS - 1 - index]: (inputs[0], factor * inputs[1]))
            for index, block in enumerate(self.unet.decoder)
        ]
        try:
            return self.unet(image)
        finally:
            for handle in handles:
                handle.remove()


def build_live(out: Path, runtime: Path) -> None:
    raise NotImplementedError
