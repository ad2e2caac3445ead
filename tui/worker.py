"""The worker: a Session that trains in a process of its own, behind a small protocol.

Commands go in through a queue; out comes a mailbox with room for one frozen `Snapshot`, always the
newest. The screen looks into the mailbox when it wants to draw, so the training never waits for it,
and it never waits for the training.
"""

from __future__ import annotations

import math
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from tinygrad_nn.graph import Graph
from tinygrad_nn.records import Finding
from tinygrad_nn.training import Branch, Experiment, Hyperparameters, Session
from tinygrad_nn.training.files import by_user, user_traceback

from .graphs import traced
from .protocol import (
    BranchInfo,
    Break,
    Checkout,
    Command,
    Fork,
    Next,
    Pace,
    Pause,
    Restart,
    Rewind,
    Set,
    ShowGraph,
    Snapshot,
    State,
    Step,
    Until,
)

UNREPEATABLE = (
    "what was run twice did not give the same numbers: draw all randomness from the generators that the experiment's "
    "methods are given"
)
POINTS = 250  # of a branch's curve at the most
PUBLISH_EVERY = 1 / 15  # seconds between snapshots while the training runs


Begin: TypeAlias = Callable[[Experiment, Hyperparameters], Session]


class Worker:
    """Trains `experiment` in a thread of its own. `send` commands, look at `snapshot`, `close` at the end.

    `begin` makes the session, in the thread; `fresh` is set whenever there is a new snapshot. `commands` may hold some
    already. Whatever the user's code raises is shown as an error of theirs, `sys.exit()` too: in this thread nothing
    else ends it, and nothing may end it without a word.
    """

    def __init__(
        self,
        experiment: Experiment,
        hyperparameters: Hyperparameters,
        pace: float | None = None,
        begin: Begin = Session,
        commands: queue.SimpleQueue[Command | None] | None = None,
    ) -> None:
        self.experiment = experiment
        self.pace = pace
        self.begin = begin
        self.file = ""  # where the run is recorded
        self.fresh = threading.Event()
        self._hyperparameters = hyperparameters
        self._commands = queue.SimpleQueue[Command | None]() if commands is None else commands
        self._mailbox = Snapshot("starting", experiment.name, hyperparameters, notes=experiment.notes)
        self._thread = threading.Thread(target=self._main, name="training", daemon=True)

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        return self._mailbox

    def publish(self, snapshot: Snapshot) -> None:
        self._mailbox = snapshot
        self.fresh.set()

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
            while True:
                try:
                    _Loop(self, self.begin(self.experiment, self._hyperparameters)).run()
                    return
                except BaseException as error:
                    self.publish(replace(self._mailbox, state="failed", error=user_traceback(error)))
                while not isinstance(command := self._commands.get(), Restart):  # nothing else helps
                    if command is None:
                        return
                self._hyperparameters = self._hyperparameters.replace(**command.changes)


class _Loop:
    """The thread's work: obey commands, step, publish."""

    def __init__(self, worker: Worker, session: Session) -> None:
        self.worker = worker
        self.session = session
        self.state: State = "paused"
        self.error = ""  # the user's, which has stopped the run
        self.batches_left: int | None = None  # None: no limit
        self.until: int | None = None  # the epoch to stop after
        self.told: set[str] = set()  # what is said once
        self.notice = "", False, 0.0  # the newest, whether it is a refusal, and when it came
        self.stops: dict[int, tuple[float, ...]] = {}  # by branch, where breakpoints have stopped it
        self.branches: dict[int, BranchInfo] = {}  # as they were shown last
        self.due = 0.0  # when the next batch may begin, by the pace
        self.loss = float("nan")
        self.graph: Graph | None = None
        self.findings: tuple[Finding, ...] = ()
        self.speed = 0.0
        self.published = (time.perf_counter(), 0)
        self.rest()
        self.diagnose()

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
                if self.state == "running":
                    self.rest()
            case Set() | Restart() | Rewind() | Fork() | Checkout():
                try:
                    notice = self.travel(command)
                except BaseException as error:
                    if not isinstance(error, ValueError) or by_user(error):
                        self.fail(error)
                    else:
                        notice, refused = str(error), True
            case ShowGraph(backward):
                try:
                    self.graph = self.traced(backward)
                except BaseException as error:
                    self.fail(error)
            case Break(conditions):
                try:
                    session.break_at(*conditions)
                except ValueError as error:
                    notice, refused = str(error), True
            case Pace(epochs_per_second):
                self.worker.pace = epochs_per_second
                self.due = 0.0
            case _ if self.state == "failed":
                notice, refused = "the run has failed: go back in time, or restart", True
            case _ if session.finished:
                self.state = "finished"
                why = session.stopped_early or "the run is at its last epoch"
                notice, refused = f"{why}: raise epochs, patience or goal, go back, or restart", True
            case Until(epoch) if epoch <= session.epoch:
                notice, refused = f"epoch {epoch} is over: the run is in epoch {session.epoch + 1}", True
            case _:
                self.batches_left, self.until = None, None
                if isinstance(command, Step):
                    self.batches_left = command.batches
                elif isinstance(command, Next):
                    self.until = session.epoch + 1
                elif isinstance(command, Until):
                    self.until = command.epoch
                self.state = "running"
                self.published = (time.perf_counter(), session.steps)
        self.publish(notice, refused)

    def travel(self, command: Set | Restart | Rewind | Fork | Checkout) -> str:
        """To another moment or branch, or a change here and now; what there is to say of it."""
        session = self.session
        branch = session.branch
        match command:
            case Set(changes):
                session.set(**changes)
            case Restart(changes):
                session.restart(**changes)
            case Rewind(epoch):
                session.rewind(epoch)
            case Fork(epoch, changes):
                session.fork(epoch, **changes)
            case Checkout(number):
                session.checkout(session.branches[number])
        self.error = ""
        if not isinstance(command, Set) or session.branch is not branch:
            self.loss = session.history[-1].train_loss
            self.rest()
            self.diagnose()
        elif self.state != "running":
            self.rest()
        if len(session.branches) > 1 and session.branch is not branch and not isinstance(command, Checkout):
            return f"{session.branch.title}, from epoch {session.branch.epoch:.4g} of {branch.name}"
        return ""

    def traced(self, backward: bool) -> Graph:
        """The graph of a batch's loss. It is a training pass: the session is put back to where it was."""
        session = self.session
        state, layers = session.capture(), session.layers
        try:
            return traced(session, backward)
        finally:
            session.restore(state, session.branch.history)
            session.layers = layers

    def trouble(self) -> str:
        """What has gone wrong outside the training, and was not told yet."""
        wrong = [listener.error for listener in self.session.listeners if listener.error]
        if not self.session.repeatable:
            wrong.append(UNREPEATABLE)
        new = [text for text in wrong if text not in self.told]
        self.told |= set(new)
        return "\n".join(new)

    def rest(self) -> None:
        self.state = "finished" if self.session.finished else "paused"

    def fail(self, error: BaseException) -> None:
        """The user's code has raised: the run stops after the last step that went well."""
        self.state, self.error, self.speed = "failed", user_traceback(error), 0.0
        try:
            self.session.rewind(step=self.session.steps)
        except BaseException:  # it fails again on the way: the moment stays as the failure left it
            return

    def train(self) -> None:
        """One batch."""
        session = self.session
        if self.worker.pace is not None:
            began = time.perf_counter()
            self.due = max(self.due, began - 0.1) + 1 / (self.worker.pace * len(session.batches))
        if self.batches_left is not None:
            self.batches_left -= 1
        epoch = session.epoch
        try:
            self.loss = session.step(observe=self.batches_left == 0).loss
        except BaseException as error:
            self.fail(error)
            self.publish()
            return
        if session.epoch != epoch and session.epoch >= self.diagnose_at:
            self.diagnose()
        notice = ""
        if session.stop is not None:
            self.state, notice = "paused", f"stopped: {session.stop.text}"
            if session.stop.kind == "condition":
                before = self.stops.get(session.branch.id, ())
                self.stops[session.branch.id] = tuple(sorted({*before, session.moment}))
        elif session.finished:
            self.state, notice = "finished", session.stopped_early and f"stopped early: {session.stopped_early}"
        elif self.batches_left == 0 or self.until == session.epoch:
            self.state = "paused"
        if self.state != "running":
            self.diagnose()
        now = time.perf_counter()
        if self.state != "running" or now - self.published[0] >= PUBLISH_EVERY:
            then, steps = self.published
            self.speed = (session.steps - steps) / max(now - then, 1e-9)
            self.published = (now, session.steps)
            self.publish(notice, session.stop is not None)

    def diagnose(self) -> None:
        """Look for faults; the longer the history, the more epochs until the next look."""
        self.findings = self.session.findings()
        self.diagnose_at = self.session.epoch * 1.02

    def publish(self, notice: str = "", refused: bool = False) -> None:
        session, trouble = self.session, self.trouble()
        if trouble:
            notice, refused = f"{notice}\n{trouble}".strip(), True
        if notice:
            self.notice = notice, refused, time.time()
        elif self.notice[2] < time.time() - 1:
            self.notice = "", False, 0.0
        notice, refused, noticed = self.notice
        self.branches = {branch.id: described(branch, self.branches.get(branch.id)) for branch in session.branches}
        snapshot = Snapshot(
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
            notes=self.worker.experiment.notes,
            file=self.worker.file,
            history=tuple(session.history),
            known=tuple(session.branch.history),
            branch=session.branch.id,
            branches=tuple(self.branches.values()),
            layers=session.layers,
            findings=self.findings,
            facts=replace(session.facts, settings={}),
            changes=tuple(session.branch.changes),
            graph=self.graph,
            breakpoints=tuple(b.text for b in session.breakpoints),
            stops=self.stops.get(session.branch.id, ()),
            notice=notice,
            refused=refused,
            noticed=noticed,
            error=self.error,
        )
        self.worker.publish(snapshot)


def described(branch: Branch, before: BranchInfo | None = None) -> BranchInfo:
    """A branch as the screen shows it; `before` is how it was last, and still is if it has got no further."""
    epochs = len(branch.history) - 1
    if before is not None and before.epochs == epochs:
        return before
    every = epochs // POINTS + 1
    losses = [record.val_loss for record in branch.history]
    metrics = [record.val_metric for record in branch.history]
    return BranchInfo(
        id=branch.id,
        name=branch.name,
        title=branch.title,
        parent=branch.parent.id if branch.parent is not None else None,
        epoch=branch.epoch,
        epochs=epochs,
        best_loss=min(filter(math.isfinite, losses), default=math.nan),
        best_metric=max(filter(math.isfinite, metrics), default=math.nan),
        curve=tuple(enumerate(losses))[epochs % every :: every],
    )


def start(
    experiment: Experiment, hyperparameters: Hyperparameters, pace: float | None = None, begin: Begin = Session
) -> Worker:
    """A worker that has begun to build its session."""
    worker = Worker(experiment, hyperparameters, pace, begin)
    worker.start()
    return worker
