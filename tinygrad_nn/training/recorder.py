"""Recorder: writes a session into its file while it trains, without holding it up."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..records import EpochRecord, Finding
from . import runs
from .branches import Branch, Snapshot
from .runlog import RunFileError, RunInfo, RunLog

if TYPE_CHECKING:
    from .session import Session

WAITING = 64  # transactions: a disk slower than the training holds it up, rather than fill the memory


class Recorder:
    """A session's listener: each epoch becomes a transaction of the run's file, in a thread of its own.

    What goes wrong with the file (no such folder, a full disk) ends the recording and not the training:
    `error` says it once, in a line. Give it the path of a new file, or a `RunLog` to go on with; otherwise it makes
    one where runs are kept, when the session begins, and `path` is None until then.
    """

    def __init__(self, file: str | Path | RunLog | None = None, source: Mapping[str, Any] | None = None) -> None:
        self.error = ""
        self.path = file.path if isinstance(file, RunLog) else Path(file) if file else None
        self._log = file if isinstance(file, RunLog) else None
        self._source = source or {}
        self._dropped: list[tuple[int, int]] = []
        self._diagnose_at = 0.0
        self._closing, self._closed = threading.Lock(), False
        # Not a `Queue` of that size: where ctrl+c interrupts its put(), a later one may wake nobody, and close() hangs.
        self._work: queue.SimpleQueue[Callable[[RunLog], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="recording", daemon=True)
        self._thread.start()

    # --- a session's listener

    def branched(self, session: Session, branch: Branch) -> None:
        if self._log is None and not self.error:
            data = f"{session.train.name}: {session.train.n_samples} + {session.validation.n_samples} examples"
            info = RunInfo(
                *(session.experiment.name, self._source, session.metric_name, data, time.time()),
                constant_loss=session.constant_loss,
            )
            try:
                self._log = runs.create(info) if self.path is None else RunLog.create(self.path, info)
                self.path = self._log.path
            except RunFileError as error:
                self.error = f"not recorded: {error}"
        frozen = _copied(branch)
        self._put(lambda log: log.add_branch(frozen))

    def epoch_ended(self, session: Session, record: EpochRecord, snapshot: Snapshot | None) -> None:
        branch, changes, dropped = session.branch.id, tuple(session.changes), tuple(self._dropped)
        self._dropped.clear()
        findings: tuple[Finding, ...] = ()
        if record.epoch >= self._diagnose_at or snapshot is None:
            findings = session.findings()
            self._diagnose_at = record.epoch * 1.02  # the rules look at the whole history each time
        self._put(lambda log: log.add_epoch(branch, record, findings, changes, snapshot, dropped))

    def dropped(self, branch: Branch, snapshot: Snapshot) -> None:
        self._dropped.append((branch.id, snapshot.step))

    def close(self, ended: bool = True) -> None:
        """Write what waits, and close the file; `ended` says that the run was not cut off. Again it only waits."""
        with self._closing:
            if not self._closed:
                self._closed = True
                if ended:
                    self._put(RunLog.end)
                self._work.put(None)
        self._thread.join()

    # --- the thread

    def _put(self, work: Callable[[RunLog], None]) -> None:
        while self._work.qsize() >= WAITING and not self.error:
            time.sleep(0.001)
        if not self.error:
            self._work.put(work)

    def _write(self) -> None:
        while (work := self._work.get()) is not None:
            if self.error or self._log is None:
                continue
            try:
                work(self._log)
            except Exception as error:  # whatever it is: a thread that ends without a word holds up the training
                self.error = f"the recording has stopped, the training goes on: {self.path}: {error}"
        if self._log is not None:
            self._log.close()


def _copied(branch: Branch) -> Branch:
    """The branch as it is now: the session goes on with its own while the copy waits to be written."""
    return replace(branch, history=branch.history[:], changes=branch.changes[:], snapshots=branch.snapshots[:])
