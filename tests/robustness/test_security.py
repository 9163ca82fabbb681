"""Files that would run code when they are read, and names that lead elsewhere. What code may call, ruff's rules say."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cs_utils.data.cache import IMAGES, MASKS, ResizedFrames
from cs_utils.data.cityscapes import Frame, list_frames, write_png
from cs_utils.data.loaders import loaders
from cs_utils.evaluation.official import write_submission
from cs_utils.evaluation.photos import predict_files
from cs_utils.evaluation.predict import export_label_ids, export_name
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import build, load_weights
from cs_utils.training.checkpoints import LAST, load_checkpoint
from cs_utils.training.setup import prepare

# --------------------------------------------------------------------------------------- files that would run code


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path):
    """A path that must never come to be, and what would make it."""
    marker = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(marker)))
    assert marker.exists()  # it works
    marker.unlink()
    yield marker, Trap(marker)
    assert not marker.exists()


def test_weights_that_would_run_code_are_refused(trap, settings, tmp_path):
    path = tmp_path / "best.safetensors"
    for data in (pickle.dumps(trap[1]), None):
        if data:
            path.write_bytes(data)
        else:
            torch.save({"model": trap[1]}, path)
        with pytest.raises(CourseError, match="is not a whole weights file of this course"):
            load_weights(path, settings)


def test_a_checkpoint_that_would_run_code_is_refused(trap, settings):
    training = prepare(build(settings), *loaders(settings), settings)
    path = settings.run_folder / LAST
    path.parent.mkdir(parents=True)
    for save in (torch.save, lambda item, path: path.write_bytes(pickle.dumps(item, protocol=2))):
        save({"model": trap[1], "identity": "{}", "history": []}, path)
        with pytest.raises(CourseError, match="is not a whole checkpoint"):
            load_checkpoint(training, {})


def test_a_cache_that_would_run_code_is_refused(trap, tmp_path):
    for name in (IMAGES, MASKS):
        np.save(tmp_path / name, np.array([trap[1]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError):
        ResizedFrames(tmp_path)[0]


# --------------------------------------------------------------------------------------- names that lead elsewhere

HOSTILE = [
    "../gamma_000000_000000",
    "a/../../gamma_000000_000000",
    "/tmp/gamma_000000_000000",
    "..\\gamma_000000_000000",
    "C:\\gamma_000000_000000",
    "C:gamma_000000_000000",
    "~_000000_000000",
    ".gamma_000000_000000",
    "gamma_000000_000000/..",
    "gamma_000000_000000\n",
    "gamma\0_000000_000000",
    "gam ma_000000_000000",
    "-gamma_000000_000000",
    "gamma_00000_000000",
    "gamma_٠٠٠٠٠٠_000000",
    "_000000_000000",
    "..",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_frames_name_that_leads_elsewhere_is_refused(name, tmp_path):
    frame = Frame(tmp_path, "val", "gamma", name)
    with pytest.raises(CourseError, match="is no name to export") as error:
        export_label_ids(np.zeros((2, 2), np.uint8), frame, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("city", ["aachen", "münchen", "0001TP", "Seq05VD", "halle-saale"])
def test_a_real_name_is_exported_under_it(city, tmp_path):
    assert export_name(Frame(tmp_path, "val", city, f"{city}_000019_000294")) == f"{city}_000019_000294_labelIds.png"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names")
@pytest.mark.parametrize("name", ["x\\..\\gamma_000000_000000", "C:gamma_000000_000000", "gamma_000000_000000\n"])
def test_a_hostile_photo_does_not_get_into_an_archive(name, data_root, settings, tmp_path):
    photo = list_frames(data_root, "val")[0].image
    photo.with_name(f"{name}_leftImg8bit.png").write_bytes(photo.read_bytes())
    with pytest.raises(CourseError, match="is no name to export"):
        write_submission(torch.nn.Conv2d(3, 19, 1), data_root, "val", settings.image_size, tmp_path / "new" / "out.zip")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["...png", "..png.png", ".png.jpg", "a..b.png", "~.png"])
def test_what_is_predicted_for_a_photo_lies_in_the_folder_that_was_named(name, settings, tmp_path):
    photo = tmp_path / "photos" / name
    write_png(tmp_path / "photo.png", np.zeros((8, 8, 3), np.uint8))
    photo.parent.mkdir()
    (tmp_path / "photo.png").rename(photo)
    out = tmp_path / "deep" / "out"
    before = {*tmp_path.rglob("*")}
    list(predict_files(torch.nn.Conv2d(3, 19, 1), [photo.parent / ".." / "photos" / name], settings.image_size, out))
    written = {*tmp_path.rglob("*")} - before - {out.parent, out}
    assert len(written) == 3
    assert all(path.parent == out for path in written)
