"""What a tensor is: its shape, dtype and size, and as a number, a text, a sequence."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..core.node import Array, Leaf, Node, Value, refuse_tensors_in, wrap
from ..ops import axes

R = TypeVar("R", bound="Described[Any]")  # what operations give: `Tensor`, on a higher floor
Scalar: TypeAlias = float | int | bool
Operand: TypeAlias = Value | Array | Scalar


class Size(int):
    """How many elements a tensor has. Called, as in PyTorch, it is the shape, or the length of one axis."""

    shape: tuple[int, ...]

    @overload
    def __call__(self, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def __call__(self, dim: int) -> int: ...
    def __call__(self, dim: int | None = None) -> tuple[int, ...] | int:
        if dim is None:
            return self.shape
        if not self.shape:
            raise IndexError("a tensor without axes has no lengths")
        return self.shape[axes.counted(dim, self.shape)]


def plain_data(value: Any) -> Any:
    """The array of a tensor, and anything else as it is."""
    if isinstance(value, Value):
        return value.data
    refuse_tensors_in(value)
    return value


def in_floating_point(x: Any, dtype: DTypeLike | None) -> Any:
    """In a floating-point dtype, if one is asked for.

    Raises:
        TypeError: another dtype.
    """
    if dtype is None:
        return x
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"the result is in floating point, it cannot be {np.dtype(dtype)}")
    return x.astype(dtype)


class Described(Generic[R]):
    """What a tensor is. `Value` is not a base of it: `isinstance(x, Value)` looks through the bases in their order."""

    __slots__ = ()

    data: Array
    node: Node | Leaf | None
    _grad: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> Size:
        """How many elements, as in NumPy; called, `size()` is the shape and `size(dim)` a length, as in PyTorch."""
        size = Size(self.data.size)
        size.shape = self.data.shape
        return size

    @property
    def is_leaf(self) -> bool:
        """True for a tensor that no recorded operation made."""
        return not isinstance(self.node, Node)

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("a 0-d tensor has no length")
        return len(self.data)

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous: use .any() or .all()")
        return bool(self.data.item())

    def item(self) -> Any:
        """The single element as a Python number; `ValueError` when there are more."""
        if self.data.size != 1:
            raise ValueError(f"item() needs a tensor with one element, this one has shape {self.shape}")
        return self.data.item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        value = self.item()
        if not math.isfinite(value):
            raise (ValueError if value != value else OverflowError)(f"{value} is not a whole number")
        return int(value)

    def __index__(self) -> int:
        """A tensor that holds one whole number indexes a list."""
        if self.data.size != 1 or self.data.dtype.kind not in "iub":
            raise TypeError(f"an index is one whole number, this tensor has shape {self.shape} and holds {self.dtype}")
        return int(self.data.item())

    def __format__(self, spec: str) -> str:
        """A tensor without axes is formatted as its number: `f"{loss:.4f}"`."""
        if spec and self.ndim:
            raise TypeError(f"only a tensor without axes can be formatted by {spec!r}, this one has shape {self.shape}")
        return format(self.data.item(), spec) if spec else repr(self)

    def __repr__(self) -> str:
        values = np.array2string(self.data, separator=", ", prefix="tensor(", threshold=100)
        made = f", made by {self.node.primitive.name}" if isinstance(self.node, Node) else ""
        leaf = ", requires_grad=True" if isinstance(self.node, Leaf) else ""
        return f"tensor({values}, shape={self.shape}, dtype={self.dtype}{leaf}{made})"

    def astype(self, dtype: DTypeLike) -> R:
        """A copy in another dtype; integers and booleans pass no gradient."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            return wrap(self.data.astype(dtype), None)
        return ops.astype(self, dtype=dtype)
