"""The same numbers as PyTorch, where it is installed: values and gradients in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_nn import nn, optim, tensor


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="compares with PyTorch")


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


def same(ours: nn.Module, theirs: Any, torch: Any, *inputs: np.ndarray) -> None:
    """One forward and backward pass of both: output, gradient of the first input, of the parameters."""
    x, tx = tensor(inputs[0], requires_grad=True), torch.tensor(inputs[0], requires_grad=True)
    y = ours(x, *(tensor(a) for a in inputs[1:]))
    ty = theirs(tx, *(torch.tensor(a) for a in inputs[1:]))
    close(y, ty)
    weights = np.asarray(rng().normal(size=y.shape))
    y.backward(weights)
    ty.backward(torch.tensor(weights))
    close(x.grad, tx.grad)
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    assert list(gradients) == [name for name, _ in theirs.named_parameters()]
    for name, p in theirs.named_parameters():
        close(gradients[name], p.grad)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("ReLU()", "ReLU()"),
        ("LeakyReLU(0.2)", "LeakyReLU(0.2)"),
        ("ELU(1.5)", "ELU(1.5)"),
        ("GELU()", "GELU()"),
        ("GELU('tanh')", "GELU('tanh')"),
        ("SiLU()", "SiLU()"),
        ("Tanh()", "Tanh()"),
        ("Sigmoid()", "Sigmoid()"),
        ("Softplus()", "Softplus(threshold=1000)"),
        ("Softmax(axis=1)", "Softmax(dim=1)"),
        ("Softmax(axis=0)", "Softmax(dim=0)"),
        ("Identity()", "Identity()"),
        ("Flatten()", "Flatten()"),
        ("Flatten(0, -2)", "Flatten(0, -2)"),
    ],
)
def test_layers_without_parameters(ours: str, theirs: str, torch: Any) -> None:
    x = rng().normal(size=(4, 3, 5)) * 3
    x[0, 0, 0] = 0  # where the choice of a gradient is free
    same(eval(f"nn.{ours}"), eval(f"torch.nn.{theirs}"), torch, x)


def test_networks_exchange_their_state(torch: Any) -> None:
    ours = nn.Sequential(
        nn.Linear(3, 8, rng=rng(), dtype=np.float64),
        nn.Tanh(),
        nn.Sequential(nn.Linear(8, 8, bias=False, rng=rng(), dtype=np.float64), nn.ELU()),
        nn.Linear(8, 2, rng=rng(), dtype=np.float64),
    )
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 8),
        torch.nn.Tanh(),
        torch.nn.Sequential(torch.nn.Linear(8, 8, bias=False), torch.nn.ELU()),
        torch.nn.Linear(8, 2),
    ).double()
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    same(ours, theirs, torch, rng().normal(size=(10, 3)))
    same(ours, theirs, torch, rng().normal(size=(2, 5, 3)))


def test_networks_of_images_exchange_their_state(torch: Any) -> None:
    options: dict[str, Any] = {"rng": rng(), "dtype": np.float64}
    ours = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same", **options),
        nn.MaxPool2d(2, 2, 1),
        nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), 1, 2, **options),
        nn.AvgPool2d(2, 1, ceil_mode=True),
        nn.Flatten(2),
        nn.Conv1d(6, 3, 3, 2, 1, **options),
    )
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding="same"),
        torch.nn.MaxPool2d(2, 2, 1),
        torch.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), 1, 2),
        torch.nn.AvgPool2d(2, 1, ceil_mode=True),
        torch.nn.Flatten(2),
        torch.nn.Conv1d(6, 3, 3, 2, 1),
    ).double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    same(ours, theirs, torch, rng().normal(size=(5, 2, 9, 8)))


@pytest.mark.parametrize("shape", [(2, 3), (6,)])
def test_the_default_weights_of_a_linear_layer_have_pytorchs_bounds(shape: tuple[int, ...], torch: Any) -> None:
    ours, theirs = nn.Linear(50, 4000, rng=rng()), torch.nn.Linear(50, 4000)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert np.abs(a.data).max() == pytest.approx(b.detach().abs().max().item(), rel=1e-2)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["MSELoss", "L1Loss", "HuberLoss", "BCEWithLogitsLoss", "BCELoss"])
def test_losses_that_compare_one_to_one(name: str, reduction: str, torch: Any) -> None:
    x, target = rng().normal(size=(20, 3)) * 2, rng().uniform(size=(20, 3))
    if name == "BCELoss":
        x = 1 / (1 + np.exp(-x))
    same(getattr(nn, name)(reduction=reduction), getattr(torch.nn, name)(reduction=reduction), torch, x, target)


def test_huber_with_another_delta(torch: Any) -> None:
    x = rng().normal(size=50) * 3
    same(nn.HuberLoss(delta=1.7), torch.nn.HuberLoss(delta=1.7), torch, x, np.zeros(50))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_losses_on_class_indices(name: str, reduction: str, torch: Any) -> None:
    x, target = rng().normal(size=(20, 4)) * 5, rng().integers(0, 4, 20)
    same(getattr(nn, name)(reduction=reduction), getattr(torch.nn, name)(reduction=reduction), torch, x, target)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [None, 0.0, 0.1, 1.0])
def test_class_weights_and_label_smoothing(smoothing: float | None, reduction: str, torch: Any) -> None:
    x, target, weight = rng().normal(size=(20, 4)) * 5, rng().integers(0, 4, 20), rng().uniform(0, 3, 4)
    options: dict[str, Any] = {"reduction": reduction}
    name = "NLLLoss" if smoothing is None else "CrossEntropyLoss"
    if smoothing is not None:
        options["label_smoothing"] = smoothing
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    for w in (None, weight):
        same(ours(w, **options), theirs(None if w is None else torch.tensor(w), **options), torch, x, target)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weighted_binary_losses(reduction: str, torch: Any) -> None:
    x, target, weight = rng().normal(size=(20, 3)) * 3, rng().uniform(size=(20, 3)), rng().uniform(0, 3, (20, 1))
    positive, w = np.array([0.2, 1.0, 9.0]), torch.tensor(weight)
    options: dict[str, Any] = {"reduction": reduction}
    p = torch.tensor(positive)
    for ours, theirs in (
        (nn.BCEWithLogitsLoss(weight, **options), torch.nn.BCEWithLogitsLoss(w, **options)),
        (nn.BCEWithLogitsLoss(pos_weight=positive, **options), torch.nn.BCEWithLogitsLoss(pos_weight=p, **options)),
        (
            nn.BCEWithLogitsLoss(weight, pos_weight=positive, **options),
            torch.nn.BCEWithLogitsLoss(w, pos_weight=p, **options),
        ),
    ):
        same(ours, theirs, torch, x, target)
    same(nn.BCELoss(weight, **options), torch.nn.BCELoss(w, **options), torch, 1 / (1 + np.exp(-x)), target)


@pytest.mark.parametrize("shape", [(300, 200), (60, 20, 5, 5)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("kaiming_uniform_", {}),
        ("kaiming_normal_", {"a": 0.5, "mode": "fan_out"}),
        ("kaiming_normal_", {"nonlinearity": "tanh"}),
        ("orthogonal_", {"gain": 3.0}),
    ],
)
def test_initialisers_have_the_same_spread(
    name: str, options: dict[str, Any], shape: tuple[int, ...], torch: Any
) -> None:
    ours = getattr(nn.init, name)(tensor(np.zeros(shape)), **options, rng=rng())
    generator = torch.Generator().manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.zeros(shape), **options, generator=generator)
    assert ours.data.std() == pytest.approx(theirs.std().item(), rel=0.03)


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_gains(name: str, torch: Any) -> None:
    gain = torch.nn.init.calculate_gain
    assert nn.init.calculate_gain(name) == pytest.approx(gain(name), rel=1e-15)
    assert nn.init.calculate_gain(name, 0.3) == pytest.approx(gain(name, 0.3), rel=1e-15)


CRITERIA = {
    # what each takes: the network's last activation in both libraries' words, and the kind of target
    "MSELoss()": ("Identity", "numbers"),
    "L1Loss()": ("Identity", "numbers"),
    "HuberLoss(delta=0.5)": ("Identity", "numbers"),
    "CrossEntropyLoss()": ("Identity", "classes"),
    "CrossEntropyLoss(label_smoothing=0.1)": ("Identity", "classes"),
    "NLLLoss()": ("LogSoftmax(1)", "classes"),
    "BCELoss()": ("Sigmoid", "shares"),
    "BCEWithLogitsLoss()": ("Identity", "shares"),
}
LAST = {"Identity": lambda y: y, "LogSoftmax(1)": lambda y: y.log_softmax(1), "Sigmoid": lambda y: y.sigmoid()}


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("normalization", [None, "BatchNorm1d", "LayerNorm"])
def test_networks_learn_along_the_same_trajectory(criterion: str, normalization: str | None, torch: Any) -> None:
    """50 steps of SGD with momentum: parameters and buffers the same to 1e-10 at the end."""
    last, kind = CRITERIA[criterion]
    norm = [getattr(nn, normalization)(6, dtype=np.float64)] if normalization else []
    ours = nn.Sequential(
        nn.Linear(4, 6, rng=rng(), dtype=np.float64), *norm, nn.Tanh(), nn.Linear(6, 3, rng=rng(), dtype=np.float64)
    )
    norm = [getattr(torch.nn, normalization)(6)] if normalization else []
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 6), *norm, torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()})
    drawn = rng()
    x = drawn.normal(size=(50, 16, 4))
    targets = {
        "numbers": drawn.normal(size=(50, 16, 3)),
        "classes": drawn.integers(0, 3, (50, 16)),
        "shares": drawn.random((50, 16, 3)),
    }[kind]
    loss, torch_loss = eval(f"nn.{criterion}"), eval(f"torch.nn.{criterion}")
    optimizer = optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
    torch_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for batch, target in zip(x, targets, strict=True):
        optimizer.zero_grad()
        loss(LAST[last](ours(tensor(batch))), target).backward()
        optimizer.step()
        torch_optimizer.zero_grad()
        torch_loss(LAST[last](theirs(torch.tensor(batch))), torch.tensor(target)).backward()
        torch_optimizer.step()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-10, atol=1e-10, err_msg=name)
