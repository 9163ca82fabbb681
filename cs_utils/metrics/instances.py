"""iIoU, the instance-weighted IoU of the official evaluator: every instance counts as much as one of average size.

IoU counts pixels, so one car close by outweighs fifty that are far away. In

    iIoU = iTP / (iTP + FP + iFN)

each pixel of an instance, hit or missed, is multiplied by the average size of its class over the size of this instance.
The rules, Cordts et al., CVPR 2016, and the public ``cityscapesscripts``:

* an instance has a value above 1000 in the instance image. A group has its plain label id and is no instance;
* false alarms (FP) belong to no instance: they are plain pixels, counted in the confusion matrix, on groups as well;
* caravans and trailers are told apart, and still not evaluated;
* an instance is hit for its category where any class of the category is predicted. Only human and vehicle have
  instances throughout.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from cs_utils.labels import BY_ID, CLASS_NAMES, CLASSES, LABELS, VOID, id_to_train_id
from cs_utils.metrics.confusion import CATEGORIES, category_matrix, false_alarms

AVERAGE_PIXELS = {
    "person": 3462.4756337644,
    "rider": 3930.4788056518,
    "car": 12794.0202738185,
    "truck": 27855.1264367816,
    "bus": 35732.1511111111,
    "train": 67583.7075812274,
    "motorcycle": 6298.7200839748,
    "bicycle": 4672.3249222261,
}
"""Average size of an instance at 2048x1024, in pixels; the evaluator's own, whatever size the images have."""
INSTANCE_CATEGORIES = tuple(
    name
    for name in CATEGORIES
    if all(label.has_instances for label in LABELS if label.category == name and label.id >= 0)
)
"""The categories whose labels all have instances: human and vehicle."""

_CATEGORY = np.full(256, VOID, dtype=np.uint8)
for _label in CLASSES:
    _CATEGORY[_label.train_id] = CATEGORIES.index(_label.category)


class Instance(NamedTuple):
    """One instance in a ground truth, and how many of its pixels a prediction hits."""

    train_id: int
    pixels: int
    hits: int
    """Pixels predicted as its class."""
    category_hits: int
    """Pixels predicted as any class of its category."""


def count_instances(instances: np.ndarray, prediction: np.ndarray) -> list[Instance]:
    """Count the hits of every evaluated instance of an image, in the order of the instances' values.

    Args:
        instances: (H, W) uint16, label id * 1000 + number, or the plain label id.
        prediction: (H, W) uint8 trainIds, void = 255.

    Raises:
        ValueError: the shapes differ, or a value is an instance of what has none.
    """
    if instances.shape != prediction.shape:
        raise ValueError(f"instances {instances.shape} and prediction {prediction.shape} must have the same shape")
    single = instances > 1000
    if not single.any():
        return []
    values, predicted = instances[single], prediction[single]
    pixels = np.bincount(values)
    labels = {value: BY_ID.get(value // 1000) for value in np.flatnonzero(pixels).tolist()}
    for value, label in labels.items():
        if label is None or (label.train_id != VOID and not label.has_instances):
            raise ValueError(f"value {value} is an instance of what has no instances")
    true = id_to_train_id(values // 1000)
    hits = np.bincount(values[predicted == true], minlength=len(pixels))
    category_hits = np.bincount(values[_CATEGORY[predicted] == _CATEGORY[true]], minlength=len(pixels))
    return [
        Instance(label.train_id, *(int(count[value]) for count in (pixels, hits, category_hits)))
        for value, label in labels.items()
        if label.train_id != VOID
    ]


def instance_iou(found: Sequence[Instance], matrix: Tensor) -> pd.Series:
    """iIoU of the classes that have instances.

    Args:
        found: the instances of all images, image by image: to the last digit, the order counts.
        matrix: (20, 20), the confusion matrix of the same images.

    Returns:
        Float64 by class name, 0..1; NaN for a class without instances and false alarms.
    """
    alarms = dict(zip(CLASS_NAMES, false_alarms(matrix).tolist(), strict=True))
    hits = ((CLASS_NAMES[item.train_id], item, item.hits) for item in found)
    return _weigh(hits, {name: alarms[name] for name in AVERAGE_PIXELS})


def instance_category_iou(found: Sequence[Instance], matrix: Tensor) -> pd.Series:
    """iIoU of the categories human and vehicle, by name; otherwise as `instance_iou`."""
    alarms = dict(zip(CATEGORIES, false_alarms(category_matrix(matrix)).tolist(), strict=True))
    hits = ((CLASSES[item.train_id].category, item, item.category_hits) for item in found)
    return _weigh(hits, {name: alarms[name] for name in INSTANCE_CATEGORIES})


def _weigh(hits: Iterable[tuple[str, Instance, int]], alarms: dict[str, int]) -> pd.Series:
    hit, missed = dict.fromkeys(alarms, 0.0), dict.fromkeys(alarms, 0.0)
    for name, item, count in hits:
        weight = AVERAGE_PIXELS[CLASS_NAMES[item.train_id]] / item.pixels
        # Added one after another, as the evaluator does: another order would round in other places.
        hit[name] += count * weight
        missed[name] += (item.pixels - count) * weight
    totals = {name: hit[name] + alarms[name] + missed[name] for name in alarms}
    return pd.Series({name: hit[name] / total if total else np.nan for name, total in totals.items()}, name="iiou")
