"""The summary of a model: what it counts, how it reads, and that the model does not notice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, tensor
from tinygrad_nn.nn import Summary


def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def network() -> nn.Sequential:
    """Frozen, shared and nested parts, and everything that a forward pass could disturb."""
    shared = nn.Linear(18, 18, rng=rng())
    return nn.Sequential(
        nn.Conv2d(1, 3, (3, 2), padding=1, rng=rng()),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.BatchNorm1d(18),
        nn.Residual(nn.Sequential(shared, nn.Tanh(), nn.Dropout(0.5, rng=rng()))),
        shared,
        nn.Linear(18, 18, rng=rng()).requires_grad_(False),
        nn.Linear(18, 1000, bias=False, rng=rng()),
    )


def test_the_table() -> None:
    assert (
        str(nn.summary(network(), (1, 4, 6)))
        == """\
Layer                   Output shape  Parameters  Trainable    Memory
─────────────────────────────────────────────────────────────────────
Sequential              (1, 1000)              –          –         –
  0: Conv2d             (1, 3, 4, 7)          21         21      84 B
  1: MaxPool2d          (1, 3, 2, 3)           –          –         –
  2: Flatten            (1, 18)                –          –         –
  3: BatchNorm1d        (1, 18)               36         36     296 B
  4: Residual           (1, 18)                –          –         –
    module: Sequential  (1, 18)                –          –         –
      0: Linear         (1, 18)              342        342   1.3 KiB
      1: Tanh           (1, 18)                –          –         –
      2: Dropout        (1, 18)                –          –         –
  5: Linear             (1, 18)           shared          –         –
  6: Linear             (1, 18)              342          0   1.3 KiB
  7: Linear             (1, 1000)         18,000     18,000  70.3 KiB
─────────────────────────────────────────────────────────────────────
Total                                     18,741     18,399  73.4 KiB
Input (1, 1, 4, 6): 96 B, outputs: 4.7 KiB"""
    )


def test_the_data_behind_the_table_agrees_with_the_model() -> None:
    model = network()
    found = nn.summary(model, (1, 4, 6), batch=5)
    assert repr(found) == str(found)
    assert found.parameters == sum(p.size for p in model.parameters())
    assert found.trainable == sum(p.size for p in model.parameters() if p.requires_grad)
    assert found.memory == sum(t.data.nbytes for t in [*model.parameters(), *model.buffers()])
    assert [row.name for row in found.rows] == [name for name, _ in model.named_modules(remove_duplicate=False)]
    rows = {row.name: row for row in found.rows}
    assert (rows[""].depth, rows["4"].depth, rows["4.module.0"].depth) == (0, 1, 3)
    assert rows["0"].output_shapes == ((5, 3, 4, 7),)
    assert rows["5"].shared == rows["4.module.0"].parameters == 18 * 18 + 18
    assert found.input_shapes == ((5, 1, 4, 6),)
    assert found.input_memory == 5 * 24 * 4
    # convolution, pooling (flattening is a view, dropout gives back its input), normalisation,
    # linear, tanh, residual, linear, linear, linear
    assert found.output_memory == 5 * 4 * (84 + 18 + 18 + 18 + 18 + 18 + 18 + 18 + 1000)


def test_a_module_alone_and_one_that_owns_parameters_beside_its_children() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(np.ones(2, np.float64))
            self.layer = nn.Linear(2, 3, rng=rng(), dtype=np.float64)
            self.spare = nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            assert x.dtype == np.float64
            return self.layer(x * self.scale)  # type: ignore[no-any-return]

    (row,) = nn.summary(nn.Tanh(), (2,)).rows
    assert (row.kind, row.output_shapes, row.parameters) == ("Tanh", ((1, 2),), 0)
    found = nn.summary(Scaled(), (2,))
    assert [(r.parameters, r.memory, r.output_shapes) for r in found.rows] == [
        (2, 16, ((1, 3),)),
        (9, 72, ((1, 3),)),
        (0, 0, ()),  # never called
    ]
    assert str(found).splitlines()[4].split() == ["spare:", "Tanh", "–", "–", "–", "–"]


def test_several_inputs_and_outputs() -> None:
    class Both(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Any:
            return {"sum": a + b.sum(), "parts": [a * 2, (b * 2, "text")]}

    found = nn.summary(Both(), [(2,), (3, 4)], batch=7)
    assert found.input_shapes == ((7, 2), (7, 3, 4))
    assert found.rows[0].output_shapes == ((7, 2), (7, 2), (7, 3, 4))
    assert "(7, 2), (7, 2), (7, 3, 4)" in str(found)


def test_a_parameter_shared_by_name_counts_once_and_one_example_may_be_a_number() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = self.b = nn.Parameter(np.ones(3, np.float32))

        def forward(self, x: Tensor) -> Tensor:
            return x.unsqueeze(1) * self.a * self.b

    found = nn.summary(Tied(), (), batch=2)
    assert (found.parameters, found.rows[0].shared, found.memory) == (3, 0, 12)
    assert found.rows[0].output_shapes == ((2, 3),)


class Disturbing(nn.Module):
    """Changes whatever it can in a forward pass, then perhaps raises."""

    seen: Tensor

    def __init__(self, raises: bool) -> None:
        super().__init__()
        self.inner = network().eval()
        self.inner[3].train()
        self.weight = nn.Parameter([1.0])
        self.rng = rng()
        self.register_buffer("seen", tensor(np.array(0)))
        self.log: list[int] = []
        self.raises = raises
        self.cached = (self.weight * 2).sum()  # has a graph, which cannot be copied

    def forward(self, x: Tensor) -> Tensor:
        assert not any(module.training for module in self.modules())
        self.log.append(1)
        self.rng.random()
        self.seen.data += 1
        self.weight.data += 1
        self.cached = x
        self.train()
        y = self.inner(x)
        if self.raises:
            raise ArithmeticError("as asked")
        return y  # type: ignore[no-any-return]


@pytest.mark.parametrize("raises", [False, True])
def test_the_model_does_not_notice(raises: bool) -> None:
    model = Disturbing(raises)
    model.inner(tensor(np.ones((2, 1, 4, 6), np.float32))).sum().backward()
    calls: list[Any] = []
    model.register_forward_hook(lambda *arguments: calls.append(arguments))
    model.inner[0].register_forward_pre_hook(lambda *arguments: calls.append(arguments))

    def everything() -> list[Any]:
        modules = list(model.modules())
        return [
            model.state_dict(),
            [module.training for module in modules],
            [sorted(vars(module)) for module in modules],
            [None if p.grad is None else p.grad.data.copy() for p in model.parameters()],
            [m.rng.bit_generator.state for m in modules if isinstance(m, Disturbing | nn.Dropout) and m.rng],
            list(model.log),
        ]

    before, cached, parameters = everything(), model.cached, list(model.parameters())
    if raises:
        with pytest.raises(ArithmeticError, match="as asked"):
            nn.summary(model, (1, 4, 6))
    else:
        assert nn.summary(model, (1, 4, 6)).parameters == 18_742
    np.testing.assert_equal(everything(), before)
    assert calls == []
    assert model.cached is cached
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    model.eval().raises = False
    model(tensor(np.ones((2, 1, 4, 6), np.float32)))
    assert len(calls) == 2  # the hooks are still there


def test_functions_of_zeros_do_not_warn() -> None:
    class Log(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.log() / x

    assert nn.summary(Log(), (3,)).rows[0].output_shapes == ((1, 3),)


def test_what_does_not_fit_is_the_layers_own_error() -> None:
    with pytest.raises(ValueError, match=r"takes inputs of shape \(\.\.\., 2\), not \(1, 3\)"):
        nn.summary(nn.Sequential(nn.Linear(2, 1)), (3,))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        nn.summary(nn.Tanh(), (3,), batch=0)
    for shape in (3, "3", [(2,), 3.5]):
        with pytest.raises(TypeError, match="input_shape is a tuple such as"):
            nn.summary(nn.Tanh(), shape)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3 << 19, "1.5 MiB"),
        (1 << 30, "1.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_memory_is_in_binary_units(n: int, text: str) -> None:
    assert str(Summary((), (), 0, n)).endswith(f", outputs: {text}")
