"""graph: from Tensors to the plain data of how they were made."""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..anomaly import not_finite
from ..core.backward import ordered, seed, walk
from ..core.node import Array, Leaf, Node
from ..tensors import Tensor
from .data import Edge, Graph, GraphNode, Group, Kind
from .recording import Call, forwards, sites

if TYPE_CHECKING:
    from ..nn import Module


def graph(
    outputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    *,
    model: Module | None = None,
    names: Mapping[str, Tensor] | None = None,
    values: bool = False,
    gradients: bool = False,
) -> Graph:
    """How `outputs` were made, as plain data: operations, what goes into them, and the modules around them.

    Modules, source lines and what the user calls things are known of what ran under `trace()`; without it,
    parameters get their names from `model` or `names`. A mapping names its outputs, such as the loss and the
    gradients of a backward pass with `create_graph=True`, whose operations are then in the graph too.

    `values` adds the range of each array and marks NaN and infinity. `gradients` adds the norm of each
    gradient of the first output, which must have a single element and a graph that is not freed (RuntimeError;
    take the graph before `backward()`, or `retain_graph=True` there). Neither touches `.grad`, but hooks on
    tensors see that pass too.
    """
    if isinstance(outputs, Tensor):
        outputs = {"result": outputs}
    elif not isinstance(outputs, Mapping):
        outputs = {f"result {i}": output for i, output in enumerate(outputs)}
    if not outputs:
        raise ValueError("there is no output to draw a graph of")
    build = _Build(ordered(t.node for t in outputs.values() if t.node is not None)[::-1], model, names or {}, values)
    if gradients:
        first = next(iter(outputs.values()))
        targets: set[Node | Leaf] = set() if first.node is None else {first.node, *ordered([first.node])}
        targets |= {p for node in targets if isinstance(node, Node) for p in node.parents if isinstance(p, Leaf)}
        found = walk({first.node: seed(first, None, False)}, targets, retain_graph=True, create_graph=False)
        build.gradients = {id(node): _norm(g) for node, g in found.items()}
    return build.run(outputs)


def _norm(values: Any) -> float:
    return float(np.linalg.norm(np.asarray(values, np.float64).reshape(-1)))


class _Build:
    """A graph in the making: what has a number already, by the identity of its node, leaf or array."""

    def __init__(
        self, operations: Sequence[Node], model: Module | None, names: Mapping[str, Tensor], values: bool
    ) -> None:
        self.operations = operations
        self.values = values
        self.gradients: dict[int, float] = {}
        self.nodes: list[GraphNode] = []
        self.edges: list[Edge] = []
        self.groups: list[Group] = []
        self.ids: dict[int, int] = {}
        self.group_ids: dict[Any, int] = {}
        self.calls: dict[tuple[Any, ...], int] = {}
        self.homes: dict[int, list[int | None]] = {}  # the groups that an input was used in
        self.kept: list[Any] = []  # arrays stay alive, so that their ids stay theirs
        self.names: dict[int, tuple[str, Kind]] = {}
        for root in _roots(operations) if model is None else [model]:
            self.names |= {id(buffer.data): (name, "buffer") for name, buffer in root.named_buffers()}
            self.names |= {id(parameter.data): (name, "parameter") for name, parameter in root.named_parameters()}
        for name, tensor in names.items():
            self.names[id(tensor.data)] = name, "parameter" if tensor.requires_grad else "data"

    def run(self, outputs: Mapping[str, Tensor]) -> Graph:
        for operation in self.operations:
            self._operation(operation)
        for name, tensor in outputs.items():
            made = isinstance(tensor.node, Node)
            source = self.ids[id(tensor.node)] if made else self._input(tensor.data, tensor.node, name, None)
            result = self._node("result", name, tensor.data)
            self.edges.append(Edge(source, result.id, shape=tensor.shape))
        built = Graph(tuple(self.nodes), tuple(self.edges), tuple(self.groups))
        faulty = {n.id for n in self.nodes if n.fault}
        first_faults = {n for n in faulty if not any(edge.source in faulty for edge in built.inputs[n])}
        homes = {n.id: n.group for n in self.nodes} | {n: _home(built, n, used) for n, used in self.homes.items()}
        nodes = (replace(n, group=homes[n.id], first_fault=n.id in first_faults) for n in self.nodes)
        return replace(built, nodes=tuple(nodes))

    # --- nodes

    def _node(self, kind: Kind, name: str, array: Array | None, **more: Any) -> GraphNode:
        if array is not None:
            more |= {"shape": array.shape, "dtype": str(array.dtype), "nbytes": array.nbytes}
            if self.values:
                more |= _values(array)
        node = GraphNode(len(self.nodes), kind, name, **more)
        self.nodes.append(node)
        return node

    def _operation(self, node: Node) -> None:
        site = sites.get(node)
        forward = forwards.get(node)
        while forward is not None and forward in forwards:  # the gradient of a gradient belongs to the first
            forward = forwards[forward]
        backward = site is not None and site.backward
        described = sites.get(forward) if forward is not None else site  # the user wrote the forward operation
        group = self._group(described.call if described else None, backward)
        variables = site.variables if site is not None else {}
        attributes: dict[str, str] = {}
        edges: list[tuple[int, int, str, tuple[int, ...] | None]] = []

        def takes(array: Array | None, parent: Node | Leaf | None, position: int, name: str = "") -> None:
            if isinstance(parent, Node):
                source = self.ids[id(parent)]
            elif (name or position) in variables:
                called, call = variables[name or position]  # made in that call
                source = self._input(array, parent, called, self._group(call, False))
            else:
                source = self._input(array, parent, "", group)
            edges.append((source, position, name, None if array is None else array.shape))

        arrays = node.arrays if node.arrays is not None else [None] * len(node.parents)
        for i, (array, parent) in enumerate(zip(arrays, node.parents, strict=True)):
            if parent is not None or (isinstance(array, np.ndarray) and array.ndim):
                takes(array, parent, i)
            elif array is not None:
                attributes[f"input {i}"] = _shown(array)
        for i, (name, value) in enumerate(node.attrs.items(), start=len(node.parents)):
            if isinstance(value, np.ndarray) and value.ndim:
                takes(value, None, i, name)
            else:
                attributes[name] = _shown(value)
        made = self._node(
            "operation",
            node.primitive.name,
            node.output,
            group=group,
            attributes=attributes,
            file=described.file if described else "",
            line=described.line if described else 0,
            code=linecache.getline(described.file, described.line).strip() if described else "",
            backward=backward,
            derives=self.ids.get(id(forward)) if forward is not None else None,
            gradient=self.gradients.get(id(node)),
        )
        self.ids[id(node)] = made.id
        self.edges += [Edge(source, made.id, position, name, shape) for source, position, name, shape in edges]

    def _input(self, array: Array | None, leaf: Node | Leaf | None, called: str, home: int | None) -> int:
        """The number of an array that no operation of the graph made, used in the group `home`."""
        variable = leaf.variable() if isinstance(leaf, Leaf) else None
        if variable is not None:
            array = variable.data
        key = id(leaf) if leaf is not None else id(array)
        if key not in self.ids:
            name, kind = self.names.get(id(array), ("", None))
            kind = kind or ("parameter" if leaf is not None else "data")
            gradient = self.gradients.get(id(leaf)) if leaf is not None else None
            size = array.size if kind == "parameter" and array is not None else 0
            node = self._node(kind, name or called, array, gradient=gradient, parameters=size)
            self.ids[key] = node.id
            self.kept.append(array)
            self.homes[node.id] = []
        number = self.ids[key]
        if home is None or not self.groups[home].backward or not self.homes[number]:
            self.homes[number].append(home)  # the backward pass uses what is the forward pass's
        return number

    # --- groups

    def _group(self, call: Call | None, backward: bool) -> int | None:
        """The group of a call, made with those around it; the backward pass has groups of its own."""
        if call is None:
            if not backward:
                return None
            return self._known("backward", Group(0, None, "", "backward pass", backward=True))
        key = (call, backward)
        if key in self.group_ids:
            return self.group_ids[key]
        parent = self._group(call.outer, backward)
        for path, kind in call.containers:
            parent = self._known((parent, path, backward), Group(0, parent, path, kind, backward=backward))
        module = call.module()
        counted = (id(module) if module is not None else call.name, backward)
        self.calls[counted] = number = self.calls.get(counted, 0) + 1
        return self._known(key, Group(0, parent, call.name, call.kind, call.settings, number, backward=backward))

    def _known(self, key: Any, group: Group) -> int:
        """The number of the group that is known by `key`; at first, `group` is."""
        if key not in self.group_ids:
            self.group_ids[key] = len(self.groups)
            self.groups.append(replace(group, id=len(self.groups)))
        return self.group_ids[key]


def _home(graph: Graph, node: int, used: list[int | None]) -> int | None:
    """The group of an input: the innermost around all that use it, for a parameter within the module that has it."""
    if graph.node[node].kind in ("parameter", "buffer"):
        owner = graph.node[node].name.rpartition(".")[0]
        used = [group for group in used if any(graph.group[g].path == owner for g in graph.around(group))] or used
    return graph.common(used)


def _roots(operations: Iterable[Node]) -> list[Module]:
    """The outermost modules that were called, as far as they are still there."""
    roots: dict[int, Module] = {}
    for node in operations:
        call = sites[node].call if node in sites else None
        while call is not None and call.outer is not None:
            call = call.outer
        module = call.module() if call is not None else None
        if module is not None:
            roots[id(module)] = module
    return list(roots.values())


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _values(array: Array) -> dict[str, Any]:
    if array.dtype.kind not in "fiu" or not array.size:
        return {}
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    span = {"low": float(finite.min()), "high": float(finite.max())} if finite.size else {}
    return {**span, "fault": not_finite(array) if array.dtype.kind == "f" else ""}
