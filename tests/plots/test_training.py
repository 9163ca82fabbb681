import pandas as pd
import pytest

from cs_utils.plots.training import (
    patience_ends,
    plot_batches,
    plot_days,
    plot_faster,
    plot_histories,
    plot_optimizers,
    plot_pictures,
    plot_schedules,
    plot_stopping,
    plot_weight_decay,
)
from cs_utils.training.callbacks import is_over


def history_of(scores, losses=None):
    epochs = range(1, len(scores) + 1)
    columns = {"epoch": epochs, "iou_score": scores, "dice_score": scores, "val_loss": losses or scores}
    return pd.DataFrame(columns).assign(train_loss=1.0)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("patience", [1, 2, 3, 9])
def test_patience_ends_where_training_would_stop(patience):
    history = history_of([0.1, 0.3, 0.3, 0.2, 0.4, 0.3, 0.4, 0.1])
    rows = history.to_dict("records")
    expected = next((number for number in range(1, 9) if is_over(rows[:number], patience)), None)
    assert patience_ends(history["epoch"], history["iou_score"].cummax(), patience) == expected


def test_loss_and_iou_each_have_their_best_epoch_and_their_stop():
    figure = plot_stopping(history_of([0.1, 0.2, 0.3, 0.2], losses=[3.0, 1.0, 2.0, 2.0]), patience=2)
    loss, iou = figure.axes
    assert "best epoch by val_loss: 2" in legend(loss)
    assert "patience 2 would end here: 4" in legend(loss)
    assert "best epoch by iou_score: 3" in legend(iou)
    assert not any("patience" in text for text in legend(iou))


def test_each_run_has_a_row_that_names_it():
    figure = plot_histories({"short": history_of([0.1, 0.2]), "long": history_of([0.1, 0.2, 0.1])})
    assert [axes.get_title().split(":")[0] for axes in figure.axes] == ["short", "short", "long", "long"]
    assert "best epoch: 2" in legend(figure.axes[3])


def test_optimizers_are_compared_at_their_rates_then_seed_by_seed():
    tuning = pd.concat(
        history_of([0.1, 0.2]).assign(optimizer=name, rate=rate) for name in ("SGD", "AdamW") for rate in ("0.1", "1")
    )
    final = pd.concat(history_of([0.1, 0.1 * seed]).assign(variant="SGD 1", seed=seed) for seed in (1, 3))
    figure = plot_optimizers(tuning, final)
    assert legend(figure.axes[0]) == ["0.1", "1"]
    assert list(figure.axes[-1].lines[0].get_ydata()) == pytest.approx([0.1, 0.2])


def test_days_are_epochs_times_seconds():
    epoch = pd.Series({"forward": 2.0, "checkpoint": 1.0})
    figure = plot_days(epoch, epoch * 864, epochs=100, days=4)
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == [2, 1]
    assert [bar.get_width() for bar in right.patches] == [2, 1]
    assert "3 s" in left.get_title()
    assert right.get_xlabel() == "days; 3 in all; dashed: the talk's 4"


def test_noise_is_compared_with_the_square_root_law():
    noise = pd.Series({1: 2.0, 4: 1.5})
    figure = plot_batches(noise, history_of([0.1, 0.2]).assign(variant=4))
    assert list(figure.axes[0].lines[1].get_ydata()) == [2.0, 1.0]
    assert legend(figure.axes[1]) == ["4"]


def test_a_line_for_each_column_and_a_panel_for_each_table():
    table = pd.DataFrame({"a": [1.0, 0.5], "b": [1.0, 0.2]})
    assert [len(axes.lines) for axes in plot_weight_decay({"x": table, "y": table}).axes] == [2, 2]
    assert legend(plot_schedules(table).axes[0]) == ["a", "b"]


def test_pictures_are_shown_by_their_names(data_root):
    paths = sorted(data_root.glob("leftImg8bit/train/*/*.png"))[:2]
    figure = plot_pictures(paths)
    assert [axes.get_title() for axes in figure.axes] == [path.name for path in paths]


def test_faster_names_the_gain_against_the_plain_way():
    step = pd.Series({"plain": 20.0, "better": 10.0})
    loading = pd.Series({"plain": 9.0, "cached": 216.0})
    texts = {text.get_text() for axes in plot_faster(step, loading).axes for text in axes.texts}
    assert texts == {"20  (1.0x)", "10  (2.0x)", "9  (1.0x)", "216  (24.0x)"}
