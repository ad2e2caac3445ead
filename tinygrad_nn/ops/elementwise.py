"""Elementwise primitives. Each is one line: name, forward rule, then a backward rule for each input.

Where the mathematics leaves a choice, PyTorch's is taken: the gradient of `relu` and `abs` at 0 is 0,
equal arguments of `maximum` share the gradient, `0 ** 0` is 1 with gradient 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Array
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


# exp(-x) would overflow below these; there the sigmoid is under the smallest normal number anyway.
LOWEST: dict[str, Any] = {"e": np.float16(-11), "f": np.float32(-87), "d": np.float64(-708)}


def _sigmoid(x: Array) -> Array:
    y = np.asarray(np.maximum(x, LOWEST.get(x.dtype.char, -87.0)))
    np.negative(y, y)
    np.exp(y, y)
    y += 1
    return np.reciprocal(y, y)


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, x.dtype.type(0))


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
sigmoid = Primitive("sigmoid", _sigmoid, lambda g, y, x: g * (y * (1 - y)))
softplus = Primitive("softplus", _softplus, lambda g, y, x: g * sigmoid(x))
relu = Primitive("relu", lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0))
sign = Primitive("sign", np.sign, lambda g, y, x: g * 0)
abs = Primitive("abs", np.abs, lambda g, y, x: g * sign(x))
maximum = Primitive(
    "maximum",
    np.maximum,
    lambda g, y, a, b: g * (a > b) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * (b > a) + g * (a == b) * 0.5,
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
    lambda x, low, high: np.clip(x, low, high),
    lambda g, y, x, low, high: g * ((x >= low) & (x <= high)),
)
astype = Primitive("astype", lambda x, dtype: x.astype(dtype), lambda g, y, x, dtype: g.astype(x.dtype))
