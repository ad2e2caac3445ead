"""How a tensor was made: the nodes of the graph, what an operation records, and what changed since.

A node holds arrays and older nodes, never a Tensor: neither its inputs' nor its own result's. So the graph
has no reference cycles and goes away with the last tensor that needs it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .ops.primitive import Primitive
    from .tensor import Tensor

Array: TypeAlias = NDArray[Any]
Hook: TypeAlias = "Callable[[Tensor], Tensor | None]"
Watch: TypeAlias = "Callable[[Primitive, Sequence[Any], dict[str, Any], Tensor], None]"


class Departures:
    """How many settings of `mode`, in all threads, are not the usual ones."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


departures = Departures()
_counting = threading.RLock()


class Mode(threading.local):
    """What operations of this thread do besides computing: record a graph, and tell an observer.

    To read what belongs to a thread takes long beside a small operation. So the settings that depart from the
    usual ones are counted, over all threads, and while there are none no operation reads its own.
    """

    grad_enabled: bool = True
    watch: Watch | None = None  # sees every operation on Tensors
    # Sees every node when its backward begins, with None and the gradient of its output, and then every gradient that
    # a rule gives, with the number of the input.
    watch_gradient: Callable[[Node, int | None, Any], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        usual = getattr(Mode, name)
        with _counting:
            departures.count += (value is not usual) - (getattr(self, name) is not usual)
            super().__setattr__(name, value)


mode = Mode()
clock = count(1).__next__  # orders nodes, and in-place writes among them


class Leaf:
    """Where a gradient arrives: the node of a tensor that the user made with `requires_grad=True`.

    An optimiser may lend it a part of its own vector of gradients, for `backward` to write this one into.
    """

    __slots__ = ("hooks", "lent", "variable")

    def __init__(self, variable: Tensor) -> None:
        self.variable = weakref.ref(variable)  # weak, or tensor and leaf would be a cycle
        self.hooks: dict[int, Hook] | None = None
        self.lent: Array | None = None


class Into:
    """A backward rule, of a primitive without attributes, that can write to memory: `rule(lent, g, y, *inputs)`.

    `lent` is None, or an array to write the gradient to and to return; ValueError where it does not fit.
    """

    __slots__ = ("rule",)

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule


class Node:
    """One operation that ran: `output = primitive(*arrays, **attrs)`.

    `parents[i]` is the node that made `arrays[i]`, or None where no gradient goes. `arrays` and `output`
    are None once a backward pass has used the node and freed it. `order` is the clock's time. Only
    `Primitive` makes nodes, and fills them in itself: a constructor would be a tenth of an operation's cost.
    """

    __slots__ = ("__weakref__", "arrays", "attrs", "hooks", "order", "output", "parents", "primitive")

    primitive: Primitive
    arrays: Sequence[Any] | None
    parents: Sequence[Node | Leaf | None]
    attrs: dict[str, Any]
    output: Array | None
    order: int
    hooks: dict[int, Hook] | None


RETAIN = 0  # the key of the hook that keeps a gradient: no clock's time, and last whenever it was registered


class Handle:
    """What registering a hook returns: `remove()` takes it off again."""

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        self._hooks = hooks
        self._key = clock()  # not id(self): a handle that nobody keeps would give its place to the next
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


# --- in-place writes


class Written:
    """What the library has changed of one buffer: when all of it, and when which bytes of it."""

    __slots__ = ("all", "buffer", "parts")

    def __init__(self, buffer: weakref.ref[Array]) -> None:
        self.buffer = buffer
        self.all = 0
        self.parts: dict[tuple[int, int], int] = {}

    def since(self, order: int, array: Array) -> bool:
        """Whether what `array` looks into has been changed after `order`."""
        if self.all > order:
            return True
        if not any(time > order for time in self.parts.values()):
            return False
        low, high = byte_bounds(array)
        return any(time > order and low < end and start < high for (start, end), time in self.parts.items())


class Writes:
    """Which memory the library has changed in place, and when by the clock that also orders the nodes."""

    __slots__ = ("latest", "times")

    def __init__(self) -> None:
        self.latest = 0
        self.times: dict[int, Written] = {}


writes = Writes()


def _buffer(array: Array) -> Array:
    """The array whose memory this one looks into."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def note_write(array: Array) -> None:
    """Remember that the library has just changed `array`'s memory in place."""
    buffer = _buffer(array)
    key = id(buffer)
    known = writes.times.get(key)
    if known is None:
        known = Written(weakref.ref(buffer, lambda _, key=key: writes.times.pop(key, None)))  # type: ignore[misc]
        writes.times[key] = known
    writes.latest = now = clock()
    if array.nbytes == buffer.nbytes:
        known.all = now
        known.parts.clear()
    else:
        known.parts[byte_bounds(array)] = now


def saved(node: Node) -> Iterator[Array]:
    """The arrays that the rules of a node read: inputs, output, and those among its attributes (an index, a target)."""
    values = (*(node.arrays or ()), node.output) if node.primitive.reads_values else ()
    for value in (*values, *node.attrs.values()):
        for array in value if isinstance(value, tuple) else (value,):
            if isinstance(array, np.ndarray):
                yield array


def changed_after(order: int, array: Array) -> bool:
    """Whether the library has changed what `array` looks into after that time of the clock."""
    known = writes.times.get(id(_buffer(array)))
    return known is not None and known.since(order, array)


def written_since(node: Node) -> Array | None:
    """An array that `node` saved and that the library has changed since, or None."""
    return next((array for array in saved(node) if changed_after(node.order, array)), None)
