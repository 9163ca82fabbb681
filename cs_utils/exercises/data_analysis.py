"""Checks for lesson 01: IoU by hand, counting, void, a table that is fair to rare classes."""

import numpy as np
import pandas as pd

from cs_utils.exercises import checks, expect, one_number, two_numbers
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, REAL_PIXELS, VOID

CAR = CLASS_NAMES.index("car")


@checks("01.1", "Cross out the void pixels first. Then count what is car in both, and what is car in either.")
def iou_of_a_car(answer: float, truth: np.ndarray, prediction: np.ndarray) -> None:
    """The IoU of the car, where pixels whose truth is void do not count."""
    iou = one_number(answer)
    true, found = ((mask == CAR)[truth != VOID] for mask in (truth, prediction))
    with_void = ((truth == CAR) & (prediction == CAR)).sum() / ((truth == CAR) | (prediction == CAR)).sum()
    expect(abs(iou - with_void) > 1e-3, "This counts pixels whose truth is void.")
    expect(abs(iou - (true & found).sum() / (true | found).sum()) < 5e-3, f"{iou:.3f} is not the IoU.")


@checks("01.2", "Divide the largest entry of each column by the sum of the column, and leave void out.")
def most_dependent_class(answer: str, pixels: pd.DataFrame) -> None:
    """The class that has the largest part of its pixels in one image, from a table with a row for each image."""
    classes = pixels[list(CLASS_NAMES)]
    largest = (classes.max() / classes.sum()).dropna()
    expect(str(answer) in CLASS_NAMES, f"{answer!r} is not the name of a class.")
    expect(str(answer) in largest.index, f"No image holds {answer}.")
    mine = largest[str(answer)]
    expect(mine == largest.max(), f"One image holds {mine:.0%} of the pixels of {answer}; of another class it is more.")


@checks("01.3", "Which class has the number 18? Pixels without a class must be taken out, not moved.")
def confusion_without_void(answer) -> None:
    """A function of prediction and target, (H, W) trainIds each, that counts pairs and leaves void out."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, NUM_CLASSES, (6, 40)).astype(np.uint8)
    prediction = rng.integers(0, NUM_CLASSES, (6, 40)).astype(np.uint8)
    target[:, ::5] = VOID
    given = np.asarray(answer(prediction.copy(), target.copy()))
    expect(given.shape == (NUM_CLASSES, NUM_CLASSES), f"The shape is {given.shape}, not (19, 19).")
    wanted = np.zeros((NUM_CLASSES, NUM_CLASSES), int)
    valid = target != VOID
    np.add.at(wanted, (target[valid], prediction[valid]), 1)
    expect(not np.array_equal(given, wanted.T), "Rows and columns are exchanged: rows are the truth.")
    wrong = [
        name for name, ours, right in zip(CLASS_NAMES, given, wanted, strict=True) if not np.array_equal(ours, right)
    ]
    expect(not wrong, f"The row of {', '.join(wrong[:3])} is wrong.")


@checks("01.4", "Begin with a diagonal matrix of REAL_PIXELS, and move the entry of person into the column of rider.")
def persons_called_riders(answer: tuple[float, float]) -> None:
    """Pixel accuracy and mean IoU of a predictor that is perfect, except that it calls every person a rider."""
    accuracy, mean = two_numbers(answer, "Two numbers are wanted: pixel accuracy and mean IoU.")
    person, rider = REAL_PIXELS["person"], REAL_PIXELS["rider"]
    total = sum(REAL_PIXELS[name] for name in CLASS_NAMES)
    with_void = 1 - person / sum(REAL_PIXELS.values())  # 0.0014 higher
    expect(abs(accuracy - with_void) > 6e-4, f"The pixel accuracy is not {accuracy:.4f}: void is no part of the total.")
    expect(abs(accuracy - (1 - person / total)) < 6e-4, f"The pixel accuracy is not {accuracy:.4f}. (Three decimals.)")
    right = (NUM_CLASSES - 2 + rider / (rider + person)) / NUM_CLASSES
    expect(abs(mean - right) < 2e-3, f"The mean IoU is not {mean:.3f}. Two classes suffer.")


@checks("01.5", "Divide each column of the counts by its sum before you look for the largest entry of each row.")
def fair_answers(answer) -> None:
    """A function from counts (bins, 19) to the class of which the largest share of its own pixels lies in each bin."""
    counts = np.random.default_rng(0).integers(1, 1000, (50, NUM_CLASSES)) * np.arange(1, NUM_CLASSES + 1) ** 2
    counts[:, 7] = 0  # no pixel at all of this class
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is the reader's to handle
        given = np.asarray(answer(counts.copy()))
    expect(given.shape == (50,), f"The shape is {given.shape}, not (50,): one class for each bin is wanted.")
    expect(not (given == 7).any(), "It answers with a class that has no pixels at all.")
    expect(not np.array_equal(given, counts.argmax(axis=1)), "These are the most frequent classes of the bins.")
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    wrong = int((given != shares.argmax(axis=1)).sum())
    expect(wrong == 0, f"{wrong} of 50 bins have another class.")
