"""The sky of MiniCity, and its image in a wet road."""

import cv2
import numpy as np

from minicity.geometry import Camera, Light
from minicity.shadows import ground_view
from minicity.textures import View, noise, tint


def paint_sky(rows: slice, columns: slice, light: Light, camera: Camera, seed: float) -> np.ndarray:
    """The sky (3, h, w) float32: brighter towards the horizon, with clouds on a plane far above, darker below."""
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    up = np.clip((camera.horizon - y) / camera.focal, 0.002, None)
    distance = 1.0 / (up + 0.06)
    across = (np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - camera.cx) / camera.focal
    feet = distance / camera.focal, distance**2 / camera.focal
    view = View(across * distance, distance, *feet, 1.0, light.sky_low, (len(y), across.shape[1]))
    fluff = noise(view, "cloud", 9.0, 1.3, seed)
    bulk = noise(view, "cloud", 16.0, 1.0, seed + 0.4)
    # How fast the blue deepens, how ragged and how dark below the clouds are: the seed decides.
    depth, ragged, gloom = 1.2 + 2.6 * (7.1 * seed % 1.0), 0.4 + 1.1 * (3.3 * seed % 1.0), 0.3 * (5.7 * seed % 1.0)
    low, top = (color.astype(np.float32) for color in (light.sky_low, light.sky_top))
    rgb = tint(np.clip(up * depth, 0.0, 1.0), top - low) + low[:, None, None]
    cover = 0.9 * np.clip(ragged * fluff + (2.6 * light.clouds - 1.5), 0.0, 1.0)
    bright = 1.0 + 0.05 * fluff - gloom * np.clip(0.5 + 0.7 * bulk, 0.0, 1.4)
    # A cloud is as bright as the sky at the horizon, and has less of its colour.
    white = 0.5 * low + 0.5 * float(low.mean()) * np.array((0.99, 1.0, 1.02), np.float32)
    return rgb + cover * (tint(bright, white) - rgb)


def mirror_in_road(canvas: np.ndarray, flat: np.ndarray, light: Light, camera: Camera, seed: float) -> None:
    """Lay the image of what stands above the horizon over the wet ground of a canvas (H, W, 3) uint8.

    Args:
        canvas: changed in place.
        flat: (H, W) uint8, 255 where the ground is seen.
        light: says how wet it is.
        camera: the level camera of the canvas.
        seed: places the puddles.
    """
    height, width = canvas.shape[:2]
    top = int(np.clip(camera.horizon + 1, 0, height - 1))
    rows = np.arange(top, height)
    mirrored = canvas[np.clip(2 * top - rows, 0, height - 1)]
    # The water is never quite smooth: its images are drawn out upwards and downwards.
    spread = max(0.012 * width, 0.5)
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), 0.12 * spread, sigmaY=spread)
    view = ground_view(camera, top, height, width)
    down = camera.height / view.v
    puddles = np.clip(0.55 + 0.5 * noise(view, "cloud", 9.0, 1.5, seed), 0.15, 1.0)
    # Schlick's rule for water: nothing at steep angles, everything at grazing ones.
    fresnel = 0.04 + 0.8 * np.clip(1.0 - 1.6 * down, 0.0, 1.0) ** 4
    share = light.wet * puddles * fresnel * (flat[top:].astype(np.float32) / 255.0)
    canvas[top:] = cv2.blendLinear(np.ascontiguousarray(canvas[top:]), mirrored, 1.0 - share, share)
