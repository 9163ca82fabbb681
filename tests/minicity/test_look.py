"""Light, weather and film of MiniCity: shadows fall away from the sun, wet roads mirror, the camera exposes."""

from dataclasses import replace

import numpy as np
import pytest

from minicity.conditions import draw_light, draw_look
from minicity.facades import Facade, Glazing
from minicity.geometry import Camera, Light, Solid
from minicity.plans import Street
from minicity.sensor import expose
from minicity.shadows import cast_shadows, ground_view
from minicity.sky import mirror_in_road
from minicity.textures import View

GRAY = np.full(3, 0.8)
CAMERA = Camera(height=1.3, focal=200.0, cx=100.0, horizon=40.0)


def light(**changes) -> Light:
    sun = np.array([-0.6, 0.6, 0.53])
    return replace(Light(sun / np.linalg.norm(sun), 0.8, 0.5, 0.0, GRAY, GRAY, 0.0), **changes)


def darkened(made: Light) -> np.ndarray:
    """How much a post 10 m ahead, 3 m tall, darkens white ground: (60, 200)."""
    post = Solid("pole", 10.0, np.zeros((3, 3)), np.array([3]), np.zeros((1, 3)), (0.0, 10.0, 0.1, 0.1, 3.0))
    street = Street(np.random.default_rng(0), made, 0.0, 0.0, 0.0)
    street.things.append(post)
    canvas = np.full((100, 200, 3), 200, np.uint8)
    cast_shadows(canvas, street, CAMERA)
    return 200.0 - canvas[40:].mean(axis=2)


def test_a_shadow_falls_away_from_the_sun_and_needs_one():
    dark = darkened(light())
    # The foot stands at x = 100; the sun is to the left and ahead, so the shadow runs to the right and towards us.
    foot = round(200.0 * 1.3 / 10.0)
    assert dark[foot + 1 :, 100:].max() > 30
    assert dark[:, :95].sum() + dark[: foot - 2].sum() < 0.05 * dark.sum()
    assert darkened(light(direct=0.0)).max() == 0


def test_the_ground_is_seen_where_the_camera_projects_it():
    view = ground_view(CAMERA, 50, 100, 200)
    point = np.array([float(view.u[20, 30]), 0.0, float(view.v[20, 0])])
    assert CAMERA.project(point) == pytest.approx((30.5, 70.5), abs=1e-3)


def test_only_wet_ground_mirrors_what_stands_above_the_horizon():
    canvas = np.full((100, 200, 3), 60, np.uint8)
    canvas[20:40, 90:110] = canvas[20:40, 165:185] = 255
    flat = np.zeros((100, 200), np.uint8)
    flat[:, :150] = 255
    before = canvas.copy()
    mirror_in_road(canvas, flat, light(wet=1.0), CAMERA, 0.3)
    change = canvas.astype(int) - before
    assert change[45:60, 95:105].mean() > 5 * max(change[45:60, 20:60].mean(), 0.2)
    assert (change[:40] == 0).all() and (change[:, 155:] == 0).all()


def test_exposure_white_balance_and_saturation():
    rng = np.random.default_rng(0)
    made = draw_light(rng)
    neutral = replace(draw_look(rng, made), gains=np.ones(3), contrast=1.0, gamma=1.0, black=0.0, shoulder=0.05)
    neutral = replace(neutral, saturation=1.0, vignette=0.0, blur=0.0, sharpen=0.0, streak=None, noise=0.0)
    image = np.full((40, 60, 3), (120, 90, 60), np.uint8)
    assert np.array_equal(expose(image, neutral, None), image)
    assert expose(image, replace(neutral, gains=np.full(3, 1.5)), None)[0, 0].tolist() == [180, 135, 90]
    assert expose(image, replace(neutral, gains=np.array([1.0, 1.0, 2.0])), None)[0, 0].tolist() == [120, 90, 120]
    gray = expose(image, replace(neutral, saturation=0.0), None)[0, 0]
    assert np.ptp(gray.astype(int)) == 0 and gray[0] == pytest.approx(0.299 * 120 + 0.587 * 90 + 0.114 * 60, abs=1)
    # A sun in the upper left corner veils that corner most; motion blur keeps the mean.
    veiled = expose(image, neutral, (0.0, 0.0, 0.8)).mean(axis=2)
    assert veiled[0, 0] > veiled[-1, -1] > image.mean()
    edge = image.copy()
    edge[:, 30:] = 0
    blurred = expose(edge, replace(neutral, streak=(0.1, 0.0)), None)
    assert blurred.mean() == pytest.approx(edge.mean(), rel=0.02)
    assert len(np.unique(blurred[20, :, 0])) > len(np.unique(edge[20, :, 0]))


def test_windows_mirror_the_sky_by_their_gloss_and_are_lit_at_dusk():
    u, v = np.meshgrid(*2 * [np.linspace(0.0, 12.0, 96, dtype=np.float32)])
    foot = np.full((1, 96), 12 / 96, np.float32)
    view = View(u[:1], v[::-1], foot, foot, 1.0, np.array([0.4, 0.6, 0.9], np.float32), (96, 96))

    def mean(**glazing) -> np.ndarray:
        front = Facade("plaster", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 12.0, 12.0, 3.0, 3.0, (1.6, 1.6), False, (0, 0, 0),
                       glazing=Glazing(curtains=0.0, **glazing))  # fmt: skip
        return front.paint(view)[0].mean(axis=(1, 2))

    dull, glossy, lit = mean(gloss=0.1), mean(gloss=1.0), mean(gloss=0.1, lit=0.6)
    assert glossy[2] - dull[2] > glossy[0] - dull[0] > 0.0
    assert lit[0] - dull[0] > lit[2] - dull[2] > 0.0
