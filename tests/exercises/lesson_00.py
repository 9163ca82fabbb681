"""Answers to the exercises of lesson 00: right ones in more than one form, and wrong ones."""

from fractions import Fraction

import numpy as np
import torch

from cs_utils.labels import LABELS, VOID

IDS = np.array([[23, 23, 11], [7, 7, 1]], np.uint8)


def by_loop(ids):
    table = {label.id: 20 if label.train_id == VOID else label.train_id for label in LABELS}
    return [[table[int(value)] for value in row] for row in ids]


def with_int(ids, numbers, things):
    return np.where(things, ids.astype(int) * 1000 + numbers, ids)


RIGHT = {
    "00.1": [({"ids": IDS}, ["sky", "building", "road", "ego vehicle"])],
    "00.2": [({}, (-0.21, -0.1)), ({}, [-0.21, np.float32(-0.1)]), ({}, torch.tensor([-0.21, -0.1]))],
    "00.3": [({}, 0.5), ({}, np.float32(0.5)), ({}, torch.tensor(0.5)), ({}, Fraction(12, 24))],
    "00.4": [({}, with_int)],
    "00.5": [({}, by_loop), ({}, lambda ids: np.array(by_loop(ids), np.uint8))],
}
WRONG = {
    "00.1": [({"ids": IDS}, ["sky", "building", "road"]), ({"ids": IDS}, ["sky", "road", "road", "ego vehicle"])],
    "00.2": [
        *[({}, pair) for pair in ((-0.1, -0.21), (-1.05, -0.5), (-0.175, 0), (0.21, 0.1), (-0.21, 0.1))],
        *[({}, answer) for answer in (-0.21, (-0.21, -0.1, 0), ("-0.21", "-0.1"), None)],
    ],
    "00.3": [({}, 12 / 15), ({}, 24), ({}, None), ({}, "0.5"), ({}, [0.5, 0.5])],
    "00.4": [
        ({}, lambda ids, numbers, things: np.where(things, ids * np.uint8(232) + numbers, ids)),
        ({}, lambda ids, numbers, things: ids.astype(int) * 1000 + numbers),
        ({}, lambda ids, numbers, things: np.where(things, ids.astype(np.int16) * np.int16(1000) + numbers, ids)),
    ],
    "00.5": [
        ({}, lambda ids: ids),
        ({}, lambda ids: np.where(np.array(by_loop(ids)) == 20, 255, by_loop(ids))),
        ({}, lambda ids: ids["no such thing"]),
    ],
}
