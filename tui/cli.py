"""The command line: `nn-debug` opens the screen, `nn-debug run` does the same without it, `nn-debug lr-find`
looks for a learning rate.

Exit codes: 0 fine, 1 a fault was found (without the screen), 2 could not run, 130 interrupted,
143 terminated.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tinygrad_nn.training import Experiment, Hyperparameters

OK, FAULT, CANNOT, INTERRUPTED = 0, 1, 2, 130
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Refused(Exception):
    """Bad input: the message is one clear line for the user."""


class Parser(argparse.ArgumentParser):
    """Complaints as one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message} (try {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `nn-debug` with these arguments; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        limit_threads(arguments)
        if arguments[:1] == ["run"]:
            return _run(arguments[1:])
        if arguments[:1] == ["lr-find"]:
            return _lr_find(arguments[1:])
        return _screen(arguments)
    except Refused as refusal:
        print(f"nn-debug: {refusal}", file=sys.stderr)
        return CANNOT
    except KeyboardInterrupt:
        print("nn-debug: interrupted", file=sys.stderr)
        return INTERRUPTED
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
        "`nn-debug run` does the same without the screen (see nn-debug run --help),\n"
        "`nn-debug lr-find` looks for a good learning rate.",
    )
    parser.add_argument("--paused", action="store_true", help="wait before the first step")
    parser.add_argument("--fast", action="store_true", help="train at full speed instead of one that eyes can follow")
    options = parser.parse_args(arguments)
    experiment, hyperparameters, notes = _experiment(options)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("this is not a terminal: use nn-debug run to train without the screen")
    size = os.get_terminal_size()
    from .app import MINIMUM_SIZE, NNDebugApp
    from .worker import WATCHABLE, Run, start

    if (size.columns, size.lines) < MINIMUM_SIZE or size.lines < MINIMUM_SIZE[1]:
        raise Refused(
            f"the terminal has {size.columns}x{size.lines} cells, the screen needs at least "
            f"{MINIMUM_SIZE[0]}x{MINIMUM_SIZE[1]}: enlarge it, or use nn-debug run"
        )
    worker = start(experiment, hyperparameters, None if options.fast else WATCHABLE)
    if not options.paused:
        worker.send(Run())
    try:
        return NNDebugApp(worker, notes).run() or OK
    finally:
        worker.close()


def _run(arguments: Sequence[str]) -> int:
    parser = _parser("nn-debug run", "Train without the screen; exit with 1 when a fault was found.")
    parser.add_argument("--epochs", metavar="N", help="how many epochs to train, short for --set epochs=N")
    options = parser.parse_args(arguments)
    if options.epochs is not None:
        options.set.append(f"epochs={options.epochs}")
    experiment, hyperparameters, notes = _experiment(options)
    from .headless import run

    for note in notes:
        print(note)
    return run(experiment, hyperparameters)


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
    experiment, hyperparameters, notes = _experiment(options)
    from .lr_find import run

    for note in notes:
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
    parser.add_argument("file", nargs="?", metavar="EXPERIMENT.py", help="a Python file that defines an Experiment")
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


def _experiment(options: argparse.Namespace) -> tuple[Experiment, Hyperparameters, tuple[str, ...]]:
    """What to train, where it starts, and what was done to the data, from the command line."""
    from tinygrad_nn.data import read_table, registry
    from tinygrad_nn.training import Experiment
    from tinygrad_nn.training.files import ExperimentError, load_experiment

    try:
        if options.file is not None and options.data is not None:
            raise Refused("give an experiment file or --data, not both")
        name = options.data or "digits"
        notes: tuple[str, ...] = ()
        is_table = (
            options.data is not None and (Path(name).suffix or Path(name).exists()) and name not in registry.names()
        )
        if not is_table and (options.target is not None or options.ignore or options.missing != "error"):
            raise Refused("--target, --ignore and --missing are for a table of your own: give its file as --data")
        if options.file is not None:
            experiment = load_experiment(options.file)
        elif is_table:
            table, report = read_table(name, options.target, ignore=options.ignore, missing=options.missing)
            experiment, notes = Experiment(table), report.lines
        else:
            registry.describe(name)  # an unknown name is refused here, before anything starts
            experiment = Experiment(name)
        return experiment, experiment.hyperparameters.updated(options.set), notes
    except OSError as error:
        raise Refused(f"{name}: {error.strerror or error}") from None
    except (ValueError, ImportError, ExperimentError) as error:
        raise Refused(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
