"""What ends a training before its time: Ctrl-C, SIGTERM, or a loss that is no number. Neither leaves anything torn."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader

from cs_utils.data.loaders import StreetScenes, explain_loader_error
from cs_utils.exceptions import Diverged, Halted
from cs_utils.training.devices import explain_compile_error

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def halting_between_steps(fabric: Fabric) -> Iterator[Callable[[], None]]:
    """Keep Ctrl-C and SIGTERM waiting for the next call of the function that this gives.

    That function raises `Halted` in all processes as soon as one of them was told to stop; so all of them have to call
    it at the same steps. A second signal of the same kind does at once what it would have done without us. Outside the
    main thread, where Python allows no handlers, nothing is kept waiting.
    """
    received = 0
    old = {number: signal.getsignal(number) for number in SIGNALS}
    # Processes on GPUs have no other way to ask one another without waiting for their GPUs.
    group = dist.new_group(backend="gloo") if fabric.world_size > 1 else None

    def receive(number: int, _: FrameType | None) -> None:
        nonlocal received
        received = number
        signal.signal(number, old[number])

    def halt() -> None:
        number = received
        if group is not None:
            everyones = torch.tensor(number)
            dist.all_reduce(everyones, dist.ReduceOp.MAX, group)
            number = int(everyones)
        if number:
            raise Halted(number)

    # If Ctrl-C was switched off when the program started, for example in the background, it stays off.
    kept = [number for number in SIGNALS if old[number] not in (signal.SIG_IGN, None)]
    if threading.current_thread() is not threading.main_thread():
        kept = []
    for number in kept:
        signal.signal(number, receive)
    try:
        yield halt
    except (RuntimeError, OSError, EOFError):
        # A signal to all processes may also end a loader process. Who waits for it then fails: it is gone, or the file
        # through which it shared a batch is, or what it sent ends in its middle.
        if received:
            raise Halted(received) from None
        raise
    finally:
        for number in kept:
            signal.signal(number, old[number])
        if group is not None:
            dist.destroy_process_group(group)


@contextmanager
def explaining_errors() -> Iterator[None]:
    """Say in one line what PyTorch says in dozens: loader processes without memory, or a compiler that is missing.

    Raises:
        CourseError: in place of such an error.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        if explained := explain_loader_error(error) or explain_compile_error(error):
            raise explained from None
        raise


def refuse_nan(fabric: Fabric, losses: Tensor, loader: DataLoader, kind: str) -> None:
    """Stop where a loss is NaN or infinite, and name the first batch of which it is; all processes call it together.

    Seed, epoch and number are enough to have that batch again, bit for bit: ``loader.dataset.set_epoch(epoch)``, then
    ``list(loader)[batch - 1]``.

    Args:
        fabric: knows the other processes.
        losses: (batches,), of this process.
        loader: of which these were all the batches.
        kind: which loss it is.

    Raises:
        Diverged: a loss of any process is not finite.
    """
    bad = (~losses.isfinite()).nonzero().flatten().tolist()
    mine = (bad[0], float(losses[bad[0]]), len(losses), _photos_of(loader, bad[0])) if bad else None
    everyones = [mine]
    if fabric.world_size > 1:
        everyones = [None] * fabric.world_size
        dist.all_gather_object(everyones, mine)
    found = [one for one in everyones if one]
    if not found:
        return
    step, value, batches, _ = min(found)
    names = [name for one in found if one[0] == step for name in one[-1]]
    where = ""
    if names:
        where = f", in epoch {loader.dataset.epoch} with seed {loader.dataset.seed} ({', '.join(names)})"
    raise Diverged(
        f"the {kind} loss is {value} from batch {step + 1} of {batches} on{where}: look at these photos and their "
        "labels, or give a smaller --learning-rate"
    )


def _photos_of(loader: DataLoader, batch: int) -> list[str]:
    """Names of a batch's photos; none where the loader is not one of the course's own."""
    if not isinstance(loader.dataset, StreetScenes):
        return []
    order = list(loader.sampler)[batch * loader.batch_size : (batch + 1) * loader.batch_size]
    return [loader.dataset.frames[index].image.name for index in order]
