"""Losses: modules called as `loss(input, target)`, smaller is better.

`reduction` says what becomes of the single losses: "mean", "sum", or "none", which leaves them apart.
`target` may be a Tensor, an array or a list. Shapes must agree; what only broadcasting would make
fit, (n,) against (n, 1), compares every prediction with every target and is a `ValueError`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import ops
from ..node import Array
from ..tensor import Tensor, as_array
from .module import Module

Reduction: TypeAlias = Literal["mean", "sum", "none"]
Target: TypeAlias = Tensor | ArrayLike


class Loss(Module):
    """What the losses share: the reduction."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
        self.reduction = reduction

    def _reduce(self, losses: Tensor) -> Tensor:
        if self.reduction == "mean":
            return losses.mean()
        return losses.sum() if self.reduction == "sum" else losses

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


def _matching(target: Target, input: Tensor) -> Tensor:
    """`target` as a tensor of the dtype of `input`, whose shape it must have."""
    if not isinstance(target, Tensor):
        target = Tensor(target)
    if target.shape != input.shape:
        same_but_ones = [n for n in target.shape if n != 1] == [n for n in input.shape if n != 1]
        cure = f"use target.reshape{input.shape}" if same_but_ones else "a loss compares them one to one"
        raise ValueError(f"input has shape {input.shape} and target {target.shape}: {cure}")
    if target.dtype != input.dtype and input.dtype.kind == "f":
        return target.astype(input.dtype)
    return target


def _class_indices(target: Target, scores: Tensor) -> Array:
    """`target` as an array of class indices, one for each row of `scores`."""
    indices = as_array(target)
    if scores.ndim != 2 or indices.shape != scores.shape[:1]:
        raise ValueError(
            f"input must be (batch, classes) and target (batch,), the index of each row's class, "
            f"not {scores.shape} and {indices.shape}"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"target must hold class indices, integers, not {indices.dtype}: use .astype(int)")
    wrong = indices[(indices < 0) | (indices >= scores.shape[1])]
    if wrong.size:
        raise ValueError(f"target {wrong[0]} is no class: with {scores.shape[1]} scores, classes start at 0")
    return indices


# --- regression


class MSELoss(Loss):
    """The squared error (input - target)²."""

    def forward(self, input: Tensor, target: Target) -> Tensor:
        error = input - _matching(target, input)
        return self._reduce(error * error)


class L1Loss(Loss):
    """The absolute error |input - target|."""

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return self._reduce((input - _matching(target, input)).abs())


class HuberLoss(Loss):
    """error² / 2 up to |error| = delta, from there on the line delta · (|error| - delta / 2).

    A few wild targets pull less than in `MSELoss` (Huber 1964). `ValueError` unless delta > 0.
    """

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not delta > 0:
            raise ValueError(f"delta must be positive, not {delta}")
        self.delta = delta

    def forward(self, input: Tensor, target: Target) -> Tensor:
        error = (input - _matching(target, input)).abs()
        bounded: Tensor = ops.clip(error, low=0.0, high=self.delta)
        return self._reduce(bounded * (error - 0.5 * bounded))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, delta={self.delta}"


# --- classification


class _ClassLoss(Loss):
    """What the losses on class indices share: a weight for each class, and the choice of each row's class."""

    weight: Tensor | None

    def __init__(self, weight: Target | None = None, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", _constant(weight))

    def _nll(self, log_p: Tensor, target: Target, smoothing: float = 0.0) -> Tensor:
        indices = _class_indices(target, log_p)
        classes = log_p.shape[1:]
        weight = np.ones(classes, log_p.dtype) if self.weight is None else self.weight.data.astype(log_p.dtype)
        if weight.shape != classes:
            raise ValueError(f"weight has shape {weight.shape}: {classes[0]} classes need one weight each")
        counts = weight[indices]
        losses = -log_p[np.arange(len(indices)), indices] * counts
        if smoothing:
            losses = (1 - smoothing) * losses - smoothing * (log_p * weight).mean(axis=1)
        return losses.sum() / float(counts.sum()) if self.reduction == "mean" else self._reduce(losses)


class CrossEntropyLoss(_ClassLoss):
    """-log softmax(input)[target]: input (batch, classes) logits, target (batch,) class indices.

    `weight` (classes,) is what an example of each class counts; "mean" then divides by the sum of the
    examples' weights. `label_smoothing` ε takes the target as class t with 1 - ε and any class at random
    with ε: (1 - ε) w_t · -log p_t + ε / classes · Σ_c w_c · -log p_c (Szegedy et al. 2016, section 7).
    ValueError: ε is not in [0, 1], or the shapes do not fit.
    """

    def __init__(
        self, weight: Target | None = None, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.label_smoothing = _share("label_smoothing", label_smoothing)

    def forward(self, input: Tensor, target: Target) -> Tensor:
        if self.reduction == "mean" and self.weight is None and not self.label_smoothing:
            return ops.cross_entropy(input, target)
        return self._nll(input.log_softmax(), target, self.label_smoothing)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, label_smoothing={self.label_smoothing}"


class NLLLoss(_ClassLoss):
    """-input[target]: input (batch, classes) log-probabilities, target (batch,) class indices.

    `weight` as in `CrossEntropyLoss`.
    """

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return self._nll(input, target)


class _BinaryLoss(Loss):
    """What the losses on targets in [0, 1] share: a weight for each single loss."""

    weight: Tensor | None

    def __init__(self, weight: Target | None = None, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", _constant(weight))

    def _reduce(self, losses: Tensor) -> Tensor:
        return super()._reduce(losses if self.weight is None else losses * _fitting("weight", self.weight, losses))


class BCEWithLogitsLoss(_BinaryLoss):
    """-p t log σ(x) - (1 - t) log(1 - σ(x)): x logits, t targets in [0, 1], both of one shape.

    `pos_weight` p, 1 by default, is what a positive target counts against a negative one. `weight` multiplies
    the single losses; "mean" still divides by their number. Both must broadcast to the shape of the input.
    `label_smoothing` ε takes t (1 - ε) + ε / 2 for t, the two classes' share of `CrossEntropyLoss`'s
    (not in PyTorch). ValueError: ε is not in [0, 1], or the shapes do not fit.
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Target | None = None,
        *,
        reduction: Reduction = "mean",
        pos_weight: Target | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", _constant(pos_weight))
        self.label_smoothing = _share("label_smoothing", label_smoothing)

    def forward(self, input: Tensor, target: Target) -> Tensor:
        target = _matching(target, input)
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.pos_weight is None:
            if self.reduction == "mean" and self.weight is None:
                return ops.binary_cross_entropy_with_logits(input, target)
            losses = ops.softplus(input) - input * target
        else:
            positive = target * _fitting("pos_weight", self.pos_weight, input)
            losses = positive * ops.softplus(-input) + (1 - target) * ops.softplus(input)
        return self._reduce(losses)


class BCELoss(_BinaryLoss):
    """-t log p - (1 - t) log(1 - p): p probabilities, t targets in [0, 1], both of one shape.

    `weight` multiplies the single losses and must broadcast to the shape of the input. A probability of
    exactly 0 or 1 on the wrong side counts as 1e-30, and no gradient passes it; `BCEWithLogitsLoss` loses
    nothing there. `ValueError` for an input outside [0, 1].
    """

    def forward(self, input: Tensor, target: Target) -> Tensor:
        target = _matching(target, input)
        if input.size and (input.data.min() < 0 or input.data.max() > 1):
            raise ValueError(
                f"BCELoss needs probabilities from 0 to 1, not {input.data.min()} to {input.data.max()}: "
                "put a Sigmoid before it, or use BCEWithLogitsLoss on the logits"
            )
        return self._reduce(-(target * _log(input) + (1 - target) * _log(1 - input)))


def _log(p: Tensor) -> Tensor:
    # 1e-30, because 1 / p of the backward pass must stay far from float32's largest number
    log: Tensor = ops.log(ops.clip(p, low=1e-30, high=1.0))
    return log


def _constant(values: Target | None) -> Tensor | None:
    return None if values is None else Tensor(as_array(values))


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], not {value}")
    return value


def _fitting(name: str, values: Tensor, input: Tensor) -> Tensor:
    """`values` in the dtype of `input`, to whose shape they must broadcast."""
    try:
        fits = np.broadcast_shapes(values.shape, input.shape) == input.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} has shape {values.shape}, which does not broadcast to the input's {input.shape}")
    return values.astype(input.dtype)
