"""The computation graph as plain data: nodes, edges and the modules around them, to JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["operation", "module", "parameter", "buffer", "data", "array", "result"]


@dataclass(frozen=True)
class GraphNode:
    """An operation, an array that goes into one, or a result.

    `name` is the operation's, the parameter's or the variable's name. What is not known is None or empty:
    module and line without `trace`, range without `values`, gradient without `gradients`, shape once freed.
    """

    id: int
    kind: Kind
    name: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    group: int | None = None  # the Group it is in
    attributes: dict[str, str] = field(default_factory=dict)
    file: str = ""
    line: int = 0
    code: str = ""
    backward: bool = False
    derives: int | None = None  # for an operation of the backward pass: the node whose gradient it computes
    low: float | None = None  # of the finite values
    high: float | None = None
    fault: str = ""  # "NaN", "infinity" or both
    first_fault: bool = False  # it has a fault, and nothing that goes into it has
    gradient: float | None = None  # the norm of the loss's gradient with respect to it
    gradient_last: float | None = None  # of the last, if it stands for several
    parameters: int = 0  # how many numbers are learnt
    nbytes: int = 0
    count: int = 1  # how many equal ones it stands for


@dataclass(frozen=True)
class Edge:
    """An array on its way from a node to one that uses it, as input number `position` or as attribute `name`."""

    source: int
    target: int
    position: int = 0
    name: str = ""
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Group:
    """One call of a module, with what ran in it; or what is repeated `count` times, with no `kind`.

    `path` leads to the module from the outermost one; `call` counts the calls of one module.
    """

    id: int
    parent: int | None
    path: str
    kind: str = ""
    settings: str = ""
    call: int = 1
    count: int = 1
    backward: bool = False

    @property
    def title(self) -> str:
        if not self.kind:
            return f"× {self.count}"
        words = [self.path, self.kind, f"(call {self.call})" if self.call > 1 else ""]
        return " ".join(w for w in words if w) + (f" × {self.count}" if self.count > 1 else "")


@dataclass(frozen=True)
class Graph:
    """What `graph` returns. Nodes come in the order in which they ran; inputs before what uses them."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()

    # --- looking things up

    @cached_property
    def node(self) -> dict[int, GraphNode]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def group(self) -> dict[int, Group]:
        return {group.id: group for group in self.groups}

    @cached_property
    def inputs(self) -> dict[int, list[Edge]]:
        """The edges that arrive at each node."""
        return self._by("target")

    @cached_property
    def uses(self) -> dict[int, list[Edge]]:
        """The edges that leave each node."""
        return self._by("source")

    def _by(self, end: str) -> dict[int, list[Edge]]:
        found: dict[int, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            found[getattr(edge, end)].append(edge)
        return found

    def around(self, group: int | None) -> tuple[int, ...]:
        """The groups from the outermost to `group` itself."""
        path: list[int] = []
        while group is not None:
            path.append(group)
            group = self.group[group].parent
        return tuple(reversed(path))

    def common(self, groups: Iterable[int | None]) -> int | None:
        """The innermost group around all of `groups`."""
        paths = [self.around(group) for group in groups]
        shared = [step[0] for step in zip(*paths, strict=False) if len(set(step)) == 1]
        return shared[-1] if shared else None

    # --- as text

    def to_json(self, indent: int | None = None) -> str:
        """As JSON text, fields at their defaults left out; `from_json` reads it."""
        parts = {part: [_sparse(record) for record in getattr(self, part)] for part in ("nodes", "edges", "groups")}
        return json.dumps({"version": 1, **parts}, indent=indent, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """The graph that `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            read = json.loads(text)
            if read["version"] != 1:
                raise ValueError(f"this is a graph of version {read['version']}, and version 1 is what is read here")
            return cls(
                tuple(GraphNode(**_restored(node)) for node in read["nodes"]),
                tuple(Edge(**_restored(edge)) for edge in read["edges"]),
                tuple(Group(**group) for group in read["groups"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"this JSON is not a graph: {error!r}") from None

    # --- as it is seen

    def __str__(self) -> str:
        return views.text(self)

    def _repr_svg_(self) -> str | None:
        return views.picture(self)


class Views:
    """What modules above this one hand down: how a graph is seen as text and as a picture."""

    text: Callable[[Graph], str]
    picture: Callable[[Graph], str | None]


views = Views()


def _sparse(record: GraphNode | Edge | Group) -> dict[str, Any]:
    """A record's fields, without those at their defaults; JSON has no NaN and no infinity, they are words there."""
    sparse = {}
    for field_ in fields(record):
        value = getattr(record, field_.name)
        if value != ({} if field_.name == "attributes" else field_.default):
            sparse[field_.name] = str(value) if isinstance(value, float) and not math.isfinite(value) else value
    return sparse


def _restored(record: dict[str, Any]) -> dict[str, Any]:
    makes: dict[str, Callable[[Any], Any]] = {"shape": tuple, "gradient": float, "gradient_last": float}
    return {name: makes.get(name, lambda same: same)(value) for name, value in record.items()}


def sized(nbytes: int) -> str:
    """A number of bytes for people: "8 kB"."""
    for unit in ("bytes", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.3g} {unit}"
        nbytes /= 1000  # type: ignore[assignment]
    return f"{nbytes:.3g} GB"
