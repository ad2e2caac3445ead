"""Checking gradients: what the backward rules say against what finite differences measure.

Central differences, (f(x + eps u) - f(x - eps u)) / (2 eps), measure the derivative along a direction u
from values alone. Along each axis in turn they give the whole Jacobian; along one random direction,
compared through one random weighing of the output, they check a function of any size with two calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .core.backward import enable_grad, grad
from .core.node import Array
from .tensors import Tensor

Function: TypeAlias = Callable[..., "Tensor | Sequence[Tensor]"]


class GradcheckError(RuntimeError):
    """An analytical gradient differs from the numerical one."""


def gradcheck(
    fn: Function,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> bool:
    """True if the gradients of `fn(*inputs)` agree with central differences (`torch.autograd.gradcheck`).

    Every entry of the Jacobian of every floating-point output must satisfy
    `|analytical - numerical| <= atol + rtol * |numerical|`, and every gradient must have its input's shape
    and dtype. An output that is cut off from the graph counts as having the analytical gradient 0.

    `inputs` that require gradients are checked and must be float64; anything else is passed on as it is.
    `fn` is called on copies of them, moved by `eps`: it must depend on its arguments alone, and be
    differentiable there. For n elements of inputs and m of outputs that is 2n forward and m backward passes.
    `fast_mode` compares only `<v, J u>`, for one random pair of directions (always the same; u in the
    input, of length 1; v in the output): 2 forward passes an input and 1 backward pass an output. It finds
    every fault of a whole rule; one in a single element among n shows about sqrt(n) times less.

    Raises:
        GradcheckError: the gradients differ; it names the entry that is furthest off and both values. With
            `raise_exception=False` the result is False instead.
        TypeError: an input to be checked, or an output, is of another floating-point dtype than float64.
        ValueError: no input requires gradients, or no output is floating-point.
    """
    arguments = _leaves(inputs)
    names = [f"input {i}" for i in range(len(arguments))]
    return _Check("gradcheck", fn, fn, arguments, names, None, eps, atol, rtol, fast_mode).verdict(raise_exception)


def gradgradcheck(
    fn: Function,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> bool:
    """True if the gradients of the gradients of `fn(*inputs)` are right (`torch.autograd.gradgradcheck`).

    This is `gradcheck` of the function from `inputs` and `grad_outputs` to the gradients of the inputs.
    The numerical side differences the ordinary backward pass, the analytical side differentiates the one
    that `create_graph=True` records, so a rule that means something else there is found as well.

    `grad_outputs` weigh the outputs that have a gradient, one for each, in its shape and float64; random by default.
    Arguments and errors are as in `gradcheck`.

    Raises:
        ValueError: also where no output has a gradient, or `grad_outputs` do not fit.
    """
    arguments = _leaves(inputs)
    checked = _checked(arguments)
    outputs = [y for y in _outputs(fn, arguments) if y.requires_grad]
    if not outputs:
        raise ValueError("no output of the function has a gradient: there is nothing to differentiate again")
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        weights = [Tensor(np.asarray(rng.standard_normal(y.shape)), requires_grad=True) for y in outputs]
    else:
        weights = _leaves([w.detach().requires_grad_() for w in _sequence(grad_outputs)], "grad_outputs")
    if [w.shape for w in weights] != [y.shape for y in outputs]:
        raise ValueError(
            f"grad_outputs must have the shapes of the outputs that have a gradient, {[y.shape for y in outputs]}, "
            f"not {[w.shape for w in weights]}"
        )

    def gradients(create_graph: bool) -> Function:
        def of(*values: Any) -> tuple[Tensor, ...]:
            xs, ws = values[: -len(outputs)], values[-len(outputs) :]
            ys = [y for y in _outputs(fn, xs) if y.requires_grad]
            return grad(ys, [xs[i] for i in checked], ws, create_graph=create_graph, allow_unused=True)

        return of

    names = [f"input {i}" for i in range(len(arguments))] + [f"grad_outputs {i}" for i in range(len(weights))]
    results = [f"gradient {i}" for i in checked]
    recorded, ordinary = gradients(create_graph=True), gradients(create_graph=False)
    arguments += weights
    check = _Check("gradgradcheck", recorded, ordinary, arguments, names, results, eps, atol, rtol, fast_mode)
    return check.verdict(raise_exception)


def _sequence(values: Any) -> list[Any]:
    return [values] if isinstance(values, Tensor) else list(values)


def _checked(arguments: Sequence[Any]) -> list[int]:
    return [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]


def _leaves(values: Tensor | Sequence[Any], name: str = "input") -> list[Any]:
    """`values`, those to be checked as new leaves: the caller's graph and `.grad` stay as they are."""
    leaves = _sequence(values)
    checked = _checked(leaves)
    if not checked:
        raise ValueError(f"no {name} requires gradients: make those to be checked with requires_grad=True")
    for i in checked:
        if leaves[i].dtype != np.float64:
            raise TypeError(
                f"{name} {i} is {leaves[i].dtype}: finite differences need float64, make it with dtype=np.float64"
            )
        leaves[i] = leaves[i].detach().requires_grad_()
    return leaves


def _outputs(fn: Function, arguments: Sequence[Any]) -> list[Tensor]:
    """The floating-point outputs; integers and booleans have no derivative."""
    with enable_grad():
        outputs = _sequence(fn(*arguments))
    for i, y in enumerate(outputs):
        if not isinstance(y, Tensor):
            raise TypeError(f"output {i} of the function is not a Tensor but {type(y).__name__}")
        if y.dtype.kind == "f" and y.dtype != np.float64:
            raise TypeError(f"output {i} of the function is {y.dtype}: finite differences need float64")
    outputs = [y for y in outputs if y.dtype.kind == "f"]
    if not outputs:
        raise ValueError("the function has no floating-point output: there is no gradient to check")
    return outputs


@dataclass(frozen=True)
class _Check:
    """The gradients of `fn` against differences of the values of `measured`, the same function."""

    title: str
    fn: Function
    measured: Function
    arguments: list[Any]
    names: list[str]
    results: list[str] | None  # what the outputs are called, if not that
    eps: float
    atol: float
    rtol: float
    fast_mode: bool

    def verdict(self, raise_exception: bool) -> bool:
        try:
            self.run()
        except GradcheckError as error:
            if raise_exception:
                raise GradcheckError(f"{self.title} failed: {error}") from None
            return False
        return True

    def run(self) -> None:
        rng = np.random.default_rng(0)
        outputs = _outputs(self.fn, self.arguments)
        checked = _checked(self.arguments)
        seeds = [self.directions(y.size, rng) for y in outputs]
        gradients = [self.gradients(y, rows, checked) for y, rows in zip(outputs, seeds, strict=True)]
        here = [y.data.ravel() for y in _outputs(self.measured, self.arguments)]
        for k, i in enumerate(checked):
            steps = self.directions(self.arguments[i].size, rng)
            steps = steps / np.linalg.norm(steps, axis=1, keepdims=True)
            above, below = self.values(i, self.eps * steps), self.values(i, -self.eps * steps)
            for o, y in enumerate(outputs):
                left, right = (here[o] - below[o]) / self.eps, (above[o] - here[o]) / self.eps
                analytical = gradients[o][k].T
                if self.fast_mode:
                    left, right, analytical = left @ seeds[o].T, right @ seeds[o].T, steps @ analytical
                result = self.results[o] if self.results else "output" if len(outputs) == 1 else f"output {o}"
                self.compare(i, result, y.shape, analytical, left, right)

    def directions(self, size: int, rng: np.random.Generator) -> Array:
        """One direction a row: each axis in turn, or a single random one."""
        return rng.standard_normal((1, size)) if self.fast_mode else np.eye(size)

    def gradients(self, y: Tensor, seeds: Array, checked: list[int]) -> list[Array]:
        """For each checked input the gradients (len(seeds), its size) of `y` weighed by the seeds."""
        inputs = [self.arguments[i] for i in checked]
        if not y.requires_grad:
            return [np.zeros((len(seeds), x.size)) for x in inputs]
        rows: list[list[Array]] = [[] for _ in inputs]
        for seed in seeds if len(seeds) else np.zeros((1, y.size)):  # of an empty output, the shapes at least
            weights = np.asarray(seed.reshape(y.shape))
            found = grad(y, inputs, weights, retain_graph=True, allow_unused=True)
            for i, x, g, row in zip(checked, inputs, found, rows, strict=True):
                if (g.shape, g.dtype) != (x.shape, x.dtype):
                    raise GradcheckError(
                        f"{self.names[i]} has shape {x.shape} and dtype {x.dtype}, "
                        f"its gradient has {g.shape} and {g.dtype}"
                    )
                row.append(g.data.ravel())
        return [np.stack(row)[: len(seeds)] for row in rows]

    def values(self, i: int, steps: Array) -> list[Array]:
        """For each output the values (len(steps), its size) with argument `i` moved by each of the steps."""
        x = self.arguments[i]
        moved = []
        with np.errstate(invalid="ignore", divide="ignore"):  # a step may leave the domain: NaN will be reported
            for step in steps if len(steps) else np.zeros((1, x.size)):
                leaf = Tensor(np.asarray(x.data + step.reshape(x.shape)), requires_grad=True)
                outputs = _outputs(self.measured, [*self.arguments[:i], leaf, *self.arguments[i + 1 :]])
                moved.append([y.data.ravel() for y in outputs])
        return [np.stack(rows)[: len(steps)] for rows in zip(*moved, strict=True)]

    def compare(
        self, i: int, result: str, shape: tuple[int, ...], analytical: Array, left: Array, right: Array
    ) -> None:
        """All are (directions in the input, directions in the output); the slopes left and right of the inputs."""
        numerical = (left + right) / 2
        off = np.abs(analytical - numerical) - (self.atol + self.rtol * np.abs(numerical))
        wrong = ~(off <= 0)  # so that NaN is wrong
        if not wrong.any():
            return
        worst = np.unravel_index(np.where(np.isnan(off), np.inf, off).argmax(), off.shape)
        if self.fast_mode:
            place = f"{self.names[i]}, {result}, along random directions"
        else:
            element, output_element = (
                tuple(map(int, np.unravel_index(flat, dims)))
                for flat, dims in zip(worst, (self.arguments[i].shape, shape), strict=True)
            )
            place = f"{self.names[i]}, element {element}, {result} element {output_element}"
        message = f"{place}: numerical {numerical[worst]:.6g}, analytical {analytical[worst]:.6g}"
        if not self.fast_mode and wrong.size > 1:
            message += f" ({wrong.sum()} of {wrong.size} entries are off)"
        if not abs(left[worst] - right[worst]) <= self.atol + self.rtol * abs(numerical[worst]):
            message += (
                f"; the slope is {left[worst]:.6g} on one side and {right[worst]:.6g} on the other: "
                "the function has a kink or a jump here, or is another at every call"
            )
        raise GradcheckError(message)
