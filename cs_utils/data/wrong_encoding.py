"""Whether a label image holds label ids, or another encoding under their name.

trainIds with void moved to 19 or 20 are all below 34, so they pass for label ids: road (0) would count as unlabeled and
vegetation (8) as sidewalk. The polygons tell, and without them the place of the classes: no street has its rail track
in the sky.
"""

from collections import Counter
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from cs_utils.labels import BY_ID, SLIDE_VOID, VOID, find_label

COARSE = 256
"""About how many pixels wide polygons are drawn: it takes a millisecond, and only large regions are asked about."""
LARGE = 0.01
"""Share of the picture from which on a region is large."""
PURE = 0.8
"""Share of a region that must have one value for it to count as the region's."""
TOP, BOTTOM = {2, 8, 10}, {0, 1, 19, SLIDE_VOID}
"""trainIds that fill a street scene's upper third (building, vegetation, sky) and its lower (road, sidewalk, void).

As label ids they would be rectification border, sidewalk, rail track; unlabeled, ego vehicle, traffic light, sign.
"""
WANTED = "give label ids, 0 to 33, as gtFine_labelIds.png of the download holds them"


def encoding_problem(ids: np.ndarray, polygons: dict[str, Any] | None) -> str | None:
    """Why a label image cannot be of label ids, as the end of a sentence; None where nothing speaks against it.

    Args:
        ids: (H, W) uint8, what is taken for label ids.
        polygons: the content of the frame's polygon file; None: there is none.
    """
    if polygons is None:
        return (
            f"holds trainIds, as it seems by the place of its classes: {WANTED}" if _looks_like_train_ids(ids) else None
        )
    values = _values_of_regions(ids, polygons)
    wrong = {label: value for label, value in values.items() if label != value}
    # One region alone may be a slip of a pen.
    if len(wrong) < 2 or 2 * len(wrong) <= len(values):
        return None
    voids = {19, SLIDE_VOID, VOID}
    as_train_ids = all(value in voids or value == BY_ID[label].train_id for label, value in wrong.items())
    known = sorted(wrong, key=lambda label: BY_ID[label].train_id)  # void last
    shown = ", ".join(f"{BY_ID[label].name} is {wrong[label]} and not {label}" for label in known[:3])
    return f"holds {'trainIds' if as_train_ids else 'another encoding'}, for by its polygons {shown}: {WANTED}"


def _values_of_regions(ids: np.ndarray, polygons: dict[str, Any]) -> dict[int, int]:
    """The value that each large region of a label, as the polygons draw it, has in the label image: by label id."""
    step = max(1, ids.shape[1] // COARSE)
    sample = ids[step // 2 :: step, step // 2 :: step]
    canvas = Image.new("L", sample.shape[::-1], 0)
    draw = ImageDraw.Draw(canvas)
    for item in polygons["objects"]:
        label = find_label(item["label"])
        if label and label.id > 0 and len(item["polygon"]) > 2:
            draw.polygon([(x / step, y / step) for x, y in item["polygon"]], fill=label.id)
    drawn = np.array(canvas)
    found = {}
    for label_id in np.unique(drawn[drawn > 0]).tolist():
        inside = sample[drawn == label_id]
        value, count = Counter(inside.tolist()).most_common(1)[0]
        if inside.size > LARGE * drawn.size and count > PURE * inside.size:
            found[label_id] = value
    return found


def _looks_like_train_ids(ids: np.ndarray) -> bool:
    third = max(1, len(ids) // 3)
    top, bottom = (int(np.bincount(part.ravel()).argmax()) for part in (ids[:third], ids[-third:]))
    return bool(ids.max() <= SLIDE_VOID and top in TOP and bottom in BOTTOM)
