"""Cars, vans, lorries, buses and trams of MiniCity: the measures and parts that make a `mesh.Mesh` a vehicle.

Coordinates are those of the mesh: x to the right of the vehicle, y up, z forwards, in metres.
"""

from functools import cache

import numpy as np

from minicity.geometry import Light, Solid
from minicity.mesh import PAINT, Mesh, Model, Pose, coated, pick, refine

VAN = 4
"""Kind of car: the vans, which have sides without windows and are mostly white."""


MAKES = 8
"""Number of different models of each kind of car."""


SMOOTH_WITHIN = 24.0
"""Cars nearer than this (metres) get a finer, rounded body."""


CAR_COLORS = (
    (0.08, 0.08, 0.09), (0.09, 0.1, 0.13), (0.16, 0.17, 0.18), (0.3, 0.31, 0.33), (0.46, 0.47, 0.48), (0.6, 0.61, 0.62),
    (0.75, 0.76, 0.76), (0.82, 0.82, 0.8), (0.1, 0.16, 0.32), (0.14, 0.24, 0.42), (0.45, 0.07, 0.07), (0.58, 0.1, 0.08),
    (0.12, 0.22, 0.15), (0.35, 0.3, 0.22), (0.62, 0.55, 0.2), (0.22, 0.28, 0.34),
)  # fmt: skip
"""Body colours: mostly black, grey, silver and white, as on German roads."""


def car(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A passenger car or van: hatchback, saloon, estate, off-roader or van, in several makes and all paints."""
    kind = int(rng.choice(5, p=(0.33, 0.2, 0.22, 0.13, 0.12)))
    coat = np.array(pick(rng, CAR_COLORS)) * rng.uniform(0.85, 1.15)
    if kind == VAN and rng.random() < 0.5:
        coat = np.array((0.8, 0.8, 0.78))
    model = car_model(kind, int(rng.integers(MAKES)), pose.z < SMOOTH_WITHIN)
    return model.solid(pose, light, np.clip(coat + rng.uniform(-0.02, 0.02, 3), 0.03, 0.92))


@cache
def car_model(kind: int, make: int, smooth: bool) -> Model:
    """One of the car models; it is built once and then placed many times."""
    rng = np.random.default_rng((kind, make))
    # Heights of roof, belt line, hood and boot in metres; then, in shares of the length, where the windscreen
    # begins and ends and where the rear window ends and begins.
    length, height, belt, hood, boot, ws0, ws1, rw1, rw0 = (
        (3.95, 1.48, 0.93, 0.86, 0.93, 0.27, 0.08, -0.38, -0.46),
        (4.55, 1.43, 0.92, 0.85, 0.95, 0.24, 0.06, -0.24, -0.36),
        (4.60, 1.47, 0.92, 0.86, 0.92, 0.24, 0.06, -0.40, -0.47),
        (4.50, 1.68, 1.05, 1.00, 1.05, 0.25, 0.09, -0.40, -0.46),
        (5.00, 1.98, 1.12, 1.05, 1.12, 0.36, 0.20, -0.47, -0.49),
    )[kind]
    stretch = rng.uniform(0.93, 1.07)
    length, height = length * stretch, height * rng.uniform(0.97, 1.05)
    w, half = 0.88 * rng.uniform(0.96, 1.06) + 0.06 * (kind >= 3), length / 2
    color = coated(1.0)

    # Lower body: (position along the length, share of the width, height of the deck)
    stations = [(-1.0, 0.80, 0.60), (-0.985, 0.92, boot - 0.1), (-0.9, 0.98, boot), (-0.5, 1.0, belt), (0.2, 1.0, belt),
                (2 * ws0 + 0.02, 1.0, belt - 0.01), (0.82, 0.98, hood - 0.05), (0.94, 0.92, hood - 0.14),
                (0.995, 0.78, 0.56)]  # fmt: skip
    rings = []
    for at, share, deck in stations:
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
    rings = np.array(rings, float)
    if smooth:
        rings = refine(refine(rings).swapaxes(0, 1)).swapaxes(0, 1)
    mesh = Mesh()
    mesh.loft(rings, np.full((len(rings) - 1, rings.shape[1] - 1), PAINT), color)

    # Cabin: rings at both ends of the glass and of the roof, narrower above than below.
    roof = height - 0.05
    back, top_back, top_front, front = (at * half for at in (2 * rw0, 2 * rw1, 2 * ws1, 2 * ws0))
    cabin = []
    for at, top in ((back, belt + 0.01), (top_back, roof - 0.03), (0.5 * (top_back + top_front), roof + 0.03),
                    (top_front, roof - 0.02), (front, belt - 0.01)):  # fmt: skip
        upper = 0.92 - 0.2 * (top - belt) / (roof - belt)
        right = [(0.93, belt - 0.03), (upper + 0.02, top - 0.05), (0.85 * upper, top + 0.02), (0.4 * upper, top + 0.05)]
        cabin.append([(-x * w, y, at) for x, y in right] + [(x * w, y, at) for x, y in right[::-1]])
    mesh.loft(np.array(cabin, float), np.full((4, 7), PAINT), color)
    _car_windows(
        mesh, w, (back, top_back, top_front, front), (belt, roof - 0.04), closed=kind == VAN and rng.random() < 0.6
    )
    _car_details(mesh, rng, w, half, hood, boot, belt, smooth)
    return mesh.model("car", (w, half, height))


def _car_windows(mesh: Mesh, w: float, ends: tuple, y: tuple, closed: bool) -> None:
    """Windscreen, rear window and side windows; ``ends`` says where the glass stands and bends, rear to front."""
    back, top_back, top_front, front = ends
    low, top = y
    for at, at_top, sign in ((front, top_front, 1.0), (back, top_back, -1.0)):
        foot, head = at - 0.08 * sign * abs(at - at_top), at_top + 0.1 * (at - at_top)
        slope = np.array([0.0, abs(at - at_top), sign * (top - low)])
        corners = [
            (-0.82 * w, low + 0.05, foot),
            (-0.68 * w, top, head),
            (0.68 * w, top, head),
            (0.82 * w, low + 0.05, foot),
        ]
        mesh.pane([(x, py, z + 0.02 * sign) for x, py, z in corners], tuple(slope / np.linalg.norm(slope)))
    pillars = np.linspace(top_back + 0.1, top_front - 0.05, 3 if top_front - top_back > 1.5 else 2)
    for side in (-1.0, 1.0):
        normal = (side * 0.97, 0.24, 0.0)
        x_low, x_top = side * 0.935 * w, side * 0.755 * w
        for k in range(len(pillars) - 1):
            if closed and k == 0:
                continue
            a, b = pillars[k] + 0.04, pillars[k + 1] - 0.04
            a_low = a - (0.5 * (top_back - back) if k == 0 else 0.0)
            b_low = b + (0.62 * (front - top_front) if k == len(pillars) - 2 else 0.0)
            mesh.pane(
                [
                    (x_low, low + 0.04, a_low),
                    (x_top, top - 0.03, a),
                    (x_top, top - 0.03, b),
                    (x_low, low + 0.04, b_low),
                ],
                normal,
            )


def _car_details(
    mesh: Mesh, rng: np.random.Generator, w: float, half: float, hood: float, boot: float, belt: float, fine: bool
) -> None:
    """Trim, seams, handles, mirrors, wheels, bumpers, grille, lamps and plates."""
    trim = (0.08, 0.08, 0.085) if rng.random() < 0.75 else coated(0.7)
    seam_color, black = coated(0.6), (0.045, 0.045, 0.05)
    for side in (-1.0, 1.0):
        at = side * w * 1.002
        mesh.panel("x", at, (-0.62 * half, 0.62 * half), (0.2, 0.29), trim)
        for seam in (0.30, -0.12, -0.5):
            mesh.panel("x", at, (seam * half - 0.008, seam * half + 0.008), (0.32, belt - 0.1), seam_color)
        mesh.panel("x", at, (0.02 * half, 0.09 * half), (belt - 0.2, belt - 0.17), seam_color)
        mesh.box((side * w * 0.98, side * w * 1.13), (belt + 0.0, belt + 0.13), (0.42 * half, 0.47 * half), coated(1.0))
    radius = 0.32 * rng.uniform(0.95, 1.1)
    for axle in (0.62 * half, -0.6 * half):
        mesh.wheel(w, axle, radius, fine=fine)
    front, rear = half * 1.001, -half * 1.001
    mesh.box((-0.7 * w, 0.7 * w), (0.12, 0.3), (-0.93 * half, 0.93 * half), black)
    mesh.panel("z", front, (-0.74 * w, 0.74 * w), (0.22, 0.36), trim)
    mesh.panel("z", front, (-0.4 * w, 0.4 * w), (0.5, 0.63), black)
    for slat in (0.53, 0.56, 0.59) * fine:
        mesh.panel("z", front, (-0.38 * w, 0.38 * w), (slat, slat + 0.012), (0.3, 0.3, 0.3))
    mesh.panel("z", front, (-0.06, 0.06), (0.52, 0.62), (0.6, 0.6, 0.6))
    mesh.panel("z", rear, (-0.74 * w, 0.74 * w), (0.22, 0.38), trim)
    lift = 0.0 if rng.random() < 0.5 else -0.24
    mesh.panel("z", rear, (-0.72 * w, 0.72 * w), (0.6 + lift, 0.612 + lift), seam_color)
    mesh.panel("z", rear, (-0.08, 0.08), (boot - 0.14, boot - 0.1), (0.6, 0.6, 0.6))
    for at, low in ((front, 0.36), (rear, 0.64 + lift)):
        mesh.panel("z", at, (-0.26, 0.26), (low, low + 0.11), (0.88, 0.88, 0.86))
        mesh.panel("z", at, (-0.26, -0.22), (low, low + 0.11), (0.1, 0.2, 0.6))
        for k in range(6 * fine):
            x = -0.18 + 0.068 * k
            mesh.panel("z", at, (x, x + 0.04), (low + 0.025, low + 0.085), (0.08, 0.08, 0.08))
    tall = 0.13 if rng.random() < 0.6 else 0.26
    lamp = hood - 0.22
    for side in (-1.0, 1.0):
        inner, outer = (side * 0.5 * w, front), (side * 0.9 * w, 0.93 * half)
        mesh.slanted(inner, outer, (lamp - 0.1, lamp + 0.05), (0.26, 0.27, 0.29))
        inner, outer = (side * 0.56 * w, front * 1.002), (side * 0.82 * w, 0.957 * half)
        mesh.slanted(inner, outer, (lamp - 0.07, lamp + 0.03), (0.93, 0.93, 0.9))
        mesh.slanted((side * 0.6 * w, front), (side * 0.74 * w, 0.985 * half), (0.38, 0.44), (0.5, 0.5, 0.48))
        inner, outer = (side * 0.62 * w, rear), (side * 0.96 * w, -0.955 * half)
        mesh.slanted(inner, outer, (boot - 0.12 - tall, boot - 0.07), (0.45, 0.03, 0.03))
        inner, outer = (side * 0.66 * w, rear * 1.002), (side * 0.9 * w, -0.975 * half)
        mesh.slanted(inner, outer, (boot - 0.15, boot - 0.1), (0.85, 0.22, 0.1))


def bus(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A city bus: glass bands, doors, line display; sometimes with an advert or a coloured skirt."""
    color = pick(
        rng,
        (
            (0.8, 0.8, 0.78),
            (0.72, 0.1, 0.08),
            (0.78, 0.62, 0.12),
            (0.1, 0.25, 0.5),
            (0.2, 0.42, 0.3),
            (0.6, 0.62, 0.64),
        ),
    )
    skirt = pick(rng, ((0.25, 0.26, 0.28), (0.55, 0.08, 0.1), (0.1, 0.2, 0.42), (0.75, 0.75, 0.72), color))
    w, half, height = 1.27, rng.uniform(5.2, 6.2), rng.uniform(2.95, 3.15)
    mesh = Mesh()
    mesh.loft(_hull(w, (-half, half), 0.32, height), np.full((3, 8), PAINT), color)
    for side in (-w, w):
        at = side * 1.003
        mesh.panel("x", at, (-half + 0.15, half - 0.15), (0.35, 1.05), skirt)
        _window_band(mesh, at, (-half + 0.3, half - 0.25), (1.2, height - 0.42), 1.35)
        for axle in (half * 0.55, -half * 0.5):
            mesh.disc(side * 1.006, 0.5, axle, 0.55, (0.04, 0.04, 0.04))
    for door in (half - 1.3, -0.3):
        mesh.panel("x", w * 1.006, (door, door + 1.1), (0.38, height - 0.45), (0.12, 0.13, 0.14))
        mesh.panel("x", w * 1.007, (door + 0.08, door + 0.5), (0.5, height - 0.55), (0.3, 0.33, 0.35))
        mesh.panel("x", w * 1.007, (door + 0.6, door + 1.02), (0.5, height - 0.55), (0.3, 0.33, 0.35))
    for axle in (half * 0.55, -half * 0.5):
        mesh.wheel(w * 1.004, axle, 0.48, rim=(0.5, 0.5, 0.5))
    _large_face(mesh, w, half, height, (0.62, 0.62, 0.6) if rng.random() < 0.5 else skirt)
    return mesh.model("bus", (w, half, height)).solid(pose, light, np.zeros(3))


def truck(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A lorry: cab, and behind it a box, a tarpaulin or a tank-like skip, from light delivery trucks to heavy ones."""
    color = pick(
        rng,
        ((0.8, 0.8, 0.78), (0.65, 0.1, 0.08), (0.12, 0.22, 0.45), (0.75, 0.5, 0.1), (0.2, 0.4, 0.25), (0.5, 0.5, 0.52)),
    )
    cargo = pick(
        rng, ((0.82, 0.82, 0.8), (0.7, 0.71, 0.7), (0.18, 0.3, 0.5), (0.45, 0.45, 0.42), (0.7, 0.55, 0.15), color)
    )
    big = rng.random()
    w, half, height = 1.05 + 0.2 * big, 3.0 + 1.8 * big, 2.7 + 1.0 * big
    cab_top, cab_back = 2.3 + 0.6 * big, half - 1.9
    mesh = Mesh()
    mesh.box((-0.8 * w, 0.8 * w), (0.45, 0.8), (-half, half - 0.3), (0.12, 0.12, 0.13))
    mesh.loft(_hull(w, (-half, cab_back - 0.25), 0.85, height, 0.0), np.full((3, 8), PAINT), cargo)
    mesh.loft(_hull(w * 0.97, (cab_back, half), 0.4, cab_top, 0.16), np.full((3, 8), PAINT), color)
    for side in (-w, w):
        mesh.panel("x", side * 0.975, (cab_back + 0.7, half - 0.2), (1.35, cab_top - 0.35), (0.16, 0.18, 0.2))
        mesh.panel("x", side * 1.002, (-half + 0.05, cab_back - 0.3), (0.85, 0.95), (0.3, 0.3, 0.3))
        if rng.random() < 0.6:
            band = pick(rng, ((0.7, 0.12, 0.1), (0.1, 0.3, 0.55), (0.2, 0.45, 0.25), (0.15, 0.15, 0.16)))
            mesh.panel("x", side * 1.003, (-half * 0.75, cab_back - 1.2), (1.5, 1.5 + 0.25 * height), band)
    front, rear = half * 1.001, -half * 1.001
    mesh.panel("z", front, (-0.85 * w, 0.85 * w), (1.3, cab_top - 0.3), (0.14, 0.16, 0.18))
    mesh.panel("z", front, (-0.8 * w, 0.8 * w), (0.4, 0.62), (0.2, 0.2, 0.2))
    mesh.panel("z", front, (-0.6 * w, 0.6 * w), (0.75, 1.15), (0.1, 0.1, 0.1))
    mesh.panel("z", front * 1.001, (-0.26, 0.26), (0.48, 0.58), (0.85, 0.85, 0.82))
    mesh.panel("z", rear, (-0.015, 0.015), (0.95, height - 0.2), (0.25, 0.25, 0.25))
    mesh.panel("z", rear, (-0.95 * w, 0.95 * w), (0.55, 0.82), (0.16, 0.16, 0.17))
    mesh.panel("z", rear * 1.001, (-0.26, 0.26), (0.62, 0.73), (0.85, 0.85, 0.82))
    for side in (-1.0, 1.0):
        x = (0.62 * w, 0.88 * w) if side > 0 else (-0.88 * w, -0.62 * w)
        mesh.panel("z", front * 1.002, x, (0.68, 0.84), (0.93, 0.93, 0.9))
        mesh.panel("z", rear * 1.001, x, (0.6, 0.76), (0.6, 0.05, 0.04))
    for axle in (half - 1.0, -half + 1.3) + ((-half + 2.4,) if big > 0.5 else ()):
        mesh.wheel(w * 1.005, axle, 0.4 + 0.1 * big, rim=(0.5, 0.5, 0.5))
    return mesh.model("truck", (w, half, height)).solid(pose, light, np.zeros(3))


def tram(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A tram of two or three cars: label "train", as Cityscapes calls it."""
    color = pick(rng, ((0.75, 0.62, 0.15), (0.65, 0.08, 0.08), (0.8, 0.8, 0.78), (0.15, 0.3, 0.5), (0.2, 0.4, 0.32)))
    band = pick(rng, ((0.15, 0.15, 0.16), (0.8, 0.8, 0.76), color))
    w, height, section = 1.22, 3.35, 7.0
    half = section * int(rng.integers(2, 4)) / 2
    mesh = Mesh()
    start = -half
    while start < half - 1.0:
        mesh.loft(_hull(w, (start + 0.2, start + section - 0.2), 0.3, height, 0.05), np.full((3, 8), PAINT), color)
        mesh.box((-0.85 * w, 0.85 * w), (0.4, height - 0.15), (start - 0.25, start + 0.25), (0.1, 0.1, 0.1))
        for side in (-w, w):
            mesh.panel("x", side * 1.003, (start + 0.3, start + section - 0.3), (0.3, 0.95), band)
            _window_band(mesh, side * 1.003, (start + 0.5, start + section - 0.5), (1.15, height - 0.6), 1.5)
            mesh.panel("x", side * 1.006, (start + 2.8, start + 4.2), (0.4, height - 0.6), (0.1, 0.11, 0.12))
            mesh.panel("x", side * 1.007, (start + 2.9, start + 3.45), (0.6, height - 0.75), (0.3, 0.33, 0.35))
            mesh.panel("x", side * 1.007, (start + 3.55, start + 4.1), (0.6, height - 0.75), (0.3, 0.33, 0.35))
        start += section
    mesh.box((-0.5 * w, 0.5 * w), (height, height + 0.25), (-0.5 * half, 0.3 * half), (0.4, 0.4, 0.4))
    _large_face(mesh, w, half - 0.2, height, band)
    return mesh.model("train", (w, half, height + 0.25)).solid(pose, light, np.zeros(3))


def _hull(w: float, ends: tuple, low: float, top: float, slant: float = 0.1) -> np.ndarray:
    """Rings of a box body with a rounded roof edge and slightly drawn-in ends (buses, trams, lorry boxes)."""
    back, front = ends
    rings = []
    for at, narrow, drop in (
        (back, 0.95, slant),
        (back + 0.12, 1.0, 0.0),
        (front - 0.12, 1.0, 0.0),
        (front, 0.95, slant),
    ):
        right = [
            (narrow, low),
            (narrow, 0.5 * (low + top)),
            (narrow, top - 0.22 - drop),
            (0.93 * narrow, top - drop),
            (0.0, top - drop + 0.04),
        ]
        rings.append([(-x * w, y, at) for x, y in right] + [(x * w, y, at) for x, y in right[-2::-1]])
    return np.array(rings, float)


def _window_band(mesh: Mesh, at: float, along: tuple, y: tuple, pitch: float) -> None:
    mesh.panel("x", at, along, y, (0.08, 0.085, 0.09))
    count = max(int((along[1] - along[0]) / pitch), 1)
    step = (along[1] - along[0]) / count
    for i in range(count):
        start = along[0] + i * step
        mesh.panel(
            "x", at * 1.001, (start + 0.05, start + step - 0.05), (y[0] + 0.06, y[1] - 0.05), (0.2, 0.225, 0.245)
        )
        mesh.panel("x", at * 1.002, (start + 0.05, start + step - 0.05), (y[1] - 0.32, y[1] - 0.05), (0.34, 0.37, 0.4))


def _large_face(mesh: Mesh, w: float, half: float, height: float, bumper: tuple) -> None:
    """Front and rear of a bus or tram: windscreen, display, lamps, bumper."""
    front, rear = half * 1.001, -half * 1.001
    mesh.panel("z", front, (-0.9 * w, 0.9 * w), (1.05, height - 0.32), (0.1, 0.11, 0.12))
    mesh.panel("z", front * 1.001, (-0.86 * w, 0.86 * w), (1.1, height - 0.75), (0.24, 0.27, 0.3))
    mesh.panel("z", front * 1.001, (-0.86 * w, 0.86 * w), (height - 1.1, height - 0.75), (0.42, 0.46, 0.5))
    mesh.panel("z", front * 1.002, (-0.02, 0.02), (1.1, height - 0.75), (0.09, 0.09, 0.1))
    mesh.panel("z", front * 1.002, (-0.6 * w, 0.6 * w), (height - 0.66, height - 0.38), (0.03, 0.03, 0.03))
    for k in range(7):
        x = (-0.5 + k * 0.14) * w
        mesh.panel("z", front * 1.003, (x, x + 0.09 * w), (height - 0.6, height - 0.45), (0.95, 0.62, 0.12))
    mesh.panel("z", front * 1.001, (-0.92 * w, 0.92 * w), (0.32, 0.6), bumper)
    mesh.panel("z", front * 1.002, (-0.26, 0.26), (0.4, 0.51), (0.85, 0.85, 0.82))
    mesh.panel("z", rear, (-0.8 * w, 0.8 * w), (1.5, height - 0.5), (0.16, 0.18, 0.2))
    mesh.panel("z", rear * 1.001, (-0.8 * w, 0.8 * w), (height - 0.95, height - 0.5), (0.3, 0.33, 0.36))
    mesh.panel("z", rear, (-0.85 * w, 0.85 * w), (0.35, 0.65), tuple(0.6 * c for c in bumper))
    mesh.panel("z", rear, (-0.6 * w, 0.6 * w), (0.8, 1.3), (0.2, 0.2, 0.21))
    mesh.panel("z", rear * 1.001, (-0.26, 0.26), (0.5, 0.61), (0.85, 0.85, 0.82))
    for side in (-1.0, 1.0):
        x = (0.62 * w, 0.88 * w) if side > 0 else (-0.88 * w, -0.62 * w)
        mesh.panel("z", front * 1.002, x, (0.66, 0.84), (0.93, 0.93, 0.9))
        mesh.panel("z", rear * 1.001, x, (0.75, 1.15), (0.6, 0.05, 0.04))
