"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, Params, Part, require


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011, section 1.1, diagonal form): steps shrink with all gradients so far.

    With gradient g (plus `weight_decay * w`): s = s + g², from `initial_accumulator_value`, then
    w -= lr_t g / (sqrt(s) + eps), where lr_t = lr / (1 + (t - 1) lr_decay) in step t.
    """

    state_names = ("sum",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        defaults = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        super().__init__(params, {**defaults, "initial_accumulator_value": initial_accumulator_value})

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        for name in ("lr_decay", "initial_accumulator_value", "eps"):
            require(settings, name, 0)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        super().add_param_group(group)
        newest = len(self.param_groups) - 1
        for number, bucket in self._buckets:
            if number == newest:
                bucket.state["sum"].fill(self.param_groups[newest]["initial_accumulator_value"])

    def update(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        data, grad, state, scratch = part
        total = state["sum"]
        total += np.multiply(grad, grad, scratch)
        np.sqrt(total, scratch)
        scratch += settings["eps"]
        np.divide(grad, scratch, scratch)
        scratch *= settings["lr"] / (1 + (step - 1) * settings["lr_decay"])
        data -= scratch
