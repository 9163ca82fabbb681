import math

import numpy as np
import pandas as pd
import pytest

from cs_utils.labels import colorize
from cs_utils.plots.losses import (
    half_width,
    plot_class_table,
    plot_failures,
    plot_focus,
    plot_gradients,
    plot_journey,
    plot_surprise,
    plot_toy_losses,
    plot_void,
)

MASK = np.array([[10, 10], [0, 255]], dtype=np.uint8)


def test_a_guess_is_marked_at_its_price():
    axes = plot_surprise(19).axes[0]
    assert axes.lines[1].get_xdata() == [1 / 19]
    assert axes.lines[1].get_ydata()[0] == pytest.approx(2.944, abs=1e-3)


def test_toy_losses_show_every_mask_above_its_values():
    values = pd.DataFrame({"right": [0.0, -2.0], "wrong": [4.0, 1.0]}, index=["dice", "broken dice"])
    figure = plot_toy_losses({"right": MASK, "wrong": None}, values, right=["dice"])
    assert np.array_equal(figure.axes[0].images[0].get_array(), colorize(MASK))
    assert [text.get_text() for text in figure.axes[2].texts] == ["0.00", "4.00", "-2.00", "1.00"]
    # Coloured row by row, since the losses have no common scale.
    assert figure.axes[2].collections[0].get_array().tolist() == [[0, 1], [0, 1]]
    assert len({label.get_color() for label in figure.axes[2].get_yticklabels()}) == 2
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["right", "wrong"]
    places = [list(axes.get_subplotspec().colspan) for axes in figure.axes]
    assert places == [[0], [1], [0, 1]]


def test_void_curves_are_relative_and_dashed_where_they_move():
    values = pd.DataFrame({"right": [2.0, 2.0], "wrong": [2.0, 1.0]}, index=[0.0, 0.5])
    right, wrong = plot_void(values).axes[0].lines
    assert right.get_ydata().tolist() == [1, 1]
    assert wrong.get_ydata().tolist() == [1, 0.5]
    assert (right.get_linestyle(), wrong.get_linestyle()) == ("-", "--")


def test_gradients_and_focus_draw_what_they_are_given():
    p = np.array([0.0, 1.0])
    figure = plot_gradients(p, {"ce": 1 - p}, pd.DataFrame({"ce": [0.25, 0.75]}, index=["pole", "road"]))
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1, 0]
    assert [bar.get_height() for bar in figure.axes[1].patches] == [25, 75]
    focus = plot_focus([0, 2]).axes[1]
    assert np.allclose(focus.lines[0].get_ydata(), 1)
    assert np.allclose(focus.lines[1].get_ydata(), (1 - focus.lines[1].get_xdata()) ** 2)


def test_failures_show_a_column_for_each_loss_and_the_truth_once():
    table = pd.DataFrame(
        {"variant": ["a", "a", "b", "b"], "epoch": [1, 2, 1, 2], "train_loss": [3, 1, 2, 1], "iou_score": [0, 1, 0, 0]}
    )
    figure = plot_failures(table, "a", MASK, {"a": MASK, "b": MASK})
    assert figure.axes[1].lines[0].get_ydata().tolist() == [2, 1]
    assert [line.get_ydata().tolist() for line in figure.axes[3].lines] == [[0, 100], [0, 0]]
    assert [axes.get_title() for axes in figure.axes[4:]] == ["ground truth", "a", "b", ""]


def test_half_width_is_students():
    # standard deviation 1, times 4.303, over the root of 3
    assert half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(4.303 / math.sqrt(3))
    assert math.isnan(half_width(pd.Series([1.0])))


def test_journey_has_a_dot_for_each_seed_and_an_interval_where_there_are_several():
    final = pd.DataFrame({"ce": [0.2, 0.4], "broken": [0.1, np.nan]})
    axes = plot_journey(final, broken=["broken"]).axes[0]
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([20, 40])
    assert len(axes.containers) == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one seed", "mean, 95 % interval"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ce", "broken"]


def test_class_table_is_sorted_by_share_and_leaves_out_absent_classes():
    iou = pd.DataFrame({"ce": [0.5, 0.9, np.nan]}, index=["pole", "road", "bus"])
    axes = plot_class_table(iou, pd.Series({"pole": 0.01, "road": 0.99, "bus": 0.0})).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["road (99.0%)", "pole (1.0%)"]
    assert [text.get_text() for text in axes.texts] == ["90", "50"]
