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
    assert tn.full((1,), 2.0).dtype == tn.eye(1).dtype == np.float32
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


def test_full_takes_the_kind_of_its_number_as_pytorch_and_numpy_do():
    for value, kind in ((7, "i"), (2.5, "f"), (True, "b"), (tn.tensor(3), "i"), (np.float32(1), "f")):
        assert tn.full((2,), value).dtype.kind == kind
    assert tn.full(3, 1.0).shape == (3,)
    assert tn.full((2,), np.float64(2.5)).dtype == np.float32
    x = tn.zeros(2, dtype=np.float64)
    assert tn.full_like(x, 3).tolist() == [3, 3]
    assert tn.full_like(x, 3).dtype == np.float64
    assert tn.full_like(x, 3, dtype=np.int64).dtype == np.int64


def test_more_shapes_and_ranges():
    assert tn.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert tn.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert tn.linspace(0, 1, 5).dtype == np.float32
    assert tn.linspace(3, 9, 1, dtype=np.float64).tolist() == [3]
    assert tn.linspace(-5, 5, 4, dtype=np.int64).tolist() == [-5, -1, 1, 5]
    assert tn.arange(end=3).tolist() == tn.arange(0, end=3).tolist() == [0, 1, 2]
    assert tn.arange(2.0, requires_grad=True).requires_grad
    x = tn.full((2, 3), 1.0, dtype=np.float64)
    assert tn.empty(2, 3).shape == tn.empty_like(x).shape == (2, 3)
    assert tn.empty(1).dtype == np.float32
    assert tn.empty_like(x).dtype == np.float64


def test_what_shares_memory_and_what_copies():
    array = np.zeros(2)
    shared, same = tn.from_numpy(array), tn.as_tensor(array)
    copied = tn.tensor(array)
    array[0] = 5
    assert shared.tolist() == same.tolist() == [5, 0]
    assert copied.tolist() == [0, 0]
    assert shared.dtype == np.float64
    x = tn.tensor([1.0], requires_grad=True)
    assert tn.as_tensor(x) is x
    (slope,) = tn.grad(3 * tn.as_tensor(x, dtype=np.float64), x)
    assert slope.tolist() == [3]
    assert tn.as_tensor([1.5]).dtype == np.float32
    assert tn.as_tensor([1.5], dtype=np.float64).dtype == np.float64
    with pytest.raises(TypeError, match="from_numpy takes an array, not list"):
        tn.from_numpy([1.0])


class Foreign:
    """Another library's tensor, as far as NumPy knows it."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1 / 3], dtype)


def test_tensors_of_other_libraries_keep_their_dtype(tmp_path):
    for make in (tn.tensor, tn.as_tensor, tn.Tensor):
        assert make(Foreign()).tolist() == [1 / 3]
        assert make([1 / 3]).dtype == np.float32
    layer = tn.nn.BatchNorm1d(1).double()
    layer.load_state_dict({"weight": Foreign()}, strict=False)
    assert layer.weight.tolist() == [1 / 3]
    pytest.importorskip("safetensors", reason="weights are kept as safetensors")
    tn.nn.save({"weight": Foreign()}, tmp_path / "weights")
    assert tn.nn.load(tmp_path / "weights")["weight"].tolist() == [1 / 3]


def test_what_is_drawn():
    rng = np.random.default_rng(0)
    for x in (tn.randint(3, (10_000,), rng=rng), tn.randint(0, 3, 10_000, rng=rng), tn.randint(high=3, size=10_000)):
        assert x.dtype == np.int64
        assert np.bincount(x.data) / 10_000 == pytest.approx([1 / 3] * 3, abs=0.03)
    assert tn.randint(-2, -1, (2, 3)).tolist() == [[-2] * 3] * 2
    assert tn.randint(5, size=(1,), dtype=np.float32).dtype == np.float32
    assert sorted(tn.randperm(100, rng=rng).tolist()) == list(range(100))
    like = tn.zeros(3, dtype=np.float64)
    assert tn.rand_like(like).dtype == tn.randn_like(like).dtype == np.float64
    assert tn.rand_like(like, dtype=np.float32).dtype == np.float32
    p = tn.tensor([0.0, 1.0, 0.25]).data + np.zeros((10_000, 1), np.float32)
    hits = tn.bernoulli(tn.tensor(p), rng=rng)
    assert hits.dtype == np.float32
    assert hits.data.mean(axis=0) == pytest.approx([0, 1, 0.25], abs=0.03)
    assert tn.bernoulli(tn.zeros(1000), 0.9, rng=rng).mean().item() == pytest.approx(0.9, abs=0.05)
    means = tn.normal(tn.tensor([0.0, 5.0]), tn.tensor(np.full((20_000, 1), 2.0)), rng=rng)
    assert means.dtype == np.float64
    assert means.data.mean(axis=0) == pytest.approx([0, 5], abs=0.1)
    assert means.data.std(axis=0) == pytest.approx([2, 2], rel=0.05)
    assert tn.normal(1.0, 0.0, (2,)).tolist() == [1, 1]


def test_uniform_numbers_stay_below_1_in_every_dtype():
    class Highest:
        def random(self, shape):
            return np.full(shape, np.nextafter(1.0, 0.0))

    for dtype in (np.float16, np.float32, np.float64):
        values = tn.creation._uniform((3,), None, dtype)
        assert values.dtype == dtype
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tn.creation, "rng_or_default", lambda _: Highest())
            assert (tn.rand(3, dtype=dtype).data < 1).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: tn.rand(2, dtype=np.int64), TypeError, "floating-point, not int64"),
        (lambda: tn.randn_like(tn.tensor([1])), TypeError, "floating-point, not int64"),
        (lambda: tn.randint(3), TypeError, "needs a size"),
        (lambda: tn.randint(3, 3, (2,)), ValueError, "from low to below high, not from 3 to below 3"),
        (lambda: tn.randperm(-1), ValueError, "orders n numbers, not -1"),
        (lambda: tn.normal(0.0, 1.0), ValueError, "takes a size with two numbers"),
        (lambda: tn.normal(tn.zeros(2), 1.0, (2,)), ValueError, "none with a tensor"),
        (lambda: tn.normal(0.0, -1.0, (2,)), ValueError, "at least 0, not -1"),
        (lambda: tn.bernoulli(tn.tensor([0.0, 1.5])), ValueError, "from 0 to 1, not 0.0 to 1.5"),
        (lambda: tn.bernoulli(tn.tensor([0, 1])), TypeError, "not int64"),
        (lambda: tn.arange(2, requires_grad=True), TypeError, "floating-point tensors can require gradients"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# One call of each function that PyTorch has too, evaluated there and here; what is random, by shape and dtype.
SHARED = {
    "arange": [
        "arange(5)",
        "arange(2, 5)",
        "arange(1, 2, 0.25)",
        "arange(5.0)",
        "arange(4, dtype=F64)",
        "arange(end=3)",
    ],
    "as_tensor": ["as_tensor([1.5, 2.0])", "as_tensor([1, 2])", "as_tensor([1], dtype=F64)", "as_tensor([True])"],
    "bernoulli": ["bernoulli(ones(3))", "bernoulli(zeros(3, dtype=F64))", "bernoulli(zeros(3), 1.0)"],
    "empty": ["empty(2, 3)", "empty((2,), dtype=F64)"],
    "empty_like": ["empty_like(eye(2, dtype=F64))"],
    "eye": ["eye(3)", "eye(2, 4)", "eye(2, dtype=F64)"],
    "from_numpy": ["from_numpy(np.ones(2))", "from_numpy(np.array([1, 2], np.int32))"],
    "full": ["full((2,), 7)", "full((2, 2), 1.5)", "full((2,), True)", "full((2,), 1, dtype=F64)"],
    "full_like": ["full_like(ones(2, dtype=F64), 3)", "full_like(ones(2), 3.5, dtype=F64)"],
    "linspace": ["linspace(0, 1, 7)", "linspace(-3, 5, 11, dtype=F64)", "linspace(0, 1, 1)", "linspace(0, 1, 0)"],
    "normal": [
        "normal(0.0, 1.0, (2,))",
        "normal(zeros(3))",
        "normal(0.0, ones(3))",
        "normal(zeros(2, dtype=F64), 2.0)",
    ],
    "ones": ["ones(2, 3)", "ones((2,), dtype=F64)"],
    "ones_like": ["ones_like(eye(2, dtype=F64))"],
    "rand": ["rand(2, 3)", "rand((2,), dtype=F64)"],
    "rand_like": ["rand_like(eye(2, dtype=F64))"],
    "randint": ["randint(3, (2,))", "randint(0, 3, (2, 2))", "randint(3, (2,), dtype=F64)"],
    "randn": ["randn(2, 3)", "randn((2,), dtype=F64)"],
    "randn_like": ["randn_like(eye(2, dtype=F64))"],
    "randperm": ["randperm(4)", "randperm(4, dtype=F64)"],
    "zeros": ["zeros(2, 3)", "zeros((2,), dtype=F64)"],
    "zeros_like": ["zeros_like(eye(2, dtype=F64))", "zeros_like(eye(2), dtype=F64)"],
}
RANDOM = {"empty", "empty_like", "normal", "rand", "rand_like", "randint", "randn", "randn_like", "randperm"}


def test_every_creation_function_is_compared():
    made = {n for n, f in vars(tn.creation).items() if getattr(f, "__module__", "") == "tinygrad_nn.creation"}
    assert {n for n in made if n[0] != "_" and callable(getattr(tn.creation, n))} == SHARED.keys()


@pytest.mark.parametrize("name", SHARED)
def test_as_pytorch_makes_them(name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    for call in SHARED[name]:
        ours = eval(call, {**vars(tn), "np": np, "F64": np.float64})
        theirs = eval(call, {**vars(torch), "np": np, "F64": torch.float64})
        assert f"torch.{ours.dtype}" == str(theirs.dtype), call
        assert ours.shape == tuple(theirs.shape), call
        if name not in RANDOM:
            np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-6 if ours.dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_whole_numbers_are_finite(value):
    with pytest.raises(ValueError, match="int32 holds neither NaN nor infinity"):
        tn.full((2,), value, dtype=np.int32)
    with pytest.raises(ValueError, match="int64 holds neither NaN nor infinity"):
        tn.full_like(tn.arange(3), value)


DEVICES = [
    "tensor([1.0])", "as_tensor([1.0])", "zeros(2)", "zeros_like(x)", "ones(2)", "ones_like(x)", "empty(2)",
    "empty_like(x)", "full((2,), 1)", "full_like(x, 1)", "eye(2)", "arange(3)", "linspace(0, 1, 3)", "rand(2)",
    "rand_like(x)", "randn(2)", "randn_like(x)", "normal(0, 1, (2,))", "randint(3, (2,))", "randperm(3)",
    "tensor([1.0]).new_zeros(2)", "tensor([1.0]).new_ones(2)", "tensor([1.0]).new_full((2,), 1)",
    "tensor([1.0]).new_tensor([1.0])",
]  # fmt: skip


@pytest.mark.parametrize("call", DEVICES)
def test_a_device_is_the_cpu(call):
    scope = {**vars(tn), "x": tn.ones(2)}
    assert eval(call[:-1] + ', device="cpu")', scope).shape == eval(call, scope).shape
    with pytest.raises(RuntimeError, match="device 'cuda' is not here, only 'cpu'"):
        eval(call[:-1] + ', device="cuda")', scope)
