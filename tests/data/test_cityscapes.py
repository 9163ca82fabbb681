import os
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from cs_utils.data.cityscapes import (
    find_frames,
    read_as_stored,
    read_frame,
    read_instances,
    read_mask,
    read_polygons,
    read_upright,
    write_png,
)
from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError


def test_frames_are_sorted_and_keep_their_frame_numbers(data_root):
    names = [frame.name for frame in find_frames(data_root, "train")]
    assert names == sorted(names)
    assert names[0] == "alpha_000001_000020"
    assert len(names) == 6


def test_a_frame_reads_as_rgb_and_train_ids(data_root):
    frame = find_frames(data_root, "train")[0]
    image, mask = read_frame(frame)
    assert image.shape == (32, 64, 3)
    assert image[10, 0, 2] > image[10, 0, 0]  # the sky is blue, so channels are in RGB order
    assert set(np.unique(mask)) == {0, 10, 13, 255}


def test_png_round_trip_of_every_kind(tmp_path):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    grey = rng.integers(0, 256, (5, 7), dtype=np.uint8)
    deep = rng.integers(0, 33001, (5, 7), dtype=np.uint16)
    for name, pixels, read in (("a", rgb, read_upright), ("b", grey, read_mask), ("c", deep, read_instances)):
        write_png(tmp_path / f"{name}.png", pixels)
        assert np.array_equal(read(tmp_path / f"{name}.png"), pixels)


def test_paths_may_have_spaces_and_letters_of_all_kinds(tmp_path):
    path = tmp_path / "Straße 1" / "写真.png"
    write_png(path, np.ones((2, 2), dtype=np.uint8))
    assert read_mask(path).sum() == 4


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, b"new")
    with pytest.raises(OSError, match="disk full"):
        write_png(path, np.zeros((2, 2), np.uint8))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_durable_file_is_on_the_disk_with_its_new_name(tmp_path, monkeypatch):
    """First its bytes, then the folder that knows it by its name; where a folder cannot be waited for, it goes on."""
    synced, path = [], tmp_path / "file"

    def sync(number):
        is_folder = stat.S_ISDIR(os.fstat(number).st_mode)
        synced.append((is_folder, path.exists()))
        if is_folder:
            raise OSError("not on this file system")

    monkeypatch.setattr(os, "fsync", sync)
    write_atomic(path, b"new", durable=True)
    assert synced == [(False, False), (True, True)]
    write_atomic(path, b"newer")
    assert len(synced) == 2


def test_missing_folder_and_empty_split_say_what_to_do(tmp_path, data_root):
    with pytest.raises(CourseError, match=r"nowhere is missing: make it with `python -m cs_utils data minicity`"):
        find_frames(tmp_path / "nowhere", "train")
    with pytest.raises(CourseError, match=r"no photos in .*test"):
        find_frames(data_root, "test")
    with pytest.raises(CourseError, match="'valid' is unknown: give one of train, val, test"):
        find_frames(data_root, "valid")


@pytest.mark.parametrize("half", ["image", "label_ids"])
def test_the_missing_half_of_a_pair_is_named(data_root, half):
    frame = find_frames(data_root, "train")[3]
    getattr(frame, half).unlink()
    with pytest.raises(CourseError, match=f"{getattr(frame, half).name} is missing: restore it"):
        find_frames(data_root, "train")


def test_what_macos_leaves_beside_its_files_is_no_frame(data_root):
    frame = find_frames(data_root, "train")[0]
    frame.image.with_name(f"._{frame.image.name}").write_bytes(b"resource fork")
    frame.label_ids.with_name(f"._{frame.label_ids.name}").write_bytes(b"resource fork")
    assert len(find_frames(data_root, "train")) == 6


def test_a_file_is_judged_by_its_content_not_by_its_name(data_root, tmp_path):
    image = read_upright(find_frames(data_root, "train")[0].image)
    (tmp_path / "really.png").write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
    assert read_upright(tmp_path / "really.png").shape == image.shape
    whole = cv2.imencode(".png", image)[1].tobytes()
    (tmp_path / "trailing.png").write_bytes(whole + b"0")
    assert np.array_equal(read_upright(tmp_path / "trailing.png")[..., ::-1], image)


@pytest.mark.parametrize("content", ["{", "[]", '{"imgHeight": 1, "imgWidth": 1}', '{"objects": []}'])
def test_a_broken_polygon_file_is_named(tmp_path, content):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(CourseError, match=r"p.json is not a polygon file"):
        read_polygons(tmp_path / "p.json")
    (tmp_path / "p.json").write_text('{"imgHeight": 1, "imgWidth": 1, "objects": [{"label": 5, "polygon": []}]}')
    with pytest.raises(CourseError, match="not a polygon file"):
        read_polygons(tmp_path / "p.json")


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "gone"])
def test_a_damaged_file_is_named(data_root, damage):
    path = find_frames(data_root, "train")[0].image
    if damage == "gone":
        path.unlink()
    else:
        whole = path.read_bytes()
        middle = len(whole) // 2
        garbage = whole[:middle] + bytes(50) + whole[middle + 50 :]
        path.write_bytes({"truncated": whole[:-20], "empty": b"", "garbage": garbage}[damage])
    with pytest.raises(CourseError, match=f"{path.name} (is truncated or not an image|is missing)"):
        read_upright(path)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint16)])
def test_a_colour_or_16_bit_mask_is_refused(tmp_path, pixels):
    write_png(tmp_path / "mask.png", pixels)
    with pytest.raises(CourseError, match=r"mask.png is no label image.*give labelIds.png"):
        read_mask(tmp_path / "mask.png")


def test_a_palette_mask_is_refused_rather_than_misread(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((4, 4), 7, np.uint8)).convert("P").save(tmp_path / "mask.png")
    with pytest.raises(CourseError, match="no label image"):
        read_mask(tmp_path / "mask.png")


def test_another_size_is_refused(data_root):
    frame = find_frames(data_root, "train")[0]
    write_png(frame.label_ids, np.zeros((32, 60), np.uint8))
    with pytest.raises(CourseError, match=r"labelIds.png is 60x32, its photo is 64x32"):
        read_frame(frame)


def test_a_number_that_is_no_label_id_is_refused(data_root):
    frame = find_frames(data_root, "train")[0]
    mask = read_mask(frame.label_ids)
    mask[0, 0] = 255
    write_png(frame.label_ids, mask)
    with pytest.raises(CourseError, match="holds 255, but label ids end at 33"):
        read_frame(frame)


def test_photos_are_turned_upright(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to look at it
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_upright(tmp_path / "photo.jpg").shape == (20, 10, 3)
    assert cv2.imread(str(tmp_path / "photo.jpg"), cv2.IMREAD_UNCHANGED).shape == (10, 20, 3)
    assert read_as_stored(tmp_path / "photo.jpg").shape == (10, 20, 3)


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("IMG_0001.HEIC", b"\0\0\0\x18ftypheic", "save it as JPEG or PNG"),
        ("clip.mp4", b"\0\0\0\x18ftypisom", "save it as JPEG or PNG"),
        ("https:/example.com/street.jpg", None, "is a web address: download"),
    ],
)
def test_what_people_take_for_a_photo_is_told_by_its_kind(tmp_path, monkeypatch, name, start, message):
    monkeypatch.chdir(tmp_path)
    if start:
        Path(name).write_bytes(start + bytes(100))
    with pytest.raises(CourseError, match=message):
        read_upright(Path(name))


def test_a_folder_in_a_photos_place_is_not_to_be_taken_away(tmp_path):
    with pytest.raises(CourseError, match="is not a file") as error:
        read_upright(tmp_path)
    assert "take away" not in str(error.value)


@pytest.mark.parametrize("ending", [".jpg", ".webp", ".png"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_photo_that_was_cut_off_is_refused_in_every_format(tmp_path, ending, share):
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    whole = cv2.imencode(ending, image)[1].tobytes()
    (tmp_path / "photo").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CourseError, match="is truncated or not an image"):
        read_upright(tmp_path / "photo")


def test_a_whole_photo_beyond_the_decoders_limits_is_not_called_broken(tmp_path):
    wide = np.zeros((1, 2**20 + 1, 3), np.uint8)
    (tmp_path / "wide.bmp").write_bytes(cv2.imencode(".bmp", wide)[1].tobytes())
    with pytest.raises(CourseError, match=r"wide.bmp cannot be decoded at its size \(.*WIDTH\): save it smaller"):
        read_upright(tmp_path / "wide.bmp")
