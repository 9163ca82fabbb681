from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch

from cs_utils.data.cityscapes import find_frames, read_frame
from cs_utils.evaluation.errors import Predicted, calibrate, errors_by_distance
from cs_utils.labels import CLASS_NAMES, VOID
from cs_utils.metrics.confusion import scores
from cs_utils.plots.results import (
    plot_boundary_errors,
    plot_calibration,
    plot_ceiling,
    plot_class_iou,
    plot_confusion,
    plot_rare_classes,
    plot_region_hits,
)
from cs_utils.plots.scenes import paint_errors, plot_disturbed, plot_errors


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_class_shares_stand_beside_the_ious():
    matrix = torch.zeros(20, 20, dtype=torch.int64)
    matrix[0, 0], matrix[1, 0], matrix[1, 1] = 15, 2, 3  # road: 15 / 17, sidewalk: 3 / 5
    _, right = plot_class_iou(scores(matrix)).axes
    assert right.lines[0].get_xdata().tolist() == [25, 75]
    assert right.get_xscale() == "log"


def test_confusions_under_half_a_per_cent_are_not_written():
    matrix = np.zeros((20, 20), dtype=np.int64)
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = 985, 4, 11
    assert [word for word in words(plot_confusion(matrix).axes[0]) if word] == ["98", "1"]


def test_boundary_errors_are_shown_as_rates_and_as_running_shares():
    # distances 3 2 1 | 1 2 3; wrong are one pixel at 1 and one at 3
    target, mask = np.array([[0, 0, 0, 1, 1, 1]], np.uint8), np.array([[1, 0, 1, 1, 1, 1]], np.uint8)
    table = errors_by_distance([Predicted(None, target, mask)], edges=[1, 2, np.inf])
    left, right = plot_boundary_errors(table).axes
    assert [bar.get_height() for bar in left.patches] == [50, 0, 50]
    assert [label.get_text() for label in left.get_xticklabels()] == ["1", "2", "> 2"]
    errors, pixels = (line.get_ydata() for line in right.lines)
    assert errors.tolist() == [50, 50]
    assert pixels == pytest.approx([100 / 3, 200 / 3])


def test_rare_classes_are_named_and_absent_ones_left_out():
    matrix = torch.zeros(20, 20, dtype=torch.int64)
    matrix[0, 0], matrix[18, 18], matrix[18, 4] = 98, 1, 1  # fence is predicted, but never true
    axes = plot_rare_classes(scores(matrix)).axes[0]
    assert words(axes) == ["road", "bicycle"]
    assert axes.collections[0].get_offsets().tolist() == [[98, 1], [2, 0.5]]


def test_the_names_of_close_neighbours_do_not_cover_each_other():
    close = pd.DataFrame({"share": [0.1, 0.102, 0.104], "iou": [0.5, 0.51, 0.5]}, index=["wall", "fence", "pole"])
    figure = plot_rare_classes(close)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_regions_are_shown_with_their_number():
    table = pd.DataFrame({"regions": [3, 1], "found": [0, 1], "hit": [0.25, 0.75]}, index=["to 4", "more"])
    axes = plot_region_hits(table).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0, 100, 25, 75]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["to 4\n(3 regions)", "more\n(1 regions)"]


def test_the_network_and_what_resizing_takes_share_one_bar():
    table = pd.DataFrame({"ceiling": [0.9, 0.75], "network": [0.5, 0.25]}, index=["car", "pole"])
    axes = plot_ceiling(table).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pole", "car"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.75, 0.9, 0.25, 0.1, 0.25, 0.5])


def test_calibration_shows_confidence_against_accuracy():
    table = calibrate(torch.tensor([0.95, 0.95, 0.65, 0.65]), torch.tensor([True, True, True, False]))
    axes = plot_calibration(table).axes[0]
    assert np.allclose(axes.collections[0].get_offsets(), [[0.65, 0.5], [0.95, 1]])


def test_errors_are_red_void_black_and_the_rest_grey():
    image = np.full((1, 3, 3), 60, np.uint8)
    target = np.array([[0, 0, VOID]], np.uint8)
    painted = paint_errors(image, target, np.array([[0, 1, 1]], np.uint8))
    assert painted.tolist() == [[[150, 150, 150], [196, 71, 43], [0, 0, 0]]]


def test_each_row_of_errors_has_its_label(data_root):
    frames = find_frames(data_root, "val")
    predicted = [Predicted(frame, read_frame(frame)[1], np.zeros((32, 64), np.uint8)) for frame in frames]
    figure = plot_errors(predicted, ["best: 0.50", "worst: 0.25"])
    assert len(figure.axes) == 8
    assert [words(axes) for axes in figure.axes[::4]] == [["best: 0.50"], ["worst: 0.25"]]
    assert "sky" in {text.get_text() for text in figure.legends[0].get_texts()} <= {*CLASS_NAMES, "void"}


def test_disturbed_photos_stand_above_their_masks():
    images = [np.full((4, 8, 3), value, np.uint8) for value in (9, 90)]
    masks = [np.full((4, 8), value, np.uint8) for value in (0, 13)]
    figure = plot_disturbed(images, masks, ["as it is", "dark"])
    assert [axes.get_title() for axes in figure.axes] == ["as it is", "dark", "", ""]
    assert figure.axes[1].images[0].get_array()[0, 0].tolist() == [90, 90, 90]
    assert figure.axes[3].images[0].get_array()[0, 0].tolist() == [0, 0, 142]
