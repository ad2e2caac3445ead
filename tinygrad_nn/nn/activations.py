"""Activations as modules, and by name.

What the engine has no primitive for is composed of primitives, without a comparison in between, so
that a recorded step may replay it with other inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .. import ops
from ..tensor import Tensor
from .layers import Identity
from .module import Module


def _negative_part(x: Tensor) -> Tensor:
    """min(x, 0), with gradient 1 at 0, where that of relu is 0: their sum has gradient 1 everywhere."""
    part: Tensor = ops.clip(x, low=-math.inf, high=0.0)
    return part


class ReLU(Module):
    """max(x, 0); the gradient at 0 is 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu()


class LeakyReLU(Module):
    """x where it is positive, else negative_slope · x (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return x.relu() + self.negative_slope * _negative_part(x)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where it is positive, else alpha · (exp(x) - 1) (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        below: Tensor = ops.expm1(_negative_part(x))
        return x.relu() + self.alpha * below

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SiLU(Module):
    """x · sigmoid(x), also called Swish (Elfwing et al. 2018)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.sigmoid()


class Tanh(Module):
    """tanh(x), in (-1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh()


class Sigmoid(Module):
    """1 / (1 + exp(-x)), in (0, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sigmoid()


class Softplus(Module):
    """log(1 + exp(x)), a smooth ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.softplus(x)
        return y


class Softmax(Module):
    """exp(x) / Σ exp(x) along `axis` (PyTorch's `dim`): positive numbers that sum to 1.

    As the last step before a loss use `CrossEntropyLoss` on the logits instead.
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


# By name, as a hyperparameter: what may stand behind a hidden layer.
ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "silu": SiLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
    "linear": Identity,
}
