"""The computation graph as plain data, as text and as pictures.

with trace():
    loss = criterion(model(x), target)
print(graph(loss))
render_graph(loss, "net.svg", gradients=True)
to_onnx(model, x, "net.onnx")
"""

from .build import graph
from .data import Edge, Graph, GraphNode, Group, views
from .levels import at_level
from .onnx import to_onnx
from .pictures import DrawingError, dot, draw, render_graph, svg_or_none
from .recording import trace
from .tree import text

views.text, views.picture = text, svg_or_none

__all__ = [
    "DrawingError",
    "Edge",
    "Graph",
    "GraphNode",
    "Group",
    "at_level",
    "dot",
    "draw",
    "graph",
    "render_graph",
    "text",
    "to_onnx",
    "trace",
]
