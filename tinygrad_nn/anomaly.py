"""detect_anomaly: stop at the first operation, forward or backward, that gives NaN or infinity.

It looks at every operation while it is on, which is slow, and costs nothing while it is off.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .core.node import Array, Node, Rule, Value
from .core.observe import Observer, begin, end
from .core.writes import saved
from .place import Place, caller


class AnomalyError(FloatingPointError):
    """The first value that is not a finite number; the message says which operation gave it, and where.

    `operation` is the name of the primitive, `ranges` are the lowest and the highest finite value of each input, None
    where there is none.
    """

    def __init__(self, message: str, operation: str = "", ranges: Sequence[tuple[float, float] | None] = ()) -> None:
        super().__init__(message)
        self.operation = operation
        self.ranges = tuple(ranges)


class detect_anomaly(Observer):  # noqa: N801 - PyTorch's name
    """A context in which the first operation that turns finite numbers into NaN or infinity is an AnomalyError.

    The message names the operation, the shapes and ranges of its inputs, the module it is in and the user's
    line; for a gradient, the line of the forward operation. An array that was changed in place between
    forward and backward, even by NumPy behind the library's back, is a RuntimeError.

        with detect_anomaly():
            loss = criterion(model(x), target)
            loss.backward()
    """

    def __init__(self) -> None:
        self.places: WeakKeyDictionary[Node, Place] = WeakKeyDictionary()
        self.checksums: WeakKeyDictionary[Node, list[int]] = WeakKeyDictionary()
        self._until: list[FrameType] = []

    def __enter__(self) -> detect_anomaly:
        self._until.append(sys._getframe(1))
        begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        end(self)
        self._until.pop()

    def operation(self, primitive: Rule, arrays: Sequence[Any], attrs: dict[str, Any], out: Value) -> None:
        place = caller(self._until[-1])
        if isinstance(out.node, Node):
            self.places[out.node] = place
            self.checksums[out.node] = [_checksum(a) for a in saved(out.node)]
        if not _finite(out.data) and all(map(_finite, arrays)):
            raise AnomalyError(
                f"{primitive.name} gave {not_finite(out.data)} from finite inputs\n  {place}\n{_described(arrays)}",
                primitive.name,
                [_range(a) for a in arrays],
            )

    def begins(self, node: Node) -> None:
        if node in self.checksums and self.checksums[node] != [_checksum(a) for a in saved(node)]:
            raise RuntimeError(
                f"an array that {node.primitive.name} saved has been changed in place between forward and backward"
                f"{self._forward(node)}"
            )

    def gradient(self, node: Node, i: int, gradient: Any) -> None:
        values = gradient.data if isinstance(gradient, Value) else gradient
        if not _finite(values):
            raise AnomalyError(
                f"the gradient of {node.primitive.name} for its input {i} holds {not_finite(values)}"
                f"{self._forward(node)}\n{_described(node.arrays or ())}",
                node.primitive.name,
                [_range(a) for a in node.arrays or ()],
            )

    def _forward(self, node: Node) -> str:
        """Where the operation was called whose backward this is, as a line of a message."""
        place = self.places.get(node)
        return f"\n  forward: {place}" if place else ""


def _finite(values: Any) -> bool:
    array = np.asarray(values)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def not_finite(values: Array) -> str:
    """What of NaN and infinity is among the values, in words; nothing if both are not."""
    kinds = [n for n, test in (("NaN", np.isnan), ("infinity", np.isinf)) if test(values).any()]
    return " and ".join(kinds)


def _checksum(values: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data) if isinstance(values, np.ndarray) and values.size else 0


def _range(values: Any) -> tuple[float, float] | None:
    if not isinstance(values, np.ndarray | int | float):
        return None
    array = np.asarray(values)
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(finite.min()), float(finite.max())) if finite.size else None


def _described(arrays: Sequence[Any]) -> str:
    lines = []
    for i, a in enumerate(arrays):
        if isinstance(a, np.ndarray):
            ends = _range(a)
            span = f"from {ends[0]:.6g} to {ends[1]:.6g}" if ends else "no finite value"
            lines.append(f"  input {i}: shape {a.shape}, {a.dtype}, {span}")
        else:
            lines.append(f"  input {i}: {a!r}")
    return "\n".join(lines)
