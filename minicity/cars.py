"""Cars and vans of MiniCity: a dozen kinds of bodies, each in several makes, with glass, lamps, wheels and plates.

Coordinates are those of the mesh: x to the right of the vehicle, y up, z forwards, in metres.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from minicity.dress import cloth
from minicity.geometry import Light, Solid
from minicity.heads import HAIR, skin_color
from minicity.mesh import PAINT, Mesh, Model, Pose, coated, pick, refine

MAKES = 6
"""Number of different models of each kind of body."""


SMOOTH_WITHIN = 24.0
"""Cars nearer than this (metres) get a finer, rounded body."""


@dataclass(frozen=True)
class Shape:
    """The measures of one kind of body, in metres, and shares of its length from the middle, front positive."""

    share: float
    """How often it is met."""
    length: float
    height: float
    half_width: float
    belt: float
    """Height of the lower edge of the windows; ``hood`` and ``boot`` are the heights of the decks before and behind."""
    hood: float
    boot: float
    glass: tuple[float, float, float, float]
    """Foot and top of the windscreen, top and foot of the rear window."""
    wheel: float = 0.31
    round: float = 1.0
    """How far the corners are drawn in: 0 a box, 1 a modern car."""
    windows: int = 2
    """Side windows; the first ``closed`` of them, counted from the rear, are metal."""
    closed: int = 0
    bed: bool = False
    """A loading bed behind the cabin."""


BODIES: dict[str, Shape] = {
    "hatchback": Shape(0.21, 3.95, 1.47, 0.87, 0.93, 0.86, 0.93, (0.27, 0.08, -0.38, -0.47)),
    "saloon": Shape(0.15, 4.65, 1.43, 0.90, 0.92, 0.85, 0.97, (0.23, 0.06, -0.22, -0.36), 0.32),
    "estate": Shape(0.13, 4.65, 1.46, 0.90, 0.92, 0.86, 0.92, (0.24, 0.06, -0.41, -0.48), 0.32, 1.0, 3),
    "off-roader": Shape(0.10, 4.45, 1.70, 0.93, 1.07, 1.03, 1.07, (0.26, 0.11, -0.40, -0.47), 0.36, 0.7, 3),
    "jeep": Shape(0.03, 4.1, 1.85, 0.90, 1.15, 1.12, 1.15, (0.16, 0.11, -0.44, -0.48), 0.38, 0.1, 2),
    "city car": Shape(0.10, 3.5, 1.50, 0.81, 0.95, 0.90, 0.95, (0.36, 0.14, -0.40, -0.48), 0.29),
    "people carrier": Shape(0.08, 4.4, 1.66, 0.91, 1.0, 0.95, 1.0, (0.37, 0.14, -0.42, -0.48), 0.32, 0.8, 3),
    "sports car": Shape(0.04, 4.3, 1.27, 0.91, 0.85, 0.76, 0.86, (0.20, -0.01, -0.18, -0.40), 0.34, 1.3, 1),
    "old saloon": Shape(0.05, 4.2, 1.40, 0.82, 0.92, 0.90, 0.94, (0.19, 0.11, -0.24, -0.32), 0.30, 0.15),
    "old hatchback": Shape(0.03, 3.7, 1.38, 0.80, 0.90, 0.87, 0.90, (0.21, 0.11, -0.36, -0.46), 0.29, 0.15),
    "pickup": Shape(0.02, 5.2, 1.78, 0.93, 1.08, 1.05, 1.0, (0.20, 0.08, -0.08, -0.11), 0.38, 0.4, 1, 0, True),
    "van": Shape(0.07, 5.0, 1.98, 0.95, 1.12, 1.06, 1.12, (0.38, 0.22, -0.475, -0.49), 0.33, 0.5, 3, 2),
    "minibus": Shape(0.02, 5.2, 2.05, 0.95, 1.14, 1.06, 1.14, (0.38, 0.22, -0.475, -0.49), 0.33, 0.5, 4),
    "large van": Shape(0.05, 5.8, 2.6, 1.0, 1.28, 1.14, 1.28, (0.40, 0.26, -0.485, -0.495), 0.35, 0.35, 3, 2),
}


def paint(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Colour of a car: often silver, grey, black or white, else any hue, light or dark; vans are mostly white."""
    luck = rng.random()
    if "van" in kind and luck < 0.6:
        return np.full(3, rng.uniform(0.74, 0.86))
    if luck < 0.6:
        grey = float(rng.choice((0.045, 0.08, 0.2, 0.36, 0.52, 0.68, 0.84))) * rng.uniform(0.85, 1.12)
        return np.clip(grey * (1.0 + rng.normal(0.0, 0.025, 3)), 0.02, 0.9)
    hue = float(rng.choice((0.0, 0.02, 0.6, 0.62, 0.65, 0.58, 0.35, 0.12, 0.08, rng.random())))
    value, strength = rng.uniform(0.12, 0.62), rng.uniform(0.25, 0.9)
    turn = (hue * 6.0 + np.array((5.0, 3.0, 1.0))) % 6.0
    return value * (1.0 - strength * np.clip(np.minimum(turn, 4.0 - turn), 0.0, 1.0))


def car(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A passenger car or van of any kind, make and paint."""
    shares = np.array([shape.share for shape in BODIES.values()])
    kind = list(BODIES)[int(rng.choice(len(BODIES), p=shares / shares.sum()))]
    return body(rng, pose, light, kind)


def body(rng: np.random.Generator, pose: Pose, light: Light, kind: str) -> Solid:
    """A car of one kind, in any make and paint."""
    model = car_model(kind, int(rng.integers(MAKES)), pose.z < SMOOTH_WITHIN)
    return model.solid(pose, light, paint(rng, kind))


@cache
def car_model(kind: str, make: int, smooth: bool) -> Model:
    """One of the car models; it is built once and then placed many times."""
    rng = np.random.default_rng((list(BODIES).index(kind), make))
    shape = BODIES[kind]
    half = 0.5 * shape.length * rng.uniform(0.94, 1.06)
    height, w = shape.height * rng.uniform(0.97, 1.04), shape.half_width * rng.uniform(0.97, 1.04)
    front, top_front, top_back, back = (2 * half * (at + rng.uniform(-0.012, 0.012)) for at in shape.glass)
    mesh = Mesh()
    rings = _hull(shape, w, half, 2 * half * shape.glass[0])
    if smooth:
        rings = refine(refine(rings).swapaxes(0, 1)).swapaxes(0, 1)
    mesh.loft(rings, np.full((len(rings) - 1, rings.shape[1] - 1), PAINT), coated(1.0))

    # Cabin: rings at both ends of the glass and of the roof, narrower above than below.
    belt, roof, draw = shape.belt, height - 0.05, 0.1 + 0.1 * min(shape.round, 1.0)
    cabin = []
    for at, top in (
        (back, belt + 0.01),
        (top_back, roof - 0.03),
        (0.5 * (top_back + top_front), roof + 0.03),
        (top_front, roof - 0.02),
        (front, belt - 0.01),
    ):
        upper = 0.92 - draw * (top - belt) / (roof - belt)
        right = [(0.93, belt - 0.03), (upper + 0.02, top - 0.05), (0.85 * upper, top + 0.02), (0.4 * upper, top + 0.05)]
        cabin.append([(-x * w, y, at) for x, y in right] + [(x * w, y, at) for x, y in right[::-1]])
    roofing = coated(1.0) if shape.closed or rng.random() < 0.9 else (0.06, 0.06, 0.065)
    mesh.loft(np.array(cabin, float), np.full((4, 7), PAINT), roofing)
    _windows(mesh, rng, shape, w, (back, top_back, top_front, front), (belt, roof - 0.04), draw)
    _sides(mesh, rng, shape, w, half, smooth)
    _ends(mesh, rng, shape, w, half, smooth)
    if shape.bed:
        mesh.box(
            (-0.82 * w, 0.82 * w), (shape.boot, shape.boot + 0.035), (-0.97 * half, back - 0.1), (0.05, 0.05, 0.05)
        )
    elif kind in ("estate", "off-roader", "people carrier", "jeep") and rng.random() < 0.6:
        for side in (-1.0, 1.0):
            mesh.box(
                (side * 0.62 * w, side * 0.66 * w), (roof + 0.09, roof + 0.13), (top_back, top_front), (0.2, 0.2, 0.2)
            )
    return mesh.model("car", (w, half, height))


def _hull(shape: Shape, w: float, half: float, screen: float) -> np.ndarray:
    """Rings of the lower body, from rear to front: place along it, share of the width, height of the deck."""
    bow, belt, hood, boot = shape.round, shape.belt, shape.hood, shape.boot
    stations = [
        (-1.0, 1.0 - 0.2 * bow, 0.62),
        (-0.985, 1.0 - 0.08 * bow, boot - 0.06 - 0.05 * bow),
        (-0.9, 1.0 - 0.02 * bow, boot),
        (-0.5, 1.0, belt if not shape.bed else boot),
        (0.1, 1.0, belt),
        (screen / half + 0.02, 1.0, belt - 0.01),
        (0.82, 1.0 - 0.02 * bow, hood - 0.05 * bow),
        (0.94, 1.0 - 0.08 * bow, hood - 0.04 - 0.1 * bow),
        (0.995, 1.0 - 0.22 * bow, max(hood - 0.12 - 0.18 * bow, 0.5)),
    ]
    rings = []
    for at, share, deck in sorted(stations):
        half_width, low = w * share, 0.2 if abs(at) < 0.97 else 0.27
        right = [
            (0.93, low),
            (1.0, 0.42),
            (1.0, 0.5 * (0.42 + deck)),
            (0.965, deck - 0.07),
            (0.86, deck),
            (0.0, deck + 0.03),
        ]
        ring = [(-x * half_width, y) for x, y in right] + [(x * half_width, y) for x, y in right[-2::-1]]
        rings.append([(x, y, at * half) for x, y in ring])
    return np.array(rings, float)


def _windows(
    mesh: Mesh,
    rng: np.random.Generator,
    shape: Shape,
    w: float,
    ends: tuple[float, float, float, float],
    y: tuple[float, float],
    draw: float,
) -> None:
    """Windscreen, rear window and side windows; ``ends`` says where the glass stands and bends, rear to front."""
    back, top_back, top_front, front = ends
    low, top = y
    gloss = rng.uniform(0.2, 1.0)
    people = (cloth(rng), skin_color(rng), pick(rng, HAIR))
    driven = rng.random() < 0.34
    across = 0.9 - draw
    for at, at_top, sign in ((front, top_front, 1.0), (back, top_back, -1.0)):
        if sign < 0 and shape.closed and rng.random() < 0.5:
            continue
        foot, head = at - 0.08 * sign * abs(at - at_top), at_top + 0.1 * (at - at_top)
        slope = np.array([0.0, abs(at - at_top), sign * (top - low)])
        normal = tuple(slope / np.linalg.norm(slope))
        corners = [
            (-0.82 * w, low + 0.05, foot),
            (-across * w * 0.97, top, head),
            (across * w * 0.97, top, head),
            (0.82 * w, low + 0.05, foot),
        ]
        corners = [(x, py, z + 0.02 * sign) for x, py, z in corners]
        mesh.pane(corners, normal, gloss, (0.28, 0.72))
        if driven:
            mesh.occupant(corners, normal, 0.28, people)
        if sign > 0:
            # Wipers, and the mirror in the middle.
            for x in (-0.45, 0.15):
                mesh.detail(
                    [
                        (x * w, low + 0.06, foot),
                        (x * w, low + 0.08, foot),
                        ((x + 0.5) * w, low + 0.13, foot - 0.1),
                        ((x + 0.5) * w, low + 0.11, foot - 0.1),
                    ],
                    normal,
                    (0.03, 0.03, 0.03),
                )
    pillars = np.linspace(top_back + 0.1, top_front - 0.05, shape.windows + 1)
    for side in (-1.0, 1.0):
        normal = (side * 0.97, 0.24, 0.0)
        x_low, x_top = side * 0.935 * w, side * (0.955 - draw) * w
        for k in range(shape.closed, shape.windows):
            a, b = pillars[k] + 0.04, pillars[k + 1] - 0.04
            a_low = a - (0.5 * (top_back - back) if k == 0 else 0.0)
            b_low = b + (0.62 * (front - top_front) if k == shape.windows - 1 else 0.0)
            corners = [
                (x_low, low + 0.04, a_low),
                (x_top, top - 0.03, a),
                (x_top, top - 0.03, b),
                (x_low, low + 0.04, b_low),
            ]
            mesh.pane(corners, normal, gloss, (0.42,))
            if driven and k == shape.windows - 1:
                mesh.occupant(corners, normal, 0.36, people)


def _sides(mesh: Mesh, rng: np.random.Generator, shape: Shape, w: float, half: float, fine: bool) -> None:
    """Sills, mouldings, door seams, handles, mirrors and wheels."""
    trim = (0.08, 0.08, 0.085) if rng.random() < 0.6 else coated(0.7)
    seam, belt = coated(0.55), shape.belt
    moulding = rng.random() < 0.35
    mirror = coated(1.0) if rng.random() < 0.7 else (0.06, 0.06, 0.06)
    for side in (-1.0, 1.0):
        at = side * w * 1.002
        mesh.panel("x", at, (-0.62 * half, 0.62 * half), (0.2, 0.29), trim)
        # The shoulder catches the light, the flank below it lies in shade.
        mesh.panel("x", at, (-0.86 * half, 0.8 * half), (belt - 0.17, belt - 0.15), coated(1.25))
        mesh.panel("x", at, (-0.86 * half, 0.8 * half), (belt - 0.2, belt - 0.17), coated(0.78))
        if moulding:
            mesh.panel("x", at, (-0.9 * half, 0.9 * half), (0.5, 0.56), (0.07, 0.07, 0.07))
        for place in (0.30, -0.12, -0.5):
            mesh.panel("x", at, (place * half - 0.008, place * half + 0.008), (0.32, belt - 0.1), seam)
        for place in (-0.02, -0.43):
            mesh.panel("x", at, (place * half, place * half + 0.16), (belt - 0.14, belt - 0.11), coated(0.6))
        mesh.box((side * w * 0.98, side * w * 1.13), (belt, belt + 0.13), (0.42 * half, 0.47 * half), mirror)
    radius = shape.wheel * rng.uniform(0.96, 1.06)
    rim = pick(rng, ((0.42, 0.43, 0.45), (0.55, 0.56, 0.57), (0.12, 0.12, 0.125), (0.3, 0.3, 0.31)))
    spokes = int(rng.choice((0, 5, 5, 6, 7, 9)))
    for axle in (0.62 * half, -0.6 * half):
        mesh.wheel(w, axle, radius, rim, fine, spokes)


def _ends(mesh: Mesh, rng: np.random.Generator, shape: Shape, w: float, half: float, fine: bool) -> None:
    """Bumpers, grille, lamps and plates, before and behind."""
    black, trim = (0.045, 0.045, 0.05), (0.08, 0.08, 0.085) if rng.random() < 0.5 else coated(0.72)
    front, rear, hood, boot = half * 1.001, -half * 1.001, shape.hood, shape.boot
    nose = hood - 0.14 - 0.1 * shape.round
    mesh.box((-0.7 * w, 0.7 * w), (0.12, 0.3), (-0.93 * half, 0.93 * half), black)
    mesh.panel("z", front, (-0.74 * w, 0.74 * w), (0.22, 0.36), trim)
    wide = rng.uniform(0.3, 0.5)
    mesh.panel("z", front, (-wide * w, wide * w), (nose - 0.16, nose - 0.02), black)
    for slat in (nose - 0.13, nose - 0.09, nose - 0.05) if fine else ():
        mesh.panel("z", front, (-(wide - 0.02) * w, (wide - 0.02) * w), (slat, slat + 0.012), (0.3, 0.3, 0.3))
    mesh.panel("z", front, (-0.06, 0.06), (nose - 0.13, nose - 0.03), (0.6, 0.6, 0.6))
    if rng.random() < 0.6:
        mesh.panel("z", front, (-0.6 * w, 0.6 * w), (0.26, 0.34), black)
    mesh.panel("z", rear, (-0.74 * w, 0.74 * w), (0.22, 0.38), trim)
    lift = float(pick(rng, (0.0, 0.0, -0.24)))
    mesh.panel("z", rear, (-0.72 * w, 0.72 * w), (0.6 + lift, 0.612 + lift), coated(0.6))
    mesh.panel("z", rear, (-0.08, 0.08), (boot - 0.14, boot - 0.1), (0.6, 0.6, 0.6))
    plates = pick(rng, ("white", "white", "yellow rear", "yellow rear", "yellow"))
    for at, low in ((front, 0.36), (rear, 0.64 + lift)):
        yellow = plates == "yellow" or (plates == "yellow rear" and at < 0)
        mesh.panel("z", at, (-0.26, 0.26), (low, low + 0.11), (0.88, 0.68, 0.12) if yellow else (0.88, 0.88, 0.86))
        mesh.panel("z", at * 1.0005, (-0.26, -0.22), (low, low + 0.11), (0.1, 0.2, 0.6))
        for k in range(6 * fine):
            x = -0.18 + 0.068 * k
            mesh.panel("z", at * 1.0005, (x, x + 0.04), (low + 0.025, low + 0.085), (0.08, 0.08, 0.08))
    tall, flat = rng.uniform(0.1, 0.3) if shape.closed == 0 else 0.4, rng.uniform(0.03, 0.09)
    lit = (1.0, 1.0, 0.96) if rng.random() < 0.3 else (0.84, 0.86, 0.86)
    stop = (0.95, 0.1, 0.06) if rng.random() < 0.25 else (0.45, 0.03, 0.03)
    wide_bow = 1.0 - 0.05 * shape.round
    for side in (-1.0, 1.0):
        if shape.round < 0.2:
            for at, color, size in ((front, (0.3, 0.3, 0.3), 0.11), (front * 1.001, lit, 0.085)):
                ring = [
                    (side * 0.66 * w + size * np.sin(t), nose - 0.04 + size * np.cos(t), at)
                    for t in np.linspace(0.0, 2 * np.pi, 12, endpoint=False)
                ]
                mesh.detail(ring, (0.0, 0.0, 1.0), color)
        else:
            mesh.slanted(
                (side * 0.5 * w, front), (side * 0.9 * w, 0.93 * half), (nose - 0.1, nose + flat), (0.26, 0.27, 0.29)
            )
            mesh.slanted(
                (side * 0.56 * w, front * 1.002), (side * 0.82 * w, 0.957 * half), (nose - 0.07, nose + 0.7 * flat), lit
            )
        mesh.slanted((side * 0.6 * w, front), (side * 0.74 * w, 0.985 * half), (0.38, 0.44), (0.5, 0.5, 0.48))
        mesh.slanted(
            (side * 0.66 * w, rear),
            (side * 0.97 * wide_bow * w, -0.965 * half),
            (boot - 0.12 - tall, boot - 0.07),
            stop,
        )
        mesh.slanted(
            (side * 0.68 * w, rear * 1.002),
            (side * 0.9 * w, -0.975 * half),
            (boot - 0.14 - 0.4 * tall, boot - 0.13 - 0.25 * tall),
            pick(rng, ((0.85, 0.22, 0.1), (0.8, 0.8, 0.78))),
        )
