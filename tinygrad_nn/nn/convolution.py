"""Layers for images (batch, channels, height, width) and for sequences (batch, channels, length)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..ops.conv import Pair
from ..tensors import Tensor
from . import init
from .module import Module, Parameter


class _Convolution(Module):
    """What convolutions along one axis and along two have in common."""

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name = type(self).__name__
        size = (kernel_size,) * self.axes if isinstance(kernel_size, int | np.integer) else tuple(kernel_size)
        if len(size) != self.axes or min(in_channels, out_channels, *size) < 1:
            raise ValueError(f"{name} needs channels and sizes from 1 up, not {in_channels}, {out_channels}, {size}")
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{name} needs groups that divide {in_channels} and {out_channels} channels, not {groups}")
        if padding_mode != "zeros":
            raise ValueError(f"{name} pads with zeros only, padding_mode={padding_mode!r} is not there")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"{name}'s padding is 'same', 'valid' or numbers, not {padding!r}")
        if padding == "same" and not np.all(np.equal(stride, 1)):
            raise ValueError(f"{name} with padding='same' has stride 1, not {stride}")
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.weight = Parameter(np.empty((out_channels, in_channels // groups, *size), dtype))
        self.bias = Parameter(np.empty(out_channels, dtype)) if bias else None
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng=rng)

    def extra_repr(self) -> str:
        n_out, n_in, *size = self.weight.shape
        options = {"dilation": (self.dilation, 1), "groups": (self.groups, 1), "bias": (self.bias is not None, True)}
        return f"{n_in * self.groups}, {n_out}, kernel_size={tuple(size)}, stride={self.stride}, " + ", ".join(
            [f"padding={self.padding}", *(f"{k}={v}" for k, (v, usual) in options.items() if v != usual)]
        )


class Conv2d(_Convolution):
    """Cross-correlation with learnt filters: see `ops.conv2d` for the shapes and options.

    weight (out_channels, in_channels / groups, height, width) and bias (out_channels,) or None start from U(-1/√n,
    1/√n) with n = in_channels / groups · height · width, as in PyTorch.

    Raises:
        ValueError: sizes below 1, groups that do not divide the channels, another `padding_mode` than "zeros", padding
            "same" with a stride.
    """

    axes = 2

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return y


class Conv1d(_Convolution):
    """`Conv2d` along one axis: (batch, channels, length), weight (out_channels, in_channels / groups, kernel_size)."""

    axes = 1

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return y


class MaxPool2d(Module):
    """The largest element of each window, by default side by side: see `ops.max_pool2d` for the options.

    `return_indices` is not there: ValueError.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        if return_indices:
            raise ValueError("MaxPool2d gives the largest elements only: return_indices=True is not there")
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return y

    def extra_repr(self) -> str:
        return _changed(self, stride=None, padding=0, dilation=1, ceil_mode=False)


class AvgPool2d(Module):
    """The mean of each window, by default side by side: see `ops.avg_pool2d` for the options."""

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        how = self.ceil_mode, self.count_include_pad, self.divisor_override
        y: Tensor = ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding, *how)
        return y

    def extra_repr(self) -> str:
        return _changed(self, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None)


def _changed(pool: MaxPool2d | AvgPool2d, **usual: Any) -> str:
    """The size of a pool's windows, and its options that are not the usual ones."""
    options = ((name, getattr(pool, name)) for name in usual)
    shown = (f", {name}={value}" for name, value in options if value != usual[name])
    return f"kernel_size={pool.kernel_size}" + "".join(shown)
