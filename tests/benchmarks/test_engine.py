"""The engine's speed on the workloads, beside hand-written NumPy and, where it is installed, PyTorch.

    python -m pytest tests/benchmarks --benchmark-enable --benchmark-group-by=param:workload

Quote ratios within one group of one run: the machine's own speed cancels out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.benchmarks.baselines import ACTIVATION, LR, OPTIMIZER, SIZES, Tuned, batch, plain, weights
from tinygrad_nn import Tensor, nn, ops, optim

Step = Callable[[], object]


def eager(name: str) -> Step:
    x, target = batch(name)
    params = [(Tensor(w, requires_grad=True), Tensor(b, requires_grad=True)) for w, b in weights(name)]
    activation = getattr(ops, ACTIVATION[name])
    loss_of = ops.binary_cross_entropy_with_logits if SIZES[name][-1] == 1 else ops.cross_entropy
    flat = [p for layer in params for p in layer]
    if OPTIMIZER[name] == "adam":
        optimizer: optim.Optimizer = optim.Adam(flat, lr=LR)
    else:
        optimizer = optim.SGD(flat, lr=LR, momentum=0.9 if OPTIMIZER[name] == "momentum" else 0.0)

    def step() -> Tensor:
        h = Tensor(x)
        for w, b in params[:-1]:
            h = activation(ops.linear(h, w, b))
        loss = loss_of(ops.linear(h, *params[-1]), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step.parameters = flat  # type: ignore[attr-defined]
    return step


def pytorch(name: str) -> Step:
    torch = pytest.importorskip("torch", reason="PyTorch is a peer to compare with")
    torch.set_num_threads(1)
    x, target = (torch.tensor(a) for a in batch(name))
    params = [torch.tensor(p, requires_grad=True) for layer in weights(name) for p in layer]
    activation = getattr(torch, ACTIVATION[name])
    F = torch.nn.functional
    loss_of = F.binary_cross_entropy_with_logits if SIZES[name][-1] == 1 else F.cross_entropy
    if OPTIMIZER[name] == "adam":
        optimizer = torch.optim.Adam(params, lr=LR, fused=True)
    else:
        optimizer = torch.optim.SGD(params, lr=LR, momentum=0.9 if OPTIMIZER[name] == "momentum" else 0.0, fused=True)

    def step() -> object:
        h = x
        for i in range(0, len(params) - 2, 2):
            h = activation(F.linear(h, params[i], params[i + 1]))
        loss = loss_of(F.linear(h, *params[-2:]), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


CONTENDERS: dict[str, Callable[[str], Step]] = {
    "tuned NumPy": lambda name: Tuned(name).step,
    "plain NumPy": plain,
    "eager": eager,
    "PyTorch": pytorch,
}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("workload", SIZES)
def test_training_step(benchmark, workload, contender):
    step = CONTENDERS[contender](workload)
    benchmark.pedantic(step, rounds=100, iterations=5 if workload == "W3" else 20, warmup_rounds=3)


@pytest.mark.parametrize("workload", SIZES)
def test_the_contenders_do_the_same(workload):
    """After ten steps the hand-written networks and the engine's have the same weights."""
    tuned, step = Tuned(workload), eager(workload)
    for _ in range(10):
        tuned.step()
        step()
    ours = np.concatenate([p.data.ravel() for p in step.parameters])
    np.testing.assert_allclose(ours, tuned.data, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("contender", ["engine", "tuned NumPy"])
def test_elementwise_chain(benchmark, contender):
    """W5: sum(tanh(x·a + b)²) over a million elements, forward and backward."""
    rng = np.random.default_rng(0)
    x, a, b = (rng.normal(size=1_000_000).astype(np.float32) for _ in range(3))
    if contender == "engine":
        leaves = [Tensor(v, requires_grad=True) for v in (x, a, b)]

        def run() -> None:
            for leaf in leaves:
                leaf.grad = None
            y = (leaves[0] * leaves[1] + leaves[2]).tanh()
            (y * y).sum().backward()
    else:
        t, s, gx, ga = (np.empty_like(x) for _ in range(4))

        def run() -> None:
            np.multiply(x, a, t)
            np.add(t, b, t)
            np.tanh(t, t)
            np.dot(t, t)
            np.multiply(t, t, s)
            np.subtract(np.float32(1), s, s)
            np.multiply(s, t, s)
            np.multiply(s, np.float32(2), s)  # the gradient of b
            np.multiply(s, a, gx)
            np.multiply(s, x, ga)

    benchmark.pedantic(run, rounds=20, iterations=1, warmup_rounds=2)


@pytest.mark.parametrize("contender", ["engine", "PyTorch"])
def test_long_chain(benchmark, contender):
    """W6: 10,000 small operations, forward and backward; divide by 10,000 for the cost of one."""
    values = np.random.default_rng(0).uniform(0.9, 1.1, (8, 8)).astype(np.float32)
    if contender == "engine":
        x, factor = Tensor(values, requires_grad=True), Tensor(values)
    else:
        torch = pytest.importorskip("torch", reason="PyTorch is a peer to compare with")
        x, factor = torch.tensor(values, requires_grad=True), torch.tensor(values)

    def run() -> None:
        y = x
        for _ in range(10_000):
            y = y * factor
        x.grad = None
        y.sum().backward()

    with np.errstate(all="ignore"):
        benchmark.pedantic(run, rounds=5, iterations=1, warmup_rounds=1)


@pytest.mark.parametrize("observed", [False, True])
def test_observed_step(benchmark, observed):
    """W7: what a close look at every layer adds to a step of W2."""
    from tinygrad_nn.diagnosis import Probe

    x, target = batch("W2")
    rng = np.random.default_rng(0)
    n_in, a, b, n_out = SIZES["W2"]
    model = nn.Sequential(
        nn.Linear(n_in, a, rng=rng), nn.ReLU(), nn.Linear(a, b, rng=rng), nn.ReLU(), nn.Linear(b, n_out, rng=rng)
    )
    optimizer, criterion, probe = optim.Adam(model.parameters()), nn.CrossEntropyLoss(), Probe(model)

    def step() -> None:
        optimizer.zero_grad()
        if not observed:
            criterion(model(Tensor(x)), target).backward()
            optimizer.step()
            return
        with probe.observing():
            loss = criterion(model(Tensor(x)), target)
        loss.backward()
        squares = probe.gradient_squares()
        probe.before_update()
        optimizer.step()
        probe.measure(squares)

    benchmark.pedantic(step, rounds=100, iterations=10, warmup_rounds=3)
