"""Primitives that take many elements to one, and the softmax family built on them."""

from __future__ import annotations

import builtins
import math
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..core.constants import summed
from ..core.node import DEFAULT_DTYPE, Array, Axis, Value, wrap
from ..core.primitive import Primitive, floats
from .axes import counted, shape_kept, shape_left
from .elementwise import abs, clip, exp, select, sign, sqrt, where
from .shape import broadcast_to, picked

__all__ = [
    "ValuesAndIndices",
    "extremes",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "softmax",
    "std",
    "sum",
    "var",
]


def _sum_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(g.reshape(shape_kept(x.shape, axis)), shape=x.shape)


def _extreme_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Of the largest, or the smallest: where several are equally so, they share the gradient; so do NaNs."""
    kept = shape_kept(x.shape, axis)
    reached = (x == y.reshape(kept)) | (x != x)
    share = g.reshape(kept) / reached.astype(g.dtype).sum(axis=axis, keepdims=True)
    return select(broadcast_to(share, shape=x.shape), reached)


sum = Primitive(
    "sum",
    lambda x, *, axis, keepdims: np.add.reduce(x, axis, keepdims=keepdims),
    _sum_vjp,
    reads_values=False,
    doc="The sum over all axes, or over these (`np.sum`).",
)
max = Primitive(
    "max",
    lambda x, *, axis, keepdims: np.maximum.reduce(x, axis, keepdims=keepdims),
    _extreme_vjp,
    doc="The largest element over all axes, or over these (`np.max`); equal ones share the gradient.",
)
min = Primitive(
    "min",
    lambda x, *, axis, keepdims: np.minimum.reduce(x, axis, keepdims=keepdims),
    _extreme_vjp,
    doc="The smallest element over all axes, or over these (`np.min`); equal ones share the gradient.",
)


V = TypeVar("V")


class ValuesAndIndices(NamedTuple, Generic[V]):
    """The extreme elements along an axis, and where they are (`torch.return_types.max`)."""

    values: V
    indices: V


def extremes(x: Any, name: str, axis: Any, keepdims: bool = False) -> ValuesAndIndices[Any]:
    """The "max" or "min" along one axis with their indices; of equal ones the first, which gets the gradient."""
    if isinstance(axis, tuple | list):
        raise TypeError(
            f"{name} with indices goes along one axis, not {axis!r}: use {name}(axis={axis!r}) for the values"
        )
    place = counted(axis, x.shape)
    if not x.shape[place : place + 1] or x.shape[place]:
        found = x.data.argmax(place, keepdims=True) if name == "max" else x.data.argmin(place, keepdims=True)
    else:
        raise ValueError(f"{name} of shape {x.shape} along axis {place}: of no elements there is none")
    values, indices = picked(x, np.asarray(found), place), wrap(np.asarray(found), None)
    if keepdims or not x.ndim:
        return ValuesAndIndices(values, indices)
    shape = shape_left(x.shape, place)
    return ValuesAndIndices(values.reshape(shape), indices.reshape(shape))


def _count(x: Any) -> int:
    return (x.data if isinstance(x, Value) else x).size  # x.size of a Tensor can be called, and takes time to make


def _each(x: Any, total: Any) -> int:
    """How many elements of `x` went into each of `total`."""
    return _count(x) // (_count(total) or 1)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis`; of no elements it is NaN, as in NumPy and PyTorch."""
    total = sum(x, axis=axis, keepdims=keepdims)
    return total / _each(x, total)


def var(x: Any, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Any:
    """The variance, the sum of squares divided by n - correction (PyTorch's default; NumPy's is 0).

    Of too few elements, no more than `correction`, it is infinity, or NaN where they do not differ.
    """
    shifted = x - mean(x, axis=axis, keepdims=True)
    total = sum(shifted * shifted, axis=axis, keepdims=keepdims)
    return total / builtins.max(_each(x, total) - correction, 0)


def std(x: Any, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Any:
    """The square root of `var`; where that is 0 so is the gradient."""
    s = var(x, axis, correction, keepdims)
    return select(_root(s, 0.5), s != 0)  # whatever gradient comes


def norm(x: Any, p: float = 2, axis: Axis = None, keepdims: bool = False) -> Any:
    """The p-norm, (Σ|x|^p)^(1/p), over all elements of the axes; where x is 0 its gradient is 0.

    For p = 0 it is how many are not 0; for infinity the largest |x|, for -infinity the smallest.
    """
    x = x if x.dtype.kind == "f" else x.astype(DEFAULT_DTYPE)  # squares of small integers would wrap
    if p == 2:
        return _root(sum(x * x, axis=axis, keepdims=keepdims), 0.5)
    if p == 1:
        return sum(abs(x), axis=axis, keepdims=keepdims)
    if math.isinf(p):
        return (max if p > 0 else min)(abs(x), axis=axis, keepdims=keepdims)
    if p == 0:
        return sum(where(x != x, 1.0, abs(sign(x))), axis=axis, keepdims=keepdims)  # NaN is not 0
    size = abs(x)
    zero = size == 0
    powers = where(zero, 0.0 if p > 0 else math.inf, where(zero, 1.0, size) ** p)
    total = sum(powers, axis=axis, keepdims=keepdims)
    return _root(total, 1 / p) if p > 0 else total ** (1 / p)


def _root(s: Any, exponent: float) -> Any:
    """sqrt(s), or another power, with gradient 0 instead of infinity at 0."""
    zero = (s == 0).astype(s.dtype)
    return (sqrt(s + zero) if exponent == 0.5 else (s + zero) ** exponent) - zero


def _logsumexp(x: Array, *, axis: Axis, keepdims: bool) -> Array:
    x = floats(x)
    largest = np.maximum.reduce(x, axis, keepdims=True) if x.size else x.dtype.type(0)
    shift = np.where(np.isfinite(largest), largest, x.dtype.type(0))  # inf - inf would be NaN
    with np.errstate(divide="ignore"):  # log 0, of nothing or where every element is -inf: the answer is -inf
        y = np.log(np.add.reduce(np.exp(x - shift), axis, keepdims=True)) + shift
    return y if keepdims else y.reshape(shape_left(x.shape, axis))


def _logsumexp_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    kept = shape_kept(x.shape, axis)
    return g.reshape(kept) * exp(x - clip(y, low=-LARGEST, high=None).reshape(kept))  # 0 where all are -infinity


LARGEST = float(np.finfo(np.float32).max)
logsumexp = Primitive(
    "logsumexp",
    _logsumexp,
    _logsumexp_vjp,
    doc="log Σ exp(x) over all axes, or over these, without overflow (`torch.logsumexp`).",
)


# --- softmax: shifted by the largest element, so that nothing overflows; of no elements there is none


def _softmax(x: Array, *, axis: int) -> Array:
    x = floats(x)
    if not x.size:
        counted(axis, x.shape)
        return np.asarray(np.exp(x))
    e = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
    return e / np.add.reduce(e, axis, keepdims=True)


SHORT = 32  # an axis up to this goes to the front: NumPy reduces many short rows one by one, a few long ones at once


def _log_softmax(x: Array, *, axis: int) -> Array:
    x = floats(x)
    if not x.size:
        counted(axis, x.shape)
        return np.asarray(np.exp(x))
    n = x.shape[axis] if x.ndim else 1
    if n > SHORT or not x.ndim:
        z = x - np.maximum.reduce(x, axis, keepdims=True)
        return z - np.log(np.add.reduce(np.exp(z), axis, keepdims=True))
    y = x.swapaxes(axis, 0).copy()
    z = y.reshape(n, -1)
    z -= np.maximum.reduce(z)
    z -= np.log(summed(np.exp(z)))
    return y.swapaxes(axis, 0)


softmax = Primitive(
    "softmax",
    _softmax,
    lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    doc="exp(x) / Σ exp(x) along an axis, the last by default, without overflow.",
)
log_softmax = Primitive(
    "log_softmax",
    _log_softmax,
    lambda g, y, x, axis=-1: g - exp(y) * g.sum(axis=axis, keepdims=True),
    doc="x - log Σ exp(x) along an axis, the last by default: the logarithm of softmax, exact where that is small.",
)
