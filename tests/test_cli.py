import dataclasses
import os
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import numpy as np
import pandas as pd
import pytest

from cs_utils.cli import COMMANDS, main
from cs_utils.data.cityscapes import find_frames
from cs_utils.data.loaders import loaders
from cs_utils.data.sources import minicity_frame
from cs_utils.models.zoo import build, save_weights
from cs_utils.settings import HOME, ROOT, Settings
from cs_utils.training.checkpoints import BEST
from helpers import draw_frame


@pytest.fixture
def flags(settings, monkeypatch):
    """What every command is given, to work on the small data set."""
    monkeypatch.setenv("CS_PROFILE", "tiny")
    monkeypatch.setenv("CS_DATA", str(settings.data))
    small = ["--width", "4", "--image-size", "32", "64", "--epochs", "2"]
    return ["--runs", str(settings.runs), "--accelerator", "cpu", *small]


def help_of(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


def flags_in(text):
    return set(re.findall(r"^[│|]? *(--[a-z][a-z-]*)", text, flags=re.MULTILINE))


def test_help_names_every_command(capsys):
    assert set(COMMANDS) <= set(re.findall(r"• (\w+)", help_of("", capsys)))
    assert set(COMMANDS["data"]) <= set(re.findall(r"• (\w+)", help_of("data", capsys)))


def test_every_command_shows_its_own_flags_and_no_others(capsys):
    assert flags_in(help_of("data check", capsys)) == {"--data"}
    assert flags_in(help_of("data camvid", capsys)) == {"--source", "--data"}
    assert flags_in(help_of("course", capsys)) == {"--store", "--out", "--profile", "--data"}
    settings = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(Settings)}
    switched_on = {"--keep-memory", "--replay"}
    flags = settings - switched_on | {"--no-keep-memory", "--no-replay", "--resume", "--overwrite"}
    assert flags_in(help_of("train", capsys)) == flags


def test_a_profile_named_anywhere_sets_the_defaults_of_the_flags(monkeypatch, capsys):
    monkeypatch.setenv("CS_PROFILE", "slides")
    for command, epochs in (("train", 100), ("train --profile=tiny", 6), ("train --width 9 --profile laptop", 30)):
        text = " ".join(help_of(command, capsys).replace("│", " ").split())
        assert f"at most this many epochs. (default: {epochs})" in text
    assert os.environ["CS_PROFILE"] == "slides"


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [("trian", "'train'"), ("data chek", "'check'"), ("figure scenez", "'scenes'"), ("train --epoch 3", "--epochs")],
)
def test_a_name_that_there_is_not_brings_the_nearest(arguments, nearest, capsys):
    try:
        assert main(arguments.split()) == 2
    except SystemExit as stop:  # of the flags' own parser
        assert stop.code == 2
    assert nearest in capsys.readouterr().err


def test_from_training_to_prediction(flags, settings, capsys, tmp_path):
    assert main(["train", "--run", "lr-0.01", *flags]) == 0
    weights = settings.runs / "lr-0.01" / BEST
    assert weights.is_file()
    evaluation = ["evaluate", "--weights", str(weights), "--accelerator", "cpu"]
    assert main([*evaluation, "--export", str(tmp_path / "export")]) == 0
    output = capsys.readouterr().out
    assert "road" in output
    assert "over 2 images" in output
    assert main([*evaluation, "--split", "train", "--images", "3"]) == 0
    assert "over 3 images" in capsys.readouterr().out
    assert len(list((tmp_path / "export").iterdir())) == 2
    table = tmp_path / "scores.csv"
    assert main([*evaluation, "--record", str(table), "--name", "mine"]) == 0
    mean = pd.read_csv(table).set_index("class").loc["mean"]
    assert (mean["weights"], mean["data"], mean["images"]) == ("mine", f"{settings.data.name} val", 2)
    assert main([*evaluation, "--record", str(table), "--size", "64", "128"]) == 0
    of_run = ["--weights", str(weights.parent), "--color-of", str(settings.data)]
    assert main([*evaluation, "--record", str(table), *of_run]) == 0
    recorded = pd.read_csv(table)
    assert recorded["data"].nunique() == 3
    assert list(recorded["weights"].unique()) == ["mine", "lr-0.01"]  # by the run, whether its file or folder is given
    assert main([*evaluation, "--record", str(table), "--images", "1"]) == 2
    assert "one image has no interval" in capsys.readouterr().err
    assert main([*evaluation, "--official"]) == 0
    assert "all 28 scores agree with the official ones to the last digit" in capsys.readouterr().out
    assert main([*evaluation, "--official", "--export", str(tmp_path / "export")]) == 0
    assert len(list((tmp_path / "export").iterdir())) == 2
    photo = find_frames(settings.data, "val")[0].image
    assert main(["predict", str(photo), "--weights", str(weights), "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 3
    submission = ["predict", "--submission", str(tmp_path / "sent.zip"), "--weights", str(weights)]
    assert main([*submission, "--split", "val", "--data", str(settings.data)]) == 0
    assert "sent.zip: 2 predictions of val" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "sent.zip") as archive:
        assert archive.namelist() == [f"gamma_{number:06d}_000007_labelIds.png" for number in (6, 7)]
    assert main(submission) == 2
    assert "no photos in" in capsys.readouterr().err
    assert main([*submission, str(photo)]) == 2
    assert "name photos or --submission, not both" in capsys.readouterr().err


def test_a_number_of_minicity_scenes_is_the_same_scenes_whatever_else_lies_there(flags, settings, tmp_path, capsys):
    """The scene that is drawn last shows a class that no other has: a subset that covers the classes would take it."""
    save_weights(build(settings), settings.runs / "w.safetensors", settings)
    evaluation = ["evaluate", "--weights", str(settings.runs / "w.safetensors"), "--accelerator", "cpu"]
    exported = []
    for count in (2, 4):
        root = tmp_path / f"{count} scenes"
        for number in range(count):
            frame = minicity_frame(root, "val", number)
            draw_frame(root, "val", frame.city, number, int(frame.name[-6:]))
        frame.polygons.write_text(frame.polygons.read_text().replace('"car"', f'"{"car" if count == 2 else "train"}"'))
        out = tmp_path / f"of {count}"
        assert main([*evaluation, "--data", str(root), "--images", "2", "--export", str(out)]) == 0
        exported.append(sorted(path.name for path in out.iterdir()))
    assert exported[0] == exported[1]


def test_a_score_that_is_not_the_official_one_is_an_error(flags, settings, capsys, monkeypatch):
    save_weights(build(settings), settings.runs / "w.safetensors", settings)
    evaluation = ["evaluate", "--weights", str(settings.runs / "w.safetensors"), "--accelerator", "cpu", "--official"]
    monkeypatch.setattr("cs_utils.evaluation.predict.train_id_to_id", lambda ids: np.full_like(ids, 7))
    assert main(evaluation) == 1
    assert "scores differ from the official ones, first class IoU of" in capsys.readouterr().out
    assert main([*evaluation[:-1]]) == 0


def test_that_the_official_evaluator_is_missing_is_said_before_anything_is_read(flags, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cityscapesscripts.evaluation", None)
    assert main(["evaluate", "--weights", "nowhere", "--official"]) == 2
    assert capsys.readouterr().err == (
        "error: the official evaluator is not installed: `python -m pip install cityscapesscripts`\n"
    )


def test_a_run_is_not_overwritten_but_resumed(flags, settings, capsys):
    assert main(["train", *flags, "--run", "r", "--epochs", "1"]) == 0
    assert len(pd.read_csv(settings.runs / "r" / "history.csv")) == 1
    assert main(["train", "--run", "r", *flags]) == 2
    assert "holds a run: go on with it by --resume" in capsys.readouterr().err
    assert main(["train", *flags, "--run", "r", "--epochs", "2", "--resume"]) == 0
    assert len(pd.read_csv(settings.runs / "r" / "history.csv")) == 2
    assert main(["train", *flags, "--run", "r", "--epochs", "1", "--overwrite"]) == 0
    assert len(pd.read_csv(settings.runs / "r" / "history.csv")) == 1


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A course of one notebook, which says what it was called with."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "from cs_utils.settings import Settings\nfrom cs_utils.plots.activations import plot_activations\n"
                "settings = Settings.from_env()",
                metadata={"tags": ["setup"]},
            ),
            nbformat.v4.new_markdown_cell("## Curves"),
            nbformat.v4.new_code_cell("print(settings.profile, settings.data)"),
            nbformat.v4.new_code_cell("plot_activations()", metadata={"tags": ["figure-two-curves"]}),
        ]
    )
    path = tmp_path / "notebooks" / "05_lesson.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)
    monkeypatch.setattr("course.sections.NOTEBOOKS", path.parent)
    monkeypatch.setattr("course.sections.SOLUTIONS", path.parent / "solutions")
    monkeypatch.setattr("course.execution.BUILD", tmp_path / "build")
    return path


def test_the_course_runs_the_notebooks_in_the_profile_and_on_the_data_asked_for(lesson, data_root, tmp_path, capsys):
    before = lesson.read_text()
    assert main(["course", "--profile", "tiny", "--data", str(data_root)]) == 0
    assert "05_lesson: " in capsys.readouterr().out
    copy = nbformat.read(tmp_path / "build" / "notebooks" / "05_lesson.ipynb", as_version=4)
    assert copy.cells[2].outputs[0].text == f"tiny {data_root}\n"
    assert (tmp_path / "build" / "figures" / "two-curves.png").stat().st_size > 5000
    assert lesson.read_text() == before
    assert main(["course", "--store"]) == 0
    assert nbformat.read(lesson, as_version=4).cells[2].outputs[0].text.startswith("laptop ")


def test_figures_are_listed_and_drawn_in_any_format(lesson, data_root, capsys, tmp_path):
    assert main(["figure", "--list"]) == 0
    assert capsys.readouterr().out == "two-curves  05_lesson: Curves\n"
    assert main(["figure", "--list", "--all"]) == 0  # to list them draws none
    assert capsys.readouterr().out == "two-curves  05_lesson: Curves\n"
    for ending in ("png", "svg", "pdf"):
        out = tmp_path / f"f.{ending}"
        assert main(["figure", "two-curves", "--out", str(out), "--data", str(data_root)]) == 0
        assert out.stat().st_size > 5000
    assert main(["figure", "--all", "--out", str(tmp_path / "all")]) == 0
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["two-curves.png"]


def test_check_tells_a_whole_folder_from_a_broken_one(flags, settings, capsys):
    assert main(["data", "check"]) == 0
    assert "8 frames, problems: 0" in capsys.readouterr().out
    find_frames(settings.data, "val")[0].label_ids.unlink()
    assert main(["data", "check"]) == 1
    assert "problems: 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "-3"], "setting epochs=-3 is out of range: give 1 to 100000"),
        (["train", "--data", "nowhere"], "nowhere is missing: make it with"),
        (["train", "--profile", "tyni"], "profile 'tyni' is unknown: give one of tiny, laptop, slides"),
        (["data", "camvid", "--source", "x", "--data", str(HOME / "data" / "minicity")], "a folder of its own"),
        (["nonsense"], "command 'nonsense' is unknown: give one of data, train"),
        (["predict", "--weights", "x"], "name at least one photo"),
        (["predict", "a.png", "--split", "val"], "--split goes with --submission"),
        (["predict", "a.png", "--weights", "nowhere.safetensors"], "weights file nowhere.safetensors is missing"),
        (["figure", "mona-lisa"], "figure 'mona-lisa' is unknown: give one of"),
        (
            ["figure", "activations", "--out", "a.xyz"],
            "a.xyz is no name for a figure: let it end in .png, .svg or .pdf",
        ),
        (["figure", "mona-lisa", "--all"], "name a figure or --all, not both"),
        (["experiment", "losses", "--all"], "name experiments or --all, not both"),
        (["train", "--batch-size", "7"], "6 training images are fewer than batch_size=7 times 1 devices"),
        (["train", "--runs", __file__], "cannot be written to (File exists): fix that, and go on with --resume"),
        (["evaluate", "--weights", "w", "--images", "0"], "setting val_images=0 is out of range: give 1 to 1000000"),
    ],
)
def test_a_mistake_is_one_line_that_says_how_to_mend_it(flags, arguments, message, capsys):
    runs = flags[:2] if arguments[0] == "train" and "--runs" not in arguments else []
    assert main([*arguments, *runs]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_a_table_of_another_kind_is_refused_before_anything_is_predicted(
    flags, settings, capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr("cs_utils.evaluation.predict.evaluate", None)
    (tmp_path / "history.csv").write_text("epoch,iou\n1,0.5\n", encoding="utf-8")
    assert main(["evaluate", "--accelerator", "cpu", "--record", str(tmp_path / "history.csv")]) == 2
    assert "history.csv is no table of scores" in capsys.readouterr().err


def test_the_colours_of_the_folder_that_one_is_in_are_recorded_by_its_name(flags, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(settings.data)
    table = tmp_path / "scores.csv"
    assert main(["evaluate", "--accelerator", "cpu", "--color-of", ".", "--record", str(table)]) == 0
    name = settings.data.name
    assert pd.read_csv(table)["data"].unique().tolist() == [f"{name} val in colours of {name}"]


def test_a_fault_in_a_loader_process_is_one_line_too(flags, settings, capsys):
    frame = find_frames(settings.data, "train")[0]
    frame.image.write_bytes(frame.image.read_bytes()[:-30])
    assert main(["train", "--workers", "2", *flags]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        f"error: {frame.image} is truncated or not an image: restore the file"
    )


def test_ctrl_c_says_how_to_go_on_where_one_can(flags, settings, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cs_utils.data.sources.ensure_minicity", interrupt)
    assert main(["train", *flags]) == 130
    assert capsys.readouterr().err == "interrupted\n"  # there is no run yet: --resume would be refused
    monkeypatch.undo()
    monkeypatch.setattr("cs_utils.training.loop.train_epoch", interrupt)
    assert main(["train", *flags, "--data", str(settings.data)]) == 130
    assert "interrupted; --resume goes on" in capsys.readouterr().err
    monkeypatch.setattr("cs_utils.data.loaders.loaders", interrupt)
    assert main(["train", *flags, "--data", str(settings.data), "--overwrite"]) == 130
    assert capsys.readouterr().err == "interrupted\n"  # the run that is still there is not the one that was wanted
    monkeypatch.setattr("cs_utils.data.check.verify", interrupt)
    assert main(["data", "check"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_resuming_what_is_not_there_is_refused(flags, settings, capsys):
    assert main(["train", *flags, "--run", "typo", "--epochs", "1", "--resume"]) == 2
    assert f"{settings.runs / 'typo'} holds no run to go on with" in capsys.readouterr().err
    assert not settings.runs.exists()


def test_a_full_disk_is_one_line_even_without_a_name(flags, monkeypatch, capsys):
    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("cs_utils.training.loop.train_epoch", fail)
    assert main(["train", *flags]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error: no space left; ")


CALL = [sys.executable, "-m", "cs_utils"]


def test_a_reader_that_has_gone_ends_it_without_a_word():
    reading, writing = os.pipe()
    os.close(reading)
    for arguments in (["figure", "--list"], ["train", "--help"]):
        done = subprocess.run([*CALL, *arguments], stdout=writing, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (141, b"")
    os.close(writing)


@pytest.mark.skipif(os.name == "nt", reason="closes streams by a shell")
def test_it_works_without_output_streams_and_in_any_encoding(settings):
    command = f"'{sys.executable}' -m cs_utils data check --data '{settings.data}'"
    assert subprocess.run(f"{command} >&- 2>&-", shell=True).returncode == 0
    for frame in find_frames(settings.data, "train") + find_frames(settings.data, "val"):
        for path in (frame.label_ids, frame.color, frame.polygons):
            path.unlink()
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, shell=True, env=plain, capture_output=True, text=True)
    assert "? and 4 more" in done.stdout  # instead of an ellipsis
    assert done.returncode == 1


def test_a_package_without_notebooks_says_so_and_works_in_the_current_folder(tmp_path):
    for package in ("cs_utils", "course", "minicity"):
        shutil.copytree(ROOT / package, tmp_path / "site" / package, ignore=shutil.ignore_patterns("__pycache__"))
    here = tmp_path / "here"
    here.mkdir()
    alone = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "CS_HOME": ""}
    done = subprocess.run([*CALL, "figure", "--list"], cwd=here, env=alone, capture_output=True, text=True)
    assert done.returncode == 2
    assert "clone" in done.stderr
    program = "from cs_utils.settings import Settings; print(Settings().runs)"
    done = subprocess.run([sys.executable, "-c", program], cwd=here, env=alone, capture_output=True, text=True)
    assert done.stdout.strip() == str(here.resolve() / "runs")


def test_it_is_a_module_that_runs():
    done = subprocess.run([*CALL, "figure", "--list"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "confusion-matrix" in done.stdout


def test_the_cache_is_measured_and_cleared(settings, capsys):
    loaders(settings)
    command = ["data", "cache", "--cache", str(settings.cache)]
    assert main(command) == 0
    assert "2 folders" in capsys.readouterr().out
    assert main([*command, "--clear"]) == 0
    assert main(command) == 0
    assert ": 0 folders, 0.0 MB" in capsys.readouterr().out
