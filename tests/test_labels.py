import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official

from cs_utils import labels as ours


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


def test_one_hot_refuses_unencoded_void():
    with pytest.raises(ValueError, match="encode void first"):
        ours.one_hot(np.array([0, 255], dtype=np.uint8))


def test_colours_are_those_of_the_classes_and_void_is_black():
    mask = np.array([[0, 13], [255, 10]], dtype=np.uint8)
    assert ours.colorize(mask).tolist() == [[[128, 64, 128], [0, 0, 142]], [[0, 0, 0], [70, 130, 180]]]


def test_real_shares_reproduce_the_published_counts():
    assert sum(ours.REAL_PIXELS.values()) == 2975 * 2048 * 1024
    assert list(ours.REAL_PIXELS) == [*ours.CLASS_NAMES, "void"]
