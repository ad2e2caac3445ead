"""PyTorch's own samples of inputs (OpInfo) for every operation that is here too: values, first and second derivatives.

OpInfo lists PyTorch's operations, each with the calls that its own tests make. An operation is found here under its
name (function, method, operator, in place, and under its other names), so a name that is new is compared without a
change to this file. A sample then agrees, or is refused in words because it asks for an option that is absent, and
REFUSED says how many are. A sample that differs is wrong, and one that ends in any other exception is an error: of
these there are none. `python -m tests.test_opinfo` prints the table.
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np
import pytest

import tinygrad_nn
from tests.comparing import Difference, Unlike, in_words, numpy_dtype, same
from tinygrad_nn import Tensor

torch = pytest.importorskip("torch", reason="PyTorch's samples are compared")
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
except ImportError as error:  # its list needs expecttest
    pytest.skip(f"PyTorch's list of operations does not load: {error}", allow_module_level=True)

REFUSALS = (TypeError, ValueError, NotImplementedError)
SECOND = 40  # so many samples of an operation are differentiated twice

# By how much second derivatives may be further off than elsewhere.
NEAR = {"nn.functional.binary_cross_entropy": 1e3}  # PyTorch's adds 1e-12 to what it divides by

# Only shape and dtype can be compared: the numbers are random, or whatever the memory holds.
RANDOM = {
    "bernoulli", "cauchy", "empty", "empty_like", "empty_strided", "exponential", "geometric", "log_normal",
    "multinomial", "new_empty", "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
    "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "uniform",
}  # fmt: skip


# --- where an operation is

# OpInfo gives the arguments in an order of its own, with what is differentiated first.
ORDER: dict[str, Callable[..., Any]] = {
    "einsum": lambda f: lambda operands, equation: f(equation, *operands),
    "nn.functional.embedding": lambda f: lambda weight, index, **options: f(index, weight, **options),
    "where": lambda f: lambda x, condition, other: f(condition, x, other),
}

A_TENSOR = Tensor(np.ones((1, 1)))

Way: TypeAlias = tuple[Callable[..., Any], Callable[..., Any]]


def found(place: Any, name: str) -> Any:
    """The function that a library has under a dotted name, or None."""
    for part in name.split("."):
        place = getattr(place, part, None)
    return place if callable(place) else None


def method(name: str) -> Callable[..., Any]:
    """A method as a function. It is looked up on a tensor, which finds more names than its class has."""
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def routes(op: Any) -> dict[str, Way]:
    """How the operation is called: here, and in PyTorch. The plain ways come first."""
    ways: dict[str, Way] = {}
    others: dict[str, Way] = {}
    for entry in (op, *op.aliases):
        name = entry.name
        plain = ways if entry is op else others
        function = found(tinygrad_nn, name) if found(torch, name) else None
        if function is not None:
            plain[f"{name}()"] = ORDER.get(name, lambda f: f)(function), entry.op
        if hasattr(A_TENSOR, name) and hasattr(torch.Tensor, name):
            if callable(getattr(A_TENSOR, name)):
                plain[f".{name}()"] = method(name), entry.method_variant or entry.op
            else:
                plain[f".{name}"] = attrgetter(name), entry.op
        if hasattr(A_TENSOR, f"{name}_") and entry.inplace_variant is not None:
            others[f".{name}_()"] = method(f"{name}_"), entry.inplace_variant
    if op.operator_variant is not None and ways:
        others["operator"] = op.operator_variant, op.operator_variant
    return ways | others


def full_name(op: Any) -> str:
    return f"{op.name}, {op.variant_test_name}" if op.variant_test_name else op.name


@cache
def operations() -> dict[str, Any]:
    """Those that are here too, by name."""
    return {
        full_name(op): op
        for op in op_db
        if torch.float64 in op.dtypes and op.variant_test_name != "in_place" and routes(op)
    }


def samples(op: Any) -> Iterator[Any]:
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    yield from op.sample_inputs("cpu", torch.float64, requires_grad=op.supports_autograd)


# --- the same things on both sides


class Twins:
    """Our tensors for PyTorch's, one for one: the same memory layout, and the same tensor where it comes twice."""

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[Any, Tensor]] = {}

    def of(self, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            if id(x) not in self.pairs:
                if x.layout is not torch.strided or x._is_zerotensor() or x.dtype.is_complex:
                    raise Unlike(f"a tensor of {x.layout} and {x.dtype}")
                array = x.detach().resolve_neg().numpy().copy(order="K")
                self.pairs[id(x)] = x, Tensor(array, requires_grad=x.requires_grad)
            return self.pairs[id(x)][1]
        if isinstance(x, torch.dtype):
            return numpy_dtype(x)
        if isinstance(x, torch.Size):
            return tuple(x)
        if isinstance(x, tuple | list):
            parts = [self.of(part) for part in x]
            return type(x)(parts) if type(x) in (tuple, list) else tuple(parts)
        if isinstance(x, dict):
            return {key: self.of(value) for key, value in x.items()}
        if isinstance(x, complex):
            raise Unlike("a complex number")
        return x

    def leaves(self) -> tuple[list[Any], list[Tensor]]:
        both = [(a, b) for a, b in self.pairs.values() if a.requires_grad]
        return [a for a, _ in both], [b for _, b in both]


def floating(results: Any, kind: Any) -> list[Any]:
    """The floating-point tensors among results that may be one tensor or many."""
    if isinstance(results, kind):
        kind_of = getattr(results.dtype, "kind", "f" if getattr(results.dtype, "is_floating_point", False) else "")
        return [results] if kind_of == "f" else []
    return [y for part in results for y in floating(part, kind)] if isinstance(results, tuple | list) else []


# --- one sample


class Raised(Exception):
    """The call, or its gradients, ended in an exception here, which is `__cause__`."""


def compare(name: str, here: Any, there: Any, sample: Any, twice: bool) -> None:
    """Difference, or Raised; PyTorch's own refusals come as Unlike."""
    twins = Twins()
    inputs = (sample.input, *sample.args)
    args, kwargs = twins.of(inputs), twins.of(sample.kwargs)
    if name.endswith("_()"):  # written to is a result, as a leaf must not be
        if not isinstance(sample.input, torch.Tensor):
            raise Unlike("nothing to write to")
        inputs, args = (sample.input * 1, *inputs[1:]), (args[0] * 1, *args[1:])
    try:
        theirs = there(*inputs, **sample.kwargs)
    except Exception as error:
        raise Unlike(f"PyTorch: {error}") from None
    values = name.strip(".()_") not in RANDOM
    try:
        ours = here(*args, **kwargs)
    except Exception as error:
        raise Raised from error
    same(ours, theirs, "the result", values=values)
    if values:
        for i, (a, b) in enumerate(twins.pairs.values()):
            same(b, a, f"input {i} after the call")
        differentiate(ours, theirs, twins, twice, NEAR.get(name.strip(".()"), 1.0))


def gradients_of(*arguments: Any, **options: Any) -> tuple[Tensor, ...]:
    try:
        return tinygrad_nn.grad(*arguments, **options, allow_unused=True)
    except Exception as error:
        raise Raised from error


def differentiate(ours: Any, theirs: Any, twins: Twins, twice: bool, slack: float) -> None:
    leaves, twin_leaves = twins.leaves()
    pairs = [
        (b, a)
        for a, b in zip(floating(ours, Tensor), floating(theirs, torch.Tensor), strict=True)
        if b.requires_grad or a.requires_grad
    ]
    if not leaves or not pairs:
        return
    for b, a in pairs:
        if a.requires_grad != b.requires_grad:
            raise Difference(f"requires_grad is {a.requires_grad}, not {b.requires_grad}")
    rng = np.random.default_rng(0)
    weights = [np.asarray(rng.standard_normal(a.shape)) for _, a in pairs]
    v = [torch.tensor(w, dtype=b.dtype, requires_grad=twice) for w, (b, _) in zip(weights, pairs, strict=True)]
    u = [Tensor(w.astype(a.dtype), requires_grad=twice) for w, (_, a) in zip(weights, pairs, strict=True)]
    expected = torch.autograd.grad([b for b, _ in pairs], leaves, v, create_graph=twice, allow_unused=True)
    gradients = gradients_of([a for _, a in pairs], twin_leaves, u, create_graph=twice)
    expected = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, expected, strict=True)]
    for i, (g, h) in enumerate(zip(gradients, expected, strict=True)):
        same(g, h, f"gradient {i}")
    if not twice:
        return
    again = [np.asarray(rng.standard_normal(g.shape)) for g in gradients]
    b2 = [(h, torch.tensor(w)) for h, w in zip(expected, again, strict=True) if h.requires_grad]
    a2 = [(g, Tensor(w)) for g, w in zip(gradients, again, strict=True) if g.requires_grad]
    zeros = [torch.zeros_like(x) for x in (*leaves, *v)]
    second: Any = zeros
    if b2:
        second = torch.autograd.grad([h for h, _ in b2], [*leaves, *v], [w for _, w in b2], allow_unused=True)
        second = [z if h is None else h for z, h in zip(zeros, second, strict=True)]
    twins_second: Any = [Tensor(z.numpy()) for z in zeros]
    if a2:
        wanted = [*twin_leaves, *u]
        twins_second = gradients_of([g for g, _ in a2], wanted, [w for _, w in a2])
    for i, (g, h) in enumerate(zip(twins_second, second, strict=True)):
        same(g, h, f"second derivative {i}", slack=slack)


# --- all of them


def outcomes(name: str) -> Iterator[tuple[int, str, str, str]]:
    """For each sample and each way to call it: the sample's number, what came of it, the way, and a sentence."""
    op = operations()[name]
    ways = routes(op)
    for i, sample in enumerate(samples(op)):
        for way, (here, there) in ways.items():
            twice = op.supports_gradgrad and i < SECOND
            refusals = (*REFUSALS, RuntimeError) if way.endswith("_()") else REFUSALS
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    compare(way, here, there, sample, twice)
                    what, why = "agrees", ""
                except Unlike as error:
                    what, why = "unlike", str(error)
                except Difference as error:
                    what, why = "wrong", str(error)
                except Raised as raised:
                    error = raised.__cause__
                    assert error is not None
                    what = "refused" if in_words(error, refusals) else "error"
                    why = f"{type(error).__name__}: {error}"
            if what in ("wrong", "error"):
                why += f"; input {shown(sample.input)}, args {shown(sample.args)}, kwargs {shown(sample.kwargs)}"
            yield i, what, way, why


def shown(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} {value.dtype}"
    if isinstance(value, tuple | list):
        return "(" + ", ".join(map(shown, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={shown(v)}" for key, v in value.items()) + "}"
    return repr(value)


RANKS = ("unlike", "agrees", "refused", "error", "wrong")


def counted(name: str) -> tuple[Counter[str], list[str]]:
    """How many samples agree, are refused and so on, by the worst of each sample's ways; and all that is wrong."""
    worst: dict[int, str] = {}
    faults = []
    for i, what, way, why in outcomes(name):
        worst[i] = max(worst.get(i, "unlike"), what, key=RANKS.index)
        if what in ("wrong", "error"):
            faults.append(f"{what}: {way} of sample {i}: {why}")
    return Counter(worst.values()), faults


# Samples that ask for an option that is absent here, of an operation that exists.
REFUSED: dict[str, int] = {
    "bool": 3,
    "cat": 1,
    "double": 3,
    "float": 3,
    "gather": 1,
    "half": 3,
    "int": 3,
    "long": 3,
    "nn.functional.avg_pool2d": 3,
    "nn.functional.batch_norm": 2,
    "norm, nuc": 2,
    "normal, number_mean": 1,
    "repeat_interleave": 1,
    "to": 24,
}


@pytest.mark.parametrize("name", operations())
def test_samples(name: str) -> None:
    counts, faults = counted(name)
    assert not faults, "\n".join(faults)
    # fewer than listed is good news: then the number in REFUSED goes down
    assert counts["refused"] == REFUSED.get(name, 0)
    assert counts["agrees"] or counts["refused"] or counts["unlike"], "no sample was compared"


def test_few_options_are_absent() -> None:
    assert sum(REFUSED.values()) <= 966  # of about 3,000 samples 1,933 were once refused
    assert REFUSED.keys() <= operations().keys()


# --- that faults would be found


def faults_with(monkeypatch: pytest.MonkeyPatch, name: str, function: Callable[..., Any]) -> list[str]:
    monkeypatch.setattr(Tensor, name, function)
    return counted(name)[1]


def test_a_wrong_value_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Tensor.exp
    assert "is not" not in "".join(faults_with(monkeypatch, "exp", right))
    assert "wrong" in faults_with(monkeypatch, "exp", lambda x: right(x) * (1 + 1e-8))[0]
    assert "shape" in faults_with(monkeypatch, "exp", lambda x: right(x).reshape(-1, 1))[0]
    assert "float32" in faults_with(monkeypatch, "exp", lambda x: right(x).astype(np.float32))[0]


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Tensor.exp
    once = tinygrad_nn.Primitive("exp", np.exp, lambda g, y, x: g * y * 1.00001)
    assert "gradient 0" in faults_with(monkeypatch, "exp", lambda x: once(x))[0]
    lost = tinygrad_nn.Primitive("exp", np.exp, lambda g, y, x: g * (y.detach() if isinstance(y, Tensor) else y))
    assert "second derivative" in faults_with(monkeypatch, "exp", lambda x: lost(x))[0]
    assert "requires_grad" in faults_with(monkeypatch, "exp", lambda x: right(x).detach())[0]


def test_only_refusals_in_words_are_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    def attribute_error(x: Any) -> Any:
        return x.no_such_name

    assert faults_with(monkeypatch, "exp", attribute_error)[0].startswith("error")
    with pytest.raises(TypeError) as caught:
        Tensor([1.0]).exp(no_such_option=1)
    assert in_words(caught.value, REFUSALS)
    assert not in_words(ValueError("f(<lambda>)"), REFUSALS)


if __name__ == "__main__":
    total: Counter[str] = Counter()
    for each in operations():
        here, wrong = counted(each)
        total += here
        print(f"{each:45} " + "  ".join(f"{what} {n}" for what, n in sorted(here.items())))
        print(*(f"    {line}" for line in wrong), sep="\n", end="\n" if wrong else "")
    print(f"{'all':45} " + "  ".join(f"{what} {n}" for what, n in sorted(total.items())))
