"""to_onnx: a model's forward pass as a file that other runtimes execute and Netron shows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.node import Array, as_array
from ..ops import TABLE
from ..tensors import Tensor
from .onnx_ops import TRANSLATIONS
from .onnx_record import Batch, Dimension, Operation, Pair, Run, Unfit, others, record, same

if TYPE_CHECKING:
    from ..nn import Module

OPSET = 18  # every operator used is in it; runtimes have had it since 2023
IR_VERSION = 8  # the file format that goes with it
SMALL = 64  # elements up to which equal constants are written once


def to_onnx(
    model: Module,
    example_input: ArrayLike | Tensor | tuple[ArrayLike | Tensor, ...],
    path: str | os.PathLike[str],
    *,
    dynamic_batch: bool = True,
) -> Path:
    """Write what `model` computes in evaluation mode to the ONNX file `path` (opset 18). The path.

    `example_input` is an input of the shape and dtype that the model takes, (batch, ...), or a tuple of several; some
    different examples in it are better than one. What runs is recorded operation by operation, so modules of one's own
    are exported too. Initialisers have the names of the `state_dict`, and nodes begin with the path of their module;
    inputs are called "input" (or "input_0", ...), outputs "output", or as in the dictionary that the model gives.

    The first axis of all inputs is the batch. It is dynamic where all sizes in the model are either fixed or multiples
    of it. Where they are not, it is fixed to the example's, and a UserWarning says why; so it is without
    `dynamic_batch`. The model also runs, as a copy without hooks, on other numbers and batch sizes: what differs then
    and was not made by recorded operations (`x > 0`, `.data`, `if x.sum() > 0`, random numbers) cannot be exported.

    The file is checked and then put in its place as a whole. ValueError: the model depends on its input in such a way.
    NotImplementedError: a primitive of one's own, for which ONNX has no name. ImportError: no onnx (extra `onnx`).
    """
    onnx = _onnx()
    from ..nn.model_summary import _copy
    from ..nn.serialization import _replace

    inputs = [as_array(x) for x in (example_input if isinstance(example_input, tuple) else (example_input,))]
    if any(0 in x.shape for x in inputs):
        raise ValueError(f"an example input of shape {[x.shape for x in inputs]} has no elements to see the model on")
    twin = _copy(model).eval()
    named = {n: t.data for n, t in (*twin.named_buffers(), *twin.named_parameters())}
    run = record(twin, inputs)
    exported = None
    if dynamic_batch:
        try:
            sizes = {len(x) if x.ndim else None for x in inputs}
            if len(sizes) > 1 or None in sizes:
                raise Unfit("the inputs have no first axis of one length")
            n = len(inputs[0])
            exported = _consistent(twin, run, named, inputs, (2 * n + 1, 3 * n + 2, n + 3))
        except Unfit as error:
            warnings.warn(f"the batch size is fixed at {run.batch}: {error}", stacklevel=2)
    if exported is None:
        exported = _consistent(twin, run, named, inputs, (None, None, None))
    proto = exported.proto(type(model).__name__)
    onnx.checker.check_model(proto, full_check=True)
    _replace(path, proto.SerializeToString())
    return Path(path)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError("ONNX export needs onnx: pip install 'tinygrad-nn[onnx]'") from error
    return onnx


def _consistent(
    model: Module, run: Run, named: Mapping[str, Array], inputs: Sequence[Array], batches: Iterable[int | None]
) -> Export:
    """The export of `run`, which is the same beside runs on other inputs of the lengths given."""
    found = []
    for seed, batch in enumerate(batches):
        try:
            other = record(model, others(inputs, batch, seed))
        except Exception as error:  # whatever the model asserts of its input
            raise Unfit(f"the model fails with {batch or 'other'} examples: {error}") from error
        found.append(Export(Pair(run, other), named))
    if any(export.nodes != found[0].nodes for export in found):
        raise Unfit("what the model computes depends on the values of its input")
    return found[0]


@dataclass(frozen=True)
class Made:
    """A node of the ONNX graph; its name is that of its value too."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]


class Export:
    """An ONNX graph in the making: nodes and constants by name, and which step each value comes from."""

    def __init__(self, pair: Pair, named: Mapping[str, Array]) -> None:
        self.pair = pair
        self.nodes: dict[str, Made] = {}
        self.constants: dict[str, Array] = dict(named)
        self.small: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.steps: dict[str, Step] = {}
        self.length = ""  # the value that has the batch size, once it is needed
        for name, array in named.items():
            pair.name(array, array, name, (pair.one.start, pair.two.start))
        self.inputs = self._inputs()
        for op, other in self._operations():
            step = Step(self, op, other)
            value = step.translate()
            self.steps.setdefault(value, step)
            pair.name(op.output, other.output, value, (op.time, other.time))
        self.outputs = self._outputs()
        self._prune()

    def _inputs(self) -> dict[str, tuple[Array, list[Dimension]]]:
        one, two = self.pair.one, self.pair.two
        found = {}
        for i, (a, b) in enumerate(zip(one.inputs, two.inputs, strict=True)):
            name = self.unique("input" if len(one.inputs) == 1 else f"input_{i}")
            self.pair.name(a, b, name, (one.start, two.start))
            found[name] = a, self.pair.shape(a.shape, b.shape)
            self.nodes[name] = Made(name, "input", (), {})
        return found

    def _operations(self) -> Iterable[tuple[Operation, Operation]]:
        ones, twos = self.pair.one.operations, self.pair.two.operations
        if [op.primitive for op in ones] != [op.primitive for op in twos]:
            raise Unfit("which operations run depends on the batch size or on the values")
        return zip(ones, twos, strict=True)

    def _outputs(self) -> dict[str, tuple[str, Array, list[Dimension]]]:
        """By name the values, which take that name if they can."""
        found = {}
        for name, a in self.pair.one.outputs.items():
            b = self.pair.two.outputs.get(name)
            value = None if b is None else self.pair.known(a, b)
            if value is None or b is None:
                raise Unfit(f"the model's {name} is not made by recorded operations")
            found[self.unique(name)] = value, a, self.pair.shape(a.shape, b.shape)
        return found

    def _prune(self) -> None:
        """Leave out what no output needs, such as windows that became a Conv."""
        needed: set[str] = set()
        ahead = [value for value, _, _ in self.outputs.values()]
        while ahead:
            name = ahead.pop()
            if name not in needed:
                needed.add(name)
                ahead += self.nodes[name].inputs if name in self.nodes else ()
        self.nodes = {name: node for name, node in self.nodes.items() if name in needed and node.kind != "input"}
        self.constants = {name: array for name, array in self.constants.items() if name in needed}

    # --- what steps ask for

    def unique(self, name: str) -> str:
        taken, number = name, 1
        while taken in self.nodes or taken in self.constants:
            taken, number = f"{name}_{number}", number + 1
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

    # --- the file

    def proto(self, name: str) -> Any:
        onnx = _onnx()
        helper = onnx.helper
        renamed: dict[str, str] = {}
        copies = []
        for output, (value, _, _) in self.outputs.items():
            if value in self.nodes and value not in renamed:
                renamed[value] = output
            else:
                copies.append(helper.make_node("Identity", [renamed.get(value, value)], [output], name=output))
        nodes = [
            helper.make_node(
                node.kind, [renamed.get(i, i) for i in node.inputs], [renamed.get(n, n)], name=n, **node.attributes
            )
            for n, node in self.nodes.items()
        ]

        def described(name: str, array: Array, shape: Sequence[Dimension]) -> Any:
            lengths = [str(n) if isinstance(n, Batch) else n for n in shape]
            return helper.make_tensor_value_info(name, element_type(array.dtype), lengths)

        graph = helper.make_graph(
            [*nodes, *copies],
            name,
            [described(n, *about) for n, about in self.inputs.items()],
            [described(n, array, shape) for n, (_, array, shape) in self.outputs.items()],
            [onnx.numpy_helper.from_array(np.asarray(array, order="C"), n) for n, array in self.constants.items()],
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="tinygrad-nn")


def element_type(dtype: np.dtype[Any]) -> int:
    """ONNX's number of a dtype. TypeError if it has none."""
    try:
        return int(_onnx().helper.np_dtype_to_tensor_dtype(dtype))
    except (KeyError, ValueError):
        raise TypeError(f"ONNX has no numbers of dtype {dtype}: convert the model and its input first") from None


@dataclass(eq=False)
class Step:
    """The translation of one operation, which ran as `op`, and as `twin` on other inputs."""

    made: Export
    op: Operation
    twin: Operation
    found: dict[int, str | None] = field(default_factory=dict)

    def translate(self) -> str:
        name, place = self.op.primitive.name, self.op.place
        where = f"\n{place}" if place.line else ""
        # By the forward rule: a module that holds a primitive was copied, and that with it.
        if name not in TRANSLATIONS or TABLE[name].forward is not self.op.primitive.forward:
            raise NotImplementedError(
                f"the primitive {name!r} has no translation to ONNX: compose it of the operations of tinygrad_nn{where}"
            )
        try:
            return TRANSLATIONS[name](self)
        except Unfit as error:
            raise Unfit(f"{name}: {error}{where}") from None

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
