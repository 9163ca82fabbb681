import cv2
import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv

from cs_utils.data import transforms


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 13, 255], np.uint8), (16, 32))
    # The image shows the mask, so that a test sees whether both were moved alike.
    return np.repeat(mask[..., None], 3, axis=2), mask


def test_a_small_image_is_the_mean_of_the_pixels_it_covers():
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    small = transforms.resize_image(image, (2, 2))
    # Channel 0 of the upper left block is 0, 3, 12, 15: mean 7.5.
    assert small[0, 0, 0] in (7, 8)


@pytest.mark.parametrize("size", [(16, 16), (16, 80), (16, 64)])
def test_stripes_too_fine_to_show_become_grey_also_where_the_other_axis_grows(size):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    # Bilinear would take two of every four rows, and give whole rows of black or white at other sizes.
    stripes[1::4] = 255
    small = transforms.resize_image(stripes, size).astype(int)
    assert small.shape == (*size, 3)
    assert abs(small - 191).max() <= 1  # three rows of every four are white


def test_a_resized_mask_holds_no_class_that_was_not_there(scene):
    _, mask = scene
    for size in ((8, 16), (5, 9), (40, 77)):
        small = transforms.resize_mask(mask, size)
        assert small.shape == size
        assert set(np.unique(small)) <= {0, 13, 255}
    assert np.array_equal(transforms.resize_mask(np.array([[1, 2, 3, 4, 5, 6]], np.uint8), (1, 2)), [[2, 5]])  # centres
    # Bilinear would invent classes between 0 and 13; it is the fault that this guards against.
    assert set(np.unique(cv2.resize(mask, (9, 5)))) - {0, 13, 255}


def test_flip_moves_image_and_mask_together(scene):
    image, mask = transforms.flip(*scene)
    assert np.array_equal(image[..., 0], mask)
    assert np.array_equal(mask, scene[1][:, ::-1])


def test_a_quarter_turn_moves_image_and_mask_together():
    mask = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image, turned = transforms.rotate(np.repeat(mask[..., None], 3, axis=2), mask, 90)
    assert np.array_equal(turned, np.rot90(mask))  # counter-clockwise
    assert np.array_equal(image[..., 1], np.rot90(mask))


def test_rotation_fills_the_corners_with_void_and_black(scene):
    image = np.full((60, 120, 3), 200, np.uint8)
    mask = np.zeros((60, 120), np.uint8)
    rotated, rotated_mask = transforms.rotate(image, mask, 12)
    assert set(np.unique(rotated_mask)) == {0, 255}
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert rotated_mask[corner] == 255
        assert rotated[corner].tolist() == [0, 0, 0]
    assert rotated_mask[30, 60] == 0


def test_blur_keeps_the_mean_and_lowers_the_contrast():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    blurred = transforms.blur(image, 1.0)
    assert abs(blurred.mean() - image.mean()) < 1
    assert blurred.std() < image.std() / 2


def test_normalize_by_hand_and_back():
    image = np.array([[[255, 0, 128]]], dtype=np.uint8)
    normalized = transforms.normalize(image)
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225]
    assert normalized.shape == (3, 1, 1)
    assert normalized.dtype == torch.float32
    assert np.allclose(normalized.ravel(), expected, atol=1e-6)
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(transforms.denormalize(transforms.normalize(every)), every)


def test_void_is_255_when_ignored_and_20_as_a_class():
    mask = np.array([[0, 18, 255]], np.uint8)
    assert transforms.encode(mask).tolist() == [[0, 18, 255]]
    encoded = transforms.encode(mask, void_value=20)
    assert encoded.tolist() == [[0, 18, 20]]
    assert encoded.dtype == torch.int64
    assert torch.equal(transforms.encode(torch.tensor([[0, 18, 255]]), void_value=20), encoded)


def test_the_pipeline_gives_what_the_network_wants(scene):
    for pipeline in (transforms.Preprocessing((32, 40)), transforms.Augmentation((32, 40))):
        image, target = pipeline(*scene, np.random.default_rng(1))
        assert image.shape == (3, 32, 40)
        assert image.dtype == torch.float32
        assert target.shape == (32, 40)
        assert target.dtype == torch.int64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_normalises_to_the_same_bits_without_making_the_processor_wait():
    values = torch.arange(256, dtype=torch.uint8)[:, None].expand(-1, 3)[None, None]  # (1, 1, 256, 3)
    batch = values, values[..., 0]
    there = [tensor.cuda() for tensor in batch]
    transforms.normalize_batch(*there)  # the table goes there once
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = transforms.normalize_batch(*there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for ours, right in zip(found, transforms.normalize_batch(*batch), strict=True):
        assert torch.equal(ours.cpu(), right)


ALL_CHANGES = {"scale": (0.5, 2.0), "color": 0.5, "noise": 10.0, "flip": 1.0}


@pytest.mark.parametrize("void_value", [255, 20])
@pytest.mark.parametrize(("pipeline", "changes"), [("Preprocessing", {}), ("Augmentation", ALL_CHANGES)])
def test_raw_items_that_are_normalised_as_a_batch_are_the_items_to_the_last_bit(pipeline, changes, void_value):
    values = np.arange(256, dtype=np.uint8).repeat(2).reshape(16, 32)  # all that there are, in each channel
    image, mask = np.stack([values, values[::-1], 255 - values], axis=2), np.full((16, 32), 255, np.uint8)
    mask[:, :20] = 18
    pipeline = getattr(transforms, pipeline)((16, 32), void_value=void_value, **changes)
    raw = [pipeline.raw(image, mask, np.random.default_rng(seed)) for seed in range(4)]
    assert {tensor.dtype for item in raw for tensor in item} == {torch.uint8}
    images, targets = transforms.normalize_batch(*map(torch.stack, zip(*raw, strict=True)))
    assert (images.dtype, targets.dtype) == (torch.float32, torch.int64)
    for seed in range(4):
        expected = pipeline(image, mask, np.random.default_rng(seed))
        assert torch.equal(images[seed], expected[0])
        assert torch.equal(targets[seed], expected[1])
    assert void_value in targets


def test_augmentation_draws_from_its_generator_alone(scene):
    augment = transforms.Augmentation((32, 64))
    first, again, other = (augment(*scene, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_augmentation_can_be_switched_off(scene):
    still = transforms.Augmentation((32, 64), rotation=0, blur=0, flip=0)
    image, target = still(*scene, np.random.default_rng(1))
    plain_image, plain_target = transforms.Preprocessing((32, 64))(*scene, np.random.default_rng(1))
    assert torch.equal(image, plain_image)
    assert torch.equal(target, plain_target)


def test_rotation_stays_within_twelve_degrees(monkeypatch, scene):
    angles = []
    monkeypatch.setattr(transforms, "rotate", lambda image, mask, degrees: angles.append(degrees) or (image, mask))
    augment = transforms.Augmentation((32, 64))
    rng = np.random.default_rng(0)
    for _ in range(300):
        augment(*scene, rng)
    assert -12 <= min(angles) < -11
    assert 11 < max(angles) <= 12


@pytest.mark.parametrize(("name", "step"), [("flip", "flip"), ("blur", "blur")])
def test_flip_and_blur_come_as_often_as_asked(monkeypatch, scene, name, step):
    calls = []
    original = getattr(transforms, step)
    monkeypatch.setattr(transforms, step, lambda *arguments: calls.append(arguments) or original(*arguments))
    for probability, low, high in ((0, 0, 0), (0.5, 160, 240), (1, 400, 400)):
        calls.clear()
        augment = transforms.Augmentation((32, 64), rotation=0, **{name: probability})
        rng = np.random.default_rng(0)
        for _ in range(400):
            augment(*scene, rng)
        assert low <= len(calls) <= high
        if step == "blur":
            assert all(0.1 <= sigma <= transforms.MAX_SIGMA for _, sigma in calls)


def test_scaling_by_two_shows_the_chosen_quarter_and_keeps_the_mask_with_it():
    mask = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = np.repeat(mask[..., None], 3, axis=2)
    _, upper_left = transforms.scale_and_crop(image, mask, 2, (0, 0))
    assert np.array_equal(upper_left, mask[:4, :4].repeat(2, axis=0).repeat(2, axis=1))
    grown, lower_right = transforms.scale_and_crop(image, mask, 2, (1, 1))
    assert np.array_equal(lower_right, mask[4:, 4:].repeat(2, axis=0).repeat(2, axis=1))
    # The image is interpolated, at the same place: half a pixel's step at most from the mask's nearest value.
    assert abs(grown[..., 0].astype(int) - lower_right).max() <= (8 + 1) / 2


def test_however_large_the_factor_one_pixel_is_left():
    mask = np.arange(96, dtype=np.uint8).reshape(8, 12)
    image, corner = transforms.scale_and_crop(np.repeat(mask[..., None], 3, axis=2), mask, 20, (1, 1))
    assert (corner == mask[-1, -1]).all() and (image == mask[-1, -1]).all()


def test_the_two_factors_may_come_in_any_order(scene):
    first, second = (
        transforms.Augmentation((16, 32), scale=scale)(*scene, np.random.default_rng(0))
        for scale in ((0.5, 2.0), (2.0, 0.5))
    )
    assert all(map(torch.equal, first, second))


def test_scaling_down_leaves_a_border_of_void_and_black_where_the_place_says():
    mask = np.full((8, 16), 13, np.uint8)
    image = np.full((8, 16, 3), 200, np.uint8)
    small, small_mask = transforms.scale_and_crop(image, mask, 0.5, (1, 0))
    expected = np.full((8, 16), 255, np.uint8)
    expected[4:, :8] = 13
    assert np.array_equal(small_mask, expected)
    assert np.array_equal(small[..., 1], np.where(expected == 13, 200, 0))


@pytest.mark.parametrize(
    ("name", "value", "reference"),
    [
        ("brightness", 0.6, tv.adjust_brightness),
        ("brightness", 1.5, tv.adjust_brightness),
        ("contrast", 0.5, tv.adjust_contrast),
        ("contrast", 1.4, tv.adjust_contrast),
        ("saturation", 0.0, tv.adjust_saturation),
        ("saturation", 1.5, tv.adjust_saturation),
    ],
)
def test_brightness_contrast_and_saturation_are_torchvisions(name, value, reference):
    image = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    ours = transforms.change_color(image, **{name: value}).astype(int)
    theirs = reference(torch.from_numpy(image).permute(2, 0, 1), value).permute(1, 2, 0).numpy()
    assert abs(ours - theirs).max() <= 2  # they round in between


def test_a_change_of_hue_keeps_greys_and_turns_red_into_green():
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    assert abs(transforms.change_color(greys, hue=77).astype(int) - greys).max() <= 1
    red = np.array([[[200, 0, 0]]], np.uint8)
    assert transforms.change_color(red, hue=120).tolist() == [[[0, 200, 0]]]
    assert transforms.change_color(red).tolist() == red.tolist()


def test_noise_has_the_deviation_asked_for_and_comes_from_the_generator_alone():
    image = np.full((100, 200, 3), 128, np.uint8)
    noisy = transforms.add_noise(image, 5, np.random.default_rng(4))
    assert noisy.std() == pytest.approx(5, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=0.2)
    assert np.array_equal(noisy, transforms.add_noise(image, 5, np.random.default_rng(4)))
    assert transforms.add_noise(np.full((9, 9, 3), 255, np.uint8), 50, np.random.default_rng(0)).max() == 255


def test_modern_steps_come_with_their_settings_and_leave_the_mask_to_the_scale(scene):
    image, mask = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8), np.zeros((32, 64), np.uint8)
    still = {"rotation": 0, "blur": 0, "flip": 0}
    for change in ({"color": 1.0}, {"noise": 9.0}):
        pipeline = transforms.Augmentation((32, 64), **still, **change)
        drawn = [pipeline(image, mask, np.random.default_rng(seed)) for seed in (0, 1)]
        assert not torch.equal(drawn[0][0], drawn[1][0])
        assert not drawn[0][1].any()
    void = []
    for seed in range(200):
        pipeline = transforms.Augmentation((32, 64), **still, scale=(0.5, 2.0))
        void.append(float((pipeline(image, mask, np.random.default_rng(seed))[1] == 255).float().mean()))
    assert 0.35 < np.mean(np.array(void) > 0) < 0.65  # as many smaller ones as larger ones
    assert max(void) <= 0.76  # half size: three quarters are border


def test_images_take_the_colours_of_others():
    rng = np.random.default_rng(0)
    own = [rng.integers(60, 90, (8, 9, 3)).astype(np.uint8), rng.integers(80, 99, (4, 5, 3)).astype(np.uint8)]
    pixels = np.concatenate([image.reshape(-1, 3) for image in own])
    np.testing.assert_allclose(transforms.measure_color(own), [pixels.mean(axis=0), pixels.std(axis=0)])
    wanted = np.array([[100, 120, 140], [20, 10, 5]])
    changed = [transforms.match_color(image, transforms.measure_color(own), wanted) for image in own]
    np.testing.assert_allclose(transforms.measure_color(changed), wanted, atol=0.5)
    black = transforms.match_color(np.zeros((1, 1, 3), np.uint8), transforms.measure_color(own), wanted)
    assert black[0, 0].min() == 0  # cut, not wrapped round to 255
