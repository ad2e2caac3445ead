"""The command line: `nn-debug` opens the screen, `nn-debug run` does the same without it, `nn-debug graph` draws,
`nn-debug lr-find` looks for a learning rate.

Exit codes: 0 fine, 1 a fault was found (without the screen), 2 could not run, 129 the terminal has gone,
130 interrupted, 143 terminated.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import leaving
from .parsing import CANNOT, OK, Parser, Refused

if TYPE_CHECKING:
    from tinygrad_nn.training import Experiment, Hyperparameters
    from tinygrad_nn.training.source import Source

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `nn-debug` with these arguments; the exit code."""
    with leaving.hearing():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(arguments: list[str]) -> int:
    try:
        limit_threads(arguments)
        command = arguments[0] if arguments else ""
        if command in COMMANDS:
            return COMMANDS[command](arguments[1:])
        if command in RECORDED:
            from . import recorded

            return recorded.main(command, arguments[1:])
        return _screen(arguments)
    except Refused as refusal:
        print(f"nn-debug: {refusal}", file=sys.stderr)
        return CANNOT
    except BrokenPipeError:  # the reader of our output has gone, `nn-debug run | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def limit_threads(arguments: Sequence[str]) -> None:
    """One thread for matrix products unless asked otherwise; it must be said before NumPy is imported.

    Small products are slower on several threads, and on a busy machine very much slower.
    """
    early = Parser(prog="nn-debug", add_help=False)
    early.add_argument("--threads", type=int)
    threads = early.parse_known_args(arguments)[0].threads
    if threads is not None and threads < 1:
        raise Refused(f"--threads must be at least 1, not {threads}")
    for name in THREAD_VARIABLES:
        if threads is not None:
            os.environ[name] = str(threads)
        else:
            os.environ.setdefault(name, "1")


def _screen(arguments: Sequence[str]) -> int:
    parser = _parser(
        "nn-debug",
        "Watch a neural network train, step by step: pdb for training, in the terminal.\n"
        "`nn-debug run` does the same without the screen, `nn-debug graph` draws the network's computation graph,\n"
        "`nn-debug lr-find` looks for a learning rate; runs, resume, replay, compare and export are about recorded\n"
        "runs (each with --help).",
    )
    parser.add_argument("--paused", action="store_true", help="wait before the first step")
    parser.add_argument("--fast", action="store_true", help="train at full speed instead of one that eyes can follow")
    _record_options(parser)
    options = parser.parse_args(arguments)
    from .inferior import Start
    from .protocol import WATCHABLE
    from .screen import open_screen

    pace = None if options.fast else WATCHABLE
    return open_screen(Start(_source(options).absolute(), pace, not options.paused, _record(options)))


def _run(arguments: Sequence[str]) -> int:
    parser = _parser("nn-debug run", "Train without the screen; exit with 1 when a fault was found.")
    parser.add_argument("--epochs", metavar="N", help="how many epochs to train, short for --set epochs=N")
    _record_options(parser)
    options = parser.parse_args(arguments)
    if options.epochs is not None:
        options.set.append(f"epochs={options.epochs}")
    source = _source(options)
    experiment, hyperparameters = _loaded(source)
    from tinygrad_nn.training import Session
    from tinygrad_nn.training.recorder import Recorder

    from .headless import run

    for note in experiment.notes:
        print(note)
    file, recorder = _record(options), None
    if file is not None:
        recorder = Recorder(file or None, asdict(source.absolute()))
    listeners = [recorder] if recorder is not None else []
    return run(experiment, partial(Session, experiment, hyperparameters, listeners=listeners), recorder)


def _graph(arguments: Sequence[str]) -> int:
    parser = _parser("nn-debug graph", "Show the computation graph of a training step: a tree, or with -o a picture.")
    add = parser.add_argument
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="draw into FILE, by its ending: .svg .png .pdf .dot .json; .onnx: the model",
    )
    add("--level", choices=("modules", "operations", "arrays"), help="the detail (default: as much as can be read)")
    add("--depth", type=_count, metavar="N", help="draw modules nested deeper than N as one box each")
    add("--direction", choices=("TB", "LR"), default="TB", help="top-down (default) or left to right")
    add("--theme", choices=("light", "dark"), default="light", help="the picture's colours (default light)")
    add("--unfolded", action="store_true", help="draw what repeats as often as it does")
    add("--backward", action="store_true", help="the operations of the backward pass too")
    add("--epochs", type=_count, default=0, metavar="N", help="train N epochs first")
    add("--steps", type=_count, default=0, metavar="N", help="train N batches first (after the epochs)")
    options = parser.parse_args(arguments)
    experiment, hyperparameters = _loaded(_source(options))
    from .graphs import draw

    return draw(
        experiment,
        hyperparameters,
        options.output,
        epochs=options.epochs,
        steps=options.steps,
        backward=options.backward,
        level=options.level,
        depth=options.depth,
        folded=not options.unfolded,
        direction=options.direction,
        theme=options.theme,
    )


def _count(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is no whole number from 0 up")
    return int(word)


def _lr_find(arguments: Sequence[str]) -> int:
    parser = _parser(
        "nn-debug lr-find",
        "Train a fresh network for some batches while the learning rate rises, and suggest one from where the loss\n"
        "fell and diverged (Smith 2017); exit with 1 when the curve says nothing.",
    )
    parser.add_argument("--batches", type=int, default=200, metavar="N", help="how many batches (default: 200)")
    options = parser.parse_args(arguments)
    if options.batches < 20:
        raise Refused(f"--batches must be at least 20, not {options.batches}")
    experiment, hyperparameters = _loaded(_source(options))
    from .lr_find import run

    for note in experiment.notes:
        print(note)
    return run(experiment, hyperparameters, options.batches)


def _parser(prog: str, description: str) -> Parser:
    from tinygrad_nn.data import registry
    from tinygrad_nn.training import KNOBS

    knobs = "\n".join(
        f"  {k.name:<14} {k.help}\n{'':17}({k.allowed}; default {k.show(k.default)})" for k in KNOBS.values()
    )
    data = "\n".join(f"  {name:<14} {registry.describe(name)}" for name in registry.names())
    parser = Parser(
        prog=prog,
        description=description,
        epilog=f"data sets for --data:\n{data}\n\nhyperparameters for --set:\n{knobs}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="EXPERIMENT",
        help="a Python file that defines an Experiment, or a TOML file of data and hyperparameters",
    )
    parser.add_argument(
        "--data",
        metavar="NAME|FILE",
        help="train on a data set that ships (default: digits), or on a table of your own (CSV, TSV or NPZ)",
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column of your table to predict (default: the last)")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave out a column of your table; may be repeated",
    )
    parser.add_argument(
        "--missing",
        choices=("error", "mean", "drop"),
        default="error",
        help="rows of your table with missing values: refuse them, fill in the column's mean, or leave them out",
    )
    parser.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="what the target of your table is, where that is not to be guessed from its values",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a hyperparameter; may be repeated",
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads for matrix products (default 1: best for small networks)",
    )
    parser.add_argument("--version", action="version", version=f"nn-debug {_version()}")
    return parser


def _version() -> str:
    from tinygrad_nn import __version__

    return __version__


def _record_options(parser: Parser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--record", metavar="FILE", help="record the run in FILE (default: where nn-debug keeps runs)")
    where.add_argument("--no-record", action="store_true", help="record nothing")


def _record(options: argparse.Namespace) -> str | None:
    """The file to record in; "" is a new one where runs are kept, None no file."""
    return None if options.no_record else str(Path(options.record).resolve()) if options.record else ""


def _loaded(source: Source) -> tuple[Experiment, Hyperparameters]:
    """The experiment, and the hyperparameters with which it starts."""
    from tinygrad_nn.training.files import ExperimentError

    try:
        return source.load()
    except ExperimentError as error:
        raise Refused(str(error)) from None


def _source(options: argparse.Namespace) -> Source:
    """What to train and where it starts, from the command line."""
    from tinygrad_nn.training.source import Source

    table = options.target is not None or options.ignore or options.missing != "error" or options.task is not None
    if options.file is not None and options.data is not None:
        raise Refused("give an experiment file or --data, not both")
    if options.file is not None and table:
        raise Refused("--target, --ignore, --missing and --task are for a table of your own, given as --data")
    return Source(
        file=options.file or "",
        data=options.data or "digits",
        target=options.target,
        ignore=tuple(options.ignore),
        missing=options.missing,
        task=options.task,
        settings=tuple(options.set),
    )


COMMANDS = {"run": _run, "graph": _graph, "lr-find": _lr_find}
RECORDED = ("resume", "replay", "runs", "compare", "export")

if __name__ == "__main__":
    sys.exit(main())
