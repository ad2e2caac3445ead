"""Activations: their formulas, their gradients, their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, ops, tensor

FORMULAS: dict[str, tuple[nn.Module, Callable[[float], float]]] = {
    "relu": (nn.ReLU(), lambda x: max(x, 0)),
    "leaky_relu": (nn.LeakyReLU(), lambda x: x if x > 0 else 0.01 * x),
    "leaky_relu, slope 2": (nn.LeakyReLU(2), lambda x: x if x > 0 else 2 * x),
    "elu": (nn.ELU(), lambda x: x if x > 0 else math.expm1(x)),
    "elu, alpha 0.5": (nn.ELU(0.5), lambda x: x if x > 0 else 0.5 * math.expm1(x)),
    "gelu": (nn.GELU(), lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2))),
    "gelu, approximate": (
        nn.GELU("tanh"),
        lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": (nn.SiLU(), lambda x: x / (1 + math.exp(-x))),
    "tanh": (nn.Tanh(), math.tanh),
    "sigmoid": (nn.Sigmoid(), lambda x: 1 / (1 + math.exp(-x))),
    "softplus": (nn.Softplus(), lambda x: math.log1p(math.exp(x))),
    "linear": (nn.Identity(), lambda x: x),
}
POINTS = [-30.0, -2.5, -1.0, -1e-3, 0.0, 1e-3, 0.7, 3.0, 30.0]


@pytest.mark.parametrize("case", FORMULAS)
def test_the_formula(case: str) -> None:
    module, formula = FORMULAS[case]
    y = module(tensor(np.array(POINTS)))
    assert y.data == pytest.approx([formula(x) for x in POINTS], rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("case", FORMULAS)
def test_the_gradient_is_the_formulas_slope(case: str) -> None:
    module, formula = FORMULAS[case]
    at = [x for x in POINTS if x != 0]
    x = tensor(np.array(at), requires_grad=True)
    module(x).sum().backward()
    h = 1e-6
    assert x.grad is not None
    slopes = [(formula(p + h) - formula(p - h)) / (2 * h) for p in at]
    assert x.grad.data == pytest.approx(slopes, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("module", "slope"),
    [(nn.ReLU(), 0), (nn.LeakyReLU(0.25), 0.25), (nn.ELU(2.0), 2), (nn.SiLU(), 0.5), (nn.GELU(), 0.5)],
)
def test_the_gradient_at_0_is_pytorchs(module: nn.Module, slope: float) -> None:
    x = tensor([0.0], requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert x.grad.item() == slope


@pytest.mark.parametrize("case", FORMULAS)
def test_large_inputs_overflow_nowhere_and_the_dtype_stays(case: str) -> None:
    x = tensor(np.array([-1e4, 1e4], np.float32), requires_grad=True)
    y = FORMULAS[case][0](x)
    y.sum().backward()
    assert x.grad is not None
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad.data).all()
    assert y.dtype == np.float32


def test_softmax_sums_to_1_along_its_axis() -> None:
    x = tensor(np.random.default_rng(0).normal(size=(3, 4)) * 100)
    assert nn.Softmax()(x).data.sum(axis=1) == pytest.approx(np.ones(3))
    assert nn.Softmax(axis=0)(x).data.sum(axis=0) == pytest.approx(np.ones(4))
    y = nn.Softmax()(tensor(np.log([[1.0, 2.0, 5.0]])))
    assert y.data == pytest.approx(np.array([[0.125, 0.25, 0.625]]))


def test_the_table_makes_fresh_modules_by_the_names_of_the_formulas() -> None:
    assert set(nn.ACTIVATIONS) == {name for name in FORMULAS if "," not in name}
    for name, make in nn.ACTIVATIONS.items():
        assert type(make()) is type(FORMULAS[name][0])
        assert make() is not make()


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_activations_are_made_of_recorded_operations_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A comparison would be computed outside the primitives, and a replayed step would not repeat it.
    def refuse(self: Tensor, other: object) -> Tensor:
        raise AssertionError("compared outside the primitives")

    for comparison in ("__lt__", "__le__", "__gt__", "__ge__"):
        monkeypatch.setattr(Tensor, comparison, refuse)
    x = tensor([-1.0, 2.0])
    assert nn.ACTIVATIONS[name]()(x).shape == x.shape


def test_the_text_shows_the_settings() -> None:
    modules = nn.LeakyReLU(0.2), nn.ELU(), nn.GELU("tanh"), nn.Softmax(dim=1), nn.ReLU()
    assert nn.Softmax(axis=1).dim == 1
    assert [repr(m) for m in modules] == [
        "LeakyReLU(negative_slope=0.2)",
        "ELU(alpha=1.0)",
        "GELU(approximate='tanh')",
        "Softmax(dim=1)",
        "ReLU()",
    ]
    with pytest.raises(TypeError, match="ReLU takes no setting but inplace"):
        nn.ReLU(0.1)  # type: ignore[arg-type]


def test_negative_part_and_relu_add_up_to_x_exactly() -> None:
    x = tensor(np.random.default_rng(0).normal(size=1000).astype(np.float32))
    assert (nn.LeakyReLU(1.0)(x).data == x.data).all()
    assert (nn.LeakyReLU(0.0)(x).data == ops.relu(x).data).all()
