"""The turned, bending camera of MiniCity: one exact map for the picture and for the polygons."""

import cv2
import numpy as np
import pytest

from minicity.conditions import draw_lens
from minicity.lens import Lens, turned

POINTS = np.stack(np.meshgrid(np.linspace(-20, 220, 9), np.linspace(-10, 110, 7)), axis=-1)


@pytest.mark.parametrize("bend", [-0.03, 0.0, 0.2])
def test_there_and_back(bend):
    lens = Lens(180.0, turned(0.2, -0.1, 0.05), bend, 100, 200)
    assert lens.to_picture(lens.to_level(POINTS)) == pytest.approx(POINTS, abs=1e-3)


def test_turns_by_hand():
    middle = np.array([(100.0, 50.0)])
    # The middle of the picture is the direction in which the camera looks: right by 0.2, up by 0.1 radians.
    assert Lens(180.0, turned(0.2, 0.0, 0.0), 0.0, 100, 200).to_level(middle)[0] == pytest.approx((np.tan(0.2), 0.0))
    assert Lens(180.0, turned(0.0, 0.1, 0.0), 0.0, 100, 200).to_level(middle)[0] == pytest.approx((0.0, -np.tan(0.1)))
    # A camera that rolls clockwise sees the world turn the other way about the middle.
    rolled = Lens(180.0, turned(0.0, 0.0, np.pi / 2), 0.0, 100, 200)
    assert rolled.to_picture(np.array([(0.5, 0.0)]))[0] == pytest.approx((100.0, 50.0 - 90.0))


def test_a_positive_bend_pulls_the_rim_inwards_and_leaves_the_middle():
    straight, barrel = (Lens(180.0, np.eye(3), bend, 100, 200) for bend in (0.0, 0.2))
    tangents = np.array([(0.0, 0.0), (0.05, 0.0), (0.5, 0.2)])
    before, after = (np.hypot(*(lens.to_picture(tangents) - (100, 50)).T) for lens in (straight, barrel))
    assert after[0] == pytest.approx(0.0) and after[1] == pytest.approx(before[1], rel=2e-3)
    assert 0.9 < after[2] / before[2] < 0.97


def test_the_picture_and_the_polygon_of_a_painted_shape_agree():
    lens = Lens(180.0, turned(0.1, -0.06, 0.08), 0.2, 100, 200)
    camera, height, width = lens.level(1.3)
    outline = np.array([(40.0, 20.0), (190.0, 25.0), (185.0, 100.0), (45.0, 90.0)])
    canvas = np.zeros((height, width, 3), np.uint8)
    cv2.fillPoly(canvas, [np.round(16 * outline).astype(np.int32)], (255, 255, 255), cv2.LINE_AA, 4)
    picture = lens.photograph(canvas, camera)[..., 0] > 127
    drawn = np.zeros((100, 200), np.uint8)
    cv2.fillPoly(drawn, [np.round(16 * lens.bend_all([outline], camera)[0]).astype(np.int32)], 255, cv2.LINE_AA, 4)
    differ = picture != (drawn > 127)
    assert picture.sum() > 5000 and differ.sum() < 0.01 * picture.sum()
    # Where they differ, they differ by one pixel at the border.
    assert not cv2.erode(differ.astype(np.uint8), np.ones((2, 2))).any()


def test_the_canvas_holds_all_that_the_picture_shows():
    lens = Lens(150.0, turned(-0.2, 0.08, -0.06), -0.03, 100, 200)
    camera, height, width = lens.level(1.3)
    rim = np.array([(x, y) for x in (0, 50, 100, 150, 200) for y in (0, 100)] + [(x, 50) for x in (0, 200)], float)
    on_canvas = lens.to_level(rim) * camera.focal + (camera.cx, camera.horizon)
    assert (on_canvas > 0).all() and (on_canvas < (width, height)).all()


@pytest.mark.parametrize("size", [(256, 512), (256, 256), (512, 256), (512, 64)])
def test_no_canvas_is_many_times_as_large_as_its_picture(size):
    """A portrait picture of the focal length of its width asked for terabytes,."""
    for seed in range(300, 400):
        lens, eye = draw_lens(np.random.default_rng(seed), *size)
        assert np.prod(lens.level(eye)[1:], dtype=float) < 3 * np.prod(size)


def test_outlines_keep_their_order_when_bent_together():
    lens = Lens(150.0, turned(0.05, 0.0, 0.03), 0.1, 100, 200)
    camera, _, _ = lens.level(1.3)
    outlines = [np.array([(5.0, 5.0), (9.0, 5.0), (9.0, 9.0)]), np.array([(0.0, 0.0), (180.0, 0.0), (180.0, 90.0)])]
    together = lens.bend_all(outlines, camera)
    for outline, bent in zip(outlines, together, strict=True):
        assert np.array_equal(bent, lens.bend_all([outline], camera)[0])
        assert len(bent) >= len(outline)
        assert bent[0] == pytest.approx(
            lens.to_picture((outline[:1] + 0.5 - (camera.cx, camera.horizon)) / 150.0)[0] - 0.5
        )
