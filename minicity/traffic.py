"""Traffic on a MiniCity street: rows of parked cars, traffic lights, and the vehicles and riders under way."""

import numpy as np

from minicity import cars, cycles, furniture, signs, vehicles
from minicity.mesh import Pose
from minicity.plans import LANE, Plan, Street, free


def parked_cars(street: Street, x: float, side: float, junction: float | None, end: float) -> None:
    """A row of parked cars, bumper to bumper, with gaps."""
    rng = street.rng
    density = float(rng.uniform(0.3, 0.85))
    z = float(rng.uniform(5.2, 14.0))
    while z < min(end, 75.0):
        if rng.random() < density and free(z - 4.0, z + 4.0, junction):
            # Most stand as they drove in, some the other way round, some at an angle.
            heading = float(np.pi * ((side < 0) != (rng.random() < 0.1)) + rng.normal(0.0, 0.03)) + street.bend * z
            heading += float(rng.uniform(-0.35, 0.35)) if rng.random() < 0.06 else 0.0
            pose = Pose(street.x(x + rng.normal(0.0, 0.08), z), z, heading)
            street.things.append(cars.car(rng, pose, street.light))
        z += float(rng.uniform(5.0, 6.4))


def lights(street: Street, edges: list[tuple], near: float, beyond: float) -> None:
    """Lights on both sides of the stop line, often one over the lane too, and their fellows beyond the junction."""
    rng, light = street.rng, street.light
    lit = int(rng.choice((0, 1, 2), p=(0.45, 0.1, 0.45)))
    color, low = furniture.metal(rng), float(rng.uniform(2.1, 2.6))
    for side, (_, (inner, _), _) in zip((-1.0, 1.0), edges, strict=True):
        for z in (near, beyond):
            x = street.x(inner + side * 0.4, z)
            street.things.append(furniture.pole(x, z, light, low + 1.0, float(rng.uniform(0.045, 0.08)), color))
            # Lights across the road are for those who come the other way; some are for walkers or the side street.
            others = rng.random() < (0.5 if side < 0 or z == beyond else 0.12)
            turned = float(rng.choice((1.0, 0.5, -0.5))) if others else 0.0
            head = furniture.traffic_light(rng, x - side * 0.02, low, z, light, lit, turned)
            street.things.append(head)
            if rng.random() < 0.25:
                other = furniture.traffic_light(rng, x + side * 0.3, low - 0.1, z + 0.1, light, lit, -0.5 * side)
                street.things.append(other)
        if side > 0 and rng.random() < 0.5:
            x, high, reach = street.x(inner + 0.5, near), float(rng.uniform(5.3, 6.3)), float(rng.uniform(2.2, 4.5))
            street.things.append(furniture.gantry(x, near + 0.3, light, high, -reach, color))
            y = high - float(rng.uniform(0.3, 1.0))
            street.things.append(furniture.traffic_light(rng, x - reach + 0.2, y, near + 0.2, light, lit))
            if rng.random() < 0.4:
                at = x - 0.5 * reach
                street.things.append(signs.traffic_sign(rng, at, high - 0.3, near + 0.2, light, 1.2))


def under_way(street: Street, plan: Plan, left: float, right: float, parked: list[bool], end: float) -> None:
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
                turn = float(rng.uniform(-0.9, 0.9)) if rng.random() < 0.06 else float(rng.normal(0.0, 0.04))
                pose = Pose(street.x(x + rng.normal(0.0, 0.25), z), z, heading + street.bend * z + turn)
                street.things.append(cars.car(rng, pose, light))
            z += float(rng.uniform(7.0, 16.0))
    if tram_comes:
        z = float(rng.uniform(9.0, 34.0))
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
        motor = bool(rng.random() < 0.3)
        machine = cycles.motorcycle if motor else cycles.bicycle
        street.things.append(machine(rng, street.x(x, z), z, light, turn))
        street.things.append(cycles.rider(rng, street.x(x, z), z, light, turn, motor))
