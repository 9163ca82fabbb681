"""Execute whole notebooks, keep their outputs, take their figures out."""

import ast
import asyncio
import base64
import json
import re
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from course import sections
from course.digest import digest_notebook
from cs_utils.data.files import write_atomic
from cs_utils.exceptions import CourseError
from cs_utils.settings import HOME, ROOT, Settings

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

BUILD = HOME / "build"
DIGESTS = "digests.json"
"""The digest of what made each notebook's stored outputs. A file of its own: outputs that stay touch no notebook."""
SANITIZE = ROOT / "sanitize.cfg"
"""What may differ from run to run in an output."""
IMAGE_TYPES = {"image/png": "png", "image/jpeg": "jpg"}
MADE = "cs_utils"
"""Where an executed copy says what it was made by; one that did not come to its end says nothing."""


def run_course(paths: Iterable[Path], store: bool = False, out: Path = BUILD) -> None:
    """Execute notebooks one after the other into ``out/notebooks``, their figures into ``out/figures``.

    A notebook whose executed copy is up to date is skipped, so a course that was broken off goes on.

    Args:
        paths: the notebooks, in the order to run them.
        store: take only those whose stored outputs are out of date, and store what each shows as soon as it has run.
        out: folder to write to.

    Raises:
        CourseError: a package that runs notebooks is not installed, a cell is not plain Python or failed, a kernel
            died, nothing can be written to ``out``, or it is not the profile laptop whose outputs would be stored.
        KeyboardInterrupt: Ctrl-C; its text says how to go on.
    """
    needed = ("nbformat", "nbclient", "ipykernel")
    if missing := [name for name in needed if find_spec(name) is None]:
        told = f"`python -m pip install {' '.join(needed)}`"
        raise CourseError(f"{' and '.join(missing)} must be installed first: {told}")
    out = out.resolve()
    check_writable(out)
    if store:
        if Settings.from_env() != Settings():
            raise CourseError("what is stored are outputs of the profile laptop on MiniCity: choose no other")
        paths = list_stale(paths)
        print(f"out of date: {', '.join(path.stem for path in paths) or 'none'}", flush=True)
    for path in paths:
        copy = find_copy(path, out)
        if is_up_to_date(path, copy):
            print(f"{path.stem}: up to date", flush=True)
        else:
            print(f"{path.stem}: running", flush=True)
            try:
                seconds = run_notebook(path, copy)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"interrupted in {path.stem}; the same call goes on with it") from None
            figures = write_figures(copy, out / "figures")
            print(f"{path.stem}: {seconds:.0f} s, {len(figures)} figures", flush=True)
        if store:
            print(f"{path.stem}: {store_copy(path, copy)} cells show something new", flush=True)


def list_stale(paths: Iterable[Path]) -> list[Path]:
    """The notebooks whose stored outputs were made by other code, in the order given."""
    digests = read_digests()
    return [path for path in paths if digests.get(name_of(path)) != digest_notebook(path)]


def read_digests() -> dict[str, str]:
    """What made the stored outputs of each notebook."""
    path = sections.NOTEBOOKS / DIGESTS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def name_of(path: Path) -> str:
    """A notebook's name in `DIGESTS`."""
    return path.relative_to(sections.NOTEBOOKS).with_suffix("").as_posix()


def store_copy(path: Path, copy: Path) -> int:
    """Take over a copy's outputs if some of them show something else; give the number of such cells.

    A notebook without such cells is not written. Otherwise all outputs are taken over, also those that differ in times
    only: a text and a figure of one run belong together.

    Raises:
        CourseError: the notebook's code has changed since the copy was made.
    """
    import nbformat

    stored, executed = (nbformat.read(place, as_version=4) for place in (path, copy))
    cells = [[cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (stored, executed)]
    # Without comments and formatting, which may have changed since.
    first, second = ([ast.unparse(ast.parse(cell.source)) for cell in code] for code in cells)
    if first != second:
        raise CourseError(f"{path} has changed since it ran, so nothing is stored: delete {copy} and call again")
    pairs = list(zip(*cells, strict=True))
    changed = sum(
        old.get("execution_count") != new.execution_count or comparable(old.outputs) != comparable(new.outputs)
        for old, new in pairs
    )
    if changed:
        for old, new in pairs:
            old.outputs, old.execution_count = new.outputs, new.execution_count
        stored.metadata.pop(MADE, None)
        write_atomic(path, (nbformat.writes(stored) + "\n").encode())
    digests = read_digests() | {name_of(path): executed.metadata[MADE]["digest"]}
    write_atomic(sections.NOTEBOOKS / DIGESTS, (json.dumps(digests, indent=1, sort_keys=True) + "\n").encode())
    return changed


def comparable(outputs: list["NotebookNode"]) -> str:
    """Outputs as a text that is the same from run to run: without times, addresses and counts."""
    plain = [{name: value for name, value in output.items() if name != "execution_count"} for output in outputs]
    text = json.dumps(plain, sort_keys=True)
    for pattern in re.findall(r"^regex: (.+)$", SANITIZE.read_text(encoding="utf-8"), re.MULTILINE):
        text = re.sub(pattern, "", text)
    return text


def find_copy(path: Path, out: Path = BUILD) -> Path:
    """Where a notebook's executed copy lies."""
    return out / path.relative_to(sections.NOTEBOOKS.parent)


def is_up_to_date(path: Path, copy: Path) -> bool:
    """Whether an executed copy came to its end, and was made by this code in this environment."""
    made = None
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # it is not there, or no notebook
        made = json.loads(copy.read_text(encoding="utf-8"))["metadata"].get(MADE)
    return made == describe_making(path)


def describe_making(path: Path) -> dict[str, str]:
    """What a notebook's outputs depend on."""
    settings = Settings.from_env()
    return {"digest": digest_notebook(path), "profile": settings.profile, "data": str(settings.data)}


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before anything is computed.

    Raises:
        CourseError: it cannot be made, or nothing can be written to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CourseError(
            f"{folder} cannot be written to ({error.strerror}): name another folder by --out or CS_HOME"
        ) from None


def run_notebook(path: Path, out: Path) -> float:
    """Execute a notebook in a kernel of its own, and write it to ``out`` with its outputs, also when a cell fails.

    Returns:
        How many seconds it took.

    Raises:
        CourseError: a cell is not plain Python or failed, or the kernel died; the message says which, and how.
        KeyboardInterrupt: Ctrl-C; the kernel has ended.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    made = describe_making(path)  # before it runs: a change meanwhile is none of what made the outputs
    notebook.metadata.pop(MADE, None)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    start = time.perf_counter()
    with tqdm(desc=path.stem, total=cells, unit="cell", leave=False, disable=None) as bar:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            # Else each kernel warns that what it says to this process is not encrypted, and of its own end by Ctrl-C.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            resources={"metadata": {"path": str(path.parent)}},
            timeout=None,
            record_timing=False,
            coalesce_streams=True,
            on_cell_executed=lambda **_: bar.update(),
        )
        try:
            execute(client)
            notebook.metadata[MADE] = made
        except CellExecutionError as error:
            reason = f"{error.ename}: {error.evalue}".splitlines()[0]
            raise CourseError(f"{path} failed ({reason}); how far it came is in {out}") from None
        except DeadKernelError:
            raise CourseError(
                f"{path} stopped: its kernel died, most likely for want of memory; how far it came is in {out}: "
                "close other programs, or choose a smaller profile, and call again"
            ) from None
        finally:
            out.parent.mkdir(parents=True, exist_ok=True)
            # The language's details would differ from machine to machine.
            notebook.metadata.pop("language_info", None)
            write_atomic(out, (nbformat.writes(notebook) + "\n").encode())
    return time.perf_counter() - start


def execute(client: "NotebookClient") -> None:
    """Execute in another thread: in the main one nbclient takes Ctrl-C for itself, and ends in a traceback."""
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as pool:
        loop = runner.get_loop()
        future = pool.submit(runner.run, client.async_execute())
        try:
            while wait([future], timeout=1).not_done:  # without a timeout, Windows would not hear of Ctrl-C
                pass
            future.result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
            raise


def write_figures(path: Path, folder: Path) -> list[Path]:
    """Write the figures that an executed notebook holds to files in a folder; give their paths."""
    written = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        tags = cell["metadata"].get("tags", [])
        name = next((tag.removeprefix(sections.FIGURE) for tag in tags if tag.startswith(sections.FIGURE)), None)
        for output in cell.get("outputs", []):
            for kind, ending in IMAGE_TYPES.items():
                if name and kind in output.get("data", {}):
                    folder.mkdir(parents=True, exist_ok=True)
                    written.append(folder / f"{name}.{ending}")
                    written[-1].write_bytes(base64.b64decode(output["data"][kind]))
    return written
