"""What layers compute, as functions: products, convolution, dropout, look-up, padding, similarity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ... import ops
from ...core.node import Array, as_array
from ...generator import Rng, rng_or_default
from ...ops.axes import common_shape
from ...ops.conv import Pair
from ...tensors import Tensor
from .activations import given


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weightᵀ + bias: x (..., inputs), weight (outputs, inputs), bias (outputs,).

    Raises:
        ValueError: they do not fit.
    """
    y: Tensor = ops.linear(input, weight, bias)
    return y


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` along one axis: see `ops.conv1d` for the shapes."""
    y: Tensor = ops.conv1d(input, weight, bias, stride, padding, dilation, groups)
    return y


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of images with filters: see `ops.conv2d` for the shapes and options."""
    y: Tensor = ops.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y


def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window, and with `return_indices` also where each is: see `ops.max_pool2d`."""
    return ops.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window: see `ops.avg_pool2d` for the options."""
    y: Tensor = ops.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return y


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Rng = None) -> Tensor:
    """With `training`, set each element to 0 with probability `p` and divide the others by 1 - p; see `nn.Dropout`.

    Raises:
        ValueError: `p` is not in [0, 1].
    """
    return _dropped(input, input.shape, p, training, inplace, rng)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Rng = None
) -> Tensor:
    """The same for whole channels: (batch, channels, height, width) or (batch, channels, length) (Tompson et al. 2015).

    Raises:
        ValueError: `p` is not in [0, 1], or the input has another number of axes.
    """
    if input.ndim not in (3, 4):
        raise ValueError(f"dropout2d takes images (batch, channels, height, width), not {input.shape}")
    return _dropped(input, (*input.shape[:2], *(1 for _ in input.shape[2:])), p, training, inplace, rng)


def _dropped(x: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool, rng: Rng) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"p is the probability to drop an element, from 0 to 1, not {p}")
    if not training or p == 0:
        return x
    mask = dropout_mask(shape, p, x.dtype, rng)
    return given(x, lambda x: x * mask, inplace)


def dropout_mask(shape: tuple[int, ...], p: float, dtype: DTypeLike, rng: Rng) -> Array:
    """0 with probability `p`, else 1 / (1 - p)."""
    # float32 whatever the dtype is: one seed draws one mask
    mask: Array = (rng_or_default(rng).random(shape, np.float32) >= p).astype(dtype)
    if p < 1:
        mask /= 1 - p
    return mask


def embedding(
    input: Tensor | ArrayLike,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: Literal[False] = False,
    sparse: Literal[False] = False,
) -> Tensor:
    """The rows of `weight` (n, size) that the integers of `input` (...) number: (..., size).

    No gradient goes to the row `padding_idx` from here.

    Raises:
        IndexError: a number is not from 0 to n - 1.
        ValueError: an option that is not there (a largest norm, scaled or sparse gradients).
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise ValueError("embedding has no max_norm, scale_grad_by_freq or sparse: leave them out")
    indices = as_array(input)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding looks rows up by integers, not by {indices.dtype}")
    rows = weight.shape[0]
    if indices.size and not 0 <= indices.item(indices.argmin()) <= indices.item(indices.argmax()) < rows:
        raise IndexError(f"rows are numbered from 0 to {rows - 1}, not {indices.min()} to {indices.max()}")
    found = (
        weight[indices.reshape(-1)].reshape((*indices.shape, *weight.shape[1:]))
        if not indices.ndim
        else weight[indices]
    )
    if padding_idx is None:
        return found
    if not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx {padding_idx} is not a row of a weight of shape {weight.shape}")
    kept: Tensor = ops.where((indices != padding_idx % rows)[..., None], found, found.detach())
    return kept


def one_hot(tensor: Tensor | ArrayLike, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a 1 at each index, integers (..., num_classes); by default one class more than the largest.

    Raises:
        ValueError: an index that is not a class, or no indices to count classes by.
        TypeError: not integers.
    """
    indices = as_array(tensor)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"one_hot needs integers, not {indices.dtype}")
    if num_classes == -1:
        if not indices.size:
            raise ValueError("one_hot of no indices needs num_classes")
        num_classes = int(indices.max()) + 1
    rows: Tensor = ops.one_hot(indices, num_classes)
    return rows.astype(np.int64)


# --- around an image


def pad(
    input: Tensor,
    pad: Sequence[int],
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant",
    value: float | None = None,
) -> Tensor:
    """`input` with elements added, or taken away by a negative number, at both ends of its last axes.

    `pad` is in pairs, the last axis first: (left, right, top, bottom, ...). "constant" adds `value` (0), "reflect" what
    lies inside the edge, "replicate" the edge, "circular" the other end.

    Raises:
        ValueError: `pad` does not fit the input.
    """
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise ValueError(f"pad is in pairs, one for each of the last axes of shape {input.shape}, not {tuple(pad)}")
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if value is not None and mode != "constant":
        raise ValueError(f"mode {mode!r} takes no value: only 'constant' does")
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2)
    pairs += [(int(before), int(after)) for before, after in zip(pad[-2::-2], pad[::-2], strict=True)]
    for n, pair in zip(input.shape, pairs, strict=True):
        if n + sum(min(amount, 0) for amount in pair) < 0:
            raise ValueError(f"padding {pair} leaves nothing of an axis of length {n}")
    if mode == "constant":
        return _framed(input, pairs, value or 0)
    for axis, pair in enumerate(pairs):
        if pair != (0, 0):
            input = input[(slice(None),) * axis + (_places(mode, input.shape[axis], *pair),)]
    return input if any(pair != (0, 0) for pair in pairs) else input.astype(input.dtype)  # never the input itself


MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # NumPy's names


def _framed(x: Tensor, pairs: Sequence[tuple[int, int]], value: float) -> Tensor:
    if any(n < 0 for pair in pairs for n in pair):
        x = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, pairs, strict=True))]
        pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    padded: Tensor = ops.pad(x, pairs)
    if value == 0:
        return padded
    frame = np.full(padded.shape, value, x.dtype)
    frame[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, pairs, strict=True))] = 0
    return padded + frame


def _places(mode: str, n: int, before: int, after: int) -> Array:
    """Which elements of an axis of length n stand along the padded one."""
    inside = np.arange(n)
    if mode == "circular":  # what is taken away is not met again at the other end
        inside, before, after = inside[max(-before, 0) : n - max(-after, 0)], max(before, 0), max(after, 0)
        n = len(inside)
    most = n - 1 if mode == "reflect" else n if mode == "circular" else math.inf if n else 0
    if max(before, after) > most:
        raise ValueError(f"mode {mode!r} pads an axis of length {n} by at most {most}, not by {(before, after)}")
    places = np.pad(inside, (max(before, 0), max(after, 0)), MODES[mode])  # type: ignore[call-overload]
    return np.asarray(places[max(-before, 0) : len(places) - max(-after, 0)])


# --- lengths and angles


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖, eps), the p-norm taken along the axis `dim`; see `ops.norm`."""
    divisor: Tensor = ops.clip(ops.norm(input, p, axis=dim, keepdims=True), low=eps, high=None)
    return input / divisor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along the axis `dim`, of shapes that broadcast."""
    shape = common_shape(x1.shape, x2.shape)
    parts: list[Any] = [ops.broadcast_to(x, shape=shape) for x in (x1, x2)]
    directions = [x / _at_least(ops.norm(x, axis=dim, keepdims=True), eps) for x in parts]
    y: Tensor = ops.sum(directions[0] * directions[1], axis=dim, keepdims=False)
    return y


def _at_least(norm: Tensor, eps: float) -> Tensor:
    """max(norm, eps), with the gradient of norm everywhere, as PyTorch has it here."""
    return norm + np.maximum(eps - norm.data, 0).astype(norm.dtype)
