"""render_graph: a picture in a file, drawn by Graphviz."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...tensors import Tensor
from ..build import graph
from ..data import Graph
from ..levels import LEVELS, READABLE, TOO_MANY, Level, at_level
from .diagram import Direction, Theme, dot
from .drawing import HOW, DrawingError, draw, engines

FORMATS = ("svg", "png", "pdf")


def render_graph(
    outputs: Graph | Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    level: Level | None = None,
    depth: int | None = None,
    direction: Direction = "TB",
    theme: Theme = "light",
    folded: bool = True,
    limit: int = TOO_MANY,
    timeout: float = 60,
    **options: Any,
) -> Path:
    """Draw a graph into a file: SVG, PNG, PDF, DOT or JSON, by the ending of `path`. The path that was written.

    `options` are passed to `graph`; `level`, `depth` and `folded` to `at_level`: without a level
    there is as much detail as can be read. `direction` is TB, top-down, or LR, left to right.

    Without Graphviz the DOT file is written all the same, and a UserWarning says how to get pictures.

    Raises:
        ValueError: more than `limit` boxes, which nobody could read; the message names the level to use.
        DrawingError: Graphviz failed, or took longer than `timeout` seconds.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in (*FORMATS, "dot", "json"):
        raise ValueError(f"{path}: a picture ends in .svg, .png or .pdf, a graph in .dot or .json")
    whole = outputs if isinstance(outputs, Graph) else graph(outputs, **options)
    if kind == "json":
        # A name out of a file system may hold what no encoding has: JSON has escapes for it.
        path.write_text(whole.to_json(indent=1), encoding="utf-8", errors="backslashreplace")
        return path
    shown = at_level(whole, level, depth, folded)
    if len(shown.nodes) > limit:
        raise ValueError(
            f"{len(shown.nodes):,} boxes cannot be read in a picture: {_advice(whole, level, folded, limit)}"
        )
    source = dot(shown, direction, theme, path)
    if kind != "dot" and not engines(kind):
        path = path.with_suffix(".dot")
        warnings.warn(f"{HOW}; {path} has the graph for Graphviz", stacklevel=2)
        kind = "dot"
    if kind == "dot":
        path.write_text(source, encoding="utf-8", errors="backslashreplace")
    else:
        path.write_bytes(draw(source, kind, timeout=timeout))
    return path


def _advice(whole: Graph, level: Level | None, folded: bool, limit: int) -> str:
    """What to do about too many boxes."""
    for coarser in reversed(LEVELS[: LEVELS.index(level) if level else 0]):
        count = len(at_level(whole, coarser, folded=folded).nodes)
        if count <= limit:
            return f"level={coarser!r} has {count:,}"
    least = at_level(whole, "modules", 0, folded)
    if len(least.nodes) <= READABLE:
        return f"level='modules' with depth=0 has {len(least.nodes):,}, and a greater depth more"
    return "record it under trace() with modules in the model, which can be drawn as one box each"


def svg_or_none(outputs: Graph | Tensor) -> str | None:
    """What a notebook shows of a tensor or a graph; None, where it cannot be drawn or nothing made it."""
    if not engines() or (isinstance(outputs, Tensor) and outputs.is_leaf):
        return None
    shown = at_level(outputs if isinstance(outputs, Graph) else graph(outputs))
    if len(shown.nodes) > TOO_MANY:
        return None
    try:
        return draw(dot(shown), timeout=20).decode()
    except DrawingError:
        return None
