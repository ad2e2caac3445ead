"""The primitives: a table of operations, each forward rule beside its backward rules.

`TABLE` holds every primitive by name, so that tests and tools can enumerate them. What is not a
primitive here (`mean`, `min`, `matmul` of any rank, the losses) is composed from primitives.
"""

from .elementwise import (
    abs,
    add,
    astype,
    clip,
    cos,
    div,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    sub,
    tanh,
    where,
)
from .linear import linear, matmul
from .losses import binary_cross_entropy_with_logits, cross_entropy
from .primitive import TABLE, Primitive
from .reduce import log_softmax, max, mean, min, softmax, sum
from .shape import broadcast_to, getitem, reshape, scatter, transpose

__all__ = [
    "TABLE",
    "Primitive",
    "abs",
    "add",
    "astype",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "cos",
    "cross_entropy",
    "div",
    "exp",
    "expm1",
    "getitem",
    "linear",
    "log",
    "log1p",
    "log_softmax",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "mul",
    "neg",
    "pow",
    "relu",
    "reshape",
    "scatter",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "where",
]
