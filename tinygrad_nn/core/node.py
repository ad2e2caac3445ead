"""How a tensor was made: what operations need of a tensor, and the nodes of the graph.

A node holds arrays and older nodes, never a tensor: neither its inputs' nor its own result's. So the graph
has no reference cycles and goes away with the last tensor that needs it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]
Axis: TypeAlias = int | tuple[int, ...] | list[int] | None
Hook: TypeAlias = Callable[[Any], Any]

DEFAULT_DTYPE = np.dtype(np.float32)
clock = count(1).__next__  # numbers nodes, in-place writes, hooks and backward passes


class Value:
    """What operations need of a tensor: its array, the node that made it, and its gradient.

    `Tensor` is a subclass, on a higher floor; `results_are` says here that results are of that class.
    """

    __slots__ = ("__weakref__", "_grad", "data", "node")

    data: Array
    node: Node | Leaf | None
    _grad: Value | Array | None  # an array becomes a Tensor when somebody looks: an optimiser never does


new = object.__new__
_result: type[Value] = Value


def results_are(result: type[Value]) -> None:
    """Operations on Tensors give instances of this class from now on."""
    global _result
    _result = result


def wrap(data: Array, node: Node | Leaf | None) -> Any:
    """A Tensor around an array, without the constructor's questions."""
    t: Any = new(_result)
    t.data = data
    t._grad = None
    t.node = node
    return t


class Rule(Protocol):
    """What a node needs of the primitive that made it."""

    name: str
    forward: Callable[..., Any]
    vjps: Any
    reads_values: bool


class Leaf:
    """Where a gradient arrives: the node of a tensor that the user made with `requires_grad=True`.

    An optimiser may lend it a part of its own vector of gradients, for `backward` to write this one into.
    """

    __slots__ = ("hooks", "lent", "variable")

    def __init__(self, variable: Value) -> None:
        self.variable = weakref.ref(variable)  # weak, or tensor and leaf would be a cycle
        self.hooks: dict[int, Hook] | None = None
        self.lent: Array | None = None


class Into:
    """A backward rule, of a primitive without attributes, that can write to memory: `rule(lent, g, y, *inputs)`.

    `lent` is None, or an array to write the gradient to and to return; it must fit.
    """

    __slots__ = ("rule",)

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __call__(self, *given: Any) -> Any:
        return self.rule(None, *given)


class Node:
    """One operation that ran: `output = primitive(*arrays, **attrs)`.

    `parents[i]` is the node that made `arrays[i]`, or None where no gradient goes. `arrays` and `output`
    are None once a backward pass has used the node and freed it. `order` is the clock's time. Only
    `Primitive` makes nodes, and fills them in itself.
    """

    __slots__ = ("__weakref__", "arrays", "attrs", "hooks", "order", "output", "parents", "primitive")

    primitive: Rule
    arrays: Sequence[Any] | None
    parents: Sequence[Node | Leaf | None]
    attrs: dict[str, Any]
    output: Array | None
    order: int
    hooks: dict[int, Hook] | None


RETAIN = 0  # the key of the hook that keeps a gradient: the clock never gives 0; this hook always runs last


class Handle:
    """What registering a hook returns: `remove()` takes it off again."""

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        self._hooks = hooks
        self._key = clock()  # not id(self): Python may use the id of a dead handle again
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


# --- arrays from what people give


def as_array(value: ArrayLike | Value, dtype: DTypeLike | None = None) -> Array:
    """`value` as an array in native byte order: floats become float32, arrays keep their dtype if none is given."""
    if isinstance(value, Value):
        value = value.data
    if value.__class__ is np.ndarray and dtype is None and value.dtype.kind in "fiub" and value.dtype.isnative:
        return value  # the usual case
    if dtype is not None and not hasattr(value, "dtype"):
        refuse_unfit(value, np.dtype(dtype))
    array = np.asarray(value, dtype)
    if dtype is None and array.dtype == np.float64 and not hasattr(value, "__array__"):
        array = array.astype(DEFAULT_DTYPE)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"a tensor holds real numbers or booleans, not {array.dtype}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def refuse_unfit(numbers: Any, dtype: np.dtype[Any]) -> None:
    """Refuse values that a dtype of whole numbers does not hold.

    Raises:
        ValueError: a value is out of range, NaN or infinite.
    """
    if dtype.kind not in "iu":
        return
    values, limits = np.asarray(numbers), np.iinfo(dtype)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{dtype} holds neither NaN nor infinity")
    if values.dtype.kind in "iuf" and values.size and not limits.min <= values.min() <= values.max() <= limits.max:
        outside = next(v for v in values.ravel() if not limits.min <= v <= limits.max)
        raise ValueError(f"{dtype} holds whole numbers from {limits.min} to {limits.max}: {outside} does not fit")


def refuse_tensors_in(value: Any) -> None:
    """Refuse a tuple or a list that holds Tensors: as an operand it is not an array.

    Raises:
        TypeError: it holds a Tensor.
    """
    if isinstance(value, tuple | list) and any(isinstance(part, Value) for part in value):
        if hasattr(value, "values"):
            raise TypeError("an operand is a Tensor, an array or numbers, not values with their indices: take .values")
        what = f"a {type(value).__name__} of {len(value)} with Tensors in it"
        raise TypeError(f"an operand is a Tensor, an array or numbers, not {what}: join them by stack()")
