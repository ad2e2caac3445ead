"""The moment looked at: a snapshot of any epoch is what the session itself would say there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.tui.test_worker import wait_for
from tinygrad_nn.records import Change, Finding, Remedy
from tinygrad_nn.training import Experiment, Hyperparameters
from tui import moment
from tui.protocol import BranchInfo, Fork, Restart, Rewind, Set, Snapshot, Step, Until
from tui.worker import start

HP = Hyperparameters(hidden=(4,) * 6, activation="sigmoid", init="normal", lr=0.01, epochs=100)


def branch(id: int, parent: int | None = None, epoch: float = 0, epochs: int = 10) -> BranchInfo:
    return BranchInfo(id, f"b{id}", f"b{id}", parent, epoch, epochs)


@contextmanager
def driven():
    """A worker; what is yielded sends a command and waits for what comes of it."""
    worker = start(Experiment("xor"), HP)

    def then(command, condition):
        worker.send(command)
        return wait_for(worker, lambda s: condition(s) and s.state == "paused")

    try:
        yield then
    finally:
        worker.close()


@pytest.fixture(scope="module")
def travel():
    """Six epochs, with changes after the second, within the fourth, and after the fifth."""
    with driven() as then:
        then(Until(2), lambda s: s.epoch == 2)
        then(Set({"lr": 0.1}), lambda s: s.hyperparameters.lr == 0.1)
        then(Until(3), lambda s: s.epoch == 3)
        then(Step(4), lambda s: s.batch == 4)
        then(Set({"momentum": 0.5}), lambda s: s.hyperparameters.momentum == 0.5)
        then(Until(5), lambda s: s.epoch == 5)
        then(Set({"lr": 0.2}), lambda s: s.hyperparameters.lr == 0.2)
        then(Until(6), lambda s: s.epoch == 6)
        yield lambda epoch: then(Rewind(epoch), lambda s: s.epoch == epoch)


@pytest.fixture
def run(travel):
    """The session at its newest moment."""
    return travel(6)


@pytest.mark.parametrize("session", [0, 2, 4, 6])
@pytest.mark.parametrize("epoch", range(7))
def test_a_moment_is_what_the_session_says_there(travel, epoch, session):
    there = travel(epoch)
    snapshot = travel(session)
    seen = moment.at(snapshot, epoch)
    for name in ("epoch", "batch", "steps", "hyperparameters", "history", "known", "changes", "findings"):
        assert getattr(seen, name) == getattr(there, name), name
    assert seen.layers == there.layers == there.known[epoch].layers
    assert (seen.loss, seen.lr) == (there.known[epoch].train_loss, there.known[epoch].lr)


def test_the_session_s_own_moment_is_the_snapshot_itself(run):
    assert moment.at(run, None) is run
    assert moment.at(run, 7) is run  # another branch may have seen that


def test_a_diagnosis_is_made_once_and_kept_for_so_many(run, monkeypatch):
    calls = []
    monkeypatch.setattr(moment, "_diagnoses", {})
    monkeypatch.setattr(moment, "KEPT", 3)
    monkeypatch.setattr(moment, "diagnose", lambda history, facts: calls.append(len(history)) or ())
    known = run.known
    for epoch in (3, 3, 4, 5, 6, 6, 3):
        moment.found(known[: epoch + 1], HP)
    assert calls == [4, 5, 6, 7, 4]
    assert moment.found((), HP) == ()


def at_moment(run, epoch: int, batch: int = 0) -> Snapshot:
    """The run of six epochs with the session at another moment."""
    return replace(run, epoch=epoch, batch=batch, history=run.known[: epoch + 1])


@pytest.mark.parametrize(
    ("epoch", "batch", "path"),
    [
        (6, 0, [0, 1, 2, 3, 4, 5, None]),
        (6, 3, [0, 1, 2, 3, 4, 5, 6, None]),
        (3, 0, [0, 1, 2, None, 4, 5, 6]),
        (3, 3, [0, 1, 2, 3, None, 4, 5, 6]),
        (0, 0, [None, 1, 2, 3, 4, 5, 6]),
        (0, 3, [0, None, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_moments_one_beside_another(run, epoch, batch, path):
    snapshot = at_moment(run, epoch, batch)
    for before, after in pairwise(path):
        assert moment.beside(snapshot, before, 1) == after
        assert moment.beside(snapshot, after, -1) == before
    assert moment.beside(snapshot, path[0], -1) == path[0]
    assert moment.beside(snapshot, path[-1], 1) == path[-1]


def test_nothing_is_beside_the_start():
    empty = Snapshot("starting", "x", HP)
    for by in (-1, 1):
        assert moment.beside(empty, None, by) is None
        assert moment.beside_mark(empty, None, by) is None
    assert moment.nearest(empty, 7) is None
    assert moment.found(empty.known, HP) == ()


@pytest.mark.parametrize(
    ("epoch", "found"), [(-3, 0), (0.4, 0), (2.6, 3), (3.2, None), (3.24, None), (3.4, None), (4.2, 4), (9, 6)]
)
def test_the_nearest_moment(run, epoch, found):
    assert moment.nearest(at_moment(run, 3, run.batches // 4 + 1), epoch) == found


def test_the_marks_are_gone_through_one_by_one(run):
    """Changes at 2, 3.3 and 5; a finding from epoch 1; stops at 4.5 and 5.9; the fork at 4 is passed by."""
    finding = Finding("r", "fault", "t", (1,), 1, {}, "", (), "")
    noted = replace(finding, severity="information", first_epoch=0)
    snapshot = replace(
        run, findings=(finding, noted), stops=(4.5, 5.9), branches=(branch(0), branch(1, 0, 4)), branch=0
    )
    assert sorted((m.epoch, m.kind) for m in moment.marks(snapshot) if m.kind != "change") == [
        (1, "fault"),
        (4, "fork"),
        (4.5, "stop"),
        (5.9, "stop"),
    ]
    assert sum(m.kind == "change" for m in moment.marks(snapshot)) == 3
    path: list[int | None] = [None]
    while (before := moment.beside_mark(snapshot, path[-1], -1)) != path[-1]:
        path.append(before)
    assert path == [None, 5, 4, 3, 2, 1]
    assert moment.beside_mark(snapshot, 1, 1) == 2
    assert moment.beside_mark(snapshot, 0, 1) == 1
    assert moment.beside_mark(snapshot, 5, 1) == 5


def test_the_findings_of_the_whole_branch_are_marked_from_the_past_too(travel):
    newest, past = travel(6), travel(0)
    assert past.findings == ()
    assert moment.marks(past) == moment.marks(newest)
    assert any(m.kind == "fault" for m in moment.marks(past))


BRANCHES = (branch(0), branch(1, 0, 3), branch(2, 0, 7), branch(3, 1, 5), branch(4, 1, 3), branch(5, 2, 8))


def test_the_tree_is_drawn_without_crossings():
    assert [b.id for b in moment.tree(BRANCHES)] == [0, 2, 5, 1, 3, 4]


def test_a_branch_runs_along_its_parents_to_where_it_leaves_them():
    snapshot = Snapshot("paused", "x", HP, branches=BRANCHES, branch=3)
    assert [b.id for b in moment.lineage(snapshot)] == [0, 1, 3]
    assert moment.extents(snapshot) == {0: 3, 1: 5, 3: float("inf")}
    # 1 is the way itself, 2 leaves main beyond it, 5 leaves another branch: 4 alone is seen to leave
    assert [m.epoch for m in moment.marks(snapshot) if m.kind == "fork"] == [3]


def test_where_a_branch_can_leave():
    assert moment.fork_point({"lr": 1}, 7) == 7
    assert moment.fork_point({}, None) is None
    assert moment.fork_point({"lr": 1, "activation": "relu"}, 7) == 0


def remedied(severity: str, first_epoch: int, *changes: dict[str, object]) -> Finding:
    return Finding("r", severity, "t", (), first_epoch, {}, "", tuple(Remedy("", c) for c in changes), "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("findings", "changes", "epoch"),
    [
        ([remedied("fault", 4, {}, {"lr": 0.001})], {"lr": 0.001}, 3),
        ([remedied("fault", 0, {"lr": 0.001})], {"lr": 0.001}, 0),
        ([remedied("fault", 99, {"lr": 0.001})], {"lr": 0.001}, 6),
        ([remedied("fault", 4, {"activation": "relu", "lr": 0.001})], {"activation": "relu", "lr": 0.001}, 0),
        ([remedied("fault", 4, {"activation": "sigmoid"}, {"init": "auto"})], {"init": "auto"}, 0),  # has it already
        ([remedied("fault", 4, {}), remedied("warning", 2, {"dropout": 0.5})], {"dropout": 0.5}, 1),
    ],
)
def test_the_fix_is_the_first_that_would_change_something(run, findings, changes, epoch):
    finding, found, where = moment.fix(replace(run, findings=tuple(findings)))
    assert (found, where) == (changes, epoch)
    assert finding is findings[-1]


def test_there_may_be_no_fix(run):
    assert moment.fix(replace(run, findings=())) is None
    assert moment.fix(replace(run, findings=(remedied("fault", 1, {}, {"activation": "sigmoid"}),))) is None


def test_changes_in_words():
    assert moment.describe(HP, {"lr": 0.5, "hidden": (8, 8)}) == "learning rate 0.01 → 0.5, hidden 4,4,4,4,4,4 → 8,8"


def test_settings_of_branches():
    with driven() as then:
        then(Until(3), lambda s: s.epoch == 3)
        then(Fork(2, {"lr": 0.7}), lambda s: s.hyperparameters.lr == 0.7)
        forked = then(Until(4), lambda s: s.epoch == 4)
        assert [moment.at(forked, e).hyperparameters.lr for e in range(5)] == [0.01, 0.01, 0.7, 0.7, 0.7]
        other = then(Restart({"activation": "relu"}), lambda s: s.hyperparameters.activation == "relu")
        assert moment.at(other, 0).hyperparameters.activation == "relu"


def test_a_change_at_the_end_of_an_epoch_is_in_force_there(run):
    changes = (Change(run.known[1].step, 1.0, "lr", 0.01, 0.5),)
    changed = replace(run, changes=changes, hyperparameters=HP.replace(lr=0.5))
    assert [moment.at(changed, e).hyperparameters.lr for e in (0, 1)] == [0.01, 0.5]
