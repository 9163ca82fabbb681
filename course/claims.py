"""What the talk claims, and the verdicts: computed from the recorded runs by one rule, or taken from a named source.

The claims stand in ``claims.toml``. A verdict is one of *right*, *half right*, *wrong*, *depends on …* and *cannot
tell*; where the runs are not recorded yet, or too short for the question, *cannot tell at this budget*.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from course.rules import RULES
from course.sections import anchor_of, list_notebooks, read_sections
from course.verdicts import TOO_SMALL, Verdict
from cs_utils.exceptions import CourseError
from cs_utils.experiments.evidence import RESULTS, budget_of, is_finished, read_rows
from cs_utils.experiments.grids import GRIDS

CLAIMS = Path(__file__).with_name("claims.toml")


@dataclass(frozen=True)
class Claim:
    """A claim of the talk."""

    under: str
    """The line of the talk that names its subject."""
    quote: str
    """To the letter."""
    question: str
    where: str
    """``05#Five seeds``: number of the notebook, heading of the section."""
    source: str | None
    rule: str | None
    arguments: dict[str, Any]
    """What the rule is applied to; without a rule the verdict and its reason."""

    def link(self, folder: str = "") -> str:
        """The section that holds the evidence, as a Markdown link; ``folder`` is where the notebooks lie from there."""
        number, title = self.where.split("#", 1)
        notebook = next(path for path in list_notebooks() if path.stem.startswith(number))
        if title not in {section.title for section in read_sections(notebook)}:
            raise CourseError(f"{notebook.name} has no section {title!r}, which claims.toml names: change it there")
        return f"[{number} {title}]({folder}{notebook.name}#{anchor_of(title)})"

    def verdict(self, folder: Path = RESULTS) -> Verdict:
        """The verdict, by the runs that are recorded in a folder."""
        if self.rule is None:
            return Verdict(self.arguments["verdict"], self.arguments["because"])
        found = RULES[self.rule](folder=folder, **self.arguments)
        tables = [read_rows(value, folder) for name, value in self.arguments.items() if name.endswith("grid")]
        budgets = {rows["grid"].iloc[0]: budget_of(rows) for rows in tables if len(rows)}
        same = len(set(budgets.values())) == 1
        used = [f"{budget} budget" if same else f"{grid}: {budget} budget" for grid, budget in budgets.items()]
        note = f" ({'; '.join(dict.fromkeys(used))})"
        if "small" in budgets.values():
            return Verdict(TOO_SMALL, found.because + note)
        # A look after each seed would take a chance lead for a true one sooner or later.
        if any(len(rows) and not is_finished(rows, self._arms_of(rows)) for rows in tables):
            return Verdict(TOO_SMALL, f"{found.because} (not all seeds yet)")
        return Verdict(found.word, found.because + note) if "medium" in budgets.values() else found

    def _arms_of(self, rows: pd.DataFrame) -> set[str] | None:
        # Those of a table's grid that the arguments name; where they name none, all.
        grid = GRIDS.get(rows["grid"].iloc[0])
        return (set(_strings(self.arguments)) & grid.arms.keys() or None) if grid else None

    def sentence(self) -> str:
        """The question and the verdict as the lessons print them."""
        verdict = self.verdict()
        return f"We ask: {self.question}\nVerdict: {verdict.word}. Because: {verdict.because}."


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


@cache
def list_claims() -> tuple[Claim, ...]:
    """All claims, in the order of the talk."""
    claims = []
    for entry in tomllib.loads(CLAIMS.read_text(encoding="utf-8"))["claims"]:
        fixed = {name: entry.pop(name, None) for name in ("under", "quote", "question", "where", "source", "rule")}
        claims.append(Claim(**fixed, arguments=entry))
    return tuple(claims)


def claims_table(folder: str = "", results: Path = RESULTS) -> str:
    """All claims with their verdicts as a Markdown table.

    Args:
        folder: where the notebooks lie, seen from the text that holds the table: ``"notebooks/"`` in the README.
        results: folder of the recorded runs.
    """
    lines = ["| the talk says | we ask | verdict | because | where |", "|---|---|---|---|---|"]
    for claim in list_claims():
        verdict = claim.verdict(results)
        subject = "" if claim.under in claim.quote else f"{claim.under.rstrip('.?')}: "
        said = f'{subject}"{claim.quote}"'
        because = f"{verdict.because} (source: {claim.source})" if claim.source else verdict.because
        cells = (said, claim.question, f"**{verdict.word}**", because, claim.link(folder))
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)


def find_claim(quote: str, under: str | None = None) -> Claim:
    """The claim with these words.

    Raises:
        CourseError: there is none, or there are several and ``under`` does not say which.
    """
    found = [claim for claim in list_claims() if claim.quote == quote and under in (None, claim.under)]
    if len(found) != 1:
        raise CourseError(f"{len(found)} claims of the talk say {quote!r}: give the words, and the line above them")
    return found[0]
