"""A model as a table: its modules, nested, with the shapes they make and the parameters they own.

print(nn.summary(model, (2,)))
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..core.backward import no_grad
from ..core.node import Array
from ..generator import default_generator, using
from ..tensors import Tensor
from .module import NONE, Module

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One module where it stands in the model. What is shared counts in the first row that owns it."""

    name: str  # the path of attributes, "" for the model itself
    depth: int
    kind: str  # the class
    output_shapes: tuple[Shape, ...]  # of its last call, batch axis first; empty if it was not called
    parameters: int  # elements of its own, without the modules within it
    trainable: int  # of these, how many require gradients
    shared: int  # elements of its own that a row above has counted
    memory: int  # bytes of its own parameters and buffers


@dataclass(frozen=True, repr=False)
class Summary:
    """What `summary` found out: `rows`, the model first, and totals. Its text is the table."""

    rows: tuple[Row, ...]
    input_shapes: tuple[Shape, ...]  # batch axis first
    input_memory: int  # bytes
    output_memory: int  # bytes of all that modules gave back in one forward pass, views of one array once

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def trainable(self) -> int:
        return sum(row.trainable for row in self.rows)

    @property
    def memory(self) -> int:
        """Bytes of all parameters and buffers."""
        return sum(row.memory for row in self.rows)

    def __repr__(self) -> str:
        heading = ("Layer", "Output shape", "Parameters", "Trainable", "Memory")
        total = ("Total", "", f"{self.parameters:,}", f"{self.trainable:,}", _bytes(self.memory))
        cells = [heading, *map(_cells, self.rows), total]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        line = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<>>>", widths, strict=True))
        first, *middle, last = (line.format(*row) for row in cells)
        rule = "─" * len(first)
        inputs = f"Input {_shapes_text(self.input_shapes)}: {_bytes(self.input_memory)}"
        return "\n".join([first, rule, *middle, rule, last, f"{inputs}, outputs: {_bytes(self.output_memory)}"])


def summary(model: Module, input_shape: Sequence[int] | Sequence[Sequence[int]], batch: int = 1) -> Summary:
    """The modules of `model` with the shapes of their outputs, their parameters and their memory.

    `input_shape` is the shape of one example, without the batch axis, which is put before it with length
    `batch`: (features,) or (channels, height, width). A model of several inputs takes a list of shapes.

    The shapes come from one forward pass over zeros, of the dtype of the first parameter, in
    evaluation mode and without hooks. It runs on a copy: training flags, buffers, gradients, generators
    and whatever else `model` holds stay as they are, also when `forward` raises.
    """
    if batch < 1:
        raise ValueError(f"batch is the number of examples, at least 1, not {batch}")
    shapes = tuple((batch, *shape) for shape in _input_shapes(input_shape))
    twin = copied(model).eval()
    dtype = next((p.dtype for p in twin.parameters()), np.float32)
    inputs = [np.zeros(shape, dtype) for shape in shapes]
    outputs: dict[int, tuple[Shape, ...]] = {}
    arrays = {id(_owner(array)): array for array in inputs}  # kept, so that no id comes twice

    def note(module: Module, _: Any, output: Any) -> None:
        tensors = list(_tensors(output))
        outputs[id(module)] = tuple(t.shape for t in tensors)
        for t in tensors:
            arrays.setdefault(id(_owner(t.data)), t.data)

    for module in twin.modules():
        module.register_forward_hook(note)
    with no_grad(), np.errstate(all="ignore"), using(copy.deepcopy(default_generator())):
        twin(*map(Tensor, inputs))
    input_memory = sum(array.nbytes for array in inputs)
    return Summary(
        rows=tuple(_rows(twin, outputs)),
        input_shapes=shapes,
        input_memory=input_memory,
        output_memory=sum(array.nbytes for array in arrays.values()) - input_memory,
    )


def _input_shapes(input_shape: Sequence[Any]) -> tuple[Shape, ...]:
    if not isinstance(input_shape, Sequence) or isinstance(input_shape, str):
        raise TypeError(f"input_shape is a tuple such as (2,), or a list of such tuples, not {input_shape!r}")
    if all(isinstance(n, int | np.integer) for n in input_shape):
        return (tuple(input_shape),)
    return tuple(shape for part in input_shape for shape in _input_shapes(part))


def copied(model: Module) -> Module:
    """A copy that shares nothing with `model` but tensors that a graph made, which cannot be copied; without hooks."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        memo |= {id(hooks): NONE for hooks in (module._forward_hooks, module._forward_pre_hooks)}
        memo |= {id(t): t for t in vars(module).values() if isinstance(t, Tensor) and not t.is_leaf}
    return copy.deepcopy(model, memo)


def _rows(model: Module, outputs: dict[int, tuple[Shape, ...]]) -> Iterable[Row]:
    seen: set[int] = set()
    for name, module in model.named_modules(remove_duplicate=False):
        parameters = dict(module.named_parameters(recurse=False)).values()
        own = [p for p in parameters if id(p) not in seen]
        buffers = [b for b in module.buffers(recurse=False) if id(b) not in seen]
        seen.update(map(id, [*own, *buffers]))
        size = sum(p.size for p in own)
        yield Row(
            name=name,
            depth=name.count(".") + 1 if name else 0,
            kind=type(module).__name__,
            output_shapes=outputs.get(id(module), ()),
            parameters=size,
            trainable=sum(p.size for p in own if p.requires_grad),
            shared=sum(p.size for p in parameters) - size,
            memory=sum(t.data.nbytes for t in [*own, *buffers]),
        )


def _tensors(output: Any) -> Iterable[Tensor]:
    """The tensors in what a module gave back: one, or some in tuples, lists and dictionaries."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list | dict):
        for part in output.values() if isinstance(output, dict) else output:
            yield from _tensors(part)


def _owner(array: Array) -> object:
    return array if array.base is None else array.base


def _cells(row: Row) -> tuple[str, ...]:
    label = f"{row.name.rpartition('.')[2]}: {row.kind}" if row.name else row.kind
    if row.parameters:
        parameters, trainable = f"{row.parameters:,}", f"{row.trainable:,}"
    else:
        parameters, trainable = "shared" if row.shared else "–", "–"
    memory = _bytes(row.memory) if row.memory else "–"
    return "  " * row.depth + label, _shapes_text(row.output_shapes) or "–", parameters, trainable, memory


def _shapes_text(shapes: Iterable[Shape]) -> str:
    return ", ".join(map(str, shapes))


def _bytes(n: int) -> str:
    power = min(max(n.bit_length() - 1, 0) // 10, 3)
    return f"{n / 1024**power:.1f} {' KMG'[power]}iB" if power else f"{n} B"
