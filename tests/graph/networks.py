"""Networks whose graphs the tests look at."""

from __future__ import annotations

import numpy as np

from tinygrad_nn import Tensor, nn


class Block(nn.Module):
    """A residual block of two layers."""

    def __init__(self, n, rng):
        self.inner = nn.Linear(n, n, rng=rng)
        self.outer = nn.Linear(n, n, rng=rng)

    def forward(self, x):
        return x + self.outer(self.inner(x).relu())


class Stack(nn.Module):
    """Blocks in a ModuleList, one after the other."""

    def __init__(self, blocks, rng):
        self.entry = nn.Linear(3, 4, rng=rng)
        self.blocks = nn.ModuleList([Block(4, rng) for _ in range(blocks)])

    def forward(self, x):
        x = self.entry(x)
        for block in self.blocks:
            x = block(x)
        return x.sum()


def small():
    """A 2-8-1 network, its input and target."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Tanh(), nn.Linear(8, 1, rng=rng))
    return model, Tensor(rng.normal(size=(16, 2)).astype(np.float32)), np.ones((16, 1), np.float32)


def stack(blocks=5):
    """A residual network and its input."""
    rng = np.random.default_rng(0)
    return Stack(blocks, rng), Tensor(rng.normal(size=(6, 3)).astype(np.float32))
