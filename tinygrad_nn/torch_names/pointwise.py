"""PyTorch's names for what is done to each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..core.node import DEFAULT_DTYPE, Array, as_array
from ..core.primitive import plain
from ..ops import Primitive
from ..ops.axes import common_shape
from ..tensors import Operand, Tensor, wrap


def add(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha · other."""
    result: Tensor = ops.add(input, scaled(other, alpha, input))
    return result


def sub(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha · other."""
    result: Tensor = ops.sub(input, scaled(other, alpha, input))
    return result


def scaled(other: Operand, alpha: float, beside: Tensor) -> Any:
    """alpha · other, the second operand of a sum with `beside`, and as exact as that."""
    if alpha == 1:
        return other
    if isinstance(other, Tensor) and other.dtype.kind == "b" and beside.dtype.kind in "biu":
        return other.astype(beside.dtype) * (bool(alpha) if beside.dtype.kind == "b" else alpha)
    if isinstance(other, Tensor) and "f" in (other.dtype.kind, beside.dtype.kind):
        other = other.astype(floating(beside, other))
    return ops.mul(other, alpha)


def floating(*operands: Tensor) -> np.dtype[Any]:
    """The floating-point dtype of what is computed of several: a single number gives way, whole numbers do."""
    dtypes = [x.dtype for x in operands if x.dtype.kind == "f" and x.ndim]
    dtypes = dtypes or [x.dtype for x in operands if x.dtype.kind == "f"]
    return np.result_type(*dtypes) if dtypes else DEFAULT_DTYPE


def mul(input: Tensor, other: Operand) -> Tensor:
    """input · other."""
    return input * other


def div(input: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, as it is, rounded down ("floor") or towards 0 ("trunc")."""
    if rounding_mode is None:
        return input / other
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise ValueError(f"rounding_mode is None, 'floor' or 'trunc', not {rounding_mode!r}")
    _refuse_zero(other, input, other)
    quotient: Tensor = trunc_divided(*_inputs(input, other))
    return _level(quotient, input, other)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """The largest whole number not above input / other; its gradient is 0."""
    _refuse_zero(other, input, other)
    quotient: Tensor = floor_divided(*_inputs(input, other))
    return _level(quotient, input, other)


def remainder(input: Operand, other: Operand) -> Tensor:
    """What division leaves, with the sign of the divisor, as in Python."""
    return _rest(remainder_of, floor_divided, input, other)


def fmod(input: Operand, other: Operand) -> Tensor:
    """What division leaves, with the sign of the dividend."""
    return _rest(fmod_of, trunc_divided, input, other)


# The values, exact as NumPy has them. No gradient goes through these: it is added by what uses them.
remainder_of = Primitive("remainder", np.remainder, None, None)
fmod_of = Primitive("fmod", np.fmod, None, None)
floor_divided = Primitive("floor_divide", np.floor_divide, None, None)
trunc_divided = Primitive("div", lambda a, b: _toward_0(np.true_divide(a, b), a, b), None, None)


def _toward_0(quotient: Any, a: Any, b: Any) -> Any:
    whole = np.result_type(a, b).kind in "iu"
    return np.trunc(quotient).astype(np.result_type(a, b)) if whole else np.trunc(quotient)


def _inputs(*operands: Any) -> list[Any]:
    """Outside the graph, and whole numbers in the dtype of the result where that is floating."""
    values = [x.data if isinstance(x, Tensor) else plain(x, operands) for x in operands]
    floats = [x.dtype for x in values if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    dtype = np.result_type(*floats) if floats else DEFAULT_DTYPE if any(isinstance(x, float) for x in values) else None
    return [
        Tensor(x if dtype is None or x.dtype.kind == "f" else x.astype(dtype)) if isinstance(x, np.ndarray) else x
        for x in values
    ]


def _rest(value_of: Primitive, quotient_of: Primitive, input: Operand, other: Operand) -> Tensor:
    """input - quotient · other, exactly: the gradient is 1 for the dividend and -quotient for the divisor."""
    _refuse_zero(other, input, other)
    a, b = _inputs(input, other)
    y: Tensor = value_of(a, b)
    if isinstance(input, Tensor) and input.requires_grad:
        y = y + (input - a)  # 0, with gradient 1
    if isinstance(other, Tensor) and other.requires_grad:
        y = y - quotient_of(a, b) * ops.where(np.isinf(b.data), 0, other - b)
    return y


def _refuse_zero(divisor: Any, *operands: Any) -> None:
    """Whole numbers have no infinity to say that something was divided by 0."""
    whole = all(isinstance(x, int) or getattr(x, "dtype", np.dtype(float)).kind in "iub" for x in operands)
    if whole and not np.all(divisor.data if isinstance(divisor, Tensor) else divisor):
        raise ZeroDivisionError("whole numbers are divided by 0")


def _level(values: Any, *operands: Any) -> Tensor:
    """Values that do not change where their operands do a little: the gradient for these is 0, as in PyTorch."""
    y = values if isinstance(values, Tensor) else wrap(np.asarray(values), None)
    for x in operands:
        if isinstance(x, Tensor) and x.requires_grad:
            y = ops.where(False, x, y)
    return y


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input to the power of exponent; one of them may be a number."""
    result: Tensor = ops.pow(input, exponent)
    return result


def neg(input: Tensor) -> Tensor:
    """-input."""
    return -input


def square(input: Tensor) -> Tensor:
    """input²."""
    return input**2


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""
    return 1 / input.sqrt()


def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return 1 / input


def floor(input: Tensor) -> Tensor:
    """The largest whole number not above; its gradient is 0, as for the three below."""
    return _rounded(np.floor, input)


def ceil(input: Tensor) -> Tensor:
    """The smallest whole number not below."""
    return _rounded(np.ceil, input)


def trunc(input: Tensor) -> Tensor:
    """The whole number next to it towards 0."""
    return _rounded(np.trunc, input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, or the nearest with so many decimals; of two the even one."""
    return _rounded(lambda x: np.round(x, decimals), input)


def _rounded(function: Any, input: Tensor) -> Tensor:
    return _level(function(input.data) if input.dtype.kind == "f" else input.data.copy(), input)


def frac(input: Tensor) -> Tensor:
    """What is left of `trunc`."""
    return input - trunc(input)


def sinh(input: Tensor) -> Tensor:
    """(exp(x) - exp(-x)) / 2, exact near 0 and without overflow before its own."""
    grown, shrunk = (input * 0.5).expm1(), (input * -0.5).expm1()
    return (0.5 * grown) * (grown + 2) - (0.5 * shrunk) * (shrunk + 2)


def cosh(input: Tensor) -> Tensor:
    """(exp(x) + exp(-x)) / 2, without overflow before its own."""
    grown, shrunk = (input * 0.5).exp(), (input * -0.5).exp()
    return (0.5 * grown) * grown + (0.5 * shrunk) * shrunk


def tan(input: Tensor) -> Tensor:
    """sin(x) / cos(x)."""
    return input.sin() / input.cos()


def log2(input: Tensor) -> Tensor:
    """The logarithm to the base of 2."""
    return input.log() / math.log(2)


def log10(input: Tensor) -> Tensor:
    """The logarithm to the base of 10."""
    return input.log() / math.log(10)


def exp2(input: Tensor) -> Tensor:
    """2 to the power of input."""
    result: Tensor = ops.pow(2.0, input)
    return result


def erf(input: Tensor) -> Tensor:
    """The error function, 2 / sqrt(π) · ∫ exp(-t²) from 0 to x."""
    result: Tensor = ops.erf(input)
    return result


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    result: Tensor = ops.logaddexp(input, other)
    return result


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Bounded from below, from above, or both: `clip`."""
    if min is None and max is None:
        raise ValueError("clamp takes at least one of min and max")
    return input.clip(min, max)


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Bounded from below."""
    return input.clip(min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Bounded from above."""
    return input.clip(max=max)


# --- comparison and logic: booleans, outside the graph


def eq(input: Tensor, other: Operand) -> Tensor:
    """Where they are equal."""
    return input == other


def ne(input: Tensor, other: Operand) -> Tensor:
    """Where they differ."""
    return input != other


def lt(input: Tensor, other: Operand) -> Tensor:
    """Where input is less."""
    return input < other


def le(input: Tensor, other: Operand) -> Tensor:
    """Where input is less or equal."""
    return input <= other


def gt(input: Tensor, other: Operand) -> Tensor:
    """Where input is greater."""
    return input > other


def ge(input: Tensor, other: Operand) -> Tensor:
    """Where input is greater or equal."""
    return input >= other


def isnan(input: Tensor) -> Tensor:
    """Where there is NaN."""
    return wrap(np.asarray(np.isnan(input.data)), None)


def isinf(input: Tensor) -> Tensor:
    """Where there is infinity, of either sign."""
    return wrap(np.asarray(np.isinf(input.data)), None)


def isfinite(input: Tensor) -> Tensor:
    """Where there is neither NaN nor infinity."""
    return wrap(np.asarray(np.isfinite(input.data)), None)


def logical_and(input: Tensor, other: Tensor | Array) -> Tensor:
    """Where neither is 0."""
    return _logical(np.logical_and, input, other)


def logical_or(input: Tensor, other: Tensor | Array) -> Tensor:
    """Where not both are 0."""
    return _logical(np.logical_or, input, other)


def logical_xor(input: Tensor, other: Tensor | Array) -> Tensor:
    """Where one of them is 0 and the other is not."""
    return _logical(np.logical_xor, input, other)


def _logical(function: Any, input: Tensor, other: Tensor | Array) -> Tensor:
    theirs = as_array(other)
    common_shape(input.shape, theirs.shape)
    return wrap(np.asarray(function(input.data, theirs)), None)


def logical_not(input: Tensor) -> Tensor:
    """Where there is 0."""
    return wrap(np.asarray(np.logical_not(input.data)), None)
