"""Scaling features, with scikit-learn's names. Fit on the training part alone, then transform every part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import numpy as np

from .dataset import Array


class _Scaler(ABC):
    """(x - centre) * factor + shift for each column, once `fit` has found them."""

    n_features_in_: int

    def fit(self, x: Array) -> Self:
        """Learn from x (samples, features), in float64.

        Raises:
            ValueError: it is empty, not 2-D or not finite.
        """
        if x.ndim != 2 or not x.size:
            raise ValueError(f"a scaler is fitted on (samples, features), not {x.shape}")
        finite = np.isfinite(x)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise ValueError(f"a scaler is fitted on finite numbers: row {row}, column {column} is {x[row, column]}")
        self.n_features_in_ = x.shape[1]
        self._fit(x.astype(np.float64))
        return self

    @abstractmethod
    def _fit(self, x: Array) -> None:
        """Learn from x, which is checked and float64."""

    @abstractmethod
    def _scaled(self, x: Array) -> Array:
        """x, float64, scaled."""

    @abstractmethod
    def _unscaled(self, x: Array) -> Array:
        """What `_scaled` would turn into x."""

    def transform(self, x: Array) -> Array:
        """x scaled, in its own dtype where that is floating (else float64)."""
        self._check(x)
        return self._scaled(x.astype(np.float64)).astype(_floating(x))

    def inverse_transform(self, x: Array) -> Array:
        """What `transform` would turn into x."""
        self._check(x)
        return self._unscaled(x.astype(np.float64)).astype(_floating(x))

    def fit_transform(self, x: Array) -> Array:
        return self.fit(x).transform(x)

    def _check(self, x: Array) -> None:
        if not hasattr(self, "n_features_in_"):
            raise ValueError(f"this {type(self).__name__} is not fitted yet: call fit() first")
        if x.ndim != 2 or x.shape[1] != self.n_features_in_:
            raise ValueError(f"this scaler was fitted on {self.n_features_in_} features, not on {x.shape}")


def _floating(x: Array) -> np.dtype[np.floating]:
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)


class StandardScaler(_Scaler):
    """(x - mean) / standard deviation, column by column; a constant column is only shifted.

    After `fit`: `mean_`, `var_` (of the population, divided by n) and `scale_`, each (features,).
    """

    mean_: Array
    var_: Array
    scale_: Array

    def _fit(self, x: Array) -> None:
        self.mean_ = x.mean(axis=0)
        self.var_ = x.var(axis=0)
        # What rounding makes of a constant column is not a spread.
        constant = (
            self.var_ <= len(x) * np.finfo(float).eps * self.var_ + (len(x) * self.mean_ * np.finfo(float).eps) ** 2
        )
        self.scale_ = np.where(constant, 1.0, np.sqrt(self.var_))

    def _scaled(self, x: Array) -> Array:
        # Centre first: with a mean far above the spread, x / scale - mean / scale loses most of its digits.
        return np.asarray((x - self.mean_) / self.scale_)

    def _unscaled(self, x: Array) -> Array:
        return np.asarray(x * self.scale_ + self.mean_)


class MinMaxScaler(_Scaler):
    """Each column to `feature_range`; a constant column to its lower end.

    After `fit`: `data_min_`, `data_max_`, `scale_` and `min_`, each (features,): the result is
    x * scale_ + min_, computed from the lower end so that no digits are lost.
    """

    data_min_: Array
    data_max_: Array
    scale_: Array
    min_: Array

    def __init__(self, feature_range: tuple[float, float] = (0.0, 1.0)) -> None:
        low, high = feature_range
        if not low < high:
            raise ValueError(f"feature_range must rise, {feature_range} does not")
        self.feature_range = feature_range

    def _fit(self, x: Array) -> None:
        low, high = self.feature_range
        self.data_min_, self.data_max_ = x.min(axis=0), x.max(axis=0)
        spread = self.data_max_ - self.data_min_
        self.scale_ = (high - low) / np.where(spread < 10 * np.finfo(float).eps, 1.0, spread)
        self.min_ = low - self.data_min_ * self.scale_

    def _scaled(self, x: Array) -> Array:
        return np.asarray((x - self.data_min_) * self.scale_ + self.feature_range[0])

    def _unscaled(self, x: Array) -> Array:
        return np.asarray((x - self.feature_range[0]) / self.scale_ + self.data_min_)


class RobustScaler(_Scaler):
    """(x - median) / (third quartile - first quartile), column by column; without a spread a column is only shifted.

    `transform` limits what comes out to [-limit, limit]. After `fit`: `center_` and `scale_`, each (features,).
    """

    center_: Array
    scale_: Array

    def __init__(self, limit: float = np.inf) -> None:
        self.limit = limit

    def _fit(self, x: Array) -> None:
        first, self.center_, third = np.percentile(x, [25, 50, 75], axis=0)
        spread = third - first
        self.scale_ = np.where(spread < 10 * np.finfo(float).eps, 1.0, spread)

    def _scaled(self, x: Array) -> Array:
        return np.clip((x - self.center_) / self.scale_, -self.limit, self.limit)

    def _unscaled(self, x: Array) -> Array:
        return np.asarray(x * self.scale_ + self.center_)


FAR = 10.0  # quartile spreads: nothing goes beyond where scaling is robust
# What the hyperparameter `scaling` may be.
SCALERS: dict[str, Callable[[], _Scaler]] = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": lambda: RobustScaler(FAR),
}
