import math

import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses import DiceLoss, FocalLoss, LovaszLoss
from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits

from cs_utils.labels import REAL_PIXELS, SLIDE_CHANNELS, SLIDE_VOID, VOID
from cs_utils.losses import broken as beginners
from cs_utils.losses.broken import BROKEN_LOSSES, KINDS
from cs_utils.losses.right import (
    LOSSES,
    combined_loss,
    cross_entropy,
    dice_loss,
    focal_loss,
    inverse_log_weights,
    lovasz_loss,
    median_frequency_weights,
)

ALL_LOSSES = LOSSES | {"lovasz": lovasz_loss}
every_loss = pytest.mark.parametrize("loss", ALL_LOSSES.values(), ids=ALL_LOSSES)


def row(*pixels):
    """Logits (1, C, 1, pixels) whose softmax is these probabilities, one tuple for each pixel."""
    return torch.tensor(pixels, dtype=torch.float64).log().clamp_min(-1000).T[None, :, None]


def truth(*classes):
    """Target (1, 1, pixels)."""
    return torch.tensor([[classes]])


def sure(target, channels):
    """Logits of a network that is certain, and right at all valid pixels."""
    return torch.where(target[:, None] == torch.arange(channels)[:, None, None], 100.0, 0.0).double()


def random_batch(shape=(2, 5, 6, 8), void=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    count, channels, height, width = shape
    logits = torch.randn(shape, generator=generator, dtype=torch.float64)
    target = torch.randint(channels, (count, height, width), generator=generator)
    if void:
        target[torch.rand(target.shape, generator=generator) < 0.3] = VOID
    return logits, target


def gradient(loss, logits, target, **options):
    logits = logits.clone().requires_grad_()
    loss(logits, target, **options).backward()
    return logits.grad


# ------------------------------------------------------------------------------------------------- values, by hand

IN_BETWEEN = row((0.5, 0.5), (0.2, 0.8)), truth(0, 1)


def test_cross_entropy_by_hand():
    # (-ln 0.5 - ln 0.8) / 2
    assert cross_entropy(*IN_BETWEEN).item() == pytest.approx((0.6931472 + 0.2231436) / 2, abs=1e-6)


def test_lovasz_by_hand():
    # class 0: errors 0.5 (its pixel) and 0.2; 1 - IoU is 1 and 1 with one and two of them: 0.5 * 1 + 0.2 * 0 = 0.5
    # class 1: errors 0.5 and 0.2 (its pixel); 1 - IoU is 1/2 and 1: 0.5 * 0.5 + 0.2 * 0.5 = 0.35
    assert lovasz_loss(*IN_BETWEEN).item() == pytest.approx((0.5 + 0.35) / 2, abs=1e-9)


def test_dice_by_hand():
    # class 0: 2 * 0.5 / (0.5 + 0.2 + 1) = 10/17; class 1: 2 * 0.8 / (0.5 + 0.8 + 1) = 16/23
    assert dice_loss(*IN_BETWEEN).item() == pytest.approx(1 - (10 / 17 + 16 / 23) / 2, abs=1e-9)


def test_focal_by_hand():
    # (0.5^2 * 0.6931472 + 0.2^2 * 0.2231436) / 2
    assert focal_loss(*IN_BETWEEN).item() == pytest.approx((0.25 * 0.6931472 + 0.04 * 0.2231436) / 2, abs=1e-7)


def test_combined_by_hand():
    # cross entropy 0.4581454 and Dice loss 0.3580563, from the two tests above
    assert combined_loss(*IN_BETWEEN).item() == pytest.approx(0.4581454 + 0.3580563, abs=1e-6)
    halves = combined_loss(*IN_BETWEEN, cross_entropy_share=0.5, dice_share=2)
    assert halves.item() == pytest.approx(0.5 * 0.4581454 + 2 * 0.3580563, abs=1e-6)


@every_loss
def test_a_sure_and_right_prediction_costs_nothing(loss):
    target = truth(0, 1, 2, 1)
    assert loss(sure(target, 3), target).item() == pytest.approx(0, abs=1e-9)


def test_a_sure_and_wrong_prediction():
    target = truth(0, 1)
    wrong = sure(1 - target, 2)
    # p_t = e^-100, so that -log p_t = 100 and (1 - p_t)^2 = 1; no overlap in either class
    assert cross_entropy(wrong, target).item() == pytest.approx(100)
    assert focal_loss(wrong, target).item() == pytest.approx(100)
    assert dice_loss(wrong, target).item() == pytest.approx(1)
    assert combined_loss(wrong, target).item() == pytest.approx(101)


def test_an_undecided_prediction():
    logits, target = torch.zeros(1, 4, 1, 8), truth(0, 0, 1, 1, 2, 2, 3, 3)
    assert cross_entropy(logits, target).item() == pytest.approx(math.log(4))
    assert focal_loss(logits, target).item() == pytest.approx(0.75**2 * math.log(4))
    # every class: 2 * (2 * 1/4) / (8 * 1/4 + 2) = 1/4
    assert dice_loss(logits, target).item() == pytest.approx(0.75)


def test_dice_cares_for_a_small_class_as_for_a_large_one():
    target = truth(*[0] * 50, *[1] * 49, 2)
    logits = sure(torch.where(target == 2, 0, target), 3)
    # the only pixel of class 2 is taken for class 0: Dice 100/101, 1 and 0
    assert dice_loss(logits, target).item() == pytest.approx(1 - (100 / 101 + 1 + 0) / 3)


def test_dice_leaves_out_absent_classes():
    # class 2 has no pixel, but gets 0.4 of the probability. Class 0: 2 * 0.6 / (0.6 + 0 + 1) = 3/4; class 1: 1
    logits, target = row((0.6, 0.0, 0.4), (0.0, 1.0, 0.0)), truth(0, 1)
    assert dice_loss(logits, target).item() == pytest.approx(1 - (3 / 4 + 1) / 2)


def test_focal_without_focus_is_cross_entropy():
    logits, target = random_batch()
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 0.1])
    ours = focal_loss(logits, target, gamma=0, weight=weight)
    torch.testing.assert_close(ours, cross_entropy(logits, target, weight=weight))


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2, 5])
def test_focal_gradient_is_finite_where_the_prediction_is_perfect(gamma):
    target = truth(0, 1, VOID)
    assert gradient(focal_loss, sure(target, 2) * 10, target, gamma=gamma).isfinite().all()


# ------------------------------------------------------------------------------------------------------ the weights


def test_pixel_losses_count_a_pixel_as_its_class_weighs():
    weight = torch.tensor([3.0, 1.0])
    # (3 * 0.6931472 + 1 * 0.2231436) / (3 + 1)
    assert cross_entropy(*IN_BETWEEN, weight=weight).item() == pytest.approx(0.5756463, abs=1e-6)
    # (3 * 0.25 * 0.6931472 + 1 * 0.04 * 0.2231436) / (3 + 1): (1 - p_t)^2 knows nothing of the weights
    assert focal_loss(*IN_BETWEEN, weight=weight).item() == pytest.approx(0.1321965, abs=1e-6)


def test_dice_counts_a_class_as_it_weighs():
    # (3 * 7/17 + 1 * 7/23) / (3 + 1)
    weighted = dice_loss(*IN_BETWEEN, weight=torch.tensor([3.0, 1.0]))
    assert weighted.item() == pytest.approx((3 * 7 / 17 + 7 / 23) / 4)
    # the weight of an absent class is out of the sum of weights as well
    logits, target = row((0.6, 0.0, 0.4), (0.0, 1.0, 0.0)), truth(0, 1)
    assert dice_loss(logits, target, weight=torch.tensor([1.0, 1.0, 9.0])).item() == pytest.approx(1 / 8)


def test_combined_passes_the_weights_on():
    weight = torch.tensor([3.0, 1.0])
    parts = cross_entropy(*IN_BETWEEN, weight=weight) + dice_loss(*IN_BETWEEN, weight=weight)
    torch.testing.assert_close(combined_loss(*IN_BETWEEN, weight=weight), parts)


@every_loss
def test_equal_weights_are_no_weights(loss):
    logits, target = random_batch()
    torch.testing.assert_close(loss(logits, target, weight=torch.full((5,), 7.0)), loss(logits, target))


@every_loss
def test_a_class_of_weight_zero_might_as_well_be_void(loss):
    logits, target = random_batch()
    weight = torch.tensor([0.0, 1, 1, 1, 1])
    if loss in (cross_entropy, focal_loss):
        others = torch.where(target == 0, VOID, target)
        torch.testing.assert_close(loss(logits, target, weight=weight), loss(logits, others))
    only = torch.where(target == 0, 0, VOID)
    assert loss(logits, only, weight=weight).item() == 0


def test_median_frequency_weights_by_hand():
    # Class 0: 3 + 5 of the 10 + 10 pixels of its images, 0.4; class 1: 7 of 10; class 2: 5 of 10; class 3 is nowhere.
    counts = torch.tensor([[3, 7, 0, 0], [5, 0, 5, 0]])
    torch.testing.assert_close(median_frequency_weights(counts), torch.tensor([0.5 / 0.4, 0.5 / 0.7, 1.0, 0.0]))


def test_inverse_log_weights_are_those_of_erfnet():
    pixels = torch.tensor(list(REAL_PIXELS.values()), dtype=torch.float64)
    weights = inverse_log_weights(pixels / pixels.sum())
    # road, sidewalk, building, bicycle, as published with ERFNet; counted there on smaller images
    published = torch.tensor([2.8149201869965, 6.9850029945374, 3.7890393733978, 10.138095855713], dtype=torch.float64)
    torch.testing.assert_close(weights[[0, 1, 2, 18]], published, rtol=1e-3, atol=0)


# ------------------------------------------------------------------------------------------------------------- Lovász


@pytest.mark.parametrize("seed", range(3))
def test_lovasz_is_that_of_another_library(seed):
    logits, target = random_batch(seed=seed)
    logits = logits.float()  # theirs cannot do with float64
    other = LovaszLoss("multiclass", ignore_index=VOID)
    torch.testing.assert_close(lovasz_loss(logits, target), other(logits, target))
    torch.testing.assert_close(gradient(lovasz_loss, logits, target), gradient(other, logits, target))


def test_lovasz_of_a_sure_prediction_is_one_minus_the_mean_iou():
    target, predicted = truth(0, 0, 0, 1, 1, VOID), truth(0, 0, 1, 1, 2, 0)
    # Class 0: 2 of 3; class 1: 1 hit, a union of 3; class 2 is not there, and left out.
    assert lovasz_loss(sure(predicted, 3), target).item() == pytest.approx(1 - (2 / 3 + 1 / 3) / 2)


# ------------------------------------------------------------------------------------------------- void and batches


@every_loss
def test_logits_under_void_change_nothing(loss):
    logits, target = random_batch()
    void = (target == VOID)[:, None]
    other = torch.where(void, torch.randn_like(logits) * 50, logits)
    torch.testing.assert_close(loss(other, target), loss(logits, target), rtol=1e-12, atol=0)
    assert (gradient(loss, logits, target) * void == 0).all()


@every_loss
def test_void_pixels_count_neither_above_nor_below_the_line(loss):
    logits, target = random_batch(void=False)
    wider = F.pad(logits, (0, 8)), F.pad(target, (0, 8), value=VOID)
    torch.testing.assert_close(loss(*wider), loss(logits, target), rtol=1e-12, atol=0)


@every_loss
def test_a_batch_that_is_all_void_costs_nothing_and_teaches_nothing(loss):
    logits, target = random_batch()
    target = torch.full_like(target, VOID)
    for weight in (None, torch.ones(5)):
        assert loss(logits, target, weight=weight).item() == 0
        assert (gradient(loss, logits, target, weight=weight) == 0).all()


@every_loss
def test_the_order_of_pixels_changes_nothing(loss):
    logits, target = random_batch()
    moved = torch.randperm(target.numel(), generator=torch.Generator().manual_seed(1))
    flat_logits, flat_target = logits.movedim(1, -1).reshape(-1, 5)[moved], target.flatten()[moved]
    shuffled = flat_logits.reshape(2, 6, 8, 5).movedim(-1, 1), flat_target.reshape(2, 6, 8)
    torch.testing.assert_close(loss(*shuffled), loss(logits, target), rtol=1e-12, atol=0)


@every_loss
def test_a_batch_of_images_is_one_large_image(loss):
    logits, target = random_batch()
    joined = torch.cat([*logits], dim=2)[None], torch.cat([*target], dim=1)[None]
    torch.testing.assert_close(loss(*joined), loss(logits, target), rtol=1e-12, atol=0)


@every_loss
def test_the_same_number_added_to_all_logits_of_a_pixel_changes_nothing(loss):
    logits, target = random_batch()
    shift = torch.randn(2, 1, 6, 8, dtype=torch.float64) * 10
    torch.testing.assert_close(loss(logits + shift, target), loss(logits, target))


@every_loss
@pytest.mark.parametrize("ignore_index", [20, -100, 3])
def test_another_ignore_index(loss, ignore_index):
    logits, target = random_batch()
    target[target == 3] = 2  # a class may be the ignored one, too
    other = torch.where(target == VOID, ignore_index, target)
    torch.testing.assert_close(loss(logits, other, ignore_index=ignore_index), loss(logits, target))


@every_loss
def test_void_as_a_class_of_the_slide_encoding(loss):
    logits, target = random_batch((2, SLIDE_CHANNELS, 16, 16))
    target[target == 19] = 0
    target[target == VOID] = SLIDE_VOID
    target[0, 0, 0] = SLIDE_VOID
    assert loss(logits, target).isfinite()
    assert (gradient(loss, logits, target)[0, :, 0, 0] != 0).all()
    # channel 19 has no pixel: Dice is the mean over the 20 others
    if loss is dice_loss:
        p, g = logits.softmax(1), F.one_hot(target, SLIDE_CHANNELS).movedim(-1, 1)
        dice = 2 * (p * g).sum((0, 2, 3)) / (p + g).sum((0, 2, 3))
        assert loss(logits, target).item() == pytest.approx(1 - dice.sum().item() / 20)


# ------------------------------------------------------------------------------------- gradients and number formats


@every_loss
def test_gradient(loss):
    logits, target = random_batch((2, 4, 3, 3))
    weight = torch.tensor([1.0, 0.5, 3.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits.requires_grad_())
    assert torch.autograd.gradcheck(lambda x: loss(x, target, weight=weight), logits)


@every_loss
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_in_float32(loss, half):
    logits, target = random_batch()
    logits = (logits * 20).to(half)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(logits, target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(logits.float(), target), rtol=0, atol=0)
    assert gradient(loss, logits, target).isfinite().all()


@every_loss
def test_float64_stays_float64(loss):
    logits, target = random_batch()
    assert loss(logits, target).dtype == torch.float64


@every_loss
def test_enormous_logits_stay_finite(loss):
    logits, target = random_batch()
    huge = (logits * 1e4).float()
    assert loss(huge, target).isfinite()
    assert gradient(loss, huge, target).isfinite().all()


def test_dice_in_float32_keeps_its_digits_on_a_large_batch():
    logits, target = random_batch((4, 3, 256, 512))
    assert dice_loss(logits.float(), target).item() == pytest.approx(dice_loss(logits, target).item(), rel=1e-6)


# -------------------------------------------------------------------------------------------- against the libraries


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 0.5, 3.0, 0.1], dtype=torch.float64)])
def test_cross_entropy_is_that_of_torch(weight):
    logits, target = random_batch()
    theirs = F.cross_entropy(logits, target, weight, ignore_index=VOID)
    torch.testing.assert_close(cross_entropy(logits, target, weight=weight), theirs)


@pytest.mark.parametrize("void", [False, True])
def test_dice_is_that_of_smp_when_all_classes_are_present(void):
    logits, target = random_batch(void=void)
    theirs = DiceLoss("multiclass", ignore_index=VOID if void else None)
    torch.testing.assert_close(dice_loss(logits, target), theirs(logits, target))
    torch.testing.assert_close(gradient(dice_loss, logits, target), gradient(theirs, logits, target))


def test_smp_dice_counts_absent_classes_as_perfect():
    logits, target = random_batch()
    target[target == 4] = 3
    assert DiceLoss("multiclass", ignore_index=VOID)(logits, target) == pytest.approx(dice_loss(logits, target) * 4 / 5)


def test_focal_is_smp_softmax_focal():
    logits, target = random_batch(void=False)
    torch.testing.assert_close(focal_loss(logits, target), softmax_focal_loss_with_logits(logits, target))


# ------------------------------------------------------------------------------------------------------ wrong input


@every_loss
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, t: (x[0], t), r"must be float \(N, C, H, W\)"),
        (lambda x, t: (x.long(), t), r"must be float \(N, C, H, W\)"),
        (lambda x, t: (x, t[:, None]), r"must be the int64 class of every pixel, \(2, 6, 8\)"),
        (lambda x, t: (x, t[:, ::2]), r"must be the int64 class of every pixel, \(2, 6, 8\)"),
        (lambda x, t: (x, t.float()), "target is torch.float32"),
        (lambda x, t: (x, t.to(torch.uint8)), "target is torch.uint8"),
        (lambda x, t: (x, torch.where(t == VOID, 20, t)), "target holds 20, but the 5 channels are 0..4"),
        (lambda x, t: (x, torch.where(t == VOID, -1, t)), "target holds -1"),
    ],
)
def test_wrong_input_is_refused_with_its_mend(loss, change, message):
    with pytest.raises(ValueError, match=message):
        loss(*change(*random_batch()))


@every_loss
def test_a_weight_for_another_number_of_classes_is_refused(loss):
    with pytest.raises(ValueError, match="one number for each channel"):
        loss(*random_batch(), weight=torch.ones(19))


def test_a_negative_gamma_is_refused():
    with pytest.raises(ValueError, match="gamma is -1"):
        focal_loss(*random_batch(), gamma=-1)


# -------------------------------------------------------------------------------------- the beginners' losses' defects


def test_every_beginners_loss_gives_a_gradient_except_the_one_that_raises():
    logits, target = random_batch()
    for name, loss in BROKEN_LOSSES.items():
        if loss is not beginners.dice_one_hot_of_void:
            assert gradient(loss, logits, target).isfinite().all(), name


@pytest.mark.parametrize(
    ("beginner", "right"),
    [
        (beginners.dice_flattened, dice_loss),
        (beginners.dice_absent_as_perfect, dice_loss),
        (beginners.dice_absent_as_zero, dice_loss),
        (beginners.dice_void_left_in_labels, dice_loss),
        (beginners.dice_one_hot_of_void, dice_loss),
        (beginners.cross_entropy_void_as_last_class, cross_entropy),
        (beginners.cross_entropy_mean_over_void, cross_entropy),
        (beginners.focal_with_weighted_p, focal_loss),
    ],
)
def test_a_defect_hides_where_its_cause_is_missing(beginner, right):
    # no void, all classes present and equally large and equally well predicted, no weights
    target = truth(0, 1, 2)
    logits = row((0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6))
    torch.testing.assert_close(beginner(logits, target), right(logits, target))


def learned(loss, target):
    """The best class of every pixel (N, H, W) once the logits themselves have been trained by a loss."""
    logits = torch.randn(len(target), 5, *target.shape[1:], generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        loss(logits, target).backward()
        optimizer.step()
    return logits.argmax(dim=1)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind != "bug"])
def test_another_objective_or_scale_has_the_same_best_prediction(name):
    _, target = random_batch((1, 5, 4, 6))
    assert (learned(BROKEN_LOSSES[name], target) == target)[target != VOID].all()


@pytest.mark.parametrize("name", ["dice_without_softmax", "cross_entropy_without_permute"])
def test_two_bugs_have_another_best_prediction(name):
    _, target = random_batch((1, 5, 4, 6))
    assert (learned(BROKEN_LOSSES[name], target) == target)[target != VOID].float().mean() < 0.6


@pytest.mark.parametrize("name", ["dice_void_left_in_labels", "cross_entropy_void_as_last_class"])
def test_the_other_bugs_change_with_void(name):
    logits, target = random_batch(void=False)
    wider = F.pad(logits, (0, 4)), F.pad(target, (0, 4), value=VOID)
    assert not torch.isclose(BROKEN_LOSSES[name](*wider), BROKEN_LOSSES[name](logits, target))


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind == "another scale"])
def test_another_scale_is_one_factor_for_all_gradients_of_a_batch(name):
    logits, target = random_batch((1, 7, 4, 6))
    target[(target > 3) & (target != VOID)] = 2  # classes that do not occur
    right = cross_entropy if name.startswith("cross") else dice_loss
    given, wanted = (gradient(loss, logits, target) for loss in (BROKEN_LOSSES[name], right))
    torch.testing.assert_close(given, wanted * given.norm() / wanted.norm(), atol=1e-5, rtol=1e-4)
    assert 0.05 < given.norm() / wanted.norm() < 0.95


def test_dice_without_softmax_goes_below_zero():
    logits, target = torch.tensor([[[[9.0, 0.0]], [[-9.0, 1.0]]]]), truth(0, 1)
    # class 0: 2 * 9 / (9 + 0 + 1) = 1.8; class 1: 2 * 1 / (-9 + 1 + 1) = -2/7; the loss is 1 - their mean
    assert beginners.dice_without_softmax(logits, target).item() == pytest.approx(1 - (1.8 - 2 / 7) / 2)
    assert beginners.dice_without_softmax(sure(target, 2), target).item() < -0.9
    assert dice_loss(sure(target, 2), target).item() == pytest.approx(0)


def test_dice_without_two_costs_one_half_when_perfect():
    target = truth(0, 1, 1)
    assert beginners.dice_without_two(sure(target, 2), target).item() == pytest.approx(0.5)


def test_dice_flattened_does_not_miss_a_small_class():
    target = truth(*[0] * 50, *[1] * 49, 2)
    logits = sure(torch.where(target == 2, 0, target), 3)
    # 1 of 100 pixels is wrong: 1 - 2 * 99 / (100 + 100)
    assert beginners.dice_flattened(logits, target).item() == pytest.approx(0.01)
    assert dice_loss(logits, target).item() == pytest.approx(0.3366, abs=1e-4)


def test_dice_absent_as_perfect_praises_a_prediction_that_is_all_wrong():
    target = truth(0, 1)
    wrong = sure(1 - target, 19)
    assert beginners.dice_absent_as_perfect(wrong, target).item() == pytest.approx(2 / 19)
    assert dice_loss(wrong, target).item() == pytest.approx(1)


def test_dice_absent_as_zero_blames_a_perfect_prediction():
    target = truth(0, 1)
    assert beginners.dice_absent_as_zero(sure(target, 19), target).item() == pytest.approx(17 / 19)


def test_dice_void_left_in_labels_blames_a_perfect_prediction():
    target = truth(0, 1, VOID, VOID)
    # class 0 has 1 pixel and 2 of void: 2 * 1 / (1 + 3) = 1/2; class 1: 1
    assert beginners.dice_void_left_in_labels(sure(target, 2), target).item() == pytest.approx(0.25)
    assert dice_loss(sure(target, 2), target).item() == pytest.approx(0)


def test_dice_one_hot_of_void_raises():
    target = truth(0, 1, VOID)
    with pytest.raises(RuntimeError, match="Class values must be smaller than num_classes"):
        beginners.dice_one_hot_of_void(sure(target, 2), target)


def test_dice_smoothed_per_image_halves_the_cost_of_a_missed_pixel():
    target = truth(0, 0, 0, 1)
    missed = sure(torch.zeros_like(target), 2)
    # class 0: (2 * 3 + 1) / (4 + 3 + 1) = 7/8; class 1: (0 + 1) / (0 + 1 + 1) = 1/2, where the right Dice is 0
    assert beginners.dice_smoothed_per_image(missed, target).item() == pytest.approx(1 - (7 / 8 + 1 / 2) / 2)
    # the right one: 6/7 and 0
    assert dice_loss(missed, target).item() == pytest.approx(1 - (6 / 7 + 0) / 2)


def test_dice_smoothed_per_image_scores_classes_on_images_without_them():
    target = truth(0, 0, 0, 0)
    # 18 of 19 classes are absent, and count as perfect; class 0 is missed: (0 + 1) / (0 + 4 + 1) = 1/5;
    # class 1, predicted on all 4 pixels: 1/5
    wrong = sure(torch.ones_like(target), 19)
    assert beginners.dice_smoothed_per_image(wrong, target).item() == pytest.approx(1 - (17 + 1 / 5 + 1 / 5) / 19)
    assert dice_loss(wrong, target).item() == pytest.approx(1)


def test_cross_entropy_softmax_twice_never_falls_below_its_floor():
    target = truth(*range(19))
    # the best it can see is one probability of 1 and 18 of 0: ln(e + 18) - 1
    floor = math.log(math.e + 18) - 1
    assert floor == pytest.approx(2.03, abs=0.005)
    assert beginners.cross_entropy_softmax_twice(sure(target, 19), target).item() == pytest.approx(floor)


def test_cross_entropy_softmax_twice_learns_nothing_from_a_sure_mistake():
    target = truth(0, 1)
    wrong = sure(1 - target, 2)
    assert gradient(beginners.cross_entropy_softmax_twice, wrong, target).abs().max() < 1e-12
    # the right one: (p - g) / 2 pixels
    assert gradient(cross_entropy, wrong, target).abs().max().item() == pytest.approx(0.5)


def test_cross_entropy_void_as_last_class_trains_void():
    target = truth(0, 1, VOID, VOID)
    logits = torch.zeros(1, 2, 1, 4)
    # (p - g) / 4 pixels = -1/8 at each void pixel: both are pushed towards the last class
    assert gradient(beginners.cross_entropy_void_as_last_class, logits, target)[0, 1, 0, 2:].tolist() == [-0.125] * 2
    assert gradient(cross_entropy, logits, target)[0, :, 0, 2:].abs().max() == 0


def test_cross_entropy_mean_over_void_shrinks_with_the_share_of_void():
    logits, target = random_batch()
    share = (target != VOID).double().mean()
    right, wrong = (
        gradient(cross_entropy, logits, target),
        gradient(beginners.cross_entropy_mean_over_void, logits, target),
    )
    assert share < 0.8
    torch.testing.assert_close(wrong, right * share)


def test_cross_entropy_without_permute_blames_a_perfect_prediction():
    target = truth(0, 1, 0, 1)
    # logits (1, 2, 1, 4): class 0 [100, 0, 100, 0], class 1 [0, 100, 0, 100]; read as rows of two they are
    # [100, 0], [100, 0], [0, 100], [0, 100], for the targets 0, 1, 0, 1: right, wrong, wrong, right
    logits = sure(target, 2)
    assert beginners.cross_entropy_without_permute(logits, target).item() == pytest.approx((0 + 100 + 100 + 0) / 4)
    assert cross_entropy(logits, target).item() == pytest.approx(0)


def test_focal_with_sigmoids_is_small_before_anything_is_learned():
    target = truth(*range(19))
    # sigmoid(-3) = 0.0474259: once -ln s * (1 - s)^2 = 2.7666 (true class), 18 times -ln(1 - s) * s^2 = 0.000109
    undecided = torch.full((1, 19, 1, 19), -3.0)
    assert beginners.focal_with_sigmoids(undecided, target).item() == pytest.approx(0.1457, abs=2e-4)
    # the right one: (18/19)^2 * ln 19
    assert focal_loss(undecided, target).item() == pytest.approx((18 / 19) ** 2 * math.log(19), rel=1e-5)


def test_focal_with_sigmoids_sees_a_change_where_there_is_none():
    logits, target = random_batch()
    changed = beginners.focal_with_sigmoids(logits + 5, target) / beginners.focal_with_sigmoids(logits, target)
    assert changed > 5
    torch.testing.assert_close(focal_loss(logits + 5, target), focal_loss(logits, target))


def test_focal_with_sigmoids_is_what_smp_calls_multiclass():
    logits, target = random_batch()
    theirs = FocalLoss("multiclass", ignore_index=VOID)(logits, target)
    torch.testing.assert_close(beginners.focal_with_sigmoids(logits, target), theirs)


def test_focal_with_weighted_p_takes_an_easy_pixel_for_a_hard_one():
    logits, target = row((0.9, 0.1)), truth(0)
    weight = torch.tensor([10.0, 1.0], dtype=torch.float64)
    ce = -math.log(0.9)
    # 0.9^10 = 0.3487 instead of 0.9
    assert beginners.focal_with_weighted_p(logits, target, weight=weight).item() == pytest.approx(
        (1 - 0.9**10) ** 2 * ce
    )
    assert focal_loss(logits, target, weight=weight).item() == pytest.approx(0.1**2 * ce)
