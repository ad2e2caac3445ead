"""What a model computes on an example, twice: what is the same both times is the model's, the rest is the example's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...core.node import Array, Rule, Value, clock
from ...core.observe import Observer, observing
from ...core.writes import changed_after
from ...place import Place, caller
from ...tensors import Tensor

if TYPE_CHECKING:
    from ...nn import Module

Dimension: TypeAlias = "int | Batch"


class Unfit(ValueError):
    """What ran cannot be told apart from its example; the message says where and why."""


@dataclass(frozen=True)
class Batch:
    """A length, or another number, that is a multiple of the batch size."""

    times: int

    def __str__(self) -> str:
        return "batch" if self.times == 1 else f"{self.times}*batch"


@dataclass(frozen=True)
class Operation:
    """One operation that ran: `output = primitive(*arrays, **attrs)`, and where it was called."""

    primitive: Rule
    arrays: Sequence[Any]
    attrs: dict[str, Any]
    output: Array
    place: Place
    time: int


@dataclass
class Run:
    """All operations of one forward pass, in their order, also where no gradient goes through.

    They hold every array, so an array is known by its id.
    """

    inputs: list[Array]
    start: int = field(default_factory=clock)
    operations: list[Operation] = field(default_factory=list)
    outputs: dict[str, Array] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """The length of the first axis, 1 without one."""
        return self.inputs[0].shape[0] if self.inputs[0].ndim else 1


class _Recorder(Observer):
    """Adds what it is told to a run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def operation(self, primitive: Rule, arrays: Sequence[Any], attrs: dict[str, Any], out: Value) -> None:
        self.run.operations.append(Operation(primitive, tuple(arrays), attrs, out.data, caller(), clock()))


def record(model: Module, inputs: Sequence[Array]) -> Run:
    """The operations of `model(*inputs)`, outputs by name."""
    run = Run([np.array(x) for x in inputs])
    # With gradients the library itself refuses to change in place what has been used.
    tensors = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in run.inputs]
    with observing(_Recorder(run)), np.errstate(all="ignore"):
        given = model(*tensors)
    if isinstance(given, Tensor):
        given = {"output": given}
    elif not isinstance(given, Mapping):
        given = {f"output_{i}": output for i, output in enumerate(given)}
    for name, output in given.items():
        if not isinstance(output, Tensor):
            raise TypeError(f"an exported model gives tensors, or a tuple or dictionary of them; {name} is {output!r}")
        run.outputs[str(name)] = output.data
    return run


def others(inputs: Sequence[Array], batch: int | None, seed: int) -> list[Array]:
    """Other inputs of the same kind, `batch` long or as long as they are.

    Whole numbers are taken from the example: they may be what something is looked up by.
    """
    rng = np.random.default_rng(seed)
    found = []
    for x in inputs:
        if x.ndim:
            x = np.resize(np.roll(x[::-1], seed, 0), (batch or len(x), *x.shape[1:]))
        if x.dtype.kind == "f":
            finite = x[np.isfinite(x)].astype(np.float64)
            spread = finite.std() if finite.size > 1 and np.ptp(finite) else 1.0
            x = (x + spread * rng.normal(size=x.shape)).astype(x.dtype)
        found.append(x)
    return found


@dataclass
class Pair:
    """A run and another one, and by the ids of its arrays what in each of them has which name."""

    one: Run
    two: Run
    names: tuple[dict[int, tuple[str, int]], dict[int, tuple[str, int]]] = field(default_factory=lambda: ({}, {}))

    def name(self, a: Array, b: Array, name: str, times: tuple[int, int]) -> None:
        """Call the arrays of both runs `name`; `times` is when they got their values."""
        self.names[0][id(a)] = name, times[0]
        self.names[1][id(b)] = name, times[1]

    def known(self, a: Any, b: Any) -> str | None:
        """The name of an array, None for a constant. Unfit if the two runs differ in it, or it was changed since."""
        found = [names.get(id(x)) for names, x in zip(self.names, (a, b), strict=True)]
        if found[0] is None and found[1] is None:
            return None
        if found[0] is None or found[1] is None or found[0][0] != found[1][0]:
            raise Unfit("what it takes depends on the batch size or on the values")
        name, since = found[0]
        if changed_after(since, a):
            raise Unfit("what it takes was changed in place")
        return name

    def dimension(self, a: int, b: int) -> Dimension:
        """A number as it is in both runs, or as a multiple of the batch size."""
        if a == b:
            return a
        n, m = self.one.batch, self.two.batch
        if n == m or a % n or a // n * m != b:
            raise Unfit(f"the number {a} was {b} with other inputs, and is not a multiple of the batch size")
        return Batch(a // n)

    def shape(self, a: Sequence[int], b: Sequence[int]) -> list[Dimension]:
        if len(a) != len(b):
            raise Unfit(f"the shape {tuple(a)} was {tuple(b)} with other inputs")
        return [self.dimension(i, j) for i, j in zip(a, b, strict=True)]


def same(a: Any, b: Any) -> bool:
    """Whether attributes are equal, arrays and NaN in them too."""
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and a != a and b != b)
