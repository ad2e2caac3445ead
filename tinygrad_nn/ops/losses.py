"""Losses from logits, stable and in one step each.

`softmax` followed by `log`, or `sigmoid` followed by `log`, loses everything once a probability
rounds to 0 or 1. From the logits both losses are exact, and their gradients are simply
"predicted minus true".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.constants import ZERO, constant, counted, identity
from ..core.node import Array, Value, as_array, wrap
from ..core.primitive import Primitive, floats
from .elementwise import sigmoid
from .reduce import SHORT, log_softmax

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
]

FEW = 4096  # up to here the product of float32 is as exact as NumPy's sum: off by 1.8e-7 at most against 1.6e-7


def _scaled_sum(x: Array, scale: float) -> Any:
    """scale · Σx: of few elements as one product, which takes half the time and with many would lose digits."""
    n = x.size
    if 0 < n <= FEW:
        return constant(scale, x.dtype, n).dot(x if x.ndim == 1 else x.reshape(n))
    return np.add.reduce(x, None) * scale


def _one_hot(target: Array, like: Any) -> Array:
    classes = like.shape[1]
    if classes <= SHORT:
        return identity(classes, like.dtype).take(target, 1).T  # columns first, as log_softmax lays them out
    out = np.zeros(like.shape, like.dtype)
    out[counted(len(target)), target] = 1
    return out


def _nll(logits: Array, log_p: Array, *, target: Array, scale: float) -> Any:
    return _scaled_sum(log_p[counted(len(target)), target], -scale)


# log_p = log_softmax(logits) comes as an input because the backward rule needs it too. The rule for
# the logits is the whole derivative, through log_p as well, so none is left for log_p itself.
softmax_nll = Primitive(
    "cross_entropy",
    _nll,
    lambda g, y, logits, log_p, target, scale: (np.exp(log_p) - _one_hot(target, log_p)) * g * constant(scale, g.dtype),
    None,
    doc="scale · Σ -log p of the target, from logits and their log_softmax: what `cross_entropy` calls.",
)


def _bce(x: Array, t: Array, *, scale: float) -> Any:
    x = floats(x)
    # softplus(x) - x*t: the logarithm of what exp would overflow on is never taken apart
    return _scaled_sum(np.logaddexp(x, ZERO[x.dtype]) - x * t, scale)


bce_logits = Primitive(
    "bce_with_logits",
    _bce,
    lambda g, y, x, t, scale: (sigmoid(x) - t) * g * constant(scale, g.dtype),
    lambda g, y, x, t, scale: (g * -scale) * x,
    doc="scale · Σ of the binary cross-entropy of logits: what `binary_cross_entropy_with_logits` calls.",
)


def cross_entropy(logits: Any, target: Any) -> Any:
    """The mean of -log softmax(logits)[target] (`torch.nn.functional.cross_entropy`).

    logits (batch, classes), floating; target (batch,), class indices.

    Raises:
        ValueError: shapes that do not fit or an index that is not a class.
    """
    indices, shape = as_array(target), logits.shape
    if len(shape) != 2 or indices.shape != shape[:1]:
        raise ValueError(
            f"cross_entropy needs logits (batch, classes) and targets (batch,), not {shape} and {indices.shape}"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy needs class indices, integers, not {indices.dtype}: use .astype(int)")
    batch, classes = shape
    # By the places of the extremes: argmin and argmax take a sixth of the time of min and max.
    if batch and not 0 <= indices.item(indices.argmin()) <= indices.item(indices.argmax()) < classes:
        wrong = next(int(i) for i in indices if not 0 <= i < classes)
        raise ValueError(f"target {wrong} is not a class: with {classes} logits, classes are 0 to {classes - 1}")
    log_p = log_softmax(logits, axis=1)
    return softmax_nll(logits, log_p, target=indices, scale=1 / batch if batch else math.nan)


def binary_cross_entropy_with_logits(logits: Any, target: Any) -> Any:
    """The mean of -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), from the logits x.

    logits and target of one and the same shape, targets in [0, 1]. `ValueError` otherwise: shapes
    that only broadcasting would make fit are a mistake in a loss.
    """
    if not isinstance(target, Value):
        target = wrap(as_array(target), None)
    shape, size = logits.shape, math.prod(logits.shape)
    if target.shape != shape:
        raise ValueError(f"logits {shape} and targets {target.shape} must have the same shape: reshape one of them")
    return bce_logits(logits, target, scale=1 / size if size else math.nan)
