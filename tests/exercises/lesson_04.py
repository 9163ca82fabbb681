"""Answers to the exercises of lesson 04: right ones in more than one form, and wrong ones."""

import math

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


def padding(height, width):
    return math.ceil(height / 16) * 16 - height, math.ceil(width / 16) * 16 - width


RIGHT = {
    "04.1": [({}, (256, 20, 40)), ({}, [1, 256, 20, 40]), ({}, torch.Size((1, 256, 20, 40)))],
    "04.2": [({}, Step), ({}, lambda inputs, outputs: Up(inputs, outputs, "silu"))],
    "04.3": [({}, padding), ({}, lambda height, width: [-height % 16, -width % 16])],
    "04.4": [({}, {"b", "d"}), ({}, ["D", "(b)"])],
    "04.5": [({}, field), ({}, lambda levels: 12 * 2**levels - 4)],
}
WRONG = {
    "04.1": [({}, (128, 20, 40)), ({}, (256, 40, 20)), ({}, (256, 10, 20)), ({}, (20, 40))],
    "04.2": [({}, Forgotten), ({}, OnlyTheSkip), ({}, Displaced), ({}, WrongAxis)],
    "04.3": [
        ({}, lambda height, width: (16 - height % 16, 16 - width % 16)),
        ({}, lambda height, width: (height % 16, width % 16)),
        ({}, lambda height, width: (-height % 8, -width % 8)),
    ],
    "04.4": [({}, {"b"}), ({}, {"a", "b", "d"}), ({}, {"b", "c", "d"}), ({}, {"e"})],
    "04.5": [
        ({}, lambda levels: 188),
        ({}, lambda levels: 204),
        ({}, lambda levels: 10 * 2**levels - 20),
        ({}, lambda levels: None),
    ],
}
