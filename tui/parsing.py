"""What all commands share: how a command line is read, and how bad input and failures are told."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from .exits import Answered, Exit
from .exits import Refused as Refused
from .streams import complain, say


class Parser(argparse.ArgumentParser):
    """Complaints as one line, without the usage before it; an end of the program is the caller's business.

    `closing` gives the end of the help, when it is asked for.
    """

    def __init__(self, prog: str | None = None, closing: Callable[[], str] | None = None, **options: Any) -> None:
        super().__init__(prog=prog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self._closing = closing

    def format_help(self) -> str:
        if self._closing is not None:
            self.epilog = self._closing()
        return super().format_help()

    def _print_message(self, message: str, file: Any = None) -> None:
        say(message.rstrip(), file)  # argparse would not tell where it cannot be written

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message} (try {self.prog} --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Answered


def failed(name: str, error: BaseException) -> Exit:
    """Tell what the code of the experiment `name` has raised, as theirs. What is not theirs is raised again."""
    from tinygrad_nn.training.files import ExperimentError, by_user, interrupted, user_traceback

    if isinstance(error, ExperimentError):
        complain(str(error))
    elif by_user(error) and not interrupted(error):
        complain(f"{name} failed\n{user_traceback(error)}")
    else:
        raise error
    return Exit.CANNOT
