import copy

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from cs_utils.experiments.recipes import LOSSES as LOSSES_OF_ARMS
from cs_utils.losses.broken import dice_without_two
from cs_utils.losses.right import LOSSES, cross_entropy, lovasz_loss
from cs_utils.metrics.confusion import confusion_matrix
from cs_utils.settings import Settings
from cs_utils.training import replay
from cs_utils.training.devices import make_fabric
from cs_utils.training.loop import training_step
from cs_utils.training.replay import TRIES, Replay, replaying

RATES = (1e-2, 3e-2, 1e-3, 1e-2, 5e-2, 2e-2)
OPTIMIZERS = {
    "AdamW": lambda weights: torch.optim.AdamW(weights, RATES[0], fused=True),
    "SGD": lambda weights: torch.optim.SGD(weights, RATES[0], momentum=0.9, fused=True),
}


class Recorder:
    """Stands in for CUDA graphs: a recording computes nothing, and remembers the learning rates as they lay."""

    def __init__(self, monkeypatch, groups=(), waits=False):
        self.groups, self.waits, self.watched, self.replayed = groups, waits, 0, 0
        monkeypatch.setattr(replay, "watch", self.watch)
        monkeypatch.setattr(replay, "capture", self.capture)

    def watch(self, work, image, target):
        self.watched += 1
        return work(image, target), self.waits

    def capture(self, work):
        recorded, outputs = [dict(group) for group in self.groups], []

        def again():
            self.replayed += 1
            now = [dict(group) for group in self.groups]
            for group, old in zip(self.groups, recorded, strict=True):
                group.update(old)
            outputs[:] = [
                output if not outputs else before.copy_(output) for output, before in self.pairs(work(), outputs)
            ]
            for group, old in zip(self.groups, now, strict=True):
                group.update(old)

        return again, outputs

    @staticmethod
    def pairs(new, old):
        return zip(new, old or new, strict=True)


def make_batches(sizes):
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(size, 3, 8, 8, generator=generator), torch.randint(19, (size, 8, 8), generator=generator))
        for size in sizes
    ]


def train(network, optimizer, step, batches):
    losses = []
    for rate, batch in zip(RATES, batches, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(step(*batch)[0])
    return torch.stack(losses), list(network.parameters())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replayed_steps_are_those_that_are_launched(monkeypatch, name):
    """With another learning rate at each step, and a batch of another size among them."""
    fabric = make_fabric(Settings(accelerator="cpu"))
    batches = make_batches((4, 4, 4, 2, 4, 4))
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 19, 3, padding=1, bias=False), nn.BatchNorm2d(19))
    second = copy.deepcopy(first)
    results = []
    for network in (first, second):
        optimizer = OPTIMIZERS[name](network.parameters())
        model, wrapped = fabric.setup(network, optimizer)
        step = training_step(fabric, model, wrapped, cross_entropy)
        if network is second:
            recorder = Recorder(monkeypatch, optimizer.param_groups)
            step = Replay(step, optimizer.param_groups, torch.device("cpu"))
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
    work = Replay(lambda image, target: (image.mean(),), [], torch.device("cpu"))
    batches = make_batches((2, 2, 2, 2))
    found = [work(*batch)[0] for batch in batches]
    torch.testing.assert_close(found, [image.mean() for image, _ in batches])


def test_work_that_waits_is_never_recorded_and_looked_at_a_few_times_only(monkeypatch):
    recorder = Recorder(monkeypatch, waits=True)
    work = Replay(lambda image, target: (image.mean(),), [], torch.device("cpu"))
    batches = make_batches((2,) * (TRIES + 2))
    torch.testing.assert_close([work(*batch)[0] for batch in batches], [image.mean() for image, _ in batches])
    assert (recorder.watched, recorder.replayed) == (TRIES, 0)


def test_an_error_while_recording_leaves_the_optimizer_as_it_was(monkeypatch):
    optimizer = OPTIMIZERS["AdamW"]([nn.Parameter(torch.zeros(1))])
    before = [dict(group) for group in optimizer.param_groups]
    Recorder(monkeypatch)

    def fail(work):
        raise torch.OutOfMemoryError("too large")

    monkeypatch.setattr(replay, "capture", fail)
    work = Replay(lambda image, target: (image.mean(),), optimizer.param_groups, torch.device("cpu"))
    with pytest.raises(torch.OutOfMemoryError):
        work(*make_batches((2,))[0])
    assert [dict(group) for group in optimizer.param_groups] == before


def test_without_an_nvidia_gpu_and_with_an_optimizer_that_is_not_fused_nothing_is_recorded():
    class Device:
        world_size = 1

        def __init__(self, kind, world_size=1):
            self.device, self.world_size = torch.device(kind), world_size

    weights = [nn.Parameter(torch.zeros(1))]
    fused, plain = OPTIMIZERS["AdamW"](weights), torch.optim.AdamW(weights)

    def work(image, target):
        return (image,)

    assert replaying(work, Device("cpu"), fused) is work
    assert replaying(work, Device("cuda", 2), fused) is work
    assert replaying(work, Device("cuda"), plain) is work


@pytest.mark.parametrize("name", [*LOSSES, "lovasz", "ce_3_dice"])
def test_no_loss_that_is_meant_for_use_makes_a_gpu_wait(name):
    """What asks for a number of the GPU cannot be recorded; a tensor without numbers refuses to answer."""
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
