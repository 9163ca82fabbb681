import numpy as np
import pandas as pd
import pytest

from cs_utils.data.cityscapes import find_frames, read_frame
from cs_utils.data.transforms import flip, resize
from cs_utils.labels import colorize, one_hot, train_id_to_slide
from cs_utils.plots.preprocessing import (
    PAPER_CEILING,
    plot_augmentation,
    plot_channels,
    plot_denoising,
    plot_iou_ceiling,
    plot_mismatch,
    plot_row,
    plot_steps,
)


@pytest.fixture
def pair(data_root):
    return read_frame(find_frames(data_root, "train")[0])


def test_steps_stand_above_their_own_masks(pair):
    figure = plot_steps({"As it was": pair, "Flipped": flip(*pair)})
    assert [axes.get_title() for axes in figure.axes] == ["As it was", "Flipped", "", ""]
    assert np.array_equal(figure.axes[3].images[0].get_array(), colorize(pair[1][:, ::-1]))


def test_a_row_has_a_legend_only_if_it_has_masks(pair):
    image, mask = pair
    assert plot_row({"a": image, "b": image}).legends == []
    assert len(plot_row({"a": image}, [mask]).legends) == 1


def test_augmentation_begins_with_what_validation_sees_and_draws_each_epoch_anew(data_root, settings):
    frame = find_frames(data_root, "train")[0]
    figure = plot_augmentation(frame, settings, draws=2)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert len(shown) == 6
    assert np.array_equal(shown[3], colorize(resize(*read_frame(frame), settings.image_size)[1]))
    assert not np.array_equal(shown[4], shown[5])
    again = plot_augmentation(frame, settings, draws=2)
    assert np.array_equal(shown[4], again.axes[4].images[0].get_array())


def test_channels_show_their_class_and_empty_ones_are_grey():
    mask = np.array([[0, 255], [13, 13]], np.uint8)
    figure = plot_channels(one_hot(train_id_to_slide(mask)))
    panels = {axes.get_title(): np.asarray(axes.images[0].get_array()) for axes in figure.axes}
    assert len(panels) == 21
    assert panels["13 car"].tolist() == [[[255] * 3] * 2, [[0, 0, 142]] * 2]
    assert panels["20 void"].tolist() == [[[255] * 3, [0] * 3], [[255] * 3] * 2]
    assert (panels["19 never used"] == 225).all()


def test_the_ceiling_stands_beside_the_papers_at_the_same_width():
    ceiling = pd.DataFrame({512: [90.0, 50.0], 256: [80.0, 30.0]}, index=["road", "pole"])
    figure = plot_iou_ceiling(ceiling)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(lines["mean, here"].get_ydata()) == [70, 55]
    assert list(lines["pole, here"].get_xdata()) == [512, 256]
    assert list(lines["pole, Cityscapes paper"].get_ydata()) == list(PAPER_CEILING["pole"])
    assert "traffic light, here" not in lines
    assert [text.get_text() for text in figure.axes[1].texts] == ["70.0", "55.0", "90.0", "80.0", "50.0", "30.0"]


def test_mismatch_and_denoising_draw_what_they_are_given():
    by_angle = pd.Series({0: 1.0, 12: 0.2})
    assert list(plot_mismatch(by_angle).axes[0].lines[0].get_ydata()) == [1.0, 0.2]
    by_noise = pd.DataFrame({2: [42.0, 30.0], 20: [22.0, 26.0]}, index=[0, 0.8])
    lines = plot_denoising(by_noise).axes[0].lines
    stars = [(float(np.squeeze(line.get_xdata())), float(np.squeeze(line.get_ydata()))) for line in lines[1::2]]
    assert stars == [(0, 42), (0.8, 26)]
