import pytest
import torch
from torch import nn

from cs_utils.models.unet import UNet, pad_to_multiple
from cs_utils.models.zoo import count_parameters


@pytest.mark.parametrize(("width", "millions"), [(64, 31.04), (32, 7.76), (16, 1.94)])
def test_parameters_are_those_of_the_classic_unet(width, millions):
    assert round(count_parameters(UNet(19, width)) / 1e6, 2) == millions
    assert round(count_parameters(UNet(21, width)) / 1e6, 2) == millions


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (1, 1), (100, 30)])
def test_any_input_size_gives_logits_of_that_size(size):
    model = UNet(19, width=2).eval()
    assert model(torch.randn(2, 3, *size)).shape == (2, 19, *size)


def test_padding_repeats_the_edge_and_leaves_multiples_alone():
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    assert pad_to_multiple(x, 4)[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert pad_to_multiple(x[..., :2], 2).shape == (1, 1, 2, 2)


@pytest.mark.parametrize(("name", "kind"), [("silu", nn.SiLU), ("relu", nn.ReLU)])
def test_the_activation_is_the_one_asked_for(name, kind):
    found = [module for module in UNet(19, width=2, activation=name).modules() if isinstance(module, nn.SiLU | nn.ReLU)]
    assert len(found) == 18  # two in each of nine blocks
    assert all(type(module) is kind for module in found)


def test_every_parameter_gets_a_gradient():
    model = UNet(19, width=4)
    model(torch.randn(2, 3, 32, 32)).square().mean().backward()
    silent = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize(("pixel", "first", "last"), [(128, 34, 221), (129, 34, 221), (130, 34, 237), (142, 50, 237)])
def test_a_pixel_sees_188_or_204_pixels_far(pixel, first, last):
    """It depends on its place in a square of 16x16: some need eight positions of the lowest map, most need nine."""
    torch.manual_seed(0)
    model = UNet(19, width=4).eval()
    image = torch.randn(1, 3, 288, 288, requires_grad=True)
    model(image)[0, :, pixel, pixel].sum().backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert (rows.min(), rows.max(), len(rows)) == (first, last, last - first + 1)


def test_skips_carry_detail_past_the_bottleneck():
    torch.manual_seed(0)
    model = UNet(19, width=4).eval()
    nn.init.zeros_(model.decoder[-1].upsample.weight)  # nothing comes up from below any more
    image = torch.randn(1, 3, 64, 64, requires_grad=True)
    model(image)[0, :, 32, 32].sum().backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    # Four 3x3 convolutions are left: two before the skip and two behind it.
    assert (rows.min(), rows.max()) == (28, 36)
