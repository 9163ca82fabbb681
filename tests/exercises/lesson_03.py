"""Answers to the exercises of lesson 03: right ones in more than one form, and wrong ones."""

import math

import numpy as np
import torch
import torch.nn.functional as F

THIRD = torch.full((1, 1, 3), 1 / 3)


def by_padding(row, dilations=(1, 2, 4)):
    return torch.cat([F.conv1d(row, THIRD, padding=d, dilation=d) for d in dilations], dim=1)


def by_shifting(row, dilations=(1, 2, 4)):
    length = row.shape[-1]
    wide = {d: F.pad(row, (d, d)) for d in dilations}
    return torch.cat([sum(wide[d][..., s : s + length] for s in (0, d, 2 * d)) / 3 for d in dilations], dim=1)


def circular(row, dilations=(1, 2, 4)):
    return torch.cat([F.conv1d(F.pad(row, (d, d), "circular"), THIRD, dilation=d) for d in dilations], dim=1)


def one_reach(row, dilations=(1, 2, 4)):
    return torch.cat([F.conv1d(row, THIRD, padding=1) for _ in dilations], dim=1)


def by_matrices(q, k, v):
    return (q @ k.T / math.sqrt(q.shape[1])).softmax(dim=1) @ v


def with_numpy(q, k, v):
    weights = np.exp(q.double().numpy() @ k.double().numpy().T / np.sqrt(q.shape[1]))
    return weights / weights.sum(axis=1, keepdims=True) @ v.double().numpy()


def token_by_token(q, k, v):
    rows = []
    for query in q:
        weights = torch.exp((k * query).sum(dim=1) / len(query) ** 0.5)
        rows.append(((weights / weights.sum())[:, None] * v).sum(dim=0).tolist())
    return rows


RIGHT = {
    "03.1": [({}, (27, False)), ({}, [27, 0]), ({}, (np.int64(27), np.bool_(False))), ({}, torch.tensor([27, 0]))],
    "03.2": [
        ({}, by_padding),
        ({}, by_shifting),
        ({}, lambda row, dilations: by_padding(row, dilations).double().numpy()),
    ],
    "03.3": [({}, by_matrices), ({}, token_by_token), ({}, with_numpy), ({}, F.scaled_dot_product_attention)],
    "03.4": [({}, {"A", "C", "D"}), ({}, ["d", "a", "c"]), ({}, "A, C and D"), ({}, ["A)", "C)", "D)"])],
    "03.5": [({}, (28, 5.94)), ({}, [28, 5.9]), ({}, torch.tensor([28, 5.94]))],
}
WRONG = {
    "03.1": [({}, (13, False)), ({}, (27, True)), ({}, 27), ({}, (27, "no")), ({}, (27, None)), ({}, (27, []))],
    "03.2": [
        (
            {},
            lambda row, dilations=(1, 2, 4): torch.cat(
                [F.conv1d(row, THIRD, padding=1, dilation=d) for d in dilations]
            ),
        ),
        ({}, circular),
        ({}, one_reach),
        ({}, lambda row, dilations: by_padding(torch.arange(20.0)[None, None] ** 2, dilations)),
    ],
    "03.3": [
        ({}, lambda q, k, v: (q @ k.T).softmax(dim=1) @ v),
        ({}, lambda q, k, v: (q @ k.T / math.sqrt(3)).softmax(dim=0) @ v),
        ({}, lambda q, k, v: v),
        ({}, lambda q, k, v: (q @ k.T / math.sqrt(3)).softmax(dim=1) @ v),
    ],
    "03.4": [
        ({}, {"A", "C"}),
        ({}, {"A", "B", "C", "D"}),
        ({}, set("ACDE")),
        ({}, set()),
        ({}, {"G"}),
        ({}, "C and D"),
    ],
    "03.5": [({}, (28, 26.7)), ({}, (27, 5.5)), ({}, (16, 1.94)), ({}, (27.9, 5.94)), ({}, ("28", "5.94"))],
}
