"""What stands about on MiniCity's pavements and is void in Cityscapes: "static" or "dynamic" things. Metres."""

import numpy as np

from minicity.dress import cloth
from minicity.figures import METAL, Cutout, Figure
from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE, RUBBER, pick

WOOD = ((0.36, 0.25, 0.16), (0.45, 0.33, 0.22), (0.28, 0.22, 0.18), (0.22, 0.3, 0.22))
GREENS = ((0.2, 0.32, 0.14), (0.16, 0.26, 0.12), (0.3, 0.36, 0.16))


def clutter(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """One thing of any kind."""
    makers = (
        _bin,
        _bin,
        _bench,
        _switch_box,
        _switch_box,
        _column,
        _planter,
        _planter,
        _parasol,
        _boxes,
        _bags,
        _cone,
        _board,
        _skip,
        _shelter,
        _kiosk,
        _hydrant,
        _post_box,
        _wheelie,
        _trolley,
        _scaffold,
    )
    return makers[int(rng.integers(len(makers)))](rng, x, z, light)


def pram(rng: np.random.Generator, x: float, z: float, light: Light, heading: float) -> Solid:
    """A pram, pushed in the direction of ``heading``."""
    thing = Figure(x, z, light, heading)
    color = cloth(rng, 0.4)
    for side in (-0.22, 0.22):
        for ahead in (-0.3, 0.3):
            thing.wheel((side, 0.13, ahead), 0.13, 0.02, RUBBER, 0, (0.4, 0.4, 0.4))
        thing.bone((side, 0.15, 0.3), (side, 1.0, -0.5), 0.018, 0.018, METAL)
        thing.bone((side, 0.15, -0.3), (side, 0.6, 0.15), 0.018, 0.018, METAL)
    thing.tube([(0.05, 0.8, 0.2, 0.38), (0.05, 0.62, 0.2, 0.38), (0.05, 0.45, 0.16, 0.3)], color)
    thing.ball((0.0, 0.85, -0.15), (0.21, 0.2, 0.22), tuple(0.8 * c for c in color), -0.05)
    return thing.solid("dynamic", 0.35, 0.9)


def _block(thing: Cutout, half: float, low: float, high: float, color: tuple) -> None:
    """A box seen at a corner: its two sides catch different light, its lid is bright."""
    edge = 0.35 * half * thing.sun_side
    thing.rectangle(-half, low, half, high, color, 0.8 * thing.front)
    a, b = (edge, half) if thing.sun_side > 0 else (-half, edge)
    thing.rectangle(a, low, b, high, color, 0.45 * thing.front + 0.6 * thing.side)


def _bin(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    color = cloth(rng, 0.35)
    half, high = rng.uniform(0.17, 0.3), rng.uniform(0.7, 1.15)
    low = 0.05 if rng.random() < 0.6 else 0.4 * high
    thing.rectangle(-0.04, 0.0, 0.04, high, METAL)
    thing.polygon([(-0.85 * half, low), (-half, high), (half, high), (0.85 * half, low)], color, 0.8 * thing.front)
    thing.polygon([(-0.3 * half, low), (-0.35 * half, high), (0.75 * half, high), (0.65 * half, low)], color)
    if rng.random() < 0.6:
        thing.rectangle(-1.1 * half, high - 0.03, 1.1 * half, high + 0.08, tuple(0.7 * c for c in color))
    thing.rectangle(-0.5 * half, high - 0.22, 0.5 * half, high - 0.1, (0.04, 0.04, 0.04))
    return thing.solid("static", half, high)


def _bench(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    return bench(rng, x, z, light, float(rng.uniform(-np.pi, np.pi)))


def bench(rng: np.random.Generator, x: float, z: float, light: Light, heading: float) -> Solid:
    """A bench whose back is behind those who sit on it and look to ``heading`` + pi."""
    thing = Figure(x, z, light, heading + np.pi)
    wood, half = pick(rng, WOOD), rng.uniform(0.7, 1.0)
    for y, ahead in ((0.45, 0.2), (0.45, 0.0), (0.6, -0.22), (0.8, -0.26)):
        thing.bone((-half, y, ahead), (half, y, ahead), 0.06, 0.06, wood)
    for side in (-0.8 * half, 0.8 * half):
        thing.bone((side, 0.0, 0.2), (side, 0.42, 0.2), 0.03, 0.03, METAL)
        thing.bone((side, 0.0, -0.2), (side, 0.8, -0.26), 0.03, 0.03, METAL)
    return thing.solid("static", 0.7, 0.9)


def _switch_box(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    color = pick(rng, ((0.5, 0.51, 0.5), (0.42, 0.44, 0.38), (0.35, 0.36, 0.36), (0.2, 0.28, 0.22), (0.6, 0.58, 0.5)))
    half, high = rng.uniform(0.3, 0.75), rng.uniform(0.9, 1.5)
    _block(thing, half, 0.0, high, color)
    thing.rectangle(-0.01, 0.1, 0.01, high - 0.05, (0.2, 0.2, 0.2))
    thing.rectangle(-half - 0.03, high - 0.04, half + 0.03, high + 0.04, color, 1.15 * thing.front)
    for _ in range(int(rng.integers(0, 4))):
        # Posters and scribbles.
        left, low = rng.uniform(-0.8, 0.3) * half, rng.uniform(0.3, 0.7) * high
        thing.rectangle(left, low, left + rng.uniform(0.1, 0.3), low + rng.uniform(0.1, 0.35), cloth(rng, 0.6))
    return thing.solid("static", half, high)


def _column(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    half, high = rng.uniform(0.5, 0.7), rng.uniform(2.5, 3.4)
    _block(thing, half, 0.0, high, (0.5, 0.5, 0.48))
    at = 0.4
    while at < high - 0.5:
        step, left = rng.uniform(0.5, 1.1), -half
        while left < half - 0.05:
            right = min(left + rng.uniform(0.25, 0.7), half)
            color = cloth(rng, 0.6)
            shade = thing.sides[0] if left + right < -0.2 else thing.sides[1] if left + right > 0.3 else thing.front
            thing.rectangle(left, at, right - 0.02, at + step - 0.04, color, shade)
            thing.rectangle(left + 0.05, at + 0.55 * step, right - 0.08, at + 0.7 * step, cloth(rng, 0.6), shade)
            left = right
        at += step
    thing.polygon(
        [(-1.15 * half, high), (-0.8 * half, high + 0.25), (0.8 * half, high + 0.25), (1.15 * half, high)],
        (0.3, 0.34, 0.32),
    )
    return thing.solid("static", half, high)


def _planter(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    half, high = rng.uniform(0.25, 0.7), rng.uniform(0.35, 0.7)
    color = pick(rng, ((0.5, 0.47, 0.42), (0.45, 0.28, 0.2), (0.3, 0.3, 0.3), (0.6, 0.58, 0.55), *WOOD))
    green, flower = np.array(pick(rng, GREENS)), cloth(rng, 0.9)
    for _ in range(14):
        thing.disc(
            rng.uniform(-0.9, 0.9) * half,
            high + rng.uniform(0.0, 0.35),
            rng.uniform(0.07, 0.15),
            tuple(green * rng.uniform(0.7, 1.4)),
        )
    for _ in range(int(rng.choice((0, 8)))):
        thing.disc(rng.uniform(-0.9, 0.9) * half, high + rng.uniform(0.05, 0.35), 0.04, flower)
    thing.polygon([(-half, high), (half, high), (0.8 * half, 0.0), (-0.8 * half, 0.0)], color, 0.85 * thing.front)
    thing.polygon([(0.1 * half, high), (0.95 * half, high), (0.75 * half, 0.0), (0.1 * half, 0.0)], color)
    thing.rectangle(-1.05 * half, high - 0.06, 1.05 * half, high + 0.03, color, 1.1 * thing.front)
    return thing.solid("static", half, high)


def _parasol(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A parasol over a table and chairs of a café."""
    thing = Cutout(x, z, light)
    color, half, high = cloth(rng, 0.7), rng.uniform(0.9, 1.5), rng.uniform(2.2, 2.7)
    thing.limb((0.0, 0.0), (0.0, high + 0.2), 0.03, 0.03, METAL)
    for side in (-0.6, 0.6):
        for leg in (-0.2, 0.2):
            thing.limb((side + leg, 0.0), (side + leg, 0.45), 0.02, 0.02, METAL, False)
        thing.rectangle(side - 0.23, 0.42, side + 0.23, 0.5, (0.3, 0.25, 0.2))
        thing.rectangle(
            side - 0.03 + 0.22 * np.sign(side), 0.45, side + 0.03 + 0.22 * np.sign(side), 0.95, (0.3, 0.25, 0.2)
        )
    thing.limb((-0.6, 0.73), (0.6, 0.73), 0.03, 0.03, (0.7, 0.68, 0.64))
    for a, b, level in ((-1.0, -0.35, 0.75), (-0.35, 0.35, 1.05), (0.35, 1.0, 0.9)):
        thing.polygon([(a * half, high - 0.25), (0.0, high + 0.3), (b * half, high - 0.25)], color, level * thing.front)
        thing.rectangle(a * half, high - 0.4, b * half, high - 0.24, color, 0.8 * level * thing.front)
    return thing.solid("static", half, high)


def _boxes(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    base = 0.0
    for _ in range(int(rng.integers(1, 4))):
        half, high = rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.5)
        color = pick(rng, ((0.5, 0.38, 0.25), (0.58, 0.46, 0.32), (0.3, 0.4, 0.3), (0.5, 0.5, 0.52)))
        _block(thing, half, base, base + high, color)
        thing.rectangle(-0.03, base, 0.03, base + high, tuple(0.8 * c for c in color))
        base += high
    return thing.solid("static", 0.35, base)


def _bags(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    color = pick(rng, ((0.06, 0.06, 0.07), (0.6, 0.55, 0.15), (0.12, 0.2, 0.4), (0.7, 0.7, 0.68)))
    for at in (-0.3, 0.25, 0.0)[: int(rng.integers(1, 4))]:
        size = rng.uniform(0.22, 0.36)
        thing.polygon(CIRCLE * (size, 0.9 * size) + (at, 0.85 * size), color, 0.85 * thing.front)
        thing.polygon(
            CIRCLE * (0.5 * size, 0.5 * size) + (at + 0.2 * size * thing.sun_side, size), color, 1.3 * thing.side
        )
        thing.limb((at, 1.6 * size), (at + 0.05, 1.95 * size), 0.05, 0.08, color)
    return thing.solid("static", 0.4, 0.6)


def _cone(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A traffic cone, or a red and white barrier board."""
    thing = Cutout(x, z, light)
    red, white = (0.85, 0.25, 0.08), (0.85, 0.85, 0.83)
    if rng.random() < 0.5:
        for a, b, color in ((0.0, 0.3, red), (0.3, 0.45, white), (0.45, 0.7, red)):
            thing.polygon([(-0.2 * (1 - a), a), (-0.2 * (1 - b), b), (0.2 * (1 - b), b), (0.2 * (1 - a), a)], color)
        thing.rectangle(-0.26, 0.0, 0.26, 0.06, (0.12, 0.12, 0.12))
        return thing.solid("static", 0.26, 0.7)
    half = rng.uniform(0.5, 1.2)
    for side in (-0.85, 0.85):
        thing.limb((side * half, 0.0), (side * half, 1.0), 0.03, 0.03, METAL)
    stripes = 8
    for i in range(stripes):
        left = -half + 2 * half * i / stripes
        thing.rectangle(left, 0.75, left + 2 * half / stripes, 1.02, red if i % 2 else white)
    return thing.solid("static", half, 1.0)


def _board(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A board with the dishes of the day, or an advert on feet."""
    thing = Cutout(x, z, light)
    half, low, high = (0.3, 0.0, 1.0) if rng.random() < 0.6 else (0.65, 0.4, 2.2)
    frame, sheet = pick(rng, WOOD), cloth(rng, 0.5)
    for side in (-0.8 * half, 0.8 * half):
        thing.limb((side, 0.0), (side, high), 0.03, 0.03, METAL)
    thing.rectangle(-half, low, half, high, frame)
    thing.rectangle(-half + 0.05, low + 0.06, half - 0.05, high - 0.05, sheet)
    ink = (0.85, 0.85, 0.82) if sum(sheet) < 1.2 else (0.1, 0.1, 0.1)
    for line in np.arange(low + 0.15, high - 0.15, 0.14):
        end = rng.uniform(-0.3, 0.8) * half
        thing.rectangle(-0.75 * half, line, end, line + 0.05, ink)
    return thing.solid("static", half, high)


def _skip(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A container for rubble or for waste glass."""
    thing = Cutout(x, z, light)
    half, high = rng.uniform(0.6, 1.5), rng.uniform(1.0, 1.6)
    color = cloth(rng, 0.6)
    thing.polygon([(-0.8 * half, 0.05), (-half, high), (half, high), (0.8 * half, 0.05)], color, 0.8 * thing.front)
    for at in np.linspace(-0.75, 0.75, 5):
        thing.rectangle(at * half - 0.04, 0.1, at * half + 0.04, high - 0.05, color, 1.15 * thing.front)
    thing.rectangle(-1.02 * half, high - 0.08, 1.02 * half, high + 0.02, color, 1.05 * thing.front)
    return thing.solid("static", half, high)


def _shelter(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """The end wall of a bus shelter: glass in a frame, with a poster."""
    thing = Cutout(x, z, light)
    half = rng.uniform(0.7, 1.6)
    thing.rectangle(-half, 0.25, half, 2.35, (0.38, 0.42, 0.43))
    thing.polygon([(-half, 0.3), (-0.2 * half, 2.3), (0.3 * half, 2.3), (-0.5 * half, 0.3)], (0.5, 0.55, 0.57))
    if rng.random() < 0.6:
        thing.rectangle(-0.5, 0.45, 0.55, 2.1, cloth(rng, 0.7))
        thing.rectangle(-0.4, 1.2, 0.45, 1.6, cloth(rng, 0.7))
    for side in (-half, half):
        thing.limb((side, 0.0), (side, 2.4), 0.04, 0.04, METAL)
    thing.rectangle(-half - 0.15, 2.3, half + 0.15, 2.45, (0.25, 0.26, 0.27))
    return thing.solid("static", half, 2.4)


def _kiosk(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A ticket machine, a telephone box or a charging post."""
    thing = Cutout(x, z, light)
    half, high = rng.uniform(0.22, 0.45), rng.uniform(1.4, 2.3)
    _block(thing, half, 0.0, high, cloth(rng, 0.5))
    thing.rectangle(-0.7 * half, 0.55 * high, 0.7 * half, 0.85 * high, (0.2, 0.23, 0.25))
    thing.rectangle(-0.5 * half, 0.4 * high, 0.1 * half, 0.48 * high, (0.7, 0.7, 0.65))
    return thing.solid("static", half, high)


def _hydrant(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    color = pick(rng, ((0.6, 0.08, 0.07), (0.7, 0.6, 0.1), (0.15, 0.25, 0.45), (0.5, 0.5, 0.5)))
    thing.limb((0.0, 0.0), (0.0, 0.6), 0.11, 0.1, color)
    thing.limb((-0.18, 0.5), (0.18, 0.5), 0.06, 0.06, color)
    thing.disc(0.0, 0.68, 0.12, color)
    return thing.solid("static", 0.15, 0.8)


def _post_box(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    thing = Cutout(x, z, light)
    color = pick(rng, ((0.9, 0.72, 0.08), (0.65, 0.06, 0.06), (0.1, 0.2, 0.45)))
    low = float(rng.choice((0.0, 0.7)))
    thing.rectangle(-0.05, 0.0, 0.05, low + 0.1, METAL)
    _block(thing, 0.27, low, low + 1.1 - 0.5 * low, color)
    top = low + 1.1 - 0.5 * low
    thing.rectangle(-0.2, top - 0.2, 0.2, top - 0.13, (0.05, 0.05, 0.05))
    return thing.solid("static", 0.27, top)


def _wheelie(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A row of dustbins on wheels."""
    thing = Cutout(x, z, light)
    for i in range(int(rng.integers(1, 5))):
        left, body = 0.62 * i - 0.9, pick(rng, ((0.12, 0.13, 0.13), (0.2, 0.2, 0.21), (0.14, 0.2, 0.15)))
        lid = pick(rng, (body, (0.75, 0.65, 0.1), (0.1, 0.2, 0.45), (0.35, 0.22, 0.14)))
        thing.polygon(
            [(left + 0.06, 0.05), (left, 1.0), (left + 0.56, 1.0), (left + 0.5, 0.05)], body, 0.85 * thing.front
        )
        thing.rectangle(left + 0.18, 0.1, left + 0.4, 0.95, body, 1.2 * thing.front)
        thing.rectangle(left - 0.03, 0.98, left + 0.6, 1.08, lid)
        thing.disc(left + 0.1, 0.1, 0.1, RUBBER)
    return thing.solid("static", 0.6, 1.0)


def _trolley(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A hand cart or a trailer with goods: it moves, so it is "dynamic"."""
    thing = Cutout(x, z, light)
    thing.limb((-0.3, 0.95), (0.25, 0.6), 0.025, 0.025, METAL)
    thing.polygon([(-0.25, 0.35), (-0.3, 0.75), (0.35, 0.7), (0.3, 0.35)], cloth(rng, 0.4))
    for wheel in (-0.22, 0.25):
        thing.disc(wheel, 0.12, 0.12, RUBBER)
        thing.limb((wheel, 0.12), (0.5 * wheel, 0.5), 0.02, 0.02, METAL)
    return thing.solid("dynamic", 0.35, 0.9)


def _scaffold(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A scaffold with planks and a net."""
    thing = Cutout(x, z, light)
    half, floors = rng.uniform(1.0, 1.8), int(rng.integers(2, 4))
    high = 2.0 * floors
    net = pick(rng, ((0.2, 0.4, 0.3), (0.55, 0.55, 0.52), (0.25, 0.35, 0.5), (0.4, 0.34, 0.27)))
    thing.rectangle(-half, 2.0, half, high, net, 0.8 * thing.front)
    for at in np.linspace(-half, half, 4):
        thing.limb((at, 0.0), (at, high + 0.4), 0.03, 0.03, (0.5, 0.5, 0.5))
    for floor in range(1, floors + 1):
        thing.rectangle(-half - 0.1, 2.0 * floor - 0.08, half + 0.1, 2.0 * floor, (0.5, 0.4, 0.26))
        thing.limb((-half, 2.0 * floor - 2.0), (half, 2.0 * floor), 0.025, 0.025, (0.5, 0.5, 0.5), False)
    return thing.solid("static", half, high)
