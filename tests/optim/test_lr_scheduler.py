"""Each schedule against its formula, written out, and against PyTorch."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tinygrad_nn import Tensor, optim

EPOCHS = 40
RATES = (0.4, 0.03)  # the learning rates of two parameter groups


def ours(rates=RATES) -> optim.SGD:
    return optim.SGD([{"params": [Tensor(np.ones(1), requires_grad=True)], "lr": lr} for lr in rates])


def theirs(rates=RATES):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    return torch.optim.SGD([{"params": [torch.ones(1, requires_grad=True)], "lr": lr} for lr in rates])


def torch_schedules():
    return pytest.importorskip("torch.optim.lr_scheduler", reason="PyTorch is the independent implementation")


def rates(optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def trajectory(optimizer, schedulers, epochs=EPOCHS) -> np.ndarray:
    """The learning rates in every epoch, by group; all the schedules step after each."""
    seen = []
    for _ in range(epochs):
        seen.append(rates(optimizer))
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return np.array(seen)


# Recipes work on this package's schedules and on PyTorch's: `kit` is the module.
RECIPES = {
    "exponential": lambda kit, o: [kit.ExponentialLR(o, 0.9)],
    "step": lambda kit, o: [kit.StepLR(o, 7, 0.3)],
    "step by default": lambda kit, o: [kit.StepLR(o, 15)],
    "linear": lambda kit, o: [kit.LinearLR(o)],
    "linear down to 0": lambda kit, o: [kit.LinearLR(o, 1.0, 0.0, 12)],
    "linear with settings": lambda kit, o: [kit.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=20)],
    "cosine": lambda kit, o: [kit.CosineAnnealingLR(o, 50)],
    "cosine there and back": lambda kit, o: [kit.CosineAnnealingLR(o, T_max=6, eta_min=0.01)],
    "cosine to and fro": lambda kit, o: [kit.CosineAnnealingLR(o, 1)],
    "one of a sequence": lambda kit, o: [kit.SequentialLR(o, [kit.ExponentialLR(o, 0.8)], [])],
    "warm-up and cosine": lambda kit, o: [
        kit.SequentialLR(o, [kit.LinearLR(o, 0.01, total_iters=5), kit.CosineAnnealingLR(o, 20)], [5])
    ],
    "three in sequence": lambda kit, o: [
        kit.SequentialLR(o, [kit.StepLR(o, 3), kit.ExponentialLR(o, 0.9), kit.LinearLR(o, 0.5)], milestones=[10, 11])
    ],
    "exponential and linear together": lambda kit, o: [kit.ExponentialLR(o, 0.95), kit.LinearLR(o, 0.2)],
    "milestones": lambda kit, o: [kit.MultiStepLR(o, [3, 7, 7, 30], 0.3)],
    "milestones by default": lambda kit, o: [kit.MultiStepLR(o, [0, 20])],
    "lambda": lambda kit, o: [kit.LambdaLR(o, lambda epoch: 0.95**epoch)],
    "lambdas": lambda kit, o: [kit.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), math.cos])],
    "lambda and step together": lambda kit, o: [kit.LambdaLR(o, lambda epoch: 0.9**epoch), kit.StepLR(o, 4, 0.5)],
    "restarts": lambda kit, o: [kit.CosineAnnealingWarmRestarts(o, 7)],
    "longer and longer restarts": lambda kit, o: [kit.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.01)],
    "one cycle": lambda kit, o: [kit.OneCycleLR(o, 0.5, total_steps=40)],
    "one cycle in three parts": lambda kit, o: [kit.OneCycleLR(o, [0.5, 0.1], 50, pct_start=0.4, three_phase=True)],
    "one cycle of lines": lambda kit, o: [
        kit.OneCycleLR(o, max_lr=1.0, epochs=5, steps_per_epoch=8, anneal_strategy="linear", div_factor=10.0)
    ],
    "one cycle without momentum": lambda kit, o: [
        kit.OneCycleLR(o, 0.5, 45, cycle_momentum=False, final_div_factor=100.0, pct_start=0.01)
    ],
    "warm-up and milestones": lambda kit, o: [
        kit.SequentialLR(o, [kit.LinearLR(o, 0.1), kit.MultiStepLR(o, [4, 8])], [5])
    ],
    "cosine and step together": lambda kit, o: [kit.CosineAnnealingLR(o, 9, 0.001), kit.StepLR(o, 4, 0.5)],
}


@pytest.mark.parametrize("name", RECIPES)
def test_follows_pytorch(name):
    a, b = ours(), theirs()
    ours_seen = trajectory(a, RECIPES[name](optim, a))
    theirs_seen = trajectory(b, RECIPES[name](torch_schedules(), b))
    np.testing.assert_allclose(ours_seen, theirs_seen, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("name", ["exponential", "step", "linear with settings", "cosine there and back"])
def test_a_learning_rate_set_by_hand_is_carried_on_as_in_pytorch(name):
    runs = []
    for kit, optimizer in ((optim, ours()), (torch_schedules(), theirs())):
        schedulers = RECIPES[name](kit, optimizer)
        first = trajectory(optimizer, schedulers, 4)
        optimizer.param_groups[0]["lr"] = 0.77
        runs.append(np.concatenate([first, trajectory(optimizer, schedulers)]))
    np.testing.assert_allclose(*runs, rtol=1e-10, atol=1e-15)
    assert runs[0][4, 0] == 0.77


T = np.arange(EPOCHS)
FORMULAS = {
    "exponential": 0.9**T,
    "step": 0.3 ** (T // 7),
    "linear": np.interp(T, [0, 5], [1 / 3, 1]),
    "linear down to 0": np.interp(T, [0, 12], [1, 0]),
    "linear with settings": np.interp(T, [0, 20], [0.1, 0.7]),
    "cosine": (1 + np.cos(np.pi * T / 50)) / 2,
    "cosine to and fro": (T + 1) % 2,
    "one of a sequence": 0.8**T,
    "warm-up and cosine": np.where(T < 5, np.interp(T, [0, 5], [0.01, 1]), (1 + np.cos(np.pi * (T - 5) / 20)) / 2),
    "three in sequence": np.select(
        [T < 10, T < 11], [0.1 ** (T // 3), 0.9 ** (T - 10.0)], np.interp(T - 11, [0, 5], [0.5, 1])
    ),
    "exponential and linear together": 0.95**T * np.interp(T, [0, 5], [0.2, 1]),
    "milestones": np.select([T < 3, T < 7, T < 30], [1, 0.3, 0.3**3], 0.3**4),
    "lambda": 0.95**T,
    "restarts": (1 + np.cos(np.pi * (T % 7) / 7)) / 2,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_follows_its_formula(name):
    optimizer = ours()
    seen = trajectory(optimizer, RECIPES[name](optim, optimizer))
    np.testing.assert_allclose(seen, np.outer(FORMULAS[name], RATES), rtol=1e-10, atol=1e-15)


def test_one_cycle_by_its_formula():
    """Up in half a wave to step 11, down to step 39; the momentum the other way."""
    optimizer = optim.SGD([Tensor(np.ones(1), requires_grad=True)], lr=9.0, momentum=0.5)
    schedule = optim.OneCycleLR(optimizer, 0.5, 40, base_momentum=0.8, max_momentum=0.9)
    down = (1 + np.cos(np.pi * np.where(T <= 11, T / 11, (T - 11) / 28))) / 2  # 1 where a part begins, 0 at its end
    rates_seen, momenta_seen = [], []
    for _ in range(40):
        rates_seen.append(optimizer.param_groups[0]["lr"])
        momenta_seen.append(optimizer.param_groups[0]["momentum"])
        schedule.step()
    first = T <= 11
    expected = np.where(first, 0.5 + (0.02 - 0.5) * down, 0.02e-4 + (0.5 - 0.02e-4) * down)
    np.testing.assert_allclose(rates_seen, expected, rtol=1e-10)
    np.testing.assert_allclose(momenta_seen, np.where(first, 0.8 + 0.1 * down, 0.9 - 0.1 * down), rtol=1e-10)
    with pytest.raises(ValueError, match="this cycle has 40 steps, and all have been made"):
        schedule.step()


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_leads_along_pytorchs_trajectory(kind, three_phase):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    start = np.random.default_rng(0).normal(size=(2, 3))
    ends = []
    for kit, make in ((optim, lambda a: Tensor(a.copy(), requires_grad=True)), (torch.optim, None)):
        w = make(start) if make else torch.tensor(start, requires_grad=True)
        settings = {} if kind == "Adam" else {"momentum": 0.3}
        optimizer = getattr(kit, kind)([w], lr=0.1, **settings)
        schedule = kit.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=50, three_phase=three_phase)
        for _ in range(50):
            optimizer.zero_grad()
            ((w - 1) ** 4).sum().backward()
            optimizer.step()
            schedule.step()
        group = optimizer.param_groups[0]
        ends.append(np.hstack([np.ravel(w.tolist()), group["lr"], group.get("momentum", group.get("betas"))]))
    np.testing.assert_allclose(*ends, rtol=1e-10, atol=1e-10)


def test_the_functions_of_a_lambda_are_not_in_its_state():
    optimizer = ours()
    schedule = optim.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    schedule.step()
    state = schedule.state_dict()
    assert "lr_lambda" not in state
    other = optim.LambdaLR(ours(), lambda epoch: 2.0)
    other.load_state_dict(state)
    other.step()
    assert other.last_epoch == 2
    assert other.get_last_lr() == [0.8, 0.06]


SHARED = {  # with the recipes, or tests, in which each is compared
    "CosineAnnealingLR": "cosine",
    "CosineAnnealingWarmRestarts": "restarts",
    "ExponentialLR": "exponential",
    "LambdaLR": "lambda",
    "LinearLR": "linear",
    "MultiStepLR": "milestones",
    "OneCycleLR": "one cycle",
    "SequentialLR": "three in sequence",
    "StepLR": "step",
}


def test_every_schedule_shared_with_pytorch_is_compared():
    theirs = torch_schedules()
    kit = optim.lr_scheduler
    shared = {name for name in kit.__all__ if hasattr(theirs, name)}
    assert shared == set(kit.__all__) == SHARED.keys() | {"LRScheduler", "ReduceLROnPlateau"}
    assert set(SHARED.values()) <= RECIPES.keys()
    for name in ("ConstantLR", "PolynomialLR", "MultiplicativeLR", "CyclicLR", "ChainedScheduler"):
        assert hasattr(theirs, name)
        with pytest.raises(AttributeError, match=f"lr_scheduler has no {name}: (write|step)"):
            getattr(kit, name)


def test_cosine_goes_down_to_eta_min_and_back():
    optimizer = ours()
    seen = trajectory(optimizer, [optim.CosineAnnealingLR(optimizer, 6, eta_min=0.01)])
    wave = (1 + np.cos(np.pi * T / 6)) / 2
    np.testing.assert_allclose(seen, 0.01 + np.outer(wave, np.array(RATES) - 0.01), rtol=1e-10)
    assert seen[6].tolist() == [0.01, 0.01]


def test_the_last_learning_rates_are_those_of_the_groups():
    optimizer = ours()
    scheduler = optim.StepLR(optimizer, 1, 0.5)
    assert scheduler.get_last_lr() == [0.4, 0.03]
    scheduler.step()
    assert scheduler.get_last_lr() == rates(optimizer) == [0.2, 0.015]
    scheduler.get_last_lr().clear()  # a copy
    assert scheduler.get_last_lr() == [0.2, 0.015]


def test_a_sequence_within_a_sequence():
    optimizer = ours((1.0,))
    inner = optim.SequentialLR(optimizer, [optim.LinearLR(optimizer, 0.5, 1.0, 2), optim.StepLR(optimizer, 1)], [2])
    outer = optim.SequentialLR(optimizer, [optim.ExponentialLR(optimizer, 0.9), inner], [3])
    seen = trajectory(optimizer, [outer], 8)[:, 0]
    np.testing.assert_allclose(seen, [1, 0.9, 0.81, 0.5, 0.75, 1, 0.1, 0.01], rtol=1e-12)
    assert outer.get_last_lr() == rates(optimizer)


def test_a_group_that_is_added_takes_part():
    optimizer = ours()
    scheduler = optim.CosineAnnealingLR(optimizer, 2)
    scheduler.step()
    optimizer.add_param_group({"params": Tensor(np.ones(1), requires_grad=True), "lr": 0.6})
    scheduler.step()
    scheduler.step()
    np.testing.assert_allclose(scheduler.get_last_lr(), [0.2, 0.015, 0.3], rtol=1e-12)


@pytest.mark.parametrize("name", RECIPES)
def test_a_saved_state_goes_on_bit_for_bit(name):
    optimizer = ours()
    whole = trajectory(optimizer, RECIPES[name](optim, optimizer))

    optimizer = ours()
    schedulers = RECIPES[name](optim, optimizer)
    first = trajectory(optimizer, schedulers, 13)
    saved = json.loads(json.dumps([scheduler.state_dict() for scheduler in schedulers]))
    saved_rates = optimizer.state_dict()
    trajectory(optimizer, schedulers, 3)  # must not reach into what was saved
    optimizer = ours((9.0, 8.0))
    schedulers = RECIPES[name](optim, optimizer)
    optimizer.load_state_dict(saved_rates)
    for scheduler, state in zip(schedulers, saved, strict=True):
        scheduler.load_state_dict(state)
        assert scheduler.get_last_lr() == state["_last_lr"]
    assert np.array_equal(np.concatenate([first, trajectory(optimizer, schedulers, EPOCHS - 13)]), whole)


def test_a_state_is_a_copy():
    optimizer = ours()
    scheduler = optim.SequentialLR(optimizer, [optim.StepLR(optimizer, 1), optim.StepLR(optimizer, 2)], [4])
    scheduler.step()
    state = scheduler.state_dict()
    scheduler.step()
    assert (state["last_epoch"], state["schedulers"][0]["last_epoch"]) == (1, 1)
    scheduler.load_state_dict(state)
    state["milestones"].append(99)
    assert scheduler.milestones == [4]


def sequence(optimizer, gamma=0.5, more=0):
    schedulers = [optim.StepLR(optimizer, 1, gamma), *(optim.ExponentialLR(optimizer, gamma) for _ in range(1 + more))]
    return optim.SequentialLR(optimizer, schedulers, list(range(2, 3 + more)))


@pytest.mark.parametrize(
    ("make", "other", "message"),
    [
        (
            lambda o: optim.ExponentialLR(o, 0.5),
            lambda o: optim.StepLR(o, 3),
            "not one of ExponentialLR: it has 'step_s",
        ),
        (
            lambda o: optim.StepLR(o, 3),
            lambda o: optim.ExponentialLR(o, 0.5),
            "not one of StepLR: it lacks 'step_size'",
        ),
        (sequence, lambda o: sequence(o, 0.1, more=1), "of 3 schedules in sequence, not of 2"),
        (
            sequence,
            lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1, 0.1), optim.LinearLR(o)], [2]),
            "not one of ExponentialLR: it has 'end_factor'",
        ),
        (
            lambda o: optim.StepLR(o, 3),
            lambda o: optim.StepLR(ours((0.1,)), 9),
            "with 1 parameter groups, this one has 2",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(make, other, message):
    scheduler = make(ours())
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=message):
        scheduler.load_state_dict(other(ours()).state_dict())
    assert scheduler.state_dict() == before


PLATEAUS = {
    "by default": {},
    "impatient": {"patience": 0, "factor": 0.5},
    "most": {"mode": "max", "patience": 2},
    "absolute": {"patience": 1, "threshold": 0.3, "threshold_mode": "abs", "factor": 0.7},
    "most, absolute": {"mode": "max", "patience": 1, "threshold": 0.3, "threshold_mode": "abs", "factor": 0.7},
    "margin": {"patience": 1, "threshold": 0.1, "factor": 0.7},
    "most, with margin": {"mode": "max", "patience": 1, "threshold": 0.1, "factor": 0.7},
    "cooldown": {"patience": 1, "cooldown": 3, "factor": 0.5},
    "lowest": {"patience": 0, "factor": 0.1, "min_lr": 0.01},
    "lowest by group": {"patience": 0, "factor": 0.5, "min_lr": [0.05, 0.001]},
    "no small reductions": {"patience": 0, "factor": 0.5, "eps": 0.004},
}


def measures() -> list[float]:
    rng = np.random.default_rng(5)
    falling = 3 * np.exp(-np.arange(60) / 10) + rng.normal(size=60) * 0.1 + 0.5
    return [*falling.tolist(), math.nan, 0.1, math.inf, 0.05, -math.inf, 0.0, 1.0]


@pytest.mark.parametrize("name", PLATEAUS)
@pytest.mark.parametrize("direction", [1, -1], ids=["falling", "rising"])
def test_plateau_follows_pytorch(name, direction):
    runs = []
    for kit, optimizer in ((optim, ours()), (torch_schedules(), theirs())):
        scheduler = kit.ReduceLROnPlateau(optimizer, **PLATEAUS[name])
        seen = []
        for measure in measures():
            scheduler.step(direction * measure)
            assert scheduler.get_last_lr() == rates(optimizer)
            seen.append([*rates(optimizer), scheduler.num_bad_epochs, scheduler.cooldown_counter])
        runs.append(seen)
    np.testing.assert_allclose(*runs, rtol=1e-12)


def test_plateau_by_hand():
    optimizer = ours((1.0,))
    scheduler = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2, min_lr=0.2)
    seen = []
    for measure in (5.0, 4.0, 4.0, 4.0, 9.0, 9.0, 9.0, 9.0, 3.0, 3.0, math.nan, 3.0, 3.0, 3.0, 3.0):
        scheduler.step(measure)
        seen.append(rates(optimizer)[0])
    # The second bad epoch in a row reduces; the two after a reduction do not count.
    assert seen == [1.0] * 3 + [0.5] * 4 + [0.25] * 4 + [0.2] * 4


def test_plateau_takes_a_tensor():
    optimizer = ours((1.0,))
    scheduler = optim.ReduceLROnPlateau(optimizer, patience=0)
    for loss in (2.0, 3.0):
        scheduler.step(Tensor(np.array(loss)))
    assert scheduler.best == 2.0
    assert rates(optimizer) == [0.1]


def test_a_saved_plateau_goes_on():
    settings = {"patience": 1, "cooldown": 1, "factor": 0.5}
    optimizer = ours()
    scheduler = optim.ReduceLROnPlateau(optimizer, **settings)
    seen = []
    for i, measure in enumerate(measures()):
        if i == 30:
            states = optimizer.state_dict(), scheduler.state_dict()
        scheduler.step(measure)
        seen.append(rates(optimizer))
    optimizer = ours()
    scheduler = optim.ReduceLROnPlateau(optimizer)
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    for measure, expected in zip(measures()[30:], seen[30:], strict=True):
        scheduler.step(measure)
        assert rates(optimizer) == expected
    assert seen[30] != seen[-1]  # there was something to go on with


def test_a_group_that_is_added_needs_a_min_lr_of_its_own_where_the_others_have_one():
    optimizer = ours()
    plain = optim.ReduceLROnPlateau(optimizer, patience=0)
    listed = optim.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
    optimizer.add_param_group({"params": Tensor(np.ones(1), requires_grad=True), "lr": 0.5})
    plain.step(math.nan)
    assert rates(optimizer)[2] == pytest.approx(0.05)
    with pytest.raises(ValueError, match="min_lr has 2 numbers for 3 parameter groups"):
        listed.step(math.nan)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.ExponentialLR(o, -0.5), "gamma must be at least 0, not -0.5"),
        (lambda o: optim.ExponentialLR(o, math.nan), "gamma must be at least 0, not nan"),
        (lambda o: optim.StepLR(o, 0), "step_size must be at least 1, not 0"),
        (lambda o: optim.StepLR(o, 1, -1), "gamma must be at least 0, not -1"),
        (lambda o: optim.LinearLR(o, 0.0), r"start_factor must be in \(0, 1\], not 0.0"),
        (lambda o: optim.LinearLR(o, 1.5), r"start_factor must be in \(0, 1\], not 1.5"),
        (lambda o: optim.LinearLR(o, 0.5, -0.1), r"end_factor must be in \[0, 1\], not -0.1"),
        (lambda o: optim.LinearLR(o, 0.5, 2.0), r"end_factor must be in \[0, 1\], not 2.0"),
        (lambda o: optim.LinearLR(o, total_iters=0), "total_iters must be at least 1, not 0"),
        (lambda o: optim.CosineAnnealingLR(o, 0), "T_max must be at least 1, not 0"),
        (lambda o: optim.CosineAnnealingLR(o, 5, -1), "eta_min must be at least 0, not -1"),
        (lambda o: optim.MultiStepLR(o, [-1]), "a milestone must be at least 0, not -1"),
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 0), "T_0 must be at least 1, not 0"),
        (lambda o: optim.LambdaLR(o, [math.cos]), "lr_lambda has 1 numbers for 2 parameter groups"),
        (lambda o: optim.OneCycleLR(o, 0.1), "needs total_steps, or epochs and steps_per_epoch"),
        (lambda o: optim.OneCycleLR(o, 0.1, 0), "total_steps must be at least 1, not 0"),
        (lambda o: optim.OneCycleLR(o, 0.1, 9, pct_start=2.0), r"pct_start must be in \[0, 1\], not 2.0"),
        (lambda o: optim.OneCycleLR(o, 0.1, 9, anneal_strategy="x"), "must be 'cos' or 'linear', not 'x'"),
        (lambda o: optim.OneCycleLR(o, 0.1, 9, div_factor=0.0), "div_factor must be more than 0, not 0.0"),
        (lambda o: optim.OneCycleLR(o, [0.1], 9), "max_lr has 1 numbers for 2 parameter groups"),
        (
            lambda o: optim.OneCycleLR(optim.Adagrad(o.param_groups[0]["params"]), 0.1, 9),
            "Adagrad has no momentum to cycle",
        ),
        (lambda o: optim.SequentialLR(o, [], []), "one more schedule than milestones, not 0 for 0"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1)], [3]), "one more schedule than milestones, not 1 for 1"),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1) for _ in range(3)], [3, 3]),
            r"milestones must be above 0 and increase, not \[3, 3\]",
        ),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1) for _ in range(2)], [0]),
            r"milestones must be above 0 and increase, not \[0\]",
        ),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1), optim.ReduceLROnPlateau(o)], [3]),
            "schedule 1 is a ReduceLROnPlateau",
        ),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1), optim.StepLR(ours(), 1)], [3]),
            "schedule 1 is one of another optimizer",
        ),
        (lambda o: optim.ReduceLROnPlateau(o, "least"), "mode must be 'min' or 'max', not 'least'"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode must be 'rel' or 'abs', not 'x'"),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), r"factor must be in \[0, 1\), not 1.0"),
        (lambda o: optim.ReduceLROnPlateau(o, patience=-1), "patience must be at least 0, not -1"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold=-1), "threshold must be at least 0, not -1"),
        (lambda o: optim.ReduceLROnPlateau(o, cooldown=-1), "cooldown must be at least 0, not -1"),
        (lambda o: optim.ReduceLROnPlateau(o, eps=-1), "eps must be at least 0, not -1"),
        (lambda o: optim.ReduceLROnPlateau(o, min_lr=-1), "min_lr must be at least 0, not -1"),
        (lambda o: optim.ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr has 1 numbers for 2 parameter groups"),
    ],
)
def test_a_wrong_setting_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(ours())


def test_a_schedule_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="LRScheduler has no rule"):
        optim.LRScheduler(ours())


def test_a_schedule_of_ones_own_is_one_rule():
    class Harmonic(optim.LRScheduler):
        def next_lr(self, lr, initial_lr):
            return initial_lr / (1 + self.last_epoch)

    optimizer = ours((1.0,))
    assert trajectory(optimizer, [Harmonic(optimizer)], 4)[:, 0].tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
