"""What a verdict is made of: its word, and the clause that says what was measured."""

from collections.abc import Iterable
from dataclasses import dataclass

UNDECIDED = "cannot tell"
TOO_SMALL = "cannot tell at this budget"
MISSING = "not recorded yet"


@dataclass(frozen=True)
class Verdict:
    """What we say of a claim."""

    word: str
    because: str
    """One clause: what was measured, or what the source says."""


def join_words(words: Iterable[str | None], mixed: str) -> str:
    """One word for a claim that several comparisons decide; None stands for a comparison whose budget was not enough.

    Args:
        words: those of the comparisons.
        mixed: the word where they decide differently.
    """
    found = set(words)
    if None in found:
        return TOO_SMALL
    if UNDECIDED in found:
        return UNDECIDED
    return found.pop() if len(found) == 1 else mixed
