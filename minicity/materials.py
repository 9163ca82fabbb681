"""What the surfaces of MiniCity look like: colour as a function of the point in the world that a pixel sees.

A material is a small frozen dataclass with a method ``paint(view) -> (rgb, alpha)``: rgb (3, h, w) float32 in 0..1,
alpha (h, w) or None where the surface hides all behind it. ``view`` gives the coordinates (u, v) in metres on the
surface for every pixel, and the footprint of the pixel, which bounds how fine a pattern may be (`textures`).
"""

from dataclasses import dataclass

import numpy as np

from minicity.textures import View, band, cell_random, clamp, lay, masonry, noise, stripes, tint


@dataclass(frozen=True)
class Wear:
    """What years have done to a road: a grey with a cast, its grain, patches, cracks, worn paint and manholes."""

    tone: float = 0.38
    cast: tuple[float, float, float] = (0.99, 1.0, 1.015)
    grain: float = 0.075
    blotches: float = 0.07
    cracks: float = 0.22
    tracks: float = 0.05
    """How much darker the wheel tracks are; negative where they are polished."""
    worn: float = 0.3
    paint: tuple[float, float, float] = (0.84, 0.84, 0.8)
    patches: tuple[tuple[float, float, float, float, float], ...] = ()
    """Mended rectangles as (u0, u1, v0, v1, brightness)."""
    manholes: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Asphalt:
    """Road: asphalt, concrete or cobbles with wheel tracks, patches and seams, lane lines and crossings."""

    left: float
    right: float
    wear: Wear = Wear()
    lines: tuple[tuple[float, float, float], ...] = ()
    """Lane lines as (u, period, length): a whole line has period 0."""
    crossings: tuple[float, ...] = ()
    """Z of the near edges of zebra crossings, each 3.4 m deep; a stop line lies before it."""
    kind: str = "asphalt"
    """ "asphalt", "concrete" or "cobbles"."""
    arrows: tuple[tuple[float, float], ...] = ()
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
        wear = self.wear
        coarse = noise(view, "cloud", 23.0, 2.2, self.seed)
        fine = noise(view, "grain", 1.6, 1.0, self.seed)
        tone = wear.tone * (1.0 + wear.blotches * coarse + wear.grain * fine)
        middle = 0.5 * (self.left + self.right)
        # Two lanes with two wheel tracks each: folded over, all four are one.
        from_lane = np.abs(np.abs(view.u - middle) - 0.25 * (self.right - self.left))
        tone *= 1.0 - wear.tracks * np.exp(-(((from_lane - 0.8) / 0.35) ** 2))
        if self.kind == "cobbles":
            joint = 1.0 - stripes(view.u + 0.006 * coarse, 0.16, 0.02, 0.16, view.foot_u) * stripes(
                view.v, 0.16, 0.02, 0.16, view.foot_v
            )
            stones = cell_random(np.floor(view.u / 0.16), np.floor(view.v / 0.16), 5)
            tone *= (1.0 - 0.4 * joint) * (1.0 + 0.25 * (stones - 0.5) * clamp(1.6 - view.foot_v * 6.0, 0.0, 1.0))
        else:
            self._age(tone, view)
        for edge in (self.left, self.right):
            tone *= 1.0 - 0.16 * band(view.u, edge - 0.3, edge + 0.3, view.foot_u)
        rgb = tint(tone, wear.cast)
        worn = clamp(0.92 - wear.worn * (0.5 + 0.5 * fine + 0.4 * coarse), 0.1, 0.95)
        lay(rgb, wear.paint, self._marks(view, middle) * worn)
        return rgb * np.float32(view.shade), None

    def _age(self, tone: np.ndarray, view: View) -> None:
        """Darken and lighten ``tone`` (h, w) where the road was mended, cracked, cut open and closed again."""
        wear = self.wear
        spots = noise(view, "cloud", 60.0, 1.0, self.seed + 0.37)
        tone *= 1.0 - 0.13 * clamp(12.0 * (spots - 1.15), 0.0, 1.0) + 0.09 * clamp(12.0 * (-1.35 - spots), 0.0, 1.0)
        if wear.cracks:
            cracks = clamp(1.0 - np.abs(noise(view, "cloud", 9.0, 1.6, self.seed + 0.61)) * 22.0, 0.0, 1.0)
            tone *= 1.0 - wear.cracks * cracks * clamp(1.0 - view.foot_v * 4.0, 0.0, 1.0)
        if self.kind == "concrete":
            tone *= 1.0 - 0.3 * stripes(view.v, 5.0, 0.0, 0.04, view.foot_v)
            tone *= 1.0 - 0.3 * stripes(view.u - self.left, 3.3, 0.0, 0.03, view.foot_u)
        else:
            middle = 0.5 * (self.left + self.right)
            tone *= 1.0 - 0.25 * band(view.u, middle + 0.05, middle + 0.085, view.foot_u)
        for u0, u1, v0, v1, bright in wear.patches:
            for part in _rows(view, v0 - 0.3, v1 + 0.3):
                u, foot_u, v, foot_v = view.u[part], view.foot_u[part], view.v[part], view.foot_v[part]
                inside = band(u, u0, u1, foot_u) * band(v, v0, v1, foot_v)
                # The cut is sealed with tar.
                rim = band(u, u0 - 0.05, u1 + 0.05, foot_u) * band(v, v0 - 0.05, v1 + 0.05, foot_v) - inside
                tone[part] *= 1.0 + (bright - 1.0) * inside - 0.3 * rim
        for at, ahead in wear.manholes:
            for part in _rows(view, ahead - 0.6, ahead + 0.6):
                distance = np.hypot(view.u[part] - at, view.v[part] - ahead)
                foot = view.foot_v[part]
                lid = clamp((0.33 - distance) / foot + 0.5, 0.0, 1.0)
                frame = clamp((0.42 - distance) / foot + 0.5, 0.0, 1.0) - lid
                tone[part] *= 1.0 - 0.4 * frame - 0.15 * lid

    def _marks(self, view: View, middle: float) -> np.ndarray:
        """Where paint was laid (h, w): lane lines, zebra crossings with their stop lines, arrows."""
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
            taper = 0.34 * (1.0 - clamp((view.v - near - 2.6) / 2.2, 0.0, 1.0))
            head = (np.abs(view.u - at) < taper) * band(view.v, near + 2.6, near + 4.8, view.foot_v)
            marks = np.maximum(marks, np.maximum(shaft, head))
        return marks


def _rows(view: View, low: float, high: float) -> list[slice]:
    """The rows of a view of the ground that see it between two distances: one slice, or none."""
    found = np.flatnonzero((view.v[:, 0] > low) & (view.v[:, 0] < high))
    return [slice(int(found[0]), int(found[-1]) + 1)] if len(found) else []


@dataclass(frozen=True)
class Paving:
    """Pavement or parking lot: slabs with joints, a kerb stone along u = ``kerb``, or bays ``bay`` metres long.

    A slab of size 0 is a cover without joints.
    """

    color: tuple[float, float, float]
    slab: tuple[float, float]
    kerb: float | None = None
    bay: float = 0.0
    seed: float = 0.0
    kerb_tone: float = 0.52

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
        dirt = 0.03 + 0.1 * (13.0 * self.seed % 1.0)
        tone = (
            1.0 + dirt * noise(view, "cloud", 12.0, 1.0, self.seed) + 0.06 * noise(view, "grain", 1.3, 1.0, self.seed)
        )
        a, b = self.slab
        if a:
            joint = 1.0 - stripes(view.u, a, 0.015, a, view.foot_u) * stripes(view.v, b, 0.015, b, view.foot_v)
            tone *= 1.0 - 0.3 * joint
            cells = cell_random(np.floor(view.u / a), np.floor(view.v / b), int(self.seed * 1000))
            tone *= 1.0 + 0.14 * (cells - 0.5) * clamp(1.5 - view.foot_v / b, 0.0, 1.0)
        rgb = tint(tone, self.color)
        if self.kerb is not None:
            stone = band(view.u, self.kerb - 0.16, self.kerb + 0.16, view.foot_u) * (
                1.0 - 0.4 * stripes(view.v, 1.0, 0.0, 0.02, view.foot_v)
            )
            lay(rgb, (self.kerb_tone, self.kerb_tone, 0.97 * self.kerb_tone), stone)
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
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
        patch = noise(view, "cloud", 7.0, 1.0, self.seed)
        blades = noise(view, "leaf", 1.5, 1.0, self.seed)
        broad = noise(view, "cloud", 31.0, 1.0, self.seed + 0.2)
        rgb = tint(1.0 + 0.17 * blades + 0.1 * patch + 0.08 * broad, self.color)
        # Dry in places.
        rgb[0] *= 1.0 + 0.12 * clamp(broad, -1.0, 2.0)
        soil = 0.6 + 0.9 * (17.0 * self.seed % 1.0)
        lay(
            rgb,
            (0.36 * soil, 0.31 * soil, 0.23 * soil),
            clamp(self.earth * 1.5 + 0.7 * patch - 0.6, 0.0, 0.8) * (1.0 + 0.1 * blades),
        )
        return rgb * np.float32(view.shade), None


@dataclass(frozen=True)
class Rails:
    """A tram track: two bright rails with grooves in a bed of any colour, around u = ``middle``."""

    middle: float
    color: tuple[float, float, float]
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
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
class Masonry:
    """A free-standing wall, or the roof of a house (``kind="tiles"``)."""

    kind: str
    color: tuple[float, float, float]
    height: float
    seed: float = 0.0

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
        if self.kind == "tiles":
            rows = stripes(view.v, 0.34, 0.0, 0.07, view.foot_v)
            tone = (
                1.0 + 0.09 * noise(view, "cloud", 6.0, 1.0, self.seed) + 0.1 * noise(view, "grain", 2.2, 1.0, self.seed)
            )
            tone *= (1.0 - 0.35 * rows) * (1.0 - 0.2 * stripes(view.u, 0.3, 0.0, 0.05, view.foot_u))
            return tint(tone * np.float32(view.shade), self.color), None
        rgb = masonry(view, self.kind, self.color, self.seed)
        streak = noise(view, "cloud", 3.0, 9.0, self.seed + 0.3)
        rgb *= 1.0 - 0.12 * clamp(streak, 0.0, 2.0) * clamp(view.v / self.height, 0.0, 1.0)
        lay(rgb, (0.5, 0.49, 0.46), 0.8 * band(view.v, self.height - 0.14, self.height + 0.2, view.foot_v))
        rgb *= np.float32(view.shade) * (0.7 + 0.3 * clamp(view.v / 1.2, 0.0, 1.0))
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
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
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
