"""The history as columns: what the charts draw, kept up as epochs come in.

Going through ten thousand records for every redraw would take longer than the redraw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinygrad_nn.records import EpochRecord

from .drawing import Floats

CURVES = ("epoch", "train_loss", "val_loss", "train_metric", "val_metric")


class Columns:
    """Arrays over the epochs of one branch. `follow` takes in what is new, or begins again with another branch."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._newest: EpochRecord | None = None
        self._count = 0
        self._curves = np.empty((len(CURVES), 64))
        self._gradients = np.empty((0, 64))

    def follow(self, history: Sequence[EpochRecord]) -> None:
        """Take in the records that have come since."""
        # Branches begin with the same records: it is the newest one that tells them apart.
        if not self._count or len(history) < self._count or history[self._count - 1] is not self._newest:
            self._begin()
            self._gradients = np.empty((len(history[0].layers) if history else 0, 64))
        room = self._curves.shape[1]
        while room < len(history):
            room *= 2
        if room > self._curves.shape[1]:
            self._curves = _widened(self._curves, room)
            self._gradients = _widened(self._gradients, room)
        for i in range(self._count, len(history)):
            record = history[i]
            self._curves[:, i] = [getattr(record, name) for name in CURVES]
            self._gradients[:, i] = [
                math.log10(x.gradient_rms) if x.gradient_rms > 0 else math.nan for x in record.layers
            ]
        self._count = len(history)
        self._newest = history[-1] if history else None

    def __len__(self) -> int:
        return self._count

    def curve(self, name: str) -> Floats:
        """One of `CURVES`, shape (epochs,)."""
        return self._curves[CURVES.index(name), : self._count]

    @property
    def gradients(self) -> Floats:
        """log10 of each layer's gradient RMS, shape (layers, epochs); NaN where it is 0 or no number."""
        return self._gradients[:, : self._count]

    @property
    def gradient_range(self) -> tuple[float, float]:
        """Whole decades around all of `gradients`, at least one."""
        finite = self.gradients[np.isfinite(self.gradients)]
        if not finite.size:
            return -1.0, 0.0
        low, high = math.floor(float(finite.min())), math.ceil(float(finite.max()))
        return (float(low), float(high)) if high > low else (low - 1.0, float(high))


def _widened(array: Floats, room: int) -> Floats:
    wider = np.empty((array.shape[0], room))
    wider[:, : array.shape[1]] = array
    return wider
