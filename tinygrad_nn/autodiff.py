"""Walking back: from an output to the gradients of what it was made from.

`backward` adds gradients to the leaves' `.grad`; `grad` returns those it is asked for. Both are one
walk: of the nodes whose gradient waits, take the newest and hand its gradient on to its parents, by the
rules of its primitive. Whatever used a node is newer than the node, so by then its gradient is complete.
On arrays that is an ordinary backward pass. With `create_graph=True` the same rules run on Tensors, so
the pass is recorded and can be differentiated again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy import asarray, ndarray
from numpy.typing import ArrayLike

from .constants import constant, summed
from .node import Into, Leaf, Node, mode, note_write, writes, written_since
from .tensor import Tensor, wrap

P = ParamSpec("P")
R = TypeVar("R")

by_order = attrgetter("order")


def backward(
    output: Tensor,
    gradient: ArrayLike | Tensor | None = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Add d(output)/d(leaf) to `.grad` of every leaf that requires gradients.

    `gradient` weighs the elements of `output`; only a single element may go without. The graph is
    freed as it is walked unless it is kept (`retain_graph`, or `create_graph` for higher orders).

    RuntimeError: nothing requires gradients, the graph was freed, or an array was changed in place
    after it was saved. ValueError: `gradient` is missing or misshapen.
    """
    seed = _seed(output, gradient, create_graph)
    for leaf, g in _walk({output.node: seed}, None, retain_graph or create_graph, create_graph).items():
        variable = leaf.variable()  # type: ignore[union-attr]
        if variable is None or variable.node is None:  # it went away, or has stopped asking
            continue
        before = variable._grad
        if before is None:
            variable._grad = g
        elif create_graph:
            variable._grad = variable.grad + g
        else:
            total = before.data if isinstance(before, Tensor) else before
            if (isinstance(before, Tensor) and before.node is not None) or not total.flags.writeable:
                variable._grad = asarray(total + g)  # it has a graph of its own
            else:  # who holds the gradient sees it grow, as in PyTorch
                np.add(total, g, total)
                note_write(total)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: ArrayLike | Tensor | Sequence[ArrayLike | Tensor | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`, without touching `.grad`.

    `grad_outputs` weigh the elements of each output; of a single output it may be the weights themselves.
    Only what leads to `inputs` is computed. With `create_graph=True` the results can be
    differentiated again. An input that no output depends on is a RuntimeError, or with
    `allow_unused` gets zeros. ValueError: `grad_outputs` are missing, too few or many, or misshapen.
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    weights = _weights(outputs, grad_outputs)
    for i, x in enumerate(inputs):
        if x.node is None:
            raise RuntimeError(f"input {i} of grad() does not require gradients: use requires_grad_()")
    keep = create_graph if retain_graph is None else retain_graph
    seeds: dict[Node | Leaf | None, Any] = {}
    for y, weight in zip(outputs, weights, strict=True):
        _accumulate(seeds, y.node, _seed(y, weight, create_graph))
    found = _walk(seeds, {x.node for x in inputs if x.node is not None}, keep, create_graph)
    results: list[Tensor] = []
    for i, x in enumerate(inputs):
        g = found.get(x.node)  # type: ignore[arg-type]
        if g is None and not allow_unused:
            raise RuntimeError(f"no output depends on input {i}: pass allow_unused=True for a gradient of zeros")
        if g is None:
            g = np.zeros_like(x.data)
        elif any(x is earlier for earlier in inputs[:i]):
            g = _copied(g)
        results.append(g if isinstance(g, Tensor) else wrap(g, None))
    return tuple(results)


def _weights(outputs: Sequence[Tensor], given: Any) -> list[Any]:
    """The `grad_outputs` of `grad`, one for each output."""
    if not isinstance(given, list | tuple):
        return [given] * len(outputs)
    numbers = not any(w is None or isinstance(w, Tensor) for w in given)
    if len(outputs) == 1 and numbers and np.shape(given) == outputs[0].shape:
        return [given]  # no list of one gradient has that shape: it would have one axis more
    if len(given) != len(outputs):
        raise ValueError(f"grad_outputs has {len(given)} gradients, there are {len(outputs)} outputs")
    return list(given)


def _seed(output: Tensor, gradient: ArrayLike | Tensor | None, create_graph: bool) -> Any:
    """The gradient that the walk starts with: an array, or with `create_graph` a Tensor."""
    data = output.data
    if output.node is None:
        raise RuntimeError("this tensor does not require gradients and was not made from one that does")
    if gradient is None:
        if data.size != 1:
            raise ValueError(
                f"a gradient can start itself only at a single element, this output has shape {data.shape}: "
                "reduce it with .sum() or .mean(), or pass gradient="
            )
        g: Any = constant(1, data.dtype, data.shape)
        if create_graph:
            g = wrap(g, None)
    else:
        seed = gradient if isinstance(gradient, Tensor) else Tensor(np.asarray(gradient, data.dtype))
        if seed.shape != data.shape:
            raise ValueError(f"gradient has shape {seed.shape}, the output has {data.shape}")
        seed = seed if seed.dtype == data.dtype else seed.astype(data.dtype)
        g = seed if create_graph else seed.data
    return _copied(g) if output.node.__class__ is Leaf else g


def _ordered(roots: Iterable[Node | Leaf]) -> list[Node]:
    """All operations that the roots were made by, newest first; each once, and without recursion."""
    stack = [root for root in roots if root.__class__ is Node]
    seen = set(stack)
    while stack:
        for parent in stack.pop().parents:
            if parent.__class__ is Node and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=by_order, reverse=True)


def _leading_to(nodes: list[Node], targets: set[Node | Leaf]) -> set[Node | Leaf]:
    """Those of `nodes` (newest first) that the targets' gradients pass through."""
    useful = set(targets)
    for node in reversed(nodes):
        if any(parent in useful for parent in node.parents):
            useful.add(node)
    return useful


def _walk(
    grads: dict[Any, Any],
    targets: set[Node | Leaf] | None,
    retain_graph: bool,
    create_graph: bool,
) -> dict[Node | Leaf, Any]:
    """From the gradients of the outputs to those of the targets (of all leaves if None).

    They are arrays, or with `create_graph` Tensors; `grads` is used up.
    """
    found: dict[Node | Leaf, Any] = {}
    useful = None if targets is None else _leading_to(_ordered(grads), targets)
    if not create_graph:  # on arrays nothing is recorded, whatever the mode
        _hand_on(grads, found, targets, useful, retain_graph, create_graph)
    else:
        with enable_grad():
            _hand_on(grads, found, targets, useful, retain_graph, create_graph)
    # Every node has handed its gradient on; what is left has arrived at the leaves.
    for leaf, g in grads.items():
        if leaf.hooks and (targets is None or leaf in targets):
            grads[leaf] = _hooked(leaf, g, create_graph)
    return grads | found if found else grads  # found on the way: those of targets that are no leaves


def _hand_on(
    grads: dict[Node | Leaf, Any],
    found: dict[Node | Leaf, Any],
    targets: set[Node | Leaf] | None,
    useful: set[Node | Leaf] | None,
    retain_graph: bool,
    create_graph: bool,
) -> None:
    """Newest first, let each node hand the gradient of its output on to its parents."""
    watch = mode.watch_gradient
    lending = targets is None and watch is None and not create_graph  # what others will see is not on loan
    pending = [(-node.order, node) for node in grads if node.__class__ is Node]
    heapify(pending)
    while pending:
        node = heappop(pending)[1]
        g = grads.pop(node)
        if node.hooks:
            g = _hooked(node, g, create_graph)
        if targets is not None and node in targets:
            found[node] = _copied(g)
        if useful is not None and node not in useful:
            continue
        arrays, attrs = node.arrays, node.attrs
        if arrays is None or writes.latest > node.order:
            arrays = _intact(node)
        if watch is not None:
            watch(node, None, g)
        if not create_graph:
            given = (g, node.output, *arrays)
        else:
            inputs = [wrap(a, p) if a.__class__ is ndarray else a for a, p in zip(arrays, node.parents, strict=True)]
            given = (g, wrap(node.output, node), *inputs)  # type: ignore[arg-type]
        rules = node.primitive.vjps
        for i, parent in enumerate(node.parents):
            if parent is None or (useful is not None and parent not in useful):
                continue
            rule = rules[i]
            if rule is None:
                continue
            if rule.__class__ is Into:
                # The first gradient of a parameter goes straight to where its optimiser wants it.
                if lending and parent.__class__ is Leaf and parent.lent is not None and parent not in grads:
                    lent, parent.lent = parent.lent, None
                    try:
                        grads[parent] = rule.rule(lent, *given)
                        continue
                    except ValueError:
                        pass  # the parameter has got another shape or dtype since
                gi = rule.rule(None, *given)
            else:
                gi = rule(*given, **attrs) if attrs else rule(*given)
            x = arrays[i]
            if gi.shape != x.shape:
                gi = _unbroadcast(gi, x.shape)
            if gi.__class__ is not ndarray and not create_graph:
                gi = asarray(gi)  # NumPy turns 0-d results into scalars
            if gi.dtype is not x.dtype and gi.dtype != x.dtype:
                gi = gi.astype(x.dtype)
            if parent.__class__ is Leaf and (gi is g or (gi.data if create_graph else gi).base is not None):
                gi = _copied(gi)  # a leaf's gradient is its own, to change in place
            if watch is not None:
                watch(node, i, gi)
            if parent in grads:
                _accumulate(grads, parent, gi)
            else:
                grads[parent] = gi
                if parent.__class__ is Node:
                    heappush(pending, (-parent.order, parent))
        if not retain_graph:
            node.arrays = node.output = None


def _intact(node: Node) -> Sequence[Any]:
    """The node's arrays; RuntimeError if they are gone, or no longer what they were in the forward pass."""
    if node.arrays is None:
        raise RuntimeError(
            f"the graph behind this {node.primitive.name} has been freed by an earlier backward pass: "
            "use retain_graph=True there"
        )
    changed = written_since(node)
    if changed is not None:
        raise RuntimeError(
            f"an array of shape {changed.shape} that {node.primitive.name} saved for its gradient has been changed in "
            "place since (by an optimiser's step, say): run the forward pass again, or call backward() earlier"
        )
    return node.arrays


def _hooked(node: Node | Leaf, g: Any, create_graph: bool) -> Any:
    """The gradient after the hooks on its tensor have seen it, and perhaps replaced it."""
    with _GradMode(create_graph):
        hooks = node.hooks or {}
        for hook in [hooks[key] for key in sorted(hooks, key=lambda key: key or math.inf)]:  # RETAIN is last
            seen = _copied(g)  # what it sees or gives is the user's
            changed = hook(seen if create_graph else wrap(seen, None))
            if changed is not None:
                changed = _copied(changed if isinstance(changed, Tensor) else Tensor(changed))
                g = changed if create_graph else changed.data
    return g


def _copied(g: Any) -> Any:
    return g.copy() if g.__class__ is ndarray else wrap(g.data.copy(), g.node)


def _accumulate(grads: dict[Any, Any], node: Node | Leaf | None, g: Any) -> None:
    total = grads[node] + g if node in grads else g
    grads[node] = total if isinstance(total, Tensor) else asarray(total)


def _unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes that broadcasting had added or stretched; arrays and Tensors alike."""
    if g.__class__ is ndarray and g.ndim == 2 and g.shape[1:] == shape:
        return summed(g)  # a bias, say
    added = g.ndim - len(shape)
    stretched = tuple(i for i, n in enumerate(g.shape) if i < added or shape[i - added] != n)
    return g.sum(axis=stretched).reshape(shape)


class _GradMode:
    """A context in which recording is on or off; also a decorator."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(mode.grad_enabled)
        mode.grad_enabled = self.enabled

    def __exit__(self, *_: object) -> None:
        mode.grad_enabled = self.before.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            with _GradMode(self.enabled):
                return function(*args, **kwargs)

        return wrapped


def no_grad() -> _GradMode:
    """`with no_grad():` or `@no_grad()`: operations leave no graph behind."""
    return _GradMode(False)


def enable_grad() -> _GradMode:
    """The opposite of `no_grad`, for a part inside one."""
    return _GradMode(True)


def is_grad_enabled() -> bool:
    return mode.grad_enabled
