"""`nn-debug graph`: the computation graph of one training step, as a tree in the terminal or as a picture."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_nn import grad
from tinygrad_nn.graph import DrawingError, Graph, graph, render_graph, text, to_onnx, trace
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.files import user_traceback


def draw(
    experiment: Experiment,
    hyperparameters: Hyperparameters,
    output: Path | None,
    *,
    epochs: int = 0,
    steps: int = 0,
    backward: bool = False,
    level: Any = None,
    depth: int | None = None,
    **look: Any,
) -> int:
    """Train as long as asked, trace the loss of one batch, and write its picture, or print its tree.

    A file that ends in .onnx gets the model's forward pass instead. The exit code: 0, or 2 when the experiment, the
    drawing or the export failed.
    """
    exported = output if output is not None and output.suffix.lower() == ".onnx" else None
    try:
        with np.errstate(all="ignore"):  # what overflows is marked in the graph
            session = Session(experiment, hyperparameters)
            for _ in range(epochs):
                session.next()
            for _ in range(steps):
                session.step()
            if exported is not None:
                return _export(session, exported)
            found = traced(session, backward)
    except Exception as error:
        print(f"nn-debug: {experiment.name} failed\n{user_traceback(error)}", file=sys.stderr)
        return 2
    try:
        if output is None:
            print(text(found, level, depth))
            return 0
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", UserWarning)
            written = render_graph(found, output, level=level, depth=depth, **look)
    except (DrawingError, OSError, ValueError) as error:
        print(f"nn-debug: {error}", file=sys.stderr)
        return 2
    if notes:  # there is no Graphviz: what there is instead
        print(text(found, level, depth))
        print(f"nn-debug: {notes[0].message}", file=sys.stderr)
        return 2
    print(f"{written}: {len(found.nodes):,} nodes, {len(found.edges):,} edges")
    return 0


def _export(session: Session, output: Path) -> int:
    x = session.batches.arrays[0][: session.hyperparameters.batch_size]
    try:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", UserWarning)
            to_onnx(session.model, x, output)
    except (ImportError, NotImplementedError, OSError, ValueError) as error:
        print(f"nn-debug: {error}", file=sys.stderr)
        return 2
    for note in notes:
        print(f"nn-debug: {note.message}", file=sys.stderr)
    print(f"{output}: the forward pass, of inputs (batch, {', '.join(map(str, x.shape[1:]))})")
    return 0


def traced(session: Session, backward: bool) -> Graph:
    """The graph of one batch's loss; with `backward`, of its gradients too."""
    with trace():
        loss = session.sample_loss()
        outputs = {"loss": loss}
        if backward:
            named = dict(session.model.named_parameters())
            found = grad(loss, list(named.values()), create_graph=True, allow_unused=True)
            outputs |= {f"gradient of {name}": g for name, g in zip(named, found, strict=True)}
    return graph(outputs, model=session.model, values=True, gradients=True)
