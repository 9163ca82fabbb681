"""Flat things of MiniCity: shapes in an upright plane that faces the camera, as in a paper theatre.

`Cutout` holds plain shapes, for signs, posts and furniture. `Figure` is a body with a direction: its joints have three
coordinates, it is turned by its heading, and its parts are painted from far to near. Lengths are in metres.
"""

from dataclasses import dataclass

import numpy as np

from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE

METAL = (0.36, 0.37, 0.37)


Point = tuple[float, float, float]
"""A point of a figure: to its right, up, and forwards."""


Color = tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """The measures of one body, in metres, and where its hip is."""

    size: float
    build: float
    hip: float
    lean: float

    def up(self, share: float) -> float:
        """Height of what lies ``share`` of the body's height above its hip."""
        return self.hip + share * self.size


class Cutout:
    """Shapes in the upright plane Z = z, painted one over the other; (0, 0) is on the ground at x."""

    def __init__(self, x: float, z: float, light: Light) -> None:
        self.x, self.z = x, z
        self.parts: list[np.ndarray | list | None] = []
        self.strokes: list[tuple[float, ...]] = []
        self.colors: list[tuple] = []
        self.levels: list[float] = []
        self.depths: list[float] = []
        # Light on the shape: what an upright surface facing the camera gets, one facing the sun's side, and the flanks
        # of something round, left and right.
        self.sun_side = 1.0 if light.sun[0] > 0 else -1.0
        normals = np.array([(0.0, 0.0, -1.0), (self.sun_side, 0.0, 0.0), (-0.86, 0.1, -0.5), (0.86, 0.1, -0.5)])
        self.front, self.side, *self.sides = light.shade(normals).tolist()

    def polygon(
        self, points: np.ndarray | list | None, color: tuple, level: float | None = None, depth: float = 0.0
    ) -> None:
        """A polygon (N, 2) of (sideways, up); ``level`` overrides the brightness of the light (1 = as painted).

        Parts of greater ``depth`` are painted first, those of the same depth in the order of their calls.
        """
        self.parts.append(points)
        self.colors.append(color)
        self.levels.append(self.front if level is None else level)
        self.depths.append(depth)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, color: tuple, level: float | None = None) -> None:
        """An upright rectangle."""
        self.polygon([(x0, y0), (x0, y1), (x1, y1), (x1, y0)], color, level)

    def disc(self, x: float, y: float, radius: float, color: tuple, level: float | None = None) -> None:
        """A circle."""
        self.polygon(np.array([x, y]) + radius * CIRCLE, color, level)

    def limb(
        self, a: tuple, b: tuple, ra: float, rb: float, color: tuple, lit: bool = True, depth: float = 0.0
    ) -> None:
        """A capsule from a to b (sideways, up) with those radii, brighter along the side of the sun."""
        self._stroke(a, b, ra, rb, color, 0.85 * self.front, depth)
        if lit:
            shift = 0.3 * self.sun_side
            a, b = (a[0] + shift * ra, a[1] + 0.1 * ra), (b[0] + shift * rb, b[1])
            self._stroke(a, b, 0.6 * ra, 0.6 * rb, color, 0.5 * self.front + 0.6 * self.side, depth)

    def _stroke(self, a: tuple, b: tuple, ra: float, rb: float, color: tuple, level: float, depth: float) -> None:
        """Leave a gap among the parts, to be filled when the outlines of all strokes are computed at once."""
        self.strokes.append((a[0], a[1], b[0], b[1], ra, rb))
        self.polygon(None, color, level, depth)

    def solid(self, label: str, half_width: float, height: float, shadow: bool = True) -> Solid:
        """The finished thing."""
        strokes = iter(capsules(np.array(self.strokes)) if self.strokes else ())
        parts = [next(strokes) if part is None else np.asarray(part, float) for part in self.parts]
        order = sorted(range(len(parts)), key=lambda i: -self.depths[i])
        parts = [parts[i] for i in order]
        flat = np.concatenate(parts)
        points = np.empty((len(flat), 3))
        points[:, 0], points[:, 1], points[:, 2] = self.x + flat[:, 0], np.maximum(flat[:, 1], 0.0), self.z
        sizes = np.array([len(part) for part in parts])
        colors = np.clip(np.array(self.colors) * np.array(self.levels)[:, None], 0.0, 1.0)[order]
        foot = (self.x, self.z, half_width, 0.2, height) if shadow else None
        return Solid(label, self.z, points, sizes, colors, foot)


class Figure(Cutout):
    """A body that heads somewhere: 0 away from the camera, pi towards it, pi / 2 to the right; ``near`` adds detail."""

    def __init__(self, x: float, z: float, light: Light, heading: float, near: bool = True) -> None:
        super().__init__(x, z, light)
        self.cos, self.sin = float(np.cos(heading)), float(np.sin(heading))
        self.near = near

    def seen(self, point: Point) -> tuple[float, float, float]:
        """A point of the body -> (sideways, up, depth) in the picture plane."""
        right, up, ahead = point
        return right * self.cos + ahead * self.sin, up, ahead * self.cos - right * self.sin

    def bone(self, a: Point, b: Point, ra: float, rb: float, color: tuple, nearer: float = 0.0) -> None:
        """A capsule between two points of the body; ``nearer`` moves it forward in the order of painting."""
        a, b = self.seen(a), self.seen(b)
        self.limb(a, b, ra, rb, color, self.near, 0.5 * (a[2] + b[2]) - nearer)

    def tube(
        self, rings: list[tuple[float, float, float, float]], color: tuple, nearer: float = 0.0, right: float = 0.0
    ) -> None:
        """A trunk, coat or bag: rings (forwards, up, half width, half thickness), shaded around from side to side."""
        edge = [
            (f * self.sin + right * self.cos, y, float(np.hypot(w * self.cos, t * self.sin))) for f, y, w, t in rings
        ]
        depth = self.cos * sum(ring[0] for ring in rings) / len(rings) - right * self.sin - nearer
        cuts = (-1.0, -0.4, 0.45, 1.0) if self.near else (-1.0, 1.0)
        levels = (self.sides[0], self.front, self.sides[1]) if self.near else (self.front,)
        for low, high, level in zip(cuts[:-1], cuts[1:], levels, strict=True):
            # The strips overlap, so that no gap shows between them.
            out = high + (0.05 if high < 1.0 else 0.0)
            points = [(x + low * w, y) for x, y, w in edge] + [(x + out * w, y) for x, y, w in edge[::-1]]
            self.polygon(points, color, level, depth)

    def ball(self, at: Point, half: tuple[float, float, float], color: tuple, nearer: float = 0.0) -> None:
        """An ellipsoid with half its width, height and length, lighter towards the sun."""
        x, y, depth = self.seen(at)
        wide = float(np.hypot(half[0] * self.cos, half[2] * self.sin))
        ellipse = CIRCLE * (wide, half[1])
        self.polygon(np.add(ellipse, (x, y)), color, 0.85 * self.front, depth - nearer)
        if self.near:
            lit = 0.72 * ellipse + (x + 0.2 * self.sun_side * wide, y + 0.12 * half[1])
            self.polygon(lit, color, 0.5 * self.front + 0.6 * self.side, depth - nearer)

    def sheet(self, corners: list[Point], color: tuple, level: float | None = None, nearer: float = 0.0) -> None:
        """A flat polygon between points of the body."""
        seen = [self.seen(corner) for corner in corners]
        depth = sum(point[2] for point in seen) / len(seen) - nearer
        self.polygon([(x, y) for x, y, _ in seen], color, level, depth)

    def wheel(self, at: Point, radius: float, thick: float, tyre: tuple, spokes: int, rim: tuple) -> None:
        """A wheel in the plane of the body, seen as an ellipse; with ``spokes`` it can be looked through."""
        x, y, depth = self.seen(at)
        wide = max(abs(self.sin), 0.06)
        outer = CIRCLE * (radius * wide + thick, radius)
        inner = CIRCLE * (max(radius * wide - thick, 0.3 * thick), radius - 2 * thick)
        if spokes:
            for turn in range(0, len(CIRCLE), len(CIRCLE) // spokes):
                end = inner[turn] + np.array((x, y))
                self.limb((x, y), tuple(end), 0.005, 0.005, rim, False, depth)
            ring = np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
            self.polygon(np.add(ring, (x, y)), tyre, 0.85 * self.front, depth)
            return
        self.polygon(np.add(outer, (x, y)), tyre, 0.85 * self.front, depth)
        self.polygon(np.add(inner, (x, y)), rim, None, depth)
        self.polygon(np.add(0.55 * inner, (x, y)), tuple(0.4 * c for c in rim), None, depth)


_TURN = np.linspace(np.pi / 2, 1.5 * np.pi, 6)


_CAP = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def capsules(strokes: np.ndarray) -> np.ndarray:
    """Outlines (n, 12, 2) of strokes (n, 6): from (ax, ay) to (bx, by) with round ends, from 2 ra to 2 rb wide."""
    a, b, ra, rb = strokes[:, None, 0:2], strokes[:, None, 2:4], strokes[:, 4, None, None], strokes[:, 5, None, None]
    dx, dy = (b - a)[:, :, 0], (b - a)[:, :, 1]
    # What points straight at the camera is a circle, turned anyhow.
    dx = np.where(np.hypot(dx, dy) < 1e-9, 1.0, dx)
    length = np.hypot(dx, dy)
    cos, sin = _CAP.T
    cap = np.stack([cos * dx - sin * dy, cos * dy + sin * dx], axis=2) / length[:, :, None]
    return np.concatenate([a + ra * cap, b - rb * cap], axis=1)
