"""Optimisers lend their memory to the gradients of linear layers: nobody but the clock may notice."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tests.optim.test_optimizers import RECIPES
from tinygrad_nn import Tensor, detect_anomaly, grad, nn, no_grad, ops, optim


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4, rng=np.random.default_rng(0)), nn.Tanh(), nn.Linear(4, 2, rng=1))


def batches(n: int):
    rng = np.random.default_rng(5)
    for _ in range(n):
        yield Tensor(rng.normal(size=(6, 3)).astype(np.float32)), Tensor(rng.normal(size=(6, 2)).astype(np.float32))


def loss_of(model, x, target):
    error = model(x) - target
    return (error * error).mean()


def vector(optimizer: optim.Optimizer):
    return optimizer._buckets[0][1].all.grad


def lent(model, optimizer) -> list[bool]:
    """Whether each parameter's gradient is in the optimiser's memory."""
    return [np.shares_memory(p._grad, vector(optimizer)) for p in model.parameters()]


def train(recipe: str, each_step) -> list[np.ndarray]:
    make, settings = RECIPES[recipe]
    model = network()
    optimizer = make(model.parameters(), **settings)
    for x, target in batches(5):
        optimizer.zero_grad()
        loss_of(model, x, target).backward()
        each_step(model, optimizer)
        optimizer.step()
    return [p.data.copy() for p in model.parameters()]


@pytest.mark.parametrize("recipe", RECIPES)
def test_looking_at_gradients_changes_nothing(recipe):
    def not_looking(model, optimizer):
        assert lent(model, optimizer) == [True] * 4

    def looking(model, optimizer):
        seen = [p.grad for p in model.parameters()]
        assert not any(np.shares_memory(g.data, vector(optimizer)) for g in seen)
        assert all(g is p.grad for g, p in zip(seen, model.parameters(), strict=True))

    def without(model, optimizer):
        for p in model.parameters():
            p.grad = Tensor(p.grad.data.copy())

    expected = train(recipe, without)
    for each_step in (looking, not_looking):
        for one, other in zip(train(recipe, each_step), expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_step_leaves_the_gradients_as_they_are(recipe):
    make, settings = RECIPES[recipe]
    model = network()
    plain = copy.deepcopy(model)
    optimizer = make(model.parameters(), **settings)
    optimizer.zero_grad()
    for m in (model, plain):
        loss_of(m, *next(batches(1))).backward()
    assert lent(model, optimizer) == [True] * 4
    optimizer.step()
    first = [p.grad for p in model.parameters()]
    for g, p in zip(first, plain.parameters(), strict=True):
        np.testing.assert_array_equal(g.data, p.grad.data)
    optimizer.zero_grad()  # what was looked at stays what it was
    loss_of(model, *list(batches(2))[1]).backward()
    for g, p in zip(first, plain.parameters(), strict=True):
        np.testing.assert_array_equal(g.data, p.grad.data)
        assert g is not p.grad


def gradients(model) -> list[np.ndarray]:
    return [p.grad.data.copy() for p in model.parameters()]


def test_gradients_add_up_over_passes_and_uses():
    model = network()
    optimizer = optim.Adam(model.parameters())
    (x, target), (x2, target2) = batches(2)
    each = []
    for inputs in ((x, target), (x2, target2)):
        optimizer.zero_grad()
        loss_of(model, *inputs).backward()
        each.append(gradients(model))
    total = [a + b for a, b in zip(*each, strict=True)]
    optimizer.zero_grad()
    loss_of(model, x, target).backward()
    loss_of(model, x2, target2).backward()
    for g, expected in zip(gradients(model), total, strict=True):
        np.testing.assert_array_equal(g, expected)
    optimizer.zero_grad()
    (loss_of(model, x, target) + loss_of(model, x2, target2)).backward()  # each weight is used twice
    for g, expected in zip(gradients(model), total, strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-5, atol=1e-7)
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_weight_that_is_used_elsewhere_too_or_is_no_leaf():
    x = Tensor(np.ones((3, 2)))
    weight, bias = Tensor(np.full((1, 2), 5.0), requires_grad=True), Tensor(np.zeros(1), requires_grad=True)
    optimizer = optim.SGD([weight, bias], lr=1.0)
    optimizer.zero_grad()
    (
        ops.linear(x, weight, bias).sum() + (weight * weight).sum() + (bias * 7).sum()
    ).backward()  # the penalty goes first
    assert weight.grad.data.tolist() == [[13.0, 13.0]]
    assert bias.grad.data.tolist() == [10.0]
    optimizer.zero_grad()
    ops.linear(x, weight * 2, bias * 2).sum().backward()
    assert weight.grad.data.tolist() == [[6.0, 6.0]]
    assert bias.grad.data.tolist() == [6.0]


def test_what_others_are_given_is_never_the_optimisers_memory():
    model = network()
    optimizer = optim.Adam(model.parameters())
    params = list(model.parameters())
    x, target = next(batches(1))
    loss_of(model, x, target).backward()
    expected = gradients(model)
    seen = []
    optimizer.zero_grad()
    params[0].register_hook(lambda g: seen.append(g.data))
    found = grad(loss_of(model, x, target), params)
    assert not any(np.shares_memory(g.data, vector(optimizer)) for g in found)
    with detect_anomaly():
        loss_of(model, x, target).backward()
    assert lent(model, optimizer) == [False] * 4
    optimizer.zero_grad()
    loss_of(model, x, target).backward(create_graph=True)
    optimizer.step()
    optimizer.zero_grad()
    loss_of(model, x, target).backward()
    assert len(seen) == 4
    assert not any(np.shares_memory(g, vector(optimizer)) for g in seen)
    for g, known in zip(found, expected, strict=True):
        np.testing.assert_array_equal(g.data, known)


def test_a_parameter_that_no_longer_fits_what_was_lent():
    model = nn.Linear(3, 2, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    x = Tensor(np.ones((4, 3)))
    optimizer.zero_grad()
    model.weight.data = model.weight.data.astype(np.float64)
    model(x).sum().backward()
    assert model.weight.grad.dtype == np.float64
    np.testing.assert_array_equal(model.weight.grad.data, np.full((2, 3), 4.0))
    optimizer.zero_grad()
    model.weight.data, model.bias.data = np.zeros((5, 3)), np.zeros((1, 1))
    model(x).sum().backward()
    assert model.weight.grad.shape == (5, 3)
    assert model.bias.grad.data.tolist() == [[20.0]]
    with pytest.raises(ValueError, match="has been replaced"):
        optimizer.step()
    frozen = nn.Linear(3, 2, rng=0)
    optimizer = optim.SGD(frozen.parameters(), lr=1.0)
    frozen.weight.requires_grad = False
    before = frozen.weight.data.copy()
    optimizer.zero_grad()
    frozen(Tensor(np.ones((4, 3), np.float32))).sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(frozen.weight.data, before)
    assert frozen.bias.grad.data.tolist() == [4.0, 4.0]


def test_a_gradient_can_be_set_to_what_fits():
    x = Tensor(np.zeros(2), requires_grad=True)
    x.grad = Tensor([1.0, 2.0])
    (x * 2).sum().backward()
    assert x.grad.data.tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"shape \(2,\) cannot have a gradient of shape \(3,\)"):
        x.grad = Tensor([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="a Tensor or None, not ndarray"):
        x.grad = np.ones(2)
    x.grad = None
    assert x.grad is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_copied_optimiser_trains_the_copied_model(recipe, copied):
    make, settings = RECIPES[recipe]
    model = network()
    optimizer = make(model.parameters(), **settings)

    def steps(model, optimizer, pairs):
        for x, target in pairs:
            optimizer.zero_grad()
            loss_of(model, x, target).backward()
            optimizer.step()

    four = list(batches(4))
    steps(model, optimizer, four[:2])
    with no_grad():
        other, other_optimizer = copied((model, optimizer))
    steps(model, optimizer, four[2:])
    first = [p.data.copy() for p in other.parameters()]
    steps(other, other_optimizer, four[2:])
    for one, two, before in zip(model.parameters(), other.parameters(), first, strict=True):
        np.testing.assert_array_equal(one.data, two.data)
        assert not np.shares_memory(one.data, two.data)
        assert not np.array_equal(two.data, before)
