import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from torchvision.datasets import Cityscapes

from cs_utils.data import sources
from cs_utils.data.camvid import mask_polygons
from cs_utils.data.cityscapes import Frame, find_frames, read_instances, read_mask, read_upright, write_frame, write_png
from cs_utils.data.sources import VERSION_FILE, ensure_minicity, make_minicity, minicity_counts, minicity_frame
from cs_utils.exceptions import CourseError
from cs_utils.labels import instance_to_id
from cs_utils.settings import Settings
from minicity import Scene

SIZE = (64, 128)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Two training scenes and one for validation, made once; not to be changed."""
    root = tmp_path_factory.mktemp("once")
    assert make_minicity(root, 2, 1, SIZE, processes=1) == 3
    return root


@pytest.fixture
def made(once, tmp_path):
    """A copy of them."""
    return Path(shutil.copytree(once, tmp_path / "made"))


def make_frame(root):
    ids = np.full((8, 16), 7, np.uint8)
    scene = Scene(np.zeros((8, 16, 3), np.uint8), mask_polygons(ids))
    write_frame(Frame(root, "train", "a", "a_000000_000000"), scene, ids, ids.astype(np.uint16))


def test_minicity_is_written_in_the_official_layout(tmp_path):
    assert make_minicity(tmp_path, 3, 2, SIZE, processes=2) == 5
    dataset = Cityscapes(
        str(tmp_path), split="val", mode="fine", target_type=["semantic", "instance", "color", "polygon"]
    )
    assert len(dataset) == 2
    for frame in find_frames(tmp_path, "train"):
        ids, instances = read_mask(frame.label_ids), read_instances(frame.instance_ids)
        assert read_upright(frame.image).shape == (*SIZE, 3)
        assert ids.shape == SIZE
        assert np.array_equal(instance_to_id(instances), ids)
        assert cv2.imread(str(frame.color), cv2.IMREAD_UNCHANGED).shape == (*SIZE, 4)
        polygons = json.loads(frame.polygons.read_text())
        assert (polygons["imgHeight"], polygons["imgWidth"]) == SIZE


def test_an_interrupted_write_goes_on_and_gives_the_same_bytes(once, tmp_path):
    make_minicity(tmp_path / "b", 1, 0, SIZE, processes=1)
    untouched = find_frames(tmp_path / "b", "train")[0].image
    before = untouched.stat().st_mtime_ns
    # A frame that was being written: its photo is there, its labels are not.
    half = tmp_path / "b" / find_frames(once, "train")[1].image.relative_to(once)
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"half")
    assert make_minicity(tmp_path / "b", 2, 1, SIZE, processes=1) == 2
    assert make_minicity(tmp_path / "b", 2, 1, SIZE, processes=1) == 0
    assert untouched.stat().st_mtime_ns == before
    with pytest.raises(CourseError, match="processes=0 is out of range"):
        make_minicity(tmp_path / "b", 3, 1, SIZE, processes=0)
    files = [path.relative_to(once) for path in sorted(once.rglob("[!.]*")) if path.is_file()]
    assert len(files) == 3 * 5 + 1  # and the version
    assert all((once / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_a_smaller_call_finishes_what_a_larger_one_broke_off(made):
    broken = find_frames(made, "train")[-1]
    broken.label_ids.unlink()
    assert make_minicity(made, 1, 0, SIZE, processes=1) == 1
    assert len(find_frames(made, "train")) == 2


def test_the_label_ids_are_written_last(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("cs_utils.data.cityscapes.Path.replace", lambda _, path: written.append(path.name))
    make_frame(tmp_path)
    assert len(written) == 5
    assert written[-1].endswith("_labelIds.png")


@pytest.mark.parametrize("broken_off", [False, True])
def test_scenes_of_two_sizes_are_not_mixed(made, broken_off):
    if broken_off:  # before its first scene was whole
        minicity_frame(made, "train", 0).label_ids.unlink()
        minicity_frame(made, "val", 0).label_ids.unlink()
    with pytest.raises(CourseError, match="holds scenes of another size than 256x128"):
        make_minicity(made, 3, 0, (128, 256), processes=1)


@pytest.mark.parametrize("name", ["aachen_000000_000019", "photo", "ashtown_999999_000000", "ashtown_x_000000"])
def test_made_scenes_are_not_mixed_with_others(tmp_path, name):
    city = name.partition("_")[0]
    write_png(Frame(tmp_path, "train", city, name).image, np.zeros((2, 4, 3), np.uint8))
    with pytest.raises(CourseError, match=f"holds {name}, which is no scene of MiniCity: name another folder"):
        make_minicity(tmp_path, 1, 0, SIZE, processes=1)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_only_the_profiles_own_folder_is_filled(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("cs_utils.data.sources.make_minicity", lambda *arguments: made.append(arguments))
    ensure_minicity(Settings.of_profile("tiny", data=tmp_path))
    assert made == []
    tiny = Settings.of_profile("tiny")
    ensure_minicity(tiny)
    assert made == [(tiny.data, 24, 8, tiny.scene_size)]


def test_without_a_limit_a_profile_makes_what_it_asks_for_by_itself():
    laptop, slides = Settings.of_profile("laptop"), Settings.of_profile("slides")
    assert minicity_counts(laptop.replace(train_images=None, val_images=None)) == minicity_counts(laptop) == (200, 50)
    assert minicity_counts(laptop.replace(train_images=2975)) == (2975, 50)
    assert minicity_counts(slides) == (2975, 500)


def test_gigabytes_are_announced_before_they_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "ProcessPoolExecutor", lambda *_, **__: pytest.fail("begun"))
    with pytest.raises(pytest.fail.Exception, match="begun"):
        make_minicity(tmp_path, 2000, 0, (512, 1024))
    assert "2000 scenes to make, about 1.9 GB" in capsys.readouterr().err


@pytest.fixture
def older(made):
    """A folder of scenes that an older version has made: one that left no file of its version."""
    (made / VERSION_FILE).unlink()
    for frame in find_frames(made, "train"):
        write_png(frame.label_ids, np.full(SIZE, 7, np.uint8))
    return made


@pytest.mark.parametrize("file", [None, "1.5"])
def test_scenes_of_two_versions_are_not_mixed_in_a_folder_that_the_user_named(older, file, monkeypatch):
    if file:
        (older / VERSION_FILE).write_text(file)
    before = {path: path.read_bytes() for path in older.rglob("[!.]*") if path.is_file()}
    monkeypatch.setattr(sources, "VERSION", "9.9")
    with pytest.raises(
        CourseError, match=f"holds scenes of MiniCity {file or '1.0'}, and this is MiniCity 9.9"
    ) as error:
        make_minicity(older, 3, 1, SIZE, processes=1)
    assert len(str(error.value).splitlines()) == 1
    assert {path: path.read_bytes() for path in older.rglob("[!.]*") if path.is_file()} == before


def test_a_default_folder_of_an_older_version_is_made_again(older, monkeypatch, capsys):
    monkeypatch.setattr(sources, "is_default_folder", lambda root: root == older)
    (older / "notes.txt").write_text("the user's own")
    assert make_minicity(older, 2, 1, SIZE, processes=1) == 3
    assert "are made again" in capsys.readouterr().err
    assert all(len(np.unique(read_mask(frame.label_ids))) > 1 for frame in find_frames(older, "train"))
    assert (older / "notes.txt").exists()
    assert make_minicity(older, 2, 1, SIZE, processes=1) == 0
    assert capsys.readouterr().err == ""


def test_a_default_folder_with_other_data_keeps_them(older, monkeypatch):
    monkeypatch.setattr(sources, "is_default_folder", lambda root: True)
    real = Frame(older, "train", "aachen", "aachen_000000_000019")
    write_png(real.image, np.zeros((2, 4, 3), np.uint8))
    count = len([*older.rglob("*.png")])
    with pytest.raises(CourseError, match="is no scene of MiniCity"):
        make_minicity(older, 2, 1, SIZE, processes=1)
    assert len([*older.rglob("*.png")]) == count
