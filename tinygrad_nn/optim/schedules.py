"""Learning-rate schedules: `step()` once an epoch, after the optimiser's steps.

A schedule says how the learning rate of one epoch comes from that of the epoch before, not what it is.
So several schedules on one optimiser work together, and one that was set by hand is carried on.
"""

from __future__ import annotations

import copy
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, SupportsFloat

from .optimizer import Optimizer, require


class LRScheduler:
    """Base of the schedules: a subclass gives `next_lr`, the rule for one parameter group.

    Making one enters epoch 0, and `step()` each epoch after it. A group's `initial_lr` is the learning
    rate it had when the first schedule came to it.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.restart()

    def next_lr(self, lr: float, initial_lr: float) -> float:
        """The learning rate in epoch `self.last_epoch`, from `lr`, the one before (in epoch 0, the one given)."""
        raise NotImplementedError(f"{type(self).__name__} has no rule for the next learning rate")

    def restart(self) -> None:
        """Enter epoch 0 (again), from the learning rates there are."""
        self.last_epoch = 0
        self._set_lrs()

    def step(self) -> None:
        """Enter the next epoch."""
        self.last_epoch += 1
        self._set_lrs()

    def get_last_lr(self) -> list[float]:
        """The learning rates that the last step left, one for each parameter group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Everything besides the optimiser, as copies.

        The learning rates themselves are in the optimiser's state: save both, and load both once
        optimiser and schedule have been made.
        """
        return {name: copy.deepcopy(value) for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict()`. `ValueError`, and nothing changed, where it does not fit."""
        self._check_state(state_dict)
        vars(self).update(copy.deepcopy(dict(state_dict)))

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        odd = set(state_dict) ^ (set(vars(self)) - {"optimizer"})
        if odd:
            name = min(odd)
            says = "has" if name in state_dict else "lacks"
            raise ValueError(f"the state is not one of {type(self).__name__}: it {says} {name!r}")
        given, own = len(state_dict["_last_lr"]), len(self.optimizer.param_groups)
        if given != own:
            raise ValueError(f"the state is of an optimizer with {given} parameter groups, this one has {own}")

    def _set_lrs(self) -> None:
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = self.next_lr(group["lr"], group["initial_lr"])
        self._note_lrs()

    def _note_lrs(self) -> None:
        self._last_lr: list[float] = [group["lr"] for group in self.optimizer.param_groups]


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

    Half a wave down to `eta_min` in `T_max` epochs. There is no restart: after them the learning rate
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


class SequentialLR(LRScheduler):
    """One schedule after another: the next one takes over, from `initial_lr`, in each epoch of `milestones`.

    `schedulers`: one more than there are milestones, all made for `optimizer` beforehand; each counts
    its epochs from where it takes over. ReduceLROnPlateau cannot be among them, as its step needs a measure.
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(schedulers) != len(milestones) + 1:
            raise ValueError(
                f"there must be one more schedule than milestones, not {len(schedulers)} for {len(milestones)}"
            )
        if any(later <= earlier for earlier, later in pairwise([0, *milestones])):
            raise ValueError(f"milestones must be above 0 and increase, not {list(milestones)}")
        for i, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"schedule {i} is a ReduceLROnPlateau, whose step needs a measure")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"schedule {i} is one of another optimizer")
        self.schedulers = list(schedulers)
        self.milestones = list(milestones)
        super().__init__(optimizer)

    def restart(self) -> None:
        self.last_epoch = 0
        self._take_over(self.schedulers[0])

    def step(self) -> None:
        self.last_epoch += 1
        current = self.schedulers[bisect_right(self.milestones, self.last_epoch)]
        if self.last_epoch in self.milestones:
            self._take_over(current)
        else:
            current.step()
            self._note_lrs()

    def _take_over(self, scheduler: LRScheduler) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group.get("initial_lr", group["lr"])
        scheduler.restart()
        self._note_lrs()

    def state_dict(self) -> dict[str, Any]:
        own = {name: value for name, value in vars(self).items() if name not in ("optimizer", "schedulers")}
        return {**copy.deepcopy(own), "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._check_state(state_dict)
        for scheduler, state in zip(self.schedulers, state_dict["schedulers"], strict=True):
            scheduler.load_state_dict(state)
        own = {name: value for name, value in state_dict.items() if name != "schedulers"}
        vars(self).update(copy.deepcopy(own))

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        given, own = len(state_dict["schedulers"]), len(self.schedulers)
        if given != own:
            raise ValueError(f"the state is of {given} schedules in sequence, not of {own}")
        for scheduler, state in zip(self.schedulers, state_dict["schedulers"], strict=True):
            scheduler._check_state(state)


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
        for lowest in self._min_lrs(optimizer):
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
        for group, lowest in zip(self.optimizer.param_groups, self._min_lrs(self.optimizer), strict=True):
            lower = max(group["lr"] * self.factor, lowest)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower

    def _min_lrs(self, optimizer: Optimizer) -> list[float]:
        groups = len(optimizer.param_groups)
        lowest = self.min_lr if isinstance(self.min_lr, list) else [self.min_lr] * groups
        if len(lowest) != groups:
            raise ValueError(f"min_lr has {len(lowest)} numbers for {groups} parameter groups")
        return lowest
