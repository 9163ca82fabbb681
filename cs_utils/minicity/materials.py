"""What the surfaces of MiniCity look like: colour as a function of the point in the world that a pixel sees.

A material is a small frozen dataclass with a method ``paint(view) -> (rgb, alpha)``: rgb (3, h, w) float32 in 0..1,
alpha (h, w) or None where the surface hides all behind it. ``view`` gives the coordinates (u, v) in metres on the
surface for every pixel, and the footprint of the pixel, which bounds how fine a pattern may be (`textures`).
"""

from dataclasses import dataclass

import numpy as np

from cs_utils.minicity.textures import View, band, cell_random, lay, masonry, noise, stripes, tint


@dataclass(frozen=True)
class Asphalt:
    """Road: asphalt with wheel tracks, patches and seams, lane lines, crossings and, in old towns, cobbles."""

    tone: float
    left: float
    right: float
    lines: tuple[tuple[float, float, float], ...] = ()
    """Lane lines as (u, period, length): a whole line has period 0."""
    crossings: tuple[float, ...] = ()
    """Z of the near edges of zebra crossings, each 3.4 m deep; a stop line lies before it."""
    cobbles: bool = False
    arrows: tuple[tuple[float, float], ...] = ()
    wear: float = 0.3
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """See the module's docstring."""
        coarse = noise(view, "cloud", 23.0, 2.2, self.seed)
        fine = noise(view, "grain", 1.6, 1.0, self.seed)
        tone = self.tone * (1.0 + 0.07 * coarse + 0.075 * fine)
        middle = 0.5 * (self.left + self.right)
        for lane in (0.5 * (self.left + middle), 0.5 * (middle + self.right)):
            for track in (lane - 0.8, lane + 0.8):
                tone *= 1.0 - 0.05 * np.exp(-(((view.u - track) / 0.35) ** 2))
        if self.cobbles:
            joint = 1.0 - stripes(view.u + 0.006 * coarse, 0.16, 0.02, 0.16, view.foot_u) * stripes(
                view.v, 0.16, 0.02, 0.16, view.foot_v
            )
            stones = cell_random(np.floor(view.u / 0.16), np.floor(view.v / 0.16), 5)
            tone *= (1.0 - 0.4 * joint) * (1.0 + 0.25 * (stones - 0.5) * np.clip(1.6 - view.foot_v * 6.0, 0.0, 1.0))
        else:
            patches = noise(view, "cloud", 60.0, 1.0, self.seed + 0.37)
            tone *= (
                1.0
                - 0.13 * np.clip(12.0 * (patches - 1.15), 0.0, 1.0)
                + 0.09 * np.clip(12.0 * (-1.35 - patches), 0.0, 1.0)
            )
            cracks = np.clip(1.0 - np.abs(noise(view, "cloud", 9.0, 1.6, self.seed + 0.61)) * 22.0, 0.0, 1.0)
            tone *= 1.0 - 0.22 * cracks * np.clip(1.0 - view.foot_v * 4.0, 0.0, 1.0)
            tone *= 1.0 - 0.25 * band(view.u, middle + 0.05, middle + 0.085, view.foot_u)
        for edge in (self.left, self.right):
            tone *= 1.0 - 0.16 * band(view.u, edge - 0.3, edge + 0.3, view.foot_u)
        rgb = tint(tone, [0.99, 1.0, 1.015])
        worn = np.clip(0.92 - self.wear * (0.5 + 0.5 * fine + 0.4 * coarse), 0.15, 0.95)
        marks = np.zeros(view.shape, np.float32)
        for at, period, length in self.lines:
            dash = stripes(view.v, period, 0.0, length, view.foot_v) if period else np.float32(1.0)
            marks = np.maximum(marks, band(view.u, at - 0.06, at + 0.06, view.foot_u) * dash)
        inside = band(view.u, self.left + 0.3, self.right - 0.3, view.foot_u)
        for near in self.crossings:
            zebra = stripes(view.u, 1.0, 0.0, 0.5, view.foot_u) * band(view.v, near, near + 3.4, view.foot_v)
            stop = band(view.v, near - 1.6, near - 1.2, view.foot_v) * (view.u > middle)
            marks = np.maximum(marks, inside * np.maximum(zebra, stop))
        for at, near in self.arrows:
            shaft = band(view.u, at - 0.07, at + 0.07, view.foot_u) * band(view.v, near, near + 2.6, view.foot_v)
            taper = 0.34 * (1.0 - np.clip((view.v - near - 2.6) / 2.2, 0.0, 1.0))
            head = (np.abs(view.u - at) < taper) * band(view.v, near + 2.6, near + 4.8, view.foot_v)
            marks = np.maximum(marks, np.maximum(shaft, head))
        lay(rgb, (0.84, 0.84, 0.8), marks * worn)
        return rgb * np.float32(view.shade), None


@dataclass(frozen=True)
class Paving:
    """Pavement or parking lot: slabs with joints, a kerb stone along u = ``kerb``, or bays ``bay`` metres long."""

    color: tuple[float, float, float]
    slab: tuple[float, float]
    kerb: float | None = None
    bay: float = 0.0
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """See the module's docstring."""
        tone = (
            1.0 + 0.06 * noise(view, "cloud", 12.0, 1.0, self.seed) + 0.06 * noise(view, "grain", 1.3, 1.0, self.seed)
        )
        a, b = self.slab
        joint = 1.0 - stripes(view.u, a, 0.015, a, view.foot_u) * stripes(view.v, b, 0.015, b, view.foot_v)
        tone *= 1.0 - 0.3 * joint
        cells = cell_random(np.floor(view.u / a), np.floor(view.v / b), int(self.seed * 1000))
        tone *= 1.0 + 0.14 * (cells - 0.5) * np.clip(1.5 - view.foot_v / b, 0.0, 1.0)
        rgb = tint(tone, self.color)
        if self.kerb is not None:
            stone = band(view.u, self.kerb - 0.16, self.kerb + 0.16, view.foot_u) * (
                1.0 - 0.4 * stripes(view.v, 1.0, 0.0, 0.02, view.foot_v)
            )
            lay(rgb, (0.52, 0.52, 0.5), stone)
        if self.bay:
            lay(
                rgb,
                (0.8, 0.8, 0.77),
                0.75 * stripes(view.v, self.bay, 0.0, 0.12, view.foot_v) * np.ones(view.shape, np.float32),
            )
        return rgb * np.float32(view.shade), None


@dataclass(frozen=True)
class Grass:
    """Terrain: lawn, verge or bare earth, patchy."""

    color: tuple[float, float, float]
    earth: float = 0.2
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """See the module's docstring."""
        patch = noise(view, "cloud", 7.0, 1.0, self.seed)
        blades = noise(view, "leaf", 1.5, 1.0, self.seed)
        rgb = tint(1.0 + 0.17 * blades + 0.1 * patch, self.color)
        lay(rgb, (0.36, 0.31, 0.23), np.clip(self.earth * 1.5 + 0.7 * patch - 0.6, 0.0, 0.8) * (1.0 + 0.1 * blades))
        return rgb * np.float32(view.shade), None


@dataclass(frozen=True)
class Rails:
    """A tram track: two bright rails with grooves in a bed of any colour, around u = ``middle``."""

    middle: float
    color: tuple[float, float, float]
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """See the module's docstring."""
        tone = (
            1.0 + 0.07 * noise(view, "cloud", 11.0, 1.0, self.seed) + 0.12 * noise(view, "grain", 1.1, 1.0, self.seed)
        )
        tone *= 1.0 - 0.12 * stripes(view.v, 2.0, 0.0, 0.06, view.foot_v)
        rgb = tint(tone, self.color)
        for side in (-0.72, 0.72):
            at = self.middle + side
            lay(rgb, (0.12, 0.12, 0.12), 0.8 * band(view.u, at - 0.11, at + 0.11, view.foot_u))
            lay(rgb, (0.6, 0.6, 0.6), band(view.u, at - 0.035, at + 0.035, view.foot_u))
        return rgb * np.float32(view.shade), None


@dataclass(frozen=True)
class Facade:
    """Front of a house: masonry, rows of windows with frames, panes and sills, a ground floor with doors or shops."""

    kind: str
    color: tuple[float, float, float]
    trim: tuple[float, float, float]
    length: float
    height: float
    floor: float
    pitch: float
    window: tuple[float, float]
    shop: bool
    sign: tuple[float, float, float]
    blank: bool = False
    shutters: bool = False
    balconies: bool = False
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """See the module's docstring."""
        rgb = masonry(view, self.kind, self.color, self.seed)
        ground = 3.7 if self.shop else 3.1
        fu, fv = view.foot_u, view.foot_v
        if not self.blank:
            pitch = self.length / max(round(self.length / self.pitch), 1)
            # Rows of the picture that see the upper floors, and rows that see the ground floor: they may overlap.
            upper = int(np.count_nonzero(view.v.max(axis=1) > ground))
            lower = view.shape[0] - int(np.count_nonzero(view.v.min(axis=1) < ground))
            if upper:
                self._windows(rgb[:, :upper], view.rows(0, upper), pitch, ground)
                lay(rgb, self.trim, 0.8 * band(view.v, ground - 0.12, ground + 0.1, fv))
            if lower < view.shape[0]:
                self._ground_floor(rgb[:, lower:], view.rows(lower, view.shape[0]), pitch, ground)
        # Cornice below the eaves with its shadow; the foot of the wall is dirty and gets less light.
        rgb *= 1.0 - 0.3 * band(view.v, self.height - 0.75, self.height - 0.4, fv)
        lay(rgb, self.trim, 0.85 * band(view.v, self.height - 0.4, self.height + 0.3, fv))
        edge = np.minimum(np.abs(view.u), np.abs(self.length - view.u))
        rgb *= 1.0 - 0.25 * np.clip(1.0 - edge / np.maximum(0.12, fu), 0.0, 1.0)
        rgb *= np.float32(view.shade) * (0.8 + 0.2 * np.clip(view.v / 4.0, 0.0, 1.0))
        return rgb, None

    def _windows(self, rgb: np.ndarray, view: View, pitch: float, ground: float) -> None:
        """All upper floors at once: the panes repeat with the floor height and the pitch of the columns."""
        width, high = self.window
        fu, fv = view.foot_u, view.foot_v
        up = view.v - ground
        above = np.clip(up / fv + 0.5, 0.0, 1.0) * np.clip((self.height - 0.8 - view.v) / fv + 0.5, 0.0, 1.0)
        a, b = 0.5 * (pitch - width), 0.5 * (pitch + width)
        c = 0.5 * (self.floor - high) + 0.12
        d = c + high

        # Across: frame, recess, sill, pane. Upwards: frame, lintel, sill, recess, pane.
        margin = np.array((0.14, 0.0, 0.08, -0.07), np.float32)[:, None, None]
        frame_u, recess_u, sill_u, pane_u = stripes(view.u, pitch, a - margin, b + margin, fu)
        low = np.array((c - 0.14, d - 0.02, c - 0.12, c, c + 0.07), np.float32)[:, None, None]
        top = np.array((d + 0.14, d + 0.1, c, d, d - 0.05), np.float32)[:, None, None]
        cell_u, cell_v = np.floor(view.u / pitch), np.floor(up / self.floor)
        inside = up - cell_v * self.floor
        frame_v, lintel_v, sill_v, recess_v, pane_v = band(inside, low, top, fv) * above
        lay(rgb, self.trim, 0.75 * frame_u * frame_v)
        lay(rgb, tuple(0.45 * x for x in self.color), recess_u * lintel_v)
        lay(rgb, tuple(1.1 * x for x in self.trim), sill_u * sill_v)
        luck = cell_random(cell_u, cell_v, int(self.seed * 991))
        mirror = np.clip((inside - c) / high, 0.0, 1.0) * 0.32 + 0.1 + 0.25 * luck
        pane = 0.07 + tint(mirror, 0.62 * view.sky)
        curtain = (luck > 0.62) * np.clip(3.0 - 6.0 * luck + (inside - c) / high * 3.0, 0.0, 1.0)
        lay(pane, (0.62, 0.6, 0.55), 0.75 * curtain)
        lay(rgb, (0.78, 0.78, 0.75), recess_u * recess_v)
        glass = pane_u * (1.0 - stripes(view.u, pitch, 0.5 * pitch - 0.035, 0.5 * pitch + 0.035, fu)) * pane_v
        lay(rgb, pane, glass)
        if self.shutters:
            wings = stripes(view.u, pitch, a - 0.14 - 0.5 * width, a - 0.14, fu)
            wings = wings + stripes(view.u, pitch, b + 0.14, b + 0.14 + 0.5 * width, fu)
            slats = 1.0 - 0.25 * stripes(up, 0.09, 0.0, 0.03, fv)
            lay(rgb, tint(slats, self.sign), wings * recess_v)
        if self.balconies:
            wide = stripes(view.u, 3.0 * pitch, 0.1, 2.0 * pitch - 0.1, fu)
            bars = 0.25 + 0.75 * stripes(view.u, 0.12, 0.0, 0.035, fu)
            lay(rgb, tuple(0.35 * x for x in self.color), 0.6 * wide * stripes(up, self.floor, 0.1, 0.25, fv) * above)
            lay(rgb, (0.2, 0.2, 0.21), wide * bars * stripes(up, self.floor, 0.3, 1.15, fv) * above)
            lay(rgb, self.trim, wide * stripes(up, self.floor, 0.18, 0.36, fv) * above)

    def _ground_floor(self, rgb: np.ndarray, view: View, pitch: float, ground: float) -> None:
        fu, fv = view.foot_u, view.foot_v
        below = np.clip((ground - 0.2 - view.v) / fv + 0.5, 0.0, 1.0)
        cell = np.floor(view.u / pitch)
        luck = cell_random(cell, np.zeros_like(cell), int(self.seed * 983))
        if self.shop:
            lay(rgb, tuple(0.5 * x for x in self.trim), 0.9 * below)
            pane = stripes(view.u, pitch, 0.2, pitch - 0.2, fu) * band(view.v, 0.55, 2.75, fv)
            shelf = cell_random(np.floor(view.u / 0.62), np.floor(view.v / 0.55), int(self.seed * 877))
            item = stripes(view.u, 0.62, 0.1, 0.5, fu) * stripes(view.v, 0.55, 0.03, 0.38, fv)
            depth = np.clip(1.35 - 0.4 * view.v, 0.15, 1.0)
            goods = 0.09 + 0.12 * luck * depth + 0.32 * luck * item * shelf**2 * depth
            mirrored = (0.06 + 0.2 * luck) * np.clip(view.v / 3.0, 0.0, 1.0)
            picture = tint(goods, (1.0, 0.94, 0.84)) + tint(mirrored, view.sky)
            picture[0] *= 0.85 + 0.3 * shelf
            picture[2] *= 1.15 - 0.3 * shelf
            lay(rgb, picture, pane)
            board = band(view.v, 2.9, 3.55, fv) * np.clip(4.0 * (luck - 0.25), 0.0, 1.0)
            lay(rgb, self.sign, board)
            letters = (
                stripes(view.u, 0.34, 0.05, 0.26, fu)
                * band(view.v, 3.06, 3.4, fv)
                * stripes(view.u, pitch, 0.8, pitch - 0.8, fu)
            )
            scribble = cell_random(np.floor(view.u / 0.085), np.floor(view.v / 0.085), int(self.seed * 89)) > 0.42
            lay(rgb, (0.92, 0.9, 0.84), board * letters * (0.35 + 0.65 * scribble))
        else:
            door = luck > 0.72
            width = np.where(door, np.float32(0.55), np.float32(0.5 * self.window[0]))
            low = np.where(door, np.float32(0.0), np.float32(0.95))
            top = np.where(door, np.float32(2.35), np.float32(0.95 + self.window[1] * 0.85))
            at = view.u - (cell + 0.5) * pitch
            shape = np.clip((width - np.abs(at)) / fu + 0.5, 0.0, 1.0) * np.clip((view.v - low) / fv + 0.5, 0.0, 1.0)
            shape = shape * np.clip((top - view.v) / fv + 0.5, 0.0, 1.0)
            full = np.ones(view.shape, np.float32)
            wood = tint((0.16 + 0.3 * luck) * full, (0.85, 0.62, 0.45))
            lay(rgb, (0.8, 0.8, 0.77), shape)
            inner = np.clip((width - 0.09 - np.abs(at)) / fu + 0.5, 0.0, 1.0) * np.clip(
                (view.v - low - 0.06) / fv + 0.5, 0.0, 1.0
            )
            inner = inner * np.clip((top - 0.08 - view.v) / fv + 0.5, 0.0, 1.0)
            gleam = np.clip(0.35 * view.v - 0.35 + 0.3 * luck, 0.0, 1.0) * (np.abs(at) > 0.035)
            glass = 0.07 + tint(0.4 * gleam * full, view.sky)
            lay(rgb, np.where(door, wood, glass), inner)
            lay(rgb, tuple(0.55 * x for x in self.color), 0.8 * band(view.v, -0.5, 0.6, fv) * (1.0 - shape))


@dataclass(frozen=True)
class Masonry:
    """A free-standing wall, or the roof of a house (``kind="tiles"``)."""

    kind: str
    color: tuple[float, float, float]
    height: float
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """See the module's docstring."""
        if self.kind == "tiles":
            rows = stripes(view.v, 0.34, 0.0, 0.07, view.foot_v)
            tone = (
                1.0 + 0.09 * noise(view, "cloud", 6.0, 1.0, self.seed) + 0.1 * noise(view, "grain", 2.2, 1.0, self.seed)
            )
            tone *= (1.0 - 0.35 * rows) * (1.0 - 0.2 * stripes(view.u, 0.3, 0.0, 0.05, view.foot_u))
            return tint(tone * np.float32(view.shade), self.color), None
        rgb = masonry(view, self.kind, self.color, self.seed)
        streak = noise(view, "cloud", 3.0, 9.0, self.seed + 0.3)
        rgb *= 1.0 - 0.12 * np.clip(streak, 0.0, 2.0) * np.clip(view.v / self.height, 0.0, 1.0)
        lay(rgb, (0.5, 0.49, 0.46), 0.8 * band(view.v, self.height - 0.14, self.height + 0.2, view.foot_v))
        rgb *= np.float32(view.shade) * (0.7 + 0.3 * np.clip(view.v / 1.2, 0.0, 1.0))
        return rgb, None


@dataclass(frozen=True)
class Fence:
    """Bars, boards or wire between posts; what lies behind is seen through the gaps."""

    color: tuple[float, float, float]
    height: float
    pitch: float
    bar: float
    wire: bool = False
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """See the module's docstring."""
        fu, fv = view.foot_u, view.foot_v
        bars = stripes(view.u, self.pitch, 0.0, self.bar, fu) * np.ones(view.shape, np.float32)
        if self.wire:
            bars = np.maximum(bars, stripes(view.v, self.pitch, 0.0, self.bar, fv))
        rails = np.maximum(band(view.v, 0.15, 0.23, fv), band(view.v, self.height - 0.16, self.height - 0.08, fv))
        posts = stripes(view.u, 2.4, 0.0, 0.09, fu) * np.ones(view.shape, np.float32)
        alpha = np.maximum(np.maximum(bars, rails), posts)
        tone = 0.92 + 0.1 * noise(view, "grain", 1.9, 3.0, self.seed) + 0.12 * posts
        rgb = tint(tone, self.color) * np.float32(view.shade)
        return rgb, alpha


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
        up = np.clip((view.v - self.low) / (self.high - self.low), 0.0, 1.0)
        side = np.clip(view.u / self.reach, -1.0, 1.0)
        light = 0.66 + 0.4 * up + 0.2 * self.sun * side + 0.2 * leaves + 0.13 * clumps
        light = np.clip(light, 0.2, 1.9)
        rgb = tint(light, self.color)
        # Where the sun comes through, leaves are yellower.
        glow = np.clip(light - 1.0, 0.0, 1.0)
        rgb[0] += 0.1 * glow
        rgb[1] += 0.09 * glow
        # Near its rim a crown is thin, and what lies behind it shines through small gaps.
        rim = np.clip(2.5 * (side**2 + (2.0 * up - 1.0) ** 2) - 1.2, 0.0, 1.0) * self.thin
        gaps = np.clip(-0.9 * leaves - 0.5 * clumps - 0.9, 0.0, 1.0) * rim
        return rgb * np.float32(view.shade), 1.0 - gaps
