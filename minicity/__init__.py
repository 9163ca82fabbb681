"""MiniCity: street scenes for semantic segmentation, generated from nothing but a seed.

A scene is an ordered list of labelled polygons, far to near, exactly what a Cityscapes ``_gtFine_polygons.json``
holds. The label images are drawn from the list by the painter's algorithm, and the picture is painted polygon by
polygon in the same order, each thing inside its own outline: picture and labels cannot disagree.

How a scene comes about, and where to read on:

1. ``conditions`` draws weather, camera and film.
2. ``streets`` lays a street out in metres, by the numbers in ``plans``; ``kerbside``, ``crowd`` and ``traffic`` put up
   what lines it and who and what is under way.
3. ``cars`` and ``vehicles`` (made of ``mesh``), ``people`` (with ``heads`` and ``dress``) and ``cycles`` (made of
   ``figures``), ``trees``, ``furniture``, ``signs`` and ``clutter`` build the things on it; ``materials`` and
   ``facades`` (made of ``textures``) say what roads and walls, and the fronts of houses look like.
4. ``geometry`` holds the level pinhole camera that turns world points into points of a canvas.
5. ``render`` projects all things, drops what is hidden, and paints the rest from far to near; ``sky`` and ``shadows``
   help it.
6. ``lens`` turns the canvas, picture and polygons alike, as the camera is turned, and bends it as its lens does.
7. ``carrier`` adds the bonnet of the own car; ``sensor`` does what film and sensor do: blur, glare, exposure, white
   balance, tone curve, vignetting and noise.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from cs_utils.labels import find_label
from minicity.carrier import lay_over, overlays
from minicity.conditions import draw_lens, draw_light, draw_look
from minicity.lens import sun_ahead
from minicity.render import Frame, drop_hidden, paint_all, pixels, project_all
from minicity.sensor import expose
from minicity.streets import build

VERSION = "2.0"
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


def make_scene(seed: int, height: int = 1024, width: int = 2048, noise: bool = True) -> Scene:
    """Generate the street scene of a seed from 0 at any size; the proportions of Cityscapes are 1 : 2.

    The same seed gives the same bytes at the same size, and the same street at every size. Without ``noise`` the
    picture is the same but for the noise of the sensor.
    """
    rng = np.random.default_rng(seed)
    light = draw_light(rng)
    look = draw_look(rng, light)
    if not noise:
        look = replace(look, noise=0.0)
    lens, eye = draw_lens(rng, height, width)
    found = overlays(rng, height, width)
    sky_seed = float(rng.random())
    street = build(rng, light)

    camera, *size = lens.level(eye)
    things = street.ground + sorted(street.things, key=lambda thing: -thing.depth)
    frames = project_all(things, camera, *size)
    horizon = camera.horizon + 0.012 * height
    sky = Frame(None, "sky", np.array([(0, 0), (size[1], 0), (size[1], horizon), (0, horizon)], float))
    over = [SceneObject(label, pixels(outline, height, width)) for label, outline, _ in found]
    frames = drop_hidden([sky, *frames], lens, camera, [thing.polygon for thing in over], (size[0], size[1]))

    image = lens.photograph(paint_all(frames, street, camera, sky_seed, (size[0], size[1])), camera)
    lay_over(image, found, light.sky_low)
    objects = tuple(SceneObject(frame.label, frame.polygon) for frame in frames)
    return Scene(expose(image, look, sun_ahead(light, lens)), (*objects, *over))


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
        label = find_label(thing.label)
        if label.id >= 0:
            draw.polygon(thing.polygon.ravel().tolist(), fill=label.id)
    return np.array(canvas)


def draw_instance_ids(objects: tuple[SceneObject, ...], height: int, width: int) -> np.ndarray:
    """Draw the instance ids (H, W) uint16: id * 1000 + n for the n-th of its kind, the plain id for all else."""
    canvas = Image.new("I", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    seen: dict[str, int] = {}
    for thing in objects:
        label = find_label(thing.label)
        value = label.id
        if value < 0:
            continue
        if label.has_instances and thing.label == label.name:  # a group of several ("cargroup") has no number
            number = seen.get(label.name, 0)
            seen[label.name] = number + 1
            value = value * 1000 + number
        draw.polygon(thing.polygon.ravel().tolist(), fill=value)
    return np.array(canvas).astype(np.uint16)
