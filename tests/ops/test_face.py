"""The operations as a user meets them: a docstring, a signature with names and defaults, one list of exports."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, ops
from tinygrad_nn.core.node import Into
from tinygrad_nn.ops import TABLE, EachInput, Primitive

every_primitive = pytest.mark.parametrize("name", sorted(TABLE))


@pytest.mark.parametrize("name", sorted(set(ops.__all__) - {"TABLE", "EachInput", "Primitive"}))
def test_what_is_exported_says_what_it_does_and_takes(name: str) -> None:
    operation = getattr(ops, name)
    text = inspect.getdoc(operation)
    assert text
    assert text[0] != " "
    assert inspect.signature(operation).parameters


@every_primitive
def test_a_primitive_has_words_and_names(name: str) -> None:
    primitive = TABLE[name]
    assert primitive.__doc__
    assert primitive.__doc__ != Primitive.__doc__
    assert primitive.__doc__.endswith(".")
    names = list(inspect.signature(primitive).parameters)
    assert names
    assert not {"g", "y"} & set(names[:1]) or name == "conv2d_input"


@every_primitive
def test_attributes_have_one_way_to_come(name: str) -> None:
    """By name alone into the forward rule, and every rule of a primitive knows the same ones with the same defaults."""
    primitive = TABLE[name]
    rules = [primitive.vjps] if isinstance(primitive.vjps, EachInput) else [r for r in primitive.vjps if r is not None]
    known = [inspect.signature(r.rule if isinstance(r, EachInput | Into) else r).parameters for r in rules]
    for attribute in primitive.attributes:
        if (
            isinstance(primitive.forward, type(lambda: 0))
            and attribute in inspect.signature(primitive.forward).parameters
        ):
            given = inspect.signature(primitive.forward).parameters[attribute]
            assert given.kind is inspect.Parameter.KEYWORD_ONLY
        for parameters in known:
            if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
                continue  # it hands all of them on
            default = primitive.defaults.get(attribute, inspect.Parameter.empty)
            assert attribute in parameters
            assert parameters[attribute].default is default or parameters[attribute].default == default


WAYS: dict[str, tuple[Any, ...]] = {
    "sum": (((), {}), ((None, False), {}), ((None,), {}), ((), {"axis": None, "keepdims": False})),
    "max": (((0,), {}), ((), {"axis": 0}), ((0, False), {}), ((0,), {"keepdims": False})),
    "min": (((1, True), {}), ((1,), {"keepdims": True}), ((), {"axis": 1, "keepdims": True})),
    "logsumexp": (((), {}), ((None, False), {}), ((), {"axis": None})),
    "softmax": (((), {}), ((-1,), {}), ((), {"axis": 1})),
    "log_softmax": (((), {}), ((-1,), {}), ((), {"axis": 1})),
    "clip": (((0.5,), {}), ((), {"low": 0.5}), ((0.5, None), {})),
    "reshape": (((-1,), {}), ((), {"shape": (6,)})),
    "broadcast_to": ((((4, 2, 3),), {}), ((), {"shape": (4, 2, 3)})),
    "getitem": (((0,), {}), ((), {"index": 0})),
    "transpose": ((((1, 0),), {}), ((), {"axes": (1, 0)})),
    "astype": (((np.float32,), {}), ((), {"dtype": np.float32})),
}


@pytest.mark.parametrize("name", WAYS)
def test_by_place_by_name_and_left_out_are_the_same(name: str) -> None:
    data = np.array([[1.0, -2.0, 3.0], [0.25, 5.0, -6.0]])
    found = []
    for args, kwargs in WAYS[name]:
        x = Tensor(data, requires_grad=True)
        y = getattr(ops, name)(x, *args, **kwargs)
        (y * y).sum().backward()
        assert x.grad is not None
        found.append((y.data, x.grad.data))
        np.testing.assert_array_equal(getattr(ops, name)(data, *args, **kwargs), y.data)  # arrays give arrays
    for y, gradient in found[1:]:
        np.testing.assert_array_equal(y, found[0][0])
        np.testing.assert_array_equal(gradient, found[0][1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: ops.sum(x, 0, False, 1), r"sum\(x.*\) was given 4 arguments by place"),
        (lambda x: ops.sum(x, 0, axis=0), r"sum\(x.*\) was given 2 arguments by place, axis"),
        (lambda x: ops.sum(x, dim=0), r"sum\(x.*\) was given 1 arguments by place, dim"),
        (lambda x: ops.reshape(x), r"reshape\(x, shape\) was given 1 arguments by place"),
        (lambda x: ops.sum(x, 5), r"sum of \(2,\), axis=5, keepdims=False: axis 5 is out of bounds"),
    ],
)
def test_what_does_not_fit_is_named(call, words: str) -> None:
    with pytest.raises((TypeError, IndexError, ValueError), match=words):
        call(Tensor([1.0, 2.0]))


@every_primitive
def test_one_argument_too_many_is_refused_and_nothing_is_written(name: str) -> None:
    """NumPy's functions would take it for `out`."""
    primitive = TABLE[name]
    if isinstance(primitive.vjps, EachInput):
        return  # any number of inputs
    for make in (np.array, Tensor):
        many = [make([2.0, 3.0]) for _ in range(primitive.inputs + len(primitive.attributes) + 1)]
        with pytest.raises(TypeError, match=rf"{name}\(.*\) was given {len(many)} arguments by place"):
            primitive(*many)
        assert all(x.tolist() == [2, 3] for x in many)


def test_a_primitive_of_ones_own_is_like_ours() -> None:
    scaled = Primitive(
        "scaled", lambda x, *, factor: x * factor, lambda g, y, x, factor=2.0: g * factor, doc="x · factor"
    )
    assert str(inspect.signature(scaled)) == "(x, factor=2.0)"
    assert inspect.getdoc(scaled) == "x · factor"
    x = Tensor([1.0], requires_grad=True)
    (scaled(x) + scaled(x, 3.0) + scaled(x, factor=4.0)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [9]
