import math
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from cs_utils.data.cityscapes import Frame, find_frames, read_mask, write_png
from cs_utils.data.sources import make_minicity
from cs_utils.data.wrong_encoding import encoding_problem
from cs_utils.evaluation.official import compare_with_official, load_evaluator, official_result
from cs_utils.evaluation.predict import evaluate, export_label_ids
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME, CLASSES, LABELS, VOID, id_to_train_id
from cs_utils.metrics.confusion import confusion_matrix, mean_score
from cs_utils.metrics.instances import AVERAGE_PIXELS, count_instances, instance_category_iou, instance_iou
from helpers import SOAK

RANDOM_SETS = 300 if SOAK else 20
HAD_IN1D = hasattr(np, "in1d")
ID = {label.name: label.id for label in LABELS}
CLASS = {label.name: label.train_id for label in CLASSES}
WITH_INSTANCES = [label.id for label in LABELS if label.has_instances]


def write_set(root, truths):
    """Write frames of given instance images; their label images follow from them."""
    for number, instances in enumerate(truths):
        frame = Frame(root, "val", "gamma", f"gamma_{number:06d}_000007")
        write_png(frame.image, np.zeros((*instances.shape, 3), np.uint8))
        write_png(frame.instance_ids, instances.astype(np.uint16))
        write_png(frame.label_ids, label_ids(instances))


def label_ids(instances):
    return np.where(instances < 1000, instances, instances // 1000).astype(np.uint8)


def evaluate_replayed(root, predictions, folder, monkeypatch):
    """Evaluate predictions that are known beforehand, in the order of the frames, and compare with the official."""
    replay = iter(predictions)
    monkeypatch.setattr("cs_utils.evaluation.predict.predict", lambda *_: next(replay))
    frames = find_frames(root, "val")
    evaluation = evaluate(torch.nn.Identity(), frames, (32, 64), export=folder)
    return evaluation, compare_with_official(evaluation, frames, folder)


def random_truth(rng):
    """Blocks of few labels, so that classes are absent; things are instances of all sizes, or groups."""
    labels = rng.choice([label.id for label in LABELS if label.id >= 0], rng.integers(1, 20), replace=False)
    blocks = np.repeat(np.repeat(rng.choice(labels, (10, 16)), 4, axis=0), 4, axis=1)  # (40, 64)
    numbers = np.repeat(np.repeat(rng.choice([0, 1, 2, 30, 999], (10, 16)), 4, axis=0), 4, axis=1)
    single = np.isin(blocks, WITH_INSTANCES) & np.repeat(np.repeat(rng.random((10, 16)) < 0.7, 4, axis=0), 4, axis=1)
    instances = np.where(single, blocks * 1000 + numbers, blocks)
    if rng.random() < 0.5:  # an instance of one pixel
        instances[rng.integers(40), rng.integers(64)] = rng.choice(WITH_INSTANCES) * 1000 + 7
    # By chance a picture of blocks looks like one of trainIds, which is refused.
    return random_truth(rng) if encoding_problem(label_ids(instances), None) else instances


def random_prediction(rng, instances):
    """Partly right, partly any class, partly void, and partly values that no class has."""
    truth = id_to_train_id(label_ids(instances))
    guess = rng.choice(rng.choice(19, rng.integers(1, 19), replace=False), truth.shape).astype(np.uint8)
    guess[rng.random(truth.shape) < 0.1] = VOID
    guess[rng.random(truth.shape) < 0.02] = rng.choice([19, 20])
    return np.where(rng.random(truth.shape) < rng.random(), truth, guess)


# ------------------------------------------------------------------------------------------------- agreement


@pytest.mark.parametrize("seed", range(RANDOM_SETS))
def test_every_score_is_the_official_one_on_random_sets(seed, tmp_path, monkeypatch):
    rng = np.random.default_rng(seed)
    truths = [random_truth(rng) for _ in range(rng.integers(1, 5))]
    write_set(tmp_path / "data", truths)
    predictions = [random_prediction(rng, truth) for truth in truths]
    evaluation, comparison = evaluate_replayed(tmp_path / "data", predictions, tmp_path / "out", monkeypatch)
    assert comparison.differing.empty, comparison
    assert len(comparison.table) == (56 if evaluation.instances else 28)


def test_the_random_sets_hold_what_is_hard():
    rng = np.random.default_rng(0)
    truths = [random_truth(rng) for _ in range(30)]
    predictions = [random_prediction(rng, truth) for truth in truths]
    plain = np.concatenate([truth[truth < 1000] for truth in truths])
    single = np.concatenate([truth[truth > 1000] for truth in truths])
    assert set(WITH_INSTANCES) <= set(plain)  # groups
    assert set(WITH_INSTANCES) <= set(single // 1000)  # caravans and trailers among them
    assert {0, 999} <= set(single % 1000)
    assert {19, 20, VOID} <= set(np.concatenate(predictions).ravel())
    assert sum((np.unique(truth, return_counts=True)[1] == 1).any() for truth in truths) > 5


HARD = {
    "void only": ([np.full((8, 8), ID["dynamic"])], [np.full((8, 8), CLASS["car"])]),
    "void only, and void predicted": ([np.zeros((8, 8))], [np.full((8, 8), VOID)]),
    "one void-only image among others": (
        [np.zeros((8, 8)), np.full((8, 8), 26_001)],
        [np.full((8, 8), CLASS["person"]), np.full((8, 8), CLASS["car"])],
    ),
    "groups only": ([np.full((8, 8), ID["person"])], [np.full((8, 8), CLASS["person"])]),
    "a group taken for another class": (
        [np.vstack([np.full((4, 8), ID["car"]), np.full((4, 8), 24_000)])],
        [np.full((8, 8), CLASS["person"])],
    ),
    "a class predicted and absent": ([np.full((8, 8), 26_003)], [np.full((8, 8), CLASS["train"])]),
    "all predicted as void": ([np.full((8, 8), 33_000)], [np.full((8, 8), VOID)]),
    "all right": ([np.full((8, 8), 33_000)], [np.full((8, 8), CLASS["bicycle"])]),
    "caravans are not evaluated": ([np.full((8, 8), 29_001)], [np.full((8, 8), CLASS["car"])]),
    "void that is numbered": (
        [np.vstack([np.full((4, 8), 5_002), np.full((4, 8), 24_001)])],
        [np.full((8, 8), CLASS["person"])],
    ),
    # 13 of 22 pixels hit and 2 false alarms: here the last digit shows in which order iTP, FP and iFN are added up
    "a sum that rounds": (
        [np.repeat([24_000, ID["road"]], [22, 2])[None]],
        [np.repeat([CLASS["person"], VOID, CLASS["person"]], [13, 9, 2])[None]],
    ),
    "the same number in two images": (
        [np.full((8, 8), 26_001), np.full((8, 8), 26_001)],
        [np.full((8, 8), CLASS["car"]), np.full((8, 8), CLASS["bus"])],
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_every_score_is_the_official_one_on_hard_cases(name, tmp_path, monkeypatch):
    truths, predictions = HARD[name]
    write_set(tmp_path / "data", truths)
    predictions = [prediction.astype(np.uint8) for prediction in predictions]
    _, comparison = evaluate_replayed(tmp_path / "data", predictions, tmp_path / "out", monkeypatch)
    assert comparison.differing.empty, comparison


def test_a_license_plate_is_no_class(tmp_path):
    # Its id, -1, does not fit into 8 bits: written down it is 255, and must count as void on both sides.
    assert BY_NAME["license plate"].train_id == -1
    plate = np.full((4, 4), -1).astype(np.uint8)
    frame = Frame(tmp_path, "val", "gamma", "gamma_000000_000000")
    assert (read_mask(export_label_ids(plate, frame, tmp_path)) == 0).all()
    assert count_instances(np.full((4, 4), 26_000, np.uint16), plate)[0][2:] == (0, 0)


def test_every_score_is_the_official_one_on_minicity(tmp_path, monkeypatch):
    count = 12 if SOAK else 3
    make_minicity(tmp_path / "data", 1, count, (128, 256), processes=1)
    frames = find_frames(tmp_path / "data", "val")
    rng = np.random.default_rng(0)
    predictions = []
    for frame in frames:
        truth = id_to_train_id(read_mask(frame.label_ids))
        predictions.append(np.where(rng.random(truth.shape) < 0.7, truth, np.roll(truth, 5, axis=1)))
    evaluation, comparison = evaluate_replayed(tmp_path / "data", predictions, tmp_path / "out", monkeypatch)
    assert comparison.differing.empty, comparison
    assert evaluation.instances > 10 * count
    assert "all 56 scores agree with the official ones to the last digit" in str(comparison)


# --------------------------------------------------------------------------------------------- iIoU by hand


def test_iiou_by_hand():
    # persons of 2 and 4 pixels, a rider of 1, then a group of persons, road and void
    truth = np.array([[24_000, 24_000, 24_003, 24_003, 24_003, 24_003, 25_000, 24, 24, 7, 7, 0]], np.uint16)
    guess = ["person", "rider", "person", "person", "person", "car", "car", "rider", "person", "person", "car", "car"]
    prediction = np.array([[CLASS[name] for name in guess]], np.uint8)
    found = count_instances(truth, prediction)
    assert [tuple(item) for item in found] == [(11, 2, 1, 2), (11, 4, 3, 3), (12, 1, 0, 0)]
    ids = np.where(truth < 1000, truth, truth // 1000).astype(np.uint8)
    matrix = confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(id_to_train_id(ids)))
    person, rider = AVERAGE_PIXELS["person"], AVERAGE_PIXELS["rider"]
    classes = instance_iou(found, matrix)
    # person: hit 1/2 and 3/4, missed 1/2 and 1/4, one false alarm, on road
    assert classes["person"] == pytest.approx(person * 1.25 / (person * 2 + 1))
    assert classes["rider"] == 0
    assert classes["car"] == 0  # no car is there, and three pixels of valid ground truth are called one
    assert math.isnan(classes["train"])
    categories = instance_category_iou(found, matrix)
    # human: a rider on a person is right; the group is human and no instance; one false alarm, on road
    assert categories["human"] == pytest.approx(person * 1.75 / (person * 2 + rider + 1))
    assert list(classes.index) == [label.name for label in CLASSES if label.has_instances]
    assert list(categories.index) == ["human", "vehicle"]


def test_iiou_weighs_instances_alike_where_iou_weighs_pixels():
    truth = np.repeat(np.array([26_000, 26_001], np.uint16), [90, 10])[None]
    prediction = np.repeat(np.array([CLASS["car"], VOID], np.uint8), [90, 10])[None]
    matrix = confusion_matrix(torch.from_numpy(prediction), torch.full((1, 100), CLASS["car"]))
    assert instance_iou(count_instances(truth, prediction), matrix)["car"] == pytest.approx(1 / 2)


def test_the_average_sizes_are_the_official_ones():
    theirs = load_evaluator().args.avgClassSize
    assert {name: theirs[name] for name in AVERAGE_PIXELS} == AVERAGE_PIXELS
    assert theirs.keys() - AVERAGE_PIXELS.keys() == {"caravan", "trailer"}


@pytest.mark.parametrize("value", [7_001, 34_000, 65_535])
def test_an_instance_of_what_has_none_is_refused(value):
    with pytest.raises(ValueError, match=f"value {value} is an instance of what has no instances"):
        count_instances(np.full((2, 2), value, np.uint16), np.zeros((2, 2), np.uint8))


def test_a_mean_is_added_up_one_after_another():
    # ten times 0.1, added one after another, is a little less than 1; any cleverer sum gives 1
    assert mean_score([0.1] * 5 + [math.nan] + [0.1] * 5) == 0.9999999999999999 / 10
    assert math.isnan(mean_score([math.nan]))


# ------------------------------------------------------------------------------------------------- what is said


@pytest.fixture
def small(tmp_path, monkeypatch):
    """One car, half of it hit, evaluated and exported."""
    write_set(tmp_path / "data", [np.full((4, 8), 26_000)])
    prediction = np.full((4, 8), CLASS["car"], np.uint8)
    prediction[:2] = CLASS["bus"]
    evaluation, comparison = evaluate_replayed(tmp_path / "data", [prediction], tmp_path / "out", monkeypatch)
    return evaluation, comparison, find_frames(tmp_path / "data", "val"), tmp_path / "out"


def test_the_table_shows_categories_and_iiou(small):
    evaluation = small[0]
    assert evaluation.table.loc["car", ["iou", "iiou"]].tolist() == [0.5, 0.5]
    assert evaluation.categories.loc["vehicle", ["iou", "iiou"]].tolist() == [1, 1]
    assert pd.isna(evaluation.table.loc["road", "iiou"])
    assert "iiou" in str(evaluation)
    assert "mean iIoU over 1 instances: 0.250 of 2 classes, 1.000 of 1 categories" in str(evaluation)


def test_a_difference_in_the_last_digit_is_found_and_named(small):
    evaluation, comparison, frames, folder = small
    assert comparison.differing.empty
    evaluation.table.loc["car", "iiou"] = np.nextafter(0.5, 1)
    comparison = compare_with_official(evaluation, frames, folder)
    # and with it the mean of the two classes
    assert list(comparison.differing.index) == [("class iIoU", "car"), ("class iIoU", "mean")]
    assert "2 of 56 scores differ from the official ones, first class iIoU of car: 0.50000000000" in str(comparison)


def test_a_changed_pixel_of_an_exported_file_is_found(small):
    evaluation, _, frames, folder = small
    path = next(folder.iterdir())
    ids = read_mask(path)
    ids[0, 0] = ID["car"]
    write_png(path, ids)
    assert ("class IoU", "car") in compare_with_official(evaluation, frames, folder).differing.index


def test_a_score_that_only_one_of_them_has_is_a_difference(small):
    evaluation, _, frames, folder = small
    evaluation.categories.loc["flat", "iou"] = 0
    assert ("category IoU", "flat") in compare_with_official(evaluation, frames, folder).differing.index


def test_numpy_is_left_as_it_was(small):
    assert small[1].differing.empty  # the evaluator has run, and it calls numpy.in1d
    assert hasattr(np, "in1d") == HAD_IN1D


def test_without_instances_there_is_no_iiou_and_it_is_said(tmp_path, monkeypatch):
    write_set(tmp_path / "data", [np.full((8, 8), ID["car"])])
    guess = np.full((8, 8), CLASS["car"], np.uint8)
    evaluation, comparison = evaluate_replayed(tmp_path / "data", [guess], tmp_path / "a", monkeypatch)
    assert "no iIoU: this data tells no instances apart" in str(evaluation)
    assert "iiou" not in evaluation.table and "iiou" not in str(evaluation)
    assert comparison.differing.empty and len(comparison.table) == 28
    for frame in find_frames(tmp_path / "data", "val"):
        frame.instance_ids.unlink()
    again, comparison = evaluate_replayed(tmp_path / "data", [guess], tmp_path / "b", monkeypatch)
    assert str(again) == str(evaluation)
    assert comparison.differing.empty


# ------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", "gamma_000001_000007_gtFine_instanceIds.png is missing, which others have: restore it"),
        ("size", r"instanceIds.png does not fit its photo \(instances \(4, 4\) and prediction \(8, 8\) must have"),
        ("value", r"instanceIds.png does not fit its photo \(value 7001 is an instance of what has no instances\)"),
    ],
)
def test_a_broken_instance_image_is_named(fault, message, tmp_path, monkeypatch):
    write_set(tmp_path / "data", [np.full((8, 8), 26_000)] * 2)
    frame = find_frames(tmp_path / "data", "val")[1]
    if fault == "missing":
        frame.instance_ids.unlink()
    else:
        shape, value = ((4, 4), 26_000) if fault == "size" else ((8, 8), 7_001)
        write_png(frame.instance_ids, np.full(shape, value, np.uint16))
    guess = np.zeros((8, 8), np.uint8)
    with pytest.raises(CourseError, match=message):
        evaluate_replayed(tmp_path / "data", [guess, guess], tmp_path / "out", monkeypatch)


def test_the_evaluator_is_missing_and_that_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "cityscapesscripts.evaluation", None)
    with pytest.raises(CourseError, match="is not installed: `python -m pip install cityscapesscripts`") as error:
        load_evaluator()
    assert "\n" not in str(error.value)


def test_a_wrong_variable_of_the_evaluator_is_one_line(monkeypatch, tmp_path):
    name = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
    monkeypatch.delattr(name)
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("CITYSCAPES_EXPORT_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(CourseError, match=r"cannot start: CITYSCAPES_EXPORT_DIR .*; correct or unset"):
        load_evaluator()


def test_a_stop_of_the_evaluator_is_one_line_and_not_the_end_of_the_program(small, capsys):
    _, _, frames, folder = small
    shutil.rmtree(folder)
    with pytest.raises(
        CourseError, match=r"official evaluator stopped \(ERROR: Unable to load .*labelIds.png\)"
    ) as error:
        official_result(frames, folder, with_instances=False)
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""
