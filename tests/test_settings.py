import os
import subprocess
import sys
from pathlib import Path

import pytest

from cs_utils.exceptions import CourseError
from cs_utils.settings import ROOT, Settings


def test_the_environment_chooses_profile_and_folders(monkeypatch):
    monkeypatch.setenv("CS_PROFILE", "slides")
    monkeypatch.setenv("CS_DATA", "somewhere")
    monkeypatch.setenv("CS_RUNS", "elsewhere")
    settings = Settings.from_env()
    assert settings.data == ROOT / "somewhere"  # below the project, from whichever folder a notebook is run
    assert settings.runs == ROOT / "elsewhere"
    # The talk's recipe: 100 epochs, patience 5, batch 4, 512x256, void as a class of 21 channels, base 64.
    assert (settings.epochs, settings.patience, settings.batch_size) == (100, 5, 4)
    assert (settings.image_size, settings.channels, settings.width) == ((256, 512), 21, 64)
    assert settings.void_value == 20


def test_one_variable_moves_all_that_is_written(tmp_path):
    """Of a course that lies where nobody may write; it is read when the package is imported."""
    script = (
        "import course.execution as c, cs_utils.experiments.places as p, cs_utils.settings as s; "
        "t = s.Settings.from_env(); "
    )
    environment = {**os.environ, "CS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    told = "print(t.data, t.cache, t.runs, c.BUILD, p.DATA, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script + told], env=environment, capture_output=True, text=True)
    folders = [tmp_path / "data" / "minicity", tmp_path / "data" / "cache", tmp_path / "runs", tmp_path / "build"]
    folders.append(tmp_path / "data")
    assert done.stdout.splitlines() == [str(folder.resolve()) for folder in folders]


def test_laptop_is_the_default(monkeypatch):
    monkeypatch.delenv("CS_PROFILE", raising=False)
    monkeypatch.delenv("CS_DATA", raising=False)
    settings = Settings.from_env()
    assert settings == Settings()
    assert (settings.profile, settings.channels, settings.void_value) == ("laptop", 19, 255)


def test_changes_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("CS_DATA", "somewhere")
    assert Settings.from_env(profile="tiny", data="elsewhere", epochs=7).data == Path.cwd() / "elsewhere"


def test_an_unknown_profile_names_the_right_ones(monkeypatch):
    monkeypatch.setenv("CS_PROFILE", "tyni")
    with pytest.raises(CourseError, match="'tyni' is unknown: give one of tiny, laptop, slides"):
        Settings.from_env()


def test_a_typo_in_a_setting_names_the_nearest():
    with pytest.raises(CourseError, match="'epoch' is unknown: did you mean 'epochs'"):
        Settings.of_profile("tiny", epoch=3)
    with pytest.raises(CourseError, match="'epoch' is unknown: did you mean 'epochs'"):
        Settings().replace(epoch=3)
    with pytest.raises(CourseError, match="'zzz' is unknown: give one of profile, recipe, data"):
        Settings().replace(zzz=3)


@pytest.mark.parametrize("named", [{}, {"epochs": 2}])
def test_a_setting_without_its_name_says_how_to_give_one(named):
    with pytest.raises(CourseError, match=r"given by name: Settings\(epochs=3\), or Settings.of_profile\('tiny'\)"):
        Settings("tiny", **named)


def test_an_unknown_choice_names_the_right_ones():
    with pytest.raises(CourseError, match="loss='dyce' is unknown: give one of cross_entropy, dice, focal, combined"):
        Settings(loss="dyce")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", None),
        ("epochs", "3"),
        ("epochs", 2.5),
        ("epochs", True),
        ("seed", 1.5),
        ("learning_rate", None),
        ("pretrained", "no"),
        ("image_size", 128),
        ("image_size", ()),
        ("image_size", (64, None)),
        ("image_size", (64, 128, 3)),
        ("image_size", {64, 128}),
        ("data", 3),
        ("run", 3),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name, value):
    with pytest.raises(CourseError, match=f"{name}=.*is of the wrong kind: give"):
        Settings().replace(**{name: value})


def test_where_none_or_a_whole_number_will_do_they_do():
    settings = Settings(train_images=None, val_images=None, run=None, rotation=5)
    assert settings.rotation == 5


def test_folders_have_one_name_wherever_they_are_named_from(monkeypatch, tmp_path):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    named = [Settings(data=data).data for data in ("../d", "~/d", str(tmp_path / "d"), tmp_path / "a" / ".." / "d")]
    assert set(named) == {(tmp_path / "d").resolve()}
    assert Settings(data=".").run_folder.name == "unet-laptop-a"


def test_a_profile_is_not_changed_afterwards():
    with pytest.raises(CourseError, match=r"choose it by Settings.of_profile"):
        Settings().replace(profile="tiny")


def test_a_list_is_taken_for_a_pair():
    assert Settings(image_size=[64, 128]) == Settings(image_size=(64, 128))


@pytest.mark.parametrize(
    "ignored",
    [
        {"pretrained": True},
        {"model": "fcn", "width": 4},
        {"model": "segformer", "activation": "relu"},
        {"model": "deeplabv3plus", "profile": "slides", "width": 16},
    ],
)
def test_a_setting_that_would_be_ignored_is_refused(ignored):
    with pytest.raises(CourseError, match=f"setting {list(ignored)[-1]}=.* has no effect with model="):
        Settings(**ignored)


def test_another_model_leaves_behind_what_only_the_old_one_used():
    small = Settings.of_profile("slides", width=4, activation="relu")
    assert small.replace(model="fcn") == Settings.of_profile("slides", model="fcn")
    assert small.replace(model="fcn", pretrained=True).replace(model="unet", width=4).pretrained is False
    with pytest.raises(CourseError, match="width=8 has no effect"):
        small.replace(model="fcn", width=8)


def test_a_recipe_changes_the_settings_of_any_profile_and_changes_of_ones_own_come_last():
    best = Settings.of_profile("tiny", recipe="best", noise=1.0)
    assert (best.recipe, best.width, best.scale, best.noise) == ("best", 8, (0.5, 2.0), 1.0)
    assert Settings.of_profile("tiny").scale == (1.0, 1.0)
    with pytest.raises(CourseError, match="did you mean 'best'"):
        Settings.of_profile("tiny", recipe="bset")
    with pytest.raises(CourseError, match="recipe sets others too"):
        Settings().replace(recipe="best")
