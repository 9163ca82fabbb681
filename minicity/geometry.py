"""The geometry of MiniCity: a pinhole camera, the things it sees, and polygons in the picture.

World coordinates are in metres: X to the right, Y up, Z forward along the street. The camera stands at
(0, ``height``, 0) and looks along Z. Image coordinates are in pixels: x to the right, y down, and the corner of the
picture, not the middle of its first pixel, is (0, 0). A world point is seen at

    x = cx + focal * X / Z
    y = horizon + focal * (height - Y) / Z

so that all that is twice as far away is half as large, and points at eye level lie on the horizon at any distance.
This camera always looks level; `lens` turns its canvas into the picture of a camera that yaws, pitches and rolls.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

REFERENCE_WIDTH = 2048
"""Width of a Cityscapes picture in pixels, for which the focal length below holds."""


REFERENCE_FOCAL = 2262.0
"""Focal length of the Cityscapes camera in pixels at the reference width."""


SHIFT = 4
"""Fractional bits of the coordinates that OpenCV draws: 1/16 pixel."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: heights in metres above the road, all else in pixels."""

    height: float
    focal: float
    cx: float
    horizon: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) with Z > 0 -> image points (..., 2)."""
        scale = self.focal / points[..., 2]
        image = np.empty((*points.shape[:-1], 2))
        image[..., 0] = self.cx + scale * points[..., 0]
        image[..., 1] = self.horizon + scale * (self.height - points[..., 1])
        return image


@dataclass(frozen=True)
class Light:
    """The light of a scene: ``sun`` is the unit vector towards the sun, the rest are RGB colours or strengths."""

    sun: np.ndarray
    direct: float
    ambient: float
    haze: float
    sky_top: np.ndarray
    sky_low: np.ndarray
    clouds: float
    dusk: float = 0.0
    """0 by day to 1 at nightfall, when windows and lamps are lit."""
    wet: float = 0.0
    """0 for a dry road to 1 for one that mirrors."""

    def shade(self, normal: np.ndarray) -> np.ndarray:
        """Brightness (...,) of a dull surface with unit normals (..., 3), in the sun and under the sky."""
        sky = self.ambient * (0.8 + 0.2 * normal[..., 1])
        return sky + self.direct * np.maximum(normal @ self.sun, 0.0)


@dataclass(frozen=True)
class Surface:
    """A flat thing whose colour is computed for each pixel from the world point that the pixel sees.

    ``plane`` holds two ground points ((x0, z0), (x1, z1)) of an upright plane, or None for the ground itself. The
    outline may leave the plane a little (a roof leans back from its facade): it alone decides which pixels are drawn.
    """

    label: str
    depth: float
    outline: np.ndarray
    material: Any
    plane: tuple[tuple[float, float], tuple[float, float]] | None = None


@dataclass(frozen=True)
class Solid:
    """A thing made of flat faces, in the order of painting; its outline in the picture is their union.

    ``points`` (P, 3) are the corners of all faces, one face after the other; ``sizes`` (number of faces,) says how many
    each has, ``colors`` (number of faces, 3) are float RGB in 0..1 with the light already in them.
    ``shadow`` is the footprint on the ground, (x, z, half width, half length, height) in metres, or None.
    """

    label: str
    depth: float
    points: np.ndarray
    sizes: np.ndarray
    colors: np.ndarray
    shadow: tuple[float, float, float, float, float] | None = None


def following(points: np.ndarray) -> np.ndarray:
    """For every corner of a closed polygon the next one."""
    return np.concatenate((points[1:], points[:1]))


def clip(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut an image polygon (N, 2) off at the borders of the picture (Sutherland and Hodgman); may become empty."""
    low, high = points.min(axis=0), points.max(axis=0)
    if low[0] >= 0 and low[1] >= 0 and high[0] <= width and high[1] <= height:
        return points
    if high[0] < 0 or high[1] < 0 or low[0] > width or low[1] > height:
        return np.empty((0, 2))
    for axis, limit in ((0, width), (1, height)):
        for sign, bound in ((1.0, 0.0), (-1.0, -float(limit))):
            inside = sign * points[:, axis] >= bound
            if inside.all():
                continue
            if not inside.any():
                return np.empty((0, 2))
            edge = following(points) - points
            crossing = inside != following(inside)
            share = (sign * bound - points[:, axis]) / np.where(edge[:, axis] == 0, 1.0, edge[:, axis])
            cuts = points + share[:, None] * edge
            both = np.stack([points, cuts], axis=1).reshape(-1, 2)
            points = both[np.stack([inside, crossing], axis=1).ravel()]
    return points


def inset(points: np.ndarray, distance: float = 0.5) -> np.ndarray:
    """Move every edge of an image polygon inwards by ``distance`` pixels.

    OpenCV and Pillow paint the pixels *on* the edge too, which fattens all things by half a pixel on each side: a
    traffic sign of 4 x 4 pixels would get 5 x 5. Half a pixel inwards makes up for it.
    """
    edge = following(points) - points
    length = np.hypot(edge[:, 0], edge[:, 1])
    keep = length > 1e-6
    if keep.sum() < 3:
        return points
    points, edge = points[keep], edge[keep] / length[keep, None]
    area = points[:, 0] @ (following(points[:, 1]) - np.concatenate((points[-1:, 1], points[:-1, 1])))
    normal = edge[:, ::-1] * ((-1.0, 1.0) if area > 0 else (1.0, -1.0))
    before = np.concatenate((normal[-1:], normal[:-1]))
    # A sharp corner would move far beyond its edges: the denominator is kept from vanishing.
    mitre = (normal + before) / np.maximum(1.0 + np.einsum("ij,ij->i", normal, before), 0.7)[:, None]
    return points + distance * mitre


def to_fixed(points: np.ndarray) -> np.ndarray:
    """Float pixel coordinates -> the integers that cv2 draws with ``shift=SHIFT``."""
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def split(points: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    """Cut an array of corners into polygons of the given sizes."""
    ends = np.cumsum(sizes).tolist()
    return [points[start:stop] for start, stop in zip([0, *ends[:-1]], ends, strict=True)]


def union(points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The outer contour (N, 2) of overlapping image polygons: drawn into a small mask, and traced there."""
    if len(sizes) == 1:
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float(max((high - low).max(), 1e-3))
    scale = min(max(2.5, 90.0 / extent), 900.0 / extent)
    size = np.ceil((high - low) * scale).astype(int) + 5
    mask = np.zeros((size[1], size[0]), np.uint8)
    for polygon in split(to_fixed((points - low) * scale + 2.0), sizes):
        cv2.fillPoly(mask, [polygon], 255, shift=SHIFT)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = cv2.approxPolyDP(max(contours, key=cv2.contourArea), 0.7, True)[:, 0]
    return (contour - 2.0) / scale + low
