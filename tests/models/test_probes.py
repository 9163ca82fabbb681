import pytest
import torch
from torch import nn

from cs_utils.models.probes import Shift, exchange, gradient_norms, probe_activations, without_batch_norm
from cs_utils.models.unet import UNet


def channels(*values):
    """One image (1, C, 2, 3) whose channels hold one value each."""
    return torch.tensor(values)[None, :, None, None].expand(1, -1, 2, 3)


def test_values_and_zeros_are_counted():
    probe = probe_activations(nn.Sequential(nn.ReLU()), [channels(2.0, 0.0, -1.0)])
    assert probe.loc[1].to_dict() == {
        "channels": 3,
        "dead": 2,
        "values": 18,
        "input_zero": 6,
        "output_zero": 12,
        "output_negative": 0,
    }


@pytest.mark.parametrize(("kind", "dead"), [(nn.ReLU, 3), (nn.SiLU, 1), (nn.Sigmoid, 1)])
def test_a_channel_is_dead_where_its_slope_is_next_to_nothing(kind, dead):
    probe = probe_activations(nn.Sequential(kind()), [channels(1.0, 0.0, -1.0, -8.0)])
    assert probe["dead"].tolist() == [dead]


def test_one_pixel_of_one_image_keeps_a_channel_alive():
    alive = torch.full((1, 1, 2, 3), -1.0)
    alive[0, 0, 1, 2] = 0.1
    images = [torch.full((1, 1, 2, 3), -1.0), alive]
    assert probe_activations(nn.Sequential(nn.ReLU()), images)["dead"].tolist() == [0]


def test_a_channel_of_nan_is_dead():
    assert probe_activations(nn.Sequential(nn.ReLU()), [channels(float("nan"))])["dead"].tolist() == [1]


def test_negative_outputs_are_counted_layer_by_layer_and_the_network_stays_as_it_was():
    network = nn.Sequential(nn.SiLU(), nn.ReLU()).train()
    probe = probe_activations(network, [channels(-1.0, 1.0)])
    assert probe["output_negative"].tolist() == [6, 0]
    assert probe["output_zero"].tolist() == [0, 6]
    assert network.training
    assert not any(layer._forward_hooks for layer in network)


def test_gradient_norms_are_those_of_the_3x3_convolutions_in_order():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1, bias=False), nn.Conv2d(2, 2, 1, bias=False))
    image, target = torch.randn(1, 3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
    nn.init.zeros_(network[1].weight)
    assert gradient_norms(network, image, target) == [0.0]  # nothing comes back through zeros
    network = nn.Sequential(network[0])
    nn.init.zeros_(network[0].weight)
    # Logits 0: the loss pulls channel 0 up by half of each pixel's neighbourhood, and channel 1 down by as much.
    neighbourhoods = torch.nn.functional.unfold(image, 3, padding=1).mean(dim=2)  # (1, 27)
    assert gradient_norms(network, image, target) == pytest.approx([0.5 * 2**0.5 * neighbourhoods.norm().item()])
    assert network[0].weight.grad is None


def test_every_activation_of_a_unet_is_found_and_can_be_exchanged():
    network = exchange(UNet(19, width=2, activation="relu"), nn.ReLU, lambda old: nn.Tanh())
    assert sum(isinstance(layer, nn.Tanh) for layer in network.modules()) == 18
    probe = probe_activations(network, [torch.randn(1, 3, 16, 16)])
    assert probe.index.tolist() == list(range(1, 19))
    assert probe["channels"].max() == 32


def test_without_batch_norm_only_a_learned_shift_is_left():
    network = without_batch_norm(UNet(19, width=2))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    shifts = [layer for layer in network.modules() if isinstance(layer, Shift)]
    assert len(shifts) == 18
    shifts[0].bias.data = torch.tensor([1.0, -2.0])
    assert shifts[0](torch.zeros(1, 2, 1, 1)).flatten().tolist() == [1, -2]
