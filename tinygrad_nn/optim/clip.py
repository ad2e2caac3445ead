"""Gradient clipping, between `backward()` and the optimiser's `step()`."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..core.writes import note_write
from ..tensors import Tensor


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> float:
    """Scale all gradients together, in place, so that their norm is at most `max_norm`; the norm before.

    The norm is taken over all gradients as one vector, ‖g‖ = (Σ |g_i|^p)^(1/p) with p = `norm_type`
    (infinity: the largest |g_i|). Where it is more than `max_norm`, g *= max_norm / (‖g‖ + 1e-6): the
    direction stays (Pascanu, Mikolov & Bengio 2013, algorithm 1; the 1e-6 is PyTorch's). Parameters
    without a gradient are passed over; with none at all the norm is 0. A `max_norm` of infinity only measures.

    A norm that is not finite is returned like any other, and the gradients are then no use: look at it before the step.

    Raises:
        ValueError: `max_norm` is negative or NaN, or `norm_type` is not positive.
    """
    _at_least_0("max_norm", max_norm)
    if not norm_type > 0:
        raise ValueError(f"norm_type must be more than 0, not {norm_type}")
    gradients = _gradients(parameters)
    with np.errstate(over="ignore"):  # a sum of squares beyond the range is infinity, which says it
        # In float64, whose range the squares of float32 do not leave.
        norms = [np.linalg.norm(g.data.ravel().astype(np.float64, copy=False), norm_type) for g in gradients if g.size]
        total = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    scale = 1.0 if max_norm == math.inf else max_norm / (total + 1e-6)
    if not scale >= 1:  # NaN too
        with np.errstate(invalid="ignore"):  # 0 * infinity
            for g in gradients:
                np.multiply(g.data, scale, out=g.data)
                note_write(g.data)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of the gradients, in place, to [-`clip_value`, `clip_value`] (Mikolov 2012).

    Each element goes by itself, so the direction may change. NaN stays NaN.

    Raises:
        ValueError: `clip_value` is negative or NaN.
    """
    _at_least_0("clip_value", clip_value)
    for g in _gradients(parameters):
        np.clip(g.data, -clip_value, clip_value, out=g.data)
        note_write(g.data)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients there are; a parameter that is given twice counts once."""
    tensors = [parameters] if isinstance(parameters, Tensor) else parameters
    return list({id(p): p.grad for p in tensors if p.grad is not None}.values())


def _at_least_0(name: str, value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, not {value}")
