"""PyTorch's names for what this library calls otherwise, or composes of what it has.

Nothing here has a gradient of its own. A Tensor looks here for a name that it has not itself (`TensorNames`), and the
package for a function (`top`), when somebody asks, by `lookup`; nothing is loaded before.
"""

from __future__ import annotations

from builtins import bool as bool_  # the class has one of its own

from ..tensor import Tensor
from . import copies, matrices, pointwise, reductions, selection, shape


class TensorNames:
    """The methods that a Tensor finds here: each is the function of that name, which takes the tensor first."""

    # shape and order
    view = shape.view
    view_as = shape.view_as
    reshape_as = shape.view_as
    numel = shape.numel
    nelement = shape.numel
    dim = shape.dim
    ndimension = shape.dim
    t = shape.t
    expand = shape.expand
    expand_as = shape.expand_as
    repeat = shape.repeat
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
    swapdims = Tensor.swapaxes
    flip = shape.flip
    roll = shape.roll
    tril = shape.tril
    triu = shape.triu
    diag = shape.diag
    diagonal = shape.diagonal
    trace = shape.trace
    contiguous = shape.contiguous
    is_contiguous = shape.is_contiguous
    clone = shape.clone

    # elements by index, mask or size
    gather = selection.gather
    take_along_dim = selection.take_along_dim
    index_select = selection.index_select
    masked_select = selection.masked_select
    masked_fill = selection.masked_fill
    nonzero = selection.nonzero
    sort = selection.sort
    argsort = selection.argsort
    topk = selection.topk

    # many to one
    amax = reductions.amax
    amin = reductions.amin
    prod = reductions.prod
    cumsum = reductions.cumsum
    cumprod = reductions.cumprod
    count_nonzero = reductions.count_nonzero
    equal = reductions.equal
    isclose = reductions.isclose
    allclose = reductions.allclose

    # each element
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

    # matrices
    mm = matrices.mm
    bmm = matrices.bmm
    mv = matrices.mv
    addmm = matrices.addmm
    outer = matrices.outer

    # dtypes and devices
    to = copies.to
    type_as = copies.type_as
    double = copies.to_double
    float = copies.to_float
    half = copies.to_half
    long = copies.to_long
    int = copies.to_int
    bool = copies.to_bool
    cpu = copies.cpu
    cuda = copies.cuda
    is_floating_point = copies.is_floating_point
    new_tensor = copies.new_tensor
    new_zeros = copies.new_zeros
    new_ones = copies.new_ones
    new_full = copies.new_full

    # in place
    add_ = copies.add_
    sub_ = copies.sub_
    mul_ = copies.mul_
    div_ = copies.div_
    clamp_ = copies.clamp_
    masked_fill_ = copies.masked_fill_
    fill_ = copies.fill_
    zero_ = copies.zero_
    copy_ = copies.copy_

    @property
    def device(self) -> str:
        """Where the tensor is: "cpu"."""
        return copies.CPU

    @property
    def is_cuda(self) -> bool_:
        """False: there is no other device than the CPU."""
        return False
