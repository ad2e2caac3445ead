"""Penalties: their value, their gradient, and what they cover."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import nn, tensor


def test_l1_is_the_sum_of_absolute_values_with_the_sign_as_gradient() -> None:
    a, b = nn.Parameter([[1.0, -2.0], [0.0, 3.0]]), nn.Parameter([-4.0])
    penalty = nn.l1_penalty([a, b])
    assert penalty.item() == 10
    assert penalty.shape == ()
    penalty.backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.data.tolist() == [[1, -1], [0, 1]]
    assert b.grad.data.tolist() == [-1]


def test_l2_is_half_the_sum_of_squares_with_the_weight_as_gradient() -> None:
    a, b = nn.Parameter([[1.0, -2.0]]), nn.Parameter([3.0])
    penalty = nn.l2_penalty([a, b])
    assert penalty.item() == 7
    assert penalty.shape == ()
    penalty.backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.data.tolist() == [[1, -2]]
    assert b.grad.data.tolist() == [3]


@pytest.mark.parametrize("penalty", [nn.l1_penalty, nn.l2_penalty])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_costs_nothing_and_the_dtype_stays(penalty: type, dtype: type) -> None:
    assert penalty([]).item() == 0
    assert penalty([tensor(np.ones((2, 2), dtype))]).dtype == dtype


def test_weights_are_the_matrices_each_once() -> None:
    shared = nn.Linear(2, 2)
    first = nn.Linear(3, 2)
    net = nn.Sequential(first, nn.Tanh(), shared, shared)
    assert [id(w) for w in nn.weights(net)] == [id(first.weight), id(shared.weight)]
