"""NumPy's functions on Tensors: a call means what it means in NumPy, with gradients, or is refused in words.

A call is bound by NumPy's own signature. The counterpart of a function names the parameters that it carries, as
NumPy names them (the first apart, which is always given); any other is refused as soon as it says something. It may
name what the NumPy in use lacks: parameters come and go with its versions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, NoReturn

import numpy as np

from . import ops
from .numpy_functions import ABSENT, FUNCTIONS, by_value

# Written in C, these have no signature to ask for before NumPy 2.4; einsum's leaves its options out even there.
SIGNATURES: dict[Any, Callable[..., Any]] = {
    np.concatenate: lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": ...,
    np.dot: lambda a, b, out=None: ...,
    np.einsum: lambda *operands, out=None, optimize=False, dtype=None, order="K", casting="safe": ...,
    np.empty_like: lambda prototype, /, dtype=None, order="K", subok=True, shape=None, *, device=None: ...,
    np.inner: lambda a, b, /: ...,
    np.where: lambda condition, x=None, y=None, /: ...,
}
UFUNC_DEFAULTS = {"where": True, "casting": "same_kind", "order": "K", "subok": True, "keepdims": False}  # else None

UFUNCS: dict[Any, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.true_divide: "div",
    np.negative: "neg",
    np.power: "pow",
    np.exp: "exp",
    np.expm1: "expm1",
    np.log: "log",
    np.log1p: "log1p",
    np.sqrt: "sqrt",
    np.sin: "sin",
    np.cos: "cos",
    np.tanh: "tanh",
    np.absolute: "abs",
    np.sign: "sign",
    np.maximum: "maximum",
    np.minimum: "minimum",
    np.matmul: "matmul",
}
# What gives booleans, or takes integers and booleans alone: no gradient is lost, the result is outside the graph.
PREDICATES = {
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
}


def ufunc(function: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy asks a Tensor when one of its ufuncs meets one."""
    if method != "__call__":
        _refuse(f"{full_name(function)}.{method}")
    if function in UFUNCS:
        counterpart = getattr(ops, UFUNCS[function])
    elif function in PREDICATES:
        counterpart = by_value(function)
    else:  # the one within np.clip has its name: array.clip(tensor, 1) calls it
        counterpart = FUNCTIONS.get(getattr(np, function.__name__, None)) or _refuse(full_name(function))
    if kwargs:
        _carried(function, kwargs, UFUNC_DEFAULTS, ())
    return counterpart(*inputs)


def function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy asks a Tensor when another of its functions meets one."""
    if function not in FUNCTIONS:
        _refuse(full_name(function))
    names, defaults, carries = _parameters(function)
    # That the arguments fit the signature, NumPy has made sure of: it binds them itself before it asks.
    given = {**dict(zip(names, (args,) if function is np.einsum else args, strict=False)), **kwargs}
    subject = given.pop(names[0])
    return FUNCTIONS[function](subject, **_carried(function, given, defaults, carries))


@cache
def numpy_signature(function: Any) -> inspect.Signature:
    """The signature of a function of NumPy's."""
    return inspect.signature(SIGNATURES.get(function, function))


@cache
def _parameters(function: Any) -> tuple[Sequence[str], Mapping[str, Any], Collection[str]]:
    """The parameters of a function in NumPy, their defaults, and which of them its counterpart carries."""
    defaults = {p.name: p.default for p in numpy_signature(function).parameters.values()}
    ours = inspect.signature(FUNCTIONS[function]).parameters
    everything = any(p.kind is p.VAR_KEYWORD for p in ours.values())
    return [*defaults], defaults, (defaults.keys() if everything else ours.keys()) - {"out"}


def _carried(
    function: Any, given: Mapping[str, Any], defaults: Mapping[str, Any], carries: Collection[str]
) -> dict[str, Any]:
    """What a call says to the counterpart.

    Raises:
        TypeError: it says what that does not carry.
    """
    said = {parameter: value for parameter, value in given.items() if value is not ABSENT}
    for parameter, value in said.items():
        usual = defaults.get(parameter)
        if parameter in carries or value is usual or (np.isscalar(value) and value == usual):
            continue
        name = full_name(function)
        if parameter == "out":
            raise TypeError(f"{name}(out=...) would hide a Tensor in an array: use the result instead")
        raise TypeError(f"{name} on Tensors does not take {parameter}=: use .detach().numpy() for the values alone")
    return {parameter: value for parameter, value in said.items() if parameter in carries}


def full_name(function: Any) -> str:
    """The name by which users call it: np.linalg.norm."""
    return f"{(getattr(function, '__module__', None) or 'numpy').replace('numpy', 'np', 1)}.{function.__name__}"


def _refuse(name: str) -> NoReturn:
    raise TypeError(f"{name} has no counterpart with a gradient: use .detach().numpy() for the values alone")
