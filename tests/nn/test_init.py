"""Initialisers: bounds and variances as their definitions say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import Tensor, nn, tensor
from tinygrad_nn.nn import init

OUT, IN = 300, 200
WRONG_MODE: Any = "in"


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def weight(*shape: int) -> Tensor:
    return tensor(np.zeros(shape or (OUT, IN)))


def test_constants() -> None:
    w = nn.Parameter(np.ones((2, 3)))
    assert init.constant_(w, 3.5) is w
    assert (w.data == 3.5).all()
    init.zeros_(w)
    assert (w.data == 0).all()
    assert w.requires_grad


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda w: init.uniform_(w, -1, 3, rng=rng()), 4 / math.sqrt(12)),
        (lambda w: init.normal_(w, 1, 0.3, rng=rng()), 0.3),
    ],
)
def test_mean_and_spread_of_the_plain_distributions(fill: Callable[[Tensor], Any], std: float) -> None:
    w = weight()
    fill(w)
    # 60,000 draws: the mean is within 5 standard errors, the standard deviation within 2%
    assert w.data.mean() == pytest.approx(1, abs=5 * std / math.sqrt(w.size))
    assert w.data.std() == pytest.approx(std, rel=0.02)


FROM_FANS: dict[str, tuple[Callable[..., Any], float]] = {
    "xavier": (init.xavier_uniform_, math.sqrt(2 / (OUT + IN))),
    "xavier normal": (init.xavier_normal_, math.sqrt(2 / (OUT + IN))),
    "he": (init.kaiming_uniform_, math.sqrt(2 / IN)),
    "he normal": (init.kaiming_normal_, math.sqrt(2 / IN)),
}


@pytest.mark.parametrize("case", FROM_FANS)
def test_the_standard_deviation_follows_from_the_fans(case: str) -> None:
    fill, std = FROM_FANS[case]
    w = weight()
    fill(w, rng=rng())
    assert w.data.mean() == pytest.approx(0, abs=5 * std / math.sqrt(w.size))
    assert w.data.std() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (init.xavier_uniform_, math.sqrt(6 / (OUT + IN))),
        (init.kaiming_uniform_, math.sqrt(6 / IN)),
        (lambda w, rng: init.uniform_(w, -0.5, 0.5, rng=rng), 0.5),
    ],
)
def test_uniform_ones_fill_their_bounds_and_keep_to_them(fill: Callable[..., Any], bound: float) -> None:
    w = weight()
    fill(w, rng=rng())
    assert np.abs(w.data).max() <= bound
    assert w.data.max() > 0.999 * bound
    assert w.data.min() < -0.999 * bound


def test_a_gain_scales_and_a_mode_chooses_the_fan() -> None:
    w = weight()
    init.xavier_normal_(w, gain=3, rng=rng())
    assert w.data.std() == pytest.approx(3 * math.sqrt(2 / (OUT + IN)), rel=0.02)
    init.kaiming_normal_(w, mode="fan_out", rng=rng())
    assert w.data.std() == pytest.approx(math.sqrt(2 / OUT), rel=0.02)
    init.kaiming_normal_(w, a=1.0, rng=rng())
    assert w.data.std() == pytest.approx(math.sqrt(1 / IN), rel=0.02)
    init.kaiming_normal_(w, nonlinearity="tanh", rng=rng())
    assert w.data.std() == pytest.approx(5 / 3 / math.sqrt(IN), rel=0.02)


def test_he_keeps_the_mean_square_of_activations_through_relu_layers() -> None:
    generator = rng()
    x = tensor(generator.normal(size=(500, 100)))
    before = float((x.data**2).mean())
    for _ in range(10):
        x = (x @ init.kaiming_normal_(weight(100, 100), rng=generator).T).relu()
    assert 0.5 < float((x.data**2).mean()) / before < 2


def test_the_fans_of_a_convolution_count_its_kernel() -> None:
    assert init.fans(weight(8, 3)) == (3, 8)
    assert init.fans(weight(8, 3, 5, 5)) == (75, 200)


@pytest.mark.parametrize("shape", [(5,), (0, 3), (3, 0)])
def test_a_tensor_without_fans_is_refused(shape: tuple[int, ...]) -> None:
    for fill in (init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_, init.orthogonal_):
        with pytest.raises(ValueError, match=r"a weight has shape \(out, in, ...\)"):
            fill(weight(*shape), rng=rng())


@pytest.mark.parametrize("shape", [(20, 20), (12, 20), (20, 12), (8, 3, 2, 2)])
def test_orthogonal_rows_or_columns_are_orthonormal(shape: tuple[int, ...]) -> None:
    w = weight(*shape)
    init.orthogonal_(w, gain=2, rng=rng())
    q = w.data.reshape(shape[0], -1) / 2
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert gram == pytest.approx(np.eye(len(gram)), abs=1e-12)


def test_orthogonal_is_uniform_over_rotations_and_reflections() -> None:
    # Without the sign correction the first element would always be negative.
    signs = {np.sign(init.orthogonal_(weight(3, 3), rng=np.random.default_rng(s)).data[0, 0]) for s in range(20)}
    assert signs == {-1, 1}


def test_the_generator_alone_decides_and_the_dtype_stays() -> None:
    a = init.kaiming_normal_(tensor(np.zeros((3, 4), np.float32)), rng=rng())
    b = init.kaiming_normal_(weight(3, 4), rng=rng())
    assert a.dtype == np.float32
    assert (a.data == b.data.astype(np.float32)).all()


def test_filling_is_an_in_place_change_that_backward_notices() -> None:
    w = nn.Parameter(np.ones((2, 2)))
    loss = (w * w).sum()
    init.zeros_(w)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: init.uniform_(w, 1, -1, rng=rng()), "a=1 and b=-1"),
        (lambda w: init.normal_(w, std=-1, rng=rng()), "std >= 0, not -1"),
        (lambda w: init.kaiming_normal_(w, mode=WRONG_MODE, rng=rng()), "'fan_in' or 'fan_out', not 'in'"),
        (lambda w: init.kaiming_normal_(w, nonlinearity="relux", rng=rng()), "no gain is known for 'relux'"),
    ],
)
def test_bad_arguments(call: Callable[[Tensor], Any], message: str) -> None:
    w = weight()
    with pytest.raises(ValueError, match=message):
        call(w)
    assert (w.data == 0).all()


# --- by name


STD_BY_NAME = {
    "zeros": 0,
    "constant": 0,
    "uniform": 0.1 / math.sqrt(12),
    "normal": 0.05,
    "xavier_uniform": math.sqrt(2 / (OUT + IN)),
    "xavier_normal": math.sqrt(2 / (OUT + IN)),
    "he_uniform": math.sqrt(2 / IN),
    "he_normal": math.sqrt(2 / IN),
    "orthogonal": 1 / math.sqrt(OUT),
}


@pytest.mark.parametrize("name", [name for name in init.INITIALISERS if name != "auto"])
def test_every_named_initialiser_has_its_spread(name: str) -> None:
    w = weight()
    assert init.INITIALISERS[name](w, rng=rng()) is w
    assert w.data.std() == pytest.approx(STD_BY_NAME[name], rel=0.02, abs=1e-6)
    assert name != "constant" or (w.data == 0.05).all()


def test_uniform_has_bounds_and_normal_has_none() -> None:
    w = weight()
    for name in ("uniform", "xavier_uniform", "he_uniform"):
        init.INITIALISERS[name](w, rng=rng(), activation="relu")
        assert np.abs(w.data).max() < 1.74 * w.data.std()
    for name in ("normal", "xavier_normal", "he_normal"):
        init.INITIALISERS[name](w, rng=rng(), activation="relu")
        assert np.abs(w.data).max() > 3 * w.data.std()


@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
def test_auto_fills_as_the_initialiser_it_names(activation: str) -> None:
    chosen = init.auto(activation)
    a = init.INITIALISERS["auto"](weight(), rng=rng(), activation=activation)
    b = init.INITIALISERS[chosen](weight(), rng=rng(), activation=activation)
    assert (a.data == b.data).all()


def test_auto_takes_xavier_before_tanh_and_sigmoid_and_he_before_the_relu_family() -> None:
    assert {init.auto(name) for name in ("tanh", "sigmoid", "linear")} == {"xavier_uniform"}
    assert {init.auto(name) for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")} == {"he_normal"}
    with pytest.raises(ValueError, match="no activation 'swish': choose from linear, tanh"):
        init.auto("swish")


def test_ones_the_identity_and_their_refusals() -> None:
    assert init.ones_(weight(2, 3)).tolist() == [[1] * 3] * 2
    assert init.eye_(weight(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match=r"eye_ fills a matrix, not a tensor of shape \(2, 3, 4\)"):
        init.eye_(weight(2, 3, 4))


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0.0, 1.0, -2.0, 2.0), (1.0, 0.5, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (3.0, 1.0, -1.0, 2.0)],
)
def test_a_normal_distribution_cut_off(mean: float, std: float, a: float, b: float) -> None:
    drawn = init.trunc_normal_(weight(500, 400), mean, std, a, b, rng=rng()).data
    assert a <= drawn.min() <= drawn.max() <= b
    # The moments of a normal distribution within [a, b], by its density and its integral there.
    low, high = (a - mean) / std, (b - mean) / std
    phi = [math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in (low, high)]
    inside = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    middle = (phi[0] - phi[1]) / inside
    spread = 1 + (low * phi[0] - high * phi[1]) / inside - middle * middle
    assert drawn.mean() == pytest.approx(mean + std * middle, abs=0.01 * std)
    assert drawn.std() == pytest.approx(std * math.sqrt(spread), rel=0.01)


def test_a_cut_off_distribution_is_refused_without_room() -> None:
    for wrong in ({"a": 1.0, "b": 1.0}, {"std": 0.0}):
        with pytest.raises(ValueError, match="trunc_normal_ needs a < b and std > 0"):
            init.trunc_normal_(weight(), **wrong, rng=rng())
    far = init.trunc_normal_(weight(5, 5), 0.0, 1.0, 50.0, 60.0, rng=rng()).data
    assert ((far >= 50) & (far <= 60)).all()


# One call of each initialiser that PyTorch has too, and for what is random, what is compared.
SHARED = {
    "calculate_gain": [f"calculate_gain({name!r})" for name in (*init.GAINS, "leaky_relu")],
    "constant_": ["constant_(w, 2.5)"],
    "eye_": ["eye_(w)"],
    "kaiming_normal_": ["kaiming_normal_(w)", "kaiming_normal_(w, 0.3, 'fan_out', 'leaky_relu')"],
    "kaiming_uniform_": [
        "kaiming_uniform_(w)",
        "kaiming_uniform_(w, a=math.sqrt(5), mode='fan_in', nonlinearity='relu')",
    ],
    "normal_": ["normal_(w)", "normal_(w, 1.0, 0.3)"],
    "ones_": ["ones_(w)"],
    "orthogonal_": ["orthogonal_(w)", "orthogonal_(w, gain=2.0)"],
    "trunc_normal_": ["trunc_normal_(w)", "trunc_normal_(w, std=0.02)", "trunc_normal_(w, 1.0, 2.0, -1.0, 1.5)"],
    "uniform_": ["uniform_(w)", "uniform_(w, -1.0, 3.0)"],
    "xavier_normal_": ["xavier_normal_(w)", "xavier_normal_(w, gain=2.0)"],
    "xavier_uniform_": ["xavier_uniform_(w)", "xavier_uniform_(w, 0.5)"],
    "zeros_": ["zeros_(w)"],
}


@pytest.mark.parametrize("call", [call for calls in SHARED.values() for call in calls])
def test_the_same_call_in_pytorch(call: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    torch.manual_seed(0)
    tn.manual_seed(0)
    w, v = weight(), torch.zeros(OUT, IN, dtype=torch.float64)
    ours = eval(f"init.{call}", {"init": init, "w": w, "math": math})
    theirs = eval(f"init.{call}", {"init": torch.nn.init, "w": v, "math": math})
    if isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-15)
        return
    assert ours is w
    for figure in (np.mean, np.std, np.min, np.max):
        both = figure(ours.data), figure(theirs.numpy())
        scale = max(1e-9, ours.data.std()) if figure in (np.mean, np.std) else 10 * max(1e-9, ours.data.std())
        assert both[0] == pytest.approx(both[1], abs=0.05 * scale)


def test_every_initialiser_shared_with_pytorch_is_compared() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert {name for name in init.__all__ if hasattr(torch.nn.init, name)} == SHARED.keys()
    for name in ("dirac_", "sparse_", "uniform"):
        assert hasattr(torch.nn.init, name)
        with pytest.raises(AttributeError, match=f"tinygrad_nn.nn.init has no {name}: (fill|write)"):
            getattr(init, name)
