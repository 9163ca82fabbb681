"""Whether stored outputs are up to date: a digest of the code that made them.

It is taken over what a notebook reaches: its cells, the definitions that these name, those that these name in turn.
Comments, docstrings, formatting and prose are not in it, and neither is what a notebook does not use: they change no
output. MiniCity enters by its version, recorded results by their bytes: those of a folder where any reached code says
its name, the rows of a grid where the notebook says the grid's name, or the words of a claim that they decide. With
such words the claim's entry, the rules and what these reach are in it too, because the notebook prints the verdict.
"""

import ast
import functools
import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cs_utils
import minicity
from cs_utils.exceptions import CourseError
from cs_utils.settings import ROOT

PACKAGE = Path(cs_utils.__file__).resolve().parent
RESULTS = ROOT / "results"
READERS = "experiments/evidence.py"
"""The module that reads recorded rows, some of them of a grid that it names itself."""
CLAIMS = Path(__file__).with_name("claims.toml")
JUDGES = tuple(Path(__file__).with_name(name) for name in ("claims.py", "rules.py", "speed.py", "verdicts.py"))
"""The modules that judge a claim and write the sentence that a lesson prints."""


@dataclass(frozen=True)
class Part:
    """A definition of a module, a field of one of its classes, a new name of an import, or another statement."""

    names: frozenset[str]
    """What it is called: it is reached when reached code says one of these. Empty: it is always reached."""
    code: str
    """Its syntax tree, as text; empty for an import, which itself is no output."""
    says: frozenset[str]
    """All names in it: variables, attributes, keywords, and texts that could be names."""
    imports: frozenset[Path]
    """Files that it imports inside."""


@dataclass(frozen=True)
class Module:
    """A module as its parts, with the files that its imports bring in by the name that they are given here."""

    parts: tuple[Part, ...]
    bound: dict[str, frozenset[Path]]


def digest_notebook(path: Path) -> str:
    """The digest of a notebook's code and of all that it reaches: outputs with another digest are out of date.

    Raises:
        CourseError: a cell is not plain Python.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    try:
        code = read_module("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise CourseError(f"{path} has a line that is not plain Python ({error.msg}): {line}") from None
    reached = reach([code])
    cells = [part.code for part in code.parts if part.code]
    readers = [part.code for (name, _), part in reached.items() if name == READERS]
    claims = decided_claims(cells + readers)
    judges = [read_module(file.read_text(encoding="utf-8")) for file in JUDGES] if claims else []
    reached = reach([code, *judges])
    codes = cells + [name + part.code for (name, _), part in sorted(reached.items()) if part.code]
    recorded = [file.read_bytes() for file in said_results(codes, cells + readers, claims)]
    if claims:
        codes.append(json.dumps(claims))
        codes += [part.code for module in judges for part in module.parts]
    parts = [*(text.encode() for text in codes), minicity.VERSION.encode(), *recorded]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def reach(modules: list[Module]) -> dict[tuple[str, int], Part]:
    """What some code of other places reaches of the package: its parts, by their file and number in it."""
    says = {name for module in modules for part in module.parts for name in part.says}
    files = {file for module in modules for part in module.parts for file in part.imports}
    files = files.union(*(found for module in modules for found in module.bound.values()))
    reached: dict[tuple[str, int], Part] = {}
    grows = True
    while grows:
        grows = False
        for file in sorted(files):
            module = read_module(file.read_text(encoding="utf-8"))
            for number, part in enumerate(module.parts):
                key = (file.relative_to(PACKAGE).as_posix(), number)
                if key not in reached and (not part.names or part.names & says):
                    reached[key] = part
                    says |= part.says
                    files |= part.imports.union(*(module.bound[name] for name in part.says & module.bound.keys()))
                    grows = True
    return reached


def decided_claims(cells: list[str]) -> list[dict[str, Any]]:
    """The claims of the talk whose words a notebook's code holds, or all of them where it lists them."""
    claims = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))["claims"]
    every = any("Name(id='list_claims'" in code for code in cells)
    return [claim for claim in claims if every or hold(cells, claim["quote"])]


def said_results(codes: list[str], cells: list[str], claims: list[dict[str, Any]]) -> Iterator[Path]:
    """Files of recorded results that a notebook needs. Cards and other prose are not among them.

    Args:
        codes: all code that it reaches: it says the names of folders.
        cells: its own, and what reads rows for it: they say the names of grids, which are such words as "void" that
            much other code says too.
        claims: those that it decides, by the rows of their grids.
    """
    grids = {value for claim in claims for name, value in claim.items() if name.endswith("grid")}
    for file in sorted(RESULTS.rglob("*.*")):
        if file.parent == RESULTS:
            grid = file.stem.partition("-")[0]
            needed = grid in grids or hold(cells, grid)
        else:
            needed = hold(codes, file.parent.name)
        if needed and file.suffix != ".md":
            yield file


def hold(codes: list[str], text: str) -> bool:
    """Whether some code holds this text as a constant."""
    return any(f"Constant(value={text!r})" in code for code in codes)


@functools.cache
def read_module(source: str) -> Module:
    """Take a module's source apart."""
    bound: dict[str, frozenset[Path]] = {}
    parts = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, file in imported(node):
                bound[name] = bound.get(name, frozenset()) | file
            # Who says the new name of a renamed import says its old one.
            renamed = [alias for alias in node.names if alias.asname]
            parts += [Part(frozenset({new.asname}), "", frozenset({new.name}), frozenset()) for new in renamed]
        elif isinstance(node, ast.ClassDef):
            # A field is a part of its own: a new one changes nothing for those who do not say it.
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            node.body = [part for part in node.body if part not in fields]
            parts += [make_part(node, {node.name}), *(make_part(field, {field.target.id}) for field in fields)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts.append(make_part(node, {node.name}))
        elif not is_text(node):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign | ast.AugAssign):  # not `for`, which has a target too
                targets = [node.target]
            parts.append(make_part(node, {target.id for target in targets if isinstance(target, ast.Name)}))
    return Module(tuple(parts), bound)


def make_part(node: ast.stmt, names: set[str]) -> Part:
    """Describe a statement, without the texts in it that stand alone: docstrings, descriptions of fields."""
    says: set[str] = set()
    files: set[Path] = set()
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        if isinstance(body, list):
            inner.body = [part for part in body if not is_text(part)]
        if isinstance(inner, ast.Import | ast.ImportFrom):
            files |= {file for _, found in imported(inner) for file in found}
        elif isinstance(inner, ast.Name):
            says.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            says.add(inner.attr)
            if isinstance(inner.value, ast.Name) and inner.value.id in ("cs", "cs_utils"):
                files |= files_of(cs_utils.HOMES.get(inner.attr, f"cs_utils.{inner.attr}"))
        elif isinstance(inner, ast.keyword | ast.alias):
            says.add(inner.arg or "" if isinstance(inner, ast.keyword) else inner.name)
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value.isidentifier():
            says.add(inner.value)
    return Part(frozenset(names), dump(node), frozenset(says), frozenset(files))


def dump(node: Any) -> str:
    """A syntax tree as text. Unlike `ast.dump`, the same in each version of Python: what is empty is left out."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        return f"{type(node).__name__}({', '.join(f'{name}={dump(value)}' for name, value in fields)})"
    return f"[{', '.join(map(dump, node))}]" if isinstance(node, list) else repr(node)


def is_text(node: ast.AST) -> bool:
    """Whether a statement is a text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, frozenset[Path]]]:
    """The name that each import gives, and the files of the package that it brings in."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.asname or alias.name.split(".")[0], files_of(alias.name)
        elif node.module and not node.level:
            home = cs_utils.HOMES.get(alias.name) if node.module == PACKAGE.name else None
            # What is imported from a package may be a module of it.
            yield alias.asname or alias.name, files_of(home or node.module) | files_of(f"{node.module}.{alias.name}")


def files_of(name: str) -> frozenset[Path]:
    """The file of a module of the package, or of a folder of modules; none for other packages."""
    first, *rest = name.split(".")
    if first != PACKAGE.name:
        return frozenset()
    place = PACKAGE.joinpath(*rest)
    files = (place.with_suffix(".py") if rest else place / "__init__.py", place / "__init__.py")
    return frozenset(file for file in files if file.is_file())
