"""Answers to the exercises of lesson 02: right ones in more than one form, and wrong ones."""

import cv2
import numpy as np

from cs_utils.data.transforms import resize, resize_mask, rotate, scale_and_crop
from cs_utils.labels import VOID


def turn_all(image, mask, rng):
    return rotate(image, mask, rng.uniform(-12, 12))


def turn_with_opencv(image, mask, rng, second=0, way=cv2.INTER_NEAREST, fill=VOID):
    height, width = mask.shape
    angle = rng.uniform(-12, 12)
    centre = ((width - 1) / 2, (height - 1) / 2)
    first = cv2.getRotationMatrix2D(centre, angle, 1.0)
    other = cv2.getRotationMatrix2D(centre, angle + second, 1.0)
    turned = cv2.warpAffine(image, first, (width, height))
    return turned, cv2.warpAffine(mask, other, (width, height), flags=way, borderValue=fill)


def into_the_middle(image, mask, factor, black=0, void=VOID):
    small, labels = resize(image, mask, (int(mask.shape[0] * factor), int(mask.shape[1] * factor)))
    top, left = (np.subtract(mask.shape, labels.shape) // 2).tolist()
    moved, target = np.full_like(image, black), np.full_like(mask, void)
    moved[top : top + len(labels), left : left + labels.shape[1]] = small
    target[top : top + len(labels), left : left + labels.shape[1]] = labels
    return moved, target


def in_the_corner(image, mask, factor):
    return scale_and_crop(image, mask, factor, (0, 0))


def bilinear_middle(image, mask, factor):
    moved, target = scale_and_crop(image, mask, factor)
    height, width = int(mask.shape[0] * factor), int(mask.shape[1] * factor)
    top, left = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2
    target[top : top + height, left : left + width] = cv2.resize(mask, (width, height))
    return moved, target


RIGHT = {
    "02.1": [({}, 110), ({}, np.float64(110.0))],
    "02.2": [({}, {"B", "D"}), ({}, "BD"), ({}, "B, D"), ({}, "b and d"), ({}, ["d", "b"])],
    "02.3": [({}, turn_all), ({}, turn_with_opencv)],
    "02.4": [({}, into_the_middle), ({}, scale_and_crop)],
}
WRONG = {
    "02.1": [({}, 80), ({}, 70), ({}, "110")],
    "02.2": [({}, {"B"}), ({}, {"A", "B", "D"}), ({}, {"E"}), ({}, "")],
    "02.3": [
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, second=4)),
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, way=cv2.INTER_LINEAR)),
        ({}, lambda image, mask, rng: turn_with_opencv(image, mask, rng, fill=0)),
        ({}, lambda image, mask, rng: rotate(image, mask, 5)),
        ({}, lambda image, mask, rng: (image, mask)),
    ],
    "02.4": [
        ({}, in_the_corner),
        ({}, bilinear_middle),
        ({}, lambda image, mask, factor: into_the_middle(image, mask, factor, void=0)),
        ({}, lambda image, mask, factor: into_the_middle(image, mask, factor, black=255)),
        ({}, lambda image, mask, factor: (image, resize_mask(mask, (48, 96)))),
        ({}, lambda image, mask, factor: (image, mask)),
    ],
}
