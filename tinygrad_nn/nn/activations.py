"""Activations as modules, and by name."""

from __future__ import annotations

from collections.abc import Callable

from .. import ops
from ..tensor import Tensor
from .layers import Identity
from .module import Module


class ReLU(Module):
    """max(x, 0); the gradient at 0 is 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu()


class LeakyReLU(Module):
    """x where it is positive, else negative_slope · x (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.leaky_relu(x, self.negative_slope)
        return y

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where it is positive, else alpha · (exp(x) - 1) (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.elu(x, self.alpha)
        return y

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SiLU(Module):
    """x · sigmoid(x), also called Swish (Elfwing et al. 2018)."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.silu(x)
        return y


class GELU(Module):
    """x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016); approximate="tanh" is much quicker."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.gelu(x, self.approximate)
        return y

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


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
    "gelu": GELU,
    "silu": SiLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
    "linear": Identity,
}
