"""The talk's preprocessing and augmentation: each step on its own, and the two pipelines made from them.

Steps that move pixels take the image and the mask together, so that both get the same transform: the image is
interpolated, the mask never is (halfway from road = 0 to car = 13 lies 6.5, and 6 and 7 are traffic light and sign).
Until the last step images are (H, W, 3) uint8 RGB and masks (H, W) uint8 trainIds with void = 255.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from cs_utils.labels import VOID, train_id_to_slide
from cs_utils.settings import Settings

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
"""Mean of each colour channel over ImageNet, of values in 0..1: what pretrained encoders expect."""
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
"""Standard deviation of the same."""
NORMALIZED = (np.arange(256, dtype=np.float32)[:, None] / 255 - MEAN) / STD  # (256, 3)
"""What each of the 256 values of a colour channel becomes: to look it up takes a third of the time of computing it."""
MAX_SIGMA = 1.0
"""Strongest blur of the augmentation, in pixels of the resized image."""


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an image to ``size`` (height, width) without aliasing: (H, W, 3) uint8 -> (h, w, 3) uint8."""
    height, width = size
    # First what shrinks, by the mean over the area that a new pixel covers: bilinear would skip pixels and alias.
    # OpenCV takes that mean only where neither axis grows.
    smaller = (min(width, image.shape[1]), min(height, image.shape[0]))
    shrunk = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR)


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask to ``size`` (height, width), each pixel taking its nearest one: (H, W) -> (h, w) uint8."""
    height, width = size
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def resize(image: np.ndarray, mask: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resize image (area mean) and mask (nearest) to ``size`` (height, width)."""
    if image.shape[:2] == mask.shape == tuple(size):
        return image, mask
    return resize_image(image, size), resize_mask(mask, size)


def rotate(image: np.ndarray, mask: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotate both counter-clockwise about the centre; the empty corners become black in the image, void in the mask."""
    height, width = mask.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale=1.0)
    rotated = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    rotated_mask = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST, borderValue=VOID)
    return rotated, rotated_mask


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur an image with a Gaussian of standard deviation ``sigma`` in pixels; the mask stays as it is."""
    return cv2.GaussianBlur(image, ksize=(0, 0), sigmaX=sigma)


def flip(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror image and mask left to right."""
    return cv2.flip(image, 1), cv2.flip(mask, 1)


def normalize(image: np.ndarray) -> Tensor:
    """Scale an image to about zero mean and unit deviation: (H, W, 3) uint8 -> (3, H, W) float32."""
    scaled = np.empty((3, *image.shape[:2]), dtype=np.float32)
    for channel, plane in enumerate(cv2.split(image)):  # (H, W, 3) -> three times (H, W)
        cv2.LUT(plane, NORMALIZED[:, channel], dst=scaled[channel])
    return torch.from_numpy(scaled)


def denormalize(image: Tensor) -> np.ndarray:
    """Undo `normalize`, to look at a network's input: (3, H, W) float32 -> (H, W, 3) uint8."""
    scaled = image.detach().cpu().float().permute(1, 2, 0).numpy()  # (3, H, W) -> (H, W, 3)
    return np.clip(np.rint((scaled * STD + MEAN) * 255), 0, 255).astype(np.uint8)


def encode(mask: np.ndarray, settings: Settings) -> Tensor:
    """Turn trainIds into a target: (H, W) uint8 -> (H, W) int64; void is 255, or 20 where void is a class."""
    encoded = train_id_to_slide(mask) if settings.void == "class" else mask
    return torch.from_numpy(encoded.astype(np.int64))


@dataclass(frozen=True)
class Preprocessing:
    """What every image goes through: resize, normalise, encode."""

    settings: Settings

    def __call__(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Give image (3, h, w) float32 and target (h, w) int64; ``rng`` is not used."""
        image, mask = resize(image, mask, self.settings.image_size)
        return normalize(image), encode(mask, self.settings)


@dataclass(frozen=True)
class Augmentation:
    """What training images go through: resize, rotation, Gaussian blur, horizontal flip, normalise, encode."""

    settings: Settings

    def __call__(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Give image (3, h, w) float32 and target (h, w) int64; all that is random comes from ``rng``."""
        settings = self.settings
        image, mask = resize(image, mask, settings.image_size)
        if settings.rotation > 0:
            image, mask = rotate(image, mask, rng.uniform(-settings.rotation, settings.rotation))
        if rng.random() < settings.blur:
            # Not from zero: a Gaussian of width zero has no kernel.
            image = blur(image, rng.uniform(0.1, MAX_SIGMA))
        if rng.random() < settings.flip:
            image, mask = flip(image, mask)
        return normalize(image), encode(mask, settings)
