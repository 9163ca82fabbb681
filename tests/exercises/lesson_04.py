"""Answers to the exercises of lesson 04: right ones in more than one form, and wrong ones."""

import numpy as np
import torch
from torch import nn

from cs_utils.models.unet import Up


class Step(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.upsample = nn.ConvTranspose2d(inputs, outputs, kernel_size=2, stride=2)
        self.mix = nn.Conv2d(2 * outputs, outputs, kernel_size=3, padding=1)

    def join(self, x, skip):
        return torch.cat([self.upsample(x), skip], dim=1)

    def forward(self, x, skip):
        return self.mix(self.join(x, skip))


class Forgotten(Step):
    def join(self, x, skip):
        return torch.cat([self.upsample(x)] * 2, dim=1)


class OnlyTheSkip(Step):
    def join(self, x, skip):
        return torch.cat([skip, skip], dim=1)


class Displaced(Step):
    def join(self, x, skip):
        return torch.cat([skip.flip(-1), self.upsample(x)], dim=1)


class OtherPlace(Step):
    def join(self, x, skip):
        return torch.cat([skip, self.upsample(x).flip(-1)], dim=1)


class NoPlace(Step):
    def join(self, x, skip):
        return torch.cat([skip, self.upsample(x).mean(dim=(2, 3), keepdim=True).expand_as(skip)], dim=1)


class OneChannel(Step):
    def join(self, x, skip):
        return torch.cat([skip[:, :1].expand_as(skip), self.upsample(x)], dim=1)


class OneSize(Step):
    def __init__(self, inputs, outputs):
        super().__init__(6, 4)


class WrongAxis(Step):
    def join(self, x, skip):
        return torch.cat([skip, self.upsample(x)], dim=2)


def field(levels, pixel=4096):
    first = last = pixel
    for _ in range(levels):
        first, last = (first - 2) // 2, (last + 2) // 2
    first, last = first - 2, last + 2
    for _ in range(levels):
        first, last = 2 * first - 2, 2 * last + 3
    return last - first + 1


RIGHT = {
    "04.1": [
        ({}, (256, 20, 40)),
        ({}, [1, 256, 20, 40]),
        ({}, torch.Size((1, 256, 20, 40))),
        ({}, np.array([256, 20, 40])),
    ],
    "04.2": [({}, Step), ({}, lambda inputs, outputs: Up(inputs, outputs, "silu"))],
    "04.3": [({}, (2, 14, 12)), ({}, [2, 14, 12]), ({}, np.array([2, 14, 12])), ({}, torch.tensor([2, 14, 12]))],
    "04.4": [({}, {"b", "d"}), ({}, ["D", "(b)"]), ({}, "b and d"), ({}, "(b), (d)"), ({}, ["b)", "d."])],
    "04.5": [
        ({}, field),
        ({}, lambda levels: 12 * 2**levels - 4),
        ({}, lambda levels: torch.tensor(12 * 2**levels - 4)),
    ],
}
WRONG = {
    "04.1": [
        *[({}, shape) for shape in ((128, 20, 40), (256, 40, 20), (256, 10, 20), (20, 40), (256.7, 20.3, 40.9))],
        *[({}, shape) for shape in ((7, 256, 20, 40), (9, 9, 256, 20, 40), ("256", "20", "40"), 256)],
    ],
    "04.2": [
        *[({}, step) for step in (Forgotten, OnlyTheSkip, Displaced, WrongAxis)],
        *[({}, step) for step in (OtherPlace, NoPlace, OneChannel, OneSize)],
    ],
    "04.3": [
        *[({}, answer) for answer in ((1, 14, 12), (2, 12, 14), (3, 14, 12), (2, 14, 4), (2, 0, 0), (2, 14.2, 12.9))],
        *[({}, answer) for answer in ((14, 12), 2, (2, 14, 12, 0), ("2", "14", "12"))],
    ],
    "04.4": [({}, {"b"}), ({}, {"a", "b", "d"}), ({}, {"b", "c", "d"}), ({}, {"e"}), ({}, "a and d")],
    "04.5": [
        ({}, lambda levels: 188),
        ({}, lambda levels: 204),
        ({}, lambda levels: 10 * 2**levels - 20),
        ({}, lambda levels: None),
        ({}, lambda levels: str(12 * 2**levels - 4)),
    ],
}
