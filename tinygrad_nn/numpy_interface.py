"""NumPy's functions on Tensors: those that have a counterpart here are it, the others say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from . import creation, ops
from .tensor import Tensor

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
COMPARISONS: dict[Any, Callable[[Tensor, Any], Tensor]] = {
    np.equal: lambda a, b: a == b,
    np.not_equal: lambda a, b: a != b,
    np.less: lambda a, b: a < b,
    np.less_equal: lambda a, b: a <= b,
    np.greater: lambda a, b: a > b,
    np.greater_equal: lambda a, b: a >= b,
}
# Those whose arguments are called the same here and there, and `ddof`, which is `correction` here.
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: lambda x, axis=None, keepdims=False: x.sum(axis, keepdims),
    np.mean: lambda x, axis=None, keepdims=False: x.mean(axis, keepdims),
    np.max: lambda x, axis=None, keepdims=False: x.max(axis=axis, keepdims=keepdims),
    np.min: lambda x, axis=None, keepdims=False: x.min(axis=axis, keepdims=keepdims),
    np.var: lambda x, axis=None, ddof=0, keepdims=False: x.var(axis, correction=ddof, keepdims=keepdims),
    np.std: lambda x, axis=None, ddof=0, keepdims=False: x.std(axis, correction=ddof, keepdims=keepdims),
    np.argmax: lambda x, axis=None: x.argmax(axis),
    np.argmin: lambda x, axis=None: x.argmin(axis),
    np.linalg.norm: lambda x, axis=None, keepdims=False: x.norm(axis=axis, keepdims=keepdims),
    np.reshape: lambda x, shape: x.reshape(shape),
    np.transpose: lambda x, axes=None: x.T if axes is None else x.permute(axes),
    np.swapaxes: lambda x, axis1, axis2: x.swapaxes(axis1, axis2),
    np.squeeze: lambda x, axis=None: x.squeeze(axis),
    np.expand_dims: lambda x, axis: x.unsqueeze(axis),
    np.broadcast_to: lambda x, shape: x.broadcast_to(shape),
    np.clip: lambda x, a_min=None, a_max=None: x.clip(a_min, a_max),
    np.concatenate: lambda parts, axis=0: ops.concatenate(parts, axis),
    np.stack: lambda parts, axis=0: ops.stack(parts, axis),
    np.pad: lambda x, pad_width: ops.pad(x, np.broadcast_to(pad_width, (x.ndim, 2)).tolist()),
    np.zeros_like: creation.zeros_like,
    np.ones_like: creation.ones_like,
    np.where: lambda condition, a, b: ops.where(condition, a, b),
    np.dot: lambda a, b: ops.matmul(a, b),
    np.einsum: lambda subscripts, *operands: ops.einsum(subscripts, *operands),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
}


def ufunc(function: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy asks a Tensor when one of its ufuncs meets one."""
    if method != "__call__" or function not in UFUNCS.keys() | COMPARISONS.keys():
        _refuse(function.__name__ if method == "__call__" else f"{function.__name__}.{method}")
    if kwargs.pop("out", None) is not None:
        raise TypeError(f"np.{function.__name__}(out=...) would hide a Tensor in an array: use the result instead")
    if kwargs:
        raise TypeError(f"np.{function.__name__} on Tensors takes no {', '.join(kwargs)}")
    if function in COMPARISONS:
        a, b = inputs
        return COMPARISONS[function](a if isinstance(a, Tensor) else Tensor(a), b)
    return getattr(ops, UFUNCS[function])(*inputs)


def function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy asks a Tensor when another of its functions meets one."""
    if function not in FUNCTIONS:
        _refuse(function.__name__)
    return FUNCTIONS[function](*args, **kwargs)


def _refuse(name: str) -> NoReturn:
    raise TypeError(f"np.{name} has no counterpart with a gradient: use .detach().numpy() for the values alone")
