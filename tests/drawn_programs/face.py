"""The public face: every name of the library, found when this is asked for, and how a line with it is drawn."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import tinygrad_nn
from tests.drawn_programs.arguments import BY_HAND, known
from tests.drawn_programs.functional import FUNCTIONAL, INIT, UTILS
from tests.drawn_programs.functions import (
    MADE,
    RANDOM,
    Drawing,
    as_dtype,
    asked,
    chosen,
    drawn_shape,
    dropped,
    grid,
    joined,
    of_array,
    summed,
)
from tests.drawn_programs.lines import (
    PROPERTIES,
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
from tests.drawn_programs.networks import drawn_there
from tinygrad_nn import nn, optim

# Names that are not drawn, and why.
NOT_DRAWN = {
    "Tensor.cuda": "it raises",
    "Tensor.data": "an array here: docs/library.md",
    "Tensor.node": "how this library keeps a graph",
    "AnomalyError": "an exception",
    "Primitive": "a rule of one's own has another form in PyTorch",
    "Tensor": "PyTorch's makes memory that may hold anything: docs/library.md",
    "detect_anomaly": "it looks for NaN, which is drawn",
    "manual_seed": "NumPy's numbers are not PyTorch's",
    "autograd.detect_anomaly": "it looks for NaN, which is drawn",
    "one_hot": "PyTorch's is nn.functional.one_hot",
    "pad": "NumPy's; PyTorch's is nn.functional.pad",
    **dict.fromkeys(
        (
            "nn.ACTIVATIONS",
            "nn.Residual",
            "nn.Summary",
            "nn.elastic_net_penalty",
            "nn.init.BEFORE_ACTIVATION",
            "nn.init.INITIALISERS",
            "nn.init.Initialiser",
            "nn.init.auto",
            "nn.init.fans",
            "nn.l1_penalty",
            "nn.l2_penalty",
            "nn.soft_threshold_",
            "nn.summary",
            "nn.weights",
        ),
        "PyTorch has no such thing",
    ),
    **dict.fromkeys(("nn.load", "nn.save"), "files, in another form"),
    **dict.fromkeys(
        ("nn.Module", "nn.RemovableHandle", "optim.Optimizer", "optim.lr_scheduler.LRScheduler", "optim.LRScheduler"),
        "a base class, drawn in what stands on it",
    ),
    **dict.fromkeys(("nn.ModuleDict", "nn.ParameterList"), "a container without a call of its own"),
}

FIRST = ("self", "input", "tensor", "x", "a")  # what functions call the tensor that they are about
FORMS = {"Tensor": "{x}.{name}({args})", "": "L.{name}({x}, {args})", "nn.functional": "F.{name}({x}, {args})"}


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
        "autograd.": tinygrad_nn.autograd,
        "nn.": nn,
        "nn.functional.": nn.functional,
        "nn.init.": nn.init,
        "nn.utils.": nn.utils,
        "optim.": optim,
        "optim.lr_scheduler.": optim.lr_scheduler,
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


def not_drawn() -> set[str]:
    """Public names that no line has, and no layer, loss, optimiser or schedule of a training."""
    return {full for full, value in public().items() if drawing(full, value) is None and full not in drawn_there()}


JOINED = ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "row_stack")
DERIVATIVES = ("jacobian", "hessian", "hvp", "vjp", "jvp", "value_and_grad")
DTYPE_NAMES = (
    "bool", "double", "float", "float16", "float32", "float64", "half", "int", "int16", "int32", "int64", "int8",
    "long", "short", "uint8",
)  # fmt: skip

BY_HAND_LINES: dict[str, Drawing] = {
    "Tensor.grad": grad_of,
    "Tensor.register_hook": hook,
    "Tensor.retain_grad": retain,
    "Tensor.backward": backward,
    "Tensor.requires_grad_": ask,
    "Tensor.detach": detach,
    "autograd.grad": gradient,
    "autograd.backward": backward,
    "autograd.enable_grad": unrecorded,
    "autograd.no_grad": unrecorded,
    "grad": gradient,
    "no_grad": unrecorded,
    "enable_grad": unrecorded,
    "einsum": summed,
    "meshgrid": grid,
    "where": chosen,
    "from_numpy": of_array,
    **{name: made(name) for name, made in MADE.items()},
    **{name: drawn_shape(f"L.{name}") for name in RANDOM},
    **{name: partial(joined, name=name) for name in JOINED},
    **{name: partial(derivative, name=name) for name in DERIVATIVES},
    **{name: partial(as_dtype, name=name) for name in DTYPE_NAMES},
    **{name: partial(asked, name=name) for name in ("is_tensor", "is_grad_enabled", "device", "cuda")},
    **{f"nn.functional.{name}": partial(dropped, name=name) for name in ("dropout", "dropout2d")},
    **{f"nn.functional.{name}": how for name, how in FUNCTIONAL.items()},
    **{f"nn.init.{name}": how for name, how in INIT.items()},
    **{f"nn.utils.{name}": how for name, how in UTILS.items()},
    **{f"optim.{name}": how for name, how in UTILS.items() if name.startswith("clip")},
}
