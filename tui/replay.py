"""A recorded run to look at: the screen sees it as it sees one that trains, only that nothing here moves it.

A run that another process still trains is followed: so one watches a training that runs elsewhere.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinygrad_nn.diagnosis import diagnose
from tinygrad_nn.records import Facts, Finding
from tinygrad_nn.training import Branch, Hyperparameters
from tinygrad_nn.training.runlog import RunFileError, RunLog
from tinygrad_nn.training.source import Source

from .inferior import CannotStart, Inferior, Start
from .protocol import WATCHABLE, Checkout, Command, Pause, Rewind, Run, Snapshot, State, Trainee
from .worker import described

REFUSAL = "this is a recording: nn-debug resume goes on with it"
ELSEWHERE = "process {} trains this run: it is only looked at here"
STANDS = "the view stands still, the run goes on: space follows it again"
CUT_OFF = "this run was cut off, its process has gone: nn-debug resume goes on with it"
ENDED = "the run has ended"
LOOK_EVERY, REST = 0.25, 1.0  # seconds between looks into the file, of a run that goes on and of one that does not
BEGINNING = 5.0  # seconds that a run may take from its file's making to its first record


def opened(path: Path, resume: bool) -> Trainee:
    """A recorded run, to go on with or to look at. `RunFileError` or `CannotStart` where it cannot be."""
    if not resume:
        return Replay(path)
    inferior = Inferior(Start(Source(), WATCHABLE, False, resume=str(path)))
    inferior.start()
    try:
        inferior.ready()
    except CannotStart:
        inferior.close()
        raise
    return inferior


class Replay:
    """The run in a file, as a `Trainee`.

    While another process writes the file, its newest moment is shown as it comes; to pause lets the view stand still,
    and to run follows again.

    Raises:
        RunFileError: it is not a run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._log = RunLog.open(path, read_only=True)
        try:
            self._version = self._log.version()
            self._info = self._log.info()
            self._branches = self._first_branches()
            self._newest = self._log.newest()
        except BaseException:
            self._log.close()
            raise
        self._follows = True
        self._was = self._info.state  # as it was shown last
        self._grown = time.monotonic(), self._steps()
        self._speed = 0.0
        self._found: dict[int, tuple[int, tuple[Finding, ...]]] = {}  # by branch, at how many epochs
        self._lock = threading.Lock()  # of all that follows from the file
        self._closing = threading.Event()
        self._snapshot = self._shown(self._newest, notice=CUT_OFF if self._state() == "cut off" else "")
        self._thread = threading.Thread(target=self._follow, name="following", daemon=True)
        self._thread.start()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        return self._snapshot

    def send(self, command: Command) -> None:
        with self._lock:
            live, now = self._info.state == "running", self._snapshot
            match command:
                case Checkout(number):
                    self._follows = number == self._newest
                    self._snapshot = self._shown(number)
                case Rewind(epoch) if 0 <= epoch < len(now.known):
                    self._follows = False
                    self._snapshot = self._shown(now.branch, epoch)
                case Run() if live:
                    self._follows = True
                    self._snapshot = self._shown(self._newest)
                case Pause() if live:
                    self._follows = False
                    self._snapshot = self._said(replace(now, state=self._state()), STANDS)
                case _:
                    words = ELSEWHERE.format(self._info.writer) if live else REFUSAL
                    self._snapshot = replace(self._said(now, words), refused=True)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    # --- in the thread

    def _follow(self) -> None:
        try:
            while not self._closing.wait(LOOK_EVERY if self._info.state == "running" else REST):
                self._look()
        except (sqlite3.Error, OSError, RunFileError, ValueError) as error:
            with self._lock:
                said = self._said(self._snapshot, f"{self.path} cannot be read any more: {error}")
                self._snapshot = replace(said, state="cut off", refused=True)
        finally:
            self._log.close()

    def _look(self) -> None:
        """Take in what has been written since, and whether it is still being written."""
        with self._lock:
            now = self._info.state  # asked for first: who has gone then writes nothing later
            version = self._log.version()
            if version != self._version:
                self._version, self._info = version, self._log.info()
                self._log.grow(self._branches)
                self._newest = self._log.newest()
                self._measure()
                now = self._info.state
            elif now == self._was:
                return
            words = "" if now in (self._was, "running") else ENDED if now == "ended" else CUT_OFF
            if self._follows:
                self._snapshot = self._shown(self._newest, notice=words)
            elif now != self._was:
                self._snapshot = self._said(replace(self._snapshot, state=self._state()), words)
            self._was = now

    def _measure(self) -> None:
        """How quick the training is that is followed."""
        (then, before), now = self._grown, (time.monotonic(), self._steps())
        if now[1] > before:
            self._speed = (now[1] - before) / max(now[0] - then, 1e-9)
            self._grown = now

    # --- what there is

    def _first_branches(self) -> list[Branch]:
        """The branches; of a run that begins just now, when there is one."""
        latest = time.monotonic() + BEGINNING
        while True:
            try:
                return self._log.branches()
            except RunFileError:
                if self._info.state != "running" or time.monotonic() > latest:
                    raise
                time.sleep(0.05)

    def _steps(self) -> int:
        return self._branches[self._newest].history[-1].step

    def _state(self) -> State:
        states: dict[str, State] = {"ended": "finished", "cut off": "cut off", "running": "running"}
        state = states[self._info.state]
        return "paused" if state == "running" and not self._follows else state

    def _said(self, snapshot: Snapshot, words: str) -> Snapshot:
        return replace(snapshot, notice=words, refused=False, noticed=time.time())

    def _facts(self) -> Facts:
        """What the file knows of the run besides its records."""
        return Facts(constant_loss=self._info.constant_loss)

    def _diagnosed(self, branch: int, history: tuple[Any, ...], hp: Hyperparameters) -> tuple[Finding, ...]:
        """The findings; while the run grows not anew for each epoch, since the rules look at all of them."""
        epochs, found = self._found.get(branch, (-1, ()))
        if self._state() != "running" or not epochs <= len(history) < 1.02 * epochs:
            found = diagnose(history, facts=replace(self._facts(), settings=vars(hp)))
            self._found[branch] = len(history), found
        return found

    def _shown(self, number: int, epoch: int = -1, notice: str = "") -> Snapshot:
        """The end of an epoch of a branch, or of its last."""
        branch = self._branches[number]
        known = tuple(branch.history)
        history = known[: epoch + 1] if epoch >= 0 else known
        last, before = history[-1], history[-2] if len(history) > 1 else None
        hp = branch.hyperparameters
        for change in branch.changes:  # its parent's changes are in what it begins with: again they change nothing
            hp = hp.replace(**{change.name: change.after})
        for change in reversed(branch.changes):
            if change.step > last.step:
                hp = hp.replace(**{change.name: change.before})
        state = self._state()
        return Snapshot(
            state=state,
            experiment=self._info.name,
            hyperparameters=hp,
            epoch=last.epoch,
            batches=last.step - before.step if before else 0,
            steps=last.step,
            steps_per_second=self._speed if state == "running" else 0.0,
            trained_by=self._info.writer if self._info.state == "running" else None,
            lr=last.lr,
            loss=last.train_loss,
            metric_name=self._info.metric,
            data=self._info.data,
            file=str(self.path),
            history=history,
            known=known,
            branch=branch.id,
            branches=tuple(described(b) for b in self._branches),
            layers=last.layers,
            findings=self._diagnosed(number, history, hp),
            facts=self._facts(),
            changes=tuple(branch.changes),
            notice=notice,
            noticed=time.time() if notice else 0.0,
        )
