"""What is changed in place after it was saved for a gradient is found; what is changed elsewhere is no matter."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import Tensor, no_grad
from tinygrad_nn.constants import constant
from tinygrad_nn.node import note_write, writes


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_a_sum_collected_in_place_keeps_its_gradient():
    x = leaf(2.0)
    total = Tensor(np.zeros(1))
    for factor in (3.0, 4.0):
        total += x * factor
    total.sum().backward()
    assert x.grad.data.tolist() == [7.0]


def test_what_needs_a_gradient_is_not_written_into_an_array():
    x, buffer = leaf(2.0), Tensor(np.zeros(2))
    with pytest.raises(RuntimeError, match="requires gradients"):
        buffer[0] = x[0] * 3
    with no_grad():
        buffer[0] = x[0] * 3
    assert buffer.data.tolist() == [6, 0]


@pytest.mark.parametrize("saved", ["input", "output"])
def test_an_array_changed_after_it_was_saved_is_an_error(saved):
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = (y * y).sum()
    changed = x if saved == "input" else y
    changed.data[0] = 5.0
    note_write(changed.data[:1])  # through a view of it
    with pytest.raises(RuntimeError, match=r"an array of shape \(2,\) that (mul|exp) saved .* changed in place"):
        z.backward()
    again = (x.exp() * 1.0).sum()  # what is computed after the write is right
    again.backward()
    np.testing.assert_allclose(x.grad.data, np.exp(x.data))


def test_a_write_to_an_array_is_a_write_to_its_views():
    x, w = Tensor(np.ones((2, 3))), leaf(1.0, 2.0, 3.0)
    y = (x[0] * w).sum()
    x += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_of_an_array_that_is_gone_no_write_is_remembered():
    x = Tensor(np.ones(3))
    x += 1
    x += 1
    place = id(x.data)
    assert place in writes.times
    del x
    assert place not in writes.times


def test_a_write_elsewhere_or_before_is_no_matter():
    x, factor, other = leaf(1.0, 2.0), Tensor(np.ones(2)), Tensor(np.ones(2))
    factor += 1
    y = (x * factor * 3.0).sum()
    other += 1
    y.backward()
    assert x.grad.data.tolist() == [6, 6]


def test_nobody_can_write_to_a_constant_that_operations_share():
    with pytest.raises(ValueError, match="read-only"):
        constant(1, np.dtype(np.float32), 3)[:] = 2
