"""PyTorch's names for another dtype, another place, new tensors like this one, and changes in place."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..node import Array
from ..tensor import Operand, Tensor, as_array, varargs
from . import CPU, pointwise
from .selection import as_filling, masked_fill


def device(type: str = CPU, index: int | None = None) -> str:
    """The name of a device, of which there is one: "cpu"."""
    if str(type).partition(":")[0] != CPU:
        no_device(type)
    return CPU


def no_device(name: Any) -> NoReturn:
    raise RuntimeError(f"device {str(name)!r} is not here, only 'cpu': arrays are NumPy's")


def to(
    input: Tensor,
    *what: Any,
    dtype: DTypeLike | None = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """In another dtype, `to(float64)`, or in the dtype of another tensor; itself where it has that already."""
    for one in what:
        if isinstance(one, Tensor):
            dtype = one.dtype
        elif isinstance(one, str):
            device = one
        elif not isinstance(one, bool):
            dtype = one
    if device is not None and str(device).partition(":")[0] != CPU:
        no_device(device)
    wanted = input.dtype if dtype is None else np.dtype(dtype)
    return input.astype(wanted) if copy or wanted != input.dtype else input


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """In the dtype of another tensor."""
    return to(input, other)


def to_double(input: Tensor) -> Tensor:
    """In float64."""
    return to(input, dtype=np.float64)


def to_float(input: Tensor) -> Tensor:
    """In float32."""
    return to(input, dtype=np.float32)


def to_half(input: Tensor) -> Tensor:
    """In float16."""
    return to(input, dtype=np.float16)


def to_long(input: Tensor) -> Tensor:
    """In int64."""
    return to(input, dtype=np.int64)


def to_int(input: Tensor) -> Tensor:
    """In int32."""
    return to(input, dtype=np.int32)


def to_bool(input: Tensor) -> Tensor:
    """Whether each element is not 0."""
    return to(input, dtype=bool)


def cpu(input: Tensor) -> Tensor:
    """Itself: it is there already."""
    return input


def cuda(input: Tensor, *device: Any, **options: Any) -> NoReturn:
    """RuntimeError: only the CPU is here."""
    no_device("cuda")


def is_floating_point(input: Tensor) -> bool:
    """Whether it holds floating-point numbers."""
    return input.dtype.kind == "f"


def is_tensor(obj: object) -> bool:
    """Whether it is a Tensor."""
    return isinstance(obj, Tensor)


# --- new tensors in the dtype of this one


def new_tensor(input: Tensor, data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of other values."""
    return Tensor(as_array(data).astype(input.dtype if dtype is None else dtype), requires_grad)


def new_zeros(input: Tensor, *size: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros of another shape."""
    return new_full(input, varargs(size), 0, dtype, requires_grad)


def new_ones(input: Tensor, *size: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Ones of another shape."""
    return new_full(input, varargs(size), 1, dtype, requires_grad)


def new_full(
    input: Tensor, size: Any, fill_value: float, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """One number in another shape."""
    return Tensor(np.full(size, fill_value, input.dtype if dtype is None else dtype), requires_grad)


# --- in place, with all that `x += y` and `x[...] = y` refuse


def add_(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha · other, in place."""
    input += pointwise.scaled(other, alpha)
    return input


def sub_(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha · other, in place."""
    input -= pointwise.scaled(other, alpha)
    return input


def mul_(input: Tensor, other: Operand) -> Tensor:
    """input · other, in place."""
    input *= other
    return input


def div_(input: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, in place."""
    if rounding_mode is not None:
        return _written(input, pointwise.div(input.detach(), other, rounding_mode=rounding_mode), "div_")
    input /= other
    return input


def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Bounded from below and above, in place."""
    return _written(input, pointwise.clamp(input.detach(), min, max), "clamp_")


def masked_fill_(input: Tensor, mask: Tensor | Array, value: Operand) -> Tensor:
    """A number where the mask holds, in place."""
    return _written(input, masked_fill(input.detach(), mask, value), "masked_fill_")


def fill_(input: Tensor, value: Operand) -> Tensor:
    """One number everywhere, in place."""
    input[...] = as_filling(value, input)
    return input


def zero_(input: Tensor) -> Tensor:
    """0 everywhere, in place."""
    return fill_(input, 0)


def copy_(input: Tensor, src: Tensor | Array, non_blocking: bool = False) -> Tensor:
    """The elements of another tensor, which broadcasts, in place."""
    source = src if isinstance(src, Tensor) else Tensor(src)
    input[...] = source.astype(input.dtype).broadcast_to(input.shape)
    return input


def _written(input: Tensor, value: Tensor, name: str) -> Tensor:
    """A result written into its first operand."""
    if value.shape != input.shape:
        raise ValueError(f"{name}: a result of shape {value.shape} does not fit into shape {input.shape}")
    if not np.can_cast(value.dtype, input.dtype, "same_kind"):
        raise TypeError(f"{name}: a result of {value.dtype} does not fit into {input.dtype}")
    input[...] = value
    return input


class Cuda:
    """What scripts ask before they choose a device: nothing but the CPU is here."""

    @staticmethod
    def is_available() -> bool:
        return False

    @staticmethod
    def device_count() -> int:
        return 0

    @staticmethod
    def manual_seed(seed: int) -> None:
        """Nothing: `tinygrad_nn.manual_seed` is what seeds the generator that is here."""

    manual_seed_all = manual_seed
