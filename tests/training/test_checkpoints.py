"""What a run has left on disk: broken, changed, lost, or of another epoch."""

import json
import random

import pandas as pd
import pytest
import torch

from cs_utils.cli import main
from cs_utils.data.loaders import loaders
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import build, load_weights, save_weights
from cs_utils.training import checkpoints
from cs_utils.training.checkpoints import BEST, HISTORY, LAST, SETTINGS, load_checkpoint
from cs_utils.training.loop import fit
from cs_utils.training.setup import prepare
from helpers import SOAK, same

CASES = 600 if SOAK else 30


def broken_copies(whole: bytes, cases: int):
    """Truncated copies of a file, and copies with a few bits or a stretch of it changed."""
    draw = random.Random(0)
    for number in range(cases):
        place = draw.randrange(len(whole))
        if number % 3 == 0:
            yield "truncated", whole[:place]
        elif number % 3 == 1:
            # Near the ends are headers and tables, in between mere numbers.
            place = draw.choice([place, draw.randrange(600), len(whole) - 1 - draw.randrange(600)])
            yield "a bit changed", whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
        else:
            yield "zeros in it", whole[:place] + bytes(len(whole[place : place + 512])) + whole[place + 512 :]


@pytest.fixture
def run(settings):
    """A finished run of two epochs."""
    return fit(build(settings), *loaders(settings), settings)


def test_a_broken_checkpoint_is_one_line_or_does_no_harm(run, settings, fault):
    """A bit that changes nothing is one of the packing: whatever is taken for a checkpoint gives all that was saved."""

    def load():
        going = prepare(build(settings), *loaders(settings), settings)
        best = load_checkpoint(going, {})
        return going.model.state_dict(), going.optimizer.state_dict()["state"], going.rows, best

    path = run.folder / LAST
    whole, expected = path.read_bytes(), load()
    for kind, content in broken_copies(whole, CASES):
        path.write_bytes(content)
        with fault(f"{LAST} {kind}"):
            try:
                found = load()
            except CourseError as error:
                assert str(path) in str(error)
                assert "\n" not in str(error)
            else:
                assert same(found, expected)


def test_a_broken_weights_file_is_one_line_or_does_no_harm(run, settings, fault):
    whole, expected = run.best.read_bytes(), load_weights(run.best, settings)[0].state_dict()
    for kind, content in broken_copies(whole, CASES):
        run.best.write_bytes(content)
        with fault(f"{BEST} {kind}"):
            try:
                found = load_weights(run.best, settings)[0].state_dict()
            except CourseError as error:
                assert str(run.best) in str(error)
                assert "\n" not in str(error)
            else:
                assert same(found, expected)


def test_a_changed_number_is_noticed(run, settings):
    """Neither file format notices it by itself."""
    for path in (run.folder / LAST, run.best):
        whole = path.read_bytes()
        number = build(settings).head.weight.numel() * 4
        place = len(whole) // 2 + number
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
    with pytest.raises(CourseError, match="is not a whole checkpoint"):
        load_checkpoint(prepare(build(settings), *loaders(settings), settings), {})
    with pytest.raises(CourseError, match="its numbers are not those that were written"):
        load_weights(run.best, settings)


def test_a_run_may_go_on_in_another_memory_format(settings):
    """The fused optimizer walks through weights and means side by side, and does not look at their order in memory."""
    plain = settings.replace(epochs=4, patience=9, memory_format="contiguous")
    expected = fit(build(plain), *loaders(plain), plain).history["train_loss"]
    brief = plain.replace(run="resumed")
    fit(build(plain), *loaders(plain), brief.replace(epochs=2))
    other = brief.replace(memory_format="channels_last")
    found = fit(build(other), *loaders(other), other, resume=True).history["train_loss"]
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_too_little_memory_is_not_taken_for_a_broken_checkpoint(run, settings, monkeypatch):
    def refuse(self, state):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.optim.AdamW, "load_state_dict", refuse)
    with pytest.raises(torch.OutOfMemoryError):
        fit(build(settings), *loaders(settings), settings, resume=True)


@pytest.mark.parametrize("name", [LAST, BEST, HISTORY, SETTINGS])
def test_a_run_is_not_wiped_out_whatever_is_left_of_it(run, settings, name, capsys):
    for other in {LAST, BEST, HISTORY, SETTINGS} - {name}:
        (run.folder / other).unlink()
    content = (run.folder / name).read_bytes()
    folders = [f"--{name}={getattr(settings, name)}" for name in ("data", "runs", "run", "cache")]
    assert main(["train", *folders]) == 2
    assert "holds a run: go on with it by --resume" in capsys.readouterr().err
    with pytest.raises(CourseError, match="holds a run"):  # from Python it is the same
        fit(build(settings), *loaders(settings), settings)
    assert (run.folder / name).read_bytes() == content


def test_a_run_that_is_not_there_is_not_resumed(settings):
    with pytest.raises(CourseError, match="holds no run to go on with"):
        fit(build(settings), *loaders(settings), settings, resume=True)
    assert not settings.run_folder.exists()


def test_to_resume_and_to_overwrite_is_refused(run, settings):
    before = (run.folder / LAST).read_bytes()
    with pytest.raises(CourseError, match="give one of them"):
        fit(build(settings), *loaders(settings), settings, resume=True, overwrite=True)
    assert (run.folder / LAST).read_bytes() == before


def test_a_run_whose_folder_another_one_uses_is_refused_and_leaves_it_alone(settings, monkeypatch):
    """Two at a time would each write half of the files, and both would end without an error."""
    monkeypatch.setattr(checkpoints, "LOCK_SECONDS", 0.01)
    refused = []

    def start_another(training):
        before = {path: path.read_bytes() for path in training.settings.run_folder.iterdir() if path.is_file()}
        with pytest.raises(CourseError, match="another process trains in"):
            fit(build(settings), *loaders(settings), settings, overwrite=True)
        assert {path: path.read_bytes() for path in before} == before
        refused.append(1)

    assert len(fit(build(settings), *loaders(settings), settings, callbacks=[start_another]).history) == 2
    assert len(refused) == 2
    # When it has ended, the folder is free again.
    fit(build(settings), *loaders(settings), settings, overwrite=True)


def test_a_run_with_a_falling_rate_does_not_go_on_with_other_epochs(settings):
    """The rate of every step depends on them: no uninterrupted run would equal it."""
    falling = settings.replace(schedule="cosine")
    fit(build(falling), *loaders(falling), falling)
    longer = falling.replace(epochs=4)
    with pytest.raises(CourseError, match="was made with epochs=2, not 4"):
        fit(build(longer), *loaders(longer), longer, resume=True)


def test_a_run_does_not_go_on_with_other_batches(run, settings):
    larger = settings.replace(batch_size=3, epochs=3)
    with pytest.raises(CourseError, match=r"was made with batch_size \* devices=2, not 3"):
        fit(build(larger), *loaders(larger), larger, resume=True)


def test_a_run_does_not_go_on_with_another_optimizer_or_loss(run, settings):
    longer, model = settings.replace(epochs=3), build(settings)
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    for other in ({"optimizer": sgd}, {"loss": torch.nn.CrossEntropyLoss(ignore_index=255)}):
        with pytest.raises(CourseError, match=f"was made with {next(iter(other))}="):
            fit(model, *loaders(longer), longer, resume=True, **other)


def forget(run, key):
    """Let a run's checkpoint be one of a version that did not know this part of its identity."""
    state = torch.load(run.folder / LAST, weights_only=True)
    identity = json.loads(state["identity"])
    del identity[key]
    torch.save(state | {"identity": json.dumps(identity)}, run.folder / LAST)


def test_a_run_goes_on_with_a_setting_that_it_did_not_know_at_its_default(run, settings):
    forget(run, "average")
    longer = settings.replace(epochs=3)
    with pytest.raises(CourseError, match=r"was made with average=0.0, not 0.9: resume with that"):
        fit(build(settings), *loaders(longer), longer.replace(average=0.9), resume=True)
    assert len(fit(build(settings), *loaders(longer), longer, resume=True).history) == 3


@pytest.mark.parametrize("key", ["frames", "loss", "optimizer", "batch_size * devices"])
def test_a_checkpoint_without_what_every_version_wrote_is_not_whole(run, settings, key):
    forget(run, key)
    with pytest.raises(CourseError, match="is not a whole checkpoint"):
        fit(build(settings), *loaders(settings), settings, resume=True)


def test_a_lost_checkpoint_is_named_and_nothing_is_wiped_out(run, settings):
    (run.folder / LAST).unlink()
    with pytest.raises(CourseError, match=r"last.ckpt is missing, so the run cannot go on: restore it"):
        fit(build(settings), *loaders(settings), settings, resume=True)
    assert len(pd.read_csv(run.folder / HISTORY)) == len(run.history)
    assert run.best.exists()


def test_the_best_weights_are_those_of_the_epochs_that_count(run, settings):
    """A run that was killed between the two files has best weights of an epoch that it does not know of."""
    expected = run.best.read_bytes()
    save_weights(build(settings), run.best, settings)
    assert run.best.read_bytes() != expected
    model = build(settings)
    resumed = fit(model, *loaders(settings), settings, resume=True)
    assert resumed.best.read_bytes() == expected
    assert same(model.state_dict(), load_weights(resumed.best, settings)[0].state_dict())
    resumed.best.unlink()
    assert fit(model, *loaders(settings), settings, resume=True).best.read_bytes() == expected
