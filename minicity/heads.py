"""Heads of MiniCity's people: faces of all skins, hair of many cuts, hats, caps, scarves, hoods. Lengths in metres."""

import numpy as np

from minicity.dress import BLACK, cloth
from minicity.figures import Body, Color, Figure, Point
from minicity.mesh import pick

HAIR: tuple[Color, ...] = (
    (0.06, 0.05, 0.05),
    (0.14, 0.1, 0.07),
    (0.26, 0.17, 0.1),
    (0.5, 0.38, 0.22),
    (0.6, 0.58, 0.55),
    (0.3, 0.13, 0.08),
)


def skin_color(rng: np.random.Generator) -> Color:
    """Skin from very light to very dark."""
    share = rng.random() ** 1.8
    light, dark = np.array((0.84, 0.66, 0.56)), np.array((0.24, 0.15, 0.11))
    return tuple((light + share * (dark - light)).tolist())


def head(figure: Figure, rng: np.random.Generator, body: Body, skin: Color, top: Color) -> None:
    """Neck, face and hair, or what covers it."""
    size = body.size
    # A child's head is large for its body.
    s = 0.4 * size + 0.6 * 1.7
    ahead = body.lean * 0.4 * size + 0.01 * s
    turn = float(rng.normal(0.0, 0.4))
    y = body.up(0.325) + 0.088 * s
    look = (np.sin(turn), np.cos(turn))

    def at(right: float, up: float, forward: float) -> Point:
        return (right * look[1] + forward * look[0], y + up * s, ahead + forward * look[1] - right * look[0])

    hair = pick(rng, HAIR)
    figure.bone((0.0, body.up(0.3), body.lean * 0.3 * size), (0.0, y - 0.03 * s, ahead), 0.034 * s, 0.031 * s, skin)
    kind = pick(
        rng, ("short", "short", "short", "long", "long", "tail", "bun", "bald", "cap", "beanie", "scarf", "hood", "hat")
    )
    cover = top if kind == "hood" else cloth(rng, 0.35) if kind in ("cap", "beanie", "scarf", "hat") else hair
    if kind in ("long", "scarf", "hood"):
        low = y - rng.uniform(0.08, 0.19) * s
        figure.tube(
            [
                (ahead - 0.02, y + 0.04 * s, 0.055 * s, 0.05 * s),
                (ahead - 0.035, y - 0.02 * s, 0.062 * s, 0.05 * s),
                (ahead - 0.045, low, 0.055 * s, 0.035 * s),
            ],
            cover,
            -0.01,
        )
    elif kind == "tail":
        figure.bone(at(0.0, 0.02, -0.07), at(0.0, -0.09, -0.085), 0.022 * s, 0.012 * s, hair)
    elif kind == "bun":
        figure.ball(at(0.0, 0.05, -0.06), (0.03 * s, 0.03 * s, 0.03 * s), hair)
    if kind != "bald":
        figure.ball(at(0.0, 0.016, -0.016), (0.051 * s, 0.06 * s, 0.058 * s), cover)
    figure.ball(at(0.0, -0.003, 0.01), (0.044 * s, 0.064 * s, 0.052 * s), skin, 0.008)
    facing = -(figure.cos * look[1] - figure.sin * look[0])
    if kind != "bald":
        # The upper part of the head: a cap of hair over the brow, farther down at the back.
        x, top_y, depth = figure.seen(at(0.0, 0.016, -0.006 if facing > 0 else -0.02))
        arc = np.linspace(0.0, np.pi, 8)
        wide = float(np.hypot(0.051 * figure.cos, 0.06 * figure.sin)) * s
        brow = top_y + (0.012 if facing > -0.3 else -0.05) * s
        dome = np.stack([x + wide * np.cos(arc), brow + (top_y + 0.055 * s - brow) * np.sin(arc)], axis=1)
        figure.polygon(dome, cover, 0.95 * figure.front, depth - 0.06)
    if kind in ("cap", "hat"):
        brim = 0.05 if kind == "cap" else 0.085
        back = 0.03 if kind == "cap" else -0.085
        figure.bone(at(0.0, 0.03, back), at(0.0, 0.026, 0.05 + brim), 0.016 * s, 0.012 * s, cover, 0.06)
        if kind == "hat":
            figure.bone(at(-0.085, 0.03, 0.0), at(0.085, 0.03, 0.0), 0.012 * s, 0.012 * s, cover, 0.07)
    if not figure.near or facing < -0.2:
        return
    glasses = rng.random() < 0.22
    for side in (-1.0, 1.0):
        eye = at(side * 0.019, 0.006, 0.052)
        figure.ball(
            eye,
            ((0.012 if glasses else 0.007) * s, (0.007 if glasses else 0.004) * s, 0.005 * s),
            BLACK if glasses else tuple(0.4 * c for c in skin),
            0.05,
        )
        figure.ball(
            at(side * 0.044, -0.004, 0.005), (0.007 * s, 0.013 * s, 0.009 * s), tuple(0.9 * c for c in skin), 0.02
        )
    figure.bone(at(0.0, 0.002, 0.058), at(0.0, -0.016, 0.068), 0.006 * s, 0.009 * s, skin, 0.05)
    figure.ball(
        at(0.0, -0.035, 0.055), (0.015 * s, 0.004 * s, 0.004), (0.75 * skin[0], 0.45 * skin[1], 0.45 * skin[2]), 0.05
    )
    if rng.random() < 0.15:
        figure.ball(at(0.0, -0.045, 0.03), (0.034 * s, 0.025 * s, 0.03 * s), hair, 0.03)
