import os
import subprocess
import sys

import pandas as pd
import pytest
import torch

from cs_utils.data.loaders import loaders
from cs_utils.losses.right import LOSSES
from cs_utils.models.zoo import build
from cs_utils.training.loop import HISTORY, LAST, fit, make_fabric, validate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several processes have been tried on Linux only")

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
TORCHRUN += ["--rdzv-endpoint=localhost:0"]
VALIDATE = """
import sys, torch
from pathlib import Path
from cs_utils.data.loaders import loaders
from cs_utils.losses.right import LOSSES
from cs_utils.models.zoo import build
from cs_utils.settings import Settings
from cs_utils.training.loop import make_fabric, validate

data, cache, out = map(Path, sys.argv[1:])
settings = Settings(data=data, cache=cache, image_size=(32, 64), width=4, batch_size=1, accelerator="cpu", seed=3)
fabric = make_fabric(settings)
_, val = loaders(settings)
val.sampler.shard(fabric.global_rank, fabric.world_size)
model = fabric.setup_module(build("unet", settings))
loss, matrix = validate(fabric, model, val, LOSSES["cross_entropy"])
torch.save({"loss": loss, "matrix": matrix, "images": len(val.sampler)}, out / f"{fabric.global_rank}.pt")
"""


def run(command):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def flags_of(settings, *names):
    height, width = settings.image_size
    return ["--image-size", str(height), str(width)] + [
        f"--{name.replace('_', '-')}={getattr(settings, name)}" for name in names
    ]


def test_two_processes_count_the_validation_matrix_of_one(settings, tmp_path):
    script = tmp_path / "validate.py"
    script.write_text(VALIDATE)
    run([*TORCHRUN, str(script), str(settings.data), str(settings.cache), str(tmp_path)])
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    alone = settings.replace(batch_size=1, seed=3, image_size=(32, 64), width=4)
    model, (_, val) = build("unet", alone), loaders(alone)
    loss, matrix = validate(make_fabric(alone), model, val, LOSSES["cross_entropy"])
    for part in parts:
        assert torch.equal(part["matrix"], matrix)
        assert part["loss"] == pytest.approx(loss, rel=1e-6)
    assert sum(part["images"] for part in parts) == len(val.dataset)
    assert all(part["images"] > 0 for part in parts)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_two_processes_train_as_one_does_on_batches_twice_as_large(settings, loss):
    """The photos' share of void differs, so a mean of the two processes' mean losses would be another number."""
    one = settings.replace(epochs=2, batch_size=2, loss=loss, run="one", patience=9)
    two = one.replace(batch_size=1, run="two")
    alone = fit(build("unet", one), *loaders(one), one)
    names = ("data", "cache", "runs", "run", "epochs", "batch_size", "width", "accelerator", "loss", "seed")
    printed = run([*TORCHRUN, "-m", "--", "cs_utils", "train", *flags_of(two, *names), "--patience=9"])
    together = pd.read_csv(two.run_folder / HISTORY)
    assert printed.count("iou_score") == 2, "one process writes, and the other is silent"
    assert together["train_loss"].tolist() == pytest.approx(alone.history["train_loss"].tolist(), rel=1e-4)
    assert together["val_loss"].tolist() == pytest.approx(alone.history["val_loss"].tolist(), rel=1e-2)
    states = [torch.load(chosen.run_folder / LAST, weights_only=True)["model"] for chosen in (one, two)]
    for name, tensor in states[0].items():
        if "running" in name:
            torch.testing.assert_close(states[1][name], tensor, rtol=1e-2, atol=1e-3)
    assert states[0].keys() == states[1].keys()
