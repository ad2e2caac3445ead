"""The worker: a Session training beside the screen, behind a small protocol.

Commands go in through a queue; out comes a mailbox with room for one frozen `Snapshot`, always the
newest. The screen looks into the mailbox when it wants to draw, so the training never waits for it,
and it never waits for the training.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from tinygrad_nn.diagnosis import Change, EpochRecord, Finding, LayerRecord
from tinygrad_nn.training import Experiment, Hyperparameters, NeedsRestart, Session
from tinygrad_nn.training.files import user_traceback

PUBLISH_EVERY = 1 / 15  # seconds between snapshots while the training runs
PACES = (1, 2, 5, 10, 20, 50, None)  # epochs a second, for eyes to follow; None is as fast as it goes
WATCHABLE = 5

State = Literal["starting", "paused", "running", "finished", "failed"]


@dataclass(frozen=True)
class Run:
    """Train until told otherwise, or to the last epoch."""


@dataclass(frozen=True)
class Pause:
    """Stop after the batch under way."""


@dataclass(frozen=True)
class Step:
    """Train on some batches, then pause."""

    batches: int = 1


@dataclass(frozen=True)
class Next:
    """Train to the end of the epoch, then pause."""


@dataclass(frozen=True)
class Set:
    """Change hyperparameters in flight."""

    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Restart:
    """Begin again from epoch 0, with some hyperparameters changed."""

    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """How many epochs a second to train at the most; None is as fast as it goes."""

    epochs_per_second: float | None


Command: TypeAlias = Run | Pause | Step | Next | Set | Restart | Pace


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the screen shows: the run at one moment.

    `notice` is the answer to the last command, `refused` says that it was declined; `error` is the
    user's own traceback when the run has failed.
    """

    state: State
    experiment: str
    hyperparameters: Hyperparameters
    epoch: int = 0  # completed epochs
    batch: int = 0  # completed batches of the epoch under way
    batches: int = 0  # batches of an epoch
    steps: int = 0
    steps_per_second: float = 0.0
    pace: float | None = None  # epochs a second at the most
    lr: float = 0.0  # of the next step, after decay
    loss: float = float("nan")  # of the newest batch
    metric_name: str = "accuracy"
    data: str = ""  # the data in a line
    history: tuple[EpochRecord, ...] = ()
    layers: tuple[LayerRecord, ...] = ()  # the newest close look
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    notice: str = ""
    refused: bool = False
    error: str = ""


class Worker:
    """Trains `experiment` in a thread of its own. `send` commands, look at `snapshot`, `close` at the end."""

    def __init__(self, experiment: Experiment, hyperparameters: Hyperparameters, pace: float | None = None) -> None:
        self.experiment = experiment
        self.pace = pace
        self._hyperparameters = hyperparameters
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._mailbox = Snapshot("starting", experiment.name, hyperparameters)
        self._thread = threading.Thread(target=self._main, name="training", daemon=True)

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        return self._mailbox

    def start(self) -> None:
        # Python's threads take turns; shorter ones let the screen answer a key while the training is at it.
        sys.setswitchinterval(0.0005)
        self._thread.start()

    def send(self, command: Command) -> None:
        self._commands.put(command)

    def close(self, timeout: float = 2.0) -> None:
        """End the training and wait for it, but no longer than `timeout` seconds."""
        self._commands.put(None)
        self._thread.join(timeout)

    # --- in the thread

    def _main(self) -> None:
        with np.errstate(all="ignore"):  # an overflow shows in the findings, not as a warning over the screen
            try:
                _Loop(self).run()
            except Exception as error:
                self._mailbox = replace(
                    self._mailbox, state="failed", error=user_traceback(error), steps_per_second=0.0
                )
                self._drain()

    def _drain(self) -> None:
        """After a failure: only a restart does anything."""
        while (command := self._commands.get()) is not None:
            if isinstance(command, Restart):
                self._hyperparameters = self._hyperparameters.replace(**command.changes)
                self._main()
                return


class _Loop:
    """The thread's work: obey commands, step, publish."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.state: State = "paused"
        self.batches_left: int | None = None  # None: no limit
        self.due = 0.0  # when the next batch may begin, by the pace
        self.begin(worker._hyperparameters)

    def begin(self, hyperparameters: Hyperparameters) -> None:
        self.worker._hyperparameters = hyperparameters
        self.session = Session(self.worker.experiment, hyperparameters)
        self.loss = float("nan")
        self.findings: tuple[Finding, ...] = ()
        self.diagnose()
        self.speed = 0.0
        self.published = (time.perf_counter(), 0)

    def run(self) -> None:
        self.publish()
        while True:
            wait = max(self.due - time.perf_counter(), 0.0) if self.state == "running" else None
            try:
                command = self.worker._commands.get(block=wait != 0, timeout=wait)
            except queue.Empty:
                self.train()
                continue
            if command is None:
                return
            self.obey(command)

    def obey(self, command: Command) -> None:
        session, notice, refused = self.session, "", False
        match command:
            case Pause():
                self.state = "finished" if session.finished else "paused"
            case Set(changes):
                try:
                    session.set(**changes)
                except (NeedsRestart, ValueError) as error:
                    notice, refused = str(error), True
                else:
                    self.worker._hyperparameters = session.hyperparameters
                    if self.state != "running":
                        self.state = "finished" if session.finished else "paused"
            case Restart(changes):
                self.begin(session.hyperparameters.replace(**changes))
                self.state = "paused"
            case Pace(epochs_per_second):
                self.worker.pace = epochs_per_second
                self.due = 0.0
            case _ if session.finished:
                self.state = "finished"
                why = session.stopped_early or "the run is at its last epoch"
                notice, refused = f"{why}: raise epochs, patience or goal, or restart", True
            case _:
                self.batches_left = None
                if isinstance(command, Step):
                    self.batches_left = command.batches
                elif isinstance(command, Next):
                    self.batches_left = len(session.batches) - session.batch
                self.state = "running"
                self.published = (time.perf_counter(), session.steps)
        self.publish(notice, refused)

    def train(self) -> None:
        """One batch."""
        session = self.session
        if self.worker.pace is not None:
            began = time.perf_counter()
            self.due = max(self.due, began - 0.1) + 1 / (self.worker.pace * len(session.batches))
        if self.batches_left is not None:
            self.batches_left -= 1
        epoch = session.epoch
        self.loss = session.step(observe=self.batches_left == 0).loss
        if session.epoch != epoch and session.epoch >= self.diagnose_at:
            self.diagnose()
        notice = ""
        if session.diverged:
            self.state, notice = "paused", f"stopped: the loss of step {session.steps} is {self.loss:g}"
        elif session.finished:
            self.state, notice = "finished", session.stopped_early and f"stopped early: {session.stopped_early}"
        elif self.batches_left == 0:
            self.state = "paused"
        if self.state != "running":
            self.diagnose()
        now = time.perf_counter()
        if self.state != "running" or now - self.published[0] >= PUBLISH_EVERY:
            then, steps = self.published
            self.speed = (session.steps - steps) / max(now - then, 1e-9)
            self.published = (now, session.steps)
            self.publish(notice, session.diverged)
        time.sleep(0)  # hand the interpreter to the screen if it waits for it

    def diagnose(self) -> None:
        """Look for faults; the longer the history, the more epochs until the next look."""
        self.findings = self.session.findings()
        self.diagnose_at = self.session.epoch * 1.02

    def publish(self, notice: str = "", refused: bool = False) -> None:
        session = self.session
        self.worker._mailbox = Snapshot(
            state=self.state,
            experiment=self.worker.experiment.name,
            hyperparameters=session.hyperparameters,
            epoch=session.epoch,
            batch=session.batch,
            batches=len(session.batches),
            steps=session.steps,
            steps_per_second=self.speed,
            pace=self.worker.pace,
            lr=session.lr,
            loss=self.loss,
            metric_name=session.metric_name,
            data=f"{session.train.name}: {session.train.n_samples} + {session.validation.n_samples} examples",
            history=tuple(session.history),
            layers=session.layers,
            findings=self.findings,
            changes=tuple(session.changes),
            notice=notice,
            refused=refused,
        )


def start(experiment: Experiment, hyperparameters: Hyperparameters, pace: float | None = None) -> Worker:
    """A worker that has begun to build its session."""
    worker = Worker(experiment, hyperparameters, pace)
    worker.start()
    return worker
