"""The session in a process of its own, as gdb has its inferior: what happens there cannot take the screen with it.

The screen's side is `Inferior`, which looks like a `Worker`. It starts `python -m tui.inferior`, hands it an
address and a key, and speaks the protocol of `tui.protocol` over that connection. The process sends its
newest snapshot whenever there is one and the last has been taken, with those epochs only that are new.
What the user's code prints is kept, and shown when the process has ended by itself.

The process leads a group of its own, in which everything is that the user's code starts: all of it ends with the
process, and the process with the screen.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, NoReturn

from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.files import ExperimentError, user_traceback
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runlog import RunFileError
from tinygrad_nn.training.runs import resume
from tinygrad_nn.training.source import Source

from .exits import Exit
from .mailbox import Mailbox
from .protocol import Command, Restart, Run, Snapshot, unhurried
from .worker import Worker

PRINTED = 400  # lines of the user's output that are kept
POLITE = 1.5  # seconds that the process has to say that it is ending
STOPPING = 0.5  # of them for the batch under way
SAVING = 5.0  # more for what has not been recorded yet, where the disk is slow
LAST = 6  # seconds after the screen has gone: then the process ends whatever it does


@dataclass(frozen=True)
class Start:
    """The first message to the process: what to train, and how."""

    source: Source
    pace: float | None
    running: bool
    record: str | None = None  # the file; "" is a new one where runs are kept, None no file
    resume: str = ""  # the file of a run to go on with, in place of the source


@dataclass(frozen=True)
class Refusal:
    """Its answer when there is nothing to train."""

    text: str


class CannotStart(Exception):
    """The experiment cannot be used; the message is for the user as it stands."""


class Inferior:
    """A session in a process of its own. `send` commands, look at `snapshot`, `close` at the end.

    `start()` begins the process and returns at once; `ready()` waits until the experiment is loaded, and until then
    `snapshot` says that it is being loaded.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        source = start.source
        name = os.path.basename(start.resume or source.file or source.data)
        self._mailbox = Mailbox(awaited=Snapshot("starting", name, Hyperparameters()))
        self._process: _Process | None = None

    def start(self) -> None:
        """Begin the process."""
        self._process = _Process(self._start, self._mailbox)

    def ready(self, timeout: float | None = None) -> Snapshot | None:
        """The first snapshot, or None if there is none after `timeout` seconds. `CannotStart`: there will be none."""
        found = self._mailbox.first(timeout)
        if isinstance(found, str):
            raise CannotStart(found)
        return found

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        return self._mailbox.newest

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that trains now, or did last."""
        assert self._process is not None
        return self._process.popen

    def send(self, command: Command) -> None:
        assert self._process is not None
        gone = self._mailbox.over or self._mailbox.silent or self._process.popen.poll() is not None
        if isinstance(command, Restart) and gone:
            self._again(command)
            return
        self._mailbox.asked()
        self._process.send(command)

    def close(self) -> None:
        """End the process: politely, then not."""
        if self._process is not None:
            self._process.close()

    def _again(self, command: Restart) -> None:
        """A new process in place of one that has ended or does not answer."""
        assert self._process is not None
        self._process.close(0.2)
        settings = [f"{name}={value}" for name, value in command.changes.items()]
        source = replace(self._start.source, settings=(*self._start.source.settings, *settings))
        self._start = replace(self._start, source=source, running=False)
        self._mailbox = Mailbox(self._mailbox.newest)  # what the old one still sends goes where nobody looks
        self.start()


class _Process:
    """One process, from its start to its end; what comes of it is in the mailbox."""

    def __init__(self, start: Start, mailbox: Mailbox) -> None:
        self._start = start
        self._mailbox = mailbox
        self._closing = False
        self._reaped = False  # its number may be another's by now
        self._parted = threading.Event()  # it has closed the connection: it is about to end, or has ended
        self._lock = threading.Lock()
        self._connection: Connection[Any, Any] | None = None
        self._early: list[Command | None] = []  # sent before there was a connection
        self._output: deque[str] = deque(maxlen=PRINTED)
        key = secrets.token_bytes(32)
        self._listener = Listener(authkey=key)
        self.popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "tui.inferior"],
            stdin=subprocess.PIPE,  # stays open as long as this process is there, which is how the other knows
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # ctrl+c in the terminal is the screen's business
        )
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):  # it has died at once: its output will tell
            self.popen.stdin.write(json.dumps([self._listener.address, key.hex()]) + "\n")
            self.popen.stdin.flush()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._listen, self._wait)]
        for thread in self._threads:
            thread.start()

    def send(self, command: Command | None) -> None:
        with self._lock:
            if self._connection is None:
                self._early.append(command)
                return
            with contextlib.suppress(OSError):  # it has just ended: the snapshot says so
                self._connection.send(command)

    def close(self, timeout: float = POLITE) -> None:
        self._closing = True
        self.send(None)
        if self._connection is None:  # it has begun nothing yet that it would have to end
            timeout = 0.0
        if not self._ended(timeout) and not (self._parted.is_set() and self._ended(SAVING)):
            self._kill()
        self._ended(POLITE)
        for thread in self._threads:
            thread.join(POLITE)

    def _ended(self, timeout: float) -> bool:
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _kill(self) -> None:
        """End the process's whole group."""
        with self._lock:
            if self._reaped:
                return
            if not hasattr(os, "killpg"):
                self.popen.kill()
                return
            with contextlib.suppress(OSError):  # there is none left
                os.killpg(self.popen.pid, signal.SIGKILL)

    # --- in threads

    def _read(self) -> None:
        """What the process prints."""
        assert self.popen.stdout is not None
        with self.popen.stdout as lines:
            self._output.extend(lines)

    def _listen(self) -> None:
        """Its snapshots, as they come."""
        with contextlib.suppress(OSError, EOFError):
            with self._listener:
                connection = self._listener.accept()
            with connection:
                with self._lock:
                    for message in (self._start, *self._early):
                        connection.send(message)
                    self._connection = connection
                while True:
                    message = connection.recv()
                    if isinstance(message, Refusal):
                        self._mailbox.end(message.text)
                    else:
                        self._mailbox.take(message)
        self._parted.set()

    def _wait(self) -> None:
        """Say what has become of the process when it ends by itself, and end what it leaves."""
        code = self.popen.wait()
        self._kill()
        self._reaped = True
        if self._connection is None:  # wake who waits for one
            with contextlib.suppress(OSError):
                Client(self._listener.address).close()
        for thread in self._threads[:2]:
            thread.join(1)  # its last words
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
        if not self._closing:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            printed = "".join(self._output).rstrip()
            self._mailbox.end(f"the training process has ended {how}\n{printed}".rstrip())


# --- in the process


class _Served:
    """The process as its screen has it: the connection, and what trains."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self.connection = connection
        self.commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self.worker: Worker | None = None
        self.recorders: list[Recorder] = []

    def obey(self) -> None:
        """Hand the screen's commands on, until it says that it is enough, or has gone. It ends the process."""
        try:
            with contextlib.suppress(EOFError, OSError):
                while (command := self.connection.recv()) is not None:
                    self.commands.put(command)
            end = threading.Timer(SAVING, _end)
            end.daemon = True
            end.start()
            self.connection.close()  # which tells that it was heard
            if self.worker is not None:
                self.worker.close(STOPPING)
            for recorder in self.recorders:
                recorder.close()
        finally:
            _end()

    def tell(self, worker: Worker) -> NoReturn:
        """Send each snapshot, with the epochs that are new, and the graph if it is."""
        sent: dict[int, int] = {}
        shown = None
        while True:
            worker.fresh.wait()
            worker.fresh.clear()
            snapshot = worker.snapshot
            known = snapshot.known[sent.get(snapshot.branch, 0) :]
            graph = snapshot.graph if snapshot.graph is not shown else None
            shown = snapshot.graph
            sent[snapshot.branch] = len(snapshot.known)
            with contextlib.suppress(OSError):  # the screen has gone, and `obey` sees that too
                self.connection.send(replace(snapshot, known=known, history=(), graph=graph))

    def make(self, start: Start) -> Worker:
        """The worker, and what records it, if anything does."""
        if start.resume:
            session, log = resume(start.resume)
            recorder = Recorder(log)
            self.recorders.append(recorder)
            session.listeners.append(recorder)
            pace = unhurried(session.hyperparameters.epochs, start.pace)
            worker = Worker(session.experiment, session.hyperparameters, pace, lambda *_: session, self.commands)
            worker.file = str(recorder.path)
            return worker
        experiment, hyperparameters = start.source.load()
        if start.record is not None:
            self.recorders.append(Recorder(start.record or None, asdict(start.source)))

        def begin(experiment: Experiment, hyperparameters: Hyperparameters) -> Session:
            session = Session(experiment, hyperparameters, listeners=self.recorders)
            worker.file = "".join(str(recorder.path) for recorder in self.recorders)
            return session

        pace = unhurried(hyperparameters.epochs, start.pace)
        worker = Worker(experiment, hyperparameters, pace, begin, self.commands)
        return worker


def main() -> NoReturn:
    """Train what the screen's side sends, until it says that it is enough, or has gone."""
    address, key = json.loads(sys.stdin.readline())
    _last_resort()
    signal.signal(signal.SIGINT, lambda *_: None)  # an interrupt is the screen's business: one here is the user's own
    served = _Served(Client(address, authkey=bytes.fromhex(key)))
    start: Start = served.connection.recv()
    # In a thread from the start, so that an experiment that does not come back does not stay either.
    threading.Thread(target=served.obey, name="screen", daemon=True).start()
    try:
        worker = served.make(start)
    except (ExperimentError, RunFileError) as error:
        _refuse(served, str(error))
    except BaseException as error:
        _refuse(served, user_traceback(error))
    if start.running:
        worker.send(Run())
    with contextlib.suppress(OSError):  # the screen has gone
        served.connection.send(worker.snapshot)  # now: once the user's code runs, a loop in C holds every thread up
    worker.start()
    served.worker = worker
    served.tell(worker)


def _refuse(served: _Served, text: str) -> NoReturn:
    with contextlib.suppress(OSError):
        served.connection.send(Refusal(text))
    sys.stdout.flush()
    os._exit(Exit.CANNOT)


def _end() -> NoReturn:
    """End this process and all that the user's code has started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _last_resort() -> None:
    """What ends this group, some time after the screen has gone, should it still be there then.

    That is not a task for Python: a loop in C keeps all of its threads from running. Nor for a child of this process,
    for which the user's code may wait; so the shell that starts it returns at once.
    """
    if not hasattr(os, "killpg") or os.getpgrp() != os.getpid():
        return
    words = f": ends the training of nn-debug {LAST} s after its screen"  # for who sees it in a list of processes
    script = f"{words}; exec 3<&0; {{ read gone; sleep {LAST}; kill -9 0; }} <&3 &"
    with contextlib.suppress(OSError):
        subprocess.run(["/bin/sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    from tui.inferior import main as imported  # under the name that the messages' classes are known by

    try:
        imported()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(Exit.CRASH)  # an endless loop in the user's code holds nobody up
