from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn
from tinygrad_nn.testing import gradcheck, gradgradcheck


def draw(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(1, 3, size=shape), requires_grad=True)


def test_batch_norm_by_its_definition_in_training_and_evaluation():
    layer, x = nn.BatchNorm1d(3, dtype=np.float64), draw(10, 3)
    layer.weight.data[...] = [1, 2, 3]
    layer.bias.data[...] = 0.5
    mean, var = x.data.mean(axis=0), x.data.var(axis=0)
    wanted = (x.data - mean) / np.sqrt(var + 1e-5) * [1, 2, 3] + 0.5
    np.testing.assert_allclose(layer(x).data, wanted)
    np.testing.assert_allclose(layer.running_mean.data, 0.1 * mean)
    np.testing.assert_allclose(layer.running_var.data, 0.9 + 0.1 * x.data.var(axis=0, ddof=1))
    layer.eval()
    running = layer.running_mean.data.copy()
    wanted = (x.data - running) / np.sqrt(layer.running_var.data + 1e-5) * [1, 2, 3] + 0.5
    np.testing.assert_allclose(layer(x).data, wanted)
    np.testing.assert_array_equal(layer.running_mean.data, running)


def test_layer_norm_by_its_definition():
    layer, x = nn.LayerNorm(4, dtype=np.float64), draw(2, 3, 4)
    layer.weight.data[...] = [1, 2, 3, 4]
    layer.bias.data[...] = 0.5
    spread = np.sqrt(x.data.var(axis=-1, keepdims=True) + 1e-5)
    wanted = (x.data - x.data.mean(axis=-1, keepdims=True)) / spread * [1, 2, 3, 4] + 0.5
    np.testing.assert_allclose(layer(x).data, wanted)
    np.testing.assert_array_equal(layer.eval()(x).data, layer.train()(x).data)


@pytest.mark.parametrize("make", [nn.BatchNorm1d, nn.LayerNorm])
def test_their_derivatives(make):
    layer = make(3, dtype=np.float64)
    gradcheck(layer, draw(5, 3))
    gradgradcheck(layer, draw(5, 3))


def test_the_running_figures_are_part_of_the_state():
    layer, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    layer(draw(4, 2).astype(np.float32))
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert layer.num_batches_tracked.item() == 1
    layer(draw(1, 2).astype(np.float32))  # one example: nothing to follow
    layer.eval()(draw(4, 2).astype(np.float32))
    assert layer.num_batches_tracked.item() == 1
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other.running_mean.data, layer.running_mean.data)
    assert len(list(layer.parameters())) == 2


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"takes inputs \(batch, 3\) or \(batch, 3, length\), not \(2, 4\)"):
        nn.BatchNorm1d(3)(draw(2, 4))
    layer = nn.BatchNorm1d(3, dtype=np.float64)
    np.testing.assert_allclose(layer(draw(1, 3)).data, draw(1, 3).data, rtol=1e-4)  # one has no spread of its own
    assert not layer.running_mean.data.any()
    with pytest.raises(ValueError, match=r"takes inputs \(\.\.\., 3\)"):
        nn.LayerNorm(3)(draw(2, 4))
    with pytest.raises(ValueError, match="Conv2d needs channels"):
        nn.Conv2d(0, 1, 3)


def test_they_follow_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    pairs = [
        (nn.BatchNorm1d(3, dtype=np.float64), torch.nn.BatchNorm1d(3, dtype=torch.float64), (6, 3)),
        (nn.LayerNorm(3, dtype=np.float64), torch.nn.LayerNorm(3, dtype=torch.float64), (6, 3)),
        (
            nn.Conv2d(2, 4, (3, 2), stride=2, padding=1, dtype=np.float64),
            torch.nn.Conv2d(2, 4, (3, 2), stride=2, padding=1, dtype=torch.float64),
            (3, 2, 6, 5),
        ),
        (nn.MaxPool2d(2), torch.nn.MaxPool2d(2), (3, 2, 6, 5)),
    ]
    for ours, theirs, shape in pairs:
        assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
        ours.load_state_dict({n: v.numpy() for n, v in theirs.state_dict().items()})
        for seed in range(3):
            x = draw(*shape, seed=seed)
            t = torch.tensor(x.data, requires_grad=True)
            y, u = ours(x), theirs(t)
            np.testing.assert_allclose(y.data, u.detach().numpy(), rtol=1e-10, atol=1e-12)
            (y * y).sum().backward()
            (u * u).sum().backward()
            np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-8, atol=1e-10)
        ours.eval()
        theirs.eval()
        np.testing.assert_allclose(ours(x).data, theirs(t).detach().numpy(), rtol=1e-10, atol=1e-12)


def test_a_small_convolutional_network_learns_digits():
    from tinygrad_nn import optim
    from tinygrad_nn.data import Batches, load_digits

    rng = np.random.default_rng(0)
    digits = load_digits()
    x, y = (digits.x[:600] / 16).reshape(-1, 1, 8, 8), digits.y[:600]
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10, rng=rng)
    )
    optimizer, criterion = optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    for _ in range(6):
        for part, target in Batches((x, y), 50, rng):
            optimizer.zero_grad()
            criterion(model(Tensor(part)), target).backward()
            optimizer.step()
    assert (model(Tensor(x)).argmax(axis=1).data == y).mean() > 0.95
