"""The layout of a MiniCity street: what stands where, for one seed and any picture size.

A street runs along Z, gently bent. On each side lie, from the lane of the camera outwards: lanes, perhaps tram
tracks, a row of parked cars, a verge, the pavement, perhaps a front garden, and a row of *lots* (a house, a walled
yard, a park, a car park). Far to near is decided later: here, order does not matter, except on the ground.
"""

import numpy as np

from minicity import cars, crowd, traffic, vehicles
from minicity.geometry import Light, Surface
from minicity.kerbside import line_kerb
from minicity.materials import Asphalt, Grass, Paving, Rails, Wear
from minicity.mesh import Pose
from minicity.plans import BACKDROP, LANE, NEAR, PLANS, Plan, Street

PAVEMENTS = (
    (1.0, 0.98, 0.95),
    (1.0, 1.0, 1.0),
    (0.96, 0.99, 1.05),
    (1.08, 0.96, 0.9),
    (1.15, 0.93, 0.8),
    (1.05, 1.0, 0.86),
)
"""Casts of pavements: sandy, grey, bluish, pink, red and yellowish."""


def build(rng: np.random.Generator, light: Light) -> Street:
    """Plan a whole street. All random numbers that the street needs are drawn here, so it is the same at every size."""
    names = list(PLANS)
    weights = np.array([PLANS[name].weight for name in names])
    plan = PLANS[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
    bend = (
        float(rng.normal(0.0, 0.0022))
        if rng.random() < 0.75
        else float(rng.choice((-1.0, 1.0)) * rng.uniform(0.004, 0.009))
    )
    shift = float(rng.normal(0.0, 0.35)) + (float(rng.uniform(-2.5, 1.5)) if rng.random() < 0.15 else 0.0)
    season, green = float(max(rng.normal(0.0, 0.35), 0.0)), bool(rng.random() < plan.green)
    bare = float(rng.uniform(0.2, 1.0)) if rng.random() < 0.3 else 0.0
    taste = 3.6 * float(rng.random() < 0.6), 1.6 * float(rng.random() < 0.7)
    street = Street(rng, light, bend, season, bare, green, taste, shift)
    junction = float(rng.uniform(17.0, 48.0)) if rng.random() < 0.5 else None
    end = float(rng.uniform(60.0, 150.0))
    if rng.random() < 0.12:
        # The view is closed: the street ends at a crossing street, or turns away before a house.
        end = float(rng.uniform(24.0, 46.0))
        junction = end - 12.0 if rng.random() < 0.7 else None

    parked = [bool(rng.random() < plan.parked) for _ in range(2)]
    right = 0.5 * LANE + 0.15 + 2.1 * parked[1] + LANE * (plan.lanes == 2 and rng.random() < 0.5)
    left = -(0.5 * LANE + plan.lanes * LANE + 0.15 + 2.1 * parked[0])
    # Bus bays, turning lanes, old roads that were never divided into lanes.
    right += float(rng.uniform(0.0, 3.0)) if rng.random() < 0.25 else 0.0
    left -= float(rng.uniform(0.0, 4.0)) if rng.random() < 0.25 else 0.0
    edges = _ground(street, plan, left, right, parked, junction)
    for side, (kerb, pavement, front) in zip((-1.0, 1.0), edges, strict=True):
        _lots(street, plan, side, front, pavement, junction, end)
        line_kerb(street, plan, side, kerb, pavement, junction, end)
        if parked[side > 0]:
            traffic.parked_cars(street, kerb - side * 1.0, side, junction, end)
    if junction is not None:
        _junction(street, plan, edges, junction)
    crowd.crossing(street, plan, left, right, junction)
    traffic.under_way(street, plan, left, right, parked, end)
    _horizon(street, plan, end)
    return street


def _ground(
    street: Street, plan: Plan, left: float, right: float, parked: list[bool], junction: float | None
) -> list[tuple]:
    """Lay road, verges, pavements and tracks; returns for each side the places of kerb, pavement and lot front."""
    rng = street.rng
    earth = Grass((0.33, 0.36, 0.2), 0.3, 0.1) if street.green else Paving((0.42, 0.42, 0.41), (0.3, 0.3))
    outline = np.array([(-900, 0, NEAR), (-900, 0, 900), (900, 0, 900), (900, 0, NEAR)], float)
    street.ground.append(Surface("terrain" if street.green else "ground", BACKDROP, outline, earth))
    tone, pick = rng.uniform(0.24, 0.62), int(rng.integers(5))
    stone = tuple(tone * np.array(PAVEMENTS[int(rng.integers(len(PAVEMENTS)))]) * (1.0 + rng.normal(0.0, 0.03, 3)))
    slab = ((0.5, 0.5), (0.3, 0.3), (0.2, 0.1), (1.0, 1.0), (0.0, 0.0))[pick]
    kerb_tone = float(rng.uniform(0.32, 0.68))
    wear = _wear(rng, left, right)
    if rng.random() < 0.35:
        # The same asphalt on both sides of the kerb.
        stone, slab = tuple(wear.tone * rng.uniform(0.85, 1.3) * np.array(wear.cast)), (0.0, 0.0)
    edges = []
    for side, kerb in ((-1.0, left), (1.0, right)):
        verge = max(float(rng.uniform(*plan.verge)), 0.0) if rng.random() < 0.75 else 0.0
        pavement = float(rng.uniform(*plan.pavement)) + (float(rng.uniform(2.0, 9.0)) if rng.random() < 0.1 else 0.0)
        garden = float(rng.uniform(*plan.garden))
        inner = kerb + side * verge
        front = inner + side * pavement
        if garden:
            street.soil(*sorted((front, front + side * garden)), (0.28, 0.36, 0.15))
        street.strip(
            "sidewalk",
            *sorted((inner - side * 0.02, front + side * 0.3)),
            Paving(stone, slab, inner if not verge else None, 0.0, float(rng.random()), kerb_tone),
        )
        if verge:
            street.soil(*sorted((kerb, inner)), (0.27, 0.34, 0.15))
        edges.append((kerb, (inner, front), front + side * garden))
    lines: list[tuple[float, float, float]] = []
    middle = -0.5 * LANE
    if rng.random() < 0.75:
        lines.append((middle, *((9.0, 3.0) if rng.random() < 0.7 else (0.0, 0.0))))
    if plan.lanes == 2:
        lines.append((middle - LANE, 9.0, 3.0))
        if right > LANE + 2:
            lines.append((middle + LANE, 9.0, 3.0))
    if parked[1] and rng.random() < 0.5:
        lines.append((right - 2.1, 0.0, 0.0))
    if rng.random() < 0.25:
        lines.append((right - 0.25, 0.0, 0.0))
    if rng.random() < 0.2:
        lines += [
            (kerb + inwards, 0.0, 0.0)
            for kerb, sign in ((left, 1), (right, -1))
            for inwards in (0.3 * sign, 0.55 * sign)
        ]
    crossings = (junction - 5.5,) if junction is not None and rng.random() < 0.7 else ()
    if rng.random() < 0.12:
        crossings = (*crossings, float(rng.uniform(9.0, 16.0)))
    arrows = ((0.0, junction - 15.0),) if junction is not None and plan.lanes == 2 and rng.random() < 0.6 else ()
    kind = "cobbles" if rng.random() < plan.cobbles else ("concrete" if rng.random() < 0.08 else "asphalt")
    road = Asphalt(left, right, wear, tuple(lines), crossings, kind, arrows, float(rng.random()))
    street.strip("road", left, right, road)
    if plan.track:
        for track in (-0.5 * LANE - 1.6, -0.5 * LANE - 1.6 - 3.2) if rng.random() < 0.3 else (-LANE,):
            bed = ((0.4, 0.4, 0.4), (0.45, 0.43, 0.4), (0.28, 0.33, 0.17))[int(rng.integers(3))]
            street.strip("rail track", track - 1.25, track + 1.25, Rails(track, bed, float(rng.random())))
    for side, parks, kerb in ((-1.0, parked[0], left), (1.0, parked[1], right)):
        if parks and rng.random() < 0.3:
            bays = Paving((0.4, 0.39, 0.38), (0.2, 0.1), None, 6.0, float(rng.random()))
            street.strip("parking", *sorted((kerb, kerb - side * 2.0)), bays)
    return edges


def _wear(rng: np.random.Generator, left: float, right: float) -> Wear:
    """The age of a road: from nearly white concrete to black new asphalt, blue, brown or red."""
    cast = 1.0 + rng.normal(0.0, (0.03, 0.012, 0.04)) + np.array([-1.0, 0.0, 1.0]) * rng.normal(0.015, 0.03)
    patches = []
    for _ in range(int(rng.poisson(2.2))):
        u, v, wide = rng.uniform(left, right), 3.0 + 35.0 * rng.random() ** 1.5, rng.uniform(0.4, 2.5)
        patches.append((u, u + wide, v, v + rng.uniform(0.6, 9.0), rng.uniform(0.68, 1.25)))
    holes = [(rng.uniform(left + 0.5, right - 0.5), 4.0 + 26.0 * rng.random()) for _ in range(int(rng.poisson(1.4)))]
    yellow = rng.random() < 0.12
    paint = (0.8, 0.66, 0.25) if yellow else tuple(rng.uniform(0.68, 0.9) * np.array([1.0, 1.0, 0.96]))
    return Wear(
        tone=float(np.exp(rng.uniform(np.log(0.17), np.log(0.6)))),
        cast=tuple(cast),
        grain=float(rng.uniform(0.03, 0.14)),
        blotches=float(rng.uniform(0.03, 0.15)),
        cracks=float(rng.uniform(0.1, 0.4) if rng.random() < 0.6 else 0.0),
        tracks=float(rng.normal(0.03, 0.06)),
        worn=float(rng.uniform(0.0, 0.7)),
        paint=paint,
        patches=tuple(patches),
        manholes=tuple(holes),
    )


def _lots(
    street: Street, plan: Plan, side: float, front: float, pavement: tuple, junction: float | None, end: float
) -> None:
    """The row of lots on one side, from near to far."""
    rng = street.rng
    z = float(rng.uniform(3.0, 8.0))
    park = rng.random() < 0.12
    while z < end:
        length = float(rng.uniform(9.0, 20.0))
        stop = z + length
        if junction is not None and z < junction + 10.0 and stop > junction - 1.0:
            if z < junction - 8.0:
                stop = junction - 1.0
            else:
                z = junction + 11.5
                continue
        garden = abs(front - pavement[1]) > 0.5
        if rng.random() < plan.gap or park:
            _open_lot(street, plan, side, front, z, stop)
        else:
            inset = 0.6 if garden and rng.random() < 0.6 else 0.0
            a2, b2 = (
                (street.x(front, z + 2 * inset), z + 2 * inset),
                (street.x(front, stop - 2 * inset), stop - 2 * inset),
            )
            street.house(plan, a2, b2, side, float(rng.uniform(9.0, 13.0)))
        if garden:
            line = pavement[1] + side * 0.2
            street.barrier(plan, (street.x(line, z), z), (street.x(line, stop), stop))
            for _ in range(int(rng.poisson(1.1))):
                at = float(rng.uniform(z, stop))
                x = pavement[1] + side * rng.uniform(0.25, 0.8) * abs(front - pavement[1])
                if rng.random() < 0.45:
                    height = float(rng.uniform(4.0, 9.0))
                    street.tree(x, at, height, tall=False)
                else:
                    height = float(rng.uniform(0.9, 2.4))
                    street.leaves(street.x(x, at), at, height * rng.uniform(1.0, 1.8), -0.1, height, 1.6)
        z = stop + (float(rng.uniform(1.0, 4.0)) if garden else 0.0)


def _open_lot(street: Street, plan: Plan, side: float, front: float, z: float, stop: float) -> None:
    """A lot without a house: trees behind a wall, fence or hedge, or parked cars."""
    rng = street.rng
    outside = front + side * 16.0
    parking = rng.random() < 0.35
    if parking:
        slabs = Paving((0.36, 0.36, 0.36), (0.2, 0.2), None, 2.6, 0.4)
        street.strip("parking", *sorted((front, outside)), slabs, z, stop)
    else:
        street.soil(*sorted((front, outside)), (0.29, 0.34, 0.17), z, stop)
    street.barrier(plan, (street.x(front, z), z), (street.x(front, stop), stop))
    if parking:
        at = z + 1.5
        while at < stop - 1.0:
            if rng.random() < 0.7:
                pose = Pose(street.x(front + side * 4.0, at), at, float(np.pi / 2 * rng.choice((-1.0, 1.0))))
                street.things.append(cars.car(rng, pose, street.light))
            at += 2.6
    for _ in range(int(rng.integers(2, 6))):
        at, height = float(rng.uniform(z, stop)), float(rng.uniform(6.0, 15.0))
        x = front + side * rng.uniform(6.0 if parking else 1.5, 13.0)
        street.tree(x, at, height, tall=False)
    for _ in range(int(rng.integers(0, 4))):
        at, height = float(rng.uniform(z, stop)), float(rng.uniform(1.0, 3.0))
        street.leaves(
            street.x(front + side * rng.uniform(1.0, 4.0), at), at, height * rng.uniform(1.2, 2.2), -0.1, height, 1.6
        )


def _junction(street: Street, plan: Plan, edges: list[tuple], junction: float) -> None:
    """A crossing street from ``junction`` on: its road, the houses on its far side, traffic lights and traffic."""
    rng, light = street.rng, street.light
    shift = street.x(0.0, junction + 4.0)
    outline = np.array(
        [(-70.0, 0, junction), (-70.0, 0, junction + 8.0), (70.0, 0, junction + 8.0), (70.0, 0, junction)]
    )
    far_walk = outline + np.array([0.0, 0.0, 1.0]) * np.array([[8.0], [3.5], [3.5], [8.0]])
    left, right = edges[0][0], edges[1][0]
    for a, b in ((-70.0, left + shift), (right + shift, 70.0)):
        part = far_walk.copy()
        part[:, 0] = (a, a, b, b)
        street.ground.append(Surface("sidewalk", junction + 11.0, part, Paving((0.46, 0.45, 0.44), (0.5, 0.5))))
    crossing = Asphalt(-75.0, 75.0, _wear(rng, -9.0, 9.0), seed=float(rng.random()))
    street.ground.append(Surface("road", junction + 8.0, outline, crossing))
    for side, (_, _, front) in zip((-1.0, 1.0), edges, strict=True):
        x, z = street.x(front, junction + 11.5) + side * 11.0, junction + 12.0
        while abs(x) < 60.0:
            width = float(rng.uniform(9.0, 16.0))
            if rng.random() < plan.gap + 0.1:
                for _ in range(3):
                    height = float(rng.uniform(6.0, 12.0))
                    street.leaves(x + side * rng.uniform(0, width), z, height * 0.8, 0.0, height, 3.5)
            else:
                pair = sorted((x, x + side * width))
                street.house(plan, (pair[0], z), (pair[1], z), 0.0)
            x += side * width
    if rng.random() < 0.85:
        traffic.lights(street, edges, junction - 7.5, junction + 9.0)
    for _ in range(int(rng.poisson(0.7))):
        toward = float(rng.choice((-1.0, 1.0)))
        # Some go straight on, some turn into our street or out of it.
        heading = toward * np.pi / 2 + (float(rng.uniform(-1.3, 1.3)) if rng.random() < 0.45 else 0.0)
        pose = Pose(shift + float(rng.uniform(-14.0, 14.0)), junction + (2.0 if toward > 0 else 6.0), heading)
        maker = vehicles.truck if rng.random() < 0.2 * plan.trucks else cars.car
        street.things.append(maker(rng, pose, light))


def _horizon(street: Street, plan: Plan, end: float) -> None:
    """What closes the view: houses or trees across the end of the street, and a far line of trees and roofs."""
    rng = street.rng
    for x in np.arange(-150.0, 150.0, 20.0):
        if rng.random() < 0.75:
            street.leaves(float(x), 300.0, rng.uniform(26.0, 46.0), -2.0, rng.uniform(9.0, 20.0), 9.0)
    middle = street.x(0.0, end)
    x = middle - 45.0
    while x < middle + 45.0:
        width = float(rng.uniform(10.0, 18.0))
        luck = rng.random()
        if luck < 0.55:
            street.house(plan, (x, end + 4.0), (x + width, end + 4.0), 0.0)
        elif luck < 0.9:
            for _ in range(2):
                height = float(rng.uniform(7.0, 14.0))
                street.leaves(x + rng.uniform(0.0, width), end + 6.0, height * rng.uniform(0.7, 1.1), 0.0, height, 4.0)
        x += width
