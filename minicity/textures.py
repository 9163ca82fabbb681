"""Tools for textures in world coordinates, none finer than the pixel that looks at it.

The size of a pixel on a surface is its *footprint*. A pattern finer than the footprint turns into flicker (aliasing).
Regular patterns are therefore averaged over the footprint in closed form (`stripes`, `band`), and random ones are
looked up in copies of a noise tile that get coarser with distance (`noise`).
"""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

GRAIN_SEEN = 0.04
"""Footprint in metres beyond which the grain of plaster and brick is too fine to be seen."""
TILE = 512
"""Side of the noise tiles in texels; they repeat without a seam."""


@dataclass(frozen=True)
class View:
    """The pixels of a rectangle of the picture as they lie on a surface; arrays broadcast to (h, w), float32, metres.

    On an upright surface u runs along the ground and v is the height; on the ground u is X (bend of the street taken
    out) and v is Z. ``shade`` is the brightness of the light on the surface, ``sky`` the colour it mirrors.
    """

    u: np.ndarray
    v: np.ndarray
    foot_u: np.ndarray
    foot_v: np.ndarray
    shade: float
    sky: np.ndarray
    shape: tuple[int, int]

    def rows(self, start: int, stop: int) -> "View":
        """Some rows of the view of an upright surface."""
        return replace(self, v=self.v[start:stop], shape=(stop - start, self.shape[1]))


@cache
def tile(kind: str) -> tuple[np.ndarray, ...]:
    """A seamless random texture around 0 with unit spread, and its halved copies down to 4 texels, (n, n) float32."""
    rng = np.random.default_rng(sum(map(ord, kind)))
    frequency = np.fft.fftfreq(TILE)[:, None] ** 2 + np.fft.rfftfreq(TILE)[None, :] ** 2
    white = np.fft.rfft2(rng.standard_normal((TILE, TILE)))

    def filtered(gain: np.ndarray, spectrum: np.ndarray = white) -> np.ndarray:
        field = np.fft.irfft2(spectrum * gain, s=(TILE, TILE))
        return (field - field.mean()) / field.std()

    radius = np.sqrt(np.maximum(frequency, TILE**-2.0))
    if kind == "cloud":
        field = filtered(radius**-1.7)
    elif kind == "grain":
        field = 0.8 * filtered(radius**-0.55) + 0.5 * filtered(np.exp(-((radius / 0.25) ** 2)) * radius**0.5)
    else:
        field = _leaves(rng, filtered(np.exp(-((radius / 0.012) ** 2))))
    levels = [field.astype(np.float32)]
    while levels[-1].shape[0] > 4:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return tuple(levels)


def _leaves(rng: np.random.Generator, clumps: np.ndarray) -> np.ndarray:
    """Thousands of small leaves, the lit ones over the dark ones; ``clumps`` (TILE, TILE) says where light falls."""
    count = 9000
    at = rng.integers(0, TILE, (count, 2))
    slope = clumps - np.roll(clumps, 24, axis=0)
    value = 0.7 * clumps[at[:, 1], at[:, 0]] - 0.7 * slope[at[:, 1], at[:, 0]] + 0.75 * rng.standard_normal(count)
    order = np.argsort(value, kind="stable")
    turn, size = rng.uniform(0, 180, count), rng.integers(4, 10, count)
    canvas = np.full((TILE, TILE), -2.2, np.float32)
    for i in order.tolist():
        # What reaches over an edge of the tile comes in at the other side.
        for dx in (-TILE, 0, TILE):
            for dy in (-TILE, 0, TILE):
                x, y = int(at[i, 0]) + dx, int(at[i, 1]) + dy
                if -10 < x < TILE + 10 and -10 < y < TILE + 10:
                    cv2.ellipse(canvas, (x, y), (int(size[i]), int(size[i]) // 2), turn[i], 0, 360, float(value[i]), -1)
    field = cv2.GaussianBlur(canvas, (0, 0), 0.8)
    return (field - field.mean()) / field.std()


def noise(view: View, kind: str, size: float, stretch: float = 1.0, offset: float = 0.0) -> np.ndarray:
    """Random texture (h, w) float32 around 0; the tile is ``size`` metres wide and ``stretch`` times as high.

    Rows (or columns) whose footprint is similar are looked up together in the copy of the tile that is as coarse.
    """
    levels = tile(kind)
    u, v = view.u * (1.0 / size) + offset, view.v * (1.0 / (size * stretch)) + 0.7 * offset
    # In OpenCV's remap, coordinates are 16-bit: bring them near 0.
    u = np.broadcast_to(u - np.floor(u), view.shape).astype(np.float32, copy=False)
    v = np.broadcast_to(v - np.floor(v), view.shape).astype(np.float32, copy=False)
    foot = np.sqrt(view.foot_u * view.foot_v).ravel() * (TILE / size)
    level = clamp(np.round(np.log2(np.maximum(foot, 1e-6)) - 0.2), 0, len(levels) - 1).astype(int)
    by_row = view.foot_u.shape[0] > 1
    bounds = (np.flatnonzero(level[1:] != level[:-1]) + 1).tolist() if level[0] != level[-1] else []
    parts = []
    for start, stop in zip([0, *bounds], [*bounds, max(view.shape)], strict=True):
        part = (slice(start, stop), slice(None)) if by_row else (slice(None), slice(start, stop))
        texture = levels[level[start]]
        n = np.float32(texture.shape[0])
        parts.append(cv2.remap(texture, u[part] * n, v[part] * n, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=0 if by_row else 1)


def stripes(
    t: np.ndarray, period: float, start: float | np.ndarray, stop: float | np.ndarray, foot: np.ndarray
) -> np.ndarray:
    """Share of each pixel's footprint, centred at t, in which start <= t modulo period < stop: 0..1, never aliased.

    ``start`` and ``stop`` may be arrays (n, 1, 1), for n patterns of one period at once: (n, h, w).
    """
    width = stop - start

    def until(edge: np.ndarray) -> np.ndarray:
        turns = np.floor(edge / period)
        return turns * width + np.minimum(np.maximum(edge - turns * period - start, 0.0), width)

    half = 0.5 * foot
    return ((until(t + half) - until(t - half)) / foot).astype(np.float32)


def band(t: np.ndarray, low: float | np.ndarray, high: float | np.ndarray, foot: np.ndarray) -> np.ndarray:
    """Share of the footprint that lies between low and high: 0..1."""
    inside = np.minimum(t + 0.5 * foot, high) - np.maximum(t - 0.5 * foot, low)
    return np.minimum(np.maximum(inside / foot, 0.0), 1.0).astype(np.float32)


def clamp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Like ``np.clip``, which takes several times as long for the small arrays of a picture of 512 x 256."""
    return np.minimum(np.maximum(x, low), high)


def tint(tone: np.ndarray, color: tuple | np.ndarray) -> np.ndarray:
    """A picture (3, h, w) of one colour whose brightness varies as ``tone`` (h, w)."""
    return np.asarray(color, np.float32)[:, None, None] * tone


def lay(rgb: np.ndarray, color: tuple | np.ndarray, cover: np.ndarray) -> None:
    """Lay a colour, or a (3, h, w) picture, over rgb where ``cover`` (h, w) says how much of it is seen."""
    color = np.asarray(color, np.float32)
    rgb += cover * ((color if color.ndim == 3 else color[:, None, None]) - rgb)


def cell_random(cells_u: np.ndarray, cells_v: np.ndarray, seed: int) -> np.ndarray:
    """A random number 0..1 for each cell of a grid, the same at every visit: looked up in a small table."""
    table = tile("grain")[0]
    row = (cells_v.astype(np.int32) * 37 + seed) % TILE
    column = (cells_u.astype(np.int32) * 101 + seed * 7) % TILE
    return clamp(0.5 + 0.3 * table[row, column], 0.0, 1.0)


def masonry(view: View, kind: str, color: tuple, seed: float) -> np.ndarray:
    """Bare wall (3, h, w): brick, stone blocks, boards, concrete panels or plaster, with stains."""
    stain = noise(view, "cloud", 9.0, 2.5, seed)
    # Some walls are freshly painted, others black with soot.
    tone = 1.0 + (0.03 + 0.11 * (23.0 * seed % 1.0)) * stain
    nearest = float(view.foot_u.min())
    if nearest < GRAIN_SEEN:
        tone += 0.045 * noise(view, "grain", 2.0, 1.0, seed)
    if kind in ("brick", "stone"):
        long, high, gap = (0.25, 0.083, 0.012) if kind == "brick" else (0.9, 0.42, 0.02)
        # Where bricks are far smaller than a pixel, only their mean is left: do not compute it brick by brick.
        if nearest < 0.5 * long:
            row = np.floor(view.v / high)
            shifted = view.u + 0.5 * long * (row % 2)
            mortar = 1.0 - stripes(shifted, long, gap, long, view.foot_u) * stripes(
                view.v, high, gap, high, view.foot_v
            )
            fade = clamp(1.4 - 2.0 * view.foot_u / long, 0.0, 1.0)
            tone *= 1.0 + 0.3 * fade * (cell_random(np.floor(shifted / long), row, int(seed * 997)) - 0.5)
            tone *= 1.0 - (0.1 if kind == "brick" else 0.28) * mortar
            rgb = tint(tone, color)
            pale = 0.35 + 0.35 * (11.0 * seed % 1.0)
            lay(rgb, (pale, 0.97 * pale, 0.92 * pale), (0.55 if kind == "brick" else 0.0) * mortar)
            return rgb
    elif kind == "boards":
        tone *= 1.0 - 0.25 * stripes(view.v, 0.18, 0.0, 0.03, view.foot_v)
    elif kind == "panel":
        seam = np.maximum(stripes(view.u, 2.4, 0.0, 0.03, view.foot_u), stripes(view.v, 1.5, 0.0, 0.03, view.foot_v))
        tone *= 1.0 - 0.3 * seam
    return tint(tone, color)
