"""A graph as text: a tree of modules and operations with their shapes, for the terminal."""

from __future__ import annotations

from .data import Graph, GraphNode, Group
from .levels import Level, at_level
from .words import brief, cut, gradients, printable, short_title, words

WIDEST = 100  # characters of an operation's inputs


def text(graph: Graph, level: Level | None = None, depth: int | None = None, folded: bool = True) -> str:
    """A line for each operation, under its modules, with the shape it gives and what goes into it.

    `level`, `depth` and `folded` mean what they do in `at_level`; "arrays" adds nothing here, sizes are in every line.
    What comes from the line before goes without saying.
    """
    shown = at_level(graph, "operations" if level == "arrays" else level, depth, folded)
    rows = [(printable(tree), *cells) for tree, *cells in _Tree(shown).rows]
    if not rows:
        return "nothing"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


class _Tree:
    """The rows of the tree: the line's own words, shape, values, gradient, inputs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.before: int | None = None  # the node of the line before
        self.rows: list[tuple[str, ...]] = []
        self.children: dict[int | None, dict[tuple[type, int], GraphNode | Group]] = {}
        for node in graph.nodes:
            if node.kind in ("operation", "module", "result"):
                groups = graph.around(node.group)
                around: int | None = None
                for number in groups:
                    self.children.setdefault(around, {})[Group, number] = graph.group[number]
                    around = number
                self.children.setdefault(around, {})[GraphNode, node.id] = node
        self.inside(None, "", top=True)

    def inside(self, group: int | None, indent: str, top: bool = False) -> None:
        """The rows of what is directly in a group, in the order in which it ran."""
        parts = list(self.children.get(group, {}).values())
        for part in parts:
            last = part is parts[-1]
            branch, below = ("", "") if top else ("└─ ", "   ") if last else ("├─ ", "│  ")
            if isinstance(part, GraphNode):
                self.rows.append((f"{indent}{branch}{self.words(part)}", *self.facts(part)))
                self.before = part.id
            else:
                settings = brief(part.settings)
                self.rows.append((f"{indent}{branch}{short_title(self.graph, part)}  {settings}".rstrip(), *[""] * 4))
                self.inside(part.id, indent + below)

    def words(self, node: GraphNode) -> str:
        title, *details = words(self.graph, node, with_shape=False)
        return "  ".join([f"→ {title}" if node.kind == "result" else title, *details])

    def facts(self, node: GraphNode) -> tuple[str, ...]:
        values = "" if node.low is None else f"{node.low:.3g} … {node.high:.3g}"
        gradient = "" if node.gradient is None else f"gradient {gradients(node)}"
        return (
            "" if node.shape is None else str(node.shape),
            f"{values} {node.fault}".strip(),
            gradient,
            self.given(node),
        )

    def given(self, node: GraphNode) -> str:
        """What goes into a node; the node of the line before, alone, goes without saying."""
        sources = [self.graph.node[edge.source] for edge in self.graph.inputs[node.id]]
        if [s.id for s in sources] == [self.before]:
            return ""
        said = []
        for source in sources:
            name = words(self.graph, source, with_shape=False)[0]
            said.append(name if source.kind in ("operation", "module") else f"{name} {source.shape}")
        return cut("← " + ", ".join(said), WIDEST) if said else ""
