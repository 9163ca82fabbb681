"""MiniCity: street scenes for semantic segmentation, generated from nothing but a seed.

A scene is an ordered list of labelled polygons, far to near, exactly what a Cityscapes ``_gtFine_polygons.json``
holds. The label images are drawn from the list by the painter's algorithm, and the picture is painted polygon by
polygon in the same order, each thing inside its own outline: picture and labels cannot disagree.

How a scene comes about, and where to read on:

1. ``streets`` lays a street out in metres, by the numbers in ``plans``, and ``traffic`` puts the vehicles on it.
2. ``vehicles`` (made of ``mesh``), ``people``, ``trees`` and ``furniture`` build the things on it; ``materials`` and
   ``facades`` (made of ``textures``) say what roads and walls, and the fronts of houses look like.
3. ``geometry`` holds the pinhole camera that turns world points into image points.
4. ``render`` projects all things, drops what is hidden, and paints the rest from far to near.
5. ``sensor`` does to the picture what lens and sensor do: blur, exposure, white balance, vignetting and noise.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from cs_utils.labels import BY_NAME
from minicity.geometry import REFERENCE_FOCAL, REFERENCE_WIDTH, Camera, Light
from minicity.render import Frame, borders, drop_hidden, own_car, paint_all, pixels, project_all
from minicity.sensor import Look, expose
from minicity.streets import build
from minicity.textures import TILE

VERSION = "1.0"
"""The same seed gives the same bytes in one version; whatever changes a byte changes this."""


@dataclass(frozen=True)
class SceneObject:
    """One labelled polygon: ``polygon`` is (N, 2) int32, (x, y) in pixels, inside the picture."""

    label: str
    polygon: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A street scene: ``image`` (H, W, 3) uint8 RGB and its ``objects`` from far to near."""

    image: np.ndarray
    objects: tuple[SceneObject, ...]


def make_scene(seed: int, height: int = 1024, width: int = 2048) -> Scene:
    """Generate the street scene of a seed at any size; the proportions of Cityscapes are 1 : 2.

    The same seed gives the same bytes at the same size, and the same street at every size.
    """
    rng = np.random.default_rng(seed)
    light, look = _draw_light(rng), _draw_look(rng)
    camera = _draw_camera(rng, height, width)
    bonnet, strips = own_car(rng, height, width), borders(rng, height, width)
    sky_seed = float(rng.random())
    street = build(rng, light)

    things = street.ground + sorted(street.things, key=lambda thing: -thing.depth)
    frames = project_all(things, camera, height, width)
    horizon = camera.horizon + 0.012 * height
    sky = Frame(None, "sky", np.array([(0, 0), (width, 0), (width, horizon), (0, horizon)], float))
    frames = drop_hidden([sky, *frames, bonnet, *strips], height, width)

    canvas = paint_all(frames, street, camera, sky_seed, height, width)
    objects = tuple(SceneObject(frame.label, pixels(frame.outline, height, width)) for frame in frames)
    return Scene(expose(canvas, look), objects)


def polygons_json(scene: Scene) -> dict[str, Any]:
    """The scene as the content of a ``_gtFine_polygons.json``."""
    height, width = scene.image.shape[:2]
    objects = [{"label": thing.label, "polygon": thing.polygon.tolist()} for thing in scene.objects]
    return {"imgHeight": height, "imgWidth": width, "objects": objects}


def draw_label_ids(objects: tuple[SceneObject, ...], height: int, width: int) -> np.ndarray:
    """Draw the label ids (H, W) uint8 of the polygons, first to last; what no polygon covers is 0, "unlabeled"."""
    canvas = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    for thing in objects:
        label, _ = _resolve(thing.label)
        if BY_NAME[label].id >= 0:
            draw.polygon(thing.polygon.ravel().tolist(), fill=BY_NAME[label].id)
    return np.array(canvas)


def draw_instance_ids(objects: tuple[SceneObject, ...], height: int, width: int) -> np.ndarray:
    """Draw the instance ids (H, W) uint16: id * 1000 + n for the n-th of its kind, the plain id for all else."""
    canvas = Image.new("I", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    seen: dict[str, int] = {}
    for thing in objects:
        name, group = _resolve(thing.label)
        value = BY_NAME[name].id
        if value < 0:
            continue
        if BY_NAME[name].has_instances and not group:
            number = seen.get(name, 0)
            seen[name] = number + 1
            value = value * 1000 + number
        draw.polygon(thing.polygon.ravel().tolist(), fill=value)
    return np.array(canvas).astype(np.uint16)


def _resolve(label: str) -> tuple[str, bool]:
    """Name in the label table, and whether the polygon is a group of several instances ("cargroup")."""
    if label not in BY_NAME and label.endswith("group"):
        return label.removesuffix("group"), True
    return label, False


def _draw_light(rng: np.random.Generator) -> Light:
    clouds = float(rng.uniform(0.0, 1.0) ** 0.7)
    azimuth, elevation = rng.uniform(0.0, 2 * np.pi), np.deg2rad(rng.uniform(22.0, 58.0))
    sun = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    direct = 0.85 * (1.0 - clouds) ** 0.8
    warm = rng.uniform(0.0, 1.0) * (1.0 - clouds)
    top = (1 - clouds) * np.array([0.36, 0.54, 0.8]) + clouds * np.array([0.74, 0.77, 0.8])
    low = (1 - clouds) * np.array([0.8, 0.87, 0.93]) + clouds * np.array([0.9, 0.91, 0.91])
    low = low * (1 - 0.25 * warm) + 0.25 * warm * np.array([1.0, 0.86, 0.68])
    haze = float(rng.choice((0.0012, 0.003, 0.007), p=(0.45, 0.4, 0.15)))
    return Light(sun, float(direct), float(0.9 - 0.27 * direct), haze, top, low, clouds)


def _draw_look(rng: np.random.Generator) -> Look:
    exposure = rng.uniform(0.98, 1.3)
    tint = np.array([1.0 + rng.normal(0.0, 0.03), 1.0, 1.0 - rng.normal(0.0, 0.035)])
    offset = tuple(int(n) for n in rng.integers(0, TILE, 2))
    return Look(exposure * tint, float(rng.uniform(0.92, 1.2)), float(rng.uniform(0.08, 0.28)),
                float(rng.uniform(0.0002, 0.0005)),
                float(rng.uniform(1.0, 4.5)), (offset[0], offset[1]))  # fmt: skip


def _draw_camera(rng: np.random.Generator, height: int, width: int) -> Camera:
    focal = REFERENCE_FOCAL * width / REFERENCE_WIDTH
    return Camera(
        height=float(rng.uniform(1.15, 1.3)),
        focal=focal,
        cx=width * float(0.5 + rng.normal(0.0, 0.025)),
        horizon=height * float(0.43 + rng.normal(0.0, 0.014)),
    )
