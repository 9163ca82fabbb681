"""What people of MiniCity wear and carry: colours of clothes, bags and umbrellas. Lengths in metres."""

import numpy as np

from minicity.figures import METAL, Body, Color, Figure

BLACK: Color = (0.05, 0.05, 0.055)


def cloth(rng: np.random.Generator, bright: float = 0.2) -> Color:
    """A colour of clothes: mostly dark and dull, with the chance ``bright`` of a strong one."""
    value, hue = rng.uniform(0.06, 0.45), rng.uniform(0.0, 2 * np.pi)
    strength = rng.uniform(0.0, 0.28)
    luck = rng.random()
    if luck < bright:
        value, strength = rng.uniform(0.25, 0.55), rng.uniform(0.3, 0.75)
    elif luck < bright + 0.17:
        value, strength = rng.uniform(0.6, 0.85), rng.uniform(0.0, 0.12)
    wave = [1.0 + strength * np.cos(hue + turn) for turn in (0.0, 2.1, 4.2)]
    return tuple(float(min(value * w, 0.92)) for w in wave)


def denim(rng: np.random.Generator) -> Color:
    """Trousers: jeans of all washes, black, beige or any dull colour."""
    luck, depth = rng.random(), rng.uniform(0.5, 1.6)
    if luck < 0.4:
        return (0.14 * depth, 0.18 * depth, 0.27 * depth)
    if luck < 0.65:
        return (0.06 * depth, 0.06 * depth, 0.065 * depth)
    return (0.42, 0.36, 0.27) if luck < 0.75 else cloth(rng, 0.05)


def umbrella(figure: Figure, body: Body, color: Color) -> None:
    """An open umbrella over the head, its stick in one hand."""
    top = body.up(0.62)
    radius = 0.36 * body.size
    figure.bone((0.1, body.up(0.25), 0.15), (0.05, top, 0.08), 0.012, 0.01, METAL, 0.1)
    arc = np.linspace(0.0, np.pi, 9)
    hem = np.linspace(-1.0, 1.0, 13)
    lower = np.stack([radius * hem, top - 0.16 + 0.03 * (np.arange(13) % 2)], axis=1)
    dome = np.stack([radius * np.cos(arc), top - 0.16 + 0.24 * np.sin(arc)], axis=1)
    figure.polygon(np.concatenate([dome, lower]), color, 1.05 * figure.front, -1.0)
    for share in (-0.5, 0.1, 0.6):
        figure.limb(
            (0.15 * share * radius, top + 0.07),
            (share * radius, top - 0.14),
            0.008,
            0.008,
            tuple(0.7 * c for c in color),
            False,
            -1.1,
        )


def bag(figure: Figure, rng: np.random.Generator, body: Body, pose: str) -> None:
    """A backpack, a shoulder bag or nothing."""
    luck, size, b = rng.random(), body.size, body.build
    color = cloth(rng, 0.35)
    if luck < 0.2 and pose != "sit":
        back = -0.13 * size * b
        half = rng.uniform(0.075, 0.1) * size
        figure.tube(
            [
                (back, body.up(0.31), 0.7 * half, 0.03),
                (back - 0.03, body.up(0.28), half, 0.07 * size),
                (back - 0.05, body.up(0.08), half, 0.08 * size),
                (back, body.up(0.06), 0.8 * half, 0.05),
            ],
            color,
        )
        for side in (-1.0, 1.0):
            figure.bone(
                (side * 0.07 * size, body.up(0.3), 0.06 * size),
                (side * 0.075 * size, body.up(0.14), 0.075 * size),
                0.015,
                0.012,
                color,
            )
    elif luck < 0.4:
        side = float(rng.choice((-1.0, 1.0)))
        x = side * 0.13 * size * b
        y = body.up(rng.uniform(-0.06, 0.1))
        half = rng.uniform(0.06, 0.11) * size
        figure.tube([(0.0, y + 0.07 * size, 0.02, half * 0.85), (0.0, y - 0.06 * size, 0.035, half)], color, 0.02, x)
        figure.bone((x * 0.5, body.up(0.31), 0.0), (x, y + 0.06 * size, 0.0), 0.01, 0.01, color, 0.1)
