"""What a node or a group is called where people read it: in the text tree and in pictures alike."""

from __future__ import annotations

import os
import re

from .data import Graph, GraphNode, Group, sized


def short_title(graph: Graph, group: Group) -> str:
    """A group's title without the path of the group around it."""
    return group.title.removeprefix(_path(graph, group.parent))


def words(graph: Graph, node: GraphNode, with_shape: bool = True) -> list[str]:
    """A node's title, and the lines that go below it."""
    title = node.name.removeprefix(_path(graph, node.group)) or node.kind
    details: list[str] = []
    if node.kind == "array":
        title = shape_of(node)
        details.append(f"{node.dtype}, {sized(node.nbytes)}")
    elif node.kind == "operation":
        shown = (value if key.startswith("input ") else f"{key}={value}" for key, value in node.attributes.items())
        details.append(cut(", ".join(shown), 34))
    elif node.kind == "module":
        details.append(brief(node.attributes.get("settings", "")))
        details.append(f"{node.parameters:,} parameters" if node.parameters else "")
    elif node.kind == "result" and node.low is not None and node.low == node.high:
        details.append(f"{node.low:.4g}")
    elif with_shape:
        details.append(shape_of(node))
    return [title, *(line for line in details if line)]


def known(graph: Graph, node: GraphNode) -> list[str]:
    """All that is known of a node, line by line."""
    lines = [f"{node.name or node.kind} ({'backward ' if node.backward else ''}{node.kind})"]
    if node.count > 1:
        lines.append(f"the first of {node.count} equal ones")
    if node.group is not None:
        lines.append("in " + " / ".join(graph.group[g].title for g in graph.around(node.group)))
    lines.append(f"{shape_of(node)} {node.dtype}, {sized(node.nbytes)}" if node.dtype else shape_of(node))
    lines += [f"{key} = {value}" for key, value in node.attributes.items()]
    if node.parameters:
        lines.append(f"{node.parameters:,} parameters")
    if node.low is not None:
        lines.append(f"values from {node.low:.6g} to {node.high:.6g}")
    if node.fault:
        lines.append(f"holds {node.fault}")
    if node.gradient is not None:
        lines.append(f"gradient norm {gradients(node)}")
    if node.file:
        lines.append(f"{os.path.basename(node.file)}, line {node.line}: {node.code}")
    return lines


def gradients(node: GraphNode) -> str:
    """The gradient norm; of equal nodes drawn once, the norms of the first and the last."""
    if node.gradient_last is None:
        return f"{node.gradient:.2g}"
    return f"{node.gradient:.2g} … {node.gradient_last:.2g}"


def shape_of(node: GraphNode) -> str:
    """The shape of a node, in words."""
    return "shape not known" if node.shape is None else str(node.shape)


def brief(settings: str) -> str:
    """A module's settings on a short line: sizes as an arrow, what is on anyway left out."""
    sizes = re.sub(r"\bin_(\w+)=(\d+), out_\1=(\d+)", r"\2 → \3", settings)
    return cut(", ".join(part for part in sizes.split(", ") if not part.endswith("=True")), 40)


def cut(text: str, length: int) -> str:
    """The text, cut to `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def printable(text: str) -> str:
    r"""`text` with what has no picture of its own, such as a line's end, as Python writes it: \n."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _path(graph: Graph, group: int | None) -> str:
    path = graph.group[group].path if group is not None else ""
    return f"{path}." if path else ""
