"""SGD, with and without momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, Params, Part, require


class SGD(Optimizer):
    """Stochastic gradient descent with momentum (Polyak 1964), or Nesterov's (Sutskever et al. 2013).

    With gradient g (plus `weight_decay * w`): v = momentum * v + (1 - dampening) * g, from v = g in the first
    step, then w -= lr * v; Nesterov's looks ahead, w -= lr * (g + momentum * v), without dampening.
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening}
        super().__init__(params, {**defaults, "weight_decay": weight_decay, "nesterov": nesterov})

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        require(settings, "momentum", 0, 1)
        if settings["nesterov"] and not settings["momentum"]:
            raise ValueError("Nesterov's momentum needs momentum > 0")
        if settings["nesterov"] and settings["dampening"]:
            raise ValueError(f"Nesterov's momentum has no dampening, not {settings['dampening']}")

    def update(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        data, grad, state, scratch = part
        momentum = settings["momentum"]
        if momentum:
            velocity = state["momentum_buffer"]
            velocity *= momentum
            if settings["dampening"] and step > 1:
                velocity += np.multiply(grad, 1 - settings["dampening"], scratch)
            else:
                velocity += grad
            if settings["nesterov"]:
                np.multiply(velocity, momentum, scratch)
                grad = np.add(grad, scratch, scratch)
            else:
                grad = velocity
        data -= np.multiply(grad, settings["lr"], scratch)
