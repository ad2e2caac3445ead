"""The computation graph of a training step, as a tree that opens and closes by module."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static, Tree
from textual.widgets.tree import TreeNode

from tinygrad_nn.graph import DrawingError, Graph, GraphNode, render_graph
from tinygrad_nn.graph.words import brief, known, short_title, words
from tui.drawing import EIGHTHS, FAULT, MUTED, PALETTES, ramp
from tui.protocol import ShowGraph, Snapshot, Trainee
from tui.screens.prompt import PromptScreen

EVERY = 0.5  # seconds between graphs while the run goes on
INDENT = 2
COLUMNS = {"shape": 14, "dtype": 8, "range": 21, "|∇|": 11}
SPARED = ("|∇|", "shape", "range", "dtype")  # in little room those at the end go first
ENDINGS = (".svg", ".png", ".pdf", ".dot", ".json")


class GraphTree(Tree[str]):
    """Modules with their operations, one line each, columns aligned whatever the depth."""

    guide_depth = INDENT
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "cursor_up", "up", show=False),
        Binding("j", "cursor_down", "down", show=False),
        Binding("right,l", "open", "open", show=False),
        Binding("left,h", "close", "close", show=False),
        Binding("space", "screen.train('toggle_run')", "run", show=False),  # not the tree's own meaning of it
    ]

    def __init__(self) -> None:
        super().__init__("step", id="graph-tree")
        self.show_root = False
        self.leaves: dict[int, TreeNode[str]] = {}  # of the graph's nodes, by their ids, in the order in which they ran

    def action_open(self) -> None:
        if self.cursor_node is not None:
            self.cursor_node.expand()

    def action_close(self) -> None:
        node = self.cursor_node
        if node is None:
            return
        if node.is_expanded and node.allow_expand:
            node.collapse()
        elif node.parent is not None and node.parent is not self.root:
            self.move_cursor(node.parent)

    def show(self, graph: Graph, palette: tuple[str, ...]) -> None:
        """Another graph, with what was open still open and the line still chosen."""
        first = not self.root.children
        opened = {node.data for node in self._below(self.root) if node.is_expanded}
        chosen = self.cursor_node.data if self.cursor_node is not None else None
        self.clear()
        self.leaves.clear()
        rows = _Rows(graph, self.size.width, palette)
        places: dict[int | None, TreeNode[str]] = {None: self.root}
        for node in graph.nodes:
            if node.kind not in ("operation", "parameter", "result"):
                continue
            around: int | None = None
            for number in graph.around(node.group):
                if number not in places:
                    key = f"{number} {graph.group[number].title}"
                    expand = key in opened or (first and around is None)
                    label = rows.of_group(number, self._depth(places[around]))
                    places[number] = places[around].add(label, key, expand=expand)
                around = number
            key = f"{node.id} {node.name}"
            place = places[around].add_leaf(rows.of_node(node, self._depth(places[around])), key)
            place.allow_expand = False
            self.leaves[node.id] = place
        self.root.expand()
        line = next((node.line for node in self._below(self.root) if node.data == chosen), 0)
        self.call_after_refresh(lambda: setattr(self, "cursor_line", max(line, 0)))

    @property
    def chosen(self) -> int | None:
        """The id of the graph's node under the cursor."""
        return next((number for number, leaf in self.leaves.items() if leaf is self.cursor_node), None)

    def go_to(self, number: int) -> None:
        """Open what is around a node of the graph, and go to its line."""
        leaf = self.leaves[number]
        around = leaf.parent
        while around is not None:
            around.expand()
            around = around.parent
        self.call_after_refresh(self.move_cursor, leaf)

    def toggle_all(self) -> None:
        """Open everything, or close everything if it is open."""
        inner = [node for node in self._below(self.root) if node.children]
        opening = not all(node.is_expanded for node in inner)
        for node in inner:
            node.expand() if opening else node.collapse()

    def _below(self, node: TreeNode[str]) -> list[TreeNode[str]]:
        return [x for child in node.children for x in (child, *self._below(child))]

    def _depth(self, around: TreeNode[str]) -> int:
        depth = 0
        while around is not self.root:
            around = cast("TreeNode[str]", around.parent)
            depth += 1
        return depth


class _Rows:
    """The lines of the tree: words at the left, figures in columns at the right."""

    def __init__(self, graph: Graph, width: int, palette: tuple[str, ...]) -> None:
        self.graph = graph
        self.palette = palette
        logs = [math.log10(n.gradient) for n in graph.nodes if n.gradient and math.isfinite(n.gradient)]
        self.low, self.high = (min(logs), max(logs)) if logs else (0.0, 1.0)
        room = width - 24
        shown = []
        for name in SPARED:
            if COLUMNS[name] + 1 <= room:
                shown.append(name)
                room -= COLUMNS[name] + 1
        self.columns = [(name, wide) for name, wide in COLUMNS.items() if name in shown]
        self.words = width - 4 - sum(wide + 1 for _, wide in self.columns)

    def of_group(self, number: int, depth: int) -> Text:
        inside = [n for n in self.graph.nodes if number in self.graph.around(n.group)]
        operations = [n for n in inside if n.kind == "operation"]
        group = self.graph.group[number]
        title = f"{short_title(self.graph, group)}  {brief(group.settings)}".rstrip()
        last = operations[-1] if operations else None
        fault = any(n.fault for n in inside)
        squares = [n.gradient**2 for n in inside if n.kind == "parameter" and n.gradient is not None]
        gradient = math.sqrt(sum(squares)) if squares else None if last is None else last.gradient
        return self._line(title, depth, last, gradient, fault, bold=True)

    def of_node(self, node: GraphNode, depth: int) -> Text:
        title, *details = words(self.graph, node, with_shape=False)
        sign = {"parameter": "▪ ", "result": "→ "}.get(node.kind, "∂ " if node.backward else "")
        return self._line(f"{sign}{'  '.join([title, *details])}", depth, node, node.gradient, bool(node.fault))

    def _line(
        self, title: str, depth: int, node: GraphNode | None, gradient: float | None, fault: bool, bold: bool = False
    ) -> Text:
        room = self.words - depth * INDENT + 2 * (not bold)  # a leaf has no arrow before it
        title = title if len(title) <= room else title[: max(room - 1, 0)] + "…"
        line = Text(title.ljust(room), "bold" if bold else "")
        cells = {"shape": "", "dtype": "", "range": "", "|∇|": ""}
        if node is not None:
            cells["shape"] = "" if node.shape is None else str(node.shape).replace(" ", "")
            cells["dtype"] = node.dtype
            values = "" if node.low is None or node.high is None else f"{node.low:.3g} … {node.high:.3g}"
            cells["range"] = f"✖ {node.fault}" if node.fault else values
        if gradient is not None:
            cells["|∇|"] = f"{gradient:.2e}"
        for name, wide in self.columns:
            cell = cells[name] if len(cells[name]) <= wide else cells[name][: wide - 1] + "…"
            colour = self.palette[FAULT] if fault and name in ("range", "|∇|") else self.palette[MUTED]
            if name == "|∇|" and gradient and math.isfinite(gradient):
                line.append(f" {cell.rjust(wide - 2)} ", self.palette[MUTED])
                line.append(*self._bar(math.log10(gradient)))
            else:
                line.append(f" {cell.rjust(wide)}", colour)
        return line

    def _bar(self, log: float) -> tuple[str, str]:
        """How large a gradient is among all, by height and by colour."""
        share = (log - self.low) / (self.high - self.low) if self.high > self.low else 1.0
        return EIGHTHS[1 + round(7 * min(max(share, 0.0), 1.0))], self.palette[int(ramp(log, self.low, self.high))]


class GraphScreen(Screen[None]):
    """The graph of a batch's loss, live; what is open stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,g,q", "leave", "back"),
        Binding("b", "backward", "forward / backward"),
        Binding("a", "all", "open / close all"),
        Binding("w", "write", "write a picture"),
        Binding("full_stop", "operation(1)", "next operation"),
        Binding("comma", "operation(-1)", "operation before"),
        Binding("s", "train('step')", "step"),
        Binding("n", "train('next')", "epoch"),
    ]

    def __init__(self, trainee: Callable[[], Trainee], training: Mapping[str, Callable[[], None]]) -> None:
        """`trainee` gives the one that is watched now: another run may be opened meanwhile.

        `training` has what "step", "next" and "toggle_run" do.
        """
        super().__init__()
        self.trainee, self.training = trainee, training
        self.heading = Static(id="graph-heading", markup=False)
        self.tree_of_graph = GraphTree()
        self.detail = Static(id="graph-detail", markup=False)
        self.backward = False
        self._shown: Graph | None = None
        self._asked = -1  # the step whose graph was asked for

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.tree_of_graph
        yield self.detail
        yield Static(
            "esc back  ← → open, close  a all  , . operations  b backward  w write  s step",
            id="graph-keys",
            markup=False,
        )

    def on_mount(self) -> None:
        self.tree_of_graph.focus()
        self.look()
        self.set_interval(EVERY, self.look)
        self.set_interval(EVERY / 5, self.draw)

    def on_resize(self) -> None:
        self._shown = None
        self.call_after_refresh(self.draw)

    def look(self) -> None:
        """Ask for the graph of the present step, if it is another."""
        snapshot = self.trainee().snapshot
        if snapshot.steps != self._asked and snapshot.state not in ("starting", "failed"):
            self._asked = snapshot.steps
            self.trainee().send(ShowGraph(self.backward))

    def draw(self) -> None:
        snapshot = self.trainee().snapshot
        graph = snapshot.graph
        self.heading.update(self._title(snapshot, graph))
        if graph is not None and graph is not self._shown and self.tree_of_graph.size.width:
            self._shown = graph
            self.tree_of_graph.show(graph, PALETTES[self.app.current_theme.dark])

    def _title(self, snapshot: Snapshot, graph: Graph | None) -> Text:
        if graph is None:
            return Text(snapshot.notice if snapshot.refused else "the graph of a step is being made …")
        operations = sum(n.kind == "operation" for n in graph.nodes)
        gradients = [n.gradient for n in graph.nodes if n.gradient]
        parts = [f"epoch {snapshot.epoch}, step {snapshot.steps}", f"{operations} operations"]
        if gradients:
            parts.append(f"|∇| {min(gradients):.1e} ▁ … █ {max(gradients):.1e}")
        parts += ["backward too"] * self.backward
        while len(parts) > 1 and len(f"Graph  {snapshot.experiment} · {' · '.join(parts)}") > self.size.width - 2:
            parts.pop()
        return Text.assemble(("Graph", "bold"), f"  {snapshot.experiment} · {' · '.join(parts)}")

    # --- actions

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_train(self, how: str) -> None:
        self.training[how]()

    def action_backward(self) -> None:
        self.backward = not self.backward
        self._asked = -1
        self.look()

    def action_operation(self, direction: int) -> None:
        """To the operation that ran next, or before."""
        graph = self._shown
        if graph is None:
            return
        ran = [node.id for node in graph.nodes if node.kind == "operation"]
        chosen = self.tree_of_graph.chosen
        beyond = [n for n in ran if chosen is None or (n - chosen) * direction > 0]
        if beyond:
            self.tree_of_graph.go_to((min if direction > 0 or chosen is None else max)(beyond))

    def on_tree_node_highlighted(self) -> None:
        """What is known of the node under the cursor, and the values that flow into it."""
        graph, chosen = self._shown, self.tree_of_graph.chosen
        if graph is None or chosen is None:
            self.detail.update("")
            return
        lines = [" · ".join(known(graph, graph.node[chosen]))]
        for edge in graph.inputs[chosen]:
            source = graph.node[edge.source]
            values = "" if source.low is None or source.high is None else f" {source.low:.4g} … {source.high:.4g}"
            lines.append(f"← {source.name} {edge.shape or ''}{values}{f' ✖ {source.fault}' * bool(source.fault)}")
        self.detail.update("\n".join(lines))

    def action_all(self) -> None:
        self.tree_of_graph.toggle_all()

    def action_write(self) -> None:
        def check(name: str) -> str:
            if name and Path(name).suffix.lower() not in ENDINGS:
                raise ValueError(f"a picture ends in .svg, .png or .pdf, a graph in .dot or .json; {name} in none")
            return "writes the graph as it is shown" if name else "the file's name, such as net.svg"

        def answered(name: str | None) -> None:
            if name:
                self.run_worker(self._write(Path(name)), exclusive=True)

        self.app.push_screen(PromptScreen("Write a picture", "writes", check, placeholder="net.svg"), answered)

    async def _write(self, path: Path) -> None:
        graph = self._shown
        if graph is None:
            return
        try:
            written, notes = await asyncio.to_thread(partial(_rendered, graph, path))
        except (DrawingError, OSError, ValueError) as error:
            self.app.notify(str(error), severity="error", markup=False)
        else:
            self.app.notify("\n".join([f"written: {written}", *notes]), markup=False)


def _rendered(graph: Graph, path: Path) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        written = render_graph(graph, path)
    return written, [str(note.message) for note in notes]
