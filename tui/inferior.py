"""The session in a process of its own, as gdb has its inferior: what happens there cannot take the screen with it.

The screen's side is `Inferior`, which looks like a `Worker`. It starts `python -m tui.inferior`, hands it an
address and a key, and speaks the protocol of `tui.protocol` over that connection. The process sends its
newest snapshot whenever there is one and the last has been taken, with those epochs only that are new.
What the user's code prints is kept, and shown when the process has ended by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from tinygrad_nn.graph import Graph
from tinygrad_nn.training import Session
from tinygrad_nn.training.files import ExperimentError
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runlog import RunFileError
from tinygrad_nn.training.runs import new_path, resume
from tinygrad_nn.training.source import Source

from .protocol import Command, Restart, Run, Snapshot
from .worker import Worker

PATIENCE = 3.0  # seconds without an answer before somebody is told
PRINTED = 400  # lines of the user's output that are kept


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

    `start()` begins the process and returns at once; `ready()` waits until the experiment is loaded.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._known: dict[int, list[Any]] = {}  # the epochs of each branch, as they have come
        self._unanswered: float | None = None  # when the oldest command was sent that nothing has followed
        self._closing = False
        self._refused = ""  # why there will be no snapshot
        self._mailbox: Snapshot | None = None

    def start(self) -> None:
        """Begin the process."""
        self._known, self._unanswered = {}, None
        self._graph: Graph | None = None
        self._changed = threading.Condition()
        self._output: deque[str] = deque(maxlen=PRINTED)
        key = secrets.token_bytes(32)
        self._listener = Listener(authkey=key)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tui.inferior"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # ctrl+c in the terminal is the screen's business
        )
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has died at once: its output will tell
            self._process.stdin.write(json.dumps([self._listener.address, key.hex()]) + "\n")
            self._process.stdin.close()
        self._connection: Connection[Any, Any] | None = None
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._listen, self._wait)]
        for thread in self._threads:
            thread.start()

    def ready(self) -> Snapshot:
        """The first snapshot, when there is one. `CannotStart` when there will be none."""
        with self._changed:
            while self._mailbox is None:
                if self._refused:
                    raise CannotStart(self._refused)
                self._changed.wait(0.1)  # not for ever, so that ctrl+c gets through
            return self._mailbox

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        assert self._mailbox is not None
        if self._unanswered is not None and time.monotonic() - self._unanswered > PATIENCE:
            self._unanswered = None
            self._mailbox = replace(
                self._mailbox,
                notice="the training does not answer: a long batch, or an endless loop; r starts it again, q quits",
                refused=True,
                noticed=time.time(),
            )
        return self._mailbox

    def send(self, command: Command) -> None:
        silent = self._mailbox is not None and "does not answer" in self._mailbox.notice
        if isinstance(command, Restart) and (silent or self._process.poll() is not None):
            self._again(command)
            return
        if self._unanswered is None:
            self._unanswered = time.monotonic()
        with contextlib.suppress(OSError):  # it has just ended: the snapshot says so
            if self._connection is not None:
                self._connection.send(command)

    def close(self, timeout: float = 2.0) -> None:
        """End the process: politely, then not."""
        self._closing = True
        with contextlib.suppress(OSError):
            if self._connection is not None:
                self._connection.send(None)
        for end in (None, self._process.terminate, self._process.kill):
            if end is not None:
                end()
            try:
                self._process.wait(timeout)
                break
            except subprocess.TimeoutExpired:
                continue
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout)

    def _again(self, command: Restart) -> None:
        """A new process in place of one that has ended or does not answer."""
        self.close(timeout=0.2)
        settings = [f"{name}={value}" for name, value in command.changes.items()]
        source = replace(self._start.source, settings=(*self._start.source.settings, *settings))
        self._start = replace(self._start, source=source, running=False)
        self._closing = False
        self.start()

    # --- in threads

    def _put(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._mailbox = snapshot
            self._changed.notify_all()

    def _read(self) -> None:
        """What the process prints."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self._output.extend(lines)

    def _listen(self) -> None:
        """Its snapshots, as they come."""
        with contextlib.suppress(OSError, EOFError):
            self._connection = self._listener.accept()
            with self._connection as connection:
                connection.send(self._start)
                while True:
                    message = connection.recv()
                    if isinstance(message, Refusal):
                        self._refused = message.text
                        continue
                    self._unanswered = None
                    known = self._known.setdefault(message.branch, [])
                    known += message.known
                    self._graph = message.graph or self._graph
                    history = tuple(known[: message.epoch + 1])
                    self._put(replace(message, known=tuple(known), history=history, graph=self._graph))

    def _wait(self) -> None:
        """Say what has become of the process when it ends by itself."""
        code = self._process.wait()
        self._threads[0].join(1)  # the last lines of its output
        if self._closing:
            return
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        printed = "".join(self._output).rstrip()
        error = f"the training process has ended {how}\n{printed}".rstrip()
        if self._mailbox is None:
            self._refused = self._refused or error
        else:
            failed = replace(self._mailbox, state="failed", error=error, steps_per_second=0.0, notice="", refused=False)
            self._put(failed)


# --- in the process


def main() -> int:
    """Train what the screen's side sends, until it says that it is enough, or has gone."""
    address, key = json.loads(sys.stdin.readline())
    with Client(address, authkey=bytes.fromhex(key)) as connection:
        start: Start = connection.recv()
        try:
            worker, recorders = _made(start)
        except (ExperimentError, RunFileError) as error:
            connection.send(Refusal(str(error)))
            return 2
        worker.start()
        if start.running:
            worker.send(Run())
        threading.Thread(target=_tell, args=(connection, worker), daemon=True).start()
        with contextlib.suppress(EOFError, OSError):  # the screen has gone
            while (command := connection.recv()) is not None:
                worker.send(command)
        worker.close()
        for recorder in recorders:
            recorder.close()
    return 0


def _made(start: Start) -> tuple[Worker, list[Recorder]]:
    """The worker, and what records it, if anything does."""
    if start.resume:
        session, log = resume(start.resume)
        listeners = [Recorder(log)]
        session.listeners += listeners
        worker = Worker(session.experiment, session.hyperparameters, start.pace, lambda *_: session)
    else:
        experiment, hyperparameters = start.source.load()
        listeners = []
        if start.record is not None:
            listeners.append(Recorder(start.record or new_path(experiment.name), asdict(start.source)))
        worker = Worker(experiment, hyperparameters, start.pace, partial(Session, listeners=listeners))
    for recorder in listeners:
        worker.file = str(recorder.path)
    return worker, listeners


def _tell(connection: Connection[Any, Any], worker: Worker) -> None:
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
        with contextlib.suppress(OSError):  # the screen has gone, and main() sees that too
            connection.send(replace(snapshot, known=known, history=(), graph=graph))


if __name__ == "__main__":
    from tui.inferior import main as imported  # under the name that the messages' classes are known by

    code = imported()
    sys.stdout.flush()
    os._exit(code)  # an endless loop in the user's code holds nobody up
