import cv2
import numpy as np
import pytest
import torch

from cs_utils.data import transforms
from cs_utils.settings import Settings


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
    assert transforms.encode(mask, Settings(void="ignore")).tolist() == [[0, 18, 255]]
    encoded = transforms.encode(mask, Settings(void="class"))
    assert encoded.tolist() == [[0, 18, 20]]
    assert encoded.dtype == torch.int64


def test_the_pipeline_gives_what_the_network_wants(scene):
    settings = Settings(image_size=(32, 40))
    for pipeline in (transforms.Preprocessing(settings), transforms.Augmentation(settings)):
        image, target = pipeline(*scene, np.random.default_rng(1))
        assert image.shape == (3, 32, 40)
        assert image.dtype == torch.float32
        assert target.shape == (32, 40)
        assert target.dtype == torch.int64


def test_augmentation_draws_from_its_generator_alone(scene):
    augment = transforms.Augmentation(Settings(image_size=(32, 64)))
    first, again, other = (augment(*scene, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_augmentation_can_be_switched_off(scene):
    still = Settings(image_size=(32, 64), rotation=0, blur=0, flip=0)
    image, target = transforms.Augmentation(still)(*scene, np.random.default_rng(1))
    plain_image, plain_target = transforms.Preprocessing(still)(*scene, np.random.default_rng(1))
    assert torch.equal(image, plain_image)
    assert torch.equal(target, plain_target)


def test_rotation_stays_within_twelve_degrees(monkeypatch, scene):
    angles = []
    monkeypatch.setattr(transforms, "rotate", lambda image, mask, degrees: angles.append(degrees) or (image, mask))
    augment = transforms.Augmentation(Settings(image_size=(32, 64)))
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
        augment = transforms.Augmentation(Settings(image_size=(32, 64), rotation=0).replace(**{name: probability}))
        rng = np.random.default_rng(0)
        for _ in range(400):
            augment(*scene, rng)
        assert low <= len(calls) <= high
        if step == "blur":
            assert all(0.1 <= sigma <= transforms.MAX_SIGMA for _, sigma in calls)
