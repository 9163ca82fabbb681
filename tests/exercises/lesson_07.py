"""Answers to the exercises of lesson 07: right ones in more than one form, and wrong ones."""

import copy
import math
from fractions import Fraction

import torch

from cs_utils.losses.right import cross_entropy

STOPPED = {"scores": [0.20, 0.31, 0.30, 0.35, 0.33, 0.35, 0.34, 0.41, 0.40], "patience": 3}
NOT_STOPPED = {"scores": [0.1, 0.2, 0.3], "patience": 2}


def keep(take, give_back=lambda model, kept: model.load_state_dict(kept)):
    def answer(model, scores):
        best = -1.0
        for score in scores:
            if score > best:
                best, kept = score, take(model)
        give_back(model, kept)
        return best

    return answer


def clone_all(model):
    return {name: values.clone() for name, values in model.state_dict().items()}


def only_parameters(model):
    return {name: values.detach().clone() for name, values in model.named_parameters()}


def until_the_first_fall(model, scores):
    best = -1.0
    for score in scores:
        if score < best:
            break
        best, kept = score, clone_all(model)
    model.load_state_dict(kept)
    return best


def last_weights(model, scores):
    return max(scores)


def returns_nothing(model, scores):
    keep(clone_all)(model, scores)


def halves(weigh):
    def answer(model, image, target):
        model.zero_grad()
        for part in (slice(0, 2), slice(2, 4)):
            loss = cross_entropy(model(image[part]), target[part])
            (loss * weigh(target[part], target)).backward()

    return answer


def one_by_one(model, image, target):
    model.zero_grad()
    total = (target != 255).sum()
    for place in range(len(image)):
        valid = (target[place] != 255).sum()
        (cross_entropy(model(image[place : place + 1]), target[place : place + 1]) * valid / total).backward()


def onto_the_old_ones(model, image, target):
    for part in (slice(0, 2), slice(2, 4)):
        share = (target[part] != 255).sum() / (target != 255).sum()
        (cross_entropy(model(image[part]), target[part]) * share).backward()


def at_once(model, image, target):
    model.zero_grad()
    cross_entropy(model(image), target).backward()


def warm_up(done, epochs, warm):
    if done < warm:
        return done / warm
    return (1 + math.cos(math.pi * (done - warm) / (epochs - warm))) / 2


RIGHT = {
    "07.1": [(STOPPED, (7, 4)), (STOPPED, [7, 4]), (STOPPED, torch.tensor([7, 4])), (NOT_STOPPED, (3, 3))],
    "07.2": [({}, keep(clone_all)), ({}, keep(lambda model: copy.deepcopy(model.state_dict())))],
    "07.3": [({}, halves(lambda part, whole: (part != 255).sum() / (whole != 255).sum())), ({}, one_by_one)],
    "07.4": [
        ({}, warm_up),
        ({}, lambda done, epochs, warm: torch.tensor(warm_up(done, epochs, warm), dtype=torch.float64)),
    ],
    "07.5": [({}, 100 / 9.84), ({}, 10.2), ({}, 10), ({}, torch.tensor(10.16)), ({}, Fraction(1000, 98))],
}
WRONG = {
    "07.1": [
        (STOPPED, (9, 8)),
        (STOPPED, (7, 6)),
        (STOPPED, (6, 4)),
        (STOPPED, 7),
        (STOPPED, (7.9, 4.2)),
        (NOT_STOPPED, (3, 1)),
    ],
    "07.2": [
        ({}, keep(lambda model: model.state_dict())),
        ({}, keep(lambda model: dict(model.state_dict()))),
        ({}, keep(only_parameters, lambda model, kept: model.load_state_dict(kept, strict=False))),
        ({}, last_weights),
        ({}, returns_nothing),
        ({}, until_the_first_fall),
    ],
    "07.3": [
        ({}, halves(lambda part, whole: 0.5)),
        ({}, halves(lambda part, whole: 1.0)),
        ({}, at_once),
        ({}, onto_the_old_ones),
        ({}, lambda model, image, target: None),
    ],
    "07.4": [
        ({}, lambda done, epochs, warm: (1 + math.cos(math.pi * done / epochs)) / 2),
        ({}, lambda done, epochs, warm: min(done / warm, (1 + math.cos(math.pi * done / epochs)) / 2)),
        ({}, lambda done, epochs, warm: min(1.0, done / warm)),
        ({}, lambda done, epochs, warm: warm_up(done, epochs, 4)),
    ],
    "07.5": [({}, 50.0), ({}, 0.92 * 50 + 0.08), ({}, 12.5), ({}, None), ({}, "10.2")],
}
