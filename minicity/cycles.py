"""Two-wheelers of MiniCity and those who ride them, seen from all sides. Lengths in metres."""

import numpy as np

from minicity.dress import BLACK, cloth, denim
from minicity.figures import METAL, Figure, Point
from minicity.geometry import Light, Solid
from minicity.heads import HAIR, skin_color
from minicity.mesh import RUBBER, pick
from minicity.people import NEAR

SHINE = (0.6, 0.6, 0.6)


def bicycle(rng: np.random.Generator, x: float, z: float, light: Light, heading: float) -> Solid:
    """A bicycle: city bike with basket and carrier, racer, mountain bike or small wheels, in any colour."""
    bike = Figure(x, z, light, heading, z < NEAR)
    color = cloth(rng, 0.5)
    radius = float(rng.choice((0.34, 0.34, 0.36, 0.27)))
    axle = rng.uniform(0.48, 0.56)
    low_step = rng.random() < 0.4
    thick = rng.uniform(0.014, 0.028)
    for hub in (-axle, axle):
        bike.wheel((0.0, radius, hub), radius, thick, RUBBER, 5 if bike.near else 4, (0.45, 0.45, 0.45))
        if rng.random() < 0.6:
            bike.bone((0.0, 2 * radius + 0.01, hub - 0.2), (0.0, 2 * radius + 0.02, hub + 0.16), 0.022, 0.022, color)
    crank, seat, head = (0.0, 0.3, -0.05), (0.0, 0.86, -0.2), (0.0, 0.84, axle - 0.16)
    low_head = (0.0, 0.7, axle - 0.13)
    tubes = [
        ((0.0, radius, -axle), crank),
        ((0.0, radius, -axle), (0.0, 0.72, -0.17)),
        (crank, seat),
        (crank, low_head),
        ((0.0, radius, axle), head),
    ]
    tubes.append(((0.0, 0.5, -0.12), low_head) if low_step else ((0.0, 0.78, -0.18), head))
    for a, b in tubes:
        bike.bone(a, b, 0.02, 0.02, color, 0.01)
    bike.bone((0.0, 0.94, -0.32), (0.0, 0.93, -0.08), 0.055, 0.03, BLACK, 0.02)
    bar = 1.0 if rng.random() < 0.7 else 0.88
    bike.bone(head, (0.0, bar, axle - 0.18), 0.018, 0.018, METAL)
    for side in (-1.0, 1.0):
        bike.bone((0.0, bar, axle - 0.18), (side * 0.28, bar + 0.02, axle - 0.25), 0.018, 0.02, BLACK)
        bike.bone(crank, (side * 0.1, 0.3 - side * 0.16, -0.05), 0.015, 0.02, METAL)
    luck = rng.random()
    if luck < 0.35:
        bike.tube(
            [(axle + 0.06, 0.98, 0.19, 0.15), (axle + 0.06, 0.74, 0.15, 0.11)], pick(rng, ((0.25, 0.2, 0.14), BLACK))
        )
    elif luck < 0.5:
        bike.tube([(-axle, 1.15, 0.14, 0.1), (-axle, 0.75, 0.16, 0.16)], cloth(rng, 0.4))
    if rng.random() < 0.5:
        bike.bone((0.0, 0.74, -axle - 0.2), (0.0, 0.74, -0.25), 0.02, 0.02, METAL)
    if rng.random() < 0.2:
        for side in (-1.0, 1.0):
            bike.tube([(-axle, 0.75, 0.05, 0.17), (-axle, 0.4, 0.06, 0.15)], cloth(rng, 0.4), 0.03, side * 0.14)
    if bike.cos < -0.1:
        bike.ball((0.0, 0.8, axle - 0.05), (0.05, 0.05, 0.03), (0.9, 0.9, 0.86), 0.05)
    elif bike.cos > 0.1:
        bike.ball((0.0, 0.62, -axle - 0.15), (0.03, 0.03, 0.02), (0.6, 0.06, 0.05), 0.05)
    return bike.solid("bicycle", max(0.85 * abs(bike.sin), 0.15), 0.9)


def motorcycle(rng: np.random.Generator, x: float, z: float, light: Light, heading: float) -> Solid:
    """A motorcycle or scooter: tank and seat or closed bodywork, fat tyres, lamps, mirrors, sometimes a top box."""
    bike = Figure(x, z, light, heading, z < NEAR)
    color = cloth(rng, 0.55)
    scooter = bool(rng.random() < 0.45)
    radius = 0.24 if scooter else 0.31
    for hub in (-0.62, 0.66):
        bike.wheel((0.0, radius, hub), radius, 0.07, RUBBER, 0, (0.42, 0.42, 0.43))
        bike.bone((0.0, 2 * radius, hub - 0.12), (0.0, 2 * radius, hub + 0.15), 0.06, 0.05, color)
    for side in (-1.0, 1.0):
        bike.bone((side * 0.09, radius, 0.66), (side * 0.08, 0.9, 0.42), 0.03, 0.03, SHINE)
    if scooter:
        bike.tube([(-0.45, 0.8, 0.14, 0.38), (-0.45, 0.55, 0.2, 0.42), (-0.4, 0.3, 0.15, 0.3)], color)
        bike.tube([(0.42, 1.0, 0.12, 0.08), (0.4, 0.7, 0.22, 0.1), (0.34, 0.28, 0.18, 0.12)], color)
        bike.tube([(0.05, 0.32, 0.17, 0.32), (0.05, 0.2, 0.17, 0.32)], (0.2, 0.2, 0.21))
    else:
        bike.bone((0.0, 0.42, -0.25), (0.0, 0.42, 0.3), 0.17, 0.19, (0.17, 0.17, 0.18))
        bike.bone((0.0, 0.32, 0.3), (0.0, 0.28, -0.3), 0.05, 0.05, SHINE, 0.03)
        bike.tube([(0.2, 0.86, 0.1, 0.2), (0.18, 0.74, 0.15, 0.28), (0.15, 0.64, 0.12, 0.25)], color, 0.02)
        bike.bone((0.0, 0.66, -0.7), (0.0, 0.6, -0.2), 0.09, 0.13, color)
        if rng.random() < 0.5:
            bike.tube([(0.5, 1.12, 0.16, 0.08), (0.52, 0.85, 0.22, 0.18), (0.45, 0.5, 0.2, 0.2)], color, 0.02)
    bike.bone((0.14, 0.33, -0.15), (0.16, 0.4, -0.75), 0.04, 0.06, SHINE, 0.02)
    bike.tube([(-0.36, 0.86, 0.12, 0.36), (-0.34, 0.78, 0.13, 0.36)], BLACK, 0.03)
    for side in (-1.0, 1.0):
        bike.bone((0.0, 1.0, 0.4), (side * 0.36, 1.02, 0.3), 0.022, 0.028, BLACK)
        bike.bone((side * 0.22, 1.02, 0.36), (side * 0.28, 1.2, 0.36), 0.012, 0.012, BLACK)
        bike.ball((side * 0.29, 1.22, 0.36), (0.07, 0.045, 0.02), BLACK)
    if rng.random() < 0.5:
        bike.tube([(0.42, 1.4, 0.14, 0.03), (0.46, 1.0, 0.17, 0.05)], (0.35, 0.39, 0.42), 0.01)
    if rng.random() < 0.3:
        bike.tube([(-0.75, 1.15, 0.18, 0.18), (-0.75, 0.85, 0.2, 0.2)], (0.12, 0.12, 0.13))
    if bike.cos < 0.25:
        bike.ball((0.0, 0.9, 0.58), (0.1, 0.09, 0.05), (0.96, 0.96, 0.92), 0.1)
    if bike.cos > -0.25:
        bike.ball((0.0, 0.72, -0.85), (0.08, 0.04, 0.03), (0.62, 0.05, 0.04), 0.1)
        bike.tube([(-0.9, 0.62, 0.1, 0.02), (-0.88, 0.46, 0.1, 0.02)], (0.85, 0.85, 0.8), 0.08)
    return bike.solid("motorcycle", max(abs(bike.sin), 0.35), 1.1)


def rider(rng: np.random.Generator, x: float, z: float, light: Light, heading: float, motor: bool) -> Solid:
    """Who sits on the two-wheeler at the same place, with the same heading."""
    figure = Figure(x, z - 0.02, light, heading, z < NEAR)
    size = rng.uniform(0.92, 1.08)
    top, trousers, skin = cloth(rng, 0.45), denim(rng), skin_color(rng)
    if motor and rng.random() < 0.6:
        top, trousers = cloth(rng, 0.15), (0.07, 0.07, 0.075)
    bare_legs, bare_arms = (False, False) if motor else (rng.random() < 0.25, rng.random() < 0.35)
    seat: Point = (0.0, 0.84, -0.3) if motor else (0.0, 0.97, -0.22)
    bent = 0.12 if motor else float(rng.uniform(0.0, 0.38))
    shoulder = (0.0, seat[1] + 0.53 * size * np.cos(bent), seat[2] + 0.1 + 0.53 * size * np.sin(bent))
    phase = rng.uniform(0.0, 2 * np.pi)
    for side in (-1.0, 1.0):
        turn = phase + (np.pi if side > 0 else 0.0)
        if motor:
            foot: Point = (side * 0.2, 0.33, 0.02)
            knee: Point = (side * 0.24, 0.72, 0.2)
        else:
            foot = (side * 0.11, 0.34 + 0.16 * np.sin(turn), -0.05 + 0.16 * np.cos(turn))
            knee = (side * 0.13, 0.72 + 0.11 * np.sin(turn), 0.16 + 0.07 * np.cos(turn))
        hip = (side * 0.09, seat[1], seat[2] + 0.03)
        figure.bone(hip, knee, 0.095, 0.066, trousers)
        figure.bone(knee, foot, 0.06, 0.043, skin if bare_legs else trousers)
        figure.bone(
            (foot[0], foot[1] - 0.02, foot[2] - 0.05),
            (foot[0], foot[1] - 0.05, foot[2] + 0.16),
            0.046,
            0.032,
            cloth(rng, 0.2),
        )
        at = (side * 0.2 * size, shoulder[1] - 0.03, shoulder[2])
        hand: Point = (side * 0.3, 1.04, 0.3) if motor else (side * 0.26, 1.04, 0.28)
        elbow = (side * 0.3, 0.45 * at[1] + 0.55 * hand[1] - 0.06, 0.5 * (at[2] + hand[2]))
        figure.bone(at, elbow, 0.058, 0.047, top, 0.02)
        figure.bone(elbow, hand, 0.046, 0.036, skin if bare_arms else top, 0.02)
        figure.ball(hand, (0.04, 0.045, 0.05), BLACK if motor else skin, 0.03)
    w = 0.2 * size
    rings = [(shoulder[2] + 0.02, shoulder[1] + 0.06, 0.07, 0.07), (shoulder[2], shoulder[1], 0.9 * w, 0.1)]
    for share, half in ((0.3, w), (0.7, 0.82 * w), (1.0, 0.85 * w)):
        rings.append(
            (
                shoulder[2] + share * (seat[2] - shoulder[2]),
                shoulder[1] + share * (seat[1] - 0.06 - shoulder[1]),
                half,
                0.125 * size,
            )
        )
    figure.tube(rings, top)
    if rng.random() < 0.25:
        back = 0.5 * (shoulder[2] + seat[2]) - 0.2
        figure.tube(
            [
                (back + 0.07, shoulder[1] + 0.02, 0.12, 0.06),
                (back, shoulder[1] - 0.2, 0.16, 0.11),
                (back, seat[1] + 0.12, 0.15, 0.11),
            ],
            cloth(rng, 0.4),
            0.02,
        )
    elif rng.random() < 0.15:
        figure.tube([rings[1], rings[2], rings[3]], pick(rng, ((0.75, 0.85, 0.1), (0.95, 0.45, 0.08))), 0.01)
    head = (0.0, shoulder[1] + 0.24, shoulder[2] + 0.07 + 0.1 * bent)
    figure.bone((0.0, shoulder[1], shoulder[2] + 0.02), head, 0.055, 0.05, skin)
    if motor:
        figure.ball((0.0, head[1] + 0.01, head[2]), (0.125, 0.14, 0.145), cloth(rng, 0.5))
        figure.ball((0.0, head[1] + 0.01, head[2] + 0.08), (0.095, 0.05, 0.07), (0.1, 0.11, 0.12), 0.02)
    else:
        hair = pick(rng, HAIR)
        figure.ball((0.0, head[1] + 0.02, head[2] - 0.03), (0.085, 0.105, 0.095), hair)
        figure.ball((0.0, head[1] - 0.01, head[2] + 0.015), (0.076, 0.11, 0.09), skin, 0.01)
        covered = rng.random() < 0.45
        crown = cloth(rng, 0.55) if covered else hair
        figure.tube(
            [
                (head[2] - 0.01, head[1] + (0.15 if covered else 0.12), 0.05, 0.06),
                (head[2] - 0.01, head[1] + 0.1, 0.09, 0.12),
                (head[2] - 0.01, head[1] + 0.045, 0.1, 0.14 if covered else 0.1),
            ],
            crown,
            0.1,
        )
    return figure.solid("rider", 0.3, 1.7)
