"""Rules at infinity, at NaN and at kinks: a gradient is selected, not multiplied by a mask."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, ops

inf, nan = float("inf"), float("nan")
SPECIAL = [-inf, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, inf, nan]
POWERS = [v for v in SPECIAL if v or not np.signbit(v)]  # C's pow and PyTorch's differ about the sign of 0
GRADIENTS = [1.0, inf, -inf, nan]

# --- without PyTorch: where no gradient passes it is 0, whatever comes

Function = Callable[[Any], Any]

# Each leaves a 0 where its own gradient is 0, so that sqrt, log, 1 / x and powers make an infinite one there.
STOPS: dict[str, tuple[Function, list[float], list[bool]]] = {
    "relu": (ops.relu, [-1.0, 4.0], [False, True]),
    "clip, below": (lambda x: ops.clip(x, low=0.0, high=None), [-1.0, 4.0], [False, True]),
    "clip, above": (lambda x: ops.clip(x, low=None, high=0.0), [1.0, 4.0], [False, False]),
    "clip, both": (lambda x: ops.clip(x, low=0.0, high=5.0), [-1.0, 4.0, 7.0], [False, True, False]),
    "maximum": (lambda x: ops.maximum(x, np.zeros(2)), [-1.0, 4.0], [False, True]),
    "maximum, the other": (lambda x: ops.maximum(np.zeros(2), x), [-1.0, 4.0], [False, True]),
    "minimum": (lambda x: ops.minimum(x, np.zeros(2)), [1.0, 4.0], [False, False]),
    "where": (lambda x: ops.where(np.array([False, True]), x, 0.0), [-1.0, 4.0], [False, True]),
    "where, the other": (lambda x: ops.where(np.array([True, False]), 0.0, x), [-1.0, 4.0], [False, True]),
    "max": (lambda x: ops.max(x, axis=None, keepdims=False), [-1.0, 0.0], [False, True]),
    "min": (lambda x: ops.min(x, axis=0, keepdims=True), [1.0, 0.0], [False, True]),
    "max_pool2d": (lambda x: ops.max_pool2d(x.reshape(1, 1, 1, 2), (1, 2)), [-1.0, 0.0], [False, True]),
    "sign": (ops.sign, [0.0, 4.0], [False, False]),
    "power 0": (lambda x: x**0 - 1, [0.0, 4.0], [False, False]),
    "powers 0": (lambda x: x ** Tensor(np.zeros(2), requires_grad=True) - 1, [0.0, 4.0], [False, False]),
    "std of equal ones": (lambda x: ops.std(x), [3.0, 3.0], [False, False]),
}
AFTER: dict[str, Function] = {
    "sqrt": lambda y: y.sqrt(),
    "log": lambda y: y.log(),
    "1 / x": lambda y: 1 / y,
    "** -0.5": lambda y: y**-0.5,
    "** 0.5": lambda y: y**0.5,
    "times infinity": lambda y: y * inf,
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_infinite_gradient_stays_out_where_none_passes(stop: str, after: str, dtype: Any) -> None:
    function, values, reached = STOPS[stop]
    for create_graph in (False, True):
        x = Tensor(np.array(values, dtype), requires_grad=True)
        (g,) = grad(AFTER[after](function(x)).sum(), x, create_graph=create_graph)
        assert g.dtype == dtype
        passing = np.array(reached)
        np.testing.assert_array_equal(g.data[~passing], 0)
        assert not (g.data[passing] == 0).any()


def test_select_selects_bits() -> None:
    values = np.array([-inf, -0.0, 0.0, 1e-45, 1.5, inf, nan], np.float32)
    for keep in (True, False, np.ones(7, bool), np.zeros(7, bool), np.arange(7) % 2 == 0, np.array(True)):
        expected = np.where(keep, values, np.float32(0))
        found = ops.TABLE["select"](values, keep)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))
    every_second = np.arange(12.0).reshape(3, 4)[::2, ::-2]
    np.testing.assert_array_equal(
        ops.TABLE["select"](every_second, every_second > 4), every_second * (every_second > 4)
    )


# --- against PyTorch: every elementwise primitive at every special value, by every special gradient

UNARY = ["neg", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sigmoid"]
UNARY += ["softplus", "relu", "abs", "sign", "erf"]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "pow"]
# What differs, and why: `name: (the values of the inputs, ...)`.
DOCUMENTED: dict[str, set[float]] = {
    "sign": {nan},  # of NaN it is NaN, as in NumPy
    "** 0.5": {-inf},  # C's pow, as in NumPy; PyTorch takes the square root
    "** -0.5": {-inf},
}


def _agree(ours: Function, theirs: Function, inputs: list[Any], torch: Any, apart: set[float] = frozenset()) -> None:  # type: ignore[assignment]
    usual = ~np.isin(inputs[0], [v for v in apart if v == v]) if apart else np.ones(inputs[0].shape, bool)
    if any(v != v for v in apart):
        usual &= inputs[0] == inputs[0]
    for g, create_graph in product(GRADIENTS, (False, True)):
        a = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
        b = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
        y, z = ours(*a), theirs(*b)
        _same(y.data, z.detach().numpy(), usual)
        leaves = [x for x in a if x.requires_grad]
        found = grad(y, leaves, np.full(y.shape, g), create_graph=create_graph)
        expected = torch.autograd.grad(z, [x for x in b if x.requires_grad], torch.full_like(z, g))
        for u, v in zip(found, expected, strict=True):
            _same(u.data, v.numpy(), usual)


def _same(u: Any, v: Any, usual: Any) -> None:
    usual = usual if u.shape == usual.shape else ...
    np.testing.assert_allclose(u[usual], v[usual], rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
class TestAgainstPyTorch:
    @pytest.mark.parametrize("name", UNARY)
    def test_unary(self, name: str) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch's conventions are compared with")
        theirs = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        _agree(ops.TABLE[name], theirs, [np.array(SPECIAL)], torch, DOCUMENTED.get(name, set()))

    @pytest.mark.parametrize("name", BINARY)
    def test_binary(self, name: str) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch's conventions are compared with")
        values = POWERS if name == "pow" else SPECIAL
        pairs = np.array(list(product(values, values))).T
        _agree(ops.TABLE[name], getattr(torch, name), [pairs[0].copy(), pairs[1].copy()], torch)

    @pytest.mark.parametrize("name", ["clip", "clip low", "clip high", "leaky_relu", "elu", "where", "select"])
    def test_with_options(self, name: str) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch's conventions are compared with")
        functional = torch.nn.functional
        chosen = np.arange(len(SPECIAL)) % 2 == 0
        ours, theirs = {
            "clip": (lambda x: x.clip(-1, 1), lambda x: x.clamp(-1, 1)),
            "clip low": (lambda x: x.clip(min=0), lambda x: x.clamp(min=0)),
            "clip high": (lambda x: x.clip(max=0), lambda x: x.clamp(max=0)),
            "leaky_relu": (lambda x: ops.leaky_relu(x, 0.1), lambda x: functional.leaky_relu(x, 0.1)),
            "elu": (lambda x: ops.elu(x, 0.5), lambda x: functional.elu(x, 0.5)),
            "where": (
                lambda x: ops.where(chosen, x, x * 2),
                lambda x: torch.where(torch.tensor(chosen), x, x * 2),
            ),
            "select": (
                lambda x: ops.TABLE["select"](x, chosen),
                lambda x: x.masked_fill(torch.tensor(~chosen), 0),
            ),
        }[name]
        _agree(ours, theirs, [np.array(SPECIAL)], torch)

    @pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 1.5])
    def test_powers(self, exponent: float) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch's conventions are compared with")
        apart = DOCUMENTED.get(f"** {exponent}", set())
        _agree(lambda x: x**exponent, lambda x: x**exponent, [np.array(POWERS)], torch, apart)

    @pytest.mark.parametrize("name", ["max", "min"])
    def test_the_largest_and_the_smallest(self, name: str) -> None:
        """PyTorch's `max()` of all elements, the one of its kind that selects."""
        torch = pytest.importorskip("torch", reason="PyTorch's conventions are compared with")
        for values in ([1.0, 3.0, 3.0], [1.0, nan, 3.0], [nan, nan, 1.0], [inf, 1.0, -inf], [inf, inf, 0.0]):
            ours = lambda x: ops.TABLE[name](x, axis=None, keepdims=False)  # noqa: E731
            _agree(ours, lambda x: getattr(x, name)(), [np.array(values)], torch)
