"""PyTorch's functions and dtypes, found as `tinygrad_nn.exp` and the like.

A function that takes a tensor first is the method of that name. The package hands out what `find` makes of it.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import wraps
from typing import Any

import numpy as np

from ..tensors import Tensor
from . import copies, matrices, pointwise, reductions, selection, shape
from .elsewhere import ELSEWHERE

__all__ = [
    "abs",
    "add",
    "addmm",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "bmm",
    "bool",
    "broadcast_to",
    "cat",
    "ceil",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "concat",
    "cos",
    "cosh",
    "count_nonzero",
    "cuda",
    "cumprod",
    "cumsum",
    "detach",
    "device",
    "diag",
    "diagonal",
    "div",
    "divide",
    "dot",
    "double",
    "eq",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "flatten",
    "flip",
    "float",
    "float16",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "gather",
    "ge",
    "gt",
    "half",
    "hstack",
    "index_select",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_floating_point",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "long",
    "lt",
    "masked_fill",
    "masked_select",
    "matmul",
    "max",
    "mean",
    "meshgrid",
    "min",
    "mm",
    "moveaxis",
    "movedim",
    "mul",
    "multiply",
    "mv",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nonzero",
    "norm",
    "numel",
    "outer",
    "permute",
    "pow",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "repeat_interleave",
    "reshape",
    "roll",
    "round",
    "row_stack",
    "rsqrt",
    "select",
    "short",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "sort",
    "split",
    "split_with_sizes",
    "sqrt",
    "square",
    "squeeze",
    "std",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "swapdims",
    "t",
    "take_along_dim",
    "tan",
    "tanh",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unsqueeze",
    "var",
    "vstack",
    "where",
]

# --- methods of a Tensor

abs = Tensor.abs
all = Tensor.all
any = Tensor.any
argmax = Tensor.argmax
argmin = Tensor.argmin
broadcast_to = Tensor.broadcast_to
clip = Tensor.clip
cos = Tensor.cos
detach = Tensor.detach
dot = Tensor.dot
exp = Tensor.exp
expm1 = Tensor.expm1
flatten = Tensor.flatten
log = Tensor.log
log1p = Tensor.log1p
log_softmax = Tensor.log_softmax
logsumexp = Tensor.logsumexp
matmul = Tensor.matmul
max = Tensor.max
mean = Tensor.mean
min = Tensor.min
norm = Tensor.norm
permute = Tensor.permute
relu = Tensor.relu
reshape = Tensor.reshape
sigmoid = Tensor.sigmoid
sign = Tensor.sign
sin = Tensor.sin
softmax = Tensor.softmax
sqrt = Tensor.sqrt
squeeze = Tensor.squeeze
std = Tensor.std
sum = Tensor.sum
swapaxes = Tensor.swapaxes
tanh = Tensor.tanh
transpose = Tensor.transpose
unsqueeze = Tensor.unsqueeze
var = Tensor.var
swapdims = shape.swapdims

# --- methods that a Tensor finds in these files

t = shape.t
numel = shape.numel
tile = shape.tile
repeat_interleave = shape.repeat_interleave
unbind = shape.unbind
chunk = shape.chunk
split_with_sizes = shape.split_with_sizes
narrow = shape.narrow
select = shape.select
ravel = shape.ravel
unflatten = shape.unflatten
movedim = shape.movedim
moveaxis = shape.movedim
flip = shape.flip
roll = shape.roll
tril = shape.tril
triu = shape.triu
diag = shape.diag
diagonal = shape.diagonal
trace = shape.trace
clone = shape.clone
hstack = shape.hstack
vstack = shape.vstack
row_stack = shape.vstack
meshgrid = shape.meshgrid
gather = selection.gather
take_along_dim = selection.take_along_dim
index_select = selection.index_select
masked_select = selection.masked_select
masked_fill = selection.masked_fill
nonzero = selection.nonzero
sort = selection.sort
argsort = selection.argsort
topk = selection.topk
amax = reductions.amax
amin = reductions.amin
prod = reductions.prod
cumsum = reductions.cumsum
cumprod = reductions.cumprod
count_nonzero = reductions.count_nonzero
equal = reductions.equal
isclose = reductions.isclose
allclose = reductions.allclose
add = pointwise.add
sub = pointwise.sub
subtract = pointwise.sub
mul = pointwise.mul
multiply = pointwise.mul
div = pointwise.div
divide = pointwise.div
true_divide = pointwise.div
floor_divide = pointwise.floor_divide
remainder = pointwise.remainder
fmod = pointwise.fmod
pow = pointwise.pow
neg = pointwise.neg
negative = pointwise.neg
square = pointwise.square
rsqrt = pointwise.rsqrt
reciprocal = pointwise.reciprocal
floor = pointwise.floor
ceil = pointwise.ceil
trunc = pointwise.trunc
round = pointwise.round
frac = pointwise.frac
sinh = pointwise.sinh
cosh = pointwise.cosh
tan = pointwise.tan
log2 = pointwise.log2
log10 = pointwise.log10
exp2 = pointwise.exp2
erf = pointwise.erf
logaddexp = pointwise.logaddexp
clamp = pointwise.clamp
clamp_min = pointwise.clamp_min
clamp_max = pointwise.clamp_max
eq = pointwise.eq
ne = pointwise.ne
lt = pointwise.lt
le = pointwise.le
gt = pointwise.gt
ge = pointwise.ge
isnan = pointwise.isnan
isinf = pointwise.isinf
isfinite = pointwise.isfinite
logical_and = pointwise.logical_and
logical_or = pointwise.logical_or
logical_xor = pointwise.logical_xor
logical_not = pointwise.logical_not
mm = matrices.mm
bmm = matrices.bmm
mv = matrices.mv
addmm = matrices.addmm
outer = matrices.outer
device = copies.device
cuda = copies.Cuda
is_tensor = copies.is_tensor
is_floating_point = copies.is_floating_point

# --- functions of several tensors, or of none

cat = shape.cat
concat = shape.cat
split = shape.split
where = selection.where

# --- dtypes: NumPy's

bool = np.dtype(np.bool_)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
short = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int = np.dtype(np.int32)
int64 = np.dtype(np.int64)
long = np.dtype(np.int64)
float16 = np.dtype(np.float16)
half = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float = np.dtype(np.float32)
float64 = np.dtype(np.float64)
double = np.dtype(np.float64)


# Those whose first argument need not be a Tensor.
OTHERS = {
    *("cat", "concat", "cuda", "device", "hstack", "is_tensor", "meshgrid", "pow", "remainder", "row_stack", "vstack"),
    "where",
}


def find(name: str) -> Any:
    """What `tinygrad_nn.name` is: of a function, one that says what it takes if its first argument is not a Tensor."""
    if name not in __all__:
        near = get_close_matches(name, __all__, 3)
        hint = ELSEWHERE.get(name) or (f"{' or '.join(near)}?" if near else "")
        raise AttributeError(f"tinygrad_nn has no {name!r}" + (f": {hint}" if hint else ""))
    value = globals()[name]
    if name in OTHERS or not callable(value):
        return value

    @wraps(value)
    def function(*args: Any, **options: Any) -> Any:
        if not args:
            args = tuple(options.pop(first) for first in ("input", "tensor") if first in options)
        if not args or not isinstance(args[0], Tensor):
            given = type(args[0]).__name__ if args else "nothing"
            raise TypeError(f"{name} takes a Tensor first, not {given}: tensor() makes one of numbers and arrays")
        return value(*args, **options)

    return function
