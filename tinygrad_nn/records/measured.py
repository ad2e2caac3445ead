"""What was measured of a run: of a layer, a step, an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Histogram:
    """Counts in equal bins from `low` to `high`; `outside` counts what is NaN or infinite."""

    low: float
    high: float
    counts: Array
    outside: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class LayerRecord:
    """One layer (a module with parameters of its own) at one moment.

    The gradient's figures are over all steps of the epoch where the record closes an epoch (root mean
    square of the steps' norms), else over the one step. `update_ratio` is |Δw| / |w| of the newest step.
    Activations are what the layer's units hand on, after the non-linearity that follows it, on the
    newest batch. `zero_fraction` (ReLU) and `saturated_fraction` (sigmoid, tanh: within 5% of a limit) are
    NaN where they mean nothing.
    """

    index: int  # from 1, in the order of the forward pass
    name: str  # the module's path, such as "0" or "encoder.fc1"
    label: str  # what it is, such as "Linear 64→10"
    parameters: int
    gradient_norm: float
    gradient_rms: float
    gradient_max: float
    weight_norm: float
    weight_rms: float
    update_ratio: float
    activation_mean: float
    activation_std: float
    zero_fraction: float
    saturated_fraction: float
    weights: Histogram
    gradients: Histogram
    activations: Histogram


@dataclass(frozen=True, eq=False, slots=True)
class StepRecord:
    """One batch: counted from 1 over the whole run; `batch` counts within the epoch."""

    step: int
    epoch: int
    batch: int
    loss: float
    lr: float
    layers: tuple[LayerRecord, ...] | None  # when the step was observed closely


@dataclass(frozen=True, eq=False, slots=True)
class EpochRecord:
    """One epoch; number 0 is the network before its first step.

    `train_loss` and `train_metric` are means over the epoch's batches, as they were seen while
    training; the validation figures are measured at its end. Losses are without penalties. The metric is
    accuracy for classes and R² for numbers. `seconds` is the time of training, without measuring.
    """

    epoch: int
    step: int
    train_loss: float
    train_metric: float
    val_loss: float
    val_metric: float
    lr: float
    seconds: float
    layers: tuple[LayerRecord, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A hyperparameter that was changed in flight, after which step, and how."""

    step: int
    epoch: float  # the same in epochs, with the part of the one under way
    name: str
    before: Any
    after: Any
