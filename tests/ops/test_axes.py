"""Every operation that takes an axis, by every form an axis has: against NumPy, and PyTorch where it is installed."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_nn
from tinygrad_nn import Tensor, grad, ops

Array = np.ndarray[Any, Any]
Call = Callable[..., Any]


@dataclass(frozen=True)
class Operation:
    """A call on a Tensor and an axis, its formula on arrays, and which axes it takes."""

    ours: Call
    formula: Call
    theirs: Call | None = None  # on PyTorch's tensors
    several: bool = False  # a tuple or a list of axes
    again: bool = False  # of which one may come again
    none: bool = False  # None for all of them
    two: bool = False  # exactly two axes, perhaps the same
    distinct: bool = False  # these two are not the same
    every: bool = False  # all axes, each once
    new: int = 0  # axes beyond those of the input
    smooth: bool = True  # it has a gradient
    numbers: bool = True  # a tensor without axes has axis 0 and -1
    arrays: bool = True  # an axis may be an array or a Tensor that holds one number
    all_of_none: bool = False  # an empty tuple of axes means all
    of_a_number: tuple[int, ...] = ()  # the shape of the result on a tensor without axes


def reductions(name: str, formula: Call, theirs: str | None = None, **more: Any) -> dict[str, Operation]:
    """A reduction, by position and by each of the names of its axis, without its axes and with them kept."""
    options = more.pop("options", {})
    table: dict[str, Operation] = {}
    for by, keep in ((None, "keepdims"), ("axis", "keepdims"), ("dim", "keepdim")):
        if (by is None and name in ("max", "min", "norm")) or (by == "dim" and name in ("max", "min")):
            continue  # there it means something else
        for kept in (False, True):

            def ours(x: Tensor, axis: Any, by: str | None = by, given: Any = ({keep: True} if kept else {})) -> Any:
                method = getattr(x, name)
                return method(axis, **given, **options) if by is None else method(**{by: axis}, **given, **options)

            table[f"{name}({by or ''}{', kept' * kept})"] = Operation(
                ours,
                partial(formula, keepdims=kept),
                (lambda x, axis, kept=kept: getattr(x, theirs)(dim=axis, keepdim=kept)) if theirs else None,
                all_of_none=by == "dim" and name not in ("any", "all"),
                **more,
            )
    return table


def method(name: str) -> Call:
    return lambda x, axis: getattr(x, name)(axis)


def method_of_two(name: str) -> Call:
    return lambda x, axes: getattr(x, name)(*axes)


def joined(name: str) -> Call:
    return lambda x, axis: getattr(importlib.import_module("torch"), name)([x, 2 * x], axis)


def halved(x: Any, axis: Any) -> Any:
    return x.split((x.size(axis) + 1) // 2, axis)[0]


def logsumexp(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def norm(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def softmax(x: Array, axis: int) -> Any:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def squeezed(x: Array, axis: Any) -> Array:
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).astype(int) % x.ndim
    return x.squeeze(tuple(int(a) for a in axes if x.shape[a] == 1))


ALL: dict[str, Any] = {"several": True, "none": True}
OPERATIONS: dict[str, Operation] = {
    **reductions("sum", np.sum, "sum", **ALL),
    **reductions("mean", np.mean, "mean", **ALL),
    **reductions("max", np.max, "amax", **ALL),
    **reductions("min", np.min, "amin", **ALL),
    **reductions("logsumexp", logsumexp, "logsumexp", **ALL),
    **reductions("norm", norm, "norm", **ALL),
    # Divided by n - 1/2, so that a single element has a variance too.
    **reductions("var", partial(np.var, ddof=0.5), options={"correction": 0.5}, **ALL),
    **reductions("std", partial(np.std, ddof=0.5), options={"correction": 0.5}, **ALL),
    **reductions("any", np.any, "any", smooth=False, **ALL),
    **reductions("all", np.all, "all", smooth=False, **ALL),
    **reductions("argmax", np.argmax, "argmax", smooth=False, none=True),
    **reductions("argmin", np.argmin, "argmin", smooth=False, none=True),
    "max with indices": Operation(
        lambda x, axis: x.max(axis).values,
        lambda x, axis: x.max(axis),
        lambda x, axis: x.max(axis).values,
        arrays=False,
    ),
    "min with indices": Operation(
        lambda x, axis: x.min(dim=axis).values,
        lambda x, axis: x.min(axis),
        lambda x, axis: x.min(axis).values,
        arrays=False,
    ),
    "softmax": Operation(method("softmax"), softmax, method("softmax")),
    "log_softmax": Operation(method("log_softmax"), lambda x, axis: np.log(softmax(x, axis)), method("log_softmax")),
    "squeeze": Operation(method("squeeze"), squeezed, method("squeeze"), several=True, none=True),
    "unsqueeze": Operation(method("unsqueeze"), np.expand_dims, method("unsqueeze"), new=1),
    "flatten": Operation(
        method("flatten"),
        lambda x, axis: x.reshape(*x.shape[: range(x.ndim)[axis]], -1),
        method("flatten"),
        of_a_number=(1,),
    ),
    "flatten to": Operation(
        lambda x, axis: x.flatten(0, axis),
        lambda x, axis: x.reshape(-1, *x.shape[range(x.ndim)[axis] + 1 :]),
        lambda x, axis: x.flatten(0, axis),
        of_a_number=(1,),
    ),
    "swapaxes": Operation(method_of_two("swapaxes"), method_of_two("swapaxes"), method_of_two("swapaxes"), two=True),
    "transpose": Operation(method_of_two("transpose"), method_of_two("swapaxes"), method_of_two("transpose"), two=True),
    "permute": Operation(method("permute"), method("transpose"), method("permute"), every=True),
    "split": Operation(halved, lambda x, axis: x.take(range((x.shape[axis] + 1) // 2), axis), halved, numbers=False),
    "concatenate": Operation(
        lambda x, axis: ops.concatenate([x, 2 * x], axis),
        lambda x, axis: np.concatenate([x, 2 * x], axis),
        joined("cat"),
        numbers=False,
    ),
    "stack": Operation(
        lambda x, axis: ops.stack([x, 2 * x], axis), lambda x, axis: np.stack([x, 2 * x], axis), joined("stack"), new=1
    ),
    "amax": Operation(method("amax"), np.max, method("amax"), all_of_none=True, **ALL),
    "amax(axis)": Operation(lambda x, axis: x.amax(axis=axis), np.max, **ALL),
    "amin": Operation(method("amin"), np.min, method("amin"), all_of_none=True, **ALL),
    "prod": Operation(method("prod"), np.prod, method("prod"), none=True),
    "prod(axis)": Operation(lambda x, axis: x.prod(axis=axis), np.prod, none=True),
    "cumsum": Operation(method("cumsum"), np.cumsum, method("cumsum")),
    "cumprod": Operation(method("cumprod"), np.cumprod, method("cumprod")),
    "count_nonzero": Operation(
        method("count_nonzero"), np.count_nonzero, method("count_nonzero"), smooth=False, all_of_none=True, **ALL
    ),
    "sort": Operation(lambda x, axis: x.sort(axis).values, np.sort, lambda x, axis: x.sort(axis).values),
    "argsort": Operation(method("argsort"), np.argsort, method("argsort"), smooth=False),
    "topk": Operation(
        lambda x, axis: x.topk(1, axis).values,
        lambda x, axis: x.max(axis, keepdims=True),
        lambda x, axis: x.topk(1, axis).values,
    ),
    "gather": Operation(
        lambda x, axis: x.gather(axis, np.zeros(x.shape, int)),
        lambda x, axis: np.take_along_axis(x, np.zeros(x.shape, int), axis),
    ),
    "take_along_dim": Operation(
        lambda x, axis: x.take_along_dim(np.zeros((1,) * x.ndim, int), axis), lambda x, axis: x.take([0], axis)
    ),
    "index_select": Operation(
        lambda x, axis: x.index_select(axis, np.zeros(1, int)), lambda x, axis: x.take([0], axis)
    ),
    "repeat_interleave": Operation(
        lambda x, axis: x.repeat_interleave(2, axis),
        lambda x, axis: np.repeat(x, 2, axis),
        lambda x, axis: x.repeat_interleave(2, axis),
        none=True,
        of_a_number=(2,),
    ),
    "flip": Operation(method("flip"), np.flip, method("flip"), several=True),
    "roll": Operation(
        lambda x, axis: x.roll((1,) * len(axis) if isinstance(axis, tuple | list) else 1, axis),
        lambda x, axis: np.roll(x, 1, axis),
        lambda x, axis: x.roll((1,) * len(axis) if isinstance(axis, tuple | list) else 1, axis),
        several=True,
        again=True,
        none=True,
    ),
    "movedim": Operation(lambda x, axis: x.movedim(axis, axis), lambda x, axis: x, several=True),
    "unbind": Operation(
        lambda x, axis: x.unbind(axis)[0],
        lambda x, axis: x.take(0, axis),
        lambda x, axis: x.unbind(axis)[0],
        numbers=False,
    ),
    "chunk": Operation(
        lambda x, axis: x.chunk(2, axis)[0],
        lambda x, axis: x.take(range((x.shape[axis] + 1) // 2), axis),
        lambda x, axis: x.chunk(2, axis)[0],
        numbers=False,
    ),
    "split_with_sizes": Operation(
        lambda x, axis: x.split_with_sizes([1, x.size(axis) - 1], axis)[0],
        lambda x, axis: x.take([0], axis),
        lambda x, axis: x.split_with_sizes([1, x.size(axis) - 1], axis)[0],
        numbers=False,
    ),
    "narrow": Operation(
        lambda x, axis: x.narrow(axis, 0, 1),
        lambda x, axis: x.take([0], axis),
        lambda x, axis: x.narrow(axis, 0, 1),
        numbers=False,
    ),
    "select": Operation(
        lambda x, axis: x.select(axis, -1),
        lambda x, axis: x.take(-1, axis),
        lambda x, axis: x.select(axis, -1),
        numbers=False,
    ),
    "unflatten": Operation(
        lambda x, axis: x.unflatten(axis, (1, -1)),
        lambda x, axis: np.expand_dims(x, axis % x.ndim),
        lambda x, axis: x.unflatten(axis, (1, -1)),
        numbers=False,
    ),
    "swapdims": Operation(method_of_two("swapdims"), method_of_two("swapaxes"), method_of_two("swapdims"), two=True),
    "diagonal": Operation(
        lambda x, axes: x.diagonal(0, *axes),
        lambda x, axes: x.diagonal(0, *axes),
        lambda x, axes: x.diagonal(0, *axes),
        two=True,
        distinct=True,
        numbers=False,
    ),
    "size": Operation(
        lambda x, axis: Tensor(x.size(axis)), lambda x, axis: np.array(x.shape[axis]), smooth=False, numbers=False
    ),
}
SHAPES = [(), (1,), (3,), (2, 3), (1, 3, 2)]
every_operation = pytest.mark.parametrize("name", OPERATIONS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def forms(operation: Operation, shape: tuple[int, ...]) -> list[Any]:
    """All axes that the operation takes for a shape."""
    n = len(shape) + operation.new
    if operation.every:
        return [tuple(range(n))[::-1], [i - n for i in range(n)], tuple(np.roll(range(n), 1)), list(range(n))]
    there = list(range(-n, n)) or [0, -1] * operation.numbers
    if operation.distinct:
        return [(i, j) for i in there for j in there if (i - j) % n]
    if operation.two:
        return [(i, j) for i in there for j in there] + [(np.int64(i), there[0]) for i in there]
    found = [*there, *map(np.int64, there)]
    if operation.arrays:
        found += [kind(axis) for axis in there for kind in (np.array, Tensor)]
    if operation.none:
        found.append(None)
    if operation.several:
        found += [(), [], tuple(range(n)), [i - n for i in range(n)], tuple(np.arange(n)), *([(-1,), [0]] if n else [])]
    return found


def mistakes(operation: Operation, shape: tuple[int, ...]) -> list[Any]:
    """Axes that the shape has not."""
    n = (len(shape) + operation.new) or 1
    wrong = [n, -n - 1, n + 7, np.int64(-n - 9)]
    if operation.two:
        return [pair for bad in wrong for pair in ((bad, 0), (0, bad))]
    if operation.every:
        return [(bad, *range(1, len(shape))) for bad in wrong]
    return [*wrong, *([(bad,) for bad in wrong] + [(0, n), [n, 0]] if operation.several else [])]


def nonsense(operation: Operation, shape: tuple[int, ...]) -> list[Any]:
    """What is not an axis at all, or the same one twice."""
    wrong: list[Any] = [True, np.False_, 0.0, np.float64(0), "0", 1j, *[np.array([0, 0])] * operation.arrays]
    if operation.two:
        return [pair for bad in wrong for pair in ((bad, 0), (0, bad))]
    if operation.every:
        rest = tuple(range(1, len(shape)))
        return [*((bad, *rest) for bad in wrong), (0,) * (len(shape) + 1), *([rest, (rest[-1], *rest)] if rest else [])]
    if operation.several:
        return [*wrong, *((bad,) for bad in wrong), *[(0, 0), [0, -len(shape) or -1]] * (not operation.again)]
    return [*wrong, (0,), [0], (0, 0)]


def draw(shape: tuple[int, ...]) -> Array:
    """Different numbers, so that extremes are where they are."""
    n = int(np.prod(shape))
    return np.random.default_rng(n).permutation(np.arange(1.0, n + 1)).reshape(shape)


def plain(axis: Any) -> Any:
    """An axis as NumPy's functions want it."""
    if isinstance(axis, tuple | list):
        return tuple(int(a) for a in axis)
    return axis if axis is None else int(axis.data if isinstance(axis, Tensor) else axis)


def empty(axis: Any) -> bool:
    return isinstance(axis, tuple | list) and not axis


def formula_of(operation: Operation, axis: Any) -> Call:
    """The operation on arrays. An array without axes, whose axes NumPy mostly refuses, is taken for one of length 1."""
    used = None if operation.all_of_none and empty(axis) else plain(axis)
    if operation.new or operation.every:
        return lambda x: np.asarray(operation.formula(x, used))
    return lambda x: np.asarray(
        operation.formula(x, used)
        if x.ndim
        else np.reshape(operation.formula(x.reshape(1), used), operation.of_a_number)
    )


def slopes(formula: Call, x: Array, weights: Array) -> Array:
    """The gradient of Σ weights · formula(x), by finite differences."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-6
        gradient[place] = ((formula(x + step) - formula(x - step)) * weights).sum() / 2e-6
    return gradient


@every_shape
@every_operation
def test_every_form_of_an_axis_means_what_numpy_means(name: str, shape: tuple[int, ...]) -> None:
    operation, x = OPERATIONS[name], draw(shape)
    differentiated: set[Any] = set()
    for axis in forms(operation, shape):
        formula, t = formula_of(operation, axis), Tensor(x, requires_grad=True)
        y, wanted = operation.ours(t, axis), formula(x)
        assert (type(y), y.shape) == (Tensor, wanted.shape), axis
        np.testing.assert_allclose(y.data, wanted, rtol=1e-12)
        if operation.smooth and plain(axis) not in differentiated:
            differentiated.add(plain(axis))
            weights = np.arange(1.0, wanted.size + 1).reshape(wanted.shape)
            expected = slopes(formula, x, weights)
            for create_graph in (False, True):
                (g,) = grad(y, t, weights, retain_graph=True, create_graph=create_graph)
                np.testing.assert_allclose(g.data, expected, rtol=1e-6, atol=1e-6)


@every_shape
@every_operation
def test_an_axis_that_is_not_there_is_refused_in_words(name: str, shape: tuple[int, ...]) -> None:
    operation, x = OPERATIONS[name], Tensor(draw(shape))
    there = bool(shape) or operation.numbers
    for axis in mistakes(operation, shape):
        with pytest.raises((IndexError, ValueError)) as caught:
            operation.ours(x, axis)
        if there:
            assert isinstance(caught.value, IndexError)  # as PyTorch's users expect
            assert isinstance(caught.value, ValueError)  # and NumPy's
            assert f"is out of range for shape {shape}" in str(caught.value)
    for axis in nonsense(operation, shape):
        with pytest.raises((TypeError, ValueError, IndexError)) as caught:
            operation.ours(x, axis)
        assert not any(word in str(caught.value) for word in ("<lambda>", "index out of", "modulo"))


@every_shape
@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.theirs])
def test_every_form_of_an_axis_means_what_pytorch_means(name: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    operation, x = OPERATIONS[name], draw(shape)
    compared = 0
    for axis in forms(operation, shape):
        if empty(axis) and not operation.all_of_none and name not in ("squeeze", "permute"):
            continue  # an empty tuple of axes is NumPy's, unless it is called dim
        t, u = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        try:
            theirs = operation.theirs(u, axis if isinstance(axis, tuple | list) else plain(axis))  # type: ignore[misc]
        except (RuntimeError, IndexError, TypeError, ValueError):
            continue  # of what one refuses there is nothing to compare
        y = operation.ours(t, axis)
        assert y.shape == tuple(theirs.shape), axis
        np.testing.assert_allclose(y.data, theirs.numpy(force=True), rtol=1e-12)
        compared += 1
        if theirs.requires_grad:
            weights = np.arange(1.0, y.size + 1).reshape(y.shape)
            (g,), (h,) = grad(y, t, weights), torch.autograd.grad(theirs, u, torch.tensor(weights))
            np.testing.assert_allclose(g.data, h.numpy(), rtol=1e-12, atol=1e-12)
    assert compared or not forms(operation, shape)


def test_two_names_of_one_argument_are_not_given_together() -> None:
    x = Tensor(np.ones((2, 3)))
    reducing = ["sum", "mean", "var", "std", "norm", "logsumexp", "argmax", "argmin", "any", "all"]
    for name in [*reducing, "max", "min", "softmax", "log_softmax", "squeeze", "unsqueeze"]:
        with pytest.raises(TypeError, match="axis=0 and dim=1 are one argument by two names"):
            getattr(x, name)(axis=0, dim=1)
    for name in reducing:
        with pytest.raises(TypeError, match="keepdims and keepdim are one argument"):
            getattr(x, name)(axis=0, keepdims=True, keepdim=True)
        with pytest.raises(TypeError, match=r"True or False, not 1: several axes are a tuple, \(0, 1\)"):
            getattr(x, name)(axis=0, keepdims=1)
    for name in ("softmax", "log_softmax", "squeeze", "unsqueeze"):
        assert getattr(x, name)(dim=1).shape == getattr(x, name)(1).shape
    for function in (tinygrad_nn.concatenate, tinygrad_nn.stack):
        with pytest.raises(TypeError, match="axis=0 and dim=1 are one argument"):
            function([x] * 3, axis=0, dim=1)
        assert function([x] * 3, dim=1).shape == function([x] * 3, 1).shape != function([x] * 3).shape
    with pytest.raises(TypeError, match="axis=0 and dim=1 are one argument"):
        x.split(1, axis=0, dim=1)
    assert len(x.split(1, dim=1)) == 3


def test_every_method_with_an_axis_is_in_the_table() -> None:
    words = {"axis", "axes", "axis0", "dim", "dims", "dim0", "start_dim"}
    methods = {
        name
        for name, method in inspect.getmembers(Tensor, inspect.isfunction)
        if not name.startswith("_") and words & set(inspect.signature(method).parameters)
    }
    assert {"sum", "squeeze", "flatten", "permute", "transpose", "swapaxes"} <= methods
    known = {name.partition("(")[0].partition(" ")[0] for name in OPERATIONS}
    assert methods <= known | {"moveaxis", "tile"}  # the one is movedim, the other's dims are numbers of copies
