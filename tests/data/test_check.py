import numpy as np
import pytest

from cs_utils.data.check import CITYSCAPES_COUNTS, verify
from cs_utils.data.cityscapes import find_frames, write_png
from cs_utils.exceptions import CourseError


def test_a_whole_folder_has_no_problems(data_root):
    report = verify(data_root)
    assert report.problems == []
    assert report.counts.to_numpy().tolist() == [
        ["train", "alpha", 3, 0],
        ["train", "beta", 3, 0],
        ["val", "gamma", 2, 0],
    ]


def test_expected_counts_are_those_of_the_benchmark():
    assert {split: sum(cities.values()) for split, cities in CITYSCAPES_COUNTS.items()} == {
        "train": 2975,
        "val": 500,
        "test": 1525,
    }
    assert [len(cities) for cities in CITYSCAPES_COUNTS.values()] == [18, 3, 6]


def test_a_partial_download_of_cityscapes_is_noticed(data_root):
    for top in ("leftImg8bit", "gtFine"):
        (data_root / top / "train" / "alpha").rename(data_root / top / "train" / "aachen")
        for path in (data_root / top / "train" / "aachen").iterdir():
            path.rename(path.with_name(path.name.replace("alpha", "aachen")))
    report = verify(data_root)
    row = report.counts.query("city == 'aachen'").iloc[0]
    assert (row["found"], row["expected"]) == (3, 174)
    assert any("train/aachen holds 3 photos of 174" in problem.replace("\\", "/") for problem in report.problems)
    assert report.is_cityscapes
    assert any("is 64x32, and not 2048x1024" in problem for problem in report.problems)
    assert any("val/lindau holds 0 photos of 59" in problem.replace("\\", "/") for problem in report.problems)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no labels", "labelIds.png is missing"),
        ("no photo", "leftImg8bit.png is missing"),
        ("no polygons", "polygons.json is missing"),
        ("no colours", "color.png is missing"),
        ("broken polygons", "polygons.json is not a polygon file"),
        ("truncated", "leftImg8bit.png is truncated"),
        ("size", "labelIds.png is 60x32"),
        ("polygons of another size", "polygons.json is for another size than 64x32"),
        ("value", "labelIds.png holds 99"),
        ("instances", "instanceIds.png does not show the same labels"),
    ],
)
def test_every_fault_is_found_and_named(data_root, fault, message):
    frame = find_frames(data_root, "train")[2]
    if fault == "no labels":
        frame.label_ids.unlink()
    elif fault == "no photo":
        frame.image.unlink()
    elif fault == "no colours":
        frame.color.unlink()
    elif fault == "no polygons":
        frame.polygons.unlink()
    elif fault == "broken polygons":
        frame.polygons.write_text("[]")
    elif fault == "polygons of another size":
        frame.polygons.write_text(frame.polygons.read_text().replace('"imgWidth": 64', '"imgWidth": 60'))
    elif fault == "truncated":
        frame.image.write_bytes(frame.image.read_bytes()[:-40])
    elif fault == "size":
        write_png(frame.label_ids, np.zeros((32, 60), np.uint8))
    elif fault == "value":
        write_png(frame.label_ids, np.full((32, 64), 99, np.uint8))
    else:
        write_png(frame.instance_ids, np.zeros((32, 64), np.uint16))
    problems = verify(data_root).problems
    assert len(problems) == 1
    assert frame.name in problems[0]
    assert message in problems[0]


def test_an_empty_folder_says_how_to_get_the_data(tmp_path):
    with pytest.raises(CourseError, match="holds no photos") as error:
        verify(tmp_path)
    assert "csDownload" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
