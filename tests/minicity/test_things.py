"""What stands and moves in MiniCity: bodies that differ, people from all sides, ragged crowns, real presence."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from minicity import cars, clutter, cycles, furniture, people, signs, trees, vehicles
from minicity.figures import Figure
from minicity.geometry import Camera, Light, Solid, split
from minicity.mesh import Mesh, Pose
from minicity.render import paint_solid, project_all

SUN = np.array([0.5, 0.5, -0.7]) / np.linalg.norm([0.5, 0.5, -0.7])


LIGHT = Light(SUN, 0.5, 0.7, 0.001, np.array([0.4, 0.5, 0.8]), np.array([0.8, 0.9, 0.9]), 0.3)


SIDE = 96


def silhouette(solid: Solid, scale: float = 40.0, foot: float = 0.95) -> np.ndarray:
    """Cover (96, 96) bool of a solid seen level from afar, ``scale`` pixels per metre."""
    flat = np.stack([0.5 * SIDE + scale * solid.points[:, 0], foot * SIDE - scale * solid.points[:, 1]], axis=1)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for face in split(np.round(flat).astype(np.int32), solid.sizes):
        cv2.fillPoly(mask, [face], 1)
    return mask > 0


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


# ---- Cars


def test_car_bodies_have_distinct_silhouettes_from_the_side():
    # 14 m away and seen from the right, so that only the outline speaks, not the paint.
    shapes = [
        silhouette(cars.body(np.random.default_rng(0), Pose(0.0, 60.0, np.pi / 2), LIGHT, kind), 17.0)
        for kind in cars.BODIES
    ]
    same = [overlap(a, b) for i, a in enumerate(shapes) for b in shapes[:i]]
    assert len(shapes) >= 6
    assert max(same) < 0.97
    assert np.mean(same) < 0.85


def test_streets_hold_cars_of_all_kinds():
    heights = [round(float(cars.car(np.random.default_rng(seed), Pose(0.0, 30.0), LIGHT).shadow[4]), 2)
               for seed in range(120)]  # fmt: skip
    assert len(set(heights)) > 25 and min(heights) < 1.35 and max(heights) > 1.9


def test_cars_show_glass_plates_and_lamps_in_colours_of_their_own():
    solid = cars.body(np.random.default_rng(1), Pose(0.0, 12.0, np.pi), LIGHT, "saloon")
    assert len({tuple(np.round(color, 1)) for color in solid.colors.tolist()}) > 12


def test_a_pane_mirrors_the_sky_above_and_shows_seats_behind_it():
    corners = [(-0.5, 1.0, 0.0), (-0.5, 1.6, 0.0), (0.5, 1.6, 0.0), (0.5, 1.0, 0.0)]
    plain, seated = Mesh(), Mesh()
    plain.pane(corners, (0.0, 0.0, 1.0), 0.5)
    heights = np.array([strip[:, 1].mean() for strip in plain.details])
    sky = np.array([color[4] for color in plain.detail_colors])
    assert sky[heights.argmax()] > 0.3 > 0.1 > sky.min()
    assert 1.0 < heights[sky.argmin()] < 1.3
    seated.pane(corners, (0.0, 0.0, 1.0), 0.5, (0.3, 0.7))
    behind = seated.details[len(plain.details) :]
    assert {bool(part[:, 0].mean() > 0) for part in behind} == {True, False}
    assert all(part[:, 1].min() >= 1.0 and part[:, 1].max() <= 1.6 for part in behind)


def test_paint_ranges_from_black_to_white_and_over_all_hues():
    colors = np.array([cars.paint(np.random.default_rng(seed), "saloon") for seed in range(300)])
    assert colors.min() >= 0.0 and colors.max() <= 1.0
    value = colors.mean(axis=1)
    assert value.min() < 0.1 and value.max() > 0.75
    strongest = colors.argmax(axis=1)[np.ptp(colors, axis=1) > 0.1]
    assert set(strongest.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("make", [vehicles.bus, vehicles.truck, vehicles.tram])
def test_large_vehicles_differ_in_paint_and_length(make):
    made = [make(np.random.default_rng(seed), Pose(0.0, 30.0, 0.7), LIGHT) for seed in range(12)]
    assert len({solid.points.shape for solid in made}) >= 2
    assert len({solid.points[:, 0].max() for solid in made}) >= 2
    assert np.std([solid.colors.mean() for solid in made]) > 0.02


# ---- People and two-wheelers


def test_people_are_seen_from_all_sides_and_look_different_from_each():
    """A face has eyes and skin; from behind, hair or a hat covers it."""

    def head(seed: int, heading: float) -> tuple[int, np.ndarray]:
        solid = people.person(np.random.default_rng(seed), 0.0, 8.0, LIGHT, heading, "walk", 1.7)
        top = solid.points[:, 1].max()
        canvas = np.zeros((120, 120, 3))
        for face, color in zip(split(solid.points, solid.sizes), solid.colors, strict=True):
            flat = np.stack([60 + 200 * face[:, 0], 20 + 200 * (top - face[:, 1])], axis=1)
            cv2.fillPoly(canvas, [np.round(flat).astype(np.int32)], color.tolist())
        return len(solid.sizes), canvas[34:46, 56:64].mean(axis=(0, 1))

    pairs = [(head(seed, np.pi), head(seed, 0.0)) for seed in range(40)]
    assert all(ahead[0] > behind[0] + 4 for ahead, behind in pairs)
    assert np.mean([np.abs(ahead[1] - behind[1]).max() > 0.1 for ahead, behind in pairs]) > 0.5
    wide = [silhouette(people.person(np.random.default_rng(5), 0.0, 8.0, LIGHT, turn, "walk")) for turn in (0.0, 1.57)]
    assert overlap(*wide) < 0.8


def test_poses_change_the_outline_and_feet_stay_on_the_ground():
    shapes = {}
    for pose in (*people.POSES, "sit", "push", "umbrella"):
        solid = people.person(np.random.default_rng(3), 0.0, 8.0, LIGHT, 1.2, pose, 1.7)
        assert solid.points[:, 1].min() == pytest.approx(0.0, abs=0.06)
        shapes[pose] = silhouette(solid)
    same = [overlap(a, b) for i, a in enumerate(shapes.values()) for b in list(shapes.values())[:i]]
    assert max(same) < 0.999 and np.mean(same) < 0.85
    tall = [people.person(np.random.default_rng(seed), 0.0, 8.0, LIGHT).points[:, 1].max() for seed in range(80)]
    assert min(tall) < 1.45 and max(tall) > 1.8


def test_what_is_nearer_is_painted_later_whichever_way_a_figure_looks():
    for heading, last in ((0.0, 0), (np.pi, 2)):
        figure = Figure(0.0, 8.0, LIGHT, heading)
        figure.ball((0.0, 1.0, -0.3), (0.1, 0.1, 0.1), (0.6, 0.1, 0.1))
        figure.ball((0.0, 1.0, 0.3), (0.1, 0.1, 0.1), (0.1, 0.1, 0.6))
        assert figure.solid("person", 0.2, 1.2).colors[-1].argmax() == last


def test_the_side_towards_the_sun_is_brighter():
    for sun in (1.0, -1.0):
        light = replace(LIGHT, sun=SUN * (sun, 1.0, 1.0))
        figure = Figure(0.0, 8.0, light, np.pi)
        figure.tube([(0.0, 1.4, 0.2, 0.1), (0.0, 0.9, 0.2, 0.1)], (0.5, 0.5, 0.5))
        solid = figure.solid("person", 0.2, 1.5)
        middles = np.array([face[:, 0].mean() for face in split(solid.points, solid.sizes)])
        tones = solid.colors.mean(axis=1)
        assert sun * (tones[middles.argmax()] - tones[middles.argmin()]) > 0.05


@pytest.mark.parametrize("make", [cycles.bicycle, cycles.motorcycle])
def test_two_wheelers_are_long_from_the_side_and_narrow_from_ahead(make):
    for seed in range(5):
        widths = [np.ptp(make(np.random.default_rng(seed), 0.0, 8.0, LIGHT, turn).points[:, 0])
                  for turn in (0.0, 0.7, np.pi / 2, np.pi)]  # fmt: skip
        assert widths[0] < 0.95 and widths[3] < 0.95
        assert widths[0] < widths[1] < widths[2]
        assert widths[2] > 1.5


def test_shapes_are_finite_from_every_side():
    for turn in (0.0, np.pi / 2, np.pi, -np.pi / 2, 0.3):
        made = [people.person(np.random.default_rng(1), 0.0, 8.0, LIGHT, turn),
                cycles.bicycle(np.random.default_rng(1), 0.0, 8.0, LIGHT, turn),
                cycles.motorcycle(np.random.default_rng(1), 0.0, 8.0, LIGHT, turn),
                cycles.rider(np.random.default_rng(1), 0.0, 8.0, LIGHT, turn, True),
                clutter.pram(np.random.default_rng(1), 0.0, 8.0, LIGHT, turn)]  # fmt: skip
        for solid in made:
            assert np.isfinite(solid.points).all()
            assert np.abs(solid.points[:, 0]).max() < 1.5 and solid.points[:, 1].min() > -0.01
            assert solid.sizes.sum() == len(solid.points) and len(solid.colors) == len(solid.sizes)


# ---- Trees


@pytest.mark.parametrize("kind", trees.KINDS)
def test_crowns_are_ragged_and_the_sky_shows_through(kind):
    for number in range(3):
        grown = trees.growth(kind, False, number)
        cover = grown.levels[0][..., 0]
        assert cover.min() >= 0.0 and cover.max() <= 1.1
        corners = np.round((grown.outline * (1, -1) + (0.5, 1.0)) * trees.SIDE - 0.5).astype(np.int32)
        inside = np.zeros(cover.shape, np.uint8)
        cv2.fillPoly(inside, [corners], 1)
        # What is seen of the tree lies inside its outline, but for single leaves.
        assert cover[inside > 0].sum() > 0.93 * cover.sum()
        hull = np.zeros_like(inside)
        cv2.fillConvexPoly(hull, cv2.convexHull(corners), 1)
        assert inside.sum() < 0.93 * hull.sum()
        # An outline is longer than that of an ellipse of the same area.
        round_length = 2 * np.sqrt(np.pi * inside.sum())
        assert cv2.arcLength(corners, True) > 1.4 * round_length
        gaps = 1.0 - cover[inside > 0].clip(0, 1).mean()
        assert gaps > (0.35 if kind == "bare" else 0.02)


def test_a_tree_has_a_stem_on_the_ground_and_tall_ones_leave_room_below():
    for tall, number in ((tall, number) for tall in (True, False) for number in range(trees.GROWTHS)):
        for kind in ("round", "bare"):
            outline = trees.growth(kind, tall, number).outline
            assert outline[:, 1].min() < 0.01 and outline[:, 1].max() > 0.85
            if tall:
                assert np.ptp(outline[outline[:, 1] < 0.17, 0]) < 0.12


def test_leaves_turn_from_green_to_brown_in_autumn():
    summer, autumn = (
        np.array([trees.leaf_color(np.random.default_rng(seed), season) for seed in range(60)]) for season in (0.0, 1.0)
    )
    assert np.mean(summer[:, 1] > summer[:, 0]) > 0.9
    assert np.mean(autumn[:, 0] > autumn[:, 1]) > 0.7


# ---- Posts, signs, clutter


def test_signs_have_many_shapes_and_colours():
    made = [signs.traffic_sign(np.random.default_rng(seed), 0.0, 1.0, 8.0, LIGHT) for seed in range(60)]
    shapes = [silhouette(solid, 60.0) for solid in made]
    distinct: list[np.ndarray] = []
    for shape in shapes:
        if all(overlap(shape, other) < 0.85 for other in distinct):
            distinct.append(shape)
    assert len(distinct) >= 8
    hues = {tuple(np.round(solid.colors[0] * 3).astype(int)) for solid in made}
    assert len(hues) >= 5


def test_lamps_of_one_row_are_of_one_make_and_rows_differ():
    def lamp(make: int) -> np.ndarray:
        return furniture.lamp_post(np.random.default_rng(make), 0.0, 8.0, LIGHT, 4.5, 1.0, (0.3, 0.3, 0.3)).points

    assert np.array_equal(lamp(4), lamp(4))
    assert len({lamp(make).shape for make in range(12)}) >= 3


def test_a_traffic_light_shows_its_lamp_only_from_ahead():
    def brightest(lit: int, side: float) -> np.ndarray:
        solid = furniture.traffic_light(np.random.default_rng(0), 0.0, 2.0, 8.0, LIGHT, lit, side)
        return solid.colors[np.ptp(solid.colors, axis=1).argmax()]

    assert brightest(0, 0.0).argmax() == 0 and brightest(2, 0.0).argmax() == 1
    for side in (1.0, 0.5, -0.5):
        assert np.ptp(brightest(0, side)) < 0.5


def test_clutter_is_void_and_of_a_dozen_kinds():
    made = [clutter.clutter(np.random.default_rng(seed), 0.0, 8.0, LIGHT) for seed in range(80)]
    assert {solid.label for solid in made} == {"static", "dynamic"}
    sizes = np.array([(np.ptp(solid.points[:, 0]), solid.points[:, 1].max()) for solid in made])
    assert len(np.unique(np.round(sizes * 2), axis=0)) >= 12


# ---- Painting


def test_no_thing_is_of_one_flat_colour_and_its_foot_is_darker():
    """A grey board, as wide as 1 m and as high as 2 m, 10 m away: grain on a small scale, darker at its lower edge."""
    camera = Camera(height=1.2, focal=1000.0, cx=100.0, horizon=140.0)
    corners = np.array([(-0.5, 0.0, 10.0), (-0.5, 2.0, 10.0), (0.5, 2.0, 10.0), (0.5, 0.0, 10.0)])
    board = Solid("person", 10.0, corners, np.array([4]), np.full((1, 3), 0.5))
    (frame,) = project_all([board], camera, 300, 200)
    canvas = np.zeros((300, 200, 3), np.uint8)
    paint_solid(canvas, replace(frame, seen=(slice(0, 300), slice(0, 200))), LIGHT, camera)
    inside = canvas[70:250, 60:140, 1].astype(np.float32)
    assert (inside - cv2.GaussianBlur(inside, (0, 0), 4.0)).std() > 1.0
    assert inside[-15:].mean() < 0.95 * inside[:100].mean()
    # Beyond the outline, nothing is touched.
    assert canvas[:, :45].max() == 0 and canvas[:50].max() == 0
