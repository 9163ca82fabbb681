"""What a MiniCity scene promises: reproducible bytes, official label drawing, real class shares, true perspective."""

import json
import subprocess
import sys
from functools import cache

import cv2
import numpy as np
import pytest
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from cityscapesscripts.preparation.json2labelImg import createLabelImage, json2labelImg
from PIL import Image, ImageDraw

from cs_utils.labels import BY_NAME, CLASS_NAMES, LABELS, NUM_CLASSES, REAL_PIXELS, VOID, id_to_train_id
from minicity import (
    Scene,
    SceneObject,
    draw_instance_ids,
    draw_label_ids,
    make_scene,
    polygons_json,
)

SHARE_SCENES = 70
"""Scenes for the class shares: enough that all 19 classes have their chance, few enough for a unit test."""


@cache
def _scene(seed: int, height: int) -> Scene:
    return make_scene(seed, height, 2 * height)


def scene(seed: int, height: int = 128) -> Scene:
    return _scene(seed, height)


def label_ids(seed: int, height: int = 128) -> np.ndarray:
    return draw_label_ids(scene(seed, height).objects, height, 2 * height)


def annotation(made: Scene) -> Annotation:
    official = Annotation()
    official.fromJsonText(json.dumps(polygons_json(made)))
    return official


# ---- The same seed, the same bytes


def test_same_seed_same_bytes_and_other_seed_another_street():
    again = make_scene(3, 128, 256)
    assert again.image.tobytes() == scene(3).image.tobytes()
    assert [o.label for o in again.objects] == [o.label for o in scene(3).objects]
    assert all(np.array_equal(a.polygon, b.polygon) for a, b in zip(again.objects, scene(3).objects, strict=True))
    assert np.mean(label_ids(3) != label_ids(4)) > 0.1


def test_without_noise_only_the_noise_is_missing():
    clean = make_scene(3, 128, 256, noise=False)
    assert all(np.array_equal(a.polygon, b.polygon) for a, b in zip(clean.objects, scene(3).objects, strict=True))
    difference = scene(3).image.astype(float) - clean.image
    assert abs(difference.mean()) < 0.2
    assert 0.3 < difference.std() < 9


def test_the_bytes_do_not_depend_on_the_process_or_on_what_was_made_before():
    code = (
        "import zlib; from minicity import make_scene; s = make_scene(5, 64, 128);"
        "print(zlib.crc32(s.image.tobytes()), zlib.crc32(b''.join(o.polygon.tobytes() for o in s.objects)))"
    )
    # This process has other hashes.
    env = {"PYTHONHASHSEED": "1"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout
    make_scene(99, 64, 128)
    namespace: dict = {}
    exec(code.replace("print(", "line = ("), namespace)
    assert other == "{} {}\n".format(*namespace["line"])


def test_the_global_random_state_is_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    make_scene(2, 64, 128)
    assert np.array_equal(before, np.random.get_state()[1])


# ---- Form


@pytest.mark.parametrize(("height", "width"), [(32, 64), (128, 256), (256, 512), (90, 200)])
def test_a_scene_has_the_asked_size_and_its_polygons_lie_inside(height, width):
    made = make_scene(1, height, width)
    assert made.image.shape == (height, width, 3) and made.image.dtype == np.uint8
    assert len(made.objects) > 15
    for thing in made.objects:
        assert thing.polygon.dtype == np.int32 and thing.polygon.ndim == 2 and len(thing.polygon) >= 3
        assert (thing.polygon >= 0).all() and (thing.polygon < (width, height)).all()
        assert thing.label in BY_NAME


def test_every_pixel_is_labelled_and_every_object_is_seen():
    for seed in range(6):
        made = scene(seed)
        numbered = Image.new("I", (256, 128), -1)
        draw = ImageDraw.Draw(numbered)
        for number, thing in enumerate(made.objects):
            draw.polygon([tuple(point) for point in thing.polygon.tolist()], fill=number)
        assert set(np.unique(np.array(numbered))) == set(range(len(made.objects)))


def test_a_larger_picture_shows_the_same_street():
    small, large = label_ids(8, 128), label_ids(8, 256)
    reduced = large[::2, ::2]
    assert np.mean(small == reduced) > 0.93


# ---- Labels as the official scripts draw them


@pytest.mark.parametrize("seed", range(5))
def test_the_official_script_draws_the_same_labels(seed):
    made = scene(seed, 256)
    ids = draw_label_ids(made.objects, 256, 512)
    assert np.mean(np.array(createLabelImage(annotation(made), "ids")) == ids) >= 0.999
    train_ids = np.array(createLabelImage(annotation(made), "trainIds"))
    assert np.mean(train_ids == id_to_train_id(ids)) >= 0.999


@pytest.mark.parametrize("seed", range(5))
def test_the_official_script_numbers_the_same_instances(seed):
    made = scene(seed, 256)
    instances = draw_instance_ids(made.objects, 256, 512)
    assert instances.dtype == np.uint16
    assert np.mean(np.array(createInstanceImage(annotation(made), "ids")) == instances) >= 0.999
    ids = draw_label_ids(made.objects, 256, 512)
    assert np.array_equal(np.where(instances >= 1000, instances // 1000, instances), ids)


def test_full_size_labels_through_the_official_files(tmp_path):
    made = make_scene(11)
    assert made.image.shape == (1024, 2048, 3)
    (tmp_path / "x_gtFine_polygons.json").write_text(json.dumps(polygons_json(made)))
    json2labelImg(str(tmp_path / "x_gtFine_polygons.json"), str(tmp_path / "x.png"), "ids")
    official = np.array(Image.open(tmp_path / "x.png"))
    assert np.mean(official == draw_label_ids(made.objects, 1024, 2048)) >= 0.999


def test_groups_have_no_number_and_plates_are_not_drawn():
    square = np.array([(2, 2), (6, 2), (6, 6), (2, 6)], np.int32)
    right = np.array([10, 0], np.int32)
    objects = (
        SceneObject("road", np.array([(0, 0), (39, 0), (39, 9), (0, 9)], np.int32)),
        SceneObject("car", square),
        SceneObject("cargroup", square + right),
        SceneObject("car", square + 2 * right),
        SceneObject("license plate", square + 2 * right),
    )
    ids, instances = draw_label_ids(objects, 10, 40), draw_instance_ids(objects, 10, 40)
    assert [int(ids[4, x]) for x in (0, 4, 14, 24)] == [7, 26, 26, 26]
    assert [int(instances[4, x]) for x in (0, 4, 14, 24)] == [7, 26000, 26, 26001]


# ---- Class shares


@cache
def class_pixels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of each trainId (19 classes, then void), scenes that show it, and mean position of road, sky, building."""
    pixels, present = np.zeros(NUM_CLASSES + 1), np.zeros(NUM_CLASSES + 1)
    where = np.zeros((3, 2))
    for seed in range(SHARE_SCENES):
        train_ids = id_to_train_id(label_ids(seed))
        count = np.bincount(train_ids.ravel(), minlength=VOID + 1)
        count = np.append(count[:NUM_CLASSES], count[VOID])
        pixels += count
        present += count > 0
        for row, train_id in enumerate((0, 10, 2)):
            y, x = np.nonzero(train_ids == train_id)
            where[row] += (y.sum() / 128, np.abs(x / 256 - 0.5).sum())
    return pixels, present, where / pixels[[0, 10, 2], None]


def test_all_classes_appear_and_their_shares_are_near_the_real_ones():
    pixels, _, _ = class_pixels()
    names = (*CLASS_NAMES, "void")
    real = np.array([REAL_PIXELS[name] for name in names])
    ratio = (pixels / pixels.sum()) / (real / real.sum())
    # The rare classes are in few of these scenes, so their share varies; over 300 scenes all are within a factor of 2.
    rare = {"truck", "bus", "train", "motorcycle", "rider", "traffic light", "wall", "fence", "bicycle"}
    for name, value in zip(names, ratio, strict=True):
        factor = 4.0 if name in rare else 2.0
        assert 1 / factor < value < factor, f"{name}: {value:.2f} times the real share"


def test_rare_classes_are_rare():
    _, present, _ = class_pixels()
    share = dict(zip((*CLASS_NAMES, "void"), present / SHARE_SCENES, strict=True))
    for name in ("truck", "bus", "train"):
        assert 0 < share[name] < 0.25
    for name in ("road", "building", "sidewalk", "pole", "car"):
        assert share[name] > 0.9


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("pole", 0.9, 1.0), ("traffic sign", 0.75, 1.0), ("car", 0.85, 1.0), ("person", 0.65, 0.98),
     ("bicycle", 0.35, 0.8), ("traffic light", 0.3, 0.75), ("rider", 0.15, 0.55), ("motorcycle", 0.05, 0.4),
     ("terrain", 0.3, 0.85)],
)  # fmt: skip
def test_classes_occur_in_about_as_many_pictures_as_in_real_streets(name, low, high):
    _, present, _ = class_pixels()
    assert low <= present[CLASS_NAMES.index(name)] / SHARE_SCENES <= high


def test_classes_lie_where_they_lie_in_a_street():
    _, _, ((road_y, _), (sky_y, sky_x), (building_y, building_x)) = class_pixels()
    assert sky_y < building_y < 0.45 < 0.6 < road_y
    assert sky_x < building_x


def test_earth_and_grass_are_in_about_half_of_the_scenes():
    _, present, _ = class_pixels()
    assert 0.4 < present[CLASS_NAMES.index("terrain")] / SHARE_SCENES < 0.7


def test_nothing_is_labelled_that_shows_fewer_than_four_pixels():
    for seed in range(8):
        made = scene(seed)
        numbered = Image.new("I", (256, 128), -1)
        draw = ImageDraw.Draw(numbered)
        for number, thing in enumerate(made.objects):
            draw.polygon(thing.polygon.ravel().tolist(), fill=number)
        shown = np.bincount(np.array(numbered).ravel(), minlength=len(made.objects))
        for thing, count in zip(made.objects, shown, strict=True):
            assert count >= 4 or thing.label == "static", thing.label


# ---- Picture


def test_no_class_can_be_told_by_brightness_or_colour_alone():
    """Exposure, tint and the brightness of road, houses and sky vary from scene to scene, and overlap."""
    mean, warm, bright, tones = [], [], [], {name: [] for name in ("road", "building", "sky")}
    for seed in range(40):
        image, ids = scene(seed).image.astype(float), label_ids(seed)
        mean.append(image.mean())
        warm.append(np.log((image[..., 0].mean() + 1) / (image[..., 2].mean() + 1)))
        wall, sky = (image[ids == BY_NAME[name].id].mean(axis=1) for name in ("building", "sky"))
        bright.append(len(sky) > 50 and np.percentile(wall, 98) > sky.mean())
        for name, found in tones.items():
            inside = ids == BY_NAME[name].id
            if inside.sum() > 50:
                found.append(image[inside].mean())
    assert np.percentile(mean, 90) > 1.8 * np.percentile(mean, 10)
    assert np.std(warm) > 0.08
    for found in tones.values():
        assert np.ptp(np.percentile(found, (10, 90))) > 50
    assert np.percentile(tones["road"], 90) > np.percentile(tones["building"], 25)
    assert sum(bright) >= 4  # scenes with walls in the light that are brighter than the sky


def test_the_camera_varies_from_scene_to_scene():
    """The lowest sky or highest road, as a stand-in for the horizon, and the height of the bonnet."""
    horizon = [np.flatnonzero((label_ids(seed) == BY_NAME["road"].id).any(axis=1))[0] / 128 for seed in range(40)]
    assert np.std(horizon) > 0.03
    bonnets = [any(thing.label == "ego vehicle" for thing in scene(seed).objects) for seed in range(40)]
    assert 0.5 < np.mean(bonnets) < 0.95


def test_colours_change_where_labels_change():
    contrasts = []
    for seed in range(5):
        image = cv2.GaussianBlur(scene(seed, 256).image, (0, 0), 1.0).astype(np.float32)
        steps = np.abs(np.diff(image, axis=1)).sum(axis=2)
        ids = label_ids(seed, 256)
        edge = ids[:, 1:] != ids[:, :-1]
        contrasts.append(steps[edge].mean() / steps[~edge].mean())
    assert min(contrasts) > 2.0


def test_edges_of_the_picture_fit_the_labels_to_the_pixel():
    """Shifting the labels by two pixels must lower the contrast along their borders: there is no systematic offset."""
    gains = []
    for seed in range(5):
        image = scene(seed, 256).image.astype(np.float32)
        steps = np.abs(np.diff(image, axis=1)).sum(axis=2)
        ids = label_ids(seed, 256)
        edge = ids[:, 1:] != ids[:, :-1]
        here, left, right = steps[edge].mean(), steps[:, :-2][edge[:, 2:]].mean(), steps[:, 2:][edge[:, :-2]].mean()
        gains.append(here / max(left, right))
    assert np.mean(gains) > 1.25


def test_surfaces_are_textured_in_the_picture():
    for name in ("building", "vegetation"):
        spread = []
        for seed in range(5):
            inside = cv2.erode((label_ids(seed, 256) == BY_NAME[name].id).astype(np.uint8), np.ones((9, 9)))
            gray = cv2.cvtColor(scene(seed, 256).image, cv2.COLOR_RGB2GRAY).astype(np.float32)
            detail = cv2.GaussianBlur(gray, (0, 0), 1.2) - cv2.GaussianBlur(gray, (0, 0), 5.0)
            if inside.sum() > 200:
                spread.append(detail[inside > 0].std())
        assert np.mean(spread) > 4.5, (name, np.mean(spread))


# ---- Perspective


def test_people_whose_feet_are_lower_in_the_picture_are_taller():
    feet, tall = [], []
    for seed in range(20):
        ends = [thing.polygon[:, 1] for thing in scene(seed).objects if thing.label == "person"]
        ends = np.array([(y.max(), np.ptp(y)) for y in ends if y.min() > 0 and y.max() < 115])
        if len(ends) > 1:
            # The law holds within a scene: cameras hang at different heights and have different angles of view.
            feet += (ends[:, 0] - ends[:, 0].mean()).tolist()
            tall += (ends[:, 1] - ends[:, 1].mean()).tolist()
    assert len(feet) > 50
    assert np.corrcoef(feet, tall)[0, 1] > 0.8


def test_labels_cover_what_a_street_has():
    seen = {thing.label for seed in range(SHARE_SCENES) for thing in scene(seed).objects}
    assert set(CLASS_NAMES) <= seen
    assert {"ego vehicle", "rectification border", "static", "ground", "parking", "rail track"} <= seen
    assert seen <= {label.name for label in LABELS}
