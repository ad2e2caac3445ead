"""`nn-debug completion`: the script by which a shell completes commands and options, made by shtab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_nn.data import registry

from .exits import Refused
from .parsing import Parser

FILES = ("EXPERIMENT", "FILE", "PATH", "FOLDER")  # the metavars of what is completed by files
DATA = "_nn_debug_data"


def script(shell: str, root: Parser, commands: Mapping[str, tuple[str, Parser]]) -> str:
    """The script for bash, zsh or tcsh. `Refused` where shtab is missing.

    `root` is what the program takes without a command; of each command there are its help and its parser.
    """
    try:
        import shtab
    except ImportError:
        raise Refused("completion needs shtab: pip install 'tinygrad-nn[completion]'") from None
    names = " ".join(registry.names())
    preamble = f'{DATA}() {{\n  compgen -W "{names}" -- "$1"\n  compgen -f -- "$1"\n}}'
    text: str = shtab.complete(_whole(root, commands, shtab.FILE), shell, preamble=preamble if shell == "bash" else "")
    if shell == "bash":  # what begins none of the commands may be a file
        text = text.replace("\ncomplete ", "\ncomplete -o default ")
    return text


def _whole(root: Parser, commands: Mapping[str, tuple[str, Parser]], file: Any) -> Parser:
    """All commands as one parser, as shells know them. `file` is shtab's word for what is a file."""
    below = root.add_subparsers(metavar="COMMAND")
    parsers = [root]
    for name, (help, parser) in commands.items():
        parsers.append(below.add_parser(name, help=help, parents=[parser], add_help=False))
    for action in (action for parser in parsers for action in parser._actions):
        if action.metavar in FILES:
            action.complete = file  # type: ignore[attr-defined]
        elif action.dest == "data":
            action.complete = {**file, "bash": DATA}  # type: ignore[attr-defined]
    return root
