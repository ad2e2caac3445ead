"""Layers and containers."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, tensor


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- Linear


def test_linear_is_x_times_weight_transposed_plus_bias() -> None:
    layer = nn.Linear(2, 3)
    layer.load_state_dict({"weight": np.array([[1, 2], [3, 4], [5, 6]]), "bias": np.array([10, 20, 30])})
    assert layer(tensor([[1.0, 1.0], [0.0, 2.0]])).data.tolist() == [[13, 27, 41], [14, 28, 42]]
    assert layer(tensor([1.0, 1.0])).data.tolist() == [13, 27, 41]
    assert layer(tensor(np.zeros((4, 5, 2)))).shape == (4, 5, 3)


def test_linear_starts_within_one_over_root_in_features() -> None:
    layer = nn.Linear(100, 300, rng=rng())
    for p in layer.parameters():
        assert np.abs(p.data).max() <= 0.1
        assert p.data.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.1)
        assert p.dtype == np.float32
        assert p.requires_grad


def test_linear_is_repeated_by_its_generator_alone() -> None:
    a, b, c = nn.Linear(3, 4, rng=rng(1)), nn.Linear(3, 4, rng=rng(1)), nn.Linear(3, 4)
    assert (a.weight.data == b.weight.data).all()
    assert (a.weight.data != c.weight.data).any()
    shared = rng(1)
    assert (nn.Linear(3, 4, rng=shared).weight.data != nn.Linear(3, 4, rng=shared).weight.data).any()


def test_linear_without_bias_and_in_float64() -> None:
    layer = nn.Linear(2, 3, bias=False, dtype=np.float64)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert layer(tensor(np.ones((1, 2)))).dtype == np.float64
    assert repr(layer) == "Linear(in_features=2, out_features=3, bias=False)"


@pytest.mark.parametrize("shape", [(5, 3), (3,), (), (2, 1), (2, 5, 3)])
def test_linear_says_which_inputs_it_takes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Linear\(in_features=2, .*\) takes inputs of shape \(\.\.\., 2\)"):
        nn.Linear(2, 3)(tensor(np.zeros(shape)))


def test_linear_blames_the_input_only_where_it_is_at_fault() -> None:
    layer = nn.Linear(2, 3)
    layer.bias = nn.Parameter(np.zeros(5))
    with pytest.raises(ValueError, match=r"linear of .*\(5,\)"):
        layer(tensor([[1.0, 2.0]]))


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 2)])
def test_linear_needs_inputs_and_outputs(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one input and one output"):
        nn.Linear(*sizes)


# --- Dropout


def test_dropout_keeps_the_expectation_and_drops_the_share_p() -> None:
    x = tensor(np.ones((200, 500)))
    y = nn.Dropout(0.3, rng=rng())(x).data
    # 100,000 elements: 5 standard errors of a share of 0.3 are 0.007
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.0075)
    assert y.mean() == pytest.approx(1, abs=0.011)
    assert set(np.unique(y)) == {0, 1 / 0.7}


def test_dropout_does_nothing_outside_training() -> None:
    layer = nn.Dropout(0.5, rng=rng()).eval()
    x = tensor([1.0, 2.0])
    assert layer(x) is x


def test_the_seed_decides_the_masks_whatever_the_dtype() -> None:
    x = np.ones((20, 20))
    a, b = nn.Dropout(0.5, rng=rng(3)), nn.Dropout(0.5, rng=rng(3))
    first, second = a(tensor(x)).data, a(tensor(x)).data
    assert (first != second).any()
    assert (b(tensor(x.astype(np.float32))).data == first).all()
    assert (b(tensor(x)).data == second).all()


def test_the_gradient_passes_where_the_element_did() -> None:
    x = tensor(np.ones((10, 10)), requires_grad=True)
    y = nn.Dropout(0.5, rng=rng())(x)
    y.sum().backward()
    assert x.grad is not None
    assert (x.grad.data == y.data).all()


def test_p_may_change_in_flight_and_keeps_the_dtype() -> None:
    layer = nn.Dropout(0.0, rng=rng())
    x = tensor(np.ones(1000, np.float32))
    assert layer(x) is x
    layer.p = 0.9
    assert (layer(x).data == 0).mean() > 0.8
    assert layer(x).dtype == np.float32
    layer.p = 1
    assert (layer(x).data == 0).all()
    assert repr(layer) == "Dropout(p=1)"


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_is_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1, not"):
        nn.Dropout(p)
    layer = nn.Dropout(0.2)
    with pytest.raises(ValueError, match="from 0 to 1, not"):
        layer.p = p
    assert layer.p == 0.2


# --- the small ones


def test_identity_and_flatten() -> None:
    x = tensor(np.arange(24.0).reshape(2, 3, 4))
    assert nn.Identity()(x) is x
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Flatten(-3, -2)(x).shape == (6, 4)
    assert (nn.Flatten()(x).data == x.data.reshape(2, 12)).all()
    assert nn.Flatten()(tensor(np.zeros((0, 3, 4)))).shape == (0, 12)
    with pytest.raises(ValueError, match=r"Flatten\(start_dim=1, end_dim=-1\) does not fit .* \(3,\)"):
        nn.Flatten()(tensor([1.0, 2.0, 3.0]))


def test_residual_adds_its_input() -> None:
    x = tensor([[1.0, 2.0]], requires_grad=True)
    layer = nn.Residual(nn.LeakyReLU(0.5))
    layer(x).sum().backward()
    assert layer(x).data.tolist() == [[2, 4]]
    assert x.grad is not None
    assert x.grad.data.tolist() == [[2, 2]]


def test_residual_refuses_what_only_broadcasting_would_add() -> None:
    with pytest.raises(ValueError, match=r"keeps the shape, not one that makes \(4, 1\) of \(4, 3\)"):
        nn.Residual(nn.Linear(3, 1))(tensor(np.zeros((4, 3))))


# --- containers


def test_sequential_applies_its_modules_in_order() -> None:
    class Add(nn.Module):
        def __init__(self, n: float) -> None:
            super().__init__()
            self.n = n

        def forward(self, x: Tensor) -> Tensor:
            return x + self.n

    double = nn.Residual(nn.Identity())
    net = nn.Sequential(Add(1), double, Add(3), double)
    assert net(tensor([1.0])).data.tolist() == [14]
    x = tensor([1.0])
    assert nn.Sequential()(x) is x


@pytest.mark.parametrize("make", [lambda *m: nn.Sequential(*m), lambda *m: nn.ModuleList(m)])
def test_containers_are_indexed_sliced_iterated_and_appended_to(make: type[nn.Sequential]) -> None:
    layers = [nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)]
    net = make(*layers)
    assert len(net) == 3
    assert list(net) == layers
    assert net[0] is layers[0]
    assert net[-1] is layers[2]
    part = net[1:]
    assert type(part) is type(net)
    assert list(part) == layers[1:]
    assert [name for name, _ in part.named_parameters()] == ["1.weight", "1.bias"]
    assert part.append(nn.Identity()) is part
    assert len(part) == 3
    assert len(net) == 3
    with pytest.raises(IndexError, match=r"no module 3 in a \w+ of 3"):
        net[3]


def test_a_container_takes_modules_alone() -> None:
    with pytest.raises(TypeError, match=r"position 1 is the class Tanh: write Tanh\(\)"):
        nn.Sequential(nn.Linear(2, 3), nn.Tanh)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ModuleList takes modules, position 0 is 3"):
        nn.ModuleList([3])  # type: ignore[list-item]


def test_switching_modes_within_a_forward_pass_is_allowed() -> None:
    net = nn.Sequential(nn.Identity(), nn.Identity())
    net[0].register_forward_hook(lambda module, inputs, output: net.eval() and None)
    assert net(tensor([1.0])).item() == 1
    assert not net.training
