"""`nn-debug run`: a whole run without the screen, with a progress bar, a closing table and an exit code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tinygrad_nn.records import EpochRecord, Finding
from tinygrad_nn.training import Experiment, Session
from tinygrad_nn.training.export import LAYER, dumps
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.report import ClassScores, RegressionReport, evaluate

from . import leaving
from .console import console
from .exits import Exit
from .numbers import format_number
from .parsing import failed
from .streams import complain, safe, say

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
SHOWN_CLASSES = 10
SIGNS = {"fault": "✖", "warning": "▲", "information": "·"}
PATIENCE = 10.0  # seconds for the batch under way after an interrupt: who has made it can make another


class _Failed(Exception):
    """The user's code has raised its `__cause__`, which may be anything: `SystemExit` too ends no run in silence."""


def run(
    experiment: Experiment,
    begin: Callable[[], Session],
    recorder: Recorder | None = None,
    output: IO[bytes] | None = None,
) -> int:
    """Train to the last epoch and report, to `output` as JSON where there is one; the exit code."""
    screen = console(stderr=output is not None)
    session = None
    code = Exit.FINE

    def save() -> str:
        if recorder is None:
            return ""
        recorder.close(ended=False)
        return f"{_where(recorder)}\n"

    with leaving.hearing(), leaving.tidily(save):
        try:
            with np.errstate(all="ignore"):  # an overflow shows in the findings
                session = _theirs(begin)
                with leaving.tidily(save, grace=leaving.GRACE, patience=PATIENCE, ask=_explain):
                    _train(session, screen)
        except _Failed as failure:
            code = Exit.CRASH  # if it is not theirs
            code = failed(experiment.name, failure.__cause__ or failure)
        except OSError:  # nobody sees the progress any more
            if leaving.told() is None:
                raise
        finally:
            code = leaving.told() or code
            if recorder is not None:
                recorder.close(ended=code == Exit.FINE)
        if session is None:
            return code
        findings = session.findings()
        try:
            if output is None:
                report(session, findings, screen)
            else:
                file = None if recorder is None or recorder.error else str(recorder.path)
                output.write((dumps(as_data(session, findings, code, file)) + "\n").encode(sys.stdout.encoding))
            if recorder is not None:
                say(_where(recorder), sys.stderr)
            if code in leaving.WORDS:
                complain(f"{leaving.WORDS[code]} after {session.epoch} of {session.hyperparameters.epochs} epochs")
        except _Failed as failure:
            code = code or failed(experiment.name, failure.__cause__ or failure)
        except OSError:  # nobody reads the report any more
            if code not in leaving.WORDS:
                raise
        return code or (Exit.FOUND if any(f.severity != "information" for f in findings) else Exit.FINE)


def _where(recorder: Recorder) -> str:
    return recorder.error or f"recorded in {recorder.path}" if recorder.path else ""


def _theirs(work: Callable[[], T]) -> T:
    """What runs the user's code, and only ours beneath it."""
    try:
        return work()
    except BaseException as error:
        raise _Failed from error


def _explain(code: Exit) -> None:
    """Say what an interrupt waits for, should it wait."""
    if code is Exit.INTERRUPTED:
        words = "nn-debug: the run ends after the batch under way; ctrl+c again ends it at once\n"
        waiting = threading.Timer(1.0, lambda: os.write(2, words.encode()))
        waiting.daemon = True
        waiting.start()


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
        while not session.finished and session.stop is None and leaving.told() is None:
            _theirs(session.step)
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
    ended = "finished" if code == Exit.FINE else "interrupted" if code in leaving.WORDS else "failed"
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
        quality = _theirs(lambda: evaluate(session))
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
