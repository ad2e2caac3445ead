"""Every primitive over dtypes: out of a pickle, of the other byte order, small integers. None is told by identity."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ops.strategies import Case, cases
from tinygrad_nn import Tensor, grad, nn, ops, optim

every_primitive = pytest.mark.parametrize("name", sorted(ops.TABLE))
drawn = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

STRANGE = {
    "out of a pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "of the other byte order": lambda x: x.astype(x.dtype.newbyteorder("S")),
}


def strange_case(case: Case, convert: Any, dtype: Any) -> tuple[list[Any], dict[str, Any]]:
    """The case's inputs as Tensors and its attributes, the arrays in both converted."""
    inputs = [convert(x) if isinstance(x, np.ndarray) else x for x in case.arrays(dtype)]
    attrs = {k: convert(v) if isinstance(v, np.ndarray) else v for k, v in case.attrs.items()}
    return [Tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x for x in inputs], attrs


@every_primitive
@pytest.mark.parametrize("how", STRANGE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@drawn
@given(data=st.data())
def test_a_strange_dtype_is_the_same_dtype(name: str, how: str, dtype: Any, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    usual = case.tensors(dtype)
    strange, attrs = strange_case(case, STRANGE[how], dtype)
    y, z = case(*usual), Case(name, case.inputs, attrs, case.layouts)(*strange)
    assert z.dtype == y.dtype
    assert z.dtype.isnative
    close = 1e-6 if dtype is np.float32 else 1e-13  # another layout in memory takes other loops of NumPy
    np.testing.assert_allclose(z.data, y.data, close, close)
    seed = np.ones(y.shape, dtype)
    before = grad(y, [x for x in usual if isinstance(x, Tensor) and x.requires_grad], seed)
    after = grad(z, [x for x in strange if isinstance(x, Tensor) and x.requires_grad], STRANGE[how](seed))
    for g, h in zip(before, after, strict=True):
        assert h.dtype == g.dtype
        np.testing.assert_allclose(h.data, g.data, close, close)


SMALL = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
# What NumPy refuses for booleans, and what is about floating-point numbers alone.
NOT_FOR_BOOLEANS = {"neg", "sub", "sign", "pow"}
FLOATING_ALONE = {"astype", "select"}


@pytest.mark.parametrize("name", sorted(set(ops.TABLE) - FLOATING_ALONE))
@pytest.mark.parametrize("dtype", SMALL)
@drawn
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log 0 and the like are drawn here
def test_small_integers_give_what_floats_give(name: str, dtype: str, data: st.DataObject) -> None:
    if dtype == "bool" and name in NOT_FOR_BOOLEANS:
        return
    case = data.draw(cases(name))
    top = 1 if dtype == "bool" else 7
    whole = [np.asarray(np.abs(np.round(x * 4)).clip(0, top)) if isinstance(x, np.ndarray) else x for x in case.inputs]
    numbers: list[Any] = [x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in whole]
    if name in ("neg", "sub") and dtype.startswith("u"):
        whole, numbers = (
            [np.asarray(x * 0) for x in whole],
            [np.asarray(x * 0, dtype) for x in numbers],
        )  # these wrap, as in NumPy and PyTorch
    if name == "pow":
        numbers = [abs(int(x)) if isinstance(x, float | int) else x for x in numbers]
        whole = [x.astype(float) if isinstance(x, np.ndarray) else x for x in numbers]
    exact = case(*[Tensor(x) if isinstance(x, np.ndarray) else x for x in whole])
    y = case(*[Tensor(x) if isinstance(x, np.ndarray) else x for x in numbers])
    if y.dtype.kind == "f":
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.data, exact.data, rtol=1e-5, atol=1e-5)
    elif y.dtype.kind in "iu" and max(y.size and int(np.abs(exact.data).max()), 0) < 127:
        np.testing.assert_array_equal(y.data, exact.data)


@pytest.mark.parametrize("dtype", SMALL)
@pytest.mark.parametrize("name", ["mean", "var", "std", "norm", "gelu", "silu", "elu", "leaky_relu"])
def test_what_is_composed_takes_small_integers(name: str, dtype: str) -> None:
    values = np.array([0, 1, 1, 0, 1]) if dtype == "bool" else np.array([0, 12, 3, 100, 7])
    y = getattr(ops, name)(Tensor(values.astype(dtype)))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, getattr(ops, name)(Tensor(values.astype(float))).data, rtol=1e-5, atol=1e-6)


def test_sigmoid_of_bytes() -> None:
    assert Tensor(np.array([12, 3], np.uint8)).sigmoid().tolist() == pytest.approx([1 / (1 + np.exp(-12)), 0.9525741])
    low = Tensor(np.array([-128, -(2**15)], np.int16)).sigmoid()
    np.testing.assert_allclose(low.data, [np.exp(-128.0), 0], atol=1e-37)


@pytest.mark.parametrize("how", STRANGE)
def test_training_keeps_float64_of_every_kind(how: str) -> None:
    """Weights that come out of a pickle, as a model does that was saved so, train as others do."""
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((8, 3)), rng.integers(0, 4, 8)
    results = []
    for convert in (lambda a: a, STRANGE[how]):
        model = nn.Sequential(nn.Linear(3, 5, rng=np.random.default_rng(1), dtype=np.float64), nn.Sigmoid())
        model.append(nn.Linear(5, 4, rng=np.random.default_rng(2), dtype=np.float64))
        for p in model.parameters():
            p.data = convert(p.data)
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        for _ in range(3):
            loss = nn.CrossEntropyLoss()(model(Tensor(convert(x))), convert(target))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert loss.dtype == np.float64
        assert all(p.dtype == np.float64 for p in model.parameters())
        results.append([loss.item(), *(p.data.sum() for p in model.parameters())])
    assert results[0] == results[1]


def test_concatenation_and_sums_keep_float64_out_of_a_pickle() -> None:
    x = Tensor(pickle.loads(pickle.dumps(np.ones(3))))
    assert {y.dtype for y in (x.sum(), x.mean(), ops.concatenate([x, x]), x + 1, x @ x)} == {np.dtype(np.float64)}


@pytest.mark.parametrize("function", ["add", "sub", "mul", "div", "maximum", "pow", "logaddexp", "where", "clamp"])
def test_a_single_number_gives_way_to_the_dtype_of_what_has_axes(function: str) -> None:
    """As in PyTorch: a float64 tensor without axes leaves float32 ones as they are, and its gradient fits it."""
    many = Tensor(np.array([1.5, 2.5], np.float32), requires_grad=True)
    one = Tensor(np.array(2.0), requires_grad=True)
    pairs = [(many, one), (one, many)] if function != "clamp" else [(many, one)]
    for a, b in pairs:
        if function == "where":
            y = ops.where(np.array([True, False]), a, b)
        elif function == "clamp":
            y = a.clamp(b, b + 1)
        else:
            y = getattr(a, function)(b)
        assert y.dtype == np.float32
        y.sum().backward()
    assert many.grad is not None
    assert one.grad is not None
    assert (many.grad.dtype, one.grad.dtype) == (np.float32, np.float64)
    assert (one + one).dtype == np.float64
    assert (Tensor(np.array([1, 2], np.int32)) + Tensor(np.array(3))).dtype == np.int32


@pytest.mark.parametrize("exponent", [2, 3, 2.0, 3.0, 0.5])
@pytest.mark.parametrize("dtype", SMALL)
def test_a_power_is_whole_where_base_and_exponent_are(dtype: str, exponent: float) -> None:
    y = Tensor(np.array([0, 1, 1], dtype)) ** exponent
    if isinstance(exponent, float):
        assert y.dtype == np.float32
    else:
        assert y.dtype == (np.int64 if dtype == "bool" else dtype)
    assert y.tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_sums_of_small_whole_numbers_are_int64(dtype: str) -> None:
    x = Tensor(np.array([[200, 100]], dtype))
    for y in (x.sum(), x.sum(0), x.prod(), x.cumsum(1), x.mT.trace()):
        assert y.dtype == np.int64
    assert x.sum().item() == 300


def test_numbers_that_small_integers_cannot_hold_are_refused_in_words() -> None:
    with pytest.raises(OverflowError, match=r"sub of \(2,\) and -2: Python integer -2 out of bounds for uint8"):
        Tensor(np.array([1, 2], np.uint8)) - (-2)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint32", "uint64", "bool"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "logaddexp"])
def test_a_gradient_beside_whole_numbers_is_that_beside_the_same_in_floating_point(name: str, dtype: str) -> None:
    """Small ones wrap where a rule takes one from another: also in the gradient of the gradient."""
    whole = np.array([0, 1, 1, 0] if dtype == "bool" else [0, 1, 2, 3]).astype(dtype)
    found = []
    for other in (whole, whole.astype(np.float64)):
        for sides in (1, -1):
            x = Tensor(np.array([-1.25, 0.5, 1.5, 2.5]), requires_grad=True)
            with np.errstate(all="ignore"):
                y = getattr(ops, name)(*(x, Tensor(other))[::sides])
                (first,) = grad((y * y).sum(), [x], create_graph=True)
                (second,) = grad((first * first).sum(), [x], allow_unused=True)
            found.append((y.data, first.data, second.data))
    for a, b in zip(found[:2], found[2:], strict=True):
        for ours, wanted in zip(a, b, strict=True):
            np.testing.assert_allclose(ours, wanted, rtol=1e-12)
