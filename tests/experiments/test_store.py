"""Rows that are added by several processes are all there, whole, and only once."""

from multiprocessing import get_context

from cs_utils.experiments.store import add_run, find_run, lock_of, read_table

RUNS = 8


def add_many(folder, first):
    """Add some runs of two epochs each; called in a process of its own."""
    for number in range(first, first + RUNS):
        epochs = [{"epoch": epoch, "iou_score": number / 100} for epoch in (1, 2)]
        add_run(folder, "losses", {"run": f"r{number}", "role": "test", "value": number}, {"histories": epochs})


def test_two_processes_add_at_the_same_time(tmp_path):
    context = get_context("spawn")
    processes = [context.Process(target=add_many, args=(tmp_path, first)) for first in (0, RUNS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    rows = read_table(tmp_path / "losses.csv")
    assert {row["run"]: row["value"] for row in rows} == {f"r{number}": str(number) for number in range(2 * RUNS)}
    assert len(rows) == 2 * RUNS
    assert len(read_table(tmp_path / "losses-histories.csv")) == 4 * RUNS


def test_what_a_call_that_was_cut_off_has_left_is_replaced(tmp_path):
    add_run(tmp_path, "losses", {"run": "a", "value": 1.0}, {"histories": [{"epoch": 1}, {"epoch": 2}]})
    (tmp_path / "losses.csv").unlink()  # the row comes last
    add_run(tmp_path, "losses", {"run": "a", "value": 2.0}, {"histories": [{"epoch": 1}]})
    assert read_table(tmp_path / "losses.csv") == [{"run": "a", "value": "2"}]
    assert read_table(tmp_path / "losses-histories.csv") == [{"run": "a", "epoch": "1"}]


def test_a_later_row_may_have_more_columns_and_changes_no_digit_of_the_others(tmp_path):
    add_run(tmp_path, "losses", {"run": "a", "value": 0.1 + 0.2}, {})
    before = read_table(tmp_path / "losses.csv")[0]
    add_run(tmp_path, "losses", {"run": "b", "value": float("nan"), "more": "x, y"}, {})
    assert read_table(tmp_path / "losses.csv") == [before | {"more": ""}, {"run": "b", "value": "", "more": "x, y"}]


def test_a_run_is_found_in_whatever_grid_has_it(tmp_path):
    assert find_run(tmp_path, "a", "cpu") is None
    add_run(tmp_path, "losses", {"run": "a", "device": "cpu"}, {"histories": [{"epoch": 1}]})
    found = ({"run": "a", "device": "cpu"}, {"histories": [{"run": "a", "epoch": "1"}]})
    assert find_run(tmp_path, "a", "cpu") == found
    assert find_run(tmp_path, "b", "cpu") is None


def test_a_run_of_another_device_is_not_taken_for_one_of_this(tmp_path):
    """The seconds of two arms can be compared only where one machine has made both."""
    add_run(tmp_path, "losses", {"run": "a", "device": "a card"}, {})
    assert find_run(tmp_path, "a", "cpu") is None
    add_run(tmp_path, "batch", {"run": "a", "device": "cpu"}, {})
    assert find_run(tmp_path, "a", "cpu") == ({"run": "a", "device": "cpu"}, {})


def test_a_lock_is_free_again_after_its_owner(tmp_path):
    with lock_of(tmp_path, "x"):
        pass
    with lock_of(tmp_path, "x").acquire(timeout=0):
        pass
