import json
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch._inductor.exc import InvalidCxxCompiler
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from cs_utils.data.cityscapes import write_png
from cs_utils.data.files import write_atomic
from cs_utils.data.loaders import loaders
from cs_utils.exceptions import CourseError
from cs_utils.experiments.compare import Variant, compare
from cs_utils.experiments.evidence import stop_early
from cs_utils.losses.right import cross_entropy, median_frequency_weights
from cs_utils.metrics.confusion import mean_iou
from cs_utils.models.zoo import build, load_weights
from cs_utils.settings import Settings
from cs_utils.training import loop as training
from cs_utils.training.callbacks import EarlyStopping, Pictures
from cs_utils.training.checkpoints import BEST, HISTORY, LAST, SETTINGS
from cs_utils.training.devices import make_fabric
from cs_utils.training.loop import epochs, fit, validate
from cs_utils.training.setup import LOSSES, prepare, rate_factor

COLUMNS = [
    "epoch",
    "train_loss",
    "val_loss",
    "dice_score",
    "iou_score",
    "learning_rate",
    "train_seconds",
    "seconds",
]
TIMES = ["train_seconds", "seconds"]


def train_once(settings, **options):
    model = build(settings)
    return fit(model, *loaders(settings), settings, **options), model


def same_weights(first, second):
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_run_leaves_history_weights_checkpoint_and_pictures(settings):
    draw = Pictures(lambda model, path: write_atomic(path, b"a picture"), every=2)
    run, _ = train_once(settings, callbacks=[draw])
    stored = pd.read_csv(run.folder / HISTORY)
    assert list(stored.columns) == COLUMNS
    assert stored["epoch"].tolist() == [1, 2]
    pd.testing.assert_frame_equal(stored, run.history)
    assert stored["iou_score"].between(0, 1).all()
    names = sorted(path.name for path in run.folder.iterdir())
    assert names == [BEST, HISTORY, LAST, "pictures", SETTINGS, "tensorboard"]
    assert [path.name for path in (run.folder / "pictures").iterdir()] == ["epoch_002.png"]
    assert Settings(**json.loads((run.folder / SETTINGS).read_text())) == settings


def test_it_learns_these_few_images_by_heart(settings):
    still = settings.replace(rotation=0, blur=0, flip=0, epochs=40, patience=40, learning_rate=1e-2)
    run, _ = train_once(still)
    assert run.history["train_loss"].iloc[-1] < run.history["train_loss"].iloc[0] / 3
    assert run.history["iou_score"].max() > 0.8


def test_the_same_seed_gives_the_same_history_and_weights(settings):
    first, first_model = train_once(settings.replace(run="a"))
    second, second_model = train_once(settings.replace(run="b"))
    pd.testing.assert_frame_equal(first.history.drop(columns=TIMES), second.history.drop(columns=TIMES))
    assert same_weights(first_model, second_model)


def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(settings):
    whole = settings.replace(epochs=4, run="whole")
    run, model = train_once(whole)
    broken = settings.replace(epochs=4, run="broken")
    train_once(broken.replace(epochs=2))
    torch.manual_seed(99)  # as random as another process would be
    resumed, resumed_model = train_once(broken, resume=True)
    pd.testing.assert_frame_equal(run.history.drop(columns=TIMES), resumed.history.drop(columns=TIMES))
    assert same_weights(model, resumed_model)
    assert run.best.read_bytes() == resumed.best.read_bytes()
    states = [torch.load(folder / LAST, weights_only=True)["model"] for folder in (run.folder, resumed.folder)]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_dropout_is_drawn_anew_from_seed_and_epoch(settings):
    """The U-Net has none, so that another network is needed to see it."""

    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(3, 19, 1))
            nn.init.ones_(self.layers[1].weight)
            nn.init.zeros_(self.layers[1].bias)

        def forward(self, image):
            return self.layers(image)

    losses = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        losses.append(fit(Dropping(), *loaders(settings), settings, overwrite=True).history["train_loss"].tolist())
    assert losses[0] == losses[1]


def test_every_epoch_has_its_own_order_learning_rate_and_augmentation(settings, monkeypatch):
    orders = []
    original = training.train_epoch

    def train_epoch(fabric, model, optimizer, loader, *rest, **named):
        orders.append((loader.dataset.epoch, list(loader.sampler)))
        return original(fabric, model, optimizer, loader, *rest, **named)

    monkeypatch.setattr(training, "train_epoch", train_epoch)
    run, _ = train_once(settings.replace(epochs=3, schedule="cosine"))
    assert run.history["learning_rate"].tolist() == pytest.approx([1e-3, 7.5e-4, 2.5e-4])
    assert [epoch for epoch, _ in orders] == [1, 2, 3]
    assert orders[0][1] != orders[1][1]


def test_the_optimizer_is_adamw_with_the_weight_decay_asked_for(settings):
    run, _ = train_once(settings.replace(weight_decay=0.3, epochs=1))
    group = torch.load(run.folder / LAST, weights_only=True)["optimizer"]["param_groups"][0]
    assert group["weight_decay"] == 0.3
    assert group["decoupled_weight_decay"]  # what tells AdamW from Adam


@pytest.mark.parametrize("loss", ["cross_entropy", "dice", "focal", "combined"])
def test_it_trains_with_the_loss_asked_for(settings, loss, monkeypatch):
    seen = []
    for name, function in dict(LOSSES).items():
        monkeypatch.setitem(LOSSES, name, lambda *a, name=name, f=function: seen.append(name) or f(*a))
    train_once(settings.replace(loss=loss, epochs=1))
    assert set(seen) == {loss}


def test_the_model_is_left_with_its_best_weights(settings, monkeypatch):
    scores = iter([0.6, 0.2])
    monkeypatch.setattr(training, "mean_iou", lambda _: next(scores))
    run, model = train_once(settings)
    assert same_weights(model, load_weights(run.best, settings)[0])
    last = torch.load(run.folder / LAST, weights_only=True)["model"]
    assert not torch.equal(last["head.weight"], model.head.weight)


def test_a_finished_run_is_not_trained_again(settings, monkeypatch):
    first, _ = train_once(settings)
    monkeypatch.setattr(training, "train_epoch", lambda *_, **__: pytest.fail("trained again"))
    again, _ = train_once(settings, resume=True)
    pd.testing.assert_frame_equal(first.history, again.history)


def test_a_new_run_forgets_the_old_one(settings):
    run, _ = train_once(settings, callbacks=[Pictures(lambda model, path: write_atomic(path, b""), every=1)])
    again, _ = train_once(settings.replace(epochs=1), overwrite=True)
    assert again.folder == run.folder
    assert len(pd.read_csv(run.folder / HISTORY)) == 1
    assert not (run.folder / "pictures").exists()


def test_resuming_with_other_settings_is_refused(settings):
    train_once(settings)
    with pytest.raises(CourseError, match=r"last.ckpt was made with learning_rate=0.001, not 0.1"):
        train_once(settings.replace(learning_rate=0.1), resume=True)


def test_resuming_on_other_images_is_refused(settings):
    train_once(settings)
    with pytest.raises(CourseError, match=r"last.ckpt was made with other photos or labels"):
        fit(build(settings), *loaders(settings.replace(train_images=4)), settings, resume=True)


@pytest.mark.parametrize("kind", ["image", "label_ids"])
def test_resuming_on_changed_images_is_refused(settings, kind):
    train_once(settings)
    path = getattr(loaders(settings)[0].dataset.frames[0], kind)
    write_png(path, np.zeros((32, 64, 3) if kind == "image" else (32, 64), np.uint8))
    with pytest.raises(CourseError, match=r"last.ckpt was made with other photos or labels"):
        train_once(settings.replace(epochs=3), resume=True)


@pytest.mark.parametrize("content", ["tensor", "part", "history", "identity", "optimizer"])
def test_a_checkpoint_of_another_form_is_named(settings, content):
    run, _ = train_once(settings)
    state = torch.load(run.folder / LAST, weights_only=True)
    if content == "tensor":
        state = torch.zeros(3)
    elif content == "part":
        state = {"identity": state["identity"]}
    elif content == "history":
        state["history"] = 3
    elif content == "identity":
        state["identity"] = "[]"
    else:
        state["optimizer"]["param_groups"] = []
    torch.save(state, run.folder / LAST)
    with pytest.raises(CourseError, match=r"last.ckpt is not a whole checkpoint"):
        train_once(settings.replace(epochs=3), resume=True)


def test_more_devices_than_images_are_refused(settings):
    with pytest.raises(CourseError, match="6 training images are fewer than batch_size=7 times 1 devices"):
        train_once(settings.replace(batch_size=7))


def test_validation_images_without_a_class_are_refused(settings):
    for frame in loaders(settings)[1].dataset.frames:
        write_png(frame.label_ids, np.zeros((32, 64), np.uint8))
    with pytest.raises(CourseError, match="no pixel of the validation images has a class"):
        train_once(settings)


def test_a_broken_checkpoint_is_named_and_runs_no_code(settings, tmp_path):
    run, _ = train_once(settings)
    whole = (run.folder / LAST).read_bytes()
    (run.folder / LAST).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CourseError, match=r"last.ckpt is not a whole checkpoint"):
        train_once(settings, resume=True)

    class Malicious:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    torch.save({"model": Malicious()}, run.folder / LAST)
    with pytest.raises(CourseError, match=r"last.ckpt is not a whole checkpoint"):
        train_once(settings, resume=True)
    assert not (tmp_path / "pwned").exists()


def is_over(scores, patience):
    rows = [{"epoch": number, "iou_score": score} for number, score in enumerate(scores, 1)]
    return EarlyStopping(patience)(SimpleNamespace(rows=rows))


def test_early_stopping_waits_for_patience_epochs_without_a_better_iou():
    assert not is_over([], 3)
    assert not is_over([0.1, 0.5, 0.4, 0.4], 3)
    assert is_over([0.1, 0.5, 0.4, 0.4, 0.5], 3)  # as good is not better
    assert not is_over([0.1, 0.5, 0.4, 0.4, 0.6], 3)


@pytest.mark.parametrize("patience", [1, 2, 3, 5])
def test_early_stopping_ends_and_keeps_what_the_evidence_says_of_recorded_runs(patience):
    """The verdict on patience replays whole runs: it must stop where a training would have stopped."""
    draw = np.random.default_rng(patience)
    for _ in range(200):
        scores = draw.normal(size=12).cumsum().round().tolist()  # with many equals
        end, kept = stop_early(scores, patience)
        stops = [epoch for epoch in range(12) if is_over(scores[: epoch + 1], patience)]
        assert end == min(stops, default=11)
        assert kept == int(np.argmax(scores[: end + 1]))


def test_training_stops_early_and_keeps_the_best_weights(settings, monkeypatch):
    scores = iter([0.2, 0.6, 0.5, 0.4, 0.3, 0.9])
    monkeypatch.setattr(training, "mean_iou", lambda _: next(scores))
    states = []

    def keep(training):
        states.append({name: tensor.clone() for name, tensor in training.model.state_dict().items()})

    run, _ = train_once(settings.replace(epochs=6, patience=3), callbacks=[keep])
    assert run.history["iou_score"].tolist() == [0.2, 0.6, 0.5, 0.4, 0.3]
    best, _ = load_weights(run.best, settings)
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in best.state_dict().items())


def test_learning_rate_schedules_by_hand():
    for schedule, middle in (("constant", 1.0), ("cosine", 0.5), ("poly", 0.5**0.9)):
        assert rate_factor(0, 10, schedule) == 1
        assert rate_factor(5, 10, schedule) == pytest.approx(middle)
        # Two epochs of warm-up: half-way up after one, at the top after two, and half of the other eight after six.
        assert rate_factor(1, 10, schedule, warmup=2) == pytest.approx(0.505)
        assert rate_factor(2, 10, schedule, warmup=2) == 1
        assert rate_factor(6, 10, schedule, warmup=2) == pytest.approx(middle)
    assert rate_factor(9, 10, "cosine") == pytest.approx(0.5 * (1 + math.cos(0.9 * math.pi)))


def test_the_learning_rate_changes_from_step_to_step(settings):
    chosen = settings.replace(epochs=2, schedule="cosine", warmup=1, learning_rate=0.1)
    going = prepare(build(chosen), *loaders(chosen), chosen)
    rates = []
    going.optimizer.optimizer.register_step_pre_hook(lambda *_: rates.append(going.optimizer.param_groups[0]["lr"]))
    for _ in epochs(going):
        pass
    expected = [0.01, 0.34, 0.67] + [0.5 * (1 + math.cos(math.pi * done / 3)) for done in range(3)]
    assert rates == pytest.approx([0.1 * factor for factor in expected])


def test_void_as_a_class_trains_too_and_is_scored_on_the_19_classes(settings):
    run, model = train_once(settings.replace(void="class", epochs=1))
    assert model.head.out_channels == 21
    assert run.history["iou_score"].between(0, 1).all()


def test_validation_is_one_matrix_over_all_images_whatever_the_batches(settings):
    model = build(settings)
    results = []
    for batch_size in (1, 2):
        chosen = settings.replace(batch_size=batch_size)
        _, val = loaders(chosen)
        results.append(validate(make_fabric(chosen), model, val, LOSSES[chosen.loss])[1])
    assert torch.equal(*results)
    # 2 images of 32 x 64, less the void at the top, two rows of 64 in each.
    assert results[0][:19].sum() == 2 * (32 - 2) * 64
    assert model.training  # and the model is back in the mode that it was in


def test_bf16_computes_in_half_precision_and_keeps_float32_weights(settings):
    model = build(settings)
    seen = []
    model.head.register_forward_hook(lambda module, inputs, output: seen.append((module.training, output.dtype)))
    half = settings.replace(precision="bf16-mixed", epochs=1)
    fit(model, *loaders(half), half)
    assert {(True, torch.bfloat16), (False, torch.bfloat16)} <= set(seen)
    assert model.head.weight.dtype == torch.float32


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_loss_of_yours_gets_float32_in_training_and_in_validation(settings, precision):
    seen = set()

    class Spy(nn.CrossEntropyLoss):
        def forward(self, logits, target):
            seen.add((logits.requires_grad, logits.dtype))
            return super().forward(logits, target)

    half = settings.replace(precision=precision, epochs=1)
    fit(build(half), *loaders(half), half, loss=Spy(ignore_index=255))
    assert seen == {(True, torch.float32), (False, torch.float32)}


def test_tensorboard_holds_the_history(settings):
    run, _ = train_once(settings)
    events = EventAccumulator(str(run.folder / "tensorboard"))
    events.Reload()
    for name in ("train_loss", "iou_score", "learning_rate"):
        assert [event.value for event in events.Scalars(name)] == pytest.approx(run.history[name].tolist())


def test_it_trains_without_tensorboard(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run, _ = train_once(settings.replace(epochs=1))
    assert not (run.folder / "tensorboard").exists()


def test_class_weights_make_the_loss_that_weighs_by_rarity_on_the_training_masks(settings):
    train, val = loaders(settings)
    counts = train.dataset.count_pixels()
    shares = counts.sum(dim=0) / counts.sum()
    logits, target = torch.randn(2, 19, 4, 8), torch.randint(0, 19, (2, 4, 8))
    for name, weight in (
        ("median_frequency", median_frequency_weights(counts)),
        ("inverse_log", 1 / torch.log(1.10 + shares)),
    ):
        loss = prepare(build(settings), train, val, settings.replace(class_weights=name)).loss
        expected = torch.nn.functional.cross_entropy(logits, target, weight.float(), ignore_index=255)
        assert torch.isclose(loss(logits, target), expected)
    foreign = DataLoader([train.dataset[0]] * 4, batch_size=2)
    with pytest.raises(CourseError, match="count_pixels"):
        prepare(build(settings), foreign, foreign, settings.replace(class_weights="inverse_log"))


def test_the_average_is_that_of_the_weights_after_each_step(settings):
    """By hand: the first step's weights, and then 0.9 of what there is and 0.1 of what comes."""
    chosen = settings.replace(average=0.9, epochs=2, learning_rate=1e-2)
    going = prepare(build(chosen), *loaders(chosen), chosen)
    steps = []
    going.optimizer.optimizer.register_step_post_hook(lambda *_: steps.append(going.model.head.weight.detach().clone()))
    for _ in epochs(going):
        pass
    expected = steps[0]
    for weight in steps[1:]:
        expected = 0.9 * expected + 0.1 * weight
    torch.testing.assert_close(going.scored.head.weight, expected)
    assert not torch.equal(going.scored.head.weight, going.model.head.weight)
    # It is what is scored.
    loss, matrix = validate(going.fabric, going.scored, going.val, going.loss)
    assert (loss, mean_iou(matrix)) == (going.rows[-1]["val_loss"], going.rows[-1]["iou_score"])


def test_a_run_with_averaged_weights_keeps_these_and_goes_on_bit_for_bit(settings):
    chosen = settings.replace(average=0.9, warmup=1, epochs=4, run="whole", learning_rate=1e-2)
    run, model = train_once(chosen)
    train_once(chosen.replace(epochs=2, run="parts"))
    resumed, resumed_model = train_once(chosen.replace(run="parts"), resume=True)
    pd.testing.assert_frame_equal(run.history.drop(columns=TIMES), resumed.history.drop(columns=TIMES))
    assert same_weights(model, resumed_model)
    last = torch.load(run.folder / LAST, weights_only=True)
    best = load_weights(run.best, chosen)[0].state_dict()
    if run.history["iou_score"].idxmax() == 3:
        assert torch.equal(last["average"]["module.head.weight"], best["head.weight"])
    assert not torch.equal(last["model"]["head.weight"], best["head.weight"])


def test_any_loader_of_images_and_targets_will_do(settings):
    generator = torch.Generator().manual_seed(0)
    images, targets = (
        torch.randn(6, 3, 16, 16, generator=generator),
        torch.randint(19, (6, 16, 16), generator=generator),
    )
    train = DataLoader(TensorDataset(images, targets), batch_size=2, shuffle=True)
    val = DataLoader(TensorDataset(images, targets), batch_sampler=[[0, 1, 2], [3], [4, 5]])
    whole = fit(build(settings), train, val, settings.replace(run="whole", epochs=3)).history
    fit(build(settings), train, val, settings.replace(run="parts", epochs=1))
    resumed = fit(build(settings), train, val, settings.replace(run="parts", epochs=3), resume=True).history
    pd.testing.assert_frame_equal(whole.drop(columns=TIMES), resumed.drop(columns=TIMES))


def test_a_part_of_a_part_of_a_data_set_has_its_own_augmentation_in_every_epoch(settings):
    train, val = loaders(settings)
    part = DataLoader(Subset(Subset(train.dataset, range(4)), range(2)), batch_size=2)
    rows = epochs(prepare(build(settings), part, val, settings))
    assert [(row["epoch"], train.dataset.epoch) for row in rows] == [(1, 1), (2, 2)]


def test_a_loader_without_a_length_is_refused(settings):
    class Endless(IterableDataset):
        def __iter__(self):
            yield torch.zeros(3, 16, 16), torch.zeros(16, 16)

    with pytest.raises(CourseError, match="the training loader has no length"):
        fit(build(settings), DataLoader(Endless()), loaders(settings)[1], settings)


def test_a_nan_in_another_loader_names_the_batch(settings):
    images = torch.randn(4, 3, 16, 16)
    images[3] = torch.nan
    train = DataLoader(TensorDataset(images, torch.zeros(4, 16, 16, dtype=torch.int64)), batch_size=2)
    with pytest.raises(CourseError, match="the training loss is nan from batch 2 of 2 on: look"):
        fit(build(settings), train, train, settings)


def test_loss_and_optimizer_can_be_given(settings):
    model = build(settings)
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    calls = []

    def loss(logits, target):
        calls.append(logits.requires_grad)
        return cross_entropy(logits, target)

    still = torch.optim.SGD(model.parameters(), lr=0.0)
    run = fit(model, *loaders(settings), settings, loss=loss, optimizer=still)
    assert calls == [True, True, True, False] * 2
    assert run.history["learning_rate"].tolist() == [0, 0]
    assert all(torch.equal(start[name], weight) for name, weight in model.named_parameters())


def test_a_callback_sees_each_epoch_and_can_end_the_training(settings):
    seen = []

    def stop(training):
        seen.append((len(training.rows), (settings.run_folder / BEST).exists()))
        return len(training.rows) == 2

    run, _ = train_once(settings.replace(epochs=5), callbacks=[stop])
    assert seen == [(1, True), (2, True)]
    # The epoch that it ended after is whole.
    assert len(run.history) == len(torch.load(run.folder / LAST, weights_only=True)["history"]) == 2


@pytest.mark.parametrize(("answer", "length"), [(np.True_, 1), (1, 2)])
def test_only_true_ends_the_training_and_all_are_called(settings, answer, length):
    called = []
    run, _ = train_once(settings, callbacks=[lambda training: answer, called.append])
    assert len(run.history) == len(called) == length


def test_the_file_that_a_callback_cannot_open_is_named(settings, tmp_path):
    notes = tmp_path / "nowhere" / "notes.txt"
    with pytest.raises(CourseError, match=f"^{re.escape(str(notes))} cannot be written to .No such file"):
        train_once(settings, callbacks=[lambda training: notes.write_text("x")])


def test_a_learning_rate_of_zero_is_a_run_like_any_other(settings):
    still = settings.replace(learning_rate=0, schedule="cosine")
    run, _ = train_once(still)
    assert run.history["learning_rate"].tolist() == [0, 0]
    compare({"still": Variant(still)})


def test_the_validation_loss_does_not_depend_on_the_batch_size(settings):
    """One of the images is nearly all void, so that a mean over images or batches would be another number."""
    frame = loaders(settings)[1].dataset.frames[0]
    ids = np.zeros((32, 64), np.uint8)
    ids[:3] = 7
    write_png(frame.label_ids, ids)
    model, losses = build(settings), []
    for batch_size in (1, 2):
        _, val = loaders(settings.replace(batch_size=batch_size))
        losses.append(validate(make_fabric(settings), model, val, cross_entropy)[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_training_batch_that_is_all_void_does_not_count_as_a_perfect_one(settings):
    chosen = settings.replace(batch_size=1, rotation=0.0, blur=0.0, flip=0.0, learning_rate=0.0, epochs=1)
    train, val = loaders(chosen)
    for frame in train.dataset.frames[:2]:
        write_png(frame.label_ids, np.zeros((32, 64), np.uint8))
    part = Subset(loaders(chosen)[0].dataset, range(2, 6))
    model = build(chosen)
    without = fit(build(chosen), DataLoader(part, batch_size=1), val, chosen.replace(run="without")).history
    history = fit(model, *loaders(chosen), chosen).history
    assert history["train_loss"][0] == pytest.approx(without["train_loss"][0], rel=1e-5)


@pytest.mark.parametrize("weights", ["none", "median_frequency"])
def test_training_images_without_a_class_are_refused(settings, weights):
    for frame in loaders(settings)[0].dataset.frames:
        write_png(frame.label_ids, np.zeros((32, 64), np.uint8))
    with pytest.raises(CourseError, match="no pixel of the training images has a class"):
        train_once(settings.replace(class_weights=weights))


def test_class_weights_know_void_where_it_is_a_class(settings):
    chosen = settings.replace(class_weights="median_frequency", void="class")
    weight = prepare(build(chosen), *loaders(chosen), chosen).loss.keywords["weight"]
    # Void, sky, road and car are in every image, and nothing else is in any: the weights are as 1 / share.
    assert weight.nonzero().flatten().tolist() == [0, 10, 13, 20]
    assert weight[20] / weight[10] == pytest.approx(14 / 2, rel=0.3)  # rows of sky and of void; the car hides some sky
    train_once(chosen.replace(epochs=1))


def test_class_weights_are_not_ignored_silently(settings):
    chosen = settings.replace(class_weights="median_frequency")
    with pytest.raises(CourseError, match="class_weights has no effect on a loss of yours"):
        fit(build(chosen), *loaders(chosen), chosen, loss=cross_entropy)


def test_deeplab_needs_two_images_in_a_batch(settings):
    chosen = settings.replace(model="deeplabv3plus", batch_size=1)
    with pytest.raises(CourseError, match="batch_size=1 is too small: deeplabv3plus"):
        prepare(build(settings), *loaders(chosen), chosen)


class WithoutMemory(Dataset):
    """Fails as a loader process in Docker's 64 MB of shared memory does."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")


def test_loader_processes_without_memory_are_one_line_in_every_training(settings):
    train, val = DataLoader(WithoutMemory(), batch_size=2), loaders(settings)[1]
    with pytest.raises(CourseError, match="--shm-size"):
        fit(build(settings), train, val, settings)
    with pytest.raises(CourseError, match="--shm-size"):
        list(epochs(prepare(build(settings), train, val, settings)))


def test_a_missing_compiler_is_one_line(settings, monkeypatch):
    compile_network = torch.compile

    def no_compiler(graph, inputs):
        raise InvalidCxxCompiler

    monkeypatch.setattr(torch, "compile", lambda model, **_: compile_network(model, backend=no_compiler))
    with pytest.raises(CourseError, match=r"No working C\+\+ compiler .*or train without --compile") as error:
        train_once(settings.replace(compile=True))
    assert "\n" not in str(error.value)
