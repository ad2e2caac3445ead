"""Batches: one epoch after another over the examples, in an order that can be saved and restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator

from .dataset import Array


class Batches:
    """Batches of (x, targets), every example once an epoch, in a new order drawn from `rng` each time.

        for x, target in Batches((x, y), 32, rng):
            ...

    A debugger goes batch by batch: `start_epoch()`, then `next_batch()` until `done`. `batch_size` may be changed
    on the way; the examples not seen yet in this epoch stay the same.
    """

    def __init__(self, arrays: tuple[Array, Array], batch_size: int, rng: Generator, shuffle: bool = True) -> None:
        self.x, self.targets = arrays
        if len(self.x) != len(self.targets) or not len(self.x):
            raise ValueError(f"{len(self.x)} examples and {len(self.targets)} targets cannot be batched")
        self.batch_size = batch_size
        self.rng = rng
        self.shuffle = shuffle
        self._order = np.arange(len(self.x))
        self._seen = len(self.x)
        self.position = 0  # batches given so far in this epoch

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @batch_size.setter
    def batch_size(self, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._batch_size = int(batch_size)

    @property
    def arrays(self) -> tuple[Array, Array]:
        return self.x, self.targets

    @property
    def done(self) -> bool:
        """Whether the epoch has no batch left; True before the first one."""
        return self._seen >= len(self.x)

    def __len__(self) -> int:
        """Batches in a whole epoch at the present batch size."""
        return -(-len(self.x) // self._batch_size)

    def start_epoch(self) -> None:
        """Begin an epoch, wherever the last one was."""
        if self.shuffle:
            self._order = self.rng.permutation(len(self.x))
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
        """Go to a place from `state_dict()`. `ValueError` if it is of another number of examples."""
        if len(state["order"]) != len(self.x):
            raise ValueError(f"the state is of {len(state['order'])} examples, there are {len(self.x)}")
        self.batch_size = int(state["batch_size"])
        self._order = np.array(state["order"])
        self._seen, self.position = int(state["seen"]), int(state["position"])
