"""One drawing of each kind, with as many series as a reader might give, for the tests that hold for all of them."""

import numpy as np
import pandas as pd

from cs_utils.data.regions import find_boxes
from cs_utils.data.statistics import NAMES
from cs_utils.labels import CLASS_NAMES, NUM_CLASSES, VOID, id_to_train_id, one_hot, train_id_to_slide
from cs_utils.models.inspect import trace_layers
from cs_utils.models.unet import UNet
from cs_utils.plots import (
    activations,
    analysis,
    architecture,
    losses,
    models,
    preprocessing,
    results,
    scenes,
    sketches,
    tasks,
    training,
    unet,
)

MANY = [f"way {number}" for number in range(12)]
"""Twice as many series as there are colours in the palette."""
EPOCHS = range(1, 7)


def street(height=64, width=128):
    """A photo of noise, and a mask with sky, building, road, car and void."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 4], mask[height // 4 : height // 2] = 10, 2
    mask[height // 2 : height * 3 // 4, width // 8 : width // 2], mask[-3:] = 13, VOID
    return image, mask


def runs(names, seeds=(0, 1)):
    """A table as `experiments.compare` makes it: another curve for each name and seed."""
    rows = [
        {"variant": name, "seed": seed, "epoch": epoch, "iou_score": (epoch + place / 9 + seed / 5) / 12}
        for place, name in enumerate(names)
        for seed in seeds
        for epoch in EPOCHS
    ]
    table = pd.DataFrame(rows)
    return table.assign(
        train_loss=1 - table["iou_score"], val_loss=1.2 - table["iou_score"], train_seconds=1.5, seconds=2.0
    )


def history():
    table = runs(["a"], [0]).drop(columns=["variant", "seed"])
    return table.assign(dice_score=table["iou_score"] * 1.2)


def curves(index, names=MANY):
    return pd.DataFrame(
        {name: 1 + place + np.linspace(0, 3, len(index)) for place, name in enumerate(names)}, index=index
    )


def gains():
    ends = {"mean": [1.0, 2.0, 0.1], "low": [-1.0, 1.5, np.nan], "high": [3.0, 2.5, np.nan]}
    return pd.DataFrame(ends, index=["recorded: AdamW − SGD", "recorded: AdamW − Adam", "one seed"])


def class_scores():
    share = np.geomspace(0.4, 0.001, NUM_CLASSES)
    return pd.DataFrame({"iou": np.linspace(0.9, 0, NUM_CLASSES), "share": share}, index=list(CLASS_NAMES))


def dead_units():
    """A live network and three recorded ones for each of eight conditions."""
    rows = [
        (f"{name}, {norm}, {weights}", name.lower(), seed > 0, 3.0, 10.0 * seed, 12.0 + seed)
        for norm in ("no batch norm", "batch norm")
        for weights in ("PyTorch's weights", "He's weights")
        for name in ("ReLU", "SiLU")
        for seed in range(4)
    ]
    return pd.DataFrame(rows, columns=["condition", "activation", "recorded", "birth", "dead", "iou"])


def instances():
    ids = np.full((64, 128), 7, np.uint16)
    ids[:16] = 23
    ids[20:40, 10:40], ids[25:50, 50:90] = 26000, 26001
    return ids


def published():
    columns = ["network", "version", "miou", "parameters", "pretrained"]
    rows = [(name, name, 60 + place, None if place == 3 else 5 * place, place % 2 == 0) for place, name in
            enumerate([*MANY, "FCN"])]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def costs():
    names = ["U-Net 64", *MANY]
    return pd.DataFrame(
        {column: np.arange(1.0, 14) for column in ("parameters", "multiply_adds", "activations", "step")}, index=names
    )


def all_drawings():
    """Functions without arguments by the drawing's name; each gives a new Figure with its default title."""
    image, mask = street()
    layers = trace_layers(UNet(19, width=4), (64, 128))
    table = class_scores()
    sizes = pd.Series(np.linspace(0.5, 0.01, NUM_CLASSES + 1), index=list(NAMES))
    leads = pd.DataFrame({name: [0.5, -0.2, 0.1] for name in MANY})
    intervals = pd.DataFrame({"mean": 0.1, "low": -0.8, "high": 1.0}, index=MANY)
    distances = pd.DataFrame(
        {"rate": [0.5, 0.2, 0.1], "share_of_errors": [0.5, 0.3, 0.2], "share_of_pixels": [0.1, 0.2, 0.7]},
        index=[1, 2, np.inf],
    )
    toys = dict.fromkeys(MANY[:5], mask) | {"undecided": None}
    values = pd.DataFrame(np.arange(72.0).reshape(12, 6), index=MANY, columns=list(toys))
    gradients = {name: np.random.default_rng(1).random((64, 128)) for name in MANY[:2]}
    within = {name: np.linspace(0.1, 1, 64) for name in gradients}
    ids = np.where(instances() >= 1000, instances() // 1000, instances()).astype(np.uint8)
    positions = np.random.default_rng(2).random((20, 8, 16))
    objects = pd.DataFrame({"class": ["car", "bus", "person"] * 9, "pixels": np.geomspace(3, 9e4, 27).astype(int)})
    cities = {split: {f"{split} {number}": 10 + number for number in range(4)} for split in ("train", "val", "test")}
    lift = pd.DataFrame(1.2, MANY, MANY).mask(np.eye(12, dtype=bool))
    ceiling = pd.DataFrame({512: 90.0, 256: 80.0, 128: 60.0}, index=["mean", *CLASS_NAMES])
    return {
        "activations": activations.plot_activations,
        "gate": lambda: activations.plot_gate(np.linspace(-6, 6, 9), np.linspace(-3, 3, 9), np.full(9, 0.5)),
        "by layer": lambda: activations.plot_by_layer({"net": {n: [1e-3, 1.0, 2.0] for n in MANY}}),
        "lone units": lambda: activations.plot_lone_units([("relu", -1.0, -1.0), ("silu", -2.0, -6.8)]),
        "dead units": lambda: activations.plot_dead_units(dead_units()),
        "paired seeds": lambda: activations.plot_paired_seeds(
            pd.DataFrame({"relu": [10.0, 12.0], "silu": [11.0, 12.5]}),
            {name: [1.0, 0.5] for name in MANY[:3]},
            intervals,
        ),
        "images per city": lambda: analysis.plot_images_per_city(cities),
        "class shares": lambda: analysis.plot_class_shares(sizes, sizes[::-1], 200),
        "presence": lambda: analysis.plot_presence(sizes[::-1], sizes),
        "positions": lambda: analysis.plot_class_positions(positions, list(NAMES)),
        "lift": lambda: analysis.plot_lift(lift),
        "object sizes": lambda: analysis.plot_object_sizes(objects, 4, 16),
        "overlap": lambda: analysis.plot_overlap(mask[:16:4, :32:4] == 10, mask[2:18:4, :32:4] == 10),
        "class colours": lambda: analysis.plot_class_colors(dict.fromkeys(CLASS_NAMES, image[0, :9])),
        "void": lambda: analysis.plot_void(positions[0], sizes[:6] / 9, sizes / 5, 0.11),
        "loss shares": lambda: analysis.plot_loss_shares(pd.DataFrame(dict.fromkeys(MANY, table["share"]))),
        "u-net": lambda: architecture.plot_unet(layers, (64, 128)),
        "levels": lambda: architecture.plot_levels(layers),
        "surprise": lambda: losses.plot_surprise(19),
        "toy losses": lambda: losses.plot_toy_losses(toys, values, MANY[:3]),
        "void losses": lambda: losses.plot_void(curves([0.0, 0.2, 0.5])),
        "gradients": lambda: losses.plot_gradients(
            np.linspace(0, 1, 5),
            {name: np.linspace(1, 0, 5) for name in MANY},
            pd.Series(0.1, index=MANY, name="pole"),
            fair=0.05,
        ),
        "focus": lambda: losses.plot_focus(range(12), np.linspace(0.4, 1, 12), "hard pixels"),
        "failures": lambda: losses.plot_failures(runs(["healthy", *MANY], [0]), "healthy"),
        "journey": lambda: losses.plot_journey(leads, intervals, MANY[:2], "way"),
        "encoding": lambda: losses.plot_encoding(dict.fromkeys(MANY, history()), leads, intervals),
        "architectures": sketches.plot_architectures,
        "where costs lie": lambda: models.plot_where_costs_lie(dict.fromkeys(MANY, layers)),
        "costs": lambda: models.plot_costs(costs(), (256, 512), (64, 128)),
        "windows": lambda: models.plot_windows(image, {"A": (0, 0), "B": (30, 60)}, (4, 16, 32)),
        "reach": lambda: models.plot_reach(dict.fromkeys(MANY[:3], np.eye(9))),
        "same budget": lambda: models.plot_same_budget(runs(MANY)),
        "published": lambda: models.plot_published(published()),
        "channels": lambda: preprocessing.plot_channels(one_hot(train_id_to_slide(mask))),
        "ceiling of IoU": lambda: preprocessing.plot_iou_ceiling(ceiling, marked=256),
        "mismatch": lambda: preprocessing.plot_mismatch(curves([0, 4, 12]) / 15),
        "bilinear": lambda: preprocessing.plot_bilinear(np.array([[80, 40], [20, 60]]), 0.25, 0.25),
        "memorising": lambda: preprocessing.plot_memorising(
            {name: curves(EPOCHS, ["train", "val"]) / 9 for name in MANY[:2]}
        ),
        "augmentation": lambda: preprocessing.plot_augmentation(
            curves(MANY, ["train", "val"]).div(9).assign(mean=1.0, low=-0.5, high=2.5)
        ),
        "class iou": lambda: results.plot_class_iou(table),
        "confusion": lambda: results.plot_confusion(np.eye(20) * 98 + 2),
        "boundary errors": lambda: results.plot_boundary_errors(distances),
        "rare classes": lambda: results.plot_rare_classes(table),
        "regions": lambda: results.plot_region_hits(
            pd.DataFrame({"regions": [30, 9], "found": [1.0, 1.0]}, index=["small", "large"])
        ),
        "intervals": lambda: results.plot_intervals(
            dict.fromkeys(MANY[:3], table.assign(low=table["iou"] - 0.02, high=table["iou"] + 0.02))
        ),
        "budget": lambda: results.plot_budget(pd.Series(np.arange(12.0), MANY)),
        "calibration": lambda: results.plot_calibration(
            pd.DataFrame({"confidence": [0.5, 0.9], "accuracy": [0.4, 0.95], "share": [0.2, 0.8]})
        ),
        "gallery": lambda: scenes.plot_gallery(dict.fromkeys(MANY, mask), columns=4),
        "pairs": lambda: scenes.plot_pairs(dict.fromkeys(MANY[:5], (image, mask)), columns=3),
        "scenes": lambda: scenes.plot_scenes([(image, mask)] * 3),
        "prediction": lambda: scenes.plot_predictions([image], [mask], [mask]),
        "predictions": lambda: scenes.plot_predictions([image] * 3, [mask] * 3, [mask] * 3),
        "final output": lambda: scenes.plot_final_output(image, mask),
        "errors": lambda: scenes.plot_errors([image] * 2, [mask] * 2, [mask] * 2, ["best: 0.9", "worst: 0.1"]),
        "close-up": lambda: scenes.plot_close_up(image, dict.fromkeys(MANY[:3], mask), np.s_[8:24, 16:48]),
        "tasks": lambda: tasks.plot_segmentation_types(
            image, id_to_train_id(ids), instances(), find_boxes(instances())
        ),
        "pixel": lambda: tasks.plot_pixel_label(image, ids, 20, 40),
        "answers": lambda: tasks.plot_answer_sizes({"few": 19, "many": 1_000_000}),
        "histories": lambda: training.plot_histories(dict.fromkeys(MANY, history())),
        "stopping": lambda: training.plot_stopping(history(), stop=4, kept=2),
        "valley": lambda: training.plot_valley(
            lambda x, y: x**2 + 25 * y**2, dict.fromkeys(MANY[:4], np.array([[-9.0, 1.5], [-3.0, -1.0], [0.5, 0.1]]))
        ),
        "rate range": lambda: training.plot_rate_range(
            {"SGD": pd.Series({1e-3: 3.0, 1e-1: 1.5, 10.0: 4.0}), "AdamW": pd.Series({1e-5: 3.0, 1.0: 2.0})},
            {"SGD": 0.1, "AdamW": 1e-3},
        ),
        "optimizers": lambda: training.plot_optimizers(runs(MANY), {"points": gains(), "epochs earlier": gains()}),
        "batches": lambda: training.plot_batches(pd.Series({1: 2.0, 2: 1.5, 4: 1.0}), {"points": gains()}),
        "patience": lambda: training.plot_patience(
            dict.fromkeys(MANY, pd.DataFrame({"patience": [1, 2], "epochs": [4, 9], "loss": [0.1, 0.0]}))
        ),
        "schedules": lambda: training.plot_schedules(curves(range(1, 9)) / 1e4),
        "days": lambda: training.plot_days(pd.Series({"training steps": 9.0, "reading photos": 0.01}), said=4),
        "class dots": lambda: unet.plot_class_dots(
            {name: pd.DataFrame({0: table["iou"], 1: table["iou"] * 0.9}) for name in MANY}
        ),
        "skip maps": lambda: unet.plot_skip_maps(
            {level: tuple(part[:: 2**level, :: 2**level] for part in gradients.values()) for level in (0, 1)}
        ),
        "receptive field": lambda: unet.plot_receptive_field(image, gradients, within, (32, 64), (-12, 11)),
        "overfitting": lambda: unet.plot_overfitting(
            pd.DataFrame({"step": range(5), "loss": 1.0, "iou": 0.5}), image, mask, {0: mask, 2: mask, 4: mask}
        ),
        "first epoch": lambda: unet.plot_first_epoch(
            pd.Series({0: 0.0, 4: 0.2, 9: 0.3}),
            4,
            dict.fromkeys(MANY[:2], 0.1),
            pd.DataFrame({"first": table["iou"] / 2, "last": table["iou"]}),
        ),
    }
