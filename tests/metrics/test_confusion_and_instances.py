import math

import cv2
import numpy as np
import pytest
import torch

from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, SLIDE_VOID, VOID, id_to_train_id, train_id_to_slide
from cs_utils.metrics.confusion import (
    category_iou,
    confusion_matrix,
    dice_per_class,
    iou_per_class,
    mean_dice,
    mean_iou,
    pixel_accuracy,
    scores,
)

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

# true 0: 3 pixels right, 1 taken for class 1, 1 for void; true 1: 4 right, 2 taken for class 0; 7 void pixels
TWO_CLASSES = torch.tensor([[3, 1, 1], [2, 4, 0], [5, 2, 0]])


def random_pair(shape=(3, 40, 60), classes=NUM_CLASSES, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, shape, generator=generator)
    prediction = torch.where(torch.rand(shape, generator=generator) < 0.6, target, target.flip(-1))
    target[torch.rand(shape, generator=generator) < 0.2] = VOID
    return prediction, target


# -------------------------------------------------------------------------------------------------------- counting


def test_two_classes_by_hand():
    target = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, VOID, VOID, VOID])
    prediction = torch.tensor([0, 0, 0, 1, VOID, 1, 1, 1, 1, 0, 0, 0, 1, VOID])
    matrix = confusion_matrix(prediction, target, num_classes=2)
    assert matrix.tolist() == [[3, 1, 1], [2, 4, 0], [1, 1, 1]]
    assert matrix.dtype == torch.int64


def test_every_pixel_lands_in_one_cell():
    prediction, target = random_pair()
    matrix = confusion_matrix(prediction, target)
    assert matrix.shape == (20, 20)
    assert matrix.sum() == target.numel()
    for true, predicted in [(0, 0), (3, 7), (18, 18), (18, 0), (0, 18)]:
        assert matrix[true, predicted] == ((target == true) & (prediction == predicted)).sum()
    assert matrix[-1].sum() == (target == VOID).sum()


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("prediction_dtype", INTEGERS)
def test_every_integer_type_counts_the_same(dtype, prediction_dtype):
    prediction, target = random_pair()
    target[target == VOID] = 100  # fits into int8
    expected = confusion_matrix(prediction, target)
    assert torch.equal(confusion_matrix(prediction.to(prediction_dtype), target.to(dtype)), expected)


@pytest.mark.parametrize("stranger", [19, SLIDE_VOID, 100, 255, -1, -100, 256, 26001, 2**40])
def test_every_value_without_a_class_is_void(stranger):
    values = torch.tensor([3, stranger])
    assert confusion_matrix(torch.tensor([3, 3]), values)[-1, 3] == 1
    assert confusion_matrix(values, torch.tensor([3, 3]))[3, -1] == 1


def test_the_slide_encoding_counts_as_the_train_ids_do():
    prediction, target = random_pair()
    prediction[::2] = VOID
    slide = [torch.from_numpy(train_id_to_slide(values.numpy())) for values in (prediction, target)]
    assert torch.equal(confusion_matrix(*slide), confusion_matrix(prediction, target))


def test_the_input_is_left_alone():
    prediction, target = random_pair()
    for dtype in (torch.int64, torch.uint8):
        pair = prediction.to(dtype), target.to(dtype)
        before = [values.clone() for values in pair]
        confusion_matrix(*pair)
        assert all(torch.equal(*both) for both in zip(pair, before, strict=True))


def test_any_shape_and_any_memory_layout_will_do():
    prediction, target = random_pair()
    expected = confusion_matrix(prediction, target)
    assert torch.equal(confusion_matrix(prediction.flatten(), target.flatten()), expected)
    assert torch.equal(confusion_matrix(prediction.transpose(0, 2), target.transpose(0, 2)), expected)
    assert confusion_matrix(prediction[:0], target[:0]).sum() == 0


def test_matrices_of_batches_add_up():
    prediction, target = random_pair()
    parts = [confusion_matrix(*pair) for pair in zip(prediction, target, strict=True)]
    assert torch.equal(sum(parts), confusion_matrix(prediction, target))


def test_the_most_classes_that_fit():
    values = torch.tensor([0, 179, 180, 255], dtype=torch.uint8)
    matrix = confusion_matrix(values, values, num_classes=180)
    assert matrix.shape == (181, 181)
    assert matrix.nonzero().tolist() == [[0, 0], [179, 179], [180, 180]]
    assert matrix[180, 180] == 2


@pytest.mark.parametrize("classes", [2, NUM_CLASSES, 150])
def test_counts_are_those_of_a_two_dimensional_histogram(classes):
    """Row by row the true classes; `make bench` compares with torchmetrics."""
    prediction, target = random_pair(classes=classes)
    prediction[0, 0] = target[0, 1] = VOID
    edges = np.arange(classes + 1) - 0.5  # void lies outside of them
    theirs, _, _ = np.histogram2d(target.flatten().numpy(), prediction.flatten().numpy(), bins=(edges, edges))
    assert torch.equal(confusion_matrix(prediction, target, classes)[:-1, :-1], torch.from_numpy(theirs).long())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_counts_the_same_without_being_waited_for():
    prediction, target = random_pair()
    on_gpu = prediction.cuda(), target.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        matrix = confusion_matrix(*on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(matrix.cpu(), confusion_matrix(prediction, target))
    assert mean_iou(matrix) == mean_iou(matrix.cpu())


@pytest.mark.parametrize(
    ("target", "prediction", "classes", "message"),
    [
        (torch.zeros(2, 4, 4).long(), torch.zeros(2, 19, 4, 4).long(), 19, "must have the same shape"),
        (torch.zeros(4, 4).long(), torch.rand(4, 4), 19, "both must be integer"),
        (torch.zeros(4, 4), torch.zeros(4, 4).long(), 19, "both must be integer"),
        (torch.zeros(4).long(), torch.zeros(4).long(), 181, "must be 1..180"),
        (torch.zeros(4).long(), torch.zeros(4).long(), 0, "must be 1..180"),
    ],
)
def test_wrong_input_is_refused(target, prediction, classes, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(prediction, target, classes)


# --------------------------------------------------------------------------------------------------------- scoring


def test_scores_by_hand():
    # class 0: TP 3, FN 1 + 1 (void predicted on a valid pixel), FP 2; class 1: TP 4, FN 2, FP 1; the last row is void
    assert iou_per_class(TWO_CLASSES).tolist() == pytest.approx([3 / 7, 4 / 7])
    assert dice_per_class(TWO_CLASSES).tolist() == pytest.approx([6 / 10, 8 / 11])
    assert mean_iou(TWO_CLASSES) == pytest.approx(1 / 2)
    assert mean_dice(TWO_CLASSES) == pytest.approx((6 / 10 + 8 / 11) / 2)
    assert pixel_accuracy(TWO_CLASSES) == pytest.approx(7 / 11)
    assert iou_per_class(TWO_CLASSES).dtype == torch.float64


def test_the_best_and_the_worst():
    target, _ = random_pair()
    best = confusion_matrix(target, target)
    assert mean_iou(best) == mean_dice(best) == pixel_accuracy(best) == 1
    worst = confusion_matrix((target + 1) % 19, target)
    assert mean_iou(worst) == mean_dice(worst) == pixel_accuracy(worst) == 0


def test_predictions_on_void_change_nothing():
    prediction, target = random_pair()
    other = torch.where(target == VOID, 4, prediction)
    before, after = (scores(confusion_matrix(values, target)) for values in (prediction, other))
    assert before.equals(after)


def test_predicting_void_is_a_miss_of_the_true_class_and_a_false_alarm_of_none():
    target = torch.tensor([0] * 4 + [1] * 4)
    prediction = torch.tensor([0, 0, VOID, VOID] + [1] * 4)
    assert iou_per_class(confusion_matrix(prediction, target, 2)).tolist() == [0.5, 1]


def test_absent_classes():
    # class 1 is in neither; class 2 is predicted, but not there; class 3 is predicted on void only
    matrix = confusion_matrix(torch.tensor([0, 2, 3]), torch.tensor([0, 0, VOID]), 4)
    iou = iou_per_class(matrix)
    assert iou[[0, 2]].tolist() == [0.5, 0]
    assert iou[[1, 3]].isnan().all()
    assert mean_iou(matrix) == 0.25
    assert mean_dice(matrix) == pytest.approx((2 / 3 + 0) / 2)
    assert dice_per_class(matrix).isnan().equal(iou.isnan())


def test_without_a_valid_pixel_every_score_is_nan():
    empty = torch.zeros(20, 20, dtype=torch.int64)
    assert all(math.isnan(score(empty)) for score in (mean_iou, mean_dice, pixel_accuracy))
    assert scores(empty).isna().all(axis=None)


def test_dice_is_a_function_of_iou():
    matrix = confusion_matrix(*random_pair())
    iou = iou_per_class(matrix)
    torch.testing.assert_close(dice_per_class(matrix), 2 * iou / (1 + iou))


def test_scores_do_not_depend_on_the_batches_as_a_mean_of_scores_would():
    # a large pole, found; and a pole of one pixel in another image, missed
    target = torch.tensor([[5] * 9 + [0], [0] * 9 + [5]])
    prediction = torch.tensor([[5] * 9 + [0], [0] * 10])
    matrices = [confusion_matrix(*pair) for pair in zip(prediction, target, strict=True)]
    assert iou_per_class(sum(matrices))[5] == 9 / 10
    assert np.mean([iou_per_class(matrix)[5] for matrix in matrices]) == 0.5


def test_a_large_data_set_is_counted_to_the_last_pixel():
    # 2975 images of 2048 x 1024 hold more pixels than fit into 32 bits, and than float32 can tell apart
    matrix = torch.zeros(3, 3, dtype=torch.int64)
    matrix[0, 0], matrix[0, 1], matrix[1, 1] = 2975 * 2048 * 1024, 1, 1
    assert iou_per_class(matrix).tolist() == [6239027200 / 6239027201, 1 / 2]


def test_the_table():
    prediction, target = random_pair()
    matrix = confusion_matrix(prediction, target)
    table = scores(matrix)
    assert list(table.columns) == ["iou", "dice", "share"]
    assert tuple(table.index) == CLASS_NAMES and table.index.name == "class"
    assert table["iou"].mean() == pytest.approx(mean_iou(matrix))
    assert table.loc["car", "iou"] == iou_per_class(matrix)[13]
    assert table.loc["car", "share"] == pytest.approx((target == 13).sum().item() / (target != VOID).sum().item())
    assert table["share"].sum() == pytest.approx(1)


def test_confusion_inside_a_category_is_right():
    # truck for bus, and pole for traffic light; then a car for a person
    target = torch.tensor([15, 6, 11, 11])
    prediction = torch.tensor([14, 5, 11, 13])
    iou = category_iou(confusion_matrix(prediction, target)).dropna()
    assert iou.to_dict() == {"object": 1, "human": 1 / 2, "vehicle": 1 / 2}


# ------------------------------------------------------------------------------------------- the official evaluator


def official_pairs():
    """Three images of label ids with all that is hard: void of all kinds on both sides, and four kinds of absence."""
    generator = np.random.default_rng(0)
    drawn = np.array([label for label in range(34) if label not in (16, 27, 28, 31, 32)], dtype=np.uint8)
    for _ in range(3):
        truth = np.repeat(np.repeat(generator.choice(drawn, (8, 16)), 4, axis=0), 4, axis=1)  # (32, 64)
        guess = np.where(generator.random(truth.shape) < 0.6, truth, generator.choice(drawn, truth.shape))
        truth[0], guess[0] = 7, 27  # truck: predicted on road, never true
        truth[1], guess[1] = 4, 28  # bus: predicted on void only
        truth[2], guess[2] = 31, 26  # train: true, never predicted
        # motorcycle, 32, is in neither
        yield guess, truth


@pytest.fixture(scope="module")
def official_result(tmp_path_factory, official_evaluator):
    folder = tmp_path_factory.mktemp("official")
    files = {"guess": [], "truth": []}
    for number, pair in enumerate(official_pairs()):
        for kind, ids in zip(files, pair, strict=True):
            files[kind].append(str(folder / f"{kind}_{number}.png"))
            cv2.imwrite(files[kind][-1], ids)
    return official_evaluator(files["guess"], files["truth"])


@pytest.fixture
def our_matrix():
    pairs = [[torch.from_numpy(id_to_train_id(ids)) for ids in pair] for pair in official_pairs()]
    return sum(confusion_matrix(*pair) for pair in pairs)


def test_class_iou_is_the_official_one(official_result, our_matrix):
    theirs = [official_result["classScores"][name] for name in CLASS_NAMES]
    np.testing.assert_allclose(scores(our_matrix)["iou"], theirs, rtol=0, atol=1e-9, equal_nan=True)
    by_name = dict(zip(CLASS_NAMES, theirs, strict=True))
    assert by_name["truck"] == by_name["train"] == 0
    assert {name for name, iou in by_name.items() if math.isnan(iou)} == {"bus", "motorcycle"}


def test_mean_iou_is_the_official_one(official_result, our_matrix):
    assert mean_iou(our_matrix) == pytest.approx(official_result["averageScoreClasses"], abs=1e-9)


def test_category_iou_is_the_official_one(official_result, our_matrix):
    theirs = official_result["categoryScores"]
    ours = category_iou(our_matrix)
    assert set(theirs) == {*ours.index, "void"} and math.isnan(theirs["void"])
    np.testing.assert_allclose(ours, [theirs[name] for name in ours.index], rtol=0, atol=1e-9)
    assert ours.mean() == pytest.approx(official_result["averageScoreCategories"], abs=1e-9)
