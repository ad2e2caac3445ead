"""Elementwise primitives. Each is one line: name, forward rule, then a backward rule for each input.

Where the mathematics leaves a choice, PyTorch's is taken: the gradient of `relu` and `abs` at 0 is 0,
equal arguments of `maximum` share the gradient, `0 ** 0` is 1 with gradient 0.
"""

from __future__ import annotations

import math
from contextvars import Context
from typing import Any

import numpy as np

from ..constants import ONE, ZERO
from ..node import Array
from .error_function import error_function
from .primitive import Primitive


def _power(a: Any, b: Any) -> Any:
    # Products for small powers: NumPy's float32 power is 290 times slower where signs are mixed.
    if b.__class__ is int or b.__class__ is float:
        if b == 2:
            return a * a
        if b == 3:
            return a * a * a
    return np.power(a, b)


def _power_base_vjp(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.__class__ is int or b.__class__ is float:
        return g * (b * a ** (b - 1)) if b else g * 0
    return g * (b * (a + (a == 0) * (b == 0)) ** (b - 1))  # 0, not 0 * inf, at 0 ** 0


# What NumPy does about floating-point errors is part of the context. A copy of this one, where an overflow is
# none, is entered in a fifth of the time that errstate takes, and by any number of threads at once.
_OVERFLOWING = Context()
_OVERFLOWING.run(np.seterr, over="ignore")


def _sigmoid(x: Array) -> Any:
    """1 / (1 + exp(-x)): far below 0, exp gives infinity, and 1 / infinity is the answer."""
    return _OVERFLOWING.copy().run(_logistic, x)


def _logistic(x: Array) -> Any:
    y = np.asarray(np.exp(np.negative(x)))  # an array even of no dimensions, to go on in place
    y += ONE[y.dtype]
    return np.reciprocal(y, out=y)


def _clip(x: Array, low: float | None, high: float | None) -> Any:
    return x.copy() if low is None and high is None else np.clip(x, low, high)


def _inside(x: Any, low: float | None, high: float | None) -> Any:
    if low is None or high is None:
        return x >= low if low is not None else x <= high if high is not None else x == x
    return (x >= low) & (x <= high)


def _relu(x: Array) -> Any:
    return np.maximum(x, np.zeros(x.shape, x.dtype))  # beside one zero, NumPy takes three times as long


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, ZERO[x.dtype])


add = Primitive("add", np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
sub = Primitive("sub", np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
mul = Primitive("mul", np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
div = Primitive("div", np.true_divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y) / b)
neg = Primitive("neg", np.negative, lambda g, y, x: -g)
pow = Primitive(
    "pow",
    _power,
    _power_base_vjp,
    lambda g, y, a, b: g * (y * log(a + (a == 0))),  # 0, not 0 * -inf, where the base is 0
)
exp = Primitive("exp", np.exp, lambda g, y, x: g * y)
log: Primitive = Primitive("log", np.log, lambda g, y, x: g / x)
log1p = Primitive("log1p", np.log1p, lambda g, y, x: g / (1 + x))
expm1 = Primitive("expm1", np.expm1, lambda g, y, x: g * (y + 1))
sqrt = Primitive("sqrt", np.sqrt, lambda g, y, x: g / (2 * y))
sin = Primitive("sin", np.sin, lambda g, y, x: g * cos(x))
cos: Primitive = Primitive("cos", np.cos, lambda g, y, x: -(g * sin(x)))
tanh = Primitive("tanh", np.tanh, lambda g, y, x: g - g * (y * y))
sigmoid = Primitive("sigmoid", _sigmoid, lambda g, y, x: g * (y * (ONE[y.dtype] - y)))
softplus = Primitive("softplus", _softplus, lambda g, y, x: g * sigmoid(x))
relu = Primitive("relu", _relu, lambda g, y, x: g * (x > ZERO[x.dtype]).astype(g.dtype))
erf = Primitive("erf", error_function, lambda g, y, x: g * (2 / math.sqrt(math.pi)) * exp(-(x * x)))
sign = Primitive("sign", np.sign, lambda g, y, x: g * 0)
abs = Primitive("abs", np.abs, lambda g, y, x: g * sign(x))
maximum = Primitive(
    "maximum",
    np.maximum,
    lambda g, y, a, b: g * (a > b) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * (b > a) + g * (a == b) * 0.5,
)
minimum = Primitive(
    "minimum",
    np.minimum,
    lambda g, y, a, b: g * (a < b) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * (b < a) + g * (a == b) * 0.5,
)
where: Primitive = Primitive(
    "where",
    np.where,
    None,
    lambda g, y, c, a, b: where(c, g, 0),
    lambda g, y, c, a, b: where(c, 0, g),
)
clip = Primitive(
    "clip",
    _clip,
    lambda g, y, x, low, high: g * _inside(x, low, high),
)
astype = Primitive("astype", lambda x, dtype: x.astype(dtype), lambda g, y, x, dtype: g.astype(x.dtype))


# --- composed of primitives, without a comparison in between


def _negative_part(x: Any) -> Any:
    """min(x, 0), with gradient 1 at 0, where that of relu is 0."""
    return clip(x, low=None, high=0)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where it is positive, else negative_slope · x (Maas et al. 2013)."""
    return relu(x) + negative_slope * _negative_part(x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha · (exp(x) - 1) (Clevert et al. 2016)."""
    return relu(x) + alpha * expm1(_negative_part(x))


def silu(x: Any) -> Any:
    """x · sigmoid(x), also called Swish (Elfwing et al. 2018)."""
    return x * sigmoid(x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016); "tanh" is their quick approximation."""
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    if approximate != "none":
        raise ValueError(f"approximate is 'none' or 'tanh', not {approximate!r}")
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))
