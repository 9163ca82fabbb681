import pytest
import torch
from torch import nn

from cs_utils.models.inspect import without_batch_norm
from cs_utils.models.signals import trace_signals
from cs_utils.models.unet import UNet


def conv(weight):
    """A 3x3 convolution of one channel that multiplies by a number."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.zeros_(layer.weight)
    layer.weight.data[0, 0, 1, 1] = weight
    return layer


def test_signal_and_gradient_by_hand():
    # Image of ones -> 2 -> 6 -> two logits, both 6: p = 1/2 everywhere, so each of the 4 pixels has the gradient
    # (-1/2, 1/2) / 4 at the logits.
    head = nn.Conv2d(1, 2, 1, bias=False)
    head.weight.data[:, 0, 0, 0] = torch.tensor([1.0, 1.0])
    network = nn.Sequential(conv(2.0), conv(3.0), head)
    image, target = torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)
    table = trace_signals(network, image, target)
    assert table["signal"].tolist() == [1.0, 2.0]
    assert table["arriving"].tolist() == pytest.approx([0.0, 0.0], abs=1e-7)  # both logits ask for opposite things
    head.weight.data[:, 0, 0, 0] = torch.tensor([1.0, 0.0])
    table = trace_signals(network, image, target)
    p = torch.tensor([6.0, 0.0]).softmax(0)[0].item()
    last = abs(p - 1) / 4  # of one pixel; four of them: twice that norm
    assert table["arriving"].tolist() == pytest.approx([3 * 2 * last, 2 * last], rel=1e-4)


def test_the_gradient_of_the_weights_is_that_of_a_plain_backward_pass_in_the_order_of_running():
    torch.manual_seed(0)
    network = UNet(5, width=4)
    image, target = torch.randn(2, 3, 32, 32), torch.randint(5, (2, 32, 32))
    table = trace_signals(network, image, target)
    assert table.index.tolist() == list(range(1, 19))
    assert all(parameter.grad is None for parameter in network.parameters())
    nn.functional.cross_entropy(network(image), target).backward()
    weights = [layer.weight for layer in network.modules() if getattr(layer, "kernel_size", 0) == (3, 3)]
    wanted = [weight.grad.norm().item() for weight in weights]
    assert table["weight_gradient"].tolist() == pytest.approx(wanted, rel=1e-5)


def test_without_batch_norm_and_with_pytorchs_weights_signal_and_gradient_both_fade():
    torch.manual_seed(0)
    network = without_batch_norm(UNet(5, width=8, activation="relu"))
    image, target = torch.randn(2, 3, 64, 64), torch.randint(5, (2, 64, 64))
    table = trace_signals(network, image, target)
    bottom = table.loc[10]  # the last of the encoder
    assert bottom["signal"] < 0.05 * table["signal"].iloc[0]
    assert bottom["arriving"] < 1e-3 * table["arriving"].max()
    # Their product fades by more than either.
    assert bottom["weight_gradient"] / table["weight_gradient"].max() < bottom["arriving"] / table["arriving"].max()
