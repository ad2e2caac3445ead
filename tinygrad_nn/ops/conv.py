"""Convolution and pooling, over one pair of primitives: cutting windows out, and adding them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..node import Array
from .einsum import einsum
from .elementwise import where
from .primitive import Primitive
from .reduce import sum
from .shape import pad, reshape

Pair = int | tuple[int, int]


def _windows(x: Array, size: tuple[int, int], stride: tuple[int, int]) -> Array:
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=(-2, -1))
    return view[..., :: stride[0], :: stride[1], :, :]


def _fold(w: Array, size: tuple[int, int], stride: tuple[int, int], shape: tuple[int, int]) -> Array:
    out = np.zeros((*w.shape[:-4], *shape), w.dtype)
    rows, columns = (n * s for n, s in zip(w.shape[-4:-2], stride, strict=True))
    for i in range(size[0]):
        for j in range(size[1]):
            out[..., i : i + rows : stride[0], j : j + columns : stride[1]] += w[..., i, j]
    return out


# Each is the transpose of the other, so each is the other's backward rule.
windows = Primitive(
    "windows",
    _windows,
    lambda g, y, x, size, stride: fold(g, size=size, stride=stride, shape=tuple(x.shape[-2:])),
)
fold: Primitive = Primitive("fold", _fold, lambda g, y, w, size, stride, shape: windows(g, size=size, stride=stride))


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Pair = 1, padding: Pair = 0) -> Any:
    """Cross-correlation of images with filters (`torch.nn.functional.conv2d`).

    x (batch, channels, height, width), weight (out_channels, channels, kernel height, kernel width),
    bias (out_channels,) or None, to (batch, out_channels, height', width') with
    height' = (height + 2 padding - kernel height) // stride + 1. ValueError for shapes that do not fit.
    """
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            "conv2d needs x (batch, channels, height, width) and weight (out_channels, channels, height, width), "
            f"not {x.shape} and {weight.shape}"
        )
    cut = windows(_padded(x, padding), size=_fitting(x, weight.shape[2:], padding), stride=_pair(stride))
    y = einsum("nchwij,ocij->nohw", cut, weight)
    return y if bias is None else y + reshape(bias, shape=(-1, 1, 1))


def max_pool2d(x: Any, kernel_size: Pair, stride: Pair | None = None) -> Any:
    """The largest element of each window (`torch.nn.functional.max_pool2d`), by default side by side.

    x (..., height, width). Of equal ones the first gets the gradient, as in PyTorch.
    """
    size = _pair(kernel_size)
    cut = windows(x, size=_fitting(x, size, 0), stride=_pair(kernel_size if stride is None else stride))
    rows = reshape(cut, shape=(*cut.shape[:-2], -1))
    values = rows if isinstance(rows, np.ndarray) else rows.data
    first = values.argmax(axis=-1)[..., None] == np.arange(values.shape[-1])
    return sum(where(first, rows, 0), axis=-1, keepdims=False)


def _pair(n: Pair) -> tuple[int, int]:
    pair = (n, n) if isinstance(n, int) else tuple(n)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"sizes and strides are a number or a pair from 1 up, not {n!r}")
    return pair


def _padded(x: Any, padding: Pair) -> Any:
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns))) if rows or columns else x


def _fitting(x: Any, size: tuple[int, int], padding: Pair) -> tuple[int, int]:
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    if x.ndim < 2 or x.shape[-2] + 2 * rows < size[0] or x.shape[-1] + 2 * columns < size[1]:
        raise ValueError(f"a window of {size} does not fit into an image of shape {x.shape} with padding {padding}")
    return size
