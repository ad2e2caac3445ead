"""Initialisers: fill a tensor in place; the random ones from `rng`, or else from the default generator.

A weight's fans are read from its shape: `(out, in)` for a linear layer, `(out, in, *kernel)` for a
convolution, whose kernel multiplies both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..core.backward import no_grad
from ..generator import Rng, rng_or_default
from ..missing import missing
from ..tensors import Tensor

__all__ = [
    "BEFORE_ACTIVATION",
    "INITIALISERS",
    "Initialiser",
    "auto",
    "calculate_gain",
    "constant_",
    "eye_",
    "fans",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def _fill(tensor: Tensor, values: ArrayLike) -> Tensor:
    with no_grad():
        tensor[...] = values
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return _fill(tensor, 1)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    return _fill(tensor, val)


def eye_(tensor: Tensor) -> Tensor:
    """Fill with the identity matrix.

    Raises:
        ValueError: a tensor that is not a matrix.
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_ fills a matrix, not a tensor of shape {tensor.shape}")
    rows, columns = tensor.shape
    return _fill(tensor, np.eye(rows, columns))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill from the uniform distribution U(a, b). `ValueError` unless a <= b."""
    if not a <= b:
        raise ValueError(f"uniform_ needs a <= b, not a={a} and b={b}")
    return _fill(tensor, rng_or_default(rng).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill from the normal distribution N(mean, std²).

    Raises:
        ValueError: std is negative.
    """
    if not std >= 0:
        raise ValueError(f"normal_ needs std >= 0, not {std}")
    return _fill(tensor, rng_or_default(rng).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, rng: Rng = None
) -> Tensor:
    """Fill from N(mean, std²) within [a, b] alone, in the tensor's own unit.

    A uniform number between the distribution's values at a and b is taken back through its inverse. `ValueError`
    unless a < b and std > 0.
    """
    if not (a < b and std > 0):
        raise ValueError(f"trunc_normal_ needs a < b and std > 0, not a={a}, b={b} and std={std}")
    from statistics import NormalDist  # here: who makes no such tensor need not wait for it

    normal = NormalDist()
    low, high = (normal.cdf((bound - mean) / std) for bound in (a, b))
    smallest = float(np.finfo(np.float64).tiny)
    drawn = rng_or_default(rng).uniform(low, high, tensor.shape).clip(smallest, 1 - float(np.finfo(np.float64).epsneg))
    standard = np.array([normal.inv_cdf(p) for p in drawn.ravel().tolist()]).reshape(tensor.shape)
    return _fill(tensor, np.clip(mean + std * standard, a, b))


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output sums over (fan in), and how many outputs each input reaches (fan out)."""
    if tensor.ndim < 2 or not tensor.size:
        raise ValueError(f"a weight has shape (out, in, ...), each at least 1, not {tensor.shape}")
    outputs, inputs, *kernel = tensor.shape
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
GAINS |= dict.fromkeys(("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3))), 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor on a weight's standard deviation that makes up for what an activation takes away.

    "linear", a convolution and "sigmoid" 1, "tanh" 5/3, "relu" √2, "selu" 3/4, "leaky_relu" √(2 / (1 + slope²)) with
    `param` the negative slope, 0.01 unless given (PyTorch's values; He et al. 2015, eq. 10 and 15).
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"no gain is known for {nonlinearity!r}: choose from leaky_relu, {', '.join(GAINS)}")
    return GAINS[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill from U(-a, a) with a = gain · √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16).

    It keeps the variance of activations and of gradients about equal from layer to layer, where the
    activation is about linear: tanh near 0.
    """
    a = gain * math.sqrt(6 / sum(fans(tensor)))
    return _fill(tensor, rng_or_default(rng).uniform(-a, a, tensor.shape))


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill from N(0, gain² · 2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), rng=rng)


Mode: TypeAlias = Literal["fan_in", "fan_out"]


def _he_std(tensor: Tensor, a: float, mode: Mode, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng = None,
) -> Tensor:
    """Fill from U(-b, b) with b = gain · √(3 / fan), of the same variance as `kaiming_normal_`."""
    b = math.sqrt(3) * _he_std(tensor, a, mode, nonlinearity)
    return _fill(tensor, rng_or_default(rng).uniform(-b, b, tensor.shape))


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng = None,
) -> Tensor:
    """Fill from N(0, gain² / fan), by default N(0, 2 / fan_in) (He et al. 2015, eq. 10).

    A ReLU halves the mean square of what passes; the 2 makes up for it. `a` is the negative slope
    of a leaky ReLU (eq. 15). "fan_in" keeps the scale of activations, "fan_out" the scale of gradients.
    """
    return normal_(tensor, 0.0, _he_std(tensor, a, mode, nonlinearity), rng=rng)


def orthogonal_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill with gain · Q, the rows of Q (out, the rest) orthonormal, or the columns if they are fewer.

    An orthogonal matrix keeps the length of whatever it multiplies, at any depth (Saxe et al. 2014).
    Q comes from the QR decomposition of a normal matrix, with R's diagonal made positive: only so
    is it uniform among all orthogonal matrices (Mezzadri 2007).
    """
    columns, _ = fans(tensor)
    rows = tensor.shape[0]
    q, r = np.linalg.qr(rng_or_default(rng).normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.where(r.diagonal() < 0, -1, 1)
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


# --- by name, as a hyperparameter

BEFORE_ACTIVATION = {
    "linear": "xavier_uniform",
    "tanh": "xavier_uniform",
    "sigmoid": "xavier_uniform",
    "relu": "he_normal",
    "leaky_relu": "he_normal",
    "elu": "he_normal",
    "gelu": "he_normal",
    "silu": "he_normal",
    "softplus": "he_normal",
}


def auto(activation: str) -> str:
    """The name of the initialiser for a weight before `activation`, itself a name.

    "xavier_uniform" before tanh, sigmoid and no activation (Glorot & Bengio 2010), "he_normal" before the ReLU family
    (He et al. 2015).

    Raises:
        ValueError: an activation that is not known.
    """
    if activation not in BEFORE_ACTIVATION:
        raise ValueError(f"no activation {activation!r}: choose from {', '.join(BEFORE_ACTIVATION)}")
    return BEFORE_ACTIVATION[activation]


class Initialiser(Protocol):
    """Fill `weight` in place; `activation` names what comes after it, and only "auto" asks."""

    def __call__(self, weight: Tensor, /, *, rng: Rng = None, activation: str = "linear") -> Tensor: ...


# "constant", "uniform" and "normal" have the fixed widths that are Keras' defaults, whatever the fans: what goes
# wrong with them in a deep network is there to be seen.
INITIALISERS: dict[str, Initialiser] = {
    "auto": lambda w, rng=None, activation="linear": INITIALISERS[auto(activation)](w, rng=rng),
    "zeros": lambda w, **_: zeros_(w),
    "constant": lambda w, **_: constant_(w, 0.05),
    "uniform": lambda w, rng=None, **_: uniform_(w, -0.05, 0.05, rng=rng),
    "normal": lambda w, rng=None, **_: normal_(w, 0.0, 0.05, rng=rng),
    "xavier_uniform": lambda w, rng=None, **_: xavier_uniform_(w, rng=rng),
    "xavier_normal": lambda w, rng=None, **_: xavier_normal_(w, rng=rng),
    "he_uniform": lambda w, rng=None, **_: kaiming_uniform_(w, rng=rng),
    "he_normal": lambda w, rng=None, **_: kaiming_normal_(w, rng=rng),
    "orthogonal": lambda w, rng=None, **_: orthogonal_(w, rng=rng),
}

if not TYPE_CHECKING:  # a type checker shall know that there are no other names
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            "dirac_": "fill with zeros_, then write weight.data[i, i, middle] = 1 under no_grad()",
            "sparse_": "fill with normal_, then write weight.data[rows, columns] = 0 under no_grad()",
            **{name[:-1]: f"write {name}" for name in __all__ if name.endswith("_")},
        },
    )
