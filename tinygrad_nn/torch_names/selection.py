"""PyTorch's names for elements chosen by index, by mask or by size."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..core.node import Array, as_array
from ..ops import ValuesAndIndices
from ..ops.axes import common_shape, counted, either
from ..tensors import Operand, Tensor, wrap


def gather(input: Tensor, dim: int, index: Tensor | Array) -> Tensor:
    """For each place of `index` the element of `input` there, with the index in the place of the axis `dim`."""
    place, places = counted(dim, input.shape), as_array(index)
    if max(input.ndim, places.ndim) < 2 and not (input.ndim and places.ndim):
        return _once(input, places)
    fits = places.ndim == input.ndim and all(
        i == place or n <= m for i, (n, m) in enumerate(zip(places.shape, input.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"gather of shape {input.shape} along axis {place}, with an index of shape {places.shape}: it has as many "
            "axes, and of these only that one may be longer"
        )
    result: Tensor = ops.picked(input, _indices(places, input.shape[place]), place)
    return result


def take_along_dim(input: Tensor, indices: Tensor | Array, dim: int | None = None) -> Tensor:
    """`gather`, where the other axes broadcast (`np.take_along_axis`); without an axis, of the flattened tensor."""
    places = as_array(indices)
    if dim is None:
        input, places, dim = input.reshape(-1), places.reshape(-1), 0
    if not input.ndim:
        return gather(input, dim, places)
    place = counted(dim, input.shape)
    if places.ndim != input.ndim:
        raise ValueError(f"indices of shape {places.shape} have not as many axes as shape {input.shape}")
    lengths = input.shape[place], places.shape[place]
    places = np.where(places < 0, places + lengths[0], places)  # counted from the end, which gather does not take
    common = common_shape(*((*s[:place], 1, *s[place + 1 :]) for s in (input.shape, places.shape)))
    shapes = [(*common[:place], n, *common[place + 1 :]) for n in lengths]
    return gather(input.broadcast_to(shapes[0]), place, np.broadcast_to(places, shapes[1]))


def index_select(input: Tensor, dim: int, index: Tensor | Array) -> Tensor:
    """The parts along an axis at these indices, of which any may come again."""
    place, places = counted(dim, input.shape), as_array(index)
    if places.ndim > 1:
        raise ValueError(f"index_select takes one axis of indices, not shape {places.shape}")
    if not input.ndim:  # its only element, and no axis for more
        if places.size != 1:
            raise ValueError(f"of a tensor without axes one element is selected, not {places.size}")
        return _once(input, places.reshape(()))
    return input[(slice(None),) * place + (_indices(places.reshape(-1), input.shape[place]),)]


def masked_select(input: Tensor, mask: Tensor | Array) -> Tensor:
    """The elements where the mask holds, along one axis; both broadcast."""
    chosen = _mask(mask)
    shape = common_shape(input.shape, chosen.shape)
    return input.broadcast_to(shape)[np.broadcast_to(chosen, shape)]


def masked_fill(input: Tensor, mask: Tensor | Array, value: Operand) -> Tensor:
    """`value`, a number or a tensor without axes, where the mask holds, and these elements elsewhere."""
    result: Tensor = ops.where(_mask(mask), as_filling(value, input), input)
    return result


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0: a row for each, or (`as_tuple`) for each axis a tensor."""
    places = np.nonzero(np.atleast_1d(input.data))
    if as_tuple:
        return tuple(wrap(p, None) for p in places)
    return wrap(np.stack(places, 1)[:, : input.ndim], None)


def where(condition: Tensor | Array, input: Operand | None = None, other: Operand | None = None) -> Any:
    """`input` where the condition holds, and `other` elsewhere; of a condition alone, the indices where it holds."""
    if input is None and other is None:
        return nonzero(condition if isinstance(condition, Tensor) else Tensor(condition), as_tuple=True)
    if input is None or other is None:
        raise TypeError("where takes a condition alone, or also what to take where it holds and what elsewhere")
    return ops.where(condition, input, other)


def sort(
    input: Tensor, dim: int | None = None, descending: bool = False, *, stable: bool = True, axis: int | None = None
) -> ValuesAndIndices[Tensor]:
    """The elements in order along an axis, the last by default, with their indices. NaN counts as the largest.

    Equal elements keep their order, whether that is asked for by `stable` or not.
    """
    dim = either(axis, dim)
    place = counted(-1 if dim is None else dim, input.shape)
    data = input.data
    if not input.ndim:
        indices = np.zeros((), np.intp)
    elif descending:  # the other way round twice, so that equal ones keep their order
        indices = data.shape[place] - 1 - np.flip(np.argsort(np.flip(data, place), place, kind="stable"), place)
    else:
        indices = np.argsort(data, place, kind="stable")
    return ValuesAndIndices(ops.picked(input, indices, place), wrap(indices, None))


def argsort(
    input: Tensor, dim: int | None = None, descending: bool = False, *, stable: bool = True, axis: int | None = None
) -> Tensor:
    """The indices that `sort` gives."""
    return sort(input.detach(), dim, descending, stable=stable, axis=axis).indices


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices[Tensor]:
    """The k largest, or smallest, elements along an axis with their indices, in order whether that is asked or not."""
    place = counted(dim, input.shape)
    n = input.shape[place] if input.ndim else 1
    if not 0 <= k <= n:
        raise ValueError(f"topk of {k} along axis {place} of shape {input.shape}, which has {n}")
    indices = argsort(input, place, largest).data
    if input.ndim:
        indices = indices[(slice(None),) * place + (slice(k),)]
    return ValuesAndIndices(ops.picked(input, indices, place), wrap(indices, None))


def as_filling(value: Operand, like: Tensor) -> Any:
    """A number, or a tensor without axes, as `like` can hold it."""
    number = value.data if isinstance(value, Tensor) else np.asarray(value)
    if number.ndim:
        raise ValueError(f"a value to fill with is a number or a tensor without axes, not of shape {number.shape}")
    if like.dtype.kind != "f" and not (np.isfinite(number) and number.astype(like.dtype) == number):
        raise TypeError(f"{number.item()!r} does not fit into {like.dtype}")
    return value.astype(like.dtype) if isinstance(value, Tensor) else number.astype(like.dtype)


def _mask(mask: Tensor | Array) -> Array:
    chosen = as_array(mask)
    if chosen.dtype != bool:
        raise TypeError(f"a mask holds booleans, not {chosen.dtype}: compare, as in x > 0")
    return chosen


def _indices(places: Array, n: int) -> Array:
    """Indices counted from 0, as PyTorch's functions want them."""
    if places.dtype.kind not in "iu":
        raise TypeError(f"indices are whole numbers, not {places.dtype}")
    if places.size and not 0 <= places.min() <= places.max() < n:
        raise IndexError(f"indices from {places.min()} to {places.max()} are not all from 0 to {n - 1}")
    return places


def _once(input: Tensor, places: Array) -> Tensor:
    """Of a tensor without axes, its element as often as index 0 is given."""
    return input.reshape(-1)[_indices(places, input.data.size).reshape(-1)].reshape(places.shape)
