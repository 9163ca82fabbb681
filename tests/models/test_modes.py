"""What makes training faster must not change what is computed: each pair is held together here."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from cs_utils.data.loaders import loaders
from cs_utils.losses.right import LOSSES
from cs_utils.models.modes import choose_memory_format, evaluating
from cs_utils.models.zoo import build
from cs_utils.training.devices import make_fabric
from cs_utils.training.loop import fit, train_epoch
from helpers import plain_loader


def plain_losses(settings):
    """The textbook loop: no cache, no Fabric, nothing chosen for speed."""
    train, model = plain_loader(settings, "train", settings.train_images), build(settings)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, foreach=False, fused=False
    )
    losses = []
    for epoch in range(1, settings.epochs + 1):
        train.dataset.set_epoch(epoch)
        batches = []
        for image, target in train:
            loss = F.cross_entropy(model(image), target, ignore_index=settings.void_value)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batches.append(loss.item())
        losses.append(sum(batches) / len(batches))
    return losses


@pytest.mark.parametrize("changes", [{"memory_format": "contiguous"}, {"memory_format": "channels_last"}, {}])
def test_the_fast_loop_has_the_losses_of_the_plain_one(settings, changes):
    chosen = settings.replace(epochs=3, patience=9, **changes)
    history = fit(build(chosen), *loaders(chosen), chosen).history
    assert history["train_loss"].tolist() == pytest.approx(plain_losses(chosen), rel=1e-4)


def test_a_compiled_network_has_them_too(settings, monkeypatch):
    """Graph and gradients go through torch.compile; no C++ compiler is needed, for the kernels stay PyTorch's."""
    compile_network, compiled = torch.compile, []

    def without_compiler(model, **options):
        compiled.append(model)
        return compile_network(model, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", without_compiler)
    chosen = settings.replace(epochs=2, patience=9, compile=True)
    model = build(chosen)
    history = fit(model, *loaders(chosen), chosen).history
    assert compiled[0] is model
    assert history["train_loss"].tolist() == pytest.approx(plain_losses(chosen), rel=1e-4)


def test_the_memory_format_is_the_one_asked_for(settings):
    for name, expected in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
        chosen = settings.replace(memory_format=name, epochs=1)
        model = build(chosen)
        fit(model, *loaders(chosen), chosen, overwrite=True)
        assert choose_memory_format(name, torch.device("cpu")) is expected
        assert model.encoder[0][0].weight.is_contiguous(memory_format=expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_step_asks_the_device_for_a_number(settings, loss, monkeypatch):
    """A GPU would have to finish its work to answer. Tensors on "meta" hold no numbers, so that asking is an error."""
    fabric, model = make_fabric(settings), build(settings).to("meta")
    monkeypatch.setattr(type(fabric), "device", torch.device("meta"))
    # After the last step the epoch's loss is asked for.
    monkeypatch.setattr(fabric, "all_reduce", lambda value, reduce_op: torch.ones_like(value, device="cpu"))
    optimizer = torch.optim.SGD(model.parameters())
    steps = []
    train, _ = loaders(settings)
    train_epoch(fabric, model, optimizer, train, LOSSES[loss], before_step=steps.append)
    assert steps == [0, 1, 2]


def test_evaluating_gives_every_module_its_own_mode_back(settings):
    """A frozen batch norm stays in evaluation mode while its network trains, and so it must after a validation."""
    model = build(settings).train()
    frozen = model.stem[1]
    assert isinstance(frozen, torch.nn.BatchNorm2d)
    frozen.eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert [module for module in model.modules() if not module.training] == [frozen]
    with pytest.raises(ZeroDivisionError), evaluating(model):
        raise ZeroDivisionError
    assert [module for module in model.modules() if not module.training] == [frozen]


MEGABYTES = """
import torch
from pathlib import Path
from cs_utils.models.modes import keeping_memory

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

def use_and_free():
    before = megabytes()
    torch.ones(2**24)  # 64 MB
    return megabytes() - before

use_and_free()
for wanted in (False, True, False):
    before = megabytes()
    with keeping_memory(wanted):
        inside = use_and_free()
    given_back = megabytes() - before < 20
    print(inside > 50, given_back, use_and_free() > 50)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
def test_memory_is_kept_only_while_it_is_wanted():
    """In a process of its own: a notebook's kernel must not keep its peak for ever."""
    done = subprocess.run([sys.executable, "-c", MEGABYTES], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False True False", "True True False", "False True False"]
