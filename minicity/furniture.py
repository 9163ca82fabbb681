"""Poles, lamps and traffic lights of MiniCity. All are `figures.Cutout` shapes in an upright plane; metres."""

import numpy as np

from minicity.dress import cloth
from minicity.figures import Color, Cutout
from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE, pick


def metal(rng: np.random.Generator) -> Color:
    """Colour of a post: zinc of any age, or paint in dark green, black, white, blue, or rust."""
    luck = rng.random()
    if luck < 0.6:
        grey = rng.uniform(0.2, 0.62)
        return (grey, grey * rng.uniform(0.98, 1.04), grey * rng.uniform(0.97, 1.06))
    if luck < 0.9:
        return pick(
            rng, ((0.07, 0.08, 0.08), (0.08, 0.16, 0.12), (0.13, 0.14, 0.16), (0.3, 0.22, 0.16), (0.72, 0.72, 0.7))
        )
    return cloth(rng, 0.2)


def _shaft(post: Cutout, foot: float, top: float, low: float, high: float, color: Color) -> None:
    """A round shaft around sideways = 0 from ``low`` to ``high``, with the light running around it."""
    for a, b, level in ((-1.0, 1.0, 0.72), (-0.6, 0.8, 0.95), (-0.1, 0.45, 1.25)):
        lit = level * (0.5 * post.front + 0.5 * post.side)
        a, b = (a, b) if post.sun_side > 0 else (-b, -a)
        post.polygon([(a * foot, low), (a * top, high), (b * top, high), (b * foot, low)], color, lit)


def pole(x: float, z: float, light: Light, height: float, radius: float, color: Color) -> Solid:
    """A plain round post, a little slimmer at the top."""
    post = Cutout(x, z, light)
    _shaft(post, radius, 0.75 * radius, 0.0, height, color)
    return post.solid("pole", radius, height)


def bollard(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """A low post at the kerb: of metal, stone or plastic, plain, with a head, or with a white band."""
    post = Cutout(x, z, light)
    height, radius = float(rng.uniform(0.6, 1.1)), float(rng.uniform(0.04, 0.13))
    color = metal(rng)
    _shaft(post, radius, radius, 0.0, height, color)
    luck = rng.random()
    if luck < 0.3:
        post.disc(0.0, height, 1.25 * radius, color)
    elif luck < 0.6:
        band = pick(rng, ((0.85, 0.85, 0.83), (0.75, 0.1, 0.08), (0.85, 0.75, 0.1)))
        _shaft(post, 1.01 * radius, 1.01 * radius, 0.75 * height, 0.9 * height, band)
    return post.solid("pole", radius, height)


def lamp_post(
    rng: np.random.Generator, x: float, z: float, light: Light, height: float, reach: float, color: Color
) -> Solid:
    """A street lamp whose arm reaches sideways by ``reach`` (signed): a whip, a bracket, a globe or an old lantern."""
    post = Cutout(x, z, light)
    thick = rng.uniform(0.05, 0.11)
    _shaft(post, thick, 0.6 * thick, 0.0, height, color)
    if rng.random() < 0.4:
        _shaft(post, 1.7 * thick, 1.4 * thick, 0.0, rng.uniform(0.7, 1.4), color)
    glass = (0.75, 0.76, 0.74)
    kind = int(rng.integers(5)) if height < 5.0 else int(rng.integers(3))
    if kind == 0:
        post.limb((0.0, height - 0.05), (reach * 0.5, height + 0.25), 0.05, 0.045, color)
        post.limb((reach * 0.5, height + 0.25), (reach, height + 0.3), 0.045, 0.04, color)
        post.limb((reach * 0.8, height + 0.28), (reach * 1.25, height + 0.3), 0.09, 0.08, (0.55, 0.56, 0.56))
    elif kind == 1:
        # Two arms, one to each side.
        for end in (reach, -reach):
            post.limb((0.0, height), (0.6 * end, height + 0.08), 0.04, 0.035, color)
            post.limb((0.45 * end, height + 0.06), (0.8 * end, height + 0.08), 0.08, 0.06, (0.4, 0.41, 0.42))
    elif kind == 2:
        # A straight mast with the lamp on its tip.
        post.limb((0.0, height), (0.45 * np.sign(reach), height + 0.12), 0.09, 0.07, (0.42, 0.43, 0.44))
    elif kind == 3:
        post.disc(0.0, height + 0.2, 0.24, glass, 1.05)
    else:
        post.polygon([(-0.13, height), (-0.22, height + 0.5), (0.22, height + 0.5), (0.13, height)], glass, 0.9)
        post.polygon([(-0.26, height + 0.48), (0.0, height + 0.72), (0.26, height + 0.48)], color)
        for side in (-0.13, 0.13):
            post.limb((side, height), (side * 1.6, height + 0.5), 0.012, 0.012, color, False)
    if rng.random() < 0.15:
        # A flag or an advert hangs from it; like all on the post it belongs to it.
        low = 0.55 * height
        post.rectangle(0.0, low, thick + 0.6, low + 1.3, cloth(rng, 0.6))
        post.rectangle(thick + 0.08, low + 0.5, thick + 0.52, low + 0.8, (0.85, 0.85, 0.82))
    return post.solid("pole", thick, height)


def gantry(x: float, z: float, light: Light, height: float, reach: float, color: Color) -> Solid:
    """A mast with an arm over the street, from which lights or signs hang."""
    post = Cutout(x, z, light)
    _shaft(post, 0.11, 0.09, 0.0, height, color)
    post.limb((0.0, height - 0.1), (reach, height), 0.08, 0.05, color)
    post.limb((0.0, height - 0.7), (0.3 * reach, height - 0.08), 0.03, 0.03, color)
    return post.solid("pole", 0.11, height)


def traffic_light(
    rng: np.random.Generator, x: float, y: float, z: float, light: Light, lit: int, side: float = 0.0
) -> Solid:
    """A traffic light whose lower edge is at height y; ``lit`` is 0 red, 1 amber, 2 green.

    ``side``: 0 faces us, 1 shows its back, and in between it is turned away and seen from the side, to the right or,
    negative, to the left.
    """
    head = Cutout(x, z - 0.05, light)
    size = float(rng.uniform(0.85, 1.15))
    lamps = 2 if rng.random() < 0.15 else 3
    tall = (0.05 + 0.3 * lamps) * size
    case = pick(
        rng, ((0.05, 0.055, 0.055), (0.05, 0.055, 0.055), (0.1, 0.16, 0.12), (0.3, 0.31, 0.31), (0.6, 0.47, 0.08))
    )
    turned = 0.0 < abs(side) < 1.0
    half = (0.1 if turned else 0.16) * size
    board = not turned and rng.random() < 0.4
    if board:
        # A back plate with a bright rim.
        rim = (0.85, 0.85, 0.82) if rng.random() < 0.5 else (0.07, 0.07, 0.07)
        head.rectangle(-0.27 * size, y - 0.1, 0.27 * size, y + tall + 0.1, rim)
        head.rectangle(-0.245 * size, y - 0.075, 0.245 * size, y + tall + 0.075, (0.05, 0.05, 0.05))
    head.rectangle(-half, y, half, y + tall, case, 0.85 * head.front)
    head.rectangle(-0.82 * half, y + 0.03, 0.82 * half, y + tall - 0.03, case, 1.15 * head.front)
    bright = ((1.0, 0.12, 0.08), (1.0, 0.66, 0.1), (0.15, 0.95, 0.6))
    shown = bright if lamps == 3 else (bright[0], bright[2])
    alight = lit if lamps == 3 else min(lit, 1)
    for i in range(lamps):
        at = y + tall - (0.17 + 0.3 * i) * size
        if turned:
            # Hoods against the sun stick out.
            out = np.sign(side) * half
            head.polygon(
                [
                    (out, at + 0.1 * size),
                    (2.3 * out, at + 0.08 * size),
                    (1.6 * out, at - 0.06 * size),
                    (out, at - 0.08 * size),
                ],
                case,
            )
        elif not side:
            head.disc(0.0, at, 0.115 * size, (0.02, 0.02, 0.02))
            burns = i == alight or (lamps == 3 and lit == 1 and i == 0 and rng.random() < 0.5)
            glass = shown[i] if burns else tuple(0.16 * c + 0.02 for c in shown[i])
            head.disc(0.0, at, 0.1 * size, glass, 1.0 if burns else None)
            if burns:
                head.disc(0.0, at, 0.05 * size, tuple(0.5 + 0.5 * c for c in shown[i]), 1.0)
            hood = CIRCLE[:11] * (0.125 * size, 0.125 * size) + (0.0, at)
            head.polygon(np.concatenate([hood, hood[::-1] - np.array((0.0, 0.035 * size))]), (0.03, 0.03, 0.03))
    return head.solid("traffic light", half, 1.0, shadow=False)
