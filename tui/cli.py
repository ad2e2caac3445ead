"""The command line: `nn-debug` opens the screen, `nn-debug COMMAND` does one thing without it.

What takes long to import is imported where it is needed: `--help` and `--version` answer at once, and a command says
what it loads before it does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from . import __version__, leaving
from .exits import MEANINGS, Answered, Exit, Refused
from .parsing import Parser
from .streams import announce, complain, counting, mute, prepare, reader_gone, reserved, say

if TYPE_CHECKING:
    from tinygrad_nn.training import Experiment, Hyperparameters
    from tinygrad_nn.training.source import Source

PICTURES = ("svg", "png", "pdf", "dot", "json", "onnx")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# What each does, in the order in which the help lists them.
COMMANDS = {
    "run": "train without the screen",
    "graph": "show or draw the computation graph of a training step",
    "lr-find": "look for a learning rate by a range test",
    "runs": "list the recorded runs, or delete some",
    "resume": "go on with a recorded run where it ended",
    "replay": "look at a recorded run",
    "compare": "what differs between recorded runs, and how they ended",
    "export": "write a recorded run as CSV, JSON, Parquet or for TensorBoard",
    "knobs": "list the hyperparameters that --set takes",
    "completion": "print a script by which a shell completes commands and options",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `nn-debug` with these arguments; the exit code."""
    with leaving.hearing(stays=argv is None):
        code = _main(list(sys.argv[1:] if argv is None else argv))
        return leaving.told() or code


def _main(arguments: Sequence[str]) -> int:
    try:
        prepare()
        code = _command(arguments)
        sys.stdout.flush()
        return code
    except BaseException as error:
        return _ended(error)


def _command(arguments: Sequence[str]) -> int:
    """The command that the arguments name, or the screen."""
    command = arguments[0] if arguments else ""
    if command == "--version":
        say(f"nn-debug {__version__}")
        return Exit.FINE
    limit_threads(arguments)
    try:
        if command in OWN:
            return OWN[command][0](arguments[1:])
        if command in COMMANDS:
            from . import recorded

            return recorded.main(command, arguments[1:])
        if command and not command.startswith("-"):
            _check_file(command)  # before anything else is wrong with what follows it
        return _screen(arguments)
    except Answered:
        return Exit.FINE


def _ended(error: BaseException) -> int:
    """The exit code of a command that an error has ended, and what there is to say of it."""
    if isinstance(error, BrokenPipeError) and reader_gone():
        mute()
        return Exit.BROKEN_PIPE
    try:
        if isinstance(error, Refused):
            complain(str(error))
            return Exit.CANNOT
        if isinstance(error, OSError):
            complain(f"{error.filename or 'the output cannot be written'}: {error.strerror or error}")
            mute()
            return Exit.CANNOT
        if isinstance(error, MemoryError):
            complain("there is not enough memory")
            return Exit.CANNOT
        if isinstance(error, Exception):
            import traceback

            complain("this is a crash of nn-debug, not of your experiment: please report it, with the command and this")
            say("".join(traceback.format_exception(error)).rstrip(), sys.stderr)
            return Exit.CRASH
    except OSError:  # nobody reads what is said of it
        mute()
        return Exit.BROKEN_PIPE
    raise error


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


# --- the screen


def screen_parser(file: bool = True) -> Parser:
    """What `nn-debug` without a command takes; without `file`, its options alone."""
    commands = "\n".join(f"  {name:<12}{help}" for name, help in COMMANDS.items())
    parser = _parser(
        "nn-debug",
        "Watch a neural network train, step by step: pdb for training, in the terminal.\n\n"
        f"commands, each with a --help of its own:\n{commands}",
        file,
    )
    parser.usage = "nn-debug [EXPERIMENT] [options]\n       nn-debug COMMAND ..."
    parser.add_argument("--paused", action="store_true", help="wait before the first step")
    parser.add_argument("--fast", action="store_true", help="train at full speed instead of one that eyes can follow")
    parser.add_argument("--version", action="version", version=f"nn-debug {__version__}")
    _record_options(parser)
    return parser


def _screen(arguments: Sequence[str]) -> int:
    options = screen_parser().parse_args(arguments)
    _announce(options)
    from .inferior import Start
    from .protocol import WATCHABLE
    from .screen import open_screen

    pace = None if options.fast else WATCHABLE
    return open_screen(Start(_source(options).absolute(), pace, not options.paused, _record(options)))


# --- without it


def _run_parser() -> Parser:
    parser = _parser("nn-debug run", "Train without the screen; exit with 1 when a fault or a warning was found.")
    parser.add_argument("--epochs", metavar="N", help="how many epochs to train, short for --set epochs=N")
    _json_option(parser)
    _record_options(parser)
    return parser


def _run(arguments: Sequence[str]) -> int:
    options = _run_parser().parse_args(arguments)
    if options.json:
        with reserved() as output:
            return _trained(options, output)
    return _trained(options)


def _trained(options: argparse.Namespace, output: IO[bytes] | None = None) -> int:
    if options.epochs is not None:
        options.set.append(f"epochs={options.epochs}")
    _announce(options)
    source = _source(options)
    experiment, hyperparameters = _loaded(source)
    from dataclasses import asdict
    from functools import partial

    from tinygrad_nn.training import Session
    from tinygrad_nn.training.recorder import Recorder

    from .headless import run

    for note in experiment.notes:
        say(note)
    file, recorder = _record(options), None
    if file is not None:
        recorder = Recorder(file or None, asdict(source.absolute()))
    listeners = [recorder] if recorder is not None else []
    return run(experiment, partial(Session, experiment, hyperparameters, listeners=listeners), recorder, output)


def _graph_parser() -> Parser:
    parser = _parser("nn-debug graph", "Show the computation graph of a training step: a tree, or with -o a picture.")
    add = parser.add_argument
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="draw into FILE, by its ending: .svg .png .pdf .dot .json; .onnx: the model; - is standard output",
    )
    add("--format", choices=PICTURES, help="what -o - writes (default: svg)")
    add("--level", choices=("modules", "operations", "arrays"), help="the detail (default: as much as can be read)")
    add("--depth", type=_count, metavar="N", help="draw modules nested deeper than N as one box each")
    add("--direction", choices=("TB", "LR"), default="TB", help="top-down (default) or left to right")
    add("--theme", choices=("light", "dark"), default="light", help="the picture's colours (default light)")
    add("--unfolded", action="store_true", help="draw what repeats as often as it does")
    add("--backward", action="store_true", help="the operations of the backward pass too")
    add("--epochs", type=_count, default=0, metavar="N", help="train N epochs first")
    add("--steps", type=_count, default=0, metavar="N", help="train N batches first (after the epochs)")
    return parser


def _graph(arguments: Sequence[str]) -> int:
    options = _graph_parser().parse_args(arguments)
    if options.format is not None and options.output != "-":
        raise Refused("--format says what -o - writes: a file of yours is written by its ending")
    if options.output != "-":
        return _drawn(options, options.output)
    kind = options.format or "svg"
    if kind in ("svg", "png", "pdf"):
        from tinygrad_nn.graph.pictures import HOW, engines

        if not engines(kind):
            raise Refused(f"{HOW}; --format dot and json need none")
    from tempfile import TemporaryDirectory

    with reserved() as stream, TemporaryDirectory() as folder:
        return _drawn(options, os.path.join(folder, f"graph.{kind}"), stream)


def _drawn(options: argparse.Namespace, output: str | None, stream: IO[bytes] | None = None) -> int:
    _announce(options)
    experiment, hyperparameters = _loaded(_source(options))
    from pathlib import Path

    from .graphs import draw

    return draw(
        experiment,
        hyperparameters,
        None if output is None else Path(output),
        stream,
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
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from 0 up")
    return int(word)


def _lr_find_parser() -> Parser:
    parser = _parser(
        "nn-debug lr-find",
        "Train a fresh network for some batches while the learning rate rises, and suggest one from where the loss\n"
        "fell and diverged (Smith 2017); exit with 2 when the curve says nothing.",
    )
    parser.add_argument("--batches", type=int, default=200, metavar="N", help="how many batches (default: 200)")
    _json_option(parser)
    return parser


def _lr_find(arguments: Sequence[str]) -> int:
    options = _lr_find_parser().parse_args(arguments)
    if options.batches < 20:
        raise Refused(f"--batches must be at least 20, not {options.batches}")
    if options.json:
        with reserved() as output:
            return _searched(options, output)
    return _searched(options)


def _searched(options: argparse.Namespace, output: IO[bytes] | None = None) -> int:
    _announce(options)
    experiment, hyperparameters = _loaded(_source(options))
    from .lr_find import run

    for note in experiment.notes:
        say(note)
    return run(experiment, hyperparameters, options.batches, output)


def _knobs_parser() -> Parser:
    parser = Parser("nn-debug knobs", description="The hyperparameters that --set takes: all of them, a line each.")
    parser.add_argument("name", nargs="*", metavar="NAME", help="all there is to say of these")
    return parser


def _knobs(arguments: Sequence[str]) -> int:
    options = _knobs_parser().parse_args(arguments)
    from .knobs import listing

    say(listing(options.name))
    return Exit.FINE


def _completion_parser() -> Parser:
    parser = Parser(
        "nn-debug completion",
        description="Print a script by which a shell completes commands and options (needs the extra `completion`).",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return parser


def _completion(arguments: Sequence[str]) -> int:
    options = _completion_parser().parse_args(arguments)
    from .completion import script

    commands = {name: (help, parser_of(name)) for name, help in COMMANDS.items()}
    say(script(options.shell, screen_parser(file=False), commands))
    return Exit.FINE


# --- what they share


def _parser(prog: str, description: str, file: bool = True) -> Parser:
    parser = Parser(prog=prog, description=description, closing=_closing)
    if file:
        parser.add_argument(
            "file",
            nargs="?",
            metavar="EXPERIMENT",
            help="a Python file that defines an Experiment (FILE:NAME chooses one of several), or a TOML file of data "
            "and hyperparameters",
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
        choices=("error", "mean", "drop", "category"),
        default="error",
        help="missing values: refuse them, take the column's mean, drop their rows, or (texts) take them as a category",
    )
    for kind in ("text", "number"):
        parser.add_argument(
            f"--{kind}",
            action="append",
            default=[],
            metavar="COLUMN",
            help=f"take a column of your table as {kind}s",
        )
    parser.add_argument("--encoding", help="of your table, where it is not UTF-8")
    parser.add_argument("--force", action="store_true", help="even if it takes over half of the memory")
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
        help="set a hyperparameter (nn-debug knobs lists them); may be repeated",
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads for matrix products (default 1: best for small networks)",
    )
    return parser


def _closing() -> str:
    """The end of the help: the data sets, and what the exit codes mean."""
    from tinygrad_nn.data import registry

    data = "\n".join(f"  {name:<14} {registry.describe(name)}" for name in registry.names())
    codes = "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items())
    return f"data sets for --data:\n{data}\n\nexit codes:\n{codes}"


def _json_option(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="write the outcome as JSON, and nothing else")


def _announce(options: argparse.Namespace) -> None:
    announce(f"loading {options.file or options.data or 'digits'}")


def _record_options(parser: Parser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--record", metavar="FILE", help="record the run in FILE (default: where nn-debug keeps runs)")
    where.add_argument("--no-record", action="store_true", help="record nothing")


def _record(options: argparse.Namespace) -> str | None:
    """The file to record in; "" is a new one where runs are kept, None no file."""
    return None if options.no_record else os.path.realpath(options.record) if options.record else ""


def _loaded(source: Source) -> tuple[Experiment, Hyperparameters]:
    """The experiment, and the hyperparameters with which it starts."""
    from tinygrad_nn.training.files import ExperimentError

    try:
        with counting():
            return source.load()
    except ExperimentError as error:
        raise Refused(str(error)) from None


def _source(options: argparse.Namespace) -> Source:
    """What to train and where it starts, from the command line."""
    from dataclasses import asdict

    from tinygrad_nn.memory import FORCE
    from tinygrad_nn.training.source import Source, Table

    table = Table(
        target=options.target,
        ignore=tuple(options.ignore),
        missing=options.missing,
        task=options.task,
        text=tuple(options.text),
        number=tuple(options.number),
        encoding=options.encoding,
    )
    if options.force:
        os.environ[FORCE] = "1"  # for the process that trains, too
    if options.file is not None:
        _check_file(options.file)
    if options.file is not None and options.data is not None:
        raise Refused("give an experiment file or --data, not both")
    if options.file is not None and table != Table():
        said = next(f"--{name}" for name, value in asdict(table).items() if value != getattr(Table(), name))
        raise Refused(f"{said} is for a table of your own, given as --data")
    return Source(
        file=options.file or "",
        data=options.data or "digits",
        settings=tuple(options.set),
        **asdict(table),
    )


def _check_file(word: str) -> None:
    """`Refused` where what stands in the place of an experiment file is something else, with what was meant."""
    if word in COMMANDS:
        raise Refused(f"{word} is a command, which comes first: nn-debug {word} ...")
    if os.path.exists(word) or os.path.dirname(word):
        return
    stem, ending = os.path.splitext(word)
    if ending and stem:
        return
    from difflib import get_close_matches

    from tinygrad_nn.data import registry

    if word in registry.names():
        raise Refused(f"{word} is a data set: --data {word}")
    close = get_close_matches(word, [*COMMANDS, "--help", "--version"], n=1)
    data = get_close_matches(word, registry.names(), n=1)
    meant = f"nn-debug {close[0]}" if close else f"--data {data[0]}" if data else ""
    hint = f"did you mean {meant}?" if meant else "nn-debug --help lists the commands"
    raise Refused(f"there is no command and no file {word!r}: {hint}")


def parser_of(command: str) -> Parser:
    """What a command takes."""
    if command in OWN:
        return OWN[command][1]()
    from . import recorded

    return recorded.PARSERS[command]()


OWN = {
    "run": (_run, _run_parser),
    "graph": (_graph, _graph_parser),
    "lr-find": (_lr_find, _lr_find_parser),
    "knobs": (_knobs, _knobs_parser),
    "completion": (_completion, _completion_parser),
}

if __name__ == "__main__":
    sys.exit(main())
