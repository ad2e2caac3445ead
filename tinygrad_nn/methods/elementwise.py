"""Functions that keep the shape: of each element, or along an axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..core.node import Array, Value
from ..ops import axes
from .described import Described, Operand, R, in_floating_point


class Elementwise(Described[R]):
    """Functions that keep the shape."""

    __slots__ = ()

    def exp(self) -> R:
        return ops.exp(self)

    def expm1(self) -> R:
        return ops.expm1(self)

    def log(self) -> R:
        return ops.log(self)

    def log1p(self) -> R:
        return ops.log1p(self)

    def sqrt(self) -> R:
        return ops.sqrt(self)

    def sin(self) -> R:
        return ops.sin(self)

    def cos(self) -> R:
        return ops.cos(self)

    def tanh(self) -> R:
        return ops.tanh(self)

    def sigmoid(self) -> R:
        return ops.sigmoid(self)

    def softplus(self) -> R:
        return ops.softplus(self)

    def relu(self) -> R:
        """max(x, 0); the gradient at 0 is 0, as in PyTorch."""
        return ops.relu(self)

    def leaky_relu(self, negative_slope: float = 0.01) -> R:
        return ops.leaky_relu(self, negative_slope)

    def elu(self, alpha: float = 1.0) -> R:
        return ops.elu(self, alpha)

    def gelu(self, approximate: str = "none") -> R:
        return ops.gelu(self, approximate)

    def silu(self) -> R:
        return ops.silu(self)

    def abs(self) -> R:
        """|x|; the gradient at 0 is 0, as in PyTorch."""
        return ops.abs(self)

    def sign(self) -> R:
        return ops.sign(self)

    def clip(self, min: Operand | None = None, max: Operand | None = None) -> R:
        """Bounded from below and above; the gradient is 1 on the bounds themselves, as in PyTorch.

        Bounds may be tensors, which broadcast and get the gradient where they are taken.
        """
        low, high = (bound.item() if isinstance(bound, np.generic) else bound for bound in (min, max))
        if isinstance(low, Value | np.ndarray) or isinstance(high, Value | np.ndarray):
            return ops.bounded(self, low, high)
        return ops.clip(self, low=low, high=high)

    def maximum(self, other: Operand) -> R:
        """The larger of each pair; where they are equal each gets half of the gradient, as in PyTorch."""
        return ops.maximum(self, other)

    def minimum(self, other: Operand) -> R:
        """The smaller of each pair; where they are equal each gets half of the gradient, as in PyTorch."""
        return ops.minimum(self, other)

    def where(self, condition: Value | Array, other: Operand) -> R:
        """These elements where `condition` holds, elements of `other` elsewhere."""
        return ops.where(condition, self, other)

    def softmax(self, axis: int | None = None, dtype: DTypeLike | None = None, *, dim: int | None = None) -> R:
        """exp(x) / Σ exp(x) along an axis, the last by default."""
        axis = axes.either(axis, dim)
        axis = -1 if axis is None else axes.counted(axis, self.shape)
        return ops.softmax(in_floating_point(self, dtype), axis=axis)

    def log_softmax(self, axis: int | None = None, dtype: DTypeLike | None = None, *, dim: int | None = None) -> R:
        """x - log Σ exp(x) along an axis, the last by default."""
        axis = axes.either(axis, dim)
        axis = -1 if axis is None else axes.counted(axis, self.shape)
        return ops.log_softmax(in_floating_point(self, dtype), axis=axis)
