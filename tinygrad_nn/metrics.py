"""How good predictions are: of classes, of numbers, and of a model for its size. NumPy arrays, scikit-learn's names.

The truth comes first, then the prediction: `accuracy(y_true, y_pred)`. Classes are integers, booleans or texts of shape
(n_samples,), not scores: take `scores.argmax(axis=1)` first. A share of nothing, as the precision of a class that is
never predicted, is 0. ValueError: shapes that differ or do not fit, no samples, a number that is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Average: TypeAlias = Literal["binary", "macro", "micro"]
Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Parts: TypeAlias = Callable[[Counts, Counts, Counts], tuple[Counts, Counts]]


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of samples whose class is predicted: (1/n) Σ [ŷ_i = y_i]."""
    true, pred = _classes(y_true, y_pred)
    return float((true == pred).mean())


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, *, labels: ArrayLike | None = None) -> Counts:
    """How often each class is predicted as each: C[i, j] counts the samples of class i predicted as class j.

    Shape (n_classes, n_classes). Classes go in the order of `labels`; without it, those in either array, sorted.
    ValueError: a class that is not among `labels`, or is there twice.
    """
    return _confusion(y_true, y_pred, labels)[0]


def precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Average | None = "binary",
    pos_label: Any = 1,
    labels: ArrayLike | None = None,
) -> float | Floats:
    """Of the samples predicted as a class, the share that is of it: TP / (TP + FP).

    `average`: "binary" is that of `pos_label`, of two classes at most; "macro" the mean over the classes; "micro" that
    of all counts together, Σ TP / Σ (TP + FP), which for one class a sample is the accuracy; None gives each class
    its own, shape (n_classes,), in the order of `confusion_matrix`.
    """
    return _averaged(y_true, y_pred, average, pos_label, labels, lambda hits, predicted, actual: (hits, predicted))


def recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Average | None = "binary",
    pos_label: Any = 1,
    labels: ArrayLike | None = None,
) -> float | Floats:
    """Of the samples of a class, the share predicted as it: TP / (TP + FN). `average` as for `precision`."""
    return _averaged(y_true, y_pred, average, pos_label, labels, lambda hits, predicted, actual: (hits, actual))


def f1(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Average | None = "binary",
    pos_label: Any = 1,
    labels: ArrayLike | None = None,
) -> float | Floats:
    """The harmonic mean of precision P and recall R: 2 P R / (P + R) = 2 TP / (2 TP + FP + FN).

    `average` as for `precision`; "macro" is the mean of the classes' F1 (van Rijsbergen, Information Retrieval, 1979,
    chapter 7, with equal weights).
    """
    return _averaged(
        y_true, y_pred, average, pos_label, labels, lambda hits, predicted, actual: (2 * hits, predicted + actual)
    )


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
    y_true: ArrayLike,
    y_pred: ArrayLike,
    average: Average | None,
    pos_label: Any,
    labels: ArrayLike | None,
    parts: Parts,
) -> float | Floats:
    """`parts` makes a numerator and a denominator of the classes' hits, predictions and samples."""
    if average not in (None, "binary", "macro", "micro"):
        raise ValueError(f"average must be 'binary', 'macro', 'micro' or None, not {average!r}")
    matrix, known = _confusion(y_true, y_pred, labels)
    above, below = parts(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))
    if average == "micro":
        return float(above.sum() / below.sum())
    scores: Floats = np.divide(above, below, out=np.zeros(len(known)), where=below != 0)
    if average is None:
        return scores
    if average == "macro":
        return float(scores.mean())
    if len(known) > 2:
        raise ValueError(f"there are {len(known)} classes, not two: give average='macro', 'micro' or None")
    place = np.flatnonzero(known == pos_label)
    if not len(place):
        if len(known) == 2:
            raise ValueError(f"pos_label is {pos_label!r}, but the classes are {known.tolist()}")
        return 0.0  # no sample is positive, in truth or by prediction
    return float(scores[place[0]])


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
