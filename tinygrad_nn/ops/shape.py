"""Primitives that move elements without changing them. Their results are views where NumPy's are."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..core.node import Array, Value, wrap
from ..core.primitive import EachInput, Primitive
from .axes import counted, either, several
from .elementwise import astype

__all__ = [
    "broadcast_to",
    "concatenate",
    "flatten",
    "getitem",
    "one_hot",
    "pad",
    "permute",
    "picked",
    "reshape",
    "scatter",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "transpose",
    "unsqueeze",
]


def _broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Array:
    # The gradient of every full sum comes this way: a view, six times quicker than NumPy's own.
    if x.size == 1 and 0 < len(shape) >= x.ndim and builtins.min(shape) >= 0:
        view = np.ndarray(shape, x.dtype, np.ascontiguousarray(x), 0, (0,) * len(shape))
        view.flags.writeable = False  # one number in every place
        return view
    return np.broadcast_to(x, shape)


def _scatter(x: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape, x.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if any(np.ndim(i) and np.asarray(i).dtype.kind in "iu" for i in parts):
        _add_at(out, index, x)  # an element picked twice gets both gradients
    else:
        out[index] = x
    return out


def _getitem(x: Array, *, index: Any) -> Array:
    y = x[index]
    if y.__class__ is not np.ndarray:  # a scalar, which NumPy copies: an array without axes looks into x, as others do
        y = x[(*index, ...) if isinstance(index, tuple) else (index, ...)]
    return y


AT_ONCE = 1 << 16  # elements added in one go, which need an index of 8 bytes each


def _add_at(out: Array, index: Any, x: Array) -> None:
    """`np.add.at(out, index, x)`, which NumPy does 5 times quicker by the place of each element in memory."""
    parts = index if isinstance(index, tuple) else (index,)
    # Where all of the index are arrays, as of an embedding, the rest of the axes are one long row.
    rows = all(isinstance(p, np.ndarray) and p.dtype.kind in "iu" for p in parts)
    lead, rest = (out.shape[: len(parts)], out.shape[len(parts) :]) if rows else (out.shape, ())
    width = math.prod(rest)
    if out.ndim == 1 or not x.size or math.prod(lead) > 8 * x.size:
        np.add.at(out, index, x)
        return
    first = np.arange(math.prod(lead)).reshape(lead)[index] * width
    columns = np.arange(width)
    x = np.broadcast_to(x, (*first.shape, *rest)).reshape(first.size, width)
    first = first.reshape(-1, 1)
    flat, step = out.reshape(-1), builtins.max(AT_ONCE // width, 1)
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        np.add.at(flat, (first[part] + columns).reshape(-1), x[part].reshape(-1))


reshape = Primitive(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda g, y, x, shape: g.reshape(x.shape),
    doc="The elements in another shape; one length may be -1, which is what is left (`np.reshape`).",
)
transpose: Primitive = Primitive(
    "transpose",
    lambda x, *, axes: x.transpose(axes),
    lambda g, y, x, axes: transpose(g, axes=tuple(int(i) for i in np.argsort([a % len(axes) for a in axes]))),
    doc="All axes in another order (`np.transpose`).",
)
broadcast_to = Primitive(
    "broadcast_to",
    _broadcast_to,
    lambda g, y, x, shape: g,
    doc="A view of this shape, in which what has length 1 is repeated (`np.broadcast_to`). It cannot be written.",
)
getitem = Primitive(
    "getitem",
    _getitem,
    lambda g, y, x, index: scatter(g, index=index, shape=x.shape),
    doc="x[index], by slices, numbers, booleans or arrays of places, as in NumPy.",
)


def _concatenate_vjp(i: int, g: Any, y: Any, *parts: Any, axis: int) -> Any:
    start = builtins.sum(part.shape[axis] for part in parts[:i])
    return g[along(axis % g.ndim, slice(start, start + parts[i].shape[axis]))]


def along(axis: int, part: slice) -> tuple[slice, ...]:
    """The index that takes `part` of one axis (counted from 0) and all of those before it."""
    return (slice(None),) * axis + (part,)


concat = Primitive(
    "concatenate",
    lambda *parts, axis: np.concatenate(parts, axis),
    EachInput(_concatenate_vjp),
    reads_values=False,
    doc="Arrays or Tensors joined along an axis that they have: `concatenate` of their list.",
)
scatter: Primitive = Primitive(
    "scatter",
    _scatter,
    lambda g, y, x, index, shape: getitem(g, index=index),
    reads_values=False,
    doc="Zeros of this shape with x at `index`; what has the same place is added up. The opposite of `getitem`.",
)


# --- composed of primitives


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes `start_dim` to `end_dim` as one (`torch.flatten`); one axis alone leaves `x` itself."""
    start, end = counted(start_dim, x.shape), counted(end_dim, x.shape)
    if start > end:
        raise ValueError(f"flatten of {x.shape} from axis {start} to axis {end}: the first comes after the last")
    if x.shape and start == end:
        return x
    return reshape(x, shape=(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Without the axes of length 1, or without these of them; an axis that is longer stays (`torch.squeeze`)."""
    drop = several(axis, x.shape)
    return reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in drop))


def unsqueeze(x: Any, axis: int) -> Any:
    """With a new axis of length 1 at `axis` (`torch.unsqueeze`, `np.expand_dims`)."""
    place = counted(axis, x.shape, new=1)
    return reshape(x, shape=(*x.shape[:place], 1, *x.shape[place:]))


def permute(x: Any, axes: Sequence[int]) -> Any:
    """All axes in another order (`torch.permute`, `np.transpose`)."""
    order = several(tuple(axes), x.shape)
    if len(axes) != x.ndim:
        raise ValueError(f"an order of the axes of shape {x.shape} names each of them once, not {tuple(axes)}")
    return transpose(x, axes=order)


def swapaxes(x: Any, axis0: int, axis1: int) -> Any:
    """Two axes exchanged (`torch.swapaxes`, `torch.transpose`)."""
    i, j = counted(axis0, x.shape), counted(axis1, x.shape)
    axes = list(range(x.ndim))
    if axes:
        axes[i], axes[j] = j, i
    return transpose(x, axes=tuple(axes))


def picked(x: Any, indices: Array, axis: int) -> Any:
    """The elements of `x` at `indices`, which has as many axes, along an axis counted from 0 (`torch.gather`)."""
    if not x.ndim:
        return astype(x, dtype=x.dtype)
    n = x.ndim
    places = (np.arange(k).reshape((1,) * i + (k,) + (1,) * (n - i - 1)) for i, k in enumerate(indices.shape))
    return getitem(x, index=tuple(indices if i == axis else place for i, place in enumerate(places)))


def concatenate(tensors: Sequence[Any], axis: int | None = None, *, dim: int | None = None) -> Any:
    """Arrays or Tensors joined along an axis they have, the first by default."""
    parts = tuple(tensors)
    if not parts:
        raise ValueError("concatenate needs at least one array or Tensor")
    axis = either(axis, dim)
    return concat(*parts, axis=0 if axis is None else counted(axis, np.shape(_array(parts[0]))))


def stack(tensors: Sequence[Any], axis: int | None = None, *, dim: int | None = None) -> Any:
    """Arrays or Tensors of one shape joined along a new axis, the first by default."""
    parts: list[Any] = [part if isinstance(part, Value) else np.asarray(part) for part in tensors]
    if not parts:
        raise ValueError("stack needs at least one array or Tensor")
    axis = either(axis, dim)
    place = 0 if axis is None else counted(axis, parts[0].shape, new=1)
    return concat(*(unsqueeze(part, place) for part in parts), axis=place)


def _array(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def split(x: Any, sizes: int | Sequence[int], axis: int = 0) -> tuple[Any, ...]:
    """Parts of one size (the last perhaps smaller), or of the sizes given (`torch.split`)."""
    place = counted(axis, x.shape)
    if not x.ndim:
        raise ValueError("an array without axes cannot be split")
    n = x.shape[place]
    if not isinstance(sizes, Sequence):
        if isinstance(sizes, bool) or not isinstance(sizes, int | np.integer) or sizes < 0 or (n and not sizes):
            raise ValueError(f"the size of a part must be at least 1, not {sizes!r}")
        sizes = [builtins.min(int(sizes), n - start) for start in range(0, n, int(sizes) or 1)] or [0]
    if builtins.sum(sizes) != n or builtins.min(sizes, default=0) < 0:
        raise ValueError(f"parts of {list(sizes)} do not add up to the {n} along axis {axis}")
    ends = np.cumsum([0, *sizes]).tolist()
    return tuple(getitem(x, index=along(place, slice(a, b))) for a, b in pairwise(ends))


def pad(x: Any, widths: Sequence[tuple[int, int]]) -> Any:
    """Zeros around: for each axis how many before and how many after (`np.pad`)."""
    if len(widths) != x.ndim or any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad needs a pair of numbers from 0 up for each of the {x.ndim} axes, not {widths}")
    shape = tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True))
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, widths, strict=True))
    return scatter(x, index=inside, shape=shape)


def one_hot(indices: Any, num_classes: int) -> Any:
    """Rows of zeros with a 1 at each index, float32 (..., num_classes).

    Raises:
        ValueError: an index that is not a class.
    """
    array = np.asarray(indices.data if isinstance(indices, Value) else indices)
    if array.dtype.kind not in "iu":
        raise TypeError(f"one_hot needs integers, not {array.dtype}")
    if array.size and not 0 <= array.min() <= array.max() < num_classes:
        raise ValueError(f"indices from {array.min()} to {array.max()} are not all classes from 0 to {num_classes - 1}")
    return wrap((array[..., None] == np.arange(num_classes)).astype(np.float32), None)
