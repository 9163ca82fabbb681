"""Trees, hedges and bushes of MiniCity.

A tree is grown once: a stem splits into ever thinner branches, and leaves hang in clusters on the thin ones, or none in
winter. It is kept as a small picture (`Growth`) with the outline of what was drawn, so the edge of a crown is ragged,
and sky shows between branches. Trees of one growth differ in size, in colour and in the side they turn to us.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from minicity.textures import View, clamp, noise, tint

SIDE = 224
"""Side of the picture of a tree in texels."""


GROWTHS = 6
"""Number of different trees of each kind."""


KINDS = ("round", "oval", "column", "conifer", "bare")


Color = tuple[float, float, float]


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
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
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


@dataclass(frozen=True)
class Growth:
    """How one tree grew, in a square box: see the module's docstring.

    ``levels`` are pictures (n, n, 3) float32, each half as wide as the one before: cover, share of leaves in it (the
    rest is bark), and brightness. ``outline`` (N, 2) is in shares of the box: sideways -0.5..0.5, up 0..1.
    """

    levels: tuple[np.ndarray, ...]
    outline: np.ndarray


@cache
def growth(kind: str, tall: bool, number: int) -> Growth:
    """One of the trees of a kind; a ``tall`` one has its lowest branches well above the heads of people."""
    rng = np.random.default_rng((KINDS.index(kind), int(tall), number))
    clear = rng.uniform(0.24, 0.36) if tall else rng.uniform(0.05, 0.18)
    wood, ends = _conifer(rng, 0.4 * clear) if kind == "conifer" else _branches(rng, kind, clear)
    picture = np.zeros((SIDE, SIDE, 3), np.float32)
    picture[..., 2] = 0.9
    # The thin branches first, so that none cuts through a thick one.
    for foot, tip, thick in sorted(wood, key=lambda rod: rod[2]):
        _draw_rod(picture, foot, tip, thick)
    if kind != "bare":
        _hang_leaves(rng, picture, ends, 0.025 if kind == "conifer" else rng.uniform(0.035, 0.06), 0.75 * clear)
    # Without stairs at the edges, the picture can be looked at from near by.
    picture = cv2.GaussianBlur(picture, (0, 0), 0.75)
    levels = [picture]
    while levels[-1].shape[0] > 7:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return Growth(tuple(levels), _outline(picture[..., 0], kind == "bare"))


Rod = tuple[np.ndarray, np.ndarray, float]
"""A piece of wood from its foot to its tip, in shares of the box, and half its thickness."""


def _branches(rng: np.random.Generator, kind: str, clear: float) -> tuple[list[Rod], np.ndarray]:
    """The stem and its branches, and the points (n, 2) on which leaves hang."""
    wide = {"round": 0.68, "oval": 0.45, "column": 0.2, "bare": rng.uniform(0.35, 0.7)}[kind]
    depth = 6 if kind == "bare" else 5
    todo: list[tuple[Rod, int]] = []
    todo.append(((np.zeros(2), np.array((rng.normal(0.0, 0.02), clear)), rng.uniform(0.014, 0.022)), 0))
    wood, ends = [], []
    while todo:
        (foot, tip, thick), age = todo.pop()
        wood.append((foot, tip, thick))
        if age >= 2:
            ends += [tip, 0.5 * (foot + tip)]
        if age == depth:
            continue
        along = tip - foot
        straight = np.arctan2(along[0], along[1])
        length = 0.26 * (0.74 if age else 1.0) * 0.8**age
        count = int(rng.integers(2, 4)) if age else int(rng.integers(3, 6))
        for turn in np.linspace(-1.0, 1.0, count) + rng.normal(0.0, 0.3, count):
            angle = 0.8 * straight + turn * wide * (1.25 if age < 2 else 1.0)
            end = tip + length * rng.uniform(0.6, 1.2) * np.array((np.sin(angle), np.cos(angle)))
            todo.append(((tip, end, max(0.62 * thick, 0.0006)), age + 1))
    # What grew is brought into the box, with a margin for the leaves.
    tips = np.array([tip for _, tip, _ in wood])
    up = (0.93 - clear) / max(tips[:, 1].max() - clear, 1e-6)
    out = min(0.42 / np.abs(tips[:, 0]).max(), 1.15 * up)

    def fit(point: np.ndarray) -> np.ndarray:
        return np.array((point[0] * out, max(clear + (point[1] - clear) * up, 0.9 * clear) if point.any() else 0.0))

    return [(fit(foot), fit(tip), thick) for foot, tip, thick in wood], np.array([fit(end) for end in ends])


def _conifer(rng: np.random.Generator, clear: float) -> tuple[list[Rod], np.ndarray]:
    """A straight stem with shorter and shorter branches that hang a little, and the points on which needles hang."""
    wood: list[Rod] = [(np.zeros(2), np.array((0.0, 0.95)), 0.012)]
    reach, ends = rng.uniform(0.2, 0.36), [np.array((0.0, 0.95))]
    for up in np.arange(clear + 0.08, 0.95, 0.035):
        half = reach * (1.02 - up) * rng.uniform(0.75, 1.15)
        for side in (-1.0, 1.0):
            foot, tip = np.array((0.0, up)), np.array((side * half, up - 0.25 * half))
            wood.append((foot, tip, 0.003))
            ends += [share * tip + (1 - share) * foot for share in (0.25, 0.5, 0.75, 1.0)]
    return wood, np.array(ends)


def _texels(points: np.ndarray) -> np.ndarray:
    """Shares of the box -> texels with three fractional bits, as OpenCV wants them."""
    return np.round((np.stack([points[..., 0] + 0.5, 1.0 - points[..., 1]], axis=-1) * SIDE - 0.5) * 8).astype(int)


def _draw_rod(picture: np.ndarray, foot: np.ndarray, tip: np.ndarray, thick: float) -> None:
    side = np.array((tip[1] - foot[1], foot[0] - tip[0])) / max(float(np.hypot(*(tip - foot))), 1e-6)
    # A flat rod with a bright side; twigs thinner than a texel are drawn fainter instead of thinner.
    half = max(thick, 0.6 / SIDE)
    cover = min(1.0, thick / half + 0.1)
    for low, high, tone in ((-1.0, 1.0, 0.8), (0.1, 0.8, 1.25)):
        rod = np.array([foot + low * half * side, foot + high * half * side, tip + 0.7 * high * half * side,
                        tip + 0.7 * low * half * side])  # fmt: skip
        cv2.fillPoly(picture, [_texels(rod).astype(np.int32)], (cover, 0.0, tone), cv2.LINE_8, 3)


def _hang_leaves(rng: np.random.Generator, picture: np.ndarray, ends: np.ndarray, spread: float, lowest: float) -> None:
    """Clusters of leaves around the ends of branches, lit from above: the dark ones first, the lit ones over them."""
    per = int(np.clip(8000 / len(ends), 5, 60) * rng.uniform(0.3, 1.0))
    offset = rng.normal(0.0, 1.0, (len(ends), per, 2)) * (1.0, 0.8) * spread * rng.uniform(0.6, 1.3, (len(ends), 1, 1))
    at = (ends[:, None] + offset).reshape(-1, 2)
    low, high = ends[:, 1].min(), ends[:, 1].max()
    light = 0.75 + 0.3 * (at[:, 1] - low) / max(high - low, 0.1) + 0.22 * (offset[..., 1] / spread).ravel()
    light += rng.normal(0.0, 0.14, len(light)) + np.repeat(rng.normal(0.0, 0.08, len(ends)), per)
    kept = (np.abs(at[:, 0]) < 0.485) & (at[:, 1] < 0.985) & (at[:, 1] > lowest)
    at, light = at[kept], np.clip(light[kept], 0.25, 1.7)
    order = np.argsort(light, kind="stable")
    size = rng.integers(8, 20, len(at))
    turn = rng.integers(0, 180, len(at)).tolist()
    corners = _texels(at).tolist()
    for i in order.tolist():
        axes = (int(size[i]), int(size[i]) // 2 + 2)
        cv2.ellipse(picture, corners[i], axes, turn[i], 0, 360, (1.0, 1.0, float(light[i])), -1, cv2.LINE_8, 3)


def _outline(cover: np.ndarray, bare: bool) -> np.ndarray:
    """The outer edge (N, 2) of what was drawn, as an annotator draws it: along the leaves, around bare branches."""
    soft = cv2.GaussianBlur(cover, (0, 0), 2.6 if bare else 1.2)
    mask = (soft > (0.16 if bare else 0.33)).astype(np.uint8)
    # The stem is never lost.
    mask |= (cover > 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = cv2.approxPolyDP(max(contours, key=cv2.contourArea), 1.0, True)[:, 0].astype(float)
    return np.stack([(contour[:, 0] + 0.5) / SIDE - 0.5, 1.0 - (contour[:, 1] + 0.5) / SIDE], axis=1)


@dataclass(frozen=True)
class Tree:
    """The look of a whole tree, ``width`` and ``height`` metres large, around u = 0."""

    grown: Growth
    width: float
    height: float
    leaf: Color
    bark: Color
    sun: float
    seed: float
    flip: float = 1.0

    def paint(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Colour (3, h, w) and cover (h, w) of the pixels of a view."""
        texel = self.height / SIDE
        foot = float(view.foot_v.min())
        levels = self.grown.levels
        picture = levels[int(np.clip(np.log2(max(foot / texel, 1e-6)) + 0.3, 0, len(levels) - 1))]
        n = np.float32(picture.shape[0])
        s = np.broadcast_to((view.u * (self.flip / self.width) + 0.5) * n - 0.5, view.shape).astype(np.float32)
        t = np.broadcast_to((1.0 - view.v / self.height) * n - 0.5, view.shape).astype(np.float32)
        seen = cv2.remap(picture, s, t, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        cover, leaves, tone = seen[..., 0], seen[..., 1], seen[..., 2]
        side = clamp(view.u * (2.0 / self.width), -1.0, 1.0)
        tone = tone * (1.0 + 0.16 * self.sun * side)
        if foot < texel:
            # Nearer than the picture is fine: single leaves, and their edges.
            grain = noise(view, "leaf", 2.2, 1.0, self.seed)
            tone = tone * (1.0 + 0.13 * leaves * grain)
            sharp = min(texel / foot, 4.0)
            cover = clamp((cover + 0.12 * leaves * grain - 0.5) * sharp + 0.5, 0.0, 1.0)
        rgb = tint(tone * leaves, self.leaf) + tint(tone * (1.0 - leaves), self.bark)
        # Where the sun comes through, leaves are yellower.
        glow = clamp(tone - 1.0, 0.0, 1.0) * leaves
        rgb[0] += 0.1 * glow
        rgb[1] += 0.09 * glow
        return rgb * np.float32(view.shade), cover


def leaf_color(rng: np.random.Generator, season: float) -> Color:
    """Green of any sort, seldom copper; the later the ``season`` (0 summer, 1 autumn), the yellower and browner."""
    green = rng.uniform(0.2, 0.4)
    color = green * np.array((rng.uniform(0.55, 1.0), 1.0, rng.uniform(0.32, 0.62)))
    if rng.random() < 0.04:
        color = np.array((0.24, 0.13, 0.13))
    fade = np.clip(season * rng.uniform(0.3, 1.4), 0.0, 1.0)
    autumn = np.array(((0.52, 0.4, 0.1), (0.48, 0.26, 0.1), (0.38, 0.27, 0.15)))[int(rng.integers(3))]
    return tuple(((1 - fade) * color + fade * autumn).tolist())


def bark_color(rng: np.random.Generator) -> Color:
    """Brown, grey, or nearly white as a birch's."""
    luck = rng.random()
    base = (0.5, 0.5, 0.47) if luck < 0.08 else (0.22, 0.18, 0.14) if luck < 0.55 else (0.27, 0.26, 0.23)
    return tuple((np.array(base) * rng.uniform(0.6, 1.15)).tolist())


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
