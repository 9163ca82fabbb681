"""The tools of MiniCity's pictures: projection, clipping, textures without flicker, materials, the sensor's noise."""

import cv2
import numpy as np
import pytest

from minicity.geometry import Camera, clip, inset
from minicity.materials import Asphalt, Grass, Masonry, Paving, Rails
from minicity.sensor import _speckle
from minicity.textures import View, band, noise, stripes
from minicity.trees import Foliage


@pytest.mark.parametrize(
    "material",
    [
        Asphalt(-5.0, 5.0),
        Paving((0.5, 0.5, 0.5), (0.5, 0.5)),
        Grass((0.3, 0.4, 0.2)),
        Rails(0.0, (0.4, 0.4, 0.4)),
        Masonry("plaster", (0.6, 0.6, 0.6), 6.0),
        Masonry("brick", (0.5, 0.3, 0.2), 6.0),
        Foliage((0.3, 0.4, 0.2), 0.0, 6.0),
    ],
    ids=lambda material: type(material).__name__,
)
def test_no_material_is_a_flat_fill(material):
    """Contrast on a scale of half a metre, so that neither slow shading nor the kerb alone can pass."""
    u, v = np.meshgrid(*2 * [np.linspace(1.5, 4.5, 96, dtype=np.float32)])
    foot = np.full((1, 96), 3 / 96, np.float32)
    rgb, _ = material.paint(View(u, v, foot, foot, 1.0, np.ones(3, np.float32), (96, 96)))
    assert rgb.shape == (3, 96, 96)
    detail = rgb[1] - cv2.GaussianBlur(rgb[1], (0, 0), 8.0)
    assert detail.std() > 0.005


def test_projection_by_hand():
    camera = Camera(height=1.2, focal=2262.0, cx=1024.0, horizon=440.0)
    # A man of 1.8 m, 10 m ahead, 2 m to the right: 2262 / 10 = 226.2 pixels per metre.
    feet, head = camera.project(np.array([(2.0, 0.0, 10.0), (2.0, 1.8, 10.0)]))
    assert feet == pytest.approx((1024 + 452.4, 440 + 271.44))
    assert head == pytest.approx((1024 + 452.4, 440 - 135.72))
    # Twice as far away he is half as tall; at eye level, everything lies on the horizon.
    feet2, head2 = camera.project(np.array([(2.0, 0.0, 20.0), (2.0, 1.8, 20.0)]))
    assert feet2[1] - head2[1] == pytest.approx((feet[1] - head[1]) / 2)
    assert camera.project(np.array([(5.0, 1.2, 7.0), (-9.0, 1.2, 300.0)]))[:, 1] == pytest.approx(440.0)


def test_clip_and_inset_by_hand():
    square = np.array([(-2.0, 2.0), (4.0, 2.0), (4.0, 6.0), (-2.0, 6.0)])
    cut = clip(square, height=5, width=10)
    assert np.ptp(cut, axis=0) == pytest.approx((4.0, 3.0)) and cut.min(axis=0) == pytest.approx((0.0, 2.0))
    assert len(clip(square + 50, 5, 10)) == 0
    for order in (slice(None), slice(None, None, -1)):
        inner = inset(square[order], 0.5)
        assert inner.min(axis=0) == pytest.approx((-1.5, 2.5)) and inner.max(axis=0) == pytest.approx((3.5, 5.5))


def test_stripes_are_averaged_over_the_footprint_of_a_pixel():
    t = np.array([[0.0, 0.25, 0.5, 0.75]], np.float32)
    thin, wide = np.full((1, 1), 1e-3, np.float32), np.full((1, 1), 1.0, np.float32)
    assert stripes(t + 0.1, 1.0, 0.0, 0.5, thin) == pytest.approx(np.array([[1, 1, 0, 0]]), abs=1e-3)
    # A pixel as wide as the period sees the mean, wherever it lies: nothing is left to alias.
    assert stripes(t, 1.0, 0.0, 0.3, wide) == pytest.approx(0.3, abs=1e-5)
    assert band(t, 0.0, 0.25, wide)[0, 0] == pytest.approx(0.25)


def test_noise_fades_with_distance():
    line = np.linspace(0.0, 40.0, 64, dtype=np.float32)

    def spread(foot: float) -> float:
        feet = np.full((1, 64), foot, np.float32)
        view = View(line[None], line[:, None] * 0.9, feet, feet, 1.0, np.ones(3, np.float32), (64, 64))
        return float(noise(view, "grain", 2.0).std())

    assert spread(0.004) > 0.8 > 0.4 > spread(0.3) > spread(1.0)


def test_noise_is_correlated_between_neighbours_and_colours_as_after_demosaicing():
    noise = _speckle()
    assert noise.shape == (512, 512, 3) and noise.std(axis=(0, 1)) == pytest.approx(1.0, abs=0.02)
    assert np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1] > 0.3
    assert abs(np.corrcoef(noise[:, 8:, 0].ravel(), noise[:, :-8, 0].ravel())[0, 1]) < 0.05
