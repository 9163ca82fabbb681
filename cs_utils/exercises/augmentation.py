"""Checks for lesson 02: what happens to image and mask on their way to the network."""

from collections.abc import Callable, Iterable

import numpy as np

from cs_utils.data.regions import boundaries
from cs_utils.data.transforms import flip, resize, rotate
from cs_utils.exercises import checks, expect, letters, one_number
from cs_utils.labels import VOID

PATCH = 16
"""Side of the squares of a patchwork, in pixels."""
REACH = 3
"""How far from a border an interpolation may change the image, in pixels: Lanczos takes 8x8 in OpenCV."""


def four_pairs(image: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Four pairs of image and mask by a letter, as photos (H, W, 3) under the outlines of the mask; two are wrong."""
    turned, less, mirrored = rotate(image, mask, -7), rotate(image, mask, -4), flip(image, mask)
    pairs = {"A": turned, "B": (less[0], turned[1]), "C": mirrored, "D": (mirrored[0], mask)}
    return {
        letter: np.where(boundaries(mask)[..., None], np.uint8(255), image) for letter, (image, mask) in pairs.items()
    }


def _patchwork() -> tuple[np.ndarray, np.ndarray]:
    """An image that shows its mask: squares of four classes, none of them road, (96, 192, 3) and (96, 192) uint8."""
    tiles = np.random.default_rng(0).choice(np.uint8([2, 8, 13, 17]), (7, 13))
    # Cut so that no border lies at an even place: halving must fall between two squares.
    mask = np.kron(tiles, np.ones((PATCH, PATCH), np.uint8))[5:101, 7:199].copy()
    return np.repeat(mask[..., None], 3, axis=2), mask


def _inside(mask: np.ndarray) -> np.ndarray:
    """Pixels whose neighbourhood has one class only: there, interpolation changes nothing."""
    framed = np.pad(mask, REACH, constant_values=VOID)  # what lies outside was black
    return ~boundaries(framed, within=REACH)[REACH:-REACH, REACH:-REACH] & (mask != VOID)


@checks("02.1", "First go along the upper row, then along the lower row, then from the one to the other.")
def between_four_pixels(answer: float) -> None:
    """The value between 0, 80 and 40, 200, three quarters of the way to the right and half of the way down."""
    value = one_number(answer)
    expect(abs(value - 110) < 1e-6, f"{value:g} is not the value.")


@checks("02.2", "Follow one outline with large contrast, such as a roof against the sky or the foot of a pole.")
def wrong_pairs(answer: Iterable[str]) -> None:
    """The letters of the pairs of `four_pairs` in which image and mask do not fit."""
    given = letters(answer)
    expect(given <= set("ABCD"), "The pictures have the letters A to D.")
    expect(not given & {"A", "C"}, "A picture in which image and mask fit is among them.")
    expect(given == {"B", "D"}, "A picture in which they do not fit is missing.")


@checks("02.3", "How many angles are drawn? How is the mask interpolated? Which class is 0?")
def repaired_rotation(answer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """A function of image, mask and generator that rotates both by one random angle within 12 degrees."""
    image, mask = _patchwork()
    turns, half = [], mask.shape[1] // 2
    for seed in range(48):
        given = answer(image.copy(), mask.copy(), np.random.default_rng(seed))
        turned, labels = (np.asarray(part) for part in given)
        expect(turned.shape == image.shape and labels.shape == mask.shape, "The shapes have changed.")
        expect(set(np.unique(labels)) <= {*np.unique(mask), VOID}, "The mask holds classes that were not in it before.")
        labels = labels.astype(np.uint8)
        same = turned[..., 0] == labels
        expect(bool(same[_inside(labels)].all()), "Image and mask are not turned by the same angle.")
        empty = labels == VOID
        left, right = int(empty[0, :half].sum()), int(empty[0, half:].sum())
        turns.append(empty.mean() * np.sign(left - right))  # the share that is empty, below 0 for turns to one side
    again = answer(image.copy(), mask.copy(), np.random.default_rng(seed))[1]
    shares = np.abs(turns)
    expect(shares.max() > 0.01, "Nothing is turned, or its corners are not void.")
    expect(np.array_equal(again, labels), "The angle does not come from `rng`: the same generator gives another one.")
    expect(np.ptp(shares) > 0.01, "The angle is not random.")
    # Turns by 9, 12 and 14 degrees leave 0.087, 0.112 and 0.128 of this patchwork empty, those of SciPy 0.007 more.
    expect(shares.max() < 0.122, "More than the corners is void, or the angle is too large.")
    expect(shares.max() > 0.087, "The angle is always small: it may be up to 12 degrees.")
    expect(min(turns) < -0.087 and max(turns) > 0.087, "It turns far to one side only.")


@checks(
    "02.4", "Make an image of zeros and a mask full of 255 first. Then write the small ones into the middle of them."
)
def moved_away(answer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """A function of image, mask and a factor below 1 that shrinks both and leaves the size as it was."""
    image, mask = _patchwork()
    for factor, (height, width) in {0.5: (48, 96), 0.75: (72, 144)}.items():
        moved, labels = (np.asarray(part) for part in answer(image.copy(), mask.copy(), factor))
        expect(moved.shape == image.shape and labels.shape == mask.shape, "The size has changed.")
        top, left = (96 - height) // 2, (192 - width) // 2
        window = slice(top, top + height), slice(left, left + width)
        border = np.ones(mask.shape, bool)
        border[window] = False
        expect(bool((labels[border] == VOID).all()), "The border of the mask is not void.")
        expect(not moved[border].any(), "The border of the image is not black.")
        small, small_labels = resize(image, mask, (height, width))
        expect(bool((labels[window] != VOID).all()), "Void lies in the middle of the mask too.")
        expect(set(np.unique(labels)) <= {*np.unique(mask), VOID}, "The mask holds classes that were not in it before.")
        inside = _inside(small_labels)
        expect(bool((labels[window] == small_labels)[inside].all()), "The middle is not the shrunk mask.")
        expect(bool((moved[window] == small)[inside].all()), "The middle is not the shrunk image.")
    for factor in (0.6, 51 / 96):  # what is left over is odd
        sizes = [np.shape(part)[:2] for part in answer(image.copy(), mask.copy(), factor)]
        expect(sizes == [mask.shape] * 2, f"With a factor of {factor:.3g} the size has changed: the rest may be odd.")
