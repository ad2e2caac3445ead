from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinygrad_nn import Tensor, nn, optim
from tinygrad_nn.diagnosis import Probe, histogram


@given(
    st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
        lambda dtype: arrays(
            dtype,
            array_shapes(min_dims=0, min_side=0),
            elements=st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=True, allow_infinity=True),  # type: ignore[arg-type]
        )
    )
)
@example(np.array([-1.7e308, 0, 1.7e308]))
@example(np.array([-3e38, 0, 3e38], np.float32))
@example(np.full(3, 1.7e308))
@example(np.full(3, -3.4e38, np.float32))
@example(np.array([0, 1e-320, 2e-320]))
@example(np.array(1e-45, np.float32))
@example(np.array(5e-324))
@example(np.array([5e-324, 1e-323]))
@example(np.array([0, 1e-45, 3e-45], np.float32))
@example(np.array(1e-45, np.float32))
def test_every_value_is_counted_once_and_in_its_bin(values):
    h = histogram(values)
    finite = np.sort(values[np.isfinite(values)], axis=None)
    assert h.outside == values.size - finite.size
    assert h.counts.shape == (64,)
    assert h.counts.sum() == finite.size
    assert h.low < h.high
    low, high = Fraction(h.low), Fraction(h.high)
    places = np.repeat(np.arange(64), h.counts)  # where the values are, lowest first
    for value, place in zip(finite.tolist(), places, strict=True):
        inside = (Fraction(value) - low) / (high - low) * 64
        assert place - 0.001 <= inside <= place + 1.001


def test_counts_agree_with_numpy():
    values = np.random.default_rng(0).normal(size=1000)
    h = histogram(values)
    counts, edges = np.histogram(values, bins=64)
    assert (h.low, h.high) == (edges[0], edges[-1])
    assert np.abs(h.counts - counts).sum() <= 4  # a value on an edge may fall on either side


def test_equal_values_fill_one_bin():
    assert histogram(np.full(7, 3.0)).counts.max() == 7


def test_observing_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    probe = Probe(model)
    with pytest.raises(RuntimeError, match="in the middle"), probe.observing():
        raise RuntimeError("in the middle")
    assert not model[0]._forward_hooks
    with probe.observing():
        model(Tensor(np.ones((4, 3))))
    assert not model[0]._forward_hooks
    assert probe.layers[0].activation == "tanh"


def test_a_layer_that_did_not_run_is_still_listed_without_activations():
    model = nn.Sequential(nn.Linear(2, 2))
    model.spare = nn.Linear(5, 5)
    probe = Probe(model)
    with probe.observing():
        model[0](Tensor(np.ones((1, 2))))
    records = probe.measure(probe.gradient_squares())
    assert [r.name for r in records] == ["0", "spare"]
    assert np.isnan(records[1].activation_mean)
    assert records[1].gradient_norm == 0


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh])
def test_the_figures_of_a_layer_are_those_of_numpy(activation):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 5, rng=rng), activation(), nn.Linear(5, 1, rng=rng))
    optimizer, probe = optim.Adam(model.parameters(), lr=0.01), Probe(model)
    x = Tensor(rng.normal(size=(40, 6)) * 3)
    optimizer.zero_grad()
    with probe.observing():
        loss = (model(x) ** 2).mean()
    loss.backward()
    squares = probe.gradient_squares()
    before = np.concatenate([p.data.ravel() for p in model[0].parameters()])
    gradient = np.concatenate([p.grad.data.ravel() for p in model[0].parameters()])
    probe.before_update()
    optimizer.step()
    record = probe.measure(squares)[0]
    after = np.concatenate([p.data.ravel() for p in model[0].parameters()])
    units = activation()(Tensor(x.data @ before[:30].reshape(5, 6).T + before[30:])).data
    middle, reach = {nn.Sigmoid: (0.5, 0.45), nn.Tanh: (0, 0.9)}.get(activation, (0, np.inf))
    expected = {
        "gradient_norm": np.linalg.norm(gradient),
        "gradient_rms": np.sqrt(np.mean(gradient**2)),
        "gradient_max": np.abs(gradient[:30]).max(),
        "weight_norm": np.linalg.norm(after),
        "weight_rms": np.sqrt(np.mean(after**2)),
        "update_ratio": np.linalg.norm(after - before) / np.linalg.norm(before),
        "activation_mean": units.mean(),
        "activation_std": units.std(),
        "zero_fraction": np.mean(units == 0) if activation is nn.ReLU else np.nan,
        "saturated_fraction": np.nan if activation is nn.ReLU else np.mean(np.abs(units - middle) > reach),
    }
    assert {name: getattr(record, name) for name in expected} == pytest.approx(expected, rel=1e-4, nan_ok=True)
    for values, seen in ((after[:30], record.weights), (gradient[:30], record.gradients), (units, record.activations)):
        assert (seen.low, seen.high) == pytest.approx((values.min(), values.max()), rel=1e-4)
        assert seen.counts.sum() == values.size
