"""Branches: a run and what was tried from its past moments, as a tree; and the snapshots along it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..records import Change, EpochRecord
from .hyperparameters import Hyperparameters, named
from .state import pack, unpack


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that the step after `step` depends on (`Trainer.capture`); `changes` were in force by then."""

    epoch: int
    step: int
    changes: int
    state: Mapping[str, Any]

    @cached_property
    def nbytes(self) -> int:
        """Its memory: the arrays, and a guess for all that is small."""
        return _nbytes(self.state) + 4096

    def pack(self) -> bytes:
        return pack({"epoch": self.epoch, "step": self.step, "changes": self.changes, "state": self.state})

    @classmethod
    def unpack(cls, packed: bytes) -> Snapshot:
        """The state that the bytes hold.

        Raises:
            ValueError: they are not a snapshot.
        """
        return cls(**unpack(packed))


def _nbytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(map(_nbytes, value.values()))
    return sum(map(_nbytes, value)) if isinstance(value, list | tuple) else 0


@dataclass(eq=False)
class Branch:
    """One line of a run: where it leaves its parent, what was changed there, and all that has come of it.

    `history` and `changes` begin with the parent's up to `step`. Nothing in them is ever rewritten: to run
    again what has been run gives the same numbers, and a change in the past makes a branch of its own.
    """

    id: int
    name: str
    parent: Branch | None
    step: int  # where it leaves the parent
    epoch: float  # the same in epochs, with the part of the one under way
    edge: Mapping[str, tuple[Any, Any]]  # what was changed there: name to (before, after)
    hyperparameters: Hyperparameters  # with which it begins
    history: list[EpochRecord]
    changes: list[Change]
    snapshots: list[Snapshot] = field(default_factory=list)  # its own, in order of their steps
    frontier: int = 0  # the furthest step that was reached

    def lineage(self) -> Iterator[Branch]:
        """This branch, its parent, and so on to the root."""
        branch: Branch | None = self
        while branch is not None:
            yield branch
            branch = branch.parent

    def step_of(self, epoch: int) -> int:
        """The step that ended an epoch.

        Raises:
            ValueError: an epoch that the branch has not seen.
        """
        if not 0 <= epoch < len(self.history):
            raise ValueError(f"branch {self.name} has seen the epochs 0 to {len(self.history) - 1}, not {epoch}")
        return self.history[epoch].step

    def snapshot_before(self, step: int) -> Snapshot:
        """The newest snapshot of this line that is not after `step`."""
        for branch in self.lineage():
            for snapshot in reversed(branch.snapshots):
                if snapshot.step <= step:
                    return snapshot
            step = min(step, branch.step)
        raise LookupError(f"branch {self.name} has no snapshot at or before step {step}")

    @property
    def title(self) -> str:
        """The name with the changes that made the branch, such as "fork 1: lr 0.1"."""
        changed = ", ".join(f"{name} {named(name).show(after)}" for name, (_, after) in self.edge.items())
        return f"{self.name}: {changed}" if changed else self.name


def thin(branches: Sequence[Branch]) -> tuple[Branch, Snapshot] | None:
    """Drop the snapshot that is missed least, the one with the nearest neighbours; None when none can go.

    A branch keeps its first and its newest.
    """
    best: tuple[int, Branch, int] | None = None
    for branch in branches:
        kept = branch.snapshots
        for i in range(1, len(kept) - 1):
            gap = kept[i + 1].step - kept[i - 1].step
            if best is None or gap < best[0]:
                best = gap, branch, i
    return (best[1], best[1].snapshots.pop(best[2])) if best else None
