"""How the camera hangs and what its lens bends: the exact map between the *level canvas* and the picture.

The world is projected and painted by a camera that looks level along Z (`geometry.Camera`), on a canvas large enough
for all that the real camera sees. The real camera is turned: yaw, pitch and roll; its lens bends straight lines a
little. A point of the picture is a ray, and a ray is a point of the canvas, so that one formula moves both the painted
canvas (`Lens.photograph`) and the corners of the polygons (`Lens.to_picture`). With n the picture point relative to the
middle, in units of the focal length, and R the rotation,

    n' = n (1 + bend n.n),    q = R (n'_x, n'_y, 1),    canvas point = (q_x / q_z, q_y / q_z).

The first is the radial distortion of one coefficient (Brown, 1971), written from the bent to the straight point.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from minicity.geometry import Camera, Light

EDGE_STEPS = 20
"""Edges longer than the width over this are cut before they are bent: what is left of the error is below 0.1 pixel."""


@dataclass(frozen=True)
class Lens:
    """A turned camera with a bending lens: ``focal`` in pixels, ``turn`` the (3, 3) rotation to the level axes."""

    focal: float
    turn: np.ndarray
    bend: float
    height: int
    width: int

    def to_level(self, points: np.ndarray) -> np.ndarray:
        """Picture points (..., 2) in pixels -> level tangents (X / Z, down / Z), (..., 2)."""
        return np.stack(self._level(points[..., 0], points[..., 1]), axis=-1)

    def _level(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`to_level` for coordinates that broadcast, in their own precision."""
        x, y = (x - 0.5 * self.width) / self.focal, (y - 0.5 * self.height) / self.focal
        stretch = 1.0 + self.bend * (x * x + y * y)
        x, y = x * stretch, y * stretch
        across, down, ahead = (float(row[0]) * x + float(row[1]) * y + float(row[2]) for row in self.turn)
        return across / ahead, down / ahead

    def to_picture(self, tangents: np.ndarray) -> np.ndarray:
        """Level tangents (..., 2) -> picture points (..., 2) in pixels; the inverse of `to_level`."""
        p = tangents @ self.turn[:2] + self.turn[2]
        n = p[..., :2] / np.maximum(p[..., 2:], 1e-3)
        far = np.hypot(n[..., 0], n[..., 1])
        near = far
        for _ in range(4):  # Newton's steps towards near (1 + bend near^2) = far
            near = near - (near + self.bend * near**3 - far) / (1.0 + 3.0 * self.bend * near**2)
        n = n * (near / np.maximum(far, 1e-9))[..., None]
        return n * self.focal + (0.5 * self.width, 0.5 * self.height)

    def level(self, eye: float) -> tuple[Camera, int, int]:
        """The level camera at height ``eye``, and the height and width of the canvas that holds the whole picture."""
        share = np.linspace(0.0, 1.0, 17)
        rim = np.concatenate([np.stack([share, 0 * share + k], axis=1) for k in (0, 1)])
        rim = np.concatenate([rim, rim[:, ::-1]]) * (self.width, self.height)
        tangents = self.to_level(rim)
        low, high = tangents.min(axis=0) * self.focal - 2.0, tangents.max(axis=0) * self.focal + 2.0
        width, height = np.ceil(high - low).astype(int).tolist()
        return Camera(eye, self.focal, float(-low[0]), float(-low[1])), height, width

    def photograph(self, canvas: np.ndarray, camera: Camera) -> np.ndarray:
        """The picture (height, width, 3) of a painted level canvas."""
        x, y = (
            np.arange(self.width, dtype=np.float32)[None] + 0.5,
            np.arange(self.height, dtype=np.float32)[:, None] + 0.5,
        )
        across, down = self._level(x, y)
        at_x, at_y = across * self.focal + (camera.cx - 0.5), down * self.focal + (camera.horizon - 0.5)
        return cv2.remap(canvas, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def bend_all(self, outlines: list[np.ndarray], camera: Camera) -> list[np.ndarray]:
        """Outlines on the canvas -> outlines in the picture, all at once; pixels are counted from their middles."""
        sizes = np.array([len(outline) for outline in outlines])
        points = np.concatenate(outlines)
        ends = np.cumsum(sizes)
        after = np.arange(1, len(points) + 1)
        after[ends - 1] = ends - sizes
        edge = points[after] - points
        parts = np.ceil(np.abs(edge).max(axis=1) * (EDGE_STEPS / self.width)).clip(1, 4 * EDGE_STEPS).astype(int)
        first = np.cumsum(parts) - parts
        share = (np.arange(parts.sum()) - np.repeat(first, parts)) / np.repeat(parts, parts)
        fine = np.repeat(points, parts, axis=0) + share[:, None] * np.repeat(edge, parts, axis=0)
        tangents = (fine + 0.5 - (camera.cx, camera.horizon)) / camera.focal
        return np.split(self.to_picture(tangents) - 0.5, np.add.reduceat(parts, ends - sizes).cumsum()[:-1])


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rotation (3, 3) from the camera's axes (right, down, forward) to the level ones; radians.

    Positive yaw looks to the right, positive pitch looks up, positive roll turns the camera clockwise.
    """
    cos, sin = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_y = np.array([[cos[0], 0.0, sin[0]], [0.0, 1.0, 0.0], [-sin[0], 0.0, cos[0]]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos[1], -sin[1]], [0.0, sin[1], cos[1]]])
    about_z = np.array([[cos[2], -sin[2], 0.0], [sin[2], cos[2], 0.0], [0.0, 0.0, 1.0]])
    return about_y @ about_x @ about_z


def sun_ahead(light: Light, lens: Lens) -> tuple[float, float, float] | None:
    """Where a low sun stands in or near the picture, (x, y) in pixels, and how strong it is; else None."""
    east, up, ahead = light.sun.tolist()
    if light.direct < 0.3 or ahead < 0.5 or up > 0.55:
        return None
    x, y = lens.to_picture(np.array([east / ahead, -up / ahead])).tolist()
    return x, y, light.direct
