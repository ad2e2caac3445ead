"""Which memory the library has changed in place, and when, so that no gradient is computed from what has changed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
from numpy.lib.array_utils import byte_bounds

from .node import Array, Node, clock


class Written:
    """What the library has changed of one buffer: when last all of it, and when parts of it."""

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
    """The buffers that were changed, and when the last of them was, by the clock that also orders the nodes."""

    __slots__ = ("latest", "times")

    def __init__(self) -> None:
        self.latest = 0
        self.times: dict[int, Written] = {}


writes = Writes()


def buffer(array: Array) -> Array:
    """The array whose memory this one looks into."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def note_write(array: Array) -> None:
    """Remember that the library has just changed `array`'s memory in place."""
    owner = buffer(array)
    key = id(owner)
    known = writes.times.get(key)
    if known is None:
        known = Written(weakref.ref(owner, lambda _, key=key: writes.times.pop(key, None)))  # type: ignore[misc]
        writes.times[key] = known
    writes.latest = now = clock()
    if array.nbytes == owner.nbytes:
        known.all = now
        known.parts.clear()
    else:
        known.parts[byte_bounds(array)] = now


def saved(node: Node) -> Iterator[Array]:
    """The arrays that the rules of a node may read: inputs, output, arrays in its attributes (an index, a target)."""
    values = (*(node.arrays or ()), node.output) if node.primitive.reads_values else ()
    for value in (*values, *node.attrs.values()):
        for array in value if isinstance(value, tuple) else (value,):
            if isinstance(array, np.ndarray):
                yield array


def changed_after(order: int, array: Array) -> bool:
    """Whether the library has changed what `array` looks into after that time of the clock."""
    known = writes.times.get(id(buffer(array)))
    return known is not None and known.since(order, array)


def written_since(node: Node) -> Array | None:
    """An array that `node` saved and that the library has changed since, or None."""
    return next((array for array in saved(node) if changed_after(node.order, array)), None)
