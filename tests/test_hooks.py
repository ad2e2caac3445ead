"""Hooks on tensors: what they see, what they may give, and in which mode they run."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import Tensor, enable_grad, grad, is_grad_enabled, no_grad
from tinygrad_nn.ops import Primitive


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_hooks_see_and_replace_and_are_removed():
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.data.tolist()))
    x.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1]]
    assert x.grad.data.tolist() == [30, 30]
    handle.remove()
    handle.remove()  # once more does no harm
    y.sum().backward()
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="has none for a hook"):
        Tensor([1.0]).register_hook(lambda g: None)
    z = leaf(2.0)
    w = z * z
    w.register_hook(lambda g: g * z)
    (g,) = grad(w.sum(), z, create_graph=True)
    assert (g.item(), grad(g, z)[0].item()) == (8, 8)


def test_hooks_of_one_tensor_follow_each_other():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    for create_graph in (False, True):
        assert grad(x * 3, x, create_graph=create_graph)[0].item() == 31


def test_a_hook_may_give_an_array():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: np.array([5.0, 6.0]))
    (x * 3).sum().backward()
    assert x.grad.data.tolist() == [5, 6]


def test_retain_grad_twice_keeps_the_gradient_once():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    y.retain_grad()
    (y * 3).sum().backward(retain_graph=True)
    assert y.grad.item() == 3


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("first", ["hook", "retain_grad"])
def test_what_is_retained_is_the_gradient_after_all_hooks(first, create_graph):
    x = leaf(2.0)
    y = x * x
    steps = [y.retain_grad, lambda: y.register_hook(lambda g: g * 10), lambda: y.register_hook(lambda g: g + 1)]
    for step in steps if first == "retain_grad" else steps[1:] + steps[:1]:
        step()
    y.sum().backward(create_graph=create_graph)
    assert y.grad.item() == 11
    assert x.grad.item() == 44


def test_retain_grad():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    (y * 3).sum().backward(retain_graph=True)
    assert y.grad.item() == 3
    (y * 3).sum().backward()
    assert y.grad.item() == 6
    x.retain_grad()  # a leaf keeps it anyway
    z = x * 2
    z.retain_grad()
    total = z.sum()
    del z  # and with it the wish
    x.grad = None
    total.backward()
    assert x.grad.item() == 2


def test_what_a_hook_or_a_rule_gives_stays_its_own():
    constant = np.array([5.0, 6.0])
    given = Primitive("given", lambda x: x * 1.0, lambda g, y, x: constant[:])
    x, y, z = leaf(1.0, 2.0), leaf(1.0, 2.0), leaf(1.0, 2.0)
    own = Tensor(np.array([5.0, 6.0]))
    y.register_hook(lambda g: own)
    z.register_hook(lambda g: own.data)
    (given(x) + y + z).sum().backward()
    for gradient in (x.grad, y.grad, z.grad):
        assert gradient.data.tolist() == [5, 6]
        gradient.data += 1
    assert own.data.tolist() == constant.tolist() == [5, 6]


@pytest.mark.parametrize("create_graph", [False, True])
def test_what_a_hook_has_seen_stays_as_it_was(create_graph):
    x, y, seen = leaf(1.0, 2.0), leaf(3.0, 4.0), []
    z = x + y
    x.register_hook(seen.append)
    z.register_hook(seen.append)
    (z * 3.0).sum().backward(create_graph=create_graph)
    for gradient in (x.grad, y.grad):
        gradient.data += 1
    assert [g.data.tolist() for g in seen] == [[3, 3], [3, 3]]


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_run_in_the_mode_of_the_pass_on_tensors_and_may_remove_themselves(create_graph):
    x, seen = leaf(1.0, 2.0), []
    y = x * x
    out = (y * y).sum()

    def look(g):
        seen.append((type(g.data), g.requires_grad, is_grad_enabled()))
        for handle in handles:
            handle.remove()

    with no_grad() if create_graph else enable_grad():
        for tensor in (x, y):
            handles = [tensor.register_hook(look)]
            grad(out, x, create_graph=create_graph, retain_graph=True)
    assert seen == [(np.ndarray, create_graph, create_graph)] * 2
