"""`nn-debug run`: a whole run without the screen, with a progress bar, a closing table and an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tinygrad_nn.diagnosis import EpochRecord, Finding
from tinygrad_nn.training import Experiment, Session
from tinygrad_nn.training.export import LAYER, dumps
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.report import ClassScores, RegressionReport, evaluate

from .console import console
from .drawing import format_number
from .exits import Exit
from .parsing import failed
from .streams import complain, safe, say

if TYPE_CHECKING:
    from rich.console import Console

STOPPING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
SHOWN_CLASSES = 10
SIGNS = {"fault": "✖", "warning": "▲", "information": "·"}


class Terminated(Exception):
    """SIGTERM or SIGHUP has come."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def run(
    experiment: Experiment,
    begin: Callable[[], Session],
    recorder: Recorder | None = None,
    output: IO[bytes] | None = None,
) -> int:
    """Train to the last epoch and report, to `output` as JSON where there is one; the exit code."""
    screen = console(stderr=output is not None)
    heard = [s for s in STOPPING if signal.getsignal(s) is not signal.SIG_IGN]  # under nohup a hangup is none
    before = {s: signal.signal(s, _terminate) for s in heard}
    session = None
    code = Exit.FINE
    try:
        with np.errstate(all="ignore"):  # an overflow shows in the findings
            session = begin()
            _train(session, screen)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Terminated:
        code = Exit.TERMINATED
    except Exception as error:
        code = Exit.CRASH  # if it is not theirs
        code = failed(experiment.name, error)
    finally:
        if recorder is not None:
            recorder.close(ended=code == Exit.FINE)
        for number, handler in before.items():
            signal.signal(number, handler)
    if session is None:
        return code
    findings = session.findings()
    if output is None:
        report(session, findings, screen)
    else:
        file = None if recorder is None or recorder.error else str(recorder.path)
        output.write((dumps(as_data(session, findings, code, file)) + "\n").encode(sys.stdout.encoding))
    if recorder is not None:
        say(recorder.error or f"recorded in {recorder.path}", sys.stderr)
    if code in (Exit.INTERRUPTED, Exit.TERMINATED):
        complain(f"interrupted after {session.epoch} of {session.hyperparameters.epochs} epochs")
    return code or (Exit.FOUND if any(f.severity != "information" for f in findings) else Exit.FINE)


def _train(session: Session, console: Console) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs  {task.fields[latest]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(
            safe(session.experiment.name),
            total=session.hyperparameters.epochs,
            latest=_latest(session.history[-1], session),
        )
        while not session.finished and session.stop is None:
            session.step()
            if not session.batch:
                progress.update(bar, completed=session.epoch, latest=_latest(session.history[-1], session))


def _latest(record: EpochRecord, session: Session) -> str:
    return f"loss {format_number(record.train_loss)}  {session.metric_name} {format_number(record.val_metric)}"


def report(session: Session, findings: tuple[Finding, ...], console: Console) -> None:
    """The closing table: how it ended, layer by layer, and what the rules say."""
    last = session.history[-1]
    table = Table(title=f"{safe(session.experiment.name)}: {session.epoch} epochs, {session.steps} steps")
    for column in ("", "layer", "params", "|∇| RMS", "|Δw|/|w|", "zero", "saturated"):
        table.add_column(column, justify="left" if column in ("", "layer") else "right")
    for layer in last.layers:
        signs = [SIGNS[f.severity] for f in findings if layer.index in f.layers]
        table.add_row(
            f"{signs[0] if signs else ' '} {layer.index}",
            safe(layer.label),
            str(layer.parameters),
            format_number(layer.gradient_rms),
            format_number(layer.update_ratio),
            _percent(layer.zero_fraction),
            _percent(layer.saturated_fraction),
        )
    console.print(table)
    _report_initialisers(session, console)
    if session.stopped_early:
        console.print(f"stopped early: {session.stopped_early}")
    if session.stop is not None:
        console.print(safe(f"stopped: {session.stop.text}", lines=True))
    first, metric = session.history[0], session.metric_name
    console.print(
        f"training    loss {format_number(first.train_loss)} → {format_number(last.train_loss)}, "
        f"{metric} {format_number(last.train_metric)}\n"
        f"validation  loss {format_number(first.val_loss)} → {format_number(last.val_loss)}, "
        f"{metric} {format_number(last.val_metric)}",
    )
    _report_quality(session, console)
    for finding in findings:
        where = f" in layer {', '.join(map(str, finding.layers))}" if finding.layers else ""
        console.print(
            f"{SIGNS[finding.severity]} {finding.title}{where}, since epoch {finding.first_epoch}",
            style="bold",
        )
        console.print(safe(f"  {finding.explanation}", lines=True))
        for remedy in finding.remedies:
            settings = " ".join(f"--set {name}={value}" for name, value in remedy.changes.items())
            console.print(f"  try: {remedy.text}{f'  ({settings})' if settings else ''}")
    if not findings:
        console.print("no findings")


def as_data(session: Session, findings: tuple[Finding, ...], code: Exit, file: str | None) -> dict[str, Any]:
    """The same for other programs; docs/commands.md says what each key means."""
    first, last, hp = session.history[0], session.history[-1], session.hyperparameters
    ended = {Exit.FINE: "finished", Exit.INTERRUPTED: "interrupted", Exit.TERMINATED: "interrupted"}.get(code, "failed")
    return {
        "experiment": session.experiment.name,
        "state": "stopped" if session.stop is not None and code == Exit.FINE else ended,
        "why": session.stop.text if session.stop is not None else session.stopped_early,
        "epochs": session.epoch,
        "planned_epochs": hp.epochs,
        "steps": session.steps,
        "metric": session.metric_name,
        "first": _figures(first),
        "last": _figures(last),
        "hyperparameters": asdict(hp),
        "notes": session.experiment.notes,
        "layers": [{name: getattr(layer, name) for name in LAYER} for layer in last.layers],
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "title": finding.title,
                "layers": finding.layers,
                "first_epoch": finding.first_epoch,
                "numbers": finding.numbers,
                "explanation": finding.explanation,
                "remedies": [{"text": remedy.text, "changes": remedy.changes} for remedy in finding.remedies],
                "source": finding.source,
            }
            for finding in findings
        ],
        "file": file,
    }


def _figures(record: EpochRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("train_loss", "train_metric", "val_loss", "val_metric")}


def _report_quality(session: Session, console: Console) -> None:
    """How good the model is on the validation part, by classes or in the unit of the target."""
    with np.errstate(all="ignore"):
        quality = evaluate(session)
    if quality is None:
        return
    if isinstance(quality, RegressionReport):
        table = _table("target", "mean absolute error", "root mean square error", "R²")
        for target in quality.targets:
            table.add_row(safe(target.name), f"{target.mae:.5g}", f"{target.rmse:.5g}", f"{target.r2:.3f}")
        console.print(table)
    else:
        classes, count = quality.classes, len(quality.classes)
        if count > SHOWN_CLASSES:
            classes = tuple(sorted(classes, key=lambda c: c.f1)[:SHOWN_CLASSES])
            console.print(f"the {SHOWN_CLASSES} of {count} classes with the lowest F1:")
        table = _table("class", "precision", "recall", "F1", "examples")
        for scores in classes:
            table.add_row(*_class_row(scores))
        table.add_section()
        table.add_row(*_class_row(quality.macro))
        console.print(table)
        if count <= SHOWN_CLASSES:
            table = _table("predicted as", *(safe(c.name) for c in classes))
            for scores, counts in zip(classes, quality.confusion, strict=True):
                table.add_row(safe(scores.name), *(str(n) if n else "·" for n in counts))
            console.print(table)
    if quality.aic == quality.aic:
        parameters = sum(p.size for p in session.parameters)
        console.print(
            f"training    AIC {quality.aic:.6g}, BIC {quality.bic:.6g} with {parameters} parameters", highlight=False
        )


def _class_row(scores: ClassScores) -> tuple[str, ...]:
    return (
        safe(scores.name),
        *(f"{share:.3f}" for share in (scores.precision, scores.recall, scores.f1)),
        str(scores.support),
    )


def _table(first: str, *columns: str) -> Table:
    table = Table(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _report_initialisers(session: Session, console: Console) -> None:
    """What `auto` took, layer by layer; nothing where it was not asked, or an experiment of one's own does not say."""
    if session.hyperparameters.init != "auto":
        return
    taken: dict[str, list[str]] = {}
    for index, layer in enumerate(session.probe.layers, start=1):
        name = getattr(layer.module, "initialiser", "")
        if name:
            taken.setdefault(name, []).append(str(index))
    if taken:
        said = ", ".join(f"{name} in layer {', '.join(layers)}" for name, layers in taken.items())
        console.print(f"init auto: {said}")


def _percent(share: float) -> str:
    return "–" if share != share else f"{share:.0%}"
