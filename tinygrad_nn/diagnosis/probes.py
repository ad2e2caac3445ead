"""Probes: what is measured while a model trains.

A layer is a module that has parameters of its own. A probe sees the user's model from outside: hooks
tell when a layer has run, and the engine's observer tells which non-linearity was applied to what the
layer gave, whether it is a module or a plain call in `forward`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core.node import Array, Rule, Value
from ..core.observe import Observer, observing
from ..nn import Linear, Module
from ..records import Histogram, LayerRecord
from ..tensors import Tensor, gradient

BINS = 64
LARGEST = sys.float_info.max
NOTHING = Histogram(0.0, 0.0, np.zeros(BINS, np.int64))


def histogram(values: Array, bins: int = BINS) -> Histogram:
    """The counts of `values` in equal bins over their range; what is not finite is counted apart."""
    flat = values.reshape(-1)
    low, high = _range(flat)
    if not math.isfinite(low + high):
        flat = flat[np.isfinite(flat)]
        low, high = _range(flat)
    outside = values.size - flat.size
    if high <= low:  # all alike: one full bin in the middle
        margin = abs(low) * 0.5 or 0.5
        low, high = max(low - margin, -LARGEST), min(high + margin, LARGEST)
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    start, width = low, high - low
    if width > 1e38:  # float32 has no room for twice of it
        flat, start, width = flat * 0.5, low * 0.5, high * 0.5 - low * 0.5
    elif width < 1e-30:  # nor, here, for its inverse, nor for bounds between two of its smallest numbers
        flat, start, width = (flat.astype(np.float64) - low) / width, 0.0, 1.0
    scaled = flat - start
    scaled *= bins / width
    counts = np.bincount(scaled.astype(np.intp), minlength=bins + 1)
    counts[bins - 1] += counts[bins]  # the highest value belongs to the last bin
    return Histogram(low, high, counts[:bins], outside)


def _range(flat: Array) -> tuple[float, float]:
    return (float(np.minimum.reduce(flat)), float(np.maximum.reduce(flat))) if flat.size else (0.0, 0.0)


class _Layer:
    """A layer under observation: its parameters, and what was seen of it in the newest observed pass."""

    def __init__(self, name: str, module: Module) -> None:
        self.name = name
        self.module = module
        self.parameters = [p for p in vars(module).values() if isinstance(p, Tensor) and p.requires_grad]
        self.weights = [p for p in self.parameters if p.ndim > 1] or self.parameters
        self.size = sum(p.size for p in self.parameters)
        self.label = describe(module)
        self.output: Array | None = None
        self.activation: str | None = None

    def gradient_square(self) -> float:
        """The sum of the squares of the layer's gradient."""
        return sum(_square(g) for g in map(gradient, self.parameters) if g is not None)


def describe(module: Module) -> str:
    """What a layer is, in a few characters."""
    kind = type(module).__name__
    if isinstance(module, Linear):
        return f"{kind} {module.in_features}→{module.out_features}"
    return kind


class Probe(Observer):
    """Measures the layers of one model."""

    def __init__(self, model: Module) -> None:
        self.layers = [_Layer(name, m) for name, m in model.named_modules() if owns_parameters(m)]
        self._running: _Layer | None = None
        self._order: list[_Layer] = []
        self._before: list[Array] | None = None

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Watch a forward pass: each layer's activations, and the order in which the layers run."""
        self._order, self._running = [], None
        handles = [x.module.register_forward_hook(partial(self._ran, x)) for x in self.layers]
        try:
            with observing(self):
                yield
        finally:
            for handle in handles:
                handle.remove()
            ran = self._order
            self.layers = ran + [layer for layer in self.layers if layer not in ran]

    def _ran(self, layer: _Layer, module: Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            layer.output, layer.activation = output.data, None
            self._running = layer
        if layer not in self._order:
            self._order.append(layer)

    def operation(self, primitive: Rule, arrays: Sequence[Any], attrs: dict[str, Any], out: Value) -> None:
        layer = self._running
        if layer is not None and primitive.name in ("relu", "sigmoid", "tanh"):
            layer.output, layer.activation = out.data, primitive.name
            self._running = None

    def gradient_squares(self) -> list[float]:
        """For each layer the sum of squares of the gradient as it stands: cheap enough for every step."""
        return [layer.gradient_square() for layer in self.layers]

    def before_update(self) -> None:
        """Remember the parameters, so that `measure` can tell how far the step has moved them."""
        self._before = [p.data.copy() for layer in self.layers for p in layer.parameters]

    def measure(self, gradient_squares: Sequence[float]) -> tuple[LayerRecord, ...]:
        """The record of every layer, with these sums of squares for the gradients' norms."""
        before = iter(self._before or [])
        records = []
        for i, (layer, square) in enumerate(zip(self.layers, gradient_squares, strict=True), start=1):
            moved = [(p.data, next(before)) for p in layer.parameters] if self._before else []
            records.append(_record(i, layer, square, moved))
        self._before = None
        return tuple(records)


def owns_parameters(module: Module) -> bool:
    """Whether a module has parameters of its own, not only in modules within it."""
    return any(isinstance(value, Tensor) and value.requires_grad for value in vars(module).values())


def _record(index: int, layer: _Layer, square: float, moved: list[tuple[Array, Array]]) -> LayerRecord:
    weight_square = sum(_square(p.data) for p in layer.parameters)
    ratio = math.nan
    if moved:
        old = math.sqrt(sum(_square(then) for _, then in moved))
        ratio = math.sqrt(sum(_square(now - then) for now, then in moved)) / old if old else math.nan
    gradients = [g for g in map(gradient, layer.weights) if g is not None]
    mean = std = zero = saturated = math.nan
    output = layer.output if layer.output is not None and layer.output.size else None
    if output is not None:
        mean = float(output.mean())
        std = math.sqrt(_square(output - mean) / output.size)
        if layer.activation == "relu":
            zero = int(np.count_nonzero(output == 0)) / output.size
        elif layer.activation is not None:
            middle, reach = (0.5, 0.45) if layer.activation == "sigmoid" else (0.0, 0.9)
            saturated = int(np.count_nonzero(np.abs(output - middle) > reach)) / output.size
    return LayerRecord(
        index=index,
        name=layer.name,
        label=layer.label,
        parameters=layer.size,
        gradient_norm=math.sqrt(square),
        gradient_rms=math.sqrt(square / layer.size),
        gradient_max=max((float(np.abs(g).max()) for g in gradients), default=math.nan),
        weight_norm=math.sqrt(weight_square),
        weight_rms=math.sqrt(weight_square / layer.size),
        update_ratio=ratio,
        activation_mean=mean,
        activation_std=std,
        zero_fraction=zero,
        saturated_fraction=saturated,
        weights=_joint([p.data for p in layer.weights]),
        gradients=_joint(gradients),
        activations=histogram(output) if output is not None else NOTHING,
    )


def _square(array: Array) -> float:
    flat = array.reshape(-1)
    return float(np.dot(flat, flat))


def _joint(arrays: list[Array]) -> Histogram:
    if not arrays:
        return NOTHING
    return histogram(arrays[0] if len(arrays) == 1 else np.concatenate([a.reshape(-1) for a in arrays]))
