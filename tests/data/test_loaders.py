import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from cs_utils.data.cache import ResizedFrames, resize_frames
from cs_utils.data.cityscapes import find_frames, read_frame, read_mask, write_png
from cs_utils.data.loaders import (
    EpochSampler,
    StreetScenes,
    choose_frames,
    choose_subset,
    explain_loader_error,
    loaders,
    present_classes,
    split_loader,
    spread,
)
from cs_utils.data.sources import minicity_frame
from cs_utils.data.statistics import gather
from cs_utils.data.transforms import Augmentation, normalize_batch
from cs_utils.exceptions import CourseError
from helpers import draw_frame, plain_loader


def batches(loader):
    return [(image.clone(), target.clone()) for image, target in loader]


def same(first, second):
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(first, second, strict=True))


def test_batches_have_the_shapes_that_losses_want(settings):
    train, val = loaders(settings)
    image, target = next(iter(train))
    assert image.shape == (2, 3, 32, 64)
    assert target.shape == (2, 32, 64)
    assert (image.dtype, target.dtype) == (torch.float32, torch.int64)
    assert len(train.dataset) == 6
    assert len(val.dataset) == 2


def test_a_batch_is_the_same_with_any_number_of_loader_processes(settings):
    alone, _ = loaders(settings)
    helped, _ = loaders(settings.replace(workers=2))
    for epoch in (1, 2):
        alone.dataset.set_epoch(epoch)
        helped.dataset.set_epoch(epoch)
        assert same(batches(alone), batches(helped))


@pytest.mark.parametrize("workers", [0, 2])
def test_items_are_raw_for_as_long_as_asked_also_in_processes_that_live_on(settings, workers):
    train, _ = loaders(settings.replace(workers=workers))
    plain = batches(train)
    with train.dataset.giving_raw():
        raw = batches(train)
        next(iter(train))  # left unfinished: what the processes have made ahead must not come later
    assert [image.dtype for image, _ in raw] == [torch.uint8] * 3
    assert same([normalize_batch(*batch) for batch in raw], plain)
    assert same(batches(train), plain)


def test_after_an_error_items_are_no_longer_raw(settings):
    train, _ = loaders(settings)
    with pytest.raises(CourseError, match="stop"), train.dataset.giving_raw():
        raise CourseError("stop")
    assert train.dataset[0][0].dtype == torch.float32


def test_every_epoch_has_its_own_order_and_augmentation(settings):
    train, val = loaders(settings)
    epochs = []
    for epoch in (1, 2, 1):
        train.dataset.set_epoch(epoch)
        val.dataset.set_epoch(epoch)
        epochs.append((batches(train), batches(val), list(train.sampler)))
    assert same(epochs[0][0], epochs[2][0])
    assert not same(epochs[0][0], epochs[1][0])
    assert epochs[0][2] != epochs[1][2]
    assert same(epochs[0][1], epochs[1][1])  # validation never changes


def test_items_are_counted_from_the_end_too(settings):
    dataset = loaders(settings)[0].dataset
    assert same([dataset[-1]], [dataset[5]])
    with pytest.raises(IndexError):
        dataset[6]


def test_the_seed_changes_the_order(settings):
    assert list(loaders(settings)[0].sampler) != list(loaders(settings.replace(seed=1))[0].sampler)


def test_processes_share_out_an_epoch(settings):
    train, val = loaders(settings)
    for loader, everything in ((train, 6), (val, 2)):
        whole = set(loader.sampler)
        parts = []
        for rank in range(2):
            loader.sampler.shard(rank, 2)
            parts.append(list(loader.sampler))
            assert len(loader.sampler) == len(parts[-1])
        assert sorted(parts[0] + parts[1]) == sorted(whole) == list(range(everything))


def test_uneven_shares_drop_training_images_but_no_validation_image(settings):
    frames = find_frames(settings.data, "train")[:5]
    dataset = StreetScenes(frames, Augmentation((32, 64)))
    for shuffle, lengths in ((True, [2, 2]), (False, [3, 2])):
        sampler = EpochSampler(dataset, shuffle)
        found = []
        for rank in range(2):
            sampler.shard(rank, 2)
            found.append(len(list(sampler)))
        assert found == lengths


def test_a_subset_covers_the_classes_and_is_always_the_same(data_root):
    frames = find_frames(data_root, "train")
    rare = frames[4]
    rare.polygons.write_text(rare.polygons.read_text().replace('"road"', '"train"'))
    assert present_classes(rare) == {10, 13, 16}
    chosen = choose_subset(frames, 2)
    assert rare in chosen
    assert chosen == choose_subset(frames, 2) == sorted(chosen)
    assert choose_subset(frames, None) == frames
    assert choose_subset(frames, 99) == frames
    assert len(set(choose_subset(frames, 4))) == 4


def test_without_polygons_the_classes_are_those_of_the_label_ids(data_root):
    frames = find_frames(data_root, "train")
    mask = read_mask(frames[4].label_ids)
    mask[0, 0] = 31  # a train
    write_png(frames[4].label_ids, mask)
    for frame in frames:
        frame.polygons.unlink()
    assert [sorted(present_classes(frame)) for frame in frames] == [[0, 10, 13]] * 4 + [[0, 10, 13, 16], [0, 10, 13]]
    assert choose_subset(frames, 1) == [frames[4]]


def test_groups_count_as_their_class(data_root):
    frame = find_frames(data_root, "train")[0]
    frame.polygons.write_text(frame.polygons.read_text().replace('"car"', '"cargroup"'))
    assert 13 in present_classes(frame)
    frame.polygons.write_text(frame.polygons.read_text().replace('"road"', '"polegroup"'))
    assert present_classes(frame) == {10, 13}, "polegroup is void, and no pole"


def test_an_object_that_was_taken_back_is_not_there(data_root):
    frame = find_frames(data_root, "train")[0]
    frame.polygons.write_text(frame.polygons.read_text().replace('"label": "car"', '"deleted": 1, "label": "car"'))
    assert present_classes(frame) == {0, 10}
    assert list(gather([frame]).objects["class"]) == []


def test_training_batches_are_all_whole(settings):
    train, val = loaders(settings.replace(batch_size=4))
    assert [len(image) for image, _ in train] == [4]  # of six
    assert [len(image) for image, _ in val] == [2]


def test_a_bad_mask_stops_the_loaders_and_a_loader_process_with_its_name(settings):
    frame = find_frames(settings.data, "train")[0]
    write_png(frame.label_ids, np.full_like(read_mask(frame.label_ids), 77))
    with pytest.raises(CourseError, match="holds 77, but label ids end at 33"):
        loaders(settings)
    train = plain_loader(settings.replace(workers=2), "train")
    with pytest.raises(CourseError, match="holds 77, but label ids end at 33"):
        batches(train)
    # PyTorch's error is part of a cycle that holds the iterator. The garbage collector would come for it during some
    # later test, when the iterator can no longer reach its processes, and wait five seconds for each of them.
    train._iterator._shutdown_workers()


def test_torchvision_opens_the_same_folder(data_root):
    from torchvision.datasets import Cityscapes

    dataset = Cityscapes(str(data_root), split="train", mode="fine", target_type=["semantic", "instance", "polygon"])
    image, (semantic, instance, polygon) = dataset[0]
    assert len(dataset) == 6
    assert image.size == semantic.size == instance.size == (64, 32)
    assert polygon["imgWidth"] == 64


def test_frames_are_spread_and_none_is_given_twice():
    assert spread(list(range(10)), 4) == [0, 3, 6, 9]
    assert spread([7, 8], 4) == [7, 8]


def test_a_profile_uses_the_same_scenes_of_minicity_whatever_else_lies_there(data_root, settings):
    def make(root, split, numbers):
        for number in numbers:
            frame = minicity_frame(root, split, number)
            draw_frame(root, split, frame.city, number, number * 13 % 30)

    small, large = data_root.with_name("small"), data_root.with_name("large")
    for root, count in ((small, 4), (large, 12)):
        make(root, "train", range(count))
    names = [frame.name for frame in find_frames(small, "train")]
    assert [frame.name for frame in choose_frames(large, "train", 4)] == names
    assert [frame.name for frame in split_loader(settings.replace(data=large), "train", 4).dataset.frames] == names
    assert len(choose_frames(large, "train", None)) == 12
    # Real data: those that show most classes, wherever they are.
    rare = find_frames(data_root, "train")[4]
    rare.polygons.write_text(rare.polygons.read_text().replace('"road"', '"train"'))
    assert rare in choose_frames(data_root, "train", 2)


def test_the_pixels_of_each_class_are_counted_on_the_masks_before_augmentation(data_root, tmp_path):
    frames = find_frames(data_root, "train")
    size = (32, 64)
    augmentation = Augmentation(size, rotation=90, scale=(0.5, 2))
    from_cache = StreetScenes(frames, augmentation, 0, resize_frames(frames, size, tmp_path / "cache"))
    for dataset in (StreetScenes(frames, augmentation), from_cache):
        counts = dataset.count_pixels()
        assert counts.shape == (6, 19)
        mask = read_frame(frames[2])[1]
        expected = [int((mask == value).sum()) for value in range(19)]
        assert counts[2].tolist() == expected
        assert dataset.count_pixels(21, 20)[2].tolist() == [*expected, 0, int((mask == 255).sum())]


def test_no_photo_is_read_to_count_masks(data_root, tmp_path, monkeypatch):
    frames = find_frames(data_root, "train")
    resized = resize_frames(frames, (32, 64), tmp_path / "cache")
    plain, cached = (StreetScenes(frames, Augmentation((32, 64)), 0, place) for place in (None, resized))
    expected = plain.count_pixels()
    monkeypatch.setattr("cs_utils.data.cityscapes.read_as_stored", None)
    monkeypatch.setattr(ResizedFrames, "__getitem__", None)
    assert torch.equal(plain.count_pixels(), expected)
    assert torch.equal(cached.count_pixels(), expected)


def test_a_bad_mask_is_named_where_masks_alone_are_read(data_root):
    frames = find_frames(data_root, "train")
    write_png(frames[1].label_ids, np.full_like(read_mask(frames[1].label_ids), 77))
    with pytest.raises(CourseError, match=f"{frames[1].name}.* holds 77, but label ids end at 33"):
        StreetScenes(frames, Augmentation((32, 64))).count_pixels()


@pytest.mark.parametrize(("accelerator", "pinned"), [("auto", True), ("cuda", True), ("cpu", False), ("mps", False)])
def test_memory_is_pinned_only_where_batches_may_go_to_an_nvidia_gpu(settings, monkeypatch, accelerator, pinned):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert split_loader(settings.replace(accelerator=accelerator), "val", None).pin_memory == pinned
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not split_loader(settings.replace(accelerator=accelerator), "val", None).pin_memory


def test_to_import_the_package_leaves_the_threads_of_a_kernel_as_they_are():
    script = (
        "import cv2; cv2.setNumThreads(3); import cs_utils.data.loaders, cs_utils.data.sources, cs_utils.cli\n"
        "print(cv2.getNumThreads())"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=True)
    assert found.stdout == "3\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_loader_processes_do_not_wait_for_threads_of_opencv_that_are_not_there(settings):
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 3)  # now they are running
    try:
        # Large enough for OpenCV to share out among threads.
        large = settings.replace(image_size=(512, 1024), workers=2)
        loader = plain_loader(large, "train")
        loader.multiprocessing_context = "fork"
        assert len(batches(loader)) == 3
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Caught RuntimeError in worker\nunable to allocate shared memory(shm) for file </torch_1>", "shm-size"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that …", "shm-size"),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "fewer --workers"),
        ("mat1 and mat2 shapes cannot be multiplied", None),
    ],
)
def test_loader_processes_without_memory_say_so_in_one_line(said, advice):
    explained = explain_loader_error(RuntimeError(said))
    assert (explained is None) == (advice is None)
    assert explained is None or (advice in str(explained) and "\n" not in str(explained))
