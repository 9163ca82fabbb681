import numpy as np
import pandas as pd
import pytest
import torch

from cs_utils.models.inspect import share_within, trace_layers
from cs_utils.models.unet import UNet
from cs_utils.plots.architecture import plot_levels, plot_unet
from cs_utils.plots.unet import (
    plot_close_up,
    plot_first_epoch,
    plot_overfitting,
    plot_paired_iou,
    plot_receptive_field,
)


def test_the_talks_network_has_31_million_parameters_and_96_billion_multiply_adds():
    with torch.device("meta"):
        table = trace_layers(UNet(19, width=64), (256, 512))
    assert table["parameters"].sum() == 31_038_803
    assert round(table["multiply_adds"].sum() / 1e9, 1) == 96.5


@pytest.mark.parametrize(("width", "size"), [(64, (256, 512)), (4, (50, 70))])
def test_the_diagram_shows_the_real_channels_and_sizes(width, size):
    with torch.device("meta"):
        axes = plot_unet(trace_layers(UNet(19, width), size), size).axes[0]
    shown = [text.get_text() for text in axes.texts if text.get_text()]
    channels = [int(text) for text in shown if text.isdigit()]
    down = [number for level in range(1, 5) for number in (width * 2 ** (level - 1), *[width * 2**level] * 2)]
    up = [number for level in (3, 2, 1, 0) for number in (width * 2 ** (level + 1), *[width * 2**level] * 2)]
    assert channels == [3, width, width, *down, *up, 19]
    height, breadth = (-(-number // 16) * 16 for number in size)
    assert {f"{height >> level}x{breadth >> level}" for level in range(5)} <= set(shown)
    assert axes.get_title().startswith(f"U-Net of base width {width}: ")
    assert ("padded" in " ".join(shown)) == (size == (50, 70))


def test_the_diagram_draws_networks_of_other_depths():
    model = UNet(19, width=4)
    model.encoder, model.decoder = model.encoder[:3], model.decoder[1:]
    assert (
        len(plot_unet(trace_layers(model, (64, 64)), (64, 64)).axes[0].patches) == 25
    )  # 12 + 9 boxes, the head's, 3 of them in two colours


def test_levels_add_up_to_a_hundred_percent():
    figure = plot_levels(trace_layers(UNet(19, width=4), (32, 32)))
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100)


def test_the_other_drawings():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 64, 3), dtype=np.uint8)
    mask = np.zeros((32, 64), dtype=np.uint8)
    mask[16:, 20:] = 13
    assert len(plot_close_up(image, {"Ground Truth": mask, "Prediction": mask}, np.s_[8:16, 8:24]).axes) == 6
    gradients = {"a": rng.random((32, 64)), "b": rng.random((32, 64))}
    within = {name: share_within(gradient, 16, 32) for name, gradient in gradients.items()}
    assert len(plot_receptive_field(image, gradients, within, (16, 32), (-4, 3)).axes) == 4
    history = pd.DataFrame({"step": [0, 1, 2], "loss": [3.0, 2.0, 1.0], "iou": [0.0, 0.2, 0.5]})
    assert len(plot_overfitting(history, image, mask, {0: mask, 2: mask}).axes) == 6
    ious = pd.DataFrame({"one": [0.5, 0.2, np.nan], "two": [0.6, 0.1, np.nan]}, index=["road", "car", "bus"])
    paired = plot_paired_iou(ious).axes[0]
    assert [label.get_text() for label in paired.get_yticklabels()] == ["car", "road"]
    some = plot_paired_iou(pd.DataFrame({"one": [0.5, 0.0], "two": [0.0, 0.004]}, index=["road", "car"])).axes[0]
    assert [label.get_text() for label in some.get_yticklabels()] == ["road"]
    assert some.texts[-1].get_text() == "1 more classes: 0.00 in both"
    curve = pd.Series({0: 0.0, 2: 0.1, 4: 0.3})
    left, right = plot_first_epoch(curve, 2, {"never trained": 0.0, "road everywhere": 0.02}, ious).axes
    assert [text.get_text() for text in left.get_legend().get_texts()][1:] == [
        "U-Net",
        "never trained",
        "road everywhere",
    ]
    assert [label.get_text() for label in right.get_yticklabels()] == ["car", "road"]
