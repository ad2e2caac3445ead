"""Batches: one epoch after another over the examples, in an order that can be saved and restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..generator import Rng, rng_or_default
from .dataset import Array, Dataset


class Batches:
    """Batches of (x, targets), every example once an epoch, in a new order drawn from `rng` each time.

        for x, target in Batches((x, y), 32, rng):
            ...

    `data` is a `Dataset` or a pair of arrays of equal length, which are copied only where they are not contiguous.
    Without `rng` the order comes from the generator that is the default when the epoch starts. With `drop_last`, what
    is left at the end of an epoch and fills no batch is left out. Without `shuffle` the order is the data's, and
    nothing is drawn.

    A debugger goes batch by batch: `start_epoch()`, then `next_batch()` until `done`. `batch_size` may be changed
    on the way; the examples not seen yet in this epoch stay the same.

    Raises:
        ValueError: no examples, or not as many targets; a batch size that is not a whole number of at least 1, or with
            `drop_last` more than there are examples.
    """

    def __init__(
        self,
        data: Dataset | tuple[Array, Array],
        batch_size: int,
        rng: Rng = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        x, targets = (data.x, data.y) if isinstance(data, Dataset) else data
        # take() copies the whole of an array that is not contiguous, for every batch: here it is copied once.
        self.x, self.targets = np.ascontiguousarray(x), np.ascontiguousarray(targets)
        if len(self.x) != len(self.targets) or not len(self.x):
            raise ValueError(f"{len(self.x)} examples and {len(self.targets)} targets cannot be batched")
        self.drop_last = drop_last
        self.batch_size = batch_size
        self.rng = None if rng is None else np.random.default_rng(rng)
        self.shuffle = shuffle
        self._order = np.arange(len(self.x))
        self._seen = len(self.x)
        self.position = 0  # batches given so far in this epoch

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @batch_size.setter
    def batch_size(self, batch_size: int) -> None:
        self._batch_size = self._checked(batch_size)

    def _checked(self, batch_size: int) -> int:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number of at least 1, not {batch_size}")
        if self.drop_last and batch_size > len(self.x):
            raise ValueError(f"batch_size {batch_size} with drop_last leaves nothing of {len(self.x)} examples")
        return int(batch_size)

    @property
    def arrays(self) -> tuple[Array, Array]:
        return self.x, self.targets

    @property
    def done(self) -> bool:
        """Whether the epoch has no batch left; True before the first one."""
        left = len(self.x) - self._seen
        return left < self._batch_size if self.drop_last else left <= 0

    def __len__(self) -> int:
        """Batches in a whole epoch at the present batch size."""
        whole, rest = divmod(len(self.x), self._batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def start_epoch(self) -> None:
        """Begin an epoch, wherever the last one was."""
        if self.shuffle:
            self._order = rng_or_default(self.rng).permutation(len(self.x))
        self._seen = self.position = 0

    def next_batch(self) -> tuple[Array, Array]:
        """The next batch of this epoch, the last one perhaps smaller. StopIteration when there is none."""
        if self.done:
            raise StopIteration("the epoch has no batch left: call start_epoch()")
        chosen = self._order[self._seen : self._seen + self._batch_size]
        self._seen += len(chosen)
        self.position += 1
        return self.x.take(chosen, axis=0), self.targets.take(chosen, axis=0)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        self.start_epoch()
        while not self.done:
            yield self.next_batch()

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch and its order. The generator's own state is its owner's to save."""
        return {
            "order": self._order.copy(),
            "seen": self._seen,
            "position": self.position,
            "batch_size": self._batch_size,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a place from `state_dict()`.

        ValueError, and nothing is changed: a state of another number of examples, or one that is not a place in
        an epoch.
        """
        order, seen, position = np.array(state["order"], np.intp), int(state["seen"]), int(state["position"])
        n = len(self.x)
        if len(order) != n:
            raise ValueError(f"the state is of {len(order)} examples, there are {n}")
        if not np.array_equal(np.sort(order), np.arange(n)):
            raise ValueError(f"the state's order does not hold each of the {n} examples once")
        if not 0 <= position <= seen <= n:
            raise ValueError(f"the state is not a place in an epoch: {position} batches, {seen} of {n} examples seen")
        self._batch_size = self._checked(state["batch_size"])
        self._order, self._seen, self.position = order, seen, position
