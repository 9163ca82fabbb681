"""What several test files share: a tiny data set that needs no MiniCity, and settings that go with it."""

import copy
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

from cs_utils.labels import BY_NAME
from cs_utils.layout import Frame
from cs_utils.minicity import Scene, SceneObject
from cs_utils.prepare import write_frame
from cs_utils.settings import Settings

SIZE = (32, 64)
SOAK = os.environ.get("CS_SOAK") == "1"
"""Whether the tests that inject faults run in their long form: `make soak`."""
FAULT = "fault"

# On tensors this small a second thread gains nothing, and on a busy machine each step would wait for it.
torch.set_num_threads(1)


def draw_frame(root: Path, split: str, city: str, number: int, frame_number: int = 7) -> Frame:
    """Write a frame of coloured rectangles: sky above, road below, a car whose place depends on the number."""
    ids = np.full(SIZE, BY_NAME["sky"].id, dtype=np.uint8)
    ids[16:] = BY_NAME["road"].id
    left = 4 + 5 * number % 40
    ids[14:22, left : left + 12] = BY_NAME["car"].id
    ids[:2] = BY_NAME["unlabeled"].id
    image = np.zeros((*SIZE, 3), dtype=np.uint8)
    for name, color in (("sky", (120, 170, 220)), ("road", (90, 90, 90)), ("car", (200, 30, 30))):
        image[ids == BY_NAME[name].id] = color
    image += np.random.default_rng(number).integers(0, 30, image.shape, dtype=np.uint8)
    frame = Frame(root, split, city, f"{city}_{number:06d}_{frame_number:06d}")
    corners = np.array([[0, 0], [63, 0], [63, 31], [0, 31]], dtype=np.int32)
    objects = tuple(SceneObject(name, corners) for name in ("sky", "road", "car"))
    write_frame(frame, Scene(image, objects), ids, ids.astype(np.uint16))
    return frame


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


def same(first, second) -> bool:
    """Whether two nests of dicts, lists, tensors and numbers are equal bit for bit."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


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
