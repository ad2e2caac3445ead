"""Penalties on large weights, as terms to add to a loss: `loss + 1e-4 * l2_penalty(weights(model))`.

`soft_threshold_` is what replaces the L1 term where weights shall become exactly 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..core.writes import note_write
from ..tensors import Tensor
from .module import Module, Parameter


def weights(module: Module) -> list[Parameter]:
    """The parameters that a penalty should cover: all of 2 dimensions or more.

    Biases and the scales of normalisation are left free: each governs one variable only, needs
    little data to fit, and held back underfits (Goodfellow et al. 2016, section 7.1).
    """
    return [parameter for parameter in module.parameters() if parameter.ndim >= 2]


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Σ |w| over all elements of all parameters, a scalar: the lasso's (Tibshirani 1996).

    Its gradient is sign(w), and 0 at 0. It drives weights to 0, but a step of an optimiser leaves them
    swinging about it within lr · λ: `soft_threshold_` makes them exactly 0.
    """
    return sum((p.abs().sum() for p in parameters), Tensor(0.0))


def l2_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Σ w² / 2 over all elements of all parameters, a scalar.

    With the half its gradient is w, and so `λ * l2_penalty(...)` in the loss is the same to plain
    SGD as `weight_decay=λ` in the optimiser.
    """
    return 0.5 * sum(((p * p).sum() for p in parameters), Tensor(0.0))


def elastic_net_penalty(parameters: Iterable[Tensor], l1_ratio: float = 0.5) -> Tensor:
    """l1_ratio · Σ |w| + (1 - l1_ratio) · Σ w² / 2 over all elements of all parameters, a scalar.

    The mixture of both penalties (Zou & Hastie 2005), in scikit-learn's terms.

    Raises:
        ValueError: `l1_ratio` is not in [0, 1].
    """
    if not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be in [0, 1], not {l1_ratio}")
    parameters = list(parameters)
    return l1_ratio * l1_penalty(parameters) + (1 - l1_ratio) * l2_penalty(parameters)


def soft_threshold_(parameters: Iterable[Tensor], threshold: float) -> None:
    """Move every weight towards 0 by `threshold`, in place; a weight nearer to 0 than that becomes exactly 0.

    w = sign(w) · max(|w| - threshold, 0), the proximal map of threshold · |w|. After each step of plain SGD, with
    threshold lr · λ, it is iterative soft thresholding (ISTA: Daubechies, Defrise & De Mol 2004), which minimises loss
    + λ · `l1_penalty`. After an optimiser that scales its steps, or adds them up by momentum, the threshold has no part
    in that (as AdamW's decay has none), and λ means less. NaN stays NaN.

    Raises:
        ValueError: `threshold` is negative or NaN.
    """
    if not threshold >= 0:
        raise ValueError(f"threshold must be at least 0, not {threshold}")
    for p in parameters:
        p.data -= np.clip(p.data, -threshold, threshold)
        note_write(p.data)
