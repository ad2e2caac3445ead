"""nn.utils: parameters as one vector, and clipping, which `optim` has too."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import nn, optim
from tinygrad_nn.nn import utils

RNG = np.random.default_rng(2)
SHAPES = [(2, 3), (3,), (), (0, 4), (1, 2, 2)]
ARRAYS = [np.asarray(RNG.normal(size=shape)) for shape in SHAPES]


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(array.copy()) for array in ARRAYS]


def test_parameters_to_a_vector_and_back():
    given = parameters()
    vector = utils.parameters_to_vector(given)
    np.testing.assert_array_equal(vector.data, np.concatenate([a.ravel() for a in ARRAYS]))
    (vector * np.arange(vector.size)).sum().backward()
    np.testing.assert_array_equal(given[1].grad.data, [6, 7, 8])
    others = [nn.Parameter(np.zeros(shape)) for shape in SHAPES]
    memory = [p.data for p in others]
    utils.vector_to_parameters(vector, others)
    for p, data, array in zip(others, memory, ARRAYS, strict=True):
        assert p.data is data
        np.testing.assert_array_equal(data, array)


def test_a_write_from_a_vector_is_noticed_by_what_was_computed():
    p = nn.Parameter([1.0, 2.0])
    y = (p * p).sum()
    utils.vector_to_parameters(tn.zeros(2), [p])
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_what_does_not_fit_is_refused_before_anything_is_written():
    p, q = nn.Parameter([1.0, 2.0]), nn.Parameter([3.0])
    for vector in (tn.zeros(2), tn.zeros(4), tn.zeros(3, 1)):
        with pytest.raises(ValueError, match="the parameters 3 elements"):
            utils.vector_to_parameters(vector, [p, q])
    assert p.tolist() == [1, 2]
    with pytest.raises(ValueError, match="no parameters"):
        utils.parameters_to_vector([])


def test_clipping_is_the_one_of_optim():
    assert utils.clip_grad_norm_ is optim.clip_grad_norm_
    assert utils.clip_grad_value_ is optim.clip_grad_value_


SHARED = {"clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"}  # clipping: test_clip


def test_as_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert {name for name in utils.__all__ if hasattr(torch.nn.utils, name)} == SHARED == set(utils.__all__)
    theirs = torch.nn.utils.parameters_to_vector([torch.tensor(a) for a in ARRAYS])
    np.testing.assert_array_equal(utils.parameters_to_vector(parameters()).data, theirs.numpy())
    with pytest.raises(AttributeError, match=r"nn.utils has no rnn: docs/sequences.md"):
        utils.rnn  # noqa: B018
