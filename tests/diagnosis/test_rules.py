"""The rules on histories written by hand: what fires, what must not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tinygrad_nn.diagnosis import Thresholds, diagnose
from tinygrad_nn.records import EpochRecord, Facts, Histogram, LayerRecord
from tinygrad_nn.training import Experiment, Hyperparameters, Session

EMPTY = Histogram(0, 1, np.zeros(64, int))


def layer(index: int, norm: float, parameters: int = 100) -> LayerRecord:
    return LayerRecord(
        index=index,
        name=str(index),
        label=f"Linear {index}",
        parameters=parameters,
        gradient_norm=norm,
        gradient_rms=norm / math.sqrt(parameters),
        gradient_max=norm,
        weight_norm=1.0,
        weight_rms=0.1,
        update_ratio=1e-3,
        activation_mean=0.0,
        activation_std=1.0,
        zero_fraction=0.0,
        saturated_fraction=math.nan,
        weights=EMPTY,
        gradients=EMPTY,
        activations=EMPTY,
    )


def history(norms: list[list[float]], losses: list[float]) -> list[EpochRecord]:
    return [
        EpochRecord(e, e * 100, loss, 0.5, loss, 0.5, 0.1, 0.0, tuple(layer(i, n) for i, n in enumerate(row, 1)))
        for e, (row, loss) in enumerate(zip(norms, losses, strict=True))
    ]


def rules(records) -> list[str]:
    return [f.rule for f in diagnose(records)]


def test_nothing_is_wrong_with_nothing():
    assert diagnose([]) == ()
    assert diagnose(history([[1, 1]], [1.0])) == ()


def test_a_faded_gradient_in_a_run_that_does_not_learn_is_a_fault_with_its_numbers():
    (finding,) = diagnose(history([[1e-6, 1e-5, 0.1]] * 5, [0.7, 0.7, 0.69, 0.7, 0.7]))
    assert (finding.rule, finding.severity, finding.layers, finding.first_epoch) == (
        "vanishing_gradient",
        "fault",
        (1, 2),
        1,
    )
    assert finding.numbers["ratio"] == pytest.approx(1e-5)
    assert finding.numbers["ratio"] < finding.numbers["ratio_threshold"]
    assert "100,000 times" in finding.explanation
    assert finding.remedies[0].changes == {"activation": "relu", "init": "auto"}
    assert finding.source


def test_a_faded_gradient_is_no_fault_where_the_run_learns():
    assert rules(history([[1e-6, 0.1]] * 5, [0.7, 0.5, 0.3, 0.2, 0.1])) == []


@pytest.mark.parametrize("norms", [[1e-3, 0.1], [2e-6, 1e-4]], ids=["not small", "not in relation"])
def test_a_symptom_by_halves_is_none(norms):
    assert rules(history([norms] * 5, [0.7] * 5)) == []


def test_it_must_last_and_the_finding_says_since_when():
    faded, fine = [1e-6, 0.1], [0.1, 0.1]
    assert rules(history([fine, faded, faded], [0.7] * 3)) == []
    assert rules(history([fine, faded, fine, faded, faded], [0.7] * 5)) == []
    (finding,) = diagnose(history([fine, faded, fine, faded, faded, faded], [0.7] * 6))
    assert finding.first_epoch == 3


def test_a_gradient_of_exactly_0_is_said_to_be_that():
    (finding,) = diagnose(history([[0.0, 0.1]] * 5, [0.7] * 5))
    assert "exactly 0" in finding.explanation


def test_a_gradient_that_outgrows_the_others_while_the_loss_rises_is_exploding():
    (finding,) = diagnose(history([[1, 1], [100, 1], [500, 1]], [0.7, 0.8, 5.0]))
    assert (finding.rule, finding.layers) == ("exploding_gradient", (1,))
    assert rules(history([[1, 1], [100, 1], [500, 1]], [0.7, 0.4, 0.3])) == []


def test_a_sudden_growth_over_its_own_median_is_exploding():
    norms = [[1, 1]] * 6 + [[500, 200]]
    (finding,) = diagnose(history(norms, [0.7] * 6 + [3.0]))
    assert finding.layers == (1, 2)
    assert finding.numbers["norm"] == 500


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_none_is_a_fault_from_its_first_epoch(bad):
    (finding,) = diagnose(history([[1, 1], [1, bad], [bad, bad]], [0.7, 0.7, bad]))
    assert (finding.rule, finding.layers, finding.first_epoch) == ("not_finite", (2,), 1)


def test_thresholds_are_parameters():
    records = history([[1e-6, 0.1]] * 5, [0.7] * 5)
    assert diagnose(records, Thresholds(vanishing_ratio=1e-9, vanished_ratio=1e-9)) == ()
    assert diagnose(records, Thresholds(epochs_in_a_row=6)) == ()


def test_eight_sigmoid_layers_from_small_weights_vanish_and_the_offered_remedy_mends_it():
    hp = Hyperparameters(hidden=(8,) * 8, activation="sigmoid", init="normal", epochs=8, lr=0.01)
    session = Session(Experiment("spiral", hp))
    while not session.finished:
        session.next()
    (finding,) = session.findings()
    assert finding.rule == "vanishing_gradient"
    assert {1, 2, 3} <= set(finding.layers)
    mended = Session(Experiment("spiral", hp.replace(epochs=40, **finding.remedies[0].changes)))
    while not mended.finished:
        mended.next()
    assert mended.findings() == ()
    assert mended.history[-1].layers[0].gradient_rms > 1e5 * session.history[-1].layers[0].gradient_rms
    assert min(r.train_loss for r in mended.history) < min(r.train_loss for r in session.history)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["iris", "xor", "circle", "gaussians", "moons", "spiral"])
def test_healthy_runs_are_silent_after_every_epoch(name, seed):
    experiment = Experiment(name)
    session = Session(experiment, experiment.hyperparameters.replace(seed=seed, epochs=20))
    while not session.finished:
        session.next()
        assert session.findings() == ()


def facts(**settings) -> Facts:
    return Facts({"epochs": 10, "lr": 0.1, **settings})


def parted(losses: list[float], val_losses: list[float], metrics: tuple[float, float]) -> list[EpochRecord]:
    """With losses of both parts, and the metrics of the last epoch."""
    records = history([[0.1, 0.1]] * len(losses), losses)
    records = [replace(r, val_loss=v) for r, v in zip(records, val_losses, strict=True)]
    return [*records[:-1], replace(records[-1], train_metric=metrics[0], val_metric=metrics[1])]


def still(records: list[EpochRecord], update_ratio: float) -> list[EpochRecord]:
    return [replace(r, layers=tuple(replace(x, update_ratio=update_ratio) for x in r.layers)) for r in records]


def test_no_gradient_at_all_leads():
    (finding,) = diagnose(history([[0.0, 0.0]] * 5, [0.7] * 5))
    assert (finding.rule, finding.layers, finding.first_epoch) == ("no_gradient", (1, 2), 1)
    assert rules(history([[0.0, 0.1]] * 5, [0.7, 0.5, 0.3, 0.2, 0.1])) == []


def test_steps_that_are_too_long():
    diverged = [0.7, 0.8, 2.5]
    (finding,) = diagnose(history([[0.1, 0.1]] * 3, diverged), facts=facts())
    assert (finding.rule, finding.severity) == ("learning_rate_high", "fault")
    assert finding.remedies[0].changes == {"lr": pytest.approx(0.01)}
    (later,) = diagnose(history([[0.1, 0.1]] * 6, [*diverged, 3.0, 2.6, 2.9]), facts=facts())
    assert finding.first_epoch == later.first_epoch == 2  # it does not move while it lasts
    (lost,) = diagnose(history([[0.1, 0.1]] * 4, [0.7, 0.3, 0.2, 0.69]), facts=facts())
    assert "0.2 in epoch 2" in lost.explanation
    assert rules(history([[0.1, 0.1]] * 4, [0.7, 2.5, 0.4, 0.3])) == []  # it has come back
    steep = facts(optimizer="sgd", momentum=0.99)
    assert diagnose(history([[0.1, 0.1]] * 3, diverged), facts=steep)[0].remedies[0].changes == {"momentum": 0.9}


def test_steps_that_are_too_short():
    slow = still(history([[0.1, 0.1]] * 6, [0.7] * 6), 1e-5)
    (finding,) = diagnose(slow, facts=facts())
    assert (finding.rule, finding.severity, finding.remedies[0].changes) == (
        "learning_rate_low",
        "warning",
        {"lr": 10.0},
    )
    assert diagnose(slow[:3], facts=facts()) == ()  # it is early yet
    assert diagnose(slow[:4], facts=facts(epochs=20)) == ()
    assert diagnose(still(history([[0.1, 0.1]] * 6, [0.7, 0.6, 0.5, 0.4, 0.3, 0.2]), 1e-5), facts=facts()) == ()


def test_overfitting_takes_both_signs_and_more_than_chance():
    falling, rising = [0.7, 0.5, 0.4, 0.3, 0.2, 0.1], [0.7, 0.5, 0.45, 0.5, 0.6, 0.8]
    (finding,) = diagnose(parted(falling, rising, (0.99, 0.8)), facts=facts())
    assert (finding.rule, finding.severity, finding.first_epoch) == ("overfitting", "warning", 2)
    assert finding.remedies[0].changes == {"epochs": 2}
    assert diagnose(parted(falling, rising, (0.99, 0.95)), facts=facts()) == ()
    assert diagnose(parted(falling, [0.7, 0.5, 0.45, 0.45, 0.45, 0.46], (0.99, 0.8)), facts=facts()) == ()
    few = facts(validation=0.2, batch_size=1)  # 25 validation examples
    assert diagnose(parted(falling, rising, (0.99, 0.8)), facts=few) == ()
    assert [f.rule for f in diagnose(parted(falling, rising, (0.99, 0.5)), facts=few)] == ["overfitting"]


def test_a_run_that_has_learnt_nothing_never_ends_in_silence():
    records = history([[0.1, 0.1]] * 11, [0.7] * 11)
    (finding,) = diagnose(records, facts=facts())
    assert (finding.rule, finding.title) == ("not_learning", "not learning, cause unknown")
    assert "Ruled out" in finding.explanation
    assert diagnose(records[:-1], facts=facts()) == ()  # not before the plan is done
    assert "not_learning" not in [f.rule for f in diagnose(still(records, 1e-6), facts=facts())]


def test_what_is_left_of_a_constant_guess_tells_whether_a_run_learns():
    """From a start off centre the loss halves before anything is learnt of the inputs."""
    records = history([[1e-6, 1e-5, 0.1]] * 6, [2.0, 0.72, 0.7, 0.7, 0.69, 0.69])
    assert diagnose(records) == ()
    (finding,) = diagnose(records, facts=Facts(constant_loss=0.693))
    assert finding.rule == "vanishing_gradient"
    assert "the same for every example" in finding.explanation
    assert diagnose(records, facts=Facts(constant_loss=2.0)) == ()


def test_too_much_dropout_leads_and_a_short_step_by_a_schedule_is_none():
    records = history([[0.1, 0.1]] * 6, [0.7, 2.8, 2.7, 2.6, 2.5, 2.6])
    (finding,) = diagnose(records, facts=facts(dropout=0.95))
    assert (finding.rule, finding.severity, finding.remedies[0].changes) == (
        "dropout_high",
        "warning",
        {"dropout": 0.2},
    )
    assert [f.rule for f in diagnose(records, facts=facts(dropout=0.5))] == ["learning_rate_high"]
    unheard = Facts({"dropout": 0.95, "epochs": 10}, frozenset({"lr"}))
    assert [f.rule for f in diagnose(records, facts=unheard)] == ["learning_rate_high"]
    ended = still([replace(r, lr=1e-5) for r in history([[0.1, 0.1]] * 6, [0.7] * 6)], 1e-6)
    assert diagnose(ended, facts=facts()) == ()


def test_a_penalty_that_has_eaten_the_weights():
    records = history([[0.1, 0.1]] * 6, [0.7] * 6)
    thin = [
        records[0],
        *(replace(r, layers=tuple(replace(x, weight_norm=0.01) for x in r.layers)) for r in records[1:]),
    ]
    (finding,) = diagnose(thin, facts=facts(l2=10.0))
    assert (finding.rule, finding.remedies[0].changes) == ("penalty_strong", {"l2": 0.0})
    assert finding.first_epoch == 1
    assert "penalty_strong" not in [f.rule for f in diagnose(thin, facts=facts(l2=0.0))]


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"activation": "sigmoid", "hidden": (6,) * 9, "epochs": 20}, "vanishing_gradient"),
        ({"lr": 1e-7}, "learning_rate_low"),
        ({"init": "zeros", "hidden": (8, 8)}, "no_gradient"),
        ({"lr": 10.0}, "learning_rate_high"),
        ({"dropout": 0.95}, "dropout_high"),
        ({"l2": 10.0}, "penalty_strong"),
    ],
)
def test_faults_on_the_circle_are_named(settings, rule):
    experiment = Experiment("circle")
    session = Session(experiment, experiment.hyperparameters.replace(**settings))
    session.run_until()
    finding = session.findings()[0]
    assert finding.rule == rule
    mended = Session(experiment, session.hyperparameters.replace(**{"epochs": 60, **finding.remedies[0].changes}))
    mended.run_until()
    assert mended.findings() == ()
    assert mended.history[-1].train_loss < 0.8 * session.history[-1].train_loss
