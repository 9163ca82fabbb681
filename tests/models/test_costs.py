import pytest
import torch
from torch import nn

from cs_utils.models.costs import count, kept_bytes, layers, operations, outline, times
from cs_utils.models.zoo import MODELS, build, count_parameters
from cs_utils.settings import Settings

SMALL = Settings(width=4, accelerator="cpu")


def test_operations_of_a_convolution_by_hand():
    # 8 filters of 3x3x3 weights, each put on 4x6 positions; the bias is no multiplication.
    assert operations(nn.Conv2d(3, 8, kernel_size=3, padding=1), (4, 6)) == 8 * 27 * 24
    assert operations(nn.Conv2d(3, 8, kernel_size=3, padding=1, stride=2), (4, 6)) == 8 * 27 * 6
    # A transposed convolution puts its filters on the positions of its input.
    assert operations(nn.ConvTranspose2d(3, 8, kernel_size=2, stride=2), (4, 6)) == 8 * 12 * 24


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
def test_kept_bytes_by_hand(model, floats):
    assert kept_bytes(model, (4, 6)) == 4 * floats
    assert model.training


@pytest.mark.parametrize("name", MODELS)
def test_an_outline_counts_as_the_real_network_does(name):
    real, shape = build(name, SMALL), outline(name, SMALL)
    assert all(tensor.is_meta for tensor in (*shape.parameters(), *shape.buffers()))
    assert count_parameters(shape) == count_parameters(real)
    assert operations(shape, (32, 64)) == operations(real, (32, 64))
    assert kept_bytes(shape.eval(), (32, 64)) == kept_bytes(real, (32, 64))
    assert not shape.training


@pytest.mark.parametrize("name", MODELS)
def test_layers_hold_all_parameters_and_all_operations_but_those_of_attention(name):
    model = outline(name, SMALL)
    table = layers(model, (64, 128))
    assert table["parameters"].sum() == count_parameters(model)
    missing = operations(model, (64, 128)) - table["operations"].sum()
    assert missing == 0 if name != "segformer" else missing > 0
    # the head: FCN gives a class for every 8 pixels, the next two for every 4, the U-Net for every one
    assert table["stride"].iloc[-1] == {"fcn": 8, "deeplabv3plus": 4, "segformer": 4, "unet": 1}[name]


def test_layers_of_a_toy_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 2, 2, 2))
    table = layers(model, (4, 8))
    assert table["layer"].tolist() == ["0", "1", "2"]
    assert table["stride"].tolist() == [2, 2, 1]
    assert table["parameters"].tolist() == [4 * 27 + 4, 8, 32 + 2]
    assert table["operations"].tolist() == [4 * 27 * 8, 0, 32 * 8]


def test_the_classic_unet_costs_what_is_published():
    table = count({"U-Net": Settings(width=64)}, (256, 512))
    assert table.loc["U-Net"].round(2).tolist()[:2] == [31.04, 96.49]
    assert 900 < table.loc["U-Net", "activations"] < 1000


def test_times_are_medians_without_the_first(monkeypatch):
    clock = iter([0, 9, 0, 9, 0, 2, 0, 1, 0, 6, 0, 3, 0, 4, 0, 2])  # step, prediction: four rounds
    monkeypatch.setattr("cs_utils.models.costs.time.perf_counter", lambda: next(clock))
    model = nn.Conv2d(3, 19, kernel_size=1)
    before = model.weight.detach().clone()
    table = times({"a": model}, (4, 6), batch_size=2)
    assert table.loc["a"].tolist() == [4, 2]
    assert not torch.equal(model.weight, before)
