"""Activations as modules, and by name.

With `inplace=True` the input itself becomes the result, as in `functional`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..tensors import Tensor
from . import functional as F
from .layers import Identity
from .module import Module


class _InPlace(Module):
    """What activations share that may be done in place."""

    inplace: bool = False

    def __init__(self, inplace: bool = False) -> None:
        if not isinstance(inplace, bool):
            raise TypeError(f"{type(self).__name__} takes no setting but inplace, True or False, not {inplace!r}")
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _repr(self, settings: str) -> str:
        return settings + (", inplace=True" if self.inplace else "")


class ReLU(_InPlace):
    """max(x, 0); the gradient at 0 is 0."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x, True) if self.inplace else x.relu()


class ReLU6(_InPlace):
    """min(max(x, 0), 6) (Krizhevsky 2010); the gradient at 0 is 0, at exactly 6 it is 1 (PyTorch: 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x, self.inplace)


class Hardtanh(_InPlace):
    """x bounded by `min_val` and `max_val`; exactly on a bound the gradient is 1 (PyTorch: 0)."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not min_val < max_val:
            raise ValueError(f"min_val must be less than max_val, not {min_val} and {max_val}")
        super().__init__(inplace)
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, x: Tensor) -> Tensor:
        return F.hardtanh(x, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._repr(f"min_val={self.min_val}, max_val={self.max_val}")


class LeakyReLU(_InPlace):
    """x where it is positive, else negative_slope · x (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._repr(f"negative_slope={self.negative_slope}")


class ELU(_InPlace):
    """x where it is positive, else alpha · (exp(x) - 1) (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._repr(f"alpha={self.alpha}")


class SiLU(_InPlace):
    """x · sigmoid(x), also called Swish (Elfwing et al. 2018)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x, self.inplace)


class GELU(Module):
    """x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016); approximate="tanh" is much quicker."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, self.approximate)

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


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x))), without a loss far below 0."""

    def forward(self, x: Tensor) -> Tensor:
        return F.logsigmoid(x)


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta, a smooth ReLU; x itself where beta · x is above a `threshold` of one's own.

    The default threshold is not needed: nothing overflows, and PyTorch's result differs by less than 2.1e-9 / beta.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        if not beta:
            raise ValueError("softplus needs a beta other than 0")
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """exp(x) / Σ exp(x) along the axis `dim` (or `axis`): positive numbers that sum to 1.

    Without either it is the last axis of an input of up to two; an input of more is refused. As the last step before a
    loss use `CrossEntropyLoss` on the logits instead.
    """

    def __init__(self, dim: int | None = None, *, axis: int | None = None) -> None:
        self.dim = dim if axis is None else axis

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """log(softmax(x)) along the axis `dim`, as for `Softmax`, without a loss where a probability is near 0."""

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(x, self.dim)


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
