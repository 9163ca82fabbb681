"""Traffic signs of MiniCity: many shapes, colours and symbols, from before, from behind and turned. Metres."""

import numpy as np

from minicity.dress import cloth
from minicity.figures import Color, Cutout
from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE, pick

RED, BLUE, GREEN = (0.68, 0.07, 0.07), (0.06, 0.2, 0.55), (0.05, 0.33, 0.2)
WHITE, YELLOW, BLACK = (0.87, 0.87, 0.85), (0.92, 0.72, 0.08), (0.05, 0.05, 0.05)


TRIANGLE = np.array([(-1.0, -0.62), (0.0, 1.1), (1.0, -0.62)])


DIAMOND = np.array([(-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0)])


_EIGHT = np.linspace(0.0, 2 * np.pi, 8, endpoint=False) + np.pi / 8


OCTAGON = np.stack([np.cos(_EIGHT), np.sin(_EIGHT)], axis=1)


ARROW = np.array([(-0.12, -0.6), (-0.12, 0.15), (-0.4, 0.1), (0.0, 0.68), (0.4, 0.1), (0.12, 0.15), (0.12, -0.6)])


DIGITS: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
    ((-1, -1, -0.4, 1), (0.4, -1, 1, 1), (-1, 0.65, 1, 1), (-1, -1, 1, -0.65)),
    ((-0.3, -1, 0.3, 1), (-0.7, 0.4, 0, 0.8)),
    ((-1, 0.65, 1, 1), (0.4, 0, 1, 1), (-1, -0.17, 1, 0.17), (-1, -1, -0.4, 0), (-1, -1, 1, -0.65)),
    ((-1, 0.65, 1, 1), (0.4, -1, 1, 1), (-0.6, -0.17, 1, 0.17), (-1, -1, 1, -0.65)),
    ((-1, -0.17, -0.4, 1), (0.4, -1, 1, 1), (-1, -0.17, 1, 0.17)),
    ((-1, 0.65, 1, 1), (-1, 0, -0.4, 1), (-1, -0.17, 1, 0.17), (0.4, -1, 1, 0), (-1, -1, 1, -0.65)),
)
"""Bars (left, low, right, high) of the digits 0 to 5, each in a box from -1 to 1."""


def traffic_sign(rng: np.random.Generator, x: float, y: float, z: float, light: Light, size: float = 1.0) -> Solid:
    """A traffic sign centred at height y, of any kind."""
    sign = _Sign(rng, x, y, z, light, 0.31 * size)
    kinds = (
        sign.limit,
        sign.limit,
        sign.no_entry,
        sign.warning,
        sign.warning,
        sign.give_way,
        sign.parking,
        sign.priority,
        sign.mandatory,
        sign.mandatory,
        sign.direction,
        sign.direction,
        sign.stop,
        sign.no_parking,
        sign.crossing,
        sign.notice,
        sign.back,
        sign.back,
    )
    kinds[int(rng.integers(len(kinds)))]()
    return sign.solid("traffic sign", 0.31 * size, 0.6, shadow=False)


class _Sign(Cutout):
    """A plate of radius r around (0, y), perhaps turned about its post: then it looks narrower."""

    def __init__(self, rng: np.random.Generator, x: float, y: float, z: float, light: Light, r: float) -> None:
        super().__init__(x, z - 0.06, light)
        self.rng, self.y, self.r = rng, y, r
        self.narrow = 1.0 if rng.random() < 0.75 else float(rng.uniform(0.35, 0.95))
        # Old signs are faded, and some shine in the sun.
        self.fade, self.glow = float(rng.uniform(0.0, 0.3)), float(rng.uniform(0.85, 1.15))

    def plate(self, points: np.ndarray, color: Color, scale: float = 1.0) -> None:
        """A polygon in units of the radius."""
        faded = tuple(c + self.fade * (0.6 - c) for c in color)
        at = np.asarray(points, float) * (scale * self.r * self.narrow, scale * self.r) + (0.0, self.y)
        self.polygon(at, faded, self.glow * self.front)

    def box(self, left: float, low: float, right: float, high: float, color: Color) -> None:
        """A rectangle in units of the radius."""
        self.plate(np.array([(left, low), (left, high), (right, high), (right, low)]), color)

    def figure(self, at: float, wide: float, high: float, color: Color) -> None:
        """A digit around (at, 0)."""
        for left, low, right, top in DIGITS[int(self.rng.integers(6))]:
            self.box(at + wide * left, high * low, at + wide * right, high * top, color)

    def symbol(self, color: Color, scale: float) -> None:
        """Something drawn on the plate: a walker, an arrow, a car, a bicycle, a bend, or bars."""
        kind, s = int(self.rng.integers(6)), scale
        if kind == 0:
            self.plate(np.add(CIRCLE, (0.0, 4.0)), color, 0.15 * s)
            self.plate(np.array([(-0.2, -0.1), (-0.15, 0.4), (0.15, 0.4), (0.2, -0.1)]), color, s)
            for foot in (-0.35, 0.3):
                self.plate(np.array([(foot, -0.7), (-0.08, -0.05), (0.1, -0.05), (foot + 0.18, -0.7)]), color, s)
        elif kind == 1:
            turn = self.rng.uniform(-1.6, 1.6)
            spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            self.plate(ARROW @ spin, color, s)
        elif kind == 2:
            self.plate(
                np.array(
                    [
                        (-0.7, -0.3),
                        (-0.7, 0.05),
                        (-0.4, 0.1),
                        (-0.2, 0.4),
                        (0.3, 0.4),
                        (0.5, 0.1),
                        (0.7, 0.05),
                        (0.7, -0.3),
                    ]
                ),
                color,
                s,
            )
        elif kind == 3:
            for side in (-0.42, 0.42):
                ring = np.concatenate([CIRCLE, CIRCLE[:1], 0.65 * CIRCLE[:1], 0.65 * CIRCLE[::-1]])
                self.plate(ring * 0.3 + (side, -0.2), color, s)
            self.plate(
                np.array([(-0.4, -0.25), (-0.15, 0.25), (0.3, 0.25), (0.42, -0.2), (0.2, 0.1), (-0.1, 0.1)]), color, s
            )
        elif kind == 4:
            self.plate(
                np.array([(-0.35, -0.6), (-0.15, 0.1), (-0.4, 0.5), (-0.15, 0.5), (0.1, 0.1), (-0.1, -0.6)]), color, s
            )
        else:
            for low in (-0.5, -0.12, 0.26):
                self.box(-0.5 * s, low * s, 0.5 * s, (low + 0.2) * s, color)

    def limit(self) -> None:
        """White with a red rim: a speed limit, or something forbidden."""
        self.plate(CIRCLE, RED)
        self.plate(CIRCLE, WHITE, 0.76)
        luck = self.rng.random()
        if luck < 0.6:
            for at in (-0.27, 0.27):
                self.figure(at, 0.19, 0.34, BLACK)
        elif luck < 0.85:
            self.symbol(BLACK, 0.6)

    def no_entry(self) -> None:
        """Red with a white bar."""
        self.plate(CIRCLE, RED)
        self.box(-0.72, -0.18, 0.72, 0.18, WHITE)

    def warning(self) -> None:
        """A triangle on its base with a red rim and a symbol; in some countries a yellow diamond."""
        if self.rng.random() < 0.2:
            self.plate(DIAMOND, BLACK, 1.25)
            self.plate(DIAMOND, YELLOW, 1.17)
            self.symbol(BLACK, 0.7)
            return
        self.plate(TRIANGLE, RED, 1.15)
        self.plate(TRIANGLE, WHITE if self.rng.random() < 0.85 else YELLOW, 0.8)
        self.symbol(BLACK, 0.5)

    def give_way(self) -> None:
        """A triangle on its tip."""
        self.plate(TRIANGLE * (1, -1), RED, 1.15)
        self.plate(TRIANGLE * (1, -1), WHITE, 0.76)

    def parking(self) -> None:
        """A blue square with a letter, sometimes with a small plate below."""
        self.box(-1.0, -1.0, 1.0, 1.0, WHITE)
        self.box(-0.94, -0.94, 0.94, 0.94, BLUE)
        self.box(-0.38, -0.65, -0.14, 0.65, WHITE)
        self.plate(CIRCLE * (0.45, 0.38) + (0.05, 0.28), WHITE)
        self.plate(CIRCLE * (0.22, 0.16) + (0.05, 0.28), BLUE)
        if self.rng.random() < 0.5:
            self.box(-0.95, -1.7, 0.95, -1.08, WHITE)
            self.box(-0.7, -1.5, 0.6, -1.38, BLACK)
            self.box(-0.7, -1.3, 0.2, -1.2, BLACK)

    def priority(self) -> None:
        """A yellow diamond in a white one."""
        self.plate(DIAMOND, WHITE, 1.15)
        self.plate(DIAMOND, YELLOW, 0.85)

    def mandatory(self) -> None:
        """Blue and round, with a white symbol."""
        self.plate(CIRCLE, WHITE)
        self.plate(CIRCLE, BLUE, 0.94)
        self.symbol(WHITE, 0.9)

    def direction(self) -> None:
        """A plate with names of places, often with an arrow's tip."""
        ground, ink = pick(
            self.rng, ((YELLOW, BLACK), (WHITE, BLACK), (BLUE, WHITE), (GREEN, WHITE), ((0.3, 0.17, 0.1), WHITE))
        )
        w, h = self.rng.uniform(1.4, 3.0), self.rng.uniform(0.5, 1.3)
        tip = self.rng.choice((-0.45, 0.0, 0.45))
        shape = (
            [(-w, -h), (-w, h), (w, h), (w + abs(tip), 0.0), (w, -h)] if tip else [(-w, -h), (-w, h), (w, h), (w, -h)]
        )
        shape = np.array(shape) * (np.sign(tip) or 1.0, 1.0)
        self.plate(shape, ink)
        self.plate(shape * (0.96, 0.92), ground)
        lines = int(self.rng.integers(1, 4))
        for i in range(lines):
            at, x = h * (1.0 - (2.0 * i + 1.0) / lines), -0.8 * w
            stop = self.rng.uniform(0.0, 0.8) * w
            while x < stop:
                # Letters: little blocks with gaps.
                wide = self.rng.uniform(0.08, 0.2)
                self.box(x, at - 0.4 * h / lines, x + wide, at + self.rng.uniform(0.2, 0.45) * h / lines, ink)
                x += wide + self.rng.choice((0.06, 0.06, 0.2))

    def stop(self) -> None:
        """A red octagon with a word."""
        self.plate(OCTAGON, WHITE, 1.1)
        self.plate(OCTAGON, RED, 1.02)
        for x in (-0.66, -0.3, 0.06, 0.42):
            self.figure(x + 0.12, 0.12, 0.26, WHITE)

    def no_parking(self) -> None:
        """Blue with a red rim and one bar or a cross."""
        self.plate(CIRCLE, RED)
        self.plate(CIRCLE, BLUE, 0.78)
        for flip in (1.0, -1.0) if self.rng.random() < 0.5 else (1.0,):
            self.plate(np.array([(-0.62, 0.48), (-0.48, 0.62), (0.62, -0.48), (0.48, -0.62)]) * (flip, 1.0), RED)

    def crossing(self) -> None:
        """A blue square with a white triangle and a walker."""
        self.box(-1.0, -1.0, 1.0, 1.0, WHITE)
        self.box(-0.94, -0.94, 0.94, 0.94, BLUE)
        self.plate(TRIANGLE, WHITE, 0.8)
        self.symbol(BLACK, 0.45)

    def notice(self) -> None:
        """A small or tall plate of any colour with lines of writing."""
        ground = pick(self.rng, (WHITE, WHITE, YELLOW, BLUE, GREEN, cloth(self.rng, 0.6)))
        ink = BLACK if sum(ground) > 1.3 else WHITE
        w, h = self.rng.uniform(0.6, 1.2), self.rng.uniform(0.4, 1.7)
        self.box(-w, -h, w, h, ground)
        for low in np.arange(-0.8 * h, 0.7 * h, 0.3):
            self.box(-0.8 * w, low, self.rng.uniform(-0.2, 0.8) * w, low + 0.12, ink)

    def back(self) -> None:
        """Any of the shapes from behind: grey, with clamps and the post."""
        grey = self.rng.uniform(0.25, 0.55)
        shape = (CIRCLE, TRIANGLE, TRIANGLE * (1, -1), DIAMOND, OCTAGON)[int(self.rng.integers(5))]
        self.plate(shape, (grey, grey, grey * 1.02))
        self.box(-0.12, -0.9, 0.12, 0.6, (0.8 * grey,) * 3)
        for low in (-0.35, 0.25):
            self.box(-0.4, low, 0.4, low + 0.1, (0.6 * grey,) * 3)
