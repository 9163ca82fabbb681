"""The fronts of MiniCity's houses: a material (see `materials`) with windows, doors, shops, shutters and balconies."""

from dataclasses import dataclass

import numpy as np

from minicity.textures import View, band, cell_random, clamp, lay, masonry, noise, stripes, tint


@dataclass(frozen=True)
class Glazing:
    """What the windows of a house look like: how much they mirror, how they are divided, and how many are lit."""

    gloss: float = 0.6
    bars: int = 1
    """Upright bars in a pane."""
    transom: bool = False
    lit: float = 0.0
    frame: tuple[float, float, float] = (0.78, 0.78, 0.75)
    curtains: float = 0.35

    def panes(self, view: View, luck: np.ndarray, up: np.ndarray, seed: float) -> np.ndarray:
        """Glass (3, h, w): a dark room, curtains or a lamp behind, sky and roofs of the other side before it.

        ``luck`` (h, w) is one random number for each window, ``up`` (h, w) runs from 0 at its sill to 1 at its head.
        """
        room = 0.03 + 0.08 * luck
        # The houses across the street end in an uneven line, above which the sky is mirrored.
        roofs = clamp(1.5 * noise(view, "cloud", 14.0, 2.0, seed + 0.2) + 3.0 * (luck - 0.4) + up, 0.0, 1.0)
        mirror = self.gloss * (0.12 + 0.75 * roofs)
        pane = tint(mirror, view.sky) + room
        hung = (luck < self.curtains) * clamp(0.4 + 2.5 * (up - 1.4 * luck), 0.0, 1.0)
        lay(pane, (0.62, 0.6, 0.55), (1.0 - 0.5 * self.gloss) * hung)
        if self.lit:
            lay(pane, (1.15, 0.9, 0.55), 0.85 * (luck > 1.0 - self.lit) * (0.55 + 0.45 * up))
        return pane


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
    glazing: Glazing = Glazing()

    def paint(self, view: View) -> tuple[np.ndarray, None]:
        """Return rgb and alpha of each pixel of ``view``, in the form that `materials` describes."""
        if self.kind == "glass" and not self.blank:
            return self._curtain_wall(view), None
        rgb = masonry(view, self.kind, self.color, self.seed)
        ground = 3.7 if self.shop else 3.1
        fu, fv = view.foot_u, view.foot_v
        pitch = self.length / max(round(self.length / self.pitch), 1)
        if self.kind in ("stone", "plaster") and self.seed % 0.001 > 0.0006:
            # Pilasters between the windows: upright, bright and dark, and no poles.
            lay(rgb, self.trim, 0.7 * stripes(view.u + 0.25, pitch, 0.0, 0.5, fu))
            rgb *= 1.0 - 0.35 * stripes(view.u - 0.25, pitch, 0.0, 0.08, fu)
        if self.blank and self.seed % 0.001 > 0.0006:
            self._poster(rgb, view)
        if not self.blank:
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
        if self.seed % 0.01 > 0.004:
            pipe = 0.1 + 0.8 * (31.0 * self.seed % 1.0)
            lay(rgb, (pipe, pipe, pipe), 0.85 * band(view.u, 0.5, 0.62, fu) * band(view.v, 0.0, self.height - 0.4, fv))
        rgb *= np.float32(view.shade) * (0.8 + 0.2 * clamp(view.v / 4.0, 0.0, 1.0))
        return rgb, None

    def _poster(self, rgb: np.ndarray, view: View) -> None:
        """An advertisement on a bare wall: a few large shapes in loud colours."""
        fu, fv = view.foot_u, view.foot_v
        left, low = self.length * (0.1 + 0.3 * (37.0 * self.seed % 1.0)), 0.6 + 3.0 * (41.0 * self.seed % 1.0)
        wide, high = min(6.0, 0.5 * self.length), 1.5 + 2.5 * (43.0 * self.seed % 1.0)
        shapes = cell_random(np.floor(1.1 * view.u), np.floor(0.9 * view.v), int(self.seed * 853))
        picture = tint(0.25 + 0.9 * shapes, self.sign)
        lay(picture, (0.85, 0.84, 0.8), (shapes > 0.62).astype(np.float32))
        for margin, color in ((0.15, (0.8, 0.8, 0.78)), (0.0, picture)):
            across = band(view.u, left - margin, left + wide + margin, fu)
            lay(rgb, color, across * band(view.v, low - margin, low + high + margin, fv))

    def _curtain_wall(self, view: View) -> np.ndarray:
        """A front all of glass (3, h, w): panes between mullions, a band of the wall's colour at each floor."""
        fu, fv = view.foot_u, view.foot_v
        cell_u, cell_v = np.floor(view.u / self.pitch), np.floor(view.v / self.floor)
        luck = cell_random(cell_u, cell_v, int(self.seed * 991))
        up = view.v / self.floor - cell_v
        rgb = self.glazing.panes(view, 0.35 + 0.3 * luck, up, self.seed)
        rgb *= np.array([0.92, 1.0, 1.04], np.float32)[:, None, None]
        rgb *= 0.85 + 0.3 * float(view.shade) * clamp(view.v / self.height, 0.2, 1.0)
        lay(rgb, tuple(x * view.shade for x in self.color), 0.9 * stripes(view.v, self.floor, 0.0, 0.7, fv))
        bars = stripes(view.u, self.pitch, 0.0, 0.08, fu)
        bars = np.maximum(bars, stripes(view.v, self.floor, 0.66, 0.76, fv))
        lay(rgb, tuple(x * view.shade for x in self.trim), 0.9 * bars * np.ones(view.shape, np.float32))
        return rgb

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
        pane = self.glazing.panes(view, luck, clamp((inside - c) / high, 0.0, 1.0), self.seed)
        lay(rgb, self.glazing.frame, recess_u * recess_v)
        glass = pane_u * pane_v
        if self.glazing.bars:
            step = width / (self.glazing.bars + 1)
            glass *= 1.0 - pane_u * stripes(view.u - 0.5 * (pitch - width) + 0.035, step, 0.0, 0.07, fu)
        if self.glazing.transom:
            glass *= 1.0 - band(inside, c + 0.62 * high, c + 0.62 * high + 0.07, fv)
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
            # A shop is dark, or lit from within; at dusk all are.
            item *= (7.0 * luck) % 1.0 > 0.4
            lamp = 0.4 + 1.6 * luck + 2.0 * self.glazing.lit
            goods = lamp * (0.09 + 0.1 * depth + 0.36 * item * shelf**2 * depth)
            roofs = clamp(noise(view, "cloud", 11.0, 2.0, self.seed) + 0.8 * view.v / 3.0, 0.0, 1.0)
            mirrored = self.glazing.gloss * (0.05 + 0.5 * roofs) * (1.1 - luck)
            picture = tint(goods, (1.0, 0.94, 0.84)) + tint(mirrored, view.sky)
            picture[0] *= 0.85 + 0.3 * shelf
            picture[2] *= 1.15 - 0.3 * shelf
            lay(rgb, picture, pane)
            if self.seed % 0.1 > 0.07:
                # An awning, striped or of one colour.
                folds = 0.75 + 0.25 * stripes(view.u, 0.5, 0.0, 0.25, fu) * (self.seed % 0.01 > 0.005)
                lay(
                    rgb,
                    tint(folds * np.ones(view.shape, np.float32), self.sign),
                    band(view.v, 2.25, 2.95, fv) * (luck > 0.3),
                )
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
            # Doors of wood, or painted like the signs.
            coat = (0.85, 0.62, 0.45) if self.seed % 0.0001 > 0.00005 else tuple(1.6 * x for x in self.sign)
            wood = tint((0.16 + 0.5 * luck) * full, coat)
            lay(rgb, self.glazing.frame, shape)
            inner = clamp((width - 0.09 - np.abs(at)) / fu + 0.5, 0.0, 1.0) * clamp(
                (view.v - low - 0.06) / fv + 0.5, 0.0, 1.0
            )
            inner = inner * clamp((top - 0.08 - view.v) / fv + 0.5, 0.0, 1.0)
            glass = self.glazing.panes(view, luck, clamp((view.v - 0.95) / self.window[1], 0.0, 1.0), self.seed)
            glass *= np.abs(at) > 0.035
            lay(rgb, np.where(door, wood, glass), inner)
            lay(rgb, tuple(0.55 * x for x in self.color), 0.8 * band(view.v, -0.5, 0.6, fv) * (1.0 - shape))
