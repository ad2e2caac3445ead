"""The commands about recorded runs: resume, replay, runs, compare, export."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tinygrad_nn.training import KNOBS
from tinygrad_nn.training.export import FORMATS, export
from tinygrad_nn.training.files import ExperimentError
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runlog import RunFileError, RunLog
from tinygrad_nn.training.runs import Summary, directory, remove, resume, summaries, summary
from tinygrad_nn.training.source import Source

from .drawing import format_number
from .headless import run
from .inferior import Start
from .parsing import OK, Parser, Refused
from .protocol import WATCHABLE
from .replay import Replay
from .screen import check_size, check_terminal, open_screen, show


def main(command: str, arguments: Sequence[str]) -> int:
    """One of the commands; the exit code."""
    try:
        return COMMANDS[command](arguments)
    except (RunFileError, ExperimentError) as error:
        raise Refused(str(error)) from None


def _resume(arguments: Sequence[str]) -> int:
    parser = Parser("nn-debug resume", description="Go on with a recorded run where it ended, exactly.")
    parser.add_argument("file", metavar="FILE", help="the run's file (nn-debug runs lists them), or `last`")
    parser.add_argument("--paused", action="store_true", help="wait before the first step")
    parser.add_argument("--fast", action="store_true", help="train at full speed instead of one that eyes can follow")
    parser.add_argument("--no-screen", action="store_true", help="as nn-debug run does")
    parser.add_argument("--threads", type=int, metavar="N", help="threads for matrix products")
    options = parser.parse_args(arguments)
    path = _found(options.file)
    if not options.no_screen:
        pace = None if options.fast else WATCHABLE
        return open_screen(Start(Source(), pace, not options.paused, resume=str(path)))
    session, log = resume(path)
    recorder = Recorder(log)
    session.listeners.append(recorder)
    return run(session.experiment, lambda: session, recorder)


def _replay(arguments: Sequence[str]) -> int:
    parser = Parser("nn-debug replay", description="Look at a recorded run: every moment of it, every branch.")
    parser.add_argument("file", metavar="FILE", help="the run's file (nn-debug runs lists them), or `last`")
    options = parser.parse_args(arguments)
    replay = Replay(_found(options.file))
    check_terminal()
    check_size()
    return show(replay)


def _runs(arguments: Sequence[str]) -> int:
    parser = Parser("nn-debug runs", description="The recorded runs, the newest first.")
    parser.add_argument("filter", nargs="*", help="only those whose name or file holds all of these words")
    parser.add_argument("--remove", action="store_true", help="delete those that are listed")
    parser.add_argument("--yes", action="store_true", help="do not ask before deleting")
    parser.add_argument("--in", dest="folder", type=Path, metavar="FOLDER", help=f"(default: {directory()})")
    options = parser.parse_args(arguments)
    folder = options.folder or directory()
    chosen: list[Summary] = []
    for entry in summaries(folder):
        if isinstance(entry, RunFileError):
            print(f"nn-debug: {entry}", file=sys.stderr)
        elif all(word.lower() in f"{entry.info.name} {entry.path.name}".lower() for word in options.filter):
            chosen.append(entry)
    if not chosen:
        print(f"no runs{' like that' if options.filter else ''} in {folder}")
        return OK
    for entry in chosen:
        print(_told(entry))
    print(f"in {folder}")
    if not options.remove:
        return OK
    if not options.yes:
        if not sys.stdin.isatty():
            raise Refused("nothing was deleted: add --yes to delete without asking")
        if input(f"delete {len(chosen)} run{'s' * (len(chosen) > 1)}? [y/N] ").strip().lower() not in ("y", "yes"):
            return OK
    for entry in chosen:
        remove(entry.path)
    print(f"deleted {len(chosen)}")
    return OK


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


def _compare(arguments: Sequence[str]) -> int:
    parser = Parser("nn-debug compare", description="What differs between runs, and how they ended.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="the runs' files, two or more")
    options = parser.parse_args(arguments)
    if len(options.files) < 2:
        raise Refused("compare takes two runs or more")
    entries = [summary(_found(file)) for file in options.files]
    table = Table()
    for column in ("", *(entry.path.stem for entry in entries)):
        table.add_column(column, overflow="fold")
    outcomes: dict[str, Callable[[Summary], str]] = {
        "run": lambda e: e.info.name,
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
    values = [_known(entry) for entry in entries]
    for name, knob in KNOBS.items():
        shown = [knob.show(own[name]) if name in own else "–" for own in values]
        if len(set(shown)) > 1:
            table.add_row(knob.label, *shown)
    best = min(entries, key=lambda e: (math.isnan(e.best_val_loss), e.best_val_loss))
    Console(markup=False, emoji=False).print(table)
    if len({(entry.info.name, entry.info.metric) for entry in entries}) == 1:
        print(f"the lowest validation loss is that of {best.path.stem}")
    return OK


def _known(entry: Summary) -> dict[str, Any]:
    return {name: value for name, value in entry.hyperparameters.items() if name in KNOBS}


def _export(arguments: Sequence[str]) -> int:
    parser = Parser("nn-debug export", description="Write a recorded run for other programs.")
    parser.add_argument("file", metavar="FILE", help="the run's file (nn-debug runs lists them), or `last`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PATH", help="what to write")
    parser.add_argument("--format", choices=tuple(FORMATS), help="(default: by the ending of PATH)")
    parser.add_argument("--force", action="store_true", help="write over what is there")
    options = parser.parse_args(arguments)
    kind = options.format or options.output.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise Refused(f"{options.output}: say what to write by --format {', '.join(FORMATS)}")
    with closing(RunLog.open(_found(options.file), read_only=True)) as log:
        branches = log.branches()
    try:
        export(branches, options.output, kind, options.force)
    except FileExistsError as error:
        raise Refused(f"{error}: --force writes over it") from None
    except OSError as error:
        raise Refused(f"{options.output}: {error.strerror or error}") from None
    except ImportError as error:
        raise Refused(str(error)) from None
    epochs = sum(len(branch.history) for branch in branches)
    print(f"{options.output}: {epochs} epochs of {len(branches)} branch{'es' * (len(branches) > 1)}")
    return OK


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
