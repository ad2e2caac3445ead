"""A graph as a picture: as Graphviz's language (`diagram`), drawn by its programs (`drawing`), in a file (`files`)."""

from .diagram import RAMP, THEMES, Direction, Theme, contrast, dot
from .drawing import HOW, DrawingError, draw, engines
from .files import render_graph, svg_or_none

__all__ = [
    "HOW",
    "RAMP",
    "THEMES",
    "Direction",
    "DrawingError",
    "Theme",
    "contrast",
    "dot",
    "draw",
    "engines",
    "render_graph",
    "svg_or_none",
]
