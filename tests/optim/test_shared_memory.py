"""An optimiser moves parameters into a vector of its own; whoever looks into a parameter's memory must not notice."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, nn, no_grad, optim
from tinygrad_nn.training import Experiment, Hyperparameters, Session

Array = np.ndarray[Any, Any]

OPTIMISERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda params: optim.SGD(params, lr=0.1, momentum=0.9),
    "SGD with decay": lambda params: optim.SGD(params, lr=0.1, weight_decay=0.1),
    "Adam": lambda params: optim.Adam(params, lr=0.1),
    "AdamW": lambda params: optim.AdamW(params, lr=0.1),
    "RMSprop": lambda params: optim.RMSprop(params, lr=0.1),
    "Adagrad": lambda params: optim.Adagrad(params, lr=0.1),
}

# What a person can hold that shows a parameter's values: how to take it, and how to read it.
HELD: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Array]]] = {
    "detach()": (lambda p: p.detach(), lambda held: held.data),
    "detach().numpy()": (lambda p: p.detach().numpy(), lambda held: held),
    "data": (lambda p: p.data, lambda held: held),
    "a view of data": (lambda p: p.data.reshape(-1), lambda held: held.reshape(2, 3)),
    "detach() of a part": (lambda p: p.detach()[:], lambda held: held.data),
    "detach().T": (lambda p: p.detach().T, lambda held: held.data.T),
}


def step(optimizer: optim.Optimizer, params: list[Tensor]) -> None:
    optimizer.zero_grad()
    total: Any = sum(((p - 1) ** 2).sum() for p in params)
    total.backward()
    optimizer.step()


@pytest.mark.parametrize("how", HELD)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_what_was_taken_before_the_optimiser_follows_and_leads(name: str, how: str) -> None:
    start = np.arange(6, dtype=np.float32).reshape(2, 3)
    p, other = Tensor(start.copy(), requires_grad=True), Tensor(np.ones(2, np.float32), requires_grad=True)
    alone, also = Tensor(start.copy(), requires_grad=True), Tensor(np.ones(2, np.float32), requires_grad=True)
    take, read = HELD[how]
    held = take(p)
    optimizer, reference = OPTIMISERS[name]([p, other]), OPTIMISERS[name]([alone, also])
    for k in range(4):
        step(optimizer, [p, other])
        step(reference, [alone, also])
        np.testing.assert_array_equal(p.data, alone.data)
        np.testing.assert_array_equal(read(held), p.data)
        if k == 1:  # written into from outside, the parameter changes
            read(held)[...] *= 2
            alone.data[...] *= 2
            np.testing.assert_array_equal(p.data, alone.data)
    assert np.shares_memory(read(held), p.data)


def test_an_array_of_the_users_is_trained_in_place() -> None:
    values = np.ones(3)
    p = Tensor(values, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)
    (p * p).sum().backward()
    optimizer.step()
    assert values.tolist() == [0.5] * 3


def test_a_parameter_given_other_memory_later_shares_that() -> None:
    p = Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)
    values = np.full(2, 2.0)
    p.data = values
    (p * p).sum().backward()
    optimizer.step()
    assert values.tolist() == p.tolist() == [1, 1]


def test_a_read_only_array_is_left_alone() -> None:
    values = np.ones(2)
    values.flags.writeable = False
    p = Tensor(values, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)
    (p * p).sum().backward()
    optimizer.step()
    assert values.tolist() == [1, 1]
    assert p.tolist() == [0.5, 0.5]


def test_two_parameters_in_one_memory_stay_together() -> None:
    values = np.ones(2)
    a, b = (Tensor(values, requires_grad=True) for _ in range(2))
    del values
    optimizer = optim.SGD([a, b], lr=0.25)
    (a * a).sum().backward()
    optimizer.step()
    assert a.tolist() == b.tolist() == [0.5, 0.5]


def test_two_optimisers_of_the_same_parameters_agree() -> None:
    p = Tensor(np.full(2, 4.0), requires_grad=True)
    first, second = optim.SGD([p], lr=0.25), optim.SGD([p], lr=0.25)
    for optimizer, expected in ((first, 2), (second, 1), (first, 0.5), (second, 0.25)):
        first.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        assert p.tolist() == [expected, expected]


def inside(optimizer: optim.Optimizer) -> bool:
    return not any(b.outside for _, b in optimizer._buckets)


@pytest.mark.parametrize("copied", [lambda x: x, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_parameters_that_nobody_looks_into_are_moved(copied: Callable[[Any], Any]) -> None:
    """Else small networks would train at half the speed."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model, optimizer = copied((model, optim.Adam(model.parameters())))
    step(optimizer, list(model.parameters()))  # while a copy is made, the copier has the arrays too
    assert inside(optimizer)
    replaced = optim.SGD(model.parameters(), lr=0.1)  # while the first one is there, both look into its vector
    assert not inside(replaced)
    del optimizer
    step(replaced, list(model.parameters()))
    assert inside(replaced)


def test_a_session_moves_all_of_them() -> None:
    session = Session(Experiment("xor", Hyperparameters(hidden=(4,), epochs=4, optimizer="adam")))
    session.next()
    assert inside(session.optimizer)
    session.rewind(0)
    session.set(optimizer="sgd")
    session.next()
    session.step()
    assert inside(session.optimizer)


def test_a_held_array_that_goes_lets_the_parameter_in() -> None:
    p = Tensor(np.ones(2), requires_grad=True)
    held = p.detach()
    optimizer = optim.SGD([p], lr=0.25)
    step(optimizer, [p])
    assert not inside(optimizer)
    del held
    step(optimizer, [p])
    assert inside(optimizer)


# --- one optimiser, several losses: a step changes only what has a gradient


@pytest.mark.parametrize("held", [False, True])
def test_two_losses_under_one_optimiser(held: bool) -> None:
    """The second loss was computed before the first step, which changed only the other network."""
    one, two = nn.Linear(3, 1), nn.Linear(3, 1)
    outside = [p.detach() for p in two.parameters()] if held else []
    optimizer = optim.SGD([*one.parameters(), *two.parameters()], lr=0.1)
    x = Tensor(np.ones((4, 3), np.float32))
    first, second = (one(x) ** 2).sum(), (two(x) ** 2).sum()
    before = one.weight.tolist()
    first.backward()
    optimizer.step()
    assert one.weight.tolist() != before
    optimizer.zero_grad()
    wanted = grad((two(x) ** 2).sum(), two.weight)[0].tolist()
    second.backward()
    assert two.weight.grad is not None
    assert two.weight.grad.tolist() == wanted
    before = two.weight.tolist()
    optimizer.step()
    assert two.weight.tolist() != before
    assert len(outside) == 2 * held


def test_a_loss_over_what_a_step_changed_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = Tensor(np.ones((4, 3), np.float32))
    first, second = model(x).sum(), (model(x) ** 2).sum()
    first.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        second.backward()


def test_parts_of_one_memory_are_told_apart() -> None:
    values = np.ones((3, 2))
    top, bottom = Tensor(values[:1], requires_grad=True), Tensor(values[1:], requires_grad=True)
    over_top, over_bottom = (top * top).sum(), (bottom * bottom).sum()
    with no_grad():
        top += 1
    over_bottom.backward()
    with pytest.raises(RuntimeError, match="changed in place"):
        over_top.backward()
