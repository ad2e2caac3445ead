"""How good predictions are: of classes, of numbers, and of a model for its size. NumPy arrays, scikit-learn's names.

The truth comes first, then the prediction: `accuracy_score(y_true, y_pred)`. Classes are integers, booleans or texts of
shape (n_samples,), not scores: take `scores.argmax(axis=1)` first. A share of nothing is, for instance, the precision
of a class that is never predicted.

Raises:
    ValueError: shapes that differ or do not fit, no samples, infinity or NaN.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Average: TypeAlias = Literal["binary", "macro", "micro", "weighted"]
ZeroDivision: TypeAlias = Literal["warn"] | float
Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Parts: TypeAlias = Callable[[Counts, Counts, Counts], tuple[Counts, Counts]]


def accuracy_score(y_true: ArrayLike, y_pred: ArrayLike, *, normalize: bool = True) -> float:
    """The share of samples whose class is predicted, (1/n) Σ [ŷ_i = y_i]; without `normalize` their number."""
    true, pred = _classes(y_true, y_pred)
    hits = true == pred
    return float(hits.mean() if normalize else hits.sum())


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """`accuracy_score`, the share of samples whose class is predicted."""
    return accuracy_score(y_true, y_pred)


def balanced_accuracy_score(y_true: ArrayLike, y_pred: ArrayLike, *, adjusted: bool = False) -> float:
    """The mean recall of the classes that are in `y_true`; `adjusted`, guessing has 0 and 1 stays 1."""
    matrix = confusion_matrix(y_true, y_pred)
    there = matrix.sum(axis=1) > 0
    score = float((matrix.diagonal()[there] / matrix.sum(axis=1)[there]).mean())
    if not adjusted:
        return score
    chance = 1 / int(there.sum())
    if chance == 1:
        raise ValueError("an adjusted score compares with guessing, which takes 2 classes or more in y_true")
    return (score - chance) / (1 - chance)


@overload
def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, *, labels: ArrayLike | None = None) -> Counts: ...
@overload
def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    normalize: Literal["true", "pred", "all"] | None,
) -> Any: ...
def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    normalize: Literal["true", "pred", "all"] | None = None,
) -> Any:
    """How often each class is predicted as each: C[i, j] counts the samples of class i predicted as class j.

    Shape (n_classes, n_classes). Classes go in the order of `labels`; without it, those in either array, sorted.
    `normalize` divides by the samples of each class ("true"), by its predictions ("pred"), or by all; a share of
    nothing is 0.

    Raises:
        ValueError: a class that is not among `labels`, or is there twice.
    """
    matrix, _ = _confusion(y_true, y_pred, labels)
    if normalize is None:
        return matrix
    if normalize not in ("true", "pred", "all"):
        raise ValueError(f"normalize must be 'true', 'pred', 'all' or None, not {normalize!r}")
    total = matrix.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
    return np.divide(matrix, total, out=np.zeros(matrix.shape), where=total != 0)


def precision_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: Average | None = "binary",
    zero_division: ZeroDivision = "warn",
) -> float | Floats:
    """Of the samples predicted as a class, the share that is of it: TP / (TP + FP).

    `average`: "binary" is the score of `pos_label`, of two classes at most; "macro" the mean over the classes,
    "weighted" by their samples; "micro" the score of all counts together, Σ TP / Σ (TP + FP), which for one class a
    sample is the accuracy; None gives each class its own, shape (n_classes,), in the order of `confusion_matrix`.
    `labels` are the classes to count, in their order. A share of nothing is `zero_division`: 0, 1, NaN, which a mean
    leaves out, or by default 0 with a UserWarning.
    """
    parts: Parts = lambda hits, predicted, actual: (hits, predicted)  # noqa: E731
    return _averaged("precision", y_true, y_pred, average, pos_label, labels, zero_division, parts)


def precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Average | None = "binary",
    pos_label: Any = 1,
    labels: ArrayLike | None = None,
) -> float | Floats:
    """`precision_score`, in which a share of nothing is 0."""
    return precision_score(y_true, y_pred, labels=labels, pos_label=pos_label, average=average, zero_division=0.0)


def recall_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: Average | None = "binary",
    zero_division: ZeroDivision = "warn",
) -> float | Floats:
    """Of the samples of a class, the share predicted as it: TP / (TP + FN). The options are `precision_score`'s."""
    parts: Parts = lambda hits, predicted, actual: (hits, actual)  # noqa: E731
    return _averaged("recall", y_true, y_pred, average, pos_label, labels, zero_division, parts)


def recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Average | None = "binary",
    pos_label: Any = 1,
    labels: ArrayLike | None = None,
) -> float | Floats:
    """`recall_score`, in which a share of nothing is 0."""
    return recall_score(y_true, y_pred, labels=labels, pos_label=pos_label, average=average, zero_division=0.0)


def f1_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: Average | None = "binary",
    zero_division: ZeroDivision = "warn",
) -> float | Floats:
    """The harmonic mean of precision P and recall R: 2 P R / (P + R) = 2 TP / (2 TP + FP + FN).

    The options are `precision_score`'s; "macro" is the mean of the classes' F1 (van Rijsbergen, Information Retrieval,
    1979, chapter 7, with equal weights).
    """
    parts: Parts = lambda hits, predicted, actual: (2 * hits, predicted + actual)  # noqa: E731
    return _averaged("F1", y_true, y_pred, average, pos_label, labels, zero_division, parts)


def f1(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Average | None = "binary",
    pos_label: Any = 1,
    labels: ArrayLike | None = None,
) -> float | Floats:
    """`f1_score`, in which a share of nothing is 0."""
    return f1_score(y_true, y_pred, labels=labels, pos_label=pos_label, average=average, zero_division=0.0)


def log_loss(
    y_true: ArrayLike, y_proba: ArrayLike, *, normalize: bool = True, labels: ArrayLike | None = None
) -> float:
    """-(1/n) Σ ln p_i, p_i the probability that is given to the class of sample i; without `normalize` the sum.

    `y_proba` (n_samples, n_classes) has a column for each class of `labels` (or else of `y_true`), sorted, and rows
    that sum to 1; (n_samples,) is the probability of the second of two classes. Probabilities of 0 and 1 count as the
    smallest step of their dtype away from them. ValueError too: fewer than two classes, numbers that are not
    probabilities.
    """
    true, given = np.asarray(y_true), np.asarray(y_proba)
    proba = given if given.dtype.kind == "f" else given.astype(np.float64)
    known = np.unique(true if labels is None else np.asarray(labels))
    if true.ndim != 1 or not len(true) or proba.shape not in {(len(true),), (len(true), len(known))}:
        raise ValueError(
            f"probabilities of shape {proba.shape} do not fit {len(known)} classes and y_true of shape {true.shape}"
        )
    if len(known) < 2 or (proba.ndim == 1 and len(known) > 2):
        raise ValueError(f"there are {len(known)} classes: give labels=, and a column for each of more than two")
    strange = true[~np.isin(true, known)]
    if len(strange):
        raise ValueError(f"class {strange.tolist()[0]!r} is not among the labels {known.tolist()}")
    if not ((proba >= 0) & (proba <= 1)).all():
        raise ValueError(f"probabilities are from 0 to 1, not {proba.min()} to {proba.max()}")
    if proba.ndim == 1:
        proba = np.stack([1 - proba, proba], axis=1)
    elif not np.allclose(proba.sum(axis=1), 1, rtol=0, atol=float(np.finfo(proba.dtype).eps) ** 0.5):
        raise ValueError("the probabilities of each sample must sum to 1")
    eps = np.finfo(proba.dtype).eps
    chosen = np.clip(proba, eps, 1 - eps)[np.arange(len(true)), np.searchsorted(known, true)]
    losses = -np.log(chosen.astype(np.float64))
    return float(losses.mean() if normalize else losses.sum())


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """(1/n) Σ (y_i − ŷ_i)², in the unit of y squared; over several targets, the mean of theirs."""
    true, pred = _numbers(y_true, y_pred)
    return float(((true - pred) ** 2).mean())


def root_mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """√((1/n) Σ (y_i − ŷ_i)²), in the unit of y; over several targets, the mean of their roots."""
    true, pred = _numbers(y_true, y_pred)
    return float(np.sqrt(((true - pred) ** 2).mean(axis=0)).mean())


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """(1/n) Σ |y_i − ŷ_i|, in the unit of y; over several targets, the mean of theirs."""
    true, pred = _numbers(y_true, y_pred)
    return float(np.abs(true - pred).mean())


def r2_score(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The coefficient of determination, R² = 1 − Σ (y_i − ŷ_i)² / Σ (y_i − ȳ)²; of several targets, the mean of theirs.

    1 is exact, 0 as good as the mean of y, below 0 worse. A target that never changes has 1 if it is predicted exactly
    and 0 if not. ValueError too: fewer than two samples.
    """
    true, pred = _numbers(y_true, y_pred)
    if len(true) < 2:
        raise ValueError("R² compares with the spread of the targets: it takes 2 samples or more, not 1")
    residual = np.atleast_1d(((true - pred) ** 2).sum(axis=0))
    total = np.atleast_1d(((true - true.mean(axis=0)) ** 2).sum(axis=0))
    constant = np.atleast_1d((true == true[0]).all(axis=0))
    scores = 1 - residual / np.where(constant, 1.0, total)
    return float(np.where(constant, residual == 0, scores).mean())


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Akaike's information criterion, 2 k − 2 ln L, with ln L summed over the samples: the lower the better.

    Akaike, A new look at the statistical model identification, IEEE Transactions on Automatic Control 19, 1974.
    """
    _check_fit(log_likelihood, n_parameters)
    return 2.0 * n_parameters - 2.0 * log_likelihood


def bic(log_likelihood: float, n_parameters: int, n_samples: int) -> float:
    """The Bayesian information criterion, k ln n − 2 ln L, with ln L summed over the n samples: the lower the better.

    Schwarz, Estimating the dimension of a model, Annals of Statistics 6, 1978.
    """
    _check_fit(log_likelihood, n_parameters)
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, not {n_samples}")
    return n_parameters * math.log(n_samples) - 2.0 * log_likelihood


def _averaged(
    name: str,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    average: Average | None,
    pos_label: Any,
    labels: ArrayLike | None,
    zero_division: ZeroDivision,
    parts: Parts,
) -> float | Floats:
    """`parts` makes a numerator and a denominator of the classes' hits, predictions and samples."""
    if average not in (None, "binary", "macro", "micro", "weighted"):
        raise ValueError(f"average must be 'binary', 'macro', 'micro', 'weighted' or None, not {average!r}")
    if zero_division != "warn" and not (zero_division in (0, 1) or math.isnan(zero_division)):
        raise ValueError(f"zero_division must be 0, 1, NaN or 'warn', not {zero_division!r}")
    matrix, known = _confusion(y_true, y_pred, None)
    if average == "binary":
        if len(known) > 2:
            raise ValueError(f"there are {len(known)} classes, not two: give average='macro', 'micro' or None")
        if len(known) == 2 and pos_label not in known:
            raise ValueError(f"pos_label is {pos_label!r}, but the classes are {known.tolist()}")
        labels = [pos_label]
    hits, predicted, actual = matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)
    if labels is not None:
        hits, predicted, actual = (_of(labels, known, counts) for counts in (hits, predicted, actual))
    if average == "micro":
        hits, predicted, actual = (counts.sum(keepdims=True) for counts in (hits, predicted, actual))
    above, below = parts(hits, predicted, actual)
    empty = 0.0 if zero_division == "warn" else float(zero_division)
    scores: Floats = np.divide(above, below, out=np.full(len(above), empty), where=below != 0)
    if zero_division == "warn" and not below.all():
        where = f"for {int((below == 0).sum())} of {len(below)} classes" if len(below) > 1 else "here"
        warnings.warn(f"{name} is a share of nothing {where}, and counts as 0: pass zero_division=", stacklevel=3)
    if average is None:
        return scores
    counted = ~np.isnan(scores)
    if not counted.any():
        return math.nan
    weights = actual[counted] if average == "weighted" and actual[counted].any() else None
    return float(np.average(scores[counted], weights=weights))


def _of(labels: ArrayLike, known: NDArray[Any], counts: Counts) -> Counts:
    """The counts of these classes, 0 for one that is not known."""
    found = dict(zip(known.tolist(), counts.tolist(), strict=True))
    return np.array([found.get(label, 0) for label in np.asarray(labels).tolist()], np.int64)


def _confusion(y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None) -> tuple[Counts, NDArray[Any]]:
    """The confusion matrix and the classes of its rows."""
    true, pred = _classes(y_true, y_pred)
    found, places = np.unique(np.concatenate([true, pred]), return_inverse=True)
    known = found if labels is None else np.asarray(labels)
    if labels is not None:
        index = {label: place for place, label in enumerate(known.tolist())}
        if known.ndim != 1 or len(index) != len(known):
            raise ValueError(f"labels must be different classes, not {known.tolist()}")
        strange = [label for label in found.tolist() if label not in index]
        if strange:
            raise ValueError(f"class {strange[0]!r} is not among the labels {known.tolist()}")
        places = np.array([index[label] for label in found.tolist()])[places]
    rows, columns = places[: len(true)], places[len(true) :]
    counts = np.bincount(rows * len(known) + columns, minlength=len(known) ** 2)
    return counts.reshape(len(known), len(known)).astype(np.int64), known


def _classes(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    _check_shapes(true, pred)
    if true.ndim != 1:
        raise ValueError(f"classes must be of shape (n_samples,), not {true.shape}: of scores take argmax(axis=1)")
    for name, classes in (("y_true", true), ("y_pred", pred)):
        if classes.dtype.kind == "f" and (classes != np.floor(classes)).any():
            raise ValueError(
                f"{name} must hold classes, not numbers such as {classes[classes != np.floor(classes)][0]}"
            )
    if (true.dtype.kind in "US") != (pred.dtype.kind in "US"):
        raise ValueError(f"classes must be of one kind, not {true.dtype} in y_true and {pred.dtype} in y_pred")
    return true, pred


def _numbers(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    true, pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    _check_shapes(true, pred)
    for name, values in (("y_true", true), ("y_pred", pred)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} has a value that is {values[~np.isfinite(values)][0]}, not a finite number")
    return true, pred


def _check_shapes(true: NDArray[Any], pred: NDArray[Any]) -> None:
    if true.shape != pred.shape:
        raise ValueError(f"y_true has shape {true.shape} and y_pred {pred.shape}: they must be the same")
    if not true.ndim or not true.size:
        raise ValueError(f"there are no samples to compare in arrays of shape {true.shape}")


def _check_fit(log_likelihood: float, n_parameters: int) -> None:
    if not math.isfinite(log_likelihood):
        raise ValueError(f"log_likelihood must be finite, not {log_likelihood}")
    if n_parameters < 0:
        raise ValueError(f"n_parameters must be 0 or more, not {n_parameters}")
