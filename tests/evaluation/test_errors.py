import cv2
import numpy as np
import pytest
import torch
from torch import nn

from cs_utils.data.cityscapes import find_frames, read_frame
from cs_utils.data.transforms import resize_mask
from cs_utils.evaluation.errors import (
    Predicted,
    boundary_distance,
    calibrate,
    calibration_error,
    errors_by_distance,
    find_regions,
    largest_confusions,
    predict_frames,
    score_images,
    through_small,
)
from cs_utils.labels import VOID
from cs_utils.metrics.confusion import confusion_matrix, mean_iou

ROAD, SKY, PERSON, CAR = 0, 10, 11, 13


def pair(target, mask):
    return Predicted(None, np.array(target, np.uint8), np.array(mask, np.uint8))


def test_distances_by_hand():
    mask = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]], np.uint8)
    diagonal = np.sqrt(np.float32(2))
    far = np.sqrt(np.float32(5))
    expected = [[3, 2, 1, 1, 1], [np.sqrt(10), far, diagonal, 1, 1]]
    np.testing.assert_allclose(boundary_distance(mask), expected, rtol=1e-6)


def test_distances_are_those_to_the_nearest_other_pixel():
    mask = np.random.default_rng(0).integers(0, 3, (6, 8)).astype(np.uint8)
    mask = np.repeat(np.repeat(mask, 3, axis=0), 4, axis=1)
    rows, columns = np.indices(mask.shape)
    expected = np.empty(mask.shape)
    for row, column in np.ndindex(mask.shape):
        other = mask != mask[row, column]
        expected[row, column] = np.hypot(rows[other] - row, columns[other] - column).min()
    np.testing.assert_allclose(boundary_distance(mask), expected, rtol=1e-6)


def test_a_mask_of_one_class_has_no_boundary():
    assert np.isinf(boundary_distance(np.full((3, 4), 7, np.uint8))).all()


def test_errors_by_distance_by_hand():
    # distances  3 2 1 | 1 2 2
    #            3 2 1 | 1 1 1
    #            3 2 1 +------   and three void pixels, which make a boundary, but are no errors
    target = [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, VOID, VOID, VOID]]
    mask = [[0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1]]
    table = errors_by_distance([pair(target, mask)], edges=[1, 2, np.inf])
    assert table["pixels"].tolist() == [7, 5, 3]
    assert table["errors"].tolist() == [3, 1, 0]
    assert table["rate"].tolist() == [3 / 7, 1 / 5, 0]
    assert table["share_of_errors"].tolist() == [0.75, 0.25, 0]
    assert table["share_of_pixels"].tolist() == [7 / 15, 5 / 15, 3 / 15]


def test_a_bin_holds_its_upper_end_and_what_lies_beyond_all_bins_is_left_out():
    item = pair([[0, 0, 0, 1, 1, 1]], [[1, 1, 1, 1, 1, 1]])
    table = errors_by_distance([item], edges=[1, 2])
    assert table["pixels"].tolist() == [2, 2]
    assert table["errors"].tolist() == [1, 1]


def test_the_worst_image_comes_first():
    good = pair([[ROAD, SKY]], [[ROAD, SKY]])
    bad = pair([[ROAD, ROAD, SKY, SKY]], [[ROAD, ROAD, SKY, ROAD]])  # road 2/3, sky 1/2
    table = score_images([good, bad])
    assert table.index.tolist() == [1, 0]
    assert table["mean_iou"].tolist() == pytest.approx([7 / 12, 1])
    assert table["pixel_accuracy"].tolist() == [0.75, 1]


def test_the_largest_confusions_by_hand():
    matrix = np.zeros((20, 20), dtype=np.int64)
    matrix[ROAD, ROAD], matrix[ROAD, CAR], matrix[CAR, CAR], matrix[CAR, ROAD] = 90, 10, 5, 5
    matrix[PERSON, 19] = 1
    matrix[19, ROAD] = 1000  # void ground truth: no error
    table = largest_confusions(matrix, count=2)
    assert table["true"].tolist() == ["road", "car"]
    assert table["predicted"].tolist() == ["car", "road"]
    assert table["of_class"].tolist() == [0.1, 0.5]
    assert table["of_errors"].tolist() == [10 / 16, 5 / 16]
    assert largest_confusions(matrix, count=9)["predicted"].tolist() == ["car", "road", "void"]
    assert largest_confusions(np.eye(20, dtype=np.int64), count=9).empty


def test_regions_by_hand():
    target = [[CAR, CAR, ROAD, CAR], [CAR, CAR, ROAD, ROAD], [ROAD, ROAD, ROAD, PERSON]]
    mask = [[CAR, CAR, ROAD, ROAD], [CAR, ROAD, CAR, ROAD], [ROAD, ROAD, ROAD, PERSON]]
    table = find_regions([pair(target, mask)])
    assert table.to_dict("list") == {
        "class": ["person", "car", "car"],
        "area": [1 / 12, 4 / 12, 1 / 12],
        "hit": [1, 0.75, 0],
    }
    assert find_regions([pair([[ROAD]], [[ROAD]])]).empty


def test_shrunk_labels_keep_what_is_large_and_lose_what_is_thin():
    mask = np.full((32, 64), SKY, np.uint8)
    mask[16:] = ROAD
    mask[:, 20] = PERSON
    mask[:4] = VOID
    small = through_small(mask, (8, 16))
    assert not (small == VOID).any()  # where the photo is void, a network says something all the same
    assert (small[6:14, 40:] == SKY).all()
    assert (small[18:, 40:] == ROAD).all()
    assert not (small == PERSON).any()
    labelled = mask != VOID
    assert np.array_equal(through_small(mask, mask.shape)[labelled], mask[labelled])
    assert (through_small(np.full((9, 9), VOID, np.uint8), (3, 3)) == VOID).all()
    assert np.array_equal(through_small(np.full((9, 9), CAR, np.uint8), (3, 3)), np.full((9, 9), CAR))


def test_shares_keep_more_than_nearest_pixels():
    disc = cv2.circle(np.zeros((96, 192), np.uint8), (90, 50), 30, CAR, thickness=-1)
    matrices = [
        confusion_matrix(torch.from_numpy(small), torch.from_numpy(disc))
        for small in (through_small(disc, (12, 24)), resize_mask(resize_mask(disc, (12, 24)), disc.shape))
    ]
    assert mean_iou(matrices[0]) > mean_iou(matrices[1])


def test_calibration_by_hand():
    confidence = torch.tensor([[0.95, 0.85], [0.15, 1.0]])
    right = torch.tensor([[True, False], [False, True]])
    table = calibrate(confidence, right, bins=10)
    assert table["confidence"].tolist() == pytest.approx([0.15, 0.85, 0.975])
    assert table["accuracy"].tolist() == [0, 0, 1]
    assert table["share"].tolist() == [0.25, 0.25, 0.5]
    assert calibration_error(table) == pytest.approx(0.25 * 0.15 + 0.25 * 0.85 + 0.5 * 0.025)


def test_a_network_as_sure_as_it_is_right_has_no_calibration_error():
    confidence = torch.full((100,), 0.75)
    right = torch.arange(100) < 75
    assert calibration_error(calibrate(confidence, right)) == pytest.approx(0)


def test_frames_are_predicted_at_the_size_of_their_ground_truth(settings):
    frames = find_frames(settings.data, "val")
    torch.manual_seed(0)
    predicted = predict_frames(nn.Conv2d(3, 19, 3, padding=1), frames, (32, 32))
    assert [item.frame for item in predicted] == frames
    assert np.array_equal(predicted[1].target, read_frame(frames[1])[1])
    assert predicted[1].mask.shape == predicted[1].target.shape
    assert predicted[0].matrix.sum() == predicted[0].target.size
