"""Making tensors, as NumPy and PyTorch make them."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_nn as tn


@pytest.mark.parametrize("make", [tn.zeros, tn.ones, tn.rand, tn.randn], ids=lambda f: f.__name__)
def test_a_shape_is_given_as_numbers_or_as_a_tuple(make):
    def made(*shape, **options):
        if make in (tn.rand, tn.randn):
            options["rng"] = np.random.default_rng(0)
        return make(*shape, **options)

    for shape in ((2, 3), (4,), ()):
        assert made(*shape).shape == made(shape).shape == shape
        assert made(*shape).data.tolist() == made(shape).data.tolist()
    assert made(2).dtype == np.float32
    assert not made(2).requires_grad
    assert made([2, 3], dtype=np.float64, requires_grad=True).dtype == np.float64
    assert made(2, requires_grad=True).requires_grad


def test_values():
    rng = np.random.default_rng(1)
    assert tn.zeros(2).tolist() == [0, 0]
    assert tn.ones(2).tolist() == [1, 1]
    assert tn.full((2, 1), 2.5).tolist() == [[2.5], [2.5]]
    assert tn.full((2,), 7, dtype=np.int64).dtype == np.int64
    assert tn.eye(2).tolist() == [[1, 0], [0, 1]]
    assert tn.full((1,), 2).dtype == tn.eye(1).dtype == np.float32
    assert tn.full((1,), 1.0, requires_grad=True).requires_grad
    assert tn.eye(1, requires_grad=True).requires_grad
    uniform, normal = tn.rand(10_000, rng=rng).data, tn.randn(10_000, rng=rng).data
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05


def test_ranges_of_integers_are_integers():
    assert tn.arange(3).tolist() == [0, 1, 2]
    assert tn.arange(3).dtype.kind == "i"
    assert tn.arange(1, 2, 0.25).tolist() == [1, 1.25, 1.5, 1.75]
    assert tn.arange(1, 2, 0.25).dtype == np.float32
    assert tn.arange(2, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("like", [tn.zeros_like, tn.ones_like], ids=lambda f: f.__name__)
def test_like_another_but_without_its_gradient(like):
    number = float(like is tn.ones_like)
    x = tn.full((2, 3), 5.0, dtype=np.float64, requires_grad=True)
    for made in (like(x), like(x.data), getattr(np, like.__name__)(x)):
        assert isinstance(made, tn.Tensor)
        assert made.dtype == np.float64
        assert made.tolist() == [[number] * 3] * 2
        assert not made.requires_grad
    assert like(tn.tensor([1, 2])).dtype.kind == "i"
    assert like(x, dtype=np.float32).dtype == np.float32
    assert like(x, requires_grad=True).requires_grad
