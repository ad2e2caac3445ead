"""NumPy's functions on Tensors: each by NumPy's own signature, every parameter by position and by name."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_nn import Tensor
from tinygrad_nn.numpy_functions import ABSENT, FAMILIES, FUNCTIONS, by_value
from tinygrad_nn.numpy_interface import PREDICATES, SIGNATURES, UFUNC_DEFAULTS, UFUNCS, full_name, numpy_signature
from tinygrad_nn.testing import gradcheck, gradgradcheck

A = np.array([[0.5, 0.25], [0.75, 0.5]])
M = np.array([[3.0, -1.25, 2.5], [0.5, 4.0, -2.0]])
V = np.array([3.0, -4.0, 0.5])
C = np.sin(np.arange(24.0) ** 2).reshape(2, 3, 4)
ROW = np.arange(3.0).reshape(1, 3) + 0.5
MASK = np.array([[True, False, True], [False, True, True]])

# For each function: its first arguments, of which floating arrays become Tensors; what may stand for some of its
# parameters, where that is not in VALUES; the parameters that it refuses; and those of which it refuses some values.
TABLE = {
    np.sum: ([M], {}, "initial where", "dtype"),
    np.mean: ([M], {}, "where", "dtype"),
    np.var: ([M], {}, "where mean", "dtype"),
    np.std: ([M], {}, "where mean", "dtype"),
    np.max: ([M], {}, "initial where", ""),
    np.amax: ([M], {}, "initial where", ""),
    np.min: ([M], {}, "initial where", ""),
    np.amin: ([M], {}, "initial where", ""),
    np.argmax: ([M], {}, "", ""),
    np.argmin: ([M], {}, "", ""),
    np.argsort: ([M], {"order": [None, "a"]}, "", ""),
    np.any: ([M], {}, "", ""),
    np.all: ([M], {}, "", ""),
    np.nonzero: ([M], {}, "", ""),
    np.isclose: ([M, M + 1e-9], {}, "", ""),
    np.allclose: ([M, M + 1e-9], {}, "", ""),
    np.array_equal: ([M, M], {}, "", ""),
    np.shape: ([M], {}, "", ""),
    np.ndim: ([M], {}, "", ""),
    np.size: ([M], {}, "", ""),
    np.zeros_like: ([M], {}, "", "dtype"),
    np.ones_like: ([M], {}, "", "dtype"),
    np.empty_like: ([M], {}, "", "dtype"),
    np.full_like: ([M, 7], {}, "", "dtype"),
    np.squeeze: ([ROW], {"axis": [None, 0, -2, (0,), 1, (0, 1), 7]}, "", ""),
    np.expand_dims: ([M], {"axis": [0, 2, -1, (0, 1), (0, -1), 9, (0, 0)]}, "", ""),
    np.transpose: ([C], {"axes": [None, (2, 0, 1), [1, 0, 2], (-1, 0, 1), (0, 1), (0, 0, 1)]}, "", ""),
    np.swapaxes: ([C], {}, "", ""),
    np.moveaxis: ([C], {"source": [0, (0, 1), [0, -1]], "destination": [-1, (1, 0), 7]}, "", ""),
    np.rollaxis: ([C], {"axis": [2, -1, 5], "start": [0, 1, 3]}, "", ""),
    np.matrix_transpose: ([C], {}, "", ""),
    np.flip: ([M], {}, "", ""),
    np.roll: ([M], {"shift": [1, -4, (1, 2)]}, "", ""),
    np.tile: ([M], {"reps": [2, (2, 1), (2, 1, 3), 0]}, "", ""),
    np.repeat: ([M], {"repeats": [2, [1, 0, 2], 0], "axis": [None, 1, -1, 3]}, "", ""),
    np.take: ([M], {"indices": [0, [1, 1, -1], MASK * 1, 6], "mode": ["raise", "wrap", "clip"]}, "", ""),
    np.diagonal: ([C], {"offset": [0, 1, -1, 9]}, "", ""),
    np.split: (
        [np.arange(6.0) + 0.5],
        {"indices_or_sections": [3, [1, 4], [4, 1], 4, [9]], "axis": [0, -1, 1]},
        "",
        "",
    ),
    np.array_split: ([M], {"indices_or_sections": [2, 4, [1], 0], "axis": [0, 1, -1, 2]}, "", ""),
    np.linalg.norm: ([M], {"ord": [None, "fro", "f", 1, -1, np.inf, -np.inf, 2, -2, "nuc", 3, "x"]}, "", "ord"),
    np.dot: ([M, M.T], {}, "", ""),
    np.inner: ([M, M[:1]], {}, "", ""),
    np.outer: ([M, V], {}, "", ""),
    np.tensordot: (
        [C, C.reshape(3, 4, 2)],
        {"axes": [2, ([1, 2], [0, 1]), (1, 0), ((2, -3), (1, 2)), 1, (0, -1), 0, 9, ((0, 0), (0, 0))]},
        "",
        "",
    ),
    np.einsum: (["ij,kj->ik", M, M], {"optimize": [False, True, "greedy"]}, "order casting dtype", ""),
    np.reshape: (
        [M],
        {name: [(3, 2), 6, -1, [2, -1], (2, 1, 3), 5] for name in ("shape", "newshape")}
        | {"copy": [None, True, False]},
        "order",
        "",
    ),
    np.ravel: ([M], {}, "order", ""),
    np.broadcast_to: ([V], {"shape": [(2, 3), 3, [2, 1, 3], (3, 2)]}, "subok", ""),
    np.concatenate: ([[M, M * 2]], {"axis": [0, 1, -1, None, 3]}, "dtype casting", ""),
    np.stack: ([[M, M * 2]], {"axis": [0, 1, 2, -1, -2, 3]}, "dtype casting", ""),
    np.vstack: ([[V, M]], {}, "dtype casting", ""),
    np.hstack: ([(M, M * 2)], {}, "dtype casting", ""),
    np.dstack: ([[V, V * 2]], {}, "", ""),
    np.column_stack: ([[V, M.T]], {}, "", ""),
    np.pad: (
        [M],
        {
            "pad_width": [0, 1, (2,), (1, 2), [[1, 0]], ((0, 1), (2, 0)), ((1,), (2,)), 1.5, -1, (1, 2, 3)],
            "mode": ["constant", "edge"],
            "constant_values": [0, 7, (1, 2), ((1, 2), (3, 4))],
            "stat_length": [3],
            "reflect_type": ["odd"],
        },
        "stat_length reflect_type",
        "mode",
    ),
    np.clip: (
        [M],
        {
            name: [None, 0, np.float64(-0.5), np.full(3, 0.7), np.ones((2, 1))]
            for name in ("a_min", "a_max", "min", "max")
        }
        | {"casting": ["unsafe"]},
        "casting",
        "",
    ),
    np.where: ([MASK, M, M * 2], {}, "", ""),
}
VALUES = {
    "axis": [None, 0, 1, -1, -2, (0, 1), (-1,), (), 2, -3, (0, 0), [0, 1]],
    "axis1": [0, 1, -1, 5],
    "axis2": [2, 1, -3],
    "keepdims": [False, True],
    "dtype": [None, np.float64, "float32", float, int, np.uint8, bool, complex],
    "out": [None, np.zeros(3)],
    "where": [True, MASK],
    "initial": [1.5],
    "mean": [np.zeros((1, 1))],
    "ddof": [0, 1, 0.5],
    "correction": [1, 0],
    "order": ["C", "F"],
    "kind": [None, "stable"],
    "stable": [None, True],
    "descending": [False],
    "casting": ["same_kind", "unsafe"],
    "subok": [True, False],
    "shape": [None, (4,)],
    "device": [None, "cpu"],
    "rtol": [1e-5, 1e-12],
    "atol": [1e-8, 1e-12],
    "equal_nan": [False, True],
}


def tensors(x, dtype=np.float64):
    """The floating arrays as Tensors that require gradients, in lists and tuples too."""
    if isinstance(x, list | tuple):
        return type(x)(tensors(part, dtype) for part in x)
    return Tensor(x.astype(dtype), requires_grad=True) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def leaves(x):
    if isinstance(x, list | tuple):
        return [leaf for part in x for leaf in leaves(part)]
    return [x] if isinstance(x, Tensor) and x.requires_grad else []


def outcome(function, args, kwargs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*args, **kwargs)
        except Exception as error:
            return error


def same(ours, theirs, function):
    if isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, function)
    elif isinstance(theirs, np.ndarray | np.generic):
        assert isinstance(ours, Tensor)
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        if function is not np.empty_like:
            np.testing.assert_allclose(ours.data, theirs, rtol=1e-6)
    else:
        assert ours == theirs
        assert type(ours) is type(theirs)


def compare(function, args, kwargs):
    """The same call on Tensors and on arrays: one result, or two errors, or the parameter that was refused."""
    inputs = tensors(args)
    ours, theirs = outcome(function, inputs, kwargs), outcome(function, args, kwargs)
    if isinstance(ours, Exception):
        message = str(ours)
        assert not re.search(r"lambda|<|\b_[a-z]", message), message
        refused = re.search(r"does not take (\w+)=|\((\w+)=\.\.\.\) would hide", message)
        if refused and isinstance(ours, TypeError):
            assert full_name(function) in message
            return refused[1] or refused[2]
        assert isinstance(theirs, Exception), f"{message} where NumPy gives {theirs}"
        assert isinstance(ours, TypeError | ValueError | IndexError)
        return None
    if "One of max or min must be given" in str(theirs):  # NumPy before 2.1; since then a copy, as here
        return ours
    assert not isinstance(theirs, Exception), f"a result where NumPy says {theirs}"
    same(ours, theirs, function)
    differentiable = [y for y in (ours if isinstance(ours, list | tuple) else [ours]) if isinstance(y, Tensor)]
    for y in differentiable:
        constant = function in FAMILIES[by_value] or function is np.full_like or y.dtype.kind != "f"
        assert y.requires_grad is not constant
    return ours


def checked_gradients(function, args, kwargs):
    """The gradients of a call by finite differences, where it gives a floating-point result."""
    inputs = tensors(args)
    xs = leaves(inputs)

    def call(*values):
        rest = iter(values)

        def filled(x):
            if isinstance(x, list | tuple):
                return type(x)(map(filled, x))
            return next(rest) if isinstance(x, Tensor) else x

        return function(*filled(inputs), **kwargs)

    y = outcome(call, xs, {})
    for part in y if isinstance(y, list) else [y]:
        if not (isinstance(part, Tensor) and part.requires_grad and part.dtype == np.float64 and part.size):
            return
        if not np.isfinite(part.data).all():
            return
    assert outcome(gradcheck, [call, xs], {"fast_mode": True}) is True


def values_of(function, name):
    return TABLE[function][1].get(name, VALUES.get(name, [object()]))


def required(function, but=None):
    """A value for each parameter that has no default and is none of the first arguments."""
    names = [p.name for p in numpy_signature(function).parameters.values() if p.default is p.empty]
    names = [] if function is np.einsum else names[len(TABLE[function][0]) :]
    return {name: values_of(function, name)[0] for name in names if name not in (but, "kwargs")}


def calls(function):
    """Every parameter of NumPy's signature with every value, by name and by position: parameter, args, kwargs."""
    base, own, _, _ = TABLE[function]
    parameters_by_name = numpy_signature(function).parameters
    parameters = [*parameters_by_name.values()]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variable = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    yield None, base, required(function)
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    names += [name for name in own if name not in names and any(p.kind is p.VAR_KEYWORD for p in parameters)]
    for name in names[0 if variable else len(base) :]:
        default = parameters_by_name[name].default if name in parameters_by_name else inspect.Parameter.empty
        for value in [*values_of(function, name), *([] if default is inspect.Parameter.empty else [default])]:
            yield name, base, required(function, name) | {name: value}
            if name in (places := [p.name for p in positional]):
                between = positional[len(base) : places.index(name)]
                filler = [values_of(function, p.name)[0] if p.default is p.empty else p.default for p in between]
                after = {k: v for k, v in required(function, name).items() if k not in places[: places.index(name)]}
                yield name, [*base, *filler, value], after


@pytest.mark.parametrize("function", FUNCTIONS, ids=full_name)
def test_every_parameter_means_what_it_means_in_numpy_or_is_refused(function):
    _, _, refused, partly = TABLE[function]
    parameters = numpy_signature(function).parameters
    denied, unknown = set(), set()
    for name, args, kwargs in calls(function):
        value = kwargs[name] if name in kwargs else args[-1]
        result = compare(function, args, kwargs)
        if type(value) is object:
            unknown.add(name)  # of a NumPy newer than this table: it must not be accepted in silence
        if isinstance(result, str):
            assert result == name, f"{name} was given and {result} refused"
            denied.add(name)
        else:
            assert name not in refused.split() or value == parameters[name].default
            checked_gradients(function, args, kwargs)
    assert denied - unknown == {*refused.split(), *partly.split(), *({"out"} & parameters.keys())} - unknown


@st.composite
def drawn_calls(draw):
    """A function with some of its parameters, a few of them by position."""
    function = draw(st.sampled_from([*TABLE]))
    parameters = [*numpy_signature(function).parameters.values()]
    base = list(TABLE[function][0])
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][len(base) :]
    args, kwargs = list(base), {}
    for p in positional[: draw(st.integers(0, len(positional)))]:
        args.append(draw(st.sampled_from(values_of(function, p.name))))
    for p in parameters:
        given = p in positional[: len(args) - len(base)] or p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        first = p.kind is p.POSITIONAL_OR_KEYWORD and p not in positional
        if not given and not first and (p.default is p.empty or draw(st.booleans())):
            kwargs[p.name] = draw(st.sampled_from(values_of(function, p.name)))
    return function, args, kwargs


@settings(max_examples=400)
@given(drawn_calls())
def test_parameters_together_mean_what_they_mean_in_numpy(call):
    function, args, kwargs = call
    if not isinstance(compare(function, args, kwargs), str):
        checked_gradients(function, args, kwargs)


@pytest.mark.parametrize("function", SIGNATURES, ids=full_name)
def test_a_signature_that_is_written_down_is_numpys(function):
    try:
        theirs = inspect.signature(function)
    except ValueError:  # NumPy before 2.4
        words = re.findall(r"\w+", function.__doc__[: function.__doc__.index("Parameters")])
        assert {*numpy_signature(function).parameters} - {
            *words,
            "arrays",
            "operands",
            "dtype",
            "order",
            "casting",
        } == set()
        return
    ours = [(p.name, p.kind, p.default) for p in numpy_signature(function).parameters.values()]
    theirs = [(p.name, p.kind, p.default) for p in theirs.parameters.values()]
    if theirs[-1][1] is inspect.Parameter.VAR_KEYWORD:
        options = re.search(rf"{function.__name__}\((.*?)\)", function.__doc__, re.DOTALL)[1]
        assert ours[: len(theirs) - 1] == theirs[:-1]
        for name, _, default in ours[len(theirs) - 1 :]:
            assert f"{name}={default!r}" in options
    else:
        assert ours == theirs


# --- ufuncs


EVERY_UFUNC = [*UFUNCS, *sorted(PREDICATES, key=full_name)]  # in one order in every process


@pytest.mark.parametrize("ufunc", EVERY_UFUNC, ids=lambda f: f.__name__)
def test_every_ufunc_gives_what_numpy_gives_on_either_side(ufunc):
    a, b = (A > 0.3, A < 0.6) if "bit" in ufunc.__name__ or ufunc is np.invert else (A, A.T + 0.125)
    t = Tensor(a, requires_grad=a is A)
    results = [(ufunc(t), ufunc(a))] if ufunc.nin == 1 else [(ufunc(t, b), ufunc(a, b)), (ufunc(b, t), ufunc(b, a))]
    for ours, theirs in results:
        assert isinstance(ours, Tensor)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours.data, theirs)
        assert ours.requires_grad is (ufunc in UFUNCS)


@pytest.mark.filterwarnings("ignore:Passing more than 2 positional:DeprecationWarning")
@pytest.mark.parametrize("ufunc", EVERY_UFUNC, ids=lambda f: f.__name__)
def test_a_ufunc_takes_its_options_only_as_they_are_by_default(ufunc):
    t = Tensor(A > 0.3 if "bit" in ufunc.__name__ or ufunc is np.invert else A)
    inputs = [t] * ufunc.nin
    plain = ufunc(*inputs).data
    options = {"where": A > 0.3, "casting": "unsafe", "order": "F", "dtype": np.float64, "subok": False}
    options |= {"signature": ("d",) * ufunc.nargs}
    if ufunc is np.matmul:
        del options["where"]
        options |= {"axes": [(0, 1)] * 3, "axis": 0, "keepdims": True}
    for name, value in options.items():
        with pytest.raises(TypeError, match=rf"^np\.{ufunc.__name__} on Tensors does not take {name}="):
            ufunc(*inputs, **{name: value})
        if name not in ("axes", "axis"):
            usual = UFUNC_DEFAULTS.get(name)
            usual = "".join(list(usual)) if isinstance(usual, str) else usual  # equal, another object
            np.testing.assert_array_equal(ufunc(*inputs, **{name: usual}).data, plain)
    for call in (
        lambda out: ufunc(*inputs, out),
        lambda out: ufunc(*inputs, out=out),
        lambda out: ufunc(*inputs, out=(out,)),
    ):
        for out in (np.empty((2, 2)), Tensor(np.empty((2, 2)))):
            with pytest.raises(TypeError, match=rf"^np\.{ufunc.__name__}\(out=...\) would hide a Tensor"):
                call(out)
        np.testing.assert_array_equal(call(None).data, plain)
    try:
        theirs = inspect.signature(ufunc).parameters.values()
    except ValueError:  # NumPy before 2.4
        return
    for parameter in theirs:
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not ABSENT:
            assert parameter.default == UFUNC_DEFAULTS.get(parameter.name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.median(t), r"^np\.median has no counterpart"),
        (lambda t: np.linalg.svd(t), r"^np\.linalg\.svd has no counterpart"),
        (lambda t: np.fft.fft(t), r"^np\.fft\.fft has no counterpart"),
        (lambda t: np.floor(t), r"^np\.floor has no counterpart"),
        (lambda t: np.add.reduce(t, 0), r"^np\.add\.reduce has no counterpart"),
        (lambda t: np.multiply.outer(t, t), r"^np\.multiply\.outer has no counterpart"),
        (lambda t: np.maximum.accumulate(t), r"^np\.maximum\.accumulate has no counterpart"),
        (lambda t: np.add.at(A.copy(), 0, t), r"^np\.add\.at has no counterpart"),
        (lambda t: np.sum(A, out=t), r"^np\.sum\(out=...\) would hide"),
        (lambda t: np.where(t, 1), "both x and y, or neither"),
        (lambda t: np.einsum(t, [0, 1], [0]), "np.einsum on Tensors does not take its subscripts as lists"),
        (lambda t: np.linalg.norm(t, "nuc"), "np.linalg.norm on Tensors does not take ord='nuc' of a matrix"),
        (lambda t: t + "a", "must hold real numbers"),
        (lambda t: t + 1j, "must hold real numbers"),
    ],
)
def test_what_has_no_counterpart_says_what_to_do(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(Tensor(A, requires_grad=True))


# --- what tables do not say


@pytest.mark.parametrize("function", [np.dot, np.inner, np.outer, np.matmul, np.tensordot], ids=full_name)
def test_products_of_any_number_of_axes(function):
    shapes = [(), (3,), (2, 3), (3, 2), (2, 3, 2), (4, 2, 3), (0,), (3, 0), (2, 1, 2, 3)]
    for left in shapes:
        for right in shapes:
            a, b = (np.cos(np.arange(float(np.prod(shape))) + len(shape)).reshape(shape) for shape in (left, right))
            compare(function, [a, b], {})
            checked_gradients(function, [a, b], {})
            ours, theirs = outcome(function, [a, Tensor(b)], {}), outcome(function, [a, b], {})
            assert isinstance(ours, Exception) if isinstance(theirs, Exception) else ours.shape == theirs.shape
    assert np.dot(np.ones((2, 3)), Tensor(np.ones((4, 3, 5)))).shape == (2, 4, 5)


@pytest.mark.parametrize("p", [None, 0, 0.5, 1, 1.5, 2, 3, np.float64(4), -1, -2.5, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [None, 0, -1, (1,)])
def test_the_norm_of_vectors_has_numpys_values_and_gradients_that_are_finite_at_0(p, axis):
    x = V if axis is None else M
    compare(np.linalg.norm, [x, p, axis, True], {})
    checked_gradients(np.linalg.norm, [x, p, axis], {})
    for extreme in (np.inf, np.nan):
        compare(np.linalg.norm, [np.where(x == x.flat[0], extreme, x), p, axis], {})
        compare(np.linalg.norm, [np.full_like(x, extreme), p, axis], {})
    for zeros in (np.where(x > 0, x, 0.0), np.zeros_like(x), np.abs(x).astype(np.int64)):
        with np.errstate(divide="ignore"):
            expected = np.linalg.norm(zeros, p, axis)
            t = Tensor(zeros, requires_grad=zeros.dtype.kind == "f")
            y = np.linalg.norm(t, p, axis)
            np.testing.assert_allclose(y.data, expected, rtol=1e-6)
            if t.requires_grad:
                y.sum().backward()
                assert np.isfinite(t.grad.data).all()
                assert (t.grad.data[zeros == 0] == 0).all()
            else:
                assert y.dtype == np.float32


@pytest.mark.parametrize("ord", [None, "fro", 1, -1, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [(0, 1), (2, 0), (-1, -2), (1, 1)])
def test_the_norm_of_matrices_along_any_two_axes(ord, axis):
    for keepdims in (False, True):
        compare(np.linalg.norm, [C, ord, axis, keepdims], {})
        checked_gradients(np.linalg.norm, [C, ord, axis, keepdims], {})


def test_the_norm_of_everything_is_for_any_number_of_axes_without_an_order():
    for x in (np.array(-2.0), V, M, C):
        for args in ([x], [x, None, None, True], [x, 1], [x, "fro"]):
            compare(np.linalg.norm, args, {})
            checked_gradients(np.linalg.norm, args, {})


def test_the_gradient_of_a_norm_is_0_where_its_powers_underflow():
    t = Tensor(np.array([1e-200, -1e-200]), requires_grad=True)
    np.linalg.norm(t, 3).backward()
    assert t.grad.tolist() == [0, 0]


def test_the_gradient_of_the_norm_is_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = np.array([[3.0, -4.0, 0.0], [0.0, 1.5, -2.0]])
    for p in (0, 0.5, 1, 1.5, 2, 3, -1, np.inf, -np.inf):
        ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        with np.errstate(divide="ignore"):
            np.linalg.norm(ours, p, 1).sum().backward()
        torch.linalg.vector_norm(theirs, p, 1).sum().backward()
        expected = np.zeros_like(x) if theirs.grad is None else theirs.grad.numpy()  # none for the number of nonzeros
        np.testing.assert_allclose(ours.grad.data, expected, rtol=1e-12)


def test_bounds_of_clip_that_are_tensors_have_gradients():
    x, low, high = tensors([M, np.array([-1.0, 0.1, -3.0]), np.array([[2.0], [3.0]])])
    calls = [lambda x, low, high: np.clip(x, low, high)]
    if "min" in numpy_signature(np.clip).parameters:  # from NumPy 2.1
        calls.append(lambda x, low, high: np.clip(x, max=high, min=low))
    for call in calls:
        np.testing.assert_allclose(call(x, low, high).data, np.clip(M, low.data, high.data))
        assert gradcheck(call, [x, low, high])
    for y in (np.clip(M, low, 2.0), M.clip(low, 2.0)):
        np.testing.assert_allclose(y.data, np.clip(M, low.data, 2.0))
        assert y.requires_grad


def test_numbers_lists_and_integers_never_make_float64_of_float32():
    t, n = Tensor(np.float32(M)), Tensor(np.arange(6).reshape(2, 3))
    for function, (base, *_) in TABLE.items():
        y, theirs = (outcome(function, args, required(function)) for args in (tensors(base, np.float32), base))
        for part in y if isinstance(y, list) else [y]:
            assert not isinstance(part, Exception) or isinstance(theirs, Exception)
            assert not isinstance(part, Tensor) or part.dtype != np.float64
    for y in (
        *(np.dot(t, 0.5), np.inner(0.5, t), np.dot(t, [1.0, 2.0, 3.0]), np.outer(t, [0.5]), np.tensordot(t, 0.5, 0)),
        *(
            np.einsum("ij,->ij", t, 0.5),
            np.einsum("ij,j", t, [1.0, 2.0, 0.1]),
            np.where(MASK, t, 0.5),
            np.clip(t, 0.1, 1),
        ),
        *(np.concatenate([t, [[1.0, 2.0, 0.1]]]), np.stack([t, M.tolist()]), np.vstack([t, [0.1, 0.2, 0.3]])),
        *(np.concatenate([t, 0.1], axis=None), np.pad(t, 1, constant_values=0.5), np.full_like(t, 0.5)),
        *(np.mean(n), np.var(n), np.std(n), np.linalg.norm(n), np.linalg.norm(n, 1), np.clip(n, 0.5, 2.5), np.exp(n)),
        *(np.linalg.norm(t, 3, 1), np.linalg.norm(t, 0, 1), np.linalg.norm(t, np.float64(1.5), 1), np.dot(n, 0.5)),
    ):
        assert y.dtype == np.float32
    wide = Tensor(M)
    assert np.concatenate([wide, [[0.1, 0.2, 0.3]]]).data[-1].tolist() == [0.1, 0.2, 0.3]
    assert np.dot(wide, [0.1, 0.0, 0.0]).tolist() == np.dot(M, [0.1, 0.0, 0.0]).tolist()
    assert np.sum(t, dtype=np.float64).dtype == np.float64
    small = Tensor(np.array([100, 100], np.int8))
    assert np.sum(small).item() == 200
    assert np.sum(small, dtype=np.int8).item() == -56
    assert np.sum(small, dtype=bool).dtype == bool


def test_tensors_stand_where_numpy_takes_whole_numbers_and_conditions():
    counts, t = Tensor(np.array([1, 2, 0])), Tensor(M, requires_grad=True)
    assert np.repeat(t, counts, 1).data.tolist() == np.repeat(M, [1, 2, 0], 1).tolist()
    assert np.repeat(M, counts, 1).data.tolist() == np.repeat(M, [1, 2, 0], 1).tolist()
    assert np.take(t, counts).data.tolist() == np.take(M, [1, 2, 0]).tolist()
    assert [part.tolist() for part in np.split(t, Tensor(np.array([1])), 1)] == [
        p.tolist() for p in np.split(M, [1], 1)
    ]
    assert np.where(t > 1, t, 0).data.tolist() == np.where(M > 1, M, 0).tolist()
    rows, columns = np.where(t > 1)
    assert t[rows, columns].data.tolist() == M[M > 1].tolist()
    assert (MASK & (t > 1)).data.tolist() == (MASK & (M > 1)).tolist()
    with pytest.raises(RuntimeError, match=r"use \.detach\(\)\.numpy\(\)"):
        np.full_like(t, Tensor(2.0, requires_grad=True))
    assert np.full_like(t, Tensor(2.0)).tolist() == [[2, 2, 2]] * 2


def test_a_reshape_shares_memory_unless_a_copy_is_asked_for():
    t = Tensor(M)
    assert np.shares_memory(np.reshape(t, 6).data, M)
    if "copy" not in inspect.signature(np.reshape).parameters:
        pytest.skip("np.reshape takes copy= from NumPy 2.1")
    assert not np.shares_memory(np.reshape(t, 6, copy=True).data, M)
    with pytest.raises(ValueError, match="copy"):
        np.reshape(t.T, 6, copy=False)


def test_a_gradient_of_a_gradient_goes_through():
    t = Tensor(M, requires_grad=True)
    for f in (lambda x: np.linalg.norm(x, 3, 1), lambda x: np.std(x, 0, ddof=1), lambda x: np.roll(x * x, 1, 0)):
        assert gradgradcheck(f, t)


# --- arrays from Tensors, copies, changes in place


def test_an_array_is_made_only_of_what_needs_no_gradient():
    with pytest.raises(RuntimeError, match=r"use \.detach\(\)\.numpy\(\)"):
        np.asarray(Tensor(A, requires_grad=True))
    t = Tensor(A)
    assert np.shares_memory(np.asarray(t), A)
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(t), A)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copy_is_a_leaf_of_its_own(copied):
    t = Tensor(A, requires_grad=True)
    twin = copied(t)
    (twin * 2).sum().backward()
    assert t.grad is None
    np.testing.assert_allclose(twin.grad.data, 2)
    assert not np.shares_memory(twin.data, t.data)
    assert not copied(Tensor(A)).requires_grad
    with pytest.raises(RuntimeError, match=r"made by mul.*use \.detach\(\)"):
        copied(t * 2)


def test_in_place_operators_change_the_array_outside_the_graph_only():
    t = Tensor(np.ones(3))
    alias = t
    t += 2
    t *= 3
    t -= 1
    t /= 4
    assert alias is t
    np.testing.assert_allclose(t.data, 2)
    t[1:] = 7.0
    assert t.data.tolist() == [2, 7, 7]
    w = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(RuntimeError, match="requires gradients cannot be changed in place"):
        w += 1
    with pytest.raises(RuntimeError, match="cannot be changed in place"):
        w[0] = 1.0
    integers = Tensor(np.arange(3))
    with pytest.raises(TypeError):
        integers += 0.5


def test_a_value_changed_between_forward_and_backward_is_an_error_through_any_view():
    x, w = Tensor(np.ones((2, 3))), Tensor(np.ones(3), requires_grad=True)
    row = x[0]
    y = (x * w).sum()
    row += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
