import mmap
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cs_utils.experiments import timing
from cs_utils.experiments.timing import forget_peak, peak_memory, stopwatch

MEGABYTE = 2**20


def test_a_first_call_does_not_count():
    calls = []
    assert stopwatch(lambda: calls.append(1), repeats=2) < 1
    assert len(calls) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot forget its peak")
def test_the_memory_of_a_process_is_not_that_of_the_large_one_that_started_it():
    """Linux hands ru_maxrss on to a child, and to what the child becomes."""
    code = "from cs_utils.experiments.timing import forget_peak, peak_memory; forget_peak(); print(peak_memory())"
    forget_peak()
    with mmap.mmap(-1, 600 * MEGABYTE) as large:
        large.write(bytes(600 * MEGABYTE))
        child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert peak_memory() > 600 * MEGABYTE
    assert 5 * MEGABYTE < float(child.stdout) < 300 * MEGABYTE


def test_what_a_process_cannot_know_of_its_memory_is_no_number(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "STATUS", tmp_path / "status")
    monkeypatch.setattr(timing.sys, "platform", "win32")
    assert peak_memory() != peak_memory()
    (tmp_path / "status").write_text("Name: python\n", encoding="utf-8")
    assert peak_memory() != peak_memory()


def test_macos_counts_in_bytes(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource", reason="Windows has none")
    monkeypatch.setattr(timing, "STATUS", tmp_path / "status")
    monkeypatch.setattr(timing.sys, "platform", "darwin")
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=1_000_000))
    assert peak_memory() == 1_000_000
