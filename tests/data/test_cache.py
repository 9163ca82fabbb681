import errno
import hashlib
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from cs_utils.data import cache
from cs_utils.data.cache import clear_cache, measure_cache, resize_frames
from cs_utils.data.camvid import mask_polygons
from cs_utils.data.cityscapes import Frame, find_frames, read_frame, write_frame, write_png
from cs_utils.data.loaders import StreetScenes, split_loader
from cs_utils.data.transforms import Augmentation, resize
from cs_utils.exceptions import CourseError
from helpers import plain_loader
from minicity import Scene


@pytest.fixture
def frames(data_root):
    return find_frames(data_root, "train")


def folders_in(folder):
    return [path for path in folder.iterdir() if path.is_dir()]


def test_a_cached_frame_is_the_decoded_and_resized_one(frames, tmp_path):
    resized = resize_frames(frames, (16, 48), tmp_path)
    for index, frame in enumerate(frames):
        image, mask = resize(*read_frame(frame), (16, 48))
        assert np.array_equal(resized[index][0], image)
        assert np.array_equal(resized[index][1], mask)


def test_training_items_are_the_same_with_and_without_the_cache(settings):
    chosen = settings.replace(image_size=(40, 56))
    cached, plain = split_loader(chosen, "train", None), plain_loader(chosen, "train")
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
    assert len(folders_in(tmp_path / "cache")) == 1


def test_a_changed_file_another_size_or_another_order_is_another_cache(frames, tmp_path):
    first = resize_frames(frames, (16, 32), tmp_path)
    assert resize_frames(frames, (32, 16), tmp_path).folder != first.folder
    assert resize_frames(frames[::-1], (16, 32), tmp_path).folder != first.folder
    image, _ = read_frame(frames[0])
    write_png(frames[0].image, 255 - image)
    os.utime(frames[0].image, ns=(1, 1))  # a clock too coarse to tell the two apart would not help
    changed = resize_frames(frames, (16, 32), tmp_path)
    assert not np.array_equal(changed[0][0], first[0][0])


def test_what_is_written_changes_only_with_the_format(tmp_path):
    """If this fails because the pixels are meant to differ, raise `cache.FORMAT`, and write the new digest here."""
    # Every 2x2 block has a whole mean, so the digest does not depend on how a system rounds.
    number = np.random.default_rng(0)
    image = np.repeat(np.repeat(number.integers(0, 256, (4, 8, 3), dtype=np.uint8), 2, 0), 2, 1)
    ids = np.repeat(np.repeat(number.integers(0, 34, (4, 8), dtype=np.uint8), 2, 0), 2, 1)
    frame = Frame(tmp_path, "val", "city", "city_000000_000000")
    write_frame(frame, Scene(image, mask_polygons(ids)), ids, ids.astype(np.uint16))
    image, mask = resize_frames([frame], (4, 8), tmp_path / "cache")[0]
    assert (cache.FORMAT, hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()[:12]) == (1, "24c8c1b2e6c1")


def test_another_format_is_another_cache(frames, tmp_path, monkeypatch):
    first = resize_frames(frames, (16, 32), tmp_path / "cache")
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert resize_frames(frames, (16, 32), tmp_path / "cache").folder != first.folder


@pytest.mark.parametrize("name", [cache.IMAGES, cache.MASKS])
@pytest.mark.parametrize("damage", ["cut", "emptied", "deleted", "of another shape"])
def test_a_damaged_cache_is_made_again(frames, tmp_path, name, damage):
    whole = resize_frames(frames, (16, 32), tmp_path / "cache")
    expected, path = whole[5], whole.folder / name
    if damage == "of another shape":
        np.save(path, np.zeros((6, 16, 31), np.uint8))
    elif damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100] if damage == "cut" else b"")
    again = resize_frames(frames, (16, 32), tmp_path / "cache")
    assert again.folder == whole.folder
    assert all(np.array_equal(*pair) for pair in zip(again[5], expected, strict=True))


def test_what_has_not_been_used_for_a_month_is_deleted(frames, tmp_path):
    kept, unused = (resize_frames(frames, size, tmp_path).folder for size in ((16, 32), (8, 16)))
    (tmp_path / "holiday").mkdir()
    long_ago = time.time() - (cache.KEPT_DAYS + 1) * 24 * 3600
    for folder in (kept, unused, tmp_path / "holiday"):
        os.utime(folder, (long_ago, long_ago))
    resize_frames(frames, (16, 32), tmp_path)  # used again, so it stays
    made = resize_frames(frames, (4, 8), tmp_path).folder
    assert set(folders_in(tmp_path)) == {kept, made, tmp_path / "holiday", frames[0].root}
    assert not unused.with_suffix(".lock").exists()


def test_a_cleared_cache_holds_only_what_is_not_ours(frames, tmp_path):
    clear_cache(tmp_path / "nowhere")
    resize_frames(frames, (16, 32), tmp_path)
    (tmp_path / "holiday").mkdir()
    (tmp_path / f"{'0' * 32}.unfinished").mkdir()
    count, size = measure_cache(tmp_path)
    assert count == 2
    assert 6 * 16 * 32 * 4 < size < 6 * 16 * 32 * 4 + 1000
    clear_cache(tmp_path)
    assert measure_cache(tmp_path) == (0, 0)
    assert {path.name for path in folders_in(tmp_path)} == {"data", "holiday"}
    assert len(resize_frames(frames, (16, 32), tmp_path)[0]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes for a name")
def test_a_folder_of_a_name_that_is_no_text_is_cached(frames, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9"))
    frames[0].root.rename(odd)
    frames = find_frames(odd, "train")
    assert np.array_equal(resize_frames(frames, (32, 64), tmp_path / "cache")[0][1], read_frame(frames[0])[1])


def test_a_bad_file_is_named_and_leaves_nothing_behind(frames, tmp_path):
    frames[3].image.write_bytes(b"no photo")
    with pytest.raises(CourseError, match=frames[3].name):
        resize_frames(frames, (16, 32), tmp_path / "cache")
    assert folders_in(tmp_path / "cache") == []


def test_of_several_processes_one_makes_it_and_the_others_wait(frames, tmp_path, monkeypatch):
    original, made = cache._write, []

    def write_slowly(*arguments):
        made.append(arguments)
        time.sleep(0.2)
        original(*arguments)

    monkeypatch.setattr(cache, "_write", write_slowly)
    with ThreadPoolExecutor(4) as pool:  # the lock holds between threads as it does between processes
        results = list(pool.map(lambda _: resize_frames(frames, (16, 32), tmp_path / "cache")[0][0], range(4)))
    assert len(made) == 1
    assert all(np.array_equal(image, results[0]) for image in results)


def test_half_a_cache_of_a_killed_process_is_never_read(frames, tmp_path):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from cs_utils.data import cache; from cs_utils.data.cityscapes import find_frames\n"
        "cache.resize = lambda *_: os.kill(os.getpid(), 9)\n"
        "cache.resize_frames(find_frames(Path(sys.argv[1]), 'train'), (16, 32), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(frames[0].root), str(tmp_path / "cache")]
    assert subprocess.run(command, timeout=100).returncode != 0
    left = folders_in(tmp_path / "cache")
    assert len(left) == 1, "it was killed while it wrote"
    resized = resize_frames(frames, (16, 32), tmp_path / "cache")
    assert np.array_equal(resized[0][1], resize(*read_frame(frames[0]), (16, 32))[1])
    assert folders_in(tmp_path / "cache") == [resized.folder]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot set space aside")
def test_a_full_disk_is_an_error_before_anything_is_written(frames, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left"):
        resize_frames(frames, (16, 32), tmp_path / "cache")
    assert folders_in(tmp_path / "cache") == []


def test_a_loader_process_gets_a_path_and_not_the_pictures(frames, tmp_path, settings):
    dataset = StreetScenes(frames, Augmentation((32, 64)), 0, resize_frames(frames, (32, 64), tmp_path))
    expected = dataset[1]
    assert len(pickle.dumps(dataset.resized)) < 1000
    again = pickle.loads(pickle.dumps(dataset.resized))
    assert np.array_equal(again[1][0], dataset.resized[1][0])
    assert torch.equal(dataset[1][0], expected[0])
