"""Activations as functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ... import ops
from ...core.node import Node
from ...core.observe import mode
from ...methods import changed, refuse_shared
from ...tensors import Tensor


def given(x: Tensor, function: Callable[[Any], Any], inplace: bool) -> Tensor:
    """`function(x)`; in place, `x` itself, with these values and with the graph going on from them.

    What operations have saved stays as it is: memory is written to only where no graph goes through. RuntimeError in
    place, as for `x += 1`: a leaf that requires gradients, or what may look into another tensor's memory, which would
    not see the change.
    """
    if not inplace:
        y: Tensor = function(x)
        return y
    if not isinstance(x.node, Node) or not mode.get().recording:
        return changed(x, function)
    refuse_shared(x)
    y = function(x)
    x.data, x.node = y.data, y.node
    return x


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); the gradient at 0 is 0."""
    return given(input, ops.relu, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else negative_slope · x (Maas et al. 2013)."""
    return given(input, lambda x: ops.leaky_relu(x, negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha · (exp(x) - 1) (Clevert et al. 2016)."""
    return given(input, lambda x: ops.elu(x, alpha), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · sigmoid(x), also called Swish (Elfwing et al. 2018)."""
    return given(input, ops.silu, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky 2010); the gradient at 0 is 0, at exactly 6 it is 1 (PyTorch: 0)."""
    return given(input, lambda x: ops.clip(ops.relu(x), low=None, high=6), inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x bounded by `min_val` and `max_val`; exactly on a bound the gradient is 1 (PyTorch: 0).

    Raises:
        ValueError: `min_val` is more than `max_val`.
    """
    if not min_val <= max_val:
        raise ValueError(f"min_val must not be more than max_val, not {min_val} and {max_val}")

    def bounded(x: Any) -> Any:
        y = ops.clip(x, low=min_val, high=max_val)
        return y if x.dtype.kind == "f" else y.astype(x.dtype)  # whole numbers stay so, as in PyTorch

    return given(input, bounded, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016); approximate="tanh" is much quicker."""
    y: Tensor = ops.gelu(input, approximate)
    return y


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), in (0, 1)."""
    y: Tensor = ops.sigmoid(input)
    return y


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent of x, in (-1, 1)."""
    y: Tensor = ops.tanh(input)
    return y


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), without a loss far below 0."""
    y: Tensor = -ops.softplus(-input)
    return y


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · x)) / beta, a smooth ReLU; x itself where beta · x is above a `threshold` of one's own.

    The default threshold is not needed: nothing overflows, and PyTorch's result differs by less than 2.1e-9 / beta.

    Raises:
        ValueError: `beta` is 0.
    """
    if not beta:
        raise ValueError("softplus needs a beta other than 0")
    scaled = input if beta == 1 else input * beta
    y: Tensor = ops.softplus(scaled)
    y = y if beta == 1 else y / beta
    if threshold != 20 and threshold != math.inf:
        y = ops.where(scaled.data > threshold, input, y)
    return y


def softmax(input: Tensor, dim: int | None = None, *, dtype: DTypeLike | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along the axis `dim`: positive numbers that sum to 1. In `dtype`, if one is given.

    Up to two axes the last is taken without `dim`.

    Raises:
        ValueError: more axes, and no `dim`.
    """
    x, axis = _cast(input, dtype), _axis("softmax", input, dim)
    y: Tensor = ops.softmax(x, axis=axis)
    return y


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: DTypeLike | None = None) -> Tensor:
    """log(softmax(x)) along the axis `dim`, without a loss where a probability is near 0; otherwise as `softmax`."""
    x, axis = _cast(input, dtype), _axis("log_softmax", input, dim)
    y: Tensor = ops.log_softmax(x, axis=axis)
    return y


def _cast(x: Tensor, dtype: DTypeLike | None) -> Tensor:
    return x if dtype is None or x.dtype == np.dtype(dtype) else x.astype(dtype)


def _axis(name: str, x: Tensor, dim: int | None) -> int:
    if dim is not None:
        return dim
    if x.ndim > 2:
        raise ValueError(f"{name} of a tensor of shape {x.shape} needs the axis: pass dim=")
    return -1
