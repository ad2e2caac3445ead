"""How a command ends: its exit code, in one place, and what ends it early."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command has ended. The codes above 128 are a shell's own: 128 and the number of the signal."""

    FINE = 0
    FOUND = 1
    CANNOT = 2
    CRASH = 3
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


MEANINGS = {
    Exit.FINE: "fine",
    Exit.FOUND: "a fault or a warning was found in the training; nothing else ends with this",
    Exit.CANNOT: "could not do it: a mistake in the command, the experiment or the data, or no answer",
    Exit.CRASH: "nn-debug itself has crashed: please report it",
    Exit.HUNG_UP: "the terminal has gone (SIGHUP)",
    Exit.INTERRUPTED: "interrupted (ctrl+c, SIGINT)",
    Exit.BROKEN_PIPE: "whoever read the output has gone (SIGPIPE)",
    Exit.TERMINATED: "terminated (SIGTERM)",
}


class Refused(Exception):
    """Bad input: the message is one clear line for the user."""


class Answered(Exception):
    """The command line has been answered already, by its help or the version."""
