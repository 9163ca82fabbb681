"""Answers to the exercises of lesson 08: right ones in more than one form, and wrong ones."""

import numpy as np
import torch

from cs_utils.metrics.confusion import mean_iou


def with_void_cut_off(matrices):
    total = matrices.sum(dim=0).numpy().astype(float)[:-1]
    hits = np.diag(total)
    with np.errstate(invalid="ignore"):  # a class that occurs in no image
        return np.nanmean(hits / (total.sum(axis=1) + total[:, :-1].sum(axis=0) - hits))


def in_float32(matrices):
    total = matrices.sum(dim=0)[:-1].float()
    hits = total.diagonal()
    return (hits / (total.sum(dim=1) + total.sum(dim=0)[:-1] - hits)).nanmean()


def with_absent_classes(matrices, iou):
    total = matrices.sum(dim=0)[:-1].double()
    hits = total.diagonal()
    return iou(hits, total.sum(dim=1) + total.sum(dim=0)[:-1] - hits).mean()


def by_image(matrices):
    return np.mean([mean_iou(one) for one in matrices])


def with_void_as_false_alarms(matrices):
    total = matrices.sum(dim=0).double()
    hits = total.diagonal()[:-1]
    return float((hits / (total.sum(dim=1)[:-1] + total.sum(dim=0)[:-1] - hits)).mean())


def without_voids_column(matrices):
    total = matrices.sum(dim=0).double()[:-1, :-1]
    hits = total.diagonal()
    return float((hits / (total.sum(dim=0) + total.sum(dim=1) - hits)).nanmean())


def resample(first, second, paired=True, times=1000):
    rng = np.random.default_rng(5)
    count = len(first)
    leads = []
    for _ in range(times):
        drawn = rng.integers(0, count, count)
        other = drawn if paired else rng.integers(0, count, count)
        leads.append(mean_iou(first[drawn].sum(dim=0)) - mean_iou(second[other].sum(dim=0)))
    return leads


def by_quantiles(first, second):
    return np.quantile(resample(first, second), [0.025, 0.975])


def by_deviation(first, second):
    middle = mean_iou(first.sum(dim=0)) - mean_iou(second.sum(dim=0))
    half = 1.96 * np.std(resample(first, second))
    return middle - half, middle + half


def with_deviation_of_one(first, second):
    leads = resample(first, second)
    return np.mean(leads) - np.std(leads), np.mean(leads) + np.std(leads)


def over_single_images(first, second):
    rng = np.random.default_rng(5)
    leads = np.array([mean_iou(one) - mean_iou(other) for one, other in zip(first, second, strict=True)])
    return np.quantile([leads[rng.integers(0, len(leads), len(leads))].mean() for _ in range(1000)], [0.025, 0.975])


def twice(network, images):
    return (network(images) + network(images.flip(-1)).flip(-1)).argmax(dim=1)


def in_one_batch(network, images):
    plain, mirrored = network(torch.cat([images, images.flip(3)])).chunk(2)
    return (plain / 2 + mirrored.flip(3) / 2).argmax(1)


RIGHT = {
    "08.1": [({}, lambda matrices: mean_iou(matrices.sum(dim=0))), ({}, with_void_cut_off), ({}, in_float32)],
    "08.2": [({}, lambda mask: mask[:, ::-1]), ({}, np.fliplr)],
    "08.3": [({}, by_quantiles), ({}, by_deviation)],
    "08.4": [({}, (30.5, 17.5)), ({}, [30.4843, 17.5214]), ({}, torch.tensor([30.48, 17.52]))],
    "08.5": [({}, twice), ({}, in_one_batch)],
}
WRONG = {
    "08.1": [
        ({}, by_image),
        ({}, with_void_as_false_alarms),
        ({}, without_voids_column),
        ({}, lambda matrices: with_absent_classes(matrices, lambda hits, union: hits / union)),
        ({}, lambda matrices: with_absent_classes(matrices, lambda hits, union: hits / union.clamp(min=1))),
    ],
    "08.2": [({}, lambda mask: mask), ({}, lambda mask: mask[::-1]), ({}, lambda mask: mask[:, ::-2])],
    "08.3": [
        ({}, lambda first, second: np.quantile(resample(first, second, paired=False), [0.025, 0.975])),
        ({}, lambda first, second: np.quantile(resample(second, first), [0.025, 0.975])),
        ({}, with_deviation_of_one),
        ({}, over_single_images),
        ({}, lambda first, second: np.quantile(resample(first, second), [0.05, 0.95])),
        ({}, lambda first, second: np.quantile(resample(first, second), [0.005, 0.995])),
        ({}, lambda first, second: mean_iou(first.sum(dim=0)) - mean_iou(second.sum(dim=0))),
    ],
    "08.4": [({}, (0.305, 0.175)), ({}, (30.5, 16.7)), ({}, 30.5)],
    "08.5": [
        ({}, lambda network, images: network(images).argmax(dim=1)),
        ({}, lambda network, images: (network(images) + network(images.flip(-1))).argmax(dim=1)),
        ({}, lambda network, images: twice(network, images).flip(-1)),
    ],
}
