"""How good a run's model is on the validation part, class by class or in the target's own unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .. import metrics, nn
from ..core.backward import no_grad
from ..core.node import Array
from ..tensors import Tensor
from .experiment import Experiment, predicted_classes
from .trainer import EVALUATION_CHUNK, Trainer


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One class among the `support` validation examples that are of it."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, eq=False, slots=True)
class ClassificationReport:
    """Of the validation part: `confusion[i, j]` counts the examples of class i predicted as class j.

    `macro` are the means over the classes. `aic` and `bic` are of the training part: -2 ln L of its examples, L the
    probability that the model gives their classes, and the price of its parameters; NaN where the loss is no
    cross-entropy, so that outputs are not log-odds.
    """

    classes: tuple[ClassScores, ...]
    macro: ClassScores
    accuracy: float
    confusion: Array
    aic: float
    bic: float


@dataclass(frozen=True, slots=True)
class TargetScores:
    """One target of a regression, errors in its own unit. `r2` is NaN where there is a single example."""

    name: str
    mae: float
    rmse: float
    r2: float


@dataclass(frozen=True, slots=True)
class RegressionReport:
    """Of the validation part, with `target_scaling` undone.

    `aic` and `bic` are of the training part, with errors taken as normal and their variance, one for each target,
    estimated from them: -2 ln L = Σ n (ln 2π σ² + 1), and a parameter more for each σ². NaN where all errors are 0.
    """

    targets: tuple[TargetScores, ...]
    aic: float
    bic: float


Report: TypeAlias = ClassificationReport | RegressionReport


def evaluate(session: Trainer) -> Report | None:
    """The report on a session as it stands; it changes nothing.

    None where there is nothing to say: outputs that are not finite, or that mean something else in an experiment of
    one's own, by their shape or because it has a `score` or `targets` of its own.
    """
    own = type(session.experiment)
    if own.score is not Experiment.score or own.targets is not Experiment.targets:
        return None
    classes = session.train.n_classes
    widths = {1, 2} if classes == 2 else {classes or session.train.y[0].size}
    fitted, judged = _outputs(session, session.train.x), _outputs(session, session.validation.x)
    for output in (fitted, judged):
        if output.ndim != 2 or output.shape[1] not in widths or not np.isfinite(output).all():
            return None
    return (_of_classes if classes else _of_numbers)(session, fitted, judged)


def _outputs(session: Trainer, x: Array) -> Array:
    with session.looking(), no_grad():
        chunks = [x[start : start + EVALUATION_CHUNK] for start in range(0, len(x), EVALUATION_CHUNK)]
        return np.concatenate([session.model(Tensor(chunk)).data for chunk in chunks]).astype(np.float64)


def _of_classes(session: Trainer, fitted: Array, judged: Array) -> ClassificationReport:
    true, predicted, names = (
        session.validation.y,
        predicted_classes(judged).astype(np.int64),
        session.train.target_names,
    )
    labels = np.arange(len(names))
    precision, recall, f1 = (
        np.asarray(measure(true, predicted, average=None, labels=labels))
        for measure in (metrics.precision, metrics.recall, metrics.f1)
    )
    confusion = metrics.confusion_matrix(true, predicted, labels=labels)
    support = confusion.sum(axis=1)
    log_likelihood = math.nan
    if isinstance(session.loss, nn.CrossEntropyLoss | nn.BCEWithLogitsLoss):
        logits = np.hstack([np.zeros_like(fitted), fitted]) if fitted.shape[1] == 1 else fitted
        chosen = np.take_along_axis(logits, session.train.y[:, None], axis=1)
        log_likelihood = float((chosen[:, 0] - np.logaddexp.reduce(logits, axis=1)).sum())
    aic, bic = _criteria(session, log_likelihood, 0)
    scores = zip(names, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return ClassificationReport(
        classes=tuple(ClassScores(*one) for one in scores),
        macro=ClassScores("macro", float(precision.mean()), float(recall.mean()), float(f1.mean()), int(support.sum())),
        accuracy=metrics.accuracy(true, predicted),
        confusion=confusion,
        aic=aic,
        bic=bic,
    )


def _of_numbers(session: Trainer, fitted: Array, judged: Array) -> RegressionReport:
    def in_unit(values: Array) -> Array:
        columns = values.reshape(len(values), -1).astype(np.float64)
        return columns if session.target_scaler is None else session.target_scaler.inverse_transform(columns)

    variances = np.square(in_unit(session.train.y) - in_unit(fitted)).mean(axis=0)
    with np.errstate(divide="ignore"):
        log_likelihood = -0.5 * len(fitted) * float((np.log(2 * np.pi * variances) + 1).sum())
    aic, bic = _criteria(session, log_likelihood, len(variances))
    columns = zip(session.train.target_names, in_unit(session.validation.y).T, in_unit(judged).T, strict=True)
    return RegressionReport(
        targets=tuple(
            TargetScores(
                name=name,
                mae=metrics.mean_absolute_error(true, predicted),
                rmse=math.sqrt(np.square(true - predicted).mean()),
                r2=metrics.r2_score(true, predicted) if len(true) > 1 else math.nan,
            )
            for name, true, predicted in columns
        ),
        aic=aic,
        bic=bic,
    )


def _criteria(session: Trainer, log_likelihood: float, more: int) -> tuple[float, float]:
    if not math.isfinite(log_likelihood):
        return math.nan, math.nan
    count = more + sum(p.size for p in session.parameters)
    return metrics.aic(log_likelihood, count), metrics.bic(log_likelihood, count, session.train.n_samples)
