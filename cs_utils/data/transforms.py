"""Preprocessing and augmentation: the talk's steps and those of modern recipes, each on its own, and two pipelines.

Steps that move pixels take the image and the mask together, so that both get the same transform: the image is
interpolated, the mask never is (halfway from road = 0 to car = 13 lies 6.5, and 6 and 7 are traffic light and sign).
Until the last step images are (H, W, 3) uint8 RGB and masks (H, W) uint8 trainIds with void = 255.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from torch import Tensor

from cs_utils.exceptions import CourseError
from cs_utils.labels import SLIDE_VOID, VOID, train_id_to_slide

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
"""Mean of each colour channel over ImageNet, of values in 0..1: what pretrained encoders expect."""
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
"""Standard deviation of the same."""
NORMALIZED = (np.arange(256, dtype=np.float32)[:, None] / 255 - MEAN) / STD  # (256, 3)
"""What each of the 256 values of a colour channel becomes: to look it up takes a third of the time of computing it."""
MAX_SIGMA = 1.0
"""Strongest blur of the augmentation, in pixels of the resized image."""
MAX_FACTOR, MAX_HUE = 0.6, 30.0
"""At full strength, brightness, contrast and saturation change by up to this share, and the hue by so many degrees."""
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of R, G and B in a pixel's grey; ITU-R BT.601."""


def check_image(image: np.ndarray) -> None:
    """Refuse what is not an image, in one line; OpenCV would do so in its own words, or compute nonsense.

    Raises:
        CourseError: it is not a NumPy array (H, W, 3) of uint8, or it has no pixel.
    """
    wanted, kind = "an image is a NumPy array (H, W, 3) of uint8, 0 to 255", type(image).__name__
    if not hasattr(image, "shape"):
        how = "read_upright reads one from a file, np.array makes one of a picture"
        raise CourseError(f"{wanted}, and this is a value of type {kind}: {how}")
    shape = tuple(image.shape)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise CourseError(f"{wanted}, and this is {kind} {shape} of {image.dtype}: convert it")


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


def scale_and_crop(
    image: np.ndarray, mask: np.ndarray, factor: float, place: tuple[float, float] = (0.5, 0.5)
) -> tuple[np.ndarray, np.ndarray]:
    """Enlarge both by ``factor`` and cut out their old size again; where a smaller one leaves room: black, and void.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) uint8.
        factor: above 0; above 1 things come nearer, below 1 they move away.
        place: where the window lies vertically and horizontally, 0 (upper, left end) to 1 (lower, right end).
    """
    height, width = mask.shape
    if factor >= 1:  # first cut, then enlarge: fewer pixels to compute
        h, w = max(1, round(height / factor)), max(1, round(width / factor))
        top, left = round((height - h) * place[0]), round((width - w) * place[1])
        window = slice(top, top + h), slice(left, left + w)
        return resize(image[window], mask[window], (height, width))
    h, w = max(1, round(height * factor)), max(1, round(width * factor))
    image, mask = resize(image, mask, (h, w))
    top, left = round((height - h) * place[0]), round((width - w) * place[1])
    border = top, height - h - top, left, width - w - left
    return (
        cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=(0, 0, 0)),
        cv2.copyMakeBorder(mask, *border, cv2.BORDER_CONSTANT, value=VOID),
    )


def change_color(
    image: np.ndarray, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0, hue: float = 0.0
) -> np.ndarray:
    """Change an image's colours, not its mask: (H, W, 3) uint8 RGB -> the same.

    Each of the four is linear in (R, G, B), so one 3x4 matrix does them all in one pass.

    Args:
        image: what to change.
        brightness: factor on all values.
        contrast: factor on the distance from the image's mean grey.
        saturation: factor on the distance from each pixel's own grey; 0 gives a grey image.
        hue: turn colours by so many degrees about the axis of greys; 120 turns red into green.
    """
    grey = np.tile(LUMA, (3, 1))  # gives each channel the pixel's grey
    matrix = contrast * brightness * (saturation * np.eye(3) + (1 - saturation) * grey) @ _turn_about_greys(hue)
    mean = brightness * float(LUMA @ cv2.mean(image)[:3])
    return cv2.transform(image, np.column_stack([matrix, np.full(3, (1 - contrast) * mean)]))


def _turn_about_greys(degrees: float) -> np.ndarray:
    """The rotation matrix (3, 3) about the axis (1, 1, 1), by Rodrigues' formula."""
    angle = np.deg2rad(degrees)
    axis = np.ones((3, 3)) / 3
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) * axis + np.sin(angle) * cross


def measure_color(images: Sequence[np.ndarray]) -> np.ndarray:
    """Mean and standard deviation of red, green and blue over all pixels of images (H, W, 3) uint8: (2, 3) float64."""
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    mean = sum(image.sum(axis=(0, 1), dtype=np.float64) for image in images) / pixels
    squares = sum(np.square(image, dtype=np.float64).sum(axis=(0, 1)) for image in images) / pixels
    return np.stack([mean, np.sqrt(squares - mean**2)])


def match_color(image: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Give an image the mean and the deviation of other images, channel by channel: (H, W, 3) uint8 -> the same.

    Args:
        image: what to change.
        own: (2, 3), the means and deviations of images like it, from `measure_color`; the deviations above 0.
        wanted: (2, 3), those that it is to have.
    """
    standard = (image - own[0]) / own[1]
    return np.rint(standard * wanted[1] + wanted[0]).clip(0, 255).astype(np.uint8)


def add_noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of standard deviation ``sigma`` grey levels: (H, W, 3) uint8 -> the same."""
    # OpenCV draws normal numbers three times as fast as NumPy; its seed is drawn from our generator.
    cv2.setRNGSeed(int(rng.integers(2**31)))
    noise = cv2.randn(np.empty(image.shape, np.int16), 0, (sigma, sigma, sigma))
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def normalize(image: np.ndarray) -> Tensor:
    """Scale an image to about zero mean and unit deviation: (H, W, 3) uint8 -> (3, H, W) float32.

    Raises:
        CourseError: it is not an array (H, W, 3) of uint8.
    """
    check_image(image)
    scaled = np.empty((3, *image.shape[:2]), dtype=np.float32)
    for channel, plane in enumerate(cv2.split(image)):  # (H, W, 3) -> three times (H, W)
        scaled[channel] = cv2.LUT(plane, NORMALIZED[:, channel])
    return torch.from_numpy(scaled)


def denormalize(image: Tensor) -> np.ndarray:
    """Undo `normalize`, to look at a network's input: (3, H, W) float32 -> (H, W, 3) uint8."""
    scaled = image.detach().cpu().float().permute(1, 2, 0).numpy()  # (3, H, W) -> (H, W, 3)
    return np.clip(np.rint((scaled * STD + MEAN) * 255), 0, 255).astype(np.uint8)


def encode(mask: np.ndarray, void_value: int = VOID, dtype: type = np.int64) -> Tensor:
    """Turn trainIds into a target: (H, W) uint8 -> (H, W) of ``dtype``; void becomes ``void_value``, 255 or 20.

    Args:
        mask: the trainIds.
        void_value: what void becomes.
        dtype: of the target; losses want int64.

    Raises:
        ValueError: another value was asked for.
    """
    if void_value not in (VOID, SLIDE_VOID):
        raise ValueError(f"void_value={void_value} is unknown: give {VOID} (ignored) or {SLIDE_VOID} (a class)")
    encoded = train_id_to_slide(mask) if void_value == SLIDE_VOID else np.asarray(mask)
    return torch.from_numpy(encoded.astype(dtype))


@cache
def _normalized_on(device: torch.device) -> Tensor:
    # Kept: to copy it for each batch would make the processor wait for a GPU.
    return torch.from_numpy(NORMALIZED.T.copy()).to(device)  # (3, 256)


def normalize_batch(images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The last steps for a batch of what `Pipeline.raw` gives, on its device and to the same numbers.

    Args:
        images: (N, H, W, 3) uint8.
        targets: (N, H, W) uint8.

    Returns:
        Images (N, 3, H, W) float32 and targets (N, H, W) int64.
    """
    # Looked up as in `normalize`: a GPU divides by a number by multiplying with its inverse, which is not the same.
    channels = zip(_normalized_on(images.device), images.unbind(dim=-1), strict=True)  # (256,), (N, H, W)
    return torch.stack([values[channel.long()] for values, channel in channels], dim=1), targets.long()


class Pipeline(ABC):
    """What an image and its mask go through: the `change` of each pipeline, then all are normalised and encoded."""

    void_value: int

    @abstractmethod
    def change(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Give image (h, w, 3) uint8 and mask (h, w) uint8 of trainIds; all that is random comes from ``rng``."""

    def __call__(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Give image (3, h, w) float32 and target (h, w) int64."""
        image, mask = self.change(image, mask, rng)
        return normalize(image), encode(mask, self.void_value)

    def raw(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Give image (h, w, 3) uint8 and target (h, w) uint8, a fifth of the bytes; `normalize_batch` does the rest."""
        image, mask = self.change(image, mask, rng)
        return torch.from_numpy(image), encode(mask, self.void_value, np.uint8)


@dataclass(frozen=True)
class Preprocessing(Pipeline):
    """What every image goes through: resize to ``size`` (height, width), normalise, encode."""

    size: tuple[int, int]
    void_value: int = VOID

    def change(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Resize both; ``rng`` is not used."""
        return resize(image, mask, self.size)


@dataclass(frozen=True)
class Augmentation(Pipeline):
    """What training images go through: resize, random changes, normalise, encode.

    The first three changes are the talk's own. The others are what modern recipes add; they are off by default.
    """

    size: tuple[int, int]
    """Height and width of what comes out."""
    rotation: float = 12.0
    """Rotate by an angle within plus and minus this many degrees."""
    blur: float = 0.5
    """Probability of a Gaussian blur."""
    flip: float = 0.5
    """Probability of a flip left to right."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Enlarge by a factor within these two, and crop to the old size; a smaller image gets a border of void."""
    color: float = 0.0
    """Strength of the change of brightness, contrast, saturation and hue, from 0 (none) to 1."""
    noise: float = 0.0
    """Largest standard deviation of the noise, in grey levels."""
    void_value: int = VOID

    def change(self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Resize both, and change them by what is drawn from ``rng``."""
        image, mask = resize(image, mask, self.size)
        if self.rotation > 0:
            image, mask = rotate(image, mask, rng.uniform(-self.rotation, self.rotation))
        if self.scale != (1, 1):
            # Evenly on a log scale, so that half size is as likely as double size.
            factor = float(np.exp(rng.uniform(*np.log(sorted(self.scale)))))
            image, mask = scale_and_crop(image, mask, factor, (rng.random(), rng.random()))
        if rng.random() < self.blur:
            # Not from zero: a Gaussian of width zero has no kernel.
            image = blur(image, rng.uniform(0.1, MAX_SIGMA))
        if rng.random() < self.flip:
            image, mask = flip(image, mask)
        if self.color > 0:
            brightness, contrast, saturation = rng.uniform(1 - MAX_FACTOR * self.color, 1 + MAX_FACTOR * self.color, 3)
            hue = rng.uniform(-MAX_HUE * self.color, MAX_HUE * self.color)
            image = change_color(image, brightness, contrast, saturation, hue)
        if self.noise > 0:
            image = add_noise(image, rng.uniform(0, self.noise), rng)
        return image, mask
