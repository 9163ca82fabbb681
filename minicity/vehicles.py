"""Lorries, buses and trams of MiniCity: the measures and parts that make a `mesh.Mesh` a vehicle.

Coordinates are those of the mesh: x to the right of the vehicle, y up, z forwards, in metres.
"""

import numpy as np

from minicity.geometry import Light, Solid
from minicity.mesh import PAINT, Mesh, Pose, pick


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
