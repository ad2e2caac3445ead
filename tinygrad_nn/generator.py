"""The default generator: where random numbers come from that nobody named a generator for.

Whatever draws takes `rng`, a `numpy.random.Generator`. Without one it draws from the default, one for the
process, which `manual_seed` seeds and which starts from the system's entropy. `using` puts another in its
place for a while: a `Session` does so with the generators of its run.
"""

from __future__ import annotations

import operator
import os
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

Rng: TypeAlias = "Generator | None"  # None: the default

_in_use: ContextVar[Rng] = ContextVar("default generator of tinygrad_nn", default=None)
_of_the_process: dict[str, Generator] = {}  # made when first needed: NumPy loads its generators late, and so do we
_seeded: set[str] = set()
ONE = "one"


def default_generator() -> Generator:
    """The generator that is drawn from here and now where no other is given."""
    generator = _in_use.get()
    if generator is None:
        generator = _of_the_process.get(ONE) or _of_the_process.setdefault(ONE, np.random.default_rng())
    return generator


def rng_or_default(rng: Rng) -> Generator:
    """`rng`, or the default generator where it is None."""
    if rng is None:
        return default_generator()
    return rng if hasattr(rng, "integers") else np.random.default_rng(rng)


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, in place, and return it: it draws as `np.random.default_rng(seed)` does.

    Negative seeds count back from 2⁶⁴, as in PyTorch. Within `using` it is the generator in use that is seeded.

    Raises:
        TypeError: the seed is not an integer.
        ValueError: it is below -2⁶³.
    """
    number = operator.index(seed)
    if number < -(2**63):
        raise ValueError(f"a seed is an integer from -2**63 up, not {seed}")
    generator = default_generator()
    bits = generator.bit_generator
    bits.state = type(bits)(number if number >= 0 else number + 2**64).state
    if _in_use.get() is None:
        _seeded.add(ONE)
    return generator


def using(rng: Generator) -> Using:
    """Make `rng` the default generator within a `with` statement, in this thread (or task) alone."""
    return Using(rng)


class Using:
    """What `using` returns."""

    __slots__ = ("_before", "rng")

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self._before: list[Token[Rng]] = []

    def __enter__(self) -> Generator:
        self._before.append(_in_use.set(self.rng))
        return self.rng

    def __exit__(self, *_: object) -> None:
        _in_use.reset(self._before.pop())


def _after_a_fork() -> None:
    """A child that shared its parent's entropy would draw the same numbers, and so would its siblings."""
    if ONE not in _seeded:
        _of_the_process.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_a_fork)
