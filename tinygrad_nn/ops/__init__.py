"""The primitives: a table of operations, each forward rule beside its backward rules.

`TABLE` holds every primitive by name, so that tests and tools can enumerate them. What is not a
primitive (`mean`, `matmul` of any rank, `gelu`, the losses) is composed of primitives.
"""

import sys

from ..core.primitive import (
    EachInput,
    Primitive,
)
from .conv import (
    avg_pool2d,
    conv1d,
    conv2d,
    fold,
    max_pool2d,
    windows,
)
from .einsum import (
    einsum,
)
from .elementwise import (
    abs,
    add,
    astype,
    bounded,
    clip,
    cos,
    div,
    elu,
    erf,
    exp,
    expm1,
    gelu,
    leaky_relu,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    sqrt,
    sub,
    tanh,
    where,
)
from .linear import (
    linear,
    matmul,
)
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
)
from .reduce import (
    ValuesAndIndices,
    extremes,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    norm,
    softmax,
    std,
    sum,
    var,
)
from .shape import (
    broadcast_to,
    concatenate,
    flatten,
    getitem,
    one_hot,
    pad,
    permute,
    picked,
    reshape,
    scatter,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    unsqueeze,
)

_MODULES = ("conv", "einsum", "elementwise", "linear", "losses", "reduce", "shape")
TABLE: dict[str, Primitive] = {
    value.name: value
    for name in _MODULES
    for value in vars(sys.modules[f"{__name__}.{name}"]).values()
    if isinstance(value, Primitive)
}

__all__ = [
    "TABLE",
    "EachInput",
    "Primitive",
    "ValuesAndIndices",
    "abs",
    "add",
    "astype",
    "avg_pool2d",
    "binary_cross_entropy_with_logits",
    "bounded",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "cos",
    "cross_entropy",
    "div",
    "einsum",
    "elu",
    "erf",
    "exp",
    "expm1",
    "extremes",
    "flatten",
    "fold",
    "gelu",
    "getitem",
    "leaky_relu",
    "linear",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "neg",
    "norm",
    "one_hot",
    "pad",
    "permute",
    "picked",
    "pow",
    "relu",
    "reshape",
    "scatter",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "swapaxes",
    "tanh",
    "transpose",
    "unsqueeze",
    "var",
    "where",
    "windows",
]
