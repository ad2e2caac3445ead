"""Derivatives of functions: `jacobian`, `hessian`, `hvp`, `vjp`, `jvp`, `value_and_grad`.

Each takes a function of one or more Tensors. They are written with `grad` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .core.backward import enable_grad, grad
from .core.node import as_array
from .ops import stack
from .tensors import Tensor

Function: TypeAlias = Callable[..., Tensor]
Inputs: TypeAlias = "Tensor | Sequence[Tensor]"


def value_and_grad(function: Function) -> Callable[..., tuple[Tensor, Any]]:
    """The function that returns `(function(*inputs), gradients)`; a single input has a single gradient.

    `function` must return a single element.
    """

    def both(*inputs: Tensor) -> tuple[Tensor, Any]:
        leaves = _leaves(inputs)
        value = _run(function, leaves)
        gradients = grad(value, leaves, allow_unused=True)
        return value.detach(), gradients[0] if len(leaves) == 1 else gradients

    return both


def vjp(function: Function, inputs: Inputs, v: ArrayLike | Tensor | None = None) -> tuple[Tensor, Any]:
    """`(output, vᵀJ)`: the vector-Jacobian product, v in the output's shape (left out for a single element)."""
    leaves = _leaves(inputs)
    output = _run(function, leaves)
    products = grad(output, leaves, v, allow_unused=True)
    return output.detach(), _like(inputs, products)


def jvp(function: Function, inputs: Inputs, v: ArrayLike | Tensor | Sequence[Any]) -> tuple[Tensor, Tensor]:
    """`(output, J v)`: the derivative along v, which is shaped like the inputs.

    By reverse mode twice: wᵀJ is linear in w, and its derivative with respect to w, along v, is J v.
    """
    leaves = _leaves(inputs)
    directions = _directions(v, leaves)
    output = _run(function, leaves)
    w = Tensor(np.zeros_like(output.data), requires_grad=True)
    rows = grad(output, leaves, w, create_graph=True, allow_unused=True)
    through = [(row, d) for row, d in zip(rows, directions, strict=True) if row.requires_grad]
    if not through:
        return output.detach(), Tensor(np.zeros_like(output.data))
    (product,) = grad([row for row, _ in through], w, [d for _, d in through], allow_unused=True)
    return output.detach(), product


def jacobian(function: Function, inputs: Inputs, create_graph: bool = False) -> Any:
    """All derivatives of the outputs by the inputs: for each input a Tensor (*output.shape, *input.shape)."""
    leaves = _leaves(inputs, detach=not create_graph)
    output = _run(function, leaves)
    rows: list[list[Tensor]] = [[] for _ in leaves]
    for place in np.ndindex(output.shape):
        v = np.zeros_like(output.data)
        v[place] = 1
        found = grad(output, leaves, v, retain_graph=True, create_graph=create_graph, allow_unused=True)
        for row, g in zip(rows, found, strict=True):
            row.append(g)
    blocks = [
        stack(row).reshape(output.shape + x.shape) if row else Tensor(np.zeros(output.shape + x.shape, x.dtype))
        for row, x in zip(rows, leaves, strict=True)
    ]
    return _like(inputs, blocks)


def hessian(function: Function, inputs: Tensor) -> Tensor:
    """The second derivatives of a single element by one input, (*input.shape, *input.shape)."""

    def gradient(x: Tensor) -> Tensor:
        return grad(_run(function, [x]), x, create_graph=True, allow_unused=True)[0]

    result: Tensor = jacobian(gradient, inputs)
    return result


def hvp(function: Function, inputs: Inputs, v: ArrayLike | Tensor | Sequence[Any]) -> tuple[Tensor, Any]:
    """`(output, H v)`: the Hessian of a single element times v, without forming the Hessian (Pearlmutter 1994)."""
    leaves = _leaves(inputs)
    directions = _directions(v, leaves)
    output = _run(function, leaves)
    gradients = grad(output, leaves, create_graph=True, allow_unused=True)
    through = [(g, d) for g, d in zip(gradients, directions, strict=True) if g.requires_grad]
    if not through:
        return output.detach(), _like(inputs, [Tensor(np.zeros_like(x.data)) for x in leaves])
    products = grad([g for g, _ in through], leaves, [d for _, d in through], allow_unused=True)
    return output.detach(), _like(inputs, products)


def _leaves(inputs: Inputs, detach: bool = True) -> list[Tensor]:
    """The inputs as leaves of their own, so that the caller's graph stays as it is."""
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if not detach:
        return [x if x.requires_grad else x.detach().requires_grad_() for x in given]
    return [x.detach().requires_grad_() for x in given]


def _run(function: Function, leaves: Sequence[Tensor]) -> Tensor:
    with enable_grad():
        output = function(*leaves)
    if not isinstance(output, Tensor):
        raise TypeError(f"the function must return a Tensor, not {type(output).__name__}")
    return output if output.requires_grad else output + 0 * sum(x.sum() for x in leaves)


def _directions(v: Any, leaves: Sequence[Tensor]) -> list[Tensor]:
    given = list(v) if isinstance(v, list | tuple) and len(leaves) > 1 else [v]
    if len(given) != len(leaves):
        raise ValueError(f"v needs a part for each of the {len(leaves)} inputs, it has {len(given)}")
    parts = [Tensor(as_array(part).astype(x.dtype)) for part, x in zip(given, leaves, strict=True)]
    for i, (part, x) in enumerate(zip(parts, leaves, strict=True)):
        if part.shape != x.shape:
            raise ValueError(f"v has shape {part.shape} where input {i} has {x.shape}")
    return parts


def _like(inputs: Inputs, results: Sequence[Tensor]) -> Any:
    return results[0] if isinstance(inputs, Tensor) else tuple(results)
