"""erf against math.erf, over all magnitudes, and what it does at the ends of the numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, ops
from tinygrad_nn.ops.error_function import BLOCK, error_function

Array = np.ndarray[Any, Any]


def exact(x: Array) -> Array:
    return np.array([math.erf(float(v)) for v in x.ravel()]).reshape(x.shape)


def numbers(dtype: Any, smallest: float) -> Array:
    """Of every power of two some, where erf bends many, and their negatives."""
    powers = np.logspace(math.log2(smallest), 4, 5000, base=2.0)
    both = np.concatenate([powers, np.linspace(0, 7, 20001)]).astype(dtype)
    return np.concatenate([both, -both])


def test_float64_is_exact_to_the_last_bits() -> None:
    x = numbers(np.float64, 1e-300)
    found, wanted = error_function(x), exact(x)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-15)
    np.testing.assert_array_max_ulp(found, wanted, 4)


def test_float32_is_exact_to_1e_7() -> None:
    x = numbers(np.float32, 1e-37)
    found, wanted = error_function(x), exact(x)
    assert np.abs(found - wanted).max() < 1.5e-7
    assert (np.abs(found - wanted) <= 3e-7 * np.abs(wanted)).all()


def test_float16_is_rounded_once() -> None:
    x = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    x = x[np.isfinite(x)]
    np.testing.assert_array_max_ulp(error_function(x), exact(x).astype(np.float16), 1)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_it_is_odd_and_keeps_zeros_infinities_and_nan(dtype: str) -> None:
    x = np.array([0.0, 0.25, 1.0, 3.0, 5.5, 9.0, np.finfo(dtype).max, np.inf, np.finfo(dtype).tiny], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, z = error_function(x), error_function(-x)
        assert np.isnan(error_function(np.array([np.nan, 1.0], dtype))).tolist() == [True, False]
    assert y.dtype == dtype
    assert (y == -z).all()
    assert np.signbit(z).all()
    assert not np.signbit(y).any()
    assert y[0] == 0
    assert y[5:8].tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_smallest_numbers_are_not_lost(dtype: str) -> None:
    least = np.finfo(dtype).smallest_subnormal
    x = np.array([least, 10 * least, 1000 * least], dtype)
    np.testing.assert_array_max_ulp(error_function(x), (2 / math.sqrt(math.pi) * x.astype("f8")).astype(dtype), 1)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", [0, 1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_an_element_does_not_depend_on_the_others(size: int, dtype: str) -> None:
    x = np.linspace(-4, 4, size).astype(dtype)
    before = x.copy()
    y = error_function(x)
    assert (x == before).all()
    for part in (slice(0, 3), slice(size // 2, size // 2 + 3), slice(max(size - 3, 0), size)):
        np.testing.assert_array_max_ulp(y[part], exact(x[part]).astype(dtype), 4)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_any_shape_and_any_layout(dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(dtype)
    wanted = error_function(x)
    for view in (lambda a: a.T, lambda a: a[::-1, ::2], lambda a: a[:, 1], lambda a: np.broadcast_to(a[:1], (3, 6))):
        np.testing.assert_array_equal(error_function(view(x)), view(wanted))
    assert error_function(np.zeros((3, 0), dtype)).shape == (3, 0)
    single = error_function(np.array(1.0, dtype))
    assert single.shape == ()
    assert single == pytest.approx(math.erf(1), rel=3e-7)
    assert error_function(x.astype(x.dtype.newbyteorder())).tolist() == wanted.tolist()


@pytest.mark.parametrize("dtype", ["i8", "u1", "?"])
def test_of_whole_numbers_it_is_float32(dtype: str) -> None:
    y = ops.erf(Tensor(np.array([0, 1], dtype)))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, [0, math.erf(1)], rtol=3e-7)
