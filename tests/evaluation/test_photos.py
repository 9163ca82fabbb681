import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cs_utils import evaluation
from cs_utils.cli import main
from cs_utils.data.cityscapes import find_frames, read_mask, read_upright, write_png
from cs_utils.evaluation.photos import find_photos, keep_shape, predict_files
from cs_utils.evaluation.predict import overlay, predict
from cs_utils.labels import colorize
from cs_utils.models.zoo import BEST, build, save_weights
from helpers import SOAK, ByColour

SIZE = (32, 64)
STARTS = {
    "IMG_1.HEIC": (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "JPEG"),
    "IMG_2.jpg": (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heix", "HEIC"),  # by what it holds, whatever it is called
    "clip.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "video"),
    "clip.mov": (b"\0\0\0\x14ftypqt  ", "video"),
    "clip.avi": (b"RIFF\0\0\0\0AVI LIST", "video"),
    "clip.webm": (b"\x1aE\xdf\xa3\x9f", "video"),
    "scan.pdf": (b"%PDF-1.7\n", "PDF"),
    "photo.txt": (b"no photo", "not an image"),
    "empty.jpg": (b"", "not an image"),
}


@pytest.fixture
def photos(settings, tmp_path):
    """A folder with two photos and a text, and one more photo that lies deeper."""
    folder = tmp_path / "mine"
    first, second = (read_upright(frame.image) for frame in find_frames(settings.data, "val"))
    write_png(folder / "b.png", first)
    write_png(folder / "A.PNG", second)
    write_png(folder / "deep" / "c.png", second)
    (folder / "notes.txt").write_text("x")
    return folder


def predict_all(names, out, **options):
    return list(predict_files(ByColour(), names, SIZE, out, **options))


def test_photos_give_mask_colours_and_overlay_at_their_own_size(photos, tmp_path):
    photo = photos / "mein Foto.jpg"
    photo.write_bytes((photos / "b.png").read_bytes())
    (outcome,) = predict_all([photo], tmp_path / "out")
    assert outcome.overlay == tmp_path / "out" / "mein Foto_overlay.png"
    image = read_upright(photo)
    mask = predict(ByColour(), image, SIZE)
    ids = read_mask(tmp_path / "out" / "mein Foto_labelIds.png")
    assert ids.shape == (32, 64)
    assert set(np.unique(ids)) <= {7, 23, 26}
    assert np.array_equal(read_upright(tmp_path / "out" / "mein Foto_color.png"), colorize(mask))
    assert np.array_equal(read_upright(outcome.overlay), overlay(image, mask))
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_heat_map_shows_how_sure_it_is(photos, tmp_path):
    (outcome,) = predict_all([photos / "b.png"], tmp_path, with_confidence=True)
    assert outcome.problem is None
    assert read_upright(tmp_path / "b_confidence.png").shape == (32, 64, 3)


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((1000, 2000), (160, 320)),  # the network's own shape
        ((4000, 3000), (256, 192)),  # 261.3 and 196.0, to the nearest multiples of 16
        ((1000, 8000), (80, 640)),
        ((8000, 1000), (640, 80)),
        ((1, 700), (16, 3200)),  # not 16 x 5986: no more pixels than the network's area
        ((1, 1), (224, 224)),
    ],
)
def test_a_photo_keeps_its_shape_at_the_networks_area(shape, seen):
    assert keep_shape(shape, (160, 320)) == seen


def test_a_portrait_is_not_squeezed(photos, tmp_path):
    upright = np.ascontiguousarray(np.rot90(read_upright(photos / "b.png")))
    write_png(photos / "tall.png", upright)
    predict_all([photos / "tall.png"], tmp_path)
    color = read_upright(tmp_path / "tall_color.png")
    assert np.array_equal(color, colorize(predict(ByColour(), upright, (64, 32))))


def test_folders_and_patterns_stand_for_their_photos_in_order_and_once(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    a, b, c = (Path("mine", *names) for names in (["A.PNG"], ["b.png"], ["deep", "c.png"]))
    assert find_photos(["mine"]) == [a, b]
    assert find_photos(["mine/*.png", "mine"]) == [b, a]
    assert find_photos(["mine/**/*.png"]) == [b, c]
    assert find_photos(["mine/b.png", "mine/deep"]) == [b, c]
    assert find_photos(["mine/b.png", photos / "b.png", "mine"]) == [b, a]
    # A name that holds the signs of a pattern is that file.
    odd = photos / "d[1].png"
    odd.write_bytes(b.read_bytes())
    assert find_photos([odd]) == [odd]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("https://example.com/street.jpg", "save the photo"),
        ("mine/nothing*.jpg", "no file"),
        ("mine/missing.jpg", "missing"),
        ("hollow", "no photos"),
        ("n" * 300, "File name too long"),
        ("a\0.jpg", "missing"),
    ],
)
def test_a_name_that_is_no_photo_says_what_to_do(photos, name, word, monkeypatch, tmp_path):
    monkeypatch.chdir(photos.parent)
    (tmp_path / "hollow").mkdir()
    outcome, other = predict_all([name, "mine/b.png"], tmp_path / "out")
    assert word in outcome.problem
    assert name in outcome.problem
    assert other.overlay.exists()


@pytest.mark.parametrize("name", STARTS)
def test_what_is_not_read_here_says_what_it_is_and_never_to_take_it_away(photos, name, tmp_path):
    content, word = STARTS[name]
    (photos / name).write_bytes(content)
    first, second = predict_all([photos / name, photos / "b.png"], tmp_path / "out")
    assert word in first.problem
    assert name in first.problem
    assert len(first.problem.splitlines()) == 1
    for dangerous in ("delete", "remove", "take away"):
        assert dangerous not in first.problem
    assert second.overlay.exists()


def test_avif_is_read_though_it_begins_like_heic(tmp_path):
    image = np.full((32, 64, 3), 120, np.uint8)
    if not cv2.haveImageWriter("a.avif"):
        pytest.skip("this OpenCV writes no AVIF")
    (tmp_path / "a.avif").write_bytes(cv2.imencode(".avif", image)[1].tobytes())
    (outcome,) = predict_all([tmp_path / "a.avif"], tmp_path / "out")
    assert outcome.problem is None


def test_two_photos_of_one_name_are_not_written_over_each_other(photos, tmp_path):
    (photos / "deep" / "b.png").write_bytes((photos / "b.png").read_bytes())
    first, second, third = predict_all([photos / "b.png", photos / "deep"], tmp_path / "out")
    assert first.overlay.exists()
    assert "b.png has the name of" in second.problem
    assert third.overlay.exists()


def test_a_photo_that_cannot_be_predicted_does_not_stand_in_the_way_of_another_of_its_name(photos, tmp_path):
    """A phone's own HEIC often lies beside the JPEG that was made of it."""
    (photos / "b.heic").write_bytes(STARTS["IMG_1.HEIC"][0])
    first, second = predict_all([photos / "b.heic", photos / "b.png"], tmp_path / "out")
    assert "HEIC" in first.problem
    assert second.problem is None
    assert second.overlay.exists()


def test_names_that_differ_in_their_case_only_are_one(photos, tmp_path):
    """macOS and Windows would write the one over the other."""
    (photos / "deep" / "B.png").write_bytes((photos / "b.png").read_bytes())
    first, second = predict_all([photos / "b.png", photos / "deep" / "B.png"], tmp_path / "out")
    assert first.overlay.exists()
    assert "has the name of" in second.problem


def test_no_photo_is_written_over_by_what_is_predicted(photos, tmp_path, monkeypatch):
    (photos / "b_color.png").write_bytes(before := (photos / "A.PNG").read_bytes())
    monkeypatch.chdir(tmp_path)
    outcomes = predict_all([photos], Path("mine"))
    assert [outcome.problem for outcome in outcomes] == [
        None,
        f"{photos / 'b.png'} would overwrite the photo {photos / 'b_color.png'}: give another --out",
        None,
    ]
    assert (photos / "b_color.png").read_bytes() == before
    assert all(outcome.overlay for outcome in predict_all([photos / "b.png"], tmp_path / "out"))


def test_no_photo_is_written_over_where_capitals_are_small_letters(photos):
    (photos / "B_color.png").write_bytes((photos / "A.PNG").read_bytes())
    problems = [outcome.problem for outcome in predict_all([photos], photos) if outcome.problem]
    assert problems == [f"{photos / 'b.png'} would overwrite the photo {photos / 'B_color.png'}: give another --out"]


def test_the_command_does_the_others_and_ends_with_one(photos, settings, capsys, tmp_path):
    run = tmp_path / "run"
    save_weights(build(settings), run / BEST, settings)
    whole = (photos / "b.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    # A run's folder does for its weights.
    assert main(["predict", str(photos), "--weights", str(run), "--out", str(out), "--accelerator", "cpu"]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(out / "A_overlay.png"), str(out / "b_overlay.png")]
    errors = printed.err.splitlines()
    assert "cut.png is truncated" in errors[-2]
    assert errors[-1] == "2 photos predicted, 1 not"


def test_the_weights_that_come_with_the_course_predict_without_being_named(photos, capsys, tmp_path):
    assert main(["predict", str(photos / "b.png"), "--out", str(tmp_path), "--accelerator", "cpu"]) == 0
    assert read_mask(tmp_path / "b_labelIds.png").shape == (32, 64)


def run_out(kind):
    """What really happens when the memory is over, or something else fails."""
    if kind == "NumPy":
        np.empty(2**50)
    if kind == "OpenCV":
        cv2.resize(np.zeros((1, 1), np.uint8), (2**20, 2**30))  # more than there are addresses
    if kind == "PyTorch on a CPU":
        torch.empty(2**46)
    if kind == "PyTorch on a GPU":
        raise torch.OutOfMemoryError("CUDA out of memory.")
    if kind == "PyTorch on macOS":
        raise RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB, other allocations: 1.00 GB)")
    if kind == "PyTorch on Windows":
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory")
    if kind == "OpenCV, another error":
        cv2.resize(np.zeros((0, 0), np.uint8), (2, 2))
    raise RuntimeError("something else")


KINDS = ("NumPy", "OpenCV", "PyTorch on a CPU", "PyTorch on a GPU", "PyTorch on macOS", "PyTorch on Windows")


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_that_is_too_large_for_the_memory_costs_the_others_nothing(photos, tmp_path, monkeypatch, kind):
    read = evaluation.photos.read_any_photo
    monkeypatch.setattr(evaluation.photos, "read_any_photo", lambda p: run_out(kind) if p.name == "A.PNG" else read(p))
    first, second = predict_all([photos / "A.PNG", photos / "b.png"], tmp_path / "out")
    assert "too large for this machine's memory" in first.problem
    assert second.overlay.exists()


@pytest.mark.parametrize(("kind", "error"), [("OpenCV, another error", cv2.error), ("a mistake", RuntimeError)])
def test_another_error_is_not_taken_for_a_want_of_memory(photos, tmp_path, monkeypatch, kind, error):
    monkeypatch.setattr(evaluation.photos, "read_any_photo", lambda path: run_out(kind))
    with pytest.raises(error):
        predict_all([photos / "A.PNG"], tmp_path / "out")


MEMORY = """
import sys
from pathlib import Path
sys.path.append(sys.argv[4])
from cs_utils.evaluation.photos import predict_files
from helpers import SOAK, ByColour

def peak(photo):
    (outcome,) = predict_files(ByColour(), [photo], (32, 64), Path(sys.argv[3]), with_confidence=True)
    assert outcome.problem is None
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmHWM:')[1].split()[0]) * 1024

small = peak(sys.argv[1])
large = peak(sys.argv[2])
print(large - small, large)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_a_huge_photo_fits_into_two_gigabytes(photos, tmp_path):
    """108 megapixels are a phone's largest; the short form takes 6 of them, and allows each pixel its share."""
    height, width = (9000, 12000) if SOAK else (2000, 3000)
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    write_png(photos / "huge.png", np.broadcast_to(ramp[None, :, None], (height, width, 3)).copy())
    command = [sys.executable, "-c", MEMORY, str(photos / "b.png"), str(photos / "huge.png"), str(tmp_path)]
    # The folder of helpers.py comes last on the path: its folders minicity and course must not hide the packages.
    command.append(str(Path(__file__).parents[1]))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, most = map(int, done.stdout.split())
    assert growth < 15 * height * width
    assert most < 2e9
