"""How a name is found that a Tensor, or the package, has not itself; and what is said of one that is nowhere."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from ..tensor import Tensor
from . import TensorNames, top

NAMES = {name: value for name, value in vars(TensorNames).items() if not name.startswith("_")}

# What PyTorch, or NumPy, has and this library has not, or under another name.
_SCATTER = "ops.scatter adds values at an index into zeros, and one_hot() makes rows with a 1"
_VALUES = "x.numpy(force=True) is an array, for NumPy's functions of the values"
_INVERSE = "it has no gradient here: np.linalg has it for the values, x.numpy(force=True)"
_DRAWN = "nn.init fills tensors with drawn numbers"
ELSEWHERE = {
    "abs_": "x[...] = x.abs()",
    "acos": "it has no gradient here, unless you give it one by a Primitive",
    "addcdiv": "x + value * a / b",
    "addcmul": "x + value * a * b",
    "angle": "numbers are real here",
    "apply_": "NumPy's functions work on tensors",
    "argwhere": "x.nonzero()",
    "asin": "it has no gradient here, unless you give it one by a Primitive",
    "atan": "it has no gradient here, unless you give it one by a Primitive",
    "atan2": "it has no gradient here, unless you give it one by a Primitive",
    "baddbmm": "x + a @ b",
    "bernoulli_": _DRAWN,
    "bfloat16": "float16, float32 and float64 are there",
    "bincount": _VALUES,
    "cdist": "((a.unsqueeze(-2) - b.unsqueeze(-3)) ** 2).sum(-1).sqrt()",
    "cholesky": _INVERSE,
    "compile": "there is nothing to compile",
    "conj": "numbers are real here",
    "copy": "x.clone()",
    "cov": _VALUES,
    "data_ptr": "x.data is the array",
    "det": _INVERSE,
    "eig": _INVERSE,
    "fill": "x.fill_(value)",
    "grad_fn": "x.node says how it was made, and tinygrad_nn.graph draws it",
    "histc": _VALUES,
    "imag": "numbers are real here",
    "index_add": _SCATTER,
    "index_add_": _SCATTER,
    "index_fill": "x.masked_fill(mask, value)",
    "inference_mode": "no_grad()",
    "inverse": _INVERSE,
    "jit": "there is nothing to compile",
    "kthvalue": "x.sort() has the values in order",
    "lerp": "x + weight * (end - x)",
    "load": "nn.load",
    "logsoftmax": "x.log_softmax()",
    "masked_scatter": "where() with the values in their places",
    "median": _VALUES,
    "mode": _VALUES,
    "nanmean": "x.where(~x.isnan(), 0).sum() / (~x.isnan()).sum()",
    "nansum": "x.where(~x.isnan(), 0).sum()",
    "nbytes": "x.data.nbytes",
    "normal_": _DRAWN,
    "pin_memory": "arrays are in the computer's own memory",
    "put_": "x[index] = values",
    "qr": _INVERSE,
    "quantile": _VALUES,
    "random_": _DRAWN,
    "real": "numbers are real here",
    "resize_": "x.reshape(...)",
    "save": "nn.save",
    "scatter": _SCATTER,
    "scatter_": _SCATTER,
    "scatter_add": _SCATTER,
    "scatter_add_": _SCATTER,
    "set_default_dtype": "dtype= where a tensor is made; float32 is the default",
    "set_grad_enabled": "no_grad() and enable_grad()",
    "share_memory_": "arrays are in the computer's own memory",
    "std_mean": "x.std() and x.mean()",
    "storage": "x.data is the array",
    "svd": _INVERSE,
    "take": "x.reshape(-1)[index]",
    "tensordot": "einsum()",
    "type": "x.dtype, and x.to(dtype)",
    "unfold": "ops.windows cuts windows out of images",
    "uniform_": _DRAWN,
    "unique": _VALUES,
    "values": "max(dim) and sort(dim) have .values, a tensor is its values",
    "var_mean": "x.var() and x.mean()",
    "vmap": "operations broadcast over leading axes",
    "xpu": "there is only the CPU",
}


class NotHere(AttributeError):
    """A name that nothing has. What it says is found when it is read: who asks by `hasattr` need not wait for it."""

    def __init__(self, name: str, of_a_tensor: bool) -> None:
        super().__init__(name, of_a_tensor)

    def __str__(self) -> str:
        name, of_a_tensor = self.args
        owner, known = ("a Tensor", [*dir(Tensor), *NAMES]) if of_a_tensor else ("tinygrad_nn", top.__all__)
        if name in ELSEWHERE:
            return f"{owner} has no {name!r}: {ELSEWHERE[name]}"
        if name.endswith("_") and name[:-1] in known:
            return f"{owner} has no {name!r}, which would be in place: x[...] = x.{name[:-1]}()"
        near = get_close_matches(name, known, 3)
        return f"{owner} has no {name!r}" + (f": {' or '.join(near)}?" if near else "")


def attribute(tensor: Tensor, name: str) -> Any:
    """What a Tensor answers to a name that it has not itself."""
    found = NAMES.get(name)
    if found is None:
        raise NotHere(name, True)
    return found.__get__(tensor, type(tensor))


def function(name: str) -> Any:
    """What the package answers to a name that it has not itself."""
    if name not in top.__all__:
        raise NotHere(name, False)
    return top.checked(name)


def functions() -> list[str]:
    """The names that `function` knows."""
    return top.__all__
