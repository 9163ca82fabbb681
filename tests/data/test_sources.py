import json

import cv2
import numpy as np
import pytest
from torchvision.datasets import Cityscapes

from cs_utils.data.cityscapes import Frame, find_frames, read_instances, read_mask, read_upright, write_png
from cs_utils.data.sources import (
    CAMVID_LABELS,
    convert_camvid,
    ensure_minicity,
    make_minicity,
    mask_polygons,
    write_frame,
)
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME, instance_to_id
from cs_utils.settings import Settings
from minicity import Scene, draw_label_ids

SIZE = (64, 128)


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


def test_an_interrupted_write_goes_on_and_gives_the_same_bytes(tmp_path):
    make_minicity(tmp_path / "a", 2, 1, SIZE, processes=1)
    make_minicity(tmp_path / "b", 1, 0, SIZE, processes=1)
    untouched = find_frames(tmp_path / "b", "train")[0].image
    before = untouched.stat().st_mtime_ns
    # A frame that was being written: its photo is there, its labels are not.
    half = find_frames(tmp_path / "a", "train")[1]
    (tmp_path / "b" / half.image.relative_to(tmp_path / "a")).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "b" / half.image.relative_to(tmp_path / "a")).write_bytes(b"half")
    assert make_minicity(tmp_path / "b", 2, 1, SIZE, processes=1) == 2
    assert make_minicity(tmp_path / "b", 2, 1, SIZE, processes=1) == 0
    assert untouched.stat().st_mtime_ns == before
    with pytest.raises(CourseError, match="processes=0 is out of range"):
        make_minicity(tmp_path / "b", 3, 1, SIZE, processes=0)
    files = [path.relative_to(tmp_path / "a") for path in sorted((tmp_path / "a").rglob("*")) if path.is_file()]
    assert len(files) == 3 * 5
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_a_smaller_call_finishes_what_a_larger_one_broke_off(tmp_path):
    make_minicity(tmp_path, 3, 0, SIZE, processes=1)
    broken = find_frames(tmp_path, "train")[-1]
    broken.label_ids.unlink()
    assert make_minicity(tmp_path, 1, 0, SIZE, processes=1) == 1
    assert len(find_frames(tmp_path, "train")) == 3


def test_the_label_ids_are_written_last(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("cs_utils.data.cityscapes.Path.replace", lambda _, path: written.append(path.name))
    make_frame(tmp_path)
    assert len(written) == 5
    assert written[-1].endswith("_labelIds.png")


def test_scenes_of_two_sizes_are_not_mixed(tmp_path):
    make_minicity(tmp_path, 1, 0, SIZE, processes=1)
    with pytest.raises(CourseError, match="holds scenes of another size than 256x128"):
        make_minicity(tmp_path, 2, 0, (128, 256))


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


@pytest.fixture
def camvid(tmp_path):
    rng = np.random.default_rng(0)
    for split, numbers in (("train", (30, 60)), ("val", (90,))):
        for number in numbers:
            classes = cv2.resize(rng.integers(0, 12, (6, 8), dtype=np.uint8), (48, 36), interpolation=cv2.INTER_NEAREST)
            write_png(tmp_path / f"{split}annot" / f"0001TP_{number:06d}.png", classes)
            write_png(tmp_path / split / f"0001TP_{number:06d}.png", rng.integers(0, 256, (36, 48, 3), dtype=np.uint8))
    return tmp_path


def test_camvid_becomes_cityscapes(camvid, tmp_path):
    root = tmp_path / "out"
    # One photo as JPEG, as they may be.
    photo = camvid / "train" / "0001TP_000030.png"
    cv2.imwrite(str(photo.with_suffix(".jpg")), cv2.imread(str(photo)))
    photo.unlink()
    assert convert_camvid(camvid, root) == {"train": 2, "val": 1}
    frame = find_frames(root, "train")[0]
    assert frame.name == "0001TP_000030_000000"
    classes = read_mask(camvid / "trainannot" / "0001TP_000030.png")
    ids = read_mask(frame.label_ids)
    wanted = [23, 11, 17, 7, 8, 21, 20, 13, 26, 24, 25, 0]
    assert [BY_NAME[name].id for name in CAMVID_LABELS] == wanted
    for value, label_id in enumerate(wanted):
        assert (ids[classes == value] == label_id).all()
    _, (semantic, instance, color, polygon) = Cityscapes(
        str(root), split="train", target_type=["semantic", "instance", "color", "polygon"]
    )[0]
    assert np.array_equal(np.array(semantic), ids)
    assert np.array_equal(np.array(instance), ids)
    assert np.array(color).shape == (36, 48, 4)
    assert polygon["imgWidth"] == 48


def test_outlines_of_a_mask_draw_the_mask_again():
    rng = np.random.default_rng(3)
    ids = cv2.resize(rng.choice(np.array([7, 11, 26], np.uint8), (6, 8)), (160, 120), interpolation=cv2.INTER_NEAREST)
    ids[30:40, 30:40] = 24  # a person inside something else
    objects = mask_polygons(ids)
    assert {item.label for item in objects} == {"road", "building", "cargroup", "persongroup"}
    assert (draw_label_ids(objects, 120, 160) == ids).mean() > 0.98


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no annotation", "0001TP_000030.png is missing"),
        ("other size", "0001TP_000030.png is 40x36, its photo is not"),
        ("value", "0001TP_000030.png holds 12, but CamVid's classes end at 11"),
        ("name", "holiday.png is not named as CamVid's photos are"),
        ("empty", "holds no CamVid"),
    ],
)
def test_what_is_wrong_with_camvid_is_said(camvid, tmp_path, fault, message):
    annotation = camvid / "trainannot" / "0001TP_000030.png"
    if fault == "no annotation":
        annotation.unlink()
    elif fault == "other size":
        write_png(annotation, np.zeros((36, 40), np.uint8))
    elif fault == "value":
        write_png(annotation, np.full((36, 48), 12, np.uint8))
    elif fault == "name":
        annotation.rename(annotation.with_name("holiday.png"))
        (camvid / "train" / "0001TP_000030.png").rename(camvid / "train" / "holiday.png")
    with pytest.raises(CourseError, match=message):
        convert_camvid(camvid / "nowhere" if fault == "empty" else camvid, tmp_path / "out")


def test_hidden_files_of_camvid_are_left_out(camvid, tmp_path):
    (camvid / "train" / "._0001TP_000030.png").write_bytes(b"resource fork")
    assert convert_camvid(camvid, tmp_path / "out") == {"train": 2, "val": 1}


def test_two_photos_of_one_camvid_frame_are_refused_before_anything_is_written(camvid, tmp_path):
    photo = camvid / "train" / "0001TP_000030.png"
    cv2.imwrite(str(photo.with_name("0001TP_30.jpg")), cv2.imread(str(photo)))
    with pytest.raises(CourseError, match=r"0001TP_000030.png and 0001TP_30.jpg are the same frame: take one of them"):
        convert_camvid(camvid, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_photo_of_camvid_stays_as_its_labels_are(camvid, tmp_path):
    from PIL import Image

    path, exif = camvid / "train" / "0001TP_000030.png", Image.Exif()
    pixels, exif[0x0112] = np.array(Image.open(path)), 3  # turned by 180 degrees, for who looks at it
    Image.fromarray(pixels).save(path, exif=exif)
    convert_camvid(camvid, tmp_path / "out")
    assert np.array_equal(read_upright(find_frames(tmp_path / "out", "train")[0].image), pixels)
