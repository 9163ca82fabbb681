"""Answers to the exercises of lesson 06: right ones in more than one form, and wrong ones."""

import math
from fractions import Fraction

import torch
import torch.nn.functional as F

from cs_utils.labels import VOID
from cs_utils.losses import broken
from cs_utils.losses.right import cross_entropy, dice_loss


def street():
    mask = torch.full((1, 12, 24), 10)
    mask[:, 6:11], mask[:, 2:9, 17], mask[:, 11:] = 0, 5, VOID
    return mask


def sure(mask, confidence=20.0):
    return confidence * F.one_hot(mask.where(mask != VOID, 0), 19).movedim(-1, 1).float()


def passes(loss):
    """A perfect street costs nothing, one without a pole costs something, and neither is changed by void."""
    target = street()
    worse = target.where(target != 5, 10)
    wide = F.pad(sure(worse), (0, 24)), F.pad(target, (0, 24), value=VOID)
    perfect, missed, wider = loss(sure(target), target), loss(sure(worse), target), loss(*wide)
    return bool(abs(perfect) < 0.01 and missed > perfect + 0.01 and abs(wider - missed) < 1e-3)


def passes_some(perfect=True, missed=True, void=True):
    """The same tests, but not all of them."""

    def answer(loss):
        target = street()
        worse = target.where(target != 5, 10)
        costs = loss(sure(target), target), loss(sure(worse), target)
        wider = loss(F.pad(sure(worse), (0, 24)), F.pad(target, (0, 24), value=VOID))
        good = [abs(costs[0]) < 0.01, costs[1] > costs[0] + 0.01, abs(wider - costs[1]) < 1e-3]
        return all(bool(one) for one, asked in zip(good, (perfect, missed, void), strict=True) if asked)

    return answer


def by_class(logits, target):
    """The Dice loss, one class after the other."""
    p = logits.softmax(1).movedim(1, 0)[:, target != VOID]
    truth = target[target != VOID]
    return 1 - sum(
        2 * p[c][truth == c].sum() / (p[c].sum() + (truth == c).sum()) for c in truth.unique().tolist()
    ) / len(truth.unique())


def squared(logits, target):
    valid = (target != VOID)[:, None]
    p = logits.softmax(1) * valid
    g = F.one_hot(target.clamp(max=18), 19).movedim(-1, 1) * valid
    dice = 2 * (p * g).sum((0, 2, 3)) / ((p * p).sum((0, 2, 3)) + g.sum((0, 2, 3)))
    return 1 - dice[g.sum((0, 2, 3)) > 0].mean()


def squared_with_void(logits, target):
    p, g = logits.softmax(1), F.one_hot(target.where(target != VOID, 0), 19).movedim(-1, 1)
    return 1 - (2 * (p * g).sum((0, 2, 3)) / ((p * p).sum((0, 2, 3)) + g.sum((0, 2, 3)))).mean()


RIGHT = {
    "06.1": [({}, 0.7), ({}, 2.8 / 4), ({}, torch.tensor([0.7])), ({}, Fraction(7, 10))],
    "06.2": [
        ({}, lambda classes: math.log(math.e + classes - 1) - 1),
        ({}, lambda classes: F.cross_entropy(torch.eye(classes)[:1], torch.tensor([0]))),
    ],
    "06.3": [({}, dice_loss), ({}, by_class)],
    "06.4": [({}, passes), ({}, passes_some())],
    "06.5": [({}, squared)],
}
WRONG = {
    "06.1": [({}, 0.3), ({}, 0.35), ({}, None), ({}, "0.7")],
    "06.2": [
        ({}, lambda classes: math.log(classes)),
        ({}, lambda classes: 2.03),
        ({}, lambda classes: math.log(math.e + classes) - 1),
    ],
    "06.3": [
        ({}, broken.dice_void_left_in_labels),
        ({}, broken.dice_absent_as_zero),
        ({}, lambda logits, target: dice_loss(logits.softmax(-1).log(), target)),
    ],
    "06.4": [
        ({}, lambda loss: True),
        ({}, lambda loss: False),
        ({}, passes_some(missed=False, void=False)),
        ({}, passes_some(missed=False)),
        ({}, passes_some(void=False)),
        ({}, passes_some(perfect=False)),
        ({}, lambda loss: bool(loss(sure(street()), street()) < loss(0 * sure(street()), street()))),
    ],
    "06.5": [({}, dice_loss), ({}, squared_with_void), ({}, cross_entropy)],
}
