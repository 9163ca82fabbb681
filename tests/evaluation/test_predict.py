import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cs_utils.data.cityscapes import find_frames, read_frame, read_mask, read_upright, write_png
from cs_utils.data.loaders import loaders
from cs_utils.data.transforms import normalize, resize_image
from cs_utils.evaluation.predict import evaluate, export_label_ids, overlay, predict, predict_files, upsample_argmax
from cs_utils.exceptions import CourseError
from cs_utils.labels import BY_NAME, CLASS_NAMES, colorize


class ByColour(nn.Module):
    """Knows the test scenes' colours: red is car, blue is sky, grey is road."""

    def __init__(self, channels=19):
        super().__init__()
        self.channels = channels
        self.anything = nn.Parameter(torch.zeros(1))

    def forward(self, image):
        red, green, blue = image.unbind(1)
        logits = torch.full((len(image), self.channels, *image.shape[2:]), -9.0)
        logits[:, 13] = red - green
        logits[:, 10] = blue - red
        logits[:, 0] = 0.35
        return logits


def test_upsampling_class_by_class_is_the_same_as_all_at_once():
    logits = torch.randn(19, 7, 9, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits[None], (30, 41), mode="bilinear", align_corners=False)[0].argmax(0)
    assert torch.equal(upsample_argmax(logits, (30, 41)), whole.to(torch.uint8))


def test_a_prediction_has_the_photos_own_size(settings):
    image = np.zeros((50, 33, 3), np.uint8)
    mask = predict(ByColour(), image, settings)
    assert mask.shape == (50, 33)
    assert mask.dtype == np.uint8


def test_logits_are_enlarged_before_the_class_is_chosen(settings):
    image = np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)
    torch.manual_seed(0)
    model = nn.Conv2d(3, 19, kernel_size=3, padding=1)
    with torch.no_grad():
        logits = model(normalize(resize_image(image, settings.image_size))[None])
    expected = F.interpolate(logits, (90, 150), mode="bilinear", align_corners=False)[0].argmax(0)
    assert np.array_equal(predict(model, image, settings), expected)


def test_void_as_a_class_becomes_255_and_the_model_keeps_its_mode(settings):
    class Void(ByColour):
        def forward(self, image):
            logits = super().forward(image)
            logits[:, 20] = 9
            return logits

    model = Void(channels=21).train()
    assert (predict(model, np.zeros((8, 8, 3), np.uint8), settings) == 255).all()
    assert model.training


def test_a_good_model_scores_well_at_full_size(settings):
    _, val = loaders(settings)
    result = evaluate(ByColour(), val, settings)
    assert result.images == 2
    assert result.mean_iou > 0.65
    assert result.matrix[:19].sum() == 2 * 30 * 64  # every pixel but void, at the size of the ground truth
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
    _, val = loaders(settings)
    # Knows nothing, so that it errs in many classes, and has a channel for void, so that it errs into void too.
    torch.manual_seed(0)
    model = nn.Conv2d(3, 21, kernel_size=3, padding=1)
    ours = evaluate(model, val, settings, export=tmp_path)
    truths = [str(frame.label_ids) for frame in val.dataset.frames]
    predictions = [str(tmp_path / f"{frame.name}_labelIds.png") for frame in val.dataset.frames]
    theirs = official_evaluator(predictions, truths)
    expected = [theirs["classScores"][name] for name in CLASS_NAMES]
    np.testing.assert_allclose(ours.table["iou"], expected, rtol=0, atol=1e-9, equal_nan=True)
    assert ours.mean_iou == pytest.approx(theirs["averageScoreClasses"], abs=1e-9)
    assert ours.matrix[:19, 19].sum() > 0  # some valid pixels are indeed predicted as void


def test_an_overlay_by_hand():
    image = np.full((1, 2, 3), 100, np.uint8)
    mask = np.array([[BY_NAME["road"].train_id, 255]], np.uint8)
    assert overlay(image, mask).tolist() == [[[114, 82, 114], [100, 100, 100]]]  # (100 + 128) / 2; void stays photo


def test_photos_give_mask_colours_and_overlay_at_their_own_size(settings, tmp_path):
    frame = find_frames(settings.data, "val")[0]
    photo = tmp_path / "mein Foto.jpg"
    photo.write_bytes(frame.image.read_bytes())
    paths = predict_files([photo], ByColour(), settings, tmp_path / "out")
    assert [path.name for path in paths] == ["mein Foto_overlay.png"]
    ids = read_mask(tmp_path / "out" / "mein Foto_labelIds.png")
    assert ids.shape == (32, 64)
    assert set(np.unique(ids)) <= {7, 23, 26}
    image = read_upright(photo)
    mask = predict(ByColour(), image, settings)
    assert np.array_equal(read_upright(tmp_path / "out" / "mein Foto_color.png"), colorize(mask))
    assert np.array_equal(read_upright(paths[0]), overlay(image, mask))


def test_photos_that_would_overwrite_each_other_are_refused(settings, tmp_path):
    for folder in ("a", "b"):
        write_png(tmp_path / folder / "x.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(CourseError, match="two photos are named x"):
        predict_files([tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"], ByColour(), settings, tmp_path / "out")
    assert not (tmp_path / "out").exists()
