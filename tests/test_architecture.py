"""The order of the house: data flows one way, and a module imports only from those below it."""

import pytest

from course.architecture import FLOORS, import_graph, imported_doors
from cs_utils.settings import ROOT


@pytest.mark.parametrize("door", FLOORS)
def test_a_door_imports_only_from_those_below_it(door):
    assert set(import_graph()[door]) <= set(FLOORS[: FLOORS.index(door)])


def test_the_imports_that_the_order_is_held_by_are_found():
    graph = import_graph()
    assert graph.has_edge("cs_utils.cli", "cs_utils.commands") and graph.has_edge("cs_utils.data", "minicity")
    assert graph.has_edge("cs_utils.training", "cs_utils.losses")


@pytest.mark.parametrize(
    ("source", "door"),
    [
        ("import cs_utils.plots.style", "cs_utils.plots"),
        ("from cs_utils.plots import style", "cs_utils.plots"),
        ("def f():\n    from cs_utils import plots", "cs_utils.plots"),
        ("from cs_utils.plots.style import fill", "cs_utils.plots"),
        ("from minicity import VERSION", "minicity"),
    ],
)
def test_every_way_to_import_is_seen(source, door):
    assert imported_doors(source) == {door}


def test_every_door_has_a_floor_and_no_folder_holds_another():
    found = {"minicity", "course"}
    for path in (ROOT / "cs_utils").iterdir():
        if path.suffix == ".py" or (path / "__init__.py").exists():
            found.add(f"cs_utils.{path.stem}")
    assert found - {"cs_utils.__init__", "cs_utils.__main__"} == set(FLOORS)
    for file in [*(ROOT / "cs_utils").rglob("*.py"), *(ROOT / "minicity").rglob("*.py")]:
        assert len(file.relative_to(ROOT).parts) <= 3, file
