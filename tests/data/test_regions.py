import numpy as np
import pytest

from cs_utils.data.regions import boundaries, find_boxes, find_lookalikes, fullest_window
from cs_utils.exceptions import CourseError


def test_boxes_hold_their_first_and_last_row_and_column():
    instances = np.full((5, 6), 7, dtype=np.uint16)
    instances[1, 2:5] = 26000
    instances[1:4, 5] = 24003
    instances[4, 0] = 26  # a group
    table = find_boxes(instances)
    assert table.reset_index().to_dict("records") == [
        {"value": 24003, "class": "person", "left": 5, "top": 1, "right": 5, "bottom": 3, "pixels": 3},
        {"value": 26000, "class": "car", "left": 2, "top": 1, "right": 4, "bottom": 1, "pixels": 3},
    ]
    assert find_boxes(np.zeros((2, 2), np.uint16)).empty


def test_boundaries_and_the_window_with_most_of_them():
    mask = np.zeros((8, 12), dtype=np.uint8)
    mask[4:, 9:] = 255
    assert boundaries(mask)[7].tolist() == [False] * 8 + [True] * 2 + [False] * 2
    assert boundaries(mask, within=2)[7].tolist() == [False] * 7 + [True] * 4 + [False]
    rows, columns = fullest_window(boundaries(mask), 2, 4)
    assert (rows, columns) == (slice(3, 5), slice(8, 12))


def test_the_fullest_window_holds_the_whole_object():
    mask = np.zeros((20, 40), np.uint8)
    mask[11:14, 25:31] = 13
    window = fullest_window(mask == 13, 8, 12)
    assert mask[window].shape == (8, 12)
    assert (mask[window] == 13).sum() == 18


def test_lookalikes_are_the_two_patches_that_differ_least_and_lie_in_one_scene():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    mask = np.full((40, 60), 255, np.uint8)
    mask[:24, :24], mask[:24, 30:54] = 0, 2  # road, building
    image[8:18, 40:50] = image[8:18, 8:18]
    alike = np.full_like(image, 7), np.where(mask == 2, 255, mask)  # no building
    other = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    # Its two patches are the same, too, but half of each is void.
    cut = np.full_like(image, 7), np.full_like(mask, 255)
    cut[1][:, :5], cut[1][:, 55:] = 0, 2
    found, centres, difference = find_lookalikes([alike, cut, (other, mask), (image, mask)], "road", "building")
    assert found is image
    assert (centres, difference) == ([(13, 13), (13, 45)], 0)
    assert find_lookalikes([(image, mask), (other, mask)], "road", "building")[0] is image
    with pytest.raises(CourseError, match="building"):
        find_lookalikes([alike], "road", "building")
