"""What is composed of primitives, against NumPy, PyTorch and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, ops
from tinygrad_nn.testing import gradcheck, gradgradcheck


def draw(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


UNARY = {
    "leaky_relu": lambda F, x: F.leaky_relu(x, 0.1),
    "elu": lambda F, x: F.elu(x, 1.0),
    "silu": lambda F, x: F.silu(x),
    "gelu": lambda F, x: F.gelu(x),
    "gelu tanh": lambda F, x: F.gelu(x, approximate="tanh"),
    "softplus": lambda F, x: F.softplus(x),
}


@pytest.mark.parametrize("name", UNARY)
def test_activations_follow_pytorch_at_0_too(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    values = np.array([-30.0, -1.5, -1e-3, 0.0, 1e-3, 0.7, 30.0])
    x, t = Tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    y, u = UNARY[name](ops, x), UNARY[name](torch.nn.functional, t)
    np.testing.assert_allclose(y.data, u.detach().numpy(), rtol=1e-12, atol=1e-13)
    (g,) = grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    np.testing.assert_allclose(g.data, h.detach().numpy(), rtol=1e-10, atol=1e-12)


CHECKED = {
    "leaky_relu": (lambda x: ops.leaky_relu(x), (3, 4)),
    "elu": (lambda x: ops.elu(x, 0.7), (3, 4)),
    "silu": (ops.silu, (3, 4)),
    "gelu": (ops.gelu, (3, 4)),
    "gelu tanh": (lambda x: ops.gelu(x, approximate="tanh"), (3, 4)),
    "var": (lambda x: x.var(axis=1), (3, 4)),
    "std": (lambda x: x.std(axis=(0, 2), correction=0, keepdims=True), (3, 2, 2)),
    "norm": (lambda x: x.norm(axis=0), (3, 4)),
    "mean": (lambda x: x.mean(axis=(0, 1)), (2, 3, 2)),
    "min": (lambda x: x.min(axis=1), (3, 4)),
    "max with indices": (lambda x: x.max(1).values, (3, 4)),
    "norm of other powers": (lambda x: x.norm(3, 0) + x.norm(0.5, 0) + x.norm(-1, 0), (3, 4)),
    "minimum": (lambda x: ops.minimum(x, 0.1), (3, 4)),
    "flatten": (lambda x: x.flatten(1, 2), (2, 3, 2, 2)),
    "flatten a scalar": (lambda x: x.flatten(), ()),
    "squeeze": (lambda x: x.squeeze(1), (2, 1, 3)),
    "unsqueeze": (lambda x: x.unsqueeze(-1), (2, 3)),
    "swapaxes": (lambda x: x.swapaxes(0, -1), (2, 3, 2)),
    "stack": (lambda x: ops.stack([x, 2 * x], axis=1), (2, 3)),
    "split": (lambda x: ops.concatenate(x.split(2, axis=1)[::-1], axis=1), (2, 5)),
    "pad": (lambda x: ops.pad(x, ((1, 0), (0, 2))), (2, 3)),
    "vector @ matrix": (lambda x: x[0] @ x.T, (2, 3)),
    "matrix @ vector": (lambda x: x @ x[0], (2, 3)),
    "vector @ vector": (lambda x: x[0] @ x[1], (2, 3)),
    "batch @ matrix": (lambda x: x @ x[0].T, (2, 3, 4)),
    "batch @ batch": (lambda x: x @ x.mT, (2, 3, 2)),
    "cross_entropy": (lambda x: ops.cross_entropy(x, [1, 0, 3]), (3, 4)),
    "bce": (lambda x: ops.binary_cross_entropy_with_logits(x, [[0.25, 1.0], [0.0, 0.5]]), (2, 2)),
    "linear on many axes": (lambda x: ops.linear(x, x[0], x[0, :, 0]), (2, 3, 4)),
    "einsum with dots": (lambda x: ops.einsum("...ij,kj->...ik", x, x[0]), (2, 3, 2)),
    "einsum over an axis of length 1": (lambda x: ops.einsum("ij,ij->j", x[:1], x), (2, 3)),
    "einsum without output": (lambda x: ops.einsum("ij,jk", x, x.T), (2, 3)),
    "conv2d": (lambda x: ops.conv2d(x, x[:1, :, :2, :3], x[0, 0, 0, :1], stride=(1, 2), padding=1), (2, 2, 4, 5)),
    "conv1d": (lambda x: ops.conv1d(x, x[:1, :, :3], x[0, 0, :1], stride=2, padding=1), (2, 2, 5)),
    "max_pool2d": (lambda x: ops.max_pool2d(x, 2, stride=1), (1, 2, 3, 4)),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 2, padding=1, count_include_pad=False), (1, 2, 3, 4)),
}


@pytest.mark.parametrize("name", CHECKED)
def test_derivatives(name):
    function, shape = CHECKED[name]
    gradcheck(function, draw(*shape))
    gradgradcheck(function, draw(*shape))


FORMULAS = {
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    "leaky_relu by default": (ops.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x)),
    "elu": (lambda x: ops.elu(x, 0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
    "elu by default": (ops.elu, lambda x: np.where(x > 0, x, np.expm1(x))),
    "silu": (ops.silu, lambda x: x / (1 + np.exp(-x))),
    "softplus": (ops.softplus, lambda x: np.log1p(np.exp(x))),
    "clip": (lambda x: ops.clip(x, low=-0.5, high=0.5), lambda x: np.minimum(np.maximum(x, -0.5), 0.5)),
    "clip from below": (lambda x: ops.clip(x, low=0.1, high=None), lambda x: np.maximum(x, 0.1)),
    "clip from above": (lambda x: ops.clip(x, low=None, high=0.1), lambda x: np.minimum(x, 0.1)),
    "relu": (ops.relu, lambda x: (x + np.abs(x)) / 2),
    "flatten": (ops.flatten, np.ravel),
    "flatten from the second axis": (lambda x: ops.flatten(x, 1), lambda x: x.reshape(2, 12)),
    "flatten to the second last": (lambda x: ops.flatten(x, 0, -2), lambda x: x.reshape(6, 4)),
    "flatten from the second last": (lambda x: ops.flatten(x, -2), lambda x: x.reshape(2, 12)),
    "flatten a number": (lambda x: ops.flatten(x[0, 0, :1].reshape(())), lambda x: x[0, 0, :1]),
    "squeeze": (lambda x: ops.squeeze(x[:1, :, :1]), lambda x: x[0, :, 0]),
    "squeeze one axis": (lambda x: ops.squeeze(x[:1, :, :1], -1), lambda x: x[:1, :, 0]),
    "squeeze an axis of 3": (lambda x: ops.squeeze(x, 1), lambda x: x),
    "squeeze a number": (lambda x: ops.squeeze(x[0, 0, :1].reshape(()), 0), lambda x: x[0, 0, :1].reshape(())),
    "unsqueeze first": (lambda x: ops.unsqueeze(x, 0), lambda x: x[None]),
    "unsqueeze last": (lambda x: ops.unsqueeze(x, 3), lambda x: x[..., None]),
    "unsqueeze from the end": (lambda x: ops.unsqueeze(x, -2), lambda x: x[:, :, None]),
    "unsqueeze furthest from the end": (lambda x: ops.unsqueeze(x, -4), lambda x: x[None]),
    "swapaxes": (lambda x: ops.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, 2)),
    "concatenate": (lambda x: ops.concatenate([x, x[:1]]), lambda x: np.concatenate([x, x[:1]])),
    "concatenate elsewhere": (lambda x: ops.concatenate([x, x], -2), lambda x: np.concatenate([x, x], 1)),
    "stack": (lambda x: ops.stack([x, 2 * x]), lambda x: np.stack([x, 2 * x])),
    "stack last": (lambda x: ops.stack([x, 2 * x], -1), lambda x: np.stack([x, 2 * x], -1)),
    "stack of lists": (lambda x: ops.stack([x[0, 0], [1, 2, 3, 4]]), lambda x: np.stack([x[0, 0], [1, 2, 3, 4]])),
    "split": (lambda x: ops.split(x, 1)[1], lambda x: x[1:]),
    "split with a rest": (lambda x: ops.split(x, 3, axis=-1)[1], lambda x: x[..., 3:]),
    "split in parts": (lambda x: ops.split(x, [1, 0, 2], axis=1)[2], lambda x: x[:, 1:]),
    "split in no parts": (lambda x: ops.split(x, [0, 3], axis=1)[0], lambda x: x[:, :0]),
    "split nothing": (lambda x: ops.split(x[:0], 2)[0], lambda x: x[:0]),
    "pad": (lambda x: ops.pad(x, ((1, 0), (0, 2), (3, 4))), lambda x: np.pad(x, ((1, 0), (0, 2), (3, 4)))),
    "mean": (lambda x: ops.mean(x, (0, 2), True), lambda x: x.mean((0, 2), keepdims=True)),
    "mean by default": (ops.mean, np.mean),
    "var by default": (ops.var, lambda x: x.var(ddof=1)),
    "std by default": (ops.std, lambda x: x.std(ddof=1)),
    "norm by default": (ops.norm, lambda x: np.sqrt((x * x).sum())),
    "mean of nothing": (lambda x: ops.mean(x[..., :0], 0), lambda x: np.zeros((3, 0))),
    "var of nothing": (lambda x: ops.var(x[..., :0], 0), lambda x: np.zeros((3, 0))),
    "einsum without output": (lambda x: ops.einsum("kj,ij", x[0], x[1]), lambda x: x[1] @ x[0].T),
    "einsum to the letters' order": (lambda x: ops.einsum("bca", x), lambda x: x.transpose(2, 0, 1)),
    "einsum to nothing": (lambda x: ops.einsum("ij,ij", x[0], x[1]), lambda x: (x[0] * x[1]).sum().reshape(())),
    "einsum with dots first": (lambda x: ops.einsum("...j,kj", x, x[0]), lambda x: x @ x[0].T),
    "einsum with dots of two lengths": (lambda x: ops.einsum("...j,...j", x, x[0]), lambda x: (x * x[0]).sum(-1)),
    "einsum with spaces": (lambda x: ops.einsum(" aij, akj -> aik ", x, x), lambda x: x @ x.swapaxes(1, 2)),
    "einsum with dots": (lambda x: ops.einsum("...ab,cb->...ac", x, x[0]), lambda x: x @ x[0].T),
    "batch @ matrix": (lambda x: ops.matmul(x, x[0].T), lambda x: x @ x[0].T),
    "linear": (lambda x: ops.linear(x, x[0], x[0, :, 0]), lambda x: x @ x[0].T + x[0, :, 0]),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_formula_on_tensors_and_on_arrays(name):
    ours, formula = FORMULAS[name]
    x = draw(2, 3, 4).data.round(1)
    assert (x == 0).any()
    for given in (Tensor(x), x):
        result = ours(given)
        assert isinstance(result, Tensor) is (given is not x)
        wanted = formula(x)
        assert result.shape == wanted.shape
        np.testing.assert_allclose(result.data if isinstance(result, Tensor) else result, wanted, rtol=1e-12)


@pytest.mark.parametrize("bias", [None, np.array([10.0, 20.0])])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((2, 1), (0, 2))])
def test_conv2d_and_max_pool2d_go_window_by_window(stride, padding, bias):
    x, w = draw(2, 3, 5, 6).data, draw(2, 3, 2, 3, seed=1).data
    (down, right), (rows, columns) = np.broadcast_to(stride, 2), np.broadcast_to(padding, 2)
    padded = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    height, width = (padded.shape[2] - 2) // down + 1, (padded.shape[3] - 3) // right + 1
    convolved, largest = np.zeros((2, 2, height, width)), np.zeros((2, 3, height, width))
    for i, j in np.ndindex(height, width):
        window = padded[:, :, i * down : i * down + 2, j * right : j * right + 3]
        convolved[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + (0 if bias is None else bias)
        largest[:, :, i, j] = window.max(axis=(2, 3))
    y = ops.conv2d(Tensor(x), Tensor(w), None if bias is None else Tensor(bias), stride, padding)
    np.testing.assert_allclose(y.data, convolved, rtol=1e-10)
    np.testing.assert_array_equal(ops.max_pool2d(Tensor(padded), (2, 3), stride).data, largest)
    plain = ops.conv2d(Tensor(padded), Tensor(w))
    assert plain.shape == (2, 2, padded.shape[2] - 1, padded.shape[3] - 2)
    np.testing.assert_allclose(
        plain.data[:, :, ::down, ::right] + (0 if bias is None else bias.reshape(-1, 1, 1)), y.data
    )
    assert isinstance(ops.max_pool2d(padded, [2, 3], stride), np.ndarray)
    np.testing.assert_array_equal(ops.max_pool2d(padded[0, 0], (2, 3), stride), largest[0, 0])
    halves = ops.max_pool2d(Tensor(x[..., :4, :]), 2).data
    np.testing.assert_array_equal(halves, x[..., :4, :].reshape(2, 3, 2, 2, 3, 2).max(axis=(3, 5)))


@pytest.mark.parametrize(
    ("size", "padding"), [((4, 5), 0), ((6, 7), 1), ((6, 5), (1, 0)), ((8, 5), (2, 0)), ((4, 11), (0, 3))]
)
def test_a_window_as_large_as_the_image_fits_and_a_larger_one_is_refused(size, padding):
    x = Tensor(np.ones((1, 1, 4, 5)))
    assert ops.conv2d(x, Tensor(np.ones((1, 1, *size))), padding=padding).data.tolist() == [[[[20]]]]
    for larger in ((size[0] + 1, size[1]), (size[0], size[1] + 1)):
        with pytest.raises(ValueError, match=r"does not fit into an image of shape \(1, 1, 4, 5\) with padding"):
            ops.conv2d(x, Tensor(np.ones((1, 1, *larger))), padding=padding)
    for larger in ((5, 5), (4, 6)):
        with pytest.raises(ValueError, match="does not fit into an image"):
            ops.max_pool2d(x, larger)


@pytest.mark.parametrize("stride", [1, 2, (2, 1)])
@pytest.mark.parametrize("padding", [0, 1, (0, 2)])
def test_conv2d_and_max_pool2d_follow_pytorch(stride, padding):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    F = torch.nn.functional
    x, w, b = draw(2, 3, 6, 7), draw(4, 3, 3, 2, seed=1), draw(4, seed=2)
    tx, tw, tb = (torch.tensor(t.data, requires_grad=True) for t in (x, w, b))
    y = ops.max_pool2d(ops.conv2d(x, w, b, stride, padding).relu(), 2)
    u = F.max_pool2d(F.conv2d(tx, tw, tb, stride, padding).relu(), 2)
    np.testing.assert_allclose(y.data, u.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = np.random.default_rng(3).normal(size=y.shape)
    y.backward(weights)
    u.backward(torch.tensor(weights))
    for ours, theirs in ((x, tx), (w, tw), (b, tb)):
        np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_of_equal_elements_in_a_window_the_first_gets_the_gradient():
    x = Tensor(np.zeros((1, 1, 2, 2)), requires_grad=True)
    ops.max_pool2d(x, 2).sum().backward()
    assert x.grad.data.ravel().tolist() == [1, 0, 0, 0]


def test_reductions_agree_with_numpy():
    x = draw(3, 4).data
    for axis in (None, 0, -1, (0, 1)):
        np.testing.assert_allclose(Tensor(x).var(axis).data, x.var(axis, ddof=1))
        np.testing.assert_allclose(Tensor(x).std(axis, correction=0, keepdims=True).data, x.std(axis, keepdims=True))
        np.testing.assert_allclose(Tensor(x).norm(axis=axis).data, np.sqrt((x * x).sum(axis)))
        np.testing.assert_allclose(Tensor(x).logsumexp(axis).data, np.log(np.exp(x).sum(axis)))


def test_gelu_is_x_times_the_normal_distribution_and_tanh_is_near_it():
    x = np.linspace(-4, 4, 33)
    exact = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x]
    np.testing.assert_allclose(ops.gelu(Tensor(x)).data, exact, rtol=1e-12)
    np.testing.assert_allclose(ops.gelu(Tensor(x), "tanh").data, exact, atol=5e-4)


def test_losses_are_the_means_that_they_say():
    x, target = draw(3, 4).data, [1, 0, 3]
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    assert ops.cross_entropy(Tensor(x), target).item() == pytest.approx(-np.log(p[[0, 1, 2], target]).mean())
    t, s = np.linspace(0, 1, 12).reshape(3, 4), 1 / (1 + np.exp(-x))
    wanted = -(t * np.log(s) + (1 - t) * np.log(1 - s)).mean()
    assert ops.binary_cross_entropy_with_logits(Tensor(x), t).item() == pytest.approx(wanted)


@pytest.mark.parametrize("a", [(3,), (4, 3), (2, 4, 3), (5, 1, 4, 3), (0, 4, 3), (2, 0, 3)])
@pytest.mark.parametrize("b", [(3,), (3, 4), (2, 3, 4), (5, 1, 3, 2), (3, 0)])
def test_matmul_of_any_ranks_is_numpys(a, b):
    x, y = draw(*a).data, draw(*b, seed=1).data
    try:
        wanted = np.matmul(x, y)
    except ValueError:
        with pytest.raises(ValueError, match=r"^matmul of"):
            Tensor(x) @ Tensor(y)
        return
    product = Tensor(x) @ Tensor(y)
    assert product.shape == wanted.shape
    np.testing.assert_allclose(product.data, wanted, rtol=1e-12)


def test_linear_of_nothing_is_the_bias():
    for shape in ((2, 3, 0), (2, 0), (0,), (0, 3, 0)):
        y = ops.linear(Tensor(np.ones(shape)), Tensor(np.ones((2, 0))), Tensor(np.array([5.0, 6.0])))
        np.testing.assert_array_equal(y.data, np.broadcast_to([5.0, 6.0], (*shape[:-1], 2)))


@pytest.mark.parametrize("dtypes", [("f4", "f4", "f4"), ("f4", "f4", "f8"), ("f4", "f8", "f4"), ("f8", "f8", "f4")])
def test_linear_promotes_as_its_formula_does(dtypes):
    values = (draw(2, 3), draw(4, 3, seed=1), draw(4, seed=2))
    x, w, b = (Tensor(v.data.astype(dtype), requires_grad=True) for v, dtype in zip(values, dtypes, strict=True))
    np.testing.assert_allclose(ops.linear(x, w).data, x.data @ w.data.T, rtol=1e-6)
    y, formula = ops.linear(x, w, b), x @ w.T + b
    assert y.dtype == formula.dtype
    np.testing.assert_allclose(y.data, formula.data, rtol=1e-6)
    y.sum().backward()
    assert [t.grad.dtype for t in (x, w, b)] == [t.dtype for t in (x, w, b)]


@pytest.mark.parametrize("shape", [(5,), (1,), (), (1, 5), (4, 1), (4, 5)])
def test_a_bias_of_linear_is_broadcast_as_its_formula_does(shape):
    x, weight, bias = draw(4, 3), draw(5, 3, seed=1), draw(*shape, seed=2)
    weights = np.random.default_rng(3).normal(size=(4, 5))
    wanted = grad(((x @ weight.T + bias) * weights).sum(), (x, weight, bias))
    given = grad((ops.linear(x, weight, bias) * weights).sum(), (x, weight, bias))
    for a, b in zip(given, wanted, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 32, 33, 100])
def test_cross_entropy_of_few_classes_and_of_many(classes):
    rng = np.random.default_rng(classes)
    logits, target = draw(7, classes), rng.integers(0, classes, 7)
    e = np.exp(logits.data)
    p, true = e / e.sum(1, keepdims=True), np.eye(classes)[target]
    loss = ops.cross_entropy(logits, target)
    loss.backward()
    np.testing.assert_allclose(loss.data, -np.log(p[true == 1]).mean(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(logits.grad.data, (p - true) / 7, atol=1e-15)


@pytest.mark.parametrize("shape", [(3, 40), (40, 3), (2, 40, 3), (5,), (40,)])
@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_log_softmax_along_any_axis(shape, dtype):
    x = np.random.default_rng(0).normal(0, 3, shape).astype(dtype)
    rtol, atol = (1e-12, 1e-14) if dtype == "float64" else (1e-5, 1e-6)
    for axis in range(-len(shape), len(shape)):
        e = np.exp(x)
        wanted = np.log(e / e.sum(axis, keepdims=True))
        np.testing.assert_allclose(ops.log_softmax(Tensor(x), axis=axis).data, wanted, rtol, atol)
        np.testing.assert_allclose(np.exp(wanted), ops.softmax(Tensor(x + 1000), axis=axis).data, max(rtol, 1e-9))
        far = ops.log_softmax(Tensor(x + 1000), axis=axis).data  # where exp alone overflows
        np.testing.assert_allclose(far, wanted, max(rtol, 1e-9), max(atol, 1e-11))


def test_where_the_root_is_0_so_is_its_gradient():
    for function in (lambda x: x.norm(), lambda x: x.std(), lambda x: x.std(correction=0)):
        x = Tensor(np.zeros(3), requires_grad=True)
        root = function(x)
        root.backward()
        assert root.item() == 0
        assert x.grad.data.tolist() == [0, 0, 0]


def test_logsumexp_at_the_ends():
    with np.errstate(all="raise"):
        x = Tensor(np.array([[-np.inf, -np.inf], [-np.inf, 3.0], [1000.0, 1000.0]]), requires_grad=True)
        y = x.logsumexp(axis=1)
        y.sum().backward()
    np.testing.assert_allclose(y.data, [-np.inf, 3.0, 1000 + np.log(2)])
    np.testing.assert_allclose(x.grad.data, [[0, 0], [0, 1], [0.5, 0.5]])


def test_one_hot():
    assert ops.one_hot([2, 0], 3).data.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert ops.one_hot(Tensor(np.array([[1]])), 2).shape == (1, 1, 2)
    assert ops.one_hot(np.zeros((0, 3), int), 2).shape == (0, 3, 2)
    assert isinstance(ops.one_hot([1], 2), Tensor)
    assert ops.one_hot([1], 2).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: ops.einsum("ii->i", x), ValueError, "takes the diagonal .ii. of shape"),
        (lambda x: ops.einsum("ij,jk", x), ValueError, "is about 2 operands, there are 1"),
        (lambda x: ops.one_hot([3], 3), ValueError, "not all classes from 0 to 2"),
        (lambda x: ops.one_hot([0.5], 3), TypeError, "needs integers"),
        (lambda x: ops.pad(x, ((1, 1),)), ValueError, "a pair of numbers"),
        (lambda x: ops.pad(x, ((1, -1), (0, 0))), ValueError, "from 0 up"),
        (lambda x: ops.pad(x, ((1, 1), (0, 0), (0, 0))), ValueError, "each of the 2 axes"),
        (lambda x: x.split([1, 1]), ValueError, "do not add up"),
        (lambda x: x.split(0), ValueError, "at least 1"),
        (lambda x: x.unsqueeze(3), ValueError, r"out of range for shape \(3, 4\) and a new axis"),
        (lambda x: x.unsqueeze(-4), ValueError, r"out of range for shape \(3, 4\) and a new axis"),
        (lambda x: ops.gelu(x, "best"), ValueError, "'none' or 'tanh'"),
        (lambda x: ops.conv2d(x, x), ValueError, "conv2d needs x"),
        (lambda x: ops.conv2d(Tensor(np.ones((1, 3, 4, 4))), x), ValueError, "conv2d needs x"),
        (lambda x: ops.conv2d(x, Tensor(np.ones((1, 4, 1, 1)))), ValueError, "conv2d needs x"),
        (
            lambda x: ops.conv2d(Tensor(np.ones((1, 3, 4, 4))), Tensor(np.ones((1, 2, 1, 1)))),
            ValueError,
            "conv2d needs",
        ),
        (lambda x: ops.max_pool2d(x, 9), ValueError, "does not fit"),
        (lambda x: ops.max_pool2d(x[0], 1), ValueError, "does not fit"),
        (lambda x: ops.max_pool2d(x, (1, 1, 1)), ValueError, "a number or a pair"),
        (lambda x: ops.conv2d(Tensor(np.ones((1, 3, 4, 4))), Tensor(np.ones((1, 3, 1)))), ValueError, "conv2d needs"),
        (lambda x: ops.max_pool2d(x, 0), ValueError, "from 1 up"),
        (lambda x: x @ 2.0, ValueError, "at least 1 dimension"),
        (lambda x: x @ Tensor(2.0), ValueError, "at least 1 dimension"),
        (lambda x: Tensor(2.0) @ x, ValueError, "at least 1 dimension"),
        (lambda x: x @ x, ValueError, r"matmul of \(3, 4\) and \(3, 4\): the inner lengths 4 and 3 differ"),
        (lambda x: x @ x[0, :3], ValueError, r"matmul of \(3, 4\) and \(3,\): the inner lengths 4 and 3 differ"),
        (lambda x: x[0] @ x[0, :3], ValueError, r"matmul of \(4,\) and \(3,\): the inner lengths 4 and 3 differ"),
        (lambda x: x.unsqueeze(0) @ x, ValueError, r"matmul of \(1, 3, 4\) and \(3, 4\): the inner"),
        (lambda x: ops.linear(x.unsqueeze(0), x.T), ValueError, r"linear of \(1, 3, 4\) and \(4, 3\): the last axes"),
        (lambda x: ops.linear(x[0, 0], x), ValueError, r"linear of \(\) and \(3, 4\): the last axes"),
        (lambda x: x + np.ones(5), ValueError, r"add of \(3, 4\) and \(5,\)"),
        (lambda x: x * Tensor(np.ones(5)), ValueError, r"mul of \(3, 4\) and \(5,\)"),
        (lambda x: x.reshape(5, 5), ValueError, r"reshape of \(3, 4\), shape=\(5, 5\)"),
        (lambda x: x.sum(axis=7), ValueError, r"axis 7 is out of range for shape \(3, 4\)"),
        (lambda x: x[9], IndexError, r"getitem of \(3, 4\)"),
        (lambda x: ops.cross_entropy(x, [0, 1, 9]), ValueError, "target 9 is not a class"),
        (lambda x: ops.cross_entropy(x, [0, 1, -1]), ValueError, "target -1 is not a class"),
        (lambda x: ops.cross_entropy(x, [0, 1]), ValueError, "not .3, 4. and .2,."),
        (lambda x: ops.cross_entropy(x, [0.0, 1.0, 2.0]), TypeError, "class indices, integers"),
        (lambda x: ops.binary_cross_entropy_with_logits(x[:, 0], x[:, :1]), ValueError, "must have the same shape"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(draw(3, 4))
