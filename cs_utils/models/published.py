"""What published versions of the networks cost: other networks than ours under the same names."""

from functools import cache

import segmentation_models_pytorch as smp
from torch import nn

from cs_utils.models.inspect import meta_model, multiply_adds
from cs_utils.settings import Settings

UNET_AT_1024 = 405.0
"""MMSegmentation's number for its U-Net at 1024x512, in 10^9 multiply-adds (its page ``configs/unet``)."""


def published_operations(size: tuple[int, int]) -> dict[str, float]:
    """Multiply-adds of one prediction, in 10^9, by version: counted, but for the U-Net, whose number is published.

    How they differ from the networks that `zoo.build` makes, by MMSegmentation's configurations and SegFormer's paper
    (arXiv 2105.15203):

    * MMSegmentation's ResNets begin with three 3x3 convolutions, ours with one of 7x7;
    * FCN R50 has two more 3x3 convolutions at 1/8, one with 512 channels in and out, and one from 512 + 2048 channels
      to 512;
    * DeepLabv3+ R50 keeps its maps at 1/8, has 512 channels in its head, and mixes the five branches of its ASPP by a
      3x3 convolution where ours has 1x1. The last two 3x3 convolutions of its decoder work at 1/4, and one of ours at
      1/8;
    * SegFormer-B2 has 768 channels in its decoder;
    * the U-Net of MMSegmentation is another one. Its number grows with the pixels.

    Args:
        size: height and width of the image, multiples of 32.
    """
    height, width = size
    fcn, deeplab, segformer = _networks()
    at_2, at_8 = (height // 2) * (width // 2), (height // 8) * (width // 8)  # positions of maps at 1/2 and 1/8
    stem = at_2 * (9 * (3 * 32 + 32 * 32 + 32 * 64) - 49 * 3 * 64)
    heads = at_8 * (9 * 512 * 512 + 9 * (512 + 2048) * 512)
    mixing = at_8 * (9 - 1) * (5 * 512) * 512
    decoding = (4 - 1) * at_8 * (9 + 512) * 512  # a map at 1/4 has four times as many positions
    return {
        "U-Net (MMSegmentation)": UNET_AT_1024 * height * width / (512 * 1024),
        "FCN R50": (multiply_adds(fcn, size) + stem + heads) / 1e9,
        "DeepLabv3+ R50": (multiply_adds(deeplab, size) + stem + mixing + decoding) / 1e9,
        "SegFormer B2": multiply_adds(segformer, size) / 1e9,
    }


@cache
def _networks() -> tuple[nn.Module, nn.Module, nn.Module]:
    # Without numbers: only the shapes count.
    head = {"encoder_weights": None, "encoder_output_stride": 8, "decoder_channels": 512}
    deeplab = smp.DeepLabV3Plus("resnet50", classes=19, **head)
    segformer = smp.Segformer("mit_b2", encoder_weights=None, classes=19, decoder_segmentation_channels=768)
    return meta_model(Settings(model="fcn", void="ignore")), deeplab.to("meta"), segformer.to("meta")
