"""What every schedule shares: when it steps, what it keeps, and what it gives back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ..optimizer import Optimizer, ParamGroup

T = TypeVar("T")


class LRScheduler:
    """Base of the schedules: a subclass gives `next_lr`, the rule for one parameter group.

    Making one enters epoch 0, and `step()` each epoch after it. A group's `initial_lr` is the learning
    rate it had when the first schedule came to it.
    """

    not_saved: frozenset[str] = frozenset({"optimizer"})

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.restart()

    def next_lr(self, lr: float, initial_lr: float) -> float:
        """The learning rate in epoch `self.last_epoch`, from `lr`, the one before (in epoch 0, the one given)."""
        raise NotImplementedError(f"{type(self).__name__} has no rule for the next learning rate")

    def group_lr(self, number: int, group: ParamGroup) -> float:
        """The learning rate of one parameter group; for a schedule that has settings for each of them."""
        return self.next_lr(group["lr"], group["initial_lr"])

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
        return {name: copy.deepcopy(value) for name, value in vars(self).items() if name not in self.not_saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict()`. `ValueError`, and nothing changed, where it does not fit."""
        self._check_state(state_dict)
        vars(self).update(copy.deepcopy(dict(state_dict)))

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        odd = set(state_dict) ^ (set(vars(self)) - self.not_saved)
        if odd:
            name = min(odd)
            says = "has" if name in state_dict else "lacks"
            raise ValueError(f"the state is not one of {type(self).__name__}: it {says} {name!r}")
        given, own = len(state_dict["_last_lr"]), len(self.optimizer.param_groups)
        if given != own:
            raise ValueError(f"the state is of an optimizer with {given} parameter groups, this one has {own}")

    def _set_lrs(self) -> None:
        for number, group in enumerate(self.optimizer.param_groups):
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = self.group_lr(number, group)
        self._note_lrs()

    def _note_lrs(self) -> None:
        self._last_lr: list[float] = [group["lr"] for group in self.optimizer.param_groups]


def for_each_group(name: str, values: T | Sequence[T], optimizer: Optimizer) -> list[T]:
    """A setting that is one for all parameter groups, or a list with one for each.

    Raises:
        ValueError: another number.
    """
    groups = len(optimizer.param_groups)
    found = list(values) if isinstance(values, Sequence) else [values] * groups
    if len(found) != groups:
        raise ValueError(f"{name} has {len(found)} numbers for {groups} parameter groups")
    return found
