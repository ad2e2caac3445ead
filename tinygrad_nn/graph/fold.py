"""fold: what repeats, a loop of equal blocks, becomes one with a count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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
        self.ends: dict[int, int] = {}  # from an operation of a later part to its like in the first
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
        for item in items:
            if item.group is not None and item.operations[0] not in self.gone:
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
        """Fold the longest chains among `items`, but none that overlaps a longer one."""
        taken = np.zeros(len(items), bool)
        for start, period, count in self.candidates(items):
            parts = [items[start + i * period : start + (i + 1) * period] for i in range(count)]
            if taken[start : start + period * count].any():
                continue
            own = self.chained(parts)
            if own is not None:
                taken[start : start + period * count] = True
                inner = self.replace_by_first(parent, parts, own)
                if period > 1:
                    self.fold_items(inner, parts[0])

    def candidates(self, items: Sequence[_Item]) -> list[tuple[int, int, int]]:
        """(start, period, count) of what repeats by its signatures, the longest first."""
        signatures = np.array([item.signature for item in items], np.int64)
        runs: list[tuple[int, int, int]] = []  # (period, begin, end) of what equals what is a period later
        found = []
        for period in range(1, len(items) // FEWEST + 1):
            same = np.zeros(len(items) - period + 2, bool)
            same[1:-1] = signatures[period:] == signatures[:-period]
            begins, ends = np.flatnonzero(same[1:] & ~same[:-1]), np.flatnonzero(~same[1:] & same[:-1])
            long = ends - begins >= (FEWEST - 1) * period
            for begin, end in zip(begins[long].tolist(), ends[long].tolist(), strict=True):
                if any(period % p == 0 and b <= begin and end + period <= e + p for p, b, e in runs):
                    continue  # the same again, two at a time
                runs.append((period, begin, end))
                count = (end - begin) // period + 1
                for start in range(begin, begin + (end - begin) % period + 1):
                    found.append((-period * count, period, not self.learns(items[start]), start, count))
        return [(start, period, count) for _, period, _, start, count in sorted(found)]

    def learns(self, item: _Item) -> bool:
        """Whether an item has parameters: a part begins with a layer, (Linear, ReLU) and not (ReLU, Linear)."""
        graph = self.graph
        return any(graph.node[e.source].kind == "parameter" for o in item.operations for e in graph.inputs[o])

    def chained(self, parts: Sequence[Sequence[_Item]]) -> set[int] | None:
        """The inputs that are the first part's own, if each part is wired like the others; else None.

        Only the last part may be used further on.
        """
        uses = self.graph.uses
        numbers = [[o for item in part for o in item.operations] for part in parts]
        at = [{number: i for i, number in enumerate(part)} for part in numbers]
        owner = {number: i for i, part in enumerate(numbers) for number in part}
        wired = [[wire for n in part for wire in self.wires(n, i, at, owner)] for i, part in enumerate(numbers)]
        if any(w != wired[1] for w in wired[2:]) or len(wired[0]) != len(wired[1]):
            return None
        pairs = list(zip(wired[0], wired[1], strict=True))
        links = [b for _, b in pairs if b[1] == "before"]
        if not links or any(a != b for a, b in pairs if b[1] != "before" or a[:1] != b[:1] or a[1] == "inside"):
            return None
        if any(owner.get(e.target) not in (i, i + 1) for i, p in enumerate(numbers[:-1]) for n in p for e in uses[n]):
            return None
        edges = [edge for number in numbers[0] for edge in self.graph.inputs[number]]
        return {edge.source for edge, (a, b) in zip(edges, pairs, strict=True) if a == b and a[1] == "own"}

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

    def replace_by_first(self, parent: int | None, parts: Sequence[Sequence[_Item]], own: set[int]) -> int:
        """Let the first of `parts` stand for all; the group that has the count."""
        first = [o for item in parts[0] for o in item.operations]
        for part in parts[1:]:
            later = [o for item in part for o in item.operations]
            self.gone.update(later)
            self.ends.update(zip(later, first, strict=True))
        module = parts[0][0].group
        if len(parts[0]) == 1 and module is not None:  # one module, repeated: the count is its own
            self.groups[module] = replace(self.groups[module], count=len(parts))
            return module
        new = max(self.groups, default=-1) + 1
        path = self.graph.group[parent].path if parent in self.graph.group else ""
        backward = self.graph.node[first[0]].backward
        self.groups[new] = Group(new, parent, path, count=len(parts), backward=backward)
        for item in parts[0]:
            if item.group is None:
                self.group_of[item.operations[0]] = new
            else:
                self.groups[item.group] = replace(self.groups[item.group], parent=new)
        self.group_of |= {number: new for number in own if self.group_of[number] == parent}
        return new

    # --- the graph that is left

    def result(self) -> Graph:
        graph = self.graph
        users = {
            n.id: {e.target for e in graph.uses[n.id]} for n in graph.nodes if n.kind not in ("operation", "result")
        }
        gone = self.gone | {number for number, by in users.items() if by and by <= self.gone}
        last = {self.first(number): number for number in sorted(self.ends)}
        nodes = tuple(self.counted(n, last.get(n.id)) for n in graph.nodes if n.id not in gone)
        edges: dict[tuple[int, int, int], Edge] = {}
        for edge in graph.edges:
            if edge.target not in gone:
                source = self.first(edge.source)  # what the last part gives, the first gives in its stead
                edges.setdefault((source, edge.target, edge.position), replace(edge, source=source))
        used: set[int] = set()
        for node in nodes:
            group = node.group
            while group is not None and group not in used:
                used.add(group)
                group = self.groups[group].parent
        return Graph(nodes, tuple(edges.values()), tuple(g for g in self.groups.values() if g.id in used))

    def first(self, number: int) -> int:
        """The operation that is drawn for one that is not, or itself."""
        while number in self.ends:
            number = self.ends[number]
        return number

    def counted(self, node: GraphNode, last: int | None) -> GraphNode:
        """A node where it is now, with its count, and the gradient of the last that it stands for."""
        group, count = self.group_of[node.id], 1
        around = group
        while around is not None:
            count *= self.groups[around].count
            around = self.groups[around].parent
        gradient = self.graph.node[last].gradient if last is not None else None
        return replace(node, group=group, count=count, gradient_last=gradient)
