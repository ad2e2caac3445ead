"""The default generator: seeded, replaced for a while, and drawn from by all that draws."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import Tensor, generator, nn
from tinygrad_nn.data import (
    Batches,
    make_circle,
    make_gaussians,
    make_moons,
    make_spiral,
    make_xor,
    registry,
    train_validation_split,
)
from tinygrad_nn.generator import default_generator, manual_seed, using
from tinygrad_nn.nn import functional as F
from tinygrad_nn.nn import init


@pytest.fixture(autouse=True)
def afterwards_it_is_as_before():
    state = default_generator().bit_generator.state
    yield
    default_generator().bit_generator.state = state


def weights(module: nn.Module) -> list[Any]:
    return [p.tolist() for p in module.parameters()]


def filled(fill: Callable[..., Any], *arguments: Any) -> Callable[[Any], Any]:
    return lambda rng: fill(Tensor(np.zeros((3, 4), np.float32)), *arguments, **rng).tolist()


MOONS = make_moons(20, rng=np.random.default_rng(0))
HALVES = tn.full((20,), 0.5)

# All that draws: from `rng` or from the default. Each is given {} or {"rng": ...}, and answers with what was drawn.
DRAWING: dict[str, Callable[[dict[str, Any]], Any]] = {
    "rand": lambda rng: tn.rand(3, **rng).tolist(),
    "rand_like": lambda rng: tn.rand_like(HALVES, **rng).tolist(),
    "randn": lambda rng: tn.randn(3, **rng).tolist(),
    "randn_like": lambda rng: tn.randn_like(HALVES, **rng).tolist(),
    "randint": lambda rng: tn.randint(10**6, (3,), **rng).tolist(),
    "randperm": lambda rng: tn.randperm(20, **rng).tolist(),
    "normal": lambda rng: tn.normal(0.0, 1.0, (3,), **rng).tolist(),
    "bernoulli": lambda rng: tn.bernoulli(HALVES, **rng).tolist(),
    "uniform_": filled(init.uniform_),
    "normal_": filled(init.normal_),
    "trunc_normal_": filled(init.trunc_normal_),
    "xavier_uniform_": filled(init.xavier_uniform_),
    "xavier_normal_": filled(init.xavier_normal_),
    "kaiming_uniform_": filled(init.kaiming_uniform_),
    "kaiming_normal_": filled(init.kaiming_normal_),
    "orthogonal_": filled(init.orthogonal_),
    "initialiser by name": filled(init.INITIALISERS["auto"]),
    "Linear": lambda rng: weights(nn.Linear(3, 2, **rng)),
    "Conv1d": lambda rng: weights(nn.Conv1d(1, 2, 2, **rng)),
    "Conv2d": lambda rng: weights(nn.Conv2d(1, 2, 2, **rng)),
    "Embedding": lambda rng: weights(nn.Embedding(3, 2, **rng)),
    "Dropout2d": lambda rng: nn.Dropout2d(**rng)(tn.ones(1, 20, 1, 1)).tolist(),
    "dropout": lambda rng: F.dropout(tn.ones(20), **rng).tolist(),
    "dropout2d": lambda rng: F.dropout2d(tn.ones(1, 20, 1, 1), **rng).tolist(),
    "Dropout": lambda rng: nn.Dropout(**rng)(tn.ones(20)).tolist(),
    "Batches": lambda rng: [x.tolist() for x, _ in Batches(MOONS, 5, **rng)],
    "train_validation_split": lambda rng: train_validation_split(MOONS, **rng)[0].x.tolist(),
    "registry.load": lambda rng: registry.load("spiral", noise=0.1, **rng).x.tolist(),
    **{
        make.__name__: lambda rng, make=make: make(20, 0.1, **rng).x.tolist()
        for make in (make_circle, make_gaussians, make_moons, make_spiral, make_xor)
    },
}


def test_every_function_that_takes_rng_is_in_the_table():
    modules = (tn, tn.creation, init, nn, F, tn.data, registry)
    public = {
        name: thing for module in modules for name, thing in vars(module).items() if callable(thing) and name[0] != "_"
    }
    functions = {
        name: thing.__init__ if isinstance(thing, type) else thing
        for name, thing in public.items()
        if getattr(thing, "__module__", "").startswith("tinygrad_nn") and hasattr(thing, "__name__")
    }
    found = {name for name, f in functions.items() if "rng" in getattr(f, "__annotations__", {})}
    found = {"registry.load" if name == "load" else name for name in found} - {"rng_or_default", "Initialiser"}
    assert found >= {"Linear", "Dropout", "rand", "uniform_", "Batches", "make_xor", "registry.load"}
    assert found <= DRAWING.keys(), found - DRAWING.keys()


@pytest.mark.parametrize("name", DRAWING)
def test_a_seed_makes_it_repeat_and_rng_wins(name):
    draw = DRAWING[name]
    manual_seed(3)
    first = draw({})
    assert draw({}) != first  # the generator has moved on
    manual_seed(3)
    assert draw({}) == first
    assert draw({"rng": np.random.default_rng(3)}) == first  # the same stream
    manual_seed(3)
    assert draw({"rng": np.random.default_rng(4)}) != first
    assert draw({}) == first  # the default was not touched
    with using(np.random.default_rng(3)):
        assert draw({}) == first


def test_seeds():
    assert manual_seed(5) is default_generator()
    for seed, same in ((-1, 2**64 - 1), (np.int64(7), 7), (-(2**63), 2**63)):
        manual_seed(seed)
        assert tn.rand(2).tolist() == tn.rand(2, rng=np.random.default_rng(same)).tolist()
    with pytest.raises(TypeError):
        manual_seed(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="from -2\\*\\*63 up"):
        manual_seed(-(2**63) - 1)


def test_another_generator_for_a_while_also_of_another_kind_and_nested():
    outer, inner = default_generator(), np.random.Generator(np.random.MT19937(1))
    with using(inner) as given:
        assert given is default_generator() is inner
        manual_seed(2)
        assert tn.rand(1).item() == np.float32(np.random.Generator(np.random.MT19937(2)).random())
        with using(outer):
            assert default_generator() is outer
        assert default_generator() is inner
        again = using(outer)
        with again, again:
            assert default_generator() is outer
        assert default_generator() is inner
    with pytest.raises(KeyError), using(inner):
        raise KeyError
    assert default_generator() is outer


def test_a_replacement_is_one_threads_and_one_tasks_own():
    own = np.random.default_rng(0)
    seen: list[Any] = []
    with using(own):
        thread = threading.Thread(target=lambda: seen.append(default_generator()))
        thread.start()
        thread.join()
    assert seen[0] is default_generator() is not own

    async def task(rng: np.random.Generator) -> bool:
        with using(rng):
            await asyncio.sleep(0)
            return default_generator() is rng

    async def both() -> list[bool]:
        return list(await asyncio.gather(task(own), task(np.random.default_rng(1))))

    assert asyncio.run(both()) == [True, True]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.program
def test_without_a_seed_every_process_draws_other_numbers():
    code = "import tinygrad_nn as tn; print(tn.rand(3).tolist())"
    assert run(code) != run(code)
    seeded = "import tinygrad_nn as tn; tn.manual_seed(1); print(tn.rand(3).tolist())"
    assert run(seeded) == run(seeded) == f"{tn.rand(3, rng=np.random.default_rng(1)).tolist()}\n"


@pytest.mark.program
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("seed", ["", "tn.manual_seed(0)"])
def test_children_of_a_fork_draw_other_numbers_unless_there_is_a_seed(seed):
    code = f"""
import os, sys
import tinygrad_nn as tn
{seed}
tn.rand(1)
for _ in range(2):
    if os.fork() == 0:
        print(tn.rand(3).tolist(), flush=True)
        os._exit(0)
    os.wait()
print(tn.rand(3).tolist())
"""
    lines = run(code).splitlines()
    assert len(lines) == 3
    assert len(set(lines)) == (1 if seed else 3)


@pytest.mark.program
def test_importing_the_library_makes_no_generator():
    assert run("import sys, tinygrad_nn; print(tinygrad_nn.generator._of_the_process)") == "{}\n"
    assert generator._of_the_process


def test_a_dropout_draws_from_what_is_the_default_when_it_is_called():
    layer = nn.Dropout()
    assert layer.rng is None
    manual_seed(0)
    mask = layer(tn.ones(30)).tolist()
    manual_seed(0)
    assert layer(tn.ones(30)).tolist() == mask
    own = nn.Dropout(rng=np.random.default_rng(0))
    assert own(tn.ones(30)).tolist() == mask


def test_a_summary_draws_nothing():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + tn.randn(*x.shape)

    manual_seed(0)
    nn.summary(Noisy(), (2,))
    assert tn.rand(2).tolist() == tn.rand(2, rng=np.random.default_rng(0)).tolist()
