"""Answers to the exercises of lesson 01: right ones in more than one form, and wrong ones."""

import numpy as np
import pandas as pd
import torch

from cs_utils.data.statistics import NAMES
from cs_utils.labels import VOID
from cs_utils.metrics.confusion import confusion_matrix

TRUTH = np.array([[10, 10, 10, 10], [0, 13, 13, 255], [0, 13, 13, 0]])
PREDICTION = np.array([[10, 10, 10, 10], [0, 0, 13, 13], [0, 13, 13, 13]])
CAR = {"truth": TRUTH, "prediction": PREDICTION}
PIXELS = pd.DataFrame(0, index=range(3), columns=NAMES).assign(road=[5, 5, 6], bus=[0, 9, 1], pole=[2, 2, 0])
PIXELS["void"] = [7, 0, 0]


def by_package(prediction, target):
    return confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(target))[:19, :19]


def by_loop(prediction, target):
    counts = [[0] * 19 for _ in range(19)]
    for true, called in zip(target.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if true != VOID:
            counts[true][called] += 1
    return counts


def clipped(prediction, target):
    pairs = np.minimum(target, 18).astype(int) * 19 + prediction
    return np.bincount(pairs.ravel(), minlength=361).reshape(19, 19)


def fair(counts):
    return (counts / np.maximum(counts.sum(axis=0), 1)).argmax(axis=1)


RIGHT = {
    "01.1": [(CAR, 0.6), (CAR, np.float64(3 / 5)), (CAR, torch.tensor(0.6)), (CAR, np.array([0.6]))],
    "01.2": [({"pixels": PIXELS}, "bus"), ({"pixels": PIXELS}, np.str_("bus"))],
    "01.3": [({}, by_package), ({}, by_loop)],
    "01.4": [({}, (0.988, 0.900)), ({}, np.array([0.9878, 0.9000])), ({}, torch.tensor([0.9878, 0.9000]))],
    "01.5": [({}, fair), ({}, lambda counts: np.argmax(np.nan_to_num(counts / counts.sum(axis=0)), axis=1).tolist())],
}
WRONG = {
    "01.1": [(CAR, 0.5), (CAR, 3 / 4), (CAR, "half"), (CAR, "0.6"), (CAR, None)],
    "01.2": [({"pixels": PIXELS}, "pole"), ({"pixels": PIXELS}, "void"), ({"pixels": PIXELS}, "train")],
    "01.3": [({}, clipped), ({}, lambda prediction, target: by_package(prediction, target).T)],
    "01.4": [({}, (0.9892, 0.900)), ({}, (0.99, 0.900)), ({}, (0.988, 18 / 19)), ({}, (0.9, 0.9)), ({}, 0.988)],
    "01.5": [
        ({}, lambda counts: counts.argmax(axis=1)),
        ({}, lambda counts: (counts / counts.sum(axis=1, keepdims=True)).argmax(axis=1)),
        ({}, lambda counts: np.argmax(counts / counts.sum(axis=0), axis=1)),
    ],
}
