"""Many elements to one: NumPy's names, and PyTorch's for the same."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..core.node import Array, Axis, Value, wrap
from ..ops import axes
from .described import Described, R, in_floating_point


class Reductions(Described[R]):
    """From many elements to one, over all of them or along axes."""

    __slots__ = ()

    def sum(
        self,
        axis: Axis = None,
        keepdims: bool = False,
        *,
        dim: Axis = None,
        keepdim: bool | None = None,
        dtype: DTypeLike | None = None,
    ) -> R:
        if axis is not None or keepdims is not False or dim is not None or keepdim is not None:
            axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        if dtype is None:
            total: Any = ops.sum(self, axis=axis, keepdims=keepdims)
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
    ) -> R:
        if axis is not None or keepdims is not False or dim is not None or keepdim is not None:
            axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        return ops.mean(self if dtype is None else in_floating_point(self, dtype), axis, keepdims)

    @overload
    def max(self, *, axis: Axis = None, keepdims: bool = False) -> R: ...
    @overload
    def max(self, dim: int, keepdim: bool = False) -> ops.ValuesAndIndices[R]: ...
    @overload
    def max(self, other: Value | Array, /) -> R: ...
    def max(
        self, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False, other: Any = None
    ) -> R | ops.ValuesAndIndices[R]:
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
    def min(self, *, axis: Axis = None, keepdims: bool = False) -> R: ...
    @overload
    def min(self, dim: int, keepdim: bool = False) -> ops.ValuesAndIndices[R]: ...
    @overload
    def min(self, other: Value | Array, /) -> R: ...
    def min(
        self, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False, other: Any = None
    ) -> R | ops.ValuesAndIndices[R]:
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
    ) -> R | ops.ValuesAndIndices[R]:
        """Along one axis with the indices, or of each pair."""
        if dim is None and other is None:
            raise TypeError(f"{name}(keepdim=...) goes with dim=, {name}(keepdims=...) with axis=")
        if other is not None or isinstance(dim, Value | np.ndarray):
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
    ) -> R:
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
    ) -> R:
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
    ) -> R:
        """The p-norm (Σ|x|^p)^(1/p) of all elements, or along axes; where x is 0 its gradient is 0.

        p = 2 or "fro", the default, is sqrt(Σx²); infinity the largest |x|, -infinity the smallest; 0 how many are
        not 0. A norm of matrices as such, "nuc" say, is not here: ValueError.
        """
        order = 2.0 if p is None or p == "fro" else p
        if isinstance(order, str):
            raise ValueError(f"norm knows the order of a sum of powers, a number or 'fro', not {p!r}")
        axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim or None)
        return ops.norm(in_floating_point(self, dtype), order, axis, keepdims)

    def logsumexp(
        self, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None
    ) -> R:
        """log Σ exp(x), without overflow."""
        axis, keepdims = axes.over(self.shape, axis, keepdims, dim, keepdim)
        return ops.logsumexp(self, axis=axis, keepdims=keepdims)

    def argmax(
        self, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool | None = None
    ) -> R:
        """Where the largest element is, the first of equal ones: in the flattened tensor, or along one axis."""
        return self._place(self.data.argmax, axis, keepdims, dim, keepdim)

    def argmin(
        self, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool | None = None
    ) -> R:
        """Where the smallest element is, the first of equal ones: in the flattened tensor, or along one axis."""
        return self._place(self.data.argmin, axis, keepdims, dim, keepdim)

    def _place(self, find: Any, axis: Any, keepdims: bool, dim: int | None, keepdim: bool | None) -> R:
        axis = axes.either(axis, dim)
        _, keepdims = axes.over((), None, keepdims, None, keepdim)
        place = None if axis is None else axes.counted(axis, self.shape)
        if not (self.data.size if place is None else (*self.shape, 1)[place]):
            raise ValueError(f"of no elements there is none: a tensor of shape {self.shape}, along axis {place}")
        return wrap(np.asarray(find(place, keepdims=keepdims)), None)

    def any(self, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None) -> R:
        return self._whether(self.data.any, axis, keepdims, dim, keepdim)

    def all(self, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None) -> R:
        return self._whether(self.data.all, axis, keepdims, dim, keepdim)

    def _whether(self, test: Any, axis: Axis, keepdims: bool, dim: Axis, keepdim: bool | None) -> R:
        axis, keepdims = axes.over(self.shape, axes.either(axis, dim), keepdims, None, keepdim)
        return wrap(np.asarray(test(axis, keepdims=keepdims)), None)
