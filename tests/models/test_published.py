import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cs_utils.models.inspect import meta_model, multiply_adds
from cs_utils.models.published import published_operations
from cs_utils.settings import Settings

SIZE = (256, 512)


def count(layer, channels, height, width):
    """Multiply-adds of a layer, by PyTorch's own counter."""
    with FlopCounterMode(display=False) as counter:
        layer.to("meta")(torch.empty(1, channels, height, width, device="meta"))
    return counter.get_total_flops() // 2


def conv(inputs, outputs, size=3, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False)


def count_stem():
    """Three 3x3 convolutions in place of one of 7x7."""
    deep = nn.Sequential(conv(3, 32, stride=2), conv(32, 32), conv(32, 64))
    return count(deep, 3, *SIZE) - count(conv(3, 64, 7, stride=2), 3, *SIZE)


def test_the_published_fcn_has_the_layers_that_ours_lacks():
    ours = multiply_adds(meta_model(Settings(model="fcn", void="ignore")), SIZE)
    more = count_stem() + count(conv(512, 512), 512, 32, 64) + count(conv(2048 + 512, 512), 2560, 32, 64)
    assert published_operations(SIZE)["FCN R50"] == pytest.approx((ours + more) / 1e9)


def test_the_published_deeplab_mixes_by_3x3_and_decodes_at_a_quarter():
    import segmentation_models_pytorch as smp

    head = {"encoder_weights": None, "encoder_output_stride": 8, "decoder_channels": 512}
    ours = multiply_adds(smp.DeepLabV3Plus("resnet50", classes=19, **head).to("meta"), SIZE)
    mixing = count(conv(5 * 512, 512), 5 * 512, 32, 64) - count(conv(5 * 512, 512, 1), 5 * 512, 32, 64)
    separable = nn.Sequential(conv(512, 512, groups=512), conv(512, 512, 1))
    decoding = count(separable, 512, 64, 128) - count(separable, 512, 32, 64)
    expected = ours + count_stem() + mixing + decoding
    assert published_operations(SIZE)["DeepLabv3+ R50"] == pytest.approx(expected / 1e9)


def test_convolutions_grow_with_the_pixels_and_attention_grows_faster():
    small, large = published_operations(SIZE), published_operations((512, 1024))
    assert large["U-Net (MMSegmentation)"] == 405
    growth = {name: large[name] / small[name] for name in small}
    attention = growth.pop("SegFormer B2")
    assert growth == pytest.approx(dict.fromkeys(growth, 4.0), rel=1e-3)
    assert attention > 4.3
