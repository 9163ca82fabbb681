"""A loss that is no number ends a run before its epoch is kept, and is traced to its batch."""

import itertools

import pytest
import torch

from cs_utils.data.loaders import loaders
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import build
from cs_utils.settings import Settings
from cs_utils.training.checkpoints import LAST
from cs_utils.training.loop import fit


def whole_epochs(settings: Settings) -> int:
    return len(torch.load(settings.run_folder / LAST, weights_only=True)["history"])


def train_once(settings: Settings, model=None) -> None:
    fit(model or build(settings), *loaders(settings), settings)


def test_an_infinite_pixel_is_traced_to_its_batch(settings, monkeypatch):
    train, val = loaders(settings)
    train.dataset.set_epoch(2)
    order = list(train.sampler)
    bad = order[3]  # in the second of three batches of two
    original = train.dataset.transform

    def transform(image, mask, rng):
        start = rng.bit_generator.seed_seq.entropy
        image, target = original(image, mask, rng)
        return image * (torch.inf if start == (settings.seed, 2, bad) else 1), target

    train.dataset.transform = transform
    with pytest.raises(CourseError) as stop:
        fit(build(settings), train, val, settings)
    names = ", ".join(train.dataset.frames[index].image.name for index in order[2:4])
    assert str(stop.value).startswith(
        f"the training loss is nan from batch 2 of 3 on, in epoch 2 with seed 0 ({names}): look at"
    )
    assert whole_epochs(settings) == 1
    # What the message names is the batch itself.
    train.dataset.set_epoch(2)
    assert [bool(image.isfinite().all()) for image, _ in train] == [True, False, True]


def test_a_corrupted_weight_is_noticed_in_the_first_batch(settings):
    model = build(settings)
    model.head.weight.data[0, 0] = torch.nan
    with pytest.raises(CourseError, match="the training loss is nan from batch 1 of 3 on, in epoch 1 with seed 0"):
        train_once(settings, model)
    assert not (settings.run_folder / LAST).exists()


def test_a_learning_rate_far_too_large_ends_the_run_and_is_named(settings):
    class Steep(torch.nn.Conv2d):  # without batch norm, which would make up for weights of any size
        def forward(self, image):
            return super().forward(image).pow(32)

    torch.manual_seed(0)
    with pytest.raises(CourseError, match=r"training loss is (nan|inf) from batch 2 of 3 .* smaller --learning-rate"):
        train_once(settings.replace(learning_rate=10.0), Steep(3, 19, 1))


def test_weights_that_the_last_step_of_an_epoch_breaks_are_not_kept(settings):
    """Their losses are all finite: the step breaks them, and no other step of the epoch follows."""
    model, steps = build(settings), []

    def spoil(gradient):
        steps.append(1)
        return gradient * torch.nan if len(steps) == 6 else gradient

    model.head.bias.register_hook(spoil)
    with pytest.raises(CourseError, match="the training loss is nan from batch 3 of 3 on, in epoch 2"):
        train_once(settings, model)
    assert whole_epochs(settings) == 1


def test_an_infinite_pixel_in_the_validation_is_traced_to_its_batch(settings):
    train, val = loaders(settings.replace(batch_size=1))
    original = val.dataset.transform
    images = itertools.count()

    def transform(image, mask, rng):
        image, target = original(image, mask, rng)
        return image * (torch.inf if next(images) == 1 else 1), target

    val.dataset.transform = transform
    name = val.dataset.frames[1].image.name
    with pytest.raises(CourseError, match=rf"validation loss is nan from batch 2 of 2 on, in epoch 1 .*\({name}\)"):
        fit(build(settings), train, val, settings)
