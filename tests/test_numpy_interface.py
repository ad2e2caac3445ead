from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tinygrad_nn import Tensor
from tinygrad_nn.numpy_interface import COMPARISONS, FUNCTIONS, UFUNCS

A = np.array([[0.5, 0.25], [0.75, 0.5]])


@pytest.mark.parametrize("ufunc", [*UFUNCS, *COMPARISONS], ids=lambda f: f.__name__)
def test_every_ufunc_gives_what_numpy_gives_on_either_side(ufunc):
    t, other = Tensor(A, requires_grad=True), A.T + 0.125
    if ufunc.nin == 1:
        results = [(ufunc(t), ufunc(A))]
    else:
        results = [(ufunc(t, other), ufunc(A, other)), (ufunc(other, t), ufunc(other, A))]
    for ours, theirs in results:
        assert isinstance(ours, Tensor)
        np.testing.assert_allclose(ours.data, theirs)
        assert ours.requires_grad is (ufunc not in COMPARISONS)


CALLS = {
    np.sum: [(), {"axis": 0, "keepdims": True}],
    np.mean: [(), {"axis": 1}],
    np.max: [(), {"axis": 0}],
    np.min: [(), {"axis": 0}],
    np.var: [(), {"axis": 0}, {"ddof": 1}],
    np.std: [(), {"axis": 0}],
    np.argmax: [(), {"axis": 0}],
    np.argmin: [(), {"axis": 1}],
    np.linalg.norm: [(), {"axis": 1}],
    np.reshape: [((4,),)],
    np.transpose: [(), ((1, 0),)],
    np.swapaxes: [(0, 1)],
    np.squeeze: [()],
    np.expand_dims: [(1,)],
    np.broadcast_to: [((3, 2, 2),)],
    np.clip: [(0.3, 0.6)],
    np.shape: [()],
    np.ndim: [()],
    np.size: [()],
    np.dot: [(A,)],
    np.pad: [(1,), ((1, 2),), (((0, 1), (2, 0)),)],
    np.zeros_like: [()],
    np.ones_like: [()],
}
LISTS = {
    np.concatenate: lambda f, x: f([x, A], axis=1),
    np.stack: lambda f, x: f([x, A]),
    np.where: lambda f, x: f(A > 0.4, x, 0.0),
    np.einsum: lambda f, x: f("ij,jk->ik", x, A),
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_function_gives_what_numpy_gives(function):
    t = Tensor(A, requires_grad=True)
    if function in LISTS:
        np.testing.assert_allclose(LISTS[function](function, t).data, LISTS[function](function, A))
        return
    for call in CALLS[function]:
        args, kwargs = ((), call) if isinstance(call, dict) else (call, {})
        ours, theirs = function(t, *args, **kwargs), function(A, *args, **kwargs)
        np.testing.assert_allclose(ours.data if isinstance(ours, Tensor) else ours, theirs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.median(t), "np.median has no counterpart"),
        (lambda t: np.arctan(t), "np.arctan has no counterpart"),
        (lambda t: np.add.reduce(t), "np.add.reduce has no counterpart"),
        (lambda t: np.add(A, A, out=t), "would hide a Tensor"),
        (lambda t: np.exp(t, where=A > 0), "takes no where"),
        (lambda t: t + "a", "must hold real numbers"),
        (lambda t: t + 1j, "must hold real numbers"),
    ],
)
def test_what_has_no_counterpart_says_what_to_do(call, message):
    with pytest.raises(TypeError, match=message):
        call(Tensor(A, requires_grad=True))


def test_an_array_is_made_only_of_what_needs_no_gradient():
    with pytest.raises(RuntimeError, match=r"use \.detach\(\)\.numpy\(\)"):
        np.asarray(Tensor(A, requires_grad=True))
    t = Tensor(A)
    assert np.shares_memory(np.asarray(t), A)
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(t), A)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copy_is_a_leaf_of_its_own(copied):
    t = Tensor(A, requires_grad=True)
    twin = copied(t)
    (twin * 2).sum().backward()
    assert t.grad is None
    np.testing.assert_allclose(twin.grad.data, 2)
    assert not np.shares_memory(twin.data, t.data)
    assert not copied(Tensor(A)).requires_grad
    with pytest.raises(RuntimeError, match=r"made by mul.*use \.detach\(\)"):
        copied(t * 2)


def test_in_place_operators_change_the_array_outside_the_graph_only():
    t = Tensor(np.ones(3))
    alias = t
    t += 2
    t *= 3
    t -= 1
    t /= 4
    assert alias is t
    np.testing.assert_allclose(t.data, 2)
    t[1:] = 7.0
    assert t.data.tolist() == [2, 7, 7]
    w = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(RuntimeError, match="requires gradients cannot be changed in place"):
        w += 1
    with pytest.raises(RuntimeError, match="cannot be changed in place"):
        w[0] = 1.0
    integers = Tensor(np.arange(3))
    with pytest.raises(TypeError):
        integers += 0.5


def test_a_value_changed_between_forward_and_backward_is_an_error_through_any_view():
    x, w = Tensor(np.ones((2, 3))), Tensor(np.ones(3), requires_grad=True)
    row = x[0]
    y = (x * w).sum()
    row += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
