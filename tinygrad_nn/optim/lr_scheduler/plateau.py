"""A schedule that looks at how well the run does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, SupportsFloat

from ..optimizer import Optimizer, require
from .scheduler import LRScheduler, for_each_group


class ReduceLROnPlateau(LRScheduler):
    """lr = max(lr factor, min_lr) when a measure has not got better for more than `patience` epochs.

    Better than the best so far, by `mode`, means less ("min") or more ("max") by a margin: by
    `threshold_mode`, best · threshold ("rel", for measures that are not negative) or threshold ("abs").
    NaN is never better. After a reduction `cooldown` epochs do not count as bad. A reduction by `eps`
    or less is not made. `min_lr` may be a list with a number for each parameter group.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', not {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be 'rel' or 'abs', not {threshold_mode!r}")
        require({"factor": factor}, "factor", 0, 1)
        for name, value in {"patience": patience, "threshold": threshold, "cooldown": cooldown, "eps": eps}.items():
            require({name: value}, name, 0)
        self.min_lr = list(min_lr) if isinstance(min_lr, Sequence) else min_lr
        for lowest in for_each_group("min_lr", self.min_lr, optimizer):
            require({"min_lr": lowest}, "min_lr", 0)
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.eps = eps
        super().__init__(optimizer)

    def restart(self) -> None:
        self.last_epoch = 0
        self.best = math.inf if self.mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self._note_lrs()

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Enter the next epoch, with the measure (a number or a tensor with one element) of the last."""
        self.last_epoch += 1
        measure = float(metrics)
        if self._is_better(measure):
            self.best = measure
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._note_lrs()

    def _is_better(self, measure: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * measure > sign * self.best * (1 + sign * self.threshold)
        return sign * measure > sign * self.best + self.threshold

    def _reduce(self) -> None:
        least = for_each_group("min_lr", self.min_lr, self.optimizer)
        for group, lowest in zip(self.optimizer.param_groups, least, strict=True):
            lower = max(group["lr"] * self.factor, lowest)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower
