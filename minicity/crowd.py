"""The people of a MiniCity street: walking along it alone or together, standing about, sitting, crossing the road."""

import numpy as np

from minicity import clutter, people
from minicity.plans import LANE, Plan, Street, free


def walkers(street: Street, plan: Plan, side: float, pavement: tuple[float, float], end: float) -> None:
    """People on the pavement of one side; crowds and empty pavements both occur."""
    rng = street.rng
    inner, outer = pavement
    crowded = float(rng.choice((0.3, 1.0, 2.0)))
    for _ in range(int(rng.poisson(0.45 * plan.people * (min(end, 70.0) / 100.0) * crowded))):
        z = float(6.5 + 50.0 * rng.random() ** 1.5)
        _group(street, inner + side * rng.uniform(0.2, max(abs(outer - inner) - 0.1, 0.4)), z)
    for _ in range(int(rng.poisson(0.035 * plan.people))):
        # Somebody waits at the kerb to cross.
        z = float(8.0 + 30.0 * rng.random())
        heading = float(-side * np.pi / 2 + rng.normal(0.0, 0.4))
        x = street.x(inner + side * 0.2, z)
        street.things.append(people.person(rng, x, z, street.light, heading, "stand"))
    if rng.random() < 0.012 * plan.people:
        z = float(8.5 + 25.0 * rng.random())
        x = street.x(outer - side * 0.6, z)
        street.things.append(clutter.bench(rng, x, z, street.light, 0.0))
        for seat in (-0.45, 0.4)[: int(rng.integers(1, 3))]:
            heading = float(np.pi + rng.normal(0.0, 0.2))
            street.things.append(people.person(rng, x + seat, z - 0.15, street.light, heading, "sit"))


def _group(street: Street, x: float, z: float) -> None:
    """One to four people who walk or stand together; some push a pram, some lead a child."""
    rng, light = street.rng, street.light
    count = int(rng.choice((1, 2, 3, 4), p=(0.66, 0.22, 0.08, 0.04)))
    heading = people.heading_of_walker(rng)
    talk = count > 1 and rng.random() < 0.25
    family = rng.random() < 0.06
    for k in range(count):
        turn = float(rng.uniform(-np.pi, np.pi)) if talk else heading + float(rng.normal(0.0, 0.12))
        at = street.x(x, z) + 0.55 * k * np.cos(heading) + float(rng.normal(0.0, 0.08))
        far = z + 0.45 * k * abs(np.sin(heading)) + float(rng.uniform(0.0, 0.3))
        pose = "push" if family and k == 0 else "stand" if talk else ""
        child = float(rng.uniform(0.95, 1.3)) if k and rng.random() < 0.2 else None
        street.things.append(people.person(rng, at, far, light, turn, pose, child))
        if pose == "push":
            ahead = 0.75
            street.things.append(clutter.pram(rng, at + ahead * np.sin(turn), far + ahead * np.cos(turn), light, turn))


def crossing(street: Street, plan: Plan, left: float, right: float, junction: float | None) -> None:
    """People on the road: at the crossing, and now and then close before the camera."""
    rng = street.rng
    places = [] if junction is None else [junction - 4.0] * int(rng.poisson(0.09 * plan.people))
    if rng.random() < 0.01 * plan.people:
        places += [float(rng.uniform(6.0, 20.0))] * int(rng.integers(1, 4))
    for near in places:
        z = near + float(rng.uniform(-1.5, 1.5))
        heading = float(np.pi / 2 * rng.choice((-1.0, 1.0)) + rng.normal(0.0, 0.25))
        x = street.x(float(rng.uniform(left, right)), z)
        street.things.append(people.person(rng, x, z, street.light, heading, "walk" if rng.random() < 0.8 else ""))
    for _ in range(int(rng.poisson(0.02 * plan.people))):
        # Somebody gets into a parked car or steps between two.
        z = float(9.0 + 25.0 * rng.random())
        x = (right - 0.2 if rng.random() < 0.6 else left + 0.2) if right - left > LANE + 3.0 else right + 0.3
        if free(z, z, junction):
            street.things.append(people.person(rng, street.x(x, z), z, street.light))
