"""People and two-wheelers of MiniCity: pedestrians, riders, bicycles and motorcycles.

They are seen almost flat, so each is built from shapes in an upright plane through its place, as a paper theatre is:
limbs are capsules between joints, and every limb carries a lighter stripe on the side of the sun. Lengths in metres.
"""

import numpy as np

from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE, RUBBER, pick

SKIN = ((0.78, 0.6, 0.5), (0.7, 0.52, 0.42), (0.55, 0.38, 0.28), (0.36, 0.24, 0.18), (0.82, 0.66, 0.56))


HAIR = ((0.1, 0.08, 0.07), (0.22, 0.15, 0.1), (0.4, 0.3, 0.18), (0.55, 0.5, 0.45), (0.3, 0.12, 0.08))


CLOTHES = (
    (0.1, 0.1, 0.12), (0.16, 0.17, 0.2), (0.12, 0.15, 0.25), (0.2, 0.25, 0.36), (0.35, 0.35, 0.36), (0.5, 0.48, 0.44),
    (0.3, 0.22, 0.16), (0.45, 0.1, 0.1), (0.15, 0.28, 0.2), (0.7, 0.7, 0.68), (0.55, 0.42, 0.2), (0.32, 0.36, 0.22),
    (0.24, 0.3, 0.5), (0.6, 0.32, 0.35),
)  # fmt: skip


METAL = (0.36, 0.37, 0.37)


class Cutout:
    """Shapes in the upright plane Z = z, painted one over the other; (0, 0) is on the ground at x."""

    def __init__(self, x: float, z: float, light: Light) -> None:
        self.x, self.z = x, z
        self.parts: list[np.ndarray | list | None] = []
        self.strokes: list[tuple[float, ...]] = []
        self.colors: list[tuple] = []
        self.levels: list[float] = []
        # Light on the shape: what an upright surface facing the camera gets, and one facing the sun's side.
        self.front = float(light.shade(np.array([0.0, 0.0, -1.0])))
        self.sun_side = 1.0 if light.sun[0] > 0 else -1.0
        self.side = float(light.shade(np.array([self.sun_side, 0.0, 0.0])))

    def polygon(self, points: np.ndarray | list | None, color: tuple, level: float | None = None) -> None:
        """A polygon (N, 2) of (sideways, up); ``level`` overrides the brightness of the light (1 = as painted)."""
        self.parts.append(points)
        self.colors.append(color)
        self.levels.append(self.front if level is None else level)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, color: tuple, level: float | None = None) -> None:
        """An upright rectangle."""
        self.polygon([(x0, y0), (x0, y1), (x1, y1), (x1, y0)], color, level)

    def disc(self, x: float, y: float, radius: float, color: tuple, level: float | None = None) -> None:
        """A circle."""
        self.polygon(np.array([x, y]) + radius * CIRCLE, color, level)

    def limb(self, a: tuple, b: tuple, ra: float, rb: float, color: tuple, lit: bool = True) -> None:
        """A capsule from a to b with those radii, brighter along the side of the sun."""
        self._stroke(a, b, ra, rb, color, 0.85 * self.front)
        if lit:
            shift = 0.3 * self.sun_side
            a, b = (a[0] + shift * ra, a[1] + 0.1 * ra), (b[0] + shift * rb, b[1])
            self._stroke(a, b, 0.6 * ra, 0.6 * rb, color, 0.5 * self.front + 0.6 * self.side)

    def _stroke(self, a: tuple, b: tuple, ra: float, rb: float, color: tuple, level: float) -> None:
        """Leave a gap among the parts, to be filled when the outlines of all strokes are computed at once."""
        self.strokes.append((*a, *b, ra, rb))
        self.polygon(None, color, level)

    def solid(self, label: str, half_width: float, height: float, shadow: bool = True) -> Solid:
        """The finished thing."""
        strokes = iter(capsules(np.array(self.strokes)) if self.strokes else ())
        parts = [next(strokes) if part is None else np.asarray(part, float) for part in self.parts]
        flat = np.concatenate(parts)
        points = np.empty((len(flat), 3))
        points[:, 0], points[:, 1], points[:, 2] = self.x + flat[:, 0], flat[:, 1], self.z
        sizes = np.array([len(part) for part in parts])
        colors = np.clip(np.array(self.colors) * np.array(self.levels)[:, None], 0.0, 1.0)
        foot = (self.x, self.z, half_width, 0.2, height) if shadow else None
        return Solid(label, self.z, points, sizes, colors, foot)


_TURN = np.linspace(np.pi / 2, 1.5 * np.pi, 6)


_CAP = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def capsules(strokes: np.ndarray) -> np.ndarray:
    """Outlines (n, 12, 2) of strokes (n, 6): from (ax, ay) to (bx, by) with round ends, from 2 ra to 2 rb wide."""
    a, b, ra, rb = strokes[:, None, 0:2], strokes[:, None, 2:4], strokes[:, 4, None, None], strokes[:, 5, None, None]
    dx, dy = (b - a)[:, :, 0], (b - a)[:, :, 1]
    length = np.hypot(dx, dy)
    length[length == 0.0] = 1.0
    cos, sin = _CAP.T
    cap = np.stack([cos * dx - sin * dy, cos * dy + sin * dx], axis=2) / length[:, :, None]
    return np.concatenate([a + ra * cap, b - rb * cap], axis=1)


def person(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A pedestrian: walking or standing, seen from the side or along the way, dressed and built at random."""
    figure = Cutout(x, z, light)
    child = rng.random() < 0.1
    size = rng.uniform(0.62, 0.78) if child else rng.uniform(0.9, 1.08)
    build = rng.uniform(0.9, 1.25)
    sideways = rng.uniform(-1.0, 1.0) if rng.random() < 0.6 else rng.uniform(-0.25, 0.25)
    swing = rng.uniform(0.05, 0.5) * (1.0 if rng.random() < 0.75 else 0.15)
    top, trousers, shoes = pick(rng, CLOTHES), pick(rng, CLOTHES[:8]), pick(rng, CLOTHES[:5])
    skin, hair = pick(rng, SKIN), pick(rng, HAIR)
    bare_arms, coat, skirt, bag = rng.random(4) < (0.3, 0.35, 0.12, 0.4)
    hip, shoulder, head = 0.9 * size, 1.43 * size, 1.59 * size
    wide = (0.19 - 0.07 * abs(sideways)) * size * build
    foot = np.sign(sideways) * 0.07 * abs(sideways) * size

    def arm(side: float, phase: float) -> None:
        at = (side * wide, shoulder - 0.05 * size)
        elbow = (at[0] + side * 0.04 + 0.25 * sideways * np.sin(phase), at[1] - 0.28 * size)
        hand = (elbow[0] + sideways * (0.05 + 0.22 * np.sin(phase)), elbow[1] - 0.24 * size)
        figure.limb(at, elbow, 0.055 * size * build, 0.045 * size * build, top)
        figure.limb(elbow, hand, 0.045 * size, 0.035 * size, skin if bare_arms else top)
        figure.disc(*hand, 0.045 * size, skin)

    def leg(side: float, phase: float) -> None:
        at = (side * 0.09 * size * (1 - 0.5 * abs(sideways)), hip)
        lift = 0.06 * max(np.sin(phase), 0.0)
        knee = (at[0] + sideways * 0.4 * np.sin(phase), 0.5 * size + lift)
        ankle = (knee[0] + sideways * (0.38 * np.sin(phase) - 0.1 * swing), 0.08 * size + 0.8 * lift)
        cloth = skin if skirt else trousers
        figure.limb(at, knee, 0.088 * size * build, 0.065 * size, cloth)
        figure.limb(knee, ankle, 0.062 * size, 0.045 * size, cloth)
        heel = (ankle[0] - 0.3 * foot, 0.05 * size + 0.8 * lift)
        figure.limb(heel, (ankle[0] + 1.5 * foot, 0.035 * size + 0.6 * lift), 0.05 * size, 0.035 * size, shoes)

    arm(-1.0, -swing)
    leg(-1.0, swing)
    leg(1.0, -swing)
    if skirt:
        figure.polygon(
            [
                (-wide * 0.8, hip + 0.1),
                (wide * 0.8, hip + 0.1),
                (wide * 1.25, 0.52 * size),
                (-wide * 1.25, 0.52 * size),
            ],
            trousers,
        )
    hem = hip - (0.25 * size if coat else 0.04 * size)
    lean = 0.05 * sideways
    right = [(wide * 0.8, shoulder + 0.02, lean), (wide, shoulder - 0.1 * size, lean), (wide * 0.8, hip + 0.15, 0.0),
             (wide * 0.85, hem, 0.0)]  # fmt: skip
    torso = [(at - x, y) for x, y, at in right[::-1]] + [(at + x, y) for x, y, at in right]
    figure.polygon(torso, top, 0.85 * figure.front)
    bright = np.array(torso) * (0.55, 0.96) + (0.3 * figure.sun_side * wide, 0.04)
    figure.polygon(bright, top, 0.5 * figure.front + 0.6 * figure.side)
    if bag:
        side = np.sign(sideways + 0.01)
        figure.limb(
            (-side * wide * 1.1, shoulder - 0.15),
            (-side * wide * 1.15, hip + 0.12),
            0.1 * size,
            0.11 * size,
            pick(rng, CLOTHES),
        )
    arm(1.0, swing)
    figure.limb((lean, shoulder), (lean * 1.3, head - 0.05), 0.06 * size, 0.055 * size, skin)
    figure.polygon(np.array([lean * 1.6, head]) + CIRCLE * (0.085 * size, 0.115 * size), skin)
    away = rng.random() < 0.5
    figure.polygon(np.array([lean * 1.6 - 0.02 * sideways, head + (0.02 if away else 0.055) * size])
                   + CIRCLE * (0.09 * size, (0.11 if away else 0.075) * size), hair)  # fmt: skip
    return figure.solid("person", 0.25, 1.7 * size)


def _seen(sideways: float, along: float, up: float, across: float = 0.0) -> tuple:
    """A point of a two-wheeler in the picture plane: its length is foreshortened as the machine turns away."""
    return (along * sideways + across * np.sqrt(max(1.0 - sideways * sideways, 0.0)), up)


def bicycle(rng: np.random.Generator, x: float, z: float, light: Light, sideways: float) -> Solid:
    """A bicycle; ``sideways`` from -1 to 1 is how much of its length is seen, and to which side it heads."""
    bike = Cutout(x, z, light)
    color = pick(
        rng, ((0.1, 0.1, 0.1), (0.5, 0.08, 0.08), (0.12, 0.2, 0.4), (0.5, 0.5, 0.5), (0.15, 0.3, 0.2), (0.7, 0.7, 0.68))
    )
    radius, squeeze = 0.34, max(abs(sideways), 0.08)
    loop = np.concatenate([CIRCLE, CIRCLE[:1]])
    for hub in (-0.52, 0.52):
        center = np.array(_seen(sideways, hub, radius))
        for angle in range(0, len(CIRCLE), 3):
            end = center + CIRCLE[angle] * (radius * squeeze, radius)
            bike.limb(tuple(center), tuple(end), 0.004, 0.004, (0.5, 0.5, 0.5), lit=False)
        # A ring in one stroke: around the outside, and back around the inside.
        outer, inner = (
            (radius * squeeze + 0.024, radius + 0.024),
            (max(radius * squeeze - 0.024, 0.002), radius - 0.024),
        )
        bike.polygon(center + np.concatenate([loop * outer, loop[::-1] * inner]), RUBBER, 0.85 * bike.front)
        bike.limb(
            (center[0] - 0.2 * squeeze, center[1] + radius * 0.9),
            (center[0] + 0.2 * squeeze, center[1] + radius * 0.9),
            0.03,
            0.03,
            color,
        )
    rear, front = _seen(sideways, -0.52, radius), _seen(sideways, 0.52, radius)
    crank, seat, head = _seen(sideways, -0.05, 0.32), _seen(sideways, -0.2, 0.88), _seen(sideways, 0.38, 0.85)
    for a, b in (
        (rear, crank),
        (rear, seat),
        (crank, seat),
        (crank, head),
        (_seen(sideways, -0.17, 0.75), head),
        (front, head),
    ):
        bike.limb(a, b, 0.024, 0.024, color)
    bike.limb(_seen(sideways, -0.32, 0.93), _seen(sideways, -0.08, 0.93), 0.05, 0.035, (0.06, 0.06, 0.06))
    grip = _seen(sideways, 0.34, 1.02, 0.27), _seen(sideways, 0.34, 1.02, -0.27)
    bike.limb(head, _seen(sideways, 0.36, 1.02), 0.02, 0.02, METAL)
    bike.limb(*grip, 0.02, 0.02, (0.12, 0.12, 0.12))
    if rng.random() < 0.35:
        basket = np.array(_seen(sideways, 0.6, 0.75))
        bike.polygon(
            basket + np.array([(-0.14, -0.02), (-0.17, 0.24), (0.17, 0.24), (0.14, -0.02)]),
            (0.25, 0.2, 0.14),
        )
    return bike.solid("bicycle", 0.85 * squeeze, 0.9)


def motorcycle(rng: np.random.Generator, x: float, z: float, light: Light, sideways: float) -> Solid:
    """A motorcycle or scooter: closed bodywork, fat tyres, lamp; ``sideways`` as for the bicycle."""
    bike = Cutout(x, z, light)
    color = pick(
        rng,
        (
            (0.08, 0.08, 0.09),
            (0.55, 0.08, 0.07),
            (0.15, 0.22, 0.45),
            (0.6, 0.6, 0.6),
            (0.3, 0.4, 0.3),
            (0.75, 0.72, 0.62),
        ),
    )
    squeeze = max(abs(sideways), 0.24)
    for hub in (-0.62, 0.66):
        center = np.array(_seen(sideways, hub, 0.31))
        bike.polygon(center + CIRCLE * (0.31 * squeeze, 0.31), RUBBER)
        bike.polygon(center + CIRCLE * (0.19 * squeeze, 0.19), (0.35, 0.35, 0.36))
        bike.polygon(center + CIRCLE * (0.14 * squeeze, 0.14), (0.14, 0.14, 0.15))
    bike.limb(_seen(sideways, 0.66, 0.31), _seen(sideways, 0.42, 0.95), 0.045, 0.05, (0.5, 0.5, 0.5))
    bike.limb(_seen(sideways, -0.5, 0.4), _seen(sideways, 0.3, 0.42), 0.13, 0.17, (0.2, 0.2, 0.21))
    bike.limb(_seen(sideways, -0.75, 0.35), _seen(sideways, 0.0, 0.28), 0.06, 0.05, (0.55, 0.55, 0.56))
    bike.limb(_seen(sideways, -0.1, 0.66), _seen(sideways, 0.38, 0.76), 0.14, 0.17, color)
    bike.limb(_seen(sideways, -0.75, 0.72), _seen(sideways, -0.2, 0.66), 0.1, 0.13, color)
    bike.limb(_seen(sideways, -0.7, 0.83), _seen(sideways, -0.1, 0.76), 0.06, 0.07, (0.05, 0.05, 0.05))
    bike.limb(_seen(sideways, 0.4, 1.02, 0.34), _seen(sideways, 0.4, 1.02, -0.34), 0.03, 0.03, (0.08, 0.08, 0.08))
    bike.limb(_seen(sideways, 0.42, 0.95), _seen(sideways, 0.4, 1.2), 0.1, 0.07, (0.3, 0.33, 0.36))
    toward = rng.random() < 0.5
    lamp = (0.95, 0.95, 0.9) if toward else (0.6, 0.05, 0.04)
    bike.disc(*_seen(sideways, 0.5, 0.9), 0.09, lamp if abs(sideways) < 0.7 else (0.8, 0.8, 0.76))
    return bike.solid("motorcycle", max(1.0 * squeeze, 0.35), 1.1)


def rider(rng: np.random.Generator, x: float, z: float, light: Light, sideways: float, motor: bool) -> Solid:
    """The one who sits on the two-wheeler at the same place."""
    figure = Cutout(x, z - 0.02, light)
    top, trousers, skin = pick(rng, CLOTHES), pick(rng, CLOTHES[:8]), pick(rng, SKIN)
    helmet = pick(rng, ((0.75, 0.75, 0.73), (0.1, 0.1, 0.1), (0.5, 0.1, 0.1), (0.2, 0.3, 0.5)))
    seat = (-0.25, 0.85) if motor else (-0.2, 0.98)
    shoulder = (0.02, 1.38) if motor else (rng.uniform(-0.02, 0.14), 1.48)
    wide = 0.17 + 0.03 * motor

    def leg(side: float, down: float) -> None:
        hip = _seen(sideways, seat[0], seat[1], 0.1 * side)
        foot_at = (0.1, 0.28 + 0.05) if motor else (-0.05 + 0.12 * down, 0.26 + 0.12 * down)
        knee = _seen(sideways, 0.22 + 0.08 * down, 0.62 + 0.1 * down, 0.15 * side)
        ankle = _seen(sideways, foot_at[0], foot_at[1], 0.13 * side)
        figure.limb(hip, knee, 0.095, 0.07, trousers)
        figure.limb(knee, ankle, 0.065, 0.045, trousers)
        figure.limb(
            ankle, _seen(sideways, foot_at[0] + 0.16, foot_at[1] - 0.04, 0.13 * side), 0.05, 0.035, (0.1, 0.1, 0.1)
        )

    def arm(side: float) -> None:
        start = _seen(sideways, shoulder[0], shoulder[1] - 0.05, wide * side)
        elbow = _seen(sideways, 0.2, 1.2, 0.26 * side)
        hand = _seen(sideways, 0.36, 1.05, 0.27 * side)
        figure.limb(start, elbow, 0.06, 0.05, top)
        figure.limb(elbow, hand, 0.05, 0.04, top)
        figure.disc(*hand, 0.045, (0.1, 0.1, 0.1) if motor else skin)

    phase = rng.uniform(-1.0, 1.0)
    arm(-1.0)
    leg(-1.0, phase)
    low, high = _seen(sideways, seat[0], seat[1]), _seen(sideways, shoulder[0], shoulder[1] - 0.06)
    figure.limb(low, high, 0.15, 0.13 + 0.07 * (1 - abs(sideways)), top)
    leg(1.0, -phase)
    arm(1.0)
    neck, head = _seen(sideways, shoulder[0] + 0.03, shoulder[1]), _seen(sideways, shoulder[0] + 0.1, shoulder[1] + 0.2)
    figure.limb(neck, head, 0.055, 0.05, skin)
    figure.polygon(np.array(head) + CIRCLE * (0.09, 0.12), skin)
    covered = motor or rng.random() < 0.45
    crown = np.array([head[0], head[1] + 0.045])
    figure.polygon(crown + CIRCLE * ((0.13, 0.14) if motor else (0.105, 0.085)), helmet if covered else pick(rng, HAIR))
    return figure.solid("rider", 0.3, 1.7)
