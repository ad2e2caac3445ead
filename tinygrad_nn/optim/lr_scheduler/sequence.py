"""Schedules one after another."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler


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
