"""The computation graph as plain data, as text and as pictures.

with trace():
    loss = criterion(model(x), target)
print(graph(loss))
render_graph(loss, "net.svg", gradients=True)
to_onnx(model, x, "net.onnx")
"""

from .build import graph
from .data import Edge, Graph, GraphNode, Group
from .draw import DrawingError, draw, render_graph
from .levels import at_level
from .onnx import to_onnx
from .picture import dot
from .text import text
from .trace import trace

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
