"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from .optimizer import Optimizer, ParamGroup, Params, Part, require


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): steps scaled by running moments of the gradient.

    m = β1 m + (1 - β1) g and v = β2 v + (1 - β2) g², both corrected for their start at 0, then
    w -= lr m / (sqrt(v) + eps). `weight_decay` is added to the gradient as an L2 penalty's would be. With `amsgrad`
    the largest v so far stands in its place (Reddi, Kale & Kumar 2018, alg. 2).
    """

    state_names: tuple[str, ...] = ("m", "v")  # both kept without their factors 1 - β, which saves a product each

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, defaults)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        require(settings, "eps", 0)
        for i, beta in enumerate(settings["betas"], start=1):
            require({f"beta{i}": beta}, f"beta{i}", 0, 1)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        if group.get("amsgrad", self.defaults["amsgrad"]):
            self._keep_largest()
        super().add_param_group(group)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        if any(group.get("amsgrad") for group in state_dict["param_groups"]):
            self._keep_largest()
        super().load_state_dict(state_dict)

    def update(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        data, grad, state, scratch = part
        betas, m, v = settings["betas"], state["m"], state["v"]
        if settings.get("kept_betas") is not betas:
            self._keep(cast(ParamGroup, settings))
        beta1, beta2 = betas
        m *= beta1
        m += grad
        v *= beta2
        v += np.multiply(grad, grad, scratch)
        # The missing factors, and the corrections for the start at 0, are numbers: they go into the
        # step's size and into eps instead of into the arrays.
        root = math.sqrt((1 - beta2**step) / (1 - beta2))
        if settings["amsgrad"]:
            v = np.maximum(state["max_v"], v, out=state["max_v"])
        np.sqrt(v, scratch)
        scratch += settings["eps"] * root
        np.divide(m, scratch, scratch)
        scratch *= settings["lr"] * root * (1 - beta1) / (1 - beta1**step)
        data -= scratch

    def _keep_largest(self) -> None:
        """Have a state for the largest v."""
        if "max_v" not in self.state_names:
            self.state_names = (*self.state_names, "max_v")
            for _, bucket in self._buckets:
                bucket.state["max_v"] = np.zeros_like(bucket.all.data)

    def _keep(self, group: ParamGroup) -> None:
        """Give the moments of a group, which are kept without their factors, the factors of its betas of now."""
        betas = group["betas"]
        before = group.get("kept_betas") or betas
        if tuple(before) != tuple(betas):  # a schedule has changed them
            factors = [(1 - old) / (1 - new) for old, new in zip(before, betas, strict=True)]
            for number, bucket in self._buckets:
                if self.param_groups[number] is group:
                    for name, moment in bucket.state.items():
                        moment *= factors[name != "m"]
        group["kept_betas"] = betas


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
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def decay(self, settings: Mapping[str, Any], part: Part) -> None:
        data = part.data
        data *= 1 - settings["lr"] * settings["weight_decay"]
