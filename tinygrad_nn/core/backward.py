"""Walking back: from an output to the gradients of what it was made from.

    backward(loss)                      # adds the gradients to the leaves' .grad
    dx, dy = grad(loss, [x, y])         # returns the ones that are asked for

Both are one walk: of the nodes whose gradient waits, take the newest and hand its gradient on to its parents, by the
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
from .node import Array, Into, Leaf, Node, Value, as_array, clock, wrap
from .observe import Mode, mode
from .writes import note_write, writes, written_since

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V", bound=Value)

by_order = attrgetter("order")


def backward(
    output: Value,
    gradient: ArrayLike | Value | None = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Add d(output)/d(leaf) to `.grad` of every leaf that requires gradients.

    `gradient` weighs the elements of `output`; only a single element may go without. The graph is
    freed as it is walked unless it is kept (`retain_graph`, or `create_graph` for higher orders).

    Raises:
        RuntimeError: nothing requires gradients, the graph was freed, or an array was changed in place after it was
            saved.
        ValueError: `gradient` is missing or misshapen.
    """
    start = seed(output, gradient, create_graph)
    for leaf, g in walk({output.node: start}, None, retain_graph or create_graph, create_graph).items():
        variable = leaf.variable()
        if variable is None or variable.node is None:  # it went away, or has stopped asking
            continue
        before = variable._grad
        if before is None:
            variable._grad = g
        elif create_graph:
            variable._grad = (before if isinstance(before, Value) else wrap(before, None)) + g
        else:
            total = before.data if isinstance(before, Value) else before
            if (isinstance(before, Value) and before.node is not None) or not total.flags.writeable:
                variable._grad = asarray(total + g)  # it has a graph of its own, or may not be written
            else:  # who holds the gradient sees it grow, as in PyTorch
                np.add(total, g, total)
                note_write(total)


def grad(
    outputs: Value | Sequence[Value],
    inputs: V | Sequence[V],
    grad_outputs: ArrayLike | Value | Sequence[ArrayLike | Value | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[V, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`, without touching `.grad`.

    `grad_outputs` weigh the elements of each output; of a single output it may be the weights themselves. Only what
    leads to `inputs` is computed. With `create_graph=True` the results can be differentiated again.

    Raises:
        RuntimeError: no output depends on an input, which with `allow_unused` gets zeros.
        ValueError: `grad_outputs` are missing, too few or many, or misshapen.
    """
    outputs = [outputs] if isinstance(outputs, Value) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Value) else list(inputs)
    weights = _weights(outputs, grad_outputs)
    for i, x in enumerate(inputs):
        if x.node is None:
            raise RuntimeError(f"input {i} of grad() does not require gradients: use requires_grad_()")
    keep = create_graph if retain_graph is None else retain_graph
    seeds: dict[Node | Leaf | None, Any] = {}
    for y, weight in zip(outputs, weights, strict=True):
        _accumulate(seeds, y.node, seed(y, weight, create_graph))
    found = walk(seeds, {x.node for x in inputs if x.node is not None}, keep, create_graph)
    results: list[Any] = []
    for i, x in enumerate(inputs):
        g = found.get(x.node)
        if g is None and not allow_unused:
            raise RuntimeError(f"no output depends on input {i}: pass allow_unused=True for a gradient of zeros")
        if g is None:
            g = np.zeros_like(x.data)
        elif any(x is earlier for earlier in inputs[:i]):
            g = _copied(g)
        results.append(g if isinstance(g, Value) else wrap(g, None))
    return tuple(results)


def _weights(outputs: Sequence[Value], given: Any) -> list[Any]:
    """The `grad_outputs` of `grad`, one for each output."""
    if not isinstance(given, list | tuple):
        return [given] * len(outputs)
    numbers = not any(w is None or isinstance(w, Value) for w in given)
    if len(outputs) == 1 and numbers and np.shape(given) == outputs[0].data.shape:
        return [given]  # no list of one gradient has that shape: it would have one axis more
    if len(given) != len(outputs):
        raise ValueError(f"grad_outputs has {len(given)} gradients, there are {len(outputs)} outputs")
    return list(given)


def seed(output: Value, gradient: ArrayLike | Value | None, create_graph: bool) -> Any:
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
        given: Any = gradient if isinstance(gradient, Value) else wrap(as_array(gradient, data.dtype), None)
        if given.data.shape != data.shape:
            raise ValueError(f"gradient has shape {given.data.shape}, the output has {data.shape}")
        if given.data.dtype != data.dtype:
            given = given.astype(data.dtype)
        g = given if create_graph else given.data
    return _copied(g) if output.node.__class__ is Leaf else g


def ordered(roots: Iterable[Node | Leaf]) -> list[Node]:
    """All operations that the roots were made by, newest first; each once, and without recursion."""
    stack = [root for root in roots if root.__class__ is Node]
    seen = set(stack)
    while stack:
        for parent in stack.pop().parents:
            if parent.__class__ is Node and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=by_order, reverse=True)


def leading_to(nodes: list[Node], targets: set[Node | Leaf]) -> set[Node | Leaf]:
    """Which of `nodes` (newest first) the targets' gradients pass through."""
    useful = set(targets)
    for node in reversed(nodes):
        if any(parent in useful for parent in node.parents):
            useful.add(node)
    return useful


def walk(
    grads: dict[Any, Any],
    targets: set[Node | Leaf] | None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Any, Any]:
    """From the gradients of the outputs to the gradients of the targets (of all leaves if None).

    They are arrays, or with `create_graph` Tensors; `grads` is changed, and may be what is returned.
    """
    useful = None if targets is None else leading_to(ordered(grads), targets)
    outer = mode.get()
    if create_graph or outer.observers:  # on arrays nothing is recorded, whatever is set
        mode.set(Mode(create_graph or outer.recording, outer.observers, clock()))
    try:
        found = _hand_on(grads, targets, useful, retain_graph, create_graph)
        # Every node has handed its gradient on; what is left has arrived at the leaves.
        for leaf, g in grads.items():
            if leaf.hooks and (targets is None or leaf in targets):
                grads[leaf] = _hooked(leaf, g, create_graph)
    finally:
        mode.set(outer)
    return grads | found if found else grads


def _hand_on(
    grads: dict[Any, Any],
    targets: set[Node | Leaf] | None,
    useful: set[Node | Leaf] | None,
    retain_graph: bool,
    create_graph: bool,
) -> dict[Any, Any]:
    """Newest first, let each node hand the gradient of its output on; the gradients of targets met on the way."""
    found: dict[Any, Any] = {}
    observers = mode.get().observers
    lending = targets is None and not observers and not create_graph  # never where others could keep the array
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
        if observers:
            for observer in observers:
                observer.begins(node)
        arrays = node.arrays
        if arrays is None or writes.latest > node.order:
            arrays = _intact(node)
        given = _on_tensors(node, g, arrays) if create_graph else (g, node.output, *arrays)
        rules, attrs = node.primitive.vjps, node.attrs
        for i, parent in enumerate(node.parents):
            rule = rules[i]
            if parent is None or rule is None or (useful is not None and parent not in useful):
                continue
            gi: Any = None
            if lending and rule.__class__ is Into and parent.__class__ is Leaf and parent not in grads:
                gi = _lent(rule, given, parent)
            if gi is None:
                gi = rule(*given, **attrs) if attrs else rule(*given)
                x = arrays[i]
                if gi.__class__ is not ndarray or gi.shape != x.shape or gi.dtype is not x.dtype:
                    gi = _fitted(gi, x)
                if parent.__class__ is Leaf and (gi is g or (gi.data if create_graph else gi).base is not None):
                    gi = _copied(gi)  # a leaf's gradient is its own, to change in place
            if observers:
                for observer in observers:
                    observer.gradient(node, i, gi)
            if parent in grads:
                _accumulate(grads, parent, gi)
            else:
                grads[parent] = gi
                if parent.__class__ is Node:
                    heappush(pending, (-parent.order, parent))
        if not retain_graph:
            node.arrays = node.output = None
    return found


def _on_tensors(node: Node, g: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """What the rules of a node take, as Tensors: the gradient of its output, the output and the inputs."""
    inputs = [wrap(a, p) if a.__class__ is ndarray else a for a, p in zip(arrays, node.parents, strict=True)]
    return (g, wrap(node.output, node), *inputs)  # type: ignore[arg-type]


def _lent(rule: Into, given: tuple[Any, ...], parent: Leaf) -> Any:
    """The first gradient of a parameter, written straight to where its optimiser wants it; None if that cannot be."""
    if parent.lent is None:
        return None
    lent, parent.lent = parent.lent, None
    try:
        return rule.rule(lent, *given)
    except ValueError:  # the parameter has got another shape or dtype since
        return None


def _fitted(g: Any, x: Array) -> Any:
    """What a rule gave, in the shape and dtype of the input that it is for."""
    if g.shape != x.shape:
        g = _unbroadcast(g, x.shape)
    if not isinstance(g, Value):
        g = asarray(g)  # NumPy turns 0-d results into scalars
    return g if g.dtype == x.dtype else g.astype(x.dtype)


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
    with Recording(create_graph):
        hooks = node.hooks or {}
        for hook in [hooks[key] for key in sorted(hooks, key=lambda key: key or math.inf)]:  # RETAIN is last
            seen = _copied(g)  # what it sees or gives is the user's
            changed = hook(seen if create_graph else wrap(seen, None))
            if changed is not None:
                changed = _copied(changed if isinstance(changed, Value) else wrap(as_array(changed), None))
                g = changed if create_graph else changed.data
    return g


def _copied(g: Any) -> Any:
    return g.copy() if g.__class__ is ndarray else wrap(g.data.copy(), g.node)


def _accumulate(grads: dict[Any, Any], node: Node | Leaf | None, g: Any) -> None:
    total = grads[node] + g if node in grads else g
    grads[node] = total if isinstance(total, Value) else asarray(total)


def _unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes that broadcasting had added or stretched; arrays and Tensors alike."""
    if g.__class__ is ndarray and g.ndim == 2 and g.shape[1:] == shape:
        return summed(g)  # a bias, say
    added = g.ndim - len(shape)
    stretched = tuple(i for i, n in enumerate(g.shape) if i < added or shape[i - added] != n)
    return g.sum(axis=stretched).reshape(shape)


class Recording:
    """A context in which recording is on or off; also a decorator."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.before: list[bool] = []

    def __enter__(self) -> None:
        now = mode.get()
        self.before.append(now.recording)
        mode.set(Mode(self.enabled, now.observers, now.walk))

    def __exit__(self, *_: object) -> None:
        now = mode.get()
        mode.set(Mode(self.before.pop(), now.observers, now.walk))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            with Recording(self.enabled):
                return function(*args, **kwargs)

        return wrapped


def no_grad() -> Recording:
    """Operations within leave no graph behind: for a `with` statement, or a decorator."""
    return Recording(False)


def enable_grad() -> Recording:
    """The opposite of `no_grad`, for a part inside one."""
    return Recording(True)


def is_grad_enabled() -> bool:
    """Whether operations are recorded here."""
    return mode.get().recording
