"""Where a derivative has to be chosen, or a rule computes what must not matter: the numbers themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, ops

nan, inf = float("nan"), float("inf")

# A function, its inputs, and for each input the derivative of the output that it goes into.
CHOSEN: dict[str, tuple[Callable[..., Any], list[Any], list[Any]]] = {
    "relu at 0": (ops.relu, [[-1.0, 0.0, -0.0, 1.0]], [[0, 0, 0, 1]]),
    "abs at 0": (ops.abs, [[-1.0, 0.0, -0.0, 1.0]], [[-1, 0, 0, 1]]),
    "sign": (ops.sign, [[-1.0, 0.0, 1.0]], [[0, 0, 0]]),
    "clip on its bounds": (lambda x: x.clip(-1, 2), [[-1.5, -1.0, 0.0, 2.0, 2.5]], [[0, 1, 1, 1, 0]]),
    "clip from below": (lambda x: x.clip(min=-1), [[-1.5, -1.0, 0.0, 2.5]], [[0, 1, 1, 1]]),
    "clip from above": (lambda x: x.clip(max=2), [[-1.5, 0.0, 2.0, 2.5]], [[1, 1, 1, 0]]),
    "clip without bounds": (lambda x: x.clip(), [[-1.5, 0.0, 2.5]], [[1, 1, 1]]),
    "equal elements of max": (
        lambda x: x.max(axis=1, keepdims=True),
        [[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]],
        [[[0, 1 / 2, 1 / 2], [1 / 3] * 3]],
    ),
    "equal elements of min": (
        lambda x: x.min(axis=0, keepdims=True),
        [[[1.0, 3.0], [1.0, 2.0]]],
        [[[1 / 2, 0], [1 / 2, 1]]],
    ),
    "equal arguments of maximum": (ops.maximum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], [[0.5, 0, 1], [0.5, 1, 0]]),
    "equal arguments of minimum": (ops.minimum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], [[0.5, 1, 0], [0.5, 0, 1]]),
    "a whole power": (lambda x: x**2 + x**1 + x**3.0, [[0.0, -2.0, 2.0]], [[1, 9, 17]]),
    "the power 0": (lambda x: x**0 + x**0.0, [[0.0, 2.0, nan, inf]], [[0, 0, 0, 0]]),
    "powers of 0": (
        lambda a, b: a**b,
        [[0.0, 0.0, 0.0, 2.0, 1.0], [0.0, 1.0, 2.5, 0.0, 3.0]],
        [[0, 1, 0, 0, 3], [0, 0, 0, np.log(2), 0]],
    ),
    "a condition": (lambda x: ops.where(x, x * 3, 1.0), [[0.0, 2.0]], [[0, 3]]),
    "a value that is not chosen": (lambda x: ops.where(x > 0, x * 2, nan).max(), [[1.0, 2.0]], [[0, 2]]),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", CHOSEN)
def test_the_gradient_is_the_chosen_one(name: str, create_graph: bool) -> None:
    function, values, wanted = CHOSEN[name]
    inputs = [Tensor(np.array(v), requires_grad=True) for v in values]
    y = function(*inputs)
    weights = np.array([(-1) ** i * (7 + i / 2) for i in range(y.size)]).reshape(y.shape)  # none is a value above
    gradients = grad(y, inputs, weights, create_graph=create_graph)
    for g, derivative in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(g.data, derivative * weights, rtol=1e-12)


def test_of_no_elements_softmax_is_empty_and_logsumexp_is_minus_infinity() -> None:
    for dtype in (np.float32, np.float64):
        x = Tensor(np.ones((2, 0), dtype), requires_grad=True)
        for y, wanted in ((x.softmax(), []), (x.log_softmax(), []), (x.logsumexp(1), [-inf] * 2)):
            assert y.dtype == dtype
            assert y.data.ravel().tolist() == wanted
            assert grad(y.sum(), x)[0].shape == (2, 0)
    assert Tensor(np.ones((0, 3), int)).softmax().dtype == np.float32


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "index",
    [[0, 0, 1], (slice(None), [2, 2]), ([0, 0], [1, 1]), (..., [1, -2]), (None, [1, 1]), ([[0, 0]], 1)],
    ids=str,
)
def test_an_element_picked_twice_gets_both_gradients(index: Any, create_graph: bool) -> None:
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    y = x[index]
    weights = np.arange(1.0, y.size + 1).reshape(y.shape)
    wanted, places = np.zeros(6), np.arange(6).reshape(2, 3)[index]
    for place, w in zip(places.ravel(), weights.ravel(), strict=True):
        wanted[place] += w
    (g,) = grad(y, x, weights, create_graph=create_graph)
    assert g.data.ravel().tolist() == wanted.tolist()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1", "?"])
def test_moving_elements_changes_no_dtype(dtype: str) -> None:
    x = Tensor(np.ones((2, 3), dtype))
    for y in (
        ops.pad(x, ((1, 0), (0, 2))),
        ops.concatenate([x, x]),
        ops.stack([x, x]),
        *x.split(2, axis=1),
        ops.windows(x, size=(1, 2), stride=(1, 1)),
        ops.fold(ops.windows(x, size=(2, 1), stride=(1, 1)), size=(2, 1), stride=(1, 1), shape=(2, 3)),
        x.broadcast_to((4, 2, 3)),
        x[[0, 0]],
        x.T.flatten().unsqueeze(0).squeeze().reshape(3, 2).swapaxes(0, 1),
    ):
        assert y.dtype == dtype
