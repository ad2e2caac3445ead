"""Schedules that are a formula of the epoch: decay, warm-up, waves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..optimizer import Optimizer, ParamGroup, require
from .scheduler import LRScheduler, for_each_group


class ExponentialLR(LRScheduler):
    """lr_t = lr_0 gamma^t: each epoch's learning rate is the last one's times `gamma`."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        require({"gamma": gamma}, "gamma", 0)
        self.gamma = gamma
        super().__init__(optimizer)

    def next_lr(self, lr: float, initial_lr: float) -> float:
        return lr * self.gamma if self.last_epoch else lr


class StepLR(LRScheduler):
    """lr_t = lr_0 gamma^⌊t / step_size⌋: the learning rate is multiplied by `gamma` every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        require({"step_size": step_size}, "step_size", 1)
        require({"gamma": gamma}, "gamma", 0)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer)

    def next_lr(self, lr: float, initial_lr: float) -> float:
        return lr * self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else lr


class MultiStepLR(LRScheduler):
    """The learning rate is multiplied by `gamma` in each epoch of `milestones`, once for each time it is there."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        require({"gamma": gamma}, "gamma", 0)
        for epoch in milestones:
            require({"a milestone": epoch}, "a milestone", 0)
        self.milestones = list(milestones)
        self.gamma = gamma
        super().__init__(optimizer)

    def next_lr(self, lr: float, initial_lr: float) -> float:
        return lr * self.gamma ** self.milestones.count(self.last_epoch)


class LinearLR(LRScheduler):
    """lr_t = lr_0 f_t, where f goes in a straight line from `start_factor` to `end_factor` in `total_iters` epochs.

    f_t = start + (end - start) min(t / total_iters, 1). With end = 1 this is the gradual warm-up of
    Goyal et al. 2017, section 2.2.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        if not 0 < start_factor <= 1:  # each factor is made from the last, and none comes from 0
            raise ValueError(f"start_factor must be in (0, 1], not {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor must be in [0, 1], not {end_factor}")
        require({"total_iters": total_iters}, "total_iters", 1)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def next_lr(self, lr: float, initial_lr: float) -> float:
        if self.last_epoch == 0:
            return lr * self.start_factor
        if self.last_epoch > self.total_iters:
            return lr
        return lr * self._factor(self.last_epoch) / self._factor(self.last_epoch - 1)

    def _factor(self, epoch: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * epoch / self.total_iters


class CosineAnnealingLR(LRScheduler):
    """lr_t = eta_min + (lr_0 - eta_min) (1 + cos(π t / T_max)) / 2 (Loshchilov & Hutter 2017, equation 5).

    Half a wave down to `eta_min` in `T_max` epochs. It does not restart: after them the learning rate
    climbs back the same way.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        require({"T_max": T_max}, "T_max", 1)
        require({"eta_min": eta_min}, "eta_min", 0)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer)

    def next_lr(self, lr: float, initial_lr: float) -> float:
        if self.last_epoch == 0:
            return lr
        weight = self._weight(self.last_epoch)
        if (self.last_epoch - 1) % (2 * self.T_max) == self.T_max:  # from the bottom there is nothing to scale
            return lr + (initial_lr - self.eta_min) * weight
        return self.eta_min + (lr - self.eta_min) * weight / self._weight(self.last_epoch - 1)

    def _weight(self, epoch: int) -> float:
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a wave from the initial learning rate down to `eta_min`, again and again (Loshchilov & Hutter 2017, eq. 5).

    The first takes `T_0` epochs, and each of the others `T_mult` times as many as the one before it. It sets the
    learning rate outright, whatever it was.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        require({"T_0": T_0}, "T_0", 1)
        require({"T_mult": T_mult}, "T_mult", 1)
        require({"eta_min": eta_min}, "eta_min", 0)
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        super().__init__(optimizer)

    def next_lr(self, lr: float, initial_lr: float) -> float:
        begun, length = 0, self.T_0
        while self.last_epoch >= begun + length:
            begun, length = begun + length, length * self.T_mult
        weight = (1 + math.cos(math.pi * (self.last_epoch - begun) / length)) / 2
        return self.eta_min + (initial_lr - self.eta_min) * weight


class LambdaLR(LRScheduler):
    """lr_t = lr_0 f(t): a function of the epoch, or a list with one for each parameter group, gives the factor.

    It sets the learning rate outright, whatever it was. The functions are not part of the `state_dict`.
    """

    not_saved = frozenset({"optimizer", "lr_lambda"})

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        self.lr_lambda = lr_lambda
        for_each_group("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer)

    def group_lr(self, number: int, group: ParamGroup) -> float:
        factor = for_each_group("lr_lambda", self.lr_lambda, self.optimizer)[number]
        initial: float = group["initial_lr"]
        return initial * factor(self.last_epoch)
