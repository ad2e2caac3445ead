from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..node import Array
from .optimizer import Optimizer, Params, require


class RMSprop(Optimizer):
    """Steps divided by the gradient's running root mean square (Hinton, Coursera lecture 6e, 2012).

    v = alpha · v + (1 - alpha) · g², then w -= lr · g / (sqrt(v) + eps); with momentum the quotient is
    summed up first, b = momentum · b + g / (sqrt(v) + eps). `weight_decay` is added to the gradient.
    """

    state_names = ("square_avg", "momentum_buffer")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        )

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        require(settings, "alpha", 0, 1)
        require(settings, "eps", 0)
        require(settings, "momentum", 0, 1)

    def update(
        self,
        settings: Mapping[str, Any],
        data: Array,
        grad: Array,
        state: Mapping[str, Array],
        step: int,
        scratch: Array,
    ) -> None:
        square, alpha = state["square_avg"], settings["alpha"]
        if settings["weight_decay"]:
            grad += np.multiply(data, settings["weight_decay"], scratch)
        square *= alpha
        np.multiply(grad, grad, scratch)
        scratch *= 1 - alpha
        square += scratch
        np.sqrt(square, scratch)
        scratch += settings["eps"]
        np.divide(grad, scratch, scratch)
        if settings["momentum"]:
            velocity = state["momentum_buffer"]
            velocity *= settings["momentum"]
            velocity += scratch
            scratch[...] = velocity
        scratch *= settings["lr"]
        data -= scratch
