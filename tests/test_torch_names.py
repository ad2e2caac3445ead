"""What PyTorch's names mean, by NumPy's formulas; how they are found, and what they refuse."""

from __future__ import annotations

import copy
import math
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygrad_nn
from tinygrad_nn import Tensor, grad, nn
from tinygrad_nn.testing import gradcheck, gradgradcheck
from tinygrad_nn.torch_names import TensorNames, top
from tinygrad_nn.torch_names.elsewhere import ELSEWHERE

METHODS = {name for name in vars(TensorNames) if not name.startswith("_")}

# Left on a Tensor, right on its array.
X = np.array([[0.5, -1.25, 2.0], [3.5, 0.25, -0.75]])
FORMULAS = """
x.view(3, 2) = x.reshape(3, 2)
x.view_as(x.T) = x.reshape(3, 2)
x.reshape_as(x.T) = x.reshape(3, 2)
x.numel() = x.size
x.nelement() = x.size
x.dim() = x.ndim
x.ndimension() = x.ndim
x.t() = x.T
x.unsqueeze(1).expand(-1, 4, 3) = np.repeat(x[:, None], 4, 1)
x[:1].expand_as(x) = np.stack([x[0], x[0]])
x.repeat(2, 1, 3) = np.tile(x, (2, 1, 3))
x.tile(2) = np.tile(x, 2)
x.repeat_interleave(2, dim=1) = np.repeat(x, 2, 1)
x.repeat_interleave(torch.tensor([2, 0]), 0) = np.repeat(x, [2, 0], 0)
x.unbind(1)[2] = x[:, 2]
x.chunk(2, 1)[0] = x[:, :2]
x.split_with_sizes([1, 2], 1)[1] = x[:, 1:]
x.narrow(1, 1, 2) = x[:, 1:]
x.select(1, -1) = x[:, -1]
x.ravel() = x.ravel()
x.unflatten(1, (3, -1)) = x[..., None]
x.movedim(0, -1) = np.moveaxis(x, 0, -1)
x.moveaxis((0, 1), (1, 0)) = x.T
x.swapdims(0, 1) = x.T
x.flip(1) = x[:, ::-1]
x.flip(dims=(0, 1)) = x[::-1, ::-1]
x.roll(1) = np.roll(x, 1)
x.roll((1, -1), (0, 1)) = np.roll(x, (1, -1), (0, 1))
x.tril() = np.tril(x)
x.triu(1) = np.triu(x, 1)
x[0].diag(-1) = np.diag(x[0], -1)
x.diag(1) = np.diag(x, 1)
x.diagonal(-1) = x.diagonal(-1)
x.trace() = np.trace(x)
x.T.contiguous() = x.T
x.T.is_contiguous() = False
x.clone() = x
x.gather(1, torch.tensor([[2, 0], [1, 1]])) = np.take_along_axis(x, np.array([[2, 0], [1, 1]]), 1)
x.take_along_dim(torch.tensor([[2], [1]]), 1) = np.take_along_axis(x, np.array([[2], [1]]), 1)
x.index_select(1, torch.tensor([2, 2, 0])) = x[:, [2, 2, 0]]
x.masked_select(x > 0) = x[x > 0]
x.masked_fill(x > 0, 7) = np.where(x > 0, 7, x)
x.nonzero() = np.argwhere(x)
x.sort(0).values = np.sort(x, 0)
x.sort(descending=True).values = -np.sort(-x)
x.sort(descending=True).indices = np.argsort(-x)
x.argsort(0) = np.argsort(x, 0)
x.topk(2).values = -np.sort(-x)[:, :2]
x.topk(1, 0, largest=False).values = np.sort(x, 0)[:1]
x.amax(1) = x.max(1)
x.amin((0, 1)) = x.min((0, 1))
x.amax(axis=0, keepdims=True) = x.max(0, keepdims=True)
x.prod() = x.prod()
x.prod(1, keepdim=True) = x.prod(1, keepdims=True)
x.cumsum(1) = x.cumsum(1)
x.cumsum(axis=0) = x.cumsum(0)
x.cumprod(1) = x.cumprod(1)
x.count_nonzero(dim=0) = np.count_nonzero(x, 0)
x.equal(x + 0) = True
x.isclose(x * 1.1, rtol=0.2) = np.isclose(x, x * 1.1, 0.2)
x.allclose(x + 1) = False
x.add(x, alpha=3) = 4 * x
x.sub(1, alpha=2) = x - 2
x.subtract(x * x) = x - x * x
x.mul(x) = x * x
x.multiply(2) = 2 * x
x.div(x * x) = 1 / x
x.div(0.3, rounding_mode="floor") = np.floor(x / 0.3)
x.div(0.3, rounding_mode="trunc") = np.trunc(x / 0.3)
x.divide(2) = x / 2
x.true_divide(2) = x / 2
x.floor_divide(0.3) = x // 0.3
x // 0.3 = x // 0.3
1 // (x + 0.1) = 1 // (x + 0.1)
x % [0.3, 0.4, 0.7] = x % [0.3, 0.4, 0.7]
x.remainder(-0.3) = np.remainder(x, -0.3)
x % 0.3 = x % 0.3
1 % (x + 0.1) = 1 % (x + 0.1)
x.fmod(0.3) = np.fmod(x, 0.3)
x.pow(3) = x**3
x.neg() = -x
x.negative() = -x
x.square() = x**2
(x + 2).rsqrt() = 1 / np.sqrt(x + 2)
x.reciprocal() = 1 / x
(x * 1.1).floor() = np.floor(x * 1.1)
(x * 1.1).ceil() = np.ceil(x * 1.1)
(x * 1.1).trunc() = np.trunc(x * 1.1)
(x * 1.1).round() = np.round(x * 1.1)
(x * 1.1).frac() = np.modf(x * 1.1)[0]
x.sinh() = np.sinh(x)
x.cosh() = np.cosh(x)
x.tan() = np.tan(x)
(x + 2).log2() = np.log2(x + 2)
(x + 2).log10() = np.log10(x + 2)
x.exp2() = np.exp2(x)
x.erf() = np.vectorize(math.erf)(x)
x.logaddexp(x[0]) = np.logaddexp(x, x[0])
x.clamp(-1, 1) = np.clip(x, -1, 1)
x.clamp(max=torch.tensor(1.0)) = np.minimum(x, 1)
x.clamp_min(0.1) = np.maximum(x, 0.1)
x.clamp_max(0.1) = np.minimum(x, 0.1)
x.eq(2) = x == 2
x.ne(2) = x != 2
x.lt(0.25) = x < 0.25
x.le(0.25) = x <= 0.25
x.gt(0.25) = x > 0.25
x.ge(0.25) = x >= 0.25
(x / 0).isnan() = np.isnan(x / 0)
(x / 0).isinf() = np.isinf(x / 0)
(x / 0).isfinite() = np.isfinite(x / 0)
x.logical_and(x > 0) = x > 0
x.logical_or(x * 0) = x != 0
x.logical_xor(x > 0) = x < 0
x.logical_not() = x == 0
x.mm(x.T) = x @ x.T
x.unsqueeze(0).bmm(x.T.unsqueeze(0)) = (x @ x.T)[None]
x.mv(x[0]) = x @ x[0]
(x @ x.T).addmm(x, x.T, beta=2, alpha=0.5) = 2.5 * x @ x.T
x[0].outer(x[1]) = np.outer(x[0], x[1])
x.to(torch.float32) = x.astype(np.float32)
x.type_as(torch.tensor(1)) = x.astype(int)
x.double() = x
x.float() = x.astype(np.float32)
x.half() = x.astype(np.float16)
x.long() = x.astype(np.int64)
x.int() = x.astype(np.int32)
x.bool() = x != 0
x.cpu() = x
x.device = "cpu"
x.is_cuda = False
x.is_floating_point() = True
x.new_tensor([1, 2]) = np.array([1.0, 2.0])
x.new_zeros(2) = np.zeros(2)
x.new_ones((2, 1)) = np.ones((2, 1))
x.new_full((2,), 7) = np.full(2, 7.0)
x.detach().clone().add_(1, alpha=2) = x + 2
x.detach().clone().sub_(x.detach(), alpha=2) = -x
x.detach().clone().mul_(2) = 2 * x
x.detach().clone().div_(2) = x / 2
x.detach().clone().clamp_(0, 1) = np.clip(x, 0, 1)
x.detach().clone().masked_fill_(x > 0, 7) = np.where(x > 0, 7, x)
x.detach().clone().fill_(3) = np.full((2, 3), 3.0)
x.detach().clone().zero_() = np.zeros((2, 3))
x.detach().clone().copy_(x[0].detach()) = np.stack([x[0], x[0]])
torch.cat([x, x], dim=1) = np.concatenate([x, x], 1)
torch.concat((x, x)) = np.concatenate([x, x])
torch.hstack([x, x]) = np.hstack([x, x])
torch.vstack([x[0], x]) = np.vstack([x[0], x])
torch.row_stack([x, x]) = np.vstack([x, x])
torch.meshgrid(x[0], x[1])[1] = np.meshgrid(x[0], x[1], indexing="ij")[1]
torch.where(x > 0, x, 0) = np.where(x > 0, x, 0)
torch.where(x > 0)[1] = np.where(x > 0)[1]
torch.split(x, [1, 2], dim=1)[1] = x[:, 1:]
torch.is_tensor(x) = True
torch.is_tensor(x.data) = False
torch.device("cpu:0") = "cpu"
torch.cuda.is_available() = False
torch.cuda.device_count() = 0
torch.cuda.manual_seed_all(0) = None
torch.clone(input=x) = x
torch.pow(2, x) = 2.0**x
torch.remainder(2, x * 1.1) = np.remainder(2, x * 1.1)
"""


def names_in(call: str) -> set[str]:
    """The methods that a call calls on tensors, and PyTorch's functions as `torch.name`."""
    return set(re.findall(r"torch\.\w+|(?<=\.)[a-zA-Z]\w*", call))


@pytest.mark.parametrize("formula", FORMULAS.strip().splitlines())
def test_a_name_means_what_numpys_formula_says(formula: str) -> None:
    call, _, wanted = formula.partition(" = ")
    names = {"np": np, "math": math, "torch": tinygrad_nn}

    def ours(x: Tensor) -> Any:
        return eval(call, names | {"x": x})

    with np.errstate(all="ignore"):
        y, expected = ours(Tensor(X, requires_grad=True)), eval(wanted, names | {"x": X})
        if not isinstance(y, Tensor):
            assert y == expected
            assert type(y) is type(expected)
            return
        assert y.shape == np.shape(expected)
        assert y.dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(y.data, expected, rtol=1e-12 if y.dtype == np.float64 else 1e-3)
        if y.requires_grad and y.dtype == np.float64:
            gradcheck(ours, Tensor(X, requires_grad=True))
            gradgradcheck(ours, Tensor(X, requires_grad=True))


def test_every_name_has_a_formula() -> None:
    named = {name for formula in FORMULAS.strip().splitlines() for name in names_in(formula.partition(" = ")[0])}
    missing = sorted(METHODS - named - {"cuda"})  # which only says that there is none
    assert not missing
    for name in top.__all__:
        found = vars(top)[name]
        if isinstance(found, np.dtype):
            assert Tensor(np.ones(2)).to(found).dtype == found
        elif f"torch.{name}" not in named:  # then it is the method of that name
            assert found is getattr(Tensor, name)


DTYPES = {
    **{name: name for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")},
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "half": "float16",
    "float": "float32",
    "double": "float64",
}


def test_dtypes_are_numpys() -> None:
    assert {name: str(vars(top)[name]) for name in top.__all__ if isinstance(vars(top)[name], np.dtype)} == DTYPES


# --- how they are found


def test_nothing_is_loaded_before_somebody_asks() -> None:
    script = """
import copy, pickle, sys
import numpy as np
import tinygrad_nn
import tinygrad_nn.graph, tinygrad_nn.training
from tinygrad_nn import Tensor, nn, optim
def loaded():
    files = "shape", "selection", "pointwise", "top"
    return [name for name in files if f"tinygrad_nn.torch_names.{name}" in sys.modules]
x = Tensor([1.0, 2.0], requires_grad=True)
layer = nn.Linear(2, 2, rng=np.random.default_rng(0))
nn.MSELoss()(layer(x), x.detach()).backward()
copy.deepcopy(x), pickle.loads(pickle.dumps(x)), repr(x), np.sum(x), np.asarray(x.detach()), dir(x)
assert not hasattr(x, "_repr_html_") and not hasattr(x, "__cuda_array_interface__") and not hasattr(x, "scatter_")
assert loaded() == []
assert x.view(2, 1).shape == (2, 1)
assert loaded() == ["shape"]
assert tinygrad_nn.exp(x).shape == (2,)
assert "top" in loaded()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_names_are_listed_and_copies_know_nothing_of_them() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert METHODS | {"sum", "backward"} <= set(dir(x))
    assert {"exp", "float32", "where", "Tensor", "nn", "cuda"} <= set(dir(tinygrad_nn))
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.tolist() == [1, 2]
    assert np.shares_memory(np.asarray(x.detach()), x.data)
    assert tinygrad_nn.exp is tinygrad_nn.exp
    for name in METHODS:
        assert hasattr(x, name)
        assert hasattr(Tensor, name)
    assert Tensor.view(x, 2, 1).shape == tinygrad_nn.nn.Parameter(x.data).view(2, 1).shape == (2, 1)


def test_a_name_that_is_elsewhere_says_what_to_use() -> None:
    x = Tensor([1.0])
    for name, words in ELSEWHERE.items():
        assert name not in METHODS
        assert name not in top.__all__
        assert name not in dir(x)
        assert not hasattr(Tensor, name)
        with pytest.raises(AttributeError, match=re.escape(f"a Tensor has no {name!r}: {words}")):
            getattr(x, name)
        if name not in vars(tinygrad_nn):  # or its parts
            with pytest.raises(AttributeError, match=re.escape(f"tinygrad_nn has no {name!r}: {words}")):
                getattr(tinygrad_nn, name)


def test_a_name_that_is_nowhere_is_an_error_of_attributes() -> None:
    for name in ("zzzzzz", "_private"):
        with pytest.raises(AttributeError, match=f"'Tensor' object has no attribute '{name}'"):
            getattr(Tensor([1.0]), name)
    for name, words in (
        ("sofmax", "has no 'sofmax': softmax"),
        ("zzzzzz", "has no 'zzzzzz'$"),
        ("_x", "no attribute '_x'"),
    ):
        with pytest.raises(AttributeError, match=words):
            getattr(tinygrad_nn, name)


def test_a_function_wants_a_tensor_first() -> None:
    for wrong in (np.ones(2), [1.0], 3.0):
        with pytest.raises(TypeError, match=f"^exp takes a Tensor first, not {type(wrong).__name__}"):
            tinygrad_nn.exp(wrong)
    with pytest.raises(TypeError, match=r"^sum takes a Tensor first, not nothing"):
        tinygrad_nn.sum(dim=0)
    assert tinygrad_nn.split(tensor=Tensor([1.0, 2.0]), split_size_or_sections=1)[1].item() == 2


# --- what they refuse


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ("x.view(float)", TypeError, "the lengths of axes, not"),
        ("x.unsqueeze(0).t()", ValueError, r"t\(\) is about matrices, this tensor has shape \(1, 2, 3\)"),
        ("x.expand(-1, 2, 3)", ValueError, r"expand of shape \(2, 3\) to \(-1, 2, 3\)"),
        ("x.repeat(2)", ValueError, "a number from 0 up for each axis"),
        ("x.chunk(0)", ValueError, "at least 1 chunk"),
        ("x.narrow(1, 2, 2)", IndexError, r"narrow to 2 from 2 on: axis 1 of shape \(2, 3\) has 3"),
        ("x.sum().unbind()", IndexError, r"unbind is along an axis, and a tensor of shape \(\) has none"),
        ("x.unflatten(1, (2, 2))", ValueError, r"is not \(2, 2\), whose product is 4"),
        ("x.movedim(0, (0, 1))", ValueError, "as many places as axes"),
        ("x.roll((1, 2), 0)", ValueError, "a shift for each axis"),
        ("x.diag().diag().unsqueeze(0).diag()", ValueError, "diag is about vectors and matrices"),
        ("x[0].trace()", ValueError, "trace is about a matrix"),
        ("x[0].tril()", ValueError, "a triangle is of matrices"),
        ("torch.meshgrid(x[0], indexing='yx')", ValueError, "'ij' or 'xy', not 'yx'"),
        ("x.gather(1, torch.tensor([[3]]))", IndexError, "indices from 3 to 3 are not all from 0 to 2"),
        ("x.gather(1, torch.tensor([0]))", ValueError, "it has as many axes"),
        ("x.gather(1, x)", TypeError, "indices are whole numbers, not float64"),
        ("x.take_along_dim(torch.tensor([0]), 1)", ValueError, "have not as many axes"),
        ("x.index_select(0, torch.tensor([[0]]))", ValueError, "one axis of indices"),
        ("x.masked_fill(x, 1)", TypeError, "a mask holds booleans, not float64"),
        ("x.long().masked_fill(x > 0, 0.5)", TypeError, "0.5 does not fit into int64"),
        ("x.masked_fill(x > 0, x)", ValueError, "a number or a tensor without axes"),
        ("x.topk(4)", ValueError, r"topk of 4 along axis 1 of shape \(2, 3\), which has 3"),
        ("torch.where(x > 0, x)", TypeError, "a condition alone"),
        ("x.div(2, rounding_mode='up')", ValueError, "None, 'floor' or 'trunc', not 'up'"),
        ("x.long() % 0", ZeroDivisionError, "divided by 0"),
        ("x.long() // torch.tensor([1, 0, 2])", ZeroDivisionError, "divided by 0"),
        ("x.clamp()", ValueError, "at least one of min and max"),
        ("x.mm(x[0])", ValueError, r"mm takes 2 axes and 2, not \(2, 3\) and \(3,\): use @"),
        ("x.unsqueeze(0).bmm(x.T.repeat(2, 1, 1))", ValueError, "as many matrices"),
        ("x[0].outer(x)", ValueError, "two vectors"),
        ("x.cuda()", RuntimeError, "device 'cuda' is not here, only 'cpu'"),
        ("x.to('cuda:1')", RuntimeError, "device 'cuda:1' is not here"),
        ("torch.device('mps')", RuntimeError, "device 'mps' is not here"),
        ("x.long().add_(0.5)", TypeError, "int64"),
        (
            "x[0].clone().clamp_(x)",
            ValueError,
            r"a result of shape \(2, 3\) and float64 does not fit into",
        ),
        ("x.requires_grad_().add_(1)", RuntimeError, "cannot be changed in place"),
        ("x.requires_grad_().zero_()", RuntimeError, "cannot be changed in place"),
        ("x.reshape(6, shape=(6,))", TypeError, "given by name, are one argument"),
        ("x.cumsum()", TypeError, "an axis is a whole number, not None"),
        ("x.prod((0, 1))", TypeError, r"an axis is a whole number, not \(0, 1\)"),
    ],
)
def test_what_a_name_refuses(call: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        eval(call, {"x": Tensor(X), "torch": tinygrad_nn})


def test_operations_in_place_change_the_memory_that_is_there() -> None:
    x = Tensor(X.copy())
    memory, weights = x.data, Tensor(np.ones((2, 3)), requires_grad=True)
    y = (x * weights).sum()
    assert x.add_(1).mul_(2).sub_(3).div_(4).clamp_(-1, 1) is x
    assert x.data is memory
    np.testing.assert_allclose(memory, np.clip(((X + 1) * 2 - 3) / 4, -1, 1))
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_sort_keeps_the_order_of_equals_and_puts_nan_last() -> None:
    x = Tensor([2.0, float("nan"), 1.0, 2.0, 1.0])
    assert x.argsort().tolist() == [2, 4, 0, 3, 1]
    assert x.argsort(descending=True).tolist() == [1, 0, 3, 2, 4]


def test_a_product_has_its_gradient_where_factors_are_0() -> None:
    for values, wanted in (([2.0, 0.0, 3.0], [0, 6, 0]), ([0.0, 0.0, 3.0], [0, 0, 0]), ([5.0], [1]), ([], [])):
        x = Tensor(np.array(values), requires_grad=True)
        y = x.prod()
        assert y.item() == np.prod(values)
        assert grad(y, x)[0].tolist() == wanted
    x = Tensor(np.array([2.0, 0.0, 3.0]), requires_grad=True)
    assert grad(x.cumprod(0), x, [1.0, 1.0, 1.0])[0].tolist() == [1, 2 + 6, 0]


def test_running_sums_of_infinity_are_infinite_and_not_nan() -> None:
    x = Tensor([1.0, float("inf"), 2.0, 3.0])
    assert x.cumsum(0).tolist() == [1, np.inf, np.inf, np.inf]
    assert Tensor(np.ones(1000, np.float32)).cumsum(0).tolist() == list(range(1, 1001))


def test_hyperbolic_functions_overflow_no_sooner_than_they_must() -> None:
    x = np.array([-89.0, -1e-4, 0.0, 1e-4, 89.0], np.float32)
    np.testing.assert_allclose(Tensor(x).sinh().data, np.sinh(x), rtol=1e-5)
    np.testing.assert_allclose(Tensor(x).cosh().data, np.cosh(x), rtol=1e-5)


# --- memory: what is a copy in PyTorch is one here, whatever little there is to do

ALIKE: dict[str, str] = {
    "cumsum along an axis of one": "x.reshape(2, 3, 1).cumsum(2)",
    "cumprod along an axis of one": "x.reshape(2, 3, 1).cumprod(2)",
    "cumsum of a number": "z.cumsum(0)",
    "flip": "x.flip(0)",
    "flip along no axis": "x.flip(())",
    "roll by nothing": "x.roll((), ())",
    "roll of nothing": "e.roll(1, 0)",
    "repeat once": "x.repeat(1, 1)",
    "tile once": "x.tile(1)",
    "prod along an axis of one": "x.reshape(2, 3, 1).prod(2)",
    "prod of a number": "z.prod()",
    "sort of a number": "z.sort().values",
    "topk of a number": "z.topk(1).values",
    "max of a number": "z.max(0).values",
    "gather of a number": "z.gather(0, torch.tensor(0))",
    "index_select of a number": "z.index_select(0, torch.tensor([0]))",
    "diag": "m.diag()",
    "pad by nothing": "torch.nn.functional.pad(x, (0, 0, 0, 0))",
    "embedding of one": "torch.nn.functional.embedding(torch.tensor(1), x)",
}


def in_numpy() -> dict[str, Any]:
    """`tinygrad_nn` as `torch`, with some tensors."""
    return {
        "torch": tinygrad_nn,
        "x": Tensor(np.arange(6.0).reshape(2, 3)),
        "z": Tensor(np.array(3.0)),
        "e": Tensor(np.zeros((0, 2))),
        "m": Tensor(np.arange(9.0).reshape(3, 3)),
    }


@pytest.mark.parametrize("name", ALIKE)
def test_a_result_has_memory_of_its_own(name: str) -> None:
    scope = in_numpy()
    y = eval(ALIKE[name], scope)
    for t in (scope["x"], scope["z"], scope["e"], scope["m"]):
        assert y is not t
        assert not np.may_share_memory(y.data, t.data)
    assert y.data.flags.writeable


def test_a_diagonal_looks_into_the_matrix_or_cannot_be_written() -> None:
    m = Tensor(np.zeros((2, 3, 4)))
    for y, wanted in (
        (m.diagonal(1, 1, 2), m.data.diagonal(1, 1, 2)),
        (m[0].diagonal(), m.data[0].diagonal()),
        (m[0].diagonal(-1), m.data[0].diagonal(-1)),
        (m.diagonal(0, 0, 2), m.data.diagonal(0, 0, 2)),
    ):
        assert y.shape == wanted.shape
        assert np.shares_memory(y.data, m.data)
        m.fill_(2.0)
        np.testing.assert_array_equal(y.data, 2)
        if y.data.flags.writeable:
            y.fill_(1.0)
            np.testing.assert_array_equal(wanted, 1)
            m.fill_(0.0)
        else:
            with pytest.raises(RuntimeError, match="cannot be written"):
                y.fill_(1.0)
    assert np.shares_memory(m[0].diagonal().data, m.data)


def test_what_drawn_programs_found() -> None:
    scope = in_numpy()
    x = scope["x"]
    assert x.new_tensor([0.1]).item() == 0.1  # not by way of float32
    assert x.count_nonzero(()).item() == x.count_nonzero(dim=()).item() == 5
    assert (x * 0.1).add(Tensor([[1], [2]]), alpha=0.3).data[0, 0] == 0.3  # as exact as x
    assert x.take_along_dim(Tensor([[-1], [0]]), 1).tolist() == [[2], [3]]
    bad = Tensor(np.array([[np.nan, 1.0]]), requires_grad=True)
    assert bad.addmm(x[:, :1], x[:1, :2], beta=0).data[0, 0] == 0  # what is not asked for does not matter
    assert Tensor([[1.0, 2.0]]).addmm(bad, Tensor(np.eye(2)), alpha=0).tolist() == [[1, 2]]
    bad.addmm(x[:, :1], x[:1, :2], beta=0).sum().backward()
    assert bad.grad is not None
    assert bad.grad.tolist() == [[0, 0]]
    whole = Tensor([1, 4])
    for y in (whole.clamp(Tensor([1.5])), whole.clamp(max=Tensor([[2.5]])), whole.clamp(0.5, Tensor([3]))):
        assert y.dtype == np.float32
    assert whole.clamp(Tensor([2]), 3).dtype == np.int64
    for no in (Tensor(False), Tensor([False])):
        assert no.clamp(max=Tensor(np.int16(1))).dtype == no.clamp(Tensor(np.int16(1))).dtype == np.int16
    for bounds in ((np.nan, Tensor([2])), (Tensor([2]), np.nan), (np.nan, 2.0), (2.0, np.nan)):
        np.testing.assert_array_equal(whole.clamp(*bounds).data, [np.nan, np.nan])
    np.testing.assert_array_equal(Tensor([np.nan, 1.0]).clamp(Tensor([3.0]), Tensor([2.0])).data, [np.nan, 2])
    yes = Tensor([True, False])
    for dtype, wanted in ((bool, [True, False]), (np.uint8, [3, 0]), (np.int64, [3, 0])):
        y = yes.astype(dtype).add(yes, alpha=2)
        assert (y.dtype, y.tolist()) == (np.dtype(dtype), wanted)
    nan = Tensor(np.array([np.nan, 5.0]), requires_grad=True)
    y = Tensor(np.array([1.0, 5.0])) % nan
    y.sum().backward()
    assert nan.grad is not None
    np.testing.assert_array_equal(nan.grad.data, [np.nan, -1])
    for call, words in (
        (lambda: x.addmm(x[:1], Tensor(np.ones((3, 3)))), r"addmm of \(2, 3\) with a product of shape \(1, 3\)"),
        (lambda: Tensor(np.ones(3)).addmm(x, Tensor(np.ones((3, 1)))), "addmm of"),
        (lambda: x.masked_select(Tensor([True, False])), r"\(2, 3\) and \(2,\) do not broadcast"),
        (lambda: x.logical_and(Tensor([True, False])), r"\(2, 3\) and \(2,\) do not broadcast"),
        (lambda: x.isclose(Tensor([1.0, 2.0])), r"\(2, 3\) and \(2,\) do not broadcast"),
        (lambda: x.clamp(Tensor([1.0, 2.0])), r"\(2, 3\) and \(2,\) do not broadcast"),
        (lambda: whole.new_full((2,), np.inf), "int64 holds neither NaN nor infinity"),
        (lambda: Tensor(np.zeros((0, 2))).argmax(0), "of no elements there is none"),
        (lambda: Tensor(np.zeros(0)).argmin(), "of no elements there is none"),
    ):
        with pytest.raises((ValueError, IndexError), match=words):
            call()
    assert Tensor(np.zeros((0, 2))).argmax(1).shape == (0,)


def test_what_changes_nothing_is_the_tensor_itself() -> None:
    """As in PyTorch: a leaf stays one, with its gradient."""
    t = Tensor([1.0, 2.0], requires_grad=True)
    same = (
        *(t.flatten(), t.contiguous(), t.to(t.dtype), t.float(), t.cpu(), t.type_as(t), t.requires_grad_(), +t),
        *(nn.Flatten(0)(t), nn.Identity()(t), nn.Dropout(0.5).eval()(t)),
    )
    assert all(y is t for y in same)
    others = t.reshape(2), t.view(2), t.squeeze(), t.ravel(), t.detach(), t[:], t.expand(2), t.clone()
    assert not any(y is t for y in others)


def test_a_single_number_gives_way_in_what_is_composed_too() -> None:
    many, one = Tensor(np.array([1.5, 1.212], np.float32)), Tensor(np.array(1.212))
    whole = Tensor(np.array([3, -2]))
    assert (many == one).tolist() == [False, True]  # 1.212 as float32 has it
    assert (one != many).tolist() == [True, False]
    assert (Tensor(np.array([1, 4], np.uint8)) | Tensor(np.array(4))).dtype == np.uint8
    for y in (one.clip(many), one.logaddexp(many), many.sub(one, alpha=0.3)):
        assert y.dtype == np.float32
    for y in (one.logaddexp(whole), one.sub(whole, alpha=0.3), one.logaddexp(whole > 0)):
        assert y.dtype == np.float64
    np.testing.assert_allclose(one.logaddexp(whole).data, np.logaddexp(1.212, [3.0, -2.0]))
    np.testing.assert_allclose(Tensor([0.5]).logaddexp(whole > 0).data, np.logaddexp(0.5, [1.0, 0.0]), rtol=1e-6)
    asked = Tensor(1.0, requires_grad=True)
    assert asked.logaddexp(Tensor(np.zeros((2, 0), int))).requires_grad


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda b: tinygrad_nn.full_like(b, -3), "from 0 to 255: -3 does not fit"),
        (lambda b: tinygrad_nn.full((2,), 256.0, dtype=np.uint8), "from 0 to 255: 256.0 does not fit"),
        (lambda b: b.new_full((2,), -1.5), "does not fit"),
        (lambda b: b.new_tensor([1.0, -0.25]), "-0.25 does not fit"),
        (lambda b: tinygrad_nn.tensor([300], dtype=np.uint8), "300 does not fit"),
        (lambda b: tinygrad_nn.as_tensor([1.0, math.inf], dtype=np.int64), "neither NaN nor infinity"),
        (lambda b: int(Tensor(math.nan)), "nan is not a whole number"),
        (lambda b: int(Tensor(math.inf)), "inf is not a whole number"),
    ],
)
def test_what_a_dtype_does_not_hold_is_refused(make: Any, words: str) -> None:
    with pytest.raises((ValueError, OverflowError), match=words):
        make(Tensor(np.zeros(2, np.uint8)))


def test_who_holds_a_gradient_sees_it_grow() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    x.sum().backward()
    held = x.grad
    x.sum().backward()
    assert held is x.grad
    assert held is not None
    assert held.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float16, np.float64])
@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("shape", [(0,), (2, 0), (2, 3)])
def test_a_reduction_has_the_dtype_that_is_asked_for(name, shape, dtype):
    """Also where nothing is left to reduce."""
    for source in (bool, np.int8, np.int64, np.float32):
        x = tinygrad_nn.tensor(np.ones(shape, source))
        for dim in (*range(len(shape)), *([None] if name in ("sum", "prod") else [])):
            got = getattr(x, name)(dim, dtype=dtype)
            expected = getattr(np, name)(np.ones(shape, source), axis=dim, dtype=dtype)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got.numpy(), expected)
