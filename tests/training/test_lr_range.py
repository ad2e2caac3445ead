"""The learning-rate range test: what it does, what it leaves alone, and whether its advice is any good."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tinygrad_nn import nn, optim
from tinygrad_nn.training import Experiment, Hyperparameters, Session, lr_range_test


def best_metric(experiment: Experiment, hp: Hyperparameters) -> float:
    session = Session(experiment, hp)
    while not session.finished and session.stop is None:
        session.next()
    return max(r.val_metric for r in session.history)


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes", "xor", "moons"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_suggestion_trains_as_well_as_the_preset(name, optimizer):
    experiment = Experiment(name)
    hp = experiment.hyperparameters.replace(optimizer=optimizer, epochs=min(experiment.hyperparameters.epochs, 40))
    test = lr_range_test(experiment, hp)
    assert test.suggestion is not None
    assert best_metric(experiment, hp.replace(lr=test.suggestion)) > best_metric(experiment, hp) - 0.04


def test_the_learning_rate_rises_geometrically_until_the_loss_diverges():
    test = lr_range_test(Experiment("digits"), low=1e-4, high=100.0, batches=80)
    assert len(test.lrs) == len(test.losses) == len(test.smoothed) < 80
    np.testing.assert_allclose(test.lrs, np.geomspace(1e-4, 100, 80)[: len(test.lrs)])
    assert test.smoothed[-1] > 4 * min(test.smoothed)
    assert (np.array(test.smoothed[:-1]) <= 4 * np.minimum.accumulate(test.smoothed[:-1])).all()
    assert f"diverged at {test.lrs[-1]:.2g}" in test.why


def test_the_losses_are_those_of_a_run_and_their_smoothing_a_weighted_mean():
    experiment = Experiment("iris")
    test = lr_range_test(experiment, low=1e-3, high=2e-3, batches=20)
    session = Session(experiment)
    for lr, loss in zip(test.lrs, test.losses, strict=True):
        session.set(lr=lr)
        assert session.step().loss == loss
    for i in range(20):
        weights = 0.9 ** np.arange(i, -1, -1)
        assert test.smoothed[i] == pytest.approx(np.average(test.losses[: i + 1], weights=weights))


def test_the_suggestion_is_a_tenth_of_where_the_fall_was_done_and_why_says_so():
    test = lr_range_test(Experiment("digits"))
    start, lowest = np.mean(test.losses[:10]), min(test.smoothed[10:])
    done = next(i for i in range(10, 200) if test.smoothed[i] <= start - 0.95 * (start - lowest))
    assert test.suggestion == pytest.approx(test.lrs[done] / 10, rel=0.05)
    for number in (start, lowest, test.lrs[done]):
        assert f"{number:.2g}" in test.why or f"{number:.3g}" in test.why


def test_it_repeats_and_schedules_and_early_stopping_have_no_part_in_it():
    experiment = Experiment("xor")
    plain = lr_range_test(experiment, Hyperparameters(hidden=(5,)), batches=40)
    changes = {"lr": 0.5, "lr_decay": 0.5, "schedule": "cosine", "warmup": 9, "patience": 1, "goal": 100.0, "epochs": 1}
    other = lr_range_test(experiment, Hyperparameters(hidden=(5,), **changes), batches=40)
    assert plain.losses == other.losses
    assert experiment.hyperparameters == Experiment("xor").hyperparameters


def test_groups_of_a_recipe_keep_their_ratio():
    seen = []

    class Slow(Experiment):
        dataset = "iris"

        def optimizer(self, hp, parameters):
            first, *others = parameters

            class Watched(optim.SGD):
                def step(self):
                    seen.append([group["lr"] for group in self.param_groups])
                    super().step()

            return Watched([{"params": [first], "lr": 0.001}, {"params": others}], lr=hp.lr)

    test = lr_range_test(Slow(hyperparameters=Hyperparameters(lr=0.1)), batches=20)
    np.testing.assert_allclose(seen, np.outer(test.lrs, [0.01, 1]), rtol=1e-9)


def test_a_network_that_does_not_learn_gets_no_suggestion():
    class Dead(Experiment):
        dataset = "iris"

        def model(self, hp, train, rng):
            net = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.ReLU())
            net[0].weight.data[...] = 0
            net[0].bias.data[...] = -1
            return net

    test = lr_range_test(Dead(), batches=30)
    assert test.suggestion is None
    assert len(test.lrs) == 30
    assert "hardly fallen, from 1.1 to 1.1" in test.why
    assert "up to 10 it did not diverge" in test.why


def test_a_range_that_begins_too_high_is_said_to():
    test = lr_range_test(Experiment("diabetes", Hyperparameters(optimizer="sgd")), low=100.0, high=1000.0)
    assert test.suggestion is None
    assert len(test.lrs) < 20
    assert "begin with a lower learning rate" in test.why


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0.0}, "must be 0 < low < high <= 1000, not 0.0 and 10.0"),
        ({"low": 1.0, "high": 1.0}, "not 1.0 and 1.0"),
        ({"high": 1001.0}, "not 1e-06 and 1001.0"),
        ({"low": float("nan")}, "not nan"),
        ({"batches": 19}, "at least 20 batches, not 19"),
    ],
)
def test_a_wrong_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        lr_range_test(Experiment("xor"), **options)


def test_the_result_is_frozen():
    test = lr_range_test(Experiment("xor"), batches=20)
    with pytest.raises(dataclasses.FrozenInstanceError):
        test.suggestion = 1.0  # type: ignore[misc]
