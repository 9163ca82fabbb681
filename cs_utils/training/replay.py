"""Replaying: what a GPU is given to do for one batch is recorded as a CUDA graph, and replayed for the next ones.

A step of a small network is hundreds of kernels of a few microseconds, and Python needs longer to launch them than the
GPU to compute them. A replay is one launch, and computes the same.
"""

import warnings
from collections.abc import Callable
from functools import cache

import torch
from lightning_fabric import Fabric
from torch import Tensor

Work = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""What is done with a batch: takes image and target, gives some tensors."""
TRIES = 3
"""So many batches may make the processor wait, as the very first of a process do, before no recording is tried."""


def replaying(work: Work, fabric: Fabric, optimizer: torch.optim.Optimizer | None = None) -> Work:
    """The same work, recorded where it can be: by one process on an NVIDIA GPU, with a fused optimizer.

    Only fused optimizers read their learning rate on the GPU, where it can change after the recording.

    Args:
        work: what is done with each batch; it must do the same with all of them, but for the learning rate.
        fabric: knows the device.
        optimizer: the one that the work steps, if it does.
    """
    groups = optimizer.param_groups if optimizer else []
    if fabric.device.type != "cuda" or fabric.world_size > 1 or not all(group.get("fused") for group in groups):
        return work
    return Replay(work, groups, fabric.device)


class Replay:
    """Does the first batch as usual, records what it did, and replays that on all later ones of this shape.

    Work that has to wait for the GPU, say to count what a mask leaves, cannot be recorded, and is always done as usual.

    Args:
        work: as in `replaying`.
        groups: the optimizer's, whose learning rates may change from batch to batch.
        device: where the rates are read.
    """

    def __init__(self, work: Work, groups: list[dict], device: torch.device) -> None:
        self.work, self.groups = work, groups
        self.rates = [torch.zeros((), device=device) for _ in groups]
        self.tries = TRIES
        self.replay: Callable[[], None] | None = None

    def __call__(self, image: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """Do the work on a batch: (N, 3, H, W), (N, H, W)."""
        if self.replay is None and self.tries:
            self.tries -= 1
            outputs, waited = watch(self.work, image, target)
            if not waited:
                self._record(image, target)
            return outputs
        if self.replay is None or image.shape != self.image.shape:
            return self.work(image, target)
        self.image.copy_(image)
        self.target.copy_(target)
        for group, rate in zip(self.groups, self.rates, strict=True):
            rate.fill_(group["lr"])
        self.replay()
        return tuple(output.clone() for output in self.outputs)  # the next replay fills them again

    def _record(self, image: Tensor, target: Tensor) -> None:
        self.image, self.target = image.clone(), target.clone()
        before = [dict(group) for group in self.groups]
        for group, rate in zip(self.groups, self.rates, strict=True):
            group["lr"] = rate
            if "capturable" in group:
                group["capturable"] = True
        try:
            self.replay, self.outputs = capture(lambda: self.work(self.image, self.target))
        finally:
            for group, old in zip(self.groups, before, strict=True):
                group.update(old)


@cache
def side_stream() -> torch.cuda.Stream:
    """Another stream than the usual one, on which no recording can be made."""
    return torch.cuda.Stream()


def watch(work: Work, image: Tensor, target: Tensor) -> tuple[tuple[Tensor, ...], bool]:
    """Do the work on a batch, on the stream of the recordings; tell whether it had to wait for the GPU."""
    stream = side_stream()
    stream.wait_stream(torch.cuda.current_stream())
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with torch.cuda.stream(stream):
                outputs = work(image, target)
        finally:
            torch.cuda.set_sync_debug_mode(before)
    torch.cuda.current_stream().wait_stream(stream)
    waited = False
    for warning in caught:
        if "called a synchronizing CUDA operation" in str(warning.message):
            waited = True
        elif "Synchronization debug mode" not in str(warning.message):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return outputs, waited


def capture(work: Callable[[], tuple[Tensor, ...]]) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
    """Record work, without doing it; give what does it once more, and the tensors that this fills."""
    graph = torch.cuda.CUDAGraph()
    # Other threads, such as the one that pins a loader's batches, may go on with theirs.
    with torch.cuda.graph(graph, stream=side_stream(), capture_error_mode="thread_local"):
        outputs = work()
    return graph.replay, outputs
