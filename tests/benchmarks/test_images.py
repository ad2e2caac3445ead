"""What used to stay far behind PyTorch: a convolutional network, embeddings, pooling, exact gelu, einsum.

    python -m pytest tests/benchmarks/test_images.py --benchmark-enable --benchmark-group-by=param:workload \\
        --benchmark-timer=time.process_time

Quote ratios within one group of one run, at one thread (OPENBLAS_NUM_THREADS=1): the machine's own speed cancels out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, ops, optim

Step = Callable[[], object]


def peer() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is the peer to compare with")
    torch.set_num_threads(1)
    return torch


def normal(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def lenet(library: Any, optimizer: Any, data: Callable[[Any], Any], **options: Any) -> Step:
    """W8: two convolutions with pooling, two linear layers, 28x28, cross-entropy, batch 64, Adam."""
    model = library.Sequential(
        library.Conv2d(1, 6, 5, padding=2, **options),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Conv2d(6, 16, 5, **options),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Flatten(),
        library.Linear(400, 120, **options),
        library.ReLU(),
        library.Linear(120, 10, **options),
    )
    x, target = data(normal(64, 1, 28, 28)), data(np.random.default_rng(0).integers(0, 10, 64))
    update, criterion = optimizer(model.parameters()), library.CrossEntropyLoss()

    def step() -> Any:
        update.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        update.step()
        return loss

    step.model = model  # type: ignore[attr-defined]
    return step


def ours(function: Callable[..., Any], *inputs: Any) -> Step:
    """Forward and backward."""
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    weights = np.ones(function(*leaves).shape, np.float32)

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        function(*leaves).backward(weights)
        return leaves[0].grad

    return step


def theirs(function: Callable[..., Any], *inputs: Any) -> Step:
    torch = peer()
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    weights = torch.ones(function(*leaves).shape)

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        function(*leaves).backward(weights)
        return leaves[0].grad

    return step


def functional() -> Any:
    return peer().nn.functional


IDS = np.random.default_rng(0).integers(0, 10_000, (64, 128))
ATTENTION = "bqhd,bkhd->bhqk"
WORKLOADS: dict[str, tuple[Callable[[], Step], Callable[[], Step]]] = {
    "W8 LeNet": (
        lambda: lenet(
            nn, optim.Adam, lambda a: Tensor(a) if a.dtype == np.float32 else a, rng=np.random.default_rng(0)
        ),
        lambda: lenet(peer().nn, peer().optim.Adam, peer().tensor),
    ),
    "rows of a table": (
        lambda: ours(lambda table: table[IDS], normal(10_000, 128)),
        lambda: theirs(lambda table: table[peer().tensor(IDS)], normal(10_000, 128)),
    ),
    "embedding": (
        lambda: ours(lambda table: table[IDS], normal(10_000, 128)),
        lambda: theirs(lambda table: functional().embedding(peer().tensor(IDS), table), normal(10_000, 128)),
    ),
    "max pooling": (
        lambda: ours(lambda x: ops.max_pool2d(x, 2), normal(64, 6, 28, 28)),
        lambda: theirs(lambda x: functional().max_pool2d(x, 2), normal(64, 6, 28, 28)),
    ),
    "overlapping max pooling": (
        lambda: ours(lambda x: ops.max_pool2d(x, 3, 2, 1), normal(16, 32, 32, 32)),
        lambda: theirs(lambda x: functional().max_pool2d(x, 3, 2, 1), normal(16, 32, 32, 32)),
    ),
    "mean pooling": (
        lambda: ours(lambda x: ops.avg_pool2d(x, 2), normal(64, 6, 28, 28)),
        lambda: theirs(lambda x: functional().avg_pool2d(x, 2), normal(64, 6, 28, 28)),
    ),
    "gelu": (
        lambda: ours(ops.gelu, normal(1_000_000)),
        lambda: theirs(functional().gelu, normal(1_000_000)),
    ),
    "attention by einsum": (
        lambda: ours(lambda q, k: ops.einsum(ATTENTION, q, k), normal(8, 64, 4, 32), normal(8, 64, 4, 32)),
        lambda: theirs(lambda q, k: peer().einsum(ATTENTION, q, k), normal(8, 64, 4, 32), normal(8, 64, 4, 32)),
    ),
}


@pytest.mark.parametrize("contender", ["tinygrad_nn", "PyTorch"])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_beside_pytorch(benchmark, workload, contender):
    step = WORKLOADS[workload][contender == "PyTorch"]()
    benchmark.pedantic(step, rounds=50, iterations=2, warmup_rounds=3)


@pytest.mark.parametrize("workload", [name for name in WORKLOADS if not name.startswith("W8")])
def test_both_compute_the_same(workload):
    mine, peers = (make() for make in WORKLOADS[workload])
    np.testing.assert_allclose(mine().data, peers().numpy(), rtol=1e-4, atol=1e-4)


def test_the_networks_learn_the_same():
    mine, peers = (make() for make in WORKLOADS["W8 LeNet"])
    start = {name: value.numpy().copy() for name, value in peers.model.state_dict().items()}
    mine.model.load_state_dict(start)
    for _ in range(5):
        mine(), peers()
    for name, value in peers.model.state_dict().items():
        assert np.abs(value.numpy() - start[name]).max() > 1e-3
        np.testing.assert_allclose(mine.model.state_dict()[name], value.numpy(), rtol=1e-3, atol=1e-4)
