"""The public face: every name of the library, found when this is asked for, and how a line with it is drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import tinygrad_nn
from tests.drawn_programs.arguments import BY_HAND, known
from tests.drawn_programs.functional import FUNCTIONAL, INIT, UTILS
from tests.drawn_programs.lines import (
    PROPERTIES,
    Drawn,
    ask,
    backward,
    call,
    derivative,
    detach,
    grad_of,
    gradient,
    hook,
    property_of,
    retain,
    unrecorded,
)
from tests.drawn_programs.running import Line
from tests.drawn_programs.values import DTYPES, FLOATS, Draw, dtype_of
from tinygrad_nn import nn, optim

Drawing = Callable[[Draw], Drawn]


FIRST = ("self", "input", "tensor", "x", "a")  # what functions call the tensor that they are about


def names(place: Any) -> Iterator[tuple[str, Any]]:
    """The public names of a tensor, the package or a module: not what a module imports for itself."""
    listed = getattr(place, "__all__", None)
    for name in sorted(dir(place) if listed is None or place is tinygrad_nn else listed):
        value = None if name.startswith("_") else getattr(place, name)
        if value is None or inspect.ismodule(value):
            continue
        if inspect.ismodule(place) and listed is None and getattr(value, "__module__", "") != place.__name__:
            continue
        yield name, value


def public() -> dict[str, Any]:
    """Every public name, with what it is."""
    places = {
        "Tensor.": tinygrad_nn.tensor([[1.0]], requires_grad=True),
        "": tinygrad_nn,
        "nn.": nn,
        "nn.functional.": nn.functional,
        "nn.init.": nn.init,
        "nn.utils.": nn.utils,
        "optim.": optim,
    }
    return {prefix + name: value for prefix, place in places.items() for name, value in names(place)}


def drawing(full: str, value: Any) -> Drawing | None:
    """How a line with this name is drawn, or None if that is not known."""
    place, _, name = full.rpartition(".")
    if full in BY_HAND_LINES:
        return BY_HAND_LINES[full]
    if place == "Tensor" and name in PROPERTIES:
        return lambda d: property_of(d, name)
    if not callable(value) or inspect.isclass(value) or place not in FORMS:
        return None
    parameters = list(inspect.signature(value).parameters.values())
    if place != "Tensor":
        if not parameters or (parameters[0].name not in FIRST and name not in BY_HAND):
            return None
        parameters = parameters[1:]
    needed = [p for p in parameters if p.default is inspect.Parameter.empty]
    if name not in BY_HAND and not all(known(p) for p in needed):
        return None
    return lambda d: call(d, name, value, FORMS[place])


FORMS = {"Tensor": "{x}.{name}({args})", "": "L.{name}({x}, {args})", "nn.functional": "F.{name}({x}, {args})"}


def number_of_lengths(d: Draw) -> str:
    return str(d.between(0, 3))


def joined(d: Draw, name: str) -> Drawn:
    """cat and its kind: several tensors that agree but along one axis, or not quite."""
    first = d.tensor()
    x = d.data(first)
    axis = d.between(0, max(x.ndim - 1, 0))
    parts = [first]
    for _ in range(d.between(0, 2)):
        shape = list(x.shape)
        if "stack" not in name and shape:
            shape[axis] = d.between(0, 3)
        parts.append(d.tensor(shape, (dtype_of(x),) if d.chance(0.8) else ()))
    if d.chance(0.05):
        parts.append(d.tensor())
    place = d.one("", f", {axis}", f", {d.one('dim', 'axis')}={axis if d.chance(0.6) else axis - max(x.ndim, 1)}")
    if name in ("hstack", "vstack", "row_stack"):
        place = ""
    target, listed = d.variable(), ", ".join(parts)
    brackets = d.one(f"[{listed}]", f"({listed},)")
    here = f"{target} = L.{name}({brackets}{place})"
    there = here.replace("axis=", "dim=")
    return Line(here, there if there != here else "", name, (target,))


def summed(d: Draw) -> Drawn:
    """einsum over letters of three lengths."""
    lengths = {"i": 2, "j": 3, "k": 1, "l": 2}
    terms = ["".join(d.some("ijkl", 1)[:3]) for _ in range(d.between(1, 3))]
    letters = sorted(set("".join(terms)))
    output = d.one("", "->" + "".join(d.some(letters)))
    operands = [d.tensor([lengths[c] for c in term], ("float64",)) for term in terms]
    target = d.variable()
    return Line(
        f"{target} = L.einsum('{','.join(terms)}{output}', {', '.join(operands)})", name="einsum", targets=(target,)
    )


def chosen(d: Draw) -> Drawn:
    target = d.variable()
    x = d.tensor()
    condition = d.operand(d.data(x), ("bool",), 0)
    rest = "" if d.chance(0.1) else f", {x}, {d.operand(d.data(x))}" if d.chance(0.7) else f", {d.scalar()}, {x}"
    return Line(f"{target} = L.where({condition}{rest})", name="where", targets=(target,))


def grid(d: Draw) -> Drawn:
    target = d.variable()
    vectors = [d.tensor([d.between(1, 3)], ("float64",)) for _ in range(d.between(1, 3))]
    return Line(
        f"{target} = L.meshgrid({', '.join(vectors)}, indexing={d.one('ij', 'xy')!r})",
        name="meshgrid",
        targets=(target,),
    )


def made(arguments: Callable[[Draw], str]) -> Callable[[str], Drawing]:
    """A line that makes a tensor of nothing but these arguments and a dtype."""

    def drawing(name: str) -> Drawing:
        def line(d: Draw) -> Drawn:
            target = d.variable()
            dtype = d.one("", "", f", dtype=L.{d.one(*DTYPES)}")
            return Line(f"{target} = L.{name}({arguments(d)}{dtype})", name=name, targets=(target,))

        return line

    return drawing


def lengths(d: Draw) -> str:
    shape = d.shape() or (2,)
    return d.one(", ".join(map(str, shape)), str(shape), str(list(shape)))


MADE = {
    "arange": made(
        lambda d: d.one(str(d.between(0, 5)), f"{d.between(-2, 2)}, {d.between(2, 5)}", f"0, {d.one('1', '2.5')}, 0.5")
    ),
    "eye": made(lambda d: d.one(str(d.between(0, 3)), f"{d.between(1, 3)}, {d.between(1, 3)}")),
    "full": made(lambda d: f"{d.shape()}, {d.scalar()}"),
    "full_like": made(lambda d: f"{d.tensor()}, {d.scalar()}"),
    "linspace": made(lambda d: f"{d.between(-2, 2)}, {d.between(-2, 9) / 4}, {d.between(0, 5)}"),
    "ones": made(lengths),
    "ones_like": made(lambda d: d.tensor()),
    "tensor": made(lambda d: repr(d.numbers(d.shape(2), d.one("float64", "int64", "bool")))),
    "as_tensor": made(lambda d: d.one(d.tensor(), repr(d.numbers(d.shape(2), d.one("float64", "int64", "bool"))))),
    "zeros": made(lengths),
    "zeros_like": made(lambda d: d.tensor()),
}


def drawn_shape(name: str) -> Drawing:
    """What is random: shape and dtype are compared."""

    def line(d: Draw) -> Drawn:
        target, x = d.variable(), d.tensor(dtypes=FLOATS)
        call = {
            "L.rand_like": f"L.rand_like({x})",
            "L.randn_like": f"L.randn_like({x})",
            "L.bernoulli": f"L.bernoulli(L.sigmoid({x}))",
            "L.rand": f"L.rand({lengths(d)})",
            "L.randn": f"L.randn({lengths(d)})",
            "L.randint": f"L.randint(0, 3, {d.shape()})",
            "L.randperm": f"L.randperm({d.between(0, 4)})",
            "L.normal": f"L.normal({x}, 1.0)",
            "L.empty": f"L.empty({lengths(d)})",
            "L.empty_like": f"L.empty_like({x})",
            "F.dropout": f"F.dropout({x}, {d.one('0.5', '0.0')})",
        }[name]
        return Line(f"{target} = ({call}.shape, {call}.dtype)", name=name[2:], targets=(target,))

    return line


def dropped(d: Draw, name: str) -> Drawn:
    """Dropout where it is not random, or for its shape alone."""
    if d.chance(0.3):
        return drawn_shape("F.dropout")(d)
    target, x = d.variable(), d.tensor(dtypes=FLOATS)
    how = d.one("0.5, False", "0.0", "p=0.0, training=True", "training=False", "1.0")
    return Line(f"{target} = F.{name}({x}, {how})", name=name, targets=(target,))


BY_HAND_LINES: dict[str, Drawing] = {
    **{
        name: drawn_shape(f"L.{name}")
        for name in ("rand", "randn", "rand_like", "randn_like", "bernoulli", "randint", "randperm", "normal", "empty")
    },
    "empty_like": drawn_shape("L.empty_like"),
    **{f"nn.functional.{name}": partial(dropped, name=name) for name in ("dropout", "dropout2d")},
    **{f"nn.functional.{name}": how for name, how in FUNCTIONAL.items()},
    **{f"nn.init.{name}": how for name, how in INIT.items()},
    **{f"nn.utils.{name}": how for name, how in UTILS.items()},
    "grad": gradient,
    "Tensor.grad": grad_of,
    "Tensor.register_hook": hook,
    "Tensor.retain_grad": retain,
    "Tensor.backward": backward,
    "Tensor.requires_grad_": ask,
    "Tensor.detach": detach,
    "no_grad": unrecorded,
    "enable_grad": unrecorded,
    "einsum": summed,
    "meshgrid": grid,
    "where": chosen,
    **{name: made_(name) for name, made_ in MADE.items()},
    **{
        name: partial(joined, name=name)
        for name in ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "row_stack")
    },
    **{name: partial(derivative, name=name) for name in ("jacobian", "hessian", "hvp", "vjp", "jvp", "value_and_grad")},
}
