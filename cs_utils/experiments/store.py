"""The files of the recorded runs: safe to add to from several processes, and whole whenever they are read.

A grid's rows are in ``NAME.csv``, one for each run; what a run has several of is in a table of its own,
``NAME-histories.csv`` (epochs), ``NAME-layers.csv``, ``NAME-images.csv``. The column ``run`` ties them together. A file
is written again under a lock, synchronised and renamed; the row comes last, and makes a run count.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from cs_utils.data.files import write_atomic
from cs_utils.experiments.grids import GRIDS

Row = dict[str, Any]
Tables = dict[str, list[Row]]
"""What a run has several of, by the name of the table."""
LOCKS = ".locks"


def lock_of(folder: Path, name: str) -> FileLock:
    """A lock that a process which is killed gives back."""
    (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(folder / LOCKS / f"{name}.lock")


def read_table(path: Path) -> list[dict[str, str]]:
    """All rows of a file, as text; none if it is not there."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_run(folder: Path, grid: str, row: Row, tables: Mapping[str, list[Row]]) -> None:
    """Add a run's row and tables; what a call that was cut off has left of the same run is replaced."""
    run = row["run"]
    with lock_of(folder, grid):
        for name, rows in tables.items():
            _replace_run(folder / f"{grid}-{name}.csv", run, [{"run": run} | one for one in rows])
        _replace_run(folder / f"{grid}.csv", run, [row])


def find_run(folder: Path, run: str, device: str) -> tuple[Row, Tables] | None:
    """A run that any grid has recorded on such a device, with its tables: what is known need not be computed once more.

    One of another device would be compared with runs that took other seconds, and rounded in other places.
    """
    for grid in GRIDS:
        for row in read_table(folder / f"{grid}.csv"):
            if row["run"] == run and row["device"] == device:
                paths = {path.stem.removeprefix(f"{grid}-"): path for path in folder.glob(f"{grid}-*.csv")}
                tables = {name: [one for one in read_table(path) if one["run"] == run] for name, path in paths.items()}
                return row, {name: rows for name, rows in tables.items() if rows}
    return None


def _replace_run(path: Path, run: str, rows: Iterable[Row]) -> None:
    kept = [row for row in read_table(path) if row["run"] != run]
    kept += [{name: _as_text(value) for name, value in row.items()} for row in rows]
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in kept for name in row))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    write_atomic(path, text.getvalue().encode(), durable=True)


def _as_text(value: Any) -> str:
    if value is None or value != value:  # NaN
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
