import numpy as np
import pytest
import torch
from torch import nn

from cs_utils.data.loaders import loaders
from cs_utils.exceptions import CourseError
from cs_utils.experiments.arms import (
    CHANGES,
    MismatchedPairs,
    make_arm_optimizer,
    make_loss,
    make_network,
)
from cs_utils.experiments.grids import Arm
from cs_utils.experiments.runs import _ceiling, summarize
from cs_utils.labels import VOID
from cs_utils.models.zoo import COURSE_WEIGHTS, load_weights
from cs_utils.settings import Settings

IMAGE = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in ("silu", "output stride 8")])
def test_a_change_changes_what_the_network_says_and_depends_on_the_seed_alone(settings, change):
    plain, first, again = (make_network(Arm(network=names), settings)(IMAGE) for names in ((), (change,), (change,)))
    assert torch.equal(first, again)
    assert not torch.equal(plain, first)


def test_without_skips_the_encoder_reaches_the_decoder_from_below_only(settings):
    network = make_network(Arm(network=("no skips",)), settings)
    given = []
    network.decoder[-1].register_forward_pre_hook(lambda _, inputs: given.append(inputs[1]))
    network.decoder[-1].mix.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    network(IMAGE)
    skip, mixed = given
    assert skip.abs().sum() > 0
    assert (mixed[:, : skip.shape[1]] == 0).all()
    count = sum(weight.numel() for weight in network.parameters())
    assert count == sum(weight.numel() for weight in make_network(Arm(), settings).parameters())


def test_a_prior_bias_starts_every_class_at_one_percent(settings):
    network = make_network(Arm(network=("prior bias",)), settings)
    nn.init.zeros_(network.head.weight)
    assert network(IMAGE).sigmoid().mean().item() == pytest.approx(0.01)


def test_hes_weights_have_his_variance(settings):
    network = make_network(Arm(network=("He's weights",)), settings.replace(width=16))
    layer = network.encoder[-1][3]
    assert layer.weight.var().item() == pytest.approx(2 / (9 * layer.in_channels), rel=0.02)


def test_pytorchs_biases_are_drawn_as_those_of_a_plain_convolution(settings):
    """Uniform within ±a has a standard deviation of a / sqrt(3)."""
    wide = settings.replace(width=16)
    network = make_network(Arm(network=("no batch norm, PyTorch's biases",)), wide)
    layer, shift = network.encoder[-1][3], network.encoder[-1][4]
    plain = nn.Conv2d(layer.in_channels, layer.out_channels, kernel_size=3).bias
    assert shift.bias.std().item() == pytest.approx((9 * layer.in_channels * 3) ** -0.5, rel=0.1)
    assert shift.bias.std().item() == pytest.approx(plain.std().item(), rel=0.15)
    without = make_network(Arm(network=("no batch norm",)), wide)
    assert without.encoder[-1][4].bias.abs().max() == 0
    assert torch.equal(without.encoder[-1][3].weight, layer.weight)


def test_stride_eight_is_another_grid_of_the_same_network():
    settings = Settings(model="deeplabv3plus", accelerator="cpu")
    network = make_network(Arm(network=("output stride 8",)), settings).eval()
    sizes = {}
    network.network.encoder.layer4.register_forward_hook(lambda *_: sizes.update(deepest=_[2].shape[-2:]))
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 19, 64, 64)
    assert sizes["deepest"] == (8, 8)


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_an_optimizer_has_the_rate_and_the_decay_of_the_settings(settings, kind):
    chosen = settings.replace(learning_rate=0.02, weight_decay=0.3)
    optimizer = make_arm_optimizer(Arm(optimizer=kind), nn.Linear(2, 2).parameters(), chosen)
    assert type(optimizer).__name__.lower() == kind
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (0.02, 0.3)


def test_a_loss_is_one_of_those_that_there_are_or_that_of_the_settings():
    assert make_loss(Arm(loss=None)) is None
    with pytest.raises(CourseError, match="dice"):
        make_loss(Arm(loss="dices"))


def test_minicitys_weights_are_those_that_come_with_the_course(settings):
    network = make_network(Arm(network=("MiniCity's weights",)), settings)
    expected, _ = load_weights(COURSE_WEIGHTS, settings)
    assert network.training
    assert all(map(torch.equal, network.state_dict().values(), expected.state_dict().values()))


def test_mismatched_pairs_turn_the_mask_and_not_the_image():
    image = np.random.default_rng(0).integers(0, 255, (32, 64, 3), dtype=np.uint8)
    mask = np.zeros((32, 64), dtype=np.uint8)
    mask[:, 32:] = 1
    seen = []
    pairs = MismatchedPairs(lambda image, mask, rng: seen.append((image, mask)), 12.0)
    for seed in range(20):
        pairs(image, mask, np.random.default_rng(seed))
    assert all(np.array_equal(one, image) for one, _ in seen)
    turned = np.mean([(found != mask).mean() for _, found in seen])
    assert 0.02 < turned < 0.3
    assert all(set(np.unique(found)) <= {0, 1, VOID} for _, found in seen)


def test_a_row_sums_up_its_epochs():
    iou = [0.1, 0.2, 0.3, 0.36, 0.35, 0.40, 0.41, 0.42]
    row = summarize([{"iou_score": value, "seconds": 2.0} for value in iou], planned=8)
    assert (row["best_iou"], row["best_epoch"], row["last_iou"]) == (0.42, 8, 0.42)
    assert row["slope"] == pytest.approx(0.1)  # a point an epoch in the last quarter: ten points in ten epochs
    assert (row["epochs_to_35"], row["seconds_to_35"]) == (4, 8.0)
    assert row["epochs_to_45"] is None
    assert row["seconds"] == 16
    assert summarize([], planned=8) == {"epochs": 8, "seconds": 0.0}


def test_the_ceiling_of_a_size_is_what_labels_keep(settings):
    frames = loaders(settings)[1].dataset.frames
    assert _ceiling(frames, settings) == 1  # the frames have that size already
    assert 0.3 < _ceiling(frames, settings.replace(image_size=(32, 32))) < 1
