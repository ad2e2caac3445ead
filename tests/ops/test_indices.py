"""Every form of index that NumPy knows, with elements picked twice: the gradient counts each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, ops
from tinygrad_nn.testing import gradcheck, gradgradcheck

rows, columns = np.array([0, 0, 2]), np.array([1, 1, 3])
mask = np.array([True, False, True])

FORMS: dict[str, Any] = {
    "two tuples": ((0, 0, 0), (1, 1, 2)),
    "a tuple within a tuple": ((0, 0, 2),),
    "two lists": ([0, 0, 0], [1, 1, 2]),
    "a list": [0, 0, 2, 2],
    "a nested list": [[0, 0], [2, 0]],
    "a range": (range(2), range(2)),
    "a tuple and a slice": ((1, 1), slice(1, 3)),
    "a slice and a tuple": (slice(None), (1, 1, 3)),
    "a tuple and a number": ((0, 0, 1), 2),
    "a tuple, a new axis": ((0, 0), None, slice(None)),
    "dots and a tuple": (..., (3, 3)),
    "an array": rows,
    "arrays": (rows, columns),
    "arrays that broadcast": (rows[:, None], columns),
    "small integers": (rows.astype(np.int8), columns.astype(np.uint8)),
    "of the other byte order": rows.astype(rows.dtype.newbyteorder("S")),
    "tensors": (Tensor(rows), Tensor(columns)),
    "a tensor": Tensor(rows),
    "a mask of rows and a tuple": (mask, (1, 3)),
    "a mask with one row and a tuple": (np.array([False, True, False]), (1, 1)),
    "a mask as a list": [True, False, True],
    "a mask as a tuple": ((True, False, True),),
    "a mask": mask,
    "an array of no dimensions": np.array(1),
    "numbers": (1, -1),
    "NumPy's numbers": (np.int64(1), np.int8(-1)),
    "nothing picked": ([],),
    "negative and positive": ((-1, 2), (-1, 3)),
}


def plain(index: Any) -> Any:
    return tuple(map(plain, index)) if type(index) is tuple else index.data if isinstance(index, Tensor) else index


@pytest.mark.parametrize("form", FORMS)
def test_each_time_an_element_is_picked_its_gradient_counts(form: str) -> None:
    index = FORMS[form]
    values = np.arange(12.0).reshape(3, 4)
    x = Tensor(values, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, values[plain(index)])
    seed = np.asarray(np.random.default_rng(0).standard_normal(y.shape))
    expected = np.zeros((3, 4))
    np.add.at(expected, plain(index), seed)
    for create_graph in (False, True):
        (g,) = grad(y, x, seed, retain_graph=True, create_graph=create_graph)
        np.testing.assert_allclose(g.data, expected)
    assert gradcheck(lambda x: x[index], x)
    assert gradgradcheck(lambda x: x[index] ** 2, x)


@pytest.mark.parametrize("form", FORMS)
def test_assignment_takes_the_same_forms(form: str) -> None:
    index, values = FORMS[form], np.zeros((3, 4))
    x = Tensor(np.zeros((3, 4)))
    x[index] = 5.0
    values[plain(index)] = 5.0
    np.testing.assert_array_equal(x.data, values)


@pytest.mark.parametrize("form", FORMS)
def test_the_primitives_take_them_as_they_are(form: str) -> None:
    index = plain(FORMS[form])
    shape = np.empty((3, 4))[index].shape
    expected = np.zeros((3, 4))
    np.add.at(expected, index, np.ones(shape))
    np.testing.assert_array_equal(ops.scatter(np.ones(shape), index=index, shape=(3, 4)), expected)
