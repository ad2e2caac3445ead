"""Border: between a run and the code of an experiment's author. What comes over it is looked at.

What a method takes and returns, and what is set in its class, is checked here and nowhere else, so that a mistake is
told in the author's terms: which method, what came, what was wanted, in which line.
"""

from __future__ import annotations

import ast
import inspect
import os
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from copy import copy
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, optim
from ..core.backward import is_grad_enabled
from ..core.node import Array, Node
from ..data import Dataset, Task, registry
from ..tensors import Tensor
from .blame import ExperimentError, by_user
from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters

A_DATASET = ": Dataset(name, x, y, feature_names, target_names, task) makes one of arrays, read_table() of a file"
METHODS = ("data", "model", "loss", "targets", "score", "optimizer")
DEEP = 3  # how far containers in containers are looked through
# What an operation of the library raises where its inputs do not fit.
MISFITS = (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)


class Border:
    """An experiment with what its author has written checked: the attributes at once, what methods return as it comes.

    It has the methods of the experiment, and two for what came from them at work, `output` and `value`. They raise
    `ExperimentError`; what the author's own lines raise comes through as it is. `reads` are the hyperparameters that
    the methods have looked at so far.
    """

    def __init__(self, experiment: Experiment) -> None:
        check_attributes(experiment)
        self.experiment = experiment
        self.reads: set[str] = set()

    # --- the methods

    def data(self, hp: Hyperparameters, rng: np.random.Generator) -> Dataset:
        found = self._call("data", self._watched(hp), rng)
        if not isinstance(found, Dataset):
            raise self._unfit("data", "a Dataset", found, A_DATASET)
        return found

    def model(self, hp: Hyperparameters, train: Dataset, rng: np.random.Generator) -> nn.Module:
        found = self._call("model", self._watched(hp), train, rng)
        if not isinstance(found, nn.Module):
            raise self._unfit("model", "an nn.Module", found)
        check_parts(found, self._method("model"))
        return found

    def loss(self, hp: Hyperparameters, train: Dataset) -> Callable[[Tensor, Any], Tensor]:
        found = self._call("loss", self._watched(hp), train)
        if not callable(found) or isinstance(found, type):
            raise self._unfit("loss", "a function of output and target, such as nn.MSELoss()", found)
        return found  # type: ignore[no-any-return]

    def targets(self, hp: Hyperparameters, part: Dataset) -> Array:
        found = self._call("targets", self._watched(hp), part)
        fits = isinstance(found, np.ndarray) and found.shape[:1] == (part.n_samples,) and found.dtype.kind in "biuf"
        if not fits:
            raise self._unfit("targets", f"a NumPy array of numbers with {part.n_samples} rows, an example each", found)
        return found  # type: ignore[no-any-return]

    def optimizer(self, hp: Hyperparameters, parameters: Iterable[Tensor]) -> optim.Optimizer:
        parameters = list(parameters)
        found = self._call("optimizer", self._watched(hp), parameters)
        if not isinstance(found, optim.Optimizer):
            raise self._unfit("optimizer", "an optim.Optimizer", found)
        if not _held(found) & set(map(id, parameters)):
            raise self._unfit("optimizer", "an optimiser of the parameters that it is given", found, ", of others")
        return found

    def score(self, task: Task, output: Array, target: Array) -> float:
        try:
            found = self._call("score", task, output, target)
        except MISFITS as error:
            raise self._at_work("score", f"it fails on an output of shape {output.shape}", error) from None
        if isinstance(found, np.ndarray) and found.ndim == 0:
            found = found[()]
        if not isinstance(found, Real):
            raise self._unfit("score", "a number, the sum over the batch", found)
        return float(found)

    # --- at work

    def output(self, model: nn.Module, x: Array) -> Tensor:
        """What the model gives for examples (n, features): a Tensor of n rows."""
        try:
            found = model(Tensor(x))
        except MISFITS as error:
            raise self._at_work("model", f"its network fails on a batch of shape {x.shape}", error) from None
        if not isinstance(found, Tensor) or found.shape[:1] != x.shape[:1]:
            raise ExperimentError(
                f"{_placed(type(model).forward, type(model))} must return a Tensor of {len(x)} rows, an example each; "
                f"it returned {described(found)}"
            )
        return found

    def value(self, loss: Callable[[Tensor, Any], Tensor], output: Tensor, target: Array) -> Tensor:
        """The loss of a batch: a Tensor of one number, with the graph to it while gradients are asked for."""
        try:
            found = loss(output, target)
        except MISFITS as error:
            what = f"it fails on an output of shape {output.shape} and a target of shape {target.shape}, {target.dtype}"
            raise self._at_work("loss", what, error) from None
        if isinstance(found, Tensor) and found.size == 1 and found.dtype.kind == "f":
            if found.requires_grad or not is_grad_enabled():
                return found
            why = "; the model's parameters have no part in it: it was detached, or not computed on Tensors"
        else:
            why = ": take its mean()" if isinstance(found, Tensor) and found.size > 1 else ""
        raise ExperimentError(
            f"{self._method('loss')} must return a function that gives a Tensor of one floating-point number, the mean "
            f"over the batch, from output and target; it gave {described(found)}{why}"
        )

    def check_reach(self, loss: Tensor, model: nn.Module, optimizer: optim.Optimizer) -> None:
        """Refuse a loss that comes from a Parameter that nothing will train.

        Raises:
            ExperimentError: it does.
        """
        known = set(map(id, model.parameters())) | _held(optimizer)
        for parameter in _leaves(loss):
            if isinstance(parameter, nn.Parameter) and id(parameter) not in known:
                raise ExperimentError(
                    f"{self._method('model')}: its network computes with a Parameter of shape {parameter.shape} that "
                    "model.parameters() does not give, so it would not be trained, shown or saved: what a network is "
                    "made of must be attributes of its modules, or in nn.ModuleList"
                )

    # --- how it is told

    def _call(self, name: str, *arguments: Any) -> Any:
        method = getattr(self.experiment, name)
        if not callable(method):
            raise ExperimentError(f"{self._method(name)} must be a method; it is {described(method)}")
        try:
            return method(*arguments)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise
            wanted = ", ".join(inspect.signature(getattr(Experiment, name)).parameters)
            raise ExperimentError(f"{self._method(name)} must take ({wanted}): {error}") from None  # was not entered

    def _watched(self, hp: Hyperparameters) -> Hyperparameters:
        """The same values, with a note of each that is read."""
        watched = copy(hp)
        object.__setattr__(watched, "__class__", _Watched)
        object.__setattr__(watched, "note", self.reads.add)
        return watched

    def _method(self, name: str) -> str:
        own = next((cls for cls in type(self.experiment).__mro__ if name in vars(cls)), type(self.experiment))
        return _placed(getattr(self.experiment, name), own, name)

    def _unfit(self, name: str, wanted: str, found: object, hint: str = "") -> ExperimentError:
        hint = ": is `return` missing?" if found is None else "" if isinstance(found, type) else hint
        return ExperimentError(f"{self._method(name)} must return {wanted}; it returned {described(found)}{hint}")

    def _at_work(self, name: str, what: str, error: Exception) -> Exception:
        """What to raise for an error in what the method `name` has returned; its own if the author's lines ran."""
        own = type(self.experiment)
        theirs = [other for other in METHODS if getattr(own, other) is not getattr(Experiment, other)]
        if isinstance(error, ExperimentError) or by_user(error) or not theirs:
            return error
        culprit = name if name in theirs else "model" if "model" in theirs else theirs[0]
        return ExperimentError(f"{self._method(culprit)}: {what}: {type(error).__name__}: {error}")


class _Watched(Hyperparameters):
    """Hyperparameters that note which of them are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in KNOBS:
            super().__getattribute__("note")(name)
        return super().__getattribute__(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hyperparameters) and not self.differences(other)

    __hash__ = Hyperparameters.__hash__

    def replace(self, **changes: Any) -> Hyperparameters:
        return Hyperparameters(**{name: getattr(self, name) for name in KNOBS}).replace(**changes)


def _held(optimizer: optim.Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def _leaves(result: Tensor) -> Iterator[Tensor]:
    """The tensors that a result has been computed from and that ask for a gradient."""
    waiting, seen = [result.node], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Node):
            waiting += node.parents
        elif (tensor := node.variable()) is not None:
            yield tensor  # type: ignore[misc]


# --- what is set, and what a network is made of


def check_attributes(experiment: Experiment) -> None:
    """Check the attributes of the experiment.

    Raises:
        ExperimentError: one is not what it must be.
    """
    if not isinstance(experiment, Experiment):
        raise ExperimentError(f"an experiment must be an Experiment; it is {described(experiment)}")
    wanted: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "hyperparameters": ("Hyperparameters", lambda value: isinstance(value, Hyperparameters)),
        "name": ("a text", lambda value: isinstance(value, str)),
        "notes": (
            "a tuple of texts",
            lambda value: isinstance(value, tuple) and all(isinstance(v, str) for v in value),
        ),
    }
    if type(experiment).data is Experiment.data:
        wanted["dataset"] = "a Dataset or the name of one that ships", lambda value: isinstance(value, Dataset | str)
    for name, (what, fits) in wanted.items():
        value = getattr(experiment, name)
        if not fits(value):
            hint = ""
            if name == "dataset" and not isinstance(value, type):
                hint = A_DATASET
            elif name == "hyperparameters" and isinstance(value, Mapping):
                settings = ", ".join(f"{key}={reprlib.repr(v)}" for key, v in value.items())
                hint = f": Hyperparameters({settings}) makes them"
            raise ExperimentError(f"{_attribute(experiment, name)} must be {what}; it is {described(value)}{hint}")
    if isinstance(experiment.dataset, str) and "dataset" in wanted:
        try:
            registry.describe(experiment.dataset)
        except ValueError as error:
            raise ExperimentError(f"{_attribute(experiment, 'dataset')}: {error}") from None


def check_parts(model: nn.Module, where: str) -> None:
    """Check that a network can be trained.

    Raises:
        ExperimentError: it has nothing to learn, or parts that it does not know itself.
    """
    known = {*map(id, model.modules()), *map(id, model.parameters())}
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, nn.Module | nn.Parameter):
                continue
            lost = [part for part in _parts(value, DEEP) if id(part) not in known and _learns(part)]
            if lost:
                raise ExperimentError(_lost(type(module), name, value, lost))
    if not any(p.requires_grad for p in model.parameters()):
        what = "no parameters" if next(model.parameters(), None) is None else "only parameters that are frozen"
        raise ExperimentError(f"{where} must return a network that can learn; {type(model).__name__} has {what}")


def _parts(value: object, deep: int) -> Iterator[nn.Module | Tensor]:
    """The modules and tensors in a container, and in the containers in it."""
    if isinstance(value, nn.Module | Tensor):
        yield value
    elif deep and isinstance(value, Mapping | list | tuple | Set):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _parts(item, deep - 1)


def _learns(part: nn.Module | Tensor) -> bool:
    if isinstance(part, nn.Module):
        return any(p.requires_grad for p in part.parameters())
    return part.requires_grad and part.is_leaf


def _lost(kind: type, name: str, value: object, lost: list[nn.Module | Tensor]) -> str:
    modules = [part for part in lost if isinstance(part, nn.Module)]
    line = _line(kind, name)
    held = f"{kind.__name__}.{name}{line} is {described(value)}"
    if isinstance(value, Tensor):
        return f"{held}, which its module does not take for a parameter: make it an nn.Parameter"
    wanted = ("ModuleDict" if modules else "ParameterDict") if isinstance(value, Mapping) else ""
    wanted = wanted or ("ModuleList" if modules else "ParameterList")
    how = f"put them into nn.{wanted}" if hasattr(nn, wanted) else "make each an attribute of its own"
    what = f"{len(lost)} {'layer' if modules else 'parameter'}{'s' * (len(lost) > 1)}"
    return f"{held}, of which a module knows nothing: its {what} would not be trained, shown or saved; {how}"


# --- words


def described(value: object) -> str:
    """What a value is, in a few words."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]} {kind.__name__}"
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}, not one of its kind: {value.__name__}(...) makes one"
    if isinstance(value, Tensor | np.ndarray):
        return f"{'a Tensor' if isinstance(value, Tensor) else 'an array'} of shape {value.shape}, {value.dtype}"
    if isinstance(value, str | int | float):
        return f"{reprlib.repr(value)}, {_a(name)}"
    if isinstance(value, Mapping | list | tuple | Set):
        kinds = list(dict.fromkeys(type(v).__name__ for v in (value.values() if isinstance(value, Mapping) else value)))
        return f"{_a(name)} of {len(value)}" + (f" ({', '.join(kinds[:4])})" if kinds else "")
    if inspect.isroutine(value) or isinstance(value, partial):
        return f"a function{_where(value)}"
    shape = getattr(value, "shape", None)
    return _a(name) + (f" of shape {tuple(shape)}" if isinstance(shape, tuple) else "")


def _a(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _placed(function: Any, owner: type, name: str = "forward") -> str:
    """A method as its author knows it: class, name, file and line."""
    return f"{owner.__name__}.{name}{_where(function)}"


def _where(function: Any) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f" ({_short(code.co_filename)}, line {code.co_firstlineno})" if code is not None else ""


def _attribute(experiment: Experiment, name: str) -> str:
    """An attribute as its author knows it: class, name, file and line."""
    value = getattr(experiment, name)
    value = getattr(value, "__func__", value)  # a method is another object each time
    for own in type(experiment).__mro__:
        if own is not Experiment and (isinstance(vars(own).get(name), property) or vars(own).get(name) is value):
            return f"{own.__name__}.{name}{_line(own, name)}"
    return f"{type(experiment).__name__}.{name}"


def _line(kind: type, name: str) -> str:
    """Where a class sets an attribute, its own or one of `self`; nothing where that is not to be found."""
    try:
        file = inspect.getsourcefile(kind)
        tree = ast.parse(Path(file or "").read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError, SyntaxError):
        return ""
    for found in ast.walk(tree):
        if isinstance(found, ast.ClassDef) and found.name == kind.__name__:
            for node in ast.walk(found):
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                if any(getattr(t, "id", getattr(t, "attr", None)) == name for t in targets):
                    return f" ({_short(str(file))}, line {getattr(node, 'lineno', found.lineno)})"
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return f" ({_short(str(file))}, line {node.lineno})"
            return f" ({_short(str(file))}, line {found.lineno})"
    return ""


def _short(filename: str) -> str:
    """A path as seen from here, where that is shorter."""
    here = os.path.relpath(filename)
    return here if len(here) < len(filename) else filename
