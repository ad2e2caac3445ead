"""Gradient clipping against its formula and against PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn import Tensor
from tinygrad_nn.optim import clip_grad_norm_, clip_grad_value_

SHAPES = [(4, 3), (5,), ()]


def gradients(dtype=np.float64) -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    return [np.asarray(rng.normal(size=shape) * 2, dtype) for shape in SHAPES]


def parameters(grads) -> list[Tensor]:
    params = [Tensor(np.zeros_like(g), requires_grad=True) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = Tensor(g.copy())
    return params


def flat(params) -> np.ndarray:
    return np.concatenate([p.grad.data.ravel() for p in params])


@pytest.mark.parametrize("norm_type", [0.5, 1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.7, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_norm_follows_pytorch(norm_type, max_norm, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    ours = parameters(gradients(dtype))
    theirs = [torch.zeros(g.shape, dtype=getattr(torch, g.dtype.name), requires_grad=True) for g in gradients(dtype)]
    for p, g in zip(theirs, gradients(dtype), strict=True):
        p.grad = torch.from_numpy(g.copy())
    norm = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item()
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    assert norm == pytest.approx(expected, rel=rtol)
    for p, q in zip(ours, theirs, strict=True):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=rtol)


@pytest.mark.parametrize("clip_value", [0.0, 0.5, 100.0])
def test_the_value_follows_pytorch(clip_value):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    ours = parameters(gradients())
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients()]
    for p, g in zip(theirs, gradients(), strict=True):
        p.grad = torch.from_numpy(g.copy())
    clip_grad_value_(ours, clip_value)
    torch.nn.utils.clip_grad_value_(theirs, clip_value)
    for p, q in zip(ours, theirs, strict=True):
        assert np.array_equal(p.grad.data, q.grad.numpy())


def test_a_long_gradient_is_shortened_and_keeps_its_direction():
    params = parameters(gradients())
    before = flat(params)
    norm = clip_grad_norm_(params, 0.5)
    assert norm == pytest.approx(math.sqrt((before**2).sum()), rel=1e-14)
    np.testing.assert_allclose(flat(params), before * 0.5 / (norm + 1e-6), rtol=1e-14)
    assert np.linalg.norm(flat(params)) <= 0.5


@pytest.mark.parametrize("max_norm", [1e3, math.inf])
def test_a_short_gradient_stays_bit_for_bit(max_norm):
    params = parameters(gradients())
    before = flat(params)
    clip_grad_norm_(params, max_norm)
    assert np.array_equal(flat(params), before)


def test_values_beyond_the_limit_are_set_to_it():
    (p,) = params = parameters([np.array([-3.0, -0.5, 0.0, 0.2, 7.0, math.inf, math.nan])])
    clip_grad_value_(params, 0.5)
    np.testing.assert_array_equal(p.grad.data, [-0.5, -0.5, 0.0, 0.2, 0.5, 0.5, math.nan])


def test_one_tensor_or_a_generator_will_do():
    p = parameters([np.array([3.0, 4.0])])[0]
    assert clip_grad_norm_(p, 10.0) == 5.0
    assert clip_grad_norm_((q for q in [p]), 1.0) == 5.0
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8], rtol=1e-6)
    clip_grad_value_(p, 0.7)
    np.testing.assert_allclose(p.grad.data, [0.6, 0.7], rtol=1e-6)


def test_parameters_without_a_gradient_are_passed_over():
    bare = Tensor(np.ones(3), requires_grad=True)
    assert clip_grad_norm_([bare], 1.0) == 0.0
    assert clip_grad_norm_([], 1.0) == 0.0
    clip_grad_value_([bare], 1.0)
    assert bare.grad is None
    assert clip_grad_norm_([bare, *parameters([np.array([3.0, 4.0])])], 1.0) == 5.0


def test_a_parameter_without_elements_adds_nothing():
    params = parameters([np.empty((0, 3)), np.array([3.0, -4.0])])
    assert clip_grad_norm_(params, 1.0, math.inf) == 4.0
    assert params[0].grad.shape == (0, 3)


def test_a_parameter_that_is_given_twice_counts_once():
    (p,) = parameters([np.array([3.0, 4.0])])
    assert clip_grad_norm_([p, p], 1.0) == 5.0
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8], rtol=1e-6)


def test_squares_beyond_float32_are_no_trouble():
    (p,) = params = parameters([np.array([3e30, 4e30], np.float32)])
    assert clip_grad_norm_(params, 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, 1e200])
@pytest.mark.parametrize("norm_type", [2.0, math.inf])
def test_a_norm_that_is_not_finite_follows_pytorch(bad, norm_type):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    (p,) = params = parameters([np.array([1.0, bad])])
    q = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    q.grad = torch.tensor([1.0, bad], dtype=torch.float64)
    norm = clip_grad_norm_(params, 1.0, norm_type)
    expected = torch.nn.utils.clip_grad_norm_([q], 1.0, norm_type).item()
    np.testing.assert_array_equal(norm, expected)
    np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)


def test_an_infinite_limit_only_measures():
    (p,) = params = parameters([np.array([1.0, math.inf])])
    assert clip_grad_norm_(params, math.inf) == math.inf
    assert np.array_equal(p.grad.data, [1.0, math.inf])


@pytest.mark.parametrize("clip", [lambda p: clip_grad_norm_(p, 0.1), lambda p: clip_grad_value_(p, 0.1)])
def test_backward_through_a_clipped_gradient_is_refused(clip):
    w = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    (w**3).sum().backward(create_graph=True)
    penalty = (w.grad * w.grad).sum()
    clip(w)
    with pytest.raises(RuntimeError, match="changed in place"):
        penalty.backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: clip_grad_norm_(p, -1.0), "max_norm must be at least 0, not -1.0"),
        (lambda p: clip_grad_norm_(p, math.nan), "max_norm must be at least 0, not nan"),
        (lambda p: clip_grad_norm_(p, 1.0, 0.0), "norm_type must be more than 0, not 0.0"),
        (lambda p: clip_grad_value_(p, -0.5), "clip_value must be at least 0, not -0.5"),
        (lambda p: clip_grad_value_(p, math.nan), "clip_value must be at least 0, not nan"),
    ],
)
def test_a_wrong_limit_is_refused_and_changes_nothing(call, message):
    params = parameters(gradients())
    before = flat(params)
    with pytest.raises(ValueError, match=message):
        call(params)
    assert np.array_equal(flat(params), before)
