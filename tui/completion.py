"""`nn-debug completion`: the script by which a shell completes commands and options, made by shtab."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.data import registry

from .cli import COMMANDS, parser_of, screen_parser
from .parsing import Parser, Refused

FILES = ("EXPERIMENT", "FILE", "PATH", "FOLDER")  # the metavars of what is completed by files
DATA = "_nn_debug_data"


def script(shell: str) -> str:
    """The script for bash, zsh or tcsh. `Refused` where shtab is missing."""
    try:
        import shtab
    except ImportError:
        raise Refused("completion needs shtab: pip install 'tinygrad-nn[completion]'") from None
    names = " ".join(registry.names())
    preamble = f'{DATA}() {{\n  compgen -W "{names}" -- "$1"\n  compgen -f -- "$1"\n}}'
    text: str = shtab.complete(_whole(shtab.FILE), shell, preamble=preamble if shell == "bash" else "")
    if shell == "bash":  # what begins none of the commands may be a file
        text = text.replace("\ncomplete ", "\ncomplete -o default ")
    return text


def _whole(file: Any) -> Parser:
    """All commands as one parser, as shells know them. `file` is shtab's word for what is a file."""
    root = screen_parser(file=False)
    commands = root.add_subparsers(metavar="COMMAND")
    parsers = [root]
    for name, help in COMMANDS.items():
        parsers.append(commands.add_parser(name, help=help, parents=[parser_of(name)], add_help=False))
    for action in (action for parser in parsers for action in parser._actions):
        if action.metavar in FILES:
            action.complete = file  # type: ignore[attr-defined]
        elif action.dest == "data":
            action.complete = {**file, "bash": DATA}  # type: ignore[attr-defined]
    return root
