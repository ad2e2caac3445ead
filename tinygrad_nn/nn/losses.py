"""Losses: modules called as `loss(input, target)`, smaller is better; `functional.losses` has their formulas.

`reduction` says what becomes of the single losses: "mean", "sum", or "none", which leaves them apart.
`target` may be a Tensor, an array or a list. Shapes must agree; what only broadcasting would make
fit, (n,) against (n, 1), compares every prediction with every target and is a `ValueError`.
"""

from __future__ import annotations

from typing import Literal

from ..core.node import as_array
from ..tensors import Tensor
from . import functional as F
from .functional.losses import (
    IGNORED,
    Reduction,
    Target,
    bce_with_logits,
    check_delta,
    check_reduction,
    matching,
    reduced,
    share,
)
from .module import Module


class Loss(Module):
    """What the losses share: the reduction."""

    reduction: Reduction

    def __init__(self, reduction: Reduction = "mean") -> None:
        check_reduction(reduction)
        self.reduction = reduction

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


# --- regression


class MSELoss(Loss):
    """The squared error (input - target)²."""

    def forward(self, input: Tensor, target: Target) -> Tensor:
        error = input - matching(target, input)
        return reduced(error * error, self.reduction)  # as F.mse_loss, with fewer calls in between


class L1Loss(Loss):
    """The absolute error |input - target|."""

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(Loss):
    """error² / 2 up to |error| = delta, from there on the line delta · (|error| - delta / 2).

    A few wild targets pull less than in `MSELoss` (Huber 1964). `ValueError` unless delta > 0.
    """

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        check_delta(delta)
        self.delta = delta

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, delta={self.delta}"


class SmoothL1Loss(Loss):
    """`HuberLoss` divided by its delta, here called beta (Girshick 2015, eq. 3); for beta 0, |error|."""

    def __init__(self, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        check_delta(beta or 1.0, "beta")
        self.beta = beta

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, beta={self.beta}"


class KLDivLoss(Module):
    """target · (log target - input): the divergence from a distribution whose logarithm `input` is (Kullback 1951).

    reduction="batchmean" is the divergence, the sum divided by the number of examples; "mean" divides by all elements.
    With `log_target` the target is a logarithm too. A target of 0 costs nothing.
    """

    def __init__(
        self, reduction: Literal["mean", "sum", "none", "batchmean"] = "mean", log_target: bool = False
    ) -> None:
        check_reduction(reduction, "batchmean")
        self.reduction: Literal["mean", "sum", "none", "batchmean"] = reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, log_target={self.log_target}"


# --- classification


class _Weighted(Loss):
    """What the losses with a weight share: a buffer, so that it is kept with the module."""

    weight: Tensor | None

    def __init__(self, weight: Target | None = None, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", _constant(weight))


class CrossEntropyLoss(_Weighted):
    """-log softmax(input)[target]: input (batch, classes) logits, target (batch,) class indices.

    With more axes, as for an image, the classes are the second: input (batch, classes, ...), target (batch, ...). One
    example alone has input (classes,) and target (). A target of the shape and kind of the input holds a probability
    for each class, and the loss is -Σ target · log softmax(input).

    `weight` (classes,) is what an example of each class counts; "mean" then divides by the sum of the examples'
    weights. Targets equal to `ignore_index` do not count. `label_smoothing` ε takes the target as class t with 1 - ε
    and any class at random with ε: (1 - ε) w_t · -log p_t + ε / classes · Σ_c w_c · -log p_c (Szegedy et al. 2016,
    section 7).

    Raises:
        ValueError: ε is not in [0, 1], or the shapes do not fit.
    """

    def __init__(
        self,
        weight: Target | None = None,
        *,
        ignore_index: int = IGNORED,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = share("label_smoothing", label_smoothing)

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        ignored = f", ignore_index={self.ignore_index}" if self.ignore_index != IGNORED else ""
        return f"{super().extra_repr()}, label_smoothing={self.label_smoothing}{ignored}"


class NLLLoss(_Weighted):
    """-input[target]: input (batch, classes) log-probabilities, target (batch,) class indices.

    `weight`, `ignore_index` and the other shapes of inputs as in `CrossEntropyLoss`.
    """

    def __init__(
        self, weight: Target | None = None, *, ignore_index: int = IGNORED, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class BCEWithLogitsLoss(_Weighted):
    """-p t log σ(x) - (1 - t) log(1 - σ(x)): x logits, t targets in [0, 1], both of one shape.

    `pos_weight` p, 1 by default, is what a positive target counts against a negative one. `weight` multiplies the
    single losses; "mean" still divides by their number. Both must broadcast to the shape of the input.
    `label_smoothing` ε takes t (1 - ε) + ε / 2 for t, the two classes' share of `CrossEntropyLoss`'s (not in PyTorch).

    Raises:
        ValueError: ε is not in [0, 1], or the shapes do not fit.
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
        self.label_smoothing = share("label_smoothing", label_smoothing)

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return bce_with_logits(input, target, self.weight, self.reduction, self.pos_weight, self.label_smoothing)


class BCELoss(_Weighted):
    """-t log p - (1 - t) log(1 - p): p probabilities, t targets in [0, 1], both of one shape.

    `weight` multiplies the single losses and must broadcast to the shape of the input. As in PyTorch a logarithm counts
    -100 at least, and 1 / p(1 - p) in the gradient 1e12 at most; `BCEWithLogitsLoss` loses nothing there.

    Raises:
        ValueError: an input outside [0, 1].
    """

    def forward(self, input: Tensor, target: Target) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


def _constant(values: Target | None) -> Tensor | None:
    return None if values is None else Tensor(as_array(values))
