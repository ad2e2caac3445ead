"""Tensor: an array that remembers how it was made.

An operation on tensors that need gradients leaves a `Node` behind: which primitive ran, on which
arrays, and the nodes that made those. That is the whole graph; `core.backward` walks it backwards.
"""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from sys import getrefcount
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import ops
from .core import backward, node
from .core.node import RETAIN, Array, Axis, Handle, Hook, Leaf, Node, Value, as_array, refuse_tensors_in
from .core.observe import mode
from .core.writes import note_write
from .ops import axes

if TYPE_CHECKING:
    from .torch_names import TensorNames
else:

    class TensorNames:
        """The place of PyTorch's names for methods: see `further_names`."""

        __slots__ = ()


Scalar: TypeAlias = float | int | bool
Operand: TypeAlias = "Tensor | Array | Scalar"
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


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


class Tensor(Value, TensorNames):
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

    # --- what it is

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

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous: use .any() or .all()")
        return bool(self.data.item())

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

    def _repr_svg_(self) -> str | None:
        """In a notebook a tensor that operations made shows as their picture."""
        return above.picture(self)

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in _absent]

    # --- in and out of the graph

    @property
    def grad(self) -> Tensor | None:
        """What `backward()` has added up; None before. It can be set to a Tensor of this shape, or to None."""
        g = self._grad
        if isinstance(g, np.ndarray):
            g = self._grad = wrap(g if g.base is None else g.copy(), None)  # a view is lent by an optimiser
        return g

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"a gradient is a Tensor or None, not {type(value).__name__}")
            if value.shape != self.shape:
                raise ValueError(f"a tensor of shape {self.shape} cannot have a gradient of shape {value.shape}")
        self._grad = value

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for this tensor's gradient, or stop asking. Only a leaf can stop."""
        if isinstance(self.node, Node):
            if not requires_grad:
                raise RuntimeError(
                    f"this tensor was made by {self.node.primitive.name} and passes gradients on: use .detach()"
                )
        elif not requires_grad:
            self.node = None
        elif self.data.dtype.kind != "f":
            raise TypeError(
                f"only floating-point tensors can require gradients, this one is {self.dtype}: use .astype()"
            )
        elif self.node is None:
            self.node = Leaf(self)
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in `.grad` as well, as it is after all hooks."""
        if isinstance(self.node, Node):
            kept = weakref.ref(self)

            def keep(gradient: Tensor) -> None:
                tensor = kept()
                if tensor is not None:
                    before = tensor.grad
                    tensor.grad = gradient if before is None else before + gradient

            self.node.hooks = {**(self.node.hooks or {}), RETAIN: keep}

    def register_hook(self, hook: Hook) -> Handle:
        """Call `hook(gradient)` when this tensor's gradient is known; what it returns, if not None, replaces it."""
        if self.node is None:
            raise RuntimeError("a tensor that does not require gradients has none for a hook to see")
        hooks = self.node.hooks = self.node.hooks or {}
        return Handle(hooks, hook)

    def detach(self) -> Tensor:
        """The same data outside the graph."""
        return wrap(self.data, None)

    def item(self) -> Any:
        """The single element as a Python number; `ValueError` when there are more."""
        if self.data.size != 1:
            raise ValueError(f"item() needs a tensor with one element, this one has shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        """The elements as Python numbers, in lists nested as the axes are."""
        return self.data.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """The data, shared. A tensor that requires gradients must be detached first, as `force` does."""
        if self.node is not None and not force:
            raise RuntimeError("this tensor requires gradients: use .detach().numpy() for its values")
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array.astype(dtype or array.dtype, copy=bool(copy))

    def backward(
        self,
        gradient: ArrayLike | Tensor | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Add d(self)/d(leaf) to `.grad` of every leaf; see `core.backward.backward`."""
        backward.backward(self, gradient, retain_graph=retain_graph, create_graph=create_graph)

    # --- arithmetic: each operator is a primitive of `ops`

    def __add__(self, other: Operand) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return ops.add(other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return ops.sub(self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return ops.sub(other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return ops.mul(self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return ops.mul(other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return ops.div(self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return ops.div(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return ops.pow(self, other)

    def __mod__(self, other: Operand) -> Tensor:
        """What division leaves, with the sign of the divisor."""
        return self.remainder(other)

    def __rmod__(self, other: Operand) -> Tensor:
        return type(self).remainder(other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return self.floor_divide(other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return type(self).floor_divide(other, self)

    def __rpow__(self, other: Operand) -> Tensor:
        return ops.pow(other, self)

    def __matmul__(self, other: Tensor | Array) -> Tensor:
        return ops.matmul(self, other)

    def matmul(self, other: Tensor | Array) -> Tensor:
        return ops.matmul(self, other)

    def dot(self, other: Tensor | Array) -> Tensor:
        """`self @ other` for vectors, as in PyTorch, and for matrices, so that rules of gradients may say `dot`."""
        if self.data.ndim > 2 or np.ndim(_data(other)) > 2:
            raise ValueError("dot is about vectors and matrices: use @ for batches, or tensordot")
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Tensor | Array) -> Tensor:
        return ops.matmul(other, self)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    # --- comparison: boolean tensors, outside the graph

    def _compared(self, sign: str, other: Any) -> Tensor:
        ours, theirs = _alike(self.data, _data(other))
        try:
            return wrap(np.asarray(SIGNS[sign](ours, theirs)), None)
        except (TypeError, ValueError, OverflowError) as error:
            if sign in "&|^" and "f" in (self.dtype.kind, np.asarray(theirs).dtype.kind):
                raise TypeError(f"{sign} is for booleans and whole numbers: compare first, as in x > 0") from None
            raise type(error)(f"{sign} of {self.shape} and {np.shape(theirs)}: {error}") from None

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._compared("==", other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._compared("!=", other)

    def __lt__(self, other: Any) -> Tensor:
        return self._compared("<", other)

    def __le__(self, other: Any) -> Tensor:
        return self._compared("<=", other)

    def __gt__(self, other: Any) -> Tensor:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> Tensor:
        return self._compared(">=", other)

    def __and__(self, other: Operand) -> Tensor:
        return self._compared("&", other)

    def __or__(self, other: Operand) -> Tensor:
        return self._compared("|", other)

    def __xor__(self, other: Operand) -> Tensor:
        return self._compared("^", other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Tensor:
        if self.dtype.kind == "f":
            raise TypeError("~ is for booleans and whole numbers: compare first, as in ~(x > 0)")
        return wrap(np.asarray(~self.data), None)

    def __contains__(self, value: Any) -> bool:
        """Whether any element equals the value."""
        return bool((self == value).data.any())

    # --- elementwise functions

    def exp(self) -> Tensor:
        return ops.exp(self)

    def expm1(self) -> Tensor:
        return ops.expm1(self)

    def log(self) -> Tensor:
        return ops.log(self)

    def log1p(self) -> Tensor:
        return ops.log1p(self)

    def sqrt(self) -> Tensor:
        return ops.sqrt(self)

    def sin(self) -> Tensor:
        return ops.sin(self)

    def cos(self) -> Tensor:
        return ops.cos(self)

    def tanh(self) -> Tensor:
        return ops.tanh(self)

    def sigmoid(self) -> Tensor:
        return ops.sigmoid(self)

    def softplus(self) -> Tensor:
        return ops.softplus(self)

    def relu(self) -> Tensor:
        """max(x, 0); the gradient at 0 is 0, as in PyTorch."""
        return ops.relu(self)

    def leaky_relu(self, negative_slope: float = 0.01) -> Tensor:
        return ops.leaky_relu(self, negative_slope)

    def elu(self, alpha: float = 1.0) -> Tensor:
        return ops.elu(self, alpha)

    def gelu(self, approximate: str = "none") -> Tensor:
        return ops.gelu(self, approximate)

    def silu(self) -> Tensor:
        return ops.silu(self)

    def abs(self) -> Tensor:
        """|x|; the gradient at 0 is 0, as in PyTorch."""
        return ops.abs(self)

    def sign(self) -> Tensor:
        return ops.sign(self)

    def clip(self, min: Operand | None = None, max: Operand | None = None) -> Tensor:
        """Bounded from below and above; the gradient is 1 on the bounds themselves, as in PyTorch.

        Bounds may be tensors, which broadcast and get the gradient where they are taken.
        """
        low, high = (bound.item() if isinstance(bound, np.generic) else bound for bound in (min, max))
        if isinstance(low, Tensor | np.ndarray) or isinstance(high, Tensor | np.ndarray):
            return ops.bounded(self, low, high)
        return ops.clip(self, low=low, high=high)

    def maximum(self, other: Operand) -> Tensor:
        """The larger of each pair; where they are equal each gets half of the gradient, as in PyTorch."""
        return ops.maximum(self, other)

    def minimum(self, other: Operand) -> Tensor:
        """The smaller of each pair; where they are equal each gets half of the gradient, as in PyTorch."""
        return ops.minimum(self, other)

    def where(self, condition: Tensor | Array, other: Operand) -> Tensor:
        """These elements where `condition` holds, those of `other` elsewhere."""
        return ops.where(condition, self, other)

    def softmax(self, axis: int | None = None, dtype: DTypeLike | None = None, *, dim: int | None = None) -> Tensor:
        """exp(x) / Σ exp(x) along an axis, the last by default."""
        axis = axes.either(axis, dim)
        axis = -1 if axis is None else axes.counted(axis, self.shape)
        return ops.softmax(self._floating(dtype), axis=axis)

    def log_softmax(self, axis: int | None = None, dtype: DTypeLike | None = None, *, dim: int | None = None) -> Tensor:
        """x - log Σ exp(x) along an axis, the last by default."""
        axis = axes.either(axis, dim)
        axis = -1 if axis is None else axes.counted(axis, self.shape)
        return ops.log_softmax(self._floating(dtype), axis=axis)

    # --- reductions: NumPy's names, and PyTorch's for the same

    def _floating(self, dtype: DTypeLike | None) -> Tensor:
        """In a floating-point dtype that is asked for."""
        if dtype is None:
            return self
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"the result is in floating point, it cannot be {np.dtype(dtype)}")
        return self.astype(dtype)

    def sum(
        self,
        axis: Axis = None,
        keepdims: bool = False,
        *,
        dim: Axis = None,
        keepdim: bool | None = None,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        if axis is not None or keepdims is not False or dim is not None or keepdim is not None:
            axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        if dtype is None:
            total = ops.sum(self, axis=axis, keepdims=keepdims)
            return total if total.data.dtype.kind != "u" else total.astype(np.int64)  # NumPy's uint64 wraps below 0
        total = ops.sum(self.astype(dtype), axis=axis, keepdims=keepdims)
        return total if total.dtype == dtype else total.astype(dtype)  # small integers are summed as large ones

    def mean(
        self,
        axis: Axis = None,
        keepdims: bool = False,
        *,
        dim: Axis = None,
        keepdim: bool | None = None,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        if axis is not None or keepdims is not False or dim is not None or keepdim is not None:
            axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        return ops.mean(self if dtype is None else self._floating(dtype), axis, keepdims)

    @overload
    def max(self, *, axis: Axis = None, keepdims: bool = False) -> Tensor: ...
    @overload
    def max(self, dim: int, keepdim: bool = False) -> ops.ValuesAndIndices[Tensor]: ...
    @overload
    def max(self, other: Tensor | Array, /) -> Tensor: ...
    def max(
        self, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False, other: Any = None
    ) -> Tensor | ops.ValuesAndIndices[Tensor]:
        """The largest element; where several are equally large they share the gradient.

        `max(axis=...)` has the largest along axes, as in NumPy and in `amax`; `max(dim)` has them with their indices,
        as in PyTorch, where of equal ones the first gets the gradient. `max(other)` is `maximum(other)`.
        """
        if dim is not None or other is not None or keepdim:
            return self._extreme("max", dim, keepdim, axis, keepdims, other)
        if axis is not None or keepdims is not False:
            axis, keepdims = axes.over(self.shape, axis, keepdims)
        return ops.max(self, axis=axis, keepdims=keepdims)

    @overload
    def min(self, *, axis: Axis = None, keepdims: bool = False) -> Tensor: ...
    @overload
    def min(self, dim: int, keepdim: bool = False) -> ops.ValuesAndIndices[Tensor]: ...
    @overload
    def min(self, other: Tensor | Array, /) -> Tensor: ...
    def min(
        self, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False, other: Any = None
    ) -> Tensor | ops.ValuesAndIndices[Tensor]:
        """The smallest element; where several are equally small they share the gradient.

        `min(axis=...)` has the smallest along axes, as in NumPy and in `amin`; `min(dim)` has them with their indices,
        as in PyTorch, where of equal ones the first gets the gradient. `min(other)` is `minimum(other)`.
        """
        if dim is not None or other is not None or keepdim:
            return self._extreme("min", dim, keepdim, axis, keepdims, other)
        if axis is not None or keepdims is not False:
            axis, keepdims = axes.over(self.shape, axis, keepdims)
        return ops.min(self, axis=axis, keepdims=keepdims)

    def _extreme(
        self,
        name: Literal["max", "min"],
        dim: Any,
        keepdim: bool,
        axis: Axis,
        keepdims: bool,
        other: Any,
    ) -> Tensor | ops.ValuesAndIndices[Tensor]:
        """Along one axis with the indices, or of each pair."""
        if dim is None and other is None:
            raise TypeError(f"{name}(keepdim=...) goes with dim=, {name}(keepdims=...) with axis=")
        if other is not None or isinstance(dim, Tensor | np.ndarray):
            if axis is not None or keepdims or keepdim or (dim is not None and other is not None):
                raise TypeError(f"{name}(other) is {name}imum(other), and has no axis")
            return getattr(ops, f"{name}imum")(self, dim if other is None else other)
        return ops.extremes(self, name, axes.either(axis, dim), axes.over((), None, keepdims, None, keepdim or None)[1])

    def var(
        self,
        axis: Axis | bool = None,
        unbiased: bool | None = None,
        keepdims: bool = False,
        *,
        correction: float | None = None,
        dim: Axis = None,
        keepdim: bool | None = None,
    ) -> Tensor:
        """Σ(x - mean)² / (n - correction), with correction 1 by default, as in PyTorch; NumPy divides by n.

        `unbiased` is whether the correction is 1 or 0. Of too few elements it is infinity, or NaN.
        """
        return ops.var(self, *self._spread("var", axis, unbiased, keepdims, correction, dim, keepdim))

    def std(
        self,
        axis: Axis | bool = None,
        unbiased: bool | None = None,
        keepdims: bool = False,
        *,
        correction: float | None = None,
        dim: Axis = None,
        keepdim: bool | None = None,
    ) -> Tensor:
        """The square root of `var`; where that is 0, so is the gradient."""
        return ops.std(self, *self._spread("std", axis, unbiased, keepdims, correction, dim, keepdim))

    def _spread(
        self, name: str, axis: Any, unbiased: Any, keepdims: bool, correction: float | None, dim: Axis, keepdim: Any
    ) -> tuple[Axis, float, bool]:
        """The axis, the correction and whether the axes stay, of `var` and `std`."""
        if isinstance(axis, bool) and unbiased is None:  # var(False) is PyTorch's
            axis, unbiased = None, axis
        if unbiased is not None:
            if not isinstance(unbiased, bool) or correction is not None:
                raise TypeError(
                    f"{name} takes whether it is unbiased, True or False, or a correction by its name, correction=0; "
                    f"not unbiased={unbiased!r} and correction={correction!r}"
                )
            correction = int(unbiased)
        axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        return axis, 1 if correction is None else correction, keepdims

    def norm(
        self,
        p: float | str | None = "fro",
        dim: Axis = None,
        keepdim: bool = False,
        dtype: DTypeLike | None = None,
        *,
        axis: Axis = None,
        keepdims: bool = False,
    ) -> Tensor:
        """The p-norm (Σ|x|^p)^(1/p) of all elements, or along axes; where x is 0 its gradient is 0.

        p = 2 or "fro", the default, is sqrt(Σx²); infinity the largest |x|, -infinity the smallest; 0 how many are
        not 0. A norm of matrices as such, "nuc" say, is not here: ValueError.
        """
        order = 2.0 if p is None or p == "fro" else p
        if isinstance(order, str):
            raise ValueError(f"norm knows the order of a sum of powers, a number or 'fro', not {p!r}")
        axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim or None)
        return ops.norm(self._floating(dtype), order, axis, keepdims)

    def logsumexp(
        self, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None
    ) -> Tensor:
        """log Σ exp(x), without overflow."""
        axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        return ops.logsumexp(self, axis=axis, keepdims=keepdims)

    def argmax(
        self, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool | None = None
    ) -> Tensor:
        """Where the largest element is, the first of equal ones: in the flattened tensor, or along one axis."""
        return self._place(self.data.argmax, axis, keepdims, dim, keepdim)

    def argmin(
        self, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool | None = None
    ) -> Tensor:
        """Where the smallest element is, the first of equal ones: in the flattened tensor, or along one axis."""
        return self._place(self.data.argmin, axis, keepdims, dim, keepdim)

    def _place(self, find: Any, axis: Any, keepdims: bool, dim: int | None, keepdim: bool | None) -> Tensor:
        axis = axes.either(axis, dim)
        _, keepdims = axes.over((), None, keepdims, None, keepdim)
        place = None if axis is None else axes.counted(axis, self.shape)
        if not (self.data.size if place is None else (*self.shape, 1)[place]):
            raise ValueError(f"of no elements there is none: a tensor of shape {self.shape}, along axis {place}")
        return wrap(np.asarray(find(place, keepdims=keepdims)), None)

    def any(
        self, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None
    ) -> Tensor:
        return self._whether(self.data.any, axis, keepdims, dim, keepdim)

    def all(
        self, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None
    ) -> Tensor:
        return self._whether(self.data.all, axis, keepdims, dim, keepdim)

    def _whether(self, test: Any, axis: Axis, keepdims: bool, dim: Axis, keepdim: bool | None) -> Tensor:
        axis, keepdims = axes.over(self.shape, axes.either(axis, dim), keepdims, None, keepdim)
        return wrap(np.asarray(test(axis, keepdims=keepdims)), None)

    # --- shape

    @overload
    def reshape(self, shape: Sequence[int]) -> Tensor: ...
    @overload
    def reshape(self, *shape: int) -> Tensor: ...
    def reshape(self, *sizes: Any, shape: Sequence[int] | None = None) -> Tensor:
        return ops.reshape(self, shape=varargs(sizes, shape))

    @overload
    def permute(self, dims: Sequence[int]) -> Tensor: ...
    @overload
    def permute(self, *dims: int) -> Tensor: ...
    def permute(self, *axes: Any, dims: Sequence[int] | None = None) -> Tensor:
        """All axes in another order: `x.permute(2, 0, 1)`."""
        return ops.permute(self, varargs(axes, dims))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Two axes exchanged, as in PyTorch; `permute` takes all axes, and `T` turns them round."""
        return ops.swapaxes(self, dim0, dim1)

    @property
    def T(self) -> Tensor:  # noqa: N802
        return ops.transpose(self, axes=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError(f"mT needs at least 2 dimensions, this tensor has shape {self.shape}")
        n = self.ndim
        return ops.transpose(self, axes=(*range(n - 2), n - 1, n - 2))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The axes `start_dim` to `end_dim` as one."""
        return ops.flatten(self, start_dim, end_dim)

    def squeeze(self, axis: Axis = None, *, dim: Axis = None) -> Tensor:
        """Without the axes of length 1, or without these of them."""
        return ops.squeeze(self, axes.either(axis, dim))

    def unsqueeze(self, axis: int | None = None, *, dim: int | None = None) -> Tensor:
        """With a new axis of length 1."""
        return ops.unsqueeze(self, axes.either(axis, dim))

    def swapaxes(self, axis0: int, axis1: int) -> Tensor:
        return ops.swapaxes(self, axis0, axis1)

    def split(
        self, split_size: int | Sequence[int], axis: int | None = None, *, dim: int | None = None
    ) -> tuple[Tensor, ...]:
        """Parts of one size (the last perhaps smaller), or of the sizes given, along an axis, the first by default."""
        axis = axes.either(axis, dim)
        return ops.split(self, split_size, 0 if axis is None else axis)

    @overload
    def broadcast_to(self, size: Sequence[int]) -> Tensor: ...
    @overload
    def broadcast_to(self, *size: int) -> Tensor: ...
    def broadcast_to(self, *sizes: Any, size: Sequence[int] | None = None) -> Tensor:
        return ops.broadcast_to(self, shape=varargs(sizes, size))

    def astype(self, dtype: DTypeLike) -> Tensor:
        """A copy in another dtype; integers and booleans pass no gradient."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            return wrap(self.data.astype(dtype), None)
        return ops.astype(self, dtype=dtype)

    def __getitem__(self, index: Any) -> Tensor:
        first, rest = _steps(_index(index), self.data.ndim)
        part: Tensor = ops.getitem(self, index=first)
        return part if rest is None else ops.getitem(part, index=rest)

    # --- in place: what needs a gradient is never overwritten while operations are recorded

    def _writable(self) -> Array:
        if self.node is not None and mode.get().recording:
            raise RuntimeError(
                "a tensor that requires gradients cannot be changed in place while operations are recorded: give the "
                "result a new name, or change it under no_grad()"
            )
        return self._memory()

    def _memory(self) -> Array:
        """The memory, which is about to change."""
        if not self.data.flags.writeable:
            raise RuntimeError(
                "this tensor looks into memory that cannot be written (a broadcast view, or a read-only array): "
                "change a copy of it, tensor(t)"
            )
        note_write(self.data)
        return self.data

    def _in_place(self, ufunc: Any, primitive: Any, other: Any) -> Tensor:
        made, leaf = isinstance(self.node, Node), isinstance(self.node, Leaf)
        tracked = made or (isinstance(other, Tensor) and other.node is not None)
        if leaf or not tracked or not mode.get().recording:
            data, theirs = self._writable(), _data(other)
            try:
                ufunc(data, theirs, out=data)
            except (TypeError, ValueError, OverflowError) as error:
                raise primitive.complaint((data, theirs), {}, error) from None
        else:
            if isinstance(other, Tensor) and np.may_share_memory(other.data, self.data):
                other = wrap(other.data.copy(), other.node)
            self._become(lambda x: primitive(x, other))
        return self

    def _fitting(self, result: Tensor) -> Tensor:
        """A result that this tensor's memory can take."""
        if result.shape != self.shape or not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise ValueError(
                f"a result of shape {result.shape} and {result.dtype} does not fit into this tensor of shape "
                f"{self.shape} and {self.dtype}: give it a new name"
            )
        return result

    def _become(self, function: Callable[[Tensor], Tensor]) -> None:
        """`self = function(self)` in this tensor's own memory; the graph goes on from the result."""
        node, before = self.node, self.data.copy()
        result = self._fitting(function(wrap(before, node)))
        if node is not None or result.node is not None:
            refuse_shared(self)
        data = self._memory()
        if isinstance(node, Node) and node.output is data:
            node.output = before  # what it needs for its own gradient
        data[...] = result.data
        self.node = result.node if result.dtype == self.dtype else result.astype(self.dtype).node
        if isinstance(node, Node) and node.hooks and node.hooks.pop(RETAIN, None) is not None:
            self.retain_grad()  # the gradient of what it is now

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, Tensor) and value.node is not None and mode.get().recording:
            raise RuntimeError(
                "the value requires gradients, which an assignment would lose: use where(), concatenate() or stack()"
            )
        first, rest = _steps(_index(index), self.data.ndim)
        data, new = self._writable(), _data(value)
        if self.dtype.kind in "iu" and not np.all(np.isfinite(new)):
            raise ValueError(f"{self.dtype} holds neither NaN nor infinity")
        try:
            if rest is None:
                data[first] = new
            else:
                data[first][rest] = new
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            what = f"a value of shape {np.shape(new)}" if np.ndim(new) else repr(new)
            raise type(error)(f"{what} in a part of a tensor of shape {self.shape}: {error}") from None

    def __iadd__(self, other: Operand) -> Tensor:
        return self._in_place(np.add, ops.add, other)

    def __isub__(self, other: Operand) -> Tensor:
        return self._in_place(np.subtract, ops.sub, other)

    def __imul__(self, other: Operand) -> Tensor:
        return self._in_place(np.multiply, ops.mul, other)

    def __itruediv__(self, other: Operand) -> Tensor:
        return self._in_place(np.true_divide, ops.div, other)

    def __ipow__(self, other: Operand) -> Tensor:
        return changed(self, lambda x: x**other)

    def __imod__(self, other: Operand) -> Tensor:
        return changed(self, lambda x: x % other)

    def __ifloordiv__(self, other: Operand) -> Tensor:
        return changed(self, lambda x: x // other)

    def __iand__(self, other: Operand) -> Tensor:
        return changed(self, lambda x: x & other)

    def __ior__(self, other: Operand) -> Tensor:
        return changed(self, lambda x: x | other)

    def __ixor__(self, other: Operand) -> Tensor:
        return changed(self, lambda x: x ^ other)

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


def changed(t: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """`t = function(t)` in the memory of `t`, as `t **= 2` and `t.clamp_(0)` do."""
    if mode.get().recording and not isinstance(t.node, Leaf):
        t._become(function)
    else:
        result = t._fitting(function(wrap(t.data.copy(), None))).data
        t._writable()[...] = result
    return t


def refuse_shared(t: Tensor) -> None:
    """RuntimeError: `t` may look into another tensor's memory, and a graph is to go on from its change in place."""
    made = ""
    if isinstance(t.node, Node):
        made = f", made by {t.node.primitive.name},"
        shared = t.node.arrays is None or any(np.may_share_memory(t.data, a) for a in t.node.arrays)
    else:
        alone = getrefcount(np.empty(0)) + 1  # the count of an array that one view alone holds
        shared = isinstance(t.data.base, np.ndarray) and getrefcount(t.data.base) > alone
    if shared:
        raise RuntimeError(
            f"this tensor{made} may share its memory with another one, which would lose the gradient of a change in "
            "place: give the result a new name"
        )


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
    """A new tensor with a copy of `data`. RuntimeError for another device than "cpu"."""
    check_device(device)
    return Tensor(as_array(data, dtype).copy(), requires_grad)


def check_device(device: Any) -> None:
    """RuntimeError: this device is not the CPU."""
    if device is not None and str(device).partition(":")[0] != "cpu":
        no_device(device)


def no_device(device: Any) -> NoReturn:
    raise RuntimeError(f"device {str(device)!r} is not here, only 'cpu': arrays are NumPy's")


def _data(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.data
    refuse_tensors_in(value)
    return value


def _alike(a: Array, b: Any) -> tuple[Array, Any]:
    """Two operands of a comparison: beside one with axes, a single number of the same kind takes its dtype."""
    if (
        isinstance(b, np.ndarray)
        and a.dtype != b.dtype
        and (a.dtype.kind == b.dtype.kind or {a.dtype.kind, b.dtype.kind} == {"i", "u"})
    ):
        if a.ndim and not b.ndim:
            b = b.astype(a.dtype)
        elif b.ndim and not a.ndim:
            a = a.astype(b.dtype)
    return a, b


def varargs(values: tuple[Any, ...], by_name: Sequence[int] | None = None) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` alike, and where an argument has a name, `f(shape=(2, 3))`."""
    if by_name is not None:
        if values:
            raise TypeError(f"{values} and {by_name!r}, given by name, are one argument: give one of them")
        return (by_name,) if isinstance(by_name, int) else tuple(by_name)
    if len(values) == 1 and isinstance(values[0], Sequence):
        return tuple(values[0])
    return values


Index: TypeAlias = int | slice | EllipsisType | Array | None


def _index(index: Any) -> Index | tuple[Index, ...]:
    """An index with arrays for its tensors, lists and inner tuples, as the primitive keeps it."""
    return tuple(map(_part, index)) if isinstance(index, tuple) else _part(index)


def _part(index: Any) -> Index:
    if isinstance(index, Tensor):
        index = index.data
    elif isinstance(index, list | tuple | range):
        index = np.asarray(index, None if len(index) else np.intp)
    if isinstance(index, np.ndarray | np.integer) and not index.ndim and index.dtype.kind in "iu":
        return int(index)  # one place along an axis
    return index


def _steps(index: Index | tuple[Index, ...], axes: int) -> tuple[Any, Any]:
    """An index of so many axes in one step, or in two: single places beside arrays are taken first, as in PyTorch.

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


node.results_are(Tensor)
