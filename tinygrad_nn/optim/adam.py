from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, Params, Part, require


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): steps scaled by running moments of the gradient.

    m = β1 m + (1 - β1) g and v = β2 v + (1 - β2) g², both corrected for their start at 0, then
    w -= lr m / (sqrt(v) + eps). `weight_decay` is added to the gradient as an L2 penalty's would be.
    """

    state_names = ("m", "v")  # both kept without their factors 1 - β, which saves a product each

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        require(settings, "eps", 0)
        for i, beta in enumerate(settings["betas"], start=1):
            require({f"beta{i}": beta}, f"beta{i}", 0, 1)

    def update(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        data, grad, state, scratch = part
        (beta1, beta2), m, v = settings["betas"], state["m"], state["v"]
        m *= beta1
        m += grad
        v *= beta2
        v += np.multiply(grad, grad, scratch)
        # The missing factors, and the corrections for the start at 0, are numbers: they go into the
        # step's size and into eps instead of into the arrays.
        root = math.sqrt((1 - beta2**step) / (1 - beta2))
        np.sqrt(v, scratch)
        scratch += settings["eps"] * root
        np.divide(m, scratch, scratch)
        scratch *= settings["lr"] * root * (1 - beta1) / (1 - beta1**step)
        data -= scratch


class AdamW(Adam):
    """Adam with the weight decay taken out of the gradient: w -= lr · weight_decay · w besides Adam's own step.

    Loshchilov & Hutter 2019, algorithm 2: the decay is the same for every weight, whatever its gradients were.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def decay(self, settings: Mapping[str, Any], part: Part) -> None:
        data = part.data
        data *= 1 - settings["lr"] * settings["weight_decay"]
