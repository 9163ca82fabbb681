"""What the course raises: a mistake that the user can fix, and an end that was asked for."""

import difflib
import signal
from collections.abc import Iterable


class CourseError(Exception):
    """A mistake that the user can fix; its message is one line that names what is wrong and the remedy."""

    def __init__(self, message: str) -> None:
        # PyTorch raises a loader process's error again, with its traceback in the message: keep what follows this name.
        super().__init__(message.rstrip().rpartition(f"{type(self).__name__}: ")[2])


class Diverged(CourseError):
    """A loss has become NaN or infinite."""


def unknown(what: str, name: object, choices: Iterable[str]) -> CourseError:
    """The error of a name that there is not: it names the nearest of the choices, or all where none is near."""
    choices = list(choices)
    near = difflib.get_close_matches(str(name), choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"give one of {', '.join(choices)}"
    return CourseError(f"{what} {name!r} is unknown: {hint}")


class Halted(KeyboardInterrupt):
    """A signal has ended the training between two steps; the message says how to go on."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"{signal.Signals(number).name}: training stopped between two steps, its whole epochs are kept; "
            "go on after them with --resume, in Python with resume=True"
        )
        self.signal = number
