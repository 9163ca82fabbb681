"""The command line: ``python -m cs_utils {data,train,evaluate,predict,export,figure,course,experiment}``.

A command is a function of one of the modules `commands`, entered in `COMMANDS`; tyro makes flags of its
parameters and help of its docstring. A parameter that is named like a setting, such as ``data``, has that setting's
value in the chosen profile as its default.
"""

import inspect
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tyro
from tyro.extras import SubcommandApp

from course.commands import course, figure
from cs_utils.commands import evaluate, experiment, export, predict, train
from cs_utils.data.commands import check_data, convert, make_scenes, manage_cache
from cs_utils.exceptions import CourseError, unknown
from cs_utils.settings import Settings

PROGRAM = "python -m cs_utils"
BROKEN_PIPE = 141
"""Exit status of a program whose reader has gone, 128 + SIGPIPE, as shells give it."""


Command = Callable[..., int]
COMMANDS: dict[str, Command | dict[str, Command]] = {
    "data": {
        "minicity": make_scenes,
        "camvid": convert,
        "check": check_data,
        "cache": manage_cache,
    },
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "export": export,
    "figure": figure,
    "course": course,
    "experiment": experiment,
}
"""Every command by name; a dictionary holds the commands of a group."""
GROUPS = {"data": "Get data into the Cityscapes layout, or check a folder that has it."}
"""What each group is for."""


def choose_defaults(arguments: list[str]) -> Settings:
    """The settings of the profile and the recipe that the arguments name: the defaults of all flags."""

    def named(profile: str = "", recipe: str = "talk") -> dict[str, str]:
        return {"profile": profile, "recipe": recipe}

    # Looked at before the command: the two decide the defaults that its help shows.
    chosen, _ = tyro.cli(named, args=arguments, return_unknown_args=True, add_help=False)
    return Settings.from_env(**chosen)


def make_app(commands: dict[str, Any], defaults: Settings) -> SubcommandApp:
    """The command line of some commands, with these defaults."""
    given = vars(defaults) | {"settings": defaults}
    app = SubcommandApp()
    for name, command in commands.items():
        if isinstance(command, dict):
            app.command(make_app(command, defaults), name=name, help=GROUPS[name])
        else:
            wanted = given.keys() & inspect.signature(command).parameters.keys()
            app.command(partial(command, **{key: given[key] for key in wanted}), name=name)
    return app


def check_command(arguments: list[str], commands: dict[str, Any] = COMMANDS) -> None:
    """Refuse a command that there is not, and name the nearest.

    Raises:
        CourseError: the first argument, or the second after a group, is no command.
    """
    if not arguments or arguments[0].startswith("-"):
        return
    name, *rest = arguments
    if name not in commands:
        raise unknown("command", name, commands)
    if isinstance(commands[name], dict):
        check_command(rest, commands[name])


def run(arguments: list[str]) -> int:
    """Run the command that the arguments name; give its exit status."""
    check_command(arguments)
    return make_app(COMMANDS, choose_defaults(arguments)).cli(
        prog=PROGRAM,
        description="Semantic segmentation of street scenes: data, training, evaluation, prediction, figures.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give its exit status. A mistake of the user is one line on stderr, and status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    _prepare_streams()
    try:
        try:
            return run(arguments)
        finally:
            # Here, and not when Python ends: a reader that has gone is found where it can be passed over.
            sys.stdout.flush()
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:
        # What is still to be written goes nowhere, so that Python does not complain when it ends.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"error: {reason}; fix that and call again", file=sys.stderr)
    except KeyboardInterrupt as stop:
        print(str(stop) or "interrupted", file=sys.stderr)
        # As shells do it; without a number it was Ctrl-C.
        return 128 + getattr(stop, "signal", signal.SIGINT)
    return 2


def _prepare_streams() -> None:
    """Let no output stream be missing, as for a service, or fail at a letter that it cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Progress bars ask it what it is. It stays open as long as the program.
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
