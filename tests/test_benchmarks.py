import os
import subprocess
import sys
import time

import pytest

from benchmarks.turns import Contestant, take_turns


def note(path, name):
    def act():
        with path.open("a") as file:
            file.write(name)

    return act


def fail():
    raise RuntimeError("cannot be made")


def grow(path, name, megabytes):
    act = note(path, name)

    def act_and_grow():
        act()
        return bytearray(b"x") * (megabytes * 2**20)

    return act_and_grow


def test_contestants_take_turns_and_have_memory_of_their_own(tmp_path):
    """Or a slow moment of the machine would hit one of them, and one's memory would be counted for the next."""
    order = tmp_path / "order"
    contestants = {
        "large": Contestant(grow, {"path": order, "name": "l", "megabytes": 400}),
        "small": Contestant(note, {"path": order, "name": "s"}),
    }
    table = take_turns(contestants, rounds=3, warm_up=1)
    assert order.read_text() == "lslslsls"
    assert table.index.tolist() == list(contestants)
    assert (table["seconds"] > 0).all()
    if sys.platform == "win32":
        return  # memory is not measured there
    assert 0.35 < table.loc["large", "peak_gb"] - table.loc["small", "peak_gb"] < 0.5


def test_a_contestant_that_fails_is_named():
    with pytest.raises(RuntimeError, match="'broken' has failed"):
        take_turns({"broken": Contestant(fail, {})}, rounds=1)


def test_a_contestant_that_fails_costs_no_wait_for_the_others(tmp_path, capfd):
    """They listen for their next turn, and end when nobody is there any more to give it."""
    others = {name: Contestant(note, {"path": tmp_path / "order", "name": name}) for name in "ab"}
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="'broken' has failed"):
        take_turns(others | {"broken": Contestant(fail, {})}, rounds=1)
    assert time.monotonic() - start < 15  # 10 s for each of them, otherwise
    assert capfd.readouterr().err.count("Traceback") == 1


def test_what_the_benchmarks_write_lies_in_the_folder_to_write_to(tmp_path):
    """The project's own may be read-only."""
    code = (
        "from benchmarks.gpu.parts import main; from benchmarks.loader import SETTINGS\n"
        "main(('step',), minutes=-1, small=True); print(SETTINGS.data, SETTINGS.cache)"
    )
    environment = os.environ | {"CS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    folders = done.stdout.splitlines()[-1].split()
    assert folders == [str(tmp_path / "data" / "minicity-bench"), str(tmp_path / "data" / "cache")]
    assert (tmp_path / "build" / "gpu-small" / "machine.json").is_file()
