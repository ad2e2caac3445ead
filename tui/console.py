"""Rich's console as the commands use it, for tables and progress."""

from __future__ import annotations

from typing import Any

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # what Rich is handling, where it would end the program with 1


def console(**options: Any) -> Console:
    """A console that takes texts as they are. A closed pipe is an error as everywhere."""
    return _Console(markup=False, emoji=False, highlight=False, **options)
