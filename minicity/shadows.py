"""Shadows on the ground of MiniCity: soft ones under all things, those of the sun, speckled ones under trees."""

import cv2
import numpy as np

from minicity.geometry import REFERENCE_WIDTH, SHIFT, Camera, Solid, Surface, split, to_fixed
from minicity.plans import Street
from minicity.textures import View, noise

SHADOWS_WITHIN = 90.0
"""Things farther away than this, in metres, throw no shadow that could be seen."""


def ground_view(camera: Camera, top: int, height: int, width: int) -> View:
    """The ground (X, Z) that the rows of a canvas from ``top`` on see, in metres."""
    down = (np.arange(top, height, dtype=np.float32)[:, None] + 0.5 - np.float32(camera.horizon)) / camera.focal
    depth = camera.height / np.maximum(down, np.float32(0.3 / camera.focal))
    across = (np.arange(width, dtype=np.float32)[None, :] + 0.5 - np.float32(camera.cx)) / camera.focal
    feet = depth / camera.focal, depth**2 / (camera.focal * camera.height)
    return View(across * depth, depth, *feet, 1.0, np.ones(3, np.float32), (height - top, width))


def cast_shadows(canvas: np.ndarray, street: Street, camera: Camera) -> None:
    """Darken the ground of a canvas (H, W, 3) uint8, in place, before the things on it are painted."""
    height, width = canvas.shape[:2]
    light = street.light
    top = int(min(max(camera.horizon, 0), height - 1))
    contact, thrown, leafy = (np.zeros((height - top, width), np.uint8) for _ in range(3))
    footprints: list[tuple[np.ndarray, np.ndarray]] = []
    for thing in street.things:
        if thing.depth > SHADOWS_WITHIN:
            continue
        if isinstance(thing, Solid) and thing.shadow is not None and thing.shadow[2] > 0.2:
            footprints.append((contact, _corners(thing)))
        if light.direct > 0.12 and thing.label != "fence" and not (isinstance(thing, Solid) and thing.shadow is None):
            footprints.append((leafy if thing.label == "vegetation" else thrown, _thrown(thing, light.sun)))
    if footprints:
        sizes = np.array([len(feet) for _, feet in footprints])
        feet = np.concatenate([feet for _, feet in footprints])
        world = np.zeros((len(feet), 3))
        world[:, 0], world[:, 2] = feet[:, 0], np.maximum(feet[:, 1], 1.0)
        # Far outside the picture, the integers of cv2 would overflow: pull such corners in.
        seen = np.clip(camera.project(world) - (0.5, top + 0.5), -20.0 * width, 20.0 * width)
        for (mask, _), corners in zip(footprints, split(seen.astype(np.float32), sizes), strict=True):
            cv2.fillConvexPoly(mask, to_fixed(cv2.convexHull(corners)[:, 0]), 255, cv2.LINE_AA, SHIFT)
    spread = max(width / REFERENCE_WIDTH * 5.0, 0.4)
    contact, thrown = cv2.GaussianBlur(contact, (0, 0), spread), cv2.GaussianBlur(thrown, (0, 0), 0.6 * spread)
    dark = thrown.astype(np.float32)
    if leafy.any():
        # The sun comes through the gaps between leaves in spots.
        spots = noise(ground_view(camera, top, height, width), "leaf", 5.0)
        leaves = cv2.GaussianBlur(leafy, (0, 0), 2.0 * spread) * np.clip(0.75 + 0.4 * spots, 0.15, 1.0)
        dark = np.maximum(dark, leaves)
    depth = 1.0 - light.ambient / (light.ambient + light.direct * light.sun[1])
    under = 1.0 - contact * np.float32(0.6 / 255)
    # What the sun does not reach is lit by the blue sky.
    factors = [(1.0 - dark * np.float32(depth * share / 255)) * under for share in (1.05, 1.0, 0.92)]
    canvas[top:] = cv2.multiply(canvas[top:], cv2.merge(factors), dtype=cv2.CV_8U)


def _corners(thing: Solid) -> np.ndarray:
    """The corners (4, 2) of the footprint of a solid."""
    x, z, half_width, half_length, _ = thing.shadow
    return np.array([(x + i * half_width, z + j * half_length) for i in (-1, 1) for j in (-1, 1)])


def _thrown(thing: Surface | Solid, sun: np.ndarray) -> np.ndarray:
    """Points (N, 2) on the ground whose convex hull is the shadow that a thing throws."""
    away = -np.array([sun[0], sun[2]]) / sun[1]
    if isinstance(thing, Solid):
        feet = _corners(thing)
        return np.concatenate([feet, feet + thing.shadow[4] * away])
    feet, heights = thing.outline[:, [0, 2]], thing.outline[:, 1:2]
    if thing.label != "vegetation":
        return np.concatenate([feet, feet + heights.max() * away])
    # A crown is drawn as a flat shape, but it is as deep as it is wide.
    half = np.array([0.0, 0.35 * min(float(np.ptp(feet[:, 0])), 8.0)])
    return np.concatenate([feet + heights * away - half, feet + heights * away + half])
