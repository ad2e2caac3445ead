"""Dataset: examples and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Task: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples to learn from.

    `x` is float32 (n_samples, n_features). `y` is int64 (n_samples,) with class indices for a
    classification, float32 (n_samples,) or (n_samples, n_targets) for a regression. `target_names` are the
    classes, or what the numbers of `y` are. `image_shape` says how to see an example as a picture.

    ValueError: lengths that differ, no examples, a value that is NaN or infinite, a class without a name.
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
        if self.x.ndim != 2 or not self.x.size:
            raise ValueError(f"{self.name}: x must be (examples, features) and not empty, not {self.x.shape}")
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.name}: {len(self.x)} examples but {len(self.y)} targets")
        if len(self.feature_names) != self.n_features:
            raise ValueError(f"{self.name}: {self.n_features} features but {len(self.feature_names)} names for them")
        if not np.isfinite(self.x).all():
            row, column = np.argwhere(~np.isfinite(self.x))[0]
            raise ValueError(
                f"{self.name}: row {row}, column {self.feature_names[column]!r} is {self.x[row, column]}, "
                "not a finite number"
            )
        if self.task == "classification":
            if self.y.ndim != 1 or self.y.dtype.kind not in "iu":
                raise ValueError(
                    f"{self.name}: classes must be integers of shape (examples,), not {self.y.dtype} {self.y.shape}"
                )
            if not 0 <= self.y.min() <= self.y.max() < len(self.target_names):
                raise ValueError(
                    f"{self.name}: classes go from {self.y.min()} to {self.y.max()}, "
                    f"but there are names for 0 to {len(self.target_names) - 1}"
                )
        elif not np.isfinite(self.y).all():
            row = int(np.argwhere(~np.isfinite(self.y))[0][0])
            raise ValueError(f"{self.name}: the target of row {row} is {self.y[row]}, not a finite number")

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
