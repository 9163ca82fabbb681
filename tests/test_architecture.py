"""The order of the house: data flows one way, and a module imports only from those below it."""

import re

import pytest

from course.architecture import FLOORS
from cs_utils.settings import ROOT


def files_of(door):
    place = ROOT / door.replace(".", "/")
    return sorted(place.glob("*.py")) or [place.with_suffix(".py")]


@pytest.mark.parametrize("door", FLOORS)
def test_a_door_imports_only_from_those_below_it(door):
    for file in files_of(door):
        text = file.read_text(encoding="utf-8")
        imported = re.findall(r"^\s*(?:from|import) (cs_utils\.\w+|minicity|course)\b", text, flags=re.MULTILINE)
        assert set(imported) - {door} <= set(FLOORS[: FLOORS.index(door)]), file


def test_every_door_has_a_floor_and_no_folder_holds_another():
    found = {"minicity", "course"}
    for path in (ROOT / "cs_utils").iterdir():
        if path.suffix == ".py" or (path / "__init__.py").exists():
            found.add(f"cs_utils.{path.stem}")
    assert found - {"cs_utils.__init__", "cs_utils.__main__"} == set(FLOORS)
    for file in [*(ROOT / "cs_utils").rglob("*.py"), *(ROOT / "minicity").rglob("*.py")]:
        assert len(file.relative_to(ROOT).parts) <= 3, file
