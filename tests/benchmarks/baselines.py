"""The workloads in NumPy by hand, without autograd: what the engine's speed is measured against.

`plain` is what a person writes who wants it right and short. `Tuned` is the same arithmetic with every
array allocated beforehand, parameters in one flat vector, and no call that can be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

SIZES = {
    "W1": (2, 8, 8, 1),
    "W2": (64, 128, 64, 10),
    "W3": (784, 512, 256, 10),
    "W4": (64,) * 31 + (10,),
}
BATCH = {"W1": 32, "W2": 32, "W3": 128, "W4": 64}
ACTIVATION = {"W1": "tanh", "W2": "relu", "W3": "relu", "W4": "sigmoid"}
OPTIMIZER = {"W1": "momentum", "W2": "adam", "W3": "adam", "W4": "sgd"}
LR = 0.001


def weights(name: str, seed: int = 0) -> list[tuple[Any, Any]]:
    """The start of a workload: (out, in) weights and zero biases, float32."""
    rng = np.random.default_rng(seed)
    sizes = SIZES[name]
    return [
        (
            (rng.normal(size=(n_out, n_in)) / math.sqrt(n_in)).astype(np.float32),
            np.zeros(n_out, np.float32),
        )
        for n_in, n_out in pairwise(sizes)
    ]


def batch(name: str, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(BATCH[name], SIZES[name][0])).astype(np.float32)
    if SIZES[name][-1] == 1:
        return x, rng.integers(0, 2, (len(x), 1)).astype(np.float32)
    return x, rng.integers(0, SIZES[name][-1], len(x))


class Tuned:
    """One training step of a multilayer perceptron with as little as NumPy lets one get away with."""

    def __init__(self, name: str) -> None:
        self.x, self.target = batch(name)
        start = weights(name)
        self.activation, self.optimizer = ACTIVATION[name], OPTIMIZER[name]
        total = sum(w.size + b.size for w, b in start)
        self.data, self.grad, self.scratch = (np.empty(total, np.float32) for _ in range(3))
        self.m, self.v = np.zeros(total, np.float32), np.zeros(total, np.float32)
        self.layers = []
        n, at = len(self.x), 0
        for w, b in start:
            views = []
            for p in (w, b):
                views += [v[at : at + p.size].reshape(p.shape) for v in (self.data, self.grad)]
                views[-2][...] = p
                at += p.size
            wv, wg, bv, bg = views
            z = np.empty((n, len(b)), np.float32)
            h = np.empty_like(z)
            g = np.empty_like(z)
            self.layers.append((wv, wv.T, wg, bv, bg, z, h, g, np.empty_like(z)))
        self.ones = np.ones(n, np.float32)
        self.rows = np.arange(n)
        self.column = np.empty((n, 1), np.float32)
        self.mask = [np.empty(layer[5].shape, bool) for layer in self.layers]
        self.zero, self.one, self.scale = (np.array(c, np.float32) for c in (0, 1, 1 / n))
        self.steps = 0

    def step(self) -> None:
        self.forward()
        self.backward()
        self.update()

    def forward(self) -> None:
        h, add, last = self.x, np.add, len(self.layers) - 1
        for i, (_, wt, _, b, _, z, out, _, _) in enumerate(self.layers):
            h.dot(wt, z)
            add(z, b, z)
            if i == last:
                break
            if self.activation == "relu":
                np.maximum(z, self.zero, out=out)
            elif self.activation == "tanh":
                np.tanh(z, out)
            else:
                np.negative(z, out)
                np.exp(out, out)
                add(out, self.one, out)
                np.reciprocal(out, out)
            h = out

    def loss_gradient(self) -> None:
        z, p, g = (self.layers[-1][i] for i in (5, 6, 7))
        if z.shape[1] == 1:
            np.negative(z, p)
            np.exp(p, p)
            np.add(p, self.one, p)
            np.reciprocal(p, p)
            np.subtract(p, self.target, g)
        else:
            np.maximum.reduce(z, 1, None, self.column, True)
            np.subtract(z, self.column, p)
            np.exp(p, p)
            np.add.reduce(p, 1, None, self.column, True)
            np.divide(p, self.column, g)
            g[self.rows, self.target] -= self.one
        np.multiply(g, self.scale, g)

    def backward(self) -> None:
        self.loss_gradient()
        for i in range(len(self.layers) - 1, -1, -1):
            w, _, wg, _, bg, _, _, g, _ = self.layers[i]
            below = self.x if i == 0 else self.layers[i - 1][6]
            g.T.dot(below, wg)
            self.ones.dot(g, bg)
            if i == 0:
                break
            _, _, _, _, _, z, h, out, s = self.layers[i - 1]
            g.dot(w, out)
            if self.activation == "relu":
                mask = self.mask[i - 1]
                np.greater(z, self.zero, mask)
                np.multiply(out, mask, out)
            elif self.activation == "tanh":
                np.multiply(h, h, s)
                np.subtract(self.one, s, s)
                np.multiply(out, s, out)
            else:
                np.subtract(self.one, h, s)
                np.multiply(s, h, s)
                np.multiply(out, s, out)

    def update(self) -> None:
        self.steps += 1
        g, s, m, v = self.grad, self.scratch, self.m, self.v
        if self.optimizer == "adam":  # both moments rescaled, so that each takes one product less
            correction = math.sqrt(1 - 0.999**self.steps)
            np.multiply(m, 0.9, m)
            np.add(m, g, m)
            np.multiply(v, 0.999, v)
            np.multiply(g, g, g)
            np.add(v, g, v)
            np.sqrt(v, s)
            np.add(s, 1e-8 * correction / math.sqrt(0.001), s)
            np.divide(m, s, s)
            np.multiply(s, LR * correction * 0.1 / math.sqrt(0.001) / (1 - 0.9**self.steps), s)
            np.subtract(self.data, s, self.data)
            return
        if self.optimizer == "momentum":
            np.multiply(m, 0.9, m)
            g = np.add(m, g, m)
        np.multiply(g, LR, s)
        np.subtract(self.data, s, self.data)


def plain(name: str) -> Callable[[], None]:
    """The step as a person writes it by hand, short and right."""
    x, target = batch(name)
    params = [list(p) for p in weights(name)]
    state = [[np.zeros_like(p) for p in layer] for layer in params]
    second = [[np.zeros_like(p) for p in layer] for layer in params]
    kind, optimizer, steps = ACTIVATION[name], OPTIMIZER[name], 0
    act: Any = {
        "relu": (lambda z: np.maximum(z, 0), lambda h: h > 0),
        "tanh": (np.tanh, lambda h: 1 - h * h),
        "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda h: h * (1 - h)),
    }[kind]

    def step() -> None:
        nonlocal steps
        steps += 1
        hs = [x]
        for i, (w, b) in enumerate(params):
            z = hs[-1] @ w.T + b
            hs.append(act[0](z) if i < len(params) - 1 else z)
        if z.shape[1] == 1:
            g = (1 / (1 + np.exp(-z)) - target) / len(x)
        else:
            e = np.exp(z - z.max(axis=1, keepdims=True))
            g = e / e.sum(axis=1, keepdims=True)
            g[np.arange(len(x)), target] -= 1
            g /= len(x)
        for i in range(len(params) - 1, -1, -1):
            grads = (g.T @ hs[i], g.sum(axis=0))
            if i:
                g = (g @ params[i][0]) * act[1](hs[i])
            for j, d in enumerate(grads):
                if optimizer == "adam":
                    state[i][j] = 0.9 * state[i][j] + 0.1 * d
                    second[i][j] = 0.999 * second[i][j] + 0.001 * d * d
                    m, v = state[i][j] / (1 - 0.9**steps), second[i][j] / (1 - 0.999**steps)
                    params[i][j] -= LR * m / (np.sqrt(v) + 1e-8)
                elif optimizer == "momentum":
                    state[i][j] = 0.9 * state[i][j] + d
                    params[i][j] -= LR * state[i][j]
                else:
                    params[i][j] -= LR * d

    return step
