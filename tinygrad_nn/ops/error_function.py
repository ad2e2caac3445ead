"""The error function, 2/√π ∫ exp(-t²) dt from 0 to x, on arrays: NumPy has none."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ..core.node import Array

BLOCK = 1 << 15  # elements that are worked on at once, so that what lies in between stays in the cache

# float32: erf(x) = tanh(x + x P(x²) / Q(x²)), and NumPy's tanh is quick. P / Q is the rational function nearest to
# atanh(erf(x)) / x - 1 for |x| < 3.5, by a minimax fit in float64 that keeps erf within 4e-9 of its value (relative).
# Further out tanh does the rest; at 5 it is 1 in float32. All coefficients are positive: nothing cancels.
P = [np.float32(c) for c in (0.128379166, 0.122914270, 0.0189566705, 0.00185337861)]
Q = [np.float32(c) for c in (1, 0.156892732, 0.0236901175, 0.000324929947)]
FLAT = 5.0

STEPS, END, TERMS = 256, 6, 6  # float64: places a unit, where erf is 1, and the terms of each series


def error_function(x: Array) -> Array:
    """erf of each element: float32 and float16 to 1e-7, everything else to the last bit but one of float64."""
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    work = np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    flat = np.ascontiguousarray(x, work).reshape(-1)
    out = np.empty(flat.shape, work)
    (_in_float32 if work.itemsize == 4 else _in_float64)(flat, out)
    return out.reshape(x.shape).astype(dtype, copy=False)


def _in_float32(x: Array, out: Array) -> None:
    low, high, z, p, q = np.empty((5, min(BLOCK, len(x))), x.dtype)
    low.fill(-FLAT)
    high.fill(FLAT)
    for start in range(0, len(x), BLOCK):
        y = out[start : start + BLOCK]
        if len(y) < len(z):
            low, high, z, p, q = (part[: len(y)] for part in (low, high, z, p, q))
        np.minimum(x[start : start + BLOCK], high, out=y)  # arrays: with one number NumPy takes four times as long
        np.maximum(y, low, out=y)
        np.multiply(y, y, out=z)
        for polynomial, coefficients in ((p, P), (q, Q)):
            np.multiply(z, coefficients[-1], out=polynomial)
            for c in coefficients[-2:0:-1]:
                np.add(polynomial, c, out=polynomial)
                np.multiply(polynomial, z, out=polynomial)
            np.add(polynomial, coefficients[0], out=polynomial)
        np.divide(p, q, out=p)
        np.multiply(p, y, out=p)
        np.add(y, p, out=y)
        np.tanh(y, out=y)


@lru_cache(maxsize=1)
def _series() -> Array:
    """Taylor's series of erf around 0, 1/256, ... 6: a row for each power.

    The terms follow from erf' = 2/√π exp(-x²) and erf'' = -2x erf'.
    """
    x = np.arange(END * STEPS + 1) / STEPS
    a = [np.array([math.erf(v) for v in x]), np.array([2 / math.sqrt(math.pi) * math.exp(-v * v) for v in x])]
    for n in range(TERMS - 2):
        a.append(-2 * (x * (n + 1) * a[n + 1] + n * a[n]) / ((n + 1) * (n + 2)))
    return np.array(a)


def _in_float64(x: Array, out: Array) -> None:
    """The series around the nearest of those places."""
    series = _series()
    distance, r, term = np.empty((3, min(BLOCK, len(x))), x.dtype)
    place = np.empty(len(r), np.intp)
    for start in range(0, len(x), BLOCK):
        part, y = x[start : start + BLOCK], out[start : start + BLOCK]
        if len(y) < len(r):
            distance, r, term, place = (v[: len(y)] for v in (distance, r, term, place))
        np.abs(part, out=distance)
        np.minimum(distance, END, out=distance)
        np.fmin(distance, END, out=r)  # the place of NaN is any: its distance stays NaN
        np.multiply(r, STEPS, out=r)
        np.rint(r, out=r)
        np.copyto(place, r, casting="unsafe")
        np.multiply(r, 1 / STEPS, out=r)
        np.subtract(distance, r, out=distance)
        np.take(series[-1], place, out=y, mode="clip")  # none is out of range, but to check costs a copy
        for coefficients in series[-2::-1]:
            np.multiply(y, distance, out=y)
            np.take(coefficients, place, out=term, mode="clip")
            np.add(y, term, out=y)
        np.copysign(y, part, out=y)
