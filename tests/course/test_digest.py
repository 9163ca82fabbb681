import json
from pathlib import Path

import pytest

import cs_utils
from course import digest
from course.digest import digest_notebook
from course.sections import list_notebooks

MODULES = {
    "__init__": 'HOMES = {"lazy": "cs_utils.far"}\ndef check(claim): print(claim)\n',
    "near": '"""Doc."""\nfrom cs_utils.far import deep\nfrom cs_utils.other import idle\n\n'
    'def use(size):\n    """Doc."""\n    return deep(size)  # why\n\n'
    "def leave(size):\n    return idle(size)\n",
    "far": "import math\n\nSCALE = 2\n\ndef deep(x):\n    return SCALE * x\n\ndef lazy():\n    return 1\n",
    "renamed": "from cs_utils.far import deep as d\n\ndef apply(x):\n    return d(x)\n",
    "other": "def idle(x):\n    return x\n",
    "shape": 'from dataclasses import dataclass\n\n@dataclass\nclass Shape:\n    """Doc."""\n    wide: int = 1\n'
    '    """Doc."""\n    high: int = 2\n    deep: int = 5\n\n'
    "    def area(self):\n        return self.wide * self.high\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of cs_utils."""
    folder = tmp_path / "cs_utils"
    (folder / "plots").mkdir(parents=True)
    for name, text in {**MODULES, "plots/__init__": "", "plots/bars": "def draw(): return 1\n"}.items():
        (folder / f"{name}.py").write_text(text)
    (tmp_path / "results" / "long-run").mkdir(parents=True)
    (tmp_path / "results" / "long-run" / "history.csv").write_text("iou\n0.5\n")
    monkeypatch.setattr(digest, "PACKAGE", folder)
    monkeypatch.setattr(digest, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("cs_utils.HOMES", {"lazy": "cs_utils.far"})
    digest.read_module.cache_clear()  # what is kept there names the files of another package
    yield folder
    digest.read_module.cache_clear()


@pytest.fixture
def make(tmp_path):
    """Gives the digest of a notebook with this code."""

    def make(*cells):
        path = tmp_path / "a.ipynb"
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [cell]} for cell in cells]}))
        return digest_notebook(path)

    return make


def change(package, name, old, new):
    path = package / f"{name}.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


USE = "from cs_utils.near import use\nuse(3)"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("near", '"""Doc."""', '"""Another."""'),
        ("near", "# why", "# because"),
        ("near", "deep(size)", "deep( size )"),
        ("near", "idle(size)", "idle(size) + 1"),  # a function that the notebook does not use
        ("other", "return x", "return -x"),
        ("far", "return 1", "return 2"),
        ("near", "def leave", "def added():\n    pass\n\ndef leave"),
        ("__init__", '"lazy"', '"lazier"'),
    ],
)
def test_what_changes_no_output_makes_nothing_stale(package, make, name, old, new):
    before = make(USE)
    change(package, name, old, new)
    assert make(USE) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("near", "deep(size)", "deep(size) + 1"),
        ("far", "SCALE * x", "SCALE + x"),
        ("far", "SCALE = 2", "SCALE = 3"),
        ("far", "import math\n", "import math\nprint('always')\n"),
        ("far", "SCALE = 2", "SCALE = 2\nfor step in range(3):\n    SCALE += step"),
        ("far", "SCALE = 2", "SCALE = 2\nSCALE += 1"),
    ],
)
def test_what_the_notebook_reaches_makes_it_stale(package, make, name, old, new):
    before = make(USE)
    change(package, name, old, new)
    assert make(USE) != before


@pytest.mark.parametrize(
    ("cell", "name", "old", "new"),
    [
        ("import cs_utils as cs\ncs.lazy()", "far", "return 1", "return 2"),
        ("from cs_utils import lazy\nlazy()", "far", "return 1", "return 2"),
        ("from cs_utils import check\ncheck('a')", "__init__", "print(claim)", "print(claim, claim)"),
        ("from cs_utils.plots import bars\nbars.draw()", "plots/bars", "return 1", "return 2"),
        ("def f():\n    from cs_utils.plots.bars import draw as d\n    d()", "plots/bars", "return 1", "return 2"),
        ("from cs_utils.far import lazy as later\nlater()", "far", "return 1", "return 2"),
        ("from cs_utils.renamed import apply\napply(1)", "far", "SCALE * x", "SCALE + x"),
        ("from cs_utils.shape import Shape\nShape().area()", "shape", "self.wide *", "self.wide +"),
        ("from cs_utils.shape import Shape\nShape(deep=3)", "shape", "deep: int = 5", "deep: int = 6"),
        ("from cs_utils.shape import Shape\ngetattr(Shape(), 'deep')", "shape", "deep: int = 5", "deep: int = 6"),
    ],
)
def test_every_way_to_reach_a_definition_is_followed(package, make, cell, name, old, new):
    before = make(cell)
    change(package, name, old, new)
    assert make(cell) != before


def test_a_new_field_is_nothing_to_those_who_do_not_name_it(package, make):
    cell = "from cs_utils.shape import Shape\nShape()"
    before = make(cell)
    change(package, "shape", "    high: int = 2", "    high: int = 2\n    far: int = 3")
    assert make(cell) == before


def test_cells_are_in_it_and_prose_is_not(tmp_path, make):
    before = make("a = 1")
    assert make("a = 1  # one") == before
    assert make("a = 2") != before
    make("a = 1")
    path = tmp_path / "a.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"].append({"cell_type": "markdown", "source": ["## A heading"]})
    path.write_text(json.dumps(notebook))
    assert digest_notebook(path) == before


def test_recorded_results_are_in_it_where_they_are_named(package, make, tmp_path):
    named, other = 'folder = "long-run"', "folder = 1"
    before = make(named), make(other)
    (tmp_path / "results" / "long-run" / "history.csv").write_text("iou\n0.6\n")
    assert make(named) != before[0]
    assert make(other) == before[1]


@pytest.mark.parametrize("name", ["losses.csv", "losses-histories.csv"])
def test_the_rows_of_a_grid_are_in_it_where_the_grid_is_named(package, make, tmp_path, name):
    named, other = 'rows = read_rows("losses")', 'rows = read_rows("batch")'
    before = make(named), make(other)
    (tmp_path / "results" / name).write_text("iou\n0.6\n")
    assert make(named) != before[0]
    assert make(other) == before[1]


def test_the_rows_of_a_grid_are_in_it_where_a_claim_is_judged_by_them(package, make, tmp_path):
    judged, every, other = 'find_claim("Random Horizontal Flips.")', "list_claims()", 'find_claim("CNN enc/dec")'
    before = make(judged), make(every), make(other)
    (tmp_path / "results" / "augmentation.csv").write_text("iou\n0.6\n")
    assert make(judged) != before[0]
    assert make(every) != before[1]
    assert make(other) == before[2]


def test_the_rows_that_a_reader_names_by_itself_are_in_it(package, make, tmp_path):
    (package / "experiments").mkdir()
    (package / "experiments" / "__init__.py").touch()
    (package / "experiments" / "evidence.py").write_text("def final_score():\n    return open('final')\n")
    reads, other = "from cs_utils.experiments.evidence import final_score\nfinal_score()", USE
    before = make(reads), make(other)
    (tmp_path / "results" / "final-images.csv").write_text("iou\n0.6\n")
    assert make(reads) != before[0]
    assert make(other) == before[1]


@pytest.mark.parametrize("name", ["claims.toml", "claims.py", "rules.py", "speed.py", "verdicts.py"])
def test_the_entry_of_a_claim_and_the_rules_are_in_it_where_its_verdict_is_printed(
    make, package, tmp_path, monkeypatch, name
):
    judged, other = 'find_claim("Random Horizontal Flips.")', USE
    before = make(judged), make(other)
    text = digest.CLAIMS.with_name(name).read_text(encoding="utf-8")
    words = {"claims.toml": "Does the flip help", "claims.py": "We ask", "verdicts.py": "cannot tell"}
    word = words.get(name, "half right")
    assert word in text
    (tmp_path / name).write_text(text.replace(word, "Is it"), encoding="utf-8")
    if name == "claims.toml":
        monkeypatch.setattr(digest, "CLAIMS", tmp_path / name)
    else:
        judges = tuple(tmp_path / name if file.name == name else file for file in digest.JUDGES)
        monkeypatch.setattr(digest, "JUDGES", judges)
    assert make(judged) != before[0]
    assert make(other) == before[1]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("statistics", "MARGIN = 0.01", "MARGIN = 0.02"),
        ("statistics", "difference.low > 0:", "difference.low > 1:"),
        ("evidence", "would have noticed", "had noticed"),
        ("evidence", "one in arms) / 2", "one in arms) / 3"),
        ("evidence", "kept >= patience", "kept > patience"),
    ],
)
def test_what_judges_a_claim_is_in_it_where_its_verdict_is_printed(package, make, name, old, new):
    """The notebook says none of these names: the rules do."""
    (package / "experiments").mkdir()
    for module in ("__init__", "statistics", "evidence"):
        source = Path(cs_utils.__file__).parent / "experiments" / f"{module}.py"
        (package / "experiments" / f"{module}.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    judged, other = 'find_claim("Random Horizontal Flips.")', USE
    before = make(judged), make(other)
    change(package, f"experiments/{name}", old, new)
    assert make(judged) != before[0]
    assert make(other) == before[1]


def test_a_grid_that_is_called_like_a_word_of_the_package_makes_no_lesson_stale(monkeypatch, tmp_path):
    monkeypatch.setattr(digest, "RESULTS", tmp_path)
    introduction = list_notebooks()[0]
    before = digest_notebook(introduction)
    (tmp_path / "void.csv").write_text("iou\n0.6\n")
    assert digest_notebook(introduction) == before


def test_a_model_card_is_prose(package, make, tmp_path):
    before = make('folder = "long-run"')
    (tmp_path / "results" / "long-run" / "card.md").write_text("It cannot drive.")
    assert make('folder = "long-run"') == before


def test_minicity_is_in_it_by_its_version(package, make, monkeypatch):
    before = make(USE)
    monkeypatch.setattr("minicity.VERSION", "another")
    assert make(USE) != before


def test_the_digest_is_the_same_in_every_version_of_python(package, make):
    """It leaves out what syntax trees hold in some versions only; measured with 3.11 and 3.13."""
    assert digest.dump(digest.ast.parse("def f(a): return f'{a}'").body[0]) == (
        "FunctionDef(name='f', args=arguments(args=[arg(arg='a')]), "
        "body=[Return(value=JoinedStr(values=[FormattedValue(value=Name(id='a', ctx=Load()), conversion=-1)]))])"
    )


def test_texts_and_comments_in_all_modules_make_no_lesson_stale(monkeypatch):
    path = list_notebooks()[7]
    before = digest_notebook(path)
    read = digest.read_module
    monkeypatch.setattr(digest, "read_module", lambda source: read(source + '\n"""A text."""\n# A comment.\n'))
    assert digest_notebook(path) == before
