"""The rules on histories written by hand: what fires, what must not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn.diagnosis import Thresholds, diagnose
from tinygrad_nn.records import EpochRecord, Histogram, LayerRecord
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
        EpochRecord(e, e * 10, loss, 0.5, loss, 0.5, 0.1, 0.0, tuple(layer(i, n) for i, n in enumerate(row, 1)))
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


@pytest.mark.parametrize("norms", [[1e-3, 0.1], [1e-6, 1e-4]], ids=["not small", "not in relation"])
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
    assert diagnose(records, Thresholds(vanishing_ratio=1e-9)) == ()
    assert diagnose(records, Thresholds(epochs_in_a_row=6)) == ()


def test_eight_sigmoid_layers_from_small_weights_vanish_and_the_offered_remedy_mends_it():
    hp = Hyperparameters(hidden=(8,) * 8, activation="sigmoid", init="normal", epochs=8, lr=0.01)
    session = Session(Experiment("spiral", hp))
    while not session.finished:
        session.next()
    (finding,) = session.findings()
    assert finding.rule == "vanishing_gradient"
    assert {1, 2, 3} <= set(finding.layers)
    mended = Session(Experiment("spiral", hp.replace(**finding.remedies[0].changes)))
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
