"""Convolution and pooling of images (batch, channels, height, width).

Convolution is bilinear in the image and the filters. Of image, filters and output, each of its three primitives makes
one from the other two; so each is a backward rule of the others, to any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..core.node import Array, Value, wrap
from ..core.primitive import Primitive
from .shape import broadcast_to, reshape, scatter

__all__ = [
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "fold",
    "max_pool2d",
    "windows",
]

Pair = int | tuple[int, int]
Around = tuple[tuple[int, int], tuple[int, int]]  # padding: above and below, on the left and on the right

AT_ONCE = 1 << 17  # elements that a block of windows has, so that they stay in the cache,
LEAST = 256  # or so many windows, if they are larger: fewer are not worth going through all filters


# --- windows


class Windows:
    """Where windows of one size lie in images of one shape."""

    def __init__(
        self,
        image: tuple[int, int],
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: Around = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        self.image, self.size, self.stride, self.padding, self.dilation = image, size, stride, padding, dilation
        self.padded = tuple(n + before + after for n, (before, after) in zip(image, padding, strict=True))
        axes = zip(self.padded, size, dilation, stride, strict=True)
        self.many = tuple((n - d * (k - 1) - 1) // step + 1 for n, k, d, step in axes)  # in a column, and in a row

    @property
    def inside(self) -> tuple[slice, ...]:
        """The image in the padded one."""
        return tuple(slice(before, before + n) for n, (before, _) in zip(self.image, self.padding, strict=True))

    def places(self) -> Iterator[tuple[int, int]]:
        """The places in a window, row by row."""
        return product(range(self.size[0]), range(self.size[1]))

    def all_at(self, axis: int, i: int, first: int, last: int) -> slice:
        """Along an axis of the padded image: the place i of the windows from `first` to before `last`."""
        step = self.stride[axis]
        start = i * self.dilation[axis] + first * step
        return slice(start, start + (last - first - 1) * step + 1, step)

    def real_at(self, axis: int, i: int) -> tuple[slice, slice]:
        """Which windows have their place i in the image itself, and where in the image that is."""
        step, start = self.stride[axis], i * self.dilation[axis] - self.padding[axis][0]
        first = max(-(start // step), 0)
        last = max(min((self.image[axis] - 1 - start) // step + 1, self.many[axis]), first)
        return slice(first, last), slice(start + first * step, start + last * step, step)


def _windows(x: Array, *, size: tuple[int, int], stride: tuple[int, int]) -> Array:
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=(-2, -1))
    return view[..., :: stride[0], :: stride[1], :, :]


def _fold(w: Array, *, size: tuple[int, int], stride: tuple[int, int], shape: tuple[int, int]) -> Array:
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
    lambda g, y, x, size, stride=(1, 1): fold(g, size=size, stride=stride, shape=tuple(x.shape[-2:])),
    doc="A view of all windows (rows, columns) of the last two axes, as two more axes at the end.",
)
fold: Primitive = Primitive(
    "fold",
    _fold,
    lambda g, y, w, size, stride, shape: windows(g, size=size, stride=stride),
    doc="Windows added up at their places in an image of this shape: what `windows` takes apart.",
)


# --- convolution: the windows of a few images at a time are the columns of a matrix, and one product with the filters
# does the rest. In these blocks the images are the last axis, so that what is copied and added up is in long runs.


def _blocks(images: int, column: int, at: Windows) -> Iterator[tuple[slice, list[tuple[int, int]]]]:
    """Some images, and the rows of their windows in parts, if one image alone has more than fit."""
    rows, row = at.many
    together = max(AT_ONCE // (column or 1), LEAST)  # windows
    step, part = max(together // (rows * row), 1), min(max(together // row, 1), rows)
    parts = [(first, min(first + part, rows)) for first in range(0, rows, part)]
    for start in range(0, images, step):
        yield slice(start, min(start + step, images)), parts


def _columns(x: Array, at: Windows, groups: int) -> Iterator[tuple[slice, slice, Array]]:
    """Which images, which rows of windows, and those windows as columns: (groups, column, windows)."""
    channels = x.shape[1]
    for images, parts in _blocks(len(x), channels * math.prod(at.size), at):
        block = x[images].transpose(1, 2, 3, 0)
        if at.padded == at.image:
            block = np.ascontiguousarray(block)
        else:
            padded = np.zeros((channels, *at.padded, block.shape[3]), x.dtype)
            padded[:, *at.inside] = block
            block = padded
        channel, row, column, image = block.strides
        within = (row * at.dilation[0], column * at.dilation[1])
        strides = (channel, *within, row * at.stride[0], column * at.stride[1], image)
        for first, last in parts:
            shape = (channels, *at.size, last - first, at.many[1], block.shape[3])
            cut = as_strided(block[:, first * at.stride[0] :], shape, strides, writeable=False)
            lengths = (channels // groups * math.prod(at.size), math.prod(shape[3:]))
            yield images, slice(first, last), cut.reshape(groups, *lengths)


def _as_columns(g: Array, images: slice, rows: slice, groups: int) -> Array:
    """Outputs in the order of the windows: (groups, out_channels / groups, windows)."""
    block = g[images, :, rows].transpose(1, 2, 3, 0)
    return block.reshape(groups, len(block) // groups, math.prod(block.shape[1:]))


def _in_singles(*arrays: Array) -> list[Array]:
    """BLAS has no products of halves: they are computed in float32, and rounded once."""
    return [a.astype(np.float32) if a.dtype == np.float16 else a for a in arrays]


QUIET = np.errstate(invalid="ignore", over="ignore")  # BLAS fills up with zeros, and NumPy warns of 0 * inf there


@QUIET
def _conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: tuple[int, int],
    padding: Around,
    dilation: tuple[int, int],
    groups: int,
) -> Array:
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    x, weight = _in_singles(x, weight)
    at = Windows(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    filters = weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:]))
    y = np.empty((len(x), len(weight), *at.many), dtype)
    for images, rows, columns in _columns(x, at, groups):
        block = np.matmul(filters, columns).reshape(len(weight), rows.stop - rows.start, at.many[1], -1)
        y[images, :, rows] = (block if bias is None else block + bias.reshape(-1, 1, 1, 1)).transpose(3, 0, 1, 2)
    return y


@QUIET
def _conv2d_input(
    g: Array,
    weight: Array,
    *,
    shape: tuple[int, int],
    stride: tuple[int, int],
    padding: Around,
    dilation: tuple[int, int],
    groups: int,
) -> Array:
    dtype = np.result_type(g, weight)
    g, weight = _in_singles(g, weight)
    at = Windows(shape, weight.shape[2:], stride, padding, dilation)
    filters = weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:])).mT
    channels = weight.shape[1] * groups
    y = np.empty((len(g), channels, *shape), dtype)
    for images, parts in _blocks(len(g), channels * math.prod(at.size), at):
        block = np.zeros((channels, *at.padded, images.stop - images.start), np.result_type(g, weight))
        for first, last in parts:
            columns = np.matmul(filters, _as_columns(g, images, slice(first, last), groups))
            cut = columns.reshape(channels, *at.size, last - first, at.many[1], block.shape[3])
            for i, j in at.places():
                block[:, at.all_at(0, i, first, last), at.all_at(1, j, 0, at.many[1])] += cut[:, i, j]
        y[images] = block[:, *at.inside].transpose(3, 0, 1, 2)
    return y


@QUIET
def _conv2d_weight(
    x: Array,
    g: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Around,
    dilation: tuple[int, int],
    groups: int,
) -> Array:
    dtype = np.result_type(x, g)
    x, g = _in_singles(x, g)
    at = Windows(x.shape[2:], size, stride, padding, dilation)
    shape = (g.shape[1], x.shape[1] // groups, *size)
    total = np.zeros((groups, math.prod(shape[1:]), shape[0] // groups), np.result_type(x, g))
    for images, rows, columns in _columns(x, at, groups):
        total += np.matmul(columns, _as_columns(g, images, rows, groups).mT)
    return total.mT.reshape(shape).astype(dtype, copy=False)


convolution: Primitive = Primitive(
    "conv2d",
    _conv2d,
    lambda g, y, x, weight, bias=None, **how: conv2d_input(g, weight, shape=tuple(x.shape[2:]), **how),
    lambda g, y, x, weight, bias=None, **how: conv2d_weight(x, g, size=tuple(weight.shape[2:]), **how),
    lambda g, y, x, weight, bias, **how: g.sum(axis=(0, 2, 3)),
    doc="Images (batch, channels, rows, columns) under filters: what `conv2d` calls, with every option given.",
)
conv2d_input: Primitive = Primitive(
    "conv2d_input",
    _conv2d_input,
    lambda h, y, g, weight, shape, **how: convolution(h, weight, **how),
    lambda h, y, g, weight, shape, **how: conv2d_weight(h, g, size=tuple(weight.shape[2:]), **how),
    doc="The gradient of a convolution's images, from the gradient of its result and the filters.",
)
conv2d_weight: Primitive = Primitive(
    "conv2d_weight",
    _conv2d_weight,
    lambda v, y, x, g, size, **how: conv2d_input(g, v, shape=tuple(x.shape[2:]), **how),
    lambda v, y, x, g, size, **how: convolution(x, v, **how),
    doc="The gradient of a convolution's filters, from its images and the gradient of its result.",
)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Any:
    """Cross-correlation of images with filters (`torch.nn.functional.conv2d`).

    x (batch, channels, height, width) or (channels, height, width), weight (out_channels, channels / groups, kernel
    height, kernel width), bias (out_channels,) or None, to (batch, out_channels, height', width') with
    height' = (height + 2 padding - dilation (kernel height - 1) - 1) // stride + 1. `padding` is also "valid" (0) or,
    where stride is 1, "same" (height' = height; of an odd number of zeros the one more is after the image).

    Raises:
        ValueError: shapes and options that do not fit.
    """
    if x.ndim == 3 and weight.ndim == 4:
        y = conv2d(reshape(x, shape=(1, *x.shape)), weight, bias, stride, padding, dilation, groups)
        return reshape(y, shape=y.shape[1:])
    if groups < 1 or x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] * groups:
        raise ValueError(
            "conv2d needs x (batch, channels, height, width) and weight (out_channels, channels / groups, height, "
            f"width), not {x.shape} and {weight.shape} with groups={groups}"
        )
    if weight.shape[0] % groups or (bias is not None and bias.shape != weight.shape[:1]):
        raise ValueError(
            f"conv2d has {weight.shape[0]} output channels, which groups={groups} and a bias of shape "
            f"{None if bias is None else bias.shape} do not fit"
        )
    stride, dilation = _pair(stride), _pair(dilation)
    size = _pair(weight.shape[2:])
    around = _around(padding, size, stride, dilation)
    _fitting(Windows(x.shape[2:], size, stride, around, dilation), x)
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return convolution(*inputs, stride=stride, padding=around, dilation=dilation, groups=int(groups))


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """`conv2d` with one axis less (`torch.nn.functional.conv1d`).

    x (batch, channels, length) or (channels, length), weight (out_channels, channels / groups, size).
    """
    if x.ndim not in (2, 3) or weight.ndim != 3:
        raise ValueError(
            "conv1d needs x (batch, channels, length) and weight (out_channels, channels / groups, size), "
            f"not {x.shape} and {weight.shape}"
        )
    x, weight = (reshape(t, shape=(*t.shape[:-1], 1, t.shape[-1])) for t in (x, weight))
    given: tuple[Any, ...] = (stride, dilation, padding)
    step, apart, around = (n[0] if isinstance(n, Sequence) and len(n) == 1 else n for n in given)
    y = conv2d(x, weight, bias, (1, step), around if isinstance(around, str) else (0, around), (1, apart), groups)
    return reshape(y, shape=(*y.shape[:-2], y.shape[-1]))


# --- pooling


def _joined(ufunc: np.ufunc, x: Array, at: Windows, outside: Any) -> Array:
    """The elements of each window joined by `ufunc`; what is not in the image counts as `outside`.

    Rows first, which lie together in memory; then columns, of which fewer are left.
    """
    for axis in (0, 1):
        shape = list(x.shape)
        shape[axis - 2] = at.many[axis]
        y = np.full(shape, outside, x.dtype)
        for i in range(at.size[axis]):
            to, of = at.real_at(axis, i)
            part = y[..., to, :] if axis == 0 else y[..., to]
            ufunc(part, x[..., of, :] if axis == 0 else x[..., of], out=part)
        x = y
    return x


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -math.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _max_pool2d(
    x: Array, *, size: tuple[int, int], stride: tuple[int, int], padding: Around, dilation: tuple[int, int]
) -> Array:
    return _joined(np.maximum, x, Windows(x.shape[-2:], size, stride, padding, dilation), _lowest(x.dtype))


def _largest(x: Array, y: Array, at: Windows) -> Array:
    """Where in x, its elements counted in their order, each window has its first that equals its largest, y.

    Of NaN it is the last, as in PyTorch.
    """
    count = math.prod(at.size)
    left = np.zeros(y.shape, np.min_scalar_type(count))  # places of the window from the one found on
    with_nan = y.dtype.kind == "f" and bool(np.isnan(y).any())
    for number, (i, j) in enumerate(at.places()):
        (rows, in_rows), (columns, in_columns) = at.real_at(0, i), at.real_at(1, j)
        part, values = left[..., rows, columns], x[..., in_rows, in_columns]
        np.maximum(part, (values == y[..., rows, columns]) * part.dtype.type(count - number), out=part)
        if with_nan:
            part[np.isnan(values)] = count - number
    width = at.image[1]
    down, right = (
        np.arange(n) * step - before for n, step, (before, _) in zip(at.many, at.stride, at.padding, strict=True)
    )
    within = np.array([i * at.dilation[0] * width + j * at.dilation[1] for i, j in at.places()])
    found = within[count - left.astype(np.intp)]
    found += down[:, None] * width + right
    found += np.arange(0, x.size, math.prod(at.image)).reshape(*x.shape[:-2], 1, 1)
    return found.reshape(-1)


def _max_pool2d_vjp(g: Any, y: Any, x: Any, **where: Any) -> Any:
    values, largest = (t if isinstance(t, np.ndarray) else t.data for t in (x, y))
    index = _largest(values, largest, Windows(x.shape[-2:], **where))
    return scatter(g.reshape(-1), index=index, shape=(x.size,)).reshape(x.shape)


def _sum_pool2d_vjp(g: Any, y: Any, x: Any, size: tuple[int, int], stride: tuple[int, int], padding: Around) -> Any:
    at = Windows(x.shape[-2:], size, stride, padding)
    spread = broadcast_to(g.reshape((*g.shape, 1, 1)), shape=(*g.shape, *size))
    padded = fold(spread, size=size, stride=stride, shape=at.padded)
    return padded if at.padded == at.image else padded[(..., *at.inside)]


maxima = Primitive(
    "max_pool2d", _max_pool2d, _max_pool2d_vjp, doc="The largest element of each window, with every option given."
)
sums = Primitive(
    "sum_pool2d",
    lambda x, *, size, stride, padding: _joined(np.add, x, Windows(x.shape[-2:], size, stride, padding), 0),
    _sum_pool2d_vjp,
    doc="The sum of each window of the last two axes, where the padding counts as 0.",
)


def max_pool2d(
    x: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window (`torch.nn.functional.max_pool2d`), by default side by side.

    x (..., height, width). What is around the image is -infinity. With `ceil_mode` the last windows may reach beyond
    it. Of equal ones the first gets the gradient, of NaN the last, as in PyTorch. With `return_indices` the result is a
    pair: these elements, and where each is in its image, counted row by row.

    Raises:
        ValueError: windows that do not fit.
    """
    at = _pooling(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = maxima(x, size=at.size, stride=at.stride, padding=at.padding, dilation=at.dilation)
    if not return_indices:
        return y
    values, largest = (t.data if isinstance(t, Value) else t for t in (x, y))
    places = (_largest(values, largest, at) % max(math.prod(at.image), 1)).reshape(y.shape)
    return y, wrap(places, None) if isinstance(y, Value) else places


def avg_pool2d(
    x: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window (`torch.nn.functional.avg_pool2d`), by default side by side.

    x (..., height, width). The zeros around the image count too, unless `count_include_pad` is False; what `ceil_mode`
    adds beyond them does not. `divisor_override` divides the sums instead.

    Raises:
        ValueError: windows that do not fit.
    """
    at = _pooling(x, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None and divisor_override < 1:
        raise ValueError(f"divisor_override is a number from 1 up, not {divisor_override!r}")
    if x.dtype.kind != "f":
        x = x.astype(np.float32)
    total = sums(x, size=at.size, stride=at.stride, padding=at.padding)
    if divisor_override is not None:
        return total / divisor_override
    counts = []
    for n, size, step, many, (around, _) in zip(at.image, at.size, at.stride, at.many, at.padding, strict=True):
        starts = np.arange(many) * step - around
        before, after = (-around, n + around) if count_include_pad else (0, n)
        counts.append(np.minimum(starts + size, after) - np.maximum(starts, before))
    divisor = np.multiply.outer(*counts)
    same = divisor.size and (divisor == divisor[0, 0]).all()
    return total / (int(divisor[0, 0]) if same else divisor.astype(x.dtype))


# --- options


def _pair(n: Any, least: int = 1) -> tuple[int, int]:
    pair = (n, n) if isinstance(n, int | np.integer) else tuple(n) if isinstance(n, Sequence | np.ndarray) else (n,)
    if len(pair) != 2 or not all(isinstance(k, int | np.integer) and k >= least for k in pair):
        raise ValueError(f"sizes, strides and the like are a number or a pair from {least} up, not {n!r}")
    return int(pair[0]), int(pair[1])


def _around(padding: Any, size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> Around:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"padding is 'same', 'valid', a number or a pair, not {padding!r}")
        if padding == "same" and stride != (1, 1):
            raise ValueError(f"padding='same' is for stride 1, not {stride}")
        rows, columns = (d * (k - 1) if padding == "same" else 0 for k, d in zip(size, dilation, strict=True))
        return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
    rows, columns = _pair(padding, 0)
    return (rows, rows), (columns, columns)


def _pooling(x: Any, kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair, ceil_mode: bool) -> Windows:
    size, apart, around = _pair(kernel_size), _pair(dilation), _pair(padding, 0)
    step = _pair(size if stride is None else stride)
    if x.ndim < 2:
        raise ValueError(f"a window of {size} does not fit into an image of shape {x.shape}")
    if any(2 * p > k for p, k in zip(around, size, strict=True)):
        raise ValueError(f"padding {around} is more than half of a window of {size}")
    image = (x.shape[-2], x.shape[-1])
    ends = list(around)
    for axis in (0, 1) if ceil_mode else ():
        n, p, span = image[axis], around[axis], apart[axis] * (size[axis] - 1) + 1
        last = -((span - n - 2 * p) // step[axis]) * step[axis]  # where in the padded image the last window begins
        if last >= n + p:
            last -= step[axis]  # none begins in the padding after the image
        ends[axis] = max(p, last + span - n - p)
    at = Windows(image, size, step, ((around[0], ends[0]), (around[1], ends[1])), apart)
    _fitting(at, x)
    for axis in (0, 1) if max(apart) > 1 else ():
        met = np.zeros(at.many[axis], bool)
        for i in range(size[axis]):
            met[at.real_at(axis, i)[0]] = True
        if not met.all():
            raise ValueError(
                f"with dilation {apart} and padding {around}, window {int(met.argmin())} of {size} along axis "
                f"{axis - 2} has no element of an image of shape {x.shape}"
            )
    return at


def _fitting(at: Windows, x: Any) -> None:
    if min(at.many) < 1 or min(at.image) < 1:
        raise ValueError(
            f"a window of {at.size} with dilation {at.dilation} does not fit into an image of shape {x.shape} "
            f"with padding {at.padding}"
        )
