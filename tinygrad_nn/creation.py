"""Making tensors: constants, ranges, and random ones from an explicit generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

if TYPE_CHECKING:
    pass

from .tensor import DEFAULT_DTYPE, Tensor


def zeros(*shape: int, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.zeros(shape, dtype), requires_grad)


def ones(*shape: int, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.ones(shape, dtype), requires_grad)


def full(shape: tuple[int, ...], value: float, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad)


def eye(n: int, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    return Tensor(np.eye(n, dtype=dtype), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Tensor:
    """Numbers from `start` (or 0) to below `stop`; integers for integers, else float32."""
    values = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    return Tensor(values.astype(dtype or (values.dtype if values.dtype.kind == "i" else DEFAULT_DTYPE)))


def rand(
    *shape: int, rng: np.random.Generator, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False
) -> Tensor:
    """Uniform on [0, 1)."""
    return Tensor(rng.random(shape).astype(dtype), requires_grad)


def randn(
    *shape: int, rng: np.random.Generator, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False
) -> Tensor:
    """Standard normal."""
    return Tensor(rng.standard_normal(shape).astype(dtype), requires_grad)
