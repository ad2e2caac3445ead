"""Convolution and pooling layers against their definitions, written as loops, and against the operations they call."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import nn, ops, tensor

IMAGES = np.random.default_rng(0).normal(size=(2, 3, 6, 7))


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize(
    ("stride", "padding", "shape"),
    [(1, 0, (4, 6)), (2, 0, (2, 3)), ((2, 3), 1, (3, 3)), (1, (2, 0), (8, 6)), ((3, 1), (0, 2), (2, 10))],
)
def test_conv2d_sums_a_window_times_each_filter(stride: Any, padding: Any, shape: tuple[int, int]) -> None:
    layer = nn.Conv2d(3, 4, (3, 2), stride, padding, rng=rng(), dtype=np.float64)
    assert layer.bias is not None
    (down, right), (rows, columns) = np.broadcast_to(stride, 2), np.broadcast_to(padding, 2)
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    wanted = np.empty((2, 4, *shape))
    for n, o, i, j in product(*map(range, wanted.shape)):
        window = padded[n, :, i * down : i * down + 3, j * right : j * right + 2]
        wanted[n, o, i, j] = (window * layer.weight.data[o]).sum() + layer.bias.data[o]
    y = layer(tensor(IMAGES))
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y.data, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "stride", "shape"), [(2, None, (3, 3)), ((3, 2), None, (2, 3)), (3, 1, (4, 5)), (2, (1, 3), (5, 2))]
)
def test_max_pool2d_takes_the_largest_of_each_window(size: Any, stride: Any, shape: tuple[int, int]) -> None:
    height, width = np.broadcast_to(size, 2)
    down, right = np.broadcast_to(size if stride is None else stride, 2)
    wanted = np.empty((2, 3, *shape))
    for n, c, i, j in product(*map(range, wanted.shape)):
        top, left = i * down, j * right
        wanted[n, c, i, j] = IMAGES[n, c, top : top + height, left : left + width].max()
    assert np.array_equal(nn.MaxPool2d(size, stride)(tensor(IMAGES)).data, wanted)


def test_conv2d_starts_within_one_over_the_root_of_what_it_sums() -> None:
    layer = nn.Conv2d(5, 200, (4, 5), rng=rng())  # 5 · 4 · 5 = 100 terms
    again = nn.Conv2d(5, 200, (4, 5), rng=rng())
    for p, q in zip(layer.parameters(), again.parameters(), strict=True):
        assert np.abs(p.data).max() <= 0.1
        assert p.data.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.1)
        assert p.dtype == np.float32
        assert (p.data == q.data).all()


def test_conv2d_without_bias_and_the_text_of_both() -> None:
    layer = nn.Conv2d(3, 4, 2, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert not layer(tensor(np.zeros((1, 3, 2, 2)))).data.any()
    assert repr(layer) == "Conv2d(3, 4, kernel_size=(2, 2), stride=1, padding=0, bias=False)"
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2)"
    assert repr(nn.MaxPool2d(2, (1, 2))) == "MaxPool2d(kernel_size=2, stride=(1, 2))"


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"Conv2d needs channels and sizes from 1 up, not 3, 0, \(2, 2\)"):
        nn.Conv2d(3, 0, 2)
    with pytest.raises(ValueError, match=r"not \(2, 3, 6, 7\) and \(1, 2, 2, 2\)"):
        nn.Conv2d(2, 1, 2)(tensor(IMAGES))
    with pytest.raises(ValueError, match="does not fit"):
        nn.MaxPool2d(8)(tensor(IMAGES))
    with pytest.raises(ValueError, match="return_indices=True is not there"):
        nn.MaxPool2d(2, return_indices=True)
    for options, message in (
        ({"groups": 2}, "Conv2d needs groups that divide 3 and 4 channels, not 2"),
        ({"groups": 0}, "Conv2d needs groups that divide 3 and 4 channels, not 0"),
        ({"padding_mode": "reflect"}, "padding_mode='reflect' is not there"),
        ({"padding": "full"}, "padding is 'same', 'valid' or numbers, not 'full'"),
        ({"padding": "same", "stride": (1, 2)}, "padding='same' has stride 1, not .1, 2."),
    ):
        with pytest.raises(ValueError, match=message):
            nn.Conv2d(3, 4, 2, **options)
    with pytest.raises(ValueError, match=r"Conv1d needs channels and sizes from 1 up, not 3, 4, \(2, 2\)"):
        nn.Conv1d(3, 4, (2, 2))


def test_a_layer_hands_its_options_to_the_operation() -> None:
    x = tensor(IMAGES[:, [0, 1, 2, 0]])
    for options in ((2, 1, 2, 2), ((1, 2), (2, 0), 1, 4), (1, "same", 2, 1)):
        layer = nn.Conv2d(4, 8, (2, 3), *options, rng=rng(), dtype=np.float64)
        wanted = ops.conv2d(x, layer.weight, layer.bias, *options)
        assert np.array_equal(layer(x).data, wanted.data)
        assert np.array_equal(layer(x[1]).data, wanted.data[1])
    sequence = nn.Conv1d(4, 6, 3, 2, 1, 1, 2, rng=rng(), dtype=np.float64)
    assert sequence.weight.shape == (6, 2, 3)
    assert np.abs(sequence.weight.data).max() <= 1 / np.sqrt(2 * 3)
    wanted = ops.conv1d(x[:, :, 0], sequence.weight, sequence.bias, 2, 1, 1, 2)
    assert np.array_equal(sequence(x[:, :, 0]).data, wanted.data)
    assert np.array_equal(nn.MaxPool2d(3, 2, 1, 1, False, True)(x).data, ops.max_pool2d(x, 3, 2, 1, 1, True).data)
    for means in ((3, 2, 1), (3, 2, 1, True, False), (2, None, 0, True, True, 3)):
        assert np.array_equal(nn.AvgPool2d(*means)(x).data, ops.avg_pool2d(x, *means).data)


def test_the_text_of_a_layer_has_what_is_not_usual() -> None:
    assert repr(nn.Conv2d(4, 6, (1, 2), 1, "same", 2, 2, False)) == (
        "Conv2d(4, 6, kernel_size=(1, 2), stride=1, padding=same, dilation=2, groups=2, bias=False)"
    )
    assert repr(nn.Conv1d(4, 6, 3)) == "Conv1d(4, 6, kernel_size=(3,), stride=1, padding=0)"
    assert (
        repr(nn.MaxPool2d(3, 2, 1, ceil_mode=True)) == "MaxPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=True)"
    )
    assert repr(nn.AvgPool2d(2, count_include_pad=False)) == "AvgPool2d(kernel_size=2, count_include_pad=False)"


@pytest.mark.parametrize(("size", "options"), [(2, {}), ((3, 2), {"stride": 1, "padding": 1}), (2, {"dilation": 2})])
def test_max_pool2d_says_where_the_largest_are(size: Any, options: dict[str, Any]) -> None:
    x = tensor(IMAGES)
    values, places = ops.max_pool2d(x, size, **options, return_indices=True)
    assert places.dtype == np.int64
    images = IMAGES.reshape(*IMAGES.shape[:2], -1)
    picked = np.take_along_axis(images, places.data.reshape(*images.shape[:2], -1), 2)
    np.testing.assert_array_equal(picked.reshape(values.shape), values.data)
    np.testing.assert_array_equal(values.data, ops.max_pool2d(x, size, **options).data)
