"""Every form of index that NumPy knows, with elements picked twice: the gradient counts each time."""

from __future__ import annotations

import random
from collections.abc import Callable
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


# --- single places beside arrays: PyTorch takes them first, NumPy together with the arrays

every, three = slice(None), np.array([True, False, True])
MIXED: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "a place, all, an array": ((0, every, [1, 2, 0]), lambda x: x[0][:, [1, 2, 0]]),
    "a place, a new axis, an array": ((0, None, [1, 2]), lambda x: x[0][None][:, [1, 2]]),
    "a place, dots, an array": ((-1, ..., [0, 0]), lambda x: x[-1][..., [0, 0]]),
    "all, an array, all, a place": ((every, [1, 0, 1], every, 2), lambda x: x[..., 2][:, [1, 0, 1]]),
    "a tensor without axes, all, an array": ((Tensor(1), every, [2, 0]), lambda x: x[1][:, [2, 0]]),
    "a place, a mask, all, an array": ((1, three, every, [0, 3]), lambda x: x[1][three, :, [0, 3]]),
    "dots that stand for nothing": (([0, 1], ..., [2, 1], every, every), lambda x: x[[0, 1], [2, 1]]),
    "side by side": ((every, 1, [0, 2]), lambda x: x[:, 1][:, [0, 2]]),
    "an array, a place": (([1, 0, 1], 2), lambda x: x[:, 2][[1, 0, 1]]),
}


@pytest.mark.parametrize("form", MIXED)
def test_single_places_are_taken_before_arrays(form: str) -> None:
    index, meaning = MIXED[form]
    values = np.arange(120.0).reshape(2, 3, 4, 5)
    places = meaning(np.arange(120).reshape(2, 3, 4, 5))
    x = Tensor(values, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, places)
    expected = np.zeros(120)
    np.add.at(expected, places, 1)
    np.testing.assert_array_equal(grad(y.sum(), x)[0].data.reshape(-1), expected)
    written = Tensor(values.copy())
    written[index] = Tensor(-np.ones(places.shape))
    np.testing.assert_array_equal(np.flatnonzero(written.data == -1), np.unique(places))


def test_all_forms_of_an_index_as_in_pytorch() -> None:
    """Drawn: places, slices, dots, new axes, lists, masks, tensors with and without axes. Values, views, assignment."""
    torch = pytest.importorskip("torch", reason="PyTorch's meaning is compared with")
    r = random.Random(0)
    values = np.arange(120.0).reshape(2, 3, 4, 5)
    compared = 0
    for _ in range(3000):
        parts: list[Any] = []
        axis = 0
        while axis < 4 and r.random() < 0.85:
            n = values.shape[axis]
            kind = r.choice(["place", "slice", "all", "list", "mask", "single", "none", "dots"])
            if kind == "dots" and any(p is ... for p in parts):
                continue
            axis += 0 if kind == "none" else r.randint(0, 4 - axis) if kind == "dots" else 1
            draw: dict[str, Any] = {
                "place": lambda n=n: r.randrange(-n, n),
                "slice": lambda: slice(r.choice([None, 0, 1]), r.choice([None, 2]), r.choice([None, 2])),
                "all": lambda: slice(None),
                "list": lambda n=n: [r.randrange(n) for _ in range(2)],
                "mask": lambda n=n: np.arange(n) % max(n - 2, 1) == 0,
                "single": lambda n=n: np.asarray(r.randrange(n)),
                "none": lambda: None,
                "dots": lambda: ...,
            }
            parts.append(draw[kind]())
        theirs = torch.tensor(values)
        try:
            wanted = theirs[tuple(torch.tensor(p) if isinstance(p, np.ndarray) else p for p in parts)]
        except (IndexError, RuntimeError):
            continue
        x = Tensor(values.copy())
        index = tuple(Tensor(p) if isinstance(p, np.ndarray) else p for p in parts)
        y = x[index]
        compared += 1
        assert y.shape == tuple(wanted.shape), parts
        np.testing.assert_array_equal(y.data, wanted.numpy(), err_msg=str(parts))
        if y.data.size:
            assert np.shares_memory(y.data, x.data) == np.shares_memory(wanted.numpy(), theirs.numpy()), parts
        picked = set(wanted.numpy().reshape(-1).tolist())
        x[index] = -1.0
        assert set(x.data[x.data >= 0].tolist()) == set(values.reshape(-1).tolist()) - picked, parts
    assert compared > 1000


@pytest.mark.parametrize("place", [0, -1, np.int64(1), Tensor(2), (1,), (..., 0)])
def test_one_element_is_a_view_too(place: Any) -> None:
    x = Tensor(np.arange(3.0))
    element = x[place]
    assert element.shape == ()
    element += 10
    assert x.data.max() >= 10
    assert [np.shares_memory(part.data, x.data) for part in x] == [True] * 3
