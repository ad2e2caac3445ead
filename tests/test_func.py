from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import Tensor, hessian, hvp, jacobian, jvp, no_grad, ops, value_and_grad, vjp


def draw(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(size=shape))


def function(x: Tensor, y: Tensor) -> Tensor:
    return (x.tanh() @ y).exp() + x.sum()


def scalar(x: Tensor) -> Tensor:
    return (x**3 * x.sin().sum()).sum()


def test_jacobian_by_hand():
    x = Tensor(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(jacobian(lambda x: x * x, x).data, np.diag([2.0, 4.0, 6.0]))
    assert jacobian(lambda x: (x * x).sum(), x).shape == (3,)
    assert not x.requires_grad
    assert x.grad is None


def test_all_agree_with_each_other_and_with_finite_differences():
    x, y = draw(2, 3), draw(3, seed=1)
    jx, jy = jacobian(function, (x, y))
    assert jx.shape == (2, 2, 3)
    assert jy.shape == (2, 3)
    v, (dx, dy) = draw(2, seed=2), (draw(2, 3, seed=3), draw(3, seed=4))
    output, (vx, vy) = vjp(function, (x, y), v)
    np.testing.assert_allclose(output.data, function(x, y).data)
    np.testing.assert_allclose(vx.data, np.einsum("i,ijk->jk", v.data, jx.data))
    np.testing.assert_allclose(vy.data, v.data @ jy.data)
    _, product = jvp(function, (x, y), (dx, dy))
    np.testing.assert_allclose(product.data, np.einsum("ijk,jk->i", jx.data, dx.data) + jy.data @ dy.data)
    h = 1e-6
    above, below = (function(x + s * dx, y + s * dy).data for s in (h, -h))
    np.testing.assert_allclose(product.data, (above - below) / (2 * h), rtol=1e-7)


def test_hessian_and_its_products():
    x, v = draw(2, 2), draw(2, 2, seed=1)
    full = hessian(scalar, x)
    assert full.shape == (2, 2, 2, 2)
    flat = full.data.reshape(4, 4)
    np.testing.assert_allclose(flat, flat.T, atol=1e-12)
    output, product = hvp(scalar, x, v)
    np.testing.assert_allclose(output.data, scalar(x).data)
    np.testing.assert_allclose(product.data.ravel(), flat @ v.data.ravel())


def test_value_and_grad():
    value, gradient = value_and_grad(scalar)(draw(3))
    assert value.item() == pytest.approx(scalar(draw(3)).item())
    np.testing.assert_allclose(gradient.data, jacobian(scalar, draw(3)).data)
    _, gradients = value_and_grad(lambda x, y: (x * y).sum())(draw(3), draw(3, seed=1))
    np.testing.assert_allclose(gradients[0].data, draw(3, seed=1).data)


def test_what_does_not_depend_on_the_input_has_derivative_zero():
    x = draw(3)
    constant = Tensor(np.ones(2))
    assert not jacobian(lambda x: constant, x).data.any()
    assert not jvp(lambda x: constant, x, x)[1].data.any()
    assert not vjp(lambda x: constant, x, constant)[1].data.any()
    assert not hessian(lambda x: x.sum(), x).data.any()
    assert not hvp(lambda x: x.sum(), x, x)[1].data.any()
    assert not jvp(lambda x: ops.where(x, 1.0, 2.0), x, x)[1].data.any()  # recorded, with no gradient for x


def test_jacobian_can_be_differentiated_again():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    jacobian(lambda x: x**3, x, create_graph=True).sum().backward()
    np.testing.assert_allclose(x.grad.data, 6 * x.data)


def test_they_work_where_recording_is_off():
    with no_grad():
        np.testing.assert_allclose(jacobian(lambda x: x * x, Tensor(np.array([3.0]))).data, [[6.0]])


def test_mistakes_are_named():
    x = draw(3)
    with pytest.raises(ValueError, match="v has shape"):
        jvp(scalar, x, np.ones(2))
    with pytest.raises(ValueError, match="v needs a part for each of the 2 inputs"):
        jvp(function, (draw(2, 3), draw(3)), [np.ones(3)])
    with pytest.raises(TypeError, match="must return a Tensor, not float"):
        vjp(lambda x: 1.0, x)


def test_against_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    F = torch.autograd.functional
    x, y, v, d = draw(2, 3), draw(3, seed=1), draw(2, seed=2), draw(3, seed=5)
    tx, ty, tv, td = (torch.tensor(t.data) for t in (x, y, v, d))

    def tf(x, y):
        return (torch.tanh(x) @ y).exp() + x.sum()

    def ts(x):
        return (x**3 * x.sin().sum()).sum()

    for ours, theirs in [
        *zip(jacobian(function, (x, y)), F.jacobian(tf, (tx, ty)), strict=True),
        *zip(vjp(function, (x, y), v)[1], F.vjp(tf, (tx, ty), tv)[1], strict=True),
        (jvp(function, (x, y), (x, y))[1], F.jvp(tf, (tx, ty), (tx, ty))[1]),
        (hessian(scalar, d), F.hessian(ts, td)),
        (hvp(scalar, d, y)[1], F.hvp(ts, td, ty)[1]),
    ]:
        np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-10)
