"""How fast: a training step, a prediction, and the single pieces of a step, by the ways to do them."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import pandas as pd
import torch

from benchmarks import limits, losses, metric
from benchmarks.gpu.clock import measure
from benchmarks.gpu.plan import Plan, Row, known_rows, record
from benchmarks.step import course_prediction, course_step, textbook_prediction, textbook_step
from benchmarks.turns import Action
from cs_utils.models.inspect import meta_model, multiply_adds
from cs_utils.settings import Settings

Size = tuple[int, int]
"""Height and width."""
Unit = Literal["float32", "tf32", "bfloat16"]


@dataclass(frozen=True)
class Way:
    """A way to do a step or a prediction."""

    make: Callable[[int, Size, int], Action]
    """Prepares it for a width, a size and a batch."""
    unit: Unit
    """What its products are computed in. PyTorch's own choice is TF32 in convolutions."""
    network: str = "U-Net"
    search: bool = False
    """Whether cuDNN tries all its kernels first and keeps the fastest."""


@dataclass(frozen=True)
class Ways:
    """All ways to do one thing."""

    all: Mapping[str, Way]
    """Tried at the talk's own size; the first is what others are compared with."""
    main: tuple[str, ...]
    """Tried at every size."""
    few_launches: Mapping[str, Way]
    """Those that spare the processor's time; they take long to start, or need a GPU."""
    operations: int
    """For each multiplication of a prediction with its addition."""


def use(unit: Unit) -> None:
    """Let products of float32 be computed in TF32, or not."""
    torch.set_float32_matmul_precision("highest" if unit == "float32" else "high")
    torch.backends.cudnn.allow_tf32 = unit != "float32"


def _textbook(make: Callable[..., Action], name: str = "U-Net") -> Callable[[int, Size, int], Action]:
    return lambda width, size, batch: make(name, width, size, batch)


def _course(make: Callable[..., Action], replayed: bool = False, **changes: Any) -> Callable[[int, Size, int], Action]:
    def prepare(width: int, size: Size, batch: int) -> Action:
        if changes.get("compile"):
            torch.compiler.reset()  # or what another network of the same class was compiled to is looked at first
        return make(width, changes, size, batch, replayed)

    return prepare


Case = tuple[Size, int, int, str, Way]
"""Size, batch, width, and a way with its name."""
FAST = {"precision": "bf16-mixed", "memory_format": "channels_last"}


def _ways(textbook: Callable[..., Action], course: Callable[..., Action], operations: int) -> Ways:
    ways = {
        "float32 loop": Way(_textbook(textbook), "float32"),
        "TF32 loop": Way(_textbook(textbook), "tf32"),
        "course, TF32": Way(_course(course, memory_format="contiguous"), "tf32"),
        "course, TF32, channels_last": Way(_course(course, memory_format="channels_last"), "tf32"),
        "course, bf16": Way(_course(course, **FAST | {"memory_format": "contiguous"}), "bfloat16"),
        "course, bf16, channels_last": Way(_course(course, **FAST), "bfloat16"),
    }
    ways["course, bf16, channels_last, kernels searched"] = Way(_course(course, **FAST), "bfloat16", search=True)
    others = {f"{name}, TF32 loop": Way(_textbook(textbook, name), "tf32", name) for name in OTHERS}
    few_launches = {
        "course, bf16, channels_last, replayed": Way(_course(course, replayed=True, **FAST), "bfloat16"),
        "course, bf16, channels_last, compiled": Way(_course(course, **FAST, compile=True), "bfloat16"),
    }
    return Ways(ways | others, ("float32 loop", "TF32 loop", "course, bf16, channels_last"), few_launches, operations)


OTHERS = ("smp U-Net", "torchvision FCN")
STEPS = _ways(textbook_step, course_step, 6)  # forward, and twice that backward
PREDICTIONS = _ways(textbook_prediction, course_prediction, 2)


@functools.cache
def machine_limits(rounds: int) -> pd.Series:
    """What the machine itself can do, measured once."""
    return limits.run(rounds)


def time_ways(plan: Plan, table: str, ways: Ways) -> Iterator[Row]:
    """A row for each: seconds, memory, how many times as fast as the first way, share of the measured matrix rate.

    Rows that an earlier call has left in the table are given as they are.
    """
    known = known_rows(plan, table)
    yield from _time_cases(plan, ways.operations, cases(plan, ways), known)


def time_few_launches(plan: Plan) -> Iterator[Row]:
    """Steps and predictions that are replayed or compiled, beside those whose kernels are launched one by one.

    Small networks on few pixels wait for the processor, which launches each kernel. The evidence has the last sizes.
    """
    known = known_rows(plan, "launches")
    sizes = (((256, 512), 64, 4), ((256, 512), 16, 4), ((128, 256), 16, 4), ((64, 128), 16, 4))
    if plan.small:
        sizes = (((32, 64), 4, 2),)
    for what, ways in (("step", STEPS), ("prediction", PREDICTIONS)):
        tried = {name: ways.all[name] for name in ways.main} | ways.few_launches
        if plan.small:  # compilers take long to start
            tried = {name: way for name, way in tried.items() if "compiled" not in name}
        todo = [(size, batch, width, name, way) for size, width, batch in sizes for name, way in tried.items()]
        todo.sort(key=lambda case: "compiled" in case[3])  # what takes long comes last
        ours = {key[1:]: row for key, row in known.items() if key[0] == what}
        for row in _time_cases(plan, ways.operations, todo, ours):
            yield {"what": what} | row


def _time_cases(plan: Plan, operations: int, todo: Iterable[Case], known: dict[tuple, Row]) -> Iterator[Row]:
    rates = machine_limits(1 if plan.small else 3)
    record(plan, "limits", iter([rates.to_dict()]))
    first: dict[tuple, float] = {}
    try:
        for size, batch, width, name, way in todo:
            shown = f"{size[1]}x{size[0]}"
            if row := known.get((name, width, shown, batch)):
                if "seconds" in row:
                    first.setdefault((size, batch, width), row["seconds"])
                yield row
                continue
            use(way.unit)
            torch.backends.cudnn.benchmark = way.search
            torch.manual_seed(0)
            measured = measure(lambda way=way, case=(width, size, batch): way.make(*case), 1 if plan.small else 5)
            row = {"way": name, "width": width, "size": shown, "batch": batch} | measured
            if seconds := measured.get("seconds"):
                row["ratio"] = first.setdefault((size, batch, width), seconds) / seconds
                rate = rates.get(f"{way.unit}_tflops")
                if way.network == "U-Net" and rate:
                    products = multiply_adds(meta_model(Settings(width=width)), size) * batch
                    row["share_of_matrix_rate"] = operations * products / seconds / 1e12 / rate
            yield row
    finally:  # also where the time is over and no further row is asked for
        use("tf32")
        torch.backends.cudnn.benchmark = False


def cases(plan: Plan, ways: Ways) -> Iterator[Case]:
    """The talk's own come first."""
    if plan.small:
        for name, way in ways.all.items():
            yield (32, 64), 2, 4, name, way
        return
    talk, large = (256, 512), (512, 1024)
    for width in (64, 16):
        for name, way in ways.all.items():
            if way.network == "U-Net" or width == 64:  # the others have one width
                yield talk, 4, width, name, way
    for (size, batch), width in product(((talk, 16), (large, 4), (large, 16)), (64, 16)):
        for name in ways.main:
            yield size, batch, width, name, ways.all[name]


def time_pieces(plan: Plan) -> Iterator[Row]:
    """The confusion matrix, and losses forward and backward; ``ratio`` is to what a user would otherwise pick."""
    pieces = {
        f"confusion matrix, {size}: {who}": functools.partial(metric.prepare, who, shape)
        for size, shape in metric.SHAPES.items()
        for who in ("torchmetrics", "cs_utils")
    }
    pieces |= {name: functools.partial(losses.prepare, name, False) for name in losses.LOSSES}
    first: dict[str, float] = {}
    for name, make in pieces.items():
        measured = measure(make, 1 if plan.small else 5)
        if seconds := measured.get("seconds"):
            kind = name.partition(":")[0].removesuffix(" of softmax")
            measured["ratio"] = first.setdefault(kind, seconds) / seconds
        yield {"piece": name} | measured
