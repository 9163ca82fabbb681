import numpy as np
import pandas as pd
import pytest
import torch

from cs_utils.experiments.compare import Comparison, Variant, compare
from cs_utils.losses.right import dice_loss
from cs_utils.models.zoo import build
from cs_utils.training.loop import fit


def test_a_variant_trains_as_fit_does(settings):
    from cs_utils.data.loaders import loaders

    chosen = settings.replace(epochs=2, seed=3, schedule="cosine")
    run = fit(build(chosen), *loaders(chosen), chosen)
    table = compare({"plain": Variant(chosen)}, seeds=[3]).table
    for column in ("train_loss", "val_loss", "dice_score", "iou_score"):
        assert table[column].tolist() == run.history[column].tolist()


def test_each_variant_changes_what_it_says_and_sees_the_same_images(settings):
    seen = {"first": [], "second": []}

    def watch(name):
        def loss(logits, target):
            seen[name].append(target)
            return dice_loss(logits, target)

        return loss

    result = compare({name: Variant(settings, loss=watch(name)) for name in seen}, seeds=range(2))
    assert len(seen["first"]) > 4
    assert all(torch.equal(one, other) for one, other in zip(*seen.values(), strict=True))
    assert set(result.models) == {("first", 0), ("first", 1), ("second", 0), ("second", 1)}
    final = result.final()
    assert list(final.columns) == ["first", "second"]
    assert np.array_equal(final["first"], final["second"])
    assert final.loc[0, "first"] != final.loc[1, "first"]


def test_optimizer_and_network_can_be_given(settings):
    frozen = Variant(settings, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.0))
    small = Variant(settings, network=lambda settings: torch.nn.Conv2d(3, settings.channels, 1))
    result = compare({"frozen": frozen, "small": small})
    start, end = build(settings).state_dict(), result.models["frozen", 0].state_dict()
    assert all(torch.equal(start[name], end[name]) for name in start if name.endswith("weight"))
    assert isinstance(result.models["small", 0], torch.nn.Conv2d)
    assert not result.models["small", 0].training


def test_the_given_rate_of_an_optimizer_follows_the_schedule(settings):
    rates = []

    def make(parameters):
        optimizer = torch.optim.SGD(parameters, lr=0.5)
        optimizer.register_step_pre_hook(lambda *_: rates.append(optimizer.param_groups[0]["lr"]))
        return optimizer

    compare({"sgd": Variant(settings.replace(epochs=2, schedule="cosine"), optimizer=make)})
    assert rates[::3] == pytest.approx([0.5, 0.25])


def test_two_variants_are_compared_in_pairs_after_the_last_epoch():
    scores = {("a", 0): 0.11, ("a", 1): 0.42, ("a", 2): 0.23, ("b", 0): 0.10, ("b", 1): 0.40, ("b", 2): 0.20}
    rows = [
        {"variant": name, "seed": seed, "epoch": epoch, "iou_score": score * epoch}
        for epoch in (0, 1)
        for (name, seed), score in scores.items()
    ]
    lead = Comparison(pd.DataFrame(rows), {}).difference("a", "b")
    # The leads are 1, 2 and 3 points: 2 -+ 4.3027 / sqrt(3).
    assert (lead.mean, lead.low, lead.high) == pytest.approx((0.02, -0.004841, 0.044841), abs=1e-5)


def test_a_variant_of_fewer_epochs_counts_by_its_own_last_one():
    rows = [
        {"variant": name, "seed": seed, "epoch": epoch, "iou_score": epoch / 10 + seed}
        for seed in (0, 1)
        for name, planned in (("short", 2), ("long", 4))
        for epoch in range(planned)
    ]
    comparison = Comparison(pd.DataFrame(rows), {})
    assert comparison.final().to_dict("list") == {"short": [0.1, 1.1], "long": [0.3, 1.3]}
    assert comparison.difference("long", "short").mean == pytest.approx(0.2)


def test_what_training_frames_go_through_can_be_given(settings):
    seen = {True: set(), False: set()}

    def watch(logits, target):
        seen[logits.requires_grad] |= set(target.unique().tolist())
        return dice_loss(logits, target)

    def all_road(transform):
        return lambda image, mask, rng: transform(image, np.zeros_like(mask), rng)

    compare({"road": Variant(settings.replace(rotation=0.0), loss=watch, transform=all_road)})
    assert seen[True] == {0}
    assert len(seen[False]) > 2  # validation keeps its own
