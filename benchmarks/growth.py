"""How the time of the course's training step grows with width, image size and batch."""

import pandas as pd

from benchmarks.step import course_step
from benchmarks.turns import Contestant, take_turns
from cs_utils.costs import operations, outline
from cs_utils.settings import Settings

CASES = [(width, size, 4) for width in (8, 16, 32, 64) for size in ((64, 128), (128, 256), (256, 512))]
CASES += [(16, (128, 256), batch) for batch in (1, 2, 8)]


def run(rounds: int) -> pd.DataFrame:
    """Time a step for each case; the last column is the rate at which it computes, a training step being 3 passes."""
    contestants = {
        case: Contestant(course_step, {"width": case[0], "changes": {}, "size": case[1], "batch": case[2]})
        for case in CASES
    }
    table = take_turns(contestants, rounds)
    table.index = pd.MultiIndex.from_tuples(
        [(width, f"{size[1]}x{size[0]}", batch) for width, size, batch in CASES], names=["width", "size", "batch"]
    )
    work = [3 * 2 * batch * operations(outline("unet", Settings(width=width)), size) for width, size, batch in CASES]
    table["images_per_second"] = [batch for _, _, batch in CASES] / table["seconds"]
    table["tflops"] = work / table["seconds"] / 1e12
    return table
