"""What PyTorch or NumPy has and this library has not, or under another name: what is said to who asks for it."""

from __future__ import annotations

from typing import Any

_SCATTER = "ops.scatter adds values at an index into zeros, and one_hot() makes rows with a 1"
_VALUES = "x.numpy(force=True) is an array, for NumPy's functions of the values"
_INVERSE = "it has no gradient here: np.linalg has it for the values, x.numpy(force=True)"
_IN_PLACE = (
    *(
        "abs",
        "ceil",
        "cos",
        "exp",
        "expm1",
        "floor",
        "log",
        "neg",
        "reciprocal",
        "relu",
        "round",
        "rsqrt",
        "sigmoid",
        "sin",
    ),
    *("sqrt", "square", "tanh", "trunc"),
)
_DRAWN = "nn.init fills tensors with drawn numbers"
ELSEWHERE = {
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
    **{f"{name}_": f"x[...] = x.{name}()" for name in _IN_PLACE},
}


class Absent:
    """A name that PyTorch has and that is not here: to ask for it is an AttributeError that says what to use."""

    def __init__(self, name: str, words: str) -> None:
        self.name, self.words = name, words

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(f"a Tensor has no {self.name!r}: {self.words}")


ABSENT = {name: Absent(name, words) for name, words in ELSEWHERE.items()}
