import pytest

from cs_utils.experiments import places


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
