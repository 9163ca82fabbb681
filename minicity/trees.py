"""Trees, hedges and bushes of MiniCity: what leaves look like, the outlines of crowns, and trunks."""

from dataclasses import dataclass

import numpy as np

from minicity.geometry import Light, Solid
from minicity.mesh import pick
from minicity.people import Cutout
from minicity.textures import View, clamp, noise, tint


@dataclass(frozen=True)
class Foliage:
    """Leaves of trees, hedges and bushes: lit puffs with dark creases, darker below, between heights low and high."""

    color: tuple[float, float, float]
    low: float
    high: float
    grain: float = 3.0
    seed: float = 0.0
    sun: float = 0.5
    """Strength and side (sign) of the sun on the crown, -1..1, over half widths ``reach`` around u = 0."""
    reach: float = 3.0
    thin: float = 0.0
    """How much shines through near the rim, 0..1."""

    def paint(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """See the module's docstring."""
        # The tile's light falls from its first row on: turn it upside down, for v runs upwards.
        flipped = View(view.u, -view.v, view.foot_u, view.foot_v, view.shade, view.sky, view.shape)
        leaves = noise(flipped, "leaf", self.grain, 1.0, self.seed)
        clumps = noise(flipped, "leaf", 2.6 * self.grain, 1.0, self.seed + 0.5)
        up = clamp((view.v - self.low) / (self.high - self.low), 0.0, 1.0)
        side = clamp(view.u / self.reach, -1.0, 1.0)
        light = 0.66 + 0.4 * up + 0.2 * self.sun * side + 0.2 * leaves + 0.13 * clumps
        light = clamp(light, 0.2, 1.9)
        rgb = tint(light, self.color)
        # Where the sun comes through, leaves are yellower.
        glow = clamp(light - 1.0, 0.0, 1.0)
        rgb[0] += 0.1 * glow
        rgb[1] += 0.09 * glow
        # Near its rim a crown is thin, and what lies behind it shines through small gaps.
        rim = clamp(2.5 * (side**2 + (2.0 * up - 1.0) ** 2) - 1.2, 0.0, 1.0) * self.thin
        gaps = clamp(-0.9 * leaves - 0.5 * clumps - 0.9, 0.0, 1.0) * rim
        return rgb * np.float32(view.shade), 1.0 - gaps


_RAY = np.linspace(0.0, 2 * np.pi, 160, endpoint=False)


RAYS = np.stack([np.cos(_RAY), np.sin(_RAY)])
"""Directions (2, 160) in which the outline of a crown is measured out."""


def crown_outline(rng: np.random.Generator, width: float, low: float, high: float) -> np.ndarray:
    """A leafy outline (N, 2) of (sideways, up) for a tree crown or bush between two heights: lobes upon lobes."""
    # The crown is a heap of round clumps; along each ray from its middle, the farthest clump counts.
    turn, away, size = rng.uniform((0.0, 0.35, 0.22), (2 * np.pi, 0.75, 0.42), (12, 3)).T
    clumps = away[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    along = clumps @ RAYS
    reach = along * along + (size**2 - away**2)[:, None]
    along += np.sqrt(np.maximum(reach, 0.0))
    radius = np.where(reach > 0, along, 0.55).max(axis=0)
    radius *= rng.uniform(0.95, 1.07, RAYS.shape[1])
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    return np.stack([0.5 * width * radius * RAYS[0], middle + half * radius * RAYS[1]], axis=1)


def trunk(rng: np.random.Generator, x: float, z: float, light: Light, height: float, radius: float) -> Solid:
    """Stem of a tree with a fork, labelled vegetation like the crown it carries."""
    stem = Cutout(x, z, light)
    color = np.array(pick(rng, ((0.24, 0.19, 0.15), (0.3, 0.27, 0.23), (0.2, 0.18, 0.15)))) * rng.uniform(0.8, 1.1)
    lean = rng.uniform(-0.05, 0.05) * height
    for side in (-1.0, 1.0):
        stem.limb(
            (lean * 0.7, 0.65 * height),
            (lean + side * rng.uniform(0.3, 0.7), 1.25 * height),
            0.6 * radius,
            0.3 * radius,
            tuple(color),
        )
    for a, b, level in ((-1.0, 1.0, 0.7), (-0.5, 0.9, 0.95), (0.1, 0.7, 1.15)):
        a, b = (a, b) if stem.sun_side > 0 else (-b, -a)
        points = [(1.25 * a * radius, 0), (a * radius, 0.3), (lean + 0.7 * a * radius, height),
                  (lean + 0.7 * b * radius, height), (b * radius, 0.3), (1.25 * b * radius, 0)]  # fmt: skip
        stem.polygon(points, tuple(color), level * stem.front)
    return stem.solid("vegetation", radius, height)
