import pandas as pd
import pytest

from cs_utils.experiments.timing import PARTS, extrapolate, measure, per_epoch, sizes, stopwatch
from cs_utils.settings import Settings

HERE = {"photo pixels": 100, "input pixels": 10, "multiplications": 1000, "parameters": 5}


def table_of(seconds: float) -> pd.DataFrame:
    rows = [(part, seconds, unit, grows_with) for part, (unit, grows_with) in PARTS.items()]
    return pd.DataFrame(rows, columns=["part", "seconds", "unit", "grows_with"]).set_index("part")


def test_every_part_is_measured_for_one_unit(settings):
    table = measure(settings, repeats=1)
    assert list(table.index) == list(PARTS)
    assert (table["seconds"].drop("backward") > 0).all()
    assert table["seconds"].max() < 60
    assert not settings.run_folder.exists()
    without = measure(settings, repeats=1, pictures=False)["seconds"]
    assert list(without.index[without.isna()]) == ["picture"]


def test_it_measures_in_half_precision_too(settings):
    assert measure(settings.replace(precision="bf16-mixed"), repeats=1, pictures=False)["seconds"].count() == 8


def test_an_epoch_decodes_every_photo_and_trains_on_the_training_images():
    seconds = per_epoch(table_of(2.0), train_images=40, val_images=10, batch_size=4, plot_every=5)
    # 50 photos decoded, 40 trained on in 10 steps, 10 validated, a fifth of a picture, one checkpoint; 2 s for each.
    assert seconds.to_dict() == {
        "read and decode": 100,
        "resize": 100,
        "augment": 80,
        "forward": 80,
        "backward": 80,
        "optimizer": 20,
        "validation": 20,
        "picture": pytest.approx(0.4),
        "checkpoint": 2,
    }


def test_each_part_grows_with_its_own_size():
    there = HERE | {"photo pixels": 400, "multiplications": 3000}
    seconds = extrapolate(table_of(1.0), HERE, there)["seconds"]
    assert seconds["read and decode"] == 4
    assert seconds["augment"] == 1
    assert seconds["backward"] == 3
    assert seconds["checkpoint"] == 1


def test_the_sizes_of_the_talks_run_are_the_known_ones():
    talk = sizes(Settings(width=64, image_size=(256, 512), void="class"), (1024, 2048))
    assert talk["photo pixels"] == 2 * 1024 * 1024
    assert talk["input pixels"] == 131072
    assert talk["parameters"] == pytest.approx(31.04e6, rel=1e-3)
    assert talk["multiplications"] == pytest.approx(96.5e9, rel=1e-3)


def test_a_first_call_does_not_count():
    calls = []
    assert stopwatch(lambda: calls.append(1), repeats=2) < 1
    assert len(calls) == 3
