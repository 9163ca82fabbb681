"""The camera's lens and sensor: blur, glare, exposure, white balance, tone curve, vignetting and noise of a picture."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from minicity.textures import TILE


@dataclass(frozen=True)
class Look:
    """What the camera adds to the light of the scene."""

    gains: np.ndarray
    """Exposure and white balance: factors of red, green and blue."""
    contrast: float
    gamma: float
    black: float
    """What a black thing becomes, 0..1: stray light."""
    shoulder: float
    """Width of the bend into white, 0..1: small values burn out at once."""
    saturation: float
    vignette: float
    blur: float
    """Spread of the blur as a share of the width."""
    sharpen: float
    streak: tuple[float, float] | None
    """Motion blur: its length as a share of the width, and its direction in radians; None where nothing moves."""
    noise: float
    """Spread of the noise in a middle grey, in steps of 0..255."""
    noise_offset: tuple[int, int]
    glare: float
    """Strength of the veil around a sun that shines into the lens."""


def expose(image: np.ndarray, look: Look, sun: tuple[float, float, float] | None) -> np.ndarray:
    """The picture (H, W, 3) uint8 that the camera makes of the light (H, W, 3) uint8 of a scene.

    Args:
        image: what an ideal camera sees.
        look: what this one adds.
        sun: where the sun stands, (x, y) in pixels, and how strong it is; None where it is not before the camera.
    """
    height, width = image.shape[:2]
    if look.blur * width > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), look.blur * width)
    if look.streak is not None:
        image = cv2.filter2D(image, -1, _streak(look.streak[0] * width, look.streak[1]))
    if look.sharpen:
        image = cv2.addWeighted(image, 1.0 + look.sharpen, cv2.GaussianBlur(image, (0, 0), 1.0), -look.sharpen, 0.0)
    if sun is not None:
        veil = look.glare * sun[2] * _veil(sun[:2], height, width)
        image = cv2.blendLinear(image, np.full_like(image, 255), 1.0 - veil, veil)
    image = cv2.LUT(image, _tones(look))
    # The weights of the three colours in brightness: ITU-R BT.601.
    gray = np.tile(np.array([0.299, 0.587, 0.114], np.float32), (3, 1))
    image = cv2.transform(image, look.saturation * np.eye(3, dtype=np.float32) + (1.0 - look.saturation) * gray)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    image = cv2.multiply(image, cv2.merge([1.0 - np.float32(look.vignette) * (x * x + y * y)] * 3))
    start_y, start_x = look.noise_offset
    rows, columns = (start_y + np.arange(height)) % TILE, (start_x + np.arange(width)) % TILE
    speckle = _speckle().take(rows, axis=0).take(columns, axis=1)
    # Photons come by chance: the noise grows with the root of the light, until it burns out.
    strength = cv2.sqrt(np.maximum(image, 8.0) * np.float32(1 / 128)) * np.clip(8.0 - image * (1 / 32), 0.1, 1.0)
    # Written as bytes, the sum is rounded and kept within 0..255.
    return cv2.addWeighted(image, 1.0, cv2.multiply(strength, speckle), look.noise, 0.0, dtype=cv2.CV_8U)


def _tones(look: Look) -> np.ndarray:
    """The tone curve of each colour as a table (1, 256, 3) float32: gain, shoulder, gamma, contrast, stray light."""
    levels = np.arange(256)[:, None] / 255.0 * look.gains
    knee = 1.0 - look.shoulder
    bent = knee + look.shoulder * np.tanh((levels - knee) / look.shoulder)
    levels = np.minimum(np.where(levels > knee, bent, levels), 1.0) ** look.gamma
    levels = np.clip(0.36 + look.contrast * (levels - 0.36), 0.0, 1.0)
    return (255.0 * (look.black + (1.0 - look.black) * levels))[None].astype(np.float32)


def _streak(length: float, direction: float) -> np.ndarray:
    """The kernel of a motion blur: an antialiased line of ``length`` pixels."""
    half = int(np.ceil(0.5 * length)) + 1
    along = 0.5 * length * np.array([np.cos(direction), np.sin(direction)])
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.uint8)
    ends = np.round(16 * np.stack([half - along, half + along])).astype(int).tolist()
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    return kernel.astype(np.float32) / float(kernel.sum())


def _veil(sun: tuple[float, float], height: int, width: int) -> np.ndarray:
    """Stray light (H, W) float32, 1 at the sun and falling slowly: what a low sun does to a windscreen."""
    y, x = np.ogrid[:height, :width]
    distance = ((x - sun[0]) ** 2 + (y - sun[1]) ** 2) / float(0.25 * width) ** 2
    return (0.75 / (1.0 + distance) + 0.25 / (1.0 + 40.0 * distance)).astype(np.float32)


@cache
def _speckle() -> np.ndarray:
    """Sensor noise (TILE, TILE, 3) float32 with unit spread, correlated as after demosaicing.

    Each pixel of a sensor measures one colour (the Bayer pattern: half of them green); the two others are the mean of
    its neighbours, and their noise comes with them.
    """
    white = np.random.default_rng(7).standard_normal((TILE, TILE)).astype(np.float32)
    y, x = np.mgrid[:TILE, :TILE] % 2
    cross = np.array([(0, 1, 0), (1, 4, 1), (0, 1, 0)], np.float32) / 4
    square = np.array([(1, 2, 1), (2, 4, 2), (1, 2, 1)], np.float32) / 4
    colors = []
    for measured, kernel in ((y + x == 0, square), ((y + x) == 1, cross), (y + x == 2, square)):
        filled = cv2.filter2D(np.pad(np.where(measured, white, 0), 2, mode="wrap"), -1, kernel)[2:-2, 2:-2]
        colors.append(filled / filled.std())
    return np.ascontiguousarray(np.stack(colors, axis=-1), np.float32)
