"""The commands about recorded runs: resume, replay, runs, compare, export."""

from __future__ import annotations

import math
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from tinygrad_nn.training import KNOBS
from tinygrad_nn.training.export import FORMATS, dumps, export
from tinygrad_nn.training.files import ExperimentError
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runlog import RunFileError, RunLog
from tinygrad_nn.training.runs import Summary, Unreadable, directory, remove, resume, summaries, summary
from tinygrad_nn.training.source import Source

from .console import console
from .exits import Exit, Refused
from .numbers import format_number
from .parsing import Parser, failed
from .streams import announce, complain, deliver, reserved, safe, say


def main(command: str, arguments: Sequence[str]) -> int:
    """One of the commands; the exit code."""
    try:
        return COMMANDS[command](arguments)
    except (RunFileError, ExperimentError) as error:
        raise Refused(str(error)) from None
    except sqlite3.Error as error:
        raise Refused(f"the run's file is damaged: {error}") from None


def _resume_parser() -> Parser:
    parser = Parser("nn-debug resume", description="Go on with a recorded run where it ended, exactly.")
    parser.add_argument("file", metavar="FILE", help="the run's file (nn-debug runs lists them), or `last`")
    parser.add_argument("--paused", action="store_true", help="wait before the first step")
    parser.add_argument("--fast", action="store_true", help="train at full speed instead of one that eyes can follow")
    parser.add_argument("--no-screen", action="store_true", help="as nn-debug run does")
    parser.add_argument("--threads", type=int, metavar="N", help="threads for matrix products")
    return parser


def _resume(arguments: Sequence[str]) -> int:
    options = _resume_parser().parse_args(arguments)
    path = _found(options.file)
    announce(f"loading {path}")
    if not options.no_screen:
        from .inferior import Start
        from .protocol import WATCHABLE
        from .screen import open_screen

        pace = None if options.fast else WATCHABLE
        return open_screen(Start(Source(), pace, not options.paused, resume=str(path)))
    from .headless import run

    try:
        session, log = resume(path)
    except BaseException as error:
        return failed(path.name, error)
    recorder = Recorder(log)
    session.listeners.append(recorder)
    return run(session.experiment, lambda: session, recorder)


def _replay_parser() -> Parser:
    parser = Parser("nn-debug replay", description="Look at a recorded run: every moment of it, every branch.")
    parser.add_argument("file", metavar="FILE", help="the run's file (nn-debug runs lists them), or `last`")
    return parser


def _replay(arguments: Sequence[str]) -> int:
    options = _replay_parser().parse_args(arguments)
    path = _found(options.file)
    announce(f"loading {path}")
    from .replay import Replay
    from .screen import check_size, check_terminal, show

    replay = Replay(path)
    check_terminal()
    check_size()
    return show(replay)


def _runs_parser() -> Parser:
    parser = Parser("nn-debug runs", description="The recorded runs, the newest first.")
    parser.add_argument("filter", nargs="*", help="only those whose name or file holds all of these words")
    parser.add_argument("--remove", action="store_true", help="delete the runs that are listed")
    parser.add_argument("--yes", action="store_true", help="do not ask before deleting")
    parser.add_argument("--in", dest="folder", type=Path, metavar="FOLDER", help=f"(default: {directory()})")
    parser.add_argument("--json", action="store_true", help="write the list as JSON, and nothing else")
    return parser


def _runs(arguments: Sequence[str]) -> int:
    options = _runs_parser().parse_args(arguments)
    if options.json and options.remove:
        raise Refused("--json lists and --remove deletes: give one of them")
    folder = options.folder or directory()
    chosen: list[Summary] = []
    unreadable: list[Unreadable] = []
    for entry in summaries(folder):
        name = f"{'' if isinstance(entry, Unreadable) else entry.info.name} {entry.path.name}".lower()
        if not all(word.lower() in name for word in options.filter):
            continue
        if isinstance(entry, Unreadable):
            complain(entry.why)
            unreadable.append(entry)
        else:
            chosen.append(entry)
    if options.json:
        say(dumps({"folder": str(folder), "runs": [_as_data(entry) for entry in chosen]}))
        return Exit.FINE
    if not chosen and not unreadable:
        say(f"no runs{' like that' if options.filter else ''} in {folder}")
        return Exit.FINE
    for entry in chosen:
        say(_told(entry))
    say(f"in {folder}")
    if not options.remove:
        return Exit.FINE
    if not options.yes:
        if not sys.stdin.isatty():
            raise Refused("nothing was deleted: add --yes to delete without asking")
        damaged = f" and {len(unreadable)} that cannot be read" * bool(unreadable)
        question = f"delete {len(chosen)} run{'s' * (len(chosen) != 1)}{damaged}? [y/N] "
        if input(question).strip().lower() not in ("y", "yes"):
            return Exit.FINE
    deleted = 0
    for path in [entry.path for entry in chosen] + [entry.path for entry in unreadable]:
        try:
            remove(path)
            deleted += 1
        except RunFileError as error:
            complain(str(error))
    say(f"deleted {deleted}")
    return Exit.FINE


def _told(entry: Summary) -> str:
    """A run in two lines: how it went, and what was set."""
    branches = f", {entry.branches} branches" * (entry.branches > 1)
    values = _known(entry)
    unlike = " ".join(f"{n}={KNOBS[n].show(v)}" for n, v in values.items() if v != KNOBS[n].default)
    return (
        f"{entry.path.name}  {entry.info.state} after {entry.epochs} epochs{branches}, best validation loss "
        f"{format_number(entry.best_val_loss)} ({entry.info.metric} {format_number(entry.best_val_metric)})\n"
        f"    {entry.info.name}: {unlike or 'the defaults'}"
    )


def _as_data(entry: Summary) -> dict[str, Any]:
    """A run for other programs."""
    return {
        "file": str(entry.path),
        "experiment": entry.info.name,
        "state": entry.info.state,
        "started": entry.info.started,
        "data": entry.info.data,
        "metric": entry.info.metric,
        "epochs": entry.epochs,
        "branches": entry.branches,
        "seconds": entry.seconds,
        "best_val_loss": entry.best_val_loss,
        "best_val_metric": entry.best_val_metric,
        "hyperparameters": _known(entry),
    }


def _compare_parser() -> Parser:
    parser = Parser("nn-debug compare", description="What differs between runs, and how they ended.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="the runs' files, two or more")
    parser.add_argument("--json", action="store_true", help="write the comparison as JSON, and nothing else")
    return parser


def _compare(arguments: Sequence[str]) -> int:
    options = _compare_parser().parse_args(arguments)
    if len(options.files) < 2:
        raise Refused("compare takes two runs or more")
    entries = [summary(_found(file)) for file in options.files]
    values = [_known(entry) for entry in entries]
    different = [n for n in KNOBS if len({KNOBS[n].show(own[n]) if n in own else "–" for own in values}) > 1]
    best = min(entries, key=lambda e: (math.isnan(e.best_val_loss), e.best_val_loss))
    alike = len({(e.info.name, e.info.metric) for e in entries}) == 1 and not math.isnan(best.best_val_loss)
    if options.json:
        differences = {name: [own.get(name) for own in values] for name in different}
        lowest = str(best.path) if alike else None
        runs = [_as_data(entry) for entry in entries]
        say(dumps({"runs": runs, "differences": differences, "lowest_val_loss": lowest}))
        return Exit.FINE
    table = Table()
    for column in ("", *(entry.path.stem for entry in entries)):
        table.add_column(safe(column), overflow="fold")
    outcomes: dict[str, Callable[[Summary], str]] = {
        "run": lambda e: safe(e.info.name),
        "state": lambda e: e.info.state,
        "epochs": lambda e: str(e.epochs),
        "best val loss": lambda e: format_number(e.best_val_loss),
        "metric there": lambda e: f"{e.info.metric} {format_number(e.best_val_metric)}",
        "training": lambda e: f"{e.seconds:.3g} s",
        "began": lambda e: time.strftime("%Y-%m-%d %H:%M", time.localtime(e.info.started)),
    }
    for name, told in outcomes.items():
        table.add_row(name, *(told(entry) for entry in entries))
    table.add_section()
    for name in different:
        knob = KNOBS[name]
        table.add_row(knob.label, *(knob.show(own[name]) if name in own else "–" for own in values))
    console().print(table)
    if alike:
        say(f"{best.path.stem} has the lowest validation loss")
    return Exit.FINE


def _known(entry: Summary) -> dict[str, Any]:
    return {name: value for name, value in entry.hyperparameters.items() if name in KNOBS}


def _export_parser() -> Parser:
    parser = Parser("nn-debug export", description="Write a recorded run for other programs.")
    parser.add_argument("file", metavar="FILE", help="the run's file (nn-debug runs lists them), or `last`")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="PATH", help="what to write; - is standard output"
    )
    parser.add_argument("--format", choices=tuple(FORMATS), help="(default: by the ending of PATH)")
    parser.add_argument("--force", action="store_true", help="write over what is there")
    return parser


def _export(arguments: Sequence[str]) -> int:
    options = _export_parser().parse_args(arguments)
    stream = str(options.output) == "-"
    kind = options.format or options.output.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise Refused(f"{options.output}: say what to write by --format {', '.join(FORMATS)}")
    if stream and kind == "tensorboard":
        raise Refused("TensorBoard reads a folder of files: it needs a PATH, not -")
    with closing(RunLog.open(_found(options.file), read_only=True)) as log:
        branches = log.branches()
    try:
        if stream:
            with reserved() as output, TemporaryDirectory() as folder:
                export(branches, Path(folder) / "export", kind)
                deliver(Path(folder) / "export", output, text=kind != "parquet")
            return Exit.FINE
        export(branches, options.output, kind, options.force)
    except FileExistsError as error:
        raise Refused(f"{error}: --force writes over it") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(f"{options.output}: {error.strerror or error}") from None
    except ImportError as error:
        raise Refused(str(error)) from None
    epochs = sum(len(branch.history) for branch in branches)
    say(f"{options.output}: {epochs} epochs of {len(branches)} branch{'es' * (len(branches) > 1)}")
    return Exit.FINE


def _found(name: str) -> Path:
    """The file of that name, here or where runs are kept; `last` is the newest there."""
    if name == "last":
        newest = next((entry for entry in summaries(directory()) if isinstance(entry, Summary)), None)
        if newest is None:
            raise Refused(f"no runs in {directory()}")
        return newest.path
    kept = directory() / name
    return Path(name) if Path(name).exists() or not kept.exists() else kept


COMMANDS = {"resume": _resume, "replay": _replay, "runs": _runs, "compare": _compare, "export": _export}
PARSERS = {
    "resume": _resume_parser,
    "replay": _replay_parser,
    "runs": _runs_parser,
    "compare": _compare_parser,
    "export": _export_parser,
}
