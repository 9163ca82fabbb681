"""Photos and masks, and the files and helpers of the style."""

import io

import numpy as np
import pytest
from drawings import street
from PIL import Image

from cs_utils.exceptions import CourseError
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, VOID, colorize
from cs_utils.plots import masks, style
from cs_utils.plots.scenes import paint_errors, plot_gallery, plot_pairs, plot_predictions, plot_scenes
from cs_utils.plots.tasks import paint_instances, paint_shades, plot_pixel_label

IMAGE, MASK = street()


def shown(axes):
    return np.asarray(axes.images[0].get_array())


def named(figure):
    """The classes that a figure names, in its masks or below it."""
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    return texts | {text.get_text() for legend in figure.legends for text in legend.get_texts()}


def test_void_is_faded_and_the_classes_have_the_colours_of_cityscapes():
    painted = masks.paint(MASK)
    assert np.array_equal(painted[MASK != VOID], colorize(MASK)[MASK != VOID])
    assert set(np.unique(painted[MASK == VOID])) == set(masks.VOID_STRIPES)


def test_pictures_are_averaged_when_they_are_shrunk():
    figure = plot_gallery({"one": IMAGE, "two": MASK})
    assert all(axes.images[0].get_interpolation() == "antialiased" for axes in figure.axes)
    # A fine checkerboard, of which many pixels fall on one of the figure: the mean is grey, each is black or white.
    board = np.indices((2400, 4800)).sum(axis=0)[..., None].repeat(3, axis=2) % 2 * 255
    drawn = Image.open(io.BytesIO(style._render(plot_gallery({"": board.astype(np.uint8)}), "png")))
    middle = np.asarray(drawn.convert("L"))[300:500, 300:500]
    assert 100 < middle.min() <= middle.max() < 160


def test_every_class_of_a_mask_is_named_in_it_or_below_it():
    figure = plot_scenes([(IMAGE, MASK)])
    present = {CLASS_NAMES[value] for value in np.unique(MASK) if value != VOID} | {"void"}
    assert named(figure) == present


def test_names_are_written_where_they_fit_into_their_region():
    mask = np.zeros((200, 400), np.uint8)
    mask[:100], mask[150:, :60], mask[150:160, 300:310] = 10, 13, 16  # sky; a car; a train smaller than its name
    figure = plot_gallery({"": mask}, columns=1)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert set(places) == {"road", "sky", "car"}
    assert all(CLASS_NAMES[mask[int(y), int(x)]] == name for name, (x, y) in places.items())
    assert named(figure) == {"road", "sky", "car", "train"}


def test_predictions_are_the_four_panels_of_the_talk_and_void_is_not_judged():
    prediction = np.full_like(MASK, 11)
    figure = plot_predictions([IMAGE], [MASK], [prediction])
    assert [axes.get_title() for axes in figure.axes] == ["Image", "Ground Truth", "Prediction", "Overlay"]
    assert np.array_equal(shown(figure.axes[1]), masks.paint(MASK))
    assert np.array_equal(shown(figure.axes[2]), masks.paint(np.where(MASK == VOID, VOID, 11).astype(np.uint8)))
    assert len(plot_predictions([IMAGE] * 2, [MASK] * 2, [MASK] * 2).axes) == 8


def test_a_long_legend_leaves_room_for_the_names_above_the_pictures():
    every = np.array([[*range(NUM_CLASSES), VOID]], np.uint8).repeat(20, axis=1).repeat(200, axis=0)
    figure = plot_predictions([np.full((*every.shape, 3), 200, np.uint8)], [every], [every])
    with style._our_style():
        figure.draw_without_rendering()
    assert figure.get_tightbbox().y1 <= figure.get_figheight()


def test_pairs_are_wrapped_and_each_mask_stands_below_its_photo():
    pairs = {f"pair {number}": (IMAGE + np.uint8(number), np.full_like(MASK, number)) for number in range(3)}
    axes = np.reshape(plot_pairs(pairs, columns=2).axes, (4, 2))
    for number in range(3):
        row, column = 2 * (number // 2), number % 2
        assert axes[row, column].get_title() == f"pair {number}"
        assert np.array_equal(shown(axes[row, column]), pairs[f"pair {number}"][0])
        assert np.array_equal(shown(axes[row + 1, column]), masks.paint(pairs[f"pair {number}"][1]))


def test_errors_are_red_void_striped_and_the_rest_grey():
    image = np.full((1, 3, 3), 60, np.uint8)
    target = np.array([[0, 0, VOID]], np.uint8)
    painted = paint_errors(image, target, np.array([[0, 1, 1]], np.uint8))
    assert painted[0, :2].tolist() == [[150, 150, 150], [196, 71, 43]]
    assert painted[0, 2, 0] in masks.VOID_STRIPES


def test_in_large_photos_an_error_of_one_pixel_is_widened():
    target, mask = np.zeros((400, 800), np.uint8), np.zeros((400, 800), np.uint8)
    mask[200, 400] = 1
    painted = paint_errors(np.zeros((400, 800, 3), np.uint8), target, mask)
    assert (painted == (196, 71, 43)).all(axis=2).sum() == 9


def test_objects_have_their_own_colours_and_in_the_panoptic_picture_shades_of_their_class():
    instances = np.full((8, 16), 7, dtype=np.uint16)
    instances[2:5, 2:6], instances[3:6, 6:10] = 26000, 26001
    painted = paint_instances(instances, np.zeros((8, 16, 3), np.uint8))
    assert len({tuple(painted[2, 2]), tuple(painted[5, 8]), tuple(painted[7, 0])}) == 3
    assert (painted[instances == 26000] == painted[2, 2]).all()
    mask = np.where(instances == 7, 0, 13).astype(np.uint8)
    one, other = (paint_shades(instances, colorize(mask))[place].astype(int) for place in ((3, 3), (4, 7)))
    assert tuple(one) != tuple(other)
    assert all(color[2] > 2 * max(color[:2].max(), 1) for color in (one, other))  # both are still the blue of cars


def test_a_pixel_is_shown_with_its_neighbours_also_at_the_border():
    ids = np.full((20, 30), 7, np.uint8)
    ids[0, 0] = 26
    figure = plot_pixel_label(np.zeros((20, 30, 3), np.uint8), ids, 0, 0, reach=2)
    whole, near, labels = figure.axes
    assert [text.get_text() for text in labels.texts] == ["26", *["7"] * 8]
    frame = whole.patches[0].get_bbox().bounds  # the frame is what is enlarged
    assert frame == (-0.5, -0.5, *shown(near).shape[1::-1])


def test_a_figure_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = plot_gallery({"": MASK})
    with pytest.raises(CourseError, match=r"a.xyz"):
        style.save_figure(figure, tmp_path / "a.xyz")
    monkeypatch.setattr(type(figure), "savefig", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        style.save_figure(figure, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_names_at_the_ends_of_lines_keep_their_distance():
    places = style._spread([0.5, 0.5, 0.5, 0.1], 0.1)
    assert sorted(places)[0] == pytest.approx(0.1)
    assert np.diff(sorted(places)).min() > 0.099
    assert np.mean(places[:3]) == pytest.approx(0.5)


def test_values_that_are_no_class_have_a_legend_of_their_own():
    mask = np.zeros((40, 80), np.uint8)
    mask[:, 40:] = 100  # between road and void, as a bilinear mask has it
    figure = plot_gallery({"bilinear": mask})
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "no class" in labels
