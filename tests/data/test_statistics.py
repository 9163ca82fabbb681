import numpy as np
import pandas as pd
import pytest

from cs_utils.data import statistics
from cs_utils.data.cityscapes import find_frames, read_frame, read_upright, write_png
from cs_utils.data.statistics import (
    GRID,
    NAMES,
    class_shares,
    co_occurrence,
    gather,
    lift,
    object_table,
    presence,
    real_shares,
)
from cs_utils.exceptions import CourseError


@pytest.fixture
def frames(data_root):
    return find_frames(data_root, "train")


def test_pixels_are_counted_frame_by_frame(frames):
    pixels = gather(frames).pixels
    assert list(pixels.columns) == list(NAMES)
    assert list(pixels.index) == [frame.name for frame in frames]
    # 32 rows of 64: 2 rows void, 14 sky, 16 road; before them a car of 8 x 12, two rows of it in the sky.
    assert dict(pixels.iloc[0][pixels.iloc[0] > 0]) == {"road": 952, "sky": 872, "car": 96, "void": 128}
    assert (pixels.sum(axis=1) == 32 * 64).all()
    for name, frame in zip(pixels.index, frames, strict=True):
        assert pixels.loc[name, "void"] == (read_frame(frame)[1] == 255).sum()


def test_void_is_told_apart_by_label(frames):
    void = gather(frames).void
    assert "ego vehicle" in void.index
    assert "road" not in void.index
    assert void.sum() == gather(frames).pixels["void"].sum()


def test_places_are_those_of_the_class(frames):
    statistics = gather(frames)
    positions = statistics.positions
    assert positions.shape == (20, *GRID)
    assert np.allclose(positions.sum(axis=0), 1)
    sky, road, void = (positions[NAMES.index(name)] for name in ("sky", "road", "void"))
    assert (void[:2] == 1).all()
    assert (sky[2:14] == 1).all()
    assert (road[22:] == 1).all()
    assert road[:16].sum() == 0


def test_brightness_weighs_the_colours(frames):
    brightness = gather(frames).brightness
    red, green, blue = read_upright(frames[0].image).reshape(-1, 3).mean(axis=0)
    assert brightness[frames[0].name] == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue)


def test_objects_are_listed_with_what_is_seen_of_them():
    instances = np.full((6, 8), 7, dtype=np.uint16)
    instances[1:4, 1:5] = 26000  # a car of 3 x 4, its right half behind a person
    instances[0:5, 3:5] = 24000
    instances[5, :2] = 26  # a group of cars
    square = [[1, 1], [4, 1], [4, 3], [1, 3]]
    content = {
        "objects": [
            {"label": "road", "polygon": [[0, 0], [7, 0], [7, 5], [0, 5]]},
            {"label": "car", "polygon": square},
            {"label": "person", "polygon": [[3, 0], [4, 0], [4, 4], [3, 4]]},
            {"label": "cargroup", "polygon": [[0, 5], [1, 5]]},
            # Wholly hidden, and partly outside the picture.
            {"label": "car", "polygon": [[-3, 4], [1, 4], [1, 9], [-3, 9]]},
        ]
    }
    table = object_table(instances, content)
    assert table.to_dict("list") == {
        "class": ["person", "car", "car"],
        "pixels": [10, 6, 0],
        "outline": [10, 12, 4],
    }


def test_frames_without_single_objects_give_an_empty_table(frames):
    # The test frames have no instances; the polygon of the car is there, and nothing of it is to be seen.
    objects = gather(frames).objects
    assert list(objects.columns) == ["frame", "class", "pixels", "outline"]
    assert (objects["pixels"] == 0).all()
    assert object_table(np.full((2, 2), 26, np.uint16), {"objects": []}).empty


def test_shares_presence_and_co_occurrence_by_hand():
    pixels = pd.DataFrame({"road": [6, 2, 0], "car": [2, 0, 0], "bus": [0, 0, 0], "void": [0, 6, 8]})
    assert class_shares(pixels).to_dict() == pytest.approx({"road": 8 / 24, "car": 2 / 24, "bus": 0, "void": 14 / 24})
    assert presence(pixels).to_dict() == pytest.approx({"road": 2 / 3, "car": 1 / 3, "bus": 0, "void": 2 / 3})
    table = co_occurrence(pixels)
    assert table.loc["road", "car"] == 0.5
    assert table.loc["car", "road"] == 1
    assert table.loc["car", "void"] == 0
    assert table.loc["bus"].isna().all()
    times = lift(pixels)
    assert times.loc["road", "car"] == times.loc["car", "road"] == 1.5  # in one of two frames, against one of three
    assert times.loc["road", "void"] == pytest.approx(0.75)
    assert times.loc[["bus"]].isna().all(axis=None) and times["bus"].isna().all()
    assert np.isnan(np.diag(times)).all()


def test_the_real_shares_are_those_of_the_paper():
    assert real_shares().sum() == pytest.approx(1)
    assert real_shares()["void"] == pytest.approx(0.1147, abs=1e-4)


def test_the_files_are_read_once_and_again_when_one_has_changed(frames, monkeypatch):
    before = gather(frames)
    with monkeypatch.context() as patch:
        patch.setattr(statistics, "_measure", lambda frame: pytest.fail("read again"))
        again = gather(list(frames))
        assert again.pixels.equals(before.pixels)
        # Whatever becomes of an answer, the next one is as the first was.
        again.pixels.iloc[0, 0] = -1
        again.positions[:] = -1
        third = gather(frames)
    assert third.pixels.equals(before.pixels)
    assert (third.positions >= 0).all()
    write_png(frames[0].image, np.zeros((32, 64, 3), np.uint8))
    assert gather(frames).brightness.iloc[0] == 0


def test_partial_downloads_can_be_counted(frames):
    whole = gather(frames)
    for frame in frames:
        frame.polygons.unlink()
        frame.instance_ids.unlink()
    partial = gather(frames)
    assert partial.pixels.equals(whole.pixels)
    assert partial.void.equals(whole.void)
    assert partial.objects.empty


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        (np.full((32, 64), 50000, np.uint16), "instanceIds.png holds 50000, but label ids end at 33"),
        (np.full((32, 60), 26000, np.uint16), "instanceIds.png has another size than .*labelIds.png"),
    ],
)
def test_an_instance_image_that_does_not_go_with_its_labels_is_named(frames, instances, message):
    write_png(frames[2].instance_ids, instances)
    with pytest.raises(CourseError, match=f"{frames[2].name}_gtFine_{message}"):
        gather(frames)


def test_nothing_cannot_be_counted():
    with pytest.raises(ValueError, match="no frames"):
        gather([])
