"""How pytest runs the notebooks: in the profile ``tiny`` unless another is set, cell by cell, as Jupyter would."""

import os
import tempfile
from pathlib import Path

import pytest
from nbval.kernel import RunningKernel


def execute_with_history(self: RunningKernel, source: str, allow_stdin: bool | None = None) -> str:
    """Execute a cell as a front end does: without history a trailing ``;`` would print its value (nbval issue 194)."""
    return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Make the scenes before the testing processes start: at once, each would make all of them."""
    from cs_utils.data.sources import ensure_minicity
    from cs_utils.settings import Settings

    ensure_minicity(Settings.of_profile("tiny"))


def pytest_configure(config: pytest.Config) -> None:
    """Set what the kernels inherit, and name the patterns by their place, wherever pytest is called from."""
    os.environ.setdefault("CS_PROFILE", "tiny")
    # One thread for each process: several processes test side by side, on tensors too small to be worth a second one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A back end that is set outside would open windows, or break where there is no screen; a style changes pictures.
    os.environ.pop("MPLBACKEND", None)
    os.environ["MATPLOTLIBRC"] = os.devnull
    # Nothing is written among the user's data. The few scenes of the profile tiny are made once, and kept.
    os.environ["CS_HOME"] = str(Path(__file__).with_name("build") / "tests")
    os.environ.pop("CS_DATA", None)
    # Each testing process has runs of its own, and nobody's runs are written over.
    runs = tempfile.TemporaryDirectory(prefix="cs_runs_", ignore_cleanup_errors=True)
    os.environ["CS_RUNS"] = runs.name
    config.add_cleanup(runs.cleanup)
    config.option.nbval_sanitize_with = str(Path(__file__).with_name("sanitize.cfg"))
    RunningKernel.execute_cell_input = execute_with_history
