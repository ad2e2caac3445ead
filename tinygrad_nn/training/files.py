"""Experiment files: a user's own Python, loaded with errors shown as theirs, or settings alone as TOML.

# What this run is to show.
name = "houses"                # what the run is called; by default as its data
data = "houses.csv"            # a data set that ships, or a table, its path as seen from this file
target = "price"               # for a table, as `read_table` takes them: target, ignore, missing, task
ignore = ["id"]
missing = "mean"

[hyperparameters]              # any of them, by name; what is not set is as with `nn-debug --data`
lr = 0.01
hidden = [16, 16]
"""

from __future__ import annotations

import importlib.util
import re
import sys
import sysconfig
import tomllib
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..data import read_table, registry, train_validation_split
from ..data.names import unknown
from .experiment import Experiment
from .hyperparameters import KNOBS, named

INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
OWN = Path(__file__).resolve().parents[1]  # frames from here are not the user's business


class ExperimentError(Exception):
    """An experiment file that cannot be used; the message is for the user as it stands."""


def load_experiment(path: str | Path) -> Experiment:
    """The `Experiment` that a file defines: in Python an instance, or else a subclass; in TOML its settings.

    ExperimentError: no such file, neither Python nor TOML, an error while it runs (their line, their traceback), no
    experiment in it or more than one; in TOML a name that there is not, a value out of range, a table that cannot be
    used.
    """
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    return _from_toml(path) if path.suffix.lower() == ".toml" else _from_python(path)


def experiment_on(
    data: str,
    *,
    target: str | None = None,
    ignore: Collection[str] = (),
    missing: Any = "error",
    task: Any = None,
    folder: Path | None = None,
    name: str = "",
) -> Experiment:
    """The built-in recipe on a data set that ships, by its name, or on a table, by its path (seen from `folder`).

    `target`, `ignore`, `missing` and `task` are for a table, as `read_table` takes them; its report is in `notes`.
    ValueError: an unknown name, a table that cannot be used. OSError: it cannot be read. ImportError: as `read_table`.
    """
    path = (folder or Path()) / data
    if data not in registry.names() and (path.suffix or path.exists()):
        table, report = read_table(path, target, task=task, ignore=ignore, missing=missing)
        train_validation_split(table, rng=np.random.default_rng(0))  # what is too little for that is refused here
        return Experiment(table, name=name, notes=report.lines)
    registry.describe(data)  # an unknown name is refused here, before anything starts
    if target is not None or ignore or missing != "error" or task is not None:
        raise ValueError(f"target, ignore, missing and task are for a table of your own: {data} is one that ships")
    return Experiment(data, name=name)


# --- TOML

SETTINGS = ("name", "data", "target", "ignore", "missing", "task", "hyperparameters")


def _from_toml(path: Path) -> Experiment:
    try:
        text = path.read_text(encoding="utf-8-sig")
        settings = tomllib.loads(text)
    except OSError as error:
        raise ExperimentError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ExperimentError(f"{path}, line {line}: not UTF-8, as TOML must be") from None
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
        raise ExperimentError(f"{path}, line {found[2]}: {found[1]}" if found else f"{path}: {error}") from None

    def refuse(error: object, key: str) -> ExperimentError:
        return ExperimentError(f"{path}{_line_of(key, text)}: {error}")

    for key, value in settings.items():
        if key in KNOBS:
            raise refuse(f"{key} is a hyperparameter: it belongs under [hyperparameters]", key)
        if key not in SETTINGS:
            raise refuse(unknown("setting", key, SETTINGS), key)
        if key == "hyperparameters":
            if not isinstance(value, dict):
                raise refuse(f"hyperparameters must be a table, begun by [hyperparameters]; {value!r} is not", key)
        elif not isinstance(value, str) and not (
            key == "ignore" and isinstance(value, list) and all(isinstance(v, str) for v in value)
        ):
            wanted = "a text in quotation marks" + (" or a list of such" if key == "ignore" else "")
            raise refuse(f"{key} must be {wanted}; {value!r} is not", key)
    changes = {}
    for key, value in settings.pop("hyperparameters", {}).items():
        try:
            knob = named(key)
            changes[key] = knob.parse(value) if isinstance(value, str) else knob.check(value)
        except ValueError as error:
            raise refuse(error, key) from None
    try:
        experiment = experiment_on(settings.pop("data", "digits"), folder=path.parent, **settings)
    except OSError as error:
        raise refuse(f"{error.filename}: {error.strerror or error}", "data") from None
    except (ValueError, ImportError) as error:
        raise refuse(error, "") from None
    experiment.hyperparameters = experiment.hyperparameters.replace(**changes)
    return experiment


def _line_of(key: str, text: str) -> str:
    """Where a TOML file sets `key`, as ", line 3"; nothing where that is not certain, for `tomllib` does not tell."""
    setting = re.compile(rf"\s*(\[\s*|\w+\s*\.\s*)?[\"']?{re.escape(key)}[\"']?\s*[].=]")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if key and setting.match(line)]
    return f", line {lines[0]}" if len(lines) == 1 else ""


# --- Python


def _from_python(path: Path) -> Experiment:
    name = f"experiment_{path.stem}"  # a file called random.py must not replace the module of that name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"{path}: neither Python nor TOML: an experiment file ends in .py or .toml")
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
