"""Layers for images (batch, channels, height, width)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..ops.conv import Pair
from ..tensor import Tensor
from . import init
from .module import Module, Parameter


class Conv2d(Module):
    """Cross-correlation with learnt filters: see `ops.conv2d` for the shapes.

    weight (out_channels, in_channels, height, width) and bias (out_channels,) or None start from U(-1/√n, 1/√n)
    with n = in_channels · height · width, as in PyTorch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        if min(in_channels, out_channels, *size) < 1:
            raise ValueError(f"Conv2d needs channels and sizes from 1 up, not {in_channels}, {out_channels}, {size}")
        self.stride = stride
        self.padding = padding
        self.weight = Parameter(np.empty((out_channels, in_channels, *size), dtype))
        self.bias = Parameter(np.empty(out_channels, dtype)) if bias else None
        bound = 1 / math.sqrt(in_channels * size[0] * size[1])
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return y

    def extra_repr(self) -> str:
        n_out, n_in, *size = self.weight.shape
        return f"{n_in}, {n_out}, kernel_size={tuple(size)}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(Module):
    """The largest element of each window, by default side by side: see `ops.max_pool2d`."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None) -> None:
        self.kernel_size = kernel_size
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = ops.max_pool2d(x, self.kernel_size, self.stride)
        return y

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}" + (f", stride={self.stride}" if self.stride is not None else "")
