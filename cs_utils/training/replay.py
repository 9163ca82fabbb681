"""Replaying: what a GPU is given to do for one batch is recorded as a CUDA graph, and replayed for the next ones.

A step of a small network is hundreds of kernels of a few microseconds, and Python needs longer to launch them than the
GPU to compute them. A replay is one launch, and computes the same up to rounding. Python itself runs only while the
recording is made: what it would do otherwise from batch to batch, in a loss, a hook or a forward pass, is frozen.
"""

import gc
import random
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from cs_utils.exceptions import CourseError

Work = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""What is done with a batch: takes image and target, gives some tensors."""
TRIES = 3
"""How many batches may make the processor wait, as the first of a process do, before recording is given up."""
GOES_ON = (2, 15)
"""From this PyTorch on a recording that has failed leaves nothing broken behind; 2.11 takes it for not over."""
READ_RATE = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
"""Optimizers that, where they are fused, read their learning rate on the GPU, so that it can change later."""


def replaying(work: Work, fabric: Fabric, optimizer: torch.optim.Optimizer | None = None) -> Work:
    """The same work, recorded where it can be: by one process on an NVIDIA GPU, with a fused optimizer of `READ_RATE`.

    Args:
        work: what is done with each batch, the same with all of them but for the learning rate.
        fabric: knows the device.
        optimizer: the one that the work steps, if it does.
    """
    groups = optimizer.param_groups if optimizer else []
    if fabric.device.type != "cuda" or torch.version.hip or fabric.world_size > 1:
        return work
    own = getattr(optimizer, "optimizer", optimizer)  # as Fabric wraps it; a class made of it may do something else
    if optimizer and not (type(own) in READ_RATE and all(group.get("fused") for group in groups)):
        return work
    return Replay(work, groups, fabric.device)


class Replay:
    """Does the first batch as usual, records the second, and replays that on it and all later ones of its kind.

    Done as usual is also what cannot be recorded, see `watch`; and batches of another shape or type; and steps in whose
    groups something else than the learning rate has changed.

    Args:
        work: as in `replaying`.
        groups: the optimizer's, whose learning rates may change from batch to batch.
        device: where the rates are read.
    """

    def __init__(self, work: Work, groups: list[dict[str, Any]], device: torch.device) -> None:
        self.work, self.groups = work, groups
        self.rates = [torch.zeros((), dtype=torch.float32, device=device) for _ in groups]
        self.tries = TRIES
        self.kind: list | None = None
        """Of the batches that can be recorded, or are."""
        self.replay: Callable[[], None] | None = None

    def __call__(self, image: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """Do the work on a batch: (N, 3, H, W), (N, H, W)."""
        kind = self._kind_of(image, target)
        if self.replay is None and kind != self.kind and self.tries:
            self.tries -= 1
            outputs, recordable = watch(self.work, image, target)
            self.kind = kind if recordable else None
            return outputs
        if self.replay is None and kind == self.kind:
            self._record(image, target)
        if self.replay is None or kind != self.kind:
            return self._do_as_usual(image, target)
        self.image.copy_(image)
        self.target.copy_(target)
        for group, rate in zip(self.groups, self.rates, strict=True):
            rate.fill_(group["lr"])
        self.replay()
        return tuple(output.clone() for output in self.outputs)  # the next replay fills them again

    def _kind_of(self, image: Tensor, target: Tensor) -> list:
        fixed = [{key: group[key] for key in group.keys() - {"params", "lr"}} for group in self.groups]
        return [image.shape, image.dtype, target.shape, target.dtype, fixed]

    def _do_as_usual(self, image: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        try:
            return on_side_stream(self.work, image, target)
        except torch.OutOfMemoryError:
            if self.replay is None:
                raise
        # The recording keeps the memory of a whole batch, which this one needs. No weight has changed yet; batch norm's
        # running mean and variance will have seen this batch twice.
        self.replay = self.outputs = None
        self._give_up()
        return on_side_stream(self.work, image, target)

    def _give_up(self) -> None:
        self.kind, self.tries = None, 0

    def _record(self, image: Tensor, target: Tensor) -> None:
        self.image, self.target = image.clone(), target.clone()
        before = [dict(group) for group in self.groups]
        for group, rate in zip(self.groups, self.rates, strict=True):
            group["lr"] = rate
            if "capturable" in group:
                group["capturable"] = True
            for weight in group["params"]:
                weight.grad = None  # the recording has gradients of its own
        try:
            self.replay, self.outputs = capture(lambda: self.work(self.image, self.target))
        except RuntimeError as error:  # out of memory is one, too, and leaves nothing broken in any PyTorch
            short = isinstance(error, torch.OutOfMemoryError)
            # What has spoiled a recording shows as another error, when it ends.
            cause = error if short else error.__context__ or error
            said = f"a step cannot be recorded and replayed ({str(cause).strip().partition(chr(10))[0]})"
            if not short and torch.__version__ < GOES_ON:
                raise CourseError(f"{said}: train with --no-replay, or with PyTorch 2.15 or later") from error
            self._give_up()
            warnings.warn(f"{said}, so it is slower", stacklevel=2)
        finally:
            for group, old in zip(self.groups, before, strict=True):
                group.update(old)


@cache
def side_stream() -> torch.cuda.Stream:
    """Another stream than the usual one, on which no recording can be made."""
    return torch.cuda.Stream()


def on_side_stream(work: Work, image: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    """Do the work on the stream of the recordings, which keeps memory for it already."""
    stream = side_stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        outputs = work(image, target)
    torch.cuda.current_stream().wait_stream(stream)
    return outputs


SPOILS = ("called a synchronizing CUDA operation", "AccumulateGrad node's stream does not match")
"""Words of PyTorch's warnings about what no recording can hold."""
_passed_on: set[tuple] = set()  # warnings, each of which would else come again in every epoch


def watch(work: Work, image: Tensor, target: Tensor) -> tuple[tuple[Tensor, ...], bool]:
    """Do the work on a batch as `on_side_stream`; tell whether it can be recorded.

    It cannot if it waits for the GPU, say to count what a mask leaves; or if it draws random numbers on the processor,
    which a replay would not draw again; or while somebody holds results of these weights from another stream.
    """
    mode, always, drawn = torch.cuda.get_sync_debug_mode(), torch.is_warn_always_enabled(), randomness()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        torch.set_warn_always(True)  # of another stream, PyTorch would speak once in a process
        try:
            outputs = on_side_stream(work, image, target)
        finally:
            torch.set_warn_always(always)
            torch.cuda.set_sync_debug_mode(mode)
    recordable = drawn == randomness()
    for warning in caught:
        if any(words in str(warning.message) for words in SPOILS):
            recordable = False
        elif "Synchronization debug mode" not in str(warning.message):
            said = (warning.category, warning.filename, warning.lineno)
            if said not in _passed_on:
                _passed_on.add(said)
                warnings.warn_explicit(warning.message, *said)
    return outputs, recordable


def randomness() -> list[Any]:
    """Where the processor's generators of random numbers stand."""
    numpy = np.random.get_state()
    return [random.getstate(), torch.get_rng_state().tolist(), numpy[1].tolist(), numpy[2]]


def capture(work: Callable[[], tuple[Tensor, ...]]) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
    """Record work, without doing it; give what does it once more, and the tensors that this fills.

    Raises:
        RuntimeError: the work does what no recording can hold, or there is too little memory.
    """
    graph, collects = torch.cuda.CUDAGraph(), gc.isenabled()
    gc.disable()  # an older recording that is thrown away in the middle of this one would spoil it
    try:
        # Other threads, such as the one that pins a loader's batches, may go on with theirs.
        with torch.cuda.graph(graph, stream=side_stream(), capture_error_mode="thread_local"):
            outputs = work()
    finally:
        if collects:
            gc.enable()
    return graph.replay, outputs
