from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from tinygrad_nn import Tensor, ops, tensor
from tinygrad_nn.nn import Parameter
from tinygrad_nn.ops.elementwise import _OVERFLOWING


def test_dtypes_are_kept_or_float32():
    assert Tensor([1.0, 2.0]).dtype == np.float32
    assert Tensor(1.5).dtype == np.float32
    assert Tensor(np.ones(2)).dtype == np.float64
    assert Tensor(np.float64(1)).dtype == np.float64
    assert Tensor([1, 2]).dtype.kind == "i"
    assert Tensor([True]).dtype == bool
    assert Tensor([1.0], dtype=np.float64).dtype == np.float64
    with pytest.raises(TypeError, match="real numbers or booleans, not complex128"):
        Tensor([1j])


def test_an_array_is_shared_and_tensor_copies():
    a = np.ones(3)
    assert np.shares_memory(Tensor(a).data, a)
    assert not np.shares_memory(tensor(a).data, a)
    assert Tensor(Tensor(a)).data is a


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "other", [2, 2.5, True, np.float64(2), np.float32(2), np.int64(3), np.array([2]), np.array([True])]
)
def test_scalars_and_integers_never_change_a_dtype(dtype, other):
    x = Tensor(np.ones(3, dtype), requires_grad=True)
    for y in (x + other, other + x, x * other, other * x, x - other, other - x, x / other, other / x):
        assert isinstance(y, Tensor)
        assert y.dtype == dtype
        y.sum().backward()
        assert x.grad.dtype == dtype
        x.grad = None


def test_integer_arithmetic_stays_integer_and_division_is_float32():
    x = Tensor([1, 2])
    assert (x + 1).dtype.kind == "i"
    assert (x / 2).dtype == np.float32
    assert x.mean().dtype == np.float32


def test_what_a_tensor_says_of_itself():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    assert (x.shape, x.ndim, x.size, len(x), x.is_leaf) == ((2, 3), 2, 6, 2, True)
    assert [row.shape for row in x] == [(3,), (3,)]
    y = x.sum()
    assert not y.is_leaf
    assert float(y) == y.item() == 6
    assert int(y) == 6
    assert bool(y)
    for wrong, error in ((lambda: len(y), TypeError), (lambda: bool(x), ValueError), (lambda: x.item(), ValueError)):
        with pytest.raises(error):
            wrong()
    with pytest.raises(ValueError, match="mT needs at least 2"):
        Tensor([1.0]).mT  # noqa: B018


def test_repr():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "tensor([1., 2.], shape=(2,), dtype=float32, requires_grad=True)"
    assert repr((x * 2).detach()) == "tensor([2., 4.], shape=(2,), dtype=float32)"
    assert repr(x * 2).endswith("made by mul)")
    assert len(repr(Tensor(np.zeros(10_000)))) < 200


def test_a_number_is_formatted_as_one():
    loss = Tensor(1.25, requires_grad=True)
    assert f"{loss:.1f}" == "1.2"
    assert f"{Tensor(3):>4d}" == "   3"
    assert f"{loss}" == repr(loss)
    with pytest.raises(TypeError, match=r"formatted by '.2f', this one has shape \(2,\)"):
        f"{Tensor([1.0, 2.0]):.2f}"


def test_tolist():
    assert Tensor([[1.0, 2.0]], requires_grad=True).tolist() == [[1, 2]]
    assert Tensor(3).tolist() == 3


def test_comparisons_and_logic_are_boolean_and_outside_the_graph():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for y, wanted in [
        (x == 2, [False, True, False]),
        (x != 2, [True, False, True]),
        (x < 2, [True, False, False]),
        (x <= 2, [True, True, False]),
        (x > 2, [False, False, True]),
        (x >= Tensor(2.0), [False, True, True]),
        ((x > 1) & (x < 3), [False, True, False]),
        ((x < 2) | (x > 2), [True, False, True]),
        (~(x > 1), [True, False, False]),
    ]:
        assert y.data.tolist() == wanted
        assert not y.requires_grad
    assert (x > 0).all()
    assert (x > 2).any()
    assert x.argmax().item() == 2
    assert x.argmin().item() == 0
    assert hash(x) == hash(x)
    assert {x: 1}[x] == 1


def test_only_floating_point_asks_for_gradients():
    for wrong in ([1, 2], [True]):
        with pytest.raises(TypeError, match=r"only floating-point tensors can require gradients, this one is .*astype"):
            Tensor(wrong, requires_grad=True)
    x = Tensor([1.0])
    x.requires_grad = True
    assert x.requires_grad
    before = x.node
    assert x.requires_grad_().node is before
    x.requires_grad_(False)
    assert not x.requires_grad
    y = Tensor([1.0], requires_grad=True) * 2
    assert y.requires_grad_() is y
    with pytest.raises(RuntimeError, match=r"made by mul.*use \.detach\(\)"):
        y.requires_grad_(False)


def test_methods_are_the_functions_of_the_same_name():
    values = np.array([[0.25, 0.5], [0.75, 0.125]])
    x = Tensor(values)
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "abs", "sign"):
        np.testing.assert_allclose(getattr(x, name)().data, getattr(np, name)(values))
    np.testing.assert_allclose(x.sigmoid().data, 1 / (1 + np.exp(-values)))
    np.testing.assert_allclose(x.softplus().data, np.log1p(np.exp(values)))
    np.testing.assert_allclose((x - 0.5).relu().data, np.maximum(values - 0.5, 0))
    np.testing.assert_allclose(x.clip(0.2, 0.6).data, values.clip(0.2, 0.6))
    np.testing.assert_allclose(x.clip(max=0.3).data, np.minimum(values, 0.3))
    np.testing.assert_allclose(x.clip(min=0.3).data, np.maximum(values, 0.3))
    assert not np.shares_memory(x.clip().data, values)
    np.testing.assert_allclose(x.softmax().data.sum(axis=-1), 1)
    np.testing.assert_allclose(x.log_softmax(axis=0).exp().data.sum(axis=0), 1)
    for name, option in {"leaky_relu": 0.3, "elu": 0.5, "gelu": "tanh"}.items():
        assert getattr(-x, name)().data.tolist() == getattr(ops, name)(-x).data.tolist()
        assert getattr(-x, name)(option).data.tolist() == getattr(ops, name)(-x, option).data.tolist()
    np.testing.assert_allclose(x.silu().data, values / (1 + np.exp(-values)))
    np.testing.assert_allclose(x.maximum(0.3).data, np.maximum(values, 0.3))
    np.testing.assert_allclose(x.minimum(x.T).data, np.minimum(values, values.T))
    np.testing.assert_allclose(x.where(values > 0.3, 7).data, np.where(values > 0.3, values, 7))
    np.testing.assert_allclose(x.matmul(x).data, values @ values)
    assert x.reshape(4).shape == x.reshape((4,)).shape == x.flatten().shape == (4,)
    assert x.transpose(1, 0).data.tolist() == x.T.data.tolist() == values.T.tolist()
    np.testing.assert_allclose((+x).data, values)
    np.testing.assert_allclose(abs(-x).data, values)
    np.testing.assert_allclose((2**x).data, 2**values)
    np.testing.assert_allclose((values @ x).data, values @ values)
    np.testing.assert_allclose((values.tolist() @ x).data, values @ values)
    assert x.broadcast_to((3, 2, 2)).shape == (3, 2, 2)
    assert x.astype(np.float32).dtype == np.float32
    assert not Tensor([1.5], requires_grad=True).astype(int).requires_grad


def test_sigmoid_is_exact_in_the_tails_without_a_warning():
    with np.errstate(all="raise", under="ignore"):
        y = Tensor(np.array([-1000.0, -100.0, 0.0, 40.0, 1000.0])).sigmoid()
        z = Tensor(np.array([-1000.0, -80.0, 1000.0], np.float32)).sigmoid()
    np.testing.assert_allclose(y.data, [0, np.exp(-100), 0.5, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(z.data, [0, np.exp(-80.0), 1], rtol=1e-6)
    assert Tensor(3).sigmoid().dtype == np.float32
    assert np.geterr()["over"] == "warn"  # the user's setting stands


def test_sigmoid_may_be_interrupted_by_another_one():
    """By a signal's handler, say, or in another thread."""
    x = Tensor(np.array([-1000.0, 0.0]))
    assert _OVERFLOWING.run(x.sigmoid).data.tolist() == [0, 0.5]


def test_indices_may_be_tensors_and_lists():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert x[Tensor([1, 0]), [0, 2]].data.tolist() == [3, 2]
    assert x[x > 2].data.tolist() == [3, 4, 5]
    assert x[..., None, 1].shape == (2, 1)


def test_no_reference_cycles():
    gc.collect()
    gc.disable()
    try:
        x = Tensor(np.ones((3, 3)), requires_grad=True)
        hidden = (x @ x).tanh()
        watched = [weakref.ref(a) for a in (x, hidden, hidden.data, hidden.node)]
        loss = hidden.sum()
        loss.backward()
        del x, hidden, loss
        assert [w() for w in watched] == [None] * 4
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_parameter_is_a_tensor_and_its_results_are_plain():
    p = Parameter(np.ones(2))
    assert type(p * 2) is Tensor
    assert p.requires_grad


def test_lists_beside_a_tensor_are_numbers_without_a_dtype_of_their_own():
    x = Tensor([1.0, 2.0])
    for y in (x * [0.5, 2.0], [0.5, 2.0] - x, x / [[1, 2]], x @ [[1.0], [2.0]], ops.maximum(x, [1.5, 1.5])):
        assert y.dtype == np.float32
    for y in (ops.where(x > 1, [0.5, 2.0], x), ops.where([True, False], x, [0.5, 2.0]), ops.where(x > 1, [1, 2], x)):
        assert y.dtype == np.float32
    assert (Tensor(np.ones(2, np.float16)) * [0.5, 2.0]).dtype == np.float16


def test_bounds_change_no_dtype():
    assert Tensor([1, 7]).clip(max=5).dtype == Tensor([1, 7]).dtype
    assert Tensor([1, 7]).clip(max=5).data.tolist() == [1, 5]
    for dtype in (np.float16, np.float32, np.float64):
        assert Tensor(np.ones(2, dtype)).clip(np.float64(0), np.float64(2)).dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float32, bool])
def test_the_smallest_of_any_dtype(dtype):
    x = np.array([0, 1, np.iinfo(dtype).min if np.dtype(dtype).kind in "iu" else 1]).astype(dtype)
    assert Tensor(x).min().item() == x.min()
    y = ops.minimum(Tensor(x), Tensor(x[::-1].copy()))
    assert y.data.tolist() == np.minimum(x, x[::-1]).tolist()
    assert y.dtype == dtype


def test_nothing_is_selected_by_an_empty_list():
    assert Tensor([1.0, 2.0])[[]].shape == (0,)
    assert Tensor(np.ones((2, 3)))[:, []].shape == (2, 0)


@pytest.mark.parametrize(("shape", "wanted"), [((1, 1), (3,)), ((1,), ()), ((2,), (3,)), ((1,), (-1,))])
def test_broadcast_to_refuses_what_numpy_refuses(shape, wanted):
    with pytest.raises(ValueError, match="broadcast_to of "):
        Tensor(np.ones(shape)).broadcast_to(wanted)


def test_a_refusal_of_numpy_names_the_operation_and_the_shapes():
    whole = Tensor(np.ones((2, 3), int))
    for call in (lambda: ops.linear(whole, whole, Tensor(np.ones(5))), lambda: -Tensor([True])):
        with pytest.raises((TypeError, ValueError), match=r"^(linear|neg) of \("):
            call()


def test_two_axes_are_transposed_and_all_are_permuted():
    x = np.arange(24.0).reshape(2, 3, 4)
    t = Tensor(x)
    assert (t.transpose(-2, -1).data == x.swapaxes(1, 2)).all()
    assert (t.transpose(dim0=0, dim1=2).data == x.swapaxes(0, 2)).all()
    for y in (t.permute(2, 0, 1), t.permute((2, 0, 1)), t.permute([2, -3, 1])):
        assert (y.data == x.transpose(2, 0, 1)).all()
    assert (t.T.data == x.T).all()
    assert (t.mT.data == x.swapaxes(1, 2)).all()
    square = Tensor(x[0, :, :3])
    assert (square.transpose(-2, -1).data == x[0, :, :3].T).all()
    for wrong in (lambda: t.transpose(), lambda: t.transpose(2, 0, 1), lambda: t.transpose((1, 0, 2))):
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_along_dim_come_with_their_indices_and_along_axis_alone(name):
    x = np.array([[1.0, 3.0, 3.0], [5.0, 0.0, 0.0]])
    t = Tensor(x, requires_grad=True)
    for pair in (getattr(t, name)(1), getattr(t, name)(dim=1), getattr(t, name)(-1, keepdim=False)):
        values, indices = pair
        assert values.data.tolist() == getattr(x, name)(axis=1).tolist()
        assert indices.data.tolist() == getattr(x, f"arg{name}")(axis=1).tolist()
        assert (pair.values, pair.indices) == (values, indices)
        assert not indices.requires_grad
    values.sum().backward()
    assert t.grad.data.tolist() == ([[0, 1, 0], [1, 0, 0]] if name == "max" else [[1, 0, 0], [0, 1, 0]])
    assert getattr(t, name)(0, True).values.shape == getattr(t, name)(0, keepdim=True).indices.shape == (1, 3)
    assert getattr(t, name)(axis=1).data.tolist() == getattr(x, name)(axis=1).tolist()
    assert getattr(t, name)(axis=1, keepdims=True).shape == (2, 1)
    assert getattr(t, name)().item() == getattr(x, name)()
    other = Tensor([2.0, 2.0, 4.0])
    for y in (getattr(t, name)(other), getattr(t, name)(other=other), getattr(t, name)(other.data)):
        assert y.data.tolist() == getattr(np, f"{name}imum")(x, other.data).tolist()
    with pytest.raises(TypeError, match="goes along one axis, not \\(0, 1\\)"):
        getattr(t, name)((0, 1))
    with pytest.raises(TypeError, match="goes with dim="):
        getattr(t, name)(keepdim=True)
    with pytest.raises(TypeError, match="has no axis"):
        getattr(t, name)(other, axis=0)
    with pytest.raises(ValueError, match=r"of shape \(0, 3\) along axis 0: of no elements"):
        getattr(Tensor(np.ones((0, 3))), name)(0)
    assert getattr(Tensor(np.ones((0, 3))), name)(1).values.shape == (0,)


@pytest.mark.parametrize("combine", [lambda x, p: x - p, lambda x, p: p + x, lambda x, p: x == p, lambda x, p: x < p])
def test_tensors_in_a_tuple_or_a_list_are_no_operand(combine):
    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(TypeError, match=r"not values with their indices: take \.values"):
        combine(x, x.max(0))
    for made in (tuple, list):
        with pytest.raises(TypeError, match=f"not a {made.__name__} of 2 with Tensors in it: join them by stack"):
            combine(x, made([Tensor(1.0), Tensor(2.0)]))
    assert (x - x.max(0).values).data.tolist() == [[-2, -2], [0, 0]]


NORMS = {
    "fro": lambda x: np.sqrt((x * x).sum(0)),
    None: lambda x: np.sqrt((x * x).sum(0)),
    0: lambda x: (x != 0).sum(0),
    0.5: lambda x: np.sqrt(np.abs(x)).sum(0) ** 2,
    1: lambda x: np.abs(x).sum(0),
    1.5: lambda x: (np.abs(x) ** 1.5).sum(0) ** (1 / 1.5),
    2: lambda x: np.sqrt((x * x).sum(0)),
    3: lambda x: (np.abs(x) ** 3).sum(0) ** (1 / 3),
    -1: lambda x: 1 / (1 / np.abs(x)).sum(0),
    np.inf: lambda x: np.abs(x).max(0),
    -np.inf: lambda x: np.abs(x).min(0),
}


@pytest.mark.parametrize("p", NORMS)
def test_the_first_argument_of_norm_is_its_order(p):
    x = np.array([[3.0, -1.0, 2.0], [-4.0, 0.5, 8.0]])
    t = Tensor(x, requires_grad=True)
    for y in (t.norm(p, 0), t.norm(p=p, axis=0), t.norm(p, dim=0), t.norm(p, 0, True).squeeze(0)):
        np.testing.assert_allclose(y.data, NORMS[p](x), rtol=1e-12)
    assert t.norm(p).item() == pytest.approx(NORMS[p](x.ravel()))
    y.sum().backward()
    steps = [x + s * e for e in np.eye(6).reshape(6, 2, 3) for s in (1e-6, -1e-6)]
    slopes = [(NORMS[p](a).sum() - NORMS[p](b).sum()) / 2e-6 for a, b in zip(steps[::2], steps[1::2], strict=True)]
    np.testing.assert_allclose(t.grad.data.ravel(), slopes, rtol=1e-6, atol=1e-6)
    zero = Tensor([0.0, 0.0, 3.0], requires_grad=True)  # where x is 0, so is the gradient
    with np.errstate(divide="ignore"):
        zero.norm(p).backward()
    assert zero.grad.data.tolist() == pytest.approx([0, 0, 0 if p in (0, -1, -np.inf) else 1])


def test_norms_of_matrices_are_refused():
    for order in ("nuc", "2"):
        with pytest.raises(ValueError, match="a number or 'fro', not"):
            Tensor(np.eye(2)).norm(order)


def test_the_variance_of_too_few_elements_is_infinite_or_nan():
    x = Tensor([1.0, 2.0])
    assert x.var().item() == 0.5
    assert x.var(False).item() == x.var(unbiased=False).item() == x.var(0, False).item() == 0.25
    assert x.var(correction=0).item() == x.std(correction=0).item() ** 2 == 0.25
    with np.errstate(all="ignore"):
        for correction in (2, 3, 7.5):
            assert x.var(correction=correction).item() == x.std(correction=correction).item() == np.inf
        for few, correction in (([1.0], 1), ([1.0], 2), ([2.0, 2.0], 2), ([], 1)):
            assert np.isnan(Tensor(few).var(correction=correction).item())
            assert np.isnan(Tensor(few).std(correction=correction).item())
    for wrong in (lambda: x.var(0, 0), lambda: x.std(0, 1), lambda: x.var(0, False, correction=1)):
        with pytest.raises(TypeError, match="whether it is unbiased"):
            wrong()


def test_the_dtype_of_a_sum():
    x = Tensor(np.array([[0.5, 1.5]], np.float32), requires_grad=True)
    for y in (x.sum(dtype=np.float64), x.mean(0, dtype="float64"), x.softmax(dtype=float), x.norm(dtype=np.float64)):
        assert y.dtype == np.float64
        y.sum().backward()
    assert x.grad.dtype == np.float32
    assert x.log_softmax(1, dtype=np.float64).dtype == np.float64
    assert Tensor([1, 2]).mean(dtype=np.float64).dtype == np.float64
    assert x.sum(dtype=int).item() == 1
    small = Tensor(np.array([200, 100], np.uint8))
    assert (small.sum().dtype, small.sum().item(), small.sum(dtype=np.int32).dtype) == (np.int64, 300, np.int32)
    for call in (x.mean, x.softmax, x.log_softmax, x.norm):
        with pytest.raises(TypeError, match="the result is in floating point, it cannot be int64"):
            call(dtype=np.int64)


def test_size_is_a_number_that_can_be_called():
    x = Tensor(np.ones((2, 3)))
    assert x.size == 6
    assert isinstance(x.size, int)
    assert type(x.size // 2) is int
    assert x.size() == (2, 3)
    assert (x.size(0), x.size(-1), x.size(dim=1)) == (2, 3, 3)
    assert f"{x.size}" == "6"
    assert Tensor(1.0).size() == ()
    with pytest.raises(IndexError, match="no lengths"):
        Tensor(1.0).size(0)


def test_a_whole_number_indexes_a_list():
    assert "abc"[Tensor([0.0, 5.0, 1.0]).argmax()] == "b"
    assert list(range(Tensor(2))) == [0, 1]
    for wrong in (Tensor(1.0), Tensor([1, 2])):
        with pytest.raises(TypeError, match="an index is one whole number"):
            "abc"[wrong]


def test_bounds_may_be_tensors():
    x = np.array([[-1.0, 0.5, 2.0], [3.0, 1.0, -2.0]])
    low, high = np.array([0.0, 0.75, 1.0]), np.array([[2.0], [1.0]])
    t, a, b = (Tensor(v, requires_grad=True) for v in (x, low, high))
    y = t.clip(a, b)
    np.testing.assert_array_equal(y.data, np.minimum(np.maximum(x, low), high))
    y.sum().backward()
    assert t.grad.data.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert a.grad.data.tolist() == [1, 1, 0]  # where they meet in the last column, neither
    assert b.grad.data.tolist() == [[0], [1]]
    np.testing.assert_array_equal(t.clip(min=a).data, np.maximum(x, low))
    np.testing.assert_array_equal(t.clip(max=b).data, np.minimum(x, high))
    np.testing.assert_array_equal(t.clip(0.0, b).data, np.minimum(np.maximum(x, 0), high))
    assert np.isnan(Tensor([np.nan, 1.0]).clip(Tensor([0.0, np.nan])).data).all()


def test_dot_is_of_vectors_and_matrices():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert x.dot(x.T).data.tolist() == (x @ x.T).data.tolist()
    assert x[0].dot(x[1]).item() == 14
    with pytest.raises(ValueError, match="use @ for batches"):
        x.unsqueeze(0).dot(x.T)


def test_whether_gradients_are_asked_for_is_yes_or_no():
    with pytest.raises(TypeError, match=r"True or False, not 3: zeros\(\) makes a shape"):
        Tensor(2, 3)
    with pytest.raises(TypeError, match="True or False, not 0"):
        Tensor([2.0], 0)
    assert Tensor([1.0], np.True_).requires_grad


def test_force_takes_the_values_of_what_requires_gradients():
    x = Tensor([1.0], requires_grad=True)
    assert x.numpy(force=True) is x.data
