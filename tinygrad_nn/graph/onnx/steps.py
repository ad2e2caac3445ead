"""An ONNX graph in the making, and the steps of which it is made: what a translation may ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.node import Array
from .runs import Batch, Dimension, Operation, Pair, Unfit, same

SMALL = 64  # elements up to which equal constants are written once


def onnx_package() -> Any:
    """The package `onnx` with its parts. ImportError that says how to get it."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError("ONNX export needs onnx: pip install 'tinygrad-nn[onnx]'") from error
    return onnx


def element_type(dtype: np.dtype[Any]) -> int:
    """ONNX's number of a dtype.

    Raises:
        TypeError: it has none.
    """
    try:
        return int(onnx_package().helper.np_dtype_to_tensor_dtype(dtype))
    except (KeyError, ValueError):
        raise TypeError(f"ONNX has no numbers of dtype {dtype}: convert the model and its input first") from None


@dataclass(frozen=True)
class Made:
    """A node of the ONNX graph; its value has the same name."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]


class Making:
    """Nodes and constants by name, and which step each value comes from."""

    def __init__(self, pair: Pair, named: Mapping[str, Array]) -> None:
        self.pair = pair
        self.nodes: dict[str, Made] = {}
        self.constants: dict[str, Array] = dict(named)
        self.small: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.numbers: Counter[str] = Counter()  # the last one behind each name
        self.steps: dict[str, Step] = {}
        self.inputs: dict[str, tuple[Array, list[Dimension]]] = {}
        self.length = ""  # the value that has the batch size, once it is needed

    def unique(self, name: str) -> str:
        """A name that no value has yet: `name` itself, or with the next number behind it."""
        taken = name
        while taken in self.nodes or taken in self.constants:
            self.numbers[name] += 1
            taken = f"{name}_{self.numbers[name]}"
        return taken

    def node(self, name: str, kind: str, *inputs: str, **attributes: Any) -> str:
        name = self.unique(name)
        self.nodes[name] = Made(name, kind, inputs, attributes)
        return name

    def constant(self, name: str, array: Array) -> str:
        key = array.dtype.str, array.shape, array.tobytes() if array.size <= SMALL else name.encode()
        if array.size > SMALL or key not in self.small:
            self.small[key] = self.unique(name)
            self.constants[self.small[key]] = array
        return self.small[key]

    def batch(self) -> str:
        """The batch size as a vector of one element."""
        if not self.length:
            self.length = self.node("batch", "Shape", next(iter(self.inputs)), start=0, end=1)
        return self.length


@dataclass(eq=False)
class Step:
    """The translation of one operation, which ran as `op`, and as `twin` on other inputs."""

    made: Making
    op: Operation
    twin: Operation

    # --- the operation: what it is in both runs

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.op.output.dtype

    @property
    def shape(self) -> list[Dimension]:
        return self.made.pair.shape(self.op.output.shape, self.twin.output.shape)

    def shape_of(self, i: int) -> list[Dimension]:
        return self.made.pair.shape(np.shape(self.op.arrays[i]), np.shape(self.twin.arrays[i]))

    def attr(self, name: str) -> Any:
        value, other = self.op.attrs[name], self.twin.attrs[name]
        if not same(value, other):
            raise Unfit(f"{name} {value} was {other} with other inputs")
        return value

    # --- values in the graph, by name

    def values(self) -> list[str]:
        return [self.value(i) for i in range(len(self.op.arrays))]

    def value(self, i: int, dtype: np.dtype[Any] | str | None = "of the result") -> str:
        """Input `i`, cast to the dtype of the result unless another, or None, is asked for."""
        wanted = self.dtype if isinstance(dtype, str) else dtype
        return self.array(self.op.arrays[i], self.twin.arrays[i], wanted)

    def known(self, i: int) -> str | None:
        """The name of input `i`; None for one that is a constant, or was made outside of recorded operations."""
        return self.made.pair.known(self.op.arrays[i], self.twin.arrays[i])

    def maker(self, i: int) -> Step | None:
        """The step that made input `i`."""
        name = self.known(i)
        return None if name is None else self.made.steps.get(name)

    def array(self, a: Any, b: Any, dtype: np.dtype[Any] | None = None) -> str:
        """What is `a` in one run and `b` in the other."""
        if not isinstance(a, np.ndarray):
            return self._number(a, b, dtype or np.asarray(a).dtype)
        name = self.made.pair.known(a, b)
        if name is not None:
            return self.cast(name, a.dtype, dtype or a.dtype)
        if same(a, b):
            return self.constant(a, dtype or a.dtype)
        shape = self.made.pair.shape(a.shape, np.shape(b)) if isinstance(b, np.ndarray) else []
        one = a[tuple(slice(1) if isinstance(n, Batch) else slice(None) for n in shape)]
        if not shape or not all(same(np.ascontiguousarray(x), np.array(np.broadcast_to(one, x.shape))) for x in (a, b)):
            raise Unfit("an array that changes with the input was not made by recorded operations")
        return self.expanded(self.constant(one, dtype or a.dtype), shape)

    def _number(self, a: Any, b: Any, dtype: np.dtype[Any]) -> str:
        if same(a, b):
            return self.constant(a, dtype)
        if isinstance(b, np.ndarray) or not (float(a).is_integer() and float(b).is_integer()):
            raise Unfit(f"the number {a} was {b} with other inputs")
        n = self.made.pair.dimension(int(a), int(b))
        return self.cast(self.node("Squeeze", self._lengths([n])), np.dtype(np.int64), dtype)

    def constant(self, value: Any, dtype: Any = None) -> str:
        return self.made.constant(f"{self.op.place.module}/constant", np.array(value, dtype or self.dtype))

    # --- nodes

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.made.node(f"{self.op.place.module}/{kind}".lstrip("/"), kind, *inputs, **attributes)

    def cast(self, value: str, dtype: np.dtype[Any], to: np.dtype[Any]) -> str:
        return value if dtype == to else self.node("Cast", value, to=element_type(to))

    def unsqueezed(self, value: str, axes: Sequence[int]) -> str:
        return self.node("Unsqueeze", value, self.constant(axes, np.int64))

    def expanded(self, value: str, shape: Sequence[Dimension]) -> str:
        return self.node("Expand", value, self._lengths(shape))

    def reshaped(self, value: str, shape: Sequence[Dimension]) -> str:
        free = [i for i, n in enumerate(shape) if isinstance(n, Batch)]
        if len(free) == 1 and 0 not in shape:
            shape = [-1 if isinstance(n, Batch) else n for n in shape]
        return self.node("Reshape", value, self._lengths(shape), **({"allowzero": 1} if 0 in shape else {}))

    def _lengths(self, shape: Sequence[Dimension]) -> str:
        """A shape as a vector of whole numbers."""
        if not any(isinstance(n, Batch) for n in shape):
            return self.constant(shape, np.int64)
        parts = []
        for n in shape:
            if not isinstance(n, Batch):
                parts.append(self.constant([n], np.int64))
            elif n.times == 1:
                parts.append(self.made.batch())
            else:
                parts.append(self.node("Mul", self.made.batch(), self.constant([n.times], np.int64)))
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)
