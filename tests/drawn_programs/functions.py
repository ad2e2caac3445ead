"""Lines with functions of the package that are not methods: of several tensors, of none, of functions."""

from __future__ import annotations

from collections.abc import Callable

from tests.drawn_programs.running import Line
from tests.drawn_programs.values import DTYPES, FLOATS, Draw, dtype_of

Drawn = Line | None
Drawing = Callable[[Draw], Drawn]


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
            dtype = d.one("", "", f", dtype=L.{d.one(*(FLOATS if name == 'linspace' else DTYPES))}")
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


RANDOM = (
    "bernoulli", "empty", "empty_like", "normal", "rand", "rand_like", "randint", "randn", "randn_like", "randperm",
)  # fmt: skip


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


def as_dtype(d: Draw, name: str) -> Drawn:
    """A dtype, by its name in the package."""
    target, x = d.variable(), d.tensor()
    return Line(f"{target} = {x}.to(L.{name})", name=name, targets=(target,))


def of_array(d: Draw) -> Drawn:
    target, dtype = d.variable(), d.one(*DTYPES)
    values = d.numbers(d.shape(2), dtype)
    return Line(f"{target} = L.from_numpy(np.array({values!r}, np.{dtype}))", name="from_numpy", targets=(target,))


def asked(d: Draw, name: str) -> Drawn:
    """A question about tensors in general."""
    target = d.variable()
    text = {
        "is_tensor": f"L.is_tensor({d.one(d.tensor(), '1.0')})",
        "is_grad_enabled": "L.is_grad_enabled()",
        "device": "L.device('cpu')",
        "cuda": "L.cuda.is_available()",
    }[name]
    return Line(f"{target} = {text}", name=name, targets=(target,))
