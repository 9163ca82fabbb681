"""Answers to the exercises of lesson 05: right ones in more than one form, and wrong ones."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn


def by_hand(first, second):
    differences = np.array(first) - np.array(second)
    half = stats.t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / len(differences) ** 0.5
    return differences.mean() - half, differences.mean() + half


def by_scipy(first, second):
    return stats.ttest_rel(first, second).confidence_interval(0.95)


def by_autograd():
    x = torch.linspace(0, 10, 1000, requires_grad=True)
    (slope,) = torch.autograd.grad(F.silu(x).sum(), x)
    return x[slope.argmax()], slope.max()


def with_the_lead_above_0(first, second):
    low, high = by_hand(first, second)
    return (low, high) if low + high > 0 else (-high, -low)


def number_by_number(x):
    return torch.stack([value if value > 0 else 0.01 * value for value in x])


def as_in_the_lesson(first, second):
    lead = np.mean(first) - np.mean(second)
    half = 1.96 * np.sqrt(np.var(first) + np.var(second)) / np.sqrt(len(first))
    return lead - half, lead + half


def with_normal_factor(first, second):
    differences = np.array(first) - np.array(second)
    half = 1.96 * differences.std(ddof=1) / len(differences) ** 0.5
    return differences.mean() - half, differences.mean() + half


RIGHT = {
    "05.1": [({}, (2.3994, 1.0998)), ({}, [2.4, 1.1]), ({}, torch.tensor([2.399, 1.0998])), ({}, by_autograd())],
    "05.2": [({}, (455_556, 118)), ({}, [4.6e5, 120.0])],
    "05.3": [({}, by_hand), ({}, by_scipy)],
    "05.4": [
        ({}, (lambda x: torch.where(x > 0, x, 0.01 * x), 502)),
        ({}, [nn.LeakyReLU(0.01), 500]),
        ({}, (lambda x: F.leaky_relu(x).double(), torch.tensor(503))),
    ],
    "05.5": [({}, 34), ({}, np.int64(33)), ({}, 35), ({}, torch.tensor(34))],
}
WRONG = {
    "05.1": [({}, (2.4, 1.0)), ({}, (1.28, 1.1)), ({}, 2.4), ({}, ("2.4", "1.1")), ({}, {2.4, 1.1})],
    "05.2": [({}, (3.5e8, 118)), ({}, (118, 4.6e5)), ({}, (2e-6, 8e-3))],
    "05.3": [
        ({}, as_in_the_lesson),
        ({}, with_normal_factor),
        ({}, lambda a, b: by_hand(b, a)),
        ({}, with_the_lead_above_0),
    ],
    "05.4": [
        ({}, (lambda x: torch.where(x > 0, x, 0 * x), 502)),
        ({}, (lambda x: torch.where(x > 0, x, 0.01 * x).detach(), 502)),
        ({}, (lambda x: max(x, 0.01 * x), 502)),
        ({}, (number_by_number, 502)),
        ({}, (F.leaky_relu, 1000)),  # from -2
        ({}, (F.leaky_relu, 30)),
        ({}, (F.leaky_relu, "never")),
        ({}, (502, F.leaky_relu)),
        ({}, F.leaky_relu),
    ],
    "05.5": [({}, 20), ({}, 60), ({}, 33.5), ({}, 1), ({}, 32), ({}, 37), ({}, "34"), ({}, None)],
}
