"""Experiment files: a user's own Python, loaded with errors shown as theirs."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import traceback
from pathlib import Path

from .experiment import Experiment

INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
OWN = Path(__file__).resolve().parents[1]  # frames from here are not the user's business


class ExperimentError(Exception):
    """An experiment file that cannot be used; the message is for the user as it stands."""


def load_experiment(path: str | Path) -> Experiment:
    """The `Experiment` that a Python file defines: an instance, or else a subclass.

    ExperimentError: no such file, not Python, an error while it runs (their line, their traceback),
    no experiment in it or more than one.
    """
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    name = f"experiment_{path.stem}"  # a file called random.py must not replace the module of that name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"{path}: not a Python file; an experiment file ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that classes defined in it can be pickled
    sys.path.insert(0, str(path.resolve().parent))  # so that it can import what lies beside it
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        line = f"\n    {error.text.strip()}" if error.text else ""
        raise ExperimentError(f"{error.filename}, line {error.lineno}: {error.msg}{line}") from None
    except (Exception, SystemExit) as error:
        raise ExperimentError(f"{path} failed while it was loaded\n{user_traceback(error)}") from None
    finally:
        sys.path.pop(0)
    instances = [value for value in vars(module).values() if isinstance(value, Experiment)]
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Experiment) and value.__module__ == module.__name__
    ]
    found = instances or classes
    if len(found) != 1:
        what = "no Experiment" if not found else f"{len(found)} experiments"
        raise ExperimentError(
            f"{path} defines {what}: it needs one, a subclass of tinygrad_nn.training.Experiment or an instance"
        )
    if instances:
        return instances[0]
    try:
        return classes[0]()
    except Exception as error:
        raise ExperimentError(f"{classes[0].__name__}() failed\n{user_traceback(error)}") from None


def user_traceback(error: BaseException) -> str:
    """The traceback of an error without the library's own frames; whole, if none of them is the user's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not _internal(f.filename)]
    lines = traceback.format_list(own or frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def by_user(error: BaseException) -> bool:
    """Whether the user's code was running when the error was raised, and not only ours and Python's."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return not all(_internal(f) or f.startswith((*INSTALLED, "<")) for f in files)


def _internal(filename: str) -> bool:
    inside = Path(filename)
    return OWN in inside.parents or OWN.parent / "tui" in inside.parents or filename.startswith("<frozen")
