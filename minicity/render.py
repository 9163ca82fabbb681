"""From a MiniCity street to a picture: projection, hidden things, painting and shadows.

Everything is painted from far to near (the painter's algorithm), and each thing only inside its own outline, the same
outline from which the labels are drawn.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image, ImageDraw

from minicity.geometry import (
    SHIFT,
    Camera,
    Light,
    Solid,
    Surface,
    clip,
    inset,
    split,
    to_fixed,
    union,
)
from minicity.lens import Lens
from minicity.materials import Fence
from minicity.plans import BACKDROP, Street
from minicity.shadows import cast_shadows
from minicity.sky import mirror_in_road, paint_sky
from minicity.textures import View, cell_random, clamp, noise
from minicity.trees import Foliage, Tree

COVER_ROWS = 128
"""Rows of the coarse picture in which hidden things are looked for."""


GRAIN_FROM = 3 * 150
"""Things that fill a box of fewer values than this (150 pixels of 3 colours) are too small to show any grain."""


VEHICLES = {"car", "truck", "bus", "train"}
"""Solids without holes: nothing shines through between their faces."""


LEAST_PIXELS, LEAST_SHARE = 4, 3e-5
"""What shows fewer pixels, or a smaller share of the picture, is left out: an annotator would not have seen it."""


SHADED = {"building", "wall", "fence"}
"""What stands in the shadow of the other side of the street."""


@dataclass(frozen=True)
class Frame:
    """A thing as the camera shows it: its float outline on the canvas and, for a solid, the corners of its faces.

    ``polygon`` is the outline in the picture, in whole pixels; ``seen`` are the rows and columns of the canvas to
    paint: beyond them, nearer things cover it. The sky has no ``thing``.
    """

    thing: Surface | Solid | None
    label: str
    outline: np.ndarray
    faces: np.ndarray | None = None
    polygon: np.ndarray | None = None
    seen: tuple[slice, slice] | None = None


def project_all(things: list[Surface | Solid], camera: Camera, height: int, width: int) -> list[Frame]:
    """Project things, given far to near. From near to far, skip what is wholly behind what has been seen already."""
    covered = np.zeros((COVER_ROWS, 2 * COVER_ROWS), np.uint8)
    scale = np.array([2 * COVER_ROWS / width, COVER_ROWS / height])
    corners = [thing.points if isinstance(thing, Solid) else thing.outline for thing in things]
    sizes = np.array([len(part) for part in corners])
    # cv2 and Pillow count from the middle of the first pixel, our projection from the corner: hence the half.
    image = camera.project(np.concatenate(corners)) - 0.5
    starts = np.cumsum(sizes) - sizes
    lows, highs = np.minimum.reduceat(image, starts), np.maximum.reduceat(image, starts)
    outside = (highs < 0).any(axis=1) | (lows > (width, height)).any(axis=1) | ((highs - lows).min(axis=1) < 0.4)
    cells_low = np.maximum(lows * scale, 0.0).astype(int).tolist()
    cells_high = (np.maximum(highs, 0.0) * scale).astype(int).tolist()
    cut = (lows < 0).any(axis=1) | (highs > (width - 1, height - 1)).any(axis=1)
    parts = split(image, sizes)
    frames = []
    for i in np.flatnonzero(~outside)[::-1].tolist():
        thing, points = things[i], parts[i]
        (left, top), (right, bottom) = cells_low[i], cells_high[i]
        # The ground is never skipped: between things it shows through gaps finer than the coarse picture.
        if not _is_ground(thing) and covered[top : bottom + 1, left : right + 1].all():
            continue
        outline = union(points, thing.sizes) if isinstance(thing, Solid) else points
        if cut[i]:
            outline = clip(outline, height - 1, width - 1)
            if len(outline) < 3 or min(outline.max(axis=0) - outline.min(axis=0)) < 0.4:
                continue
        cv2.fillPoly(covered, [to_fixed(outline * scale)], 1, shift=SHIFT)
        frames.append(Frame(thing, thing.label, inset(outline), points if isinstance(thing, Solid) else None))
    return frames[::-1]


def pixels(outline: np.ndarray, height: int, width: int) -> np.ndarray:
    """The outline in whole pixels inside the picture, (N, 2) int32: the polygon of the label file."""
    return np.maximum(np.minimum(np.round(outline), (width - 1, height - 1)), 0).astype(np.int32)


def drop_hidden(
    frames: list[Frame], lens: Lens, camera: Camera, over: list[np.ndarray], size: tuple[int, int]
) -> list[Frame]:
    """Give the frames their polygon in the picture, and keep those of which enough is left to be labelled.

    ``over`` are the polygons that are drawn after all frames, ``size`` is the (height, width) of the canvas. Those
    that stay are told in which rows and columns of the canvas they are ``seen``.
    """
    height, width = lens.height, lens.width
    bent = [clip(outline, height - 1, width - 1) for outline in lens.bend_all([f.outline for f in frames], camera)]
    frames = [
        replace(frame, polygon=pixels(outline, height, width))
        for frame, outline in zip(frames, bent, strict=True)
        if len(outline) > 2
    ]
    least = max(LEAST_PIXELS, LEAST_SHARE * height * width)
    left = _left([*(frame.polygon for frame in frames), *over], height, width)
    frames = [frame for frame, count in zip(frames, left, strict=False) if count >= least or _is_backdrop(frame)]
    # What was left out may have hidden the backdrop; a speck of that is nobody's, for nothing lies behind it.
    left = _left([*(frame.polygon for frame in frames), *over], height, width)
    kept = [
        replace(frame, label="static") if count < least else frame
        for frame, count in zip(frames, left, strict=False)
        if count
    ]
    # Behind fences, leaves and the wheels of bicycles, more is seen than the labels say: they hide nothing here.
    front = np.full(size, -1, np.int32)
    for number, frame in enumerate(kept):
        if _is_opaque(frame):
            cv2.fillPoly(front, [pixels(frame.outline, *size)], number)
    return [replace(frame, seen=_seen(frame, front, number)) for number, frame in enumerate(kept)]


def _left(polygons: list[np.ndarray], height: int, width: int) -> list[int]:
    """How many pixels of each polygon are left when all are drawn, first to last."""
    canvas = Image.new("I", (width, height), len(polygons))
    draw = ImageDraw.Draw(canvas)
    for number, polygon in enumerate(polygons):
        draw.polygon(polygon.ravel().tolist(), fill=number)
    return np.bincount(np.array(canvas).ravel(), minlength=len(polygons)).tolist()


def _is_backdrop(frame: Frame) -> bool:
    """Whether it is the sky, or the earth under all else."""
    return frame.thing is None or frame.thing.depth >= BACKDROP


def _is_opaque(frame: Frame) -> bool:
    if isinstance(frame.thing, Surface):
        return not isinstance(frame.thing.material, Fence | Foliage | Tree)
    return frame.thing is None or frame.label in VEHICLES


def _seen(frame: Frame, front: np.ndarray, number: int) -> tuple[slice, slice]:
    """Rows and columns in which a frame is not behind the numbers of nearer frames in ``front`` (H, W)."""
    rows, columns = _box(frame.outline, front.shape)
    part = front[rows, columns]
    visible = part == number if _is_opaque(frame) else part <= number
    x, y, width, height = cv2.boundingRect(visible.view(np.uint8))
    if not width:
        # OpenCV and Pillow disagree about single pixels: only the labels show it.
        return rows, columns
    left, top = columns.start + x, rows.start + y
    # The soft edges of what lies before it are not quite opaque: paint a little beneath them.
    return (
        slice(max(top - 2, rows.start), min(top + height + 2, rows.stop)),
        slice(max(left - 2, columns.start), min(left + width + 2, columns.stop)),
    )


def paint_all(
    frames: list[Frame], street: Street, camera: Camera, sky_seed: float, size: tuple[int, int]
) -> np.ndarray:
    """Paint the frames from far to near, each inside its own outline: the canvas (H, W, 3) uint8 of a given size."""
    light = street.light
    canvas = np.empty((*size, 3), np.uint8)
    canvas[:] = np.clip(light.sky_low * 200, 0, 255).astype(np.uint8)
    grounded = False
    for frame in frames:
        if not grounded and frame.thing is not None and not _is_ground(frame.thing):
            cast_shadows(canvas, street, camera)
            grounded = True
        if isinstance(frame.thing, Surface):
            _paint_surface(canvas, frame, camera, street)
        elif isinstance(frame.thing, Solid):
            paint_solid(canvas, frame, light, camera)
        else:
            canvas[frame.seen] = _bytes(paint_sky(*frame.seen, light, camera, sky_seed))
    if light.wet:
        flat = np.zeros(size, np.uint8)
        for frame in frames:
            wet = isinstance(frame.thing, Surface) and frame.thing.plane is None and frame.label != "terrain"
            cv2.fillPoly(flat, [to_fixed(frame.outline)], 255 if wet else 0, cv2.LINE_AA, SHIFT)
        mirror_in_road(canvas, flat, light, camera, sky_seed)
    return canvas


def _is_ground(thing: Surface | Solid) -> bool:
    return isinstance(thing, Surface) and thing.plane is None


def _box(outline: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns that hold an outline, with a margin for the soft edge."""
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    rows = slice(max(math.floor(top) - 1, 0), min(math.ceil(bottom) + 2, shape[0]))
    return rows, slice(max(math.floor(left) - 1, 0), min(math.ceil(right) + 2, shape[1]))


def _mask(outline: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Antialiased cover (h, w) float32 of an outline within a box."""
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    cv2.fillPoly(mask, [to_fixed(outline - (columns.start, rows.start))], 255, cv2.LINE_AA, SHIFT)
    return mask.astype(np.float32) * np.float32(1 / 255)


def _blend(canvas: np.ndarray, rows: slice, columns: slice, layer: np.ndarray, cover: np.ndarray) -> None:
    below = canvas[rows, columns]
    canvas[rows, columns] = cv2.blendLinear(np.ascontiguousarray(below), layer, 1.0 - cover, cover)


def _bytes(rgb: np.ndarray) -> np.ndarray:
    """A picture (3, h, w) float in 0..1 -> (h, w, 3) uint8."""
    rgb = rgb * np.float32(255.0)
    return cv2.merge(np.clip(rgb, 0, 255, out=rgb).astype(np.uint8))


def _haze(depth: np.ndarray | float, light: Light) -> np.ndarray:
    return 1.0 - np.exp(-light.haze * np.asarray(depth, np.float32))


def _paint_surface(canvas: np.ndarray, frame: Frame, camera: Camera, street: Street) -> None:
    """Intersect the ray of every pixel with the plane of the surface, and ask its material for the colour there."""
    thing, light = frame.thing, street.light
    sky = light.sky_low.astype(np.float32)
    rows, columns = frame.seen
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5 - np.float32(camera.horizon)
    slope = (
        np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5 - np.float32(camera.cx)
    ) / np.float32(camera.focal)
    shape = (y.shape[0], slope.shape[1])
    if thing.plane is None:
        depth = camera.focal * camera.height / np.maximum(y, 0.3)
        u = slope * depth - street.course(depth)
        foot_u, foot_v = depth / camera.focal, depth**2 / (camera.focal * camera.height)
        view = View(u, depth, foot_u, foot_v, float(light.shade(np.array([0.0, 1.0, 0.0]))), sky, shape)
    else:
        (x0, z0), (x1, z1) = ((float(x), float(z)) for x, z in thing.plane)
        length = float(np.hypot(x1 - x0, z1 - z0))
        ex, ez = (x1 - x0) / length, (z1 - z0) / length
        across = ex - slope * ez
        across = np.where(np.abs(across) < 1e-4, 1e-4, across)
        u = (slope * z0 - x0) / across
        depth = np.clip(z0 + u * ez, 1.0, 900.0)
        v = camera.height - y * (depth / camera.focal)
        foot_u = np.clip(abs(z0 * ex - x0 * ez) / across**2 / camera.focal, 1e-4, 50.0)
        normal = np.array([ez, 0.0, -ex])
        # The side that is seen is the one that looks towards the camera at the origin.
        normal *= -1.0 if normal[0] * x0 + normal[2] * z0 > 0 else 1.0
        view = View(u, v, foot_u, depth / camera.focal, float(light.shade(normal)), sky, shape)
    rgb, alpha = thing.material.paint(view)
    if thing.plane is not None and thing.label in SHADED:
        _shade_by_neighbours(rgb, view, 7.31 * x0 + 3.77 * z0, light.direct * max(float(normal @ light.sun), 0.0))
    rgb += _haze(depth, light) * (view.sky[:, None, None] - rgb)
    cover = _mask(frame.outline, rows, columns)
    _blend(canvas, rows, columns, _bytes(rgb), cover if alpha is None else cover * alpha)


def _shade_by_neighbours(rgb: np.ndarray, view: View, place: float, sun: float) -> None:
    """The houses across the street keep the ``sun`` off the lower part of a front, up to a line like their roofs."""
    luck = place % 1.0
    if sun < 0.15 or luck < 0.3:
        return
    roofs = 20.0 * luck - 9.0 + 4.0 * cell_random(np.floor(view.u / 9.0 + place), np.zeros_like(view.u), 3)
    below = clamp((roofs + (luck - 0.6) * view.u - view.v) / (view.foot_v + 0.15) + 0.5, 0.0, 1.0)
    rgb *= 1.0 - below * np.float32(sun / view.shade)


def paint_solid(canvas: np.ndarray, frame: Frame, light: Light, camera: Camera) -> None:
    """Paint the faces one over the other on a copy, give it grain, and keep of it what lies inside the outline."""
    thing = frame.thing
    rows, columns = frame.seen
    layer = canvas[rows, columns].copy()
    amount = float(_haze(thing.depth, light))
    colors = np.clip(255.0 * (thing.colors + amount * (light.sky_low - thing.colors)), 0, 255)
    faces = split(to_fixed(frame.faces - (columns.start, rows.start)), thing.sizes)
    for face, color in zip(faces, colors.tolist(), strict=True):
        cv2.fillPoly(layer, [face], color, cv2.LINE_AA, SHIFT)
    if layer.size > GRAIN_FROM:
        grain = _grain(thing, camera, rows, columns)
        layer = cv2.multiply(layer, cv2.merge([grain] * 3), dtype=cv2.CV_8U)
    _blend(canvas, rows, columns, layer, _mask(frame.outline, rows, columns))


def _grain(thing: Solid, camera: Camera, rows: slice, columns: slice) -> np.ndarray:
    """Folds of cloth, dirt and dents (h, w) float32 around 1: no surface of the world is of one colour.

    Without it, a network learns that things are smooth and walls are rough, which fails on photographs.
    """
    step = np.float32(thing.depth / camera.focal)
    u = (np.arange(columns.start, columns.stop, dtype=np.float32)[None] - np.float32(camera.cx)) * step
    v = (np.float32(camera.horizon) - np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]) * step
    v += np.float32(camera.height)
    foot, shape = np.full((1, u.shape[1]), step, np.float32), (v.shape[0], u.shape[1])
    # Turned upside down, as the light of the tile falls from its first row on.
    view = View(u, -v, foot, foot, 1.0, np.ones(3, np.float32), shape)
    seed = float(np.abs(thing.points[0]).sum() % 1.0)
    large, small = (0.035, 0.03) if thing.label in VEHICLES else (0.08, 0.06)
    tone = 1.0 + large * noise(view, "cloud", 2.5, 1.5, seed) + small * noise(view, "grain", 1.2, 1.6, seed)
    # Little light reaches what is close to the ground.
    return tone * (1.0 - 0.22 * np.exp(np.minimum(-v, 0.0) * np.float32(1 / 0.3)))
