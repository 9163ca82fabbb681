import pandas as pd
import pytest

from cs_utils.models.inspect import count_costs, meta_model, trace_layers
from cs_utils.models.zoo import count_parameters
from cs_utils.plots.models import (
    SKETCHES,
    plot_architectures,
    plot_costs,
    plot_models_considered,
    plot_same_budget,
    plot_where_costs_lie,
)
from cs_utils.settings import Settings

MODELS = {"FCN": "fcn", "DeepLabv3+": "deeplabv3plus", "SegFormer": "segformer", "U-Net": "unet"}


@pytest.mark.parametrize("name", SKETCHES)
def test_sketches_are_those_of_the_real_networks(name):
    model = meta_model(Settings(width=64).replace(model=MODELS[name]))
    table = trace_layers(model, (256, 512))
    assert SKETCHES[name].strides() <= set(table["stride"])
    assert SKETCHES[name].logits == table["stride"].iloc[-1]
    widths = {module.weight.shape[0] for module in model.modules() if getattr(module, "weight", None) is not None}
    drawn = {int(channels) for _, channels in (*SKETCHES[name].encoder[1:], *SKETCHES[name].decoder)}
    assert drawn <= widths
    assert len(plot_architectures().axes) == len(SKETCHES)


def test_costs_are_drawn_as_they_were_counted():
    networks = {"U-Net 16": Settings(width=16), "another": Settings(width=8)}
    table = count_costs(networks, (64, 128))
    table["step"] = [2.0, 1.0]
    axes = plot_costs(table, counted=(64, 128), timed=(16, 32), batch_size=2).axes
    assert axes[2].get_xlabel() == "MB per image of 128x64"
    assert axes[3].get_xlabel() == "seconds, 2 images of 32x16"
    assert [bar.get_width() for bar in axes[3].patches] == [2.0, 1.0]
    assert [bar.get_width() for bar in axes[0].patches] == table["parameters"].tolist()


@pytest.mark.parametrize("name", ["unet", "deeplabv3plus"])
def test_where_costs_lie_counts_every_layer(name):
    model = meta_model(Settings(model=name))
    parameters = plot_where_costs_lie({name: trace_layers(model, (256, 512))}).axes[0]
    assert sum(bar.get_width() for bar in parameters.patches) == pytest.approx(count_parameters(model) / 1e6)


def test_the_same_budget_is_drawn_by_epochs_and_by_seconds():
    table = pd.DataFrame(
        {
            "variant": ["a", "a", "b", "b"],
            "epoch": [1, 2, 1, 2],
            "iou_score": [0.1, 0.2, 0.3, 0.4],
            "seconds": [1, 1, 5, 6],
        }
    )
    by_epoch, by_time = plot_same_budget(table).axes
    assert by_epoch.lines[1].get_xdata().tolist() == [1, 2]
    assert by_time.lines[1].get_xdata().tolist() == [5, 11]
    assert by_time.lines[1].get_ydata().tolist() == [30, 40]


def test_published_results_without_parameters_are_left_out():
    published = pd.DataFrame(
        {"network": "FCN", "version": ["a", "b"], "miou": [70.0, 75.0], "parameters": [None, 68.6], "pretrained": True}
    )
    counted = pd.DataFrame({"parameters": [33.0], "multiply_adds": [69.0], "miou": [73.6]}, index=["FCN"])
    here, papers = plot_models_considered(published, counted).axes
    assert [text.get_text() for text in here.texts] == ["FCN, 33.0 M"]
    assert [text.get_text() for text in papers.texts] == ["b"]


def test_what_was_trained_from_scratch_is_hollow():
    published = pd.DataFrame(
        {
            "network": ["FCN", "U-Net"],
            "version": ["a", "b"],
            "miou": [70.0, 65.0],
            "parameters": [68.6, 13.4],
            "pretrained": [True, False],
        }
    )
    counted = pd.DataFrame({"parameters": [33.0, 31.0], "multiply_adds": [69.0, 96.0], "miou": [70.0, 65.0]})
    figure = plot_models_considered(published, counted.set_axis(["FCN", "U-Net 64"]))
    for axes in figure.axes:
        assert [len(dots.get_facecolor()) for dots in axes.collections] in ([1, 0], [0, 1])
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["FCN", "U-Net"]
