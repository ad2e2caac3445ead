"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, Params, Part, require


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5): steps divided by a running root mean square of the gradient.

    With gradient g (plus `weight_decay * w`): s = α s + (1 - α) g², then w -= lr g / (sqrt(s) + eps).
    `centered` also keeps the running mean, a = α a + (1 - α) g, and divides by the running standard
    deviation, sqrt(s - a²) + eps (Graves 2013, equations 38 to 41, has eps inside the root). With
    `momentum` the quotient q goes through a velocity, v = momentum * v + q, and w -= lr v.
    """

    state_names = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "momentum": momentum, "centered": centered})

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        require(settings, "alpha", 0, 1)
        require(settings, "eps", 0)
        require(settings, "momentum", 0, 1)

    def update(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        data, grad, state, scratch = part
        alpha, momentum, square = settings["alpha"], settings["momentum"], state["square_avg"]
        np.multiply(grad, grad, scratch)
        scratch *= 1 - alpha
        square *= alpha
        square += scratch
        if settings["centered"]:
            mean = state["grad_avg"]
            mean *= alpha
            mean += np.multiply(grad, 1 - alpha, scratch)
            np.multiply(mean, mean, scratch)
            np.subtract(square, scratch, scratch)
            np.maximum(scratch, 0, out=scratch)  # a variance of 0 may round to less
            np.sqrt(scratch, scratch)
        else:
            np.sqrt(square, scratch)
        scratch += settings["eps"]
        quotient = np.divide(grad, scratch, scratch)
        if momentum:
            velocity = state["momentum_buffer"]
            velocity *= momentum
            velocity += quotient
            quotient = velocity
        data -= np.multiply(quotient, settings["lr"], scratch)
