import numpy as np
import pytest
import torch
from cityscapesscripts.helpers.labels import labels as official

from cs_utils import labels as ours
from cs_utils.exceptions import CourseError


def test_the_table_is_the_official_one():
    rows = [(row.name, row.id, row.trainId, row.category, row.hasInstances, row.color) for row in official]
    assert [tuple(label) for label in ours.LABELS] == rows
    assert len(ours.LABELS) == 35


def test_ids_become_train_ids_and_come_back():
    ids = np.arange(34, dtype=np.uint8)
    train_ids = ours.id_to_train_id(ids)
    assert train_ids[[0, 7, 9, 26, 33]].tolist() == [255, 0, 255, 13, 18]
    evaluated = train_ids != ours.VOID
    assert evaluated.sum() == 19
    assert np.array_equal(ours.train_id_to_id(train_ids)[evaluated], ids[evaluated])
    assert (ours.train_id_to_id(train_ids)[~evaluated] == 0).all()


def test_slide_encoding_moves_void_to_20_and_never_uses_19():
    train_ids = np.array([*range(19), 255], dtype=np.uint8)
    slide = ours.train_id_to_slide(train_ids)
    assert slide.tolist() == [*range(19), 20]
    assert np.array_equal(ours.slide_to_train_id(slide), train_ids)
    assert ours.slide_to_train_id(np.uint8(19)) == ours.VOID
    one_hot = ours.one_hot(slide)
    assert one_hot.shape == (20, 21)
    assert one_hot[:, 19].sum() == 0
    assert (one_hot.argmax(axis=-1) == slide).all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_mappings_take_any_shape_and_stay_uint8(shape):
    values = np.full(shape, 7, dtype=np.uint8)
    for mapping in (ours.id_to_train_id, ours.train_id_to_id, ours.train_id_to_slide, ours.slide_to_train_id):
        result = mapping(values)
        assert result.shape == shape
        assert result.dtype == np.uint8
    assert ours.one_hot(values).shape == (*shape, 21)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, list, torch.tensor])
def test_mappings_take_integers_of_every_kind(dtype):
    values = dtype([7, 11]) if not isinstance(dtype, type) or dtype is list else np.array([7, 11], dtype)
    assert ours.id_to_train_id(values).tolist() == [0, 2]
    assert ours.train_id_to_id(values).tolist() == [20, 24]
    assert ours.train_id_to_slide(values).tolist() == ours.slide_to_train_id(values).tolist() == [7, 11]
    assert ours.one_hot(values).argmax(axis=-1).tolist() == [7, 11]
    assert ours.colorize(values).tolist() == [[220, 220, 0], [220, 20, 60]]


@pytest.mark.parametrize(
    ("instances", "dtype"), [([7, 33], "uint8"), ([7, 26001, 33000], "uint16"), ([-1, 24000], "int64")]
)
def test_instance_ids_become_label_ids_of_the_same_kind(instances, dtype):
    ids = ours.instance_to_id(np.array(instances, dtype))
    assert ids.dtype == dtype
    assert ids.tolist() == [value // 1000 if value >= 1000 else value for value in instances]


@pytest.mark.parametrize(
    ("mapping", "wrong"),
    [
        (ours.id_to_train_id, [-1, 34, 255, 1000]),
        (ours.train_id_to_id, [-1, 21, 254, 256]),
        (ours.train_id_to_slide, [-1, 19, 20, 256]),
        (ours.slide_to_train_id, [-1, 21, 256]),
        (ours.one_hot, [-1, 21, 255]),
        (ours.colorize, [-1, 256]),
    ],
)
def test_a_wrong_value_is_named_in_one_line(mapping, wrong):
    for value in wrong:
        with pytest.raises(CourseError, match=f"{value} is among these") as error:
            mapping(np.array([[7, value]]))
        assert len(str(error.value).splitlines()) == 1
    for values in (np.array([0.5]), np.array([True])):
        with pytest.raises(CourseError, match=f"integers, and these are {values.dtype}"):
            mapping(values)


def test_a_group_is_its_class_but_polegroup_is_a_label_of_its_own():
    assert ours.find_label("cargroup") == ours.find_label("car") == ours.BY_NAME["car"]
    assert ours.find_label("polegroup").train_id == ours.VOID
    assert ours.find_label("lorry") is None


def test_colours_are_those_of_the_classes_and_void_is_black():
    mask = np.array([[0, 13], [255, 10]], dtype=np.uint8)
    assert ours.colorize(mask).tolist() == [[[128, 64, 128], [0, 0, 142]], [[0, 0, 0], [70, 130, 180]]]


def test_real_shares_reproduce_the_published_counts():
    assert sum(ours.REAL_PIXELS.values()) == 2975 * 2048 * 1024
    assert list(ours.REAL_PIXELS) == [*ours.CLASS_NAMES, "void"]
