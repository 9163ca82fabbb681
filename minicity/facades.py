"""The fronts of MiniCity's houses: a material (see `materials`) with windows, doors, shops, shutters and balconies."""

from dataclasses import dataclass

import numpy as np

from minicity.textures import View, band, cell_random, clamp, lay, masonry, stripes, tint


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
        rgb *= 1.0 - 0.25 * clamp(1.0 - edge / np.maximum(0.12, fu), 0.0, 1.0)
        rgb *= np.float32(view.shade) * (0.8 + 0.2 * clamp(view.v / 4.0, 0.0, 1.0))
        return rgb, None

    def _windows(self, rgb: np.ndarray, view: View, pitch: float, ground: float) -> None:
        """All upper floors at once: the panes repeat with the floor height and the pitch of the columns."""
        width, high = self.window
        fu, fv = view.foot_u, view.foot_v
        up = view.v - ground
        above = clamp(up / fv + 0.5, 0.0, 1.0) * clamp((self.height - 0.8 - view.v) / fv + 0.5, 0.0, 1.0)
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
        mirror = clamp((inside - c) / high, 0.0, 1.0) * 0.32 + 0.1 + 0.25 * luck
        pane = 0.07 + tint(mirror, 0.62 * view.sky)
        curtain = (luck > 0.62) * clamp(3.0 - 6.0 * luck + (inside - c) / high * 3.0, 0.0, 1.0)
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
        below = clamp((ground - 0.2 - view.v) / fv + 0.5, 0.0, 1.0)
        cell = np.floor(view.u / pitch)
        luck = cell_random(cell, np.zeros_like(cell), int(self.seed * 983))
        if self.shop:
            lay(rgb, tuple(0.5 * x for x in self.trim), 0.9 * below)
            pane = stripes(view.u, pitch, 0.2, pitch - 0.2, fu) * band(view.v, 0.55, 2.75, fv)
            shelf = cell_random(np.floor(view.u / 0.62), np.floor(view.v / 0.55), int(self.seed * 877))
            item = stripes(view.u, 0.62, 0.1, 0.5, fu) * stripes(view.v, 0.55, 0.03, 0.38, fv)
            depth = clamp(1.35 - 0.4 * view.v, 0.15, 1.0)
            goods = 0.09 + 0.12 * luck * depth + 0.32 * luck * item * shelf**2 * depth
            mirrored = (0.06 + 0.2 * luck) * clamp(view.v / 3.0, 0.0, 1.0)
            picture = tint(goods, (1.0, 0.94, 0.84)) + tint(mirrored, view.sky)
            picture[0] *= 0.85 + 0.3 * shelf
            picture[2] *= 1.15 - 0.3 * shelf
            lay(rgb, picture, pane)
            board = band(view.v, 2.9, 3.55, fv) * clamp(4.0 * (luck - 0.25), 0.0, 1.0)
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
            shape = clamp((width - np.abs(at)) / fu + 0.5, 0.0, 1.0) * clamp((view.v - low) / fv + 0.5, 0.0, 1.0)
            shape = shape * clamp((top - view.v) / fv + 0.5, 0.0, 1.0)
            full = np.ones(view.shape, np.float32)
            wood = tint((0.16 + 0.3 * luck) * full, (0.85, 0.62, 0.45))
            lay(rgb, (0.8, 0.8, 0.77), shape)
            inner = clamp((width - 0.09 - np.abs(at)) / fu + 0.5, 0.0, 1.0) * clamp(
                (view.v - low - 0.06) / fv + 0.5, 0.0, 1.0
            )
            inner = inner * clamp((top - 0.08 - view.v) / fv + 0.5, 0.0, 1.0)
            gleam = clamp(0.35 * view.v - 0.35 + 0.3 * luck, 0.0, 1.0) * (np.abs(at) > 0.035)
            glass = 0.07 + tint(0.4 * gleam * full, view.sky)
            lay(rgb, np.where(door, wood, glass), inner)
            lay(rgb, tuple(0.55 * x for x in self.color), 0.8 * band(view.v, -0.5, 0.6, fv) * (1.0 - shape))
