"""Operators: arithmetic, each a primitive of `ops`; comparison and logic, outside the graph."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core.node import Array, Value, wrap
from .described import Described, Operand, R, plain_data

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


def _alike(a: Array, b: Any) -> tuple[Array, Any]:
    """Two operands of a comparison: a single number takes the dtype of one with axes, if it is of that kind."""
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


class Arithmetic(Described[R]):
    """The operators that make something new."""

    __slots__ = ()

    def __add__(self, other: Operand) -> R:
        return ops.add(self, other)

    def __radd__(self, other: Operand) -> R:
        return ops.add(other, self)

    def __sub__(self, other: Operand) -> R:
        return ops.sub(self, other)

    def __rsub__(self, other: Operand) -> R:
        return ops.sub(other, self)

    def __mul__(self, other: Operand) -> R:
        return ops.mul(self, other)

    def __rmul__(self, other: Operand) -> R:
        return ops.mul(other, self)

    def __truediv__(self, other: Operand) -> R:
        return ops.div(self, other)

    def __rtruediv__(self, other: Operand) -> R:
        return ops.div(other, self)

    def __pow__(self, other: Operand) -> R:
        return ops.pow(self, other)

    def __rpow__(self, other: Operand) -> R:
        return ops.pow(other, self)

    def __matmul__(self, other: Value | Array) -> R:
        return ops.matmul(self, other)

    def matmul(self, other: Value | Array) -> R:
        return ops.matmul(self, other)

    def dot(self, other: Value | Array) -> R:
        """`self @ other` for vectors, as in PyTorch, and for matrices, so that rules of gradients may say `dot`."""
        if self.data.ndim > 2 or np.ndim(plain_data(other)) > 2:
            raise ValueError("dot is about vectors and matrices: use @ for batches, or tensordot")
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Value | Array) -> R:
        return ops.matmul(other, self)

    def __neg__(self) -> R:
        return ops.neg(self)

    def __pos__(self) -> R:
        itself: Any = self
        return itself

    def __abs__(self) -> R:
        return ops.abs(self)

    # --- comparison: boolean tensors, outside the graph

    def _compared(self, sign: str, other: Any) -> R:
        ours, theirs = _alike(self.data, plain_data(other))
        try:
            return wrap(np.asarray(SIGNS[sign](ours, theirs)), None)
        except (TypeError, ValueError, OverflowError) as error:
            if sign in "&|^" and "f" in (self.dtype.kind, np.asarray(theirs).dtype.kind):
                raise TypeError(f"{sign} is for booleans and whole numbers: compare first, as in x > 0") from None
            raise type(error)(f"{sign} of {self.shape} and {np.shape(theirs)}: {error}") from None

    def __eq__(self, other: object) -> R:  # type: ignore[override]
        return self._compared("==", other)

    def __ne__(self, other: object) -> R:  # type: ignore[override]
        return self._compared("!=", other)

    def __lt__(self, other: Any) -> R:
        return self._compared("<", other)

    def __le__(self, other: Any) -> R:
        return self._compared("<=", other)

    def __gt__(self, other: Any) -> R:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> R:
        return self._compared(">=", other)

    def __and__(self, other: Operand) -> R:
        return self._compared("&", other)

    def __or__(self, other: Operand) -> R:
        return self._compared("|", other)

    def __xor__(self, other: Operand) -> R:
        return self._compared("^", other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> R:
        if self.dtype.kind == "f":
            raise TypeError("~ is for booleans and whole numbers: compare first, as in ~(x > 0)")
        return wrap(np.asarray(~self.data), None)

    def __contains__(self, value: Any) -> bool:
        """Whether any element equals the value."""
        return bool((self == value).data.any())
