from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..node import Array
from .optimizer import Optimizer, Params, require


class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far (Duchi et al. 2011, section 1.1).

    s = s + g², then w -= lr · g / (sqrt(s) + eps), the learning rate falling as lr / (1 + (step - 1) · lr_decay).
    `weight_decay` is added to the gradient.
    """

    state_names = ("sum",)

    def __init__(
        self, params: Params, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0, eps: float = 1e-10
    ) -> None:
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps})

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        require(settings, "lr_decay", 0)
        require(settings, "eps", 0)

    def update(
        self,
        settings: Mapping[str, Any],
        data: Array,
        grad: Array,
        state: Mapping[str, Array],
        step: int,
        scratch: Array,
    ) -> None:
        total = state["sum"]
        if settings["weight_decay"]:
            grad += np.multiply(data, settings["weight_decay"], scratch)
        total += np.multiply(grad, grad, scratch)
        np.sqrt(total, scratch)
        scratch += settings["eps"]
        np.divide(grad, scratch, scratch)
        scratch *= settings["lr"] / (1 + (step - 1) * settings["lr_decay"])
        data -= scratch
