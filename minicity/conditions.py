"""The dice of MiniCity: under which light, with which camera and which film a scene is taken.

The ranges are far wider than those of one city and one camera: a network that has seen them cannot rely on the colour
of a class, on the height of the horizon or on the exposure ("domain randomisation", Tobin et al., IROS 2017).
"""

import numpy as np

from minicity.geometry import REFERENCE_FOCAL, REFERENCE_WIDTH, Light
from minicity.lens import Lens, turned
from minicity.sensor import Look
from minicity.textures import TILE

WEATHERS = ("sunny", "mixed", "overcast", "dusk")


def draw_light(rng: np.random.Generator) -> Light:
    """Sun and sky: clear, cloudy, dull or dusk; dry or wet; clear air or haze."""
    weather = WEATHERS[int(rng.choice(4, p=(0.36, 0.22, 0.32, 0.1)))]
    low, high = {"sunny": (0.0, 0.3), "mixed": (0.3, 0.7), "overcast": (0.7, 1.0), "dusk": (0.2, 1.0)}[weather]
    clouds = float(rng.uniform(low, high))
    azimuth, elevation = rng.uniform(0.0, 2 * np.pi), np.deg2rad(rng.uniform(8.0, 62.0))
    sun = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    warm = rng.uniform(0.0, 1.0) * (1.0 - clouds) * (1.3 - elevation)
    # Blue from pale to deep, clouds from white to lead.
    deep, lead, cast = rng.uniform(0.0, 1.0), rng.uniform(0.5, 1.02), 1.0 + rng.normal(0.0, 0.03, 3)
    blue = (1.0 - deep) * np.array([0.62, 0.76, 0.9]) + deep * np.array([0.2, 0.42, 0.76])
    pale = np.array([0.8, 0.88, 0.95]) * rng.uniform(0.85, 1.08)
    top = ((1 - clouds) * blue + clouds * lead * np.array([0.8, 0.83, 0.87])) * cast
    sky_low = ((1 - clouds) * pale + clouds * lead * np.array([0.98, 0.99, 1.0])) * cast
    sky_low = sky_low * (1 - 0.3 * warm) + 0.3 * warm * np.array([1.0, 0.84, 0.62])
    direct = rng.uniform(0.7, 1.1) * (1.0 - clouds) ** 0.8
    # Against a bright sky the street is dark; a camera that exposes for the street burns the sky out.
    level = float(np.clip(np.exp(rng.normal(-0.08, 0.24)), 0.45, 1.25))
    dusk, dim = 0.0, rng.uniform(0.3, 0.7)
    if weather == "dusk":
        dusk, direct, level = float(rng.uniform(0.4, 1.0)), 0.0, 0.62 * level
        glow = rng.uniform(0.0, 1.0)
        top = top * dim * np.array([0.8, 0.9, 1.1])
        sky_low = sky_low * (1 - 0.4 * dusk) * ((1 - glow) + glow * np.array([1.1, 0.85, 0.7]))
    wet = float(rng.uniform(0.3, 1.0)) if clouds > 0.4 and rng.random() < 0.35 else 0.0
    haze = float(rng.choice((0.0008, 0.003, 0.008), p=(0.5, 0.37, 0.13)))
    ambient = (0.9 - 0.32 * direct) * level
    return Light(
        sun, float(direct * level), float(ambient), haze, top.clip(0, 1), sky_low.clip(0, 1), clouds, dusk, wet
    )


def draw_look(rng: np.random.Generator, light: Light) -> Look:
    """Exposure, white balance, tone curve, sharpness and noise of the camera."""
    # The camera makes up for some of what the light lacks, and not always well.
    exposure = float(np.exp(rng.normal(0.22, 0.26))) * (light.ambient + 0.5 * light.direct) ** -0.65
    exposure = float(np.clip(exposure, 0.55, 2.0))
    balance = np.exp(rng.normal(0.0, (0.07, 0.02, 0.08)))
    offset = tuple(int(n) for n in rng.integers(0, TILE, 2))
    shaken = bool(rng.random() < 0.18)
    return Look(
        gains=exposure * balance,
        contrast=float(np.exp(rng.normal(0.06, 0.2))),
        gamma=float(np.exp(rng.normal(0.0, 0.22))),
        black=float(rng.uniform(0.0, 0.07) if rng.random() < 0.5 else 0.0),
        shoulder=float(rng.uniform(0.02, 0.35)),
        saturation=float(np.clip(rng.normal(1.0, 0.28), 0.15, 1.7)),
        vignette=float(rng.uniform(0.0, 0.32)),
        blur=float(rng.uniform(0.0, 0.0009) if rng.random() < 0.6 else 0.0),
        sharpen=float(rng.uniform(0.0, 1.0) if rng.random() < 0.5 else 0.0),
        streak=(float(rng.uniform(0.002, 0.009)), float(rng.uniform(0.0, np.pi))) if shaken else None,
        noise=float(min(rng.uniform(0.5, 3.0) + rng.exponential(1.6) * (1.0 + 1.2 * light.dusk), 9.0)),
        noise_offset=(offset[0], offset[1]),
        glare=float(rng.uniform(0.15, 0.8)),
    )


def draw_lens(rng: np.random.Generator, height: int, width: int) -> tuple[Lens, float]:
    """The camera's angle of view, its turn and its distortion, and its height above the road in metres."""
    zoom = float(np.clip(np.exp(rng.normal(-0.07, 0.2)), 0.55, 1.25))
    # By the longer side: a portrait picture would else look up to the zenith, which no level canvas holds.
    focal = REFERENCE_FOCAL * zoom * max(width, height) / REFERENCE_WIDTH
    horizon = float(np.clip(rng.normal(0.43, 0.045), 0.31, 0.55))
    pitch = float(np.arctan((horizon - 0.5) * height / focal))
    yaw = float(rng.normal(0.0, 0.045)) if rng.random() < 0.85 else float(rng.uniform(-0.24, 0.24))
    roll = float(rng.normal(0.0, 0.016))
    bend = float(rng.uniform(-0.03, 0.2))
    eye = float(rng.uniform(1.15, 1.45)) if rng.random() < 0.85 else float(rng.uniform(1.5, 2.3))
    return Lens(focal, turned(yaw, pitch, roll), bend, height, width), eye
