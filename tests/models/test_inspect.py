from typing import get_args

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from cs_utils.models.inspect import (
    Shift,
    activation_bytes,
    count_costs,
    meta_model,
    multiply_adds,
    probe_activations,
    replace_modules,
    share_within,
    time_models,
    trace_layers,
    without_batch_norm,
)
from cs_utils.models.unet import UNet
from cs_utils.models.zoo import build, count_parameters
from cs_utils.settings import Model, Settings

SMALL = Settings(width=4, accelerator="cpu")


def test_multiply_adds_of_a_convolution_by_hand():
    # 8 filters of 3x3x3 weights, each put on 4x6 positions; the bias is no multiplication.
    assert multiply_adds(nn.Conv2d(3, 8, kernel_size=3, padding=1), (4, 6)) == 8 * 27 * 24
    assert multiply_adds(nn.Conv2d(3, 8, kernel_size=3, padding=1, stride=2), (4, 6)) == 8 * 27 * 6
    # A transposed convolution puts its filters on the positions of its input.
    assert multiply_adds(nn.ConvTranspose2d(3, 8, kernel_size=2, stride=2), (4, 6)) == 8 * 12 * 24


@pytest.mark.parametrize(
    ("model", "floats"),
    [
        (nn.Conv2d(3, 8, kernel_size=3, padding=1), 3 * 24),  # its input
        (nn.Sequential(nn.Conv2d(3, 8, 1), nn.SiLU()), 3 * 24 + 8 * 24),  # and what SiLU gets
        (nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 5, 1)), 3 * 24 + 8 * 24),  # saved twice, kept once
        (nn.Sequential(nn.Conv2d(3, 8, 1), nn.SiLU(), nn.Conv2d(8, 5, 1)), 3 * 24 + 2 * 8 * 24),
        (nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)), 3 * 24 + 8 * 24 + 8),  # 8 means, 8 deviations, 2 images
    ],
)
def test_activation_bytes_by_hand(model, floats):
    assert activation_bytes(model, (4, 6)) == 4 * floats
    assert model.training


@pytest.mark.parametrize("name", get_args(Model))
def test_a_meta_model_counts_as_the_real_network_does(name):
    real, shape = build(SMALL.replace(model=name)), meta_model(SMALL.replace(model=name))
    assert all(tensor.is_meta for tensor in (*shape.parameters(), *shape.buffers()))
    assert count_parameters(shape) == count_parameters(real)
    assert multiply_adds(shape, (32, 64)) == multiply_adds(real, (32, 64))
    assert activation_bytes(shape.eval(), (32, 64)) == activation_bytes(real, (32, 64))
    assert not any(module.training for module in shape.modules())
    frozen = next(module for module in shape.train().modules() if isinstance(module, nn.BatchNorm2d)).eval()
    activation_bytes(shape, (32, 64))
    assert [module for module in shape.modules() if not module.training] == [frozen]


@pytest.mark.parametrize("name", get_args(Model))
def test_layers_hold_all_parameters_and_all_multiply_adds_but_those_of_attention(name):
    model = meta_model(SMALL.replace(model=name))
    table = trace_layers(model, (64, 128))
    assert table["parameters"].sum() == count_parameters(model)
    missing = multiply_adds(model, (64, 128)) - table["multiply_adds"].sum()
    assert missing == 0 if name != "segformer" else missing > 0
    # the head: FCN gives a class for every 8 pixels, the next two for every 4, the U-Net for every one
    assert table["stride"].iloc[-1] == {"fcn": 8, "deeplabv3plus": 4, "segformer": 4, "unet": 1}[name]


def test_layers_of_a_toy_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 2, 2, 2))
    table = trace_layers(model, (4, 8))
    assert table["name"].tolist() == ["0", "1", "2"]
    assert table["stride"].tolist() == [2, 2, 1]
    assert table["parameters"].tolist() == [4 * 27 + 4, 8, 32 + 2]
    assert table["multiply_adds"].tolist() == [4 * 27 * 8, 0, 32 * 8]


def test_the_classic_unet_costs_what_is_published():
    table = count_costs({"U-Net": Settings(width=64)}, (256, 512))
    assert table.loc["U-Net"].round(2).tolist()[:2] == [31.04, 96.49]
    assert 900 < table.loc["U-Net", "activations"] < 1000


def test_times_are_medians_without_the_first(monkeypatch):
    clock = iter([0, 9, 0, 9, 0, 2, 0, 1, 0, 6, 0, 3, 0, 4, 0, 2])  # step, prediction: four rounds
    monkeypatch.setattr("cs_utils.models.inspect.time.perf_counter", lambda: next(clock))
    model = nn.Conv2d(3, 19, kernel_size=1)
    before = model.weight.detach().clone()
    table = time_models({"a": model}, (4, 6), batch_size=2)
    assert table.loc["a"].tolist() == [4, 2]
    assert not torch.equal(model.weight, before)


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


def test_every_activation_of_a_unet_is_found_and_can_be_replaced():
    network = replace_modules(UNet(19, width=2, activation="relu"), nn.ReLU, lambda old: nn.Tanh())
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


def test_the_trace_has_every_layer_as_it_runs():
    model = UNet(19, width=4)
    table = trace_layers(model, (48, 64))
    assert table["kind"].value_counts().to_dict() == {"convolution": 19, "batch norm": 18, "up-convolution": 4}
    first, head = table.iloc[0], table.iloc[-1]
    assert (first["name"], first["in_channels"], first["out_channels"]) == ("stem.0", 3, 4)
    assert (first["parameters"], first["multiply_adds"]) == (9 * 3 * 4, 9 * 3 * 4 * 48 * 64)
    assert (head["name"], head["height"], head["width"], head["activations"]) == ("head", 48, 64, 19 * 48 * 64)
    up = table.set_index("name").loc["decoder.0.upsample"]  # from 64 channels of 3x4 to 32 of 6x8
    assert (up["stride"], up["height"], up["multiply_adds"]) == (8, 6, 4 * 64 * 32 * 3 * 4)
    assert table["stride"].max() == 16


def test_the_trace_leaves_the_model_alone():
    model = UNet(19, width=2).train()
    trace_layers(model, (32, 32))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_the_trace_knows_sequences_of_tokens():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(3, 5)

        def forward(self, x):
            return self.mix(x.flatten(2).transpose(1, 2))  # (N, 3, H, W) -> (N, H * W, 5)

    row = trace_layers(Tokens(), (4, 6)).iloc[0]
    assert (row["kind"], row["in_channels"], row["out_channels"]) == ("Linear", 3, 5)
    assert (row["height"], row["width"], row["stride"], row["multiply_adds"]) == (24, 1, 1, 3 * 5 * 24)


def test_share_within_squares():
    gradient = np.zeros((5, 5))
    gradient[2, 2], gradient[1, 3], gradient[4, 2] = 5, 3, 2
    assert share_within(gradient, 2, 2).tolist() == [0.5, 0.8, 1.0]


def test_activations_that_work_in_place_and_are_used_twice_are_probed_each_time():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(torch.cat([self.relu(x), -x], dim=1))  # x is 0 by now where it was negative

    network = Twice()
    probe = probe_activations(network, [channels(2.0, -1.0).contiguous(), channels(3.0, -1.0).contiguous()])
    assert probe["channels"].tolist() == [2, 4]
    assert probe["dead"].tolist() == [1, 3]
    assert probe["output_zero"].tolist() == [12, 36]


def test_torchvisions_own_networks_can_be_probed():
    network = torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None)
    probe = probe_activations(network, [torch.randn(1, 3, 32, 32)])
    assert len(probe) == 1 + 3 * 16 + 1  # the stem, three in each of 16 blocks, the head
