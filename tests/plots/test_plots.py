import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch

from cs_utils.data.cityscapes import find_frames, read_frame
from cs_utils.exceptions import CourseError
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, colorize
from cs_utils.metrics.confusion import scores
from cs_utils.models.zoo import build
from cs_utils.plots.activations import plot_activations, plot_dead_units, plot_gradient_norms, plot_paired_seeds
from cs_utils.plots.analysis import plot_class_shares
from cs_utils.plots.preprocessing import plot_augmentation
from cs_utils.plots.results import plot_class_iou, plot_confusion
from cs_utils.plots.scenes import plot_final_output, plot_predictions, plot_scenes
from cs_utils.plots.style import save_figure
from cs_utils.plots.training import plot_history


def texts(figure):
    axes = [text for axis in figure.axes for text in (axis.get_title(), axis.get_xlabel(), axis.get_ylabel())]
    return {*axes, *(text.get_text() for legend in figure.legends for text in legend.get_texts())}


@pytest.fixture
def frames(data_root):
    return find_frames(data_root, "train")


def test_scenes_show_photo_labels_and_both_with_a_legend_of_what_occurs(frames):
    figure = plot_scenes(frames[:2])
    shown = figure.axes[1].images[0].get_array()
    assert np.array_equal(shown, colorize(read_frame(frames[0])[1]))
    assert texts(figure) >= {"Image", "Ground Truth", "Overlay", "road", "sky", "car", "void"}
    assert "person" not in texts(figure)


def test_predictions_have_the_four_panels_of_the_talk(frames, settings):
    figure = plot_predictions(build(settings), frames[:3], settings)
    assert len(figure.axes) == 12
    assert texts(figure) >= {"Image", "Ground Truth", "Prediction", "Overlay"}
    final = plot_final_output(build(settings), read_frame(frames[0])[0], settings)
    assert texts(final) >= {"Image", "Prediction Mask (Colored)", "Overlay"}


def test_augmentation_shows_one_frame_as_validation_and_three_epochs_see_it(frames, settings):
    figure = plot_augmentation(frames[0], settings)
    assert len(figure.axes) == 8
    assert texts(figure) >= {"Validation: 64x32", "Training, epoch 1", "Training, epoch 3", "void"}


def test_class_shares_are_counted_over_all_images(frames):
    figure = plot_class_shares(frames)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    widths = {
        label.get_text(): bar.get_width() for label, bar in zip(axes.get_yticklabels(), axes.patches, strict=True)
    }
    pixels = np.concatenate([read_frame(frame)[1].ravel() for frame in frames])
    assert widths["sky"] == pytest.approx(100 * (pixels == 10).mean())
    assert widths["void"] == pytest.approx(100 * (pixels == 255).mean())


def test_the_best_epoch_is_marked():
    history = pd.DataFrame({"epoch": [1, 2, 3], "iou_score": [0.1, 0.4, 0.3], "dice_score": [0.2, 0.5, 0.4]})
    figure = plot_history(history.assign(train_loss=[3, 2, 1], val_loss=[3, 2, 2]))
    labels = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert labels.count("best epoch: 2") == 2
    assert {"train_loss", "val_loss", "dice_score", "iou_score"} <= set(labels)


def test_class_iou_leaves_out_absent_classes_and_shows_the_mean():
    matrix = torch.zeros(20, 20, dtype=torch.int64)
    matrix[0, 0], matrix[0, 1], matrix[1, 1] = 6, 2, 2  # road: 6 / 8; sidewalk: 2 / 4
    figure = plot_class_iou(scores(matrix))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sidewalk", "road"]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.75]
    assert axes.get_legend().get_texts()[0].get_text() == "mean 0.625"


def test_confusion_rows_are_shares_of_the_true_class():
    matrix = np.zeros((20, 20), dtype=np.int64)
    matrix[0, 0], matrix[0, 19] = 3, 1
    figure = plot_confusion(matrix)
    values = figure.axes[0].collections[0].get_array()
    assert values.shape == (NUM_CLASSES, NUM_CLASSES + 1)
    assert values[0, 0] == 75
    assert values[0, 19] == 25
    assert np.isnan(np.ma.filled(values, np.nan)[1]).all()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(CLASS_NAMES)


def test_activations_are_drawn_with_their_true_derivatives():
    figure = plot_activations()
    x = torch.linspace(-6, 6, 601, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.silu(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert np.allclose(figure.axes[0].lines[1].get_ydata(), y.detach())
    assert np.allclose(figure.axes[1].lines[1].get_ydata(), slope)


def test_gradient_norms_have_a_line_for_each_activation():
    line = {"relu": [1e-3, 1.0], "silu": [1e-6, 1.0]}
    figure = plot_gradient_norms(dict.fromkeys("abcd", line))
    assert [axis.get_title() for axis in figure.axes] == list("abcd")
    assert [drawn.get_ydata().tolist() for drawn in figure.axes[0].lines] == list(line.values())
    assert figure.axes[3].get_yscale() == "log"
    assert {"ReLU", "SiLU"} <= texts(figure)


def test_dead_units_stand_in_the_panel_of_their_batch_norm_and_rate():
    rows = [(norm, rate, name, 1, 0.0) for norm in (True, False) for rate in (0.1, 0.01) for name in ("relu", "silu")]
    shares = pd.DataFrame(rows, columns=["batch_norm", "learning_rate", "activation", "layer", "share"])
    shares.loc[(~shares["batch_norm"]) & (shares["learning_rate"] == 0.1), "share"] = [0.75, 0.25]
    figure = plot_dead_units(shares)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[2:] == ["without batch norm, rate 0.01", "without batch norm, rate 0.1"]
    heights = [[bar.get_height() for bar in axis.patches] for axis in figure.axes]
    assert heights == [[0, 0], [0, 0], [0, 0], [75, 25]]
    assert [[text.get_text() for text in axis.texts] for axis in figure.axes] == [["none dead"]] * 3 + [[]]


def test_paired_seeds_show_silus_lead_in_the_last_epoch():
    scores = {("relu", 0): (0.1, 0.2), ("silu", 0): (0.3, 0.25), ("relu", 7): (0.1, 0.3), ("silu", 7): (0.1, 0.29)}
    rows = [(name, seed, epoch + 1, score[epoch]) for (name, seed), score in scores.items() for epoch in (0, 1)]
    table = pd.DataFrame(rows, columns=["variant", "seed", "epoch", "iou_score"])
    lead = plot_paired_seeds(table, 2.0, -1.0, 5.0).axes[1]
    assert lead.lines[1].get_ydata() == pytest.approx([5, -1])
    assert [label.get_text() for label in lead.get_xticklabels()] == ["0", "7", "mean, 95 %\ninterval"]


def test_the_style_outside_is_left_alone(frames):
    before = dict(mpl.rcParams)
    plot_activations()
    assert dict(mpl.rcParams) == before


def test_a_figure_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = plot_activations()
    with pytest.raises(CourseError, match=r"a.xyz is no name for a figure"):
        save_figure(figure, tmp_path / "a.xyz")
    monkeypatch.setattr(type(figure), "savefig", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_figure(figure, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
