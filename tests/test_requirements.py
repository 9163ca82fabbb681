"""What the package imports is what it says it needs, and what it needs is pinned."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cs_utils.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]
PINS = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line and not line.startswith(("#", "-e"))
]


def imported() -> set[str]:
    """The names of all modules that the three packages import and that are neither their own nor Python's."""
    names = set()
    for path in (path for name in ("cs_utils", "minicity", "course") for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module)
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"cs_utils", "minicity", "course"}


def test_all_that_is_imported_is_declared():
    declared = {canonicalize_name(requirement.name) for requirement in DECLARED}
    owners = packages_distributions()
    missing = {name for name in imported() if not declared & {canonicalize_name(owner) for owner in owners[name]}}
    assert missing == set()


def test_all_that_is_declared_is_pinned_to_a_version_that_will_do():
    pins = {canonicalize_name(pin.name): str(pin.specifier) for pin in PINS}
    assert all(re.fullmatch(r"==[0-9.]+", pin) for pin in pins.values())
    for requirement in DECLARED:
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)].removeprefix("=="))
