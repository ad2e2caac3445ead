"""The worker without a screen: commands in, newest snapshot out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest

from tinygrad_nn import nn
from tinygrad_nn.training import Experiment, Hyperparameters
from tui.protocol import (
    WATCHABLE,
    Break,
    Checkout,
    Fork,
    Next,
    Pause,
    Restart,
    Rewind,
    Run,
    Set,
    Snapshot,
    Step,
    Until,
    unhurried,
)
from tui.worker import Worker, start

HP = Hyperparameters(hidden=(4,), activation="tanh", lr=0.01, epochs=100_000)


def wait_for(worker: Worker, condition: Callable[[Snapshot], bool], seconds: float = 20.0) -> Snapshot:
    """The first snapshot that fulfils the condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        snapshot = worker.snapshot
        if condition(snapshot):
            return snapshot
        time.sleep(0.002)
    raise AssertionError(f"it did not come to that: {worker.snapshot.state} at step {worker.snapshot.steps}")


@pytest.fixture
def worker():
    worker = start(Experiment("xor"), HP)
    yield worker
    worker.close()
    assert not worker._thread.is_alive()


def test_it_starts_paused_before_the_first_step(worker):
    snapshot = wait_for(worker, lambda s: s.state == "paused")
    assert (snapshot.epoch, snapshot.steps, len(snapshot.history)) == (0, 0, 1)
    assert worker.snapshot is snapshot  # nothing happened: the same object


def test_step_and_next_do_just_that(worker):
    worker.send(Step())
    snapshot = wait_for(worker, lambda s: s.steps == 1 and s.state == "paused")
    assert (snapshot.batch, snapshot.epoch) == (1, 0)
    assert not math.isnan(snapshot.layers[0].update_ratio)
    worker.send(Step(3))
    wait_for(worker, lambda s: s.steps == 4 and s.state == "paused")
    worker.send(Next())
    snapshot = wait_for(worker, lambda s: s.epoch == 1 and s.state == "paused")
    assert snapshot.steps == snapshot.batches == 13
    worker.send(Next())
    assert wait_for(worker, lambda s: s.epoch == 2 and s.state == "paused").steps == 26


def test_run_goes_on_until_pause(worker):
    worker.send(Run())
    running = wait_for(worker, lambda s: s.state == "running" and s.epoch > 2)
    assert running.steps_per_second > 0
    worker.send(Pause())
    paused = wait_for(worker, lambda s: s.state == "paused")
    time.sleep(0.05)
    assert worker.snapshot is paused


def test_a_change_reaches_the_running_session_and_a_wrong_one_disturbs_nothing(worker):
    worker.send(Run())
    worker.send(Set({"lr": 0.5}))
    wait_for(worker, lambda s: s.hyperparameters.lr == 0.5)
    worker.send(Set({"momentum": 7}))
    refused = wait_for(worker, lambda s: s.refused)
    assert "momentum must be a number from 0 to below 1" in refused.notice
    worker.send(Set({"activation": "relu"}))
    wait_for(worker, lambda s: s.refused and "takes a fork from epoch 0" in s.notice)
    after = wait_for(worker, lambda s: s.steps > refused.steps)
    assert (after.state, after.hyperparameters.lr) == ("running", 0.5)
    assert [c.name for c in after.changes] == ["lr"]


def test_restart_begins_again_with_changes(worker):
    worker.send(Step(3))
    worker.send(Restart({"hidden": (2, 2)}))
    snapshot = wait_for(worker, lambda s: s.hyperparameters.hidden == (2, 2))
    assert (snapshot.state, snapshot.steps, len(snapshot.layers)) == ("paused", 0, 3)


def test_until_stops_at_its_epoch(worker):
    worker.send(Until(3))
    snapshot = wait_for(worker, lambda s: s.state == "paused" and s.epoch == 3)
    assert snapshot.steps == 39
    worker.send(Until(3))
    assert "epoch 3 is over" in wait_for(worker, lambda s: s.refused).notice


def test_rewind_shows_the_moment_and_keeps_what_is_known(worker):
    worker.send(Until(4))
    there = wait_for(worker, lambda s: s.state == "paused" and s.epoch == 4)
    worker.send(Rewind(1))
    back = wait_for(worker, lambda s: s.epoch == 1)
    assert (back.state, back.steps, len(back.history), len(back.known)) == ("paused", 13, 2, 5)
    worker.send(Rewind(9))
    assert "has seen the epochs 0 to 4, not 9" in wait_for(worker, lambda s: s.refused).notice
    worker.send(Until(4))
    again = wait_for(worker, lambda s: s.state == "paused" and s.epoch == 4)
    assert again.history == there.history


def test_a_change_in_the_past_is_a_branch_and_checkout_goes_back(worker):
    worker.send(Until(3))
    wait_for(worker, lambda s: s.epoch == 3)
    worker.send(Rewind(1))
    worker.send(Set({"lr": 0.5}))
    forked = wait_for(worker, lambda s: s.branch == 1)
    assert forked.notice == "fork 1: lr 0.5, from epoch 1 of main"
    assert [(b.title, b.parent, b.epoch, b.epochs) for b in forked.branches] == [
        ("main", None, 0, 3),
        ("fork 1: lr 0.5", 0, 1, 1),
    ]
    worker.send(Fork(0, {"hidden": (2, 2)}))
    other = wait_for(worker, lambda s: s.branch == 2)
    assert (other.epoch, len(other.layers), other.hyperparameters.lr) == (0, 3, 0.01)
    worker.send(Checkout(0))
    main = wait_for(worker, lambda s: s.branch == 0)
    assert (main.epoch, len(main.layers), main.hyperparameters.lr) == (3, 2, 0.01)


def test_a_breakpoint_stops_the_run_and_says_why(worker):
    worker.send(Break(("step == 20",)))
    assert wait_for(worker, lambda s: s.breakpoints == ("step == 20",)).state == "paused"
    worker.send(Break(("step = 20",)))
    assert "is not a condition" in wait_for(worker, lambda s: s.refused).notice
    worker.send(Run())
    stopped = wait_for(worker, lambda s: s.state == "paused" and s.steps)
    assert stopped.notice == "stopped: after step 20, step == 20: step is 20"
    assert stopped.steps == 20


def test_the_last_epoch_finishes_the_run_until_there_are_more(worker):
    worker.send(Set({"epochs": 2}))
    worker.send(Run())
    snapshot = wait_for(worker, lambda s: s.state == "finished")
    assert snapshot.epoch == 2
    worker.send(Step())
    assert "last epoch" in wait_for(worker, lambda s: s.refused).notice
    worker.send(Set({"epochs": 3}))
    worker.send(Run())
    assert wait_for(worker, lambda s: s.epoch == 3).state == "finished"


class Broken(Experiment):
    dataset = "xor"

    def model(self, hp, train, rng):
        if hp.seed == 0:
            raise ZeroDivisionError("the user's own mistake")
        return super().model(hp, train, rng)


def test_an_error_of_the_user_ends_the_run_not_the_worker():
    worker = start(Broken(), HP)
    try:
        failed = wait_for(worker, lambda s: s.state == "failed")
        assert "the user's own mistake" in failed.error
        assert "test_worker.py" in failed.error
        assert "session.py" not in failed.error
        worker.send(Step())
        worker.send(Restart({"seed": 1}))
        assert wait_for(worker, lambda s: s.state == "paused").error == ""
    finally:
        worker.close()


class BreaksLater(Experiment):
    dataset = "xor"

    def loss(self, hp, train):
        loss, seen = nn.BCEWithLogitsLoss(), []

        def failing(output, target):
            seen.append(1)
            if len(seen) == 20:
                raise KeyError("in the middle")
            return loss(output, target)

        return failing


def test_an_error_in_the_middle_leaves_what_went_well_to_go_back_to():
    worker = start(BreaksLater(), HP)
    try:
        worker.send(Run())
        failed = wait_for(worker, lambda s: s.state == "failed")
        assert "KeyError: 'in the middle'" in failed.error
        assert failed.steps > 0
        worker.send(Run())
        assert "has failed" in wait_for(worker, lambda s: s.refused).notice
        worker.send(Rewind(0))
        assert wait_for(worker, lambda s: s.state == "paused").error == ""
        worker.send(Until(2))
        assert wait_for(worker, lambda s: s.state == "paused" and s.epoch == 2).steps == 26
    finally:
        worker.close()


class Diverging(Experiment):
    dataset = "xor"

    def loss(self, hp, train):
        loss = nn.MSELoss()
        return lambda output, target: (3 - loss(output, target)).log()


def test_a_loss_that_is_no_number_stops_the_run_there():
    worker = start(Diverging(), HP.replace(lr=10.0, optimizer="sgd"))
    try:
        worker.send(Run())
        stopped = wait_for(worker, lambda s: s.refused)
        assert stopped.state == "paused"
        assert stopped.notice.startswith(
            f"stopped: the loss of step {stopped.steps + 1} is not a finite number\nlog gave"
        )
        assert "test_worker.py" in stopped.notice
        assert math.isnan(stopped.loss)
        assert [f.rule for f in stopped.findings] == ["not_finite"]
    finally:
        worker.close()


def test_where_breakpoints_have_stopped_a_branch_is_remembered_once(worker):
    worker.send(Break(("step == 20", "epoch == 3")))
    worker.send(Run())
    wait_for(worker, lambda s: s.steps == 20 and s.state == "paused")
    worker.send(Run())
    wait_for(worker, lambda s: s.epoch == 3 and s.state == "paused")
    worker.send(Rewind(1))
    worker.send(Run())
    again = wait_for(worker, lambda s: s.steps == 20 and s.state == "paused")
    assert again.stops == (1 + 7 / 13, 3)
    worker.send(Fork(2, {"lr": 0.5}))
    assert wait_for(worker, lambda s: s.branch == 1).stops == ()
    worker.send(Checkout(0))
    assert wait_for(worker, lambda s: s.branch == 0).stops == again.stops


def test_a_branch_tells_its_best_and_its_curve(worker):
    for epochs in (4, 600):
        worker.send(Until(epochs))
        snapshot = wait_for(worker, lambda s, epochs=epochs: s.epoch == epochs and s.state == "paused")
        (branch,) = snapshot.branches
        assert branch.epochs == epochs
        assert branch.best_loss == min(r.val_loss for r in snapshot.known)
        assert branch.best_metric == max(r.val_metric for r in snapshot.known)
        assert len(branch.curve) == (5 if epochs == 4 else 201)
        assert branch.curve[-1] == (epochs, snapshot.known[-1].val_loss)
        assert all(loss == snapshot.known[epoch].val_loss for epoch, loss in branch.curve)
    worker.send(Fork(2))
    forked = wait_for(worker, lambda s: s.branch == 1)
    assert forked.branches[0] is branch  # it has got no further


def test_a_long_run_is_paced_to_end_within_a_minute():
    assert [unhurried(epochs, WATCHABLE) for epochs in (1, 300, 301, 1000, 1201, 10**6)] == [5, 5, 10, 20, 50, 50]
    assert unhurried(10**6, None) is None
    assert unhurried(10**6, 70) == 70
