"""Making tensors: constants, ranges, and random ones from an explicit generator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .node import Array
from .tensor import DEFAULT_DTYPE, Tensor, as_array, varargs


def zeros(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """Zeros, as `zeros(2, 3)` or `zeros((2, 3))`; so with the others that take a shape."""
    return Tensor(np.zeros(varargs(shape), dtype), requires_grad)


def zeros_like(x: Tensor | Array) -> Tensor:
    """Zeros in the shape and dtype of `x`."""
    return Tensor(np.zeros_like(as_array(x)))


def ones(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.ones(varargs(shape), dtype), requires_grad)


def ones_like(x: Tensor | Array) -> Tensor:
    """Ones in the shape and dtype of `x`."""
    return Tensor(np.ones_like(as_array(x)))


def full(shape: tuple[int, ...], value: float, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad)


def eye(n: int, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.eye(n, dtype=dtype), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Tensor:
    """Numbers from `start` (or 0) to below `stop`; integers for integers, else float32."""
    values = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    return Tensor(values.astype(dtype or (values.dtype if values.dtype.kind == "i" else DEFAULT_DTYPE)))


def rand(
    *shape: Any, rng: np.random.Generator, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False
) -> Tensor:
    """Uniform on [0, 1)."""
    return Tensor(rng.random(varargs(shape)).astype(dtype), requires_grad)


def randn(
    *shape: Any, rng: np.random.Generator, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False
) -> Tensor:
    """Standard normal."""
    return Tensor(rng.standard_normal(varargs(shape)).astype(dtype), requires_grad)
