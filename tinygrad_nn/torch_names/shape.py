"""PyTorch's names for tensors in another shape or order, as functions that take the tensor first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core.node import as_array
from ..methods import varargs
from ..ops.axes import counted, several
from ..tensors import Tensor

Dims = int | Sequence[int]


def view(input: Tensor, *sizes: Any, size: Sequence[int] | None = None) -> Tensor:
    """Another shape: `reshape`, which copies where elements would have to move."""
    try:
        return input.reshape(varargs(sizes, size))
    except TypeError:
        raise TypeError(f"view takes the lengths of axes, not {sizes}: to() changes the dtype") from None


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """The shape of another tensor."""
    return input.reshape(other.shape)


def numel(input: Tensor) -> int:
    """How many elements there are."""
    return input.data.size


def dim(input: Tensor) -> int:
    """How many axes there are."""
    return input.ndim


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; what has fewer axes stays as it is."""
    if input.ndim > 2:
        raise ValueError(f"t() is about matrices, this tensor has shape {input.shape}: use transpose, mT or permute")
    return input.T


def expand(input: Tensor, *sizes: Any, size: Sequence[int] | None = None) -> Tensor:
    """Axes of length 1 made longer without a copy, and new axes in front; -1 leaves a length as it is."""
    wanted = varargs(sizes, size)
    more = len(wanted) - input.ndim
    if more < 0 or -1 in wanted[:more]:
        raise ValueError(
            f"expand of shape {input.shape} to {wanted}: a length for each axis, and -1 for none that is new"
        )
    return input.broadcast_to(tuple(input.shape[i - more] if n == -1 else n for i, n in enumerate(wanted)))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Broadcast to the shape of another tensor."""
    return input.broadcast_to(other.shape)


def repeat(input: Tensor, *counts: Any, repeats: Sequence[int] | None = None) -> Tensor:
    """The whole tensor again and again along each axis (`np.tile`); `repeat_interleave` repeats each element."""
    times = varargs(counts, repeats)
    more = len(times) - input.ndim
    if more < 0 or any(n < 0 for n in times):
        raise ValueError(f"repeat of shape {input.shape} takes a number from 0 up for each axis, not {times}")
    shape = (1,) * more + input.shape
    apart = input.reshape([n for length in shape for n in (1, length)])
    copies = apart.broadcast_to([n for pair in zip(times, shape, strict=True) for n in pair])
    return apart_from(input, copies.reshape([n * length for n, length in zip(times, shape, strict=True)]))


def tile(input: Tensor, *counts: Any, dims: Sequence[int] | None = None) -> Tensor:
    """`repeat`, where axes that no number is given for are not repeated."""
    times = varargs(counts, dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + tuple(times))


def repeat_interleave(input: Tensor, repeats: int | Tensor, dim: int | None = None) -> Tensor:
    """Each element again and again, a number of times or each its own number (`np.repeat`)."""
    place = 0 if dim is None else counted(dim, input.shape)
    if dim is None or not input.ndim:
        input = input.reshape(-1)
    index = np.repeat(np.arange(input.shape[place]), as_array(repeats))
    return input[(slice(None),) * place + (index,)]


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts along an axis, without it."""
    place = _there(input, dim, "unbind")
    return tuple(input[(slice(None),) * place + (i,)] for i in range(input.shape[place]))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """So many parts along an axis, the last perhaps smaller; fewer where they come out even."""
    if chunks < 1:
        raise ValueError(f"there is at least 1 chunk, not {chunks}")
    place = _there(input, dim, "chunk")
    n = input.shape[place]
    return input.split(-(-n // chunks) if n else [0] * chunks, place)


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` elements of an axis from `start` on."""
    place = _there(input, dim, "narrow")
    n = input.shape[place]
    first = start + n if start < 0 else start
    if not 0 <= first <= first + length <= n:
        raise IndexError(f"narrow to {length} from {start} on: axis {place} of shape {input.shape} has {n}")
    return input[(slice(None),) * place + (slice(first, first + length),)]


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One part along an axis, without it."""
    return input[(slice(None),) * _there(input, dim, "select") + (index,)]


def ravel(input: Tensor) -> Tensor:
    """All elements along one axis."""
    return input.reshape(-1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several, of which one length may be -1."""
    place = _there(input, dim, "unflatten")
    sizes = tuple(sizes)
    known = math.prod(n for n in sizes if n != -1)
    if -1 in sizes and known:
        sizes = tuple(input.shape[place] // known if n == -1 else n for n in sizes)
    if math.prod(sizes) != input.shape[place]:
        raise ValueError(f"axis {place} of shape {input.shape} is not {sizes}, whose product is {math.prod(sizes)}")
    return input.reshape((*input.shape[:place], *sizes, *input.shape[place + 1 :]))


def movedim(input: Tensor, source: Dims, destination: Dims) -> Tensor:
    """Axes at other places, the rest in their order (`np.moveaxis`)."""
    old, new = several(source, input.shape), several(destination, input.shape)
    if len(old) != len(new):
        raise ValueError(f"movedim takes as many places as axes, not {source} to {destination}")
    order = [i for i in range(input.ndim) if i not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return input.permute(order)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    return input.swapaxes(dim0, dim1)


def flip(input: Tensor, *axes: Any, dims: Dims | None = None) -> Tensor:
    """The elements along these axes the other way round."""
    turned = several(varargs(axes, dims), input.shape)  # type: ignore[arg-type]
    return clone(input[tuple(slice(None, None, -1 if i in turned else 1) for i in range(input.ndim))])


def roll(input: Tensor, shifts: Dims, dims: Dims | None = None) -> Tensor:
    """The elements moved on by so many places along axes, or in the flattened order; those from the end come first."""
    if dims is None:
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    steps = shifts if isinstance(shifts, Sequence) else (shifts,)
    axes = [counted(axis, input.shape) for axis in (dims if isinstance(dims, Sequence) else (dims,))]
    if len(steps) != len(axes):
        raise ValueError(f"roll takes a shift for each axis, not {shifts} along {dims}")
    rolled = input
    for step, axis in zip(steps, axes, strict=True):
        if input.ndim and input.data.size:
            head = input.shape[axis] - step % input.shape[axis]
            parts = (narrow(rolled, axis, head, input.shape[axis] - head), narrow(rolled, axis, 0, head))
            rolled = ops.concatenate(parts, axis)
    return apart_from(input, rolled)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, from a diagonal down, and 0 elsewhere."""
    return _triangle(input, diagonal, True)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, from a diagonal up, and 0 elsewhere."""
    return _triangle(input, diagonal - 1, False)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes, as a last axis. It looks into the same memory, or cannot be written."""
    first, second = several((dim1, dim2), input.shape)
    x = movedim(input, (first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    n = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    start = max(offset, 0) - min(offset, 0) * columns
    y = x.reshape((*x.shape[:-2], rows * columns))[..., start : start + n * (columns + 1) : columns + 1]
    if not np.may_share_memory(x.data, y.data):
        y.data = np.diagonal(x.data, offset, -2, -1)  # read-only, and what is written to the matrix shows in it
    return y


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or a matrix with a vector as its diagonal."""
    if input.ndim == 2:
        return clone(_diagonal(input, diagonal))
    if input.ndim != 1:
        raise ValueError(f"diag is about vectors and matrices, this tensor has shape {input.shape}: use diagonal")
    n = len(input) + abs(diagonal)
    places = np.arange(len(input))
    result: Tensor = ops.scatter(input, index=(places + max(-diagonal, 0), places + max(diagonal, 0)), shape=(n, n))
    return result


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise ValueError(f"trace is about a matrix, this tensor has shape {input.shape}")
    return diagonal(input).sum()


def contiguous(input: Tensor) -> Tensor:
    """Itself where the elements lie in their order in memory, else a copy where they do."""
    if is_contiguous(input):
        return input
    flat = input.reshape(-1)
    return (flat if is_contiguous(flat) else clone(flat)).reshape(input.shape)


def is_contiguous(input: Tensor) -> bool:
    """Whether the elements lie in their order in memory."""
    return bool(input.data.flags.c_contiguous)


def clone(input: Tensor) -> Tensor:
    """A copy, which passes the gradient on."""
    return input.astype(input.dtype)


def apart_from(input: Tensor, result: Tensor) -> Tensor:
    """A result in memory of its own: where nothing had to be done it looks into the input's."""
    return clone(result) if result is input or np.may_share_memory(input.data, result.data) else result


def cat(tensors: Sequence[Tensor], dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """Joined along an axis they have, the first by default."""
    result: Tensor = ops.concatenate(tensors, axis, dim=dim)
    return result


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined side by side: along the second axis, vectors along the first."""
    parts = [x if x.ndim else x.reshape(1) for x in tensors]
    result: Tensor = ops.concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)
    return result


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined one below the other: along the first axis, vectors as rows."""
    result: Tensor = ops.concatenate([x if x.ndim > 1 else x.reshape(1, -1) for x in tensors], 0)
    return result


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid: for each vector a tensor with an axis for every vector."""
    vectors = [
        x.reshape(-1) for x in (tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors)
    ]
    if indexing not in ("ij", "xy"):
        raise ValueError(f"indexing is 'ij' or 'xy', not {indexing!r}")
    shape = tuple(len(x) for x in vectors)
    grids = [
        x.reshape([-1 if i == j else 1 for j in range(len(shape))]).broadcast_to(shape) for i, x in enumerate(vectors)
    ]
    return tuple(grid.swapaxes(0, 1) if indexing == "xy" and len(shape) > 1 else grid for grid in grids)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of one size (the last perhaps smaller), or of the sizes given."""
    return tensor.split(split_size_or_sections, dim)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of these sizes along an axis."""
    return input.split(tuple(split_sizes), dim)


_diagonal = diagonal  # where an argument has this name


def _triangle(input: Tensor, diagonal: int, lower: bool) -> Tensor:
    """The elements up to a diagonal, or those beyond it."""
    if input.ndim < 2:
        raise ValueError(f"a triangle is of matrices, this tensor has shape {input.shape}")
    rows, columns = input.shape[-2:]
    result: Tensor = ops.where(np.tri(rows, columns, diagonal, bool) == lower, input, np.zeros((), input.dtype))
    return result


def _there(input: Tensor, dim: int, name: str) -> int:
    """An axis that there is: a tensor without axes has no part along one."""
    if not input.ndim:
        raise IndexError(f"{name} is along an axis, and a tensor of shape () has none")
    return counted(dim, input.shape)
