"""All that is to be measured on a GPU, by one command; each row is written as soon as it is measured.

``make gpu`` goes through the parts in order and begins none after its minutes are over, so that being cut off costs one
row. Tables and the description of the machine go to ``results/speed-gpu``; on a CPU ``--small`` tries all of it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
import tyro
from torch.utils.data import DataLoader
from tyro.conf import Positional

from benchmarks import limits
from benchmarks.step import course_step, find_device, make_batch, make_network, textbook_step
from benchmarks.turns import Action
from cs_utils.data.loaders import loaders, split_loader
from cs_utils.data.sources import make_minicity
from cs_utils.experiments.runs import describe_machine
from cs_utils.models.inspect import meta_model, multiply_adds
from cs_utils.models.zoo import build
from cs_utils.settings import ROOT, Settings
from cs_utils.training.loop import epochs, fit
from cs_utils.training.setup import prepare

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What there is time for."""

    out: Path
    deadline: float
    """On the clock of `time.monotonic`."""
    small: bool
    """Try everything at a size that a CPU does in seconds."""
    jobs: int
    camvid: Path

    @property
    def seconds_left(self) -> float:
        """Until no part may go on."""
        return self.deadline - time.monotonic()


def record(plan: Plan, table: str, rows: Iterator[Row]) -> None:
    """Write each row of a table as it comes, and stop when the time is over."""
    path = plan.out / f"{table}.csv"
    done: list[Row] = []
    for row in rows:
        done.append(row)
        pd.DataFrame(done).to_csv(path, index=False, float_format="%.5g")
        print(table, row, flush=True)
        if plan.seconds_left < 0:
            print(f"{table}: stopped, the time is over", flush=True)
            return


def graphed_step(width: int, size: tuple[int, int], batch: int) -> Action:
    """A step in bfloat16 that is recorded once as a CUDA graph and then replayed: one launch in place of hundreds."""
    device = find_device()
    model = make_network("U-Net", width).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-2, fused=True, capturable=True)
    pair = [tensor.pin_memory() for tensor in make_batch(size, batch)]
    image, target = pair[0].to(device, memory_format=torch.channels_last), pair[1].to(device)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            logits = model(image)
        loss = F.cross_entropy(logits.float(), target, ignore_index=255)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def act() -> None:
        image.copy_(pair[0], non_blocking=True)
        target.copy_(pair[1], non_blocking=True)
        graph.replay()

    return act


def tf32_step(width: int, size: tuple[int, int], batch: int) -> Action:
    """The textbook's loop with TF32 in its products."""
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    return textbook_step("U-Net", width, size, batch)


def float32_step(width: int, size: tuple[int, int], batch: int, name: str = "U-Net") -> Action:
    """The textbook's loop in true float32."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    return textbook_step(name, width, size, batch)


WAYS: dict[str, Callable[..., Action]] = {
    "float32 loop": float32_step,
    "TF32 loop": tf32_step,
    "course, TF32": lambda width, size, batch: course_step(width, {"memory_format": "contiguous"}, size, batch),
    "course, channels_last": lambda width, size, batch: course_step(
        width, {"memory_format": "channels_last"}, size, batch
    ),
    "course, bf16": lambda width, size, batch: course_step(
        width, {"precision": "bf16-mixed", "memory_format": "contiguous"}, size, batch
    ),
    "course, bf16, channels_last": lambda width, size, batch: course_step(
        width, {"precision": "bf16-mixed", "memory_format": "channels_last"}, size, batch
    ),
}
SLOW_TO_START: dict[str, Callable[..., Action]] = {
    "course, bf16, compiled": lambda width, size, batch: course_step(
        width, {"precision": "bf16-mixed", "memory_format": "channels_last", "compile": True}, size, batch
    ),
    "CUDA graph, bf16, channels_last": graphed_step,
}
"""Tried at one size only: they take long to start."""
OTHERS: dict[str, Callable[..., Action]] = {
    "smp U-Net, float32 loop": lambda width, size, batch: float32_step(width, size, batch, "smp U-Net"),
    "torchvision FCN, float32 loop": lambda width, size, batch: float32_step(width, size, batch, "torchvision FCN"),
}


def time_steps(plan: Plan) -> Iterator[Row]:
    """A row for each way to do a training step: seconds, memory, and the share of the card's measured matrix rate."""
    rates = limits.run(1 if plan.small else 3)
    (plan.out / "limits.json").write_text(json.dumps(rates.to_dict(), indent=1) + "\n", encoding="utf-8")
    first: dict[tuple, float] = {}
    for (size, batch, width), ways in step_cases(plan):
        for name, make in ways.items():
            torch.manual_seed(0)
            seconds, gigabytes = time_action(lambda make=make, case=(width, size, batch): make(*case))
            operations = 6 * multiply_adds(meta_model(Settings(width=width)), size) * batch  # forward and twice back
            rate = rates["bfloat16_tflops" if "bf16" in name else "tf32_tflops" if "TF32" in name else "float32_tflops"]
            textbook = first.setdefault((size, batch, width), seconds)
            row = {"way": name, "width": width, "size": f"{size[1]}x{size[0]}", "batch": batch, "seconds": seconds}
            row |= {"peak_gb": gigabytes, "ratio": textbook / seconds}
            if name not in OTHERS:
                row["share_of_matrix_rate"] = operations / seconds / 1e12 / rate
            yield row


def step_cases(plan: Plan) -> Iterator[tuple[tuple[tuple[int, int], int, int], dict[str, Callable[..., Action]]]]:
    """Size, batch and width, and the ways that are tried there; the talk's own come first."""
    if plan.small:
        yield ((32, 64), 2, 4), {name: WAYS[name] for name in ("float32 loop", "course, channels_last")}
        return
    yield ((256, 512), 4, 64), WAYS | SLOW_TO_START | OTHERS
    yield ((256, 512), 4, 16), WAYS | SLOW_TO_START
    for batch, width in product((16,), (64, 16)):
        yield ((256, 512), batch, width), WAYS
    for batch, width in product((4, 16), (64, 16)):
        yield ((512, 1024), batch, width), WAYS


def time_action(make: Callable[[], Action], rounds: int = 5) -> tuple[float, float]:
    """Median seconds of an action over some rounds, and the most memory of the GPU that it has needed, in GB."""
    on_gpu = find_device().type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    action, seconds = make(), []
    times = 10 if on_gpu else 1
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for _ in range(times):
            action()
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - start) / times)
    return statistics.median(seconds[1:]), torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan")


def talk_settings(plan: Plan, **changes: Any) -> Settings:
    """The talk's recipe on MiniCity; its scenes are drawn at the size that the network sees."""
    size, counts = ((32, 64), (16, 4)) if plan.small else ((256, 512), (2975, 500))
    folder = Path(tempfile.gettempdir()) / f"minicity-{size[1]}x{size[0]}"
    chosen = {"data": folder, "runs": plan.out / "runs", "scene_size": size, "image_size": size, "patience": 100}
    chosen |= {"train_images": counts[0], "val_images": counts[1], "workers": min(8, os.cpu_count() or 1)}
    chosen |= {"width": 4, "epochs": 2} if plan.small else {}
    return Settings.of_profile("slides", **{**chosen, **changes})


def make_scenes(settings: Settings) -> None:
    """Make the scenes that a run needs, in its own folder."""
    make_minicity(settings.data, settings.train_images, settings.val_images, settings.scene_size)


def time_loading(plan: Plan) -> Iterator[Row]:
    """Images a second that the loader gives, by its processes; what a step needs stands in the other table."""
    settings = talk_settings(plan)
    make_scenes(settings)
    for workers in (0, 2) if plan.small else (0, 1, 2, 4, 8, 16):
        loader = split_loader(settings.replace(workers=workers), "train", settings.train_images)
        batches = iter(loader)
        next(batches)
        start, images = time.perf_counter(), 0
        for image, _ in batches:
            images += len(image)
            if time.perf_counter() - start > 5:
                break
        yield {"workers": workers, "images_per_second": images / (time.perf_counter() - start)}


def time_recipe(plan: Plan) -> Iterator[Row]:
    """Epochs of the talk's recipe as they are done, with what 100 of them take; then with a larger batch."""
    for batch, rate in ((4, None), (16, 2.0)):
        settings = talk_settings(plan, batch_size=batch)
        if rate:
            settings = settings.replace(learning_rate=settings.learning_rate * rate)  # the root of four times the batch
        make_scenes(settings)
        share = plan.seconds_left / (3 if batch == 4 else 2)
        start = time.monotonic()
        for row in epochs(prepare(build(settings), *loaders(settings), settings)):
            hundred = row["seconds"] * 100 / 60
            yield {"batch": batch, "learning_rate": settings.learning_rate, "minutes_for_100_epochs": hundred} | row
            if time.monotonic() - start > share:
                break


def check_results(plan: Plan) -> Iterator[Row]:
    """Whether what is fast is also right: each with a number and the most that it may be."""
    for precision, limit in (("32-true", 1e-3), ("bf16-mixed", 5e-2)):
        losses = [some_losses(kind, chosen) for kind, chosen in (("cpu", "32-true"), ("auto", precision))]
        worst = max(abs(a - b) / a for a, b in zip(*losses, strict=True))
        yield verdict(f"five losses in {precision} against float32 on the CPU, relative", worst, limit)
    yield verdict("a resumed run against an uninterrupted one, greatest difference of a weight", resume(plan), 1e-2)
    start = time.monotonic()
    codes = [process.wait() for process in [start_training(plan, name) for name in ("one", "two")]]
    yield verdict(f"two trainings share the card, {time.monotonic() - start:.0f} s: failures", sum(map(bool, codes)), 0)
    settings = Settings.of_profile("tiny", data=Path(tempfile.gettempdir()) / "minicity-tiny")
    make_scenes(settings)
    command = [sys.executable, "-m", "cs_utils", "evaluate", "--official", "--data", str(settings.data)]
    yield verdict("scores that differ from the official evaluator's", subprocess.run(command, cwd=ROOT).returncode, 0)  # noqa: S603


def verdict(what: str, value: float, limit: float) -> Row:
    """A row of `check_results`."""
    return {"what": what, "value": value, "limit": limit, "holds": value <= limit}


def some_losses(accelerator: str, precision: str) -> list[float]:
    """The losses of five steps from the same start on the same batch."""
    settings = Settings(accelerator=accelerator, precision=precision, width=16, image_size=(64, 128))
    batch = make_batch(settings.image_size, 4)
    torch.manual_seed(0)
    loader = DataLoader(list(zip(*batch, strict=True)), batch_size=4)
    training = prepare(build(settings), loader, loader, settings)
    losses = []
    for _ in range(5):
        image, target = training.fabric.to_device(batch)
        loss = training.loss(training.trained(image), target)
        training.optimizer.zero_grad()
        training.fabric.backward(loss)
        training.optimizer.step()
        losses.append(loss.item())
    return losses


def resume(plan: Plan) -> float:
    """The greatest difference between the weights of a run of two epochs and one that stopped after the first."""
    changes = {"data": Path(tempfile.gettempdir()) / "minicity-tiny", "runs": plan.out / "runs", "epochs": 2}
    networks = []
    for run, stops in (("whole", False), ("stopped", True)):
        settings = Settings.of_profile("tiny", run=run, **changes)
        make_scenes(settings)
        torch.manual_seed(0)
        networks.append(build(settings))
        ends = [lambda training: len(training.rows) == 1] if stops else []
        fit(networks[-1], *loaders(settings), settings, callbacks=ends, overwrite=True)
        if stops:
            fit(networks[-1], *loaders(settings), settings, resume=True)
    pairs = zip(*(network.state_dict().values() for network in networks), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs if a.is_floating_point())


def start_training(plan: Plan, run: str) -> subprocess.Popen:
    """Start a training of its own."""
    words = ["train", "--profile", "tiny", "--run", run, "--overwrite", "--runs", str(plan.out / "runs")]
    words += ["--data", str(Path(tempfile.gettempdir()) / "minicity-tiny"), "--epochs", "2"]
    return subprocess.Popen([sys.executable, "-m", "cs_utils", *words], cwd=ROOT)  # noqa: S603 our own words


def run_evidence(plan: Plan) -> None:
    """Do what there is time for of the runs behind the verdicts; results/ holds their rows."""
    minutes = max(0.2, plan.seconds_left / 60)
    words = ["experiment", "--all", "--jobs", str(plan.jobs), "--minutes", f"{minutes:.1f}"]
    words += ["--budget", "small"] if plan.small else []
    call(plan, *words)


def train_best(plan: Plan) -> None:
    """The recipe `best` on MiniCity, then on CamVid's photos if they are there; scores go to ``scores.csv``."""
    folder = Path(tempfile.gettempdir()) / "minicity-best"
    size = ["--scene-size", "32", "64"] if plan.small else ["--scene-size", "256", "512"]
    count = ["--train-images", "8" if plan.small else "3000", "--val-images", "4" if plan.small else "200"]
    call(plan, "data", "minicity", "--data", str(folder), *size, *count)
    common = ["--recipe", "best", "--overwrite", "--class-weights", "inverse_log", "--runs", str(plan.out / "runs")]
    common += ["--epochs", "2", "--warmup", "0"] if plan.small else ["--epochs", "60", "--precision", "bf16-mixed"]
    seen = (
        ["--image-size", "32", "64", "--width", "4"] if plan.small else ["--image-size", "256", "512", "--width", "64"]
    )
    call(plan, "train", *common, *seen, *size, *count, "--data", str(folder), "--run", "best-minicity")
    score(plan, "best-minicity")
    if plan.camvid.exists():
        photos = ["--train-images", "8", "--val-images", "4"] if plan.small else []
        start = ["--start", str(plan.out / "runs/best-minicity/best.safetensors"), "--data", str(plan.camvid)]
        seen[1:3] = ["24", "32"] if plan.small else ["360", "480"]
        call(plan, "train", *common, *seen, *photos, *start, "--run", "best-camvid", "--batch-size", "8")
        score(plan, "best-camvid")


def score(plan: Plan, run: str) -> None:
    """Score a run's weights on CamVid val."""
    if plan.camvid.exists():
        words = ["--weights", str(plan.out / "runs" / run), "--data", str(plan.camvid), "--record"]
        call(plan, "evaluate", *words, str(plan.out / "scores.csv"), "--name", run)


def call(plan: Plan, *words: str) -> None:
    """Call the course's command line, for as long as there is time."""
    try:
        command = [sys.executable, "-m", "cs_utils", *words]
        subprocess.run(command, cwd=ROOT, check=True, timeout=max(5, plan.seconds_left))  # noqa: S603 our own words
    except subprocess.TimeoutExpired:
        print(f"{words[0]}: stopped, the time is over", flush=True)


PARTS: dict[str, Callable[[Plan], None]] = {
    "correctness": lambda plan: record(plan, "correctness", check_results(plan)),
    "step": lambda plan: record(plan, "step", time_steps(plan)),
    "loading": lambda plan: record(plan, "loading", time_loading(plan)),
    "recipe": lambda plan: record(plan, "recipe", time_recipe(plan)),
    "best": train_best,
    "evidence": run_evidence,
}


def main(
    parts: Positional[tuple[str, ...]] = tuple(PARTS),
    minutes: float = 9.0,
    small: bool = False,
    jobs: int = 16,
    out: Path = ROOT / "results" / "speed-gpu",
    camvid: Path = ROOT / "data" / "camvid",
) -> int:
    """Measure on a GPU.

    Args:
        parts: correctness, step, loading, recipe, best, evidence; none: all, in this order.
        minutes: after so many none is begun.
        small: try everything at a small size.
        jobs: processes side by side for the evidence.
        out: folder for tables and runs.
        camvid: CamVid in the Cityscapes layout; what needs it is left out where it is not.
    """
    plan = Plan(out.resolve(), time.monotonic() + 60 * minutes, small, jobs, camvid.resolve())
    plan.out.mkdir(parents=True, exist_ok=True)
    (plan.out / "machine.json").write_text(json.dumps(describe_machine(), indent=1) + "\n", encoding="utf-8")
    for name in parts:
        if name not in PARTS:
            print(f"error: part {name!r} is unknown: give some of {', '.join(PARTS)}", file=sys.stderr)
            return 2
    for name in parts:
        if plan.seconds_left > 0:
            start = time.monotonic()
            PARTS[name](plan)
            print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main, prog="python -m benchmarks.gpu"))
