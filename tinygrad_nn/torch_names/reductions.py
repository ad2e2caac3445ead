"""PyTorch's names for many elements made one, or summed up on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..core.node import Axis, as_array
from ..ops.axes import common_shape, counted, either, over
from ..tensors import Tensor, wrap
from .shape import apart_from


def amax(input: Tensor, dim: Axis = (), keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest elements, over all axes by default; where several are equally large they share the gradient."""
    return _extreme("max", input, dim, keepdim, axis, keepdims)


def amin(input: Tensor, dim: Axis = (), keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest elements, over all axes by default; where several are equally small they share the gradient."""
    return _extreme("min", input, dim, keepdim, axis, keepdims)


def _extreme(name: str, input: Tensor, dim: Axis, keepdim: bool, axis: Axis, keepdims: bool) -> Tensor:
    if axis is not None and isinstance(dim, tuple) and not dim:
        dim = None
    where, kept = over(input.shape, axis, keepdims, dim, keepdim or None)
    result: Tensor = getattr(ops, name)(input, axis=where, keepdims=kept)
    return result


def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    dtype: DTypeLike | None = None,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The product of all elements, or along one axis. By halves, so that its gradient is right where some are 0."""
    dim = either(axis, dim)
    _, kept = over((), None, keepdims, None, keepdim or None)
    x = _summable(input, dtype)
    if dim is None:
        y, shape = _product(x.reshape(-1), 0), (1,) * input.ndim if kept else ()
    else:
        place = counted(dim, input.shape)
        y = _product(x, place) if input.ndim else x
        shape = input.shape[:place] + (1,) * (kept and input.ndim > 0) + input.shape[place + 1 :]
    return apart_from(input, y.reshape(shape))


def _product(x: Tensor, axis: int) -> Tensor:
    """The product along an axis, which stays: elements are multiplied in pairs, and these in pairs again."""
    if not x.shape[axis]:
        ones = x.sum(axis=axis, keepdims=True) + 1
        return ones if ones.dtype == x.dtype else ones.astype(x.dtype)  # sums of small integers are wider
    while (n := x.shape[axis]) > 1:
        first, second = _part(x, axis, 0, n // 2), _part(x, axis, n // 2, n // 2 * 2)
        rest = [_part(x, axis, n - 1, n)] if n % 2 else []
        x = ops.concatenate([first * second, *rest], axis) if rest else first * second
    return x


def cumsum(input: Tensor, dim: int | None = None, *, dtype: DTypeLike | None = None, axis: int | None = None) -> Tensor:
    """The sums of the elements up to each along an axis."""
    return _running(lambda a, b: a + b, np.cumsum, input, either(axis, dim), dtype)


def cumprod(
    input: Tensor, dim: int | None = None, *, dtype: DTypeLike | None = None, axis: int | None = None
) -> Tensor:
    """The products of the elements up to each along an axis."""
    return _running(lambda a, b: a * b, np.cumprod, input, either(axis, dim), dtype)


def _running(
    combine: Callable[[Tensor, Tensor], Tensor], whole: Any, input: Tensor, dim: int | None, dtype: DTypeLike | None
) -> Tensor:
    """Each element combined with that 1, then 2, 4, ... places before: log n steps give all sums up to each."""
    x, place = _summable(input, dtype), counted(dim, input.shape)
    if x.dtype.kind != "f":
        return wrap(whole(x.data, place if x.ndim else None, dtype=x.dtype).reshape(x.shape), None)
    n, step = x.shape[place] if x.ndim else 1, 1
    while step < n:
        moved = combine(_part(x, place, step, n), _part(x, place, 0, n - step))
        x = ops.concatenate([_part(x, place, 0, step), moved], place)
        step *= 2
    return apart_from(input, x)


def count_nonzero(input: Tensor, dim: Axis = None, *, axis: Axis = None) -> Tensor:
    """How many elements are not 0."""
    where, _ = over(input.shape, axis, False, dim)
    return wrap(np.asarray((input.data != 0).sum(axis=where, dtype=np.int64)), None)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    return bool(np.array_equal(input.data, as_array(other)))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |input - other| is at most atol + rtol · |other|."""
    common_shape(input.shape, as_array(other).shape)
    return wrap(np.asarray(np.isclose(input.data, as_array(other), rtol, atol, equal_nan)), None)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether |input - other| is at most atol + rtol · |other| everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan).data.all())


def _part(x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _summable(x: Tensor, dtype: DTypeLike | None) -> Tensor:
    """In the dtype that is asked for; whole numbers in int64, so that they do not overflow at once."""
    wanted = np.dtype(dtype) if dtype is not None else x.dtype if x.dtype.kind == "f" else np.dtype(np.int64)
    return x if x.dtype == wanted else x.astype(wanted)
