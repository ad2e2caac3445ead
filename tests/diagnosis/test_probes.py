from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinygrad_nn import Tensor, nn
from tinygrad_nn.diagnosis import Probe, histogram


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=0, min_side=0),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
)
def test_every_value_is_counted_once(values):
    with np.errstate(all="ignore"):
        h = histogram(values)
    assert h.counts.sum() + h.outside == values.size
    assert h.outside == np.count_nonzero(~np.isfinite(values))
    assert h.low < h.high


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
