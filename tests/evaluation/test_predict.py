import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cs_utils.data.cityscapes import find_frames, read_frame, read_mask
from cs_utils.data.transforms import normalize, resize_image
from cs_utils.evaluation.predict import (
    classify,
    confidence,
    evaluate,
    export_label_ids,
    overlay,
    predict,
    read_ahead,
    upsample_argmax,
)
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME, CLASS_NAMES
from helpers import ByColour


def test_upsampling_class_by_class_is_the_same_as_all_at_once():
    logits = torch.randn(19, 7, 9, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits[None], (30, 41), mode="bilinear", align_corners=False)[0].argmax(0)
    assert torch.equal(upsample_argmax(logits, (30, 41)), whole.to(torch.uint8))


def test_a_prediction_has_the_photos_own_size(settings):
    image = np.zeros((50, 33, 3), np.uint8)
    mask = predict(ByColour(), image, settings.image_size)
    assert mask.shape == (50, 33)
    assert mask.dtype == np.uint8


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (np.zeros((4, 6, 3), np.float32), "ndarray (4, 6, 3) of float32: convert it"),
        (np.zeros((4, 6, 3), np.int64), "ndarray (4, 6, 3) of int64: convert it"),
        # Of this OpenCV makes three channels, two of them never written.
        (np.zeros((4, 6), np.uint8), "ndarray (4, 6) of uint8: convert it"),
        (np.zeros((4, 6, 4), np.uint8), "ndarray (4, 6, 4) of uint8: convert it"),
        (np.zeros((0, 6, 3), np.uint8), "ndarray (0, 6, 3) of uint8: convert it"),
        (torch.zeros(3, 4, 6), "Tensor (3, 4, 6) of torch.float32: convert it"),
        ([[0]], "a value of type list: read_upright reads one from a file"),
        ("photo.jpg", "a value of type str: read_upright reads one from a file"),
        (None, "a value of type NoneType: read_upright reads one from a file"),
    ],
)
def test_what_is_not_an_image_is_said_in_one_line(wrong, what):
    for act in (normalize, lambda wrong: predict(ByColour(), wrong, (32, 64)), lay_over):
        with pytest.raises(CourseError, match=re.escape(f"and this is {what}")):
            act(wrong)


def lay_over(image):
    return overlay(image, np.zeros((4, 6), np.uint8))


def test_logits_are_enlarged_before_the_class_is_chosen(settings):
    image = np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)
    torch.manual_seed(0)
    model = nn.Conv2d(3, 19, kernel_size=3, padding=1)
    with torch.no_grad():
        logits = model(normalize(resize_image(image, settings.image_size))[None])
    expected = F.interpolate(logits, (90, 150), mode="bilinear", align_corners=False)[0].argmax(0)
    assert np.array_equal(predict(model, image, settings.image_size), expected)


def test_void_as_a_class_becomes_255_and_the_model_keeps_its_mode(settings):
    class Void(ByColour):
        def forward(self, image):
            logits = super().forward(image)
            logits[:, 20] = 9
            return logits

    model = Void(channels=21).train()
    assert (predict(model, np.zeros((8, 8, 3), np.uint8), settings.image_size) == 255).all()
    assert model.training


def test_a_good_model_scores_well_at_full_size(settings):
    result = evaluate(ByColour(), find_frames(settings.data, "val"), settings.image_size)
    assert result.images == 2
    assert result.mean_iou > 0.65
    assert result.matrix[:19].sum() == 2 * 30 * 64  # every pixel but void, at the size of the ground truth
    assert result.counts.shape == (2, 19, 3)
    valid = result.matrix[:19]
    together = np.stack([valid.diagonal(), valid.sum(axis=1), valid[:, :19].sum(axis=0)], axis=1)
    np.testing.assert_array_equal(result.counts.sum(axis=0), together)
    assert set(result.table.index[result.table["iou"].notna()]) == {"road", "sky", "car"}
    assert result.mean_iou == pytest.approx(result.table["iou"].mean())
    assert "mean of 3 classes over 2 images: IoU " in str(result)
    assert result.categories["iou"].dropna().to_dict() == pytest.approx(
        {"flat": result.table["iou"]["road"], "sky": result.table["iou"]["sky"], "vehicle": result.table["iou"]["car"]}
    )
    assert "mean of 3 categories: IoU " in str(result)


def test_exports_are_named_and_encoded_for_the_official_evaluator(settings, tmp_path):
    frame = find_frames(settings.data, "val")[0]
    _, mask = read_frame(frame)
    path = export_label_ids(mask, frame, tmp_path)
    assert path.name.startswith(frame.name)
    assert np.array_equal(read_mask(path), np.where(mask == 255, 0, read_mask(frame.label_ids)))


def test_an_evaluation_is_the_official_one_of_the_exported_files(settings, tmp_path, official_evaluator):
    frames = find_frames(settings.data, "val")
    # Knows nothing, so that it errs in many classes, and has a channel for void, so that it errs into void too.
    torch.manual_seed(0)
    model = nn.Conv2d(3, 21, kernel_size=3, padding=1)
    ours = evaluate(model, frames, settings.image_size, export=tmp_path)
    truths = [str(frame.label_ids) for frame in frames]
    predictions = [str(tmp_path / f"{frame.name}_labelIds.png") for frame in frames]
    theirs = official_evaluator(predictions, truths)
    expected = [theirs["classScores"][name] for name in CLASS_NAMES]
    np.testing.assert_allclose(ours.table["iou"], expected, rtol=0, atol=1e-9, equal_nan=True)
    assert ours.mean_iou == pytest.approx(theirs["averageScoreClasses"], abs=1e-9)
    assert ours.matrix[:19, 19].sum() > 0  # some valid pixels are indeed predicted as void


def test_frames_are_read_ahead_in_their_order_and_a_broken_one_is_named(settings):
    frames = find_frames(settings.data, "train")
    for (image, target), frame in zip(read_ahead(frames), frames, strict=True):
        expected = read_frame(frame)
        assert np.array_equal(image, expected[0])
        assert np.array_equal(target, expected[1])
    frames[3].image.write_bytes(b"")
    with pytest.raises(CourseError, match=frames[3].name):
        list(read_ahead(frames))


def test_work_by_rows_is_the_same_as_all_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (23, 17, 3), dtype=np.uint8)
    mask = rng.choice(np.array([0, 5, 18, 255], np.uint8), (23, 17))
    logits = torch.randn(19, 7, 9, generator=torch.Generator().manual_seed(0))
    whole = overlay(image, mask), classify(logits, (23, 17))
    for pixels in (1, 17 * 4, 17 * 23):  # a row, four rows of which the last band has three, all
        monkeypatch.setattr("cs_utils.evaluation.predict.BAND", pixels)
        assert np.array_equal(overlay(image, mask), whole[0])
        assert np.array_equal(classify(logits, (23, 17)), whole[1])


def test_confidence_is_the_largest_probability():
    logits = torch.zeros(4, 2, 3)
    logits[1, :, :2] = torch.tensor([0.0, 50.0])  # four equal classes; one that is certain
    sure = confidence(logits, (2, 3))
    assert sure[:, :2].tolist() == [[64, 255]] * 2
    assert confidence(logits, (20, 30)).shape == (20, 30)


def test_an_overlay_by_hand():
    image = np.full((1, 2, 3), 100, np.uint8)
    mask = np.array([[BY_NAME["road"].train_id, 255]], np.uint8)
    assert overlay(image, mask).tolist() == [[[114, 82, 114], [100, 100, 100]]]  # (100 + 128) / 2; void stays photo
