"""How each primitive is said in ONNX: a function from a step of the export to the name of its value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...core.node import Array
from .runs import Batch, Dimension, Unfit, same
from .steps import Step

Translation: TypeAlias = "Callable[[Step], str]"

FIRST, LAST = np.iinfo(np.int64).min, np.iinfo(np.int64).max  # bounds of a slice that has none


def _plain(kind: str, **attributes: Any) -> Translation:
    """Operators that take what the primitive takes, all of the result's dtype."""
    return lambda step: step.node(kind, *step.values(), **attributes)


# --- elementwise


def _log1p(step: Step) -> str:
    """log(u) x / (u - 1) with u = 1 + x rounded: the errors of both cancel (Kahan; Goldberg 1991, theorem 4)."""
    x, one = step.value(0), step.constant(1)
    u = step.node("Add", x, one)
    log = step.node("Log", u)
    exact = step.node("Mul", log, step.node("Div", x, step.node("Sub", u, one)))
    small = step.node("Where", step.node("Equal", u, one), x, exact)
    return step.node("Where", step.node("Greater", x, one), log, small)


def _expm1(step: Step) -> str:
    """2 t / (1 - t) with t = tanh(x / 2), which loses nothing near 0; exp(x) - 1 further out."""
    x, one = step.value(0), step.constant(1)
    t = step.node("Tanh", step.node("Mul", x, step.constant(0.5)))
    near = step.node("Div", step.node("Add", t, t), step.node("Sub", one, t))
    far = step.node("Sub", step.node("Exp", x), one)
    return step.node("Where", step.node("Greater", step.node("Abs", x), one), far, near)


def _clip(step: Step) -> str:
    bounds = [step.attr(name) for name in ("low", "high")]
    return step.node("Clip", step.value(0), *("" if b is None else step.constant(b) for b in bounds))


def _leaky(step: Step) -> str:
    return step.node("LeakyRelu", step.value(0), alpha=float(step.attr("slope")))


def _astype(step: Step) -> str:
    return step.cast(step.value(0, None), step.op.arrays[0].dtype, step.dtype)


def _where(step: Step) -> str:
    a, b = step.value(1), step.value(2)
    if a == b and step.op.arrays[1].shape == step.op.output.shape:
        return a  # the two differ in their gradients alone, as rows that are padding do
    condition = step.value(0, None)
    condition = step.cast(condition, np.asarray(step.op.arrays[0]).dtype, np.dtype(bool))
    return step.node("Where", condition, a, b)


def _logaddexp(step: Step) -> str:
    a, b = step.value(0), step.value(1)
    return step.node("Add", b, step.node("Softplus", step.node("Sub", a, b)))


def _select(step: Step) -> str:
    """Where `keep` holds, else 0: as `Where` of two values, since a product with 0 would make NaN of infinity."""
    keep = step.cast(step.value(1, None), np.asarray(step.op.arrays[1]).dtype, np.dtype(bool))
    return step.node("Where", keep, step.value(0), step.constant(0))


# --- reductions


def _reduction(kind: str) -> Translation:
    def translate(step: Step) -> str:
        x, axes = step.value(0), _axes(step)
        if not axes:
            return x
        return step.node(kind, x, step.constant(axes, np.int64), keepdims=int(step.attr("keepdims")))

    return translate


def _axes(step: Step) -> list[int]:
    axis, ndim = step.attr("axis"), step.op.arrays[0].ndim
    if axis is None:
        return list(range(ndim))
    return sorted(int(a) % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _along(kind: str) -> Translation:
    return lambda step: step.node(kind, step.value(0), axis=int(step.attr("axis")))


# --- products


def _linear(step: Step) -> str:
    return step.node("Gemm", *step.values(), transB=1)


def _einsum(step: Step) -> str:
    """An operand loses the letters along which it is broadcast: ONNX broadcasts only along `...`."""
    inputs, _, output = step.attr("subscripts").partition("->")
    terms = [list(zip(term, step.shape_of(i), strict=True)) for i, term in enumerate(inputs.split(","))]
    longer = {c for term in terms for c, n in term if n != 1}
    values = step.values()
    for i, term in enumerate(terms):
        ones = [axis for axis, (c, n) in enumerate(term) if n == 1 and c in longer]
        if ones:
            values[i] = step.node("Squeeze", values[i], step.constant(ones, np.int64))
            terms[i] = [part for axis, part in enumerate(term) if axis not in ones]
    left = ",".join("".join(c for c, _ in term) for term in terms)
    return step.node("Einsum", *values, equation=f"{left}->{output}")


# --- windows


def _how(step: Step) -> dict[str, Any]:
    """Where windows lie, as ONNX calls it."""
    (top, bottom), (left, right) = step.attr("padding")
    how = {"strides": step.attr("stride"), "pads": [top, left, bottom, right]}
    if "dilation" in step.op.attrs:
        how["dilations"] = step.attr("dilation")
    if "groups" in step.op.attrs:
        how["group"] = step.attr("groups")
    return how


def _conv2d(step: Step) -> str:
    return step.node("Conv", *step.values(), kernel_shape=step.op.arrays[1].shape[2:], **_how(step))


def _conv2d_input(step: Step) -> str:
    how, size = _how(step), step.op.arrays[1].shape[2:]
    (top, left, bottom, right), lengths = how["pads"], step.op.arrays[0].shape[2:]
    # Rows and columns at the end which no window of the forward pass reached.
    beyond = [
        n + padding - (many - 1) * stride - dilation * (k - 1) - 1
        for n, padding, many, stride, dilation, k in zip(
            step.attr("shape"),
            (top + bottom, left + right),
            lengths,
            how["strides"],
            how["dilations"],
            size,
            strict=True,
        )
    ]
    return step.node("ConvTranspose", *step.values(), kernel_shape=size, output_padding=beyond, **how)


def _conv2d_weight(step: Step) -> str:
    """A convolution of the images with the gradients: examples are its channels, stride and dilation are exchanged."""
    how, size, groups = _how(step), step.attr("size"), step.attr("groups")
    turned = []
    for i in (0, 1):
        examples, channels, *lengths = step.shape_of(i)
        each = step.op.arrays[i].shape[1] // groups
        apart = step.reshaped(step.value(i), [examples, groups, each, *lengths])
        # (channels of a group, groups, examples, ...) for the images, (groups, channels, examples, ...) for the filters
        order = [2, 1, 0, 3, 4] if i == 0 else [1, 2, 0, 3, 4]
        moved = step.node("Transpose", apart, perm=order)
        merged = Batch(groups * examples.times) if isinstance(examples, Batch) else groups * examples
        turned.append(step.reshaped(moved, [each, merged, *lengths] if i == 0 else [channels, examples, *lengths]))
    how["strides"], how["dilations"] = how["dilations"], how["strides"]
    found = step.node("Conv", *turned, kernel_shape=step.op.arrays[1].shape[2:], **how)
    ends = (step.constant(v, np.int64) for v in ([0, 0], size, [2, 3]))
    return step.node("Transpose", step.node("Slice", found, *ends), perm=[1, 0, 2, 3])


def _pool(kind: str, **attributes: Any) -> Translation:
    def translate(step: Step) -> str:
        x, shape = step.value(0), step.shape_of(0)
        if len(shape) != 4:
            lead = math.prod(n for n in shape[:-2] if isinstance(n, int))
            times = math.prod(n.times for n in shape[:-2] if isinstance(n, Batch))
            free = [n for n in shape[:-2] if isinstance(n, Batch)]
            x = step.reshaped(x, [Batch(lead * times) if free else lead, 1, *shape[-2:]])
        pooled = step.node(kind, x, kernel_shape=step.attr("size"), **_how(step), **attributes)
        return pooled if len(shape) == 4 else step.reshaped(pooled, step.shape)

    return translate


def _sum_pool2d(step: Step) -> str:
    mean = _pool("AveragePool", count_include_pad=1)(step)
    return step.node("Mul", mean, step.constant(math.prod(step.attr("size"))))


def _windows(step: Step) -> str:
    """Rows, then columns, are gathered into windows: (..., h, i, w, j), and the axes brought into order."""
    x, n = step.value(0), step.op.arrays[0].ndim
    places = _places(step, step.op.output.shape[-4:-2])
    for axis, index in zip((n - 2, n), places, strict=True):
        x = step.node("Gather", x, step.constant(index, np.int64), axis=axis)
    return step.node("Transpose", x, perm=[*range(n - 2), n - 2, n, n - 1, n + 1])


def _fold(step: Step) -> str:
    """A product with matrices of 0 and 1, which say what element of each window is added where."""
    shape = step.attr("shape")
    rows, columns = (
        step.constant(index[..., None] == np.arange(n))
        for index, n in zip(_places(step, step.op.arrays[0].shape[-4:-2]), shape, strict=True)
    )
    return step.node("Einsum", step.value(0), rows, columns, equation="...hwij,hir,wjc->...rc")


def _places(step: Step, many: Sequence[int]) -> list[Array]:
    """Of rows and of columns: the index of each element of each window (many, size)."""
    pairs = zip(many, step.attr("size"), step.attr("stride"), strict=True)
    return [np.arange(n)[:, None] * stride + np.arange(size) for n, size, stride in pairs]


# --- shape


def _reshape(step: Step) -> str:
    return step.reshaped(step.value(0), step.shape)


def _transpose(step: Step) -> str:
    axes = step.attr("axes")
    perm = [int(a) % len(axes) for a in axes]
    return step.node("Transpose", step.value(0), perm=perm) if perm != sorted(perm) else step.value(0)


def _broadcast_to(step: Step) -> str:
    before, shape = step.shape_of(0), step.shape
    for i in range(-len(before), 0):
        shape[i] = 1 if shape[i] == before[i] else shape[i]  # a length that stays need not be known
    return step.expanded(step.value(0), shape)


def _concatenate(step: Step) -> str:
    return step.node("Concat", *step.values(), axis=int(step.attr("axis")))


def _parts(step: Step, shape: Sequence[Dimension], lengths: tuple[Sequence[int], Sequence[int]]) -> list[Any]:
    """An index with a part for each axis of what is indexed, the same in both runs, and None for each new axis.

    What takes all of an axis is slice(None). An array that the model computed is given by its value's name.
    """
    both = []
    for op in (step.op, step.twin):
        index = op.attrs["index"]
        parts = list(index) if isinstance(index, tuple) else [index]
        if any(isinstance(p, list) for p in parts):
            raise Unfit("an index must be an array, not a list")
        taken = sum(np.ndim(p) if _is_mask(p) else p is not None and p is not Ellipsis for p in parts)
        if not any(p is Ellipsis for p in parts):
            parts.append(Ellipsis)
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        both.append([*parts[:at], *[slice(None)] * (len(shape) - taken), *parts[at + 1 :]])
    found: list[Any] = []
    axis = 0
    for a, b in zip(*both, strict=True):
        if isinstance(a, slice) and isinstance(b, slice):
            whole = all(p.indices(n[axis]) == (0, n[axis], 1) for p, n in zip((a, b), lengths, strict=True))
            if not whole and a != b:
                raise Unfit(f"the index {a} was {b} with other inputs")
            found.append(slice(None) if whole else a)
        elif isinstance(a, np.ndarray) and (name := step.made.pair.known(a, b)) is not None:
            found.append(name)
        elif not same(a, b):
            raise Unfit("an index depends on the batch size or on the values")
        else:
            found.append(a)
        axis += np.ndim(a) if _is_mask(a) else a is not None
    return found


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray | np.bool_ | bool) and np.asarray(part).dtype == bool


def _is_all(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


def _getitem(step: Step) -> str:
    x, shape = step.value(0), step.shape_of(0)
    parts = _parts(step, shape, (step.op.arrays[0].shape, step.twin.arrays[0].shape))
    if all(p is None or (isinstance(p, slice | int | np.integer) and not isinstance(p, bool)) for p in parts):
        return _basic(step, x, parts)
    gathered = [i for i, p in enumerate(parts) if not _is_all(p)] if not any(map(_is_mask, parts)) else []
    if len(gathered) == 1:
        index = parts[gathered[0]]
        if not isinstance(index, str):
            index = step.constant(index, np.int64)
        return step.node("Gather", x, index, axis=gathered[0])
    batch, ids, rest = _flat(step, parts, shape)
    flat = step.reshaped(x, [shape[0], rest] if batch else [rest])
    return step.node("Gather", flat, step.constant(ids, np.int64), axis=int(batch))


def _basic(step: Step, x: str, parts: Sequence[Any]) -> str:
    """Slices, single elements and new axes."""
    on_axes = [p for p in parts if p is not None]
    cut = [(axis, p) for axis, p in enumerate(on_axes) if isinstance(p, slice) and not _is_all(p)]
    if cut:
        steps = [1 if p.step is None else int(p.step) for _, p in cut]
        ends = [(0, LAST) if s > 0 else (LAST, FIRST) for s in steps]
        starts = [e[0] if p.start is None else int(p.start) for (_, p), e in zip(cut, ends, strict=True)]
        stops = [e[1] if p.stop is None else int(p.stop) for (_, p), e in zip(cut, ends, strict=True)]
        x = step.node("Slice", x, *(step.constant(v, np.int64) for v in (starts, stops, [a for a, _ in cut], steps)))
    for axis, p in reversed(list(enumerate(on_axes))):
        if not isinstance(p, slice):
            x = step.node("Gather", x, step.constant(int(p), np.int64), axis=axis)
    shown = [p for p in parts if p is None or isinstance(p, slice)]
    new = [i for i, p in enumerate(shown) if p is None]
    return step.unsqueezed(x, new) if new else x


def _flat(step: Step, parts: Sequence[Any], shape: Sequence[Dimension]) -> tuple[bool, Array, int]:
    """An index as the numbers of the elements in row-major order, and how many there are.

    True for an index that takes all of a batch axis: then the numbers are those within one example.
    """
    if any(isinstance(p, str) for p in parts):
        raise Unfit("an index that the model computes can only be the single one")
    batch = bool(shape) and isinstance(shape[0], Batch)
    lengths = [n for n in shape[int(batch) :] if isinstance(n, int)]
    if len(lengths) + batch < len(shape) or (batch and not _is_all(parts[0])):
        raise Unfit("an index selects along the batch axis")
    size = math.prod(lengths)
    ids = np.arange(size).reshape(lengths)[tuple(parts[int(batch) :])]
    if batch:
        two = np.arange(2 * size).reshape(2, *lengths)[tuple(parts)]
        if not np.array_equal(two, np.stack([ids, ids + size])):
            raise Unfit("an index moves the batch axis")
    return batch, ids, size


def _padding(step: Step) -> list[tuple[int, int]] | None:
    """Of a scatter into a larger array: how much it pads each axis; None if it does not only pad."""
    shape = step.shape
    parts = _parts(step, shape, (step.op.output.shape, step.twin.output.shape))
    if len(parts) != len(shape) or not all(isinstance(p, slice) and p.step in (None, 1) for p in parts):
        return None
    if any(isinstance(n, Batch) and not _is_all(p) for n, p in zip(shape, parts, strict=True)):
        return None
    spans = [p.indices(n)[:2] for p, n in zip(parts, step.op.output.shape, strict=True)]
    if tuple(stop - start for start, stop in spans) != step.op.arrays[0].shape:
        return None
    return [(start, n - stop) for (start, stop), n in zip(spans, step.op.output.shape, strict=True)]


def _scatter(step: Step) -> str:
    x, shape = step.value(0), step.shape
    around = _padding(step)
    if around is not None:
        pads = [before for before, _ in around] + [after for _, after in around]
        return step.node("Pad", x, step.constant(pads, np.int64)) if any(pads) else x
    parts = _parts(step, shape, (step.op.output.shape, step.twin.output.shape))
    batch, ids, size = _flat(step, parts, shape)
    # The elements come first and the batch after them, as ScatterND wants it.
    leading = [shape[0]] if batch else []
    x = step.reshaped(step.expanded(x, [*leading, *ids.shape]), [*leading, ids.size])
    zeros = step.expanded(step.constant(0), [size, *leading])
    index = step.constant(ids.reshape(-1, 1), np.int64)
    turned = step.node("Transpose", x, perm=[1, 0]) if batch else x
    filled = step.node("ScatterND", zeros, index, turned, reduction="add")
    return step.reshaped(step.node("Transpose", filled, perm=[1, 0]) if batch else filled, shape)


# --- losses


def _cross_entropy(step: Step) -> str:
    target = step.array(step.op.attrs["target"], step.twin.attrs["target"], np.dtype(np.int64))
    loss = step.node("NegativeLogLikelihoodLoss", step.value(1), target, reduction="sum")
    return step.node("Mul", loss, step.constant(step.attr("scale")))


def _bce_with_logits(step: Step) -> str:
    x, t = step.values()
    each = step.node("Sub", step.node("Softplus", x), step.node("Mul", x, t))
    return step.node("Mul", step.node("ReduceSum", each, keepdims=0), step.constant(step.attr("scale")))


TRANSLATIONS: dict[str, Translation] = {
    "abs": _plain("Abs"),
    "add": _plain("Add"),
    "astype": _astype,
    "bce_with_logits": _bce_with_logits,
    "broadcast_to": _broadcast_to,
    "clip": _clip,
    "concatenate": _concatenate,
    "conv2d": _conv2d,
    "conv2d_input": _conv2d_input,
    "conv2d_weight": _conv2d_weight,
    "cos": _plain("Cos"),
    "cross_entropy": _cross_entropy,
    "div": _plain("Div"),
    "einsum": _einsum,
    "erf": _plain("Erf"),
    "exp": _plain("Exp"),
    "expm1": _expm1,
    "fold": _fold,
    "getitem": _getitem,
    "linear": _linear,
    "log": _plain("Log"),
    "log1p": _log1p,
    "log_softmax": _along("LogSoftmax"),
    "logaddexp": _logaddexp,
    "logsumexp": _reduction("ReduceLogSumExp"),
    "matmul": _plain("MatMul"),
    "max": _reduction("ReduceMax"),
    "max_pool2d": _pool("MaxPool"),
    "maximum": _plain("Max"),
    "min": _reduction("ReduceMin"),
    "minimum": _plain("Min"),
    "mul": _plain("Mul"),
    "neg": _plain("Neg"),
    "pow": _plain("Pow"),
    "leaky_relu": _leaky,
    "relu": _plain("Relu"),
    "reshape": _reshape,
    "scatter": _scatter,
    "sigmoid": _plain("Sigmoid"),
    "sign": _plain("Sign"),
    "sin": _plain("Sin"),
    "softmax": _along("Softmax"),
    "softplus": _plain("Softplus"),
    "sqrt": _plain("Sqrt"),
    "sub": _plain("Sub"),
    "sum": _reduction("ReduceSum"),
    "sum_pool2d": _sum_pool2d,
    "tanh": _plain("Tanh"),
    "transpose": _transpose,
    "select": _select,
    "where": _where,
    "windows": _windows,
}
