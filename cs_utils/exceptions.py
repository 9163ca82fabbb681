"""What the course raises: a mistake that the user can mend, and an end that was asked for."""

import signal


class CourseError(Exception):
    """A mistake that the user can mend; its message is one line that names what is wrong and the mend."""

    def __init__(self, message: str) -> None:
        # Raised in a loader process, it is raised again here with that process's traceback before the message.
        if message.startswith(f"Caught {type(self).__name__} in "):
            message = message.rstrip().rpartition(f"{type(self).__module__}.{type(self).__name__}: ")[2]
        super().__init__(message)


class Halted(KeyboardInterrupt):
    """A signal has ended the training between two steps; the message says how to go on."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"{signal.Signals(number).name}: training stopped between two steps, its whole epochs are kept; "
            "go on after them with --resume, in Python with resume=True"
        )
        self.signal = number
