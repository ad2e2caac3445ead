"""What every optimiser shares: parameter groups, state, and parameters laid out in one flat vector.

A small network has many small parameters, and a NumPy call on 8 numbers costs as much as one on 800.
So an optimiser moves its parameters into one vector (each parameter's `data` becomes a view of it) and
updates them together; a rule is written once, on arrays, and does not know which it is given. The gradients
are in such a vector too: each parameter is lent its part, and the backward pass writes there where it can.

A parameter whose memory somebody else looks into (`p.detach()`, an array of the user's, another optimiser)
stays where it is: the vector has a copy, brought there before the update and back afterwards.
"""

from __future__ import annotations

import copy
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from ..core.backward import enable_grad
from ..core.node import Array
from ..core.writes import note_write
from ..tensors import Tensor, gradient, zero_gradient

R = TypeVar("R")
ParamGroup: TypeAlias = dict[str, Any]
Params: TypeAlias = "Iterable[Tensor] | Iterable[ParamGroup]"


class Part(NamedTuple):
    """What an update rule is about: arrays of one shape."""

    data: Array
    grad: Array
    state: Mapping[str, Array]
    scratch: Array

    def of(self, elements: slice) -> Part:
        """Some of the elements, as views."""
        state = {name: array[elements] for name, array in self.state.items()}
        return Part(self.data[elements], self.grad[elements], state, self.scratch[elements])


def _seen(p: Tensor, together: int = 1) -> bool:
    """Whether anybody else has the parameter's array, or looks into its memory; `together` parameters may do that."""
    arrays, bases = _references(p)
    return arrays > ALONE[0] or bases > ALONE[1] + together - 1


def _references(p: Tensor) -> tuple[int, int]:
    """How many references there are to the parameter's array, and to the one whose memory it looks into, if any."""
    array = p.data
    base = array.base
    return sys.getrefcount(array), 0 if base is None else sys.getrefcount(base)


# The counts where nobody else has the array, as this Python counts.
ALONE = _references(Tensor(np.empty(2)))[0], _references(Tensor(np.empty(2)[:1]))[1]


class _Bucket:
    """The parameters of one group and dtype: one vector of values, one of gradients, one for each state."""

    def __init__(self, params: list[Tensor], state_names: tuple[str, ...]) -> None:
        self.params = params
        ends = np.cumsum([p.size for p in params]).tolist()
        self.slices = [slice(end - p.size, end) for p, end in zip(params, ends, strict=True)]
        dtype = params[0].dtype.newbyteorder("=")
        data, grad, scratch = (np.empty(ends[-1], dtype) for _ in range(3))
        self.state = {name: np.zeros(ends[-1], dtype) for name in state_names}
        self.all = Part(data, grad, self.state, scratch)
        self.steps = [0] * len(params)
        self.views = [
            (p, data[s].reshape(p.shape), grad[s].reshape(p.shape)) for p, s in zip(params, self.slices, strict=True)
        ]
        self.outside: list[tuple[Tensor, Array]] = []
        self.take_in()

    def take_in(self) -> None:
        """Bring the values of all parameters into the vector, and move in those whose memory nobody else looks into.

        So at first, and when somebody has replaced a parameter's `data`.
        """
        self.outside.clear()
        together = Counter(id(p.data.base) for p, view, _ in self.views if p.data is not view)
        for p, view, _ in self.views:
            if p.data is view:
                continue
            if p.data.shape != view.shape:
                raise ValueError(f"a parameter of shape {view.shape} has been replaced by one of {p.data.shape}")
            if p.data.dtype.kind == "f" and p.data.dtype.newbyteorder("=") != view.dtype:
                raise ValueError(
                    f"a parameter of {view.dtype} has become one of {p.data.dtype}: make the optimizer after the cast"
                )
            view[...] = p.data
            base = id(p.data.base)
            if p.data.flags.writeable and p.data.dtype == view.dtype and _seen(p, together[base]):
                self.outside.append((p, view))
            else:
                together[base] -= 1
                p.data = view

    def give_back(self) -> None:
        """Bring the new values of parameters outside back to them."""
        for p, view in self.outside:
            if p._grad is not None:
                p.data[...] = view
                note_write(p.data)

    def lend(self) -> None:
        """Forget the gradients, and let the next ones be written to where they are gathered."""
        for p, _, grad in self.views:
            p._grad = None
            if p.node is not None:
                p.node.lent = grad  # type: ignore[union-attr]

    def gather(self, to_change: bool) -> bool:
        """Bring the gradients together, as copies if they are to be changed; False where a parameter has none."""
        complete = inside = True
        for p, data, grad in self.views:
            if inside and p.data is not data:
                inside = False
                self.take_in()
            g = p._grad
            if g is grad:
                if to_change:
                    p._grad = grad.copy()
            elif g is None:
                complete = False
            else:
                grad[...] = gradient(p)
        return complete

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what comes out of a pickle, has vectors and views of its own."""
        return _Bucket, (self.params, tuple(self.state)), {"state": self.state, "steps": self.steps}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.steps = saved["steps"]
        for name, values in saved["state"].items():
            self.state[name][...] = values


class Optimizer:
    """Base of the optimisers: `step()` after `backward()`, `zero_grad()` before the next.

    `params` are tensors, or groups `{"params": [...], "lr": ...}` that override the defaults. As in
    PyTorch a parameter whose `.grad` is None is left alone. A subclass names its state and gives
    `update`, the rule for one array, and `decay` where its weight decay is another than an L2 penalty's.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        entries = list(params)
        if not entries:
            raise ValueError("the optimizer got no parameters")
        groups = entries if isinstance(entries[0], dict) else [{"params": entries}]
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        self._buckets: list[tuple[int, _Bucket]] = []  # each with the number of its group
        for group in groups:
            self.add_param_group(group)  # type: ignore[arg-type]

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with settings of their own.

        Raises:
            ValueError: a parameter that is there already.
        """
        unknown = set(group) - set(self.defaults) - {"params"}
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no setting {sorted(unknown)[0]!r}: it has {', '.join(self.defaults)}"
            )
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor) or not p.is_leaf or not p.requires_grad:
                raise TypeError(f"an optimizer takes leaf tensors that require gradients, not {p!r}")
            if id(p) in known:
                raise ValueError("a parameter is given to the optimizer twice")
            known.add(id(p))
        settings = {**self.defaults, **group, "params": params}
        self.check(settings)
        self.param_groups.append(settings)
        by_dtype: dict[Any, list[Tensor]] = {}
        for p in params:
            by_dtype.setdefault(p.dtype, []).append(p)
        number = len(self.param_groups) - 1
        self._buckets += [(number, _Bucket(same, self.state_names)) for same in by_dtype.values()]

    def check(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; subclasses add their own.

        Raises:
            ValueError: a setting outside its range.
        """
        require(settings, "lr", 0)
        require(settings, "weight_decay", 0)

    def decay(self, settings: Mapping[str, Any], part: Part) -> None:
        """Let the weights decay by `settings["weight_decay"]`: here as an L2 penalty's gradient would make them."""
        grad = part.grad
        grad += np.multiply(part.data, settings["weight_decay"], part.scratch)

    def update(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        """Change data and state in place for the `step`-th time (from 1); scratch may be used up, the gradient not."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def step(self, closure: Callable[[], R] | None = None) -> R | None:
        """Update every parameter that has a gradient; a `closure` gives the loss and the gradients before.

        What it returns is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group, b in self._buckets:
            settings = self.param_groups[group]
            steps = b.steps
            step = steps[0] + 1
            if b.gather(to_change=bool(settings["weight_decay"])) and steps.count(steps[0]) == len(steps):
                b.steps = [step] * len(steps)
                self._apply(settings, b.all, step)
                note_write(b.all.data)
            else:
                for i, elements in enumerate(b.slices):
                    if b.params[i]._grad is not None:
                        steps[i] += 1
                        part = b.all.of(elements)
                        self._apply(settings, part, steps[i])
                        note_write(part.data)
            if b.outside:
                b.give_back()
        return loss

    def _apply(self, settings: Mapping[str, Any], part: Part, step: int) -> None:
        if settings["weight_decay"]:
            self.decay(settings, part)
        self.update(settings, part, step)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients (`.grad` is None afterwards); or, where there is one, set it to zeros, in place."""
        for _, b in self._buckets:
            if set_to_none:
                b.lend()
            else:
                for p in b.params:
                    zero_gradient(p)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on besides parameters and gradients, as copies, in PyTorch's layout."""
        order = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        state = {}
        for _, b in self._buckets:
            for p, s, step in zip(b.params, b.slices, b.steps, strict=True):
                values = {name: array[s].reshape(p.shape).copy() for name, array in b.state.items()}
                state[order[id(p)]] = {"step": step, **values}
        groups = [{**copy.copy(g), "params": [order[id(p)] for p in g["params"]]} for g in self.param_groups]
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict()`. `ValueError`, and nothing changed, where it does not fit."""
        groups, state = state_dict["param_groups"], state_dict["state"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError("the state is of an optimizer with other parameter groups")
        flat = [p for g in self.param_groups for p in g["params"]]
        for i, p in enumerate(flat):
            for name in self.state_names:
                if i not in state or name not in state[i] or np.shape(state[i][name]) != p.shape:
                    raise ValueError(f"the state has no {name} of shape {p.shape} for parameter {i}")
        for own, given in zip(self.param_groups, groups, strict=True):
            own.update({k: v for k, v in given.items() if k != "params"})
        order = {id(p): i for i, p in enumerate(flat)}
        for _, b in self._buckets:
            for j, (p, s) in enumerate(zip(b.params, b.slices, strict=True)):
                entry = state[order[id(p)]]
                b.steps[j] = int(entry["step"])
                for name, array in b.state.items():
                    array[s] = np.asarray(entry[name]).reshape(-1)


def require(settings: Mapping[str, Any], name: str, low: float, high: float = math.inf) -> None:
    """`ValueError` unless `low <= settings[name] < high`."""
    value = settings.get(name, low)
    if not low <= value < high:
        wanted = f"at least {low}" if high == math.inf else f"in [{low}, {high})"
        raise ValueError(f"{name} must be {wanted}, not {value}")
