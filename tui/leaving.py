"""Leaving: a process that is told to go, or whose terminal has gone, goes, whatever hangs in it.

A thread hears it. Python's own handler, in C, writes the numbers of signals into a pipe that the thread reads, and
`poll` tells it of the terminal's end: neither a main thread that hangs in a write nor one that computes keeps it from
hearing. A signal raises nothing, for an exception out of a handler may come up where exceptions are swallowed (in the
callback of a weak reference, say). It sets what `told()` gives, which the work reads where it can stop. What has not
ended by itself some time later is ended by `os._exit`, after the recording has been closed.

    with leaving.hearing():                      # the whole command: a signal ends it at once
        with leaving.tidily(save, grace=1.0):    # but a part that stops by itself within a second, or is saved
            while leaving.told() is None:
                ...
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple

from .exits import Exit

SIGNALS = {
    getattr(signal, name): code
    for name, code in (("SIGHUP", Exit.HUNG_UP), ("SIGINT", Exit.INTERRUPTED), ("SIGTERM", Exit.TERMINATED))
    if hasattr(signal, name)
}
WORDS = {Exit.HUNG_UP: "the terminal has gone", Exit.INTERRUPTED: "interrupted", Exit.TERMINATED: "terminated"}
WAKE, STOP = 0, 255  # in the pipe, next to the numbers of signals
GRACE = 1.0  # seconds for what is to be done once a process was told to go
SAVING = 5.0  # seconds that saving may take at the end, where the disk is slow
SPEAKING = 0.5  # for the last words, and the terminal as it was: perhaps nobody reads it
RESET = (  # what an app has asked of its terminal, taken back
    "\x18\x1b[<u\x1b[?2048l\x1b[?2004l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?1004l\x1b[?2026l"
    "\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"
)


class _Part(NamedTuple):
    """A part of the command that is not simply broken off."""

    save: Callable[[], str] = str
    grace: float = 0.0  # seconds in which it may end by itself
    patience: float = 0.0  # the same after an interrupt, which a person can repeat
    ask: Callable[[Exit], object] = lambda code: None
    terminal: int | None = None  # the process ends when it does
    settings: Any = None  # the terminal's, where the part draws on it


class _Hearing:
    """What this process has heard, and the thread that hears."""

    def __init__(self) -> None:
        self.told: Exit | None = None
        self.part = _Part()
        self._deadline: float | None = None
        self._leaves = False
        self._latest = 0.0  # then it leaves, saved or not
        self._before = _children()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._thread = threading.Thread(target=self._hear, name="leaving", daemon=True)

    # --- in the main thread

    def begin(self) -> None:
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
        self._handlers = {number: signal.signal(number, self._heed) for number in heard}
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread.start()

    def end(self, stays: bool) -> None:
        """All is done. What was told to go is on its way, and still watched; so is what `stays` as long as Python."""
        self.end_children()
        if self._leaves:
            self._thread.join()  # which ends the process, when the terminal is as it was
        elif self.told is not None:
            self._deadline = min(self._deadline or 0.0, time.monotonic() + GRACE)  # Python may wait for threads
            self.wake()
        elif stays:
            atexit.register(self.restore)  # for what comes after that, when no thread runs any more
        else:
            self.restore()
            self.wake(STOP)
            self._thread.join()
            os.close(self._read)
            os.close(self._write)

    def restore(self) -> None:
        """From now on signals do what they did before. What has been heard until now is in the pipe."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        """Python's part of a signal: should somebody have put another pipe in place, hear it all the same."""
        if signal.set_wakeup_fd(self._write, warn_on_full_buffer=False) != self._write:
            self.wake(number)

    # --- in any thread

    def wake(self, number: int = WAKE) -> None:
        with contextlib.suppress(OSError):
            os.write(self._write, bytes([number]))

    def tell(self, code: Exit, grace: float) -> None:
        if self.told is None:
            self.told, self._deadline = code, time.monotonic() + grace
            self.wake()

    def end_children(self) -> None:
        """What the user's code has started ends with it."""
        waiting = _children() - self._before
        while waiting:
            child = waiting.pop()
            waiting |= _children(child)
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)

    # --- in the thread

    def _hear(self) -> None:
        blind: set[int] = set()  # terminals of which this system cannot tell
        while True:
            poll = select.poll()
            poll.register(self._read, select.POLLIN)
            terminal = self.part.terminal
            if terminal is not None and terminal not in blind:
                poll.register(terminal, 0)  # its end is told without being asked for
            left = None if self._deadline is None else 1000 * max(self._deadline - time.monotonic(), 0)
            for descriptor, event in poll.poll(left):
                if descriptor == self._read:
                    if not self._take():
                        return
                elif event & select.POLLNVAL:
                    blind.add(descriptor)
                else:
                    self.told = Exit.HUNG_UP if self.told is None else self.told
                    self.part = self.part._replace(settings=None)
                    self._deadline = 0.0
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._leave()

    def _take(self) -> bool:
        """What the pipe holds; False when the thread is to end."""
        for number in os.read(self._read, 4096):
            code = SIGNALS.get(number)
            if number == STOP and self.told is None:
                return False
            if code is None:
                continue  # another's signal, or there is a new part
            part, now = self.part, time.monotonic()
            grace = part.patience if code is Exit.INTERRUPTED else part.grace
            if self.told is None:
                self.told, self._deadline = code, now + grace
                with contextlib.suppress(Exception):
                    part.ask(code)
            elif code is Exit.INTERRUPTED:  # again
                self._deadline = now
            elif self._deadline is not None:
                self._deadline = min(self._deadline, now + grace)
        return True

    def _leave(self) -> None:
        """Save what there is to save, and end the process here and now."""
        self._leaves, self._latest = True, time.monotonic() + SAVING
        saving = threading.Thread(target=self._save, daemon=True)
        with contextlib.suppress(RuntimeError):  # the interpreter is on its way out: all has been saved
            saving.start()
            poll = select.poll()
            poll.register(self._read, select.POLLIN)
            while saving.is_alive() and time.monotonic() < self._latest:
                if poll.poll(20) and signal.SIGINT in os.read(self._read, 4096):
                    break
        self.end_children()
        os._exit(Exit.CRASH if self.told is None else self.told)

    def _save(self) -> None:
        part = self.part
        words = ""
        with contextlib.suppress(Exception):
            words = part.save()
        self._latest = time.monotonic() + SPEAKING
        if self.told in WORDS and part.settings is None:
            words += f"nn-debug: {WORDS[self.told]}\n"
        if part.settings is not None and part.terminal is not None:
            _restore(part.terminal, part.settings, words)
        else:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                os.write(2, words.encode())


_hearing: _Hearing | None = None


# A copy of this process, as `multiprocessing` makes them, shares the pipe: what the copy is told would reach this one.
# So signals wait while it is made, and the copy does with them what is usual.
_masks: dict[int, set[Any]] = {}  # by thread


def _before_fork() -> None:
    if _hearing is not None:
        _masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _after_fork() -> None:
    mask = _masks.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_the_copy() -> None:
    global _hearing
    if _hearing is not None:
        _hearing.restore()
        _hearing = None
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_the_copy)


@contextlib.contextmanager
def hearing(stays: bool = False) -> Iterator[None]:
    """Hear what tells this process to go: SIGHUP, SIGINT, SIGTERM, unless they are ignored.

    It ends at once then, with 128 and the signal's number, and so do the processes that it has started; but see
    `tidily`. That holds to the end of the block, or where it `stays` of Python, which may wait long for threads and
    processes. Those processes that the block has left running end with the block. In a thread, or where a system cannot
    wait for several things at once, nothing is heard, and signals do what they always do.
    """
    global _hearing
    here = threading.current_thread() is threading.main_thread()
    if _hearing is not None or not here or not hasattr(select, "poll"):
        yield
        return
    _hearing = _Hearing()
    _hearing.begin()
    try:
        yield
    finally:
        _hearing.end(stays)
        if _hearing.told is None and not stays:
            _hearing = None


@contextlib.contextmanager
def tidily(
    save: Callable[[], str],
    *,
    grace: float = 0.0,
    patience: float | None = None,
    ask: Callable[[Exit], object] | None = None,
    terminal: int | None = None,
    draws: bool = False,
) -> Iterator[None]:
    """A part of the command that is asked to end, has `grace` seconds to do so, and is saved then.

    `ask` and `save` are called in another thread; `save` gives the last words, if there are any. After an interrupt
    the part has `patience` seconds, if they are given: a second one ends it at once. The end of `terminal` ends it too,
    and where the part `draws` on it, the terminal is left as it was found.
    """
    if _hearing is None:
        yield
        return
    before = _hearing.part
    settings = _settings(terminal) if draws and terminal is not None else None
    patience = grace if patience is None else patience
    _hearing.part = _Part(save, grace, patience, ask or before.ask, terminal, settings)
    _hearing.wake()
    try:
        yield
    finally:
        _hearing.part = before
        _hearing.wake()


def told() -> Exit | None:
    """With which code the process is to end, once it has been told to."""
    return None if _hearing is None else _hearing.told


def tell(code: Exit, grace: float) -> None:
    """The process has decided to end by itself: see to it that it has, `grace` seconds from now."""
    if _hearing is not None:
        _hearing.tell(code, grace)


def _children(of: int | str = "self") -> set[int]:
    """The processes that a process has started and that are still there, where the system tells (Linux)."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{of}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{of}/task/{thread}/children") as file:
                found |= set(map(int, file.read().split()))
    return found


def _settings(terminal: int) -> Any:
    import termios

    try:
        return termios.tcgetattr(terminal)
    except termios.error:
        return None


def _restore(terminal: int, settings: Any, words: str) -> None:
    """Leave a terminal as it was found, with some last words, though nobody may read it: the process does not wait."""
    import termios

    # Where a shell has the terminal again, setting it would stop this process.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    with contextlib.suppress(OSError, termios.error):
        # An opening of its own, since the others of this terminal are shared with the shell and wait.
        own = os.open(os.ttyname(terminal), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        termios.tcsetattr(own, termios.TCSANOW, settings)
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # no more of the screen
            os.dup2(null, stream)
        rest = (RESET + words).encode()
        while rest:
            try:
                rest = rest[os.write(own, rest) :]
            except BlockingIOError:
                # It is full, or locked by Textual's thread that waits in a write: a signal takes that out of it.
                termios.tcflush(own, termios.TCOFLUSH)
                for thread in threading.enumerate():
                    if thread.name == "textual-output" and thread.ident is not None:
                        signal.pthread_kill(thread.ident, signal.SIGTERM)
                time.sleep(0.002)
