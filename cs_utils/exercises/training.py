"""Checks for lesson 07: when to stop, which weights to keep, gradients of half a batch, warm-up, hours."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from cs_utils.exercises import checks, expect, one_number, two_numbers
from cs_utils.labels import VOID
from cs_utils.losses.right import cross_entropy


@checks("07.1", "Write down the best score so far after each epoch, and how many epochs ago that was.")
def stop_and_keep(answer: tuple[int, int], scores: list[float], patience: int) -> None:
    """The epoch that training stops after, and the epoch whose weights are kept, both counted from 1."""
    best = [max(scores[:count]) for count in range(1, len(scores) + 1)]
    kept = [scores.index(value) + 1 for value in best]
    stop = next((epoch for epoch in range(1, len(scores) + 1) if epoch - kept[epoch - 1] >= patience), len(scores))
    last, chosen = two_numbers(answer, "Two numbers are wanted: the last epoch, and the epoch that is kept.")
    expect(last == stop, f"Training does not stop after epoch {last:g}.")
    expect(chosen == kept[stop - 1], f"The weights of epoch {chosen:g} are not the ones that are kept.")


@checks("07.2", "What is in `kept` after one more epoch: a copy of the weights, or the weights themselves?")
def keeps_the_best(answer: Callable[[nn.Module, Iterator[float]], float]) -> None:
    """A function of a model and its scores, each given after one more epoch of training; it puts the best back."""
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    scores = [0.2, 0.4, 0.3, 0.6, 0.5]  # the best comes after a fall

    def train() -> Iterator[float]:
        for epoch, score in enumerate(scores):
            with torch.no_grad():
                for values in model.state_dict().values():  # batch norm's running means too
                    values.fill_(epoch)
            yield score

    given = answer(model, train())
    left = sorted({float(values.flatten()[0]) for values in model.state_dict().values()})
    expect(left != [len(scores) - 1.0], "The model is left with the weights of the last epoch.")
    expect(
        left == [scores.index(max(scores))],
        f"The model is left with numbers of the epochs {[int(value) + 1 for value in left]}.",
    )
    expect(given is not None and math.isclose(float(given), max(scores)), f"It returns {given}, not the best score.")


@checks("07.3", "The loss is a mean over valid pixels. How many of all valid pixels are in each half?")
def accumulated_gradient(answer: Callable[[nn.Module, Tensor, Tensor], None]) -> None:
    """A function that leaves the gradient of a whole batch in a model, of which two halves went through it in turn."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(4, 3, 6, 8, generator=generator)
    target = torch.randint(19, (4, 6, 8), generator=generator)
    target[:2, 1:] = VOID  # the first half has one valid row in six
    sizes: list[int] = []

    class Watched(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super().forward(x)

    model = Watched(3, 19, 1)
    cross_entropy(model(image), target).backward()
    wanted = [weight.grad.clone() for weight in model.parameters()]
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)  # of a step before: `backward` would add to them
    sizes.clear()
    answer(model, image, target)
    expect(bool(sizes) and max(sizes) <= 2, "More than two images went through the model together.")
    expect(all(weight.grad is not None for weight in model.parameters()), "There is no gradient in the model.")
    given = [weight.grad for weight in model.parameters()]
    ratio = float(sum(part.norm() for part in given) / sum(part.norm() for part in wanted))
    same = all(torch.allclose(*pair, rtol=1e-3, atol=1e-5) for pair in zip(given, wanted, strict=True))
    expect(same, f"The gradient is another one than that of the whole batch; it is {ratio:.2f} times as long.")


@checks("07.4", "Two cases: before the end of the warm-up, a straight line; after it, the cosine of what is left.")
def warm_up(answer: Callable[[float, float, float], float]) -> None:
    """The share of the learning rate after ``done`` epochs of so many, of which the first ``warm`` warm up."""
    # After 8 of 16 epochs a third of the fall is done: (1 + cos 60°) / 2 = 0.75, and so on.
    for done, epochs, warm, share in (
        *((0, 16, 4, 0.0), (1, 16, 4, 0.25), (2, 16, 4, 0.5), (4, 16, 4, 1.0), (8, 16, 4, 0.75), (16, 16, 4, 0.0)),
        *((12, 20, 4, 0.5), (20, 20, 4, 0.0), (1, 10, 2, 0.5), (6, 10, 2, 0.5)),
    ):
        given = float(answer(done, epochs, warm))
        right = math.isclose(given, share, abs_tol=1e-6)
        expect(right, f"After {done} of {epochs} epochs, warm={warm}, it is {given:.3f}.")


@checks("07.5", "How long does each of the two parts take afterwards? Only one of them has become shorter.")
def speed_up(answer: float) -> None:
    """92 of 100 minutes become 50 times as fast: how many times as fast is the whole?"""
    times = one_number(answer)
    expect(math.isclose(times, 100 / (92 / 50 + 8), rel_tol=0.02), f"It is not {times:.2f} times.")
