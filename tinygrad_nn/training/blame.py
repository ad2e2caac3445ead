"""Whose mistake an error is, and how it is told: an author's with their own lines and none of ours."""

from __future__ import annotations

import signal
import sysconfig
import traceback
from pathlib import Path

INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
OWN = Path(__file__).resolve().parents[1]  # frames from here are not the user's business


class ExperimentError(Exception):
    """An experiment that cannot be used; the message is for the user as it stands."""


def user_traceback(error: BaseException) -> str:
    """The traceback of an error without the library's own frames; whole, if none of them is the user's.

    What an `ExperimentError` says stands for itself.
    """
    if isinstance(error, ExperimentError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not _internal(f.filename)]
    lines = traceback.format_list(own or frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def by_user(error: BaseException) -> bool:
    """Whether the user's code was running when the error was raised, and not only ours and Python's."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return not all(_internal(f) or f.startswith((*INSTALLED, "<")) for f in files)


def interrupted(error: BaseException) -> bool:
    """Whether ctrl+c may have raised it. Where something else than Python hears that, only the user's code can have."""
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _internal(filename: str) -> bool:
    inside = Path(filename)
    return OWN in inside.parents or OWN.parent / "tui" in inside.parents or filename.startswith("<frozen")
