"""What a row says of the state of the code and of the memory of its run."""

import mmap
import subprocess
import sys

import pytest

from cs_utils.experiments import runs

MEGABYTE = 2**20


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository in the place of the project's, with code and results."""

    def git(*words):
        identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    for name in ("code.py", "results/rows.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one\n", encoding="utf-8")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    runs._commit.cache_clear()
    yield tmp_path
    runs._commit.cache_clear()


@pytest.mark.parametrize(
    ("changed", "dirty"), [(None, False), ("results/rows.csv", False), ("notes.txt", False), ("code.py", True)]
)
def test_a_row_names_its_commit_and_says_whether_the_code_was_changed(repository, changed, dirty):
    """Rows that are added while the runs go on, and files that git does not know, change nothing that is computed."""
    if changed:
        (repository / changed).write_text("two\n", encoding="utf-8")
    commit, mark, _ = runs._commit().partition("-dirty")
    assert len(commit) >= 7
    assert bool(mark) == dirty


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot forget its peak")
def test_the_memory_of_a_run_is_not_that_of_the_runs_before_it():
    with mmap.mmap(-1, 400 * MEGABYTE) as large:  # goes back to the system when it is closed
        large.write(bytes(400 * MEGABYTE))
        peak = runs._peak_megabytes()
    runs._forget_peak()
    assert runs._peak_megabytes() < peak - 300


def test_the_memory_of_a_run_is_counted_in_millions_of_bytes(monkeypatch):
    monkeypatch.setattr(runs.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(runs, "peak_memory", lambda: 3e8)
    assert runs._peak_megabytes() == 300
