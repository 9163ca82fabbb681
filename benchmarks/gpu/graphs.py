"""CUDA graphs: what a step or a prediction launches is recorded once and replayed, one launch in place of hundreds."""

from collections.abc import Callable

import torch

from benchmarks.step import make_batch, make_network
from benchmarks.turns import Action
from cs_utils.losses.right import cross_entropy

WARM_UP = 3
"""Steps before the recording: kernels are chosen, and the optimizer's means made, in these."""


def graph_step(width: int, size: tuple[int, int], batch: int) -> Action:
    """A training step in bfloat16, recorded; its image and target are copied to where the graph reads them."""
    model = make_network("U-Net", width).to("cuda", memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-2, fused=True, capturable=True)
    pair = [tensor.pin_memory() for tensor in make_batch(size, batch)]
    image, target = pair[0].to("cuda", memory_format=torch.channels_last), pair[1].to("cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            logits = model(image)
        # Gradients keep their places, for the graph writes to them.
        optimizer.zero_grad(set_to_none=False)
        cross_entropy(logits, target).backward()
        optimizer.step()

    graph = _record(step)

    def act() -> None:
        image.copy_(pair[0], non_blocking=True)
        target.copy_(pair[1], non_blocking=True)
        graph.replay()

    return act


def graph_prediction(width: int, size: tuple[int, int], batch: int) -> Action:
    """A prediction in bfloat16, recorded; its label map is copied to the processor."""
    model = make_network("U-Net", width).to("cuda", memory_format=torch.channels_last).eval()
    image = make_batch(size, batch)[0].to("cuda", memory_format=torch.channels_last)
    labels = torch.empty((batch, *size), dtype=torch.int64, device="cuda")

    def predict() -> None:
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
            labels.copy_(model(image).argmax(dim=1))

    graph = _record(predict)

    def act() -> None:
        graph.replay()
        labels.cpu()

    return act


def _record(action: Callable[[], None]) -> torch.cuda.CUDAGraph:
    # Warmed up on another stream than the usual one, as a recording is not made on that one either.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            action()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        action()
    return graph
