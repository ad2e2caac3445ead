"""einsum against NumPy's: every arrangement of letters, as one product of matrices wherever it is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ops.strategies import LAYOUTS
from tinygrad_nn import Tensor, grad, ops
from tinygrad_nn.testing import gradcheck, gradgradcheck

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)


@st.composite
def two_operands(draw: st.DrawFn) -> tuple[str, list[Array]]:
    sides = {c: draw(st.integers(1, 4)) for c in "abcde"}
    letters = st.lists(st.sampled_from("abcde"), unique=True, max_size=5)
    terms = [draw(letters), draw(letters)]
    used = sorted({*terms[0], *terms[1]})
    output = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
    operands = []
    for term in terms:
        shape = [1 if draw(st.integers(0, 7)) == 7 else sides[c] for c in term]
        dtype = draw(st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?"]))
        values = RNG.integers(0, 4, shape).astype(dtype)  # whole numbers: sums are exact in any order and dtype
        operands.append(LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](values) if shape else values)
    return ",".join(map("".join, terms)) + "->" + "".join(output), operands


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(two_operands())
def test_two_operands_give_what_numpy_gives(drawn: tuple[str, list[Array]]) -> None:
    subscripts, operands = drawn
    try:
        wanted = np.einsum(subscripts, *operands)
    except ValueError:  # broadcast along a letter that is 1 in all operands but not in this drawing's sides
        with pytest.raises(ValueError, match=r"^einsum of"):
            ops.einsum(subscripts, *operands)
        return
    found = ops.TABLE["einsum"](*operands, subscripts=subscripts)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_array_equal(found, wanted)


# How many of the sum and its two gradients are products of matrices; the others add nothing up, or have three operands.
PRODUCTS = [
    ("ij,jk->ik", [(3, 4), (4, 5)], 3),
    ("ij,jk->ki", [(3, 4), (4, 5)], 3),
    ("ji,kj->ik", [(4, 3), (5, 4)], 3),
    ("ij,j->i", [(3, 4), (4,)], 2),
    ("i,i->", [(4,), (4,)], 1),
    ("ij,ji->", [(3, 4), (4, 3)], 1),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)], 3),
    ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)], 3),
    ("bhqk,bkhd->bqhd", [(2, 2, 3, 5), (2, 5, 2, 4)], 3),
    ("ibj,kjb->bik", [(3, 2, 4), (5, 4, 2)], 3),
    ("ij,kl->ik", [(3, 4), (5, 2)], 1),
    ("nchwij,ocij->nohw", [(2, 3, 4, 5, 2, 2), (6, 3, 2, 2)], 3),
    ("ij,jk->ik", [(3, 1), (4, 5)], 2),
    ("abc,cde->adbe", [(2, 3, 4), (4, 5, 2)], 3),
]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(("subscripts", "shapes", "products"), PRODUCTS)
def test_sums_of_products_reach_blas(
    subscripts: str, shapes: list[tuple[int, ...]], products: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward and back, in matrices that BLAS takes as they are."""
    arrays = [RNG.normal(size=shape).astype(dtype) for shape in shapes]
    wanted = np.einsum(subscripts, *(a.astype("f8") for a in arrays))
    given_to: list[Array] = []
    matmul = np.matmul

    def noted(a: Array, b: Array, out: Array) -> Array:
        given_to.extend([a, b])
        return matmul(a, b, out=out)

    monkeypatch.setattr(np, "matmul", noted)
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    y = ops.einsum(subscripts, *inputs)
    assert y.dtype == dtype
    tolerance = 2e-2 if dtype == "f2" else 1e-5
    np.testing.assert_allclose(y.data, wanted, rtol=tolerance, atol=tolerance)
    assert len(given_to) == 2
    grad(y.sum(), inputs)
    assert len(given_to) == 2 * products
    for x in given_to:
        assert x.itemsize in x.strides[-2:]
        assert 0 not in [s for s, n in zip(x.strides, x.shape, strict=True) if n > 1]


def test_float16_is_summed_in_float32() -> None:
    a, b = np.full((1, 3000), 1, np.float16), np.full((3000, 1), 1, np.float16)
    assert ops.einsum("ij,jk->ik", a, b).item() == 3000  # in halves it would stop at 2048
    assert ops.einsum("ij,kl->ik", a, np.ones((2, 5), np.float16)).tolist() == [[15000, 15000]]


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("ii->", [(3, 3)]),
        ("iji->j", [(3, 2, 3)]),
        ("iij->ij", [(3, 3, 2)]),
        ("jii->ij", [(2, 3, 3)]),
        ("ijij->ij", [(3, 2, 3, 2)]),
        ("iii->i", [(3, 3, 3)]),
        ("ii,ij->j", [(3, 3), (3, 2)]),
        ("iji,jkk->ik", [(3, 2, 3), (2, 4, 4)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("ii,i,i->", [(3, 3), (3,), (3,)]),
        ("ii->i", [(0, 0)]),
    ],
)
def test_a_letter_twice_is_the_diagonal(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [RNG.normal(size=shape) for shape in shapes]
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    np.testing.assert_allclose(ops.einsum(subscripts, *inputs).data, np.einsum(subscripts, *arrays), rtol=1e-12)
    gradcheck(lambda *x: ops.einsum(subscripts, *x), inputs)
    gradgradcheck(lambda *x: ops.einsum(subscripts, *x), inputs)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ii->i", [(3, 4)], "axes 'i' differ in length"),
        ("ij,jk->ik", [(3, 4), (5, 2)], r"^einsum of \(3, 4\) and \(5, 2\), subscripts='ij,jk->ik'"),
        ("ij,jk->il", [(3, 4), (4, 2)], r"^einsum of"),
        ("ij,jk->ii", [(3, 4), (4, 2)], r"^einsum of"),
        ("ij,jk->ik", [(3, 4), (4, 2, 1)], r"^einsum of"),
        ("ijk,jk->ik", [(3, 4), (4, 2)], r"^einsum of"),
    ],
)
def test_what_does_not_fit_is_refused(subscripts: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.einsum(subscripts, *(Tensor(np.ones(shape)) for shape in shapes))


def test_infinity_and_nan_go_where_they_belong() -> None:
    a, b = np.array([[1.0, np.inf], [2.0, 3.0], [np.nan, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(ops.einsum("ij,jk->ik", a, b), np.einsum("ij,jk->ik", a, b))
