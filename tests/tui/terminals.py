"""Programs in terminals of their own, every way to lose such a terminal, and the processes that are left then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tui.cli"]
MARK = "NN_DEBUG_TEST_MARK"  # what a process and all that it starts have in their environment
WIDE = 60.0  # seconds: so long a busy machine may take


class Terminal:
    """nn-debug in a pseudo-terminal: keys in, everything it wrote out.

    With `own` the terminal is the process's controlling one, as in a window or over SSH: it is told when the terminal
    goes. Nobody reads what is written but by `read_until`.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int = 100,
        rows: int = 30,
        cwd: Path = ROOT,
        own: bool = True,
        command: list[str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [*(command or COMMAND), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=environment(self.mark),
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if own else None,
        )
        self.slave = slave  # kept open only until `drop` or `close`, so that its settings can be looked at
        self.written = b""
        self._closed = False

    @property
    def settings(self) -> list[object]:
        """The terminal's settings as they are now."""
        return termios.tcgetattr(self.slave)

    def read(self, seconds: float = 0.05) -> bool:
        """Take what has been written, for which it waits `seconds`; whether there was any."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        with contextlib.suppress(OSError):  # the other end is closed
            new = os.read(self.master, 65536)
            self.written += new
            return bool(new)
        return False

    def read_until(self, text: bytes, seconds: float = WIDE) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.written:
            assert time.monotonic() < deadline, self.written[-2000:]
            self.read()

    def stall(self) -> None:
        """Wait, reading nothing, until nothing more can be written: the terminal's buffers are full."""
        name = os.ttyname(self.slave)

        def full() -> bool:
            probe = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                return not select.select([], [probe], [], 0)[1]
            finally:
                os.close(probe)

        until(full, "the terminal's buffers are full")

    def drop(self) -> None:
        """The terminal goes: its window is closed, its connection breaks."""
        if not self._closed:
            self._closed = True
            os.close(self.slave)
            os.close(self.master)

    def close(self) -> None:
        for pid in living(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.drop()


def environment(mark: str = "") -> dict[str, str]:
    """This process's, without the size of its own terminal (readline leaves it there): the pseudo-terminal's counts."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", MARK: mark}


def living(mark: str) -> dict[int, str]:
    """The processes that carry this mark and have not ended, with their command lines."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):  # it has just ended
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
    return found


def until(condition: Callable[[], bool], what: str, seconds: float = WIDE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to that: {what}"
        time.sleep(0.01)


def seconds_until_gone(mark: str, limit: float = WIDE) -> float:
    """How long it takes until no process with this mark is left; `AssertionError` names those that stay."""
    began = time.monotonic()
    while left := living(mark):
        assert time.monotonic() - began < limit, f"still there: {left}"
        time.sleep(0.01)
    return time.monotonic() - began


class Tmux:
    """nn-debug in windows of a tmux server of its own."""

    def __init__(self, folder: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.folder = folder
        # A socket's path has to be short.
        self.socket = tempfile.mkdtemp(prefix="nn-debug-") + "/tmux"

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self.socket, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            env=environment(self.mark),
            cwd=self.folder,
            check=False,
        )
        return done.stdout

    def open(self, name: str, *arguments: str) -> None:
        """A window with nn-debug in a shell, as people have it."""
        words = " ".join([*COMMAND, *arguments])
        if not self.run("list-sessions"):
            self.run("new-session", "-d", "-s", "nn", "-n", name, "-x", "100", "-y", "30", f"{words}; exec sh")
        else:
            self.run("new-window", "-t", "nn", "-n", name, f"{words}; exec sh")

    def screen(self, name: str) -> str:
        return self.run("capture-pane", "-p", "-t", f"nn:{name}")

    def close(self) -> None:
        self.run("kill-server")
        for pid in living(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(Path(self.socket).parent, ignore_errors=True)


def keep_reading(terminal: Terminal) -> Callable[[], None]:
    """Read all that is written from now on, as a window does; what ends it."""
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            terminal.read()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end


# --- the ways


def _signal(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.process.send_signal(number)


def _key(key: bytes) -> Callable[[Terminal], None]:
    return lambda terminal: void(os.write(terminal.master, key))


def void(_: object) -> None:
    """Take a value where none is wanted."""


def _interrupted_twice(terminal: Terminal) -> None:
    """The key pauses a run, and leaves one that is paused."""
    _key(b"\x03")(terminal)
    until(lambda: b"paused" in terminal.written, "the run is paused")
    _key(b"\x03")(terminal)


def _stopped_then_dropped(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGSTOP)
    terminal.drop()
    terminal.process.send_signal(signal.SIGCONT)  # as the system does with a stopped group that is orphaned


# What happens to an app whose terminal is read.
WAYS: dict[str, Callable[[Terminal], None]] = {
    "q": _key(b"q"),
    "ctrl+c twice": _interrupted_twice,
    "hang-up": _signal(signal.SIGHUP),
    "interrupt": _signal(signal.SIGINT),
    "termination": _signal(signal.SIGTERM),
    "kill": _signal(signal.SIGKILL),
    "terminal closed": Terminal.drop,
    "stopped, terminal closed": _stopped_then_dropped,
}
