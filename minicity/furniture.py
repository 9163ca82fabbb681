"""What stands along a MiniCity street: poles, lamps, traffic lights, signs, bins and benches.

All are `figures.Cutout` shapes in an upright plane. Lengths in metres.
"""

import numpy as np

from minicity.dress import cloth
from minicity.figures import METAL, Cutout
from minicity.geometry import Light, Solid
from minicity.mesh import CIRCLE, RUBBER, pick


def pole(x: float, z: float, light: Light, height: float, radius: float, color: tuple = METAL) -> Solid:
    """A plain round post, a little slimmer at the top, with the light running around it."""
    post = Cutout(x, z, light)
    for a, b, level in ((-1.0, 1.0, 0.75), (-0.55, 0.75, 1.0), (-0.2, 0.3, 1.2)):
        lit = level * (0.5 * post.front + 0.5 * post.side)
        a, b = (a, b) if post.sun_side > 0 else (-b, -a)
        post.polygon(
            [(a * radius, 0), (a * radius * 0.75, height), (b * radius * 0.75, height), (b * radius, 0)], color, lit
        )
    return post.solid("pole", radius, height)


def lamp_post(x: float, z: float, light: Light, height: float, reach: float) -> Solid:
    """A street lamp; its arm reaches sideways by ``reach`` (signed)."""
    post = Cutout(x, z, light)
    post.polygon([(-0.09, 0), (-0.055, height), (0.055, height), (0.09, 0)], METAL)
    post.polygon([(-0.02, 0), (-0.015, height), (0.03, height), (0.04, 0)], METAL, 1.2 * post.front)
    post.limb((0.0, height - 0.05), (reach * 0.5, height + 0.25), 0.05, 0.045, METAL)
    post.limb((reach * 0.5, height + 0.25), (reach, height + 0.3), 0.045, 0.04, METAL)
    post.limb((reach * 0.8, height + 0.28), (reach * 1.25, height + 0.3), 0.09, 0.08, (0.55, 0.56, 0.56))
    return post.solid("pole", 0.09, height)


def traffic_light(x: float, y: float, z: float, light: Light, lit: int, away: bool) -> Solid:
    """A traffic light whose lower edge is at height y; ``lit`` is 0 red, 1 amber, 2 green; ``away`` shows its back."""
    head = Cutout(x, z - 0.05, light)
    head.rectangle(-0.17, y, 0.17, y + 0.95, (0.07, 0.08, 0.075))
    head.rectangle(-0.14, y + 0.03, 0.14, y + 0.92, (0.11, 0.12, 0.115))
    if not away:
        bright = ((0.95, 0.12, 0.08), (1.0, 0.66, 0.1), (0.1, 0.9, 0.5))
        for i in range(3):
            at = y + 0.78 - 0.3 * i
            head.disc(0.0, at, 0.115, (0.03, 0.03, 0.03))
            glass = bright[i] if i == lit else tuple(0.22 * c for c in bright[i])
            head.disc(0.0, at, 0.095, glass, 1.0 if i == lit else None)
            head.rectangle(-0.13, at + 0.09, 0.13, at + 0.13, (0.04, 0.04, 0.04))
    return head.solid("traffic light", 0.17, 1.0, shadow=False)


def traffic_sign(rng: np.random.Generator, x: float, y: float, z: float, light: Light, size: float = 1.0) -> Solid:
    """A traffic sign centred at height y: round, triangular, square, rectangular or seen from behind."""
    sign = Cutout(x, z - 0.06, light)
    red, blue, white, yellow, black = (
        (0.7, 0.08, 0.08),
        (0.08, 0.24, 0.58),
        (0.88, 0.88, 0.86),
        (0.92, 0.75, 0.1),
        (0.06, 0.06, 0.06),
    )
    kind, r = int(rng.choice(8, p=(0.2, 0.1, 0.17, 0.14, 0.08, 0.1, 0.06, 0.15))), 0.31 * size
    center = np.array([0.0, y])
    triangle = np.array([(-1.0, -0.62), (0.0, 1.1), (1.0, -0.62)])
    diamond = np.array([(-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0)])
    if kind == 0:
        sign.polygon(center + r * CIRCLE, red)
        sign.polygon(center + 0.74 * r * CIRCLE, white)
        for dx in (-0.24, 0.24):
            sign.polygon(center + (dx * r, 0) + CIRCLE * (0.17 * r, 0.34 * r), black)
            sign.polygon(center + (dx * r, 0) + CIRCLE * (0.07 * r, 0.22 * r), white)
    elif kind == 1:
        sign.polygon(center + r * CIRCLE, red)
        sign.rectangle(-0.72 * r, y - 0.18 * r, 0.72 * r, y + 0.18 * r, white)
    elif kind == 2:
        flip = -1.0 if rng.random() < 0.5 else 1.0
        sign.polygon(center + 1.15 * r * triangle * (1, flip), red)
        sign.polygon(center + 0.75 * r * triangle * (1, flip), white)
        if flip > 0:
            sign.rectangle(-0.08 * r, y - 0.25 * r, 0.08 * r, y + 0.35 * r, black)
    elif kind == 3:
        sign.rectangle(-r, y - r, r, y + r, blue)
        sign.rectangle(-0.9 * r, y - 0.9 * r, 0.9 * r, y + 0.9 * r, tuple(1.15 * c for c in blue))
        sign.rectangle(-0.3 * r, y - 0.62 * r, -0.08 * r, y + 0.62 * r, white)
        sign.polygon(center + (0.1 * r, 0.28 * r) + CIRCLE * (0.4 * r, 0.34 * r), white)
        sign.polygon(center + (0.1 * r, 0.28 * r) + CIRCLE * (0.18 * r, 0.14 * r), blue)
    elif kind == 4:
        sign.polygon(center + 1.15 * r * diamond, white)
        sign.polygon(center + 0.9 * r * diamond, yellow)
    elif kind == 5:
        sign.polygon(center + r * CIRCLE, blue)
        tilt = rng.uniform(-0.8, 0.8)
        sign.polygon(
            center
            + r
            * np.array(
                [(-0.12, -0.6), (-0.12, 0.15), (-0.4, 0.1), (tilt * 0.3, 0.68), (0.4, 0.1), (0.12, 0.15), (0.12, -0.6)]
            ),
            white,
        )
    elif kind == 6:
        ground, ink = (yellow, black) if rng.random() < 0.6 else (white, black)
        w, h = r * rng.uniform(1.6, 2.6), r * rng.uniform(0.7, 1.2)
        sign.rectangle(-w, y - h, w, y + h, ink)
        sign.rectangle(-0.96 * w, y - 0.93 * h, 0.96 * w, y + 0.93 * h, ground)
        for line in (0.35, -0.35):
            end = rng.uniform(0.1, 0.75)
            sign.rectangle(-0.75 * w, y + (line - 0.16) * h, end * w, y + (line + 0.16) * h, ink)
    else:
        sign.polygon(center + r * CIRCLE, (0.42, 0.43, 0.43))
        sign.rectangle(-0.04, y - 0.9 * r, 0.04, y + 0.9 * r, (0.3, 0.3, 0.3))
    return sign.solid("traffic sign", r, 0.6, shadow=False)


def street_furniture(rng: np.random.Generator, x: float, z: float, light: Light) -> Solid:
    """Void things: a bin, bench, switch box, advertising pillar or planter ("static"), or a trolley ("dynamic")."""
    thing = Cutout(x, z, light)
    kind = int(rng.integers(6))
    if kind == 0:
        color = pick(rng, ((0.25, 0.25, 0.26), (0.15, 0.3, 0.18), (0.4, 0.26, 0.14), (0.55, 0.45, 0.12)))
        thing.rectangle(-0.28, 0.05, 0.28, 1.0, color, 0.85 * thing.front)
        thing.rectangle(-0.1, 0.05, 0.22, 1.0, color)
        thing.rectangle(-0.31, 0.98, 0.31, 1.1, tuple(0.8 * c for c in color))
    elif kind == 1:
        wood = (0.36, 0.25, 0.16)
        for y in (0.42, 0.6, 0.76):
            thing.rectangle(-0.8, y, 0.8, y + 0.15, wood, (0.75 + 0.3 * (y > 0.5)) * thing.front)
        for leg in (-0.7, 0.6):
            thing.rectangle(leg, 0.0, leg + 0.1, 0.5, (0.2, 0.2, 0.2))
    elif kind == 2:
        color = pick(rng, ((0.5, 0.51, 0.5), (0.42, 0.44, 0.38), (0.35, 0.36, 0.36)))
        thing.rectangle(-0.5, 0.0, 0.5, 1.25, color, 0.9 * thing.front)
        thing.rectangle(-0.01, 0.1, 0.01, 1.2, (0.2, 0.2, 0.2))
        thing.rectangle(-0.53, 1.22, 0.53, 1.3, color, 1.15 * thing.front)
        thing.rectangle(-0.4, 0.45, -0.1, 0.9, cloth(rng, 0.3))
    elif kind == 3:
        thing.rectangle(-0.6, 0.0, 0.6, 2.9, (0.5, 0.5, 0.48), 0.85 * thing.front)
        for i in range(4):
            left = -0.55 + 0.28 * i
            thing.rectangle(left, 0.6, left + 0.26, 2.6, cloth(rng, 0.5))
        thing.rectangle(-0.68, 2.8, 0.68, 3.0, (0.3, 0.34, 0.32))
    elif kind == 4:
        thing.polygon([(-0.5, 0.55), (0.5, 0.55), (0.4, 0.0), (-0.4, 0.0)], (0.5, 0.47, 0.42))
        thing.rectangle(-0.52, 0.5, 0.52, 0.6, (0.58, 0.55, 0.5))
        for _ in range(9):
            thing.disc(rng.uniform(-0.4, 0.4), rng.uniform(0.62, 0.85), 0.12, (0.2, rng.uniform(0.28, 0.4), 0.14))
    else:
        thing.limb((-0.3, 0.95), (0.25, 0.6), 0.025, 0.025, METAL)
        thing.polygon([(-0.25, 0.35), (-0.3, 0.75), (0.35, 0.7), (0.3, 0.35)], cloth(rng, 0.3))
        for wheel in (-0.22, 0.25):
            thing.disc(wheel, 0.12, 0.12, RUBBER)
            thing.limb((wheel, 0.12), (0.5 * wheel, 0.5), 0.02, 0.02, METAL)
        return thing.solid("dynamic", 0.35, 0.9)
    return thing.solid("static", 0.5, 1.0)
