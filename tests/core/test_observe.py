"""Observers stack: each is told everything, whoever else watches."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn import AnomalyError, Tensor, detect_anomaly, grad, nn
from tinygrad_nn.core.observe import Observer, begin, end, mode, observing
from tinygrad_nn.diagnosis import Probe


class Diary(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def operation(self, primitive, arrays, attrs, out):
        self.told.append(("operation", primitive.name))

    def begins(self, node):
        self.told.append(("begins", node.primitive.name))

    def gradient(self, node, i, gradient):
        self.told.append(("gradient", node.primitive.name, i, gradient.shape))


def test_what_is_told_and_in_which_order():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with observing(Diary()) as diary:
        (x.exp() * 2.0).sum().backward()
    assert diary.told == [
        ("operation", "exp"),
        ("operation", "mul"),
        ("operation", "sum"),
        ("begins", "sum"),
        ("gradient", "sum", 0, (2,)),
        ("begins", "mul"),
        ("gradient", "mul", 0, (2,)),
        ("begins", "exp"),
        ("gradient", "exp", 0, (2,)),
    ]
    x.exp()
    assert len(diary.told) == 9


def test_all_are_told_whoever_began_or_ended_first():
    outer, inner = Diary(), Diary()
    begin(outer)
    begin(inner)
    Tensor(1.0).exp()
    end(outer)  # in another order, as contexts of generators may
    Tensor(1.0).log()
    end(inner)
    assert outer.told == [("operation", "exp")]
    assert inner.told == [("operation", "exp"), ("operation", "log")]
    assert not mode.get().observers


def test_another_thread_is_not_watched():
    with observing(Diary()) as diary:
        thread = threading.Thread(target=lambda: Tensor(1.0).exp())
        thread.start()
        thread.join()
    assert not diary.told


def test_a_backward_pass_has_a_number_while_it_lasts():
    numbers = []

    class Numbers(Observer):
        def operation(self, primitive, arrays, attrs, out):
            numbers.append(mode.get().walk)

    x = Tensor([1.0], requires_grad=True)
    with observing(Numbers()):
        y = x.exp()
        for _ in range(2):
            grad(y, x, create_graph=True)
        y.log()
    assert numbers[0] == numbers[-1] == 0
    assert len(set(numbers)) == 3


def test_a_probe_does_not_blind_the_detector_of_anomalies():
    """The batch that closes an epoch is watched by both: its NaN has a line all the same."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    x = Tensor(np.ones((4, 2), np.float32))
    with pytest.raises(AnomalyError, match=r"log gave NaN from finite inputs\n.*test_observe.py, line"):  # noqa: SIM117
        with np.errstate(invalid="ignore"), detect_anomaly(), Probe(model).observing():
            (model(x) - 100.0).log()


def test_the_engine_stands_alone():
    """In a fresh process: nothing above the engine is imported for it, and no Tensor is needed."""
    code = (
        "import sys, types\n"
        "package = types.ModuleType('tinygrad_nn'); package.__path__ = ['tinygrad_nn']\n"
        "sys.modules['tinygrad_nn'] = package\n"
        "import numpy as np\n"
        "from tinygrad_nn.core import backward, node, primitive\n"
        "from tinygrad_nn.ops import elementwise\n"
        "x = node.wrap(np.array([2.0, 3.0]), None); x.node = node.Leaf(x)\n"
        "y = elementwise.mul(elementwise.exp(x), 2.0)\n"
        "backward.backward(y, np.ones(2))\n"
        "assert np.allclose(x._grad, 2 * np.exp([2.0, 3.0]))\n"
        "print(*(n for n in sys.modules if n.startswith('tinygrad_nn.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name.startswith(("tinygrad_nn.core", "tinygrad_nn.ops")) for name in done.stdout.split())
