"""The computation graph as plain data, as text and as pictures.

with trace():
    loss = criterion(model(x), target)
print(graph(loss))
render_graph(loss, "net.svg", gradients=True)
"""

from .build import graph
from .data import Edge, Graph, GraphNode, Group
from .trace import trace

__all__ = ["Edge", "Graph", "GraphNode", "Group", "graph", "trace"]
