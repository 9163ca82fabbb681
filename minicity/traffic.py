"""Traffic on a MiniCity street: rows of parked cars, traffic lights, and the vehicles and riders under way."""

import numpy as np

from minicity import cars, cycles, furniture, vehicles
from minicity.mesh import Pose
from minicity.plans import LANE, Plan, Street, free


def parked_cars(street: Street, plan: Plan, x: float, side: float, junction: float | None, end: float) -> None:
    """A row of parked cars, bumper to bumper, with gaps."""
    rng = street.rng
    density = float(rng.uniform(0.3, 0.85))
    z = float(rng.uniform(7.5, 18.0))
    while z < min(end, 75.0):
        if rng.random() < density and free(z - 4.0, z + 4.0, junction):
            heading = float(np.pi * (side < 0) + rng.normal(0.0, 0.02)) - street.bend * z
            pose = Pose(street.x(x + rng.normal(0.0, 0.08), z), z, heading)
            street.things.append(cars.car(rng, pose, street.light))
        z += float(rng.uniform(5.0, 6.4))


def lights(street: Street, edges: list[tuple], near: float, beyond: float) -> None:
    """Lights on both sides of the stop line, often one over the lane too, and their fellows beyond the junction."""
    rng, light = street.rng, street.light
    lit = int(rng.choice((0, 1, 2), p=(0.45, 0.1, 0.45)))
    for side, (_, (inner, _), _) in zip((-1.0, 1.0), edges, strict=True):
        for z, away in ((near, side < 0 and rng.random() < 0.5), (beyond, rng.random() < 0.5)):
            x = street.x(inner + side * 0.4, z)
            street.things.append(furniture.pole(x, z, light, 3.4, 0.06))
            street.things.append(furniture.traffic_light(x - side * 0.02, 2.4, z, light, lit, bool(away)))
        if side > 0 and rng.random() < 0.6:
            x = street.x(inner + 0.5, near)
            street.things.append(furniture.lamp_post(x, near + 0.3, light, 5.6, -3.2))
            street.things.append(furniture.traffic_light(x - 3.1, 4.95, near + 0.2, light, lit, False))


def under_way(
    street: Street, plan: Plan, left: float, right: float, parked: list[bool], junction: float | None, end: float
) -> None:
    """Vehicles and riders under way: ahead of us in our lane, and oncoming."""
    rng, light = street.rng, street.light
    lanes = [(0.0, 0.0), (-LANE, np.pi)]
    if plan.lanes == 2:
        lanes += [(-2 * LANE, np.pi)] + ([(LANE, 0.0)] if right > LANE + 1.0 + 2.1 * parked[1] else [])
    tram_comes = plan.track and bool(rng.random() < 0.7)
    heavy = [vehicles.truck] * bool(rng.random() < plan.trucks) + [vehicles.bus] * bool(rng.random() < plan.buses)
    for lane in rng.permutation(len(lanes)).tolist():
        x, heading = lanes[lane]
        if tram_comes and x == -LANE:
            continue
        z = float(rng.uniform(11.0, 28.0)) if lane else float(rng.uniform(12.0, 42.0))
        if heavy:
            at = z + 8.0
            pose = Pose(street.x(x, at), at, heading + street.bend * at)
            street.things.append(heavy.pop()(rng, pose, light))
            z += float(rng.uniform(20.0, 28.0))
        while z < min(end, 100.0):
            if rng.random() < 0.1 * plan.cars:
                pose = Pose(street.x(x + rng.normal(0.0, 0.15), z), z, heading + street.bend * z)
                street.things.append(cars.car(rng, pose, light))
            z += float(rng.uniform(7.0, 16.0))
    if tram_comes:
        z = float(rng.uniform(16.0, 45.0))
        street.things.append(
            vehicles.tram(
                rng, Pose(street.x(-LANE - 0.1, z + 10), z + 10.0, float(np.pi * (rng.random() < 0.6))), light
            )
        )
    for _ in range(int(rng.poisson(0.12 * plan.bicycles))):
        z, ahead = float(9.0 + 26.0 * rng.random()), rng.random() < 0.7
        x = right - 0.6 - 2.1 * parked[1] if ahead else left + 0.6 + 2.1 * parked[0]
        turn = float(rng.normal(0.0, 0.25)) if rng.random() < 0.8 else float(rng.uniform(-np.pi, np.pi))
        turn += 0.0 if ahead else np.pi
        motor = bool(rng.random() < 0.25)
        machine = cycles.motorcycle if motor else cycles.bicycle
        street.things.append(machine(rng, street.x(x, z), z, light, turn))
        street.things.append(cycles.rider(rng, street.x(x, z), z, light, turn, motor))
