"""Making tensors: from arrays, constants, ranges, and random ones.

What is random comes from `rng`, a `numpy.random.Generator`, or else from the default one that `manual_seed` seeds.
`device` is "cpu", or left out; another one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .core.node import DEFAULT_DTYPE, Array, as_array, refuse_unfit
from .generator import Rng, rng_or_default
from .methods import varargs
from .ops.axes import common_shape
from .tensors import Tensor, check_device

Length: TypeAlias = int | Sequence[int]  # of each axis, or of all


# --- from what is there


def as_tensor(data: ArrayLike | Tensor, dtype: DTypeLike | None = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where that can be: a tensor of that dtype is returned as it is.

    An array's memory is shared, and a tensor in another dtype stays in its graph (`tensor()` copies, and starts anew).
    """
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype == np.dtype(dtype) else data.astype(dtype)
    return Tensor(data, dtype=dtype)


def from_numpy(array: Array) -> Tensor:
    """A tensor that shares the memory of an array, and keeps its dtype.

    Raises:
        TypeError: what is not an array.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes an array, not {type(array).__name__}: use tensor() or as_tensor()")
    return Tensor(array)


# --- constants and ranges


def zeros(
    *shape: Length,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Zeros, as `zeros(2, 3)` or `zeros((2, 3))`; so with the others that take a shape."""
    return _made(np.zeros(varargs(shape), dtype), requires_grad, device)


def zeros_like(
    x: Tensor | Array,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """Zeros in the shape of `x`, and in its dtype unless another is given."""
    return _made(np.zeros_like(as_array(x), dtype), requires_grad, device)


def ones(
    *shape: Length,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Ones, with any number of axes."""
    return _made(np.ones(varargs(shape), dtype), requires_grad, device)


def ones_like(
    x: Tensor | Array,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """Ones in the shape of `x`, and in its dtype unless another is given."""
    return _made(np.ones_like(as_array(x), dtype), requires_grad, device)


def empty(
    *shape: Length,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Memory as it is found: any values, to be filled."""
    return _made(np.empty(varargs(shape), dtype), requires_grad, device)


def empty_like(
    x: Tensor | Array,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """Any values, to be filled, in the shape of `x`, and in its dtype unless another is given."""
    return _made(np.empty_like(as_array(x), dtype), requires_grad, device)


def full(
    shape: Length,
    fill_value: float | Tensor,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """`fill_value` everywhere: an integer makes integers and a boolean booleans, unless a dtype is given."""
    value = fill_value.item() if isinstance(fill_value, Tensor | np.generic) else fill_value
    found = as_array(value).dtype if dtype is None else np.dtype(dtype)
    refuse_unfit(value, found)
    return _made(np.full(varargs((shape,)), value, found), requires_grad, device)


def full_like(
    x: Tensor | Array,
    fill_value: float | Tensor,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """`fill_value` everywhere, in the shape of `x`, and in its dtype unless another is given."""
    like = as_array(x)
    return full(like.shape, fill_value, like.dtype if dtype is None else dtype, requires_grad, device=device)


def eye(
    n: int,
    m: int | None = None,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """Ones on the diagonal of an n × m matrix (m = n unless given), zeros elsewhere."""
    return _made(np.eye(n, m, dtype=dtype), requires_grad, device)


def arange(
    start: float = 0,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    end: float | None = None,
    device: Any = None,
) -> Tensor:
    """Numbers from `start` (or 0) to below `stop`, PyTorch's `end`; integers for integers, else float32."""
    if end is not None:
        stop = end
    values = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    default = values.dtype if values.dtype.kind == "i" else DEFAULT_DTYPE
    return _made(values.astype(default if dtype is None else dtype), requires_grad, device)


def linspace(
    start: float,
    end: float,
    steps: int,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both of them included, at equal distances."""
    first, last = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    return _made(np.linspace(first, last, steps).astype(dtype), requires_grad, device)


# --- random ones


def rand(
    *shape: Length,
    rng: Rng = None,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Uniform on [0, 1)."""
    return _made(_uniform(varargs(shape), rng, dtype), requires_grad, device)


def rand_like(
    x: Tensor | Array,
    *,
    rng: Rng = None,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Uniform on [0, 1), in the shape of `x`, and in its dtype unless another is given."""
    like = as_array(x)
    return _made(_uniform(like.shape, rng, like.dtype if dtype is None else dtype), requires_grad, device)


def randn(
    *shape: Length,
    rng: Rng = None,
    dtype: DTypeLike = DEFAULT_DTYPE,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Standard normal."""
    return _made(_normal(varargs(shape), rng, dtype), requires_grad, device)


def randn_like(
    x: Tensor | Array,
    *,
    rng: Rng = None,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Standard normal, in the shape of `x`, and in its dtype unless another is given."""
    like = as_array(x)
    return _made(_normal(like.shape, rng, like.dtype if dtype is None else dtype), requires_grad, device)


def normal(
    mean: float | Tensor,
    std: float | Tensor = 1.0,
    size: Sequence[int] | None = None,
    *,
    rng: Rng = None,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Normal with these means and standard deviations, numbers or tensors that broadcast; `size` is for two numbers.

    The result is outside the graph.

    Raises:
        ValueError: a standard deviation is negative, or `size` is missing or too much.
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if bool(tensors) == (size is not None):
        raise ValueError("normal() takes a size with two numbers, and none with a tensor")
    m, s = as_array(mean), as_array(std)
    if (s < 0).any():
        raise ValueError(f"a standard deviation is at least 0, not {s.min()}")
    shape = common_shape(m.shape, s.shape) if size is None else tuple(size)
    values = m + s * _normal(shape, rng, np.float64)
    return _made(values.astype(np.result_type(m, s) if dtype is None else dtype), requires_grad, device)


@overload
def randint(
    high: int,
    size: Length,
    /,
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.int64,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor: ...
@overload
def randint(
    low: int = 0,
    high: int | None = None,
    size: Length | None = None,
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.int64,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor: ...
def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.int64,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Whole numbers from `low` to below `high`: `randint(10, (2, 3))` or `randint(0, 10, (2, 3))`."""
    if size is None:
        high, size = None, high
    if high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint needs a size, such as (2, 3)")
    if not low < high:
        raise ValueError(f"randint draws from low to below high, not from {low} to below {high}")
    return _made(rng_or_default(rng).integers(low, high, size).astype(dtype), requires_grad, device)


def randperm(
    n: int,
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.int64,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """The numbers from 0 to n - 1 in random order."""
    if n < 0:
        raise ValueError(f"randperm(n) orders n numbers, not {n}")
    return _made(rng_or_default(rng).permutation(n).astype(dtype), requires_grad, device)


def bernoulli(input: Tensor | Array, p: float | None = None, *, rng: Rng = None) -> Tensor:
    """1 with the probabilities of `input` (or with `p` everywhere), else 0, in the shape and dtype of `input`.

    Raises:
        ValueError: a probability that is not in [0, 1].
        TypeError: `input` holds integers, which are not probabilities.
    """
    x = as_array(input)
    if p is None and x.dtype.kind != "f":
        raise TypeError(f"bernoulli() takes probabilities, floating-point numbers, not {x.dtype}")
    probability = x if p is None else np.asarray(p)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError(f"probabilities are from 0 to 1, not {probability.min()} to {probability.max()}")
    return Tensor((rng_or_default(rng).random(x.shape) < probability).astype(x.dtype))


def _made(array: Array, requires_grad: bool, device: Any) -> Tensor:
    check_device(device)
    return Tensor(array, requires_grad)


def _uniform(shape: tuple[int, ...], rng: Rng, dtype: DTypeLike) -> Array:
    dtype = _floating(dtype)
    values = rng_or_default(rng).random(shape).astype(dtype)
    below = np.nextafter(dtype.type(1), dtype.type(0))
    return np.asarray(np.minimum(values, below))  # what this dtype would round to 1


def _normal(shape: tuple[int, ...], rng: Rng, dtype: DTypeLike) -> Array:
    return np.asarray(rng_or_default(rng).standard_normal(shape)).astype(_floating(dtype))


def _floating(dtype: DTypeLike) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found.kind != "f":
        raise TypeError(f"such random numbers are floating-point, not {found}: use randint()")
    return found
