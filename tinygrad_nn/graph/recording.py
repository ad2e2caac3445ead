"""trace: what an operation's node does not know of itself, kept while it is on: its module and the user's line."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from ..core.node import Node, Rule, Value
from ..core.observe import Observer, begin, end, mode
from ..place import module_of, own, stack

if TYPE_CHECKING:
    from ..nn import Module


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module. `name` is its path from the outermost module, "" for that one itself.

    `containers` has the paths and kinds of modules between it and the call around it, which only hold it,
    as a ModuleList does.
    """

    name: str
    module: weakref.ref[Module]
    kind: str
    settings: str
    outer: Call | None
    containers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Site:
    """Where an operation ran.

    `variables` tells of its inputs, by position, or attributes, by name, what the user calls them, and the
    call outside of which they were made.
    """

    file: str
    line: int
    call: Call | None
    variables: dict[int | str, tuple[str, Call | None]]
    backward: bool


sites: WeakKeyDictionary[Node, Site] = WeakKeyDictionary()
forwards: WeakKeyDictionary[Node, Node] = WeakKeyDictionary()  # of the operations of a backward pass


class trace(Observer):  # noqa: N801 - named like detect_anomaly
    """A context in which operations remember their modules and the lines that called them, for `graph`.

    It looks at Python's frames at every operation, which is slow; outside it costs nothing. Operations of a
    backward pass with `create_graph=True` inside it are told apart, and belong to the modules that they derive.

        with trace():
            loss = criterion(model(x), target)
        print(graph(loss))
    """

    def __init__(self) -> None:
        self._until: list[FrameType] = []
        self._forget()

    def _forget(self) -> None:
        # The frames of the operation seen last are held, so that another with the same id is another call.
        self._calls: list[tuple[FrameType, Call]] = []
        self._walk = 0  # the number of the backward pass that an operation was seen in last
        self._derived: list[Node] = []  # operations of the backward pass, before it says what they derive
        self._made: dict[int, tuple[Any, tuple[str, Call | None]]] = {}  # arrays made of data alone
        # Of an outermost module: itself, the paths of those in it, and their kinds.
        self._modules: dict[int, tuple[Any, dict[int, str], dict[str, str]]] = {}

    def __enter__(self) -> trace:
        self._until.append(sys._getframe(1))
        begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        end(self)
        self._until.pop()
        self._forget()

    def operation(self, primitive: Rule, arrays: Sequence[Any], attrs: dict[str, Any], out: Value) -> None:
        node, walk = out.node, mode.get().walk
        user = outside = None
        forward: list[FrameType] = []  # innermost first
        for frame in stack(sys._getframe(1), self._until[-1]):
            if module_of(frame) is not None:
                forward.append(frame)
                outside = None
            elif outside is None and not own(frame):
                outside = frame
            if user is None and not own(frame):
                user = frame
        if walk and isinstance(node, Node):
            if walk != self._walk:
                self._walk = walk
                self._derived.clear()
            self._derived.append(node)
        self._enter_calls(forward)
        looked = [frame for frame in (*forward, outside) if frame is not None]
        if not isinstance(node, Node):  # what is made of data alone is data, under a name that says how
            of = next((v for a in arrays if isinstance(a, np.ndarray) and (v := self._variable(a, looked))), None)
            if of is not None:
                self._made[id(out.data)] = out.data, (f"{primitive.name}({of[0]})", of[1])
            return
        given: dict[int | str, Any] = {i: a for i, a in enumerate(arrays) if not isinstance(node.parents[i], Node)}
        given.update(attrs)
        sites[node] = Site(
            user.f_code.co_filename if user else "",
            user.f_lineno if user else 0,
            self._calls[-1][1] if self._calls else None,
            {k: v for k, a in given.items() if isinstance(a, np.ndarray) and (v := self._variable(a, looked))},
            walk > 0,
        )

    def gradient(self, node: Node, i: int, gradient: Any) -> None:
        for derived in self._derived:
            forwards[derived] = node
        self._derived.clear()

    def _enter_calls(self, forward: list[FrameType]) -> None:
        """Know the calls that an operation is in; calls that the operation before was in are the same."""
        before, self._calls = self._calls, []
        for depth, frame in enumerate(reversed(forward)):
            if depth < len(before) and before[depth][0] is frame:
                self._calls.append(before[depth])
                continue
            module = module_of(frame)
            outer = self._calls[-1][1] if self._calls else None
            outermost = module_of(self._calls[0][0]) if self._calls else module
            if id(outermost) not in self._modules:
                named = list(outermost.named_modules())
                kinds = {name: type(m).__name__ for name, m in named}
                self._modules[id(outermost)] = outermost, {id(m): name for name, m in named}, kinds
            _, names, kinds = self._modules[id(outermost)]
            kind = type(module).__name__
            name = names.get(id(module), kind)
            steps = name.split(".")
            above = [".".join(steps[:i]) for i in range(1, len(steps))]
            around = f"{outer.name if outer else ''}."
            containers = tuple((n, kinds[n]) for n in above if n in kinds and not around.startswith(f"{n}."))
            self._calls.append((frame, Call(name, weakref.ref(module), kind, module.extra_repr(), outer, containers)))

    def _variable(self, array: Any, looked: list[FrameType]) -> tuple[str, Call | None] | None:
        """What `array` is called where it was made, and the call that it was made in.

        An argument of a `forward` was made outside of it: look further out, as long as somebody has it.
        """
        if id(array) in self._made:
            return self._made[id(array)][1]
        calls = [call for _, call in reversed(self._calls)]
        found = None
        for depth, frame in enumerate(looked):
            name = next((n for n, v in frame.f_locals.items() if v is array or getattr(v, "data", v) is array), None)
            if name is None:
                break
            if depth == len(calls):
                return name, None
            if name not in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
                return name, calls[depth]
            found = name, calls[depth].outer
        return found
