"""Answers to the exercises of lesson 02: right ones in more than one form, and wrong ones."""

from fractions import Fraction

import cv2
import numpy as np
import torch
from PIL import Image

from cs_utils.data.transforms import resize, resize_mask, rotate, scale_and_crop
from cs_utils.labels import VOID


def turn_all(image, mask, rng):
    return rotate(image, mask, rng.uniform(-12, 12))


def turn_with_opencv(image, mask, rng, second=0, way=cv2.INTER_NEAREST, fill=VOID, photo=cv2.INTER_LINEAR):
    height, width = mask.shape
    angle = rng.uniform(-12, 12)
    centre = ((width - 1) / 2, (height - 1) / 2)
    first = cv2.getRotationMatrix2D(centre, angle, 1.0)
    other = cv2.getRotationMatrix2D(centre, angle + second, 1.0)
    turned = cv2.warpAffine(image, first, (width, height), flags=photo)
    return turned, cv2.warpAffine(mask, other, (width, height), flags=way, borderValue=fill)


def turn_between(low, high):
    return lambda image, mask, rng: rotate(image, mask, rng.uniform(low, high))


def turn_to_int64(image, mask, rng):
    turned, labels = turn_all(image, mask, rng)
    return turned, labels.astype(np.int64)


def shrink_with_opencv(way):
    def shrink(image, mask, size):
        return cv2.resize(image, size[::-1], interpolation=way), resize_mask(mask, size)

    return shrink


def shrink_with_pillow(image, mask, size):
    small = Image.fromarray(image).resize(size[::-1])
    return np.array(small), np.array(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))


def into_the_middle(image, mask, factor, black=0, void=VOID, shrink=resize):
    small, labels = shrink(image, mask, (int(mask.shape[0] * factor), int(mask.shape[1] * factor)))
    top, left = (np.subtract(mask.shape, labels.shape) // 2).tolist()
    moved, target = np.full_like(image, black), np.full_like(mask, void)
    moved[top : top + len(labels), left : left + labels.shape[1]] = small
    target[top : top + len(labels), left : left + labels.shape[1]] = labels
    return moved, target


def with_even_rest(image, mask, factor):
    small, labels = resize(image, mask, (int(mask.shape[0] * factor), int(mask.shape[1] * factor)))
    rows, columns = ((full - part) // 2 for full, part in zip(mask.shape, labels.shape, strict=True))
    border = (rows, rows), (columns, columns)
    return np.pad(small, (*border, (0, 0))), np.pad(labels, border, constant_values=VOID)


def in_the_corner(image, mask, factor):
    return scale_and_crop(image, mask, factor, (0, 0))


def bilinear_middle(image, mask, factor):
    moved, target = scale_and_crop(image, mask, factor)
    height, width = int(mask.shape[0] * factor), int(mask.shape[1] * factor)
    top, left = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2
    target[top : top + height, left : left + width] = cv2.resize(mask, (width, height))
    return moved, target


RIGHT = {
    "02.1": [({}, 110), ({}, np.float64(110.0)), ({}, torch.tensor(110.0)), ({}, Fraction(220, 2))],
    "02.2": [
        *[({}, answer) for answer in ({"B", "D"}, "BD", "B, D", "b and d", ["d", "b"], "B; D", "(B) & (D).")],
        *[({}, answer) for answer in (["BD"], ["B, D"], "{'B', 'D'}", "B\nD", np.array(["B", "D"]))],
    ],
    "02.3": [
        ({}, turn_all),
        ({}, turn_with_opencv),
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, photo=cv2.INTER_CUBIC)),
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, photo=cv2.INTER_LANCZOS4)),
        ({}, lambda image, mask, rng: rotate(image, mask, int(rng.integers(-12, 13)))),
        ({}, turn_to_int64),
    ],
    "02.4": [
        ({}, into_the_middle),
        ({}, scale_and_crop),
        ({}, lambda *given: into_the_middle(*given, shrink=shrink_with_opencv(cv2.INTER_CUBIC))),
        ({}, lambda *given: into_the_middle(*given, shrink=shrink_with_opencv(cv2.INTER_LANCZOS4))),
        ({}, lambda *given: into_the_middle(*given, shrink=shrink_with_pillow)),
    ],
}
WRONG = {
    "02.1": [({}, 80), ({}, 70), ({}, "110"), ({}, None)],
    "02.2": [({}, {"B"}), ({}, {"A", "B", "D"}), ({}, {"E"}), ({}, ""), ({}, "all")],
    "02.3": [
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, second=4)),
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, way=cv2.INTER_LINEAR)),
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, fill=0)),
        ({}, lambda image, mask, rng: rotate(image, mask, 5)),
        ({}, lambda image, mask, rng: (image, mask)),
        ({}, turn_between(0, 12)),
        ({}, turn_between(-12, 0)),
        ({}, turn_between(-12, 6)),
        ({}, turn_between(-6, 12)),
        ({}, turn_between(-6, 6)),
        ({}, turn_between(-15, 15)),
        ({}, lambda image, mask, rng: rotate(image, mask, np.random.uniform(-12, 12))),
    ],
    "02.4": [
        ({}, in_the_corner),
        ({}, bilinear_middle),
        ({}, lambda image, mask, factor: into_the_middle(image, mask, factor, void=0)),
        ({}, lambda image, mask, factor: into_the_middle(image, mask, factor, black=255)),
        ({}, lambda image, mask, factor: (image, resize_mask(mask, (48, 96)))),
        ({}, lambda image, mask, factor: (image, mask)),
        ({}, with_even_rest),
    ],
}
