"""Arguments for a public function, drawn as text.

Most are drawn by the names of its parameters, which are PyTorch's: whatever is called `dim` is an axis. So a function
that is new is drawn without a word here, if its parameters have known names. BY_HAND is for those whose arguments
must fit together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tests.drawn_programs.values import DTYPES, FLOATS, Draw, dtype_of

Drawer = Callable[[Draw, Any], "str | None"]  # from PyTorch's tensor that the function is about to the arguments' text


# --- by the name of the parameter

BOOLEANS = {
    "keepdim", "keepdims", "unbiased", "descending", "stable", "largest", "sorted", "as_tuple", "copy", "equal_nan",
    "requires_grad", "non_blocking", "inplace", "log_target", "full", "log_input",
}  # fmt: skip


def axes(d: Draw, x: Any, several: bool, some: int) -> str:
    if not several or d.chance(0.75) or not x.ndim:
        return d.axis(x.ndim)
    chosen = d.some(range(-x.ndim, x.ndim), some) if d.chance(0.1) else d.some(range(x.ndim), some)
    return str(tuple(chosen)) if d.chance(0.8) else str(chosen)


PARAMETERS: dict[str, Drawer] = {
    **dict.fromkeys(BOOLEANS, lambda d, x: str(d.chance(0.5))),
    **dict.fromkeys(("dim0", "dim1", "dim2", "axis0", "axis1", "start_dim", "end_dim"), lambda d, x: d.axis(x.ndim)),
    **dict.fromkeys(("other", "exponent"), lambda d, x: d.operand(x)),
    **dict.fromkeys(("alpha", "value", "fill_value"), lambda d, x: d.one("2", "0.5", "-1.5", "1", "0.3")),
    **dict.fromkeys(("diagonal", "offset"), lambda d, x: str(d.between(-2, 2))),
    **dict.fromkeys(("negative_slope", "lambd"), lambda d, x: str(d.one(0.01, 0.2, 0.5, 0, 1.0))),
    "approximate": lambda d, x: repr(d.one("none", "tanh")),
    "beta": lambda d, x: str(d.one(1.0, 0.5, 2)),
    "chunks": lambda d, x: str(d.between(1, 4)),
    "correction": lambda d, x: str(d.one(0, 1, 2, 1.5)),
    "decimals": lambda d, x: str(d.between(-1, 3)),
    "dtype": lambda d, x: f"L.{d.one(*FLOATS) if d.chance(0.8) else d.one(*DTYPES)}",
    "k": lambda d, x: str(d.between(0, 3)),
    "mask": lambda d, x: d.operand(x, ("bool",), 0),
    "max": lambda d, x: "None" if d.chance(0.1) else d.operand(x, scalars=0.7),
    "min": lambda d, x: "None" if d.chance(0.1) else d.operand(x, scalars=0.7),
    "p": lambda d, x: d.one("0", "1", "2", "3", "inf", "-inf", "1.5", "2.0", "'fro'", "-1"),
    "rounding_mode": lambda d, x: d.one("None", "'floor'", "'trunc'"),
    "rtol": lambda d, x: d.one("1e-5", "0.1", "0"),
    "atol": lambda d, x: d.one("1e-8", "0.1", "0"),
    "threshold": lambda d, x: str(d.one(20, 1, 0.5)),
    "reduction": lambda d, x: repr(d.one("mean", "sum", "none")),
    "eps": lambda d, x: d.one("1e-5", "1e-8", "0.1"),
    "delta": lambda d, x: d.one("1.0", "0.5", "2"),
    "indexing": lambda d, x: repr(d.one("ij", "xy")),
}
AXES = {"dim", "axis"}

# Those that are not drawn, and why.
NOT_DRAWN_PARAMETERS = {
    "device": "there is one",
    "force": "its result is an array",
    "rng": "NumPy's generators are not PyTorch's",
}

PYTORCHS = {"axis": "dim", "keepdims": "keepdim", "axis0": "dim0", "axis1": "dim1"}


def by_signature(d: Draw, x: Any, function: Any, skip: int = 0) -> tuple[str, str] | None:
    """Arguments here and in PyTorch; None where a parameter that must be given has no known name."""
    here: list[str] = []
    there: list[str] = []
    positional, taken = True, set()
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        name, needed = parameter.name, parameter.default is inspect.Parameter.empty
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        if not known(parameter):
            if needed:
                return None
            positional = False
            continue
        if (not needed and not d.chance(0.35)) or PYTORCHS.get(name, name) in taken:
            positional = False
            continue
        if parameter.kind == parameter.KEYWORD_ONLY or not d.chance(0.75):
            positional = False
        value = argument(d, x, parameter, positional)
        if value is None:
            return None
        taken.add(PYTORCHS.get(name, name))
        here.append(value if positional else f"{name}={value}")
        there.append(value if positional else f"{PYTORCHS.get(name, name)}={value}")
    return ", ".join(here), ", ".join(there)


def known(parameter: inspect.Parameter) -> bool:
    return parameter.name in PARAMETERS or parameter.name in AXES


def argument(d: Draw, x: Any, parameter: inspect.Parameter, positional: bool) -> str | None:
    if parameter.name in AXES:
        several = any(kind in str(parameter.annotation) for kind in ("Axis", "tuple", "Any"))
        # axis=() is NumPy's, no axis at all; everywhere else () is PyTorch's, which are all.
        return axes(d, x, several, 0 if positional or parameter.name == "dim" else 1)
    return PARAMETERS[parameter.name](d, x)


# --- by hand


def listed(d: Draw, values: Any) -> str:
    """Several numbers: as arguments, as a tuple or as a list."""
    inside = ", ".join(map(str, values))
    return d.one(inside, f"({inside},)" if inside else "()", f"[{inside}]")


def factors(d: Draw, n: int) -> list[int]:
    """Lengths of axes with n elements together."""
    if n == 0:
        return [0, *([d.between(1, 3)] if d.chance(0.5) else [])]
    found = []
    while n > 1:
        found.append(d.one(*(i for i in range(2, n + 1) if n % i == 0)))
        n //= found[-1]
    for _ in range(d.between(0, 2)):
        found.insert(d.between(0, len(found)), 1)
    return found


def another_shape(d: Draw, x: Any) -> str:
    shape: list[int] = factors(d, x.numel())
    if shape and d.chance(0.3):
        shape[d.between(0, len(shape) - 1)] = -1
    if d.chance(0.03):
        shape.append(2)
    return listed(d, shape) if shape else "()"


def larger_shape(d: Draw, x: Any) -> str:
    shape = [d.between(1, 3) if n == 1 and d.chance(0.7) else -1 if d.chance(0.15) else n for n in x.shape]
    shape = [d.between(1, 2) for _ in range(d.between(0, 1))] + shape
    return listed(d, shape) if shape else "()"


def counts(d: Draw, x: Any) -> str:
    extra = d.between(0, 1) if d.chance(0.3) else 0
    return listed(d, [d.between(0, 2) if d.chance(0.2) else d.between(1, 2) for _ in range(x.ndim + extra)]) or "1"


def order(d: Draw, x: Any) -> str:
    places = d.random.sample(range(x.ndim), x.ndim)
    places = [p - x.ndim if d.chance(0.2) else p for p in places]
    if d.chance(0.03) and places:
        places[0] = d.between(-x.ndim - 1, x.ndim)
    return listed(d, places) if places else "()"


def parts(d: Draw, x: Any, one_size: bool = True) -> str:
    axis = d.between(0, max(x.ndim - 1, 0))
    n = x.shape[axis] if x.ndim else 1
    sizes = [n // 2, n - n // 2] if d.chance(0.8) else [n, 1]
    size = str(d.between(1, 3)) if one_size and d.chance(0.5) else str(sizes)
    return f"{size}, {d.one('', 'dim=')}{axis if d.chance(0.7) else axis - x.ndim}"


def moved(d: Draw, x: Any) -> str:
    n = d.between(0, x.ndim)
    if n < 2 and d.chance(0.7):
        return f"{d.axis(x.ndim)}, {d.axis(x.ndim)}"
    return f"{tuple(d.random.sample(range(x.ndim), n))}, {tuple(d.random.sample(range(-x.ndim, 0), n))}"


def indices(d: Draw, shape: Any, n: int) -> str:
    """A tensor of whole numbers that count from 0 to below n."""
    low, high = (0, n - 1) if n and not d.chance(0.04) else (-1, n)
    return d.new(shape, "int64", False, low, high)


def gathered(d: Draw, x: Any) -> str:
    axis = d.between(0, max(x.ndim - 1, 0))
    shape = [d.between(1, 4) if i == axis else d.between(1, n) if n else 0 for i, n in enumerate(x.shape)]
    return f"{axis if d.chance(0.7) else axis - max(x.ndim, 1)}, {indices(d, shape, x.shape[axis] if x.ndim else 1)}"


def taken_along(d: Draw, x: Any) -> str:
    axis = d.between(0, max(x.ndim - 1, 0))
    if d.chance(0.3):
        return indices(d, [d.between(1, 4)], x.numel())
    shape = [d.between(1, 4) if i == axis else d.one(1, n) for i, n in enumerate(x.shape)]
    return f"{indices(d, shape, x.shape[axis] if x.ndim else 1)}, {d.one('', 'dim=')}{axis}"


def selected(d: Draw, x: Any) -> str:
    axis = d.between(0, max(x.ndim - 1, 0))
    shape = [d.between(0, 4)] if d.chance(0.9) else []
    return f"{axis}, {indices(d, shape, x.shape[axis] if x.ndim else 1)}"


def one_part(d: Draw, x: Any) -> str:
    axis = d.axis(x.ndim)
    return f"{axis}, {d.between(-4, 4)}"


def narrowed(d: Draw, x: Any) -> str:
    axis = d.between(0, max(x.ndim - 1, 0))
    n = x.shape[axis] if x.ndim else 1
    start = d.between(0, n)
    return f"{axis}, {start - n if d.chance(0.2) else start}, {d.between(0, n - start)}"


def rolled(d: Draw, x: Any) -> str:
    if d.chance(0.3):
        return str(d.between(-4, 4))
    dims = d.some(range(x.ndim), 1)
    if len(dims) == 1 and d.chance(0.7):
        return f"{d.between(-4, 4)}, {dims[0]}"
    return f"{tuple(d.between(-3, 3) for _ in dims)}, {tuple(dims)}"


def repeated(d: Draw, x: Any) -> str:
    if d.chance(0.3):
        return str(d.between(0, 3))
    axis = d.between(0, max(x.ndim - 1, 0))
    if d.chance(0.5) or not x.ndim:
        return f"{d.between(0, 3)}, {d.one('', 'dim=')}{axis}"
    return f"{d.new([x.shape[axis]], 'int64', False, 0, 3)}, dim={axis}"


def unflattened(d: Draw, x: Any) -> str:
    axis = d.between(0, max(x.ndim - 1, 0))
    sizes = factors(d, x.shape[axis] if x.ndim else 1) or [1]
    if d.chance(0.3):
        sizes[0] = -1
    return f"{axis}, {tuple(sizes)}"


def matrix(d: Draw, rows: int, x: Any) -> str:
    return d.tensor([rows, d.between(1, 3)], (dtype_of(x),))


def product(d: Draw, x: Any) -> str:
    """What may stand behind `x @`."""
    if not x.ndim:
        return d.operand(x, scalars=0)
    n = x.shape[-1]
    batch = [m if d.chance(0.7) else 1 for m in x.shape[:-2]][d.between(0, 1) :]
    shape = d.one([n], [n, d.between(1, 3)], [*batch, n, d.between(1, 3)])
    if d.chance(0.03):
        shape = [n + 1, 2]
    return d.tensor(shape, (dtype_of(x),) if d.chance(0.93) else ())


def added_product(d: Draw, x: Any) -> str:
    n = x.shape[-1] if x.ndim else 2
    factors = f"{d.tensor([d.between(1, 3), 2], (dtype_of(x),))}, {d.tensor([2, n], (dtype_of(x),))}"
    number = str(d.one(0.5, 2, -1.0, 0) if dtype_of(x) in FLOATS else d.between(-2, 2))
    return factors + d.one("", f", beta={number}", f", alpha={number}")


def new_dtype(d: Draw, x: Any) -> str:
    if d.chance(0.2):
        return d.tensor()
    if d.chance(0.15):
        return d.one("'cpu'", f"'cpu', L.{d.one(*FLOATS)}", f"device='cpu', dtype=L.{d.one(*DTYPES)}")
    return f"{d.one('', 'dtype=')}L.{d.one(*DTYPES)}" + d.one("", "", ", copy=True")


def a_shape(d: Draw, x: Any) -> str:
    return listed(d, d.shape() or (1,)) + d.one("", "", f", dtype=L.{d.one(*DTYPES)}")


BY_HAND: dict[str, Drawer] = {
    "addmm": lambda d, x: added_product(d, x),
    "bmm": lambda d, x: d.tensor([x.shape[0], x.shape[2], 2], (dtype_of(x),)) if x.ndim == 3 else None,
    "broadcast_to": larger_shape,
    "copy_": lambda d, x: d.operand(x, scalars=0),
    "dot": lambda d, x: d.tensor(x.shape, (dtype_of(x),)) if x.ndim == 1 else None,
    "equal": lambda d, x: d.operand(x, scalars=0),
    "expand": larger_shape,
    "expand_as": lambda d, x: d.operand(x, scalars=0),
    "fill_": lambda d, x: d.scalar(),
    "flip": lambda d, x: listed(d, d.some(range(-x.ndim, 0)) if d.chance(0.5) else d.some(range(x.ndim))) or "()",
    "gather": gathered,
    "index_select": selected,
    "logaddexp": lambda d, x: d.operand(x, scalars=0),
    "logical_and": lambda d, x: d.operand(x, scalars=0),
    "logical_or": lambda d, x: d.operand(x, scalars=0),
    "logical_xor": lambda d, x: d.operand(x, scalars=0),
    "isclose": lambda d, x: d.operand(x, (dtype_of(x),), 0) + d.one("", ", equal_nan=True", ", rtol=0.1, atol=0"),
    "allclose": lambda d, x: d.operand(x, (dtype_of(x),), 0) + d.one("", ", equal_nan=True", ", rtol=0.1, atol=0"),
    "masked_fill": lambda d, x: f"{d.operand(x, ('bool',), 0)}, {d.scalar()}",
    "masked_fill_": lambda d, x: f"{d.operand(x, ('bool',), 0)}, {d.scalar()}",
    "matmul": product,
    "max": lambda d, x: extreme(d, x),
    "min": lambda d, x: extreme(d, x),
    "maximum": lambda d, x: d.operand(x, scalars=0),
    "minimum": lambda d, x: d.operand(x, scalars=0),
    "mm": lambda d, x: matrix(d, x.shape[1], x) if x.ndim == 2 else None,
    "moveaxis": moved,
    "movedim": moved,
    "mv": lambda d, x: d.tensor([x.shape[1]], (dtype_of(x),)) if x.ndim == 2 else None,
    "narrow": narrowed,
    "new_full": lambda d, x: f"{d.shape()}, {d.scalar()}" + d.one("", f", dtype=L.{d.one(*DTYPES)}"),
    "new_ones": a_shape,
    "new_zeros": a_shape,
    "new_tensor": lambda d, x: str(d.numbers(d.shape(2), d.one("float64", "int64"))),
    "outer": lambda d, x: d.tensor([d.between(1, 3)]) if x.ndim == 1 else None,
    "permute": order,
    "repeat": counts,
    "repeat_interleave": repeated,
    "reshape": another_shape,
    "reshape_as": lambda d, x: d.existing(lambda t: t.numel() == x.numel()),
    "roll": rolled,
    "select": one_part,
    "size": lambda d, x: "" if d.chance(0.5) else d.axis(x.ndim),
    "split": parts,
    "split_with_sizes": lambda d, x: parts(d, x, one_size=False),
    "take_along_dim": taken_along,
    "tile": counts,
    "to": new_dtype,
    "topk": lambda d, x: (
        f"{d.between(0, x.shape[-1] if x.ndim else 1)}" + d.one("", ", -1", ", largest=False", ", sorted=True")
    ),
    "type_as": lambda d, x: d.tensor(),
    "unflatten": unflattened,
    "view": another_shape,
    "view_as": lambda d, x: d.existing(lambda t: t.numel() == x.numel()),
    "where": lambda d, x: f"{d.operand(x, ('bool',), 0)}, {d.operand(x)}",
    "split_sizes": parts,
}


def extreme(d: Draw, x: Any) -> str:
    """`max` has three meanings: of all, along one axis with indices, and of two tensors."""
    way = d.between(0, 2)
    if way == 0:
        return ""
    if way == 1:
        return d.one("", "dim=") + d.axis(x.ndim) + d.one("", ", keepdim=True")
    return d.operand(x, scalars=0)
