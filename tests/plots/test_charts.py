"""What single charts draw of what they are given."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from drawings import history, runs

from cs_utils.experiments import statistics
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES
from cs_utils.metrics.confusion import scores
from cs_utils.models.inspect import meta_model, trace_layers
from cs_utils.models.unet import UNet
from cs_utils.models.zoo import count_parameters
from cs_utils.plots import style
from cs_utils.plots.activations import (
    plot_activations,
    plot_by_layer,
    plot_dead_units,
    plot_lone_units,
    plot_paired_seeds,
)
from cs_utils.plots.analysis import (
    plot_class_colors,
    plot_class_positions,
    plot_class_shares,
    plot_images_per_city,
    plot_lift,
    plot_object_sizes,
    plot_overlap,
)
from cs_utils.plots.architecture import plot_levels, plot_unet
from cs_utils.plots.losses import (
    plot_encoding,
    plot_failures,
    plot_gradients,
    plot_journey,
    plot_toy_losses,
    plot_void,
)
from cs_utils.plots.models import (
    network_colors,
    plot_costs,
    plot_published,
    plot_same_budget,
    plot_where_costs_lie,
    plot_windows,
)
from cs_utils.plots.preprocessing import (
    PAPER_CEILING,
    plot_augmentation,
    plot_bilinear,
    plot_channels,
    plot_iou_ceiling,
    plot_memorising,
)
from cs_utils.plots.results import (
    plot_boundary_errors,
    plot_budget,
    plot_calibration,
    plot_class_iou,
    plot_confusion,
    plot_intervals,
    plot_rare_classes,
)
from cs_utils.plots.sketches import SKETCHES
from cs_utils.plots.training import (
    plot_batches,
    plot_days,
    plot_histories,
    plot_optimizers,
    plot_patience,
    plot_stopping,
    spell,
)
from cs_utils.plots.unet import plot_class_dots, plot_first_epoch, plot_skip_maps
from cs_utils.settings import Settings

MODELS = {"FCN": "fcn", "DeepLabv3+": "deeplabv3plus", "SegFormer": "segformer", "U-Net": "unet"}


def words(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def rows_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.parametrize(("width", "size"), [(64, (256, 512)), (4, (50, 70))])
def test_the_diagram_shows_the_real_channels_and_sizes(width, size):
    with torch.device("meta"):
        layers = trace_layers(UNet(19, width), size)
    shown = words(plot_unet(layers, size).axes[0])
    channels = [int(text) for text in shown if text.isdigit()]
    down = [number for level in range(1, 5) for number in (width * 2 ** (level - 1), *[width * 2**level] * 2)]
    up = [number for level in (3, 2, 1, 0) for number in (width * 2 ** (level + 1), *[width * 2**level] * 2)]
    assert channels == [3, width, width, *down, *up, 19]
    height, breadth = (-(-number // 16) * 16 for number in size)
    assert {f"{height >> level}x{breadth >> level}" for level in range(5)} <= set(shown)
    assert ("padded" in " ".join(shown)) == (size == (50, 70))


def test_the_diagram_draws_networks_of_other_depths():
    model = UNet(19, width=4)
    model.encoder, model.decoder = model.encoder[:3], model.decoder[1:]
    layers = trace_layers(model, (64, 64))
    assert len(plot_unet(layers, (64, 64)).axes[0].patches) == 25  # 12 + 9 boxes, the head's, 3 of them in two colours


def test_levels_add_up_to_a_hundred_percent():
    for axes in plot_levels(trace_layers(UNet(19, width=4), (32, 32))).axes:
        assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100)


@pytest.mark.parametrize("name", SKETCHES)
def test_sketches_are_those_of_the_real_networks(name):
    model = meta_model(Settings(width=64) if name == "U-Net" else Settings(model=MODELS[name]))
    table = trace_layers(model, (256, 512))
    behind = (*SKETCHES[name].encoder[1:], *SKETCHES[name].decoder)  # the image
    assert {stride for stride, _ in behind} <= set(table["stride"])
    assert SKETCHES[name].logits == table["stride"].iloc[-1]
    widths = {module.weight.shape[0] for module in model.modules() if getattr(module, "weight", None) is not None}
    assert {int(channels) for _, channels in behind} <= widths


@pytest.mark.parametrize("name", ["unet", "deeplabv3plus"])
def test_where_costs_lie_counts_every_layer(name):
    model = meta_model(Settings(model=name))
    parameters = plot_where_costs_lie({name: trace_layers(model, (256, 512))}).axes[0]
    assert sum(bar.get_width() for bar in parameters.patches) == pytest.approx(count_parameters(model) / 1e6)


def test_costs_say_for_which_images_they_were_counted_and_timed():
    names = ("parameters", "multiply_adds", "activations", "step")
    table = pd.DataFrame({name: [2.0, 1.0] for name in names}, index=["U-Net 16", "other"])
    axes = plot_costs(table, counted=(64, 128), timed=(16, 32), batch_size=2).axes
    assert "128x64" in axes[2].get_xlabel()
    assert axes[3].get_xlabel() == "seconds, 2 images of 32x16"
    assert [bar.get_width() for bar in axes[3].patches] == [2.0, 1.0]


def test_a_network_has_one_colour_and_no_two_share_it():
    colors = network_colors(["U-Net 16", "mine", "FCN", "yours"])
    assert len({str(color) for color in colors.values()}) == 4
    assert colors["FCN"] == network_colors(["FCN"])["FCN"]


def test_published_results_without_parameters_are_left_out_and_those_from_scratch_are_hollow():
    rows = [("FCN", "a", 70.0, None, True), ("FCN", "b", 75.0, 68.6, True), ("U-Net", "c", 65.0, 13.4, False)]
    axes = plot_published(pd.DataFrame(rows, columns=["network", "version", "miou", "parameters", "pretrained"])).axes
    assert words(axes[0]) == ["b", "c"]
    assert [len(dots.get_facecolor()) for dots in axes[0].collections] == [1, 0]


def test_published_results_are_drawn_over_the_cost_that_is_asked_for():
    rows = [("FCN", "a", 70.0, 30.0, None, True), ("U-Net", "b", 65.0, None, 101.0, False)]
    table = pd.DataFrame(rows, columns=["network", "version", "miou", "parameters", "operations", "pretrained"])
    axes = plot_published(table, "operations").axes[0]
    assert words(axes) == ["b"]
    assert axes.collections[0].get_offsets().tolist() == [[101.0, 65.0]]


def test_windows_stay_inside_the_image_and_hold_their_place():
    image = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30, 1).astype(np.uint8).repeat(3, axis=2)
    small, large = (axes.images[0].get_array() for axes in plot_windows(image, {"A": (0, 29)}, (4, 10)).axes)
    assert np.array_equal(small, image[:4, 26:])
    assert np.array_equal(large, image[:10, 20:])


def test_the_same_budget_counts_seconds_of_training_alone():
    table = pd.DataFrame({"variant": "FCN", "seed": 0, "epoch": [1, 2], "iou_score": [0.1, 0.2]})
    axes = plot_same_budget(table.assign(train_seconds=1.5, seconds=4.0), {"blindfold": 0.12}).axes
    assert axes[1].lines[0].get_xdata().tolist() == [1.5, 3.0]
    assert [line.get_ydata()[0] for panel in axes for line in panel.lines[1:]] == [12.0, 12.0]


def test_a_network_without_the_first_seed_has_a_name_too():
    table = pd.DataFrame({"variant": ["U-Net", "U-Net", "FCN"], "seed": [0, 1, 1], "epoch": 1, "iou_score": 0.1})
    by_time = plot_same_budget(table.assign(train_seconds=1.5)).axes[1]
    assert words(by_time) == ["U-Net", "FCN"]


def test_activations_are_drawn_with_their_true_derivatives_and_their_lowest_point():
    figure = plot_activations()
    x = torch.linspace(-6, 6, 601, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.silu(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert np.allclose(figure.axes[0].lines[1].get_ydata(), y.detach())
    assert np.allclose(figure.axes[1].lines[1].get_ydata(), slope)
    lowest = torch.nn.functional.silu(torch.linspace(-1.3, -1.2, 100_001, dtype=torch.float64))
    assert figure.axes[0].lines[2].get_ydata()[0] == pytest.approx(lowest.min().item(), abs=5e-5)


def test_layers_are_drawn_as_shares_of_the_largest_with_other_runs_as_a_band():
    panels = {name: {"relu": [1e-3, 2.0], "gelu": [1e-6, 1.0]} for name in "abc"}
    figure = plot_by_layer(panels, {"a": {"relu": np.array([[1.0, 4.0], [1.0, 2.0]])}})
    assert [axes.get_title() for axes in figure.axes if axes.axison] == list("abc")
    assert [drawn.get_ydata().tolist() for drawn in figure.axes[2].lines[:2]] == [[5e-4, 1.0], [1e-6, 1.0]]
    (band,) = figure.axes[0].collections
    assert band.get_paths()[0].vertices[:, 1].min() == pytest.approx(0.25)
    assert not figure.axes[1].collections


def test_a_lone_unit_stands_on_its_curve():
    axes = plot_lone_units([("relu", -2.0, 3.0), ("silu", 2.0, -1.0)]).axes
    assert [line.get_xydata()[0].tolist() for line in axes[0].lines[2:]] == [[-2, 0], [3, 3]]
    assert axes[1].lines[3].get_ydata()[0] == pytest.approx(-0.2689, abs=1e-4)


def test_dead_units_and_what_was_learned_stand_in_the_row_of_their_condition():
    rows = [("ReLU", "relu", False, 3.0, 40.0, 5.0), ("SiLU", "silu", False, 0.0, 1.0, 7.0),
            ("SiLU", "silu", True, np.nan, 2.0, 8.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["condition", "activation", "recorded", "birth", "dead", "iou"])
    dead, learned = plot_dead_units(table).axes
    assert rows_of(dead) == ["ReLU", "SiLU"]
    assert [line.get_xdata().tolist() for line in dead.lines[:4]] == [[3], [40], [0], [1]]
    assert dead.lines[5].get_xdata().tolist() == [2]
    assert [round(line.get_ydata()[0]) for line in learned.lines] == [0, 1, 1]


def test_paired_seeds_show_each_pair_each_lead_and_the_mean_with_its_interval():
    final = pd.DataFrame({"relu": [10.0, 12.0], "silu": [15.0, 11.0]}, index=[0, 7])
    intervals = pd.DataFrame({"mean": [2.0], "low": [-1.0], "high": [5.0]}, index=["live"])
    pairs, lead = plot_paired_seeds(final, {"live": [5.0, -1.0]}, intervals).axes
    assert [line.get_ydata().tolist() for line in pairs.lines[:2]] == [[10, 15], [12, 11]]
    assert lead.lines[1].get_ydata().tolist() == [5, -1]
    assert lead.containers[0].lines[0].get_ydata().tolist() == [2]
    (bar,) = lead.containers[0].lines[2]
    assert bar.get_segments()[0][:, 1].tolist() == [-1, 5]


def test_the_lead_of_one_seed_has_its_number_and_no_interval():
    intervals = pd.DataFrame({"mean": [2.0], "low": [np.nan], "high": [np.nan]}, index=["live"])
    lead = plot_paired_seeds(pd.DataFrame({"relu": [10.0], "silu": [12.0]}), {"live": [2.0]}, intervals).axes[1]
    assert [(text.get_text(), text.xy) for text in lead.texts] == [("+2.0", (0.25, 2.0))]
    assert not lead.containers[0].has_yerr


def test_a_hundred_squares_are_shared_out_among_the_classes():
    here = pd.Series({"road": 0.504, "car": 0.3, "sky": 0.194, "bus": 0.002})
    squares, chart = plot_class_shares(here, here, 3).axes
    colors = pd.Series([patch.get_facecolor() for patch in squares.patches]).value_counts()
    assert sorted(colors) == [20, 30, 50] or sorted(colors) == [19, 30, 51]
    assert chart.get_xscale() == "log"
    assert set(rows_of(chart)) == set(here.index)


def test_images_are_counted_by_city_and_split():
    figure = plot_images_per_city({"train": {"a": 1, "b": 3}, "val": {"c": 2}})
    axes = figure.axes[0]
    assert rows_of(axes) == ["b", "a", "c"]
    assert [bar.get_width() for bar in axes.patches] == [3, 1, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train: 4 images", "val: 2 images"]


def test_lift_is_coloured_about_one_and_nothing_is_drawn_where_it_is_unknown():
    lift = pd.DataFrame([[np.nan, 2.0], [0.5, np.nan]], ["a", "b"], ["a", "b"])
    axes = plot_lift(lift).axes[0]
    shown = axes.collections[0].get_array()
    assert shown[0, 1] == -shown[1, 0] == 1
    assert words(axes) == ["2.0", "0.5"]


def test_object_sizes_are_drawn_and_their_absence_is_said():
    objects = pd.DataFrame({"class": ["car", "car", "bus", "bus"], "pixels": [4, 6, 900, 0]})
    axes = plot_object_sizes(objects, scale=2, smallest=16).axes[0]
    assert rows_of(axes) == ["car (2)", "bus (1)"]
    assert axes.lines[-2].get_xdata()[0] == 32
    assert "no objects" in plot_object_sizes(objects.iloc[:0], scale=2, smallest=16).axes[0].texts[0].get_text()


def test_toy_losses_are_coloured_row_by_row_below_their_masks():
    mask = np.array([[10, 10], [0, 255]], dtype=np.uint8)
    values = pd.DataFrame({"right": [0.0, -2.0], "wrong": [4.0, 1.0]}, index=["dice", "broken dice"])
    figure = plot_toy_losses({"right": mask, "wrong": None}, values, right=["dice"])
    assert words(figure.axes[2]) == ["0.00", "4.00", "-2.00", "1.00"]
    assert figure.axes[2].collections[0].get_array().tolist() == [[0, 1], [0, 1]]
    assert len({label.get_color() for label in figure.axes[2].get_yticklabels()}) == 2
    assert [list(axes.get_subplotspec().colspan) for axes in figure.axes] == [[0], [1], [0, 1]]


def test_void_curves_are_relative_and_dashed_where_they_move():
    values = pd.DataFrame({"right": [2.0, 2.0], "wrong": [2.0, 1.0]}, index=[0.0, 0.5])
    right, wrong = plot_void(values).axes[0].lines
    assert right.get_ydata().tolist() == [1, 1]
    assert wrong.get_ydata().tolist() == [1, 0.5]
    assert (right.get_linestyle(), wrong.get_linestyle()) == ("-", "--")


def test_gradients_are_drawn_in_percent_loss_by_loss():
    p = np.array([0.0, 1.0])
    left, right = plot_gradients(p, {"ce": 1 - p}, pd.Series({"ce": 0.25, "dice": 0.75}, name="pole"), fair=0.1).axes
    assert left.lines[0].get_ydata().tolist() == [1, 0]
    assert right.lines[0].get_xdata().tolist() == [25, 75]
    assert right.lines[1].get_xdata() == [10, 10]


def test_the_journey_shows_paired_leads_with_the_intervals_it_was_given():
    leads = pd.DataFrame({"dice": [1.0, 3.0], "broken": [-9.0, np.nan]})
    intervals = pd.DataFrame({"mean": [2.0, -9], "low": [-1.5, np.nan], "high": [5.5, np.nan]}, index=list(leads))
    above, below = plot_journey(leads, intervals, ["broken"], "ce").axes
    assert above.lines[1].get_xdata().tolist() == [1, 3]
    assert below.lines[1].get_xdata().tolist() == [-9]
    assert above.containers[0].lines[2][0].get_segments()[0][:, 0].tolist() == [-1.5, 5.5]
    assert above.get_yticklabels()[0].get_color() != below.get_yticklabels()[0].get_color()
    assert "minus ce" in below.get_xlabel()
    assert len(plot_journey(leads[["dice"]], intervals, [], "ce").axes) == 1


def test_leads_that_are_shaded_are_those_that_the_verdicts_take_for_none():
    assert pytest.approx(100 * statistics.MARGIN) == style.MARGIN


def test_an_encoding_is_drawn_live_and_beside_it_what_is_recorded():
    leads = pd.DataFrame({"dice": [1.0, 3.0]})
    intervals = pd.DataFrame({"mean": [2.0], "low": [-1.5], "high": [5.5]}, index=["dice"])
    curves = {"a": history()}
    left, right = plot_encoding(curves, leads, intervals).axes
    assert left.lines[0].get_ydata().tolist() == (100 * history()["iou_score"]).tolist()
    assert right.lines[1].get_xdata().tolist() == [1, 3]
    assert len(plot_encoding(curves, leads[[]], intervals).axes) == 1


def test_the_healthy_run_comes_first_and_each_column_names_its_epochs():
    names = ["A", "healthy", "B", "C", "D", "E", "F"]
    axes = plot_failures(runs(names, [0]), "healthy").axes
    titles = [one.get_title() for one in axes if one.get_title()]
    assert titles == ["healthy", "A", "B", "C", "D", "E", "F"]
    assert [one.get_title() for one in axes if one.get_xlabel() == "epoch"] == ["C", "D", "E", "F"]


def test_channels_show_their_class_and_empty_ones_are_grey():
    from cs_utils.labels import one_hot, train_id_to_slide

    figure = plot_channels(one_hot(train_id_to_slide(np.array([[0, 255], [13, 13]], np.uint8))))
    panels = {axes.get_title(): np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images}
    assert len(panels) == 21
    assert panels["13 car"].tolist() == [[[255] * 3] * 2, [[0, 0, 142]] * 2]
    assert panels["20 void"].tolist() == [[[255] * 3, [0] * 3], [[255] * 3] * 2]
    assert (panels["19 never used"] == 225).all()


def test_the_ceiling_is_compared_with_the_papers_where_the_paper_has_the_class():
    ceiling = pd.DataFrame({512: [90.0, 50.0], 256: [80.0, 30.0]}, index=["mean", "pole"])
    chart, table = plot_iou_ceiling(ceiling, marked=256).axes
    drawn = [list(line.get_ydata()) for line in chart.lines]
    assert [90, 80] in drawn and [50, 30] in drawn
    assert all(list(PAPER_CEILING[name]) in drawn for name in PAPER_CEILING)
    assert words(table) == ["90", "80", "50", "30"]


def test_the_weights_of_the_four_pixels_are_the_rectangles_opposite_to_them():
    axes = plot_bilinear(np.array([[80, 40], [20, 60]]), down=0.25, right=0.5).axes[0]
    places = {text.get_text(): text.xy for text in axes.texts}
    assert sorted(words(axes)) == sorted(["80", "40", "20", "60", "0.375", "0.375", "0.125", "0.125"])
    heavy = [text.xy for text in axes.texts if text.get_text() == "0.375"]
    assert all(y > 0.25 for _, y in heavy)  # the upper two are nearer, and their rectangles lie below
    assert places["80"] == (0, 0) and places["60"] == (1, 1)


def test_memorising_is_drawn_in_per_cent_with_a_panel_for_each_way():
    curves = {"with": pd.DataFrame({"train": [0.1, 0.9], "val": [0.1, 0.3]}, index=[1, 2])}
    (live,) = plot_memorising(curves).axes
    assert [list(line.get_ydata()) for line in live.lines] == [[10, 90], [10, 30]]
    assert words(live) == ["training images 90", "new images 30"]


def test_each_kind_of_augmentation_has_its_ends_and_its_lead_over_none():
    recorded = pd.DataFrame({"train": [0.8, 0.7], "val": [0.4, 0.5]}, index=["none", "flip"])
    recorded = recorded.assign(mean=[np.nan, 3.0], low=[np.nan, 1.0], high=[np.nan, 5.0])
    scores, leads = plot_augmentation(recorded).axes
    assert [list(line.get_xdata()) for line in scores.lines] == [[80, 70], [40, 50]]
    assert list(leads.lines[0].get_xdata()[1:]) == [3.0]
    assert "minus none" in leads.get_xlabel()


def test_class_iou_leaves_out_absent_classes_and_shows_the_shares():
    matrix = torch.zeros(20, 20, dtype=torch.int64)
    matrix[0, 0], matrix[1, 0], matrix[1, 1] = 15, 2, 3  # true road 17, sidewalk 3 of them right
    table = scores(matrix)
    left, right = plot_class_iou(table).axes
    assert len(left.patches) == 2
    assert [bar.get_width() for bar in left.patches] == sorted(table["iou"].dropna())
    assert right.get_xscale() == "log"
    assert sorted(right.lines[0].get_xdata()) == sorted(100 * table.loc[["road", "sidewalk"], "share"])


def test_confusions_are_written_in_percent_of_the_true_class_and_an_empty_void_is_left_out():
    matrix = np.zeros((20, 20), dtype=np.int64)
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = 985, 4, 11
    axes = plot_confusion(matrix).axes[0]
    assert words(axes) == ["98", "1"]  # under half a per cent: nothing
    assert len(axes.get_xticklabels()) == NUM_CLASSES
    matrix[1, 19] = 5
    assert plot_confusion(matrix).axes[0].get_xticklabels()[-1].get_text() == "void"
    assert rows_of(axes) == list(CLASS_NAMES)


def test_boundary_errors_are_shown_as_rates_and_as_running_shares():
    table = pd.DataFrame(
        {"rate": [0.5, 0.0, 0.5], "share_of_errors": [0.5, 0, 0.5], "share_of_pixels": [0.25, 0.25, 0.5]},
        index=[1, 2, np.inf],
    )
    left, right = plot_boundary_errors(table).axes
    assert [bar.get_height() for bar in left.patches] == [50, 0, 50]
    assert [label.get_text() for label in left.get_xticklabels()] == ["1", "2", "> 2"]
    assert [line.get_ydata().tolist() for line in right.lines] == [[50, 50], [25, 50]]


def test_the_names_of_close_neighbours_do_not_cover_each_other():
    close = pd.DataFrame({"share": [0.1, 0.102, 0.104], "iou": [0.5, 0.51, 0.5]}, index=["wall", "fence", "pole"])
    figure = plot_rare_classes(close)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_each_table_has_a_dot_and_an_interval_for_each_class():
    first = pd.DataFrame({"iou": [0.9, 0.5], "low": [0.8, 0.4], "high": [1.0, 0.6]}, index=["car", "pole"])
    second = pd.DataFrame({"iou": [0.2], "low": [0.1], "high": [0.3]}, index=["pole"])
    axes = plot_intervals({"one": first, "other": second}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pole", "car"]
    assert [list(line.get_xdata()) for line in axes.lines[:1]] == [[0.5, 0.9]]
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [0.2, np.nan])
    low_high = [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()]
    assert low_high == [[0.4, 0.6], [0.8, 1.0]]
    first.loc["mean"] = 0.7
    assert [label.get_text() for label in plot_intervals({"one": first}).axes[0].get_yticklabels()][-1] == "mean"


def test_the_largest_gain_of_a_budget_is_on_top():
    axes = plot_budget(pd.Series({"a": 0.5, "b": 3.0, "c": 1.0})).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 1.0, 3.0]
    assert words(axes) == ["+0.5", "+1.0", "+3.0"]


def test_a_bin_of_hardly_any_pixel_is_not_drawn():
    table = pd.DataFrame({"confidence": [0.1, 0.5, 0.9], "accuracy": [1, 0.4, 0.9], "share": [0.0005, 0.2, 0.7995]})
    assert plot_calibration(table).axes[0].lines[1].get_xdata().tolist() == [0.5, 0.9]


def test_each_run_has_a_row_and_its_best_epoch():
    table = history()
    table["iou_score"] = [0.1, 0.2, 0.6, 0.5, 0.4, 0.3]
    figure = plot_histories({"short": history(), "long": table})
    assert [axes.get_title().split(":")[0] for axes in figure.axes] == ["short", "short", "long", "long"]
    assert figure.axes[3].lines[-1].get_xdata()[0] == 3


def test_a_stopped_run_is_drawn_to_its_stop_and_the_rest_is_pale():
    losses, scores = plot_stopping(history(), stop=4, kept=2).axes
    named = {line.get_label(): list(line.get_xdata()) for line in [*losses.lines, *scores.lines]}
    assert named["val_loss"] == named["iou_score"] == [1, 2, 3, 4]
    assert named["_val_loss, later"] == [1, 2, 3, 4, 5, 6]
    assert [line.get_xdata()[0] for line in scores.lines[-2:]] == [2, 4]


def test_runs_of_a_single_epoch_are_seen_on_an_axis_of_whole_epochs():
    table = pd.DataFrame({"variant": ["a", "b"], "seed": 0, "epoch": 1, "iou_score": [0.1, 0.2]})
    axes = plot_optimizers(table, {"points": LEADS}).axes[0]
    assert all(line.get_marker() == "o" for line in axes.lines if line.get_linewidth() > 2)
    assert [tick for tick in axes.get_xticks() if 0.5 <= tick <= 1.5] == [1]


LEADS = pd.DataFrame({"mean": [1.0, 2.0], "low": [-1.0, np.nan], "high": [3.0, np.nan]}, index=["a − b", "one seed"])


def test_leads_have_their_intervals_and_a_unit_without_any_is_left_out():
    noise = pd.Series({1: 2.0, 4: 1.5})
    right = plot_batches(noise, {"points": LEADS, "seconds": LEADS[:0]}).axes[1]
    assert (right.get_xlabel(), words(right)) == ("points", ["a − b", "one seed"])
    assert [container.has_xerr for container in right.containers] == [True, False]
    assert len(plot_batches(noise, {"points": LEADS[:0]}).axes) == 1
    runs = pd.DataFrame({"variant": ["a"], "seed": 0, "epoch": 1, "iou_score": 0.1})
    assert len(plot_optimizers(runs, {"points": LEADS[:0]}).axes) == 1


def test_noise_is_compared_with_the_square_root_law():
    axes = plot_batches(pd.Series({1: 2.0, 4: 1.5}), {}).axes[0]
    assert list(axes.lines[1].get_ydata()) == [2.0, 1.0]


def test_patience_is_drawn_as_the_mean_over_seeds_in_percentage_points():
    table = pd.DataFrame({"patience": [1, 1, 2, 2], "epochs": [3, 5, 9, 9], "loss": [0.02, 0.04, 0.0, 0.01]})
    epochs, losses = plot_patience({"runs": table}).axes
    assert list(epochs.lines[0].get_ydata()) == [4, 9]
    assert list(losses.lines[0].get_ydata()) == pytest.approx([3, 0.5])


def test_days_are_drawn_on_a_linear_axis_and_written_in_units_that_suit_them():
    axes = plot_days(pd.Series({"steps": 9.5, "reading": 0.01}), said=4).axes[0]
    assert axes.get_xscale() == "linear"
    assert [bar.get_width() for bar in axes.patches] == [9.5, 0.01, 4]
    assert words(axes) == ["9.5 days", "14 min", "4 days"]
    spelled = {0.0013: "1.3 ms", 0.0996: "100 ms", 0.42: "0.42 s", 90: "1.5 min", 7200: "2 h", 820_800: "9.5 days"}
    assert [spell(value) for value in spelled] == list(spelled.values())


def test_class_dots_are_seeds_and_classes_that_nobody_finds_are_counted():
    one = pd.DataFrame({0: [0.5, 0.0, np.nan], 1: [0.6, 0.001, np.nan]}, index=["road", "car", "bus"])
    axes = plot_class_dots({"one": one, "two": one / 2}).axes[0]
    assert rows_of(axes) == ["road"]
    assert "1 more class" in axes.get_xlabel()
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert dots == [0.5, 0.6, 0.25, 0.3]
    assert "seeds" in axes.get_xlabel()
    assert "seeds" not in plot_class_dots({"one": one[[0]]}).axes[0].get_xlabel()


def test_skip_maps_stand_in_pairs_and_a_few_extreme_numbers_do_not_hide_the_rest():
    flat = np.zeros((4, 8))
    wild = np.linspace(0, 1, 800).reshape(20, 40)
    wild[0, 0] = 1000
    axes = plot_skip_maps({0: (wild, wild / 2), 3: (flat, flat)}).axes
    assert [axis.images[0].get_array().shape for axis in axes] == [(20, 40), (20, 40), (4, 8), (4, 8)]
    low, high = axes[0].images[0].get_clim()
    assert 0 < low < 0.02 < 0.98 < high < 1
    assert "Level 3" in axes[2].get_title() and "skip" in axes[2].get_title()


def test_the_first_epoch_is_shaded_and_classes_at_zero_are_counted():
    classes = pd.DataFrame({"first": [0.5, 0.0, 0.0], "last": [0.6, 0.2, 0.0]}, index=["road", "car", "bus"])
    left, right = plot_first_epoch(pd.Series({0: 0.0, 2: 0.1, 4: 0.3}), 2, {"road everywhere": 0.02}, classes).axes
    assert left.patches[0].get_bbox().bounds[0::2] == (0, 2)
    assert rows_of(right) == ["car", "road"]
    assert "1 more class" in right.get_xlabel()


def test_an_overlap_names_each_hit_miss_and_false_alarm():
    truth, prediction = np.random.default_rng(0).random((2, 5, 6)) < 0.5
    shown = words(plot_overlap(truth, prediction).axes[0])
    counts = {
        "hit (TP)": truth & prediction,
        "missed (FN)": truth & ~prediction,
        "false alarm (FP)": ~truth & prediction,
    }
    assert {word: shown.count(word) for word in counts} == {word: cells.sum() for word, cells in counts.items()}
    assert len(shown) == (truth | prediction).sum()


def test_the_pixels_of_a_class_stand_in_a_row_from_dark_to_bright_behind_their_mean():
    pixels = np.array([[200, 200, 200], [0, 0, 100], [0, 100, 0]], np.uint8)
    axes = plot_class_colors({"sky": pixels, "bus": pixels[:0], "car": pixels[:1]}).axes[0]
    assert rows_of(axes) == ["sky", "car"]
    colors = {patch.get_x(): patch.get_facecolor()[:3] for patch in axes.patches if patch.get_y() < 1}
    *_, first, second, third = [np.round(np.multiply(colors[x], 255)).tolist() for x in sorted(colors)]
    assert [first, second, third] == [[0, 0, 100], [0, 100, 0], [200, 200, 200]]  # blue looks darker than green
    assert np.allclose(np.multiply(colors[0], 255), pixels.mean(axis=0))


def test_the_mean_photo_comes_before_the_maps_and_takes_no_map_away():
    names, maps = ["road", "sky", "car", "bus", "pole"], np.ones((5, 4, 8)) / 2
    titles = [axes.get_title().split("\n")[0] for axes in plot_class_positions(maps, names, np.zeros((4, 8, 3))).axes]
    assert titles[:6] == ["mean of all", *names]
    assert [axes.get_title().split("\n")[0] for axes in plot_class_positions(maps, names).axes] == names


def test_the_limit_is_drawn_in_the_panels_that_it_is_defined_for():
    panels = {name: {"relu": [1.0, 0.1]} for name in ("signal", "gradient")}
    drawn = [words(axes) for axes in plot_by_layer(panels, limit=["gradient"]).axes]
    assert ["vanished" in names for names in drawn] == [False, True]
    assert all("vanished" in words(axes) for axes in plot_by_layer(panels).axes)


def test_larger_windows_show_where_the_smallest_lies():
    image = np.zeros((40, 60, 3), np.uint8)
    small, large = plot_windows(image, {"A": (10, 40)}, sides=(4, 20)).axes
    assert not small.patches
    (square,) = large.patches
    assert (square.get_xy(), square.get_width()) == ((40 - 2 - 30 - 0.5, 10 - 2 - 0 - 0.5), 4)


@pytest.mark.parametrize(("score", "side"), [(0.5, "left"), (0.1, "right")])
def test_a_baseline_is_named_where_it_hides_no_curve(score, side):
    rows = {"variant": "U-Net 16", "seed": 0, "epoch": [1, 2], "iou_score": [0.2, 0.6], "train_seconds": 1.0}
    by_epoch = plot_same_budget(pd.DataFrame(rows), {"blindfold": score}).axes[0]
    assert [(text.get_text(), text.get_ha()) for text in by_epoch.texts] == [("blindfold", side)]


def test_unknown_names_have_colours_that_no_known_name_has():
    colors = style.named_colors(["a", "relu", "b"], {"relu": style.COLORS[0], "silu": style.COLORS[1]})
    assert colors["relu"] == style.COLORS[0]
    assert len({str(colors["a"]), str(colors["b"]), *style.COLORS[:2]}) == 4
