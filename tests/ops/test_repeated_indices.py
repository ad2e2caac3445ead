"""The gradient of indexing by integer arrays: what is picked more than once gets every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, ops
from tinygrad_nn.ops import shape as shape_ops

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)


def ids(*shape: int, n: int, dtype: Any = np.intp) -> Array:
    """Of n rows or columns, counted from either end where the dtype has a sign."""
    return RNG.integers(0 if np.dtype(dtype).kind == "u" else -n, n, shape).astype(dtype)


FORMS: dict[str, Any] = {
    "rows": ids(50, n=6),
    "rows in a table": ids(7, 5, n=6),
    "one row": np.array(-1),
    "no rows": np.zeros((0,), np.intp),
    "rows in small numbers": ids(40, n=6, dtype=np.int8),
    "rows in small numbers without a sign": ids(40, n=6, dtype=np.uint8),
    "rows in large numbers without a sign": ids(40, n=6, dtype=np.uint64),
    "rows and columns": (ids(60, n=6), ids(60, n=4)),
    "rows against columns": (ids(8, 1, n=6), ids(9, n=4)),
    "all axes": (ids(60, n=6), ids(60, n=4), ids(60, n=3)),
    "columns": (slice(None), ids(9, n=4)),
    "the last axis": (..., ids(9, n=3)),
    "rows of every second column": (ids(9, n=6), slice(None, None, 2)),
    "a row and columns": (2, ids(9, n=4)),
    "axes apart": (ids(9, n=6), slice(None), ids(9, n=3)),
    "a new axis": (None, ids(9, n=6)),
    "a mask and columns": (np.arange(6) % 2 == 0, ids(3, n=4)),
}


@pytest.mark.parametrize("at_once", [1, 7, 1 << 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMS)
def test_every_gradient_arrives(name: str, dtype: Any, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape_ops, "AT_ONCE", at_once)
    index, shape = FORMS[name], (6, 4, 3)
    x = Tensor(RNG.integers(-8, 8, shape).astype(dtype), requires_grad=True)
    places = np.arange(72).reshape(shape)[index]
    g = RNG.integers(-8, 8, places.shape).astype(dtype)  # whole numbers: their sums are exact in any order
    wanted = np.zeros(72, dtype)
    for place, value in zip(places.ravel(), g.ravel(), strict=True):
        wanted[place] += value
    (found,) = grad(x[index], x, g)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.data, wanted.reshape(shape))


def test_few_rows_of_a_large_table_and_rows_without_columns() -> None:
    for shape in ((5000, 3), (5000,), (4, 0), (4, 2, 0)):
        index = np.array([1, 3, 1, -1, 1])
        x = Tensor(np.zeros(shape), requires_grad=True)
        (g,) = grad(x[index], x, np.ones((5, *shape[1:])))
        wanted = np.zeros(shape)
        wanted[1], wanted[3] = 3, 1
        wanted[-1] += 1
        np.testing.assert_array_equal(g.data, wanted)


def test_one_value_is_scattered_to_many_places() -> None:
    rows = np.array([0, 2, 2])
    for x in (np.ones(()), np.ones(2), np.ones((3, 1)), np.ones((3, 2))):
        y = ops.scatter(Tensor(x), index=rows, shape=(4, 2))
        assert y.data.tolist() == [[1, 1], [0, 0], [2, 2], [0, 0]]


def test_infinity_stays_where_it_is() -> None:
    x = Tensor(np.zeros((3, 2)), requires_grad=True)
    (g,) = grad(x[np.array([0, 2, 0])], x, np.array([[np.inf, 1], [2, 3], [4, 5]]))
    assert g.data.tolist() == [[np.inf, 6], [0, 0], [2, 3]]


@pytest.mark.parametrize(
    "index",
    [
        np.array([6] * 9),
        np.array([-7] * 9),
        (np.array([0] * 9), np.array([4] * 9)),
        (np.array([0] * 9), np.array([-5] * 9)),
        (np.array([0] * 9),) * 4,
    ],
    ids=str,
)
def test_a_place_that_is_not_there_is_refused(index: Any) -> None:
    for call in (
        lambda: ops.scatter(Tensor(np.ones((9, 4, 3))), index=index, shape=(6, 4, 3)),
        lambda: Tensor(np.ones((6, 4, 3)))[index],
    ):
        with pytest.raises(IndexError, match=r"out of bounds|too many indices"):
            call()
