"""The ONNX file of a model: it passes the checker, and onnxruntime computes from it what the model does."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.lanes import examples
from tests.ops.strategies import cases
from tinygrad_nn import Primitive, Tensor, nn, no_grad, ops
from tinygrad_nn.graph import to_onnx
from tinygrad_nn.graph.onnx.translations import TRANSLATIONS
from tinygrad_nn.nn.activations import ACTIVATIONS

from .networks import Stack

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime, which executes the files, is not installed")

EXAMPLE, OTHER = 4, 7  # batch sizes


def normal(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def run(path, *inputs):
    """The outputs of the file by name."""
    onnx.checker.check_model(str(path), full_check=True)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, dict(zip(names, inputs, strict=True))), strict=True))


def kinds(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def equal(found, expected):
    """To 1e-6 of the largest, and to the dtype and shape."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    finite = np.abs(expected[np.isfinite(expected)].astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * max(1.0, finite.max(initial=0)))


def agree(model, path, *shapes_or_inputs):
    """Export for one batch size; the same outputs for it, for another one and for one example."""
    example = tuple(normal(EXAMPLE, *x) if isinstance(x, tuple) else x for x in shapes_or_inputs)
    assert to_onnx(model, example, path) == path
    model.eval()
    for batch in (EXAMPLE, OTHER, 1):
        inputs = [
            normal(batch, *x.shape[1:], seed=batch) if x.dtype.kind == "f" else np.resize(x, (batch, *x.shape[1:]))
            for x in example
        ]
        expected = model(*map(Tensor, inputs))
        found = run(path, *inputs)
        equal(found["output"], expected.data)


class Of(nn.Module):
    """A function as a model."""

    def __init__(self, function):
        self.function = function

    def forward(self, *x):
        return self.function(*x)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


# --- models


def network(*layers):
    """Layers, or functions that make them with a generator; running statistics are not 0 and 1."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(*(layer if isinstance(layer, nn.Module) else layer(rng) for layer in layers))
    for buffer in model.buffers():
        if buffer.dtype.kind == "f":
            buffer.data += rng.uniform(0.1, 1, buffer.shape).astype(np.float32)
    return model


def linear(n, m):
    return lambda rng: nn.Linear(n, m, rng=rng)


MODELS = {
    "digits": (network(linear(64, 32), nn.ReLU(), linear(32, 10)), (64,)),
    "batch norm, dropout": (network(linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(), linear(6, 2)), (5,)),
    "layer norm": (network(linear(5, 6), nn.LayerNorm(6), linear(6, 2), nn.Softmax()), (5,)),
    "layers on sequences": (network(linear(5, 6), nn.ReLU(), nn.LayerNorm(6), linear(6, 2)), (3, 5)),
    "residual": (network(linear(5, 5), nn.Residual(network(nn.ReLU(), linear(5, 5)))), (5,)),
    "convolution": (
        network(
            lambda rng: nn.Conv2d(2, 4, 3, padding=1, rng=rng),
            nn.ReLU(),
            nn.MaxPool2d(2),
            lambda rng: nn.Conv2d(4, 3, (2, 3), stride=2, padding=(0, 1), bias=False, rng=rng),
            nn.MaxPool2d(2, stride=1),
            nn.Flatten(),
            linear(3 * 2 * 2, 3),
        ),
        (2, 12, 12),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_the_same_for_every_batch_size(name, path):
    model, shape = MODELS[name]
    agree(model, path, shape)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_computes_the_same(name, path):
    agree(network(ACTIVATIONS[name](), linear(5, 5)), path, (5,))


def test_a_tanh_gelu_and_sums_over_the_batch(path):
    agree(Of(lambda x: ops.gelu(x, "tanh") - x.mean(axis=0) / x.mean()), path, (5,))


def test_a_model_of_ones_own(path):
    model = Stack(3, np.random.default_rng(0))
    agree(model, path, (3,))
    stored = onnx.load(path).graph
    names = {n.name for n in stored.node}
    assert {"entry/Gemm", "blocks.0.inner/Gemm", "blocks.0/Relu", "blocks.2/Add"} <= names
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in stored.initializer}
    assert set(model.state_dict()) <= set(weights)
    assert np.array_equal(weights["blocks.1.outer.bias"], model.blocks[1].outer.bias.data)
    assert [d.dim_param or d.dim_value for d in stored.input[0].type.tensor_type.shape.dim] == ["batch", 3]


def test_convolution_and_pooling_are_single_nodes(path):
    model, shape = MODELS["convolution"]
    to_onnx(model, normal(EXAMPLE, *shape), path)
    found = kinds(path)
    assert [found.count(kind) for kind in ("Conv", "MaxPool", "Gemm", "Pad", "Gather", "Where")] == [2, 2, 1, 0, 0, 0]


def test_pooling_of_other_than_four_axes(path):
    agree(nn.MaxPool2d((2, 3), stride=1), path, (5, 6))
    agree(Of(lambda x: ops.max_pool2d(x, 2).relu()), path, (2, 3, 4, 4))
    agree(Of(lambda x: ops.avg_pool2d(x, 2) - ops.avg_pool2d(x[0], 2)), path, (2, 3, 4, 4))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: ops.conv2d(x, w[:, :2], stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        lambda x, w: ops.conv2d(x, w, padding="same"),
        lambda x, w: ops.conv1d(x[:, :, 0], w[:, :, 0], padding=1),
        lambda x, w: ops.max_pool2d(x, 3, 2, 1, 1, ceil_mode=True),
        lambda x, w: ops.max_pool2d(x, (2, 3), 1, dilation=(3, 2)),
        lambda x, w: ops.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
        lambda x, w: ops.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    ],
)
def test_options_of_convolution_and_pooling(function, path):
    w = Tensor(normal(6, 4, 2, 3))
    agree(Of(lambda x: function(x, w)), path, (4, 8, 7))


def test_a_pool_whose_largest_are_shared(path):
    zeros = Of(lambda x: ops.max_pool2d(x.relu() * 0 + 1, 2))
    agree(zeros, path, (1, 4, 4))


def test_several_inputs_and_outputs(path):
    class Two(nn.Module):
        def forward(self, x, y):
            return {"sum": x + y, "product": x * y, "first": x, "again": x + y}

    x, y = normal(4, 3), normal(4, 1, seed=1)
    to_onnx(Two(), (x, y), path)
    found = run(path, x[:2], y[:2])
    assert list(found) == ["sum", "product", "first", "again"]
    for name, expected in Two()(Tensor(x[:2]), Tensor(y[:2])).items():
        equal(found[name], expected.data)
    to_onnx(Of(lambda x: (x + 1, x[0])), x, path)
    assert list(run(path, x)) == ["output_0", "output_1"]


class Embedding(nn.Module):
    def __init__(self):
        self.table = nn.Parameter(normal(9, 5))

    def forward(self, ids):
        return self.table[ids].sum(axis=1)


def test_whole_numbers_choose_rows_of_a_table(path):
    ids = np.random.default_rng(0).integers(0, 9, (4, 3))
    agree(Embedding(), path, ids)
    with no_grad():
        agree(Of(lambda x: x.astype(np.float32) / 3), path, ids)


def test_frozen_parameters_and_detached_results_are_the_models(path):
    model = nn.Linear(5, 3, rng=np.random.default_rng(0))
    for p in model.parameters():
        p.requires_grad_(False)
    agree(Of(lambda x: model(x.detach()).detach() + 1), path, (5,))


def test_a_start_that_is_as_long_as_the_batch(path):
    agree(Of(lambda x: ops.concatenate([Tensor(np.zeros((len(x), 2), np.float32)), x * len(x)], axis=1)), path, (3,))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, 1:, ::-2],
        lambda x: x[1:3] * 2,
        lambda x: x[:, -1, None],
        lambda x: x[..., 0],
        lambda x: x[: len(x), [2, 0, 2]],
        lambda x: x[:, [1, 0], [0, 3]],
        lambda x: x[:, normal(3, 4) > 0],
        lambda x: x[::-1],
        lambda x: x.reshape(-1, 4).reshape(len(x), 12),
        lambda x: x.reshape(len(x) * 3, 4).sum(axis=1),
        lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 3))),
        lambda x: ops.scatter(x, index=(slice(None), np.array([0, 2, 2])), shape=(len(x), 5, 4)),
        lambda x: x.unsqueeze(1).broadcast_to((len(x), 2, 3, 4)),
        lambda x: x.permute(1, 0, 2).flatten(1).T,
        lambda x: ops.einsum("bij,bkj->bik", x, x),
        lambda x: ops.einsum("bij,bjk->bk", x[:, :1], x.mT),
        lambda x: x @ x.mT,
        lambda x: x.var(axis=(1, 2)) + x.norm(axis=(1, 2)) + x.logsumexp(axis=(-1, -2)),
        lambda x: ops.stack(ops.split(x, [1, 2], axis=1)[::-1][1:], axis=0).squeeze(0),
    ],
)
def test_shapes_that_follow_the_batch(function, path):
    model = Of(function)
    x = normal(EXAMPLE, 3, 4)
    to_onnx(model, x, path)
    for batch in (EXAMPLE, OTHER):
        inputs = normal(batch, 3, 4, seed=batch)
        equal(run(path, inputs)["output"], model(Tensor(inputs)).data)


def test_a_size_that_does_not_follow_the_batch_fixes_it(path):
    model = Of(lambda x: x[: len(x) // 2] * 2)
    with pytest.warns(UserWarning, match=r"fixed at 4: .*getitem"):
        to_onnx(model, normal(4, 3), path)
    equal(run(path, normal(4, 3))["output"], normal(4, 3)[:2] * 2)
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value == 4
    to_onnx(model, normal(4, 3), path, dynamic_batch=False)  # asked for: no warning


# --- primitives


@pytest.mark.parametrize("name", sorted(ops.TABLE))
@settings(examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_primitive_is_translated(name, data, tmp_path):
    assert name in TRANSLATIONS
    case = data.draw(cases(name))
    arrays = case.arrays(np.float32)
    expected = case(*(Tensor(x) if isinstance(x, np.ndarray) else x for x in arrays)).data
    assume(expected.size and all(np.size(x) for x in arrays))
    given_arrays = [x for x in arrays if isinstance(x, np.ndarray)]

    def forward(*tensors):
        ahead = iter(tensors)
        return case(*(next(ahead) if isinstance(x, np.ndarray) else x for x in arrays))

    path = tmp_path / "model.onnx"
    to_onnx(Of(forward), tuple(given_arrays), path, dynamic_batch=False)
    equal(run(path, *given_arrays)["output"], expected)


def test_small_and_large_arguments_lose_nothing(path):
    x = np.array([-0.75, -1e-6, -1e-12, 0, 1e-20, 1e-7, 3e-4, 0.5, 1, 2, 50, np.inf], np.float32)
    for function in (ops.log1p, ops.expm1):
        to_onnx(Of(function), x, path)
        np.testing.assert_allclose(run(path, x)["output"], function(x), rtol=1e-6)
    logits = np.array([[1e4, 0, -1e4], [88, 89, 90]], np.float32)
    for function in (Tensor.softmax, Tensor.log_softmax, Tensor.logsumexp):
        to_onnx(Of(lambda x, function=function: function(x, axis=-1)), logits, path)
        equal(run(path, logits)["output"], function(Tensor(logits), axis=-1).data)


# --- what cannot be exported


def test_a_primitive_of_ones_own_is_named(path):
    cube = Primitive("cube", lambda x: x * x * x, lambda g, y, x: g * (3 * x * x))
    with pytest.raises(NotImplementedError, match=r"'cube' has no translation to ONNX.*\n.*test_onnx\.py, line \d+"):
        to_onnx(Of(cube), normal(2, 3), path)
    mine = Primitive("exp", lambda x: x, lambda g, y, x: g)  # not ours, for all its name
    with pytest.raises(NotImplementedError, match="'exp'"):
        to_onnx(Of(mine), normal(2, 3), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: ops.where(x > 0, x, 2 * x), "where: .*an array that changes with the input"),
        (lambda x: x * Tensor(np.tanh(x.data)), "mul: .*an array that changes with the input"),
        (lambda x: x * float(x.data.max()), "mul: the number"),
        (lambda x: x + (np.inf if x.data.flat[0] > -0.1 else 1.0), "add: the number"),
        (lambda x: x.exp() if x.data.flat[0] > -0.1 else x.log(), "which operations run"),
        (lambda x: Tensor(x.data * 2), "the model's output is not made"),
        (lambda x: x * np.random.default_rng().random(3), "an array that changes"),
        (lambda x: x[:, int(x.data.argmax()) % 3], "getitem"),
        (lambda x: x[x > 0], "getitem: an index depends on"),
    ],
)
def test_what_the_records_do_not_show_is_refused(function, reason, path):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=reason):
        to_onnx(Of(function), normal(6, 3), path, dynamic_batch=False)
    with pytest.raises(ValueError, match=reason), pytest.warns(UserWarning, match="fixed at 6"):
        to_onnx(Of(function), normal(6, 3), path)
    assert path.read_bytes() == b"old"


def test_whole_numbers_changed_in_place_are_refused(path):
    class Change(nn.Module):
        def forward(self, ids):
            first = ops.astype(ids, dtype=np.dtype(np.float32))
            ids += 1
            return first + ops.astype(ids, dtype=np.dtype(np.float32))

    with pytest.raises(ValueError, match="changed in place"):
        to_onnx(Change(), np.arange(6).reshape(2, 3), path, dynamic_batch=False)


def test_the_model_and_the_example_stay_as_they_are(path):
    model = network(linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = {n: a.copy() for n, a in model.state_dict().items()}
    x = normal(4, 3)
    to_onnx(model, x, path)
    assert model.training
    assert np.array_equal(x, normal(4, 3))
    assert all(np.array_equal(a, before[n]) for n, a in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_inputs_that_nothing_can_be_seen_on(path):
    with pytest.raises(ValueError, match=r"\(0, 3\).* no elements"):
        to_onnx(nn.ReLU(), np.zeros((0, 3), np.float32), path)
    with pytest.raises(TypeError, match="output_1 is 3"):
        to_onnx(Of(lambda x: (x, 3)), normal(2, 3), path)


def test_without_onnx_it_says_what_to_install(path, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.split(".")[0] == "onnx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-nn\[onnx\]'"):
        to_onnx(nn.ReLU(), normal(2, 3), path)
