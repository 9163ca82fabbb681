import pytest

from cs_utils.experiments import places
from cs_utils.experiments.grids import Arm


@pytest.mark.parametrize(
    ("grids", "made"),
    [
        (["recipe"], []),
        (["recipe", "void"], ["minicity-evidence-small"]),
        (["final"], ["minicity-evidence-small", "minicity-fresh-small"]),
    ],
)
def test_scenes_are_made_only_for_grids_that_need_them(monkeypatch, grids, made):
    folders = []
    monkeypatch.setattr(places, "make_minicity", lambda folder, *_: folders.append(folder.name))
    places.make_data(grids, "small")
    assert folders == made


def test_part_of_camvid_is_not_camvid(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "DATA", tmp_path)
    assert places.is_there(Arm())
    for split, count in places.CAMVID_COUNTS.items():
        folder = tmp_path / "camvid" / "leftImg8bit" / split / "town"
        folder.mkdir(parents=True)
        for number in range(count):
            assert not places.is_there(Arm(data="camvid"))
            (folder / f"{number}.png").touch()
    assert places.is_there(Arm(data="camvid"))
    (folder / "one-more.png").touch()
    assert not places.is_there(Arm(data="camvid"))
