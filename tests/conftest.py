"""What several test files share: a tiny data set that needs no MiniCity, and settings that go with it."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

from cs_utils.settings import Settings
from helpers import SIZE, SOAK, draw_frame

FAULT = "fault"

# On tensors this small a second thread gains nothing, and on a busy machine each step would wait for it.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests choose profile and data themselves, whatever is set outside."""
    monkeypatch.delenv("CS_PROFILE", raising=False)
    monkeypatch.delenv("CS_DATA", raising=False)
    monkeypatch.delenv("CS_RUNS", raising=False)


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """A folder in the Cityscapes layout: six training frames in two cities, two validation frames."""
    root = tmp_path / "data"
    for number in range(6):
        draw_frame(root, "train", ("beta", "alpha")[number % 2], number, frame_number=19 + number)
    for number in range(6, 8):
        draw_frame(root, "val", "gamma", number)
    return root


@pytest.fixture
def settings(data_root: Path, tmp_path: Path) -> Settings:
    """Settings that train on that folder within seconds."""
    return Settings(
        data=data_root,
        runs=tmp_path / "runs",
        cache=tmp_path / "cache",
        image_size=SIZE,
        batch_size=2,
        width=4,
        epochs=2,
        plot_every=99,
        accelerator="cpu",
    )


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Callable[[str], AbstractContextManager[None]]:
    """``with fault("kind"):`` around a fault and all checks of what it left; it is lost where one of them fails."""

    @contextmanager
    def inject(kind: str) -> Iterator[None]:
        outcome = "lost"
        try:
            yield
            outcome = "survived"
        finally:
            # A property of the report, because that reaches the summary from another testing process too.
            request.node.user_properties.append((FAULT, (kind, outcome)))

    return inject


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have injected, in their long form."""
    counts: dict[str, Counter[str]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == FAULT and report.when == "call":
                counts.setdefault(value[0], Counter()).update([value[1]])
    if not SOAK or not counts:
        return
    terminalreporter.section("faults")
    width = max(map(len, counts))
    rows = [(kind, count["survived"], count["lost"]) for kind, count in sorted(counts.items())]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    terminalreporter.write_line(f"{'':{width}}  injected  survived  lost")
    for kind, survived, lost in rows:
        terminalreporter.write_line(f"{kind:{width}}  {survived + lost:8}  {survived:8}  {lost:4}")


@pytest.fixture(scope="session")
def official_evaluator() -> Callable[[list[str], list[str]], dict[str, Any]]:
    """The benchmark's own evaluator: paths of predictions and of ground truths, label ids both -> its results."""

    def run(predictions: list[str], truths: list[str]) -> dict[str, Any]:
        args = copy.copy(official.args)
        args.quiet, args.JSONOutput = True, False
        args.evalInstLevelScore = False  # would want instance images, and scores what no semantic network gives
        return official.evaluateImgLists(predictions, truths, args)

    return run
