"""Small constant arrays that operations need at every step, made once, and the sum that one of them makes quick.

Do not change them; `ZERO` and `ONE` are not protected.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .node import Array

# One of each dtype: a Python number with a small array doubles the cost of the operation.
ZERO, ONE = ({np.dtype(code): np.array(value, code) for code in "?bhilqBHILQefdg"} for value in (0, 1))


@lru_cache(maxsize=64)
def constant(value: float, dtype: np.dtype[Any], shape: int | tuple[int, ...] = ()) -> Array:
    """An array filled with one value; the same array for the same arguments."""
    return _fixed(np.full(shape, value, dtype))


@lru_cache(maxsize=64)
def counted(n: int) -> Array:
    """0 to n - 1."""
    return _fixed(np.arange(n))


@lru_cache(maxsize=64)
def identity(n: int, dtype: np.dtype[Any]) -> Array:
    """The n x n identity: for small n."""
    return _fixed(np.eye(n, dtype=dtype))


def summed(rows: Array, out: Array | None = None) -> Any:
    """The sum of the rows, as a product with ones: a third of the cost of `sum(axis=0)` where they are short."""
    return constant(1, rows.dtype, len(rows)).dot(rows, out)


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array
