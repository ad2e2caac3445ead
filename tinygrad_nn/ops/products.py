"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.constants import summed
from ..core.node import Array, Into, Value
from ..core.primitive import Primitive, plain
from .shape import reshape

__all__ = [
    "linear",
    "matmul",
]

matmul2 = Primitive(
    "matmul",
    np.matmul,
    lambda g, y, a, b: g @ b.mT,
    lambda g, y, a, b: a.mT @ g,
    doc="The product of matrices, or of batches of them that broadcast. `matmul` takes vectors too.",
)


def matmul(a: Any, b: Any) -> Any:
    """`a @ b` for arrays or Tensors of one or more dimensions, batches broadcast (`np.matmul`)."""
    a, b = (x if isinstance(x, Value) else np.asarray(plain(x, (a, b))) for x in (a, b))
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul needs at least 1 dimension on both sides: use * for a scalar")
    columns, rows = a.shape[-1], b.shape[-2:][0]
    if columns != rows:
        raise ValueError(f"matmul of {a.shape} and {b.shape}: the inner lengths {columns} and {rows} differ")
    if a.ndim == 1:
        y = matmul(reshape(a, shape=(1, *a.shape)), b)
        return reshape(y, shape=y.shape[:-2] + y.shape[-1:] if b.ndim > 1 else ())
    if b.ndim == 1:
        y = matmul(a, reshape(b, shape=(*b.shape, 1)))
        return reshape(y, shape=y.shape[:-1])
    if (
        a.ndim > 2 and b.ndim == 2 and 0 not in a.shape
    ):  # one large product is 4 times quicker than a batch of small ones
        y = matmul2(reshape(a, shape=(-1, a.shape[-1])), b)
        return reshape(y, shape=a.shape[:-1] + b.shape[-1:])
    return matmul2(a, b)


def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y = x.dot(weight.T)  # dot, not @: a third of the overhead on small matrices
    if bias is None:
        return y
    return np.add(y, bias, y if y.dtype is bias.dtype else None)  # a bias of another dtype promotes, as in y + bias


affine = Primitive(
    "linear",
    _linear,
    lambda g, y, x, weight, bias=None: g.dot(weight),
    Into(lambda lent, g, y, x, weight, bias=None: g.T.dot(x) if lent is None else g.T.dot(x, lent)),
    Into(lambda lent, g, y, x, weight, bias: g if lent is None else summed(g, lent)),
    doc="x @ weight.T + bias, of a batch of vectors. `linear` takes any number of axes.",
)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x @ weight.T + bias` (`torch.nn.functional.linear`).

    x (..., in_features), weight (out_features, in_features), bias (out_features,) or None.
    """
    if x.ndim != 2:
        if x.shape[-1:] != weight.shape[1:]:
            raise ValueError(f"linear of {x.shape} and {weight.shape}: the last axes must be equally long")
        rows = linear(reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1])), weight, bias)
        return reshape(rows, shape=(*x.shape[:-1], weight.shape[0]))
    return affine(x, weight) if bias is None else affine(x, weight, bias)
