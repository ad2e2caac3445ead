"""One cycle: the learning rate once up and down again, and the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ..optimizer import Optimizer, ParamGroup, require
from .scheduler import LRScheduler, for_each_group


class OneCycleLR(LRScheduler):
    """The 1cycle policy (Smith & Topin 2019): from max_lr / div_factor up to `max_lr`, and down to nearly nothing.

    It steps after every batch, and `total_steps` (or `epochs` times `steps_per_epoch`) are all there are. The first
    `pct_start` of them go up, the others down to the initial learning rate / `final_div_factor`: with `three_phase` in
    as many steps back to the initial one, and down from there in the rest. Between is half a wave, or with
    anneal_strategy="linear" a straight line. With `cycle_momentum` the momentum (of Adam, β1) goes from `max_momentum`
    down to `base_momentum` and back. `max_lr` and the momenta may be lists with a number for each parameter group. It
    sets them outright, whatever they were.

    Raises:
        ValueError: the settings do not fit together, or a step too many.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
            require({"epochs": epochs}, "epochs", 1)
            require({"steps_per_epoch": steps_per_epoch}, "steps_per_epoch", 1)
            total_steps = epochs * steps_per_epoch
        require({"total_steps": total_steps}, "total_steps", 1)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be in [0, 1], not {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
        for name, value in {"div_factor": div_factor, "final_div_factor": final_div_factor}.items():
            if not value > 0:
                raise ValueError(f"{name} must be more than 0, not {value}")
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(f"{type(optimizer).__name__} has no momentum to cycle: pass cycle_momentum=False")
        settings = {"max_lr": max_lr, "base_momentum": base_momentum, "max_momentum": max_momentum}
        for name, values in settings.items():
            for value in for_each_group(name, values, optimizer):
                require({name: value}, name, 0)
        self.total_steps = total_steps
        self.max_lr = max_lr
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.three_phase = three_phase
        super().__init__(optimizer)

    def restart(self) -> None:
        for group, highest in zip(self.optimizer.param_groups, self._each("max_lr"), strict=True):
            group["initial_lr"] = highest / self.div_factor
        super().restart()

    def step(self) -> None:
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"this cycle has {self.total_steps} steps, and all have been made")
        super().step()

    def group_lr(self, number: int, group: ParamGroup) -> float:
        low, high = self._each("base_momentum")[number], self._each("max_momentum")[number]
        initial, highest = group["initial_lr"], self._each("max_lr")[number]
        least, rise = initial / self.final_div_factor, self.pct_start * self.total_steps
        # Where each part ends, the learning rates it goes between, and the momenta.
        parts = [(rise - 1, (initial, highest), (high, low))]
        if self.three_phase:
            parts += [(2 * rise - 2, (highest, initial), (low, high))]
            parts += [(self.total_steps - 1, (initial, least), (high, high))]
        else:
            parts += [(self.total_steps - 1, (highest, least), (low, high))]
        begun = 0.0
        while len(parts) > 1 and self.last_epoch > parts[0][0]:
            begun, *_ = parts.pop(0)
        end, rates, momenta = parts[0]
        way = (self.last_epoch - begun) / (end - begun) if end != begun else 1.0
        if self.cycle_momentum:
            self._set_momentum(group, self._between(*momenta, way))
        return self._between(*rates, way)

    def _each(self, name: str) -> list[float]:
        return for_each_group(name, getattr(self, name), self.optimizer)

    def _between(self, start: float, end: float, way: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * way
        return end + (start - end) / 2 * (1 + math.cos(math.pi * way))

    def _set_momentum(self, group: ParamGroup, momentum: float) -> None:
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum
