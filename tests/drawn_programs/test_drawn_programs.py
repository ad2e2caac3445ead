"""Programs are drawn over the whole public face and run here and in PyTorch, line by line: nothing differs unsaid."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="drawn programs run in PyTorch too")

import tinygrad_nn  # noqa: E402
from tests.comparing import HOME  # noqa: E402
from tests.drawn_programs.differences import excuse  # noqa: E402
from tests.drawn_programs.face import NOT_DRAWN, not_drawn  # noqa: E402
from tests.drawn_programs.networks import drawn_there  # noqa: E402
from tests.drawn_programs.programs import Tally, drawings, program, programs  # noqa: E402
from tests.drawn_programs.running import Excused, Fault, Line, RefusedHere, Run, replay, shrunk, source  # noqa: E402
from tests.drawn_programs.values import Draw  # noqa: E402
from tinygrad_nn import Primitive, Tensor, nn, optim  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch warns of what it will change


# --- the programs


@pytest.mark.parametrize("first", range(0, 200, 40))
def test_programs(first: int) -> None:
    faults = programs(range(first, first + 40)).faults
    assert not faults, "\n\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 7000, 500))
def test_more_programs(first: int) -> None:
    faults = programs(range(first, first + 500)).faults
    assert not faults, "\n\n".join(faults)


# --- what they are about


def test_every_public_name_is_drawn_or_has_a_reason_why_not() -> None:
    assert not_drawn() == set(NOT_DRAWN)


@pytest.mark.parametrize("place", ["Tensor", "", "nn.functional", "nn.init", "nn.utils", "autograd", "optim"])
def test_every_name_that_is_drawn_runs(place: str) -> None:
    """In both libraries, with the same result, at least once in a few tries."""
    never = []
    for full, how in drawings().items():
        if full.rpartition(".")[0] != place:
            continue
        for seed in range(60):
            if agrees(how, seed):
                break
        else:
            never.append(full)
    assert not never


def agrees(how: Callable[[Draw], Line | None], seed: int) -> bool:
    run = Run(excuse)
    draw = Draw(seed, run)
    try:
        x = draw.new((2, 3), "float64", True)
        run.do(Line(f"v90 = {x} * {x}", name="*", targets=("v90",)))
        run.do(Line(f"({x} * 3).sum().backward()", name="backward", walks=True))
        line = how(draw)
        return line is not None and run.do(line) == "agrees"
    except Excused:
        return True
    except RefusedHere:
        return False


@pytest.mark.slow
def test_every_layer_loss_optimiser_and_schedule_is_trained() -> None:
    tally = programs(range(0, 10_000, 5))
    assert not tally.faults, "\n\n".join(tally.faults)
    ran = {part for name in tally.agreed for part in name.split()} | {"Parameter", "ModuleList"}
    assert {full.rpartition(".")[2] for full in drawn_there()} <= ran


def test_a_seed_is_a_program() -> None:
    first, second = ([line.here for line in program(seed, Tally()).lines] for seed in (3, 3))
    assert first == second
    assert first != [line.here for line in program(4, Tally()).lines]


# --- that faults are found

LEAF = Line("v1 = L.tensor([1.0, 2.0, 4.0], dtype=L.float64, requires_grad=True)", name="tensor", targets=("v1",))
CALL = Line("v2 = v1.exp()", name="exp", targets=("v2",))
WALK = Line("v2.sum().backward()", name="backward", walks=True)


def within_the_library(text: str) -> Any:
    """A function of x whose code says that it is in one of the library's files."""
    return eval(compile(f"lambda x: {text}", f"{HOME}/planted.py", "eval"))


def slope(factor: float) -> Primitive:
    return Primitive("exp", np.exp, lambda g, y, x: g * (y * factor))


PLANTED: dict[str, tuple[Any, list[Line], str]] = {
    "a value": (lambda x: Tensor.exp(x) * (1 + 1e-8), [LEAF, CALL], "v2 is np.float64"),
    "a dtype": (lambda x: Tensor.exp(x).astype(np.float32), [LEAF, CALL], "v2 is float32, not float64"),
    "a shape": (lambda x: Tensor.exp(x).reshape(3, 1), [LEAF, CALL], r"v2 has shape \(3, 1\)"),
    "a graph": (lambda x: Tensor.exp(x).detach(), [LEAF, CALL], "v2 has requires_grad False"),
    "a gradient": (slope(1.0001), [LEAF, CALL, WALK], "v1.grad is"),
    "a view": (
        lambda x: x,
        [LEAF, Line("v3 = v1 * 0 + 1", name="*", targets=("v3",)), Line("v2 = v3.exp()", name="exp", targets=("v2",))],
        "v2 is|v2, part 0, looks into the memory of v3",
    ),
    "an internal error": (within_the_library("x.no_such_name"), [LEAF, CALL], "AttributeError"),
    "NumPy's words": (within_the_library("x.data.reshape(7)"), [LEAF, CALL], "ValueError: cannot reshape"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, lines, words = PLANTED[name]
    assert replay(lines, excuse) is None
    right = Tensor.exp
    monkeypatch.setattr(Tensor, "exp", lambda x: with_exp(right, function, x))
    fault = replay(lines, excuse)
    assert fault is not None
    assert re.search(words, fault.message)


def with_exp(right: Any, function: Any, x: Tensor) -> Any:
    """`function(x)`, in which Tensor.exp is the right one."""
    planted, Tensor.exp = Tensor.exp, right  # type: ignore[method-assign]
    try:
        return function(x)
    finally:
        Tensor.exp = planted  # type: ignore[method-assign]


def test_what_pytorch_refuses_is_not_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line("v2 = v1.sum(1)", name="sum", targets=("v2",))
    assert replay([LEAF, line], excuse) is None  # refused by both
    right = Tensor.sum
    monkeypatch.setattr(Tensor, "sum", lambda x, axis=None: right(x, axis % x.ndim))
    fault = replay([LEAF, line], excuse)
    assert fault is not None
    assert "accepted here, in PyTorch IndexError" in fault.message


def test_a_faulty_program_is_shown_as_a_file_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Tensor.exp
    monkeypatch.setattr(Tensor, "exp", lambda x: right(x) * 2)
    more = [Line(f"v{i} = v1 + {i}", name="+", targets=(f"v{i}",)) for i in range(5, 9)]
    fault = replay([LEAF, *more, CALL], excuse)
    assert isinstance(fault, Fault)
    kept = shrunk([LEAF, *more, CALL], fault, excuse)
    assert kept == [LEAF, CALL]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source(kept, 7), {})
    assert "v2\n  tensor([  5.43656366,  14.7781122 , 109.19630007]" in printed.getvalue()
    assert "tensor([ 2.7183,  7.3891, 54.5982]" in printed.getvalue()


# --- arguments by position

# PyTorch's first two arguments of these are settings from its early days.
OLD_SETTINGS = {"KLDivLoss", "L1Loss", "MSELoss", "SmoothL1Loss"}


@pytest.mark.parametrize("place", ["nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler"])
def test_an_argument_by_position_is_the_one_that_pytorch_has_there(place: str) -> None:
    ours: Any = tinygrad_nn
    theirs: Any = torch
    for part in place.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    wrong = []
    for name in set(dir(ours)) & set(dir(theirs)) - OLD_SETTINGS - {"Parameter"}:
        try:
            mine, yours = (inspect.signature(getattr(each, name)).parameters for each in (ours, theirs))
        except (TypeError, ValueError):  # not a function, or one that does not say what it takes
            continue
        if any(p.kind is p.VAR_POSITIONAL for p in yours.values()) or name.startswith("_"):
            continue
        by_position = [n for n, p in mine.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        wrong += [(name, a, b) for a, b in zip(by_position, yours, strict=False) if a != b]
    assert not wrong
    assert (nn, optim) == (tinygrad_nn.nn, tinygrad_nn.optim)
