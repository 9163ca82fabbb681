"""How much time there is, and where the rows go."""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cs_utils.data.files import write_atomic

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What there is time for."""

    out: Path
    """Folder of the tables."""
    scratch: Path
    """Folder for runs and data that nobody needs afterwards."""
    deadline: float
    """On the clock of `time.monotonic`."""
    small: bool
    """Try everything at a size that a CPU does in seconds."""
    jobs: int
    """Processes side by side for the evidence."""
    goes_on: bool = False
    """Whether the tables in ``out`` were measured on a machine like this one, so that their rows need not be again."""
    commit: str = ""
    """Of the code that measures now."""

    @property
    def seconds_left(self) -> float:
        """Until no part may go on."""
        return self.deadline - time.monotonic()

    def share(self, share: float) -> "Plan":
        """The same with a share of the time that is left."""
        return dataclasses.replace(self, deadline=time.monotonic() + share * self.seconds_left)


TABLES = (
    "limits", "correctness", "launches", "step", "prediction", "pieces", "loading", "recipe", "best", "shipped",
    "scores",
)  # fmt: skip
"""All tables that the parts write, each into a file NAME.csv. Another machine's are removed before."""
KEYS = dict.fromkeys(("step", "prediction"), ("way", "width", "size", "batch"))
KEYS |= {"launches": ("what", *KEYS["step"]), "loading": ("workers",)}
"""The columns that name a row, in the tables that later calls go on with."""


def known_rows(plan: Plan, table: str) -> dict[tuple, Row]:
    """The rows of a table that an earlier call has measured, by the values that name them; none without `goes_on`.

    Those with a problem are left out: it may have been a passing one, as memory that another program had.
    """
    return {key: row for key, row in _earlier_rows(plan, table).items() if "problem" not in row}


def _earlier_rows(plan: Plan, table: str) -> dict[tuple, Row]:
    path, key = plan.out / f"{table}.csv", KEYS[table]
    if not plan.goes_on or not path.is_file():
        return {}
    rows = pd.read_csv(path, dtype={"commit": str}).to_dict("records")
    found = ({x: y for x, y in row.items() if not pd.isna(y)} for row in rows)
    # Rows of before each one said it are of a commit that nobody has written down.
    return {tuple(row[name] for name in key): {"commit": "unknown"} | row for row in found}


def record(plan: Plan, table: str, rows: Iterator[Row]) -> list[Row]:
    """Write each row of a table as it comes, and stop when the time is over; give those that were written.

    Rows of an earlier call stay until their turn comes.

    Raises:
        ValueError: the table is none of `TABLES`, so it would outlive a change of the machine.
    """
    if table not in TABLES:
        raise ValueError(f"table {table!r} is unknown: name it in TABLES")
    done: list[Row] = []
    waiting = _earlier_rows(plan, table) if table in KEYS else {}
    for row in rows:
        if table in KEYS:
            waiting.pop(tuple(row[name] for name in KEYS[table]), None)
            row.setdefault("commit", plan.commit)  # of calls with one code after the other
        done.append(row)
        text = pd.DataFrame([*done, *waiting.values()]).to_csv(index=False, float_format="%.5g", lineterminator="\n")
        write_atomic(plan.out / f"{table}.csv", text.encode())
        print(table, {name: f"{x:.5g}" if isinstance(x, float) else x for name, x in row.items()}, flush=True)
        if plan.seconds_left < 0:
            print(f"{table}: stopped, the time is over", flush=True)
            break
    return done
