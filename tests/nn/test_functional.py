"""nn.functional: every function by its formula and by finite differences, and the same call in PyTorch."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F
from tinygrad_nn.testing import gradcheck, gradgradcheck

Array = Any
RNG = np.random.default_rng(20)


def normal(*shape: int, scale: float = 1.5) -> Array:
    return np.asarray(RNG.normal(size=shape) * scale)


def log_softmax(x: Array, axis: int = -1) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


# What calls may name: arrays with gradients, and constants.
INPUTS: dict[str, Array] = {
    "x": normal(4, 3, 5),
    "y": normal(4, 3, 5),
    "far": np.array([-900.0, -40.0, -1.0, 0.5, 40.0, 900.0]),
    "rows": normal(6, 3),
    "matrix": normal(4, 3),
    "bias": normal(4),
    "images": normal(2, 4, 6, 5),
    "filters": normal(3, 4, 3, 2),
    "lines": normal(3, 4, 2),
    "three": normal(3),
    "four": normal(4),
    "log_p": log_softmax(normal(6, 4)),
    "logits": normal(6, 4),
    "spatial": normal(2, 4, 3),
    "spread": log_softmax(normal(6, 4)),
    "prob": 1 / (1 + np.exp(-normal(6, 4))),
    "dist": RNG.dirichlet(np.ones(4), 6),
    "spatial_q": np.moveaxis(RNG.dirichlet(np.ones(4), (2, 3)), -1, 1),
    "factors": RNG.uniform(0.2, 3, (6, 4)),
    "sure": np.array([0.0, 1.0, 0.0, 1.0, 1e-13, 1e-20, 1e-50, 0.25]),
    "table": normal(5, 3),
    "unit": RNG.uniform(0.1, 1, 4),
}
CONSTANTS: dict[str, Array] = {
    "classes": np.array([0, 3, 1, 1, 2, 0]),
    "some": np.array([0, -100, 1, 3, -100, 0]),
    "none": np.full(6, -100),
    "spatial_classes": np.array([[0, 3, 1], [1, 2, 0]]),
    "spatial_some": np.array([[0, 3, 1], [1, -100, 0]]),
    "one": np.array(2),
    "hits": np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),  # constants: targets
    "w": RNG.uniform(0.2, 3, 4),
    "weights": RNG.uniform(0.2, 3, (6, 4)),
    "indices": np.array([[0, 4, 1], [1, 1, 3]]),
    "mean": np.linspace(-1, 1, 4),
    "var": np.linspace(0.5, 2, 4),
}
A = {**INPUTS, **CONSTANTS}


class Numbers:
    """The arrays, for formulas: N.x and so on."""

    def __getattr__(self, name: str) -> Array:
        return A[name]


N = Numbers()


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def phi(x: Array) -> Array:
    return np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(x)


def picked(log_p: Array, classes: Array) -> Array:
    return -np.take_along_axis(log_p, np.where(classes < 0, 0, classes)[:, None], 1)[:, 0]


def huber(e: Array, d: float) -> Array:
    return np.where(abs(e) <= d, e * e / 2, d * (abs(e) - d / 2))


def bce(x: Array, t: Array, positive: Array = 1.0) -> Array:
    return -positive * t * np.log(sigmoid(x)) - (1 - t) * np.log(sigmoid(-x))


def likelihood() -> Array:
    return -(N.dist * np.log(N.prob) + (1 - N.dist) * np.log(1 - N.prob))


def normed(x: Array, axes: Any, eps: float = 1e-5) -> Array:
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + eps)


def by_channel(v: Array) -> Array:
    return v[:, None, None]


def around(image: Array, pairs: Any, mode: str) -> Array:
    return np.pad(image, ((0, 0), (0, 0), *pairs), mode)


def cut(image: Array, size: tuple[int, int], stride: tuple[int, int]) -> Array:
    cuts = np.lib.stride_tricks.sliding_window_view(image, size, (2, 3))
    return cuts[:, :, :: stride[0], :: stride[1]]


def lines_of(x: Array) -> Array:
    return np.lib.stride_tricks.sliding_window_view(x, 2, 2)


LOG = log_softmax(INPUTS["logits"])
SPATIAL = log_softmax(INPUTS["spatial"], 1)
SMOOTH = 0.9 * picked(LOG, CONSTANTS["classes"]) - 0.1 * LOG.mean(axis=1)
W = CONSTANTS["w"]
KEPT = CONSTANTS["some"] >= 0
SOME_W = np.where(KEPT, W[np.where(KEPT, CONSTANTS["some"], 0)], 0)

# Each function's calls: as they are written for both libraries, and what they must give.
CALLS: dict[str, list[tuple[str, Callable[[], Array]]]] = {
    "relu": [("F.relu(x)", lambda: np.maximum(N.x, 0)), ("F.relu(x * 1, inplace=True)", lambda: np.maximum(N.x, 0))],
    "relu6": [
        ("F.relu6(6 * x)", lambda: np.clip(6 * N.x, 0, 6)),
        ("F.relu6(6 * x, True)", lambda: np.clip(6 * N.x, 0, 6)),
    ],
    "hardtanh": [
        ("F.hardtanh(x)", lambda: np.clip(N.x, -1, 1)),
        ("F.hardtanh(x * 1, -0.5, 2.0, inplace=True)", lambda: np.clip(N.x, -0.5, 2)),
    ],
    "leaky_relu": [
        ("F.leaky_relu(x)", lambda: np.where(N.x > 0, N.x, 0.01 * N.x)),
        ("F.leaky_relu(x * 1, 0.3, inplace=True)", lambda: np.where(N.x > 0, N.x, 0.3 * N.x)),
    ],
    "elu": [
        ("F.elu(x)", lambda: np.where(N.x > 0, N.x, np.expm1(N.x))),
        ("F.elu(x * 1, alpha=1.5, inplace=True)", lambda: np.where(N.x > 0, N.x, 1.5 * np.expm1(N.x))),
    ],
    "silu": [("F.silu(x)", lambda: N.x * sigmoid(N.x)), ("F.silu(x * 1, inplace=True)", lambda: N.x * sigmoid(N.x))],
    "gelu": [
        ("F.gelu(x)", lambda: N.x * phi(N.x)),
        (
            "F.gelu(x, approximate='tanh')",
            lambda: N.x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (N.x + 0.044715 * N.x**3))),
        ),
    ],
    "sigmoid": [("F.sigmoid(x)", lambda: sigmoid(N.x))],
    "tanh": [("F.tanh(x)", lambda: np.tanh(N.x))],
    "logsigmoid": [
        ("F.logsigmoid(x)", lambda: np.log(sigmoid(N.x))),
        ("F.logsigmoid(far)", lambda: np.minimum(N.far, 0) - np.log1p(np.exp(-abs(N.far)))),
    ],
    "softplus": [
        ("F.softplus(x)", lambda: np.log1p(np.exp(N.x))),
        ("F.softplus(x, 2.5)", lambda: np.log1p(np.exp(2.5 * N.x)) / 2.5),
        ("F.softplus(x, beta=2.0, threshold=1.5)", lambda: np.where(2 * N.x > 1.5, N.x, np.log1p(np.exp(2 * N.x)) / 2)),
    ],
    "softmax": [
        ("F.softmax(x, dim=1)", lambda: np.exp(log_softmax(N.x, 1))),
        ("F.softmax(x, -1)", lambda: np.exp(log_softmax(N.x))),
        ("F.softmax(x, dim=0, dtype=F64)", lambda: np.exp(log_softmax(N.x, 0))),
    ],
    "log_softmax": [
        ("F.log_softmax(x, dim=1)", lambda: log_softmax(N.x, 1)),
        ("F.log_softmax(x, 2, dtype=F64)", lambda: log_softmax(N.x)),
    ],
    "linear": [
        ("F.linear(rows, matrix)", lambda: N.rows @ N.matrix.T),
        ("F.linear(rows, matrix, bias)", lambda: N.rows @ N.matrix.T + N.bias),
    ],
    "conv1d": [
        ("F.conv1d(spatial, lines)", lambda: np.einsum("nclk,ock->nol", lines_of(N.spatial), N.lines)),
        (
            "F.conv1d(spatial, lines, three, 2, 1)",
            lambda: (
                np.einsum("nclk,ock->nol", lines_of(np.pad(N.spatial, ((0, 0), (0, 0), (1, 1))))[:, :, ::2], N.lines)
                + N.three[:, None]
            ),
        ),
    ],
    "avg_pool2d": [
        ("F.avg_pool2d(images, 2)", lambda: cut(N.images, (2, 2), (2, 2)).mean(axis=(-2, -1))),
        ("F.avg_pool2d(images, (3, 2), 1)", lambda: cut(N.images, (3, 2), (1, 1)).mean(axis=(-2, -1))),
        (
            "F.avg_pool2d(images, 2, divisor_override=3)",
            lambda: cut(N.images, (2, 2), (2, 2)).sum(axis=(-2, -1)) / 3,
        ),
    ],
    "conv2d": [
        ("F.conv2d(images, filters)", lambda: np.einsum("nchwij,ocij->nohw", cut(N.images, (3, 2), (1, 1)), N.filters)),
        (
            "F.conv2d(images, filters, three, stride=2, padding=1)",
            lambda: (
                np.einsum(
                    "nchwij,ocij->nohw",
                    cut(np.pad(N.images, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 2), (2, 2)),
                    N.filters,
                )
                + by_channel(N.three)
            ),
        ),
    ],
    "max_pool2d": [
        ("F.max_pool2d(images, 2)", lambda: cut(N.images, (2, 2), (2, 2)).max(axis=(-2, -1))),
        ("F.max_pool2d(images, (3, 2), stride=1)", lambda: cut(N.images, (3, 2), (1, 1)).max(axis=(-2, -1))),
    ],
    "dropout": [
        ("F.dropout(x, 0.3, training=False)", lambda: N.x),
        ("F.dropout(x, p=0.0)", lambda: N.x),
        ("F.dropout(x * 1, 1.0, True, True)", lambda: N.x * 0),
    ],
    "dropout2d": [
        ("F.dropout2d(images, 0.3, False)", lambda: N.images),
        ("F.dropout2d(images * 1, 1.0, inplace=True)", lambda: N.images * 0),
    ],
    "embedding": [
        ("F.embedding(indices, table)", lambda: N.table[N.indices]),
        ("F.embedding(indices, table, padding_idx=1)", lambda: N.table[N.indices]),
        ("F.embedding(one, table, -3)", lambda: N.table[2]),
    ],
    "one_hot": [
        ("F.one_hot(classes)", lambda: np.eye(4)[N.classes]),
        ("F.one_hot(indices, num_classes=6)", lambda: np.eye(6)[N.indices]),
    ],
    "pad": [
        ("F.pad(x, (1, 2))", lambda: np.pad(N.x, ((0, 0), (0, 0), (1, 2)))),
        ("F.pad(x, (1, 0, 2, 1, 0, 3), value=1.5)", lambda: np.pad(N.x, ((0, 3), (2, 1), (1, 0)), constant_values=1.5)),
        ("F.pad(x, (-1, 2, 0, -1))", lambda: np.pad(N.x[:, :-1, 1:], ((0, 0), (0, 0), (0, 2)))),
        ("F.pad(x, (2, 1), mode='reflect')", lambda: np.pad(N.x, ((0, 0), (0, 0), (2, 1)), "reflect")),
        (
            "F.pad(images, (1, 2, 3, 0), 'replicate')",
            lambda: np.pad(N.images, ((0, 0), (0, 0), (3, 0), (1, 2)), "edge"),
        ),
        ("F.pad(images, (5, 1, 2, 6), 'circular')", lambda: np.pad(N.images, ((0, 0), (0, 0), (2, 6), (5, 1)), "wrap")),
        (
            "F.pad(images, (-1, 1, -2, 1), 'circular')",
            lambda: around(N.images[:, :, 2:, 1:], ((0, 1), (0, 1)), "wrap"),
        ),
        (
            "F.pad(images, (-1, 2, 1, -2), 'reflect')",
            lambda: around(N.images, ((1, 0), (0, 2)), "reflect")[:, :, :-2, 1:],
        ),
    ],
    "normalize": [
        ("F.normalize(x)", lambda: N.x / np.sqrt((N.x**2).sum(axis=1, keepdims=True))),
        ("F.normalize(x, p=1.0, dim=-1)", lambda: N.x / abs(N.x).sum(axis=-1, keepdims=True)),
        ("F.normalize(x, 3.0, 0)", lambda: N.x / (abs(N.x) ** 3).sum(axis=0, keepdims=True) ** (1 / 3)),
        ("F.normalize(x, -1.0)", lambda: N.x * (1 / abs(N.x)).sum(axis=1, keepdims=True)),
        ("F.normalize(x, 0.0)", lambda: N.x / 3),
        ("F.normalize(x, math.inf)", lambda: N.x / abs(N.x).max(axis=1, keepdims=True)),
        ("F.normalize(x, eps=4.0)", lambda: N.x / np.maximum(np.sqrt((N.x**2).sum(axis=1, keepdims=True)), 4)),
        ("F.normalize(x * 0)", lambda: N.x * 0),
    ],
    "cosine_similarity": [
        (
            "F.cosine_similarity(x, y)",
            lambda: (N.x * N.y).sum(axis=1) / np.sqrt((N.x**2).sum(axis=1) * (N.y**2).sum(axis=1)),
        ),
        (
            "F.cosine_similarity(x, y[0], dim=-1)",
            lambda: (N.x * N.y[0]).sum(axis=-1) / np.sqrt((N.x**2).sum(axis=-1) * (N.y[0] ** 2).sum(axis=-1)),
        ),
        (
            "F.cosine_similarity(x, y, eps=4.0)",
            lambda: (N.x * N.y).sum(axis=1) / math.prod(np.maximum(np.sqrt((v**2).sum(axis=1)), 4) for v in (N.x, N.y)),
        ),
    ],
    "batch_norm": [
        ("F.batch_norm(images, None, None, training=True)", lambda: normed(N.images, (0, 2, 3))),
        (
            "F.batch_norm(images, mean * 1, var * 1, four, bias, True, 0.3, 0.1)",
            lambda: normed(N.images, (0, 2, 3), 0.1) * by_channel(N.four) + by_channel(N.bias),
        ),
        ("F.batch_norm(logits, mean, var, four)", lambda: (N.logits - N.mean) / np.sqrt(N.var + 1e-5) * N.four),
    ],
    "layer_norm": [
        ("F.layer_norm(x, (5,))", lambda: normed(N.x, -1)),
        ("F.layer_norm(x, (3, 5), eps=0.5)", lambda: normed(N.x, (1, 2), 0.5)),
        ("F.layer_norm(logits, [4], four, bias)", lambda: normed(N.logits, -1) * N.four + N.bias),
    ],
    "group_norm": [
        ("F.group_norm(images, 2)", lambda: normed(N.images.reshape(2, 2, -1), 2).reshape(2, 4, 6, 5)),
        ("F.group_norm(logits, 1, four, bias, 0.1)", lambda: normed(N.logits, 1, 0.1) * N.four + N.bias),
    ],
    "mse_loss": [
        ("F.mse_loss(x, y)", lambda: ((N.x - N.y) ** 2).mean()),
        ("F.mse_loss(x, y, reduction='sum')", lambda: ((N.x - N.y) ** 2).sum()),
        ("F.mse_loss(x, y, reduction='none')", lambda: (N.x - N.y) ** 2),
        ("F.mse_loss(logits, prob, weight=factors)", lambda: np.average((N.logits - N.prob) ** 2, weights=N.factors)),
    ],
    "l1_loss": [
        ("F.l1_loss(x, y)", lambda: abs(N.x - N.y).mean()),
        ("F.l1_loss(logits, prob, weight=factors)", lambda: np.average(abs(N.logits - N.prob), weights=N.factors)),
        ("F.l1_loss(logits, prob, weight=factors, reduction='none')", lambda: abs(N.logits - N.prob) * N.factors),
    ],
    "huber_loss": [
        ("F.huber_loss(x, y)", lambda: huber(N.x - N.y, 1.0).mean()),
        ("F.huber_loss(x, y, 'sum', 0.4)", lambda: huber(N.x - N.y, 0.4).sum()),
        (
            "F.huber_loss(logits, prob, weight=factors)",
            lambda: (huber(N.logits - N.prob, 1.0) * N.factors).mean(),
        ),
    ],
    "smooth_l1_loss": [
        ("F.smooth_l1_loss(x, y)", lambda: huber(N.x - N.y, 1.0).mean()),
        ("F.smooth_l1_loss(x, y, reduction='none', beta=0.4)", lambda: huber(N.x - N.y, 0.4) / 0.4),
        ("F.smooth_l1_loss(x, y, beta=0)", lambda: abs(N.x - N.y).mean()),
    ],
    "kl_div": [
        ("F.kl_div(log_p, dist, reduction='batchmean')", lambda: (N.dist * (np.log(N.dist) - N.log_p)).sum() / 6),
        ("F.kl_div(log_p, dist, reduction='sum')", lambda: (N.dist * (np.log(N.dist) - N.log_p)).sum()),
        ("F.kl_div(log_p, dist, reduction='none')", lambda: N.dist * (np.log(N.dist) - N.log_p)),
        (
            "F.kl_div(log_p, spread, log_target=True, reduction='sum')",
            lambda: (np.exp(N.spread) * (N.spread - N.log_p)).sum(),
        ),
        ("F.kl_div(log_p[0], hits[:4], reduction='none')", lambda: np.array([-1, 0, 0, -1]) * N.log_p[0]),
    ],
    "cross_entropy": [
        ("F.cross_entropy(logits, classes)", lambda: picked(LOG, N.classes).mean()),
        ("F.cross_entropy(logits, classes, reduction='none')", lambda: picked(LOG, N.classes)),
        ("F.cross_entropy(logits, some)", lambda: picked(LOG, N.some)[KEPT].mean()),
        ("F.cross_entropy(logits, some, reduction='none')", lambda: picked(LOG, N.some) * KEPT),
        ("F.cross_entropy(logits, none)", lambda: np.array(math.nan)),
        ("F.cross_entropy(logits, none, reduction='sum')", lambda: np.array(0.0)),
        (
            "F.cross_entropy(logits, classes, ignore_index=1)",
            lambda: picked(LOG, N.classes)[N.classes != 1].mean(),
        ),
        ("F.cross_entropy(logits, classes, w)", lambda: np.average(picked(LOG, N.classes), weights=W[N.classes])),
        ("F.cross_entropy(logits, some, w)", lambda: np.average(picked(LOG, N.some), weights=SOME_W)),
        ("F.cross_entropy(logits, some, w, reduction='sum')", lambda: (picked(LOG, N.some) * SOME_W).sum()),
        ("F.cross_entropy(logits, classes, label_smoothing=0.1)", lambda: SMOOTH.mean()),
        (
            "F.cross_entropy(logits, some, w, label_smoothing=0.1)",
            lambda: (0.9 * picked(LOG, N.some) * SOME_W - 0.1 / 4 * (LOG * W).sum(axis=1) * KEPT).sum() / SOME_W.sum(),
        ),
        ("F.cross_entropy(spatial, spatial_classes)", lambda: picked(flat(SPATIAL), N.spatial_classes.ravel()).mean()),
        (
            "F.cross_entropy(spatial, spatial_some, w, reduction='none', label_smoothing=0.2)",
            lambda: smooth_map(),
        ),
        ("F.cross_entropy(four, one)", lambda: -log_softmax(N.four)[2]),
        ("F.cross_entropy(four, one, w, reduction='none')", lambda: -log_softmax(N.four)[2] * W[2]),
        ("F.cross_entropy(logits, dist)", lambda: -(N.dist * LOG).sum() / 6),
        ("F.cross_entropy(logits, dist, w, reduction='none')", lambda: -(N.dist * LOG * W).sum(axis=1)),
        (
            "F.cross_entropy(spatial, spatial_q, w, label_smoothing=0.3)",
            lambda: -((0.7 * N.spatial_q + 0.3 / 4) * SPATIAL * W[:, None]).sum(axis=1).mean(),
        ),
        ("F.cross_entropy(four, dist[0])", lambda: -(N.dist[0] * log_softmax(N.four)).sum()),
    ],
    "nll_loss": [
        ("F.nll_loss(log_p, classes)", lambda: picked(N.log_p, N.classes).mean()),
        ("F.nll_loss(log_p, some, w)", lambda: np.average(picked(N.log_p, N.some), weights=SOME_W)),
        ("F.nll_loss(log_p, some, reduction='none')", lambda: picked(N.log_p, N.some) * KEPT),
        (
            "F.nll_loss(spatial, spatial_classes, ignore_index=0)",
            lambda: picked(flat(N.spatial), N.spatial_classes.ravel())[N.spatial_classes.ravel() != 0].mean(),
        ),
        ("F.nll_loss(four, one)", lambda: -N.four[2]),
    ],
    "binary_cross_entropy_with_logits": [
        ("F.binary_cross_entropy_with_logits(logits, prob)", lambda: bce(N.logits, N.prob).mean()),
        ("F.binary_cross_entropy_with_logits(logits, prob, w)", lambda: (bce(N.logits, N.prob) * W).mean()),
        (
            "F.binary_cross_entropy_with_logits(logits, prob, weights, pos_weight=w, reduction='none')",
            lambda: bce(N.logits, N.prob, W) * N.weights,
        ),
    ],
    "binary_cross_entropy": [
        (
            "F.binary_cross_entropy(prob, dist)",
            lambda: -(N.dist * np.log(N.prob) + (1 - N.dist) * np.log(1 - N.prob)).mean(),
        ),
        (
            "F.binary_cross_entropy(prob, dist, w, reduction='sum')",
            lambda: (W * likelihood()).sum(),
        ),
        (
            "F.binary_cross_entropy(sure, hits, reduction='none')",
            lambda: np.array([100, 100, 0, 0, -math.log(1e-13), 1e-20, 100, -math.log(0.75)]),
        ),
    ],
}
# Where finite differences say nothing: kinks that lie between two close points, and bounds on a gradient.
ONLY_FIRST = {"hardtanh", "relu6"}
NO_DIFFERENCES = ("sure", "far", "none)", "x * 0", "one_hot", "eps=4.0)", "1.0, True, True")


def flat(log_p: Array) -> Array:
    return np.moveaxis(log_p, 1, -1).reshape(-1, log_p.shape[1])


def smooth_map() -> Array:
    log_p, classes = flat(SPATIAL), A["spatial_some"].ravel()
    losses = 0.8 * picked(log_p, classes) * W[np.maximum(classes, 0)] - 0.2 / 4 * (log_p * W).sum(axis=1)
    return (losses * (classes >= 0)).reshape(2, 3)


def used(call: str) -> list[str]:
    """The inputs with gradients that a call names."""
    names = set(re.findall(r"\b[a-z_0-9]+\b(?!=)", call.partition("(")[2]))
    return [name for name in INPUTS if name in names]


def called(call: str, given: dict[str, Any], library: str = "ours") -> Any:
    scope = {"F": F, "F64": np.float64, "math": math}
    if library == "torch":
        import torch

        scope |= {"F": torch.nn.functional, "F64": torch.float64}
    return eval(call, scope | given)


def constants() -> dict[str, Any]:
    return {name: tn.tensor(array) for name, array in A.items()}


ALL = [(name, call, formula) for name, calls in CALLS.items() for call, formula in calls]
IDS = [call for _, call, _ in ALL]


def test_every_function_has_calls():
    assert CALLS.keys() == set(F.__all__)


@pytest.mark.parametrize(("name", "call", "formula"), ALL, ids=IDS)
def test_by_its_formula(name, call, formula):
    y = called(call, constants())
    wanted = np.asarray(formula())
    assert y.shape == wanted.shape
    assert y.dtype == (np.int64 if name == "one_hot" else np.float64)
    np.testing.assert_allclose(y.data, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("name", "call", "formula"), ALL, ids=IDS)
def test_a_float32_stays_one(name, call, formula):
    given = {k: tn.tensor(v.astype(np.float32) if v.dtype.kind == "f" else v) for k, v in A.items()}
    y = called(call.replace(", dtype=F64", ""), given)
    assert y.dtype == (np.int64 if name == "one_hot" else np.float32)
    if "sure" not in call:
        np.testing.assert_allclose(y.data, np.asarray(formula()), rtol=2e-4, atol=1e-5)


DERIVED = [(name, call) for name, call, _ in ALL if not any(part in call for part in NO_DIFFERENCES)]


@pytest.mark.parametrize(("name", "call"), DERIVED, ids=[call for _, call in DERIVED])
def test_its_gradients_by_finite_differences(name, call):
    names = used(call)
    tensors = [tn.tensor(INPUTS[n], requires_grad=True) for n in names]

    def function(*values: Tensor) -> Tensor:
        return called(call, constants() | dict(zip(names, values, strict=True)))

    if not names or not function(*tensors).requires_grad:
        return
    # a row that is padding is meant to have no gradient
    cut_off = "padding_idx" in call or "table, -3" in call
    if not cut_off:
        assert gradcheck(function, tensors, fast_mode=True)
        assert gradgradcheck(function, tensors, fast_mode=True)


@pytest.mark.parametrize(("name", "call", "formula"), ALL, ids=IDS)
def test_the_same_call_in_pytorch(name, call, formula):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    names = used(call)
    ours = constants() | {n: tn.tensor(INPUTS[n], requires_grad=True) for n in names}
    theirs = {n: torch.tensor(a, requires_grad=n in names) for n, a in A.items()}
    y, u = called(call, ours), called(call, theirs, "torch")
    assert y.shape == tuple(u.shape)
    assert f"torch.{y.dtype}" == str(u.dtype)
    np.testing.assert_allclose(y.data, u.detach().numpy(), rtol=1e-10, atol=1e-10)
    assert y.requires_grad == u.requires_grad
    if not y.requires_grad:
        return
    weights = np.asarray(np.random.default_rng(1).normal(size=y.shape))
    y.backward(weights)
    u.backward(torch.tensor(weights))
    for n in names:
        assert (ours[n].grad is None) == (theirs[n].grad is None), n
        if ours[n].grad is not None:
            np.testing.assert_allclose(ours[n].grad.data, theirs[n].grad.numpy(), rtol=1e-10, atol=1e-10, err_msg=n)


def test_every_name_shared_with_pytorch_is_compared():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    shared = {name for name in F.__all__ if hasattr(torch.nn.functional, name)}
    assert shared == set(F.__all__) == CALLS.keys()


def test_arguments_have_pytorchs_names_and_order():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    known = 0
    for name in F.__all__:
        try:
            theirs = list(inspect.signature(getattr(torch.nn.functional, name)).parameters)
        except ValueError:
            continue  # it is built in
        given = inspect.signature(getattr(F, name)).parameters
        ours = [n for n, p in given.items() if p.kind is not p.KEYWORD_ONLY]
        if theirs[:1] == ["args"]:
            continue
        known += 1
        assert ours == theirs[: len(ours)], name
        assert {*given} - {*theirs} <= {"rng"}, name
    assert known > 25


def test_names_that_are_not_there_say_what_to_write():
    for name, message in {
        "relu_": r"write relu\(x, inplace=True\)",
        "interpolate": "it is not there",
        "scaled_dot_product_attention": "docs/sequences.md",
        "cross_entrpy": "did you mean cross_entropy",
        "zzz": "functional has no zzz$",
    }.items():
        with pytest.raises(AttributeError, match=message):
            getattr(F, name)
    assert not hasattr(F, "__wrapped__")


# --- in place


IN_PLACE = ["relu", "relu6", "hardtanh", "leaky_relu", "elu", "silu", "dropout", "dropout2d"]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_the_argument_becomes_the_result(name):
    function = getattr(F, name)
    options = {"p": 1.0} if "dropout" in name else {}
    leaf = tn.tensor(N.images, requires_grad=True)
    h = leaf * 3
    wanted = function(leaf * 3, **options)
    y = function(h, inplace=True, **options)
    assert y is h
    np.testing.assert_array_equal(h.data, wanted.data)
    (h * h + y).sum().backward()  # both are the result now
    (slope,) = tn.grad((wanted * wanted + wanted).sum(), leaf)
    np.testing.assert_allclose(leaf.grad.data, slope.data)

    array = N.images.copy()
    constant = tn.from_numpy(array)
    assert function(constant, inplace=True, **options) is constant
    np.testing.assert_array_equal(array, function(tn.tensor(N.images), **options).data)  # the memory itself
    with pytest.raises(RuntimeError, match="requires gradients cannot be changed in place"):
        function(leaf, inplace=True, **options)
    with pytest.raises(RuntimeError, match="may share its memory with another one"):
        function((leaf * 3)[:1], inplace=True, **options)
    with tn.no_grad():
        assert function(leaf, inplace=True, **options) is leaf
    assert leaf.is_leaf
    assert leaf.requires_grad


@pytest.mark.parametrize("kind", ["ReLU", "ReLU6", "Hardtanh", "LeakyReLU", "ELU", "SiLU", "Dropout", "Dropout2d"])
def test_modules_in_place_learn_as_the_others_do(kind):
    gradients = []
    for inplace in (False, True):
        options = {"p": 1.0} if "Dropout" in kind else {}
        rng = np.random.default_rng(3)
        layer = getattr(nn, kind)(inplace=inplace, **options)
        assert ("inplace=True" in repr(layer)) is inplace
        model = nn.Sequential(
            nn.Conv2d(4, 3, 2, rng=rng), nn.BatchNorm2d(3), layer, nn.Conv2d(3, 2, 2, rng=rng)
        ).double()
        model(tn.tensor(N.images)).sum().backward()
        gradients.append([p.grad.tolist() for p in model.parameters()])
        assert nn.summary(model, (4, 6, 5)).rows[3].output_shapes == ((1, 3, 5, 4),)
    assert gradients[0] == gradients[1]


def test_what_an_operation_has_saved_is_guarded_in_place_too():
    x = tn.tensor([1.0, -2.0], requires_grad=True)
    constant = tn.tensor([-1.0, 2.0])
    y = x * constant
    F.relu(constant, inplace=True)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_a_shortcut_behind_an_activation_in_place_sees_its_result():
    x = tn.tensor([-1.0, 2.0], requires_grad=True)
    h = x * 2
    shortcut = h
    assert (F.relu(h, inplace=True) + shortcut).tolist() == [0, 8]


# --- what is refused


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.softmax(tn.zeros(2, 3, 4)), ValueError, r"softmax of a tensor of shape \(2, 3, 4\) needs the axis"),
    (lambda: F.log_softmax(tn.zeros(2, 3, 4)), ValueError, "pass dim="),
    (lambda: F.hardtanh(tn.zeros(2), 1.0, 0.5), ValueError, "min_val must not be more than max_val"),
    (lambda: F.softplus(tn.zeros(2), 0), ValueError, "a beta other than 0"),
    (lambda: F.dropout(tn.zeros(2), 1.5), ValueError, "from 0 to 1, not 1.5"),
    (lambda: F.dropout2d(tn.zeros(2, 3)), ValueError, r"images .* not \(2, 3\)"),
    (lambda: F.embedding([5], tn.zeros(5, 2)), IndexError, "numbered from 0 to 4, not 5 to 5"),
    (lambda: F.embedding([-1], tn.zeros(5, 2)), IndexError, "numbered from 0 to 4, not -1 to -1"),
    (lambda: F.embedding([0.5], tn.zeros(5, 2)), TypeError, "by integers, not by float32"),
    (lambda: F.embedding([0], tn.zeros(5, 2), 5), ValueError, "padding_idx 5 is not a row"),
    (lambda: F.embedding([0], tn.zeros(5, 2), max_norm=1.0), ValueError, "no max_norm"),  # type: ignore[arg-type]
    (lambda: F.embedding([0], tn.zeros(5, 2), sparse=True), ValueError, "leave them out"),  # type: ignore[arg-type]
    (lambda: F.one_hot(tn.tensor([0.5])), TypeError, "integers, not float32"),
    (lambda: F.one_hot(tn.tensor([3]), 3), ValueError, "not all classes"),
    (lambda: F.one_hot(tn.zeros(0, dtype=np.int64)), ValueError, "needs num_classes"),
    (lambda: F.pad(tn.zeros(2, 3), (1,)), ValueError, "pad is in pairs"),
    (lambda: F.pad(tn.zeros(2), (1, 1, 1, 1)), ValueError, "pad is in pairs"),
    (lambda: F.pad(tn.zeros(2, 3), (-2, -2)), ValueError, "leaves nothing"),
    (lambda: F.pad(tn.zeros(2, 3), (3, 0), "reflect"), ValueError, "by at most 2, not by"),
    (lambda: F.pad(tn.zeros(2, 3), (4, 0), "circular"), ValueError, "by at most 3, not by"),
    (lambda: F.pad(tn.zeros(2, 0), (1, 0), "replicate"), ValueError, "by at most 0, not by"),
    (lambda: F.pad(tn.zeros(2, 3), (1, 0), "edge"), ValueError, "mode is one of"),  # type: ignore[arg-type]
    (lambda: F.pad(tn.zeros(2, 3), (1, 0), "reflect", 1.0), ValueError, "takes no value"),
    (lambda: F.batch_norm(tn.zeros(2), None, None), ValueError, r"takes inputs \(batch, channels, ...\)"),
    (lambda: F.batch_norm(tn.zeros(2, 3), None, None), ValueError, "needs running_mean and running_var"),
    (lambda: F.batch_norm(tn.zeros(1, 3), None, None, training=True), ValueError, "2 elements a channel or more"),
    (lambda: F.batch_norm(tn.zeros(2, 3), None, None, tn.zeros(1), training=True), ValueError, r"\(3,\), not \(1,\)"),
    (lambda: F.layer_norm(tn.zeros(2, 3), (2,)), ValueError, r"over \(2,\) takes inputs whose last axes"),
    (lambda: F.layer_norm(tn.zeros(2, 3), (3,), tn.zeros(1)), ValueError, r"weight has the shape that is normalised"),
    (lambda: F.group_norm(tn.zeros(2, 3), 2), ValueError, "cannot make 2 groups"),
    (lambda: F.mse_loss(tn.zeros(2), tn.zeros(2), reduction="x"), ValueError, "'mean', 'sum' or 'none', not 'x'"),  # type: ignore[arg-type]
    (lambda: F.mse_loss(tn.zeros(2), tn.zeros(2), weight=tn.zeros(1)), ValueError, "one for each element"),
    (lambda: F.smooth_l1_loss(tn.zeros(2), tn.zeros(2), beta=-1.0), ValueError, "beta must be positive"),
    (lambda: F.kl_div(tn.zeros(2), tn.zeros(2), reduction="x"), ValueError, "or 'batchmean', not 'x'"),  # type: ignore[arg-type]
    (lambda: F.cross_entropy(tn.zeros(2, 3), [0, 3]), ValueError, "target 3 is not a class"),
    (lambda: F.cross_entropy(tn.zeros(2, 3), [0, -1]), ValueError, "target -1 is not a class"),
    (lambda: F.cross_entropy(tn.zeros(2, 3), [[0], [1]]), ValueError, r"not \(2, 3\) and \(2, 1\)"),
    (lambda: F.cross_entropy(tn.zeros(2, 3, 4), [0, 1]), ValueError, r"not \(2, 3, 4\) and \(2,\)"),
    (lambda: F.cross_entropy(tn.zeros(2, 3), [[0, 1, 0]] * 2), TypeError, "indices of classes have one axis less"),
    (lambda: F.cross_entropy(tn.zeros(2, 3), tn.zeros(2, 3), ignore_index=1), ValueError, "not with probabilities"),
    (lambda: F.cross_entropy(tn.tensor(1.0), tn.tensor(0)), ValueError, "not a single number"),
    (lambda: F.cross_entropy(tn.zeros(2, 3), [0, 1], label_smoothing=2.0), ValueError, r"in \[0, 1\], not 2"),
    (lambda: F.cross_entropy(tn.zeros(2, 3), tn.zeros(2, 3), [1.0]), ValueError, "3 classes need one weight each"),
    (
        lambda: F.cross_entropy(tn.zeros(1, 2), [0], tn.ones(2, requires_grad=True)),
        RuntimeError,
        r"pass weight.detach\(\)",
    ),
    (lambda: F.cross_entropy(tn.zeros(1, 2), tn.zeros(1, 2), tn.ones(2, requires_grad=True)), RuntimeError, "weight"),
    (
        lambda: F.binary_cross_entropy_with_logits(tn.zeros(2), [0, 1], pos_weight=tn.ones(2, requires_grad=True)),
        RuntimeError,
        "pos_weight is a constant",
    ),
    (lambda: F.binary_cross_entropy(tn.full((2,), 2.0), [0.0, 1.0]), ValueError, "from 0 to 1, not 2.0"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_one_axis_or_two_need_no_dim():
    assert F.softmax(tn.zeros(4)).tolist() == [0.25] * 4
    assert nn.Softmax()(tn.zeros(2, 4)).tolist() == [[0.25] * 4] * 2
    with pytest.raises(ValueError, match="pass dim="):
        nn.Softmax()(tn.zeros(2, 3, 4))


def test_a_batch_norm_follows_its_batches_in_place():
    mean, var = tn.zeros(4, dtype=np.float64), tn.ones(4, dtype=np.float64)
    F.batch_norm(tn.tensor(N.images), mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.data, 0.25 * N.images.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(var.data, 0.75 + 0.25 * N.images.var(axis=(0, 2, 3), ddof=1))
    F.batch_norm(tn.tensor(N.images), mean, None, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.data, N.images.mean(axis=(0, 2, 3)))


def test_dropout_keeps_the_expectation_and_its_gradient_is_its_mask():
    x = tn.ones(20_000, requires_grad=True)
    y = F.dropout(x, 0.3, rng=np.random.default_rng(0))
    assert set(np.unique(y.data).tolist()) == {0, np.float32(1 / np.float32(0.7)).item()}
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    channels = F.dropout2d(tn.ones(50, 40, 3, 3), 0.3, rng=np.random.default_rng(0)).data
    assert (channels == channels[:, :, :1, :1]).all()
    assert channels[:, :, 0, 0].mean() == pytest.approx(1, abs=0.05)


def test_a_padding_row_gets_no_gradient_and_the_others_add_theirs_up():
    table = tn.tensor(N.table, requires_grad=True)
    F.embedding(N.indices, table, padding_idx=1).sum().backward()
    np.testing.assert_array_equal(table.grad.data[:, 0], [1, 0, 0, 1, 1])
    (again,) = tn.grad(F.embedding(N.indices, table).sum(), table)
    np.testing.assert_array_equal(again.data[:, 0], [1, 3, 0, 1, 1])


def test_an_ignored_example_may_have_any_score():
    logits = tn.tensor(np.array([[0.0, 1.0], [math.inf, 0.0]]), requires_grad=True)
    with np.errstate(invalid="ignore"):
        loss = F.nll_loss(logits, [0, -100], reduction="sum")
        loss.backward()
    assert loss.item() == 0
    assert logits.grad.tolist() == [[-1, 0], [0, 0]]


@pytest.mark.parametrize(("n", "amounts"), [(0, (-1, 2)), (0, (1, -1)), (1, (-2, 2)), (1, (2, -2)), (2, (-2, -1))])
def test_no_more_is_taken_away_than_there_is(n: int, amounts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"leaves nothing of an axis of length {n}"):
        F.pad(Tensor(np.zeros((2, n))), amounts)
    assert F.pad(Tensor(np.zeros((2, 3))), (-3, 1)).tolist() == [[0], [0]]


@pytest.mark.parametrize("create_graph", [False, True])
def test_where_a_target_is_0_its_gradient_in_kl_div_is_nan(create_graph):
    """There log target is infinite; the loss and the other gradients are not."""
    log_p, target = tn.tensor([-1.5, -0.25], requires_grad=True), tn.tensor([0.0, 0.5], requires_grad=True)
    loss = F.kl_div(log_p, target, reduction="sum")
    loss.backward(create_graph=create_graph)
    assert loss.item() == pytest.approx(0.5 * (math.log(0.5) + 0.25))
    assert np.isnan(target.grad.detach().numpy()).tolist() == [True, False]
    np.testing.assert_allclose(target.grad.detach().numpy()[1], math.log(0.5) + 1 + 0.25, rtol=1e-6)
    np.testing.assert_allclose(log_p.grad.detach().numpy(), [0, -0.5])
