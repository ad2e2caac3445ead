"""A graph as DOT, Graphviz's language: shapes and colours, labels, tooltips, links, the legend."""

from __future__ import annotations

import html
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from ..data import Edge, Graph, GraphNode, Group
from ..words import brief, gradients, known, printable, short_title, words

if TYPE_CHECKING:
    from graphviz import Digraph

Theme: TypeAlias = Literal["light", "dark"]
Direction: TypeAlias = Literal["TB", "LR"]
FONT = "Helvetica"
# Viridis (van der Walt and Smith 2015) in 8 steps, dark for what vanishes.
RAMP = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
SHAPES = {
    "operation": "box",
    "module": "box",
    "parameter": "cylinder",
    "buffer": "folder",
    "data": "parallelogram",
    "array": "note",
    "result": "octagon",
}


@dataclass(frozen=True)
class Colours:
    """A theme. `kinds` has (fill, border) by kind; the accents are of Okabe and Ito (2008)."""

    background: str
    text: str
    muted: str
    edge: str
    backward: str
    fault: str
    none: str
    clusters: tuple[str, str]
    cluster_border: str
    kinds: dict[str, tuple[str, str]]


THEMES = {
    "light": Colours(
        background="#ffffff",
        text="#1c2430",
        muted="#5d6773",
        edge="#8a94a1",
        backward="#b0578a",
        fault="#d55e00",
        none="#d9dde2",
        clusters=("#f5f7f9", "#ebeff3"),
        cluster_border="#d3dae1",
        kinds={
            "operation": ("#ffffff", "#9aa5b1"),
            "module": ("#ffffff", "#5c6b7a"),
            "parameter": ("#fdf0d3", "#d09000"),
            "buffer": ("#f3ecdf", "#a98f5f"),
            "data": ("#e1f1fb", "#3f9bd1"),
            "array": ("#f7f7fa", "#b4bac6"),
            "result": ("#d9f2e8", "#009e73"),
        },
    ),
    "dark": Colours(
        background="#14181d",
        text="#e8ecf1",
        muted="#a3aeba",
        edge="#6f7b88",
        backward="#e09ac3",
        fault="#ff8a3d",
        none="#4a525c",
        clusters=("#1b2128", "#242b34"),
        cluster_border="#36404b",
        kinds={
            "operation": ("#2c343e", "#6f7b88"),
            "module": ("#2c343e", "#a3afbc"),
            "parameter": ("#46380f", "#e6b432"),
            "buffer": ("#3a3527", "#b59d6e"),
            "data": ("#17374c", "#56b4e9"),
            "array": ("#20262e", "#5b6673"),
            "result": ("#0f3d30", "#2fc79b"),
        },
    ),
}


def dot(
    graph: Graph, direction: Direction = "TB", theme: Theme = "light", beside: str | os.PathLike[str] | None = None
) -> str:
    """`graph` in DOT, node for node and edge for edge; `at_level` chooses the detail before.

    Nodes are named n and their number. Links lead to source lines, relative to the folder of the file
    `beside`, where that shares one with the source.
    """
    if direction not in ("TB", "LR") or theme not in THEMES:
        raise ValueError(f"direction is TB or LR and theme light or dark, not {direction!r} and {theme!r}")
    return _Picture(graph, direction, THEMES[theme], Path(beside).resolve().parent if beside else None).source()


class _Picture:
    def __init__(self, graph: Graph, direction: Direction, colours: Colours, folder: Path | None) -> None:
        self.graph = graph
        self.direction = direction
        self.colours = colours
        self.folder = folder
        self.nodes_in: dict[int | None, list[GraphNode]] = defaultdict(list)
        self.groups_in: dict[int | None, list[Group]] = defaultdict(list)
        for node in graph.nodes:
            self.nodes_in[node.group].append(node)
        for group in graph.groups:
            self.groups_in[group.parent].append(group)
        known = [n.gradient for n in graph.nodes if n.gradient is not None]
        positive = [math.log10(g) for g in known if g > 0 and math.isfinite(g)]
        self.coloured = bool(known)
        self.span = (min(positive), max(positive)) if positive else (0.0, 0.0)

    def source(self) -> str:
        from graphviz import Digraph

        c = self.colours
        picture = Digraph(
            "graph",
            graph_attr={
                "rankdir": self.direction,
                "bgcolor": c.background,
                "fontname": FONT,
                "fontsize": "10",
                "fontcolor": c.text,
                "nodesep": "0.28",
                "ranksep": "0.38",
                "pad": "0.25",
                "label": self.legend(),
                "labelloc": "b",
                "labeljust": "l",
                "tooltip": "computation graph",
            },
            node_attr={"fontname": FONT, "fontsize": "11", "fontcolor": c.text, "height": "0.3"},
            edge_attr={
                "fontname": FONT,
                "fontsize": "8.5",
                "fontcolor": c.muted,
                "color": c.edge,
                "arrowsize": "0.6",
                "penwidth": "1.0",
            },
        )
        self.inside(picture, None)
        for edge in self.graph.edges:
            self.edge(picture, edge)
        source: str = picture.source
        return source

    def inside(self, picture: Digraph, group: int | None, level: int = 0) -> None:
        """Draw what is directly in a group, and the groups in it as clusters."""
        for node in self.nodes_in[group]:
            self.node(picture, node)
        for child in self.groups_in[group]:
            with picture.subgraph(name=f"cluster_{child.id}") as cluster:
                self.cluster(cluster, child, level)
                self.inside(cluster, child.id, level + 1)

    def cluster(self, cluster: Digraph, group: Group, level: int) -> None:
        c = self.colours
        cluster.attr(
            label=self.label(short_title(self.graph, group), [brief(group.settings)], end='<BR ALIGN="LEFT"/>'),
            tooltip=quoted(group.title, group.settings),
            style="rounded,filled" + ("" if group.kind else ",dashed"),
            fillcolor=c.clusters[level % 2],
            color=c.backward if group.backward and level == 0 else c.cluster_border,
            penwidth="1.0",
            margin="10",
            labelloc="t",
            labeljust="l",
        )

    def node(self, picture: Digraph, node: GraphNode) -> None:
        c = self.colours
        fill, border = c.kinds[node.kind]
        written = None
        if self.coloured and node.gradient is not None and node.kind in ("operation", "module", "parameter"):
            fill = self.ramp(node.gradient)
            written = contrast(fill), contrast(fill)
        if node.backward and node.kind != "result":
            border = c.backward
        faulty = bool(node.fault) or (node.gradient is not None and not math.isfinite(node.gradient))
        title, *details = words(self.graph, node)
        if node.gradient is not None:
            details.append(f"gradient {gradients(node)}")
        if node.fault:
            details.append(f"{node.fault} starts here" if node.first_fault else node.fault)
        style = "filled,rounded" if node.kind in ("operation", "module", "data") else "filled"
        picture.node(
            f"n{node.id}",
            label=self.label(title, details, written),
            shape=SHAPES[node.kind],
            style=style,
            fillcolor=fill,
            color=c.fault if faulty else border,
            penwidth="3.0" if faulty else "1.5" if node.kind == "module" else "1.0",
            tooltip=quoted(*known(self.graph, node)),
            margin="0.02,0.02" if node.kind in ("data", "result") else "0.14,0.07",
            **self.link(node),
        )

    def edge(self, picture: Digraph, edge: Edge) -> None:
        source, target = self.graph.node[edge.source], self.graph.node[edge.target]
        said = source.kind not in ("operation", "module") or target.kind in ("array", "result")
        label = "" if said or edge.shape is None else str(edge.shape)
        words = [str(edge.shape) if edge.shape is not None else "shape not known", f"input {edge.position}", edge.name]
        attributes = {"color": self.colours.backward} if target.backward else {}
        picture.edge(
            f"n{edge.source}",
            f"n{edge.target}",
            label=f" {label} " if label else "",
            tooltip=quoted(", ".join(w for w in words if w)),
            labeltooltip=quoted(", ".join(w for w in words if w)),
            **attributes,
        )

    # --- words

    def label(self, title: str, details: Sequence[str], colours: tuple[str, str] | None = None, end: str = "") -> str:
        """An HTML-like label: a title and smaller lines below it; `colours` are theirs, `end` aligns them."""
        text, muted = colours or (self.colours.text, self.colours.muted)
        lines = [f'<FONT COLOR="{text}"><B>{marked(title)}</B></FONT>'] if title else []
        lines += [f'<FONT POINT-SIZE="8.5" COLOR="{muted}">{marked(line)}</FONT>' for line in details if line]
        return f"<{(end or '<BR/>').join(lines) + end or ' '}>"

    def legend(self) -> str:
        """What the colours mean, in a line below the picture."""
        c = self.colours
        present = dict.fromkeys(n.kind for n in self.graph.nodes)
        cells = []
        for kind in ("data", "parameter", "buffer", "array", "result"):
            if kind in present and not (self.coloured and kind == "parameter"):
                cells.append(f'<TD><FONT COLOR="{c.kinds[kind][1]}">■</FONT> {kind}</TD>')
        if any(n.backward for n in self.graph.nodes):
            cells.append(f'<TD><FONT COLOR="{c.backward}">■</FONT> backward pass</TD>')
        if any(n.fault for n in self.graph.nodes):
            cells.append(f'<TD><FONT COLOR="{c.fault}">■</FONT> NaN or infinity</TD>')
        if self.coloured:
            low, high = (f"{10**end:.1g}" for end in self.span)
            ramp = "".join(f'<TD BGCOLOR="{colour}" WIDTH="16" HEIGHT="9" FIXEDSIZE="TRUE"></TD>' for colour in RAMP)
            cells.append(f"<TD>gradient norm&#160; {low}</TD>{ramp}<TD>{high}</TD>")
        if not cells:
            return ""
        table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4">'
        return f'<<FONT POINT-SIZE="9" COLOR="{c.muted}">{table}<TR>{"".join(cells)}</TR></TABLE></FONT>>'

    # --- colours and links

    def ramp(self, gradient: float) -> str:
        if not gradient > 0 or not math.isfinite(gradient):
            return self.colours.none
        low, high = self.span
        part = (math.log10(gradient) - low) / (high - low) if high > low else 1.0
        return RAMP[round(part * (len(RAMP) - 1))]

    def link(self, node: GraphNode) -> dict[str, str]:
        """To the source line, where there is one."""
        if not node.file or node.file.startswith("<"):
            return {}
        file = Path(node.file).resolve()
        where = file.as_uri()
        folder = self.folder
        shared = folder is not None and folder.anchor == file.anchor and os.path.commonpath([file, folder])
        if shared and shared != file.anchor:
            where = quote(os.path.relpath(file, folder).replace(os.sep, "/"))
        return {"URL": f"{where}#L{node.line}".replace("&", "&amp;").replace("\\", "\\\\"), "target": "_blank"}


def marked(text: str) -> str:
    """`text` in an HTML-like label, in which Graphviz takes a backslash for an escape all the same."""
    return html.escape(printable(text)).replace("\\", "\\\\")


def quoted(*lines: str) -> str:
    """Lines of a tooltip, as a DOT string in which Graphviz, which looks twice, sees no escapes and no entities."""
    shown = (html.escape(printable(line), quote=False).replace("\\", "\\" * 4) for line in lines if line)
    return "&#10;".join(shown)


def contrast(colour: str) -> str:
    """Black or white, whichever is read better on `colour` (relative luminance of WCAG 2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 else "#ffffff"
