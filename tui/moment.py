"""The moment looked at: a snapshot for any epoch that the branch has seen, without asking the session.

A moment is the number of an epoch, at whose end things are shown, or None for where the session itself is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from tinygrad_nn.diagnosis import diagnose
from tinygrad_nn.records import NOTHING_KNOWN, EpochRecord, Facts, Finding
from tinygrad_nn.training import KNOBS, Hyperparameters

from .protocol import BranchInfo, Snapshot

KEPT = 512  # diagnoses

_diagnoses: dict[tuple[EpochRecord, Hyperparameters], tuple[Finding, ...]] = {}


@dataclass(frozen=True)
class Mark:
    """Something that happened on the way, in epochs, with the part of the one it fell in."""

    epoch: float
    kind: Literal["fault", "warning", "stop", "change", "fork"]


def at(snapshot: Snapshot, epoch: int | None) -> Snapshot:
    """The run as it was at the end of `epoch`; the snapshot itself if None, or where the branch knows of no such epoch.

    `loss` is the epoch's mean, since the losses of batches are not kept, and `lr` the rate of its last step. What is of
    the branch as a whole stays: `known`, `branches`, `changes`.
    """
    if epoch is None or epoch >= len(snapshot.known):
        return snapshot
    record, history = snapshot.known[epoch], snapshot.known[: epoch + 1]
    settings = _settings(snapshot, record.step)
    return replace(
        snapshot,
        epoch=epoch,
        batch=0,
        steps=record.step,
        steps_per_second=0.0,
        lr=record.lr,
        loss=record.train_loss,
        hyperparameters=settings,
        history=history,
        layers=record.layers,
        findings=found(history, settings, snapshot.facts),
        notice="",
        refused=False,
        error="",
    )


def found(
    history: Sequence[EpochRecord], settings: Hyperparameters, facts: Facts = NOTHING_KNOWN
) -> tuple[Finding, ...]:
    """What the rules say of a history under these settings, kept by its newest record, which is of no other history."""
    if not history:
        return ()
    key = history[-1], settings
    if key not in _diagnoses:
        while len(_diagnoses) >= KEPT:
            del _diagnoses[next(iter(_diagnoses))]
        _diagnoses[key] = diagnose(history, facts=replace(facts, settings=vars(settings)))
    return _diagnoses[key]


def _settings(snapshot: Snapshot, step: int) -> Hyperparameters:
    """The hyperparameters in force after `step`: later changes undone, or made where the session is before them."""
    hp = snapshot.hyperparameters
    for change in reversed(snapshot.changes):
        if step < change.step <= snapshot.steps:
            hp = hp.replace(**{change.name: change.before})
    for change in snapshot.changes:
        if snapshot.steps < change.step <= step:
            hp = hp.replace(**{change.name: change.after})
    return hp


# --- to other moments


def present(snapshot: Snapshot) -> float:
    """Where the session is, in epochs, with the part of the one under way."""
    return snapshot.epoch + snapshot.batch / max(snapshot.batches, 1)


def last(snapshot: Snapshot) -> int:
    """The last epoch that the branch has seen the end of."""
    return max(len(snapshot.known) - 1, 0)


def nearest(snapshot: Snapshot, epoch: float) -> int | None:
    """The moment at or next to `epoch`: None if that is where the session is."""
    now = present(snapshot)
    epoch = min(max(epoch, 0), max(last(snapshot), now))
    whole = min(round(epoch), last(snapshot))
    return None if abs(now - epoch) <= abs(whole - epoch) else whole


def beside(snapshot: Snapshot, epoch: int | None, by: Literal[-1, 1]) -> int | None:
    """The moment before (`by` -1) or after `epoch`; the session's own is one of them."""
    now = present(snapshot)
    here = now if epoch is None else float(epoch)
    there = math.ceil(here) - 1 if by < 0 else math.floor(here) + 1
    if now == there or min(here, there) < now < max(here, there):
        return None
    return there if 0 <= there <= last(snapshot) else epoch


def beside_mark(snapshot: Snapshot, epoch: int | None, by: Literal[-1, 1]) -> int | None:
    """The moment of the finding, stop or change before or after `epoch`.

    The last epoch's end that does not follow it; `epoch` itself if there is none.
    """
    here = present(snapshot) if epoch is None else float(epoch)
    there = {min(math.floor(mark.epoch), last(snapshot)) for mark in marks(snapshot) if mark.kind != "fork"}
    if by < 0:
        return nearest(snapshot, max((e for e in there if e < here), default=here))
    return nearest(snapshot, min((e for e in there if e > here), default=here))


# --- the branches


def lineage(snapshot: Snapshot) -> list[BranchInfo]:
    """The branches from the root to the current one."""
    branches = {branch.id: branch for branch in snapshot.branches}
    line = []
    branch = branches.get(snapshot.branch)
    while branch is not None:
        line.append(branch)
        branch = branches.get(branch.parent) if branch.parent is not None else None
    return line[::-1]


def extents(snapshot: Snapshot) -> dict[int, float]:
    """The branches that the current one runs along, each to which epoch: infinity for itself."""
    line = lineage(snapshot)
    return {branch.id: after.epoch for branch, after in pairwise(line)} | {snapshot.branch: math.inf}


def tree(branches: Sequence[BranchInfo]) -> list[BranchInfo]:
    """The branches in the order in which a tree draws them.

    Children below their parent, who left last first, so that no line crosses another.
    """
    ordered: list[BranchInfo] = []
    waiting = [branch for branch in branches if branch.parent is None]
    while waiting:
        branch = waiting.pop()
        ordered.append(branch)
        waiting += sorted((b for b in branches if b.parent == branch.id), key=lambda b: (b.epoch, b.id))
    return ordered


def marks(snapshot: Snapshot) -> list[Mark]:
    """What there is to see along the current branch, the whole of it."""
    furthest = snapshot.findings
    if len(snapshot.history) != len(snapshot.known):
        furthest = found(snapshot.known, snapshot.hyperparameters, snapshot.facts)
    seen = [Mark(change.epoch, "change") for change in snapshot.changes]
    seen += [Mark(epoch, "stop") for epoch in snapshot.stops]
    for finding in furthest:
        if finding.severity != "information":
            seen.append(Mark(finding.first_epoch, finding.severity))
    shared = extents(snapshot)
    for branch in snapshot.branches:
        if branch.id not in shared and branch.parent in shared and branch.epoch <= shared[branch.parent]:
            seen.append(Mark(branch.epoch, "fork"))
    return seen


# --- what could be tried


def fork_point(changes: Iterable[str], epoch: int | None) -> int | None:
    """Where a branch with these changes can leave: at `epoch`, or at 0 if one of them makes another network or data."""
    return epoch if all(KNOBS[name].in_flight for name in changes) else 0


def fix(snapshot: Snapshot) -> tuple[Finding, dict[str, Any], int] | None:
    """The gravest finding that hyperparameters can mend, the changes that its best remedy makes, where to fork."""
    for finding in snapshot.findings:
        for remedy in finding.remedies:
            changes = {n: v for n, v in remedy.changes.items() if getattr(snapshot.hyperparameters, n) != v}
            if changes:
                before = min(max(finding.first_epoch - 1, 0), last(snapshot))
                return finding, changes, fork_point(changes, before) or 0
    return None


def describe(hp: Hyperparameters, changes: Mapping[str, Any]) -> str:
    """Changes in words: `learning rate 0.01 → 0.1, dropout 0 → 0.5`."""
    return ", ".join(
        f"{KNOBS[n].label} {KNOBS[n].show(getattr(hp, n))} → {KNOBS[n].show(v)}" for n, v in changes.items()
    )
