"""The levels of detail: each makes another Graph of a Graph, so that text and pictures draw any of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Set
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from .data import Edge, Graph, GraphNode, Group
from .fold import fold

Level: TypeAlias = Literal["modules", "operations", "arrays"]
LEVELS: tuple[Level, ...] = ("modules", "operations", "arrays")
READABLE = 150  # a picture of more boxes than this is not taken in at a glance
TOO_MANY = 1000  # and one of more than this is a blot


def at_level(graph: Graph, level: Level | None = None, depth: int | None = None, folded: bool = True) -> Graph:
    """`graph` with the detail of a level; modules nested deeper than `depth` become one node each.

    "modules" shows each innermost module as one node, "operations" what ran inside them, "arrays" also each
    array that is kept for the backward pass. None takes "operations", or "modules" where those are too many,
    opened as deep as can be read. `folded` draws what repeats once.
    """
    if level not in (None, *LEVELS):
        raise ValueError(f"there is no level {level!r}: choose from {', '.join(LEVELS)}")
    if depth is not None and depth < 0:
        raise ValueError(f"depth counts nested modules, from 0 up, not {depth}")
    graph = fold(graph) if folded else graph
    if level is None:
        return _readable(graph, depth)
    shut = {g.id for g in graph.groups if depth is not None and nesting(graph, g.id) > depth}
    if level == "modules":
        around = {a for g in graph.groups if g.kind for a in graph.around(g.id)[:-1]}
        shut |= {g.id for g in graph.groups if g.kind and g.id not in around}
    if shut:
        graph = collapse(graph, shut)
    return with_arrays(graph) if level == "arrays" else graph


def _readable(graph: Graph, depth: int | None) -> Graph:
    shown = at_level(graph, "operations", depth, folded=False)
    deepest = max((nesting(graph, g.id) for g in graph.groups), default=0) if depth is None else depth
    while len(shown.nodes) > READABLE and deepest >= 0:
        shown = at_level(graph, "modules", deepest, folded=False)
        deepest -= 1
    return shown


def nesting(graph: Graph, group: int | None) -> int:
    """How many modules deep a group is, itself counted."""
    return sum(bool(graph.group[g].kind) for g in graph.around(group))


def collapse(graph: Graph, shut: Set[int]) -> Graph:
    """Each outermost group of `shut` becomes a node of kind "module", and its parameters part of that."""
    into = {g.id: next((a for a in graph.around(g.id) if a in shut), None) for g in graph.groups}
    members: dict[int, list[GraphNode]] = defaultdict(list)
    for node in graph.nodes:
        group = None if node.group is None else into[node.group]
        if group is not None:
            members[group].append(node)
    unused = 1 + max((node.id for node in graph.nodes), default=0)
    modules = {group: _module(graph, graph.group[group], inside, unused + group) for group, inside in members.items()}
    at = {node.id: modules[group].id for group, inside in members.items() for node in inside}
    first = {inside[0].id: modules[group] for group, inside in members.items()}
    nodes = [first.get(node.id, node) for node in graph.nodes if node.id in first or node.id not in at]
    edges: dict[tuple[Any, ...], Edge] = {}
    for edge in graph.edges:
        source, target = at.get(edge.source, edge.source), at.get(edge.target, edge.target)
        if source != target:  # a module takes an array once, however many of its operations use it
            key = (source, target, edge.shape if edge.target in at else edge.position)
            edges.setdefault(key, replace(edge, source=source, target=target))
    return Graph(tuple(nodes), tuple(edges.values()), tuple(g for g in graph.groups if into[g.id] is None))


def _module(graph: Graph, group: Group, members: list[GraphNode], number: int) -> GraphNode:
    """A module as one node: its last operation's result, all its parameters."""
    inside = {node.id for node in members}
    operations = [n for n in members if n.kind == "operation"] or members
    last = next((n for n in reversed(operations) if any(e.target not in inside for e in graph.uses[n.id])), None)
    last = last or operations[-1]
    learnt = sum(n.parameters * _repeats(graph, n.group, group) for n in members)
    return replace(
        last,
        id=number,
        kind="module",
        name=group.title,
        group=group.parent,
        attributes={"settings": group.settings} if group.settings else {},
        backward=group.backward,
        derives=None,
        fault=next((n.fault for n in operations if n.fault), ""),
        first_fault=any(n.first_fault for n in members),
        parameters=learnt,
        count=math.prod(graph.group[g].count for g in graph.around(group.id)),
    )


def _repeats(graph: Graph, inner: int | None, outer: Group) -> int:
    """How often what is in `inner` is repeated within `outer`."""
    return math.prod(graph.group[g].count for g in graph.around(inner) if outer.id in graph.around(g))


def with_arrays(graph: Graph) -> Graph:
    """Between an operation and the users of its result: the array, which is kept for the backward pass."""
    nodes: list[GraphNode] = []
    edges: list[Edge] = []
    number = max((n.id for n in graph.nodes), default=0) + 1
    array_of: dict[int, int] = {}
    for node in graph.nodes:
        nodes.append(node)
        used = [e for e in graph.uses[node.id] if graph.node[e.target].kind != "result"]
        if node.kind in ("operation", "module") and used:
            kept = replace(
                node, id=number, kind="array", name="", attributes={}, derives=None, first_fault=False, parameters=0
            )
            nodes.append(kept)
            edges.append(Edge(node.id, number, shape=node.shape))
            array_of[node.id] = number
            number += 1
    for edge in graph.edges:
        result = graph.node[edge.target].kind == "result"
        edges.append(edge if result else replace(edge, source=array_of.get(edge.source, edge.source)))
    return Graph(tuple(nodes), tuple(edges), graph.groups)
