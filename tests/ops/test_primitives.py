"""Every primitive of the table, over shapes, layouts and dtypes: values, first and second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lanes import examples
from tests.ops.strategies import CASES, Case, cases
from tinygrad_nn import Tensor, grad
from tinygrad_nn.ops import TABLE, EachInput, Primitive
from tinygrad_nn.testing import GradcheckError, gradcheck, gradgradcheck

every_primitive = pytest.mark.parametrize("name", sorted(TABLE))


def weights(y: Tensor) -> np.ndarray[Any, Any]:
    """A gradient to start from: other numbers for every element, in float64, and not contiguous."""
    return np.asarray(np.random.default_rng(y.size).standard_normal(y.shape[::-1]).T)


def leaves(tensors: list[Any]) -> list[Tensor]:
    return [x for x in tensors if isinstance(x, Tensor) and x.requires_grad]


def test_every_case_is_of_a_primitive() -> None:
    assert set(CASES) <= set(TABLE)


@every_primitive
@examples(10)
@given(data=st.data())
def test_can_be_drawn(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    try:
        y = case(*case.tensors())
    except Exception as error:
        pytest.fail(f"{name} needs an entry in CASES of tests/ops/strategies.py: {error}")
    assert isinstance(y, Tensor)
    assert y.requires_grad


@every_primitive
@examples(30)
@given(data=st.data())
def test_keeps_float32(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    inputs = case.tensors(np.float32)
    y = case(*inputs)
    assert type(y.data) is np.ndarray
    assert y.dtype == case.attrs.get("dtype", np.float32)
    exact = case(*case.tensors(np.float64))
    assert y.shape == exact.shape
    np.testing.assert_allclose(y.data, exact.data, rtol=1e-5, atol=1e-5)
    for create_graph in (False, True):
        gradients = grad(y, leaves(inputs), weights(y), retain_graph=True, create_graph=create_graph)
        assert [(g.shape, g.dtype) for g in gradients] == [(x.shape, np.float32) for x in leaves(inputs)]


@every_primitive
@examples(30)
@given(data=st.data())
def test_changes_and_shares_nothing(name: str, data: st.DataObject) -> None:
    """Arrays and Tensors give the same, the recorded pass too, and rules are linear in g; inputs stay as they were."""
    case = data.draw(cases(name))
    arrays, inputs = case.arrays(), case.tensors()
    y = case(*inputs)
    np.testing.assert_array_equal(y.data, case(*arrays))
    seed = weights(y)
    plain = grad(y, leaves(inputs), seed, retain_graph=True)
    recorded = grad(y, leaves(inputs), seed, create_graph=True)
    scaled = grad(y, leaves(inputs), -3 * seed, retain_graph=True)
    for g, again, other in zip(plain, recorded, scaled, strict=True):
        np.testing.assert_allclose(again.data, g.data, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(other.data, -3 * g.data, rtol=1e-12, atol=1e-12)
        assert type(g.data) is np.ndarray
        assert g.data.flags.writeable
        assert not any(np.shares_memory(g.data, x.data) for x in leaves(inputs))
        assert not np.shares_memory(g.data, seed)
    assert not any(np.shares_memory(g.data, h.data) for i, g in enumerate(plain) for h in plain[:i])
    np.testing.assert_array_equal(seed, weights(y))
    for x, before in zip(inputs, case.arrays(), strict=True):
        np.testing.assert_array_equal(x.data if isinstance(x, Tensor) else x, before)


@every_primitive
@examples(30)
@given(data=st.data())
def test_first_derivative(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    gradcheck(case, case.tensors())


@every_primitive
@examples(20)
@given(data=st.data())
def test_second_derivative(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    gradgradcheck(case, case.tensors())


@pytest.mark.parametrize(
    "planted",
    [
        Primitive("planted", np.reciprocal, lambda g, y, x: g * y * y),
        Primitive("planted", np.hypot, lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * a / y),
        Primitive("planted", lambda *xs: sum(xs), EachInput(lambda i, g, y, *xs: g * (i + 1))),
    ],
    ids=["unary", "binary", "any number of inputs"],
)
def test_an_entry_of_tomorrow_is_checked_without_a_case(planted: Primitive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, "planted", planted)

    @settings(max_examples=30)  # in every lane: it takes some to find a fault
    @given(cases("planted"))
    def check(case: Case) -> None:
        gradcheck(case, case.tensors())

    with pytest.raises(GradcheckError):
        check()
