import fnmatch
import io
import shutil
import sys
import zipfile

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from PIL import Image
from torch import nn

from cs_utils.data.cityscapes import list_frames, read_upright, write_png
from cs_utils.evaluation.official import write_submission
from cs_utils.evaluation.predict import predict
from cs_utils.exceptions import CourseError
from cs_utils.labels import CLASSES, train_id_to_id

EVALUATED = {label.id for label in CLASSES}


def make_model(channels=19):
    torch.manual_seed(0)
    return nn.Conv2d(3, channels, kernel_size=3, padding=1)


@pytest.fixture
def test_split(data_root):
    """The folder, with its validation split as test split, without labels."""
    for top in ("leftImg8bit", "gtFine"):
        (data_root / top / "val").rename(data_root / top / "test")
    shutil.rmtree(data_root / "gtFine" / "test")
    return data_root


def read_as_the_server(path, root, split):
    """Find each image's prediction by name, and check it by the published rules; give the label ids of each."""
    photos = sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png"))
    found = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(photos)
        for photo in photos:
            city, sequence, frame, _ = photo.name.split("_")
            matching = [n for n in names if fnmatch.fnmatch(n.rpartition("/")[2], f"{city}_{sequence}_{frame}*.png")]
            assert len(matching) == 1
            data = archive.read(matching[0])
            assert data.startswith(b"\x89PNG")
            image = Image.open(io.BytesIO(data))
            assert image.mode == "L"  # 8-bit, one channel
            assert image.size == Image.open(photo).size
            found[photo.name] = np.array(image)
    return found


def test_the_server_accepts_the_archive(test_split, settings, tmp_path):
    out = tmp_path / "new" / "out.zip"
    assert write_submission(make_model(), test_split, "test", settings.image_size, out) == 2
    found = read_as_the_server(out, test_split, "test")
    ids = set(np.concatenate(list(found.values())).ravel())
    assert ids <= EVALUATED
    assert len(ids) > 5 and max(ids) > 18  # regular ids, for trainIds end at 18
    for frame in list_frames(test_split, "test"):
        expected = train_id_to_id(predict(make_model(), read_upright(frame.image), settings.image_size))
        assert np.array_equal(found[frame.image.name], expected)
    assert [path.name for path in out.parent.iterdir()] == ["out.zip"]


def test_void_that_a_network_predicts_is_the_id_of_unlabeled(data_root, settings, tmp_path):
    write_submission(make_model(21), data_root, "val", settings.image_size, tmp_path / "out.zip")
    ids = set(np.concatenate(list(read_as_the_server(tmp_path / "out.zip", data_root, "val").values())).ravel())
    assert 0 in ids and ids <= EVALUATED | {0}


def test_the_official_script_finds_each_prediction_in_the_unpacked_archive(data_root, settings, tmp_path, monkeypatch):
    write_submission(make_model(), data_root, "val", settings.image_size, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
        assert all(
            entry.external_attr >> 16 == 0o644 for entry in archive.infolist()
        )  # else unzip makes them unreadable
    monkeypatch.setenv("CITYSCAPES_RESULTS", str(tmp_path / "unpacked"))
    args = official.CArgs()
    args.predictionPath = args.predictionWalk = None
    frames = list_frames(data_root, "val")
    assert len({official.getPrediction(args, str(frame.label_ids)) for frame in frames}) == len(frames) == 2


def test_the_same_predictions_give_the_same_archive(data_root, settings, tmp_path):
    for name in ("a.zip", "b.zip"):
        write_submission(make_model(), data_root, "val", settings.image_size, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def pretend_benchmark(monkeypatch, cities, size=(32, 64)):
    monkeypatch.setattr("cs_utils.evaluation.official.CITYSCAPES_COUNTS", {"val": cities})
    monkeypatch.setattr("cs_utils.evaluation.official.CITYSCAPES_SIZE", size)


def test_a_whole_split_of_the_benchmark_is_accepted(data_root, settings, tmp_path, monkeypatch):
    pretend_benchmark(monkeypatch, {"gamma": 2})
    assert write_submission(make_model(), data_root, "val", settings.image_size, tmp_path / "out.zip") == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no photo", "gamma_000007_000007_leftImg8bit.png is missing: a submission needs every photo"),
        ("no photos", "no photos in"),
        ("size", "leftImg8bit.png is 62x32, and not 64x32: restore it"),
        pytest.param(
            *("dead link", "leftImg8bit.png is a link that leads nowhere"),
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make links"),
        ),
        ("truncated head", "leftImg8bit.png is truncated or not an image: restore the file"),
        ("truncated", "leftImg8bit.png is truncated or not an image: restore the file"),
        ("name", "'gamma_8_9' is no name to export"),
        ("city", "lies in the folder of another city"),
        ("too few", "holds 2 photos of 3: the server takes exactly one for each"),
        ("too many", "holds 2 photos of 1: the server takes exactly one for each"),
        ("a city too few", "lindau holds 0 photos of 59"),
        ("a city too many", "holds 1 photos of 0"),
        ("the benchmark's size", "leftImg8bit.png is 64x32, and not 2048x1024"),
    ],
)
def test_a_split_that_is_not_whole_is_refused_and_nothing_is_written(
    fault, message, data_root, settings, tmp_path, monkeypatch
):
    photo = list_frames(data_root, "val")[1].image
    if fault == "no photo":
        photo.unlink()
    elif fault == "no photos":
        for top in ("leftImg8bit", "gtFine"):
            shutil.rmtree(data_root / top / "val")
    elif fault == "dead link":
        photo.unlink()
        photo.symlink_to(data_root / "nowhere")
    elif fault == "size":
        write_png(photo, read_upright(photo)[:, :62])
    elif fault == "truncated head":
        photo.write_bytes(photo.read_bytes()[:20])
    elif fault == "truncated":
        photo.write_bytes(photo.read_bytes()[:-30])
    elif fault == "name":
        photo.with_name("gamma_8_9_leftImg8bit.png").write_bytes(photo.read_bytes())
    elif fault in ("city", "a city too many"):
        name = "gamma" if fault == "city" else "delta"
        other = photo.parent.with_name("delta") / photo.name.replace("gamma_000007", f"{name}_000009")
        other.parent.mkdir()
        shutil.copy(photo, other)
    benchmark = {
        "too few": {"gamma": 3},
        "too many": {"gamma": 1},
        "a city too few": {"gamma": 2, "lindau": 59},
        "a city too many": {"gamma": 2},
        "the benchmark's size": {"gamma": 2},
    }
    if fault in benchmark:
        pretend_benchmark(monkeypatch, benchmark[fault], size=(1024, 2048))
    out = tmp_path / "new" / "out.zip"
    with pytest.raises(CourseError, match=message) as error:
        write_submission(make_model(), data_root, "val", settings.image_size, out)
    assert "\n" not in str(error.value)
    assert not out.parent.exists() or list(out.parent.iterdir()) == []


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_archive_that_breaks_off_leaves_the_old_one(fault, data_root, settings, tmp_path, monkeypatch):
    out = tmp_path / "new" / "out.zip"
    write_submission(make_model(), data_root, "val", settings.image_size, out)
    before = out.read_bytes()
    calls = []

    def break_off(model, image, settings):
        calls.append(image)
        if len(calls) == 2:
            raise fault
        return predict(model, image, settings)

    monkeypatch.setattr("cs_utils.evaluation.official.predict", break_off)
    with pytest.raises(fault):
        write_submission(make_model(), data_root, "val", settings.image_size, out)
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["out.zip"]


@pytest.mark.parametrize("name", ["out.tar", "out", "folder.zip"])
def test_an_archive_has_a_name_of_its_own(name, data_root, settings, tmp_path, monkeypatch):
    (tmp_path / "folder.zip").mkdir()
    monkeypatch.setattr("cs_utils.evaluation.official.predict", None)  # refused before anything is predicted
    with pytest.raises(CourseError, match=r"is no name for a submission: name a file that ends in \.zip"):
        write_submission(make_model(), data_root, "val", settings.image_size, tmp_path / name)
