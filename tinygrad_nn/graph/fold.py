"""fold: what repeats, a loop of equal blocks, becomes one with a count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .data import Edge, Graph, GraphNode, Group

FEWEST = 3  # two alike are not worth a count


def fold(graph: Graph) -> Graph:
    """`graph` with every chain of three or more equal parts, one using the next, drawn as its first part.

    Parts are equal when their operations, shapes, attributes and modules are, and each takes from the one
    before what that takes from the one before it. They stand in a Group whose `count` tells how many.
    """
    folding = _Folding(graph)
    folding.fold_within(None)
    return folding.result()


@dataclass(frozen=True)
class _Item:
    """An operation, or a whole group, as one step of the group around it."""

    operations: tuple[int, ...]
    group: int | None
    signature: int


class _Folding:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.signatures: dict[Any, int] = {}
        self.gone: set[int] = set()
        self.groups = dict(graph.group)
        self.group_of = {node.id: node.group for node in graph.nodes}
        self.ends: dict[int, int] = {}  # from a node of the last part to the one of the first that stands for it
        self.children: dict[int | None, list[int]] = defaultdict(list)
        self.members: dict[int | None, list[int]] = defaultdict(list)
        for group in graph.groups:
            self.children[group.parent].append(group.id)
        for node in graph.nodes:
            if node.kind == "operation":
                self.members[node.group].append(node.id)

    def fold_within(self, group: int | None) -> None:
        items = self.items(group)
        self.fold_items(group, items)
        gone = self.gone
        for item in items:
            if item.group is not None and item.operations[0] not in gone:
                self.fold_within(item.group)

    def items(self, group: int | None) -> list[_Item]:
        """The steps of a group, in the order in which they ran."""
        found = [self.item(number) for number in self.members[group]]
        for child in self.children[group]:
            steps = self.items(child)
            if steps:
                g = self.graph.group[child]
                made = (g.kind, g.settings, g.backward, tuple(s.signature for s in steps))
                operations = tuple(sorted(o for s in steps for o in s.operations))
                found.append(_Item(operations, child, self.number(made)))
        return sorted(found, key=lambda item: item.operations[0])

    def item(self, number: int) -> _Item:
        n = self.graph.node[number]
        made = (n.name, n.shape, n.dtype, tuple(n.attributes.items()), n.backward)
        return _Item((number,), None, self.number(made))

    def number(self, signature: Any) -> int:
        return self.signatures.setdefault(signature, len(self.signatures))

    # --- chains of equal parts

    def fold_items(self, parent: int | None, items: Sequence[_Item]) -> None:
        """Fold the longest chains among `items`, those that overlap a longer one excepted."""
        taken = np.zeros(len(items), bool)
        for start, period, count in self.candidates(items):
            parts = [items[start + i * period : start + (i + 1) * period] for i in range(count)]
            if not taken[start : start + period * count].any() and self.chained(parts):
                taken[start : start + period * count] = True
                self.replace_by_first(parent, parts)

    def candidates(self, items: Sequence[_Item]) -> Iterator[tuple[int, int, int]]:
        """(start, period, count) of what repeats by its signatures, the longest first, the shortest period first."""
        signatures = np.array([item.signature for item in items], np.int64)
        found = []
        for period in range(1, len(items) // FEWEST + 1):
            same = np.concatenate([[False], signatures[period:] == signatures[:-period], [False]])
            begins, ends = (np.flatnonzero(step) for step in (same[1:] & ~same[:-1], ~same[1:] & same[:-1]))
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
                for shift in range(min(period, end - begin)):
                    count = (end - begin - shift) // period + 1
                    if count >= FEWEST:
                        learns = self.learns(items[begin + shift])
                        found.append((-period * count, period, not learns, shift, begin + shift, count))
        for _, period, _, _, start, count in sorted(found):
            yield start, period, count

    def learns(self, item: _Item) -> bool:
        """Whether a part that begins here begins with a layer, as people tell: (Linear, ReLU), not (ReLU, Linear)."""
        graph = self.graph
        return any(graph.node[e.source].kind == "parameter" for o in item.operations for e in graph.inputs[o])

    def chained(self, parts: Sequence[Sequence[_Item]]) -> bool:
        """Whether each part is wired like the others, and only the last is used further on."""
        numbers = [[o for item in part for o in item.operations] for part in parts]
        at = [{number: i for i, number in enumerate(part)} for part in numbers]
        owner = {number: i for i, part in enumerate(numbers) for number in part}
        wired = [[self.wires(number, i, at, owner) for number in part] for i, part in enumerate(numbers)]
        if any(w != wired[1] for w in wired[2:]):
            return False
        if len({len(w) for w in wired}) > 1:
            return False
        links = 0
        for first, second in zip(wired[0], wired[1], strict=True):
            if len(first) != len(second):
                return False
            for a, b in zip(first, second, strict=True):
                links += b[1] == "before"
                if a != b and not (b[1] == "before" and a[1] == "outside"):
                    return False
        if not links:
            return False
        return all(
            owner.get(edge.target) in (i, i + 1)
            for i, part in enumerate(numbers[:-1])
            for number in part
            for edge in self.graph.uses[number]
        )

    def wires(self, number: int, i: int, at: list[dict[int, int]], owner: dict[int, int]) -> list[tuple[Any, ...]]:
        """What goes into an operation of part `i`, told without saying which part it is."""
        found: list[tuple[Any, ...]] = []
        for edge in self.graph.inputs[number]:
            source = self.graph.node[edge.source]
            where = owner.get(edge.source)
            if where == i:
                found.append((edge.position, "inside", at[i][edge.source]))
            elif where is not None and where == i - 1:
                found.append((edge.position, "before", at[where][edge.source]))
            elif source.kind != "operation" and {owner.get(e.target) for e in self.graph.uses[source.id]} == {i}:
                users = sorted(at[i][e.target] for e in self.graph.uses[source.id])
                found.append((edge.position, "own", source.kind, source.shape, source.dtype, *users))
            else:
                found.append((edge.position, "outside", edge.source))
        return found

    def replace_by_first(self, parent: int | None, parts: Sequence[Sequence[_Item]]) -> None:
        new = max(self.groups, default=-1) + 1
        first = [o for item in parts[0] for o in item.operations]
        own = [item.group for item in parts[0] if item.group is not None]
        backward = self.graph.node[first[0]].backward
        if len(parts[0]) == 1 and own:  # one module, repeated: the count is its own
            self.groups[own[0]] = replace(self.groups[own[0]], count=len(parts))
        else:
            path = self.graph.group[parent].path if parent is not None else ""
            self.groups[new] = Group(new, parent, path, count=len(parts), backward=backward)
            for group in own:
                self.groups[group] = replace(self.groups[group], parent=new)
            for item in parts[0]:
                if item.group is None:
                    self.group_of[item.operations[0]] = new
        for part in parts[1:]:
            later = [o for item in part for o in item.operations]
            self.gone.update(later)
            self.ends.update(zip(later, first, strict=True))

    # --- the graph that is left

    def result(self) -> Graph:
        graph = self.graph
        used_by = {n.id: {e.target for e in graph.uses[n.id]} for n in graph.nodes}
        gone = self.gone | {n for n, users in used_by.items() if users and users <= self.gone and n not in self.ends}
        nodes = tuple(self.counted(n) for n in graph.nodes if n.id not in gone)
        edges: dict[tuple[int, int, int], Edge] = {}
        for edge in graph.edges:
            if edge.target not in self.gone:  # what the last part gives, the first gives in its stead
                source = self.ends.get(edge.source, edge.source)
                edges.setdefault((source, edge.target, edge.position), replace(edge, source=source))
        kept: set[int] = set()
        for node in nodes:
            group = node.group
            while group is not None and group not in kept:
                kept.add(group)
                group = self.groups[group].parent
        return Graph(nodes, tuple(edges.values()), tuple(g for g in self.groups.values() if g.id in kept))

    def counted(self, node: GraphNode) -> GraphNode:
        group = self.group_of[node.id]
        if node.kind != "operation" and node.group is None:
            return node
        return replace(node, group=group)
