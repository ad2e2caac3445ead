"""Normalisation: activations brought to mean 0 and variance 1, over the batch or over the features."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ..node import note_write
from ..tensor import Tensor
from .module import Module, Parameter


class BatchNorm1d(Module):
    """(x - mean) / sqrt(var + eps) · weight + bias, over the batch, feature by feature (Ioffe & Szegedy 2015, alg. 1).

    x (batch, num_features). In training the batch's own mean and (biased) variance are used, and running
    ones follow them, `running += momentum · (batch's - running)`, the variance unbiased; in evaluation the
    running ones are used, and for a training batch of one as well, which has no spread (PyTorch refuses it).
    `num_batches_tracked` counts the batches that were followed. ValueError for another shape.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, *, dtype: DTypeLike = np.float32
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, dtype)))
        self.register_buffer("running_var", Tensor(np.ones(num_features, dtype)))
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ValueError(f"{self!r} takes inputs (batch, {self.num_features}), not {x.shape}")
        if not self.training or len(x) == 1:
            return (x - self.running_mean) / (self.running_var + self.eps).sqrt() * self.weight + self.bias
        mean = x.mean(axis=0)
        shifted = x - mean
        var = (shifted * shifted).mean(axis=0)
        self._follow(self.running_mean, mean)
        self._follow(self.running_var, var.detach() * (len(x) / (len(x) - 1)))
        self.num_batches_tracked.data += 1
        return shifted / (var + self.eps).sqrt() * self.weight + self.bias

    def _follow(self, running: Tensor, batch: Tensor) -> None:
        running.data += self.momentum * (batch.data - running.data)
        note_write(running.data)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) · weight + bias, over the last axis of each example (Ba et al. 2016, eq. 4).

    x (..., num_features). The same in training and evaluation. ValueError for another last axis.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, *, dtype: DTypeLike = np.float32) -> None:
        self.num_features = num_features
        self.eps = eps
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1:] != (self.num_features,):
            raise ValueError(f"{self!r} takes inputs (..., {self.num_features}), not {x.shape}")
        shifted = x - x.mean(axis=-1, keepdims=True)
        var = (shifted * shifted).mean(axis=-1, keepdims=True)
        return shifted / (var + self.eps).sqrt() * self.weight + self.bias

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}"
