"""Elements in another shape, order or dtype, and parts of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any, TypeAlias, overload

import numpy as np

from .. import ops
from ..core.node import Array, Axis, Value
from ..ops import axes
from .described import Described, R

Index: TypeAlias = int | slice | EllipsisType | Array | None


def index_of(index: Any) -> Index | tuple[Index, ...]:
    """An index with arrays for its tensors, lists and inner tuples, as the primitive keeps it."""
    return tuple(map(_part, index)) if isinstance(index, tuple) else _part(index)


def _part(index: Any) -> Index:
    if isinstance(index, Value):
        index = index.data
    elif isinstance(index, list | tuple | range):
        index = np.asarray(index, None if len(index) else np.intp)
    if isinstance(index, np.ndarray | np.integer) and not index.ndim and index.dtype.kind in "iu":
        return int(index)  # one place along an axis
    return index


def steps_of(index: Index | tuple[Index, ...], axes: int) -> tuple[Any, Any]:
    """An index of so many axes in one step, or in two: single places next to arrays are taken first, as in PyTorch.

    NumPy takes `x[0, :, array]` at once, and puts the array's axes in front of all others.
    """
    if not isinstance(index, tuple) or not any(isinstance(part, np.ndarray) for part in index):
        return index, None
    if any(isinstance(part, np.ndarray | bool) and not np.ndim(part) for part in index):
        return index, None  # True and False make an axis
    if sum(map(_axes_of, index)) == axes:  # dots that stand for no axes do not stand between arrays
        index = tuple(part for part in index if part is not Ellipsis)
    picked = [i for i, part in enumerate(index) if isinstance(part, np.ndarray | int)]
    if picked[-1] - picked[0] == len(picked) - 1 or all(isinstance(index[i], np.ndarray) for i in picked):
        return index, None  # side by side, or no single place among them: both mean the same
    first: list[Any] = []
    rest: list[Any] = []
    for part in index:
        if isinstance(part, np.ndarray):
            first += [slice(None)] * _axes_of(part)
            rest.append(part)
        else:
            first.append(part)
            if not isinstance(part, int):
                rest.append(part if part is Ellipsis else slice(None))
    return tuple(first), tuple(rest)


def _axes_of(part: Index) -> int:
    """How many axes a part of an index is about."""
    if isinstance(part, np.ndarray) and part.dtype.kind == "b":
        return part.ndim
    return 0 if part is None or part is Ellipsis else 1


def varargs(values: tuple[Any, ...], by_name: Sequence[int] | None = None) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` alike, and where an argument has a name, `f(shape=(2, 3))`."""
    if by_name is not None:
        if values:
            raise TypeError(f"{values} and {by_name!r}, given by name, are one argument: give one of them")
        return (by_name,) if isinstance(by_name, int) else tuple(by_name)
    if len(values) == 1 and isinstance(values[0], Sequence):
        return tuple(values[0])
    return values


class Shapes(Described[R]):
    """Elements moved, not changed; a view where NumPy gives one."""

    __slots__ = ()

    @overload
    def reshape(self, shape: Sequence[int]) -> R: ...
    @overload
    def reshape(self, *shape: int) -> R: ...
    def reshape(self, *sizes: Any, shape: Sequence[int] | None = None) -> R:
        return ops.reshape(self, shape=varargs(sizes, shape))

    @overload
    def permute(self, dims: Sequence[int]) -> R: ...
    @overload
    def permute(self, *dims: int) -> R: ...
    def permute(self, *axes: Any, dims: Sequence[int] | None = None) -> R:
        """All axes in another order: `x.permute(2, 0, 1)`."""
        return ops.permute(self, varargs(axes, dims))

    def transpose(self, dim0: int, dim1: int) -> R:
        """Two axes exchanged, as in PyTorch; `permute` takes all axes, and `T` turns them round."""
        return ops.swapaxes(self, dim0, dim1)

    @property
    def T(self) -> R:  # noqa: N802
        return ops.transpose(self, axes=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> R:  # noqa: N802
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError(f"mT needs at least 2 dimensions, this tensor has shape {self.shape}")
        n = self.ndim
        return ops.transpose(self, axes=(*range(n - 2), n - 1, n - 2))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> R:
        """The axes `start_dim` to `end_dim` as one."""
        return ops.flatten(self, start_dim, end_dim)

    def squeeze(self, axis: Axis = None, *, dim: Axis = None) -> R:
        """Without the axes of length 1, or without these of them."""
        return ops.squeeze(self, axes.either(axis, dim))

    def unsqueeze(self, axis: int | None = None, *, dim: int | None = None) -> R:
        """With a new axis of length 1."""
        return ops.unsqueeze(self, axes.either(axis, dim))

    def swapaxes(self, axis0: int, axis1: int) -> R:
        return ops.swapaxes(self, axis0, axis1)

    def split(
        self, split_size: int | Sequence[int], axis: int | None = None, *, dim: int | None = None
    ) -> tuple[R, ...]:
        """Parts of one size (the last perhaps smaller), or of the sizes given, along an axis, the first by default."""
        axis = axes.either(axis, dim)
        return ops.split(self, split_size, 0 if axis is None else axis)

    @overload
    def broadcast_to(self, size: Sequence[int]) -> R: ...
    @overload
    def broadcast_to(self, *size: int) -> R: ...
    def broadcast_to(self, *sizes: Any, size: Sequence[int] | None = None) -> R:
        return ops.broadcast_to(self, shape=varargs(sizes, size))

    def __getitem__(self, index: Any) -> R:
        first, rest = steps_of(index_of(index), self.data.ndim)
        part: Any = ops.getitem(self, index=first)
        return part if rest is None else ops.getitem(part, index=rest)

    def __iter__(self) -> Iterator[R]:
        return (self[i] for i in range(len(self)))
