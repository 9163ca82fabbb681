"""The camera's lens and sensor: blur, exposure, white balance, contrast, vignetting and noise of a MiniCity picture."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from minicity.textures import TILE


@dataclass(frozen=True)
class Look:
    """What the camera adds: gains of red, green and blue, contrast, vignetting, blur (of the width), noise (0..255)."""

    gains: np.ndarray
    contrast: float
    vignette: float
    blur: float
    noise: float
    noise_offset: tuple[int, int]


def expose(canvas: np.ndarray, look: Look) -> np.ndarray:
    """What lens and sensor do: blur, exposure and white balance, contrast, vignetting, noise. (H, W, 3) uint8."""
    height, width = canvas.shape[:2]
    sigma = look.blur * width
    if sigma > 0.25:
        canvas = cv2.GaussianBlur(canvas, (0, 0), sigma)
    levels = np.arange(256, dtype=np.float32)[:, None] / 255.0 * look.gains.astype(np.float32)
    # A film-like curve: straight in the middle, bending into white instead of clipping.
    levels = np.where(levels > 0.8, 0.8 + 0.2 * np.tanh((levels - 0.8) / 0.2), levels)
    levels = np.clip(0.42 + look.contrast * (levels - 0.42), 0.0, 1.0)
    image = cv2.LUT(canvas, np.ascontiguousarray((255.0 * levels)[None].astype(np.float32)))
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    fall = 1.0 - np.float32(look.vignette) * (x * x + y * y)
    start_y, start_x = look.noise_offset
    rows, columns = (start_y + np.arange(height)) % TILE, (start_x + np.arange(width)) % TILE
    speckle = _speckle().take(rows, axis=0).take(columns, axis=1)
    image = cv2.multiply(image, cv2.merge([fall] * 3))
    # Written as bytes, the sum is rounded and kept within 0..255.
    return cv2.addWeighted(image, 1.0, speckle, look.noise, 0.0, dtype=cv2.CV_8U)


@cache
def _speckle() -> np.ndarray:
    """Sensor noise (TILE, TILE, 3) float32 with unit spread: mostly grey, a little coloured."""
    rng = np.random.default_rng(7)
    gray, color = rng.standard_normal((TILE, TILE, 1)), rng.standard_normal((TILE, TILE, 3))
    return (0.85 * gray + 0.5 * color).astype(np.float32)
