"""Replaying: what a GPU is given to do for one batch is recorded as a CUDA graph, and replayed for the next ones.

A step of a small network is hundreds of kernels of a few microseconds, and Python needs longer to launch them than the
GPU to compute them. A replay is one launch, and computes the same up to rounding. Python itself runs only while the
recording is made: what it would do otherwise from batch to batch, in a loss, a hook or a forward pass, is frozen.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

Work = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""What is done with a batch: takes image and target, gives some tensors."""
TRIES = 3
"""So many batches may make the processor wait, as the very first of a process do, before no recording is tried."""
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
    if optimizer and not (isinstance(optimizer, READ_RATE) and all(group.get("fused") for group in groups)):
        return work
    return Replay(work, groups, fabric.device)


class Replay:
    """Does the first batch as usual, records the second, and replays that on it and all later ones of its kind.

    Done as usual is also what has to wait for the GPU, say to count what a mask leaves, for it cannot be recorded; and
    batches of another shape or type; and steps in whose groups something else than the learning rate has changed.

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
            outputs, waited = watch(self.work, image, target)
            self.kind = None if waited else kind
            return outputs
        if self.replay is None and kind == self.kind:
            self._record(image, target)
        if self.replay is None or kind != self.kind:
            return on_side_stream(self.work, image, target)
        self.image.copy_(image)
        self.target.copy_(target)
        for group, rate in zip(self.groups, self.rates, strict=True):
            rate.fill_(group["lr"])
        self.replay()
        return tuple(output.clone() for output in self.outputs)  # the next replay fills them again

    def _kind_of(self, image: Tensor, target: Tensor) -> list:
        fixed = [{key: group[key] for key in group.keys() - {"params", "lr"}} for group in self.groups]
        return [image.shape, image.dtype, target.shape, target.dtype, fixed]

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
        except RuntimeError as error:  # out of memory is one, too
            self.kind, self.tries = None, 0
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(f"a step cannot be recorded and replayed, so it is slower ({reason})", stacklevel=2)
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


_passed_on: set[tuple] = set()  # warnings, each of which would else come again in every epoch


def watch(work: Work, image: Tensor, target: Tensor) -> tuple[tuple[Tensor, ...], bool]:
    """Do the work on a batch as `on_side_stream`; tell whether it had to wait for the GPU."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            outputs = on_side_stream(work, image, target)
        finally:
            torch.cuda.set_sync_debug_mode(before)
    waited = False
    for warning in caught:
        if "called a synchronizing CUDA operation" in str(warning.message):
            waited = True
        elif "Synchronization debug mode" not in str(warning.message):
            said = (warning.category, warning.filename, warning.lineno)
            if said not in _passed_on:
                _passed_on.add(said)
                warnings.warn_explicit(warning.message, *said)
    return outputs, waited


def capture(work: Callable[[], tuple[Tensor, ...]]) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
    """Record work, without doing it; give what does it once more, and the tensors that this fills.

    Raises:
        RuntimeError: the work does what no recording can hold, or there is too little memory.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads, such as the one that pins a loader's batches, may go on with theirs.
    with torch.cuda.graph(graph, stream=side_stream(), capture_error_mode="thread_local"):
        outputs = work()
    return graph.replay, outputs
