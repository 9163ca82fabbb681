"""Execute whole notebooks, keep their outputs, take their figures out."""

import ast
import base64
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

import cs_utils
import minicity
from course.sections import FIGURE
from cs_utils.exceptions import CourseError
from cs_utils.settings import ROOT

BUILD = ROOT / "build"
PACKAGE = Path(cs_utils.__file__).resolve().parent
IMAGE_TYPES = {"image/png": "png", "image/jpeg": "jpg"}


def run_course(paths: Iterable[Path], store: bool = False) -> None:
    """Execute notebooks one after the other into ``build/notebooks``, their figures into ``build/figures``.

    Args:
        paths: the notebooks.
        store: when all have run, also put the executed notebooks in the places of the old ones.

    Raises:
        CourseError: a cell failed.
    """
    copies = {}
    for path in paths:
        print(f"{path.stem} …", flush=True)
        copies[path] = BUILD / path.relative_to(ROOT)
        seconds = run_notebook(path, copies[path])
        figures = write_figures(copies[path], BUILD / "figures")
        print(f"{path.stem}: {seconds:.0f} s, {len(figures)} figures", flush=True)
    if store:
        for path, copy in copies.items():
            shutil.copyfile(copy, path)


def run_notebook(path: Path, out: Path) -> float:
    """Execute a notebook in a kernel of its own, and write it to ``out`` with its outputs, also when a cell fails.

    Returns:
        How many seconds it took.

    Raises:
        CourseError: a cell failed; the message says which, and how.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    start = time.perf_counter()
    with tqdm(desc=path.stem, total=cells, unit="cell", leave=False, disable=None) as bar:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            # Else each kernel warns that what it says to this process on this machine is not encrypted.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": str(path.parent)}},
            timeout=None,
            record_timing=False,
            coalesce_streams=True,
            on_cell_executed=lambda **_: bar.update(),
        )
        try:
            client.execute()
        except CellExecutionError as error:
            reason = f"{error.ename}: {error.evalue}"
            raise CourseError(f"{path} failed ({reason}); how far it came is in {out}") from None
        finally:
            seconds = time.perf_counter() - start
            out.parent.mkdir(parents=True, exist_ok=True)
            # What ran, with what, and for how long; the language's details would differ from machine to machine.
            notebook.metadata.pop("language_info", None)
            made = {"digest": digest_notebook(path), "profile": os.environ.get("CS_PROFILE") or "laptop"}
            notebook.metadata["cs_utils"] = made | {"seconds": round(seconds)}
            nbformat.write(notebook, out)
    return seconds


def digest_notebook(path: Path) -> str:
    """A digest of a notebook's code and of the modules that it reaches: outputs with another digest are out of date.

    Comments, docstrings, formatting and prose are not in it: they change no output. MiniCity enters by its version.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    modules = reached_modules("\n".join(code))
    parts = [dump_code(text) for text in code] + [
        part for module in modules for part in (module.name, dump_code(module.read_text(encoding="utf-8")))
    ]
    return hashlib.sha256("\0".join([*parts, minicity.VERSION]).encode()).hexdigest()


def dump_code(source: str) -> str:
    """What a source does, as text: its syntax tree without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A text that stands alone does nothing: a docstring, or the description of a field.
            node.body = [part for part in body if not _is_text(part)]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def reached_modules(code: str) -> list[Path]:
    """Files of `cs_utils` that some code imports, and those that these import, and so on; sorted."""
    reached: set[Path] = set()
    waiting = [code]
    while waiting:
        for file in _imported(waiting.pop()) - reached:
            reached.add(file)
            waiting.append(file.read_text(encoding="utf-8"))
    return sorted(reached)


def _imported(code: str) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # What is imported from a package may be a module of it.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cs":
            # By the face of the package: cs.fit is of the module that fit comes from.
            names.add(cs_utils.HOMES.get(node.attr, f"cs_utils.{node.attr}"))
    places = [PACKAGE.joinpath(*name.split(".")[1:]) for name in names if name.split(".")[0] == PACKAGE.name]
    files = {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")}
    return {file for file in files if file.is_file() and PACKAGE in file.parents}


def write_figures(path: Path, folder: Path) -> list[Path]:
    """Write the figures that an executed notebook holds to files in a folder; give their paths."""
    written = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        tags = cell["metadata"].get("tags", [])
        name = next((tag.removeprefix(FIGURE) for tag in tags if tag.startswith(FIGURE)), None)
        for output in cell.get("outputs", []):
            for kind, ending in IMAGE_TYPES.items():
                if name and kind in output.get("data", {}):
                    folder.mkdir(parents=True, exist_ok=True)
                    written.append(folder / f"{name}.{ending}")
                    written[-1].write_bytes(base64.b64decode(output["data"][kind]))
    return written
