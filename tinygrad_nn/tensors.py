"""Tensor: an array that remembers how it was made.

An operation on tensors that need gradients leaves a `Node` behind: which primitive ran, on which
arrays, and the nodes that made those. That is the whole graph; `core.backward` walks it backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .core import node
from .core.node import Array, Leaf, Node, Value, as_array
from .core.writes import note_write
from .methods import Arithmetic, Elementwise, InPlace, Reductions, Scalar, Shapes

if TYPE_CHECKING:
    from .torch_names import TensorNames
else:

    class TensorNames:
        """The place of PyTorch's names for methods: see `further_names`."""

        __slots__ = ()


Operand: TypeAlias = "Tensor | Array | Scalar"


class Tensor(
    Value,
    Arithmetic["Tensor"],
    Elementwise["Tensor"],
    Reductions["Tensor"],
    Shapes["Tensor"],
    InPlace["Tensor"],
    TensorNames,
):
    """An n-dimensional array with a gradient.

    `data` is shared, not copied, when it is an array already (`tensor()` copies). Python numbers and
    lists of floats become float32; NumPy arrays keep their dtype.

    Only floating-point tensors can require gradients: `TypeError` otherwise.
    """

    __slots__ = ()
    __hash__ = object.__hash__  # `==` is elementwise; a tensor is a dictionary key by identity

    _grad: Tensor | Array | None

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self.data = as_array(data, dtype)
        self._grad = None
        self.node = None
        if requires_grad is not False:
            if requires_grad is not True and not isinstance(requires_grad, np.bool_):
                raise TypeError(f"requires_grad is True or False, not {requires_grad!r}: zeros() makes a shape")
            self.requires_grad_(bool(requires_grad))

    # --- what stands on names of PyTorch, and on pictures

    def __mod__(self, other: Operand) -> Tensor:
        """What division leaves, with the sign of the divisor."""
        return self.remainder(other)

    def __rmod__(self, other: Operand) -> Tensor:
        return type(self).remainder(other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return self.floor_divide(other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return type(self).floor_divide(other, self)

    def _repr_svg_(self) -> str | None:
        """In a notebook a tensor that operations made shows as their picture."""
        return above.picture(self)

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in _absent]

    # --- NumPy's functions and operators on Tensors

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """`np.exp(t)` and `array + t` are ours; a ufunc that has no gradient here says so."""
        return above.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """`np.sum(t)`, `np.concatenate([t, u])` and the like."""
        return above.function(function, args, kwargs)

    # --- copies

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles carry the data and whether gradients are asked for, not the gradient."""
        if isinstance(self.node, Node):
            raise RuntimeError(
                f"this tensor was made by {self.node.primitive.name}; a copy would lose its graph: use .detach() first"
            )
        return type(self), (self.data, self.requires_grad)


wrap: Callable[[Array, Node | Leaf | None], Tensor] = node.wrap


class Above:
    """What Tensors do by what stands on them: the package hands it down, so that nothing here imports it."""

    ufunc: Callable[..., Any]  # NumPy's functions
    function: Callable[..., Any]
    picture: Callable[..., str | None]


above = Above()
_absent: set[str] = set()


def further_names(present: Mapping[str, Any], absent: Mapping[str, Any]) -> None:
    """More methods for every Tensor, and names of which it says only what to use instead.

    The package hands them down, for they are made of what stands on Tensors. (That they are looked for only when
    somebody asks, by `__getattr__`, would make each `x.data` slower.)
    """
    for name, value in (*present.items(), *absent.items()):
        if not name.startswith("_"):
            setattr(TensorNames, name, value)
    _absent.update(absent)


def gradient(t: Tensor) -> Array | None:
    """`t.grad` as an array to look at, not to keep: an optimiser may have lent the memory and will reuse it."""
    return t._grad.data if isinstance(t._grad, Tensor) else t._grad


def zero_gradient(t: Tensor) -> None:
    """Set the gradient of `t`, where it has one, to zeros, in place."""
    g = gradient(t)
    if g is not None:
        g[...] = 0
        note_write(g)


def tensor(
    data: ArrayLike | Tensor, requires_grad: bool = False, dtype: DTypeLike | None = None, *, device: Any = None
) -> Tensor:
    """A new tensor with a copy of `data`.

    Raises:
        RuntimeError: another device than "cpu".
    """
    check_device(device)
    return Tensor(as_array(data, dtype).copy(), requires_grad)


def check_device(device: Any) -> None:
    """Refuse a device that is not the CPU.

    Raises:
        RuntimeError: this device is not the CPU.
    """
    if device is not None and str(device).partition(":")[0] != "cpu":
        no_device(device)


def no_device(device: Any) -> NoReturn:
    """Refuse a device: only the CPU is here."""
    raise RuntimeError(f"device {str(device)!r} is not here, only 'cpu': arrays are NumPy's")


node.results_are(Tensor)
