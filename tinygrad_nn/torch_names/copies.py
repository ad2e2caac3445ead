"""PyTorch's names for another dtype, another place, new tensors like this one, and changes in place."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import ops
from ..core.node import Array, refuse_unfit
from ..methods import changed, varargs
from ..tensors import Operand, Tensor, check_device, no_device
from . import CPU, pointwise
from .selection import as_filling, masked_fill


def device(type: str = CPU, index: int | None = None) -> str:
    """The name of a device, of which there is one: "cpu"."""
    check_device(type)
    return CPU


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
    check_device(device)
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
    """Refuse: there is only the CPU.

    Raises:
        RuntimeError: always.
    """
    no_device("cuda")


def is_floating_point(input: Tensor) -> bool:
    """Whether it holds floating-point numbers."""
    return input.dtype.kind == "f"


def is_tensor(obj: object) -> bool:
    """Whether it is a Tensor."""
    return isinstance(obj, Tensor)


# --- new tensors in the dtype of this one


def new_tensor(
    input: Tensor, data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False, *, device: Any = None
) -> Tensor:
    """A tensor of other values."""
    check_device(device)
    values = np.asarray(data.data if isinstance(data, Tensor) else data)  # as exact as they are given
    wanted = np.dtype(input.dtype if dtype is None else dtype)
    refuse_unfit(values, wanted)
    return Tensor(values.astype(wanted), requires_grad)


def new_zeros(
    input: Tensor, *size: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Zeros of another shape."""
    return new_full(input, varargs(size), 0, dtype, requires_grad, device=device)


def new_ones(
    input: Tensor, *size: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Ones of another shape."""
    return new_full(input, varargs(size), 1, dtype, requires_grad, device=device)


def new_full(
    input: Tensor,
    size: Any,
    fill_value: float,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    *,
    device: Any = None,
) -> Tensor:
    """One number in another shape."""
    check_device(device)
    value = fill_value.item() if isinstance(fill_value, Tensor | np.generic) else fill_value
    found = input.dtype if dtype is None else np.dtype(dtype)
    refuse_unfit(value, found)
    return Tensor(np.full(varargs((size,)), value, found), requires_grad)


# --- in place, with all that `x += y` and `x[...] = y` refuse


def add_(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha · other, in place."""
    input += pointwise.scaled(other, alpha, input)
    return input


def sub_(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha · other, in place."""
    input -= pointwise.scaled(other, alpha, input)
    return input


def mul_(input: Tensor, other: Operand) -> Tensor:
    """input · other, in place."""
    input *= other
    return input


def div_(input: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, in place."""
    if rounding_mode is not None:
        return changed(input, lambda x: pointwise.div(x, other, rounding_mode=rounding_mode))
    input /= other
    return input


def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Bounded from below and above, in place."""
    return changed(input, lambda x: pointwise.clamp(x, min, max))


def masked_fill_(input: Tensor, mask: Tensor | Array, value: Operand) -> Tensor:
    """A number where the mask holds, in place."""
    return changed(input, lambda x: masked_fill(x, mask, value))


def fill_(input: Tensor, value: Operand) -> Tensor:
    """One number everywhere, in place."""
    return changed(input, lambda x: ops.where(True, as_filling(value, x), x))


def zero_(input: Tensor) -> Tensor:
    """0 everywhere, in place."""
    return fill_(input, 0)


def copy_(input: Tensor, src: Tensor | Array, non_blocking: bool = False) -> Tensor:
    """The elements of another tensor, which broadcasts, in place."""
    source = src if isinstance(src, Tensor) else Tensor(src)
    return changed(input, lambda x: ops.where(True, source.astype(x.dtype).broadcast_to(x.shape), x))


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
