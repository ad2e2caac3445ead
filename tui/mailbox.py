"""The mailbox: what has come from the process that trains, in whatever order it came."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

from tinygrad_nn.graph import Graph

from .protocol import Snapshot

PATIENCE = 3.0  # seconds without an answer before somebody is told


class Mailbox:
    """The newest snapshot of one process, with all epochs that have come; and its end, which nothing later undoes.

    Several threads may use it. `before` is what an earlier process has left on the screen, `awaited` stands for the
    first snapshot until there is one.
    """

    def __init__(self, before: Snapshot | None = None, awaited: Snapshot | None = None) -> None:
        self.silent = False  # it has not answered for a while, and this was said
        self._awaited = awaited
        self._snapshot = before and replace(before, state="starting", error="", notice="", refused=False)
        self._error = ""  # with what it ended, or why it did not begin
        self._known: dict[int, list[Any]] = {}  # the epochs of each branch
        self._graph: Graph | None = None
        self._unanswered: float | None = None  # when the oldest command was sent that nothing has followed
        self._changed = threading.Condition()

    # --- what comes

    def take(self, message: Snapshot) -> None:
        """A snapshot, which holds only those epochs that are new."""
        with self._changed:
            self._unanswered, self.silent = None, False
            known = self._known.setdefault(message.branch, [])
            known += message.known
            self._graph = message.graph or self._graph
            history = tuple(known[: message.epoch + 1])
            self._put(replace(message, known=tuple(known), history=history, graph=self._graph))

    def end(self, error: str) -> None:
        """It has ended, or there is nothing to train. The first to say so knows best."""
        with self._changed:
            self._error = self._error or error
            self._unanswered = None
            if self._snapshot is not None:
                self._put(self._snapshot)
            self._changed.notify_all()

    def _put(self, snapshot: Snapshot) -> None:
        if self._error:
            snapshot = replace(
                snapshot, state="failed", error=self._error, steps_per_second=0.0, notice="", refused=False
            )
        self._snapshot = snapshot
        self._changed.notify_all()

    # --- who looks

    def asked(self) -> None:
        """A command has been sent, to which there will be an answer."""
        with self._changed:
            if self._unanswered is None and not self._error:
                self._unanswered = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing comes any more."""
        return bool(self._error)

    @property
    def newest(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        with self._changed:
            if self._snapshot is None:
                assert self._awaited is not None
                return self._awaited
            if self._unanswered is not None and time.monotonic() - self._unanswered > PATIENCE:
                self._unanswered, self.silent = None, True
                self._snapshot = replace(
                    self._snapshot,
                    notice="the training does not answer: a long batch, or an endless loop; r starts it again, q quits",
                    refused=True,
                    noticed=time.time(),
                )
            return self._snapshot

    def first(self, timeout: float | None = None) -> Snapshot | str | None:
        """The first snapshot, when there is one, or why there will be none; None where that takes longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._snapshot is not None or self._error, timeout)
            return self._snapshot if self._snapshot is not None else self._error or None
