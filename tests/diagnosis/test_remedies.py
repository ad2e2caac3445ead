"""A remedy changes something, and can help: what is in force, or does nothing here, is not offered."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn import AnomalyError, Tensor, detect_anomaly, nn
from tinygrad_nn.diagnosis import diagnose, guard
from tinygrad_nn.diagnosis.domains import DOMAINS
from tinygrad_nn.records import Facts, Remedy
from tinygrad_nn.training import Experiment, Hyperparameters, Session

from .test_rules import history

FAULTY = {
    "not_finite": history([[1, 1], [1, math.nan]], [0.7, math.nan]),
    "vanishing_gradient": history([[1e-6, 1e-5, 0.1]] * 5, [0.7] * 5),
    "exploding_gradient": history([[1, 1], [100, 1], [500, 1]], [0.7, 0.8, 5.0]),
}


def remedies(rule: str, **facts) -> tuple[Remedy, ...]:
    (finding,) = diagnose(FAULTY[rule], facts=Facts(**facts))
    assert finding.rule == rule
    return finding.remedies


@pytest.mark.parametrize("rule", FAULTY)
def test_what_is_set_already_is_not_offered(rule):
    every = remedies(rule)
    assert any(remedy.changes for remedy in every)
    for remedy in every:
        found = remedies(rule, settings=dict(remedy.changes))
        for other in found:
            assert not set(other.changes.items()) & set(remedy.changes.items())
        if remedy.changes and "lr" not in remedy.changes:  # a lower rate is lower than the one that is set
            assert remedy.text not in [other.text for other in found]
    defaults = vars(Hyperparameters())
    for remedy in remedies(rule, settings=defaults):
        for name, value in remedy.changes.items():
            assert defaults[name] != value


def test_of_two_that_come_to_the_same_the_one_that_says_no_more_is_kept():
    settings = {"activation": "relu", "init": "normal"}
    assert [r.text for r in remedies("vanishing_gradient", settings=settings)] == [
        "the initialiser that fits the activation",
        "fewer hidden layers",
    ]


@pytest.mark.parametrize("rule", FAULTY)
def test_what_the_experiment_does_not_read_is_left_to_a_person(rule):
    found = remedies(rule, heard=frozenset())
    assert found
    assert not any(remedy.changes for remedy in found)
    for before, after in zip(remedies(rule), found, strict=True):
        assert after.text == before.text + ", in the experiment's own code" * bool(before.changes)


def test_a_model_of_ones_own_that_reads_no_activation():
    class Own(Experiment):
        dataset = "xor"

        def model(self, hp, train, rng):
            layers = [nn.Linear(2 if i == 0 else 4, 4, rng=rng) for i in range(3)]
            return nn.Sequential(*layers, nn.Linear(4, 1, rng=rng))

    heard = Session(Own(), Hyperparameters(epochs=1)).facts.heard
    assert heard is not None
    assert not heard & {"activation", "init", "hidden", "dropout"}
    assert {"lr", "scaling", "l2", "optimizer", "weight_decay"} <= heard
    built_in = Session(Experiment("xor"), Hyperparameters(epochs=1)).facts.heard
    assert built_in is not None
    assert {"activation", "init", "hidden", "dropout"} <= built_in


# --- the penalty as the cause


@pytest.mark.parametrize(
    ("settings", "acts"),
    [
        ({"optimizer": "sgd", "lr": 10.0, "l2": 3.0}, True),
        ({"optimizer": "sgd", "lr": 10.0, "weight_decay": 3.0}, True),
        ({"optimizer": "sgd", "lr": 1.0, "weight_decay": 1.5, "l2": 1.5}, True),
        ({"optimizer": "adamw", "lr": 1.0, "weight_decay": 3.0}, True),
        ({"optimizer": "sgd", "lr": 1.0, "l2": 1.9}, False),
        ({"optimizer": "sgd", "lr": 10.0}, False),
        ({"optimizer": "adamw", "lr": 10.0, "l2": 3.0}, False),  # which divides by the gradient's size
        ({"optimizer": "adam", "lr": 10.0, "l2": 3.0, "weight_decay": 3.0}, False),
    ],
    ids=str,
)
def test_a_penalty_whose_own_step_overshoots_is_the_cause(settings, acts):
    records = FAULTY["not_finite"]
    records = [type(r)(**{n: getattr(r, n) for n in r.__slots__} | {"lr": settings["lr"]}) for r in records]
    facts = Facts(vars(Hyperparameters(**settings)))
    (finding,) = diagnose(records, facts=facts)
    assert ("The penalty alone" in finding.explanation) == acts
    assert ("penalty_step" in finding.numbers) == acts
    first = finding.remedies[0]
    if not acts:
        assert first.changes == {"lr": settings["lr"] / 10}
        return
    assert set(first.changes) == {n for n in ("l2", "weight_decay") if n in settings}
    assert settings["lr"] * sum(first.changes.values()) <= 1
    assert finding.remedies[1].changes["lr"] * sum(settings[n] for n in first.changes) <= 1


def test_the_offered_penalty_ends_the_overflow():
    hp = Hyperparameters(optimizer="sgd", lr=10, l2=3, hidden=(8, 8), epochs=10)
    session = Session(Experiment("spiral", hp))
    with np.errstate(all="ignore"):
        session.run_until()
    (finding,) = session.findings()
    assert "The penalty alone moves a weight by 30 times its size" in finding.explanation
    assert finding.remedies[0].changes == {"l2": 0.03}
    for remedy in finding.remedies:
        mended = Session(Experiment("spiral", hp.replace(**remedy.changes)))
        mended.run_until()
        assert "not_finite" not in [f.rule for f in mended.findings()]


# --- an operation outside of what it is defined for

INSIDE = {"log1p": [-0.5, 2.0], "arcsin": [-0.5, 0.5], "arccos": [-0.5, 0.5], "arctanh": [-0.5, 0.5]}
OUTSIDE = {"log1p": [-1.0, 2.0], "arcsin": [-2.0, 0.5], "arccos": [0.0, 1.5], "arctanh": [-1.0, 0.5]}
CALLS = {"div": lambda x: 1.0 / x}


@pytest.mark.parametrize("name", DOMAINS)
def test_an_operation_that_is_given_what_it_is_not_defined_for_is_to_be_guarded(name):
    inside, outside = INSIDE.get(name, [0.5, 2.0]), OUTSIDE.get(name, [-1.0, 0.0, 2.0])
    place = DOMAINS[name][0]
    padding = [None] * place
    remedy = guard(name, [*padding, (min(outside), max(outside))])
    assert remedy is not None
    assert remedy.text.startswith(f"guard {name}: ")
    assert not remedy.changes
    assert guard(name, [*padding, (min(inside), max(inside))]) is None
    assert guard(name, [None] * 2) is guard(name, []) is None
    call = CALLS.get(name) or getattr(Tensor, name, None)
    if call is None:
        return  # an operation that there is not yet
    x = Tensor(np.array(outside), requires_grad=True)
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as error, detect_anomaly():
        call(x).sum().backward()
    assert guard(error.value.operation, error.value.ranges) is not None  # of the operation that it is made of


@pytest.mark.parametrize(
    ("base", "exponent", "guarded"),
    [
        ([-1.0, 2.0], 0.5, True),
        ([0.0, 2.0], -1, True),
        ([0.0, 2.0], -0.5, True),
        ([-3e38, 3e38], 2, False),  # too large, and defined
        ([1.0, 1e300], 3, False),
    ],
)
def test_a_power(base, exponent, guarded):
    x = Tensor(np.array(base, np.float64 if max(base) > 1e39 else np.float32), requires_grad=True)
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as error, detect_anomaly():
        (x**exponent).sum().backward()
    assert (guard(error.value.operation, error.value.ranges) is not None) == guarded


@pytest.mark.parametrize("activation", ["log", "sqrt", "exp"])
@pytest.mark.parametrize("lr", [1e-3, 1e3])
def test_the_cause_decides_whether_a_lower_rate_is_offered(activation, lr):
    class Net(nn.Module):
        def __init__(self, rng):
            self.a, self.b = nn.Linear(4, 8, rng=rng), nn.Linear(8, 3, rng=rng)

        def forward(self, x):
            return self.b(getattr(self.a(x), activation)())

    class Own(Experiment):
        dataset = "iris"

        def model(self, hp, train, rng):
            return Net(rng)

    with np.errstate(all="ignore"):
        session = Session(Own(), Hyperparameters(lr=lr, optimizer="sgd", momentum=0, epochs=3))
        session.run_until()
    if activation == "exp" and lr < 1:
        assert session.findings() == ()
        return
    (finding,) = session.findings()
    if activation == "exp":
        assert finding.remedies[0].changes == {"lr": lr / 10}
        return
    (remedy,) = finding.remedies
    assert remedy.text.startswith(f"guard {activation}: its input goes from -")
    assert not remedy.changes


def test_before_the_first_step_no_learning_rate_has_had_a_part():
    class Own(Experiment):
        dataset = "iris"

        def model(self, hp, train, rng):
            net = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng))
            net[0].weight.data[:] = 3e38
            return net

    with np.errstate(all="ignore"):
        session = Session(Own(), Hyperparameters(scaling="none"))
        session.run_until()
    (finding,) = session.findings()
    assert finding.first_epoch == 0
    assert [remedy.changes for remedy in finding.remedies] == [{"scaling": "standard"}]
