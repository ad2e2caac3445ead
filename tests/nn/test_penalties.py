"""Penalties: their value, their gradient, and what they cover."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import nn, optim, tensor


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


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_the_elastic_net_is_the_mixture_of_both(l1_ratio: float) -> None:
    w = nn.Parameter(np.array([[1.0, -2.0], [0.5, 0.0]]))
    penalty = nn.elastic_net_penalty(iter([w]), l1_ratio)
    assert penalty.item() == pytest.approx(l1_ratio * 3.5 + (1 - l1_ratio) * 5.25 / 2, rel=1e-14)
    penalty.backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.data, l1_ratio * np.sign(w.data) + (1 - l1_ratio) * w.data, rtol=1e-14)


def test_a_mixture_is_of_shares() -> None:
    with pytest.raises(ValueError, match=r"l1_ratio must be in \[0, 1\], not 2"):
        nn.elastic_net_penalty([], 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_soft_threshold_by_hand(dtype: type) -> None:
    w = nn.Parameter(np.array([[3.0, -3.0], [1.0, -1.0], [0.25, 0.0], [np.nan, -np.inf]], dtype))
    nn.soft_threshold_([w], 1.0)
    assert w.dtype == dtype
    np.testing.assert_array_equal(w.data, [[2, -2], [0, 0], [0, 0], [np.nan, -np.inf]])
    assert not np.signbit(w.data[1:3]).any()  # +0, nothing else


def test_soft_thresholding_after_gradient_steps_finds_the_lassos_minimum() -> None:
    # 1/2 ‖w - a‖² + λ Σ|w| has its minimum where a is soft-thresholded by λ (ISTA's fixed point).
    a = np.array([[2.0, -0.7, 0.3, -0.1]])
    w = nn.Parameter(np.ones((1, 4)))
    optimizer = optim.SGD([w], lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        (0.5 * ((w - a) * (w - a)).sum()).backward()
        optimizer.step()
        nn.soft_threshold_([w], 0.1 * 0.4)
    np.testing.assert_allclose(w.data, [[1.6, -0.3, 0, 0]], atol=1e-12)
    assert (w.data[0, 2:] == 0).all()


def test_a_graph_from_before_the_threshold_is_refused() -> None:
    w = nn.Parameter(np.array([2.0]))
    y = (w * w).sum()
    nn.soft_threshold_([w], 0.5)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="threshold must be at least 0"):
            nn.soft_threshold_([w], wrong)
