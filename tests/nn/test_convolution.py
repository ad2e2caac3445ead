"""Conv2d and MaxPool2d against their definitions, written as loops."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import nn, tensor

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
    assert repr(layer) == "Conv2d(3, 4, kernel_size=(2, 2), stride=1, padding=0)"
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2)"
    assert repr(nn.MaxPool2d(2, (1, 2))) == "MaxPool2d(kernel_size=2, stride=(1, 2))"


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"Conv2d needs channels and sizes from 1 up, not 3, 0, \(2, 2\)"):
        nn.Conv2d(3, 0, 2)
    with pytest.raises(ValueError, match=r"not \(2, 3, 6, 7\) and \(1, 2, 2, 2\)"):
        nn.Conv2d(2, 1, 2)(tensor(IMAGES))
    with pytest.raises(ValueError, match="does not fit"):
        nn.MaxPool2d(8)(tensor(IMAGES))
