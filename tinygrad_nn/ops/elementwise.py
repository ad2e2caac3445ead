"""Elementwise primitives. Each is one line: name, forward rule, then a backward rule for each input.

Where the mathematics leaves a choice, PyTorch's is taken: the gradient of `relu` and `abs` at 0 is 0,
equal arguments of `maximum` share the gradient, `0 ** 0` is 1 with gradient 0. A rule that passes some of
the gradient on selects it; a product with 0 and 1 would make NaN of infinity.
"""

from __future__ import annotations

import math
from contextvars import Context
from typing import Any

import numpy as np

from ..core.constants import ONE, ZERO
from ..core.node import DEFAULT_DTYPE, Array, Value
from ..core.primitive import Primitive, floats
from .axes import common_shape
from .error_function import error_function

__all__ = [
    "abs",
    "add",
    "astype",
    "bounded",
    "clip",
    "cos",
    "div",
    "elu",
    "erf",
    "exp",
    "expm1",
    "gelu",
    "leaky_relu",
    "log",
    "log1p",
    "logaddexp",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "pow",
    "relu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softplus",
    "sqrt",
    "sub",
    "tanh",
    "where",
]


def _power(a: Any, b: Any) -> Any:
    # Products for small powers: NumPy's float32 power is 290 times slower where signs are mixed.
    # Powers of whole numbers and booleans have a dtype that a product does not have.
    if (b.__class__ is int or b.__class__ is float) and a.dtype.kind == "f":
        if b == 2:
            return a * a
        if b == 3:
            return a * a * a
    return np.power(a, b)


def _power_base_vjp(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.__class__ is int or b.__class__ is float:
        return g * (b * a ** (b - 1)) if b else select(g, False)
    if b.dtype.kind != "f":
        b = b.astype(y.dtype)  # bytes would wrap below 0
    # Where the exponent is 0 so is the gradient, whatever base and g are: 1 stands for a base of 0 or NaN.
    a = select(a, (a == a) | (b != 0))
    return select(g, (b != 0) | (g - g == 0)) * (b * (a + ((a == 0) & (b == 0))) ** (b - 1))


# What NumPy does about floating-point errors is part of the context. A copy of this one, where an overflow is
# none, is entered in a fifth of the time that errstate takes, and by any number of threads at once.
_OVERFLOWING = Context()
_OVERFLOWING.run(np.seterr, over="ignore")


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)): far below 0, exp gives infinity, and 1 / infinity is the answer."""
    return _OVERFLOWING.copy().run(_logistic, x if x.__class__ is np.ndarray and x.dtype.kind == "f" else floats(x))


def _logistic(x: Array) -> Any:
    y = np.asarray(np.exp(np.negative(x)))  # an array even of no dimensions, to go on in place
    y += ONE[y.dtype]
    return np.reciprocal(y, out=y)


# The integers of the same size as a floating-point number.
BITS: dict[int, Any] = {2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def _select(x: Any, keep: Any) -> Any:
    """x where `keep` holds, else 0. The bits are multiplied, as integers: 0 times infinity is NaN."""
    bits = BITS.get(x.dtype.itemsize)
    if bits is None:
        return np.where(keep, x, ZERO[x.dtype])
    kept = np.asarray(keep).astype(bits)
    return np.multiply(x.view(bits), kept, kept if kept.shape == x.shape else None).view(x.dtype)


def select(g: Any, keep: Any) -> Any:
    """What the rules call: without the primitive where nothing is recorded."""
    return _select(g, keep) if g.__class__ is np.ndarray else selected(g, keep)


def _clip(x: Array, *, low: float | None, high: float | None) -> Any:
    return x.copy() if low is None and high is None else np.clip(x, low, high)


def _inside(x: Any, low: float | None, high: float | None) -> Any:
    if low is None or high is None:
        return x >= low if low is not None else x <= high if high is not None else x == x
    return (x >= low) & (x <= high)


def _larger(g: Any, a: Any, b: Any) -> Any:
    """The gradient of the larger one for `a`: half of it where they are equal, all where one is NaN."""
    return select(g, ~(a <= b)) + select(g, a == b) * 0.5


def _relu(x: Array) -> Any:
    return np.maximum(x, np.zeros(x.shape, x.dtype))  # with a single zero NumPy takes three times as long


def _leaky(x: Array, *, slope: float) -> Any:
    return np.where(x > 0, x, x * slope)


def _logaddexp(a: Any, b: Any) -> Any:
    return np.logaddexp(floats(a), floats(b))


def _softplus(x: Array) -> Array:
    x = floats(x)
    return np.logaddexp(x, ZERO[x.dtype])


# Its own transpose, so its own backward rule.
selected: Primitive = Primitive(
    "select",
    _select,
    lambda g, y, x, keep: select(g, keep),
    None,
    doc="x where `keep` holds, 0 elsewhere; unlike a product with a mask it lets no infinity through.",
)
add = Primitive(
    "add", np.add, lambda g, y, a, b: g, lambda g, y, a, b: g, reads_values=False, doc="a + b, broadcast (`np.add`)."
)
sub = Primitive(
    "sub",
    np.subtract,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g,
    reads_values=False,
    doc="a - b, broadcast (`np.subtract`).",
)
mul = Primitive(
    "mul", np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, doc="a · b, broadcast (`np.multiply`)."
)
div = Primitive(
    "div",
    np.true_divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -(g * (y / b)),
    doc="a / b, broadcast (`np.true_divide`).",
)
neg = Primitive("neg", np.negative, lambda g, y, x: -g, reads_values=False, doc="-x.")
pow = Primitive(
    "pow",
    _power,
    _power_base_vjp,
    lambda g, y, a, b: g * (y * log(a + ((b >= 0) & (a == 0)).astype(y.dtype))),  # 0, not 0 * -inf, where the base is 0
    doc="a to the power of b, broadcast (`np.power`).",
)
exp = Primitive("exp", np.exp, lambda g, y, x: g * y, doc="e to the power of x.")
log: Primitive = Primitive("log", np.log, lambda g, y, x: g / x, doc="The natural logarithm.")
log1p = Primitive("log1p", np.log1p, lambda g, y, x: g / (1 + x), doc="log(1 + x), exact where x is small.")
expm1 = Primitive("expm1", np.expm1, lambda g, y, x: g * (y + 1), doc="exp(x) - 1, exact where x is small.")
sqrt = Primitive("sqrt", np.sqrt, lambda g, y, x: g / (2 * y), doc="The square root.")
sin = Primitive("sin", np.sin, lambda g, y, x: g * cos(x), doc="The sine of x in radians.")
cos: Primitive = Primitive("cos", np.cos, lambda g, y, x: -(g * sin(x)), doc="The cosine of x in radians.")
tanh = Primitive("tanh", np.tanh, lambda g, y, x: g * (ONE[y.dtype] - y * y), doc="The hyperbolic tangent.")
sigmoid = Primitive(
    "sigmoid", _sigmoid, lambda g, y, x: g * (y * (ONE[y.dtype] - y)), doc="1 / (1 + exp(-x)), without overflow."
)
logaddexp = Primitive(
    "logaddexp",
    _logaddexp,
    lambda g, y, a, b: g * sigmoid(a - b),
    lambda g, y, a, b: g * sigmoid(b - a),
    doc="log(exp(a) + exp(b)), without overflow (`np.logaddexp`).",
)
softplus = Primitive("softplus", _softplus, lambda g, y, x: g * sigmoid(x), doc="log(1 + exp(x)), without overflow.")
relu = Primitive(
    "relu",
    _relu,
    lambda g, y, x: select(g, y != ZERO[y.dtype]),  # y, so that NaN passes
    doc="x where it is positive, else 0 (Nair & Hinton 2010); at 0 the gradient is 0.",
)
leaky = Primitive(
    "leaky_relu",
    _leaky,
    lambda g, y, x, slope=0.01: select(g, x > ZERO[x.dtype]) + select(g * slope, ~(x > ZERO[x.dtype])),
    doc="x where it is positive, else slope · x.",
)
erf = Primitive(
    "erf",
    lambda x: error_function(floats(x)),
    lambda g, y, x: g * (2 / math.sqrt(math.pi)) * exp(-(x * x)),
    doc="The error function, 2/√π times the integral of exp(-t²) from 0 to x.",
)
sign = Primitive("sign", np.sign, lambda g, y, x: select(g, False), doc="-1, 0 or 1; its gradient is 0.")
abs = Primitive("abs", np.abs, lambda g, y, x: g * sign(select(x, x == x)), doc="|x|; at 0 the gradient is 0.")
maximum = Primitive(
    "maximum",
    np.maximum,
    lambda g, y, a, b: _larger(g, a, b),
    lambda g, y, a, b: _larger(g, b, a),
    doc="The larger of a and b, broadcast; equal ones share the gradient.",
)
minimum = Primitive(
    "minimum",
    np.minimum,
    lambda g, y, a, b: _larger(g, b, a),
    lambda g, y, a, b: _larger(g, a, b),
    doc="The smaller of a and b, broadcast; equal ones share the gradient.",
)
where: Primitive = Primitive(
    "where",
    np.where,
    None,
    lambda g, y, c, a, b: select(g, c != 0),
    lambda g, y, c, a, b: select(g, c == 0),
    doc="a where the condition c holds, else b, broadcast (`np.where`).",
)
clip = Primitive(
    "clip",
    _clip,
    lambda g, y, x, low=None, high=None: select(g, _inside(x, low, high)),
    doc="x between the numbers `low` and `high`; None sets no bound. On the bounds the gradient is 1.",
)
astype = Primitive(
    "astype",
    lambda x, *, dtype: x.astype(dtype),
    lambda g, y, x, dtype: g.astype(x.dtype),
    reads_values=False,
    doc="x in another dtype; the gradient comes back in its own.",
)


# --- composed of primitives, without a comparison in between


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where it is positive, else negative_slope · x (Maas et al. 2013)."""
    return leaky(x, slope=negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha · (exp(x) - 1) (Clevert et al. 2016)."""
    # The part below 0 has gradient 1 at 0, where relu has 0.
    return relu(x) + alpha * expm1(clip(x, low=None, high=0))


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


def bounded(x: Any, low: Any = None, high: Any = None) -> Any:
    """x between bounds that are arrays or Tensors, `high` where they cross (`torch.clamp`).

    Where a bound is taken it gets the gradient; on the bounds themselves x does. NaN in any of them gives NaN, to
    which no gradient goes.
    """
    value, lower, upper = (a.data if isinstance(a, Value) else a for a in (x, low, high))
    common_shape(*(np.shape(a) for a in (value, lower, upper) if a is not None))
    if value.dtype.kind != "f":  # whole numbers with a bound that is not one
        floating = [DEFAULT_DTYPE if isinstance(a, float) else a.dtype for a in (lower, upper) if _is_floating(a)]
        if floating:
            return bounded(astype(x, dtype=np.result_type(*floating)), low, high)
    elif not value.ndim and (many := [a.dtype for a in (lower, upper) if _is_floating(a) and np.ndim(a)]):
        wanted = np.result_type(*many)  # x itself is the single one
        if value.dtype != wanted:
            return bounded(astype(x, dtype=wanted), low, high)
    else:  # a bound of integers, or a single one, changes no dtype
        lower, upper = (
            a.astype(value.dtype) if isinstance(a, np.ndarray) and (a.dtype.kind != "f" or not a.ndim) else a
            for a in (lower, upper)
        )
    inside, y = value == value, value
    if lower is not None:
        inside, y = inside & (value >= lower), np.asarray(np.maximum(y, lower))
    if upper is not None:
        inside, y = inside & (value <= upper), np.asarray(np.minimum(y, upper))
    y = where(inside, x, y)
    if low is not None:
        y = where((value < lower) & (True if upper is None else np.less(lower, upper)), low, y)
    if high is not None:
        above = value > upper
        if lower is not None:
            above = (above & np.equal(lower, lower)) | ((value == value) & np.less(upper, lower))
        y = where(above, high, y)
    return y


def _is_floating(bound: Any) -> bool:
    return isinstance(bound, float) or (isinstance(bound, np.ndarray) and bound.dtype.kind == "f")
