"""The exit codes of nn-debug, in one table."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """With which code a command ends. From 128 up it is 128 and the number of the signal, as in a shell."""

    FINE = 0
    FOUND = 1  # a fault or a warning was found, and nothing else
    CANNOT = 2  # the user's error, or it could not run
    CRASH = 3  # an error of ours
    HUNG_UP = 129  # the terminal has gone
    INTERRUPTED = 130
    BROKEN_PIPE = 141  # nobody reads the output any more
    TERMINATED = 143
