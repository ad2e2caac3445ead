"""What operations do besides computing: record a graph, and tell observers.

    class Counter(Observer):
        seen = 0

        def operation(self, primitive, arrays, attrs, out):
            self.seen += 1

    with observing(Counter()) as counter:
        loss = criterion(model(x), target)

Observers stack: each is told of everything, the one that began first before the others. While there is none, a step
pays nothing for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .node import Node, Rule, Value


class Observer:
    """Is told what happens where it was begun. A subclass overrides what interests it.

    What an observer raises ends the operation or the backward pass under way.
    """

    def operation(self, primitive: Rule, arrays: Sequence[Any], attrs: dict[str, Any], out: Value) -> None:
        """An operation on Tensors ran: `out.data = primitive(*arrays, **attrs)`.

        Without a gradient `out.node` is None.
        """

    def begins(self, node: Node) -> None:
        """The backward of `node` begins: its rules run next."""

    def gradient(self, node: Node, i: int, gradient: Any) -> None:
        """A rule of `node` gave the gradient of its input `i`: an array, with `create_graph` a Tensor."""


@dataclass(slots=True)
class Mode:
    """What is set where an operation runs: in its thread, or its task. Never changed, but replaced."""

    recording: bool = True  # whether operations leave a graph behind
    observers: tuple[Observer, ...] = ()
    walk: int = 0  # the number of the backward pass under way; 0 outside one, and in one on arrays that nobody observes


mode: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 - quicker to read than what belongs to a thread
T = TypeVar("T", bound=Observer)


def begin(observer: Observer) -> None:
    """From now on tell `observer` what is done here."""
    now = mode.get()
    mode.set(replace(now, observers=(*now.observers, observer)))


def end(observer: Observer) -> None:
    """Tell it no more. It need not be the one that began last."""
    now = mode.get()
    kept = list(now.observers)
    del kept[len(kept) - 1 - kept[::-1].index(observer)]
    mode.set(replace(now, observers=tuple(kept)))


@contextmanager
def observing(observer: T) -> Iterator[T]:
    """A context in which `observer` is told what is done."""
    begin(observer)
    try:
        yield observer
    finally:
        end(observer)
