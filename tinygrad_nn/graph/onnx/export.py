"""to_onnx: a model's forward pass as a file that other runtimes execute and Netron shows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.node import Array, as_array
from ...ops import TABLE
from ...tensors import Tensor
from .runs import Batch, Dimension, Operation, Pair, Run, Unfit, others, record
from .steps import Made, Making, Step, element_type, onnx_package
from .translations import TRANSLATIONS

if TYPE_CHECKING:
    from ...nn import Module

OPSET = 18  # every operator used is in it; runtimes have had it since 2023
IR_VERSION = 8  # the file format that goes with it


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

    The file is checked and then put in its place as a whole.

    Raises:
        ValueError: the model depends on its input in such a way.
        NotImplementedError: a primitive of your own, which ONNX does not have.
        ImportError: no onnx (extra `onnx`).
    """
    onnx = onnx_package()
    from ...nn.model_summary import copied
    from ...nn.serialization import replace_file

    inputs = [as_array(x) for x in (example_input if isinstance(example_input, tuple) else (example_input,))]
    if any(0 in x.shape for x in inputs):
        raise ValueError(f"an example input of shape {[x.shape for x in inputs]} has no elements to see the model on")
    twin = copied(model).eval()
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
    replace_file(path, proto.SerializeToString())
    return Path(path)


def _consistent(
    model: Module, run: Run, named: Mapping[str, Array], inputs: Sequence[Array], batches: Iterable[int | None]
) -> Export:
    """The export of `run`, compared with runs on other inputs of the lengths given."""
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


class Export(Making):
    """The ONNX graph of a pair of runs."""

    def __init__(self, pair: Pair, named: Mapping[str, Array]) -> None:
        super().__init__(pair, named)
        for name, array in named.items():
            pair.name(array, array, name, (pair.one.start, pair.two.start))
        self.inputs = self._inputs()
        for op, other in self._operations():
            step = Step(self, op, other)
            value = _translated(step)
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

    # --- the file

    def proto(self, name: str) -> Any:
        onnx = onnx_package()
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


def _translated(step: Step) -> str:
    """The name of the value that an operation gives."""
    name, place = step.op.primitive.name, step.op.place
    where = f"\n{place}" if place.line else ""
    # By the forward rule: a module that holds a primitive was copied, and that with it.
    if name not in TRANSLATIONS or TABLE[name].forward is not step.op.primitive.forward:
        raise NotImplementedError(
            f"the primitive {name!r} has no translation to ONNX: compose it of the operations of tinygrad_nn{where}"
        )
    try:
        return TRANSLATIONS[name](step)
    except Unfit as error:
        raise Unfit(f"{name}: {error}{where}") from None
