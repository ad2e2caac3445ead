"""Which axes an operation is about: checked against the shape, and refused in words where it has no such axis.

A tensor without axes takes axis 0 and -1, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from ..core.node import Axis, Value


def counted(axis: Any, shape: tuple[int, ...], new: int = 0) -> int:
    """One axis, counted from 0, among the axes of `shape` and `new` more.

    Raises:
        AxisError (an IndexError and a ValueError): the shape has no such axis.
        TypeError: it is not a whole number.
    """
    n = len(shape) + new or 1
    place = axis if axis.__class__ is int else _whole(axis)
    if not -n <= place < n:
        and_new = " and a new axis" if new else ""
        raise AxisError(f"axis {place} is out of range for shape {shape}{and_new}: axes go from {-n} to {n - 1}")
    return place + n if place < 0 else place


def several(axes: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes counted from 0 and each once, from one, from several, or from None for all; none where there is none."""
    if axes is None:
        return tuple(range(len(shape)))
    if not isinstance(axes, tuple | list):
        axes = (axes,)
    places = tuple(counted(a, shape) for a in axes)
    if len(set(places)) < len(places):
        raise ValueError(f"the axes {tuple(axes)} name one of shape {shape} twice")
    return places if shape else ()


def over(shape: tuple[int, ...], axis: Any, keepdims: Any, dim: Any = None, keepdim: Any = None) -> tuple[Any, bool]:
    """What a reduction goes over, and whether its axes stay, from NumPy's names or PyTorch's.

    An empty tuple as `axis` means that nothing is reduced, as in NumPy; as `dim`, that all is, as in PyTorch.
    """
    usual = axis.__class__ is int and keepdims.__class__ is bool and dim is None and keepdim is None
    if usual and -len(shape) <= axis < len(shape):
        return axis, keepdims
    if dim is not None:
        axis = either(axis, dim)
        if isinstance(dim, tuple | list) and not dim:
            axis = None
    if keepdim is not None:
        if keepdims:
            raise TypeError("keepdims and keepdim are one argument by two names: give one of them")
        keepdims = keepdim
    if keepdims is not True and keepdims is not False and not isinstance(keepdims, np.bool_):
        raise TypeError(f"whether the axes stay is True or False, not {keepdims!r}: several axes are a tuple, (0, 1)")
    return None if axis is None else several(axis, shape), bool(keepdims)


def either(axis: Any, dim: Any) -> Any:
    """What is given as `axis` or as `dim`, two names of one argument."""
    if axis is not None and dim is not None:
        raise TypeError(f"axis={axis!r} and dim={dim!r} are one argument by two names: give one of them")
    return axis if dim is None else dim


def shape_kept(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape of a reduction with `keepdims=True`."""
    if axis is None:
        return (1,) * len(shape)
    gone = several(axis, shape)
    return tuple(1 if i in gone else n for i, n in enumerate(shape))


def shape_left(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """What is left of a shape when the axes are reduced."""
    gone = several(axis, shape)
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these broadcast to.

    Raises:
        ValueError: they do not fit together.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"shapes {' and '.join(map(str, shapes))} do not broadcast to one") from None


def _whole(axis: Any) -> int:
    """An axis that is not an int: NumPy's integers, and an array or a Tensor without axes that holds one."""
    value = axis.data if isinstance(axis, Value) else axis
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"an axis is a whole number, not {axis!r}")
    return int(value)
