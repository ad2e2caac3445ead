"""Initialisers: bounds and variances as their definitions say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

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
