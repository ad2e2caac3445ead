from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import AnomalyError, Tensor, detect_anomaly, nn
from tinygrad_nn.core.observe import mode


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def test_the_first_operation_that_gives_infinity_is_named_with_its_line_and_inputs():
    x = Tensor(np.array([1.0, 0.0]), requires_grad=True)
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        (x.log() * 2).sum()  # here
    message = str(caught.value)
    assert message.startswith("log gave infinity from finite inputs")
    assert "test_anomaly.py" in message
    assert "(x.log() * 2).sum()  # here" in message
    assert "input 0: shape (2,), float64, from 0 to 1" in message


def test_the_module_is_named():
    class Net(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(nn.Linear(2, 2), Log())

        def forward(self, x):
            return self.inner(x)

    class Log(nn.Module):
        def forward(self, x):
            return (x * 0 - 1).log()

    with detect_anomaly(), pytest.raises(AnomalyError, match=r"log gave NaN(.|\n)*in module inner\.1"):
        Net()(Tensor(np.ones((1, 2))))


def test_a_gradient_is_traced_to_its_forward_line():
    x = Tensor(np.array([4.0, 0.0]), requires_grad=True)
    with detect_anomaly():
        y = x.sqrt().sum()  # the root of it
        with pytest.raises(AnomalyError) as caught:
            y.backward()
    message = str(caught.value)
    assert message.startswith("the gradient of sqrt for its input 0 holds infinity")
    assert "x.sqrt().sum()  # the root of it" in message


def test_what_was_no_number_before_is_not_blamed_on_the_next_operation():
    x = Tensor(np.array([np.nan]))
    with detect_anomaly():
        assert np.isnan((x * 2).item())


def test_numpys_writes_behind_the_librarys_back_are_found():
    w, x = Tensor(np.ones(3), requires_grad=True), np.ones(3)
    with detect_anomaly():
        y = (w * x).sum()
        x[0] = 5.0
        with pytest.raises(
            RuntimeError, match=r"an array that mul saved has been changed in place(.|\n)*y = \(w \* x\)"
        ):
            y.backward()


def test_it_is_off_afterwards_and_nests():
    with detect_anomaly():
        with detect_anomaly():
            pass
        with pytest.raises(AnomalyError, match=r"div gave infinity from finite inputs(.|\n)*input 1: 0.0"):
            Tensor(np.ones(1)) / 0.0
        with detect_anomaly() as inner, pytest.raises(AnomalyError):  # the outer one looks first
            Tensor(np.zeros(1), requires_grad=True).log()
        assert not inner.places
    assert not mode.get().observers
    assert np.isinf(Tensor(np.zeros(1)).log().item())


def test_healthy_training_passes():
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    with detect_anomaly():
        nn.BCEWithLogitsLoss()(model(Tensor(np.ones((3, 2)))), np.ones((3, 1))).backward()
    assert model[0].weight.grad is not None
