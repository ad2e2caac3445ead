"""`nn-debug graph`: the computation graph of one training step, as a tree in the terminal or as a picture."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinygrad_nn import grad
from tinygrad_nn.graph import DrawingError, Graph, graph, render_graph, text, to_onnx, trace
from tinygrad_nn.training import Experiment, Hyperparameters, Session

from .exits import Exit
from .parsing import Refused, failed
from .streams import complain, deliver, say


def draw(
    experiment: Experiment,
    hyperparameters: Hyperparameters,
    output: Path | None,
    stream: IO[bytes] | None = None,
    *,
    epochs: int = 0,
    steps: int = 0,
    backward: bool = False,
    **look: Any,
) -> int:
    """Train as long as asked, trace the loss of one batch, and write its picture, or print its tree.

    The picture goes to the file `output`, and from there to `stream` where there is one. An .onnx file gets the
    model's forward pass instead. The exit code; `Refused` where the drawing or the export failed.
    """
    try:
        with np.errstate(all="ignore"):  # what overflows is marked in the graph
            session = Session(experiment, hyperparameters)
            for _ in range(epochs):
                session.next()
            for _ in range(steps):
                session.step()
            exported = output is not None and output.suffix.lower() == ".onnx"
            found = None if exported else traced(session, backward)
    except BaseException as error:
        return failed(experiment.name, error)
    try:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", UserWarning)
            if output is None:
                assert found is not None
                say(text(found, look["level"], look["depth"]))
                return Exit.FINE
            told = _exported(session, output) if found is None else _drawn(found, output, **look)
    except (DrawingError, ImportError, NotImplementedError, ValueError) as error:
        raise Refused(str(error)) from None
    if notes and found is not None:  # without Graphviz: what else can be had
        say(text(found, look["level"], look["depth"]))
        complain(str(notes[0].message))
        return Exit.CANNOT
    for note in notes:
        complain(str(note.message))
    if stream is None:
        say(told)
    else:
        deliver(output, stream, text=output.suffix.lower() in (".svg", ".dot", ".json"))
    return Exit.FINE


def _drawn(found: Graph, output: Path, **look: Any) -> str:
    written = render_graph(found, output, **look)
    return f"{written}: {len(found.nodes):,} nodes, {len(found.edges):,} edges"


def _exported(session: Session, output: Path) -> str:
    x = session.batches.arrays[0][: session.hyperparameters.batch_size]
    to_onnx(session.model, x, output)
    return f"{output}: the forward pass, of inputs (batch, {', '.join(map(str, x.shape[1:]))})"


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
