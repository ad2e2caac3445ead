"""Drawing the next line of a program: an operator, a call of a public function, an index, a backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.drawn_programs.arguments import BY_HAND, by_signature, indices, product
from tests.drawn_programs.running import Line
from tests.drawn_programs.values import FLOATS, Draw, dtype_of

Drawn = Line | None


def call(d: Draw, name: str, function: Any, form: str) -> Drawn:
    """A call of a method ("{x}.name({args})"), or of a function ("L.name({x}, {args})")."""
    x = d.tensor(dtypes=() if d.chance(0.25) else FLOATS)
    hand = BY_HAND.get(name)
    if hand is not None:
        here = there = hand(d, d.data(x))
        if here is None:
            return None
    else:
        pair = by_signature(d, d.data(x), function, skip=0 if form.startswith("{x}") else 1)
        if pair is None:
            return None
        here, there = pair
    target = d.variable()
    writes = name.endswith("_") or "inplace=True" in here
    theirs = THEIRS.get(form[:3] + name, form)
    one, other = (
        f"{target} = {form.format(x=x, name=name, args=args)}".replace(", )", ")")
        for form, args in ((form, here), (theirs, there))
    )
    return Line(one, other if other != one else "", name, (target,), writes=writes)


# Methods that PyTorch has as functions, or under another name.
THEIRS = {
    **{f"{{x}}{name}": "F.{name}({x}, {args})" for name in ("elu", "gelu", "leaky_relu", "silu", "softplus")},
    "{x}astype": "{x}.to({args}, copy=True)",
}


# --- operators

BINARY = ("+", "-", "*", "/", "**", "//", "%", "@", "==", "!=", "<", "<=", ">", ">=", "&", "|", "^")
UNARY = ("-", "+", "~", "abs")
IN_PLACE = ("+=", "-=", "*=", "/=", "**=", "//=", "%=", "&=", "|=")


def binary(d: Draw) -> Drawn:
    sign = d.one(*BINARY)
    x = d.tensor(dtypes=("bool", "int64") if sign in "&|^" and d.chance(0.8) else ())
    other = product(d, d.data(x)) if sign == "@" else d.operand(d.data(x), scalars=0.4)
    if other in ("inf", "-inf", "nan", "-0.0") and sign == "**":
        other = "2"
    pair = (x, other) if d.chance(0.7) or sign == "@" else (other, x)
    target = d.variable()
    return Line(f"{target} = {pair[0]} {sign} {pair[1]}", name=sign, targets=(target,))


def unary(d: Draw) -> Drawn:
    sign, x, target = d.one(*UNARY), d.tensor(), d.variable()
    return Line(f"{target} = {sign}({x})", name=sign, targets=(target,))


def in_place(d: Draw) -> Drawn:
    sign = d.one(*IN_PLACE)
    x = d.existing(lambda t: (t.dtype.is_floating_point or sign in ("&=", "|=", "+=")) and 0 not in t.stride())
    if x is None:
        return None
    text = f"{x} {sign} {d.operand(d.data(x), scalars=0.4)}"
    if d.chance(0.3):
        text = f"with L.no_grad():\n    {text}"
    return Line(text, name=sign, targets=(x,), writes=True)


def builtin(d: Draw) -> Drawn:
    name = d.one("len", "float", "int", "bool", "list", "round", "sum", "max", "repr_of_number", "contains")
    target = d.variable()
    if name in ("float", "int", "bool", "round", "repr_of_number"):
        x = d.tensor((), fresh=0.5) if d.chance(0.8) else d.tensor()
    else:
        x = d.tensor()
    text = {
        "repr_of_number": f"f'{{{x}:.3f}}'",
        "contains": f"{d.between(-2, 2)} in {x}",
        "round": f"round({x}, 1)" if d.chance(0.5) else f"round({x})",
    }.get(name, f"{name}({x})")
    return Line(f"{target} = {text}", name=f"{name}()", targets=(target,))


# --- properties

PROPERTIES = ("T", "mT", "shape", "ndim", "dtype", "requires_grad", "is_leaf", "device", "is_cuda")


def property_of(d: Draw, name: str) -> Drawn:
    x, target = d.tensor(), d.variable()
    return Line(f"{target} = {x}.{name}", name=name, targets=(target,))


# --- indices


def index(d: Draw, x: Any) -> str:
    """Any of the forms that an index has."""
    if x.ndim and d.chance(0.12):
        return d.tensor(x.shape[: d.between(1, x.ndim)], ("bool",), fresh=0.5)
    if x.ndim and d.chance(0.1):
        return indices(d, d.shape(2), x.shape[0])
    if x.ndim and d.chance(0.06):
        n = x.shape[0] or 1
        return str([d.between(-n, n - 1) for _ in range(d.between(0, 4))])
    parts: list[str] = []
    lists = [d.between(1, 3)] if d.chance(0.7) else [d.between(1, 2), 1]
    left = list(x.shape[: d.between(0, x.ndim)])
    while left:
        if d.chance(0.08):
            parts.append("None")
            continue
        if d.chance(0.06) and "..." not in parts:
            parts.append("...")
            left = left[d.between(0, len(left)) :]
            continue
        n = left.pop(0)
        way = d.random.choices(["one", "slice", "list", "tensor", "mask", "tuple"], [5, 8, 2, 2, 0.7, 1])[0]
        if way == "one":
            parts.append(str(d.between(-n, n - 1) if n and not d.chance(0.03) else n))
        elif way == "slice":
            ends = [d.one("", "", str(d.between(-n - 1, n + 1))) for _ in range(2)]
            parts.append(":".join(ends) + (f":{d.between(1, 3)}" if d.chance(0.3) else ""))
        elif way == "mask":
            parts.append(d.new([n], "bool", False))
        elif way == "tensor":
            parts.append(indices(d, lists if n else [0], n))
        else:
            values = [d.between(-n, n - 1) for _ in range(lists[-1] if len(lists) == 1 else lists[0])] if n else []
            parts.append(str(values if way == "list" else tuple(values)))
    return ", ".join(parts) if parts else d.one("...", "()", "None")


def getitem(d: Draw) -> Drawn:
    x, target = d.tensor(), d.variable()
    return Line(f"{target} = {x}[{index(d, d.data(x))}]", name="[]", targets=(target,))


def setitem(d: Draw) -> Drawn:
    x = d.existing(lambda t: 0 not in t.stride())
    if x is None:
        return None
    place = index(d, d.data(x))
    try:
        part = eval(f"{x}[{place}]", d.run.theirs)
    except Exception:
        return None
    text = f"{x}[{place}] = {d.operand(part, scalars=0.5)}"
    if d.chance(0.4):
        text = f"with L.no_grad():\n    {text}"
    return Line(text, name="[]=", targets=(), writes=True)


# --- gradients


def leaf(t: Any) -> bool:
    """Whether a tensor of PyTorch's is a leaf. It does not say so of a part of several whose whole was changed."""
    try:
        return bool(t.is_leaf)
    except RuntimeError:
        return False


def with_gradient(d: Draw) -> str | None:
    return d.existing(lambda t: t.requires_grad and not leaf(t))


def backward(d: Draw) -> Drawn:
    y = with_gradient(d)
    if y is None:
        return None
    options = []
    if d.chance(0.4):
        options.append("retain_graph=True")
    if d.chance(0.15):
        options.append("create_graph=True")
    shape = d.data(y).shape
    weights = f"{d.tensor(shape, (dtype_of(d.data(y)),))} * 1" if d.chance(0.5) else ""  # not to be the gradient itself
    if weights:
        receiver, options = y, [weights, *options]
    else:
        receiver = f"{y}.sum()" if d.data(y).ndim or d.chance(0.2) else y
    text = f"{receiver}.backward({', '.join(options)})"
    return Line(text, name="backward", walks=True)


def gradient(d: Draw) -> Drawn:
    y = with_gradient(d)
    x = d.existing(lambda t: t.requires_grad and t is not d.data(y)) if y else None
    if y is None or x is None:
        return None
    target = d.variable()
    options = d.one(", create_graph=True", ", create_graph=True", ", retain_graph=True", "")
    inner = f"{y}.sum()" if d.chance(0.6) else y
    weights = ""
    if inner == y:
        weights = f", {d.tensor(d.data(y).shape, (dtype_of(d.data(y)),))}" + (
            "" if "create" in options else ".detach()"
        )
    arguments = f"{inner}, [{x}]{weights}{options}"
    return Line(
        f"{target}, = L.grad({arguments})", f"{target}, = L.autograd.grad({arguments})", "grad", (target,), walks=True
    )


def retain(d: Draw) -> Drawn:
    x = d.existing(lambda t: t.requires_grad)
    if x is None:
        return None
    d.run.retained.add(x)
    return Line(f"{x}.retain_grad()", name="retain_grad")


def hook(d: Draw) -> Drawn:
    x = d.existing(lambda t: t.requires_grad)
    if x is None:
        return None
    what = d.one("g * 2", "-g", "None", "g.clamp(-1, 1)", "g + g", "g")
    if d.chance(0.3):
        return Line(f"{x}.register_hook(lambda g: {what}).remove()", name="register_hook")
    return Line(f"{x}.register_hook(lambda g: {what})", name="register_hook")


def detach(d: Draw) -> Drawn:
    x, target = d.tensor(), d.variable()
    return Line(f"{target} = {x}.detach()", name="detach", targets=(target,))


def ask(d: Draw) -> Drawn:
    x = d.existing(leaf)
    if x is None:
        return None
    text = d.one(f"{x}.requires_grad_()", f"{x}.requires_grad = True", f"{x}.requires_grad_(False)")
    return Line(text, name="requires_grad_", targets=(x,))


def forget(d: Draw) -> Drawn:
    x = d.existing(lambda t: leaf(t) and t.requires_grad)
    return None if x is None else Line(f"{x}.grad = None", name="grad", walks=True)


def grad_of(d: Draw) -> Drawn:
    x = d.existing(lambda t: leaf(t) and t.grad is not None)
    if x is None:
        return None
    target = d.variable()
    return Line(f"{target} = {x}.grad", name="grad", targets=(target,))


def unrecorded(d: Draw) -> Drawn:
    x, target = d.tensor(), d.variable()
    mode = d.one("no_grad", "no_grad", "enable_grad")
    inside = d.one(f"{x} * 2", f"{x}.sum()", f"{x}.exp()", f"{x}.detach()", f"{x} + {x}")
    return Line(f"with L.{mode}():\n    {target} = {inside}", name=mode, targets=(target,))


# --- functions of functions

CHAINS = ("a.sin() * a", "a.exp().sum()", "(a * a).sum()", "a.tanh().sum()", "a * 2", "(a ** 3).sum()", "a.relu()")


def derivative(d: Draw, name: str) -> Drawn:
    """jacobian, hessian and the like, of a small function."""
    x, target, chain = d.tensor(dtypes=("float64",)), d.variable(), d.one(*CHAINS)
    scalar = chain.endswith("sum()")
    theirs = d.data(x)
    if theirs.numel() > 12:
        return None
    v = d.tensor(theirs.shape, ("float64",))
    there = f"L.autograd.functional.{name}"
    if name == "jacobian":
        return Line(
            f"{target} = L.{name}(lambda a: {chain}, {x})",
            f"{target} = {there}(lambda a: {chain}, {x})",
            name,
            (target,),
        )
    if name in ("hessian", "hvp") and not scalar:
        return None
    if name == "hessian":
        arguments = f"(lambda a: {chain}, {x})"
    elif name == "value_and_grad":
        if not scalar:
            return None
        there = "(lambda f: lambda a: L.func.grad_and_value(f)(a)[::-1])"
        return Line(
            f"{target} = L.value_and_grad(lambda a: {chain})({x})",
            f"{target} = {there}(lambda a: {chain})({x}.detach())",
            name,
            (target,),
        )
    elif name == "vjp" and scalar:
        arguments = f"(lambda a: {chain}, {x})"
    else:
        arguments = f"(lambda a: {chain}, {x}, {v}.detach())"
    return Line(f"{target} = L.{name}{arguments}", f"{target} = {there}{arguments}", name, (target,))


GENERAL: dict[Callable[[Draw], Drawn], float] = {
    binary: 14,
    unary: 2,
    in_place: 5,
    builtin: 2,
    getitem: 8,
    setitem: 4,
    backward: 5,
    gradient: 5,
    retain: 2,
    hook: 2,
    detach: 1,
    ask: 1,
    forget: 0.5,
    grad_of: 1,
    unrecorded: 2,
}
