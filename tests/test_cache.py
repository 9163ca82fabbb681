import os
import pickle

import numpy as np
import pytest
import torch

from cs_utils import cache
from cs_utils.cache import resize_frames
from cs_utils.data import StreetScenes, split_loader
from cs_utils.layout import find_frames, read_frame, write_png
from cs_utils.settings import CourseError
from cs_utils.transforms import Augmentation, resize


@pytest.fixture
def frames(data_root):
    return find_frames(data_root, "train")


def test_a_cached_frame_is_the_decoded_and_resized_one(frames, tmp_path):
    resized = resize_frames(frames, (16, 48), tmp_path)
    for index, frame in enumerate(frames):
        image, mask = resize(*read_frame(frame), (16, 48))
        assert np.array_equal(resized[index][0], image)
        assert np.array_equal(resized[index][1], mask)


def test_training_items_are_the_same_with_and_without_the_cache(settings):
    chosen = settings.replace(image_size=(40, 56))
    cached, plain = (split_loader(chosen, "train", None, cached=cached) for cached in (True, False))
    assert isinstance(cached.dataset, StreetScenes)
    assert plain.dataset.resized is None
    for loader in (cached, plain):
        loader.dataset.set_epoch(3)
    for (image, target), (plain_image, plain_target) in zip(cached, plain, strict=True):
        assert torch.equal(image, plain_image)
        assert torch.equal(target, plain_target)


def test_files_are_decoded_once(frames, tmp_path, monkeypatch):
    resize_frames(frames, (16, 32), tmp_path / "cache")
    monkeypatch.setattr(cache, "read_frame", lambda _: pytest.fail("decoded again"))
    resize_frames(frames, (16, 32), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_changed_file_another_size_or_another_order_is_another_cache(frames, tmp_path):
    first = resize_frames(frames, (16, 32), tmp_path)
    assert resize_frames(frames, (32, 16), tmp_path).folder != first.folder
    assert resize_frames(frames[::-1], (16, 32), tmp_path).folder != first.folder
    image, _ = read_frame(frames[0])
    write_png(frames[0].image, 255 - image)
    os.utime(frames[0].image, ns=(1, 1))  # a clock too coarse to tell the two apart would not help
    changed = resize_frames(frames, (16, 32), tmp_path)
    assert not np.array_equal(changed[0][0], first[0][0])


def test_a_bad_file_is_named_and_leaves_nothing_behind(frames, tmp_path):
    frames[3].image.write_bytes(b"no photo")
    with pytest.raises(CourseError, match=frames[3].name):
        resize_frames(frames, (16, 32), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_process_that_comes_second_takes_what_the_first_has_made(frames, tmp_path, monkeypatch):
    original = cache._write

    def write_while_another_finishes(frames, size, folder):
        original(frames, size, folder)
        final = folder.with_suffix("")
        if not final.exists():
            final.mkdir()
            original(frames, size, final)

    monkeypatch.setattr(cache, "_write", write_while_another_finishes)
    resized = resize_frames(frames, (16, 32), tmp_path / "cache")
    assert resized[0][0].shape == (16, 32, 3)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [resized.folder.name]


def test_a_loader_process_gets_a_path_and_not_the_pictures(frames, tmp_path, settings):
    dataset = StreetScenes(frames, Augmentation(settings), 0, resize_frames(frames, (32, 64), tmp_path))
    expected = dataset[1]
    assert len(pickle.dumps(dataset.resized)) < 1000
    again = pickle.loads(pickle.dumps(dataset.resized))
    assert np.array_equal(again[1][0], dataset.resized[1][0])
    assert torch.equal(dataset[1][0], expected[0])
