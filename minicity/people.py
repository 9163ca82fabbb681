"""People of MiniCity: bodies with joints in many poses, sizes, clothes and directions, with hair, hats and bags.

Clothes and skin have no fixed list of colours: they are drawn from wide ranges, dull ones more often than bright ones.
Lengths in metres.
"""

import numpy as np

from minicity.dress import BLACK, bag, cloth, denim, umbrella
from minicity.figures import Body, Color, Figure
from minicity.geometry import Light, Solid
from minicity.heads import head, skin_color
from minicity.mesh import pick

NEAR = 26.0
"""People nearer than this (metres) are shaded around their limbs and have faces."""


POSES = ("walk", "walk", "walk", "walk", "stand", "stand", "pockets", "phone", "read", "carry", "run")


def heading_of_walker(rng: np.random.Generator) -> float:
    """Most people walk along the street, towards us or away; some cross it, some look anywhere."""
    luck = rng.random()
    if luck < 0.62:
        return float(np.pi * (rng.random() < 0.5) + rng.normal(0.0, 0.3))
    if luck < 0.82:
        return float(np.pi / 2 * rng.choice((-1.0, 1.0)) + rng.normal(0.0, 0.3))
    return float(rng.uniform(-np.pi, np.pi))


def person(
    rng: np.random.Generator,
    x: float,
    z: float,
    light: Light,
    heading: float | None = None,
    pose: str = "",
    size: float | None = None,
) -> Solid:
    """A pedestrian of any age, dressed at random; heading, pose and height (m) are drawn unless they are given.

    Poses: one of `POSES`, or "sit", "push" (hands on a pram) and "umbrella".
    """
    heading = heading_of_walker(rng) if heading is None else heading
    pose = pose or ("umbrella" if rng.random() < 0.025 else pick(rng, POSES))
    if size is None:
        size = float(rng.uniform(1.0, 1.45)) if rng.random() < 0.09 else float(np.clip(rng.normal(1.7, 0.1), 1.45, 2.0))
    figure = Figure(x, z, light, heading, z < NEAR)
    build = float(rng.uniform(0.85, 1.3) if size > 1.4 else rng.uniform(1.0, 1.2))
    top, trousers, shoes, skin = cloth(rng, 0.28), denim(rng), cloth(rng, 0.1), skin_color(rng)
    style = pick(rng, ("shirt", "jacket", "jacket", "jacket", "coat", "coat", "dress", "skirt", "shorts"))
    swing = {"walk": rng.uniform(0.15, 0.5), "run": 0.85, "push": 0.3, "carry": 0.3}.get(pose, rng.uniform(0.0, 0.12))
    swing *= 1.0 if rng.random() < 0.5 else -1.0
    thigh, shin = 0.245 * size, 0.235 * size
    angles = [(swing, 0.1 + 0.2 * abs(swing)), (-swing, 0.15 + 0.7 * abs(swing))]
    if swing < 0:
        angles = [(swing, 0.15 + 0.7 * abs(swing)), (-swing, 0.1 + 0.2 * abs(swing))]
    if pose == "sit":
        angles = [(1.45, 1.45 + rng.uniform(-0.3, 0.3)), (1.5, 1.45 + rng.uniform(-0.3, 0.3))]
    low = max(thigh * np.cos(t) + shin * np.cos(t - k) for t, k in angles)
    body = Body(size, build, float(low + 0.045 * size), 0.2 if pose == "run" else float(rng.normal(0.02, 0.04)))

    bare = style in ("dress", "skirt", "shorts") and rng.random() < 0.7
    for side, (turn, bend) in zip((-1.0, 1.0), angles, strict=True):
        _leg(figure, body, side, turn, bend, skin if bare else trousers, trousers if style == "shorts" else None, shoes)
    _trunk(figure, rng, body, style, top, trousers, pose == "sit")
    sleeve = skin if style in ("shirt", "dress", "shorts") and rng.random() < 0.6 else top
    _arms(figure, rng, body, pose, swing, top, sleeve, skin)
    head(figure, rng, body, skin, top)
    if pose == "umbrella":
        umbrella(figure, body, cloth(rng, 0.4))
    bag(figure, rng, body, pose)
    return figure.solid("person", 0.25, size)


def _leg(
    figure: Figure,
    body: Body,
    side: float,
    turn: float,
    bend: float,
    cloth_color: Color,
    short: Color | None,
    shoes: Color,
) -> None:
    size, thick = body.size, body.size * (0.6 + 0.4 * body.build)
    hip = (side * 0.05 * size * body.build, body.hip, 0.0)
    knee = (side * 0.055 * size, hip[1] - 0.245 * size * np.cos(turn), 0.245 * size * np.sin(turn))
    ankle = (
        side * 0.05 * size,
        knee[1] - 0.235 * size * np.cos(turn - bend),
        knee[2] + 0.235 * size * np.sin(turn - bend),
    )
    figure.bone(knee, ankle, 0.034 * thick, 0.025 * thick, cloth_color)
    figure.bone(hip, knee, 0.052 * thick, 0.037 * thick, short or cloth_color)
    # The foot is at right angles to the shin, but a planted one lies flat.
    tip = min(0.6 * (turn - bend), 0.0)
    toe = (ankle[0] * 1.3, ankle[1] - 0.028 * size + 0.09 * size * np.sin(tip), ankle[2] + 0.095 * size * np.cos(tip))
    heel = (ankle[0], ankle[1] - 0.018 * size, ankle[2] - 0.02 * size)
    figure.bone(heel, toe, 0.027 * size, 0.018 * size, shoes, 0.01)


def _trunk(
    figure: Figure,
    rng: np.random.Generator,
    body: Body,
    style: str,
    top: Color,
    trousers: Color,
    sits: bool,
) -> None:
    """Chest and belly, and what is worn over them: coat, skirt, an open jacket, a belt, a scarf, stripes."""
    size, b = body.size, body.build
    chest, waist, hips = (rng.uniform(0.115, 0.135) * b, rng.uniform(0.085, 0.11) * b, rng.uniform(0.095, 0.115) * b)

    def ring(share: float, half: float, deep: float) -> tuple[float, float, float, float]:
        return (body.lean * max(share, 0.0) * size, body.up(share), half * size, deep * size * b)

    figure.tube([ring(0.02, hips, 0.075), ring(-0.07, hips * 0.9, 0.07)], trousers, -0.02)
    figure.tube(
        [
            ring(0.325, 0.05, 0.05),
            ring(0.3, chest * 0.88, 0.06),
            ring(0.26, chest, 0.075),
            ring(0.13, waist, 0.07),
            ring(-0.01 if sits else -0.05, hips, 0.077),
        ],
        top,
        0.0 if sits else 0.14,
    )
    if style == "coat" or (style == "dress" and not sits):
        color = top
        flare = 1.1 if style == "coat" else rng.uniform(1.1, 1.5)
        figure.tube(
            [ring(0.1, waist, 0.075), ring(0.0, hips * 1.05, 0.085), ring(-rng.uniform(0.12, 0.3), hips * flare, 0.09)],
            color,
            0.16,
        )
    elif style == "skirt" and not sits:
        figure.tube(
            [
                ring(0.05, waist, 0.07),
                ring(0.0, hips, 0.08),
                ring(-rng.uniform(0.1, 0.38), hips * rng.uniform(0.95, 1.5), 0.1),
            ],
            trousers,
            0.15,
        )
    if not figure.near:
        return
    ahead = 0.08 * size * b
    luck = rng.random()
    if style in ("jacket", "coat") and luck < 0.45 and figure.cos < 0.1:
        # An open jacket shows the shirt beneath.
        shirt = cloth(rng, 0.2)
        half = rng.uniform(0.02, 0.045) * size
        figure.sheet(
            [
                (-half, body.up(0.31), ahead * 0.8),
                (half, body.up(0.31), ahead * 0.8),
                (half * 0.7, body.up(0.0), ahead),
                (-half * 0.7, body.up(0.0), ahead),
            ],
            shirt,
            None,
            0.2,
        )
    elif 0.45 < luck < 0.53:
        # A jersey with rings.
        stripe, pitch = cloth(rng, 0.4), float(rng.uniform(0.025, 0.06))
        for high in np.arange(0.02, 0.28, 2 * pitch):
            half = waist + (chest - waist) * abs(high - 0.13) / 0.15
            figure.tube([ring(high, half, 0.073), ring(high + pitch, half, 0.073)], stripe, 0.15)
    elif 0.53 < luck < 0.68:
        stripe = cloth(rng, 0.4)
        high = rng.uniform(0.1, 0.25)
        figure.tube(
            [ring(high, chest * 0.99, 0.074), ring(high - rng.uniform(0.02, 0.08), waist * 1.05, 0.072)], stripe, 0.15
        )
    if rng.random() < 0.2:
        figure.tube([ring(0.36, 0.045, 0.05), ring(0.31, 0.06, 0.065)], cloth(rng, 0.5), 0.2)


def _arms(
    figure: Figure,
    rng: np.random.Generator,
    body: Body,
    pose: str,
    swing: float,
    top: Color,
    sleeve: Color,
    skin: Color,
) -> None:
    size, thick = body.size, body.size * (0.6 + 0.4 * body.build)
    busy = float(rng.choice((-1.0, 1.0)))
    for side in (-1.0, 1.0):
        # Angle of the upper arm forwards, bend of the elbow, spread to the side, and how far the hand turns inwards.
        turn, bend, spread, inward = side * swing * 0.9, 0.2 + 0.3 * abs(swing), rng.uniform(0.05, 0.2), 0.1
        if pose == "run":
            bend = 1.5
        elif pose in ("push", "sit"):
            turn, bend = 0.5, 0.8
        elif pose == "pockets":
            turn, bend, spread, inward = -0.3, 0.75, 0.3, 0.35
        elif side == busy and pose in ("phone", "umbrella"):
            turn, bend, spread, inward = (0.5, 2.2, 0.35, 0.4) if pose == "phone" else (0.35, 1.6, 0.1, 0.2)
        elif pose == "read":
            turn, bend, inward = 0.3, 1.5, 0.5
        at = (side * 0.103 * size * body.build, body.up(0.272), body.lean * 0.28 * size)
        elbow = (
            at[0] + side * spread * 0.17 * size,
            at[1] - 0.17 * size * np.cos(turn),
            at[2] + 0.17 * size * np.sin(turn),
        )
        hand = (
            elbow[0] - side * inward * 0.14 * size,
            elbow[1] - 0.145 * size * np.cos(turn + bend),
            elbow[2] + 0.145 * size * np.sin(turn + bend),
        )
        figure.bone(at, elbow, 0.034 * thick, 0.027 * thick, top, 0.05)
        figure.bone(elbow, hand, 0.026 * thick, 0.019 * thick, sleeve, 0.06)
        figure.ball(hand, (0.02 * size, 0.026 * size, 0.024 * size), skin, 0.025)
        if pose in ("read", "phone") and side == busy:
            figure.ball(hand, (0.02 * size, 0.035 * size, 0.01), BLACK, 0.03)
        if pose == "carry" and (side == busy or rng.random() < 0.3):
            low = hand[1] - rng.uniform(0.13, 0.24) * size
            wide = rng.uniform(0.05, 0.1) * size
            bag = cloth(rng, 0.45)
            figure.tube(
                [
                    (hand[2], hand[1], 0.01, 0.02),
                    (hand[2], hand[1] - 0.06 * size, 0.03, wide),
                    (hand[2], low, 0.04, wide),
                ],
                bag,
                0.02,
                hand[0],
            )
