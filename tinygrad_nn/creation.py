"""Making tensors: constants, ranges, and random ones from an explicit generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .node import Array
from .tensor import DEFAULT_DTYPE, Tensor, as_array, varargs

Length: TypeAlias = int | Sequence[int]  # of each axis, or of all


def zeros(*shape: Length, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """Zeros, as `zeros(2, 3)` or `zeros((2, 3))`; so with the others that take a shape."""
    return Tensor(np.zeros(varargs(shape), dtype), requires_grad)


def zeros_like(x: Tensor | Array, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape of `x`, and in its dtype unless another is given."""
    return Tensor(np.zeros_like(as_array(x), dtype), requires_grad)


def ones(*shape: Length, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.ones(varargs(shape), dtype), requires_grad)


def ones_like(x: Tensor | Array, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape of `x`, and in its dtype unless another is given."""
    return Tensor(np.ones_like(as_array(x), dtype), requires_grad)


def full(shape: tuple[int, ...], value: float, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad)


def eye(n: int, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.eye(n, dtype=dtype), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Tensor:
    """Numbers from `start` (or 0) to below `stop`; integers for integers, else float32."""
    values = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    return Tensor(values.astype(dtype or (values.dtype if values.dtype.kind == "i" else DEFAULT_DTYPE)))


def rand(
    *shape: Length, rng: np.random.Generator, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False
) -> Tensor:
    """Uniform on [0, 1)."""
    return Tensor(rng.random(varargs(shape)).astype(dtype), requires_grad)


def randn(
    *shape: Length, rng: np.random.Generator, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False
) -> Tensor:
    """Standard normal."""
    return Tensor(rng.standard_normal(varargs(shape)).astype(dtype), requires_grad)
