"""Changes in place: what needs a gradient is never overwritten while operations are recorded."""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any, TypeVar

import numpy as np

from .. import ops
from ..core.node import RETAIN, Array, Leaf, Node, Value, wrap
from ..core.observe import mode
from ..core.writes import note_write
from .described import Operand, R, plain_data
from .in_graph import InGraph
from .shapes import index_of, steps_of

T = TypeVar("T", bound="InPlace[Any]")


class InPlace(InGraph[R]):
    """The operators that write, and `x[index] = y`."""

    __slots__ = ()

    def _writable(self) -> Array:
        if self.node is not None and mode.get().recording:
            raise RuntimeError(
                "a tensor that requires gradients cannot be changed in place while operations are recorded: give the "
                "result a new name, or change it under no_grad()"
            )
        return self._memory()

    def _memory(self) -> Array:
        """The memory, which is about to change."""
        if not self.data.flags.writeable:
            raise RuntimeError(
                "this tensor looks into memory that cannot be written (a broadcast view, or a read-only array): "
                "change a copy of it, tensor(t)"
            )
        note_write(self.data)
        return self.data

    def _in_place(self, ufunc: Any, primitive: Any, other: Any) -> Any:
        made, leaf = isinstance(self.node, Node), isinstance(self.node, Leaf)
        tracked = made or (isinstance(other, Value) and other.node is not None)
        if leaf or not tracked or not mode.get().recording:
            data, theirs = self._writable(), plain_data(other)
            try:
                ufunc(data, theirs, out=data)
            except (TypeError, ValueError, OverflowError) as error:
                raise primitive.complaint((data, theirs), {}, error) from None
        else:
            if isinstance(other, Value) and np.may_share_memory(other.data, self.data):
                other = wrap(other.data.copy(), other.node)
            self._become(lambda x: primitive(x, other))
        return self

    def _fitting(self, result: Any) -> Any:
        """A result that this tensor's memory can take."""
        if result.shape != self.shape or not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise ValueError(
                f"a result of shape {result.shape} and {result.dtype} does not fit into this tensor of shape "
                f"{self.shape} and {self.dtype}: give it a new name"
            )
        return result

    def _become(self, function: Callable[[Any], Any]) -> None:
        """`self = function(self)` in this tensor's own memory; the graph goes on from the result."""
        this: Any = self
        node, before = self.node, self.data.copy()
        result = self._fitting(function(wrap(before, node)))
        if node is not None or result.node is not None:
            refuse_shared(this)
        data = self._memory()
        if isinstance(node, Node) and node.output is data:
            node.output = before  # what it needs for its own gradient
        data[...] = result.data
        this.node = result.node if result.dtype == self.dtype else result.astype(self.dtype).node
        if isinstance(node, Node) and node.hooks and node.hooks.pop(RETAIN, None) is not None:
            self.retain_grad()  # the gradient of what it is now

    def _changed(self, function: Callable[[Any], Any]) -> Any:
        return changed(self, function)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, Value) and value.node is not None and mode.get().recording:
            raise RuntimeError(
                "the value requires gradients, which an assignment would lose: use where(), concatenate() or stack()"
            )
        first, rest = steps_of(index_of(index), self.data.ndim)
        data, new = self._writable(), plain_data(value)
        if self.dtype.kind in "iu" and not np.all(np.isfinite(new)):
            raise ValueError(f"{self.dtype} holds neither NaN nor infinity")
        try:
            if rest is None:
                data[first] = new
            else:
                data[first][rest] = new
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            what = f"a value of shape {np.shape(new)}" if np.ndim(new) else repr(new)
            raise type(error)(f"{what} in a part of a tensor of shape {self.shape}: {error}") from None

    def __iadd__(self, other: Operand) -> R:
        return self._in_place(np.add, ops.add, other)

    def __isub__(self, other: Operand) -> R:
        return self._in_place(np.subtract, ops.sub, other)

    def __imul__(self, other: Operand) -> R:
        return self._in_place(np.multiply, ops.mul, other)

    def __itruediv__(self, other: Operand) -> R:
        return self._in_place(np.true_divide, ops.div, other)

    def __ipow__(self, other: Operand) -> R:
        return self._changed(lambda x: x**other)

    def __imod__(self, other: Operand) -> R:
        return self._changed(lambda x: x % other)

    def __ifloordiv__(self, other: Operand) -> R:
        return self._changed(lambda x: x // other)

    def __iand__(self, other: Operand) -> R:
        return self._changed(lambda x: x & other)

    def __ior__(self, other: Operand) -> R:
        return self._changed(lambda x: x | other)

    def __ixor__(self, other: Operand) -> R:
        return self._changed(lambda x: x ^ other)


def changed(t: T, function: Callable[[T], T]) -> T:
    """`t = function(t)` in the memory of `t`, as `t **= 2` and `t.clamp_(0)` do."""
    if mode.get().recording and not isinstance(t.node, Leaf):
        t._become(function)
    else:
        result = t._fitting(function(wrap(t.data.copy(), None))).data
        t._writable()[...] = result
    return t


def refuse_shared(t: Value) -> None:
    """Refuse a change in place that a view might not learn of.

    Raises:
        RuntimeError: `t` may look into another tensor's memory, and a graph is to go on from its change in place.
    """
    made = ""
    if isinstance(t.node, Node):
        made = f", made by {t.node.primitive.name},"
        shared = t.node.arrays is None or any(np.may_share_memory(t.data, a) for a in t.node.arrays)
    else:
        alone = getrefcount(np.empty(0)) + 1  # the count of an array that one view alone holds
        shared = isinstance(t.data.base, np.ndarray) and getrefcount(t.data.base) > alone
    if shared:
        raise RuntimeError(
            f"this tensor{made} may share its memory with another one, which would lose the gradient of a change in "
            "place: give the result a new name"
        )
