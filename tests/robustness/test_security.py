import ast
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import cs_utils
from cs_utils.data.cache import IMAGES, MASKS, ResizedFrames
from cs_utils.data.cityscapes import Frame, list_frames, write_png
from cs_utils.evaluation.predict import export_label_ids, export_name, predict_files
from cs_utils.evaluation.submission import write_submission
from cs_utils.exceptions import CourseError
from cs_utils.models.zoo import build, load_weights
from cs_utils.training.checkpoints import load_checkpoint

PACKAGE = Path(cs_utils.__file__).parent
FORBIDDEN_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "pty", "runpy", "shelve"}
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "torch.hub.load"),
    *("asyncio.create_subprocess_shell", "shutil.unpack_archive", "pandas.read_pickle"),
}
SAFE_ONLY = {"torch.load": ("weights_only", True), "numpy.load": ("allow_pickle", False)}
"""Calls that are safe with this argument only; numpy.load has it by default."""
ALLOWED = {
    ("sections.py", "exec"),  # runs the cells of the course's own notebooks, in its own folder
    ("sections.py", "compile"),
    ("checkpoints.py", "pickle.UnpicklingError"),  # the error that torch.load raises, to be caught
}


def find_dangers(source):
    """Names of what runs code or a shell, or reads pickles, wherever they are used in a module's source."""
    tree = ast.parse(source)
    full = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full |= {(name.asname or name.name.split(".")[0]): name.name for name in node.names if name.asname}
            full |= {name.name.split(".")[0]: name.name.split(".")[0] for name in node.names if not name.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full |= {(name.asname or name.name): f"{node.module}.{name.name}" for name in node.names}

    def name_of(node):
        if isinstance(node, ast.Name):
            return full.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (owner := name_of(node.value)):
            return f"{owner}.{node.attr}"
        return None

    dangers, safe = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            arguments = {keyword.arg: getattr(keyword.value, "value", keyword.value) for keyword in node.keywords}
            if arguments.get("shell", False) is not False:
                dangers.append("shell")
            argument, wanted = SAFE_ONLY.get(name_of(node.func), (None, None))
            by_default = name_of(node.func) == "numpy.load" and None not in arguments and len(node.args) < 3
            if argument and (arguments.get(argument, wanted if by_default else not wanted) is wanted):
                safe.add(node.func)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("extractall", "extract"):
            dangers.append(node.attr)
        stored = isinstance(getattr(node, "ctx", None), ast.Store)  # a variable of that name is none of Python's own
        if node not in safe and not stored and (name := name_of(node)) and is_danger(name):
            dangers.append(name)
    return dangers + [name for name in full.values() if is_danger(name) and name not in SAFE_ONLY]


def is_danger(name):
    module, _, member = name.partition(".")
    return (
        name in FORBIDDEN
        or name in SAFE_ONLY
        or name.startswith(("os.exec", "os.spawn"))
        or (module in FORBIDDEN_MODULES and member != "")
    )


def test_nothing_in_the_package_runs_code_or_a_shell_or_reads_pickles():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 30
    found = {(file.name, danger) for file in files for danger in find_dangers(file.read_text(encoding="utf-8"))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "run = exec",
        "__import__('os')",
        "import os\nos.system('ls')",
        "import os as o\no.popen('ls')",
        "from os import system\nsystem('ls')",
        "import os\nos.execv('a', [])",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.run('ls', shell=flag)",
        "import subprocess as s\ns.getoutput('ls')",
        "import pickle\npickle.loads(b'')",
        "from pickle import loads",
        "from dill import loads as fine\nfine(b'')",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import torch\ntorch.load(path, weights_only=flag)",
        "import torch\nread = torch.load",
        "from torch import load\nload(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.load(path, None, True)",
        "import numpy as np\nnp.load(path, **options)",
        "import pandas as pd\npd.read_pickle(path)",
        "import zipfile\nzipfile.ZipFile(path).extractall()",
        "import shutil\nshutil.unpack_archive(path)",
    ],
)
def test_every_danger_is_seen(source):
    assert find_dangers(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import torch\ntorch.compile(model)",
        "import re\nre.compile('a')",
        "class Settings:\n    compile: bool = False",
        "import torch\ntorch.load(path, map_location='cpu', weights_only=True)",
        "import numpy as np\nnp.load(path, mmap_mode='r')",
        "import subprocess\nsubprocess.run(['ls'])",
    ],
)
def test_what_is_harmless_is_let_through(source):
    assert find_dangers(source) == []


# --------------------------------------------------------------------------------------- files that would run code


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path):
    """A path that must never come to be, and what would make it."""
    marker = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(marker)))
    assert marker.exists()  # it works
    marker.unlink()
    yield marker, Trap(marker)
    assert not marker.exists()


def test_weights_that_would_run_code_are_refused(trap, settings, tmp_path):
    path = tmp_path / "best.safetensors"
    for data in (pickle.dumps(trap[1]), None):
        if data:
            path.write_bytes(data)
        else:
            torch.save({"model": trap[1]}, path)
        with pytest.raises(CourseError, match="is not a whole weights file of this course"):
            load_weights(path, settings)


def test_a_checkpoint_that_would_run_code_is_refused(trap, settings, tmp_path):
    path = tmp_path / "last.pt"
    model = build("unet", settings)
    optimizer = torch.optim.AdamW(model.parameters())
    for save in (torch.save, lambda item, path: path.write_bytes(pickle.dumps(item, protocol=2))):
        save({"model": trap[1], "identity": "{}", "history": []}, path)
        with pytest.raises(CourseError, match="is not a whole checkpoint"):
            load_checkpoint(path, model, optimizer, {})


def test_a_cache_that_would_run_code_is_refused(trap, tmp_path):
    for name in (IMAGES, MASKS):
        np.save(tmp_path / name, np.array([trap[1]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError):
        ResizedFrames(tmp_path)[0]


# --------------------------------------------------------------------------------------- names that lead elsewhere

HOSTILE = [
    "../gamma_000000_000000",
    "a/../../gamma_000000_000000",
    "/tmp/gamma_000000_000000",
    "..\\gamma_000000_000000",
    "C:\\gamma_000000_000000",
    "C:gamma_000000_000000",
    "~_000000_000000",
    ".gamma_000000_000000",
    "gamma_000000_000000/..",
    "gamma_000000_000000\n",
    "gamma\0_000000_000000",
    "gam ma_000000_000000",
    "-gamma_000000_000000",
    "gamma_00000_000000",
    "gamma_٠٠٠٠٠٠_000000",
    "_000000_000000",
    "..",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_frames_name_that_leads_elsewhere_is_refused(name, tmp_path):
    frame = Frame(tmp_path, "val", "gamma", name)
    with pytest.raises(CourseError, match="is no name to export") as error:
        export_label_ids(np.zeros((2, 2), np.uint8), frame, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("city", ["aachen", "münchen", "0001TP", "Seq05VD", "halle-saale"])
def test_a_real_name_is_exported_under_it(city, tmp_path):
    assert export_name(Frame(tmp_path, "val", city, f"{city}_000019_000294")) == f"{city}_000019_000294_labelIds.png"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names")
@pytest.mark.parametrize("name", ["x\\..\\gamma_000000_000000", "C:gamma_000000_000000", "gamma_000000_000000\n"])
def test_a_hostile_photo_does_not_get_into_an_archive(name, data_root, settings, tmp_path):
    photo = list_frames(data_root, "val")[0].image
    photo.with_name(f"{name}_leftImg8bit.png").write_bytes(photo.read_bytes())
    with pytest.raises(CourseError, match="is no name to export"):
        write_submission(tmp_path / "new" / "out.zip", torch.nn.Conv2d(3, 19, 1), data_root, "val", settings)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["...png", "..png.png", ".png.jpg", "a..b.png", "~.png"])
def test_what_is_predicted_for_a_photo_lies_in_the_folder_that_was_named(name, settings, tmp_path):
    photo = tmp_path / "photos" / name
    write_png(tmp_path / "photo.png", np.zeros((8, 8, 3), np.uint8))
    photo.parent.mkdir()
    (tmp_path / "photo.png").rename(photo)
    out = tmp_path / "deep" / "out"
    before = {*tmp_path.rglob("*")}
    predict_files([photo.parent / ".." / "photos" / name], torch.nn.Conv2d(3, 19, 1), settings, out)
    written = {*tmp_path.rglob("*")} - before - {out.parent, out}
    assert len(written) == 3
    assert all(path.parent == out for path in written)
