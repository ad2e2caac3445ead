"""Opening the screen over a session in a process of its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from . import leaving
from .exits import Exit
from .inferior import CannotStart, Inferior, Start
from .parsing import Refused
from .protocol import Trainee
from .streams import complain, safe, say

SOON = 0.3  # seconds in which most experiments are loaded: a screen that is not whole yet would only flicker


def check_terminal() -> None:
    """`Refused` where there is no terminal to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("this is not a terminal: use nn-debug run to train without the screen")


def check_size() -> None:
    """`Refused` where the terminal is too small."""
    from .app import MINIMUM_SIZE

    size = os.get_terminal_size()
    if size.columns < MINIMUM_SIZE[0] or size.lines < MINIMUM_SIZE[1]:
        raise Refused(
            f"the terminal has {size.columns}x{size.lines} cells, the screen needs at least "
            f"{MINIMUM_SIZE[0]}x{MINIMUM_SIZE[1]}: enlarge it, or use nn-debug run"
        )


def open_screen(start: Start) -> int:
    """Train in a second process until the screen is closed; the exit code."""
    check_terminal()
    inferior = Inferior(start)

    def close() -> str:
        inferior.close()
        return ""

    with leaving.tidily(close, terminal=sys.stdin.fileno()):
        try:
            inferior.start()  # it gets ready while Textual is imported
            check_size()
            if inferior.ready(SOON) is not None:
                return show(inferior)
        except CannotStart as error:
            inferior.close()
            raise Refused(str(error)) from None
        except BaseException:
            inferior.close()
            raise
    return _show_early(inferior)


def _show_early(inferior: Inferior) -> int:
    """The screen while the experiment is still being loaded; should that fail, the screen ends with it."""
    refused: list[str] = []

    def watch(leave: Callable[[Exit], None]) -> None:
        try:
            inferior.ready()
        except CannotStart as error:
            refused.append(str(error))
            leave(Exit.CANNOT)

    code = show(inferior, watch)
    if refused:
        raise Refused(refused[0])
    return code


def show(trainee: Trainee, watch: Callable[[Callable[[Exit], None]], None] | None = None) -> int:
    """The screen, until it is closed. `watch` is called in a thread, with what closes the screen."""
    from .app import NNDebugApp

    app = NNDebugApp(trainee)
    if watch is not None:

        def leave(code: Exit) -> None:
            if app.worker is trainee:  # it may show another run by now
                app.leave_soon(code)

        app.call_when_up = threading.Thread(target=watch, args=(leave,), daemon=True).start

    def close() -> str:
        app.worker.close()
        file = app.worker.snapshot.file
        return safe(f"recorded in {file}\ngo on with it: nn-debug resume {file}\n", lines=True) if file else ""

    terminal = sys.stdin.fileno()
    with leaving.tidily(close, grace=leaving.GRACE, ask=app.leave_soon, terminal=terminal, draws=True):
        try:
            code = app.run()
        finally:
            words = close()
    if words:
        say(words.rstrip())
    if code is None and app.return_code:  # Textual has shown what was raised
        complain("this is a crash of nn-debug, not of your experiment: please report it, with what stands above")
        return Exit.CRASH
    return code or Exit.FINE
