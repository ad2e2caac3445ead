"""Losses as functions: smaller is better.

`reduction` says what becomes of the single losses: "mean", "sum", or "none", which leaves them apart.
`target` may be a Tensor, an array or a list. Shapes must agree; what only broadcasting would make
fit, (n,) against (n, 1), compares every prediction with every target and is a ValueError.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ... import ops
from ...core.node import Array, as_array
from ...core.observe import mode
from ...tensors import Tensor

Reduction: TypeAlias = Literal["mean", "sum", "none"]
Target: TypeAlias = Tensor | ArrayLike

IGNORED = -100  # a target that no class has: PyTorch's mark for an example that does not count


def reduced(losses: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """The single losses put together; by `weight`, the mean is a weighted one.

    Raises:
        ValueError: another reduction.
    """
    if reduction == "mean":
        return losses.mean() if weight is None else losses.sum() / weight.sum()
    if reduction == "sum":
        return losses.sum()
    check_reduction(reduction)
    return losses


def check_reduction(reduction: str, *more: str) -> None:
    """Refuse a reduction that is not known."""
    known = ("mean", "sum", "none", *more)
    if reduction not in known:
        names = ", ".join(map(repr, known[:-1]))
        raise ValueError(f"reduction is {names} or {known[-1]!r}, not {reduction!r}")


def matching(target: Target, input: Tensor) -> Tensor:
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


# --- regression


def mse_loss(input: Tensor, target: Target, *, reduction: Reduction = "mean", weight: Tensor | None = None) -> Tensor:
    """The squared error (input - target)². `weight` has the input's shape, and "mean" divides by its sum."""
    error = input - matching(target, input)
    return _weighted(error * error, weight, reduction)


def l1_loss(input: Tensor, target: Target, *, reduction: Reduction = "mean", weight: Tensor | None = None) -> Tensor:
    """The absolute error |input - target|; `weight` as in `mse_loss`."""
    return _weighted((input - matching(target, input)).abs(), weight, reduction)


def huber_loss(
    input: Tensor,
    target: Target,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """error² / 2 up to |error| = delta, from there on the line delta · (|error| - delta / 2) (Huber 1964).

    `weight` has the input's shape, and multiplies the single losses. `ValueError` unless delta > 0.
    """
    check_delta(delta)
    error = (input - matching(target, input)).abs()
    bounded: Tensor = ops.clip(error, low=0.0, high=delta)
    losses = bounded * (error - 0.5 * bounded)
    return reduced(losses if weight is None else losses * _for_each(weight, losses), reduction)


def check_delta(delta: float, name: str = "delta") -> None:
    """Refuse a width that is not positive."""
    if not delta > 0:
        raise ValueError(f"{name} must be positive, not {delta}")


def smooth_l1_loss(input: Tensor, target: Target, *, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    """The Huber loss divided by its delta, here called beta (Girshick 2015, eq. 3); for beta 0, |error|."""
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    check_delta(beta, "beta")
    return huber_loss(input, target, reduction, beta) / beta


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduced(losses, reduction)
    weight = _for_each(weight, losses)
    return reduced(losses * weight, reduction, weight)


def _for_each(weight: Tensor, losses: Tensor) -> Tensor:
    if weight.shape != losses.shape:
        raise ValueError(f"weight has shape {weight.shape}, the input {losses.shape}: one for each element")
    return weight.astype(losses.dtype)


def kl_div(
    input: Tensor,
    target: Target,
    *,
    reduction: Literal["mean", "sum", "none", "batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """target · (log target - input): the divergence from a distribution whose logarithm `input` is (Kullback 1951).

    "batchmean", the sum divided by the length of the first axis, is the divergence; "mean" divides by the number of all
    elements. With `log_target` the target is a logarithm too. A target of 0 costs nothing; the gradient of
    such a target is NaN, as in PyTorch: the logarithm is infinite there.
    """
    t = matching(target, input)
    if log_target:
        losses = t.exp() * (t - input)
    else:
        empty = t.data == 0
        entropy = ops.where(empty, 0, t * ops.where(empty, np.nan, t).log())  # 0 · log 0 is 0, its gradient is NaN
        losses = entropy - t * input
    if reduction == "batchmean":
        return losses.sum() / input.shape[0] if input.ndim else losses.sum()
    check_reduction(reduction, "batchmean")
    return reduced(losses, reduction)


# --- classification


def cross_entropy(
    input: Tensor,
    target: Target,
    weight: Target | None = None,
    *,
    ignore_index: int = IGNORED,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target]: input (batch, classes, ...) logits, or (classes,) for one example.

    target: the index of each example's class, integers (batch, ...) or (); or, in the shape of the input, a probability
    for each class. See `nn.CrossEntropyLoss` for the options.

    Raises:
        ValueError, TypeError: they do not fit.
    """
    if reduction == "mean" and weight is None and not label_smoothing and ignore_index < 0:
        try:
            mean: Tensor = ops.cross_entropy(input, target)  # the usual case, in one step
            return mean
        except (TypeError, ValueError):
            pass  # another shape, targets to ignore, probabilities; or a mistake, which is told below
    axis = _class_axis(input)
    classes = input.shape[axis]
    if as_array(target).shape != input.shape or not classes:
        log_p: Tensor = ops.log_softmax(input, axis=axis)
        return _nll(log_p, target, weight, ignore_index, reduction, share("label_smoothing", label_smoothing))
    given = as_array(target)
    if given.dtype.kind != "f":
        raise TypeError(
            f"a target in the input's shape {input.shape} holds probabilities, floating-point numbers, not "
            f"{given.dtype}: indices of classes have one axis less"
        )
    if ignore_index >= 0:
        raise ValueError("ignore_index goes with indices of classes, not with probabilities")
    t = matching(target, input)
    if share("label_smoothing", label_smoothing):
        t = t * (1 - label_smoothing) + label_smoothing / classes
    terms = ops.log_softmax(input, axis=axis) * t
    if weight is not None:
        terms = terms * _class_weight(weight, input, axis).reshape(-1, *(1 for _ in range(input.ndim - axis - 1)))
    losses: Tensor = -ops.sum(terms, axis=axis, keepdims=False)
    return reduced(losses, reduction)


def nll_loss(
    input: Tensor,
    target: Target,
    weight: Target | None = None,
    *,
    ignore_index: int = IGNORED,
    reduction: Reduction = "mean",
) -> Tensor:
    """-input[target]: input (batch, classes, ...) log-probabilities, target (batch, ...) class indices.

    One example has input (classes,) and target (). See `nn.NLLLoss` for the options.
    """
    return _nll(input, target, weight, ignore_index, reduction, 0.0)


def _class_axis(scores: Tensor) -> int:
    if not scores.ndim:
        raise ValueError("input must be (batch, classes, ...) or (classes,), not a single number")
    return min(scores.ndim - 1, 1)


def _nll(
    log_p: Tensor, target: Target, weight: Target | None, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    axis = _class_axis(log_p)
    indices = as_array(target)
    classes = log_p.shape[axis]
    if indices.shape != log_p.shape[:axis] + log_p.shape[axis + 1 :]:
        raise ValueError(
            "input must be (batch, classes, ...) and target (batch, ...), the index of each example's class (or input "
            f"(classes,) and target ()), not {log_p.shape} and {indices.shape}"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"target must hold class indices, integers, not {indices.dtype}: use .astype(int)")
    rows, kept = indices.reshape(-1), None
    if rows.size:
        low, high = rows.item(rows.argmin()), rows.item(rows.argmax())
        if not 0 <= low <= high < classes or low <= ignore_index <= high:
            kept = rows != ignore_index
            wrong = rows[kept & ((rows < 0) | (rows >= classes))]
            if wrong.size:
                raise ValueError(f"target {wrong[0]} is not a class: with {classes} scores, classes start at 0")
            rows = np.where(kept, rows, 0)
    if log_p.ndim != 2:  # the classes go last, all else to rows
        order = (*(i for i in range(log_p.ndim) if i != axis), axis)
        log_p = ops.reshape(ops.transpose(log_p, axes=order), shape=(indices.size, classes))
    per_class = _class_weight(weight, log_p, 1) if weight is not None else np.ones(classes, log_p.dtype)
    counts = per_class[rows]
    losses = -log_p[np.arange(len(rows)), rows] * counts
    if smoothing:
        losses = (1 - smoothing) * losses - smoothing * (log_p * per_class).mean(axis=1)
    if kept is not None:
        counts = np.where(kept, counts, counts.dtype.type(0))
        losses = ops.where(kept, losses, 0)
    if reduction == "mean":
        return losses.sum() / (float(counts.sum()) or math.nan)
    return reduced(losses if indices.ndim == 1 else losses.reshape(indices.shape), reduction)


def _class_weight(weight: Target, scores: Tensor, axis: int) -> Array:
    array = _constant("weight", weight).astype(scores.dtype)
    if array.shape != (scores.shape[axis],):
        raise ValueError(f"weight has shape {array.shape}: {scores.shape[axis]} classes need one weight each")
    return array


# --- classes that are or are not


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Target,
    weight: Target | None = None,
    *,
    reduction: Reduction = "mean",
    pos_weight: Target | None = None,
) -> Tensor:
    """-p t log σ(x) - (1 - t) log(1 - σ(x)): x logits, t targets in [0, 1], both of one shape.

    See `nn.BCEWithLogitsLoss` for `weight` and `pos_weight` p.
    """
    return bce_with_logits(input, target, weight, reduction, pos_weight, 0.0)


def bce_with_logits(
    input: Tensor,
    target: Target,
    weight: Target | None,
    reduction: Reduction,
    pos_weight: Target | None,
    label_smoothing: float,
) -> Tensor:
    """`binary_cross_entropy_with_logits`, with the smoothing of labels that PyTorch does not have here."""
    target = matching(target, input)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / 2
    if pos_weight is None:
        if reduction == "mean" and weight is None:
            mean: Tensor = ops.binary_cross_entropy_with_logits(input, target)
            return mean
        losses = ops.softplus(input) - input * target
    else:
        positive = target * _fitting("pos_weight", pos_weight, input)
        losses = positive * ops.softplus(-input) + (1 - target) * ops.softplus(input)
    return reduced(losses if weight is None else losses * _fitting("weight", weight, losses), reduction)


def binary_cross_entropy(
    input: Tensor, target: Target, weight: Target | None = None, *, reduction: Reduction = "mean"
) -> Tensor:
    """-t log p - (1 - t) log(1 - p): p probabilities, t targets in [0, 1], both of one shape.

    See `nn.BCELoss`, for probabilities of 0 and 1 too.

    Raises:
        ValueError: an input outside [0, 1].
    """
    t = matching(target, input)
    p = input
    if p.size and (p.data.min() < 0 or p.data.max() > 1):
        raise ValueError(
            f"BCELoss needs probabilities from 0 to 1, not {p.data.min()} to {p.data.max()}: "
            "put a Sigmoid before it, or use BCEWithLogitsLoss on the logits"
        )
    sure = np.multiply(p.data, 1 - p.data, dtype=np.float64) < SURE
    if sure.any():
        inner = ops.where(sure, 0.5, p)
        losses = ops.where(sure, _of_the_sure(p, t), -(t * inner.log() + (1 - t) * (1 - inner).log()))
    else:
        losses = -(t * p.log() + (1 - t) * (1 - p).log())
    return reduced(losses if weight is None else losses * _fitting("weight", weight, losses), reduction)


SURE = float(np.float32(1e-12))  # to the last digit as PyTorch has it
LEAST = -100.0  # what a logarithm counts at least


def _of_the_sure(p: Tensor, t: Tensor) -> Tensor:
    """Of a probability so near to 0 or 1 that 1 / p(1 - p) would run away: PyTorch's bounds on value and gradient."""
    with np.errstate(divide="ignore"):
        logs = [np.maximum(log, LEAST).astype(p.dtype) for log in (np.log(p.data), np.log1p(-p.data))]
    slope = (p.data - t.data) * (1 / SURE)
    return (p - p.detach()) * slope - t * logs[0] - (1 - t) * logs[1]


def share(name: str, value: float) -> float:
    """The value, which must be in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], not {value}")
    return value


def _constant(name: str, values: Target) -> Array:
    if isinstance(values, Tensor) and values.node is not None and mode.get().recording:
        raise RuntimeError(f"{name} is a constant of the loss, no gradient goes to it: pass {name}.detach()")
    return as_array(values)


def _fitting(name: str, values: Target, input: Tensor) -> Tensor:
    """`values` in the dtype of `input`, to whose shape they must broadcast."""
    array = _constant(name, values)
    try:
        fits = np.broadcast_shapes(array.shape, input.shape) == input.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} has shape {array.shape}, which does not broadcast to the input's {input.shape}")
    return Tensor(array.astype(input.dtype))
