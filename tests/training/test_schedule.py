"""The learning rate as a function of the records, against its formula and against the library's own schedules."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn import Tensor, optim
from tinygrad_nn.records import EpochRecord
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.schedule import learning_rate, plateaus


def history(val_losses) -> list[EpochRecord]:
    """Epoch 0, whose loss says nothing of training, then one for each loss."""
    return [EpochRecord(i, i, 0.0, 0.0, loss, 0.0, 0.0, 0.0, ()) for i, loss in enumerate([0.0, *val_losses])]


def test_before_there_is_any_record_it_is_that_of_the_first_epoch():
    hp = Hyperparameters(lr=0.5, warmup=4)
    assert learning_rate(hp, []) == learning_rate(hp, history([])) == 0.125


def test_a_plateau_by_hand():
    hp = Hyperparameters(lr=1.0, schedule="plateau", plateau_patience=1)
    losses = [5.0, 4.0, 4.0, 4.0, 3.0, 3.0, 9.0, math.nan, 3.0]
    rates = [learning_rate(hp, history(losses[:n])) for n in range(len(losses) + 1)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001])


def test_plateau_decay_and_warmup_multiply():
    hp = Hyperparameters(lr=1.0, schedule="plateau", plateau_patience=0, lr_decay=0.5, warmup=5)
    assert learning_rate(hp, history([2.0, 1.0, 1.0])) == pytest.approx(0.5**3 * 0.1 * 4 / 5)


@given(
    losses=st.lists(st.sampled_from([1.0, 0.99995, 0.9998, 0.5, 0.7, 2.0, math.nan, math.inf, 0.0]), max_size=40),
    patience=st.integers(0, 5),
)
def test_plateaus_are_those_of_the_schedule_object(losses, patience):
    optimizer = optim.SGD([Tensor(np.ones(1), requires_grad=True)], lr=1.0)
    scheduler = optim.ReduceLROnPlateau(optimizer, patience=patience, factor=0.5, eps=0)
    for n, loss in enumerate(losses, start=1):
        scheduler.step(loss)
        assert 0.5 ** plateaus(losses[:n], patience) == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize(
    ("changes", "schedule"),
    [
        ({"lr_decay": 0.1}, lambda o: optim.ExponentialLR(o, 0.9)),
        ({"schedule": "cosine"}, lambda o: optim.CosineAnnealingLR(o, 12)),
        ({"schedule": "step"}, lambda o: optim.StepLR(o, 4)),
        ({"warmup": 4}, lambda o: optim.LinearLR(o, 1 / 4, 1.0, 3)),
    ],
    ids=["exponential", "cosine", "step", "warmup"],
)
def test_a_run_follows_the_schedule_object(changes, schedule):
    hp = Hyperparameters(lr=0.3, epochs=12, **changes)
    optimizer = optim.SGD([Tensor(np.ones(1), requires_grad=True)], lr=0.3)
    scheduler = schedule(optimizer)
    for epoch in range(12):
        assert learning_rate(hp, history([1.0] * epoch)) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)
        scheduler.step()


def test_a_session_steps_down_where_its_validation_loss_stands_still_and_remembers_nothing():
    hp = Hyperparameters(hidden=(5,), lr=0.5, epochs=25, schedule="plateau", plateau_patience=2)
    session = Session(Experiment("xor", hp))
    while not session.finished:
        lr = session.lr
        assert session.next().lr == lr
    assert session.lr < hp.lr / 5
    for epoch, record in enumerate(session.history[1:]):
        assert record.lr == learning_rate(hp, session.history[: epoch + 1])
    while len(session.history) > 1:  # back in time
        session.history.pop()
        assert session.lr == learning_rate(hp, session.history)
    assert session.lr == hp.lr
    session.set(lr=0.25)
    assert session.lr == 0.25
