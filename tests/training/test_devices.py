"""Several processes: the parts that would run on several GPUs are tried here in two processes of a CPU."""

import copy
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset, default_collate, get_worker_info

from cs_utils.data.loaders import StreetScenes, loaders
from cs_utils.data.transforms import Augmentation
from cs_utils.exceptions import CourseError
from cs_utils.labels import VOID
from cs_utils.losses.right import LOSSES
from cs_utils.models.zoo import build
from cs_utils.settings import ROOT, Settings
from cs_utils.training import devices
from cs_utils.training.devices import batches_on, make_fabric, share_out
from cs_utils.training.loop import train_epoch, validate
from helpers import SERVER, SOAK

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
TORCHRUN += ["--rdzv-endpoint=localhost:0"]
SETTINGS = {"image_size": (32, 64), "width": 4, "accelerator": "cpu", "seed": 3}


def compute(data: Path, cache: Path, out: Path) -> None:
    """What each process does: ``RANK.pt`` in ``out`` holds what it has found."""
    fabric = Fabric(accelerator="cpu", devices=2)
    fabric.launch()
    settings = Settings(data=data, cache=cache, batch_size=1, image_size=(32, 64), width=4, accelerator="cpu", seed=3)
    train, val = loaders(settings)
    train, val = share_out(fabric, train, is_train=True), share_out(fabric, val, is_train=False)

    model = build(settings)
    val_loss, matrix = validate(fabric, model, val, LOSSES["cross_entropy"])
    results = {"val_loss": val_loss, "matrix": matrix, "images": len(val.sampler)}

    for loss in ("cross_entropy", "focal"):
        torch.manual_seed(0)
        small = nn.Conv2d(3, 19, 3, padding=1)  # without batch norm, which on GPUs is nn.SyncBatchNorm
        trained, optimizer = fabric.setup(small, torch.optim.SGD(small.parameters(), 0.1))
        results[loss] = train_epoch(fabric, trained, optimizer, train, LOSSES[loss])
        results[loss, "weight"] = small.weight.detach().clone()

    foreign = DataLoader(TensorDataset(torch.arange(5)), batch_size=1)
    results["foreign"] = [batch.item() for (batch,) in share_out(fabric, foreign, is_train=True)]

    original, bad = train.dataset.transform, list(train.sampler)[1]  # of the second batch

    def cover(image, mask, rng):
        image, target = original(image, mask, rng)
        mine = fabric.global_rank == 1 and rng.bit_generator.seed_seq.entropy[-1] == bad
        return image, torch.full_like(target, VOID) if mine else target

    train.dataset.transform = cover
    results["one is void"] = train_epoch(fabric, trained, optimizer, train, LOSSES["cross_entropy"])

    def spoil(image, mask, rng):
        image, target = original(image, mask, rng)
        mine = fabric.global_rank == 1 and rng.bit_generator.seed_seq.entropy[-1] == bad
        return image * (torch.inf if mine else 1), target

    train.dataset.transform = spoil
    try:
        train_epoch(fabric, trained, optimizer, train, LOSSES["cross_entropy"])
    except CourseError as error:
        results["fault"] = str(error)
    results["bad"] = train.dataset.frames[bad].image.name
    torch.save(results, out / f"{fabric.global_rank}.pt")


def compute_as(rank: int, port: int, *folders: Path) -> None:
    """Compute as one of two processes, with the variables that torchrun sets."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "tests"}
    torch.set_num_threads(1)
    compute(*folders)


@pytest.fixture
def two(settings, tmp_path):
    """What each of two processes has computed, each with its share of the images, one image in a batch."""
    folders = (settings.data, settings.cache, tmp_path)
    if SOAK:
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parents[1])]),
        }
        done = subprocess.run([*TORCHRUN, __file__, *map(str, folders)], timeout=200, env=environment)
        assert done.returncode == 0
    else:
        with socket.create_server(("localhost", 0)) as free:
            port = free.getsockname()[1]
        processes = [SERVER.Process(target=compute_as, args=(rank, port, *folders)) for rank in (0, 1)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(200)
            process.kill()  # or pytest would wait for ever for one that waits for the other
        assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.mark.skipif(sys.platform != "linux", reason="several processes have been tried on Linux only")
def test_two_processes_compute_what_one_does_on_batches_twice_as_large(settings, two):
    """The photos' share of void differs, so a mean of the two processes' mean losses would be another number."""
    alone = settings.replace(batch_size=2, **SETTINGS)
    fabric, (train, val) = make_fabric(alone), loaders(alone)
    val_loss, matrix = validate(fabric, build(alone), val, LOSSES["cross_entropy"])
    for rank, part in enumerate(two):
        assert torch.equal(part["matrix"], matrix)
        assert part["val_loss"] == pytest.approx(val_loss, rel=1e-5)
        assert part["images"] == 1
        for loss in ("cross_entropy", "focal"):
            torch.manual_seed(0)
            small = nn.Conv2d(3, 19, 3, padding=1)
            trained, optimizer = fabric.setup(small, torch.optim.SGD(small.parameters(), 0.1))
            assert part[loss] == pytest.approx(train_epoch(fabric, trained, optimizer, train, LOSSES[loss]), rel=1e-5)
            torch.testing.assert_close(part[loss, "weight"], small.weight.detach(), rtol=1e-4, atol=1e-6)
        # A batch without a pixel that counts, in one process only, is a step of both.
        assert part["one is void"] == pytest.approx(two[0]["one is void"])
        # Five items are shared out as three each, one of them twice, in an order that Fabric's sampler chooses.
        assert len(part["foreign"]) == 3
        # Both end with the same message, and it names the photo of the process that has it.
        assert f"from batch 2 of 3 on, in epoch 0 with seed 3 ({two[1]['bad']})" in part["fault"], rank
    assert {*two[0]["foreign"], *two[1]["foreign"]} == set(range(5))


def test_several_processes_on_a_cpu_are_refused(settings, monkeypatch):
    with pytest.raises(CourseError, match="devices=2 is for GPUs"):
        make_fabric(settings.replace(devices=2))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")  # as torchrun says it
    with pytest.raises(CourseError, match="devices=3 is for GPUs"):
        make_fabric(settings)


class Stripes(Augmentation):
    """A pipeline of the reader's, which does one more thing at the end."""

    def __call__(self, image, mask, rng):
        image, target = super().__call__(image, mask, rng)
        image[:, :, ::2] = 0
        return image, target


class Halves(StreetScenes):
    """A data set of the reader's."""

    def __getitem__(self, index):
        image, target = super().__getitem__(index)
        image[:, :16] = 0
        return image, target


class Mirrors(Subset):
    """A part of a data set, with a transform of the reader's, as many write it."""

    def __getitem__(self, index):
        image, target = super().__getitem__(index)
        return image.flip(-1), target.flip(-1)

    __getitems__ = None


class Noisy(DataLoader):
    """A loader of the reader's, which changes whole batches, as mixing two of them does."""

    def __iter__(self):
        for image, target in super().__iter__():
            yield image + 1, target


def without_rotation(number):
    """What a reader's loader processes do first."""
    get_worker_info().dataset.transform = Stripes((32, 64))


def turn_around(items):
    images, targets = default_collate(items)
    return images.flip(-2), targets.flip(-2)


class PretendGpu:
    """Says that it is a GPU, leaves all where it is, and remembers what was sent to it."""

    device = torch.device("cuda")

    def __init__(self):
        self.sent = []

    def to_device(self, batch):
        self.sent += [(tensor.dtype, tensor.nbytes) for tensor in batch]
        return batch


@pytest.mark.parametrize("part", [False, True])
def test_a_gpu_gets_a_fifth_of_the_bytes_and_makes_the_same_batches_of_them(settings, part):
    train, _ = loaders(settings)
    if part:
        train = DataLoader(Subset(train.dataset, [3, 1, 4]), batch_size=2)
    expected, gpu = list(train), PretendGpu()
    with batches_on(gpu, train) as batches:
        found = list(batches)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    assert {dtype for dtype, _ in gpu.sent} == {torch.uint8}
    assert 5 * sum(size for _, size in gpu.sent) == sum(tensor.nbytes for batch in expected for tensor in batch)
    assert torch.equal(next(iter(train))[0], expected[0][0])


def test_what_goes_to_a_cpu_is_sent_as_it_is(settings):
    train, _ = loaders(settings)
    with batches_on(make_fabric(settings), train) as batches:
        assert next(iter(batches))[0].dtype == torch.float32
        assert train.dataset[0][0].dtype == torch.float32


OF_OTHERS = {
    "a function": lambda data: DataLoader(StreetScenes(data.frames, lambda *item: data.transform(*item)), batch_size=2),
    "a pipeline": lambda data: DataLoader(StreetScenes(data.frames, Stripes((32, 64))), batch_size=2),
    "a data set": lambda data: DataLoader(Halves(data.frames, data.transform), batch_size=2),
    "a part": lambda data: DataLoader(Mirrors(data, [3, 1, 4]), batch_size=2),
    "several": lambda data: DataLoader(data + data, batch_size=2),
    "a loader": lambda data: Noisy(data, batch_size=2),
    "a start of processes": lambda data: DataLoader(data, batch_size=2, num_workers=1, worker_init_fn=without_rotation),
    "a collate function": lambda data: DataLoader(data, batch_size=2, collate_fn=turn_around),
    "tensors": lambda data: DataLoader([(torch.zeros(3, 8, 8), torch.zeros(8, 8).long())] * 4, batch_size=2),
}
"""Loaders in which something of the reader's own is between the course's data set and the batches."""


@pytest.mark.parametrize("kind", OF_OTHERS)
def test_what_a_reader_has_put_between_gets_and_gives_the_same_on_a_gpu(settings, kind):
    loader, gpu = OF_OTHERS[kind](loaders(settings)[0].dataset), PretendGpu()
    expected = list(loader)
    with batches_on(gpu, loader) as batches:
        found = list(batches)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    assert {dtype for dtype, _ in gpu.sent} == {torch.float32, torch.int64}


def test_a_copy_of_a_data_set_tells_its_loader_processes_too(settings):
    """They live on, and see what changes later only in memory that they share."""
    data = copy.deepcopy(loaders(settings)[0].dataset)
    loader = DataLoader(data, batch_size=2, num_workers=1, persistent_workers=True)
    first, gpu = next(iter(loader))[0], PretendGpu()
    data.set_epoch(1)
    with batches_on(gpu, loader) as batches:
        second = next(iter(batches))[0]
    assert {dtype for dtype, _ in gpu.sent} == {torch.uint8}
    assert not torch.equal(first, second)
    assert torch.equal(next(iter(loader))[0], second)


def test_a_look_at_other_batches_in_the_middle_leaves_an_epoch_as_it_is(settings):
    data, gpu = loaders(settings)[0].dataset, PretendGpu()
    parts = [DataLoader(Subset(data, part), batch_size=2) for part in ([0, 1, 2], [3, 4])]
    with batches_on(gpu, parts[0]) as batches:
        for _ in batches:
            with batches_on(gpu, parts[1]) as others:
                assert len(list(others)) == 1
    assert {dtype for dtype, _ in gpu.sent} == {torch.uint8}


@pytest.mark.parametrize("gpu", [False, True])
def test_an_error_in_the_middle_leaves_the_loader_as_it_was_and_ends_its_processes(settings, gpu):
    train, _ = loaders(settings)
    loader = DataLoader(train.dataset, batch_size=2, num_workers=1)
    before = len(multiprocessing.active_children())
    fabric = PretendGpu() if gpu else make_fabric(settings)
    with pytest.raises(CourseError, match="stop") as error, batches_on(fabric, loader) as batches:
        for _ in batches:
            raise CourseError("stop")
    assert error.tb  # which keeps all that was there
    assert list(batches) == []
    assert len(multiprocessing.active_children()) == before
    assert next(iter(train))[0].dtype == torch.float32


@pytest.mark.parametrize("workers", [0, 2])
def test_training_and_validating_with_raw_batches_gives_the_same_numbers(settings, monkeypatch, workers):
    settings = settings.replace(workers=workers, **SETTINGS)
    fabric, found = make_fabric(settings), []
    for raw in (False, True):
        monkeypatch.setattr(devices, "sends_raw", lambda fabric, loader, raw=raw: raw)
        train, val = loaders(settings)
        model, optimizer = fabric.setup(build(settings), torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.0))
        losses = [train_epoch(fabric, model, optimizer, train, LOSSES["cross_entropy"]) for _ in range(2)]
        found.append((losses, *validate(fabric, model, val, LOSSES["cross_entropy"])))
    assert found[0][0] == found[1][0]
    assert found[0][1] == found[1][1]
    assert torch.equal(found[0][2], found[1][2])


def test_a_loader_of_another_kind_stays_as_it_is_in_one_process(settings):
    loader = DataLoader(TensorDataset(torch.arange(4)), batch_size=2)
    assert share_out(make_fabric(settings), loader, is_train=True) is loader


if __name__ == "__main__":
    compute(*map(Path, sys.argv[1:4]))
