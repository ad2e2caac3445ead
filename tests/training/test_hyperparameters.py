from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.training import KNOBS, Hyperparameters
from tinygrad_nn.training.hyperparameters import parse_assignments


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_is_fully_described(name):
    knob = KNOBS[name]
    assert knob.help.endswith(".")
    assert knob.allowed
    assert knob.check(knob.default) == knob.default
    assert knob.parse(knob.show(knob.default)) == knob.default


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("lr=0.03", 0.03),
        ("lr = 1e-4", 1e-4),
        ("hidden=8,8", (8, 8)),
        ("hidden=(16,)", (16,)),
        ("hidden=none", ()),
        ("optimizer=SGD", "sgd"),
        ("epochs=7", 7),
        ("dropout=0", 0.0),
        ("momentum=0.99", 0.99),
        ("nesterov=On", True),
        ("nesterov=false", False),
    ],
)
def test_a_setting_is_parsed(assignment, value):
    (parsed,) = parse_assignments([assignment]).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("lr=-1", "lr must be a number above 0 to 1000; '-1' is not"),
        ("lr=0", "lr must be a number above 0"),
        ("lr=nan", "lr must be a number"),
        ("lr=fast", "'fast' is not"),
        ("momentum=1", "momentum must be a number from 0 to below 1"),
        ("batch_size=2.5", "batch_size must be a whole number from 1"),
        ("hidden=8,0", "sizes of the hidden layers from 1 to 4096"),
        ("hidden=a", "sizes of the hidden layers"),
        ("nesterov=maybe", "nesterov must be on or off; 'maybe' is not"),
        ("activation=rleu", "activation must be one of .*relu.*; 'rleu' is not"),
        ("learning_rate=1", "there is no hyperparameter 'learning_rate': did you mean lr.*They are optimizer, lr"),
        ("batchsize=1", "did you mean batch_size"),
        ("lr", "write name=value"),
    ],
)
def test_a_wrong_setting_names_what_is_allowed(assignment, message):
    with pytest.raises(ValueError, match=message):
        parse_assignments([assignment])


@pytest.mark.parametrize(
    "change",
    [
        {"lr": True},
        {"lr": 10**400},
        {"epochs": 10**400},
        {"hidden": 8.0},
        {"hidden": {8}},
        {"epochs": 2.0},
        {"hidden": "88"},
        {"hidden": (True,)},
        {"seed": -1},
        {"lr": math.inf},
        {"nesterov": 1},
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_from_python_too(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Hyperparameters(**change)


def test_they_are_frozen_and_compared():
    hp = Hyperparameters()
    with pytest.raises(dataclasses.FrozenInstanceError):
        hp.lr = 1.0  # type: ignore[misc]
    assert hp.replace(lr=0.5).differences(hp) == {"lr": (0.5, 0.001)}
    assert hp.updated(["lr=0.5", "hidden=2"]) == Hyperparameters(lr=0.5, hidden=(2,))
    with pytest.raises(ValueError, match="no hyperparameter 'x'"):
        hp.replace(x=1)


@given(name=st.sampled_from(list(KNOBS)), ups=st.lists(st.sampled_from([1, -1]), max_size=60))
def test_nudging_never_leaves_the_range(name, ups):
    knob = KNOBS[name]
    value = knob.default
    for direction in ups:
        value = knob.nudged(value, direction)
        assert knob.check(value) == value
        assert knob.parse(knob.show(value)) == value


def test_the_learning_rate_climbs_in_steps_of_1_2_5():
    lr, steps = 0.001, []
    for _ in range(4):
        lr = KNOBS["lr"].nudged(lr, 1)
        steps.append(lr)
    assert steps == [0.002, 0.005, 0.01, 0.02]
    assert KNOBS["lr"].nudged(0.003, -1) == 0.002
    assert KNOBS["l2"].nudged(0.0, 1) == 1e-4
