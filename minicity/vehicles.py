"""Lorries, buses and trams of MiniCity: the measures and parts that make a `mesh.Mesh` a vehicle.

Coordinates are those of the mesh: x to the right of the vehicle, y up, z forwards, in metres.
"""

import numpy as np

from minicity.dress import cloth
from minicity.figures import Color
from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE, PAINT, Mesh, Pose, pick

CHASSIS = (0.11, 0.11, 0.12)


def livery(rng: np.random.Generator) -> Color:
    """Paint of a firm or a town: white or grey, or a strong colour."""
    if rng.random() < 0.4:
        grey = float(rng.choice((0.84, 0.8, 0.6, 0.45, 0.2)))
        return (grey, grey, grey * 0.98)
    return cloth(rng, 0.75)


def bus(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A city bus, a coach or a double-decker: bands of glass, doors, a display, and often a skirt or an advert."""
    color, skirt = livery(rng), livery(rng)
    if rng.random() < 0.4:
        skirt = color
    double, coach = rng.random() < 0.1, rng.random() < 0.25
    w, half = 1.27, float(rng.uniform(5.0, 6.4))
    height = float(rng.uniform(4.1, 4.4) if double else rng.uniform(3.3, 3.6) if coach else rng.uniform(2.9, 3.2))
    sill = 1.5 if coach else rng.uniform(1.1, 1.25)
    mesh = Mesh()
    mesh.loft(_hull(w, (-half, half), 0.32, height), np.full((3, 8), PAINT), color)
    top = 2.3 if double else height - rng.uniform(0.3, 0.5)
    advert = rng.random() < 0.25
    for side in (-w, w):
        at = side * 1.003
        mesh.panel("x", at, (-half + 0.15, half - 0.15), (0.35, sill - 0.15), skirt)
        mesh.panel("x", at * 1.0005, (-half + 0.1, half - 0.1), (0.3, 0.4), CHASSIS)
        _window_band(mesh, at, (-half + 0.3, half - 0.25), (sill, top), rng.uniform(1.1, 1.8))
        if double:
            _window_band(mesh, at, (-half + 0.3, half - 0.25), (2.75, height - 0.35), 1.4)
        if advert:
            mesh.panel("x", at * 1.001, (-0.6 * half, 0.35 * half), (0.45, sill - 0.05), cloth(rng, 0.8))
            mesh.panel("x", at * 1.0015, (-0.45 * half, 0.1 * half), (0.65, 0.85), (0.85, 0.85, 0.82))
        for axle in (half * 0.55, -half * 0.5):
            mesh.disc(side * 1.006, 0.5, axle, 0.55, (0.04, 0.04, 0.04))
    for door in (half - 1.3, -0.3) if not coach else (half - 1.2,):
        mesh.panel("x", w * 1.006, (door, door + 1.1), (0.38, top), (0.12, 0.13, 0.14))
        for leaf in (door + 0.08, door + 0.6):
            mesh.panel("x", w * 1.007, (leaf, leaf + 0.42), (0.5, top - 0.1), (0.12, 0.13, 0.14, 0.0, 0.2))
    for axle in (half * 0.55, -half * 0.5):
        mesh.wheel(w * 1.004, axle, 0.48, rim=(0.5, 0.5, 0.5))
    if not double and rng.random() < 0.4:
        mesh.box((-0.7 * w, 0.7 * w), (height, height + 0.22), (-0.6 * half, -0.1 * half), (0.62, 0.62, 0.6))
    face = (0.62, 0.62, 0.6) if rng.random() < 0.3 else skirt if rng.random() < 0.5 else color
    _large_face(mesh, rng, w, half, min(height, 3.1), face)
    if double:
        mesh.panel("z", half * 1.001, (-0.88 * w, 0.88 * w), (3.0, height - 0.4), (0.07, 0.075, 0.08, 0.0, 0.2))
    return mesh.model("bus", (w, half, height)).solid(pose, light, np.zeros(3))


def truck(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A lorry: a cab, and behind it a box, a tarpaulin, a tipper, a tank, a flat bed, a skip or a dust cart."""
    color, cargo = livery(rng), livery(rng)
    big = float(rng.random())
    w, half, height = 1.05 + 0.2 * big, 3.0 + 1.9 * big, 2.7 + 1.1 * big
    cab_top, cab_back = 2.3 + 0.65 * big, half - rng.uniform(1.7, 2.1)
    mesh = Mesh()
    mesh.box((-0.8 * w, 0.8 * w), (0.45, 0.8), (-half, half - 0.3), CHASSIS)
    kind = pick(rng, ("box", "box", "box", "tarpaulin", "tarpaulin", "tipper", "tank", "flat", "dust cart"))
    _load(mesh, rng, kind, w, (-half, cab_back - 0.25), height, cargo)
    mesh.loft(_hull(w * 0.97, (cab_back, half), 0.4, cab_top, 0.16), np.full((3, 8), PAINT), color)
    if big > 0.4 and rng.random() < 0.5:
        # A shield against the wind.
        mesh.box((-0.8 * w, 0.8 * w), (cab_top, min(height, cab_top + 0.8)), (cab_back + 0.2, cab_back + 0.9), color)
    for side in (-w, w):
        pane = [
            (side * 0.975, 1.35, cab_back + 0.7),
            (side * 0.975, cab_top - 0.35, cab_back + 0.7),
            (side * 0.975, cab_top - 0.35, half - 0.35),
            (side * 0.975, 1.35, half - 0.15),
        ]
        mesh.pane(pane, (np.sign(side), 0.0, 0.0), 0.6, (0.4,))
        mesh.panel(
            "x", side * 0.976, (cab_back + 0.64, cab_back + 0.66), (0.7, cab_top - 0.3), tuple(0.6 * c for c in color)
        )
        mesh.panel("x", side * 0.976, (cab_back + 0.05, half - 0.1), (0.42, 0.62), CHASSIS)
        # Between the axles: tank and boards.
        mesh.panel("x", side * 0.99, (-0.25 * half, 0.25 * half), (0.42, 0.82), (0.3, 0.3, 0.31))
        mesh.box((side * 1.0, side * 1.16), (1.5, 2.0), (half - 0.25, half - 0.1), CHASSIS)
    front, rear = half * 1.001, -half * 1.001
    low, top = 1.3, cab_top - 0.3
    wind = [(-0.85 * w, low, front), (-0.82 * w, top, front), (0.82 * w, top, front), (0.85 * w, low, front)]
    mesh.pane(wind, (0.0, 0.0, 1.0), 0.7, (0.27, 0.73))
    bumper = pick(rng, (CHASSIS, (0.55, 0.55, 0.54), color))
    mesh.panel("z", front, (-0.88 * w, 0.88 * w), (0.38, 0.64), bumper)
    mesh.panel("z", front, (-0.6 * w, 0.6 * w), (0.75, 1.15), (0.08, 0.08, 0.08))
    for slat in (0.82, 0.92, 1.02):
        mesh.panel("z", front * 1.0005, (-0.58 * w, 0.58 * w), (slat, slat + 0.03), (0.3, 0.3, 0.3))
    mesh.panel("z", front * 1.001, (-0.26, 0.26), (0.48, 0.58), (0.85, 0.85, 0.82))
    mesh.panel("z", rear, (-0.95 * w, 0.95 * w), (0.55, 0.82), (0.16, 0.16, 0.17))
    mesh.panel("z", rear * 1.001, (-0.26, 0.26), (0.62, 0.73), pick(rng, ((0.85, 0.85, 0.82), (0.88, 0.68, 0.12))))
    for side in (-1.0, 1.0):
        x = (0.62 * w, 0.88 * w) if side > 0 else (-0.88 * w, -0.62 * w)
        mesh.panel("z", front * 1.002, x, (0.68, 0.84), (0.93, 0.93, 0.9))
        mesh.panel("z", rear * 1.001, x, (0.6, 0.76), (0.6, 0.05, 0.04))
    for axle in (half - 1.0, -half + 1.3) + ((-half + 2.4,) if big > 0.5 else ()):
        mesh.wheel(w * 1.005, axle, 0.4 + 0.1 * big, rim=(0.5, 0.5, 0.5))
    return mesh.model("truck", (w, half, height)).solid(pose, light, np.zeros(3))


def _load(
    mesh: Mesh, rng: np.random.Generator, kind: str, w: float, ends: tuple[float, float], height: float, color: Color
) -> None:
    """What a lorry carries behind its cab."""
    back, front = ends
    dark = tuple(0.75 * c for c in color)
    if kind == "tank":
        turn = np.linspace(0.0, 2 * np.pi, 13)
        ring = np.stack([0.95 * w * np.sin(turn), 1.75 + 0.85 * np.cos(turn)], axis=1)
        rings = np.array(
            [
                [(x * s, 1.75 + (y - 1.75) * s, at) for x, y in ring.tolist()]
                for at, s in ((back, 0.85), (back + 0.25, 1.0), (front - 0.25, 1.0), (front, 0.85))
            ]
        )
        mesh.loft(rings, np.full((3, 12), PAINT), color)
        return
    if kind == "flat":
        mesh.box((-w, w), (0.82, 1.0), ends, dark)
        mesh.box((-w, w), (1.0, 1.9), (front - 0.1, front), dark)
        at = back + 0.3
        while at < front - 1.0:
            long, high = rng.uniform(0.6, 1.6), rng.uniform(0.3, 1.4)
            stop = min(at + long, front - 0.2)
            mesh.box((-0.85 * w, 0.85 * w), (1.0, 1.0 + high), (at, stop), cloth(rng, 0.4))
            at = stop + rng.uniform(0.1, 0.5)
        return
    top = {"tipper": 0.62 * height, "dust cart": 0.92 * height}.get(kind, height)
    mesh.loft(_hull(w, ends, 0.85, top, 0.25 if kind == "dust cart" else 0.0), np.full((3, 8), PAINT), color)
    ribs = {"tipper": 0.6, "tarpaulin": 1.1, "dust cart": 1.4}.get(kind)
    lettered = rng.random() < 0.6
    shown, ink = cloth(rng, 0.7), pick(rng, ((0.85, 0.85, 0.82), (0.12, 0.12, 0.13), cloth(rng, 0.9)))
    for side in (-w, w):
        mesh.panel("x", side * 1.002, (back + 0.05, front - 0.05), (0.85, 0.97), (0.3, 0.3, 0.3))
        if ribs:
            for at in np.arange(back + 0.3, front - 0.1, ribs):
                mesh.panel("x", side * 1.003, (at, at + 0.07), (0.95, top - 0.2), dark)
        if kind in ("box", "tarpaulin") and lettered:
            mesh.panel("x", side * 1.0035, (0.8 * back, front - 0.7), (1.5, 1.5 + 0.25 * height), shown)
            at = 0.7 * back
            while at < front - 1.2:
                mesh.panel("x", side * 1.004, (at, at + 0.22), (1.65, 1.65 + rng.uniform(0.25, 0.42)), ink)
                at += 0.34
    rear = back * 1.002
    mesh.panel("z", rear, (-0.92 * w, 0.92 * w), (0.95, top - 0.15), tuple(0.9 * c for c in color))
    if kind == "dust cart":
        mesh.panel("z", rear * 1.001, (-0.75 * w, 0.75 * w), (0.95, 1.9), (0.06, 0.06, 0.065))
    for bar in (-0.9, -0.015, 0.86) if kind in ("box", "dust cart") else (-0.015,):
        mesh.panel("z", rear * 1.001, (bar * w, bar * w + 0.04), (0.95, top - 0.2), (0.25, 0.25, 0.25))


def tram(rng: np.random.Generator, pose: Pose, light: Light) -> Solid:
    """A tram of two or three cars: label "train", as Cityscapes calls it."""
    color, band = livery(rng), pick(rng, ((0.15, 0.15, 0.16), (0.8, 0.8, 0.76), livery(rng)))
    w, height, section = 1.22, float(rng.uniform(3.2, 3.5)), 7.0
    half = section * int(rng.integers(2, 4)) / 2
    sill, pitch = rng.uniform(1.0, 1.25), rng.uniform(1.2, 2.0)
    mesh = Mesh()
    start = -half
    while start < half - 1.0:
        mesh.loft(_hull(w, (start + 0.2, start + section - 0.2), 0.3, height, 0.05), np.full((3, 8), PAINT), color)
        mesh.box((-0.85 * w, 0.85 * w), (0.4, height - 0.15), (start - 0.25, start + 0.25), (0.1, 0.1, 0.1))
        for side in (-w, w):
            mesh.panel("x", side * 1.003, (start + 0.3, start + section - 0.3), (0.3, sill - 0.2), band)
            _window_band(mesh, side * 1.003, (start + 0.5, start + section - 0.5), (sill, height - 0.6), pitch)
            mesh.panel("x", side * 1.006, (start + 2.8, start + 4.2), (0.4, height - 0.6), (0.1, 0.11, 0.12))
            for leaf in (start + 2.9, start + 3.55):
                mesh.panel("x", side * 1.007, (leaf, leaf + 0.55), (0.6, height - 0.75), (0.12, 0.13, 0.14, 0.0, 0.2))
        mesh.box((-0.5 * w, 0.5 * w), (height, height + 0.25), (start + 1.2, start + 4.5), (0.4, 0.4, 0.4))
        start += section
    _large_face(mesh, rng, w, half - 0.2, height, band)
    return mesh.model("train", (w, half, height + 0.25)).solid(pose, light, np.zeros(3))


def _hull(w: float, ends: tuple[float, float], low: float, top: float, slant: float = 0.1) -> np.ndarray:
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


def _window_band(mesh: Mesh, at: float, along: tuple[float, float], y: tuple[float, float], pitch: float) -> None:
    """A row of panes: the street mirrored low, passengers dark behind the middle, the sky mirrored above."""
    mesh.panel("x", at, along, y, (0.06, 0.065, 0.07))
    count = max(int((along[1] - along[0]) / pitch), 1)
    step = (along[1] - along[0]) / count
    low, high = y[0] + 0.06, y[1] - 0.05
    for i in range(count):
        pane = (along[0] + i * step + 0.05, along[0] + (i + 1) * step - 0.05)
        for start, stop, sky in ((0.0, 0.3, 0.1), (0.3, 0.65, 0.16), (0.65, 1.0, 0.34)):
            edges = (low + start * (high - low), low + stop * (high - low))
            mesh.panel("x", at * 1.001, pane, edges, (0.05, 0.055, 0.06, 0.0, sky))
        if i % 3 != 1:
            # Seats and heads.
            middle = 0.5 * (pane[0] + pane[1])
            mesh.panel(
                "x", at * 1.0015, (middle - 0.18, middle + 0.18), (low, low + 0.45 * (high - low)), (0.06, 0.06, 0.07)
            )
            mesh.panel(
                "x", at * 1.0015, (middle - 0.08, middle + 0.08), (low, low + 0.7 * (high - low)), (0.09, 0.08, 0.08)
            )


def _large_face(mesh: Mesh, rng: np.random.Generator, w: float, half: float, height: float, bumper: Color) -> None:
    """Front and rear of a bus or tram: windscreen, display, lamps, bumper."""
    front, rear = half * 1.001, -half * 1.001
    mesh.panel("z", front, (-0.9 * w, 0.9 * w), (1.05, height - 0.32), (0.08, 0.085, 0.09))
    top = height - 0.75
    wind = [
        (-0.86 * w, 1.1, front * 1.001),
        (-0.86 * w, top, front * 1.001),
        (0.86 * w, top, front * 1.001),
        (0.86 * w, 1.1, front * 1.001),
    ]
    mesh.pane(wind, (0.0, 0.0, 1.0), 0.8)
    mesh.occupant(wind, (0.0, 0.0, 1.0), 0.3, (cloth(rng), (0.6, 0.45, 0.36), (0.1, 0.08, 0.07)))
    mesh.panel("z", front * 1.002, (-0.6 * w, 0.6 * w), (height - 0.66, height - 0.38), (0.03, 0.03, 0.03))
    glow = pick(rng, ((0.95, 0.62, 0.1), (0.9, 0.9, 0.85), (0.95, 0.62, 0.1)))
    for k in range(7):
        x = (-0.5 + k * 0.14) * w
        mesh.panel("z", front * 1.003, (x, x + rng.uniform(0.06, 0.11) * w), (height - 0.6, height - 0.45), glow)
    mesh.panel("z", front, (-0.85 * w, 0.85 * w), (0.35, 0.65), tuple(0.6 * c for c in bumper))
    mesh.panel("z", front * 1.001, (-0.26, 0.26), (0.44, 0.55), (0.85, 0.85, 0.82))
    wide = rng.uniform(0.5, 0.82)
    mesh.panel("z", rear, (-wide * w, wide * w), (1.5, height - 0.5), (0.06, 0.065, 0.07, 0.0, 0.12))
    mesh.panel("z", rear * 1.001, (-wide * w, wide * w), (height - 0.95, height - 0.5), (0.07, 0.07, 0.075, 0.0, 0.35))
    mesh.panel("z", rear, (-0.85 * w, 0.85 * w), (0.35, 0.65), tuple(0.6 * c for c in bumper))
    mesh.panel("z", rear, (-0.6 * w, 0.6 * w), (0.8, 1.3), (0.2, 0.2, 0.21))
    for slat in (0.9, 1.0, 1.1, 1.2):
        mesh.panel("z", rear * 1.0005, (-0.55 * w, 0.55 * w), (slat, slat + 0.03), (0.1, 0.1, 0.1))
    mesh.panel("z", rear * 1.001, (-0.26, 0.26), (0.5, 0.61), (0.85, 0.85, 0.82))
    lamps = rng.random() < 0.5
    for side in (-1.0, 1.0):
        x = (0.62 * w, 0.88 * w) if side > 0 else (-0.88 * w, -0.62 * w)
        if lamps:
            mesh.panel("z", front * 1.002, x, (0.66, 0.84), (0.93, 0.93, 0.9))
        else:
            mesh.detail(
                [(side * 0.74 * w + 0.13 * a, 0.76 + 0.13 * b, front * 1.002) for a, b in CIRCLE.tolist()],
                (0.0, 0.0, 1.0),
                (0.95, 0.95, 0.92),
            )
        mesh.panel("z", rear * 1.001, x, (0.75, 0.75 + rng.uniform(0.2, 0.5)), (0.6, 0.05, 0.04))
        mesh.panel("z", rear * 1.0015, x, (0.7, 0.78), (0.85, 0.5, 0.1))
