"""Dataset: examples and what is known of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Task: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples to learn from.

    `x` is float32 (n_samples, n_features). `y` is int64 (n_samples,) with class indices for a
    classification, float32 (n_samples,) or (n_samples, n_targets) for a regression. Real arrays of another dtype
    are converted. `target_names` are the classes, or what the numbers of `y` are. `image_shape` says how to see an
    example as a picture.

    Raises:
        ValueError: values that are not real numbers, NaN or infinite as float32; lengths or shapes that do not fit
            together; no examples; a class without a name; an unknown task.
    """

    name: str
    x: Array
    y: Array
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    task: Task
    description: str = ""
    source: str = ""
    image_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise ValueError(f"{self.name}: task must be {' or '.join(get_args(Task))}, not {self.task!r}")
        given_x, given_y = np.asarray(self.x), np.asarray(self.y)
        if given_x.ndim != 2 or not given_x.size:
            raise ValueError(f"{self.name}: x must be (examples, features) and not empty, not {given_x.shape}")
        object.__setattr__(self, "x", self._as_float32("x", given_x))
        if self.task == "classification":
            if given_y.ndim != 1 or given_y.dtype.kind not in "iu":
                raise ValueError(
                    f"{self.name}: classes must be integers of shape (examples,), not {given_y.dtype} {given_y.shape}"
                )
            object.__setattr__(self, "y", given_y.astype(np.int64, copy=False))
        else:
            if given_y.ndim not in (1, 2) or not given_y.size:
                raise ValueError(
                    f"{self.name}: targets must be (examples,) or (examples, targets) and not empty, "
                    f"not {given_y.shape}"
                )
            object.__setattr__(self, "y", self._as_float32("y", given_y))
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.name}: {len(self.x)} examples but {len(self.y)} targets")
        if len(self.feature_names) != self.n_features:
            raise ValueError(f"{self.name}: {self.n_features} features but {len(self.feature_names)} names for them")
        if self.image_shape is not None and math.prod(self.image_shape) != self.n_features:
            raise ValueError(f"{self.name}: {self.n_features} features do not make an image of {self.image_shape}")
        self._check_finite("", given_x, self.x, self.feature_names)
        if self.task == "classification":
            if not 0 <= self.y.min() <= self.y.max() < len(self.target_names):
                raise ValueError(
                    f"{self.name}: classes go from {self.y.min()} to {self.y.max()}, "
                    f"but there are names for 0 to {len(self.target_names) - 1}"
                )
        else:
            columns = self.y.reshape(self.n_samples, -1)
            if len(self.target_names) != columns.shape[1]:
                raise ValueError(f"{self.name}: {columns.shape[1]} targets but {len(self.target_names)} names for them")
            self._check_finite("target ", given_y.reshape(columns.shape), columns, self.target_names)

    def _as_float32(self, field: str, given: Array) -> Array:
        if given.dtype.kind not in "biuf":
            raise ValueError(f"{self.name}: {field} must be real numbers, not {given.dtype}")
        with np.errstate(over="ignore"):  # too large a value is reported by its row and column
            return given.astype(np.float32, copy=False)

    def _check_finite(self, what: str, given: Array, kept: Array, names: tuple[str, ...]) -> None:
        finite = np.isfinite(kept)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise ValueError(
                f"{self.name}: row {row}, {what}column {names[column]!r} is {given[row, column]}, "
                "not a finite float32 number"
            )

    @property
    def n_samples(self) -> int:
        return len(self.x)

    @property
    def n_features(self) -> int:
        return int(self.x.shape[1])

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return len(self.target_names) if self.task == "classification" else 0

    def take(self, indices: Array) -> Dataset:
        """The examples at these places."""
        return replace(self, x=self.x[indices], y=self.y[indices])
