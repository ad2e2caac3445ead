"""Penalties on large weights, as terms to add to a loss: `loss + 1e-4 * l2_penalty(weights(model))`."""

from __future__ import annotations

from collections.abc import Iterable

from ..tensor import Tensor
from .module import Module, Parameter


def weights(module: Module) -> list[Parameter]:
    """The parameters that a penalty should cover, those of 2 dimensions or more.

    Biases and the scales of normalisation are left free: each governs one variable only, needs
    little data to fit, and held back underfits (Goodfellow et al. 2016, section 7.1).
    """
    return [parameter for parameter in module.parameters() if parameter.ndim >= 2]


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Σ |w| over all elements of all parameters, a scalar: it drives weights to exactly 0."""
    return sum((p.abs().sum() for p in parameters), Tensor(0.0))


def l2_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Σ w² / 2 over all elements of all parameters, a scalar.

    With the half its gradient is w, and so `λ * l2_penalty(...)` in the loss is the same to plain
    SGD as `weight_decay=λ` in the optimiser.
    """
    return 0.5 * sum(((p * p).sum() for p in parameters), Tensor(0.0))
