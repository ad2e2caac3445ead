"""Convolution and pooling against their definitions, written as loops, with every option."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, ops
from tinygrad_nn.ops import conv
from tinygrad_nn.testing import gradcheck, gradgradcheck

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)


def draw(*shape: int) -> Array:
    return RNG.normal(size=shape)


def by_definition(x: Array, w: Array, b: Array, stride: Any, around: Any, dilation: Any, groups: int) -> Array:
    x = np.pad(x, ((0, 0), (0, 0), *around))
    spans = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    many = [(n - span) // s + 1 for n, span, s in zip(x.shape[2:], spans, stride, strict=True)]
    y = np.empty((len(x), len(w), *many))
    each, made = w.shape[1], len(w) // groups
    for n, o, i, j in product(*map(range, y.shape)):
        first = o // made * each
        top, left = i * stride[0], j * stride[1]
        window = x[n, first : first + each, top : top + spans[0] : dilation[0], left : left + spans[1] : dilation[1]]
        y[n, o, i, j] = (window * w[o]).sum() + b[o]
    return y


NONE = ((0, 0), (0, 0))
OPTIONS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "by default": ({}, ((1, 1), NONE, (1, 1), 1)),
    "stride": ({"stride": (2, 3)}, ((2, 3), NONE, (1, 1), 1)),
    "padding": ({"padding": (2, 1)}, ((1, 1), ((2, 2), (1, 1)), (1, 1), 1)),
    "one padding": ({"padding": 1}, ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)),
    "valid": ({"padding": "valid"}, ((1, 1), NONE, (1, 1), 1)),
    "same": ({"padding": "same"}, ((1, 1), ((1, 1), (0, 1)), (1, 1), 1)),
    "same with dilation": ({"padding": "same", "dilation": (2, 3)}, ((1, 1), ((2, 2), (1, 2)), (2, 3), 1)),
    "dilation": ({"dilation": (2, 1)}, ((1, 1), NONE, (2, 1), 1)),
    "groups": ({"groups": 2}, ((1, 1), NONE, (1, 1), 2)),
    "as many groups as channels": ({"groups": 4}, ((1, 1), NONE, (1, 1), 4)),
    "all": ({"stride": 2, "padding": (3, 2), "dilation": 2, "groups": 2}, ((2, 2), ((3, 3), (2, 2)), (2, 2), 2)),
}


@pytest.mark.parametrize("at_once", [1, 100, 1 << 17])
@pytest.mark.parametrize("name", OPTIONS)
def test_conv2d_is_what_its_definition_says(name: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few windows are worked on at once: one row of them, one image, or many images."""
    options, given = OPTIONS[name]
    x, b = draw(5, 4, 7, 6), draw(8)
    w = draw(8, 4 // given[-1], 3, 2)
    inputs = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    wanted = by_definition(x, w, b, *given)
    v = draw(*wanted.shape)
    usual = grad(ops.conv2d(*inputs, **options), inputs, v)
    monkeypatch.setattr(conv, "AT_ONCE", at_once)
    monkeypatch.setattr(conv, "LEAST", 1)
    y = ops.conv2d(*inputs, **options)
    np.testing.assert_allclose(y.data, wanted, rtol=1e-12, atol=1e-12)
    assert y.data.flags.c_contiguous
    for g, other in zip(grad(y, inputs, v), usual, strict=True):
        np.testing.assert_allclose(g.data, other.data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
def test_derivatives_of_conv2d(name: str) -> None:
    options, given = OPTIONS[name]
    inputs = [Tensor(draw(*shape), requires_grad=True) for shape in ((2, 4, 5, 4), (4, 4 // given[-1], 3, 2), (4,))]
    gradcheck(lambda *t: ops.conv2d(*t, **options), inputs)
    gradgradcheck(lambda *t: ops.conv2d(*t, **options), inputs)


def test_one_image_and_no_bias_and_no_image() -> None:
    x, w, b = draw(2, 3, 5, 5), draw(4, 3, 2, 2), np.zeros(4)
    wanted = by_definition(x, w, b, (1, 1), NONE, (1, 1), 1)
    np.testing.assert_allclose(ops.conv2d(Tensor(x[0]), Tensor(w)).data, wanted[0], rtol=1e-12)
    none = Tensor(x[:0], requires_grad=True)
    filters = Tensor(w, requires_grad=True)
    y = ops.conv2d(none, filters, Tensor(b))
    assert y.shape == (0, 4, 4, 4)
    g, h = grad(y.sum(), (none, filters))
    assert g.shape == none.shape
    assert not h.data.any()


@pytest.mark.parametrize("options", [{}, {"stride": (2,), "padding": (1,)}, {"padding": "same", "dilation": 2}])
def test_conv1d_is_conv2d_of_one_row(options: dict[str, Any]) -> None:
    x, w, b = draw(2, 3, 9), draw(4, 3, 3), draw(4)
    stride, dilation = (1, *options.get("stride", (1,))), (1, options.get("dilation", 1))
    around = {"same": ((0, 0), (2, 2)), (1,): ((0, 0), (1, 1))}.get(options.get("padding"), NONE)  # type: ignore[call-overload]
    wanted = by_definition(x[:, :, None], w[:, :, None], b, stride, around, dilation, 1)[:, :, 0]
    found = ops.conv1d(Tensor(x), Tensor(w), Tensor(b), **options)
    np.testing.assert_allclose(found.data, wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ops.conv1d(Tensor(x[1]), Tensor(w), Tensor(b), **options).data, found.data[1])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_conv2d_keeps_its_dtype(dtype: str) -> None:
    x, w, b = (Tensor(a.astype(dtype), requires_grad=True) for a in (draw(2, 2, 5, 5), draw(3, 2, 3, 3), draw(3)))
    y = ops.conv2d(x, w, b, padding=1)
    gradients = grad(y.sum(), (x, w, b))
    assert [t.dtype for t in (y, *gradients)] == [dtype] * 4
    exact = [Tensor(t.data.astype("f8"), requires_grad=True) for t in (x, w, b)]
    wanted = ops.conv2d(*exact, padding=1)
    tolerance = {"f2": 2e-2, "f4": 1e-5, "f8": 1e-12}[dtype]
    for found, right in zip((y, *gradients), (wanted, *grad(wanted.sum(), exact)), strict=True):
        np.testing.assert_allclose(found.data, right.data, rtol=tolerance, atol=tolerance)


def test_conv2d_of_whole_numbers_is_exact() -> None:
    x, w = RNG.integers(-9, 9, (2, 2, 4, 4)), RNG.integers(-9, 9, (3, 2, 2, 2))
    y = ops.conv2d(x, w)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, by_definition(x, w, np.zeros(3), (1, 1), NONE, (1, 1), 1))


def test_infinity_reaches_the_windows_that_see_it_and_no_others() -> None:
    x = np.ones((1, 1, 6, 6))
    x[0, 0, 0, 0] = np.inf
    y = ops.conv2d(x, np.ones((1, 1, 3, 3)), padding=1)
    assert np.isinf(y[0, 0]).nonzero()[0].tolist() == [0, 0, 1, 1]
    assert not np.isnan(y).any()


# --- pooling


def window_of(i: int, size: int, step: int, before: int, apart: int, n: int) -> list[int]:
    places = [i * step - before + k * apart for k in range(size)]
    return [p for p in places if 0 <= p < n]


def pooled(x: Array, join: Callable[[Array, int, int], float], many: tuple[int, int], **how: Any) -> Array:
    """What `join` makes of the elements of each window that are in the image, and of which window it is."""
    y = np.empty((*x.shape[:-2], *many))
    for *lead, i, j in product(*map(range, y.shape)):
        rows, columns = (
            window_of(k, how["size"][a], how["step"][a], how["before"][a], how["apart"][a], x.shape[a - 2])
            for a, k in ((0, i), (1, j))
        )
        y[(*lead, i, j)] = join(x[tuple(lead)][np.ix_(rows, columns)], i, j)
    return y


def how(size: Any, step: Any, before: Any = (0, 0), apart: Any = (1, 1)) -> dict[str, Any]:
    return {"size": size, "step": step, "before": before, "apart": apart}


POOLS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, int]]] = {
    "side by side": ({"kernel_size": 2}, how((2, 2), (2, 2)), (4, 3)),
    "overlapping": ({"kernel_size": (3, 2), "stride": 1}, how((3, 2), (1, 1)), (6, 6)),
    "apart": ({"kernel_size": 2, "stride": (3, 4)}, how((2, 2), (3, 4)), (3, 2)),
    "padded": ({"kernel_size": 3, "stride": 2, "padding": 1}, how((3, 3), (2, 2), (1, 1)), (4, 4)),
    "padded in rows": ({"kernel_size": (2, 3), "padding": (1, 0)}, how((2, 3), (2, 3), (1, 0)), (5, 2)),
    "to the end": ({"kernel_size": 3, "ceil_mode": True}, how((3, 3), (3, 3)), (3, 3)),
    "to the end, padded": (
        {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
        how((2, 2), (3, 3), (1, 1)),
        (3, 3),
    ),
}


@pytest.mark.parametrize("name", POOLS)
def test_max_pool2d_is_the_largest_of_each_window(name: str) -> None:
    options, where, many = POOLS[name]
    for x in (draw(2, 3, 8, 7), draw(3, 8, 7), draw(8, 7), -np.abs(draw(1, 8, 7)) - 1):
        wanted = pooled(x, lambda window, i, j: window.max(), many, **where)
        np.testing.assert_array_equal(ops.max_pool2d(Tensor(x), **options).data, wanted)
    numbers = RNG.integers(-9, -1, (2, 8, 7)).astype(np.int8)
    found = ops.max_pool2d(numbers, **options)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, pooled(numbers, lambda window, i, j: window.max(), many, **where))


def test_max_pool2d_with_dilation() -> None:
    x = draw(2, 9, 8)
    wanted = pooled(x, lambda window, i, j: window.max(), (3, 2), **how((3, 2), (2, 4), (0, 0), (2, 3)))
    np.testing.assert_array_equal(ops.max_pool2d(x, (3, 2), (2, 4), dilation=(2, 3)), wanted)


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_avg_pool2d_is_the_mean_of_each_window(name: str, count_include_pad: bool) -> None:
    options, where, many = POOLS[name]

    def mean(window: Array, i: int, j: int) -> float:
        """With the zeros around the image, but not with what `ceil_mode` adds after those."""
        count = window.size
        if count_include_pad:
            ends = (
                min(k * step - before + size, n + before) - (k * step - before)
                for k, n, size, step, before in zip(
                    (i, j), (8, 7), where["size"], where["step"], where["before"], strict=True
                )
            )
            count = math.prod(ends)
        return float(window.sum()) / count

    for x in (draw(2, 3, 8, 7), draw(8, 7)):
        found = ops.avg_pool2d(Tensor(x), count_include_pad=count_include_pad, **options)
        np.testing.assert_allclose(found.data, pooled(x, mean, many, **where), rtol=1e-12, atol=1e-14)
        halves = ops.avg_pool2d(Tensor(x), divisor_override=2, **options)
        sums = pooled(x, lambda window, i, j: window.sum() / 2, many, **where)
        np.testing.assert_allclose(halves.data, sums, rtol=1e-12, atol=1e-14)
    assert ops.avg_pool2d(Tensor(np.ones((8, 7), np.float32)), **options).dtype == np.float32


def test_avg_pool2d_of_whole_numbers_is_not_rounded() -> None:
    y = ops.avg_pool2d(Tensor(np.array([[200, 201], [250, 255]], np.uint8)), 2)
    assert y.dtype == np.float32
    assert y.data.tolist() == [[226.5]]


@pytest.mark.parametrize("name", POOLS)
def test_derivatives_of_pooling(name: str) -> None:
    options, _, _ = POOLS[name]
    x = Tensor(RNG.permutation(np.arange(56.0)).reshape(1, 8, 7), requires_grad=True)
    for function in (ops.max_pool2d, ops.avg_pool2d):
        gradcheck(lambda t, f=function: f(t, **options), x)
        gradgradcheck(lambda t, f=function: f(t, **options), x)


@pytest.mark.parametrize("create_graph", [False, True])
def test_of_equal_ones_the_first_gets_the_gradient_and_of_nan_the_last(create_graph: bool) -> None:
    nan, inf = np.nan, np.inf
    images = np.array(
        [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 2.0], [2.0, 2.0]], [[nan, 3.0], [nan, 9.0]], [[-inf, -inf], [-inf, -inf]]]
    )
    x = Tensor(images, requires_grad=True)
    for padding in (0, 1):
        y = ops.max_pool2d(x, 2 + padding, padding=padding)
        np.testing.assert_array_equal(y.data.ravel(), [1, 2, nan, -inf])
        (g,) = grad(y, x, np.array([2.0, 3.0, 4.0, inf]).reshape(y.shape), create_graph=create_graph)
        assert g.data.tolist() == [[[2, 0], [0, 0]], [[0, 3], [0, 0]], [[0, 0], [4, 0]], [[inf, 0], [0, 0]]]


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_element_gets_the_gradients_of_all_windows_that_it_is_the_largest_of(create_graph: bool) -> None:
    x = Tensor(np.array([[1.0, 2.0, 1.0], [2.0, 9.0, 2.0], [1.0, 2.0, 3.0]]), requires_grad=True)
    (g,) = grad(ops.max_pool2d(x, 2, 1), x, np.array([[1.0, 2.0], [4.0, np.inf]]), create_graph=create_graph)
    assert g.data.tolist() == [[0, 0, 0], [0, np.inf, 0], [0, 0, 0]]


def test_an_infinite_gradient_does_not_spread() -> None:
    x = Tensor(np.array([[0.0, -1.0, 4.0, 1.0]]), requires_grad=True)
    with np.errstate(divide="ignore"):
        ops.max_pool2d(x, (1, 2)).sqrt().sum().backward()
    assert x.grad is not None
    assert x.grad.data.tolist() == [[np.inf, 0, 0.25, 0]]


def test_pooling_of_no_images() -> None:
    for function in (ops.max_pool2d, ops.avg_pool2d):
        x = Tensor(np.zeros((0, 3, 4, 4)), requires_grad=True)
        y = function(x, 2)
        assert y.shape == (0, 3, 2, 2)
        assert grad(y.sum(), x)[0].shape == x.shape


def test_more_places_than_a_byte_counts() -> None:
    values = RNG.permutation(np.arange(400.0))
    x = Tensor(values.reshape(20, 20), requires_grad=True)
    (g,) = grad(ops.max_pool2d(x, 20), x)
    assert g.data.ravel().nonzero()[0].tolist() == [values.argmax()]


IMAGE = np.ones((1, 4, 5, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ops.conv2d(x, np.ones((3, 3, 2, 2))), r"not \(1, 4, 5, 6\) and \(3, 3, 2, 2\) with groups=1"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), groups=2), "with groups=2"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), groups=0), "with groups=0"),
        (lambda x: ops.conv2d(x, np.ones((3, 2, 2, 2)), groups=2), "3 output channels, which groups=2"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), np.ones(4)), r"a bias of shape \(4,\) do not fit"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), np.ones((1, 3))), r"a bias of shape \(1, 3\)"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 6, 2))), r"a window of \(6, 2\) .* does not fit .* \(1, 4, 5, 6\)"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 3, 2)), dilation=(3, 1)), "with dilation .3, 1. does not fit"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), padding=-1), "from 0 up, not -1"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), stride=0), "from 1 up, not 0"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), padding="full"), "'same', 'valid', a number or a pair"),
        (lambda x: ops.conv2d(x, np.ones((3, 4, 2, 2)), stride=2, padding="same"), "for stride 1, not .2, 2."),
        (lambda x: ops.conv1d(x, np.ones((3, 4, 2))), "conv1d needs x"),
        (lambda x: ops.conv1d(x[:, :, 0], np.ones((3, 4, 2)), stride=(1, 2)), "a number or a pair from 1 up"),
        (lambda x: ops.conv1d(x[:, :, 0], np.ones((3, 4, 2)), padding=[-1]), "from 0 up, not .0, -1."),
        (lambda x: ops.max_pool2d(x, 1.5), "from 1 up, not 1.5"),
        (lambda x: ops.max_pool2d(x, (2, 1.5)), "from 1 up, not .2, 1.5."),
        (lambda x: ops.max_pool2d(x, 2, padding=2), "padding .2, 2. is more than half of a window of .2, 2."),
        (lambda x: ops.max_pool2d(x[..., :1], 2), "does not fit"),
        (lambda x: ops.max_pool2d(x[..., :1], 2, padding=1, dilation=2), "has no element of an image"),
        (lambda x: ops.max_pool2d(x[..., :0, :], 2, padding=1), "does not fit"),
        (lambda x: ops.avg_pool2d(x, 7), "does not fit"),
        (lambda x: ops.avg_pool2d(x, 2, divisor_override=0), "divisor_override is a number from 1 up, not 0"),
        (lambda x: ops.avg_pool2d(x, (2, 2, 2)), "a number or a pair"),
    ],
)
def test_what_does_not_fit_is_named(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(IMAGE)
