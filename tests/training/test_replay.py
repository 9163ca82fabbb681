import copy
import gc
import math
import random
import warnings
import weakref
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.torch_version import TorchVersion

from cs_utils.data.loaders import loaders
from cs_utils.exceptions import CourseError, Diverged
from cs_utils.experiments.arms import LOSSES as LOSSES_OF_ARMS
from cs_utils.losses.broken import dice_without_two
from cs_utils.losses.right import LOSSES, cross_entropy, lovasz_loss
from cs_utils.metrics.confusion import confusion_matrix
from cs_utils.models.zoo import build
from cs_utils.settings import Settings
from cs_utils.training import loop, replay
from cs_utils.training.devices import make_fabric
from cs_utils.training.loop import epochs, training_step
from cs_utils.training.replay import TRIES, Replay, replaying
from cs_utils.training.setup import prepare

CPU = torch.device("cpu")
RATES = (1e-2, 3e-2, 1e-3, 1e-2, 5e-2, 2e-2)
OPTIMIZERS = {
    "AdamW": lambda weights: torch.optim.AdamW(weights, RATES[0], fused=True),
    "SGD": lambda weights: torch.optim.SGD(weights, RATES[0], momentum=0.9, fused=True),
}


class Recorder:
    """Stands in for CUDA graphs: a recording computes nothing, and remembers the groups as they lay."""

    def __init__(self, monkeypatch, groups=(), waits=()):
        self.groups, self.waits, self.watched, self.replayed = groups, [*waits], 0, 0
        monkeypatch.setattr(replay, "watch", self.watch)
        monkeypatch.setattr(replay, "on_side_stream", lambda work, *batch: work(*batch))
        monkeypatch.setattr(replay, "capture", self.capture)

    def watch(self, work, image, target):
        self.watched += 1
        return work(image, target), not (self.waits and self.waits.pop(0))

    def capture(self, work):
        recorded, outputs = [dict(group) for group in self.groups], []
        # As PyTorch does, where an optimizer is recorded.
        assert all(group.get("capturable", True) for group in recorded)
        assert all(group["lr"].dtype == torch.float32 for group in recorded)
        # Else their memory would lie idle beside that of the recording's own gradients.
        assert all(weight.grad is None for group in recorded for weight in group["params"])

        def again():
            self.replayed += 1
            now = [dict(group) for group in self.groups]
            for group, old in zip(self.groups, recorded, strict=True):
                group.update(old)
            found = work()
            outputs[:] = [old.copy_(new) for old, new in zip(outputs or found, found, strict=True)]
            for group, old in zip(self.groups, now, strict=True):
                group.update(old)

        return again, outputs


class EverySecond(torch.optim.AdamW):
    """An optimizer of a reader's, in which Python decides from step to step; a recording would freeze that."""

    calls = 0

    def step(self, closure=None):
        self.calls += 1
        return super().step(closure) if self.calls % 2 else None


def make_batches(sizes):
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(size, 3, 8, 8, generator=generator), torch.randint(19, (size, 8, 8), generator=generator))
        for size in sizes
    ]


def mean_of(image, target):
    return (image.mean() + target.float().mean(),)


def make_groups(network):
    """Two groups, whose rates are not the same."""
    return [{"params": network[0].parameters()}, {"params": network[1].parameters()}]


def train(network, optimizer, step, batches):
    losses = []
    for rate, batch in zip(RATES, batches, strict=True):
        for share, group in enumerate(optimizer.param_groups, start=1):
            group["lr"] = rate / share
        losses.append(step(*batch)[0])
    return torch.stack(losses), list(network.parameters())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replayed_steps_are_those_that_are_launched(monkeypatch, name):
    """With other learning rates at each step, two groups, and a batch of another size among them."""
    fabric = make_fabric(Settings(accelerator="cpu"))
    batches = make_batches((4, 4, 4, 2, 4, 4))
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 19, 3, padding=1, bias=False), nn.BatchNorm2d(19))
    second = copy.deepcopy(first)
    results = []
    for network in (first, second):
        optimizer = OPTIMIZERS[name](make_groups(network))
        model, wrapped = fabric.setup(network, optimizer)
        step = training_step(fabric, model, wrapped, cross_entropy)
        if network is second:
            recorder = Recorder(monkeypatch, optimizer.param_groups)
            step = Replay(step, optimizer.param_groups, CPU)
        results.append(train(network, optimizer, step, batches))
    (losses, weights), (replayed_losses, replayed_weights) = results
    torch.testing.assert_close(replayed_losses, losses)
    torch.testing.assert_close(replayed_weights, weights)
    assert recorder.watched == 1
    assert recorder.replayed == 4  # neither the first nor the one of another size
    assert type(optimizer.param_groups[0]["lr"]) is float  # what a checkpoint holds
    assert not optimizer.param_groups[0].get("capturable")


def test_what_a_batch_gave_stays_when_the_next_one_is_replayed(monkeypatch):
    Recorder(monkeypatch)
    work = Replay(mean_of, [], CPU)
    batches = make_batches((2, 2, 2, 2))
    found = [work(*batch)[0] for batch in batches]
    torch.testing.assert_close(found, [mean_of(*batch)[0] for batch in batches])


@pytest.mark.parametrize(("waits", "watched", "replayed"), [((True,) * 9, TRIES, 0), ((True, False), 2, 3)])
def test_work_that_waits_is_not_recorded_and_looked_at_a_few_times_only(monkeypatch, waits, watched, replayed):
    """What waits the first time alone, as a library that starts, is recorded later."""
    recorder = Recorder(monkeypatch, waits=waits)
    work = Replay(mean_of, [], CPU)
    batches = make_batches((2,) * 5)
    torch.testing.assert_close([work(*batch)[0] for batch in batches], [mean_of(*batch)[0] for batch in batches])
    assert (recorder.watched, recorder.replayed) == (watched, replayed)


@pytest.mark.parametrize("other", ["image type", "target type", "target shape", "weight decay"])
def test_what_is_not_as_it_was_recorded_is_done_as_usual(monkeypatch, other):
    """To copy it to where the recording reads would cut it to the old type or shape without a word."""
    optimizer = OPTIMIZERS["AdamW"]([nn.Parameter(torch.zeros(1))])
    recorder = Recorder(monkeypatch, optimizer.param_groups)
    seen = []
    work = Replay(lambda *batch: seen.append(batch) or mean_of(*batch), optimizer.param_groups, CPU)
    image, target = make_batches((2,))[0]
    for _ in range(3):
        work(image, target)
    assert recorder.replayed == 2
    if other == "image type":
        image = image.double()
    elif other == "target type":
        target = target.float()
    elif other == "target shape":
        target = target[:1]
    else:
        optimizer.param_groups[0]["weight_decay"] = 0.5
    work(image, target)
    assert recorder.replayed == 2
    assert seen[-1][0] is image
    assert seen[-1][1] is target


@pytest.mark.parametrize("version", ["2.11.0", "2.15.0"])
def test_where_a_recording_fails_the_training_goes_on_without_and_says_so_once(monkeypatch, version):
    """Too little memory breaks nothing in any PyTorch."""
    monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    optimizer = OPTIMIZERS["AdamW"]([nn.Parameter(torch.zeros(1))])
    before = [dict(group) for group in optimizer.param_groups]
    recorder = Recorder(monkeypatch)

    def fail(work):
        raise torch.OutOfMemoryError("too large\nfor this card")

    monkeypatch.setattr(replay, "capture", fail)
    work = Replay(mean_of, optimizer.param_groups, CPU)
    batches = make_batches((2, 2, 2, 2))
    with pytest.warns(UserWarning, match=r"cannot be recorded .*\(too large\), so it is slower$") as said:
        found = [work(*batch)[0] for batch in batches]
    torch.testing.assert_close(found, [mean_of(*batch)[0] for batch in batches])
    assert len(said) == 1
    assert recorder.watched == 1
    assert [dict(group) for group in optimizer.param_groups] == before


def spoil(work):
    try:
        raise RuntimeError("the loss asked for a number\nof the GPU")
    finally:
        raise RuntimeError("operation failed due to a previous error")


def test_what_has_spoiled_a_recording_is_said_and_not_how_it_ended(monkeypatch):
    Recorder(monkeypatch)
    monkeypatch.setattr(replay, "capture", spoil)
    work, batch = Replay(mean_of, [], CPU), make_batches((2,))[0]
    work(*batch)
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.15.0"))
    with pytest.warns(UserWarning, match=r"\(the loss asked for a number\), so it is slower"):
        torch.testing.assert_close(work(*batch), mean_of(*batch))


def test_a_pytorch_that_a_failed_recording_breaks_does_not_go_on(monkeypatch):
    """PyTorch 2.11 takes the recording for not over, and refuses random numbers and to give back memory."""
    optimizer = OPTIMIZERS["AdamW"]([nn.Parameter(torch.zeros(1))])
    before = [dict(group) for group in optimizer.param_groups]
    Recorder(monkeypatch)
    monkeypatch.setattr(replay, "capture", spoil)
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.11.0"))
    work, batch = Replay(mean_of, optimizer.param_groups, CPU), make_batches((2,))[0]
    work(*batch)
    with pytest.raises(CourseError, match=r"\(the loss asked for a number\): train with --no-replay"):
        work(*batch)
    assert [dict(group) for group in optimizer.param_groups] == before


def test_a_batch_that_finds_no_room_beside_a_recording_gets_its_memory(monkeypatch):
    recorder = Recorder(monkeypatch)
    held, full = [], []

    def as_usual(work, *batch):
        full.append(bool(held) and held[0].replay is not None)
        if full[-1]:
            raise torch.OutOfMemoryError
        return work(*batch)

    monkeypatch.setattr(replay, "on_side_stream", as_usual)
    held.append(Replay(mean_of, [], CPU))
    batches = make_batches((2, 2, 2, 1, 2))
    torch.testing.assert_close([held[0](*batch)[0] for batch in batches], [mean_of(*batch)[0] for batch in batches])
    assert recorder.replayed == 2
    assert full == [True, False, False]  # the small batch twice, and the last one


def test_a_batch_that_is_too_large_by_itself_is_an_error(monkeypatch):
    Recorder(monkeypatch, waits=(True,) * TRIES)

    def as_usual(work, *batch):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(replay, "on_side_stream", as_usual)
    work, batch = Replay(mean_of, [], CPU), make_batches((2,))[0]
    for _ in range(TRIES):
        work(*batch)
    with pytest.raises(torch.OutOfMemoryError):
        work(*batch)


def test_it_is_for_one_process_on_an_nvidia_gpu_with_an_optimizer_that_reads_its_rate_there(monkeypatch):
    monkeypatch.setattr(replay, "Replay", lambda work, groups, device: ("replayed", len(groups)))
    monkeypatch.setattr(torch.version, "hip", None)
    weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    fused = OPTIMIZERS["AdamW"]([{"params": weights[:1]}, {"params": weights[1:]}])
    half = torch.optim.SGD([{"params": weights[:1], "fused": True}, {"params": weights[1:]}], 0.1)
    gpu = SimpleNamespace(device=torch.device("cuda"), world_size=1)

    assert replaying(mean_of, gpu, fused) == ("replayed", 2)
    assert replaying(mean_of, gpu) == ("replayed", 0)
    wrapped = make_fabric(Settings(accelerator="cpu")).setup_optimizers(fused)  # as `set_up` gives it
    assert replaying(mean_of, gpu, wrapped) == ("replayed", 2)
    own = EverySecond(weights, fused=True)
    for optimizer in (torch.optim.AdamW(weights), half, torch.optim.Adagrad(weights, fused=True), own):
        assert replaying(mean_of, gpu, optimizer) is mean_of
    assert replaying(mean_of, SimpleNamespace(device=CPU, world_size=1), fused) is mean_of
    assert replaying(mean_of, SimpleNamespace(device=gpu.device, world_size=2), fused) is mean_of
    monkeypatch.setattr(torch.version, "hip", "7.0")
    assert replaying(mean_of, gpu, fused) is mean_of


@pytest.mark.parametrize(("changes", "wanted"), [({}, True), ({"replay": False}, False), ({"compile": True}, False)])
def test_training_and_validation_ask_for_it_unless_they_are_told_not_to(settings, monkeypatch, changes, wanted):
    asked = []

    def note(work, fabric, optimizer=None):
        asked.append(optimizer is not None)
        return work

    monkeypatch.setattr(loop, "replaying", note)
    monkeypatch.setattr(torch, "compile", lambda model: model)
    chosen = settings.replace(epochs=1, **changes)
    network = build(chosen)
    list(epochs(prepare(network, *loaders(chosen), chosen)))
    assert asked == ([True, False] if wanted else [])
    assert all(weight.grad is None for weight in network.parameters())  # they would hold a recording's memory


class Streams:
    """Stands in for the parts of `torch.cuda` that look for waits; ``log`` holds what happened."""

    def __init__(self, monkeypatch):
        self.log, self.mode = [], 0
        side, main = SimpleNamespace(name="side"), SimpleNamespace(name="main")
        for stream in (side, main):
            stream.wait_stream = lambda other, me=stream: self.log.append(f"{me.name} waits for {other.name}")
        monkeypatch.setattr(replay, "side_stream", lambda: side)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: main)
        monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: self.mode)
        monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", self.set_mode)
        monkeypatch.setattr(torch.cuda, "stream", self.on)

    def set_mode(self, mode):
        self.mode = {"warn": 1}.get(mode, mode)
        if self.mode:
            warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=2)

    def on(self, stream):
        self.log.append(f"on {stream.name}")
        return warnings.catch_warnings()  # any context will do


SPOILS = {
    "waits": lambda: warnings.warn("called a synchronizing CUDA operation", stacklevel=2),
    "another stream": lambda: warnings.warn("The AccumulateGrad node's stream does not match the stream", stacklevel=2),
    "draws": random.random,
    "draws by torch": lambda: torch.rand(1),
    "draws by numpy": np.random.rand,
}


@pytest.mark.parametrize("spoils", [None, *SPOILS])
def test_whether_work_can_be_recorded_is_seen_and_other_warnings_are_passed_on(monkeypatch, spoils):
    streams = Streams(monkeypatch)
    monkeypatch.setattr(replay, "_passed_on", set())

    def work(image, target):
        assert streams.mode == 1
        assert torch.is_warn_always_enabled()
        streams.log.append("work")
        if spoils:
            SPOILS[spoils]()
        warnings.warn("of another kind", stacklevel=1)
        return mean_of(image, target)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(2):
            outputs, recordable = replay.watch(work, *make_batches((2,))[0])
    torch.testing.assert_close(outputs, mean_of(*make_batches((2,))[0]))
    assert recordable == (spoils is None)
    assert [str(one.message) for one in said] == ["of another kind"]  # once
    assert streams.mode == 0
    assert not torch.is_warn_always_enabled()
    assert streams.log == ["side waits for main", "on side", "work", "main waits for side"] * 2


def test_an_error_in_the_work_leaves_no_mode_behind(monkeypatch):
    streams = Streams(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        replay.watch(lambda image, target: 1 / 0, *make_batches((2,))[0])
    assert streams.mode == 0


@pytest.mark.parametrize("fails", [True, False])
def test_no_garbage_is_collected_while_a_recording_is_made(monkeypatch, fails):
    """One of it may be an older recording, and to throw it away would spoil this one."""

    @contextmanager
    def graph(*arguments, **named):
        yield

    def work():
        assert not gc.isenabled()
        if fails:
            raise RuntimeError
        return ()

    monkeypatch.setattr(replay, "side_stream", lambda: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=len))
    monkeypatch.setattr(torch.cuda, "graph", graph)
    with pytest.raises(RuntimeError) if fails else nullcontext():
        assert replay.capture(work) == (len, ())
    assert gc.isenabled()


def test_an_error_in_an_epoch_keeps_no_recording_alive(settings, monkeypatch):
    """A notebook keeps the last traceback, and with it what the frames hold."""
    made = []

    class Held:
        def __init__(self, work, *arguments):
            self.work = work
            made.append(weakref.ref(self))

        def __call__(self, *batch):
            return self.work(*batch)

    monkeypatch.setattr(loop, "replaying", Held)
    chosen = settings.replace(epochs=1)
    training = prepare(build(chosen), *loaders(chosen), chosen)
    with pytest.raises(ZeroDivisionError) as kept:
        list(epochs(training, lambda: 1 / 0))
    training.loss = lambda logits, target: cross_entropy(logits, target) * (1.0 if logits.requires_grad else math.nan)
    with pytest.raises(Diverged) as also_kept:
        list(epochs(training))
    assert kept.traceback
    assert also_kept.traceback
    assert [one() for one in made] == [None] * 3  # two of the training, one of the validation


@pytest.mark.parametrize("name", [*LOSSES, "lovasz", "ce_3_dice"])
def test_no_loss_that_is_meant_for_use_asks_a_gpu_for_a_number(name):
    """What does cannot be recorded; a tensor without numbers refuses to answer."""
    loss = LOSSES_OF_ARMS[name]
    with FakeTensorMode():
        logits = torch.empty(2, 19, 8, 8, device="cuda")
        target = torch.empty(2, 8, 8, dtype=torch.int64, device="cuda")
        loss(logits, target)
        if name in LOSSES or loss is lovasz_loss:
            loss(logits, target, weight=torch.empty(19, device="cuda"))
        confusion_matrix(logits.argmax(dim=1), target)
        with pytest.raises((DataDependentOutputException, DynamicOutputShapeException)):
            dice_without_two(logits, target)
