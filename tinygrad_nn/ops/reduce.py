"""Primitives that take many elements to one, and the softmax family built on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..constants import summed
from ..node import Array
from ..tensor import DEFAULT_DTYPE, Axis
from .elementwise import clip, exp, select, sqrt
from .primitive import Primitive, floats
from .shape import broadcast_to


def _kept(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape of a reduction with `keepdims=True`."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int | np.integer) else axis)}
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _sum_vjp(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return broadcast_to(g.reshape(_kept(x.shape, axis)), shape=x.shape)


def _extreme_vjp(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Of the largest, or the smallest: where several are equally so, they share the gradient; so do NaNs."""
    kept = _kept(x.shape, axis)
    reached = (x == y.reshape(kept)) | (x != x)
    share = g.reshape(kept) / reached.astype(g.dtype).sum(axis=axis, keepdims=True)
    return select(broadcast_to(share, shape=x.shape), reached)


sum = Primitive(
    "sum", lambda x, axis, keepdims: np.add.reduce(x, axis, keepdims=keepdims), _sum_vjp, reads_values=False
)
max = Primitive("max", lambda x, axis, keepdims: np.maximum.reduce(x, axis, keepdims=keepdims), _extreme_vjp)
min = Primitive("min", lambda x, axis, keepdims: np.minimum.reduce(x, axis, keepdims=keepdims), _extreme_vjp)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis`; of no elements it is NaN, as in NumPy and PyTorch."""
    total = sum(x, axis=axis, keepdims=keepdims)
    return total / (x.size // (total.size or 1))


def var(x: Any, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Any:
    """The variance, the sum of squares divided by n - correction (PyTorch's default; NumPy's is 0)."""
    shifted = x - mean(x, axis=axis, keepdims=True)
    total = sum(shifted * shifted, axis=axis, keepdims=keepdims)
    return total / (x.size // (total.size or 1) - correction)


def std(x: Any, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Any:
    """The square root of `var`; where that is 0 so is the gradient."""
    s = var(x, axis, correction, keepdims)
    return select(_root(s), s != 0)  # whatever gradient comes


def norm(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The Euclidean norm, sqrt(Σx²); at 0 its gradient is 0."""
    x = x if x.dtype.kind == "f" else x.astype(DEFAULT_DTYPE)  # squares of small integers would wrap
    return _root(sum(x * x, axis=axis, keepdims=keepdims))


def _root(s: Any) -> Any:
    """sqrt(s), with gradient 0 instead of infinity at 0."""
    zero = (s == 0).astype(s.dtype)
    return sqrt(s + zero) - zero


def _without(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """What is left of a shape when the axes are reduced."""
    if axis is None:
        return ()
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int | np.integer) else axis)}
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _logsumexp(x: Array, axis: Axis, keepdims: bool) -> Array:
    x = floats(x)
    largest = np.maximum.reduce(x, axis, keepdims=True) if x.size else x.dtype.type(0)
    shift = np.where(np.isfinite(largest), largest, x.dtype.type(0))  # inf - inf would be NaN
    with np.errstate(divide="ignore"):  # log 0, of nothing or where every element is -inf: the answer is -inf
        y = np.log(np.add.reduce(np.exp(x - shift), axis, keepdims=True)) + shift
    return y if keepdims else y.reshape(_without(x.shape, axis))


def _logsumexp_vjp(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    kept = _kept(x.shape, axis)
    return g.reshape(kept) * exp(x - clip(y, low=-LARGEST, high=LARGEST).reshape(kept))


LARGEST = float(np.finfo(np.float32).max)
logsumexp = Primitive("logsumexp", _logsumexp, _logsumexp_vjp)


# --- softmax: shifted by the largest element, so that nothing overflows; of no elements there is none


def _softmax(x: Array, axis: int) -> Array:
    x = floats(x)
    if not x.size:
        return np.asarray(np.exp(x))
    e = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
    return e / np.add.reduce(e, axis, keepdims=True)


SHORT = 32  # an axis up to this goes to the front: NumPy reduces many short rows one by one, a few long ones at once


def _log_softmax(x: Array, axis: int) -> Array:
    x = floats(x)
    if not x.size:
        return np.asarray(np.exp(x))
    n = x.shape[axis]
    if n > SHORT:
        z = x - np.maximum.reduce(x, axis, keepdims=True)
        return z - np.log(np.add.reduce(np.exp(z), axis, keepdims=True))
    y = x.swapaxes(axis, 0).copy()
    z = y.reshape(n, -1)
    z -= np.maximum.reduce(z)
    z -= np.log(summed(np.exp(z)))
    return y.swapaxes(axis, 0)


softmax = Primitive("softmax", _softmax, lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)))
log_softmax = Primitive("log_softmax", _log_softmax, lambda g, y, x, axis: g - exp(y) * g.sum(axis=axis, keepdims=True))
