"""Experiment files: a user's own Python, loaded with errors shown as theirs, or settings alone as TOML.

# What this run is to show.
name = "houses"                # what the run is called; by default as its data
data = "houses.csv"            # a data set that ships, or a table, its path as seen from this file
target = "price"               # for a table, as `read_table` takes them: target, ignore, missing, task, text, number,
                               # encoding
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
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..data import read_table, registry, train_validation_split
from ..data.names import unknown
from .blame import ExperimentError as ExperimentError
from .blame import by_user as by_user
from .blame import interrupted as interrupted
from .blame import user_traceback as user_traceback
from .border import check_attributes
from .experiment import Experiment
from .hyperparameters import KNOBS, named

TABLES = (".csv", ".tsv", ".tab", ".txt", ".npz")  # the endings of what is a table, and no experiment


def load_experiment(path: str | Path) -> Experiment:
    """The `Experiment` that a file defines: in Python an instance, or else a subclass; in TOML its settings.

    Of a class and those derived from it the last is meant; `FILE:NAME` chooses one of several.

    Raises:
        ExperimentError: no such file, neither Python nor TOML, an error while it runs (their line, their traceback), no
            experiment in it or more than one, an attribute that is not what it must be; in TOML a name that there is
            not, a value out of range, a table that cannot be used.
    """
    chosen = ""
    if not Path(path).is_file() and str(path).rpartition(":")[2].isidentifier():
        path, _, chosen = str(path).rpartition(":")
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    if path.suffix.lower() in TABLES:
        raise ExperimentError(f"{path}: a table is given as --data {path}")
    if path.suffix.lower() == ".toml":
        if chosen:
            raise ExperimentError(f"{path}: a TOML file is one experiment, there is nothing to choose by :{chosen}")
        return _from_toml(path)
    experiment = _chosen(path, _module(path), chosen)
    check_attributes(experiment)
    return experiment


def experiment_on(
    data: str,
    *,
    target: str | None = None,
    ignore: Collection[str] = (),
    missing: Any = "error",
    task: Any = None,
    text: Collection[str] = (),
    number: Collection[str] = (),
    encoding: str | None = None,
    folder: Path | None = None,
    name: str = "",
) -> Experiment:
    """The built-in recipe on a data set that ships, by its name, or on a table, by its path (seen from `folder`).

    `target` to `encoding` are for a table, as `read_table` takes them; its report is in `notes`.

    Raises:
        ValueError: an unknown name, a table that cannot be used.
        OSError: it cannot be read.
    """
    path = (folder or Path()) / data
    if data not in registry.names() and (path.suffix or path.exists()):
        table, report = read_table(
            path, target, task=task, ignore=ignore, missing=missing, text=text, number=number, encoding=encoding
        )
        train_validation_split(table, rng=np.random.default_rng(0))  # what is too little for that is refused here
        return Experiment(table, name=name, notes=report.lines)
    registry.describe(data)  # an unknown name is refused here, before anything starts
    if target is not None or ignore or missing != "error" or task is not None or text or number or encoding:
        raise ValueError(
            "target, ignore, missing, task, text, number and encoding are for a table of your own: "
            f"{data} is one that ships"
        )
    return Experiment(data, name=name)


# --- TOML

SETTINGS = ("name", "data", "target", "ignore", "missing", "task", "text", "number", "encoding", "hyperparameters")
LISTS = ("ignore", "text", "number")  # that may be several


def _from_toml(path: Path) -> Experiment:
    try:
        text = path.read_text(encoding="utf-8-sig")
        settings = tomllib.loads(text)
    except OSError as error:
        raise ExperimentError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ExperimentError(f"{path}, line {line}: not UTF-8, as TOML must be") from None
    except RecursionError:
        raise ExperimentError(f"{path}: its values are nested too deeply") from None
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
            key in LISTS and isinstance(value, list) and all(isinstance(v, str) for v in value)
        ):
            wanted = "a text in quotation marks" + (" or a list of such" if key in LISTS else "")
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


def _module(path: Path) -> ModuleType:
    name = f"experiment_{path.stem}"  # a file called random.py must not replace the module of that name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"{path}: neither Python nor TOML: an experiment file ends in .py or .toml")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that classes defined in it can be pickled
    sys.path.insert(0, str(path.resolve().parent))  # so that it can import its neighbours
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        line = f"\n    {error.text.strip()}" if error.text else ""
        raise ExperimentError(f"{error.filename}, line {error.lineno}: {error.msg}{line}") from None
    except BaseException as error:
        if interrupted(error):
            raise
        raise ExperimentError(f"{path} failed while it was loaded\n{user_traceback(error)}") from None
    finally:
        sys.path.pop(0)
    return module


def _chosen(path: Path, module: ModuleType, name: str) -> Experiment:
    """The experiment of a module: by its name, or the only one that is meant."""
    found = {key: value for key, value in vars(module).items() if _is_experiment(value)}
    if name and name not in found:
        raise ExperimentError(f"{path}: {unknown('experiment', name, found)}" if found else _how_many(path, ()))
    if name:
        return _made(found[name])
    instances = {id(value): key for key, value in found.items() if isinstance(value, Experiment)}
    classes = {
        value: key for key, value in found.items() if isinstance(value, type) and value.__module__ == module.__name__
    }
    last = [key for cls, key in classes.items() if not any(cls in other.__mro__[1:] for other in classes)]
    names = list(instances.values()) or last
    if len(names) != 1:
        raise ExperimentError(_how_many(path, names))
    return _made(found[names[0]])


def _is_experiment(value: object) -> bool:
    derived = isinstance(value, type) and issubclass(value, Experiment) and value is not Experiment
    return isinstance(value, Experiment) or derived


def _how_many(path: Path, names: Sequence[str]) -> str:
    if not names:
        return (
            f"{path} defines no Experiment: it needs one, a subclass of tinygrad_nn.training.Experiment or an instance"
        )
    return f"{path} defines {len(names)} experiments, {', '.join(names)}: choose one, {path}:{names[0]}"


def _made(found: Any) -> Experiment:
    """An instance, of a class by calling it without arguments."""
    if isinstance(found, Experiment):
        return found
    try:
        return found()  # type: ignore[no-any-return]
    except BaseException as error:
        if interrupted(error):
            raise
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:  # it was not entered
            raise ExperimentError(f"{found.__name__}() must be possible without arguments: {error}") from None
        raise ExperimentError(f"{found.__name__}() failed\n{user_traceback(error)}") from None
