"""Normalisation: activations brought to mean 0 and variance 1, over the batch or over the features.

The formulas are in `functional.normalization`; the modules keep what is learnt and what follows the batches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from ..tensors import Tensor
from . import functional as F
from .module import Module, Parameter


class _BatchNorm(Module):
    """What batch normalisation is, whatever lies behind the channels."""

    ndims: tuple[int, ...]  # of inputs
    shape: str  # of inputs, in words

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = Parameter(np.ones(num_features, dtype)) if affine else None
        self.bias = Parameter(np.zeros(num_features, dtype)) if affine and bias else None
        tracked = track_running_stats
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, dtype)) if tracked else None)
        self.register_buffer("running_var", Tensor(np.ones(num_features, dtype)) if tracked else None)
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)) if tracked else None)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in self.ndims or x.shape[1] != self.num_features:
            raise ValueError(f"{self!r} takes inputs {self.shape.format(self.num_features)}, not {x.shape}")
        mean, var, count = self.running_mean, self.running_var, self.num_batches_tracked
        alone = x.size == self.num_features and mean is not None  # one element a channel, which has no spread
        training = (self.training and not alone) or mean is None
        momentum = self.momentum
        if training and count is not None:
            count.data += 1
            momentum = 1 / count.item() if momentum is None else momentum
        return F.batch_norm(x, mean, var, self.weight, self.bias, training, momentum or 0.0, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        return f"{text}, affine={self.affine}, track_running_stats={self.track_running_stats}"


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) · weight + bias, over the batch, channel by channel (Ioffe & Szegedy 2015, alg. 1).

    x (batch, num_features) or (batch, num_features, length). In training the batch's own mean and (biased) variance are
    used, and running ones follow them, `running += momentum · (batch's - running)`, the variance unbiased; with
    momentum None they are the means over all batches so far, which `num_batches_tracked` counts. In evaluation the
    running ones are used, and for a training batch of one element a channel as well, which has no spread (PyTorch
    refuses it). Without `track_running_stats` the batch's own are used always; without `affine` there is no weight and
    no bias, without `bias` no bias.

    Raises:
        ValueError: an input of another shape.
    """

    ndims = (2, 3)
    shape = "(batch, {0}) or (batch, {0}, length)"


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images: x (batch, num_features, height, width), over batch, height and width."""

    ndims = (4,)
    shape = "(batch, {0}, height, width)"


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) · weight + bias, over the last axes of each example (Ba et al. 2016, eq. 4).

    `normalized_shape` is the length of the last axis, or the lengths of the last axes: x (..., *normalized_shape),
    weight and bias too. Without `elementwise_affine` there is neither, without `bias` no bias. The same in training and
    evaluation.

    Raises:
        ValueError: an input with other last axes.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        one = isinstance(normalized_shape, int)
        self.normalized_shape: tuple[int, ...] = (normalized_shape,) if one else tuple(normalized_shape)  # type: ignore[arg-type,assignment]
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(np.ones(self.normalized_shape, dtype)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(self.normalized_shape, dtype)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        shape = self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            raise ValueError(f"{self!r} takes inputs (..., {', '.join(map(str, shape))}), not {x.shape}")
        return F.layer_norm(x, shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Over each of `num_groups` groups of channels, and all that lies behind them, of each example (Wu & He 2018).

    x (batch, num_channels, ...); weight and bias (num_channels,), or none without `affine`. The same in training and
    evaluation.

    Raises:
        ValueError: the channels do not make so many groups, or the input has others.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"{num_channels} channels do not make {num_groups} groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = Parameter(np.ones(num_channels, dtype)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, dtype)) if affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"{self!r} takes inputs (batch, {self.num_channels}, ...), not {x.shape}")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
