"""What NumPy's functions are here: for each a counterpart, which takes the arguments that it names.

The first argument comes by position, all others by the names that they have in NumPy; see `numpy_interface`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from . import ops
from .core.node import DEFAULT_DTYPE, Axis
from .core.primitive import plain
from .tensors import Tensor

ABSENT: Any = inspect.signature(np.sum).parameters["keepdims"].default  # NumPy's mark of what is not given


def _value(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    """Each as a Tensor; numbers and lists take the dtype of the Tensors among them."""

    def tensor(x: Any) -> Tensor:
        if isinstance(x, Tensor | np.ndarray):
            return x if isinstance(x, Tensor) else Tensor(x)
        return Tensor(np.reshape(plain(x if np.ndim(x) else [x], values), np.shape(x)))

    return [tensor(x) for x in values]


# --- what NumPy itself says about the values, or about the places of the elements, whatever it is asked


def by_value(function: Any) -> Callable[..., Any]:
    """What has no gradient by nature: indices, booleans, shapes, constants."""

    def wrapped(result: Any) -> Any:
        if isinstance(result, tuple):
            return tuple(map(wrapped, result))
        if not isinstance(result, np.ndarray | np.generic):
            return result
        if result.dtype.kind not in "fiub":
            raise TypeError(f"np.{function.__name__} on Tensors does not take dtype={result.dtype}: only real numbers")
        return Tensor(result)

    return lambda *args, **others: wrapped(function(*map(_value, args), **{k: _value(v) for k, v in others.items()}))


def _by_shape(function: Any) -> Callable[..., Any]:
    """What adds or drops axes of length 1."""
    return lambda a, **others: ops.reshape(a, shape=function(a.data, **others).shape)


def _by_axes(function: Any) -> Callable[..., Any]:
    """What puts the axes in another order: NumPy does it with the axes of an array of shape (0, 1, 2, ...)."""
    return lambda a, **others: ops.transpose(a, axes=function(np.empty(range(a.ndim)), **others).shape)


def _by_number(function: Any) -> Callable[..., Any]:
    """What picks elements, some perhaps more than once: NumPy picks their numbers."""

    def picked(a: Any, **others: Any) -> Any:
        (a,) = _tensors([a])
        numbers = np.arange(a.size).reshape(a.shape)
        index = np.asarray(function(numbers, **{k: _value(v) for k, v in others.items()}))
        return ops.getitem(ops.reshape(a, shape=(-1,)), index=index)

    return picked


def _in_parts(function: Any) -> Callable[..., Any]:
    def parts(a: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
        (a,) = _tensors([a])
        before = (slice(None),) * normalize_axis_index(axis, a.ndim)
        numbers = function(np.arange(a.shape[axis]), _value(indices_or_sections))
        cuts = [slice(int(part[0]), int(part[-1]) + 1) if part.size else slice(0) for part in numbers]
        return [ops.getitem(a, index=(*before, cut)) for cut in cuts]

    return parts


# --- reductions


def _cast(name: str, a: Any, dtype: Any, kinds: str) -> Any:
    if dtype is None or a.dtype == (dtype := np.dtype(dtype)):
        return a
    if dtype.kind not in kinds:
        only = "floating-point" if kinds == "f" else "real"
        raise TypeError(f"np.{name} on Tensors does not take dtype={dtype}: only {only} numbers")
    return a.astype(dtype)


def _extreme(name: str, a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return getattr(ops, name)(a, axis=axis, keepdims=keepdims)


def _sum(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    total = ops.sum(_cast("sum", a, dtype, "fiub"), axis=axis, keepdims=keepdims)
    return _cast("sum", total, dtype, "fiub")  # small integers are summed as large ones


def _mean(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return ops.mean(_cast("mean", a, dtype, "f"), axis=axis, keepdims=keepdims)


def _spread(
    name: str,
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    correction: Any = ABSENT,
) -> Any:
    if correction is not ABSENT and ddof != 0:
        raise ValueError(f"np.{name} takes ddof= or correction=, two names of one thing, not both")
    n = ddof if correction is ABSENT else correction
    return getattr(ops, name)(_cast(name, a, dtype, "f"), axis=axis, correction=n, keepdims=keepdims)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    x = x if x.dtype.kind == "f" else x.astype(DEFAULT_DTYPE)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"np.linalg.norm takes ord={ord!r} of a matrix: of a vector it is a number")
        return ops.norm(x, 2 if ord is None else ord, axes, keepdims)
    if (ord is None and axis is None) or (ord in (None, "f", "fro") and len(axes) == 2):
        return ops.norm(x, axis=axes, keepdims=keepdims)
    if len(axes) != 2:
        raise ValueError(
            f"np.linalg.norm of {x.shape} is over one axis, over two, or with ord=None over all: not {axes}"
        )
    if ord in (2, -2, "nuc"):
        raise TypeError(f"np.linalg.norm on Tensors does not take ord={ord!r} of a matrix, which needs singular values")
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(f"np.linalg.norm of a matrix takes ord='fro', 1, -1, math.inf or -math.inf, not {ord!r}")
    sums = ops.sum(ops.abs(x), axis=axes[0 if abs(ord) == 1 else 1], keepdims=True)
    return (ops.max if ord > 0 else ops.min)(sums, axis=axes, keepdims=keepdims)


# --- products


def _dot(a: Any, b: Any) -> Any:
    if not np.ndim(_value(a)) or not np.ndim(_value(b)):
        return ops.mul(a, b)
    return ops.matmul(a, b) if np.ndim(_value(b)) <= 2 else _tensordot(a, b, (-1, -2))


def _inner(a: Any, b: Any) -> Any:
    scalar = not np.ndim(_value(a)) or not np.ndim(_value(b))
    return ops.mul(a, b) if scalar else _tensordot(a, b, (-1, -1))


def _outer(a: Any, b: Any) -> Any:
    a, b = _tensors((a, b))
    return ops.mul(ops.reshape(a, shape=(-1, 1)), ops.reshape(b, shape=(-1,)))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = _tensors((a, b))
    left, right = (range(-axes, 0), range(axes)) if isinstance(axes, int | np.integer) else axes
    left, right = normalize_axis_tuple(left, a.ndim), normalize_axis_tuple(right, b.ndim)
    lengths = [a.shape[i] for i in left]
    if lengths != [b.shape[i] for i in right]:
        raise ValueError(f"axes {left} of shape {a.shape} and {right} of {b.shape} must be equally long to be summed")
    rows, columns = ([i for i in range(x.ndim) if i not in summed] for x, summed in ((a, left), (b, right)))
    m, n, k = ([x.shape[i] for i in kept] for x, kept in ((a, rows), (b, columns), (a, left)))
    a = ops.reshape(ops.transpose(a, axes=(*rows, *left)), shape=(math.prod(m), math.prod(k)))
    b = ops.reshape(ops.transpose(b, axes=(*right, *columns)), shape=(math.prod(k), math.prod(n)))
    return ops.reshape(ops.matmul(a, b), shape=(*m, *n))


def _einsum(operands: Sequence[Any], optimize: Any = False) -> Any:  # which changes the way, not the result
    subscripts, *arrays = operands
    if not isinstance(subscripts, str):
        raise TypeError("np.einsum on Tensors does not take its subscripts as lists: write them as one string")
    return ops.einsum(subscripts, *_tensors(arrays))


# --- shapes, parts and choices


def _reshape(a: Any, shape: Any = ABSENT, newshape: Any = ABSENT, copy: Any = ABSENT) -> Any:
    said = {k: v for k, v in {"shape": shape, "newshape": newshape, "copy": copy}.items() if v is not ABSENT}
    y = ops.reshape(a, shape=np.reshape(a.data, **said).shape)
    return y.astype(y.dtype) if copy is True else y


def _ravel(a: Any) -> Any:
    return ops.reshape(a, shape=(-1,))


def _broadcast_to(a: Any, shape: Any) -> Any:
    return ops.broadcast_to(a, shape=tuple(np.atleast_1d(shape).tolist()))


def _concatenate(arrays: Any, axis: int | None = 0) -> Any:
    parts = _tensors(list(arrays))
    return ops.concatenate([*map(_ravel, parts)] if axis is None else parts, axis=axis or 0)


def _stacked(function: Any, axis: int) -> Callable[..., Any]:
    """What joins along an axis that parts of too few axes first get: NumPy says what becomes of one part."""

    def stacked(arrays: Any) -> Any:
        parts = [ops.reshape(part, shape=function((part.data,)).shape) for part in _tensors(list(arrays))]
        return ops.concatenate(parts, axis=min(axis, parts[0].ndim - 1))

    return stacked


def _pad(a: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    if mode != "constant":
        raise TypeError("np.pad on Tensors does not take mode=: it pads with constants")
    place = np.pad(np.ones((1,) * a.ndim, bool), pad_width)  # NumPy knows the forms of pad_width
    before = np.argwhere(place)[0].tolist()
    y = ops.pad(a, [(n, length - n - 1) for n, length in zip(before, place.shape, strict=True)])
    if np.isscalar(constant_values) and constant_values == 0:
        return y
    return y + np.pad(np.zeros_like(a.data), pad_width, constant_values=constant_values)


def _clip(a: Any, a_min: Any = ABSENT, a_max: Any = ABSENT, min: Any = ABSENT, max: Any = ABSENT) -> Any:
    if (a_min is ABSENT) is not (a_max is ABSENT):
        raise TypeError("np.clip takes a_min and a_max, of which one may be None, or min= and max=")
    if a_min is not ABSENT and (min is not ABSENT or max is not ABSENT):
        raise ValueError("np.clip takes a_min and a_max, or min= and max=, not both")
    bounds = (min, max) if a_min is ABSENT else (a_min, a_max)
    low, high = (None if b is ABSENT else b.item() if isinstance(b, np.generic) else b for b in bounds)
    if all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return ops.clip(a, low=low, high=high)
    y = a if low is None else ops.maximum(a, low)
    return y if high is None else ops.minimum(y, high)


def _where(condition: Any, x: Any = ABSENT, y: Any = ABSENT) -> Any:
    if x is ABSENT and y is ABSENT:
        return by_value(np.where)(condition)
    if y is ABSENT:
        raise ValueError("np.where takes both x and y, or neither")
    return ops.where(condition, x, y)


def _full_like(a: Any, fill_value: Any, **others: Any) -> Any:
    return by_value(np.full_like)(a, np.asarray(fill_value), **others)  # which no Tensor in a graph becomes


FAMILIES: dict[Callable[[Any], Callable[..., Any]], tuple[Any, ...]] = {
    by_value: (
        *(np.argmax, np.argmin, np.argsort, np.any, np.all, np.nonzero, np.isclose, np.allclose, np.array_equal),
        *(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like),
    ),
    _by_shape: (np.squeeze, np.expand_dims),
    _by_axes: (np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.matrix_transpose),
    _by_number: (np.flip, np.roll, np.tile, np.repeat, np.take, np.diagonal),
    _in_parts: (np.split, np.array_split),
}
JOINED = ((np.vstack, 0), (np.hstack, 1), (np.dstack, 2), (np.column_stack, 1))
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{function: family(function) for family, functions in FAMILIES.items() for function in functions},
    np.sum: _sum,
    np.mean: _mean,
    np.var: partial(_spread, "var"),
    np.std: partial(_spread, "std"),
    np.max: partial(_extreme, "max"),
    np.amax: partial(_extreme, "max"),
    np.min: partial(_extreme, "min"),
    np.amin: partial(_extreme, "min"),
    np.linalg.norm: _norm,
    np.dot: _dot,
    np.inner: _inner,
    np.outer: _outer,
    np.tensordot: _tensordot,
    np.einsum: _einsum,
    np.reshape: _reshape,
    np.ravel: _ravel,
    np.broadcast_to: _broadcast_to,
    np.concatenate: _concatenate,
    np.stack: lambda arrays, axis=0: ops.stack(_tensors(list(arrays)), axis=axis),
    **{function: _stacked(function, axis) for function, axis in JOINED},
    np.pad: _pad,
    np.clip: _clip,
    np.where: _where,
    np.full_like: _full_like,
}
