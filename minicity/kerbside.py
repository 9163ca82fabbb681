"""What lines a MiniCity street between its kerb and its lots: trees, posts, lamps, signs, clutter, bicycles."""

import numpy as np

from minicity import clutter, crowd, cycles, furniture, signs
from minicity.figures import Color
from minicity.materials import Fence
from minicity.plans import Plan, Street, free


def line_kerb(
    street: Street,
    plan: Plan,
    side: float,
    kerb: float,
    pavement: tuple[float, float],
    junction: float | None,
    end: float,
) -> None:
    """Set up all that stands on the pavement of one ``side`` (-1 left, 1 right), and the people on it."""
    rng = street.rng
    at_kerb = pavement[0] + side * 0.45
    color = furniture.metal(rng)
    if not plan.garden[1] and rng.random() < 0.2:
        start, stop = float(rng.uniform(7.0, 14.0)), float(rng.uniform(20.0, 40.0))
        if free(start, stop, junction):
            x = pavement[0] + side * 0.25
            high, pitch = float(rng.uniform(0.9, 1.2)), float(rng.uniform(0.1, 0.5))
            rail = Fence(furniture.metal(rng), high, pitch, 0.03, False, 0.2)
            street.upright("fence", (street.x(x, start), start), (street.x(x, stop), stop), 0.0, high, rail)
    if plan.trees:
        _trees(street, plan, 0.5 * (kerb + pavement[0]) + side * 0.5, junction, end)
    _lamps(street, at_kerb, side, color, end)
    for _ in range(int(rng.poisson(2.1))):
        _sign_post(street, at_kerb, float(8.0 + 46.0 * rng.random() ** 1.3), color)
    for _ in range(int(rng.poisson(1.6))):
        z = float(8.0 + 50.0 * rng.random())
        height = float(rng.choice((3.0, 7.5, 9.5), p=(0.45, 0.35, 0.2)))
        thick = (0.035 + 0.011 * height) * rng.uniform(0.7, 1.4)
        street.things.append(furniture.pole(street.x(at_kerb, z), z, street.light, height, thick, furniture.metal(rng)))
    if rng.random() < 0.3:
        _bollards(street, pavement[0] + side * 0.3, junction)
    crowd.walkers(street, plan, side, pavement, end)
    _parked_cycles(street, plan, at_kerb, pavement[1] - side * 0.5)
    for _ in range(int(rng.poisson(2.4))):
        z = float(8.5 + 40.0 * rng.random() ** 1.3)
        x = pavement[1] - side * 0.5 if rng.random() < 0.6 else at_kerb + side * 0.3
        street.things.append(clutter.clutter(rng, street.x(x, z), z, street.light))


def _trees(street: Street, plan: Plan, x: float, junction: float | None, end: float) -> None:
    rng = street.rng
    spacing = 100.0 / plan.trees * rng.uniform(0.8, 1.25)
    z, height = float(rng.uniform(7.0, 7.0 + spacing)), float(rng.uniform(5.0, 13.0))
    while z < end:
        if rng.random() < 0.85 and free(z, z, junction):
            street.tree(x, z, height * rng.uniform(0.8, 1.2), tall=True)
        z += spacing * rng.uniform(0.85, 1.15)


def _lamps(street: Street, x: float, side: float, color: Color, end: float) -> None:
    """A row of lamps of one make: tall masts, or low lanterns."""
    rng = street.rng
    if rng.random() > 0.65:
        return
    spacing, phase = float(rng.uniform(14.0, 34.0)), float(rng.uniform(0.0, 20.0))
    height = float(rng.uniform(6.0, 10.0) if rng.random() < 0.7 else rng.uniform(3.2, 4.8))
    reach, make = float(rng.uniform(0.8, 2.2)), int(rng.integers(1 << 30))
    for z in np.arange(7.0 + phase, end, spacing).tolist():
        post = np.random.default_rng(make)
        street.things.append(furniture.lamp_post(post, street.x(x, z), z, street.light, height, -side * reach, color))


def _bollards(street: Street, x: float, junction: float | None) -> None:
    """A row of bollards of one make."""
    rng = street.rng
    z, step, make = float(rng.uniform(7.0, 25.0)), float(rng.uniform(1.4, 3.5)), int(rng.integers(1 << 30))
    for _ in range(int(rng.integers(3, 11))):
        if free(z, z, junction):
            post = np.random.default_rng(make)
            street.things.append(furniture.bollard(post, street.x(x, z), z, street.light))
        z += step


def _sign_post(street: Street, x: float, z: float, color: Color) -> None:
    """One to three traffic signs on a post, or a large board on two."""
    rng = street.rng
    x = street.x(x, z)
    top, size = float(rng.uniform(2.2, 3.3)), float(rng.uniform(0.8, 1.35))
    thick = float(rng.uniform(0.028, 0.055))
    street.things.append(furniture.pole(x, z, street.light, top, thick, color))
    count = int(rng.choice((1, 2, 3), p=(0.6, 0.32, 0.08)))
    for k in range(count):
        y = top - 0.35 - 0.72 * k * size
        street.things.append(signs.traffic_sign(rng, x, y, z - 0.01 * k, street.light, size))


def _parked_cycles(street: Street, plan: Plan, at_kerb: float, at_wall: float) -> None:
    """Bicycles and motorcycles left at the wall or the kerb, alone or in rows that all stand the same way."""
    rng = street.rng
    for _ in range(int(rng.poisson(0.3 * plan.bicycles))):
        z = float(8.5 + 32.0 * rng.random() ** 1.3)
        x = at_wall if rng.random() < 0.6 else at_kerb
        heading = float(rng.uniform(-np.pi, np.pi))
        count = int(rng.choice((1, 2, 3, 7), p=(0.5, 0.25, 0.15, 0.1)))
        for k in range(count):
            machine = cycles.motorcycle if rng.random() < 0.1 else cycles.bicycle
            turn = heading + float(rng.normal(0.0, 0.12))
            at = z + 0.6 * k
            street.things.append(machine(rng, street.x(x, at) + 0.1 * k, at, street.light, turn))
