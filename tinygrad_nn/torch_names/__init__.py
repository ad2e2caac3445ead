"""PyTorch's names for what this library calls otherwise, or composes of what it has.

Nothing here has a gradient of its own. A Tensor has these methods (`TensorNames`), and the package has functions of
such names (`top`); the files with the functions are loaded when somebody asks for one.
"""

from __future__ import annotations

from builtins import bool as bool_  # the class has one of its own
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

CPU = "cpu"


class Later:
    """A function of a file in this folder, in the place of a method: it takes that place when it is first asked for."""

    def __init__(self, file: str, function: str) -> None:
        self.file, self.function = file, function

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        function: Callable[..., Any] = getattr(import_module(f".{self.file}", __name__), self.function)
        for base in owner.__mro__:
            if vars(base).get(self.name) is self:
                setattr(base, self.name, function)
        return function.__get__(instance, owner)


class File:
    """A file that is not loaded yet: what it has is there `Later`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, function: str) -> Later:
        return Later(self.name, function)


if TYPE_CHECKING:
    from . import copies as _copies
    from . import matrices as _matrices
    from . import pointwise as _pointwise
    from . import reductions as _reductions
    from . import selection as _selection
    from . import shape as _shape
else:
    _copies, _matrices, _pointwise = File("copies"), File("matrices"), File("pointwise")
    _reductions, _selection, _shape = File("reductions"), File("selection"), File("shape")


class TensorNames:
    """The methods that a Tensor has from here: each is a function that takes the tensor first."""

    # shape and order
    view = _shape.view
    view_as = _shape.view_as
    reshape_as = _shape.view_as
    numel = _shape.numel
    nelement = _shape.numel
    dim = _shape.dim
    ndimension = _shape.dim
    t = _shape.t
    expand = _shape.expand
    expand_as = _shape.expand_as
    repeat = _shape.repeat
    tile = _shape.tile
    repeat_interleave = _shape.repeat_interleave
    unbind = _shape.unbind
    chunk = _shape.chunk
    split_with_sizes = _shape.split_with_sizes
    narrow = _shape.narrow
    select = _shape.select
    ravel = _shape.ravel
    unflatten = _shape.unflatten
    movedim = _shape.movedim
    moveaxis = _shape.movedim
    swapdims = _shape.swapdims
    flip = _shape.flip
    roll = _shape.roll
    tril = _shape.tril
    triu = _shape.triu
    diag = _shape.diag
    diagonal = _shape.diagonal
    trace = _shape.trace
    contiguous = _shape.contiguous
    is_contiguous = _shape.is_contiguous
    clone = _shape.clone

    # elements by index, mask or size
    gather = _selection.gather
    take_along_dim = _selection.take_along_dim
    index_select = _selection.index_select
    masked_select = _selection.masked_select
    masked_fill = _selection.masked_fill
    nonzero = _selection.nonzero
    sort = _selection.sort
    argsort = _selection.argsort
    topk = _selection.topk

    # many to one
    amax = _reductions.amax
    amin = _reductions.amin
    prod = _reductions.prod
    cumsum = _reductions.cumsum
    cumprod = _reductions.cumprod
    count_nonzero = _reductions.count_nonzero
    equal = _reductions.equal
    isclose = _reductions.isclose
    allclose = _reductions.allclose

    # each element
    add = _pointwise.add
    sub = _pointwise.sub
    subtract = _pointwise.sub
    mul = _pointwise.mul
    multiply = _pointwise.mul
    div = _pointwise.div
    divide = _pointwise.div
    true_divide = _pointwise.div
    floor_divide = _pointwise.floor_divide
    remainder = _pointwise.remainder
    fmod = _pointwise.fmod
    pow = _pointwise.pow
    neg = _pointwise.neg
    negative = _pointwise.neg
    square = _pointwise.square
    rsqrt = _pointwise.rsqrt
    reciprocal = _pointwise.reciprocal
    floor = _pointwise.floor
    ceil = _pointwise.ceil
    trunc = _pointwise.trunc
    round = _pointwise.round
    frac = _pointwise.frac
    sinh = _pointwise.sinh
    cosh = _pointwise.cosh
    tan = _pointwise.tan
    log2 = _pointwise.log2
    log10 = _pointwise.log10
    exp2 = _pointwise.exp2
    erf = _pointwise.erf
    logaddexp = _pointwise.logaddexp
    clamp = _pointwise.clamp
    clamp_min = _pointwise.clamp_min
    clamp_max = _pointwise.clamp_max
    eq = _pointwise.eq
    ne = _pointwise.ne
    lt = _pointwise.lt
    le = _pointwise.le
    gt = _pointwise.gt
    ge = _pointwise.ge
    isnan = _pointwise.isnan
    isinf = _pointwise.isinf
    isfinite = _pointwise.isfinite
    logical_and = _pointwise.logical_and
    logical_or = _pointwise.logical_or
    logical_xor = _pointwise.logical_xor
    logical_not = _pointwise.logical_not

    # matrices
    mm = _matrices.mm
    bmm = _matrices.bmm
    mv = _matrices.mv
    addmm = _matrices.addmm
    outer = _matrices.outer

    # dtypes and devices
    to = _copies.to
    type_as = _copies.type_as
    double = _copies.to_double
    float = _copies.to_float
    half = _copies.to_half
    long = _copies.to_long
    int = _copies.to_int
    bool = _copies.to_bool
    cpu = _copies.cpu
    cuda = _copies.cuda
    is_floating_point = _copies.is_floating_point
    new_tensor = _copies.new_tensor
    new_zeros = _copies.new_zeros
    new_ones = _copies.new_ones
    new_full = _copies.new_full

    # in place
    add_ = _copies.add_
    sub_ = _copies.sub_
    mul_ = _copies.mul_
    div_ = _copies.div_
    clamp_ = _copies.clamp_
    masked_fill_ = _copies.masked_fill_
    fill_ = _copies.fill_
    zero_ = _copies.zero_
    copy_ = _copies.copy_

    @property
    def device(self) -> str:
        """Where the tensor is: "cpu"."""
        return CPU

    @property
    def is_cuda(self) -> bool_:
        """False: only the CPU is here."""
        return False
