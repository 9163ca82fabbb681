"""What the car that carries the camera, and its rectification, put over the picture: a bonnet and blind strips."""

import cv2
import numpy as np

from minicity.geometry import SHIFT, to_fixed

Overlay = tuple[str, np.ndarray, tuple[float, float, float]]
"""A label, an outline (N, 2) in picture pixels, and a colour."""


def overlays(rng: np.random.Generator, height: int, width: int) -> list[Overlay]:
    """Most cars show their bonnet, most pictures were rectified; others have neither."""
    found: list[Overlay] = []
    shown, rectified = rng.random() < 0.72, rng.random() < 0.6
    edge, rise, shift = rng.uniform(0.93, 1.0), rng.uniform(0.035, 0.09), rng.uniform(-0.08, 0.08)
    power, dark = rng.uniform(2.0, 4.0), float(rng.uniform(0.03, 0.3) if rng.random() < 0.4 else 0.055)
    cast = 1.0 + rng.normal(0.0, 0.1, 3)
    if shown:
        x = np.linspace(0.0, 1.0, 41)
        y = np.minimum(edge - rise * (1.0 - np.abs(2.0 * (x - 0.5 - shift)) ** power), 1.0)
        points = np.concatenate([np.stack([x, y], axis=1), [(1.0, 1.0), (0.0, 1.0)]])
        found.append(("ego vehicle", points * (width - 1, height - 1), tuple(dark * cast)))
    strip = 0.0024 * width * rng.uniform(0.8, 2.2)
    if rectified:
        for x0, y0, x1, y1 in ((0, 0, strip, height), (width - 1 - strip, 0, width, height), (0, 0, width, strip)):
            points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)
            found.append(("rectification border", points.clip(0, (width - 1, height - 1)), (0.0, 0.0, 0.0)))
    return found


def lay_over(image: np.ndarray, found: list[Overlay], sky: np.ndarray) -> None:
    """Paint the overlays into a picture (H, W, 3) uint8: dark paint that mirrors the ``sky``, more towards its edge."""
    for label, outline, color in found:
        left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.ceil(outline.max(axis=0)).astype(int) + 2
        below = image[top:bottom, left:right]
        h, w = below.shape[:2]
        cover = np.zeros((h, w), np.uint8)
        cv2.fillPoly(cover, [to_fixed(outline - (left, top))], 255, cv2.LINE_AA, SHIFT)
        if label == "ego vehicle":
            down, across = np.mgrid[0.0 : 1.0 : h * 1j, -1.0 : 1.0 : w * 1j].astype(np.float32)
            gloss = 0.34 * np.exp(-3.0 * (down + 0.35 * across**2))
            gloss += 0.1 * np.exp(-(((np.abs(across) - 0.52 - 0.1 * down) / 0.03) ** 2))
            layer = np.clip(255.0 * (np.array(color) + gloss[..., None] * sky), 0, 255).astype(np.uint8)
        else:
            layer = below // 4
        weight = cover.astype(np.float32) * np.float32(1 / 255)
        image[top:bottom, left:right] = cv2.blendLinear(np.ascontiguousarray(below), layer, 1.0 - weight, weight)
