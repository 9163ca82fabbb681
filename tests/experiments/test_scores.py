import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cs_utils.exceptions import CourseError
from cs_utils.experiments import scores
from cs_utils.experiments.scores import COLUMNS, read_scores, record_scores, score_table
from cs_utils.labels import CLASS_NAMES

ROAD, CAR, TRUCK = 0, 13, 14


def count_pixels(images):
    """Road with IoU 0.8 everywhere, cars with 1 or 0 in turn, and false alarms of trucks, which the truth has not."""
    counts = np.zeros((images, 19, 3))
    counts[:, ROAD] = 80, 90, 90
    counts[::2, CAR], counts[1::2, CAR] = (10, 10, 10), (0, 10, 0)
    counts[:, TRUCK] = 0, 0, 5
    return counts


def test_scores_by_hand_without_classes_that_the_truth_has_not():
    table = score_table(count_pixels(100))
    assert list(table.index) == ["road", "car", "mean"]
    np.testing.assert_allclose(table["iou"], [0.8, 0.5, 0.65])
    assert table.loc["road", "low"] == pytest.approx(0.8) == table.loc["road", "high"]
    # The share of found cars: deviation sqrt(0.25 / 100), Student's t of 99 degrees 1.984; the mean feels half of it.
    half = 1.984 * 0.05
    assert table.loc["car", "high"] - 0.5 == pytest.approx(half, rel=0.05)
    assert table.loc["mean", "high"] - 0.65 == pytest.approx(half / 2, rel=0.05)


def test_rows_of_the_same_network_and_data_are_replaced_and_others_stay(tmp_path):
    path = tmp_path / "scores.csv"
    assert list(read_scores(path).columns) == COLUMNS
    record_scores(path, "a", "val", count_pixels(2))
    record_scores(path, "b", "val", count_pixels(4))
    found = record_scores(path, "a", "val", count_pixels(6))
    rows = read_scores(path)
    assert len(rows) == 6
    assert rows.groupby("weights")["images"].first().to_dict() == {"a": 6, "b": 4}
    mean = rows.query("weights == 'a' and `class` == 'mean'").iloc[0]
    assert mean["iou"] == pytest.approx(found.mean, abs=1e-4)
    assert set(rows["class"]) <= {*CLASS_NAMES, "mean"}
    with pytest.raises(ValueError, match="image"):
        record_scores(path, "a", "val", count_pixels(1))


@pytest.mark.parametrize("name", ["7", "None", "nan", "1e3", "010"])
def test_a_name_is_a_name_whatever_it_looks_like(tmp_path, name):
    path = tmp_path / "scores.csv"
    for _ in range(2):
        record_scores(path, name, name, count_pixels(2))
    rows = read_scores(path)
    assert rows[["weights", "data"]].to_numpy().tolist() == [[name, name]] * 3
    assert rows["iou"].tolist() == [0.8, 0.5, 0.65]


@pytest.mark.parametrize("content", [b"epoch,iou\n1,0.5\n", b"", b"\xff\xfe\x00", b'a,"b\nc'])
def test_a_table_of_another_kind_is_refused_and_stays(tmp_path, content):
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=r"history.csv is no table of scores"):
        record_scores(path, "a", "val", count_pixels(2))
    assert path.read_bytes() == content


def test_what_is_not_known_stays_a_number(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(",".join(COLUMNS) + "\na,val,2,road,0.8,,\n", encoding="utf-8")
    assert read_scores(path)[["iou", "low"]].to_numpy().tolist()[0] == pytest.approx([0.8, np.nan], nan_ok=True)


def test_of_two_networks_that_are_recorded_at_the_same_time_both_stay(tmp_path, monkeypatch):
    path = tmp_path / "scores.csv"

    def read_slowly(path):
        rows = read_scores(path)
        time.sleep(0.02)
        return rows

    monkeypatch.setattr(scores, "read_scores", read_slowly)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: record_scores(path, name, "val", count_pixels(2)), ("a", "b")))
    assert set(read_scores(path)["weights"]) == {"a", "b"}
