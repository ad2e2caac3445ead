"""Graphviz: which of its programs are on this machine, and a picture drawn by one of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

DPI, MOST_PIXELS = 144, 8000  # of a PNG, and on each side of it
HOW = "pictures need Graphviz: install it (its program is dot), or pip install 'tinygrad-nn[render]'"


class DrawingError(RuntimeError):
    """Graphviz is not there, took too long, or failed; the message says what to do."""


def engines(kind: str = "svg") -> dict[str, str]:
    """The programs on this machine that draw: their names and places, the best first."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])
    names = ("dot",) if kind == "pdf" else ("dot", "graphviz-pure")
    found = {name: shutil.which(name, path=folders) for name in names}
    return {name: place for name, place in found.items() if place is not None}


def draw(source: str, kind: str = "svg", engine: str | None = None, timeout: float = 60) -> bytes:
    """A DOT source as a picture of `kind` svg, png or pdf, by the `engine` named, else the best there is.

    Raises:
        DrawingError: no engine (only Graphviz's own `dot` makes PDF), or it failed or took longer than `timeout`
            seconds.
    """
    found = engines(kind)
    program = found.get(engine) if engine else next(iter(found.values()), None)
    if program is None:
        raise DrawingError(f"{HOW}{' (PDF needs dot itself)' if kind == 'pdf' else ''}")
    size = MOST_PIXELS / DPI
    bounded = [f"-Gdpi={DPI}", f"-Gsize={size:.2f},{size:.2f}"] if kind == "png" else []
    try:
        done = subprocess.run(
            [program, f"-T{kind}", *bounded], input=source.encode(), capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise DrawingError(
            f"{Path(program).name} took longer than {timeout:g} s: use level='modules', a smaller depth or more time"
        ) from None
    if done.returncode or not done.stdout:
        raise DrawingError(f"{Path(program).name} failed: {done.stderr.decode(errors='replace').strip()[:500]}")
    return done.stdout
